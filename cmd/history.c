/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "records.h"

enum { LIMIT_DEFAULT = 20 };

static enum status show_one(struct app *app, const char *id, struct err *err)
{
	struct migration_record r = { 0 };
	int rc = journal_find(app->journal, id, &r, err);

	if (rc == 0) {
		record_show(app, &r);
		rc = record_show_details(app, &r, err);
		migration_record_clear(&r);
	}
	return err->id ? err->status : rc ? STATUS_USAGE : STATUS_OK;
}

static enum status run(struct app *app, struct err *err)
{
	const char *word = app->opt.words.n ? app->opt.words.v[0] : NULL;
	unsigned limit = app->opt.limit ? app->opt.limit : LIMIT_DEFAULT;
	struct migration_record *v = NULL;
	size_t n = 0;

	if (journal_list(app->journal, word, false, limit, &v, &n, err) < 0)
		return err->status;
	for (size_t i = n; i-- > 0;) /* the newest one last, where the eye is */
		record_show(app, &v[i]);
	journal_list_free(v, n);
	if (!n && word) {
		enum status status = show_one(app, word, err);

		if (status == STATUS_USAGE && !err->id)
			err_set(err, E_GUEST_UNKNOWN, 0, "the journal knows no guest and no migration \"%s\"", word);
		return err->id ? err->status : status;
	}
	return STATUS_OK;
}

static const struct argp_option options[] = {
	{ "limit", OPT_LIMIT, "N", 0, "show at most so many migrations, the newest (20)", 0 },
	{ 0 },
};

const struct command cmd_history = {
	.name = "history",
	.summary = "past migrations of this control machine, or one in detail",
	.args = "[GUEST|MIGRATION]",
	.doc = "Shows what the journal has: the newest migrations, those of one guest, or every effect and event of "
	       "one "
	       "migration.",
	.options = options,
	.max_words = 1,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

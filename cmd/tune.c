/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tune: other limits for a migration that is under way. */
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "cmd.h"

enum { ANSWER_MS = 30000, POLL_US = 100000 };

struct change {
	const char *kind;
	uint64_t value;
};

/* In this order: post-copy last, since nothing else counts afterwards. */
static size_t changes_of(const struct options *o, struct change v[4])
{
	size_t n = 0;

	if (o->max_downtime_given)
		v[n++] = (struct change) { "max-downtime", o->max_downtime_ms };
	if (o->bandwidth_given)
		v[n++] = (struct change) { "bandwidth", o->bandwidth_mib };
	if (o->timeout_given)
		v[n++] = (struct change) { "timeout", o->timeout_s };
	if (o->postcopy)
		v[n++] = (struct change) { "postcopy", 0 };
	return n;
}

/* Waits for the answer of the vmmig that runs it. */
static int wait_answer(struct app *app, const struct migration_record *r, int64_t seq, char **answer, struct err *err)
{
	int64_t until = clock_ms() + ANSWER_MS;

	for (;;) {
		bool gone = migration_process_alive(r) == 0; /* first: it may answer, and go */
		int rc = journal_answer_get(app->journal, seq, answer, err);

		if (rc <= 0)
			return rc;
		if (interrupt_pending())
			return err_set(err, E_CANCELLED, 0, "no longer waiting for the answer");
		if (gone)
			return err_set(err, E_TOO_LATE, 0, "the vmmig that runs it (pid %d) is gone", (int)r->pid);
		if (clock_ms() >= until)
			return err_set(err, E_TIMEOUT, 0, "the vmmig that runs it (pid %d) does not answer",
				       (int)r->pid);
		usleep(POLL_US);
	}
}

static int ask(struct app *app, const struct migration_record *r, const struct change *c, struct err *err)
{
	auto_free char *answer = NULL, *line = NULL;
	int64_t seq = 0;

	if (journal_request(app->journal, r->id, c->kind, c->value, &seq, err) < 0 ||
	    wait_answer(app, r, seq, &answer, err) < 0)
		return -1;
	if (!str_eq(answer, "done"))
		return err_set(err, E_TOO_LATE, 0, "%s: %s", c->kind, answer);
	line = str_printf("%s: done", c->kind);
	app->report.ops->note(&app->report, line);
	return 0;
}

static enum status run(struct app *app, struct err *err)
{
	struct migration_record r = { 0 };
	struct change v[4];
	size_t n = changes_of(&app->opt, v);

	if (!n) {
		err_set(err, E_USAGE, 0, "tune: nothing to change is given");
		err_hint_text(err, "see: vmmig tune --help");
		return err->status;
	}
	if (under_way_find(app, app->opt.words.v[0], &r, err) == 0) {
		app->report.guest = r.guest;
		app->report.migration = r.id;
		if (migration_process_alive(&r) <= 0) {
			err_set(err, E_TOO_LATE, 0, "%s: nobody watches the migration %s from here", r.guest, r.id);
			err_hint(err, "take it over: vmmig recover %s; then tune it", r.guest);
		}
		for (size_t i = 0; i < n && !err->id; i++)
			ask(app, &r, &v[i], err);
		app->report.guest = app->report.migration = NULL;
	}
	migration_record_clear(&r);
	return err->id ? err->status : STATUS_OK;
}

static const struct argp_option options[] = {
	{ "max-downtime", OPT_MAX_DOWNTIME, "MS", 0, "how long the guest may stand still at the switchover, ms", 0 },
	{ "bandwidth", OPT_BANDWIDTH, "MIB", 0, "limit of the data rate, MiB/s; 0: none", 0 },
	{ "timeout", OPT_TIMEOUT, "S", 0, "the deadline, in seconds since it began; 0: none", 0 },
	{ "postcopy", OPT_POSTCOPY, NULL, 0, "switch to post-copy now, if it was begun so that this can be", 0 },
	{ 0 },
};

const struct command cmd_tune = {
	.name = "tune",
	.summary = "change the limits of a migration that is under way",
	.args = "GUEST|MIGRATION",
	.doc = "Changes what a migration may take while it is under way, from another terminal.",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "migrate/purge.h"

#include <string.h>

void quarantined_free(struct quarantined *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].migration);
		free(v[i].guest);
		free(v[i].host);
		free(v[i].path);
	}
	free(v);
}

static int list_one(struct journal *j, const struct migration_record *r, struct quarantined **out, size_t *n,
		    struct err *err)
{
	struct effect_record *v = NULL;
	size_t count = 0;

	if (journal_effects(j, r->id, &v, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct effect_record *e = &v[i];
		struct file_id id;

		if (!str_eq(e->kind, "quarantine") || !e->host || !e->object || !e->result ||
		    !str_starts(e->result, "done ") || file_id_parse(e->result + strlen("done "), &id) < 0)
			continue;
		*ARRAY_ADD(*out, *n) = (struct quarantined) {
			.migration = xstrdup(r->id),
			.guest = xstrdup(r->guest),
			.host = xstrdup(e->host),
			.path = xstrdup(e->object),
			.id = id,
			.at_ms = e->at_ms,
			.effect = e->seq,
		};
	}
	journal_effects_free(v, count);
	return 0;
}

int quarantined_list(struct journal *j, const char *guest, struct quarantined **out, size_t *n, struct err *err)
{
	struct migration_record *v = NULL;
	size_t count = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = journal_list(j, guest, false, 0, &v, &count, err);
	for (size_t i = count; i-- > 0 && rc == 0;)
		rc = list_one(j, &v[i], out, n, err);
	journal_list_free(v, count);
	if (rc < 0) {
		quarantined_free(*out, *n);
		*out = NULL;
		*n = 0;
	}
	return rc;
}

int quarantined_purge(struct journal *j, struct host *h, const struct quarantined *q, const char **why, struct err *err)
{
	enum file_gone gone;

	if (file_remove(h, q->path, q->id, &gone, err) < 0)
		return err_wrap(err, "%s: %s", host_label(h), q->path);
	if (gone != FILE_REMOVED && gone != FILE_ABSENT) {
		*why = file_gone_name(gone);
		return 1;
	}
	if (journal_result(j, q->effect, gone == FILE_REMOVED ? "purged" : "gone: it was not there any more", err) < 0)
		return -1;
	return gone == FILE_REMOVED ? 0 : 2;
}

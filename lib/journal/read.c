/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records coming out. */
#include <stdio.h>

#include "base/str.h"
#include "journal/private.h"

#define MIGRATION_COLUMNS                                                                                         \
	"SELECT id, guest, uuid, mode, source, destination, status, phase, started_ms, ended_ms, pid, pid_start," \
	" control, boot, exit_status, error_id, error_message, total_ms, downtime_ms, bytes,"                     \
	" max_downtime_ms, autostart, new_there, leftover FROM migration"

static enum migration_status status_of(const char *name)
{
	for (int s = MIG_NONE; s <= MIG_CANCELLED; s++)
		if (str_eq(name, migration_status_name((enum migration_status)s)))
			return (enum migration_status)s;
	return MIG_NONE;
}

static void read_migration(sqlite3_stmt *s, struct migration_record *r)
{
	snprintf(r->id, sizeof(r->id), "%s", (const char *)sqlite3_column_text(s, 0));
	r->guest = journal_column_text(s, 1);
	r->uuid = journal_column_text(s, 2);
	r->mode = journal_column_text(s, 3);
	r->from = journal_column_text(s, 4);
	r->to = journal_column_text(s, 5);
	r->status = status_of((const char *)sqlite3_column_text(s, 6));
	r->phase = journal_column_text(s, 7);
	r->started_ms = sqlite3_column_int64(s, 8);
	r->ended_ms = sqlite3_column_int64(s, 9);
	r->pid = (pid_t)sqlite3_column_int64(s, 10);
	r->pid_start = (uint64_t)sqlite3_column_int64(s, 11);
	r->control = journal_column_text(s, 12);
	r->boot = journal_column_text(s, 13);
	r->exit_status = sqlite3_column_int(s, 14);
	r->error_id = journal_column_text(s, 15);
	r->error_message = journal_column_text(s, 16);
	r->total_ms = (uint64_t)sqlite3_column_int64(s, 17);
	r->downtime_ms = (uint64_t)sqlite3_column_int64(s, 18);
	r->bytes = (uint64_t)sqlite3_column_int64(s, 19);
	r->max_downtime_ms = (uint64_t)sqlite3_column_int64(s, 20);
	r->autostart = sqlite3_column_int(s, 21) != 0;
	r->new_there = sqlite3_column_int(s, 22) != 0;
	r->leftover = sqlite3_column_int(s, 23) != 0;
}

void migration_record_clear(struct migration_record *r)
{
	free(r->guest);
	free(r->uuid);
	free(r->mode);
	free(r->from);
	free(r->to);
	free(r->phase);
	free(r->control);
	free(r->boot);
	free(r->error_id);
	free(r->error_message);
	*r = (struct migration_record) { 0 };
}

int journal_list(struct journal *j, const char *guest, bool unfinished, unsigned limit, struct migration_record **out,
		 size_t *n, struct err *err)
{
	static const char sql[] =
		MIGRATION_COLUMNS " WHERE (?1 IS NULL OR guest = ?1 OR uuid = ?1)"
				  " AND (NOT ?2 OR leftover OR ((ended_ms = 0 OR exit_status = 4) AND mode IS NOT "
				  "'recover' AND NOT EXISTS ("
				  "SELECT 1 FROM migration AS later WHERE later.uuid = migration.uuid"
				  " AND later.started_ms > migration.started_ms AND later.exit_status = 0"
				  /* an act of recover's ends nothing that was killed */
				  " AND (later.mode IS NOT 'recover' OR migration.ended_ms <> 0))))"
				  " ORDER BY started_ms DESC, rowid DESC LIMIT ?3";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);
	struct migration_record *v = NULL;
	size_t count = 0;
	int rc;

	if (!s)
		return -1;
	journal_bind_text(s, 1, guest);
	sqlite3_bind_int(s, 2, unfinished);
	sqlite3_bind_int64(s, 3, limit ? (sqlite3_int64)limit : -1);
	while ((rc = journal_step(j, s, err)) > 0)
		read_migration(s, ARRAY_ADD(v, count));
	if (rc < 0) {
		journal_list_free(v, count);
		return -1;
	}
	*out = v;
	*n = count;
	return 0;
}

void journal_list_free(struct migration_record *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		migration_record_clear(&v[i]);
	free(v);
}

int journal_find(struct journal *j, const char *id, struct migration_record *out, struct err *err)
{
	auto_stmt sqlite3_stmt *s = journal_prepare(j, MIGRATION_COLUMNS " WHERE id = ?1", err);
	int rc;

	if (!s)
		return -1;
	journal_bind_text(s, 1, id);
	rc = journal_step(j, s, err);
	if (rc <= 0)
		return rc < 0 ? -1 : 1;
	*out = (struct migration_record) { 0 };
	read_migration(s, out);
	return 0;
}

static void read_effect(sqlite3_stmt *s, void *row)
{
	*(struct effect_record *)row = (struct effect_record) {
		.seq = sqlite3_column_int64(s, 0),
		.at_ms = sqlite3_column_int64(s, 1),
		.host = journal_column_text(s, 2),
		.kind = journal_column_text(s, 3),
		.object = journal_column_text(s, 4),
		.result = journal_column_text(s, 5),
	};
}

int journal_effects(struct journal *j, const char *migration, struct effect_record **out, size_t *n, struct err *err)
{
	static const char sql[] = "SELECT seq, at_ms, host, kind, object, result FROM effect WHERE migration = ?1"
				  " ORDER BY seq";
	struct journal_rows r;

	if (journal_rows(j, sql, migration, sizeof(**out), read_effect, &r, err) < 0) {
		journal_effects_free(r.v, r.n);
		return -1;
	}
	*out = r.v;
	*n = r.n;
	return 0;
}

void journal_effects_free(struct effect_record *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].host);
		free(v[i].kind);
		free(v[i].object);
		free(v[i].result);
	}
	free(v);
}

static void read_event(sqlite3_stmt *s, void *row)
{
	*(struct event_record *)row = (struct event_record) {
		.at_ms = sqlite3_column_int64(s, 0),
		.text = journal_column_text(s, 1),
	};
}

int journal_events(struct journal *j, const char *migration, struct event_record **out, size_t *n, struct err *err)
{
	static const char sql[] = "SELECT at_ms, text FROM event WHERE migration = ?1 ORDER BY seq";
	struct journal_rows r;

	if (journal_rows(j, sql, migration, sizeof(**out), read_event, &r, err) < 0) {
		journal_events_free(r.v, r.n);
		return -1;
	}
	*out = r.v;
	*n = r.n;
	return 0;
}

void journal_events_free(struct event_record *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].text);
	free(v);
}

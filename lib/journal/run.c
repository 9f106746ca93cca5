/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a migration went: its statistics over time, and what was decided from them. */
#include "base/clock.h"
#include "base/str.h"
#include "journal/private.h"

static int run(struct journal *j, const char *sql, struct err *err)
{
	return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : journal_fail(j, err);
}

static int add_sample(struct journal *j, sqlite3_stmt *s, const char *migration, const struct sample_record *v,
		      struct err *err)
{
	const int64_t numbers[] = {
		v->at_ms,
		(int64_t)v->iteration,
		(int64_t)v->memory_remaining,
		(int64_t)v->memory_processed,
		(int64_t)v->disk_remaining,
		(int64_t)v->disk_processed,
		(int64_t)v->bps,
		(int64_t)v->dirty_bps,
		(int64_t)v->max_downtime_ms,
		v->throttle,
		v->postcopy,
	};

	journal_bind_text(s, 1, migration);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sqlite3_bind_int64(s, (int)i + 2, numbers[i]);
	if (journal_step(j, s, err) < 0)
		return -1;
	sqlite3_reset(s);
	return 0;
}

static int add_samples(struct journal *j, sqlite3_stmt *s, const char *migration, const struct sample_record *v,
		       size_t n, struct err *err)
{
	int rc = 0;

	if (run(j, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_sample(j, s, migration, &v[i], err);
	sqlite3_reset(s);
	if (rc == 0 && run(j, "COMMIT", err) == 0)
		return 0;
	sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

int journal_samples_add(struct journal *j, const char *migration, const struct sample_record *v, size_t n,
			struct err *err)
{
	auto_stmt sqlite3_stmt *s = journal_prepare(
		j, "INSERT INTO sample VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)", err);

	return s ? add_samples(j, s, migration, v, n, err) : -1;
}

static void read_sample(sqlite3_stmt *s, void *row)
{
	*(struct sample_record *)row = (struct sample_record) {
		.at_ms = sqlite3_column_int64(s, 0),
		.iteration = (uint64_t)sqlite3_column_int64(s, 1),
		.memory_remaining = (uint64_t)sqlite3_column_int64(s, 2),
		.memory_processed = (uint64_t)sqlite3_column_int64(s, 3),
		.disk_remaining = (uint64_t)sqlite3_column_int64(s, 4),
		.disk_processed = (uint64_t)sqlite3_column_int64(s, 5),
		.bps = (uint64_t)sqlite3_column_int64(s, 6),
		.dirty_bps = (uint64_t)sqlite3_column_int64(s, 7),
		.max_downtime_ms = (uint64_t)sqlite3_column_int64(s, 8),
		.throttle = sqlite3_column_int(s, 9),
		.postcopy = sqlite3_column_int(s, 10) != 0,
	};
}

int journal_samples(struct journal *j, const char *migration, struct sample_record **out, size_t *n, struct err *err)
{
	static const char sql[] =
		"SELECT at_ms, iteration, memory_remaining, memory_processed, disk_remaining, disk_processed,"
		" bytes_per_s, dirty_bytes_per_s, max_downtime_ms, throttle, postcopy FROM sample WHERE migration = ?1"
		" ORDER BY at_ms, rowid";
	struct journal_rows r;

	if (journal_rows(j, sql, migration, sizeof(**out), read_sample, &r, err) < 0) {
		free(r.v);
		return -1;
	}
	*out = r.v;
	*n = r.n;
	return 0;
}

int journal_decision(struct journal *j, const char *migration, const char *action, uint64_t value, const char *reason,
		     struct err *err)
{
	auto_stmt sqlite3_stmt *s = journal_prepare(j,
						    "INSERT INTO decision (migration, at_ms, action, value, reason)"
						    " VALUES (?1, ?2, ?3, ?4, ?5)",
						    err);

	if (!s)
		return -1;
	journal_bind_text(s, 1, migration);
	sqlite3_bind_int64(s, 2, clock_wall_ms());
	journal_bind_text(s, 3, action);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)value);
	journal_bind_text(s, 5, reason);
	return journal_step(j, s, err);
}

static void read_decision(sqlite3_stmt *s, void *row)
{
	*(struct decision_record *)row = (struct decision_record) {
		.at_ms = sqlite3_column_int64(s, 0),
		.action = journal_column_text(s, 1),
		.value = (uint64_t)sqlite3_column_int64(s, 2),
		.reason = journal_column_text(s, 3),
	};
}

int journal_decisions(struct journal *j, const char *migration, struct decision_record **out, size_t *n,
		      struct err *err)
{
	static const char sql[] = "SELECT at_ms, action, value, reason FROM decision WHERE migration = ?1 ORDER BY seq";
	struct journal_rows r;

	if (journal_rows(j, sql, migration, sizeof(**out), read_decision, &r, err) < 0) {
		journal_decisions_free(r.v, r.n);
		return -1;
	}
	*out = r.v;
	*n = r.n;
	return 0;
}

void journal_decisions_free(struct decision_record *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].action);
		free(v[i].reason);
	}
	free(v);
}

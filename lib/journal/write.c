/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records going in. Each function is one transaction of one statement. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "journal/private.h"

static const char *const status_names[] = {
	[MIG_NONE] = "none",           [MIG_SETUP] = "setup",   [MIG_ACTIVE] = "active",
	[MIG_COMPLETED] = "completed", [MIG_FAILED] = "failed", [MIG_CANCELLED] = "cancelled",
};

const char *migration_status_name(enum migration_status s)
{
	return status_names[s];
}

/*
 * Runs a statement to its end, which is where sqlite commits it. 1: it returned a row, *value is its first column;
 * 0: it returned none; -1: E_JOURNAL, nothing was written.
 */
static int run(struct journal *j, sqlite3_stmt *s, int64_t *value, struct err *err)
{
	int rc = journal_step(j, s, err);

	if (rc <= 0)
		return rc;
	*value = sqlite3_column_int64(s, 0);
	return journal_step(j, s, err) < 0 ? -1 : 1;
}

int journal_change_one(struct journal *j, sqlite3_stmt *s, const char *what, int64_t *value, struct err *err)
{
	int rc = run(j, s, value, err);

	if (rc < 0)
		return -1;
	return rc ? 0 : err_set(err, E_JOURNAL, 0, "journal %s: there is no %s", j->path, what);
}

static void make_id(struct migration_record *r)
{
	time_t seconds = r->started_ms / 1000;
	unsigned char random[3];
	char date[20];
	struct tm tm;

	/* for so few bytes it neither fails nor blocks once the machine is up */
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		memcpy(random, &r->pid_start, sizeof(random));
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	snprintf(r->id, sizeof(r->id), "%s-%02x%02x%02x", date, random[0], random[1], random[2]);
}

/* 1; 0: there is one of this ID; -1: E_JOURNAL. */
static int insert(struct journal *j, const struct migration_record *r, struct err *err)
{
	static const char sql[] = "INSERT INTO migration (id, guest, uuid, mode, source, destination, status, phase, "
				  "started_ms, ended_ms,"
				  " pid, pid_start, control, boot, exit_status, total_ms, downtime_ms, bytes) VALUES"
				  " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11, ?12, ?13, -1, 0, 0, 0)"
				  " ON CONFLICT (id) DO NOTHING RETURNING 1";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);
	int64_t one;

	if (!s)
		return -1;
	journal_bind_text(s, 1, r->id);
	journal_bind_text(s, 2, r->guest);
	journal_bind_text(s, 3, r->uuid);
	journal_bind_text(s, 4, r->mode);
	journal_bind_text(s, 5, r->from);
	journal_bind_text(s, 6, r->to);
	journal_bind_text(s, 7, migration_status_name(r->status));
	journal_bind_text(s, 8, r->phase);
	sqlite3_bind_int64(s, 9, r->started_ms);
	sqlite3_bind_int64(s, 10, r->pid);
	sqlite3_bind_int64(s, 11, (sqlite3_int64)r->pid_start);
	journal_bind_text(s, 12, r->control);
	journal_bind_text(s, 13, r->boot);
	return run(j, s, &one, err);
}

static void ours(struct migration_record *r)
{
	free(r->control);
	free(r->boot);
	r->control = journal_control();
	r->boot = journal_boot();
	r->pid = getpid();
	r->pid_start = journal_pid_start(r->pid);
}

int journal_take_over(struct journal *j, struct migration_record *r, struct err *err)
{
	static const char sql[] = "UPDATE migration SET pid = ?2, pid_start = ?3, control = ?4, boot = ?5,"
				  " ended_ms = 0, exit_status = -1"
				  " WHERE id = ?1 AND pid = ?6 AND pid_start = ?7 AND ended_ms = ?8 RETURNING 1";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);
	const int64_t was[] = { r->pid, (int64_t)r->pid_start, r->ended_ms };
	int64_t one;
	int rc;

	if (!s)
		return -1;
	ours(r);
	r->ended_ms = 0;
	r->exit_status = -1;
	journal_bind_text(s, 1, r->id);
	sqlite3_bind_int64(s, 2, r->pid);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)r->pid_start);
	journal_bind_text(s, 4, r->control);
	journal_bind_text(s, 5, r->boot);
	for (size_t i = 0; i < ARRAY_SIZE(was); i++)
		sqlite3_bind_int64(s, (int)i + 6, was[i]);
	rc = run(j, s, &one, err);
	if (rc > 0)
		return 0;
	return rc < 0 ? -1
		      : err_set(err, E_NOT_UNDER_WAY, 0,
				"migration %s: it has ended by now, or another vmmig has taken it", r->id);
}

int journal_begin(struct journal *j, struct migration_record *r, struct err *err)
{
	ours(r);
	r->status = MIG_SETUP;
	r->exit_status = -1;
	r->ended_ms = 0;
	/* two that began in the same second may draw the same ID, once in 16 million times */
	for (int tries = 0; tries < 8; tries++) {
		int rc;

		r->started_ms = clock_wall_ms();
		make_id(r);
		rc = insert(j, r, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	return err_set(err, E_INTERNAL, 0, "journal %s: no new ID is to be had", j->path);
}

int journal_update(struct journal *j, const struct migration_record *r, struct err *err)
{
	static const char sql[] = "UPDATE migration SET status = ?2, phase = ?3, exit_status = ?4, error_id = ?5,"
				  " error_message = ?6, total_ms = ?7, downtime_ms = ?8, bytes = ?9, ended_ms = ?10,"
				  " max_downtime_ms = ?11, autostart = ?12, new_there = ?13, leftover = ?14"
				  " WHERE id = ?1 RETURNING 1";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);
	int64_t one;

	if (!s)
		return -1;
	journal_bind_text(s, 1, r->id);
	journal_bind_text(s, 2, migration_status_name(r->status));
	journal_bind_text(s, 3, r->phase);
	sqlite3_bind_int(s, 4, r->exit_status);
	journal_bind_text(s, 5, r->error_id);
	journal_bind_text(s, 6, r->error_message);
	sqlite3_bind_int64(s, 7, (sqlite3_int64)r->total_ms);
	sqlite3_bind_int64(s, 8, (sqlite3_int64)r->downtime_ms);
	sqlite3_bind_int64(s, 9, (sqlite3_int64)r->bytes);
	sqlite3_bind_int64(s, 10, r->ended_ms);
	sqlite3_bind_int64(s, 11, (sqlite3_int64)r->max_downtime_ms);
	sqlite3_bind_int(s, 12, r->autostart);
	sqlite3_bind_int(s, 13, r->new_there);
	sqlite3_bind_int(s, 14, r->leftover);
	return journal_change_one(j, s, "such migration", &one, err);
}

int journal_intent(struct journal *j, const char *migration, const char *host, const char *kind, const char *object,
		   int64_t *effect, struct err *err)
{
	static const char sql[] = "INSERT INTO effect (migration, at_ms, host, kind, object)"
				  " VALUES (?1, ?2, ?3, ?4, ?5) RETURNING seq";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);

	if (!s)
		return -1;
	journal_bind_text(s, 1, migration);
	sqlite3_bind_int64(s, 2, clock_wall_ms());
	journal_bind_text(s, 3, host);
	journal_bind_text(s, 4, kind);
	journal_bind_text(s, 5, object);
	return journal_change_one(j, s, "place for effects", effect, err);
}

int journal_result(struct journal *j, int64_t effect, const char *result, struct err *err)
{
	static const char sql[] = "UPDATE effect SET result = ?2 WHERE seq = ?1 RETURNING 1";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);
	int64_t one;

	if (!s)
		return -1;
	sqlite3_bind_int64(s, 1, effect);
	journal_bind_text(s, 2, result);
	return journal_change_one(j, s, "such effect", &one, err);
}

int journal_event(struct journal *j, const char *migration, const char *text, struct err *err)
{
	static const char sql[] = "INSERT INTO event (migration, at_ms, text) VALUES (?1, ?2, ?3)";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);

	if (!s)
		return -1;
	journal_bind_text(s, 1, migration);
	sqlite3_bind_int64(s, 2, clock_wall_ms());
	journal_bind_text(s, 3, text);
	return journal_step(j, s, err);
}

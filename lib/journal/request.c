/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one vmmig asks of another: a row with an answer to come. */
#include "base/clock.h"
#include "base/str.h"
#include "journal/private.h"

int journal_request(struct journal *j, const char *migration, const char *kind, uint64_t value, int64_t *seq,
		    struct err *err)
{
	static const char sql[] =
		"INSERT INTO request (migration, at_ms, kind, value) VALUES (?1, ?2, ?3, ?4) RETURNING seq";
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);

	if (!s)
		return -1;
	journal_bind_text(s, 1, migration);
	sqlite3_bind_int64(s, 2, clock_wall_ms());
	journal_bind_text(s, 3, kind);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)value);
	return journal_change_one(j, s, "place for requests", seq, err);
}

static void read_request(sqlite3_stmt *s, void *row)
{
	*(struct request_record *)row = (struct request_record) {
		.seq = sqlite3_column_int64(s, 0),
		.at_ms = sqlite3_column_int64(s, 1),
		.kind = journal_column_text(s, 2),
		.value = (uint64_t)sqlite3_column_int64(s, 3),
	};
}

int journal_requests(struct journal *j, const char *migration, struct request_record **out, size_t *n, struct err *err)
{
	static const char sql[] =
		"SELECT seq, at_ms, kind, value FROM request WHERE migration = ?1 AND answer IS NULL ORDER BY seq";
	struct journal_rows r;

	if (journal_rows(j, sql, migration, sizeof(**out), read_request, &r, err) < 0) {
		journal_requests_free(r.v, r.n);
		return -1;
	}
	*out = r.v;
	*n = r.n;
	return 0;
}

void journal_requests_free(struct request_record *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].kind);
		free(v[i].answer);
	}
	free(v);
}

int journal_answer(struct journal *j, int64_t seq, const char *answer, struct err *err)
{
	auto_stmt sqlite3_stmt *s =
		journal_prepare(j, "UPDATE request SET answer = ?2 WHERE seq = ?1 RETURNING 1", err);
	int64_t one;

	if (!s)
		return -1;
	sqlite3_bind_int64(s, 1, seq);
	journal_bind_text(s, 2, answer);
	return journal_change_one(j, s, "such request", &one, err);
}

int journal_answer_get(struct journal *j, int64_t seq, char **answer, struct err *err)
{
	auto_stmt sqlite3_stmt *s = journal_prepare(j, "SELECT answer FROM request WHERE seq = ?1", err);
	int rc;

	if (!s)
		return -1;
	sqlite3_bind_int64(s, 1, seq);
	rc = journal_step(j, s, err);
	if (rc < 0)
		return -1;
	*answer = rc ? journal_column_text(s, 0) : NULL;
	return *answer ? 0 : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How guests were defined, for the day their host is dead. */
#include "base/str.h"
#include "journal/private.h"

void definition_record_clear(struct definition_record *d)
{
	free(d->uuid);
	free(d->host);
	free(d->guest);
	free(d->xml);
	*d = (struct definition_record) { 0 };
}

static int put(struct journal *j, sqlite3_stmt *s, const struct definition_record *d, struct err *err)
{
	journal_bind_text(s, 1, d->uuid);
	journal_bind_text(s, 2, d->host);
	journal_bind_text(s, 3, d->guest);
	journal_bind_text(s, 4, d->xml);
	sqlite3_bind_int(s, 5, d->autostart);
	sqlite3_bind_int64(s, 6, d->at_ms);
	if (journal_step(j, s, err) < 0)
		return -1;
	sqlite3_reset(s);
	return 0;
}

static int put_all(struct journal *j, sqlite3_stmt *s, const struct definition_record *v, size_t n, struct err *err)
{
	int rc = 0;

	if (sqlite3_exec(j->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return journal_fail(j, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = put(j, s, &v[i], err);
	sqlite3_reset(s);
	if (rc == 0 && sqlite3_exec(j->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	if (rc == 0)
		journal_fail(j, err);
	sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

int journal_definitions_put(struct journal *j, const struct definition_record *v, size_t n, struct err *err)
{
	auto_stmt sqlite3_stmt *s =
		journal_prepare(j,
				"INSERT OR REPLACE INTO definition (uuid, host, guest, xml, autostart, at_ms)"
				" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
				err);

	return s ? put_all(j, s, v, n, err) : -1;
}

static char *text(sqlite3_stmt *s, int column)
{
	return xstrdup((const char *)sqlite3_column_text(s, column));
}

int journal_definition_get(struct journal *j, const char *guest, const char *host, struct definition_record *out,
			   struct err *err)
{
	auto_stmt sqlite3_stmt *s = journal_prepare(j,
						    "SELECT uuid, host, guest, xml, autostart, at_ms FROM definition"
						    " WHERE (guest = ?1 OR uuid = ?1) AND host = ?2"
						    " ORDER BY at_ms DESC LIMIT 1",
						    err);
	int rc;

	if (!s)
		return -1;
	journal_bind_text(s, 1, guest);
	journal_bind_text(s, 2, host);
	rc = journal_step(j, s, err);
	if (rc <= 0)
		return rc < 0 ? -1 : 1;
	*out = (struct definition_record) {
		.uuid = text(s, 0),
		.host = text(s, 1),
		.guest = text(s, 2),
		.xml = text(s, 3),
		.autostart = sqlite3_column_int(s, 4) != 0,
		.at_ms = sqlite3_column_int64(s, 5),
	};
	return 0;
}

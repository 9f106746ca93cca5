/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables. Times are ms since 1970, statuses are their names: the file can be read with sqlite3(1). */
#include "base/str.h"
#include "journal/private.h"

enum { APPLICATION_ID = 0x766d6d67 }; /* "vmmg" */

/* schema[n] leads from version n to n + 1. Once released, a row is never changed. */
static const char *const schema[] = {
	"CREATE TABLE migration ("
	"  id TEXT PRIMARY KEY NOT NULL, guest TEXT NOT NULL, uuid TEXT, mode TEXT, source TEXT, destination TEXT,"
	"  status TEXT NOT NULL, phase TEXT, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
	"  pid INTEGER NOT NULL, pid_start INTEGER NOT NULL, control TEXT, boot TEXT, exit_status INTEGER NOT NULL,"
	"  error_id TEXT, error_message TEXT, total_ms INTEGER NOT NULL, downtime_ms INTEGER NOT NULL,"
	"  bytes INTEGER NOT NULL) STRICT;"
	"CREATE INDEX migration_started ON migration (started_ms);"
	"CREATE TABLE effect ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT, migration TEXT NOT NULL REFERENCES migration (id),"
	"  at_ms INTEGER NOT NULL, host TEXT, kind TEXT NOT NULL, object TEXT, result TEXT) STRICT;"
	"CREATE INDEX effect_migration ON effect (migration);"
	"CREATE TABLE event ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT, migration TEXT NOT NULL REFERENCES migration (id),"
	"  at_ms INTEGER NOT NULL, text TEXT NOT NULL) STRICT;"
	"CREATE INDEX event_migration ON event (migration);",
	"CREATE TABLE digest ("
	"  host TEXT NOT NULL, file TEXT NOT NULL, digest TEXT NOT NULL, at_ms INTEGER NOT NULL,"
	"  PRIMARY KEY (host, file)) STRICT;",
	"CREATE TABLE sample ("
	"  migration TEXT NOT NULL REFERENCES migration (id), at_ms INTEGER NOT NULL, iteration INTEGER NOT NULL,"
	"  memory_remaining INTEGER NOT NULL, memory_processed INTEGER NOT NULL, disk_remaining INTEGER NOT NULL,"
	"  disk_processed INTEGER NOT NULL, bytes_per_s INTEGER NOT NULL, dirty_bytes_per_s INTEGER NOT NULL,"
	"  max_downtime_ms INTEGER NOT NULL, throttle INTEGER NOT NULL, postcopy INTEGER NOT NULL) STRICT;"
	"CREATE INDEX sample_migration ON sample (migration);"
	"CREATE TABLE decision ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT, migration TEXT NOT NULL REFERENCES migration (id),"
	"  at_ms INTEGER NOT NULL, action TEXT NOT NULL, value INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
	"CREATE INDEX decision_migration ON decision (migration);"
	"CREATE TABLE request ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT, migration TEXT NOT NULL REFERENCES migration (id),"
	"  at_ms INTEGER NOT NULL, kind TEXT NOT NULL, value INTEGER NOT NULL, answer TEXT) STRICT;"
	"CREATE INDEX request_migration ON request (migration);",
	"ALTER TABLE migration ADD COLUMN max_downtime_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE migration ADD COLUMN autostart INTEGER NOT NULL DEFAULT 0;",
	"CREATE TABLE definition ("
	"  uuid TEXT NOT NULL, host TEXT NOT NULL, guest TEXT NOT NULL, xml TEXT NOT NULL,"
	"  autostart INTEGER NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (uuid, host)) STRICT;",
	"ALTER TABLE migration ADD COLUMN new_there INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE migration ADD COLUMN leftover INTEGER NOT NULL DEFAULT 0;",
};

static int ask(struct journal *j, const char *sql, int64_t *value, struct err *err)
{
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);
	int rc = s ? journal_step(j, s, err) : -1;

	if (rc < 0)
		return -1;
	*value = rc ? sqlite3_column_int64(s, 0) : 0;
	return 0;
}

static int run(struct journal *j, const char *sql, struct err *err)
{
	return sqlite3_exec(j->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : journal_fail(j, err);
}

/* The version of the schema; 0 for a file with nothing in it. Inside a transaction. */
static int get_version(struct journal *j, int64_t *version, struct err *err)
{
	int64_t id, tables;

	if (ask(j, "PRAGMA application_id", &id, err) < 0 || ask(j, "PRAGMA user_version", version, err) < 0 ||
	    ask(j, "SELECT count(*) FROM sqlite_schema", &tables, err) < 0)
		return -1;
	if (id == 0 && *version == 0 && tables == 0)
		return 0;
	if (id != APPLICATION_ID || *version < 1) {
		err_set(err, E_JOURNAL, 0, "journal %s: is the database of another program", j->path);
		return err_hint(err, "path in the section journal of vmmig.conf names the file");
	}
	if (*version > (int64_t)ARRAY_SIZE(schema)) {
		err_set(err, E_JOURNAL, 0, "journal %s: has version %lld, and this vmmig knows versions up to %zu",
			j->path, (long long)*version, ARRAY_SIZE(schema));
		return err_hint(err, "a newer vmmig has written it: use that one, or another file");
	}
	return 0;
}

/* Inside a transaction: another process may have been faster. */
static int upgrade(struct journal *j, struct err *err)
{
	auto_free char *stamp =
		str_printf("PRAGMA application_id = %d; PRAGMA user_version = %zu", APPLICATION_ID, ARRAY_SIZE(schema));
	int64_t version;

	if (get_version(j, &version, err) < 0)
		return -1;
	for (size_t v = (size_t)version; v < ARRAY_SIZE(schema); v++)
		if (run(j, schema[v], err) < 0)
			return -1;
	return run(j, stamp, err);
}

/* The three values out of one state of the file: another process may be making its schema right now. */
static int look(struct journal *j, int64_t *version, struct err *err)
{
	int rc;

	if (run(j, "BEGIN", err) < 0)
		return -1;
	rc = get_version(j, version, err);
	sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int journal_check(struct journal *j, struct err *err)
{
	int64_t version;

	return look(j, &version, err);
}

int journal_schema(struct journal *j, struct err *err)
{
	int64_t version;

	if (look(j, &version, err) < 0)
		return -1;
	if (version == (int64_t)ARRAY_SIZE(schema))
		return 0;
	if (run(j, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	if (upgrade(j, err) == 0 && run(j, "COMMIT", err) == 0)
		return 0;
	sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

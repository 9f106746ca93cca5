/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the files of this room only: sqlite behind a few words. */
#ifndef JOURNAL_PRIVATE_H
#define JOURNAL_PRIVATE_H

#include <sqlite3.h>

#include "journal/journal.h"

struct journal {
	sqlite3 *db;
	char *path;
};

static inline void auto_stmt_(sqlite3_stmt **s)
{
	sqlite3_mutex *handle;

	if (!*s)
		return;
	handle = sqlite3_db_mutex(sqlite3_db_handle(*s));
	sqlite3_finalize(*s);
	sqlite3_mutex_leave(handle);
}
#define auto_stmt AUTO(auto_stmt_)

/* E_JOURNAL from what sqlite last said: "journal PATH: …", with a hint where there is one. Returns -1. */
int journal_fail(struct journal *j, struct err *err);

/*
 * A statement to bind to; NULL with E_JOURNAL. The caller ends it (auto_stmt), in the same thread: until then the
 * handle is this thread's. It has one transaction; another thread's statement must not get into it, nor its COMMIT find
 * this one half done.
 */
sqlite3_stmt *journal_prepare(struct journal *j, const char *sql, struct err *err);

/* Runs a statement up to its next row. 1: a row; 0: done; -1: E_JOURNAL. */
int journal_step(struct journal *j, sqlite3_stmt *s, struct err *err);

/*
 * Runs a statement that must change one record to its end, which is where sqlite commits it; *value is the first column
 * it returns.
 */
int journal_change_one(struct journal *j, sqlite3_stmt *s, const char *what, int64_t *value, struct err *err);

/*
 * All rows of a statement whose one parameter is a migration's ID; read fills one, which is zero, of size bytes. After
 * -1, too, what is in out is the caller's to free.
 */
struct journal_rows {
	void *v;
	size_t n;
};
int journal_rows(struct journal *j, const char *sql, const char *migration, size_t size,
		 void (*read)(sqlite3_stmt *s, void *row), struct journal_rows *out, struct err *err);

void journal_bind_text(sqlite3_stmt *s, int i, const char *text);
char *journal_column_text(sqlite3_stmt *s, int i); /* caller frees; NULL for NULL */

/* E_JOURNAL for a file that is neither ours nor empty, or of a newer vmmig; changes nothing. */
int journal_check(struct journal *j, struct err *err);

/* Makes the schema, or brings it up to date. */
int journal_schema(struct journal *j, struct err *err);

/* Start time of a process, in clock ticks since boot; 0: there is none (a zombie counts as none). */
uint64_t journal_pid_start(pid_t pid);
char *journal_control(void); /* this machine's host name; caller frees */
char *journal_boot(void);    /* its boot ID, or NULL; caller frees */

#endif

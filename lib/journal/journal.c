/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening the file, and what sqlite says made plain. */
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"
#include "journal/private.h"

enum { BUSY_MS = 5000, BUSY_STEP_MS = 20 };

static const char *hint_for(int code)
{
	switch (code) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "another program holds the file locked: try again, or see who has it open with fuser";
	case SQLITE_FULL:
		return "make room on the file system";
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return "move it away, with FILE-wal and FILE-shm beside it; vmmig begins a new one, which knows "
		       "nothing of earlier migrations: then look with vmmig recover scan";
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return "the file and its directory must be writable; path in the section journal of vmmig.conf names "
		       "another";
	default:
		return NULL;
	}
}

static const char *text_for(struct journal *j, int code)
{
	switch (code) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "locked by another process";
	case SQLITE_FULL:
		return "no space left on device";
	case SQLITE_NOTADB:
		return "is not a journal";
	case SQLITE_CORRUPT:
		return "is damaged";
	case SQLITE_READONLY:
		return "may only be read";
	default:
		return sqlite3_errmsg(j->db);
	}
}

int journal_fail(struct journal *j, struct err *err)
{
	int code = sqlite3_errcode(j->db) & 0xff, errnum = 0;
	const char *hint = hint_for(code);

	if (code == SQLITE_CANTOPEN || code == SQLITE_IOERR)
		errnum = sqlite3_system_errno(j->db);
	/* a file system that is full can also say so through a write that fails */
	if (errnum == ENOSPC || errnum == EDQUOT)
		hint = hint_for(SQLITE_FULL);
	/* the words are the connection's, which other threads use as well */
	sqlite3_mutex_enter(sqlite3_db_mutex(j->db));
	err_set(err, E_JOURNAL, errnum, "journal %s: %s", j->path, text_for(j, code));
	sqlite3_mutex_leave(sqlite3_db_mutex(j->db));
	return hint ? err_hint_text(err, hint) : -1;
}

sqlite3_stmt *journal_prepare(struct journal *j, const char *sql, struct err *err)
{
	sqlite3_stmt *s = NULL;

	sqlite3_mutex_enter(sqlite3_db_mutex(j->db));
	if (sqlite3_prepare_v2(j->db, sql, -1, &s, NULL) == SQLITE_OK)
		return s;
	journal_fail(j, err);
	sqlite3_mutex_leave(sqlite3_db_mutex(j->db));
	return NULL;
}

int journal_step(struct journal *j, sqlite3_stmt *s, struct err *err)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : journal_fail(j, err);
}

void journal_bind_text(sqlite3_stmt *s, int i, const char *text)
{
	sqlite3_bind_text(s, i, text, -1, SQLITE_TRANSIENT);
}

char *journal_column_text(sqlite3_stmt *s, int i)
{
	return xstrdup((const char *)sqlite3_column_text(s, i));
}

/* mkdir -p of the directory of path. */
static int make_directories(const char *path, struct err *err)
{
	auto_free char *dir = xstrdup(path);

	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0700) == 0) {
			if (chmod(dir, 0700) < 0)
				return err_set(err, E_JOURNAL, errno, "journal directory %s", dir);
		} else if (errno != EEXIST && access(dir, F_OK) < 0) {
			return err_set(err, E_JOURNAL, errno, "journal directory %s", dir);
		}
		*p = '/';
	}
	return 0;
}

static void sync_directory(const char *path)
{
	auto_free char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	auto_close int fd = -1;

	if (!slash)
		return;
	slash[slash == dir] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

/*
 * sqlite would make the file with the process's umask. Made and closed under another name, and then linked: to close
 * a file drops all locks this process has on it, also those of a connection of another thread.
 */
static int make_file(const char *path, struct err *err)
{
	auto_free char *temp = str_printf("%s.XXXXXX", path);
	int fd = mkostemp(temp, O_CLOEXEC), rc = 0;

	if (fd < 0)
		return err_set(err, E_JOURNAL, errno, "journal %s", path);
	/* a umask may have taken away what we need ourselves */
	if (fchmod(fd, 0600) < 0)
		rc = err_set(err, E_JOURNAL, errno, "journal %s", path);
	close(fd);
	if (!rc && link(temp, path) < 0 && errno != EEXIST)
		rc = err_set(err, E_JOURNAL, errno, "journal %s", path);
	unlink(temp);
	sync_directory(path);
	return rc;
}

static int check_file(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return err_set(err, E_JOURNAL, 0, "journal %s: is a directory", path);
		if (!S_ISREG(st.st_mode))
			return err_set(err, E_JOURNAL, 0, "journal %s: is not a file", path);
		return 0;
	}
	if (errno != ENOENT)
		return err_set(err, E_JOURNAL, errno, "journal %s", path);
	return make_directories(path, err) < 0 ? -1 : make_file(path, err);
}

/*
 * Write-ahead log, so that readers never wait for a writer; where the file system cannot do that (no shared memory),
 * the rollback journal stays. The switch does not wait for locks by itself.
 */
static int set_mode(struct journal *j, struct err *err)
{
	static const struct timespec pause = { .tv_nsec = BUSY_STEP_MS * 1000000L };

	for (int waited = 0;; waited += BUSY_STEP_MS) {
		int rc = sqlite3_exec(j->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);

		if ((rc & 0xff) != SQLITE_BUSY || waited >= BUSY_MS)
			break;
		nanosleep(&pause, NULL);
	}
	if (sqlite3_exec(j->db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", NULL, NULL, NULL) != SQLITE_OK)
		return journal_fail(j, err);
	return 0;
}

struct journal *journal_open_memory(struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE;
	auto_journal struct journal *j = xcalloc(1, sizeof(*j));

	j->path = xstrdup("in memory");
	if (sqlite3_open_v2(":memory:", &j->db, flags, NULL) != SQLITE_OK) {
		journal_fail(j, err);
		return NULL;
	}
	return journal_schema(j, err) < 0 ? NULL : STEAL(j);
}

struct journal *journal_open(const char *path, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE;
	auto_journal struct journal *j = NULL;

	if (check_file(path, err) < 0)
		return NULL;
	j = xcalloc(1, sizeof(*j));
	j->path = xstrdup(path);
	if (sqlite3_open_v2(path, &j->db, flags, NULL) != SQLITE_OK) {
		journal_fail(j, err);
		return NULL;
	}
	sqlite3_busy_timeout(j->db, BUSY_MS);
	sqlite3_db_config(j->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(j->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (sqlite3_db_readonly(j->db, "main") == 1) {
		err_set(err, E_JOURNAL, 0, "journal %s: %s", path, text_for(j, SQLITE_READONLY));
		err_hint_text(err, hint_for(SQLITE_READONLY));
		return NULL;
	}
	/* in this order: a file that is not ours stays as it is */
	if (journal_check(j, err) < 0 || set_mode(j, err) < 0 || journal_schema(j, err) < 0)
		return NULL;
	return STEAL(j);
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	sqlite3_close(j->db);
	free(j->path);
	free(j);
}

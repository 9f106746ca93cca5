/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: records in and out, several users at once, sudden ends, and files that are none. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/journal.h"

/* A directory of its own, and the journal's path in a directory below that is not there yet. */
struct place {
	char dir[32];
	char *sub, *path;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/vmmig-unit.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->sub = str_printf("%s/a/b", p->dir);
	p->path = str_printf("%s/journal.db", p->sub);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	struct place *p = *state;
	auto_free char *a = str_printf("%s/a", p->dir);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		auto_free char *f = str_printf("%s%s", p->path, suffixes[i]);

		unlink(f);
	}
	rmdir(p->sub);
	rmdir(a);
	assert_int_equal(rmdir(p->dir), 0); /* nothing else was left */
	free(p->sub);
	free(p->path);
	free(p);
	return 0;
}

static struct journal *open_at(const char *path)
{
	auto_err struct err err = ERR_INIT;
	struct journal *j = journal_open(path, &err);

	if (!j)
		fail_msg("%s", err.msg);
	return j;
}

static void begin(struct journal *j, struct migration_record *r, const char *guest)
{
	auto_err struct err err = ERR_INIT;

	*r = (struct migration_record) { .guest = xstrdup(guest), .mode = xstrdup("live") };
	r->uuid = xstrdup("3f0c2a60-5b0e-4c1f-9d4b-0a8b1d3a7c11");
	r->from = xstrdup("alpha");
	r->to = xstrdup("beta");
	r->phase = xstrdup("begin");
	if (journal_begin(j, r, &err) < 0)
		fail_msg("%s", err.msg);
}

#define auto_record AUTO(migration_record_clear)

static void records(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 }, back = { 0 }, none = { 0 };

	begin(j, &r, "web1");
	assert_int_equal(strlen(r.id), 22);
	assert_int_equal(strspn(r.id, "0123456789"), 8);
	assert_int_equal(r.id[15], '-');
	assert_int_equal(r.status, MIG_SETUP);
	assert_int_equal(r.pid, getpid());
	assert_true(r.pid_start > 0);
	assert_int_equal(migration_process_alive(&r), 1);

	r.status = MIG_FAILED;
	free(r.phase);
	r.phase = xstrdup("perform");
	r.exit_status = STATUS_FAILED;
	r.error_id = xstrdup("E-MIGRATE");
	r.error_message = xstrdup("quote ' and \"; DROP TABLE migration; -- größe");
	r.total_ms = 1234;
	r.downtime_ms = 56;
	r.bytes = 1ull << 40;
	r.ended_ms = r.started_ms + 1234;
	r.new_there = r.leftover = true;
	assert_int_equal(journal_update(j, &r, NULL), 0);

	journal_close(STEAL(j));
	j = open_at(p->path);
	assert_int_equal(journal_find(j, r.id, &back, NULL), 0);
	assert_string_equal(back.id, r.id);
	assert_true(back.new_there && back.leftover);
	assert_string_equal(back.guest, "web1");
	assert_string_equal(back.uuid, r.uuid);
	assert_string_equal(back.mode, "live");
	assert_string_equal(back.from, "alpha");
	assert_string_equal(back.to, "beta");
	assert_int_equal(back.status, MIG_FAILED);
	assert_string_equal(back.phase, "perform");
	assert_int_equal(back.started_ms, r.started_ms);
	assert_int_equal(back.ended_ms, r.ended_ms);
	assert_int_equal(back.pid, r.pid);
	assert_int_equal(back.pid_start, r.pid_start);
	assert_string_equal(back.control, r.control);
	assert_true(str_eq(back.boot, r.boot));
	assert_int_equal(back.exit_status, STATUS_FAILED);
	assert_string_equal(back.error_id, "E-MIGRATE");
	assert_string_equal(back.error_message, r.error_message);
	assert_int_equal(back.total_ms, 1234);
	assert_int_equal(back.downtime_ms, 56);
	assert_int_equal(back.bytes, 1ull << 40);
	assert_int_equal(journal_find(j, "20000101-000000-000000", &none, NULL), 1);
}

static void effects_and_events(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	auto_err struct err err = ERR_INIT;
	struct effect_record *e;
	struct event_record *v;
	int64_t one = 0, two = 0;
	size_t n;

	begin(j, &r, "web1");
	assert_int_equal(journal_intent(j, r.id, "alpha", "max-downtime", "300", &one, &err), 0);
	assert_int_equal(journal_result(j, one, "done", &err), 0);
	assert_int_equal(journal_intent(j, r.id, NULL, "resume", NULL, &two, &err), 0);
	assert_true(two > one);
	assert_int_equal(journal_event(j, r.id, "first", &err), 0);
	assert_int_equal(journal_event(j, r.id, "", &err), 0);

	assert_int_equal(journal_effects(j, r.id, &e, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(e[0].seq, one);
	assert_true(e[0].at_ms >= r.started_ms);
	assert_string_equal(e[0].host, "alpha");
	assert_string_equal(e[0].kind, "max-downtime");
	assert_string_equal(e[0].object, "300");
	assert_string_equal(e[0].result, "done");
	assert_null(e[1].host);
	assert_null(e[1].object);
	assert_null(e[1].result);
	journal_effects_free(e, n);

	assert_int_equal(journal_events(j, r.id, &v, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].text, "first");
	assert_string_equal(v[1].text, "");
	journal_events_free(v, n);

	assert_int_equal(journal_effects(j, "none", &e, &n, &err), 0);
	assert_int_equal(n, 0);
	journal_effects_free(e, n);
}

static void wrong_records(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { .id = "20000101-000000-000000" };
	int64_t effect = -7;

	for (int i = 0; i < 6; i++) {
		auto_err struct err err = ERR_INIT;
		int rc = 0;

		switch (i) {
		case 0:
			rc = journal_update(j, &r, &err);
			break;
		case 1:
			rc = journal_intent(j, r.id, "h", "k", "o", &effect, &err);
			break;
		case 2:
			rc = journal_result(j, 99, "done", &err);
			break;
		case 3:
			rc = journal_event(j, r.id, "text", &err);
			break;
		case 4:
			rc = journal_begin(j, &r, &err); /* no guest */
			break;
		case 5:
			rc = journal_event(j, r.id, NULL, &err);
			break;
		}
		assert_int_equal(rc, -1);
		assert_true(err_is(&err, E_JOURNAL));
		assert_non_null(strstr(err.msg, p->path));
	}
	assert_int_equal(effect, -7);
}

static void expect_list(struct journal *j, const char *guest, bool unfinished, unsigned limit, const char *want)
{
	auto_buf struct buf got = { 0 };
	struct migration_record *v;
	size_t n;

	buf_add(&got, "", 0);
	assert_int_equal(journal_list(j, guest, unfinished, limit, &v, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		buf_addf(&got, "%s ", v[i].guest);
	journal_list_free(v, n);
	assert_string_equal(got.p, want);
}

static void lists(void **state)
{
	static const char *const guests[] = { "a", "b", "c", "b", "d" };
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);

	expect_list(j, NULL, false, 0, "");
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++) {
		auto_record struct migration_record r = { 0 };

		begin(j, &r, guests[i]);
		r.ended_ms = i % 2 ? r.started_ms : 0;
		r.status = MIG_COMPLETED;
		assert_int_equal(journal_update(j, &r, NULL), 0);
	}
	expect_list(j, NULL, false, 0, "d b c b a ");
	expect_list(j, NULL, false, 2, "d b ");
	expect_list(j, NULL, true, 0, "d c a ");
	expect_list(j, "b", false, 0, "b b ");
	expect_list(j, "b", true, 0, "");
	expect_list(j, "b' OR 1", false, 0, "");
	expect_list(j, "3f0c2a60-5b0e-4c1f-9d4b-0a8b1d3a7c11", false, 1, "d ");
}

static void status_names(void **state)
{
	static const char *const names[] = { "none", "setup", "active", "completed", "failed", "cancelled" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_string_equal(migration_status_name((enum migration_status)i), names[i]);
}

static void process_alive(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	pid_t child;

	begin(j, &r, "web1");
	assert_int_equal(migration_process_alive(&r), 1);
	r.pid_start++; /* the number is another process's by now */
	assert_int_equal(migration_process_alive(&r), 0);
	r.pid_start--;
	child = fork();
	if (child == 0)
		_exit(0);
	r.pid = child; /* a zombie */
	usleep(100000);
	assert_int_equal(migration_process_alive(&r), 0);
	waitpid(child, NULL, 0);
	assert_int_equal(migration_process_alive(&r), 0);
	r.pid = getpid();
	free(r.boot);
	r.boot = xstrdup("another boot");
	assert_int_equal(migration_process_alive(&r), 0);
	free(r.control);
	r.control = xstrdup("another machine");
	assert_int_equal(migration_process_alive(&r), -1);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void modes(void **state)
{
	static const mode_t umasks[] = { 0000, 0777 };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(umasks); i++) {
		auto_free char *path = str_printf("%s/%zu/x/journal.db", p->dir, i);
		auto_free char *wal = str_printf("%s-wal", path), *shm = str_printf("%s-shm", path);
		mode_t old = umask(umasks[i]);
		struct journal *j = open_at(path);
		auto_record struct migration_record r = { 0 };

		begin(j, &r, "web1");
		umask(old);
		assert_int_equal(mode_of(path), 0600);
		assert_int_equal(mode_of(wal), 0600);
		assert_int_equal(mode_of(shm), 0600);
		journal_close(j);
		unlink(path);
		*strrchr(path, '/') = '\0';
		assert_int_equal(mode_of(path), 0700);
		rmdir(path);
		*strrchr(path, '/') = '\0';
		assert_int_equal(mode_of(path), 0700);
		rmdir(path);
	}
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void sql(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void expect_refused(const char *path, const char *message)
{
	auto_err struct err err = ERR_INIT;
	struct journal *j = journal_open(path, &err);
	auto_free char *want = str_printf("journal %s: %s", path, message);

	assert_null(j);
	assert_true(err_is(&err, E_JOURNAL));
	assert_string_equal(err.msg, want);
}

static void foreign_files(void **state)
{
	struct place *p = *state;
	auto_free char *path = str_printf("%s/file", p->dir), *below = str_printf("%s/file/j.db", p->dir);
	auto_free char *text = NULL;
	auto_err struct err err = ERR_INIT;

	expect_refused(p->dir, "is a directory");
	expect_refused("/dev/null", "is not a file");
	write_bytes(path, "this is the text of another program, long enough to be one", 58);
	expect_refused(path, "is not a journal");
	text = unit_read_file(path);
	assert_string_equal(text, "this is the text of another program, long enough to be one");
	assert_null(journal_open(below, &err));
	assert_non_null(strstr(err.msg, "Not a directory"));

	unlink(path);
	sql(path, "CREATE TABLE t (a)");
	expect_refused(path, "is the database of another program");
	unlink(path);
	sql(path, "PRAGMA application_id = 5; PRAGMA user_version = 1");
	expect_refused(path, "is the database of another program");
	unlink(path);

	journal_close(open_at(path));
	sql(path, "PRAGMA user_version = 99");
	expect_refused(path, "has version 99, and this vmmig knows versions up to 6");
	unlink(path);
	write_bytes(path, "", 0); /* as left by touch, or by an end in the middle of the making */
	journal_close(open_at(path));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused(path, "is not a file");
	unlink(path);
}

/* A journal that was cut or written over must give an error or what is left of it, never a crash. */
static void damaged_files(void **state)
{
	struct place *p = *state;
	auto_free char *path = str_printf("%s/file", p->dir);
	struct journal *j = open_at(path);
	struct stat st;
	int fd;

	for (int i = 0; i < 50; i++) {
		auto_record struct migration_record r = { 0 };

		begin(j, &r, "web1");
	}
	journal_close(j);
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 100; at < st.st_size; at += 1000) {
		struct migration_record *v;
		size_t n;

		fd = open(path, O_WRONLY | O_CLOEXEC);
		assert_int_equal(pwrite(fd, "\xff\xfe\xfd\xfc\x80\x81\x82\x83", 8, at), 8);
		close(fd);
		j = journal_open(path, NULL);
		if (!j)
			continue;
		if (journal_list(j, NULL, false, 0, &v, &n, NULL) == 0)
			journal_list_free(v, n);
		journal_close(j);
	}
	assert_int_equal(truncate(path, 5000), 0);
	j = journal_open(path, NULL);
	if (j)
		journal_close(j);
	unlink(path);
}

static void read_only(void **state)
{
	struct place *p = *state;
	auto_free char *path = NULL;

	if (geteuid() == 0)
		skip(); /* root may write everything */
	path = str_printf("%s/file", p->dir);
	journal_close(open_at(path));
	chmod(path, 0400);
	expect_refused(path, "may only be read");
	chmod(path, 0000);
	assert_null(journal_open(path, NULL));
	unlink(path);
	chmod(p->dir, 0500);
	assert_null(journal_open(path, NULL));
	chmod(p->dir, 0700);
}

static void *events_thread(void *arg)
{
	void **a = arg;

	for (int i = 0; i < 20; i++)
		if (journal_event(a[0], a[1], "event", NULL) < 0)
			return arg;
	return NULL;
}

static void threads(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	void *arg[] = { j, r.id }, *failed;
	pthread_t t[4];
	struct event_record *v;
	size_t n;

	begin(j, &r, "web1");
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, events_thread, arg), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(journal_events(j, r.id, &v, &n, NULL), 0);
	assert_int_equal(n, 80);
	journal_events_free(v, n);
}

static void *effects_thread(void *arg)
{
	auto_err struct err err = ERR_INIT;
	void **v = arg;
	int64_t effect;

	for (int i = 0; i < 60; i++)
		if (journal_intent(v[0], v[1], "alpha", "resume", "x", &effect, &err) < 0 ||
		    journal_result(v[0], effect, "done", &err) < 0)
			return arg;
	return NULL;
}

static void *samples_thread(void *arg)
{
	static const struct sample_record some[8];
	auto_err struct err err = ERR_INIT;
	void **v = arg;

	for (int i = 0; i < 60; i++)
		if (journal_samples_add(v[0], v[1], some, ARRAY_SIZE(some), &err) < 0)
			return arg;
	return NULL;
}

/* Some write in one step, some in a transaction of many, by the same handle. */
static void threads_and_transactions(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	void *arg[] = { j, r.id }, *failed;
	struct effect_record *v;
	struct sample_record *s;
	pthread_t t[4];
	size_t n;

	begin(j, &r, "web1");
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, i % 2 ? samples_thread : effects_thread, arg), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(journal_effects(j, r.id, &v, &n, NULL), 0);
	assert_int_equal(n, 120);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(v[i].result, "done");
	journal_effects_free(v, n);
	assert_int_equal(journal_samples(j, r.id, &s, &n, NULL), 0);
	assert_int_equal(n, 960);
	free(s);
}

/* In a child: opens the journal itself and writes n migrations with an effect each. Exit status 0: all written. */
static void writer(const char *path, int n)
{
	auto_err struct err err = ERR_INIT;
	struct journal *j = journal_open(path, &err);

	for (int i = 0; j && i < n; i++) {
		struct migration_record r = { .guest = xstrdup("web1") };
		int64_t effect;

		if (journal_begin(j, &r, &err) < 0 ||
		    journal_intent(j, r.id, "alpha", "resume", "x", &effect, &err) < 0 ||
		    journal_result(j, effect, "done", &err) < 0)
			break;
		migration_record_clear(&r);
	}
	journal_close(j);
	if (err.id)
		fprintf(stderr, "%s\n", err.msg);
	_exit(err.id != NULL);
}

static void several_writers(void **state)
{
	struct place *p = *state;
	struct migration_record *v;
	struct journal *j;
	pid_t pids[4];
	int status;
	size_t n;

	/* all of them make the file */
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			writer(p->path, 25);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	j = open_at(p->path);
	assert_int_equal(journal_list(j, NULL, false, 0, &v, &n, NULL), 0);
	assert_int_equal(n, 100);
	journal_list_free(v, n);
	journal_close(j);
}

static void readers_do_not_wait(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	struct journal *reader;
	sqlite3 *db;

	begin(j, &r, "web1");
	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE; UPDATE migration SET guest = 'x'", NULL, NULL, NULL), 0);
	reader = open_at(p->path);
	expect_list(reader, NULL, false, 0, "web1 ");
	journal_close(reader);
	sqlite3_close(db);
}

static void locked(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	auto_err struct err err = ERR_INIT;
	sqlite3 *db;

	begin(j, &r, "web1");
	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(journal_event(j, r.id, "late", &err), -1);
	assert_non_null(strstr(err.msg, "locked by another process"));
	assert_non_null(err.hint);
	sqlite3_close(db);
	assert_int_equal(journal_event(j, r.id, "late", NULL), 0);
}

/* Killed at any moment, a writer leaves everything it was told is written. */
static void killed_writers(void **state)
{
	struct place *p = *state;

	for (int round = 0; round < 12; round++) {
		char id[sizeof(((struct migration_record *)NULL)->id)];
		struct journal *j;
		size_t told = 0, n;
		struct event_record *v;
		int pipes[2];
		pid_t pid;

		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		if (pid == 0) {
			struct migration_record r = { 0 };

			j = open_at(p->path);
			begin(j, &r, "web1");
			if (write(pipes[1], r.id, sizeof(r.id)) < 0)
				_exit(1);
			while (journal_event(j, r.id, "event", NULL) == 0 && write(pipes[1], "", 1) == 1)
				;
			_exit(1);
		}
		close(pipes[1]);
		assert_int_equal(read(pipes[0], id, sizeof(id)), sizeof(id));
		usleep((useconds_t)round * 3000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (char c; read(pipes[0], &c, 1) == 1;)
			told++;
		close(pipes[0]);
		j = open_at(p->path);
		assert_int_equal(journal_events(j, id, &v, &n, NULL), 0);
		/* one more may have been written that it could not tell about */
		assert_true(n == told || n == told + 1);
		journal_events_free(v, n);
		journal_close(j);
	}
}

static void no_space(void **state)
{
	struct place *p = *state;
	auto_free char *path = NULL, *fill = NULL;
	auto_record struct migration_record r = { 0 };
	auto_err struct err err = ERR_INIT;
	struct journal *j;
	FILE *f;

	if (geteuid() != 0 || mount("tmpfs", p->dir, "tmpfs", 0, "size=512k") < 0)
		skip();
	path = str_printf("%s/j.db", p->dir);
	fill = str_printf("%s/fill", p->dir);
	j = journal_open(path, &err);
	if (j) {
		begin(j, &r, "web1");
		f = fopen(fill, "we");
		setbuf(f, NULL);
		while (fputc('x', f) != EOF)
			;
		fclose(f);
		for (int i = 0; i < 100 && !err.id; i++)
			journal_event(j, r.id, "an event that needs a little room somewhere", &err);
		unlink(fill);
		/* the same handle goes on when there is room again */
		if (journal_event(j, r.id, "after", NULL) < 0)
			err_set(&err, E_INTERNAL, 0, "no event after");
		journal_close(j);
	}
	unlink(path);
	f = fopen(fill, "we");
	setbuf(f, NULL);
	while (fputc('x', f) != EOF)
		;
	fclose(f);
	j = journal_open(path, NULL);
	umount(p->dir);
	assert_null(j);
	assert_true(err_is(&err, E_JOURNAL));
	assert_non_null(strstr(err.msg, "o space left on device"));
	assert_non_null(err.hint);
}

static void samples(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	const struct sample_record v[] = {
		{ .at_ms = 1000,
		  .iteration = 1,
		  .memory_remaining = 100,
		  .memory_processed = 7,
		  .max_downtime_ms = 50 },
		{ .at_ms = 1100,
		  .iteration = 2,
		  .memory_remaining = 1ull << 40,
		  .memory_processed = 8,
		  .disk_remaining = 3,
		  .disk_processed = 4,
		  .bps = 5,
		  .dirty_bps = 6,
		  .max_downtime_ms = 300,
		  .throttle = 20,
		  .postcopy = true },
	};
	auto_err struct err err = ERR_INIT;
	struct sample_record *back;
	size_t n;

	begin(j, &r, "web1");
	assert_int_equal(journal_samples(j, r.id, &back, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(back);
	assert_int_equal(journal_samples_add(j, r.id, v, ARRAY_SIZE(v), NULL), 0);
	assert_int_equal(journal_samples(j, r.id, &back, &n, NULL), 0);
	assert_int_equal(n, ARRAY_SIZE(v));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(back[i].at_ms, v[i].at_ms);
		assert_int_equal(back[i].iteration, v[i].iteration);
		assert_int_equal(back[i].memory_remaining, v[i].memory_remaining);
		assert_int_equal(back[i].memory_processed, v[i].memory_processed);
		assert_int_equal(back[i].disk_remaining, v[i].disk_remaining);
		assert_int_equal(back[i].disk_processed, v[i].disk_processed);
		assert_int_equal(back[i].bps, v[i].bps);
		assert_int_equal(back[i].dirty_bps, v[i].dirty_bps);
		assert_int_equal(back[i].max_downtime_ms, v[i].max_downtime_ms);
		assert_int_equal(back[i].throttle, v[i].throttle);
		assert_int_equal(back[i].postcopy, v[i].postcopy);
	}
	free(back);
	/* of a migration that is not there: none of them */
	assert_int_equal(journal_samples_add(j, "nothing", v, ARRAY_SIZE(v), &err), -1);
	assert_string_equal(err.id, "E-JOURNAL");
	assert_int_equal(journal_samples_add(j, r.id, v, 1, NULL), 0);
}

static void decisions(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	struct decision_record *v;
	size_t n;

	begin(j, &r, "web1");
	assert_int_equal(journal_decision(j, r.id, "max-downtime", 120, "it's \"needed\"", NULL), 0);
	assert_int_equal(journal_decision(j, r.id, "postcopy", 0, "stalled", NULL), 0);
	assert_int_equal(journal_decisions(j, r.id, &v, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].action, "max-downtime");
	assert_int_equal(v[0].value, 120);
	assert_string_equal(v[0].reason, "it's \"needed\"");
	assert_true(v[0].at_ms >= r.started_ms);
	assert_string_equal(v[1].action, "postcopy");
	journal_decisions_free(v, n);
	assert_int_equal(journal_decisions(j, "nothing", &v, &n, NULL), 0);
	assert_int_equal(n, 0);
	journal_decisions_free(v, n);
}

/* Two handles, as two processes have them. */
static void requests(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *mover = open_at(p->path), *other = open_at(p->path);
	auto_record struct migration_record r = { 0 };
	auto_free char *none = NULL, *answer = NULL;
	auto_err struct err err = ERR_INIT;
	struct request_record *v;
	int64_t first, second;
	size_t n;

	begin(mover, &r, "web1");
	assert_int_equal(journal_request(other, r.id, "max-downtime", 500, &first, NULL), 0);
	assert_int_equal(journal_request(other, r.id, "cancel", 0, &second, NULL), 0);
	assert_int_equal(journal_answer_get(other, first, &none, NULL), 1);
	assert_int_equal(journal_requests(mover, r.id, &v, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(v[0].seq, first);
	assert_string_equal(v[0].kind, "max-downtime");
	assert_int_equal(v[0].value, 500);
	assert_string_equal(v[1].kind, "cancel");
	journal_requests_free(v, n);
	assert_int_equal(journal_answer(mover, first, "done", NULL), 0);
	assert_int_equal(journal_answer_get(other, first, &answer, NULL), 0);
	assert_string_equal(answer, "done");
	assert_int_equal(journal_requests(mover, r.id, &v, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(v[0].seq, second);
	journal_requests_free(v, n);
	assert_int_equal(journal_request(other, "nothing", "cancel", 0, &first, &err), -1);
	assert_int_equal(journal_answer(mover, 999, "done", NULL), -1);
}

/* ---- how guests were defined ---- */

#define auto_definition AUTO(definition_record_clear)
#define UUID_1 "3f0c2a60-5b0e-4c1f-9d4b-0a8b1d3a7c11"
#define UUID_2 "3f0c2a60-5b0e-4c1f-9d4b-0a8b1d3a7c12"

static struct definition_record definition(const char *uuid, const char *host, const char *guest, const char *xml,
					   int64_t at_ms)
{
	return (struct definition_record) { .uuid = (char *)(uintptr_t)uuid,
					    .host = (char *)(uintptr_t)host,
					    .guest = (char *)(uintptr_t)guest,
					    .xml = (char *)(uintptr_t)xml,
					    .at_ms = at_ms };
}

static void expect_definition(struct journal *j, const char *guest, const char *host, const char *xml)
{
	auto_definition struct definition_record d = { 0 };
	auto_err struct err err = ERR_INIT;
	int rc = journal_definition_get(j, guest, host, &d, &err);

	assert_int_equal(rc, xml ? 0 : 1);
	assert_true(str_eq(d.xml, xml));
	assert_null(err.id);
}

static void definitions(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_definition struct definition_record back = { 0 };
	struct definition_record v[] = {
		definition(UUID_1, "alpha", "web1", "<a/>", 1000),
		definition(UUID_1, "beta", "web1", "<b/>", 3000),
		definition(UUID_2, "alpha", "it's", "<domain>'größe'\n</domain>", 2000),
	};

	expect_definition(j, "web1", "alpha", NULL);
	assert_int_equal(journal_definitions_put(j, v, 0, NULL), 0);
	v[2].autostart = true;
	assert_int_equal(journal_definitions_put(j, v, ARRAY_SIZE(v), NULL), 0);
	journal_close(STEAL(j));
	j = open_at(p->path);
	assert_int_equal(journal_definition_get(j, "it's", "alpha", &back, NULL), 0);
	assert_string_equal(back.uuid, UUID_2);
	assert_string_equal(back.host, "alpha");
	assert_string_equal(back.guest, "it's");
	assert_string_equal(back.xml, v[2].xml);
	assert_true(back.autostart);
	assert_int_equal(back.at_ms, 2000);
	expect_definition(j, "web1", "alpha", "<a/>");
	expect_definition(j, UUID_1, "alpha", "<a/>");
	expect_definition(j, UUID_1, "beta", "<b/>");
	/* each host has its own */
	expect_definition(j, "web1", "gamma", NULL);
	expect_definition(j, "web1", "", NULL);
	expect_definition(j, "it's", "beta", NULL);
	expect_definition(j, "web", "alpha", NULL);
	expect_definition(j, "web1' OR '1", "alpha", NULL);
}

static void definitions_are_replaced(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	struct definition_record v[] = {
		definition(UUID_1, "alpha", "web1", "<a/>", 1000),
		definition(UUID_1, "alpha", "web1", "<c/>", 2000),
		/* another one that has the name now */
		definition(UUID_2, "alpha", "web1", "<d/>", 3000),
	};

	assert_int_equal(journal_definitions_put(j, &v[0], 1, NULL), 0);
	assert_int_equal(journal_definitions_put(j, &v[1], 1, NULL), 0);
	expect_definition(j, "web1", "alpha", "<c/>");
	assert_int_equal(journal_definitions_put(j, &v[2], 1, NULL), 0);
	expect_definition(j, "web1", "alpha", "<d/>");
	expect_definition(j, UUID_1, "alpha", "<c/>");
	/* a new name of the same guest */
	v[1].guest = (char *)(uintptr_t) "web2";
	v[1].at_ms = 4000;
	assert_int_equal(journal_definitions_put(j, &v[1], 1, NULL), 0);
	expect_definition(j, "web2", "alpha", "<c/>");
	expect_definition(j, "web1", "alpha", "<d/>");
}

static void definitions_all_or_none(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	struct definition_record v[] = {
		definition(UUID_1, "alpha", "web1", "<a/>", 1000),
		definition(UUID_2, "alpha", "db1", NULL, 1000),
	};
	auto_err struct err err = ERR_INIT;

	assert_int_equal(journal_definitions_put(j, v, ARRAY_SIZE(v), &err), -1);
	assert_true(err_is(&err, E_JOURNAL));
	expect_definition(j, "web1", "alpha", NULL);
	/* and the handle goes on */
	assert_int_equal(journal_definitions_put(j, v, 1, NULL), 0);
	expect_definition(j, "web1", "alpha", "<a/>");
}

/* As the vmmig before definitions had it: its records are there, and definitions can be put. */
static void an_older_schema(void **state)
{
	struct place *p = *state;
	struct definition_record v[] = { definition(UUID_1, "alpha", "web1", "<a/>", 1000) };
	auto_record struct migration_record r = { 0 }, back = { 0 };
	struct journal *j = open_at(p->path);

	begin(j, &r, "web1");
	journal_close(j);
	sql(p->path, "DROP TABLE definition; ALTER TABLE migration DROP COLUMN new_there;"
		     "ALTER TABLE migration DROP COLUMN leftover; PRAGMA user_version = 4");
	j = open_at(p->path);
	assert_int_equal(journal_find(j, r.id, &back, NULL), 0);
	assert_string_equal(back.guest, "web1");
	expect_definition(j, "web1", "alpha", NULL);
	assert_int_equal(journal_definitions_put(j, v, 1, NULL), 0);
	expect_definition(j, "web1", "alpha", "<a/>");
	journal_close(j);
}

/* ---- what is unfinished ---- */

static void record(struct journal *j, const char *guest, const char *uuid, const char *mode, int64_t started_ms,
		   bool ended, int exit_status)
{
	auto_record struct migration_record r = { .guest = xstrdup(guest), .uuid = xstrdup(uuid) };

	r.mode = xstrdup(mode);
	assert_int_equal(journal_begin(j, &r, NULL), 0);
	r.status = MIG_FAILED;
	r.exit_status = exit_status;
	r.ended_ms = ended ? started_ms + 1 : 0;
	assert_int_equal(journal_update(j, &r, NULL), 0);
}

/* Records get their start from the clock: the next one is later. */
static void next_ms(void)
{
	usleep(2000);
}

static void unfinished(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);

	record(j, "a", UUID_1, "live", 1, false, -1);
	record(j, "b", UUID_2, "live", 1, true, STATUS_UNDECIDED);
	record(j, "c", "c", "live", 1, true, STATUS_FAILED);
	record(j, "d", "d", "recover", 1, false, -1);
	record(j, "e", "e", "recover", 1, true, STATUS_UNDECIDED);
	record(j, "f", NULL, NULL, 1, false, -1); /* it died before it knew more */
	expect_list(j, NULL, true, 0, "f b a ");
	expect_list(j, NULL, false, 0, "f e d c b a ");
	next_ms();
	/* what fails, or has no end, takes nothing back */
	record(j, "a", UUID_1, "live", 1, true, STATUS_FAILED);
	record(j, "b", UUID_2, "recover", 1, false, -1);
	expect_list(j, NULL, true, 0, "f b a ");
	/* an act of recover's is not the end of what was killed */
	record(j, "a", UUID_1, "recover", 1, true, STATUS_OK);
	expect_list(j, NULL, true, 0, "f b a ");
	next_ms();
	record(j, "a2", UUID_1, "live", 1, true, STATUS_OK); /* the same guest, whatever its name */
	expect_list(j, NULL, true, 0, "f b ");
	record(j, "b", UUID_2, "recover", 1, true, STATUS_OK);
	expect_list(j, NULL, true, 0, "f ");
	next_ms();
	record(j, "a", UUID_1, "live", 1, false, -1); /* and a new one */
	expect_list(j, NULL, true, 0, "a f ");
	expect_list(j, UUID_1, true, 1, "a ");
}

/* What is left at a host stays there, wherever the guest goes afterwards. */
/* It was ended, or taken, since it was read: then nothing is written. */
static void taken_over_once(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 }, one = { 0 }, other = { 0 }, late = { 0 };
	auto_err struct err err = ERR_INIT, err2 = ERR_INIT;

	begin(j, &r, "web1");
	r.pid = 1; /* of a process before us */
	assert_int_equal(journal_update(j, &r, NULL), 0);
	sql(p->path, "UPDATE migration SET pid = 1, pid_start = 1");
	assert_int_equal(journal_find(j, r.id, &one, NULL), 0);
	assert_int_equal(journal_find(j, r.id, &other, NULL), 0);
	assert_int_equal(journal_take_over(j, &one, NULL), 0);
	assert_int_equal(journal_take_over(j, &other, &err), -1);
	assert_true(err_is(&err, E_NOT_UNDER_WAY));
	assert_int_equal(journal_find(j, r.id, &late, NULL), 0);
	one.ended_ms = 1234;
	one.exit_status = STATUS_OK;
	assert_int_equal(journal_update(j, &one, NULL), 0);
	assert_int_equal(journal_take_over(j, &late, &err2), -1);
	assert_true(err_is(&err2, E_NOT_UNDER_WAY));
	expect_list(j, NULL, true, 0, "");
}

static void unfinished_with_leftover(void **state)
{
	struct place *p = *state;
	auto_journal struct journal *j = open_at(p->path);
	auto_record struct migration_record r = { 0 };

	record(j, "a", UUID_1, "block", 1, true, STATUS_UNREACHABLE);
	expect_list(j, NULL, true, 0, "");
	begin(j, &r, "b");
	r.exit_status = STATUS_FAILED;
	r.ended_ms = r.started_ms;
	r.leftover = true;
	assert_int_equal(journal_update(j, &r, NULL), 0);
	next_ms();
	record(j, "b", r.uuid, "live", 1, true, STATUS_OK);
	expect_list(j, NULL, true, 0, "b ");
	r.leftover = false;
	assert_int_equal(journal_update(j, &r, NULL), 0);
	expect_list(j, NULL, true, 0, "");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(records),
		CASE(effects_and_events),
		CASE(samples),
		CASE(decisions),
		CASE(requests),
		CASE(wrong_records),
		CASE(lists),
		cmocka_unit_test(status_names),
		CASE(process_alive),
		CASE(modes),
		CASE(foreign_files),
		CASE(damaged_files),
		CASE(read_only),
		CASE(threads),
		CASE(threads_and_transactions),
		CASE(several_writers),
		CASE(readers_do_not_wait),
		CASE(locked),
		CASE(killed_writers),
		CASE(no_space),
		CASE(definitions),
		CASE(definitions_are_replaced),
		CASE(definitions_all_or_none),
		CASE(an_older_schema),
		CASE(unfinished),
		CASE(taken_over_once),
		CASE(unfinished_with_leftover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of a host: the answers as they are parsed, and the real scripts of lib/host/files-script.c, run here in
 * a directory of their own, as root or not.
 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/files-private.h"

enum { MIB = 1 << 20, WAIT_MS = 20000, PORT_MIN = 41000, PORT_MAX = 41063 };

static char dir[] = "/tmp/vmmig-files-XXXXXX";

/* ---- what a host said ---- */

#define HEAD " 64769 1234 1048576 2048 1700000000.123456789 1700000001.000000001 107 109 libvirt-qemu kvm "
#define LABEL "system_u:object_r:svirt_image_t:s0"
#define TAIL " - n y y y 64770 1000 4096"
#define FILE_LINE "y 81a4" HEAD LABEL TAIL "\n"
#define NO_FILE "- - - - - - - - - - - - - "

static void same_text(const char *a, const char *b)
{
	if (!str_eq(a, b))
		fail_msg("\"%s\" is not \"%s\"", a ? a : "NULL", b ? b : "NULL");
}

static void parse_good(void **state)
{
	struct file_fact f[1] = { 0 };

	(void)state;
	assert_int_equal(files_parse_stat("end\n", 0, NULL), 0);
	assert_int_equal(files_parse_stat(FILE_LINE "end\n", 1, f), 0);
	assert_int_equal(f[0].present, FACT_YES);
	assert_int_equal(f[0].kind, 'f');
	assert_int_equal(f[0].mode, 0644);
	assert_true(f[0].id.dev == 64769 && f[0].id.ino == 1234);
	assert_true(f[0].size == 1048576 && f[0].allocated == 1048576);
	assert_true(f[0].mtime_ns == 1700000000123456789 && f[0].ctime_ns == 1700000001000000001);
	assert_true(f[0].uid == 107 && f[0].gid == 109);
	same_text(f[0].user, "libvirt-qemu");
	same_text(f[0].group, "kvm");
	same_text(f[0].label, LABEL);
	assert_true(f[0].dir_writable == FACT_YES && f[0].dir_is_parent && !f[0].dir_is_none);
	assert_true(f[0].dir_dev == 64770 && f[0].avail == 4096000);
	file_fact_clear(&f[0]);
	assert_null(f[0].user);
}

static void parse_kinds(void **state)
{
	/*
	 * A directory of nobody that has a name; a block device in use, and one of unknown size; nothing there, and a
	 * file in the way; a link to nowhere; a directory that may not be searched; a socket older than 1970; a huge
	 * disk.
	 */
	static const char text[] =
		"y 41ed 1 2 4096 8 0.000000000 0.000000000 0 4294967295 - - - - n n y y 1 0 512\n"
		"y 61b0 5 9 0 8 1 2 0 6 root disk - 1073741824 y y y y 5 10 4096\n"
		"y 61b0 5 9 0 0 1.000000000 2.000000000 0 6 root disk - - n y y y 5 10 4096\n"
		"n " NO_FILE "n y n y 7 100 4096\n"
		"n " NO_FILE "n n n n 7 100 4096\n"
		"l " NO_FILE "n y y y 7 100 4096\n"
		"u " NO_FILE "n n n y 7 - -\n"
		"y c1ff 1 2 0 0 -5.999999999 -1.000000000 0 0 root root - - n y y y 1 1 1\n"
		"y 8fff 1 2 0 0 1 1 0 0 root root - - n y y y 1 1152921504606846976 1073741824\nend\n";
	static const struct {
		enum fact present;
		char kind;
		unsigned mode;
		uint64_t size;
		enum fact busy, writable;
		bool parent, none;
		uint64_t avail;
	} want[] = {
		{ FACT_YES, 'd', 0755, 4096, FACT_UNKNOWN, FACT_NO, true, false, 0 },
		{ FACT_YES, 'b', 0660, 1 << 30, FACT_YES, FACT_YES, true, false, 40960 },
		{ FACT_YES, 'b', 0660, 0, FACT_NO, FACT_YES, true, false, 40960 },
		{ FACT_NO, 0, 0, 0, FACT_UNKNOWN, FACT_YES, false, false, 409600 },
		{ FACT_NO, 0, 0, 0, FACT_UNKNOWN, FACT_NO, false, true, 409600 },
		{ FACT_YES, 'o', 0, 0, FACT_UNKNOWN, FACT_YES, true, false, 409600 },
		{ FACT_UNKNOWN, 0, 0, 0, FACT_UNKNOWN, FACT_NO, false, false, UINT64_MAX },
		{ FACT_YES, 'o', 0777, 0, FACT_UNKNOWN, FACT_YES, true, false, 1 },
		{ FACT_YES, 'f', 07777, 0, FACT_UNKNOWN, FACT_YES, true, false, UINT64_C(1) << 60 },
	};
	struct file_fact f[ARRAY_SIZE(want)] = { 0 };

	(void)state;
	assert_int_equal(files_parse_stat(text, ARRAY_SIZE(want), f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		if (f[i].present != want[i].present || f[i].kind != want[i].kind || f[i].mode != want[i].mode ||
		    f[i].size != want[i].size || f[i].busy != want[i].busy || f[i].dir_writable != want[i].writable ||
		    f[i].dir_is_parent != want[i].parent || f[i].dir_is_none != want[i].none ||
		    f[i].avail != want[i].avail)
			fail_msg("line %zu", i);
		assert_true(f[i].mtime_ns >= 0);
		file_fact_clear(&f[i]);
	}
}

/* One word of a good line changed: then nothing of the answer is used, also not of the good lines before it. */
static const char *const hostile[] = {
	"",
	"end\n",
	FILE_LINE, /* one line only */
	FILE_LINE "\n",
	FILE_LINE FILE_LINE,
	FILE_LINE FILE_LINE "end", /* this one is good: see below */
	FILE_LINE FILE_LINE FILE_LINE "end\n",
	"end\n" FILE_LINE FILE_LINE,
	/* the last line is missing, and "end" is none */
	FILE_LINE "end\n",
	FILE_LINE "end\n" FILE_LINE,
	FILE_LINE FILE_LINE "END\n",
	FILE_LINE FILE_LINE "end \n",
	FILE_LINE FILE_LINE "the end\n",
	FILE_LINE "y 81a4" HEAD LABEL " - n y y y 64770 1000\nend\n",
	FILE_LINE "y 81a4" HEAD LABEL TAIL " 1\nend\n",
	FILE_LINE "y\nend\n",
	FILE_LINE "x 81a4" HEAD LABEL TAIL "\nend\n",
	FILE_LINE "yy 81a4" HEAD LABEL TAIL "\nend\n",
	FILE_LINE "y 81g4" HEAD LABEL TAIL "\nend\n",
	FILE_LINE "y -" HEAD LABEL TAIL "\nend\n",
	FILE_LINE "y 81a4 -1 1 1 1 1 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 18446744073709551616 1 1 1 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1152921504606846977 1 1 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 2251799813685249 1 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 9223372037 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 x 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 1. 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 1.12345678 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 1.12345678x 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 1.-23456789 1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 1 0x1 1 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 1 1 4294967296 1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 81a4 1 1 1 1 1 1 1 -1 a a a - n y y y 1 1 1\nend\n",
	FILE_LINE "y 61b0 1 1 1 1 1 1 1 1 a a a 1152921504606846977 n y y y 1 1 1\nend\n",
	FILE_LINE "y 61b0 1 1 1 1 1 1 1 1 a a a big n y y y 1 1 1\nend\n",
	FILE_LINE "n " NO_FILE "n y n y - 100 4096\nend\n",
	FILE_LINE "n " NO_FILE "n y n y 7 100 -\nend\n",
	FILE_LINE "n " NO_FILE "n y n y 7 100 1073741825\nend\n",
	FILE_LINE "n " NO_FILE "n y n y 7 1152921504606846977 1\nend\n",
	FILE_LINE "l " NO_FILE "n y n y x 100 4096\nend\n",
	FILE_LINE "u " NO_FILE "n y n y 7 -1 4096\nend\n",
};

static void parse_hostile(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		struct file_fact f[2] = { 0 };
		int rc = files_parse_stat(hostile[i], 2, f);

		if (rc != (i == 5 ? 0 : -1))
			fail_msg("case %zu is taken: %s", i, hostile[i]);
		for (size_t k = 0; k < 2; k++) {
			if (rc < 0 && (f[k].present || f[k].user || f[k].size || f[k].kind))
				fail_msg("case %zu: something is left", i);
			file_fact_clear(&f[k]);
		}
	}
}

static void parse_strings(void **state)
{
	struct file_fact f = { 0 };
	auto_free char *line = str_printf("y 81a4 1 2 3 4 5 6 7 8 \033[2J %0300d x\177\xff - n y y y 1 1 1\nend\n", 7);

	(void)state;
	assert_int_equal(files_parse_stat(line, 1, &f), 0);
	assert_true(strlen(f.user) && !strchr(f.user, '\033'));
	assert_true(strlen(f.group) <= 255 + 4);
	for (const char *p = f.label; *p; p++)
		assert_int_not_equal(*p, 0x7f);
	file_fact_clear(&f);
}

static const struct {
	const char *text;
	bool good;
	uint64_t dev, ino;
} ids[] = {
	{ "1:2", true, 1, 2 },
	{ "0:0", true, 0, 0 },
	{ "18446744073709551615:18446744073709551615", true, UINT64_MAX, UINT64_MAX },
	{ "18446744073709551616:1", false, 0, 0 },
	{ "1:18446744073709551616", false, 0, 0 },
	{ NULL, false, 0, 0 },
	{ "", false, 0, 0 },
	{ ":", false, 0, 0 },
	{ "1:", false, 0, 0 },
	{ ":1", false, 0, 0 },
	{ "12", false, 0, 0 },
	{ "1:2:3", false, 0, 0 },
	{ "-1:2", false, 0, 0 },
	{ "+1:2", false, 0, 0 },
	{ " 1:2", false, 0, 0 },
	{ "1: 2", false, 0, 0 },
	{ "1:2 ", false, 0, 0 },
	{ "1:2\n", false, 0, 0 },
	{ "0x1:2", false, 0, 0 },
	{ "a:b", false, 0, 0 },
};

static void identities(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct file_id id = { 77, 77 };
		int rc = file_id_parse(ids[i].text, &id);
		auto_free char *text = file_id_text(id);

		if ((rc == 0) != ids[i].good || (ids[i].good && (id.dev != ids[i].dev || id.ino != ids[i].ino)))
			fail_msg("\"%s\": %d", ids[i].text, rc);
		if (ids[i].good)
			same_text(text, ids[i].text);
	}
	assert_true(file_id_eq((struct file_id) { 1, 2 }, (struct file_id) { 1, 2 }));
	assert_false(file_id_eq((struct file_id) { 1, 2 }, (struct file_id) { 1, 3 }));
	assert_false(file_id_eq((struct file_id) { 1, 2 }, (struct file_id) { 2, 2 }));
}

static void names(void **state)
{
	static const struct {
		const char *path, *temp, *part;
	} v[] = {
		{ "/a", "/.a.vmmig-ID", "/.a.vmmig-part" },
		{ "/srv/x/web1.qcow2", "/srv/x/.web1.qcow2.vmmig-ID", "/srv/x/.web1.qcow2.vmmig-part" },
		{ "/srv/ a'b", "/srv/. a'b.vmmig-ID", "/srv/. a'b.vmmig-part" },
		{ "/-rf", "/.-rf.vmmig-ID", "/.-rf.vmmig-part" },
		{ "/x/%s%n", "/x/.%s%n.vmmig-ID", "/x/.%s%n.vmmig-part" },
		{ "/x/.hidden", "/x/..hidden.vmmig-ID", "/x/..hidden.vmmig-part" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		auto_free char *temp = file_temp_name(v[i].path, "ID"), *part = file_part_name(v[i].path);

		same_text(temp, v[i].temp);
		same_text(part, v[i].part);
	}
	for (int g = FILE_REMOVED; g <= FILE_BUSY_DIR; g++)
		assert_string_not_equal(file_gone_name((enum file_gone)g), "unknown");
}

/* ---- running the scripts ---- */

/* One that stays: its process, and its input and output. */
struct held {
	pid_t pid;
	int in, out;
};

#define ARGS(...) ((const char *const[]) { __VA_ARGS__, NULL })

struct ran {
	int status;
	char *out, *err;
};

static void ran_clear(struct ran *r)
{
	free(r->out);
	free(r->err);
}
#define auto_ran AUTO(ran_clear)

static char *slurp(int fd)
{
	struct buf b = { 0 };
	char chunk[4096];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	buf_add(&b, "", 0);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&b, chunk, (size_t)n);
	close(fd);
	return b.p;
}

static char *drain_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return slurp(fd);
}

/* In a child: sh -c SCRIPT vmmig ARGS…, as sshd would run it. */
static void become(const char *script, const char *const args[], int in, int out, int err)
{
	const char *argv[128] = { "sh", "-c", script, "vmmig" };

	for (size_t i = 0; args[i] && i < 123; i++)
		argv[4 + i] = args[i];
	if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0)
		execvp("sh", (char *const *)(uintptr_t)argv);
	_exit(126);
}

/* Its input stays open until it ends, as a session's does. */
static struct ran run_input(const char *script, const char *const args[], const char *input)
{
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC), status = -1, in[2];
	struct ran r;
	pid_t pid;

	assert_true(out >= 0 && err >= 0 && pipe2(in, O_CLOEXEC) == 0);
	assert_int_equal(write(in[1], input, strlen(input)), strlen(input));
	pid = fork();
	if (pid == 0)
		become(script, args, in[0], out, err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(in[0]);
	close(in[1]);
	r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
	r.out = slurp(out);
	r.err = slurp(err);
	return r;
}

static struct ran run(const char *script, const char *const args[])
{
	return run_input(script, args, "");
}

/* It succeeds, and its first line is in r.out. */
static struct ran good(const char *script, const char *const args[])
{
	struct ran r = run(script, args);

	if (r.status != 0)
		fail_msg("status %d: %s", r.status, r.err);
	r.out[strcspn(r.out, "\n")] = '\0';
	return r;
}

static void says(const char *script, const char *const args[], const char *word)
{
	struct ran r auto_ran = good(script, args);

	same_text(r.out, word);
}

/* It fails and says why. */
static void refuses(const char *script, const char *const args[], const char *why)
{
	struct ran r auto_ran = run(script, args);

	if (r.status == 0 || !strstr(r.err, why))
		fail_msg("status %d, \"%s\", not \"%s\"", r.status, r.err, why);
}

/* A path below the test's directory; forgotten at the end of the process. */
static const char *at(const char *name)
{
	static char paths[32][PATH_MAX];
	static size_t next;
	char *p = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(p, PATH_MAX, "%s/%s", dir, name);
	return p;
}

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void put(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Its identity as text; forgotten like at()'s. */
static const char *ident(const char *path)
{
	static char texts[8][64];
	static size_t next;
	char *p = texts[next++ % ARRAY_SIZE(texts)];
	struct stat st;

	if (stat(path, &st) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	snprintf(p, 64, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return p;
}

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *fmt, ...)
{
	auto_free char *command = NULL;
	va_list ap;

	va_start(ap, fmt);
	command = str_vprintf(fmt, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void qcow2(const char *path, const char *options, const char *size)
{
	shell("qemu-img create -q -f qcow2 %s -- '%s' %s", options, path, size);
}

static bool have(const char *tool)
{
	auto_free char *command = str_printf("command -v %s >/dev/null 2>&1", tool);

	return system(command) == 0;
}

static void need_tools(void)
{
	if (!have("qemu-img") || !have("qemu-io"))
		skip();
}

/* ---- stat ---- */

static void stat_one(const char *path, struct file_fact *f)
{
	struct ran r auto_ran = run(files_stat_script, ARGS(path));

	*f = (struct file_fact) { 0 };
	if (r.status != 0 || files_parse_stat(r.out, 1, f) < 0)
		fail_msg("%s: status %d: %s%s", path, r.status, r.out, r.err);
}

static const char *const odd_names[] = {
	"plain",
	"with space",
	"two  spaces ",
	"it's",
	"\"quoted\"",
	"-rf",
	"--",
	"$(touch pwned)",
	"`id`",
	"a;b",
	"a|b&c",
	"*",
	"?[a-z]",
	"back\\slash",
	"new\nline",
	"tab\there",
	"a,b",
	"a,,b=c",
	"gr\xc3\xb6\xc3\x9f"
	"e",
	"\xff\xfe",
	"#x",
	"~",
	"%s%n",
	"nbd:x",
};

static void stat_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		const char *p = at(odd_names[i]);
		struct file_fact f;

		stat_one(p, &f);
		if (f.present != FACT_NO || !f.dir_is_parent || f.dir_is_none)
			fail_msg("%s is there already", p);
		file_fact_clear(&f);
		put(p, "12345");
		stat_one(p, &f);
		if (f.present != FACT_YES || f.kind != 'f' || f.size != 5 || f.mode != 0644)
			fail_msg("%s: kind %d, %ju bytes", p, f.kind, (uintmax_t)f.size);
		file_fact_clear(&f);
		unlink(p);
	}
	assert_false(there("pwned"));
	assert_false(there(at("pwned")));
}

static void stat_kinds(void **state)
{
	struct file_fact f;

	(void)state;
	mkdir(at("d"), 0750);
	stat_one(at("d"), &f);
	assert_true(f.present == FACT_YES && f.kind == 'd' && f.mode == 0750 && f.avail > 0);
	assert_true(f.uid == getuid() && f.dir_writable == FACT_YES);
	file_fact_clear(&f);
	assert_int_equal(symlink("nowhere", at("dangling")), 0);
	stat_one(at("dangling"), &f);
	assert_true(f.present == FACT_YES && f.kind == 'o');
	file_fact_clear(&f);
	assert_int_equal(symlink("d", at("link")), 0);
	stat_one(at("link"), &f);
	assert_true(f.present == FACT_YES && f.kind == 'd');
	file_fact_clear(&f);
	stat_one("/dev/null", &f);
	assert_true(f.present == FACT_YES && f.kind == 'o');
	file_fact_clear(&f);
	stat_one("/", &f);
	assert_true(f.present == FACT_YES && f.kind == 'd');
	file_fact_clear(&f);
	stat_one("/vmmig-is-not-here", &f);
	assert_true(f.present == FACT_NO && f.dir_is_parent && !f.dir_is_none);
	file_fact_clear(&f);
	stat_one(at("no/such/dir"), &f);
	assert_true(f.present == FACT_NO && !f.dir_is_parent && f.dir_writable == FACT_YES);
	file_fact_clear(&f);
	shell("truncate -s 10M '%s'", at("sparse"));
	stat_one(at("sparse"), &f);
	assert_true(f.size == 10 * MIB && f.allocated < MIB);
	file_fact_clear(&f);
}

/* A file where a directory should be. */
static void stat_in_the_way(void **state)
{
	struct file_fact f;

	(void)state;
	put(at("way"), "");
	chmod(at("way"), 0755);
	stat_one(at("way/x"), &f);
	assert_true(f.present == FACT_NO && f.dir_is_none);
	file_fact_clear(&f);
	/* also one that may not be executed, which is no directory that may not be searched */
	chmod(at("way"), 0644);
	stat_one(at("way/x"), &f);
	assert_true(f.present == FACT_NO && f.dir_is_none);
	file_fact_clear(&f);
}

static void stat_unsearchable(void **state)
{
	struct file_fact f;

	(void)state;
	if (geteuid() == 0)
		skip();
	mkdir(at("shut"), 0700);
	put(at("shut/x"), "");
	chmod(at("shut"), 0600);
	stat_one(at("shut/x"), &f);
	assert_true(f.present == FACT_UNKNOWN && f.kind == 0);
	file_fact_clear(&f);
	chmod(at("shut"), 0500);
	stat_one(at("shut/y"), &f);
	assert_true(f.present == FACT_NO && f.dir_writable == FACT_NO);
	file_fact_clear(&f);
	chmod(at("shut"), 0700);
}

static void stat_many(void **state)
{
	struct file_fact f[100] = { 0 };
	const char *args[101] = { 0 };

	(void)state;
	for (size_t i = 0; i < 100; i++)
		args[i] = i % 2 ? "/" : "/vmmig-is-not-here";
	{
		struct ran r auto_ran = run(files_stat_script, args);

		assert_int_equal(files_parse_stat(r.out, 100, f), 0);
	}
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(f[i].present, i % 2 ? FACT_YES : FACT_NO);
		file_fact_clear(&f[i]);
	}
}

/* A loop device of 3 MiB; skips where there is none to be had. */
static char *loop_device(void)
{
	char *loop;

	if (geteuid() != 0 || !have("losetup"))
		skip();
	shell("truncate -s 3M '%s'; losetup -f --show '%s' >'%s' 2>/dev/null || :", at("disk"), at("disk"), at("loop"));
	loop = drain_file(at("loop"));
	loop[strcspn(loop, "\n")] = '\0';
	if (*loop)
		return loop;
	free(loop);
	skip();
	return NULL;
}

static void stat_block_device(void **state)
{
	auto_free char *loop = loop_device();
	struct file_fact f;

	(void)state;
	stat_one(loop, &f);
	shell("losetup -d %s", loop);
	assert_true(f.present == FACT_YES && f.kind == 'b' && f.size == 3 * MIB && f.busy == FACT_NO);
	file_fact_clear(&f);
}

/* Opened by its own node, and by another one, as QEMU does: libvirt gives it a /dev of its own. */
static void stat_busy_device(void **state)
{
	auto_free char *loop = loop_device();
	struct stat st;

	(void)state;
	assert_int_equal(stat(loop, &st), 0);
	for (int i = 0; i < 2; i++) {
		const char *node = i ? at("node") : loop;
		struct file_fact f;
		int fd;

		if (i && mknod(node, S_IFBLK | 0600, st.st_rdev) < 0)
			break;
		fd = open(node, O_RDONLY | O_CLOEXEC);
		stat_one(loop, &f);
		if (fd < 0 && i)
			break; /* no devices on this file system */
		close(fd);
		if (f.busy != FACT_YES)
			shell("losetup -d %s", loop);
		assert_true(f.busy == FACT_YES);
		file_fact_clear(&f);
	}
	shell("losetup -d %s", loop);
}

/* ---- making ---- */

static void mode_and_owner(const char *path, unsigned mode, unsigned uid, unsigned gid)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	/* only root can give files away */
	assert_int_equal(st.st_uid, geteuid() == 0 ? uid : geteuid());
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, gid);
}

static void make_dirs(void **state)
{
	static const struct {
		const char *mode, *uid, *gid, *user, *group;
		unsigned want_mode, want_uid, want_gid;
	} v[] = {
		{ "755", "0", "0", "root", "root", 0755, 0, 0 },
		{ "700", "12345", "54321", "", "", 0700, 12345, 54321 },
		{ "2770", "12345", "54321", "no-such-user", "no-such-group", 02770, 12345, 54321 },
		{ "1777", "12345", "54321", "root", "root", 01777, 0, 0 },
		/* no name with a colon or a dash in front is syntax */
		{ "755", "12345", "54321", "-R", "x", 0755, 12345, 54321 },
		/* a name is known of one of the two only */
		{ "700", "12345", "0", "", "root", 0700, 12345, 0 },
		{ "700", "1", "54321", "daemon", "", 0700, 1, 54321 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		const char *d = at("a 'dir'");
		struct ran r auto_ran =
			good(files_make_dir_script, ARGS(d, v[i].mode, v[i].uid, v[i].gid, v[i].user, v[i].group, ""));

		same_text(r.out, ident(d));
		mode_and_owner(d, v[i].want_mode, v[i].want_uid, v[i].want_gid);
		refuses(files_make_dir_script, ARGS(d, "755", "0", "0", "", "", ""), "exists");
		assert_int_equal(rmdir(d), 0);
	}
	refuses(files_make_dir_script, ARGS(at("no/such"), "755", "0", "0", "", "", ""), "No such file");
	/* a label that there is none here of: left, not an error */
	{
		struct ran r auto_ran =
			good(files_make_dir_script, ARGS(at("labelled"), "755", "0", "0", "", "", "no_such:label"));

		same_text(r.out, ident(at("labelled")));
	}
}

static void make_raw(void **state)
{
	const char *p = at(".x y.vmmig-1");
	struct ran r auto_ran = good(files_make_image_script,
				     ARGS(p, "640", "12345", "54321", "", "", "", "raw", "", "1048577", "", ""));
	struct stat st;

	(void)state;
	same_text(r.out, ident(p));
	mode_and_owner(p, 0640, 12345, 54321);
	assert_int_equal(stat(p, &st), 0);
	assert_true(st.st_size == 1048577 && st.st_blocks == 0);
	/* what is there stays */
	put(p, "precious");
	refuses(files_make_image_script, ARGS(p, "640", "0", "0", "", "", "", "raw", "", "5", "", ""), "exist");
	assert_int_equal(stat(p, &st), 0);
	assert_int_equal(st.st_size, 8);
}

static void info_has(const char *path, const char *const words[])
{
	auto_free char *out = NULL;

	shell("qemu-img info -U --output=json -- '%s' >'%s'", path, at("info"));
	out = drain_file(at("info"));
	for (size_t i = 0; words[i]; i++)
		if (!strstr(out, words[i]))
			fail_msg("%s: no %s in %s", path, words[i], out);
}

static void make_qcow2(void **state)
{
	static const char options[] =
		"compat=1.1,cluster_size=131072,refcount_bits=8,lazy_refcounts=off,extended_l2=off,"
		"compression_type=zlib";
	const char *p = at(".v.qcow2.vmmig-1"), *over = at(".over"), *base = at("it's a, base");

	(void)state;
	need_tools();
	{
		struct ran r auto_ran = good(files_make_image_script, ARGS(p, "600", "12345", "54321", "", "", "",
									   "qcow2", options, "67109376", "", ""));

		same_text(r.out, ident(p));
	}
	mode_and_owner(p, 0600, 12345, 54321);
	info_has(p, ARGS("\"virtual-size\": 67109376", "\"cluster-size\": 131072", "\"refcount-bits\": 8"));
	shell("qemu-img create -q -f raw -- \"%s\" 1M", base);
	{
		struct ran r auto_ran = good(files_make_image_script, ARGS(over, "600", "0", "0", "", "", "", "qcow2",
									   "", "2097152", base, "raw"));
	}
	info_has(over, ARGS("it's a, base", "\"backing-filename-format\": \"raw\"", "\"virtual-size\": 2097152"));
}

/* What cannot be made leaves nothing. */
static void make_fails(void **state)
{
	static const struct {
		const char *format, *options, *size, *backing, *backing_format;
	} v[] = {
		{ "qcow2", "cluster_size=3", "1048576", "", "" },
		{ "qcow2", "no_such=1", "1048576", "", "" },
		{ "qcow2", "", "-5", "", "" },
		{ "qcow2", "", "1048576", "/vmmig-is-not-here", "raw" },
		{ "no-such-format", "", "1048576", "", "" },
		{ "raw", "", "lots", "", "" },
	};

	(void)state;
	need_tools();
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		const char *p = at(".fails");
		struct ran r auto_ran =
			run(files_make_image_script, ARGS(p, "600", "0", "0", "", "", "", v[i].format, v[i].options,
							  v[i].size, v[i].backing, v[i].backing_format));

		if (r.status == 0 || there(p) || !*r.err)
			fail_msg("case %zu: status %d, %s", i, r.status, r.err);
	}
	refuses(files_make_image_script, ARGS(at("no/x"), "600", "0", "0", "", "", "", "raw", "", "5", "", ""), "");
	if (geteuid() != 0)
		return;
	refuses(files_make_image_script, ARGS(at(".fails"), "600", "x-y", "0", "", "", "", "raw", "", "5", "", ""),
		"chown");
	assert_false(there(at(".fails")));
	refuses(files_make_dir_script, ARGS(at(".dir"), "700", "x-y", "0", "", "", ""), "chown");
	assert_false(there(at(".dir")));
}

/* ---- publishing ---- */

static void publishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		const char *to = at(odd_names[i]);
		auto_free char *temp = file_temp_name(to, "20260101-x");
		auto_free char *id = NULL;

		put(temp, "new");
		id = xstrdup(ident(temp));
		says(files_publish_script, ARGS(temp, to, id), "");
		assert_false(there(temp));
		same_text(ident(to), id);
		unlink(to);
		mkdir(temp, 0700);
		free(id);
		id = xstrdup(ident(temp));
		says(files_publish_script, ARGS(temp, to, id), "");
		assert_false(there(temp));
		same_text(ident(to), id);
		rmdir(to);
	}
}

static void publish_replaces_nothing(void **state)
{
	static const char *const ways[] = { "printf precious >'%s'", "mkdir '%s'", "ln -s nowhere '%s'", "mkfifo '%s'",
					    "ln -s . '%s'" };
	const char *to = at("taken");

	(void)state;
	for (size_t dirs = 0; dirs < 2; dirs++)
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
			const char *temp = at(".taken.vmmig-1");
			auto_free char *command = NULL;
			struct buf b = { 0 };
			struct stat before, after;

			for (const char *p = ways[i]; *p; p++)
				if (*p == '%')
					p++, buf_add(&b, to, strlen(to));
				else
					buf_add(&b, p, 1);
			command = b.p;
			shell("rm -rf '%s' '%s'; %s", to, temp, command);
			if (dirs)
				mkdir(temp, 0700);
			else
				put(temp, "new");
			assert_int_equal(lstat(to, &before), 0);
			refuses(files_publish_script, ARGS(temp, to, ident(temp)), "exists");
			assert_int_equal(lstat(to, &after), 0);
			assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
			assert_true(there(temp));
		}
	shell("rm -rf '%s' '%s'", to, at(".taken.vmmig-1"));
}

static void publish_only_its_own(void **state)
{
	(void)state;
	put(at(".t"), "");
	refuses(files_publish_script, ARGS(at(".t"), at("new"), "1:1"), "not what was made");
	refuses(files_publish_script, ARGS(at(".t"), at("new"), ""), "not what was made");
	refuses(files_publish_script, ARGS(at(".gone"), at("new"), "1:1"), "not what was made");
	refuses(files_publish_script, ARGS(at(".t"), at("no/dir"), ident(at(".t"))), "");
	assert_true(there(at(".t")));
	assert_false(there(at("new")));
}

/* ---- removing, renaming ---- */

static void removes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		const char *p = at(odd_names[i]);

		put(p, "x");
		says(files_remove_script, ARGS(p, ident(p)), "removed");
		assert_false(there(p));
		says(files_remove_script, ARGS(p, "1:1"), "absent");
		mkdir(p, 0700);
		says(files_remove_script, ARGS(p, ident(p)), "removed");
		assert_false(there(p));
	}
}

static void removes_only_its_own(void **state)
{
	const char *p = at("file"), *d = at("full");
	auto_free char *id = NULL;

	(void)state;
	put(p, "x");
	says(files_remove_script, ARGS(p, "1:1"), "changed");
	says(files_remove_script, ARGS(p, ""), "changed");
	assert_true(there(p));
	id = xstrdup(ident(p));
	put(at("file.new"), "y");
	assert_int_equal(rename(at("file.new"), p), 0);
	says(files_remove_script, ARGS(p, id), "changed");
	assert_int_equal(symlink("nowhere", at("dangles")), 0);
	says(files_remove_script, ARGS(at("dangles"), "1:1"), "changed");
	mkdir(d, 0700);
	put(at("full/x"), "");
	says(files_remove_script, ARGS(d, ident(d)), "full");
	assert_true(there(at("full/x")) && there(at("dangles")));
}

/* Another process has it open, for reading only. */
static pid_t holder(const char *path, bool lock)
{
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (lock)
			flock(fd, LOCK_SH);
		if (fd >= 0 && write(fds[1], "", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static void open_files_stay(void **state)
{
	const char *p = at("open one");

	(void)state;
	for (int lock = 0; lock < 2; lock++) {
		pid_t pid;

		put(p, "x");
		pid = holder(p, lock);
		says(files_remove_script, ARGS(p, ident(p)), "open");
		says(files_rename_script, ARGS(p, at("other"), ident(p)), "open");
		assert_true(there(p) && !there(at("other")));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		says(files_rename_script, ARGS(p, at("other"), ident(p)), "removed");
		says(files_remove_script, ARGS(at("other"), ident(at("other"))), "removed");
	}
}

static void renames(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		const char *p = at(odd_names[i]);
		auto_free char *to = str_printf("%s.vmmig-quarantine-20260101-x", p), *id = NULL;

		put(p, "x");
		id = xstrdup(ident(p));
		says(files_rename_script, ARGS(p, to, "1:1"), "changed");
		says(files_rename_script, ARGS(p, to, id), "removed");
		assert_false(there(p));
		same_text(ident(to), id);
		says(files_rename_script, ARGS(p, to, id), "absent");
		unlink(to);
	}
}

static void rename_replaces_nothing(void **state)
{
	const char *p = at("from"), *to = at("to");

	(void)state;
	put(p, "x");
	put(to, "precious");
	refuses(files_rename_script, ARGS(p, to, ident(p)), "exists");
	unlink(to);
	assert_int_equal(symlink("nowhere", to), 0);
	refuses(files_rename_script, ARGS(p, to, ident(p)), "exists");
	unlink(to);
	mkdir(to, 0700);
	refuses(files_rename_script, ARGS(p, to, ident(p)), "exists");
	assert_true(there(p) && !there(at("to/from")));
	rmdir(to);
	refuses(files_rename_script, ARGS(p, at("no/to"), ident(p)), "");
	assert_true(there(p));
}

/* ---- digests ---- */

static char *digest(const char *path, const char *kind, const char *cluster)
{
	struct ran r = good(files_digest_script, ARGS(path, kind, cluster));

	free(r.err);
	assert_int_equal(strspn(r.out, "0123456789abcdef"), 64);
	r.out[64] = '\0';
	return r.out;
}

static void digest_all(void **state)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char none[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		auto_free char *hex = NULL, *empty = NULL;
		const char *p = at(odd_names[i]);

		put(p, "abc");
		hex = digest(p, "all", "0");
		same_text(hex, abc);
		put(p, "");
		empty = digest(p, "all", "0");
		same_text(empty, none);
		unlink(p);
	}
	refuses(files_digest_script, ARGS(at("gone"), "all", "0"), "");
	/* of nothing there is no digest: two of them would be the same */
	refuses(files_digest_script, ARGS(at("gone"), "rebased", "65536"), "");
}

static void two_overlays(const char *size, const char *names[4])
{
	auto_free char *o = str_printf("-o cluster_size=%s,compat=1.1 -u -b '%s' -F raw", size, at(names[2]));

	shell("rm -f '%s' '%s'", at(names[0]), at(names[1]));
	qcow2(at(names[0]), o, "32M");
	shell("qemu-io -f raw -c 'write 0 1k' '%s' >/dev/null 2>&1 || :; truncate -s 32M '%s'; truncate -s 32M '%s'",
	      at(names[2]), at(names[2]), at(names[3]));
	shell("qemu-io -f qcow2 -c 'write -P 7 3M 1M' '%s' >/dev/null", at(names[0]));
	shell("cp '%s' '%s'; qemu-img rebase -u -f qcow2 -b '%s' -F raw '%s'", at(names[0]), at(names[1]), at(names[3]),
	      at(names[1]));
}

static void digest_rebased(void **state)
{
	static const char *const sizes[] = { "65536", "2097152", "512", "4096" };
	const char *files[] = { "one", "two", "base", "a base/of a much longer name, with an odd ending'" };

	(void)state;
	need_tools();
	files[3] = "a base of a much longer name";
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		auto_free char *a = NULL, *b = NULL, *all_a = NULL, *all_b = NULL, *c = NULL;

		two_overlays(sizes[i], files);
		a = digest(at("one"), "rebased", sizes[i]);
		b = digest(at("two"), "rebased", sizes[i]);
		all_a = digest(at("one"), "all", sizes[i]);
		all_b = digest(at("two"), "all", sizes[i]);
		same_text(a, b);
		assert_string_not_equal(all_a, all_b);
		shell("qemu-io -f qcow2 -c 'write -P 8 3M 512' '%s' >/dev/null", at("two"));
		c = digest(at("two"), "rebased", sizes[i]);
		if (strcmp(a, c) == 0)
			fail_msg("clusters of %s: a changed one is not seen", sizes[i]);
	}
}

/* Of the header all counts but where the name stands. */
static void digest_header(void **state)
{
	static const struct {
		off_t at;
		bool seen;
	} v[] = { { 0, true },    { 7, true },    { 8, false },  { 15, false }, { 16, false },
		  { 19, false },  { 20, true },   { 31, true },  { 47, true },  { 71, true },
		  { 200, false }, { 511, false }, { 512, true }, { 1023, true } };
	unsigned char data[1024] = { 'Q', 'F', 'I', 0xfb };
	auto_free char *before = NULL;
	const char *p = at("header");

	(void)state;
	write_file(p, data, sizeof(data));
	before = digest(p, "rebased", "512");
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		auto_free char *after = NULL;

		data[v[i].at] ^= 1;
		write_file(p, data, sizeof(data));
		after = digest(p, "rebased", "512");
		if ((strcmp(before, after) != 0) != v[i].seen)
			fail_msg("byte %jd", (intmax_t)v[i].at);
		data[v[i].at] ^= 1;
	}
}

/* Whoever asked has gone: reading ends with it. */
static int let_go(struct held *h);
static struct held hold(const char *script, const char *const args[]);

static void digest_ends(void **state)
{
	const char *p = at("endless");
	struct held h;

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = mkfifo(p, 0600) == 0 ? open(p, O_RDWR | O_CLOEXEC) : -1;

		assert_true(fd >= 0);
		h = hold(files_digest_script, ARGS(p, i ? "rebased" : "all", "512"));
		usleep(300000);
		assert_int_equal(waitpid(h.pid, NULL, WNOHANG), 0);
		assert_int_not_equal(let_go(&h), 0);
		unlink(p); /* or a reader that comes now would wait for ever for somebody who writes */
		close(fd);
	}
}

/* ---- parts ---- */

/* Marks of a part, or a failed test. */
static void part_is(const char *part, const char *what, const char *size, const char *marks)
{
	struct ran r auto_ran = run(files_part_open_script, ARGS(part, what, size));
	const char *nl = strchr(r.out, '\n');
	auto_free char *first = NULL;

	if (r.status != 0 || !nl)
		fail_msg("%s: status %d: %s", part, r.status, r.err);
	first = xstrndup(r.out, (size_t)(nl - r.out));
	same_text(first, ident(part));
	same_text(nl + 1, marks);
}

static void parts(void **state)
{
	static const char what[] = "0123:al pha 64769:12 3145728 1700000000123456789";
	const char *p = at(".a 'base'.vmmig-part"), *s = at(".a 'base'.vmmig-part.state");
	auto_free char *id = NULL;
	struct stat st;

	(void)state;
	part_is(p, what, "3145728", "");
	assert_int_equal(stat(p, &st), 0);
	assert_true(st.st_size == 3145728 && (st.st_mode & 07777) == 0600);
	id = xstrdup(ident(p));
	shell("printf content >\"%s\"", p);
	says(files_part_mark_script, ARGS(p, "0"), "");
	says(files_part_mark_script, ARGS(p, "134217728"), "");
	part_is(p, what, "3145728", "0\n134217728\n");
	same_text(ident(p), id);
	assert_int_equal(stat(p, &st), 0);
	assert_int_equal(st.st_size, 7);
	/* of another file, it begins anew */
	part_is(p, "another", "10", "");
	assert_int_equal(stat(p, &st), 0);
	assert_int_equal(st.st_size, 10);
	/* no record, no content */
	says(files_part_mark_script, ARGS(p, "0"), "");
	unlink(s);
	part_is(p, "another", "0", "");
	/* a record without a file is none, either */
	says(files_part_mark_script, ARGS(p, "0"), "");
	unlink(p);
	part_is(p, "another", "5", "");
	says(files_part_drop_script, ARGS(p), "");
	says(files_part_drop_script, ARGS(p), "");
	assert_false(there(p) || there(s));
}

static void part_of_odd_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		auto_free char *part = file_part_name(at(odd_names[i])), *state_file = str_printf("%s.state", part);

		part_is(part, "x", "1", "");
		says(files_part_mark_script, ARGS(part, "$(id)"), "");
		part_is(part, "x", "1", "$(id)\n");
		says(files_part_drop_script, ARGS(part), "");
		assert_false(there(part) || there(state_file));
	}
	/* what stands in the way is not taken away */
	mkdir(at(".d.vmmig-part"), 0700);
	refuses(files_part_open_script, ARGS(at(".d.vmmig-part"), "x", "1"), "");
	assert_true(there(at(".d.vmmig-part")));
	refuses(files_part_open_script, ARGS(at(".e.vmmig-part"), "x", "lots"), "");
	assert_false(there(at(".e.vmmig-part")));
	refuses(files_part_open_script, ARGS(at("no/.e.vmmig-part"), "x", "1"), "");
}

static void part_finishes(void **state)
{
	const char *p = at(".b.vmmig-part");
	auto_free char *id = NULL;

	(void)state;
	need_tools();
	part_is(p, "w", "0", "");
	put(at(".b.vmmig-part.download"), "");
	id = xstrdup(ident(p));
	says(files_part_finish_script, ARGS(p, "444", "12345", "54321", "", "", "", "", ""), id);
	mode_and_owner(p, 0444, 12345, 54321);
	assert_false(there(at(".b.vmmig-part.state")) || there(at(".b.vmmig-part.download")));
	unlink(p);
	/* with another backing file in its header */
	part_is(p, "w", "0", "");
	shell("truncate -s 1M '%s'", at("old"));
	shell("qemu-img create -q -f qcow2 -b '%s' -F raw '%s' 1M", at("old"), p);
	says(files_part_finish_script, ARGS(p, "600", "0", "0", "", "", "", "/new, it's/base", "raw"), ident(p));
	info_has(p, ARGS("\"backing-filename\": \"/new, it's/base\""));
	unlink(p);
	/* what is no qcow2 has no name to change, and its record stays */
	part_is(p, "w", "1024", "");
	refuses(files_part_finish_script, ARGS(p, "600", "0", "0", "", "", "", "/new", "raw"), "");
	assert_true(there(p) && there(at(".b.vmmig-part.state")));
	refuses(files_part_finish_script, ARGS(at("gone"), "600", "0", "0", "", "", "", "", ""), "");
}

/* ---- commands that stay ---- */

static struct held hold(const char *script, const char *const args[])
{
	int in[2], out[2], err = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct held h;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	h.pid = fork();
	if (h.pid == 0)
		become(script, args, in[0], out[1], err);
	close(in[0]);
	close(out[1]);
	close(err);
	h.in = in[1];
	h.out = out[0];
	return h;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Its first line; "" at its end. Caller frees. */
static char *first_line(struct held *h)
{
	int64_t until = now_ms() + WAIT_MS;
	struct buf b = { 0 };
	char c;

	buf_add(&b, "", 0);
	for (;;) {
		struct pollfd p = { .fd = h->out, .events = POLLIN };

		if (now_ms() > until || poll(&p, 1, WAIT_MS) != 1)
			fail_msg("no line from a command that stays");
		if (read(h->out, &c, 1) != 1 || c == '\n')
			return b.p;
		buf_add(&b, &c, 1);
	}
}

/* Ends its input, and gives its exit status. */
static int let_go(struct held *h)
{
	int64_t until = now_ms() + WAIT_MS;
	int status;

	close(h->in);
	while (waitpid(h->pid, &status, WNOHANG) == 0) {
		if (now_ms() > until) {
			kill(h->pid, SIGKILL);
			fail_msg("a command stays after the end of its input");
		}
		usleep(2000);
	}
	close(h->out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void need_run(void)
{
	if (access("/run", W_OK) != 0)
		skip();
}

static char *lock_file(const char *name)
{
	auto_free char *out = NULL;

	put(at("name"), name);
	shell("sha256sum <'%s' | cut -c1-32 | tr -d '\\n' >'%s'", at("name"), at("hash"));
	out = drain_file(at("hash"));
	return str_printf("/run/vmmig-%s.lock", out);
}

static void takes(const char *const args[], const char *word, struct held *h)
{
	auto_free char *line = NULL;

	*h = hold(files_lock_script, args);
	line = first_line(h);
	same_text(line, word);
}

static void locks(void **state)
{
	auto_free char *a = str_printf("%s/a $(id) 'x'", dir), *b = str_printf("%s/-b", dir), *file = lock_file(a);
	auto_free char *file_b = lock_file(b);
	struct held one, two, three;

	(void)state;
	need_run();
	takes(ARGS("s", a), "held", &one);
	assert_true(there(file));
	takes(ARGS("s", b, a), "held", &two);
	takes(ARGS("x", a), "busy", &three);
	assert_int_equal(let_go(&three), 0);
	/* all or none: b is free again */
	takes(ARGS("x", b, a), "busy", &three);
	let_go(&three);
	let_go(&two);
	assert_true(there(file));
	assert_false(there(file_b));
	takes(ARGS("x", b, a), "busy", &three);
	let_go(&three);
	assert_false(there(file_b));
	takes(ARGS("x", b), "held", &three);
	takes(ARGS("s", b), "busy", &two);
	let_go(&two);
	let_go(&one);
	assert_false(there(file));
	takes(ARGS("x", a), "held", &one);
	assert_int_equal(let_go(&one), 0);
	assert_int_equal(let_go(&three), 0);
	assert_false(there(file) || there(file_b));
}

static void lock_many(void **state)
{
	auto_free char *name = str_printf("%s/lock-%%d", dir);
	struct held one, two;
	const char *args[27] = { "s" };

	(void)state;
	need_run();
	for (int i = 1; i < 26; i++)
		args[i] = str_printf("%s/many-%d", dir, i);
	takes(args, "held", &one);
	takes(ARGS("x", args[25]), "busy", &two);
	let_go(&two);
	assert_int_equal(let_go(&one), 0);
	for (int i = 1; i < 26; i++) {
		auto_free char *file = lock_file(args[i]);

		assert_false(there(file));
		free((char *)(uintptr_t)args[i]);
	}
}

/* Many at once: never two have it. */
static void lock_race(void **state)
{
	auto_free char *name = str_printf("%s/race", dir), *file = lock_file(name);

	(void)state;
	need_run();
	for (int round = 0; round < 5; round++) {
		struct held h[8];
		int held = 0;

		for (size_t i = 0; i < ARRAY_SIZE(h); i++)
			h[i] = hold(files_lock_script, ARGS("x", name));
		for (size_t i = 0; i < ARRAY_SIZE(h); i++) {
			auto_free char *line = first_line(&h[i]);

			held += str_eq(line, "held");
		}
		assert_int_equal(held, 1);
		for (size_t i = 0; i < ARRAY_SIZE(h); i++)
			let_go(&h[i]);
		assert_false(there(file));
	}
}

/* ---- from host to host ---- */

struct receiving {
	struct held h;
	char port[8], key[80];
	pid_t nbd;
	char nbd_dir[64];
};

/* The qemu-nbd that serves this part, and where its key lies. */
static pid_t nbd_of(const char *part, char key_dir[64])
{
	struct dirent *e;
	DIR *d = opendir("/proc");
	pid_t found = 0;

	while (d && !found && (e = readdir(d))) {
		auto_free char *path = str_printf("/proc/%s/cmdline", e->d_name);
		int fd = *e->d_name >= '1' && *e->d_name <= '9' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		char line[8192] = "";
		const char *p;
		ssize_t n;

		if (fd < 0)
			continue;
		n = read(fd, line, sizeof(line) - 1);
		close(fd);
		for (ssize_t i = 0; i < n; i++)
			if (!line[i])
				line[i] = ' ';
		p = strstr(line, "dir=/run/vmmig-nbd.");
		if (!str_starts(line, "qemu-nbd ") || !strstr(line, part) || !p)
			continue;
		found = (pid_t)atoi(e->d_name);
		snprintf(key_dir, 64, "%.*s", (int)strcspn(p + 4, " "), p + 4);
	}
	if (d)
		closedir(d);
	return found;
}

static void receive(struct receiving *r, const char *part, const char *address, const char *min, const char *max)
{
	auto_free char *line = NULL;

	*r = (struct receiving) { .h = hold(files_receive_script, ARGS(part, address, min, max)) };
	line = first_line(&r->h);
	if (sscanf(line, "%7s %79s", r->port, r->key) != 2 || strlen(r->key) != 64 || atoi(r->port) > PORT_MAX ||
	    atoi(r->port) < PORT_MIN)
		fail_msg("the receiver says \"%s\"", line);
	r->nbd = nbd_of(part, r->nbd_dir);
	assert_true(r->nbd > 0);
	assert_true(there(r->nbd_dir));
}

static void gone_within(pid_t pid)
{
	for (int64_t until = now_ms() + WAIT_MS; kill(pid, 0) == 0; usleep(2000))
		if (now_ms() > until)
			fail_msg("qemu-nbd lives on");
}

static void received(struct receiving *r)
{
	assert_int_equal(let_go(&r->h), 0);
	gone_within(r->nbd);
	assert_false(there(r->nbd_dir));
}

static struct ran send_piece(const struct receiving *r, const char *path, uint64_t offset, uint64_t length,
			     const char *rate)
{
	auto_free char *key = str_printf("%s\n", r->key), *from = str_printf("%ju", (uintmax_t)offset);
	auto_free char *len = str_printf("%ju", (uintmax_t)length);

	return run_input(files_send_script, ARGS(path, "file", "127.0.0.1", r->port, from, len, rate, RECEIVER_EXPORT),
			 key);
}

static void sends(const struct receiving *r, const char *path, uint64_t offset, uint64_t length)
{
	struct ran x auto_ran = send_piece(r, path, offset, length, "");

	if (x.status != 0)
		fail_msg("%s: status %d: %s", path, x.status, x.err);
}

static void need_nbd(void)
{
	need_run();
	if (!have("qemu-nbd") || !have("qemu-img"))
		skip();
}

#define RANGE "41000", "41063"

/* 8 MiB: data, a hole of 4 MiB, data. */
static void make_source(const char *path)
{
	shell("rm -f \"%s\"; head -c 2097152 /dev/urandom >\"%s\"; truncate -s 6291456 \"%s\"; head -c 2097152 "
	      "/dev/urandom >>\"%s\"",
	      path, path, path, path);
}

static void content_moves(void **state)
{
	static const char *const from[] = { "source", "odd, name=x,y 'q'" };
	struct stat st;

	(void)state;
	need_nbd();
	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		const char *src = at(from[i]), *part = at(i ? ".p, =x 'y'.vmmig-part" : ".p.vmmig-part");
		struct receiving r;

		make_source(src);
		part_is(part, "w", "8388608", "");
		receive(&r, part, "127.0.0.1", RANGE);
		assert_int_equal(atoi(r.port) >= PORT_MIN, 1);
		/* pieces in any order, and one twice */
		sends(&r, src, 4 * MIB, 4 * MIB);
		sends(&r, src, 0, 4 * MIB);
		sends(&r, src, 4 * MIB, 4 * MIB);
		shell("cmp \"%s\" \"%s\"", src, part);
		received(&r);
		shell("cmp \"%s\" \"%s\"", src, part);
		assert_int_equal(stat(part, &st), 0);
		assert_true(st.st_size == 8 * MIB);
		if (st.st_blocks * 512 > 5 * MIB)
			fail_msg("holes were filled: %jd KiB", (intmax_t)st.st_blocks / 2);
		says(files_part_drop_script, ARGS(part), "");
	}
}

/* A piece is a piece: what lies beside it stays. */
static void pieces_stay_apart(void **state)
{
	const char *src = at("zeros"), *part = at(".z.vmmig-part");
	struct receiving r;

	(void)state;
	need_nbd();
	shell("truncate -s 3M '%s'; head -c 3145728 /dev/zero | tr '\\0' x >'%s'; head -c 3145728 /dev/zero | tr '\\0' "
	      "x >'%s'",
	      src, part, at("want"));
	shell("dd if=/dev/zero of='%s' bs=1M seek=1 count=1 conv=notrunc status=none", at("want"));
	receive(&r, part, "127.0.0.1", RANGE);
	sends(&r, src, MIB, MIB);
	received(&r);
	shell("cmp '%s' '%s'", part, at("want"));
	unlink(part);
}

/* QEMU sends whole sectors; what is too much is cut off afterwards. */
static void odd_sizes(void **state)
{
	static const unsigned sizes[] = { 1, 1000, 1049088, 1048577 };
	struct receiving r;

	(void)state;
	need_nbd();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const char *src = at("odd"), *part = at(".odd.vmmig-part");
		unsigned sent = (sizes[i] + 511) / 512 * 512;
		auto_free char *size = str_printf("%u", sent);

		shell("head -c %u /dev/urandom >'%s'", sizes[i], src);
		part_is(part, "w", size, "");
		receive(&r, part, "127.0.0.1", RANGE);
		sends(&r, src, 0, sent);
		received(&r);
		shell("truncate -s %u '%s'; cmp '%s' '%s'", sizes[i], part, src, part);
		says(files_part_drop_script, ARGS(part), "");
	}
}

static void wrong_keys(void **state)
{
	static const char *const keys[] = { "", "0123", "zz",
					    "0000000000000000000000000000000000000000000000000000000000000000" };
	const char *src = at("secret"), *part = at(".s.vmmig-part");
	struct receiving r, other;
	auto_free char *before = NULL, *after = NULL;

	(void)state;
	need_nbd();
	make_source(src);
	part_is(part, "w", "8388608", "");
	before = digest(part, "all", "0");
	receive(&r, part, "127.0.0.1", RANGE);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		other = r;
		snprintf(other.key, sizeof(other.key), "%s", keys[i]);
		{
			struct ran x auto_ran = send_piece(&other, src, 0, MIB, "");

			assert_int_not_equal(x.status, 0);
			assert_null(strstr(x.err, r.key));
		}
	}
	/* and not at all without TLS */
	shell("! timeout 20 qemu-img info nbd://127.0.0.1:%s/vmmig >/dev/null 2>&1", r.port);
	received(&r);
	after = digest(part, "all", "0");
	same_text(after, before);
}

static void two_receivers(void **state)
{
	const char *a = at(".1.vmmig-part"), *b = at(".2.vmmig-part"), *c = at(".3.vmmig-part");
	struct receiving one, two;
	struct held three;
	auto_free char *line = NULL;

	(void)state;
	need_nbd();
	part_is(a, "w", "1048576", "");
	part_is(b, "w", "1048576", "");
	part_is(c, "w", "1048576", "");
	receive(&one, a, "127.0.0.1", RANGE);
	receive(&two, b, "127.0.0.1", RANGE);
	assert_int_not_equal(atoi(one.port), atoi(two.port));
	/* no port is left: it says nothing, and leaves nothing */
	three = hold(files_receive_script, ARGS(c, "127.0.0.1", one.port, one.port));
	line = first_line(&three);
	same_text(line, "");
	assert_int_not_equal(let_go(&three), 0);
	assert_int_equal(nbd_of(c, two.nbd_dir + 0), 0);
	received(&one);
	assert_int_equal(let_go(&two.h), 0);
	gone_within(two.nbd);
}

static void receiver_fails(void **state)
{
	(void)state;
	need_nbd();
	{
		struct ran r auto_ran = run(files_receive_script, ARGS(at("gone"), "127.0.0.1", RANGE));

		assert_int_not_equal(r.status, 0);
		same_text(r.out, "");
		assert_true(*r.err);
	}
	put(at("p"), "");
	{
		struct ran r auto_ran = run(files_receive_script, ARGS(at("p"), "192.0.2.1", RANGE));

		assert_int_not_equal(r.status, 0);
		assert_true(*r.err);
	}
}

/* The receiver goes while a piece is on its way: the sender fails, and leaves no key behind. */
static void sender_cleans_up(void **state)
{
	const char *src = at("gone-src"), *part = at(".g.vmmig-part");
	auto_free char *path = NULL, *log = NULL, *rest = NULL;
	struct receiving r;
	const char *p;

	(void)state;
	need_nbd();
	make_source(src);
	part_is(part, "w", "8388608", "");
	receive(&r, part, "127.0.0.1", RANGE);
	/* a qemu-img that says where its key is */
	mkdir(at("bin"), 0700);
	shell("printf '#!/bin/sh\\necho \"$@\" >>\"%s\"\\nexec %s \"$@\"\\n' >'%s'; chmod 755 '%s'", at("log"),
	      "/usr/bin/qemu-img", at("bin/qemu-img"), at("bin/qemu-img"));
	path = xstrdup(getenv("PATH"));
	rest = str_printf("%s:%s", at("bin"), path);
	setenv("PATH", rest, 1);
	sends(&r, src, 0, MIB);
	received(&r);
	{
		struct ran x auto_ran = send_piece(&r, src, 0, MIB, "10");

		assert_int_not_equal(x.status, 0);
	}
	setenv("PATH", path, 1);
	log = drain_file(at("log"));
	for (p = log; (p = strstr(p, "dir=/run/vmmig-nbd.")); p += 4) {
		auto_free char *key_dir = xstrndup(p + 4, strcspn(p + 4, ", \n"));

		assert_false(there(key_dir));
	}
	assert_non_null(strstr(log, "-r 10M"));
	assert_null(strstr(log, r.key));
}

/*
 * Nobody reads its answer any more, as when vmmig was killed just now: the echo must not take the script with it
 * before it has put things away.
 */
static void receiver_without_reader(void **state)
{
	const char *part = at(".nr.vmmig-part");
	struct held h;
	char key_dir[64] = "";
	pid_t pid = 0;

	(void)state;
	need_nbd();
	part_is(part, "w", "1048576", "");
	h = hold(files_receive_script, ARGS(part, "127.0.0.1", RANGE));
	close(h.out);
	h.out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int64_t until = now_ms() + 3000; !pid && now_ms() < until; usleep(5000))
		pid = nbd_of(part, key_dir);
	let_go(&h);
	usleep(200000);
	pid = nbd_of(part, key_dir);
	if (pid) {
		kill(pid, SIGTERM);
		gone_within(pid);
		shell("rm -rf '%s'", key_dir);
		fail_msg("qemu-nbd and %s are left", key_dir);
	}
}

/* ---- */

static int setup(void **state)
{
	(void)state;
	umask(022);
	return mkdtemp(dir) ? 0 : -1;
}

/* Each test finds the directory empty. */
static int empty(void **state)
{
	(void)state;
	shell("find '%s' -mindepth 1 -delete", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	shell("rm -rf '%s'", dir);
	return 0;
}

#define T(fn) cmocka_unit_test_setup(fn, empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(parse_good),
		T(parse_kinds),
		T(parse_hostile),
		T(parse_strings),
		T(identities),
		T(names),
		T(stat_names),
		T(stat_kinds),
		T(stat_in_the_way),
		T(stat_unsearchable),
		T(stat_many),
		T(stat_block_device),
		T(stat_busy_device),
		T(make_dirs),
		T(make_raw),
		T(make_qcow2),
		T(make_fails),
		T(publishes),
		T(publish_replaces_nothing),
		T(publish_only_its_own),
		T(removes),
		T(removes_only_its_own),
		T(open_files_stay),
		T(renames),
		T(rename_replaces_nothing),
		T(digest_all),
		T(digest_rebased),
		T(digest_header),
		T(digest_ends),
		T(parts),
		T(part_of_odd_names),
		T(part_finishes),
		T(locks),
		T(lock_many),
		T(lock_race),
		T(content_moves),
		T(pieces_stay_apart),
		T(odd_sizes),
		T(wrong_keys),
		T(two_receivers),
		T(receiver_fails),
		T(sender_cleans_up),
		T(receiver_without_reader),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

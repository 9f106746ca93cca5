/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the survey's script answers, and what a host could answer in its place; and the real script, run here on a
 * process that has what a QEMU has.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/survey-private.h"

#define UUID "6f1e0b7a-0000-4000-8000-0123456789ab"
#define auto_survey AUTO(survey_clear)

static int parse(struct survey *s, const char *text)
{
	auto_free char *copy = xstrdup(text);

	survey_clear(s);
	return survey_parse(copy, s);
}

static void a_good_answer(void **state)
{
	struct survey s auto_survey = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "Q 4711 123456 3600 S " UUID "\n"
				   "D 64769 42 1700000000 - y /pool/web 1.qcow2\n"
				   "D 64770 43 0 wwn:0x5000c500 n /dev/mapper/lun\n"
				   "Q 1 2 3 D 00000000-0000-0000-0000-000000000000\n"
				   "S 2\n"
				   "L " UUID " held vmmig pid 12 on desk\n"
				   "L " UUID " stale \n"
				   "F 4096 17 part /pool/.a b.vmmig-part\n"
				   "F 0 -5 quarantine /pool/x.vmmig-quarantine-1\n"
				   "end\n"),
			 0);
	assert_int_equal(s.processes_n, 2);
	assert_int_equal(s.processes[0].pid, 4711);
	assert_int_equal(s.processes[0].start, 123456);
	assert_int_equal(s.processes[0].age_s, 3600);
	assert_int_equal(s.processes[0].state, 'S');
	assert_string_equal(s.processes[0].uuid, UUID);
	assert_int_equal(s.processes[0].disks_n, 2);
	assert_string_equal(s.processes[0].disks[0].path, "/pool/web 1.qcow2");
	assert_int_equal(s.processes[0].disks[0].id.dev, 64769);
	assert_int_equal(s.processes[0].disks[0].id.ino, 42);
	assert_int_equal(s.processes[0].disks[0].written_ms, INT64_C(1700000000000));
	assert_null(s.processes[0].disks[0].identity);
	assert_string_equal(s.processes[0].disks[1].identity, "wwn:0x5000c500");
	assert_int_equal(s.processes[0].disks[1].written_ms, 0);
	assert_int_equal(s.processes[0].disks[0].locked, FACT_YES);
	assert_int_equal(s.processes[0].disks[1].locked, FACT_NO);
	assert_int_equal(s.processes[1].disks_n, 0);
	assert_int_equal(s.servers, 2);
	assert_int_equal(s.leases_n, 2);
	assert_true(s.leases[0].held);
	assert_string_equal(s.leases[0].who, "vmmig pid 12 on desk");
	assert_false(s.leases[1].held);
	assert_string_equal(s.leases[1].who, "");
	assert_int_equal(s.files_n, 2);
	assert_string_equal(s.files[0].path, "/pool/.a b.vmmig-part");
	assert_int_equal(s.files[0].size, 4096);
	assert_int_equal(s.files[0].age_s, 17);
	assert_false(s.files[0].quarantined);
	assert_true(s.files[1].quarantined);
	assert_int_equal(s.files[1].age_s, -5);
}

static void not_whole(void **state)
{
	static const char *const texts[] = {
		"",           "\n\n",     "S 0\n", "Q 1 2 3 S " UUID "\n", "Q 1 2 3 S " UUID "\nen",
		"end\nS 0\n", /* the end is the end */
		" end\n",     "ending\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct survey s auto_survey = { 0 };

		if (parse(&s, texts[i]) != -1)
			fail_msg("taken for whole: \"%s\"", texts[i]);
	}
}

/* What belongs to a process that could not be read is nobody else's. */
static void orphans(void **state)
{
	struct survey s auto_survey = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "Q 1 2 3 S " UUID "\nQ 1 2 -1 S " UUID "\nI\nP 1F90\nD 1 2 3 - y /x\n"
				   "Q 7 2 3 S " UUID "\nI\nend\n"),
			 0);
	assert_int_equal(s.processes_n, 2);
	assert_false(s.processes[0].incoming);
	assert_int_equal(s.processes[0].ports_n, 0);
	assert_int_equal(s.processes[0].disks_n, 0);
	assert_true(s.processes[1].incoming);
}

/* A name with a newline in it makes such lines. */
static void garbage_is_left_out(void **state)
{
	static const char *const lines[] = {
		"Q",
		"Q ",
		"Q 1",
		"Q 1 2 3 S",
		"Q 1 2 3  " UUID,
		"Q 1 2 3 SS " UUID,
		"Q 1 2 3 S 6f1e0b7a",
		"Q 1 2 3 S 6F1E0B7A-0000-4000-8000-0123456789AB",
		"Q 1 2 3 S 6f1e0b7a-0000-4000-8000-0123456789abc",
		"Q -1 2 3 S " UUID,
		"Q 0x1 2 3 S " UUID,
		"Q 2147483648 2 3 S " UUID,
		"Q 1 18446744073709551616 3 S " UUID,
		"Q 1 2 9223372036854775808 S " UUID,
		"Q 1 2 -3 S " UUID,
		"I", /* of no QEMU */
		"P 170C",
		"D 1 2 3 - y /a",
		"D",
		"L",
		"L " UUID,
		"L 6f1e held who",
		"L ../../etc held who",
		"F",
		"F 1",
		"F 1 2",
		"F 1 2 part",
		"F 1 2 part relative",
		"F -1 2 part /a",
		"F 18446744073709551616 2 part /a",
		"S",
		"S -1",
		"S 10001",
		"S x",
		"X 1 2 3",
		"some text, as a banner has it",
		" Q 1 2 3 S " UUID,
		"QQ 1 2 3 S " UUID,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct survey s auto_survey = { 0 };
		auto_free char *text = str_printf("%s\nend\n", lines[i]);

		if (parse(&s, text) != 0)
			fail_msg("not whole: \"%s\"", lines[i]);
		if (s.processes_n || s.leases_n || s.files_n || s.servers)
			fail_msg("taken for something: \"%s\"", lines[i]);
	}
}

static void disks_out_of_range(void **state)
{
	static const char *const lines[] = {
		"D",
		"D 1",
		"D 1 2 3",
		"D 1 2 3 -",
		"D 1 2 3 - y",
		"D 1 2 3 - y ",
		"D 1 2 3 - y relative",
		"D 1 2 3 - /a",
		"D 1 2 3 -  /a",
		"D 1 2 3 - ",
		"D 1 2 3 - relative",
		"D 18446744073709551616 2 3 - y /a",
		"D 1 -2 3 - y /a",
		"D 1 2 9223372036854775807 - y /a", /* in ms it would be none */
		"D 1 2 3  y /a",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct survey s auto_survey = { 0 };
		auto_free char *text = str_printf("Q 1 2 3 S " UUID "\n%s\nend\n", lines[i]);

		assert_int_equal(parse(&s, text), 0);
		assert_int_equal(s.processes_n, 1);
		if (s.processes[0].disks_n)
			fail_msg("taken for a disk: \"%s\"", lines[i]);
	}
}

static void the_greatest_numbers(void **state)
{
	struct survey s auto_survey = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "Q 2147483647 18446744073709551615 9223372036854775807 R " UUID "\n"
				   "D 18446744073709551615 18446744073709551615 9223372036854775 - y /a\n"
				   "F 18446744073709551615 9999999999999999999999 part /a\n"
				   "S 10000\nend"),
			 0);
	assert_int_equal(s.processes[0].pid, INT32_MAX);
	assert_true(s.processes[0].start == UINT64_MAX);
	assert_true(s.processes[0].disks[0].id.ino == UINT64_MAX);
	assert_true(s.processes[0].disks[0].written_ms > 0);
	assert_true(s.files[0].size == UINT64_MAX);
	assert_int_equal(s.servers, 10000);
}

/* ---- what a QEMU was started for, where it listens, what it has locked ---- */

static void incoming_and_ports(void **state)
{
	static const struct {
		const char *lines;
		bool incoming;
		size_t n;
		uint16_t first;
	} cases[] = {
		{ "", false, 0, 0 },
		{ "I\n", true, 0, 0 },
		{ "I\nI\n", true, 0, 0 },
		{ "P 170C\n", false, 1, 5900 },
		{ "P c000\nP 170C\n", false, 2, 49152 },
		{ "P FFFF\nP 0001\nI\n", true, 2, 65535 },
		{ "P 170C\nP 170C\nP 170c\n", false, 1, 5900 }, /* by IPv4 and IPv6 */
		{ "P\nP \nP 0\nP 0000\nP 10000\nP 17 C\nP -17C\nP 0x1F\nP  17C\nP 5900x\nP \n", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct survey s auto_survey = { 0 };
		auto_free char *text = str_printf("Q 1 2 3 S " UUID "\n%send\n", cases[i].lines);

		assert_int_equal(parse(&s, text), 0);
		if (s.processes[0].incoming != cases[i].incoming || s.processes[0].ports_n != cases[i].n ||
		    (cases[i].n && s.processes[0].ports[0] != cases[i].first))
			fail_msg("\"%s\": %d, %zu ports, %d", cases[i].lines, s.processes[0].incoming,
				 s.processes[0].ports_n, s.processes[0].ports[0]);
	}
}

/* They are of the QEMU before them, not of the next one. */
static void each_line_to_its_process(void **state)
{
	struct survey s auto_survey = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "Q 1 2 3 S " UUID "\nQ 2 2 3 S " UUID "\nI\nP 0050\nD 1 2 3 - y /a\n"
				   "Q 3 2 3 S " UUID "\nQ bad\nend\n"),
			 0);
	assert_int_equal(s.processes_n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(s.processes[i].incoming, i == 1);
		assert_int_equal(s.processes[i].ports_n, i == 1);
		assert_int_equal(s.processes[i].disks_n, i == 1);
	}
	assert_int_equal(s.processes[1].ports[0], 80);
}

static void locks(void **state)
{
	static const struct {
		const char *words;
		enum fact locked;
	} cases[] = {
		{ "y", FACT_YES },       { "n", FACT_NO },       { "u", FACT_UNKNOWN }, { "Y", FACT_UNKNOWN },
		{ "yes", FACT_UNKNOWN }, { "nn", FACT_UNKNOWN }, { "?", FACT_UNKNOWN },
	};
	/* one file through several descriptors: the row is met first, then the column */
	static const enum fact both[3][3] = {
		{ FACT_UNKNOWN, FACT_UNKNOWN, FACT_YES }, /* u, then u, n, y */
		{ FACT_UNKNOWN, FACT_NO, FACT_YES },      /* n */
		{ FACT_YES, FACT_YES, FACT_YES },         /* y */
	};
	static const char words[] = "uny";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct survey s auto_survey = { 0 };
		auto_free char *text = str_printf("Q 1 2 3 S " UUID "\nD 1 2 3 - %s /a\nend\n", cases[i].words);

		assert_int_equal(parse(&s, text), 0);
		assert_int_equal(s.processes[0].disks_n, 1);
		if (s.processes[0].disks[0].locked != cases[i].locked)
			fail_msg("\"%s\": %d", cases[i].words, s.processes[0].disks[0].locked);
	}
	for (size_t a = 0; a < 3; a++)
		for (size_t b = 0; b < 3; b++) {
			struct survey s auto_survey = { 0 };
			auto_free char *text =
				str_printf("Q 1 2 3 S " UUID "\nD 1 2 3 - %c /a\nD 1 9 3 - y /b\nD 1 2 3 - %c /a\n"
					   "D 1 2 3 - y /link\nend\n",
					   words[a], words[b]);

			assert_int_equal(parse(&s, text), 0);
			assert_int_equal(s.processes[0].disks_n, 3);
			if (s.processes[0].disks[0].locked != both[a][b])
				fail_msg("%c, %c: %d", words[a], words[b], s.processes[0].disks[0].locked);
		}
}

/* Nothing of a host's reaches a terminal as it is, or fills the memory. */
static void strings_are_made_fit(void **state)
{
	struct survey s auto_survey = { 0 };
	struct buf text auto_buf = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "Q 1 2 3 S " UUID "\n"
				   "D 1 2 3 id\033[2J \033[2J /pool/\033]0;x\007\xff.img\n"
				   "L " UUID " held \033[31mred\r\n"
				   "F 1 2 part /pool/\001\n"
				   "end\n"),
			 0);
	for (int i = 0; i < 4; i++) {
		const char *p = i == 0   ? s.processes[0].disks[0].path
				: i == 1 ? s.processes[0].disks[0].identity
				: i == 2 ? s.leases[0].who
					 : s.files[0].path;

		for (; *p; p++)
			assert_true((unsigned char)*p >= ' ' && (unsigned char)*p < 127);
	}
	assert_string_equal(s.files[0].path, "/pool/\\x01");

	buf_addf(&text, "Q 1 2 3 S " UUID "\nD 1 2 3 - u /");
	for (int i = 0; i < 100000; i++)
		buf_add(&text, "a", 1);
	buf_addf(&text, "\nL " UUID " held ");
	for (int i = 0; i < 100000; i++)
		buf_add(&text, "b", 1);
	buf_addf(&text, "\nend\n");
	assert_int_equal(parse(&s, text.p), 0);
	assert_true(strlen(s.processes[0].disks[0].path) < 5000);
	assert_true(strlen(s.leases[0].who) < 300);
}

static void more_than_a_host_can_have(void **state)
{
	struct survey s auto_survey = { 0 };
	struct buf text auto_buf = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++) {
		buf_addf(&text, "Q 1 2 3 S " UUID "\n");
		buf_addf(&text, "L " UUID " held x\nF 1 2 part /a\n");
	}
	buf_addf(&text, "D 1 2 3 - y /a\nend\n");
	assert_int_equal(parse(&s, text.p), 0);
	assert_int_equal(s.processes_n, 4096);
	assert_int_equal(s.leases_n, 4096);
	assert_int_equal(s.files_n, 4096);
	assert_int_equal(s.processes[4095].disks_n, 0);
}

static void more_than_a_process_can_have(void **state)
{
	struct survey s auto_survey = { 0 };
	struct buf text auto_buf = { 0 };

	(void)state;
	buf_addf(&text, "Q 1 2 3 S " UUID "\n");
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "D 1 %d 3 - y /a\nI\nP %04X\n", i, i);
	buf_addf(&text, "end\n");
	assert_int_equal(parse(&s, text.p), 0);
	assert_int_equal(s.processes[0].disks_n, 4096);
	assert_int_equal(s.processes[0].ports_n, SURVEY_PORTS_MAX);
}

/* ---- the script ---- */

static char dir[] = "/tmp/vmmig-survey-XXXXXX";

/* 0; -1: processes are hidden from us here. */
static int survey_here(struct survey *s)
{
	auto_free char *path = str_printf("%s/script", dir), *command = str_printf("exec sh %s 2>/dev/null", path);
	struct buf answer auto_buf = { 0 };
	FILE *f = fopen(path, "we");
	char text[4096];
	int status;
	size_t n;

	assert_non_null(f);
	assert_true(fputs(survey_script, f) >= 0);
	assert_int_equal(fclose(f), 0);
	f = popen(command, "re");
	assert_non_null(f);
	while ((n = fread(text, 1, sizeof(text), f)) > 0)
		buf_add(&answer, text, n);
	status = pclose(f);
	if (WEXITSTATUS(status) == 3)
		return -1;
	assert_int_equal(status, 0);
	assert_int_equal(survey_parse(answer.p, s), 0);
	return 0;
}

static void lock(int fd, off_t start, off_t len)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	if (fcntl(fd, F_OFD_SETLK, &l) < 0)
		_exit(1);
}

static int open_file(const char *name, int flags)
{
	auto_free char *path = str_printf("%s/%s", dir, name);
	int fd = open(path, flags | O_CREAT, 0600);

	if (fd < 0)
		_exit(1);
	return fd;
}

/* In the child. Says its port, and is there until its input ends. */
static int be_a_qemu(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);
	char c;
	int fd;

	/* as QEMU does it: what it may do, and what it does not share */
	fd = open_file("image", O_RDWR);
	lock(fd, 100, 2);
	lock(fd, 103, 1);
	lock(fd, 201, 1);
	/* it may only read */
	fd = open_file("reads", O_RDWR);
	lock(fd, 100, 1);
	lock(fd, 102, 100);
	flock(fd, LOCK_SH);
	open_file("unlocked", O_RDWR);
	lock(open_file("whole file", O_RDWR), 0, 0);
	lock(open_file("backing", O_RDONLY), 100, 2);
	open_file("log", O_WRONLY | O_APPEND);
	if (bind(s, (struct sockaddr *)&a, len) < 0 || listen(s, 1) < 0 ||
	    getsockname(s, (struct sockaddr *)&a, &len) < 0 || other < 0)
		return 1;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return read(0, &c, 1) < 0;
}

struct child {
	pid_t pid;
	int input;
	unsigned port;
};

static void start_child(struct child *c, bool incoming)
{
	int in[2], out[2];
	char said[16] = "";

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (!c->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl("/proc/self/exe", "qemu", dir, "-uuid", UUID, incoming ? "-incoming" : "-name", "-incoming:no",
		      (char *)NULL);
		_exit(1);
	}
	close(in[0]);
	close(out[1]);
	assert_true(read(out[0], said, sizeof(said) - 1) > 0);
	close(out[0]);
	c->port = (unsigned)strtoul(said, NULL, 10);
	assert_true(c->port);
	c->input = in[1];
}

static void end_child(struct child *c)
{
	close(c->input);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
}

static const struct qemu_process *find(const struct survey *s, pid_t pid)
{
	for (size_t i = 0; i < s->processes_n; i++)
		if (s->processes[i].pid == pid)
			return &s->processes[i];
	fail_msg("process %d is not found", (int)pid);
	abort();
}

/* -1: it is not among them. */
static int locked(const struct qemu_process *q, const char *name)
{
	auto_free char *path = str_printf("%s/%s", dir, name);

	for (size_t i = 0; i < q->disks_n; i++)
		if (str_eq(q->disks[i].path, path))
			return (int)q->disks[i].locked;
	return -1;
}

/* What it has inherited, as a log, is not counted. */
static size_t disks_of_ours(const struct qemu_process *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->disks_n; i++)
		n += str_starts(q->disks[i].path, dir);
	return n;
}

static void the_real_script(void **state)
{
	(void)state;
	for (int incoming = 0; incoming < 2; incoming++) {
		struct survey s auto_survey = { 0 };
		const struct qemu_process *q;
		struct child c;
		int rc;

		start_child(&c, incoming);
		rc = survey_here(&s);
		end_child(&c);
		if (rc < 0)
			skip();
		q = find(&s, c.pid);
		assert_string_equal(q->uuid, UUID);
		assert_int_equal(q->incoming, incoming);
		assert_int_equal(q->ports_n, 1);
		assert_int_equal(q->ports[0], c.port);
		assert_int_equal(disks_of_ours(q), 4);
		assert_int_equal(locked(q, "image"), FACT_YES);
		assert_int_equal(locked(q, "whole file"), FACT_YES);
		/* none, or the file system is one of which that cannot be said */
		assert_true(locked(q, "reads") == FACT_NO || locked(q, "reads") == FACT_UNKNOWN);
		assert_int_equal(locked(q, "reads"), locked(q, "unlocked"));
		assert_int_equal(locked(q, "backing"), -1);
		assert_int_equal(locked(q, "log"), -1);
	}
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	auto_free char *command = str_printf("rm -rf '%s'", dir);

	(void)state;
	return system(command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_answer),
		cmocka_unit_test(not_whole),
		cmocka_unit_test(orphans),
		cmocka_unit_test(garbage_is_left_out),
		cmocka_unit_test(disks_out_of_range),
		cmocka_unit_test(the_greatest_numbers),
		cmocka_unit_test(incoming_and_ports),
		cmocka_unit_test(each_line_to_its_process),
		cmocka_unit_test(locks),
		cmocka_unit_test(strings_are_made_fit),
		cmocka_unit_test(more_than_a_host_can_have),
		cmocka_unit_test(more_than_a_process_can_have),
		cmocka_unit_test(the_real_script),
	};

	if (argc > 1) {
		snprintf(dir, sizeof(dir), "%s", argv[1]);
		return be_a_qemu();
	}
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

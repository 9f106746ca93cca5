/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the survey's script answers, and what a host could answer in its place. */
#include "unit.h"

#include "host/survey.h"

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
				   "D 64769 42 1700000000 - /pool/web 1.qcow2\n"
				   "D 64770 43 0 wwn:0x5000c500 /dev/mapper/lun\n"
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
		"D 1 2 3 - /a", /* of no QEMU */
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
		"D 1 2 3 - ",
		"D 1 2 3 - relative",
		"D 18446744073709551616 2 3 - /a",
		"D 1 -2 3 - /a",
		"D 1 2 9223372036854775807 - /a", /* in ms it would be none */
		"D 1 2 3  /a",
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
				   "D 18446744073709551615 18446744073709551615 9223372036854775 - /a\n"
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

/* Nothing of a host's reaches a terminal as it is, or fills the memory. */
static void strings_are_made_fit(void **state)
{
	struct survey s auto_survey = { 0 };
	struct buf text auto_buf = { 0 };

	(void)state;
	assert_int_equal(parse(&s, "Q 1 2 3 S " UUID "\n"
				   "D 1 2 3 id\033[2J /pool/\033]0;x\007\xff.img\n"
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

	buf_addf(&text, "Q 1 2 3 S " UUID "\nD 1 2 3 - /");
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
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "D 1 2 3 - /a\n");
	buf_addf(&text, "end\n");
	assert_int_equal(parse(&s, text.p), 0);
	assert_int_equal(s.processes_n, 4096);
	assert_int_equal(s.leases_n, 4096);
	assert_int_equal(s.files_n, 4096);
	assert_true(s.processes[4095].disks_n <= 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_answer),
		cmocka_unit_test(not_whole),
		cmocka_unit_test(garbage_is_left_out),
		cmocka_unit_test(disks_out_of_range),
		cmocka_unit_test(the_greatest_numbers),
		cmocka_unit_test(strings_are_made_fit),
		cmocka_unit_test(more_than_a_host_can_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

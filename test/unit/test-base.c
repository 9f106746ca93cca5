/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The base library: errors, strings, quoting. */
#include "unit.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/quote.h"

static void errors(void **state)
{
	auto_err struct err err = ERR_INIT, other = ERR_INIT;

	(void)state;
	assert_int_equal(err_wrap(&err, "nothing"), -1);
	assert_null(err.msg);
	assert_int_equal(err_set(&err, E_JOURNAL, ENOENT, "file %d", 7), -1);
	assert_string_equal(err.msg, "file 7: No such file or directory");
	assert_string_equal(err.id, "E-JOURNAL");
	assert_int_equal(err.status, STATUS_FAILED);
	assert_true(err_is(&err, E_JOURNAL));
	assert_false(err_is(&err, E_XML));

	/* the first one stays */
	assert_int_equal(err_set(&err, E_XML, 0, "second"), -1);
	assert_int_equal(err_set_id(&err, "E-OTHER", STATUS_REFUSED, "third"), -1);
	assert_true(err_is(&err, E_JOURNAL));
	assert_int_equal(err_wrap(&err, "host %s", "beta"), -1);
	assert_string_equal(err.msg, "host beta: file 7: No such file or directory");
	err_hint(&err, "inner %d", 1);
	err_hint(&err, "outer");
	assert_string_equal(err.hint, "inner 1");

	err_set(&other, E_XML, 0, "lost");
	err_move(&other, &err);
	assert_null(err.id);
	assert_null(err.msg);
	assert_true(err_is(&other, E_JOURNAL));
	err_set(&err, E_XML, 0, "kept");
	err_copy(&err, &other);
	assert_string_equal(err.msg, "kept");
	err_clear(&err);
	err_copy(&err, &other);
	assert_string_equal(err.msg, other.msg);
	assert_string_equal(err.hint, other.hint);
	assert_ptr_not_equal(err.msg, other.msg);
	err_clear(&err);
	err_set_id(&err, "E-SOMETHING", STATUS_REFUSED, "text");
	assert_int_equal(err.status, STATUS_REFUSED);
	assert_string_equal(err.id, "E-SOMETHING");

	/* nobody wants to know */
	assert_int_equal(err_set(NULL, E_XML, 0, "x"), -1);
	assert_int_equal(err_set_id(NULL, "E-X", STATUS_FAILED, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_int_equal(err_hint(NULL, "x"), -1);
	err_move(NULL, &err);
	assert_null(err.id);
}

static void error_ids(void **state)
{
	(void)state;
	for (size_t i = 0; i < ERR_ID_COUNT; i++) {
		assert_true(str_starts(err_infos[i].id, "E-"));
		assert_int_equal(strspn(err_infos[i].id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-"), strlen(err_infos[i].id));
		assert_true(err_infos[i].status > STATUS_OK && err_infos[i].status <= STATUS_UNREACHABLE);
		assert_true(*err_infos[i].text);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(err_infos[i].id, err_infos[k].id);
	}
}

static void worst_status(void **state)
{
	/* from the best to the worst */
	static const enum status order[] = {
		STATUS_OK,          STATUS_CANCELLED, STATUS_BUSY,      STATUS_REFUSED,
		STATUS_UNREACHABLE, STATUS_FAILED,    STATUS_UNDECIDED,
	};

	(void)state;
	for (size_t a = 0; a < ARRAY_SIZE(order); a++)
		for (size_t b = 0; b < ARRAY_SIZE(order); b++)
			assert_int_equal(status_worst(order[a], order[b]), order[a > b ? a : b]);
}

static void strings(void **state)
{
	auto_strv struct strv l = { 0 };
	auto_free char *empty = strv_join(&l, ", "), *joined = NULL, *cut = xstrndup("abcdef", 3);
	int *v = NULL;
	size_t n = 0;

	(void)state;
	assert_string_equal(empty, "");
	assert_string_equal(cut, "abc");
	assert_null(xstrdup(NULL));
	strv_add(&l, "a");
	strv_add(&l, "");
	strv_take(&l, str_printf("%d", 5));
	joined = strv_join(&l, ", ");
	assert_string_equal(joined, "a, , 5");
	assert_null(l.v[l.n]);
	assert_true(strv_has(&l, "5") && strv_has(&l, "") && !strv_has(&l, "b"));
	assert_true(str_eq(NULL, NULL) && str_eq("a", "a") && !str_eq("a", NULL) && !str_eq(NULL, "") &&
		    !str_eq("a", "b"));
	assert_true(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("ab", "abc"));
	for (int i = 0; i < 100; i++)
		*ARRAY_ADD(v, n) += i;
	assert_int_equal(n, 100);
	assert_int_equal(v[99], 99);
	free(v);
}

static void buffers(void **state)
{
	auto_buf struct buf b = { .limit = 5 }, big = { 0 };

	(void)state;
	buf_add(&b, "abc", 3);
	assert_false(b.truncated);
	buf_addf(&b, "%s", "defg");
	assert_true(b.truncated);
	assert_string_equal(b.p, "abcde");
	buf_add(&b, "x", 1);
	assert_int_equal(b.len, 5);
	buf_clear(&b);
	assert_int_equal(b.limit, 5);
	buf_add(&b, "", 0);
	assert_string_equal(b.p, "");
	for (int i = 0; i < 10000; i++)
		buf_add(&big, "\0x", 2);
	assert_int_equal(big.len, 20000);
	assert_int_equal(big.p[19999], 'x');
	assert_int_equal(big.p[20000], 0);
}

static void sanitize(void **state)
{
	static const struct {
		const char *in, *out;
		size_t max;
	} cases[] = {
		{ "", "", 10 },
		{ "plain", "plain", 10 },
		{ "größe €", "größe €", 20 },
		{ "\U0001f600", "\U0001f600", 10 },
		{ "a\tb\nc", "a\\x09b\\x0ac", 20 },
		{ "\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m", 40 },
		{ "\x7f", "\\x7f", 10 },
		{ "\xff\xc3", "\\xff\\xc3", 10 },
		{ "\xc0\xaf", "\\xc0\\xaf", 10 },                   /* overlong "/" */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", 20 },          /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", 20 },          /* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 20 }, /* beyond Unicode */
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m", 20 },                   /* CSI as a C1 control */
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae", 20 }, /* right-to-left override */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6", 20 }, /* left-to-right isolate */
		{ "\xe2\x82", "\\xe2\\x82", 20 },          /* cut short */
		{ "abcdef", "abcdef", 6 },
		{ "abcdef", "abcde…", 5 },
		{ "aé", "a…", 2 },
		{ "a\n", "a…", 4 },
		{ "abc", "…", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *s = str_sanitize(cases[i].in, cases[i].max);

		assert_string_equal(s, cases[i].out);
	}
}

static void numbers(void **state)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "+1", "-1", "0x1", "1a", "4", "101", "99999999999999999999"
	};
	unsigned long long v = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(str_to_uint(bad[i], 5, 100, &v), -1);
	assert_int_equal(str_to_uint(NULL, 0, 100, &v), -1);
	assert_int_equal(v, 77);
	assert_int_equal(str_to_uint("5", 5, 100, &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(str_to_uint("0100", 5, 100, &v), 0);
	assert_int_equal(v, 100);
	assert_int_equal(str_to_uint("18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
}

static void nearest(void **state)
{
	static const char *const words[] = { "port", "user", "address", "max_downtime_ms" };
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "prot", "port" },  { "adress", "address" }, { "max_downtime", "max_downtime_ms" },
		{ "users", "user" }, { "zzzzzz", NULL },      { "completely_else", NULL },
		{ "port", "port" },
	};
	auto_free char *longer = xcalloc(1001, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = str_nearest(cases[i].in, words, ARRAY_SIZE(words));

		if (!str_eq(got, cases[i].out))
			fail_msg("%s gives %s", cases[i].in, got ? got : "nothing");
	}
	assert_null(str_nearest("x", words, 0));
	memset(longer, 'p', 1000);
	str_nearest(longer, words, ARRAY_SIZE(words)); /* no matter what, but within bounds */
}

static void durations_and_sizes(void **state)
{
	static const struct {
		unsigned long long n;
		const char *duration, *bytes;
	} cases[] = {
		{ 0, "0 ms", "0 B" },
		{ 999, "999 ms", "999 B" },
		{ 1000, "1.0 s", "1000 B" },
		{ 1024, "1.0 s", "1.0 KiB" },
		{ 12345, "12.3 s", "12.1 KiB" },
		{ 119999, "119.9 s", "117.2 KiB" },
		{ 120000, "2 min 00 s", "117.2 KiB" },
		{ 245000, "4 min 05 s", "239.3 KiB" },
		{ 1ull << 30, "17895 min 41 s", "1.0 GiB" },
		{ UINT64_MAX, "307445734561825 min 51 s", "16.0 EiB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *d = str_duration(cases[i].n), *b = str_bytes(cases[i].n);

		assert_string_equal(d, cases[i].duration);
		assert_string_equal(b, cases[i].bytes);
	}
}

static void times(void **state)
{
	int64_t before = clock_ms(), wall = clock_wall_ms();
	char buf[32];

	(void)state;
	assert_ptr_equal(clock_iso(0, buf), buf);
	assert_string_equal(buf, "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_iso(1764547200123, buf), "2025-12-01T00:00:00.123Z");
	assert_true(clock_ms() >= before);
	assert_true(wall > 1700000000000);
}

static void quote_words(void **state)
{
	static const struct {
		const char *argv[4], *line;
	} cases[] = {
		{ { "ls", NULL }, "ls" },
		{ { "ls", "-l", "/srv/a_b-c.d", NULL }, "ls -l /srv/a_b-c.d" },
		{ { "a", "", NULL }, "a ''" },
		{ { "a b", NULL }, "'a b'" },
		{ { "it's", NULL }, "'it'\\''s'" },
		{ { "'", NULL }, "''\\'''" },
		{ { "~", "A=b", "*", NULL }, "'~' 'A=b' '*'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *line = quote_argv(cases[i].argv);

		assert_string_equal(line, cases[i].line);
	}
}

/* /bin/sh must give back word by word what went in; printf ends each with a byte no test has. */
static void expect_shell_round_trip(const char *const words[], size_t n)
{
	const char **argv = xcalloc(n + 3, sizeof(*argv));
	auto_buf struct buf want = { 0 }, got = { 0 };
	auto_free char *line = NULL;
	char chunk[4096];
	size_t len;
	FILE *f;

	argv[0] = "printf";
	argv[1] = "%s\\001";
	for (size_t i = 0; i < n; i++) {
		argv[i + 2] = words[i];
		buf_addf(&want, "%s\001", words[i]);
	}
	line = quote_argv(argv);
	free(argv);
	f = popen(line, "re");
	assert_non_null(f);
	while ((len = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&got, chunk, len);
	assert_int_equal(pclose(f), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
}

static void quote_round_trip(void **state)
{
	static const char *const words[] = {
		"",
		" ",
		"a b",
		"'",
		"''",
		"'''",
		"\"",
		"\\",
		"\\\\",
		"\\'",
		"'\\''",
		"$HOME",
		"${IFS}",
		"$(id)",
		"`id`",
		"; id",
		"& id",
		"| id",
		"> /tmp/x",
		"< /etc/passwd",
		"*",
		"?",
		"[a-z]",
		"{a,b}",
		"~",
		"~root",
		"!",
		"!!",
		"#",
		"# x",
		"a\nb",
		"\n",
		"\t",
		"\r",
		"\033[31m",
		"\x80\xff",
		"größe",
		"-n",
		"--",
		"-",
		"=",
		"A=b",
		"(",
		")",
		"a;b",
		"%s%n",
		"$'a'",
		"\\n",
		"a'b\"c$d`e\\f",
		"if",
		"\xe2\x80\xae",
	};
	auto_buf struct buf all = { 0 };
	const char *one;

	(void)state;
	expect_shell_round_trip(words, ARRAY_SIZE(words));
	for (int c = 2; c < 256; c++)
		buf_add(&all, &(char) { (char)c }, 1);
	one = all.p;
	expect_shell_round_trip(&one, 1);
	for (int c = 2; c < 256; c++) {
		char word[2] = { (char)c, 0 };

		one = word;
		if (c % 8 == 0 || strchr("'\"\\$`!*?[]{}()<>|&;~# \n\t=", c))
			expect_shell_round_trip(&one, 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),  cmocka_unit_test(error_ids),   cmocka_unit_test(worst_status),
		cmocka_unit_test(strings), cmocka_unit_test(buffers),     cmocka_unit_test(sanitize),
		cmocka_unit_test(numbers), cmocka_unit_test(nearest),     cmocka_unit_test(durations_and_sizes),
		cmocka_unit_test(times),   cmocka_unit_test(quote_words), cmocka_unit_test(quote_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every check against a pair of hosts that has all a rich guest needs, with one
 * thing changed at a time: then exactly that check speaks, about that object,
 * with the values that disagree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "check-cases.h"

static void print_findings(const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		auto_free char *text = finding_text(&f->v[i]);

		print_error("%s %s: %s\n", f->v[i].check->id, finding_status_name(f->v[i].status), text);
	}
}

static void same(size_t at, const struct findings *f)
{
	const struct one *c = &cases[at];
	const struct finding *x;

	if (f->n != (c->id ? 1 : 0)) {
		print_findings(f);
		fail_msg("case %zu (%s): %zu findings", at, c->id ? c->id : "nothing", f->n);
	}
	if (!c->id)
		return;
	x = &f->v[0];
	if (strcmp(x->check->id, c->id) || x->status != c->status || x->side != c->side ||
	    !strstr(x->object, c->object) || !strstr(x->message, c->message) || !strstr(x->message, c->also)) {
		print_findings(f);
		fail_msg("case %zu (%s): not as expected", at, c->id);
	}
	assert_non_null(finding_hint(x));
	assert_true(*finding_hint(x));
	if (x->side == SIDE_NONE)
		assert_null(x->host);
	else
		assert_string_equal(x->host, x->side == SIDE_SOURCE ? "alpha" : "beta");
}

/* Where a block device is copied that is said besides. */
static void drop_beside(struct findings *f, const char *id)
{
	for (size_t i = 0; i < f->n; i++) {
		struct findings one = { .v = &f->v[i], .n = 1 };

		if (!str_eq(f->v[i].check->id, "W-SOURCE-DEVICE") || str_eq(id, "W-SOURCE-DEVICE"))
			continue;
		free(one.v->host);
		free(one.v->object);
		free(one.v->message);
		free(one.v->hint);
		memmove(one.v, one.v + 1, (f->n - i - 1) * sizeof(*one.v));
		f->n--;
		return;
	}
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct findings f = { 0 };
		struct fixture x;

		make(&x);
		cases[i].twist(&x);
		check_run(&x.in, NULL, &f);
		drop_beside(&f, cases[i].id);
		same(i, &f);
		findings_clear(&f);
		drop(&x);
	}
}

static void test_good_pair(void **state)
{
	struct findings f = { 0 };
	auto_err struct err e = ERR_INIT;
	struct fixture x;

	(void)state;
	make(&x);
	check_run(&x.in, NULL, &f);
	print_findings(&f);
	assert_int_equal(f.n, 0);
	assert_int_equal(check_refusal(&f, &e), 0);
	assert_null(e.id);
	drop(&x);
}

/* Nothing at all is known: no error check that needs facts may pass in silence, and it is said once per host. */
static void test_nothing_known(void **state)
{
	struct findings f = { 0 };
	struct fixture x;

	(void)state;
	make(&x);
	host_facts_clear(&x.in.src);
	host_facts_clear(&x.in.dst);
	storage_proof_clear(&x.in.storage);
	connection_proof_clear(&x.in.connection);
	check_run(&x.in, NULL, &f);
	assert_int_equal(f.n, 3);
	assert_string_equal(f.v[0].check->id, "E-FACTS-UNKNOWN");
	assert_int_equal(f.v[0].side, SIDE_SOURCE);
	assert_string_equal(f.v[1].check->id, "E-FACTS-UNKNOWN");
	assert_int_equal(f.v[1].side, SIDE_DESTINATION);
	assert_string_equal(f.v[2].check->id, "E-STORAGE-UNPROVEN");
	for (size_t i = 0; i < f.n; i++)
		assert_true(finding_refuses(&f.v[i]));
	findings_clear(&f);
	drop(&x);
}

static void test_skip(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_strv struct strv skip = { 0 };
		auto_err struct err e = ERR_INIT;
		struct findings f = { 0 };
		struct fixture x;

		if (!cases[i].id)
			continue;
		strv_add(&skip, "E-OTHER");
		strv_add(&skip, cases[i].id);
		make(&x);
		cases[i].twist(&x);
		check_run(&x.in, &skip, &f);
		drop_beside(&f, cases[i].id);
		assert_int_equal(f.n, 1);
		assert_int_equal(f.v[0].status, FINDING_SKIPPED);
		assert_false(finding_refuses(&f.v[0]));
		assert_int_equal(check_refusal(&f, &e), 0);
		findings_clear(&f);
		drop(&x);
	}
}

static void test_refusal(void **state)
{
	struct findings f = { 0 };
	auto_err struct err e = ERR_INIT;
	struct fixture x;

	(void)state;
	make(&x);
	t_checkpoints(&x); /* warns only, though it comes first */
	t_bridge_down(&x);
	t_cpu(&x);
	t_cdrom_unknown(&x);
	check_run(&x.in, NULL, &f);
	assert_int_equal(f.n, 4);
	assert_int_equal(check_refusal(&f, &e), -1);
	assert_string_equal(e.id, "E-CPU");
	assert_int_equal(e.status, STATUS_REFUSED);
	assert_string_equal(e.msg, "destination beta: CPU: the host lacks what CPU Haswell has: avx512f, pku");
	assert_non_null(e.hint);
	findings_clear(&f);
	drop(&x);
}

/* An unknown refuses where a failure would, and a warning never does. */
static void test_unknown_refuses(void **state)
{
	struct findings f = { 0 };
	auto_err struct err e = ERR_INIT;
	struct fixture x;

	(void)state;
	make(&x);
	t_cdrom_unknown(&x);
	t_peer_unknown(&x);
	check_run(&x.in, NULL, &f);
	assert_int_equal(f.n, 2);
	assert_true(finding_refuses(&f.v[0]));
	assert_false(finding_refuses(&f.v[1]));
	assert_int_equal(check_refusal(&f, &e), -1);
	assert_string_equal(e.id, "E-CDROM");
	findings_clear(&f);
	drop(&x);
}

static void test_modes(void **state)
{
	struct findings f = { 0 };
	struct fixture x;

	(void)state;
	make(&x);
	t_block(&x);
	check_run(&x.in, NULL, &f);
	assert_int_equal(f.n, 0);
	x.in.mode = MODE_LIVE;
	check_run(&x.in, NULL, &f);
	assert_int_equal(f.n, 2); /* both files of vda */
	assert_string_equal(f.v[0].check->id, "E-STORAGE-NOT-SHARED");
	findings_clear(&f);
	drop(&x);
	assert_string_equal(mode_name(MODE_LIVE), "live");
	assert_string_equal(mode_name(MODE_BLOCK), "block");
	assert_string_equal(mode_name(MODE_COLD), "cold");
}

/* What a host calls its things goes to a terminal. */
static void test_hostile_names(void **state)
{
	struct findings f = { 0 };
	struct fixture x;

	(void)state;
	make(&x);
	set(&x.d->disks[0].target, "v\033[2Jda\nE-FAKE");
	t_block_job(&x);
	set(&x.in.dst.taken_state, "\033]0;title\007");
	x.in.dst.name_taken = FACT_YES;
	set(&x.d->name, "a\nb");
	check_run(&x.in, NULL, &f);
	assert_true(f.n >= 2);
	for (size_t i = 0; i < f.n; i++) {
		auto_free char *text = finding_text(&f.v[i]);
		const char *all[] = { text, finding_hint(&f.v[i]) };

		for (size_t j = 0; j < ARRAY_SIZE(all); j++)
			for (const char *s = all[j]; *s; s++)
				assert_true((unsigned char)*s >= 0x20 && *s != 0x7f);
	}
	findings_clear(&f);
	drop(&x);
}

static bool well_formed(const char *id, enum severity severity)
{
	size_t len = strlen(id);

	return len > 3 && len <= 32 && strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == len && !strstr(id, "--") &&
	       id[len - 1] != '-' && str_starts(id, severity == SEVERITY_ERROR ? "E-" : "W-");
}

static bool subject_known(const char *subject)
{
	static const char *const all[] = { "guest",   "hosts",   "cpu",   "memory",    "devices",
					   "network", "storage", "disks", "connection" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (str_eq(all[i], subject))
			return true;
	return false;
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < check_table_n; i++) {
		const struct check *c = &check_table[i];

		if (!well_formed(c->id, c->severity))
			fail_msg("%s: not a good ID", c->id);
		assert_ptr_equal(check_find(c->id), c); /* so it is there once */
		for (size_t j = 0; j < ERR_ID_COUNT; j++)
			assert_string_not_equal(c->id, err_infos[j].id);
		if (!subject_known(c->subject) || strlen(c->text) < 20 || c->text[strlen(c->text) - 1] != '.' ||
		    strlen(c->hint) < 10 || c->hint[strlen(c->hint) - 1] == '.')
			fail_msg("%s: subject, text or hint", c->id);
		assert_non_null(c->fn);
		assert_true(c->modes && !(c->modes & ~(unsigned)MODES_ALL));
	}
	assert_null(check_find("E-NO-SUCH-CHECK"));
}

/* Each row is seen to fail, and each that asks a host is seen not to know. */
static void test_cases_cover_table(void **state)
{
	/* rows that read only the domain's XML, where nothing can be unknown */
	static const char *const certain[] = {
		"E-GUEST-IOERROR", "E-BLOCK-JOB", "E-CPU-INVTSC", "E-DEVICE", "E-ENCRYPTED-GUEST", "W-QEMU-COMMANDLINE",
		"W-USER-NETWORK",
		/* a version that cannot be told leaves these alone: see their comments */
		"E-DEVICE-MODEL", "W-MTU", "E-STORAGE-NOT-SHARED", "E-STORAGE-CACHE", "E-EMULATOR",
		/* read from what was asked for, or from facts whose being unknown E-IMAGE-UNREADABLE says */
		"E-STORAGE-SHARED", "E-DISK-CHOICE", "E-DISK-KIND", "E-IMAGE-CHAIN", "E-IMAGE-FEATURE", "E-IMAGE-TOOLS",
		"E-DISK-COLLISION", "E-DISK-DIRECTORY", "E-DISK-DEVICE", "E-DISK-SPACE", "W-DISK-SPACE",
		"W-SOURCE-DEVICE",
		/* a version that is not known is said by W-LIBVIRT-OLDER and E-HYPERVISOR-OLDER as well: a test of its
		   own */
		"E-TRANSPORT",
		/* a forecast that is not known says so itself */
		"W-DEADLINE", NULL
	};

	(void)state;
	for (size_t i = 0; i < check_table_n; i++) {
		bool bad = false, unknown = false;

		for (size_t j = 0; j < ARRAY_SIZE(cases); j++) {
			if (!str_eq(cases[j].id, check_table[i].id))
				continue;
			bad |= cases[j].status != U;
			unknown |= cases[j].status == U;
		}
		for (size_t j = 0; certain[j]; j++)
			unknown |= str_eq(certain[j], check_table[i].id);
		if (str_eq(check_table[i].id, "E-FACTS-UNKNOWN") || str_eq(check_table[i].id, "E-STORAGE-UNPROVEN") ||
		    str_eq(check_table[i].id, "W-TLS-UNCHECKED"))
			bad = true;
		if (!bad || !unknown)
			fail_msg("%s: no case for it %s", check_table[i].id, bad ? "being unknown" : "failing");
	}
}

static void test_transport_unknown(void **state)
{
	struct findings f = { 0 };
	struct fixture x;

	(void)state;
	make(&x);
	t_parallel(&x);
	x.in.dst.libvirt_version = 0;
	check_run(&x.in, NULL, &f);
	assert_int_equal(f.n, 2);
	assert_string_equal(f.v[0].check->id, "W-LIBVIRT-OLDER");
	assert_string_equal(f.v[1].check->id, "E-TRANSPORT");
	assert_int_equal(f.v[1].status, FINDING_UNKNOWN);
	findings_clear(&f);
	drop(&x);
}

static void test_lists(void **state)
{
	static const struct {
		const char *a, *b, *missing;
		bool bad;
	} v[] = {
		{ "0-3", "0-3", NULL, false },  { "0-3", "0-1", "2-3", false },
		{ "0,2,4", "2", "0,4", false }, { "0-7,^4", "0-3,5-7", NULL, false },
		{ "8191", "0", "8191", false }, { "8192", "0", NULL, true },
		{ "", "0", NULL, false },       { "3-1", "0", NULL, true },
		{ "1,,2", "0", NULL, true },    { "-1", "0", NULL, true },
		{ "^", "0", NULL, true },       { "4294967296", "0", NULL, true },
		{ "0-", "0", NULL, true },      { "0 1", "0", NULL, true },
		{ "0", "x", NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		bool bad;
		auto_free char *missing = list_missing(v[i].a, v[i].b, &bad);

		if (bad != v[i].bad || !str_eq(missing, v[i].missing))
			fail_msg("\"%s\" without \"%s\": %s", v[i].a, v[i].b, missing ? missing : "NULL");
	}
}

static void test_memory_formula(void **state)
{
	struct domain d = { .memory_kib = 4 << 20, .max_vcpus = 4 };

	(void)state;
	/* 4 GiB, 8 MiB of page tables, 32 MiB for 4 vCPUs, 64 MiB */
	assert_int_equal(memory_need_kib(&d), (4096 + 8 + 32 + 64) * 1024);
	d.hugepages_n = 1;
	assert_int_equal(memory_need_kib(&d), (8 + 32 + 64) * 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_pair),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_unknown_refuses),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_cases_cover_table),
		cmocka_unit_test(test_transport_unknown),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_memory_formula),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

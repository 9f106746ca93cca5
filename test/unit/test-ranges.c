/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ranges of bytes: cases by hand, and every operation against a plain array of booleans. */
#include "unit.h"

#include <stdlib.h>

#include "base/ranges.h"

enum { BYTES = 64, ROUNDS = 2000, STEPS = 30 };

static void agrees(const struct ranges *r, const bool *has, const char *what)
{
	uint64_t total = 0;

	for (uint64_t i = 0; i < BYTES; i++) {
		if (ranges_has(r, i, i + 1) != has[i])
			fail_msg("%s: byte %d", what, (int)i);
		total += has[i];
	}
	assert_int_equal(ranges_total(r), total);
	for (size_t i = 0; i < r->n; i++) {
		assert_true(r->v[i].from < r->v[i].to);
		if (i) /* in their order, and not touching */
			assert_true(r->v[i - 1].to < r->v[i].from);
	}
}

static void test_against_bytes(void **state)
{
	(void)state;
	srandom(20261127);
	for (int round = 0; round < ROUNDS; round++) {
		struct ranges r auto_ranges = { 0 };
		bool has[BYTES] = { false };

		for (int step = 0; step < STEPS; step++) {
			uint64_t from = (uint64_t)random() % BYTES, to = from + (uint64_t)random() % (BYTES - from + 1);
			bool add = random() % 3;

			if (add)
				ranges_add(&r, from, to);
			else
				ranges_remove(&r, from, to);
			for (uint64_t i = from; i < to; i++)
				has[i] = add;
			agrees(&r, has, add ? "add" : "remove");
		}
	}
}

static void test_coarsen(void **state)
{
	struct ranges r auto_ranges = { 0 }, fine auto_ranges = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		ranges_add(&r, i << 20, (i << 20) + 4096 * (i % 7 + 1));
	ranges_add_all(&fine, &r);
	ranges_coarsen(&r, 10);
	assert_true(r.n <= 10 && r.n > 0);
	assert_true(ranges_has_all(&r, &fine));
	assert_false(ranges_has_all(&fine, &r));
	assert_int_equal(r.v[r.n - 1].to, fine.v[fine.n - 1].to);
	ranges_coarsen(&fine, 100); /* they are few enough */
	assert_int_equal(fine.n, 100);
}

/* What is sent in one go: so many bytes of data, whatever gaps lie between. */
static void test_first(void **state)
{
	struct ranges r auto_ranges = { 0 };
	struct range x;
	uint64_t bytes;

	(void)state;
	x = ranges_first(&r, 100, &bytes);
	assert_true(x.from == x.to && bytes == 0);
	ranges_add(&r, 10, 40);
	ranges_add(&r, 1000, 1100);
	x = ranges_first(&r, 20, &bytes);
	assert_true(x.from == 10 && x.to == 30 && bytes == 20);
	x = ranges_first(&r, 50, &bytes);
	assert_true(x.from == 10 && x.to == 1020 && bytes == 50);
	x = ranges_first(&r, 1000, &bytes);
	assert_true(x.from == 10 && x.to == 1100 && bytes == 130);
	ranges_remove(&r, x.from, x.to);
	assert_int_equal(r.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_bytes),
		cmocka_unit_test(test_coarsen),
		cmocka_unit_test(test_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

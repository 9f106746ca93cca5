/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forecast: cases one can work out by hand, and what has to hold for all. */
#include "unit.h"

#include "converge/forecast.h"

#define MIB ((uint64_t)1 << 20)

static struct converge_policy policy_of(uint64_t cap_ms)
{
	struct converge_policy p;

	converge_policy_preset(&p, CONVERGE_BALANCED, cap_ms, true);
	return p;
}

/* MiB, MiB/s, and what one second and (0: not measured) four have changed. */
static struct forecast forecast_of(uint64_t memory, uint64_t send, uint64_t rate, uint64_t in_1s, uint64_t in_4s,
				   uint64_t cap_ms, char **text)
{
	struct converge_policy p = policy_of(cap_ms);
	struct forecast_input in = { .memory = memory * MIB,
				     .to_send = send * MIB,
				     .bps = rate * MIB,
				     .point = { { 1000, in_1s * MIB }, { 4000, in_4s * MIB } },
				     .points = in_4s ? 2 : 1,
				     .policy = &p };
	struct forecast f;

	forecast_make(&in, &f);
	if (text)
		*text = forecast_text(&in, &f);
	return f;
}

static void by_hand(void **state)
{
	auto_free char *no = NULL, *yes = NULL;
	struct forecast f;

	(void)state;
	/* idle: 100 MiB at 50 MiB/s are 2 s, less where some of it is empty, and hardly a pause */
	f = forecast_of(256, 100, 50, 0, 0, 300, &yes);
	assert_int_equal(f.converges, FORECAST_YES);
	assert_in_range(f.total_low_ms, 1600, 2000);
	assert_in_range(f.total_high_ms, 2500, 3200);
	assert_in_range(f.downtime_high_ms, 1, 400);
	assert_non_null(strstr(yes, "100.0 MiB to send at 50.0 MiB/s"));
	/* 100 MiB changed a second, and the same again after four: a working set of 100 MiB, 2 s at 50 MiB/s */
	f = forecast_of(256, 200, 50, 100, 100, 300, &no);
	assert_int_equal(f.converges, FORECAST_NO);
	assert_in_range(f.needed_ms, 1800, 2200);
	assert_in_range(f.total_low_ms, 3200,
			4500); /* all of it once, at least: 200 MiB, of which a fifth may be empty */
	assert_non_null(strstr(no, "will not converge within 300 ms: needs about "));
	assert_non_null(strstr(no, "or post-copy"));
	/* the same, allowed */
	f = forecast_of(256, 200, 50, 100, 100, 3000, NULL);
	assert_int_equal(f.converges, FORECAST_YES);
	assert_in_range(f.downtime_high_ms, 1800, 3100);
	/* half of what is sent is changed, without an end: 4 s, then 2, 1, 0.5, 0.25 */
	f = forecast_of(1024, 200, 50, 25, 100, 300, NULL);
	assert_int_equal(f.converges, FORECAST_YES);
	assert_in_range(f.total_low_ms, 4800, 8200);
	assert_in_range(f.total_high_ms, 7500, 12500);
	/* one second alone does not tell whether it goes on: 25 MiB are within the cap, or three times as much is not
	 */
	f = forecast_of(1024, 200, 50, 60, 0, 1500, NULL);
	assert_int_equal(f.converges, FORECAST_UNCLEAR);
}

/*
 * 16 MiB in one second, and the same 16 in four: it may write all of them at once, again and again. At 38 MiB/s they
 * are 420 ms, and the limit is 240.
 */
static void a_hot_set_may_not_converge(void **state)
{
	struct converge_policy p = policy_of(300);
	struct forecast_input in = { .memory = 256 * MIB,
				     .to_send = 150 * MIB,
				     .bps = 38 * MIB,
				     .point = { { 1000, 16 * MIB }, { 4000, 16 * MIB } },
				     .points = 1,
				     .policy = &p };
	struct forecast f;

	(void)state;
	forecast_make(&in, &f);
	assert_true(forecast_wants_ms(&in, &f) >= 2000);
	in.points = 2;
	forecast_make(&in, &f);
	assert_int_equal(f.converges, FORECAST_UNCLEAR);
	assert_in_range(f.needed_ms, 500, 750); /* of which a fifth is no memory's */
	in.point[1].bytes = 60 * MIB;           /* other memory all the time: slow enough, then */
	forecast_make(&in, &f);
	assert_int_equal(f.converges, FORECAST_YES);
	in.point[0].bytes = in.point[1].bytes = 4 * MIB; /* so few that the limit has room for them */
	forecast_make(&in, &f);
	assert_int_equal(f.converges, FORECAST_YES);
}

static void another_measurement(void **state)
{
	struct converge_policy p = policy_of(300);
	struct forecast_input in = { .memory = 1024 * MIB,
				     .to_send = 400 * MIB,
				     .bps = 50 * MIB,
				     .point = { { 1000, 40 * MIB }, { 0, 0 } },
				     .points = 1,
				     .policy = &p };
	struct forecast f;

	(void)state;
	forecast_make(&in, &f);
	assert_int_equal(forecast_wants_ms(&in, &f), 5000); /* the pass takes 8 s, but nobody waits so long */
	in.point[in.points++] = (struct forecast_point) { 5000, 45 * MIB };
	forecast_make(&in, &f);
	assert_int_equal(forecast_wants_ms(&in, &f), 0);
	in.points = 1;
	in.point[0].bytes = 0; /* nothing is changed: there is nothing to find out */
	forecast_make(&in, &f);
	assert_int_equal(forecast_wants_ms(&in, &f), 0);
}

static void nothing_known(void **state)
{
	auto_free char *text = NULL;
	struct forecast f = forecast_of(256, 100, 0, 5, 0, 300, &text);

	(void)state;
	assert_int_equal(f.converges, FORECAST_UNKNOWN);
	assert_string_equal(text, "not known");
}

/* Over a grid: low is not above high; a faster link or a greater cap does not make it fail. */
static void properties(void **state)
{
	static const uint64_t rates[] = { 5, 12, 40, 110, 1200 }, changes[] = { 0, 1, 10, 50, 200, 5000 },
			      sizes[] = { 32, 128, 4096, 262144 }, caps[] = { 1, 50, 300, 5000 };

	(void)state;
	for (size_t i = 0; i < 5 * 6 * 6 * 4 * 4; i++) {
		uint64_t rate = rates[i % 5], one = changes[i / 5 % 6], four = changes[i / 30 % 6];
		uint64_t size = sizes[i / 180 % 4], cap = caps[i / 720 % 4];
		struct forecast f = forecast_of(size, size, rate, one, four, cap, NULL);
		struct forecast fast = forecast_of(size, size, rate * 2, one, four, cap, NULL);
		struct forecast wide = forecast_of(size, size, rate, one, four, cap * 4, NULL);

		assert_true(f.converges != FORECAST_YES || f.total_low_ms <= f.total_high_ms);
		assert_true(f.converges == FORECAST_UNKNOWN || f.total_low_ms > 0);
		assert_true(f.downtime_low_ms <= f.downtime_high_ms);
		assert_true(fast.converges <= f.converges && wide.converges <= f.converges);
		assert_true(f.converges != FORECAST_NO || f.needed_ms > 0);
	}
}

/* What libvirt or QEMU may say is not always sensible. Also under UBSan. */
static void absurd(void **state)
{
	static const uint64_t v[] = { 0, 1, 1ull << 40, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < 4 * 4 * 4 * 4 * 4 * 4; i++) {
		struct converge_policy p = policy_of(300);
		struct forecast_input in = { .memory = v[i % 4],
					     .to_send = v[i / 4 % 4],
					     .bps = v[i / 16 % 4],
					     .disks = v[i / 64 % 4],
					     .point = { { v[i / 256 % 4], v[i / 1024 % 4] }, { 7, 3 } },
					     .points = (unsigned)(i % 3),
					     .policy = &p };
		struct forecast f;

		forecast_make(&in, &f);
		forecast_wants_ms(&in, &f);
		free(forecast_text(&in, &f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(another_measurement),
		cmocka_unit_test(a_hot_set_may_not_converge),
		cmocka_unit_test(nothing_known),
		cmocka_unit_test(properties),
		cmocka_unit_test(absurd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

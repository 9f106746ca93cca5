/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rates of a migration's progress, over readings as libvirt gives them. */
#include "unit.h"

#include "report/report.h"

#define MIB ((uint64_t)1 << 20)

static struct job_stats sent(int64_t elapsed_ms, uint64_t bytes)
{
	return (struct job_stats) { .job = GUEST_JOB_MIGRATION_OUT,
				    .time_elapsed_ms = (uint64_t)elapsed_ms,
				    .mem_total = 128 * MIB,
				    .mem_processed = bytes,
				    .mem_remaining = 128 * MIB - bytes };
}

static uint64_t read_at(struct meter *m, int64_t elapsed_ms, uint64_t bytes)
{
	struct job_stats s = sent(elapsed_ms, bytes);
	struct progress p = { 0 };

	meter_read(m, &s, 1000000 + elapsed_ms, &p);
	return p.bps;
}

/* 8 MiB/s as QEMU sends it: 0.8 MiB at once, ten times a second. Wherever the readings fall, no rate is far off. */
static void bursts_are_no_rate(void **state)
{
	(void)state;
	for (int64_t phase = 0; phase < 100; phase += 7) {
		for (int64_t every = 60; every <= 250; every += 38) {
			struct meter m = { 0 };

			for (int64_t t = phase; t < 8000; t += every) {
				uint64_t bps = read_at(&m, t, (uint64_t)(t / 100) * 8 * MIB / 10);

				assert_true(bps < 8 * MIB * 5 / 4);
				assert_true(t < 2000 || bps > 8 * MIB * 3 / 4);
			}
		}
	}
}

static void nothing_is_told_too_early(void **state)
{
	struct meter m = { 0 };

	(void)state;
	assert_int_equal(read_at(&m, 100, 0), 0);
	assert_int_equal(read_at(&m, 200, 10 * MIB), 0);
	assert_int_equal(read_at(&m, 599, 20 * MIB), 0);
	assert_int_equal(read_at(&m, 600, 20 * MIB), 40 * MIB);
}

/* What was long ago does not count: the rate follows a link that has become slow, within its window. */
static void the_window_moves(void **state)
{
	struct meter m = { 0 };
	uint64_t bytes = 0, bps = 0;

	(void)state;
	for (int64_t t = 0; t <= 10000; t += 100)
		bps = read_at(&m, t, bytes += 10 * MIB);
	assert_int_equal(bps, 100 * MIB);
	for (int64_t t = 10100; t <= 13100; t += 100)
		bps = read_at(&m, t, bytes += MIB);
	assert_int_equal(bps, 10 * MIB);
	assert_int_equal(read_at(&m, 20000, bytes), 0); /* nothing for so long: one reading is no rate */
}

/* Also at more readings than are kept. */
static void readings_without_end(void **state)
{
	struct meter m = { 0 };

	(void)state;
	for (int64_t t = 0; t < 100000; t += 10)
		assert_in_range(read_at(&m, t, (uint64_t)t * 1000), 0, 1000000);
	assert_int_equal(read_at(&m, 100000, 100000000), 1000000);
}

static void another_job_begins_anew(void **state)
{
	struct meter m = { 0 };

	(void)state;
	read_at(&m, 1000, 50 * MIB);
	assert_int_equal(read_at(&m, 2000, 60 * MIB), 10 * MIB);
	assert_int_equal(read_at(&m, 100, 0), 0);
	assert_int_equal(read_at(&m, 1100, 5 * MIB), 5 * MIB);
}

static void without_the_jobs_clock_ours_counts(void **state)
{
	struct meter m = { 0 };
	struct progress p = { 0 };
	struct job_stats s = sent(0, 0);

	(void)state;
	meter_read(&m, &s, 5000, &p);
	s.mem_processed = 3 * MIB;
	meter_read(&m, &s, 6000, &p);
	assert_int_equal(p.bps, 3 * MIB);
}

/* 28 MiB are left; at 10 MiB/s that is 2.8 s, and with 4 MiB/s dirtied, 28/6 s. Dirtied as fast as sent: never. */
static void eta(void **state)
{
	static const struct {
		uint64_t dirty_mib;
		int64_t want;
	} cases[] = { { 0, 2800 }, { 4, 4666 }, { 10, -1 }, { 20, -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct meter m = { 0 };
		struct progress p = { 0 };
		struct job_stats s = sent(1000, 90 * MIB);

		meter_read(&m, &s, 0, &p);
		s = sent(2000, 100 * MIB);
		s.mem_page_size = 4096;
		s.mem_dirty_rate_pps = cases[i].dirty_mib * MIB / 4096;
		meter_read(&m, &s, 0, &p);
		assert_int_equal(p.eta_ms, cases[i].want);
	}
}

/* One reading after another; MiB, MiB/s. */
static struct progress step(struct meter *m, int64_t elapsed_ms, uint64_t left, uint64_t sent_mib, uint64_t dirty,
			    uint64_t iteration)
{
	struct job_stats s = { .time_elapsed_ms = (uint64_t)elapsed_ms,
			       .mem_total = 200 * MIB,
			       .mem_processed = sent_mib * MIB,
			       .mem_remaining = left * MIB,
			       .mem_iteration = iteration,
			       .mem_page_size = 4096,
			       .mem_dirty_rate_pps = dirty * MIB / 4096 };
	struct progress p = { .elapsed_ms = elapsed_ms };

	meter_read(m, &s, 0, &p);
	return p;
}

static void eta_is_a_range(void **state)
{
	struct meter m = { 0 };
	struct progress p;

	(void)state;
	p = step(&m, 1000, 200, 0, 0, 1);
	assert_int_equal(p.eta_low_ms, -1); /* nothing is known yet */
	assert_int_equal(p.eta_high_ms, -1);
	p = step(&m, 2000, 190, 10, 0, 1); /* first pass: what the guest changes is not known */
	assert_int_equal(p.eta_low_ms, 19000);
	assert_int_equal(p.eta_high_ms, 38000);
	p = step(&m, 3000, 100, 20, 5, 2); /* 10 s, or at 10 - 5 MiB/s 20 s, and a fifth */
	assert_int_equal(p.eta_low_ms, 10000);
	assert_int_equal(p.eta_high_ms, 24000);
	p = step(&m, 4000, 100, 30, 12, 3); /* never, at this rate */
	assert_int_equal(p.eta_low_ms, 10000);
	assert_int_equal(p.eta_high_ms, -1);
}

/* Over whole migrations, also those that do not come to an end: the bar does not go back, and says why it stands. */
static void the_bar_never_goes_back(void **state)
{
	(void)state;
	for (uint64_t dirty = 0; dirty <= 15; dirty++) {
		struct meter m = { 0 };
		uint64_t left = 200, sent_mib = 0, iteration = 1;
		unsigned last = 0, held = 0;

		for (int64_t t = 0; t < 120000 && left; t += 1000) {
			struct progress p = step(&m, t, left, sent_mib, iteration > 1 ? dirty : 0, iteration);

			assert_true(p.percent >= last && p.percent <= 99);
			assert_true(p.held[0] == '\0' || p.percent == last);
			held += p.held[0] != '\0';
			last = p.percent;
			sent_mib += 10;
			left = left > 10 ? left - 10 : 0;
			if (!left && dirty && iteration < 9) {
				left = 20 * dirty;
				iteration++;
			}
		}
		assert_true(dirty < 5 || held > 0);
	}
}

static void a_slower_link_is_said(void **state)
{
	struct meter m = { 0 };
	struct progress p = { 0 };

	(void)state;
	for (int64_t t = 0; t <= 10; t++)
		step(&m, t * 1000, 200 - (uint64_t)t * 10, (uint64_t)t * 10, 0, 1);
	for (int64_t t = 11; t <= 20; t++)
		p = step(&m, t * 1000, 100 - (uint64_t)(t - 10), 100 + (uint64_t)(t - 10), 0, 1);
	assert_non_null(strstr(p.held, "slower: 1.0 MiB/s, and it was 10.0 MiB/s"));
}

/* libvirt goes on counting after a cancelled job. */
static void iterations_are_this_migrations(void **state)
{
	struct meter m = { 0 };
	struct progress p = { 0 };
	struct job_stats s = sent(100, 0);

	(void)state;
	s.mem_iteration = 7;
	meter_read(&m, &s, 0, &p);
	assert_int_equal(p.iteration, 1);
	s.mem_iteration = 9;
	meter_read(&m, &s, 0, &p);
	assert_int_equal(p.iteration, 3);
}

/* Only disks are on their way yet: memory follows, and counts. */
static void memory_that_follows_counts(void **state)
{
	struct meter m = { .memory = 100 * MIB };
	struct progress p = { 0 };
	struct job_stats s = { .time_elapsed_ms = 1000, .disk_total = 50 * MIB, .disk_remaining = 50 * MIB };

	(void)state;
	meter_read(&m, &s, 0, &p);
	s = (struct job_stats) {
		.time_elapsed_ms = 2000, .disk_total = 50 * MIB, .disk_processed = 10 * MIB, .disk_remaining = 40 * MIB
	};
	meter_read(&m, &s, 0, &p);
	assert_int_equal(p.bps, 10 * MIB);
	assert_int_equal(p.eta_ms, 14000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_are_no_rate),
		cmocka_unit_test(nothing_is_told_too_early),
		cmocka_unit_test(the_window_moves),
		cmocka_unit_test(readings_without_end),
		cmocka_unit_test(another_job_begins_anew),
		cmocka_unit_test(without_the_jobs_clock_ours_counts),
		cmocka_unit_test(eta),
		cmocka_unit_test(eta_is_a_range),
		cmocka_unit_test(the_bar_never_goes_back),
		cmocka_unit_test(a_slower_link_is_said),
		cmocka_unit_test(iterations_are_this_migrations),
		cmocka_unit_test(memory_that_follows_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

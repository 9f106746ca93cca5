/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verdict over pairs of looks: the cases people meet, and invariants over every pair there is. */
#include "unit.h"

#include "migrate/verdict.h"

#define LOOK(s, w, j, p)                                               \
	{                                                              \
		.state = (s), .why = (w), .job = (j), .qemu_pids = (p) \
	}

static const struct guest_look gone = LOOK(GUEST_ABSENT, GUEST_WHY_OTHER, GUEST_JOB_NONE, 0);
static const struct guest_look off = LOOK(GUEST_SHUTOFF, GUEST_WHY_SHUTDOWN, GUEST_JOB_NONE, 0);
static const struct guest_look crashed_off = LOOK(GUEST_SHUTOFF, GUEST_WHY_CRASHED, GUEST_JOB_NONE, 0);
static const struct guest_look off_migrated = LOOK(GUEST_SHUTOFF, GUEST_WHY_MIGRATED, GUEST_JOB_NONE, 0);
static const struct guest_look runs = LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_NONE, 1);
static const struct guest_look arrived = LOOK(GUEST_RUNNING, GUEST_WHY_MIGRATION, GUEST_JOB_NONE, 1);
static const struct guest_look not_looked = LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_NONE, -1);
static const struct guest_look gone_not_looked = LOOK(GUEST_ABSENT, GUEST_WHY_OTHER, GUEST_JOB_NONE, -1);
static const struct guest_look job_unknown = LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_UNKNOWN, 1);
static const struct guest_look leaving = LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_MIGRATION_OUT, 1);
static const struct guest_look coming = LOOK(GUEST_PAUSED, GUEST_WHY_MIGRATION, GUEST_JOB_MIGRATION_IN, 1);
static const struct guest_look half = LOOK(GUEST_PAUSED, GUEST_WHY_MIGRATION, GUEST_JOB_NONE, 1);
static const struct guest_look paused = LOOK(GUEST_PAUSED, GUEST_WHY_USER, GUEST_JOB_NONE, 1);
static const struct guest_look io_error = LOOK(GUEST_PAUSED, GUEST_WHY_IOERROR, GUEST_JOB_NONE, 1);
static const struct guest_look postcopy = LOOK(GUEST_RUNNING, GUEST_WHY_POSTCOPY, GUEST_JOB_NONE, 1);
static const struct guest_look postcopy_failed = LOOK(GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED, GUEST_JOB_NONE, 1);
static const struct guest_look unknown = LOOK(GUEST_UNKNOWN, GUEST_WHY_OTHER, GUEST_JOB_UNKNOWN, -1);
static const struct guest_look ghost = LOOK(GUEST_ABSENT, GUEST_WHY_OTHER, GUEST_JOB_NONE, 1);
static const struct guest_look no_process = LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_NONE, 0);

static const struct {
	const char *name;
	const struct guest_look *src, *dst;
	bool was_running;
	enum verdict want;
} cases[] = {
	{ "moved", &gone, &arrived, true, VERDICT_MOVED },
	{ "moved, source still defined", &off_migrated, &arrived, true, VERDICT_MOVED },
	{ "moved, destination's processes not counted", &gone, &not_looked, true, VERDICT_MOVED },
	{ "absent, but its processes could not be counted", &gone_not_looked, &arrived, true, VERDICT_UNDECIDED },
	{ "paused at the source, ran and ended on the destination", &half, &off, true, VERDICT_UNDECIDED },
	{ "paused at the source, crashed on the destination", &half, &crashed_off, true, VERDICT_UNDECIDED },
	{ "runs at the source, a person paused the destination's", &runs, &paused, true, VERDICT_UNDECIDED },
	{ "runs at the source, post-copy on the destination", &runs, &postcopy, true, VERDICT_SPLIT },
	{ "runs at the source, job not known", &job_unknown, &half, true, VERDICT_UNDECIDED },
	{ "post-copy failed, destination gone", &postcopy_failed, &gone, true, VERDICT_UNDECIDED },
	{ "I/O error at the source", &io_error, &gone, true, VERDICT_UNDECIDED },
	{ "stayed", &runs, &gone, true, VERDICT_STAYED },
	{ "stayed, definition on the destination", &runs, &off, true, VERDICT_STAYED },
	{ "under way", &leaving, &coming, true, VERDICT_IN_PROGRESS },
	{ "under way, destination unseen yet", &leaving, &gone, true, VERDICT_IN_PROGRESS },
	{ "post-copy", &half, &postcopy, true, VERDICT_UNDECIDED },
	{ "post-copy, source with job",
	  &(const struct guest_look)LOOK(GUEST_PAUSED, GUEST_WHY_POSTCOPY, GUEST_JOB_MIGRATION_OUT, 1), &postcopy, true,
	  VERDICT_IN_PROGRESS },
	{ "post-copy failed", &postcopy_failed, &postcopy, true, VERDICT_UNDECIDED },
	{ "arrived, not started", &gone, &half, true, VERDICT_RESUME_DEST },
	{ "arrived paused, as it was", &gone, &half, false, VERDICT_MOVED },
	{ "arrived, someone paused it", &gone, &paused, true, VERDICT_MOVED },
	{ "left paused at the source", &half, &gone, true, VERDICT_RESUME_SOURCE },
	{ "paused by a person meanwhile", &paused, &gone, true, VERDICT_STAYED },
	{ "stayed paused", &paused, &gone, false, VERDICT_STAYED },
	{ "paused on both", &half, &half, true, VERDICT_UNDECIDED },
	{ "confirm was lost", &half, &arrived, true, VERDICT_STOP_SOURCE },
	{ "paused by a person at the source, runs on the destination", &paused, &arrived, true, VERDICT_UNDECIDED },
	{ "runs on both", &runs, &arrived, true, VERDICT_SPLIT },
	{ "incoming half left", &runs, &half, true, VERDICT_STOP_INCOMING },
	{ "incoming half with its job", &runs, &coming, true, VERDICT_STOP_INCOMING },
	{ "shut down under way", &off, &gone, true, VERDICT_STOPPED },
	{ "crashed under way", &crashed_off, &gone, true, VERDICT_STOPPED },
	{ "shut down, incoming half still there", &off, &coming, true, VERDICT_IN_PROGRESS },
	{ "shut down, half without job", &off, &half, true, VERDICT_IN_PROGRESS },
	{ "stopped after it arrived", &gone, &off, true, VERDICT_STOPPED },
	{ "transient, gone", &gone, &gone, true, VERDICT_GONE },
	{ "I/O error on the destination", &gone, &io_error, true, VERDICT_UNDECIDED },
	{ "source unknown", &unknown, &arrived, true, VERDICT_UNDECIDED },
	{ "destination unknown", &runs, &unknown, true, VERDICT_UNDECIDED },
	{ "a QEMU libvirt does not know", &ghost, &arrived, true, VERDICT_UNDECIDED },
	{ "libvirt has not noticed that QEMU died", &no_process, &gone, true, VERDICT_UNDECIDED },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *rule = NULL;
		enum verdict got = verdict(cases[i].src, cases[i].dst, cases[i].was_running, &rule);

		if (got != cases[i].want)
			fail_msg("%s: %s, not %s", cases[i].name, verdict_name(got), verdict_name(cases[i].want));
		assert_non_null(rule);
	}
}

static bool may_run(const struct guest_look *l)
{
	return l->state == GUEST_UNKNOWN || guest_is_running(l) || l->qemu_pids > 0;
}

/* What must hold whatever the hosts show. */
static void invariants(const struct guest_look *s, const struct guest_look *d, bool was_running)
{
	enum verdict v = verdict(s, d, was_running, NULL);

	if (s->state == GUEST_UNKNOWN || d->state == GUEST_UNKNOWN)
		assert_int_equal(v, VERDICT_UNDECIDED);
	switch (v) {
	case VERDICT_MOVED:
		assert_true(guest_is_active(d));
		assert_false(may_run(s));
		break;
	case VERDICT_STAYED:
		assert_true(guest_is_active(s));
		assert_false(may_run(d));
		break;
	case VERDICT_RESUME_DEST:
		assert_false(may_run(s));
		break;
	case VERDICT_RESUME_SOURCE:
		assert_false(may_run(d));
		assert_int_equal(d->qemu_pids, 0);
		assert_false(d->state == GUEST_SHUTOFF && d->why == GUEST_WHY_SHUTDOWN);
		break;
	case VERDICT_STOP_INCOMING: /* never stop one side unless the other is proven running */
		assert_true(guest_is_running(s));
		assert_int_not_equal(s->qemu_pids, 0);
		assert_true(s->job == GUEST_JOB_NONE || s->job == GUEST_JOB_OTHER);
		assert_int_equal(d->state, GUEST_PAUSED);
		assert_true(d->why == GUEST_WHY_MIGRATION || d->why == GUEST_WHY_STARTING_UP);
		break;
	case VERDICT_STOP_SOURCE:
		assert_true(guest_is_running(d));
		assert_int_not_equal(d->qemu_pids, 0);
		break;
	case VERDICT_STOPPED:
	case VERDICT_GONE:
		assert_false(guest_is_running(s) && s->qemu_pids != 0 && d->state == GUEST_ABSENT && !d->qemu_pids &&
			     s->why == GUEST_WHY_OTHER && s->job == GUEST_JOB_NONE);
		break;
	case VERDICT_IN_PROGRESS:
	case VERDICT_SPLIT:
	case VERDICT_UNDECIDED:
		break;
	}
}

static struct guest_look nth(unsigned n)
{
	struct guest_look l = { 0 };

	l.state = n % (GUEST_PMSUSPENDED + 1);
	n /= GUEST_PMSUSPENDED + 1;
	l.why = n % (GUEST_WHY_MIGRATION_CANCELED + 1);
	n /= GUEST_WHY_MIGRATION_CANCELED + 1;
	l.job = n % (GUEST_JOB_OTHER + 1);
	n /= GUEST_JOB_OTHER + 1;
	l.qemu_pids = (int)(n % 3) - 1;
	return l;
}

static void test_every_pair(void **state)
{
	unsigned all = (GUEST_PMSUSPENDED + 1) * (GUEST_WHY_MIGRATION_CANCELED + 1) * (GUEST_JOB_OTHER + 1) * 3;

	(void)state;
	for (unsigned i = 0; i < all; i++)
		for (unsigned j = 0; j < all; j++) {
			struct guest_look s = nth(i), d = nth(j);

			invariants(&s, &d, true);
			invariants(&s, &d, false);
		}
}

static void test_look_text(void **state)
{
	auto_free char *a = look_text(&leaving), *b = look_text(&gone), *c = look_text(&unknown);

	(void)state;
	assert_string_equal(a, "running, job outgoing migration, 1 QEMU process");
	assert_string_equal(b, "absent, 0 QEMU processes");
	assert_string_equal(c, "unknown (not asked)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_look_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

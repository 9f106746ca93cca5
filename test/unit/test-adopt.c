/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A migration whose vmmig was killed, taken over: over the small world of two hosts, with every outcome and each call
 * failing; and what other terminals ask of one that is under way.
 */
#include "world.h"

#include "migrate/perform-private.h"

static struct journal *journal;
static struct own_journal own;
static int64_t old_request;
static bool suspended;                            /* by the vmmig that is gone */
static enum guest_job other_job = GUEST_JOB_NONE; /* of the source, when there is no migration */
static struct move_options opt = { .max_downtime_ms = 300 };

/* A record as a killed vmmig leaves it in perform. */
static void leave_record(struct migration *m)
{
	struct err err auto_err = ERR_INIT;
	struct migration_record *r = &m->record;
	int64_t effect;

	r->guest = xstrdup("web1");
	r->uuid = xstrdup(UUID);
	r->mode = xstrdup("live");
	r->from = xstrdup("alpha");
	r->to = xstrdup("beta");
	r->phase = xstrdup("begin");
	assert_int_equal(journal_begin(journal, r, &err), 0);
	free(r->phase);
	r->phase = xstrdup("perform");
	r->status = MIG_ACTIVE;
	r->max_downtime_ms = 80;
	r->autostart = r->new_there = true;
	assert_int_equal(journal_update(journal, r, &err), 0);
	assert_int_equal(journal_intent(journal, r->id, "alpha", "max-downtime", "411 -> 20 ms", &effect, &err), 0);
	assert_int_equal(journal_result(journal, effect, "done", &err), 0);
	/* from a vmmig tune that nobody answered any more */
	assert_int_equal(journal_request(journal, r->id, "postcopy", 0, &old_request, &err), 0);
	if (suspended) {
		assert_int_equal(journal_intent(journal, r->id, "alpha", "suspend", UUID, &effect, &err), 0);
		assert_int_equal(journal_result(journal, effect, "done", &err), 0);
	}
	r->max_downtime_ms = 0; /* it is to be read */
	migration_record_clear(r);
}

static enum status adopt(enum outcome outcome, struct fault fault, int job_polls, bool cancel, struct err *err)
{
	struct report report = { .ops = &silent };
	struct migration m = { .guest = "web1", .journal = journal, .report = &report, .opt = &opt, .mode = MODE_LIVE };
	struct migration_record *v = NULL;
	enum status status;
	size_t n = 0;

	leave_record(&m);
	assert_int_equal(journal_list(journal, NULL, false, 1, &v, &n, err), 0);
	m.record = v[0];
	free(v);
	new_world(outcome, fault);
	world->max_downtime = 20;
	world->job_polls = job_polls;
	if (job_polls <= 0)
		settle_outcome();
	if (suspended) {
		world->src.state = GUEST_PAUSED;
		world->src.why = GUEST_WHY_USER;
	}
	world->src.job = job_polls ? world->src.job : other_job;
	open_hosts(&m);
	if (job_polls >= 0) /* a busy machine is not to look like a host that is silent */
		m.patience.settle = 5000;
	status = migrate_adopt(&m, cancel, err);
	if (status == STATUS_FAILED && outcome == STAYS && !fault.at)
		assert_int_equal(m.policy.cap_ms, 80);
	migration_clear(&m);
	close_hosts(&m);
	return status;
}

static void judge(enum outcome o, enum status status, const struct err *err)
{
	const char *msg = err->msg ? err->msg : "";

	if (*world->broken_rule)
		fail_msg("outcome %d, failure at call %d: %s", o, world->fault.at, world->broken_rule);
	if (status == STATUS_OK && (!guest_is_running(&world->dst) || world->src.state != GUEST_ABSENT))
		fail_msg("outcome %d, failure at call %d: success, but it is not so", o, world->fault.at);
	if (status == STATUS_FAILED && o != STOPS && o != ENDS_THERE && *world->hit == '\0' &&
	    (!guest_is_running(&world->src) || guest_is_active(&world->dst)))
		fail_msg("outcome %d: not as before: %s", o, msg);
	if (o == STAYS_DEFINED && status == STATUS_FAILED && *world->hit == '\0' && world->dst.state != GUEST_ABSENT)
		fail_msg("it was left defined at the destination");
}

static void outcomes(void **state)
{
	static const struct {
		enum outcome outcome;
		enum status status;
		const char *id;
	} want[] = {
		{ ARRIVES, STATUS_OK, NULL },
		{ ARRIVES_PAUSED, STATUS_OK, NULL },
		{ STAYS, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_HALF, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_PAUSED, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_DEFINED, STATUS_FAILED, "E-MIGRATE" }, /* which is undefined: judge() */
		{ CONFIRM_LOST, STATUS_OK, NULL },
		{ BOTH_RUN, STATUS_UNDECIDED, "E-SPLIT-BRAIN" },
		{ STOPS, STATUS_FAILED, "E-GUEST-STOPPED" },
		{ ENDS_THERE, STATUS_FAILED, "E-GUEST-STOPPED" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		for (int polls = 0; polls < 6; polls += 5) { /* it has ended before; it ends while it is watched */
			struct err err auto_err = ERR_INIT;
			enum status got = adopt(want[i].outcome, (struct fault) { 0 }, polls, false, &err);

			if (got != want[i].status || !str_eq(err.id, want[i].id))
				fail_msg("outcome %d, %d polls: status %d, %s %s", want[i].outcome, polls, got,
					 err.id ? err.id : "", err.msg ? err.msg : "");
			judge(want[i].outcome, got, &err);
			assert_int_equal(world->postcopy, 0);
			assert_true(got != STATUS_OK ||
				    world->dst.autostart); /* also when the source has no definition */
			/* a guest that stayed has its old limit again, from the journal */
			if (want[i].outcome == STAYS) {
				assert_int_equal(world->max_downtime, 411);
				assert_non_null(strstr(err.msg, "cannot tell why"));
			}
		}
}

static void each_call_fails(void **state)
{
	(void)state;
	for (enum outcome o = 0; o < OUTCOMES; o++)
		for (int n = 1; n < 40; n++) {
			struct err err auto_err = ERR_INIT;
			enum status status = adopt(o, (struct fault) { .at = n }, 2, false, &err);

			judge(o, status, &err);
			if (world->calls < n)
				break;
		}
}

/* No call of libvirt's comes back here to tell: it must not be waited for for ever. */
static void a_source_that_falls_silent(void **state)
{
	struct err err auto_err = ERR_INIT;

	(void)state;
	adopt(STAYS, (struct fault) { 0 }, -1, false, &err);
	judge(STAYS, err.status, &err);
}

static void a_cancel(void **state)
{
	struct err err auto_err = ERR_INIT;

	(void)state;
	assert_int_equal(adopt(STAYS, (struct fault) { 0 }, 5, true, &err), STATUS_CANCELLED);
	assert_true(world->aborts > 0);
	assert_int_equal(world->max_downtime, 411);
}

/* Its vmmig had suspended it, so that the rest could be sent, and was killed. */
static void a_suspended_guest_goes_on(void **state)
{
	struct err err auto_err = ERR_INIT;

	(void)state;
	suspended = true;
	assert_int_equal(adopt(STAYS, (struct fault) { 0 }, 0, false, &err), STATUS_FAILED);
	suspended = false;
	assert_true(guest_is_running(&world->src));
}

/* The migration ended by itself, and since then somebody makes a backup. */
static void a_cancel_stops_nobody_elses_job(void **state)
{
	struct err err auto_err = ERR_INIT;

	(void)state;
	other_job = GUEST_JOB_OTHER;
	adopt(STAYS, (struct fault) { 0 }, 0, true, &err);
	other_job = GUEST_JOB_NONE;
	assert_int_equal(world->aborts, 0);
}

static void old_requests_are_not_carried_out(void **state)
{
	struct err err auto_err = ERR_INIT;
	auto_free char *answer = NULL;

	(void)state;
	assert_int_equal(adopt(ARRIVES, (struct fault) { 0 }, 5, false, &err), STATUS_OK);
	assert_int_equal(world->postcopy, 0);
	assert_int_equal(journal_answer_get(journal, old_request, &answer, &err), 0);
	assert_non_null(strstr(answer, "is gone"));
}

/* ---- requests ---- */

static struct watch under_way(struct migration *m)
{
	struct err err auto_err = ERR_INIT;

	new_world(STAYS, (struct fault) { 0 });
	open_hosts(m);
	m->record.guest = xstrdup("web1");
	m->record.uuid = xstrdup(UUID);
	m->record.phase = xstrdup("perform");
	assert_int_equal(journal_begin(journal, &m->record, &err), 0);
	return (struct watch) {
		.m = m, .polled_ms = -1000000, .policy = { .cap_ms = 300 }, .converge = { .limit_ms = 75 }
	};
}

/* What is answered to it; caller frees. */
static char *ask(struct watch *w, const char *kind, uint64_t value)
{
	struct err err auto_err = ERR_INIT;
	char *answer = NULL;
	int64_t seq;

	assert_int_equal(journal_request(journal, w->m->record.id, kind, value, &seq, &err), 0);
	w->polled_ms = -1000000;
	control_poll(w);
	assert_int_equal(journal_answer_get(journal, seq, &answer, &err), 0);
	return answer;
}

static void expect(struct watch *w, const char *kind, uint64_t value, const char *part)
{
	auto_free char *answer = ask(w, kind, value);

	if (!strstr(answer, part))
		fail_msg("%s: \"%s\", not \"%s\"", kind, answer, part);
}

/* It is in QEMU when this is answered, also before anything was read of the job. */
static void a_lower_downtime_holds_at_once(void **state)
{
	struct report report = { .ops = &silent };
	struct migration m = { .guest = "web1", .journal = journal, .report = &report, .opt = &opt, .mode = MODE_LIVE };
	struct watch w = under_way(&m);

	(void)state;
	world->max_downtime = 75;
	expect(&w, "max-downtime", 200, "done");
	assert_int_equal(world->max_downtime, 75); /* more is used when it is needed */
	expect(&w, "max-downtime", 50, "done");
	assert_int_equal(world->max_downtime, 40);
	assert_int_equal(w.converge.limit_ms, 40);
	/* one that QEMU does not take has changed nothing */
	world->fault = (struct fault) { .at = world->calls + 1 };
	expect(&w, "max-downtime", 20, "injected");
	assert_int_equal(w.policy.cap_ms, 50);
	assert_int_equal(w.converge.limit_ms, 40);
	assert_int_equal(m.record.max_downtime_ms, 50);
	w.postcopy = true;
	expect(&w, "max-downtime", 20, "post-copy is under way");
	migration_clear(&m);
	close_hosts(&m);
}

static void requests(void **state)
{
	struct report report = { .ops = &silent };
	struct migration m = { .guest = "web1", .journal = journal, .report = &report, .opt = &opt, .mode = MODE_LIVE };
	struct watch w = under_way(&m);
	struct migration_record r = { 0 };

	(void)state;
	expect(&w, "max-downtime", 50, "done");
	assert_int_equal(w.policy.cap_ms, 50);
	/* for whoever takes it over */
	assert_int_equal(journal_find(journal, m.record.id, &r, NULL), 0);
	assert_int_equal(r.max_downtime_ms, 50);
	migration_record_clear(&r);
	expect(&w, "bandwidth", 7, "done");
	assert_int_equal(world->speed, 7);
	expect(&w, "bandwidth", 0, "done");
	assert_true(world->speed > 1000000);
	/* disks on their way keep theirs, and that is said */
	strv_add(&m.move.disks, "vda");
	expect(&w, "bandwidth", 9, "keep their rate");
	assert_int_equal(world->speed, 9);
	w.widened = true;
	expect(&w, "bandwidth", 8, "done");
	expect(&w, "timeout", 9, "done");
	assert_int_equal(w.policy.timeout_ms, 9000);
	expect(&w, "dance", 1, "does not know");
	expect(&w, "postcopy", 0, "begun without post-copy");
	assert_int_equal(world->postcopy, 0);
	m.move.postcopy = true;
	expect(&w, "postcopy", 0, "done");
	expect(&w, "postcopy", 0, "done"); /* it is what was asked for */
	assert_int_equal(world->postcopy, 1);
	expect(&w, "cancel", 0, "would lose it");
	assert_int_equal(world->aborts, 0);
	w.postcopy = false;
	expect(&w, "cancel", 0, "done");
	assert_int_equal(world->aborts, 1);
	expect(&w, "bandwidth", 7, "being stopped");
	expect(&w, "cancel", 0, "done"); /* it is what was asked for */
	/* a call that fails is answered with why */
	w.abort_since_ms = 0;
	world->fault = (struct fault) { .at = world->calls + 1 };
	expect(&w, "bandwidth", 3, "injected");
	assert_true(world->speed != 3);
	migration_clear(&m);
	close_hosts(&m);
}

static int setup(void **state)
{
	(void)state;
	journal = own_world(&own);
	return journal ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return end_world(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(each_call_fails),
		cmocka_unit_test(a_source_that_falls_silent),
		cmocka_unit_test(a_cancel),
		cmocka_unit_test(a_suspended_guest_goes_on),
		cmocka_unit_test(a_cancel_stops_nobody_elses_job),
		cmocka_unit_test(old_requests_are_not_carried_out),
		cmocka_unit_test(a_lower_downtime_holds_at_once),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

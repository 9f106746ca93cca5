/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The phases after begin, over a small world of two hosts in which the n-th call
 * fails. Whatever fails and whenever: never both sides stopped, nothing stopped
 * unless the other side runs, and the exit status says what is true.
 */
#include "world.h"

static struct journal *journal;
static struct own_journal own;

/* begin without hosts: what it leaves for the others. */
static int fake_begin(struct migration *m, struct err *err)
{
	struct migration_record *r = &m->record;

	r->guest = xstrdup("web1");
	r->uuid = xstrdup(UUID);
	r->mode = xstrdup("live");
	r->from = xstrdup("alpha");
	r->to = xstrdup("beta");
	free(r->phase);
	r->phase = xstrdup("begin");
	m->domain = domain_parse(XML, err);
	m->was_running = true;
	m->facts.look.autostart = true;
	m->facts.dst.uuid_taken = FACT_NO;
	m->move = (struct guest_move) { .persistent = true, .undefine_source = true, .peer2peer = true };
	m->src_look.state = GUEST_RUNNING;
	return journal_begin(m->journal, r, err);
}

static const struct phase phases[] = {
	{ "begin", "source", fake_begin, begin_undo }, { "prepare", "destination", prepare_run, prepare_undo },
	{ "perform", "both", perform_run, NULL },      { "finish", "destination", finish_run, NULL },
	{ "confirm", "source", confirm_run, NULL },
};

static enum status run_phases(const struct phase phase[], size_t n, enum outcome outcome, int fail_at, bool for_good,
			      struct err *err)
{
	static const struct move_options opt = { .max_downtime_ms = 500 };
	struct report report = { .ops = &silent };
	struct migration m = { .guest = "web1", .journal = journal, .report = &report, .opt = &opt, .mode = MODE_LIVE };
	enum status status;

	new_world(outcome, (struct fault) { .at = fail_at, .for_good = for_good });
	open_hosts(&m);
	status = migrate_walk(&m, phase, n, err);
	migration_clear(&m);
	close_hosts(&m);
	return status;
}

static enum status run_world(enum outcome outcome, int fail_at, bool for_good, struct err *err)
{
	return run_phases(phases, ARRAY_SIZE(phases), outcome, fail_at, for_good, err);
}

/* What must be true of the world for each exit status. */
static void judge(enum outcome o, enum status status, const struct err *err)
{
	const char *msg = err->msg ? err->msg : "";

	if (*world->broken_rule)
		fail_msg("outcome %d, failure at call %d: %s", o, world->fault.at, world->broken_rule);
	switch (status) {
	case STATUS_OK:
		if (!guest_is_running(&world->dst) || world->src.state != GUEST_ABSENT || !world->dst.autostart)
			fail_msg("outcome %d, failure at call %d: success, but it is not so", o, world->fault.at);
		break;
	case STATUS_UNDECIDED:
		break; /* it asks for a person; nothing false was claimed */
	case STATUS_FAILED:
	case STATUS_UNREACHABLE:
		if (o != STOPS && o != ENDS_THERE && (!guest_is_running(&world->src) || guest_is_active(&world->dst)))
			fail_msg("outcome %d, failure at call %d: not as before: %s", o, world->fault.at, msg);
		break;
	case STATUS_USAGE:
	case STATUS_REFUSED:
	case STATUS_CANCELLED:
	case STATUS_BUSY:
		fail_msg("outcome %d, failure at call %d: status %d", o, world->fault.at, (int)status);
	}
}

/* Two libvirt go on without us, for good: the deadline holds all the same. */
static void test_call_lost(void **state)
{
	static const struct move_options opt = { .max_downtime_ms = 500 };
	struct report report = { .ops = &silent };
	struct migration m = { .guest = "web1", .journal = journal, .report = &report, .opt = &opt, .mode = MODE_LIVE };
	struct err err auto_err = ERR_INIT;

	(void)state;
	new_world(STAYS, (struct fault) { 0 });
	world->call_lost = true;
	converge_policy_preset(&m.policy, CONVERGE_BALANCED, 500, true);
	m.policy.timeout_ms = 50;
	open_hosts(&m);
	assert_int_equal(migrate_walk(&m, phases, ARRAY_SIZE(phases), &err), STATUS_FAILED);
	assert_true(err_is(&err, E_DEADLINE));
	assert_int_equal(world->aborts, 1);
	migration_clear(&m);
	close_hosts(&m);
}

static void test_outcomes(void **state)
{
	static const struct {
		enum outcome outcome;
		enum status status;
		const char *id;
	} want[] = {
		{ ARRIVES, STATUS_OK, NULL },
		{ ARRIVES_PAUSED, STATUS_OK, NULL },
		{ ARRIVES_BUT_LIES, STATUS_OK, NULL },
		{ STAYS, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_HALF, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_PAUSED, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_DEFINED, STATUS_FAILED, "E-MIGRATE" },
		{ CONFIRM_LOST, STATUS_OK, NULL },
		{ BOTH_RUN, STATUS_UNDECIDED, "E-SPLIT-BRAIN" },
		{ STOPS, STATUS_FAILED, "E-GUEST-STOPPED" },
		{ ENDS_THERE, STATUS_FAILED, "E-GUEST-STOPPED" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct err err auto_err = ERR_INIT;
		enum status got = run_world(want[i].outcome, 0, false, &err);

		if (got != want[i].status || !str_eq(err.id, want[i].id))
			fail_msg("outcome %d: status %d, %s %s", want[i].outcome, got, err.id ? err.id : "",
				 err.msg ? err.msg : "");
		judge(want[i].outcome, got, &err);
	}
}

static void test_downtime_put_back(void **state)
{
	struct err err auto_err = ERR_INIT;

	(void)state;
	run_world(STAYS, 0, false, &err);
	assert_int_equal(world->max_downtime, 300);
}

static int broken_phase(struct migration *m, struct err *err)
{
	(void)m;
	return err_set(err, E_JOURNAL, 0, "full");
}

static struct world as_it_hangs;

static int begin_hang(struct migration *m, struct err *err)
{
	world->hang = as_it_hangs.hang;
	world->job_polls = as_it_hangs.job_polls;
	world->mirrors = as_it_hangs.mirrors;
	world->src.state = as_it_hangs.src.state ? as_it_hangs.src.state : GUEST_RUNNING;
	world->dst.state = as_it_hangs.dst.state;
	world->dst.qemu_pids = as_it_hangs.dst.qemu_pids;
	m->patience.stuck = m->patience.stuck_blind = m->patience.unheard = m->patience.cut_every = 20;
	if (fake_begin(m, err) < 0)
		return -1;
	if (world->mirrors) {
		strv_add(&m->move.disks, "vda");
		m->patience.stuck = m->patience.stuck_blind = 300; /* not before its movement is read */
	}
	m->patience.abort_limit = 5000;
	strv_add(&m->facts.dst.addresses, "10.0.0.2");
	return 0;
}

/*
 * libvirt waits for a destination that has forgotten it: it is freed, but only when nothing has begun there. Or for a
 * mirror that has ended: when there is no connection to end, the wish to abort frees it.
 */
static void test_hangs(void **state)
{
	static const struct {
		struct world as;
		int aborts;
	} cases[] = {
		{ { .hang = 1, .dst.state = GUEST_ABSENT }, 0 },
		{ { .hang = 1, .dst.state = GUEST_UNKNOWN }, 0 },
		{ { .hang = -1, .dst.state = GUEST_ABSENT }, 1 },
		{ { .hang = 1, .mirrors = true, .dst.state = GUEST_ABSENT }, 0 },
		{ { .hang = 1, .mirrors = true, .dst.state = GUEST_UNKNOWN }, 0 },
		{ { .hang = -1, .mirrors = true, .dst.state = GUEST_ABSENT }, 1 },
		{ { .hang = 1, .mirrors = true, .src.state = GUEST_PAUSED, .dst.state = GUEST_ABSENT }, 0 },
		{ { .hang = 1,
		    .mirrors = true,
		    .src.state = GUEST_PAUSED,
		    .job_polls = 10,
		    .dst.state = GUEST_UNKNOWN },
		  0 },
		{ { .hang = 1, .mirrors = true, .job_polls = 10, .dst.state = GUEST_PAUSED, .dst.qemu_pids = 1 }, 0 },
		{ { .hang = 1, .job_polls = 10, .dst.state = GUEST_PAUSED, .dst.qemu_pids = 1 }, 0 },
		{ { .hang = 1, .job_polls = 10, .dst.state = GUEST_ABSENT, .dst.qemu_pids = 1 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct phase hang[ARRAY_SIZE(phases)];
		struct err err auto_err = ERR_INIT;
		bool slow = cases[i].as.job_polls != 0;
		enum status got;

		memcpy(hang, phases, sizeof(phases));
		hang[0].run = begin_hang;
		as_it_hangs = cases[i].as;
		got = run_phases(hang, ARRAY_SIZE(hang), slow ? ARRIVES : STAYS, 0, false, &err);
		if (*world->broken_rule)
			fail_msg("case %zu: %s", i, world->broken_rule);
		assert_int_equal(got, slow ? STATUS_OK : STATUS_FAILED);
		assert_int_equal(world->hang, 2);
		assert_int_equal(world->aborts, cases[i].aborts);
		if (!slow && (!guest_is_running(&world->src) || !str_eq(err.id, "E-MIGRATE")))
			fail_msg("case %zu: %s", i, err.msg);
	}
}

/* What prepare did is taken back also when perform is never begun. */
static void test_undo_before_perform(void **state)
{
	static const struct phase broken[] = {
		{ "begin", "source", fake_begin, begin_undo },
		{ "prepare", "destination", prepare_run, prepare_undo },
		{ "perform", "both", broken_phase, NULL },
	};
	struct err err auto_err = ERR_INIT;

	(void)state;
	assert_int_equal(run_phases(broken, ARRAY_SIZE(broken), ARRIVES, 0, false, &err), STATUS_FAILED);
	assert_int_equal(world->max_downtime, 300);
}

static void every_failure(bool for_good)
{
	for (enum outcome o = 0; o < OUTCOMES; o++)
		for (int n = 1; n < 40; n++) {
			struct err err auto_err = ERR_INIT;
			enum status status = run_world(o, n, for_good, &err);

			judge(o, status, &err);
			if (world->calls < n)
				break; /* there is no n-th call */
		}
}

static void test_nth_call_fails(void **state)
{
	(void)state;
	every_failure(false);
}

static void test_all_from_nth_call_fail(void **state)
{
	(void)state;
	every_failure(true);
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
		cmocka_unit_test(test_call_lost),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_hangs),
		cmocka_unit_test(test_downtime_put_back),
		cmocka_unit_test(test_undo_before_perform),
		cmocka_unit_test(test_nth_call_fails),
		cmocka_unit_test(test_all_from_nth_call_fail),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is the matter with a guest: the cases people meet, and what must hold whatever three hosts show.
 *
 * A look is known by its letters, so that a case can be read: see looks.
 */
#include "unit.h"

#include "recover/diagnosis.h"

#define LOOK(s, w, j)                                 \
	{                                             \
		.state = (s), .why = (w), .job = (j), \
	}
#define NONE SIZE_MAX

static const struct guest_look off = LOOK(GUEST_SHUTOFF, GUEST_WHY_OTHER, GUEST_JOB_NONE);
static const struct guest_look off_shutdown = LOOK(GUEST_SHUTOFF, GUEST_WHY_SHUTDOWN, GUEST_JOB_NONE);
static const struct guest_look off_crashed = LOOK(GUEST_SHUTOFF, GUEST_WHY_CRASHED, GUEST_JOB_NONE);
static const struct guest_look off_migrated = LOOK(GUEST_SHUTOFF, GUEST_WHY_MIGRATED, GUEST_JOB_NONE);
static const struct guest_look runs = LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_NONE);
static const struct guest_look blocked = LOOK(GUEST_BLOCKED, GUEST_WHY_OTHER, GUEST_JOB_NONE);
static const struct guest_look arrived = LOOK(GUEST_RUNNING, GUEST_WHY_MIGRATION, GUEST_JOB_NONE);
static const struct guest_look leaving = LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_MIGRATION_OUT);
static const struct guest_look half_out = LOOK(GUEST_PAUSED, GUEST_WHY_MIGRATION, GUEST_JOB_MIGRATION_OUT);
static const struct guest_look coming = LOOK(GUEST_PAUSED, GUEST_WHY_MIGRATION, GUEST_JOB_MIGRATION_IN);
static const struct guest_look half = LOOK(GUEST_PAUSED, GUEST_WHY_MIGRATION, GUEST_JOB_NONE);
static const struct guest_look starting = LOOK(GUEST_PAUSED, GUEST_WHY_STARTING_UP, GUEST_JOB_NONE);
static const struct guest_look paused = LOOK(GUEST_PAUSED, GUEST_WHY_USER, GUEST_JOB_NONE);
static const struct guest_look io_error = LOOK(GUEST_PAUSED, GUEST_WHY_IOERROR, GUEST_JOB_NONE);
static const struct guest_look crashed = LOOK(GUEST_CRASHED, GUEST_WHY_CRASHED, GUEST_JOB_NONE);
static const struct guest_look pc_src = LOOK(GUEST_PAUSED, GUEST_WHY_POSTCOPY, GUEST_JOB_MIGRATION_OUT);
static const struct guest_look pc_dst = LOOK(GUEST_RUNNING, GUEST_WHY_POSTCOPY, GUEST_JOB_MIGRATION_IN);
static const struct guest_look pc_failed = LOOK(GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED, GUEST_JOB_NONE);
static const struct guest_look pc_failed_out = LOOK(GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED, GUEST_JOB_MIGRATION_OUT);
static const struct guest_look silent = { .state = GUEST_RUNNING, .job = GUEST_JOB_NONE, .silent = true };

/* The first has run for longest. */
static const struct qemu_process qemus[] = {
	{ .pid = 1, .age_s = 9000, .state = 'S' },
	{ .pid = 2, .age_s = 900, .state = 'S' },
	{ .pid = 3, .age_s = 90, .state = 'S' },
	{ .pid = 4, .age_s = 5, .state = 'T' },
	{ .pid = 5, .age_s = 5, .state = 'D' },
	/* the first three again, started to receive */
	{ .pid = 6, .age_s = 9000, .state = 'S', .incoming = true },
	{ .pid = 7, .age_s = 900, .state = 'S', .incoming = true },
	{ .pid = 8, .age_s = 90, .state = 'S', .incoming = true },
};
enum { INCOMING = 5 };
static const struct lease_fact held = { .held = true }, stale = { .held = false };

#define HOST(l)                                              \
	{                                                    \
		.look = (l), .answered = true, .known = true \
	}
#define ACTIVE(l, q)                                                                        \
	{                                                                                   \
		.look = (l), .qemu = &qemus[q], .qemus = 1, .answered = true, .known = true \
	}
#define STRAY(l, q) ACTIVE(l, q)
#define EMPTY HOST(NULL)
#define UNKNOWN                   \
	{                         \
		.answered = false \
	}
/* libvirt has answered, the survey has not */
#define HALF_KNOWN(l)                         \
	{                                     \
		.look = (l), .answered = true \
	}

static const struct {
	const char *name;
	struct presence v[3];
	enum finding_kind kind;
	size_t keep, other;
} cases[] = {
	{ "runs once", { EMPTY, ACTIVE(&runs, 0), EMPTY }, FOUND_HEALTHY, 1, NONE },
	{ "has arrived", { ACTIVE(&arrived, 0), EMPTY, EMPTY }, FOUND_HEALTHY, 0, NONE },
	{ "blocked", { ACTIVE(&blocked, 0), EMPTY, EMPTY }, FOUND_HEALTHY, 0, NONE },
	{ "a person has paused it", { ACTIVE(&paused, 0), EMPTY, EMPTY }, FOUND_HEALTHY, 0, NONE },
	{ "runs, its storage is slow", { ACTIVE(&runs, 4), EMPTY, EMPTY }, FOUND_HEALTHY, 0, NONE },
	{ "runs, and a host is unknown", { ACTIVE(&runs, 0), UNKNOWN, EMPTY }, FOUND_HEALTHY, 0, NONE },

	{ "off", { EMPTY, EMPTY, HOST(&off) }, FOUND_OFF, 2, NONE },
	{ "off, it has moved away", { HOST(&off_migrated), EMPTY, EMPTY }, FOUND_OFF, 0, NONE },

	{ "nobody knows it", { EMPTY, EMPTY, EMPTY }, FOUND_ABSENT, NONE, NONE },
	{ "libvirt says absent",
	  { HOST(&((const struct guest_look) { .state = GUEST_ABSENT })), EMPTY, EMPTY },
	  FOUND_ABSENT,
	  NONE,
	  NONE },

	{ "leased",
	  { { .look = &runs, .qemu = qemus, .qemus = 1, .answered = true, .known = true, .lease = &held },
	    EMPTY,
	    EMPTY },
	  FOUND_BUSY,
	  NONE,
	  NONE },
	{ "leased where it is not",
	  { ACTIVE(&runs, 0), ACTIVE(&runs, 1), { .answered = true, .known = true, .lease = &held } },
	  FOUND_BUSY,
	  NONE,
	  NONE },
	{ "a stale lease is none",
	  { { .look = &runs, .qemu = qemus, .qemus = 1, .answered = true, .known = true, .lease = &stale },
	    EMPTY,
	    EMPTY },
	  FOUND_HEALTHY,
	  0,
	  NONE },

	{ "under way", { ACTIVE(&leaving, 0), ACTIVE(&coming, 1), EMPTY }, FOUND_ADOPT, 0, 1 },
	{ "under way, the other way round", { ACTIVE(&coming, 1), ACTIVE(&leaving, 0), EMPTY }, FOUND_ADOPT, 1, 0 },
	{ "under way, last moment", { ACTIVE(&half_out, 0), ACTIVE(&half, 1), EMPTY }, FOUND_ADOPT, 0, 1 },
	{ "post-copy", { ACTIVE(&pc_src, 0), ACTIVE(&pc_dst, 1), EMPTY }, FOUND_ADOPT, 1, 0 },

	{ "confirm was lost", { ACTIVE(&half, 0), ACTIVE(&arrived, 1), EMPTY }, FOUND_FINISH, 1, 0 },
	{ "incoming half left", { ACTIVE(&runs, 0), EMPTY, ACTIVE(&starting, INCOMING + 1) }, FOUND_FINISH, 0, 2 },
	{ "the same, its process is unknown", { ACTIVE(&runs, 0), EMPTY, HALF_KNOWN(&starting) }, FOUND_FINISH, 0, 2 },
	{ "the same, it arrived here once", { EMPTY, ACTIVE(&runs, INCOMING), ACTIVE(&half, 1) }, FOUND_FINISH, 1, 2 },
	{ "incoming half left, with its job", { ACTIVE(&coming, 1), EMPTY, ACTIVE(&runs, 0) }, FOUND_FINISH, 2, 0 },

	{ "paused by a migration", { ACTIVE(&half, 0), EMPTY, EMPTY }, FOUND_ROLL_BACK, 0, NONE },
	{ "the same, defined elsewhere", { HOST(&off), EMPTY, ACTIVE(&half, 0) }, FOUND_ROLL_BACK, 2, NONE },
	{ "the same, has run elsewhere", { HOST(&off_shutdown), EMPTY, ACTIVE(&half, 0) }, FOUND_UNDECIDED, 2, 0 },
	{ "the same, has crashed elsewhere", { EMPTY, HOST(&off_crashed), ACTIVE(&half, 0) }, FOUND_UNDECIDED, 2, 1 },
	{ "paused, a host is unknown", { ACTIVE(&half, 0), EMPTY, UNKNOWN }, FOUND_UNDECIDED, 0, NONE },
	{ "paused, processes of a host are unknown",
	  { ACTIVE(&half, 0), HALF_KNOWN(NULL), EMPTY },
	  FOUND_UNDECIDED,
	  0,
	  NONE },
	{ "an incoming half alone", { EMPTY, ACTIVE(&coming, 0), EMPTY }, FOUND_UNDECIDED, 1, NONE },
	{ "starts up", { EMPTY, ACTIVE(&starting, 0), EMPTY }, FOUND_UNDECIDED, 1, NONE },
	{ "starts up, to receive", { EMPTY, ACTIVE(&starting, INCOMING), EMPTY }, FOUND_UNDECIDED, 1, NONE },
	{ "off, and a host is unknown", { HOST(&off), UNKNOWN, EMPTY }, FOUND_UNDECIDED, 0, NONE },
	{ "all hosts are unknown", { UNKNOWN, UNKNOWN, UNKNOWN }, FOUND_UNDECIDED, NONE, NONE },

	{ "post-copy failed", { ACTIVE(&pc_failed, 0), ACTIVE(&pc_failed, 1), EMPTY }, FOUND_POSTCOPY, 1, 0 },
	{ "post-copy failed, the other way round",
	  { ACTIVE(&pc_failed, 1), EMPTY, ACTIVE(&pc_failed, 0) },
	  FOUND_POSTCOPY,
	  0,
	  2 },
	{ "post-copy failed, one has the job",
	  { ACTIVE(&pc_failed, 0), ACTIVE(&pc_failed_out, 1), EMPTY },
	  FOUND_POSTCOPY,
	  0,
	  1 },
	{ "post-copy failed, only one side has seen it",
	  { ACTIVE(&pc_failed, 0), ACTIVE(&pc_dst, 1), EMPTY },
	  FOUND_POSTCOPY,
	  1,
	  0 },

	{ "a job that nobody takes in", { ACTIVE(&leaving, 0), EMPTY, EMPTY }, FOUND_STUCK, 0, NONE },
	{ "the same, paused", { EMPTY, ACTIVE(&half_out, 0), HOST(&off) }, FOUND_STUCK, 1, NONE },

	{ "its monitor is silent", { ACTIVE(&silent, 0), EMPTY, EMPTY }, FOUND_HUNG, 0, NONE },
	{ "stopped by a signal", { EMPTY, ACTIVE(&runs, 3), EMPTY }, FOUND_HUNG, 1, NONE },

	{ "runs, and is defined elsewhere", { ACTIVE(&runs, 0), HOST(&off), EMPTY }, FOUND_TWICE, 0, 1 },
	{ "paused, and is defined elsewhere", { HOST(&off), EMPTY, ACTIVE(&paused, 0) }, FOUND_TWICE, 2, 0 },
	{ "off twice", { HOST(&off), EMPTY, HOST(&off_migrated) }, FOUND_TWICE, NONE, NONE },

	{ "libvirt has forgotten it", { STRAY(NULL, 0), EMPTY, EMPTY }, FOUND_STRAY, NONE, 0 },
	{ "libvirt has forgotten what waits", { EMPTY, STRAY(NULL, INCOMING), EMPTY }, FOUND_STRAY, NONE, 1 },
	{ "libvirt takes it for off", { EMPTY, STRAY(&off, 0), ACTIVE(&runs, 1) }, FOUND_STRAY, 2, 1 },

	{ "runs twice", { ACTIVE(&runs, 0), EMPTY, ACTIVE(&arrived, 1) }, FOUND_SPLIT, 0, 2 },
	{ "runs, and a person has paused it", { ACTIVE(&runs, 0), ACTIVE(&paused, 1), EMPTY }, FOUND_SPLIT, 0, 1 },
	{ "runs, and somebody starts it elsewhere",
	  { ACTIVE(&runs, 0), ACTIVE(&starting, 1), EMPTY },
	  FOUND_SPLIT,
	  0,
	  1 },
	{ "paused twice", { ACTIVE(&paused, 0), ACTIVE(&half, 1), EMPTY }, FOUND_SPLIT, 0, 1 },
	{ "halves twice", { ACTIVE(&half, 0), ACTIVE(&half, 1), EMPTY }, FOUND_SPLIT, 0, 1 },
	{ "runs, crashed elsewhere", { ACTIVE(&runs, 0), ACTIVE(&crashed, 1), EMPTY }, FOUND_SPLIT, 0, 1 },
	{ "runs, I/O error elsewhere", { ACTIVE(&runs, 0), ACTIVE(&io_error, 1), EMPTY }, FOUND_SPLIT, 0, 1 },
	{ "three", { ACTIVE(&runs, 0), ACTIVE(&half, 1), ACTIVE(&half, 2) }, FOUND_SPLIT, 0, 1 },

	{ "post-copy, source gone", { EMPTY, ACTIVE(&pc_failed, 0), EMPTY }, FOUND_LOST, 1, NONE },
	{ "post-copy, destination gone", { ACTIVE(&pc_src, 0), EMPTY, HOST(&off) }, FOUND_LOST, 0, NONE },
	{ "post-copy, the other is unknown", { ACTIVE(&pc_failed, 0), UNKNOWN, EMPTY }, FOUND_UNDECIDED, 0, NONE },
};

static void test_cases(void **state)
{
	unsigned met[FOUND_COUNT] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct diagnosis d = diagnose(cases[i].v, 3);

		if (d.kind != cases[i].kind || d.keep != cases[i].keep || d.other != cases[i].other)
			fail_msg("%s: %s, %zd, %zd (%s), not %s, %zd, %zd", cases[i].name, finding_infos[d.kind].name,
				 (ssize_t)d.keep, (ssize_t)d.other, d.rule, finding_infos[cases[i].kind].name,
				 (ssize_t)cases[i].keep, (ssize_t)cases[i].other);
		met[d.kind]++;
	}
	for (size_t k = 0; k < FOUND_COUNT; k++)
		if (k != FOUND_MOVED && k != FOUND_STAYED && met[k] < 2) /* those two are of a record */
			fail_msg("%s: %u cases", finding_infos[k].name, met[k]);
}

/* What the evidence is better for is said. */
static void test_rules(void **state)
{
	static const struct {
		struct presence v[1];
		const char *says, *does_not_say;
	} rules[] = {
		{ { STRAY(NULL, INCOMING) }, "started to receive a migration", NULL },
		{ { STRAY(NULL, 0) }, "libvirt does not know", "receive" },
		{ { ACTIVE(&starting, INCOMING) }, "incoming half", NULL },
		{ { ACTIVE(&coming, INCOMING) }, "incoming half", NULL },
		{ { ACTIVE(&coming, 0) }, "incoming half", NULL }, /* libvirt knows better */
		{ { ACTIVE(&starting, 0) }, "was not started to receive", "incoming half" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct diagnosis d = diagnose(rules[i].v, 1);

		if (!strstr(d.rule, rules[i].says) || (rules[i].does_not_say && strstr(d.rule, rules[i].does_not_say)))
			fail_msg("rule %zu: %s", i, d.rule);
	}
}

/* A fourth host may be the one that tells. */
static void test_more_hosts(void **state)
{
	for (size_t told = 0; told < 4; told++) {
		struct presence v[5];
		struct diagnosis d;

		for (size_t i = 0; i < 4; i++)
			v[i] = (struct presence)HOST(i == told ? &off_shutdown : &off);
		v[4] = (struct presence)ACTIVE(&half, 0);
		d = diagnose(v, 5);
		if (d.kind != FOUND_UNDECIDED)
			fail_msg("host %zu: %s", told, finding_infos[d.kind].name);
	}
	(void)state;
	assert_int_equal(diagnose(NULL, 0).kind, FOUND_ABSENT);
}

static void test_infos(void **state)
{
	(void)state;
	for (size_t k = 0; k < FOUND_COUNT; k++) {
		const struct finding_info *i = &finding_infos[k];

		assert_true(i->name && *i->name && i->advice && *i->advice);
		assert_false(i->safe && i->option);
		assert_false(i->names_host && !i->option);
		for (size_t o = 0; o < k; o++)
			assert_string_not_equal(i->name, finding_infos[o].name);
	}
	/* what acts without a question */
	assert_true(finding_infos[FOUND_FINISH].safe && finding_infos[FOUND_ROLL_BACK].safe);
	for (size_t k = FOUND_POSTCOPY; k < FOUND_COUNT; k++)
		assert_false(finding_infos[k].safe);
}

/* ---- whatever three hosts show ---- */

static bool is_half_look(const struct guest_look *l)
{
	return l->state == GUEST_PAUSED && l->job != GUEST_JOB_MIGRATION_OUT &&
	       (l->why == GUEST_WHY_MIGRATION || l->why == GUEST_WHY_STARTING_UP);
}

/* Somebody has just started it: no migration is to arrive there. */
static bool starts_by_itself(const struct presence *p)
{
	return p->known && p->look->why == GUEST_WHY_STARTING_UP && p->look->job != GUEST_JOB_MIGRATION_IN &&
	       (p->qemus == 0 || (p->qemus == 1 && (!p->qemu->incoming || p->look->saved)));
}

static bool is_active_at(const struct presence *p)
{
	return p->look && guest_is_active(p->look);
}

static void show(const struct presence *v, size_t n, struct diagnosis d, const char *what)
{
	for (size_t i = 0; i < n; i++) {
		const struct guest_look *l = v[i].look;

		print_error("%zu: %s %s, job %s, %u QEMU%s%s\n", i, l ? guest_state_name(l->state) : "-",
			    l ? guest_why_name(l->why) : "", l ? guest_job_name(l->job) : "", v[i].qemus,
			    v[i].answered ? "" : ", not answered", v[i].known ? "" : ", not known");
	}
	fail_msg("%s, %zd, %zd: %s", finding_infos[d.kind].name, (ssize_t)d.keep, (ssize_t)d.other, what);
}

static const char *wrong_indices(const struct presence *v, size_t n, struct diagnosis d)
{
	bool keep = d.keep != NONE, other = d.other != NONE;

	if ((keep && d.keep >= n) || (other && d.other >= n) || (keep && d.keep == d.other))
		return "no such host";
	switch (d.kind) {
	case FOUND_ABSENT:
	case FOUND_BUSY:
		return keep || other ? "a host of nothing" : NULL;
	case FOUND_OFF:
		return !keep || other || is_active_at(&v[d.keep]) ? "not off there" : NULL;
	case FOUND_HEALTHY:
	case FOUND_ROLL_BACK:
	case FOUND_STUCK:
	case FOUND_HUNG:
	case FOUND_LOST:
		return !keep || other || !is_active_at(&v[d.keep]) ? "not active there" : NULL;
	case FOUND_ADOPT:
	case FOUND_FINISH:
	case FOUND_POSTCOPY:
	case FOUND_SPLIT:
		return !keep || !other || !is_active_at(&v[d.keep]) || !is_active_at(&v[d.other]) ? "not active on both"
												  : NULL;
	case FOUND_TWICE:
		if (!keep && !other)
			return NULL; /* nobody is told which one to keep */
		return !keep || !other || !is_active_at(&v[d.keep]) || !v[d.other].look || is_active_at(&v[d.other])
			       ? "not defined twice"
			       : NULL;
	case FOUND_STRAY:
		return !other || !v[d.other].qemus || is_active_at(&v[d.other]) || (keep && !is_active_at(&v[d.keep]))
			       ? "no stray there"
			       : NULL;
	case FOUND_UNDECIDED:
		return NULL;
	case FOUND_MOVED:
	case FOUND_STAYED:
		break;
	}
	return "of a record";
}

static const char *unsafe(const struct presence *v, size_t n, struct diagnosis d)
{
	size_t running = 0, active = 0, unknown = 0, more = 0;

	for (size_t i = 0; i < n; i++) {
		running += v[i].look && guest_is_running(v[i].look);
		active += is_active_at(&v[i]) || v[i].qemus;
		unknown += !v[i].known;
		more += v[i].qemus > 1;
	}
	if (d.kind != FOUND_FINISH && d.kind != FOUND_ROLL_BACK)
		return NULL;
	if (running > 1)
		return "it runs on two hosts";
	if (more)
		return "a host has two QEMU of it";
	if (d.kind == FOUND_ROLL_BACK)
		return unknown                         ? "a host is unknown"
		       : active != 1                   ? "something else is active"
		       : !is_half_look(v[d.keep].look) ? "it is not a half"
						       : NULL;
	if (!guest_is_running(v[d.keep].look) || v[d.keep].look->job == GUEST_JOB_MIGRATION_OUT ||
	    v[d.keep].look->job == GUEST_JOB_MIGRATION_IN || v[d.keep].look->why == GUEST_WHY_POSTCOPY ||
	    v[d.keep].look->why == GUEST_WHY_POSTCOPY_FAILED)
		return "the kept one is not plainly running";
	if (v[d.keep].look->silent || (v[d.keep].qemu && v[d.keep].qemu->state == 'T'))
		return "the kept one hangs";
	if (starts_by_itself(&v[d.other]))
		return "the other one has just been started";
	return is_half_look(v[d.other].look) ? NULL : "the other one is no half";
}

/* d of v, e of the same hosts in another order: the i-th is now at to[i]. */
static const char *unlike(struct diagnosis d, struct diagnosis e, const size_t to[3])
{
	size_t keep = d.keep == NONE ? NONE : to[d.keep], other = d.other == NONE ? NONE : to[d.other];

	if (d.kind != e.kind)
		return "another finding in another order";
	if ((keep == NONE) != (e.keep == NONE) || (other == NONE) != (e.other == NONE))
		return "other hosts in another order";
	if (keep == e.keep && other == e.other)
		return NULL;
	/* of two that are alike, it is the first; wrong_indices() has looked at both */
	switch (d.kind) {
	case FOUND_SPLIT:
	case FOUND_TWICE:
	case FOUND_STRAY:
	case FOUND_UNDECIDED:
		return NULL;
	case FOUND_HEALTHY:
	case FOUND_OFF:
	case FOUND_ABSENT:
	case FOUND_MOVED:
	case FOUND_STAYED:
	case FOUND_BUSY:
	case FOUND_ADOPT:
	case FOUND_FINISH:
	case FOUND_ROLL_BACK:
	case FOUND_POSTCOPY:
	case FOUND_STUCK:
	case FOUND_HUNG:
	case FOUND_LOST:
		break;
	}
	return "other hosts in another order";
}

static struct diagnosis checked(const struct presence *v, size_t n)
{
	struct diagnosis d = diagnose(v, n);
	const char *wrong;

	if ((unsigned)d.kind >= FOUND_COUNT || !d.rule || !*d.rule)
		fail_msg("finding %d without a rule", d.kind);
	wrong = wrong_indices(v, n, d);
	if (!wrong)
		wrong = unsafe(v, n, d);
	if (wrong)
		show(v, n, d, wrong);
	return d;
}

static void in_every_order(const struct presence v[3])
{
	static const size_t orders[][3] = { { 1, 0, 2 }, { 1, 2, 0 } }; /* of which all are made */
	struct diagnosis d = checked(v, 3);

	for (size_t o = 0; o < ARRAY_SIZE(orders); o++) {
		struct presence w[3];
		const char *wrong;

		for (size_t i = 0; i < 3; i++)
			w[orders[o][i]] = v[i];
		wrong = unlike(d, diagnose(w, 3), orders[o]);
		if (wrong)
			show(v, 3, d, wrong);
	}
}

/* Those that the rules tell apart. */
static const struct guest_look *const looks[] = {
	NULL,
	&off,
	&off_shutdown,
	&off_migrated,
	&runs,
	&leaving,
	&half_out,
	&coming,
	&half,
	&starting,
	&paused,
	&crashed,
	&pc_src,
	&pc_dst,
	&pc_failed,
	&pc_failed_out,
	&silent,
	&(const struct guest_look)LOOK(GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_MIGRATION_IN),
	&(const struct guest_look)LOOK(GUEST_RUNNING, GUEST_WHY_POSTCOPY, GUEST_JOB_NONE),
	&(const struct guest_look)LOOK(GUEST_RUNNING, GUEST_WHY_POSTCOPY_FAILED, GUEST_JOB_MIGRATION_IN),
	&(const struct guest_look)LOOK(GUEST_PAUSED, GUEST_WHY_STARTING_UP, GUEST_JOB_MIGRATION_OUT),
	&(const struct guest_look)LOOK(GUEST_ABSENT, GUEST_WHY_OTHER, GUEST_JOB_NONE),
	&(const struct guest_look)LOOK(GUEST_UNKNOWN, GUEST_WHY_OTHER, GUEST_JOB_UNKNOWN),
};
enum { LOOKS = sizeof(looks) / sizeof(*looks) };

/* With 0, 1, 2 QEMU, one that was stopped or was started to receive, or none known; and the host that has not answered.
 */
enum { WAYS = 6, SHOWN = LOOKS * WAYS + 1 };

static struct presence shown(size_t n, size_t host)
{
	struct presence p = { .answered = true, .known = true };

	if (n == SHOWN - 1)
		return (struct presence)UNKNOWN;
	p.look = looks[n / WAYS];
	switch (n % WAYS) {
	case 1:
	case 2:
		p.qemus = n % WAYS;
		p.qemu = &qemus[host];
		break;
	case 3:
	case 5:
		p.qemus = 1;
		p.qemu = &qemus[n % WAYS == 3 ? 3 : INCOMING + host];
		break;
	case 4:
		p.known = false;
		break;
	}
	return p;
}

static void test_every_three(void **state)
{
	(void)state;
	for (size_t a = 0; a < SHOWN; a++)
		for (size_t b = 0; b < SHOWN; b++)
			for (size_t c = 0; c < SHOWN; c++) {
				struct presence v[] = { shown(a, 0), shown(b, 1), shown(c, 2) };

				in_every_order(v);
			}
}

/* Each state, why and job there is, on two of the hosts. */
enum { ALL = (GUEST_PMSUSPENDED + 1) * (GUEST_WHY_MIGRATION_CANCELED + 1) * (GUEST_JOB_OTHER + 1) };

static struct guest_look nth(unsigned n)
{
	struct guest_look l = { 0 };

	l.state = n % (GUEST_PMSUSPENDED + 1);
	n /= GUEST_PMSUSPENDED + 1;
	l.why = n % (GUEST_WHY_MIGRATION_CANCELED + 1);
	n /= GUEST_WHY_MIGRATION_CANCELED + 1;
	l.job = n % (GUEST_JOB_OTHER + 1);
	return l;
}

static void test_every_two(void **state)
{
	const struct presence third[] = { EMPTY, UNKNOWN, HOST(&off), HOST(&off_shutdown) };

	(void)state;
	for (unsigned a = 0; a < ALL; a++)
		for (unsigned b = 0; b < ALL; b++) {
			struct guest_look x = nth(a), y = nth(b);
			struct presence v[] = { HOST(&x), HOST(&y), third[(a + b) % 4] };

			for (size_t i = 0; i < 2; i++)
				if (is_active_at(&v[i])) {
					v[i].qemus = 1;
					v[i].qemu = &qemus[i];
				}
			in_every_order(v);
		}
}

static void test_leases(void **state)
{
	(void)state;
	for (size_t a = 0; a < SHOWN; a++)
		for (size_t b = 0; b < SHOWN; b++)
			for (size_t at = 0; at < 3; at++) {
				struct presence v[] = { shown(a, 0), shown(b, 1), EMPTY };
				struct diagnosis without = diagnose(v, 3), d;

				v[at].lease = &held;
				assert_int_equal(diagnose(v, 3).kind, FOUND_BUSY);
				v[at].lease = &stale;
				d = diagnose(v, 3);
				assert_true(d.kind == without.kind && d.keep == without.keep &&
					    d.other == without.other);
			}
}

/* ---- of a record ---- */

static bool may_run(const struct guest_look *l)
{
	return l->state == GUEST_UNKNOWN || guest_is_running(l) || l->qemu_pids > 0;
}

static void check_record(const struct guest_look *s, const struct guest_look *d, bool cold)
{
	struct diagnosis r = diagnose_record(s, d, cold, false);
	bool both = guest_is_running(s) && guest_is_running(d);

	assert_true((unsigned)r.kind < FOUND_COUNT && r.rule && *r.rule);
	assert_true(r.keep == NONE && r.other == NONE);
	assert_int_equal(diagnose_record(s, d, cold, true).kind, FOUND_BUSY);
	if ((s->state == GUEST_UNKNOWN || d->state == GUEST_UNKNOWN))
		assert_int_equal(r.kind, FOUND_UNDECIDED);
	if (both)
		assert_true(r.kind != FOUND_FINISH && r.kind != FOUND_ROLL_BACK && r.kind != FOUND_MOVED &&
			    r.kind != FOUND_STAYED);
	if (r.kind == FOUND_MOVED)
		assert_true(guest_is_active(d) && !may_run(s));
	if (r.kind == FOUND_STAYED)
		assert_true(guest_is_active(s) && !may_run(d));
}

static void test_every_record(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ALL * 3; i++)
		for (unsigned j = 0; j < ALL * 3; j++) {
			struct guest_look s = nth(i / 3), d = nth(j / 3);

			s.qemu_pids = (int)(i % 3) - 1;
			d.qemu_pids = (int)(j % 3) - 1;
			check_record(&s, &d, false);
			check_record(&s, &d, true);
		}
}

static struct guest_look with(const struct guest_look *l, int pids)
{
	struct guest_look c = *l;

	c.qemu_pids = pids;
	return c;
}

static void test_records(void **state)
{
	const struct guest_look absent = LOOK(GUEST_ABSENT, GUEST_WHY_OTHER, GUEST_JOB_NONE);
	const struct guest_look unknown = LOOK(GUEST_UNKNOWN, GUEST_WHY_OTHER, GUEST_JOB_UNKNOWN);
	const struct {
		const struct guest_look *src, *dst;
		bool cold;
		enum finding_kind kind;
	} records[] = {
		{ &absent, &arrived, false, FOUND_MOVED },
		{ &off_migrated, &arrived, false, FOUND_MOVED },
		{ &runs, &absent, false, FOUND_STAYED },
		{ &runs, &off, false, FOUND_STAYED },
		{ &leaving, &coming, false, FOUND_ADOPT },
		{ &half, &arrived, false, FOUND_FINISH },
		{ &absent, &half, false, FOUND_FINISH },
		{ &half, &absent, false, FOUND_ROLL_BACK },
		{ &runs, &half, false, FOUND_ROLL_BACK },
		{ &pc_failed, &pc_failed, false, FOUND_POSTCOPY },
		{ &pc_failed_out, &pc_dst, false, FOUND_POSTCOPY },
		{ &pc_failed, &absent, false, FOUND_LOST },
		{ &off, &pc_failed, false, FOUND_LOST },
		{ &runs, &arrived, false, FOUND_SPLIT },
		{ &unknown, &arrived, false, FOUND_UNDECIDED },
		{ &unknown, &absent, true, FOUND_UNDECIDED },
		{ &off, &absent, true, FOUND_ROLL_BACK },
		{ &runs, &absent, true, FOUND_ROLL_BACK },
		{ &off, &off, true, FOUND_FINISH },
		{ &absent, &runs, true, FOUND_FINISH },
		{ &runs, &off, true, FOUND_UNDECIDED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		struct guest_look s = with(records[i].src, guest_is_active(records[i].src));
		struct guest_look d = with(records[i].dst, guest_is_active(records[i].dst));
		struct diagnosis r = diagnose_record(&s, &d, records[i].cold, false);

		if (r.kind != records[i].kind)
			fail_msg("record %zu: %s, not %s", i, finding_infos[r.kind].name,
				 finding_infos[records[i].kind].name);
	}
}

/* ---- commands ---- */

static void test_commands(void **state)
{
	static const struct {
		enum finding_kind kind;
		const char *guest, *keep, *other, *want;
	} commands[] = {
		{ FOUND_FINISH, "web1", "alpha", "beta", "vmmig recover web1" },
		{ FOUND_ROLL_BACK, "web 1", "alpha", NULL, "vmmig recover 'web 1'" },
		{ FOUND_POSTCOPY, "web1", "alpha", "beta", "vmmig recover web1 --resume-postcopy" },
		{ FOUND_STUCK, "it's", "alpha", NULL, "vmmig recover 'it'\\''s' --reset-state" },
		{ FOUND_HUNG, "$(id)", "alpha", NULL, "vmmig recover '$(id)' --hard-reboot" },
		{ FOUND_TWICE, "web1", "al pha", "beta", "vmmig recover web1 --keep 'al pha'" },
		{ FOUND_SPLIT, "web1", NULL, NULL, "vmmig recover web1 --keep HOST" },
		{ FOUND_STRAY, "web1", "alpha", "b;eta", "vmmig recover web1 --kill 'b;eta'" },
		{ FOUND_STRAY, "web1", NULL, "beta", "vmmig recover web1 --kill beta" },
		{ FOUND_UNDECIDED, "web1", "alpha", "beta", NULL },
		{ FOUND_BUSY, "web1", NULL, NULL, NULL },
		{ FOUND_ABSENT, "web1", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct diagnosis d = { .kind = commands[i].kind, .keep = NONE, .other = NONE, .rule = "" };
		auto_free char *got = diagnosis_command(&d, commands[i].guest, commands[i].keep, commands[i].other);

		if (!str_eq(got, commands[i].want))
			fail_msg("%s, not %s", got ? got : "none", commands[i].want ? commands[i].want : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),        cmocka_unit_test(test_more_hosts),
		cmocka_unit_test(test_infos),        cmocka_unit_test(test_rules),
		cmocka_unit_test(test_every_three),  cmocka_unit_test(test_every_two),
		cmocka_unit_test(test_leases),       cmocka_unit_test(test_records),
		cmocka_unit_test(test_every_record), cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

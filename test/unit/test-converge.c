/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The convergence policy: its rules one by one, and whole migrations in a small model of QEMU's pre-copy. */
#include "unit.h"

#include "converge/converge.h"

#define MIB ((uint64_t)1 << 20)

static struct converge_policy policy(enum converge_preset preset, uint64_t cap_ms)
{
	struct converge_policy p;

	converge_policy_preset(&p, preset, cap_ms, true);
	return p;
}

/* ---- names and figures ---- */

static void names(void **state)
{
	enum converge_preset p;
	enum converge_end e;

	(void)state;
	for (int i = CONVERGE_CAREFUL; i <= CONVERGE_MUST_FINISH; i++) {
		assert_int_equal(converge_preset_parse(converge_preset_name((enum converge_preset)i), &p), 0);
		assert_int_equal(p, i);
	}
	for (int i = CONVERGE_END_ABORT; i <= CONVERGE_END_SUSPEND; i++) {
		assert_int_equal(converge_end_parse(converge_end_name((enum converge_end)i), &e), 0);
		assert_int_equal(e, i);
	}
	assert_int_equal(converge_preset_parse("reckless", &p), -1);
	assert_int_equal(converge_preset_parse(NULL, &p), -1);
	assert_int_equal(converge_end_parse("", &e), -1);
	assert_string_equal(converge_do_name(CONVERGE_LIMIT), "max-downtime");
}

static void first_limit(void **state)
{
	static const struct {
		uint64_t cap, want;
	} cases[] = { { 1, 1 },   { 19, 16 }, { 20, 16 },  { 25, 20 },         { 40, 20 },
		      { 79, 20 }, { 80, 20 }, { 300, 75 }, { 2000000, 500000 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct converge_policy p = policy(CONVERGE_BALANCED, cases[i].cap);

		assert_int_equal(converge_first_ms(&p), cases[i].want);
	}
}

static void presets(void **state)
{
	struct converge_policy p;

	(void)state;
	p = policy(CONVERGE_CAREFUL, 300);
	assert_int_equal(p.on_stall, CONVERGE_END_ABORT);
	assert_false(p.throttle);
	p = policy(CONVERGE_BALANCED, 300);
	assert_int_equal(p.on_stall, CONVERGE_END_ABORT);
	assert_false(p.throttle);
	p = policy(CONVERGE_MUST_FINISH, 300);
	assert_int_equal(p.on_stall, CONVERGE_END_POSTCOPY);
	converge_policy_preset(&p, CONVERGE_MUST_FINISH, 300, false);
	assert_int_equal(p.on_stall, CONVERGE_END_SUSPEND);
	assert_int_equal(p.timeout_ms, 0);
}

/* The manual spells each preset out. */
static void manual(void **state)
{
	auto_free char *page = unit_read_file("man/vmmig-live.1");
	char *from = strstr(page, ".Ss The policy"), *to = from ? strstr(from, ".Ss The deadline") : NULL;

	(void)state;
	if (!to)
		fail_msg("vmmig-live(1) has no section about the policy");
	else
		*to = '\0';
	for (int i = CONVERGE_CAREFUL; i <= CONVERGE_MUST_FINISH; i++) {
		struct converge_policy p = policy((enum converge_preset)i, 300);
		auto_free char *head = str_printf(".It Cm %s\n", converge_preset_name(p.preset));
		auto_free char *figures = str_printf("after %u such passes and %llu s without a better one",
						     p.stall_passes, (unsigned long long)p.stall_ms / 1000);
		char *item = strstr(from, head), *next = item ? strstr(item + 1, "\n.It ") : NULL;
		auto_free char *text = item ? xstrndup(item, next ? (size_t)(next - item) : strlen(item)) : NULL;

		if (!text || !strstr(text, figures))
			fail_msg("vmmig-live(1) does not say of %s: %s", converge_preset_name(p.preset), figures);
		assert_int_equal(strstr(text, "switches to post-copy") != NULL, p.on_stall == CONVERGE_END_POSTCOPY);
	}
}

/* ---- rules, one by one ---- */

/* A row is a reading; MiB and MiB/s. Each table is one migration, from its beginning. */
struct row {
	int64_t at_ms;
	uint64_t iteration, left, rate, dirty;
	enum converge_do want;
	uint64_t limit_ms;
	int throttle;
};

static void play(const char *name, struct converge_policy p, const struct row rows[], size_t n)
{
	struct converge c = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct converge_reading r = { .at_ms = rows[i].at_ms,
					      .iteration = rows[i].iteration,
					      .remaining = rows[i].left * MIB,
					      .bps = rows[i].rate * MIB,
					      .dirty_bps = rows[i].dirty * MIB,
					      .throttle = rows[i].throttle };
		struct converge_action a;

		converge_step(&c, &p, &r, &a);
		if (a.what != rows[i].want || (a.what == CONVERGE_LIMIT && a.limit_ms != rows[i].limit_ms))
			fail_msg("%s, row %zu: %s %llu: %s", name, i, converge_do_name(a.what),
				 (unsigned long long)a.limit_ms, a.reason);
		assert_true(a.what == CONVERGE_WAIT || a.reason[0]);
		assert_true(a.what != CONVERGE_LIMIT || a.limit_ms <= p.cap_ms);
	}
}
#define PLAY(p, rows) play(#rows, (p), (rows), ARRAY_SIZE(rows))

static void rules(void **state)
{
	static const struct row first_pass_decides_nothing[] = {
		{ 100, 0, 0, 0, 0, CONVERGE_WAIT, 0, 0 },
		{ 200, 1, 200, 0, 0, CONVERGE_WAIT, 0, 0 },
		{ 900, 1, 150, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 3000, 1, 50, 50, 0, CONVERGE_WAIT, 0, 0 },
	};
	/* 2 MiB at 50 MiB/s are 40 ms: QEMU ends it by itself */
	static const struct row within_the_first_limit[] = {
		{ 200, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 4200, 2, 2, 50, 0, CONVERGE_WAIT, 0, 0 },
	};
	/* 5 MiB are 100 ms of a pass of 4 s: the next leaves nearly nothing, for 100 ms more; cheap */
	static const struct row less_is_cheap[] = {
		{ 200, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 4200, 2, 5, 50, 0, CONVERGE_WAIT, 0, 0 },
	};
	/* it does not fall: 200 ms are needed, 240 set at once; and once only */
	static const struct row settles_within_the_cap[] = {
		{ 200, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 4200, 2, 10, 50, 60, CONVERGE_LIMIT, 240, 0 },
		{ 4300, 2, 5, 50, 60, CONVERGE_WAIT, 0, 0 },
	};
	/* half of what is sent is changed: 1000, 500, 250 ms; the cap is met by the third, and that is set now */
	static const struct row falls_by_half[] = {
		{ 0, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 2000, 2, 50, 50, 25, CONVERGE_LIMIT, 240, 0 },
		{ 3000, 3, 25, 50, 25, CONVERGE_WAIT, 0, 0 },
	};
	/* 2 s are needed and 300 ms allowed: the cap at once, since it does not fall; then pass after pass, the end */
	static const struct row careful_gives_up[] = {
		{ 200, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },    { 4200, 2, 100, 50, 70, CONVERGE_LIMIT, 240, 0 },
		{ 6200, 3, 100, 50, 70, CONVERGE_WAIT, 0, 0 },  { 8200, 4, 100, 50, 70, CONVERGE_WAIT, 0, 0 },
		{ 10200, 5, 100, 50, 70, CONVERGE_WAIT, 0, 0 }, /* so many passes, but not 30 s */
		{ 34100, 6, 100, 50, 70, CONVERGE_WAIT, 0, 0 }, { 34300, 7, 100, 50, 70, CONVERGE_ABORT, 0, 0 },
		{ 36000, 8, 100, 50, 70, CONVERGE_WAIT, 0, 0 }, /* once */
	};
	/* each pass leaves a little less: no stall, however long it takes */
	static const struct row slow_but_falling[] = {
		{ 0, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },       { 20000, 2, 190, 50, 49, CONVERGE_LIMIT, 240, 0 },
		{ 40000, 3, 180, 50, 49, CONVERGE_WAIT, 0, 0 },  { 60000, 4, 170, 50, 49, CONVERGE_WAIT, 0, 0 },
		{ 80000, 5, 160, 50, 49, CONVERGE_WAIT, 0, 0 },  { 100000, 6, 150, 50, 49, CONVERGE_WAIT, 0, 0 },
		{ 120000, 7, 140, 50, 49, CONVERGE_WAIT, 0, 0 },
	};
	/* one who must finish sees after one pass that there is no use */
	static const struct row must_finish_at_once[] = {
		{ 200, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 4200, 2, 100, 50, 70, CONVERGE_POSTCOPY, 0, 0 },
	};
	/* 80 % of what is sent is changed: it will take 4 s and more, as long as it has until now */
	static const struct row must_finish_is_impatient[] = {
		{ 0, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 2000, 2, 80, 50, 40, CONVERGE_POSTCOPY, 0, 0 },
	};
	/* throttled: QEMU is doing something about it, and gets its time */
	static const struct row throttling_is_no_stall[] = {
		{ 200, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },      { 4200, 2, 100, 50, 70, CONVERGE_LIMIT, 240, 0 },
		{ 20000, 3, 100, 50, 70, CONVERGE_WAIT, 0, 20 },  { 40000, 4, 100, 50, 70, CONVERGE_WAIT, 0, 30 },
		{ 60000, 5, 100, 50, 70, CONVERGE_WAIT, 0, 40 },  { 80000, 6, 100, 50, 70, CONVERGE_WAIT, 0, 50 },
		{ 100000, 7, 100, 50, 70, CONVERGE_WAIT, 0, 60 },
	};
	struct converge_policy p;

	(void)state;
	PLAY(policy(CONVERGE_BALANCED, 300), first_pass_decides_nothing);
	PLAY(policy(CONVERGE_BALANCED, 300), within_the_first_limit);
	PLAY(policy(CONVERGE_BALANCED, 300), less_is_cheap);
	PLAY(policy(CONVERGE_BALANCED, 300), settles_within_the_cap);
	PLAY(policy(CONVERGE_BALANCED, 300), falls_by_half);
	PLAY(policy(CONVERGE_CAREFUL, 300), careful_gives_up);
	PLAY(policy(CONVERGE_CAREFUL, 300), slow_but_falling);
	PLAY(policy(CONVERGE_MUST_FINISH, 300), must_finish_at_once);
	PLAY(policy(CONVERGE_MUST_FINISH, 300), must_finish_is_impatient);
	PLAY(policy(CONVERGE_CAREFUL, 300), throttling_is_no_stall);
	converge_policy_preset(&p, CONVERGE_MUST_FINISH, 300, false);
	static const struct row must_finish_without_postcopy[] = {
		{ 200, 1, 200, 50, 0, CONVERGE_WAIT, 0, 0 },
		{ 4200, 2, 100, 50, 70, CONVERGE_SUSPEND, 0, 0 },
	};
	PLAY(p, must_finish_without_postcopy);
}

/* A stall with a deadline: it is said once, and the deadline decides. */
static void stall_waits_for_the_deadline(void **state)
{
	struct converge_policy p = policy(CONVERGE_CAREFUL, 300);
	struct converge c = { 0 };
	unsigned told = 0;

	(void)state;
	p.timeout_ms = 60000;
	p.on_timeout = CONVERGE_END_POSTCOPY;
	for (int64_t t = 0; t < 59000; t += 2000) {
		struct converge_reading r = {
			.at_ms = t, .iteration = (uint64_t)t / 2000 + 1, .remaining = 100 * MIB, .bps = 50 * MIB
		};
		struct converge_action a;

		converge_step(&c, &p, &r, &a);
		assert_true(a.what == CONVERGE_WAIT || a.what == CONVERGE_LIMIT);
		told += a.stall;
		assert_true(!a.stall || strstr(a.reason, "2.0 s") != NULL);
	}
	assert_int_equal(told, 1);
	for (int i = 0; i < 3; i++) {
		struct converge_reading r = { .at_ms = 60000 + i, .iteration = 31 };
		struct converge_action a;

		converge_step(&c, &p, &r, &a);
		assert_int_equal(a.what, i ? CONVERGE_WAIT : CONVERGE_POSTCOPY);
		assert_int_equal(a.deadline, i == 0);
	}
}

/* The deadline does not need statistics, nor a first pass. */
static void deadlines(void **state)
{
	static const enum converge_do want[] = { CONVERGE_ABORT, CONVERGE_POSTCOPY, CONVERGE_SUSPEND };

	(void)state;
	for (int e = CONVERGE_END_ABORT; e <= CONVERGE_END_SUSPEND; e++) {
		struct converge_policy p = policy(CONVERGE_BALANCED, 300);
		struct converge c = { 0 };
		struct converge_reading r = { .at_ms = 7999 };
		struct converge_action a;

		p.timeout_ms = 8000;
		p.on_timeout = (enum converge_end)e;
		converge_step(&c, &p, &r, &a);
		assert_int_equal(a.what, CONVERGE_WAIT);
		r.at_ms = 8000;
		converge_step(&c, &p, &r, &a);
		assert_int_equal(a.what, want[e]);
		assert_non_null(strstr(a.reason, "8.0 s"));
	}
}

/* vmmig tune: the cap goes down, and up again, in the middle of a pass. */
static void the_cap_changes(void **state)
{
	struct converge_policy p = policy(CONVERGE_BALANCED, 300);
	struct converge c = { 0 };
	struct converge_reading r = { .at_ms = 200, .iteration = 1, .remaining = 200 * MIB, .bps = 50 * MIB };
	struct converge_action a;

	(void)state;
	converge_step(&c, &p, &r, &a);
	r = (struct converge_reading) {
		.at_ms = 4200, .iteration = 2, .remaining = 50 * MIB, .bps = 50 * MIB, .dirty_bps = 60 * MIB
	};
	converge_step(&c, &p, &r, &a); /* a second is needed: more than is allowed */
	assert_int_equal(a.what, CONVERGE_LIMIT);
	assert_int_equal(a.limit_ms, 240);
	p.cap_ms = 100;
	converge_step(&c, &p, &r, &a);
	assert_int_equal(a.what, CONVERGE_LIMIT);
	assert_int_equal(a.limit_ms, 80);
	converge_step(&c, &p, &r, &a);
	assert_int_equal(a.what, CONVERGE_WAIT);
	p.cap_ms = 5000;
	converge_step(&c, &p, &r, &a);
	assert_int_equal(a.what, CONVERGE_LIMIT);
	assert_int_equal(a.limit_ms, 1200);
}

static void nothing_after_postcopy(void **state)
{
	struct converge_policy p = policy(CONVERGE_BALANCED, 300);
	struct converge c = { 0 };
	struct converge_reading r = { .at_ms = 99999, .iteration = 9, .remaining = MIB, .bps = 1, .postcopy = true };
	struct converge_action a;

	(void)state;
	p.timeout_ms = 1;
	converge_step(&c, &p, &r, &a);
	assert_int_equal(a.what, CONVERGE_WAIT);
	assert_int_equal(a.reason[0], '\0');
}

/* What hosts may say is not always sensible: no crash, no limit above the cap. (Also under UBSan.) */
static void absurd_numbers(void **state)
{
	static const uint64_t v[] = { 0, 1, 999, 1ull << 32, 1ull << 62, UINT64_MAX };
	static const int64_t t[] = { INT64_MIN / 2, -1, 0, 1, 1000, INT64_MAX / 2 };
	struct converge_policy p = policy(CONVERGE_BALANCED, 300);
	struct converge c = { 0 };

	(void)state;
	for (size_t i = 0; i < 6 * 6 * 6 * 6 * 6; i++) {
		struct converge_reading r = { .at_ms = t[i % 6],
					      .iteration = v[i / 6 % 6],
					      .remaining = v[i / 36 % 6],
					      .bps = v[i / 216 % 6],
					      .dirty_bps = v[i / 1296 % 6],
					      .throttle = (int)(i % 7),
					      .before_ms = v[i / 36 % 6],
					      .before_bytes = v[i / 6 % 6] };
		struct converge_action a;

		converge_step(&c, &p, &r, &a);
		assert_true(a.what != CONVERGE_LIMIT || a.limit_ms <= 300);
		if (c.ended)
			c = (struct converge) { 0 };
	}
}

/* ---- what was recorded on two lab hosts ---- */

struct replay {
	enum converge_do last; /* what was decided last */
	unsigned limits;       /* how often the limit was set */
	uint64_t limit_ms;     /* the last one */
	int64_t at_ms;
};

static struct replay replay(const char *name, const struct converge_policy *p)
{
	auto_free char *path = str_printf("test/unit/data/replay-%s.txt", name);
	auto_free char *text = unit_read_file(path);
	struct replay out = { .last = CONVERGE_WAIT };
	struct converge c = { 0 };

	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct converge_reading r = { 0 };
		unsigned long long v[5];
		struct converge_action a;
		long long at;

		if (sscanf(line, "%lld %llu %llu %llu %llu %llu", &at, &v[0], &v[1], &v[2], &v[3], &v[4]) != 6)
			continue; /* a comment */
		r = (struct converge_reading) { .at_ms = at,
						.iteration = v[0],
						.remaining = v[1],
						.bps = v[2],
						.dirty_bps = v[3],
						.throttle = (int)v[4] };
		converge_step(&c, p, &r, &a);
		if (a.what == CONVERGE_WAIT)
			continue;
		out.last = a.what;
		out.at_ms = at;
		if (a.what == CONVERGE_LIMIT) {
			out.limits++;
			out.limit_ms = a.limit_ms;
		}
	}
	return out;
}

static void recorded(void **state)
{
	struct converge_policy p;
	struct replay o;

	(void)state;
	/* 15 MiB/s of 36 are changed: the limit is raised once or twice, no more */
	p = policy(CONVERGE_BALANCED, 300);
	o = replay("below", &p);
	assert_int_equal(o.last, CONVERGE_LIMIT);
	assert_in_range(o.limits, 1, 2);
	assert_in_range(o.limit_ms, 150, 240);
	/* 60 MiB/s of 36: given up when there was no better pass for as long as that takes; the record has 35 s */
	p = policy(CONVERGE_CAREFUL, 300);
	p.stall_ms = 20000;
	o = replay("above", &p);
	assert_int_equal(o.last, CONVERGE_ABORT);
	assert_in_range(o.at_ms, 24000, 28000);
	/* the same, whatever it takes */
	p = policy(CONVERGE_MUST_FINISH, 300);
	o = replay("must", &p);
	assert_int_equal(o.last, CONVERGE_POSTCOPY);
	assert_in_range(o.at_ms, 3000, 7000);
	/* with what it needs allowed, it is given that, though nobody waits for it */
	p = policy(CONVERGE_CAREFUL, 3000);
	o = replay("above", &p);
	assert_int_equal(o.last, CONVERGE_LIMIT);
	assert_in_range(o.limit_ms, 1780, 2900);
	p = policy(CONVERGE_CAREFUL, 2000);
	o = replay("settles", &p);
	assert_int_equal(o.last, CONVERGE_LIMIT);
	assert_in_range(o.limit_ms, 900, 1900);
	/* too little for all of them: nothing is decided but the highest limit */
	p = policy(CONVERGE_BALANCED, 10);
	o = replay("settles", &p);
	assert_true(o.last == CONVERGE_WAIT || (o.last == CONVERGE_LIMIT && o.limit_ms == converge_most_ms(&p)));
}

/* ---- whole migrations ---- */

/*
 * A model of what QEMU 7.2 does: memory goes at rate bps; when what remains fits into the limit, or is sent, a sync
 * adds what was changed since the last one, which is rate * time but no more than the working set; if that fits, it
 * ends.
 */
struct model {
	uint64_t memory, set, dirty_bps, bps; /* bytes, bytes/s */
	bool measured;                        /* for a second, before */
	double qemu;                          /* its idea of the rate, of ours; 0: the same */
	double cold, hot, since_sync, last_rate;
	uint64_t iteration, limit_ms;
	double now_ms, rate_at_ms;
};

struct outcome {
	enum { CONVERGED, ABORTED, SWITCHED, ENDLESS } end;
	double total_ms, downtime_ms;
};

static double changed(const struct model *q)
{
	double d = (double)q->dirty_bps * q->since_sync / 1000;

	return d < (double)q->set ? d : (double)q->set;
}

static double remaining(const struct model *q)
{
	return q->cold + q->hot;
}

static void send(struct model *q, double bytes)
{
	double cold = q->cold < bytes ? q->cold : bytes;

	q->cold -= cold;
	q->hot -= q->hot < bytes - cold ? q->hot : bytes - cold;
}

/* One ms; true when it is over. */
static bool tick(struct model *q)
{
	double threshold = (double)q->bps * (q->qemu > 0 ? q->qemu : 1) * (double)q->limit_ms / 1000;

	send(q, (double)q->bps / 1000);
	q->since_sync++;
	q->now_ms++;
	if (remaining(q) > threshold)
		return false;
	if (q->now_ms - q->rate_at_ms > 1000) {
		q->last_rate = changed(q) / q->since_sync * 1000;
		q->rate_at_ms = q->now_ms;
	}
	q->hot += changed(q);
	if (q->hot > (double)q->set)
		q->hot = (double)q->set;
	q->since_sync = 0;
	q->iteration++;
	return remaining(q) <= threshold;
}

static struct outcome simulate(struct model q, const struct converge_policy *p)
{
	struct converge c = { 0 };
	struct outcome o = { .end = ENDLESS };

	q.set = q.set < q.memory ? q.set : q.memory;
	q.hot = (double)q.set;
	q.cold = (double)q.memory - q.hot;
	q.iteration = 1;
	q.limit_ms = p ? converge_first_ms(p) : q.limit_ms;
	while (q.now_ms < 600000) {
		struct converge_action a = { 0 };

		if (tick(&q)) {
			o = (struct outcome) { CONVERGED, q.now_ms, remaining(&q) / (double)q.bps * 1000 };
			break;
		}
		if (!p || (int64_t)q.now_ms % 100 != 0)
			continue;
		struct converge_reading r = { .at_ms = (int64_t)q.now_ms,
					      .iteration = q.iteration,
					      .remaining = (uint64_t)remaining(&q),
					      .bps = q.now_ms < 200 ? 0 : q.bps,
					      .dirty_bps = (uint64_t)q.last_rate,
					      .before_ms = q.measured ? 1000 : 0,
					      .before_bytes = q.dirty_bps < q.set ? q.dirty_bps : q.set };
		converge_step(&c, p, &r, &a);
		if (a.what == CONVERGE_LIMIT) {
			assert_in_range(a.limit_ms, 1, p->cap_ms);
			q.limit_ms = a.limit_ms;
		} else if (a.what == CONVERGE_ABORT) {
			o = (struct outcome) { ABORTED, q.now_ms, 0 };
			break;
		} else if (a.what != CONVERGE_WAIT) {
			o = (struct outcome) { SWITCHED, q.now_ms + remaining(&q) / (double)q.bps * 1000, 0 };
			break;
		}
	}
	o.total_ms += o.end == CONVERGED ? o.downtime_ms : 0;
	return o;
}

static const uint64_t memories[] = { 75, 256, 2048 }, rates[] = { 20, 35, 110, 1000 }, sets[] = { 1, 8, 64, 200 },
		      dirt[] = { 0, 20, 50, 80, 95, 120, 300 } /* % of the link */, caps[] = { 50, 300, 2000 };

#define FOR_EACH_CELL(q, cap)                                                                                          \
	for (size_t cell_ = 0; cell_ < 3 * 4 * 4 * 7 * 3 * 2; cell_++)                                                 \
		for (uint64_t cap = caps[cell_ % 3], once_ = 1; once_; once_ = 0)                                      \
			for (struct model q = { .memory = memories[cell_ / 3 % 3] * MIB,                               \
						.bps = rates[cell_ / 9 % 4] * MIB,                                     \
						.set = sets[cell_ / 36 % 4] * MIB,                                     \
						.dirty_bps = rates[cell_ / 9 % 4] * MIB / 100 * dirt[cell_ / 144 % 7], \
						.measured = cell_ / 1008,                                              \
						.limit_ms = cap };                                                     \
			     once_; once_ = 0)

static const char *cell_text(const struct model *q, uint64_t cap, char buf[160])
{
	snprintf(buf, 160, "memory %llu set %llu dirty %llu link %llu cap %llu%s",
		 (unsigned long long)(q->memory / MIB), (unsigned long long)(q->set / MIB),
		 (unsigned long long)(q->dirty_bps / MIB), (unsigned long long)(q->bps / MIB), (unsigned long long)cap,
		 q->measured ? ", measured" : "");
	return buf;
}

/*
 * Against a limit that is the highest from the beginning (virsh --live with migrate-setmaxdowntime): whatever ends
 * there ends here, with no more downtime, and in hardly more time; what does not is given up.
 */
static void as_good_as_the_cap_from_the_beginning(void **state)
{
	struct converge_policy p;
	double ours = 0, plain = 0;
	char text[160];

	(void)state;
	FOR_EACH_CELL(q, cap)
	{
		struct outcome fixed, o;

		p = policy(CONVERGE_CAREFUL, cap);
		q.limit_ms = converge_most_ms(&p);
		fixed = simulate(q, NULL);
		o = simulate(q, &p);
		if (fixed.end == CONVERGED) {
			if (o.end != CONVERGED)
				fail_msg("%s: did not converge, in %.0f ms it did", cell_text(&q, cap, text),
					 fixed.total_ms);
			if (o.downtime_ms > (double)cap)
				fail_msg("%s: %.0f ms of downtime", cell_text(&q, cap, text), o.downtime_ms);
			/* one pass more of what is needed at the cap, where the working set had to be found out */
			if (o.total_ms > fixed.total_ms * 1.05 + (double)cap + 500)
				fail_msg("%s: %.0f ms, not %.0f", cell_text(&q, cap, text), o.total_ms, fixed.total_ms);
			ours += o.downtime_ms;
			plain += fixed.downtime_ms;
		} else if (o.end != ABORTED) {
			fail_msg("%s: it was not given up", cell_text(&q, cap, text));
		}
	}
	assert_true(ours < plain * 0.8);
}

/* Everything ends, and what would have converged in reasonable time does so without post-copy. */
static void must_finish_finishes(void **state)
{
	struct converge_policy p;
	char text[160];

	(void)state;
	FOR_EACH_CELL(q, cap)
	{
		struct outcome fixed = simulate(q, NULL), o;
		double pass = (double)q.memory / (double)q.bps * 1000, set = (double)q.set / (double)q.bps * 1000;

		p = policy(CONVERGE_MUST_FINISH, cap);
		o = simulate(q, &p);
		if (o.end != CONVERGED && o.end != SWITCHED)
			fail_msg("%s: it did not end", cell_text(&q, cap, text));
		if (o.end == SWITCHED && q.dirty_bps <= q.bps / 100 * 80 && fixed.total_ms < pass * 1.5)
			fail_msg("%s: post-copy, though it converges in %.0f ms", cell_text(&q, cap, text),
				 fixed.total_ms);
		if (o.total_ms > 2.5 * (pass + set) + (double)cap + 1500)
			fail_msg("%s: %.0f ms", cell_text(&q, cap, text), o.total_ms);
	}
}

/* Memory that is changed again and again looks as if it were little after a long first pass. */
static void a_measurement_saves_a_pass(void **state)
{
	struct model hot = { .memory = 150 * MIB, .set = 40 * MIB, .dirty_bps = 60 * MIB, .bps = 36 * MIB },
		     measured = hot;
	struct converge_policy must = policy(CONVERGE_MUST_FINISH, 300), balanced = policy(CONVERGE_BALANCED, 1300);
	struct outcome without, with;

	(void)state;
	measured.measured = true;
	without = simulate(hot, &must);
	with = simulate(measured, &must);
	assert_int_equal(without.end, SWITCHED);
	assert_int_equal(with.end, SWITCHED);
	assert_true(with.total_ms + 900 < without.total_ms);
	/* and where what it needs is allowed, it loses none */
	without = simulate(hot, &balanced);
	with = simulate(measured, &balanced);
	assert_int_equal(with.end, CONVERGED);
	assert_true(with.total_ms <= without.total_ms && with.downtime_ms < 1300);
}

/* What fits by our reckoning, and not by QEMU's, pass after pass: that is a stall as well. */
static void qemu_sees_it_otherwise(void **state)
{
	/* the set takes 1150 ms, and passes 190 */
	struct model q = { .memory = 256 * MIB, .set = 40 * MIB, .dirty_bps = 300 * MIB, .bps = 35 * MIB, .qemu = 0.8 };
	struct converge_policy careful = policy(CONVERGE_CAREFUL, 1300), more = policy(CONVERGE_CAREFUL, 1700);

	(void)state;
	assert_int_equal(simulate(q, &careful).end, ABORTED);
	assert_int_equal(simulate(q, &more).end, CONVERGED);
	for (uint64_t limit = 1; limit < 5000; limit += 7) {
		struct converge_policy p = policy(CONVERGE_CAREFUL, converge_cap_for_ms(limit));

		assert_in_range(converge_most_ms(&p), limit, limit + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(first_limit),
		cmocka_unit_test(presets),
		cmocka_unit_test(manual),
		cmocka_unit_test(rules),
		cmocka_unit_test(stall_waits_for_the_deadline),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(the_cap_changes),
		cmocka_unit_test(nothing_after_postcopy),
		cmocka_unit_test(absurd_numbers),
		cmocka_unit_test(recorded),
		cmocka_unit_test(as_good_as_the_cap_from_the_beginning),
		cmocka_unit_test(must_finish_finishes),
		cmocka_unit_test(a_measurement_saves_a_pass),
		cmocka_unit_test(qemu_sees_it_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "converge/converge.h"

#include <stdio.h>

#include "base/str.h"

enum {
	FIRST_PART = 4,    /* a quarter of the cap: two more passes of a guest that changes half of what is sent */
	FIRST_MIN_MS = 20, /* less than this no guest notices */
	ROOM_PART = 5,
	ROOM_MAX_MS = 100,      /* of the cap, for what the limit does not count: devices, and the switch itself */
	MARGIN_PERCENT = 120,   /* QEMU's own idea of the rate is that of the last 100 ms, and varies */
	WORTH_PERCENT = 3,      /* of the time it has taken: what a smaller downtime may cost */
	FALLING_PERCENT = 90,   /* each pass leaves less than this much of the one before: it converges */
	BETTER_PERCENT = 96,    /* of the best: less than that is an improvement (KubeVirt's stall detector: 4 %) */
	MOMENT_PERCENT = 110,   /* of the best: a good moment */
	MOMENT_PASSES = 2,      /* and for so many passes it is waited for */
	SPARSE_MS = 1000,       /* readings so far apart tell nothing about what was between them */
	PASS_TELLS_MS = 200,    /* two readings */
	PASSES_STUCK = 5,       /* in that time: what is left is hardly more than the limit, and does not fall */
	PASS_SURE_MS = 1000,    /* ten: enough for what cannot be taken back */
	MEASURE_MIN = 16 << 20, /* bytes: QEMU samples one page of 2 MiB, and fewer than eight tell little */
};

static const char *const preset_names[] = {
	[CONVERGE_CAREFUL] = "careful",
	[CONVERGE_BALANCED] = "balanced",
	[CONVERGE_MUST_FINISH] = "must-finish",
};

static const char *const end_names[] = {
	[CONVERGE_END_ABORT] = "abort",
	[CONVERGE_END_POSTCOPY] = "postcopy",
	[CONVERGE_END_SUSPEND] = "suspend",
};

static int parse(const char *word, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(word, names[i]))
			return (int)i;
	return -1;
}

const char *converge_preset_name(enum converge_preset p)
{
	return preset_names[p];
}

int converge_preset_parse(const char *word, enum converge_preset *p)
{
	int i = parse(word, preset_names, ARRAY_SIZE(preset_names));

	if (i >= 0)
		*p = (enum converge_preset)i;
	return i < 0 ? -1 : 0;
}

const char *converge_end_name(enum converge_end e)
{
	return end_names[e];
}

int converge_end_parse(const char *word, enum converge_end *e)
{
	int i = parse(word, end_names, ARRAY_SIZE(end_names));

	if (i >= 0)
		*e = (enum converge_end)i;
	return i < 0 ? -1 : 0;
}

const char *converge_do_name(enum converge_do d)
{
	static const char *const names[] = {
		[CONVERGE_WAIT] = "wait",         [CONVERGE_LIMIT] = "max-downtime", [CONVERGE_ABORT] = "abort",
		[CONVERGE_POSTCOPY] = "postcopy", [CONVERGE_SUSPEND] = "suspend",
	};

	return names[d];
}

void converge_policy_preset(struct converge_policy *p, enum converge_preset preset, uint64_t cap_ms, bool postcopy)
{
	*p = (struct converge_policy) { .preset = preset, .cap_ms = cap_ms };
	switch (preset) {
	case CONVERGE_CAREFUL:
		p->stall_ms = 30000;
		p->stall_passes = 3;
		break;
	case CONVERGE_BALANCED:
		p->stall_ms = 60000;
		p->stall_passes = 5;
		break;
	case CONVERGE_MUST_FINISH:
		p->stall_ms = 10000;
		p->stall_passes = 3;
		p->on_stall = postcopy ? CONVERGE_END_POSTCOPY : CONVERGE_END_SUSPEND;
		break;
	}
}

uint64_t converge_most_ms(const struct converge_policy *p)
{
	uint64_t room = p->cap_ms / ROOM_PART;

	return p->cap_ms - (room < ROOM_MAX_MS ? room : ROOM_MAX_MS);
}

uint64_t converge_cap_for_ms(uint64_t limit_ms)
{
	uint64_t room = limit_ms / (ROOM_PART - 1) + 1;

	return limit_ms + (room < ROOM_MAX_MS ? room : ROOM_MAX_MS);
}

uint64_t converge_first_ms(const struct converge_policy *p)
{
	uint64_t first = p->cap_ms / FIRST_PART, most = converge_most_ms(p);

	if (first < FIRST_MIN_MS)
		first = FIRST_MIN_MS;
	return first < most ? first : most;
}

/* a of b in percent; what is past any use counts as 1000. */
static uint64_t percent(uint64_t a, uint64_t b)
{
	if (!a)
		return 0;
	return !b || a / b >= 10 ? 1000 : a * 100 / b;
}

static uint64_t scaled(uint64_t v, uint64_t by_percent)
{
	return v > UINT64_MAX / 1000 ? v : v * by_percent / 100;
}

static uint64_t ms_for(uint64_t bytes, uint64_t bps)
{
	return bytes > UINT64_MAX / 1000 ? bytes / bps * 1000 : bytes * 1000 / bps;
}

__attribute__((format(printf, 2, 3))) static void because(struct converge_action *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->reason, sizeof(a->reason), fmt, ap);
	va_end(ap);
}

/* "64.0 MiB are left after pass 3, 1.8 s at 35.1 MiB/s" */
static char *left_text(const struct converge *c, const struct converge_reading *r)
{
	auto_free char *left = str_bytes(c->left), *needed = str_duration(c->needed_ms), *rate = str_bytes(r->bps);

	return str_printf("%s left after pass %llu, %s at %s/s", left, (unsigned long long)(c->iteration - 1), needed,
			  rate);
}

static void end_by(struct converge *c, enum converge_end e, struct converge_action *a)
{
	static const enum converge_do how[] = {
		[CONVERGE_END_ABORT] = CONVERGE_ABORT,
		[CONVERGE_END_POSTCOPY] = CONVERGE_POSTCOPY,
		[CONVERGE_END_SUSPEND] = CONVERGE_SUSPEND,
	};

	c->ended = true;
	a->what = how[e];
	a->needed_ms = c->needed_ms;
}

static bool deadline(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		     struct converge_action *a)
{
	auto_free char *after = NULL;

	if (!p->timeout_ms || r->at_ms < 0 || (uint64_t)r->at_ms < p->timeout_ms)
		return false;
	after = str_duration(p->timeout_ms);
	end_by(c, p->on_timeout, a);
	a->deadline = true;
	because(a, "the deadline of %s has come", after);
	return true;
}

static void set_limit(struct converge *c, uint64_t limit_ms, struct converge_action *a)
{
	c->limit_ms = limit_ms;
	a->what = CONVERGE_LIMIT;
	a->limit_ms = limit_ms;
}

/* The only case in which the limit goes down. */
void converge_lower(struct converge *c, const struct converge_policy *p, struct converge_action *a)
{
	*a = (struct converge_action) { .what = CONVERGE_WAIT };
	if (c->ended || c->limit_ms <= converge_most_ms(p))
		return;
	because(a, "no more than %llu ms are allowed now", (unsigned long long)p->cap_ms);
	set_limit(c, converge_most_ms(p), a);
}

/*
 * What the next pass will leave, in percent of what this one has, by what was measured before the migration: no less
 * than that, as memory that is changed again and again counts once, so that less time changes more than its part.
 */
static uint64_t percent_by_measure(const struct converge *c, const struct converge_reading *r)
{
	uint64_t ms = c->needed_ms < r->before_ms ? c->needed_ms : r->before_ms;

	if (!r->before_ms || r->before_bytes < MEASURE_MIN)
		return 0;
	return percent(r->before_bytes / r->before_ms * ms, c->left);
}

/*
 * How much the guest changes of what is sent, in percent: by what the passes leave, and by QEMU's own measure, which is
 * that of the last second or more. Short passes are added up: one alone tells nothing to who reads ten times a second.
 */
static void note_ratio(struct converge *c, const struct converge_reading *r, uint64_t passes, int64_t took_ms)
{
	/* A pass ends when what remains fits into the limit: so much of what is left now was left before. */
	uint64_t changed = c->needed_ms > c->limit_ms ? c->needed_ms - c->limit_ms : 0;
	uint64_t by_rate = percent(r->dirty_bps, r->bps), by_measure;

	c->sum_changed_ms += changed > UINT64_MAX / 1000 / passes ? UINT64_MAX / 1000 : changed * passes;
	c->sum_passes += passes;
	c->sum_took_ms += took_ms > 0 ? (uint64_t)took_ms : 0;
	if (c->sum_took_ms >= PASS_TELLS_MS) {
		c->falls_to = percent(c->sum_changed_ms, c->sum_took_ms);
		c->sure = c->sum_took_ms >= PASS_SURE_MS;
		if (c->sum_passes >= PASSES_STUCK && c->falls_to < FALLING_PERCENT)
			c->falls_to = FALLING_PERCENT;
		c->sum_changed_ms = c->sum_took_ms = c->sum_passes = 0;
	}
	/* After the first pass there is nothing else yet to tell memory that is changed again and again. */
	by_measure = r->iteration == 2 ? percent_by_measure(c, r) : 0;
	by_rate = by_measure > by_rate ? by_measure : by_rate;
	if (by_rate > c->falls_to) {
		c->falls_to = by_rate;
		c->sure = true;
	}
}

/*
 * A pass that leaves n ms of work takes n - L until only the limit L is left, in which r * (n - L) are changed: from n
 * down to L it takes (n - L) / (1 - r) in all.
 */
static uint64_t time_to_reach(uint64_t from_ms, uint64_t to_ms, uint64_t ratio_percent)
{
	if (from_ms <= to_ms)
		return 0;
	return ratio_percent >= 100 ? UINT64_MAX : scaled(from_ms - to_ms, 100 * 100 / (100 - ratio_percent));
}

/* The limit below which waiting is not worth its time. */
static uint64_t worth_waiting_for(const struct converge *c, const struct converge_policy *p, uint64_t elapsed_ms)
{
	uint64_t most = converge_most_ms(p), least = converge_first_ms(p);
	uint64_t from = c->needed_ms < most ? c->needed_ms : most;
	uint64_t falls = c->falls_to < 100 ? 100 - c->falls_to : 0;
	uint64_t gained = scaled(scaled(elapsed_ms, WORTH_PERCENT), falls);

	return from > least + gained ? from - gained : least;
}

/*
 * What remained right after the sync, which was some time between the last reading and this one: then what remained
 * had come down to the limit.
 */
static uint64_t left_after_sync(const struct converge *c, const struct converge_reading *r, uint64_t passes)
{
	uint64_t dt = r->at_ms > c->last_ms ? (uint64_t)(r->at_ms - c->last_ms) : 0;
	uint64_t last = ms_for(c->last_remaining, r->bps);
	uint64_t before = last > c->limit_ms ? last - c->limit_ms : 0;

	if (passes != 1 || before >= dt || dt > SPARSE_MS)
		return r->remaining;
	return r->remaining + r->bps / 1000 * (dt - before);
}

static void note_pass(struct converge *c, const struct converge_reading *r, uint64_t passes)
{
	c->left = left_after_sync(c, r, passes);
	c->needed_ms = ms_for(c->left, r->bps);
	/* else it would have ended, at one of those syncs, or at the last one: QEMU's idea of the rate is another */
	if (c->needed_ms <= c->limit_ms && (passes > 1 || c->fits))
		c->needed_ms = c->limit_ms + 1;
	c->fits = c->needed_ms <= c->limit_ms;
	if (!c->best_ms || r->throttle != c->throttle || c->needed_ms < scaled(c->best_ms, BETTER_PERCENT)) {
		c->best_ms = c->needed_ms;
		c->best_at_ms = r->at_ms;
		c->passes = 0;
	} else {
		c->passes++;
	}
	c->throttle = r->throttle;
}

/* More than the cap would be needed, and it does not get better. */
static bool stalls(const struct converge *c, const struct converge_policy *p, const struct converge_reading *r)
{
	return c->passes >= p->stall_passes && r->at_ms - c->best_at_ms >= (int64_t)p->stall_ms;
}

static bool good_moment(const struct converge *c, const struct converge_policy *p)
{
	return c->needed_ms <= scaled(c->best_ms, MOMENT_PERCENT) || c->passes >= p->stall_passes + MOMENT_PASSES;
}

static void say_stall(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		      struct converge_action *a)
{
	auto_free char *left = left_text(c, r);
	auto_free char *until = p->on_stall == CONVERGE_END_ABORT && p->timeout_ms
					? xstrdup("; going on until the deadline")
					: xstrdup("");

	because(a, "it does not converge: %s, and %llu of the %llu ms that are allowed are for that%s", left,
		(unsigned long long)converge_most_ms(p), (unsigned long long)p->cap_ms, until);
	a->stall = true;
	a->needed_ms = c->needed_ms;
	c->told = true;
}

static void raise_to(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		     uint64_t need_ms, const char *why, struct converge_action *a)
{
	uint64_t limit = scaled(need_ms, MARGIN_PERCENT), most = converge_most_ms(p);
	auto_free char *left = left_text(c, r);

	if (limit > most)
		limit = most;
	if (need_ms <= c->limit_ms || limit <= c->limit_ms)
		return;
	because(a, "%s: %s", left, why);
	set_limit(c, limit, a);
}

/* More than the cap is needed, and that does not change: true when something was said or done about it. */
static bool stuck(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		  struct converge_action *a)
{
	/* Who must finish does not wait for as long again as it has taken until now. */
	bool too_slow = p->on_stall != CONVERGE_END_ABORT && c->sure &&
			time_to_reach(c->needed_ms, converge_most_ms(p), c->falls_to) > (uint64_t)r->at_ms;

	if (!stalls(c, p, r) && !too_slow)
		return false;
	if (p->on_stall == CONVERGE_END_ABORT && p->timeout_ms) {
		if (!c->told)
			say_stall(c, p, r, a);
		return a->stall;
	}
	if (!good_moment(c, p))
		return false;
	say_stall(c, p, r, a);
	end_by(c, p->on_stall, a);
	return true;
}

static void decide(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		   struct converge_action *a)
{
	if (c->needed_ms <= c->limit_ms)
		return; /* QEMU will see to it */
	if (c->needed_ms > converge_most_ms(p) && stuck(c, p, r, a))
		return;
	if (c->falls_to < FALLING_PERCENT)
		raise_to(c, p, r, worth_waiting_for(c, p, (uint64_t)r->at_ms),
			 "it falls, and waiting for less than this would take longer than it is worth", a);
	else
		raise_to(c, p, r, c->needed_ms,
			 c->needed_ms > converge_most_ms(p) ? "more than is allowed, and it does not fall"
							    : "it does not fall",
			 a);
}

/* A new pass has begun: how did the last one go, or several? */
static void begin_pass(struct converge *c, const struct converge_reading *r)
{
	uint64_t passes = c->iteration && r->iteration > c->iteration ? r->iteration - c->iteration : 1;
	int64_t took_ms = r->at_ms - c->pass_ms;

	c->pass_ms = r->at_ms;
	c->iteration = r->iteration;
	if (r->iteration < 2) /* before the first sync nothing is known but the size of the memory */
		return;
	note_pass(c, r, passes);
	note_ratio(c, r, passes, took_ms);
}

static void step(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		 struct converge_action *a)
{
	bool new_pass = r->iteration != c->iteration, new_cap = p->cap_ms != c->cap_ms;

	if (!c->limit_ms)
		c->limit_ms = converge_first_ms(p);
	converge_lower(c, p, a);
	if (a->what != CONVERGE_WAIT || !r->iteration || !r->bps || r->at_ms <= 0 || (!new_pass && !new_cap))
		return;
	if (new_pass)
		begin_pass(c, r);
	c->cap_ms = p->cap_ms;
	if (r->iteration > 1)
		decide(c, p, r, a);
}

void converge_step(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		   struct converge_action *a)
{
	*a = (struct converge_action) { .what = CONVERGE_WAIT };
	if (c->ended || r->postcopy || deadline(c, p, r, a))
		return;
	step(c, p, r, a);
	if (r->iteration) {
		c->last_ms = r->at_ms;
		c->last_remaining = r->remaining;
	}
	a->needed_ms = c->needed_ms;
}

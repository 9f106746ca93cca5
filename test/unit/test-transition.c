/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What follows when guests start and stop under way: the cases people meet, word for word; and a model of the world
 * (which migrations, copies and which server exist), against which every order of events of three guests is walked,
 * and random orders of six.
 */
#include "unit.h"

#include <stdlib.h>

#include "migrate/transition.h"

#define NOBODY SIZE_MAX

static const char *event_name(enum event e)
{
	static const char *const name[] = {
		[EVENT_BEGIN] = "begin",
		[EVENT_STARTED] = "started",
		[EVENT_STOPPED] = "stopped",
		[EVENT_MOVED] = "moved",
		[EVENT_LIVE_ENDED] = "live ended",
		[EVENT_LIVE_FAILED] = "live failed",
		[EVENT_READY] = "ready",
		[EVENT_COPIED] = "copied",
		[EVENT_COPY_ENDED] = "copy ended",
		[EVENT_COPY_FAILED] = "copy failed",
		[EVENT_SERVER_UP] = "server up",
		[EVENT_SERVER_LOST] = "server lost",
		[EVENT_SERVER_ENDED] = "server ended",
		[EVENT_CANCEL] = "cancel",
	};

	return name[e];
}

static const char *act_name(enum act a)
{
	static const char *const name[] = {
		[ACT_LIVE_BEGIN] = "live",       [ACT_LIVE_END] = "end live", [ACT_COPY_PREPARE] = "prepare",
		[ACT_COPY_BEGIN] = "copy",       [ACT_COPY_END] = "end copy", [ACT_SERVER_BEGIN] = "server",
		[ACT_SERVER_END] = "end server",
	};

	return name[a];
}

/* ---- the cases ---- */

enum { FEW = 4 };

/* What comes in, and all that goes out: "end copy 0, live 1". */
struct line {
	enum event event;
	size_t guest;
	const char *want;
};

struct play {
	const char *name;
	const char *on; /* a guest each: 1 runs, 0 is off */
	bool stay;      /* not follow */
	unsigned live_max, share_max, turns_max;
	const struct line *lines; /* the last has no text */
	const char *end;          /* the stages, then */
};

static char *actions_text(const struct action *a, size_t n)
{
	struct buf b = { 0 };

	buf_add(&b, "", 0);
	for (size_t i = 0; i < n; i++) {
		auto_free char *guest = a[i].guest == NOBODY ? xstrdup("") : str_printf(" %zu", a[i].guest);
		auto_free char *one = str_printf("%s%s%s", i ? ", " : "", act_name(a[i].act), guest);

		buf_add(&b, one, strlen(one));
	}
	return b.p;
}

static char *stages_text(const struct transition *t)
{
	struct buf b = { 0 };

	buf_add(&b, "", 0);
	for (size_t i = 0; i < t->n; i++) {
		const struct transition_guest *g = &t->v[i];
		auto_free char *one = str_printf("%s%s%s%s", i ? ", " : "", stage_name(g->stage),
						 g->refused ? " refused" : "", g->gave_up ? " gave up" : "");

		buf_add(&b, one, strlen(one));
	}
	return b.p;
}

static void play(const struct play *p)
{
	struct transition_guest v[FEW] = { 0 };
	struct transition t = { .v = v, .n = strlen(p->on), .follow = !p->stay };
	struct action out[ACTIONS_MAX];
	auto_free char *end = NULL;

	t.live_max = p->live_max ? p->live_max : 1;
	t.share_max = p->share_max ? p->share_max : FEW;
	t.turns_max = p->turns_max ? p->turns_max : 6;
	for (size_t i = 0; i < t.n; i++)
		v[i].running = p->on[i] == '1';
	for (const struct line *l = p->lines; l->want; l++) {
		size_t n = transition_event(&t, l->event, l->guest, out);
		auto_free char *got = actions_text(out, n);

		if (strcmp(got, l->want) != 0)
			fail_msg("%s: line %d, %s: \"%s\", not \"%s\"", p->name, (int)(l - p->lines),
				 event_name(l->event), got, l->want);
		if (transition_over(&t) != !l[1].want)
			fail_msg("%s: line %d, %s: %s", p->name, (int)(l - p->lines), event_name(l->event),
				 l[1].want ? "over too early" : "not over at the end");
	}
	end = stages_text(&t);
	if (strcmp(end, p->end) != 0)
		fail_msg("%s: in the end \"%s\", not \"%s\"", p->name, end, p->end);
}

/* clang-format off */
#define LINES (const struct line[])
#define END { EVENT_BEGIN, NOBODY, NULL }

/* Guests that start or stop when others do not, or do too. */
static const struct play follow[] = {
	{ .name = "one off, started while the server is made", .on = "0", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "" },
		{ EVENT_SERVER_UP, NOBODY, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "the same, the server is there first", .on = "0", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_SERVER_UP, NOBODY, "" },
		{ EVENT_COPY_ENDED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "one off, started while it is prepared", .on = "0", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "one off, started while it is copied", .on = "0", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "one on, stopped", .on = "1", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_LIVE_ENDED, 0, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0" },
		{ EVENT_COPIED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	/* if its worker noticed first, it says the same two events itself; here it did not tell of the stop */
	{ .name = "one on, stopped, and its worker was quicker", .on = "1", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_LIVE_ENDED, 0, "live 0" }, /* the flag is believed */
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_STOPPED, 0, "" },
		{ EVENT_LIVE_ENDED, 0, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0" },
		{ EVENT_COPIED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "one on, stopped and started again", .on = "1", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_STARTED, 0, "" },
		{ EVENT_LIVE_ENDED, 0, "live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "two off, one started while the other is prepared", .on = "00", .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_READY, 0, "" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "live 0" }, /* there is no server yet */
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 1" },
		{ EVENT_MOVED, 0, "" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "two off, one started", .on = "00", .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_READY, 0, "" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0, copy 1" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "two off, both started", .on = "00", .live_max = 2, .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_READY, 1, "" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0, copy 1" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_STARTED, 1, "end copy 1" },
		{ EVENT_COPY_ENDED, 1, "" },
		{ EVENT_COPY_ENDED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "live 0, live 1" },
		{ EVENT_MOVED, 0, "" },
		{ EVENT_MOVED, 1, "" }, END } },
	{ .name = "two on, one stopped", .on = "11", .live_max = 2, .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0, live 1" },
		{ EVENT_STOPPED, 1, "end live 1" },
		{ EVENT_LIVE_ENDED, 1, "prepare 1" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 1" },
		{ EVENT_MOVED, 0, "" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "two on, both stopped", .on = "11", .live_max = 2, .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0, live 1" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_STOPPED, 1, "end live 1" },
		{ EVENT_LIVE_ENDED, 0, "prepare 0" },
		{ EVENT_READY, 0, "" }, /* the other will have a share */
		{ EVENT_LIVE_ENDED, 1, "prepare 1" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0, copy 1" },
		{ EVENT_COPIED, 0, "" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "one on, one off that started", .on = "10", .live_max = 2, .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0, prepare 1" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 1" },
		{ EVENT_STARTED, 1, "end copy 1" },
		{ EVENT_COPY_ENDED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "live 1" },
		{ EVENT_MOVED, 0, "" },
		{ EVENT_MOVED, 1, "" }, END } },
	{ .name = "one on that stopped, one off", .on = "10", .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0, prepare 1" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 1" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_LIVE_ENDED, 0, "" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0" },
		{ EVENT_COPIED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
};

/* One that starts or stops ends and stays; what it was when the call began does not matter. */
static const struct play stay[] = {
	{ .name = "stopped", .on = "10", .stay = true, .end = "failed refused, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0, prepare 1" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_LIVE_ENDED, 0, "" },
		{ EVENT_COPIED, 1, "" }, END } },
	{ .name = "its worker noticed", .on = "1", .stay = true, .end = "failed refused", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_LIVE_ENDED, 0, "" }, END } },
	{ .name = "its worker noticed, of a copy", .on = "0", .stay = true, .end = "failed refused", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_COPY_ENDED, 0, "" }, END } },
	{ .name = "started, prepared", .on = "0", .stay = true, .end = "failed refused", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_READY, 0, "" }, /* told just before it knew */
		{ EVENT_COPY_ENDED, 0, "" }, END } },
	{ .name = "started, ready", .on = "00", .stay = true, .end = "failed refused, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_READY, 0, "" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_READY, 1, "" },
		{ EVENT_COPY_ENDED, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 1" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "started, copied", .on = "0", .stay = true, .end = "failed refused", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "stopped, but it had moved", .on = "1", .stay = true, .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "stopped before it began", .on = "11", .stay = true, .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_STOPPED, 1, "prepare 1" },
		{ EVENT_COPIED, 1, "" },
		{ EVENT_MOVED, 0, "" }, END } },
};

static const struct play cancel[] = {
	{ .name = "waiting and live", .on = "11", .end = "failed, failed", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_CANCEL, NOBODY, "end live 0" },
		{ EVENT_CANCEL, NOBODY, "" },
		{ EVENT_LIVE_ENDED, 0, "" }, END } },
	{ .name = "live, ending", .on = "1", .end = "failed", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_CANCEL, NOBODY, "" },
		{ EVENT_LIVE_ENDED, 0, "" }, END } },
	{ .name = "live, and it moved all the same", .on = "1", .end = "done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_CANCEL, NOBODY, "end live 0" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "preparing and ready", .on = "00", .end = "failed, failed", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_READY, 1, "" },
		{ EVENT_CANCEL, NOBODY, "end copy 0, end copy 1" },
		{ EVENT_COPY_ENDED, 0, "" }, /* no server is begun for the other */
		{ EVENT_COPY_ENDED, 1, "" }, END } },
	{ .name = "server beginning", .on = "0", .end = "failed", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_CANCEL, NOBODY, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "" },
		{ EVENT_SERVER_UP, NOBODY, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "copying, and one arrived all the same", .on = "00", .end = "failed, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_READY, 0, "" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0, copy 1" },
		{ EVENT_CANCEL, NOBODY, "end copy 0, end copy 1" },
		{ EVENT_COPY_ENDED, 0, "" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "copy, ending", .on = "0", .end = "failed", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_CANCEL, NOBODY, "" },
		{ EVENT_COPY_ENDED, 0, "" }, END } },
	{ .name = "waiting for the server's end", .on = "0", .end = "failed", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "end server" },
		{ EVENT_CANCEL, NOBODY, "" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "before the first event", .on = "10", .end = "failed, failed", .lines = LINES {
		{ EVENT_CANCEL, NOBODY, "" }, END } },
};

static const struct play limits[] = {
	{ .name = "the server cannot be made", .on = "01", .end = "failed, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, live 1" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_LOST, NOBODY, "end copy 0" },
		{ EVENT_MOVED, 1, "" },
		{ EVENT_COPY_ENDED, 0, "" }, END } },
	{ .name = "the server is lost, one was ending, one arrives", .on = "000", .end = "failed, failed, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1, prepare 2" },
		{ EVENT_READY, 0, "" },
		{ EVENT_READY, 1, "" },
		{ EVENT_READY, 2, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0, copy 1, copy 2" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_SERVER_LOST, NOBODY, "end copy 1, end copy 2" },
		{ EVENT_COPY_ENDED, 0, "" },
		{ EVENT_COPY_ENDED, 1, "" },
		{ EVENT_COPIED, 2, "" }, END } },
	{ .name = "the server is lost, one had left it", .on = "00", .end = "done, failed", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_READY, 0, "" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0, copy 1" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "" },
		{ EVENT_SERVER_LOST, NOBODY, "end copy 1, live 0" },
		{ EVENT_COPY_ENDED, 1, "" },
		{ EVENT_MOVED, 0, "" }, END } },
	{ .name = "one share", .on = "00", .share_max = 1, .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_READY, 0, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 0" },
		{ EVENT_COPIED, 0, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "prepare 1" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_SERVER_UP, NOBODY, "copy 1" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
	{ .name = "one share, and nothing to copy", .on = "00", .share_max = 1, .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0" },
		{ EVENT_COPIED, 0, "prepare 1" },
		{ EVENT_COPIED, 1, "" }, END } },
	{ .name = "two at a time", .on = "111", .live_max = 2, .end = "done, failed, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0, live 1" },
		{ EVENT_LIVE_FAILED, 1, "live 2" },
		{ EVENT_MOVED, 0, "" },
		{ EVENT_MOVED, 2, "" }, END } },
	{ .name = "one at a time, also when it is ending", .on = "11", .end = "done, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_LIVE_ENDED, 0, "prepare 0, live 1" },
		{ EVENT_COPIED, 0, "" },
		{ EVENT_MOVED, 1, "" }, END } },
	{ .name = "two turns", .on = "1", .turns_max = 2, .end = "failed gave up", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "live 0" },
		{ EVENT_STOPPED, 0, "end live 0" },
		{ EVENT_LIVE_ENDED, 0, "prepare 0" },
		{ EVENT_STARTED, 0, "end copy 0" },
		{ EVENT_COPY_ENDED, 0, "" }, END } },
	{ .name = "failed, and then it starts", .on = "00", .end = "failed, done", .lines = LINES {
		{ EVENT_BEGIN, NOBODY, "prepare 0, prepare 1" },
		{ EVENT_COPY_FAILED, 0, "" },
		{ EVENT_STARTED, 0, "" },
		{ EVENT_READY, 1, "server" },
		{ EVENT_STOPPED, 0, "" },
		{ EVENT_SERVER_UP, NOBODY, "copy 1" },
		{ EVENT_COPIED, 1, "end server" },
		{ EVENT_STARTED, 1, "" },
		{ EVENT_SERVER_ENDED, NOBODY, "" }, END } },
};
/* clang-format on */

static void test_follow(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(follow); i++)
		play(&follow[i]);
}

static void test_stay(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stay); i++)
		play(&stay[i]);
}

static void test_cancel(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cancel); i++)
		play(&cancel[i]);
}

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		play(&limits[i]);
}

static void test_nobody(void **state)
{
	struct transition t = { .follow = true, .live_max = 1, .share_max = 1, .turns_max = 1 };
	struct action out[ACTIONS_MAX];

	(void)state;
	assert_int_equal(transition_event(&t, EVENT_BEGIN, NOBODY, out), 0);
	assert_int_equal(transition_event(&t, EVENT_STARTED, 7, out), 0);
	assert_true(transition_over(&t));
}

/* ---- the world: it knows only the actions that were told, and what became of them ---- */

enum { GUESTS_MAX = 6, CHOICES_MAX = 64, PATH_MAX_STEPS = 1024 };

enum live { LIVE_NONE, LIVE_MOVES, LIVE_TOLD };
enum copy { COPY_NONE, COPY_PREPARES, COPY_PREPARED, COPY_RUNS };
enum end { END_NONE, END_THERE, END_STAYS };

struct world_guest {
	bool on;
	unsigned flips; /* it may start or stop so often yet */
	enum live live;
	enum copy copy;
	bool told;  /* of its copy: to end */
	bool share; /* in the server that exists */
	bool lost;  /* the server went away under its copy */
	unsigned turns;
	enum end end;
	bool refused;
};

struct world {
	struct transition t;
	struct transition_guest v[GUESTS_MAX];
	struct world_guest g[GUESTS_MAX];
	enum server server;
	bool cancelled;
};

struct step {
	enum event event;
	size_t guest;
};

/* How the world came to be as it is, for whoever reads of a failure. */
static struct {
	struct step v[PATH_MAX_STEPS];
	size_t n;
} path;

static void show_path(const struct world *w)
{
	auto_free char *stages = stages_text(&w->t);

	print_error("follow %d, live_max %u, share_max %u, turns_max %u; at first", w->t.follow, w->t.live_max,
		    w->t.share_max, w->t.turns_max);
	for (size_t i = 0; i < w->t.n; i++) {
		bool on = w->g[i].on;

		for (size_t k = 0; k < path.n; k++)
			if (path.v[k].guest == i &&
			    (path.v[k].event == EVENT_STARTED || path.v[k].event == EVENT_STOPPED))
				on = !on;
		print_error(" %s", on ? "on" : "off");
	}
	print_error("\n");
	for (size_t i = 0; i < path.n; i++)
		if (path.v[i].guest == NOBODY)
			print_error("\t%s\n", event_name(path.v[i].event));
		else
			print_error("\t%s %zu\n", event_name(path.v[i].event), path.v[i].guest);
	print_error("now: %s\n", stages);
}

#define MUST(w, cond)                               \
	do {                                        \
		if (!(cond)) {                      \
			show_path(w);               \
			fail_msg("not so: " #cond); \
		}                                   \
	} while (0)

static bool idle(const struct world_guest *g)
{
	return g->end == END_NONE && g->live == LIVE_NONE && g->copy == COPY_NONE;
}

static unsigned count_live(const struct world *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->t.n; i++)
		n += w->g[i].live != LIVE_NONE;
	return n;
}

static unsigned count_copies(const struct world *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->t.n; i++)
		n += w->g[i].copy != COPY_NONE;
	return n;
}

/* ---- what happens in it ---- */

static void server_is_gone(struct world *w, bool lost)
{
	w->server = SERVER_NONE;
	for (size_t i = 0; i < w->t.n; i++) {
		w->g[i].lost |= lost && w->g[i].copy != COPY_NONE;
		w->g[i].share = false;
	}
}

static void attempt_is_over(struct world *w, struct world_guest *g, enum end end)
{
	g->live = LIVE_NONE;
	g->copy = COPY_NONE;
	g->told = false;
	g->end = end;
	if (end == END_NONE && (w->cancelled || g->lost || !w->t.follow)) {
		g->end = END_STAYS;
		g->refused = !w->cancelled && !g->lost;
	}
	if (g->end != END_NONE)
		g->flips = 0; /* not looked at any more */
}

static void cancelled(struct world *w)
{
	w->cancelled = true;
	for (size_t i = 0; i < w->t.n; i++)
		if (idle(&w->g[i]))
			attempt_is_over(w, &w->g[i], END_NONE);
}

static void happens_to(struct world *w, enum event e, struct world_guest *g)
{
	bool asked = g->live == LIVE_TOLD || g->told;

	if (e == EVENT_STARTED || e == EVENT_STOPPED) {
		g->on = e == EVENT_STARTED;
		g->flips--;
	} else if (e == EVENT_READY) {
		g->copy = COPY_PREPARED;
	} else if (e == EVENT_MOVED || e == EVENT_COPIED) {
		attempt_is_over(w, g, END_THERE);
	} else if (e == EVENT_LIVE_FAILED || e == EVENT_COPY_FAILED) {
		attempt_is_over(w, g, END_STAYS);
	} else if (e == EVENT_LIVE_ENDED || e == EVENT_COPY_ENDED) {
		g->flips -= !asked; /* only a change can be why it has ended by itself */
		attempt_is_over(w, g, END_NONE);
	}
}

static void happens(struct world *w, const struct step *s)
{
	switch (s->event) {
	case EVENT_BEGIN:
		break;
	case EVENT_STARTED:
	case EVENT_STOPPED:
	case EVENT_MOVED:
	case EVENT_LIVE_ENDED:
	case EVENT_LIVE_FAILED:
	case EVENT_READY:
	case EVENT_COPIED:
	case EVENT_COPY_ENDED:
	case EVENT_COPY_FAILED:
		happens_to(w, s->event, &w->g[s->guest]);
		break;
	case EVENT_SERVER_UP:
		w->server = SERVER_UP;
		break;
	case EVENT_SERVER_LOST:
	case EVENT_SERVER_ENDED:
		server_is_gone(w, s->event == EVENT_SERVER_LOST);
		break;
	case EVENT_CANCEL:
		cancelled(w);
		break;
	}
}

/* ---- what is told to be done in it: is that allowed? ---- */

static void live_begins(struct world *w, struct world_guest *g)
{
	MUST(w, idle(g) && g->on && !w->cancelled);
	MUST(w, !(g->share && w->server != SERVER_NONE));
	g->live = LIVE_MOVES;
	g->turns++;
	MUST(w, count_live(w) <= w->t.live_max);
	MUST(w, g->turns <= w->t.turns_max);
}

static void copy_prepares(struct world *w, struct world_guest *g)
{
	MUST(w, idle(g) && !g->on && !w->cancelled);
	MUST(w, w->server == SERVER_NONE);
	g->copy = COPY_PREPARES;
	g->turns++;
	MUST(w, count_copies(w) <= w->t.share_max);
	MUST(w, g->turns <= w->t.turns_max);
}

static void copy_ends(struct world *w, struct world_guest *g)
{
	MUST(w, g->copy != COPY_NONE && !g->told);
	MUST(w, g->on || g->lost || w->cancelled);
	g->told = true;
}

static void server_begins(struct world *w)
{
	MUST(w, w->server == SERVER_NONE && !w->cancelled);
	MUST(w, count_copies(w) > 0 && count_copies(w) <= w->t.share_max);
	for (size_t i = 0; i < w->t.n; i++) {
		struct world_guest *g = &w->g[i];

		MUST(w, !(g->live == LIVE_TOLD && !g->on));
		/* who is to be copied too is not left behind; one without a turn has failed by now */
		MUST(w, !(idle(g) && !g->on && w->v[i].stage == STAGE_WAITING) || count_copies(w) == w->t.share_max);
		if (g->copy == COPY_NONE)
			continue;
		MUST(w, g->copy == COPY_PREPARED && !g->told && g->live == LIVE_NONE);
		g->share = true;
	}
	w->server = SERVER_BEGINNING;
}

static void server_ends(struct world *w)
{
	MUST(w, w->server == SERVER_UP);
	MUST(w, count_copies(w) == 0);
	w->server = SERVER_ENDING;
}

static void told_to(struct world *w, const struct action *a)
{
	bool server = a->act == ACT_SERVER_BEGIN || a->act == ACT_SERVER_END;
	struct world_guest *g;

	MUST(w, server ? a->guest == NOBODY : a->guest < w->t.n);
	g = server ? NULL : &w->g[a->guest];
	MUST(w, !g || g->end == END_NONE);
	switch (a->act) {
	case ACT_LIVE_BEGIN:
		live_begins(w, g);
		break;
	case ACT_LIVE_END:
		MUST(w, g->live == LIVE_MOVES && (!g->on || w->cancelled));
		g->live = LIVE_TOLD;
		break;
	case ACT_COPY_PREPARE:
		copy_prepares(w, g);
		break;
	case ACT_COPY_BEGIN:
		MUST(w, w->server == SERVER_UP && g->share && g->copy == COPY_PREPARED && !g->told);
		g->copy = COPY_RUNS;
		break;
	case ACT_COPY_END:
		copy_ends(w, g);
		break;
	case ACT_SERVER_BEGIN:
		server_begins(w);
		break;
	case ACT_SERVER_END:
		server_ends(w);
		break;
	}
}

/* ---- what must be so after each event ---- */

static enum stage stage_of(const struct world_guest *g)
{
	static const enum stage of_copy[] = {
		[COPY_PREPARES] = STAGE_PREPARING,
		[COPY_PREPARED] = STAGE_READY,
		[COPY_RUNS] = STAGE_COPYING,
	};

	if (g->end != END_NONE)
		return g->end == END_THERE ? STAGE_DONE : STAGE_FAILED;
	if (g->live != LIVE_NONE)
		return g->live == LIVE_TOLD ? STAGE_LIVE_ENDING : STAGE_LIVE;
	if (g->copy != COPY_NONE)
		return g->told ? STAGE_COPY_ENDING : of_copy[g->copy];
	return STAGE_WAITING;
}

/* The machine gives up by itself, and only who has had all turns; each but the first costs a change. */
static void check_gave_up(struct world *w, size_t i)
{
	struct world_guest *g = &w->g[i];

	if (!w->v[i].gave_up || g->end != END_NONE)
		return;
	MUST(w, w->v[i].stage == STAGE_FAILED);
	MUST(w, idle(g) && w->t.follow && !w->cancelled);
	MUST(w, g->turns == w->t.turns_max);
	attempt_is_over(w, g, END_STAYS);
}

/* What ought to begin or to end has been told to. */
static void check_guest(const struct world *w, const struct world_guest *g)
{
	bool server = w->server != SERVER_NONE;

	if (g->live == LIVE_MOVES)
		MUST(w, g->on && !w->cancelled);
	if (g->copy != COPY_NONE && !g->told)
		MUST(w, !g->on && !w->cancelled && !g->lost);
	if (g->copy == COPY_PREPARED && !g->told)
		MUST(w, w->server != SERVER_UP);
	if (!idle(g))
		return;
	MUST(w, !w->cancelled);
	if (g->on)
		MUST(w, count_live(w) == w->t.live_max || (g->share && server));
	else
		MUST(w, server || count_copies(w) >= w->t.share_max);
}

static void check_server(const struct world *w)
{
	bool wanted = false, held_up = w->cancelled;

	for (size_t i = 0; i < w->t.n; i++) {
		const struct world_guest *g = &w->g[i];
		bool ready = g->copy == COPY_PREPARED && !g->told;

		wanted |= ready;
		held_up |= (g->copy != COPY_NONE && !ready) || (g->live == LIVE_TOLD && !g->on);
	}
	if (w->server == SERVER_NONE)
		MUST(w, !wanted || held_up);
	if (w->server == SERVER_UP)
		MUST(w, count_copies(w) > 0);
}

static void check(struct world *w)
{
	bool over = w->server == SERVER_NONE;

	MUST(w, w->t.server == w->server && w->t.cancelled == w->cancelled);
	for (size_t i = 0; i < w->t.n; i++) {
		const struct transition_guest *v = &w->v[i];
		const struct world_guest *g = &w->g[i];

		check_gave_up(w, i);
		MUST(w, v->stage == stage_of(g));
		MUST(w, v->running == g->on && v->turns == g->turns);
		MUST(w, v->refused == g->refused);
		MUST(w, !(v->gave_up && (v->stage != STAGE_FAILED || v->refused)));
		check_guest(w, g);
		over &= g->end != END_NONE;
	}
	check_server(w);
	MUST(w, transition_over(&w->t) == over);
}

static void take(struct world *w, const struct step *s)
{
	struct action out[ACTIONS_MAX];
	size_t n;

	MUST(w, path.n < PATH_MAX_STEPS);
	path.v[path.n++] = *s;
	happens(w, s);
	n = transition_event(&w->t, s->event, s->guest, out);
	MUST(w, n <= w->t.n * 3 + 1);
	for (size_t i = 0; i < n; i++)
		told_to(w, &out[i]);
	check(w);
}

/* ---- what can happen next ---- */

struct choices {
	struct step v[CHOICES_MAX];
	size_t n;
};

static void add(struct choices *c, enum event e, size_t guest)
{
	c->v[c->n++] = (struct step) { e, guest };
}

static bool is_fault(enum event e)
{
	return e == EVENT_LIVE_FAILED || e == EVENT_COPY_FAILED || e == EVENT_SERVER_LOST || e == EVENT_CANCEL;
}

/*
 * What is under way ends, at last, without failure and by nobody's change. READY of a copy that was told to end: it was
 * said just before.
 */
static void add_answers(const struct world *w, struct choices *c)
{
	for (size_t i = 0; i < w->t.n; i++) {
		const struct world_guest *g = &w->g[i];

		if (g->live != LIVE_NONE)
			add(c, EVENT_MOVED, i);
		if (g->live == LIVE_TOLD)
			add(c, EVENT_LIVE_ENDED, i);
		if (g->copy == COPY_PREPARES)
			add(c, EVENT_READY, i);
		if (g->copy == COPY_PREPARES || g->copy == COPY_RUNS || g->told)
			add(c, EVENT_COPIED, i);
		if (g->copy != COPY_NONE && g->told)
			add(c, EVENT_COPY_ENDED, i);
	}
	if (w->server == SERVER_BEGINNING)
		add(c, EVENT_SERVER_UP, NOBODY);
	if (w->server == SERVER_ENDING)
		add(c, EVENT_SERVER_ENDED, NOBODY);
}

static void add_faults(const struct world *w, struct choices *c)
{
	for (size_t i = 0; i < w->t.n; i++) {
		if (w->g[i].live != LIVE_NONE)
			add(c, EVENT_LIVE_FAILED, i);
		if (w->g[i].copy != COPY_NONE)
			add(c, EVENT_COPY_FAILED, i);
	}
	if (w->server == SERVER_BEGINNING || w->server == SERVER_UP)
		add(c, EVENT_SERVER_LOST, NOBODY);
	if (!w->cancelled)
		add(c, EVENT_CANCEL, NOBODY);
}

/*
 * A guest starts or stops. Or it does, and its worker notices before anybody has said so: an end nobody has asked for.
 * It may have changed back since, or it will be told to have changed later; the flag is what it was.
 */
static void add_changes(const struct world *w, struct choices *c)
{
	for (size_t i = 0; i < w->t.n; i++) {
		const struct world_guest *g = &w->g[i];

		if (!g->flips)
			continue;
		add(c, g->on ? EVENT_STOPPED : EVENT_STARTED, i);
		if (g->live == LIVE_MOVES)
			add(c, EVENT_LIVE_ENDED, i);
		if (g->copy != COPY_NONE && !g->told)
			add(c, EVENT_COPY_ENDED, i);
	}
}

/* Nobody waits for luck: what is under way is always enough to go on. */
static void choose(const struct world *w, struct choices *c)
{
	c->n = 0;
	add_answers(w, c);
	MUST(w, transition_over(&w->t) || c->n > 0);
	MUST(w, !transition_over(&w->t) || c->n == 0);
	if (transition_over(&w->t))
		return;
	add_faults(w, c);
	add_changes(w, c);
}

static void make_world(struct world *w, size_t n, unsigned on, unsigned flips)
{
	for (size_t i = 0; i < n; i++) {
		w->g[i] = (struct world_guest) { .on = on >> i & 1, .flips = flips };
		w->v[i] = (struct transition_guest) { .running = w->g[i].on };
	}
	w->t.v = w->v;
	w->t.n = n;
	path.n = 0;
	take(w, &(struct step) { EVENT_BEGIN, NOBODY });
}

static void copy_world(struct world *to, const struct world *from)
{
	*to = *from;
	to->t.v = to->v;
}

/* ---- each state once ---- */

/* A world of three guests as a number, and whether the walk is below it now. */
struct key {
	uint64_t v[2];
};

#define KEY_USED (UINT64_C(1) << 63)
#define KEY_BELOW (UINT64_C(1) << 62)

static struct {
	struct key *v;
	size_t n, room; /* a power of two */
} seen;

static void push(uint64_t *to, unsigned value, unsigned bits)
{
	*to = *to << bits | value;
}

/* The machine's idea, and the world's. */
static uint64_t guest_key(const struct transition_guest *v, const struct world_guest *g)
{
	uint64_t k = 0;

	push(&k, v->stage, 4);
	push(&k, v->running, 1);
	push(&k, v->in_share, 1);
	push(&k, v->turns, 3);
	push(&k, v->doomed, 1);
	push(&k, v->gave_up, 1);
	push(&k, v->refused, 1);
	push(&k, g->flips, 2);
	push(&k, g->live, 2);
	push(&k, g->copy, 2);
	push(&k, g->told, 1);
	push(&k, g->share, 1);
	push(&k, g->lost, 1);
	push(&k, g->end, 2);
	return k;
}

static struct key key_of(const struct world *w)
{
	uint64_t all = 0;

	push(&all, w->t.server, 2);
	push(&all, w->server, 2);
	push(&all, w->cancelled, 1);
	return (struct key) { { guest_key(&w->v[0], &w->g[0]) << 32 | guest_key(&w->v[1], &w->g[1]),
				KEY_USED | all << 32 | guest_key(&w->v[2], &w->g[2]) } };
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->v[0] == b->v[0] && (a->v[1] & ~KEY_BELOW) == (b->v[1] & ~KEY_BELOW);
}

/* Its place, or the free one for it. */
static struct key *seen_at(const struct key *k)
{
	uint64_t h = (k->v[0] ^ (k->v[1] & ~KEY_BELOW) * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
	size_t i = (h ^ h >> 32) & (seen.room - 1);

	while (seen.v[i].v[1] && !same_key(&seen.v[i], k))
		i = (i + 1) & (seen.room - 1);
	return &seen.v[i];
}

static void seen_grow(void)
{
	struct key *old = seen.v;
	size_t room = seen.room;

	seen.room = room ? room * 2 : 1 << 16;
	seen.v = xcalloc(seen.room, sizeof(*seen.v));
	for (size_t i = 0; i < room; i++)
		if (old[i].v[1])
			*seen_at(&old[i]) = old[i];
	free(old);
}

static void seen_clear(void)
{
	free(seen.v);
	memset(&seen, 0, sizeof(seen));
}

/* False if the walk was here. If it has come back to where it is now, it could go round for ever. */
static bool enter(const struct world *w, const struct key *k)
{
	struct key *at;

	if (seen.n * 2 >= seen.room)
		seen_grow();
	at = seen_at(k);
	MUST(w, !(at->v[1] & KEY_BELOW));
	if (at->v[1])
		return false;
	*at = *k;
	at->v[1] |= KEY_BELOW;
	seen.n++;
	return true;
}

/* An event that tells nothing new: nothing follows, and nothing is changed. */
static void tell_in_vain(const struct world *w, enum event e, size_t guest, const struct key *k)
{
	struct world same;
	struct action out[ACTIONS_MAX];
	struct key after;

	copy_world(&same, w);
	MUST(w, transition_event(&same.t, e, guest, out) == 0);
	after = key_of(&same);
	MUST(w, same_key(&after, k));
}

/* An end of what is not under way, also while the other kind is: that would be left behind. */
static bool ends_nothing(const struct world_guest *g, enum event e)
{
	if (e == EVENT_MOVED || e == EVENT_LIVE_ENDED || e == EVENT_LIVE_FAILED)
		return g->live == LIVE_NONE;
	return g->copy == COPY_NONE;
}

/* What may be told late or twice. */
static void tell_again(const struct world *w, const struct key *k)
{
	static const enum event late[] = { EVENT_MOVED,  EVENT_LIVE_ENDED, EVENT_LIVE_FAILED, EVENT_READY,
					   EVENT_COPIED, EVENT_COPY_ENDED, EVENT_COPY_FAILED };

	tell_in_vain(w, EVENT_BEGIN, NOBODY, k);
	if (w->cancelled)
		tell_in_vain(w, EVENT_CANCEL, NOBODY, k);
	if (w->server != SERVER_BEGINNING)
		tell_in_vain(w, EVENT_SERVER_UP, NOBODY, k);
	for (size_t i = 0; i < w->t.n; i++) {
		tell_in_vain(w, w->g[i].on ? EVENT_STARTED : EVENT_STOPPED, i, k);
		if (w->g[i].copy != COPY_PREPARES)
			tell_in_vain(w, EVENT_READY, i, k);
		for (size_t e = 0; e < ARRAY_SIZE(late); e++)
			if (ends_nothing(&w->g[i], late[e]))
				tell_in_vain(w, late[e], i, k);
	}
}

/* Of guests that are done or have failed, running is noted, and nothing follows. */
static void change_the_done(const struct world *w)
{
	struct world same;
	struct action out[ACTIONS_MAX];

	copy_world(&same, w);
	for (size_t i = 0; i < w->t.n; i++)
		if (w->g[i].end != END_NONE) {
			MUST(w, !transition_event(&same.t, w->g[i].on ? EVENT_STOPPED : EVENT_STARTED, i, out));
			MUST(w, same.v[i].running == !w->g[i].on && same.v[i].stage == w->v[i].stage);
		}
}

/* As deep as events can follow one another, which is not far: no state comes twice on one way. */
static void walk(const struct world *w)
{
	struct key k = key_of(w);
	struct choices c;

	if (!enter(w, &k))
		return;
	tell_again(w, &k);
	change_the_done(w);
	choose(w, &c);
	for (size_t i = 0; i < c.n; i++) {
		struct world next;

		copy_world(&next, w);
		take(&next, &c.v[i]);
		walk(&next);
		path.n--;
	}
	seen_at(&k)->v[1] &= ~KEY_BELOW;
}

/*
 * All of three guests on and off. That every guest arrives when nothing fails needs no check of its own: the world has
 * END_STAYS only after a failure, a loss, cancel, a change that is not to be followed, or no turn left; and with three
 * turns two changes cannot use them up.
 */
static size_t walk_all(bool follows, unsigned live_max, unsigned share_max, unsigned turns_max)
{
	size_t n;

	for (unsigned on = 0; on < 8; on++) {
		struct world w = {
			.t = { .follow = follows, .live_max = live_max, .share_max = share_max, .turns_max = turns_max }
		};

		make_world(&w, 3, on, 2);
		walk(&w);
	}
	n = seen.n;
	print_message("follow %d, live_max %u, share_max %u, turns_max %u: %zu states\n", follows, live_max, share_max,
		      turns_max, n);
	seen_clear();
	return n;
}

static void test_every_order(void **state)
{
	size_t n = 0;

	(void)state;
	for (unsigned live_max = 1; live_max <= 2; live_max++)
		for (unsigned share_max = 1; share_max <= 3; share_max += 2) {
			n += walk_all(true, live_max, share_max, 3);
			n += walk_all(false, live_max, share_max, 3);
		}
	n += walk_all(true, 1, 3, 2);
	print_message("%zu states in all\n", n);
}

/* ---- more guests, more changes, at random ---- */

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 16) % n);
}

/* Once in a while something fails: were that as likely as all else, few guests would go far. */
static const struct step *pick(const struct choices *c, unsigned faults_percent)
{
	const struct step *s;

	do
		s = &c->v[random_below((unsigned)c->n)];
	while (is_fault(s->event) && random_below(100) >= faults_percent);
	return s;
}

static void random_order(void)
{
	unsigned faults = random_below(3) * 3;
	struct choices c;
	struct world w = { .t = { .follow = random_below(4) > 0,
				  .live_max = 1 + random_below(GUESTS_MAX),
				  .share_max = 1 + random_below(GUESTS_MAX),
				  .turns_max = 1 + random_below(6) } };

	make_world(&w, GUESTS_MAX, random_below(1 << GUESTS_MAX), random_below(6));
	for (choose(&w, &c); c.n; choose(&w, &c))
		take(&w, pick(&c, faults));
	for (size_t i = 0; i < w.t.n; i++)
		MUST(&w, faults || !w.t.follow || w.v[i].stage == STAGE_DONE || w.v[i].gave_up);
}

static void test_random_orders(void **state)
{
	enum { ORDERS = 20000, SEED = 20231127 };

	(void)state;
	print_message("seed %d\n", SEED);
	random_state = SEED;
	for (int i = 0; i < ORDERS; i++)
		random_order();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follow),        cmocka_unit_test(test_stay),   cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_limits),        cmocka_unit_test(test_nobody), cmocka_unit_test(test_every_order),
		cmocka_unit_test(test_random_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

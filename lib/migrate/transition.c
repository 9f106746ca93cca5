/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An event changes the stage of one guest, or the server; what can begin then is decided over all of them. */
#include "migrate/transition.h"

#include <stdint.h>

#define NO_GUEST SIZE_MAX

/* Actions as they are decided. */
struct actions {
	struct action *v;
	size_t n;
};

const char *stage_name(enum stage s)
{
	switch (s) {
	case STAGE_WAITING:
		return "waiting";
	case STAGE_LIVE:
		return "live";
	case STAGE_LIVE_ENDING:
		return "live, ending";
	case STAGE_PREPARING:
		return "preparing its copy";
	case STAGE_READY:
		return "ready to be copied";
	case STAGE_COPYING:
		return "copying";
	case STAGE_COPY_ENDING:
		return "copy, ending";
	case STAGE_DONE:
		return "done";
	case STAGE_FAILED:
		return "failed";
	}
	return "?";
}

static void act(struct actions *a, enum act what, size_t guest)
{
	if (a->n < ACTIONS_MAX)
		a->v[a->n++] = (struct action) { what, guest };
}

static bool is_over(const struct transition_guest *g)
{
	return g->stage == STAGE_DONE || g->stage == STAGE_FAILED;
}

static bool is_live(const struct transition_guest *g)
{
	return g->stage == STAGE_LIVE || g->stage == STAGE_LIVE_ENDING;
}

static bool is_copy(const struct transition_guest *g)
{
	return g->stage == STAGE_PREPARING || g->stage == STAGE_READY || g->stage == STAGE_COPYING ||
	       g->stage == STAGE_COPY_ENDING;
}

static void over(struct transition_guest *g, enum stage stage)
{
	g->stage = stage;
	g->in_share = false;
}

static void end_one(struct transition *t, size_t i, struct actions *a)
{
	struct transition_guest *g = &t->v[i];

	if (g->stage == STAGE_LIVE) {
		g->stage = STAGE_LIVE_ENDING;
		act(a, ACT_LIVE_END, i);
	} else if (is_copy(g) && g->stage != STAGE_COPY_ENDING) {
		g->stage = STAGE_COPY_ENDING;
		act(a, ACT_COPY_END, i);
	}
}

/* An attempt has ended without an end: the guest goes on in the way that fits it, or stays. */
static void attempt_over(struct transition *t, struct transition_guest *g)
{
	if (t->cancelled || g->doomed || !t->follow) {
		g->refused = !t->cancelled && !g->doomed;
		over(g, STAGE_FAILED);
		return;
	}
	g->stage = STAGE_WAITING;
	if (t->server == SERVER_NONE)
		g->in_share = false;
}

/* ---- the server ---- */

/* Does anything that is under way need it, or may do so? */
static bool server_is_needed(const struct transition *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].in_share && is_copy(&t->v[i]))
			return true;
	return false;
}

/* A guest that will join the share, or one whose end is not known yet, holds it up. */
static bool server_may_begin(const struct transition *t)
{
	bool ready = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct transition_guest *g = &t->v[i];

		if (g->stage == STAGE_PREPARING || g->stage == STAGE_COPY_ENDING ||
		    (g->stage == STAGE_LIVE_ENDING && !g->running))
			return false;
		ready |= g->stage == STAGE_READY;
	}
	return ready;
}

static void advance_server(struct transition *t, struct actions *a)
{
	if (t->server == SERVER_NONE && !t->cancelled && server_may_begin(t)) {
		t->server = SERVER_BEGINNING;
		act(a, ACT_SERVER_BEGIN, NO_GUEST);
	} else if (t->server == SERVER_UP && !server_is_needed(t)) {
		t->server = SERVER_ENDING;
		act(a, ACT_SERVER_END, NO_GUEST);
	}
}

static void server_up(struct transition *t, struct actions *a)
{
	if (t->server != SERVER_BEGINNING)
		return;
	t->server = SERVER_UP;
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].stage == STAGE_READY) {
			t->v[i].stage = STAGE_COPYING;
			act(a, ACT_COPY_BEGIN, i);
		}
}

static void server_gone(struct transition *t)
{
	t->server = SERVER_NONE;
	for (size_t i = 0; i < t->n; i++)
		if (!is_copy(&t->v[i]))
			t->v[i].in_share = false;
}

static void server_lost(struct transition *t, struct actions *a)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_copy(&t->v[i])) {
			t->v[i].doomed = true;
			end_one(t, i, a);
		}
	server_gone(t);
}

/* ---- what can begin ---- */

static size_t count_live(const struct transition *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += is_live(&t->v[i]);
	return n;
}

static size_t count_share(const struct transition *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->v[i].in_share;
	return n;
}

static void begin_one(struct transition *t, size_t i, struct actions *a)
{
	struct transition_guest *g = &t->v[i];

	if (g->running ? (g->in_share && t->server != SERVER_NONE) || count_live(t) >= t->live_max
		       : t->server != SERVER_NONE || count_share(t) >= t->share_max)
		return;
	if (g->turns >= t->turns_max) {
		g->gave_up = true;
		over(g, STAGE_FAILED);
		return;
	}
	g->turns++;
	g->stage = g->running ? STAGE_LIVE : STAGE_PREPARING;
	g->in_share = !g->running;
	act(a, g->running ? ACT_LIVE_BEGIN : ACT_COPY_PREPARE, i);
}

static void advance(struct transition *t, struct actions *a)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].stage == STAGE_WAITING) {
			if (t->cancelled)
				over(&t->v[i], STAGE_FAILED);
			else
				begin_one(t, i, a);
		}
	advance_server(t, a);
}

/* ---- events ---- */

static void cancel(struct transition *t, struct actions *a)
{
	t->cancelled = true;
	for (size_t i = 0; i < t->n; i++)
		end_one(t, i, a);
}

static void changed(struct transition *t, size_t i, bool running, struct actions *a)
{
	struct transition_guest *g = &t->v[i];

	g->running = running;
	if (running ? is_copy(g) : is_live(g))
		end_one(t, i, a);
}

/* An end counts for what is under way: one of the other kind would leave that behind, with nobody to end it. */
static bool is_end_of(const struct transition_guest *g, enum event e)
{
	if (e == EVENT_MOVED || e == EVENT_LIVE_ENDED || e == EVENT_LIVE_FAILED)
		return is_live(g);
	return is_copy(g);
}

static void about_guest(struct transition *t, enum event e, size_t i, struct actions *a)
{
	struct transition_guest *g = &t->v[i];

	if (e == EVENT_STARTED || e == EVENT_STOPPED) {
		if (is_over(g))
			g->running = e == EVENT_STARTED;
		else
			changed(t, i, e == EVENT_STARTED, a);
	} else if (e == EVENT_READY) {
		if (g->stage == STAGE_PREPARING)
			g->stage = STAGE_READY;
	} else if (is_end_of(g, e)) {
		if (e == EVENT_MOVED || e == EVENT_COPIED)
			over(g, STAGE_DONE);
		else if (e == EVENT_LIVE_FAILED || e == EVENT_COPY_FAILED)
			over(g, STAGE_FAILED);
		else
			attempt_over(t, g);
	}
}

size_t transition_event(struct transition *t, enum event e, size_t guest, struct action out[ACTIONS_MAX])
{
	struct actions a = { out, 0 };

	switch (e) {
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
		if (guest < t->n)
			about_guest(t, e, guest, &a);
		break;
	case EVENT_SERVER_UP:
		server_up(t, &a);
		break;
	case EVENT_SERVER_LOST:
		server_lost(t, &a);
		break;
	case EVENT_SERVER_ENDED:
		server_gone(t);
		break;
	case EVENT_CANCEL:
		cancel(t, &a);
		break;
	}
	advance(t, &a);
	return a.n;
}

bool transition_over(const struct transition *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!is_over(&t->v[i]))
			return false;
	return t->server == SERVER_NONE;
}

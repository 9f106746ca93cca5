/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One guest's attempt to move, in a thread with sessions of its own. How it went is told as one of the machine's
 * events: whether the guest is there, whether it only changed its state, or was told to end, or something failed.
 */
#include <string.h>
#include <time.h>

#include "base/interrupt.h"
#include "migrate/run-private.h"

static int open_sessions(struct running *g, struct err *err)
{
	struct host *hosts[2];
	struct err errs[2] = { ERR_INIT, ERR_INIT };

	if (g->src)
		return host_reopen(g->src, err) < 0 || host_reopen(g->dst, err) < 0 ? -1 : 0;
	hosts[0] = g->src = host_new(host_spec(g->given->src));
	hosts[1] = g->dst = host_new(host_spec(g->run->dst));
	host_set_side(g->src, SIDE_SOURCE);
	host_set_side(g->dst, SIDE_DESTINATION);
	if (!hosts_open(hosts, 2, errs))
		return 0;
	err_move(err, errs[0].id ? &errs[0] : &errs[1]);
	err_clear(&errs[0]);
	err_clear(&errs[1]);
	host_free(STEAL(g->src));
	host_free(STEAL(g->dst));
	return -1;
}

/* What the guests that are not there yet will need of the destination's memory. */
static uint64_t memory_of_others(const struct running *g)
{
	uint64_t kib = 0;

	for (size_t i = 0; i < g->run->n; i++) {
		const struct running *o = &g->run->v[i];
		enum stage s = g->run->machine.v[i].stage;

		if (o != g && s != STAGE_DONE && s != STAGE_FAILED && g->run->machine.v[i].running)
			kib += o->memory_kib;
	}
	return kib;
}

static void fill(struct running *g, struct migration *m, enum mode mode)
{
	struct run *r = g->run;

	*m = (struct migration) {
		.guest = g->given->guest,
		.src = g->src,
		.dst = g->dst,
		.journal = r->journal,
		.report = &g->report,
		.opt = r->opt->move,
		.mode = mode,
		.also_space = g->given->also_space,
		.also_facts = g->given->also_facts,
		.share = &g->share,
		.scope = g->scope,
	};
	pthread_mutex_lock(&r->lock);
	m->also_incoming_kib = memory_of_others(g);
	pthread_mutex_unlock(&r->lock);
}

/* After an attempt that did not move it: what is it at the source? */
static enum guest_state state_now(struct running *g)
{
	struct guest_look l auto_look = { 0 };
	enum guest_state state;

	interrupt_ack(); /* else the question is cut off */
	if (!*g->uuid || !g->src || host_reopen(g->src, NULL) < 0)
		return GUEST_UNKNOWN;
	guest_look(g->src, g->uuid, false, &l);
	state = l.state == GUEST_SHUTOFF && l.why == GUEST_WHY_MIGRATED ? GUEST_UNKNOWN : l.state;
	return state;
}

static void tell_state(struct running *g, enum guest_state state)
{
	struct guest_look l = { .state = state };

	if (guest_is_active(&l))
		run_tell(g->run, EVENT_STARTED, g->index);
	else if (state == GUEST_SHUTOFF)
		run_tell(g->run, EVENT_STOPPED, g->index);
}

static void keep_outcome(struct running *g, enum status status, struct err *err)
{
	pthread_mutex_lock(&g->run->lock);
	g->status = status;
	err_clear(&g->err);
	if (err->id)
		err_move(&g->err, err);
	pthread_mutex_unlock(&g->run->lock);
}

/* A signal, or vmmig cancel, is for the guest; what the machine tells is only for this attempt. */
static bool is_only_attempt(struct running *g, const struct err *err)
{
	bool asked;

	pthread_mutex_lock(&g->run->lock);
	asked = g->asked;
	pthread_mutex_unlock(&g->run->lock);
	return asked && !interrupt_seen() && err->status != STATUS_UNDECIDED;
}

static enum status move_live(struct running *g, enum mode mode, bool *moved, struct err *err)
{
	struct migration m;
	enum status status;

	fill(g, &m, mode);
	status = migrate_guest(&m, err);
	*moved = m.moved;
	/* off is what it may be: it has moved, all the same */
	if (m.moved && g->run->opt->follow && err_is(err, E_GUEST_STOPPED)) {
		run_note(g, "it has moved, and went off at the destination by itself");
		err_clear(err);
		status = STATUS_OK;
		g->result.status = MIG_COMPLETED;
	}
	migration_clear(&m);
	return status;
}

/* Of a guest that is found running, though the call was for one that is off, nobody has said how its disks move. */
static enum mode live_mode(const struct running *g)
{
	return g->run->opt->mode == MODE_LIVE ? MODE_LIVE : MODE_BLOCK;
}

static enum status try_live(struct running *g, bool *moved, struct err *err)
{
	enum mode mode = live_mode(g);
	enum status status = move_live(g, mode, moved, err);
	bool other = mode == MODE_BLOCK ? str_eq(err->id, "E-STORAGE-SHARED") : str_eq(err->id, "E-STORAGE-NOT-SHARED");

	/* the mode of the call was for guests that are off, or the guest is one of several kinds */
	if (*moved || !other || (g->run->opt->mode != MODE_COLD && !g->run->opt->follow))
		return status;
	mode = mode == MODE_BLOCK ? MODE_LIVE : MODE_BLOCK;
	run_note(g, "%s: moving it by vmmig %s", err->id, mode_name(mode));
	err_clear(err);
	return move_live(g, mode, moved, err);
}

/* The reason that counts for an attempt that was only in the way of another one. */
static enum status changed_state(struct running *g, enum err_id id, const char *how, struct err *err)
{
	if (!err_is(err, id)) {
		err_clear(err);
		err_set(err, id, 0, "%s: %s", host_label(g->given->src), how);
	}
	return err->status;
}

static void end_attempt(struct running *g, enum event e, enum guest_state state, enum status status, struct err *err)
{
	keep_outcome(g, status, err);
	if (e == EVENT_LIVE_ENDED || e == EVENT_COPY_ENDED)
		tell_state(g, state);
	run_tell(g->run, e, g->index);
}

void *run_live_main(void *arg)
{
	struct running *g = arg;
	struct err err = ERR_INIT;
	enum event e = EVENT_LIVE_FAILED;
	enum guest_state state = GUEST_UNKNOWN;
	bool moved = false;
	enum status status;

	status = open_sessions(g, &err) < 0 ? err.status : try_live(g, &moved, &err);
	if (moved) {
		e = EVENT_MOVED;
	} else if (status != STATUS_UNDECIDED) {
		state = state_now(g);
		if (is_only_attempt(g, &err) || (state == GUEST_SHUTOFF && !interrupt_seen()))
			e = EVENT_LIVE_ENDED;
	}
	if (e == EVENT_LIVE_ENDED)
		status = changed_state(g, E_GUEST_STOPPED, "the guest stopped while it was moved, and is off", &err);
	end_attempt(g, e, state, status, &err);
	return NULL;
}

/* ---- a guest that is off ---- */

/* The lock is held. */
static void server_spec(struct running *g, const struct migration *m)
{
	struct run *r = g->run;
	const char *to = m->facts.connection.port_address;

	free(r->server_address);
	r->server_address = m->opt->transport == TRANSPORT_SSH ? xstrdup("unix")
			    : to && strchr(to, ':')            ? xstrdup("::")
							       : NULL;
	r->server_spec = (struct copy_server_spec) { .address = r->server_address,
						     .port_min = m->facts.dst.port_min,
						     .port_max = m->facts.dst.port_max,
						     .streams = r->opt->streams,
						     .bandwidth_mib = m->opt->bandwidth_mib };
}

/* Up to a second. The server, once it is there. */
static struct copy_server *wait_a_second(struct running *g)
{
	struct run *r = g->run;
	struct copy_server *server;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec++;
	pthread_mutex_lock(&r->lock);
	if (!g->copy_may_begin && !interrupt_pending())
		pthread_cond_timedwait(&r->changed, &r->lock, &ts);
	server = g->copy_may_begin ? r->server : NULL;
	pthread_mutex_unlock(&r->lock);
	return server;
}

/* In the guest's thread: it is ready, and waits. */
static struct copy_server *wait_for_server(struct copy_share *s, struct migration *m, const struct strv *parts,
					   struct err *err)
{
	struct running *g = (struct running *)((char *)s - offsetof(struct running, share));
	struct run *r = g->run;
	struct copy_server *server = NULL;

	pthread_mutex_lock(&r->lock);
	strv_clear(&g->parts);
	for (size_t i = 0; i < parts->n; i++)
		strv_add(&g->parts, parts->v[i]);
	server_spec(g, m);
	pthread_mutex_unlock(&r->lock);
	run_tell(r, EVENT_READY, g->index);
	while (!server && !interrupt_pending())
		server = wait_a_second(g);
	if (server && !interrupt_pending())
		return server;
	err_set(err, E_CANCELLED, 0, "interrupted before its copy began");
	return NULL;
}

static bool has_started(const struct running *g, enum guest_state state, const struct err *err)
{
	struct guest_look l = { .state = state };

	if (str_eq(err->id, "E-GUEST-STATE") && !g->run->opt->follow) /* it has never been off */
		return false;
	return guest_is_active(&l) && !g->run->opt->move->shutdown && !interrupt_seen() &&
	       err->status != STATUS_UNDECIDED;
}

static enum event judge_cold(struct running *g, bool moved, enum guest_state state, const struct err *err)
{
	if (moved)
		return EVENT_COPIED;
	if (has_started(g, state, err) || (is_only_attempt(g, err) && err->status == STATUS_CANCELLED))
		return EVENT_COPY_ENDED;
	return EVENT_COPY_FAILED;
}

/* It was told to end because the copy server could not be made: then that is the reason. */
static bool lost_its_server(struct running *g, struct err *err)
{
	struct run *r = g->run;
	bool lost;

	pthread_mutex_lock(&r->lock);
	lost = r->machine.v[g->index].doomed && r->server_err.id;
	if (lost) {
		err_clear(err);
		err_copy(err, &r->server_err);
	}
	pthread_mutex_unlock(&r->lock);
	return lost;
}

void *run_cold_main(void *arg)
{
	struct running *g = arg;
	struct err err = ERR_INIT;
	enum guest_state state = GUEST_UNKNOWN;
	bool moved = false, for_good = false; /* vmmig cancel was for the guest, not for this attempt */
	enum status status;
	enum event e;

	g->share.wait = wait_for_server;
	if (open_sessions(g, &err) < 0) {
		status = err.status;
	} else {
		struct migration m;

		fill(g, &m, MODE_COLD);
		status = migrate_guest(&m, &err);
		moved = m.moved;
		for_good = m.stop_asked == E_CANCELLED;
		migration_clear(&m);
		if (!moved)
			state = state_now(g);
	}
	e = moved || !for_good ? judge_cold(g, moved, state, &err) : EVENT_COPY_FAILED;
	if (e == EVENT_COPY_ENDED && lost_its_server(g, &err)) {
		e = EVENT_COPY_FAILED;
		status = err.status;
	}
	if (e == EVENT_COPY_ENDED)
		status = changed_state(g, E_GUEST_STARTED, "the guest was started while it was copied, and runs on",
				       &err);
	end_attempt(g, e, state, status, &err);
	return NULL;
}

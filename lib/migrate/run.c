/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The run: takes events from everybody's hands, asks the machine what follows, and lets it be done by others: the
 * threads of the guests, one that makes and ends the copy server, and one that looks at the source hosts.
 */
#include "migrate/run.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "host/guest-events.h"
#include "migrate/run-private.h"

enum {
	LOOK_EVERY_MS = 1000, /* at the guests, when libvirt tells nothing */
	SHARE_MAX = 8,        /* guests that are copied at the same time: each holds a lease, and two sessions */
	TURNS_MAX = 6,        /* that a guest begins to move: five changes of mind are enough */
};

void run_tell(struct run *r, enum event e, size_t guest)
{
	pthread_mutex_lock(&r->lock);
	*ARRAY_ADD(r->queue, r->queue_n) = (struct told) { e, guest };
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* The lock is held. */
static void wait_ms(struct run *r, int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000L;
	ts.tv_sec += ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&r->changed, &r->lock, &ts);
}

/* ---- looking at the sources ---- */

static void on_event(void *arg)
{
	struct run *r = arg;

	pthread_mutex_lock(&r->lock);
	r->look = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* Only what is sure: it runs here, or it is off here, and not because it has left. */
static void look_at(struct running *g, bool *known, bool *running)
{
	struct guest_look l auto_look = { 0 };

	guest_look(g->given->src, g->uuid, false, &l);
	/* this thread is the only one that uses these sessions by now */
	if (l.state == GUEST_UNKNOWN && host_reopen(g->given->src, NULL) >= 0)
		guest_look(g->given->src, g->uuid, false, &l);
	*running = guest_is_active(&l);
	*known = *running || (l.state == GUEST_SHUTOFF && l.why != GUEST_WHY_MIGRATED);
	/* paused by its own migration: on its way, and neither started nor stopped */
	if (l.state == GUEST_PAUSED && l.why == GUEST_WHY_MIGRATION)
		*known = false;
}

static void look_round(struct run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct running *g = &r->v[i];
		bool known, running, was;
		enum stage stage;

		pthread_mutex_lock(&r->lock);
		stage = r->machine.v[i].stage;
		was = r->machine.v[i].running;
		pthread_mutex_unlock(&r->lock);
		if (!*g->uuid || stage == STAGE_DONE || stage == STAGE_FAILED)
			continue;
		look_at(g, &known, &running);
		g->not_yet_off &= running || !known;
		if (g->not_yet_off)
			continue;
		if (known && running != was)
			run_tell(r, running ? EVENT_STARTED : EVENT_STOPPED, i);
	}
}

static void *look_main(void *arg)
{
	struct run *r = arg;
	bool over = false;

	while (!over) {
		look_round(r);
		pthread_mutex_lock(&r->lock);
		for (int64_t until = clock_ms() + LOOK_EVERY_MS; !r->over && !r->look && clock_ms() < until;)
			wait_ms(r, 100);
		r->look = false;
		over = r->over;
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

/* ---- the copy server ---- */

static void *server_begin_main(void *arg)
{
	struct run *r = arg;
	struct err err auto_err = ERR_INIT;
	struct copy_server *s = NULL;
	struct strv parts = { 0 };
	struct copy_server_spec spec;

	pthread_mutex_lock(&r->lock);
	/* not of those that were ready, and have been started since: theirs are being taken away */
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; r->machine.v[i].stage == STAGE_READY && k < r->v[i].parts.n; k++)
			strv_add(&parts, r->v[i].parts.v[k]);
	spec = r->server_spec;
	pthread_mutex_unlock(&r->lock);
	if (!r->server_host) {
		r->server_host = host_new(host_spec(r->dst));
		host_set_side(r->server_host, SIDE_DESTINATION);
		hosts_open(&r->server_host, 1, &err);
	} else {
		host_reopen(r->server_host, &err);
	}
	if (!err.id)
		s = copy_server_begin(r->server_host, &spec, &parts, &err);
	strv_clear(&parts);
	pthread_mutex_lock(&r->lock);
	r->server = s;
	err_move(&r->server_err, &err); /* also none */
	pthread_mutex_unlock(&r->lock);
	run_tell(r, s ? EVENT_SERVER_UP : EVENT_SERVER_LOST, SIZE_MAX);
	return NULL;
}

static void *server_end_main(void *arg)
{
	struct run *r = arg;
	struct copy_server *s;

	pthread_mutex_lock(&r->lock);
	s = STEAL(r->server);
	pthread_mutex_unlock(&r->lock);
	interrupt_ack(); /* its end is waited for, also after a signal */
	copy_server_end(s);
	run_tell(r, EVENT_SERVER_ENDED, SIZE_MAX);
	return NULL;
}

static void server_thread(struct run *r, void *(*fn)(void *arg))
{
	if (r->server_threaded)
		pthread_join(r->server_thread, NULL);
	r->server_threaded = interrupt_thread(&r->server_thread, interrupt_scope_new(), fn, r) == 0;
	if (!r->server_threaded)
		fn(r);
}

/* ---- acting ---- */

static void begin_guest(struct running *g, void *(*fn)(void *arg), const char *what)
{
	if (g->threaded)
		pthread_join(g->thread, NULL);
	if (g->begin_ms)
		run_note(g, "going on: it moves %s", what);
	else
		g->begin_ms = clock_ms();
	g->asked = g->copy_may_begin = false;
	g->scope = interrupt_scope_new();
	run_report_init(g);
	g->threaded = interrupt_thread(&g->thread, g->scope, fn, g) == 0;
	if (!g->threaded)
		fn(g);
}

static void end_guest(struct running *g)
{
	const struct transition_guest *t = &g->run->machine.v[g->index];

	if (!g->run->machine.cancelled)
		run_note(g, "%s: it was %s: what is under way for it is ended", host_label(g->given->src),
			 t->doomed    ? "to be copied, and the copy server cannot be had"
			 : t->running ? "started"
				      : "stopped");
	pthread_mutex_lock(&g->run->lock);
	g->asked = true;
	pthread_mutex_unlock(&g->run->lock);
	interrupt_ask(g->scope);
}

static void begin_copy(struct running *g)
{
	pthread_mutex_lock(&g->run->lock);
	g->copy_may_begin = true;
	pthread_cond_broadcast(&g->run->changed);
	pthread_mutex_unlock(&g->run->lock);
}

static void do_action(struct run *r, const struct action *a)
{
	struct running *g = a->guest < r->n ? &r->v[a->guest] : NULL;

	switch (a->act) {
	case ACT_LIVE_BEGIN:
		begin_guest(g, run_live_main, "while it runs");
		break;
	case ACT_COPY_PREPARE:
		begin_guest(g, run_cold_main, "while it is off");
		break;
	case ACT_LIVE_END:
	case ACT_COPY_END:
		end_guest(g);
		break;
	case ACT_COPY_BEGIN:
		begin_copy(g);
		break;
	case ACT_SERVER_BEGIN:
		server_thread(r, server_begin_main);
		break;
	case ACT_SERVER_END:
		server_thread(r, server_end_main);
		break;
	}
}

static void never_begun(struct running *g)
{
	const struct transition_guest *t = &g->run->machine.v[g->index];

	if (t->gave_up)
		err_set(&g->err, E_GUEST_STARTED, 0, "it starts and stops again and again; it stays at %s",
			host_label(g->given->src));
	else
		err_set(&g->err, E_CANCELLED, 0, "not begun");
	g->status = g->err.status;
}

/* Those that have come to their end: each is told once. */
static void tell_results(struct run *r, bool *told)
{
	for (size_t i = 0; i < r->n; i++) {
		struct running *g = &r->v[i];
		enum stage stage = r->machine.v[i].stage;

		if (told[i] || (stage != STAGE_DONE && stage != STAGE_FAILED))
			continue;
		told[i] = true;
		if (g->threaded)
			pthread_join(g->thread, NULL);
		g->threaded = false;
		if (!g->begin_ms || r->machine.v[i].gave_up) {
			err_clear(&g->err);
			never_begun(g);
		}
		run_result(g);
	}
}

static void take_event(struct run *r, const struct told *t)
{
	struct action actions[ACTIONS_MAX];
	size_t n;

	pthread_mutex_lock(&r->lock);
	n = transition_event(&r->machine, t->event, t->guest, actions);
	pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < n; i++)
		do_action(r, &actions[i]);
}

/* A signal is for all of them. */
static bool next_event(struct run *r, struct told *t)
{
	bool have;

	if (interrupt_pending()) {
		interrupt_ack();
		*t = (struct told) { EVENT_CANCEL, SIZE_MAX };
		return true;
	}
	pthread_mutex_lock(&r->lock);
	if (!r->queue_n)
		wait_ms(r, 100);
	have = r->queue_n > 0;
	if (have) {
		*t = r->queue[0];
		memmove(r->queue, r->queue + 1, --r->queue_n * sizeof(*r->queue));
	}
	pthread_mutex_unlock(&r->lock);
	return have;
}

static void loop(struct run *r)
{
	auto_free bool *told = xcalloc(r->n + 1, sizeof(*told));
	struct told t = { EVENT_BEGIN, SIZE_MAX };

	take_event(r, &t);
	while (!transition_over(&r->machine)) {
		if (next_event(r, &t))
			take_event(r, &t);
		tell_results(r, told);
	}
	tell_results(r, told);
}

/* ---- begin and end ---- */

static void find(struct running *g, struct transition_guest *t)
{
	struct guest_look l auto_look = { 0 };
	struct err err auto_err = ERR_INIT;
	auto_free char *xml = NULL;
	struct domain *d auto_domain = NULL;

	if (guest_find(g->given->src, g->given->guest, &l, &err) < 0 || !l.uuid) {
		t->running = g->run->opt->mode != MODE_COLD; /* its own attempt says why */
		return;
	}
	snprintf(g->uuid, sizeof(g->uuid), "%s", l.uuid);
	g->not_yet_off = guest_is_active(&l) && g->run->opt->mode == MODE_COLD &&
			 (g->run->opt->move->shutdown || !g->run->opt->follow);
	t->running = guest_is_active(&l) && !g->not_yet_off;
	xml = guest_is_active(&l) ? guest_xml(g->given->src, l.uuid, GUEST_XML_NOW, NULL) : NULL;
	d = xml ? domain_parse(xml, NULL) : NULL;
	g->memory_kib = d ? d->memory_kib : 0;
}

static void init(struct run *r, struct transition_guest *machine, const struct run_guest *v)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->report.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	r->machine = (struct transition) { .v = machine,
					   .n = r->n,
					   .follow = r->opt->follow,
					   .live_max = r->opt->at_once ? r->opt->at_once : 1,
					   .share_max = SHARE_MAX,
					   .turns_max = TURNS_MAX };
	for (size_t i = 0; i < r->n; i++) {
		r->v[i].given = &v[i];
		r->v[i].run = r;
		r->v[i].index = i;
		run_report_init(&r->v[i]);
		find(&r->v[i], &machine[i]);
	}
}

static enum status clear(struct run *r)
{
	enum status status = STATUS_OK;

	if (r->server_threaded)
		pthread_join(r->server_thread, NULL);
	for (size_t i = 0; i < r->n; i++) {
		struct running *g = &r->v[i];

		status = status_worst(status, g->status);
		host_free(g->src);
		host_free(g->dst);
		err_clear(&g->err);
		free(g->from_name);
		free(g->mode_name);
		free(g->migration);
		strv_clear(&g->parts);
	}
	err_clear(&r->server_err);
	host_free(r->server_host);
	free(r->server_address);
	free(r->queue);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->report.lock);
	return status;
}

/* The sources, each once. */
static size_t watch(struct run *r, struct guest_events **events)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen |= r->v[k].given->src == r->v[i].given->src;
		if (!seen)
			events[n++] = guest_events_begin(r->v[i].given->src, on_event, r);
	}
	return n;
}

enum status run_guests(struct journal *journal, struct report *report, struct host *dst, const struct run_guest *v,
		       size_t n, const struct run_options *opt)
{
	auto_free struct running *running = xcalloc(n + 1, sizeof(*running));
	auto_free struct transition_guest *machine = xcalloc(n + 1, sizeof(*machine));
	auto_free struct guest_events **events = xcalloc(n + 1, sizeof(*events));
	struct run r = { .journal = journal, .report.real = report, .dst = dst, .opt = opt, .v = running, .n = n };
	pthread_t thread;
	size_t watched;
	bool looks;

	init(&r, machine, v);
	watched = watch(&r, events);
	looks = interrupt_thread(&thread, interrupt_scope_new(), look_main, &r) == 0;
	loop(&r);
	pthread_mutex_lock(&r.lock);
	r.over = true;
	pthread_cond_broadcast(&r.changed);
	pthread_mutex_unlock(&r.lock);
	if (looks)
		pthread_join(thread, NULL);
	for (size_t i = 0; i < watched; i++)
		guest_events_end(events[i]);
	return clear(&r);
}

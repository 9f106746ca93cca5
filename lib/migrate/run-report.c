/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each guest has a report of its own, used by its thread; all of them end in the one of the call, one at a time. The
 * result of an attempt is kept: the guest may go on in another mode, and has one result in the end.
 */
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/run-private.h"

static const struct report_ops shared_ops;

static struct running *guest_of(struct report *r)
{
	return (struct running *)((char *)r - offsetof(struct running, report));
}

/* The real operations, for the time of one call. */
static const struct report_ops *enter(struct report *r)
{
	struct shared_report *s = &guest_of(r)->run->report;

	pthread_mutex_lock(&s->lock);
	if (s->drew && s->drew != r) { /* their line is wiped by whoever writes next */
		s->drew->drawn = false;
		r->drawn = true;
	}
	r->ops = s->real->ops;
	return r->ops;
}

static void leave(struct report *r)
{
	struct shared_report *s = &guest_of(r)->run->report;

	s->drew = r->drawn ? r : NULL;
	r->ops = &shared_ops;
	pthread_mutex_unlock(&s->lock);
}

static void on_check(struct report *r, const struct finding *f)
{
	enter(r)->check(r, f);
	leave(r);
}

static void on_phase(struct report *r, const char *phase, const char *side, const char *state, int64_t ms)
{
	enter(r)->phase(r, phase, side, state, ms);
	leave(r);
}

static void on_progress(struct report *r, const struct progress *p)
{
	enter(r)->progress(r, p);
	leave(r);
}

static void on_forecast(struct report *r, const struct guest_forecast *f)
{
	enter(r)->forecast(r, f);
	leave(r);
}

static void on_decision(struct report *r, const char *action, uint64_t value, uint64_t needed_ms, const char *reason)
{
	enter(r)->decision(r, action, value, needed_ms, reason);
	leave(r);
}

static void on_note(struct report *r, const char *text)
{
	enter(r)->note(r, text);
	leave(r);
}

static void on_error(struct report *r, const struct err *err)
{
	enter(r)->error(r, err);
	leave(r);
}

static void on_object(struct report *r, const char *text, json_t *object)
{
	enter(r)->object(r, text, object);
	leave(r);
}

static void keep(char **to, const char *s)
{
	free(*to);
	*to = xstrdup(s);
}

static void on_result(struct report *r, const struct result *res)
{
	struct running *g = guest_of(r);
	uint64_t bytes;

	pthread_mutex_lock(&g->run->report.lock); /* run_note() reads them */
	bytes = g->result.bytes;
	g->result = *res;
	g->result.bytes += bytes; /* of the attempts before */
	g->result.err = NULL;     /* g->err has it */
	keep(&g->from_name, res->from);
	keep(&g->mode_name, res->mode);
	keep(&g->migration, r->migration);
	pthread_mutex_unlock(&g->run->report.lock);
}

static const struct report_ops shared_ops = { .check = on_check,
					      .phase = on_phase,
					      .progress = on_progress,
					      .forecast = on_forecast,
					      .decision = on_decision,
					      .note = on_note,
					      .error = on_error,
					      .result = on_result,
					      .object = on_object };

/* --detach: the first one that is under way lets the terminal go, for all of them. */
static void on_under_way(void *arg)
{
	struct running *g = arg;
	struct shared_report *s = &g->run->report;
	struct report *real = s->real;

	pthread_mutex_lock(&s->lock);
	if (!s->under_way_told) {
		real->guest = g->report.guest;
		real->migration = g->report.migration;
		real->under_way(real->under_way_arg);
		real->guest = real->migration = NULL;
	}
	s->under_way_told = true;
	pthread_mutex_unlock(&s->lock);
}

void run_report_init(struct running *g)
{
	pthread_mutex_lock(&g->run->report.lock);
	g->report = *g->run->report.real;
	g->report.ops = &shared_ops;
	g->report.guest = g->given->guest;
	g->report.migration = NULL;
	g->report.drawn = g->run->report.drew == &g->report;
	if (g->report.under_way) {
		g->report.under_way = on_under_way;
		g->report.under_way_arg = g;
	}
	pthread_mutex_unlock(&g->run->report.lock);
}

void run_note(struct running *g, const char *fmt, ...)
{
	auto_free char *text = NULL;
	struct shared_report *s = &g->run->report;
	struct report r;
	va_list ap;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&s->lock);
	r = *s->real; /* the guest's thread may be at work with its own */
	r.guest = g->given->guest;
	r.migration = g->migration;
	r.drawn = s->drew != NULL;
	if (s->drew)
		s->drew->drawn = false;
	s->drew = NULL;
	r.ops->note(&r, text);
	pthread_mutex_unlock(&s->lock);
}

void run_result(struct running *g)
{
	struct result res = g->result;
	struct report *r = &g->report;

	res.exit = g->status;
	res.err = g->err.id ? &g->err : NULL;
	res.from = host_name(g->given->src);
	res.to = host_name(g->run->dst);
	res.mode = g->mode_name ? g->mode_name : mode_name(g->run->opt->mode);
	res.total_ms = g->begin_ms ? (uint64_t)(clock_ms() - g->begin_ms) : 0;
	if (!g->mode_name)
		res.status = g->err.status == STATUS_CANCELLED ? MIG_CANCELLED : MIG_FAILED;
	r->guest = g->given->guest;
	r->migration = g->migration;
	enter(r)->result(r, &res);
	leave(r);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forecast of a real run. Where it may change the operator's mind it is made before the start, as check does it: a
 * dry run, and one with a deadline. Else nobody waits for it: the guest is measured while the checks run and the
 * migration begins, whose own rate is the link's.
 */
#include "base/log.h"
#include "base/task.h"
#include "migrate/perform-private.h"

enum { MEASURE_S = 1, END_MS = 5000 };

struct measuring {
	struct host *h;
	char *uuid;
	uint64_t memory_kib;
	struct guest_measure result;
};

static int run(void *arg, struct err *err)
{
	struct measuring *c = arg;

	return guest_measure(c->h, c->uuid, c->memory_kib, MEASURE_S, &c->result, err);
}

static void release(void *arg)
{
	struct measuring *c = arg;

	free(c->uuid);
	free(c);
}

static void start(struct migration *m)
{
	struct err err auto_err = ERR_INIT;
	struct measuring *c = xcalloc(1, sizeof(*c));

	*c = (struct measuring) { .h = m->src, .uuid = xstrdup(m->record.uuid), .memory_kib = m->domain->memory_kib };
	m->measuring = task_start(run, c, release, &err);
	if (m->measuring)
		m->measurement = &c->result;
	else
		log_info("no forecast: %s", err.msg);
}

void foresight_begin(struct migration *m)
{
	m->facts.policy = &m->policy;
	m->facts.bandwidth_mib = m->opt->bandwidth_mib;
	m->facts.want_forecast = m->opt->forecast && (m->opt->dry_run || m->opt->timeout_s);
	if (m->opt->forecast && !m->facts.want_forecast && m->was_running)
		start(m);
}

void foresight_tell(struct migration *m, const struct guest_forecast *f)
{
	struct err err auto_err = ERR_INIT;
	auto_free char *text = str_printf("forecast: %s", f->text);

	m->report->ops->forecast(m->report, f);
	if (journal_event(m->journal, m->record.id, text, &err) < 0)
		log_warn("%s: %s", err.id, err.msg);
}

/* The measurement, once it is there; *in has then a point. */
static bool measured(struct migration *m, struct forecast_input *in)
{
	struct err err auto_err = ERR_INIT;

	if (!m->measuring || !task_wait(m->measuring, 0))
		return false;
	if (task_result(m->measuring, &err) < 0)
		log_info("no forecast: %s", err.msg);
	else if (m->measurement->ms)
		*in = (struct forecast_input) { .memory = m->domain->memory_kib << 10,
						.to_send = m->measurement->resident,
						.disks = images_bytes(&m->facts.images),
						.point = { { m->measurement->ms, m->measurement->changed } },
						.points = 1,
						.policy = &m->policy };
	foresight_end(m);
	return in->points > 0;
}

void foresight_poll(struct migration *m, uint64_t bps)
{
	struct guest_forecast *f = &m->facts.forecast;

	if (!bps || !measured(m, &f->input))
		return;
	f->input.bps = forecast_rate(bps, m->opt->bandwidth_mib);
	forecast_make(&f->input, &f->forecast);
	f->text = forecast_text(&f->input, &f->forecast);
	foresight_tell(m, f);
}

const struct forecast_point *foresight_point(const struct migration *m)
{
	return m->facts.forecast.input.points ? &m->facts.forecast.input.point[0] : NULL;
}

void foresight_end(struct migration *m)
{
	if (!m->measuring)
		return;
	if (!task_wait(m->measuring, END_MS))
		host_set_stuck(m->src); /* the call still uses it */
	task_release(m->measuring);
	m->measuring = NULL;
	m->measurement = NULL;
}

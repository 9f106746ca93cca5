/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forecast of a real run. Where it may change the operator's mind it is made before the start, as check does it: a
 * dry run, and one with a deadline. Else nobody waits for it: the guest is measured while the migration begins,
 * whose own rate is the link's.
 */
#include "base/log.h"
#include "migrate/perform-private.h"

enum { MEASURE_S = 1 };

void foresight_want(struct migration *m)
{
	m->facts.policy = &m->policy;
	m->facts.bandwidth_mib = m->opt->bandwidth_mib;
	m->facts.want_forecast = m->mode != MODE_COLD && m->opt->forecast && (m->opt->dry_run || m->opt->timeout_s);
}

/* While it migrates libvirt does not begin it. */
void foresight_begin(struct migration *m)
{
	struct err err auto_err = ERR_INIT;

	if (!m->opt->forecast || m->facts.want_forecast || !m->was_running)
		return;
	m->measuring = guest_measure_begin(m->src, m->record.uuid, m->domain->memory_kib, MEASURE_S, &err);
	if (!m->measuring)
		log_info("no forecast: %s", err.msg);
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
	struct guest_measure r = { 0 };
	int rc = m->measuring ? guest_measure_poll(m->measuring, &r, &err) : 0;

	if (rc < 0)
		log_info("no forecast: %s", err.msg);
	else if (rc > 0)
		*in = (struct forecast_input) { .memory = m->domain->memory_kib << 10,
						.to_send = r.resident,
						.disks = images_bytes(&m->facts.images),
						.point = { { r.ms, r.changed } },
						.points = 1,
						.policy = &m->policy };
	if (rc != 0)
		foresight_end(m);
	return rc > 0;
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
	guest_measure_end(m->measuring);
	m->measuring = NULL;
}

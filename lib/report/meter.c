/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "base/str.h"
#include "report/report.h"

enum {
	WINDOW_MS = 3000, /* the rate is that of so long a time */
	TOLD_FROM_MS =
		500, /* and of no shorter one: QEMU limits its rate in slices of 100 ms, and sends each in a burst */
};

static uint64_t processed(const struct job_stats *s)
{
	return s->mem_processed + s->disk_processed;
}

static struct meter_reading *reading(struct meter *m, size_t age)
{
	return &m->readings[(m->next + METER_READINGS - 1 - age) % METER_READINGS];
}

static void keep(struct meter *m, int64_t at_ms, uint64_t done)
{
	if (m->n && (at_ms <= reading(m, 0)->at_ms || done < reading(m, 0)->processed))
		m->n = 0; /* another job, or a host whose clock was set: begin anew */
	if (!done)
		m->n = 0; /* libvirt and QEMU are still at their greetings */
	m->readings[m->next] = (struct meter_reading) { at_ms, done };
	m->next = (m->next + 1) % METER_READINGS;
	if (m->n < METER_READINGS)
		m->n++;
}

/* Over the oldest reading of the window, bytes/s; 0: too early to tell. */
static double rate(struct meter *m)
{
	const struct meter_reading *newest = reading(m, 0), *oldest = newest;
	int64_t dt;

	for (size_t age = 1; age < m->n && newest->at_ms - reading(m, age)->at_ms <= WINDOW_MS; age++)
		oldest = reading(m, age);
	dt = newest->at_ms - oldest->at_ms;
	return dt < TOLD_FROM_MS ? 0 : (double)(newest->processed - oldest->processed) * 1000 / (double)dt;
}

static int64_t ms_for(uint64_t bytes, double bps)
{
	double ms = bps > 0 ? (double)bytes / bps * 1000 : -1;

	return ms < 0 || ms > (double)INT64_MAX / 4 ? -1 : (int64_t)ms;
}

/*
 * The low end: what remains, if the guest changes nothing more. The high end: with what it changes until then, as fast
 * as in the last pass, and a fifth for what varies; twice the low one as long as there was no pass to tell. In
 * post-copy nothing comes again.
 */
static void estimate(const struct job_stats *s, uint64_t memory, double bps, struct progress *p)
{
	bool told = p->iteration > 1;
	double shrink = bps - (double)p->dirty_bps;
	int64_t mem;

	p->eta_low_ms = ms_for(memory + s->disk_remaining, bps);
	p->eta_high_ms = -1;
	if (p->eta_low_ms < 0)
		return;
	if (p->postcopy || !told) {
		p->eta_high_ms = p->postcopy ? p->eta_low_ms * 6 / 5 : p->eta_low_ms * 2;
		return;
	}
	mem = shrink > bps / 10 ? ms_for(memory, shrink) : -1;
	if (mem >= 0)
		p->eta_high_ms = (mem + ms_for(s->disk_remaining, bps)) * 6 / 5;
}

/* A bar that goes back is believed no more: it stands, and says why. */
static void advance(struct meter *m, struct progress *p)
{
	int64_t left = p->eta_high_ms >= 0 ? (p->eta_low_ms + p->eta_high_ms) / 2 : p->eta_low_ms * 4;
	auto_free char *dirty = NULL, *rate = NULL, *best = NULL;
	unsigned now;

	p->percent = m->percent;
	if (p->eta_low_ms < 0 || p->elapsed_ms < 0)
		return;
	now = (unsigned)((double)p->elapsed_ms * 100 / (double)(p->elapsed_ms + left + 1));
	if (p->bps > m->best_bps)
		m->best_bps = p->bps;
	if (now >= m->percent) {
		p->percent = m->percent = now < 99 ? now : 99;
		return;
	}
	dirty = str_bytes(p->dirty_bps);
	rate = str_bytes(p->bps);
	best = str_bytes(m->best_bps);
	if (p->bps < m->best_bps / 4 * 3)
		snprintf(p->held, sizeof(p->held), "slower: %s/s, and it was %s/s", rate, best);
	else if (p->dirty_bps > p->bps / 4)
		snprintf(p->held, sizeof(p->held), "the guest changes %s/s", dirty);
	else
		snprintf(p->held, sizeof(p->held), "the guest has changed what was sent");
}

void meter_read(struct meter *m, const struct job_stats *s, int64_t now_ms, struct progress *p)
{
	uint64_t memory = s->mem_total ? s->mem_remaining : m->memory; /* QEMU sends memory when the disks are there */
	uint64_t remaining = memory + s->disk_remaining;
	double bps, shrink;

	if (!m->begun)
		m->first_iteration = s->mem_iteration > 1 ? s->mem_iteration - 1 : 0;
	m->begun = true;
	/* The host's own clock, where it says when it counted: what lies between it and us would look like bursts. */
	keep(m, s->time_elapsed_ms ? (int64_t)s->time_elapsed_ms : now_ms, processed(s));
	bps = rate(m);
	p->stats = *s;
	p->bps = (uint64_t)bps;
	p->dirty_bps = s->mem_dirty_rate_pps * s->mem_page_size;
	p->iteration = s->mem_iteration > m->first_iteration ? s->mem_iteration - m->first_iteration : s->mem_iteration;
	/* While memory is dirtied as fast as it is sent, nobody can say when it ends. */
	shrink = bps - (double)p->dirty_bps;
	p->eta_ms = shrink > 0 && remaining ? (int64_t)((double)remaining / shrink * 1000) : -1;
	estimate(s, memory, bps, p);
	advance(m, p);
}

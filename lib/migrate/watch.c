/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a migration under way says of itself. */
#include "base/clock.h"
#include "base/log.h"
#include "migrate/perform-private.h"

enum {
	DRAW_MS = 250, /* a person reads four lines a second */
	SAMPLE_MS = 240,
	SAMPLES = 1000,
};

/* Of each disk that is copied, as far as libvirt tells; *v is the caller's to free. */
static size_t disk_readings(struct migration *m, struct disk_progress **v)
{
	size_t n = 0;

	for (size_t i = 0; i < m->move.disks.n; i++) {
		struct disk_job j;

		if (guest_disk_job(m->src, m->record.uuid, m->move.disks.v[i], &j, NULL) == 0 && j.found)
			*ARRAY_ADD(*v, n) = (struct disk_progress) { m->move.disks.v[i], j.total, j.processed };
	}
	return n;
}

uint64_t watch_bandwidth(const struct watch *w, uint64_t mib)
{
	enum { UNLIMITED = INT32_MAX }; /* 2 PiB/s; 0 is a rate of nothing to some libvirt */
	size_t streams = w->widened || !w->m->move.disks.n ? 1 : w->m->move.disks.n;

	if (!mib)
		return UNLIMITED;
	return mib > streams ? mib / streams : 1;
}

/* The disks are there, and memory begins: from now on the whole bandwidth is its. */
static void widen(struct watch *w, const struct job_stats *s)
{
	struct migration *m = w->m;
	struct err err auto_err = ERR_INIT;

	if (w->widened || !s->mem_total)
		return;
	w->widened = true;
	if (w->bandwidth_mib && m->move.disks.n > 1 &&
	    guest_set_max_speed(m->src, m->record.uuid, w->bandwidth_mib, &err) < 0)
		migration_note(m, "the bandwidth stays what it was for one disk: %s", err.msg);
}

void watch_flush(struct watch *w)
{
	struct err err auto_err = ERR_INIT;

	if (w->samples_n && journal_samples_add(w->m->journal, w->m->record.id, w->samples, w->samples_n, &err) < 0)
		log_info("%s", err.msg);
	w->samples_n = 0;
}

/* Four a second, and fewer the longer it takes: some thousand are enough to draw it. */
static void keep_sample(struct watch *w, const struct progress *p)
{
	const struct job_stats *s = &p->stats;

	if (!s->mem_total && !s->disk_total)
		return; /* nothing is being sent yet */
	if (w->sampled_ms && p->elapsed_ms - w->sampled_ms < SAMPLE_MS + p->elapsed_ms / SAMPLES)
		return;
	w->sampled_ms = p->elapsed_ms;
	w->samples[w->samples_n++] = (struct sample_record) {
		.at_ms = clock_wall_ms(),
		.iteration = p->iteration,
		.memory_remaining = s->mem_remaining,
		.memory_processed = s->mem_processed,
		.disk_remaining = s->disk_remaining,
		.disk_processed = s->disk_processed,
		.bps = p->bps,
		.dirty_bps = p->dirty_bps,
		.max_downtime_ms = p->max_downtime_ms,
		.throttle = s->auto_converge_throttle,
		.postcopy = p->postcopy,
	};
	if (w->samples_n == ARRAY_SIZE(w->samples))
		watch_flush(w);
}

static void draw(struct watch *w, struct progress *p)
{
	auto_free struct disk_progress *disks = NULL;

	if (w->drawn_ms && p->elapsed_ms - w->drawn_ms < DRAW_MS)
		return;
	w->drawn_ms = p->elapsed_ms;
	p->disks_n = disk_readings(w->m, &disks);
	p->disks = disks;
	w->m->report->ops->progress(w->m->report, p);
}

/* Has it moved at all? */
static void note_movement(struct watch *w, const struct job_stats *s, int64_t now)
{
	uint64_t processed = s->mem_processed + s->disk_processed;

	if (processed != w->processed || !w->moved_ms)
		w->moved_ms = now;
	w->processed = processed;
	if (processed > w->m->bytes)
		w->m->bytes = processed;
}

/* QEMU's own idea of the rate is good enough while ours is too young. */
static struct converge_reading reading(const struct watch *w, const struct progress *p)
{
	const struct forecast_point *before = foresight_point(w->m);
	const struct job_stats *s = &p->stats;

	return (struct converge_reading) {
		.before_ms = before ? before->ms : 0,
		.before_bytes = before ? before->bytes : 0,
		.at_ms = p->elapsed_ms,
		.iteration = s->mem_total ? p->iteration : 0,
		.remaining = s->mem_remaining,
		.bps = p->bps ? p->bps : s->mem_bps,
		.dirty_bps = p->dirty_bps,
		.throttle = s->auto_converge_throttle,
		.postcopy = w->postcopy,
	};
}

static void say_under_way(struct report *r)
{
	void (*fn)(void *) = r->under_way;

	r->under_way = NULL;
	if (fn)
		fn(r->under_way_arg);
}

void watch_read(struct watch *w)
{
	struct migration *m = w->m;
	int64_t now = clock_ms();
	struct progress p = { .phase = "perform",
			      .elapsed_ms = now - w->begin_ms,
			      .max_downtime_ms = w->converge.limit_ms,
			      .postcopy = w->postcopy };
	struct converge_reading r = { .at_ms = p.elapsed_ms, .postcopy = w->postcopy };
	struct job_stats s;

	if (guest_job(m->src, m->record.uuid, false, &s, NULL) == 0 && s.job == GUEST_JOB_MIGRATION_OUT) {
		say_under_way(m->report);
		note_movement(w, &s, now);
		widen(w, &s);
		meter_read(&w->meter, &s, now, &p);
		keep_sample(w, &p);
		foresight_poll(m, p.bps);
		draw(w, &p);
		r = reading(w, &p);
	}
	steer(w, &r); /* also without statistics: there may be a deadline */
}

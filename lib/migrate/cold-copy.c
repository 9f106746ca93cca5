/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * perform for a guest that is shut off: its parts at the destination are filled through the copy server of the call,
 * several at the same time, verified, and get their names.
 */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "copy/server.h"
#include "migrate/cold-private.h"

enum {
	POLL_MS = 200,
	AWAIT_MS = 500,
	SHOW_MS = 200,
	RETRY_MS = 600000, /* a network that is away for so long: nobody waits for the guest, it is off */
};

/* All who copy for one guest. */
struct copying {
	struct migration *m;
	struct copy_server *server;
	char *way;            /* transport ssh: the socket at the source that leads to the server */
	pthread_mutex_t lock; /* what follows, and reports */
	size_t running;
	bool stop; /* one has failed */
	struct err err;
	int64_t begin_ms, shown_ms;
};

/* One of them. */
struct copier {
	struct copying *c;
	struct cold_file *f;
	unsigned generation;
	pthread_t thread;
	bool threaded;
	bool locked; /* the base it waits for is its own to bring, or there */
};

/* ---- progress ---- */

/* The lock is held. */
static void show(struct copying *c, bool now)
{
	struct migration *m = c->m;
	auto_free struct disk_progress *disks = xcalloc(m->files_n + 1, sizeof(*disks));
	struct progress p = { .phase = "perform", .disks = disks, .eta_ms = -1, .eta_low_ms = -1, .eta_high_ms = -1 };

	if (!now && clock_ms() - c->shown_ms < SHOW_MS)
		return;
	c->shown_ms = clock_ms();
	for (size_t i = 0; i < m->files_n; i++) {
		const struct cold_file *f = &m->files[i];

		if (f->there)
			continue;
		disks[p.disks_n++] = (struct disk_progress) { f->p->disk->target, f->total, f->done };
		p.stats.disk_total += f->total;
		p.stats.disk_processed += f->done;
	}
	p.stats.disk_remaining = p.stats.disk_total - p.stats.disk_processed;
	p.elapsed_ms = c->shown_ms - c->begin_ms;
	if (p.elapsed_ms > 0 && m->bytes)
		p.bps = m->bytes * 1000 / (uint64_t)p.elapsed_ms;
	if (p.bps)
		p.eta_ms = p.eta_low_ms = p.eta_high_ms = (int64_t)(p.stats.disk_remaining * 1000 / p.bps);
	if (p.stats.disk_total)
		p.percent = (unsigned)((double)p.stats.disk_processed * 99 / (double)p.stats.disk_total);
	m->report->ops->progress(m->report, &p);
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct copier *k = arg;

	pthread_mutex_lock(&k->c->lock);
	if (k->f->total == total && done > k->f->done)
		k->c->m->bytes += done - k->f->done;
	k->f->done = done;
	k->f->total = total;
	show(k->c, done == total);
	pthread_mutex_unlock(&k->c->lock);
}

static void on_note(void *arg, const char *text)
{
	struct copier *k = arg;

	pthread_mutex_lock(&k->c->lock);
	migration_note(k->c->m, "%s: %s", k->f->p->dst_path, text);
	pthread_mutex_unlock(&k->c->lock);
}

/* ---- the way ---- */

static bool is_stopped(struct copying *c)
{
	bool stop;

	pthread_mutex_lock(&c->lock);
	stop = c->stop;
	pthread_mutex_unlock(&c->lock);
	return stop || interrupt_pending();
}

static int on_where(void *arg, struct copy_where *w, struct err *err)
{
	struct copier *k = arg;
	struct copying *c = k->c;

	if (is_stopped(c))
		return err_set(err, E_CANCELLED, 0, "interrupted while it was copied");
	if (copy_server_where(c->server, k->f->part, w, &k->generation, err) < 0)
		return -1;
	pthread_mutex_lock(&c->lock);
	free(w->address);
	w->address = xstrdup(c->way ? c->way : c->m->facts.connection.port_address);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static void on_sent(void *arg, bool came)
{
	copy_server_sent(((struct copier *)arg)->c->server, came);
}

static int make_way(struct copying *c, struct err *err)
{
	auto_free char *socket = copy_server_socket(c->server);

	return socket ? tunnel_backing_begin(c->m, socket, &c->way, err) : 0;
}

/* The sessions of this guest first. Then the server, and the way to it. The lock is held. */
static int mend(struct copying *c, unsigned generation, struct err *err)
{
	int rc = cold_mend(c->m, err);

	if (rc)
		return rc;
	rc = copy_server_mend(c->server, generation, err);
	if (rc == 0 && c->way && make_way(c, NULL) < 0)
		return 1;
	return rc;
}

static int on_mend(void *arg, struct err *err)
{
	struct copier *k = arg;
	int rc;

	if (is_stopped(k->c))
		return err_set(err, E_CANCELLED, 0, "interrupted while it was copied");
	pthread_mutex_lock(&k->c->lock);
	rc = mend(k->c, k->generation, err);
	pthread_mutex_unlock(&k->c->lock);
	return rc;
}

/* ---- perform ---- */

static int lock_step(void *arg, struct err *err)
{
	struct copier *k = arg;
	int rc = cold_base_lock(k->c->m, k->f, err);

	k->locked = rc > 0;
	return rc < 0 ? -1 : 0;
}

/* Reads a whole file: not under the lock of those who copy. */
static int look_step(void *arg, struct err *err)
{
	struct copier *k = arg;
	int rc = cold_base_look(k->c->m, k->f, err);

	if (rc < 0)
		return -1;
	pthread_mutex_lock(&k->c->lock);
	k->f->there = rc > 0;
	pthread_mutex_unlock(&k->c->lock);
	return 0;
}

static int open_step(void *arg, struct err *err)
{
	struct copier *k = arg;
	int rc;

	pthread_mutex_lock(&k->c->lock);
	rc = cold_part_open(k->c->m, k->f, err);
	pthread_mutex_unlock(&k->c->lock);
	return rc;
}

/* A base that others bring: there when they let go of it; else it is ours to bring. */
static int await(struct copier *k, const struct copy_link *link, struct err *err)
{
	k->locked = false;
	while (!k->locked) {
		if (is_stopped(k->c) || interrupt_pause(AWAIT_MS))
			return err_set(err, E_CANCELLED, 0, "interrupted while a backing file was waited for");
		if (copy_insist(link, lock_step, k, err) < 0)
			return -1;
	}
	if (copy_insist(link, look_step, k, err) < 0)
		return -1;
	return k->f->there ? 0 : copy_insist(link, open_step, k, err);
}

static int finish_step(void *arg, struct err *err)
{
	struct copier *k = arg;

	return cold_part_finish(k->c->m, k->f, err);
}

/* Those who wait for a base need not wait for the rest of this guest. */
static int publish_step(void *arg, struct err *err)
{
	struct copier *k = arg;
	int rc;

	if (k->f->p->fate != IMAGE_FETCHED)
		return 0;
	pthread_mutex_lock(&k->c->lock);
	rc = cold_publish(k->c->m, k->f, err);
	pthread_mutex_unlock(&k->c->lock);
	return rc;
}

static struct copy_link link_of(struct copier *k)
{
	return (struct copy_link) { .retry_ms = RETRY_MS,
				    .where = on_where,
				    .sent = on_sent,
				    .mend = on_mend,
				    .progress = on_progress,
				    .note = on_note,
				    .arg = k };
}

static int copy_one(struct copier *k, struct err *err)
{
	const struct copy_link link = link_of(k);
	struct migration *m = k->c->m;
	struct cold_file *f = k->f;

	if (f->awaited && await(k, &link, err) < 0)
		return -1;
	if (f->there)
		return 0;
	if (copy_send(m->src, m->dst, &f->copy, &link, err) < 0 ||
	    copy_verify(m->src, m->dst, &f->copy, &link, err) < 0 || copy_insist(&link, finish_step, k, err) < 0)
		return -1;
	return copy_insist(&link, publish_step, k, err);
}

/* The next one that nobody is at; those that others bring come last, when all that we hold is on its way. */
static struct cold_file *next_of(struct migration *m, bool awaited)
{
	for (size_t i = 0; i < m->files_n; i++) {
		struct cold_file *f = &m->files[i];

		if (!f->taken && !f->there && f->awaited == awaited)
			return f;
	}
	return NULL;
}

static struct cold_file *take_next(struct copying *c)
{
	struct cold_file *f = NULL;

	pthread_mutex_lock(&c->lock);
	if (!c->stop) {
		f = next_of(c->m, false);
		f = f ? f : next_of(c->m, true);
	}
	if (f)
		f->taken = true;
	pthread_mutex_unlock(&c->lock);
	return f;
}

/* What the others are at is of no use any more. The lock is held. */
static void stop_all(struct copying *c)
{
	c->stop = true;
	if (c->m->scope)
		interrupt_ask(c->m->scope); /* the undo acknowledges it */
}

static void *copier_main(void *arg)
{
	struct copier *k = arg;
	struct copying *c = k->c;

	while ((k->f = take_next(c))) {
		struct err err auto_err = ERR_INIT;
		int rc = copy_one(k, &err);

		pthread_mutex_lock(&c->lock);
		if (rc < 0) {
			stop_all(c);
			/* the first one that is a reason stays */
			if (!c->err.id || (err_is(&c->err, E_CANCELLED) && !err_is(&err, E_CANCELLED))) {
				err_clear(&c->err);
				err_move(&c->err, &err);
				err_wrap(&c->err, "disk %s", k->f->p->disk->target);
			}
		}
		pthread_mutex_unlock(&c->lock);
	}
	pthread_mutex_lock(&c->lock);
	c->running--;
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static bool copiers_run(struct copying *c)
{
	bool run;

	pthread_mutex_lock(&c->lock);
	run = c->running > 0;
	pthread_mutex_unlock(&c->lock);
	return run;
}

static void run_copiers(struct copying *c)
{
	size_t n = copy_server_streams(c->server);
	struct copier *v;

	if (n > c->m->files_n)
		n = c->m->files_n;
	v = xcalloc(n + 1, sizeof(*v));
	c->running = n;
	for (size_t i = 0; i < n; i++) {
		v[i].c = c;
		v[i].threaded = interrupt_thread(&v[i].thread, NULL, copier_main, &v[i]) == 0;
		if (!v[i].threaded)
			copier_main(&v[i]);
	}
	while (copiers_run(c))
		usleep(POLL_MS * 1000);
	for (size_t i = 0; i < n; i++)
		if (v[i].threaded)
			pthread_join(v[i].thread, NULL);
	free(v);
}

static struct strv part_names(const struct migration *m)
{
	struct strv names = { 0 };

	for (size_t i = 0; i < m->files_n; i++)
		if (!m->files[i].there)
			strv_add(&names, m->files[i].part);
	return names;
}

static bool was_retried(const struct migration *m)
{
	for (size_t i = 0; i < m->files_n; i++)
		if (m->files[i].copy.retried)
			return true;
	return false;
}

struct leaving {
	struct copying *c;
	bool at_once;
};

/* A base may yet be wanted by another guest, when this one has not brought it. */
static int leave_step(void *arg, struct err *err)
{
	struct leaving *l = arg;
	struct migration *m = l->c->m;
	struct strv own auto_strv = { 0 };

	for (size_t i = 0; i < m->files_n; i++)
		if (m->files[i].p->fate == IMAGE_COPIED)
			strv_add(&own, m->files[i].part);
	return copy_server_drop(l->c->server, &own, l->at_once, err);
}

static int leave_server(struct copying *c, bool at_once, struct err *err)
{
	struct copy_link link = cold_link(c->m);

	link.retry_ms = RETRY_MS;
	return copy_insist(&link, leave_step, &(struct leaving) { c, at_once }, err);
}

static int copy_all(struct migration *m, const struct strv *parts, struct err *err)
{
	struct copying c = { .m = m, .lock = PTHREAD_MUTEX_INITIALIZER, .begin_ms = clock_ms() };
	int rc;

	c.server = m->share->wait(m->share, m, parts, err);
	if (!c.server)
		return -1;
	c.begin_ms = clock_ms();
	if (m->report->under_way) /* --detach */
		m->report->under_way(m->report->under_way_arg);
	m->report->under_way = NULL;
	rc = make_way(&c, &c.err);
	if (rc == 0)
		run_copiers(&c);
	tunnel_backing_end(m);
	free(c.way);
	if (c.err.id) {
		err_move(err, &c.err);
		rc = -1;
	}
	/* a sender that was given up must not write into what the guest runs on soon */
	if (leave_server(&c, rc == 0 && was_retried(m), rc == 0 ? err : NULL) < 0)
		rc = -1;
	err_clear(&c.err);
	return rc;
}

static int publish_all_step(void *arg, struct err *err)
{
	struct migration *m = arg;

	for (size_t i = 0; i < m->files_n; i++)
		if (cold_publish(m, &m->files[i], err) < 0)
			return -1;
	return 0;
}

/* All are there, and the same as the source's: now they get their names. */
static int publish_all(struct migration *m, struct err *err)
{
	struct copy_link link = cold_link(m);

	link.retry_ms = RETRY_MS;
	return copy_insist(&link, publish_all_step, m, err);
}

int perform_cold_run(struct migration *m, struct err *err)
{
	struct strv parts auto_strv = part_names(m);

	m->record.status = MIG_ACTIVE;
	migration_journal(m);
	if (parts.n && copy_all(m, &parts, err) < 0)
		return -1;
	if (interrupt_pending())
		return err_set(err, E_CANCELLED, 0, "interrupted before the disks got their names");
	return publish_all(m, err);
}

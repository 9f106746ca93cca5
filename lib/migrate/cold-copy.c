/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prepare and perform for a guest that is shut off: each of its files that is to move has a part at the destination,
 * which is filled through the copy server of the call, several at the same time, and verified. Files get their names
 * only when all of them are there. So until then a vmmig that comes later goes on with what has come.
 */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "copy/server.h"
#include "migrate/migrate.h"

enum {
	POLL_MS = 200,
	SHOW_MS = 200,
	RETRY_MS = 600000, /* a network that is away for so long: nobody waits for the guest, it is off */
};

struct cold_file {
	const struct image_plan *p;
	struct copy_file copy;
	char *part;   /* or the path of the block device it is written to */
	bool awaited; /* another vmmig, or another guest of this call, brings it: a base of both */
	bool there;   /* nothing is to be done any more */
	bool finished;
	struct file_id id; /* of a finished one */
	size_t made;       /* its place in m->made, plus one; 0: none */
	uint64_t done, total;
};

/* All who copy for one guest. */
struct copying {
	struct migration *m;
	struct copy_server *server;
	char *way;            /* transport ssh: the socket at the source that leads to the server */
	pthread_mutex_t lock; /* what follows, and reports */
	size_t next, running;
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
};

/* ---- prepare ---- */

static bool is_listed(const struct migration *m, const char *dst_path)
{
	for (size_t i = 0; i < m->files_n; i++)
		if (str_eq(m->files[i].p->dst_path, dst_path))
			return true;
	return false;
}

/* Lowest first: a file gets its name after its backing file. */
static void list_files(struct migration *m)
{
	const struct images *im = &m->facts.images;

	for (size_t i = im->n; i-- > 0;) {
		const struct image_plan *p = &im->v[i];
		bool device = p->image->source == DISK_BLOCK;
		struct cold_file *f;

		if ((p->fate != IMAGE_COPIED && p->fate != IMAGE_FETCHED) || is_listed(m, p->dst_path) ||
		    (p->fate == IMAGE_FETCHED && (p->same == FACT_YES || device)))
			continue;
		f = ARRAY_ADD(m->files, m->files_n);
		f->p = p;
		f->part = device ? xstrdup(p->dst_path) : file_part_name(p->dst_path);
		f->total = p->src.allocated;
	}
	/* the array has moved while it grew */
	for (size_t i = 0; i < m->files_n; i++)
		m->files[i].copy = (struct copy_file) { .path = m->files[i].p->image->path,
							.src = &m->files[i].p->src,
							.part = m->files[i].part,
							.device = m->files[i].p->image->source == DISK_BLOCK,
							.machine_id = m->facts.src.machine_id };
}

/* What only this guest writes is only ours. One lock for all of them. */
static int lock_own(struct migration *m, struct err *err)
{
	auto_free const char **names = xcalloc(m->files_n + 1, sizeof(*names));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < m->files_n; i++)
		if (m->files[i].p->fate == IMAGE_COPIED)
			names[n++] = m->files[i].part;
	if (!n)
		return 0;
	rc = files_lock(m->dst, true, names, &m->copy_locks, err);
	if (rc < 0)
		return err_wrap(err, "%s", host_label(m->dst));
	return rc ? err_set(err, E_BUSY, 0, "%s: another vmmig copies to %s", host_label(m->dst), names[0]) : 0;
}

static int open_part(struct migration *m, struct cold_file *f, struct err *err)
{
	if (!f->copy.device) {
		if (!made_intend(m, f->p->fate == IMAGE_COPIED ? MADE_COPY : MADE_BACKING, f->p->dst_path, err))
			return -1;
		f->made = m->made_n;
	}
	if (copy_open(m->src, m->dst, &f->copy, err) < 0)
		return -1;
	if (f->copy.resumed)
		migration_note(m, "%s: going on with what an earlier attempt has left", f->p->dst_path);
	return 0;
}

/* 1: it is ours to bring; 0: others do. */
static int lock_base(struct migration *m, struct cold_file *f, struct err *err)
{
	const char *names[] = { f->part, NULL };
	struct exec_hold *lock = NULL;
	int rc = files_lock(m->dst, true, names, &lock, err);

	if (rc < 0)
		return err_wrap(err, "%s", host_label(m->dst));
	if (rc == 0)
		*ARRAY_ADD(m->base_locks, m->base_locks_n) = lock;
	return !rc;
}

/* Under its lock. */
static int open_base(struct migration *m, struct cold_file *f, struct err *err)
{
	int rc = fetch_there_meanwhile(m, f->p, err);

	f->there = rc > 0;
	return rc ? (rc < 0 ? -1 : 0) : open_part(m, f, err);
}

static int prepare_one(struct migration *m, struct cold_file *f, struct err *err)
{
	int rc;

	if (f->p->fate == IMAGE_COPIED)
		return open_part(m, f, err);
	if (fetch_by_service(m, f->p)) { /* which falls back to the source, unless the configuration forbids it */
		rc = fetch_one(m, f->p, err);
		f->there = rc == 0;
		return rc;
	}
	rc = lock_base(m, f, err);
	f->awaited = rc == 0;
	return rc > 0 ? open_base(m, f, err) : rc;
}

int prepare_cold_run(struct migration *m, struct err *err)
{
	if (prepare_directories(m, err) < 0 || fetch_lock_use(m, err) < 0)
		return -1;
	list_files(m);
	if (lock_own(m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->files_n; i++) {
		if (interrupt_pending())
			return err_set(err, E_CANCELLED, 0, "interrupted while the disks were prepared");
		if (prepare_one(m, &m->files[i], err) < 0)
			return -1;
	}
	return 0;
}

void cold_files_release(struct migration *m)
{
	for (size_t i = 0; i < m->files_n; i++) {
		copy_file_clear(&m->files[i].copy);
		free(m->files[i].part);
	}
	free(m->files);
	m->files = NULL;
	m->files_n = 0;
	host_hold_end(STEAL(m->copy_locks));
	for (size_t i = 0; i < m->base_locks_n; i++)
		host_hold_end(m->base_locks[i]);
	free(m->base_locks);
	m->base_locks = NULL;
	m->base_locks_n = 0;
}

void prepare_cold_undo(struct migration *m)
{
	prepare_block_undo(m);
}

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

static void on_sent(void *arg)
{
	copy_server_sent(((struct copier *)arg)->c->server);
}

static int make_way(struct copying *c, struct err *err)
{
	auto_free char *socket = copy_server_socket(c->server);

	return socket ? tunnel_backing_begin(c->m, socket, &c->way, err) : 0;
}

/* A session that died may hold them for a while yet: 1. */
static int held_again(struct migration *m, bool new_dst, struct err *err)
{
	struct err why auto_err = ERR_INIT;
	int rc = migration_keep_lease(m, &why);

	if (rc == 0 && new_dst) {
		host_hold_end(STEAL(m->copy_locks));
		host_hold_end(STEAL(m->use_locks));
		rc = fetch_lock_use(m, &why);
		if (rc == 0)
			rc = lock_own(m, &why);
		m->copy_locks_lost = rc < 0;
	}
	if (rc < 0 && err_is(&why, E_BUSY))
		return 1;
	if (rc < 0)
		err_move(err, &why);
	return rc;
}

/* Sessions of this guest, with what they held: lease and locks. Then the server, and the way to it. The lock is held.
 */
static int mend(struct copying *c, unsigned generation, struct err *err)
{
	struct migration *m = c->m;
	int src = host_reopen(m->src, NULL), dst = host_reopen(m->dst, NULL), rc;

	m->lease_lost |= src == 1;
	m->copy_locks_lost |= dst == 1;
	if (src < 0 || dst < 0)
		return 1;
	rc = held_again(m, m->copy_locks_lost, err);
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

/* A base that others bring: there when they let go of it. */
static int await(struct copying *c, struct cold_file *f, struct err *err)
{
	for (;;) {
		int rc;

		if (is_stopped(c))
			return err_set(err, E_CANCELLED, 0, "interrupted while a backing file was waited for");
		pthread_mutex_lock(&c->lock);
		rc = lock_base(c->m, f, err);
		if (rc > 0)
			rc = open_base(c->m, f, err) < 0 ? -1 : 1;
		pthread_mutex_unlock(&c->lock);
		if (rc)
			return rc < 0 ? -1 : 0;
		usleep(500000);
	}
}

static int finish_part(struct migration *m, struct cold_file *f, struct err *err)
{
	const struct image_plan *below = image_below(&m->facts.images, f->p);
	bool rebased = image_digest_kind(&m->facts.images, f->p) == DIGEST_QCOW2_REBASED;
	auto_free char *backing = rebased ? image_backing_name(&m->facts.images, f->p) : NULL;
	struct file_like like = file_like(&f->p->src);

	if (part_finish(m->dst, f->part, &like, backing, below && below->info ? below->info->format : "raw", true,
			&f->id, err) < 0)
		return err_wrap(err, "%s: %s", host_label(m->dst), f->p->dst_path);
	f->finished = true;
	return 0;
}

static int copy_one(struct copier *k, struct err *err)
{
	const struct copy_link link = {
		.where = on_where, .sent = on_sent, .mend = on_mend, .progress = on_progress, .note = on_note, .arg = k
	};
	struct migration *m = k->c->m;
	struct cold_file *f = k->f;

	if (f->awaited && await(k->c, f, err) < 0)
		return -1;
	if (f->there)
		return 0;
	if (copy_send(m->src, m->dst, &f->copy, &link, err) < 0 || copy_verify(m->src, m->dst, &f->copy, err) < 0)
		return -1;
	return f->copy.device ? 0 : finish_part(m, f, err);
}

static struct cold_file *take_next(struct copying *c)
{
	struct migration *m = c->m;
	struct cold_file *f = NULL;

	pthread_mutex_lock(&c->lock);
	if (!c->stop && c->next < m->files_n)
		f = &m->files[c->next++];
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

/* Requests of other terminals: the lock keeps reports apart. */
static bool copiers_run(struct copying *c)
{
	bool run;

	pthread_mutex_lock(&c->lock);
	run = c->running > 0;
	if (run && control_poll_cold(c->m) && !c->stop) {
		err_set(&c->err, E_CANCELLED, 0, "stopped, as was asked; the guest is as before at %s",
			host_label(c->m->src));
		c->m->stop_asked = E_CANCELLED;
		stop_all(c);
	}
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

static int copy_all(struct migration *m, const struct strv *parts, struct err *err)
{
	struct copying c = { .m = m, .lock = PTHREAD_MUTEX_INITIALIZER, .begin_ms = clock_ms() };
	int rc = 0;

	c.server = m->share->wait(m->share, m, parts, err);
	if (!c.server)
		return -1;
	c.begin_ms = clock_ms();
	if (m->report->under_way) /* --detach */
		m->report->under_way(m->report->under_way_arg);
	m->report->under_way = NULL;
	if (make_way(&c, err) < 0)
		return -1;
	run_copiers(&c);
	tunnel_backing_end(m);
	free(c.way);
	if (c.err.id) {
		err_move(err, &c.err);
		rc = -1;
	}
	err_clear(&c.err);
	return rc;
}

/* All are there, and the same as the source's: now they get their names. */
static int publish_all(struct migration *m, struct err *err)
{
	for (size_t i = 0; i < m->files_n; i++) {
		struct cold_file *f = &m->files[i];

		if (f->finished && made_publish(m, &m->made[f->made - 1], f->id, err) < 0)
			return -1;
	}
	return 0;
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

int cold_files_unchanged(struct migration *m, struct err *err)
{
	for (size_t i = 0; i < m->files_n; i++) {
		const struct cold_file *f = &m->files[i];

		if (f->p->fate == IMAGE_COPIED && copy_unchanged(m->src, f->p->image->path, &f->p->src, err) < 0)
			return -1;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Backing files (and other files that are not written) that the destination lacks: from an image service or from the
 * source host, in the configured order. A file appears under its name only when it is complete and has the content of
 * the source's. Two locks on its name keep several vmmig apart: one for whoever fetches it, and one that everybody
 * shares who relies on it.
 */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "copy/copy.h"
#include "domain/metadata.h"
#include "migrate/migrate.h"
#include "migrate/service.h"

enum {
	WAIT_MS = 500, /* between two tries for a lock */
};

struct fetch {
	struct migration *m;
	const struct image_plan *p;
	char *part;                     /* its name while it is on its way */
	char *backing, *backing_format; /* what its header has to name, when that changes */
	char digest[DIGEST_HEX + 1];    /* of the source's file, every byte */
	pthread_t digest_thread;
	bool digest_running;
	struct err digest_err;
	struct exec_hold *lock; /* nobody else fetches it */
	struct receiver receiver;
	char *way; /* transport ssh: the socket at the source that leads to the receiver */
	int64_t begin_ms;
};

static void note(void *arg, const char *text)
{
	struct fetch *f = arg;

	migration_note(f->m, "%s: %s", f->p->dst_path, text);
}

static int interrupted(struct err *err)
{
	return err_set(err, E_CANCELLED, 0, "interrupted while a backing file was fetched");
}

/* ---- locks ---- */

static int lock_fetch(struct fetch *f, struct err *err)
{
	const char *names[] = { f->part, NULL };
	bool told = false;
	int rc;

	while ((rc = files_lock(f->m->dst, true, names, &f->lock, err)) == 1) {
		if (!told)
			note(f, "another vmmig is fetching it; waiting");
		told = true;
		if (interrupt_pause(WAIT_MS))
			return interrupted(err);
	}
	return rc < 0 ? err_wrap(err, "%s", host_label(f->m->dst)) : 0;
}

/* Held to the end of the migration: while it is, nobody's undo removes what this guest will stand on. */
int fetch_lock_use(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;
	int rc;

	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].fate == IMAGE_FETCHED && !strv_has(&m->relied_on, im->v[i].dst_path))
			strv_add(&m->relied_on, im->v[i].dst_path);
	if (!m->relied_on.n)
		return 0;
	while ((rc = files_lock(m->dst, false, (const char *const *)m->relied_on.v, &m->use_locks, err)) == 1)
		if (interrupt_pause(WAIT_MS))
			return interrupted(err);
	return rc < 0 ? err_wrap(err, "%s", host_label(m->dst)) : 0;
}

/* ---- the source's digest, taken while the data is on its way ---- */

static void *digest_main(void *arg)
{
	struct fetch *f = arg;
	const struct image_plan *p = f->p;

	digest_cached(f->m->src, p->image->path, &p->src, DIGEST_ALL, 0, &f->m->digests, f->digest, &f->digest_err);
	return NULL;
}

static void digest_begin(struct fetch *f)
{
	f->digest_running = interrupt_thread(&f->digest_thread, NULL, digest_main, f) == 0;
	if (!f->digest_running)
		digest_main(f);
}

static int digest_end(struct fetch *f, struct err *err)
{
	if (f->digest_running)
		pthread_join(f->digest_thread, NULL);
	f->digest_running = false;
	return f->digest_err.id ? err_copy(err, &f->digest_err) : 0;
}

static int verify(struct fetch *f, struct err *err)
{
	char hex[DIGEST_HEX + 1];

	if (digest_end(f, err) < 0)
		return err_wrap(err, "%s", host_label(f->m->src));
	if (file_digest(f->m->dst, f->part, DIGEST_ALL, 0, hex, err) < 0)
		return err_wrap(err, "%s", host_label(f->m->dst));
	if (strcmp(hex, f->digest) == 0)
		return 0;
	return err_set(err, E_FETCH, 0,
		       "what came has another content than the source's file: SHA-256 %.12s…, not %.12s…", hex,
		       f->digest);
}

/* ---- from the source host ---- */

static void show(void *arg, uint64_t done, uint64_t total)
{
	struct fetch *f = arg;
	struct disk_progress disk = { f->p->disk->target, total, done };
	struct progress p = {
		.phase = "prepare",
		.disks = &disk,
		.disks_n = 1,
		.elapsed_ms = clock_ms() - f->begin_ms,
		.eta_ms = -1,
		.eta_low_ms = -1,
		.eta_high_ms = -1,
		.stats = { .disk_total = total, .disk_processed = done, .disk_remaining = total - done },
	};

	if (p.elapsed_ms > 0 && done) {
		p.bps = done * 1000 / (uint64_t)p.elapsed_ms;
		p.eta_ms = p.bps ? (int64_t)(p.stats.disk_remaining * 1000 / p.bps) : -1;
		p.eta_low_ms = p.eta_high_ms = p.eta_ms; /* a file does not change */
		if (total)
			p.percent = (unsigned)((double)done * 99 / (double)total);
	}
	f->m->report->ops->progress(f->m->report, &p);
}

/* Through the tunnel: the way to the receiver's socket. */
static int connect_tunnel(struct fetch *f, const struct receiver *r, struct err *err)
{
	return r->socket ? tunnel_backing_begin(f->m, r->socket, &f->way, err) : 0;
}

static int receive(struct fetch *f, struct receiver *r, struct err *err)
{
	const struct connection_proof *c = &f->m->facts.connection;
	const struct host_facts *dst = &f->m->facts.dst;
	const char *any = c->port_address && strchr(c->port_address, ':') ? "::" : NULL;

	if (f->m->opt->transport == TRANSPORT_SSH)
		any = "unix";
	if (receiver_begin(f->m->dst, f->part, any, dst->port_min, dst->port_max, r, err) < 0)
		return err_wrap(err, "%s", host_label(f->m->dst));
	return connect_tunnel(f, r, err);
}

/*
 * What a session held has gone with it: locks, lease, receiver. They have to be ours again before anything is written;
 * a host that does not answer yet is for the next try.
 */
static int mend(void *arg, struct err *err)
{
	struct fetch *f = arg;
	struct receiver *r = &f->receiver;
	struct migration *m = f->m;
	int src = host_reopen(m->src, NULL), dst = host_reopen(m->dst, NULL);

	m->lease_lost |= src == 1;
	if (src < 0 || dst < 0)
		return 1;
	if (migration_keep_lease(m, err) < 0)
		return -1;
	if (dst == 0) /* the tunnel has gone with its session, or with the link: it is made anew */
		return connect_tunnel(f, r, NULL) < 0 ? 1 : 0;
	host_hold_end(STEAL(f->lock));
	host_hold_end(STEAL(m->use_locks));
	receiver_end(r);
	if (fetch_lock_use(m, err) < 0 || lock_fetch(f, err) < 0)
		return -1;
	return receive(f, r, err);
}

static int where(void *arg, struct copy_where *w, struct err *err)
{
	struct fetch *f = arg;

	(void)err;
	*w = (struct copy_where) {
		.address = xstrdup(f->way ? f->way : f->m->facts.connection.port_address),
		.key = xstrdup(f->receiver.key),
		.export_name = xstrdup(RECEIVER_EXPORT),
		.port = f->receiver.port,
		.bandwidth_mib = f->m->opt->bandwidth_mib,
	};
	return 0;
}

static int send_all(struct fetch *f, struct copy_file *c, struct err *err)
{
	const struct copy_link link = { .where = where, .mend = mend, .progress = show, .note = note, .arg = f };
	int rc = receive(f, &f->receiver, err);

	f->begin_ms = clock_ms();
	if (rc == 0)
		rc = copy_send(f->m->src, f->m->dst, c, &link, err);
	if (rc == 0)
		rc = copy_verify(f->m->src, f->m->dst, c, &link, err);
	tunnel_backing_end(f->m);
	receiver_end(&f->receiver);
	return rc;
}

static int from_source(struct fetch *f, struct err *err)
{
	struct copy_file c = {
		.path = f->p->image->path, .src = &f->p->src, .part = f->part, .machine_id = f->m->facts.src.machine_id
	};
	struct err why auto_err = ERR_INIT;
	int rc = copy_open(f->m->src, f->m->dst, &c, &why);

	if (rc == 0 && c.resumed)
		note(f, "going on with what an earlier attempt has left");
	if (rc == 0)
		rc = send_all(f, &c, &why);
	copy_file_clear(&c);
	if (rc < 0 && (err_is(&why, E_COPY) || err_is(&why, E_SOURCE_CHANGED)))
		return err_set(err, E_FETCH, 0, "%s", why.msg);
	if (rc < 0)
		err_move(err, &why);
	return rc;
}

/* ---- from an image service ---- */

/* 1: it has nothing for this file. */
static int from_service(struct fetch *f, struct err *err)
{
	bool lowest = !image_below(&f->m->facts.images, f->p);
	bool root = f->p->disk == &f->m->domain->disks[0];
	auto_free char *xml = root && lowest ? guest_xml(f->m->src, f->m->record.uuid, GUEST_XML_NOW, NULL) : NULL;
	auto_free char *id = xml ? domain_image_id(xml) : NULL;
	struct service_want want = {
		.path = f->p->dst_path,
		.src_path = f->p->image->path,
		.image_id = id,
		.format = f->p->info->format,
	};
	struct buf marks auto_buf = { 0 };
	struct file_id part;
	int rc;

	if (!f->m->opt->images || !lowest ||
	    (!service_match(f->m->opt->images, &want) && !(id && f->m->opt->images->glance_url)))
		return 1;
	/* a part that came from the source is no beginning of this */
	if (part_open(f->m->dst, f->part, "from the image service", 0, &part, &marks, err) < 0)
		return err_wrap(err, "%s: %s", host_label(f->m->dst), f->part);
	rc = service_fetch(f->m->opt->images, f->m->dst, &want, f->part, note, f, err);
	if (rc != 0)
		return rc;
	digest_begin(f);
	return verify(f, err);
}

static int try_one(struct fetch *f, bool service, struct err *err)
{
	int rc = service ? from_service(f, err) : from_source(f, err);

	if (rc == 0)
		note(f, service ? "fetched from the image service" : "fetched from the source");
	return rc;
}

/* The configured order; what fails first stays to be told when nothing else helps. */
static int fetch_content(struct fetch *f, struct err *err)
{
	const char *order = f->m->opt->images ? f->m->opt->images->backing_from : "source-only";
	bool service_first = str_starts(order, "service");
	bool only = strstr(order, "-only");
	struct err second auto_err = ERR_INIT;
	int rc = try_one(f, service_first, err);

	if (rc == 0 || (rc < 0 && err_is(err, E_CANCELLED)))
		return rc;
	if (rc < 0)
		note(f, err->msg);
	if (!only) {
		if (try_one(f, !service_first, &second) == 0) {
			err_clear(err);
			return 0;
		}
		if (!err->id)
			err_move(err, &second);
	}
	if (!err->id) {
		err_set(err, E_FETCH, 0, "%s: %s is missing, and no image service has it", host_label(f->m->dst),
			f->p->dst_path);
		err_hint_text(err, "name it in the list backing of vmmig.conf, or let backing_from take it from the "
				   "source");
	}
	return -1;
}

/* ---- one file ---- */

static int finish(struct fetch *f, struct made *d, struct err *err)
{
	struct file_like like = file_like(&f->p->src);
	struct file_id id;

	if (part_finish(f->m->dst, f->part, &like, f->backing, f->backing_format, false, &id, err) < 0)
		return err_wrap(err, "%s: %s", host_label(f->m->dst), f->p->dst_path);
	return made_publish(f->m, d, id, err);
}

/* Under the lock. */
int fetch_there_meanwhile(struct migration *m, const struct image_plan *p, struct err *err)
{
	struct file_fact fact = { 0 };
	char a[DIGEST_HEX + 1], b[DIGEST_HEX + 1];
	enum digest_kind kind = image_digest_kind(&m->facts.images, p);
	const char *paths[] = { p->dst_path };
	int rc = files_stat(m->dst, paths, 1, &fact, err);

	if (rc == 0 && fact.present == FACT_YES) {
		rc = -1;
		if (digest_cached(m->src, p->image->path, &p->src, kind, p->info->cluster_size, &m->digests, a, err) ==
			    0 &&
		    digest_cached(m->dst, p->dst_path, &fact, kind, p->info->cluster_size, &m->digests, b, err) == 0)
			rc = strcmp(a, b) == 0 ? 1
					       : err_set(err, E_FETCH, 0, "%s: %s has appeared with another content",
							 host_label(m->dst), p->dst_path);
	}
	file_fact_clear(&fact);
	return rc;
}

static int fetch_locked(struct fetch *f, struct err *err)
{
	int rc = fetch_there_meanwhile(f->m, f->p, err);
	struct made *d;

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	d = made_intend(f->m, MADE_BACKING, f->p->dst_path, err);
	return d && fetch_content(f, err) == 0 ? finish(f, d, err) : -1;
}

int fetch_one(struct migration *m, const struct image_plan *p, struct err *err)
{
	const struct image_plan *below = image_below(&m->facts.images, p);
	struct fetch f = { .m = m, .p = p, .part = file_part_name(p->dst_path) };
	int rc = -1;

	if (!p->info) {
		err_set(err, E_FETCH, 0, "%s: nothing is known of %s", host_label(m->src), p->image->path);
	} else {
		if (image_digest_kind(&m->facts.images, p) == DIGEST_QCOW2_REBASED) {
			f.backing = image_backing_name(&m->facts.images, p);
			f.backing_format = xstrdup(below && below->info ? below->info->format : "raw");
		}
		rc = lock_fetch(&f, err);
		if (rc == 0)
			rc = fetch_locked(&f, err);
		interrupt_hold(true); /* it is waited for: undo takes the same lock */
		host_hold_end(f.lock);
		interrupt_hold(false);
	}
	free(f.part);
	free(f.way);
	free(f.backing);
	free(f.backing_format);
	err_clear(&f.digest_err);
	return rc;
}

/* ---- all of them ---- */

bool fetch_by_service(struct migration *m, const struct image_plan *p)
{
	const char *order = m->opt->images ? m->opt->images->backing_from : "source-only";
	struct service_want want = { .path = p->dst_path, .src_path = p->image->path };

	if (str_eq(order, "service-only"))
		return true;
	return str_starts(order, "service") && !image_below(&m->facts.images, p) && p->info &&
	       (service_match(m->opt->images, &want) || m->opt->images->glance_url);
}

int fetch_backing(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;
	struct strv done auto_strv = { 0 };

	if (fetch_lock_use(m, err) < 0)
		return -1;
	/* lowest first: an image's backing file is there when its own comes */
	for (size_t i = im->n; i-- > 0;) {
		const struct image_plan *p = &im->v[i];
		const char *paths[] = { p->dst_path };
		struct file_fact now = { 0 };
		bool there;

		if (p->fate != IMAGE_FETCHED || strv_has(&done, p->dst_path))
			continue;
		if (files_stat(m->dst, paths, 1, &now, err) < 0)
			return err_wrap(err, "%s", host_label(m->dst));
		/* proven before, and still that file */
		there = p->same == FACT_YES && file_id_eq(now.id, p->dst.id) && now.size == p->dst.size &&
			now.mtime_ns == p->dst.mtime_ns;
		file_fact_clear(&now);
		if (!there && fetch_one(m, p, err) < 0)
			return -1;
		strv_add(&done, p->dst_path);
	}
	return 0;
}

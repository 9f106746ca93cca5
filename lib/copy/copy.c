/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "copy/copy.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"

enum {
	RETRY_MS = 60000,      /* a piece whose way broke is tried again for so long by default */
	RETRY_PAUSE_MS = 2000, /* before each time */
	TELL_MS = 30000,       /* and so often this is told */
	DIGEST_RANGES = 1024,  /* a digest reads no more ranges than that: each costs a process over there */
};

/* QEMU's block layer has sectors of 512 bytes; what is too much at the end goes again (part_trim()). */
static uint64_t sent_size(const struct copy_file *f)
{
	return (f->src->size + 511) / 512 * 512;
}

static int interrupted(struct err *err)
{
	return err_set(err, E_CANCELLED, 0, "interrupted while it was copied");
}

void copy_where_clear(struct copy_where *w)
{
	free(w->address);
	if (w->key)
		explicit_bzero(w->key, strlen(w->key));
	free(w->key);
	free(w->export_name);
	*w = (struct copy_where) { 0 };
}

/* ---- what is there ---- */

/* "FROM TO" a line; what is none is nothing. */
static void read_marks(const char *text, struct ranges *out)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		size_t len = strcspn(p, " ");
		auto_free char *from = xstrndup(p, len);
		auto_free char *to = p[len] == ' ' ? xstrndup(p + len + 1, strcspn(p + len + 1, "\n")) : NULL;
		unsigned long long a, b;

		if (to && str_to_uint(from, 0, IMAGE_SIZE_MAX, &a) == 0 && str_to_uint(to, 0, IMAGE_SIZE_MAX, &b) == 0)
			ranges_add(out, a, b);
	}
}

/* Which state of which file: a part of another is begun anew. */
static char *what_text(struct host *src, const struct copy_file *f)
{
	auto_free char *id = file_id_text(f->src->id);

	return str_printf("%s:%s %s %" PRIu64 " %" PRId64 " %s", f->machine_id ? f->machine_id : "?", host_name(src),
			  id, f->src->size, f->src->mtime_ns, f->path);
}

int copy_open(struct host *src, struct host *dst, struct copy_file *f, struct err *err)
{
	auto_free char *what = what_text(src, f);
	struct buf marks auto_buf = { 0 };
	struct file_id id;

	ranges_clear(&f->there);
	if (!f->device && part_open(dst, f->part, what, sent_size(f), &id, &marks, err) < 0)
		return err_wrap(err, "%s: %s", host_label(dst), f->part);
	read_marks(marks.p, &f->there);
	f->resumed = f->there.n > 0;
	f->opened = true;
	return 0;
}

static int map(struct host *src, struct copy_file *f, struct err *err)
{
	if (f->mapped)
		return 0;
	/* what a device has had on it must not show through the holes */
	if (f->device)
		ranges_add(&f->data, 0, f->src->size);
	else if (file_map(src, f->path, f->src->kind == 'b', &f->data, err) < 0)
		return err_wrap(err, "%s: %s", host_label(src), f->path);
	if (f->data.n && f->data.v[f->data.n - 1].to % 512) /* the last sector */
		ranges_add(&f->data, f->data.v[f->data.n - 1].from, sent_size(f));
	f->mapped = true;
	return 0;
}

/* ---- the source's digest, taken while the data is on its way ---- */

struct copy_digest {
	struct host *src;
	char *path;
	struct ranges ranges;
	char hex[DIGEST_HEX + 1];
	struct err err;
	struct interrupt_scope *scope; /* its own: who does not want it any more ends it */
	pthread_t thread;
	bool threaded;
	atomic_bool done;
};

static void *digest_main(void *arg)
{
	struct copy_digest *d = arg;

	file_digest_ranges(d->src, d->path, &d->ranges, d->hex, &d->err);
	atomic_store(&d->done, true);
	return NULL;
}

static void digest_start(struct copy_digest *d)
{
	err_clear(&d->err);
	atomic_store(&d->done, false);
	d->scope = interrupt_scope_new();
	d->threaded = interrupt_thread(&d->thread, d->scope, digest_main, d) == 0;
	if (!d->threaded)
		digest_main(d);
}

static struct copy_digest *digest_begin(struct host *src, const char *path, const struct ranges *ranges)
{
	struct copy_digest *d = xcalloc(1, sizeof(*d));

	d->src = src;
	d->path = xstrdup(path);
	ranges_add_all(&d->ranges, ranges);
	ranges_coarsen(&d->ranges, DIGEST_RANGES);
	digest_start(d);
	return d;
}

static void digest_join(struct copy_digest *d)
{
	if (d->threaded)
		pthread_join(d->thread, NULL);
	d->threaded = false;
}

/* Waits for it; one whose connection broke is begun anew by the next call. */
static int digest_end(struct copy_digest *d, struct err *err)
{
	while (!atomic_load(&d->done))
		if (interrupt_pause(50))
			return interrupted(err);
	digest_join(d);
	if (!d->err.id)
		return 0;
	err_copy(err, &d->err);
	if (err->status == STATUS_UNREACHABLE)
		digest_start(d);
	return err_wrap(err, "%s", host_label(d->src));
}

static void digest_free(struct copy_digest *d)
{
	if (!d)
		return;
	interrupt_ask(d->scope);
	digest_join(d);
	free(d->path);
	ranges_clear(&d->ranges);
	err_clear(&d->err);
	free(d);
}

void copy_file_clear(struct copy_file *f)
{
	digest_free(f->digest);
	ranges_clear(&f->data);
	ranges_clear(&f->there);
	*f = (struct copy_file) { 0 };
}

/* ---- sending ---- */

static int send_once(struct host *src, const struct copy_file *f, const struct copy_link *l, struct range r,
		     struct err *err)
{
	struct copy_where w = { 0 };
	struct send_piece s;
	int rc;

	if (l->where(l->arg, &w, err) < 0)
		return -1;
	s = (struct send_piece) {
		.path = f->path,
		.block = f->src->kind == 'b',
		.address = w.address,
		.port = w.port,
		.key = w.key,
		.export_name = w.export_name,
		.offset = r.from,
		.length = r.to - r.from,
		.bandwidth_mib = w.bandwidth_mib,
	};
	rc = file_send(src, &s, err);
	if (l->sent)
		l->sent(l->arg, rc == 0);
	copy_where_clear(&w);
	return rc;
}

static bool is_for_good(const struct err *why)
{
	return strstr(why->msg, "No space") || err_is(why, E_CANCELLED) || err_is(why, E_BUSY);
}

/* What broke, and since when. */
struct breakdown {
	int64_t since_ms, told_ms;
	bool not_ready; /* a host does not answer yet */
};

static void tell(struct breakdown *b, const struct copy_link *l, const struct err *why)
{
	auto_free char *text = NULL;

	if (b->told_ms && clock_ms() - b->told_ms <= TELL_MS)
		return;
	b->told_ms = clock_ms();
	text = str_printf("%s; trying again", why->msg);
	l->note(l->arg, text);
}

/* 0: once more, unless b->not_ready; -1: no more, err says why. */
static int again(struct breakdown *b, const struct copy_link *l, struct err *why, struct err *err)
{
	int64_t limit = l->retry_ms ? l->retry_ms : RETRY_MS;
	int rc;

	if (interrupt_pending() || err_is(why, E_CANCELLED))
		return interrupted(err);
	if (!why->id)
		err_set(why, E_DISCONNECTED, 0, "a host does not answer");
	if (!b->since_ms)
		b->since_ms = clock_ms();
	if (clock_ms() - b->since_ms > limit || is_for_good(why)) {
		err_move(err, why);
		return -1;
	}
	tell(b, l, why);
	if (interrupt_pause(RETRY_PAUSE_MS))
		return interrupted(err);
	rc = l->mend(l->arg, err);
	b->not_ready = rc > 0;
	return rc < 0 ? -1 : 0;
}

int copy_insist(const struct copy_link *link, int (*step)(void *arg, struct err *err), void *arg, struct err *err)
{
	struct breakdown b = { 0 };

	for (;;) {
		struct err why auto_err = ERR_INIT;

		if (!b.not_ready) {
			if (step(arg, &why) == 0)
				return 0;
			if (why.status != STATUS_UNREACHABLE) {
				err_move(err, &why);
				return -1;
			}
		}
		if (again(&b, link, &why, err) < 0)
			return -1;
	}
}

/* A connection that broke is tried again: what came before stays. */
static int send_piece(struct host *src, struct host *dst, struct copy_file *f, const struct copy_link *l,
		      struct range r, struct err *err)
{
	struct breakdown b = { 0 };

	for (;;) {
		struct err why auto_err = ERR_INIT;

		if (!b.not_ready && send_once(src, f, l, r, &why) == 0)
			return 0;
		f->retried = true;
		if (why.id)
			err_wrap(&why, "at %" PRIu64 " bytes", r.from);
		if (again(&b, l, &why, err) < 0)
			return err_wrap(err, "%s to %s", host_label(src), host_label(dst));
	}
}

static int send_missing(struct host *src, struct host *dst, struct copy_file *f, const struct copy_link *l,
			struct err *err)
{
	uint64_t total = ranges_total(&f->data);
	struct ranges todo auto_ranges = { 0 };

	ranges_add_all(&todo, &f->data);
	for (size_t i = 0; i < f->there.n; i++)
		ranges_remove(&todo, f->there.v[i].from, f->there.v[i].to);
	while (todo.n) {
		auto_free char *mark = NULL;
		uint64_t bytes;
		struct range r = ranges_first(&todo, COPY_PIECE, &bytes);

		l->progress(l->arg, total - ranges_total(&todo), total);
		if (interrupt_pending())
			return interrupted(err);
		if (send_piece(src, dst, f, l, r, err) < 0)
			return -1;
		mark = str_printf("%" PRIu64 " %" PRIu64, r.from, r.to);
		if (!f->device)
			part_mark(dst, f->part, mark, NULL); /* one that is missing costs time, no more */
		ranges_remove(&todo, r.from, r.to);
		ranges_add(&f->there, r.from, r.to);
		f->sent += bytes;
	}
	l->progress(l->arg, total, total);
	return 0;
}

/* One file and its two hosts, for copy_insist(). */
struct both {
	struct host *src, *dst;
	struct copy_file *f;
};

static int map_step(void *arg, struct err *err)
{
	struct both *b = arg;

	return map(b->src, b->f, err);
}

static int trim_step(void *arg, struct err *err)
{
	struct both *b = arg;

	return part_trim(b->dst, b->f->part, b->f->src->size, err) < 0
		       ? err_wrap(err, "%s: %s", host_label(b->dst), b->f->part)
		       : 0;
}

int copy_send(struct host *src, struct host *dst, struct copy_file *f, const struct copy_link *link, struct err *err)
{
	struct both both = { src, dst, f };

	if (copy_insist(link, map_step, &both, err) < 0)
		return -1;
	if (!f->digest)
		f->digest = digest_begin(src, f->path, &f->data);
	if (send_missing(src, dst, f, link, err) < 0)
		return -1;
	return f->device ? 0 : copy_insist(link, trim_step, &both, err);
}

/* ---- verifying ---- */

int copy_unchanged(struct host *src, const char *path, const struct file_fact *was, struct err *err)
{
	struct file_fact now = { 0 };
	int rc = files_stat(src, &path, 1, &now, err);

	if (rc == 0 && was->kind == 'f' &&
	    (now.present != FACT_YES || !file_id_eq(now.id, was->id) || now.size != was->size ||
	     now.mtime_ns != was->mtime_ns))
		rc = err_set(err, E_SOURCE_CHANGED, 0, "%s: %s has changed since its copy began", host_label(src),
			     path);
	file_fact_clear(&now);
	return rc;
}

/* The bytes that count: those that either end has as data. Everything else is a hole, zeros, on both. */
static int all_data(struct host *dst, const struct copy_file *f, struct ranges *out, struct err *err)
{
	struct ranges there auto_ranges = { 0 };

	ranges_add_all(out, &f->digest->ranges);
	if (!f->device && file_map(dst, f->part, false, &there, err) < 0)
		return err_wrap(err, "%s: %s", host_label(dst), f->part);
	for (size_t i = 0; i < there.n; i++) /* the end of the last block of its file system */
		ranges_add(out, there.v[i].from, there.v[i].to < sent_size(f) ? there.v[i].to : sent_size(f));
	ranges_coarsen(out, DIGEST_RANGES);
	return 0;
}

static int compare(void *arg, struct err *err)
{
	struct both *b = arg;
	struct copy_file *f = b->f;
	struct ranges all auto_ranges = { 0 };
	char hex[DIGEST_HEX + 1];

	if (all_data(b->dst, f, &all, err) < 0)
		return -1;
	if (!ranges_has_all(&f->digest->ranges, &all)) {
		digest_free(f->digest);
		f->digest = digest_begin(b->src, f->path, &all);
	}
	if (file_digest_ranges(b->dst, f->part, &f->digest->ranges, hex, err) < 0)
		return err_wrap(err, "%s", host_label(b->dst));
	if (digest_end(f->digest, err) < 0)
		return -1;
	if (strcmp(hex, f->digest->hex) == 0)
		return 0;
	return err_set(
		err, E_COPY, 0,
		"%s: %s: what came has another content than the source's %s: SHA-256 of its data %.12s…, not %.12s…",
		host_label(b->dst), f->part, f->path, hex, f->digest->hex);
}

static int unchanged_step(void *arg, struct err *err)
{
	struct both *b = arg;

	return copy_unchanged(b->src, b->f->path, b->f->src, err);
}

int copy_verify(struct host *src, struct host *dst, struct copy_file *f, const struct copy_link *link, struct err *err)
{
	struct both both = { src, dst, f };
	struct err why auto_err = ERR_INIT;

	if (copy_insist(link, compare, &both, &why) == 0)
		return copy_insist(link, unchanged_step, &both, err);
	/* a file that changed has another content, of course */
	if (!err_is(&why, E_COPY) || copy_unchanged(src, f->path, f->src, err) == 0)
		err_move(err, &why);
	return -1;
}

int copy_same_content(struct host *src, struct copy_file *f, struct err *err)
{
	char hex[DIGEST_HEX + 1];

	if (file_digest_ranges(src, f->path, &f->digest->ranges, hex, err) < 0)
		return err_wrap(err, "%s", host_label(src));
	return strcmp(hex, f->digest->hex) == 0
		       ? 0
		       : err_set(err, E_SOURCE_CHANGED, 0, "%s: %s has changed since its copy began", host_label(src),
				 f->path);
}

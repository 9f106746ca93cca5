/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks both hosts about the files that do not stay. */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/interrupt.h"
#include "check/images.h"

static bool is_local(const struct image_plan *p)
{
	return (p->fate == IMAGE_COPIED || p->fate == IMAGE_FETCHED) && p->dst_path;
}

/* ---- what qemu-img says ---- */

static bool disk_moves(const struct images *im, const struct disk *k)
{
	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].disk == k && is_local(&im->v[i]))
			return true;
	return false;
}

/* Under two names: through a symbolic link, or with ".." in it. */
static bool same_file(struct host *h, const char *a, const char *b)
{
	const char *paths[] = { a, b };
	struct file_fact f[2] = { { 0 }, { 0 } };
	bool same = *a == '/' && files_stat(h, paths, 2, f, NULL) == 0 && f[0].present == FACT_YES &&
		    f[1].present == FACT_YES && file_id_eq(f[0].id, f[1].id);

	file_fact_clear(&f[0]);
	file_fact_clear(&f[1]);
	return same;
}

static void read_chains(struct host *src, const struct domain *d, struct images *im)
{
	im->chains_n = d->disks_n;
	im->chains = xcalloc(d->disks_n + 1, sizeof(*im->chains));
	im->chain_errs = xcalloc(d->disks_n + 1, sizeof(*im->chain_errs));
	for (size_t i = 0; i < d->disks_n; i++) {
		const struct disk *k = &d->disks[i];

		if (disk_moves(im, k))
			image_chain(src, k->chain[0].path, k->chain[0].format, true, &im->chains[i],
				    &im->chain_errs[i]);
	}
	for (size_t i = 0; i < im->n; i++) {
		struct image_plan *p = &im->v[i];
		const struct image_chain *c = &im->chains[p->disk - d->disks];

		p->info = p->depth < c->n ? &c->v[p->depth] : NULL;
		p->other_file = p->info && p->dst_path && !str_eq(p->info->path, p->image->path) &&
				!same_file(src, p->info->path, p->image->path);
	}
}

/* ---- what the file systems say ---- */

static const char *path_on(const struct image_plan *p, bool dst)
{
	return dst ? p->dst_path : p->image->path;
}

static void stat_side(struct host *h, bool dst, struct images *im, struct err *err)
{
	auto_free const char **paths = xcalloc(im->n + 1, sizeof(*paths));
	auto_free struct file_fact *facts = xcalloc(im->n + 1, sizeof(*facts));
	size_t n = 0, k = 0;

	for (size_t i = 0; i < im->n; i++)
		if (is_local(&im->v[i]))
			paths[n++] = path_on(&im->v[i], dst);
	if (files_stat(h, paths, n, facts, err) < 0)
		return;
	for (size_t i = 0; i < im->n; i++)
		if (is_local(&im->v[i]))
			*(dst ? &im->v[i].dst : &im->v[i].src) = facts[k++];
}

/* ---- is what is there the same? ---- */

static void differ(struct image_plan *p, enum fact same, char *why)
{
	p->same = same;
	free(p->differs);
	p->differs = why;
}

/* Everything but the content: cheap, and better words than two digests. */
static bool same_shape(const struct images *im, struct image_plan *p)
{
	const struct image_info *a = p->info, *b = p->there.n ? &p->there.v[0] : NULL;
	auto_free char *backing = image_backing_name(im, p);

	if (!a || !b)
		differ(p, FACT_UNKNOWN, xstrdup("qemu-img does not say what it is"));
	else if (a->virtual_size != b->virtual_size)
		differ(p, FACT_NO,
		       str_printf("it has %" PRIu64 " bytes for the guest, not %" PRIu64, b->virtual_size,
				  a->virtual_size));
	else if (!str_eq(a->format, b->format))
		differ(p, FACT_NO, str_printf("its format is %s, not %s", b->format, a->format));
	else if (a->cluster_size != b->cluster_size)
		differ(p, FACT_NO,
		       str_printf("its clusters have %" PRIu64 " bytes, not %" PRIu64, b->cluster_size,
				  a->cluster_size));
	else if (!str_eq(b->backing_said, backing))
		differ(p, FACT_NO,
		       str_printf("its backing file is %s, not %s", b->backing_said ? b->backing_said : "none",
				  backing ? backing : "none"));
	else if (p->src.kind == 'f' && p->dst.kind == 'f' && p->src.size != p->dst.size)
		differ(p, FACT_NO, str_printf("it has %" PRIu64 " bytes, not %" PRIu64, p->dst.size, p->src.size));
	else
		return true;
	return false;
}

int digest_cached(struct host *h, const char *path, const struct file_fact *f, enum digest_kind kind,
		  uint64_t cluster_size, const struct digest_cache *cache, char hex[DIGEST_HEX + 1], struct err *err)
{
	/* A block device has no time that tells when it was written. */
	bool use = cache && cache->get && f->kind == 'f';
	auto_free char *id = file_id_text(f->id);
	auto_free char *key = str_printf("%s:%" PRIu64 ":%" PRId64 ":%d", id, f->size, f->mtime_ns, (int)kind);

	if (use && cache->get(cache->arg, host_name(h), key, hex))
		return 0;
	if (file_digest(h, path, kind, cluster_size, hex, err) < 0)
		return -1;
	if (use)
		cache->put(cache->arg, host_name(h), key, hex);
	return 0;
}

struct digesting {
	struct host *host;
	const char *path;
	const struct file_fact *fact;
	enum digest_kind kind;
	uint64_t cluster_size;
	const struct digest_cache *cache;
	char hex[DIGEST_HEX + 1];
	struct err err;
};

static void *digest_main(void *arg)
{
	struct digesting *d = arg;

	digest_cached(d->host, d->path, d->fact, d->kind, d->cluster_size, d->cache, d->hex, &d->err);
	return NULL;
}

static void compare_content(struct host *src, struct host *dst, const struct digest_cache *cache,
			    const struct images *im, struct image_plan *p)
{
	enum digest_kind kind = image_digest_kind(im, p);
	struct digesting a = { src, p->image->path, &p->src, kind, p->info->cluster_size, cache, "", ERR_INIT };
	struct digesting b = { dst, p->dst_path, &p->dst, kind, p->info->cluster_size, cache, "", ERR_INIT };
	pthread_t thread;
	bool threaded = interrupt_thread(&thread, NULL, digest_main, &a) == 0;

	if (!threaded)
		digest_main(&a);
	digest_main(&b);
	if (threaded)
		pthread_join(thread, NULL);
	if (a.err.id || b.err.id)
		differ(p, FACT_UNKNOWN, xstrdup(a.err.id ? a.err.msg : b.err.msg));
	else if (strcmp(a.hex, b.hex) != 0)
		differ(p, FACT_NO, str_printf("its content is another one: SHA-256 %.12s…, not %.12s…", b.hex, a.hex));
	else
		differ(p, FACT_YES, NULL);
	memcpy(p->digest, a.hex, sizeof(p->digest));
	err_clear(&a.err);
	err_clear(&b.err);
}

/* Another disk over the same backing file was asked before. */
static const struct image_plan *asked_before(const struct images *im, const struct image_plan *p)
{
	for (const struct image_plan *o = im->v; o < p; o++)
		if (o->fate == IMAGE_FETCHED && str_eq(o->dst_path, p->dst_path) &&
		    str_eq(o->image->path, p->image->path))
			return o;
	return NULL;
}

static void compare(struct host *src, struct host *dst, const struct digest_cache *cache, const struct images *im,
		    struct image_plan *p)
{
	const struct image_plan *before = asked_before(im, p);
	struct err err auto_err = ERR_INIT;

	if (before) {
		differ(p, before->same, xstrdup(before->differs));
		memcpy(p->digest, before->digest, sizeof(p->digest));
		return;
	}
	if (!p->info) {
		differ(p, FACT_UNKNOWN, xstrdup("the source does not say what it is"));
	} else if (p->dst.kind != 'f' && p->dst.kind != 'b') {
		differ(p, FACT_NO, xstrdup("it is no file"));
	} else if (image_chain(dst, p->dst_path, p->info->format, false, &p->there, &err) < 0) {
		differ(p, FACT_NO, str_printf("it is no %s image: %s", p->info->format, err.msg));
		if (err.status == STATUS_UNREACHABLE || err.status == STATUS_CANCELLED)
			p->same = FACT_UNKNOWN;
	} else if (same_shape(im, p)) {
		compare_content(src, dst, cache, im, p);
	}
}

/*
 * A block device has no token file beside it, and may have no name by which hosts could compare it. But if what is on
 * it differs, it is another one: where the source reads the same before and after the destination has read, nobody has
 * written there meanwhile, so the same device would have given the same.
 */
static bool device_differs(struct host *src, struct host *dst, const struct image_plan *p)
{
	struct strv a auto_strv = { 0 }, b auto_strv = { 0 }, again auto_strv = { 0 };
	const char *path = p->image->path;

	if (device_sample(src, path, p->src.size, &a, NULL) < 0 ||
	    device_sample(dst, path, p->src.size, &b, NULL) < 0 ||
	    device_sample(src, path, p->src.size, &again, NULL) < 0 || a.n != b.n || a.n != again.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (!str_eq(a.v[i], "-") && !str_eq(b.v[i], "-") && str_eq(a.v[i], again.v[i]) &&
		    !str_eq(a.v[i], b.v[i]))
			return true;
	return false;
}

/* The storage proof gives up on such devices; their fate is settled here. */
static void settle_devices(struct host *src, struct host *dst, struct images *im)
{
	for (size_t i = 0; i < im->n; i++) {
		struct image_plan *p = &im->v[i];
		const char *path = p->image->path;

		if (p->fate != IMAGE_UNKNOWN || p->image->source != DISK_BLOCK)
			continue;
		if (files_stat(src, &path, 1, &p->src, NULL) == 0 && files_stat(dst, &path, 1, &p->dst, NULL) == 0 &&
		    p->src.kind == 'b' &&
		    (p->dst.present == FACT_NO || p->src.size != p->dst.size || device_differs(src, dst, p)))
			images_not_shared(im, p);
		file_fact_clear(&p->src);
		file_fact_clear(&p->dst);
	}
}

void images_measure(struct host *src, struct host *dst, const struct domain *d, struct images *im)
{
	im->done = true;
	settle_devices(src, dst, im);
	read_chains(src, d, im);
	stat_side(src, false, im, &im->src_err);
	stat_side(dst, true, im, &im->dst_err);
}

void images_collect(struct host *src, struct host *dst, const struct domain *d, const struct digest_cache *cache,
		    struct images *im)
{
	images_measure(src, dst, d, im);
	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].fate == IMAGE_FETCHED && im->v[i].dst.present == FACT_YES)
			compare(src, dst, cache, im, &im->v[i]);
}

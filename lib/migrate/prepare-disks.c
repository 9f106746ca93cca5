/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prepare for a guest whose disks move along: directories, backing files, empty images, in this order. Everything is
 * like what the source has: owner, mode and label, virtual size to the byte, format and features.
 */
#include <stdio.h>
#include <string.h>

#include "base/interrupt.h"
#include "migrate/migrate.h"

/* ---- directories ---- */

struct dir {
	char *path;
	const char *src_dir; /* borrowed: directory of the source's file */
	struct file_fact dst, src, src_parent;
};

struct dirs {
	struct dir *v;
	size_t n;
};

static void dirs_clear(struct dirs *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].path);
		file_fact_clear(&d->v[i].dst);
		file_fact_clear(&d->v[i].src);
		file_fact_clear(&d->v[i].src_parent);
	}
	free(d->v);
}
#define auto_dirs AUTO(dirs_clear)

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
}

static bool has_dir(const struct dirs *d, const char *path)
{
	for (size_t i = 0; i < d->n; i++)
		if (str_eq(d->v[i].path, path))
			return true;
	return false;
}

static bool needs_file(const struct image_plan *p)
{
	return (p->fate == IMAGE_COPIED || p->fate == IMAGE_FETCHED) && p->image->source == DISK_FILE;
}

/* Every directory on the way to path, from the top down. */
static void add_dirs(struct dirs *d, const char *path, const char *src_path)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		auto_free char *dir = xstrndup(path, (size_t)(slash - path));

		if (!has_dir(d, dir))
			*ARRAY_ADD(d->v, d->n) = (struct dir) { .path = STEAL(dir), .src_dir = src_path };
	}
}

static int stat_dirs(struct migration *m, struct dirs *d, struct err *err)
{
	auto_free const char **paths = xcalloc(2 * d->n + 1, sizeof(*paths));
	auto_free struct file_fact *dst = xcalloc(d->n + 1, sizeof(*dst));
	auto_free struct file_fact *src = xcalloc(2 * d->n + 1, sizeof(*src));
	struct strv parents auto_strv = { 0 };

	for (size_t i = 0; i < d->n; i++) {
		paths[i] = d->v[i].path;
		strv_take(&parents, parent_of(d->v[i].src_dir));
	}
	if (files_stat(m->dst, paths, d->n, dst, err) < 0)
		return err_wrap(err, "%s", host_label(m->dst));
	for (size_t i = 0; i < d->n; i++)
		paths[d->n + i] = parents.v[i];
	for (size_t i = 0; i < d->n; i++)
		d->v[i].dst = dst[i];
	if (files_stat(m->src, paths, 2 * d->n, src, err) < 0)
		return err_wrap(err, "%s", host_label(m->src));
	for (size_t i = 0; i < d->n; i++) {
		d->v[i].src = src[i];
		d->v[i].src_parent = src[d->n + i];
	}
	return 0;
}

/* A directory that has the same name on both hosts is made like its twin, another like the one its files come from. */
static int make_dirs(struct migration *m, const struct dirs *d, struct err *err)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct dir *dir = &d->v[i];
		const struct file_fact *twin = dir->src.kind == 'd' ? &dir->src : &dir->src_parent;
		struct file_like like = file_like(twin);

		if (dir->dst.present == FACT_YES)
			continue;
		if (twin->kind != 'd')
			return err_set(err, E_PREPARE, 0, "%s: nothing is known of the directory of %s",
				       host_label(m->src), dir->src_dir);
		if (made_directory(m, dir->path, &like, err) < 0)
			return -1;
	}
	return 0;
}

int prepare_directories(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;
	struct dirs d auto_dirs = { 0 };

	for (size_t i = 0; i < im->n; i++)
		if (needs_file(&im->v[i]) && im->v[i].dst.present == FACT_NO && !im->v[i].dst.dir_is_parent)
			add_dirs(&d, im->v[i].dst_path, im->v[i].image->path);
	if (!d.n)
		return 0;
	return stat_dirs(m, &d, err) < 0 ? -1 : make_dirs(m, &d, err);
}

/* ---- images ---- */

static int make_image_of(struct migration *m, const struct image_plan *p, struct err *err)
{
	const struct image_plan *below = image_below(&m->facts.images, p);
	auto_free char *backing = image_backing_name(&m->facts.images, p);
	auto_free char *options = image_create_options(p->info);
	struct file_like like = file_like(&p->src);
	struct image_make how = {
		.format = p->info->format,
		.options = options,
		.size = p->info->virtual_size,
		.backing = backing,
		.backing_format = below && below->info ? below->info->format : NULL,
	};

	if (backing && !how.backing_format)
		return err_set(err, E_PREPARE, 0, "%s: the format of its backing file is not known", p->image->path);
	return made_image(m, p->dst_path, &how, &like, err);
}

static int make_images(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;

	for (size_t i = 0; i < im->n; i++) {
		const struct image_plan *p = &im->v[i];

		if (p->fate != IMAGE_COPIED || p->image->source != DISK_FILE)
			continue;
		if (interrupt_pending())
			return err_set(err, E_CANCELLED, 0, "interrupted while the disks were prepared");
		if (make_image_of(m, p, err) < 0)
			return -1;
	}
	return 0;
}

int prepare_block_run(struct migration *m, struct err *err)
{
	if (prepare_directories(m, err) < 0 || fetch_backing(m, err) < 0 || make_images(m, err) < 0 ||
	    disks_remember(m, err) < 0)
		return -1;
	return prepare_run(m, err);
}

/*
 * Once libvirt was asked, what was made may be what the guest lives on: it goes only when the guest is proven to be at
 * the source and not here, be it running or shut off by its own act.
 */
bool block_may_take_back(const struct migration *m)
{
	if (!m->performed)
		return true;
	return m->safe && m->dst_look.state == GUEST_ABSENT && m->dst_look.qemu_pids == 0 &&
	       m->src_look.state != GUEST_ABSENT && m->src_look.state != GUEST_UNKNOWN &&
	       m->src_look.why != GUEST_WHY_MIGRATED;
}

void prepare_block_undo(struct migration *m)
{
	prepare_undo(m);
	if (block_may_take_back(m))
		made_undo(m);
	else if (m->made_n)
		migration_note(m, "%s: the disks made there are left as they are", host_label(m->dst));
}

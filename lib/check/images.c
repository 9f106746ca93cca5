/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files move, and what they are to be at the destination: pure. */
#include "check/images.h"

#include <string.h>

void images_clear(struct images *im)
{
	for (size_t i = 0; i < im->n; i++) {
		struct image_plan *p = &im->v[i];

		free(p->dst_path);
		file_fact_clear(&p->src);
		file_fact_clear(&p->dst);
		image_chain_clear(&p->there);
		free(p->differs);
	}
	free(im->v);
	for (size_t i = 0; i < im->chains_n; i++) {
		image_chain_clear(&im->chains[i]);
		err_clear(&im->chain_errs[i]);
	}
	free(im->chains);
	free(im->chain_errs);
	err_clear(&im->src_err);
	err_clear(&im->dst_err);
	*im = (struct images) { 0 };
}

static enum shared shared_of(const struct storage_proof *p, const struct disk *disk, const struct image *image)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].disk == disk && p->v[i].image == image)
			return p->v[i].shared;
	return SHARED_UNKNOWN;
}

/* A disk that must move: can it? */
static const char *why_stuck(const struct disk *k, const struct image *m)
{
	if (m->source == DISK_VOLUME)
		return "it is named by pool and volume, and only files and block devices can be moved";
	if (m->source != DISK_FILE && m->source != DISK_BLOCK)
		return "only files and block devices can be moved";
	if (k->shareable)
		return "it is shareable: other guests may write to it, and a copy would not see that";
	if (k->transient)
		return "it is transient: what the guest has written is not in its image";
	if (str_eq(k->device, "lun"))
		return "it is a LUN passed through, which cannot be copied";
	return NULL;
}

static bool is_active_and_written(const struct disk *k, size_t depth)
{
	return depth == 0 && !k->readonly && !str_eq(k->device, "cdrom");
}

/* It is not the same on both hosts, or is to have another path there. */
static void decide_moving(const struct remap *remap, struct image_plan *p)
{
	const struct image *m = p->image;

	p->problem = NULL;
	if (!is_active_and_written(p->disk, p->depth)) {
		p->fate = m->source == DISK_FILE || m->source == DISK_BLOCK ? IMAGE_FETCHED : IMAGE_STUCK;
		if (p->fate == IMAGE_STUCK)
			p->problem = "only files and block devices can be moved";
		/* libvirt takes a medium out of the drive that is not there, where the XML allows it */
		else if (p->disk->missing_ok && disk_is_removable(p->disk))
			p->fate = IMAGE_STAYS;
		return;
	}
	p->problem = why_stuck(p->disk, m);
	if (!p->problem && remap && !p->disk->state && !remap_selects(remap, p->disk->target))
		p->problem = "its storage is not shared, and --disk does not name it";
	p->fate = p->problem ? IMAGE_STUCK : IMAGE_COPIED;
}

static void decide_one(const struct storage_proof *proof, const struct remap *remap, struct image_plan *p)
{
	const struct image *m = p->image;
	enum shared shared = shared_of(proof, p->disk, m);

	if (m->path && (m->source == DISK_FILE || m->source == DISK_BLOCK))
		p->dst_path = remap && !p->disk->state ? remap_path(remap, p->disk->target, p->depth, m->path)
						       : xstrdup(m->path);
	if (p->dst_path && !str_eq(p->dst_path, m->path))
		shared = SHARED_NO;
	switch (shared) {
	case SHARED_YES:
		p->fate = IMAGE_STAYS;
		break;
	case SHARED_UNKNOWN:
		p->fate = IMAGE_UNKNOWN;
		break;
	case SHARED_NO:
		decide_moving(remap, p);
		break;
	}
}

void images_not_shared(struct images *im, struct image_plan *p)
{
	decide_moving(im->remap, p);
}

void images_decide(const struct domain *d, const struct storage_proof *proof, const struct remap *remap,
		   struct images *im)
{
	im->remap = remap;
	for (size_t i = 0; i < d->disks_n; i++) {
		const struct disk *k = &d->disks[i];

		for (size_t depth = 0; depth < k->chain_n; depth++) {
			struct image_plan *p = ARRAY_ADD(im->v, im->n);

			p->disk = k;
			p->depth = depth;
			p->image = &k->chain[depth];
			decide_one(proof, remap, p);
		}
	}
}

bool images_move(const struct images *im)
{
	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].fate != IMAGE_STAYS)
			return true;
	return false;
}

const struct image_plan *image_below(const struct images *im, const struct image_plan *p)
{
	const struct image_plan *next = p + 1;

	return next < im->v + im->n && next->disk == p->disk ? next : NULL;
}

/* The directory of path, with its slash, and name behind it. */
static char *beside(const char *path, const char *name)
{
	return str_printf("%.*s%s", (int)(strrchr(path, '/') - path) + 1, path, name);
}

char *image_backing_name(const struct images *im, const struct image_plan *p)
{
	const struct image_plan *below = image_below(im, p);
	const char *said = p->info ? p->info->backing_said : NULL;
	auto_free char *resolved = NULL;

	if (!below)
		return NULL;
	if (!below->dst_path) /* on a server: both hosts call it the same */
		return xstrdup(p->info ? p->info->backing : NULL);
	/* a relative name goes along where it still leads to the right file */
	if (said && *said != '/' && p->dst_path) {
		resolved = beside(p->dst_path, said);
		if (str_eq(resolved, below->dst_path))
			return xstrdup(said);
	}
	return xstrdup(below->dst_path);
}

enum digest_kind image_digest_kind(const struct images *im, const struct image_plan *p)
{
	auto_free char *name = image_backing_name(im, p);

	if (!p->info || !p->info->backing_said || !str_eq(p->info->format, "qcow2"))
		return DIGEST_ALL;
	return str_eq(name, p->info->backing_said) ? DIGEST_ALL : DIGEST_QCOW2_REBASED;
}

/* ---- space ---- */

void space_needs_clear(struct space_needs *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].path);
	free(s->v);
	*s = (struct space_needs) { 0 };
}

static bool has_need(const struct space_needs *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].fetched && str_eq(s->v[i].path, path))
			return true;
	return false;
}

void images_space(const struct images *im, struct space_needs *s)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct image_plan *p = &im->v[i];
		bool fetched = p->fate == IMAGE_FETCHED;
		struct space_need *need;

		if ((p->fate != IMAGE_COPIED && !fetched) || p->image->source != DISK_FILE || !p->info)
			continue;
		if (fetched && (p->dst.present != FACT_NO || has_need(s, p->dst_path)))
			continue;
		need = ARRAY_ADD(s->v, s->n);
		need->path = xstrdup(p->dst_path);
		need->fetched = fetched;
		need->now = fetched ? p->src.allocated : p->info->actual_size;
		need->worst = fetched ? p->src.allocated : p->info->virtual_size;
		if (need->worst < need->now)
			need->worst = need->now;
	}
}

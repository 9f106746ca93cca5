/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks: shared or not, how they are cached, pools, media. */
#include "check/checks.h"

#include <inttypes.h>

void check_storage_not_shared(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->storage.n; i++) {
		const struct image_proof *p = &in->storage.v[i];
		auto_free char *object = disk_object(p->disk, p->image);

		if (p->shared == SHARED_NO)
			found(f, p->side, object, "%s", p->reason ? p->reason : "is not the file the source has");
	}
}

static bool has_writable_disk(const struct domain *d)
{
	for (size_t i = 0; i < d->disks_n; i++)
		if (disk_is_writable(&d->disks[i]))
			return true;
	return false;
}

/* A file that gets another path at the destination moves, whatever is at its old one. */
static bool settled_otherwise(const struct check_input *in, const struct image_proof *p)
{
	for (size_t i = 0; i < in->images.n; i++)
		if (in->images.v[i].disk == p->disk && in->images.v[i].image == p->image)
			return in->images.v[i].fate != IMAGE_UNKNOWN;
	return false;
}

void check_storage_unproven(const struct check_input *in, struct findings *f)
{
	if (!in->storage.done && has_writable_disk(in->domain))
		found_unknown(f, SIDE_NONE, "disks", "it was not tried whether both hosts have the same storage");
	for (size_t i = 0; i < in->storage.n; i++) {
		const struct image_proof *p = &in->storage.v[i];
		auto_free char *object = disk_object(p->disk, p->image);

		if (p->shared != SHARED_UNKNOWN || settled_otherwise(in, p))
			continue;
		found_unknown(f, p->side, object, "cannot be told whether both hosts have the same storage: %s",
			      p->reason ? p->reason : "the hosts did not say");
		if (p->dir_unwritable)
			found_hint(f, "let vmmig's user write in the directory of the disk, on both hosts");
	}
}

/* libvirt 5.6 asks QEMU 4.0 to drop its host's cache; before, it refused these modes on every storage. */
static bool cache_is_dropped(const struct check_input *in, const struct image_proof *p)
{
	return p->libvirt_knows && in->src.qemu_version >= 4000000 && in->src.libvirt_version >= 5006000;
}

static bool is_copied(const struct check_input *in, const struct image_proof *p)
{
	for (size_t i = 0; i < in->images.n; i++)
		if (in->images.v[i].image == p->image && in->images.v[i].fate == IMAGE_COPIED)
			return true;
	return false;
}

void check_storage_cache(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->storage.n; i++) {
		const struct image_proof *p = &in->storage.v[i];
		const struct disk *k = p->disk;
		auto_free char *object = disk_object(k, p->image);

		/* what the guest does not write, no host has cached otherwise than the other */
		if (p->shared != SHARED_YES || !disk_is_writable(k) || p->image != &k->chain[0] ||
		    p->image->source == DISK_NETWORK || k->shareable || is_copied(in, p))
			continue;
		if (str_eq(k->cache, "none") || str_eq(k->cache, "directsync") || cache_is_dropped(in, p))
			continue;
		if (p->libvirt_knows && (!in->src.qemu_version || !in->src.libvirt_version)) {
			unsure(in, f, SIDE_SOURCE, WAY_LIBVIRT, object, "whether QEMU can drop its host's cache");
			continue;
		}
		found(f, SIDE_SOURCE, object,
		      "cache mode %s is not safe on a file system that libvirt does not know (%s)",
		      k->cache ? k->cache : "writeback (the default)", p->fs_src ? p->fs_src : "type unknown");
	}
}

static void pool_there(const struct check_input *in, struct findings *f, const char *object, const struct image *m)
{
	const struct named_fact *pool = facts_named(in->dst.pools, in->dst.pools_n, m->pool);
	auto_free char *name = str_printf("%s/%s", m->pool, m->volume);
	const struct named_fact *volume = facts_named(in->dst.volumes, in->dst.volumes_n, name);

	if (!pool || pool->present == FACT_UNKNOWN || (pool->present == FACT_YES && pool->active == FACT_UNKNOWN)) {
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether its storage pool is there");
	} else if (pool->present == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "storage pool %s is not defined there", m->pool);
	} else if (pool->active == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "storage pool %s is not active", m->pool);
		found_hint(f, "virsh -c %s pool-start %s", in->dst_uri, m->pool);
	} else if (!volume || volume->present == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether the volume is there");
	} else if (volume->present == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "storage pool %s has no volume %s there", m->pool, m->volume);
		found_hint(f, "virsh -c %s pool-refresh %s", in->dst_uri, m->pool);
	}
}

void check_storage_pool(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->disks_n; i++) {
		const struct disk *k = &in->domain->disks[i];

		for (size_t j = 0; j < k->chain_n; j++) {
			auto_free char *object = disk_object(k, &k->chain[j]);

			if (k->chain[j].source == DISK_VOLUME && k->chain[j].pool && k->chain[j].volume)
				pool_there(in, f, object, &k->chain[j]);
		}
	}
}

static void media_hint(const struct check_input *in, struct findings *f, const struct disk *k)
{
	found_hint(f, "virsh -c %s change-media %s %s --eject, or copy the image to %s", in->src_uri, in->domain->name,
		   k->target, in->dst_name);
}

static void media_there(const struct check_input *in, struct findings *f, const struct disk *k, const struct image *m)
{
	const struct path_fact *s = facts_path(&in->src, m->path), *d = facts_path(&in->dst, m->path);
	auto_free char *object = disk_object(k, m);

	if (!d || d->present == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "whether the image is there");
	} else if (d->present == FACT_NO) {
		if (k->missing_ok)
			return;
		found(f, SIDE_DESTINATION, object, "the image is not there");
		media_hint(in, f, k);
	} else if (s && s->present == FACT_YES && s->kind == 'f' && d->kind == 'f' && s->size != d->size) {
		found(f, SIDE_DESTINATION, object, "the image has %" PRIu64 " bytes there, and %" PRIu64 " on %s",
		      d->size, s->size, in->src_name);
		media_hint(in, f, k);
	}
}

void check_cdrom(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->disks_n; i++) {
		const struct disk *k = &in->domain->disks[i];

		for (size_t j = 0; disk_is_removable(k) && j < k->chain_n; j++)
			if (k->chain[j].path && (k->chain[j].source == DISK_FILE || k->chain[j].source == DISK_BLOCK))
				media_there(in, f, k, &k->chain[j]);
	}
}

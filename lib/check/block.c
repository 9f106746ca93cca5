/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks that move along with the guest. */
#include <inttypes.h>
#include <string.h>

#include "check/checks.h"

/* The part of an image's name for people: where it lies on that side. */
static char *object_of(const struct image_plan *p, enum side side)
{
	const char *path = side == SIDE_DESTINATION && p->dst_path ? p->dst_path : p->image->path;

	return path ? str_printf("disk %s: %s", p->disk->target, path) : disk_object(p->disk, p->image);
}

#define each_image(p_, in_) \
	for (const struct image_plan *p_ = (in_)->images.v, *end_ = p_ + (in_)->images.n; p_ < end_; p_++)

/* ---- what was asked for ---- */

static bool has_disk(const struct domain *d, const char *target)
{
	for (size_t i = 0; i < d->disks_n; i++)
		if (str_eq(d->disks[i].target, target))
			return true;
	return false;
}

void check_disk_choice(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; in->remap && i < in->remap->disks_n; i++) {
		const struct disk_choice *c = &in->remap->disks[i];
		auto_free char *object = str_printf("disk %s", c->target);

		if (!has_disk(in->domain, c->target))
			found(f, SIDE_SOURCE, object, "the guest has no such disk");
	}
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_SOURCE);

		if (p->fate == IMAGE_STAYS && p->depth == 0 && in->remap && in->remap->disks_n &&
		    remap_selects(in->remap, p->disk->target) && !disk_is_removable(p->disk)) {
			found(f, SIDE_NONE, object, "both hosts have it: a copy would write over what it reads");
			found_hint(f, "do not name it, or give it another path: --disk %s=/PATH", p->disk->target);
		}
	}
}

void check_storage_shared(const struct check_input *in, struct findings *f)
{
	if (images_move(&in->images))
		return;
	found(f, SIDE_NONE, "disks",
	      in->images.n ? "both hosts have all of them: there is nothing to copy"
			   : "the guest has none: there is nothing to copy");
	found_hint(f, "vmmig live %s --from %s --to %s", in->domain->name, in->src_name, in->dst_name);
}

void check_disk_kind(const struct check_input *in, struct findings *f)
{
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_SOURCE);

		if (p->fate == IMAGE_STUCK)
			found(f, SIDE_SOURCE, object, "%s", p->problem);
	}
}

/* ---- the images at the source ---- */

void check_image_unreadable(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->images.chains_n; i++) {
		const struct disk *k = &in->domain->disks[i];
		const struct err *e = &in->images.chain_errs[i];
		auto_free char *object = k->chain_n ? disk_object(k, &k->chain[0]) : NULL;

		if (!e->id)
			continue;
		if (e->status == STATUS_FAILED)
			found(f, SIDE_SOURCE, object, "its images cannot be read: %s", e->msg);
		else
			found_unknown(f, SIDE_SOURCE, object, "its images could not be asked about: %s", e->msg);
	}
	if (in->images.src_err.id)
		found_unknown(f, SIDE_SOURCE, "disks", "nothing is known of their files: %s", in->images.src_err.msg);
	if (in->images.dst_err.id)
		found_unknown(f, SIDE_DESTINATION, "disks", "nothing is known of their files: %s",
			      in->images.dst_err.msg);
}

/* QEMU runs on one chain; what the headers say must be the same one, or the copy gets another. */
void check_image_chain(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->images.chains_n; i++) {
		const struct disk *k = &in->domain->disks[i];
		const struct image_chain *c = &in->images.chains[i];
		auto_free char *object = k->chain_n ? disk_object(k, &k->chain[0]) : NULL;

		if (c->n && c->n != k->chain_n)
			found(f, SIDE_SOURCE, object, "QEMU has %zu files open in its chain, and the images name %zu",
			      k->chain_n, c->n);
		for (size_t n = 0; n < c->n && c->n == k->chain_n; n++)
			if (k->chain[n].format && !str_eq(k->chain[n].format, c->v[n].format))
				found(f, SIDE_SOURCE, object, "QEMU uses %s as %s, and it is %s", c->v[n].path,
				      k->chain[n].format, c->v[n].format);
	}
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_SOURCE);

		if (p->info && p->other_file)
			found(f, SIDE_SOURCE, object, "QEMU has this file open in its chain, and the images name %s",
			      p->info->path);
	}
}

/* NULL: it can be carried. */
static char *image_problem(const struct image_plan *p, enum mode mode)
{
	const struct image_info *i = p->info;

	if (!str_eq(i->format, "qcow2") && !str_eq(i->format, "raw"))
		return str_printf("its format is %s; only qcow2 and raw can be moved", i->format);
	if (i->encrypted || i->encrypt_format)
		return str_printf("it is encrypted (%s)", i->encrypt_format ? i->encrypt_format : "aes");
	if (i->data_file)
		return str_printf("its data lie in an external file, %s", i->data_file);
	if (i->corrupt)
		return xstrdup("it is marked as corrupt; see qemu-img check");
	if (p->fate == IMAGE_COPIED && i->snapshots.n && mode != MODE_COLD)
		return str_printf("it has %zu internal snapshots (%s), and a copy while the guest runs has none",
				  i->snapshots.n, i->snapshots.v[0]);
	return NULL;
}

void check_image_feature(const struct check_input *in, struct findings *f)
{
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_SOURCE), *problem = NULL;

		problem = p->info ? image_problem(p, in->mode) : NULL;

		if (problem)
			found(f, SIDE_SOURCE, object, "%s", problem);
	}
}

/* ---- the places at the destination ---- */

void check_disk_exists(const struct check_input *in, struct findings *f)
{
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_DESTINATION);
		auto_free char *size = str_bytes(p->dst.size);

		if (p->fate != IMAGE_COPIED || p->image->source != DISK_FILE)
			continue;
		if (p->dst.present == FACT_YES && p->dst.kind == 'f')
			found(f, SIDE_DESTINATION, object, "there is a file of that name already (%s)", size);
		else if (p->dst.present == FACT_YES)
			found(f, SIDE_DESTINATION, object, "there is something of that name already that is no file");
		else if (p->dst.present == FACT_UNKNOWN && !in->images.dst_err.id)
			found_unknown(f, SIDE_DESTINATION, object, "a directory on the way to it may not be searched");
	}
}

/* Two files of the guest would become one. */
void check_disk_collision(const struct check_input *in, struct findings *f)
{
	each_image (p, in)
		for (const struct image_plan *o = in->images.v; o < p; o++) {
			auto_free char *object = object_of(p, SIDE_DESTINATION);

			if (!p->dst_path || !str_eq(o->dst_path, p->dst_path) ||
			    (p->fate != IMAGE_COPIED && o->fate != IMAGE_COPIED &&
			     str_eq(o->image->path, p->image->path)))
				continue;
			found(f, SIDE_DESTINATION, object, "disk %s (%s) would lie there, too", o->disk->target,
			      o->image->path);
			break;
		}
}

static bool needs_place(const struct image_plan *p)
{
	return (p->fate == IMAGE_COPIED || p->fate == IMAGE_FETCHED) && p->image->source == DISK_FILE &&
	       p->dst.present == FACT_NO;
}

void check_disk_directory(const struct check_input *in, struct findings *f)
{
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_DESTINATION);

		if (!needs_place(p))
			continue;
		if (p->dst.dir_is_none)
			found(f, SIDE_DESTINATION, object, "something on the way to it is no directory");
		else if (p->dst.dir_writable == FACT_NO)
			found(f, SIDE_DESTINATION, object, "we may not write in %s",
			      p->dst.dir_is_parent ? "its directory" : "the directory its own would be made in");
	}
}

void check_disk_device(const struct check_input *in, struct findings *f)
{
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_DESTINATION);

		if ((p->fate != IMAGE_COPIED && p->fate != IMAGE_FETCHED) || p->image->source != DISK_BLOCK ||
		    in->images.dst_err.id)
			continue;
		if (p->dst.present == FACT_UNKNOWN || (p->dst.present == FACT_YES && (!p->dst.size || !p->src.size))) {
			found_unknown(f, SIDE_DESTINATION, object,
				      "cannot be told whether it is a device of the same size");
			continue;
		}
		if (p->dst.present != FACT_YES)
			found(f, SIDE_DESTINATION, object, "there is no such block device");
		else if (p->dst.kind != 'b')
			found(f, SIDE_DESTINATION, object, "it is no block device");
		else if (p->fate == IMAGE_FETCHED)
			continue; /* compared by its content */
		else if (p->dst.busy == FACT_YES)
			found(f, SIDE_DESTINATION, object, "the device is in use there");
		else if (p->dst.size != p->src.size)
			found(f, SIDE_DESTINATION, object, "the device has %" PRIu64 " bytes, and %" PRIu64 " on %s",
			      p->dst.size, p->src.size, in->src_name);
		else
			continue;
		found_hint(f,
			   "make a device of %llu bytes there that nothing else uses, for a logical volume: "
			   "lvcreate -L %llub",
			   (unsigned long long)p->src.size, (unsigned long long)p->src.size);
	}
}

void check_backing_different(const struct check_input *in, struct findings *f)
{
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_DESTINATION);

		if (p->fate != IMAGE_FETCHED || p->dst.present == FACT_NO || p->same == FACT_YES)
			continue;
		if (p->same == FACT_NO)
			found(f, SIDE_DESTINATION, object, "there is another file of that name: %s", p->differs);
		else if (!in->images.dst_err.id && !in->images.src_err.id)
			found_unknown(f, SIDE_DESTINATION, object,
				      "cannot be told whether it is the same as at the source: %s",
				      p->differs ? p->differs : "the host did not say");
	}
}

/* ---- room ---- */

/* Needs of all on one file system. */
struct room {
	uint64_t dev, avail, now, worst;
	const char *path; /* one of the files */
};

static struct room *room_of(struct room **v, size_t *n, const struct file_fact *dst, const char *path)
{
	struct room *r;

	for (size_t i = 0; i < *n; i++)
		if ((*v)[i].dev == dst->dir_dev)
			return &(*v)[i];
	r = ARRAY_ADD(*v, *n);
	r->dev = dst->dir_dev;
	r->avail = dst->avail;
	r->path = path;
	return r;
}

/* What the host says of a path: of this guest's files, or of those of the guests after it. */
static const struct file_fact *fact_of(const struct check_input *in, const char *path)
{
	each_image (p, in)
		if (str_eq(p->dst_path, path) && p->fate != IMAGE_STAYS)
			return &p->dst;
	for (size_t i = 0; i < in->also_space.n; i++)
		if (str_eq(in->also_space.v[i].path, path) && in->also_facts)
			return &in->also_facts[i];
	return NULL;
}

static void add_needs(const struct check_input *in, const struct space_needs *s, const struct space_needs *before,
		      struct room **v, size_t *n)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct space_need *need = &s->v[i];
		const struct file_fact *fact = fact_of(in, need->path);
		struct room *r;
		bool counted = false;

		for (size_t k = 0; before && need->fetched && k < before->n; k++)
			counted |= str_eq(before->v[k].path, need->path);
		if (!fact || counted || (need->fetched && fact->present == FACT_YES))
			continue;
		r = room_of(v, n, fact, need->path);
		r->now += need->now;
		r->worst += need->worst;
	}
}

static struct room *rooms(const struct check_input *in, size_t *n)
{
	struct space_needs own = { 0 };
	struct room *v = NULL;

	images_space(&in->images, &own);
	add_needs(in, &own, NULL, &v, n);
	add_needs(in, &in->also_space, &own, &v, n);
	space_needs_clear(&own);
	/* the paths may have been own's: name those of the plan */
	for (size_t i = 0; i < *n; i++) {
		v[i].path = "file system of the disks";
		each_image (p, in)
			if (p->dst.dir_dev == v[i].dev && needs_place(p)) {
				v[i].path = p->dst_path;
				break;
			}
	}
	return v;
}

void check_disk_space(const struct check_input *in, struct findings *f)
{
	size_t n = 0;
	auto_free struct room *v = in->images.dst_err.id ? NULL : rooms(in, &n); /* E-IMAGE-UNREADABLE says so */

	for (size_t i = 0; i < n; i++) {
		auto_free char *now = str_bytes(v[i].now), *avail = str_bytes(v[i].avail);
		auto_free char *reserve = str_bytes(in->reserve);

		if (v[i].now + in->reserve > v[i].avail)
			found(f, SIDE_DESTINATION, v[i].path,
			      "its file system has %s free; the disks need %s now, and %s are to stay free", avail, now,
			      reserve);
	}
}

void check_disk_space_worst(const struct check_input *in, struct findings *f)
{
	size_t n = 0;
	auto_free struct room *v = in->images.dst_err.id ? NULL : rooms(in, &n);

	for (size_t i = 0; i < n; i++) {
		auto_free char *worst = str_bytes(v[i].worst), *avail = str_bytes(v[i].avail);

		if (v[i].now + in->reserve <= v[i].avail && v[i].worst + in->reserve > v[i].avail)
			found(f, SIDE_DESTINATION, v[i].path, "its file system has %s free; the disks can grow to %s",
			      avail, worst);
	}
}

/* ---- tools ---- */

static void need_tool(const struct check_input *in, struct findings *f, enum side side, const char *tool,
		      const char *why)
{
	const struct host_facts *h = facts_of(in, side);

	if (blind(in, side, WAY_SHELL) || strv_has(&h->tools, tool))
		return;
	found(f, side, tool, "is not there, and is needed to %s", why);
}

void check_image_tools(const struct check_input *in, struct findings *f)
{
	bool copied = false, compared = false, fetched = false;

	each_image (p, in) {
		copied |= p->fate == IMAGE_COPIED;
		compared |= p->fate == IMAGE_FETCHED;
		fetched |= p->fate == IMAGE_FETCHED && p->dst.present != FACT_YES;
	}
	if (!copied && !compared)
		return;
	need_tool(in, f, SIDE_SOURCE, "qemu-img", "look at the images");
	need_tool(in, f, SIDE_DESTINATION, "qemu-img", "make the images");
	if (in->mode == MODE_COLD && (copied || fetched))
		need_tool(in, f, SIDE_DESTINATION, "qemu-storage-daemon", "receive the disks from the source");
	if (compared || in->mode == MODE_COLD) {
		need_tool(in, f, SIDE_SOURCE, "sha256sum", "compare backing files");
		need_tool(in, f, SIDE_DESTINATION, "sha256sum", "compare backing files");
	}
	if (fetched && in->mode != MODE_COLD && !in->fetch_from_service_only)
		need_tool(in, f, SIDE_DESTINATION, "qemu-nbd", "receive backing files from the source");
}

/* ---- afterwards ---- */

void check_source_device(const struct check_input *in, struct findings *f)
{
	each_image (p, in) {
		auto_free char *object = object_of(p, SIDE_SOURCE);

		if (p->fate == IMAGE_COPIED && p->image->source == DISK_BLOCK)
			found(f, SIDE_SOURCE, object,
			      "a block device stays as it is after the move, with a stale copy on it");
	}
}

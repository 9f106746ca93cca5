/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Once the guest runs at the destination: are its disks what they should be, and what becomes of the source's. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "migrate/migrate.h"

enum { OPEN_LIMIT_MS = 5000 }; /* a QEMU that ends closes its files within this */

/* ---- arrived ---- */

static int wrong(struct migration *m, const struct image_plan *p, struct err *err, const char *what)
{
	err_set(err, E_INCOMPLETE, 0, "%s: disk %s: %s: %s; the source's disks are left as they are",
		host_label(m->dst), p->disk->target, p->dst_path, what);
	return err_hint(err, "compare it with the source's: qemu-img info -U --backing-chain %s", p->dst_path);
}

static int compare_link(struct migration *m, const struct image_plan *p, const struct image_info *there,
			struct err *err)
{
	auto_free char *backing = image_backing_name(&m->facts.images, p);
	auto_free char *what = NULL;

	if (p->info->virtual_size != there->virtual_size)
		what = str_printf("it has %" PRIu64 " bytes for the guest, not %" PRIu64, there->virtual_size,
				  p->info->virtual_size);
	else if (!str_eq(p->info->format, there->format))
		what = str_printf("its format is %s, not %s", there->format, p->info->format);
	else if (!str_eq(backing, there->backing_said))
		what = str_printf("its backing file is %s, not %s", there->backing_said ? there->backing_said : "none",
				  backing ? backing : "none");
	return what ? wrong(m, p, err, what) : 0;
}

static int compare_chain(struct migration *m, const struct image_plan *top, struct err *err)
{
	struct image_chain c auto_image_chain = { 0 };
	struct err why auto_err = ERR_INIT;
	const struct image_plan *p = top;

	if (image_chain(m->dst, top->dst_path, top->info->format, true, &c, &why) < 0)
		return wrong(m, top, err, why.msg);
	for (size_t i = 0; i < c.n; i++, p = image_below(&m->facts.images, p)) {
		if (!p || !p->info)
			return wrong(m, top, err, "its backing chain is longer than the source's");
		if (compare_link(m, p, &c.v[i], err) < 0)
			return -1;
	}
	return p ? wrong(m, top, err, "its backing chain is shorter than the source's") : 0;
}

int disks_arrived(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;

	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].fate == IMAGE_COPIED && compare_chain(m, &im->v[i], err) < 0)
			return -1;
	return 0;
}

/* A copy ends where it finds no room: then what is left is less than QEMU writes in one go. */
char *disks_full(struct migration *m)
{
	enum { ROOM = 2 << 20 };
	const struct images *im = &m->facts.images;
	char *text = NULL;

	for (size_t i = 0; i < im->n && !text; i++) {
		const char *paths[] = { im->v[i].dst_path };
		struct file_fact f = { 0 };

		if (im->v[i].fate != IMAGE_COPIED || im->v[i].image->source != DISK_FILE)
			continue;
		if (files_stat(m->dst, paths, 1, &f, NULL) == 0 && f.present == FACT_YES && f.avail < ROOM)
			text = str_printf("the file system of %s is full there (%" PRIu64 " KiB left)", paths[0],
					  f.avail >> 10);
		file_fact_clear(&f);
	}
	return text;
}

/* ---- the source's ---- */

/* One of the source's images; borrowed. */
struct source_image {
	const char *target, *path;
	struct file_id id;
};

static struct source_image image_of(const struct image_plan *p)
{
	return (struct source_image) { p->disk->target, p->image->path, p->src.id };
}

static int act_on_source(struct migration *m, const struct source_image *s, const char *new_name, enum file_gone *gone,
			 struct err *err)
{
	int64_t until = clock_ms() + OPEN_LIMIT_MS;
	int rc;

	for (;;) {
		rc = new_name ? file_rename(m->src, s->path, new_name, s->id, gone, err)
			      : file_remove(m->src, s->path, s->id, gone, err);
		if (rc < 0 || *gone != FILE_OPEN || clock_ms() >= until)
			return rc;
		usleep(100000);
	}
}

static int not_done(struct migration *m, const struct source_image *s, const char *why, struct err *err)
{
	err_set(err, E_INCOMPLETE, 0, "%s: disk %s: %s is still there: %s", host_label(m->src), s->target, s->path,
		why);
	return err_hint(err, "it is a stale copy: see that nothing starts from it, then move it away");
}

static int put_away(struct migration *m, const struct source_image *s, bool quarantine, struct err *err)
{
	auto_free char *name = quarantine ? str_printf("%s.vmmig-quarantine-%s", s->path, m->record.id) : NULL;
	auto_free char *object = name ? str_printf("%s", name) : xstrdup(s->path);
	auto_free char *id = file_id_text(s->id);
	struct err why auto_err = ERR_INIT;
	enum file_gone gone = FILE_ABSENT;
	int64_t effect = 0;

	if (effect_begin(m, m->src, quarantine ? "quarantine" : "delete", object, &effect, &why) < 0)
		return not_done(m, s, why.msg, err);
	if (act_on_source(m, s, name, &gone, &why) < 0) {
		effect_end(m, effect, &why);
		return not_done(m, s, why.msg, err);
	}
	if (gone != FILE_REMOVED) {
		effect_result(m, effect, NULL, "left: %s", file_gone_name(gone));
		return gone == FILE_ABSENT ? 0 : not_done(m, s, file_gone_name(gone), err);
	}
	if (name)
		migration_note(m, "%s: disk %s: the source's image is now %s", host_label(m->src), s->target, name);
	else
		migration_note(m, "%s: disk %s: %s was deleted", host_label(m->src), s->target, s->path);
	return effect_result(m, effect, err, "done %s", id);
}

/* A saved image would make the stale definition go on where the guest was. */
enum source_disks disks_afterwards(const struct migration *m, const struct image_plan *p)
{
	if (p->image->source != DISK_FILE)
		return SOURCE_KEEP;
	return m->opt->source_disks == SOURCE_KEEP && disk_is_saved_image(p->disk) ? SOURCE_QUARANTINE
										   : m->opt->source_disks;
}

static void say_kept(struct migration *m, const struct image_plan *p)
{
	migration_note(m, "%s: disk %s: %s stays, a copy that grows stale", host_label(m->src), p->disk->target,
		       p->image->path);
}

/* All of them, also when one cannot be put away; the first reason stays. */
int disks_confirm(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;
	int rc = 0;

	for (size_t i = 0; i < im->n; i++) {
		const struct image_plan *p = &im->v[i];
		const struct source_image s = image_of(p);

		if (p->fate != IMAGE_COPIED)
			continue;
		if (disks_afterwards(m, p) == SOURCE_KEEP)
			say_kept(m, p);
		else if (put_away(m, &s, m->opt->source_disks != SOURCE_DELETE, err) < 0)
			rc = -1;
	}
	return rc;
}

/* ---- for whoever has to finish it, if we die ---- */

int disks_remember(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;

	for (size_t i = 0; i < im->n; i++) {
		const struct image_plan *p = &im->v[i];
		auto_free char *object = NULL, *id = NULL;
		int64_t effect;

		if (p->fate != IMAGE_COPIED || disks_afterwards(m, p) == SOURCE_KEEP)
			continue;
		object = str_printf("%s %s", p->disk->target, p->image->path);
		id = file_id_text(p->src.id);
		if (effect_begin(m, m->src, "source-image", object, &effect, err) < 0 ||
		    effect_result(m, effect, err, "is %s", id) < 0)
			return -1;
	}
	return 0;
}

/* "TARGET PATH", "is DEV:INO" */
static int put_away_remembered(struct migration *m, const struct effect_record *e, struct err *err)
{
	const char *path = e->object ? strchr(e->object, ' ') : NULL;
	auto_free char *target = path ? xstrndup(e->object, (size_t)(path - e->object)) : NULL;
	struct source_image s = { .target = target, .path = path ? path + 1 : NULL };

	if (!path || !e->result || !str_starts(e->result, "is ") || file_id_parse(e->result + strlen("is "), &s.id) < 0)
		return 0; /* it died before it knew */
	return put_away(m, &s, true, err);
}

/* Always by another name: what was to be deleted can be deleted later. */
int disks_confirm_remembered(struct migration *m, struct err *err)
{
	struct effect_record *v = NULL;
	size_t n = 0;
	int rc = journal_effects(m->journal, m->record.id, &v, &n, err);

	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i].kind, "source-image") && put_away_remembered(m, &v[i], err) < 0)
			rc = -1;
	journal_effects_free(v, n);
	return rc;
}

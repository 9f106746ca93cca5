/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of a guest that is off: prepare, and what becomes of each. A base belongs to all who stand on it: it gets
 * its name as soon as it has come. Files that the guest writes get theirs only when all of them are there, so until
 * then a vmmig that comes later goes on with what has come.
 *
 * Nobody waits for a base that others bring while it holds one itself that is not on its way.
 */
#include <inttypes.h>
#include <string.h>

#include "base/interrupt.h"
#include "migrate/cold-private.h"

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

int cold_files_begin(struct migration *m, struct err *err)
{
	list_files(m);
	return lock_own(m, err);
}

int cold_base_lock(struct migration *m, struct cold_file *f, struct err *err)
{
	const char *names[] = { f->part, NULL };
	int rc = files_lock(m->dst, true, names, &f->lock, err);

	f->ours |= rc == 0;
	return rc < 0 ? err_wrap(err, "%s", host_label(m->dst)) : !rc;
}

static void let_go(struct cold_file *f)
{
	f->ours = false;
	host_hold_end(STEAL(f->lock));
}

int cold_base_look(struct migration *m, struct cold_file *f, struct err *err)
{
	int rc = fetch_there_meanwhile(m, f->p, err);

	if (rc > 0)
		let_go(f);
	return rc;
}

static int lock_again(struct migration *m, struct err *err)
{
	host_hold_end(STEAL(m->copy_locks));
	host_hold_end(STEAL(m->use_locks));
	if (fetch_lock_use(m, err) < 0 || lock_own(m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->files_n; i++) {
		struct cold_file *f = &m->files[i];
		int rc;

		if (!f->ours)
			continue;
		host_hold_end(STEAL(f->lock));
		rc = cold_base_lock(m, f, err);
		if (rc <= 0)
			return rc < 0 ? -1
				      : err_set(err, E_BUSY, 0, "%s: somebody else brings %s", host_label(m->dst),
						f->p->dst_path);
	}
	return 0;
}

/* A session that died may hold them for a while yet: 1. */
static int held_again(struct migration *m, struct err *err)
{
	struct err why auto_err = ERR_INIT;
	int rc = migration_keep_lease(m, &why);

	if (rc == 0 && m->copy_locks_lost) {
		rc = lock_again(m, &why);
		m->copy_locks_lost = rc < 0;
	}
	if (rc < 0 && err_is(&why, E_BUSY))
		return 1;
	if (rc < 0)
		err_move(err, &why);
	return rc;
}

int cold_mend(struct migration *m, struct err *err)
{
	int src = host_reopen(m->src, NULL), dst = host_reopen(m->dst, NULL);

	m->lease_lost |= src == 1;
	m->copy_locks_lost |= dst == 1;
	return src < 0 || dst < 0 ? 1 : held_again(m, err);
}

static int on_mend(void *arg, struct err *err)
{
	return cold_mend(arg, err);
}

static void on_note(void *arg, const char *text)
{
	migration_note(arg, "%s", text);
}

struct copy_link cold_link(struct migration *m)
{
	return (struct copy_link) { .mend = on_mend, .note = on_note, .arg = m };
}

/* ---- one file ---- */

int cold_part_open(struct migration *m, struct cold_file *f, struct err *err)
{
	/* nothing takes a device back; but whoever comes later has to know of it */
	if (f->copy.device && !f->device_effect &&
	    effect_begin(m, m->dst, "copy-device", f->part, &f->device_effect, err) < 0)
		return -1;
	if (!f->copy.device && !f->made) {
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

int cold_part_finish(struct migration *m, struct cold_file *f, struct err *err)
{
	const struct image_plan *below = image_below(&m->facts.images, f->p);
	bool rebased = image_digest_kind(&m->facts.images, f->p) == DIGEST_QCOW2_REBASED;
	auto_free char *backing = rebased ? image_backing_name(&m->facts.images, f->p) : NULL;
	struct file_like like = file_like(&f->p->src);

	if (f->copy.device)
		return 0;
	if (part_finish(m->dst, f->part, &like, backing, below && below->info ? below->info->format : "raw",
			f->p->fate == IMAGE_COPIED, &f->id, err) < 0)
		return err_wrap(err, "%s: %s", host_label(m->dst), f->p->dst_path);
	f->finished = true;
	return 0;
}

int cold_publish(struct migration *m, struct cold_file *f, struct err *err)
{
	if (f->device_effect)
		effect_end(m, f->device_effect, NULL);
	f->device_effect = 0;
	if (!f->finished)
		return 0;
	if (made_publish(m, &m->made[f->made - 1], f->id, err) < 0)
		return -1;
	f->finished = false;
	let_go(f);
	return 0;
}

/* ---- prepare ---- */

/* An image service first, where it is to be asked: that may wait, and we hold nothing yet that others wait for. */
static int prepare_by_service(struct migration *m, struct err *err)
{
	for (size_t i = 0; i < m->files_n; i++) {
		struct cold_file *f = &m->files[i];

		if (f->p->fate != IMAGE_FETCHED || !fetch_by_service(m, f->p))
			continue;
		/* it falls back to the source, unless the configuration forbids it */
		if (fetch_one(m, f->p, err) < 0)
			return -1;
		f->there = true;
	}
	return 0;
}

/* May be tried again. */
static int prepare_one(struct migration *m, struct cold_file *f, struct err *err)
{
	int rc;

	if (f->there)
		return 0;
	if (f->p->fate == IMAGE_COPIED)
		return cold_part_open(m, f, err);
	rc = f->ours ? 1 : cold_base_lock(m, f, err); /* it is ours where this is another try */
	f->awaited = rc == 0;
	if (rc <= 0)
		return rc;
	rc = cold_base_look(m, f, err);
	f->there = rc > 0;
	return rc ? (rc < 0 ? -1 : 0) : cold_part_open(m, f, err);
}

struct preparing {
	struct migration *m;
	struct cold_file *f;
};

static int prepare_step(void *arg, struct err *err)
{
	struct preparing *p = arg;

	return prepare_one(p->m, p->f, err);
}

int prepare_cold_run(struct migration *m, struct err *err)
{
	struct copy_link link = cold_link(m);

	if (disks_remember(m, err) < 0 || prepare_directories(m, err) < 0 || fetch_lock_use(m, err) < 0 ||
	    cold_files_begin(m, err) < 0 || prepare_by_service(m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->files_n; i++) {
		if (interrupt_pending())
			return err_set(err, E_CANCELLED, 0, "interrupted while the disks were prepared");
		if (copy_insist(&link, prepare_step, &(struct preparing) { m, &m->files[i] }, err) < 0)
			return -1;
	}
	return 0;
}

void prepare_cold_undo(struct migration *m)
{
	prepare_block_undo(m);
}

/* ---- afterwards ---- */

int cold_files_unchanged(struct migration *m, struct err *err)
{
	for (size_t i = 0; i < m->files_n; i++) {
		struct cold_file *f = &m->files[i];

		if (f->p->fate != IMAGE_COPIED)
			continue;
		if (copy_unchanged(m->src, f->p->image->path, &f->p->src, err) < 0)
			return -1;
		if (f->p->src.kind == 'b' && f->copy.digest && copy_same_content(m->src, &f->copy, err) < 0)
			return -1;
	}
	return 0;
}

void cold_files_release(struct migration *m)
{
	for (size_t i = 0; i < m->files_n; i++) {
		copy_file_clear(&m->files[i].copy);
		host_hold_end(m->files[i].lock);
		free(m->files[i].part);
	}
	free(m->files);
	m->files = NULL;
	m->files_n = 0;
	host_hold_end(STEAL(m->copy_locks));
}

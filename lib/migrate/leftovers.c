/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A vmmig that was killed could not undo, nor one whose destination did not answer any more. Its journal says what it
 * made, each thing with its identity; the next one that moves the same guest to the same host takes that away, and goes
 * on with backing files that it needs itself.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "migrate/migrate.h"

enum { HISTORY = 50 }; /* of the guest's migrations, the newest */

/* Will this migration want that file? Then what is there of it is kept. */
static bool wanted(const struct migration *m, const char *path)
{
	for (size_t i = 0; i < m->domain->disks_n; i++) {
		const struct disk *k = &m->domain->disks[i];

		for (size_t n = 0; n < k->chain_n; n++) {
			auto_free char *there =
				k->chain[n].path ? remap_path(&m->opt->remap, k->target, n, k->chain[n].path) : NULL;

			if (str_eq(there, path))
				return true;
		}
	}
	return false;
}

/* Its own act is over: no process of it runs here, the guest has no job, and nothing of it is at the destination. */
static bool is_over(struct migration *m, const struct migration_record *r)
{
	struct guest_look dst auto_look = { 0 };

	if (str_eq(r->id, m->record.id) || str_eq(r->mode, mode_name(MODE_LIVE)) || !str_eq(r->to, host_name(m->dst)) ||
	    r->status == MIG_COMPLETED || (!r->ended_ms && migration_process_alive(r) != 0) ||
	    m->facts.look.job == GUEST_JOB_MIGRATION_OUT)
		return false;
	guest_look(m->dst, m->record.uuid, true, &dst);
	return dst.state == GUEST_ABSENT && dst.qemu_pids == 0;
}

static bool read_kind(const char *kind, enum made_kind *k)
{
	if (str_eq(kind, "make-directory"))
		*k = MADE_DIRECTORY;
	else if (str_eq(kind, "make-image"))
		*k = MADE_IMAGE;
	else if (str_eq(kind, "fetch"))
		*k = MADE_BACKING;
	else if (str_eq(kind, "copy"))
		*k = MADE_COPY;
	else
		return false;
	return true;
}

/* "made 1:2" or "done 1:2" */
static bool read_result(const char *result, struct file_id *id)
{
	return result && (str_starts(result, "made ") || str_starts(result, "done ")) &&
	       file_id_parse(result + strlen("made "), id) == 0;
}

/* One effect of the old migration, as its own undo would see it. False: it made nothing, or that is gone. */
static bool read_effect(const struct effect_record *e, const char *id, struct made *d)
{
	*d = (struct made) { .effect = e->seq };
	if (!e->object || !read_kind(e->kind, &d->kind))
		return false;
	d->have_id = read_result(e->result, &d->id);
	if (e->result && !d->have_id)
		return false;
	d->path = xstrdup(e->object);
	d->temp = made_is_part(d->kind) ? file_part_name(d->path) : file_temp_name(d->path, id);
	return true;
}

/*
 * The copy of a file the guest writes: gone on with, where this migration copies it, too. One that was complete, and
 * had its name already, loses it again; what is noted beside it still tells of which state of the source's file it is.
 * False: it is to go.
 */
static bool keep_copy(struct migration *m, const struct made *d)
{
	enum file_gone gone = FILE_ABSENT;

	if (d->kind != MADE_COPY || m->mode != MODE_COLD || !wanted(m, d->path))
		return false;
	if (!d->have_id)
		return true;
	if (file_rename(m->dst, d->path, d->temp, d->id, &gone, NULL) < 0 || gone != FILE_REMOVED)
		return false;
	/* its old record must not take it away when it has its name again */
	effect_result(m, d->effect, NULL, "left: gone on with by %s", m->record.id);
	return true;
}

enum taken {
	GONE,
	KEPT, /* to be gone on with, once this migration comes to it */
	OURS, /* it stays, and is this migration's now */
	LEFT,
};

static enum taken take_over(struct migration *m, const struct made *d)
{
	auto_free char *why = NULL;
	struct made_answer a;

	if (d->kind == MADE_BACKING && wanted(m, d->path))
		return d->have_id ? OURS : KEPT;
	if (keep_copy(m, d))
		return KEPT;
	why = made_take_back(m, d, &a);
	if (!why) {
		effect_undone(m, d->effect);
		return GONE;
	}
	if (d->kind == MADE_DIRECTORY) /* what is in it may go later, and it after that */
		return OURS;
	migration_note(m, "%s: %s was left: %s", host_label(m->dst), d->path, why);
	return LEFT;
}

static void drop(struct made *d)
{
	free(d->path);
	free(d->temp);
}

/*
 * It runs on at the source, in a QEMU that is older than that migration: so it has never left. One that is paused there
 * may be the half that waits, with the other one ended since.
 */
static bool never_left(struct migration *m, const struct migration_record *r)
{
	enum { MARGIN_S = 2 }; /* both are whole seconds */
	int64_t since_s = (clock_wall_ms() - r->started_ms) / 1000;
	uint64_t age;

	return guest_is_running(&m->facts.look) && since_s >= 0 && guest_age(m->src, m->record.uuid, &age, NULL) == 0 &&
	       age > (uint64_t)since_s + MARGIN_S;
}

/*
 * libvirt was asked to move it, and nobody has proven that it stayed: it may have run there on what was made, and that
 * is not ours to remove any more, whatever has happened since.
 */
static bool may_have_lived_there(struct migration *m, const struct migration_record *r, const struct effect_record *v,
				 size_t n)
{
	/* the ends that say "the guest is as before at the source" */
	bool proven = r->ended_ms &&
		      (str_eq(r->error_id, err_infos[E_MIGRATE].id) || str_eq(r->error_id, err_infos[E_DEADLINE].id) ||
		       str_eq(r->error_id, err_infos[E_CONVERGE].id) || str_eq(r->error_id, err_infos[E_CANCELLED].id));

	for (size_t i = 0; i < n; i++)
		if ((str_eq(v[i].kind, "migrate") ||
		     (str_starts(v[i].kind, "define") && !str_eq(v[i].result, "undone"))) &&
		    !proven)
			return !never_left(m, r);
	return false;
}

/* All that it has left is gone. One that was shut down for it is still to be started. */
static void close_leftover(struct migration *m, struct migration_record *r, const struct effect_record *v, size_t n)
{
	if (!r->leftover)
		return;
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i].kind, "shutdown"))
			return;
	r->leftover = false;
	journal_update(m->journal, r, NULL);
}

/* Backwards, since what was made last lies in what was made first; what stays is taken over in its old order. */
static void clear_one(struct migration *m, struct migration_record *r, struct made **kept, size_t *kept_n)
{
	struct err err auto_err = ERR_INIT;
	struct effect_record *v = NULL;
	size_t n = 0;
	bool told = false, all_gone;

	if (journal_effects(m->journal, r->id, &v, &n, &err) < 0) {
		log_warn("%s: %s", err.id, err.msg);
		return;
	}
	all_gone = !may_have_lived_there(m, r, v, n);
	for (size_t i = all_gone ? n : 0; i-- > 0;) {
		enum taken taken;
		struct made d;

		if (!read_effect(&v[i], r->id, &d))
			continue;
		if (!told)
			migration_note(m, "migration %s could not tidy up; taking back what it made", r->id);
		told = true;
		taken = take_over(m, &d);
		all_gone &= taken == GONE;
		if (taken == OURS)
			*ARRAY_ADD(*kept, *kept_n) = d;
		else
			drop(&d);
	}
	if (all_gone)
		close_leftover(m, r, v, n);
	journal_effects_free(v, n);
}

void leftovers_clear(struct migration *m)
{
	struct err err auto_err = ERR_INIT;
	struct migration_record *v = NULL;
	struct made *kept = NULL;
	size_t n = 0, kept_n = 0;

	if (journal_list(m->journal, m->record.uuid, false, HISTORY, &v, &n, &err) < 0) {
		log_warn("%s: %s", err.id, err.msg);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (is_over(m, &v[i]))
			clear_one(m, &v[i], &kept, &kept_n);
	while (kept_n-- > 0)
		*ARRAY_ADD(m->made, m->made_n) = kept[kept_n];
	free(kept);
	journal_list_free(v, n);
}

void leftovers_undo(struct migration *m)
{
	struct err err auto_err = ERR_INIT;
	struct effect_record *v = NULL;
	size_t n = 0;

	if (journal_effects(m->journal, m->record.id, &v, &n, &err) < 0)
		log_warn("%s: %s", err.id, err.msg);
	for (size_t i = n; i-- > 0;) {
		struct made d;

		if (!read_effect(&v[i], m->record.id, &d))
			continue;
		made_undo_one(m, &d);
		drop(&d);
	}
	journal_effects_free(v, n);
}

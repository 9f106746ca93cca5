/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The move of a guest that was off, whose vmmig is gone. Nothing goes on without it; so it is brought to one of two
 * ends, by evidence from both hosts and the journal:
 *
 *   not defined at the destination   taken back: what was made there goes; one that vmmig had shut down runs again
 *   defined there, off at the source finished: all files were complete and verified before; the source's definition
 *                                    goes, unless a file of the source has changed since
 *   anything else                    left to a person
 */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "migrate/perform-private.h"

/* What the journal says of it. */
struct said {
	bool defined;       /* that was at least begun */
	bool shut_down;     /* by us */
	struct strv copies; /* files of it that were complete: their paths at the destination */
};

static int read_journal(struct migration *m, struct said *s, struct err *err)
{
	struct effect_record *v = NULL;
	size_t n = 0;

	if (journal_effects(m->journal, m->record.id, &v, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct effect_record *e = &v[i];

		if (str_eq(e->kind, "define"))
			s->defined = !str_eq(e->result, "undone");
		else if (str_eq(e->kind, "shutdown"))
			s->shut_down = true;
		else if (str_eq(e->kind, "start") && str_eq(e->host, host_name(m->src)))
			s->shut_down = false;
		else if (str_eq(e->kind, "copy") && e->object && e->result && str_starts(e->result, "done "))
			strv_add(&s->copies, e->object);
	}
	journal_effects_free(v, n);
	return 0;
}

/*
 * Beside each file that was copied stands which state of the source's it is (part_open()), until the source's
 * definition has gone. Is the source's file still in that state? One that got another path cannot be told.
 */
static int is_unchanged(struct migration *m, const char *path, struct err *err)
{
	auto_free char *part = file_part_name(path), *state = str_printf("%s.state", part), *is = NULL, *id = NULL;
	struct buf was auto_buf = { 0 };
	struct file_fact f = { 0 };
	int rc = host_read_file(m->dst, state, 4096, false, &was, err);

	if (rc < 0)
		return -1;
	if (rc > 0) /* it goes when the source's definition has gone */
		return m->src_look.state == GUEST_ABSENT
			       ? 0
			       : err_set(err, E_UNDECIDED, 0, "%s: it cannot be told of which state of the disk %s is",
					 host_label(m->dst), path);
	if (files_stat(m->src, &path, 1, &f, err) < 0)
		return -1;
	id = file_id_text(f.id);
	is = str_printf(" %s %" PRIu64 " %" PRId64 "\n", id, f.size, f.mtime_ns);
	if (f.present != FACT_YES || !strstr(was.p ? was.p : "", is)) {
		auto_free char *away = str_printf("%s.vmmig-quarantine-%s", path, m->record.id);
		struct file_fact q = { 0 };

		/* it was put away by the one who is gone: that came after the proof */
		if (f.present != FACT_NO || files_stat(m->src, (const char *[]) { away }, 1, &q, err) < 0 ||
		    q.present != FACT_YES)
			err_set(err, E_UNDECIDED, 0,
				"%s: %s is not, or cannot be told to be, what was copied: the guest may have run there "
				"since",
				host_label(m->src), path);
		file_fact_clear(&q);
	}
	file_fact_clear(&f);
	return err->id ? -1 : 0;
}

static int undecided(struct migration *m, const char *why, struct err *err)
{
	auto_free char *src = look_text(&m->src_look), *dst = look_text(&m->dst_look);

	err_set(err, E_UNDECIDED, 0, "%s; %s: %s; %s: %s", why, host_label(m->src), src, host_label(m->dst), dst);
	return err_hint_text(err, "see which side has the newer disk, and \"A cold migration was killed\" in "
				  "vmmig-troubleshooting(7)");
}

static bool is_simply_off(const struct guest_look *l)
{
	return l->state == GUEST_SHUTOFF && l->why != GUEST_WHY_MIGRATED && l->qemu_pids == 0;
}

static int start_source(struct migration *m, struct err *err)
{
	if (migration_act(m, m->src, "start", guest_start, err) < 0)
		return -1;
	migration_note(m, "%s: it had been shut down for its move, and runs again", host_label(m->src));
	return 0;
}

/* It has never been at the destination. */
static int roll_back(struct migration *m, const struct said *s, struct err *err)
{
	leftovers_undo(m);
	m->safe = true;
	if (s->shut_down && is_simply_off(&m->src_look) && start_source(m, err) < 0)
		return -1;
	err_set(err, E_CANCELLED, 0, "it did not come to its end; the guest is as before at %s", host_label(m->src));
	return err_hint(err, "move it again: vmmig cold %s --from %s --to %s", m->record.guest, host_name(m->src),
			host_name(m->dst));
}

static int finish_forward(struct migration *m, const struct said *s, struct err *err)
{
	for (size_t i = 0; i < s->copies.n; i++)
		if (is_unchanged(m, s->copies.v[i], err) < 0)
			return -1;
	m->moved = true;
	for (size_t i = 0; i < s->copies.n; i++) {
		auto_free char *part = file_part_name(s->copies.v[i]);

		part_done(m->dst, part, NULL);
	}
	if (m->src_look.state == GUEST_ABSENT)
		return 0;
	migration_note(m, "%s: the images it had there are left, if any; they grow stale", host_label(m->src));
	return migration_act(m, m->src, "undefine", guest_undefine, err);
}

static int settle(struct migration *m, struct err *err)
{
	struct said s = { 0 };
	int rc = read_journal(m, &s, err);
	bool dst_here = m->dst_look.state != GUEST_ABSENT || m->dst_look.qemu_pids != 0;

	if (rc == 0 && !dst_here && (guest_is_active(&m->src_look) || is_simply_off(&m->src_look)))
		rc = roll_back(m, &s, err);
	else if (rc == 0 && s.defined && m->dst_look.persistent &&
		 (is_simply_off(&m->src_look) || (m->src_look.state == GUEST_ABSENT && m->src_look.qemu_pids == 0)))
		rc = finish_forward(m, &s, err);
	else if (rc == 0)
		rc = undecided(m, "it is neither simply at the source nor at the destination", err);
	strv_clear(&s.copies);
	return rc;
}

static int settle_phase(struct migration *m, struct err *err)
{
	migration_look(m);
	return settle(m, err);
}

enum status migrate_adopt_cold(struct migration *m, struct err *err)
{
	static const struct phase phases[] = { { "finish", "both", settle_phase, NULL } };
	auto_free char *who = migration_lease_text(m);

	m->report->guest = m->guest;
	if (ask_both(m, err) < 0 || guest_lease(m->src, m->record.uuid, who, &m->lease, err) < 0 ||
	    control_forget(m, err) < 0 || journal_take_over(m->journal, &m->record, err) < 0) {
		m->report->guest = NULL;
		return err->status;
	}
	m->report->migration = m->record.id;
	m->performed = m->adopted = true;
	return migrate_walk(m, phases, ARRAY_SIZE(phases), err);
}

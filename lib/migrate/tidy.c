/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a migration has left at a host that did not answer. How it ended is known, and stays in its record. Since then
 * the guest may have gone anywhere, and by anybody: so nothing is decided about it here. What was made for it at the
 * destination goes when nothing of the guest is there; one that was shut down for its move is started again, unless
 * somebody has done so; anything else is left to a person.
 */
#include "base/interrupt.h"
#include "migrate/cold-private.h"
#include "migrate/perform-private.h"

static int left_to_a_person(struct migration *m, const char *why, struct err *err)
{
	auto_free char *src = look_text(&m->src_look), *dst = look_text(&m->dst_look);

	err_set(err, E_UNDECIDED, 0, "%s (%s: %s; %s: %s); what the migration has left at %s stays", why,
		host_label(m->src), src, host_label(m->dst), dst, host_name(m->dst));
	return err_hint(err,
			"see where it should be: vmmig recover %s; what was left: vmmig history %s; once nothing of it "
			"is needed: vmmig recover %s --reset-state",
			m->record.guest, m->record.id, m->record.id);
}

/* A later migration, and no rescue, has taken it from the source to a third host. */
static bool is_later_move(const struct migration *m, const struct migration_record *r)
{
	return r->status == MIG_COMPLETED && r->started_ms > m->record.started_ms && str_eq(r->from, m->record.from) &&
	       !str_eq(r->to, m->record.to) && !str_eq(r->mode, "recover");
}

/* Then it has lived at the source, and not on what was made at the destination. */
static bool has_moved_on(struct migration *m)
{
	struct migration_record *v = NULL;
	bool moved = false;
	size_t n = 0;

	if (journal_list(m->journal, m->record.uuid, false, 0, &v, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		moved |= is_later_move(m, &v[i]);
	journal_list_free(v, n);
	return moved;
}

static bool is_at_source(const struct migration *m)
{
	return m->src_look.state != GUEST_ABSENT && m->src_look.why != GUEST_WHY_MIGRATED;
}

/* Only a definition whose removal was begun, and has failed, can be the migration's own. */
static bool has_left_definition(struct migration *m)
{
	struct effect_record *v = NULL;
	bool left = false;
	size_t n = 0;

	if (journal_effects(m->journal, m->record.id, &v, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i].kind, "undefine") && str_eq(v[i].host, host_name(m->dst)))
			left = !str_eq(v[i].result, "done");
	journal_effects_free(v, n);
	return left;
}

/* It is there now, by whatever way. */
static bool lives_at_destination(struct migration *m, bool left_definition)
{
	const struct guest_look *dst = &m->dst_look;

	return guest_is_active(dst) || dst->qemu_pids != 0 ||
	       (dst->state == GUEST_SHUTOFF && m->src_look.state == GUEST_ABSENT && !left_definition &&
		!has_moved_on(m));
}

/* One that had stayed. */
static int take_back(struct migration *m, struct err *err)
{
	bool left_definition = has_left_definition(m);

	if (lives_at_destination(m, left_definition)) {
		migration_note(m, "%s: the guest is there now: what the migration has left there is left to it",
			       host_label(m->dst));
		return 0;
	}
	if (left_definition)
		finish_forget_there(m);
	if (m->dst_look.state != GUEST_ABSENT)
		return m->left_open ? 0 : left_to_a_person(m, "it is defined at the destination", err);
	if (!is_at_source(m) && !has_moved_on(m))
		return left_to_a_person(m, "it is at neither of the two hosts", err);
	leftovers_undo(m);
	return m->mode == MODE_COLD ? cold_start_again(m, err) : 0;
}

static int tidy(struct migration *m, struct err *err)
{
	auto_free char *who = migration_lease_text(m);
	int rc;

	if (ask_both(m, err) < 0 || guest_lease(m->src, m->record.uuid, who, &m->lease, err) < 0 ||
	    ask_both(m, err) < 0)
		return -1;
	rc = m->record.status == MIG_COMPLETED ? cold_forget_states(m, err) : take_back(m, err);
	if (rc < 0)
		return -1;
	if (m->left_open) {
		err_set(err, E_UNDECIDED, 0, "%s: not all that was left there could be taken back", host_label(m->dst));
		return err_hint(err, "try again later: vmmig recover %s", m->record.id);
	}
	m->record.leftover = false;
	migration_journal(m);
	migration_note(m, "nothing of migration %s is left to be done", m->record.id);
	return 0;
}

enum status migrate_tidy(struct migration *m, struct err *err)
{
	migration_patience(m);
	m->report->guest = m->guest;
	m->report->migration = m->record.id;
	interrupt_hold(true);
	tidy(m, err);
	begin_undo(m);
	interrupt_hold(false);
	m->report->guest = m->report->migration = NULL;
	return err->id ? err->status : STATUS_OK;
}

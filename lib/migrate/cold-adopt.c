/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The move of a guest that was off, whose vmmig is gone. Nothing goes on without it; so it is brought to one of two
 * ends, by evidence from both hosts and the journal:
 *
 *   never defined at the destination taken back: what was made there goes; one that vmmig had shut down runs again
 *   defined there, off at the source finished: all files were complete and verified before; it is started, if it was to
 *                                    be, and the source's definition goes, unless a file of the source has changed
 *   anything else                    left to a person: it may have lived on what was made there
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/interrupt.h"
#include "migrate/cold-private.h"
#include "migrate/perform-private.h"

/* What the journal says of it. */
struct said {
	enum { NOT_DEFINED, DEFINE_MEANT /* and no result: it may have been */, DEFINED } defined;
	bool to_start;        /* it was to run at the destination */
	bool shut_down;       /* by us, and not started again */
	int64_t shut_down_ms; /* when it was asked to */
	bool devices;         /* block devices were written, whose changes nobody can tell */
	struct strv copies;   /* files that were complete: their paths at the destination */
	struct strv put_away; /* of the source's images: their paths */
};

static void said_clear(struct said *s)
{
	strv_clear(&s->copies);
	strv_clear(&s->put_away);
}
#define auto_said AUTO(said_clear)

static void read_define(const struct effect_record *e, struct said *s)
{
	if (!e->result)
		s->defined = DEFINE_MEANT;
	else if (str_eq(e->result, "done"))
		s->defined = DEFINED;
	else /* "undone", "failed: …" */
		s->defined = NOT_DEFINED;
	s->to_start = str_eq(e->kind, "define-start");
}

static void read_effect(struct migration *m, const struct effect_record *e, struct said *s)
{
	auto_free char *suffix = str_printf(".vmmig-quarantine-%s", m->record.id);
	const char *cut;

	if (str_starts(e->kind, "define")) {
		read_define(e, s);
	} else if (str_eq(e->kind, "shutdown")) {
		s->shut_down = true;
		s->shut_down_ms = e->at_ms;
	} else if (str_eq(e->kind, "start") && str_eq(e->host, host_name(m->src)) && str_eq(e->result, "done")) {
		s->shut_down = false;
	} else if (str_eq(e->kind, "copy-device")) {
		s->devices = true;
	} else if (str_eq(e->kind, "copy") && e->object && e->result && str_starts(e->result, "done ")) {
		strv_add(&s->copies, e->object);
	} else if ((str_eq(e->kind, "quarantine") || str_eq(e->kind, "delete")) && e->object) {
		cut = strstr(e->object, suffix);
		strv_take(&s->put_away, cut ? xstrndup(e->object, (size_t)(cut - e->object)) : xstrdup(e->object));
	}
}

static int read_journal(struct migration *m, struct said *s, struct err *err)
{
	struct effect_record *v = NULL;
	size_t n = 0;

	if (journal_effects(m->journal, m->record.id, &v, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		read_effect(m, &v[i], s);
	journal_effects_free(v, n);
	return 0;
}

/*
 * Beside each file that was copied stands which state of which file of the source's it is (copy_open()), until the
 * source's definition has gone: "HOST ID SIZE MTIME PATH". Is the source's file still in that state? 0: yes.
 */
static int compare_state(struct migration *m, const struct said *s, const char *state, struct err *err)
{
	auto_free char *line = xstrndup(state, strcspn(state, "\n")), *is = NULL, *id = NULL;
	const char *path = strstr(line, " /");
	struct file_fact f = { 0 };
	bool same;

	if (!path++ || files_stat(m->src, &path, 1, &f, err) < 0)
		return err_set(err, E_UNDECIDED, 0, "what was copied cannot be told");
	id = file_id_text(f.id);
	is = str_printf(" %s %" PRIu64 " %" PRId64 " %s", id, f.size, f.mtime_ns, path);
	same = f.present == FACT_YES ? strstr(line, is) != NULL : f.present == FACT_NO && strv_has(&s->put_away, path);
	file_fact_clear(&f);
	return same ? 0
		    : err_set(err, E_UNDECIDED, 0, "%s: %s is not what was copied: the guest may have run there since",
			      host_label(m->src), path);
}

static int is_unchanged(struct migration *m, const struct said *s, const char *dst_path, struct err *err)
{
	auto_free char *part = file_part_name(dst_path), *state = str_printf("%s.state", part);
	struct buf was auto_buf = { 0 };
	int rc = host_read_file(m->dst, state, 2 * PATH_MAX, false, &was, err);

	if (rc < 0)
		return -1;
	return rc == 0 ? compare_state(m, s, was.p ? was.p : "", err)
		       : err_set(err, E_UNDECIDED, 0, "%s: it cannot be told of which state of the disk %s is",
				 host_label(m->dst), dst_path);
}

/* Has nobody written to what was made there since it was complete? By the record beside it, of the same clock. */
static int is_unwritten(struct migration *m, const char *dst_path, struct err *err)
{
	auto_free char *part = file_part_name(dst_path), *state = str_printf("%s.state", part);
	const char *paths[] = { dst_path, state };
	struct file_fact f[2] = { { 0 }, { 0 } };
	int rc = files_stat(m->dst, paths, 2, f, err);

	if (rc == 0 && (f[0].present != FACT_YES || f[1].present != FACT_YES || f[0].mtime_ns > f[1].mtime_ns))
		rc = err_set(err, E_UNDECIDED, 0, "%s: %s may have been written since: the guest may have run there",
			     host_label(m->dst), dst_path);
	file_fact_clear(&f[0]);
	file_fact_clear(&f[1]);
	return rc;
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

/* Is it by now on a host that this migration knows nothing of? 0: on none; 1: told; -1. */
static int is_elsewhere(struct migration *m, struct err *err)
{
	auto_free char *where = NULL;
	int rc = m->look_elsewhere ? m->look_elsewhere(m, &where, err) : 0;

	if (rc > 0)
		migration_note(m, "it is not started: %s", where);
	return rc;
}

/*
 * It may take weeks until somebody calls recover for what was left: who has started it since has also ended it. One
 * that was killed just now is started as well when that cannot be told. 1: it is not to be started; -1.
 */
static int is_off_by_will(struct migration *m, int64_t at_ms, struct err *err)
{
	enum { TAIL = 1 << 20 };
	auto_free char *log = guest_log_tail(m->src, m->record.guest, TAIL);
	enum fact started = guest_log_has_start(log, at_ms);

	if (started == FACT_YES)
		migration_note(m,
			       "%s: it was started since it was shut down for its move, and is off by somebody's will",
			       host_label(m->src));
	if (started != FACT_UNKNOWN || !m->record.leftover)
		return started == FACT_YES;
	err_set(err, E_UNDECIDED, 0,
		"%s: it was shut down for its move, and its log does not tell whether it was started since",
		host_label(m->src));
	return err_hint(err, "if it is to run: virsh -c %s start %s; then: vmmig recover %s --reset-state",
			host_uri(m->src), m->record.guest, m->record.id);
}

/* 1: it stays off, and a note says why; -1: it is still to be started. */
static int start_source(struct migration *m, const struct said *s, struct err *err)
{
	int rc;

	if (!s->shut_down || !is_simply_off(&m->src_look))
		return 0;
	rc = is_elsewhere(m, err);
	if (rc == 0)
		rc = is_off_by_will(m, s->shut_down_ms, err);
	if (rc == 0)
		rc = migration_act(m, m->src, "start", guest_start, err);
	m->left_open |= rc < 0;
	if (rc != 0)
		return rc;
	migration_note(m, "%s: it had been shut down for its move, and runs again", host_label(m->src));
	return 0;
}

/* It was perhaps defined there, in the moment before vmmig died; then nothing has run there. */
static int may_roll_back(struct migration *m, const struct said *s, struct err *err)
{
	if (s->defined == DEFINED)
		return undecided(m, "it was defined at the destination, which does not know it any more", err);
	/* a device has no time of its last change */
	if (s->defined == DEFINE_MEANT && s->devices)
		return undecided(m,
				 "it may have been defined at the destination, and has block devices, of which nobody "
				 "can tell whether they were written since",
				 err);
	for (size_t i = 0; i < s->copies.n && s->defined == DEFINE_MEANT; i++)
		if (is_unwritten(m, s->copies.v[i], err) < 0)
			return -1;
	return 0;
}

/* It has never been at the destination. */
static int roll_back(struct migration *m, const struct said *s, struct err *err)
{
	int rc;

	if (may_roll_back(m, s, err) < 0)
		return -1;
	leftovers_undo(m);
	m->safe = true;
	rc = start_source(m, s, err);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		err_set(err, E_CANCELLED, 0,
			"it did not come to its end; what was made for it is taken back, and it stays off at %s",
			host_label(m->src));
		return err_hint(err, "see where it is: vmmig recover %s; and why: vmmig history %s", m->record.guest,
				m->record.id);
	}
	err_set(err, E_CANCELLED, 0, "it did not come to its end; the guest is as before at %s", host_label(m->src));
	return err_hint(err, "move it again: vmmig cold %s --from %s --to %s", m->record.guest, host_name(m->src),
			host_name(m->dst));
}

/* One that has run there, and went off, is not started again. */
static bool is_to_start(const struct migration *m, const struct said *s)
{
	enum guest_why why = m->dst_look.why;

	return s->to_start && m->dst_look.state == GUEST_SHUTOFF && why != GUEST_WHY_SHUTDOWN &&
	       why != GUEST_WHY_DESTROYED && why != GUEST_WHY_CRASHED && why != GUEST_WHY_MIGRATED;
}

static int leave_source(struct migration *m, struct err *err)
{
	/* the images first: a definition without them cannot be started by accident */
	if (cold_add_snapshots(m, err) < 0 || disks_confirm_remembered(m, err) < 0)
		return -1;
	/* its saved image, if it has one, was copied, and is unchanged */
	return migration_act(m, m->src, "undefine", guest_undefine_saved, err);
}

static void forget_states(struct migration *m, const struct said *s)
{
	for (size_t i = 0; i < s->copies.n; i++) {
		auto_free char *part = file_part_name(s->copies.v[i]);

		cold_forget_state(m, part);
	}
}

static int finish_forward(struct migration *m, const struct said *s, struct err *err)
{
	bool at_source = m->src_look.state != GUEST_ABSENT;

	if (at_source && s->devices)
		return undecided(m, "it has block devices, of which nobody can tell whether they have changed", err);
	for (size_t i = 0; i < s->copies.n && at_source; i++)
		if (is_unchanged(m, s, s->copies.v[i], err) < 0)
			return -1;
	if (is_to_start(m, s)) {
		int rc = is_elsewhere(m, err);

		if (rc != 0)
			return rc < 0 ? -1 : undecided(m, "it is active on another host", err);
		if (migration_act(m, m->dst, "start", guest_start, err) < 0)
			return -1;
	}
	m->moved = true;
	if (at_source && leave_source(m, err) < 0)
		return -1;
	if (m->record.autostart && cold_set_autostart(m, err) < 0)
		return -1;
	forget_states(m, s);
	return 0;
}

int cold_forget_states(struct migration *m, struct err *err)
{
	struct said s auto_said = { 0 };

	if (read_journal(m, &s, err) < 0)
		return -1;
	/* else its name may be that of another copy by now */
	if (m->dst_look.state != GUEST_ABSENT)
		forget_states(m, &s);
	else
		migration_note(m, "%s: the guest has left it since; a record beside its image may be left there",
			       host_label(m->dst));
	return 0;
}

int cold_start_again(struct migration *m, struct err *err)
{
	struct said s auto_said = { 0 };

	return read_journal(m, &s, err) < 0 || start_source(m, &s, err) < 0 ? -1 : 0;
}

static int settle(struct migration *m, struct err *err)
{
	struct said s auto_said = { 0 };
	bool dst_here = m->dst_look.state != GUEST_ABSENT || m->dst_look.qemu_pids != 0;
	bool src_gone = m->src_look.state == GUEST_ABSENT && m->src_look.qemu_pids == 0;

	if (read_journal(m, &s, err) < 0)
		return -1;
	if (!dst_here && (guest_is_active(&m->src_look) || is_simply_off(&m->src_look)))
		return roll_back(m, &s, err);
	if (s.defined != NOT_DEFINED && m->dst_look.persistent && (is_simply_off(&m->src_look) || src_gone))
		return finish_forward(m, &s, err);
	return undecided(m, "it is neither simply at the source nor at the destination", err);
}

static int settle_phase(struct migration *m, struct err *err)
{
	interrupt_hold(true);
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

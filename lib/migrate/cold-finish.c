/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * finish and confirm for a guest that is shut off. Its files are at the destination, complete and verified. It is
 * defined there only after another look at both hosts and at the source's files; whatever fails until it is proven to
 * be there, and running if that was asked for, is taken back here. Then it goes from the source.
 */
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "migrate/cold-private.h"

enum { START_LIMIT_MS = 600000 /* a large saved image takes its time */ };

static int was_started(struct migration *m, struct err *err)
{
	err_set(err, E_GUEST_STARTED, 0, "%s: the guest is %s: it was started while it was copied", host_label(m->src),
		guest_state_name(m->src_look.state));
	return err_hint(err, "move it as it runs, or again with --shutdown: vmmig check block %s --from %s --to %s",
			m->record.guest, host_name(m->src), host_name(m->dst));
}

/* It is off at the source, by libvirt's word and by its processes, and nothing of it is at the destination. */
static int still_off(struct migration *m, struct err *err)
{
	auto_free char *src = NULL, *dst = NULL;

	migration_look(m);
	if (guest_is_active(&m->src_look))
		return was_started(m, err);
	if (m->src_look.state == GUEST_SHUTOFF && m->src_look.qemu_pids == 0 && m->dst_look.state == GUEST_ABSENT &&
	    m->dst_look.qemu_pids == 0)
		return 0;
	src = look_text(&m->src_look);
	dst = look_text(&m->dst_look);
	return err_set(err, E_UNDECIDED, 0, "it is not simply off at the source: %s: %s; %s: %s", host_label(m->src),
		       src, host_label(m->dst), dst);
}

/* Its files, and its definition: a disk may have been added, or a snapshot made, while it was off. */
static int source_unchanged(struct migration *m, struct err *err)
{
	auto_free char *xml = NULL;

	if (cold_files_unchanged(m, err) < 0)
		return -1;
	xml = guest_xml(m->src, m->record.uuid, GUEST_XML_PERSISTENT, err);
	if (!xml)
		return -1;
	if (str_eq(xml, m->src_xml))
		return 0;
	err_set(err, E_SOURCE_CHANGED, 0, "%s: the guest's definition has changed since its copy began",
		host_label(m->src));
	return err_hint(err, "move it once more: vmmig cold %s --from %s --to %s", m->record.guest, host_name(m->src),
			host_name(m->dst));
}

static int define(struct migration *m, struct err *err)
{
	int rc = migration_keep_lease(m, err);

	/* whoever finishes it for us has to know whether it is to run */
	if (rc == 0 && m->opt->start)
		rc = effect_begin(m, m->dst, "define-start", m->record.uuid, &m->define_effect, err);
	else if (rc == 0)
		rc = effect_begin(m, m->dst, "define", m->record.uuid, &m->define_effect, err);
	if (rc < 0)
		return -1;
	m->performed = m->defined = true;
	rc = guest_define(m->dst, m->move.dest_xml, err);
	effect_end(m, m->define_effect, rc < 0 ? err : NULL);
	return rc;
}

int cold_add_snapshots(struct migration *m, struct err *err)
{
	struct strv xmls auto_strv = { 0 };
	size_t current;

	if (guest_snapshots(m->src, m->record.uuid, &xmls, &current, err) < 0)
		return -1;
	for (size_t i = 0; i < xmls.n; i++)
		if (guest_add_snapshot(m->dst, m->record.uuid, xmls.v[i], i == current, err) < 0)
			return -1;
	return 0;
}

static int set_autostart(struct host *h, const char *uuid, struct err *err)
{
	return guest_set_autostart(h, uuid, true, err);
}

int cold_set_autostart(struct migration *m, struct err *err)
{
	return migration_act(m, m->dst, "autostart", set_autostart, err);
}

/* It, or its shell: then nobody says how many processes there are. */
static bool is_away(const struct guest_look *l)
{
	return l->state == GUEST_UNKNOWN || l->qemu_pids < 0;
}

/* How long what was seen may go on being unclear, ms; 0: it is clear. */
static int unclear_for(const struct migration *m)
{
	if (m->dst_look.state == GUEST_PAUSED && m->dst_look.why == GUEST_WHY_STARTING_UP)
		return START_LIMIT_MS;
	return is_away(&m->src_look) || is_away(&m->dst_look) ? m->patience.settle : 0;
}

/* Until it is clear what became of it: it starts up as long as a saved image is read, and a host may be away. */
static void look_until_clear(struct migration *m)
{
	int64_t begin = clock_ms();

	for (;;) {
		migration_look(m);
		if (clock_ms() - begin >= unclear_for(m))
			return;
		usleep((useconds_t)m->patience.look_every * 1000);
	}
}

static int start(struct migration *m, struct err *err)
{
	struct err why auto_err = ERR_INIT;
	int rc;

	guest_look(m->src, m->record.uuid, false, &m->src_look);
	if (guest_is_active(&m->src_look)) /* in the last moment */
		return was_started(m, err);
	rc = migration_act(m, m->dst, "start", guest_start, &why);
	if (rc < 0) {
		look_until_clear(m);
		if (!guest_is_active(&m->dst_look) || m->dst_look.state == GUEST_CRASHED) {
			err_set(err, E_START, 0, "%s: it does not start there: %s", host_label(m->dst), why.msg);
			return err_hint(err, "see QEMU's log there: /var/log/libvirt/qemu/%s.log", m->record.guest);
		}
	}
	m->started = true; /* its answer may have got lost */
	return 0;
}

/* From the definition on: everything here can be taken back, as long as the guest has not run there. */
static int bring(struct migration *m, struct err *err)
{
	if (define(m, err) < 0 || cold_add_snapshots(m, err) < 0)
		return -1;
	return m->opt->start ? start(m, err) : 0;
}

static bool is_there(struct migration *m)
{
	if (!m->dst_look.persistent)
		return false;
	return m->dst_look.state == GUEST_SHUTOFF || (m->opt->start && guest_is_active(&m->dst_look));
}

static int not_proven(struct migration *m, struct err *err)
{
	auto_free char *src = look_text(&m->src_look), *dst = look_text(&m->dst_look);

	err_set(err, E_UNDECIDED, 0, "it was defined at the destination, and is not what it should be: %s: %s; %s: %s",
		host_label(m->src), src, host_label(m->dst), dst);
	return err_hint(err, "touch neither side before you know; when both hosts answer: vmmig recover %s",
			m->record.id);
}

static int prove_once(struct migration *m, struct err *err)
{
	look_until_clear(m);
	if (!is_there(m) || m->src_look.state != GUEST_SHUTOFF || m->src_look.qemu_pids != 0)
		return not_proven(m, err);
	return source_unchanged(m, err);
}

/*
 * The last look before the source is touched: at both hosts, and once more at the source's files. A host that is away
 * gets the time to come back: the guest may run at the destination already, and then nothing can be taken back.
 */
static int prove(struct migration *m, struct err *err)
{
	int64_t until = clock_ms() + m->patience.settle;

	for (;;) {
		struct err why auto_err = ERR_INIT;
		bool last = clock_ms() >= until;

		if (prove_once(m, &why) == 0)
			break;
		if (last || why.status != STATUS_UNREACHABLE) {
			err_move(err, &why);
			return -1;
		}
		usleep((useconds_t)m->patience.look_every * 1000);
		m->lease_lost |= host_reopen(m->src, NULL) == 1;
	}
	if (m->opt->start && m->dst_look.state == GUEST_SHUTOFF)
		migration_note(m, "%s: it was started, and has gone off by itself", host_label(m->dst));
	return 0;
}

/* What was defined goes again: it is off there, has not run there, and at the source it is as before. */
static void take_back(struct migration *m)
{
	struct err err auto_err = ERR_INIT;

	migration_look(m);
	if (!m->started && m->dst_look.state == GUEST_SHUTOFF && m->dst_look.why != GUEST_WHY_MIGRATED &&
	    m->src_look.state != GUEST_ABSENT && m->src_look.state != GUEST_UNKNOWN &&
	    migration_act(m, m->dst, "undefine-destination", guest_undefine_saved, &err) == 0)
		migration_look(m);
	if (err.id)
		migration_note(m, "%s: its definition there was left: %s", host_label(m->dst), err.msg);
	m->safe = !m->started && m->dst_look.state == GUEST_ABSENT && m->dst_look.qemu_pids == 0 &&
		  m->src_look.state != GUEST_ABSENT && m->src_look.state != GUEST_UNKNOWN;
	if (m->safe)
		effect_undone(m, m->define_effect);
}

int finish_cold_run(struct migration *m, struct err *err)
{
	struct err why auto_err = ERR_INIT;

	if (control_deafen(m)) /* vmmig cancel; from here on it is too late */
		return err_set(err, E_CANCELLED, 0, "stopped, as was asked, before it was defined at the destination");
	interrupt_ack();
	interrupt_hold(true); /* to the end: what is looked at here decides */
	if (still_off(m, err) < 0 || source_unchanged(m, err) < 0)
		return -1;
	if (disks_arrived(m, &why) < 0) /* it is not yet there, so that is no half-done move */
		return err_set(err, E_COPY, 0, "%s", why.msg);
	if (bring(m, &why) == 0 && prove(m, &why) == 0) {
		m->moved = true;
		return 0;
	}
	if (m->defined)
		take_back(m);
	err_move(err, &why);
	return -1;
}

/* Between two looks somebody may have started the stale side. */
static int source_is_off(struct migration *m, struct err *err)
{
	guest_look(m->src, m->record.uuid, true, &m->src_look);
	if (m->src_look.qemu_pids == 0 && (m->src_look.state == GUEST_ABSENT || m->src_look.state == GUEST_SHUTOFF))
		return 0;
	err_set(err, E_UNDECIDED, 0, "%s: the guest is %s there, though it has moved to %s", host_label(m->src),
		guest_state_name(m->src_look.state), host_label(m->dst));
	return err_hint(err, "two copies of it exist: see that only one runs, and which is the right one");
}

void cold_forget_state(struct migration *m, const char *part)
{
	struct err err auto_err = ERR_INIT;
	int rc = part_done(m->dst, part, &err);

	if (rc < 0 && host_reopen(m->dst, NULL) >= 0) { /* it may have been away */
		err_clear(&err);
		rc = part_done(m->dst, part, &err);
	}
	if (rc == 0)
		return;
	m->left_open |= err.status == STATUS_UNREACHABLE;
	migration_note(m, "%s: %s.state was left: %s; later: vmmig recover %s", host_label(m->dst), part, err.msg,
		       m->record.id);
}

static void forget_states(struct migration *m)
{
	for (size_t i = 0; i < m->made_n; i++)
		if (m->made[i].kind == MADE_COPY)
			cold_forget_state(m, m->made[i].temp);
	cold_files_release(m);
}

/* The images go first: a definition without them cannot be started by accident. */
int confirm_cold_run(struct migration *m, struct err *err)
{
	if (source_is_off(m, err) < 0)
		return -1;
	if (disks_confirm(m, err) < 0)
		return -1;
	if (m->src_look.state != GUEST_ABSENT && migration_act(m, m->src, "undefine", guest_undefine, err) < 0) {
		err_hint(err, "undefine the stale definition: virsh -c %s undefine --keep-nvram --keep-tpm %s",
			 host_uri(m->src), m->record.guest);
		return -1;
	}
	if (source_is_off(m, err) < 0)
		return -1;
	/* not before: a power cut must not start it on both hosts */
	if (m->facts.look.autostart && cold_set_autostart(m, err) < 0)
		return -1;
	forget_states(m);
	return 0;
}

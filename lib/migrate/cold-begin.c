/* SPDX-License-Identifier: GPL-3.0-or-later */
/* begin for a guest that is shut off, or is to be shut down first: once it is known that nothing refuses the move. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migrate/begin-private.h"

enum { LOOK_EVERY_MS = 250, ASK_AGAIN_MS = 10000 /* a guest that boots does not hear the first time */ };

static int read_definition(struct migration *m, struct err *err)
{
	domain_free(m->domain);
	m->domain = guest_definition(m->src, &m->facts.look, err);
	m->facts.domain = m->domain;
	return m->domain ? 0 : -1;
}

/* All that was found out of a guest that ran is of no use once it is off. */
static int look_anew(struct migration *m, struct err *err)
{
	check_input_clear(&m->facts);
	findings_clear(&m->findings);
	m->findings = (struct findings) { 0 };
	return begin_find(m, err);
}

static unsigned limit_s(const struct migration *m)
{
	return m->opt->timeout_s ? m->opt->timeout_s : SHUTDOWN_DEFAULT_S;
}

static int too_slow(struct migration *m, struct err *err)
{
	err_set(err, E_SHUTDOWN, 0, "%s: it has not shut down within %u s", host_label(m->src), limit_s(m));
	return err_hint(err,
			"give it more --timeout, see whether it hears of the power button, or: virsh -c %s destroy %s",
			host_uri(m->src), m->record.guest);
}

/* 1: it is off. */
static int is_off(struct migration *m, struct err *err)
{
	struct guest_look l auto_look = { 0 };

	guest_look(m->src, m->record.uuid, false, &l);
	if (l.state == GUEST_UNKNOWN)
		return err_set(err, E_DISCONNECTED, 0, "%s", l.unknown_because);
	if (l.state == GUEST_ABSENT)
		return err_set(err, E_GUEST_GONE, 0, "%s: its definition has gone with it", host_label(m->src));
	return l.state == GUEST_SHUTOFF;
}

static int wait_until_off(struct migration *m, struct err *err)
{
	int64_t now = clock_ms(), until = now + (int64_t)limit_s(m) * 1000, asked = now;

	for (;;) {
		int off = is_off(m, err);

		if (off > 0)
			return 0;
		if (interrupt_pending()) { /* which may have cut the look off */
			err_clear(err);
			return err_set(err, E_CANCELLED, 0, "interrupted while the guest was shutting down");
		}
		if (off < 0)
			return -1;
		now = clock_ms();
		if (now >= until)
			return too_slow(m, err);
		if (now - asked >= ASK_AGAIN_MS) {
			asked = now;
			guest_shutdown(m->src, m->record.uuid, NULL);
		}
		usleep(LOOK_EVERY_MS * 1000);
	}
}

static int shut_down(struct migration *m, struct err *err)
{
	migration_note(m, "%s: shutting the guest down", host_label(m->src));
	m->shut_down = true; /* also where the answer gets lost, or it takes longer than we wait */
	if (migration_act(m, m->src, "shutdown", guest_shutdown, err) < 0)
		return -1;
	return wait_until_off(m, err);
}

/* A guest that runs is only touched when nothing refuses its move. */
static int begin_running(struct migration *m, struct err *err)
{
	m->was_running = true;
	m->facts.will_shut_down = true;
	if (read_definition(m, err) < 0 || begin_checks(m, true, err) < 0)
		return -1;
	if (m->opt->dry_run)
		return 0;
	return shut_down(m, err) < 0 ? -1 : look_anew(m, err);
}

static int choose(struct migration *m, struct err *err)
{
	m->record.autostart = m->facts.look.autostart;
	m->move = (struct guest_move) { .persistent = true, .undefine_source = true };
	m->src_xml = guest_xml(m->src, m->record.uuid, GUEST_XML_PERSISTENT, err);
	return !m->src_xml ? -1 : begin_rewrite(m, GUEST_XML_PERSISTENT, &m->move.dest_xml, err);
}

int begin_cold_run(struct migration *m, struct err *err)
{
	bool active;

	if (begin_lease(m, err) < 0 || check_refuse_state(m->src, m->mode, m->opt->shutdown, &m->facts.look, err) < 0)
		return -1;
	control_listen(m);
	active = guest_is_active(&m->facts.look);
	if (active && begin_running(m, err) < 0)
		return -1;
	if (!active || !m->opt->dry_run) {
		if (read_definition(m, err) < 0)
			return -1;
		if (!m->opt->dry_run)
			leftovers_clear(m);
		if (begin_checks(m, false, err) < 0)
			return -1;
	}
	if (choose(m, err) < 0)
		return -1;
	plan_make(m);
	for (size_t i = 0; m->opt->dry_run && i < m->plan.n; i++)
		migration_note(m, "plan: %s", m->plan.v[i]);
	return 0;
}

/* It was asked to go off, and may do so late. */
static void wait_a_while(struct migration *m)
{
	for (int64_t until = clock_ms() + m->patience.stale; clock_ms() < until;) {
		if (is_off(m, NULL))
			return;
		usleep(LOOK_EVERY_MS * 1000);
	}
	migration_note(m, "%s: the guest runs; it was asked to shut down, and may do so yet", host_label(m->src));
}

/* What we shut down runs again when it has not moved: by evidence that it is off here, and nowhere else. */
static void start_again(struct migration *m)
{
	struct err err auto_err = ERR_INIT;

	wait_a_while(m);
	migration_look(m);
	if (guest_is_active(&m->src_look))
		return;
	if (m->src_look.state != GUEST_SHUTOFF || m->dst_look.state != GUEST_ABSENT) {
		m->left_open = true;
		migration_note(m,
			       "%s: the guest was shut down by us, and is not started again: it is %s there, and %s at "
			       "%s; later: vmmig recover %s",
			       host_label(m->src), guest_state_name(m->src_look.state),
			       guest_state_name(m->dst_look.state), host_label(m->dst), m->record.id);
	} else if (migration_act(m, m->src, "start", guest_start, &err) < 0) {
		m->left_open = true;
		migration_note(m, "%s: the guest was shut down by us, and does not start again: %s; vmmig recover %s",
			       host_label(m->src), err.msg, m->record.id);
	} else {
		migration_note(m, "%s: the guest runs again, as before", host_label(m->src));
	}
}

void begin_cold_undo(struct migration *m)
{
	if (m->shut_down && !m->moved && (!m->performed || m->safe))
		start_again(m);
	begin_undo(m);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations that neither go on nor end by themselves. */
#include "base/clock.h"
#include "migrate/perform-private.h"

/* What the destination shows. Its libvirtd may have been started anew meanwhile: then it is connected to again. */
static void look_there(struct watch *w, struct guest_look *dst)
{
	struct migration *m = w->m;

	guest_look(m->dst, m->record.uuid, true, dst);
	if (dst->state != GUEST_UNKNOWN)
		return;
	w->dst_lost |= host_reopen(m->dst, NULL) == 1;
	guest_look(m->dst, m->record.uuid, true, dst);
}

/*
 * May the source's connections be ended? When nothing of it is over there; or, if that cannot be known, before the
 * switchover: while the guest runs here, it does not over there.
 */
static bool is_stuck(struct watch *w, int64_t still_ms)
{
	struct migration *m = w->m;
	struct guest_look src auto_look = { 0 }, dst auto_look = { 0 };

	guest_look(m->src, m->record.uuid, false, &src);
	if (!guest_is_active(&src))
		return false;
	if (w->abort_since_ms && guest_is_running(&src))
		return true;
	look_there(w, &dst);
	return (dst.state == GUEST_ABSENT && dst.qemu_pids == 0) ||
	       (dst.state == GUEST_UNKNOWN && guest_is_running(&src) && still_ms > m->patience.stuck_blind);
}

/* The destination's own; asked for when they are not known (one that was taken over), and *f is then the caller's. */
static const struct host_facts *facts_of_destination(struct migration *m, struct host_facts *f)
{
	if (m->facts.dst.addresses.n)
		return &m->facts.dst;
	host_facts_collect(m->dst, m->domain, f);
	return f;
}

static void addresses_of(const struct migration *m, const struct host_facts *f, struct strv *out)
{
	for (size_t i = 0; i < f->addresses.n; i++)
		strv_add(out, f->addresses.v[i]);
	if (m->facts.connection.port_address)
		strv_add(out, m->facts.connection.port_address);
}

/*
 * libvirt 9.0 may wait for ever for the end of a mirror that it was told of while it asked QEMU about another disk's.
 * What wakes it up is a wish to abort.
 */
static void wake_libvirt(struct watch *w)
{
	struct migration *m = w->m;

	if (w->cuts == 2)
		migration_note(m, "%s: that has not helped; asking libvirt to stop the job, too", host_label(m->src));
	guest_abort_job(m->src, m->record.uuid, NULL);
}

/*
 * When the network between the hosts is cut while disks are mirrored, libvirt gives up after its keepalive, and then
 * waits for QEMU, which waits for TCP: a quarter of an hour and more, with the job in the way of everything else. Once
 * nothing moves and the other half is proven gone, the connections are ended for it.
 */
static void cut_qemu(struct watch *w, int64_t still_ms)
{
	struct migration *m = w->m;
	struct err err auto_err = ERR_INIT;
	struct host_facts asked = { 0 };
	const struct host_facts *f;
	struct strv addresses auto_strv = { 0 };

	if (!is_stuck(w, still_ms))
		return;
	if (w->cuts++ == 0)
		migration_note(m, "%s: nothing has moved for %lld s; ending QEMU's connections to %s",
			       host_label(m->src), (long long)still_ms / 1000, host_label(m->dst));
	else if (w->processed) /* else libvirt may still be about to connect: see cut_libvirt() */
		wake_libvirt(w);
	f = facts_of_destination(m, &asked);
	addresses_of(m, f, &addresses);
	if (guest_cut(m->src, m->record.uuid, &addresses, f->port_min, f->port_max, &err) < 0 && w->cuts == 1)
		migration_note(m, "%s", err.msg);
	host_facts_clear(&asked);
}

/* Has nothing of the guest come to the destination, for longer than a migration takes to begin there? */
static bool is_unheard_of(struct watch *w, int64_t still_ms)
{
	struct migration *m = w->m;
	struct guest_look src auto_look = { 0 }, dst auto_look = { 0 };

	guest_look(m->src, m->record.uuid, false, &src);
	if (!guest_is_active(&src))
		return false;
	look_there(w, &dst);
	if (dst.state == GUEST_UNKNOWN)
		return still_ms > m->patience.stuck_blind;
	return !guest_is_active(&dst) && dst.qemu_pids == 0 &&
	       (w->dst_lost || w->abort_since_ms || still_ms > m->patience.unheard);
}

/* Since libvirt was asked, ms: nothing of this migration has been silent for longer. */
static int64_t asked_for_ms(const struct watch *w)
{
	return w->m->adopted ? clock_wall_ms() - w->m->record.started_ms : clock_ms() - w->begin_ms;
}

/*
 * A destination that loses its power while libvirt at the source is about to open its connection there leaves it
 * waiting for an answer for ever: no keepalive runs yet, and ssh has nothing to send that would be refused. Such
 * connections are ended. Those of other migrations have either been heard within keepalive's patience (settle is
 * longer), or are older than this one.
 */
static void cut_libvirt(struct watch *w, int64_t still_ms)
{
	enum { MARGIN_MS = 5000 };
	struct migration *m = w->m;
	struct err err auto_err = ERR_INIT;
	int64_t min = still_ms / 2 > m->patience.settle ? still_ms / 2 : m->patience.settle;
	int64_t max = asked_for_ms(w) + MARGIN_MS;
	struct host_facts asked = { 0 };
	struct strv addresses auto_strv = { 0 };
	unsigned n = 0;

	if ((!m->move.peer2peer && !m->adopted) || max < min || !is_unheard_of(w, still_ms))
		return; /* else vmmig's own connections are all there is */
	addresses_of(m, facts_of_destination(m, &asked), &addresses);
	if (guest_cut_silent(m->src, &addresses, (unsigned)min, (unsigned)(max < INT32_MAX ? max : INT32_MAX), &n,
			     &err) < 0) {
		if (!w->abort_since_ms)
			migration_note(m, "%s; if it does not go on: systemctl restart libvirtd there", err.msg);
		if (err_is(&err, E_REMOTE)) /* it will not be able to later, either: the waiting has to end */
			steer_abort(w, E_MIGRATE);
	} else if (n) {
		migration_note(m,
			       "%s: libvirt has not begun for %lld s, and %s does not know the guest; ended its silent "
			       "connections there: %u",
			       host_label(m->src), (long long)still_ms / 1000, host_label(m->dst), n);
	}
	host_facts_clear(&asked);
}

void stuck_cut(struct watch *w)
{
	struct migration *m = w->m;
	int64_t now = clock_ms(), still = now - (w->moved_ms ? w->moved_ms : w->begin_ms);

	if (still < m->patience.stuck || now - w->cut_ms < m->patience.cut_every)
		return;
	w->cut_ms = now;
	if (!w->processed)
		cut_libvirt(w, still);
	if (m->adopted ? m->mode == MODE_BLOCK : w->moved_ms && m->move.disks.n)
		cut_qemu(w, still);
}

/*
 * libvirt 9.0 may not come back from its call when the source's QEMU ends while disks are mirrored. Its answer would
 * tell nothing new: when QEMU has been gone for so long, finish looks for itself.
 */
bool stuck_ended(struct watch *w)
{
	enum { EVERY_MS = 2000 };
	struct migration *m = w->m;
	struct guest_look src auto_look = { 0 };
	int64_t now = clock_ms();

	if (!m->move.disks.n || now - w->looked_ms < EVERY_MS || now - w->moved_ms < EVERY_MS)
		return false;
	w->looked_ms = now;
	guest_look(m->src, m->record.uuid, true, &src);
	if (src.state != GUEST_SHUTOFF || src.qemu_pids != 0)
		w->ended_ms = 0;
	else if (!w->ended_ms)
		w->ended_ms = now;
	return w->ended_ms && now - w->ended_ms > m->patience.stuck;
}

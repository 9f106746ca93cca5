/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations that neither go on nor end by themselves. */
#include "base/clock.h"
#include "migrate/perform-private.h"

/* May the source's connections be ended? Only before the switchover: while the guest runs here, it does not over there.
 */
static bool is_stuck(struct watch *w, int64_t still_ms)
{
	struct migration *m = w->m;
	struct guest_look src auto_look = { 0 }, dst auto_look = { 0 };

	guest_look(m->src, m->record.uuid, false, &src);
	if (!guest_is_running(&src))
		return false;
	if (w->abort_since_ms)
		return true;
	guest_look(m->dst, m->record.uuid, true, &dst);
	return (dst.state == GUEST_ABSENT && dst.qemu_pids == 0) ||
	       (dst.state == GUEST_UNKNOWN && still_ms > m->patience.stuck_blind);
}

/*
 * When the network between the hosts is cut while disks are mirrored, libvirt gives up after its keepalive, and then
 * waits for QEMU, which waits for TCP: a quarter of an hour and more, with the job in the way of everything else. Once
 * nothing moves and the other half is proven gone, the connections are ended for it.
 */
void stuck_cut(struct watch *w)
{
	enum { EVERY_MS = 5000 };
	struct migration *m = w->m;
	struct err err auto_err = ERR_INIT;
	struct strv addresses auto_strv = { 0 };
	int64_t now = clock_ms(), still = w->moved_ms ? now - w->moved_ms : 0;

	if (!m->move.disks.n || still < m->patience.stuck || now - w->cut_ms < EVERY_MS)
		return;
	w->cut_ms = now;
	if (!is_stuck(w, still))
		return;
	migration_note(m, "%s: nothing has moved for %lld s; ending QEMU's connections to %s", host_label(m->src),
		       (long long)still / 1000, host_label(m->dst));
	for (size_t i = 0; i < m->facts.dst.addresses.n; i++)
		strv_add(&addresses, m->facts.dst.addresses.v[i]);
	if (m->facts.connection.port_address)
		strv_add(&addresses, m->facts.connection.port_address);
	if (guest_cut(m->src, m->record.uuid, &addresses, m->facts.dst.port_min, m->facts.dst.port_max, &err) < 0)
		migration_note(m, "%s", err.msg);
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * confirm: the guest is proven to be on the destination; what is left of it at the source goes. libvirt's
 * UNDEFINE_SOURCE has normally done it, so usually this only looks.
 */
#include "base/log.h"
#include "migrate/migrate.h"

static int undefine(struct migration *m, struct err *err)
{
	int64_t effect = 0;
	int rc;

	if (effect_begin(m, m->src, "undefine", m->record.uuid, &effect, NULL) < 0)
		log_warn("the journal cannot be written; going on, since the guest has moved");
	rc = guest_undefine(m->src, m->record.uuid, err);
	effect_end(m, effect, rc < 0 ? err : NULL);
	if (rc < 0)
		err_hint(err, "undefine the stale definition: virsh -c %s undefine --keep-nvram --keep-tpm %s",
			 host_uri(m->src), m->record.guest);
	return rc;
}

static int clear_source(struct migration *m, struct err *err)
{
	const struct guest_look *l = &m->src_look;

	if (l->state == GUEST_ABSENT && l->qemu_pids <= 0)
		return 0;
	if (l->state != GUEST_SHUTOFF || l->qemu_pids > 0)
		return err_set(err, E_UNDECIDED, 0, "%s: the guest is %s there, though it runs at %s",
			       host_label(m->src), guest_state_name(l->state), host_label(m->dst));
	if (m->move.undefine_source)
		return undefine(m, err);
	err_set(err, E_INCOMPLETE, 0, "%s: the guest was defined there while it moved", host_label(m->src));
	return err_hint(err, "if that was not meant: virsh -c %s undefine --keep-nvram --keep-tpm %s", host_uri(m->src),
			m->record.guest);
}

/* It has ended, or someone has paused it, or it has paused itself: it is there, but it does no work. */
static int still_runs(struct migration *m, struct err *err)
{
	if (m->dst_look.state == GUEST_SHUTOFF)
		return finish_stopped(m, m->dst, &m->dst_look, err);
	if (!m->was_running || guest_is_running(&m->dst_look))
		return 0;
	err_set(err, E_INCOMPLETE, 0, "%s: the guest has arrived, but is %s (%s)", host_label(m->dst),
		guest_state_name(m->dst_look.state), guest_why_name(m->dst_look.why));
	return err_hint(err, "if nobody meant that: virsh -c %s resume %s", host_uri(m->dst), m->record.guest);
}

int confirm_run(struct migration *m, struct err *err)
{
	if (clear_source(m, err) < 0 || disks_confirm(m, err) < 0)
		return -1;
	return still_runs(m, err);
}

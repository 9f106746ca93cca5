/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Post-copy that was interrupted: the guest lives on both hosts, and neither has all of it. It goes on by itself when
 * the network is back within TCP's patience; else QEMU has to be told, and libvirt to begin it again.
 */
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "migrate/perform-private.h"

enum { RESCUE_MS = 300000, AGAIN_MS = 10000 };

int ask_both(struct migration *m, struct err *err)
{
	migration_look(m);
	for (int i = 0; i < 2; i++) {
		const struct guest_look *l = i ? &m->dst_look : &m->src_look;

		if (l->state == GUEST_UNKNOWN)
			return err_set(err, E_DISCONNECTED, 0, "%s: it cannot be asked about the guest: %s",
				       host_label(i ? m->dst : m->src), l->unknown_because ? l->unknown_because : "?");
	}
	return 0;
}

static bool is_gone(const struct guest_look *l)
{
	return (l->state == GUEST_SHUTOFF || l->state == GUEST_ABSENT) && l->qemu_pids == 0;
}

bool migration_half_lost(const struct migration *m)
{
	return (m->src_look.why == GUEST_WHY_POSTCOPY_FAILED && is_gone(&m->dst_look)) ||
	       (m->dst_look.why == GUEST_WHY_POSTCOPY_FAILED && is_gone(&m->src_look));
}

bool rescue_is_due(const struct migration *m)
{
	return (m->src_look.why == GUEST_WHY_POSTCOPY_FAILED || m->dst_look.why == GUEST_WHY_POSTCOPY_FAILED) &&
	       !migration_half_lost(m);
}

/* How the source's libvirt reaches the destination's, and QEMU QEMU: asked anew. */
static void find_way(struct migration *m)
{
	struct connection_proof *c = &m->facts.connection;

	if (c->done)
		connection_proof_clear(c);
	else {
		host_facts_collect(m->src, m->domain, &m->facts.src);
		host_facts_collect(m->dst, m->domain, &m->facts.dst);
	}
	connection_prove(m->src, m->dst, &m->facts.src, &m->facts.dst, c);
	m->move.peer2peer = m->opt->peer2peer && c->peer == FACT_YES;
	free(m->move.peer_uri);
	m->move.peer_uri = host_peer_uri(m->dst);
	if (m->opt->transport != TRANSPORT_TCP && !m->adopted)
		return; /* it has been chosen */
	free(m->move.migrate_uri);
	m->move.migrate_uri = c->migrate_uri ? xstrdup(c->migrate_uri) : NULL;
	if (!m->move.migrate_uri && m->opt->transport == TRANSPORT_TLS && c->port_address)
		m->move.migrate_uri = proof_migrate_uri(c->port_address);
}

/*
 * Where a side has not noticed that its connection is dead, resuming is refused until that side is told. One that knows
 * is not asked: the monitor of a QEMU that waits for a page may not answer any more.
 */
static void tell_who_does_not_know(struct migration *m)
{
	struct err err auto_err = ERR_INIT, dst auto_err = ERR_INIT;
	enum guest_stream s = STREAM_NONE;

	if (guest_stream(m->src, m->record.uuid, &s, &err) == 0 && s == STREAM_ACTIVE) {
		migration_note(m, "%s: telling QEMU that its connection is dead", host_label(m->src));
		if (guest_pause_postcopy(m->src, m->record.uuid, true, &err) < 0)
			migration_note(m, "%s: %s", host_label(m->src), err.msg);
	}
	if (m->dst_look.why == GUEST_WHY_POSTCOPY_FAILED)
		return;
	migration_note(m, "%s: telling QEMU that its connection is dead", host_label(m->dst));
	if (guest_pause_postcopy(m->dst, m->record.uuid, false, &dst) < 0)
		migration_note(m, "%s: %s", host_label(m->dst), dst.msg);
}

struct rescue {
	struct migration *m;
	int64_t open_ms;            /* since when the network is there again; 0: it is not */
	int64_t until_ms, again_ms; /* it ends; libvirt may be asked again */
	uint64_t processed;
	bool said_closed;
};

/* Does the source reach the destination? Says so when that changes. */
static bool way_is_open(struct rescue *r)
{
	struct migration *m = r->m;
	const struct connection_proof *c = &m->facts.connection;

	find_way(m);
	if (c->port == FACT_YES) {
		if (!r->open_ms) {
			r->open_ms = clock_ms();
			migration_note(m, "%s reaches %s", host_label(m->src), host_label(m->dst));
		}
		return true;
	}
	if (!r->said_closed)
		migration_note(m, "waiting for the network: %s", c->port_reason ? c->port_reason : "not known why");
	r->said_closed = true;
	r->open_ms = 0;
	return false;
}

/*
 * libvirt says "failed" of its own connection; QEMU's may still be alive, and goes on by itself when the network is
 * back: TCP tries again at the latest after two minutes. Cutting it before that would do harm.
 */
static bool may_go_on_alone(struct rescue *r)
{
	enum { TCP_MS = 150000 };
	struct err err auto_err = ERR_INIT;
	enum guest_stream s = STREAM_NONE;
	struct job_stats job;

	if (guest_stream(r->m->src, r->m->record.uuid, &s, &err) == 0 && s != STREAM_ACTIVE)
		return false;
	if (guest_job(r->m->src, r->m->record.uuid, false, &job, NULL) == 0 && job.mem_processed != r->processed) {
		r->processed = job.mem_processed;
		r->open_ms = clock_ms();
	}
	return clock_ms() - r->open_ms < TCP_MS;
}

/* The time it takes is not counted: it may have sent for long before the network failed again. */
static int resume(struct rescue *r, struct err *err)
{
	struct migration *m = r->m;
	int64_t begin = clock_ms();
	int rc;

	tell_who_does_not_know(m);
	m->move.resume = true;
	rc = perform_call(m, err);
	r->until_ms += clock_ms() - begin;
	if (rc < 0 || !m->claim.id || err_is(&m->claim, E_UNDECIDED)) /* one that hangs is not asked again */
		return rc;
	migration_note(m, "libvirt: %s", m->claim.msg);
	r->again_ms = clock_ms() + AGAIN_MS;
	return 1;
}

/* 0: it goes on, or has come to its end; 1: not yet; -1. */
static int rescue_once(struct rescue *r, struct err *err)
{
	struct err none auto_err = ERR_INIT;
	struct migration *m = r->m;

	if (ask_both(m, &none) < 0)
		return 1;
	if (migration_half_lost(m) || (!rescue_is_due(m) && m->src_look.job != GUEST_JOB_MIGRATION_OUT))
		return 0;
	if (clock_ms() < r->again_ms || !way_is_open(r) || may_go_on_alone(r))
		return 1;
	if (migration_keep_lease(m, &none) < 0)
		return err_is(&none, E_BUSY) ? err_copy(err, &none) : 1;
	return resume(r, err);
}

int rescue_run(struct migration *m, struct err *err)
{
	struct watch w = { .m = m, .policy = m->policy, .bandwidth_mib = m->opt->bandwidth_mib, .postcopy = true };
	struct rescue r = { .m = m, .until_ms = clock_ms() + RESCUE_MS };

	migration_note(m, "post-copy was interrupted: the guest lives on both hosts; it is helped to go on");
	while (clock_ms() < r.until_ms && !interrupt_pending()) {
		int rc = rescue_once(&r, err);

		if (rc <= 0)
			return rc;
		for (int i = 0; i < 20 && !interrupt_pending(); i++) {
			control_poll(&w);
			usleep((useconds_t)m->patience.poll * 1000);
		}
	}
	return 0; /* finish looks, and says what it finds */
}

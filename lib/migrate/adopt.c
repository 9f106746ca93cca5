/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A migration whose vmmig is gone: killed, or its machine was restarted. One between two libvirt goes on without it;
 * what is missing is somebody who watches it, looks at both hosts afterwards, and writes down how it ended.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migrate/perform-private.h"

enum {
	POLL_US = 100000,
	GONE_POLLS = 3,
	RESCUE_MS = 300000,
};

static int look_both(struct migration *m, struct err *err)
{
	guest_look(m->src, m->record.uuid, true, &m->src_look);
	guest_look(m->dst, m->record.uuid, true, &m->dst_look);
	for (int i = 0; i < 2; i++) {
		const struct guest_look *l = i ? &m->dst_look : &m->src_look;

		if (l->state == GUEST_UNKNOWN)
			return err_set(err, E_DISCONNECTED, 0, "%s: it cannot be asked about the guest: %s",
				       host_label(i ? m->dst : m->src), l->unknown_because ? l->unknown_because : "?");
	}
	return 0;
}

/* Its description, from the side that has it; none where it is nowhere. */
static int read_domain(struct migration *m, struct err *err)
{
	struct host *h = m->src_look.state != GUEST_ABSENT ? m->src : m->dst_look.state != GUEST_ABSENT ? m->dst : NULL;
	auto_free char *xml = h ? guest_xml(h, m->record.uuid, GUEST_XML_NOW, err) : NULL;

	if (!h)
		return 0;
	m->domain = xml ? domain_parse(xml, err) : NULL;
	return m->domain ? 0 : err_wrap(err, "%s", host_label(h));
}

/*
 * What it was allowed is not written down, but what it has been given until now shows that it was no less (see
 * converge_most_ms()).
 */
static void choose_policy(struct migration *m)
{
	uint64_t cap = m->opt->max_downtime_ms, limit = 0;

	if (guest_get_max_downtime(m->src, m->record.uuid, &limit, NULL) == 0) {
		uint64_t least = limit < 400 ? limit * 5 / 4 : limit + 100;

		cap = least > cap ? least : cap;
	}
	converge_policy_preset(&m->policy, m->opt->policy, cap, true);
	/* nobody said that it may be stopped, or be run on two hosts: only what would end it is left to the person here
	 */
	m->policy.on_stall = CONVERGE_END_ABORT;
	m->policy.stall_ms = UINT64_MAX / 4;
}

/* What the phases need to know of it, as far as it can still be seen. */
static void remember(struct migration *m)
{
	const struct guest_look *src = &m->src_look, *dst = &m->dst_look;

	m->was_running = true; /* nobody knows any more; one that was paused by a person shows it */
	m->move.persistent = src->persistent || dst->persistent;
	m->move.undefine_source = m->move.persistent;
	m->move.postcopy = true; /* perhaps: libvirt says so if not */
	m->facts.look.autostart = src->autostart;
	choose_policy(m);
}

/* The limit the guest had before, from the journal, so that it is put back if it stays. */
static int remember_limit(struct migration *m, struct err *err)
{
	struct effect_record *v = NULL;
	size_t n = 0;

	if (journal_effects(m->journal, m->record.id, &v, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		auto_free char *before = v[i].object ? xstrndup(v[i].object, strcspn(v[i].object, " ")) : NULL;
		unsigned long long ms;

		if (!str_eq(v[i].kind, "max-downtime") || str_eq(v[i].result, "undone") || !before ||
		    str_to_uint(before, 0, UINT32_MAX, &ms) < 0)
			continue;
		m->downtime_set = true;
		m->downtime_before = ms;
		m->downtime_effect = v[i].seq;
	}
	journal_effects_free(v, n);
	return 0;
}

static int adopt_begin(struct migration *m, struct err *err)
{
	auto_free char *who = migration_lease_text(m);

	if (look_both(m, err) < 0 || guest_lease(m->src, m->record.uuid, who, &m->lease, err) < 0 ||
	    look_both(m, err) < 0 || read_domain(m, err) < 0 || journal_take_over(m->journal, &m->record, err) < 0)
		return -1;
	remember(m);
	m->report->migration = m->record.id;
	m->performed = true;
	return 0;
}

/* Not for a moment, as between two of libvirt's steps, but three times. */
static bool job_gone(struct migration *m, unsigned *polls)
{
	struct job_stats s;

	if (guest_job(m->src, m->record.uuid, false, &s, NULL) < 0)
		return false;
	*polls = s.job == GUEST_JOB_MIGRATION_OUT ? 0 : *polls + 1;
	return *polls >= GONE_POLLS;
}

static int follow(struct migration *m, bool cancel)
{
	struct watch w = { .m = m,
			   .begin_ms = clock_ms(),
			   .policy = m->policy,
			   .bandwidth_mib = m->opt->bandwidth_mib,
			   .postcopy = m->src_look.why == GUEST_WHY_POSTCOPY };
	unsigned polls = 0;

	if (cancel && !w.postcopy)
		steer_abort(&w, E_CANCELLED);
	while (!job_gone(m, &polls) && !watch_round(&w))
		usleep(POLL_US);
	watch_flush(&w);
	m->policy = w.policy;
	return 0;
}

/* ---- post-copy that was interrupted ---- */

static bool interrupted(const struct migration *m)
{
	return m->src_look.why == GUEST_WHY_POSTCOPY_FAILED || m->dst_look.why == GUEST_WHY_POSTCOPY_FAILED;
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
	free(m->move.peer_uri);
	free(m->move.migrate_uri);
	m->move.peer2peer = c->peer == FACT_YES;
	m->move.peer_uri = host_peer_uri(m->dst);
	m->move.migrate_uri = xstrdup(c->migrate_uri);
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
	int64_t open_ms; /* since when the network is there again; 0: it is not */
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

/* 0: it goes on, or has come to its end; 1: not yet; -1. */
static int rescue_once(struct rescue *r, struct err *err)
{
	struct err none auto_err = ERR_INIT;
	struct migration *m = r->m;

	if (look_both(m, &none) < 0)
		return 1;
	if (!interrupted(m) && m->src_look.job != GUEST_JOB_MIGRATION_OUT)
		return 0;
	if (!way_is_open(r) || may_go_on_alone(r))
		return 1;
	tell_who_does_not_know(m);
	m->move.resume = true;
	return perform_run(m, err);
}

/* The guest runs at the destination, and waits for memory that only the source has: nothing may be stopped here. */
static int rescue(struct migration *m, struct err *err)
{
	struct rescue r = { .m = m };
	int64_t until = clock_ms() + RESCUE_MS;

	migration_note(m, "post-copy was interrupted: the guest lives on both hosts; it is helped to go on");
	while (clock_ms() < until && !interrupt_pending()) {
		int rc = rescue_once(&r, err);

		if (rc <= 0)
			return rc;
		for (int i = 0; i < 20 && !interrupt_pending(); i++)
			usleep(POLL_US);
	}
	return 0; /* finish looks, and says what it finds */
}

static int follow_to_the_end(struct migration *m, struct err *err)
{
	return interrupted(m) ? rescue(m, err) : follow(m, false);
}

static int stop_it(struct migration *m, struct err *err)
{
	(void)err;
	migration_note(m, "stopping the migration job");
	return follow(m, true);
}

/* Nobody is left who knows which files those are, and what became of them over there. */
static void note_images(struct migration *m)
{
	if (m->mode == MODE_BLOCK && m->moved)
		migration_note(m, "%s: the images it had there were left; they grow stale: see vmmig history %s",
			       host_label(m->src), m->record.id);
}

static int confirm(struct migration *m, struct err *err)
{
	note_images(m);
	return confirm_run(m, err);
}

static const struct phase phases_follow[] = {
	{ "prepare", "source", remember_limit, prepare_undo },
	{ "perform", "both", follow_to_the_end, NULL },
	{ "finish", "destination", finish_run, NULL },
	{ "confirm", "source", confirm, NULL },
};
static const struct phase phases_stop[] = {
	{ "prepare", "source", remember_limit, prepare_undo },
	{ "perform", "both", stop_it, NULL },
	{ "finish", "destination", finish_run, NULL },
	{ "confirm", "source", confirm, NULL },
};

enum status migrate_adopt(struct migration *m, bool cancel, struct err *err)
{
	m->patience = patience_default;
	m->report->guest = m->guest;
	if (adopt_begin(m, err) < 0) { /* the record stays as it is: nothing was done, and nothing found out */
		m->report->guest = NULL;
		return err->status;
	}
	if (cancel && (m->src_look.why == GUEST_WHY_POSTCOPY || interrupted(m))) {
		m->report->guest = m->report->migration = NULL;
		err_set(err, E_TOO_LATE, 0,
			"post-copy is under way: neither side has all of the guest, and stopping would lose it");
		return err->status;
	}
	return cancel ? migrate_walk(m, phases_stop, ARRAY_SIZE(phases_stop), err)
		      : migrate_walk(m, phases_follow, ARRAY_SIZE(phases_follow), err);
}

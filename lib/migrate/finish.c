/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * finish: look at both hosts and decide. The claim of perform is one more piece of evidence, for the message; the
 * verdict comes from states, jobs and processes. Nothing is stopped on one side unless the other is proven running.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migrate/perform-private.h"

enum { LOG_TAIL = 4096 }; /* bytes of QEMU's log */

struct looking {
	struct host *host;
	struct migration *m;
	struct guest_look *look;
};

/* A host whose connection broke in perform gets another chance to answer: unknown is what is left when it does not. */
static void *look_one(void *arg)
{
	struct looking *l = arg;
	struct err err auto_err = ERR_INIT;
	int rc;

	guest_look(l->host, l->m->record.uuid, true, l->look);
	if (l->look->state != GUEST_UNKNOWN)
		return NULL;
	rc = host_reopen(l->host, &err);
	if (rc == 1 && l->host == l->m->src)
		l->m->lease_lost = true;
	if (rc >= 0)
		guest_look(l->host, l->m->record.uuid, true, l->look);
	return NULL;
}

void migration_look(struct migration *m)
{
	struct looking src = { m->src, m, &m->src_look }, dst = { m->dst, m, &m->dst_look };
	pthread_t thread;

	if (m->src != m->dst && interrupt_thread(&thread, NULL, look_one, &src) == 0) {
		look_one(&dst);
		pthread_join(thread, NULL);
	} else {
		look_one(&src);
		look_one(&dst);
	}
}

static bool settled(const struct patience *p, enum verdict v, int64_t since_ms)
{
	switch (v) {
	case VERDICT_IN_PROGRESS:
	case VERDICT_UNDECIDED:
		return since_ms >= p->settle;
	case VERDICT_STOP_INCOMING:
	case VERDICT_STOP_SOURCE:
		return since_ms >= p->stale; /* libvirt does these by itself when it can */
	case VERDICT_RESUME_DEST:
	case VERDICT_RESUME_SOURCE:
		return since_ms >= p->paused;
	case VERDICT_MOVED:
	case VERDICT_STAYED:
	case VERDICT_STOPPED:
	case VERDICT_GONE:
	case VERDICT_SPLIT:
		return true;
	}
	return true;
}

/* A job that still sends is not stuck: it gets its time. */
static bool job_moves(struct migration *m, uint64_t *processed)
{
	struct job_stats s;
	bool moves;

	if (guest_job(m->src, m->record.uuid, false, &s, NULL) < 0 || s.job != GUEST_JOB_MIGRATION_OUT)
		return false;
	moves = s.mem_processed + s.disk_processed > *processed;
	*processed = s.mem_processed + s.disk_processed;
	return moves;
}

/*
 * Our call may have come back only since the connection to the source had broken, and two libvirt go on without us.
 * Then the deadline, the policy and whoever presses Ctrl-C still count. Post-copy goes on by itself, or is helped.
 */
static bool goes_on_unwatched(const struct migration *m, enum verdict v)
{
	return v == VERDICT_IN_PROGRESS && m->src_look.job == GUEST_JOB_MIGRATION_OUT && !m->postcopy &&
	       m->src_look.why != GUEST_WHY_POSTCOPY && m->src_look.why != GUEST_WHY_POSTCOPY_FAILED;
}

/* Looks until the verdict is one that does not change by itself; its time runs from when it was first seen. */
static enum verdict decide(struct migration *m, const char **rule)
{
	enum verdict v, last = VERDICT_UNDECIDED;
	int64_t since = clock_ms();
	uint64_t processed = 0;
	bool watched = true; /* as long as that has not been given up */

	for (;;) {
		interrupt_ack(); /* the looks must not be cut: they decide */
		migration_look(m);
		v = verdict(&m->src_look, &m->dst_look, m->was_running, rule);
		if (v != last || (v == VERDICT_IN_PROGRESS && job_moves(m, &processed)))
			since = clock_ms();
		last = v;
		if (settled(&m->patience, v, clock_ms() - since))
			return v;
		if (watched && goes_on_unwatched(m, v)) {
			migration_note(m, "%s: the migration goes on", host_label(m->src));
			watched = follow_job(m, false);
		}
		usleep((useconds_t)m->patience.look_every * 1000);
	}
}

/* The lease goes with its session; before anything is changed without it, it has to be ours again. */
int migration_keep_lease(struct migration *m, struct err *err)
{
	auto_free char *who = NULL;

	if (!m->lease_lost)
		return 0;
	host_hold_end(STEAL(m->lease));
	who = migration_lease_text(m);
	if (guest_lease(m->src, m->record.uuid, who, &m->lease, err) < 0)
		return -1;
	m->lease_lost = false;
	return 0;
}

int migration_act(struct migration *m, struct host *h, const char *kind,
		  int (*fn)(struct host *, const char *, struct err *), struct err *err)
{
	int64_t effect = 0;
	int rc;

	if (migration_keep_lease(m, err) < 0)
		return -1;
	if (effect_begin(m, h, kind, m->record.uuid, &effect, NULL) < 0)
		log_warn("the journal cannot be written; going on, since the guest waits");
	rc = fn(h, m->record.uuid, err);
	effect_end(m, effect, rc < 0 ? err : NULL);
	return rc;
}

static void note_evidence(struct migration *m, enum verdict v, const char *rule)
{
	auto_free char *src = look_text(&m->src_look), *dst = look_text(&m->dst_look);

	migration_note(m, "%s: %s", host_label(m->src), src);
	migration_note(m, "%s: %s", host_label(m->dst), dst);
	migration_note(m, "verdict: %s: %s", verdict_name(v), rule);
}

/* QEMU's own last words on the destination, where the real reason nearly always is. */
static void note_qemu_log(struct migration *m)
{
	auto_free char *log = guest_log_tail(m->dst, m->domain ? m->domain->name : NULL, LOG_TAIL);

	for (char *save = NULL, *p = log ? strtok_r(log, "\n", &save) : NULL; p; p = strtok_r(NULL, "\n", &save))
		if (guest_log_is_since(p, m->record.started_ms) && strstr(p, "qemu-system"))
			migration_note(m, "%s: QEMU's log: %s", host_label(m->dst), p);
}

/* We stopped it, and not because anybody asked. */
static int gave_up(struct migration *m, struct err *err)
{
	uint64_t allowed = m->policy.cap_ms, cap = converge_cap_for_ms(m->needed_ms);
	auto_free char *needed = m->needed_ms && cap > allowed ? str_duration(cap) : NULL;
	auto_free char *would = needed ? str_printf(" it needs a downtime of about %s, and %llu ms are allowed;",
						    needed, (unsigned long long)allowed)
				       : xstrdup("");
	/* half as much again: what it needs changes from pass to pass */
	auto_free char *try = needed ? str_printf("--max-downtime %llu", (unsigned long long)cap * 3 / 2)
				     : xstrdup("more --max-downtime");
	auto_free char *hint = NULL;

	if (m->stop_asked == E_DEADLINE) {
		auto_free char *after = str_duration(m->policy.timeout_ms);

		hint = str_printf("give it more --timeout, %s, or --on-timeout postcopy or suspend", try);
		err_set(err, E_DEADLINE, 0, "not done after %s;%s the guest is as before at %s", after, would,
			host_label(m->src));
		return err_hint_text(err, hint);
	}
	err_set(err, E_CONVERGE, 0, "it does not converge;%s the guest is as before at %s", would, host_label(m->src));
	hint = str_printf("give it %s, or --policy must-finish", try);
	return err_hint_text(err, hint);
}

/* Without the lease it was not begun; whoever tidies up later is to know that it is due. */
static void remember_definition(struct migration *m, const struct err *why)
{
	int64_t effect = 0;

	if (effect_begin(m, m->dst, "undefine", m->record.uuid, &effect, NULL) == 0)
		effect_end(m, effect, why);
}

void finish_forget_there(struct migration *m)
{
	struct err why auto_err = ERR_INIT;

	if (!guest_is_active(&m->src_look) || !m->record.new_there)
		return;
	for (int i = 0; i < 2 && m->dst_look.state == GUEST_SHUTOFF && m->dst_look.qemu_pids == 0; i++) {
		err_clear(&why);
		if (migration_act(m, m->dst, "undefine", guest_undefine, &why) < 0)
			migration_look(m); /* perhaps only the answer was lost */
		else
			m->dst_look.state = GUEST_ABSENT;
	}
	if (m->dst_look.state == GUEST_ABSENT || !why.id)
		return;
	if (why.status == STATUS_UNREACHABLE || why.status == STATUS_BUSY)
		remember_definition(m, &why);
	m->left_open |=
		m->dst_look.state == GUEST_UNKNOWN || why.status == STATUS_UNREACHABLE || why.status == STATUS_BUSY;
	migration_note(m, "%s: it may be left defined there: %s; see virsh -c %s dominfo %s", host_label(m->dst),
		       why.msg, host_uri(m->dst), m->record.uuid);
}

/* Why it did not move, for a guest that is safe at the source. */
static int stayed(struct migration *m, struct err *err)
{
	auto_free char *full = NULL;
	const char *said;

	if (m->suspended && m->src_look.state == GUEST_PAUSED &&
	    migration_act(m, m->src, "resume", guest_resume, err) < 0)
		return err_hint(err,
				"vmmig suspended the guest and could not resume it; try: virsh -c %s "
				"resume %s",
				host_uri(m->src), m->record.guest);
	m->safe = true;
	finish_forget_there(m);
	if (m->stop_asked == E_CANCELLED)
		return err_set(err, E_CANCELLED, 0, "stopped, as was asked; the guest is as before at %s",
			       host_label(m->src));
	if (m->stop_asked == E_DEADLINE || m->stop_asked == E_CONVERGE)
		return gave_up(m, err);
	note_qemu_log(m);
	full = disks_full(m);
	said = m->claim.id  ? m->claim.msg
	       : m->adopted ? "it is not under way any more, and its vmmig, which is gone, cannot tell why"
			    : "libvirt reported success, but it has not moved";
	err_set(err, E_MIGRATE, 0, "from %s to %s: %s%s%s; the guest is as before at %s", host_label(m->src),
		host_label(m->dst), full ? full : "", full ? "; " : "", said, host_label(m->src));
	return err_hint(err, "look again with: vmmig check %s %s --from %s --to %s", mode_name(m->mode), m->guest,
			host_name(m->src), host_name(m->dst));
}

/* It runs nowhere, by its own act. */
static int stopped(struct migration *m, struct err *err)
{
	bool on_dst = m->dst_look.state == GUEST_SHUTOFF;
	const struct guest_look *l = on_dst ? &m->dst_look : &m->src_look;
	struct host *h = on_dst ? m->dst : m->src;

	/* It left, and is nowhere: its newest data are in the copies. */
	if (m->move.disks.n && !on_dst && l->why == GUEST_WHY_MIGRATED) {
		err_set(err, E_UNDECIDED, 0,
			"it has left %s and ended at %s, which does not know it any more; the disks there are its "
			"newest",
			host_label(m->src), host_label(m->dst));
		return err_hint(err, "do not start it at the source: define it at %s from: virsh -c %s dumpxml %s",
				host_name(m->dst), host_uri(m->src), m->record.guest);
	}
	return finish_stopped(m, h, l, err);
}

int finish_stopped(struct migration *m, struct host *h, const struct guest_look *l, struct err *err)
{
	m->safe = true;
	err_set(err, E_GUEST_STOPPED, 0,
		"the guest stopped by itself (%s) while it was moved; it is defined and %s at %s",
		guest_why_name(l->why), guest_state_name(l->state), host_label(h));
	return err_hint(err, "start it there if it should run: virsh -c %s start %s", host_uri(h), m->record.guest);
}

/*
 * It had arrived, and ended since: a source that has let go of a guest it had defined has seen the migration's end.
 * (One that was not defined may also have died there.)
 */
static bool ended_there(const struct migration *m)
{
	return m->move.persistent && m->dst_look.state == GUEST_SHUTOFF && m->dst_look.persistent &&
	       (m->src_look.state == GUEST_ABSENT || m->src_look.why == GUEST_WHY_MIGRATED);
}

static int gone(struct migration *m, struct err *err)
{
	err_set(err, E_GUEST_GONE, 0, "it is neither on %s nor on %s%s", host_label(m->src), host_label(m->dst),
		m->move.persistent ? "" : ": a transient guest that ended leaves nothing");
	return err_hint_text(err, "its disks are where they were; start it from its definition if it should run");
}

static int undecided(struct migration *m, enum verdict v, const char *rule, struct err *err)
{
	auto_free char *src = look_text(&m->src_look), *dst = look_text(&m->dst_look);

	err_set(err, v == VERDICT_SPLIT ? E_SPLIT_BRAIN : E_UNDECIDED, 0, "%s: %s; %s: %s; %s: %s%s%s", verdict_name(v),
		rule, host_label(m->src), src, host_label(m->dst), dst, m->claim.id ? "; libvirt said: " : "",
		m->claim.id ? m->claim.msg : "");
	if (v == VERDICT_SPLIT)
		return err_hint(err,
				"see which side has what is to be kept: vmmig recover %s --dry-run; then: "
				"vmmig recover %s --keep HOST",
				m->record.guest, m->record.guest);
	if (migration_half_lost(m))
		return err_hint_text(err, "one half of a guest in post-copy has ended, and its memory with it; see \"A "
					  "post-copy migration broke\" in vmmig-troubleshooting(7)");
	if (m->src_look.why == GUEST_WHY_POSTCOPY_FAILED || m->dst_look.why == GUEST_WHY_POSTCOPY_FAILED)
		return err_hint(
			err,
			"stop neither side: the guest lives on both; when the network between them works again: "
			"vmmig recover %s",
			m->record.id);
	return err_hint(err,
			"touch neither side before you know; look with: vmmig status; see vmmig-troubleshooting(7)");
}

/* The verdicts that ask for one more act, after which we look again. */
static int mend(struct migration *m, enum verdict v, struct err *err)
{
	switch (v) {
	case VERDICT_RESUME_DEST:
		return migration_act(m, m->dst, "resume", guest_resume, err);
	case VERDICT_RESUME_SOURCE:
		return migration_act(m, m->src, "resume", guest_resume, err);
	case VERDICT_STOP_INCOMING: /* the source is proven running */
		return migration_act(m, m->dst, "stop-incoming", guest_destroy, err);
	case VERDICT_STOP_SOURCE: /* the destination is proven running */
		return migration_act(m, m->src, "stop-source", guest_destroy, err);
	case VERDICT_MOVED:
	case VERDICT_STAYED:
	case VERDICT_IN_PROGRESS:
	case VERDICT_STOPPED:
	case VERDICT_GONE:
	case VERDICT_SPLIT:
	case VERDICT_UNDECIDED:
		break;
	}
	return 1;
}

/* Where the active image of disk i should be now. */
static const char *planned_path(const struct migration *m, size_t i)
{
	const struct disk *k = &m->domain->disks[i];
	const struct images *im = &m->facts.images;

	for (size_t n = 0; n < im->n; n++)
		if (im->v[n].disk == k && im->v[n].depth == 0 && im->v[n].dst_path)
			return im->v[n].dst_path;
	return k->chain[0].path;
}

/*
 * The disks the destination's QEMU has are the ones the source's had. Which paths they were to get over there is not
 * known of a block migration that was taken over.
 */
static int same_disks(struct migration *m, struct err *err)
{
	bool paths_known = !m->adopted || m->mode != MODE_BLOCK;
	auto_free char *xml = guest_xml(m->dst, m->record.uuid, GUEST_XML_NOW, err);
	struct domain *d auto_domain = xml ? domain_parse(xml, err) : NULL;

	if (!d)
		return -1;
	for (size_t i = 0; i < d->disks_n && i < m->domain->disks_n; i++) {
		const struct disk *a = &m->domain->disks[i], *b = &d->disks[i];

		if (paths_known && a->chain_n && b->chain_n && !str_eq(planned_path(m, i), b->chain[0].path))
			return err_set(err, E_UNDECIDED, 0, "%s: disk %s is \"%s\", not \"%s\"", host_label(m->dst),
				       a->target, b->chain[0].path, planned_path(m, i));
	}
	return d->disks_n == m->domain->disks_n ? 0
						: err_set(err, E_UNDECIDED, 0, "%s: it has %zu disks, not %zu",
							  host_label(m->dst), d->disks_n, m->domain->disks_n);
}

static void read_completed(struct migration *m)
{
	struct job_stats s;

	if (guest_job(m->dst, m->record.uuid, true, &s, NULL) < 0 || !s.completed)
		return;
	m->downtime_ms = s.downtime_ms;
	m->have_downtime = true;
	if (s.mem_processed + s.disk_processed > m->bytes)
		m->bytes = s.mem_processed + s.disk_processed;
}

static int set_autostart(struct host *h, const char *uuid, struct err *err)
{
	return guest_set_autostart(h, uuid, true, err);
}

static int arrived(struct migration *m, struct err *err)
{
	m->moved = true;
	read_completed(m);
	if (m->claim.id) /* claimed X, found Y */
		migration_note(m, "libvirt reported \"%s\", but the guest has moved", m->claim.msg);
	if (m->move.persistent && !m->dst_look.persistent) {
		err_set(err, E_INCOMPLETE, 0, "%s: the guest runs, but is not defined there", host_label(m->dst));
		return err_hint(err, "define it there: virsh -c %s dumpxml %s >f.xml, and define f.xml",
				host_uri(m->dst), m->record.guest);
	}
	if ((m->domain && same_disks(m, err) < 0) || disks_arrived(m, err) < 0)
		return -1;
	/* one that is off when it is taken over may be somewhere else by now, and must not start here by itself */
	if (m->facts.look.autostart && m->move.persistent && (!m->adopted || guest_is_active(&m->dst_look)) &&
	    migration_act(m, m->dst, "autostart", set_autostart, err) < 0)
		return -1;
	return 0;
}

/* Acts on verdicts that ask for it, each followed by a new look; at most one act for each side. */
static int settle(struct migration *m, enum verdict *v, const char **rule, struct err *err)
{
	*v = decide(m, rule);
	if (*v != VERDICT_MOVED)
		note_evidence(m, *v, *rule);
	for (int i = 0; i < 2; i++) {
		struct err failed auto_err = ERR_INIT;
		enum verdict before = *v;
		int rc = mend(m, *v, &failed);

		if (rc > 0)
			return 0;
		*v = decide(m, rule);
		note_evidence(m, *v, *rule);
		if (rc < 0 && *v == before) { /* else libvirt did it by itself meanwhile */
			err_move(err, &failed);
			return -1;
		}
	}
	return 0;
}

int finish_run(struct migration *m, struct err *err)
{
	const char *rule = "";
	enum verdict v;

	if (settle(m, &v, &rule, err) < 0)
		return -1;
	switch (v) {
	case VERDICT_MOVED:
		return arrived(m, err);
	case VERDICT_STAYED:
		return stayed(m, err);
	case VERDICT_STOPPED: /* confirm says so, when all is cleared up */
		return ended_there(m) ? arrived(m, err) : stopped(m, err);
	case VERDICT_GONE:
		return gone(m, err);
	case VERDICT_IN_PROGRESS:
	case VERDICT_RESUME_DEST:
	case VERDICT_RESUME_SOURCE:
	case VERDICT_STOP_INCOMING:
	case VERDICT_STOP_SOURCE:
	case VERDICT_SPLIT:
	case VERDICT_UNDECIDED:
		break;
	}
	return undecided(m, v, rule, err);
}

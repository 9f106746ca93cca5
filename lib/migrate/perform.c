/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * perform: libvirt's whole migration protocol in one blocking call, made in a
 * thread of its own, while this one watches: statistics, deadline, signals. What
 * the call returns is kept as a claim; finish looks at both hosts.
 */
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/task.h"
#include "migrate/perform-private.h"

enum { POLL_MS = 100 }; /* job statistics are asked this often */

/* The call's own copies of what it needs: it may outlive the watcher when libvirt does not come back. */
struct call {
	struct host *src, *dst;
	char *uuid;
	struct guest_move move;
};

static void call_release(void *arg)
{
	struct call *c = arg;

	free(c->uuid);
	guest_move_clear(&c->move);
	free(c);
}

static int call_run(void *arg, struct err *err)
{
	struct call *c = arg;

	return guest_migrate(c->src, c->dst, c->uuid, &c->move, err);
}

static struct task *call_start(struct migration *m, struct err *err)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->src = m->src;
	c->dst = m->dst;
	c->uuid = xstrdup(m->record.uuid);
	c->move = guest_move_copy(&m->move);
	return task_start(call_run, c, call_release, err);
}

/* A destination's QEMU that waits for a page may not take the command it needs to get it. */
static bool resume_hangs(const struct watch *w, int64_t now)
{
	enum { LIMIT_MS = 60000 };

	return now - w->begin_ms > LIMIT_MS && now - w->moved_ms > LIMIT_MS;
}

/* True: given up waiting. */
static bool look_around(struct watch *w)
{
	struct migration *m = w->m;
	int64_t now = clock_ms();

	if (w->postcopy) { /* neither side has all of the guest: stopping would lose it */
		if (interrupt_pending())
			migration_note(m, "signal: post-copy cannot be stopped; waiting for its end");
		interrupt_ack();
		return m->move.resume && resume_hangs(w, now);
	}
	stuck_cut(w);
	if (interrupt_pending()) {
		interrupt_ack();
		if (!w->abort_since_ms)
			migration_note(m, "%sstopping the migration job", interrupt_seen() ? "signal: " : "");
		steer_abort(w, E_CANCELLED);
	} else if (w->abort_since_ms) {
		steer_abort(w, m->stop_asked);
	}
	return w->abort_since_ms && now - w->abort_since_ms > m->patience.abort_limit;
}

bool watch_round(struct watch *w)
{
	struct migration *m = w->m;

	if (look_around(w)) {
		if (w->postcopy)
			err_set(&m->claim, E_UNDECIDED, 0, "libvirt does not come back from resuming post-copy");
		else
			err_set(&m->claim, E_UNDECIDED, 0,
				"libvirt has not ended the migration %d s after it was asked to",
				m->patience.abort_limit / 1000);
		return true;
	}
	if (stuck_ended(w)) {
		err_set(&m->claim, E_UNDECIDED, 0,
			"QEMU has ended at %s, and libvirt there does not end the migration; it may have to be "
			"restarted",
			host_label(m->src));
		return true;
	}
	control_poll(w);
	watch_read(w);
	return false;
}

static void watch_call(struct watch *w, struct task *call)
{
	struct migration *m = w->m;

	while (!task_wait(call, POLL_MS)) {
		if (watch_round(w)) {
			host_set_stuck(m->src);
			host_set_stuck(m->dst);
			return;
		}
	}
	task_result(call, &m->claim);
}

int perform_call(struct migration *m, struct err *err)
{
	struct watch w = {
		.m = m,
		.begin_ms = clock_ms(),
		.meter.memory = m->domain ? m->domain->memory_kib << 10 : 0,
		.policy = m->policy,
		.converge.limit_ms = converge_first_ms(&m->policy), /* prepare has set it */
		.bandwidth_mib = m->opt->bandwidth_mib,
		.postcopy = m->move.resume,
	};
	int64_t effect = 0;
	struct task *call;

	err_clear(&m->claim); /* of the call before, when this one resumes */
	m->record.status = MIG_ACTIVE;
	m->record.new_there |= m->facts.dst.uuid_taken == FACT_NO;
	migration_journal(m);
	if ((m->move.resume ? effect_begin(m, m->dst, "resume-postcopy", m->record.uuid, &effect, err)
			    : effect_begin(m, m->dst, "migrate", m->record.uuid, &effect, err)) < 0)
		return -1;
	call = call_start(m, err);
	if (!call) {
		effect_end(m, effect, err);
		return -1;
	}
	m->performed = true;
	watch_call(&w, call);
	watch_flush(&w);
	m->policy = w.policy; /* with what was changed under way */
	m->postcopy = w.postcopy;
	task_release(call);
	effect_end(m, effect, m->claim.id ? &m->claim : NULL);
	return 0;
}

int perform_run(struct migration *m, struct err *err)
{
	struct err none auto_err = ERR_INIT;

	m->perform_ms = clock_ms();
	if (perform_call(m, err) < 0)
		return -1;
	if (!m->postcopy || !m->claim.id)
		return 0;
	ask_both(m, &none); /* also when only one of them answers */
	if (!rescue_is_due(m))
		return 0; /* finish finds out */
	migration_note(m, "libvirt: %s", m->claim.msg);
	return rescue_run(m, err);
}

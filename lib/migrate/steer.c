/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done to a migration under way: the policy (converge/converge.h) decides, this acts. */
#include <inttypes.h>

#include "base/clock.h"
#include "migrate/perform-private.h"

enum { ABORT_EVERY_MS = 500 }; /* an abort asked too early finds no job: ask again */

void steer_abort(struct watch *w, enum err_id why)
{
	struct err err auto_err = ERR_INIT;
	struct migration *m = w->m;
	int64_t now = clock_ms();

	if (!w->abort_since_ms) {
		w->abort_since_ms = now;
		m->stop_asked = why;
	}
	if (now - w->abort_last_ms < ABORT_EVERY_MS)
		return;
	w->abort_last_ms = now;
	if (guest_abort_job(m->src, m->record.uuid, &err) < 0)
		migration_note(m, "%s", err.msg);
}

int steer_cap(struct watch *w, uint64_t cap_ms, struct err *err)
{
	struct migration *m = w->m;
	struct converge_policy policy = w->policy;
	struct converge converge = w->converge;
	struct converge_action a;

	policy.cap_ms = cap_ms;
	converge_lower(&converge, &policy, &a);
	if (a.what == CONVERGE_LIMIT && guest_set_max_downtime(m->src, m->record.uuid, a.limit_ms, err) < 0)
		return -1;
	w->policy = policy;
	w->converge = converge;
	if (a.reason[0])
		migration_decision(m, converge_do_name(a.what), a.limit_ms, a.needed_ms, a.reason);
	return 0;
}

/* QEMU goes on with the old limit if it does not take the new one: that is no reason to stop. */
static int set_limit(struct watch *w, uint64_t limit_ms)
{
	struct err err auto_err = ERR_INIT;
	struct migration *m = w->m;

	if (guest_set_max_downtime(m->src, m->record.uuid, limit_ms, &err) == 0)
		return 0;
	migration_note(m, "%s", err.msg);
	return -1;
}

int steer_postcopy(struct watch *w, struct err *err)
{
	if (guest_start_postcopy(w->m->src, w->m->record.uuid, err) < 0)
		return -1;
	w->postcopy = true;
	return 0;
}

static int suspend(struct watch *w, struct err *err)
{
	struct migration *m = w->m;
	int64_t effect = 0;
	int rc;

	if (effect_begin(m, m->src, "suspend", m->record.uuid, &effect, err) < 0)
		return -1;
	m->suspended = true; /* also when libvirt says no: it may have done it all the same */
	rc = guest_suspend(m->src, m->record.uuid, err);
	effect_end(m, effect, rc < 0 ? err : NULL);
	return rc;
}

/* was_ms: the limit before it was decided. */
static void act(struct watch *w, const struct converge_action *a, uint64_t was_ms)
{
	struct err err auto_err = ERR_INIT;
	enum err_id why = a->deadline ? E_DEADLINE : E_CONVERGE;
	int rc = 0;

	switch (a->what) {
	case CONVERGE_WAIT:
		return;
	case CONVERGE_LIMIT:
		if (set_limit(w, a->limit_ms) < 0)
			w->converge.limit_ms = was_ms; /* and it is decided anew after the next pass */
		return;
	case CONVERGE_ABORT:
		steer_abort(w, why);
		return;
	case CONVERGE_POSTCOPY:
		rc = steer_postcopy(w, &err);
		break;
	case CONVERGE_SUSPEND:
		rc = suspend(w, &err);
		break;
	}
	if (rc == 0)
		return;
	migration_note(w->m, "%s", err.msg);
	steer_abort(w, why); /* what was asked for cannot be done: the safe end */
}

void steer(struct watch *w, const struct converge_reading *r)
{
	struct converge_action a;
	uint64_t was_ms = w->converge.limit_ms;

	if (w->abort_since_ms)
		return;
	converge_step(&w->converge, &w->policy, r, &a);
	if (a.needed_ms)
		w->m->needed_ms = a.needed_ms;
	if (a.reason[0])
		migration_decision(w->m, converge_do_name(a.what), a.limit_ms, a.needed_ms, a.reason);
	act(w, &a, was_ms);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A migration between two libvirt that no call of ours waits for, or not any more: it is watched by its job. */
#include <unistd.h>

#include "base/clock.h"
#include "migrate/perform-private.h"

enum { GONE_POLLS = 3 };

struct following {
	struct watch w;
	unsigned without; /* looks in a row that found no job */
	int64_t answered_ms, looked_ms;
};

/* Not for a moment, as between two of libvirt's steps, but three times. */
static bool job_gone(struct following *f)
{
	struct migration *m = f->w.m;
	struct job_stats s;

	if (guest_job(m->src, m->record.uuid, false, &s, NULL) < 0)
		return false;
	f->answered_ms = clock_ms();
	f->without = s.job == GUEST_JOB_MIGRATION_OUT ? 0 : f->without + 1;
	return f->without >= GONE_POLLS;
}

/* Here no call of libvirt's comes back to tell that it will not go on: the source is silent, or post-copy has broken.
 */
static bool will_not_end(struct following *f)
{
	enum { EVERY_MS = 2000 };
	struct migration *m = f->w.m;
	int64_t now = clock_ms();

	if (now - f->answered_ms > m->patience.settle) {
		migration_note(m, "%s does not answer any more", host_label(m->src));
		return true;
	}
	if (now - f->looked_ms < EVERY_MS)
		return false;
	f->looked_ms = now;
	guest_look(m->src, m->record.uuid, false, &m->src_look);
	return rescue_is_due(m);
}

bool follow_job(struct migration *m, bool cancel)
{
	struct following f = { .w = { .m = m,
				      .begin_ms = m->perform_ms ? m->perform_ms : clock_ms(),
				      .policy = m->policy,
				      .bandwidth_mib = m->opt->bandwidth_mib,
				      .postcopy = m->src_look.why == GUEST_WHY_POSTCOPY },
			       .answered_ms = clock_ms(),
			       .looked_ms = clock_ms() };
	bool given_up = false;

	/* whoever was there before has perhaps raised it */
	if (guest_get_max_downtime(m->src, m->record.uuid, &f.w.converge.limit_ms, NULL) < 0)
		f.w.converge.limit_ms = converge_first_ms(&m->policy);
	if (cancel && !f.w.postcopy) {
		m->stop_asked = E_CANCELLED;
		if (m->src_look.job == GUEST_JOB_MIGRATION_OUT) /* any other job is somebody else's */
			steer_abort(&f.w, E_CANCELLED);
	}
	while (!job_gone(&f) && !(given_up = watch_round(&f.w)) && !will_not_end(&f))
		usleep((useconds_t)m->patience.poll * 1000);
	watch_flush(&f.w);
	m->policy = f.w.policy;
	m->postcopy = f.w.postcopy;
	return !given_up;
}

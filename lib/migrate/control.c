/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What other terminals ask of a migration under way: vmmig cancel and tune leave it in the journal. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migrate/perform-private.h"

enum {
	EVERY_MS = 400,
	LISTEN_MS = 200, /* who ends it waits for so long */
};

static char *ask_cancel(struct watch *w)
{
	if (w->postcopy)
		return xstrdup("post-copy is under way: neither side has all of the guest, and stopping would lose it");
	migration_note(w->m, "vmmig cancel: stopping the migration job");
	steer_abort(w, E_CANCELLED);
	return NULL;
}

static char *ask_postcopy(struct watch *w)
{
	struct err err auto_err = ERR_INIT;

	if (w->postcopy)
		return NULL;
	if (!w->m->move.postcopy)
		return xstrdup(
			"it was begun without post-copy; --policy must-finish and --on-timeout postcopy allow it");
	if (steer_postcopy(w, &err) < 0)
		return xstrdup(err.msg);
	migration_decision(w->m, "postcopy", 0, 0, "vmmig tune asked for it");
	return NULL;
}

/* Who asked for less has it when this is answered; more is used when it is needed, as the policy sees it. */
static char *ask_max_downtime(struct watch *w, uint64_t ms)
{
	auto_free char *text = str_printf("vmmig tune: %" PRIu64 " ms are allowed now", ms);
	struct err err auto_err = ERR_INIT;

	if (w->postcopy)
		return xstrdup("post-copy is under way: the guest runs at the destination already");
	if (steer_cap(w, ms, &err) < 0)
		return xstrdup(err.msg);
	w->m->record.max_downtime_ms = ms;
	migration_journal(w->m); /* for whoever takes it over */
	migration_decision(w->m, "wait", 0, 0, text);
	return NULL;
}

static char *ask_bandwidth(struct watch *w, uint64_t mib)
{
	struct err err auto_err = ERR_INIT;
	uint64_t each = watch_bandwidth(w, mib);

	if (guest_set_max_speed(w->m->src, w->m->record.uuid, each, &err) < 0)
		return xstrdup(err.msg);
	w->bandwidth_mib = mib;
	migration_note(w->m,
		       mib ? "vmmig tune: the bandwidth is %" PRIu64 " MiB/s now"
			   : "vmmig tune: the bandwidth has no limit now",
		       mib);
	/* libvirt keeps others, and us, from changing a mirror's rate as long as the migration lasts */
	if (w->m->move.disks.n && !w->widened)
		return xstrdup("for memory only, when that is sent: the disks that are being copied keep their rate");
	return NULL;
}

static char *ask_timeout(struct watch *w, uint64_t s)
{
	w->policy.timeout_ms = s * 1000;
	migration_note(w->m,
		       s ? "vmmig tune: the deadline is at %" PRIu64 " s now" : "vmmig tune: there is no deadline now",
		       s);
	return NULL;
}

/* NULL: done; else why not; caller frees. */
static char *answer(void *arg, const struct request_record *r)
{
	struct watch *w = arg;

	if (w->abort_since_ms)
		return str_eq(r->kind, "cancel") ? NULL : xstrdup("it is being stopped");
	if (str_eq(r->kind, "cancel"))
		return ask_cancel(w);
	if (str_eq(r->kind, "postcopy"))
		return ask_postcopy(w);
	if (str_eq(r->kind, "max-downtime"))
		return ask_max_downtime(w, r->value);
	if (str_eq(r->kind, "bandwidth"))
		return ask_bandwidth(w, r->value);
	if (str_eq(r->kind, "timeout"))
		return ask_timeout(w, r->value);
	return xstrdup("this vmmig does not know such a request");
}

/* Each is answered once; one that cannot be read or answered now is tried again. */
typedef char *answer_fn(void *arg, const struct request_record *r);

static int answer_all(struct migration *m, answer_fn *fn, void *arg, struct err *err)
{
	struct request_record *v = NULL;
	size_t n = 0;
	int rc = journal_requests(m->journal, m->record.id, &v, &n, err);

	for (size_t i = 0; i < n && rc == 0; i++) {
		auto_free char *why = fn(arg, &v[i]);

		rc = journal_answer(m->journal, v[i].seq, why ? why : "done", err);
	}
	journal_requests_free(v, n);
	return rc;
}

static void answer_or_log(struct migration *m, answer_fn *fn, void *arg)
{
	struct err err auto_err = ERR_INIT;

	if (answer_all(m, fn, arg, &err) < 0)
		log_info("%s", err.msg);
}

static char *nobody_there(void *arg, const struct request_record *r)
{
	(void)arg;
	(void)r;
	return xstrdup("the vmmig that was asked is gone");
}

int control_forget(struct migration *m, struct err *err)
{
	return answer_all(m, nobody_there, NULL, err);
}

void control_poll(struct watch *w)
{
	int64_t now = clock_ms();

	if (now - w->polled_ms < EVERY_MS)
		return;
	w->polled_ms = now;
	answer_or_log(w->m, answer, w);
}

/* arg: a bool that is true when it is to end. */
static char *answer_cold(void *arg, const struct request_record *r)
{
	bool *cancel = arg;

	if (!str_eq(r->kind, "cancel"))
		return xstrdup("the guest is off: only its copy is under way, which can be cancelled");
	*cancel = true;
	return NULL;
}

/* ---- a guest that is off: heard in whatever its thread is at ---- */

struct listener {
	struct migration *m;
	pthread_t thread;
	atomic_bool over, cancelled;
};

static bool poll_cold(struct listener *l)
{
	bool cancel = false;

	answer_or_log(l->m, answer_cold, &cancel);
	if (cancel)
		atomic_store(&l->cancelled, true);
	return cancel;
}

static void *listen_main(void *arg)
{
	struct listener *l = arg;

	while (!atomic_load(&l->over)) {
		if (poll_cold(l))
			interrupt_ask(l->m->scope);
		usleep(LISTEN_MS * 1000);
	}
	return NULL;
}

void control_listen(struct migration *m)
{
	struct listener *l;

	if (m->listener || !m->scope)
		return;
	l = xcalloc(1, sizeof(*l));
	l->m = m;
	if (interrupt_thread(&l->thread, m->scope, listen_main, l) == 0) {
		m->listener = l;
		return;
	}
	log_warn("vmmig cancel will not be heard");
	free(l);
}

bool control_deafen(struct migration *m)
{
	struct listener *l = STEAL(m->listener);
	bool cancelled;

	if (!l)
		return false;
	atomic_store(&l->over, true);
	pthread_join(l->thread, NULL);
	poll_cold(l); /* once more: it may have come since */
	cancelled = atomic_load(&l->cancelled);
	if (cancelled)
		m->stop_asked = E_CANCELLED;
	free(l);
	return cancelled;
}

static char *too_late(void *arg, const struct request_record *r)
{
	(void)arg;
	(void)r;
	return xstrdup("it has come to its end");
}

void control_end(struct migration *m)
{
	if (m->record.id[0])
		answer_or_log(m, too_late, NULL);
}

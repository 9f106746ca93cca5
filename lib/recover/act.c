/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recover/act-private.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { SETTLE_MS = 15000, LOOK_US = 300000 };
#define NOT_DEFINED "it is transient there: there is no definition to start it from"

struct host *recovery_host(const struct recovery *r, size_t i)
{
	return r->fleet->v[i].host;
}

int recovery_refuse(const struct recovery *r, struct err *err, const char *why)
{
	(void)r;
	return err_set(err, E_NOT_PROVEN, 0, "%s; nothing was done", why);
}

bool recovery_told(struct recovery *r, const char *fmt, ...)
{
	auto_free char *what = NULL, *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = str_vprintf(fmt, ap);
	va_end(ap);
	line = str_printf("action: %s%s", what, r->dry_run ? " (dry run: not done)" : "");
	r->report->ops->note(r->report, line);
	return r->dry_run;
}

static void release(struct recovering *a)
{
	host_hold_end(STEAL(a->other_lease));
	host_hold_end(STEAL(a->m.lease));
}

/* The lease on the guest, on both its hosts: on one of them every other vmmig that would move it asks for it. */
static int lease_both(struct recovering *a, struct err *err)
{
	auto_free char *who = migration_lease_text(&a->m);

	if (guest_lease(a->m.src, a->m.record.uuid, who, &a->m.lease, err) < 0)
		return -1;
	if (a->m.dst == a->m.src)
		return 0;
	return guest_lease(a->m.dst, a->m.record.uuid, who, &a->other_lease, err);
}

int recovering_begin(struct recovery *r, struct recovering *a, const char *what, size_t keep, size_t other,
		     const char *from, struct err *err)
{
	*a = (struct recovering) { .r = r };
	a->m = (struct migration) {
		.guest = r->guest,
		.src = recovery_host(r, keep),
		.dst = recovery_host(r, other),
		.journal = r->journal,
		.report = r->report,
		.opt = r->opt,
	};
	a->m.record = (struct migration_record) {
		.guest = xstrdup(fleet_guest_name(r->fleet, r->uuid)),
		.uuid = xstrdup(r->uuid),
		.mode = xstrdup("recover"),
		.from = xstrdup(from ? from : host_name(a->m.dst)),
		.to = xstrdup(host_name(a->m.src)),
		.phase = xstrdup(what),
	};
	migration_patience(&a->m);
	if (lease_both(a, err) < 0 || journal_begin(r->journal, &a->m.record, err) < 0) {
		release(a);
		migration_clear(&a->m);
		return -1;
	}
	r->acted = true;
	r->report->migration = a->m.record.id;
	migration_note(&a->m, "%s: %s", finding_infos[r->found.kind].name, r->found.rule);
	migration_look(&a->m);
	return 0;
}

static void end_record(struct migration *m, int rc, const struct err *err)
{
	struct migration_record *r = &m->record;

	r->status = rc == 0 ? MIG_COMPLETED : err_is(err, E_CANCELLED) ? MIG_CANCELLED : MIG_FAILED;
	r->exit_status = rc < 0 ? err->status : STATUS_OK;
	r->error_id = rc < 0 ? xstrdup(err->id) : NULL;
	r->error_message = rc < 0 ? xstrdup(err->msg) : NULL;
	r->ended_ms = clock_wall_ms();
	r->total_ms = (uint64_t)(r->ended_ms - r->started_ms);
	migration_journal(m);
}

int recovering_end(struct recovering *a, int rc, const struct err *err)
{
	end_record(&a->m, rc, err);
	a->r->report->migration = NULL;
	release(a);
	migration_clear(&a->m);
	return rc;
}

/* Looks until it is so; what hosts do by themselves takes a moment. */
bool recovering_becomes(struct recovering *a, bool (*is)(const struct recovering *a))
{
	int64_t until = clock_ms() + SETTLE_MS;

	for (;;) {
		migration_look(&a->m);
		if (is(a))
			return true;
		if (clock_ms() >= until)
			return false;
		usleep(LOOK_US);
	}
}

int recovering_failed(struct recovering *a, struct err *err, const char *what)
{
	auto_free char *src = look_text(&a->m.src_look), *dst = look_text(&a->m.dst_look);

	if (a->m.src == a->m.dst)
		return err_set(err, E_UNDECIDED, 0, "%s; %s: %s", what, host_label(a->m.src), src);
	return err_set(err, E_UNDECIDED, 0, "%s; %s: %s; %s: %s", what, host_label(a->m.src), src, host_label(a->m.dst),
		       dst);
}

bool recovering_kept_runs(const struct recovering *a)
{
	return guest_is_running(&a->m.src_look) && a->m.src_look.qemu_pids == 1 && a->m.src_look.job == GUEST_JOB_NONE;
}

bool recovering_other_gone(const struct recovering *a)
{
	return !guest_is_active(&a->m.dst_look) && a->m.dst_look.state != GUEST_UNKNOWN && a->m.dst_look.qemu_pids == 0;
}

/* ---- what is safe ---- */

static bool is_half(const struct guest_look *l)
{
	return l->state == GUEST_PAUSED && l->job != GUEST_JOB_MIGRATION_OUT &&
	       (l->why == GUEST_WHY_MIGRATION || l->why == GUEST_WHY_STARTING_UP);
}

/* It was a half that had its memory, has ended since, and is being started by somebody. */
static bool starts_anew(const struct recovering *a)
{
	const struct guest_look *before = a->r->presences[a->r->found.other].look;

	return a->m.dst_look.why == GUEST_WHY_STARTING_UP && a->m.dst_look.job != GUEST_JOB_MIGRATION_IN &&
	       !(before && before->why == GUEST_WHY_STARTING_UP);
}

static int stop_half(struct recovering *a, struct err *err)
{
	if (!recovering_kept_runs(a) || !is_half(&a->m.dst_look) || starts_anew(a))
		return recovery_refuse(a->r, err, "it is not as it was a moment ago");
	if (migration_act(&a->m, a->m.dst, "stop-half", guest_destroy, err) < 0)
		return -1;
	if (!recovering_becomes(a, recovering_other_gone) || !recovering_kept_runs(a))
		return recovering_failed(a, err, "the half that is left over did not go");
	/* a source's own definition, which the migration would have removed */
	if (a->m.src_look.persistent && a->m.dst_look.state == GUEST_SHUTOFF && a->m.dst_look.persistent)
		return migration_act(&a->m, a->m.dst, "undefine", guest_undefine, err);
	return 0;
}

static int resume_it(struct recovering *a, struct err *err)
{
	if (!is_half(&a->m.src_look) || a->m.src_look.job != GUEST_JOB_NONE)
		return recovery_refuse(a->r, err, "it is not as it was a moment ago");
	if (migration_act(&a->m, a->m.src, "resume", guest_resume, err) < 0)
		return -1;
	return recovering_becomes(a, recovering_kept_runs) ? 0 : recovering_failed(a, err, "it does not go on");
}

int recovery_run(struct recovery *r, const char *what, size_t keep, size_t other,
		 int (*fn)(struct recovering *a, struct err *err), struct err *err)
{
	struct recovering a;

	if (recovering_begin(r, &a, what, keep, other, NULL, err) < 0)
		return -1;
	return recovering_end(&a, fn(&a, err), err);
}

int recover_mend(struct recovery *r, struct err *err)
{
	size_t keep = r->found.keep, other = r->found.other;

	if (r->found.kind == FOUND_FINISH) {
		if (recovery_told(r, "stop the half at %s; the guest runs at %s", r->fleet->v[other].name,
				  r->fleet->v[keep].name))
			return 0;
		return recovery_run(r, "stop-half", keep, other, stop_half, err);
	}
	if (r->found.kind != FOUND_ROLL_BACK)
		return recovery_refuse(r, err, "nothing here is safe to be done without a person's word");
	if (recovery_told(r, "resume it at %s", r->fleet->v[keep].name))
		return 0;
	return recovery_run(r, "resume", keep, keep, resume_it, err);
}

/* ---- a person has said so ---- */

static bool no_job(const struct recovering *a)
{
	return a->m.src_look.job == GUEST_JOB_NONE;
}

static int end_job(struct recovering *a, struct err *err)
{
	if (a->m.src_look.job != GUEST_JOB_MIGRATION_OUT)
		return recovery_refuse(a->r, err, "no migration job runs on it any more");
	if (migration_act(&a->m, a->m.src, "abort-job", guest_abort_job, err) < 0)
		return -1;
	if (!recovering_becomes(a, no_job))
		return recovering_failed(a, err, "its job does not end");
	return is_half(&a->m.src_look) ? resume_it(a, err) : 0;
}

int recover_reset(struct recovery *r, struct err *err)
{
	size_t keep = r->found.keep;

	if (r->found.kind == FOUND_FINISH || r->found.kind == FOUND_ROLL_BACK)
		return recover_mend(r, err);
	if (r->found.kind != FOUND_STUCK) {
		r->report->ops->note(r->report, "no job is stuck, and it is not paused by a migration");
		return r->found.kind == FOUND_HEALTHY || r->found.kind == FOUND_OFF
			       ? 0
			       : recovery_refuse(r, err, r->found.rule);
	}
	if (recovery_told(r, "end the migration job at %s", r->fleet->v[keep].name))
		return 0;
	return recovery_run(r, "reset-state", keep, keep, end_job, err);
}

/* Is it active anywhere but at `host`, or may it be? */
const char *recovery_elsewhere(const struct recovery *r, size_t host)
{
	for (size_t i = 0; i < r->fleet->n; i++) {
		const struct presence *p = &r->presences[i];

		if (i == host)
			continue;
		if (!p->known)
			return "a host has not answered, and it may run there";
		if (p->qemu || (p->look && guest_is_active(p->look)))
			return "it is active on another host, too";
	}
	return NULL;
}

/* While somebody thought, or a host was fenced, anybody may have started it. */
int recovering_nowhere_else(struct recovering *a, struct err *err)
{
	for (size_t i = 0; i < a->r->fleet->n; i++) {
		struct host *h = recovery_host(a->r, i);
		struct guest_look l auto_look = { 0 };

		if (h == a->m.src || !a->r->presences[i].answered)
			continue;
		guest_look(h, a->m.record.uuid, true, &l);
		if (l.state == GUEST_UNKNOWN || guest_is_active(&l) || l.qemu_pids != 0)
			return err_set(err, E_NOT_PROVEN, 0, "%s: it is there now, or may be; nothing was started",
				       host_label(h));
	}
	return 0;
}

static bool source_off(const struct recovering *a)
{
	return a->m.src_look.state == GUEST_SHUTOFF && a->m.src_look.qemu_pids == 0;
}

static int start_anew(struct recovering *a, struct err *err)
{
	if (!recovering_becomes(a, source_off))
		return recovering_failed(a, err, "it does not go off");
	if (recovering_nowhere_else(a, err) < 0)
		return -1;
	if (migration_act(&a->m, a->m.src, "start", guest_start, err) < 0)
		return -1;
	return recovering_becomes(a, recovering_kept_runs) ? 0 : recovering_failed(a, err, "it does not start");
}

static int reboot(struct recovering *a, struct err *err)
{
	if (recovering_nowhere_else(a, err) < 0)
		return -1;
	if (!a->m.src_look.persistent)
		return recovery_refuse(a->r, err, NOT_DEFINED);
	if (guest_is_active(&a->m.src_look) && migration_act(&a->m, a->m.src, "destroy", guest_destroy, err) < 0)
		return err_hint(err, "if neither libvirt nor QEMU answers: vmmig recover %s --kill %s --hard-reboot",
				a->m.guest, host_name(a->m.src));
	return start_anew(a, err);
}

/* An act, or what --resume-postcopy has begun: the migration itself came before. */
static bool is_of_recover(const struct migration_record *r, const char *from)
{
	return str_eq(r->mode, "recover") || (str_eq(r->mode, "live") && str_eq(r->from, from));
}

/* Of one that was lost under way with its disks: the source's are older than what it wrote at the destination. */
static int refuse_old_disks(struct recovery *r, size_t at, struct err *err)
{
	struct migration_record *v = NULL;
	const char *host = r->fleet->v[at].name;
	size_t n = 0, i = 0;

	if (r->found.kind != FOUND_LOST)
		return 0;
	if (journal_list(r->journal, r->uuid, false, 0, &v, &n, err) < 0)
		return -1;
	while (i < n && is_of_recover(&v[i], host))
		i++;
	if (i < n && str_eq(v[i].mode, "block") && str_eq(v[i].from, host) &&
	    (!v[i].ended_ms || v[i].exit_status == STATUS_UNDECIDED)) {
		err_set(err, E_NOT_PROVEN, 0,
			"its disks moved along, and it ran at %s: those at %s are older; nothing was done", v[i].to,
			host);
		err_hint_text(err, "see \"A post-copy migration broke\" in vmmig-troubleshooting(7)");
	}
	journal_list_free(v, n);
	return err->id ? -1 : 0;
}

int recover_reboot(struct recovery *r, struct err *err)
{
	size_t at = r->found.keep;
	const char *why;
	auto_free char *question = NULL;

	if (at == SIZE_MAX || r->found.kind == FOUND_ADOPT || r->found.kind == FOUND_POSTCOPY ||
	    r->found.kind == FOUND_SPLIT)
		return recovery_refuse(r, err, r->found.rule);
	why = recovery_elsewhere(r, at);
	if (why)
		return recovery_refuse(r, err, why);
	if (refuse_old_disks(r, at, err) < 0)
		return -1;
	if (recovery_told(r, "destroy it at %s, and start it there from its definition", r->fleet->v[at].name))
		return 0;
	question = str_printf("what %s has in memory at %s will be lost. Go on?", r->guest, r->fleet->v[at].name);
	if (!r->consent(r->consent_arg, question))
		return err_set(err, E_CANCELLED, 0, "not confirmed; nothing was done");
	return recovery_run(r, "hard-reboot", at, at, reboot, err);
}

static int kill_it(struct recovering *a, struct err *err)
{
	const struct presence *p = &a->r->presences[a->host];
	auto_free char *object = str_printf("%s pid %d", p->qemu->uuid, p->qemu->pid);
	int64_t effect = 0;
	int rc;

	if (!a->and_start && !recovering_kept_runs(a))
		return recovery_refuse(a->r, err, "it is not proven that it runs on another host");
	if (a->and_start && !a->m.src_look.persistent)
		return recovery_refuse(a->r, err, NOT_DEFINED);
	if (effect_begin(&a->m, recovery_host(a->r, a->host), "kill", object, &effect, err) < 0)
		return -1;
	rc = survey_kill(recovery_host(a->r, a->host), p->qemu, err);
	effect_end(&a->m, effect, rc < 0 ? err : NULL);
	if (rc == 1)
		migration_note(&a->m, "%s: that QEMU is gone already", host_label(recovery_host(a->r, a->host)));
	if (rc < 0)
		return -1;
	return a->and_start ? start_anew(a, err) : 0;
}

/* Where it is proven running, other than there; SIZE_MAX: nowhere. */
static size_t runs_elsewhere(const struct recovery *r, size_t host)
{
	for (size_t i = 0; i < r->fleet->n; i++)
		if (i != host && r->presences[i].known && r->presences[i].look &&
		    guest_is_running(r->presences[i].look) && r->presences[i].qemus == 1)
			return i;
	return SIZE_MAX;
}

int recover_kill(struct recovery *r, size_t host, bool and_start, struct err *err)
{
	size_t keep = and_start ? host : runs_elsewhere(r, host);
	const struct presence *p = &r->presences[host];
	const char *why = and_start ? recovery_elsewhere(r, host) : NULL;
	auto_free char *question = NULL;
	struct recovering a;

	if (!p->qemu || p->qemus != 1)
		return recovery_refuse(r, err, p->qemu ? "several QEMU of it run there" : "no QEMU of it runs there");
	if (why || keep == SIZE_MAX) {
		recovery_refuse(r, err, why ? why : "it is not proven that it runs on another host");
		if (why)
			return -1;
		if (recovery_elsewhere(r, host))
			return err_hint_text(err, "see \"The one that is to go hangs\" in vmmig-troubleshooting(7)");
		return err_hint(err, "to start it anew there: vmmig recover %s --kill %s --hard-reboot", r->guest,
				r->fleet->v[host].name);
	}
	if (recovery_told(r, "kill -9 of QEMU %d at %s%s", p->qemu->pid, r->fleet->v[host].name,
			  and_start ? ", and start it there from its definition" : ""))
		return 0;
	question = str_printf("QEMU %d of %s at %s will be killed. Go on?", p->qemu->pid, r->guest,
			      r->fleet->v[host].name);
	if (!r->consent(r->consent_arg, question))
		return err_set(err, E_CANCELLED, 0, "not confirmed; nothing was done");
	if (recovering_begin(r, &a, "kill", keep, host, NULL, err) < 0)
		return -1;
	a.host = host;
	a.and_start = and_start;
	return recovering_end(&a, kill_it(&a, err), err);
}

/* Both halves are there, and keep is the destination, other the source. */
static bool is_in_postcopy(const struct recovery *r)
{
	const struct guest_look *dst, *src;

	if (r->found.kind != FOUND_POSTCOPY && r->found.kind != FOUND_ADOPT)
		return false;
	dst = r->presences[r->found.keep].look;
	src = r->presences[r->found.other].look;
	return dst->why == GUEST_WHY_POSTCOPY || dst->why == GUEST_WHY_POSTCOPY_FAILED ||
	       src->why == GUEST_WHY_POSTCOPY || src->why == GUEST_WHY_POSTCOPY_FAILED;
}

int recover_postcopy(struct recovery *r, struct err *err)
{
	size_t dst = r->found.keep, src = r->found.other;
	struct migration m = { .guest = r->guest, .journal = r->journal, .report = r->report, .opt = r->opt };
	enum status status;

	if (!is_in_postcopy(r))
		return recovery_refuse(r, err, r->found.rule);
	if (recovery_told(r, "have post-copy from %s to %s go on", r->fleet->v[src].name, r->fleet->v[dst].name))
		return 0;
	m.src = recovery_host(r, src);
	m.dst = recovery_host(r, dst);
	host_set_side(m.src, SIDE_SOURCE);
	host_set_side(m.dst, SIDE_DESTINATION);
	m.record = (struct migration_record) {
		.guest = xstrdup(fleet_guest_name(r->fleet, r->uuid)),
		.uuid = xstrdup(r->uuid),
		.mode = xstrdup("live"),
		.from = xstrdup(host_name(m.src)),
		.to = xstrdup(host_name(m.dst)),
		.phase = xstrdup("perform"),
	};
	if (journal_begin(r->journal, &m.record, err) < 0) {
		migration_record_clear(&m.record);
		return -1;
	}
	r->acted = true;
	status = migrate_adopt(&m, false, err);
	if (!m.adopted) /* it was not begun: nobody else is to find it unfinished */
		end_record(&m, -1, err);
	migration_clear(&m);
	return status == STATUS_OK ? 0 : -1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status: what the journal holds unfinished, and, for each, what both hosts show now. Looks only. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "records.h"

enum { WATCH_US = 500000 };

static json_t *look_object(const struct migration_record *r, const char *host, const struct guest_look *l)
{
	json_t *o = report_json_event("look");

	json_object_set_new(o, "migration", report_json_text(r->id));
	json_object_set_new(o, "host", report_json_text(host));
	json_object_set_new(o, "state", json_string(guest_state_name(l->state)));
	json_object_set_new(o, "reason", json_string(guest_why_name(l->why)));
	json_object_set_new(o, "job", json_string(guest_job_name(l->job)));
	json_object_set_new(o, "persistent", json_boolean(l->persistent));
	json_object_set_new(o, "autostart", json_boolean(l->autostart));
	json_object_set_new(o, "qemu_processes", l->qemu_pids < 0 ? json_null() : json_integer(l->qemu_pids));
	json_object_set_new(o, "unknown_because", report_json_text(l->unknown_because));
	return o;
}

static void look_at(struct app *app, const struct migration_record *r, struct host *h, const struct err *open_err,
		    struct guest_look *l)
{
	auto_free char *words = NULL, *line = NULL, *clean = NULL;

	if (open_err->id) {
		l->state = GUEST_UNKNOWN;
		l->qemu_pids = -1;
		l->unknown_because = xstrdup(open_err->msg);
	} else {
		guest_look(h, r->uuid, true, l);
	}
	words = look_text(l);
	clean = str_sanitize(words, REPORT_TEXT_MAX);
	line = str_printf("  %s: %s\n", host_label(h), clean);
	app->report.ops->object(&app->report, line, look_object(r, host_name(h), l));
}

static void say_verdict(struct app *app, const struct migration_record *r, const struct guest_look *src,
			const struct guest_look *dst)
{
	const char *rule;
	enum verdict v = verdict(src, dst, true, &rule);
	auto_free char *line = str_printf("  verdict: %s: %s\n", verdict_name(v), rule);
	json_t *o = report_json_event("verdict");

	json_object_set_new(o, "migration", report_json_text(r->id));
	json_object_set_new(o, "verdict", json_string(verdict_name(v)));
	json_object_set_new(o, "rule", json_string(rule));
	app->report.ops->object(&app->report, line, o);
}

static json_t *job_object(const struct migration_record *r, const struct progress *p)
{
	const struct job_stats *s = &p->stats;
	json_t *o = report_json_event("job");

	json_object_set_new(o, "migration", report_json_text(r->id));
	json_object_set_new(o, "elapsed_ms", json_integer((json_int_t)s->time_elapsed_ms));
	json_object_set_new(o, "iteration", json_integer((json_int_t)s->mem_iteration));
	json_object_set_new(o, "memory_remaining", json_integer((json_int_t)s->mem_remaining));
	json_object_set_new(o, "disk_remaining", json_integer((json_int_t)s->disk_remaining));
	json_object_set_new(o, "bytes_per_s", json_integer((json_int_t)(s->mem_bps + s->disk_bps)));
	json_object_set_new(o, "dirty_bytes_per_s", json_integer((json_int_t)p->dirty_bps));
	json_object_set_new(o, "throttle", json_integer(s->auto_converge_throttle));
	json_object_set_new(o, "max_downtime_ms", json_integer((json_int_t)p->max_downtime_ms));
	return o;
}

/* What libvirt at the source says of the job, if there is one. */
static void show_job(struct app *app, const struct migration_record *r, struct host *src)
{
	auto_free char *left = NULL, *rate = NULL, *dirty = NULL, *took = NULL, *line = NULL;
	struct progress p = { 0 };
	struct meter m = { 0 };

	if (guest_job(src, r->uuid, false, &p.stats, NULL) < 0 || p.stats.job != GUEST_JOB_MIGRATION_OUT ||
	    guest_get_max_downtime(src, r->uuid, &p.max_downtime_ms, NULL) < 0)
		return;
	meter_read(&m, &p.stats, 0, &p);
	left = str_bytes(p.stats.mem_remaining + p.stats.disk_remaining);
	rate = str_bytes(p.stats.mem_bps + p.stats.disk_bps);
	dirty = str_bytes(p.dirty_bps);
	took = str_duration(p.stats.time_elapsed_ms);
	line = str_printf("  job: for %s, pass %llu, left %s, sent %s/s, changed %s/s, downtime limit %llu ms\n", took,
			  (unsigned long long)p.stats.mem_iteration, left, rate, dirty,
			  (unsigned long long)p.max_downtime_ms);
	app->report.ops->object(&app->report, line, job_object(r, &p));
}

/* One line, drawn again and again. False: there is nothing to be watched any more. */
static bool watch_job(struct app *app, const struct migration_record *r, struct host *src, struct meter *m)
{
	struct progress p = { .phase = r->phase ? r->phase : "?" };
	bool alive = migration_process_alive(r) != 0;

	if (guest_job(src, r->uuid, false, &p.stats, NULL) < 0)
		return alive;
	if (p.stats.job != GUEST_JOB_MIGRATION_OUT)
		return alive;
	p.elapsed_ms = (int64_t)p.stats.time_elapsed_ms;
	guest_get_max_downtime(src, r->uuid, &p.max_downtime_ms, NULL);
	meter_read(m, &p.stats, clock_ms(), &p);
	app->report.ops->progress(&app->report, &p);
	return true;
}

/* Until it has ended, or somebody presses Ctrl-C, which is no concern of the migration's. */
static int watch(struct app *app, struct migration_record *r, struct err *err)
{
	struct host *hosts[2] = { NULL, NULL };
	auto_free char *id = xstrdup(r->id), *guest = xstrdup(r->guest);
	struct meter m = { 0 };
	int rc = r->ended_ms ? 0 : under_way_open(app, r, hosts, err);

	app->report.guest = guest;
	app->report.migration = id;
	while (rc == 0 && !r->ended_ms && !interrupt_pending() && watch_job(app, r, hosts[0], &m)) {
		usleep(WATCH_US);
		migration_record_clear(r);
		rc = journal_find(app->journal, id, r, err);
	}
	if (rc == 0 && !r->ended_ms) { /* it may have ended since it was read */
		migration_record_clear(r);
		rc = journal_find(app->journal, id, r, err);
	}
	app->report.guest = app->report.migration = NULL;
	interrupt_ack();
	host_free(hosts[0]);
	host_free(hosts[1]);
	return rc ? -1 : 0;
}

/* Those that do not answer are told as unknown. */
static void look_at_both(struct app *app, const struct migration_record *r, struct host *hosts[2], struct err errs[2],
			 enum status *status)
{
	struct guest_look looks[2] = { { 0 }, { 0 } };

	for (int i = 0; i < 2; i++) {
		look_at(app, r, hosts[i], &errs[i], &looks[i]);
		*status = status_worst(*status, errs[i].id ? errs[i].status : STATUS_OK);
	}
	if (!r->ended_ms && looks[0].job == GUEST_JOB_MIGRATION_OUT)
		show_job(app, r, hosts[0]);
	/* One that was decided has its own; since then the guest may have gone anywhere. */
	if ((!r->ended_ms || r->exit_status == STATUS_UNDECIDED) && !str_eq(r->mode, "recover"))
		say_verdict(app, r, &looks[0], &looks[1]);
	for (int i = 0; i < 2; i++)
		guest_look_clear(&looks[i]);
}

static enum status look_hosts(struct app *app, const struct migration_record *r, struct err *err)
{
	struct err errs[2] = { ERR_INIT, ERR_INIT };
	struct host *hosts[2] = { NULL, NULL };
	enum status status = STATUS_OK;

	if (under_way_hosts(app, r, hosts, errs, err) == 0)
		look_at_both(app, r, hosts, errs, &status);
	for (int i = 0; i < 2; i++) {
		err_clear(&errs[i]);
		host_free(hosts[i]);
	}
	return err->id ? err->status : status;
}

static enum status show(struct app *app, const struct migration_record *r, bool details, struct err *err)
{
	record_show(app, r);
	if (details && record_show_details(app, r, err) < 0)
		return err->status;
	return look_hosts(app, r, err);
}

static bool has_ended(struct app *app, const struct migration_record *r)
{
	struct migration_record now = { 0 };
	bool ended = journal_find(app->journal, r->id, &now, NULL) == 0 && now.ended_ms != r->ended_ms;

	migration_record_clear(&now);
	return ended;
}

static enum status show_unfinished(struct app *app, struct err *err)
{
	struct migration_record *v = NULL;
	enum status status = STATUS_OK;
	size_t n = 0;

	if (journal_list(app->journal, NULL, true, 0, &v, &n, err) < 0)
		return err->status;
	for (size_t i = 0; i < n; i++) {
		struct err one auto_err = ERR_INIT;

		if (i && has_ended(app, &v[i])) /* while the hosts of those before it were asked */
			continue;
		status = status_worst(status, show(app, &v[i], false, &one));
		if (one.id)
			app->report.ops->error(&app->report, &one);
	}
	journal_list_free(v, n);
	if (!n)
		app->report.ops->note(&app->report, "nothing is unfinished in the journal");
	return status;
}

static enum status run(struct app *app, struct err *err)
{
	struct migration_record r = { 0 };
	enum status status;

	if (!app->opt.words.n && app->opt.watch) {
		err_set(err, E_USAGE, 0, "status --watch: which guest or migration?");
		return err->status;
	}
	if (!app->opt.words.n)
		return show_unfinished(app, err);
	if (record_find(app, app->opt.words.v[0], &r, err) < 0)
		return err->status;
	if (app->opt.watch && watch(app, &r, err) < 0) {
		migration_record_clear(&r);
		return err->status;
	}
	status = show(app, &r, true, err);
	migration_record_clear(&r);
	return status;
}

static const struct argp_option options[] = {
	{ "watch", OPT_WATCH, NULL, 0, "follow it until it has ended, or Ctrl-C, which does not touch it", 0 },
	{ 0 },
};

const struct command cmd_status = {
	.name = "status",
	.summary = "unfinished migrations and where their guests are now",
	.args = "[GUEST|MIGRATION]",
	.doc = "For each migration the journal holds unfinished, or for the one named (the newest of a guest): the "
	       "record, what "
	       "both hosts show now (state, reason, job, QEMU processes), and what follows from that. Changes nothing.",
	.options = options,
	.max_words = 1,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

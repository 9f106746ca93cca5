/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recover without arguments: what the journal has unfinished, what became of it, and which command ends it. */
#include <string.h>

#include "base/quote.h"
#include "recover.h"

/* Each host once, however many migrations name it. */
struct hosts {
	struct host **v;
	struct err *errs;
	size_t n;
};

static void add_host(struct app *app, struct hosts *o, const char *name)
{
	struct host_spec *spec;

	for (size_t i = 0; i < o->n; i++)
		if (str_eq(host_name(o->v[i]), name))
			return;
	spec = config_host(app->config, name, NULL);
	if (!spec)
		return; /* it has left the configuration: unknown */
	*ARRAY_ADD(o->v, o->n) = host_new(spec);
	host_spec_free(spec);
}

static void look(const struct hosts *o, const char *name, const char *uuid, struct guest_look *l)
{
	for (size_t i = 0; i < o->n; i++) {
		if (!str_eq(host_name(o->v[i]), name))
			continue;
		if (!o->errs[i].id)
			return guest_look(o->v[i], uuid, true, l);
		l->unknown_because = xstrdup(o->errs[i].msg);
	}
	l->state = GUEST_UNKNOWN;
	l->qemu_pids = -1;
}

/* What is not its own end to write is the fleet's: one more look at all hosts says it better. */
static char *command_of(const struct migration_record *r, enum finding_kind kind)
{
	if (kind == FOUND_BUSY)
		return quote_printf("vmmig status --watch %s", r->id);
	return finding_infos[kind].safe || kind == FOUND_POSTCOPY || kind == FOUND_ABSENT
		       ? quote_printf("vmmig recover %s", r->id)
		       : quote_printf("vmmig recover %s", r->guest);
}

static void show(struct app *app, const struct migration_record *r, const struct diagnosis *d, const char *command)
{
	auto_free char *guest = str_sanitize(r->guest, 200), *line = NULL;
	json_t *o = report_json_event("unfinished");

	line = str_printf("%s  %s  %s %s -> %s  %s: %s\n    %s\n", r->id, r->mode ? r->mode : "?", guest, r->from,
			  r->to, finding_infos[d->kind].name, d->rule, command);
	json_object_set_new(o, "migration", report_json_text(r->id));
	json_object_set_new(o, "guest", report_json_text(r->guest));
	json_object_set_new(o, "uuid", report_json_text(r->uuid));
	json_object_set_new(o, "mode", report_json_text(r->mode));
	json_object_set_new(o, "from", report_json_text(r->from));
	json_object_set_new(o, "to", report_json_text(r->to));
	json_object_set_new(o, "verdict", json_string(finding_infos[d->kind].name));
	json_object_set_new(o, "rule", json_string(d->rule));
	json_object_set_new(o, "safe", json_boolean(finding_infos[d->kind].safe));
	json_object_set_new(o, "command", report_json_text(command));
	app->report.ops->object(&app->report, line, o);
}

static struct diagnosis examine_record(const struct hosts *o, const struct migration_record *r)
{
	struct guest_look src auto_look = { 0 }, dst auto_look = { 0 };

	look(o, r->from, r->uuid, &src);
	look(o, r->to, r->uuid, &dst);
	if (r->leftover)
		return diagnose_leftover(&src, &dst, r->status == MIG_COMPLETED);
	return diagnose_record(&src, &dst, str_eq(r->mode, "cold"), !r->ended_ms && migration_process_alive(r) != 0);
}

/* Post-copy that can go on is no matter of choice; the rest is for a person. */
static enum status end_one(struct app *app, struct migration_record *r, const struct diagnosis *d)
{
	struct err err auto_err = ERR_INIT;
	enum status status;
	int64_t ended_ms = r->ended_ms;
	bool left = r->leftover;

	if (!finding_infos[d->kind].safe && d->kind != FOUND_POSTCOPY)
		return d->kind == FOUND_BUSY ? STATUS_OK : STATUS_UNDECIDED;
	status = under_way_adopt(app, r, false, &err);
	if (err.id && !(r->ended_ms && r->ended_ms != ended_ms)) /* else its result has told it */
		app->report.ops->error(&app->report, &err);
	/* that it has stayed, or goes on where it was, is what was asked for */
	return !left && (status == STATUS_FAILED || status == STATUS_CANCELLED) ? STATUS_OK : status;
}

/* Its vmmig, or another recover, may have ended it while hosts were asked. */
static bool still_unfinished(struct app *app, struct migration_record *r)
{
	struct migration_record now = { 0 };
	bool found = journal_find(app->journal, r->id, &now, NULL) == 0;

	if (!found) /* it cannot be read: what was read stands */
		return true;
	migration_record_clear(r);
	*r = now;
	return r->leftover || !r->ended_ms || r->exit_status == STATUS_UNDECIDED;
}

static void go_on_with(struct app *app, const struct hosts *o, struct migration_record *r, bool act,
		       enum status *status)
{
	struct diagnosis d = examine_record(o, r);
	auto_free char *command = command_of(r, d.kind);

	show(app, r, &d, command);
	if (act)
		*status = status_worst(*status, end_one(app, r, &d));
}

static enum status go_through(struct app *app, const struct hosts *o, struct migration_record *v, size_t n)
{
	bool act = app->opt.all && app->opt.yes && !app->opt.dry_run;
	enum status status = STATUS_OK;
	bool any = false;

	for (size_t i = 0; i < n; i++)
		if (still_unfinished(app, &v[i])) {
			go_on_with(app, o, &v[i], act, &status);
			any = true;
		}
	if (!any)
		app->report.ops->note(&app->report, "nothing is unfinished in the journal");
	else if (app->opt.all && !act)
		app->report.ops->note(&app->report, "to end those that are safe to be ended: add --yes");
	return status;
}

enum status recover_unfinished(struct app *app, struct err *err)
{
	struct migration_record *v = NULL;
	enum status status;
	struct hosts o = { 0 };
	size_t n = 0;

	if (journal_list(app->journal, NULL, true, 0, &v, &n, err) < 0)
		return err->status;
	for (size_t i = 0; i < n; i++) {
		add_host(app, &o, v[i].from);
		add_host(app, &o, v[i].to);
	}
	o.errs = xcalloc(o.n + 1, sizeof(*o.errs));
	hosts_open(o.v, o.n, o.errs);
	status = go_through(app, &o, v, n);
	for (size_t i = 0; i < o.n; i++)
		err_clear(&o.errs[i]);
	hosts_free(o.v, o.n);
	free(o.errs);
	free(o.v);
	journal_list_free(v, n);
	return status;
}

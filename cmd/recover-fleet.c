/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All hosts, and one guest on them, for the parts of recover. */
#include <string.h>

#include "recover.h"

int fleet_hosts_look(struct app *app, const struct strv *names, unsigned also, struct fleet_hosts *f, struct err *err)
{
	if (hosts_choose(app, names, &f->v, &f->n, err) < 0)
		return -1;
	fleet_look(&f->fleet, f->v, f->n, also);
	return 0;
}

void fleet_hosts_free(struct fleet_hosts *f)
{
	fleet_clear(&f->fleet);
	hosts_drop(f->v, f->n);
	*f = (struct fleet_hosts) { 0 };
}

enum status fleet_hosts_unknown(struct app *app, const struct fleet_hosts *f)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; i < f->n; i++) {
		const struct fleet_host *h = &f->fleet.v[i];
		const struct err *err = h->why.id ? &h->why : &h->survey_why;

		if (!err->id)
			continue;
		app->report.ops->error(&app->report, err);
		status = status_worst(status, err->status);
	}
	return status;
}

static int unknown_there(const struct migration *m, const struct fleet_host *h, struct err *err)
{
	const struct err *why = h->why.id ? &h->why : &h->survey_why;

	err_set(err, E_UNDECIDED, 0, "%s: it may run there, and is not started: %s", h->name,
		why->id ? why->msg : "unknown");
	return err_hint(err, "once that host answers: vmmig recover %s", m->record.id);
}

static int off_there(const struct migration *m, const char *name, struct err *err)
{
	err_set(err, E_UNDECIDED, 0, "%s has it by now, and it is off there: it is not started", name);
	return err_hint(err, "once it is where it should be: vmmig recover %s --reset-state", m->record.id);
}

static int judge_elsewhere(const struct migration *m, const struct fleet_hosts *f, const struct presence *p,
			   char **where, struct err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *name = f->fleet.v[i].name;

		if (str_eq(name, m->record.from) || str_eq(name, m->record.to))
			continue;
		if (p[i].qemus || (p[i].look && guest_is_active(p[i].look))) {
			*where = str_printf("%s has it", name);
			return 1;
		}
		if (m->record.leftover && !p[i].known)
			return unknown_there(m, &f->fleet.v[i], err);
		if (m->record.leftover && p[i].look && p[i].look->state != GUEST_ABSENT)
			return off_there(m, name, err);
	}
	return 0;
}

int look_elsewhere(struct migration *m, char **where, struct err *err)
{
	const struct strv all = { 0 };
	struct fleet_hosts f = { 0 };
	const struct app *app = m->look_arg;
	struct presence *p;
	int rc;

	if (!app->config->hosts_n)
		return 0; /* its two hosts are all that are known */
	if (fleet_hosts_look(m->look_arg, &all, 0, &f, err) < 0)
		return -1;
	p = fleet_presence(&f.fleet, m->record.uuid);
	rc = judge_elsewhere(m, &f, p, where, err);
	free(p);
	fleet_hosts_free(&f);
	return rc;
}

static int not_found(const struct fleet_hosts *f, const char *guest, struct err *err)
{
	struct strv silent auto_strv = { 0 };
	auto_free char *names = NULL;

	for (size_t i = 0; i < f->n; i++)
		if (f->fleet.v[i].why.id)
			strv_add(&silent, f->fleet.v[i].name);
	names = strv_join(&silent, ", ");
	err_set(err, silent.n ? E_CONNECT : E_GUEST_UNKNOWN, 0, "no host that answers knows a guest \"%s\"%s%s", guest,
		silent.n ? "; not asked: " : "", names);
	if (!silent.n)
		return err_hint(err, "see what is there: vmmig list");
	return err_hint(err, "if it was on one that is dead: vmmig recover %s --evacuate --from %s --to HOST", guest,
			silent.v[0]);
}

int examine(const struct fleet_hosts *f, const char *guest, struct examined *e, struct err *err)
{
	int rc = fleet_find(&f->fleet, guest, &e->uuid, err);

	if (rc)
		return rc < 0 ? -1 : not_found(f, guest, err);
	for (size_t i = 0; i < f->n; i++)
		fleet_ask_block_jobs(&f->fleet.v[i], e->uuid);
	e->presences = fleet_presence(&f->fleet, e->uuid);
	e->found = diagnose(e->presences, f->n);
	return 0;
}

void examined_clear(struct examined *e)
{
	free(e->uuid);
	free(e->presences);
	*e = (struct examined) { 0 };
}

/* A QEMU's files that it can write: true, false, or null as a lock's three answers. */
static json_t *locks_object(const struct qemu_process *q)
{
	json_t *o = json_object();

	for (size_t i = 0; i < q->disks_n; i++) {
		const struct open_disk *d = &q->disks[i];

		json_object_set_new(o, d->path,
				    d->locked == FACT_UNKNOWN ? json_null() : json_boolean(d->locked == FACT_YES));
	}
	return o;
}

static json_t *ports_array(const struct qemu_process *q)
{
	json_t *a = json_array();

	for (size_t i = 0; i < q->ports_n; i++)
		json_array_append_new(a, json_integer(q->ports[i]));
	return a;
}

static json_t *block_jobs_array(const struct block_jobs *j)
{
	json_t *a = json_array();

	for (size_t i = 0; i < j->n; i++) {
		json_t *o = json_object();

		json_object_set_new(o, "target", report_json_text(j->v[i].target));
		json_object_set_new(o, "kind", json_string(block_job_name(j->v[i].kind)));
		json_object_set_new(o, "total", json_integer((json_int_t)j->v[i].total));
		json_object_set_new(o, "processed", json_integer((json_int_t)j->v[i].processed));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *presence_object(const struct examined *e, const char *host, const struct presence *p, const char *text)
{
	const struct guest_look *l = p->look;
	enum guest_state state = !p->answered ? GUEST_UNKNOWN : l ? l->state : GUEST_ABSENT;
	json_t *o = report_json_event("presence");

	json_object_set_new(o, "uuid", report_json_text(e->uuid));
	json_object_set_new(o, "host", report_json_text(host));
	json_object_set_new(o, "state", json_string(guest_state_name(state)));
	json_object_set_new(o, "reason", json_string(guest_why_name(l ? l->why : GUEST_WHY_OTHER)));
	json_object_set_new(o, "job", json_string(guest_job_name(l ? l->job : GUEST_JOB_NONE)));
	json_object_set_new(o, "persistent", json_boolean(l && l->persistent));
	json_object_set_new(o, "autostart", json_boolean(l && l->autostart));
	json_object_set_new(o, "monitor_silent", json_boolean(l && l->silent));
	json_object_set_new(o, "qemu_processes", p->surveyed ? json_integer(p->qemus) : json_null());
	json_object_set_new(o, "pid", p->qemu ? json_integer(p->qemu->pid) : json_null());
	json_object_set_new(o, "incoming", p->qemu ? json_boolean(p->qemu->incoming) : json_null());
	json_object_set_new(o, "ports", p->qemu ? ports_array(p->qemu) : json_null());
	json_object_set_new(o, "locks", p->qemu ? locks_object(p->qemu) : json_null());
	json_object_set_new(o, "block_jobs", l && l->block_jobs.known ? block_jobs_array(&l->block_jobs) : json_null());
	json_object_set_new(o, "text", report_json_text(text));
	return o;
}

static const char *host_at(const struct fleet_hosts *f, size_t i)
{
	return i == SIZE_MAX ? NULL : f->fleet.v[i].name;
}

static void show_verdict(struct app *app, const struct fleet_hosts *f, const char *guest, const struct examined *e)
{
	const struct diagnosis *d = &e->found;
	auto_free char *command = diagnosis_command(d, guest, host_at(f, d->kind == FOUND_SPLIT ? SIZE_MAX : d->keep),
						    host_at(f, d->other));
	auto_free char *line = str_printf("  verdict: %s: %s\n", finding_infos[d->kind].name, d->rule);
	json_t *o = report_json_event("verdict");

	json_object_set_new(o, "guest", report_json_text(guest));
	json_object_set_new(o, "verdict", json_string(finding_infos[d->kind].name));
	json_object_set_new(o, "rule", json_string(d->rule));
	json_object_set_new(o, "command", report_json_text(command));
	app->report.ops->object(&app->report, line, o);
}

void examined_show(struct app *app, const struct fleet_hosts *f, const char *guest, const struct examined *e)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct presence *p = &e->presences[i];
		auto_free char *text = NULL, *clean = NULL, *line = NULL;

		if (p->answered && !p->look && !p->qemu)
			continue;
		text = presence_text(&f->fleet, p);
		clean = str_sanitize(text, REPORT_TEXT_MAX);
		line = str_printf("  %s: %s\n", f->fleet.v[i].name, clean);
		app->report.ops->object(&app->report, line, presence_object(e, f->fleet.v[i].name, p, text));
	}
	show_verdict(app, f, guest, e);
}

enum status examined_error(const struct fleet_hosts *f, const char *guest, const struct examined *e, struct err *err)
{
	const struct diagnosis *d = &e->found;
	const struct finding_info *i = &finding_infos[d->kind];
	auto_free char *command = diagnosis_command(d, guest, host_at(f, d->kind == FOUND_SPLIT ? SIZE_MAX : d->keep),
						    host_at(f, d->other));
	auto_free char *hint = command ? str_printf("%s: %s", i->advice, command) : xstrdup(i->advice);

	if (d->kind == FOUND_BUSY || d->kind == FOUND_ADOPT)
		err_set(err, E_BUSY, 0, "%s", d->rule);
	else
		err_set(err, d->kind == FOUND_SPLIT ? E_SPLIT_BRAIN : E_UNDECIDED, 0, "%s: %s", i->name, d->rule);
	if (d->kind == FOUND_ADOPT)
		err_hint(err, "nobody here has begun it: wait for its end, or see: virsh -c %s domjobinfo %s",
			 host_uri(f->v[d->keep]), guest);
	else
		err_hint_text(err, hint);
	return err->status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For machines: one object a line on stdout, flushed at once; the fields are vmmig-json(5). */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "report/report.h"

json_t *report_json_text(const char *s)
{
	auto_free char *clean = s ? str_sanitize(s, REPORT_TEXT_MAX) : NULL;

	return clean ? json_string(clean) : json_null();
}

json_t *report_json_time(int64_t wall_ms)
{
	char buf[32];

	return wall_ms ? json_string(clock_iso(wall_ms, buf)) : json_null();
}

json_t *report_json_event(const char *name)
{
	json_t *o = json_object();

	json_object_set_new(o, "event", json_string(name));
	json_object_set_new(o, "time", report_json_time(clock_wall_ms()));
	return o;
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *event(const struct report *r, const char *name)
{
	json_t *o = report_json_event(name);

	if (r->guest)
		json_object_set_new(o, "guest", report_json_text(r->guest));
	if (r->migration)
		json_object_set_new(o, "migration", json_string(r->migration));
	return o;
}

static void put(struct report *r, json_t *o)
{
	auto_free char *line = json_dumps(o, JSON_COMPACT);

	fprintf(r->out, "%s\n", line ? line : "{}");
	fflush(r->out);
	json_decref(o);
}

static void json_check(struct report *r, const struct finding *f)
{
	json_t *o = event(r, "check");

	json_object_set_new(o, "id", json_string(f->check->id));
	json_object_set_new(o, "status", json_string(finding_status_name(f->status)));
	json_object_set_new(o, "refuses", json_boolean(finding_refuses(f)));
	json_object_set_new(o, "side", json_string(side_name(f->side)));
	json_object_set_new(o, "host", report_json_text(f->host));
	json_object_set_new(o, "object", report_json_text(f->object));
	json_object_set_new(o, "message", report_json_text(f->message));
	json_object_set_new(o, "hint", report_json_text(finding_hint(f)));
	put(r, o);
}

static void json_phase(struct report *r, const char *phase, const char *side, const char *state, int64_t ms)
{
	json_t *o = event(r, "phase");

	json_object_set_new(o, "phase", json_string(phase));
	json_object_set_new(o, "side", json_string(side));
	json_object_set_new(o, "state", json_string(state));
	if (strcmp(state, "begun") != 0)
		json_object_set_new(o, "ms", json_integer(ms));
	put(r, o);
}

static json_t *disks_array(const struct progress *p)
{
	json_t *a = json_array();

	for (size_t i = 0; i < p->disks_n; i++) {
		const struct disk_progress *d = &p->disks[i];
		json_t *o = json_object();

		json_object_set_new(o, "target", report_json_text(d->target));
		json_object_set_new(o, "total", number(d->total));
		json_object_set_new(o, "processed", number(d->processed));
		json_array_append_new(a, o);
	}
	return a;
}

static void json_progress(struct report *r, const struct progress *p)
{
	json_t *o = event(r, "progress");

	json_object_set_new(o, "phase", json_string(p->phase));
	json_object_set_new(o, "postcopy", json_boolean(p->postcopy));
	json_object_set_new(o, "elapsed_ms", json_integer(p->elapsed_ms));
	json_object_set_new(o, "iteration", number(p->iteration));
	json_object_set_new(o, "bytes_per_s", number(p->bps));
	json_object_set_new(o, "dirty_bytes_per_s", number(p->dirty_bps));
	json_object_set_new(o, "memory_total", number(p->stats.mem_total));
	json_object_set_new(o, "memory_processed", number(p->stats.mem_processed));
	json_object_set_new(o, "memory_remaining", number(p->stats.mem_remaining));
	json_object_set_new(o, "disk_total", number(p->stats.disk_total));
	json_object_set_new(o, "disk_processed", number(p->stats.disk_processed));
	json_object_set_new(o, "disk_remaining", number(p->stats.disk_remaining));
	json_object_set_new(o, "disks", disks_array(p));
	json_object_set_new(o, "eta_ms", p->eta_ms < 0 ? json_null() : json_integer(p->eta_ms));
	json_object_set_new(o, "eta_low_ms", p->eta_low_ms < 0 ? json_null() : json_integer(p->eta_low_ms));
	json_object_set_new(o, "eta_high_ms", p->eta_high_ms < 0 ? json_null() : json_integer(p->eta_high_ms));
	json_object_set_new(o, "percent", json_integer(p->percent));
	json_object_set_new(o, "held", p->held[0] ? json_string(p->held) : json_null());
	json_object_set_new(o, "throttle", json_integer(p->stats.auto_converge_throttle));
	json_object_set_new(o, "max_downtime_ms", number(p->max_downtime_ms));
	put(r, o);
}

static void json_decision(struct report *r, const char *action, uint64_t value, uint64_t needed_ms, const char *reason)
{
	json_t *o = event(r, "decision");

	json_object_set_new(o, "action", json_string(action));
	json_object_set_new(o, "max_downtime_ms", strcmp(action, "max-downtime") == 0 ? number(value) : json_null());
	json_object_set_new(o, "needed_downtime_ms", needed_ms ? number(needed_ms) : json_null());
	json_object_set_new(o, "reason", report_json_text(reason));
	put(r, o);
}

static void json_forecast(struct report *r, const struct guest_forecast *f)
{
	const struct forecast_point *p = &f->input.point[0];
	uint64_t dirty = f->input.points ? p->bytes * 1000 / p->ms : 0;
	bool known = f->forecast.converges != FORECAST_UNKNOWN, yes = f->forecast.converges == FORECAST_YES;
	json_t *o = event(r, "forecast");

	json_object_set_new(o, "converges", json_string(forecast_converges_name(f->forecast.converges)));
	json_object_set_new(o, "total_low_ms", yes ? number(f->forecast.total_low_ms) : json_null());
	json_object_set_new(o, "total_high_ms", yes ? number(f->forecast.total_high_ms) : json_null());
	json_object_set_new(o, "downtime_low_ms", yes ? number(f->forecast.downtime_low_ms) : json_null());
	json_object_set_new(o, "downtime_high_ms", yes ? number(f->forecast.downtime_high_ms) : json_null());
	json_object_set_new(o, "needed_downtime_ms", known && !yes ? number(f->forecast.needed_ms) : json_null());
	json_object_set_new(o, "memory_to_send", f->input.to_send ? number(f->input.to_send) : json_null());
	json_object_set_new(o, "disk_to_send", number(f->input.disks));
	json_object_set_new(o, "bytes_per_s", f->input.bps ? number(f->input.bps) : json_null());
	json_object_set_new(o, "dirty_bytes_per_s", f->input.points ? number(dirty) : json_null());
	json_object_set_new(o, "text", report_json_text(f->text));
	put(r, o);
}

static void json_note(struct report *r, const char *words)
{
	json_t *o = event(r, "note");

	json_object_set_new(o, "text", report_json_text(words));
	put(r, o);
}

static json_t *error_object(const struct err *err)
{
	json_t *e = json_object();

	json_object_set_new(e, "id", json_string(err->id));
	json_object_set_new(e, "message", report_json_text(err->msg));
	json_object_set_new(e, "hint", report_json_text(err->hint));
	return e;
}

static void json_err(struct report *r, const struct err *err)
{
	json_t *o = event(r, "error");

	json_object_set_new(o, "exit", json_integer(err->status));
	json_object_set_new(o, "error", error_object(err));
	put(r, o);
}

static void json_result(struct report *r, const struct result *res)
{
	json_t *o = event(r, "result");

	json_object_set_new(o, "status", json_string(migration_status_name(res->status)));
	json_object_set_new(o, "exit", json_integer(res->exit));
	json_object_set_new(o, "mode", json_string(res->mode));
	json_object_set_new(o, "from", report_json_text(res->from));
	json_object_set_new(o, "to", report_json_text(res->to));
	json_object_set_new(o, "total_ms", number(res->total_ms));
	json_object_set_new(o, "downtime_ms", res->have_downtime ? number(res->downtime_ms) : json_null());
	json_object_set_new(o, "bytes", number(res->bytes));
	json_object_set_new(o, "dry_run", json_boolean(res->dry_run));
	if (res->err)
		json_object_set_new(o, "error", error_object(res->err));
	put(r, o);
}

static void json_any(struct report *r, const char *words, json_t *object)
{
	(void)words;
	if (object)
		put(r, object);
}

const struct report_ops report_ops_json = {
	.check = json_check,
	.phase = json_phase,
	.progress = json_progress,
	.decision = json_decision,
	.forecast = json_forecast,
	.note = json_note,
	.error = json_err,
	.result = json_result,
	.object = json_any,
};

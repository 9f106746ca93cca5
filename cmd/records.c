/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "records.h"

#include <string.h>

#include "base/clock.h"

static int newest_of(struct app *app, const char *guest, struct migration_record *r, struct err *err)
{
	struct migration_record *v = NULL;
	size_t n = 0;

	if (journal_list(app->journal, guest, false, 1, &v, &n, err) < 0)
		return -1;
	if (!n) {
		free(v);
		err_set(err, E_GUEST_UNKNOWN, 0, "the journal knows no guest and no migration \"%s\"", guest);
		return err_hint(err, "where a guest is now: vmmig list");
	}
	*r = v[0];
	free(v);
	return 0;
}

int record_find(struct app *app, const char *word, struct migration_record *r, struct err *err)
{
	int rc = journal_find(app->journal, word, r, err);

	return rc == 1 ? newest_of(app, word, r, err) : rc;
}

char *record_process(const struct migration_record *r)
{
	int alive;

	if (r->leftover)
		return xstrdup("ended; something is left: vmmig recover");
	if (r->ended_ms)
		return xstrdup("ended");
	alive = migration_process_alive(r);
	if (alive > 0)
		return str_printf("running (pid %d)", (int)r->pid);
	if (alive < 0)
		return str_printf("started on %s (pid %d)", r->control, (int)r->pid);
	return str_printf("its vmmig is gone (pid %d)", (int)r->pid);
}

static json_t *record_object(const struct migration_record *r)
{
	auto_free char *process = record_process(r);
	json_t *o = report_json_event("migration");

	json_object_set_new(o, "migration", report_json_text(r->id));
	json_object_set_new(o, "guest", report_json_text(r->guest));
	json_object_set_new(o, "uuid", report_json_text(r->uuid));
	json_object_set_new(o, "mode", report_json_text(r->mode));
	json_object_set_new(o, "from", report_json_text(r->from));
	json_object_set_new(o, "to", report_json_text(r->to));
	json_object_set_new(o, "status", json_string(migration_status_name(r->status)));
	json_object_set_new(o, "phase", report_json_text(r->phase));
	json_object_set_new(o, "process", report_json_text(process));
	json_object_set_new(o, "started", report_json_time(r->started_ms));
	json_object_set_new(o, "ended", report_json_time(r->ended_ms));
	json_object_set_new(o, "leftover", json_boolean(r->leftover));
	json_object_set_new(o, "exit", r->exit_status < 0 ? json_null() : json_integer(r->exit_status));
	json_object_set_new(o, "total_ms", json_integer((json_int_t)r->total_ms));
	json_object_set_new(o, "downtime_ms", json_integer((json_int_t)r->downtime_ms));
	json_object_set_new(o, "bytes", json_integer((json_int_t)r->bytes));
	json_object_set_new(o, "max_downtime_ms",
			    r->max_downtime_ms ? json_integer((json_int_t)r->max_downtime_ms) : json_null());
	if (r->error_id)
		json_object_set_new(o, "error",
				    json_pack("{s:o, s:o}", "id", report_json_text(r->error_id), "message",
					      report_json_text(r->error_message)));
	return o;
}

void record_show(struct app *app, const struct migration_record *r)
{
	auto_free char *guest = str_sanitize(r->guest, 200), *took = str_duration(r->total_ms), *line = NULL;
	auto_free char *process = record_process(r),
		       *error = r->error_id ? str_printf("  %s", r->error_id) : xstrdup("");
	char began[32];

	line = str_printf("%s  %s  %s %s -> %s  %s (%s, %s)  %s%s\n", r->id, clock_iso(r->started_ms, began), guest,
			  r->from, r->to, migration_status_name(r->status), r->phase, process, r->ended_ms ? took : "",
			  error);
	app->report.ops->object(&app->report, line, record_object(r));
}

static void show_effect(struct app *app, const char *id, const struct effect_record *e)
{
	auto_free char *object = str_sanitize(e->object ? e->object : "", 300), *line = NULL;
	auto_free char *result = str_sanitize(e->result ? e->result : "not known: no result was written", 300);
	char at[32];

	line = str_printf("  %s  %s: %s %s: %s\n", clock_iso(e->at_ms, at), e->host, e->kind, object, result);
	app->report.ops->object(&app->report, line,
				json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "event", "effect", "time",
					  report_json_time(e->at_ms), "migration", id, "host",
					  report_json_text(e->host), "kind", report_json_text(e->kind), "object",
					  report_json_text(e->object), "result", report_json_text(e->result)));
}

static void show_event(struct app *app, const char *id, const struct event_record *e)
{
	auto_free char *clean = str_sanitize(e->text, REPORT_TEXT_MAX), *line = NULL;
	char at[32];

	line = str_printf("  %s  %s\n", clock_iso(e->at_ms, at), clean);
	app->report.ops->object(&app->report, line,
				json_pack("{s:s, s:o, s:s, s:o}", "event", "note", "time", report_json_time(e->at_ms),
					  "migration", id, "text", report_json_text(e->text)));
}

static void show_decision(struct app *app, const char *id, const struct decision_record *d)
{
	auto_free char *reason = str_sanitize(d->reason, REPORT_TEXT_MAX), *line = NULL;
	bool limit = str_eq(d->action, "max-downtime");
	auto_free char *value = limit ? str_printf(" %llu ms", (unsigned long long)d->value) : xstrdup("");
	char at[32];

	line = str_printf("  %s  decision: %s%s: %s\n", clock_iso(d->at_ms, at), d->action, value, reason);
	app->report.ops->object(&app->report, line,
				json_pack("{s:s, s:o, s:s, s:s, s:o, s:n, s:o}", "event", "decision", "time",
					  report_json_time(d->at_ms), "migration", id, "action", d->action,
					  "max_downtime_ms", limit ? json_integer((json_int_t)d->value) : json_null(),
					  "needed_downtime_ms", "reason", report_json_text(d->reason)));
}

int record_show_details(struct app *app, const struct migration_record *r, struct err *err)
{
	struct effect_record *effects = NULL;
	struct event_record *events = NULL;
	struct decision_record *decisions = NULL;
	size_t effects_n = 0, events_n = 0, decisions_n = 0;
	int rc = -1;

	if (r->error_message) {
		auto_free char *clean = str_sanitize(r->error_message, REPORT_TEXT_MAX);
		auto_free char *line = str_printf("  %s: %s\n", r->error_id, clean);

		app->report.ops->object(&app->report, line, NULL);
	}
	if (journal_effects(app->journal, r->id, &effects, &effects_n, err) == 0 &&
	    journal_events(app->journal, r->id, &events, &events_n, err) == 0 &&
	    journal_decisions(app->journal, r->id, &decisions, &decisions_n, err) == 0)
		rc = 0;
	for (size_t i = 0; i < effects_n; i++)
		show_effect(app, r->id, &effects[i]);
	for (size_t i = 0; i < events_n; i++)
		show_event(app, r->id, &events[i]);
	for (size_t i = 0; i < decisions_n; i++)
		show_decision(app, r->id, &decisions[i]);
	journal_effects_free(effects, effects_n);
	journal_events_free(events, events_n);
	journal_decisions_free(decisions, decisions_n);
	return rc;
}

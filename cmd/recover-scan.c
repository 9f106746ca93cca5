/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recover scan: what is wrong anywhere. */
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "recover.h"
#include "recover/scan.h"

enum { AGAIN_MS = 2000 };

static json_t *trouble_object(const struct trouble *t)
{
	json_t *o = report_json_event("trouble"), *hosts = json_array();

	for (size_t i = 0; i < t->hosts.n; i++)
		json_array_append_new(hosts, report_json_text(t->hosts.v[i]));
	json_object_set_new(o, "kind", json_string(t->kind));
	json_object_set_new(o, "serious", json_boolean(t->serious));
	json_object_set_new(o, "guest", report_json_text(t->guest));
	json_object_set_new(o, "uuid", report_json_text(t->uuid));
	json_object_set_new(o, "hosts", hosts);
	json_object_set_new(o, "text", report_json_text(t->text));
	json_object_set_new(o, "command", report_json_text(t->command));
	return o;
}

static void show(struct app *app, const struct trouble *t)
{
	auto_free char *hosts = strv_join(&t->hosts, ", "), *command = NULL, *line = NULL;
	auto_free char *guest = t->guest ? str_sanitize(t->guest, 200) : NULL;
	auto_free char *text = str_sanitize(t->text, REPORT_TEXT_MAX);

	command = t->command ? str_printf("    %s\n", t->command) : xstrdup("");
	line = str_printf("%s: %s%s%s: %s\n%s", t->kind, guest ? guest : "", guest ? " at " : "", hosts, text, command);
	app->report.ops->object(&app->report, line, trouble_object(t));
}

static void remember(struct app *app, const struct fleet_hosts *f)
{
	struct err err auto_err = ERR_INIT;

	for (size_t i = 0; i < f->n && !err.id; i++)
		journal_definitions_put(app->journal, f->fleet.v[i].definitions, f->fleet.v[i].definitions_n, &err);
	if (err.id)
		app->report.ops->error(&app->report, &err);
}

/* What is wrong in both of two looks: guests that come and go look odd for a moment. */
static void confirm(struct fleet_hosts *f, struct trouble **v, size_t *n)
{
	struct trouble *again = NULL;
	struct fleet fleet = { 0 };
	size_t again_n = 0;

	if (!*n || interrupt_pause(AGAIN_MS))
		return;
	fleet_look(&fleet, f->v, f->n, FLEET_BLOCK_JOBS);
	scan(&fleet, &again, &again_n);
	troubles_confirm(v, n, again, again_n);
	troubles_free(again, again_n);
	fleet_clear(&fleet);
}

static size_t guests_of(const struct fleet *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->v[i].guests_n;
	return n;
}

static enum status show_all(struct app *app, const struct fleet_hosts *f, const struct trouble *v, size_t n)
{
	enum status status = fleet_hosts_unknown(app, f);
	auto_free char *sum = NULL;
	size_t serious = 0;

	for (size_t i = 0; i < n; i++) {
		show(app, &v[i]);
		serious += v[i].serious;
	}
	sum = str_printf("%zu host%s, %zu guest%s: %zu in trouble, %zu thing%s left over", f->n, f->n == 1 ? "" : "s",
			 guests_of(&f->fleet), guests_of(&f->fleet) == 1 ? "" : "s", serious, n - serious,
			 n - serious == 1 ? "" : "s");
	app->report.ops->note(&app->report, sum);
	return status_worst(status, serious ? STATUS_UNDECIDED : STATUS_OK);
}

enum status recover_scan(struct app *app, const struct strv *hosts, struct err *err)
{
	struct fleet_hosts f = { 0 };
	struct trouble *v = NULL;
	enum status status;
	size_t n = 0;

	if (fleet_hosts_look(app, hosts, FLEET_DEFINITIONS | FLEET_BLOCK_JOBS, &f, err) < 0) {
		fleet_hosts_free(&f);
		return err->status;
	}
	remember(app, &f);
	scan(&f.fleet, &v, &n);
	confirm(&f, &v, &n);
	status = show_all(app, &f, v, n);
	troubles_free(v, n);
	fleet_hosts_free(&f);
	return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <string.h>

#include "cmd.h"

static int by_name(const void *a, const void *b)
{
	const struct guest_look *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static json_t *guest_object(const struct host *h, const struct guest_look *l)
{
	json_t *o = report_json_event("guest");

	json_object_set_new(o, "guest", report_json_text(l->name));
	json_object_set_new(o, "uuid", json_string(l->uuid));
	json_object_set_new(o, "host", report_json_text(host_name(h)));
	json_object_set_new(o, "state", json_string(guest_state_name(l->state)));
	json_object_set_new(o, "reason", json_string(guest_why_name(l->why)));
	json_object_set_new(o, "job", json_string(guest_job_name(l->job)));
	json_object_set_new(o, "persistent", json_boolean(l->persistent));
	json_object_set_new(o, "autostart", json_boolean(l->autostart));
	return o;
}

static void show_guest(struct app *app, const struct host *h, const struct guest_look *l)
{
	auto_free char *name = str_sanitize(l->name, 200), *host = str_sanitize(host_name(h), 100), *line = NULL;
	const char *why = l->why == GUEST_WHY_OTHER ? "" : guest_why_name(l->why);

	line = str_printf("%-24s %-12s %-12s %-18s %s%s\n", name, host, guest_state_name(l->state), why,
			  l->persistent ? "persistent" : "transient", l->autostart ? " autostart" : "");
	app->report.ops->object(&app->report, line, guest_object(h, l));
}

static int list_host(struct app *app, struct host *h, struct err *err)
{
	struct guest_look *l = NULL;
	size_t n = 0;
	int rc = guest_list(h, &l, &n, err);

	if (rc == 0 && n)
		qsort(l, n, sizeof(*l), by_name);
	for (size_t i = 0; rc == 0 && i < n; i++)
		show_guest(app, h, &l[i]);
	guest_list_free(l, n);
	return rc;
}

static enum status list_hosts(struct app *app, struct host **hosts, size_t n)
{
	struct err *errs = xcalloc(n, sizeof(*errs));
	enum status status = STATUS_OK;

	hosts_open(hosts, n, errs);
	app->report.ops->object(&app->report,
				"GUEST                    HOST         STATE        REASON             KIND\n", NULL);
	for (size_t i = 0; i < n; i++) {
		if (!errs[i].id)
			list_host(app, hosts[i], &errs[i]);
		if (errs[i].id) {
			app->report.ops->error(&app->report, &errs[i]);
			status = status_worst(status, errs[i].status);
		}
		err_clear(&errs[i]);
	}
	free(errs);
	return status;
}

static enum status run(struct app *app, struct err *err)
{
	enum status status;
	struct host **hosts = NULL;
	size_t n = 0;

	status = hosts_choose(app, &app->opt.words, &hosts, &n, err) < 0 ? err->status : list_hosts(app, hosts, n);
	hosts_drop(hosts, n);
	return status;
}

static const struct argp_option options[] = { { 0 } };

const struct command cmd_list = {
	.name = "list",
	.summary = "guests on all configured hosts, or on the ones named",
	.args = "[HOST...]",
	.doc = "Lists the guests, running or defined, with state and reason: one line for each guest and host.",
	.options = options,
	.max_words = UINT_MAX,
	.needs = NEEDS_CONFIG,
	.run = run,
};

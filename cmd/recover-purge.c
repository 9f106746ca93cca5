/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recover purge: what migrations have put away. */
#include "base/clock.h"
#include "migrate/purge.h"
#include "recover.h"

enum { DAY_MS = 24 * 3600 * 1000, OLDER_THAN_DEFAULT = 7 };

/* One line, and one object, for each; state: "kept", "removed", "gone", "left". */
static void show(struct app *app, const struct quarantined *q, const char *state, const char *why)
{
	int64_t days = (clock_wall_ms() - q->at_ms) / DAY_MS;
	auto_free char *path = str_sanitize(q->path, REPORT_TEXT_MAX), *guest = str_sanitize(q->guest, 200);
	auto_free char *line = str_printf("%s: %s  %s  %s, %lld days ago%s%s\n", state, q->host, path, guest,
					  (long long)days, why ? ": " : "", why ? why : "");
	json_t *o = report_json_event("quarantined");

	json_object_set_new(o, "guest", report_json_text(q->guest));
	json_object_set_new(o, "migration", report_json_text(q->migration));
	json_object_set_new(o, "host", report_json_text(q->host));
	json_object_set_new(o, "path", report_json_text(q->path));
	json_object_set_new(o, "since", report_json_time(q->at_ms));
	json_object_set_new(o, "state", json_string(state));
	json_object_set_new(o, "reason", why ? report_json_text(why) : json_null());
	app->report.ops->object(&app->report, line, o);
}

/* The host of that name, opened at its first use; NULL with err. */
struct opened {
	struct host **hosts;
	size_t n;
};

static struct host *open_host(struct app *app, struct opened *o, const char *name, struct err *err)
{
	struct host_spec *spec;
	struct host *h;

	for (size_t i = 0; i < o->n; i++)
		if (str_eq(host_name(o->hosts[i]), name))
			return o->hosts[i];
	spec = config_host(app->config, name, err);
	if (!spec)
		return NULL;
	h = host_new(spec);
	host_spec_free(spec);
	host_set_side(h, SIDE_SOURCE);
	if (hosts_open(&h, 1, err)) {
		host_free(h);
		return NULL;
	}
	*ARRAY_ADD(o->hosts, o->n) = h;
	return h;
}

static enum status purge_one(struct app *app, struct opened *o, const struct quarantined *q)
{
	struct err err auto_err = ERR_INIT;
	struct host *h = open_host(app, o, q->host, &err);
	const char *why = NULL;
	int rc = h ? quarantined_purge(app->journal, h, q, &why, &err) : -1;

	if (rc < 0) {
		app->report.guest = q->guest;
		app->report.ops->error(&app->report, &err);
		app->report.guest = NULL;
		return err.status;
	}
	show(app, q, rc == 1 ? "left" : rc == 2 ? "gone" : "removed", why);
	return rc == 1 ? STATUS_FAILED : STATUS_OK;
}

enum status recover_purge(struct app *app, const char *guest, struct err *err)
{
	unsigned days = app->opt.older_than_given ? app->opt.older_than : OLDER_THAN_DEFAULT;
	enum status status = STATUS_OK;
	struct quarantined *v = NULL;
	struct opened o = { 0 };
	size_t n = 0, old = 0;

	if (quarantined_list(app->journal, guest, &v, &n, err) < 0)
		return err->status;
	if (!n && guest) {
		err_set(err, E_GUEST_UNKNOWN, 0, "the journal knows nothing put away of a guest \"%s\"", guest);
		return err->status;
	}
	for (size_t i = 0; i < n; i++) {
		bool is_old = clock_wall_ms() - v[i].at_ms >= (int64_t)days * DAY_MS;

		old += is_old;
		if (is_old && app->opt.yes && !app->opt.dry_run)
			status = status_worst(status, purge_one(app, &o, &v[i]));
		else
			show(app, &v[i], "kept", is_old ? NULL : "not old enough");
	}
	if (old && !app->opt.yes)
		app->report.ops->note(&app->report, "to remove those that are old enough: add --yes");
	hosts_free(o.hosts, o.n);
	free(o.hosts);
	quarantined_free(v, n);
	return status;
}

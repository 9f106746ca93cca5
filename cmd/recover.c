/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>

#include "base/clock.h"
#include "migrate/purge.h"
#include "records.h"

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

static enum status purge(struct app *app, const char *guest, struct err *err)
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
		if (is_old && app->opt.yes)
			status = status_worst(status, purge_one(app, &o, &v[i]));
		else
			show(app, &v[i], "kept", is_old ? NULL : "not old enough");
	}
	if (old && !app->opt.yes)
		app->report.ops->note(&app->report, "to remove those that are old enough: add --yes");
	for (size_t i = 0; i < o.n; i++)
		host_free(o.hosts[i]);
	free(o.hosts);
	quarantined_free(v, n);
	return status;
}

/* The lease at the source tells whether its vmmig is really gone. */
static enum status take_over(struct app *app, struct migration_record *r, struct err *err)
{
	auto_free char *who = record_process(r), *line = NULL;

	if (migration_process_alive(r) > 0) {
		err_set(err, E_BUSY, 0, "%s: its vmmig runs (pid %d)", r->guest, (int)r->pid);
		err_hint(err, "look: vmmig status --watch %s", r->id);
		return err->status;
	}
	line = str_printf("%s: migration %s from %s to %s: %s", r->guest, r->id, r->from, r->to, who);
	app->report.ops->note(&app->report, line);
	return under_way_adopt(app, r, false, err);
}

static enum status recover(struct app *app, const char *word, struct err *err)
{
	struct migration_record r = { 0 };
	enum status status;
	int64_t ended_ms;

	if (under_way_find(app, word, &r, err) == 0) {
		ended_ms = r.ended_ms;
		status = take_over(app, &r, err);
		if (err->id && r.ended_ms && r.ended_ms != ended_ms) /* its result has told it */
			err_clear(err);
	} else if (err_is(err, E_NOT_UNDER_WAY)) {
		app->report.ops->note(&app->report, err->msg);
		app->report.ops->note(&app->report, "nothing is to be recovered");
		err_clear(err);
		status = STATUS_OK;
	} else {
		status = err->status;
	}
	migration_record_clear(&r);
	return status;
}

static enum status run(struct app *app, struct err *err)
{
	const struct strv *words = &app->opt.words;

	if (str_eq(words->v[0], "purge"))
		return purge(app, words->n > 1 ? words->v[1] : NULL, err);
	if (words->n > 1) {
		err_set(err, E_USAGE, 0, "recover: one guest or migration at a time (\"%s\", \"%s\")", words->v[0],
			words->v[1]);
		return err->status;
	}
	return recover(app, words->v[0], err);
}

static const struct argp_option options[] = {
	{ "older-than", OPT_OLDER_THAN, "DAYS", 0, "only what was put away so many days ago or earlier (7)", 0 },
	{ "yes", OPT_YES, NULL, 0, "remove; without it they are only listed", 0 },
	{ 0 },
};

const struct command cmd_recover = {
	.name = "recover",
	.summary = "take over a migration whose vmmig is gone; remove what migrations have put away",
	.args = "GUEST|MIGRATION, or: vmmig recover purge [GUEST]",
	.doc = "Takes over a migration whose vmmig was killed: watches what still runs to its end, looks at both "
	       "hosts, "
	       "and writes down how it ended. purge lists the source images that block migrations have put away "
	       "(quarantine), and removes the old ones "
	       "with "
	       "--yes: each only if it is still the file that was put away, and nobody has it open.",
	.options = options,
	.min_words = 1,
	.max_words = 2,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

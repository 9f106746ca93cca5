/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recover GUEST: evidence, rule, action. */
#include <string.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/quote.h"
#include "recover.h"
#include "recover/act.h"

enum { AGAIN_MS = 2000 };

/* 0: *r is unfinished; 1: there is no such record; 2: it has ended, *r empty, or an act of recover; -1. */
static int find_unfinished(struct app *app, const char *word, struct migration_record *r, struct err *err)
{
	struct migration_record *v = NULL;
	size_t n = 0;
	int rc = journal_find(app->journal, word, r, err);

	if (rc == 0 && str_eq(r->mode, "recover"))
		return 2;
	if (rc <= 0) {
		if (rc == 0 && r->ended_ms && r->exit_status != STATUS_UNDECIDED && !r->leftover)
			migration_record_clear(
				r); /* its guest may be in trouble all the same: it was not asked about */
		return rc < 0 ? -1 : r->id[0] ? 0 : 2;
	}
	if (journal_list(app->journal, word, true, 1, &v, &n, err) < 0)
		return -1;
	if (n)
		*r = v[0];
	free(v);
	return n ? 0 : 1;
}

/* The lease at the source tells whether its vmmig is really gone. */
static enum status take_over(struct app *app, struct migration_record *r, struct err *err)
{
	auto_free char *who = record_process(r), *line = NULL;
	int64_t ended_ms = r->ended_ms;
	enum status status;

	if (!r->ended_ms && migration_process_alive(r) > 0) {
		err_set(err, E_BUSY, 0, "%s: its vmmig runs (pid %d)", r->guest, (int)r->pid);
		err_hint(err, "look: vmmig status --watch %s", r->id);
		return err->status;
	}
	line = str_printf("%s: migration %s from %s to %s: %s", r->guest, r->id, r->from, r->to, who);
	app->report.ops->note(&app->report, line);
	if (app->opt.dry_run) {
		app->report.ops->note(&app->report,
				      r->leftover ? "what it has left would be taken back, where nothing of the guest "
						    "stands on it: vmmig history shows what"
						  : "it would be taken over, and brought to its end; what both hosts "
						    "show: vmmig status");
		return STATUS_OK;
	}
	status = under_way_adopt(app, r, false, err);
	if (err->id && r->ended_ms && r->ended_ms != ended_ms) /* its result has told it */
		err_clear(err);
	return status;
}

static bool may(void *arg, const char *question)
{
	const struct app *app = arg;

	return app->opt.yes || consent(question);
}

static void fill(struct app *app, const char *guest, const struct fleet_hosts *f, const struct examined *e,
		 const struct move_options *opt, struct recovery *r)
{
	*r = (struct recovery) {
		.guest = guest,
		.uuid = e->uuid,
		.fleet = &f->fleet,
		.presences = e->presences,
		.found = e->found,
		.journal = app->journal,
		.report = &app->report,
		.opt = opt,
		.dry_run = app->opt.dry_run,
		.consent = may,
		.consent_arg = app,
	};
}

/* Twice the same, or it was only something that passes. */
static int examine_twice(struct app *app, const char *guest, struct fleet_hosts *f, struct examined *e, struct err *err)
{
	const struct strv none = { 0 };

	if (fleet_hosts_look(app, &none, 0, f, err) < 0 || examine(f, guest, e, err) < 0)
		return -1;
	if (e->found.kind == FOUND_HEALTHY) {
		fleet_probe(&f->fleet, e->uuid);
		e->found = diagnose(e->presences, f->n);
		return 0;
	}
	if (!finding_infos[e->found.kind].trouble || interrupt_pause(AGAIN_MS))
		return 0;
	examined_clear(e);
	fleet_clear(&f->fleet);
	fleet_look(&f->fleet, f->v, f->n, 0);
	return examine(f, guest, e, err);
}

static enum status mend(struct app *app, const char *guest, const struct fleet_hosts *f, const struct examined *e,
			struct err *err)
{
	const struct finding_info *i = &finding_infos[e->found.kind];
	struct move_options opt;
	struct recovery r;

	if (e->found.kind == FOUND_HEALTHY || e->found.kind == FOUND_OFF) {
		app->report.ops->note(&app->report, i->advice);
		return STATUS_OK;
	}
	if (e->found.kind != FOUND_FINISH && e->found.kind != FOUND_ROLL_BACK)
		return examined_error(f, guest, e, err);
	move_options_fill(app, &opt);
	fill(app, guest, f, e, &opt, &r);
	return recover_mend(&r, err) < 0 ? err->status : STATUS_OK;
}

static enum status by_hosts(struct app *app, const char *guest, struct err *err)
{
	struct fleet_hosts f = { 0 };
	struct examined e = { 0 };
	enum status status;

	if (examine_twice(app, guest, &f, &e, err) < 0) {
		status = err->status;
	} else {
		examined_show(app, &f, guest, &e);
		status = mend(app, guest, &f, &e, err);
	}
	examined_clear(&e);
	fleet_hosts_free(&f);
	return status;
}

/*
 * It was taken over once, or ended so by itself: what all hosts show now comes first. Where that is clear, or where
 * only its record knows how to go on, it is taken over again, and gets its end.
 */
static enum status of_undecided(struct app *app, struct migration_record *r, struct err *err)
{
	struct fleet_hosts f = { 0 };
	struct examined e = { 0 };
	bool again = false;

	if (examine_twice(app, r->uuid, &f, &e, err) < 0) {
		again = err_is(err, E_GUEST_UNKNOWN); /* nowhere: its record says so */
		if (again)
			err_clear(err);
	} else {
		examined_show(app, &f, r->guest, &e);
		again = finding_infos[e.found.kind].safe || e.found.kind == FOUND_POSTCOPY ||
			(e.found.kind == FOUND_TWICE && str_eq(r->mode, "cold"));
		if (!again)
			examined_error(&f, r->guest, &e, err);
	}
	examined_clear(&e);
	fleet_hosts_free(&f);
	return again ? take_over(app, r, err) : err->status;
}

/* It tells nothing of how the guest is now: who has named the guest is told that as well. */
static enum status of_leftover(struct app *app, const char *word, struct migration_record *r, struct err *err)
{
	enum status status = take_over(app, r, err);

	if (str_eq(word, r->id))
		return status;
	if (err->id)
		app->report.ops->error(&app->report, err);
	err_clear(err);
	return status_worst(status, by_hosts(app, word, err));
}

/* r: empty, or of an act of recover: no hosts of a migration are in it to be asked. */
static enum status of_ended(struct app *app, struct migration_record *r)
{
	static const char act[] = "that is an act of recover, and no migration; how its guest is: vmmig recover %s";
	auto_free char *line = r->id[0] ? quote_printf(act, r->guest)
					: xstrdup("that migration has ended; nothing is to be recovered");

	app->report.ops->note(&app->report, line);
	migration_record_clear(r);
	return STATUS_OK;
}

enum status recover_guest(struct app *app, const char *word, struct err *err)
{
	struct migration_record r = { 0 };
	enum status status;
	int rc = find_unfinished(app, word, &r, err);

	if (rc < 0)
		return err->status;
	if (rc == 1)
		return by_hosts(app, word, err);
	if (rc == 2)
		return of_ended(app, &r);
	if (r.leftover)
		status = of_leftover(app, word, &r, err);
	else
		status = r.ended_ms ? of_undecided(app, &r, err) : take_over(app, &r, err);
	migration_record_clear(&r);
	return status;
}

/* ---- what a person names ---- */

static int host_index(struct app *app, const struct fleet_hosts *f, const char *name, size_t *i, struct err *err)
{
	struct host_spec *spec = config_host(app->config, name, err);

	if (!spec)
		return -1;
	for (*i = 0; *i < f->n; ++*i)
		if (str_eq(host_name(f->v[*i]), spec->name))
			break;
	host_spec_free(spec);
	if (*i < f->n)
		return 0;
	return err_set(err, E_HOST_UNKNOWN, 0, "host \"%s\": recover looks at the hosts of the configuration", name);
}

static int read_fenced(struct app *app, const struct fleet_hosts *f, struct recovery *r, struct err *err)
{
	r->fenced = xcalloc(f->n + 1, sizeof(*r->fenced));
	for (size_t i = 0; i < app->opt.fenced.n; i++) {
		size_t h;

		if (host_index(app, f, app->opt.fenced.v[i], &h, err) < 0)
			return -1;
		r->fenced[h] = true;
	}
	return 0;
}

static int evacuate(struct app *app, const struct fleet_hosts *f, struct recovery *r, const struct definition_record *d,
		    struct err *err)
{
	size_t from, to;

	if (host_index(app, f, app->opt.from, &from, err) < 0 || host_index(app, f, app->opt.to, &to, err) < 0)
		return -1;
	if (from == to)
		return err_set(err, E_SAME_HOST, 0, "--from and --to are the same host");
	return recover_evacuate(r, from, to, d, host_spec(f->v[from])->fence, err);
}

static int act(struct app *app, const struct fleet_hosts *f, struct recovery *r, const struct definition_record *d,
	       struct err *err)
{
	const struct options *o = &app->opt;
	size_t host;

	if (o->evacuate)
		return evacuate(app, f, r, d, err);
	if ((o->keep || o->kill) && host_index(app, f, o->keep ? o->keep : o->kill, &host, err) < 0)
		return -1;
	if (o->keep)
		return recover_keep(r, host, err);
	if (o->kill)
		return recover_kill(r, host, o->hard_reboot, err);
	if (o->hard_reboot)
		return recover_reboot(r, err);
	if (o->resume_postcopy)
		return recover_postcopy(r, err);
	return recover_reset(r, err);
}

static bool is_unknown(const struct fleet_hosts *f, const char *word)
{
	auto_free char *uuid = NULL;

	return fleet_find(&f->fleet, word, &uuid, NULL) == 1;
}

/* One that only a dead host had is known to the journal alone. */
static int find_guest(struct app *app, const char *guest, const struct fleet_hosts *f, struct examined *e,
		      struct definition_record *d, struct err *err)
{
	struct err unknown = ERR_INIT;
	int rc;

	if (app->opt.evacuate && app->opt.from) {
		rc = journal_definition_get(app->journal, guest, app->opt.from, d, err);
		if (rc < 0)
			return -1;
		/* no libvirt that answers knows it; its QEMU may be seen all the same */
		if (rc == 0 && (is_unknown(f, d->uuid) || is_unknown(f, guest))) {
			e->uuid = xstrdup(d->uuid);
			e->presences = fleet_presence(&f->fleet, e->uuid);
			e->found = diagnose(e->presences, f->n);
			return 0;
		}
	}
	rc = examine(f, guest, e, &unknown);
	if (rc < 0 && app->opt.evacuate && err_is(&unknown, E_CONNECT)) {
		err_clear(&unknown);
		err_set(err, E_NOT_PROVEN, 0,
			"%s: no host that answers knows it, and the journal does not remember how it was defined at "
			"%s; nothing was done",
			guest, app->opt.from);
		return err_hint_text(err, "define it at the host where it is to run from a copy of its XML, then do "
					  "this again; vmmig recover scan, now and then, remembers definitions");
	}
	if (rc < 0)
		err_move(err, &unknown);
	return rc;
}

/* What is wrong with the words, before any host is asked. */
static int check_words(struct app *app, struct err *err)
{
	const struct options *o = &app->opt;
	const char *hosts[] = { o->keep, o->kill, o->from, o->to };

	for (size_t i = 0; i < ARRAY_SIZE(hosts) + o->fenced.n; i++) {
		const char *name = i < ARRAY_SIZE(hosts) ? hosts[i] : o->fenced.v[i - ARRAY_SIZE(hosts)];
		struct host_spec *spec = name ? config_host(app->config, name, err) : NULL;

		if (name && !spec)
			return -1;
		host_spec_free(spec);
	}
	if (o->evacuate && (!o->from || !o->to))
		return err_set(err, E_USAGE, 0, "--evacuate needs --from HOST, the dead one, and --to HOST");
	if (o->yes || o->dry_run || o->reset_state || o->resume_postcopy || isatty(STDIN_FILENO))
		return 0;
	err_set(err, E_USAGE, 0, "it asks before it ends anything, and there is no terminal");
	return err_hint_text(err, "look first with --dry-run; then add --yes");
}

/* A person has seen to what is left, or does not need to. */
static enum status give_up(struct app *app, struct migration_record *r, struct err *err)
{
	r->leftover = false;
	if (!app->opt.dry_run && journal_update(app->journal, r, err) < 0)
		return err->status;
	app->report.ops->note(&app->report, app->opt.dry_run ? "its record would be closed; no host would be asked"
							     : "its record is closed; no host was asked");
	return STATUS_OK;
}

/* What the journal has unfinished of it comes first: its record knows more than the hosts show. */
static bool record_goes_first(struct app *app, const char *word, enum status *status, struct err *err)
{
	struct migration_record r = { 0 };
	bool asked = (app->opt.reset_state || app->opt.resume_postcopy) && find_unfinished(app, word, &r, err) == 0;
	bool left = asked && r.leftover && app->opt.reset_state && str_eq(word, r.id), first = asked && !r.ended_ms;

	if (left)
		*status = give_up(app, &r, err);
	else if (first)
		*status = take_over(app, &r, err);
	migration_record_clear(&r);
	return left || first;
}

enum status recover_act(struct app *app, const char *guest, struct err *err)
{
	const struct strv none = { 0 };
	struct definition_record d = { 0 };
	struct fleet_hosts f = { 0 };
	struct examined e = { 0 };
	struct move_options opt;
	struct recovery r = { 0 };
	enum status status;

	if (record_goes_first(app, guest, &status, err))
		return status;
	if (!err->id && check_words(app, err) == 0 && fleet_hosts_look(app, &none, 0, &f, err) == 0 &&
	    find_guest(app, guest, &f, &e, &d, err) == 0) {
		examined_show(app, &f, guest, &e);
		move_options_fill(app, &opt);
		fill(app, guest, &f, &e, &opt, &r);
		if (read_fenced(app, &f, &r, err) == 0 && act(app, &f, &r, &d, err) == 0 && r.acted)
			app->report.ops->note(&app->report, "done; see: vmmig recover, or vmmig list");
	}
	free(r.fenced);
	definition_record_clear(&d);
	examined_clear(&e);
	fleet_hosts_free(&f);
	return err->id ? err->status : STATUS_OK;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands that move guests have in common. */
#include <unistd.h>

#include "base/interrupt.h"
#include "cmd.h"
#include "migrate/run.h"

/* Why a guest's migration was not even begun, as its result. */
static enum status not_begun(struct app *app, enum mode mode, const struct placement *p, struct placed *g)
{
	struct result res = {
		.status = g->err.id ? MIG_FAILED : MIG_NONE,
		.exit = g->err.id ? g->err.status : STATUS_OK,
		.mode = mode_name(mode),
		.from = g->src ? host_name(g->src) : app->opt.from,
		.to = host_name(p->dst),
		.err = g->err.id ? &g->err : NULL,
	};

	app->report.guest = g->guest;
	if (g->arrived)
		app->report.ops->note(&app->report, "it is on the destination already; nothing to do");
	if (app->opt.json || g->err.id)
		app->report.ops->result(&app->report, &res);
	app->report.guest = NULL;
	return res.exit;
}

/* Memory of the guests after this one: they come to the same destination. Only asked when there are several. */
static uint64_t memory_of_rest(const struct placement *p, size_t after)
{
	uint64_t kib = 0;

	for (size_t i = after + 1; i < p->guests_n; i++) {
		struct guest_look l auto_look = { 0 };
		const struct placed *g = &p->guests[i];
		auto_free char *xml = NULL;
		struct domain *d auto_domain = NULL;

		if (!g->src || g->arrived || guest_find(g->src, g->guest, &l, NULL) < 0 || !l.uuid)
			continue;
		xml = guest_xml(g->src, l.uuid, GUEST_XML_NOW, NULL);
		d = xml ? domain_parse(xml, NULL) : NULL;
		kib += d ? d->memory_kib : 0;
	}
	return kib;
}

static enum status move_one(struct app *app, enum mode mode, struct placement *p, size_t i,
			    const struct move_options *opt, const struct demand *demand)
{
	struct placed *g = &p->guests[i];
	struct err err auto_err = ERR_INIT;
	enum status status;
	struct migration m = {
		.guest = g->guest,
		.src = g->src,
		.dst = p->dst,
		.journal = app->journal,
		.report = &app->report,
		.opt = opt,
		.mode = mode,
	};

	if (interrupt_seen() && !g->err.id)
		err_set(&g->err, E_CANCELLED, 0, "not begun");
	/* The guest before may have cost us a connection. */
	if (!g->err.id && !g->arrived && host_reopen(g->src, &g->err) >= 0)
		host_reopen(p->dst, &g->err);
	if (g->err.id || g->arrived)
		return not_begun(app, mode, p, g);
	m.also_incoming_kib = memory_of_rest(p, i);
	demand_after(demand, i, &m.also_space, &m.also_facts);
	status = migrate_guest(&m, &err);
	migration_clear(&m);
	return status;
}

/* One path cannot be the disk of two guests. */
int move_options_check(const struct options *o, const struct move_options *opt, size_t guests, struct err *err)
{
	const struct wire wire = move_wire(opt);
	const char *problem = transport_problem(&wire, NULL);

	if (o->tls && o->transport_given && o->transport != TRANSPORT_TLS)
		return err_set(err, E_USAGE, 0, "--tls and --transport %s: it is one of them",
			       transport_name(o->transport));
	if (problem)
		return err_set(err, E_USAGE, 0, "%s", problem);
	if (o->follow && o->no_follow)
		return err_set(err, E_USAGE, 0, "--follow and --no-follow: it is one of them");
	for (size_t i = 0; i < o->remap.disks_n && guests > 1; i++)
		if (o->remap.disks[i].path) {
			err_set(err, E_USAGE, 0, "--disk %s=%s: a path is for one guest, and there are %zu",
				o->remap.disks[i].target, o->remap.disks[i].path, guests);
			return err_hint_text(err, "move them one by one, or map directories with --storage");
		}
	return 0;
}

/* ---- several at a time, each as it is ---- */

static bool fits(enum mode mode, const struct placed *g, const struct move_options *opt)
{
	return mode == MODE_COLD ? !g->active || opt->shutdown : g->active;
}

static size_t count_others(const struct app *app, enum mode mode, const struct placement *p,
			   const struct move_options *opt)
{
	size_t n = 0;

	(void)app;
	for (size_t i = 0; i < p->guests_n; i++) {
		const struct placed *g = &p->guests[i];

		n += !g->err.id && !g->arrived && !fits(mode, g, opt);
	}
	return n;
}

/* Guests in another state than the mode is for: 1: each goes its way; 0: they are refused by their own checks. */
static bool may_follow(struct app *app, enum mode mode, size_t others)
{
	auto_free char *text = str_printf("%zu of the guests %s %s", others, others == 1 ? "is" : "are",
					  mode == MODE_COLD ? "running: moved live" : "shut off: moved by vmmig cold");
	auto_free char *question = str_printf("%s. Go on?", text);

	if (app->opt.no_follow)
		return false;
	if (app->opt.yes || app->opt.json || app->opt.follow || app->opt.dry_run) {
		app->report.ops->note(&app->report, text);
		return true;
	}
	return consent(question);
}

static enum status run_all(struct app *app, enum mode mode, struct placement *p, const struct move_options *opt,
			   const struct demand *demand, bool follow)
{
	struct run_options how = { .move = opt,
				   .mode = mode,
				   .follow = follow,
				   .at_once = app->opt.at_once_given ? app->opt.at_once : 1,
				   .streams = app->config->copy_streams };
	auto_free struct run_guest *v = xcalloc(p->guests_n + 1, sizeof(*v));
	enum status status = STATUS_OK;
	size_t n = 0;

	for (size_t i = 0; i < p->guests_n; i++) {
		struct placed *g = &p->guests[i];

		if (g->err.id || g->arrived) {
			status = status_worst(status, not_begun(app, mode, p, g));
			continue;
		}
		v[n].guest = g->guest;
		v[n].src = g->src;
		demand_after(demand, i, &v[n].also_space, &v[n].also_facts);
		n++;
	}
	return n ? status_worst(status, run_guests(app->journal, &app->report, p->dst, v, n, &how)) : status;
}

static enum status move_all(struct app *app, enum mode mode, struct placement *p, const struct move_options *opt,
			    struct err *err)
{
	size_t others = count_others(app, mode, p, opt);
	bool follow = !app->opt.no_follow && (mode == MODE_COLD || app->opt.follow);
	struct demand demand = { 0 };
	enum status status = STATUS_OK;

	if (p->guests_n > RUN_GUESTS_MAX) {
		err_set(err, E_USAGE, 0, "%zu guests: not more than %d in one call", p->guests_n, RUN_GUESTS_MAX);
		return err->status;
	}
	if (others)
		follow = may_follow(app, mode, others);
	if (mode != MODE_LIVE || follow)
		demand_find(p, &opt->remap, &demand);
	if (mode == MODE_COLD || follow)
		status = run_all(app, mode, p, opt, &demand, follow);
	else
		for (size_t i = 0; i < p->guests_n; i++)
			status = status_worst(status, move_one(app, mode, p, i, opt, &demand));
	demand_clear(&demand);
	return status;
}

enum status move_run(struct app *app, enum mode mode, struct err *err)
{
	struct placement p = { .off_is_there = mode == MODE_COLD };
	struct move_options opt;
	enum status status;

	move_options_fill(app, &opt);
	if (move_options_check(&app->opt, &opt, app->opt.words.n, err) < 0 ||
	    placement_find(app, &app->opt.words, &p, err) < 0)
		status = err->status;
	else
		status = move_all(app, mode, &p, &opt, err);
	placement_clear(&p);
	return status;
}

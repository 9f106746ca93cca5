/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands that move guests have in common. */
#include "base/interrupt.h"
#include "cmd.h"

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
	for (size_t i = 0; i < o->remap.disks_n && guests > 1; i++)
		if (o->remap.disks[i].path) {
			err_set(err, E_USAGE, 0, "--disk %s=%s: a path is for one guest, and there are %zu",
				o->remap.disks[i].target, o->remap.disks[i].path, guests);
			return err_hint_text(err, "move them one by one, or map directories with --storage");
		}
	return 0;
}

enum status move_run(struct app *app, enum mode mode, struct err *err)
{
	struct placement p = { 0 };
	struct demand demand = { 0 };
	struct move_options opt;
	enum status status = STATUS_OK;

	move_options_fill(app, &opt);
	if (move_options_check(&app->opt, &opt, app->opt.words.n, err) < 0 ||
	    placement_find(app, &app->opt.words, &p, err) < 0) {
		status = err->status;
	} else {
		if (mode == MODE_BLOCK)
			demand_find(&p, &opt.remap, &demand);
		for (size_t i = 0; i < p.guests_n; i++)
			status = status_worst(status, move_one(app, mode, &p, i, &opt, &demand));
	}
	demand_clear(&demand);
	placement_clear(&p);
	return status;
}

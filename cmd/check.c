/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <string.h>

#include "base/interrupt.h"
#include "cmd.h"

static void summary(struct app *app, const struct check_input *in, const struct findings *f)
{
	size_t refusing = 0, applied = 0;
	auto_free char *text = NULL;

	for (size_t i = 0; i < check_table_n; i++)
		applied += (check_table[i].modes & in->mode) != 0;
	for (size_t i = 0; i < f->n; i++)
		refusing += finding_refuses(&f->v[i]);
	text = str_printf("%zu checks, %zu finding%s, %zu of them refuse", applied, f->n, f->n == 1 ? "" : "s",
			  refusing);
	app->report.ops->note(&app->report, text);
}

static struct domain *read_domain(struct app *app, struct placed *g, struct check_input *in, struct err *err)
{
	auto_free char *xml = NULL;

	if (app->mode == MODE_COLD)
		return guest_definition(g->src, &in->look, err);
	xml = guest_xml(g->src, in->look.uuid, GUEST_XML_NOW, err);
	return xml ? domain_parse(xml, err) : NULL;
}

/* *shown: the findings are out, so that their error need not be told again. */
static int check_guest(struct app *app, struct placement *p, struct placed *g, struct check_input *in, bool *shown,
		       struct err *err)
{
	struct domain *d auto_domain = read_domain(app, g, in, err);
	struct converge_policy policy;
	struct findings f = { 0 };
	struct move_options opt;

	if (!d)
		return -1;
	move_options_fill(app, &opt);
	in->mode = app->mode;
	move_policy(&opt, &policy);
	in->policy = &policy;
	in->bandwidth_mib = opt.bandwidth_mib;
	in->want_forecast = opt.forecast && app->mode != MODE_COLD;
	in->will_shut_down = app->opt.shutdown;
	in->wire = move_wire(&opt);
	in->remap = &app->opt.remap;
	in->reserve = (uint64_t)app->config->images.reserve_mib << 20;
	in->fetch_from_service_only = str_eq(app->config->images.backing_from, "service-only");
	in->src_name = host_name(g->src);
	in->dst_name = host_name(p->dst);
	in->domain = d;
	check_collect(g->src, p->dst, in);
	if (interrupt_pending())
		return err_set(err, E_CANCELLED, 0, "interrupted during the checks");
	check_run(in, &app->opt.skip, &f);
	for (size_t i = 0; i < f.n; i++)
		app->report.ops->check(&app->report, &f.v[i]);
	*shown = true;
	summary(app, in, &f);
	if (in->want_forecast)
		app->report.ops->forecast(&app->report, &in->forecast);
	in->policy = in->forecast.input.policy = NULL; /* it ends here */
	check_refusal(&f, err);
	findings_clear(&f);
	return err->id ? -1 : 0;
}

static int check_one(struct app *app, struct placement *p, struct placed *g, bool *shown, struct err *err)
{
	struct check_input in = { 0 };
	int rc = -1;

	if (g->err.id)
		err_move(err, &g->err);
	else if (g->arrived)
		err_set_id(err, "E-GUEST-STATE", STATUS_REFUSED, "it is on the destination already");
	else if (guest_find(g->src, g->guest, &in.look, err) == 0 &&
		 check_refuse_state(g->src, app->mode, app->opt.shutdown, &in.look, err) == 0)
		rc = check_guest(app, p, g, &in, shown, err);
	check_input_clear(&in);
	return rc;
}

/* The result line says what a migration would have met; for people, the findings have said that already. */
static enum status end_one(struct app *app, struct placement *p, struct placed *g, bool shown, const struct err *err)
{
	struct result res = {
		.status = MIG_NONE,
		.exit = err->id ? err->status : STATUS_OK,
		.mode = mode_name(app->mode),
		.from = g->src ? host_name(g->src) : app->opt.from,
		.to = host_name(p->dst),
		.dry_run = true,
		.err = err->id ? err : NULL,
	};

	if (app->opt.json || (err->id && !shown))
		app->report.ops->result(&app->report, &res);
	else if (!err->id)
		app->report.ops->note(&app->report, "nothing refuses the migration");
	return res.exit;
}

static enum status run(struct app *app, struct err *err)
{
	struct strv guests = { .v = app->opt.words.v + 1, .n = app->opt.words.n - 1 }; /* borrowed */
	enum status status = STATUS_OK;
	struct placement p = { 0 };
	struct move_options opt;

	if (mode_parse(app->opt.words.v[0], &app->mode) < 0) {
		err_set(err, E_USAGE, 0, "check \"%s\": the mode must be live, block or cold", app->opt.words.v[0]);
		return err->status;
	}
	if (app->mode == MODE_LIVE && (app->opt.remap.disks_n || app->opt.remap.maps_n)) {
		err_set(err, E_USAGE, 0, "--disk and --storage: a live migration copies no disk; check block does");
		return err->status;
	}
	if (app->mode != MODE_COLD && app->opt.shutdown) {
		err_set(err, E_USAGE, 0, "--shutdown: only cold migration shuts a guest down");
		return err->status;
	}
	move_options_fill(app, &opt);
	if (move_options_check(&app->opt, &opt, guests.n, err) < 0 || placement_find(app, &guests, &p, err) < 0)
		status = err->status;
	for (size_t i = 0; i < p.guests_n && !err->id; i++) {
		struct err one auto_err = ERR_INIT;
		bool shown = false;

		app->report.guest = p.guests[i].guest;
		check_one(app, &p, &p.guests[i], &shown, &one);
		status = status_worst(status, end_one(app, &p, &p.guests[i], shown, &one));
		app->report.guest = NULL;
	}
	placement_clear(&p);
	return status;
}

static const struct argp_option options[] = {
	PLACE_OPTIONS, LIMIT_OPTIONS, WIRE_OPTIONS, DISK_OPTIONS, SHUTDOWN_OPTION, { 0 },
};

const struct command cmd_check = {
	.name = "check",
	.summary = "run every check of a migration on both hosts, change nothing",
	.args = "live|block|cold GUEST... --to HOST",
	.doc = "Runs all checks of a migration over both hosts in one pass and shows every finding with what to do "
	       "about it.",
	.options = options,
	.min_words = 2,
	.max_words = UINT_MAX,
	.needs = NEEDS_CONFIG,
	.run = run,
};

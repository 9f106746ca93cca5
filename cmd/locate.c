/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which hosts a call is about, and on which of them each guest is. */
#include <string.h>

#include "cmd.h"

static struct host *add_host(struct placement *p, struct host_spec *spec)
{
	struct host *h = host_new(spec);

	*ARRAY_ADD(p->hosts, p->hosts_n) = h;
	host_spec_free(spec);
	return h;
}

static unsigned port_of(const struct host_spec *s)
{
	return s->port ? s->port : 22;
}

static bool same_spec(const struct host_spec *a, const struct host_spec *b)
{
	return str_eq(a->name, b->name) || (str_eq(a->address, b->address) && port_of(a) == port_of(b));
}

static int choose_destination(struct app *app, struct placement *p, struct err *err)
{
	struct host_spec *spec;

	if (!app->opt.to) {
		err_set(err, E_USAGE, 0, "--to HOST is missing");
		return err_hint(err, "the configured hosts: vmmig config");
	}
	spec = config_host(app->config, app->opt.to, err);
	if (!spec)
		return -1;
	p->dst = add_host(p, spec);
	host_set_side(p->dst, SIDE_DESTINATION);
	return 0;
}

static int choose_source(struct app *app, struct placement *p, struct err *err)
{
	struct host_spec *spec = config_host(app->config, app->opt.from, err);

	if (!spec)
		return -1;
	if (same_spec(spec, host_spec(p->dst))) {
		err_set(err, E_SAME_HOST, 0, "--from \"%s\" and --to \"%s\" are the same host", spec->name,
			host_name(p->dst));
		err_hint(err, "the configured hosts: vmmig config");
		host_spec_free(spec);
		return -1;
	}
	host_set_side(add_host(p, spec), SIDE_SOURCE);
	return 0;
}

static int choose_all(struct app *app, struct placement *p, struct err *err)
{
	for (size_t i = 0; i < app->config->hosts_n; i++)
		if (!same_spec(app->config->hosts[i], host_spec(p->dst)))
			add_host(p, host_spec_copy(app->config->hosts[i]));
	if (p->hosts_n > 1)
		return 0;
	err_set(err, E_USAGE, 0, "no --from HOST, and the configuration has no other host to look on");
	return err_hint(err, "give --from, or list the hosts in the configuration: man vmmig.conf");
}

/* Destination and a named source must answer; of hosts that are only looked on, a silent one is said and left out. */
static int open_hosts(struct app *app, struct placement *p, struct err *err)
{
	struct err *errs = xcalloc(p->hosts_n, sizeof(*errs));
	int rc = 0;

	hosts_open(p->hosts, p->hosts_n, errs);
	for (size_t i = p->hosts_n; i-- > 0;) {
		if (!errs[i].id)
			continue;
		if (app->opt.from || p->hosts[i] == p->dst) {
			if (err->id)
				app->report.ops->error(&app->report, err);
			err_move(err, &errs[i]);
			rc = -1;
		} else if (err_is(&errs[i], E_CANCELLED)) {
			err_move(err, &errs[i]);
			rc = -1;
		} else {
			app->report.ops->error(&app->report, &errs[i]);
		}
		err_clear(&errs[i]);
	}
	free(errs);
	return rc;
}

/* What the hosts say of one guest. */
struct sightings {
	struct host *host; /* the last one that has it */
	bool active;       /* there */
	struct strv where, unasked;
};

static int see(struct host *h, const char *guest, struct sightings *s, struct err *err)
{
	struct guest_look l auto_look = { 0 };

	if (!host_libvirt(h)) {
		strv_add(&s->unasked, host_name(h));
		return 0;
	}
	if (guest_find(h, guest, &l, err) < 0)
		return -1;
	if (l.state == GUEST_ABSENT)
		return 0;
	strv_take(&s->where, str_printf("%s (%s)", host_name(h), guest_state_name(l.state)));
	s->host = h;
	s->active = guest_is_active(&l);
	return 0;
}

static void not_found(const struct sightings *s, struct placed *g)
{
	auto_free char *unasked = strv_join(&s->unasked, ", ");

	err_set(&g->err, s->unasked.n ? E_CONNECT : E_GUEST_UNKNOWN, 0, "no host that answers knows this guest%s%s",
		s->unasked.n ? "; not asked: " : "", unasked);
	err_hint(&g->err, "see what is there: vmmig list");
}

static void place(struct app *app, struct placement *p, struct placed *g, struct sightings *s)
{
	/* With a source named, it is the one; the destination only matters when the guest is not there. */
	for (size_t i = 0; i < p->hosts_n; i++)
		if (!(app->opt.from && p->hosts[i] == p->dst) && see(p->hosts[i], g->guest, s, &g->err) < 0)
			return;
	if (app->opt.from && !s->where.n && see(p->dst, g->guest, s, &g->err) < 0)
		return;
	if (s->where.n > 1) {
		auto_free char *where = strv_join(&s->where, " and ");

		err_set(&g->err, E_GUEST_AMBIGUOUS, 0, "it is on %s", where);
		err_hint(&g->err, "say which one with --from; if it runs on both, see vmmig-troubleshooting(7)");
	} else if (!s->where.n) {
		not_found(s, g);
	} else if (s->host == p->dst && !s->active && !p->off_is_there) {
		err_set_id(&g->err, "E-GUEST-STATE", STATUS_REFUSED, "it is on the destination already: %s",
			   s->where.v[0]);
	} else {
		g->arrived = s->host == p->dst;
		g->active = s->active;
		g->src = s->host;
	}
}

static void find_one(struct app *app, struct placement *p, struct placed *g)
{
	struct sightings s = { 0 };

	if (!*g->guest)
		err_set(&g->err, E_USAGE, 0, "a guest's name is empty");
	else
		place(app, p, g, &s);
	if (g->src && !g->arrived)
		host_set_side(g->src, SIDE_SOURCE);
	strv_clear(&s.where);
	strv_clear(&s.unasked);
}

int placement_find(struct app *app, const struct strv *guests, struct placement *p, struct err *err)
{
	if (choose_destination(app, p, err) < 0)
		return -1;
	if ((app->opt.from ? choose_source(app, p, err) : choose_all(app, p, err)) < 0)
		return -1;
	if (open_hosts(app, p, err) < 0)
		return -1;
	for (size_t i = 0; i < guests->n; i++) {
		struct placed *g = ARRAY_ADD(p->guests, p->guests_n);

		g->guest = guests->v[i];
		find_one(app, p, g);
	}
	return 0;
}

void placement_clear(struct placement *p)
{
	for (size_t i = 0; i < p->guests_n; i++)
		err_clear(&p->guests[i].err);
	hosts_free(p->hosts, p->hosts_n);
	free(p->guests);
	free(p->hosts);
	*p = (struct placement) { 0 };
}

void move_options_fill(const struct app *app, struct move_options *o)
{
	const struct options *opt = &app->opt;
	const struct config *c = app->config;

	*o = (struct move_options) {
		.max_downtime_ms = opt->max_downtime_given ? opt->max_downtime_ms : c->max_downtime_ms,
		.bandwidth_mib = opt->bandwidth_given ? opt->bandwidth_mib : c->bandwidth_mib,
		.timeout_s = opt->timeout_given ? opt->timeout_s : c->timeout_s,
		.on_timeout = opt->on_timeout,
		.policy = opt->policy,
		.peer2peer = c->peer2peer,
		.auto_converge = c->auto_converge,
		.transport = opt->tls ? TRANSPORT_TLS : opt->transport,
		.parallel = opt->parallel_given ? opt->parallel : c->parallel,
		.dry_run = opt->dry_run,
		.forecast = !opt->no_forecast,
		.skip = opt->skip, /* borrowed */
		.remap = opt->remap,
		.source_disks = opt->source_disks,
		.images = &c->images,
		.shutdown = opt->shutdown,
		.start = opt->start,
	};
	if (!opt->source_disks_given)
		source_disks_parse(c->source_disks, &o->source_disks);
	if (!opt->policy_given)
		converge_preset_parse(c->policy, &o->policy);
	if (!opt->transport_given && !opt->tls)
		transport_parse(c->transport, &o->transport);
	if (!opt->on_timeout_given)
		converge_end_parse(c->on_timeout, &o->on_timeout);
}

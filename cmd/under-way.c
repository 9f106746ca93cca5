/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations that are under way, or whose vmmig is gone: what cancel, tune and recover have in common. */
#include "recover.h"

int under_way_find(struct app *app, const char *word, struct migration_record *r, struct err *err)
{
	if (record_find(app, word, r, err) < 0)
		return -1;
	if (!str_eq(r->mode, "recover") && (!r->ended_ms || r->exit_status == STATUS_UNDECIDED))
		return 0;
	err_set(err, E_NOT_UNDER_WAY, 0, "%s: the migration %s from %s to %s has ended: %s", r->guest, r->id, r->from,
		r->to, migration_status_name(r->status));
	return err_hint(err, "what it did: vmmig history %s", r->id);
}

int under_way_hosts(struct app *app, const struct migration_record *r, struct host *hosts[2], struct err errs[2],
		    struct err *err)
{
	struct host_spec *from = config_host(app->config, r->from, err), *to = config_host(app->config, r->to, err);

	if (from && to) {
		hosts[0] = host_new(from);
		hosts[1] = host_new(to);
		host_set_side(hosts[0], SIDE_SOURCE);
		host_set_side(hosts[1], SIDE_DESTINATION);
		hosts_open(hosts, 2, errs);
	}
	host_spec_free(from);
	host_spec_free(to);
	return err->id ? -1 : 0;
}

int under_way_open(struct app *app, const struct migration_record *r, struct host *hosts[2], struct err *err)
{
	struct err errs[2] = { ERR_INIT, ERR_INIT };

	if (under_way_hosts(app, r, hosts, errs, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		if (errs[i].id && !err->id)
			err_move(err, &errs[i]);
		err_clear(&errs[i]);
	}
	return err->id ? -1 : 0;
}

enum status under_way_adopt(struct app *app, struct migration_record *r, bool cancel, struct err *err)
{
	struct host *hosts[2] = { NULL, NULL };
	auto_free char *guest = xstrdup(r->guest);
	struct move_options opt;
	struct migration m = { .guest = guest,
			       .journal = app->journal,
			       .report = &app->report,
			       .opt = &opt,
			       .look_elsewhere = look_elsewhere,
			       .look_arg = app };
	enum status status;

	move_options_fill(app, &opt);
	if (mode_parse(r->mode ? r->mode : "", &m.mode) < 0)
		m.mode = MODE_LIVE;
	if (under_way_open(app, r, hosts, err) < 0) {
		status = err->status;
	} else {
		m.src = hosts[0];
		m.dst = hosts[1];
		m.record = *r;
		*r = (struct migration_record) { 0 };
		status = m.record.leftover ? migrate_tidy(&m, err) : migrate_adopt(&m, cancel, err);
		*r = m.record;
		m.record = (struct migration_record) { 0 };
		migration_clear(&m);
	}
	host_free(hosts[0]);
	host_free(hosts[1]);
	return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A migration whose vmmig is gone: killed, or its machine was restarted. One between two libvirt goes on without it;
 * what is missing is somebody who watches it, looks at both hosts afterwards, and writes down how it ended.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "migrate/perform-private.h"

/* Its description, from the side that has it; none where it is nowhere. */
static int read_domain(struct migration *m, struct err *err)
{
	struct host *h = m->src_look.state != GUEST_ABSENT ? m->src : m->dst_look.state != GUEST_ABSENT ? m->dst : NULL;
	auto_free char *xml = h ? guest_xml(h, m->record.uuid, GUEST_XML_NOW, err) : NULL;

	if (!h)
		return 0;
	m->domain = xml ? domain_parse(xml, err) : NULL;
	return m->domain ? 0 : err_wrap(err, "%s", host_label(h));
}

/* Nobody said that it may be stopped, or be run on two hosts: only what would end it is left to the person here. */
static void choose_policy(struct migration *m)
{
	uint64_t allowed = m->record.max_downtime_ms ? m->record.max_downtime_ms : m->opt->max_downtime_ms;

	converge_policy_preset(&m->policy, m->opt->policy, allowed, true);
	m->policy.on_stall = CONVERGE_END_ABORT;
	m->policy.stall_ms = UINT64_MAX / 4;
}

/* What the phases need to know of it, as far as it can still be seen. */
static void remember(struct migration *m)
{
	const struct guest_look *src = &m->src_look, *dst = &m->dst_look;

	m->was_running = true; /* nobody knows any more; one that was paused by a person shows it */
	m->move.persistent = src->persistent || dst->persistent;
	m->move.undefine_source = m->move.persistent;
	m->move.postcopy = true; /* perhaps: libvirt says so if not */
	m->facts.look.autostart = src->autostart || m->record.autostart;
	choose_policy(m);
}

/* From the journal, if it stays: the limit the guest had before, to be put back; that it was suspended, to be resumed.
 */
static int remember_effects(struct migration *m, struct err *err)
{
	struct effect_record *v = NULL;
	size_t n = 0;

	if (journal_effects(m->journal, m->record.id, &v, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		auto_free char *before = v[i].object ? xstrndup(v[i].object, strcspn(v[i].object, " ")) : NULL;
		unsigned long long ms;

		m->suspended |= str_eq(v[i].kind, "suspend"); /* also when it failed: as in steer.c */
		if (!str_eq(v[i].kind, "max-downtime") || str_eq(v[i].result, "undone") || !before ||
		    str_to_uint(before, 0, UINT32_MAX, &ms) < 0)
			continue;
		m->downtime_set = true;
		m->downtime_before = ms;
		m->downtime_effect = v[i].seq;
	}
	journal_effects_free(v, n);
	return 0;
}

static int adopt_begin(struct migration *m, struct err *err)
{
	auto_free char *who = migration_lease_text(m);

	if (ask_both(m, err) < 0 || guest_lease(m->src, m->record.uuid, who, &m->lease, err) < 0 ||
	    ask_both(m, err) < 0 || read_domain(m, err) < 0 || control_forget(m, err) < 0 ||
	    journal_take_over(m->journal, &m->record, err) < 0)
		return -1;
	m->record.status = MIG_ACTIVE;
	remember(m);
	m->report->migration = m->record.id;
	m->performed = m->adopted = true;
	return 0;
}

static int follow_to_the_end(struct migration *m, struct err *err)
{
	if (!rescue_is_due(m))
		follow_job(m, false);
	return rescue_is_due(m) ? rescue_run(m, err) : 0;
}

static int stop_it(struct migration *m, struct err *err)
{
	(void)err;
	migration_note(m, "stopping the migration job");
	follow_job(m, true);
	return 0;
}

static int confirm(struct migration *m, struct err *err)
{
	int rc = confirm_run(m, err);

	return m->mode == MODE_BLOCK && m->moved && disks_confirm_remembered(m, err) < 0 ? -1 : rc;
}

/* What was made for a guest that has stayed; a live one has made directories at most, which go when they are empty. */
static void take_back(struct migration *m)
{
	prepare_undo(m);
	if (m->mode == MODE_LIVE || block_may_take_back(m))
		leftovers_undo(m);
}

static const struct phase phases_follow[] = {
	{ "prepare", "source", remember_effects, take_back },
	{ "perform", "both", follow_to_the_end, NULL },
	{ "finish", "destination", finish_run, NULL },
	{ "confirm", "source", confirm, NULL },
};
static const struct phase phases_stop[] = {
	{ "prepare", "source", remember_effects, take_back },
	{ "perform", "both", stop_it, NULL },
	{ "finish", "destination", finish_run, NULL },
	{ "confirm", "source", confirm, NULL },
};

enum status migrate_adopt(struct migration *m, bool cancel, struct err *err)
{
	migration_patience(m);
	if (m->mode == MODE_COLD)
		return migrate_adopt_cold(m, err);
	m->report->guest = m->guest;
	if (adopt_begin(m, err) < 0) { /* the record stays as it is: nothing was done, and nothing found out */
		m->report->guest = NULL;
		return err->status;
	}
	if (cancel && (m->src_look.why == GUEST_WHY_POSTCOPY || rescue_is_due(m))) {
		m->report->guest = m->report->migration = NULL;
		err_set(err, E_TOO_LATE, 0,
			"post-copy is under way: neither side has all of the guest, and stopping would lose it");
		return err->status;
	}
	return cancel ? migrate_walk(m, phases_stop, ARRAY_SIZE(phases_stop), err)
		      : migrate_walk(m, phases_follow, ARRAY_SIZE(phases_follow), err);
}

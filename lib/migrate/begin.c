/* SPDX-License-Identifier: GPL-3.0-or-later */
/* begin: lease, look, checks, plan. Changes nothing but the lease file, the journal and, for moments, token files. */
#include <stdio.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "domain/rewrite.h"
#include "migrate/begin-private.h"

int begin_find(struct migration *m, struct err *err)
{
	struct guest_look *look = &m->facts.look;

	guest_look_clear(look);
	if (guest_find(m->src, m->guest, look, err) < 0)
		return -1;
	if (look->state == GUEST_ABSENT) {
		err_set(err, E_GUEST_UNKNOWN, 0, "%s: no such domain", host_label(m->src));
		return err_hint(err, "see what is there: vmmig list %s", host_name(m->src));
	}
	m->was_running = guest_is_running(look);
	return 0;
}

static int open_record(struct migration *m, struct err *err)
{
	struct migration_record *r = &m->record;

	r->guest = xstrdup(m->facts.look.name);
	r->uuid = xstrdup(m->facts.look.uuid);
	r->mode = xstrdup(mode_name(m->mode));
	r->from = xstrdup(host_name(m->src));
	r->to = xstrdup(host_name(m->dst));
	if (journal_begin(m->journal, r, err) < 0)
		return -1;
	m->report->migration = r->id;
	return 0;
}

char *migration_lease_text(const struct migration *m)
{
	return str_printf("vmmig pid %d on %s, migration %s, to %s", (int)m->record.pid, m->record.control,
			  m->record.id, m->record.to);
}

static int take_lease(struct migration *m, struct err *err)
{
	auto_free char *who = migration_lease_text(m);

	return guest_lease(m->src, m->record.uuid, who, &m->lease, err);
}

static int read_domain(struct migration *m, struct err *err)
{
	auto_free char *xml = guest_xml(m->src, m->record.uuid, GUEST_XML_NOW, err);

	if (!xml)
		return -1;
	m->domain = domain_parse(xml, err);
	if (!m->domain)
		return err_wrap(err, "%s", host_label(m->src));
	m->facts.domain = m->domain;
	return 0;
}

static bool get_digest(void *arg, const char *host, const char *key, char hex[DIGEST_HEX + 1])
{
	return journal_digest_get(arg, host, key, hex, DIGEST_HEX + 1);
}

static void put_digest(void *arg, const char *host, const char *key, const char *hex)
{
	journal_digest_put(arg, host, key, hex);
}

/* What the checks need for disks that move along. */
static void begin_disks(struct migration *m)
{
	const struct image_config *c = m->opt->images;

	m->digests = (struct digest_cache) { get_digest, put_digest, m->journal };
	m->facts.digests = &m->digests;
	m->facts.remap = &m->opt->remap;
	m->facts.reserve = c ? (uint64_t)c->reserve_mib << 20 : 0;
	m->facts.fetch_from_service_only = c && str_eq(c->backing_from, "service-only");
	m->facts.also_space = m->also_space;
	m->facts.also_facts = m->also_facts;
}

int begin_checks(struct migration *m, bool quiet, struct err *err)
{
	int rc;

	m->facts.mode = m->mode;
	m->facts.src_name = host_name(m->src);
	m->facts.dst_name = host_name(m->dst);
	m->facts.also_incoming_kib = m->also_incoming_kib;
	m->facts.wire = move_wire(m->opt);
	move_policy(m->opt, &m->policy);
	foresight_want(m);
	begin_disks(m);
	check_collect(m->src, m->dst, &m->facts);
	if (interrupt_pending()) /* what was cut off reads as unknown; that is no finding */
		return err_set(err, E_CANCELLED, 0, "interrupted during the checks");
	check_run(&m->facts, &m->opt->skip, &m->findings);
	rc = check_refusal(&m->findings, err);
	for (size_t i = 0; i < m->findings.n && (rc < 0 || !quiet); i++)
		m->report->ops->check(m->report, &m->findings.v[i]);
	return rc;
}

static bool is_copied(const struct images *im, const struct disk *k)
{
	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].disk == k && im->v[i].fate == IMAGE_COPIED)
			return true;
	return false;
}

/*
 * libvirt refuses storage it does not know to be shared; ours was proven, and E-STORAGE-CACHE has looked at the caches.
 * Of a disk that is copied it does not ask.
 */
static bool needs_unsafe(const struct storage_proof *p, const struct images *im)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].shared == SHARED_YES && !p->v[i].libvirt_knows && !is_copied(im, p->v[i].disk))
			return true;
	return false;
}

/*
 * Only the disks that are copied are named: a copy of all would write over those that are shared. INC copies the
 * active image alone, which for one without backing file is all of it: so both kinds go in one guest.
 */
static void choose_disks(struct migration *m)
{
	const struct images *im = &m->facts.images;
	unsigned disks;

	for (size_t i = 0; i < im->n; i++) {
		if (im->v[i].fate != IMAGE_COPIED)
			continue;
		strv_add(&m->move.disks, im->v[i].disk->target);
		m->move.incremental |= im->v[i].disk->chain_n > 1;
	}
	/* libvirt gives the limit to each disk; memory gets its own when the disks are there (perform.c) */
	disks = (unsigned)m->move.disks.n;
	if (disks > 1 && m->move.bandwidth_mib)
		m->move.bandwidth_mib = m->move.bandwidth_mib > disks ? m->move.bandwidth_mib / disks : 1;
}

/* The description for the destination, where paths change. */
int begin_rewrite(struct migration *m, enum guest_xml kind, char **out, struct err *err)
{
	auto_free char *xml = guest_xml(m->src, m->record.uuid, kind, err);
	bool changed = false;

	*out = xml ? domain_rewrite(xml, &m->opt->remap, &changed, err) : NULL;
	return *out ? 0 : -1;
}

static int choose_paths(struct migration *m, struct err *err)
{
	const struct images *im = &m->facts.images;
	bool changes = false;

	for (size_t i = 0; i < im->n; i++)
		changes |= im->v[i].dst_path && !str_eq(im->v[i].dst_path, im->v[i].image->path);
	if (!changes)
		return 0;
	if (begin_rewrite(m, GUEST_XML_MOVE, &m->move.dest_xml, err) < 0)
		return -1;
	return m->move.persistent ? begin_rewrite(m, GUEST_XML_PERSISTENT, &m->move.persist_xml, err) : 0;
}

void move_policy(const struct move_options *o, struct converge_policy *p)
{
	converge_policy_preset(p, o->policy, o->max_downtime_ms, true);
	p->timeout_ms = (uint64_t)o->timeout_s * 1000;
	p->on_timeout = o->on_timeout;
	p->throttle = o->auto_converge;
}

static bool may_postcopy(const struct converge_policy *p)
{
	return p->on_stall == CONVERGE_END_POSTCOPY || (p->timeout_ms && p->on_timeout == CONVERGE_END_POSTCOPY);
}

struct wire move_wire(const struct move_options *opt)
{
	struct converge_policy policy;

	move_policy(opt, &policy);
	return (struct wire) {
		.transport = opt->transport,
		.parallel = opt->parallel,
		.postcopy = may_postcopy(&policy),
	};
}

static char *socket_uri(const struct migration *m, const char *name)
{
	auto_free char *path = tunnel_socket(m->record.id, name);

	return str_printf("unix://%s", path);
}

/*
 * Left to choose the address by itself, libvirt 9.0 lets the disks' copy look for a name that is in no certificate: so
 * the one that was proven is named. The certificate may be for another name of the destination.
 */
static void choose_tls(struct migration *m)
{
	const struct connection_proof *c = &m->facts.connection;
	const char *name = tls_name(&m->facts.tls);

	m->move.tls = true;
	if (!m->move.migrate_uri && c->port_address)
		m->move.migrate_uri = proof_migrate_uri(c->port_address);
	if (name && !str_eq(name, c->port_address))
		m->move.tls_destination = xstrdup(name);
}

static void choose_transport(struct migration *m)
{
	if (wire_is_parallel(&m->facts.wire))
		m->move.parallel = m->opt->parallel;
	if (m->opt->transport == TRANSPORT_SSH) {
		m->move.migrate_uri = socket_uri(m, TUNNEL_MEMORY);
		m->move.disks_uri = m->move.disks.n ? socket_uri(m, TUNNEL_DISKS) : NULL;
		return;
	}
	m->move.migrate_uri = xstrdup(m->facts.connection.migrate_uri);
	if (m->opt->transport == TRANSPORT_TLS)
		choose_tls(m);
}

static int choose_move(struct migration *m, struct err *err)
{
	const struct connection_proof *c = &m->facts.connection;

	m->record.max_downtime_ms = m->policy.cap_ms;
	m->record.autostart = m->facts.look.autostart;
	m->move = (struct guest_move) {
		.peer2peer = m->opt->peer2peer && c->peer == FACT_YES,
		.persistent = m->facts.look.persistent,
		.undefine_source = m->facts.look.persistent,
		.unsafe = needs_unsafe(&m->facts.storage, &m->facts.images),
		.postcopy = m->facts.wire.postcopy,
		.auto_converge = m->policy.throttle,
		.peer_uri = host_peer_uri(m->dst),
		.bandwidth_mib = m->opt->bandwidth_mib,
	};
	choose_disks(m);
	choose_transport(m);
	return choose_paths(m, err);
}

static void note_postcopy(struct migration *m)
{
	auto_free char *risk = plan_postcopy_risk(m);

	migration_note(m, "%s", risk);
}

int begin_lease(struct migration *m, struct err *err)
{
	if (begin_find(m, err) < 0 || open_record(m, err) < 0 || take_lease(m, err) < 0)
		return -1;
	return begin_find(m, err); /* again: until the lease was ours, another vmmig may have moved it */
}

int begin_run(struct migration *m, struct err *err)
{
	connection_begin(m->src, m->dst, &m->facts.connection); /* the slowest question is asked first */
	if (begin_lease(m, err) < 0)
		return -1;
	if (check_refuse_state(m->src, m->mode, false, &m->facts.look, err) < 0)
		return -1;
	if (read_domain(m, err) < 0)
		return -1;
	if (m->mode == MODE_BLOCK && !m->opt->dry_run)
		leftovers_clear(m);
	if (begin_checks(m, false, err) < 0 || choose_move(m, err) < 0)
		return -1;
	plan_make(m);
	if (m->facts.want_forecast)
		foresight_tell(m, &m->facts.forecast);
	foresight_begin(m);
	for (size_t i = 0; m->opt->dry_run && i < m->plan.n; i++)
		migration_note(m, "plan: %s", m->plan.v[i]);
	if (m->move.postcopy && !m->opt->dry_run)
		note_postcopy(m);
	if (m->move.unsafe && !m->opt->dry_run)
		migration_note(m, "storage proven shared that libvirt takes for local: migrated with the UNSAFE flag");
	return 0;
}

void begin_undo(struct migration *m)
{
	struct exec_hold *lease = m->lease;

	m->lease = NULL;
	if (lease && host_hold_end(lease) != 0)
		log_info("%s: the lease ended with its session", host_label(m->src));
}

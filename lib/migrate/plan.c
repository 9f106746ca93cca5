/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan in words: every object that would be touched on either host. */
#include "migrate/migrate.h"

static void add(struct migration *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct migration *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strv_take(&m->plan, str_vprintf(fmt, ap));
	va_end(ap);
}

/* Or it moves all the same, to another path. */
static bool stays(const struct migration *m, const struct image *image)
{
	for (size_t i = 0; i < m->facts.images.n; i++)
		if (m->facts.images.v[i].image == image)
			return m->facts.images.v[i].fate == IMAGE_STAYS;
	return true;
}

static void plan_disks(struct migration *m)
{
	const struct storage_proof *p = &m->facts.storage;

	for (size_t i = 0; i < p->n; i++) {
		const struct image_proof *v = &p->v[i];
		const char *name = v->image->path ? v->image->path : v->image->volume;

		if (v->shared == SHARED_YES && stays(m, v->image))
			add(m, "disk %s: %s stays where it is: proven shared (%s)", v->disk->target, name ? name : "?",
			    v->fs_src ? v->fs_src : "network");
	}
	if (m->move.unsafe)
		add(m, "libvirt does not know that this storage is shared; it was proven, and the cache mode is safe: "
		       "migrated with the UNSAFE flag");
}

static void plan_fetched(struct migration *m, const struct image_plan *p)
{
	if (p->dst.present == FACT_YES)
		add(m, "disk %s: %s is at the destination already, with the same content", p->disk->target,
		    p->dst_path);
	else
		add(m, "%s: %s made with the content of the source's %s (%s)", host_label(m->dst), p->dst_path,
		    p->image->path, m->opt->images ? m->opt->images->backing_from : "source-only");
}

static void plan_copied(struct migration *m, const struct image_plan *p)
{
	auto_free char *size = p->info ? str_bytes(p->info->virtual_size) : xstrdup("?");
	auto_free char *held = p->info ? str_bytes(p->info->actual_size) : xstrdup("?");
	auto_free char *backing = image_backing_name(&m->facts.images, p);
	bool file = p->image->source == DISK_FILE;

	/* of a device nobody says how much of it is in use */
	add(m, "disk %s: %s (%s, %s%s%s%s) copied%s", p->disk->target, p->image->path, p->info ? p->info->format : "?",
	    size, file ? ", " : "", file ? held : "", file ? " of it in use" : "",
	    m->mode == MODE_COLD ? "" : " while the guest runs");
	if (file && m->mode == MODE_COLD)
		add(m, "%s: %s made, with its content, byte for byte", host_label(m->dst), p->dst_path);
	else if (file)
		add(m, "%s: %s made, empty%s%s", host_label(m->dst), p->dst_path, backing ? ", over " : "",
		    backing ? backing : "");
	else
		add(m, "%s: %s written over", host_label(m->dst), p->dst_path);
}

static void plan_afterwards(struct migration *m, const struct image_plan *p)
{
	static const char *const afterwards[] = { [SOURCE_QUARANTINE] = "renamed to PATH.vmmig-quarantine-ID",
						  [SOURCE_KEEP] = "left",
						  [SOURCE_DELETE] = "deleted" };

	add(m, "%s: %s %s afterwards", host_label(m->src), p->image->path, afterwards[disks_afterwards(m, p)]);
}

static void plan_put_away(struct migration *m)
{
	const struct images *im = &m->facts.images;

	for (size_t i = 0; i < im->n; i++)
		if (im->v[i].fate == IMAGE_COPIED)
			plan_afterwards(m, &im->v[i]);
}

static void plan_images(struct migration *m)
{
	const struct images *im = &m->facts.images;

	for (size_t i = 0; i < im->n; i++) {
		if ((im->v[i].fate == IMAGE_FETCHED || im->v[i].fate == IMAGE_COPIED) &&
		    im->v[i].dst.present == FACT_NO && !im->v[i].dst.dir_is_parent)
			add(m, "%s: directories that are missing above %s made", host_label(m->dst), im->v[i].dst_path);
		if (im->v[i].fate == IMAGE_FETCHED)
			plan_fetched(m, &im->v[i]);
		else if (im->v[i].fate == IMAGE_COPIED)
			plan_copied(m, &im->v[i]);
		if (im->v[i].fate == IMAGE_COPIED && m->mode != MODE_COLD)
			plan_afterwards(m, &im->v[i]);
	}
}

static void plan_tunnel(struct migration *m)
{
	auto_free char *dir = tunnel_dir(m->record.id), *way = tunnel_way_text(&m->facts.tunnel.way);

	add(m, "both: transport ssh: %s through sockets in %s, made for it on both hosts",
	    m->move.disks.n ? "memory and disks go" : "memory goes", dir);
	add(m, "%s: ssh to %s carries them while it lasts; no migration port is used", host_label(m->src), way);
}

static void plan_transport(struct migration *m)
{
	const struct connection_proof *c = &m->facts.connection;

	if (m->move.peer2peer)
		add(m, "both: peer-to-peer: %s's libvirt talks to %s", host_name(m->src), m->move.peer_uri);
	else
		add(m, "both: controlled from here over both libvirt connections");
	if (m->opt->transport == TRANSPORT_SSH)
		plan_tunnel(m);
	else
		add(m, "both: transport %s: %s to %s, ports %u-%u, %s%s%s", transport_name(m->opt->transport),
		    m->move.disks.n ? "memory and disks go" : "memory goes",
		    m->move.migrate_uri ? m->move.migrate_uri : c->port_address, m->facts.dst.port_min,
		    m->facts.dst.port_max, m->move.tls ? "encrypted by QEMU" : "in the clear",
		    m->move.tls_destination ? "; its certificate is for " : "",
		    m->move.tls_destination ? m->move.tls_destination : "");
	if (m->move.parallel)
		add(m, "both: memory goes through %u connections at once", m->move.parallel);
	if (m->opt->bandwidth_mib && m->move.disks.n > 1)
		add(m, "both: at most %u MiB/s, %u of it for each disk", m->opt->bandwidth_mib, m->move.bandwidth_mib);
	else if (m->opt->bandwidth_mib)
		add(m, "both: at most %u MiB/s", m->opt->bandwidth_mib);
}

static void plan_downtime(struct migration *m)
{
	const struct converge_policy *p = &m->policy;
	bool waits = p->on_stall == CONVERGE_END_ABORT && p->timeout_ms;

	add(m,
	    "%s: maximum downtime of the domain set to %llu ms, and raised up to %llu ms as it is needed (%llu ms are "
	    "allowed)",
	    host_label(m->src), (unsigned long long)converge_first_ms(p), (unsigned long long)converge_most_ms(p),
	    (unsigned long long)p->cap_ms);
	if (p->throttle)
		add(m, "%s: QEMU slows the guest down if it changes more than half of what is sent",
		    host_label(m->src));
	if (!waits)
		add(m, "if it does not converge (policy %s): %s", converge_preset_name(p->preset),
		    converge_end_name(p->on_stall));
}

char *plan_postcopy_risk(const struct migration *m)
{
	return str_printf("post-copy may come into play: from then on the guest lives on both hosts, and cannot be "
			  "stopped; if the network between %s and %s fails, it stands still until that works again, "
			  "and vmmig or vmmig recover helps it to go on; if one "
			  "of the hosts fails, it is lost with what it had in memory",
			  host_name(m->src), host_name(m->dst));
}

static void plan_postcopy(struct migration *m)
{
	if (m->move.postcopy)
		strv_take(&m->plan, plan_postcopy_risk(m));
}

static void plan_autostart(struct migration *m)
{
	if (m->facts.look.autostart && m->move.persistent)
		add(m, "%s: autostart on, as it is now at the source", host_label(m->dst));
}

static void plan_undefine(struct migration *m)
{
	if (m->move.undefine_source)
		add(m, "%s: domain \"%s\" undefined", host_label(m->src), m->domain->name);
}

static void plan_running(struct migration *m)
{
	plan_downtime(m);
	plan_postcopy(m);
	plan_disks(m);
	plan_images(m);
	plan_transport(m);
	add(m, "%s: domain \"%s\" created%s, %s", host_label(m->dst), m->domain->name,
	    m->move.persistent ? " and defined" : " (transient, as it is now)",
	    m->was_running ? "running" : "paused, as it is now");
	plan_autostart(m);
	plan_undefine(m);
	if (m->opt->timeout_s)
		add(m, "after %u s without an end: %s", m->opt->timeout_s, converge_end_name(m->opt->on_timeout));
}

static void plan_cold(struct migration *m)
{
	const struct connection_proof *c = &m->facts.connection;

	if (m->was_running)
		add(m, "%s: domain \"%s\" shut down, within %u s", host_label(m->src), m->domain->name,
		    m->opt->timeout_s ? m->opt->timeout_s : SHUTDOWN_DEFAULT_S);
	plan_disks(m);
	plan_images(m);
	if (images_move(&m->facts.images))
		add(m, "both: %s sends to a copy server of %s (%s), encrypted, with a key made for it",
		    host_name(m->src), host_name(m->dst),
		    m->opt->transport == TRANSPORT_SSH ? "through ssh"
		    : c->port_address                  ? c->port_address
						       : "?");
	if (m->opt->bandwidth_mib)
		add(m, "both: at most %u MiB/s, of all disks together", m->opt->bandwidth_mib);
	add(m, "%s: domain \"%s\" defined", host_label(m->dst), m->domain->name);
	if (m->facts.src.snapshots > 0)
		add(m, "%s: libvirt told of its %d snapshots", host_label(m->dst), m->facts.src.snapshots);
	if (m->opt->start)
		add(m, "%s: domain \"%s\" started", host_label(m->dst), m->domain->name);
	plan_put_away(m);
	plan_undefine(m);
	plan_autostart(m); /* not before: a power cut must not start it on both hosts */
}

void plan_make(struct migration *m)
{
	add(m, "%s: lease /run/vmmig-%s.lease while it lasts", host_label(m->src), m->record.uuid);
	if (m->mode == MODE_COLD)
		plan_cold(m);
	else
		plan_running(m);
}

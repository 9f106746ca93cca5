/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transport ssh: the sockets on both hosts, and the ssh process that joins them. Both ends are held through our own
 * sessions, so that they go with vmmig whatever its end; then libvirt finds its connections cut and the guest stays.
 */
#include "base/log.h"
#include "migrate/migrate.h"

static int listen_at(struct migration *m, struct err *err)
{
	auto_free char *dir = tunnel_dir(m->record.id);

	if (effect_begin(m, m->dst, "tunnel", dir, &m->tunnel_dst_effect, err) < 0)
		return -1;
	m->tunnel_dst = tunnel_listen(m->dst, m->record.id, false, err);
	effect_end(m, m->tunnel_dst_effect, m->tunnel_dst ? NULL : err);
	return m->tunnel_dst ? 0 : err_wrap(err, "%s: sockets for the migration", host_label(m->dst));
}

static int connect_from(struct migration *m, struct err *err)
{
	const char *const names[] = { TUNNEL_MEMORY, m->move.disks.n ? TUNNEL_DISKS : NULL, NULL };
	auto_free char *way = tunnel_way_text(&m->facts.tunnel.way), *dir = tunnel_dir(m->record.id);

	if (effect_begin(m, m->src, "tunnel", dir, &m->tunnel_src_effect, err) < 0)
		return -1;
	m->tunnel_src = tunnel_connect(m->src, m->record.id, m->record.uuid, &m->facts.tunnel.way, names, err);
	effect_end(m, m->tunnel_src_effect, m->tunnel_src ? NULL : err);
	return m->tunnel_src ? 0 : err_wrap(err, "%s: ssh %s", host_label(m->src), way);
}

int tunnel_begin(struct migration *m, struct err *err)
{
	return listen_at(m, err) < 0 ? -1 : connect_from(m, err);
}

static void end(struct migration *m, struct host *h, struct exec_hold **hold, int64_t effect)
{
	auto_free char *words = NULL;

	if (!*hold)
		return;
	words = tunnel_end(STEAL(*hold));
	if (words && !m->moved)
		migration_note(m, "%s: the SSH tunnel ended before the migration did: %s", host_label(h), words);
	effect_undone(m, effect);
}

int tunnel_backing_begin(struct migration *m, const char *socket, char **path, struct err *err)
{
	auto_free char *id = str_printf("%s-backing", m->record.id), *name = str_printf(TUNNEL_BACKING "=%s", socket);
	auto_free char *dir = tunnel_dir(id);
	const char *const names[] = { name, NULL };

	tunnel_backing_end(m);
	if (effect_begin(m, m->src, "tunnel", dir, &m->tunnel_backing_effect, err) < 0)
		return -1;
	m->tunnel_backing = tunnel_connect(m->src, id, m->record.uuid, &m->facts.tunnel.way, names, err);
	effect_end(m, m->tunnel_backing_effect, m->tunnel_backing ? NULL : err);
	if (!m->tunnel_backing)
		return err_wrap(err, "%s", host_label(m->src));
	free(*path);
	*path = tunnel_socket(id, TUNNEL_BACKING);
	return 0;
}

void tunnel_backing_end(struct migration *m)
{
	auto_free char *words = NULL;

	if (!m->tunnel_backing)
		return;
	words = tunnel_end(STEAL(m->tunnel_backing));
	effect_undone(m, m->tunnel_backing_effect);
}

void tunnel_close(struct migration *m)
{
	tunnel_backing_end(m);
	end(m, m->src, &m->tunnel_src, m->tunnel_src_effect);
	end(m, m->dst, &m->tunnel_dst, m->tunnel_dst_effect);
}

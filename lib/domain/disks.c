/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks with their backing chains, and the secrets they need. */
#include "domain/image.h"
#include "domain/parse.h"
#include "domain/remap.h"

/* The order is that of enum disk_source; what is not in it is DISK_OTHER. */
static const char *const source_names[] = {
	[DISK_NONE] = "none",     [DISK_FILE] = "file", [DISK_BLOCK] = "block", [DISK_NETWORK] = "network",
	[DISK_VOLUME] = "volume", [DISK_DIR] = "dir",   [DISK_OTHER] = "other",
};

const char *disk_source_name(enum disk_source s)
{
	return source_names[s];
}

bool disk_is_removable(const struct disk *d)
{
	return str_eq(d->device, "cdrom") || str_eq(d->device, "floppy");
}

bool disk_is_writable(const struct disk *d)
{
	return !d->readonly && d->chain_n && (str_eq(d->device, "disk") || str_eq(d->device, "lun"));
}

int parse_secret(struct domain *d, const xmlNode *secret, const char *user, struct err *err)
{
	struct secret_ref *s;

	if (!secret)
		return 0;
	if (parse_room(d->secrets_n, "secrets", err) < 0)
		return -1;
	s = ARRAY_ADD(d->secrets, d->secrets_n);
	s->user = xstrdup(user);
	s->uuid = xml_attr(secret, "uuid");
	s->usage = xml_attr(secret, "usage");
	s->type = xml_attr(secret, "type");
	return 0;
}

int parse_secrets(struct domain *d, const xmlNode *parent, const char *user, struct err *err)
{
	xml_each(n, parent, NULL)
	{
		if (!xml_is(n, "auth") && !xml_is(n, "encryption"))
			continue;
		/* several secrets: LUKS with more than one key */
		xml_each(secret, n, "secret")
		{
			if (parse_secret(d, secret, user, err) < 0)
				return -1;
		}
	}
	return 0;
}

static enum disk_source source_of(const char *type)
{
	for (size_t i = DISK_FILE; i < DISK_OTHER; i++)
		if (str_eq(type, source_names[i]))
			return (enum disk_source)i;
	return DISK_OTHER;
}

static char *network_name(const xmlNode *source)
{
	auto_free char *protocol = xml_attr(source, "protocol"), *name = xml_attr(source, "name");
	auto_free char *host = xml_attr(xml_child(source, "host"), "name");

	if (!protocol)
		return NULL;
	/* a bare NBD export has no name; then its server tells it from others */
	if (!name && host)
		return str_printf("%s://%s", protocol, host);
	return str_printf("%s:%s", protocol, name ? name : "");
}

/* Where the image lies. false: nowhere, an empty drive. */
static bool read_source(struct image *m, const xmlNode *source)
{
	switch (m->source) {
	case DISK_FILE:
		m->path = xml_attr(source, "file");
		return m->path;
	case DISK_BLOCK:
		m->path = xml_attr(source, "dev");
		return m->path;
	case DISK_DIR:
		m->path = xml_attr(source, "dir");
		return m->path;
	case DISK_NETWORK:
		m->path = network_name(source);
		return m->path;
	case DISK_VOLUME:
		m->pool = xml_attr(source, "pool");
		m->volume = xml_attr(source, "volume");
		return m->pool && m->volume;
	case DISK_NONE:
	case DISK_OTHER:
		break;
	}
	return source;
}

void image_clear(struct image *m)
{
	free(m->path);
	free(m->format);
	free(m->pool);
	free(m->volume);
}

/*
 * One link of the chain: node is the <disk> or a <backingStore>, format its element that has the format as
 * attribute type. 1: read; 0: there is no image.
 */
static int read_image(struct domain *d, struct disk *k, const xmlNode *node, const char *format, struct err *err)
{
	const xmlNode *source = xml_child(node, "source");
	auto_free char *type = xml_attr(node, "type");
	auto_free char *user = str_printf("disk %s", k->target);
	struct image m = { .source = source_of(type ? type : "file") };

	if (!read_source(&m, source)) {
		image_clear(&m);
		return 0;
	}
	if (parse_room(k->chain_n, "images in one backing chain", err) < 0) {
		image_clear(&m);
		return -1;
	}
	m.format = xml_attr(xml_child(node, format), "type");
	*ARRAY_ADD(k->chain, k->chain_n) = m;
	if (m.source != DISK_NETWORK && parse_absolute("disk source", m.path, err) < 0)
		return -1;
	if (m.source == DISK_OTHER && str_eq(type, "vhostuser") &&
	    parse_path(d, "vhost-user disk socket", xml_attr(source, "path"), true, err) < 0)
		return -1;
	return parse_secrets(d, node, user, err) < 0 || parse_secrets(d, source, user, err) < 0 ? -1 : 1;
}

static int read_chain(struct domain *d, struct disk *k, const xmlNode *disk, struct err *err)
{
	const xmlNode *node = disk;
	const char *format = "driver";

	while (node) {
		int rc = read_image(d, k, node, format, err);

		if (rc < 0)
			return -1;
		if (!rc)
			break;
		node = xml_child(node, "backingStore");
		format = "format";
		/* the empty element says that nothing follows; no element at all says nothing */
		if (node && !xml_child(node, NULL)) {
			k->chain_known = true;
			break;
		}
	}
	return 0;
}

int parse_disk(struct domain *d, xmlNode *disk, struct err *err)
{
	const xmlNode *target = xml_child(disk, "target");
	auto_free char *policy = xml_attr(xml_child(disk, "source"), "startupPolicy");
	struct disk *k;

	if (parse_room(d->disks_n, "disks", err) < 0)
		return -1;
	k = ARRAY_ADD(d->disks, d->disks_n);
	k->target = xml_attr(target, "dev");
	if (!k->target)
		return err_set(err, E_XML, 0, "domain XML: disk %zu has no target", d->disks_n);
	k->bus = xml_attr(target, "bus");
	k->device = xml_attr(disk, "device");
	if (!k->device)
		k->device = xstrdup("disk");
	k->cache = xml_attr(xml_child(disk, "driver"), "cache");
	/* a CD-ROM is read-only whether the XML says so or not */
	k->readonly = xml_child(disk, "readonly") || str_eq(k->device, "cdrom");
	k->shareable = xml_child(disk, "shareable");
	k->transient = xml_child(disk, "transient");
	k->block_job = xml_child(disk, "mirror");
	k->missing_ok = str_eq(policy, "optional") || str_eq(policy, "requisite");
	return read_chain(d, k, disk, err);
}

int domain_complete_chain(struct disk *k, const struct image_chain *c, struct err *err)
{
	for (size_t i = k->chain_n; i < c->n && !k->chain_known; i++) {
		const struct image_info *info = &c->v[i];
		struct image *m;

		if (parse_room(k->chain_n, "images in one backing chain", err) < 0)
			return -1;
		m = ARRAY_ADD(k->chain, k->chain_n);
		m->source = *info->path == '/' ? DISK_FILE : DISK_OTHER;
		m->path = *info->path == '/' ? path_tidy(info->path) : xstrdup(info->path);
		m->format = xstrdup(info->format);
	}
	k->chain_known = true;
	return 0;
}

bool disk_is_saved_image(const struct disk *d)
{
	return d->state && str_eq(d->target, STATE_SAVED);
}

int domain_add_state(struct domain *d, const char *target, const char *path, struct err *err)
{
	struct disk *k;

	if (parse_room(d->disks_n, "disks", err) < 0 || parse_absolute(target, path, err) < 0)
		return -1;
	k = ARRAY_ADD(d->disks, d->disks_n);
	k->target = xstrdup(target);
	k->device = xstrdup("disk");
	k->state = k->chain_known = true;
	k->chain = xcalloc(1, sizeof(*k->chain));
	k->chain_n = 1;
	k->chain[0] = (struct image) { .source = DISK_FILE, .path = path_tidy(path), .format = xstrdup("raw") };
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network interfaces and every other device. */
#include "domain/parse.h"

/* Source attribute of an interface, by its type. */
static char *nic_source(const char *type, const xmlNode *source)
{
	if (str_eq(type, "bridge") || str_eq(type, "network"))
		return xml_attr(source, type);
	if (str_eq(type, "direct") || str_eq(type, "vdpa"))
		return xml_attr(source, "dev");
	return NULL;
}

int parse_nic(struct domain *d, xmlNode *interface, struct err *err)
{
	const xmlNode *source = xml_child(interface, "source"), *backend = xml_child(interface, "backend");
	auto_free char *network = NULL;
	struct nic *n;

	if (parse_room(d->nics_n, "interfaces", err) < 0)
		return -1;
	n = ARRAY_ADD(d->nics, d->nics_n);
	n->type = xml_attr(interface, "type");
	if (!n->type)
		return err_set(err, E_XML, 0, "domain XML: interface %zu has no type", d->nics_n);
	network = xml_attr(source, "network");
	/* live XML has the kind of device a libvirt network gave; what the destination needs is the network */
	if (network && (str_eq(n->type, "bridge") || str_eq(n->type, "direct"))) {
		free(n->type);
		n->type = xstrdup("network");
	}
	n->source = nic_source(n->type, source);
	n->portgroup = xml_attr(source, "portgroup");
	if (str_eq(n->type, "network"))
		n->bridge = xml_attr(source, "bridge");
	n->mac = xml_attr(xml_child(interface, "mac"), "address");
	n->model = xml_attr(xml_child(interface, "model"), "type");
	n->filter = xml_attr(xml_child(interface, "filterref"), "filter");
	n->teaming_transient = xml_attr_is(xml_child(interface, "teaming"), "type", "transient");
	n->virtualport_ovs = xml_attr_is(xml_child(interface, "virtualport"), "type", "openvswitch");
	n->slirp_helper = xml_attr_is(backend, "type", "passt");
	if (xml_attr_uint(xml_child(interface, "mtu"), "size", &n->mtu, err) < 0)
		return -1;
	if (!str_eq(n->type, "vhostuser"))
		return 0;
	/* as a server QEMU makes the socket, as a client it finds it */
	return parse_path(d, "vhost-user network socket", xml_attr(source, "path"),
			  !xml_attr_is(source, "mode", "server"), err);
}

static char *pci_name(const xmlNode *a)
{
	static const char *const parts[] = { "domain", "bus", "slot", "function" };
	unsigned v[ARRAY_SIZE(parts)];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		auto_free char *text = xml_attr(a, parts[i]);

		v[i] = text ? (unsigned)strtoul(text, NULL, 0) : 0;
	}
	return str_printf("%04x:%02x:%02x.%x", v[0] & 0xffff, v[1] & 0xff, v[2] & 0xff, v[3] & 0xf);
}

static char *usb_name(const xmlNode *source)
{
	auto_free char *vendor = xml_attr(xml_child(source, "vendor"), "id");
	auto_free char *product = xml_attr(xml_child(source, "product"), "id");
	auto_free char *bus = xml_attr(xml_child(source, "address"), "bus");
	auto_free char *dev = xml_attr(xml_child(source, "address"), "device");

	if (vendor && product)
		return str_printf("%s:%s", vendor, product);
	return bus && dev ? str_printf("bus %s device %s", bus, dev) : NULL;
}

static char *scsi_name(const xmlNode *source)
{
	auto_free char *adapter = xml_attr(xml_child(source, "adapter"), "name");
	const xmlNode *a = xml_child(source, "address");
	auto_free char *bus = xml_attr(a, "bus"), *target = xml_attr(a, "target"), *unit = xml_attr(a, "unit");

	if (!adapter) /* iSCSI */
		return xml_attr(source, "name");
	return str_printf("%s %s:%s:%s", adapter, bus ? bus : "0", target ? target : "0", unit ? unit : "0");
}

static int read_hostdev(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	const xmlNode *source = xml_child(n, "source"), *a = xml_child(source, "address");
	auto_free char *user = NULL;

	v->teaming_transient = xml_attr_is(xml_child(n, "teaming"), "type", "transient");
	if (str_eq(v->type, "pci"))
		v->name = pci_name(a);
	else if (str_eq(v->type, "usb"))
		v->name = usb_name(source);
	else if (str_eq(v->type, "scsi"))
		v->name = scsi_name(source);
	else if (str_eq(v->type, "scsi_host"))
		v->name = xml_attr(source, "wwpn");
	else if (str_eq(v->type, "mdev"))
		v->name = xml_attr(a, "uuid");
	else /* storage, misc, net: <block>, <char>, <interface> in the source */
		v->name = xml_text(xml_child(source, NULL));
	user = str_printf("hostdev %s", v->name ? v->name : v->type ? v->type : "?");
	return parse_secrets(d, source, user, err);
}

static int read_filesystem(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	static const char *const where[] = { "dir", "file", "dev", "socket" };
	const xmlNode *source = xml_child(n, "source");

	v->role = xml_attr(xml_child(n, "driver"), "type");
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		v->name = xml_attr(source, where[i]);
		if (v->name)
			return parse_path(d, "filesystem", xstrdup(v->name), true, err);
	}
	return 0;
}

static int read_tpm(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	const xmlNode *backend = xml_child(n, "backend"), *encryption = xml_child(backend, "encryption");
	struct secret_ref *s;

	free(v->type);
	v->type = xml_attr(backend, "type");
	v->name = xml_attr(xml_child(backend, "device"), "path");
	v->persistent_state = xml_attr_is(backend, "persistent_state", "yes");
	if (v->name && parse_path(d, "tpm", xstrdup(v->name), true, err) < 0)
		return -1;
	if (!encryption)
		return 0;
	if (parse_room(d->secrets_n, "secrets", err) < 0)
		return -1;
	s = ARRAY_ADD(d->secrets, d->secrets_n);
	s->user = xstrdup("tpm");
	s->uuid = xml_attr(encryption, "secret");
	s->type = xstrdup("vtpm");
	return 0;
}

/* DIMMs, NVDIMMs, virtio-mem: their own source may ask for huge pages or a file. */
static int read_memory(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	const xmlNode *source = xml_child(n, "source"), *page = xml_child(source, "pagesize");

	free(v->type);
	v->type = STEAL(v->model);
	v->name = xml_text(xml_child(source, "path"));
	if (v->name && parse_path(d, "memory device", xstrdup(v->name), true, err) < 0)
		return -1;
	if (page) {
		struct hugepages *h;

		if (parse_room(d->hugepages_n, "page sizes", err) < 0)
			return -1;
		h = ARRAY_ADD(d->hugepages, d->hugepages_n);
		h->nodeset = xml_text(xml_find(n, "target/node"));
		return xml_text_kib(page, &h->size_kib, err);
	}
	return 0;
}

static int read_video(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	const xmlNode *model = xml_child(n, "model");

	free(v->type);
	v->type = xml_attr(model, "type");
	return parse_path(d, "render node", xml_attr(xml_child(model, "acceleration"), "rendernode"), true, err);
}

/* Takes address over. */
static int add_listen(struct domain *d, char *address, struct err *err)
{
	auto_free char *owned = address;

	if (!owned || strv_has(&d->graphics_listen, owned))
		return 0;
	if (parse_room(d->graphics_listen.n, "listen addresses", err) < 0)
		return -1;
	strv_take(&d->graphics_listen, STEAL(owned));
	return 0;
}

static int read_graphics(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	(void)v;
	xml_each(listen, n, "listen")
	{
		if (parse_path(d, "graphics socket", xml_attr(listen, "socket"), false, err) < 0)
			return -1;
		/* the address of a network is the destination's own there */
		if (xml_attr_is(listen, "type", "address") && add_listen(d, xml_attr(listen, "address"), err) < 0)
			return -1;
	}
	if (!xml_child(n, "listen") && add_listen(d, xml_attr(n, "listen"), err) < 0)
		return -1;
	return parse_path(d, "render node", xml_attr(xml_child(n, "gl"), "rendernode"), true, err);
}

static int read_rng(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	const xmlNode *backend = xml_child(n, "backend");

	free(v->type);
	v->type = STEAL(v->model);
	v->model = xml_attr(backend, "model");
	if (!str_eq(v->model, "random"))
		return 0;
	v->name = xml_text(backend);
	return parse_path(d, "rng", xstrdup(v->name), true, err);
}

static int read_shmem(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	v->role = xml_attr(n, "role");
	v->name = xml_attr(n, "name");
	free(v->type);
	v->type = xml_attr(xml_child(n, "model"), "type");
	return parse_path(d, "shmem server", xml_attr(xml_child(n, "server"), "path"), true, err);
}

static int read_input(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	const xmlNode *source = xml_child(n, "source");

	v->name = xml_attr(source, "evdev");
	if (!v->name)
		v->name = xml_attr(source, "dev");
	return parse_path(d, "input", xstrdup(v->name), true, err);
}

static int read_vsock(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	(void)d;
	(void)err;
	v->name = xml_attr(xml_child(n, "cid"), "address");
	return 0;
}

static int read_lease(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	v->name = xml_text(xml_child(n, "key"));
	return parse_path(d, "lease", xml_attr(xml_child(n, "target"), "path"), true, err);
}

static int read_smartcard(struct domain *d, struct device *v, const xmlNode *n, struct err *err)
{
	(void)d;
	(void)err;
	if (!v->type)
		v->type = xml_attr(n, "mode");
	return 0;
}

/* Character devices: what of their back end lies on the host. log: libvirt's copy of what the guest writes. */
static int read_chardev(struct domain *d, const char *kind, const xmlNode *n, struct err *err)
{
	const xmlNode *source = xml_child(n, "source");
	auto_free char *type = xml_attr(n, "type");
	auto_free char *what = str_printf("%s %s", kind, str_eq(type, "unix") ? "socket" : type ? type : "");
	auto_free char *log = str_printf("%s log", kind);
	int rc = 0;

	if (parse_path(d, log, xml_attr(xml_child(n, "log"), "file"), false, err) < 0)
		return -1;
	if (str_eq(type, "file"))
		rc = parse_path(d, what, xml_attr(source, "path"), false, err);
	else if (str_eq(type, "unix")) /* mode bind: QEMU makes it */
		rc = parse_path(d, what, xml_attr(source, "path"), xml_attr_is(source, "mode", "connect"), err);
	else if (str_eq(type, "dev") || str_eq(type, "pipe"))
		rc = parse_path(d, what, xml_attr(source, "path"), true, err);
	return rc;
}

static bool is_chardev(const char *kind)
{
	static const char *const kinds[] = { "serial", "console", "parallel", "channel" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_eq(kind, kinds[i]))
			return true;
	return false;
}

/* What is special about a kind; the others have their type, model and alias. */
static const struct {
	const char *kind;
	int (*read)(struct domain *d, struct device *v, const xmlNode *n, struct err *err);
} readers[] = {
	{ "hostdev", read_hostdev }, { "filesystem", read_filesystem }, { "tpm", read_tpm },
	{ "memory", read_memory },   { "video", read_video },           { "graphics", read_graphics },
	{ "rng", read_rng },         { "shmem", read_shmem },           { "input", read_input },
	{ "vsock", read_vsock },     { "lease", read_lease },           { "smartcard", read_smartcard },
};

int parse_device(struct domain *d, xmlNode *n, struct err *err)
{
	const char *kind = (const char *)n->name;
	struct device *v;

	if (is_chardev(kind))
		return read_chardev(d, kind, n, err);
	if (parse_room(d->devices_n, "devices", err) < 0)
		return -1;
	v = ARRAY_ADD(d->devices, d->devices_n);
	v->kind = xstrdup(kind);
	v->type = xml_attr(n, "type");
	v->model = xml_attr(n, "model");
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (str_eq(kind, readers[i].kind) && readers[i].read(d, v, n, err) < 0)
			return -1;
	if (!v->name)
		v->name = xml_attr(xml_child(n, "alias"), "name");
	/* redirdev and egd sources are character devices, too */
	return str_eq(kind, "redirdev") ? read_chardev(d, kind, n, err) : 0;
}

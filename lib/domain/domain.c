/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "domain/domain.h"

#include <ctype.h>
#include <string.h>

#include "domain/parse.h"

static const char qemu_ns[] = "http://libvirt.org/schemas/domain/qemu/1.0";

int parse_room(size_t n, const char *what, struct err *err)
{
	if (n < DOMAIN_ITEMS_MAX)
		return 0;
	return err_set(err, E_XML, 0, "domain XML: more than %d %s", DOMAIN_ITEMS_MAX, what);
}

int parse_absolute(const char *what, const char *path, struct err *err)
{
	return !path || *path == '/' ? 0 : xml_bad(err, what, path, "is not an absolute path");
}

static int add_string(struct strv *l, char *s, const char *what, struct err *err)
{
	auto_free char *owned = s;

	if (!owned)
		return 0;
	if (parse_room(l->n, what, err) < 0)
		return -1;
	strv_take(l, STEAL(owned));
	return 0;
}

/* The UUID goes into file names and commands: nothing but its canonical form, in lower case. */
static int read_uuid(struct domain *d, const xmlNode *root, struct err *err)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	d->uuid = xml_text(xml_child(root, "uuid"));
	if (!d->uuid)
		return err_set(err, E_XML, 0, "domain XML: has no uuid");
	for (size_t i = 0; i < sizeof(form); i++) {
		unsigned char c = (unsigned char)d->uuid[i];

		if (form[i] == 'x' ? !isxdigit(c) : c != (unsigned char)form[i])
			return xml_bad(err, "uuid", d->uuid, "is not a UUID");
		d->uuid[i] = (char)tolower(c);
	}
	return 0;
}

static int read_identity(struct domain *d, const xmlNode *root, struct err *err)
{
	const xmlNode *type = xml_find(root, "os/type");

	d->name = xml_text(xml_child(root, "name"));
	if (!d->name)
		return err_set(err, E_XML, 0, "domain XML: has no name");
	/* libvirt takes neither: it makes file names of it, too */
	if (strpbrk(d->name, "/\n"))
		return xml_bad(err, "name", d->name, "is not a name");
	if (read_uuid(d, root, err) < 0)
		return -1;
	d->virt_type = xml_attr(root, "type");
	d->arch = xml_attr(type, "arch");
	d->machine = xml_attr(type, "machine");
	d->emulator = xml_text(xml_find(root, "devices/emulator"));
	return parse_absolute("emulator", d->emulator, err);
}

static int read_sizes(struct domain *d, const xmlNode *root, struct err *err)
{
	const xmlNode *vcpu = xml_child(root, "vcpu");

	if (xml_text_kib(xml_child(root, "memory"), &d->memory_kib, err) < 0)
		return -1;
	d->max_memory_kib = d->memory_kib;
	if (xml_text_kib(xml_child(root, "maxMemory"), &d->max_memory_kib, err) < 0)
		return -1;
	d->max_vcpus = 1;
	if (xml_text_uint(vcpu, &d->max_vcpus, err) < 0)
		return -1;
	d->vcpus = d->max_vcpus;
	if (xml_attr_uint(vcpu, "current", &d->vcpus, err) < 0)
		return -1;
	d->cpuset = xml_attr(vcpu, "cpuset");
	return 0;
}

static int read_cpu(struct domain *d, const xmlNode *root, struct err *err)
{
	xmlNode *cpu = xml_child(root, "cpu");

	xml_each(timer, xml_child(root, "clock"), "timer")
	{
		auto_free char *frequency = xml_attr(timer, "frequency");

		if (frequency && xml_attr_is(timer, "name", "tsc"))
			d->tsc_frequency = true;
	}
	if (!cpu)
		return 0;
	d->cpu_xml = xml_dump(cpu);
	d->cpu_mode = xml_attr(cpu, "mode");
	d->cpu_model = xml_text(xml_child(cpu, "model"));
	if (!d->cpu_mode && d->cpu_model)
		d->cpu_mode = xstrdup("custom");
	xml_each(feature, cpu, "feature")
	{
		auto_free char *policy = xml_attr(feature, "policy");

		if (policy && !str_eq(policy, "require") && !str_eq(policy, "force"))
			continue;
		if (add_string(&d->cpu_require, xml_attr(feature, "name"), "CPU features", err) < 0)
			return -1;
	}
	d->invtsc = strv_has(&d->cpu_require, "invtsc");
	return 0;
}

static int read_pinning(struct domain *d, const xmlNode *root, struct err *err)
{
	auto_strv struct strv nodes = { 0 };

	xml_each(pin, xml_child(root, "cputune"), NULL)
	{
		if (!xml_is(pin, "vcpupin") && !xml_is(pin, "emulatorpin") && !xml_is(pin, "iothreadpin"))
			continue;
		if (add_string(&d->pinned, xml_attr(pin, "cpuset"), "pinned threads", err) < 0)
			return -1;
	}
	xml_each(m, xml_child(root, "numatune"), NULL)
	{
		auto_free char *nodeset = xml_attr(m, "nodeset");

		if (nodeset && !strv_has(&nodes, nodeset) && add_string(&nodes, STEAL(nodeset), "NUMA nodes", err) < 0)
			return -1;
	}
	if (nodes.n)
		d->numa_nodeset = strv_join(&nodes, ",");
	return 0;
}

static int read_backing(struct domain *d, const xmlNode *root, struct err *err)
{
	const xmlNode *backing = xml_child(root, "memoryBacking"), *huge = xml_child(backing, "hugepages");

	d->locked_memory = xml_child(backing, "locked") != NULL;
	xml_each(page, huge, "page")
	{
		struct hugepages *h;

		if (parse_room(d->hugepages_n, "page sizes", err) < 0)
			return -1;
		h = ARRAY_ADD(d->hugepages, d->hugepages_n);
		h->nodeset = xml_attr(page, "nodeset");
		if (xml_attr_kib(page, "size", "unit", &h->size_kib, err) < 0)
			return -1;
	}
	if (huge && !d->hugepages_n)
		ARRAY_ADD(d->hugepages, d->hugepages_n);
	return 0;
}

static void read_security(struct domain *d, const xmlNode *root)
{
	d->firmware_secure = xml_attr_is(xml_find(root, "os/loader"), "secure", "yes");
	d->launch_security = xml_attr(xml_child(root, "launchSecurity"), "type");
	xml_each(label, root, "seclabel")
	{
		if (!d->seclabel_model && xml_attr_is(label, "type", "static"))
			d->seclabel_model = xml_attr(label, "model");
	}
}

static bool is_qemu(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && n->ns && xmlStrEqual(n->ns->href, (const xmlChar *)qemu_ns) &&
	       xmlStrEqual(n->name, (const xmlChar *)name);
}

/* libvirt passes <qemu:commandline> on without knowing what is in it. */
static void read_passthrough(struct domain *d, const xmlNode *root)
{
	for (const xmlNode *c = root->children; c; c = c->next) {
		if (!is_qemu(c, "commandline"))
			continue;
		for (const xmlNode *arg = c->children; arg; arg = arg->next) {
			auto_free char *value = NULL;

			if (!is_qemu(arg, "arg") && !is_qemu(arg, "env"))
				continue;
			d->qemu_commandline = true;
			value = xml_attr(arg, "value");
			if (value && strstr(value, "dbus-vmstate"))
				d->dbus_vmstate = true;
		}
	}
}

static int read_devices(struct domain *d, const xmlNode *devices, struct err *err)
{
	xml_each(n, devices, NULL)
	{
		int rc;

		if (xml_is(n, "emulator"))
			continue;
		if (xml_is(n, "disk"))
			rc = parse_disk(d, n, err);
		else if (xml_is(n, "interface"))
			rc = parse_nic(d, n, err);
		else
			rc = parse_device(d, n, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

struct domain *domain_parse(const char *xml, struct err *err)
{
	auto_xml_doc xmlDoc *doc = xml_read(xml, err);
	auto_domain struct domain *d = NULL;
	xmlNode *root;

	if (!doc)
		return NULL;
	root = xmlDocGetRootElement(doc);
	if (!xml_is(root, "domain")) {
		xml_bad(err, "root element", root ? (const char *)root->name : "", "is not \"domain\"");
		return NULL;
	}
	d = xcalloc(1, sizeof(*d));
	if (read_identity(d, root, err) < 0 || read_sizes(d, root, err) < 0 || read_cpu(d, root, err) < 0 ||
	    read_pinning(d, root, err) < 0 || read_backing(d, root, err) < 0 || parse_os_paths(d, root, err) < 0 ||
	    read_devices(d, xml_child(root, "devices"), err) < 0)
		return NULL;
	read_security(d, root);
	read_passthrough(d, root);
	return STEAL(d);
}

static void disk_clear(struct disk *k)
{
	free(k->target);
	free(k->device);
	free(k->bus);
	free(k->cache);
	for (size_t i = 0; i < k->chain_n; i++)
		image_clear(&k->chain[i]);
	free(k->chain);
}

static void nic_clear(struct nic *n)
{
	free(n->type);
	free(n->source);
	free(n->portgroup);
	free(n->mac);
	free(n->model);
	free(n->filter);
	free(n->bridge);
}

static void device_clear(struct device *v)
{
	free(v->kind);
	free(v->type);
	free(v->model);
	free(v->name);
	free(v->role);
}

static void secret_clear(struct secret_ref *s)
{
	free(s->user);
	free(s->uuid);
	free(s->usage);
	free(s->type);
}

static void arrays_clear(struct domain *d)
{
	for (size_t i = 0; i < d->disks_n; i++)
		disk_clear(&d->disks[i]);
	for (size_t i = 0; i < d->nics_n; i++)
		nic_clear(&d->nics[i]);
	for (size_t i = 0; i < d->devices_n; i++)
		device_clear(&d->devices[i]);
	for (size_t i = 0; i < d->secrets_n; i++)
		secret_clear(&d->secrets[i]);
	for (size_t i = 0; i < d->hugepages_n; i++)
		free(d->hugepages[i].nodeset);
	for (size_t i = 0; i < d->paths_n; i++) {
		free(d->paths[i].what);
		free(d->paths[i].path);
	}
	free(d->disks);
	free(d->nics);
	free(d->devices);
	free(d->secrets);
	free(d->hugepages);
	free(d->paths);
}

void domain_free(struct domain *d)
{
	if (!d)
		return;
	arrays_clear(d);
	free(d->name);
	free(d->uuid);
	free(d->virt_type);
	free(d->arch);
	free(d->machine);
	free(d->emulator);
	free(d->cpu_mode);
	free(d->cpu_model);
	free(d->cpu_xml);
	strv_clear(&d->cpu_require);
	free(d->launch_security);
	free(d->seclabel_model);
	free(d->cpuset);
	strv_clear(&d->pinned);
	free(d->numa_nodeset);
	strv_clear(&d->graphics_listen);
	free(d);
}

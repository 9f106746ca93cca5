/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libvirt's documents about a host: domain capabilities, capabilities, a network. */
#include "host/facts-private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "domain/xml.h"

enum { LIST_MAX = 4096 }; /* entries out of one document */

char *facts_text(const char *s)
{
	return s ? str_sanitize(s, FACTS_TEXT_MAX) : NULL;
}

static void add(struct strv *l, const char *kind, const char *value)
{
	auto_free char *entry = NULL, *clean = NULL;

	if (!value || l->n >= LIST_MAX)
		return;
	entry = str_printf("%s:%s", kind, value);
	clean = facts_text(entry);
	strv_take(l, STEAL(clean));
}

/* <disk supported='yes'><enum name='bus'><value>virtio</value>…, as "disk-bus:virtio". */
static void read_enum(struct strv *l, const xmlNode *devices, const char *element, const char *name, const char *kind)
{
	const xmlNode *e = xml_child(devices, element);

	if (!e)
		return;
	if (!xml_attr_is(e, "supported", "yes")) {
		add(l, kind, "");
		return;
	}
	xml_each(list, e, "enum")
	{
		if (!xml_attr_is(list, "name", name))
			continue;
		add(l, kind, "");
		xml_each(v, list, "value")
		{
			auto_free char *value = xml_text(v);

			add(l, kind, value);
		}
	}
}

/* The models of a CPU of mode custom: "cpu-model:X" is usable here, "cpu-unusable:X" is not. */
static void read_cpu_models(struct strv *l, const xmlNode *cpu)
{
	xml_each(mode, cpu, "mode")
	{
		if (!xml_attr_is(mode, "name", "custom"))
			continue;
		add(l, "cpu-model", "");
		xml_each(m, mode, "model")
		{
			auto_free char *name = xml_text(m);

			if (xml_attr_is(m, "usable", "no"))
				add(l, "cpu-unusable", name);
			else
				add(l, "cpu-model", name);
		}
	}
}

int facts_parse_domcaps(const char *xml, struct host_facts *f, struct err *err)
{
	static const struct {
		const char *element, *name, *kind;
	} enums[] = {
		{ "disk", "bus", "disk-bus" },      { "disk", "diskDevice", "disk-device" },
		{ "graphics", "type", "graphics" }, { "video", "modelType", "video" },
		{ "tpm", "backendModel", "tpm" },   { "tpm", "model", "tpm-model" },
		{ "rng", "model", "rng" },          { "rng", "backendModel", "rng-backend" },
		{ "redirdev", "bus", "redirdev" },  { "channel", "type", "channel" },
	};
	auto_xml_doc xmlDoc *doc = xml_read(xml, err);
	const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

	if (!doc)
		return -1;
	if (!xml_is(root, "domainCapabilities"))
		return err_set(err, E_XML, 0, "libvirt's domain capabilities are none");
	for (size_t i = 0; i < ARRAY_SIZE(enums); i++)
		read_enum(&f->domcaps, xml_child(root, "devices"), enums[i].element, enums[i].name, enums[i].kind);
	read_cpu_models(&f->domcaps, xml_child(root, "cpu"));
	f->domcaps_known = FACT_YES;
	return 0;
}

static char *clean_text(const xmlNode *n)
{
	auto_free char *s = xml_text(n);

	return facts_text(s);
}

/* "+64055:+107" of the security model dac, for guests of type kvm; those of type qemu have the same. */
static void read_qemu_user(const xmlNode *host, struct host_facts *f)
{
	xml_each(model, host, "secmodel")
	{
		auto_free char *name = xml_text(xml_child(model, "model"));

		xml_each(label, model, "baselabel")
		{
			auto_free char *text = xml_text(label);

			if (str_eq(name, "dac") && text &&
			    sscanf(text, "+%9" SCNu32 ":+%9" SCNu32, &f->qemu_uid, &f->qemu_gid) == 2)
				f->qemu_user_known = true;
		}
	}
}

int facts_parse_capabilities(const char *xml, struct host_facts *f, struct err *err)
{
	auto_xml_doc xmlDoc *doc = xml_read(xml, err);
	const xmlNode *host = doc ? xml_child(xmlDocGetRootElement(doc), "host") : NULL;
	const xmlNode *cpu = xml_child(host, "cpu");

	if (!doc)
		return -1;
	if (!host)
		return err_set(err, E_XML, 0, "libvirt's capabilities say nothing of the host");
	free(f->host_uuid);
	free(f->host_cpu_model);
	free(f->host_cpu_vendor);
	strv_clear(&f->host_cpu_features);
	f->host_uuid = clean_text(xml_child(host, "uuid"));
	read_qemu_user(host, f);
	f->host_cpu_model = clean_text(xml_child(cpu, "model"));
	f->host_cpu_vendor = clean_text(xml_child(cpu, "vendor"));
	xml_each(n, cpu, "feature")
	{
		auto_free char *name = xml_attr(n, "name");

		if (name && f->host_cpu_features.n < LIST_MAX)
			strv_take(&f->host_cpu_features, facts_text(name));
	}
	return 0;
}

int facts_parse_network(const char *xml, const char *portgroup, struct network_fact *n, struct err *err)
{
	auto_xml_doc xmlDoc *doc = xml_read(xml, err);
	const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	auto_free char *bridge = NULL;

	if (!doc)
		return -1;
	if (!xml_is(root, "network"))
		return err_set(err, E_XML, 0, "libvirt's network XML is none");
	bridge = xml_attr(xml_child(root, "bridge"), "name");
	free(n->bridge);
	n->bridge = facts_text(bridge);
	n->ovs = xml_attr_is(xml_child(root, "virtualport"), "type", "openvswitch");
	n->portgroup = portgroup ? FACT_NO : FACT_YES;
	xml_each(p, root, "portgroup")
	{
		if (portgroup && xml_attr_is(p, "name", portgroup))
			n->portgroup = FACT_YES;
	}
	return 0;
}

void facts_cpu_missing(const char *message, struct strv *missing)
{
	static const char before[] = "does not provide required features: ";
	const char *at = message ? strstr(message, before) : NULL;
	auto_free char *list = NULL;
	char *save = NULL;

	if (!at)
		return;
	list = xstrdup(at + sizeof(before) - 1);
	for (char *w = strtok_r(list, ", ", &save); w && missing->n < 256; w = strtok_r(NULL, ", ", &save))
		strv_take(missing, facts_text(w));
}

void facts_cpu_by_list(const struct domain *d, struct host_facts *f)
{
	free(f->cpu_detail);
	f->cpu_detail = NULL;
	if (!d->cpu_model || (d->cpu_mode && !str_eq(d->cpu_mode, "custom"))) {
		f->cpu_detail = str_printf("libvirt there cannot compare a CPU of mode %s",
					   d->cpu_mode ? d->cpu_mode : "custom without model");
		return;
	}
	if (facts_domcap(f, "cpu-model", d->cpu_model) == FACT_YES) {
		f->cpu_ok = FACT_YES;
	} else if (facts_domcap(f, "cpu-unusable", d->cpu_model) == FACT_YES) {
		f->cpu_ok = FACT_NO;
		f->cpu_detail = str_printf("libvirt there calls the CPU model %s not usable", d->cpu_model);
	} else if (facts_domcap(f, "cpu-model", d->cpu_model) == FACT_NO) {
		f->cpu_ok = FACT_NO;
		f->cpu_detail = str_printf("QEMU there does not know the CPU model %s", d->cpu_model);
	} else {
		f->cpu_detail = xstrdup("libvirt there neither compares CPUs nor lists the models it can give");
	}
}

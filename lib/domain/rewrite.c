/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "domain/rewrite.h"

#include <string.h>

#include "domain/parse.h"

/* One link of the chain: the <disk> or a <backingStore>. Did its path change? */
static bool rewrite_image(xmlNode *node, const struct remap *r, const char *target, size_t depth)
{
	auto_free char *type = xml_attr(node, "type"), *before = NULL, *after = NULL;
	const char *name = str_eq(type, "block") ? "dev" : "file";
	xmlNode *source = xml_child(node, "source");

	if (type && !str_eq(type, "file") && !str_eq(type, "block"))
		return false;
	before = xml_attr(source, name);
	if (!before)
		return false;
	after = remap_path(r, target, depth, before);
	if (str_eq(before, after))
		return false;
	/* it is there, so its place among the attributes stays */
	if (!xmlSetNsProp(source, NULL, (const xmlChar *)name, (const xmlChar *)after))
		abort();
	return true;
}

static bool rewrite_disk(xmlNode *disk, const struct remap *r)
{
	auto_free char *target = xml_attr(xml_child(disk, "target"), "dev");
	bool changed = false;
	size_t depth = 0;

	for (xmlNode *node = disk; node; node = xml_child(node, "backingStore"))
		changed |= rewrite_image(node, r, target, depth++);
	return changed;
}

/* libvirt reads the disks of every <devices>. */
static int rewrite_disks(const xmlNode *root, const struct remap *r, bool *changed, struct err *err)
{
	size_t n = 0;

	xml_each(devices, root, "devices")
	{
		xml_each(disk, devices, "disk")
		{
			if (parse_room(n++, "disks", err) < 0)
				return -1;
			*changed |= rewrite_disk(disk, r);
		}
	}
	return 0;
}

char *domain_rewrite(const char *xml, const struct remap *r, bool *changed, struct err *err)
{
	auto_xml_doc xmlDoc *doc = xml_read(xml, err);
	auto_free char *text = NULL;
	bool any = false;
	xmlNode *root;

	if (!doc)
		return NULL;
	root = xmlDocGetRootElement(doc);
	if (!xml_is(root, "domain")) {
		xml_bad(err, "root element", root ? (const char *)root->name : "", "is not \"domain\"");
		return NULL;
	}
	if (rewrite_disks(root, r, &any, err) < 0)
		return NULL;
	text = any ? xml_dump(root) : xstrdup(xml);
	if (strlen(text) > DOMAIN_XML_MAX) {
		err_set(err, E_XML, 0, "domain XML: with the new paths longer than %d bytes", DOMAIN_XML_MAX);
		return NULL;
	}
	*changed = any;
	return STEAL(text);
}

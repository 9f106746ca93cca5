/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "domain/metadata.h"

#include <string.h>

#include "base/str.h"
#include "domain/xml.h"

static bool is_element(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

/* The number behind is that of nova's format; what is asked for here is the same in all of them. */
static bool is_nova_instance(const xmlNode *n)
{
	return is_element(n, "instance") && n->ns && n->ns->href &&
	       str_starts((const char *)n->ns->href, "http://openstack.org/xmlns/libvirt/nova/");
}

static char *image_of(const xmlNode *instance)
{
	for (const xmlNode *n = instance->children; n; n = n->next) {
		auto_free char *uuid = NULL;

		if (!is_element(n, "root") || !xml_attr_is(n, "type", "image"))
			continue;
		uuid = xml_attr(n, "uuid");
		if (str_is_uuid(uuid))
			return STEAL(uuid);
	}
	return NULL;
}

char *domain_image_id(const char *xml)
{
	auto_xml_doc xmlDoc *doc = xml_read(xml, NULL);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	const xmlNode *metadata = xml_is(root, "domain") ? xml_child(root, "metadata") : NULL;

	for (const xmlNode *n = metadata ? metadata->children : NULL; n; n = n->next) {
		char *id = is_nova_instance(n) ? image_of(n) : NULL;

		if (id)
			return id;
	}
	return NULL;
}

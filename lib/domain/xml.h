/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libxml2 behind a few words, for the files of this room only. A node may be
 * NULL everywhere: what is asked of nothing is nothing, so that paths of
 * optional elements need no test at each step. Strings are the caller's to
 * free; an empty value counts as absent (NULL), as libvirt treats it.
 */
#ifndef DOMAIN_XML_H
#define DOMAIN_XML_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

AUTO_DEFINE(xml_doc, xmlDoc *, xmlFreeDoc)
#define auto_xml_doc AUTO(auto_xml_doc_)

/* Parses within the limits of domain.h. NULL with E_XML: too long, not well-formed, or with a document type. */
xmlDoc *xml_read(const char *text, struct err *err);

/* The first child element, or the next sibling element, of that name outside any namespace; name NULL: of any name. */
xmlNode *xml_child(const xmlNode *parent, const char *name);
xmlNode *xml_next(const xmlNode *node, const char *name);
#define xml_each(var, parent, name) for (xmlNode *var = xml_child((parent), (name)); var; var = xml_next(var, (name)))

/* The first element at a path of names: "os/loader". */
xmlNode *xml_find(const xmlNode *node, const char *path);

bool xml_is(const xmlNode *node, const char *name);
char *xml_attr(const xmlNode *node, const char *name);
bool xml_attr_is(const xmlNode *node, const char *name, const char *value);
char *xml_text(const xmlNode *node);
/* The element with all that is in it, as text. */
char *xml_dump(xmlNode *node);

/* A number; out is left alone when it is absent (node NULL or empty). 0, or -1 with E_XML. */
int xml_text_uint(const xmlNode *node, unsigned *out, struct err *err);
int xml_attr_uint(const xmlNode *node, const char *name, unsigned *out, struct err *err);

/*
 * Text of an element as KiB, rounded up, by its attribute unit as libvirt reads it (KiB when it has none). out is left
 * alone when node is NULL. 0, or -1 with E_XML.
 */
int xml_text_kib(const xmlNode *node, uint64_t *kib, struct err *err);
/* The same of a number that stands in an attribute, with its unit in another. */
int xml_attr_kib(const xmlNode *node, const char *name, const char *unit, uint64_t *kib, struct err *err);

/* E_XML for a value that is no use: "domain XML: what "value" is not …". Returns -1. */
int xml_bad(struct err *err, const char *what, const char *value, const char *problem);

#endif

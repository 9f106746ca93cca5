/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "domain/xml.h"

#include <libxml/parser.h>
#include <string.h>

#include "base/str.h"
#include "domain/domain.h"

AUTO_DEFINE(xml_parser, xmlParserCtxt *, xmlFreeParserCtxt)
#define auto_xml_parser AUTO(auto_xml_parser_)

int xml_bad(struct err *err, const char *what, const char *value, const char *problem)
{
	auto_free char *shown = str_sanitize(value ? value : "", 100);

	return err_set(err, E_XML, 0, "domain XML: %s \"%s\" %s", what, shown, problem);
}

/* What the callbacks of one parse leave behind. */
struct reading {
	char *problem; /* the first error, or NULL */
	int line;
	bool doctype;
};

static void note_error(void *ctxt, xmlErrorPtr e)
{
	struct reading *r = ((xmlParserCtxt *)ctxt)->_private;

	if (r->problem || e->level < XML_ERR_ERROR)
		return;
	r->problem = str_sanitize(e->message ? e->message : "unknown error", 200);
	r->line = e->line;
	if (e->message && strlen(e->message) && str_starts(r->problem + strlen(r->problem) - 4, "\\x0a"))
		r->problem[strlen(r->problem) - 4] = '\0';
}

/* libvirt's XML has none, and all attacks by entities begin with one: stop before the first is declared. */
static void refuse_doctype(void *ctxt, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	struct reading *r = ((xmlParserCtxt *)ctxt)->_private;

	(void)name;
	(void)public_id;
	(void)system_id;
	r->doctype = true;
	xmlStopParser(ctxt);
}

/*
 * libxml2 compares each attribute of an element with all others of it, and each prefix with all namespaces in scope:
 * within DOMAIN_XML_MAX that can take it minutes. No "<" can stand inside of an attribute's value.
 */
static int check_counts(const char *text, struct err *err)
{
	size_t attributes = 0, namespaces = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '<')
			attributes = 0;
		else if (*p == '=' && strchr("\"'", p[1 + strspn(p + 1, " \t\r\n")]))
			attributes++;
		else if (*p == 'x' && str_starts(p, "xmlns"))
			namespaces++;
		if (attributes > DOMAIN_ITEMS_MAX || namespaces > DOMAIN_ITEMS_MAX)
			return err_set(err, E_XML, 0, "domain XML: more than %d %s", DOMAIN_ITEMS_MAX,
				       namespaces > DOMAIN_ITEMS_MAX ? "namespaces" : "attributes in one element");
	}
	return 0;
}

xmlDoc *xml_read(const char *text, struct err *err)
{
	size_t len = strnlen(text, (size_t)DOMAIN_XML_MAX + 1);
	auto_xml_parser xmlParserCtxt *ctxt = NULL;
	auto_xml_doc xmlDoc *doc = NULL;
	struct reading r = { 0 };

	if (len > DOMAIN_XML_MAX) {
		err_set(err, E_XML, 0, "domain XML: longer than %d bytes", DOMAIN_XML_MAX);
		return NULL;
	}
	if (check_counts(text, err) < 0)
		return NULL;
	ctxt = xmlNewParserCtxt();
	if (!ctxt)
		abort();
	ctxt->_private = &r;
	ctxt->sax->serror = note_error;
	ctxt->sax->internalSubset = refuse_doctype;
	doc = xmlCtxtReadMemory(ctxt, text, (int)len, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOCDATA);
	if (r.doctype)
		err_set(err, E_XML, 0, "domain XML: a document type is not accepted");
	else if (r.problem || !doc)
		err_set(err, E_XML, 0, "domain XML: line %d: %s", r.line, r.problem ? r.problem : "not readable");
	free(r.problem);
	return r.doctype || r.problem ? NULL : STEAL(doc);
}

static const xmlChar *X(const char *s)
{
	return (const xmlChar *)s;
}

bool xml_is(const xmlNode *node, const char *name)
{
	return node && node->type == XML_ELEMENT_NODE && !node->ns && (!name || xmlStrEqual(node->name, X(name)));
}

static xmlNode *first_named(xmlNode *n, const char *name)
{
	while (n && !xml_is(n, name))
		n = n->next;
	return n;
}

xmlNode *xml_child(const xmlNode *parent, const char *name)
{
	return parent ? first_named(parent->children, name) : NULL;
}

xmlNode *xml_next(const xmlNode *node, const char *name)
{
	return node ? first_named(node->next, name) : NULL;
}

xmlNode *xml_find(const xmlNode *node, const char *path)
{
	const char *slash = strchr(path, '/');
	auto_free char *first = NULL;

	if (!slash)
		return xml_child(node, path);
	first = xstrndup(path, (size_t)(slash - path));
	/* the first element may lack what its later namesake has */
	xml_each(c, node, first)
	{
		xmlNode *found = xml_find(c, slash + 1);

		if (found)
			return found;
	}
	return NULL;
}

/* libxml2's allocator need not be ours. */
static char *take(xmlChar *s)
{
	char *copy = s && *s ? xstrdup((const char *)s) : NULL;

	xmlFree(s);
	return copy;
}

char *xml_attr(const xmlNode *node, const char *name)
{
	return node ? take(xmlGetNoNsProp(node, X(name))) : NULL;
}

bool xml_attr_is(const xmlNode *node, const char *name, const char *value)
{
	auto_free char *v = xml_attr(node, name);

	return str_eq(v, value);
}

char *xml_text(const xmlNode *node)
{
	return node ? take(xmlNodeGetContent(node)) : NULL;
}

char *xml_dump(xmlNode *node)
{
	xmlBuffer *b = xmlBufferCreate();
	char *text;

	if (!b || xmlNodeDump(b, node->doc, node, 0, 0) < 0)
		abort();
	text = xstrdup((const char *)xmlBufferContent(b));
	xmlBufferFree(b);
	return text;
}

static int to_unsigned(const char *what, const char *text, unsigned *out, struct err *err)
{
	unsigned long long v;

	if (!text)
		return 0;
	if (str_to_uint(text, 0, UINT32_MAX, &v) < 0)
		return xml_bad(err, what, text, "is not a number that can be used");
	*out = (unsigned)v;
	return 0;
}

int xml_text_uint(const xmlNode *node, unsigned *out, struct err *err)
{
	auto_free char *text = xml_text(node);

	return to_unsigned(node ? (const char *)node->name : "", text, out, err);
}

int xml_attr_uint(const xmlNode *node, const char *name, unsigned *out, struct err *err)
{
	auto_free char *text = xml_attr(node, name);

	return to_unsigned(name, text, out, err);
}

/* Bytes of one unit, by libvirt's rules: "k", "KiB" 1024; "KB" 1000; any case; 0: no such unit. */
static uint64_t unit_bytes(const char *unit)
{
	static const char letters[] = "kmgtpe";
	const char *letter;
	uint64_t base, v = 1;

	if (!unit)
		return 1024;
	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "byte") || !strcasecmp(unit, "bytes"))
		return 1;
	letter = strchr(letters, *unit | 0x20);
	if (!letter || !*letter)
		return 0;
	if (!unit[1] || !strcasecmp(unit + 1, "ib"))
		base = 1024;
	else if (!strcasecmp(unit + 1, "b"))
		base = 1000;
	else
		return 0;
	for (const char *p = letters; p <= letter; p++)
		v *= base;
	return v;
}

static int to_kib(const char *what, const char *text, const char *unit, uint64_t *kib, struct err *err)
{
	uint64_t factor = unit_bytes(unit), bytes;
	unsigned long long v;

	if (!factor)
		return xml_bad(err, "unit", unit, "is not known");
	if (str_to_uint(text, 0, UINT64_MAX, &v) < 0 || __builtin_mul_overflow((uint64_t)v, factor, &bytes))
		return xml_bad(err, what, text, "is not a size that can be used");
	*kib = bytes / 1024 + (bytes % 1024 != 0);
	return 0;
}

int xml_text_kib(const xmlNode *node, uint64_t *kib, struct err *err)
{
	auto_free char *text = xml_text(node), *unit = xml_attr(node, "unit");

	return node ? to_kib((const char *)node->name, text, unit, kib, err) : 0;
}

int xml_attr_kib(const xmlNode *node, const char *name, const char *unit, uint64_t *kib, struct err *err)
{
	auto_free char *text = xml_attr(node, name), *u = xml_attr(node, unit);

	return text ? to_kib(name, text, u, kib, err) : 0;
}

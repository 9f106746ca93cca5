/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration as text: the commented defaults, and what is in force. */
#include <string.h>

#include "config/private.h"

enum { WIDTH = 78 };

/* Text as comment lines behind a prefix, broken at spaces. */
static void print_comment(struct buf *out, const char *prefix, const char *text)
{
	size_t column = 0;

	for (const char *w = text; *w; w += strspn(w, " ")) {
		size_t len = strcspn(w, " ");

		if (column && column + 1 + len > WIDTH) {
			buf_add(out, "\n", 1);
			column = 0;
		}
		if (!column)
			buf_addf(out, "%s# ", prefix);
		else
			buf_add(out, " ", 1);
		column = (column ? column + 1 : strlen(prefix) + 2) + len;
		buf_add(out, w, len);
		w += len;
	}
	buf_add(out, "\n", 1);
}

/* What may stand there; NULL for strings. Caller frees. */
static char *describe(const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_CHOICE:
		return xstrdup(k->choices);
	case CONFIG_BOOL:
		return xstrdup("true false");
	case CONFIG_UINT:
		return str_printf("%lu to %lu%s%s", k->min, k->max, k->unit ? " " : "", k->unit ? k->unit : "");
	case CONFIG_STRING:
		break;
	}
	return NULL;
}

/* from[0] to from[n - 1] as far as they are of that section. */
static void print_section(struct buf *out, const struct config_key *from, size_t n, const char *section,
			  const char *prefix, const char *line_prefix)
{
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		const struct config_key *k = &from[i];
		auto_free char *range = describe(k);

		if (!str_eq(k->section, section))
			continue;
		if (!first)
			buf_addf(out, "%.*s\n", *prefix == '#' ? 1 : 0, prefix);
		first = false;
		print_comment(out, prefix, k->text);
		buf_addf(out, "%s%s = %s;", line_prefix, k->name, k->def ? k->def : k->example);
		buf_addf(out, "%s%s\n", range ? "  # " : "", range ? range : "");
	}
}

/* A backing file has either glance_id or url, so there are two examples. */
static void print_backing(struct buf *out)
{
	const struct config_key *k = config_backing_keys;
	size_t n = 0;

	while (!str_eq(k[n].name, "url"))
		n++;
	buf_addf(out,
		 "\n# Where backing files come from, each in braces, with commas between them.\nbacking = (\n#  {\n");
	print_section(out, k, n, "backing", "#    ", "#    ");
	buf_addf(out, "#  },\n#  {\n#    file = \"debian-12.img\";\n#\n");
	print_section(out, k + n, config_backing_keys_n - n, "backing", "#    ", "#    ");
	buf_addf(out, "#  }\n);\n");
}

void config_print_default(struct buf *out)
{
	const char *last = "hosts";

	print_comment(out, "",
		      "vmmig.conf: see vmmig.conf(5). Each key stands here at its default, or with an example where it"
		      " has none; take the \"#\" away to change it.");
	buf_addf(out, "\n# The hosts, each in braces, with commas between them.\nhosts = (\n#  {\n");
	print_section(out, config_keys, config_keys_n, "hosts", "#    ", "#    ");
	buf_addf(out, "#  }\n);\n");
	for (size_t i = 0; i < config_keys_n; i++) {
		if (str_eq(config_keys[i].section, last))
			continue;
		last = config_keys[i].section;
		buf_addf(out, "\n%s = {\n", last);
		print_section(out, config_keys, config_keys_n, last, "\t", "\t# ");
		buf_addf(out, "};\n");
		if (str_eq(last, "images"))
			print_backing(out);
	}
}

static void print_string(struct buf *out, const char *s)
{
	buf_add(out, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add(out, "\\", 1);
		buf_add(out, s, 1);
	}
	buf_add(out, "\"", 1);
}

/* One key with its value; nothing where there is none. */
static void print_value(struct buf *out, const char *indent, const struct config_key *k, const void *base)
{
	const void *field = (const char *)base + k->offset;
	const char *s;

	switch (k->type) {
	case CONFIG_UINT:
		/* 0 outside of the range: not said */
		if (*(const unsigned *)field >= k->min)
			buf_addf(out, "%s%s = %u;\n", indent, k->name, *(const unsigned *)field);
		break;
	case CONFIG_BOOL:
		buf_addf(out, "%s%s = %s;\n", indent, k->name, *(const bool *)field ? "true" : "false");
		break;
	case CONFIG_STRING:
	case CONFIG_CHOICE:
		s = *(char *const *)field;
		if (!s)
			break;
		buf_addf(out, "%s%s = ", indent, k->name);
		print_string(out, s);
		buf_addf(out, ";\n");
		break;
	}
}

static void print_values(struct buf *out, const char *section, const char *indent, const void *base)
{
	for (size_t i = 0; i < config_keys_n; i++)
		if (str_eq(config_keys[i].section, section))
			print_value(out, indent, &config_keys[i], base);
}

static void print_hosts(const struct config *c, struct buf *out)
{
	buf_addf(out, "hosts = (");
	for (size_t i = 0; i < c->hosts_n; i++) {
		buf_addf(out, "%s\n\t{\n", i ? "," : "");
		print_values(out, "hosts", "\t\t", c->hosts[i]);
		buf_addf(out, "\t}");
	}
	buf_addf(out, "\n);\n");
}

static void print_entries(const struct image_config *c, struct buf *out)
{
	buf_addf(out, "\nbacking = (");
	for (size_t i = 0; i < c->backing_n; i++) {
		buf_addf(out, "%s\n\t{\n", i ? "," : "");
		for (size_t k = 0; k < config_backing_keys_n; k++)
			print_value(out, "\t\t", &config_backing_keys[k], &c->backing[i]);
		buf_addf(out, "\t}");
	}
	buf_addf(out, "\n);\n");
}

void config_print(const struct config *c, struct buf *out)
{
	const char *last = "hosts";

	print_hosts(c, out);
	for (size_t i = 0; i < config_keys_n; i++) {
		if (str_eq(config_keys[i].section, last))
			continue;
		last = config_keys[i].section;
		buf_addf(out, "\n%s = {\n", last);
		print_values(out, last, "\t", c);
		buf_addf(out, "};\n");
		if (str_eq(last, "images"))
			print_entries(&c->images, out);
	}
}

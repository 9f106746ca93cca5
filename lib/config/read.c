/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From text to struct config: one walk over libconfig's tree, led by the table of keys. */
#include <errno.h>
#include <libconfig.h>
#include <pwd.h>
#include <string.h>

#include "config/private.h"

/* libconfig's config_t: named, since our own names begin with config_, too. */
typedef config_t tree;
#define auto_tree AUTO(config_destroy)

struct reading {
	const char *path;
	struct config *c;
	struct err *err;
};

static int bad(struct reading *r, const config_setting_t *s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* E_CONFIG, "FILE:LINE: …". Returns -1. */
static int bad(struct reading *r, const config_setting_t *s, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	return err_set(r->err, E_CONFIG, 0, "%s:%u: %s", r->path, config_setting_source_line(s), text);
}

static int read_uint(struct reading *r, const struct config_key *k, const config_setting_t *s, unsigned *out)
{
	int type = config_setting_type(s);
	long long v = config_setting_get_int64(s);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return bad(r, s, "%s is not a whole number%s%s", k->name, k->unit ? " of " : "",
			   k->unit ? k->unit : "");
	if (v < (long long)k->min || v > (long long)k->max)
		return bad(r, s, "%s is %lld, not %lu to %lu%s%s", k->name, v, k->min, k->max, k->unit ? " " : "",
			   k->unit ? k->unit : "");
	*out = (unsigned)v;
	return 0;
}

char *config_home(void)
{
	const char *home = getenv("HOME");
	char text[4096];
	struct passwd pw, *found = NULL;

	if (home && *home)
		return xstrdup(home);
	if (getpwuid_r(getuid(), &pw, text, sizeof(text), &found) == 0 && found && found->pw_dir && *found->pw_dir)
		return xstrdup(found->pw_dir);
	return NULL;
}

static int read_string(struct reading *r, const struct config_key *k, const config_setting_t *s, char **out)
{
	const char *v = config_setting_get_string(s), *problem;
	auto_free char *shown = NULL, *home = NULL;

	if (config_setting_type(s) != CONFIG_TYPE_STRING || !v)
		return bad(r, s, "%s is not a string in double quotes", k->name);
	if (!*v)
		return bad(r, s, "%s is empty", k->name);
	problem = k->problem ? k->problem(v) : NULL;
	shown = str_sanitize(v, 100);
	if (problem)
		return bad(r, s, "%s \"%s\" %s", k->name, shown, problem);
	free(*out);
	*out = NULL;
	if (!str_starts(v, "~/")) {
		*out = xstrdup(v);
		return 0;
	}
	home = config_home();
	if (!home)
		return bad(r, s, "%s \"%s\": there is no home directory", k->name, shown);
	*out = str_printf("%s%s", home, v + 1);
	return 0;
}

static bool is_choice(const struct config_key *k, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = k->choices; *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strcspn(p, " ") == len && len && strncmp(p, value, len) == 0)
			return true;
	return false;
}

static int read_choice(struct reading *r, const struct config_key *k, const config_setting_t *s, char **out)
{
	const char *v = config_setting_get_string(s);
	auto_free char *shown = NULL;

	if (config_setting_type(s) != CONFIG_TYPE_STRING || !v)
		return bad(r, s, "%s is not a string in double quotes", k->name);
	shown = str_sanitize(v, 100);
	if (!is_choice(k, v))
		return bad(r, s, "%s is \"%s\", not one of: %s", k->name, shown, k->choices);
	free(*out);
	*out = xstrdup(v);
	return 0;
}

static int read_value(struct reading *r, const struct config_key *k, const config_setting_t *s, void *base)
{
	void *field = (char *)base + k->offset;

	switch (k->type) {
	case CONFIG_UINT:
		return read_uint(r, k, s, field);
	case CONFIG_STRING:
		return read_string(r, k, s, field);
	case CONFIG_CHOICE:
		return read_choice(r, k, s, field);
	case CONFIG_BOOL:
		break;
	}
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return bad(r, s, "%s is neither true nor false", k->name);
	*(bool *)field = config_setting_get_bool(s);
	return 0;
}

/* A default as the table writes it. */
static void set_default(const struct config_key *k, void *base)
{
	void *field = (char *)base + k->offset;

	if (!k->def)
		return;
	switch (k->type) {
	case CONFIG_UINT:
		*(unsigned *)field = (unsigned)strtoul(k->def, NULL, 10);
		break;
	case CONFIG_BOOL:
		*(bool *)field = str_eq(k->def, "true");
		break;
	case CONFIG_STRING:
	case CONFIG_CHOICE:
		*(char **)field = xstrndup(k->def + 1, strlen(k->def) - 2);
		break;
	}
}

struct host_spec *config_new_host(const struct config *c)
{
	struct host_spec *h = xcalloc(1, sizeof(*h));

	for (size_t i = 0; i < config_keys_n; i++)
		if (str_eq(config_keys[i].section, "hosts"))
			set_default(&config_keys[i], h);
	h->connect_timeout_s = c->connect_timeout_s;
	h->command_timeout_s = c->command_timeout_s;
	h->keepalive_s = c->keepalive_s;
	return h;
}

/* The names of the sections, or (section not NULL) of the keys in one; some more than once. */
static size_t list_words(const char *section, const char *words[], size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < config_keys_n + config_backing_keys_n && n < max; i++) {
		const struct config_key *k =
			i < config_keys_n ? &config_keys[i] : &config_backing_keys[i - config_keys_n];

		if (!section)
			words[n++] = k->section;
		else if (str_eq(section, k->section))
			words[n++] = k->name;
	}
	return n;
}

/* "did you mean": section NULL for the names of sections. */
static void hint_nearest(struct reading *r, const char *section, const char *name)
{
	const char *words[64];
	const char *near;
	size_t n = list_words(section, words, ARRAY_SIZE(words));

	near = str_nearest(name, words, n);
	if (near)
		err_hint(r->err, "did you mean \"%s\"?", near);
	else
		err_hint(r->err, "vmmig.conf(5) lists what there is");
}

static int read_group(struct reading *r, const char *section, const config_setting_t *group, void *base)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct config_key *k = config_key_find(section, config_setting_name(s));

		if (!k) {
			bad(r, s, "unknown key \"%s\" in %s", config_setting_name(s), section);
			hint_nearest(r, section, config_setting_name(s));
			return -1;
		}
		if (read_value(r, k, s, base) < 0)
			return -1;
	}
	return 0;
}

static int read_host(struct reading *r, const config_setting_t *group)
{
	struct config *c = r->c;
	struct host_spec *h;

	if (config_setting_type(group) != CONFIG_TYPE_GROUP)
		return bad(r, group, "a host is not a group: { name = \"…\"; … }");
	h = config_new_host(c);
	*ARRAY_ADD(c->hosts, c->hosts_n) = h;
	if (read_group(r, "hosts", group, h) < 0)
		return -1;
	if (!h->name)
		return bad(r, group, "host %zu has no name", c->hosts_n);
	for (size_t i = 0; i + 1 < c->hosts_n; i++)
		if (str_eq(c->hosts[i]->name, h->name))
			return bad(r, group, "host \"%s\" is there twice", h->name);
	if (h->address)
		return 0;
	if (config_address_problem(h->name))
		return bad(r, group, "host \"%s\" has no address, and its name cannot be one", h->name);
	h->address = xstrdup(h->name);
	return 0;
}

/* Which of its keys go together. */
static int check_entry(struct reading *r, const config_setting_t *group, const struct image_entry *e)
{
	if (!e->file)
		return bad(r, group, "backing file %zu has no file", r->c->images.backing_n);
	if (!e->glance_id == !e->url)
		return bad(r, group, "backing file \"%s\" has %s glance_id %s url: it needs one of them", e->file,
			   e->url ? "both" : "neither", e->url ? "and" : "nor");
	if (e->url && !e->digest)
		return bad(r, group, "backing file \"%s\" has a url, but no digest", e->file);
	if (e->glance_id && e->format)
		return bad(r, group, "backing file \"%s\" has a format, but Glance says that of its images", e->file);
	if (e->glance_id && !r->c->images.glance_url)
		return bad(r, group, "backing file \"%s\" has a glance_id, but images has no glance_url", e->file);
	return 0;
}

static int read_entry(struct reading *r, const config_setting_t *group)
{
	struct image_config *c = &r->c->images;
	struct image_entry *e;

	if (config_setting_type(group) != CONFIG_TYPE_GROUP)
		return bad(r, group, "a backing file is not a group: { file = \"…\"; … }");
	e = ARRAY_ADD(c->backing, c->backing_n);
	if (read_group(r, "backing", group, e) < 0 || check_entry(r, group, e) < 0)
		return -1;
	for (size_t i = 0; i + 1 < c->backing_n; i++)
		if (str_eq(c->backing[i].file, e->file))
			return bad(r, group, "backing file \"%s\" is there twice", e->file);
	return 0;
}

static int read_list(struct reading *r, const char *name, const config_setting_t *list)
{
	bool hosts = str_eq(name, "hosts");

	/* libconfig reads "( )" and "[ ]" alike when empty */
	if (config_setting_type(list) != CONFIG_TYPE_LIST && config_setting_type(list) != CONFIG_TYPE_ARRAY)
		return bad(r, list, "%s is not a list of groups: ( { … }, { … } )", name);
	for (int i = 0; i < config_setting_length(list); i++) {
		const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);

		if ((hosts ? read_host(r, group) : read_entry(r, group)) < 0)
			return -1;
	}
	return 0;
}

static bool is_list(const char *section)
{
	return str_eq(section, "hosts") || str_eq(section, "backing");
}

static bool is_section(const char *name)
{
	for (size_t i = 0; i < config_keys_n; i++)
		if (str_eq(config_keys[i].section, name))
			return true;
	return is_list(name);
}

/* lists: those, or all the rest: hosts take over what other sections say, and backing files look at it. */
static int read_sections(struct reading *r, const config_setting_t *root, bool lists)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(s);

		if (!is_section(name)) {
			bad(r, s, "unknown section \"%s\"", name);
			hint_nearest(r, NULL, name);
			return -1;
		}
		if (is_list(name) != lists)
			continue;
		if (!lists && config_setting_type(s) != CONFIG_TYPE_GROUP)
			return bad(r, s, "%s is not a group: %s = { … };", name, name);
		if ((lists ? read_list(r, name, s) : read_group(r, name, s, r->c)) < 0)
			return -1;
	}
	return 0;
}

static int set_journal_path(struct config *c, struct err *err)
{
	const char *dir = getenv("XDG_STATE_HOME");
	auto_free char *home = NULL;

	if (c->journal_path)
		return 0;
	if (geteuid() == 0) {
		c->journal_path = xstrdup("/var/lib/vmmig/journal.db");
		return 0;
	}
	if (dir && *dir == '/') {
		c->journal_path = str_printf("%s/vmmig/journal.db", dir);
		return 0;
	}
	home = config_home();
	if (!home) {
		err_set(err, E_CONFIG, 0, "there is no home directory for the journal");
		return err_hint(err, "say path in the section journal of vmmig.conf");
	}
	c->journal_path = str_printf("%s/.local/state/vmmig/journal.db", home);
	return 0;
}

struct config *config_read_text(const char *path, const char *text, size_t len, struct err *err)
{
	auto_config struct config *c = xcalloc(1, sizeof(*c));
	struct reading r = { .path = path ? path : "configuration", .c = c, .err = err };
	auto_buf struct buf clean = { 0 };
	auto_tree tree t;
	const config_setting_t *root;

	config_init(&t);
	c->path = xstrdup(path);
	for (size_t i = 0; i < config_keys_n; i++)
		if (!str_eq(config_keys[i].section, "hosts"))
			set_default(&config_keys[i], c);
	if (config_scan(r.path, text, len, &clean, err) < 0)
		return NULL;
	if (!config_read_string(&t, clean.p)) {
		err_set(err, E_CONFIG, 0, "%s:%d: %s", r.path, config_error_line(&t), config_error_text(&t));
		return NULL;
	}
	root = config_root_setting(&t);
	if (read_sections(&r, root, false) < 0 || read_sections(&r, root, true) < 0 || set_journal_path(c, err) < 0)
		return NULL;
	return STEAL(c);
}

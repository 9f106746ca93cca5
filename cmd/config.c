/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd.h"

/* One key of the table with its value in c or in a host; where it has none, null. */
static json_t *value(const struct config_key *k, const void *base)
{
	const void *field = (const char *)base + k->offset;

	switch (k->type) {
	case CONFIG_UINT:
		/* 0 outside of the range: not said */
		return *(const unsigned *)field >= k->min ? json_integer(*(const unsigned *)field) : json_null();
	case CONFIG_BOOL:
		return json_boolean(*(const bool *)field);
	case CONFIG_STRING:
	case CONFIG_CHOICE:
		break;
	}
	return report_json_text(*(char *const *)field);
}

/* All keys of the hosts' section, or of the others. The journal's path goes by "journal": "path" is the file's. */
static json_t *values(const char *event, bool hosts, const void *base)
{
	json_t *o = report_json_event(event);

	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		if (str_eq(k->section, "hosts") == hosts)
			json_object_set_new(o, str_eq(k->section, "journal") ? "journal" : k->name, value(k, base));
	}
	return o;
}

static json_t *backing(const struct image_entry *e)
{
	json_t *o = report_json_event("backing");

	for (size_t i = 0; i < config_backing_keys_n; i++)
		json_object_set_new(o, config_backing_keys[i].name, value(&config_backing_keys[i], e));
	return o;
}

static enum status show_default(struct app *app)
{
	struct buf text auto_buf = { 0 };
	json_t *o = report_json_event("default");

	config_print_default(&text);
	json_object_set_new(o, "text", json_string(text.p));
	app->report.ops->object(&app->report, text.p, o);
	return STATUS_OK;
}

static enum status show(struct app *app)
{
	const struct config *c = app->config;
	struct buf text auto_buf = { 0 };
	json_t *o;

	if (!app->opt.json) {
		auto_free char *path = str_sanitize(c->path ? c->path : "none: all defaults", REPORT_TEXT_MAX);

		printf("# %s\n", path);
		config_print(c, &text);
		fputs(text.p, stdout);
		return STATUS_OK;
	}
	o = values("config", false, c);
	json_object_set_new(o, "path", report_json_text(c->path));
	app->report.ops->object(&app->report, NULL, o);
	for (size_t i = 0; i < c->hosts_n; i++)
		app->report.ops->object(&app->report, NULL, values("host", true, c->hosts[i]));
	for (size_t i = 0; i < c->images.backing_n; i++)
		app->report.ops->object(&app->report, NULL, backing(&c->images.backing[i]));
	return STATUS_OK;
}

/* Opens the configuration itself: --default is for those who have none, or a broken one. */
static enum status run(struct app *app, struct err *err)
{
	auto_free char *path = NULL;

	if (app->opt.print_default)
		return show_default(app);
	path = config_locate(app->opt.config_path);
	app->config = config_load(path, err);
	return app->config ? show(app) : err->status;
}

static const struct argp_option options[] = {
	{ "default", OPT_DEFAULT, NULL, 0, "print a file with every key at its default and what it means", 0 },
	{ 0 },
};

const struct command cmd_config = {
	.name = "config",
	.summary = "show the configuration in force, or a commented default file",
	.args = "",
	.doc = "Reads and verifies the configuration and prints it as it is in force, with defaults filled in.",
	.options = options,
	.run = run,
};

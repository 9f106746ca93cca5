/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Option tables to values, with argp. Errors are ours: with an ID, and with what may have been meant. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

const struct argp_option options_common[] = {
	{ "config", OPT_CONFIG, "FILE", 0, "read this configuration file", -2 },
	{ "json", OPT_JSON, NULL, 0, "one JSON object a line on standard output, see vmmig-json(5)", -2 },
	{ "verbose", OPT_VERBOSE, NULL, 0, "say more; twice: everything", -2 },
	{ "quiet", OPT_QUIET, NULL, 0, "only errors and the result", -2 },
	{ "no-color", OPT_NO_COLOR, NULL, 0, "no colours, also on a terminal", -2 },
	{ "help", OPT_HELP, NULL, 0, "show this help", -1 },
	{ "version", OPT_VERSION, NULL, 0, "show the version", -1 },
	{ 0 },
};

struct parse {
	const struct command *cmd;
	struct options *o;
	struct err *err;
	int next;    /* where the last option we understood ended */
	int stop_at; /* global part: index of the command's name */
	bool help, version;
};

static int number(struct parse *p, const char *name, const char *arg, unsigned long min, unsigned long max,
		  unsigned *out)
{
	unsigned long long v;

	if (str_to_uint(arg, min, max, &v) < 0)
		return err_set(p->err, E_USAGE, 0, "--%s \"%s\": must be a whole number from %lu to %lu", name, arg,
			       min, max);
	*out = (unsigned)v;
	return 0;
}

/* The range of an option is the range of the configuration key it stands in for. */
static int keyed_number(struct parse *p, const char *name, const char *key, const char *arg, unsigned *out, bool *given)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		if (str_eq(k->section, "migrate") && str_eq(k->name, key)) {
			*given = true;
			return number(p, name, arg, k->min, k->max, out);
		}
	}
	return err_set(p->err, E_INTERNAL, 0, "no configuration key %s", key);
}

static int skip_check(struct parse *p, const char *id)
{
	if (!check_find(id)) {
		err_set(p->err, E_USAGE, 0, "--skip-check \"%s\": there is no such check", id);
		return err_hint(p->err, "the IDs are in vmmig-check(1) and in front of each finding");
	}
	strv_add(&p->o->skip, id);
	return 0;
}

static int disk_option(struct parse *p, int key, const char *arg)
{
	struct options *o = p->o;

	switch (key) {
	case OPT_DISK:
		return remap_add_disk(&o->remap, arg, p->err);
	case OPT_STORAGE:
		return remap_add_storage(&o->remap, arg, p->err);
	case OPT_SOURCE_DISKS:
		o->source_disks_given = true;
		if (source_disks_parse(arg, &o->source_disks) == 0)
			return 0;
		return err_set(p->err, E_USAGE, 0, "--source-disks \"%s\": must be quarantine, keep or delete", arg);
	default:
		return 1;
	}
}

static int follow_option(struct parse *p, int key, const char *arg)
{
	struct options *o = p->o;

	switch (key) {
	case OPT_SHUTDOWN:
		o->shutdown = true;
		return 0;
	case OPT_START:
		o->start = true;
		return 0;
	case OPT_FOLLOW:
		o->follow = true;
		return 0;
	case OPT_NO_FOLLOW:
		o->no_follow = true;
		return 0;
	case OPT_AT_ONCE:
		o->at_once_given = true;
		return number(p, "at-once", arg, 1, 64, &o->at_once);
	default:
		return disk_option(p, key, arg);
	}
}

static int mover_option(struct parse *p, int key, const char *arg)
{
	struct options *o = p->o;

	switch (key) {
	case OPT_FROM:
		o->from = arg;
		return 0;
	case OPT_TO:
		o->to = arg;
		return 0;
	case OPT_MAX_DOWNTIME:
		return keyed_number(p, "max-downtime", "max_downtime_ms", arg, &o->max_downtime_ms,
				    &o->max_downtime_given);
	case OPT_BANDWIDTH:
		return keyed_number(p, "bandwidth", "bandwidth_mib", arg, &o->bandwidth_mib, &o->bandwidth_given);
	case OPT_TIMEOUT:
		return keyed_number(p, "timeout", "timeout_s", arg, &o->timeout_s, &o->timeout_given);
	case OPT_ON_TIMEOUT:
		o->on_timeout_given = true;
		if (converge_end_parse(arg, &o->on_timeout) == 0)
			return 0;
		return err_set(p->err, E_USAGE, 0, "--on-timeout \"%s\": must be abort, postcopy or suspend", arg);
	case OPT_POLICY:
		o->policy_given = true;
		if (converge_preset_parse(arg, &o->policy) == 0)
			return 0;
		return err_set(p->err, E_USAGE, 0, "--policy \"%s\": must be careful, balanced or must-finish", arg);
	case OPT_TRANSPORT:
		o->transport_given = true;
		if (transport_parse(arg, &o->transport) == 0)
			return 0;
		return err_set(p->err, E_USAGE, 0, "--transport \"%s\": must be tcp, tls or ssh", arg);
	case OPT_TLS:
		o->tls = true;
		return 0;
	case OPT_PARALLEL:
		return keyed_number(p, "parallel", "parallel", arg, &o->parallel, &o->parallel_given);
	case OPT_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPT_SKIP_CHECK:
		return skip_check(p, arg);
	case OPT_DETACH:
		o->detach = true;
		return 0;
	case OPT_NO_FORECAST:
		o->no_forecast = true;
		return 0;
	case OPT_YES:
		o->yes = true;
		return 0;
	default:
		return follow_option(p, key, arg);
	}
}

static int recover_option(struct parse *p, int key, const char *arg)
{
	struct options *o = p->o;

	switch (key) {
	case OPT_ALL:
		o->all = true;
		return 0;
	case OPT_KEEP:
		o->keep = arg;
		return 0;
	case OPT_KILL:
		o->kill = arg;
		return 0;
	case OPT_RESET_STATE:
		o->reset_state = true;
		return 0;
	case OPT_HARD_REBOOT:
		o->hard_reboot = true;
		return 0;
	case OPT_RESUME_POSTCOPY:
		o->resume_postcopy = true;
		return 0;
	case OPT_EVACUATE:
		o->evacuate = true;
		return 0;
	case OPT_FENCED:
		strv_add(&o->fenced, arg);
		return 0;
	case OPT_OLDER_THAN:
		o->older_than_given = true;
		return number(p, "older-than", arg, 0, 36500, &o->older_than);
	default:
		return 1;
	}
}

static int other_option(struct parse *p, int key, const char *arg)
{
	struct options *o = p->o;

	switch (key) {
	case OPT_CONFIG:
		o->config_path = arg;
		return *arg ? 0 : err_set(p->err, E_USAGE, 0, "--config: the file's name is empty");
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_VERBOSE:
		o->verbose++;
		return 0;
	case OPT_QUIET:
		o->quiet = true;
		return 0;
	case OPT_NO_COLOR:
		o->no_color = true;
		return 0;
	case OPT_HELP:
		p->help = true;
		return 0;
	case OPT_VERSION:
		p->version = true;
		return 0;
	case OPT_POSTCOPY:
		o->postcopy = true;
		return 0;
	case OPT_WATCH:
		o->watch = true;
		return 0;
	case OPT_OUTPUT:
		o->output = arg;
		return *arg ? 0 : err_set(p->err, E_USAGE, 0, "--output: the file's name is empty");
	case OPT_FORMAT:
		o->format = arg;
		return 0;
	case OPT_LIMIT:
		return number(p, "limit", arg, 0, 1000000, &o->limit);
	case OPT_DEFAULT:
		o->print_default = true;
		return 0;
	default:
		return recover_option(p, key, arg);
	}
}

static error_t on_key(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	int rc;

	if (key == ARGP_KEY_ARG) {
		if (!p->cmd) { /* the command's name: the rest is its own */
			p->stop_at = state->next - 1;
			state->next = state->argc;
			return 0;
		}
		strv_add(&p->o->words, arg);
		return 0;
	}
	rc = mover_option(p, key, arg);
	if (rc == 1)
		rc = other_option(p, key, arg);
	if (rc == 1)
		return ARGP_ERR_UNKNOWN;
	p->next = state->next;
	return rc < 0 ? EINVAL : 0;
}

/* Which long option may have been meant. */
static const char *nearest_option(const struct command *cmd, const char *name)
{
	const char *names[64];
	size_t n = 0;

	for (const struct argp_option *t = options_common; t->name && n < ARRAY_SIZE(names); t++)
		names[n++] = t->name;
	for (const struct argp_option *t = cmd ? cmd->options : NULL; t && t->name && n < ARRAY_SIZE(names); t++)
		names[n++] = t->name;
	return str_nearest(name, names, n);
}

/* The first argument from what we last understood on that looks like an option. */
static const char *first_option(const struct parse *p, int argc, char **argv)
{
	for (int i = p->next > 0 ? p->next : 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1])
			return argv[i];
	return NULL;
}

/* It is ours, but used wrongly. */
static int misused_option(struct parse *p, const struct argp_option *o)
{
	if (o->arg)
		return err_set(p->err, E_USAGE, 0, "--%s needs a value: %s", o->name, o->arg);
	return err_set(p->err, E_USAGE, 0, "--%s takes no value", o->name);
}

/* argp only says that an option is wrong, so find the first one it did not take. */
static int wrong_option(struct parse *p, const struct argp_option *all, int argc, char **argv)
{
	const char *bad = first_option(p, argc, argv), *near;
	auto_free char *name = NULL;

	if (!bad)
		return err_set(p->err, E_USAGE, 0, "the options cannot be understood");
	name = xstrndup(bad + strspn(bad, "-"), strcspn(bad + strspn(bad, "-"), "="));
	for (const struct argp_option *o = all; o->name; o++)
		if (str_eq(o->name, name) || (bad[1] != '-' && o->key == bad[1]))
			return misused_option(p, o);
	err_set(p->err, E_USAGE, 0, "unknown option \"%s\"", bad);
	near = nearest_option(p->cmd, name);
	if (near)
		return err_hint(p->err, "did you mean --%s?", near);
	return err_hint_text(p->err, "see: vmmig help");
}

static int check_words(const struct command *cmd, const struct options *o, struct err *err)
{
	if (o->words.n < cmd->min_words)
		err_set(err, E_USAGE, 0, "%s: something is missing: vmmig %s %s", cmd->name, cmd->name, cmd->args);
	else if (o->words.n > cmd->max_words)
		err_set(err, E_USAGE, 0, "%s: \"%s\" is too much: vmmig %s %s", cmd->name, o->words.v[cmd->max_words],
			cmd->name, cmd->args);
	if (err->id)
		return err_hint(err, "see: vmmig %s --help", cmd->name);
	return 0;
}

/* The command's own options, then the common ones; the caller frees. */
static struct argp_option *merged_options(const struct command *cmd)
{
	struct argp_option *all = NULL;
	size_t n = 0;

	for (const struct argp_option *t = cmd ? cmd->options : NULL; t && t->name; t++)
		*ARRAY_ADD(all, n) = *t;
	for (const struct argp_option *t = options_common; t->name; t++)
		*ARRAY_ADD(all, n) = *t;
	(void)ARRAY_ADD(all, n);
	return all;
}

void command_usage(const struct command *cmd, FILE *out)
{
	auto_free struct argp_option *all = merged_options(cmd);
	auto_free char *name = str_printf("vmmig %s", cmd->name);
	struct argp argp = { .options = all, .args_doc = cmd->args, .doc = cmd->doc };

	argp_help(&argp, out, ARGP_HELP_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG, name);
}

int options_parse(const struct command *cmd, int argc, char **argv, struct options *o, int *next, struct err *err)
{
	unsigned flags = ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP | (cmd ? 0 : ARGP_IN_ORDER);
	struct parse p = { .cmd = cmd, .o = o, .err = err, .stop_at = argc };
	auto_free struct argp_option *all = merged_options(cmd);
	struct argp argp = { .options = all, .parser = on_key };

	if (argp_parse(&argp, argc, argv, flags, NULL, &p) && !err->id)
		wrong_option(&p, all, argc, argv);
	if (next)
		*next = p.stop_at;
	if (err->id)
		return -1;
	if (p.version) {
		printf("vmmig %s\n", VMMIG_VERSION);
		return 1;
	}
	if (p.help) {
		if (cmd)
			command_usage(cmd, stdout);
		else
			command_overview(stdout);
		return 1;
	}
	return cmd ? check_words(cmd, o, err) : 0;
}

void options_clear(struct options *o)
{
	strv_clear(&o->skip);
	strv_clear(&o->fenced);
	remap_clear(&o->remap);
	strv_clear(&o->words);
}

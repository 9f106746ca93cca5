/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A subcommand: one file, one row of commands[] (main.c). Its option table gives
 * --help, errors, completion and the manual's test; main opens what `needs` names.
 *
 * To add one: cmd/x.c with `const struct command cmd_x`, its declaration and row
 * here and in main.c, man/vmmig-x.1, test/x.bats. A test finds what is missing.
 */
#ifndef CMD_H
#define CMD_H

#include <argp.h>

#include "config/config.h"
#include "migrate/migrate.h"

enum needs {
	NEEDS_CONFIG = 1,
	NEEDS_JOURNAL = 2,
	GOES_WITHOUT_JOURNAL = 4, /* when it cannot be opened: with one in memory, and app.journal_lost */
};

/* Everything options can say; each command looks at its own. */
struct options {
	/* before or after the command */
	const char *config_path;
	bool json, quiet, no_color;
	int verbose;
	/* movers */
	const char *from, *to;
	unsigned max_downtime_ms, bandwidth_mib, timeout_s;
	bool max_downtime_given, bandwidth_given, timeout_given, on_timeout_given;
	enum converge_end on_timeout;
	enum converge_preset policy;
	bool policy_given;
	bool dry_run, yes, detach, no_forecast;
	enum transport transport;
	bool transport_given, tls, parallel_given;
	unsigned parallel;
	struct strv skip;
	/* disks that move along */
	struct remap remap;
	enum source_disks source_disks;
	bool source_disks_given;
	/* guests that start or stop */
	bool shutdown, start, follow, no_follow;
	unsigned at_once;
	bool at_once_given;
	/* tune, status */
	bool postcopy, watch;
	/* report */
	const char *output, *format;
	/* history */
	unsigned limit;
	/* recover */
	unsigned older_than; /* days */
	bool older_than_given;
	bool all, reset_state, hard_reboot, resume_postcopy, evacuate;
	const char *keep, *kill; /* hosts */
	struct strv fenced;      /* hosts */
	/* config */
	bool print_default;
	/* what is not an option */
	struct strv words;
};

struct app {
	struct options opt;
	struct config *config;
	struct journal *journal;
	bool journal_lost; /* its file cannot be opened: that was told */
	struct report report;
	enum mode mode; /* check: of which migration */
	int detached;   /* --detach: where the parent waits for a byte */
};

struct command {
	const char *name;
	const char *summary; /* one line of `vmmig help` */
	const char *args;    /* "GUEST… --to HOST" */
	const char *doc;     /* the paragraph of --help */
	const struct argp_option *options;
	unsigned min_words, max_words; /* max 0: none; UINT_MAX: any */
	unsigned needs;
	enum status (*run)(struct app *app, struct err *err);
};

extern const struct command cmd_live, cmd_block, cmd_cold, cmd_cancel, cmd_tune, cmd_recover, cmd_check, cmd_list,
	cmd_status, cmd_report, cmd_history, cmd_config, cmd_help;
extern const struct command *const commands[];
extern const size_t commands_n;
const struct command *command_find(const char *name);

/* Keys of options (options.c). */
enum option_key {
	OPT_CONFIG = 'c',
	OPT_VERBOSE = 'v',
	OPT_QUIET = 'q',
	OPT_HELP = '?',
	OPT_VERSION = 'V',
	OPT_JSON = 0x100,
	OPT_NO_COLOR,
	OPT_FROM,
	OPT_TO,
	OPT_MAX_DOWNTIME,
	OPT_BANDWIDTH,
	OPT_TIMEOUT,
	OPT_ON_TIMEOUT,
	OPT_POLICY,
	OPT_TRANSPORT,
	OPT_TLS,
	OPT_PARALLEL,
	OPT_DRY_RUN,
	OPT_SKIP_CHECK,
	OPT_YES,
	OPT_DETACH,
	OPT_NO_FORECAST,
	OPT_DISK,
	OPT_STORAGE,
	OPT_SOURCE_DISKS,
	OPT_SHUTDOWN,
	OPT_START,
	OPT_FOLLOW,
	OPT_NO_FOLLOW,
	OPT_AT_ONCE,
	OPT_OLDER_THAN,
	OPT_ALL,
	OPT_KEEP,
	OPT_KILL,
	OPT_RESET_STATE,
	OPT_HARD_REBOOT,
	OPT_RESUME_POSTCOPY,
	OPT_EVACUATE,
	OPT_FENCED,
	OPT_LIMIT,
	OPT_POSTCOPY,
	OPT_WATCH,
	OPT_OUTPUT,
	OPT_FORMAT,
	OPT_DEFAULT,
};
extern const struct argp_option options_common[];

/* Rows that several commands share. */
#define PLACE_OPTIONS                                                                                                 \
	{ "from", OPT_FROM, "HOST", 0, "the source; without it the guest is looked for on the configured hosts", 0 }, \
		{ "to", OPT_TO, "HOST", 0, "the destination: a configured name, or [user@]address[:port]", 0 },       \
		{ "no-forecast", OPT_NO_FORECAST, NULL, 0, "do not measure guest and link for a forecast", 0 },       \
	{                                                                                                             \
		"skip-check", OPT_SKIP_CHECK, "ID", 0,                                                                \
			"let findings of this check not refuse; may be given more than once", 0                       \
	}
#define WIRE_OPTIONS                                                                                           \
	{                                                                                                      \
		"transport",                                                                                   \
		OPT_TRANSPORT,                                                                                 \
		"HOW",                                                                                         \
		0,                                                                                             \
		"how memory and disks go: tcp, tls (encrypted) or ssh (tunnelled)",                            \
		0                                                                                              \
	},                                                                                                     \
		{ "tls", OPT_TLS, NULL, 0, "short for --transport tls", 0 },                                   \
	{                                                                                                      \
		"parallel", OPT_PARALLEL, "N", 0, "send memory through so many connections at once; 0: one", 0 \
	}
/* What a migration may take: also of a forecast. */
#define LIMIT_OPTIONS                                                                                                 \
	{ "max-downtime", OPT_MAX_DOWNTIME, "MS", 0, "how long the guest may stand still at the switchover, ms", 0 }, \
		{ "bandwidth", OPT_BANDWIDTH, "MIB", 0, "limit of the data rate, MiB/s; 0: none", 0 },                \
		{ "policy",                                                                                           \
		  OPT_POLICY,                                                                                         \
		  "NAME",                                                                                             \
		  0,                                                                                                  \
		  "what to do about a guest that changes its memory too fast: careful, balanced or must-finish",      \
		  0 },                                                                                                \
		{ "on-timeout", OPT_ON_TIMEOUT, "ACTION", 0, "what then: abort, postcopy or suspend", 0 },            \
	{                                                                                                             \
		"timeout", OPT_TIMEOUT, "S", 0, "act when it has not ended after so many seconds; 0: never", 0        \
	}
#define MOVER_OPTIONS                                                                                                 \
	PLACE_OPTIONS, LIMIT_OPTIONS, WIRE_OPTIONS,                                                                   \
		{ "detach", OPT_DETACH, NULL, 0, "return when it is under way, which goes on in the background", 0 }, \
		{ "dry-run", OPT_DRY_RUN, NULL, 0, "check, show the plan, change nothing", 0 },                       \
	{                                                                                                             \
		"yes", OPT_YES, NULL, 0, "do not ask", 0                                                              \
	}
#define DISK_OPTIONS                                                                                \
	{ "disk",                                                                                   \
	  OPT_DISK,                                                                                 \
	  "TARGET[=PATH]",                                                                          \
	  0,                                                                                        \
	  "copy only disks that are named so (vda), to that path if one is given; may be repeated", \
	  0 },                                                                                      \
	{                                                                                           \
		"storage", OPT_STORAGE, "DIR=DIR", 0,                                               \
			"files below the first directory go below the second; may be repeated", 0   \
	}
#define SOURCE_DISKS_OPTION                                                                                 \
	{                                                                                                   \
		"source-disks", OPT_SOURCE_DISKS, "ACTION", 0,                                              \
			"what becomes of the images at the source: quarantine (renamed), keep or delete", 0 \
	}
#define SHUTDOWN_OPTION                                                                 \
	{                                                                               \
		"shutdown", OPT_SHUTDOWN, NULL, 0, "shut running guests down before", 0 \
	}
#define FOLLOW_OPTIONS                                                                                             \
	{ "follow", OPT_FOLLOW, NULL, 0, "a guest that starts or stops meanwhile moves on in the other mode", 0 }, \
		{ "no-follow", OPT_NO_FOLLOW, NULL, 0, "a guest that starts or stops meanwhile stays", 0 },        \
	{                                                                                                          \
		"at-once", OPT_AT_ONCE, "N", 0, "so many running guests move at the same time", 0                  \
	}

/*
 * Parses argv of one command (argv[0] is its name), or the global part when cmd is NULL: then *next is the index of the
 * first word. 0; 1: help or version was printed; -1: E_USAGE.
 */
int options_parse(const struct command *cmd, int argc, char **argv, struct options *o, int *next, struct err *err);
void options_clear(struct options *o);
void command_usage(const struct command *cmd, FILE *out); /* --help of one */
void command_overview(FILE *out);                         /* vmmig help (help.c) */

/* Asks on the terminal; without one, and without an answer, it is no (consent.c). */
bool consent(const char *question);

/*
 * The hosts named, or all of the configuration, not open yet (hosts.c). -1: E_USAGE, E_CONFIG; what *hosts has by then
 * is the caller's as well, for hosts_drop().
 */
int hosts_choose(struct app *app, const struct strv *names, struct host ***hosts, size_t *n, struct err *err);
void hosts_drop(struct host **hosts, size_t n);

/* Hosts of a call and where its guests are (locate.c). */
struct placed {
	const char *guest; /* a word of the command line */
	struct host *src;  /* NULL: see err */
	bool arrived;      /* it is on the destination and nowhere else */
	bool active;       /* where it is */
	struct err err;
};
struct placement {
	struct host **hosts;
	size_t hosts_n;
	struct host *dst;
	struct placed *guests;
	size_t guests_n;
	bool off_is_there; /* given: a guest that is defined on the destination alone has arrived, also when it is off
			    */
};
/*
 * Opens destination and source, or all configured hosts when no --from was given, and finds every guest. -1: nothing
 * can be begun at all (usage, an unreachable host).
 */
int placement_find(struct app *app, const struct strv *guests, struct placement *p, struct err *err);
void placement_clear(struct placement *p);

/* Room the disks of the guests of one call need (demand.c). */
struct demand {
	struct space_needs needs;
	struct file_fact *facts; /* what the destination says of each path */
	size_t *first;           /* of each guest: where its needs begin */
};
void demand_find(const struct placement *p, const struct remap *remap, struct demand *d);
/* Those of the guests after this one; borrowed. */
void demand_after(const struct demand *d, size_t guest, struct space_needs *needs, const struct file_fact **facts);
void demand_clear(struct demand *d);

/* A command that moves guests, from its options to its exit status (move.c). */
enum status move_run(struct app *app, enum mode mode, struct err *err);
/* What no single option can tell: -1 with E_USAGE. opt: with what the configuration says. */
int move_options_check(const struct options *o, const struct move_options *opt, size_t guests, struct err *err);

/*
 * --detach, before anything is opened and any thread runs. 0: this is the child, which does the work; 1: this is the
 * parent, and *status what it ends with.
 */
int detach(struct app *app, enum status *status, struct err *err);

/* ---- migrations that are under way (under-way.c) ---- */

/*
 * The one a word means: by its ID, or the newest of a guest. -1: E_GUEST_UNKNOWN, E_NOT_UNDER_WAY when it has ended
 * (and not undecided). The caller clears r.
 */
int under_way_find(struct app *app, const char *word, struct migration_record *r, struct err *err);
/* Its two hosts, open, or errs says why not. -1: one is not in the configuration, and hosts stay as they are. */
int under_way_hosts(struct app *app, const struct migration_record *r, struct host *hosts[2], struct err errs[2],
		    struct err *err);
/* The same, where both are needed. -1: one of them is not to be had. */
int under_way_open(struct app *app, const struct migration_record *r, struct host *hosts[2], struct err *err);
/*
 * Takes it over: nobody else has it. *r is then as it ended. cancel: it is stopped.
 */
enum status under_way_adopt(struct app *app, struct migration_record *r, bool cancel, struct err *err);

/* Options and configuration as one (--max-downtime or max_downtime_ms, …). */
void move_options_fill(const struct app *app, struct move_options *o);

#endif

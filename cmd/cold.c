/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>

#include "cmd.h"

static enum status run(struct app *app, struct err *err)
{
	return move_run(app, MODE_COLD, err);
}

static const struct argp_option options[] = {
	{ "from", OPT_FROM, "HOST", 0, "the source; without it the guest is looked for on the configured hosts", 0 },
	{ "to", OPT_TO, "HOST", 0, "the destination: a configured name, or [user@]address[:port]", 0 },
	{ "skip-check", OPT_SKIP_CHECK, "ID", 0, "let findings of this check not refuse; may be given more than once",
	  0 },
	SHUTDOWN_OPTION,
	{ "timeout", OPT_TIMEOUT, "S", 0, "how long a shut-down may take, in seconds (60)", 0 },
	{ "start", OPT_START, NULL, 0, "start it at the destination, before it counts as moved", 0 },
	{ "bandwidth", OPT_BANDWIDTH, "MIB", 0, "limit of the data rate of all disks together, MiB/s; 0: none", 0 },
	{ "transport", OPT_TRANSPORT, "HOW", 0, "how disks go: tcp (encrypted by QEMU) or ssh (tunnelled)", 0 },
	FOLLOW_OPTIONS,
	DISK_OPTIONS,
	SOURCE_DISKS_OPTION,
	{ "detach", OPT_DETACH, NULL, 0, "return when it is under way, which goes on in the background", 0 },
	{ "dry-run", OPT_DRY_RUN, NULL, 0, "check, show the plan, change nothing", 0 },
	{ "yes", OPT_YES, NULL, 0, "do not ask", 0 },
	{ 0 },
};

const struct command cmd_cold = {
	.name = "cold",
	.summary = "move guests that are shut off, with their disks",
	.args = "GUEST... --to HOST",
	.doc = "Moves guests that are shut off to another host: definition, disks with their backing chains, NVRAM, "
	       "TPM "
	       "state, saved image. What both hosts share stays where it is. A copy that was interrupted goes on where "
	       "it was, and is verified before anything at the source is touched. A guest that is started meanwhile "
	       "moves on live.",
	.options = options,
	.min_words = 1,
	.max_words = UINT_MAX,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>

#include "cmd.h"

static enum status run(struct app *app, struct err *err)
{
	return move_run(app, MODE_LIVE, err);
}

static const struct argp_option options[] = { MOVER_OPTIONS, FOLLOW_OPTIONS, { 0 } };

const struct command cmd_live = {
	.name = "live",
	.summary = "move running guests whose disks are on shared storage",
	.args = "GUEST... --to HOST",
	.doc = "Moves running guests to another host while they run. Their disks must be on storage that both hosts "
	       "share; this is proven before anything is begun. Several guests move one after the other.",
	.options = options,
	.min_words = 1,
	.max_words = UINT_MAX,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

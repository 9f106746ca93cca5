/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>

#include "cmd.h"

static enum status run(struct app *app, struct err *err)
{
	return move_run(app, MODE_BLOCK, err);
}

static const struct argp_option options[] = {
	MOVER_OPTIONS, DISK_OPTIONS, SOURCE_DISKS_OPTION, FOLLOW_OPTIONS, { 0 },
};

const struct command cmd_block = {
	.name = "block",
	.summary = "move running guests together with their disks",
	.args = "GUEST... --to HOST",
	.doc = "Moves running guests to another host while they run, with the disks that the hosts do not share. What "
	       "is missing there (directories, backing files, empty images) is made before. Several guests move one "
	       "after the other.",
	.options = options,
	.min_words = 1,
	.max_words = UINT_MAX,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where is the guest? Decided from what both hosts show, never from what one call
 * returned. Pure: two looks in, a verdict and the rule that gave it out.
 */
#ifndef MIGRATE_VERDICT_H
#define MIGRATE_VERDICT_H

#include "host/guest.h"

enum verdict {
	VERDICT_MOVED,         /* the destination has it as it should be, the source has no active copy */
	VERDICT_STAYED,        /* the source has it as it was, the destination has no active copy */
	VERDICT_IN_PROGRESS,   /* a migration job still runs: look again */
	VERDICT_RESUME_DEST,   /* arrived, the source has let go, but it is paused: resume it there */
	VERDICT_RESUME_SOURCE, /* paused at the source by a failed migration, nothing on the destination: resume it here
				*/
	VERDICT_STOP_INCOMING, /* runs at the source; the destination still holds the incoming half: look again, then
				  stop it */
	VERDICT_STOP_SOURCE,   /* runs on the destination; the source still holds its paused, migrated half */
	VERDICT_STOPPED,       /* runs nowhere because it stopped by itself; its definition is there */
	VERDICT_GONE,          /* runs nowhere and is defined nowhere: a transient guest that ended */
	VERDICT_SPLIT,         /* runs on both */
	VERDICT_UNDECIDED,     /* a host cannot be asked, or what is seen fits no rule */
};
const char *verdict_name(enum verdict v);

/*
 * was_running: the guest ran (was not paused) when the migration began. *rule, if not NULL: a static sentence
 * that says why.
 */
enum verdict verdict(const struct guest_look *src, const struct guest_look *dst, bool was_running, const char **rule);

/* One look in words: "running (post-copy), job none, 1 QEMU process"; the caller frees. */
char *look_text(const struct guest_look *l);

#endif

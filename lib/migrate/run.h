/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several guests of one call on their way to one destination, each in the mode that fits it, also when that changes
 * under way: the machine of transition.h, and a thread for each guest that moves.
 */
#ifndef MIGRATE_RUN_H
#define MIGRATE_RUN_H

#include "migrate/migrate.h"

/* One of them. */
struct run_guest {
	const char *guest;
	struct host *src;              /* open; only looked at: whoever moves the guest has sessions of its own */
	struct space_needs also_space; /* of those after it; borrowed */
	const struct file_fact *also_facts;
};

struct run_options {
	const struct move_options *move;
	enum mode mode;   /* of the call */
	bool follow;      /* a guest that starts or stops goes on in the other mode */
	unsigned at_once; /* so many running guests move at the same time */
	unsigned streams; /* so many disks are copied at the same time */
};

/*
 * Moves v[0..n) (n at most RUN_GUESTS_MAX) to dst, which is open, and reports a result for each. Returns the worst of
 * their exit statuses.
 */
enum { RUN_GUESTS_MAX = 128 };
enum status run_guests(struct journal *journal, struct report *report, struct host *dst, const struct run_guest *v,
		       size_t n, const struct run_options *opt);

#endif

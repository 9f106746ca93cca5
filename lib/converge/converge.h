/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When does a live migration switch over, and what is done when it cannot? Pure: a policy, readings of the
 * job's statistics and the clock in, one action with its reason out.
 *
 * What QEMU does: it sends the memory in passes. Each begins with a sync, which adds what the guest has changed since
 * the last one. Whenever what remains could be sent within the downtime limit, QEMU stops the guest and sends it. So a
 * migration whose guest changes less than is sent converges, and the limit only says how soon it is content; one
 * whose guest changes more settles at the guest's working set, and no patience helps.
 *
 * What this does about it: the limit begins low and is raised, never past what was asked for, when the smaller
 * downtime would cost more time than it is worth, or will not come. When even the cap is not enough, pass after pass,
 * it is a stall, and the policy's action is due.
 *
 *   struct converge c = { 0 };
 *   limit = converge_first_ms(&policy);           set it before the migration begins
 *   each reading: converge_step(&c, &policy, &reading, &action); act on it
 *
 * The policy may change between two steps (vmmig tune): see converge_lower().
 */
#ifndef CONVERGE_CONVERGE_H
#define CONVERGE_CONVERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum converge_preset { CONVERGE_CAREFUL, CONVERGE_BALANCED, CONVERGE_MUST_FINISH };
const char *converge_preset_name(enum converge_preset p);             /* "careful", "balanced", "must-finish" */
int converge_preset_parse(const char *word, enum converge_preset *p); /* -1: no such word */

/* What is done at a deadline, or in a stall. */
enum converge_end {
	CONVERGE_END_ABORT,    /* the guest stays at the source */
	CONVERGE_END_POSTCOPY, /* it runs at the destination at once, which fetches the rest */
	CONVERGE_END_SUSPEND,  /* it stands still until the rest is sent */
};
const char *converge_end_name(enum converge_end e); /* "abort", "postcopy", "suspend" */
int converge_end_parse(const char *word, enum converge_end *e);

struct converge_policy {
	enum converge_preset preset;
	uint64_t cap_ms;     /* the downtime asked for; the limit is never set higher */
	uint64_t timeout_ms; /* since the migration began; 0: none */
	enum converge_end on_timeout;
	enum converge_end on_stall; /* with a timeout, abort waits for that */
	uint64_t stall_ms;          /* for so long no pass has left less … */
	unsigned stall_passes;      /* … and so many */
	bool throttle;              /* QEMU slows the guest down (auto-converge) */
};
/*
 * The policy of a preset. postcopy: it is possible between these hosts; else must-finish suspends in its place.
 * The figures are in vmmig-live(1), where a test compares them.
 */
void converge_policy_preset(struct converge_policy *p, enum converge_preset preset, uint64_t cap_ms, bool postcopy);

/*
 * The highest limit that is set, ms: a fifth of the cap, 100 ms at most, stays for what QEMU does not count in it: the
 * state of the devices, and the switch itself, which takes libvirt some 50 ms.
 */
uint64_t converge_most_ms(const struct converge_policy *p);

/* The downtime to ask for, ms, so that a limit of limit_ms may be set: the inverse of that. */
uint64_t converge_cap_for_ms(uint64_t limit_ms);

/* The limit a migration begins with, ms: a quarter of the cap, and 20 at least, or the cap if that is less. */
uint64_t converge_first_ms(const struct converge_policy *p);

/* One reading; bytes, bytes/s. */
struct converge_reading {
	int64_t at_ms;      /* since the migration began */
	uint64_t iteration; /* passes over the memory, from 1; 0: memory is not being sent yet */
	uint64_t remaining; /* memory still to be sent */
	uint64_t bps;       /* sent, over the last seconds; 0: not known yet */
	uint64_t dirty_bps; /* changed by the guest; 0: none, or not known yet */
	int throttle;       /* percent */
	bool postcopy;      /* switched already */
	uint64_t before_ms,
		before_bytes; /* before it began: so much different memory was changed in that time; 0: not known */
};

enum converge_do {
	CONVERGE_WAIT,
	CONVERGE_LIMIT, /* set the downtime limit to limit_ms */
	CONVERGE_ABORT,
	CONVERGE_POSTCOPY,
	CONVERGE_SUSPEND,
};
const char *converge_do_name(enum converge_do d); /* "wait", "max-downtime", "abort", "postcopy", "suspend" */

struct converge_action {
	enum converge_do what;
	uint64_t limit_ms;    /* of CONVERGE_LIMIT */
	uint64_t needed_ms;   /* the downtime it would take now; 0: not known */
	bool deadline, stall; /* why, of the last three */
	char reason[240]; /* a sentence for people; also for CONVERGE_WAIT when something is worth saying, else "" */
};

/* What was seen so far; zeroed at the beginning. */
struct converge {
	uint64_t limit_ms;  /* as last set; 0: as the migration began */
	uint64_t cap_ms;    /* of the last reading */
	uint64_t iteration; /* of the last reading */
	int64_t last_ms;    /* when that was */
	uint64_t last_remaining;
	int64_t pass_ms;                                  /* when this pass began */
	uint64_t left;                                    /* what remained then */
	uint64_t needed_ms;                               /* the downtime that would have taken */
	uint64_t sum_changed_ms, sum_took_ms, sum_passes; /* of passes that were too short to tell */
	uint64_t falls_to;                                /* how much of what is sent the guest changes, percent */
	bool sure;                                        /* of that */
	uint64_t best_ms;                                 /* the least that was needed; 0: not known yet */
	int64_t best_at_ms;
	unsigned passes; /* since the best one */
	int throttle;
	bool fits;  /* what the last sync left is within the limit, as far as can be seen: QEMU should have ended it */
	bool ended; /* an action was taken that ends it: nothing more is decided */
	bool told;  /* that it stalls */
};

void converge_step(struct converge *c, const struct converge_policy *p, const struct converge_reading *r,
		   struct converge_action *a);

/*
 * The policy's cap was lowered: if the limit is above it, *a is CONVERGE_LIMIT with the new one, which is due at once,
 * whatever the readings; else CONVERGE_WAIT. converge_step() does so, too, at its next reading.
 */
void converge_lower(struct converge *c, const struct converge_policy *p, struct converge_action *a);

#endif

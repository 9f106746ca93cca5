/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long will a live migration take, and will it converge? Pure: measurements in, ranges out. What QEMU does is in
 * converge/converge.h; here it is walked through twice, pass by pass: with a guest that changes no other memory than it
 * did while it was measured, and with one that goes on to other memory at the same rate.
 */
#ifndef CONVERGE_FORECAST_H
#define CONVERGE_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "converge/converge.h"

/* So much different memory was changed within so long a time; bytes, ms. */
struct forecast_point {
	uint64_t ms, bytes;
};

struct forecast_input {
	uint64_t memory;                /* of the guest, bytes */
	uint64_t to_send;               /* of it that is not empty; 0: not known, all of it */
	uint64_t disks;                 /* to be copied before, bytes */
	uint64_t bps;                   /* of the link or the limit, bytes/s; 0: not known */
	struct forecast_point point[2]; /* in the order of time */
	unsigned points;                /* 0: what the guest changes is not known */
	const struct converge_policy *policy;
};

enum forecast_converges { FORECAST_UNKNOWN, FORECAST_YES, FORECAST_UNCLEAR, FORECAST_NO };
const char *forecast_converges_name(enum forecast_converges c); /* "unknown", "yes", "unclear", "no" */

struct forecast {
	enum forecast_converges converges;
	uint64_t total_low_ms;                      /* of the phase perform, if anything is known: not less than that */
	uint64_t total_high_ms;                     /* FORECAST_YES */
	uint64_t downtime_low_ms, downtime_high_ms; /* FORECAST_YES */
	uint64_t needed_ms;                         /* FORECAST_NO, FORECAST_UNCLEAR: the downtime it would take */
};
/* What is sent at most over a link of bps bytes/s, with a limit of mib MiB/s (0: none). */
uint64_t forecast_rate(uint64_t bps, uint64_t mib);
void forecast_make(const struct forecast_input *in, struct forecast *f);
/* Would another measurement, over about so many ms, make it narrower? 0: no. */
uint64_t forecast_wants_ms(const struct forecast_input *in, const struct forecast *f);
/* A sentence for people; caller frees. */
char *forecast_text(const struct forecast_input *in, const struct forecast *f);

#endif

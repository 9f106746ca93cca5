/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "converge/forecast.h"

#include <math.h>

#include "base/str.h"

/*
 * Measured on lab hosts: libvirt's protocol before the first page and at its end, together 0.5 to 0.9 s; the switch
 * itself, beside the memory that is sent in it, 20 to 120 ms. A link varies by some percent.
 */
enum {
	OVERHEAD_LOW_MS = 400,
	OVERHEAD_HIGH_MS = 900,
	SWITCH_LOW_MS = 20,
	SWITCH_HIGH_MS = 120,
	LINK_PERCENT = 4,
	PASSES_MAX = 400,
	LONG_MS = 1000000000,
	WIDE_PERCENT = 160, /* a range wider than this is worth another measurement */
	SAMPLE_BYTES = 2 << 20,
	USED_LOW_PERCENT = 80, /* of what QEMU has in memory; the rest is empty all the same, and hardly sent */
};
#define ERROR_MAX 0.35

/* How the guest goes on after what was measured. */
enum course { STAYS, AS_SEEN, GOES_ON };

struct walk {
	double total_ms, downtime_ms; /* of the memory alone */
	bool ends;
};

const char *forecast_converges_name(enum forecast_converges c)
{
	static const char *const names[] = { "unknown", "yes", "unclear", "no" };

	return names[c];
}

/*
 * libvirt has QEMU look at 512 pages of each GiB: of few that were found changed, the true number may be some more or
 * fewer, by their square root.
 */
static double sampling_error(const struct forecast_point *p)
{
	double found = (double)p->bytes / SAMPLE_BYTES, error = 1 / sqrt(found + 1);

	return error < ERROR_MAX ? error : ERROR_MAX;
}

/*
 * Does it come back to the same memory within the first measurement? Then how fast it does is not known: it may be at
 * once. Only a second, longer measurement tells.
 */
static bool comes_back(const struct forecast_input *in)
{
	const struct forecast_point *p = in->point;

	return in->points == 2 && p[0].bytes && (double)p[1].bytes < (double)p[0].bytes * 1.5;
}

/* Different memory changed within ms: along the points, then as the course says. */
static double changed(const struct forecast_input *in, enum course course, double ms)
{
	double at = 0, bytes = 0, slope = 0, seen, error;

	for (unsigned i = 0; i < in->points; i++) {
		const struct forecast_point *p = &in->point[i];
		double dt = (double)p->ms - at;

		if (dt <= 0)
			continue;
		error = sampling_error(p);
		seen = (double)p->bytes * (1 + (course == STAYS ? -error : course == GOES_ON ? error : 0));
		if (course == GOES_ON && p->bytes &&
		    seen < (double)p->bytes + SAMPLE_BYTES) /* one page more than found */
			seen = (double)p->bytes + SAMPLE_BYTES;
		slope = (seen - bytes) / dt;
		if (slope < 0)
			slope = 0;
		if (i == 0 && course != STAYS && ms > 0 && ms <= (double)p->ms && comes_back(in))
			return seen;
		if (ms <= (double)p->ms)
			return bytes + slope * (ms - at);
		at = (double)p->ms;
		bytes = bytes > seen ? bytes : seen;
	}
	if (course == GOES_ON)
		bytes += slope * (ms - at);
	return bytes < (double)in->memory ? bytes : (double)in->memory;
}

static double first_pass(const struct forecast_input *in, enum course course)
{
	double used = (double)(in->to_send ? in->to_send : in->memory);

	return course == STAYS ? used * USED_LOW_PERCENT / 100 : used;
}

/* One migration: what is left comes down to the limit, and with the sync what was changed meanwhile comes on top. */
static struct walk walk(const struct forecast_input *in, enum course course, double bytes_per_ms, double limit_ms)
{
	double left = first_pass(in, course), threshold = bytes_per_ms * limit_ms;
	double all = changed(in, course, LONG_MS); /* that it changes at all */
	struct walk w = { 0 };

	for (int i = 0; i < PASSES_MAX; i++) {
		double pass_ms = left > threshold ? (left - threshold) / bytes_per_ms : 0;

		w.total_ms += pass_ms;
		left = (left < threshold ? left : threshold) + changed(in, course, pass_ms);
		if (i > 0 && left > all) /* what was never changed was sent by the first pass */
			left = all;
		w.downtime_ms = left / bytes_per_ms;
		if (left <= threshold * 1.001) {
			w.ends = true;
			w.total_ms += w.downtime_ms;
			return w;
		}
	}
	return w;
}

static uint64_t rounded(double ms)
{
	return ms < 0 ? 0 : ms > 1e15 ? (uint64_t)1e15 : (uint64_t)ms;
}

uint64_t forecast_rate(uint64_t bps, uint64_t mib)
{
	return mib && mib << 20 < bps ? mib << 20 : bps;
}

void forecast_make(const struct forecast_input *in, struct forecast *f)
{
	double limit = (double)converge_most_ms(in->policy), first = (double)converge_first_ms(in->policy);
	double fast = (double)in->bps / 1000 * (100 + LINK_PERCENT) / 100;
	double slow = (double)in->bps / 1000 * (100 - LINK_PERCENT) / 100;
	struct walk low, high;

	*f = (struct forecast) { 0 };
	if (!in->bps || !in->points)
		return;
	low = walk(in, STAYS, fast, limit);
	high = walk(in, GOES_ON, slow, limit);
	f->needed_ms = converge_cap_for_ms(
		rounded(low.ends ? high.downtime_ms : walk(in, AS_SEEN, (double)in->bps / 1000, limit).downtime_ms));
	f->converges = low.ends && high.ends ? FORECAST_YES : low.ends ? FORECAST_UNCLEAR : FORECAST_NO;
	/* without an end in sight, all is sent once at least */
	f->total_low_ms = rounded((low.ends ? low.total_ms : first_pass(in, STAYS) / fast) + (double)in->disks / fast) +
			  OVERHEAD_LOW_MS;
	if (f->converges != FORECAST_YES)
		return;
	f->needed_ms = 0;
	f->total_high_ms = rounded(high.total_ms + (double)in->disks / slow) + OVERHEAD_HIGH_MS;
	/* the policy may wait for less, and spends up to 3 % on it */
	f->total_high_ms += f->total_high_ms * 3 / 100;
	if (f->total_low_ms > f->total_high_ms) /* passes are whole: less to send may take one more */
		f->total_low_ms = f->total_high_ms;
	f->downtime_low_ms = rounded(low.downtime_ms < first ? low.downtime_ms : first) + SWITCH_LOW_MS;
	f->downtime_high_ms = rounded(high.downtime_ms) + SWITCH_HIGH_MS;
	if (f->downtime_low_ms > f->downtime_high_ms)
		f->downtime_low_ms = f->downtime_high_ms;
}

uint64_t forecast_wants_ms(const struct forecast_input *in, const struct forecast *f)
{
	uint64_t pass_ms = in->bps ? (in->to_send ? in->to_send : in->memory) / (in->bps / 1000 + 1) : 0;
	/* more than the limit lets be left: does it come back to the same? */
	bool hot = f->converges == FORECAST_YES && in->point[0].bytes / 1000 + SAMPLE_BYTES / 1000 >
							   in->bps / 1000 * converge_most_ms(in->policy) / 1000;
	bool wide = f->converges == FORECAST_UNCLEAR || hot ||
		    (f->converges == FORECAST_YES && f->total_low_ms * WIDE_PERCENT / 100 < f->total_high_ms);

	if (in->points != 1 || !in->point[0].bytes || !wide)
		return 0;
	/* as long as the first pass takes, within reason: libvirt measures whole seconds */
	if (pass_ms < 2 * in->point[0].ms)
		return 2 * in->point[0].ms;
	return pass_ms < 5000 ? pass_ms / 1000 * 1000 : 5000;
}

static char *range(uint64_t low_ms, uint64_t high_ms)
{
	auto_free char *low = str_duration(low_ms), *high = str_duration(high_ms);

	return str_eq(low, high) ? xstrdup(low) : str_printf("%s to %s", low, high);
}

char *forecast_text(const struct forecast_input *in, const struct forecast *f)
{
	uint64_t size = in->to_send ? in->to_send : in->memory, dirty;
	auto_free char *bytes = str_bytes(size + in->disks), *rate = str_bytes(in->bps), *total = NULL, *down = NULL;
	auto_free char *changes = NULL, *needed = str_duration(f->needed_ms);
	auto_free char *send = in->to_send ? xstrdup(bytes) : str_printf("up to %s", bytes);

	if (f->converges == FORECAST_UNKNOWN)
		return xstrdup("not known");
	dirty = in->point[0].ms ? in->point[0].bytes * 1000 / in->point[0].ms : 0;
	changes = str_bytes(dirty);
	total = range(f->total_low_ms, f->total_high_ms);
	down = range(f->downtime_low_ms, f->downtime_high_ms);
	if (f->converges == FORECAST_YES)
		return str_printf("%s, downtime %s (%s to send at %s/s, %s/s changed meanwhile)", total, down, send,
				  rate, changes);
	return str_printf("%s converge within %llu ms: needs about %s of downtime, or post-copy (%s to send at %s/s, "
			  "%s/s changed meanwhile)",
			  f->converges == FORECAST_NO ? "will not" : "may not", (unsigned long long)in->policy->cap_ms,
			  needed, send, rate, changes);
}

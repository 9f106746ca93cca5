/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/ranges.h"

#include <string.h>

#include "base/str.h"

void ranges_clear(struct ranges *r)
{
	free(r->v);
	*r = (struct ranges) { 0 };
}

/* Ranges count of them from at on become the one given. */
static void replace(struct ranges *r, size_t at, size_t count, struct range with)
{
	if (!count) {
		(void)ARRAY_ADD(r->v, r->n);
		memmove(&r->v[at + 1], &r->v[at], (r->n - 1 - at) * sizeof(*r->v));
	} else {
		memmove(&r->v[at + 1], &r->v[at + count], (r->n - at - count) * sizeof(*r->v));
		r->n -= count - 1;
	}
	r->v[at] = with;
}

void ranges_add(struct ranges *r, uint64_t from, uint64_t to)
{
	struct range x = { from, to };
	size_t at = r->n, count = 0;

	if (to <= from)
		return;
	/* mostly they come in their order */
	while (at > 0 && r->v[at - 1].to >= from)
		at--;
	while (at + count < r->n && r->v[at + count].from <= to) {
		const struct range *o = &r->v[at + count++];

		x.from = o->from < x.from ? o->from : x.from;
		x.to = o->to > x.to ? o->to : x.to;
	}
	replace(r, at, count, x);
}

void ranges_add_all(struct ranges *r, const struct ranges *more)
{
	for (size_t i = 0; i < more->n; i++)
		ranges_add(r, more->v[i].from, more->v[i].to);
}

void ranges_remove(struct ranges *r, uint64_t from, uint64_t to)
{
	struct ranges left = { 0 };

	for (size_t i = 0; i < r->n; i++) {
		const struct range *x = &r->v[i];

		ranges_add(&left, x->from, x->to < from ? x->to : from);
		ranges_add(&left, x->from > to ? x->from : to, x->to);
	}
	free(r->v);
	*r = left;
}

bool ranges_has(const struct ranges *r, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].from <= from && to <= r->v[i].to)
			return true;
	return to <= from;
}

bool ranges_has_all(const struct ranges *r, const struct ranges *part)
{
	for (size_t i = 0; i < part->n; i++)
		if (!ranges_has(r, part->v[i].from, part->v[i].to))
			return false;
	return true;
}

uint64_t ranges_total(const struct ranges *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->n; i++)
		sum += r->v[i].to - r->v[i].from;
	return sum;
}

static void close_gaps(struct ranges *r, uint64_t gap)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (n && r->v[i].from - r->v[n - 1].to <= gap)
			r->v[n - 1].to = r->v[i].to;
		else
			r->v[n++] = r->v[i];
	}
	r->n = n;
}

void ranges_coarsen(struct ranges *r, size_t max)
{
	for (uint64_t gap = 4096; r->n > max && gap; gap *= 2)
		close_gaps(r, gap);
}

struct range ranges_first(const struct ranges *r, uint64_t max, uint64_t *bytes)
{
	struct range x = { r->n ? r->v[0].from : 0, r->n ? r->v[0].from : 0 };

	*bytes = 0;
	for (size_t i = 0; i < r->n && *bytes < max; i++) {
		uint64_t len = r->v[i].to - r->v[i].from, room = max - *bytes;

		len = len < room ? len : room;
		x.to = r->v[i].from + len;
		*bytes += len;
	}
	return x;
}

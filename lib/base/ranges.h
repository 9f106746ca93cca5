/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets of bytes of a file, as ranges in their order that do not touch one another. */
#ifndef BASE_RANGES_H
#define BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct range {
	uint64_t from, to; /* [from, to) */
};
struct ranges {
	struct range *v;
	size_t n;
};

void ranges_add(struct ranges *r, uint64_t from, uint64_t to); /* nothing when to <= from */
void ranges_add_all(struct ranges *r, const struct ranges *more);
void ranges_remove(struct ranges *r, uint64_t from, uint64_t to);
bool ranges_has(const struct ranges *r, uint64_t from, uint64_t to); /* all of it */
bool ranges_has_all(const struct ranges *r, const struct ranges *part);
uint64_t ranges_total(const struct ranges *r); /* bytes */
/* Closes the smallest gaps until there are no more than max ranges; max >= 1. */
void ranges_coarsen(struct ranges *r, size_t max);
/* The first of them, up to so many bytes of theirs, as one range over the gaps between. *bytes: of theirs in it. */
struct range ranges_first(const struct ranges *r, uint64_t max, uint64_t *bytes);
void ranges_clear(struct ranges *r);
#define auto_ranges AUTO(ranges_clear)

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ring of sequence numbers on the guest's first disk.
 *
 * The guest writes the numbers 1, 2, 3 ... one after the other, each into the
 * sector (number - 1) % RING_SECTORS, with O_DIRECT|O_SYNC and never more than
 * one at a time. So a disk that has lost nothing always holds an unbroken run
 * of numbers that ends with the highest; a hole, or a highest number below the
 * highest that the guest has seen acknowledged, is a lost write.
 */
#ifndef RING_H
#define RING_H

#include <stdint.h>
#include <string.h>

#define RING_SECTOR 512
#define RING_SECTORS 2048 /* 1 MiB at the start of the disk */
#define RING_MAGIC "VMMIGRNG"

struct ring_record {
	char magic[8];
	uint64_t sequence;
	uint64_t monotonic_us; /* of the guest, when it wrote this */
	uint64_t boot;         /* which start of the guest wrote this */
	uint64_t check;
	uint8_t filler[RING_SECTOR - 40];
};

struct ring_state {
	uint64_t highest; /* 0: empty */
	uint64_t records;
	uint64_t holes;   /* numbers that should be there and are not */
	uint64_t damaged; /* sectors that hold neither zeros nor a record */
};

static inline uint64_t ring_check(const struct ring_record *r)
{
	return (r->sequence * 0x9e3779b97f4a7c15u) ^ (r->monotonic_us << 17) ^ r->boot ^ 0x766d6d6967u;
}

static inline int ring_valid(const struct ring_record *r)
{
	return memcmp(r->magic, RING_MAGIC, sizeof(r->magic)) == 0 && r->check == ring_check(r);
}

/* ring is RING_SECTORS records as read from the disk. */
static inline struct ring_state ring_examine(const struct ring_record *ring)
{
	static const struct ring_record empty;
	struct ring_state s = { 0, 0, 0, 0 };

	for (uint64_t i = 0; i < RING_SECTORS; i++) {
		const struct ring_record *r = &ring[i];

		if (ring_valid(r) && r->sequence > 0 && (r->sequence - 1) % RING_SECTORS == i) {
			s.records++;
			if (r->sequence > s.highest)
				s.highest = r->sequence;
		} else if (memcmp(r, &empty, sizeof(empty)) != 0) {
			s.damaged++;
		}
	}
	uint64_t first = s.highest > RING_SECTORS ? s.highest - RING_SECTORS + 1 : 1;
	for (uint64_t n = first; n <= s.highest; n++) {
		const struct ring_record *r = &ring[(n - 1) % RING_SECTORS];

		if (!ring_valid(r) || r->sequence != n)
			s.holes++;
	}
	return s;
}

#endif

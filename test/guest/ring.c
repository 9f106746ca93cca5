/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ring FILE: says what the ring in the first MiB of a raw image holds, as one
 * JSON object. Exit status 0 when it has no hole and no damage, 1 when it has,
 * 2 when the file cannot be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ring.h"

int main(int argc, char **argv)
{
	static struct ring_record ring[RING_SECTORS];

	if (argc != 2) {
		fprintf(stderr, "usage: ring FILE\n");
		return 2;
	}
	FILE *file = fopen(argv[1], "rbe");
	if (!file || fread(ring, sizeof(ring), 1, file) != 1) {
		fprintf(stderr, "ring: %s: %s\n", argv[1],
			file && !ferror(file) ? "shorter than 1 MiB" : strerror(errno));
		if (file)
			fclose(file);
		return 2;
	}
	fclose(file);

	struct ring_state s = ring_examine(ring);
	printf("{\"highest\":%" PRIu64 ",\"records\":%" PRIu64 ",\"holes\":%" PRIu64 ",\"damaged\":%" PRIu64 "}\n",
	       s.highest, s.records, s.holes, s.damaged);
	return s.holes || s.damaged ? 1 : 0;
}

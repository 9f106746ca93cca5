/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which disks of a guest were selected, and where their files go: what --disk
 * and --storage say. Pure: nothing is looked up on a host, so links are not
 * followed. Begin with a zeroed struct; end with remap_clear().
 *
 * Two files can get the same new path (/a and /b both mapped to /c): who copies
 * has to look for that.
 */
#ifndef DOMAIN_REMAP_H
#define DOMAIN_REMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct disk_choice {
	char *target; /* "vda" */
	char *path;   /* of the active image; NULL: none given */
};

/* Both absolute, without double slashes, "." or "..", or a slash at the end; never "/". */
struct storage_map {
	char *from, *to;
};

struct remap {
	struct disk_choice *disks; /* none: all disks */
	size_t disks_n;
	struct storage_map *maps;
	size_t maps_n;
};

/*
 * An absolute path without double slashes, "." and "..", resolved as text, and without a slash at its end; "/" stays.
 * The caller frees.
 */
char *path_tidy(const char *path);

/* One --disk: "vda" or "vda=/new/path". 0, or -1 with E_USAGE; then r is as it was. */
int remap_add_disk(struct remap *r, const char *word, struct err *err);

/* One --storage: "/from=/to", parted at the first "=" before a "/". 0, or -1 with E_USAGE; then r is as it was. */
int remap_add_storage(struct remap *r, const char *word, struct err *err);

/* True when no disk was named, or this one was. */
bool remap_selects(const struct remap *r, const char *target);

/*
 * The new path of one file: the one given with --disk for the active image (depth 0), else by the longest --storage
 * directory it is in (or is), else a copy of path. By --storage "//", "." and ".." in path are resolved as text, so
 * that the new path is never outside of the new directory. Where disks were named, the files of the others keep their
 * paths (target NULL: of no disk that was named). The caller frees.
 */
char *remap_path(const struct remap *r, const char *target, size_t depth, const char *path);

void remap_clear(struct remap *r);
#define auto_remap AUTO(remap_clear)

#endif

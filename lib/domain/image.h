/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a host says of the files of a disk: the answer of
 *
 *     qemu-img info --output=json --backing-chain FILE
 *
 * an array from the active image down to its base; without --backing-chain it
 * is one object, the active image alone.
 *
 * The answer is a host's word, and plans are made of it: one field that is
 * missing, of a wrong type or beyond its bounds, and all of it is unusable.
 * Strings are UTF-8, otherwise as the host said them: sanitise before showing.
 */
#ifndef DOMAIN_IMAGE_H
#define DOMAIN_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum {
	IMAGE_JSON_MAX = 1 << 20, /* bytes; real ones have some KiB */
	IMAGE_STRING_MAX = 255,   /* bytes of what is no path */
};

/* 1 EiB: the largest virtual or actual size that is believed. */
#define IMAGE_SIZE_MAX (UINT64_C(1) << 60)

/* One image. Words of formats have only a-z, 0-9, "-", "_" and "."; paths are shorter than PATH_MAX, in one line. */
struct image_info {
	char *path;            /* filename as qemu-img opened it; with relative backing files it has ".." in it */
	char *format;          /* "qcow2", "raw", … */
	uint64_t virtual_size; /* bytes, as the guest sees it */
	uint64_t actual_size;  /* bytes on the host's storage; 0 also when the storage does not say */
	char *backing; /* backing file for the image as it lies now (a path, or "nbd://…", "json:{…"); NULL: none */
	char *backing_said;    /* backing file as in the header: may be relative; NULL: none */
	char *backing_format;  /* NULL: the header does not say */
	uint64_t cluster_size; /* 0: has none */
	bool dirty;
	/* only of qcow2; compat, refcount_bits and cluster_size are always there for it */
	char *compat; /* "0.10" or "1.1" */
	unsigned refcount_bits;
	bool lazy_refcounts, extended_l2, corrupt;
	char *compression_type; /* NULL: not said (QEMU before 5.1) */
	char *data_file;        /* external data file as in the header: may be relative; NULL: none */
	bool encrypted;         /* of any format */
	char *encrypt_format;   /* "luks", "aes"; NULL: qcow2 does not encrypt */
	struct strv snapshots;  /* names of internal snapshots */
	struct strv bitmaps;    /* names of persistent dirty bitmaps */
};

/* v[0] is the active image; v[i + 1] is the backing file of v[i]. Never empty once parsed. */
struct image_chain {
	struct image_info *v;
	size_t n;
};

/*
 * Reads len bytes of JSON. 0; or -1 with E_REMOTE that names the field, and out is as it was. Of an array each image
 * but the last has a backing file; of a single object nothing is known of what is below it.
 */
int image_chain_parse(const char *json, size_t len, struct image_chain *out, struct err *err);
void image_chain_clear(struct image_chain *c);
#define auto_image_chain AUTO(image_chain_clear)

/*
 * The text of -o with which qemu-img create makes an empty image of the same geometry and features. NULL: not qcow2, a
 * format without any. Backing file, encryption and external data file are not in it. The caller frees.
 */
char *image_create_options(const struct image_info *i);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The disks of a guest that moves together with them: which files stay, which are
 * copied while the guest runs, which have to be at the destination before, and
 * what both hosts say of each.
 *
 *  1. images_decide(), pure: the fate of every file, from the proof of storage and what the operator asked for
 *  2. images_collect(): asks both hosts about those that do not stay
 *  3. the checks of check/block.c, pure, over it; lib/migrate/ acts on it
 */
#ifndef CHECK_IMAGES_H
#define CHECK_IMAGES_H

#include "check/proof.h"
#include "domain/remap.h"
#include "host/files.h"

enum image_fate {
	IMAGE_STAYS,   /* shared, at the same path: nothing to do */
	IMAGE_COPIED,  /* an active image the guest writes: QEMU mirrors it into an empty one while the guest runs */
	IMAGE_FETCHED, /* never written: there with the same content, or brought there before the guest moves */
	IMAGE_UNKNOWN, /* it cannot be told whether it is shared */
	IMAGE_STUCK,   /* it would have to move, and cannot: problem says why */
};

/* One file of one disk. Pointers into the domain are borrowed. */
struct image_plan {
	const struct disk *disk;
	size_t depth; /* 0: the active image */
	const struct image *image;
	enum image_fate fate;
	const char *problem;           /* of IMAGE_STUCK */
	char *dst_path;                /* NULL where the image has no path */
	const struct image_info *info; /* qemu-img's, at the source; NULL: not asked or not to be had */
	bool other_file;               /* info is of another file than the one QEMU has open */
	struct file_fact src, dst;
	/* IMAGE_FETCHED that is there already */
	struct image_chain there;    /* what qemu-img says of it at the destination; n is 0 or 1 */
	enum fact same;              /* proven to be the same */
	char *differs;               /* why not, or why that cannot be told */
	char digest[DIGEST_HEX + 1]; /* of the source's, as digest_kind; "": not taken */
};

struct images {
	bool done; /* the hosts were asked */
	struct image_plan *v;
	size_t n;
	struct image_chain *chains; /* of each disk of the domain, as far as asked */
	struct err *chain_errs;     /* why not */
	size_t chains_n;
	const struct remap *remap;   /* of images_decide() */
	struct err src_err, dst_err; /* why nothing is known of the files on that side */
};
void images_clear(struct images *im);

/* Remembers digests, by host, device, inode, size and modification time of a file (libvirt
 * changes the owner, and so the change time, whenever a guest starts). All may be NULL: nothing is remembered. */
struct digest_cache {
	bool (*get)(void *arg, const char *host, const char *key, char hex[DIGEST_HEX + 1]);
	void (*put)(void *arg, const char *host, const char *key, const char *hex);
	void *arg;
};
/* file_digest() with the cache; f: what the host said of the file just now. */
int digest_cached(struct host *h, const char *path, const struct file_fact *f, enum digest_kind kind,
		  uint64_t cluster_size, const struct digest_cache *cache, char hex[DIGEST_HEX + 1], struct err *err);

/* Fills im->v: every file of every disk that has one. remap may be NULL. */
void images_decide(const struct domain *d, const struct storage_proof *p, const struct remap *remap, struct images *im);
/* One whose fate was unknown is proven not to be shared. */
void images_not_shared(struct images *im, struct image_plan *p);
/* The part of images_collect() that reads no file's content: for images_space(). */
void images_measure(struct host *src, struct host *dst, const struct domain *d, struct images *im);
/* Needs images_decide(). Never fails: what cannot be asked is unknown. */
void images_collect(struct host *src, struct host *dst, const struct domain *d, const struct digest_cache *cache,
		    struct images *im);

/* How its content is compared: not by the header where the backing file has another name over there. */
enum digest_kind image_digest_kind(const struct images *im, const struct image_plan *p);
/* The backing file as the header at the destination has to name it; NULL: it has none. Caller frees. */
char *image_backing_name(const struct images *im, const struct image_plan *p);
/* The next file of the same chain, or NULL. */
const struct image_plan *image_below(const struct images *im, const struct image_plan *p);
/* Has the guest any file that does not stay? */
bool images_move(const struct images *im);

/* Room a file will need at the destination, bytes: as much as it has now, and when it is full. */
struct space_need {
	char *path;
	uint64_t now, worst;
	bool fetched; /* needed once, however many guests want it */
};
struct space_needs {
	struct space_need *v;
	size_t n;
};
void space_needs_clear(struct space_needs *s);
/* Adds what im needs. */
void images_space(const struct images *im, struct space_needs *s);

#endif

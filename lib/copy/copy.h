/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One file (or block device) of the source on its way to the destination, byte for byte, in pieces; holes stay holes.
 * Each piece that is on the destination's disk is noted beside the file there, so whoever comes later goes on with
 * what is missing, after a crash or a reboot as well. What is sent goes from host to host.
 *
 *  1. copy_open(): the part at the destination, and what is there of it already
 *  2. copy_send(): all pieces that are missing; meanwhile the source takes its digest
 *  3. copy_verify(): both ends have the same content, and the source's file is the one it was in the beginning
 *  4. what follows is the caller's: part_finish(), and its name (host/files.h)
 *
 * The server at the destination is the caller's (host/files.h: receiver_begin(), server_begin()).
 */
#ifndef COPY_COPY_H
#define COPY_COPY_H

#include "base/ranges.h"
#include "host/files.h"

enum { COPY_PIECE = 128 << 20 }; /* bytes of data in one go: what is lost at most when something breaks */

struct copy_digest; /* the source's, under way */

struct copy_file {
	/* given; borrowed */
	const char *path; /* at the source */
	const struct file_fact *src;
	const char *part;       /* at the destination; of a block device its path */
	bool device;            /* that is a block device: it is written over, from its beginning each time */
	const char *machine_id; /* of the source, or NULL */
	/* found */
	bool opened, mapped;
	bool resumed;        /* something of it was there */
	bool retried;        /* a piece did not come through at once: its sender may live on somewhere */
	struct ranges data;  /* at the source */
	struct ranges there; /* already */
	uint64_t sent;       /* bytes of data, by us */
	struct copy_digest *digest;
};
void copy_file_clear(struct copy_file *f);

/* Where pieces go; strings owned. */
struct copy_where {
	char *address, *key, *export_name; /* address: or the path of a UNIX socket */
	unsigned port;
	unsigned bandwidth_mib; /* MiB/s of this piece; 0: no limit */
};
void copy_where_clear(struct copy_where *w);

/* What the caller does for a file that is sent. arg is passed to each. */
struct copy_link {
	unsigned retry_ms; /* a piece whose way broke is tried again for so long; 0: a minute */
	/* Asked before each piece. */
	int (*where)(void *arg, struct copy_where *w, struct err *err);
	/* After each that was asked for: it came through, or not. May be NULL. */
	void (*sent)(void *arg, bool came);
	/* The way broke. 0: it may work again; 1: not yet; -1 err: it will not. */
	int (*mend)(void *arg, struct err *err);
	/* Bytes of data that are there, out of so many. */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void (*note)(void *arg, const char *text);
	void *arg;
};

/* All: 0, or -1 with err: E_CANCELLED, E_COPY, E_SOURCE_CHANGED, or what a host's connection gives. */
int copy_open(struct host *src, struct host *dst, struct copy_file *f, struct err *err);
/* A way that broke is tried again, as long as the destination has room. */
int copy_send(struct host *src, struct host *dst, struct copy_file *f, const struct copy_link *link, struct err *err);
int copy_verify(struct host *src, struct host *dst, struct copy_file *f, const struct copy_link *link, struct err *err);
/* Any other step that can be done again: until it answers, or fails for another reason than a broken connection. */
int copy_insist(const struct copy_link *link, int (*step)(void *arg, struct err *err), void *arg, struct err *err);
/* Of a block device, which has no time of its last change: has it still the content that was copied? */
int copy_same_content(struct host *src, struct copy_file *f, struct err *err);
/* Is the source's file still the one of those facts, unchanged? -1: E_SOURCE_CHANGED. */
int copy_unchanged(struct host *src, const char *path, const struct file_fact *was, struct err *err);

#endif

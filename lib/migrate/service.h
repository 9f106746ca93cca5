/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A backing file out of an image service: which image it is, where that is to be had, and the download to the
 * destination, verified by the image's digest. The service is OpenStack's Glance, or any web server.
 *
 * Nothing that a service says is believed before it was looked at: not its JSON, not its sizes, and not its images.
 */
#ifndef MIGRATE_SERVICE_H
#define MIGRATE_SERVICE_H

#include "config/config.h"
#include "host/host.h"

/* What is wanted; borrowed. */
struct service_want {
	const char *path;     /* of the backing file on the destination */
	const char *src_path; /* on the source */
	const char *image_id; /* from nova's metadata, or NULL */
	const char *format;   /* the file must have: "raw", "qcow2" */
};

/*
 * Brings it to the file part on dst; one that is there is gone on with, "PART.download" as well, which is made when the
 * image must be converted. note: what is being done, for people.
 *
 * 1: the configuration names no image for this file. 0: part has the content, verified, in the wanted format; it is not
 * synced to disk. -1: E_FETCH; E_CONFIG for the token's file; or what the connection to dst gives. What was wrong is
 * removed, what is only unfinished stays.
 */
int service_fetch(const struct image_config *c, struct host *dst, const struct service_want *w, const char *part,
		  void (*note)(void *arg, const char *text), void *arg, struct err *err);

/* ---- the pure parts ---- */

/* The entry for it: by one of its paths, else by one of its names; NULL: none. */
const struct image_entry *service_match(const struct image_config *c, const struct service_want *w);

/* The image's description (data false) or content. Caller frees. NULL: id is no UUID. */
char *service_glance_url(const char *base, const char *id, bool data);

/* What Glance says of an image. */
struct service_image {
	uint64_t size;
	char format[8]; /* "raw", "qcow2" */
	char *digest;   /* "sha512:HEX"; NULL: Glance has none, or none of a kind that we trust */
};
/* 0; or -1 with E_FETCH and out unchanged. id: the one that was asked for. */
int service_parse_image(const char *json, size_t len, const char *id, struct service_image *out, struct err *err);

/* The token in a file on this machine; the caller erases and frees it. NULL with E_CONFIG. */
char *service_read_token(const char *path, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Downloads by a host itself, with curl: vmmig directs and verifies, the content never passes through this machine.
 *
 * URLs and tokens reach curl as a configuration on its standard input, so they are in no list of processes. What takes
 * as long as the data does (download, digest, conversion) has no limit of time, but ends on the host as well when it is
 * cancelled or the connection ends: its script watches its input.
 *
 * Errors are E_FETCH, or what host_exec_wait() gives; messages name URLs without user and query, and not the host.
 */
#ifndef HOST_DOWNLOAD_H
#define HOST_DOWNLOAD_H

#include "host/host.h"

enum { HTTP_GET_MAX = 1 << 20 }; /* bytes */

/*
 * A small answer, within half a minute. token: for X-Auth-Token, or NULL; redirects are followed only without one: they
 * would take it to another server. 0: *out has the content. -1: *http_status is what the server answered, or 0.
 */
int host_http_get(struct host *h, const char *url, const char *token, struct buf *out, unsigned *http_status,
		  struct err *err);

/*
 * Downloads to path, going on with what is there already, and by itself a few times when the transfer breaks. size:
 * bytes that it must have, 0: unknown. 0; 1: the same, but in more than one piece: a digest that is wrong may be the
 * fault of the pieces; -1: what has come stays there for the next time, unless the disk is full.
 */
int host_download(struct host *h, const char *url, const char *token, const char *path, uint64_t size,
		  unsigned *http_status, struct err *err);

/* algo: "sha256", "sha512". *hex: lower case; caller frees. */
int host_digest(struct host *h, const char *path, const char *algo, char **hex, struct err *err);

/* qemu-img convert; what was in to before is lost. */
int host_image_convert(struct host *h, const char *path, const char *format, const char *to, const char *to_format,
		       struct err *err);

/* ---- the pure parts ---- */

/* For messages: without user and query; caller frees. */
char *download_shown(const char *url);

/*
 * What curl reads; the caller erases and frees it. small: an answer, not a file. NULL: there is a control character in
 * one of the strings.
 */
char *download_config(const char *url, const char *token, bool small);

/* How one run of curl went. */
struct download_try {
	unsigned http_status;   /* 0: no answer */
	unsigned exit_status;   /* curl's, or 128 and a signal */
	uint64_t before, after; /* bytes of the file */
};
/* "HTTP EXIT BEFORE AFTER". -1: it is none. */
int download_parse_try(const char *line, struct download_try *t);

enum download_next {
	DOWNLOAD_DONE,
	DOWNLOAD_ON,       /* broken: once more, from where it is */
	DOWNLOAD_ANEW,     /* what is there cannot be continued: once more from the beginning */
	DOWNLOAD_FAILED,   /* as curl says, or by the HTTP status */
	DOWNLOAD_TOO_LONG, /* more than size */
	DOWNLOAD_NO_WRITE, /* a full disk, mostly */
};
/* got: something has come since host_download() began, so the server is one that works. */
enum download_next download_judge(const struct download_try *t, uint64_t size, bool got);

#endif

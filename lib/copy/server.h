/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The copy server of a call: one process at the destination that takes the data of all files that are to be copied
 * there at that time, from several clients at once. Used by several threads.
 *
 * It also deals out what they share: how many of them send at the same time, and the bandwidth.
 */
#ifndef COPY_SERVER_H
#define COPY_SERVER_H

#include "copy/copy.h"

struct copy_server;

struct copy_server_spec {
	const char *address; /* to listen on; NULL: all; "unix": a socket */
	unsigned port_min, port_max;
	unsigned streams;       /* so many pieces are on their way at once; at least 1 */
	unsigned bandwidth_mib; /* MiB/s, of all together; 0: no limit */
};

/* dst: sessions of its own, borrowed. NULL with err. files: at the destination; they are there. */
struct copy_server *copy_server_begin(struct host *dst, const struct copy_server_spec *spec, const struct strv *files,
				      struct err *err);
void copy_server_end(struct copy_server *s);

/*
 * Where a piece of that file goes. Takes one of the streams, and waits for it; copy_server_sent() gives it back. The
 * address of w is what the server listens on (NULL where that is a port: the caller knows the host's); generation: for
 * copy_server_mend(). -1: E_CANCELLED, or E_COPY: it serves no such file.
 */
int copy_server_where(struct copy_server *s, const char *file, struct copy_where *w, unsigned *generation,
		      struct err *err);
void copy_server_sent(struct copy_server *s, bool came);
/* How many pieces there may be at once: fewer when each would get less than 1 MiB/s. */
unsigned copy_server_streams(const struct copy_server *s);
/* The UNIX socket it listens on, or NULL; caller frees. */
char *copy_server_socket(struct copy_server *s);
/*
 * A piece did not come through: is the server of that generation there? It is made anew where it is not. 0: it is
 * there; 1: not now, the destination does not answer; -1 err: it cannot be made any more.
 */
int copy_server_mend(struct copy_server *s, unsigned generation, struct err *err);
/*
 * These files are not served any more. at_once: also not to a sender that was given up and may live on somewhere: the
 * server is made anew, and those who send something else at that moment do so once more. May be tried again.
 */
int copy_server_drop(struct copy_server *s, const struct strv *files, bool at_once, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UNIX sockets that lead from the source host to the destination: an ssh process of the source carries them, so that
 * no port need be open, and what goes through is encrypted.
 *
 * On both hosts there is a directory TUNNEL_DIR with sockets of the same names: at the destination QEMU makes them,
 * and listens; at the source ssh does. Only root and QEMU's own user can use them. Directory, sockets and ssh are held
 * by commands whose standard input is our session (host_hold_start()): when vmmig dies, or is killed, they go with it,
 * and so do all connections through them.
 */
#ifndef HOST_TUNNEL_H
#define HOST_TUNNEL_H

#include "host/host.h"

/* The names of the sockets. */
#define TUNNEL_MEMORY "memory"
#define TUNNEL_DISKS "disks"
#define TUNNEL_PROBE "probe"
#define TUNNEL_BACKING "backing"

/* "/run/vmmig-ID.tunnel", "/run/vmmig-ID.tunnel/NAME"; caller frees. */
char *tunnel_dir(const char *id);
char *tunnel_socket(const char *id, const char *name);

/* How root at the source logs in at the destination; strings owned. port, user: "" for what ssh there takes itself. */
struct tunnel_way {
	char *user, *address, *port;
};
void tunnel_way_clear(struct tunnel_way *w);
/* "root@10.0.0.2:2222" for people; caller frees. */
char *tunnel_way_text(const struct tunnel_way *w);

struct tunnel;

/*
 * The end at the destination: the directory, which belongs to the user that libvirt there runs QEMU as. probe: and a
 * program that listens on TUNNEL_PROBE. NULL with E_REMOTE and the like.
 */
struct exec_hold *tunnel_listen(struct host *dst, const char *id, bool probe, struct err *err);
/*
 * The end at the source: directory, ssh, and the sockets it makes for names (NULL-terminated), which belong to the
 * user of the QEMU process that runs guest uuid. A name may be "NAME=PATH": to that socket of the destination. Host
 * keys are checked strictly, and nobody is asked for anything.
 */
struct exec_hold *tunnel_connect(struct host *src, const char *id, const char *uuid, const struct tunnel_way *way,
				 const char *const names[], struct err *err);
/* Ends one of them. NULL: it went as it should; else why it had ended before, or what it said last; caller frees. */
char *tunnel_end(struct exec_hold *end);

/* Is there somebody at the other end of TUNNEL_PROBE? 1: yes; 0: no, *reason says why; -1 err: it cannot be tried. */
int tunnel_probe(struct host *src, const char *id, char **reason, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way memory and disks take from host to host: in the clear over TCP, with QEMU's own TLS, or through an SSH
 * connection of the source to the destination; and what goes together with what. Pure.
 */
#ifndef CHECK_TRANSPORT_H
#define CHECK_TRANSPORT_H

#include <stdbool.h>

enum transport { TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_SSH };
const char *transport_name(enum transport t);             /* "tcp", "tls", "ssh" */
int transport_parse(const char *word, enum transport *t); /* -1: no such word */

enum { PARALLEL_MAX = 64 };

/* What is asked for; and, for transport_problem(), of which hosts. */
struct wire {
	enum transport transport;
	unsigned parallel; /* connections for memory; 0 and 1: one, without VIR_MIGRATE_PARALLEL */
	bool postcopy;     /* post-copy may come into play */
};
bool wire_is_parallel(const struct wire *w);

/* Versions as libvirt tells them (major*1000000+minor*1000+micro); 0: not known. Of two hosts: the older one's. */
struct wire_versions {
	unsigned long libvirt, qemu;
};

/*
 * Why that cannot be done; NULL: it can, as far as is known. A static text. versions NULL: what no version can do,
 * which the options alone show.
 */
const char *transport_problem(const struct wire *w, const struct wire_versions *versions);
/* Does it depend on a version that is not known (0)? */
bool transport_unsure(const struct wire *w, const struct wire_versions *versions);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Things about two hosts that are proven by trying, not believed: whether they
 * share storage, and whether the source reaches the destination.
 */
#ifndef CHECK_PROOF_H
#define CHECK_PROOF_H

#include "host/facts.h"

enum shared {
	SHARED_UNKNOWN, /* could not be tried: unknown_because says why; never read as "no" */
	SHARED_NO,
	SHARED_YES,
};

/* One file of a backing chain, or a block device, and what both hosts say of it. */
struct image_proof {
	const struct disk *disk;
	const struct image *image;
	enum shared shared;
	enum side side;        /* whose fault it is when not SHARED_YES: SIDE_NONE if both's */
	char *reason;          /* why not or why unknown; never NULL then */
	bool dir_unwritable;   /* the reason is that no token could be made in the directory */
	bool libvirt_knows;    /* the file system type is one libvirt itself accepts as shared, on both sides */
	char *fs_src, *fs_dst; /* file system types as the hosts name them */
};

struct storage_proof {
	bool done; /* it was tried at all */
	struct image_proof *v;
	size_t n;
};
void storage_proof_clear(struct storage_proof *p);

/*
 * Beside every file of every disk: makes a token file on each side and reads it back, with its content, on the other;
 * then compares the disk file itself. Removes the tokens whatever happens. Read-only media (CD-ROM) are in it only
 * if media: for a live migration only their presence matters. Never fails.
 */
void storage_prove(struct host *src, struct host *dst, const struct domain *d, bool media, struct storage_proof *p);

struct connection_proof {
	bool no_port; /* given: no port is wanted, and none is tried */
	bool done;
	struct exec_job *login; /* under way: connection_begin() */
	/* how the source resolves the destination's libvirt host name */
	enum fact resolves;   /* NO: not at all, or to a loopback address, or to none of the destination's */
	char *resolved;       /* the address(es), for people */
	char *resolve_reason; /* when NO or UNKNOWN */
	/* can the source's libvirt log in to the destination's? */
	enum fact peer;
	char *peer_uri;
	char *peer_reason;
	/* a real TCP connection from the source to a listener on a migration port of the destination */
	enum fact port;
	char *port_address; /* what was connected to */
	unsigned port_number;
	char *port_reason;
	/* given: how fast is it? Some MiB are sent there, for about a second */
	bool measure;
	uint64_t bps;      /* bytes/s; 0: not known */
	char *bps_reason;  /* then why */
	char *migrate_uri; /* what to give to libvirt: "tcp://ADDR", or NULL when its own choice is right */
};
void connection_proof_clear(struct connection_proof *p);

/*
 * Starts what takes longest and needs no facts, the login of the source's libvirt at the destination's. Optional;
 * connection_prove() does it otherwise.
 */
void connection_begin(struct host *src, struct host *dst, struct connection_proof *p);

/*
 * Tries the three. dst_facts, src_facts: collected before (host name, addresses, port range, tools). Never fails.
 */
void connection_prove(struct host *src, struct host *dst, const struct host_facts *src_facts,
		      const struct host_facts *dst_facts, struct connection_proof *p);

/* "tcp://ADDRESS" with IPv6 in brackets; caller frees. */
char *proof_migrate_uri(const char *address);

#endif

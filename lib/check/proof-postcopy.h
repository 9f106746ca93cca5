/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Can the destination's QEMU do post-copy? It needs the kernel's userfaultfd, which Debian's and other kernels give
 * to root alone (sysctl vm.unprivileged_userfaultfd), while libvirt runs QEMU as a user of its own. QEMU is asked
 * itself, as that user.
 */
#ifndef CHECK_PROOF_POSTCOPY_H
#define CHECK_PROOF_POSTCOPY_H

#include "host/files.h"
#include "host/host.h"

struct postcopy_proof {
	bool done;
	enum fact works;
	char *reason; /* QEMU's or the host's words; when NO or UNKNOWN */
};
void postcopy_proof_clear(struct postcopy_proof *p);

/*
 * Starts emulator on dst without a guest, and asks it. uid, gid: what libvirt runs QEMU as; -1: not known, then as the
 * user that is logged in. Takes some 50 ms there. Never fails.
 */
void postcopy_prove(struct host *dst, const char *emulator, long uid, long gid, struct postcopy_proof *p);

/* Of the script's answer; pure. *reason is the caller's. */
enum fact postcopy_parse(const char *out, char **reason);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One act of a recovery under way: act.c, keep.c, evacuate.c. */
#ifndef RECOVER_ACT_PRIVATE_H
#define RECOVER_ACT_PRIVATE_H

#include "recover/act.h"

struct recovering {
	struct recovery *r;
	struct migration m; /* for its journal and looks: src is the host where the guest is kept, dst the other one */
	struct exec_hold *other_lease;
	size_t host;                                /* kill, keep: the other one */
	bool and_start;                             /* kill */
	const struct definition_record *definition; /* evacuate */
	const char *fence;
};

struct host *recovery_host(const struct recovery *r, size_t i);
/* E_NOT_PROVEN; -1. */
int recovery_refuse(const struct recovery *r, struct err *err, const char *why);
/* Says what will be done; true: it is a dry run, and that is all. */
bool recovery_told(struct recovery *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Is it active anywhere but at `host`, or may it be? NULL: no. */
const char *recovery_elsewhere(const struct recovery *r, size_t host);
/* Leases, record, a fresh look; fn; the record's end. */
int recovery_run(struct recovery *r, const char *what, size_t keep, size_t other,
		 int (*fn)(struct recovering *a, struct err *err), struct err *err);
/* from: where it comes from, for the record; NULL: the other one. */
int recovering_begin(struct recovery *r, struct recovering *a, const char *what, size_t keep, size_t other,
		     const char *from, struct err *err);
int recovering_end(struct recovering *a, int rc, const struct err *err);
bool recovering_becomes(struct recovering *a, bool (*is)(const struct recovering *a));
/* E_UNDECIDED with what both hosts show; -1. */
int recovering_failed(struct recovering *a, struct err *err, const char *what);
/* Looks once more at every host that has answered, but the one it is kept at. 0: it is not there; -1: E_NOT_PROVEN. */
int recovering_nowhere_else(struct recovering *a, struct err *err);
bool recovering_kept_runs(const struct recovering *a);
bool recovering_other_gone(const struct recovering *a);

/* evacuate-disks.c: is all that it is made of at that host, on storage that the dead one shared? -1: E_NOT_PROVEN. */
int evacuate_check_disks(struct recovery *r, struct host *to, const struct domain *d, struct err *err);
/* Tells what is lost with the dead host without keeping the guest from starting: NVRAM, TPM. -1: cannot be asked. */
int evacuate_say_lost(struct recovery *r, struct host *to, const struct domain *d, struct err *err);

#endif

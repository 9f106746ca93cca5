/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `vmmig recover` does about a guest, once its hosts have been looked at. Every act looks again at both sides
 * directly before it, under the lease of both, and has its line in the journal before it is done.
 */
#ifndef RECOVER_ACT_H
#define RECOVER_ACT_H

#include "migrate/migrate.h"
#include "recover/diagnosis.h"

struct recovery {
	/* given */
	const char *guest; /* what the operator called it */
	const char *uuid;
	const struct fleet *fleet;
	const struct presence *presences;
	struct diagnosis found;
	struct journal *journal;
	struct report *report;
	const struct move_options *opt;
	bool dry_run;
	bool acted;   /* out: something was done */
	bool *fenced; /* for each host of the fleet: a person has said that it is off, and stays so */
	/* Asks the operator; true: do it. */
	bool (*consent)(void *arg, const char *question);
	void *consent_arg;
};

/*
 * Each: 0, and it is done (or, dry_run, was only told); -1 err: E_NOT_PROVEN when what is seen does not allow it and
 * nothing was done, E_UNDECIDED when it did not have the effect it should have.
 *
 * recover_mend(): what a safe finding asks for (FOUND_FINISH, FOUND_ROLL_BACK).
 * recover_reset(): ends a migration job that goes nowhere; resumes a guest that a failed migration has left paused.
 * recover_keep(): the guest of that host stays; others are paused, then, with consent, stopped; their disks, where they
 *   are not shared, are put away, and their definitions removed.
 * recover_kill(): SIGKILL to its QEMU there, which neither monitor nor libvirt ends. Only if it is proven running on
 *   another host, or if it is to be started anew: and_start.
 * recover_reboot(): destroys it, and starts it from its definition on the same host.
 * recover_postcopy(): has the two halves go on; the migration gets a record of its own.
 */
int recover_mend(struct recovery *r, struct err *err);
int recover_reset(struct recovery *r, struct err *err);
int recover_keep(struct recovery *r, size_t host, struct err *err);
int recover_kill(struct recovery *r, size_t host, bool and_start, struct err *err);
int recover_reboot(struct recovery *r, struct err *err);
int recover_postcopy(struct recovery *r, struct err *err);

/*
 * Its host is dead: it is started on another one from shared storage. dead: index in the fleet; to: where it is to run.
 * definition: as the journal has it; without xml: the destination has one. fence: what makes sure that the dead host
 * stays so, run here; NULL: there is only the operator's word (fenced).
 */
int recover_evacuate(struct recovery *r, size_t dead, size_t to, const struct definition_record *definition,
		     const char *fence, struct err *err);

#endif

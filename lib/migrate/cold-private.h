/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the files of cold: what of a guest that is off is on its way. */
#ifndef MIGRATE_COLD_PRIVATE_H
#define MIGRATE_COLD_PRIVATE_H

#include "copy/copy.h"
#include "migrate/migrate.h"

struct cold_file {
	const struct image_plan *p;
	struct copy_file copy;
	char *part;             /* or the path of the block device it is written to */
	bool awaited;           /* another vmmig, or another guest of this call, brings it: a base of both */
	bool there;             /* nothing is to be done any more */
	bool taken;             /* somebody is at it */
	bool ours;              /* a base that we bring: its lock is to be held */
	struct exec_hold *lock; /* of a base, until it has its name: nobody else brings it */
	bool finished;          /* it is complete, and waits for its name */
	struct file_id id;      /* of a finished one */
	int64_t device_effect;
	size_t made; /* its place in m->made, plus one; 0: none */
	uint64_t done, total;
};

/* Lists the files that are to come, and takes the locks on those that only this guest writes (cold-files.c). */
int cold_files_begin(struct migration *m, struct err *err);
/* The lock on a base, and whether it is there by now. 1: it is ours to bring; 0: others do. */
int cold_base_lock(struct migration *m, struct cold_file *f, struct err *err);
/* Under that lock: 1: it is there, and the same; 0: it is to be copied. Reads both of them where it is there. */
int cold_base_look(struct migration *m, struct cold_file *f, struct err *err);
/* Its part, which is journalled before it comes to be. */
int cold_part_open(struct migration *m, struct cold_file *f, struct err *err);
/* A file that has come and was verified gets owner, mode, and the name of its backing file. */
int cold_part_finish(struct migration *m, struct cold_file *f, struct err *err);
/* And its own name. A base gets it at once, and is let go of. All of these may be tried again. */
int cold_publish(struct migration *m, struct cold_file *f, struct err *err);
/*
 * After a session broke: new ones, with the lease and the locks that the old ones held. 0; 1: a host does not answer
 * yet, or the old session holds one yet; -1 err.
 */
int cold_mend(struct migration *m, struct err *err);
/* For copy_insist(), where the copy server has no part in it; mends by cold_mend(). */
struct copy_link cold_link(struct migration *m);

/* What finish and recovery do alike (cold-finish.c): the destination's libvirt is told of the source's snapshots. */
int cold_add_snapshots(struct migration *m, struct err *err);
int cold_set_autostart(struct migration *m, struct err *err);
/* Of which state of the source's file a copy is (beside its part) need not be known any more; else m->left_open. */
void cold_forget_state(struct migration *m, const char *part);
/*
 * By the journal, of one whose vmmig is gone (cold-adopt.c). The first is for one that has moved; the second starts a
 * guest at the source that was shut down for its move, if it is off there, and nobody has started it since.
 */
int cold_forget_states(struct migration *m, struct err *err);
int cold_start_again(struct migration *m, struct err *err);

#endif

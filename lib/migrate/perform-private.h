/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the files of perform: the migration under way, as the one who watches it sees it. */
#ifndef MIGRATE_PERFORM_PRIVATE_H
#define MIGRATE_PERFORM_PRIVATE_H

#include "converge/converge.h"
#include "migrate/migrate.h"

struct watch {
	struct migration *m;
	struct meter meter;
	struct sample_record samples[8]; /* not in the journal yet */
	size_t samples_n;
	int64_t sampled_ms;
	struct converge_policy policy; /* may change under way: vmmig tune */
	struct converge converge;
	int64_t begin_ms, drawn_ms, polled_ms;
	uint64_t bandwidth_mib;                /* of all together; 0: no limit */
	int64_t abort_since_ms, abort_last_ms; /* 0: no abort asked */
	bool postcopy;                         /* from here on there is no way back */
	bool widened;                          /* memory has got the whole bandwidth */
	uint64_t processed;                    /* bytes sent when the job last moved */
	int64_t moved_ms, cut_ms;              /* when it did; when connections were last looked at to be cut */
	unsigned cuts;                         /* how often QEMU's connections were */
	bool dst_lost;                         /* the destination's connection to this machine has broken, too */
	int64_t looked_ms, ended_ms;           /* when the source was looked at; since when its QEMU is gone */
};

/* One round of watching: requests, signals, statistics, and what follows from them. True: given up waiting (perform.c).
 */
bool watch_round(struct watch *w);
/* Reads the statistics, shows them, keeps them for the journal, and steers by them (watch.c). */
void watch_read(struct watch *w);
/* What was kept goes into the journal. */
void watch_flush(struct watch *w);
/* Asks libvirt to stop the job, again and again until it has; why: E_CANCELLED, E_DEADLINE, E_CONVERGE (steer.c). */
void steer_abort(struct watch *w, enum err_id why);
/* Switches to post-copy: from then on there is no way back. */
int steer_postcopy(struct watch *w, struct err *err);
/* Another downtime is allowed, ms: a lower one holds when this comes back with 0; else nothing has changed. */
int steer_cap(struct watch *w, uint64_t cap_ms, struct err *err);
/* One step of the convergence policy. */
void steer(struct watch *w, const struct converge_reading *r);
/* So much for each of the streams there are now, when all together may have mib (0: no limit): what libvirt is given.
 */
uint64_t watch_bandwidth(const struct watch *w, uint64_t mib);
/*
 * Watches the job at the source, as perform_call() does, until it is gone, or will not end: m->claim stays what it is.
 * cancel: it is stopped at once. False: given up waiting, and m->claim says why (follow.c).
 */
bool follow_job(struct migration *m, bool cancel);
/* Requests of other terminals, from the journal: some twice a second (control.c). */
void control_poll(struct watch *w);
/* Those that were left for a vmmig that is gone are answered so: whoever asked has gone on. -1: they may still be
 * there. */
int control_forget(struct migration *m, struct err *err);
/* Ends the source's connections when a mirror, or libvirt itself, waits for a network or host that is gone (stuck.c).
 */
void stuck_cut(struct watch *w);
/* Has the source's QEMU been gone for so long that libvirt will not tell? */
bool stuck_ended(struct watch *w);

/* Makes and tells the forecast once the guest is measured and the migration's rate known, bytes/s (foresight.c). */
void foresight_poll(struct migration *m, uint64_t bps);
/* How much memory the guest changed in how long a time before; NULL: not known. */
const struct forecast_point *foresight_point(const struct migration *m);
/* One call of libvirt's, watched to its end: m->move says which. 0: m->claim has its answer. */
int perform_call(struct migration *m, struct err *err);
/* What both hosts show of the guest now; -1: one of them cannot be asked (rescue.c). */
int ask_both(struct migration *m, struct err *err);
/* By what was seen last: was post-copy interrupted? */
bool rescue_is_due(const struct migration *m);
/*
 * Helps it to go on until it does, for five minutes or until a signal; nothing is stopped here: the guest runs at the
 * destination, and waits for memory that only the source has. 0: finish finds out how it ended.
 */
int rescue_run(struct migration *m, struct err *err);

#endif

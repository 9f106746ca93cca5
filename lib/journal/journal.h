/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal: what vmmig meant to do, did, and found. It speaks of records:
 * a migration has effects (each written before it is caused, with its result
 * after) and events (for people). Kept in sqlite; several vmmig of one control
 * machine share it. Secrets are never written.
 *
 * Every function returns 0 or -1 with E_JOURNAL. A record is on disk when its function returns.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct journal;

/* The names of a migration's status, as StratoVirt's query has them. */
enum migration_status { MIG_NONE, MIG_SETUP, MIG_ACTIVE, MIG_COMPLETED, MIG_FAILED, MIG_CANCELLED };
const char *migration_status_name(enum migration_status s); /* "none", "setup", … */

/* NULL where a string is not known; owned. */
struct migration_record {
	char id[32]; /* "20261121-120102-3f9a1c" : wall time (UTC) and random */
	char *guest, *uuid;
	char *mode;      /* "live", "block" */
	char *from, *to; /* host names */
	enum migration_status status;
	char *phase;                    /* last phase entered: "begin", … */
	int64_t started_ms, ended_ms;   /* wall clock; ended 0: not yet */
	pid_t pid;                      /* of the vmmig that runs or ran it, on control machine `control` */
	uint64_t pid_start;             /* that process's start time, /proc/PID/stat field 22: tells a recycled pid */
	char *control;                  /* host name of that machine */
	char *boot;                     /* its boot ID then, or NULL: no process outlives a reboot */
	int exit_status;                /* -1: not ended */
	char *error_id, *error_message; /* or NULL */
	uint64_t total_ms, downtime_ms, bytes;
	uint64_t max_downtime_ms; /* what is allowed; 0: not known yet */
	bool autostart;           /* the guest started with its host */
	bool new_there;           /* the destination did not know it before: a definition there is this migration's */
	bool leftover;            /* it has ended, and something is left to be done at a host that did not answer */
};
void migration_record_clear(struct migration_record *r);

/*
 * Opens, making file (mode 0600) and directories (mode 0700) when missing. A newer schema than ours, a foreign or
 * damaged file, one that may only be read: E_JOURNAL, and the file stays as it is. A handle may be used by several
 * threads, but not across a fork. Another process that writes is waited for, for about 5 s.
 */
struct journal *journal_open(const char *path, struct err *err);
/* One that nobody will read: for whoever has to act although the journal cannot be opened. */
struct journal *journal_open_memory(struct err *err);
void journal_close(struct journal *j);
AUTO_DEFINE(journal, struct journal *, journal_close)
#define auto_journal AUTO(auto_journal_)

/*
 * Begins a record: fills id, started_ms, pid, pid_start, control, boot, status MIG_SETUP, exit_status -1; guest (not
 * NULL), uuid, mode, from, to, phase are the caller's.
 */
int journal_begin(struct journal *j, struct migration_record *r, struct err *err);
/* Writes status, phase, exit_status, error, totals, max_downtime_ms, autostart and ended_ms of r. */
int journal_update(struct journal *j, const struct migration_record *r, struct err *err);

/* Another process, ours, runs it from now on, and it has not ended: fills and writes pid, pid_start, control, boot. */
int journal_take_over(struct journal *j, struct migration_record *r, struct err *err);

/* Before a side effect: what, where. *effect is its handle. kind: "max-downtime", "resume", "autostart", "undefine", …
 */
int journal_intent(struct journal *j, const char *migration, const char *host, const char *kind, const char *object,
		   int64_t *effect, struct err *err);
/* After it: result "done", "failed: …", "undone"; of files also "made DEV:INO", "done DEV:INO", "left: …". */
int journal_result(struct journal *j, int64_t effect, const char *result, struct err *err);

/*
 * What a file's content was: remembered by host and by what tells this state of the file from any other. hex: size
 * bytes with the NUL. get: true if it is known.
 */
bool journal_digest_get(struct journal *j, const char *host, const char *key, char *hex, size_t size);
void journal_digest_put(struct journal *j, const char *host, const char *key, const char *hex);

/*
 * How a guest was defined on a host when it was seen last there, without secrets: all that is left of it when that host
 * dies (definition.c). get: the newest of that guest (name or UUID) and host: 0, or 1 if there is none; xml and uuid
 * are the caller's.
 */
struct definition_record {
	char *uuid, *host, *guest, *xml;
	bool autostart;
	int64_t at_ms;
};
void definition_record_clear(struct definition_record *d);
/* All of them, or none. */
int journal_definitions_put(struct journal *j, const struct definition_record *v, size_t n, struct err *err);
int journal_definition_get(struct journal *j, const char *guest, const char *host, struct definition_record *out,
			   struct err *err);

int journal_event(struct journal *j, const char *migration, const char *text, struct err *err);

struct effect_record {
	int64_t seq;
	int64_t at_ms;
	char *host, *kind, *object;
	char *result; /* NULL: intended, result never written */
};
struct event_record {
	int64_t at_ms;
	char *text;
};

/* Migrations, newest first. guest NULL: all (matches name or UUID); unfinished: only those without end, and undecided
 * ones (exit status 4), unless the guest has moved well since, and those with a leftover; limit 0: all.
 */
int journal_list(struct journal *j, const char *guest, bool unfinished, unsigned limit, struct migration_record **out,
		 size_t *n, struct err *err);
void journal_list_free(struct migration_record *v, size_t n);
/* One by its ID: 0, or 1 if there is none. */
int journal_find(struct journal *j, const char *id, struct migration_record *out, struct err *err);
int journal_effects(struct journal *j, const char *migration, struct effect_record **out, size_t *n, struct err *err);
void journal_effects_free(struct effect_record *v, size_t n);
int journal_events(struct journal *j, const char *migration, struct event_record **out, size_t *n, struct err *err);
void journal_events_free(struct event_record *v, size_t n);

/* ---- how a migration went (run.c) ---- */

/* One reading of its statistics; bytes, bytes/s. */
struct sample_record {
	int64_t at_ms; /* wall clock */
	uint64_t iteration;
	uint64_t memory_remaining, memory_processed, disk_remaining, disk_processed;
	uint64_t bps, dirty_bps;
	uint64_t max_downtime_ms; /* the limit that was set then */
	int throttle;             /* percent */
	bool postcopy;
};
/* All of them, or none. */
int journal_samples_add(struct journal *j, const char *migration, const struct sample_record *v, size_t n,
			struct err *err);
/* In the order of time; caller frees *out. */
int journal_samples(struct journal *j, const char *migration, struct sample_record **out, size_t *n, struct err *err);

/* What was decided under way, and why. action: "max-downtime", "postcopy", "suspend", "abort", "wait". */
struct decision_record {
	int64_t at_ms;
	char *action;
	uint64_t value; /* of "max-downtime": ms; else 0 */
	char *reason;
};
int journal_decision(struct journal *j, const char *migration, const char *action, uint64_t value, const char *reason,
		     struct err *err);
int journal_decisions(struct journal *j, const char *migration, struct decision_record **out, size_t *n,
		      struct err *err);
void journal_decisions_free(struct decision_record *v, size_t n);

/* ---- what another vmmig asks of the one that runs it (request.c) ---- */

/* kind: "cancel", "postcopy", "max-downtime" (ms), "bandwidth" (MiB/s), "timeout" (s). */
struct request_record {
	int64_t seq, at_ms;
	char *kind;
	uint64_t value;
	char *answer; /* NULL: not answered yet */
};
int journal_request(struct journal *j, const char *migration, const char *kind, uint64_t value, int64_t *seq,
		    struct err *err);
/* Those without an answer, in their order. */
int journal_requests(struct journal *j, const char *migration, struct request_record **out, size_t *n, struct err *err);
void journal_requests_free(struct request_record *v, size_t n);
/* answer: "done", or why not. */
int journal_answer(struct journal *j, int64_t seq, const char *answer, struct err *err);
/* 0, *answer is the caller's; 1: there is none yet. */
int journal_answer_get(struct journal *j, int64_t seq, char **answer, struct err *err);

/* Is the process that the record names still there? 1 yes, 0 no, -1: on another control machine, cannot be told. */
int migration_process_alive(const struct migration_record *r);

#endif

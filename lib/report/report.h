/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One stream of events, two renderings: for people (report/human.c) and one
 * JSON object a line (report/json.c, vmmig-json(5)). Whatever came from a host is
 * sanitised here, at the way out. A report may be used from one thread.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "check/check.h"
#include "journal/journal.h"

/* One disk on its way; bytes. Borrowed. */
struct disk_progress {
	const char *target;
	uint64_t total, processed;
};

/* One reading of a migration under way. */
struct progress {
	const char *phase;
	struct job_stats stats;
	uint64_t iteration;              /* since this migration began */
	uint64_t bps;                    /* bytes/s of the last seconds; 0: too early to tell */
	uint64_t dirty_bps;              /* bytes/s the guest dirties */
	int64_t eta_ms;                  /* -1: not to be told, it does not shrink */
	int64_t eta_low_ms, eta_high_ms; /* between these it should end; -1: not known, or never at these rates */
	unsigned percent;                /* of the time it takes, as far as known; never less than before, 99 at most */
	char held[96];                   /* why percent does not grow though time goes by; "": it does */
	uint64_t max_downtime_ms;
	int64_t elapsed_ms;
	bool postcopy;
	const struct disk_progress *disks; /* those that are copied */
	size_t disks_n;
};

/* The end of one guest's migration. */
struct result {
	enum migration_status status;
	enum status exit;
	const char *mode, *from, *to;
	uint64_t total_ms, downtime_ms, bytes;
	bool have_downtime;    /* libvirt told it */
	bool dry_run;          /* nothing was done */
	const struct err *err; /* or NULL */
};

struct report;
struct report_ops {
	void (*check)(struct report *r, const struct finding *f);
	void (*phase)(struct report *r, const char *phase, const char *side, const char *state, int64_t ms);
	void (*progress)(struct report *r, const struct progress *p);
	void (*forecast)(struct report *r, const struct guest_forecast *f);
	/* What was decided under way: value is that of "max-downtime", ms; needed_ms 0: not known. */
	void (*decision)(struct report *r, const char *action, uint64_t value, uint64_t needed_ms, const char *reason);
	void (*note)(struct report *r, const char *text);
	void (*error)(struct report *r, const struct err *err);
	void (*result)(struct report *r, const struct result *res);
	/* Any other object: people see the text, machines the object (stolen). */
	void (*object)(struct report *r, const char *text, json_t *object);
};
extern const struct report_ops report_ops_human, report_ops_json;

struct report {
	const struct report_ops *ops;
	FILE *out;     /* results; JSON */
	FILE *diag;    /* errors, hints, progress */
	bool terminal; /* diag is one: draw progress */
	bool color, quiet;
	const char *guest;     /* current guest, or NULL */
	const char *migration; /* current migration's ID, or NULL */
	bool drawn;            /* a progress line stands on the terminal */
	unsigned columns;      /* of the terminal; 0: not known */
	/* Called once, when libvirt is seen at work on the guest; may be NULL. */
	void (*under_way)(void *arg);
	void *under_way_arg;
};

enum { REPORT_TEXT_MAX = 4096 }; /* bytes of one message shown */

/* A string that came from elsewhere, sanitised, as JSON; NULL becomes null. */
json_t *report_json_text(const char *s);
/* A wall-clock time (ms since 1970) as JSON; 0 becomes null. */
json_t *report_json_time(int64_t wall_ms);
/* An object with its event and time set; more is the caller's. */
json_t *report_json_event(const char *name);

/* Rates out of successive readings. */
enum { METER_READINGS = 64 };
struct meter_reading {
	int64_t at_ms;
	uint64_t processed;
};
struct meter {
	struct meter_reading readings[METER_READINGS]; /* a ring: the newest before next */
	size_t next, n;
	uint64_t first_iteration;
	unsigned percent;
	uint64_t best_bps;
	uint64_t memory; /* bytes of RAM that will follow while only disks are on their way; 0: not said */
	bool begun;
};
/*
 * Pure: takes a reading at now_ms (of the job's own time_elapsed_ms, where that is told) and fills p's rates and ETA.
 * The rate is that of the last three seconds, and of no less than half a second. p->elapsed_ms and p->postcopy are the
 * caller's.
 */
void meter_read(struct meter *m, const struct job_stats *s, int64_t now_ms, struct progress *p);

#endif

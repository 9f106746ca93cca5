/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks before a migration. A check is a row of a table (check/table.c):
 * a stable ID, the modes it applies to, how bad a finding is, what it verifies,
 * what to do about it, and a pure function over what was collected before. All
 * of them run, also after one has found something.
 *
 *  1. check_collect(): asks both hosts at once (facts, storage proof, connections)
 *  2. check_run(): the table over it; findings come out
 *  3. check_refusal(): the findings as one error, if any of them refuses
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/images.h"
#include "check/proof-postcopy.h"
#include "check/proof.h"
#include "check/wire.h"
#include "converge/forecast.h"
#include "host/facts.h"

enum mode { MODE_LIVE = 1, MODE_BLOCK = 2, MODE_COLD = 4 };
const char *mode_name(enum mode m);
int mode_parse(const char *word, enum mode *m); /* -1: none */

enum severity {
	SEVERITY_ERROR,   /* refuses the migration, unless --skip-check names it */
	SEVERITY_WARNING, /* is said; the migration goes on */
};

/* What one check found about one object. */
enum finding_status { FINDING_FAILED, FINDING_WARNING, FINDING_UNKNOWN, FINDING_SKIPPED };
const char *finding_status_name(enum finding_status s); /* "failed", "warning", "unknown", "skipped" */

struct check;
struct finding {
	const struct check *check;
	enum finding_status status;
	enum side side; /* where */
	char *host;     /* that host's name, or NULL for SIDE_NONE */
	char *object;   /* "disk vda: /srv/web1.qcow2", "bridge br0"; never NULL */
	char *message;  /* what is wrong, with the values that disagree */
	char *hint;     /* what to do; NULL: the check's own hint */
};

struct findings {
	struct finding *v;
	size_t n;
	const struct strv *skip;   /* IDs of --skip-check */
	const struct check *check; /* the one that runs */
	const struct check_input *in;
};
void findings_clear(struct findings *f);

/* A forecast, from what was collected and from the guest, which is measured (forecast.c). */
struct guest_forecast {
	struct forecast_input input;
	struct forecast forecast;
	char *text;    /* a sentence for people; never NULL */
	char *unknown; /* why there is none, or NULL */
};
void guest_forecast_clear(struct guest_forecast *f);
/* What the images that are copied hold, bytes. */
uint64_t images_bytes(const struct images *im);

/* What was collected; the checks read only this. */
struct check_input {
	enum mode mode;
	const char *src_name, *dst_name; /* names of the hosts */
	const char *src_uri, *dst_uri;   /* how people reach their libvirt, for hints */
	const struct domain *domain;
	struct guest_look look; /* on the source */
	bool will_shut_down;    /* cold: the guest may run, and will be shut down */
	struct host_facts src, dst;
	struct wire wire; /* what was asked for */
	struct storage_proof storage;
	struct connection_proof connection;
	/* for a forecast, which takes some seconds: what the migration may take; borrowed */
	bool want_forecast;
	const struct converge_policy *policy;
	unsigned bandwidth_mib;         /* MiB/s; 0: no limit */
	struct guest_forecast forecast; /* text NULL: none was wanted */
	struct tunnel_proof tunnel;     /* transport ssh */
	struct tls_proof tls;           /* transport tls */
	struct postcopy_proof postcopy; /* where it may come into play */
	uint64_t also_incoming_kib;     /* memory of the other guests of this call that are still to arrive */
	/* disks that move along (block) */
	const struct remap *remap; /* what was asked for; NULL: nothing special */
	const struct digest_cache *digests;
	uint64_t reserve; /* bytes that are to stay free on each file system of the destination */
	bool fetch_from_service_only;
	struct space_needs also_space;      /* of the other guests of this call that are still to arrive; borrowed */
	const struct file_fact *also_facts; /* of each of them; borrowed */
	struct images images;
};
void check_input_clear(struct check_input *in);

struct check {
	const char *id; /* "E-…" refuses, "W-…" warns */
	unsigned modes; /* enum mode, or-ed */
	enum severity severity;
	const char *subject; /* heading in the manual: "guest", "hosts", "cpu", "memory", "devices", "network",
				"storage", "connection" */
	const char *text;    /* what holds when the check passes; one sentence for the manual */
	const char *hint;    /* what to do when it does not */
	void (*fn)(const struct check_input *in, struct findings *f);
};
extern const struct check check_table[];
extern const size_t check_table_n;
const struct check *check_find(const char *id);

/*
 * For check functions: report about an object on a side. found(): the check's severity;
 * found_unknown(): it could not be told (refuses like an error where the check's severity is error).
 * object is a plain string, what follows a format: found(f, SIDE_DESTINATION, "bridge br0", "is down"). Both may
 * have hosts' words in them: they are sanitised here.
 */
void found(struct findings *f, enum side side, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void found_unknown(struct findings *f, enum side side, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A hint for the finding just reported, in place of the check's; every %s is quoted as a shell word (quote_printf()).
 */
void found_hint(struct findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Asks both hosts at once what the checks of `mode` need to know about the domain. in must be zeroed but
 * for mode, domain, look, wire and what the other guests and the operator bring in (also_incoming_kib, remap, …). Never
 * fails: what cannot be asked is unknown.
 */
void check_collect(struct host *src, struct host *dst, struct check_input *in);

/* Runs every row that applies to in->mode. skip: IDs whose findings do not refuse. */
void check_run(const struct check_input *in, const struct strv *skip, struct findings *out);

/* 0 if nothing refuses; else -1 and err is the first refusing finding (its ID, STATUS_REFUSED). */
int check_refusal(const struct findings *f, struct err *err);
/*
 * A guest that is in the wrong state for its mode, of which nothing else can be checked: E-GUEST-STATE. 0: it is in the
 * right one.
 */
int check_refuse_state(struct host *src, enum mode mode, bool will_shut_down, const struct guest_look *l,
		       struct err *err);
bool finding_refuses(const struct finding *f);
/* "destination beta: bridge br0: is down"; caller frees. */
char *finding_text(const struct finding *f);
const char *finding_hint(const struct finding *f);

#endif

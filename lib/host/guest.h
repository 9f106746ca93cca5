/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest as seen on one host: what the phases of a migration look at and do.
 * Guests are named by UUID everywhere but in guest_find(). Behind each call stands
 * struct guest_ops, so that unit tests can let the n-th call fail.
 */
#ifndef HOST_GUEST_H
#define HOST_GUEST_H

#include "domain/domain.h"
#include "host/host.h"

/* libvirt's virDomainState, with the two answers that are none. */
enum guest_state {
	GUEST_UNKNOWN, /* the host could not be asked: never read it as "absent" */
	GUEST_ABSENT,  /* the host answered: neither running nor defined */
	GUEST_RUNNING,
	GUEST_BLOCKED,
	GUEST_PAUSED,
	GUEST_SHUTDOWN, /* being shut down */
	GUEST_SHUTOFF,
	GUEST_CRASHED,
	GUEST_PMSUSPENDED,
};
const char *guest_state_name(enum guest_state s);

/* Why, as far as it matters to a migration; GUEST_WHY_OTHER for the rest. */
enum guest_why {
	GUEST_WHY_OTHER,
	GUEST_WHY_USER,      /* paused by someone */
	GUEST_WHY_MIGRATION, /* paused: a migration goes on or has just ended; running: arrived by one */
	GUEST_WHY_IOERROR,
	GUEST_WHY_STARTING_UP,
	GUEST_WHY_POSTCOPY, /* running or paused in post-copy */
	GUEST_WHY_POSTCOPY_FAILED,
	GUEST_WHY_MIGRATED, /* shut off: it left by a migration */
	GUEST_WHY_SHUTDOWN, /* shut off by the guest or on request */
	GUEST_WHY_DESTROYED,
	GUEST_WHY_CRASHED,
	GUEST_WHY_FAILED,
	GUEST_WHY_MIGRATION_CANCELED, /* running: a migration was cancelled */
};
const char *guest_why_name(enum guest_why w);

enum guest_job { GUEST_JOB_UNKNOWN, GUEST_JOB_NONE, GUEST_JOB_MIGRATION_OUT, GUEST_JOB_MIGRATION_IN, GUEST_JOB_OTHER };
const char *guest_job_name(enum guest_job j);

/* What a job does with a disk, whoever has begun it; BLOCK_JOB_OTHER for the rest. */
enum block_job_kind { BLOCK_JOB_OTHER, BLOCK_JOB_PULL, BLOCK_JOB_COPY, BLOCK_JOB_COMMIT, BLOCK_JOB_BACKUP };
const char *block_job_name(enum block_job_kind k);

struct block_job {
	char *target; /* "vda" */
	enum block_job_kind kind;
	uint64_t total, processed; /* bytes, as libvirt tells them */
};

/* Of all disks of a guest. */
struct block_jobs {
	bool known; /* libvirt was asked, and has answered */
	struct block_job *v;
	size_t n;
};
void block_jobs_clear(struct block_jobs *j);

/* One look at one host. */
struct guest_look {
	enum guest_state state;
	enum guest_why why;
	enum guest_job job;
	char *uuid, *name; /* NULL when absent */
	bool persistent, autostart;
	bool saved;                   /* it has a managed save image: it would go on from there when it is started */
	bool silent;                  /* QEMU's monitor does not answer libvirt, or has not for some seconds */
	int qemu_pids;                /* processes with this UUID in their arguments; -1: not looked or not known */
	char *unknown_because;        /* state GUEST_UNKNOWN: the reason, for people */
	struct block_jobs block_jobs; /* a look does not ask for them: guest_block_jobs() */
};
void guest_look_clear(struct guest_look *l);
#define auto_look AUTO(guest_look_clear)
/* QEMU is there for it: running, paused, blocked, in shutdown, pm-suspended or crashed and kept. */
bool guest_is_active(const struct guest_look *l);
bool guest_is_running(const struct guest_look *l); /* running or blocked */

/* Statistics of a migration job; bytes, ms, bytes/s. Values libvirt did not give are 0. */
struct job_stats {
	enum guest_job job;
	bool completed; /* statistics of a job that has ended */
	uint64_t time_elapsed_ms, downtime_ms, downtime_net_ms, setup_ms;
	uint64_t data_total, data_processed, data_remaining;
	uint64_t mem_total, mem_processed, mem_remaining, mem_bps, mem_dirty_rate_pps, mem_page_size;
	uint64_t mem_iteration; /* not reset by a cancelled job: subtract its value at the start */
	uint64_t mem_postcopy_requests;
	uint64_t disk_total, disk_processed, disk_remaining, disk_bps;
	int auto_converge_throttle; /* percent */
};

/* What virDomainMigrateToURI3 or virDomainMigrate3 is to do. Strings owned. */
struct guest_move {
	bool peer2peer; /* false: controlled from here over both connections */
	bool persistent, undefine_source, unsafe, postcopy;
	bool resume;                  /* of post-copy that was interrupted: both halves are there */
	bool auto_converge;           /* QEMU slows the guest down when it changes more than half of what is sent */
	bool tls;                     /* QEMU's own, for memory and disks */
	unsigned parallel;            /* connections for memory; 0: one, as QEMU does by itself */
	char *peer_uri;               /* peer2peer: the destination's libvirt as the source reaches it */
	char *migrate_uri;            /* tcp://ADDRESS, unix://PATH, or NULL: libvirt's own choice */
	char *disks_uri;              /* unix://PATH, or NULL: where memory goes */
	char *tls_destination;        /* the name in the destination's certificate; NULL: the address */
	unsigned bandwidth_mib;       /* MiB/s, of memory and of each disk; 0: no limit */
	struct strv disks;            /* targets of the disks to be copied; none: the storage is shared */
	bool incremental;             /* only the active images, over backing files that are there */
	char *dest_xml, *persist_xml; /* where paths change; may hold secrets: never shown */
};
void guest_move_clear(struct guest_move *m);
struct guest_move guest_move_copy(const struct guest_move *m);

/* Which of a domain's descriptions. */
enum guest_xml {
	GUEST_XML_NOW,        /* as it runs, with backing chains, without secrets */
	GUEST_XML_MOVE,       /* as a destination takes it, with secrets */
	GUEST_XML_PERSISTENT, /* as it is defined, with secrets */
	GUEST_XML_DEFINED,    /* the same without them */
};

/* The copy of one disk under way; bytes. */
struct disk_job {
	bool found;
	uint64_t total, processed;
};

/* What was measured of a running guest; bytes, ms. */
struct guest_measure {
	uint64_t resident; /* memory it has ever used, which is what has to be sent; 0: not known */
	uint64_t changed;  /* different memory it has changed within ms */
	uint64_t ms;
};

/* What QEMU itself says of a migration: libvirt's "failed" may be about libvirt's own connection. */
enum guest_stream { STREAM_NONE, STREAM_ACTIVE, STREAM_PAUSED /* it is dead, and QEMU knows */, STREAM_ENDED };

struct guest_ops {
	int (*find)(struct host *h, const char *name, struct guest_look *l, struct err *err);
	int (*look)(struct host *h, const char *uuid, bool processes, struct guest_look *l, struct err *err);
	char *(*xml)(struct host *h, const char *uuid, enum guest_xml kind, struct err *err);
	int (*migrate)(struct host *src, struct host *dst, const char *uuid, const struct guest_move *m,
		       struct err *err);
	int (*job)(struct host *h, const char *uuid, bool completed, struct job_stats *s, struct err *err);
	int (*age)(struct host *h, const char *uuid, uint64_t *seconds, struct err *err);
	int (*measure_start)(struct host *h, const char *uuid, unsigned seconds, struct err *err);
	/* 1: *changed is there, bytes; 0: not yet */
	int (*measure_read)(struct host *h, const char *uuid, unsigned seconds, uint64_t *changed, struct err *err);
	int (*cut)(struct host *h, const char *uuid, const struct strv *addresses, unsigned port_min, unsigned port_max,
		   struct err *err);
	int (*cut_silent)(struct host *h, const struct strv *addresses, unsigned min_ms, unsigned max_ms, unsigned *n,
			  struct err *err);
	int (*disk_job)(struct host *h, const char *uuid, const char *target, struct disk_job *j, struct err *err);
	int (*block_jobs)(struct host *h, const char *uuid, struct block_jobs *j, struct err *err);
	int (*set_max_speed)(struct host *h, const char *uuid, uint64_t mib_s, struct err *err);
	int (*abort_job)(struct host *h, const char *uuid, struct err *err);
	int (*get_max_downtime)(struct host *h, const char *uuid, uint64_t *ms, struct err *err);
	int (*set_max_downtime)(struct host *h, const char *uuid, uint64_t ms, struct err *err);
	int (*start_postcopy)(struct host *h, const char *uuid, struct err *err);
	int (*stream)(struct host *h, const char *uuid, enum guest_stream *s, struct err *err);
	int (*pause_postcopy)(struct host *h, const char *uuid, bool outgoing, struct err *err);
	int (*suspend)(struct host *h, const char *uuid, struct err *err);
	int (*resume)(struct host *h, const char *uuid, struct err *err);
	int (*destroy)(struct host *h, const char *uuid, struct err *err);
	int (*undefine)(struct host *h, const char *uuid, bool saved, struct err *err);
	int (*define)(struct host *h, const char *xml, struct err *err);
	int (*start)(struct host *h, const char *uuid, struct err *err);
	int (*shutdown)(struct host *h, const char *uuid, struct err *err);
	int (*snapshots)(struct host *h, const char *uuid, struct strv *xmls, size_t *current, struct err *err);
	int (*add_snapshot)(struct host *h, const char *uuid, const char *xml, bool current, struct err *err);
	int (*set_autostart)(struct host *h, const char *uuid, bool on, struct err *err);
	/* 0 leased; -1 with E_BUSY (the message says who), E_LEASE or a connection error */
	int (*lease)(struct host *h, const char *uuid, const char *who, struct exec_hold **lease, struct err *err);
};
extern const struct guest_ops guest_ops_libvirt;

/* Swaps the operations of a host: for unit tests. host_new() sets guest_ops_libvirt. */
void host_set_guest_ops(struct host *h, const struct guest_ops *ops);
const struct guest_ops *host_guest_ops(const struct host *h);

/*
 * Every guest of the host, running or defined. *out is an array of *n looks (without processes), owned by the caller.
 */
int guest_list(struct host *h, struct guest_look **out, size_t *n, struct err *err);
void guest_list_free(struct guest_look *l, size_t n);

/*
 * The callers of the operations; for each: 0 or -1, see the field's name in struct guest_ops. All but guest_migrate()
 * are bounded by spec.command_timeout_s: libvirt's calls can hang when a QEMU or its storage does. After E_TIMEOUT the
 * host is marked (host_set_stuck()), since the call still uses it.
 */
/* By name or by UUID. 0 also if absent: l->state tells. */
int guest_find(struct host *h, const char *name, struct guest_look *l, struct err *err);
/*
 * Never fails outright: a host that cannot be asked gives GUEST_UNKNOWN. processes: also count QEMU processes
 * (one remote command).
 */
void guest_look(struct host *h, const char *uuid, bool processes, struct guest_look *l);
char *guest_xml(struct host *h, const char *uuid, enum guest_xml kind, struct err *err); /* caller frees */
int guest_migrate(struct host *src, struct host *dst, const char *uuid, const struct guest_move *m, struct err *err);
int guest_job(struct host *h, const char *uuid, bool completed, struct job_stats *s, struct err *err);
/* For how long its QEMU process has been running, s. A remote command. */
int guest_age(struct host *h, const char *uuid, uint64_t *seconds, struct err *err);
/*
 * libvirt has QEMU look at samples of the guest's memory, for so many seconds; meanwhile the host is asked how much of
 * it the guest uses. memory_kib: of the guest. begin: NULL with err. poll: 1 with *m; 0: not yet; -1: there will be
 * none, also when QEMU has not come to an end after some seconds more. end: it is not wanted any more, or was read;
 * NULL is fine.
 */
struct guest_measuring;
struct guest_measuring *guest_measure_begin(struct host *h, const char *uuid, uint64_t memory_kib, unsigned seconds,
					    struct err *err);
int guest_measure_poll(struct guest_measuring *g, struct guest_measure *m, struct err *err);
void guest_measure_end(struct guest_measuring *g);
/* All of it, waited for. */
int guest_measure(struct host *h, const char *uuid, uint64_t memory_kib, unsigned seconds, struct guest_measure *m,
		  struct err *err);
/* The two questions to libvirt that it is made of. */
int guest_measure_start(struct host *h, const char *uuid, unsigned seconds, struct err *err);
int guest_measure_read(struct host *h, const char *uuid, unsigned seconds, uint64_t *changed, struct err *err);
/*
 * Ends the TCP connections that its QEMU has made to those addresses and ports, as if the other end had refused them:
 * QEMU waits for a dead network until TCP gives up, a quarter of an hour or more. A remote command; needs ss -K
 * (iproute2, and a kernel that can) and root.
 */
int guest_cut(struct host *h, const char *uuid, const struct strv *addresses, unsigned port_min, unsigned port_max,
	      struct err *err);
/*
 * The same for those that libvirt itself has made there, directly or through its ssh, and on which nothing has come for
 * min_ms, but something for max_ms: on one that works, libvirt's keepalive is heard, by default every 5 s. *n: how
 * many. E_REMOTE: they cannot be told or ended (ss, root, the kernel).
 */
int guest_cut_silent(struct host *h, const struct strv *addresses, unsigned min_ms, unsigned max_ms, unsigned *n,
		     struct err *err);
int guest_disk_job(struct host *h, const char *uuid, const char *target, struct disk_job *j, struct err *err);
/*
 * The jobs on the disks of an active guest, into *j, which was empty. Where one runs libvirt asks QEMU: so this is
 * given up after patience_ms, with E_TIMEOUT, and is an error at once while QEMU owes libvirt an answer. Not for the
 * destination's half of a migration: libvirt would have the question wait for the migration's end.
 */
int guest_block_jobs(struct host *h, const char *uuid, unsigned patience_ms, struct block_jobs *j, struct err *err);
int guest_set_max_speed(struct host *h, const char *uuid, uint64_t mib_s, struct err *err);
int guest_abort_job(struct host *h, const char *uuid, struct err *err);
int guest_get_max_downtime(struct host *h, const char *uuid, uint64_t *ms, struct err *err);
int guest_set_max_downtime(struct host *h, const char *uuid, uint64_t ms, struct err *err);
int guest_start_postcopy(struct host *h, const char *uuid, struct err *err);
/* Asks QEMU's monitor, read-only; libvirt marks the domain as tainted for it. */
int guest_stream(struct host *h, const char *uuid, enum guest_stream *s, struct err *err);
/*
 * Tells the QEMU of one half that its connection is dead, which it has not noticed as long as TCP waits: only then can
 * post-copy be resumed. outgoing: the source's half. At the destination it needs QEMU's monitor, for which libvirt
 * marks the domain as tainted.
 */
int guest_pause_postcopy(struct host *h, const char *uuid, bool outgoing, struct err *err);
int guest_suspend(struct host *h, const char *uuid, struct err *err);
int guest_resume(struct host *h, const char *uuid, struct err *err);
int guest_destroy(struct host *h, const char *uuid, struct err *err);
/*
 * With what libvirt knows of its snapshots and checkpoints; NVRAM and TPM state stay. A managed save image, without
 * which libvirt does not undefine it, stays and is an error; or goes as well.
 */
int guest_undefine(struct host *h, const char *uuid, struct err *err);
int guest_undefine_saved(struct host *h, const char *uuid, struct err *err);
/* From its description; what is defined there under its UUID is replaced. */
int guest_define(struct host *h, const char *xml, struct err *err);
int guest_start(struct host *h, const char *uuid, struct err *err);
/* Asks the guest to shut itself down; does not wait. */
int guest_shutdown(struct host *h, const char *uuid, struct err *err);
/* The descriptions of its snapshots, parents before children; *current: the current one's place, or SIZE_MAX. */
int guest_snapshots(struct host *h, const char *uuid, struct strv *xmls, size_t *current, struct err *err);
/* Tells libvirt of a snapshot that is in the disks already. */
int guest_add_snapshot(struct host *h, const char *uuid, const char *xml, bool current, struct err *err);
/*
 * A guest that is shut off (lib/host/guest-definition.c): its definition, each disk with its whole backing chain, as
 * the images name it, and what else it has that moves along (NVRAM, TPM state, managed save image), as disks with
 * state set. The caller frees. NULL with err.
 */
struct domain *guest_definition(struct host *h, const struct guest_look *l, struct err *err);
int guest_set_autostart(struct host *h, const char *uuid, bool on, struct err *err);
int guest_lease(struct host *h, const char *uuid, const char *who, struct exec_hold **lease, struct err *err);

#endif

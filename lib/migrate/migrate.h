/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One guest's way from one host to another, in five phases. They carry the names of
 * libvirt's version-3 protocol because they do on this level what those do inside
 * libvirt; libvirt's whole protocol runs inside our perform.
 *
 *   begin    source       lease, XML, every check, the plan; the journal entry is opened
 *   prepare  destination  what the guest will need there; for live: the downtime limit (at the source)
 *   perform  both         the migration itself, watched
 *   finish   destination  look at both hosts and decide; resume, autostart
 *   confirm  source       look: nothing of the guest is left; undefine
 *
 * Each phase has an undo; undo runs backwards, never hides the first error, and only takes back what the
 * migration itself did. What libvirt answered in perform is only a claim: finish decides by looking.
 */
#ifndef MIGRATE_MIGRATE_H
#define MIGRATE_MIGRATE_H

#include "config/config.h"
#include "converge/converge.h"
#include "migrate/verdict.h"
#include "report/report.h"

/* What becomes of the source's images once the guest runs on the copies. */
enum source_disks { SOURCE_QUARANTINE, SOURCE_KEEP, SOURCE_DELETE };
int source_disks_parse(const char *word, enum source_disks *s); /* -1: no such word */

struct move_options {
	enum converge_preset policy;
	unsigned max_downtime_ms;
	unsigned bandwidth_mib; /* MiB/s; 0: no limit */
	unsigned timeout_s;     /* 0: none */
	enum converge_end on_timeout;
	bool peer2peer; /* false: always controlled from here */
	bool auto_converge;
	enum transport transport;
	unsigned parallel; /* connections for memory; 0 and 1: one */
	bool dry_run;
	bool forecast;    /* of a dry run */
	struct strv skip; /* IDs of checks */
	/* block */
	struct remap remap; /* borrowed, as what follows */
	enum source_disks source_disks;
	const struct image_config *images;
	/* cold */
	bool shutdown; /* a running guest is shut down before; within timeout_s, or SHUTDOWN_DEFAULT_S */
	bool start;    /* it is started at the destination */
};
enum { SHUTDOWN_DEFAULT_S = 60 };

/* The policy these options ask for. */
void move_policy(const struct move_options *o, struct converge_policy *p);
/* The way that these ask for: for the checks. */
struct wire move_wire(const struct move_options *opt);

/* Something made at the destination, for the undo. */
enum made_kind { MADE_DIRECTORY, MADE_IMAGE, MADE_BACKING, MADE_COPY /* of a file that the guest writes */ };
struct made {
	enum made_kind kind;
	char *path, *temp; /* its name, and the one it has before */
	bool have_id;      /* the host has told what it made */
	bool unnamed;      /* and has said that it did not get its name */
	struct file_id id;
	int64_t effect;
};

/* How long to wait for what hosts do by themselves, ms. migrate_guest() and migrate_adopt() fill in patience_default;
 * tests are shorter. */
struct patience {
	int abort_limit; /* an aborted job to end */
	int settle;      /* a job or an unclear state to become clear */
	int stale;       /* libvirt to end a half that is left over */
	int paused;      /* libvirt to let a paused guest go on */
	int look_every;  /* between two looks */
	int poll;        /* between two questions to a migration that is taken over */
	int stuck;       /* a job without any movement, whose other half is gone, or that was aborted */
	int stuck_blind; /* the same, when the destination does not answer */
	int unheard;     /* a migration to begin, of which the destination knows nothing */
	int cut_every;   /* connections were ended, and it has not helped */
};
extern const struct patience patience_default;

struct migration;
/* The copy server, which guests of one call share: given by who runs them (run.c). */
struct copy_share {
	/*
	 * These parts are there, to be served: waits until the server is. NULL with err: E_CANCELLED when the guest's
	 * copy is to end.
	 */
	struct copy_server *(*wait)(struct copy_share *s, struct migration *m, const struct strv *parts,
				    struct err *err);
};

struct cold_file; /* one on its way (cold-private.h) */

struct migration {
	/* given */
	const char *guest; /* what the operator called it */
	struct host *src, *dst;
	struct journal *journal;
	struct report *report;
	const struct move_options *opt;
	enum mode mode;
	struct patience patience;
	uint64_t also_incoming_kib;    /* memory of the guests of this call that come after this one */
	struct space_needs also_space; /* and the room their disks need; borrowed */
	const struct file_fact *also_facts;
	struct copy_share *share;      /* cold */
	struct interrupt_scope *scope; /* of the thread that works for it; NULL: the whole process */
	/*
	 * Before recover starts it: what do other hosts show? 0: it is on none; 1: it is active there, and *where says
	 * so (owned); -1: not to be told, or E_UNDECIDED. NULL: there are no others.
	 */
	int (*look_elsewhere)(struct migration *m, char **where, struct err *err);
	void *look_arg;
	/* begin */
	struct migration_record record;
	struct exec_hold *lease;
	bool lease_lost; /* its session broke: to be taken again before anything is changed */
	struct check_input facts;
	struct domain *domain;
	struct findings findings;
	struct guest_move move;
	struct converge_policy policy;
	bool was_running;
	struct guest_measuring *measuring; /* for a forecast (foresight.c); NULL: nothing is */
	struct strv plan;                  /* one line for each object to be touched */
	/* prepare */
	struct digest_cache digests;
	struct made *made; /* in the order it was made */
	size_t made_n;
	struct strv relied_on;                     /* backing files at the destination that this guest will run on */
	struct exec_hold *use_locks;               /* shared locks on them: nobody's undo takes them away */
	struct exec_hold *tunnel_dst, *tunnel_src; /* transport ssh: its two ends */
	struct exec_hold *tunnel_backing;          /* and that of a backing file */
	int64_t tunnel_dst_effect, tunnel_src_effect, tunnel_backing_effect;
	bool downtime_set;
	uint64_t downtime_before;
	int64_t downtime_effect;
	/* cold */
	bool shut_down;            /* by us */
	char *src_xml;             /* its definition, as it was in the beginning; may hold secrets: never shown */
	bool started;              /* at the destination: from here on its disks there are its own */
	struct listener *listener; /* to vmmig cancel (control.c) */
	struct cold_file *files;
	size_t files_n;
	struct exec_hold *copy_locks; /* on the parts of those that only this guest writes */
	bool copy_locks_lost;         /* their session broke */
	bool defined;                 /* at the destination, by us */
	int64_t define_effect;
	/* perform */
	bool performed;         /* libvirt was asked to */
	int64_t perform_ms;     /* when, clock_ms(): a deadline counts from then; 0: by a vmmig that is gone */
	bool adopted;           /* by another vmmig, which is gone */
	bool postcopy;          /* it was switched to post-copy */
	struct err claim;       /* what libvirt said; no error: "moved" */
	enum err_id stop_asked; /* E_CANCELLED, E_DEADLINE or E_CONVERGE when we aborted it; else E_INTERNAL */
	uint64_t needed_ms;     /* the downtime it would take, as last seen; 0: not known */
	bool suspended;         /* by --on-timeout suspend */
	uint64_t bytes;         /* sent */
	/* finish */
	struct guest_look src_look, dst_look;
	bool moved;     /* proven; from here we only go forward */
	bool left_open; /* something is left to be done at a host that did not answer: record.leftover */
	bool safe;      /* it did not move, and is proven to be as before, or stopped by its own act */
	uint64_t downtime_ms;
	bool have_downtime;
};

struct phase {
	const char *name, *side;
	int (*run)(struct migration *m, struct err *err);
	void (*undo)(struct migration *m); /* NULL: nothing to take back */
};
extern const struct phase phases_live[], phases_block[], phases_cold[];
extern const size_t phases_live_n, phases_block_n, phases_cold_n;

/*
 * Moves m->guest in m->mode: all phases, reports, journal. Both hosts are open, with their sides set.
 * *err: why it did not move. Returns the exit status for this guest.
 */
enum status migrate_guest(struct migration *m, struct err *err);
/* The walk itself, over any phases: forward, and back when one fails. */
enum status migrate_walk(struct migration *m, const struct phase phases[], size_t n, struct err *err);
/*
 * Takes over a migration whose vmmig is gone (adopt.c): m->record is as the journal has it, m->guest its guest; both
 * hosts are open. Whatever still runs is watched to its end (cancel: is stopped), then both hosts are looked at as
 * always, and the record gets its end. Nothing is begun anew.
 */
enum status migrate_adopt(struct migration *m, bool cancel, struct err *err);
/* The same for one of a guest that was off (cold-adopt.c): it is finished, or taken back. */
enum status migrate_adopt_cold(struct migration *m, struct err *err);
void migration_clear(struct migration *m);

/* patience_default, unless the caller has set its own. */
void migration_patience(struct migration *m);

/* For the phases. */
int begin_run(struct migration *m, struct err *err);
void begin_undo(struct migration *m);
int prepare_run(struct migration *m, struct err *err);
void prepare_undo(struct migration *m);
int perform_run(struct migration *m, struct err *err);
int finish_run(struct migration *m, struct err *err);
int confirm_run(struct migration *m, struct err *err);
/* E_GUEST_STOPPED, of a guest that is off at h; -1. */
int finish_stopped(struct migration *m, struct host *h, const struct guest_look *l, struct err *err);
/*
 * A destination that dies while it finishes has defined the guest, and libvirt lets it go on at the source: somebody,
 * or autostart, could start it there a second time. By what was seen last: it is undefined there if it is active at the
 * source, and was not known there before. m->dst_look says whether it has gone; m->left_open: to be tried again.
 */
void finish_forget_there(struct migration *m);
/* The end of the guest's log at a host, at most max bytes; NULL: none. Caller frees. (guest-log.c) */
char *guest_log_tail(struct host *h, const char *name, size_t max);
/* QEMU and libvirt date their lines, in UTC by that host's clock. */
bool guest_log_is_since(const char *line, int64_t wall_ms);
/*
 * Was it started then or later? One that failed is none. Unknown: there is no log (NULL), or what there is begins
 * later. Takes log apart.
 */
enum fact guest_log_has_start(char *log, int64_t wall_ms);
/*
 * What record.leftover tells of is done, as far as it can be (tidy.c); its end stays as it is. E_UNDECIDED: something
 * is left, to a person or for another try; or what the hosts' connections and the lease give.
 */
enum status migrate_tidy(struct migration *m, struct err *err);
/* Transport ssh: the sockets between the hosts, before libvirt is asked, and their end (tunnel.c). */
int tunnel_begin(struct migration *m, struct err *err);
void tunnel_close(struct migration *m);
/* While a backing file is fetched: to that socket of the destination, by *path at the source (caller frees). */
int tunnel_backing_begin(struct migration *m, const char *socket, char **path, struct err *err);
void tunnel_backing_end(struct migration *m);
/* block: what the disks need at the destination (prepare-disks.c), before the downtime limit. */
int prepare_block_run(struct migration *m, struct err *err);
void prepare_block_undo(struct migration *m);
bool block_may_take_back(const struct migration *m);
/* What files will need it at the destination: the directories that are missing there. */
int prepare_directories(struct migration *m, struct err *err);
/* cold (cold-begin.c, cold-copy.c, cold-finish.c) */
int begin_cold_run(struct migration *m, struct err *err);
void begin_cold_undo(struct migration *m);
int prepare_cold_run(struct migration *m, struct err *err);
void prepare_cold_undo(struct migration *m);
int perform_cold_run(struct migration *m, struct err *err);
int finish_cold_run(struct migration *m, struct err *err);
int confirm_cold_run(struct migration *m, struct err *err);
/* Has any file of it changed at the source since it was looked at? -1: E_SOURCE_CHANGED, or the host does not say. */
int cold_files_unchanged(struct migration *m, struct err *err);
/* Locks, and what is noted beside files that are complete: not needed any more. */
void cold_files_release(struct migration *m);
/* Backing files that are missing there, lowest first (fetch.c). */
int fetch_backing(struct migration *m, struct err *err);
/* One of them. */
int fetch_one(struct migration *m, const struct image_plan *p, struct err *err);
/* Is it an image service that is to be asked for it first? */
bool fetch_by_service(struct migration *m, const struct image_plan *p);
/* Locks on what this guest will rely on there, to the end of its migration. */
int fetch_lock_use(struct migration *m, struct err *err);
/* Another vmmig, or guest, may have brought p since the checks. 1: it is there, and the same; 0: it is not; -1 err. */
int fetch_there_meanwhile(struct migration *m, const struct image_plan *p, struct err *err);
/* Making and taking back, journalled at each step (made.c). */
int made_directory(struct migration *m, const char *path, const struct file_like *like, struct err *err);
int made_image(struct migration *m, const char *path, const struct image_make *make, const struct file_like *like,
	       struct err *err);
/* The two ends of it: the intent, after which the thing may come to be under d->temp; and its real name. */
struct made *made_intend(struct migration *m, enum made_kind kind, const char *path, struct err *err);
/* Is it made under its part name, with which the next vmmig goes on? */
bool made_is_part(enum made_kind kind);
/* May be tried again: one that has got its name by then is done. */
int made_publish(struct migration *m, struct made *d, struct file_id id, struct err *err);
/* Why something was left. */
struct made_answer {
	bool asked; /* the host has said so: asking again gives the same */
	bool later; /* the host was not to be had, or something passes that is in the way */
};
/* NULL: it is gone; else why it was left; caller frees. */
char *made_take_back(struct migration *m, const struct made *d, struct made_answer *a);
void made_undo(struct migration *m); /* all, backwards */
/* Takes it back, and says so in the journal; else notes why it was left, and m->left_open when the host did not answer.
 */
void made_undo_one(struct migration *m, const struct made *d);
void made_clear(struct migration *m);
/* What a vmmig that was killed has left of this guest at the destination (leftovers.c). */
void leftovers_clear(struct migration *m);
/* All that the journal says m's own vmmig, which is gone, has made there. */
void leftovers_undo(struct migration *m);
/* Has a disk filled its file system up at the destination? libvirt does not say so. NULL: none; caller frees. */
char *disks_full(struct migration *m);
/* Do the disks lie there as planned? (disks.c) */
int disks_arrived(struct migration *m, struct err *err);
/* What becomes of that image of the source once the guest has moved (disks.c). */
enum source_disks disks_afterwards(const struct migration *m, const struct image_plan *p);
/* All of them. */
int disks_confirm(struct migration *m, struct err *err);
/*
 * Into the journal, before libvirt or anybody is asked to move anything: which of the source's images are to be put
 * away then. And that by a vmmig that finishes for one that is gone.
 */
int disks_remember(struct migration *m, struct err *err);
int disks_confirm_remembered(struct migration *m, struct err *err);
/*
 * For a guest that is off: from control_listen() on, vmmig cancel ends its move wherever it is, as if its scope had
 * been asked to; up to control_deafen(), at the latest before it is defined. True: it was cancelled, and m->stop_asked
 * says so as well (control.c).
 */
void control_listen(struct migration *m);
bool control_deafen(struct migration *m);
/* Those who still ask something of it are told that it is too late (control.c). */
void control_end(struct migration *m);
/* By what was seen last: has one half of a guest in post-copy ended? Then what it had in memory is lost (rescue.c). */
bool migration_half_lost(const struct migration *m);
/* Looks at both hosts, at the same time; one whose session broke is opened anew. */
void migration_look(struct migration *m);
/* After its session broke: the lease is ours again, or err. */
int migration_keep_lease(struct migration *m, struct err *err);
/* One journalled act on a host. */
int migration_act(struct migration *m, struct host *h, const char *kind,
		  int (*fn)(struct host *, const char *, struct err *), struct err *err);
/* Who holds the lease, for whoever finds it taken; caller frees. */
char *migration_lease_text(const struct migration *m);
/* Fills m->plan from what begin found. */
void plan_make(struct migration *m);
/*
 * The forecast (foresight.c). want: says in m->facts what the checks are to measure; begin: begins to measure, where
 * nobody waits for it; tell: to the report and into the journal; end: it is not wanted any more.
 */
void foresight_want(struct migration *m);
void foresight_begin(struct migration *m);
void foresight_tell(struct migration *m, const struct guest_forecast *f);
void foresight_end(struct migration *m);
/* What it would mean if something failed in post-copy, for people; caller frees. */
char *plan_postcopy_risk(const struct migration *m);
/* What was decided under way, and why: to the report and into the journal. value: of "max-downtime", ms; else 0. */
void migration_decision(struct migration *m, const char *action, uint64_t value, uint64_t needed_ms,
			const char *reason);
/* A note to the report and into the journal. */
void migration_note(struct migration *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Journal an intent, act, journal the result. -1 before the act only when the journal cannot be written. */
int effect_begin(struct migration *m, struct host *h, const char *kind, const char *object, int64_t *effect,
		 struct err *err);
void effect_end(struct migration *m, int64_t effect, const struct err *why); /* why it failed; NULL: "done" */
void effect_undone(struct migration *m, int64_t effect);
/* Any other result; -1: it is not on disk. */
int effect_result(struct migration *m, int64_t effect, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Writes the record as it is; a journal that fails is said, and the guest's way goes on. */
void migration_journal(struct migration *m);

#endif

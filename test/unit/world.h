/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A small world of two hosts with one guest, in which the n-th call fails, before or after it has had its
 * effect, or the process dies there. For the tests that walk through the phases of a migration: test-walk.c, and
 * test-block.c, which adds files.
 *
 * It lies in memory that is shared with children, so that one can be killed and another look at what it left.
 */
#ifndef TEST_UNIT_WORLD_H
#define TEST_UNIT_WORLD_H

#include "unit.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "migrate/migrate.h"

#define UUID "6f1e0b7a-0000-4000-8000-0123456789ab"
#define XML                                                                                            \
	"<domain type='qemu'><name>web1</name><uuid>" UUID "</uuid><memory unit='KiB'>131072</memory>" \
	"<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>"

/* How the migration call behaves. */
enum outcome {
	ARRIVES,          /* as it should be */
	ARRIVES_PAUSED,   /* on the destination, never started */
	ARRIVES_BUT_LIES, /* moved, and an error returned */
	STAYS,            /* an error, and the source runs on */
	STAYS_HALF,       /* an error, and the incoming half is left */
	STAYS_PAUSED,     /* an error, and the source is left paused */
	STAYS_DEFINED,    /* an error, and the destination has a definition */
	CONFIRM_LOST,     /* runs on the destination, paused at the source */
	BOTH_RUN,
	STOPS,      /* the guest shuts itself down at the source */
	ENDS_THERE, /* it has arrived, and is off since */
	OUTCOMES,
};

enum fault_kind {
	FAIL_BEFORE, /* an error, and nothing was done */
	FAIL_AFTER,  /* it was done, but the answer is lost */
	KILL_BEFORE, /* the process dies */
	KILL_AFTER,
};
enum { KILLED = 77 }; /* exit status of a process that died so */

struct fault {
	int at; /* the at-th call; 0: none */
	enum fault_kind kind;
	bool for_good; /* and all after it */
	bool journal;  /* counted are the statements of the journal, not the calls to hosts */
};

struct world {
	struct guest_look src, dst;
	enum outcome outcome;
	struct fault fault;
	int calls;
	char hit[32]; /* which call the fault met first */
	uint64_t max_downtime, speed;
	bool call_lost;       /* the call comes back with an error at once, and the job goes on */
	int aborts, postcopy; /* how often */
	int job_polls;        /* so many questions find a job under way; then it has the outcome */
	uint64_t age;         /* of QEMU at the source, s */
	int hang;     /* 1: libvirt has a job, and waits until its connections are ended: 2; -1: until it is to abort */
	bool mirrors; /* it has begun, and copies disks */
	struct host *source;
	char broken_rule[400]; /* "": none */
};
static struct world *world;
static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;
/* What a test adds: the guest's description on a host, and what happens to its files when it moves. */
static char *(*world_xml)(struct host *h, const char *uuid);
static void (*world_moves)(void);

static inline void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void broken(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!*world->broken_rule)
		vsnprintf(world->broken_rule, sizeof(world->broken_rule), fmt, ap);
	va_end(ap);
}

/* Is it the turn of this fault? */
static bool strikes(int n, enum fault_kind kind)
{
	const struct fault *f = &world->fault;

	return f->at && !f->journal && f->kind == kind && (f->for_good ? n >= f->at : n == f->at);
}

/*
 * Around each call: if (enter("name", &n, err)) return -1; …; return leave(n, rc, err). Between them the world is
 * this thread's alone.
 */
static bool enter(const char *name, int *n, struct err *err)
{
	pthread_mutex_lock(&world_lock);
	*n = ++world->calls;
	if (*n == world->fault.at && !world->fault.journal)
		snprintf(world->hit, sizeof(world->hit), "%s", name);
	if (strikes(*n, KILL_BEFORE))
		_exit(KILLED);
	if (!strikes(*n, FAIL_BEFORE))
		return false;
	pthread_mutex_unlock(&world_lock);
	err_set(err, E_DISCONNECTED, 0, "injected");
	return true;
}

static int leave(int n, int rc, struct err *err)
{
	if (strikes(n, KILL_AFTER))
		_exit(KILLED);
	pthread_mutex_unlock(&world_lock);
	if (rc < 0)
		return err_set(err, E_REMOTE, 0, "%s", *world->broken_rule ? world->broken_rule : "it failed");
	if (strikes(n, FAIL_AFTER))
		return err_set(err, E_DISCONNECTED, 0, "injected, too late");
	return rc;
}

static bool is_source(const struct host *h)
{
	return h == world->source;
}

static struct guest_look *side_of(const struct host *h)
{
	return is_source(h) ? &world->src : &world->dst;
}

static void put(struct guest_look *l, enum guest_state state, enum guest_why why, int pids)
{
	l->state = state;
	l->why = why;
	l->job = GUEST_JOB_NONE;
	l->qemu_pids = pids;
	l->persistent = state != GUEST_ABSENT;
}

static int f_look(struct host *h, const char *uuid, bool processes, struct guest_look *l, struct err *err)
{
	int n;

	(void)processes;
	if (enter("look", &n, err))
		return -1;
	*l = *side_of(h);
	l->uuid = xstrdup(uuid);
	if (is_source(h) && world->job_polls > 0)
		l->job = GUEST_JOB_MIGRATION_OUT;
	return leave(n, 0, err);
}

static char *f_xml(struct host *h, const char *uuid, enum guest_xml kind, struct err *err)
{
	char *xml;
	int n;

	(void)kind;
	if (enter("xml", &n, err))
		return NULL;
	xml = world_xml ? world_xml(h, uuid) : xstrdup(XML);
	if (leave(n, 0, err) == 0)
		return xml;
	free(xml);
	return NULL;
}

static int f_age(struct host *h, const char *uuid, uint64_t *seconds, struct err *err)
{
	int n;

	(void)uuid;
	if (enter("age", &n, err))
		return -1;
	*seconds = is_source(h) ? world->age : 1;
	return leave(n, guest_is_active(side_of(h)) ? 0 : -1, err);
}

/* What libvirt's migration leaves. */
static void settle_outcome(void)
{
	switch (world->outcome) {
	case ARRIVES:
	case ARRIVES_BUT_LIES:
		put(&world->src, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
		put(&world->dst, GUEST_RUNNING, GUEST_WHY_MIGRATION, 1);
		break;
	case ARRIVES_PAUSED:
		put(&world->src, GUEST_SHUTOFF, GUEST_WHY_MIGRATED, 0);
		put(&world->dst, GUEST_PAUSED, GUEST_WHY_MIGRATION, 1);
		break;
	case STAYS:
		world->src.state = GUEST_RUNNING;
		break;
	case STAYS_HALF:
		put(&world->dst, GUEST_PAUSED, GUEST_WHY_MIGRATION, 1);
		break;
	case STAYS_PAUSED:
		put(&world->src, GUEST_PAUSED, GUEST_WHY_MIGRATION, 1);
		break;
	case STAYS_DEFINED:
		put(&world->dst, GUEST_SHUTOFF, GUEST_WHY_OTHER, 0);
		break;
	case CONFIRM_LOST:
		put(&world->src, GUEST_PAUSED, GUEST_WHY_MIGRATION, 1);
		put(&world->dst, GUEST_RUNNING, GUEST_WHY_MIGRATION, 1);
		break;
	case BOTH_RUN:
		put(&world->dst, GUEST_RUNNING, GUEST_WHY_MIGRATION, 1);
		break;
	case STOPS:
		put(&world->src, GUEST_SHUTOFF, GUEST_WHY_SHUTDOWN, 0);
		break;
	case ENDS_THERE:
		put(&world->src, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
		put(&world->dst, GUEST_SHUTOFF, GUEST_WHY_CRASHED, 0);
		break;
	case OUTCOMES:
		break;
	}
	if (world_moves)
		world_moves();
}

static int f_migrate(struct host *src, struct host *dst, const char *uuid, const struct guest_move *m, struct err *err)
{
	(void)src, (void)dst, (void)uuid, (void)m;
	for (int i = 0; world->hang && world->hang != 2 && i < 20000; i++)
		usleep(500);
	pthread_mutex_lock(&world_lock);
	if (world->hang && world->hang != 2)
		broken("libvirt waits for ever");
	if (world->call_lost) {
		world->src.job = GUEST_JOB_MIGRATION_OUT;
		world->hang = 1;
		pthread_mutex_unlock(&world_lock);
		return err_set(err, E_DISCONNECTED, 0, "the session has broken");
	}
	world->hang = world->hang ? 2 : 0;
	settle_outcome();
	pthread_mutex_unlock(&world_lock);
	return world->outcome == ARRIVES ? 0 : err_set(err, E_MIGRATE, 0, "libvirt: some words");
}

static int f_job(struct host *h, const char *uuid, bool completed, struct job_stats *s, struct err *err)
{
	int n;

	(void)h, (void)uuid;
	if (world->job_polls < 0) /* the host is silent */
		return err_set(err, E_DISCONNECTED, 0, "injected");
	*s = (struct job_stats) { .job = GUEST_JOB_NONE, .completed = completed, .downtime_ms = 12 };
	if (world->hang == 1 || world->hang == -1) {
		s->job = GUEST_JOB_MIGRATION_OUT;
		s->disk_processed = world->mirrors;
		if (world->job_polls && !--world->job_polls)
			world->hang = 2; /* it was only slow */
		return 0;
	}
	if (completed || !world->job_polls)
		return 0;
	s->job = GUEST_JOB_MIGRATION_OUT;
	if (--world->job_polls)
		return 0;
	if (enter("job", &n, err))
		return -1;
	settle_outcome();
	return leave(n, 0, err);
}

static int f_disk_job(struct host *h, const char *uuid, const char *target, struct disk_job *j, struct err *err)
{
	(void)h, (void)uuid, (void)target, (void)err;
	*j = (struct disk_job) { 0 };
	return 0;
}

static int f_lease(struct host *h, const char *uuid, const char *who, struct exec_hold **lease, struct err *err)
{
	int n;

	(void)h, (void)uuid, (void)who;
	if (enter("lease", &n, err))
		return -1;
	*lease = NULL;
	return leave(n, 0, err);
}

static int f_set_speed(struct host *h, const char *uuid, uint64_t mib_s, struct err *err)
{
	int n;

	(void)h, (void)uuid;
	if (enter("set-speed", &n, err))
		return -1;
	world->speed = mib_s;
	return leave(n, 0, err);
}

static int f_postcopy(struct host *h, const char *uuid, struct err *err)
{
	int n;

	(void)h, (void)uuid;
	if (enter("start-postcopy", &n, err))
		return -1;
	world->postcopy++;
	return leave(n, 0, err);
}

static int f_abort(struct host *h, const char *uuid, struct err *err)
{
	int n;

	(void)h, (void)uuid;
	if (enter("abort", &n, err))
		return -1;
	world->aborts++;
	if (world->hang == -1 || world->call_lost) {
		world->hang = 2;
		world->src.job = GUEST_JOB_NONE;
	}
	return leave(n, 0, err);
}

/* Of a source, while nothing is at the destination; or that is not known, and the guest runs here. */
static void may_be_cut(struct host *h, const struct strv *addresses)
{
	bool absent = world->dst.state == GUEST_ABSENT;

	if (!is_source(h) || !(guest_is_running(&world->src) ? absent || world->dst.state == GUEST_UNKNOWN : absent))
		broken("connections were ended that may be in use");
	world->dst.state = GUEST_ABSENT;
	if (!strv_has(addresses, "10.0.0.2"))
		broken("the destination's address is not told");
}

static int f_cut(struct host *h, const char *uuid, const struct strv *addresses, unsigned port_min, unsigned port_max,
		 struct err *err)
{
	int n;

	(void)uuid, (void)port_min, (void)port_max;
	if (enter("cut", &n, err))
		return -1;
	may_be_cut(h, addresses);
	if (world->hang == 1)
		world->hang = 2;
	return leave(n, world->hang == -1 ? -1 : 0, err);
}

static int f_cut_silent(struct host *h, const struct strv *addresses, unsigned min_ms, unsigned max_ms, unsigned *ended,
			struct err *err)
{
	int n;

	(void)min_ms, (void)max_ms;
	if (enter("cut-silent", &n, err))
		return -1;
	if (world->mirrors)
		broken("it has begun, and libvirt's connections were ended");
	may_be_cut(h, addresses);
	*ended = world->hang == 1;
	if (world->hang == 1)
		world->hang = 2;
	return leave(n, world->hang == -1 ? -1 : 0, err);
}

static int f_get_downtime(struct host *h, const char *uuid, uint64_t *ms, struct err *err)
{
	int n;

	(void)h, (void)uuid;
	if (enter("get-downtime", &n, err))
		return -1;
	*ms = world->max_downtime;
	return leave(n, 0, err);
}

static int f_set_downtime(struct host *h, const char *uuid, uint64_t ms, struct err *err)
{
	int n;

	(void)uuid;
	if (enter("set-downtime", &n, err))
		return -1;
	if (!is_source(h))
		broken("the downtime of the destination's domain was set");
	world->max_downtime = ms;
	return leave(n, 0, err);
}

static int f_resume(struct host *h, const char *uuid, struct err *err)
{
	struct guest_look *l = side_of(h), *other = l == &world->src ? &world->dst : &world->src;
	int n;

	(void)uuid;
	if (enter("resume", &n, err))
		return -1;
	if (guest_is_running(other))
		broken("resumed although the other side runs");
	l->state = GUEST_RUNNING;
	l->why = GUEST_WHY_OTHER;
	return leave(n, 0, err);
}

static int f_destroy(struct host *h, const char *uuid, struct err *err)
{
	struct guest_look *l = side_of(h), *other = l == &world->src ? &world->dst : &world->src;
	int n;

	(void)uuid;
	if (enter("destroy", &n, err))
		return -1;
	if (!guest_is_running(other))
		broken("stopped although the other side does not run");
	put(l, l == &world->src ? GUEST_SHUTOFF : GUEST_ABSENT, GUEST_WHY_DESTROYED, 0);
	return leave(n, 0, err);
}

static int f_undefine(struct host *h, const char *uuid, bool saved, struct err *err)
{
	int n;

	(void)uuid, (void)saved;
	if (enter("undefine", &n, err))
		return -1;
	if (!is_source(h) && (world->outcome != STAYS_DEFINED || world->dst.state != GUEST_SHUTOFF))
		broken("undefined at the destination");
	if (!guest_is_active(is_source(h) ? &world->dst : &world->src))
		broken("undefined although the other host does not have it");
	put(side_of(h), GUEST_ABSENT, GUEST_WHY_OTHER, 0);
	return leave(n, 0, err);
}

static int f_autostart(struct host *h, const char *uuid, bool on, struct err *err)
{
	int n;

	(void)h, (void)uuid, (void)on;
	if (enter("autostart", &n, err))
		return -1;
	world->dst.autostart = true;
	return leave(n, 0, err);
}

static const struct guest_ops fake_ops = {
	.look = f_look,
	.xml = f_xml,
	.age = f_age,
	.migrate = f_migrate,
	.job = f_job,
	.disk_job = f_disk_job,
	.abort_job = f_abort,
	.cut = f_cut,
	.cut_silent = f_cut_silent,
	.lease = f_lease,
	.set_max_speed = f_set_speed,
	.start_postcopy = f_postcopy,
	.get_max_downtime = f_get_downtime,
	.set_max_downtime = f_set_downtime,
	.resume = f_resume,
	.destroy = f_destroy,
	.undefine = f_undefine,
	.set_autostart = f_autostart,
};

/* ---- reports go nowhere ---- */

static void no_check(struct report *r, const struct finding *f)
{
	(void)r, (void)f;
}
static void no_phase(struct report *r, const char *a, const char *b, const char *c, int64_t ms)
{
	(void)r, (void)a, (void)b, (void)c, (void)ms;
}
static void no_progress(struct report *r, const struct progress *p)
{
	(void)r, (void)p;
}
static void no_note(struct report *r, const char *t)
{
	(void)r;
	if (getenv("WORLD_NOTES"))
		fprintf(stderr, "note: %s\n", t);
}
static void no_error(struct report *r, const struct err *e)
{
	(void)r, (void)e;
}
static void no_decision(struct report *r, const char *action, uint64_t value, uint64_t needed_ms, const char *reason)
{
	(void)r, (void)action, (void)value, (void)needed_ms, (void)reason;
}
static void no_result(struct report *r, const struct result *res)
{
	(void)r, (void)res;
}
static const struct report_ops silent = { .check = no_check,
					  .phase = no_phase,
					  .progress = no_progress,
					  .note = no_note,
					  .error = no_error,
					  .decision = no_decision,
					  .result = no_result };

/* ---- hosts ---- */

static void open_hosts(struct migration *m)
{
	struct host_spec a = { .name = (char *)(uintptr_t) "alpha",
			       .address = (char *)(uintptr_t) "10.0.0.1",
			       .command_timeout_s = 30 };
	struct host_spec b = { .name = (char *)(uintptr_t) "beta",
			       .address = (char *)(uintptr_t) "10.0.0.2",
			       .command_timeout_s = 30 };

	m->patience = (struct patience) { .abort_limit = 5,
					  .settle = 5,
					  .stale = 3,
					  .paused = 2,
					  .look_every = 1,
					  .poll = 1,
					  .stuck = 60000,
					  .stuck_blind = 60000,
					  .unheard = 60000,
					  .cut_every = 5000 };
	m->src = host_new(&a);
	m->dst = host_new(&b);
	host_set_side(m->src, SIDE_SOURCE);
	host_set_side(m->dst, SIDE_DESTINATION);
	host_set_guest_ops(m->src, &fake_ops);
	host_set_guest_ops(m->dst, &fake_ops);
	world->source = m->src;
}

static void close_hosts(struct migration *m)
{
	host_free(m->src);
	host_free(m->dst);
}

/* The guest runs at the source. */
static void new_world(enum outcome outcome, struct fault fault)
{
	*world = (struct world) { .outcome = outcome, .fault = fault, .max_downtime = 300, .age = 10000000 };
	put(&world->src, GUEST_RUNNING, GUEST_WHY_OTHER, 1);
	put(&world->dst, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
}

/* ---- a world with a journal of its own ---- */

struct own_journal {
	char dir[32];
	struct journal *journal;
};

/* What vmmig recover would go on with. */
static inline bool has_unfinished(struct journal *journal)
{
	struct migration_record *v = NULL;
	size_t n = 0;

	assert_int_equal(journal_list(journal, NULL, true, 0, &v, &n, NULL), 0);
	journal_list_free(v, n);
	return n != 0;
}

static inline struct journal *own_world(struct own_journal *o)
{
	struct err err auto_err = ERR_INIT;
	auto_free char *path = NULL;

	world = shared_memory(sizeof(*world));
	snprintf(o->dir, sizeof(o->dir), "/tmp/vmmig-world-XXXXXX");
	assert_non_null(mkdtemp(o->dir));
	path = str_printf("%s/journal.db", o->dir);
	o->journal = journal_open(path, &err);
	return o->journal;
}

static inline int end_world(struct own_journal *o)
{
	auto_free char *command = str_printf("rm -rf '%s'", o->dir);

	journal_close(o->journal);
	return system(command);
}

#endif

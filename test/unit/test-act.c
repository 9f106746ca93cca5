/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What recover does, over three hosts of which each call may fail: the kept guest and the other one, a third host that
 * looks on. Time stands still but for the sleeps.
 */
#include "unit.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "recover/act.h"

#define UUID "6f1e0b7a-0000-4000-8000-0123456789ab"
#define WHAT(s) ((char *)(uintptr_t)(s))
#define XML                                                                                                    \
	"<domain type='qemu'><name>web1</name><uuid>" UUID "</uuid><memory unit='KiB'>131072</memory>"         \
	"<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"                                        \
	"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/pool/own.qcow2'/>"   \
	"<target dev='vda' bus='virtio'/></disk>"                                                              \
	"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/mnt/shared.qcow2'/>" \
	"<target dev='vdb' bus='virtio'/></disk></devices></domain>"

/* ---- time, in place of base/clock.c: only a process that is waited for gets some ---- */

enum { POLL_US = 100000 };

static int64_t slept_us;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int usleep(useconds_t us)
{
	pthread_mutex_lock(&lock);
	slept_us += us;
	pthread_mutex_unlock(&lock);
	if (us == POLL_US)
		nanosleep(&(struct timespec) { .tv_nsec = POLL_US * 30 }, NULL);
	return 0;
}

static int64_t real_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
	return real_ms(CLOCK_MONOTONIC) + slept_us / 1000;
}

int64_t clock_wall_ms(void)
{
	return real_ms(CLOCK_REALTIME);
}

char *clock_iso(int64_t wall_ms, char buf[32])
{
	snprintf(buf, 32, "%lld", (long long)wall_ms);
	return buf;
}

/* ---- the world ---- */

enum { ALPHA, BETA, GAMMA, HOSTS };
static const char *const names[] = { "alpha", "beta", "gamma" };

enum fault_kind { FAIL_BEFORE, FAIL_AFTER };

static struct {
	struct guest_look v[HOSTS];
	struct host *host[HOSTS];
	bool unknown[HOSTS];    /* does not answer */
	bool no_libvirt[HOSTS]; /* but SSH, and what it shows */
	bool put_away;          /* beta's own disk */
	bool disks_missing, base_missing;
	bool deaf;               /* resume and start have no effect */
	bool alone;              /* the act is about one that runs nowhere else: it may be stopped */
	bool refuses;            /* the operator does not consent */
	void (*meanwhile)(void); /* while the operator is asked */
	int calls, fault_at;
	enum fault_kind fault;
	const char *xml; /* what is to be defined; NULL: XML */
	struct strv notes;
	struct strv done; /* what was done, in its order: "resume alpha" */
	char broken[400];
} w;

static void broken(const char *what)
{
	if (!*w.broken)
		snprintf(w.broken, sizeof(w.broken), "%s", what);
}

static size_t index_of(const struct host *h)
{
	for (size_t i = 0; i < HOSTS; i++)
		if (w.host[i] == h)
			return i;
	fail_msg("a host of another world");
	return 0;
}

static bool enter(struct host *h, int *n, struct err *err)
{
	bool dead = w.unknown[index_of(h)];

	pthread_mutex_lock(&lock);
	*n = ++w.calls;
	if (!dead && (*n != w.fault_at || w.fault != FAIL_BEFORE))
		return false;
	pthread_mutex_unlock(&lock);
	err_set(err, E_DISCONNECTED, 0, "injected");
	return true;
}

static int leave(int n, int rc, struct err *err)
{
	pthread_mutex_unlock(&lock);
	if (rc < 0)
		return err_set(err, E_REMOTE, 0, "it cannot be done");
	if (n == w.fault_at && w.fault == FAIL_AFTER)
		return err_set(err, E_DISCONNECTED, 0, "injected, too late");
	return rc;
}

static void did(const char *what, size_t i)
{
	strv_take(&w.done, str_printf("%s %s", what, names[i]));
}

static bool another(size_t i, bool (*is)(const struct guest_look *l))
{
	for (size_t k = 0; k < HOSTS; k++)
		if (k != i && is(&w.v[k]))
			return true;
	return false;
}

static bool is_persistent(const struct guest_look *l)
{
	return l->persistent;
}

static void set(size_t i, enum guest_state state, enum guest_why why)
{
	w.v[i].state = state;
	w.v[i].why = why;
	w.v[i].job = GUEST_JOB_NONE;
	w.v[i].qemu_pids = guest_is_active(&w.v[i]);
}

static int f_look(struct host *h, const char *uuid, bool processes, struct guest_look *l, struct err *err)
{
	int n;

	(void)processes;
	if (enter(h, &n, err))
		return -1;
	*l = w.v[index_of(h)];
	l->uuid = l->state == GUEST_ABSENT ? NULL : xstrdup(uuid);
	l->name = l->state == GUEST_ABSENT ? NULL : xstrdup("web1");
	return leave(n, 0, err);
}

static char *f_xml(struct host *h, const char *uuid, enum guest_xml kind, struct err *err)
{
	int n;

	(void)uuid, (void)kind;
	if (enter(h, &n, err))
		return NULL;
	return leave(n, w.v[index_of(h)].state == GUEST_ABSENT ? -1 : 0, err) < 0 ? NULL : xstrdup(XML);
}

static int f_lease(struct host *h, const char *uuid, const char *who, struct exec_hold **lease, struct err *err)
{
	int n;

	(void)uuid, (void)who;
	if (enter(h, &n, err))
		return -1;
	*lease = NULL;
	return leave(n, 0, err);
}

static int f_suspend(struct host *h, const char *uuid, struct err *err)
{
	size_t i = index_of(h);
	int n;

	(void)uuid;
	if (enter(h, &n, err))
		return -1;
	did("suspend", i);
	if (i == ALPHA)
		broken("the one to be kept was paused");
	if (guest_is_running(&w.v[i]))
		set(i, GUEST_PAUSED, GUEST_WHY_USER);
	return leave(n, 0, err);
}

static int f_resume(struct host *h, const char *uuid, struct err *err)
{
	size_t i = index_of(h);
	int n;

	(void)uuid;
	if (enter(h, &n, err))
		return -1;
	did("resume", i);
	if (another(i, guest_is_running))
		broken("resumed, and it runs elsewhere");
	if (w.v[i].state != GUEST_PAUSED)
		return leave(n, -1, err);
	if (!w.deaf)
		set(i, GUEST_RUNNING, GUEST_WHY_OTHER);
	return leave(n, 0, err);
}

static int f_destroy(struct host *h, const char *uuid, struct err *err)
{
	size_t i = index_of(h);
	int n;

	(void)uuid;
	if (enter(h, &n, err))
		return -1;
	did("destroy", i);
	if (!w.alone && !another(i, guest_is_running))
		broken("stopped, and it does not run elsewhere at that moment");
	if (!w.alone && i == ALPHA)
		broken("the one to be kept was stopped");
	if (!guest_is_active(&w.v[i]))
		return leave(n, -1, err);
	set(i, w.v[i].persistent ? GUEST_SHUTOFF : GUEST_ABSENT, GUEST_WHY_DESTROYED);
	return leave(n, 0, err);
}

static int f_undefine(struct host *h, const char *uuid, bool saved, struct err *err)
{
	size_t i = index_of(h);
	int n;

	(void)uuid, (void)saved;
	if (enter(h, &n, err))
		return -1;
	did("undefine", i);
	if (guest_is_active(&w.v[i]))
		broken("undefined while it is active there");
	if (!w.alone && !another(i, is_persistent))
		broken("undefined, and nobody else has a definition");
	w.v[i].persistent = false;
	set(i, GUEST_ABSENT, GUEST_WHY_OTHER);
	return leave(n, 0, err);
}

static int f_define(struct host *h, const char *xml, struct err *err)
{
	size_t i = index_of(h);
	int n;

	if (enter(h, &n, err))
		return -1;
	did("define", i);
	assert_string_equal(xml, w.xml ? w.xml : XML);
	w.v[i].persistent = true;
	if (w.v[i].state == GUEST_ABSENT)
		set(i, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	return leave(n, 0, err);
}

static int f_start(struct host *h, const char *uuid, struct err *err)
{
	size_t i = index_of(h);
	int n;

	(void)uuid;
	if (enter(h, &n, err))
		return -1;
	did("start", i);
	if (another(i, guest_is_active))
		broken("started, and it is active elsewhere");
	if (w.v[i].state != GUEST_SHUTOFF)
		return leave(n, -1, err);
	if (!w.deaf)
		set(i, GUEST_RUNNING, GUEST_WHY_OTHER);
	return leave(n, 0, err);
}

static int f_abort_job(struct host *h, const char *uuid, struct err *err)
{
	size_t i = index_of(h);
	int n;

	(void)uuid;
	if (enter(h, &n, err))
		return -1;
	did("abort", i);
	w.v[i].job = GUEST_JOB_NONE;
	return leave(n, 0, err);
}

static const struct guest_ops ops = {
	.look = f_look,
	.xml = f_xml,
	.lease = f_lease,
	.suspend = f_suspend,
	.resume = f_resume,
	.destroy = f_destroy,
	.undefine = f_undefine,
	.define = f_define,
	.start = f_start,
	.abort_job = f_abort_job,
};

static int f_stat(struct host *h, const char *const paths[], size_t count, struct file_fact *out, struct err *err)
{
	int n;

	(void)paths;
	if (enter(h, &n, err))
		return -1;
	for (size_t i = 0; i < count; i++)
		out[i] = (struct file_fact) { .present = w.disks_missing ? FACT_NO : FACT_YES, .kind = 'f' };
	return leave(n, 0, err);
}

static int f_rename(struct host *h, const char *path, const char *to, struct file_id id, enum file_gone *gone,
		    struct err *err)
{
	size_t i = index_of(h);
	int n;

	if (enter(h, &n, err))
		return -1;
	did("rename", i);
	if (i != BETA || strcmp(path, "/pool/own.qcow2") != 0 || id.ino != 42)
		broken("another file than the other one's own was put away");
	if (!str_starts(to, "/pool/own.qcow2.vmmig-quarantine-"))
		broken("a disk was put away under a name that purge does not know");
	if (guest_is_active(&w.v[i]))
		broken("a disk was put away, and its guest is active");
	*gone = w.put_away ? FILE_ABSENT : FILE_REMOVED;
	w.put_away = true;
	return leave(n, 0, err);
}

static int f_chain(struct host *h, const char *path, const char *format, bool whole, struct image_chain *out,
		   struct err *err)
{
	int n;

	(void)path, (void)format, (void)out;
	assert_true(whole);
	if (enter(h, &n, err))
		return -1;
	return leave(n, w.base_missing ? err_set(err, E_REMOTE, 0, "base.qcow2: No such file or directory") : 0, err);
}

static const struct file_ops files = { .stat = f_stat, .chain = f_chain, .rename = f_rename };

static bool consents(void *arg, const char *question)
{
	assert_ptr_equal(arg, &w);
	assert_true(strlen(question) > 10);
	strv_add(&w.done, "consent");
	if (w.meanwhile)
		w.meanwhile();
	return !w.refuses;
}

static void note(struct report *r, const char *text)
{
	(void)r;
	strv_add(&w.notes, text);
}

static const struct report_ops noting = { .note = note };

/* ---- one recovery ---- */

static char dir[32];
static struct journal *journal;

struct bed {
	struct recovery r;
	struct report report;
	struct move_options opt;
	struct fleet fleet;
	struct fleet_host hosts[HOSTS];
	struct guest_look looks[HOSTS];
	struct qemu_process processes[HOSTS][2];
	struct open_disk disks[HOSTS][2];
	struct presence *presences;
	bool fenced[HOSTS];
	struct err err;
};

static void new_world(void)
{
	strv_clear(&w.done);
	strv_clear(&w.notes);
	memset(&w, 0, sizeof(w));
	for (size_t i = 0; i < HOSTS; i++)
		set(i, GUEST_ABSENT, GUEST_WHY_OTHER);
}

static void guest_at(size_t i, enum guest_state state, enum guest_why why)
{
	set(i, state, why);
	w.v[i].persistent = true;
}

/* What the fleet shows now. */
static void survey_world(struct bed *b)
{
	for (size_t i = 0; i < HOSTS; i++) {
		struct fleet_host *h = &b->hosts[i];

		*h = (struct fleet_host) { .host = w.host[i], .name = names[i], .guests = &b->looks[i] };
		h->survey.processes = b->processes[i];
		if (w.unknown[i]) {
			err_set(&h->why, E_CONNECT, 0, "no route");
			err_set(&h->survey_why, E_CONNECT, 0, "no route");
			continue;
		}
		b->looks[i] = w.v[i];
		b->looks[i].uuid = WHAT(UUID);
		b->looks[i].name = WHAT("web1");
		h->guests_n = w.v[i].state != GUEST_ABSENT && !w.no_libvirt[i];
		if (w.no_libvirt[i])
			err_set(&h->why, E_LIBVIRT_CONNECT, 0, "it hangs");
		h->survey.processes_n = (size_t)w.v[i].qemu_pids;
		b->disks[i][0] = (struct open_disk) { .path = WHAT("/pool/own.qcow2"), .id = { 7, 42 } };
		b->disks[i][1] = (struct open_disk) { .path = WHAT("/mnt/shared.qcow2"),
						      .id = { 8, 43 },
						      .identity = WHAT("nfs4:/export:43") };
		for (size_t p = 0; p < 2; p++)
			b->processes[i][p] = (struct qemu_process) { .pid = 100 + (int)p,
								     .uuid = UUID,
								     .state = 'S',
								     .age_s = 10 * (i + 1),
								     .disks = b->disks[i],
								     .disks_n = 2 };
	}
}

static void begin(struct bed *b)
{
	*b = (struct bed) { .report.ops = &noting, .fleet = { b->hosts, HOSTS } };
	for (size_t i = 0; i < HOSTS; i++) {
		struct host_spec spec = { .name = WHAT(names[i]),
					  .address = WHAT("10.0.0.1"),
					  .command_timeout_s = 30 };

		w.host[i] = host_new(&spec);
		host_set_guest_ops(w.host[i], &ops);
		host_set_file_ops(w.host[i], &files);
	}
	survey_world(b);
	b->presences = fleet_presence(&b->fleet, UUID);
	b->r = (struct recovery) {
		.guest = "web1",
		.uuid = UUID,
		.fleet = &b->fleet,
		.presences = b->presences,
		.found = diagnose(b->presences, HOSTS),
		.journal = journal,
		.report = &b->report,
		.opt = &b->opt,
		.fenced = b->fenced,
		.consent = consents,
		.consent_arg = &w,
	};
}

static void end(struct bed *b)
{
	free(b->presences);
	err_clear(&b->err);
	for (size_t i = 0; i < HOSTS; i++) {
		err_clear(&b->hosts[i].why);
		err_clear(&b->hosts[i].survey_why);
		host_free(w.host[i]);
	}
	strv_clear(&w.done);
	strv_clear(&w.notes);
}

static void expect_done(const char *want)
{
	auto_free char *got = strv_join(&w.done, ", ");

	if (*w.broken)
		fail_msg("%s; done: %s", w.broken, got);
	if (!str_eq(got, want))
		fail_msg("done: \"%s\", not \"%s\"", got, want);
}

static void expect_refused(const struct bed *b, int rc, enum err_id id)
{
	if (rc != -1 || !err_is(&b->err, id))
		fail_msg("%d: %s: %s", rc, b->err.id ? b->err.id : "no error", b->err.msg ? b->err.msg : "");
}

static void expect_ok(const struct bed *b, int rc)
{
	if (rc)
		fail_msg("%s: %s", b->err.id, b->err.msg);
}

/* The newest record: how it ended, and "kind=result" of all its effects. */
static void expect_record(enum migration_status status, const char *want)
{
	struct migration_record *v;
	struct effect_record *e;
	struct strv got auto_strv = { 0 };
	auto_free char *all = NULL;
	size_t n, effects;

	assert_int_equal(journal_list(journal, NULL, false, 1, &v, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(v[0].mode, "recover");
	assert_int_equal(v[0].status, status);
	assert_true(v[0].ended_ms > 0);
	assert_int_equal(journal_effects(journal, v[0].id, &e, &effects, NULL), 0);
	for (size_t i = 0; i < effects; i++)
		strv_take(&got, str_printf("%s=%s", e[i].kind, e[i].result ? e[i].result : "?"));
	journal_effects_free(e, effects);
	journal_list_free(v, n);
	all = strv_join(&got, ", ");
	assert_string_equal(all, want);
}

static size_t records(void)
{
	struct migration_record *v;
	size_t n;

	assert_int_equal(journal_list(journal, NULL, false, 0, &v, &n, NULL), 0);
	journal_list_free(v, n);
	return n;
}

/* ---- keep ---- */

static void split(void)
{
	new_world();
	guest_at(ALPHA, GUEST_RUNNING, GUEST_WHY_OTHER);
	guest_at(BETA, GUEST_RUNNING, GUEST_WHY_OTHER);
}

static void kept(void **state)
{
	struct bed b;

	(void)state;
	split();
	begin(&b);
	assert_int_equal(b.r.found.kind, FOUND_SPLIT);
	expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
	expect_done("suspend beta, consent, destroy beta, rename beta, undefine beta");
	expect_record(MIG_COMPLETED, "suspend=done, stop-other=done, quarantine=done 7:42, undefine=done");
	end(&b);
}

static void kept_was_paused(void **state)
{
	struct bed b;

	(void)state;
	split();
	guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_USER);
	begin(&b);
	expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
	expect_done("suspend beta, consent, resume alpha, destroy beta, rename beta, undefine beta");
	end(&b);

	split();
	guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_MIGRATION);
	guest_at(BETA, GUEST_PAUSED, GUEST_WHY_USER);
	w.v[BETA].persistent = false;
	begin(&b);
	expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
	expect_done("consent, resume alpha, destroy beta, rename beta");
	end(&b);
}

/* It could run there, unless somebody says that it cannot; who says so of a host that is there is wrong. */
static void kept_was_paused_and_one_is_silent(void **state)
{
	struct bed b;

	(void)state;
	for (int i = 0; i < 3; i++) {
		split();
		guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_USER);
		w.unknown[GAMMA] = i < 2;
		w.no_libvirt[GAMMA] = i == 2;
		begin(&b);
		b.fenced[GAMMA] = i > 0;
		if (i == 1) {
			expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
			expect_done("suspend beta, consent, resume alpha, destroy beta, rename beta, undefine beta");
		} else {
			expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_NOT_PROVEN);
			expect_done("");
			assert_non_null(strstr(b.err.hint, "--fenced gamma"));
		}
		end(&b);
	}
}

static void kept_has_no_definition(void **state)
{
	struct bed b;

	(void)state;
	split();
	w.v[ALPHA].persistent = false;
	begin(&b);
	expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
	expect_done("suspend beta, consent, destroy beta, rename beta");
	end(&b);
}

static void kept_against_two(void **state)
{
	struct bed b;

	(void)state;
	split();
	guest_at(GAMMA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	begin(&b);
	expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
	expect_done("suspend beta, consent, destroy beta, rename beta, undefine beta, consent, undefine gamma");
	end(&b);
}

static void without_consent(void **state)
{
	struct bed b;

	(void)state;
	split();
	w.refuses = true;
	begin(&b);
	expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_SPLIT_BRAIN);
	expect_done("suspend beta, consent");
	assert_non_null(strstr(b.err.hint, "resume"));
	expect_record(MIG_FAILED, "suspend=done");
	end(&b);

	split();
	guest_at(BETA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	w.refuses = true;
	begin(&b);
	expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_CANCELLED);
	expect_done("consent");
	end(&b);
}

static void the_kept_one_does_not_run(void **state)
{
	static const struct {
		enum guest_state state;
		enum guest_why why;
		enum guest_job job;
	} not [] = {
		{ GUEST_PAUSED, GUEST_WHY_USER, GUEST_JOB_NONE }, /* resume has no effect */
		{ GUEST_CRASHED, GUEST_WHY_CRASHED, GUEST_JOB_NONE },
		{ GUEST_PAUSED, GUEST_WHY_USER, GUEST_JOB_OTHER },
		{ GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_OTHER },
		{ GUEST_SHUTDOWN, GUEST_WHY_OTHER, GUEST_JOB_NONE },
		{ GUEST_PMSUSPENDED, GUEST_WHY_OTHER, GUEST_JOB_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
		struct bed b;

		split();
		guest_at(ALPHA, not [i].state, not [i].why);
		w.v[ALPHA].job = not [i].job;
		w.deaf = true;
		begin(&b);
		expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_UNDECIDED);
		expect_done(i ? "suspend beta, consent" : "suspend beta, consent, resume alpha");
		end(&b);
	}
}

static void kept_ends(void)
{
	set(ALPHA, GUEST_SHUTOFF, GUEST_WHY_CRASHED);
}

static void kept_falls_silent(void)
{
	w.unknown[ALPHA] = true;
}

/* A person takes an hour to answer, and much can happen in it. */
static void the_kept_one_ends_while_the_operator_thinks(void **state)
{
	struct bed b;

	(void)state;
	split();
	w.meanwhile = kept_ends;
	begin(&b);
	expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_UNDECIDED);
	expect_done("suspend beta, consent");
	end(&b);

	split();
	w.meanwhile = kept_falls_silent;
	begin(&b);
	expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_UNDECIDED);
	expect_done("suspend beta, consent");
	end(&b);
}

static void may_not_be_kept(void **state)
{
	struct bed b;
	size_t before = records();

	(void)state;
	for (int i = 0; i < 6; i++) {
		split();
		if (i == 0)
			w.unknown[ALPHA] = true;
		if (i == 1)
			set(ALPHA, GUEST_ABSENT, GUEST_WHY_OTHER);
		if (i == 2) /* off, and active elsewhere */
			guest_at(ALPHA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
		if (i == 3) { /* under way */
			w.v[ALPHA].job = GUEST_JOB_MIGRATION_OUT;
			guest_at(BETA, GUEST_PAUSED, GUEST_WHY_MIGRATION);
		}
		if (i == 4) { /* it lives on both */
			guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED);
			guest_at(BETA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED);
		}
		if (i == 5) { /* a stray */
			set(BETA, GUEST_ABSENT, GUEST_WHY_OTHER);
			w.v[BETA].qemu_pids = 1;
		}
		begin(&b);
		expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_NOT_PROVEN);
		expect_done("");
		end(&b);
	}
	assert_int_equal(records(), before);
}

static void a_definition_is_forgotten(void **state)
{
	struct bed b;

	(void)state;
	split();
	guest_at(BETA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	begin(&b);
	assert_int_equal(b.r.found.kind, FOUND_TWICE);
	expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
	expect_done("consent, undefine beta");
	end(&b);
	/* it was started since the hosts were looked at */
	split();
	guest_at(BETA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	begin(&b);
	guest_at(BETA, GUEST_RUNNING, GUEST_WHY_OTHER);
	expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_NOT_PROVEN);
	expect_done("");
	end(&b);
	/* the kept one has no definition */
	split();
	guest_at(BETA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	w.v[ALPHA].persistent = false;
	begin(&b);
	expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_NOT_PROVEN);
	expect_done("");
	end(&b);
}

static void start_beta(void)
{
	guest_at(BETA, GUEST_RUNNING, GUEST_WHY_OTHER);
}

static void it_is_started_while_the_operator_thinks(void **state)
{
	struct bed b;

	(void)state;
	split();
	guest_at(BETA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	w.meanwhile = start_beta;
	begin(&b);
	expect_refused(&b, recover_keep(&b.r, ALPHA, &b.err), E_NOT_PROVEN);
	expect_done("consent");
	end(&b);
}

static void nothing_to_be_kept_against(void **state)
{
	struct bed b;

	(void)state;
	new_world();
	guest_at(ALPHA, GUEST_RUNNING, GUEST_WHY_OTHER);
	begin(&b);
	expect_ok(&b, recover_keep(&b.r, ALPHA, &b.err));
	expect_done("");
	end(&b);
}

/* ---- each call fails ---- */

enum scene { KEEP, KEEP_PAUSED, FORGET, FINISH, ROLL_BACK, RESET, REBOOT, EVACUATE, SCENES };

static void make_scene(enum scene s)
{
	split();
	switch (s) {
	case KEEP:
		break;
	case KEEP_PAUSED:
		guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_USER);
		break;
	case FORGET:
		guest_at(BETA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
		break;
	case FINISH:
		guest_at(BETA, GUEST_PAUSED, GUEST_WHY_MIGRATION);
		break;
	case ROLL_BACK:
	case RESET:
	case REBOOT:
		new_world();
		guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_MIGRATION);
		if (s == RESET)
			w.v[ALPHA].job = GUEST_JOB_MIGRATION_OUT;
		w.alone = s == REBOOT;
		break;
	case EVACUATE:
		new_world();
		w.unknown[BETA] = true;
		w.alone = true;
		break;
	case SCENES:
		break;
	}
}

/* All that beta had is on storage of all hosts. */
char *survey_identity(struct host *h, const char *path, struct err *err)
{
	(void)h;
	(void)err;
	return str_printf("nfs:/export:%s", path);
}

static int evacuate_by(struct recovery *r, const char *xml, const char *fence, struct err *err)
{
	char uuid[] = UUID, name[] = "web1";
	auto_free char *copy = xstrdup(xml);
	struct definition_record d = { .uuid = uuid, .guest = name, .xml = copy };

	return recover_evacuate(r, BETA, ALPHA, &d, fence, err);
}

static int play(enum scene s, struct bed *b)
{
	switch (s) {
	case KEEP:
	case KEEP_PAUSED:
	case FORGET:
		return recover_keep(&b->r, ALPHA, &b->err);
	case FINISH:
	case ROLL_BACK:
		return recover_mend(&b->r, &b->err);
	case RESET:
		return recover_reset(&b->r, &b->err);
	case REBOOT:
		return recover_reboot(&b->r, &b->err);
	case EVACUATE:
		return evacuate_by(&b->r, XML, "true", &b->err);
	case SCENES:
		break;
	}
	return -1;
}

static void judge(enum scene s, const struct bed *b, int rc)
{
	auto_free char *done = strv_join(&w.done, ", ");

	if (*w.broken)
		fail_msg("scene %d, fault %d at call %d: %s; done: %s", s, w.fault, w.fault_at, w.broken, done);
	if (rc == 0 && (!guest_is_running(&w.v[ALPHA]) || (guest_is_active(&w.v[BETA]) && !w.unknown[BETA]) ||
			!w.v[ALPHA].persistent))
		fail_msg("scene %d, fault %d at call %d: success, but it is not so; done: %s", s, w.fault, w.fault_at,
			 done);
	if (rc < 0 && (!b->err.id || !b->err.msg))
		fail_msg("scene %d: no reason", s);
	if (!w.v[ALPHA].persistent && !w.v[BETA].persistent && s != EVACUATE)
		fail_msg("scene %d, fault %d at call %d: defined nowhere; done: %s", s, w.fault, w.fault_at, done);
	if (guest_is_active(&w.v[ALPHA]) && !w.v[ALPHA].persistent)
		fail_msg("scene %d, fault %d at call %d: it runs, and is not defined; done: %s", s, w.fault, w.fault_at,
			 done);
}

static void each_call_fails(void **state)
{
	(void)state;
	for (enum scene s = 0; s < SCENES; s++)
		for (enum fault_kind k = FAIL_BEFORE; k <= FAIL_AFTER; k++)
			for (int n = 0;; n++) {
				struct bed b;
				bool over;
				int rc;

				make_scene(s);
				begin(&b);
				w.fault_at = n;
				w.fault = k;
				rc = play(s, &b);
				judge(s, &b, rc);
				if (n == 0)
					expect_ok(&b, rc);
				over = w.calls < n;
				end(&b);
				if (over)
					break;
				assert_true(n < 100);
			}
}

static void a_dry_run_does_nothing(void **state)
{
	size_t before = records();

	(void)state;
	for (enum scene s = 0; s < SCENES; s++) {
		struct bed b;

		make_scene(s);
		begin(&b);
		b.r.dry_run = true;
		expect_ok(&b, s == EVACUATE ? evacuate_by(&b.r, XML, "exit 1", &b.err) : play(s, &b));
		expect_done("");
		end(&b);
	}
	assert_int_equal(records(), before);
}

/* ---- mend, reset ---- */

static void mended(void **state)
{
	struct bed b;

	(void)state;
	make_scene(FINISH);
	begin(&b);
	assert_int_equal(b.r.found.kind, FOUND_FINISH);
	expect_ok(&b, recover_mend(&b.r, &b.err));
	expect_done("destroy beta, undefine beta");
	expect_record(MIG_COMPLETED, "stop-half=done, undefine=done");
	end(&b);

	make_scene(ROLL_BACK);
	begin(&b);
	assert_int_equal(b.r.found.kind, FOUND_ROLL_BACK);
	expect_ok(&b, recover_mend(&b.r, &b.err));
	expect_done("resume alpha");
	expect_record(MIG_COMPLETED, "resume=done");
	end(&b);
	/* the only definition stays */
	make_scene(FINISH);
	w.v[ALPHA].persistent = false;
	begin(&b);
	expect_ok(&b, recover_mend(&b.r, &b.err));
	expect_done("destroy beta");
	end(&b);
}

static void changed_in_between(void **state)
{
	static const struct {
		enum scene scene;
		size_t host;
		enum guest_state state;
		enum guest_why why;
		enum guest_job job;
	} changes[] = {
		{ FINISH, ALPHA, GUEST_PAUSED, GUEST_WHY_USER, GUEST_JOB_NONE },
		{ FINISH, ALPHA, GUEST_SHUTOFF, GUEST_WHY_CRASHED, GUEST_JOB_NONE },
		{ FINISH, ALPHA, GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_MIGRATION_OUT },
		{ FINISH, BETA, GUEST_RUNNING, GUEST_WHY_MIGRATION, GUEST_JOB_NONE },
		{ FINISH, BETA, GUEST_PAUSED, GUEST_WHY_USER, GUEST_JOB_NONE },
		{ FINISH, BETA, GUEST_PAUSED, GUEST_WHY_MIGRATION, GUEST_JOB_MIGRATION_OUT },
		{ FINISH, BETA, GUEST_SHUTOFF, GUEST_WHY_OTHER, GUEST_JOB_NONE },
		{ FINISH, BETA, GUEST_PAUSED, GUEST_WHY_STARTING_UP, GUEST_JOB_NONE },
		{ ROLL_BACK, ALPHA, GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_NONE },
		{ ROLL_BACK, ALPHA, GUEST_PAUSED, GUEST_WHY_USER, GUEST_JOB_NONE },
		{ ROLL_BACK, ALPHA, GUEST_PAUSED, GUEST_WHY_MIGRATION, GUEST_JOB_MIGRATION_OUT },
		{ ROLL_BACK, ALPHA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED, GUEST_JOB_NONE },
		{ ROLL_BACK, ALPHA, GUEST_ABSENT, GUEST_WHY_OTHER, GUEST_JOB_NONE },
		{ RESET, ALPHA, GUEST_RUNNING, GUEST_WHY_OTHER, GUEST_JOB_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct bed b;
		int rc;

		make_scene(changes[i].scene);
		begin(&b);
		set(changes[i].host, changes[i].state, changes[i].why);
		w.v[changes[i].host].job = changes[i].job;
		rc = play(changes[i].scene, &b);
		if (rc != -1 || !err_is(&b.err, E_NOT_PROVEN))
			fail_msg("change %zu: %d, %s", i, rc, b.err.msg ? b.err.msg : "no error");
		expect_done("");
		end(&b);
	}
}

/* The guest is nobody's to resume when it does not answer any more. */
static void silent_in_between(void **state)
{
	static const enum scene scenes[] = { FINISH, ROLL_BACK, RESET, KEEP, FORGET, REBOOT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++)
		for (size_t h = ALPHA; h <= BETA; h++) {
			struct bed b;

			if (h == BETA && (scenes[i] == ROLL_BACK || scenes[i] == RESET || scenes[i] == REBOOT))
				continue;
			make_scene(scenes[i]);
			begin(&b);
			w.unknown[h] = true;
			assert_int_equal(play(scenes[i], &b), -1);
			for (size_t d = 0; d < w.done.n; d++)
				assert_string_equal(w.done.v[d], "consent");
			end(&b);
		}
}

static void not_safe_is_not_mended(void **state)
{
	struct bed b;

	(void)state;
	split();
	begin(&b);
	expect_refused(&b, recover_mend(&b.r, &b.err), E_NOT_PROVEN);
	expect_done("");
	end(&b);
}

static void reset(void **state)
{
	struct bed b;

	(void)state;
	make_scene(RESET);
	begin(&b);
	assert_int_equal(b.r.found.kind, FOUND_STUCK);
	expect_ok(&b, recover_reset(&b.r, &b.err));
	expect_done("abort alpha, resume alpha");
	end(&b);

	new_world();
	guest_at(ALPHA, GUEST_RUNNING, GUEST_WHY_OTHER);
	begin(&b);
	expect_ok(&b, recover_reset(&b.r, &b.err));
	expect_done("");
	end(&b);

	split();
	begin(&b);
	expect_refused(&b, recover_reset(&b.r, &b.err), E_NOT_PROVEN);
	expect_done("");
	end(&b);
}

/* ---- kill: what comes before survey_kill(), which is a remote command ---- */

static void not_killed(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++) {
		bool and_start = i >= 5;
		struct bed b;

		split();
		if (i == 0) /* paused elsewhere */
			guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_USER);
		if (i == 1) /* nothing elsewhere */
			set(ALPHA, GUEST_ABSENT, GUEST_WHY_OTHER);
		if (i == 2) /* not known */
			w.unknown[ALPHA] = true;
		if (i == 3) /* no process where libvirt says it runs */
			w.v[ALPHA].qemu_pids = 0;
		if (i == 4) /* which of the two? */
			w.v[BETA].qemu_pids = 2;
		if (i == 6) {
			set(ALPHA, GUEST_ABSENT, GUEST_WHY_OTHER);
			w.unknown[GAMMA] = true;
		}
		begin(&b);
		expect_refused(&b, recover_kill(&b.r, BETA, and_start, &b.err), E_NOT_PROVEN);
		expect_done("");
		/* where it is paused elsewhere, or may be, it is not to be started here */
		assert_true(!b.err.hint || (!and_start && strstr(b.err.hint, i == 1 ? "--hard-reboot" : "hangs")));
		end(&b);
	}
}

static void no_qemu_to_kill(void **state)
{
	struct bed b;

	(void)state;
	split();
	begin(&b);
	expect_refused(&b, recover_kill(&b.r, GAMMA, false, &b.err), E_NOT_PROVEN);
	expect_done("");
	end(&b);
}

static void killed_when_told(void **state)
{
	struct bed b;

	(void)state;
	split();
	w.refuses = true;
	begin(&b);
	expect_refused(&b, recover_kill(&b.r, BETA, false, &b.err), E_CANCELLED);
	expect_done("consent");
	end(&b);

	split();
	begin(&b);
	b.r.dry_run = true;
	expect_ok(&b, recover_kill(&b.r, BETA, false, &b.err));
	expect_done("");
	end(&b);
	/* the kept one has ended since */
	split();
	w.meanwhile = kept_ends;
	begin(&b);
	expect_refused(&b, recover_kill(&b.r, BETA, false, &b.err), E_NOT_PROVEN);
	expect_done("consent");
	end(&b);
}

/* ---- reboot ---- */

static void rebooted(void **state)
{
	struct bed b;

	(void)state;
	make_scene(REBOOT);
	begin(&b);
	expect_ok(&b, recover_reboot(&b.r, &b.err));
	expect_done("consent, destroy alpha, start alpha");
	expect_record(MIG_COMPLETED, "destroy=done, start=done");
	end(&b);

	make_scene(REBOOT);
	w.refuses = true;
	begin(&b);
	expect_refused(&b, recover_reboot(&b.r, &b.err), E_CANCELLED);
	expect_done("consent");
	end(&b);
}

static void not_rebooted(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++) {
		struct bed b;

		make_scene(REBOOT);
		if (i == 0) /* active elsewhere */
			guest_at(BETA, GUEST_PAUSED, GUEST_WHY_USER);
		if (i == 1)
			guest_at(GAMMA, GUEST_RUNNING, GUEST_WHY_OTHER);
		if (i == 2)
			w.unknown[BETA] = true;
		if (i == 3) /* it would be gone */
			w.v[ALPHA].persistent = false;
		if (i == 4) { /* post-copy: the other half */
			guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED);
			guest_at(BETA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED);
		}
		if (i == 5) /* a stray elsewhere */
			w.v[GAMMA].qemu_pids = 1;
		if (i == 6) /* nowhere */
			new_world();
		begin(&b);
		expect_refused(&b, recover_reboot(&b.r, &b.err), E_NOT_PROVEN);
		expect_done(i == 3 ? "consent" : "");
		end(&b);
	}
}

/* ---- evacuate ---- */

static void evacuated(void **state)
{
	struct bed b;

	(void)state;
	make_scene(EVACUATE);
	begin(&b);
	expect_ok(&b, evacuate_by(&b.r, XML, "true", &b.err));
	expect_done("consent, define alpha, start alpha");
	expect_record(MIG_COMPLETED, "fence=done, define=done, start=done");
	end(&b);
	/* a person's word; and the destination knows it already */
	make_scene(EVACUATE);
	guest_at(ALPHA, GUEST_SHUTOFF, GUEST_WHY_OTHER);
	begin(&b);
	b.fenced[BETA] = true;
	expect_ok(&b, evacuate_by(&b.r, NULL, NULL, &b.err));
	expect_done("consent, start alpha");
	end(&b);
	/* a third host is off as well, and that was said */
	make_scene(EVACUATE);
	w.unknown[GAMMA] = true;
	begin(&b);
	b.fenced[GAMMA] = true;
	expect_ok(&b, evacuate_by(&b.r, XML, "true", &b.err));
	end(&b);
}

/* What only the dead host had does not keep it from starting, but is told. */
static void evacuated_with_losses(void **state)
{
	static const char with[] = "<domain type='kvm'><name>g</name><uuid>" UUID "</uuid>"
				   "<os><nvram>/var/lib/libvirt/qemu/nvram/g.fd</nvram></os>"
				   "<devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
				   "</devices></domain>";
	auto_free char *text = NULL;
	struct bed b;

	(void)state;
	make_scene(EVACUATE);
	w.disks_missing = true;
	w.xml = with;
	begin(&b);
	expect_ok(&b, evacuate_by(&b.r, with, "true", &b.err));
	text = strv_join(&w.notes, "; ");
	assert_non_null(strstr(text, "its NVRAM /var/lib/libvirt/qemu/nvram/g.fd is not there"));
	assert_non_null(strstr(text, "its TPM starts empty"));
	end(&b);
}

static void not_evacuated(void **state)
{
	(void)state;
	for (int i = 0; i < 13; i++) {
		const char *definition = i == 5 ? NULL : XML, *fence = i == 7 ? NULL : i == 8 ? "exit 1" : "true";
		struct bed b;
		int rc;

		make_scene(EVACUATE);
		if (i == 0) /* it answers */
			w.unknown[BETA] = false;
		if (i == 1) /* another one is unknown */
			w.unknown[GAMMA] = true;
		if (i == 2) /* it runs elsewhere */
			guest_at(GAMMA, GUEST_RUNNING, GUEST_WHY_OTHER);
		if (i == 3) /* it runs there already */
			guest_at(ALPHA, GUEST_RUNNING, GUEST_WHY_OTHER);
		if (i == 4)
			w.disks_missing = true;
		if (i == 6) /* the destination is unknown */
			w.unknown[ALPHA] = true;
		if (i == 9) /* a stray elsewhere */
			w.v[GAMMA].qemu_pids = 1;
		if (i == 10)
			w.base_missing = true;
		if (i >= 11) { /* only its libvirt is dead */
			w.unknown[BETA] = false;
			w.no_libvirt[BETA] = true;
			w.v[BETA].qemu_pids = i == 12;
		}
		begin(&b);
		rc = evacuate_by(&b.r, definition, fence, &b.err);
		if (rc != -1 || !err_is(&b.err, i == 7 || i == 8 ? E_FENCE : E_NOT_PROVEN))
			fail_msg("%d: %s", i, b.err.msg ? b.err.msg : "no error");
		/* nobody's host is cut off before all that can be seen was seen */
		expect_done(i == 8 ? "consent" : "");
		end(&b);
	}
}

/* Half of a guest is left whose disks had moved along. */
static void not_started_from_old_disks(void **state)
{
	static const struct {
		const char *mode, *from, *to;
		bool refused;
	} cases[] = {
		{ "block", "alpha", "beta", true },
		{ "live", "alpha", "beta", true }, /* --resume-postcopy, in vain */
		{ "block", "beta", "alpha", false },
		{ "live", "alpha", "beta", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct migration_record record = { .guest = WHAT("web1"),
						   .uuid = WHAT(UUID),
						   .mode = WHAT(cases[i].mode),
						   .from = WHAT(cases[i].from),
						   .to = WHAT(cases[i].to) };
		struct bed b;

		usleep(2000); /* the newest one counts */
		assert_int_equal(journal_begin(journal, &record, NULL), 0);
		free(record.control);
		free(record.boot);
		new_world();
		guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED);
		begin(&b);
		assert_int_equal(b.r.found.kind, FOUND_LOST);
		if (cases[i].refused)
			expect_refused(&b, recover_reboot(&b.r, &b.err), E_NOT_PROVEN);
		else
			expect_ok(&b, recover_reboot(&b.r, &b.err));
		end(&b);
	}
}

/* A fence cuts the power of a host: nobody is asked afterwards. */
static void fenced_only_with_consent(void **state)
{
	auto_free char *mark = str_printf("%s/fenced", dir), *fence = str_printf("touch %s", mark);
	struct bed b;

	(void)state;
	make_scene(EVACUATE);
	w.refuses = true;
	begin(&b);
	expect_refused(&b, evacuate_by(&b.r, XML, fence, &b.err), E_CANCELLED);
	assert_int_equal(access(mark, F_OK), -1);
	expect_done("consent");
	end(&b);

	make_scene(EVACUATE);
	w.disks_missing = true;
	begin(&b);
	expect_refused(&b, evacuate_by(&b.r, XML, fence, &b.err), E_NOT_PROVEN);
	assert_int_equal(access(mark, F_OK), -1);
	end(&b);

	make_scene(EVACUATE);
	begin(&b);
	expect_ok(&b, evacuate_by(&b.r, XML, fence, &b.err));
	assert_int_equal(access(mark, F_OK), 0);
	end(&b);
}

static void a_fence_that_dies(void **state)
{
	static const char *const fences[] = { "kill -9 $$", "exit 255", "/nonexistent/fence", "sleep 1000" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fences); i++) {
		struct bed b;

		make_scene(EVACUATE);
		begin(&b);
		expect_refused(&b, evacuate_by(&b.r, XML, fences[i], &b.err), E_FENCE);
		expect_done("consent");
		end(&b);
	}
}

/* It does not start: what was defined for it goes again. */
static void does_not_start(void **state)
{
	struct bed b;

	(void)state;
	make_scene(EVACUATE);
	w.deaf = true;
	begin(&b);
	expect_refused(&b, evacuate_by(&b.r, XML, "true", &b.err), E_UNDECIDED);
	assert_false(guest_is_active(&w.v[ALPHA]));
	end(&b);
}

/* ---- post-copy ---- */

static void not_postcopy(void **state)
{
	struct bed b;

	(void)state;
	split();
	begin(&b);
	expect_refused(&b, recover_postcopy(&b.r, &b.err), E_NOT_PROVEN);
	end(&b);
	/* a migration under way that is not in post-copy: keep and other are not destination and source there */
	split();
	w.v[ALPHA].job = GUEST_JOB_MIGRATION_OUT;
	guest_at(BETA, GUEST_PAUSED, GUEST_WHY_MIGRATION);
	begin(&b);
	assert_int_equal(b.r.found.kind, FOUND_ADOPT);
	b.r.dry_run = true;
	expect_refused(&b, recover_postcopy(&b.r, &b.err), E_NOT_PROVEN);
	end(&b);

	split();
	guest_at(ALPHA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED);
	guest_at(BETA, GUEST_PAUSED, GUEST_WHY_POSTCOPY_FAILED);
	begin(&b);
	b.r.dry_run = true;
	expect_ok(&b, recover_postcopy(&b.r, &b.err));
	expect_done("");
	end(&b);
}

static int setup(void **state)
{
	auto_free char *path = NULL;

	(void)state;
	strcpy(dir, "/tmp/vmmig-act-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	path = str_printf("%s/journal.db", dir);
	journal = journal_open(path, NULL);
	return journal ? 0 : -1;
}

static int teardown(void **state)
{
	auto_free char *command = str_printf("rm -rf '%s'", dir);

	(void)state;
	journal_close(journal);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(kept_was_paused),
		cmocka_unit_test(kept_was_paused_and_one_is_silent),
		cmocka_unit_test(kept_has_no_definition),
		cmocka_unit_test(kept_against_two),
		cmocka_unit_test(without_consent),
		cmocka_unit_test(the_kept_one_does_not_run),
		cmocka_unit_test(the_kept_one_ends_while_the_operator_thinks),
		cmocka_unit_test(may_not_be_kept),
		cmocka_unit_test(a_definition_is_forgotten),
		cmocka_unit_test(it_is_started_while_the_operator_thinks),
		cmocka_unit_test(nothing_to_be_kept_against),
		cmocka_unit_test(each_call_fails),
		cmocka_unit_test(a_dry_run_does_nothing),
		cmocka_unit_test(mended),
		cmocka_unit_test(changed_in_between),
		cmocka_unit_test(silent_in_between),
		cmocka_unit_test(not_safe_is_not_mended),
		cmocka_unit_test(reset),
		cmocka_unit_test(not_killed),
		cmocka_unit_test(no_qemu_to_kill),
		cmocka_unit_test(killed_when_told),
		cmocka_unit_test(rebooted),
		cmocka_unit_test(not_rebooted),
		cmocka_unit_test(evacuated),
		cmocka_unit_test(evacuated_with_losses),
		cmocka_unit_test(not_started_from_old_disks),
		cmocka_unit_test(not_evacuated),
		cmocka_unit_test(fenced_only_with_consent),
		cmocka_unit_test(a_fence_that_dies),
		cmocka_unit_test(does_not_start),
		cmocka_unit_test(not_postcopy),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong in a fleet: fleets made by hand in, troubles out; and what they show, in words. */
#include "unit.h"

#include "recover/scan.h"

#define WEB "6f1e0b7a-0000-4000-8000-0123456789ab"
#define DB "6f1e0b7a-0000-4000-8000-0123456789ac"
#define WHAT(s) ((char *)(uintptr_t)(s))

enum { ALPHA, BETA, GAMMA, HOSTS };

/* A fleet, and all that it is made of. */
struct fixture {
	struct fleet fleet;
	struct fleet_host hosts[HOSTS];
	struct guest_look looks[HOSTS][4];
	struct qemu_process processes[HOSTS][4];
	struct open_disk disks[HOSTS][4][4];
	struct lease_fact leases[HOSTS][4];
	struct left_file files[HOSTS][4];
	struct block_job jobs[HOSTS][8];
	struct trouble *v;
	size_t n;
};

static void setup(struct fixture *x)
{
	static const char *const names[] = { "alpha", "beta", "gamma" };

	*x = (struct fixture) { .fleet = { x->hosts, HOSTS } };
	for (size_t i = 0; i < HOSTS; i++) {
		struct host_spec spec = { .name = WHAT(names[i]), .address = WHAT(names[i]), .user = WHAT("root") };

		x->hosts[i] = (struct fleet_host) { .host = host_new(&spec), .name = names[i], .guests = x->looks[i] };
		x->hosts[i].survey.processes = x->processes[i];
		x->hosts[i].survey.leases = x->leases[i];
		x->hosts[i].survey.files = x->files[i];
	}
}

static void end(struct fixture *x)
{
	troubles_free(x->v, x->n);
	for (size_t i = 0; i < HOSTS; i++) {
		host_free(x->hosts[i].host);
		err_clear(&x->hosts[i].why);
		err_clear(&x->hosts[i].survey_why);
	}
}
#define auto_fixture AUTO(end)

static struct guest_look *add_guest(struct fixture *x, size_t host, const char *uuid, const char *name,
				    enum guest_state state)
{
	struct guest_look *l = &x->looks[host][x->hosts[host].guests_n++];

	*l = (struct guest_look) {
		.state = state, .job = GUEST_JOB_NONE, .uuid = WHAT(uuid), .name = WHAT(name), .persistent = true
	};
	return l;
}

static struct qemu_process *add_qemu(struct fixture *x, size_t host, const char *uuid)
{
	size_t n = x->hosts[host].survey.processes_n++;
	struct qemu_process *q = &x->processes[host][n];

	*q = (struct qemu_process) { .pid = 1000 + (int)n, .start = 77, .age_s = 60, .state = 'S' };
	strcpy(q->uuid, uuid);
	q->disks = x->disks[host][n];
	return q;
}

static void add_disk(struct qemu_process *q, const char *path, uint64_t ino, const char *identity)
{
	q->disks[q->disks_n++] =
		(struct open_disk) { .path = WHAT(path), .id = { 7, ino }, .identity = WHAT(identity) };
}

/* It runs there, and has this disk. */
static struct qemu_process *add_running(struct fixture *x, size_t host, const char *uuid, const char *name,
					const char *path, uint64_t ino, const char *identity)
{
	struct qemu_process *q = add_qemu(x, host, uuid);

	add_guest(x, host, uuid, name, GUEST_RUNNING);
	add_disk(q, path, ino, identity);
	return q;
}

static void add_job(struct fixture *x, size_t host, const char *target, enum block_job_kind kind, uint64_t processed,
		    uint64_t total)
{
	struct block_jobs *j = &x->looks[host][0].block_jobs;

	j->known = true;
	j->v = x->jobs[host];
	j->v[j->n++] =
		(struct block_job) { .target = WHAT(target), .kind = kind, .processed = processed, .total = total };
}

static void add_file(struct fixture *x, size_t host, const char *path, int64_t age_s, bool quarantined)
{
	x->files[host][x->hosts[host].survey.files_n++] =
		(struct left_file) { .path = WHAT(path), .size = 4096, .age_s = age_s, .quarantined = quarantined };
}

static void add_lease(struct fixture *x, size_t host, const char *uuid, bool held)
{
	struct lease_fact *l = &x->leases[host][x->hosts[host].survey.leases_n++];

	*l = (struct lease_fact) { .held = held, .who = WHAT("vmmig pid 12 on desk") };
	strcpy(l->uuid, uuid);
}

/* Each as "kind: guest: hosts", in their order. */
static void expect(struct fixture *x, const char *want)
{
	struct strv got auto_strv = { 0 };
	auto_free char *all = NULL;

	troubles_free(x->v, x->n);
	scan(&x->fleet, &x->v, &x->n);
	for (size_t i = 0; i < x->n; i++) {
		auto_free char *hosts = strv_join(&x->v[i].hosts, ",");

		assert_non_null(x->v[i].text);
		assert_true(*x->v[i].text);
		strv_take(&got, str_printf("%s: %s: %s", x->v[i].kind, x->v[i].guest ? x->v[i].guest : "-", hosts));
	}
	all = strv_join(&got, "; ");
	assert_string_equal(all, want);
}

static void nothing_is_wrong(void **state)
{
	struct fixture x auto_fixture;

	(void)state;
	setup(&x);
	expect(&x, "");
	add_running(&x, ALPHA, WEB, "web1", "/pool/web1.qcow2", 1, NULL);
	/* the same numbers on another host, of a file system that is its own */
	add_running(&x, BETA, DB, "db1", "/pool/db1.qcow2", 1, NULL);
	add_guest(&x, GAMMA, "6f1e0b7a-0000-4000-8000-0123456789ad", "old", GUEST_SHUTOFF);
	expect(&x, "");
}

static void one_disk_on_two_hosts(void **state)
{
	struct fixture x auto_fixture;

	(void)state;
	setup(&x);
	add_running(&x, ALPHA, WEB, "web1", "/mnt/a.qcow2", 5, "nfs4:/export:5");
	add_running(&x, BETA, DB, "db1", "/srv/a.qcow2", 5, "nfs4:/export:5");
	add_running(&x, GAMMA, "6f1e0b7a-0000-4000-8000-0123456789ad", "other", "/srv/b.qcow2", 6, "nfs4:/export:6");
	expect(&x, "same disk: web1: alpha,beta");
	assert_true(x.v[0].serious);
	assert_null(x.v[0].command);
	assert_non_null(strstr(x.v[0].text, "web1 at alpha"));
	assert_non_null(strstr(x.v[0].text, "db1 at beta"));
	assert_non_null(strstr(x.v[0].text, "/mnt/a.qcow2"));
	assert_non_null(strstr(x.v[0].text, "/srv/a.qcow2"));
}

static void one_disk_on_one_host(void **state)
{
	struct fixture x auto_fixture;

	(void)state;
	setup(&x);
	add_running(&x, BETA, WEB, "web1", "/pool/a.qcow2", 5, NULL);
	add_running(&x, BETA, DB, "db1", "/pool/link.qcow2", 5, NULL);
	expect(&x, "same disk: web1: beta");
}

/* One guest that has its disk open twice, or on two hosts, is no news here. */
static void one_guest_and_its_disk(void **state)
{
	struct fixture x auto_fixture;
	struct qemu_process *q;

	(void)state;
	setup(&x);
	q = add_running(&x, ALPHA, WEB, "web1", "/pool/a.qcow2", 5, NULL);
	add_disk(q, "/pool/a.qcow2", 5, NULL);
	expect(&x, "");
	q->disks_n = 0;
	add_disk(q, "/mnt/a.qcow2", 5, "nfs4:/export:5");
	add_running(&x, BETA, WEB, "web1", "/mnt/a.qcow2", 5, "nfs4:/export:5");
	expect(&x, "split brain: web1: alpha,beta"); /* and not "same disk" */
}

/* Between two that are alike in the list, a third one must not hide. */
static void two_guests_one_of_them_twice(void **state)
{
	struct fixture x auto_fixture;
	bool seen = false;

	(void)state;
	setup(&x);
	add_running(&x, ALPHA, WEB, "web1", "/mnt/a.qcow2", 5, "nfs4:/export:5");
	add_running(&x, BETA, DB, "db1", "/mnt/a.qcow2", 5, "nfs4:/export:5");
	add_running(&x, GAMMA, WEB, "web1", "/mnt/a.qcow2", 5, "nfs4:/export:5");
	scan(&x.fleet, &x.v, &x.n);
	for (size_t i = 0; i < x.n; i++)
		seen |= str_eq(x.v[i].kind, "same disk");
	assert_true(seen);
}

static void findings(void **state)
{
	struct fixture x auto_fixture;
	struct guest_look *l;

	(void)state;
	setup(&x);
	add_qemu(&x, ALPHA, DB);
	expect(&x, "stray process: " DB ": alpha");
	assert_string_equal(x.v[0].command, "vmmig recover " DB " --kill alpha");
	add_guest(&x, BETA, WEB, "web 1", GUEST_RUNNING);
	add_qemu(&x, BETA, WEB);
	l = add_guest(&x, GAMMA, WEB, "web 1", GUEST_PAUSED);
	add_qemu(&x, GAMMA, WEB);
	l->why = GUEST_WHY_USER;
	expect(&x, "stray process: " DB ": alpha; split brain: web 1: beta,gamma");
}

static void order_is_that_of_guests(void **state)
{
	struct fixture x auto_fixture;
	struct guest_look *l;

	(void)state;
	setup(&x);
	add_running(&x, ALPHA, WEB, "web 1", "/a", 1, NULL);
	add_guest(&x, BETA, WEB, "web 1", GUEST_SHUTOFF);
	l = add_guest(&x, GAMMA, DB, "db1", GUEST_PAUSED);
	l->why = GUEST_WHY_IOERROR;
	add_qemu(&x, GAMMA, DB);
	expect(&x, "defined twice: web 1: alpha,beta; I/O error: db1: gamma");
	assert_string_equal(x.v[0].command, "vmmig recover 'web 1' --keep alpha");
	assert_string_equal(x.v[1].command, "virsh -c qemu+ssh://root@gamma/system resume " DB);
}

static void left_files(void **state)
{
	struct fixture x auto_fixture;

	(void)state;
	setup(&x);
	add_file(&x, ALPHA, "/pool/.a.vmmig-part", 5, false); /* it may still be written */
	expect(&x, "");
	add_file(&x, BETA, "/pool/.b.vmmig-part", 119, false);
	add_file(&x, BETA, "/pool/.c.vmmig-part", 120, false);
	add_file(&x, GAMMA, "/pool/d.vmmig-quarantine-1", 0, true);
	add_file(&x, GAMMA, "/pool/e.vmmig-part", -3, false); /* its host's clock went back */
	expect(&x, "left file: -: beta; quarantined file: -: gamma");
	assert_non_null(strstr(x.v[0].text, "/pool/.c.vmmig-part"));
	assert_null(x.v[0].command);
	assert_false(x.v[0].serious);
	assert_string_equal(x.v[1].command, "vmmig recover purge");
	/* a copy is under way there */
	x.hosts[BETA].survey.servers = 1;
	expect(&x, "copy server: -: beta; quarantined file: -: gamma");
	/* and a vmmig that belongs to it */
	add_lease(&x, ALPHA, WEB, true);
	expect(&x, "quarantined file: -: gamma");
	x.hosts[BETA].survey.servers = 0;
	expect(&x, "quarantined file: -: gamma");
	x.leases[ALPHA][0].held = false;
	expect(&x, "stale lease: " WEB ": alpha; left file: -: beta; quarantined file: -: gamma");
}

static void leases(void **state)
{
	struct fixture x auto_fixture;

	(void)state;
	setup(&x);
	add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	add_lease(&x, ALPHA, WEB, false);
	expect(&x, "stale lease: web1: alpha");
	assert_false(x.v[0].serious);
	assert_non_null(strstr(x.v[0].text, "vmmig pid 12 on desk"));
	x.leases[ALPHA][0].held = true;
	expect(&x, "");
	/* what a vmmig works on is not in trouble */
	add_running(&x, BETA, WEB, "web1", "/a", 1, NULL);
	expect(&x, "");
}

/* A copy without a migration: of what else runs on disks a migration has begun nothing. */
static void block_jobs(void **state)
{
	struct fixture x auto_fixture;
	struct guest_look *l = x.looks[ALPHA];

	(void)state;
	setup(&x);
	add_running(&x, ALPHA, WEB, "web 1", "/a", 1, NULL);
	add_job(&x, ALPHA, "vda", BLOCK_JOB_COMMIT, 1, 2);
	add_job(&x, ALPHA, "vdb", BLOCK_JOB_PULL, 1, 2);
	add_job(&x, ALPHA, "vdc", BLOCK_JOB_BACKUP, 1, 2);
	add_job(&x, ALPHA, "vdd", BLOCK_JOB_OTHER, 1, 2);
	expect(&x, "");
	add_job(&x, ALPHA, "vde", BLOCK_JOB_COPY, 40, 100);
	expect(&x, "block job: web 1: alpha");
	assert_false(x.v[0].serious);
	assert_non_null(strstr(x.v[0].text, "block job on vde: copy, 40 %"));
	assert_string_equal(x.v[0].command, "virsh -c qemu+ssh://root@alpha/system blockjob " WEB " vde --abort");
	add_job(&x, ALPHA, "v;df", BLOCK_JOB_COPY, 0, 0);
	expect(&x, "block job: web 1: alpha; block job: web 1: alpha");
	assert_string_equal(x.v[1].command, "virsh -c qemu+ssh://root@alpha/system blockjob " WEB " 'v;df' --abort");
	/* it is the migration's own */
	l->job = GUEST_JOB_MIGRATION_OUT;
	expect(&x, "stuck job: web 1: alpha");
	l->job = GUEST_JOB_OTHER;
	expect(&x, "");
	l->job = GUEST_JOB_UNKNOWN;
	expect(&x, "");
	/* a vmmig works on it, wherever it holds the lease, or may do so */
	l->job = GUEST_JOB_NONE;
	add_lease(&x, BETA, WEB, true);
	expect(&x, "");
	x.leases[BETA][0].held = false;
	expect(&x, "block job: web 1: alpha; block job: web 1: alpha; stale lease: web 1: beta");
	x.hosts[BETA].survey.leases_n = 0;
	err_set(&x.hosts[ALPHA].survey_why, E_REMOTE, 0, "no shell");
	expect(&x, "");
}

/* What was not asked for, as of one that is off, is no trouble. */
static void no_block_jobs(void **state)
{
	struct fixture x auto_fixture;

	(void)state;
	setup(&x);
	add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	x.looks[ALPHA][0].block_jobs.known = true;
	add_guest(&x, BETA, DB, "db1", GUEST_SHUTOFF);
	expect(&x, "");
}

/* ---- evidence ---- */

static void shows(struct fixture *x, size_t host, const char *uuid, const char *want)
{
	auto_free struct presence *v = fleet_presence(&x->fleet, uuid);
	auto_free char *got = presence_text(&x->fleet, &v[host]);

	assert_string_equal(got, want);
}

static void evidence_of_a_process(void **state)
{
	struct fixture x auto_fixture;
	struct qemu_process *q;

	(void)state;
	setup(&x);
	q = add_qemu(&x, ALPHA, WEB);
	shows(&x, ALPHA, WEB, "not known to libvirt, QEMU 1000 for 60.0 s");
	q->incoming = true;
	shows(&x, ALPHA, WEB, "not known to libvirt, QEMU 1000 for 60.0 s, started to receive a migration");
	q->ports[q->ports_n++] = 49152;
	shows(&x, ALPHA, WEB,
	      "not known to libvirt, QEMU 1000 for 60.0 s, started to receive a migration, listens on TCP port 49152");
	q->incoming = false;
	q->ports[q->ports_n++] = 5900;
	shows(&x, ALPHA, WEB, "not known to libvirt, QEMU 1000 for 60.0 s, listens on TCP port 49152 and 5900");
}

static void evidence_of_locks(void **state)
{
	struct fixture x auto_fixture;
	struct qemu_process *q;

	(void)state;
	setup(&x);
	q = add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	shows(&x, ALPHA, WEB,
	      "running, 0 QEMU processes, defined, QEMU 1000 for 60.0 s, has /a open, locks unknown on /a");
	q->disks[0].locked = FACT_YES;
	shows(&x, ALPHA, WEB,
	      "running, 0 QEMU processes, defined, QEMU 1000 for 60.0 s, has /a open, has /a locked for writing");
	q->disks[0].locked = FACT_NO;
	shows(&x, ALPHA, WEB,
	      "running, 0 QEMU processes, defined, QEMU 1000 for 60.0 s, has /a open, has no lock on /a");
	add_disk(q, "/b", 2, NULL);
	add_disk(q, "/c", 3, NULL);
	add_disk(q, "/d", 4, NULL);
	q->disks[1].locked = q->disks[2].locked = FACT_YES;
	shows(&x, ALPHA, WEB,
	      "running, 0 QEMU processes, defined, QEMU 1000 for 60.0 s, has /a open, has /b and /c locked for "
	      "writing, "
	      "has no lock on /a, locks unknown on /d");
}

/* A host may show any number. */
static void evidence_is_bounded(void **state)
{
	static struct open_disk many[1000];
	struct fixture x auto_fixture;
	struct qemu_process *q;

	(void)state;
	setup(&x);
	q = add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	q->disks = many;
	q->disks_n = ARRAY_SIZE(many);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct open_disk) { .path = WHAT("/a"), .locked = FACT_NO };
	shows(&x, ALPHA, WEB,
	      "running, 0 QEMU processes, defined, QEMU 1000 for 60.0 s, has /a open, "
	      "has no lock on /a and /a and /a and /a and 996 more");
	q->disks_n = 0;
	for (size_t i = 0; i < 6; i++)
		add_job(&x, ALPHA, "vda", BLOCK_JOB_COPY, i, 5);
	shows(&x, ALPHA, WEB,
	      "running, 0 QEMU processes, defined, block job on vda: copy, 0 %, block job on vda: copy, 20 %, "
	      "block job on vda: copy, 40 %, block job on vda: copy, 60 %, and 2 more, QEMU 1000 for 60.0 s");
}

static void block_jobs_in_words(void **state)
{
	static const struct {
		enum block_job_kind kind;
		uint64_t processed, total;
		const char *want;
	} jobs[] = {
		{ BLOCK_JOB_COPY, 40, 100, "block job on vda: copy, 40 %" },
		{ BLOCK_JOB_COMMIT, 0, 100, "block job on vda: commit, 0 %" },
		{ BLOCK_JOB_PULL, 999, 1000, "block job on vda: pull, 99 %" },
		{ BLOCK_JOB_BACKUP, 1000, 1000, "block job on vda: backup, 100 %" },
		{ BLOCK_JOB_OTHER, 0, 0, "block job on vda: other" },
		{ BLOCK_JOB_COPY, 7, 0, "block job on vda: copy" },
		{ BLOCK_JOB_COPY, 7, 3, "block job on vda: copy, 100 %" },
		{ BLOCK_JOB_COPY, UINT64_MAX, 1, "block job on vda: copy, 100 %" },
		{ BLOCK_JOB_COPY, UINT64_MAX, UINT64_MAX, "block job on vda: copy, 100 %" },
		{ BLOCK_JOB_COPY, 1, UINT64_MAX, "block job on vda: copy, 0 %" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		struct block_job j = { .target = WHAT("vda"),
				       .kind = jobs[i].kind,
				       .processed = jobs[i].processed,
				       .total = jobs[i].total };
		auto_free char *got = block_job_text(&j);

		assert_string_equal(got, jobs[i].want);
	}
}

/* ---- who is asked for block jobs ---- */

static struct strv asked;
static bool hangs;

static int f_block_jobs(struct host *h, const char *uuid, struct block_jobs *j, struct err *err)
{
	(void)h;
	strv_add(&asked, uuid);
	if (hangs)
		return err_set(err, E_TIMEOUT, 0, "it hangs");
	*ARRAY_ADD(j->v, j->n) = (struct block_job) { .target = xstrdup("vda"), .kind = BLOCK_JOB_COPY };
	j->known = true;
	return 0;
}

/* So many of its guests were asked. */
static void asks(struct fixture *x, size_t n)
{
	static const struct guest_ops ops = { .block_jobs = f_block_jobs };
	struct fleet_host *h = &x->hosts[ALPHA];

	strv_clear(&asked);
	host_set_guest_ops(h->host, &ops);
	fleet_ask_block_jobs(h, NULL);
	if (asked.n != n)
		fail_msg("%zu were asked, not %zu", asked.n, n);
	for (size_t i = 0; i < h->guests_n; i++) {
		assert_int_equal(h->guests[i].block_jobs.known, !hangs && strv_has(&asked, h->guests[i].uuid));
		assert_int_equal(h->guests[i].block_jobs.n, h->guests[i].block_jobs.known);
		assert_false(hangs && h->guests[i].silent); /* no verdict of it */
		block_jobs_clear(&h->guests[i].block_jobs);
	}
	strv_clear(&asked);
}

static void only_who_can_answer_is_asked(void **state)
{
	struct fixture x auto_fixture;
	struct guest_look *l = x.looks[ALPHA];
	struct qemu_process *q = x.processes[ALPHA];

	(void)state;
	setup(&x);
	asks(&x, 0);
	add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	asks(&x, 1);
	l->state = GUEST_PAUSED;
	asks(&x, 1);
	l->job = GUEST_JOB_MIGRATION_OUT;
	asks(&x, 1);
	l->job = GUEST_JOB_MIGRATION_IN; /* libvirt would let it wait */
	asks(&x, 0);
	l->job = GUEST_JOB_UNKNOWN;
	asks(&x, 0);
	l->job = GUEST_JOB_NONE;
	l->silent = true;
	asks(&x, 0);
	l->silent = false;
	l->state = GUEST_SHUTOFF;
	asks(&x, 0);
	l->state = GUEST_RUNNING;
	for (const char *p = "SRTDZX"; *p; p++) {
		q->state = *p;
		asks(&x, *p == 'S' || *p == 'R');
	}
	q->state = 'S';
	x.hosts[ALPHA].survey.processes_n = 0; /* the survey has failed, or there is none */
	asks(&x, 0);
	x.hosts[ALPHA].survey.processes_n = 1;
	add_qemu(&x, ALPHA, WEB); /* which of the two? */
	asks(&x, 0);
}

static void one_that_hangs_is_the_last_one(void **state)
{
	struct fixture x auto_fixture;

	(void)state;
	setup(&x);
	add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	add_running(&x, ALPHA, DB, "db1", "/b", 2, NULL);
	asks(&x, 2);
	hangs = true;
	asks(&x, 1);
	hangs = false;
}

static int f_slow(struct host *h, const char *uuid, struct block_jobs *j, struct err *err)
{
	(void)h;
	(void)uuid;
	(void)err;
	usleep(300000);
	*ARRAY_ADD(j->v, j->n) = (struct block_job) { .target = xstrdup("vda") };
	j->known = true;
	return 0;
}

/* A QEMU that keeps libvirt waiting does not keep us waiting; the host is left to the call that still uses it. */
static void patience_has_an_end(void **state)
{
	static const struct guest_ops ops = { .block_jobs = f_slow };
	static struct host *stuck;
	struct host_spec spec = { .name = WHAT("alpha"), .address = WHAT("alpha"), .command_timeout_s = 30 };
	struct block_jobs j = { 0 };
	struct err err auto_err = ERR_INIT;

	(void)state;
	stuck = host_new(&spec);
	host_set_guest_ops(stuck, &ops);
	assert_int_equal(guest_block_jobs(stuck, WEB, 20, &j, &err), -1);
	assert_true(err_is(&err, E_TIMEOUT));
	assert_false(j.known || j.n);
	assert_int_equal(guest_block_jobs(stuck, WEB, 20000, &j, NULL), 0);
	assert_true(j.known && j.n == 1);
	block_jobs_clear(&j);
}

/* A host that does not answer is no trouble of its guests, unless one of them is active and a half. */
static void unknown_hosts(void **state)
{
	struct fixture x auto_fixture;
	struct guest_look *l;

	(void)state;
	setup(&x);
	err_set(&x.hosts[BETA].why, E_CONNECT, 0, "no route");
	err_set(&x.hosts[BETA].survey_why, E_CONNECT, 0, "no route");
	add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	add_guest(&x, GAMMA, DB, "db1", GUEST_SHUTOFF);
	expect(&x, "");
	l = &x.looks[ALPHA][0];
	l->state = GUEST_PAUSED;
	l->why = GUEST_WHY_MIGRATION;
	expect(&x, "undecidable: web1: alpha");
	assert_null(x.v[0].command);
	assert_null(strstr(x.v[0].text, "no route"));
	err_clear(&x.hosts[BETA].why);
	err_clear(&x.hosts[BETA].survey_why);
	expect(&x, "roll back: web1: alpha");
	assert_string_equal(x.v[0].command, "vmmig recover web1");
}

static void only_what_stays_is_confirmed(void **state)
{
	struct fixture x auto_fixture, y auto_fixture;

	(void)state;
	setup(&x);
	setup(&y);
	add_running(&x, ALPHA, WEB, "web1", "/a", 1, NULL);
	add_guest(&x, BETA, WEB, "web1", GUEST_SHUTOFF);
	add_qemu(&x, GAMMA, DB);
	add_file(&x, GAMMA, "/pool/.a.vmmig-part", 500, false);
	expect(&x, "defined twice: web1: alpha,beta; stray process: " DB ": gamma; left file: -: gamma");
	/* the same guest, elsewhere; the stray process has gone; the file is there */
	add_running(&y, ALPHA, WEB, "web1", "/a", 1, NULL);
	add_guest(&y, GAMMA, WEB, "web1", GUEST_SHUTOFF);
	add_file(&y, GAMMA, "/pool/.a.vmmig-part", 502, false);
	expect(&y, "defined twice: web1: alpha,gamma; left file: -: gamma");
	troubles_confirm(&x.v, &x.n, y.v, y.n);
	assert_int_equal(x.n, 1);
	assert_string_equal(x.v[0].kind, "left file");
	troubles_confirm(&x.v, &x.n, y.v, y.n);
	assert_int_equal(x.n, 1);
	troubles_confirm(&x.v, &x.n, NULL, 0);
	assert_int_equal(x.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_wrong),
		cmocka_unit_test(one_disk_on_two_hosts),
		cmocka_unit_test(one_disk_on_one_host),
		cmocka_unit_test(one_guest_and_its_disk),
		cmocka_unit_test(two_guests_one_of_them_twice),
		cmocka_unit_test(findings),
		cmocka_unit_test(order_is_that_of_guests),
		cmocka_unit_test(left_files),
		cmocka_unit_test(leases),
		cmocka_unit_test(block_jobs),
		cmocka_unit_test(no_block_jobs),
		cmocka_unit_test(evidence_of_a_process),
		cmocka_unit_test(evidence_of_locks),
		cmocka_unit_test(evidence_is_bounded),
		cmocka_unit_test(block_jobs_in_words),
		cmocka_unit_test(only_who_can_answer_is_asked),
		cmocka_unit_test(one_that_hangs_is_the_last_one),
		cmocka_unit_test(patience_has_an_end),
		cmocka_unit_test(unknown_hosts),
		cmocka_unit_test(only_what_stays_is_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong in a fleet: fleets made by hand in, troubles out. */
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
	assert_string_equal(x.v[1].command, "virsh -c qemu+ssh://root@gamma/system resume db1");
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
		cmocka_unit_test(unknown_hosts),
		cmocka_unit_test(only_what_stays_is_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

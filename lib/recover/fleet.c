/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recover/fleet.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/interrupt.h"

enum { BLOCK_JOBS_MS = 3000 };

static unsigned count_qemus(const struct survey *s, const char *uuid, const struct qemu_process **first)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->processes_n; i++) {
		if (!str_eq(s->processes[i].uuid, uuid))
			continue;
		if (!n++)
			*first = &s->processes[i];
	}
	return n;
}

/* Only what there is a definition of can be started again elsewhere; one that fails is left out. */
static void read_definitions(struct fleet_host *f)
{
	for (size_t i = 0; i < f->guests_n; i++) {
		const struct guest_look *l = &f->guests[i];
		char *xml = l->persistent ? guest_xml(f->host, l->uuid, GUEST_XML_DEFINED, NULL) : NULL;

		if (!xml)
			continue;
		*ARRAY_ADD(f->definitions, f->definitions_n) = (struct definition_record) {
			.uuid = xstrdup(l->uuid),
			.host = xstrdup(f->name),
			.guest = xstrdup(l->name),
			.xml = xml,
			.autostart = l->autostart,
			.at_ms = clock_wall_ms(),
		};
	}
}

/* Its QEMU has no reason to be silent, and libvirt none to let the question wait. */
static bool may_have_answer(const struct fleet_host *f, const struct guest_look *l)
{
	const struct qemu_process *q = NULL;

	return guest_is_active(l) && !l->silent && l->job != GUEST_JOB_UNKNOWN && l->job != GUEST_JOB_MIGRATION_IN &&
	       count_qemus(&f->survey, l->uuid, &q) == 1 && (q->state == 'S' || q->state == 'R');
}

void fleet_ask_block_jobs(struct fleet_host *f, const char *uuid)
{
	for (size_t i = 0; i < f->guests_n; i++) {
		struct guest_look *l = &f->guests[i];
		struct err err auto_err = ERR_INIT;

		if ((!uuid || str_eq(uuid, l->uuid)) && may_have_answer(f, l) &&
		    guest_block_jobs(f->host, l->uuid, BLOCK_JOBS_MS, &l->block_jobs, &err) < 0 &&
		    err_is(&err, E_TIMEOUT))
			return; /* once is enough to wait for nothing */
	}
}

/* Both ways at the same time: the script works while libvirt is asked. */
static void *look_at(void *arg)
{
	struct fleet_host *f = arg;
	struct exec_job *job = survey_start(f->host);
	const struct qemu_process *first;

	if (!f->why.id)
		guest_list(f->host, &f->guests, &f->guests_n, &f->why);
	if (f->also & FLEET_DEFINITIONS)
		read_definitions(f);
	survey_wait(f->host, job, &f->survey, &f->survey_why);
	for (size_t i = 0; i < f->guests_n && !f->survey_why.id; i++)
		f->guests[i].qemu_pids = (int)count_qemus(&f->survey, f->guests[i].uuid, &first);
	if (f->also & FLEET_BLOCK_JOBS)
		fleet_ask_block_jobs(f, NULL);
	return NULL;
}

static void open_hosts(struct fleet *f)
{
	struct host **closed = xcalloc(f->n + 1, sizeof(*closed));
	struct err *errs = xcalloc(f->n + 1, sizeof(*errs));
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (!host_libvirt(f->v[i].host))
			closed[n++] = f->v[i].host;
	hosts_open(closed, n, errs);
	for (size_t i = 0; i < f->n; i++)
		for (size_t c = 0; c < n; c++)
			if (closed[c] == f->v[i].host && errs[c].id) {
				if (!err_is(&errs[c], E_LIBVIRT_CONNECT)) /* then SSH is open, and QEMU may run */
					err_copy(&f->v[i].survey_why, &errs[c]);
				err_move(&f->v[i].why, &errs[c]);
			}
	free(errs);
	free(closed);
}

void fleet_look(struct fleet *f, struct host *const hosts[], size_t n, unsigned also)
{
	pthread_t *threads = xcalloc(n + 1, sizeof(*threads));
	bool *running = xcalloc(n + 1, sizeof(*running));

	f->v = xcalloc(n + 1, sizeof(*f->v));
	f->n = n;
	for (size_t i = 0; i < n; i++)
		f->v[i] = (struct fleet_host) { .host = hosts[i], .name = host_name(hosts[i]), .also = also };
	open_hosts(f);
	for (size_t i = 0; i < n; i++) {
		if (f->v[i].survey_why.id)
			continue;
		running[i] = interrupt_thread(&threads[i], NULL, look_at, &f->v[i]) == 0;
		if (!running[i])
			look_at(&f->v[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (running[i])
			pthread_join(threads[i], NULL);
	free(running);
	free(threads);
}

void fleet_clear(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++) {
		guest_list_free(f->v[i].guests, f->v[i].guests_n);
		survey_clear(&f->v[i].survey);
		for (size_t d = 0; d < f->v[i].definitions_n; d++)
			definition_record_clear(&f->v[i].definitions[d]);
		free(f->v[i].definitions);
		err_clear(&f->v[i].why);
		err_clear(&f->v[i].survey_why);
	}
	free(f->v);
	*f = (struct fleet) { 0 };
}

static const struct guest_look *find_look(const struct fleet_host *h, const char *uuid)
{
	for (size_t i = 0; i < h->guests_n; i++)
		if (str_eq(h->guests[i].uuid, uuid))
			return &h->guests[i];
	return NULL;
}

static const struct lease_fact *find_lease(const struct fleet_host *h, const char *uuid)
{
	for (size_t i = 0; i < h->survey.leases_n; i++)
		if (str_eq(h->survey.leases[i].uuid, uuid))
			return &h->survey.leases[i];
	return NULL;
}

void fleet_probe(struct fleet *f, const char *uuid)
{
	for (size_t i = 0; i < f->n; i++)
		for (size_t n = 0; n < f->v[i].guests_n; n++) {
			struct guest_look *l = &f->v[i].guests[n];
			struct err err auto_err = ERR_INIT;
			uint64_t ms;

			if (str_eq(l->uuid, uuid) && guest_is_active(l) &&
			    guest_get_max_downtime(f->v[i].host, uuid, &ms, &err) < 0 && err_is(&err, E_TIMEOUT))
				l->silent = true;
		}
}

/* Is there somebody, and be it only an sshd that refuses our key, behind a host key that is right? */
static bool is_reached(const struct fleet_host *h)
{
	return !h->why.id || !h->survey_why.id || err_is(&h->why, E_LIBVIRT_CONNECT) || err_is(&h->why, E_AUTH);
}

struct presence *fleet_presence(const struct fleet *f, const char *uuid)
{
	struct presence *v = xcalloc(f->n + 1, sizeof(*v));

	for (size_t i = 0; i < f->n; i++) {
		const struct fleet_host *h = &f->v[i];

		v[i] = (struct presence) { .host = i,
					   .answered = !h->why.id,
					   .surveyed = !h->survey_why.id,
					   .known = !h->why.id && !h->survey_why.id,
					   .reached = is_reached(h),
					   .look = find_look(h, uuid),
					   .lease = find_lease(h, uuid) };
		v[i].qemus = count_qemus(&h->survey, uuid, &v[i].qemu);
	}
	return v;
}

/* A QEMU that libvirt does not know has no name. */
static const char *find_process(const struct fleet *f, const char *uuid)
{
	const struct qemu_process *q = NULL;

	for (size_t i = 0; i < f->n; i++)
		if (count_qemus(&f->v[i].survey, uuid, &q))
			return q->uuid;
	return NULL;
}

int fleet_find(const struct fleet *f, const char *guest, char **uuid, struct err *err)
{
	const char *found = NULL;

	for (size_t i = 0; i < f->n; i++)
		for (size_t n = 0; n < f->v[i].guests_n; n++) {
			const struct guest_look *l = &f->v[i].guests[n];

			if (!str_eq(l->name, guest) && !str_eq(l->uuid, guest))
				continue;
			if (found && !str_eq(found, l->uuid)) {
				err_set(err, E_GUEST_AMBIGUOUS, 0, "two guests have this name: %s and %s", found,
					l->uuid);
				return err_hint_text(err, "give the UUID of the one that is meant");
			}
			found = l->uuid;
		}
	if (!found)
		found = find_process(f, guest);
	*uuid = xstrdup(found);
	return found ? 0 : 1;
}

const char *fleet_guest_name(const struct fleet *f, const char *uuid)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct guest_look *l = find_look(&f->v[i], uuid);

		if (l)
			return l->name;
	}
	return uuid;
}

static void add_once(struct strv *out, const char *uuid)
{
	if (!strv_has(out, uuid))
		strv_add(out, uuid);
}

void fleet_uuids(const struct fleet *f, struct strv *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct fleet_host *h = &f->v[i];

		for (size_t n = 0; n < h->guests_n; n++)
			add_once(out, h->guests[n].uuid);
		/* what runs where libvirt does not answer is no finding: the host is one */
		for (size_t n = 0; n < h->survey.processes_n && !h->why.id; n++)
			add_once(out, h->survey.processes[n].uuid);
	}
}

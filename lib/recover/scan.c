/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recover/scan.h"

#include <string.h>

#include "base/quote.h"

/* A part that nobody has written for so long, on a host without a server of copies, has been left. */
enum { PART_IDLE_S = 120 };

#define KIND_SAME_DISK "same disk"
#define KIND_IO_ERROR "I/O error"
#define KIND_BLOCK_JOB "block job"
#define KIND_LEFT_FILE "left file"
#define KIND_QUARANTINED "quarantined file"
#define KIND_LEASE "stale lease"
#define KIND_SERVER "copy server"

const char *const scan_kinds[] = { KIND_SAME_DISK,   KIND_IO_ERROR, KIND_BLOCK_JOB, KIND_LEFT_FILE,
				   KIND_QUARANTINED, KIND_LEASE,    KIND_SERVER,    NULL };

struct scanning {
	const struct fleet *f;
	struct trouble **v;
	size_t *n;
	bool anything_leased;
};

static struct trouble *add(struct scanning *s, const char *kind, bool serious, const char *uuid)
{
	struct trouble *t = ARRAY_ADD(*s->v, *s->n);

	*t = (struct trouble) { .kind = kind, .serious = serious, .uuid = xstrdup(uuid) };
	if (uuid)
		t->guest = xstrdup(fleet_guest_name(s->f, uuid));
	return t;
}

static void at(struct scanning *s, struct trouble *t, size_t host)
{
	if (host != SIZE_MAX)
		strv_add(&t->hosts, s->f->v[host].name);
}

/* ---- one guest ---- */

static const char *name_of(const struct scanning *s, size_t host)
{
	return host == SIZE_MAX ? NULL : s->f->v[host].name;
}

/* What its hosts show, those aside that have nothing of it. */
static char *evidence(const struct scanning *s, const struct presence *v)
{
	struct strv parts auto_strv = { 0 };

	for (size_t i = 0; i < s->f->n; i++) {
		auto_free char *text = NULL;

		if (!v[i].look && !v[i].qemu) /* a host that does not answer is said once */
			continue;
		text = presence_text(s->f, &v[i]);
		strv_take(&parts, str_printf("%s: %s", s->f->v[i].name, text));
	}
	return strv_join(&parts, "; ");
}

static void scan_finding(struct scanning *s, const char *uuid, const struct presence *v, struct diagnosis d)
{
	const struct finding_info *i = &finding_infos[d.kind];
	auto_free char *seen = NULL;
	struct trouble *t;

	/* with an unknown host, one that is off somewhere is no news */
	if (!i->trouble || (d.kind == FOUND_UNDECIDED && (d.keep == SIZE_MAX || !guest_is_active(v[d.keep].look))))
		return;
	t = add(s, i->name, true, uuid);
	for (size_t h = 0; h < s->f->n; h++)
		if (v[h].look || v[h].qemu)
			at(s, t, h);
	seen = evidence(s, v);
	t->text = str_printf("%s (%s)", d.rule, seen);
	t->command = diagnosis_command(&d, t->guest, name_of(s, d.kind == FOUND_SPLIT ? SIZE_MAX : d.keep),
				       name_of(s, d.other));
}

static void scan_presence(struct scanning *s, const char *uuid, const struct presence *p)
{
	struct trouble *t;

	if (!p->look || p->look->state != GUEST_PAUSED || p->look->why != GUEST_WHY_IOERROR)
		return;
	t = add(s, KIND_IO_ERROR, true, uuid);
	t->text = xstrdup("it is paused by an I/O error of one of its disks");
	/* by UUID: it may be called otherwise there, or like an ID or an option */
	t->command = quote_printf("virsh -c %s resume %s", host_uri(s->f->v[p->host].host), uuid);
	at(s, t, p->host);
}

/*
 * A migration copies disks while it is a job of the guest; without one, and without a vmmig that holds its lease, a
 * copy is what a broken migration has left, or what somebody does on purpose: only a person can tell these two.
 */
static void scan_block_jobs(struct scanning *s, const char *uuid, const struct presence *p)
{
	for (size_t i = 0; p->known && p->look && p->look->job == GUEST_JOB_NONE && i < p->look->block_jobs.n; i++) {
		const struct block_job *j = &p->look->block_jobs.v[i];
		auto_free char *job = NULL;
		struct trouble *t;

		if (j->kind != BLOCK_JOB_COPY)
			continue;
		job = block_job_text(j);
		t = add(s, KIND_BLOCK_JOB, false, uuid);
		t->text = str_printf("%s, and no migration of the guest runs: a broken one has left it, unless "
				     "somebody copies that disk on purpose",
				     job);
		t->command = quote_printf("virsh -c %s blockjob %s %s --abort", host_uri(s->f->v[p->host].host), uuid,
					  j->target);
		at(s, t, p->host);
	}
}

static void scan_guest(struct scanning *s, const char *uuid)
{
	auto_free struct presence *v = fleet_presence(s->f, uuid);
	struct diagnosis d = diagnose(v, s->f->n);

	scan_finding(s, uuid, v, d);
	for (size_t i = 0; i < s->f->n; i++) {
		scan_presence(s, uuid, &v[i]);
		if (d.kind != FOUND_BUSY && d.kind != FOUND_ADOPT)
			scan_block_jobs(s, uuid, &v[i]);
	}
}

/* ---- the same disk ---- */

struct use {
	char *key;
	size_t host;
	const struct qemu_process *qemu;
	const struct open_disk *disk;
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct use *)a)->key, ((const struct use *)b)->key);
}

static void collect_uses(const struct fleet *f, struct use **v, size_t *n)
{
	for (size_t h = 0; h < f->n; h++)
		for (size_t p = 0; p < f->v[h].survey.processes_n; p++) {
			const struct qemu_process *q = &f->v[h].survey.processes[p];

			for (size_t i = 0; i < q->disks_n; i++) {
				const struct open_disk *d = &q->disks[i];
				auto_free char *id = file_id_text(d->id);

				*ARRAY_ADD(*v, *n) = (struct use) {
					.key = d->identity ? xstrdup(d->identity) : str_printf("host %zu:%s", h, id),
					.host = h,
					.qemu = q,
					.disk = d,
				};
			}
		}
}

/* Two guests that can write one disk; one guest on two hosts is a finding of its own. */
static void scan_disks(struct scanning *s)
{
	struct use *v = NULL;
	size_t n = 0;

	collect_uses(s->f, &v, &n);
	if (n)
		qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 1; i < n; i++) {
		const struct use *a = &v[i - 1], *b = &v[i];
		struct trouble *t;

		if (!str_eq(a->key, b->key) || str_eq(a->qemu->uuid, b->qemu->uuid))
			continue;
		t = add(s, KIND_SAME_DISK, true, a->qemu->uuid);
		t->text =
			str_printf("%s at %s, and %s at %s, can write the same disk: %s, %s; unless it is meant to be "
				   "shared, one of them has to be stopped now",
				   t->guest, s->f->v[a->host].name, fleet_guest_name(s->f, b->qemu->uuid),
				   s->f->v[b->host].name, a->disk->path, b->disk->path);
		at(s, t, a->host);
		if (b->host != a->host)
			at(s, t, b->host);
	}
	for (size_t i = 0; i < n; i++)
		free(v[i].key);
	free(v);
}

/* ---- what lies around ---- */

static void scan_files(struct scanning *s, size_t host)
{
	const struct survey *y = &s->f->v[host].survey;

	for (size_t i = 0; i < y->files_n; i++) {
		const struct left_file *l = &y->files[i];
		auto_free char *size = str_bytes(l->size), *age = NULL;
		struct trouble *t;

		if (!l->quarantined && (y->servers || s->anything_leased || l->age_s < PART_IDLE_S))
			continue;
		age = str_duration((uint64_t)(l->age_s > 0 ? l->age_s : 0) * 1000);
		t = add(s, l->quarantined ? KIND_QUARANTINED : KIND_LEFT_FILE, false, NULL);
		t->text = str_printf("%s, %s, written %s ago", l->path, size, age);
		t->command = l->quarantined ? xstrdup("vmmig recover purge") : NULL;
		at(s, t, host);
	}
}

static void scan_rest(struct scanning *s, size_t host)
{
	const struct survey *y = &s->f->v[host].survey;
	struct trouble *t;

	for (size_t i = 0; i < y->leases_n; i++) {
		if (y->leases[i].held)
			continue;
		t = add(s, KIND_LEASE, false, y->leases[i].uuid);
		t->text = str_printf("a lease that nobody holds: %s", y->leases[i].who);
		t->command = NULL; /* the next vmmig that works on the guest takes it */
		at(s, t, host);
	}
	if (y->servers && !s->anything_leased) {
		t = add(s, KIND_SERVER, false, NULL);
		t->text = str_printf(
			"%u qemu-storage-daemon or qemu-nbd of a copy run%s, and no vmmig works on a guest of "
			"these hosts; they end with the session that began them",
			y->servers, y->servers == 1 ? "s" : "");
		at(s, t, host);
	}
}

static bool anything_leased(const struct fleet *f)
{
	for (size_t h = 0; h < f->n; h++)
		for (size_t i = 0; i < f->v[h].survey.leases_n; i++)
			if (f->v[h].survey.leases[i].held)
				return true;
	return false;
}

void scan(const struct fleet *f, struct trouble **out, size_t *n)
{
	struct scanning s = { .f = f, .v = out, .n = n, .anything_leased = anything_leased(f) };
	struct strv uuids auto_strv = { 0 };

	*out = NULL;
	*n = 0;
	fleet_uuids(f, &uuids);
	for (size_t i = 0; i < uuids.n; i++)
		scan_guest(&s, uuids.v[i]);
	scan_disks(&s);
	for (size_t h = 0; h < f->n; h++) {
		scan_files(&s, h);
		scan_rest(&s, h);
	}
}

static void trouble_clear(struct trouble *t)
{
	free(t->uuid);
	free(t->guest);
	strv_clear(&t->hosts);
	free(t->text);
	free(t->command);
}

static bool same(const struct trouble *a, const struct trouble *b)
{
	auto_free char *x = strv_join(&a->hosts, ","), *y = strv_join(&b->hosts, ",");

	/* of several jobs on a guest's disks the one that the command is about */
	return str_eq(a->kind, b->kind) && str_eq(a->uuid, b->uuid) && str_eq(x, y) &&
	       (!str_eq(a->kind, KIND_BLOCK_JOB) || str_eq(a->command, b->command));
}

void troubles_confirm(struct trouble **v, size_t *n, const struct trouble *again, size_t again_n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		bool there = false;

		for (size_t k = 0; k < again_n && !there; k++)
			there = same(&(*v)[i], &again[k]);
		if (there)
			(*v)[kept++] = (*v)[i];
		else
			trouble_clear(&(*v)[i]);
	}
	*n = kept;
}

void troubles_free(struct trouble *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		trouble_clear(&v[i]);
	free(v);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a host shows of a guest, in words. */
#include "base/clock.h"
#include "migrate/verdict.h"
#include "recover/fleet.h"

/* So many files or jobs are named; more are counted. */
enum { LISTED = 4 };

/* The disk that was written last. */
static char *writes(const struct qemu_process *q)
{
	const struct open_disk *last = NULL;
	auto_free char *ago = NULL;
	int64_t ms;

	for (size_t i = 0; i < q->disks_n; i++)
		if (!last || q->disks[i].written_ms > last->written_ms)
			last = &q->disks[i];
	if (!last)
		return xstrdup("");
	if (!last->written_ms)
		return str_printf(", has %s open", last->path);
	ms = clock_wall_ms() - last->written_ms;
	ago = str_duration(ms > 0 ? (uint64_t)ms : 0);
	return str_printf(", wrote %s %s ago", last->path, ago);
}

static char *listens(const struct qemu_process *q)
{
	struct strv ports auto_strv = { 0 };
	auto_free char *all = NULL;

	for (size_t i = 0; i < q->ports_n; i++)
		strv_take(&ports, str_printf("%u", q->ports[i]));
	all = strv_join(&ports, " and ");
	return str_printf("%s%s", ports.n ? ", listens on TCP port " : "", all);
}

/* Those of one kind, between two pieces of text; nothing of none. */
static char *locks(const struct qemu_process *q, enum fact locked, const char *before, const char *after)
{
	struct strv paths auto_strv = { 0 };
	auto_free char *all = NULL, *more = NULL;
	size_t n = 0;

	for (size_t i = 0; i < q->disks_n; i++) {
		if (q->disks[i].locked != locked)
			continue;
		if (n++ < LISTED)
			strv_add(&paths, q->disks[i].path);
	}
	if (!n)
		return xstrdup("");
	all = strv_join(&paths, " and ");
	more = n > LISTED ? str_printf(" and %zu more", n - LISTED) : xstrdup("");
	return str_printf("%s%s%s%s", before, all, more, after);
}

static char *qemu_text(const struct presence *p)
{
	const struct qemu_process *q = p->qemu;
	auto_free char *age = NULL, *ports = NULL, *disk = NULL, *yes = NULL, *no = NULL, *unknown = NULL;

	if (!q)
		return xstrdup("");
	age = str_duration(q->age_s * 1000);
	ports = listens(q);
	disk = writes(q);
	yes = locks(q, FACT_YES, ", has ", " locked for writing");
	no = locks(q, FACT_NO, ", has no lock on ", "");
	unknown = locks(q, FACT_UNKNOWN, ", locks unknown on ", "");
	return str_printf(", QEMU %d for %s%s%s%s%s%s%s%s%s", q->pid, age,
			  q->incoming ? ", started to receive a migration" : "",
			  q->state == 'T'   ? ", stopped by a signal"
			  : q->state == 'D' ? ", waiting for its storage"
					    : "",
			  p->qemus > 1 ? ", AND ANOTHER QEMU" : "", ports, disk, yes, no, unknown);
}

char *block_job_text(const struct block_job *j)
{
	double percent = j->total ? 100.0 * (double)j->processed / (double)j->total : 0;

	if (!j->total) /* it has just begun */
		return str_printf("block job on %s: %s", j->target, block_job_name(j->kind));
	return str_printf("block job on %s: %s, %d %%", j->target, block_job_name(j->kind),
			  percent < 100 ? (int)percent : 100);
}

static char *jobs_text(const struct guest_look *l)
{
	struct buf text auto_buf = { 0 };
	size_t n = l ? l->block_jobs.n : 0;

	for (size_t i = 0; i < n && i < LISTED; i++) {
		auto_free char *job = block_job_text(&l->block_jobs.v[i]);

		buf_addf(&text, ", %s", job);
	}
	if (n > LISTED)
		buf_addf(&text, ", and %zu more", n - LISTED);
	return text.p ? STEAL(text.p) : xstrdup("");
}

char *presence_text(const struct fleet *f, const struct presence *p)
{
	auto_free char *look = NULL, *qemu = qemu_text(p), *jobs = jobs_text(p->look);

	if (!p->answered)
		return str_printf("unknown (%s)%s", f->v[p->host].why.msg, p->qemu ? qemu : "");
	look = p->look ? look_text(p->look) : xstrdup("not known to libvirt");
	return str_printf("%s%s%s%s%s%s%s%s", look, p->look && p->look->silent ? ", its monitor does not answer" : "",
			  p->look ? p->look->persistent ? ", defined" : ", transient" : "",
			  p->look && p->look->autostart ? ", autostart" : "", jobs, qemu,
			  p->known ? "" : ", processes unknown",
			  p->lease ? p->lease->held ? ", leased" : ", with a stale lease" : "");
}

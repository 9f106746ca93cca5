/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of states, and the thin callers of a host's guest operations. */
#include "host/guest.h"

#include "base/task.h"
#include "host/host-private.h"

const char *guest_state_name(enum guest_state s)
{
	switch (s) {
	case GUEST_UNKNOWN:
		return "unknown";
	case GUEST_ABSENT:
		return "absent";
	case GUEST_RUNNING:
		return "running";
	case GUEST_BLOCKED:
		return "blocked";
	case GUEST_PAUSED:
		return "paused";
	case GUEST_SHUTDOWN:
		return "in shutdown";
	case GUEST_SHUTOFF:
		return "shut off";
	case GUEST_CRASHED:
		return "crashed";
	case GUEST_PMSUSPENDED:
		return "pmsuspended";
	}
	return "unknown";
}

const char *guest_why_name(enum guest_why w)
{
	switch (w) {
	case GUEST_WHY_OTHER:
		return "other";
	case GUEST_WHY_USER:
		return "user";
	case GUEST_WHY_MIGRATION:
		return "migration";
	case GUEST_WHY_IOERROR:
		return "I/O error";
	case GUEST_WHY_STARTING_UP:
		return "starting up";
	case GUEST_WHY_POSTCOPY:
		return "post-copy";
	case GUEST_WHY_POSTCOPY_FAILED:
		return "post-copy failed";
	case GUEST_WHY_MIGRATED:
		return "migrated";
	case GUEST_WHY_SHUTDOWN:
		return "shutdown";
	case GUEST_WHY_DESTROYED:
		return "destroyed";
	case GUEST_WHY_CRASHED:
		return "crashed";
	case GUEST_WHY_FAILED:
		return "failed";
	case GUEST_WHY_MIGRATION_CANCELED:
		return "migration canceled";
	}
	return "other";
}

const char *guest_job_name(enum guest_job j)
{
	switch (j) {
	case GUEST_JOB_UNKNOWN:
		return "unknown";
	case GUEST_JOB_NONE:
		return "none";
	case GUEST_JOB_MIGRATION_OUT:
		return "outgoing migration";
	case GUEST_JOB_MIGRATION_IN:
		return "incoming migration";
	case GUEST_JOB_OTHER:
		return "other";
	}
	return "unknown";
}

const char *block_job_name(enum block_job_kind k)
{
	switch (k) {
	case BLOCK_JOB_OTHER:
		return "other";
	case BLOCK_JOB_PULL:
		return "pull";
	case BLOCK_JOB_COPY:
		return "copy";
	case BLOCK_JOB_COMMIT:
		return "commit";
	case BLOCK_JOB_BACKUP:
		return "backup";
	}
	return "other";
}

void block_jobs_clear(struct block_jobs *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->v[i].target);
	free(j->v);
	*j = (struct block_jobs) { 0 };
}

void guest_look_clear(struct guest_look *l)
{
	block_jobs_clear(&l->block_jobs);
	free(l->uuid);
	free(l->name);
	free(l->unknown_because);
	*l = (struct guest_look) { 0 };
}

bool guest_is_active(const struct guest_look *l)
{
	switch (l->state) {
	case GUEST_RUNNING:
	case GUEST_BLOCKED:
	case GUEST_PAUSED:
	case GUEST_SHUTDOWN:
	case GUEST_CRASHED:
	case GUEST_PMSUSPENDED:
		return true;
	case GUEST_UNKNOWN:
	case GUEST_ABSENT:
	case GUEST_SHUTOFF:
		return false;
	}
	return false;
}

bool guest_is_running(const struct guest_look *l)
{
	return l->state == GUEST_RUNNING || l->state == GUEST_BLOCKED;
}

void guest_move_clear(struct guest_move *m)
{
	free(m->peer_uri);
	free(m->migrate_uri);
	free(m->disks_uri);
	free(m->tls_destination);
	strv_clear(&m->disks);
	free(m->dest_xml);
	free(m->persist_xml);
	*m = (struct guest_move) { 0 };
}

struct guest_move guest_move_copy(const struct guest_move *m)
{
	struct guest_move c = *m;

	c.peer_uri = xstrdup(m->peer_uri);
	c.migrate_uri = xstrdup(m->migrate_uri);
	c.disks_uri = xstrdup(m->disks_uri);
	c.tls_destination = xstrdup(m->tls_destination);
	c.dest_xml = xstrdup(m->dest_xml);
	c.persist_xml = xstrdup(m->persist_xml);
	c.disks = (struct strv) { 0 };
	for (size_t i = 0; i < m->disks.n; i++)
		strv_add(&c.disks, m->disks.v[i]);
	return c;
}

void guest_list_free(struct guest_look *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		guest_look_clear(&l[i]);
	free(l);
}

/*
 * One operation as a task: its own copies of what goes in, and a place for what comes out, since it may outlive its
 * caller.
 */
struct guest_call {
	struct host *h;
	char *uuid;
	int (*run)(struct guest_call *c, struct err *err);
	int (*plain)(struct host *h, const char *uuid,
		     struct err *err); /* operations that take and give nothing else */
	bool flag;
	uint64_t ms; /* or another number */
	struct guest_look look;
	struct job_stats stats;
	struct disk_job disk;
	struct block_jobs jobs;
	unsigned patience_ms; /* 0: the host's command_timeout_s */
	enum guest_xml kind;
	char *text; /* what comes out, or goes in */
	struct strv list;
};

static int call_run(void *arg, struct err *err)
{
	struct guest_call *c = arg;

	return c->run(c, err);
}

static void call_release(void *arg)
{
	struct guest_call *c = arg;

	free(c->uuid);
	free(c->text);
	strv_clear(&c->list);
	guest_look_clear(&c->look);
	block_jobs_clear(&c->jobs);
	free(c);
}

/*
 * Runs proto and waits for it, bounded. On success *out is the call with its results; they are read before
 * task_release(). NULL with err.
 */
static struct task *bounded(const struct guest_call *proto, const char *uuid, struct guest_call **out, struct err *err)
{
	struct guest_call *c = xcalloc(1, sizeof(*c));
	struct host *h = proto->h;
	unsigned patience_ms = proto->patience_ms ? proto->patience_ms : h->spec->command_timeout_s * 1000;
	struct task *t;

	*c = *proto;
	c->uuid = xstrdup(uuid);
	t = task_start(call_run, c, call_release, err);
	if (t && !task_wait(t, (int)patience_ms)) {
		host_set_stuck(h);
		err_set(err, E_TIMEOUT, 0, "libvirt has not answered within %u s", patience_ms / 1000);
	} else if (t && task_result(t, err) >= 0) {
		*out = c;
		return t;
	}
	if (t)
		task_release(t);
	err_wrap(err, "%s", host_label(h)); /* errors say on which host */
	return NULL;
}

static int run_plain(struct guest_call *c, struct err *err)
{
	return c->plain(c->h, c->uuid, err);
}

static int run_find(struct guest_call *c, struct err *err)
{
	return c->h->ops->find(c->h, c->uuid, &c->look, err);
}

static int run_look(struct guest_call *c, struct err *err)
{
	return c->h->ops->look(c->h, c->uuid, c->flag, &c->look, err);
}

static int looking(const struct guest_call *proto, const char *name, struct guest_look *l, struct err *err)
{
	struct guest_call *c;
	struct task *t = bounded(proto, name, &c, err);

	if (!t)
		return -1;
	*l = c->look;
	c->look = (struct guest_look) { 0 };
	task_release(t);
	return 0;
}

int guest_find(struct host *h, const char *name, struct guest_look *l, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_find };

	return looking(&proto, name, l, err);
}

void guest_look(struct host *h, const char *uuid, bool processes, struct guest_look *l)
{
	struct guest_call proto = { .h = h, .run = run_look, .flag = processes };
	struct err err auto_err = ERR_INIT;

	guest_look_clear(l);
	if (looking(&proto, uuid, l, &err) == 0)
		return;
	l->state = GUEST_UNKNOWN;
	l->qemu_pids = -1;
	l->unknown_because = xstrdup(err.msg);
}

static int run_xml(struct guest_call *c, struct err *err)
{
	c->text = c->h->ops->xml(c->h, c->uuid, c->kind, err);
	return c->text ? 0 : -1;
}

char *guest_xml(struct host *h, const char *uuid, enum guest_xml kind, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_xml, .kind = kind }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);
	char *xml;

	if (!t)
		return NULL;
	xml = STEAL(c->text);
	task_release(t);
	return xml;
}

static int run_job(struct guest_call *c, struct err *err)
{
	return c->h->ops->job(c->h, c->uuid, c->flag, &c->stats, err);
}

int guest_job(struct host *h, const char *uuid, bool completed, struct job_stats *s, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_job, .flag = completed }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);

	if (!t)
		return -1;
	*s = c->stats;
	task_release(t);
	return 0;
}

static int run_get_max_downtime(struct guest_call *c, struct err *err)
{
	return c->h->ops->get_max_downtime(c->h, c->uuid, &c->ms, err);
}

int guest_get_max_downtime(struct host *h, const char *uuid, uint64_t *ms, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_get_max_downtime }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);

	if (!t)
		return -1;
	*ms = c->ms;
	task_release(t);
	return 0;
}

static int run_measure_start(struct guest_call *c, struct err *err)
{
	return c->h->ops->measure_start(c->h, c->uuid, (unsigned)c->ms, err);
}

int guest_measure_start(struct host *h, const char *uuid, unsigned seconds, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_measure_start, .ms = seconds }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);

	if (!t)
		return -1;
	task_release(t);
	return 0;
}

static int run_measure_read(struct guest_call *c, struct err *err)
{
	int rc = c->h->ops->measure_read(c->h, c->uuid, (unsigned)c->ms, &c->ms, err);

	c->flag = rc > 0;
	return rc;
}

int guest_measure_read(struct host *h, const char *uuid, unsigned seconds, uint64_t *changed, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_measure_read, .ms = seconds }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);
	int rc;

	if (!t)
		return -1;
	rc = c->flag;
	*changed = rc ? c->ms : 0;
	task_release(t);
	return rc;
}

static int run_stream(struct guest_call *c, struct err *err)
{
	enum guest_stream s = STREAM_NONE;
	int rc = c->h->ops->stream(c->h, c->uuid, &s, err);

	c->ms = s;
	return rc;
}

int guest_stream(struct host *h, const char *uuid, enum guest_stream *s, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_stream }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);

	if (!t)
		return -1;
	*s = (enum guest_stream)c->ms;
	task_release(t);
	return 0;
}

static int run_disk_job(struct guest_call *c, struct err *err)
{
	return c->h->ops->disk_job(c->h, c->uuid, c->text, &c->disk, err);
}

int guest_disk_job(struct host *h, const char *uuid, const char *target, struct disk_job *j, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_disk_job, .text = xstrdup(target) }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);

	if (!t)
		return -1;
	*j = c->disk;
	task_release(t);
	return 0;
}

static int run_block_jobs(struct guest_call *c, struct err *err)
{
	return c->h->ops->block_jobs(c->h, c->uuid, &c->jobs, err);
}

int guest_block_jobs(struct host *h, const char *uuid, unsigned patience_ms, struct block_jobs *j, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_block_jobs, .patience_ms = patience_ms }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);

	if (!t)
		return -1;
	*j = c->jobs;
	c->jobs = (struct block_jobs) { 0 };
	task_release(t);
	return 0;
}

/* Operations with one argument that give nothing back. */
static int given(const struct guest_call *proto, const char *uuid, struct err *err)
{
	struct guest_call *c;
	struct task *t = bounded(proto, uuid, &c, err);

	if (!t)
		return -1;
	task_release(t);
	return 0;
}

static int run_set_max_downtime(struct guest_call *c, struct err *err)
{
	return c->h->ops->set_max_downtime(c->h, c->uuid, c->ms, err);
}

int guest_set_max_downtime(struct host *h, const char *uuid, uint64_t ms, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_set_max_downtime, .ms = ms };

	return given(&proto, uuid, err);
}

static int run_set_max_speed(struct guest_call *c, struct err *err)
{
	return c->h->ops->set_max_speed(c->h, c->uuid, c->ms, err);
}

int guest_set_max_speed(struct host *h, const char *uuid, uint64_t mib_s, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_set_max_speed, .ms = mib_s };

	return given(&proto, uuid, err);
}

static int run_set_autostart(struct guest_call *c, struct err *err)
{
	return c->h->ops->set_autostart(c->h, c->uuid, c->flag, err);
}

int guest_set_autostart(struct host *h, const char *uuid, bool on, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_set_autostart, .flag = on };

	return given(&proto, uuid, err);
}

static int run_plain_call(struct host *h, const char *uuid, int (*fn)(struct host *, const char *, struct err *),
			  struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_plain, .plain = fn };

	return given(&proto, uuid, err);
}

int guest_abort_job(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, h->ops->abort_job, err);
}

int guest_start_postcopy(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, h->ops->start_postcopy, err);
}

static int pause_outgoing(struct host *h, const char *uuid, struct err *err)
{
	return h->ops->pause_postcopy(h, uuid, true, err);
}

static int pause_incoming(struct host *h, const char *uuid, struct err *err)
{
	return h->ops->pause_postcopy(h, uuid, false, err);
}

int guest_pause_postcopy(struct host *h, const char *uuid, bool outgoing, struct err *err)
{
	return run_plain_call(h, uuid, outgoing ? pause_outgoing : pause_incoming, err);
}

int guest_suspend(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, h->ops->suspend, err);
}

int guest_resume(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, h->ops->resume, err);
}

int guest_destroy(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, h->ops->destroy, err);
}

static int undefine(struct host *h, const char *uuid, struct err *err)
{
	return h->ops->undefine(h, uuid, false, err);
}

static int undefine_saved(struct host *h, const char *uuid, struct err *err)
{
	return h->ops->undefine(h, uuid, true, err);
}

int guest_undefine(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, undefine, err);
}

int guest_undefine_saved(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, undefine_saved, err);
}

int guest_start(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, h->ops->start, err);
}

int guest_shutdown(struct host *h, const char *uuid, struct err *err)
{
	return run_plain_call(h, uuid, h->ops->shutdown, err);
}

static int run_define(struct guest_call *c, struct err *err)
{
	return c->h->ops->define(c->h, c->text, err);
}

int guest_define(struct host *h, const char *xml, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_define, .text = xstrdup(xml) };

	return given(&proto, "", err);
}

static int run_add_snapshot(struct guest_call *c, struct err *err)
{
	return c->h->ops->add_snapshot(c->h, c->uuid, c->text, c->flag, err);
}

int guest_add_snapshot(struct host *h, const char *uuid, const char *xml, bool current, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_add_snapshot, .text = xstrdup(xml), .flag = current };

	return given(&proto, uuid, err);
}

static int run_snapshots(struct guest_call *c, struct err *err)
{
	size_t current = SIZE_MAX;
	int rc = c->h->ops->snapshots(c->h, c->uuid, &c->list, &current, err);

	c->ms = current;
	return rc;
}

int guest_snapshots(struct host *h, const char *uuid, struct strv *xmls, size_t *current, struct err *err)
{
	struct guest_call proto = { .h = h, .run = run_snapshots }, *c;
	struct task *t = bounded(&proto, uuid, &c, err);

	if (!t)
		return -1;
	*xmls = c->list;
	c->list = (struct strv) { 0 };
	*current = c->ms;
	task_release(t);
	return 0;
}

int guest_migrate(struct host *src, struct host *dst, const char *uuid, const struct guest_move *m, struct err *err)
{
	return src->ops->migrate(src, dst, uuid, m, err);
}

/* Remote commands: bounded by themselves. */
int guest_cut(struct host *h, const char *uuid, const struct strv *addresses, unsigned port_min, unsigned port_max,
	      struct err *err)
{
	return h->ops->cut(h, uuid, addresses, port_min, port_max, err) < 0 ? err_wrap(err, "%s", host_label(h)) : 0;
}

int guest_cut_silent(struct host *h, const struct strv *addresses, unsigned min_ms, unsigned max_ms, unsigned *n,
		     struct err *err)
{
	return h->ops->cut_silent(h, addresses, min_ms, max_ms, n, err) < 0 ? err_wrap(err, "%s", host_label(h)) : 0;
}

int guest_age(struct host *h, const char *uuid, uint64_t *seconds, struct err *err)
{
	return h->ops->age(h, uuid, seconds, err) < 0 ? err_wrap(err, "%s", host_label(h)) : 0;
}

int guest_lease(struct host *h, const char *uuid, const char *who, struct exec_hold **lease, struct err *err)
{
	return h->ops->lease(h, uuid, who, lease, err) < 0 ? err_wrap(err, "%s", host_label(h)) : 0;
}

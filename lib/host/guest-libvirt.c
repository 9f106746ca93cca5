/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guest operations over libvirt (and a remote command where libvirt has no answer). */
#include <inttypes.h>
#include <jansson.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/host-private.h"

bool libvirt_failed_with(int code)
{
	virErrorPtr e = virGetLastError();

	return e && e->code == code;
}

/* 0 found, 1 no such domain, -1 err. */
static int lookup(struct host *h, const char *uuid, virDomainPtr *dom, struct err *err)
{
	if (!h->conn)
		return err_set(err, E_LIBVIRT_CONNECT, 0, "libvirt is not connected");
	*dom = virDomainLookupByUUIDString(h->conn, uuid);
	if (*dom)
		return 0;
	if (libvirt_failed_with(VIR_ERR_NO_DOMAIN))
		return 1;
	return libvirt_error(err, virConnectIsAlive(h->conn) == 1 ? E_LIBVIRT : E_LIBVIRT_CONNECT, "look up domain %s",
			     uuid);
}

/* For operations that need it to be there. */
virDomainPtr lv_need(struct host *h, const char *uuid, struct err *err)
{
	virDomainPtr dom = NULL;

	if (lookup(h, uuid, &dom, err) == 1)
		err_set(err, E_LIBVIRT, 0, "domain %s is not there", uuid);
	return dom;
}

/* ---- looking ---- */

static enum guest_why running_why(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_RUNNING_MIGRATED:
		return GUEST_WHY_MIGRATION;
	case VIR_DOMAIN_RUNNING_MIGRATION_CANCELED:
		return GUEST_WHY_MIGRATION_CANCELED;
	case VIR_DOMAIN_RUNNING_POSTCOPY:
		return GUEST_WHY_POSTCOPY;
	case VIR_DOMAIN_RUNNING_POSTCOPY_FAILED:
		return GUEST_WHY_POSTCOPY_FAILED;
	default:
		return GUEST_WHY_OTHER;
	}
}

static enum guest_why paused_why(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_PAUSED_USER:
		return GUEST_WHY_USER;
	case VIR_DOMAIN_PAUSED_MIGRATION:
		return GUEST_WHY_MIGRATION;
	case VIR_DOMAIN_PAUSED_IOERROR:
		return GUEST_WHY_IOERROR;
	case VIR_DOMAIN_PAUSED_STARTING_UP:
		return GUEST_WHY_STARTING_UP;
	case VIR_DOMAIN_PAUSED_CRASHED:
		return GUEST_WHY_CRASHED;
	case VIR_DOMAIN_PAUSED_POSTCOPY:
		return GUEST_WHY_POSTCOPY;
	case VIR_DOMAIN_PAUSED_POSTCOPY_FAILED:
		return GUEST_WHY_POSTCOPY_FAILED;
	default:
		return GUEST_WHY_OTHER;
	}
}

static enum guest_why shutoff_why(int reason)
{
	switch (reason) {
	case VIR_DOMAIN_SHUTOFF_MIGRATED:
		return GUEST_WHY_MIGRATED;
	case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
		return GUEST_WHY_SHUTDOWN;
	case VIR_DOMAIN_SHUTOFF_DESTROYED:
		return GUEST_WHY_DESTROYED;
	case VIR_DOMAIN_SHUTOFF_CRASHED:
		return GUEST_WHY_CRASHED;
	case VIR_DOMAIN_SHUTOFF_FAILED:
		return GUEST_WHY_FAILED;
	default:
		return GUEST_WHY_OTHER;
	}
}

static void map_state(int state, int reason, struct guest_look *l)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
		l->state = GUEST_RUNNING;
		l->why = running_why(reason);
		break;
	case VIR_DOMAIN_BLOCKED:
		l->state = GUEST_BLOCKED;
		break;
	case VIR_DOMAIN_PAUSED:
		l->state = GUEST_PAUSED;
		l->why = paused_why(reason);
		break;
	case VIR_DOMAIN_SHUTDOWN:
		l->state = GUEST_SHUTDOWN;
		break;
	case VIR_DOMAIN_SHUTOFF:
		l->state = GUEST_SHUTOFF;
		l->why = shutoff_why(reason);
		break;
	case VIR_DOMAIN_CRASHED:
		l->state = GUEST_CRASHED;
		l->why = GUEST_WHY_CRASHED;
		break;
	case VIR_DOMAIN_PMSUSPENDED:
		l->state = GUEST_PMSUSPENDED;
		break;
	default:
		l->state = GUEST_UNKNOWN;
	}
}

static int fill_look(struct host *h, virDomainPtr dom, struct guest_look *l, struct err *err)
{
	struct err ignored auto_err = ERR_INIT;
	char uuid[VIR_UUID_STRING_BUFLEN];
	int state, reason, autostart = 0;
	struct job_stats job;

	if (virDomainGetState(dom, &state, &reason, 0) < 0) {
		if (libvirt_failed_with(VIR_ERR_NO_DOMAIN)) { /* it went between two questions */
			l->state = GUEST_ABSENT;
			return 0;
		}
		return libvirt_error(err, E_LIBVIRT, "state of the domain");
	}
	map_state(state, reason, l);
	virDomainGetUUIDString(dom, uuid);
	l->uuid = xstrdup(uuid);
	l->name = xstrdup(virDomainGetName(dom));
	l->persistent = virDomainIsPersistent(dom) == 1;
	l->saved = virDomainHasManagedSaveImage(dom, 0) == 1;
	if (virDomainGetAutostart(dom, &autostart) == 0)
		l->autostart = autostart;
	l->qemu_pids = -1;
	if (!guest_is_active(l))
		l->job = GUEST_JOB_NONE;
	else if (lv_domain_job(h, dom, false, &job, &ignored) == 0)
		l->job = job.job;
	l->silent = guest_is_active(l) && (lv_is_silent(dom) || err_is(&ignored, E_TIMEOUT));
	return 0;
}

static int lv_look(struct host *h, const char *uuid, bool processes, struct guest_look *l, struct err *err)
{
	struct err ignored auto_err = ERR_INIT;
	virDomainPtr dom auto_virdomain = NULL;
	int rc = lookup(h, uuid, &dom, err);

	if (rc < 0)
		return -1;
	if (rc == 1) {
		l->state = GUEST_ABSENT;
		l->job = GUEST_JOB_NONE;
	} else if (fill_look(h, dom, l, err) < 0) {
		return -1;
	}
	l->qemu_pids = processes ? process_count(h, uuid, &ignored) : -1;
	return 0;
}

static int lv_find(struct host *h, const char *name, struct guest_look *l, struct err *err)
{
	virDomainPtr dom auto_virdomain = NULL;

	if (!h->conn)
		return err_set(err, E_LIBVIRT_CONNECT, 0, "libvirt is not connected");
	dom = virDomainLookupByName(h->conn, name);
	if (!dom && !libvirt_failed_with(VIR_ERR_NO_DOMAIN))
		return libvirt_error(err, E_LIBVIRT, "look up the domain by name");
	if (!dom && strlen(name) == VIR_UUID_STRING_BUFLEN - 1)
		lookup(h, name, &dom, NULL); /* -1: it was not a UUID after all */
	if (!dom) {
		l->state = GUEST_ABSENT;
		l->job = GUEST_JOB_NONE;
		return 0;
	}
	return fill_look(h, dom, l, err);
}

int guest_list(struct host *h, struct guest_look **out, size_t *n, struct err *err)
{
	virDomainPtr *doms = NULL;
	int count = virConnectListAllDomains(h->conn, &doms, 0);
	int rc = 0;

	*out = NULL;
	*n = 0;
	if (count < 0)
		return libvirt_error(err, E_LIBVIRT, "%s: list domains", h->label);
	for (int i = 0; i < count; i++) {
		struct guest_look l = { 0 };

		if (rc == 0)
			rc = fill_look(h, doms[i], &l, err);
		if (l.uuid)
			*ARRAY_ADD(*out, *n) = l;
		else
			guest_look_clear(&l);
		virDomainFree(doms[i]);
	}
	free(doms);
	return rc;
}

static char *lv_xml(struct host *h, const char *uuid, enum guest_xml kind, struct err *err)
{
	static const unsigned flags[] = {
		[GUEST_XML_NOW] = 0,
		[GUEST_XML_MOVE] = VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE,
		[GUEST_XML_PERSISTENT] = VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE,
		[GUEST_XML_DEFINED] = VIR_DOMAIN_XML_INACTIVE,
	};
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);
	char *xml;

	if (!dom)
		return NULL;
	xml = virDomainGetXMLDesc(dom, flags[kind]);
	if (!xml)
		libvirt_error(err, E_LIBVIRT, "XML of the domain");
	return xml;
}

/* ---- moving ---- */

static unsigned migrate_flags(const struct guest_move *m)
{
	unsigned flags = VIR_MIGRATE_LIVE;

	if (m->peer2peer)
		flags |= VIR_MIGRATE_PEER2PEER;
	if (m->persistent)
		flags |= VIR_MIGRATE_PERSIST_DEST;
	if (m->undefine_source)
		flags |= VIR_MIGRATE_UNDEFINE_SOURCE;
	if (m->unsafe)
		flags |= VIR_MIGRATE_UNSAFE;
	if (m->postcopy || m->resume)
		flags |= VIR_MIGRATE_POSTCOPY;
	if (m->resume)
		flags |= VIR_MIGRATE_POSTCOPY_RESUME;
	if (m->auto_converge)
		flags |= VIR_MIGRATE_AUTO_CONVERGE;
	if (m->tls)
		flags |= VIR_MIGRATE_TLS;
	if (m->parallel)
		flags |= VIR_MIGRATE_PARALLEL;
	if (m->disks.n)
		flags |= m->incremental ? VIR_MIGRATE_NON_SHARED_INC : VIR_MIGRATE_NON_SHARED_DISK;
	return flags;
}

struct params {
	virTypedParameterPtr v;
	int n, max;
};

static void add_string(struct params *p, const char *name, const char *value)
{
	if (value)
		virTypedParamsAddString(&p->v, &p->n, &p->max, name, value);
}

static void migrate_params(const struct guest_move *m, struct params *p)
{
	add_string(p, VIR_MIGRATE_PARAM_URI, m->migrate_uri);
	add_string(p, VIR_MIGRATE_PARAM_DISKS_URI, m->disks_uri);
	add_string(p, VIR_MIGRATE_PARAM_TLS_DESTINATION, m->tls_destination);
	add_string(p, VIR_MIGRATE_PARAM_DEST_XML, m->dest_xml);
	add_string(p, VIR_MIGRATE_PARAM_PERSIST_XML, m->persist_xml);
	for (size_t i = 0; i < m->disks.n; i++)
		add_string(p, VIR_MIGRATE_PARAM_MIGRATE_DISKS, m->disks.v[i]);
	if (m->parallel)
		virTypedParamsAddInt(&p->v, &p->n, &p->max, VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, (int)m->parallel);
	if (m->bandwidth_mib)
		virTypedParamsAddULLong(&p->v, &p->n, &p->max, VIR_MIGRATE_PARAM_BANDWIDTH, m->bandwidth_mib);
}

/* The call itself, on a connection of its own: see struct ssh_stream. */
static int migrate_call(virConnectPtr conn, virConnectPtr dconn, const char *uuid, const struct guest_move *m,
			struct err *err)
{
	virDomainPtr dom auto_virdomain = virDomainLookupByUUIDString(conn, uuid);
	virDomainPtr arrived auto_virdomain = NULL;
	struct params p = { 0 };
	int rc;

	if (!dom)
		return libvirt_error(err, E_MIGRATE, "libvirt");
	migrate_params(m, &p);
	if (m->peer2peer) {
		rc = virDomainMigrateToURI3(dom, m->peer_uri, p.v, (unsigned)p.n, migrate_flags(m));
	} else {
		arrived = virDomainMigrate3(dom, dconn, p.v, (unsigned)p.n, migrate_flags(m));
		rc = arrived ? 0 : -1;
	}
	if (rc < 0)
		libvirt_error(err, E_MIGRATE, "libvirt");
	virTypedParamsFree(p.v, p.n);
	return rc;
}

static int lv_migrate(struct host *src, struct host *dst, const char *uuid, const struct guest_move *m, struct err *err)
{
	virConnectPtr dconn = NULL, conn = libvirt_connect(src, err);
	int rc = -1;

	if (conn && !m->peer2peer)
		dconn = libvirt_connect(dst, err);
	if (conn && (m->peer2peer || dconn))
		rc = migrate_call(conn, dconn, uuid, m, err);
	if (dconn)
		virConnectClose(dconn);
	if (conn)
		virConnectClose(conn);
	return rc;
}

static int lv_job(struct host *h, const char *uuid, bool completed, struct job_stats *s, struct err *err)
{
	virDomainPtr dom auto_virdomain = NULL;
	int rc = lookup(h, uuid, &dom, err);

	if (rc < 0)
		return -1;
	if (rc == 1) {
		memset(s, 0, sizeof(*s));
		s->job = GUEST_JOB_NONE;
		return 0;
	}
	return lv_domain_job(h, dom, completed, s, err);
}

/* libvirt shows the copy of a disk within a migration as a block job of that disk. */
static int lv_disk_job(struct host *h, const char *uuid, const char *target, struct disk_job *j, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);
	virDomainBlockJobInfo info;
	int rc;

	*j = (struct disk_job) { 0 };
	if (!dom)
		return -1;
	rc = virDomainGetBlockJobInfo(dom, target, &info, 0);
	if (rc < 0)
		return libvirt_error(err, E_LIBVIRT, "progress of disk %s", target);
	j->found = rc == 1;
	j->total = rc == 1 ? info.end : 0;
	j->processed = rc == 1 ? info.cur : 0;
	return 0;
}

static int lv_set_max_speed(struct host *h, const char *uuid, uint64_t mib_s, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);

	if (!dom)
		return -1;
	if (virDomainMigrateSetMaxSpeed(dom, (unsigned long)mib_s, 0) < 0)
		return libvirt_error(err, E_LIBVIRT, "set the bandwidth to %" PRIu64 " MiB/s", mib_s);
	return 0;
}

static int lv_abort_job(struct host *h, const char *uuid, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);

	if (!dom)
		return -1;
	if (virDomainAbortJob(dom) == 0 ||
	    libvirt_failed_with(VIR_ERR_OPERATION_INVALID)) /* no job yet, or it has ended */
		return 0;
	return libvirt_error(err, E_LIBVIRT, "abort the migration job");
}

static int lv_get_max_downtime(struct host *h, const char *uuid, uint64_t *ms, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);
	unsigned long long v;

	if (!dom)
		return -1;
	if (virDomainMigrateGetMaxDowntime(dom, &v, 0) < 0)
		return libvirt_error(err, E_LIBVIRT, "read the maximum downtime");
	*ms = v;
	return 0;
}

static int lv_set_max_downtime(struct host *h, const char *uuid, uint64_t ms, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);

	if (!dom)
		return -1;
	if (virDomainMigrateSetMaxDowntime(dom, ms, 0) < 0)
		return libvirt_error(err, E_LIBVIRT, "set the maximum downtime to %" PRIu64 " ms", ms);
	return 0;
}

static int lv_start_postcopy(struct host *h, const char *uuid, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);

	if (!dom)
		return -1;
	if (virDomainMigrateStartPostCopy(dom, 0) < 0)
		return libvirt_error(err, E_LIBVIRT, "switch to post-copy");
	return 0;
}

/* One of QEMU's MigrationStatus names; what it may answer besides is of no interest, and has a limit. */
static enum guest_stream stream_of(const char *answer)
{
	enum { ANSWER_MAX = 1 << 16 };
	json_t *o = strlen(answer) < ANSWER_MAX ? json_loads(answer, 0, NULL) : NULL;
	const char *status = json_string_value(json_object_get(json_object_get(o, "return"), "status"));
	enum guest_stream s = STREAM_NONE;

	if (str_eq(status, "postcopy-paused") || str_eq(status, "postcopy-recover"))
		s = STREAM_PAUSED;
	else if (str_eq(status, "postcopy-active") || str_eq(status, "active") || str_eq(status, "device"))
		s = STREAM_ACTIVE;
	else if (status)
		s = STREAM_ENDED;
	json_decref(o);
	return s;
}

static int lv_stream(struct host *h, const char *uuid, enum guest_stream *s, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);
	char *said = NULL;

	if (!dom)
		return -1;
	if (virDomainQemuMonitorCommand(dom, "{\"execute\":\"query-migrate\"}", &said, 0) < 0)
		return libvirt_error(err, E_LIBVIRT, "ask QEMU about the migration");
	*s = stream_of(said ? said : "");
	free(said);
	return 0;
}

static int lv_pause_postcopy(struct host *h, const char *uuid, bool outgoing, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);
	char *said = NULL;
	int rc;

	if (!dom)
		return -1;
	rc = outgoing ? virDomainAbortJobFlags(dom, VIR_DOMAIN_ABORT_JOB_POSTCOPY)
		      : virDomainQemuMonitorCommand(dom, "{\"execute\":\"migrate-pause\"}", &said, 0);
	free(said); /* QEMU's own refusal is in it: it has noticed already */
	return rc < 0 ? libvirt_error(err, E_LIBVIRT, "pause post-copy") : 0;
}

/* ---- what one word says ---- */

static int simple(struct host *h, const char *uuid, int (*fn)(virDomainPtr), const char *what, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);

	if (!dom)
		return -1;
	if (fn(dom) < 0)
		return libvirt_error(err, E_LIBVIRT, "%s the domain", what);
	return 0;
}

static int lv_suspend(struct host *h, const char *uuid, struct err *err)
{
	return simple(h, uuid, virDomainSuspend, "suspend", err);
}

static int lv_resume(struct host *h, const char *uuid, struct err *err)
{
	return simple(h, uuid, virDomainResume, "resume", err);
}

static int lv_destroy(struct host *h, const char *uuid, struct err *err)
{
	return simple(h, uuid, virDomainDestroy, "destroy", err);
}

/* The guest's NVRAM and TPM state belong to the guest, wherever it is now: they stay. */
static int lv_undefine(struct host *h, const char *uuid, bool saved, struct err *err)
{
	const unsigned flags = VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM |
			       VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);

	if (!dom)
		return -1;
	if (virDomainUndefineFlags(dom, flags | (saved ? VIR_DOMAIN_UNDEFINE_MANAGED_SAVE : 0)) < 0)
		return libvirt_error(err, E_LIBVIRT, "undefine the domain");
	return 0;
}

static int lv_start(struct host *h, const char *uuid, struct err *err)
{
	return simple(h, uuid, virDomainCreate, "start", err);
}

static int lv_shutdown(struct host *h, const char *uuid, struct err *err)
{
	return simple(h, uuid, virDomainShutdown, "shut down", err);
}

static int lv_set_autostart(struct host *h, const char *uuid, bool on, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);

	if (!dom)
		return -1;
	if (virDomainSetAutostart(dom, on) < 0)
		return libvirt_error(err, E_LIBVIRT, "set autostart to %s", on ? "on" : "off");
	return 0;
}

const struct guest_ops guest_ops_libvirt = {
	.find = lv_find,
	.look = lv_look,
	.xml = lv_xml,
	.migrate = lv_migrate,
	.job = lv_job,
	.age = process_age,
	.measure_start = lv_measure_start,
	.measure_read = lv_measure_read,
	.cut = process_cut,
	.cut_silent = process_cut_silent,
	.disk_job = lv_disk_job,
	.block_jobs = lv_block_jobs,
	.set_max_speed = lv_set_max_speed,
	.abort_job = lv_abort_job,
	.get_max_downtime = lv_get_max_downtime,
	.set_max_downtime = lv_set_max_downtime,
	.start_postcopy = lv_start_postcopy,
	.stream = lv_stream,
	.pause_postcopy = lv_pause_postcopy,
	.suspend = lv_suspend,
	.resume = lv_resume,
	.destroy = lv_destroy,
	.undefine = lv_undefine,
	.define = lv_define,
	.start = lv_start,
	.shutdown = lv_shutdown,
	.snapshots = lv_snapshots,
	.add_snapshot = lv_add_snapshot,
	.set_autostart = lv_set_autostart,
	.lease = process_lease,
};

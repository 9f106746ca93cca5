/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libvirt knows of the job a guest has, and whether its QEMU answers at all. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "base/task.h"
#include "host/host-private.h"

static uint64_t param_u64(virTypedParameterPtr p, int n, const char *name)
{
	unsigned long long v = 0;

	virTypedParamsGetULLong(p, n, name, &v);
	return v;
}

static enum guest_job map_job(int type, virTypedParameterPtr p, int n)
{
	int op = VIR_DOMAIN_JOB_OPERATION_UNKNOWN;

	if (type == VIR_DOMAIN_JOB_NONE)
		return GUEST_JOB_NONE;
	virTypedParamsGetInt(p, n, VIR_DOMAIN_JOB_OPERATION, &op);
	if (op == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT)
		return GUEST_JOB_MIGRATION_OUT;
	if (op == VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN)
		return GUEST_JOB_MIGRATION_IN;
	return GUEST_JOB_OTHER;
}

static void fill_stats(struct job_stats *s, virTypedParameterPtr p, int n)
{
	s->time_elapsed_ms = param_u64(p, n, VIR_DOMAIN_JOB_TIME_ELAPSED);
	s->downtime_ms = param_u64(p, n, VIR_DOMAIN_JOB_DOWNTIME);
	s->downtime_net_ms = param_u64(p, n, VIR_DOMAIN_JOB_DOWNTIME_NET);
	s->setup_ms = param_u64(p, n, VIR_DOMAIN_JOB_SETUP_TIME);
	s->data_total = param_u64(p, n, VIR_DOMAIN_JOB_DATA_TOTAL);
	s->data_processed = param_u64(p, n, VIR_DOMAIN_JOB_DATA_PROCESSED);
	s->data_remaining = param_u64(p, n, VIR_DOMAIN_JOB_DATA_REMAINING);
	s->mem_total = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_TOTAL);
	s->mem_processed = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_PROCESSED);
	s->mem_remaining = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_REMAINING);
	s->mem_bps = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_BPS);
	s->mem_dirty_rate_pps = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE);
	s->mem_page_size = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE);
	s->mem_iteration = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_ITERATION);
	s->mem_postcopy_requests = param_u64(p, n, VIR_DOMAIN_JOB_MEMORY_POSTCOPY_REQS);
	s->disk_total = param_u64(p, n, VIR_DOMAIN_JOB_DISK_TOTAL);
	s->disk_processed = param_u64(p, n, VIR_DOMAIN_JOB_DISK_PROCESSED);
	s->disk_remaining = param_u64(p, n, VIR_DOMAIN_JOB_DISK_REMAINING);
	s->disk_bps = param_u64(p, n, VIR_DOMAIN_JOB_DISK_BPS);
	virTypedParamsGetInt(p, n, VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, &s->auto_converge_throttle);
}

/* Without asking QEMU: what libvirt knows of its last question. */
bool lv_is_silent(virDomainPtr dom)
{
	enum { PATIENCE_MS = 10000 };
	virDomainControlInfo c;

	if (virDomainGetControlInfo(dom, &c, 0) < 0)
		return false;
	return c.state == VIR_DOMAIN_CONTROL_ERROR ||
	       (c.state == VIR_DOMAIN_CONTROL_OCCUPIED && c.stateTime > PATIENCE_MS);
}

static int ask_job(virDomainPtr dom, bool completed, struct job_stats *s, struct err *err)
{
	virTypedParameterPtr p = NULL;
	int type, n = 0;

	memset(s, 0, sizeof(*s));
	/* it would wait for the one who asked before, half a minute */
	if (!completed && lv_is_silent(dom))
		return err_set(err, E_LIBVIRT, 0, "job statistics: QEMU's monitor does not answer libvirt");
	if (virDomainGetJobStats(dom, &type, &p, &n, completed ? VIR_DOMAIN_JOB_STATS_COMPLETED : 0) < 0) {
		/* "migration statistics are available only on the source host" */
		if (libvirt_failed_with(VIR_ERR_OPERATION_UNSUPPORTED))
			s->job = GUEST_JOB_MIGRATION_IN;
		else if (libvirt_failed_with(VIR_ERR_OPERATION_INVALID)) /* "domain is not running" */
			s->job = GUEST_JOB_NONE;
		else
			return libvirt_error(err, E_LIBVIRT, "job statistics");
		return 0;
	}
	s->job = map_job(type, p, n);
	s->completed = completed && type == VIR_DOMAIN_JOB_COMPLETED;
	fill_stats(s, p, n);
	virTypedParamsFree(p, n);
	return 0;
}

struct job_question {
	virDomainPtr dom;
	bool completed;
	struct job_stats answer;
};

static int job_run(void *arg, struct err *err)
{
	struct job_question *q = arg;

	return ask_job(q->dom, q->completed, &q->answer, err);
}

static void job_release(void *arg)
{
	struct job_question *q = arg;

	virDomainFree(q->dom);
	free(q);
}

/*
 * libvirt asks QEMU, and a QEMU that waits for a host that is gone answers nobody, perhaps for ever: then everything
 * else of the guest is still to be told.
 */
int lv_domain_job(struct host *h, virDomainPtr dom, bool completed, struct job_stats *s, struct err *err)
{
	enum { PATIENCE_MS = 10000 };
	struct job_question *q = xcalloc(1, sizeof(*q));
	struct task *t;
	int rc = -1;

	virDomainRef(dom);
	q->dom = dom;
	q->completed = completed;
	t = task_start(job_run, q, job_release, err);
	if (t && !task_wait(t, PATIENCE_MS)) {
		host_set_stuck(h);
		err_set(err, E_TIMEOUT, 0, "job statistics: libvirt has not answered within %d s", PATIENCE_MS / 1000);
	} else if (t) {
		rc = task_result(t, err);
		*s = q->answer;
	}
	if (t)
		task_release(t);
	return rc;
}

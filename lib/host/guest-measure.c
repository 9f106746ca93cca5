/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be measured of a guest before it moves: how much memory it uses, and how fast it changes it. */
#include <inttypes.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "host/find-qemu.h"
#include "host/host-private.h"

static void free_domain(virDomainPtr *d)
{
	if (*d)
		virDomainFree(*d);
}
#define auto_virdomain AUTO(free_domain)

/*
 * UUID KIB: the resident part of the mapping that is the guest's memory, KiB: that of exactly its size. Of huge pages
 * and of memory in several pieces nothing is said.
 */
static const char resident_script[] = FIND_QEMU "[ -n \"$p\" ] || exit 1\n"
						"awk -v want=\"$2\" '$1 == \"Size:\" { size = $2 }\n"
						"$1 == \"Rss:\" && size == want && $2 > rss { rss = $2 }\n"
						"END { if (!rss) exit 1; print rss }' \"$p/smaps\"\n";

/* Bytes; 0: not known. */
static uint64_t resident(struct host *h, const char *uuid, uint64_t memory_kib)
{
	auto_free char *kib = str_printf("%" PRIu64, memory_kib);
	const char *args[] = { uuid, kib, NULL };
	struct exec_result r auto_exec = { 0 };
	unsigned long long v;

	if (host_exec_wait(host_script_start(h, resident_script, args, 0), &r, NULL) < 0 || r.exit_status != 0)
		return 0;
	if (r.out.len)
		r.out.p[strcspn(r.out.p, "\n")] = '\0';
	return r.out.p && str_to_uint(r.out.p, 1, memory_kib, &v) == 0 ? v << 10 : 0;
}

/* 1: *mib_s is there; 0: not yet; -1. */
static int read_rate(virConnectPtr conn, virDomainPtr dom, long long *mib_s, struct err *err)
{
	virDomainPtr doms[] = { dom, NULL };
	virDomainStatsRecordPtr *v = NULL;
	int status = -1, rc = 0;

	(void)conn;
	/* a domain that is busy, as with its migration, is asked again */
	if (virDomainListGetStats(doms, VIR_DOMAIN_STATS_DIRTYRATE, &v, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT) < 0)
		return libvirt_error(err, E_LIBVIRT, "read the dirty rate");
	if (v && v[0] && virTypedParamsGetInt(v[0]->params, v[0]->nparams, "dirtyrate.calc_status", &status) == 1 &&
	    status == VIR_DOMAIN_DIRTYRATE_MEASURED)
		rc = virTypedParamsGetLLong(v[0]->params, v[0]->nparams, "dirtyrate.megabytes_per_second", mib_s) == 1;
	virDomainStatsRecordListFree(v);
	return rc;
}

int measure_libvirt(struct host *h, const char *uuid, uint64_t memory_kib, unsigned seconds, struct guest_measure *m,
		    struct err *err)
{
	enum { EVERY_US = 50000, MORE_MS = 3000 };
	virDomainPtr dom auto_virdomain = h->conn ? virDomainLookupByUUIDString(h->conn, uuid) : NULL;
	int64_t until = clock_ms() + (int64_t)seconds * 1000 + MORE_MS;
	long long mib_s = 0;
	int rc = 0;

	if (!dom)
		return err_set(err, E_LIBVIRT, 0, "domain %s is not there", uuid);
	if (virDomainStartDirtyRateCalc(dom, (int)seconds, 0) < 0)
		return libvirt_error(err, E_LIBVIRT, "measure the dirty rate");
	m->resident = resident(h, uuid, memory_kib); /* while QEMU measures */
	while (rc == 0) {
		if (interrupt_pending())
			return err_set(err, E_CANCELLED, 0, "interrupted while measuring");
		if (clock_ms() > until)
			return err_set(err, E_TIMEOUT, 0, "QEMU does not come to an end with measuring the dirty rate");
		usleep(EVERY_US);
		rc = read_rate(h->conn, dom, &mib_s, err);
	}
	if (rc < 0)
		return -1;
	m->ms = (uint64_t)seconds * 1000;
	m->changed = mib_s > 0 ? (uint64_t)mib_s * seconds << 20 : 0;
	return 0;
}

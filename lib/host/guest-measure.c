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

/*
 * UUID KIB MORE: the resident part of the mapping that is the guest's memory, KiB: that of its size, or a little
 * larger, since memory can be rounded up. Of huge pages and of memory in several pieces nothing is said.
 */
static const char resident_script[] =
	FIND_QEMU "[ -n \"$p\" ] || exit 1\n"
		  "awk -v want=\"$2\" -v more=\"$3\" '$1 == \"Size:\" { size = $2 }\n"
		  "$1 == \"Rss:\" && size >= want && size < want + more && $2 > rss { rss = $2 }\n"
		  "END { if (!rss) exit 1; print rss }' \"$p/smaps\"\n";

#define ROUNDED_UP_KIB 1024 /* libvirt counts in MiB */

static struct exec_job *ask_resident(struct host *h, const char *uuid, uint64_t memory_kib)
{
	auto_free char *kib = str_printf("%" PRIu64, memory_kib);
	auto_free char *more = str_printf("%d", ROUNDED_UP_KIB);
	const char *args[] = { uuid, kib, more, NULL };

	return host_script_start(h, resident_script, args, 0);
}

/* Bytes; 0: not known. */
static uint64_t read_resident(struct exec_job *job, uint64_t memory_kib)
{
	struct exec_result r auto_exec = { 0 };
	unsigned long long v;

	if (host_exec_wait(job, &r, NULL) < 0 || r.exit_status != 0)
		return 0;
	if (r.out.len)
		r.out.p[strcspn(r.out.p, "\n")] = '\0';
	if (!r.out.p || str_to_uint(r.out.p, 1, memory_kib + ROUNDED_UP_KIB, &v) < 0)
		return 0;
	return (v < memory_kib ? v : memory_kib) << 10;
}

static virDomainPtr domain_of(struct host *h, const char *uuid, struct err *err)
{
	virDomainPtr dom = h->conn ? virDomainLookupByUUIDString(h->conn, uuid) : NULL;

	if (!dom)
		err_set(err, E_LIBVIRT, 0, "domain %s is not there", uuid);
	return dom;
}

int lv_measure_start(struct host *h, const char *uuid, unsigned seconds, struct err *err)
{
	virDomainPtr dom auto_virdomain = domain_of(h, uuid, err);

	if (!dom)
		return -1;
	if (virDomainStartDirtyRateCalc(dom, (int)seconds, 0) < 0)
		return libvirt_error(err, E_LIBVIRT, "measure the dirty rate");
	return 0;
}

int lv_measure_read(struct host *h, const char *uuid, unsigned seconds, uint64_t *changed, struct err *err)
{
	virDomainPtr dom auto_virdomain = domain_of(h, uuid, err);
	virDomainPtr doms[] = { dom, NULL };
	virDomainStatsRecordPtr *v = NULL;
	long long mib_s = 0;
	int status = -1, rc = 0;

	if (!dom)
		return -1;
	/* a domain that is busy, as with its migration, is asked again */
	if (virDomainListGetStats(doms, VIR_DOMAIN_STATS_DIRTYRATE, &v, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT) < 0)
		return libvirt_error(err, E_LIBVIRT, "read the dirty rate");
	if (v && v[0] && virTypedParamsGetInt(v[0]->params, v[0]->nparams, "dirtyrate.calc_status", &status) == 1 &&
	    status == VIR_DOMAIN_DIRTYRATE_MEASURED)
		rc = virTypedParamsGetLLong(v[0]->params, v[0]->nparams, "dirtyrate.megabytes_per_second", &mib_s) == 1;
	virDomainStatsRecordListFree(v);
	*changed = mib_s > 0 ? (uint64_t)mib_s * seconds << 20 : 0;
	return rc;
}

/* ---- both together ---- */

struct guest_measuring {
	struct host *h;
	char *uuid;
	uint64_t memory_kib;
	unsigned seconds;
	int64_t from_ms, until_ms; /* an answer is to be had */
	struct exec_job *resident; /* NULL: waited for */
};

struct guest_measuring *guest_measure_begin(struct host *h, const char *uuid, uint64_t memory_kib, unsigned seconds,
					    struct err *err)
{
	enum { MORE_MS = 3000 };
	struct guest_measuring *g;

	if (guest_measure_start(h, uuid, seconds, err) < 0)
		return NULL;
	g = xcalloc(1, sizeof(*g));
	*g = (struct guest_measuring) { .h = h,
					.uuid = xstrdup(uuid),
					.memory_kib = memory_kib,
					.seconds = seconds,
					.from_ms = clock_ms() + (int64_t)seconds * 1000,
					.until_ms = clock_ms() + (int64_t)seconds * 1000 + MORE_MS,
					.resident = ask_resident(h, uuid, memory_kib) };
	return g;
}

int guest_measure_poll(struct guest_measuring *g, struct guest_measure *m, struct err *err)
{
	int rc;

	if (clock_ms() < g->from_ms)
		return 0;
	rc = guest_measure_read(g->h, g->uuid, g->seconds, &m->changed, err);
	if (rc == 0 && clock_ms() > g->until_ms)
		return err_set(err, E_TIMEOUT, 0, "%s: QEMU does not come to an end with measuring the dirty rate",
			       host_label(g->h));
	if (rc <= 0)
		return rc;
	m->ms = (uint64_t)g->seconds * 1000;
	m->resident = read_resident(STEAL(g->resident), g->memory_kib);
	return 1;
}

void guest_measure_end(struct guest_measuring *g)
{
	if (!g)
		return;
	host_exec_drop(g->resident);
	free(g->uuid);
	free(g);
}

int guest_measure(struct host *h, const char *uuid, uint64_t memory_kib, unsigned seconds, struct guest_measure *m,
		  struct err *err)
{
	enum { EVERY_US = 50000 };
	struct guest_measuring *g = guest_measure_begin(h, uuid, memory_kib, seconds, err);
	int rc = g ? 0 : -1;

	while (rc == 0) {
		if (interrupt_pending()) {
			rc = err_set(err, E_CANCELLED, 0, "interrupted while measuring");
			break;
		}
		usleep(EVERY_US);
		rc = guest_measure_poll(g, m, err);
	}
	guest_measure_end(g);
	return rc < 0 ? -1 : 0;
}

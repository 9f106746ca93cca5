/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which jobs run on a guest's disks. */
#include <libvirt/libvirt.h>

#include "host/host-private.h"

/* More than one guest has; each is a question. */
enum { DISKS_MAX = 256, TARGET_BYTES = 64 };

/* Nobody has asked QEMU something that it still owes an answer to, and nothing is being done to the guest. */
static bool is_free(virDomainPtr dom)
{
	virDomainControlInfo c;

	return virDomainGetControlInfo(dom, &c, 0) == 0 && c.state == VIR_DOMAIN_CONTROL_OK;
}

static enum block_job_kind kind_of(int type)
{
	switch (type) {
	case VIR_DOMAIN_BLOCK_JOB_TYPE_PULL:
		return BLOCK_JOB_PULL;
	case VIR_DOMAIN_BLOCK_JOB_TYPE_COPY:
		return BLOCK_JOB_COPY;
	case VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT:
	case VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT:
		return BLOCK_JOB_COMMIT;
	case VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP:
		return BLOCK_JOB_BACKUP;
	default:
		return BLOCK_JOB_OTHER;
	}
}

/* Removable media have no jobs, and empty ones no answer. */
static bool may_have_job(const struct disk *d)
{
	return d->target && !d->state && d->chain_n && (str_eq(d->device, "disk") || str_eq(d->device, "lun"));
}

static int ask(virDomainPtr dom, const struct domain *d, struct block_jobs *j, struct err *err)
{
	virDomainBlockJobInfo info;
	int rc;

	for (size_t i = 0; i < d->disks_n && i < DISKS_MAX; i++) {
		if (!may_have_job(&d->disks[i]))
			continue;
		rc = virDomainGetBlockJobInfo(dom, d->disks[i].target, &info, 0);
		if (rc < 0)
			return libvirt_error(err, E_LIBVIRT, "block job of disk %s", d->disks[i].target);
		if (rc == 1)
			*ARRAY_ADD(j->v, j->n) = (struct block_job) {
				.target = str_sanitize(d->disks[i].target, TARGET_BYTES),
				.kind = kind_of(info.type),
				.total = info.end,
				.processed = info.cur,
			};
	}
	j->known = true;
	return 0;
}

int lv_block_jobs(struct host *h, const char *uuid, struct block_jobs *j, struct err *err)
{
	virDomainPtr dom auto_virdomain = lv_need(h, uuid, err);
	struct domain *d auto_domain = NULL;
	char *xml;

	if (!dom)
		return -1;
	if (!is_free(dom))
		return err_set(err, E_LIBVIRT, 0, "QEMU's monitor is busy");
	xml = virDomainGetXMLDesc(dom, 0);
	if (!xml)
		return libvirt_error(err, E_LIBVIRT, "XML of the domain");
	d = domain_parse(xml, err);
	free(xml);
	return d ? ask(dom, d, j, err) : -1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HOST_HOST_PRIVATE_H
#define HOST_HOST_PRIVATE_H

#include <libvirt/libvirt.h>
#include <stdatomic.h>

#include "host/files.h"
#include "host/guest.h"
#include "host/ssh.h"

static inline void lv_free_domain(virDomainPtr *d)
{
	if (*d)
		virDomainFree(*d);
}
#define auto_virdomain AUTO(lv_free_domain)

struct host {
	struct host_spec *spec;
	enum side side;
	char *label;
	char *uri;                 /* host_uri() */
	_Atomic(struct ssh *) ssh; /* host_reopen() may put another one here while others work */
	struct ssh **old;          /* sessions that broke; jobs may still point to them */
	size_t old_n;
	bool renewed; /* the session is a new one, and nobody was told yet */
	virConnectPtr conn;
	const struct guest_ops *ops;
	const struct file_ops *files_ops;
	struct ssh *files; /* a session of its own for SFTP; NULL until needed */
	atomic_bool stuck;
};

/* A connection to libvirt through the open SSH session; the caller closes it. NULL with err. (libvirt.c) */
virConnectPtr libvirt_connect(struct host *h, struct err *err);
/* The host's own one. */
int libvirt_open(struct host *h, struct err *err);
void libvirt_close(struct host *h);

/* guest-process.c: operations of struct guest_ops; process_count() gives -1 also when it cannot be told. */
int process_count(struct host *h, const char *uuid, struct err *err);
int process_age(struct host *h, const char *uuid, uint64_t *seconds, struct err *err);
int process_cut(struct host *h, const char *uuid, const struct strv *addresses, unsigned port_min, unsigned port_max,
		struct err *err);
int process_cut_silent(struct host *h, const struct strv *addresses, unsigned min_ms, unsigned max_ms, unsigned *n,
		       struct err *err);
int process_lease(struct host *h, const char *uuid, const char *who, struct exec_hold **lease, struct err *err);

/* The domain, for operations that need it to be there; the caller frees it. (guest-libvirt.c) */
virDomainPtr lv_need(struct host *h, const char *uuid, struct err *err);
/* Was that the code of this thread's last failure? (guest-libvirt.c) */
bool libvirt_failed_with(int code);
/*
 * guest-job.c: the statistics of its job, bounded (E_TIMEOUT); and, without asking QEMU, what libvirt knows of its last
 * question.
 */
int lv_domain_job(struct host *h, virDomainPtr dom, bool completed, struct job_stats *s, struct err *err);
bool lv_is_silent(virDomainPtr dom);
/* guest-defined.c */
int lv_define(struct host *h, const char *xml, struct err *err);
int lv_snapshots(struct host *h, const char *uuid, struct strv *xmls, size_t *current, struct err *err);
int lv_add_snapshot(struct host *h, const char *uuid, const char *xml, bool current, struct err *err);

/* guest-jobs.c */
int lv_block_jobs(struct host *h, const char *uuid, struct block_jobs *j, struct err *err);

/* guest-measure.c */
int lv_measure_start(struct host *h, const char *uuid, unsigned seconds, struct err *err);
int lv_measure_read(struct host *h, const char *uuid, unsigned seconds, uint64_t *changed, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The facts of one host: a script in its shell and questions to its libvirt,
 * both under way at once.
 */
#include "host/facts-private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

const struct netdev_fact *facts_netdev(const struct host_facts *f, const char *name)
{
	for (size_t i = 0; name && i < f->netdevs_n; i++)
		if (str_eq(f->netdevs[i].name, name))
			return &f->netdevs[i];
	return NULL;
}

const struct network_fact *facts_network(const struct host_facts *f, const char *name)
{
	for (size_t i = 0; name && i < f->networks_n; i++)
		if (str_eq(f->networks[i].name, name))
			return &f->networks[i];
	return NULL;
}

const struct path_fact *facts_path(const struct host_facts *f, const char *path)
{
	for (size_t i = 0; path && i < f->paths_n; i++)
		if (str_eq(f->paths[i].path, path))
			return &f->paths[i];
	return NULL;
}

const struct named_fact *facts_named(const struct named_fact *v, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++)
		if (str_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

const struct pages_fact *facts_pages(const struct host_facts *f, uint64_t size_kib)
{
	for (size_t i = 0; i < f->pages_n; i++)
		if (f->pages[i].size_kib == size_kib)
			return &f->pages[i];
	return NULL;
}

enum fact facts_domcap(const struct host_facts *f, const char *kind, const char *value)
{
	auto_free char *entry = NULL, *list = NULL;

	if (f->domcaps_known != FACT_YES)
		return FACT_UNKNOWN;
	entry = str_printf("%s:%s", kind, value);
	if (strv_has(&f->domcaps, entry))
		return FACT_YES;
	list = str_printf("%s:", kind);
	return strv_has(&f->domcaps, list) ? FACT_NO : FACT_UNKNOWN;
}

const char *facts_secret_name(const struct secret_ref *s)
{
	return s->uuid ? s->uuid : s->usage;
}

static void collect_script(struct host *h, struct exec_job *job, const struct facts_query *q, int64_t sent,
			   struct host_facts *f)
{
	auto_exec struct exec_result r = { 0 };
	auto_err struct err e = ERR_INIT;

	f->shell = FACT_NO;
	if (host_exec_wait(job, &r, &e) == 0 && facts_script_parse(&r.out, q, sent, clock_wall_ms(), f, &e) == 0) {
		f->shell = FACT_YES;
		return;
	}
	if (r.errout.len)
		err_wrap(&e, "its shell says \"%.200s\"", r.errout.p);
	log_info("%s: facts: %s", host_label(h), e.msg);
	/* this reason goes before libvirt's: it explains more */
	err_move(&f->err, &e);
}

void host_facts_collect(struct host *h, const struct domain *d, struct host_facts *f)
{
	auto_query struct facts_query q = { 0 };
	struct _virConnect *c = host_libvirt(h);
	int64_t sent, start = clock_ms();
	struct exec_job *job;

	f->clock_error_ms = -1;
	f->snapshots = f->checkpoints = -1;
	f->port_min = 49152;
	f->port_max = 49215;
	facts_query_make(d, host_side(h), host_spec(h)->uri, f, &q);
	sent = clock_wall_ms();
	job = host_script_start(h, facts_script, (const char *const *)q.args.v, 0);
	if (c) {
		facts_ask_libvirt(c, d, host_side(h), f);
	} else {
		f->libvirt = FACT_NO;
		err_set(&f->err, E_LIBVIRT_CONNECT, 0, "there is no connection to libvirt");
	}
	collect_script(h, job, &q, sent, f);
	log_debug("%s: facts took %lld ms", host_label(h), (long long)(clock_ms() - start));
}

static void named_clear(struct named_fact *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}

static void arrays_clear(struct host_facts *f)
{
	for (size_t i = 0; i < f->netdevs_n; i++)
		free(f->netdevs[i].name);
	for (size_t i = 0; i < f->networks_n; i++) {
		free(f->networks[i].name);
		free(f->networks[i].bridge);
	}
	for (size_t i = 0; i < f->paths_n; i++)
		free(f->paths[i].path);
	free(f->netdevs);
	free(f->networks);
	free(f->paths);
	free(f->pages);
	named_clear(f->secrets, f->secrets_n);
	named_clear(f->filters, f->filters_n);
	named_clear(f->pools, f->pools_n);
	named_clear(f->volumes, f->volumes_n);
}

void host_facts_clear(struct host_facts *f)
{
	arrays_clear(f);
	free(f->hostname);
	free(f->machine_id);
	free(f->boot_id);
	free(f->host_uuid);
	free(f->arch);
	free(f->domcaps_error);
	free(f->cpu_detail);
	free(f->host_cpu_model);
	free(f->host_cpu_vendor);
	free(f->cpus_online);
	free(f->nodes_online);
	free(f->taken_state);
	strv_clear(&f->cpu_missing);
	strv_clear(&f->host_cpu_features);
	strv_clear(&f->domcaps);
	strv_clear(&f->addresses);
	strv_clear(&f->tools);
	strv_clear(&f->snapshot_names);
	err_clear(&f->err);
	*f = (struct host_facts) { 0 };
}

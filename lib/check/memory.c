/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory, huge pages, and what the guest is pinned to. */
#include "check/checks.h"

enum { MIB = 1024 }; /* KiB */

/*
 * Beside the guest's RAM: its page tables (8 bytes a page of 4 KiB, so 1/512), 8 MiB a vCPU, and 64 MiB for QEMU
 * itself. The terms are those of KubeVirt's GetMemoryOverhead(), without what only containers need.
 */
uint64_t memory_need_kib(const struct domain *d)
{
	uint64_t overhead = d->memory_kib / 512 + (uint64_t)d->max_vcpus * 8 * MIB + 64 * (uint64_t)MIB;

	return d->hugepages_n ? overhead : d->memory_kib + overhead;
}

void check_memory(const struct check_input *in, struct findings *f)
{
	uint64_t need = memory_need_kib(in->domain), also = in->also_incoming_kib;
	auto_free char *need_text = kib_text(need), *also_text = kib_text(also);
	auto_free char *have_text = kib_text(in->dst.mem_available_kib);

	if (!in->dst.mem_available_kib)
		unsure(in, f, SIDE_DESTINATION, WAY_SHELL, "memory", "how much is available");
	else if (need + also <= in->dst.mem_available_kib)
		return;
	else if (also)
		found(f, SIDE_DESTINATION, "memory",
		      "the guest needs %s, the guests to arrive before it %s, and %s are available", need_text,
		      also_text, have_text);
	else
		found(f, SIDE_DESTINATION, "memory", "the guest needs %s with QEMU's own, and %s are available",
		      need_text, have_text);
}

static bool counted_before(const struct domain *d, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (d->hugepages[j].size_kib == d->hugepages[i].size_kib)
			return true;
	return false;
}

void check_hugepages(const struct check_input *in, struct findings *f)
{
	const struct domain *d = in->domain;
	uint64_t free_kib = 0;
	bool known = true;

	for (size_t i = 0; i < d->hugepages_n; i++) {
		const struct pages_fact *p = facts_pages(&in->dst, d->hugepages[i].size_kib);
		auto_free char *size = kib_text(d->hugepages[i].size_kib);
		auto_free char *object = d->hugepages[i].size_kib ? str_printf("huge pages of %s", size)
								  : xstrdup("huge pages of the default size");

		if (!p || p->supported == FACT_UNKNOWN) {
			unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "how many are free");
			known = false;
		} else if (p->supported == FACT_NO) {
			found(f, SIDE_DESTINATION, object, "do not exist there");
			known = false;
		} else if (!counted_before(d, i)) {
			free_kib += p->free * p->real_kib;
		}
	}
	if (known && d->hugepages_n && free_kib < d->memory_kib) {
		auto_free char *need = kib_text(d->memory_kib), *have = kib_text(free_kib);

		found(f, SIDE_DESTINATION, "huge pages", "the guest needs %s of them, and %s are free", need, have);
	}
}

static void pinned_to(const struct check_input *in, struct findings *f, const char *object, const char *set,
		      const char *online)
{
	auto_free char *missing = NULL;
	bool bad = false;

	if (!set)
		return;
	if (!online) {
		unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "which ones the host has");
		return;
	}
	missing = list_missing(set, online, &bad);
	if (bad)
		found_unknown(f, SIDE_DESTINATION, object, "cannot be told whether the host has %s: it has %s", set,
			      online);
	else if (missing)
		found(f, SIDE_DESTINATION, object, "the guest is pinned to %s, and the host has %s: %s missing", set,
		      online, missing);
}

void check_pinning(const struct check_input *in, struct findings *f)
{
	const struct domain *d = in->domain;
	auto_strv struct strv said = { 0 };

	pinned_to(in, f, "CPUs", d->cpuset, in->dst.cpus_online);
	if (d->cpuset)
		strv_add(&said, d->cpuset);
	for (size_t i = 0; i < d->pinned.n; i++) {
		if (strv_has(&said, d->pinned.v[i]))
			continue;
		strv_add(&said, d->pinned.v[i]);
		pinned_to(in, f, "CPUs", d->pinned.v[i], in->dst.cpus_online);
	}
	pinned_to(in, f, "NUMA nodes", d->numa_nodeset, in->dst.nodes_online);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The CPU the guest sees. */
#include "check/checks.h"

/* The guest sees the host's own CPU: only the same one, with at least the same features, goes on under it. */
static void compare_hosts(const struct check_input *in, struct findings *f)
{
	const struct host_facts *s = &in->src, *d = &in->dst;
	auto_strv struct strv missing = { 0 };
	auto_free char *list = NULL;

	if (!s->host_cpu_model || !d->host_cpu_model) {
		unsure(in, f, s->host_cpu_model ? SIDE_DESTINATION : SIDE_SOURCE, WAY_LIBVIRT, "CPU",
		       "which model the host has, and the guest sees it as it is");
		return;
	}
	if (!str_eq(s->host_cpu_vendor, d->host_cpu_vendor) || !str_eq(s->host_cpu_model, d->host_cpu_model)) {
		found(f, SIDE_DESTINATION, "CPU", "is %s %s, and %s has %s %s, which the guest sees as it is (mode %s)",
		      d->host_cpu_vendor ? d->host_cpu_vendor : "", d->host_cpu_model, in->src_name,
		      s->host_cpu_vendor ? s->host_cpu_vendor : "", s->host_cpu_model, in->domain->cpu_mode);
		return;
	}
	for (size_t i = 0; i < s->host_cpu_features.n; i++)
		if (!strv_has(&d->host_cpu_features, s->host_cpu_features.v[i]))
			strv_add(&missing, s->host_cpu_features.v[i]);
	list = strv_join(&missing, ", ");
	if (missing.n)
		found(f, SIDE_DESTINATION, "CPU", "lacks %s, which %s has and the guest sees (mode %s)", list,
		      in->src_name, in->domain->cpu_mode);
}

void check_cpu(const struct check_input *in, struct findings *f)
{
	const struct host_facts *d = &in->dst;
	auto_free char *missing = strv_join(&d->cpu_missing, ", ");
	const char *model = in->domain->cpu_model ? in->domain->cpu_model : "of the guest";

	if (str_eq(in->domain->cpu_mode, "host-passthrough") || str_eq(in->domain->cpu_mode, "maximum")) {
		/* without KVM it is QEMU's own, the same on every host */
		if (str_eq(in->domain->virt_type, "kvm"))
			compare_hosts(in, f);
		return;
	}
	/* whether the domain can run there at all is another check's to say */
	if (d->cpu_ok == FACT_YES || d->domcaps_error || d->virt_supported == FACT_NO)
		return;
	if (d->cpu_ok == FACT_NO && d->cpu_missing.n)
		found(f, SIDE_DESTINATION, "CPU", "the host lacks what CPU %s has: %s", model, missing);
	else if (d->cpu_ok == FACT_NO)
		found(f, SIDE_DESTINATION, "CPU", "the host cannot give CPU %s: %s", model,
		      d->cpu_detail ? d->cpu_detail : "libvirt does not say why");
	else if (d->cpu_detail && !blind(in, SIDE_DESTINATION, WAY_LIBVIRT))
		found_unknown(f, SIDE_DESTINATION, "CPU", "cannot be told whether the host can give CPU %s: %s", model,
			      d->cpu_detail);
	else
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, "CPU", "whether the host can give the guest's CPU");
}

void check_cpu_invtsc(const struct check_input *in, struct findings *f)
{
	if (in->domain->invtsc && !in->domain->tsc_frequency)
		found(f, SIDE_SOURCE, "CPU",
		      "the guest has CPU feature invtsc and no TSC frequency: QEMU does not let it go");
}

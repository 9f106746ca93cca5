/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libvirt and QEMU of both hosts: versions, emulator, machine type, domain type. */
#include "check/checks.h"

static const char *or_none(const char *s)
{
	return s ? s : "(none)";
}

/*
 * When libvirt turns the combination down it does not say in a way a program can read which part it is;
 * facts tell what was found out. One of the three checks below speaks, not all.
 */
void check_hypervisor_type(const struct check_input *in, struct findings *f)
{
	const struct host_facts *d = &in->dst;
	auto_free char *object = str_printf("domain type %s", or_none(in->domain->virt_type));

	if (d->virt_supported == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "is not supported there: %s",
		      d->domcaps_error ? d->domcaps_error : "libvirt lists it for no emulator");
		if (str_eq(in->domain->virt_type, "kvm"))
			found_hint(f, "on %s: virt-host-validate qemu; modprobe kvm_intel or kvm_amd", in->dst_name);
	} else if (d->virt_supported == FACT_UNKNOWN && !d->domcaps_error && d->emulator_present != FACT_NO) {
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether it is supported there");
	}
}

void check_emulator(const struct check_input *in, struct findings *f)
{
	const struct host_facts *d = &in->dst;
	auto_free char *object = str_printf("emulator %s", or_none(in->domain->emulator));

	if (!in->domain->emulator)
		return;
	if (d->emulator_present == FACT_NO)
		found(f, SIDE_DESTINATION, object, "is not there");
	else if (d->domcaps_error && d->virt_supported == FACT_UNKNOWN)
		found(f, SIDE_DESTINATION, object, "cannot run the domain there: %s", d->domcaps_error);
	else if (d->emulator_present == FACT_UNKNOWN && d->virt_supported != FACT_YES)
		unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "whether it is there");
}

void check_machine_type(const struct check_input *in, struct findings *f)
{
	const struct host_facts *d = &in->dst;
	auto_free char *object = str_printf("machine type %s", or_none(in->domain->machine));

	if (d->machine_supported == FACT_NO)
		found(f, SIDE_DESTINATION, object, "is not known there: %s",
		      d->domcaps_error ? d->domcaps_error : "libvirt does not list it");
	else if (d->machine_supported == FACT_UNKNOWN && d->virt_supported == FACT_YES)
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether it is known there");
}

void check_arch(const struct check_input *in, struct findings *f)
{
	const struct host_facts *s = &in->src, *d = &in->dst;

	if (!str_eq(in->domain->virt_type, "kvm"))
		return;
	if (!s->arch || !d->arch)
		unsure(in, f, s->arch ? SIDE_DESTINATION : SIDE_SOURCE, WAY_SHELL, "architecture", "what it is");
	else if (!str_eq(s->arch, d->arch))
		found(f, SIDE_DESTINATION, "architecture", "is %s, and %s has %s", d->arch, in->src_name, s->arch);
}

/* Stable releases (the third number) keep the migration format both ways. */
void check_hypervisor_older(const struct check_input *in, struct findings *f)
{
	unsigned long s = in->src.qemu_version, d = in->dst.qemu_version;
	auto_free char *s_text = version_text(s), *d_text = version_text(d);

	if (!s || !d)
		unsure(in, f, s ? SIDE_DESTINATION : SIDE_SOURCE, WAY_LIBVIRT, "QEMU", "which version it is");
	else if (d / 1000 < s / 1000)
		found(f, SIDE_DESTINATION, "QEMU",
		      "version %s is older than %s on %s, and QEMU promises migration to newer versions only", d_text,
		      s_text, in->src_name);
}

void check_libvirt_older(const struct check_input *in, struct findings *f)
{
	unsigned long s = in->src.libvirt_version, d = in->dst.libvirt_version;
	auto_free char *s_text = version_text(s), *d_text = version_text(d);

	if (!s || !d)
		unsure(in, f, s ? SIDE_DESTINATION : SIDE_SOURCE, WAY_LIBVIRT, "libvirt", "which version it is");
	else if (d / 1000 < s / 1000)
		found(f, SIDE_DESTINATION, "libvirt",
		      "version %s is older than %s on %s: it may not know all of the domain's XML", d_text, s_text,
		      in->src_name);
}

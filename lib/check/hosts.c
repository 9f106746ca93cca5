/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two hosts: that they can be asked, are two, and that there is room for the name. */
#include "check/checks.h"

#include <stdlib.h>

static void facts_unknown(const struct check_input *in, struct findings *f, enum side side)
{
	const struct host_facts *h = facts_of(in, side);
	const char *reason = h->err.id ? h->err.msg : "it was not asked";

	if (h->shell == FACT_YES && h->libvirt == FACT_YES)
		return;
	if (h->shell != FACT_YES && h->libvirt != FACT_YES)
		found_unknown(f, side, "host", "nothing can be learnt from it: %s", reason);
	else if (h->shell != FACT_YES)
		found_unknown(f, side, "shell", "what is to be asked there cannot be learnt: %s", reason);
	else
		found_unknown(f, side, "libvirt", "what is to be asked there cannot be learnt: %s", reason);
}

void check_facts_unknown(const struct check_input *in, struct findings *f)
{
	facts_unknown(in, f, SIDE_SOURCE);
	facts_unknown(in, f, SIDE_DESTINATION);
}

/* Containers of one machine share its boot-id, and cloned disks a machine-id: only both together are one system. */
void check_hosts_identical(const struct check_input *in, struct findings *f)
{
	const struct host_facts *s = &in->src, *d = &in->dst;
	bool know_machine = s->machine_id && d->machine_id, know_boot = s->boot_id && d->boot_id;
	bool machine = str_eq(s->machine_id, d->machine_id), boot = str_eq(s->boot_id, d->boot_id);

	if ((know_machine && !machine) || (know_boot && !boot))
		return;
	if (know_machine && know_boot)
		found(f, SIDE_NONE, "hosts", "%s and %s are one machine: both have machine-id %s and boot-id %s",
		      in->src_name, in->dst_name, s->machine_id, s->boot_id);
	else if (!blind(in, SIDE_SOURCE, WAY_SHELL) && !blind(in, SIDE_DESTINATION, WAY_SHELL))
		found_unknown(f, SIDE_NONE, "hosts",
			      "cannot be told whether %s and %s are one machine: machine-id or boot-id is not known",
			      in->src_name, in->dst_name);
}

void check_host_uuid(const struct check_input *in, struct findings *f)
{
	const struct host_facts *s = &in->src, *d = &in->dst;

	if (!s->host_uuid)
		unsure(in, f, SIDE_SOURCE, WAY_LIBVIRT, "libvirt", "which host UUID it has");
	else if (!d->host_uuid)
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, "libvirt", "which host UUID it has");
	else if (str_eq(s->host_uuid, d->host_uuid))
		found(f, SIDE_NONE, "hosts", "libvirt takes %s and %s for one host: both have host UUID %s",
		      in->src_name, in->dst_name, s->host_uuid);
}

void check_name_taken(const struct check_input *in, struct findings *f)
{
	const struct host_facts *d = &in->dst;
	const char *what = d->uuid_taken != FACT_YES ? "name" : d->name_taken != FACT_YES ? "UUID" : "name and UUID";
	auto_free char *object = str_printf("domain %s", in->domain->name);

	if (d->name_taken == FACT_YES || d->uuid_taken == FACT_YES) {
		found(f, SIDE_DESTINATION, object, "its %s %s taken there by %s", what,
		      d->name_taken == d->uuid_taken ? "are" : "is", d->taken_state ? d->taken_state : "a domain");
		if (d->uuid_taken == FACT_YES)
			found_hint(f,
				   "if it is left over from an earlier migration and shut off: virsh -c "
				   "%s undefine --keep-nvram --keep-tpm %s",
				   in->dst_uri, in->domain->uuid);
	} else if (d->name_taken == FACT_UNKNOWN || d->uuid_taken == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether its name or UUID is taken");
	}
}

void check_autostart_both(const struct check_input *in, struct findings *f)
{
	const struct host_facts *s = &in->src, *d = &in->dst;
	auto_free char *object = str_printf("domain %s", in->domain->name);

	if (d->autostart == FACT_YES && s->autostart == FACT_YES) {
		found(f, SIDE_NONE, object, "starts with %s and with %s: after a restart it may run twice",
		      in->src_name, in->dst_name);
		found_hint(f, "virsh -c %s autostart --disable %s", in->dst_uri, in->domain->name);
	} else if (d->autostart_link == FACT_YES && d->name_taken == FACT_NO) {
		found(f, SIDE_DESTINATION, object,
		      "an autostart link of this name is left there although no such domain is defined");
		found_hint(f, "ssh %s rm /etc/libvirt/qemu/autostart/%s.xml", in->dst_name, in->domain->name);
	} else if (d->autostart_link == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "whether an autostart link of it is left there");
	} else if (d->autostart == FACT_UNKNOWN || s->autostart == FACT_UNKNOWN) {
		unsure(in, f, d->autostart == FACT_UNKNOWN ? SIDE_DESTINATION : SIDE_SOURCE, WAY_LIBVIRT, object,
		       "whether it starts with the host");
	}
}

void check_clock_skew(const struct check_input *in, struct findings *f)
{
	int64_t between, error;

	for (enum side side = SIDE_SOURCE; side <= SIDE_DESTINATION; side++) {
		if (facts_of(in, side)->clock_error_ms < 0) {
			unsure(in, f, side, WAY_SHELL, "clock", "what time it has");
			return;
		}
	}
	if (blind(in, SIDE_SOURCE, WAY_SHELL) || blind(in, SIDE_DESTINATION, WAY_SHELL))
		return;
	between = in->dst.clock_offset_ms - in->src.clock_offset_ms;
	error = in->dst.clock_error_ms + in->src.clock_error_ms;
	if (llabs(between) - error <= 1000)
		return;
	found(f, SIDE_NONE, "clocks", "the clock of %s is %.1f s %s that of %s (measured to ± %.1f s)", in->dst_name,
	      (double)llabs(between) / 1000, between > 0 ? "ahead of" : "behind", in->src_name, (double)error / 1000);
}

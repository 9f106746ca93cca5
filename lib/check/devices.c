/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices: what ties the guest to its host, and what the destination's QEMU does not have. */
#include "check/checks.h"

/*
 * What libvirt (qemuMigrationSrcIsAllowed() and its likes in qemu_migration.c) or QEMU refuses, or what would be
 * missed on the other side. NULL: it moves. *what is the XML for people when they do not know the device by name.
 */
static const char *hostdev_stays(const struct device *v)
{
	if (str_eq(v->type, "pci"))
		return v->teaming_transient
			       ? NULL
			       : "a PCI device of the host stays with it; libvirt moves a domain only when it is the "
				 "transient part of a <teaming> pair";
	if (str_eq(v->type, "usb"))
		return "a USB device of the host stays with it";
	return "libvirt does not migrate a domain with such a host device";
}

static const char *memory_stays(const struct device *v)
{
	if (str_eq(v->type, "nvdimm") || str_eq(v->type, "virtio-pmem"))
		return "persistent memory lies in a file of the host and stays with it";
	if (str_eq(v->type, "sgx-epc"))
		return "SGX memory is encrypted with a key of the host's CPU";
	return NULL;
}

static const char *stays(const struct device *v)
{
	if (str_eq(v->kind, "hostdev"))
		return hostdev_stays(v);
	if (str_eq(v->kind, "memory"))
		return memory_stays(v);
	if (str_eq(v->kind, "filesystem"))
		return str_eq(v->role, "virtiofs")
			       ? "libvirt does not migrate a domain with a virtiofs file system"
			       : "QEMU does not migrate a guest that has a 9p file system of the host mounted";
	if (str_eq(v->kind, "shmem") && !str_eq(v->role, "master"))
		return "libvirt migrates shared memory only with role='master'";
	return NULL;
}

static void device_disks(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->disks_n; i++) {
		const struct disk *k = &in->domain->disks[i];
		auto_free char *object = disk_object(k, k->chain_n ? &k->chain[0] : NULL);

		if (k->transient) {
			found(f, SIDE_SOURCE, object,
			      "is transient: libvirt does not migrate a domain with such a disk");
			found_hint(f, "shut the guest down and take <transient/> out of its XML");
		}
		if (k->chain_n && k->chain[0].source == DISK_OTHER)
			found(f, SIDE_SOURCE, object,
			      "its source (NVMe device, vhost-user or vhost-vdpa) belongs to the host");
	}
}

static void device_nics(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->nics_n; i++) {
		const struct nic *n = &in->domain->nics[i];
		auto_free char *object = str_printf("interface %s", n->mac ? n->mac : n->type);

		if (str_eq(n->type, "hostdev") && !n->teaming_transient)
			found(f, SIDE_SOURCE, object,
			      "a network device of the host (type='hostdev') stays with it; libvirt moves a domain "
			      "only when it is the transient part of a <teaming> pair");
		else if (str_eq(n->type, "vdpa"))
			found(f, SIDE_SOURCE, object, "libvirt does not migrate a domain with a vDPA device");
	}
}

void check_device(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->devices_n; i++) {
		const struct device *v = &in->domain->devices[i];
		const char *why = stays(v);
		auto_free char *object =
			str_printf("%s %s %s", v->kind, v->type ? v->type : "", v->name ? v->name : "");

		if (!why)
			continue;
		found(f, SIDE_SOURCE, object, "%s", why);
		if (v->name)
			found_hint(f,
				   "take it away from the running guest: virsh -c %s "
				   "detach-device-alias %s ALIAS (see dumpxml)",
				   in->src_uri, in->domain->name);
	}
	device_disks(in, f);
	device_nics(in, f);
	if (in->domain->dbus_vmstate)
		found(f, SIDE_SOURCE, "dbus-vmstate",
		      "a helper process of the guest has state that QEMU takes along only "
		      "if the same helper waits at the destination");
}

void check_encrypted_guest(const struct check_input *in, struct findings *f)
{
	auto_free char *object = str_printf("launchSecurity %s", in->domain->launch_security ?: "");

	if (in->domain->launch_security)
		found(f, SIDE_SOURCE, object,
		      "the guest's memory is encrypted with a key that does not leave the host's CPU");
}

/* One value of the domain against the destination's list. */
static void listed(const struct check_input *in, struct findings *f, const char *object, const char *kind,
		   const char *value)
{
	if (!value || facts_domcap(&in->dst, kind, value) != FACT_NO)
		return;
	found(f, SIDE_DESTINATION, object, "QEMU there has no %s %s", kind, value);
}

/* Where there is no list libvirt of that version does not say: then only the attempt tells, and libvirt refuses early.
 */
void check_device_model(const struct check_input *in, struct findings *f)
{
	const struct domain *d = in->domain;

	for (size_t i = 0; i < d->disks_n; i++) {
		auto_free char *object = disk_object(&d->disks[i], NULL);

		listed(in, f, object, "disk-bus", d->disks[i].bus);
	}
	for (size_t i = 0; i < d->devices_n; i++) {
		const struct device *v = &d->devices[i];
		auto_free char *object = str_printf("%s %s", v->kind, v->type ? v->type : "");

		if (str_eq(v->kind, "video") || str_eq(v->kind, "graphics") || str_eq(v->kind, "rng"))
			listed(in, f, object, v->kind, v->type);
		else if (str_eq(v->kind, "tpm"))
			listed(in, f, object, "tpm-model", v->model);
	}
}

void check_tpm(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->devices_n; i++) {
		const struct device *v = &in->domain->devices[i];
		auto_free char *object = str_printf("tpm %s", v->type ? v->type : "");

		if (!str_eq(v->kind, "tpm"))
			continue;
		if (str_eq(v->type, "passthrough")) {
			found(f, SIDE_SOURCE, object, "the host's own TPM stays with it");
		} else if (str_eq(v->type, "external")) {
			found_unknown(f, SIDE_DESTINATION, object,
				      "cannot be told whether the program that emulates it has its state there");
		} else if (facts_domcap(&in->dst, "tpm", v->type ? v->type : "emulator") == FACT_NO) {
			found(f, SIDE_DESTINATION, object, "libvirt there cannot emulate a TPM");
			found_hint(f, "on %s install swtpm and swtpm-tools", in->dst_name);
		}
	}
}

void check_qemu_commandline(const struct check_input *in, struct findings *f)
{
	if (in->domain->qemu_commandline)
		found(f, SIDE_SOURCE, "qemu:commandline",
		      "the domain has QEMU arguments that libvirt passes on without knowing what they need at the "
		      "destination");
}

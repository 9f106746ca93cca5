/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What vmmig needs to know of a domain, read from its libvirt XML
 * (virDomainGetXMLDesc, live: it has the backing chains QEMU has open).
 *
 * The XML is a host's word: parsed with limits (DOMAIN_XML_MAX, no network, no
 * entities), every count bounded by DOMAIN_ITEMS_MAX. Strings are UTF-8,
 * otherwise as the host said them: sanitise before showing.
 */
#ifndef DOMAIN_DOMAIN_H
#define DOMAIN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum {
	DOMAIN_XML_MAX = 4 << 20, /* bytes; real ones have some 10 KiB */
	DOMAIN_ITEMS_MAX = 1024,  /* devices of one kind, or files of one backing chain */
};

enum disk_source {
	DISK_NONE, /* empty CD-ROM drive */
	DISK_FILE,
	DISK_BLOCK,
	DISK_NETWORK,
	DISK_VOLUME,
	DISK_DIR,
	DISK_OTHER, /* nvme, vhostuser, … */
};
const char *disk_source_name(enum disk_source s); /* libvirt's word: "file", "block", … */

/* One image of a backing chain. */
struct image {
	enum disk_source source;
	char *path;          /* file, block, dir: absolute path; volume: NULL; network: "rbd:pool/img" for display */
	char *format;        /* "qcow2", "raw", … or NULL when the XML does not say */
	char *pool, *volume; /* DISK_VOLUME */
};

struct disk {
	char *target; /* "vda" */
	char *device; /* "disk", "cdrom", "floppy", "lun" */
	char *bus;
	char *cache; /* "none", "writeback", …; NULL: hypervisor's default */
	bool readonly, shareable, transient;
	bool block_job;      /* a <mirror> is under way */
	bool missing_ok;     /* startupPolicy optional or requisite: libvirt ejects the medium if it is missing there */
	bool chain_known;    /* the chain ends in an explicit empty <backingStore/> */
	bool state;          /* no disk, but a file with other state of the guest: domain_add_state() */
	struct image *chain; /* chain[0] is the active image; none for DISK_NONE */
	size_t chain_n;
};

struct nic {
	char *type;   /* "bridge", "network", "direct", "user", "hostdev", "vdpa", "ethernet", "vhostuser", … */
	char *source; /* bridge name, network name, device of a direct or vdpa one, else NULL */
	char *portgroup;
	char *mac;
	char *model;
	char *filter; /* nwfilter name or NULL */
	char *bridge; /* live XML of a network interface: the bridge it is on, or NULL */
	unsigned mtu; /* 0: not said */
	bool teaming_transient;
	bool virtualport_ovs; /* <virtualport type='openvswitch'> */
	bool slirp_helper;    /* <backend type='passt'/…>: user network by a helper process */
};

/* Anything else in <devices> but character devices: what may tie the guest to its host; checks decide. */
struct device {
	char *kind;  /* element name: "hostdev", "filesystem", "shmem", "redirdev", "tpm", "memory", "vsock", "video",
			"graphics", "watchdog", "sound", "rng", "panic", "iommu", "input", "controller", "smartcard",
			"lease", "memballoon", "audio", and whatever else libvirt comes to know */
	char *type;  /* type attribute, or for hostdev: "pci", "usb", "scsi", "scsi_host", "mdev", "storage", "misc",
			"net"; for tpm: backend type; memory, video, shmem, rng: model; smartcard: or else mode */
	char *model; /* model attribute or NULL (tpm: "tpm-crb"; rng: backend's model) */
	char *name;  /* for people: alias, address, or target: "0000:01:00.0", "/srv/share" */
	char *role;  /* shmem role; filesystem driver type; NULL otherwise */
	bool teaming_transient; /* hostdev with <teaming type='transient'> */
	bool persistent_state;  /* tpm persistent_state='yes' */
};

/* A file, directory or socket of the host that QEMU opens besides disks. */
struct host_path {
	char *what; /* "loader", "nvram", "nvram template", "kernel", "initrd", "dtb", "acpi table", "fw_cfg file",
		       "blkiotune device", "vhost-user disk socket", "vhost-user network socket", "filesystem", "tpm",
		       "memory device", "render node", "graphics socket", "rng", "shmem server", "input", "lease"; of
		       serial, console, parallel, channel and redirdev: "serial file", "serial socket", "serial dev",
		       "serial pipe", "serial log" */
	char *path;
	bool must_exist; /* true: the path itself; false: its directory must exist and take a new file */
};

struct hugepages {
	uint64_t size_kib; /* 0: the host's default size */
	char *nodeset;     /* guest NUMA nodes, or NULL for all */
};

/* A libvirt secret that a disk, its image encryption or a TPM needs. */
struct secret_ref {
	char *user;  /* for people: "disk vda" */
	char *uuid;  /* or NULL */
	char *usage; /* or NULL */
	char *type;  /* "ceph", "iscsi", "volume", "vtpm", …; NULL: not said */
};

struct domain {
	char *name, *uuid;
	char *virt_type; /* "kvm", "qemu" */
	char *arch, *machine, *emulator;
	uint64_t memory_kib;     /* current size of RAM with plugged DIMMs */
	uint64_t max_memory_kib; /* <maxMemory>, else memory_kib */
	unsigned vcpus;
	unsigned max_vcpus;
	char *cpu_mode;          /* "custom", "host-model", "host-passthrough", "maximum"; NULL: default */
	char *cpu_model;         /* or NULL */
	char *cpu_xml;           /* the <cpu> element as text, for virConnectCompareHypervisorCPU; NULL: none */
	struct strv cpu_require; /* features with policy require or force, by name */
	bool invtsc;             /* feature invtsc asked for */
	bool tsc_frequency;      /* <timer name='tsc' frequency=…> */
	bool firmware_secure;    /* loader secure='yes' */
	char *launch_security;   /* type of <launchSecurity>, or NULL */
	char *seclabel_model;    /* "apparmor", "selinux", "dac" of a static label; NULL: none or dynamic */
	char *cpuset;            /* union text of <vcpu cpuset>, or NULL */
	struct strv pinned;      /* every cpuset of vcpupin, emulatorpin, iothreadpin */
	char *numa_nodeset;      /* the host's nodes of <numatune><memory> and <memnode>: "0-1,1"; or NULL */
	bool locked_memory;      /* <memoryBacking><locked/> */
	bool dbus_vmstate, qemu_commandline; /* qemu:commandline arguments are present */
	struct hugepages *hugepages;
	size_t hugepages_n;
	struct disk *disks;
	size_t disks_n;
	struct nic *nics;
	size_t nics_n;
	struct device *devices;
	size_t devices_n;
	struct host_path *paths;
	size_t paths_n;
	struct secret_ref *secrets;
	size_t secrets_n;
	struct strv graphics_listen; /* explicit listen addresses */
};

/* Reads xml. NULL with E_XML: not well-formed, not a domain, beyond the limits, or without a name or UUID. */
struct domain *domain_parse(const char *xml, struct err *err);
void domain_free(struct domain *d);
AUTO_DEFINE(domain, struct domain *, domain_free)
#define auto_domain AUTO(auto_domain_)

struct image_chain; /* domain/image.h */
/* What the XML does not say of the backing chain of disk k, as qemu-img found it. -1 with E_XML: too long. */
int domain_complete_chain(struct disk *k, const struct image_chain *c, struct err *err);
/*
 * A file that belongs to the guest as its disks do, and is written by it: NVRAM, TPM state, a saved image. It becomes
 * a disk of format raw with that target ("nvram"). Its path is the same on every host.
 */
#define STATE_SAVED "saved" /* the target of a saved image */
bool disk_is_saved_image(const struct disk *d);
int domain_add_state(struct domain *d, const char *target, const char *path, struct err *err);

/* A disk whose content a guest may change: neither read-only nor empty, device disk or lun. */
bool disk_is_writable(const struct disk *d);

/* A drive for removable media (cdrom, floppy). */
bool disk_is_removable(const struct disk *d);

#endif

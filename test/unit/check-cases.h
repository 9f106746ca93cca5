/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For test-check.c alone: a pair of hosts that has all a rich guest needs, one
 * change at a time to it, and what the checks must say then.
 */
#ifndef TEST_UNIT_CHECK_CASES_H
#define TEST_UNIT_CHECK_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "check/checks.h"
#include "host/facts-private.h"

static const char rich_xml[] =
	"<domain type='kvm'><name>web1</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
	"<memory unit='KiB'>4194304</memory><vcpu placement='static' cpuset='0-7'>4</vcpu>"
	"<cputune><vcpupin vcpu='0' cpuset='1-2'/></cputune><numatune><memory mode='strict' nodeset='0'/></numatune>"
	"<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><loader type='pflash'>/usr/share/OVMF/CODE.fd</loader>"
	"<nvram template='/usr/share/OVMF/VARS.fd'>/srv/nvram/web1.fd</nvram></os>"
	"<cpu mode='custom' match='exact'><model>Haswell</model><feature policy='require' name='vmx'/></cpu>"
	"<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
	"<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/><source "
	"file='/srv/web1.qcow2'/>"
	"<backingStore/><target dev='vda' bus='virtio'/></disk>"
	"<disk type='volume' device='disk'><driver name='qemu' type='raw' cache='none'/>"
	"<source pool='fast' volume='data'/><backingStore/><target dev='vdb' bus='virtio'/></disk>"
	"<disk type='file' device='cdrom'><source file='/srv/iso/debian.iso'/><backingStore/>"
	"<target dev='sda' bus='sata'/></disk>"
	"<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><mtu size='1500'/>"
	"<filterref filter='clean-traffic'/></interface>"
	"<interface type='network'><mac address='52:54:00:00:00:02'/>"
	"<source network='lan' portgroup='blue' bridge='virbr0'/></interface>"
	"<interface type='direct'><mac address='52:54:00:00:00:03'/><source dev='eth1' mode='bridge'/></interface>"
	"<serial type='file'><source path='/srv/log/web1.log'/></serial>"
	"<tpm model='tpm-crb'><backend type='emulator' version='2.0'>"
	"<encryption secret='aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'/></backend></tpm>"
	"<graphics type='vnc'><listen type='address' address='10.0.0.2'/></graphics>"
	"<video><model type='virtio'/></video><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
	"</devices></domain>";

struct fixture {
	struct check_input in;
	struct domain *d;
};

static void set(char **p, const char *s)
{
	free(*p);
	*p = xstrdup(s);
}

static void good_named(struct named_fact *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i].present = v[i].active = FACT_YES;
}

static void good_lists(struct host_facts *f)
{
	for (size_t i = 0; i < f->netdevs_n; i++) {
		struct netdev_fact *n = &f->netdevs[i];

		n->present = n->up = FACT_YES;
		n->bridge = strcmp(n->name, "eth1") == 0 ? FACT_NO : FACT_YES;
		n->ovs = FACT_NO;
		n->mtu = 1500;
	}
	for (size_t i = 0; i < f->networks_n; i++) {
		f->networks[i].defined = f->networks[i].active = f->networks[i].portgroup = FACT_YES;
		set(&f->networks[i].bridge, "virbr0");
	}
	for (size_t i = 0; i < f->paths_n; i++) {
		f->paths[i].present = f->paths[i].dir_present = f->paths[i].dir_writable = FACT_YES;
		f->paths[i].kind = 'f';
		f->paths[i].size = 1000;
	}
	good_named(f->secrets, f->secrets_n);
	good_named(f->filters, f->filters_n);
	good_named(f->pools, f->pools_n);
	good_named(f->volumes, f->volumes_n);
}

static void good_facts(const struct domain *d, enum side side, struct host_facts *f)
{
	static const char *const caps[] = { "disk-bus:",    "disk-bus:virtio", "disk-bus:sata",     "video:",
					    "video:virtio", "graphics:",       "graphics:vnc",      "tpm:",
					    "tpm:emulator", "tpm-model:",      "tpm-model:tpm-crb", "rng:",
					    "rng:virtio" };
	auto_query struct facts_query q = { 0 };

	facts_query_make(d, side, "qemu:///system", f, &q);
	good_lists(f);
	f->shell = f->libvirt = FACT_YES;
	set(&f->hostname, side == SIDE_SOURCE ? "alpha" : "beta");
	set(&f->machine_id, side == SIDE_SOURCE ? "aaaa" : "bbbb");
	set(&f->boot_id, side == SIDE_SOURCE ? "a-a" : "b-b");
	set(&f->host_uuid, side == SIDE_SOURCE ? "uuid-a" : "uuid-b");
	set(&f->arch, "x86_64");
	f->clock_error_ms = 20;
	f->libvirt_version = 9000000;
	f->qemu_version = 7002022;
	f->emulator_present = f->machine_supported = f->virt_supported = f->cpu_ok = f->domcaps_known = FACT_YES;
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		strv_add(&f->domcaps, caps[i]);
	f->mem_total_kib = f->mem_available_kib = 64ULL << 20;
	set(&f->cpus_online, "0-15");
	set(&f->nodes_online, "0-1");
	f->port_min = 49152;
	f->port_max = 49215;
	strv_add(&f->addresses, side == SIDE_SOURCE ? "10.0.0.1" : "10.0.0.2");
	f->name_taken = f->uuid_taken = f->autostart_link = f->autostart = FACT_NO;
}

static void good_proofs(struct check_input *in)
{
	in->storage.done = true;
	in->storage.v = xcalloc(1, sizeof(*in->storage.v));
	in->storage.n = 1;
	in->storage.v[0] = (struct image_proof) { .disk = &in->domain->disks[0],
						  .image = &in->domain->disks[0].chain[0],
						  .shared = SHARED_YES,
						  .libvirt_knows = true,
						  .fs_src = xstrdup("nfs"),
						  .fs_dst = xstrdup("nfs") };
	in->connection.done = true;
	in->connection.resolves = in->connection.peer = in->connection.port = FACT_YES;
	set(&in->connection.peer_uri, "qemu+ssh://root@beta/system");
	set(&in->connection.port_address, "10.0.0.2");
	in->connection.port_number = 49152;
}

static void make(struct fixture *x)
{
	auto_err struct err e = ERR_INIT;

	*x = (struct fixture) { 0 };
	x->d = domain_parse(rich_xml, &e);
	if (!x->d)
		fail_msg("%s", e.msg);
	x->in.mode = MODE_LIVE;
	x->in.src_name = "alpha";
	x->in.dst_name = "beta";
	x->in.domain = x->d;
	x->in.look.state = GUEST_RUNNING;
	x->in.look.job = GUEST_JOB_NONE;
	good_facts(x->d, SIDE_SOURCE, &x->in.src);
	good_facts(x->d, SIDE_DESTINATION, &x->in.dst);
	good_proofs(&x->in);
}

static void drop(struct fixture *x)
{
	check_input_clear(&x->in);
	domain_free(x->d);
}

static struct netdev_fact *netdev(struct host_facts *f, const char *name)
{
	for (size_t i = 0; i < f->netdevs_n; i++)
		if (strcmp(f->netdevs[i].name, name) == 0)
			return &f->netdevs[i];
	fail_msg("no device %s", name);
	return NULL;
}

static struct path_fact *path(struct host_facts *f, const char *name)
{
	for (size_t i = 0; i < f->paths_n; i++)
		if (strcmp(f->paths[i].path, name) == 0)
			return &f->paths[i];
	fail_msg("no path %s", name);
	return NULL;
}

static struct device *add_device(struct fixture *x, const char *kind, const char *type, const char *role)
{
	struct device *v = ARRAY_ADD(x->d->devices, x->d->devices_n);

	v->kind = xstrdup(kind);
	v->type = xstrdup(type);
	v->role = xstrdup(role);
	v->name = xstrdup("0000:01:00.0");
	return v;
}

static struct nic *add_nic(struct fixture *x, const char *type)
{
	struct nic *n = ARRAY_ADD(x->d->nics, x->d->nics_n);

	n->type = xstrdup(type);
	n->mac = xstrdup("52:54:00:00:00:99");
	return n;
}

static void want_pages(struct fixture *x, uint64_t kib, enum fact supported, uint64_t n)
{
	struct pages_fact *p = ARRAY_ADD(x->in.dst.pages, x->in.dst.pages_n);

	ARRAY_ADD(x->d->hugepages, x->d->hugepages_n)->size_kib = kib;
	p->size_kib = p->real_kib = kib;
	p->supported = supported;
	p->free = n;
}

/* ---- a guest whose disk moves along ---- */

static struct image_info *block_info(struct fixture *x, const char *file, const char *format, uint64_t size)
{
	struct image_chain *c = &x->in.images.chains[0];
	struct image_info *i = ARRAY_ADD(c->v, c->n);

	*i = (struct image_info) { .path = xstrdup(file), .format = xstrdup(format), .virtual_size = size };
	i->actual_size = size / 4;
	return i;
}

/* What both hosts say of the two files of vda: the active image is not at the destination, its base is. */
static void block_facts(struct fixture *x)
{
	struct images *im = &x->in.images;

	im->done = true;
	im->chains_n = x->d->disks_n;
	im->chains = xcalloc(im->chains_n, sizeof(*im->chains));
	im->chain_errs = xcalloc(im->chains_n, sizeof(*im->chain_errs));
	block_info(x, "/srv/web1.qcow2", "qcow2", 400 << 20);
	block_info(x, "/srv/base.img", "raw", 100 << 20);
	im->chains[0].v[0].backing = xstrdup("/srv/base.img");
	im->chains[0].v[0].backing_said = xstrdup("/srv/base.img");
	for (size_t i = 0; i < 2; i++) {
		struct image_plan *p = &im->v[i];

		p->info = &im->chains[0].v[i];
		p->src = (struct file_fact) { .present = FACT_YES, .kind = 'f', .size = 1000, .allocated = 25 << 20 };
		p->src.dir_writable = FACT_YES;
		p->src.dir_is_parent = true;
		p->dst = p->src;
		p->dst.dir_dev = 7;
		p->dst.avail = UINT64_C(1) << 40;
		p->same = i ? FACT_YES : FACT_UNKNOWN;
	}
	im->v[0].dst.present = FACT_NO;
	im->v[0].dst.kind = 0;
}

/* The good pair in mode block: vda, an overlay over a raw base, is not shared; the other disks are. */
static void block_with(struct fixture *x, const struct remap *remap, enum shared active, enum shared base)
{
	static const char *const tools[] = { "qemu-img", "sha256sum", "qemu-nbd" };
	struct image *m = ARRAY_ADD(x->d->disks[0].chain, x->d->disks[0].chain_n);
	struct storage_proof *s = &x->in.storage;

	*m = (struct image) { .source = DISK_FILE, .path = xstrdup("/srv/base.img"), .format = xstrdup("raw") };
	set(&x->d->disks[0].chain[0].format, "qcow2");
	storage_proof_clear(s);
	s->done = true;
	for (size_t i = 0; i < x->d->disks_n; i++)
		for (size_t k = 0; k < x->d->disks[i].chain_n; k++) {
			struct image_proof *v = ARRAY_ADD(s->v, s->n);

			*v = (struct image_proof) { .disk = &x->d->disks[i], .image = &x->d->disks[i].chain[k] };
			v->shared = i ? SHARED_YES : k ? base : active;
			v->reason = xstrdup("is not the file the source has");
			v->libvirt_knows = true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		strv_add(&x->in.src.tools, tools[i]);
		strv_add(&x->in.dst.tools, tools[i]);
	}
	x->in.mode = MODE_BLOCK;
	x->in.remap = remap;
	images_decide(x->d, s, remap, &x->in.images);
	block_facts(x);
}

static void block_of(struct fixture *x, const struct remap *remap)
{
	block_with(x, remap, SHARED_NO, SHARED_NO);
}

static void no_tool(struct host_facts *f, const char *tool)
{
	for (size_t i = 0; i < f->tools.n; i++)
		if (strcmp(f->tools.v[i], tool) == 0)
			set(&f->tools.v[i], "gone");
}

/* One change each. */
/* clang-format off */
#define TWIST(name) static void name(struct fixture *x)

TWIST(t_shell)
{
	x->in.dst.shell = FACT_NO;
	err_set(&x->in.dst.err, E_REMOTE, 0, "no shell");
	x->in.dst.mem_available_kib = 0;
	set(&x->in.dst.machine_id, NULL);
	netdev(&x->in.dst, "br0")->present = FACT_UNKNOWN;
	path(&x->in.dst, "/usr/share/OVMF/CODE.fd")->present = FACT_UNKNOWN;
	x->in.dst.autostart_link = FACT_UNKNOWN;
	x->in.dst.clock_error_ms = -1;
	set(&x->in.dst.cpus_online, NULL);
	x->in.dst.emulator_present = FACT_UNKNOWN;
	strv_clear(&x->in.dst.addresses);
	x->in.connection.port = FACT_UNKNOWN;
}
TWIST(t_libvirt)
{
	x->in.dst.libvirt = FACT_NO;
	err_set(&x->in.dst.err, E_LIBVIRT_CONNECT, 0, "no libvirt");
	x->in.dst.qemu_version = x->in.dst.libvirt_version = 0;
	x->in.dst.virt_supported = x->in.dst.machine_supported = x->in.dst.cpu_ok = x->in.dst.domcaps_known = FACT_UNKNOWN;
	x->in.dst.name_taken = x->in.dst.uuid_taken = x->in.dst.autostart = FACT_UNKNOWN;
	set(&x->in.dst.host_uuid, NULL);
	x->in.dst.networks[0].defined = FACT_UNKNOWN;
	x->in.dst.filters[0].present = x->in.dst.pools[0].present = x->in.dst.secrets[0].present = FACT_UNKNOWN;
}
TWIST(t_both)
{
	t_shell(x);
	t_libvirt(x);
	x->in.connection.resolves = FACT_UNKNOWN;
	x->in.connection.peer = FACT_YES;
}
TWIST(t_shutoff) { x->in.look.state = GUEST_SHUTOFF; }
TWIST(t_pmsuspended) { x->in.look.state = GUEST_PMSUSPENDED; }
TWIST(t_state_unknown) { x->in.look.state = GUEST_UNKNOWN; set(&x->in.look.unknown_because, "timeout"); }
TWIST(t_absent) { x->in.look.state = GUEST_ABSENT; }
TWIST(t_incoming) { x->in.look.state = GUEST_PAUSED; x->in.look.why = GUEST_WHY_MIGRATION; }
TWIST(t_paused) { x->in.look.state = GUEST_PAUSED; x->in.look.why = GUEST_WHY_USER; }
TWIST(t_ioerror) { x->in.look.state = GUEST_PAUSED; x->in.look.why = GUEST_WHY_IOERROR; }
TWIST(t_job) { x->in.look.job = GUEST_JOB_MIGRATION_OUT; }
TWIST(t_job_unknown) { x->in.look.job = GUEST_JOB_UNKNOWN; }
TWIST(t_block_job) { x->d->disks[0].block_job = true; }
TWIST(t_snapshots)
{
	x->in.src.snapshots = 2;
	strv_add(&x->in.src.snapshot_names, "before");
	strv_add(&x->in.src.snapshot_names, "after");
}
TWIST(t_snapshots_unknown) { x->in.src.snapshots = -1; }
TWIST(t_checkpoints) { x->in.src.checkpoints = 1; }
TWIST(t_checkpoints_unknown) { x->in.src.checkpoints = -1; }
TWIST(t_identical) { set(&x->in.dst.machine_id, "aaaa"); set(&x->in.dst.boot_id, "a-a"); }
TWIST(t_clone) { set(&x->in.dst.machine_id, "aaaa"); }
TWIST(t_container) { set(&x->in.dst.boot_id, "a-a"); }
TWIST(t_identity_unknown) { set(&x->in.dst.machine_id, NULL); set(&x->in.dst.boot_id, "a-a"); }
TWIST(t_host_uuid) { set(&x->in.dst.host_uuid, "uuid-a"); }
TWIST(t_host_uuid_unknown)
{
	set(&x->in.src.host_uuid, NULL);
	err_set(&x->in.src.err, E_LIBVIRT, 0, "capabilities: hm");
}
TWIST(t_name) { x->in.dst.name_taken = FACT_YES; set(&x->in.dst.taken_state, "web1 (UUID 9, shut off)"); }
TWIST(t_uuid) { x->in.dst.uuid_taken = FACT_YES; set(&x->in.dst.taken_state, "other (UUID 1, running)"); }
TWIST(t_name_unknown) { x->in.dst.name_taken = FACT_UNKNOWN; }
TWIST(t_autostart) { x->in.src.autostart = x->in.dst.autostart = FACT_YES; }
TWIST(t_autostart_here) { x->in.src.autostart = FACT_YES; }
TWIST(t_autostart_link) { x->in.dst.autostart_link = FACT_YES; }
TWIST(t_autostart_unknown) { x->in.dst.autostart_link = FACT_UNKNOWN; }
TWIST(t_autostart_unknown2) { x->in.src.autostart = FACT_UNKNOWN; }
TWIST(t_type)
{
	x->in.dst.virt_supported = FACT_NO;
	x->in.dst.machine_supported = x->in.dst.cpu_ok = FACT_UNKNOWN;
	set(&x->in.dst.domcaps_error, "KVM is not supported");
}
TWIST(t_type_unknown) { x->in.dst.virt_supported = x->in.dst.machine_supported = FACT_UNKNOWN; }
TWIST(t_emulator)
{
	x->in.dst.emulator_present = FACT_NO;
	x->in.dst.virt_supported = x->in.dst.machine_supported = FACT_UNKNOWN;
	x->in.dst.cpu_ok = FACT_UNKNOWN;
	set(&x->in.dst.domcaps_error, "no such file");
}
TWIST(t_emulator_odd)
{
	x->in.dst.virt_supported = x->in.dst.machine_supported = x->in.dst.cpu_ok = FACT_UNKNOWN;
	set(&x->in.dst.domcaps_error, "unknown architecture");
}
TWIST(t_machine)
{
	x->in.dst.machine_supported = FACT_NO;
	x->in.dst.cpu_ok = FACT_UNKNOWN;
	set(&x->in.dst.domcaps_error, "not supported by emulator");
}
TWIST(t_machine_unknown) { x->in.dst.machine_supported = FACT_UNKNOWN; }
TWIST(t_qemu) { x->in.dst.qemu_version = 6002000; }
TWIST(t_qemu_stable) { x->in.dst.qemu_version = 7002004; }
TWIST(t_qemu_newer) { x->in.dst.qemu_version = 8000000; }
TWIST(t_qemu_unknown) { x->in.src.qemu_version = 0; }
TWIST(t_libvirt_older) { x->in.dst.libvirt_version = 8000000; }
TWIST(t_libvirt_unknown) { x->in.dst.libvirt_version = 0; }
TWIST(t_arch) { set(&x->in.dst.arch, "aarch64"); }
TWIST(t_arch_tcg) { set(&x->in.dst.arch, "aarch64"); set(&x->d->virt_type, "qemu"); }
TWIST(t_arch_unknown) { set(&x->in.dst.arch, NULL); }
TWIST(t_clock) { x->in.dst.clock_offset_ms = 2500; }
TWIST(t_clock_behind) { x->in.src.clock_offset_ms = 1500; }
TWIST(t_clock_error) { x->in.dst.clock_offset_ms = 1500; x->in.dst.clock_error_ms = 600; }
TWIST(t_clock_unknown) { x->in.src.clock_error_ms = -1; }
TWIST(t_cpu)
{
	x->in.dst.cpu_ok = FACT_NO;
	strv_add(&x->in.dst.cpu_missing, "avx512f");
	strv_add(&x->in.dst.cpu_missing, "pku");
}
TWIST(t_cpu_detail) { x->in.dst.cpu_ok = FACT_NO; set(&x->in.dst.cpu_detail, "vendor does not match"); }
TWIST(t_cpu_unknown) { x->in.dst.cpu_ok = FACT_UNKNOWN; set(&x->in.dst.cpu_detail, "cannot compare"); }
TWIST(t_cpu_unknown2) { x->in.dst.cpu_ok = FACT_UNKNOWN; }
TWIST(t_pass_same)
{
	set(&x->d->cpu_mode, "host-passthrough");
	x->in.dst.cpu_ok = FACT_UNKNOWN;
	set(&x->in.src.host_cpu_model, "Haswell");
	set(&x->in.dst.host_cpu_model, "Haswell");
	strv_add(&x->in.dst.host_cpu_features, "more");
}
TWIST(t_pass_model) { t_pass_same(x); set(&x->in.dst.host_cpu_model, "EPYC"); }
TWIST(t_pass_feature) { t_pass_same(x); strv_add(&x->in.src.host_cpu_features, "pdpe1gb"); }
TWIST(t_pass_unknown) { t_pass_same(x); set(&x->in.dst.host_cpu_model, NULL); }
TWIST(t_pass_tcg) { t_pass_unknown(x); set(&x->d->cpu_mode, "maximum"); set(&x->d->virt_type, "qemu"); }
TWIST(t_invtsc) { x->d->invtsc = true; }
TWIST(t_invtsc_ok) { x->d->invtsc = x->d->tsc_frequency = true; }
TWIST(t_memory) { x->in.dst.mem_available_kib = 4194304; }
TWIST(t_memory_just) { x->in.dst.mem_available_kib = memory_need_kib(x->d); }
TWIST(t_memory_less) { x->in.dst.mem_available_kib = memory_need_kib(x->d) - 1; }
TWIST(t_memory_also) { t_memory_just(x); x->in.also_incoming_kib = 1 << 20; }
TWIST(t_memory_unknown) { x->in.dst.mem_available_kib = 0; }
TWIST(t_huge_ok) { want_pages(x, 2048, FACT_YES, 2048); x->in.dst.mem_available_kib = 1 << 20; }
TWIST(t_huge) { want_pages(x, 2048, FACT_YES, 2047); }
TWIST(t_huge_twice) { want_pages(x, 2048, FACT_YES, 1500); want_pages(x, 2048, FACT_YES, 1500); }
TWIST(t_huge_none) { want_pages(x, 1 << 20, FACT_NO, 0); }
TWIST(t_huge_unknown) { want_pages(x, 0, FACT_UNKNOWN, 0); }
TWIST(t_pin) { set(&x->in.dst.cpus_online, "0-3"); }
TWIST(t_pin_thread) { set(&x->d->pinned.v[0], "1-2,20"); }
TWIST(t_pin_node) { set(&x->in.dst.nodes_online, "1"); }
TWIST(t_pin_unknown) { set(&x->in.dst.nodes_online, NULL); }
TWIST(t_pin_bad) { set(&x->d->cpuset, "0-x"); }
TWIST(t_pin_not) { set(&x->d->cpuset, "0-20,^16-20"); }
TWIST(t_hostdev) { add_device(x, "hostdev", "pci", NULL); }
TWIST(t_hostdev_teaming) { add_device(x, "hostdev", "pci", NULL)->teaming_transient = true; }
TWIST(t_hostdev_usb) { add_device(x, "hostdev", "usb", NULL); }
TWIST(t_hostdev_mdev) { add_device(x, "hostdev", "mdev", NULL); }
TWIST(t_virtiofs) { add_device(x, "filesystem", "mount", "virtiofs"); }
TWIST(t_9p) { add_device(x, "filesystem", "mount", NULL); }
TWIST(t_shmem) { add_device(x, "shmem", "ivshmem-plain", "peer"); }
TWIST(t_shmem_master) { add_device(x, "shmem", "ivshmem-plain", "master"); }
TWIST(t_nvdimm) { add_device(x, "memory", "nvdimm", NULL); }
TWIST(t_dimm) { add_device(x, "memory", "dimm", NULL); }
TWIST(t_transient) { x->d->disks[0].transient = true; }
TWIST(t_nvme) { x->d->disks[0].chain[0].source = DISK_OTHER; }
TWIST(t_nic_hostdev) { add_nic(x, "hostdev"); }
TWIST(t_nic_teaming) { add_nic(x, "hostdev")->teaming_transient = true; }
TWIST(t_nic_vdpa) { add_nic(x, "vdpa"); }
TWIST(t_dbus) { x->d->dbus_vmstate = true; }
TWIST(t_sev) { set(&x->d->launch_security, "sev"); }
TWIST(t_bus) { set(&x->d->disks[0].bus, "sd"); }
TWIST(t_video) { add_device(x, "video", "qxl", NULL); }
TWIST(t_graphics) { add_device(x, "graphics", "spice", NULL); }
TWIST(t_no_list) { strv_clear(&x->in.dst.domcaps); add_device(x, "video", "qxl", NULL); }
TWIST(t_tpm)
{
	for (size_t i = 0; i < x->in.dst.domcaps.n; i++)
		if (strcmp(x->in.dst.domcaps.v[i], "tpm:emulator") == 0)
			set(&x->in.dst.domcaps.v[i], "tpm:passthrough");
}
TWIST(t_tpm_pass) { add_device(x, "tpm", "passthrough", NULL); }
TWIST(t_tpm_external) { add_device(x, "tpm", "external", NULL); }
TWIST(t_cmdline) { x->d->qemu_commandline = true; }
TWIST(t_loader) { path(&x->in.dst, "/usr/share/OVMF/CODE.fd")->present = FACT_NO; }
TWIST(t_nvram) { path(&x->in.dst, "/srv/nvram/web1.fd")->present = FACT_NO; }
TWIST(t_nvram_dir)
{
	path(&x->in.dst, "/srv/nvram/web1.fd")->present = path(&x->in.dst, "/srv/nvram/web1.fd")->dir_present = FACT_NO;
}
TWIST(t_loader_unknown) { path(&x->in.dst, "/usr/share/OVMF/CODE.fd")->present = FACT_UNKNOWN; }
TWIST(t_serial)
{
	path(&x->in.dst, "/srv/log/web1.log")->present = path(&x->in.dst, "/srv/log/web1.log")->dir_present = FACT_NO;
}
TWIST(t_random) { path(&x->in.dst, "/dev/urandom")->present = FACT_NO; }
TWIST(t_serial_unknown)
{
	path(&x->in.dst, "/srv/log/web1.log")->present = path(&x->in.dst, "/srv/log/web1.log")->dir_present = FACT_UNKNOWN;
}
TWIST(t_secret) { x->in.dst.secrets[0].present = FACT_NO; }
TWIST(t_secret_unknown) { x->in.dst.secrets[0].present = FACT_UNKNOWN; }
TWIST(t_user) { add_nic(x, "user"); }
TWIST(t_passt) { add_nic(x, "ethernet")->slirp_helper = true; }
TWIST(t_bridge)
{
	struct netdev_fact *n = netdev(&x->in.dst, "br0");
	n->present = n->bridge = n->up = FACT_NO;
	n->mtu = 0;
}
TWIST(t_bridge_down) { netdev(&x->in.dst, "br0")->up = FACT_NO; }
TWIST(t_bridge_kind) { netdev(&x->in.dst, "br0")->bridge = FACT_NO; }
TWIST(t_bridge_ovs) { x->d->nics[0].virtualport_ovs = true; }
TWIST(t_bridge_linux) { netdev(&x->in.dst, "br0")->ovs = FACT_YES; }
TWIST(t_bridge_unknown) { netdev(&x->in.dst, "br0")->present = FACT_UNKNOWN; }
TWIST(t_bridge_net) { set(&x->in.dst.networks[0].bridge, "br7"); }
TWIST(t_bridge_net_ovs) { set(&x->in.dst.networks[0].bridge, "ovs7"); x->in.dst.networks[0].ovs = true; }
TWIST(t_bridge_net_down) { netdev(&x->in.dst, "virbr0")->up = FACT_NO; }
TWIST(t_mtu) { netdev(&x->in.src, "br0")->mtu = 9000; }
TWIST(t_mtu_guest) { x->d->nics[0].mtu = 9000; netdev(&x->in.src, "br0")->mtu = 9000; }
TWIST(t_mtu_more) { netdev(&x->in.dst, "br0")->mtu = 9000; }
TWIST(t_net) { x->in.dst.networks[0].defined = x->in.dst.networks[0].active = FACT_NO; }
TWIST(t_net_inactive) { x->in.dst.networks[0].active = FACT_NO; }
TWIST(t_net_group) { x->in.dst.networks[0].portgroup = FACT_NO; }
TWIST(t_net_unknown) { x->in.dst.networks[0].defined = x->in.dst.networks[0].active = FACT_UNKNOWN; }
TWIST(t_netdev) { netdev(&x->in.dst, "eth1")->present = FACT_NO; }
TWIST(t_netdev_down) { netdev(&x->in.dst, "eth1")->up = FACT_NO; }
TWIST(t_netdev_unknown) { netdev(&x->in.dst, "eth1")->present = FACT_UNKNOWN; }
TWIST(t_filter) { x->in.dst.filters[0].present = FACT_NO; }
TWIST(t_filter_unknown) { x->in.dst.filters[0].present = FACT_UNKNOWN; }
TWIST(t_listen) { strv_add(&x->d->graphics_listen, "10.0.0.1"); }
TWIST(t_listen_any) { strv_add(&x->d->graphics_listen, "0.0.0.0"); strv_add(&x->d->graphics_listen, "::1"); }
TWIST(t_listen_name) { strv_add(&x->d->graphics_listen, "vnc.example"); }
TWIST(t_not_shared)
{
	x->in.storage.v[0].shared = SHARED_NO;
	x->in.storage.v[0].side = SIDE_DESTINATION;
	set(&x->in.storage.v[0].reason, "is not the file the source has");
}
TWIST(t_unproven)
{
	x->in.storage.v[0].shared = SHARED_UNKNOWN;
	x->in.storage.v[0].side = SIDE_SOURCE;
	x->in.storage.v[0].dir_unwritable = true;
	set(&x->in.storage.v[0].reason, "no token");
}
TWIST(t_untried) { storage_proof_clear(&x->in.storage); }
TWIST(t_cache)
{
	set(&x->d->disks[0].cache, "writeback");
	x->in.storage.v[0].libvirt_knows = false;
	set(&x->in.storage.v[0].fs_src, "ext4");
}
TWIST(t_cache_default) { t_cache(x); set(&x->d->disks[0].cache, NULL); }
TWIST(t_cache_known) { t_cache(x); x->in.storage.v[0].libvirt_knows = true; }
TWIST(t_cache_none) { x->in.storage.v[0].libvirt_knows = false; }
TWIST(t_cache_old) { t_cache_known(x); x->in.src.qemu_version = 3001000; }
TWIST(t_cache_ro) { t_cache(x); x->d->disks[0].readonly = true; }
TWIST(t_pool) { x->in.dst.pools[0].present = FACT_NO; }
TWIST(t_pool_inactive) { x->in.dst.pools[0].active = FACT_NO; }
TWIST(t_volume) { x->in.dst.volumes[0].present = FACT_NO; }
TWIST(t_pool_unknown) { x->in.dst.pools[0].present = FACT_UNKNOWN; }
TWIST(t_cdrom) { path(&x->in.dst, "/srv/iso/debian.iso")->present = FACT_NO; }
TWIST(t_cdrom_optional) { t_cdrom(x); x->d->disks[2].missing_ok = true; }
TWIST(t_cdrom_size) { path(&x->in.dst, "/srv/iso/debian.iso")->size = 999; }
TWIST(t_cdrom_unknown) { path(&x->in.dst, "/srv/iso/debian.iso")->present = FACT_UNKNOWN; }
TWIST(t_block) { block_of(x, NULL); }
#define ACTIVE (x->in.images.v[0])
#define BASE (x->in.images.v[1])
#define INFO(n) (x->in.images.chains[0].v[n])
/* --disk with one name, and another */
#define ASKED(name, ...) static struct disk_choice name##_disks[] = { __VA_ARGS__ }; \
	static const struct remap name = { .disks = name##_disks, .disks_n = ARRAY_SIZE(name##_disks) }
static char n_vda[] = "vda", n_vdz[] = "vdz", n_sda[] = "sda", n_new[] = "/new/x";
static char n_other[] = "/srv/other.qcow2", n_base[] = "/srv/base.img";
TWIST(t_b_shared) { block_with(x, NULL, SHARED_YES, SHARED_YES); }
TWIST(t_b_none) { t_block(x); images_clear(&x->in.images); }
TWIST(t_b_base_only) { block_with(x, NULL, SHARED_YES, SHARED_NO); }
TWIST(t_b_choice)
{
	ASKED(asked, { n_vda, NULL }, { n_vdz, NULL });
	block_of(x, &asked);
}
TWIST(t_b_choice_ok)
{
	ASKED(asked, { n_vda, NULL }, { n_sda, NULL });
	block_of(x, &asked);
}
TWIST(t_b_choice_path)
{
	ASKED(asked, { n_vda, n_new });
	block_with(x, &asked, SHARED_YES, SHARED_YES);
}
TWIST(t_b_choice_shared)
{
	ASKED(asked, { n_vda, NULL });
	block_with(x, &asked, SHARED_YES, SHARED_NO);
}
TWIST(t_b_unnamed)
{
	ASKED(asked, { n_sda, NULL });
	block_of(x, &asked);
}
TWIST(t_b_shareable) { x->d->disks[0].shareable = true; t_block(x); }
TWIST(t_b_lun) { set(&x->d->disks[0].device, "lun"); t_block(x); }
TWIST(t_b_volume)
{
	t_block(x);
	x->in.images.v[2].fate = IMAGE_STUCK;
	x->in.images.v[2].problem = "it is named by pool and volume";
}
static void unreadable(struct fixture *x, enum err_id id)
{
	t_block(x);
	ACTIVE.info = BASE.info = NULL;
	image_chain_clear(&x->in.images.chains[0]);
	err_set(&x->in.images.chain_errs[0], id, 0, "words");
}
TWIST(t_b_unreadable) { unreadable(x, E_REMOTE); }
TWIST(t_b_unasked) { unreadable(x, E_TIMEOUT); }
TWIST(t_b_src_err)
{
	t_block(x);
	err_set(&x->in.images.src_err, E_DISCONNECTED, 0, "words");
	ACTIVE.src = BASE.src = (struct file_fact) { 0 };
	BASE.same = FACT_UNKNOWN;
}
TWIST(t_b_dst_err)
{
	t_block(x);
	err_set(&x->in.images.dst_err, E_DISCONNECTED, 0, "words");
	ACTIVE.dst = BASE.dst = (struct file_fact) { 0 };
	BASE.same = FACT_UNKNOWN;
}
TWIST(t_b_no_sizes)
{
	x->d->disks[0].chain[0].source = DISK_BLOCK;
	t_block(x);
	ACTIVE.src.kind = ACTIVE.dst.kind = 'b';
	ACTIVE.dst.present = FACT_YES;
	ACTIVE.src.size = ACTIVE.dst.size = 0;
}
TWIST(t_b_other_names) { t_block(x); set(&INFO(1).path, "/srv/quite-another.img"); BASE.other_file = true; }
TWIST(t_b_base_device)
{
	t_block(x);
	x->d->disks[0].chain[1].source = DISK_BLOCK;
	BASE.src.kind = 'b';
	BASE.dst.present = FACT_NO;
	BASE.dst.kind = 0;
	BASE.same = FACT_UNKNOWN;
}
TWIST(t_b_longer) { t_block(x); block_info(x, "/srv/other.img", "raw", 5); ACTIVE.info = &INFO(0); BASE.info = &INFO(1); }
TWIST(t_b_format) { t_block(x); set(&INFO(1).format, "qcow2"); }
TWIST(t_b_format_unsaid) { t_block(x); set(&x->d->disks[0].chain[1].format, NULL); }
TWIST(t_b_vmdk) { t_block(x); set(&INFO(0).format, "vmdk"); set(&x->d->disks[0].chain[0].format, "vmdk"); }
TWIST(t_b_encrypted) { t_block(x); INFO(0).encrypted = true; set(&INFO(0).encrypt_format, "luks"); }
TWIST(t_b_encrypted_base) { t_block(x); INFO(1).encrypted = true; }
TWIST(t_b_data_file) { t_block(x); set(&INFO(0).data_file, "/srv/web1.raw"); }
TWIST(t_b_corrupt) { t_block(x); INFO(1).corrupt = true; }
TWIST(t_b_snapshots) { t_block(x); strv_add(&INFO(0).snapshots, "one"); strv_add(&INFO(0).snapshots, "two"); }
TWIST(t_b_base_snapshots) { t_block(x); strv_add(&INFO(1).snapshots, "one"); }
TWIST(t_b_bitmaps) { t_block(x); strv_add(&INFO(0).bitmaps, "b"); INFO(0).dirty = true; }
TWIST(t_b_no_img) { t_block(x); no_tool(&x->in.dst, "qemu-img"); }
TWIST(t_b_no_img_src) { t_block(x); no_tool(&x->in.src, "qemu-img"); }
TWIST(t_b_no_sum) { t_block(x); no_tool(&x->in.src, "sha256sum"); }
TWIST(t_b_no_sum_dst) { t_block(x); no_tool(&x->in.dst, "sha256sum"); }
TWIST(t_b_no_nbd) { t_block(x); no_tool(&x->in.dst, "qemu-nbd"); no_tool(&x->in.src, "qemu-nbd"); }
TWIST(t_b_absent_base) { t_block(x); BASE.dst.present = FACT_NO; BASE.dst.kind = 0; BASE.same = FACT_UNKNOWN; }
TWIST(t_b_fetch_no_nbd) { t_b_absent_base(x); no_tool(&x->in.dst, "qemu-nbd"); no_tool(&x->in.src, "qemu-nbd"); }
TWIST(t_b_service_only) { t_b_fetch_no_nbd(x); x->in.fetch_from_service_only = true; }
TWIST(t_b_exists) { t_block(x); ACTIVE.dst.present = FACT_YES; ACTIVE.dst.kind = 'f'; ACTIVE.dst.size = 4096; }
TWIST(t_b_exists_dir) { t_block(x); ACTIVE.dst.present = FACT_YES; ACTIVE.dst.kind = 'd'; }
TWIST(t_b_exists_link) { t_block(x); ACTIVE.dst.present = FACT_YES; ACTIVE.dst.kind = 'o'; }
TWIST(t_b_exists_unknown) { t_block(x); ACTIVE.dst.present = FACT_UNKNOWN; }
TWIST(t_b_collision) { t_block(x); set(&BASE.dst_path, "/srv/web1.qcow2"); }
TWIST(t_b_collision_stays) { t_block(x); set(&x->in.images.v[3].dst_path, "/srv/web1.qcow2"); }
TWIST(t_b_collision_same)
{
	t_b_base_only(x);
	set(&x->in.images.v[3].dst_path, "/srv/base.img");
	set(&x->d->disks[2].chain[0].path, "/srv/base.img");
}
TWIST(t_b_unwritable) { t_block(x); ACTIVE.dst.dir_writable = FACT_NO; }
TWIST(t_b_unmakable) { t_b_unwritable(x); ACTIVE.dst.dir_is_parent = false; }
TWIST(t_b_base_unwritable) { t_b_absent_base(x); BASE.dst.dir_writable = FACT_NO; }
TWIST(t_b_no_dir) { t_block(x); ACTIVE.dst.dir_is_parent = false; ACTIVE.dst.dir_is_none = true; }
TWIST(t_b_will_make) { t_block(x); ACTIVE.dst.dir_is_parent = false; }
TWIST(t_b_readonly_base) { t_block(x); BASE.dst.dir_writable = FACT_NO; }
TWIST(t_b_device)
{
	x->d->disks[0].chain[0].source = DISK_BLOCK;
	t_block(x);
	ACTIVE.src.kind = ACTIVE.dst.kind = 'b';
	ACTIVE.dst.present = FACT_YES;
	ACTIVE.dst.busy = FACT_NO;
}
TWIST(t_b_no_device) { t_b_device(x); ACTIVE.dst.present = FACT_NO; }
TWIST(t_b_file_device) { t_b_device(x); ACTIVE.dst.kind = 'f'; }
TWIST(t_b_busy_device) { t_b_device(x); ACTIVE.dst.busy = FACT_YES; }
TWIST(t_b_device_size) { t_b_device(x); ACTIVE.dst.size = 1001; }
TWIST(t_b_different)
{
	t_block(x);
	BASE.same = FACT_NO;
	set(&BASE.differs, "its content is another one");
}
TWIST(t_b_same_unknown) { t_block(x); BASE.same = FACT_UNKNOWN; set(&BASE.differs, "no sum"); }
TWIST(t_b_base_unknown) { t_block(x); BASE.same = FACT_UNKNOWN; BASE.dst.present = FACT_UNKNOWN; }
/* the active image holds 100 MiB now, and can grow to 400 MiB; its base takes 25 MiB */
TWIST(t_b_full) { t_block(x); ACTIVE.dst.avail = BASE.dst.avail = (100 << 20) - 1; }
TWIST(t_b_just) { t_block(x); ACTIVE.dst.avail = BASE.dst.avail = 400 << 20; }
TWIST(t_b_reserve) { t_b_just(x); ACTIVE.dst.avail = BASE.dst.avail = 200 << 20; x->in.reserve = (100 << 20) + 1; }
TWIST(t_b_full_base) { t_b_absent_base(x); ACTIVE.dst.avail = BASE.dst.avail = (125 << 20) - 1; }
TWIST(t_b_tight) { t_block(x); ACTIVE.dst.avail = BASE.dst.avail = (400 << 20) - 1; }
TWIST(t_b_tight_reserve) { t_b_just(x); x->in.reserve = 1; }
static struct space_need also_need[] = {
	{ n_other, 60 << 20, 60 << 20, false },
	{ n_base, 25 << 20, 25 << 20, true },
};
static const struct file_fact also_fact[] = {
	{ .present = FACT_NO, .dir_dev = 7, .avail = UINT64_C(1) << 40 },
	{ .present = FACT_NO, .dir_dev = 7, .avail = UINT64_C(1) << 40 },
};
static void also(struct fixture *x, uint64_t avail)
{
	t_b_absent_base(x);
	x->in.also_space = (struct space_needs) { also_need, ARRAY_SIZE(also_need) };
	x->in.also_facts = also_fact;
	ACTIVE.dst.avail = BASE.dst.avail = avail;
}
TWIST(t_b_also) { also(x, (185 << 20) - 1); }
/* the base of both is needed once */
TWIST(t_b_also_just) { also(x, 485 << 20); }
TWIST(t_b_two_systems)
{
	t_b_absent_base(x);
	BASE.dst.dir_dev = 8;
	BASE.dst.avail = 25 << 20;
	ACTIVE.dst.avail = 400 << 20;
}
TWIST(t_b_two_systems_full) { t_b_two_systems(x); BASE.dst.avail--; }
TWIST(t_resolves)
{
	x->in.connection.resolves = FACT_NO;
	set(&x->in.connection.resolve_reason, "resolves to 127.0.1.1");
}
TWIST(t_resolves_proven) { t_resolves(x); set(&x->in.connection.migrate_uri, "tcp://10.0.0.2"); }
TWIST(t_resolves_unknown) { x->in.connection.resolves = FACT_UNKNOWN; }
TWIST(t_port) { x->in.connection.port = FACT_NO; set(&x->in.connection.port_reason, "connection refused"); }
TWIST(t_port_unknown) { x->in.connection.port = FACT_UNKNOWN; x->in.connection.port_number = 0; }
TWIST(t_peer) { x->in.connection.peer = FACT_NO; set(&x->in.connection.peer_reason, "host key unknown"); }
TWIST(t_peer_unknown) { x->in.connection.peer = FACT_UNKNOWN; }
TWIST(t_parallel) { x->in.wire.parallel = 4; }
TWIST(t_parallel_postcopy) { x->in.wire = (struct wire) { TRANSPORT_TCP, 4, true }; }
TWIST(t_parallel_postcopy_new) { t_parallel_postcopy(x); x->in.src.qemu_version = x->in.dst.qemu_version = 10001000; }
/* No port is wanted then, nor a name: both would refuse otherwise. */
TWIST(t_ssh)
{
	x->in.wire.transport = TRANSPORT_SSH;
	x->in.tunnel.done = true;
	x->in.tunnel.works = FACT_YES;
	x->in.tunnel.way = (struct tunnel_way) { xstrdup("root"), xstrdup("beta"), xstrdup("") };
	x->in.connection.no_port = true;
	x->in.connection.port = x->in.connection.resolves = FACT_NO;
}
TWIST(t_ssh_login)
{
	t_ssh(x);
	x->in.tunnel.works = FACT_NO;
	x->in.tunnel.side = SIDE_SOURCE;
	set(&x->in.tunnel.reason, "Permission denied (publickey)");
}
TWIST(t_ssh_socket) { t_ssh_login(x); x->in.tunnel.side = SIDE_DESTINATION; }
TWIST(t_ssh_unknown) { t_ssh_login(x); x->in.tunnel.works = FACT_UNKNOWN; }

static const struct converge_policy ten_seconds = { .timeout_ms = 10000 };
TWIST(t_deadline)
{
	x->in.policy = &ten_seconds;
	x->in.forecast.input.to_send = 1;
	x->in.forecast.forecast =
		(struct forecast) { .converges = FORECAST_YES, .total_low_ms = 10001, .total_high_ms = 15000 };
}
TWIST(t_deadline_later) { t_deadline(x); x->in.forecast.forecast.total_low_ms = 10000; }
TWIST(t_deadline_unclear) { t_deadline(x); x->in.forecast.forecast.converges = FORECAST_UNCLEAR; }
TWIST(t_deadline_no_end) { t_deadline(x); x->in.forecast.forecast.converges = FORECAST_NO; }
TWIST(t_deadline_unknown) { t_deadline(x); x->in.forecast.forecast.converges = FORECAST_UNKNOWN; }

TWIST(t_postcopy)
{
	x->in.wire.postcopy = true;
	x->in.postcopy = (struct postcopy_proof) { .done = true, .works = FACT_NO };
	set(&x->in.postcopy.reason, "userfaultfd not available");
}
TWIST(t_postcopy_unknown) { t_postcopy(x); x->in.postcopy.works = FACT_UNKNOWN; }
TWIST(t_postcopy_unwanted) { t_postcopy(x); x->in.wire.postcopy = false; }
TWIST(t_postcopy_works) { t_postcopy(x); x->in.postcopy.works = FACT_YES; }

static void good_side(struct tls_side *s)
{
	s->asked = s->verify = s->openssl = s->key_fits = FACT_YES;
	set(&s->dir, "/etc/pki/qemu");
	s->ca = s->cert = s->key = 'y';
	s->now_s = 1000;
}
TWIST(t_tls)
{
	struct tls_proof *p = &x->in.tls;

	x->in.wire.transport = TRANSPORT_TLS;
	p->done = true;
	good_side(&p->src);
	good_side(&p->dst);
	p->judged = FACT_YES;
	for (size_t i = 0; i < TLS_CERTS; i++) {
		p->word[i].from_s = 500;
		p->word[i].until_s = 1500;
	}
	p->word[TLS_SRC_CERT].own = p->word[TLS_SRC_CERT].other = FACT_YES;
	p->word[TLS_DST_CERT].own = p->word[TLS_DST_CERT].other = FACT_YES;
	strv_add(&p->names, "10.0.0.2");
	strv_add(&p->names, "beta");
	p->named[0] = FACT_NO;
	p->named[1] = FACT_YES;
}
TWIST(t_tls_not_asked) { t_tls(x); x->in.tls.dst.asked = FACT_UNKNOWN; set(&x->in.tls.dst.reason, "no answer"); }
TWIST(t_tls_no_ca) { t_tls(x); x->in.tls.src.ca = 'n'; }
TWIST(t_tls_ca_closed) { t_tls(x); x->in.tls.src.ca = 'p'; }
TWIST(t_tls_no_server) { t_tls(x); x->in.tls.dst.cert = 'n'; }
TWIST(t_tls_no_key) { t_tls(x); x->in.tls.dst.key = 'n'; }
TWIST(t_tls_key_unknown) { t_tls(x); x->in.tls.dst.key = 0; }
TWIST(t_tls_no_client) { t_tls(x); x->in.tls.src.cert = x->in.tls.src.key = 'n'; }
TWIST(t_tls_no_client_needed) { t_tls_no_client(x); x->in.tls.dst.verify = FACT_NO; }
TWIST(t_tls_half_client) { t_tls_no_client_needed(x); x->in.tls.src.cert = 'y'; }
TWIST(t_tls_other_key) { t_tls(x); x->in.tls.dst.key_fits = FACT_NO; }
TWIST(t_tls_expired) { t_tls(x); x->in.tls.word[TLS_DST_CERT].until_s = 999; }
TWIST(t_tls_last_second) { t_tls(x); x->in.tls.word[TLS_DST_CERT].until_s = 1000; }
TWIST(t_tls_early) { t_tls(x); x->in.tls.word[TLS_SRC_CERT].from_s = 1001; }
TWIST(t_tls_clock) { t_tls(x); x->in.tls.src.now_s = 1501; x->in.tls.word[TLS_SRC_CA].until_s = 2000; x->in.tls.word[TLS_SRC_CERT].until_s = x->in.tls.word[TLS_DST_CA].until_s = 2000; }
TWIST(t_tls_ca_expired) { t_tls(x); x->in.tls.word[TLS_SRC_CA].until_s = 10; x->in.tls.word[TLS_SRC_CERT].own = FACT_NO; set(&x->in.tls.word[TLS_SRC_CERT].own_reason, "x"); }
TWIST(t_tls_own) { t_tls(x); x->in.tls.word[TLS_DST_CERT].own = FACT_NO; set(&x->in.tls.word[TLS_DST_CERT].own_reason, "unable to get issuer"); }
TWIST(t_tls_other) { t_tls(x); x->in.tls.word[TLS_SRC_CERT].other = FACT_NO; set(&x->in.tls.word[TLS_SRC_CERT].other_reason, "unable to get issuer"); }
TWIST(t_tls_name) { t_tls(x); x->in.tls.named[1] = FACT_NO; }
TWIST(t_tls_name_unknown) { t_tls(x); x->in.tls.named[1] = FACT_UNKNOWN; }
TWIST(t_tls_unjudged)
{
	t_tls(x);
	x->in.tls.judged = x->in.tls.named[0] = x->in.tls.named[1] = FACT_UNKNOWN;
	set(&x->in.tls.unjudged_because, "neither host has openssl");
}
/* clang-format on */

#define F FINDING_FAILED
#define U FINDING_UNKNOWN
#define W FINDING_WARNING
#define SRC SIDE_SOURCE
#define DST SIDE_DESTINATION
#define NOBODY SIDE_NONE

/* id NULL: nothing is found. */
static const struct one {
	void (*twist)(struct fixture *x);
	const char *id;
	enum finding_status status;
	enum side side;
	const char *object, *message, *also;
} cases[] = {
	{ t_shell, "E-FACTS-UNKNOWN", U, DST, "shell", "no shell", "cannot be learnt" },
	{ t_libvirt, "E-FACTS-UNKNOWN", U, DST, "libvirt", "no libvirt", "cannot be learnt" },
	{ t_both, "E-FACTS-UNKNOWN", U, DST, "host", "no shell", "nothing" },
	{ t_shutoff, "E-GUEST-STATE", F, SRC, "guest", "shut off", "not running" },
	{ t_pmsuspended, "E-GUEST-STATE", F, SRC, "guest", "pmsuspended", "" },
	{ t_state_unknown, "E-GUEST-STATE", U, SRC, "guest", "timeout", "" },
	{ t_absent, "E-GUEST-STATE", F, SRC, "guest", "not on this host", "" },
	{ t_incoming, "E-GUEST-STATE", F, SRC, "guest", "paused (migrat", "" },
	{ t_paused, NULL, F, SRC, "", "", "" },
	{ t_ioerror, "E-GUEST-IOERROR", F, SRC, "guest", "I/O error", "" },
	{ t_job, "E-JOB-RUNNING", F, SRC, "guest", "job", "migrat" },
	{ t_job_unknown, "E-JOB-RUNNING", U, SRC, "guest", "cannot be told", "job" },
	{ t_block_job, "E-BLOCK-JOB", F, SRC, "disk vda", "block job", "" },
	{ t_snapshots, "E-SNAPSHOTS", F, SRC, "guest", "2: before, after", "snapshots" },
	{ t_snapshots_unknown, "E-SNAPSHOTS", U, SRC, "guest", "cannot be told", "snapshots" },
	{ t_checkpoints, "W-CHECKPOINTS", W, SRC, "guest", "1 checkpoint,", "" },
	{ t_checkpoints_unknown, "W-CHECKPOINTS", U, SRC, "guest", "checkpoints", "" },
	{ t_identical, "E-HOSTS-IDENTICAL", F, NOBODY, "hosts", "aaaa", "a-a" },
	{ t_clone, NULL, F, SRC, "", "", "" },
	{ t_container, NULL, F, SRC, "", "", "" },
	{ t_identity_unknown, "E-HOSTS-IDENTICAL", U, NOBODY, "hosts", "cannot be told", "alpha and beta" },
	{ t_host_uuid, "E-HOST-UUID", F, NOBODY, "hosts", "alpha and beta", "uuid-a" },
	{ t_host_uuid_unknown, "E-HOST-UUID", U, SRC, "libvirt", "host UUID", "capabilities: hm" },
	{ t_name, "E-NAME-TAKEN", F, DST, "domain web1", "its name is taken", "UUID 9, shut off" },
	{ t_uuid, "E-NAME-TAKEN", F, DST, "domain web1", "its UUID is taken", "other" },
	{ t_name_unknown, "E-NAME-TAKEN", U, DST, "domain web1", "cannot be told", "" },
	{ t_autostart, "E-AUTOSTART-BOTH", F, NOBODY, "domain web1", "alpha and with beta", "" },
	{ t_autostart_here, NULL, F, SRC, "", "", "" },
	{ t_autostart_link, "E-AUTOSTART-BOTH", F, DST, "domain web1", "link", "" },
	{ t_autostart_unknown, "E-AUTOSTART-BOTH", U, DST, "domain web1", "link", "" },
	{ t_autostart_unknown2, "E-AUTOSTART-BOTH", U, SRC, "domain web1", "starts with the host", "" },
	{ t_type, "E-HYPERVISOR-TYPE", F, DST, "domain type kvm", "KVM is not supported", "" },
	{ t_type_unknown, "E-HYPERVISOR-TYPE", U, DST, "domain type kvm", "cannot be told", "" },
	{ t_emulator, "E-EMULATOR", F, DST, "emulator /usr/bin/qemu-system-x86_64", "not there", "" },
	{ t_emulator_odd, "E-EMULATOR", F, DST, "emulator", "unknown architecture", "" },
	{ t_machine, "E-MACHINE-TYPE", F, DST, "machine type pc-q35-7.2", "not supported by emulator", "" },
	{ t_machine_unknown, "E-MACHINE-TYPE", U, DST, "machine type pc-q35-7.2", "cannot be told", "" },
	{ t_qemu, "E-HYPERVISOR-OLDER", F, DST, "QEMU", "6.2.0", "7.2.22 on alpha" },
	{ t_qemu_stable, NULL, F, SRC, "", "", "" },
	{ t_qemu_newer, NULL, F, SRC, "", "", "" },
	{ t_qemu_unknown, "E-HYPERVISOR-OLDER", U, SRC, "QEMU", "which version", "" },
	{ t_libvirt_older, "W-LIBVIRT-OLDER", W, DST, "libvirt", "8.0.0", "9.0.0 on alpha" },
	{ t_libvirt_unknown, "W-LIBVIRT-OLDER", U, DST, "libvirt", "which version", "" },
	{ t_arch, "E-ARCH", F, DST, "architecture", "aarch64", "x86_64" },
	{ t_arch_tcg, NULL, F, SRC, "", "", "" },
	{ t_arch_unknown, "E-ARCH", U, DST, "architecture", "cannot be told", "" },
	{ t_clock, "W-CLOCK-SKEW", W, NOBODY, "clocks", "2.5 s ahead", "alpha" },
	{ t_clock_behind, "W-CLOCK-SKEW", W, NOBODY, "clocks", "1.5 s behind", "beta" },
	{ t_clock_error, NULL, F, SRC, "", "", "" },
	{ t_clock_unknown, "W-CLOCK-SKEW", U, SRC, "clock", "cannot be told", "" },
	{ t_cpu, "E-CPU", F, DST, "CPU", "avx512f, pku", "Haswell" },
	{ t_cpu_detail, "E-CPU", F, DST, "CPU", "vendor does not match", "Haswell" },
	{ t_cpu_unknown, "E-CPU", U, DST, "CPU", "cannot compare", "" },
	{ t_cpu_unknown2, "E-CPU", U, DST, "CPU", "cannot be told", "" },
	{ t_pass_same, NULL, F, SRC, "", "", "" },
	{ t_pass_model, "E-CPU", F, DST, "CPU", "EPYC", "Haswell" },
	{ t_pass_feature, "E-CPU", F, DST, "CPU", "lacks pdpe1gb", "host-passthrough" },
	{ t_pass_unknown, "E-CPU", U, DST, "CPU", "cannot be told", "" },
	{ t_pass_tcg, NULL, F, SRC, "", "", "" },
	{ t_invtsc, "E-CPU-INVTSC", F, SRC, "CPU", "invtsc", "" },
	{ t_invtsc_ok, NULL, F, SRC, "", "", "" },
	{ t_memory, "E-MEMORY", F, DST, "memory", "4.1 GiB", "4.0 GiB are available" },
	{ t_memory_just, NULL, F, SRC, "", "", "" },
	{ t_memory_less, "E-MEMORY", F, DST, "memory", "needs", "" },
	{ t_memory_also, "E-MEMORY", F, DST, "memory", "1.0 GiB", "before it" },
	{ t_memory_unknown, "E-MEMORY", U, DST, "memory", "cannot be told", "" },
	{ t_huge_ok, NULL, F, SRC, "", "", "" },
	{ t_huge, "E-HUGEPAGES", F, DST, "huge pages", "4.0 GiB", "are free" },
	{ t_huge_twice, "E-HUGEPAGES", F, DST, "huge pages", "4.0 GiB", "2.9 GiB are free" },
	{ t_huge_none, "E-HUGEPAGES", F, DST, "huge pages of 1.0 GiB", "do not exist", "" },
	{ t_huge_unknown, "E-HUGEPAGES", U, DST, "default size", "cannot be told", "" },
	{ t_pin, "E-PINNING", F, DST, "CPUs", "pinned to 0-7", "has 0-3: 4-7 missing" },
	{ t_pin_thread, "E-PINNING", F, DST, "CPUs", "1-2,20", "20 missing" },
	{ t_pin_node, "E-PINNING", F, DST, "NUMA nodes", "0 missing", "" },
	{ t_pin_unknown, "E-PINNING", U, DST, "NUMA nodes", "cannot be told", "" },
	{ t_pin_bad, "E-PINNING", U, DST, "CPUs", "0-x", "0-15" },
	{ t_pin_not, NULL, F, SRC, "", "", "" },
	{ t_hostdev, "E-DEVICE", F, SRC, "hostdev pci 0000:01:00.0", "PCI", "teaming" },
	{ t_hostdev_teaming, NULL, F, SRC, "", "", "" },
	{ t_hostdev_usb, "E-DEVICE", F, SRC, "hostdev usb", "USB", "" },
	{ t_hostdev_mdev, "E-DEVICE", F, SRC, "hostdev mdev", "libvirt does not migrate", "" },
	{ t_virtiofs, "E-DEVICE", F, SRC, "filesystem mount", "virtiofs", "" },
	{ t_9p, "E-DEVICE", F, SRC, "filesystem mount", "9p", "" },
	{ t_shmem, "E-DEVICE", F, SRC, "shmem", "role='master'", "" },
	{ t_shmem_master, NULL, F, SRC, "", "", "" },
	{ t_nvdimm, "E-DEVICE", F, SRC, "memory nvdimm", "persistent", "" },
	{ t_dimm, NULL, F, SRC, "", "", "" },
	{ t_transient, "E-DEVICE", F, SRC, "disk vda: /srv/web1.qcow2", "transient", "" },
	{ t_nvme, "E-DEVICE", F, SRC, "disk vda", "belongs to the host", "" },
	{ t_nic_hostdev, "E-DEVICE", F, SRC, "interface 52:54:00:00:00:99", "hostdev", "" },
	{ t_nic_teaming, NULL, F, SRC, "", "", "" },
	{ t_nic_vdpa, "E-DEVICE", F, SRC, "interface 52:54:00:00:00:99", "vDPA", "" },
	{ t_dbus, "E-DEVICE", F, SRC, "dbus-vmstate", "helper", "" },
	{ t_sev, "E-ENCRYPTED-GUEST", F, SRC, "launchSecurity sev", "encrypted", "" },
	{ t_bus, "E-DEVICE-MODEL", F, DST, "disk vda", "no disk-bus sd", "" },
	{ t_video, "E-DEVICE-MODEL", F, DST, "video qxl", "no video qxl", "" },
	{ t_graphics, "E-DEVICE-MODEL", F, DST, "graphics spice", "spice", "" },
	{ t_no_list, NULL, F, SRC, "", "", "" },
	{ t_tpm, "E-TPM", F, DST, "tpm emulator", "cannot emulate", "" },
	{ t_tpm_pass, "E-TPM", F, SRC, "tpm passthrough", "stays", "" },
	{ t_tpm_external, "E-TPM", U, DST, "tpm external", "cannot be told", "" },
	{ t_cmdline, "W-QEMU-COMMANDLINE", W, SRC, "qemu:commandline", "arguments", "" },
	{ t_loader, "E-FIRMWARE", F, DST, "loader /usr/share/OVMF/CODE.fd", "not there", "" },
	{ t_nvram, NULL, F, SRC, "", "", "" },
	{ t_nvram_dir, "E-FIRMWARE", F, DST, "nvram /srv/nvram/web1.fd", "directory /srv/nvram ", "" },
	{ t_loader_unknown, "E-FIRMWARE", U, DST, "loader", "cannot be told", "" },
	{ t_serial, "E-HOST-PATH", F, DST, "serial file /srv/log/web1.log", "directory /srv/log ", "" },
	{ t_random, "E-HOST-PATH", F, DST, "rng /dev/urandom", "not there", "" },
	{ t_serial_unknown, "E-HOST-PATH", U, DST, "serial", "cannot be told", "" },
	{ t_secret, "E-SECRET", F, DST, "secret aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee (tpm)", "not defined", "" },
	{ t_secret_unknown, "E-SECRET", U, DST, "secret", "cannot be told", "" },
	{ t_user, "W-USER-NETWORK", W, SRC, "interface 52:54:00:00:00:99", "connections", "" },
	{ t_passt, "W-USER-NETWORK", W, SRC, "interface", "user-mode", "" },
	{ t_bridge, "E-BRIDGE", F, DST, "bridge br0", "does not exist", "" },
	{ t_bridge_down, "E-BRIDGE", F, DST, "bridge br0", "is down", "" },
	{ t_bridge_kind, "E-BRIDGE", F, DST, "bridge br0", "not a bridge", "" },
	{ t_bridge_ovs, "E-BRIDGE", F, DST, "bridge br0", "is a Linux bridge", "" },
	{ t_bridge_linux, "E-BRIDGE", F, DST, "bridge br0", "is one of Open vSwitch", "" },
	{ t_bridge_unknown, "E-BRIDGE", U, DST, "bridge br0", "cannot be told", "" },
	{ t_bridge_net, "E-BRIDGE", F, DST, "bridge br7", "does not exist", "" },
	{ t_bridge_net_ovs, "E-BRIDGE", U, DST, "bridge ovs7", "cannot be told", "" },
	{ t_bridge_net_down, "E-BRIDGE", F, DST, "bridge virbr0", "is down", "" },
	{ t_mtu, "W-MTU", W, DST, "network device br0", "MTU 1500", "alpha has 9000" },
	{ t_mtu_guest, "W-MTU", W, DST, "network device br0", "MTU 1500", "guest has 9000" },
	{ t_mtu_more, NULL, F, SRC, "", "", "" },
	{ t_net, "E-NETWORK", F, DST, "network lan", "not defined", "" },
	{ t_net_inactive, "E-NETWORK", F, DST, "network lan", "not active", "" },
	{ t_net_group, "E-NETWORK", F, DST, "network lan", "no portgroup blue", "" },
	{ t_net_unknown, "E-NETWORK", U, DST, "network lan", "cannot be told", "" },
	{ t_netdev, "E-NETDEV", F, DST, "network device eth1", "does not exist", "" },
	{ t_netdev_down, "E-NETDEV", F, DST, "network device eth1", "is down", "" },
	{ t_netdev_unknown, "E-NETDEV", U, DST, "network device eth1", "cannot be told", "" },
	{ t_filter, "E-NWFILTER", F, DST, "network filter clean-traffic", "not defined", "" },
	{ t_filter_unknown, "E-NWFILTER", U, DST, "network filter clean-traffic", "cannot be told", "" },
	{ t_listen, "E-GRAPHICS-LISTEN", F, DST, "10.0.0.1", "addresses: 10.0.0.2", "" },
	{ t_listen_any, NULL, F, SRC, "", "", "" },
	{ t_listen_name, "E-GRAPHICS-LISTEN", U, DST, "vnc.example", "cannot be told", "" },
	{ t_not_shared, "E-STORAGE-NOT-SHARED", F, DST, "disk vda: /srv/web1.qcow2", "is not the file", "" },
	{ t_unproven, "E-STORAGE-UNPROVEN", U, SRC, "disk vda: /srv/web1.qcow2", "no token", "" },
	{ t_untried, "E-STORAGE-UNPROVEN", U, NOBODY, "disks", "not tried", "" },
	{ t_cache, "E-STORAGE-CACHE", F, SRC, "disk vda: /srv/web1.qcow2", "writeback", "ext4" },
	{ t_cache_default, "E-STORAGE-CACHE", F, SRC, "disk vda", "the default", "ext4" },
	{ t_cache_known, NULL, F, SRC, "", "", "" },
	{ t_cache_none, NULL, F, SRC, "", "", "" },
	{ t_cache_old, "E-STORAGE-CACHE", F, SRC, "disk vda", "writeback", "" },
	{ t_cache_ro, NULL, F, SRC, "", "", "" },
	{ t_pool, "E-STORAGE-POOL", F, DST, "disk vdb: volume fast/data", "pool fast is not defined", "" },
	{ t_pool_inactive, "E-STORAGE-POOL", F, DST, "volume fast/data", "pool fast is not active", "" },
	{ t_volume, "E-STORAGE-POOL", F, DST, "volume fast/data", "no volume data", "" },
	{ t_pool_unknown, "E-STORAGE-POOL", U, DST, "volume fast/data", "cannot be told", "" },
	{ t_cdrom, "E-CDROM", F, DST, "disk sda: /srv/iso/debian.iso", "not there", "" },
	{ t_cdrom_optional, NULL, F, SRC, "", "", "" },
	{ t_cdrom_size, "E-CDROM", F, DST, "disk sda", "999 bytes", "1000 on alpha" },
	{ t_cdrom_unknown, "E-CDROM", U, DST, "disk sda", "cannot be told", "" },
	{ t_block, NULL, F, SRC, "", "", "" },
	{ t_b_shared, "E-STORAGE-SHARED", F, NOBODY, "disks", "both hosts have all of them", "nothing to copy" },
	{ t_b_none, "E-STORAGE-SHARED", F, NOBODY, "disks", "the guest has none", "" },
	{ t_b_base_only, NULL, F, SRC, "", "", "" },
	{ t_b_choice, "E-DISK-CHOICE", F, SRC, "disk vdz", "no such disk", "" },
	{ t_b_choice_ok, NULL, F, SRC, "", "", "" },
	{ t_b_choice_path, NULL, F, SRC, "", "", "" },
	{ t_b_choice_shared, "E-DISK-CHOICE", F, NOBODY, "disk vda: /srv/web1.qcow2", "both hosts have it", "" },
	{ t_b_unnamed, "E-DISK-KIND", F, SRC, "disk vda: /srv/web1.qcow2", "--disk does not name it", "" },
	{ t_b_shareable, "E-DISK-KIND", F, SRC, "disk vda: /srv/web1.qcow2", "other guests", "" },
	{ t_b_lun, "E-DISK-KIND", F, SRC, "disk vda: /srv/web1.qcow2", "LUN", "" },
	{ t_b_volume, "E-DISK-KIND", F, SRC, "disk vdb: volume fast/data", "pool and volume", "" },
	{ t_b_unreadable, "E-IMAGE-UNREADABLE", F, SRC, "disk vda: /srv/web1.qcow2", "cannot be read: words", "" },
	{ t_b_unasked, "E-IMAGE-UNREADABLE", U, SRC, "disk vda: /srv/web1.qcow2", "words", "" },
	{ t_b_src_err, "E-IMAGE-UNREADABLE", U, SRC, "disks", "words", "" },
	{ t_b_longer, "E-IMAGE-CHAIN", F, SRC, "disk vda: /srv/web1.qcow2", "QEMU has 2 files", "name 3" },
	{ t_b_format, "E-IMAGE-CHAIN", F, SRC, "disk vda: /srv/web1.qcow2", "/srv/base.img as raw", "it is qcow2" },
	{ t_b_format_unsaid, NULL, F, SRC, "", "", "" },
	{ t_b_vmdk, "E-IMAGE-FEATURE", F, SRC, "disk vda: /srv/web1.qcow2", "its format is vmdk", "" },
	{ t_b_encrypted, "E-IMAGE-FEATURE", F, SRC, "disk vda: /srv/web1.qcow2", "encrypted (luks)", "" },
	{ t_b_encrypted_base, "E-IMAGE-FEATURE", F, SRC, "disk vda: /srv/base.img", "encrypted", "" },
	{ t_b_data_file, "E-IMAGE-FEATURE", F, SRC, "disk vda: /srv/web1.qcow2", "/srv/web1.raw", "" },
	{ t_b_corrupt, "E-IMAGE-FEATURE", F, SRC, "disk vda: /srv/base.img", "corrupt", "" },
	{ t_b_snapshots, "E-IMAGE-FEATURE", F, SRC, "disk vda: /srv/web1.qcow2", "2 internal snapshots (one)", "" },
	{ t_b_base_snapshots, NULL, F, SRC, "", "", "" },
	{ t_b_bitmaps, NULL, F, SRC, "", "", "" },
	{ t_b_no_img, "E-IMAGE-TOOLS", F, DST, "qemu-img", "not there", "" },
	{ t_b_no_img_src, "E-IMAGE-TOOLS", F, SRC, "qemu-img", "not there", "" },
	{ t_b_no_sum, "E-IMAGE-TOOLS", F, SRC, "sha256sum", "compare", "" },
	{ t_b_no_sum_dst, "E-IMAGE-TOOLS", F, DST, "sha256sum", "compare", "" },
	{ t_b_no_nbd, NULL, F, SRC, "", "", "" },
	{ t_b_absent_base, NULL, F, SRC, "", "", "" },
	{ t_b_fetch_no_nbd, "E-IMAGE-TOOLS", F, DST, "qemu-nbd", "receive", "" },
	{ t_b_service_only, NULL, F, SRC, "", "", "" },
	{ t_b_exists, "E-DISK-EXISTS", F, DST, "disk vda: /srv/web1.qcow2", "a file of that name", "4.0 KiB" },
	{ t_b_exists_dir, "E-DISK-EXISTS", F, DST, "disk vda: /srv/web1.qcow2", "no file", "" },
	{ t_b_exists_link, "E-DISK-EXISTS", F, DST, "disk vda: /srv/web1.qcow2", "no file", "" },
	{ t_b_exists_unknown, "E-DISK-EXISTS", U, DST, "disk vda: /srv/web1.qcow2", "searched", "" },
	{ t_b_collision, "E-DISK-COLLISION", F, DST, "disk vda: /srv/web1.qcow2", "would lie there", "" },
	{ t_b_collision_stays, "E-DISK-COLLISION", F, DST, "disk sda: /srv/web1.qcow2", "disk vda (/srv/web1", "" },
	{ t_b_collision_same, NULL, F, SRC, "", "", "" },
	{ t_b_unwritable, "E-DISK-DIRECTORY", F, DST, "disk vda: /srv/web1.qcow2", "write in its directory", "" },
	{ t_b_unmakable, "E-DISK-DIRECTORY", F, DST, "disk vda: /srv/web1.qcow2", "would be made in", "" },
	{ t_b_base_unwritable, "E-DISK-DIRECTORY", F, DST, "disk vda: /srv/base.img", "may not write", "" },
	{ t_b_no_dir, "E-DISK-DIRECTORY", F, DST, "disk vda: /srv/web1.qcow2", "is no directory", "" },
	{ t_b_will_make, NULL, F, SRC, "", "", "" },
	{ t_b_readonly_base, NULL, F, SRC, "", "", "" },
	{ t_b_device, "W-SOURCE-DEVICE", W, SRC, "disk vda: /srv/web1.qcow2", "stale copy", "" },
	{ t_b_no_device, "E-DISK-DEVICE", F, DST, "disk vda: /srv/web1.qcow2", "no such block device", "" },
	{ t_b_file_device, "E-DISK-DEVICE", F, DST, "disk vda: /srv/web1.qcow2", "no block device", "" },
	{ t_b_busy_device, "E-DISK-DEVICE", F, DST, "disk vda: /srv/web1.qcow2", "in use", "" },
	{ t_b_device_size, "E-DISK-DEVICE", F, DST, "disk vda: /srv/web1.qcow2", "1001 bytes", "1000 on alpha" },
	{ t_b_different, "E-BACKING-DIFFERENT", F, DST, "disk vda: /srv/base.img", "its content", "" },
	{ t_b_same_unknown, "E-BACKING-DIFFERENT", U, DST, "disk vda: /srv/base.img", "no sum", "" },
	{ t_b_base_unknown, "E-BACKING-DIFFERENT", U, DST, "disk vda: /srv/base.img", "did not say", "" },
	{ t_b_full, "E-DISK-SPACE", F, DST, "/srv/web1.qcow2", "need 100.0 MiB now", "" },
	{ t_b_just, NULL, F, SRC, "", "", "" },
	{ t_b_reserve, "E-DISK-SPACE", F, DST, "/srv/web1.qcow2", "200.0 MiB free", "are to stay free" },
	{ t_b_full_base, "E-DISK-SPACE", F, DST, "/srv/web1.qcow2", "need 125.0 MiB now", "" },
	{ t_b_tight, "W-DISK-SPACE", W, DST, "/srv/web1.qcow2", "can grow to 400.0 MiB", "" },
	{ t_b_tight_reserve, "W-DISK-SPACE", W, DST, "/srv/web1.qcow2", "can grow to 400.0 MiB", "" },
	{ t_b_also, "E-DISK-SPACE", F, DST, "/srv/web1.qcow2", "need 185.0 MiB now", "" },
	{ t_b_also_just, NULL, F, SRC, "", "", "" },
	{ t_b_two_systems, NULL, F, SRC, "", "", "" },
	{ t_b_two_systems_full, "E-DISK-SPACE", F, DST, "/srv/base.img", "need 25.0 MiB now", "" },
	{ t_b_dst_err, "E-IMAGE-UNREADABLE", U, DST, "disks", "words", "" },
	{ t_b_base_device, "E-DISK-DEVICE", F, DST, "disk vda: /srv/base.img", "no such block device", "" },
	{ t_b_no_sizes, "E-DISK-DEVICE", U, DST, "", "cannot be told", "" },
	{ t_b_other_names, "E-IMAGE-CHAIN", F, SRC, "/srv/base.img", "/srv/quite-another.img", "" },
	{ t_resolves, "E-HOST-NAME", F, SRC, "host name beta", "127.0.1.1", "" },
	{ t_resolves_proven, NULL, F, SRC, "", "", "" },
	{ t_resolves_unknown, "E-HOST-NAME", U, SRC, "host name beta", "cannot be told", "" },
	{ t_port, "E-MIGRATION-PORT", F, SRC, "port 49152 of 10.0.0.2", "connection refused", "" },
	{ t_port_unknown, "E-MIGRATION-PORT", U, SRC, "migration ports 49152-49215 of beta", "cannot be told", "" },
	{ t_peer, "W-PEER-LOGIN", W, SRC, "login to qemu+ssh://root@beta/system", "host key unknown", "" },
	{ t_peer_unknown, "W-PEER-LOGIN", U, SRC, "login to", "cannot be told", "" },
	{ t_parallel, NULL, F, SRC, "", "", "" },
	{ t_parallel_postcopy, "E-TRANSPORT", F, NOBODY, "transport tcp, 4 parallel connections, post-copy",
	  "QEMU 10.1", "" },
	{ t_parallel_postcopy_new, NULL, F, SRC, "", "", "" },
	{ t_deadline, "W-DEADLINE", W, NOBODY, "deadline", "it takes 10.0 s to 15.0 s", "after 10.0 s" },
	{ t_deadline_later, NULL, F, SRC, "", "", "" },
	{ t_deadline_unclear, "W-DEADLINE", W, NOBODY, "deadline", "it takes at least 10.0 s", "after 10.0 s" },
	{ t_deadline_no_end, "W-DEADLINE", W, NOBODY, "deadline", "it takes at least 10.0 s", "after 10.0 s" },
	{ t_deadline_unknown, NULL, F, SRC, "", "", "" },
	{ t_postcopy, "E-POSTCOPY", F, DST, "post-copy", "cannot do it", "userfaultfd not available" },
	{ t_postcopy_unknown, "E-POSTCOPY", U, DST, "post-copy", "cannot be told", "userfaultfd" },
	{ t_postcopy_unwanted, NULL, F, SRC, "", "", "" },
	{ t_postcopy_works, NULL, F, SRC, "", "", "" },
	{ t_ssh, NULL, F, SRC, "", "", "" },
	{ t_ssh_login, "E-SSH-TUNNEL", F, SRC, "ssh root@beta", "no socket of beta", "Permission denied" },
	{ t_ssh_socket, "E-SSH-TUNNEL", F, DST, "socket in /run", "no socket of beta", "Permission denied" },
	{ t_ssh_unknown, "E-SSH-TUNNEL", U, SRC, "ssh root@beta", "cannot be told", "Permission denied" },
	{ t_tls, NULL, F, SRC, "", "", "" },
	{ t_tls_not_asked, "E-TLS-CERTS", U, DST, "TLS certificates", "no answer", "" },
	{ t_tls_no_ca, "E-TLS-CERTS", F, SRC, "/etc/pki/qemu/ca-cert.pem", "is not there", "" },
	{ t_tls_ca_closed, "E-TLS-CERTS", U, SRC, "/etc/pki/qemu/ca-cert.pem", "cannot be read", "" },
	{ t_tls_no_server, "E-TLS-CERTS", F, DST, "/etc/pki/qemu/server-cert.pem", "is not there", "" },
	{ t_tls_no_key, "E-TLS-CERTS", F, DST, "/etc/pki/qemu/server-key.pem", "is not there", "" },
	{ t_tls_key_unknown, "E-TLS-CERTS", U, DST, "/etc/pki/qemu/server-key.pem", "cannot be told", "" },
	{ t_tls_no_client, "E-TLS-CERTS", F, SRC, "/etc/pki/qemu/client-cert.pem", "is not there", "" },
	{ t_tls_no_client_needed, NULL, F, SRC, "", "", "" },
	{ t_tls_half_client, "E-TLS-CERTS", F, SRC, "/etc/pki/qemu/client-key.pem", "is not there", "" },
	{ t_tls_other_key, "E-TLS-CERTS", F, DST, "/etc/pki/qemu/server-key.pem", "does not belong",
	  "server-cert.pem" },
	{ t_tls_expired, "E-TLS-CERTS", F, DST, "/etc/pki/qemu/server-cert.pem",
	  "has expired at 1970-01-01 00:16:39 UTC", "clock of alpha" },
	{ t_tls_last_second, NULL, F, SRC, "", "", "" },
	{ t_tls_early, "E-TLS-CERTS", F, SRC, "/etc/pki/qemu/client-cert.pem", "not valid before",
	  "1970-01-01 00:16:41" },
	{ t_tls_clock, "E-TLS-CERTS", F, DST, "/etc/pki/qemu/server-cert.pem", "has expired", "clock of alpha" },
	{ t_tls_ca_expired, "E-TLS-CERTS", F, SRC, "/etc/pki/qemu/ca-cert.pem", "has expired", "" },
	{ t_tls_own, "E-TLS-CERTS", F, DST, "/etc/pki/qemu/server-cert.pem", "by the ca-cert.pem beside it",
	  "unable to get issuer" },
	{ t_tls_other, "E-TLS-CERTS", F, SRC, "/etc/pki/qemu/client-cert.pem", "by the ca-cert.pem of beta",
	  "unable to get issuer" },
	{ t_tls_name, "E-TLS-CERTS", F, DST, "/etc/pki/qemu/server-cert.pem", "none of the names", "10.0.0.2, beta" },
	{ t_tls_name_unknown, NULL, F, SRC, "", "", "" },
	{ t_tls_unjudged, "W-TLS-UNCHECKED", U, NOBODY, "TLS certificates", "neither host has openssl", "" },
};

#endif

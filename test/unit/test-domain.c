/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domain XML: what is read from realistic ones, and that bad ones are refused. */
#include "unit.h"

#include "domain/domain.h"

static struct domain *load(const char *name)
{
	auto_free char *path = str_printf("test/unit/data/%s", name);
	auto_free char *xml = unit_read_file(path);
	auto_err struct err err = ERR_INIT;
	struct domain *d = domain_parse(xml, &err);

	if (!d)
		fail_msg("%s: %s", name, err.msg);
	return d;
}

/* Both fail the test when there is none; the compiler does not know that fail_msg() does not return. */
static const struct host_path *find_path(const struct domain *d, const char *path)
{
	static const struct host_path none;

	for (size_t i = 0; i < d->paths_n; i++)
		if (str_eq(d->paths[i].path, path))
			return &d->paths[i];
	fail_msg("no path %s", path);
	return &none;
}

static const struct device *find_device(const struct domain *d, const char *kind, const char *type)
{
	static const struct device none;

	for (size_t i = 0; i < d->devices_n; i++)
		if (str_eq(d->devices[i].kind, kind) && (!type || str_eq(d->devices[i].type, type)))
			return &d->devices[i];
	fail_msg("no device %s %s", kind, type ? type : "");
	return &none;
}

static void web1_identity(void **state)
{
	auto_domain struct domain *d = load("web1.xml");

	(void)state;
	assert_string_equal(d->name, "web1");
	assert_string_equal(d->uuid, "3f0c2a60-5b0e-4c1f-9d4b-0a8b1d3a7c11");
	assert_string_equal(d->virt_type, "kvm");
	assert_string_equal(d->arch, "x86_64");
	assert_string_equal(d->machine, "pc-q35-7.2");
	assert_string_equal(d->emulator, "/usr/bin/qemu-system-x86_64");
	assert_int_equal(d->memory_kib, 4194304);
	assert_int_equal(d->max_memory_kib, 4194304);
	assert_int_equal(d->vcpus, 2);
	assert_int_equal(d->max_vcpus, 4);
	assert_string_equal(d->cpu_mode, "custom");
	assert_string_equal(d->cpu_model, "Skylake-Client-IBRS");
	assert_true(str_starts(d->cpu_xml, "<cpu mode=\"custom\""));
	assert_non_null(strstr(d->cpu_xml, "name=\"vmx\""));
	assert_int_equal(d->cpu_require.n, 2);
	assert_true(strv_has(&d->cpu_require, "vmx"));
	assert_false(d->invtsc || d->tsc_frequency || d->firmware_secure || d->locked_memory || d->qemu_commandline);
	assert_null(d->seclabel_model);
	assert_null(d->cpuset);
	assert_null(d->numa_nodeset);
	assert_int_equal(d->hugepages_n, 0);
	assert_int_equal(d->secrets_n, 0);
}

static void web1_disks(void **state)
{
	auto_domain struct domain *d = load("web1.xml");
	const struct disk *k = d->disks;

	(void)state;
	assert_int_equal(d->disks_n, 4);
	assert_string_equal(k[0].target, "vda");
	assert_string_equal(k[0].bus, "virtio");
	assert_string_equal(k[0].device, "disk");
	assert_string_equal(k[0].cache, "none");
	assert_int_equal(k[0].chain_n, 3);
	assert_true(k[0].chain_known);
	assert_true(disk_is_writable(&k[0]));
	assert_string_equal(k[0].chain[0].path, "/srv/vm/web1.qcow2");
	assert_string_equal(k[0].chain[0].format, "qcow2");
	assert_string_equal(k[0].chain[1].path, "/srv/vm/web-base.qcow2");
	assert_string_equal(k[0].chain[2].path, "/srv/vm/debian & friends.raw");
	assert_string_equal(k[0].chain[2].format, "raw");
	assert_int_equal(k[1].chain[0].source, DISK_BLOCK);
	assert_string_equal(k[1].chain[0].path, "/dev/vg0/web1-data");
	assert_true(k[1].shareable);
	assert_null(k[1].cache);
	assert_int_equal(k[2].chain_n, 0);
	assert_true(k[2].readonly && disk_is_removable(&k[2]) && !disk_is_writable(&k[2]));
	assert_false(k[2].missing_ok);
	assert_true(k[3].missing_ok && k[3].chain_known);
	assert_int_equal(k[3].chain_n, 1);
}

static void web1_devices(void **state)
{
	auto_domain struct domain *d = load("web1.xml");

	(void)state;
	assert_int_equal(d->nics_n, 2);
	assert_string_equal(d->nics[0].type, "bridge");
	assert_string_equal(d->nics[0].source, "br0");
	assert_string_equal(d->nics[0].mac, "52:54:00:aa:bb:01");
	assert_string_equal(d->nics[0].model, "virtio");
	assert_string_equal(d->nics[0].filter, "clean-traffic");
	assert_int_equal(d->nics[0].mtu, 9000);
	assert_null(d->nics[0].bridge);
	assert_string_equal(d->nics[1].source, "default");
	assert_string_equal(d->nics[1].portgroup, "green");
	assert_string_equal(d->nics[1].bridge, "virbr0");
	/* the log of serial and console is one; the agent's socket is libvirt's; the pty is nobody's */
	assert_int_equal(d->paths_n, 2);
	assert_string_equal(d->paths[0].what, "serial log");
	assert_string_equal(d->paths[0].path, "/srv/log/web1-serial.log");
	assert_false(d->paths[0].must_exist);
	assert_true(find_path(d, "/dev/urandom")->must_exist);
	assert_string_equal(find_device(d, "video", NULL)->type, "virtio");
	assert_string_equal(find_device(d, "video", NULL)->name, "video0");
	assert_string_equal(find_device(d, "controller", "usb")->model, "qemu-xhci");
	assert_string_equal(find_device(d, "watchdog", NULL)->model, "itco");
	assert_string_equal(find_device(d, "rng", "virtio")->model, "random");
	assert_string_equal(find_device(d, "sound", NULL)->model, "ich9");
	find_device(d, "input", "tablet");
	find_device(d, "graphics", "vnc");
	find_device(d, "redirdev", "spicevmc");
	assert_int_equal(d->graphics_listen.n, 1);
	assert_string_equal(d->graphics_listen.v[0], "127.0.0.1");
}

static void tied_guest(void **state)
{
	auto_domain struct domain *d = load("tied.xml");

	(void)state;
	assert_string_equal(d->name, "größer 1");
	assert_int_equal(d->memory_kib, 10240ull << 10);
	assert_int_equal(d->max_memory_kib, 64ull << 20);
	assert_int_equal(d->vcpus, 8);
	assert_string_equal(d->cpuset, "0-3,^2");
	assert_int_equal(d->pinned.n, 4);
	assert_string_equal(d->pinned.v[3], "2");
	assert_string_equal(d->numa_nodeset, "0-1,1");
	assert_true(d->invtsc && d->tsc_frequency && d->firmware_secure && d->locked_memory);
	assert_true(d->qemu_commandline && d->dbus_vmstate);
	assert_string_equal(d->cpu_mode, "host-passthrough");
	assert_null(d->cpu_model);
	assert_int_equal(d->cpu_require.n, 2);
	assert_string_equal(d->seclabel_model, "apparmor");
	assert_string_equal(d->launch_security, "sev");
	assert_int_equal(d->hugepages_n, 3);
	assert_int_equal(d->hugepages[0].size_kib, 1 << 20);
	assert_string_equal(d->hugepages[0].nodeset, "0");
	assert_int_equal(d->hugepages[1].size_kib, 2048);
	assert_int_equal(d->hugepages[2].size_kib, 2048);
	assert_string_equal(d->hugepages[2].nodeset, "1");
}

static void tied_disks(void **state)
{
	auto_domain struct domain *d = load("tied.xml");
	const struct disk *k = d->disks;

	(void)state;
	assert_int_equal(d->disks_n, 7);
	assert_string_equal(k[0].chain[0].path, "rbd:vms/big-root");
	assert_true(k[0].chain_known);
	assert_true(k[1].block_job && k[1].transient);
	assert_int_equal(k[1].chain_n, 1);
	assert_int_equal(k[2].chain[0].source, DISK_VOLUME);
	assert_string_equal(k[2].chain[0].pool, "iscsi-pool");
	assert_string_equal(k[2].chain[0].volume, "unit:0:0:1");
	assert_null(k[2].chain[0].path);
	assert_false(k[2].chain_known);
	assert_true(disk_is_writable(&k[2]));
	assert_int_equal(k[3].chain[0].source, DISK_DIR);
	assert_true(disk_is_removable(&k[3]));
	assert_int_equal(k[4].chain[0].source, DISK_OTHER);
	assert_null(k[4].chain[0].path);
	assert_int_equal(k[5].chain[0].source, DISK_OTHER);
	assert_string_equal(k[6].chain[0].path, "nbd://nbd.example.org");
}

static void tied_devices(void **state)
{
	static const struct {
		const char *kind, *type, *name, *role;
		bool transient;
	} want[] = {
		{ "hostdev", "pci", "0000:06:12.5", NULL, true },
		{ "hostdev", "usb", "0x1050:0x0407", NULL, false },
		{ "hostdev", "mdev", "c2177883-f1bb-47f0-914d-32a22e3a8804", NULL, false },
		{ "hostdev", "scsi", "iqn.2014-08.com.example:iscsi-nopool/1", NULL, false },
		{ "filesystem", "mount", "/srv/share", "virtiofs", false },
		{ "shmem", "ivshmem-plain", "shmem0", "peer", false },
		{ "tpm", "emulator", "tpm0", NULL, false },
		{ "memory", "dimm", "dimm0", NULL, false },
		{ "memory", "nvdimm", "/srv/nvdimm0", NULL, false },
		{ "video", "qxl", NULL, NULL, false },
		{ "vsock", NULL, "42", NULL, false },
		{ "iommu", NULL, NULL, NULL, false },
		{ "smartcard", "spicevmc", NULL, NULL, false },
	};
	auto_domain struct domain *d = load("tied.xml");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct device *v = find_device(d, want[i].kind, want[i].type);

		assert_true(str_eq(v->name, want[i].name));
		assert_true(str_eq(v->role, want[i].role));
		assert_int_equal(v->teaming_transient, want[i].transient);
	}
	assert_true(find_device(d, "tpm", NULL)->persistent_state);
	assert_string_equal(find_device(d, "tpm", NULL)->model, "tpm-crb");
	assert_string_equal(d->devices[d->devices_n - 1].kind, "panic");
	assert_int_equal(d->nics_n, 5);
	assert_true(d->nics[0].teaming_transient);
	assert_string_equal(d->nics[1].source, "eth1");
	assert_true(d->nics[2].virtualport_ovs);
	assert_true(d->nics[3].slirp_helper);
	assert_null(d->nics[4].source);
	assert_int_equal(d->graphics_listen.n, 1);
	assert_string_equal(d->graphics_listen.v[0], "0.0.0.0");
}

static void tied_paths(void **state)
{
	static const struct {
		const char *what, *path;
		bool must_exist;
	} want[] = {
		{ "loader", "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", true },
		{ "nvram template", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", true },
		{ "nvram", "/var/lib/libvirt/qemu/nvram/big_VARS.fd", false },
		{ "kernel", "/srv/boot/vmlinuz", true },
		{ "initrd", "/srv/boot/initrd.img", true },
		{ "acpi table", "/srv/boot/slic.dat", true },
		{ "fw_cfg file", "/srv/ignition/provision.ign", true },
		{ "vhost-user disk socket", "/run/vhost/blk.sock", true },
		{ "filesystem", "/srv/share", true },
		{ "vhost-user network socket", "/srv/ovs/vhost1.sock", true },
		{ "serial file", "/srv/log/console.txt", false },
		{ "serial socket", "/srv/sock/console.sock", true },
		{ "parallel dev", "/dev/parport0", true },
		{ "graphics socket", "/srv/sock/spice.sock", false },
		{ "render node", "/dev/dri/renderD128", true },
		{ "memory device", "/srv/nvdimm0", true },
	};
	auto_domain struct domain *d = load("tied.xml");

	(void)state;
	assert_int_equal(d->paths_n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct host_path *p = find_path(d, want[i].path);

		assert_string_equal(p->what, want[i].what);
		assert_int_equal(p->must_exist, want[i].must_exist);
	}
}

static void tied_secrets(void **state)
{
	static const struct {
		const char *user, *uuid, *usage, *type;
	} want[] = {
		{ .user = "disk vda", .uuid = "11111111-2222-3333-4444-555555555555", .type = "ceph" },
		{ .user = "disk vdb", .uuid = "66666666-7777-8888-9999-aaaaaaaaaaaa", .type = "passphrase" },
		{ .user = "tpm", .uuid = "bbbbbbbb-cccc-dddd-eeee-ffffffffffff", .type = "vtpm" },
		{ .user = "hostdev iqn.2014-08.com.example:iscsi-nopool/1", .usage = "libvirtiscsi", .type = "iscsi" },
	};
	auto_domain struct domain *d = load("tied.xml");

	(void)state;
	assert_int_equal(d->secrets_n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_string_equal(d->secrets[i].user, want[i].user);
		assert_true(str_eq(d->secrets[i].uuid, want[i].uuid));
		assert_true(str_eq(d->secrets[i].usage, want[i].usage));
		assert_true(str_eq(d->secrets[i].type, want[i].type));
	}
}

static void small_defaults(void **state)
{
	auto_domain struct domain *d = load("small.xml");

	(void)state;
	assert_int_equal(d->memory_kib, 65536);
	assert_int_equal(d->vcpus, 1);
	assert_int_equal(d->max_vcpus, 1);
	assert_string_equal(d->cpu_mode, "custom");
	assert_null(d->emulator);
	assert_int_equal(d->hugepages_n, 1);
	assert_int_equal(d->hugepages[0].size_kib, 0);
	assert_string_equal(d->disks[0].device, "disk");
	assert_null(d->disks[0].bus);
	assert_false(d->disks[0].chain_known);
	assert_false(find_path(d, "/srv/nvram/small.fd")->must_exist);
}

#define HEAD "<domain type='kvm'><name>a</name><uuid>00000000-0000-4000-8000-000000000001</uuid>"

static void refused(void **state)
{
	static const struct {
		const char *xml, *message;
	} cases[] = {
		{ "", "domain XML: line" },
		{ "no xml", "domain XML: line 1" },
		{ "<domain>", "domain XML: line 1" },
		{ "<domain/><domain/>", "domain XML: line 1" },
		{ "<network/>", "root element \"network\" is not \"domain\"" },
		{ "<x:domain xmlns:x='urn:x'/>", "is not \"domain\"" },
		{ "<domain/>", "has no name" },
		{ "<domain><name/></domain>", "has no name" },
		{ "<domain><name>a</name></domain>", "has no uuid" },
		{ "<domain><name>a/b</name></domain>", "name \"a/b\" is not a name" },
		{ "<domain><name>a&#10;b</name></domain>", "name \"a\\x0ab\" is not a name" },
		{ "<domain><name>a</name><uuid>x</uuid></domain>", "uuid \"x\" is not a UUID" },
		{ "<domain><name>a</name><uuid>00000000-0000-4000-8000-0000000000011</uuid></domain>", "not a UUID" },
		{ "<domain><name>a</name><uuid>../../../etc/passwd0000-000000000001</uuid></domain>", "not a UUID" },
		{ "<domain><name>a\xff</name></domain>", "domain XML: line 1" },
		{ "<domain><name>a&#0;</name></domain>", "domain XML: line 1" },
		{ "<domain><name>&unknown;</name></domain>", "domain XML: line 1" },
		{ "<!DOCTYPE domain><domain/>", "a document type is not accepted" },
		{ "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>",
		  "a document type is not accepted" },
		{ "<!DOCTYPE d SYSTEM 'http://127.0.0.1:9/x.dtd'><domain/>", "a document type is not accepted" },
		{ HEAD "<memory unit='parsec'>1</memory></domain>", "unit \"parsec\" is not known" },
		{ HEAD "<memory unit='kiwi'>1</memory></domain>", "unit \"kiwi\" is not known" },
		{ HEAD "<memory>-1</memory></domain>", "memory \"-1\" is not a size" },
		{ HEAD "<memory/></domain>", "memory \"\" is not a size" },
		{ HEAD "<memory unit='E'>16</memory></domain>", "memory \"16\" is not a size" },
		{ HEAD "<memory>18446744073709551616</memory></domain>", "is not a size" },
		{ HEAD "<vcpu>4294967296</vcpu></domain>", "vcpu \"4294967296\" is not a number" },
		{ HEAD "<vcpu current='many'>4</vcpu></domain>", "current \"many\" is not a number" },
		{ HEAD "<devices><disk/></devices></domain>", "disk 1 has no target" },
		{ HEAD "<devices><disk><source file='x'/><target dev='vda'/></disk></devices></domain>",
		  "disk source \"x\" is not an absolute path" },
		{ HEAD "<devices><interface/></devices></domain>", "interface 1 has no type" },
		{ HEAD "<devices><emulator>qemu</emulator></devices></domain>",
		  "emulator \"qemu\" is not an absolute" },
		{ HEAD "<os><kernel>vmlinuz</kernel></os></domain>", "kernel \"vmlinuz\" is not an absolute path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		auto_domain struct domain *d = domain_parse(cases[i].xml, &err);

		assert_null(d);
		assert_true(err_is(&err, E_XML));
		if (!strstr(err.msg, cases[i].message))
			fail_msg("%s gives \"%s\", not \"%s\"", cases[i].xml, err.msg, cases[i].message);
		assert_null(strpbrk(err.msg, "\n\r\033"));
		assert_null(domain_parse(cases[i].xml, NULL));
	}
}

static void billion_laughs(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf b = { 0 };

	(void)state;
	buf_addf(&b, "<?xml version='1.0'?>\n<!DOCTYPE domain [\n<!ENTITY a0 'ha'>\n");
	for (int i = 1; i < 30; i++)
		buf_addf(&b, "<!ENTITY a%d '&a%d;&a%d;&a%d;&a%d;'>\n", i, i - 1, i - 1, i - 1, i - 1);
	buf_addf(&b, "]>\n<domain a='&a29;'><name>&a29;</name></domain>");
	assert_null(domain_parse(b.p, &err));
	assert_string_equal(err.msg, "domain XML: a document type is not accepted");
}

static void too_long(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf b = { 0 };

	(void)state;
	buf_addf(&b, HEAD "<description>");
	for (int i = 0; i < 5 << 10; i++)
		buf_addf(&b, "%01024d", 0);
	buf_addf(&b, "</description></domain>");
	assert_null(domain_parse(b.p, &err));
	assert_string_equal(err.msg, "domain XML: longer than 4194304 bytes");
}

/* These would take libxml2 minutes. */
static void too_many_attributes(void **state)
{
	static const struct {
		const char *attribute, *message;
	} cases[] = {
		{ " a%x=''", "domain XML: more than 1024 attributes in one element" },
		{ " a%x\n=\t \"\"", "domain XML: more than 1024 attributes in one element" },
		{ " xmlns:a%x='u'", "domain XML: more than 1024 namespaces" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		auto_buf struct buf b = { 0 };

		buf_addf(&b, HEAD "<a");
		for (int n = 0; b.len < 4000000; n++) {
			const char *conversion = strstr(cases[i].attribute, "%x");

			buf_addf(&b, "%.*s%x%s", (int)(conversion - cases[i].attribute), cases[i].attribute, n,
				 conversion + 2);
		}
		buf_addf(&b, "/></domain>");
		assert_null(domain_parse(b.p, &err));
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* n times open, then n times close, inside a domain. */
static char *nested(const char *open, const char *close, int n)
{
	struct buf b = { 0 };

	buf_addf(&b, HEAD);
	for (int i = 0; i < n; i++)
		buf_add(&b, open, strlen(open));
	for (int i = 0; i < n; i++)
		buf_add(&b, close, strlen(close));
	buf_addf(&b, "</domain>");
	return b.p;
}

static void too_deep(void **state)
{
	auto_free char *xml = nested("<a>", "</a>", 100000), *cpu = nested("<cpu>", "</cpu>", 200);
	auto_err struct err err = ERR_INIT;
	auto_domain struct domain *d = NULL;

	(void)state;
	assert_null(domain_parse(xml, &err));
	assert_true(err_is(&err, E_XML));
	d = domain_parse(cpu, NULL);
	assert_non_null(d);
	assert_int_equal(strlen(d->cpu_xml), 199 * strlen("<cpu></cpu>") + strlen("<cpu/>"));
}

static char *repeated(const char *before, const char *item, int n, const char *after)
{
	struct buf b = { 0 };

	buf_addf(&b, HEAD "%s", before);
	for (int i = 0; i < n; i++)
		buf_add(&b, item, strlen(item));
	buf_addf(&b, "%s</domain>", after);
	return b.p;
}

static void item_limits(void **state)
{
	static const struct {
		const char *before, *item, *after, *what;
	} cases[] = {
		{ "<devices>", "<disk><target dev='a'/></disk>", "</devices>", "disks" },
		{ "<devices>", "<interface type='user'/>", "</devices>", "interfaces" },
		{ "<devices>", "<hostdev/>", "</devices>", "devices" },
		{ "<cputune>", "<vcpupin cpuset='0'/>", "</cputune>", "pinned threads" },
		{ "<cpu>", "<feature name='a'/>", "</cpu>", "CPU features" },
		{ "<memoryBacking><hugepages>", "<page/>", "</hugepages></memoryBacking>", "page sizes" },
		{ "<devices><disk><target dev='a'/><source file='/a'><encryption>", "<secret/>",
		  "</encryption></source></disk></devices>", "secrets" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		auto_free char *fits = repeated(cases[i].before, cases[i].item, 1024, cases[i].after);
		auto_free char *one_more = repeated(cases[i].before, cases[i].item, 1025, cases[i].after);
		auto_domain struct domain *d = domain_parse(fits, &err);

		if (!d)
			fail_msg("%s: %s", cases[i].what, err.msg);
		assert_null(domain_parse(one_more, &err));
		assert_non_null(strstr(err.msg, "more than 1024"));
		assert_non_null(strstr(err.msg, cases[i].what));
	}
}

static void memory_units(void **state)
{
	static const struct {
		const char *unit, *n;
		uint64_t kib;
	} cases[] = {
		{ "b", "1", 1 },
		{ "bytes", "1024", 1 },
		{ "b", "1025", 2 },
		{ "KB", "1000", 977 },
		{ "k", "7", 7 },
		{ "KiB", "7", 7 },
		{ "kib", "7", 7 },
		{ "MB", "1", 977 },
		{ "M", "1", 1024 },
		{ "MiB", "3", 3072 },
		{ "GB", "1", 976563 },
		{ "G", "1", 1 << 20 },
		{ "TiB", "1", 1ull << 30 },
		{ "TB", "1", 976562500 },
		{ "PiB", "1", 1ull << 40 },
		{ "EiB", "1", 1ull << 50 },
		{ "", "5", 5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *xml =
			str_printf(HEAD "<memory unit='%s'>%s</memory></domain>", cases[i].unit, cases[i].n);
		auto_domain struct domain *d = domain_parse(xml, NULL);

		assert_non_null(d);
		assert_int_equal(d->memory_kib, cases[i].kib);
	}
}

static void source_names(void **state)
{
	(void)state;
	assert_string_equal(disk_source_name(DISK_NONE), "none");
	assert_string_equal(disk_source_name(DISK_FILE), "file");
	assert_string_equal(disk_source_name(DISK_VOLUME), "volume");
	assert_string_equal(disk_source_name(DISK_OTHER), "other");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(web1_identity),       cmocka_unit_test(web1_disks),
		cmocka_unit_test(web1_devices),        cmocka_unit_test(tied_guest),
		cmocka_unit_test(tied_disks),          cmocka_unit_test(tied_devices),
		cmocka_unit_test(tied_paths),          cmocka_unit_test(tied_secrets),
		cmocka_unit_test(small_defaults),      cmocka_unit_test(refused),
		cmocka_unit_test(billion_laughs),      cmocka_unit_test(too_long),
		cmocka_unit_test(too_many_attributes), cmocka_unit_test(too_deep),
		cmocka_unit_test(item_limits),         cmocka_unit_test(memory_units),
		cmocka_unit_test(source_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

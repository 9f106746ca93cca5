/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a host says of itself: the facts script's answer and libvirt's
 * documents, honest, broken and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/facts-private.h"

static const char some_xml[] =
	"<domain type='kvm'><name>web1</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
	"<memory unit='KiB'>4194304</memory><memoryBacking><hugepages/></memoryBacking><vcpu>4</vcpu>"
	"<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><loader>/usr/share/OVMF/CODE.fd</loader></os>"
	"<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
	"<disk type='volume' device='disk'><source pool='fast' volume='data'/><target dev='vdb'/></disk>"
	"<disk type='file' device='cdrom'><source file='/srv/iso/debian.iso'/><target dev='sda'/></disk>"
	"<interface type='bridge'><source bridge='br0'/></interface>"
	"<interface type='bridge'><source bridge='../../etc'/></interface>"
	"<interface type='bridge'><source bridge='-x'/></interface>"
	"<interface type='network'><source network='lan' portgroup='blue'/><filterref filter='clean'/></interface>"
	"</devices></domain>";

struct fixture {
	struct domain *d;
	struct host_facts f;
	struct facts_query q;
	struct err e;
	int rc;
};

static void make(struct fixture *x, enum side side)
{
	*x = (struct fixture) { 0 };
	x->d = domain_parse(some_xml, &x->e);
	if (!x->d)
		fail_msg("%s", x->e.msg);
	x->f.clock_error_ms = -1;
	x->f.port_min = 49152;
	x->f.port_max = 49215;
	facts_query_make(x->d, side, "qemu:///system", &x->f, &x->q);
}

static void drop(struct fixture *x)
{
	facts_query_clear(&x->q);
	host_facts_clear(&x->f);
	domain_free(x->d);
	err_clear(&x->e);
}

static void answer_n(struct fixture *x, const char *text, size_t len)
{
	struct buf b = { 0 };

	buf_add(&b, text, len);
	x->rc = facts_script_parse(&b, &x->q, 1000000, 1000100, &x->f, &x->e);
	buf_clear(&b);
}

static void answer(struct fixture *x, const char *text)
{
	answer_n(x, text, strlen(text));
}

/* The number of the argument, as the script counts. */
static size_t arg(const struct fixture *x, const char *value)
{
	for (size_t i = 0; i < x->q.n; i++)
		if (strcmp(x->q.args.v[i], value) == 0)
			return i + 1;
	return 0;
}

static void test_query(void **state)
{
	struct fixture x;

	(void)state;
	make(&x, SIDE_DESTINATION);
	assert_int_equal(x.q.n, x.q.args.n);
	assert_true(arg(&x, "a:web1"));
	assert_true(arg(&x, "t:qemu-img"));
	assert_true(arg(&x, "d:br0"));
	assert_true(arg(&x, "p:/srv/iso/debian.iso"));
	assert_true(arg(&x, "p:/usr/share/OVMF/CODE.fd"));
	assert_true(arg(&x, "e:/usr/bin/qemu-system-x86_64"));
	assert_true(arg(&x, "g:0"));
	/* what is no name of a device is not asked for: it cannot exist */
	assert_false(arg(&x, "d:../../etc"));
	assert_false(arg(&x, "d:-x"));
	assert_int_equal(facts_netdev(&x.f, "../../etc")->present, FACT_NO);
	assert_int_equal(facts_netdev(&x.f, "-x")->present, FACT_NO);
	assert_non_null(facts_network(&x.f, "lan"));
	assert_non_null(facts_named(x.f.filters, x.f.filters_n, "clean"));
	assert_non_null(facts_named(x.f.pools, x.f.pools_n, "fast"));
	assert_non_null(facts_named(x.f.volumes, x.f.volumes_n, "fast/data"));
	drop(&x);

	make(&x, SIDE_SOURCE);
	assert_true(arg(&x, "p:/srv/iso/debian.iso"));
	assert_false(arg(&x, "p:/usr/share/OVMF/CODE.fd"));
	assert_null(facts_network(&x.f, "lan"));
	drop(&x);
}

static void test_query_bounded(void **state)
{
	struct fixture x;

	(void)state;
	make(&x, SIDE_SOURCE);
	facts_query_clear(&x.q);
	for (size_t i = 0; i < 1000; i++) {
		struct host_path *p = ARRAY_ADD(x.d->paths, x.d->paths_n);

		p->what = xstrdup("loader");
		p->path = str_printf("/%zu/%0200d", i, 0);
	}
	facts_query_make(x.d, SIDE_DESTINATION, NULL, &x.f, &x.q);
	assert_true(x.q.bytes <= FACTS_ARGS_MAX);
	assert_int_equal(x.q.n, x.q.args.n);
	assert_true(x.f.paths_n > 1000);
	assert_int_equal(x.f.paths[1000].present, FACT_UNKNOWN);
	drop(&x);
}

static void test_session(void **state)
{
	struct fixture x;

	(void)state;
	make(&x, SIDE_SOURCE);
	facts_query_clear(&x.q);
	facts_query_make(x.d, SIDE_SOURCE, "qemu:///session", &x.f, &x.q);
	assert_string_equal(x.q.args.v[0], "c:session");
	drop(&x);
}

static void test_honest(void **state)
{
	struct fixture x;
	auto_free char *text = NULL;
	const struct netdev_fact *n;
	const struct path_fact *p;

	(void)state;
	make(&x, SIDE_DESTINATION);
	text = str_printf(
		"motd of the host\nt0 1000050000000\nmid 0123456789abcdef0123456789abcdef\n"
		"bid 7ee9a5ae-b72d-430d-b82f-c480dd4831d5\narch x86_64\nmem 24684084 24296816\ncpu 0-3,8\n"
		"node 0\nB 0x1003 1500 virbr0\nB 0x1003 1500 br0\nA %zu n\nT %zu\nN %zu y b 0x1002 9000\n"
		"P %zu f 1398 y n\nP %zu n 0 n n\nE %zu y\nG %zu y 12 2048\nport min 50000\nport max 50100\n"
		"addr 127.0.0.1\naddr 10.0.0.2\naddr fe80::1\naddr fd00::2\naddr 10.0.0.2\n"
		"addr6 20010db8000000000000000000000001\nt1 1000060000000\nend\nmid ffffffffffffffffffffffffffffffff\n",
		arg(&x, "a:web1"), arg(&x, "t:qemu-img"), arg(&x, "d:br0"), arg(&x, "p:/srv/iso/debian.iso"),
		arg(&x, "p:/usr/share/OVMF/CODE.fd"), arg(&x, "e:/usr/bin/qemu-system-x86_64"), arg(&x, "g:0"));
	answer(&x, text);
	assert_int_equal(x.rc, 0);
	assert_string_equal(x.f.machine_id, "0123456789abcdef0123456789abcdef");
	assert_string_equal(x.f.boot_id, "7ee9a5ae-b72d-430d-b82f-c480dd4831d5");
	assert_string_equal(x.f.arch, "x86_64");
	assert_int_equal(x.f.mem_total_kib, 24684084);
	assert_int_equal(x.f.mem_available_kib, 24296816);
	assert_string_equal(x.f.cpus_online, "0-3,8");
	assert_int_equal(x.f.cpus, 5);
	assert_int_equal(x.f.numa_nodes, 1);
	assert_int_equal(x.f.port_min, 50000);
	assert_int_equal(x.f.port_max, 50100);
	assert_int_equal(x.f.addresses.n, 3);
	assert_string_equal(x.f.addresses.v[0], "10.0.0.2");
	assert_string_equal(x.f.addresses.v[1], "fd00::2");
	assert_string_equal(x.f.addresses.v[2], "2001:db8::1");
	assert_int_equal(x.f.tools.n, 1);
	assert_string_equal(x.f.tools.v[0], "qemu-img");
	assert_int_equal(x.f.autostart_link, FACT_NO);
	assert_int_equal(x.f.emulator_present, FACT_YES);
	n = facts_netdev(&x.f, "br0");
	assert_int_equal(n->present, FACT_YES);
	assert_int_equal(n->bridge, FACT_YES);
	assert_int_equal(n->ovs, FACT_NO);
	assert_int_equal(n->up, FACT_NO);
	assert_int_equal(n->mtu, 9000);
	n = facts_netdev(&x.f, "virbr0");
	assert_int_equal(n->bridge, FACT_YES);
	assert_int_equal(n->up, FACT_YES);
	p = facts_path(&x.f, "/srv/iso/debian.iso");
	assert_int_equal(p->present, FACT_YES);
	assert_int_equal(p->kind, 'f');
	assert_int_equal(p->size, 1398);
	assert_int_equal(p->dir_present, FACT_YES);
	assert_int_equal(p->dir_writable, FACT_NO);
	p = facts_path(&x.f, "/usr/share/OVMF/CODE.fd");
	assert_int_equal(p->present, FACT_NO);
	assert_int_equal(x.f.pages[0].supported, FACT_YES);
	assert_int_equal(x.f.pages[0].real_kib, 2048);
	assert_int_equal(x.f.pages[0].free, 12);
	/* there: 45 ms, back: 45 ms, in between 10 ms; its clock is 5 ms ahead */
	assert_in_range(x.f.clock_offset_ms, 4, 6);
	assert_in_range(x.f.clock_error_ms, 44, 47);
	drop(&x);
}

/* Each line alone, with an end: nothing of it may become a fact. */
static void test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"mid 0123",
		"mid 0123456789ABCDEF0123456789abcdef",
		"mid 0123456789abcdef0123456789abcdef0",
		"bid zzzzzzzz-b72d-430d-b82f-c480dd4831d5",
		"arch x86_64;rm",
		"arch \033[2J",
		"arch aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"mem 1",
		"mem -1 -1",
		"mem 99999999999999999999999999 1",
		"mem 0x10 0x10",
		"cpu 3-1",
		"cpu 0-",
		"cpu -1",
		"cpu 0-999999999",
		"cpu 0,,1",
		"node x",
		"port min 0",
		"port min 65536",
		"port mix 5",
		"addr 1.2.3",
		"addr 10.0.0.2/24",
		"addr 127.9.9.9",
		"addr 169.254.1.1",
		"addr 0.0.0.0",
		"addr ::",
		"addr6 2001",
		"addr6 zzzz0db8000000000000000000000001",
		"addr6 00000000000000000000000000000001",
		"B 0x1003 1500",
		"B 0x1003 1500 ../../../etc/passwd",
		"B 0x1003 1500 sixteenletters16",
		"B 0x1003 1500 a\033b",
		"N",
		"N 0 n",
		"N -1 n",
		"N 1 n",
		"N 99999 n",
		"N 18446744073709551616 n",
		"P 1 f 1 y y",
		"E 1 y",
		"T 1",
		"G 1 y 1 1",
		"NN 1 n",
		"end2",
		"\177ELF\001\002",
		"",
		" ",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		auto_free char *text = str_printf("%s\nend\n", lines[i]);
		struct fixture x;

		make(&x, SIDE_DESTINATION);
		/* argument 1 is the autostart link, so that keys of other kinds do not fit it */
		assert_int_equal(arg(&x, "a:web1"), 1);
		size_t netdevs = x.f.netdevs_n;

		answer(&x, text);
		if (x.rc || x.f.machine_id || x.f.boot_id || x.f.arch || x.f.mem_total_kib || x.f.cpus ||
		    x.f.numa_nodes || x.f.port_min != 49152 || x.f.port_max != 49215 || x.f.addresses.n ||
		    x.f.netdevs_n != netdevs || x.f.tools.n || x.f.emulator_present != FACT_UNKNOWN ||
		    x.f.autostart_link != FACT_UNKNOWN || x.f.pages[0].supported != FACT_UNKNOWN ||
		    x.f.clock_error_ms != -1 || facts_netdev(&x.f, "br0")->present != FACT_UNKNOWN ||
		    facts_path(&x.f, "/srv/iso/debian.iso")->present != FACT_UNKNOWN)
			fail_msg("line %zu became a fact: %s", i, lines[i]);
		drop(&x);
	}
}

static void test_cut_short(void **state)
{
	static const char text[] = "mem 100 50\nend";
	struct fixture x;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		make(&x, SIDE_SOURCE);
		answer_n(&x, text, len);
		assert_int_equal(x.rc, -1);
		assert_string_equal(x.e.id, "E-REMOTE");
		drop(&x);
	}
	make(&x, SIDE_SOURCE);
	answer_n(&x, "mem 100 50\0\nend\n", 16);
	assert_int_equal(x.rc, -1);
	assert_int_equal(x.f.mem_available_kib, 50);
	drop(&x);
}

static void test_bounds(void **state)
{
	struct buf b = { 0 };
	struct fixture x;

	(void)state;
	make(&x, SIDE_SOURCE);
	for (unsigned i = 0; i < 2000; i++) {
		buf_addf(&b, "B 0x1 1500 br%u\n", i);
		buf_addf(&b, "addr 10.%u.%u.1\n", i / 256, i % 256);
		buf_addf(&b, "T %zu\n", arg(&x, "t:nc"));
	}
	buf_addf(&b, "end\n");
	answer_n(&x, b.p, b.len);
	assert_int_equal(x.rc, 0);
	assert_int_equal(x.f.netdevs_n, FACTS_NETDEVS_MAX);
	assert_int_equal(x.f.addresses.n, FACTS_ADDRESSES_MAX);
	assert_int_equal(x.f.tools.n, 1);
	drop(&x);
	buf_clear(&b);
}

static void test_ports(void **state)
{
	struct fixture x;

	(void)state;
	make(&x, SIDE_SOURCE);
	answer(&x, "port min 60000\nport max 50000\nend\n");
	assert_int_equal(x.f.port_min, 49152);
	assert_int_equal(x.f.port_max, 49215);
	drop(&x);
}

static void test_clock(void **state)
{
	/* sent at 1000000 ms, got at 1000100 ms */
	static const struct {
		const char *text;
		long offset, error;
	} v[] = {
		{ "t0 1000050000000\nt1 1000050000000\nend\n", 0, 51 },
		{ "t0 1003600000000\nt1 1003650000000\nend\n", 3575, 26 },
		{ "t0 1000000000000\nt1 1000100000000\nend\n", 0, 1 },
		{ "t0 1005000000000\nt1 1005000000000\nend\n", 5450, 1051 }, /* whole seconds */
		{ "t0 1000060000000\nt1 1000050000000\nend\n", 0, -1 },      /* backwards */
		{ "t0 1000000000000\nt1 2000000000000\nend\n", 0, -1 },      /* set meanwhile */
		{ "t0 x\nt1 5\nend\n", 0, -1 },
		{ "t0 99999999999999999999\nt1 99999999999999999999\nend\n", 0, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct fixture x;

		make(&x, SIDE_SOURCE);
		answer(&x, v[i].text);
		if (x.f.clock_offset_ms != v[i].offset || x.f.clock_error_ms != v[i].error)
			fail_msg("%zu: %ld ± %ld", i, (long)x.f.clock_offset_ms, (long)x.f.clock_error_ms);
		drop(&x);
	}
}

static void shown_safely(const char *s)
{
	for (; s && *s; s++)
		assert_true((unsigned char)*s >= 0x20 && *s != 0x7f);
}

/* A good answer with bytes changed at random: no crash, nothing unbounded, nothing that a terminal would obey. */
static void test_mutations(void **state)
{
	static const char good[] =
		"t0 1000050000000\nmid 0123456789abcdef0123456789abcdef\nbid 7ee9a5ae-b72d-430d-b82f-c480dd4831d5\n"
		"arch x86_64\nmem 24684084 24296816\ncpu 0-3,8\nnode 0\nB 0x1003 1500 virbr0\nA 1 n\nT 2\n"
		"N 14 y b 0x1002 9000\nP 15 f 1398 y n\nP 16 n 0 n n\nE 17 y\nG 18 y 12 2048\nport min 50000\n"
		"addr 10.0.0.2\naddr6 20010db8000000000000000000000001\nt1 1000060000000\nend\n";
	static const char bytes[] = "0123456789 \n\nNPETAGB-yufnb.:/,^\033\177";
	uint32_t seed = 12345;

	(void)state;
	for (size_t round = 0; round < 5000; round++) {
		char text[sizeof(good)];
		struct fixture x;

		memcpy(text, good, sizeof(good));
		for (size_t i = 0; i < 1 + round % 16; i++) {
			seed = seed * 1664525 + 1013904223;
			text[(seed >> 8) % (sizeof(good) - 1)] = bytes[(seed >> 20) % sizeof(bytes)];
		}
		make(&x, SIDE_DESTINATION);
		answer_n(&x, text, sizeof(good) - 1);
		shown_safely(x.f.machine_id);
		shown_safely(x.f.arch);
		shown_safely(x.f.cpus_online);
		for (size_t i = 0; i < x.f.netdevs_n; i++)
			shown_safely(x.f.netdevs[i].name);
		for (size_t i = 0; i < x.f.addresses.n; i++)
			shown_safely(x.f.addresses.v[i]);
		assert_true(x.f.port_min && x.f.port_max >= x.f.port_min && x.f.port_max < 65536);
		drop(&x);
	}
}

static const char caps_xml[] =
	"<domainCapabilities><path>/usr/bin/qemu</path><domain>kvm</domain><arch>x86_64</arch>"
	"<cpu><mode name='host-model' supported='yes'/><mode name='custom' supported='yes'>"
	"<model usable='yes'>qemu64</model><model usable='no'>EPYC</model><model "
	"usable='unknown'>old</model></mode></cpu>"
	"<devices><disk supported='yes'><enum name='diskDevice'><value>disk</value></enum>"
	"<enum name='bus'><value>virtio</value><value>sata</value></enum></disk>"
	"<video supported='yes'><enum name='modelType'><value>virtio</value><value>\xc2\x9b</value></enum></video>"
	"<tpm supported='no'/></devices></domainCapabilities>";

static void test_domcaps(void **state)
{
	struct host_facts f = { 0 };
	auto_err struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(facts_domcap(&f, "video", "virtio"), FACT_UNKNOWN);
	assert_int_equal(facts_parse_domcaps(caps_xml, &f, &e), 0);
	assert_int_equal(f.domcaps_known, FACT_YES);
	assert_int_equal(facts_domcap(&f, "video", "virtio"), FACT_YES);
	assert_int_equal(facts_domcap(&f, "video", "qxl"), FACT_NO);
	assert_int_equal(facts_domcap(&f, "disk-bus", "sata"), FACT_YES);
	assert_int_equal(facts_domcap(&f, "disk-bus", "ide"), FACT_NO);
	assert_int_equal(facts_domcap(&f, "tpm", "emulator"), FACT_NO);
	assert_int_equal(facts_domcap(&f, "graphics", "vnc"), FACT_UNKNOWN);
	assert_int_equal(facts_domcap(&f, "cpu-model", "qemu64"), FACT_YES);
	assert_int_equal(facts_domcap(&f, "cpu-model", "old"), FACT_YES);
	assert_int_equal(facts_domcap(&f, "cpu-unusable", "EPYC"), FACT_YES);
	host_facts_clear(&f);
}

static void test_bad_documents(void **state)
{
	static const char *const docs[] = {
		"",
		"x",
		"<",
		"<a/>",
		"<domainCapabilities>",
		"<!DOCTYPE a [<!ENTITY x 'y'>]><domainCapabilities/>",
		"<capabilities/>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
		struct network_fact n = { 0 };
		struct host_facts f = { 0 };
		auto_err struct err a = ERR_INIT, b = ERR_INIT, c = ERR_INIT;

		assert_int_equal(facts_parse_domcaps(docs[i], &f, &a), -1);
		assert_int_equal(facts_parse_capabilities(docs[i], &f, &b), -1);
		assert_int_equal(facts_parse_network(docs[i], "x", &n, &c), -1);
		assert_true(a.id && b.id && c.id);
		assert_int_equal(f.domcaps.n, 0);
		assert_null(f.host_uuid);
		assert_int_equal(n.portgroup, FACT_UNKNOWN);
	}
}

static void test_capabilities(void **state)
{
	struct host_facts f = { 0 };
	auto_err struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(facts_parse_capabilities(
				 "<capabilities><host><uuid>u-1</uuid><cpu><arch>x86_64</arch>"
				 "<model>Haswell</model><vendor>Intel</vendor><feature name='vmx'/>"
				 "<feature name='a&#10;b'/></cpu>"
				 "<secmodel><model>selinux</model><baselabel type='kvm'>x</baselabel></secmodel>"
				 "<secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+64055:+107</baselabel>"
				 "<baselabel type='qemu'>+64055:+107</baselabel></secmodel></host></capabilities>",
				 &f, &e),
			 0);
	assert_string_equal(f.host_uuid, "u-1");
	assert_string_equal(f.host_cpu_model, "Haswell");
	assert_string_equal(f.host_cpu_vendor, "Intel");
	assert_true(f.qemu_user_known);
	assert_int_equal(f.qemu_uid, 64055);
	assert_int_equal(f.qemu_gid, 107);
	assert_int_equal(f.host_cpu_features.n, 2);
	shown_safely(f.host_cpu_features.v[1]);
	host_facts_clear(&f);
}

static void test_network(void **state)
{
	static const char xml[] = "<network><name>lan</name><bridge name='virbr0'/><portgroup name='blue'/></network>";
	struct network_fact n = { 0 };
	auto_err struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(facts_parse_network(xml, "blue", &n, &e), 0);
	assert_string_equal(n.bridge, "virbr0");
	assert_int_equal(n.portgroup, FACT_YES);
	assert_false(n.ovs);
	assert_int_equal(facts_parse_network(xml, "red", &n, &e), 0);
	assert_int_equal(n.portgroup, FACT_NO);
	assert_int_equal(facts_parse_network("<network><virtualport type='openvswitch'/></network>", NULL, &n, &e), 0);
	assert_int_equal(n.portgroup, FACT_YES);
	assert_true(n.ovs);
	assert_null(n.bridge);
}

static void test_cpu(void **state)
{
	auto_strv struct strv missing = { 0 };
	struct host_facts f = { 0 };
	struct domain d = { 0 };

	(void)state;
	facts_cpu_missing(
		"the CPU is incompatible with host CPU: Host CPU does not provide required features: avx512f, "
		"p\033ku",
		&missing);
	assert_int_equal(missing.n, 2);
	assert_string_equal(missing.v[0], "avx512f");
	shown_safely(missing.v[1]);
	facts_cpu_missing("other", &missing);
	facts_cpu_missing(NULL, &missing);
	assert_int_equal(missing.n, 2);

	facts_cpu_by_list(&d, &f);
	assert_int_equal(f.cpu_ok, FACT_UNKNOWN);
	assert_non_null(f.cpu_detail);
	assert_int_equal(facts_parse_domcaps(caps_xml, &f, NULL), 0);
	d.cpu_model = xstrdup("qemu64");
	facts_cpu_by_list(&d, &f);
	assert_int_equal(f.cpu_ok, FACT_YES);
	free(d.cpu_model);
	d.cpu_model = xstrdup("EPYC");
	facts_cpu_by_list(&d, &f);
	assert_int_equal(f.cpu_ok, FACT_NO);
	assert_non_null(strstr(f.cpu_detail, "EPYC"));
	free(d.cpu_model);
	d.cpu_model = xstrdup("nonesuch");
	f.cpu_ok = FACT_UNKNOWN;
	facts_cpu_by_list(&d, &f);
	assert_int_equal(f.cpu_ok, FACT_NO);
	free(d.cpu_model);
	host_facts_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),        cmocka_unit_test(test_query_bounded),
		cmocka_unit_test(test_session),      cmocka_unit_test(test_honest),
		cmocka_unit_test(test_bad_lines),    cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_bounds),       cmocka_unit_test(test_ports),
		cmocka_unit_test(test_clock),        cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_domcaps),      cmocka_unit_test(test_bad_documents),
		cmocka_unit_test(test_capabilities), cmocka_unit_test(test_network),
		cmocka_unit_test(test_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

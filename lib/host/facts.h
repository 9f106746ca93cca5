/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a host says of itself, and of the things one domain needs from it: plain
 * data for the checks (lib/check/), collected in few round trips.
 *
 * Each answer has three values: FACT_YES, FACT_NO, FACT_UNKNOWN. What could not be asked is unknown,
 * never no. All strings are sanitised and bounded when they come in.
 */
#ifndef HOST_FACTS_H
#define HOST_FACTS_H

#include "domain/domain.h"
#include "host/files.h"
#include "host/guest.h"

/* A bridge or other network device of the host. */
struct netdev_fact {
	char *name;
	enum fact present, up;
	enum fact bridge; /* a Linux bridge or one of Open vSwitch */
	enum fact ovs;    /* it is one of Open vSwitch */
	unsigned mtu;     /* 0: not known */
};

struct network_fact { /* a libvirt network */
	char *name;
	enum fact defined, active;
	enum fact portgroup; /* of the first NIC that names one; YES when none is named */
	char *bridge;
	bool ovs; /* its bridge is one of Open vSwitch */
};

struct path_fact {
	char *path;
	enum fact present;
	enum fact dir_present;  /* its directory is there */
	char kind;              /* 'f' file, 'd' directory, 'b' block, 's' socket, 'c', 'p', 0 unknown */
	uint64_t size;          /* bytes, of a file */
	enum fact dir_writable; /* by us */
};

struct named_fact { /* a secret, nwfilter, storage pool, volume ("pool/volume") */
	char *name;
	enum fact present, active;
};

struct pages_fact {
	uint64_t size_kib; /* as asked for; 0: the host's default size */
	uint64_t real_kib; /* the size that is; 0 unknown */
	uint64_t free;     /* pages */
	enum fact supported;
};

struct host_facts {
	/*
	 * The two ways a host is asked. NO: nothing at all came that way, so everything it would have told is
	 * unknown; UNKNOWN: not asked.
	 */
	enum fact shell, libvirt;
	/* identity */
	char *hostname; /* virConnectGetHostname: what libvirt tells peers */
	char *machine_id, *boot_id;
	char *host_uuid; /* libvirt's capabilities */
	char *arch;
	int64_t clock_offset_ms; /* host's wall clock minus ours, round trip halved */
	int64_t clock_error_ms;  /* half the round trip: the offset is known to ± this; -1: unknown */
	/* hypervisor */
	unsigned long libvirt_version, qemu_version; /* major*1000000+minor*1000+micro; 0 unknown */
	char *domcaps_error; /* why the domain's (virt type, arch, machine, emulator) combination has no capabilities;
				NULL: it has */
	enum fact emulator_present;
	enum fact machine_supported, virt_supported;
	/* CPU of the domain against this host */
	enum fact cpu_ok;
	char *cpu_detail; /* libvirt's words when not ok or not known; missing features by name where it says them */
	struct strv cpu_missing; /* names of features missing here */
	/* the host's own CPU, for guests that see it as it is (host-passthrough); NULL: not asked or not known */
	char *host_cpu_model, *host_cpu_vendor;
	struct strv host_cpu_features; /* beyond the model */
	/*
	 * What domain capabilities list: "video:virtio", "graphics:spice", "tpm:emulator", "disk-bus:virtio", …
	 * "video:" alone says that there is a list of that kind; ask with facts_domcap().
	 */
	struct strv domcaps;
	enum fact domcaps_known;
	/* memory */
	uint64_t mem_total_kib, mem_available_kib; /* 0 unknown; /proc/meminfo MemAvailable */
	struct pages_fact *pages;
	size_t pages_n;
	unsigned cpus, numa_nodes;        /* how many are online; 0 unknown */
	char *cpus_online, *nodes_online; /* which ones, as the kernel lists them: "0-3,8"; NULL unknown */
	/* migration */
	bool qemu_user_known; /* which user libvirt runs guests as by default */
	uint32_t qemu_uid, qemu_gid;
	unsigned port_min, port_max; /* qemu.conf migration_port_min/max; libvirt's default 49152-49215 */
	struct strv addresses;       /* IP addresses of the host's devices, loopback ones left out */
	struct strv tools;           /* of those asked for, the ones in PATH: "qemu-img", "qemu-nbd", … */
	/* the domain here */
	enum fact name_taken, uuid_taken;
	char *taken_state;        /* state word of the domain that has the name or UUID, with its UUID or name */
	enum fact autostart_link; /* an autostart link of this name lies in libvirt's configuration, whatever it points
				     to */
	enum fact autostart;      /* the domain defined here starts with the host */
	/* only on the source */
	int snapshots, checkpoints; /* -1 unknown */
	struct strv snapshot_names; /* at most 8 */
	/* things asked for by name */
	struct netdev_fact *netdevs;
	size_t netdevs_n;
	struct network_fact *networks;
	size_t networks_n;
	struct named_fact *secrets, *filters, *pools, *volumes;
	size_t secrets_n, filters_n, pools_n, volumes_n;
	struct path_fact *paths;
	size_t paths_n;
	/* the first reason why something above is unknown */
	struct err err;
};
void host_facts_clear(struct host_facts *f);

/*
 * Collects the facts domain d needs from host h (its side decides what is asked).
 * Only fills in; what fails stays unknown with its reason in f->err.
 */
void host_facts_collect(struct host *h, const struct domain *d, struct host_facts *f);

/* Look-ups by name; NULL when that was not collected. */
const struct netdev_fact *facts_netdev(const struct host_facts *f, const char *name);
const struct network_fact *facts_network(const struct host_facts *f, const char *name);
const struct path_fact *facts_path(const struct host_facts *f, const char *path);
const struct named_fact *facts_named(const struct named_fact *v, size_t n, const char *name);
const struct pages_fact *facts_pages(const struct host_facts *f, uint64_t size_kib);
/* Do the domain capabilities list value as a kind ("video", "disk-bus")? UNKNOWN: they have no such list. */
enum fact facts_domcap(const struct host_facts *f, const char *kind, const char *value);
/* The name under which a secret is in f->secrets: its UUID, else its usage; NULL when it has neither. */
const char *facts_secret_name(const struct secret_ref *s);

#endif

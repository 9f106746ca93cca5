/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The functions behind the rows of check/table.c, and what they share. A check
 * function is pure: it reads struct check_input and reports. What it cannot
 * tell it reports as unknown, except where the whole way to a host was shut:
 * E-FACTS-UNKNOWN says that once for all of them (see blind()).
 */
#ifndef CHECK_CHECKS_H
#define CHECK_CHECKS_H

#include "check/check.h"

/* Live migration, with and without its disks: whatever needs a running guest. */
#define MODES_RUNNING (MODE_LIVE | MODE_BLOCK)
/* What moves its disks along. */
#define MODES_DISKS (MODE_BLOCK | MODE_COLD)
#define MODES_ALL (MODE_LIVE | MODE_BLOCK | MODE_COLD)

enum way { WAY_SHELL, WAY_LIBVIRT };

/*
 * The two below are for a fact that is unknown. blind(): nothing at all came from that host that way, so that
 * this one fact is not worth a line. unsure(): reports it ("cannot be told whether …") with the host's reason.
 */
bool blind(const struct check_input *in, enum side side, enum way way);
void unsure(const struct check_input *in, struct findings *f, enum side side, enum way way, const char *object,
	    const char *what);

const struct host_facts *facts_of(const struct check_input *in, enum side side);

/* "disk vda: /srv/web1.qcow2"; caller frees. */
char *disk_object(const struct disk *d, const struct image *m);

/* "7.2.22" of libvirt's number; caller frees. */
char *version_text(unsigned long v);

/* KiB as "1.5 GiB"; caller frees. */
char *kib_text(uint64_t kib);

/*
 * Numbers of list a ("0-3,^2,8") that are not in list b, as a list; NULL: all are, or one of the lists cannot be read
 * (then *bad). Caller frees.
 */
char *list_missing(const char *a, const char *b, bool *bad);

/* What the domain needs of normal memory beside and with its RAM, in KiB. */
uint64_t memory_need_kib(const struct domain *d);

/* guest.c */
void check_guest_state(const struct check_input *in, struct findings *f);
void check_guest_ioerror(const struct check_input *in, struct findings *f);
void check_job_running(const struct check_input *in, struct findings *f);
void check_block_job(const struct check_input *in, struct findings *f);
void check_snapshots(const struct check_input *in, struct findings *f);
void check_checkpoints(const struct check_input *in, struct findings *f);

/* hosts.c */
void check_facts_unknown(const struct check_input *in, struct findings *f);
void check_hosts_identical(const struct check_input *in, struct findings *f);
void check_host_uuid(const struct check_input *in, struct findings *f);
void check_name_taken(const struct check_input *in, struct findings *f);
void check_autostart_both(const struct check_input *in, struct findings *f);
void check_clock_skew(const struct check_input *in, struct findings *f);

/* hypervisor.c */
void check_hypervisor_type(const struct check_input *in, struct findings *f);
void check_hypervisor_older(const struct check_input *in, struct findings *f);
void check_libvirt_older(const struct check_input *in, struct findings *f);
void check_arch(const struct check_input *in, struct findings *f);
void check_machine_type(const struct check_input *in, struct findings *f);
void check_emulator(const struct check_input *in, struct findings *f);

/* cpu.c */
void check_cpu(const struct check_input *in, struct findings *f);
void check_cpu_invtsc(const struct check_input *in, struct findings *f);

/* memory.c */
void check_memory(const struct check_input *in, struct findings *f);
void check_hugepages(const struct check_input *in, struct findings *f);
void check_pinning(const struct check_input *in, struct findings *f);

/* devices.c */
void check_device(const struct check_input *in, struct findings *f);
void check_encrypted_guest(const struct check_input *in, struct findings *f);
void check_device_model(const struct check_input *in, struct findings *f);
void check_tpm(const struct check_input *in, struct findings *f);
void check_qemu_commandline(const struct check_input *in, struct findings *f);

/* paths.c */
void check_firmware(const struct check_input *in, struct findings *f);
void check_host_path(const struct check_input *in, struct findings *f);
void check_secret(const struct check_input *in, struct findings *f);

/* network.c */
void check_user_network(const struct check_input *in, struct findings *f);
void check_bridge(const struct check_input *in, struct findings *f);
void check_mtu(const struct check_input *in, struct findings *f);
void check_network(const struct check_input *in, struct findings *f);
void check_netdev(const struct check_input *in, struct findings *f);
void check_nwfilter(const struct check_input *in, struct findings *f);
void check_graphics_listen(const struct check_input *in, struct findings *f);

/* storage.c */
void check_storage_not_shared(const struct check_input *in, struct findings *f);
void check_storage_unproven(const struct check_input *in, struct findings *f);
void check_storage_cache(const struct check_input *in, struct findings *f);
void check_storage_pool(const struct check_input *in, struct findings *f);
void check_cdrom(const struct check_input *in, struct findings *f);

/* block.c */
void check_disk_choice(const struct check_input *in, struct findings *f);
void check_storage_shared(const struct check_input *in, struct findings *f);
void check_disk_kind(const struct check_input *in, struct findings *f);
void check_image_unreadable(const struct check_input *in, struct findings *f);
void check_image_chain(const struct check_input *in, struct findings *f);
void check_image_feature(const struct check_input *in, struct findings *f);
void check_disk_exists(const struct check_input *in, struct findings *f);
void check_disk_collision(const struct check_input *in, struct findings *f);
void check_disk_directory(const struct check_input *in, struct findings *f);
void check_disk_device(const struct check_input *in, struct findings *f);
void check_backing_different(const struct check_input *in, struct findings *f);
void check_disk_space(const struct check_input *in, struct findings *f);
void check_disk_space_worst(const struct check_input *in, struct findings *f);
void check_image_tools(const struct check_input *in, struct findings *f);
void check_source_device(const struct check_input *in, struct findings *f);

/* connection.c */
void check_host_name(const struct check_input *in, struct findings *f);
void check_peer_login(const struct check_input *in, struct findings *f);
void check_migration_port(const struct check_input *in, struct findings *f);

/* wire.c */
void check_transport(const struct check_input *in, struct findings *f);
void check_postcopy(const struct check_input *in, struct findings *f);
/*
 * Fills in->forecast. Takes one second, and some more where a longer measurement tells more. Never fails: what cannot
 * be measured is said (forecast.c).
 */
void check_forecast(struct host *src, struct check_input *in);
void check_deadline(const struct check_input *in, struct findings *f);
void check_ssh_tunnel(const struct check_input *in, struct findings *f);
void check_tls_certs(const struct check_input *in, struct findings *f);
void check_tls_unchecked(const struct check_input *in, struct findings *f);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every check, in the order in which it runs and is listed: cheap reasons first, for the first
 * one that refuses becomes the error. text says what holds when the check passes.
 */
#include "check/checks.h"

#define ERROR(id_, modes_, subject_, fn_, text_, hint_)                                                             \
	{                                                                                                           \
		.id = (id_), .modes = (modes_), .severity = SEVERITY_ERROR, .subject = (subject_), .text = (text_), \
		.hint = (hint_), .fn = (fn_)                                                                        \
	}
#define WARNING(id_, modes_, subject_, fn_, text_, hint_)                                                             \
	{                                                                                                             \
		.id = (id_), .modes = (modes_), .severity = SEVERITY_WARNING, .subject = (subject_), .text = (text_), \
		.hint = (hint_), .fn = (fn_)                                                                          \
	}

const struct check check_table[] = {
	ERROR("E-FACTS-UNKNOWN", MODES_ALL, "hosts", check_facts_unknown,
	      "Both hosts answer, in their shell and through libvirt.",
	      "try ssh to the host and virsh list there; what could not be asked was not checked"),
	ERROR("E-GUEST-STATE", MODES_ALL, "guest", check_guest_state,
	      "The guest is running or paused, and not by a migration that has not come to its end; for cold: it is "
	      "shut off, and defined.",
	      "start the guest, or shut it down, as the mode wants it"),
	ERROR("E-GUEST-IOERROR", MODES_RUNNING, "guest", check_guest_ioerror,
	      "The guest is not paused by an I/O error of a disk.", "repair its storage, then resume the guest"),
	ERROR("E-JOB-RUNNING", MODES_RUNNING, "guest", check_job_running,
	      "No other job runs on the guest: no migration, save, dump, snapshot or backup.",
	      "wait for the end of the job or abort it with virsh domjobabort"),
	ERROR("E-BLOCK-JOB", MODES_RUNNING, "guest", check_block_job, "No block job runs on a disk of the guest.",
	      "wait for its end or abort it with virsh blockjob --abort"),
	ERROR("E-SNAPSHOTS", MODES_ALL, "guest", check_snapshots,
	      "The guest has no snapshots; libvirt does not migrate a domain that has some. For cold: neither its "
	      "snapshots nor its saved image name a path that changes, and a saved image is not on shared storage.",
	      "delete them with virsh snapshot-delete"),
	WARNING("W-CHECKPOINTS", MODES_ALL, "guest", check_checkpoints,
		"The guest has no checkpoints; libvirt leaves them behind and the next backup is a full one.",
		"delete them with virsh checkpoint-delete, and let the next backup be a full one"),
	WARNING("W-DEADLINE", MODES_RUNNING, "guest", check_deadline,
		"A deadline (--timeout) is not shorter than what the forecast says the migration takes at least.",
		"give it more --timeout, or 0 for none"),
	ERROR("E-HOSTS-IDENTICAL", MODES_ALL, "hosts", check_hosts_identical,
	      "Source and destination are two machines, told by machine-id and boot-id.",
	      "name another host as the destination"),
	ERROR("E-HOST-UUID", MODES_RUNNING, "hosts", check_host_uuid,
	      "libvirt has another host UUID on each host; with the same one it refuses to migrate.",
	      "on one host set host_uuid in /etc/libvirt/libvirtd.conf (with modular daemons: virtqemud.conf) to what "
	      "uuidgen prints, and restart that daemon"),
	ERROR("E-NAME-TAKEN", MODES_ALL, "hosts", check_name_taken,
	      "The destination has no domain with the guest's name or UUID, be it running or only defined.",
	      "rename or undefine the domain there, once it is clear that it is not needed"),
	ERROR("E-AUTOSTART-BOTH", MODES_ALL, "hosts", check_autostart_both,
	      "The guest does not start with both hosts, and no autostart link of its name is left at the destination.",
	      "disable autostart at the destination"),
	ERROR("E-HYPERVISOR-TYPE", MODES_ALL, "hosts", check_hypervisor_type,
	      "The destination supports the domain type of the guest, such as kvm.",
	      "make the destination support it: virt-host-validate says what is missing"),
	ERROR("E-EMULATOR", MODES_ALL, "hosts", check_emulator,
	      "The emulator the guest's XML names is at the destination and can run the domain.",
	      "install the same QEMU package at the destination"),
	ERROR("E-MACHINE-TYPE", MODES_ALL, "hosts", check_machine_type,
	      "The destination's QEMU knows the guest's machine type.",
	      "update QEMU at the destination, or give the guest an older machine type (virsh edit) and restart it"),
	ERROR("E-HYPERVISOR-OLDER", MODES_RUNNING, "hosts", check_hypervisor_older,
	      "The destination's QEMU is not older than the source's.", "update QEMU at the destination first"),
	WARNING("W-LIBVIRT-OLDER", MODES_ALL, "hosts", check_libvirt_older,
		"The destination's libvirt is not older than the source's.", "update libvirt at the destination first"),
	ERROR("E-ARCH", MODES_ALL, "hosts", check_arch, "Both hosts have the same architecture (guests of type kvm).",
	      "choose a destination of the same architecture"),
	WARNING("W-CLOCK-SKEW", MODES_RUNNING, "hosts", check_clock_skew,
		"The clocks of the hosts agree to a second, beyond what the measurement may be wrong.",
		"let both hosts follow the same NTP servers: chronyc tracking, or timedatectl"),
	ERROR("E-CPU", MODES_ALL, "cpu", check_cpu,
	      "The destination can give the guest the CPU it has now, with all its features.",
	      "choose a destination with such a CPU, or give the guest a CPU model that both hosts have (virsh "
	      "hypervisor-cpu-baseline) and restart it"),
	ERROR("E-CPU-INVTSC", MODES_RUNNING, "cpu", check_cpu_invtsc,
	      "A guest with CPU feature invtsc has a TSC frequency in its XML; without one QEMU does not migrate it.",
	      "add <timer name='tsc' frequency='…'/> to <clock> with the frequency of the hosts, or remove invtsc; "
	      "then "
	      "restart the guest"),
	ERROR("E-MEMORY", MODES_RUNNING, "memory", check_memory,
	      "The destination has available memory for the guest's RAM, its page tables, 8 MiB for each vCPU and 64 "
	      "MiB "
	      "for QEMU.",
	      "move other guests away from the destination first, or choose another one"),
	ERROR("E-HUGEPAGES", MODES_RUNNING, "memory", check_hugepages,
	      "The destination has huge pages of the guest's sizes, and enough of them are free.",
	      "reserve more: sysctl vm.nr_hugepages, or the kernel parameters hugepagesz= and hugepages="),
	ERROR("E-PINNING", MODES_ALL, "memory", check_pinning,
	      "The CPUs and NUMA nodes the guest is pinned to exist at the destination.",
	      "change the pinning of the guest with virsh vcpupin, emulatorpin or numatune, or choose another "
	      "destination"),
	ERROR("E-DEVICE", MODES_ALL, "devices", check_device, "No device of the guest is bound to its host.",
	      "remove the device from the guest: virsh detach-device"),
	ERROR("E-ENCRYPTED-GUEST", MODES_RUNNING, "devices", check_encrypted_guest,
	      "The guest's memory is not encrypted (launchSecurity).", "such a guest moves only when it is shut off"),
	ERROR("E-DEVICE-MODEL", MODES_ALL, "devices", check_device_model,
	      "The destination's QEMU has the disk buses, video, graphics, rng and TPM models of the guest.",
	      "install the missing QEMU modules at the destination (Debian: qemu-system-gui, "
	      "qemu-system-modules-spice; "
	      "Fedora: qemu-device-*)"),
	ERROR("E-TPM", MODES_ALL, "devices", check_tpm,
	      "The guest's TPM is an emulated one that the destination can emulate as well.",
	      "install swtpm at the destination, or remove the TPM from the guest"),
	WARNING("W-QEMU-COMMANDLINE", MODES_ALL, "devices", check_qemu_commandline,
		"The guest has no QEMU arguments of its own.", "see that what they name is at the destination as well"),
	ERROR("E-FIRMWARE", MODES_ALL, "devices", check_firmware,
	      "Firmware and the place of its variables (loader, nvram, template) are at the destination.",
	      "install the firmware package there (ovmf, edk2-ovmf) in the same version"),
	ERROR("E-HOST-PATH", MODES_ALL, "devices", check_host_path,
	      "Other files, directories and sockets of the guest's XML are at the destination.",
	      "make it at the destination, or take it out of the guest's XML"),
	ERROR("E-SECRET", MODES_ALL, "devices", check_secret,
	      "The libvirt secrets the guest's disks and TPM need are defined at the destination.",
	      "virsh secret-dumpxml at the source, then secret-define and secret-set-value at the destination"),
	WARNING("W-USER-NETWORK", MODES_RUNNING, "network", check_user_network,
		"No interface of the guest is a user-mode network (slirp, passt), whose connections end with the move.",
		"put the interface on a bridge or a libvirt network when its connections must live on"),
	ERROR("E-NETWORK", MODES_ALL, "network", check_network,
	      "The libvirt networks of the guest are defined and active at the destination, with their portgroups.",
	      "define and start the network at the destination: virsh net-define, net-start"),
	ERROR("E-BRIDGE", MODES_ALL, "network", check_bridge,
	      "The bridges of the guest exist at the destination, are of the same kind and up.",
	      "make a bridge of that kind at the destination and set it up"),
	ERROR("E-NETDEV", MODES_ALL, "network", check_netdev,
	      "The network devices of the guest's direct (macvtap) interfaces exist at the destination and are up.",
	      "put the interface on a libvirt network that both hosts have, each with its own device"),
	ERROR("E-NWFILTER", MODES_ALL, "network", check_nwfilter,
	      "The network filters of the guest are defined at the destination.",
	      "define the filter at the destination: virsh nwfilter-define"),
	WARNING("W-MTU", MODES_ALL, "network", check_mtu, "The guest's bridges have no smaller MTU at the destination.",
		"set the same MTU on both hosts"),
	ERROR("E-GRAPHICS-LISTEN", MODES_ALL, "network", check_graphics_listen,
	      "The addresses the guest's VNC or SPICE server listens on are also the destination's.",
	      "let it listen on 0.0.0.0, or on a network (<listen type='network'/>), and restart the guest"),
	ERROR("E-STORAGE-NOT-SHARED", MODE_LIVE, "storage", check_storage_not_shared,
	      "Every disk is the same file or device on both hosts, proven by trying.",
	      "mount the same storage at the same path on both hosts, or move the disks along: vmmig block"),
	ERROR("E-STORAGE-UNPROVEN", MODES_ALL, "storage", check_storage_unproven,
	      "It could be tried for every disk whether it is the same on both hosts.",
	      "remove what stood in the way, or skip this check if you know that the storage is shared"),
	ERROR("E-STORAGE-CACHE", MODES_RUNNING, "storage", check_storage_cache,
	      "Disks on shared storage have cache mode none or directsync, or lie where libvirt and QEMU keep both "
	      "hosts' "
	      "caches true.",
	      "set cache='none' in the <driver> of the disk (virsh edit) and restart the guest"),
	ERROR("E-STORAGE-POOL", MODES_ALL, "storage", check_storage_pool,
	      "Storage pools and volumes that disks name are active and present at the destination.",
	      "define and start the pool at the destination: virsh pool-define, pool-start"),
	ERROR("E-CDROM", MODE_LIVE, "storage", check_cdrom,
	      "The images in CD-ROM and floppy drives are at the destination, in the same size.",
	      "eject the medium or copy its image to the destination"),
	ERROR("E-STORAGE-SHARED", MODE_BLOCK, "disks", check_storage_shared,
	      "There is a disk to copy: not all of them are on storage that both hosts share.",
	      "move the guest with vmmig live"),
	ERROR("E-DISK-CHOICE", MODES_DISKS, "disks", check_disk_choice,
	      "The guest has the disks that --disk names, and none of them is on shared storage under the same path.",
	      "see the guest's disks: virsh domblklist"),
	ERROR("E-DISK-KIND", MODES_DISKS, "disks", check_disk_kind,
	      "Every disk that is not shared can be copied: a file or a block device, not shareable, not transient.",
	      "put that disk on shared storage, take it out of the guest, or move the guest while it is shut off"),
	ERROR("E-IMAGE-UNREADABLE", MODES_DISKS, "disks", check_image_unreadable,
	      "qemu-img at the source can read the images to be copied, with all their backing files.",
	      "look at the source: qemu-img info -U --backing-chain"),
	ERROR("E-IMAGE-CHAIN", MODE_BLOCK, "disks", check_image_chain,
	      "The backing chain QEMU runs on is the one that the images name.",
	      "compare virsh dumpxml with qemu-img info -U --backing-chain; qemu-img rebase -u mends a header while "
	      "the "
	      "guest is off"),
	ERROR("E-IMAGE-FEATURE", MODES_DISKS, "disks", check_image_feature,
	      "The images are qcow2 or raw, without encryption, external data file, or internal snapshots that a copy "
	      "would lose.",
	      "convert the image with qemu-img convert, or delete its snapshots with qemu-img snapshot -d, while the "
	      "guest is off"),
	ERROR("E-IMAGE-TOOLS", MODES_DISKS, "disks", check_image_tools,
	      "Both hosts have the tools that images need: qemu-img, sha256sum, and qemu-nbd at the destination; for "
	      "cold "
	      "qemu-storage-daemon there.",
	      "install QEMU's tools on that host (Debian: qemu-utils; Fedora: qemu-img)"),
	ERROR("E-DISK-EXISTS", MODES_DISKS, "disks", check_disk_exists,
	      "At the destination there is nothing yet where a disk will be.",
	      "if nobody needs that file, move it away; or choose another path with --disk or --storage"),
	ERROR("E-DISK-COLLISION", MODES_DISKS, "disks", check_disk_collision,
	      "No two files of the guest get the same path at the destination.", "give each its own path with --disk"),
	ERROR("E-DISK-DIRECTORY", MODES_DISKS, "disks", check_disk_directory,
	      "The directories of the disks at the destination can be written, or made.",
	      "let vmmig's user write there, or choose another directory with --storage"),
	ERROR("E-DISK-DEVICE", MODES_DISKS, "disks", check_disk_device,
	      "A block device of the guest exists at the destination; one that is copied has exactly the same size "
	      "there, "
	      "and nothing uses it.",
	      "make such a device there"),
	ERROR("E-BACKING-DIFFERENT", MODES_DISKS, "disks", check_backing_different,
	      "Files that are not written, and are at the destination already, have the same format, size and content "
	      "there (SHA-256).",
	      "move the other file away, or choose another directory with --storage"),
	ERROR("E-DISK-SPACE", MODES_DISKS, "disks", check_disk_space,
	      "The destination's file systems have room for what the disks hold now, for all guests of the call and "
	      "missing backing files, beside reserve_mib.",
	      "make room there, or choose another directory with --storage"),
	WARNING("W-DISK-SPACE", MODES_DISKS, "disks", check_disk_space_worst,
		"The destination's file systems have room for the disks also when these are full.",
		"watch the free space there: the guest's disks are larger than it"),
	WARNING("W-SOURCE-DEVICE", MODES_DISKS, "disks", check_source_device,
		"No disk that is copied is a block device, which cannot be renamed out of the way afterwards.",
		"wipe or remove the device at the source once the guest has moved: wipefs, lvremove"),
	ERROR("E-HOST-NAME", MODES_RUNNING, "connection", check_host_name,
	      "The source resolves the destination's host name to an address of the destination, or an address was "
	      "proven to "
	      "work without it.",
	      "put the destination's name into DNS or /etc/hosts of the source, or set migrate_address in vmmig.conf"),
	ERROR("E-MIGRATION-PORT", MODES_ALL, "connection", check_migration_port,
	      "The source reaches a migration port of the destination.",
	      "open the ports of migration_port_min to migration_port_max (qemu.conf, 49152-49215) at the destination"),
	ERROR("E-TRANSPORT", MODES_RUNNING, "connection", check_transport,
	      "libvirt and QEMU of both hosts can do what was asked for together: transport, parallel connections, "
	      "post-copy.",
	      "leave one of them out: --transport, --parallel, --on-timeout postcopy"),
	ERROR("E-POSTCOPY", MODES_RUNNING, "connection", check_postcopy,
	      "Where post-copy may come into play (--policy must-finish, --on-timeout postcopy): the destination's "
	      "kernel "
	      "lets QEMU do it, asked as the user that libvirt runs it as.",
	      "at the destination: sysctl vm.unprivileged_userfaultfd=1, and into /etc/sysctl.d; or go without: "
	      "--policy "
	      "balanced, --on-timeout suspend"),
	ERROR("E-SSH-TUNNEL", MODES_ALL, "connection", check_ssh_tunnel,
	      "With transport ssh: root at the source logs in at the destination by SSH key, and reaches a UNIX socket "
	      "there "
	      "through that connection.",
	      "let root at the source log in as root at the destination by SSH key, with the host key known, and let "
	      "sshd there permit AllowStreamLocalForwarding"),
	ERROR("E-TLS-CERTS", MODES_RUNNING, "connection", check_tls_certs,
	      "With transport tls: certificates and keys are where libvirt looks for them on both hosts, are valid "
	      "now, "
	      "of a CA that the other host trusts, and the destination's is for the name it is called by.",
	      "see E-TLS-CERTS in vmmig-troubleshooting(7), which shows how to make them"),
	WARNING("W-TLS-UNCHECKED", MODES_RUNNING, "connection", check_tls_unchecked,
		"With transport tls: openssl is on one of the hosts to judge the certificates with.",
		"install openssl on one of them, to learn it before the migration"),
	WARNING("W-PEER-LOGIN", MODES_RUNNING, "connection", check_peer_login,
		"libvirt at the source can log in to libvirt at the destination; otherwise vmmig controls the "
		"migration and "
		"must live until its end.",
		"let root at the source log in there by SSH key, with the host key known"),
};
const size_t check_table_n = ARRAY_SIZE(check_table);

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs on a host and lies around there, whatever libvirt says of it: QEMU processes with the files they can write,
 * leases, files that migrations have left. One remote command, which changes nothing.
 */
#ifndef HOST_SURVEY_H
#define HOST_SURVEY_H

#include "host/files.h"

enum { SURVEY_PORTS_MAX = 32 };

/* A file or block device that a QEMU can write. */
struct open_disk {
	char *path;
	struct file_id id;
	int64_t written_ms; /* last write, the host's wall clock; 0: not known */
	/*
	 * The same on every host that has this disk: of a file what is mounted and the inode, of a block device its
	 * WWN. NULL: a file on a file system that only one host can have mounted, or a device that has no WWN.
	 */
	char *identity;
	/*
	 * That QEMU has locked it for writing. One that only waits for memory has not, unless its disks are
	 * copied to it, nor has one that a migration has left. UNKNOWN: its file system may keep locks where the host's
	 * kernel does not show them.
	 */
	enum fact locked;
};

struct qemu_process {
	int pid;
	uint64_t start; /* /proc/PID/stat field 22: tells a recycled pid */
	uint64_t age_s;
	char state; /* R, S, D (waits for its storage), T (stopped), Z */
	char uuid[37];
	bool incoming; /* it was started to receive a migration (or a saved guest), however long ago that has ended */
	uint16_t ports[SURVEY_PORTS_MAX]; /* TCP ports on which it listens, each once; no more than these are told */
	size_t ports_n;
	struct open_disk *disks; /* each path of a file once */
	size_t disks_n;
};

struct lease_fact {
	char uuid[37];
	bool held;
	char *who;
};

/* .part of a copy, something made under a name of its own, or *.vmmig-quarantine-*. */
struct left_file {
	char *path;
	uint64_t size;
	int64_t age_s;
	bool quarantined;
};

struct survey {
	struct qemu_process *processes;
	size_t processes_n;
	struct lease_fact *leases;
	size_t leases_n;
	struct left_file *files;
	size_t files_n;
	unsigned servers; /* qemu-storage-daemon and qemu-nbd of copies */
};
void survey_clear(struct survey *s);

/*
 * 0; -1 with the reasons of host_exec_wait(), or E_REMOTE when the host hides its processes from us. In two steps, so
 * that several hosts work at once. Strings are sanitised and bounded.
 */
struct exec_job *survey_start(struct host *h);
int survey_wait(struct host *h, struct exec_job *job, struct survey *s, struct err *err);
/* Pure: the script's answer. -1: it makes no sense. */
int survey_parse(char *text, struct survey *s);

/* open_disk.identity of one file, "-" for none; NULL with err. The caller frees. */
char *survey_identity(struct host *h, const char *path, struct err *err);

/*
 * Ends that very process with SIGKILL, once more proven by pid, start time and UUID, and waits until it is gone. 0; 1:
 * it is not there any more, or not that one; -1 err (E_REMOTE: it does not end, as one that waits for its storage).
 */
int survey_kill(struct host *h, const struct qemu_process *p, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One host: a name, one authenticated SSH session and one libvirt connection
 * that runs inside it. Everything vmmig does on a host goes through here.
 *
 *  1. host_new(spec)
 *  2. hosts_open(): all hosts at once, bounded in time
 *  3. host_exec(), host_read_file(), guest_*() (host/guest.h), facts (host/facts.h)
 *  4. host_free(): ends the session and whatever still runs in it
 *
 * A host may be used from several threads at once. Every call is bounded in time
 * (spec.command_timeout_s unless it takes its own) and ends early on an
 * unacknowledged signal (base/interrupt.h) with E_CANCELLED.
 *
 * Behind it stands an operations struct, so that another kind of host, or one
 * that fails on demand, can take its place.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum side { SIDE_NONE, SIDE_SOURCE, SIDE_DESTINATION };
const char *side_name(enum side side); /* "host", "source", "destination" */

/* How to reach a host; strings owned, NULL where not said. */
struct host_spec {
	char *name;    /* what the operator calls it */
	char *address; /* host name or IP address, as seen from here */
	unsigned port; /* 0: what ~/.ssh/config says, else 22 */
	char *user;
	char *identity, *known_hosts;
	char *uri;             /* libvirt URI on the host: "qemu:///system" */
	char *socket;          /* libvirt's UNIX socket on the host */
	char *migrate_address; /* where other hosts' QEMU send guests to */
	char *fence;           /* command, run here, after which the host is surely off */
	char *peer_uri;        /* libvirt URI other hosts reach this one by; NULL: qemu+ssh from user, address, port */
	unsigned connect_timeout_s;
	unsigned command_timeout_s;
	unsigned keepalive_s; /* a silent connection is dead after about 4 times this */
};
void host_spec_free(struct host_spec *spec);
struct host_spec *host_spec_copy(const struct host_spec *spec);

struct host;

struct host *host_new(const struct host_spec *spec); /* copies spec */
/* A call that did not come back in time may still use the host: from now on host_free() leaves it to the end of the
 * process. */
void host_set_stuck(struct host *h);
void host_free(struct host *h);
AUTO_DEFINE(host, struct host *, host_free)
#define auto_host AUTO(auto_host_)

const struct host_spec *host_spec(const struct host *h);
const char *host_name(const struct host *h);
enum side host_side(const struct host *h);
void host_set_side(struct host *h, enum side side);
/* "destination beta", "host beta": for messages. Valid as long as the host and its side. */
const char *host_label(const struct host *h);
/* The URI other hosts' libvirt reaches this one by: peer_uri or made from user, address, port. Caller frees. */
char *host_peer_uri(const struct host *h);

/* The same, the host's own copy: for commands in hints. */
const char *host_uri(const struct host *h);

/*
 * Opens n hosts concurrently. errs[i] is set for each host that failed, its message
 * beginning with the host's label. Returns how many failed.
 */
size_t hosts_open(struct host *const hosts[], size_t n, struct err errs[]);
/* host_free() of each, at the same time: to say goodbye to libvirt takes a round trip. */
void hosts_free(struct host *const hosts[], size_t n);

/* At the end of the process, when no host is left: ends the thread of libvirt's event loop. */
void hosts_shutdown(void);

/*
 * Makes a host that broke usable again: a new session if that is dead, a new libvirt connection if that is. Does
 * nothing when both live. 0; 1: the session is a new one, and holds of the old one are gone with it; -1.
 */
int host_reopen(struct host *h, struct err *err);

/* What a remote command gave back. */
struct exec_result {
	int exit_status;   /* 0-255; -1: killed by a signal */
	struct buf out;    /* standard output, at most EXEC_OUT_MAX bytes */
	struct buf errout; /* standard error, at most EXEC_ERR_MAX bytes */
};
enum { EXEC_OUT_MAX = 1 << 20, EXEC_ERR_MAX = 16 << 10 };
void exec_result_clear(struct exec_result *r);
/* The last line of standard error, sanitised, without "qemu-img: " before it; "" if it said nothing. Caller frees. */
char *exec_last_words(const struct exec_result *r);
#define auto_exec AUTO(exec_result_clear)

/*
 * Runs argv (NULL-terminated; quoted by quote_argv(), so nothing in it is shell syntax) on the host.
 * timeout_ms 0: spec.command_timeout_s. 0: the command ran, look at r->exit_status.
 * -1: it is unknown whether and how it ran (E_TIMEOUT, E_DISCONNECTED, E_CANCELLED, E_REMOTE).
 */
int host_exec(struct host *h, const char *const argv[], unsigned timeout_ms, struct exec_result *r, struct err *err);

/*
 * The same in two steps, so that several hosts work at once. Each started job is waited for exactly
 * once; host_exec_wait() frees it, also when it fails.
 */
struct exec_job;
struct exec_job *host_exec_start(struct host *h, const char *const argv[], unsigned timeout_ms);
int host_exec_wait(struct exec_job *job, struct exec_result *r, struct err *err);
/* Instead of waiting: its result is not wanted any more. NULL is fine. */
void host_exec_drop(struct exec_job *job);

/*
 * Runs a POSIX sh script (a constant of ours, never data) with arguments $1…; a convenience around host_exec_start():
 * argv is sh -c SCRIPT vmmig ARGS. args NULL-terminated, may be NULL for none.
 */
struct exec_job *host_script_start(struct host *h, const char *script, const char *const args[], unsigned timeout_ms);
/* The same with a text on its standard input (copied): where secrets go, which must not be in argv. */
struct exec_job *host_script_start_input(struct host *h, const char *script, const char *const args[],
					 const char *input, unsigned timeout_ms);

/*
 * A command that stays: its standard input is held open until host_hold_end(), or until the session dies:
 * then sshd closes it. Leases, tokens and listeners are made of this, since the script sees the end of its input even
 * when vmmig is killed, and can tidy up by itself.
 *
 * host_hold_start() only starts it. host_hold_line() waits for its first output line (without the newline, at most
 * EXEC_OUT_MAX bytes; caller frees): NULL with err if it ended before it printed one, or not within command_timeout_s;
 * the message has its standard error then. host_hold_end() closes its input and waits for its end, bounded; NULL is
 * fine. It must be called also when host_hold_line() failed. host_hold_end() gives the exit status, or -1 when it is
 * not known.
 */
struct exec_hold;
struct exec_hold *host_hold_start(struct host *h, const char *script, const char *const args[]);
/* The same with a text that goes to its standard input first (copied), as of host_script_start_input(). */
struct exec_hold *host_hold_start_input(struct host *h, const char *script, const char *const args[],
					const char *input);
char *host_hold_line(struct exec_hold *hold, struct err *err);
int host_hold_end(struct exec_hold *hold);
/*
 * In place of host_hold_end(): waits until it ends by itself, however long that takes, and frees it. 0 and -1 as of
 * host_exec_wait(). For what may run for hours and must not outlive us: the script watches its input.
 */
int host_hold_wait(struct exec_hold *hold, struct exec_result *r, struct err *err);
/* Only closes its input, so that several end at the same time; host_hold_end() still follows. NULL is fine. */
void host_hold_close(struct exec_hold *hold);

/*
 * Can the host itself open a TCP connection to address:port? A direct-tcpip channel of its sshd, closed again at once.
 * 1: yes; 0: no, *reason has sshd's words (caller frees); -1 err: cannot be told (E_REMOTE when sshd does not permit
 * forwarding).
 */
int host_tcp_probe(struct host *h, const char *address, unsigned port, unsigned timeout_ms, char **reason,
		   struct err *err);

/*
 * Reads a file by SFTP: at most max bytes, from its end if tail. 0; 1 if there is no such file; -1 err.
 * Names are data to SFTP: no quoting, no shell.
 */
int host_read_file(struct host *h, const char *path, size_t max, bool tail, struct buf *out, struct err *err);

/* The libvirt connection (a virConnectPtr) for host/facts.c and host/guest.c; NULL when not open. */
struct _virConnect;
struct _virConnect *host_libvirt(const struct host *h);

/* Sets err from libvirt's last error in this thread: "what: libvirt's words". Returns -1. */
int libvirt_error(struct err *err, enum err_id id, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif

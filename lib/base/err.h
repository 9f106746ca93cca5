/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The error object.
 *
 *  - A function that can fail takes `struct err *err` last and returns 0 or -1
 *    (or a pointer or NULL). On success err is untouched; callers test `< 0`.
 *  - err_set() returns -1, so that `return err_set(err, …)` is one line. The
 *    first error stays: setting again only adds nothing and returns -1.
 *  - A caller that knows more wraps: err_wrap(err, "destination %s", name).
 *    The message reads from the outside in: guest, side and host, object, reason.
 *  - err_hint() says what to try next; the innermost hint stays.
 *  - err may be NULL where the caller does not care why.
 *
 * Each error has a stable ID out of err_ids[] below or out of the check table
 * (lib/check/check.h); vmmig-troubleshooting(7) lists both, held by a test.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

/* Exit statuses of vmmig(1); part of the command-line contract. */
enum status {
	STATUS_OK = 0,          /* moved, or nothing to do */
	STATUS_FAILED = 1,      /* guest safe: as before, or off by its own act */
	STATUS_USAGE = 2,       /* usage or configuration */
	STATUS_REFUSED = 3,     /* refused by a check */
	STATUS_UNDECIDED = 4,   /* undecided or unsafe: a person must look */
	STATUS_CANCELLED = 5,   /* guest as before */
	STATUS_BUSY = 6,        /* guest leased by another vmmig */
	STATUS_UNREACHABLE = 7, /* host unreachable or authentication failed */
};

/* The worse of two, by the order 4, 1, 7, 2, 3, 6, 5; 0 is best. */
enum status status_worst(enum status a, enum status b);

/* X(symbol, stable ID, exit status, what it means) */
#define ERR_IDS(X)                                                                                                  \
	X(E_USAGE, "E-USAGE", STATUS_USAGE, "wrong option or argument")                                             \
	X(E_CONFIG, "E-CONFIG", STATUS_USAGE, "the configuration cannot be read or has a wrong value")              \
	X(E_HOST_UNKNOWN, "E-HOST-UNKNOWN", STATUS_USAGE, "the host is not in the configuration")                   \
	X(E_SAME_HOST, "E-SAME-HOST", STATUS_USAGE, "source and destination are the same host")                     \
	X(E_GUEST_UNKNOWN, "E-GUEST-UNKNOWN", STATUS_USAGE, "no host knows the guest")                              \
	X(E_GUEST_AMBIGUOUS, "E-GUEST-AMBIGUOUS", STATUS_USAGE, "more than one host knows the guest")               \
	X(E_RESOLVE, "E-RESOLVE", STATUS_UNREACHABLE, "the host's address cannot be resolved")                      \
	X(E_CONNECT, "E-CONNECT", STATUS_UNREACHABLE, "the SSH connection cannot be made")                          \
	X(E_HOSTKEY_UNKNOWN, "E-HOSTKEY-UNKNOWN", STATUS_UNREACHABLE, "the host's key is not known")                \
	X(E_HOSTKEY_CHANGED, "E-HOSTKEY-CHANGED", STATUS_UNREACHABLE, "the host's key has changed")                 \
	X(E_AUTH, "E-AUTH", STATUS_UNREACHABLE, "the host refuses our key")                                         \
	X(E_TIMEOUT, "E-TIMEOUT", STATUS_UNREACHABLE, "the host did not answer in time")                            \
	X(E_DISCONNECTED, "E-DISCONNECTED", STATUS_UNREACHABLE, "the connection to the host broke")                 \
	X(E_REMOTE, "E-REMOTE", STATUS_FAILED, "a command on a host failed")                                        \
	X(E_LIBVIRT_CONNECT, "E-LIBVIRT-CONNECT", STATUS_UNREACHABLE, "libvirt on the host does not answer")        \
	X(E_LIBVIRT, "E-LIBVIRT", STATUS_FAILED, "libvirt reports an error")                                        \
	X(E_XML, "E-XML", STATUS_FAILED, "a domain XML cannot be understood")                                       \
	X(E_JOURNAL, "E-JOURNAL", STATUS_FAILED, "the journal cannot be read or written")                           \
	X(E_LEASE, "E-LEASE", STATUS_FAILED, "the lease on the guest cannot be made")                               \
	X(E_BUSY, "E-BUSY", STATUS_BUSY, "another vmmig works on the guest")                                        \
	X(E_PREPARE, "E-PREPARE", STATUS_FAILED, "what the guest needs at the destination cannot be made there")    \
	X(E_FETCH, "E-FETCH", STATUS_FAILED, "a backing file cannot be brought to the destination")                 \
	X(E_COPY, "E-COPY", STATUS_FAILED, "a disk cannot be copied to the destination")                            \
	X(E_SOURCE_CHANGED, "E-SOURCE-CHANGED", STATUS_FAILED, "a disk changed while it was copied")                \
	X(E_GUEST_STARTED, "E-GUEST-STARTED", STATUS_FAILED, "the guest was started while it was copied")           \
	X(E_SHUTDOWN, "E-SHUTDOWN", STATUS_FAILED, "the guest did not shut down in time")                           \
	X(E_START, "E-START", STATUS_FAILED, "the guest does not start at the destination; it is as before")        \
	X(E_MIGRATE, "E-MIGRATE", STATUS_FAILED, "the migration failed; the guest runs on at the source")           \
	X(E_GUEST_STOPPED, "E-GUEST-STOPPED", STATUS_FAILED, "the guest stopped by itself during its migration")    \
	X(E_GUEST_GONE, "E-GUEST-GONE", STATUS_UNDECIDED, "the guest runs nowhere and is defined nowhere")          \
	X(E_DEADLINE, "E-DEADLINE", STATUS_FAILED, "the migration took longer than --timeout; it was stopped")      \
	X(E_CONVERGE, "E-CONVERGE", STATUS_FAILED, "the guest changes its memory too fast; it was stopped")         \
	X(E_NOT_UNDER_WAY, "E-NOT-UNDER-WAY", STATUS_USAGE, "the migration is not under way (any more)")            \
	X(E_TOO_LATE, "E-TOO-LATE", STATUS_FAILED, "the migration does not take what is asked for any more")        \
	X(E_CANCELLED, "E-CANCELLED", STATUS_CANCELLED, "cancelled; the guest is as before")                        \
	X(E_UNDECIDED, "E-UNDECIDED", STATUS_UNDECIDED, "it cannot be proven where the guest runs")                 \
	X(E_SPLIT_BRAIN, "E-SPLIT-BRAIN", STATUS_UNDECIDED, "the guest is active on several hosts")                 \
	X(E_NOT_PROVEN, "E-NOT-PROVEN", STATUS_REFUSED, "what the hosts show does not allow what is asked for")     \
	X(E_FENCE, "E-FENCE", STATUS_FAILED, "the dead host is not proven to be off")                               \
	X(E_INCOMPLETE, "E-INCOMPLETE", STATUS_UNDECIDED, "the guest has moved, but not all that follows was done") \
	X(E_OUTPUT, "E-OUTPUT", STATUS_FAILED, "standard output cannot be written")                                 \
	X(E_INTERNAL, "E-INTERNAL", STATUS_FAILED, "a fault of vmmig itself")

enum err_id {
#define X(sym, id, status, text) sym,
	ERR_IDS(X)
#undef X
		ERR_ID_COUNT
};

struct err_info {
	const char *id;
	enum status status;
	const char *text;
};
extern const struct err_info err_infos[ERR_ID_COUNT];

struct err {
	const char *id; /* static string; NULL: no error */
	enum status status;
	char *msg;
	char *hint; /* or NULL */
};
#define ERR_INIT  \
	{         \
		0 \
	}

/* Sets err unless it holds an error already. errnum, if not 0, adds ": strerror". Returns -1. */
int err_set(struct err *err, enum err_id id, int errnum, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same for an ID out of another table (checks); id must be a static string. Returns -1. */
int err_set_id(struct err *err, const char *id, enum status status, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "prefix: " before the message of an error that is set. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Adds what to try next, unless a hint is there. Returns -1. A hint is mostly a command to type, so every %s in it is
 * quoted as a shell word (quote_printf()); a hint that is ready comes by err_hint_text().
 */
int err_hint_text(struct err *err, const char *text);
int err_hint(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool err_is(const struct err *err, enum err_id id);
void err_move(struct err *to, struct err *from);      /* to must be empty or is freed first */
int err_copy(struct err *to, const struct err *from); /* unless to holds one; -1 */
void err_clear(struct err *err);                      /* frees; ready for use again */

#define auto_err AUTO(err_clear)

#endif

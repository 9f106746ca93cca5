/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libvirt has no answer to is asked of the host by scripts: the QEMU processes of a guest, and the lease on it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "host/find-qemu.h"
#include "host/host-private.h"

/*
 * Processes that have the UUID as one whole argument (QEMU's -uuid). Names could be anything; the UUID is hexadecimal.
 * grep itself has it as an argument too, and so has this shell: both are left out by looking for "-uuid" as well.
 */
static const char count_script[] = "tr -d '\\0' </proc/1/cmdline | grep -q . || exit 1\n" /* hidepid: we see nothing */
				   "n=0\n"
				   "for f in $(grep -lzFx -e \"$1\" /proc/[0-9]*/cmdline 2>/dev/null); do\n"
				   "	if grep -qzFx -e -uuid \"$f\" 2>/dev/null; then n=$((n + 1)); fi\n"
				   "done\n"
				   "echo $n\n";

int process_count(struct host *h, const char *uuid, struct err *err)
{
	const char *args[] = { uuid, NULL };
	struct exec_result r auto_exec = { 0 };
	unsigned long long n;

	if (host_exec_wait(host_script_start(h, count_script, args, 0), &r, err) < 0)
		return -1;
	if (r.out.len)
		r.out.p[strcspn(r.out.p, "\n")] = '\0';
	return r.exit_status == 0 && str_to_uint(r.out.p, 0, 1000, &n) == 0 ? (int)n : -1;
}

/*
 * Since boot by /proc/uptime, and when it started by the 22nd field of /proc/PID/stat, in ticks (the name, which may
 * have spaces, ends at the last parenthesis); only if it is the only one.
 */
static const char age_script[] =
	FIND_QEMU "[ -n \"$p\" ] && read -r s <\"$p/stat\" && read -r up u </proc/uptime || exit 1\n"
		  "set -- ${s##*) }; shift 19\n"
		  "echo $((${up%%.*} - $1 / $(getconf CLK_TCK)))\n";

int process_age(struct host *h, const char *uuid, uint64_t *seconds, struct err *err)
{
	const char *args[] = { uuid, NULL };
	struct exec_result r auto_exec = { 0 };
	unsigned long long v;

	if (host_exec_wait(host_script_start(h, age_script, args, 0), &r, err) < 0)
		return -1;
	if (r.out.len)
		r.out.p[strcspn(r.out.p, "\n")] = '\0';
	if (r.exit_status != 0 || str_to_uint(r.out.p, 0, INT64_MAX, &v) < 0)
		return err_set(err, E_REMOTE, 0, "it cannot be told since when its QEMU runs");
	*seconds = v;
	return 0;
}

/* ---- connections ---- */

/*
 * Reads established TCP connections as ss tells them, one to a line, and goes on with those that have one of the other
 * addresses at their end: $l and $r are local and remote, $x is the rest; end ends one, and counts it in n. Exit status
 * 4: there are such, and none can be ended (not root, or a kernel without INET_DIAG_DESTROY).
 */
#define EACH_CONNECTION(what, wanted)                                                              \
	"PATH=$PATH:/usr/sbin:/sbin n=0 found=0\n"                                                 \
	"end() {\n"                                                                                \
	"	set -- state established src \"${l%:*}\" sport = \":${l##*:}\" dst \"${r%:*}\" dport = " \
	"\":${r##*:}\"\n"                                                                          \
	"	ss -K \"$@\" >/dev/null 2>&1\n"                                                          \
	"	[ -n \"$(ss -tnH \"$@\" 2>/dev/null)\" ] || n=$((n + 1))\n"                              \
	"}\n"                                                                                      \
	"all=$(ss " what " state established) || exit 3\n"                                         \
	"while read -r u u l r x; do\n"                                                            \
	"	to=${r%:*} port=${r##*:}; to=${to#[}; to=${to%]}; to=${to#::ffff:}\n" wanted       \
	"	for a; do [ \"$a\" != \"$to\" ] || { found=1; end; break; }; done\n"                     \
	"done <<E\n"                                                                               \
	"$all\n"                                                                                   \
	"E\n"                                                                                      \
	"[ $n$found != 01 ] || exit 4\n"                                                           \
	"echo $n\n"

/* UUID MIN MAX ADDRESS…: says how many. ss asks for IPv4 and IPv6, and complains of the one that does not fit. */
static const char cut_script[] =
	FIND_QEMU "[ -n \"$p\" ] || exit 1\n"
		  "min=$2 max=$3; shift 3\n" EACH_CONNECTION(
			  "-tnpH", "	case $x in *\"pid=${p#/proc/},\"*) ;; *) continue;; esac\n"
				   "	[ \"$port\" -ge \"$min\" ] && [ \"$port\" -le \"$max\" ] || continue\n");

/*
 * MIN MAX ADDRESS…: those that libvirt has made, and each ssh that is its child; not those that it has accepted on its
 * own ports (TLS, TCP). Whose a connection is only root is told.
 */
static const char cut_silent_script[] =
	"[ \"$(id -u)\" = 0 ] || exit 3\n"
	"min=$1 max=$2; shift 2\n"
	"is_libvirt() { read -r c <\"/proc/$1/comm\" && case $c in libvirtd|virtqemud) ;; *) return 1;; esac; }\n"
	"is_its() {\n"
	"	is_libvirt \"$1\" && return\n"
	"	read -r c <\"/proc/$1/comm\" && [ \"$c\" = ssh ] && read -r s <\"/proc/$1/stat\" || return\n"
	"	set -- ${s##*) }; is_libvirt \"$2\"\n" /* state, parent */
	"}\n" EACH_CONNECTION("-tnpiOH", "	case ${l##*:} in 16509|16514) continue;; esac\n"
					 "	case $x in *lastrcv:*) ;; *) continue;; esac\n"
					 "	i=${x##*lastrcv:}; i=${i%%[!0-9]*}\n"
					 "	[ \"$i\" -ge \"$min\" ] && [ \"$i\" -le \"$max\" ] || continue\n"
					 "	i=${x#*pid=}; is_its \"${i%%,*}\" 2>/dev/null || continue\n");

/* Runs one of the two. *n: how many connections it has ended. */
static int end_connections(struct host *h, const char *script, const char *const args[], unsigned *n, struct err *err)
{
	struct exec_result r auto_exec = { 0 };
	unsigned long long v = 0;

	if (host_exec_wait(host_script_start(h, script, args, 0), &r, err) < 0)
		return -1;
	if (r.out.len)
		r.out.p[strcspn(r.out.p, "\n")] = '\0';
	if (r.exit_status != 0 || str_to_uint(r.out.p, 0, UINT_MAX, &v) < 0)
		return err_set(err, E_REMOTE, 0, "its connections cannot be ended (ss -K)");
	*n = (unsigned)v;
	return 0;
}

int process_cut(struct host *h, const char *uuid, const struct strv *addresses, unsigned port_min, unsigned port_max,
		struct err *err)
{
	auto_free const char **args = xcalloc(addresses->n + 4, sizeof(*args));
	auto_free char *min = str_printf("%u", port_min), *max = str_printf("%u", port_max);
	unsigned n = 0;

	args[0] = uuid;
	args[1] = min;
	args[2] = max;
	for (size_t i = 0; i < addresses->n; i++)
		args[3 + i] = addresses->v[i];
	if (end_connections(h, cut_script, args, &n, err) < 0)
		return -1;
	return n ? 0 : err_set(err, E_REMOTE, 0, "none of its QEMU's connections was ended (ss -K)");
}

int process_cut_silent(struct host *h, const struct strv *addresses, unsigned min_ms, unsigned max_ms, unsigned *n,
		       struct err *err)
{
	auto_free const char **args = xcalloc(addresses->n + 3, sizeof(*args));
	auto_free char *min = str_printf("%u", min_ms), *max = str_printf("%u", max_ms);

	args[0] = min;
	args[1] = max;
	for (size_t i = 0; i < addresses->n; i++)
		args[2 + i] = addresses->v[i];
	return end_connections(h, cut_silent_script, args, n, err);
}

/* ---- the lease ---- */

/*
 * A lock on a file of the source host, held by a command whose standard input is our session: when vmmig dies or its
 * machine goes, sshd closes that input, the command ends, and with it the lease. The file is removed by its holder; -ef
 * after the lock tells whether it is still the one in the directory, since another holder may have removed it
 * between our open and our lock.
 */
static const char lease_script[] =
	"f=/run/vmmig-$1.lease\n"
	"command -v flock >/dev/null || { echo 'flock (util-linux) is missing' >&2; exit 3; }\n"
	"while :; do\n"
	"	exec 9>>\"$f\" || exit 3\n"
	"	if ! flock -n 9; then printf 'busy '; head -c 200 \"$f\" | tr -d '\\n'; echo; exit 0; fi\n"
	"	[ \"$f\" -ef /proc/self/fd/9 ] && break\n"
	"done\n"
	"printf '%s\\n' \"$2\" >\"$f\"\n"
	"trap '' HUP INT TERM\n"
	"echo held\n"
	"cat >/dev/null\n"
	"rm -f -- \"$f\"\n"
	"exit 0\n";

int process_lease(struct host *h, const char *uuid, const char *who, struct exec_hold **lease, struct err *err)
{
	const char *args[] = { uuid, who, NULL };
	struct exec_hold *hold = host_hold_start(h, lease_script, args);
	auto_free char *line = host_hold_line(hold, err);

	if (str_eq(line, "held")) {
		*lease = hold;
		return 0;
	}
	host_hold_end(hold);
	if (!line) {
		if (err_is(err, E_REMOTE)) {
			struct err why = ERR_INIT;

			err_move(&why, err);
			err_set(err, E_LEASE, 0, "cannot make the lease in /run: %s", why.msg);
			err_hint(err,
				 "the host needs flock (util-linux) and a directory /run the SSH user may write: root");
			err_clear(&why);
		}
		return -1;
	}
	if (str_starts(line, "busy ")) {
		auto_free char *holder = str_sanitize(line + strlen("busy "), 200);

		err_set(err, E_BUSY, 0, "another vmmig works on the guest: %s", holder);
		return err_hint(err, "wait for it, or look: vmmig status");
	}
	return err_set(err, E_LEASE, 0, "the lease command gave an answer that makes no sense");
}

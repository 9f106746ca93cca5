/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libvirt has no answer to is asked of the host by scripts: the QEMU processes of a guest, and the lease on it. */
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

/* UUID MIN MAX ADDRESS…: says how many. ss asks for IPv4 and IPv6, and complains of the one that does not fit. */
static const char cut_script[] = FIND_QEMU "[ -n \"$p\" ] || exit 1\n"
					   "PATH=$PATH:/usr/sbin:/sbin; min=$2 max=$3 n=0; shift 3\n"
					   "all=$(ss -tnpH state established) || exit 3\n"
					   "while read -r u u l r x; do\n"
					   "	case $x in *\"pid=${p#/proc/},\"*) ;; *) continue;; esac\n"
					   "	to=${r%:*} port=${r##*:}; to=${to#[}; to=${to%]}; to=${to#::ffff:}\n"
					   "	[ \"$port\" -ge \"$min\" ] && [ \"$port\" -le \"$max\" ] || continue\n"
					   "	for a; do\n"
					   "		[ \"$a\" = \"$to\" ] || continue\n"
					   "		ss -K state established src \"${l%:*}\" sport = \":${l##*:}\" "
					   "dst \"${r%:*}\" dport = \":$port\" >/dev/null "
					   "2>&1\n"
					   "		[ -n \"$(ss -tnH state established src \"${l%:*}\" sport = "
					   "\":${l##*:}\" dst \"${r%:*}\" dport = \":$port\" 2>/dev/null)\" ] || "
					   "n=$((n + 1))\n"
					   "		break\n"
					   "	done\n"
					   "done <<E\n"
					   "$all\n"
					   "E\n"
					   "echo $n\n";

int process_cut(struct host *h, const char *uuid, const struct strv *addresses, unsigned port_min, unsigned port_max,
		struct err *err)
{
	auto_free const char **args = xcalloc(addresses->n + 4, sizeof(*args));
	auto_free char *min = str_printf("%u", port_min), *max = str_printf("%u", port_max);
	struct exec_result r auto_exec = { 0 };

	args[0] = uuid;
	args[1] = min;
	args[2] = max;
	for (size_t i = 0; i < addresses->n; i++)
		args[3 + i] = addresses->v[i];
	if (host_exec_wait(host_script_start(h, cut_script, args, 0), &r, err) < 0)
		return -1;
	if (r.exit_status != 0)
		return err_set(err, E_REMOTE, 0, "the connections of its QEMU cannot be ended (ss -K)");
	if (r.out.p && r.out.p[0] == '0')
		return err_set(err, E_REMOTE, 0, "none of its QEMU's connections was ended (ss -K)");
	return 0;
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/identity-script.h"
#include "host/survey-private.h"

/* A host with hundreds of guests and their disks takes some ten seconds for the survey. */
enum { SURVEY_TIMEOUT_MS = 120000, KILL_TIMEOUT_MS = 30000 };

/*
 * The answer is lines of words:
 *
 *  Q PID START AGE STATE UUID         a QEMU
 *  I                                  the last QEMU was started with -incoming
 *  P PORT                             a TCP port on which the last QEMU listens, hexadecimal
 *  D DEV INO MTIME IDENTITY y|n|u PATH
 *                                     a file the last QEMU can write; IDENTITY "-": none; y: it has locked it for
 *                                     writing, u: that cannot be told
 *  L UUID held|stale WHO              a lease
 *  F SIZE AGE quarantine|part PATH    a file that was left
 *  S N                                servers of copies
 *  end
 *
 * A QEMU is known by its argument -uuid, as one whole word with a UUID behind it. Which files it can write is told by
 * the flags of its descriptors: O_WRONLY or O_RDWR, and not O_APPEND, as logs have it. A QEMU that may write an image
 * holds byte 101 of it, shared (block/file-posix.c: RAW_LOCK_PERM_BASE 100, and the bit number of BLK_PERM_WRITE). The
 * locks of one descriptor are in its fdinfo, so nothing has to be matched by device numbers, which /proc/locks has
 * otherwise than stat(1) on some file systems; but those that a FUSE server or a cluster keeps for itself are nowhere,
 * hence the list of file systems where none means none. Who holds a lease is read from /proc/locks: asking flock(1)
 * would take the lock for a moment. Ports are those of the host's own network namespace. Left files are looked for
 * where disks are that libvirt or a QEMU names, and in storage pools. 3 is the answer; what the first part prints are
 * directories. A name with a newline in it makes lines that are none of these; say(), since some shells' echo makes
 * newlines of backslashes.
 */
const char survey_script[] =
	"LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin; exec 3>&1; f=0\n"
	"say() { printf '%s\\n' \"$1\"; }\n"
	"tr -d '\\0' </proc/1/cmdline | grep -q . || { echo 'the processes of others are hidden' >&2; exit 3; }\n"
	"listen=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |\n"
	"  awk '$4 == \"0A\" { print \"socket:[\" $10 \"]\", $2 }')\n"
	"ports() {\n"
	"  { find \"$1/fd\" -lname 'socket:*' -printf '%l\\n'; echo \"$listen\"; } 2>/dev/null |\n"
	"    awk 'NF == 1 { own[$1] } NF == 2 && ($1 in own) { sub(/.*:/, \"\", $2); print \"P \" $2 }' | sort -u |\n"
	"    head -n 32 >&3\n"
	"}\n"
	"now=$(date +%s); hz=$(getconf CLK_TCK); read -r up u </proc/uptime; up=${up%%.*}\n" IDENTITY "disks() {\n"
	"  find \"$1/fd\" -lname '/*' -printf '%f %l\\n' 2>/dev/null | while read -r n l; do\n"
	"    case $l in /dev/kvm|/dev/net/*|/dev/vhost*|/dev/ptmx|/dev/null|/dev/pts/*|/memfd:*|/dev/vfio*|"
	"/dev/urandom|/dev/shm/*|/run/*|/var/log/*|*' (deleted)') continue;; esac\n"
	"    f=; w=n; while read -r k v; do case $k$v in\n"
	"      flags:*) f=$v;;\n"
	"      lock:*POSIX*|lock:*OFDLCK*) b=${v##* }; v=${v% *}; [ \"$b\" != EOF ] || b=101\n"
	"        [ \"${v##* }\" -gt 101 ] || [ \"$b\" -lt 101 ] || w=y;;\n"
	"    esac; done <\"$1/fdinfo/$n\" 2>/dev/null\n"
	"    [ $((f & 3)) != 0 ] && [ $((f & 02000)) = 0 ] || continue\n"
	"    set -- \"$1\" $(stat -L -c '%f %d %i %Y' -- \"$1/fd/$n\" 2>/dev/null)\n"
	"    case $2 in\n"
	"    8*) identity \"$l\" \"$4\"\n"
	"      case $t in ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|tmpfs|overlay|nfs|nfs4) ;;\n"
	"      *) [ $w = y ] || w=u;; esac\n"
	"      say \"D $3 $4 $5 $id $w $l\" >&3; say \"${l%/*}\";;\n"
	"    6*) i=$(timeout 3 lsblk -dno WWN -- \"$l\" 2>/dev/null)\n"
	"      say \"D $3 $4 0 ${i:+wwn:}${i:--} $w $l\" >&3;;\n"
	"    esac\n"
	"  done\n"
	"}\n"
	"dirs=$({\n"
	"  for f in $(grep -lzFx -e -uuid /proc/[0-9]*/cmdline 2>/dev/null); do\n"
	"    p=${f%/cmdline}; u=$(tr '\\0\\n' '\\n ' <\"$f\" 2>/dev/null | sed -n '/^-uuid$/{n;p;q;}')\n"
	"    case $u in *[!0-9a-f-]*|'') continue;; esac; [ ${#u} = 36 ] || continue\n"
	"    { read -r s <\"$p/stat\"; } 2>/dev/null || continue\n"
	"    set -- ${s##*) }; a=$((up - ${20} / hz)); [ $a -ge 0 ] || a=0\n"
	"    echo \"Q ${p#/proc/} ${20} $a $1 $u\" >&3\n"
	"    ! grep -qzxE -e '--?incoming' \"$f\" 2>/dev/null || echo I >&3\n"
	"    ports \"$p\"; disks \"$p\"\n"
	"  done\n"
	"  for f in /etc/libvirt/qemu/*.xml; do [ ! -e \"$f\" ] ||\n"
	"    sed -n \"s/.*<source [^>]*file='\\([^']*\\)\\/[^'/]*'.*/\\1/p\" \"$f\" 2>/dev/null; done\n"
	"  for f in /etc/libvirt/storage/*.xml; do [ ! -e \"$f\" ] ||\n"
	"    sed -n 's/.*<path>\\(.*\\)<\\/path>.*/\\1/p' \"$f\" 2>/dev/null; done\n"
	"  echo /var/lib/libvirt/images\n"
	"} | sort -u)\n"
	"n=0; for f in $(grep -lzxE -e '(.*/)?(qemu-storage-daemon|qemu-nbd)' /proc/[0-9]*/cmdline 2>/dev/null); do\n"
	"  ! grep -qF vmmig- \"$f\" 2>/dev/null || n=$((n + 1)); done\n"
	"echo \"S $n\"\n"
	"for f in /run/vmmig-*.lease; do\n"
	"  i=$(stat -c %i -- \"$f\" 2>/dev/null) || continue; u=${f#/run/vmmig-}; h=stale\n"
	"  ! grep -q \":$i 0 \" /proc/locks || h=held\n"
	"  { IFS= read -r w <\"$f\"; } 2>/dev/null || w=; say \"L ${u%.lease} $h $w\"\n"
	"done\n"
	"IFS='\n'; set -f; for d in $dirs; do [ ! -d \"$d\" ] ||\n"
	"  timeout 5 find \"$d\" -maxdepth 1 \\( -name '.*.vmmig-*' ! -name '*.state' -o -name '*.vmmig-quarantine-*' "
	"\\) "
	"-printf '%s %T@ %p\\n' 2>/dev/null\n"
	"done | sort -u | while IFS=' ' read -r s t p; do\n"
	"  k=part; case ${p##*/} in *.vmmig-quarantine-*) k=quarantine;; esac\n"
	"  say \"F $s $((now - ${t%%.*})) $k $p\"\n"
	"done\n"
	"echo end\n";

struct exec_job *survey_start(struct host *h)
{
	return host_script_start(h, survey_script, NULL, SURVEY_TIMEOUT_MS);
}

int survey_wait(struct host *h, struct exec_job *job, struct survey *s, struct err *err)
{
	struct exec_result r auto_exec = { 0 };
	auto_free char *said = NULL;

	if (host_exec_wait(job, &r, err) < 0)
		return -1;
	if (r.exit_status == 0 && r.out.p && survey_parse(r.out.p, s) == 0)
		return 0;
	survey_clear(s);
	said = exec_last_words(&r);
	return err_set(err, E_REMOTE, 0, "%s: what runs there cannot be told: %s", host_label(h),
		       *said ? said : "the answer is not whole");
}

/* UUID PID START */
static const char kill_script[] =
	"is() { { read -r s <\"/proc/$2/stat\"; } 2>/dev/null || return 1; set -- \"$1\" \"$2\" \"$3\" ${s##*) }\n"
	"  [ \"${23}\" = \"$3\" ] && [ \"$4\" != Z ] && grep -qzFx -e \"$1\" \"/proc/$2/cmdline\" &&\n"
	"  grep -qzFx -e -uuid \"/proc/$2/cmdline\"; }\n"
	"is \"$@\" || exit 4\n"
	"kill -KILL \"$2\" || exit 3\n"
	"i=0; while [ $i -lt 100 ]; do is \"$@\" || exit 0; i=$((i + 1)); sleep 0.1; done\n"
	"echo 'it does not end: it waits for its storage, perhaps' >&2; exit 5\n";

int survey_kill(struct host *h, const struct qemu_process *p, struct err *err)
{
	auto_free char *pid = str_printf("%d", p->pid), *start = str_printf("%llu", (unsigned long long)p->start);
	const char *args[] = { p->uuid, pid, start, NULL };
	struct exec_result r auto_exec = { 0 };
	auto_free char *said = NULL;

	if (host_exec_wait(host_script_start(h, kill_script, args, KILL_TIMEOUT_MS), &r, err) < 0)
		return -1;
	if (r.exit_status == 0 || r.exit_status == 4)
		return r.exit_status ? 1 : 0;
	said = exec_last_words(&r);
	return err_set(err, E_REMOTE, 0, "%s: process %d cannot be killed: %s", host_label(h), p->pid, said);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scripts behind host/files.h: POSIX sh and coreutils, with qemu-img where images are meant. */
#include "host/files-private.h"
#include "host/watch-script.h"

/* clang-format off: the lines are those of the scripts */

/*
 * is_open FILE: by descriptors of processes, as far as we may see them, and by locks, which everybody may see and QEMU
 * takes on every image. Not find -samefile: it opens the file itself, and finds that. A server of vmmig's own does not
 * count: it has files open until all that it serves have come.
 */
#define IS_OPEN                                                                                     \
	"is_open() {\n"                                                                             \
	"  set -- $(stat -L -c '%d:%i %i %d' -- \"$1\")\n"                                          \
	"  l=$(printf '%02x:%02x:%s' $(($3 / 256 % 4096 + $3 / 4294967296 * 4096)) "                \
	"$(($3 % 256 + $3 / 1048576 % 4096 * 256)) \"$2\")\n"                                       \
	"  grep -qs \" $l \" /proc/locks ||\n"                                                      \
	"  find -L /proc/[0-9]*/fd -maxdepth 1 -inum \"$2\" -printf '%D:%i %H\\n' 2>/dev/null | \n" \
	"  while read -r i h; do\n"                                                                 \
	"    [ \"$i\" != \"$1\" ] || grep -qsF /run/vmmig-nbd. \"${h%/fd}/cmdline\" || echo yes\n"  \
	"  done | grep -q yes\n"                                                                    \
	"}\n"

/*
 * FILE…: for each one line of 21 words, "-" for what is not known:
 *   y|n|u|l  mode(hex) dev ino size blocks mtime ctime uid gid user group label  devsize y|n
 *   y|n(writable) y|n(it is the parent) y|n(a directory) dev avail blocksize      of the deepest directory that exists
 * l: a symbolic link that leads nowhere; u: a directory on the way may not be searched.
 */
const char files_stat_script[] =
	"LC_ALL=C; export LC_ALL\n"
	"word() { case $1 in ''|*[!-A-Za-z0-9_.:,@+]*|UNKNOWN) w=-;; *) w=$1;; esac; }\n" IS_OPEN
	/* by number, since a device may have several nodes */
	"busy() { b=n m=$(stat -L -c '%t:%T' -- \"$1\"); n=$((0x${m%:*})):$((0x${m#*:}))\n"
	"  ! find -L /proc/[0-9]*/fd -maxdepth 1 -type b -exec stat -L -c %t:%T {} + 2>/dev/null | grep -qxF \"$m\" || "
	"b=y\n"
	"  for x in /sys/dev/block/$n/holders/*; do [ ! -e \"$x\" ] || b=y; done\n"
	"  while read -r u u m u; do [ \"$m\" != $n ] || b=y; done </proc/self/mountinfo; }\n"
	"for p; do\n"
	"  d=${p%/*}; while [ -n \"$d\" ] && ! [ -e \"$d\" ]; do d=${d%/*}; done; d=${d:-/}\n"
	"  k=n s='- - - - - - - - -' o='- - -' z=- b=n\n"
	"  if [ -e \"$p\" ]; then\n"
	"    k=y s=$(stat -L -c '%f %d %i %s %b %.9Y %.9Z %u %g' -- \"$p\")\n"
	"    word \"$(stat -L -c %U -- \"$p\")\"; o=$w\n"
	"    word \"$(stat -L -c %G -- \"$p\")\"; o=\"$o $w\"\n"
	"    word \"$(stat -L -c %C -- \"$p\" 2>/dev/null)\"; o=\"$o $w\"\n"
	"    if [ -b \"$p\" ]; then\n"
	"      z=$(PATH=$PATH:/usr/sbin:/sbin; blockdev --getsize64 \"$p\" 2>/dev/null) || z=-\n"
	"      busy \"$p\"\n"
	"    fi\n"
	"  elif [ -h \"$p\" ]; then k=l\n"
	"  elif [ -d \"$d\" ] && ! [ -x \"$d\" ]; then k=u; fi\n"
	"  c=n; [ ! -w \"$d\" ] || c=y\n"
	"  r=n; [ \"$d\" != \"${p%/*}\" ] && [ \"$d${p%/*}\" != / ] || r=y\n"
	"  y=n; [ ! -d \"$d\" ] || y=y\n"
	"  f=$(stat -f -c '%a %S' -- \"$d\") || f='- -'\n"
	"  echo \"$k $s $o ${z:--} $b $c $r $y $(stat -L -c %d -- \"$d\") $f\"\n"
	"done\n"
	"echo end\n";

/* Shared beginnings: own FILE MODE UID GID USER GROUP LABEL; is_open FILE; id FILE. */
#define LIB                                                                                                \
	"LC_ALL=C; export LC_ALL; umask 077\n"                                                             \
	"own() {\n"                                                                                        \
	"  if [ \"$(id -u)\" = 0 ]; then\n"                                                                \
	"    chown -- \"${5:-$3}:${6:-$4}\" \"$1\" 2>/dev/null || chown -- \"$3:$4\" \"$1\" || return 1\n" \
	"  fi\n"                                                                                           \
	"  chmod -- \"$2\" \"$1\" || return 1\n"                                                           \
	"  [ -z \"$7\" ] || chcon -- \"$7\" \"$1\" 2>/dev/null || :\n"                                     \
	"}\n" IS_OPEN "ident() { stat -L -c '%d:%i' -- \"$1\"; }\n"

/* TEMP MODE UID GID USER GROUP LABEL */
const char files_make_dir_script[] = LIB "mkdir -- \"$1\" || exit 1\n"
					 "own \"$@\" || { rmdir -- \"$1\"; exit 1; }\n"
					 "ident \"$1\"\n";

/* TEMP MODE UID GID USER GROUP LABEL FORMAT OPTIONS SIZE BACKING BACKING-FORMAT; qemu-img writes into what is there */
const char files_make_image_script[] = LIB
	"set -C; : >\"$1\" || exit 1; set +C\n"
	"own \"$@\" || { rm -f -- \"$1\"; exit 1; }\n"
	"t=$1; f=$8; shift 8\n"
	"if [ \"$f\" = raw ]; then truncate -s \"$2\" -- \"$t\"\n"
	"elif [ -n \"$3\" ]; then qemu-img create -q -f \"$f\" ${1:+-o \"$1\"} -b \"$3\" -F \"$4\" -- \"$t\" \"$2\"\n"
	"else qemu-img create -q -f \"$f\" ${1:+-o \"$1\"} -- \"$t\" \"$2\"; fi || { rm -f -- \"$t\"; exit 1; }\n"
	"sync -- \"$t\"\n"
	"ident \"$t\"\n";

/*
 * TEMP PATH ID. A second name for the file, then the first goes: link() never replaces what is there. Directories
 * have no second name, and some file systems know none: rename without replacing, and see that it happened.
 */
const char files_publish_script[] =
	LIB "t=$1 f=$2\n"
	    "[ \"$(ident \"$t\")\" = \"$3\" ] || { echo \"$t is not what was made\" >&2; exit 1; }\n"
	    "if [ -e \"$f\" ] || [ -h \"$f\" ]; then echo \"$f exists\" >&2; exit 1; fi\n"
	    "if [ ! -d \"$t\" ] && ln -T -- \"$t\" \"$f\" 2>/dev/null; then rm -f -- \"$t\"\n"
	    "else mv -nT -- \"$t\" \"$f\"; fi || exit 1\n"
	    "[ \"$(ident \"$f\")\" = \"$3\" ] && [ ! -e \"$t\" ] || { echo \"$f exists\" >&2; exit 1; }\n"
	    "sync -- \"${f%/*}/\" || :\n";

/* PATH ID */
const char files_remove_script[] =
	LIB "[ -e \"$1\" ] || [ -h \"$1\" ] || { echo absent; exit 0; }\n"
	    "[ \"$(ident \"$1\")\" = \"$2\" ] || { echo changed; exit 0; }\n"
	    "if [ -d \"$1\" ]; then if rmdir -- \"$1\" 2>/dev/null; then echo removed; else echo full; fi; exit 0; fi\n"
	    "if is_open \"$1\"; then echo open; exit 0; fi\n"
	    "rm -f -- \"$1\" && echo removed\n";

/* PATH TO ID */
const char files_rename_script[] = LIB "[ -e \"$1\" ] || { echo absent; exit 0; }\n"
				       "[ \"$(ident \"$1\")\" = \"$3\" ] || { echo changed; exit 0; }\n"
				       "if is_open \"$1\"; then echo open; exit 0; fi\n"
				       "if [ -e \"$2\" ] || [ -h \"$2\" ]; then echo \"$2 exists\" >&2; exit 1; fi\n"
				       "mv -nT -- \"$1\" \"$2\" && [ ! -e \"$1\" ] && echo removed\n";

/*
 * PATH KIND(all|rebased) CLUSTER; see enum digest_kind: bytes 8 to 19 of a qcow2 header are offset and length of the
 * name. openssl where it is there: it uses the CPU's own SHA instructions, and takes a fifth of coreutils' time.
 */
/* One that cannot be read to its end has no digest: what comes then is never the same. */
const char files_digest_script[] =
	"LC_ALL=C; export LC_ALL; exec 3<&0\n"
	"sum() { if command -v openssl >/dev/null; then exec openssl dgst -sha256 -r; else exec sha256sum; fi; }\n"
	"exec 4<\"$1\" || exit 1\n" WATCH "if [ \"$2\" = all ]; then sum <&4 3<&- &\n"
	"else { head -c 8 <\"$1\" && tail -c +21 <\"$1\" | head -c 52 && tail -c +$(($3 + 1)) <\"$1\" ||\n"
	"  head -c 64 /dev/urandom; } 3<&- | sum 3<&- &\n"
	"fi\n" WATCHED "exit $rc\n";

/* PATH DRIVER GAP: "FROM TO" of all data, gaps that are no larger closed */
const char files_map_script[] =
	"LC_ALL=C; export LC_ALL\n"
	"f=$(printf '%s\\n' \"$1\" | sed 's/,/,,/g')\n"
	"{ qemu-img map -U --output=json --image-opts \"driver=raw,file.driver=$2,file.filename=$f\" || echo failed; } "
	"|\n"
	"awk -v gap=\"$3\" '\n"
	"  /failed/ { bad = 1 }\n"
	"  !/\"data\": true/ || /\"zero\": true/ { next }\n"
	"  { s = $0; sub(/.*\"start\": */, \"\", s); from = s + 0\n"
	"    s = $0; sub(/.*\"length\": */, \"\", s); len = s + 0\n"
	"    if (n && from - to <= gap) { to = from + len; next }\n"
	"    if (n) printf \"%.0f %.0f\\n\", first, to\n"
	"    first = from; to = from + len; n = 1 }\n"
	"  END { if (bad) exit 1; if (n) printf \"%.0f %.0f\\n\", first, to; print \"end\" }'\n";

/* PATH; "FROM LENGTH" of each range and "." on standard input, which stays open */
const char files_digest_ranges_script[] =
	"LC_ALL=C; export LC_ALL; exec 3<&0 </dev/null\n"
	"r=; while read -r o l <&3 && [ \"$o\" != . ]; do r=\"$r$o $l\n\"; done\n"
	"sum() { if command -v openssl >/dev/null; then exec openssl dgst -sha256 -r; else exec sha256sum; fi; }\n"
	"exec 4<\"$1\" || exit 1\n" WATCH "printf %s \"$r\" | while read -r o l; do\n"
	"  dd if=/proc/self/fd/4 bs=1M iflag=skip_bytes,count_bytes,fullblock skip=\"$o\" count=\"$l\" status=none ||\n"
	"    head -c 64 /dev/urandom\n"
	"done 3<&- | sum 3<&- &\n" WATCHED "exit $rc\n";

/* DEVICE SIZE: a digest of each of 32 places, read past this host's cache; "-" for one that cannot be read so. */
const char files_sample_script[] =
	"LC_ALL=C; export LC_ALL\n"
	"step=$(($2 / 65536 / 32)); [ $step -gt 0 ] || step=1\n"
	"i=0; while [ $i -lt 32 ] && [ $((i * step * 65536)) -lt \"$2\" ]; do\n"
	"  d=$(dd if=\"$1\" bs=65536 skip=$((i * step)) count=1 iflag=direct 2>/dev/null | sha256sum)\n"
	"  case $d in e3b0c44298fc*) echo -;; *) echo \"${d%% *}\";; esac\n"
	"  i=$((i + 1))\n"
	"done\n"
	"echo end\n";

/* PART WHAT SIZE: ID on the first line, then the marks */
const char files_part_open_script[] =
	LIB "p=$1 s=$1.state first=\n"
	    "if [ -f \"$p\" ] && [ -f \"$s\" ]; then read -r first <\"$s\" || :; fi\n"
	    "if [ \"$first\" != \"$2\" ]; then\n"
	    "  rm -f -- \"$p\" \"$s\" \"$p.download\"\n"
	    "  set -C; : >\"$p\" || exit 1; set +C\n"
	    "  [ \"$3\" = 0 ] || truncate -s \"$3\" -- \"$p\" || { rm -f -- \"$p\"; exit 1; }\n"
	    "  printf '%s\\n' \"$2\" >\"$s\" || { rm -f -- \"$p\" \"$s\"; exit 1; }\n"
	    "fi\n"
	    "ident \"$p\" && tail -n +2 -- \"$s\"\n";

/* PART MARK */
const char files_part_mark_script[] = LIB "printf '%s\\n' \"$2\" >>\"$1.state\"\n";

/*
 * PART MODE UID GID USER GROUP LABEL BACKING BACKING-FORMAT KEEP. A record that is kept tells from here on which state
 * of the source's file it is, and since when nobody has written here; with another header it has no marks any more.
 */
const char files_part_finish_script[] =
	LIB "if [ -n \"$8\" ] && [ -n \"${10}\" ]; then\n"
	    "  l=$(head -n 1 -- \"$1.state\") && printf '%s\\n' \"$l\" >\"$1.state\" || exit 1\n"
	    "fi\n"
	    "[ -z \"$8\" ] || qemu-img rebase -q -u -f qcow2 -b \"$8\" -F \"$9\" -- \"$1\" || exit 1\n"
	    "own \"$1\" \"$2\" \"$3\" \"$4\" \"$5\" \"$6\" \"$7\" && sync -- \"$1\" || exit 1\n"
	    "if [ -n \"${10}\" ]; then touch -c -- \"$1.state\"; else rm -f -- \"$1.state\" \"$1.download\"; fi\n"
	    "ident \"$1\"\n";

/* PART */
const char files_part_done_script[] = LIB "rm -f -- \"$1.state\" \"$1.download\"\n";

/* PART */
const char files_part_drop_script[] = LIB "rm -f -- \"$1\" \"$1.state\" \"$1.download\"\n";

/* AES-128-GCM is what CPUs have instructions for; GnuTLS's own first choice costs four times as much of their time. */
#define TLS_PRIORITY "NORMAL:-CIPHER-ALL:+AES-128-GCM"

/*
 * PART ADDRESS MIN MAX, a held command: "PORT KEY" when it listens, "SOCKET KEY" with address "unix". From the highest
 * port down: libvirt takes its own from the lowest up.
 */
const char files_receive_script[] =
	LIB "command -v qemu-nbd >/dev/null || { echo 'qemu-nbd is missing' >&2; exit 3; }\n"
	    "trap '' HUP INT TERM PIPE\n"
	    "d=$(mktemp -d /run/vmmig-nbd.XXXXXX) || exit 3\n"
	    "key=$(head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \\n')\n"
	    "printf 'vmmig:%s\\n' \"$key\" >\"$d/keys.psk\"\n"
	    "p=$4 o=-p ok=; [ \"$2\" != unix ] || { p=$d/s o=-k; set -- \"$1\"; }\n"
	    "while [ -z \"$ok\" ] && { [ $o = -k ] || [ \"$p\" -ge \"$3\" ]; }; do\n"
	    "  if qemu-nbd --fork --pid-file=\"$d/pid\" -t -e 16 -f raw -x vmmig --discard=unmap ${2:+-b \"$2\"} $o "
	    "\"$p\" \\\n"
	    "    --object tls-creds-psk,id=t,endpoint=server,priority=" TLS_PRIORITY
	    ",dir=\"$d\" --tls-creds t -- \"$1\" 2>\"$d/why\" 9>&-; "
	    "then ok=1\n"
	    "  elif [ $o = -p ] && grep -q 'in use' \"$d/why\"; then p=$((p - 1))\n"
	    "  else cat \"$d/why\" >&2; break; fi\n"
	    "done\n"
	    "if [ -n \"$ok\" ]; then echo \"$p $key\"; cat >/dev/null; fi\n"
	    "pid=; [ ! -s \"$d/pid\" ] || read -r pid <\"$d/pid\"\n"
	    "[ -z \"$pid\" ] || kill \"$pid\" 2>/dev/null\n"
	    "n=0; while [ -n \"$pid\" ] && kill -0 \"$pid\" 2>/dev/null && [ $n -lt 50 ]; do n=$((n + 1)); sleep 0.05; "
	    "done\n"
	    "rm -rf -- \"$d\"\n"
	    "[ -n \"$ok\" ]\n";

/*
 * ADDRESS MIN MAX, a held command with FILES and "." on its standard input; as above, with its pid behind the key. What
 * is not there (any more) is not served, and keeps its number.
 */
const char files_serve_script[] = LIB
	"command -v qemu-storage-daemon >/dev/null || { echo 'qemu-storage-daemon is missing' >&2; exit 3; }\n"
	"trap '' HUP INT TERM PIPE\n"
	"d=$(mktemp -d /run/vmmig-nbd.XXXXXX) || exit 3\n"
	"key=$(head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \\n')\n"
	"printf 'vmmig:%s\\n' \"$key\" >\"$d/keys.psk\"\n"
	"a=$1 min=$2 p=$3 n=0 ok=; set --\n"
	"while read -r f && [ \"$f\" != . ]; do\n"
	"  [ -e \"$f\" ] || { n=$((n + 1)); continue; }\n"
	"  e=$(printf '%s\\n' \"$f\" | sed 's/,/,,/g') k='file,locking=off'; [ ! -b \"$f\" ] || k=host_device\n"
	"  set -- \"$@\" --blockdev \"driver=$k,node-name=n$n,discard=unmap,filename=$e\" \\\n"
	"    --export \"type=nbd,id=e$n,node-name=n$n,name=$n,writable=on\"\n"
	"  n=$((n + 1))\n"
	"done\n"
	"[ \"$a\" != unix ] || p=$d/s\n"
	"while [ -z \"$ok\" ] && { [ \"$a\" = unix ] || [ \"$p\" -ge \"$min\" ]; }; do\n"
	"  if [ \"$a\" = unix ]; then at=addr.type=unix,addr.path=$p\n"
	"  else at=addr.type=inet,addr.host=$a,addr.port=$p; fi\n"
	"  if qemu-storage-daemon --daemonize --pidfile \"$d/pid\" \\\n"
	"    --object tls-creds-psk,id=t,endpoint=server,priority=" TLS_PRIORITY ",dir=\"$d\" \\\n"
	"    --nbd-server $at,tls-creds=t,max-connections=0 \"$@\" </dev/null >/dev/null 2>\"$d/why\" 9>&-; then ok=1\n"
	"  elif [ \"$a\" != unix ] && grep -q 'in use' \"$d/why\"; then p=$((p - 1))\n"
	"  else cat \"$d/why\" >&2; break; fi\n"
	"done\n"
	"pid=; [ ! -s \"$d/pid\" ] || read -r pid <\"$d/pid\"\n"
	"if [ -n \"$ok\" ]; then echo \"$p $key $pid\"; cat >/dev/null; fi\n"
	"[ -z \"$pid\" ] || kill \"$pid\" 2>/dev/null\n"
	"n=0; while [ -n \"$pid\" ] && kill -0 \"$pid\" 2>/dev/null; do\n"
	"  n=$((n + 1)); [ $n -ne 100 ] || kill -KILL \"$pid\" 2>/dev/null; [ $n -lt 200 ] || break; sleep 0.05\n"
	"done\n"
	"rm -rf -- \"$d\"\n"
	"[ -n \"$ok\" ]\n";

/*
 * PATH DRIVER ADDRESS|SOCKET PORT OFFSET LENGTH RATE(MiB/s) EXPORT; the key on standard input. Options double their
 * commas. QEMU's tools wait for a dead network as long as TCP does; so one that reads nothing any more for 20 s is
 * ended.
 */
const char files_send_script[] =
	LIB "exec 3<&0; read -r key <&3 || exit 1\n"
	    "d=$(mktemp -d /run/vmmig-nbd.XXXXXX) || exit 3\n"
	    "trap 'rm -rf -- \"$d\"' EXIT\n"
	    "printf 'vmmig:%s\\n' \"$key\" >\"$d/keys.psk\"\n"
	    "f=$(printf '%s\\n' \"$1\" | sed 's/,/,,/g')\n"
	    "to=inet,file.server.host=$3,file.server.port=$4; [ \"${3#/}\" = \"$3\" ] || "
	    "to=unix,file.server.path=$3\n" WATCH "qemu-img convert -q -n -W -m 8 -t writeback ${7:+-r \"$7M\"} \\\n"
	    "  --object tls-creds-psk,id=t,endpoint=client,username=vmmig,priority=" TLS_PRIORITY ",dir=\"$d\" -U \\\n"
	    "  --image-opts --target-image-opts \"driver=raw,offset=$5,size=$6,file.driver=$2,file.filename=$f\" \\\n"
	    "  \"driver=raw,offset=$5,size=$6,file.driver=nbd,file.server.type=$to,"
	    "file.export=$8,file.tls-creds=t\" 3<&- &\n"
	    "q=$!\n"
	    "{ s=0 l=; while sleep 1 && read -r u r </proc/$q/io; do\n"
	    "    if [ \"$r\" != \"$l\" ]; then l=$r s=0; else s=$((s + 1)); fi\n"
	    "    if [ $s -ge 20 ]; then : >\"$d/stalled\"; kill $q; break; fi\n"
	    "  done; } >/dev/null 2>&1 3<&- &\n"
	    "g=$!\n"
	    "trap 'kill $q $g 2>/dev/null; exit 1' HUP INT TERM\n"
	    "wait $q; rc=$?; kill $w $g 2>/dev/null\n"
	    "[ ! -e \"$d/stalled\" ] || echo 'no data has moved for 20 s' >&2\n"
	    "exit $rc\n";

/* s|x NAME…, a held command; see the lease in host/guest-libvirt.c for -ef. One process for each name. */
const char files_lock_script[] =
	LIB "command -v flock >/dev/null || { echo 'flock (util-linux) is missing' >&2; exit 3; }\n"
	    "trap '' HUP INT TERM PIPE\n"
	    "m=$1; shift\n"
	    "hold() {\n"
	    "  [ $# -gt 0 ] || { echo held; cat >/dev/null; return 0; }\n"
	    "  (\n"
	    "    l=/run/vmmig-$(printf %s \"$1\" | sha256sum | cut -c1-32).lock; shift\n"
	    "    while :; do\n"
	    "      exec 9>>\"$l\" || exit 3\n"
	    "      flock -n -$m 9 || { echo busy; exit 0; }\n"
	    "      [ \"$l\" -ef /proc/self/fd/9 ] && break\n"
	    "    done\n"
	    "    hold \"$@\"\n"
	    "    ! flock -n -x 9 || rm -f -- \"$l\"\n"
	    "  )\n"
	    "}\n"
	    "hold \"$@\"\n";

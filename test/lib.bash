# shellcheck shell=bash
# What the tests share. A test file begins with
#
#	load lib
#
# and has then setup_file (the lab is up), setup (an own configuration, journal and directory for each test) and
# teardown (faults mended, all guests removed). A file that overrides one of them calls lab_setup_file, lab_setup or
# lab_teardown in its own.
#
# The hosts are alpha, beta and gamma; gamma has no part in most tests, but vmmig may look for guests there.
#
#	make_guest web1 --dirty 16      scripts/lab/guest's options; on alpha unless --host says otherwise
#	run_vmmig live web1 --to beta   -> $status, $output (stdout), $stderr, $lines
#	run_json live web1 --to beta    the same with --json; checks that the output is what it must be
#	assert_exit 0
#	assert_at beta web1             exactly one host runs it, and that is beta
#	assert_disk_ok web1             it lost no write (ends the guest)
#	assert_nothing_left             no lease, token, unfinished file, helper process or socket anywhere
#
# with its disks (vmmig block):
#
#	note_disks web1                 before: what it has for disks at alpha
#	assert_arrived web1 beta        after: all of the above, and each copied disk is byte for byte the source's
#
# Never wait by time: wait_until LIMIT COMMAND…
#
# shellcheck disable=SC2154,SC2119,SC2120,SC2034	# status, output, stderr come from run; most functions are called elsewhere

bats_require_minimum_version 1.5.0

TEST_LIMIT=${TEST_LIMIT:-180}	# no run of vmmig takes longer, in seconds

setup_file() { lab_setup_file; }
setup() { lab_setup; }
teardown() { lab_teardown; }

lab_setup_file() { need_lab; }

need_lab() {
	[ "$(id -u)" = 0 ] || { echo "these tests need root: they run on the lab" >&2; return 1; }
	lab up "$TEST_HOSTS" >/dev/null
}

lab_setup() {
	# The private sockets of vmmig go here, where nobody else's are.
	export XDG_RUNTIME_DIR=$VMMIG_LAB_DIR/control
	mkdir -p "$XDG_RUNTIME_DIR"
	chmod 700 "$XDG_RUNTIME_DIR"
	export VMMIG_CONF=$BATS_TEST_TMPDIR/vmmig.conf
	JOURNAL=$BATS_TEST_TMPDIR/journal.db
	new_config
}

# new_config [TEXT]: the lab's hosts, a journal of this test's own, and TEXT
# ('migrate = { peer2peer = false; };').
new_config() {
	grep -v '^journal' "$VMMIG_LAB_DIR/vmmig.conf" >"$VMMIG_CONF"
	printf 'journal = { path = "%s"; };\n%s\n' "$JOURNAL" "${1:-}" >>"$VMMIG_CONF"
}

lab_teardown() {
	local pid file rc=0
	# vmmig that a failed test has left
	for file in "$BATS_TEST_TMPDIR"/*.pid; do
		[ -e "$file" ] || continue
		[ -e "${file%.pid}.rc" ] || kill -KILL "$(cat "$file")" 2>/dev/null || true
	done
	[ -n "${BATS_TEST_COMPLETED:-}" ] || diagnose
	mend || rc=1
	remove_guests || rc=1
	sweep || rc=1
	rm -rf -- "${XDG_RUNTIME_DIR:?}"
	return $rc
}

# What a test has left would make all the ones after it fail. (That it fails by itself is for assert_nothing_left.)
sweep() {
	local kind what
	while read -r kind what; do
		case $kind in
		process) kill -KILL "${what%% *}" 2>/dev/null || true ;;
		file) rm -rf -- "$what" ;;
		esac
	done < <(leavings)
	wait_until 10 no_leavings
}

# --- hosts ---------------------------------------------------------------

# The lab's daemons must not hold the runner's pipes: it waits for their end.
lab() (
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
	done
	tool=$1
	shift
	exec "$TEST_TOP/scripts/lab/$tool" "$@"
)

# on HOST COMMAND…: over there, with no network in between.
on() { lab run "$@"; }

# on_virsh HOST ARGUMENT…: that host's libvirtd, by its socket, whatever has become of its link or sshd.
on_virsh() {
	local host=$1
	shift
	timeout -k 1 30 virsh -q -c "qemu+unix:///system?socket=$VMMIG_LAB_DIR/hosts/$host/run/libvirt/libvirt-sock" \
		"$@" 3>&-
}

address_of() { awk -v name="$1" '$2 == name { print $1 }' "$VMMIG_LAB_DIR/hosts.txt"; }

lab_hosts() { ls "$VMMIG_LAB_DIR/hosts"; }

# host_pid HOST: its first process; fails when the host is off.
host_pid() {
	local pid _
	read -r pid _ <"$VMMIG_LAB_DIR/hosts/$1/init.pid" && [ -d "/proc/$pid" ] && echo "$pid"
}

# processes HOST PATTERN: those of that host whose command line matches.
processes() {
	local pid
	pid=$(host_pid "$1") && pgrep --ns "$pid" --nslist pid -f -- "$2"
}

# fault …: scripts/lab/fault, mended after the test.
fault() {
	: >"$BATS_TEST_TMPDIR/faulty"
	lab fault "$@"
}

# The control machine's own address: without it no host answers here, while the hosts still reach each other.
control_address() {	# add | del
	local bridge net
	net=$(sed -n 's/^net=//p' "$VMMIG_LAB_DIR/lab.env")
	bridge=$(ip -o -4 addr show to "$net" | awk '{print $2; exit}')
	[ -n "$bridge" ] || bridge=$(cat "$BATS_TEST_TMPDIR/bridge")
	echo "$bridge" >"$BATS_TEST_TMPDIR/bridge"
	ip addr "$1" "${net%.0/24}.254/24" dev "$bridge"
}

# later COMMAND…: done after the test, the last one first, whatever its end.
later() { printf '%q ' "$@" >>"$BATS_TEST_TMPDIR/later"; echo >>"$BATS_TEST_TMPDIR/later"; }

mend() {
	local host line
	if [ -e "$BATS_TEST_TMPDIR/later" ]; then
		while read -r line; do eval "$line" || true; done < <(tac "$BATS_TEST_TMPDIR/later")
	fi
	[ -e "$BATS_TEST_TMPDIR/faulty" ] || return 0
	lab fault storage ok
	for host in $(lab_hosts); do
		host_pid "$host" >/dev/null || lab fault power "$host" on
		lab fault link "$host" up
		lab fault rate "$host" "${TEST_RATE:-1gbit}"
		lab fault start "$host" sshd
		lab fault start "$host" libvirtd
	done
	rm -f -- "$BATS_TEST_TMPDIR/faulty"
}

# --- waiting -------------------------------------------------------------

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }

# wait_until LIMIT COMMAND…: polls until it succeeds; fails, and says what it waited for, after LIMIT seconds. What does
# not come soon is asked for less often: to ask costs more than what is waited for.
wait_until() {
	local limit=$1 end tries=0
	shift
	end=$((${EPOCHREALTIME/[.,]/} + limit * 1000000))
	until "$@" >/dev/null 2>&1; do
		if [ "${EPOCHREALTIME/[.,]/}" -ge $end ]; then
			echo "waited $limit s in vain for: $*" >&2
			return 1
		fi
		if [ $((tries++)) -lt 10 ]; then sleep 0.05; else sleep 0.2; fi
	done
}

not() { ! "$@"; }

# --- guests --------------------------------------------------------------

make_guest() {
	local name=$1 host=alpha i
	for ((i = 2; i <= $#; i++)); do
		[ "${!i}" != --host ] || { ((i++)); host=${!i}; }
		[[ ${!i} != --host=* ]] || host=${!i#*=}
	done
	case " $* " in
	*" --host"*) ;;
	*) set -- "$@" --host "$host" ;;
	esac
	# As little as will do: an emulated guest that speaks and writes all the time takes a third of a core, and one
	# that dirties memory as fast as it can a whole one.
	lab guest --heartbeat-ms 100 --write-ms 200 --dirty-rate 300 "$@" || return
	on_virsh "$host" domuuid --domain "$name" | tr -d ' \n' >"$(uuid_file "$name")"
}

uuid_file() { echo "$BATS_TEST_TMPDIR/uuid.$(printf %s "$1" | sha256sum | cut -c1-16)"; }

uuid_of() { cat -- "$(uuid_file "$1")"; }

# A name that is odd in a path has a file with another one.
guest_log() {
	local info
	info=$(grep -lsxF -- "name=$1" "$VMMIG_LAB_DIR"/common/guests/*.info | head -n 1)
	info=${info##*/}
	echo "$VMMIG_LAB_DIR/common/serial/${info:+${info%.info}}.log"
}

# heartbeats NAME: how many it has sent. alive NAME: it goes on, and has found its memory as it left it.
heartbeats() { grep -c '^H ' "$(guest_log "$1")"; }
alive() {
	local before
	! grep '^E page' "$(guest_log "$1")" >&2 || return
	before=$(heartbeats "$1" 2>/dev/null) || true	# none yet, when it was paused before its start
	wait_until "${2:-20}" eval "[ \$(heartbeats '$1') -gt $((before + 1)) ]" || { why_silent "$1" >&2; return 1; }
}

# why_silent NAME: what its QEMU says of a guest that should run.
why_silent() {
	local host command
	host=$(where "$1") || return
	tail -n 2 "$(guest_log "$1")"
	for command in "info status" "info registers" "info lapic" "info pic" "info irq"; do
		echo "--- $1 on $host: $command"
		on_virsh "$host" qemu-monitor-command --hmp "$1" "$command" || true
	done
}

remove_guests() {
	local file name host rc=0 left
	for file in "$VMMIG_LAB_DIR"/common/guests/*.info; do
		[ -e "$file" ] || continue
		name=$(sed -n 's/^name=//p' "$file")
		lab guest --name "$name" --remove && continue
		# A job of libvirt's that never ends must not fail all tests after this one.
		for host in $(lab_hosts); do
			lab fault kill "$host" libvirtd || true
			lab fault start "$host" libvirtd || rc=1
		done
		lab guest --name "$name" --remove || rc=1
	done
	for host in $(lab_hosts); do
		left=$(on_virsh "$host" list --all --uuid) || { rc=1; continue; }
		for name in $left; do
			on_virsh "$host" destroy "$name" >/dev/null 2>&1 || true
			on_virsh "$host" undefine "$name" --managed-save --snapshots-metadata --checkpoints-metadata \
				>/dev/null 2>&1 || true
		done
		on "$host" find /var/lib/libvirt/images -mindepth 1 -delete || rc=1
	done
	return $rc
}

# state_of HOST NAME: "running (migrated)", "absent" when that host does not know it; fails when it cannot be asked.
state_of() {
	local said
	if said=$(on_virsh "$1" domstate --reason --domain "$2" 2>&1); then
		head -n 1 <<<"$said"
	elif [[ $said == *"failed to get domain"* || $said == *"Domain not found"* ]]; then
		echo absent
	else
		printf '%s: %s\n' "$1" "$said" >&2
		return 1
	fi
}

# has_state HOST NAME PATTERN
has_state() {
	local state
	# shellcheck disable=SC2053	# a pattern
	state=$(state_of "$1" "$2") && [[ $state == $3 ]]
}

# count_qemu NAME: processes with its UUID, on all hosts together (a dead one that nobody has waited for has no
# command line).
count_qemu() { pgrep -fc -- "^[^ ]*qemu-system[^ ]* .*-uuid $(uuid_of "$1")" || true; }

# where NAME: the one host that runs it (or has it paused). Fails unless that is exactly one, by libvirt's word and by
# the processes.
where() {
	local host state seen=() n
	for host in $(lab_hosts); do
		state=$(state_of "$host" "$1") || return
		case $state in absent | "shut off"*) ;; *) seen+=("$host") ;; esac
	done
	n=$(count_qemu "$1")
	if [ ${#seen[@]} != 1 ] || [ "$n" != 1 ]; then
		echo "$1: libvirt has it active on: ${seen[*]:-no host}; QEMU processes: $n" >&2
		return 1
	fi
	echo "${seen[0]}"
}

# assert_at HOST NAME [STATE]: that host runs it (STATE: a pattern, by default running*), no other does, no other has
# a definition of it, and it does something.
assert_at() {
	local host state here n rc=0
	for host in $(lab_hosts); do
		state=$(state_of "$host" "$2") || return
		if [ "$host" = "$1" ]; then
			here=$state
		elif [ "$state" != absent ]; then
			echo "$2 is $state at $host, not only at $1" >&2
			rc=1
		fi
	done
	# shellcheck disable=SC2053	# a pattern
	[[ $here == ${3:-running*} ]] || { echo "$2 is $here at $1" >&2; rc=1; }
	n=$(count_qemu "$2")
	[ "$n" = 1 ] || { echo "$2 has $n QEMU processes" >&2; rc=1; }
	[ $rc = 0 ] || return
	[[ $here != running* ]] || alive "$2"
}

# assert_off NAME: no host runs it, and there is no process of it.
assert_off() {
	local host state n
	for host in $(lab_hosts); do
		state=$(state_of "$host" "$1") || return
		case $state in absent | "shut off"*) ;; *) echo "$1 is $state at $host" >&2; return 1 ;; esac
	done
	n=$(count_qemu "$1")
	[ "$n" = 0 ] || { echo "$1: no host has it active, but there are $n QEMU processes" >&2; return 1; }
}

# assert_disk_ok NAME: its ring has no hole and nothing is missing that it was told is written. An active guest is
# ended first, as by a power cut.
assert_disk_ok() {
	local host disk
	if host=$(where "$1" 2>/dev/null); then
		disk=$(on_virsh "$host" domblklist --domain "$1" | sed -n 's/^ *vda  *//p')
		on_virsh "$host" destroy --domain "$1" >/dev/null || return
		lab disk-check "$1" --host "$host" --disk "$disk"
	else
		assert_off "$1" || return
		lab disk-check "$1"
	fi
}

# snapshot NAME: all that a run that changes nothing must leave as it was: definitions, live XML, states, downtime
# limit, the names of all files beside the images.
snapshot() (
	set +e
	for host in $(lab_hosts); do
		echo "== $host"
		on_virsh "$host" list --all
		on_virsh "$host" dumpxml "$1"
		on_virsh "$host" dumpxml --inactive "$1"
		on_virsh "$host" dominfo "$1" | grep -v '^CPU time'
		on_virsh "$host" migrate-getmaxdowntime "$1"
		on_virsh "$host" pool-list --all
		on_virsh "$host" net-list --all
	done 2>/dev/null
	cd -- "$VMMIG_LAB_DIR" || exit
	find hosts/*/lib/images hosts/*/root hosts/*/tmp hosts/*/etc/libvirt "$(realpath data)" \
		-name .glusterfs -prune -o -print | sort
	find hosts/*/run -maxdepth 1 -name 'vmmig*'
	exit 0
)

# limit_of HOST NAME: what QEMU there has as its maximum downtime, ms.
limit_of() { on_virsh "$1" migrate-getmaxdowntime "$2" | tr -d ' \n'; }

# assert_nothing_left: what vmmig made for the time of a migration is gone. What ends with a connection gets a moment.
assert_nothing_left() {
	wait_until "${1:-10}" no_leavings || { leavings >&2; return 1; }
}

no_leavings() { [ -z "$(leavings)" ]; }
# Not the source's images after a move (*.vmmig-quarantine-*): these are to be there.
leavings() {
	local host pid
	{
		# leases, locks, directories of qemu-nbd, sockets of tunnels
		find "$VMMIG_LAB_DIR"/hosts/*/run -maxdepth 1 -name 'vmmig-*'
		# tokens, what was made under a name of its own, what was fetched (.part, .part.state, .part.download)
		find "$VMMIG_LAB_DIR" "$(realpath "$VMMIG_LAB_DIR/data")" -name '.glusterfs' -prune -o \
			\( -name '.vmmig-token-*' -o -name '.*.vmmig-*' ! -name '*.vmmig-quarantine-*' \) -print
		find "$XDG_RUNTIME_DIR" -mindepth 1
	} | sed 's/^/file /'
	for host in $(lab_hosts); do
		for pid in $(processes "$host" \
				'(^|/)(qemu-nbd|qemu-storage-daemon|qemu-img|curl|openssl) |(^|/)sha(256|512)sum$|^ssh -N |^sh -c .* vmmig( |$)'); do
			echo "process $pid on $host: $(tr '\0\n' '  ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-150)"
		done
	done
}

# --- disks ---------------------------------------------------------------

IMAGES=/var/lib/libvirt/images	# each host's own
GLUSTER=/srv/vmmig-lab/gluster	# shared
DEVICES=/srv/vmmig-lab/dev

# xml_of HOST NAME [--inactive]
xml_of() { on_virsh "$1" dumpxml --domain "$2" "${@:3}"; }

# chain_of HOST NAME TARGET [--inactive]: the files of that disk, each on a line, the backing files behind the one that
# is written; what libvirt has of them (its inactive definition may not name backing files).
chain_of() {
	xml_of "$1" "$2" "${@:4}" | python3 -c '
import sys, xml.etree.ElementTree as tree
for disk in tree.parse(sys.stdin).getroot().iter("disk"):
    node = disk if disk.find("target").get("dev") == sys.argv[1] else None
    while node is not None:
        source = node.find("source")
        if source is not None:
            print(source.get("file") or source.get("dev"))
        node = node.find("backingStore")' "$3"
}

# image HOST PATH FILTER: of what qemu-img info says (jq).
image() { on "$1" qemu-img info -U --output=json -- "$2" | jq -r "$3"; }

# shape HOST PATH: what a copy must have in common with it. Not in it: how much of the file is in use, its names.
shape() {
	image "$1" "$2" '[.format, ."virtual-size", ."cluster-size", ."backing-filename-format",
		(."format-specific".data // {} | [.compat, ."refcount-bits", ."lazy-refcounts", ."extended-l2",
			."compression-type"])] | tostring'
}

# sum HOST FILE: of all that is in it. of HOST FILE: mode, owner, group. room HOST FILE: KiB in use.
sum() { on "$1" sha256sum -- "$2" | cut -d' ' -f1; }
of() { on "$1" stat -L -c '%a %u:%g' -- "$2"; }
room() { on "$1" du -k -- "$2" | cut -f1; }

# files HOST DIR: all there, each with its inode; a file also with size and time of its last change.
files() { on "$1" find "$2" -type d -printf '%p %i\n' -o -printf '%p %i %s %T@\n' | sort; }
on_has() { on "$1" test -e "$2"; }

# note_disks NAME [HOST]: for assert_copies.
note_disks() {
	local host=${2:-alpha} target path
	on_virsh "$host" domblklist --domain "$1" --details | sed -En 's/^ *[a-z]+ +disk +([a-z]+) +/\1 /p' |
		while read -r target path; do
			printf '%s %s %s\n' "$target" "$(shape "$host" "$path")" "$path"
		done >"$BATS_TEST_TMPDIR/disks.$1"
	echo "$host" >"$BATS_TEST_TMPDIR/disks-at.$1"
}

# digest HOST NAME TARGET [PATH]: of what the guest sees. Of vda without the first MiB, where it writes.
digest() {
	local skip=0
	[ "$3" != vda ] || skip=1
	lab disk-digest "$2" "$3" --host "$1" --skip $skip ${4:+--disk "$4"}
}

# assert_copies NAME HOST: each disk of note_disks is at HOST a file of its own, made like the source's image and with
# its content. That is wherever vmmig has put it: quarantined, or (--source-disks keep, a block device) in its place.
# What lies on shared storage under the same path is no copy, and is as it was.
assert_copies() {
	local from target was path to there a b
	from=$(cat "$BATS_TEST_TMPDIR/disks-at.$1")
	while read -r target was path; do
		to=$(chain_of "$2" "$1" "$target" | sed -n 1p)
		there=$(on "$from" find "${path%/*}" -maxdepth 1 -name "${path##*/}.vmmig-quarantine-*")
		a=$(digest "$from" "$1" "$target" "${there:-$path}") && b=$(digest "$2" "$1" "$target" "$to") || return
		[ "$a" = "$b" ] || { echo "$1 $target: ${there:-$path} at $from is not $to at $2" >&2; return 1; }
		b=$(shape "$2" "$to")
		[ "$was" = "$b" ] || { echo "$1 $target: it was $was, and is $b" >&2; return 1; }
	done <"$BATS_TEST_TMPDIR/disks.$1"
}

# assert_arrived NAME HOST [STATE]: it runs there, its disks are the source's, nothing is left, no write is lost. (Ends
# the guest.)
assert_arrived() {
	assert_at "$2" "$1" "${3:-running*}" && assert_copies "$1" "$2" && assert_nothing_left && assert_disk_ok "$1"
}

# assert_chain HOST PATH...: these files, and no other, lie upon each other there by what their headers say.
assert_chain() {
	local host=$1 is
	shift
	is=$(on "$host" qemu-img info -U --backing-chain --output=json -- "$1" | jq -r '.[].filename')
	[ "$is" = "$(printf '%s\n' "$@")" ] || { echo "the chain at $host is:"$'\n'"$is" >&2; return 1; }
}

# start_guest HOST NAME: one that was made with --off and changed since, until it says that it is ready.
start_guest() {
	on_virsh "$1" start --domain "$2" >/dev/null && wait_until 60 grep -qs '^READY' "$(guest_log "$2")"
}

# make_base HOST PATH [FORMAT [MIB]]: an image that guests can stand on, random to the eye.
make_base() {
	# shellcheck disable=SC2016	# expanded over there
	on "$1" sh -euc '
		mkdir -p -- "${1%/*}"
		head -c "$(($3 << 20))" /dev/urandom >"$1"
		[ "$2" = raw ] || { qemu-img convert -q -f raw -O "$2" -- "$1" "$1.x"; mv -- "$1.x" "$1"; }
		' base "$2" "${3:-qcow2}" "${4:-4}"
}

# small_disk HOST SIZE: its images lie on a file system of that size (4m), until after the test.
small_disk() {
	later on "$1" umount -l "$IMAGES"
	on "$1" mount -t tmpfs -o "size=$2" tmpfs "$IMAGES"
}

# fake_tool HOST NAME: a program of that name, in standard input, comes first on that host, for vmmig's commands there
# (and for nobody else's); $REAL is the true one. no_fakes HOST: and now no more.
fake_tool() {
	local dir=$VMMIG_LAB_DIR/hosts/$1/mnt/fakes
	[ -d "$dir" ] || {
		later no_fakes "$1"
		mkdir -p "$dir"
		on "$1" cp /root/.bashrc /root/.bashrc.was
		# shellcheck disable=SC2016	# expanded over there
		echo 'PATH=/mnt/fakes:$PATH' >"$VMMIG_LAB_DIR/hosts/$1/root/.bashrc"
	}
	{ printf '#!/bin/bash\nREAL=%q\n' "$(type -P "$2")"; cat; } >"$dir/$2"
	chmod 755 "$dir/$2"
}
no_fakes() {
	[ ! -e "$VMMIG_LAB_DIR/hosts/$1/root/.bashrc.was" ] || on "$1" mv /root/.bashrc.was /root/.bashrc
	rm -rf -- "$VMMIG_LAB_DIR/hosts/$1/mnt/fakes"
}

# --- image services ------------------------------------------------------

# serve DIR [OPTION...]: test/image-server; sets SERVER to its URL. Its log is DIR.log. Ends with the test, or with
# stop_server.
serve() {
	local url=$BATS_TEST_TMPDIR/server.url
	stop_server
	rm -f -- "$url"
	"$TEST_TOP/test/image-server" "$1" 0 "${@:2}" >"$url" 3>&- &
	echo $! >"$BATS_TEST_TMPDIR/server.id"
	later stop_server
	wait_until 20 test -s "$url"
	SERVER=$(cat "$url")
}
stop_server() {
	[ ! -e "$BATS_TEST_TMPDIR/server.id" ] || kill "$(cat "$BATS_TEST_TMPDIR/server.id")" 2>/dev/null || true
	rm -f -- "$BATS_TEST_TMPDIR/server.id"
}

# backing_config IMAGES BACKING: the configuration of these two sections, with what is in their braces.
backing_config() { new_config "images = { reserve_mib = 0; ${1:-} }; backing = ( ${2:-} );"; }

# --- vmmig ---------------------------------------------------------------

# VMMIG_WRAP: words to run it under, such as valgrind and its options.
vmmig() {
	# shellcheck disable=SC2086
	timeout -k 5 "$TEST_LIMIT" ${VMMIG_WRAP:-} "$VMMIG" "$@" 3>&-
}

run_vmmig() { run --separate-stderr vmmig "$@"; }

# Each line is a JSON object with an event and a time, and the last line of a mover is a result (or, when nothing could
# be begun at all, an error).
run_json() {
	run --separate-stderr vmmig --json "$@"
	[ -n "$output" ] || { show; return 1; }
	jq -es 'all(type == "object" and has("event") and has("time"))' <<<"$output" >/dev/null ||
		{ show; echo "this is not one JSON object with event and time on each line" >&2; return 1; }
	case $1:$(result .event):$status in
	live:result:* | block:result:* | cold:result:* | live:error:[1-9] | block:error:[1-9] | cold:error:[1-9]) ;;
	live:* | block:* | cold:*) show; echo "the last line is not a result" >&2; return 1 ;;
	esac
}

# show: what the last run said, for the log of a failed test: first what matters, since a log may be cut.
show() {
	local matters
	matters=$(grep -v -e '^{"event":"progress"' -e '^{"event":"phase"' <<<"$output") || true
	printf 'exit status: %s\nstderr:\n%s\nstdout:\n%s\n' "$status" "${stderr:-}" "$matters" >&2
	[ "$matters" = "$output" ] || printf 'all of stdout:\n%s\n' "$output" >&2
}

assert_exit() {
	[ "$status" = "$1" ] || { show; echo "exit status $status, not $1" >&2; return 1; }
}

# assert_says TEXT: stdout or stderr has it. assert_silent_on TEXT: neither has.
assert_says() {
	[[ $output$'\n'${stderr:-} == *"$1"* ]] || { show; echo "nobody said: $1" >&2; return 1; }
}
assert_silent_on() {
	[[ $output$'\n'${stderr:-} != *"$1"* ]] || { show; echo "somebody said: $1" >&2; return 1; }
}

# After run_json. result FILTER: of the last line. json FILTER: of the array of all; false and null fail.
# events NAME [FILTER]: of each event of that name.
result() { tail -n 1 <<<"$output" | jq -r "$1"; }
json() { jq -es "$1" <<<"$output" >/dev/null || { show; echo "not so: $1" >&2; return 1; }; }
events() { jq -r "select(.event == \"$1\") | ${2:-.}" <<<"$output"; }

# --- vmmig in the background ---------------------------------------------

# start_vmmig TAG ARGUMENT…; then background_pid TAG, ended TAG, finish TAG [LIMIT] (-> status, output, stderr).
start_vmmig() {
	local base=$BATS_TEST_TMPDIR/$1
	shift
	rm -f -- "$base".{pid,rc}
	(
		# What runs in the background has SIGINT ignored.
		# shellcheck disable=SC2086
		env --default-signal=INT,QUIT ${VMMIG_WRAP:-} "$VMMIG" "$@" >"$base.out" 2>"$base.err" &
		echo $! >"$base.pid.new"
		mv "$base.pid.new" "$base.pid"
		rc=0
		wait $! || rc=$?
		echo $rc >"$base.rc.new"
		mv "$base.rc.new" "$base.rc"
	) </dev/null 3>&- &
	wait_until 10 test -e "$base.pid"
}

background_pid() { cat "$BATS_TEST_TMPDIR/$1.pid"; }
ended() { [ -e "$BATS_TEST_TMPDIR/$1.rc" ]; }

finish() {
	local base=$BATS_TEST_TMPDIR/$1 in_time=0
	wait_until "${2:-$TEST_LIMIT}" ended "$1" || in_time=1
	status=$(cat "$base.rc" 2>/dev/null || echo none)
	output=$(cat "$base.out")
	stderr=$(cat "$base.err")
	[ $in_time = 0 ] || { show; return 1; }
}

# cut_network, mend_network [FROM TO]: alpha does not reach beta any more, nor the answer alpha, while the control machine
# reaches both.
cut_network() { on "${1:-alpha}" ip route add blackhole "$(address_of "${2:-beta}")/32"; }
mend_network() { on "${1:-alpha}" ip route del blackhole "$(address_of "${2:-beta}")/32"; }

# under_way TAG NAME [HOST]: waits until libvirt moves its memory (and does not only prepare to).
under_way() {
	wait_until 60 job_or_end "$@"
	ended "$1" || return 0
	finish "$1"
	show
	return 1
}
job_or_end() { ended "$1" || job_runs "$2" "${3:-alpha}"; }
job_runs() {
	local info
	info=$(on_virsh "${2:-alpha}" domjobinfo --domain "$1") &&
		[[ $info == *"Outgoing migration"* ]] && [[ $info =~ "Memory processed:"\ +[1-9] ]]
}
# no_job NAME: no host has a migration of it under way.
no_job() {
	local host info
	for host in $(lab_hosts); do
		info=$(on_virsh "$host" domjobinfo --domain "$1" 2>/dev/null) || continue
		[[ $info == *"None"* ]] || return 1
	done
}

# --- the journal ---------------------------------------------------------

# journal SQL: one line a row, fields parted by "|". Tables: lib/journal/schema.c.
journal() { sqlite3 -readonly "$JOURNAL" "$1"; }
journal_intact() { [ "$(journal 'PRAGMA integrity_check')" = ok ]; }

# --- a failed test -------------------------------------------------------

diagnose() {
	local host file
	{
		for file in "$BATS_TEST_TMPDIR"/*.{out,err}; do
			[ ! -s "$file" ] || { echo "--- ${file##*/}"; tail -n 60 "$file"; }
		done
		for host in $(lab_hosts); do
			echo "--- $host"
			on_virsh "$host" list --all 2>&1
			grep -v -i -e cgroup -e dmidecode "$VMMIG_LAB_DIR/hosts/$host/log/libvirt/libvirtd.log" |
				tail -n 4
		done
		[ ! -e "$JOURNAL" ] || journal 'SELECT at_ms, text FROM event ORDER BY seq DESC LIMIT 20' 2>/dev/null
	} >&2 || true
}

# shellcheck shell=bash
# Most of these are for the scripts that source this file.
# shellcheck disable=SC2034
# What the lab's scripts share: where things are, names and addresses, and
# the one way a process is remembered and ended. Sourced, never run.
#
# A lab is one directory (VMMIG_LAB_DIR) and one /24 (VMMIG_LAB_NET). Every
# name the lab gives to something outside its directory, that is its network
# interfaces, carries LAB_ID, a hash of the directory, so that several labs
# can live on one machine.

LAB_NAMES=(alpha beta gamma delta epsilon zeta eta theta)
LAB_MARK=.vmmig-lab		# only a directory with this file is ever deleted
LAB_CACHE=${VMMIG_LAB_CACHE:-/var/cache/vmmig-lab}
LAB_DEFAULT_DIR=/run/vmmig-lab
LAB_DEFAULT_NET=10.77.77.0/24
LAB_HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
LAB_TOP=$(cd -- "$LAB_HERE/../.." && pwd -P)
LAB_PROG=lab/$(basename -- "$0")

# Paths as the hosts see them; the same on every host.
LAB_SRV=/srv/vmmig-lab

say()  { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$LAB_PROG" "$*" >&2; }
hint() { printf 'hint: %s\n' "$*" >&2; }
die()  { warn "$1"; shift; for h in "$@"; do hint "$h"; done; exit 1; }
usage_error() { warn "$*"; hint "$LAB_PROG --help"; exit 2; }

# lab_use DIR: DIR becomes the lab that all the other functions speak of.
lab_use() {
	LAB_DIR=$(realpath -ms -- "$1")
	# The sockets of the shared storage live below it, and the path of a
	# UNIX socket has 107 bytes.
	[ "${#LAB_DIR}" -le 80 ] ||
		die "the path of the lab directory is too long (${#LAB_DIR} bytes, 80 allowed): $LAB_DIR"
	# It goes into the files of ssh and glusterfs, which each quote differently or not at all.
	[[ $LAB_DIR =~ ^[A-Za-z0-9/._+@-]+$ ]] ||
		die "the path of the lab directory has characters other than letters, digits and ._+@-: $LAB_DIR"
	[[ $LAB_DIR == /*/* ]] ||
		die "$LAB_DIR cannot be a lab directory" "choose one below /run or /tmp"
	LAB_ID=$(printf %s "$LAB_DIR" | sha256sum | cut -c1-4)
	LAB_BRIDGE=vl$LAB_ID-br
	LAB_NET=${VMMIG_LAB_NET:-$LAB_DEFAULT_NET}
	LAB_RATE=1gbit
	LAB_DATA=$LAB_DIR/data
	# A running lab knows better than the environment.
	if [ -f "$LAB_DIR/lab.env" ]; then
		local key value
		while IFS='=' read -r key value; do
			case $key in
			net) LAB_NET=$value ;;
			rate) LAB_RATE=$value ;;
			data) LAB_DATA=$value ;;
			cache) LAB_CACHE=$value ;;
			esac
		done <"$LAB_DIR/lab.env"
	fi
	local byte='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
	[[ $LAB_NET =~ ^$byte\.$byte\.$byte\.0/24$ ]] ||
		die "VMMIG_LAB_NET=$LAB_NET: a network of the form a.b.c.0/24 is needed"
	LAB_PREFIX=${LAB_NET%.0/24}
	LAB_CONTROL=$LAB_PREFIX.254
}

lab_index() {	# lab_index NAME: 1 for alpha ...; fails for what is no host
	local i
	for i in "${!LAB_NAMES[@]}"; do
		[ "${LAB_NAMES[i]}" != "$1" ] || { echo $((i + 1)); return; }
	done
	return 1
}

lab_address() { echo "$LAB_PREFIX.$(lab_index "$1")"; }
lab_veth() { echo "vl$LAB_ID-$1"; }
lab_host_dir() { echo "$LAB_DIR/hosts/$1"; }

lab_known_hosts() {	# the hosts this lab has, running or not
	local name
	for name in "${LAB_NAMES[@]}"; do
		[ ! -d "$LAB_DIR/hosts/$name" ] || echo "$name"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] ||
		die "must be run as root: it makes namespaces, mounts and network interfaces" \
			"sudo $0"
}

need_lab() {
	[ -f "$LAB_DIR/$LAB_MARK" ] || die "no lab in $LAB_DIR" \
		"start one with scripts/lab/up, or name its directory in VMMIG_LAB_DIR"
}

need_host() {	# need_host NAME: it is a host of this lab and it runs
	need_lab
	lab_index "$1" >/dev/null || usage_error "\"$1\" is no lab host; there are: $(lab_known_hosts | xargs)"
	[ -d "$(lab_host_dir "$1")" ] ||
		die "this lab has no host $1; it has: $(lab_known_hosts | xargs)" \
			"scripts/lab/up $(lab_index "$1") adds it"
	lab_host_pid "$1" >/dev/null ||
		die "host $1 is not running" "scripts/lab/fault power $1 on starts it again"
}

# lab_lock: one up, down or change of hosts at a time. The lock lies beside the directory, because
# down removes the directory; after waiting we make sure that the file we
# have locked is still the one with that name.
lab_lock() {
	local file=$LAB_DIR.lock
	mkdir -p -- "$(dirname -- "$file")"
	while :; do
		exec {LAB_LOCK_FD}>"$file"
		if ! flock -n "$LAB_LOCK_FD"; then
			warn "waiting for another up or down of $LAB_DIR"
			flock -w 120 "$LAB_LOCK_FD" || die "$file has been locked for 120 s" "see who holds it: fuser -v $file"
		fi
		[ ! "$file" -ef "/proc/self/fd/$LAB_LOCK_FD" ] || return 0
		exec {LAB_LOCK_FD}>&-
	done
}

# --- processes -----------------------------------------------------------
# A pid file holds "PID STARTTIME". The kernel may give the number to
# somebody else's process; the start time tells that the two are not the same.

pid_start() {	# pid_start PID: its start time in clock ticks since boot
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	stat=${stat##*) }		# the command's name may hold anything
	# shellcheck disable=SC2086
	set -- $stat
	[ "$1" != Z ] && [ "$1" != X ] || return 1
	echo "${20}"
}

pid_record() {	# pid_record FILE PID
	local start
	start=$(pid_start "$2") || return 1
	echo "$2 $start" >"$1.new"
	mv -f -- "$1.new" "$1"
}

pid_alive() {	# pid_alive FILE: prints the pid if that very process lives
	local pid='' start=''
	[ -f "$1" ] || return 1
	read -r pid start <"$1" || true
	[[ $pid =~ ^[1-9][0-9]*$ ]] || return 1
	[ "$(pid_start "$pid")" = "$start" ] || return 1
	echo "$pid"
}

pid_end() {	# pid_end FILE: SIGKILL and wait; the record goes with it
	local pid
	if pid=$(pid_alive "$1"); then
		kill -KILL "$pid" 2>/dev/null || true
		wait_for 10 "! pid_alive '$1' >/dev/null" ||
			die "process $pid does not go away after SIGKILL" "see /proc/$pid/stack and dmesg"
	fi
	rm -f -- "$1"
}

# close_files: all but the standard ones. For what becomes a daemon: a test runner
# that waits for the end of a pipe would otherwise wait for the end of the lab.
close_files() {
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		# 255 is the script that bash reads.
		[ "$fd" -le 2 ] || [ "$fd" = 255 ] || eval "exec $fd>&-"
	done
}

lab_host_pid() { pid_alive "$(lab_host_dir "$1")/init.pid"; }

# wait_for SECONDS CONDITION: polls, at first every 20 ms.
wait_for() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)) tries=0
	until eval "$2"; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		if [ $((tries++)) -lt 25 ]; then sleep 0.02; else sleep 0.1; fi
	done
}

# in_host NAME ARGV...: runs it there with the environment of a login there.
in_host() {
	local name=$1 pid
	shift
	pid=$(lab_host_pid "$name") || die "host $name is not running"
	nsenter --target "$pid" --mount --uts --ipc --net --pid -- \
		/usr/bin/env -i --chdir=/root ${TERM:+TERM="$TERM"} HOME=/root USER=root LOGNAME=root SHELL=/bin/bash \
		LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# lab_set_rate NAME RATE|off: limits what the host sends and what it receives.
# Storage does not pass here: it has its own way (see README.md).
lab_set_rate() {
	local name=$1 rate=$2 bits burst pid veth
	veth=$(lab_veth "$name")
	pid=$(lab_host_pid "$name")
	if [ "$rate" = off ]; then
		tc qdisc del dev "$veth" root 2>/dev/null || true
		nsenter -t "$pid" -n tc qdisc del dev eth0 root 2>/dev/null || true
		return
	fi
	bits=$(rate_bits "$rate") || die "\"$rate\" is no link rate" "for example 320mbit, 1gbit, or off"
	# The bucket must hold what flows between two timer ticks (say 4 ms), and
	# one large segment (64 KiB) in any case.
	burst=$((bits / 8 / 250))
	[ "$burst" -ge 262144 ] || burst=262144
	tc qdisc replace dev "$veth" root tbf rate "$rate" burst "$burst" latency 50ms
	nsenter -t "$pid" -n tc qdisc replace dev eth0 root tbf rate "$rate" burst "$burst" latency 50ms
}

rate_bits() {
	local n
	[[ $1 =~ ^([1-9][0-9]{0,5})(kbit|mbit|gbit)$ ]] || return 1
	n=${BASH_REMATCH[1]}
	case ${BASH_REMATCH[2]} in
	kbit) n=$((n * 1000)) ;;
	mbit) n=$((n * 1000000)) ;;
	gbit) n=$((n * 1000000000)) ;;
	esac
	[ "$n" -ge 64000 ] && echo "$n"
}

# lab_stop_host NAME: the power cord. Namespaces and all their processes,
# mounts and interfaces go with the first process.
lab_stop_host() {
	local dir veth
	dir=$(lab_host_dir "$1")
	veth=$(lab_veth "$1")
	# The cable first: a host that loses power sends no farewell.
	ip link set "$veth" down 2>/dev/null || true
	pid_end "$dir/init.pid"
	pid_end "$dir/unshare.pid"
	ip link del "$veth" 2>/dev/null || true
}

# lab_remove_host NAME: also all that it has stored.
lab_remove_host() {
	lab_stop_host "$1"
	lab_device_remove "$1" || true
	rm -rf --one-file-system -- "$(lab_host_dir "$1")"
}

# lab_remove: everything, from whatever state it is in.
lab_remove() {
	local name
	[ -f "$LAB_DIR/$LAB_MARK" ] || {
		ip link del "$LAB_BRIDGE" 2>/dev/null || true
		return 0
	}
	for name in $(lab_known_hosts); do
		lab_stop_host "$name"
		lab_device_remove "$name" || true
	done
	pid_end "$LAB_DIR/storage/glusterfsd.pid"
	ip link del "$LAB_BRIDGE" 2>/dev/null || true
	if [ "$LAB_DATA" != "$LAB_DIR/data" ] && [ -f "$LAB_DATA/$LAB_MARK" ]; then
		rm -rf --one-file-system -- "$LAB_DATA"
		rmdir -- "$(dirname -- "$LAB_DATA")" 2>/dev/null || true
	fi
	# The mark last, so that an interrupted removal can be taken up again.
	find "$LAB_DIR" -mindepth 1 -maxdepth 1 ! -name "$LAB_MARK" \
		-exec rm -rf --one-file-system -- {} +
	rm -rf --one-file-system -- "$LAB_DIR"
}

# --- block devices -------------------------------------------------------
# A loop device over a file of the host stands for a volume of an LVM: as such a
# volume it has a name that can be the same on each host, $LAB_SRV/dev/NAME, and that
# is a link to a device whose number means nothing. It stays when the host's power goes.

# lab_device_make HOST NAME BYTES
lab_device_make() {
	local dir link file loop i
	dir=$(lab_host_dir "$1")
	link=$dir$LAB_SRV/dev/$2 file=$dir/devices/$2
	if [ -e "$file" ] || [ -L "$link" ]; then
		warn "there is a device already on $1: $LAB_SRV/dev/$2"
		return 1
	fi
	mkdir -p -- "$dir$LAB_SRV/dev" "$dir/devices"
	truncate -s "$3" -- "$file" || return
	for i in 1 2 3 4 5; do	# others take loop devices, too
		# In a container the node of a new one may be missing.
		loop=$(losetup -f) && { [ -b "$loop" ] || mknod -m 600 "$loop" b 7 "${loop#/dev/loop}"; } &&
			loop=$(losetup --find --show -- "$file") && ln -s "$loop" "$link" && return
		[ -c /dev/loop-control ] || break
	done
	lab_device_remove "$1" "$2"
	warn "there is no loop device to be had (/dev/loop-control)"
	return 1
}

# lab_device_remove HOST [NAME]: all that the host has, without NAME. One that is not there is no error.
lab_device_remove() {
	local dir file loop rc=0
	dir=$(lab_host_dir "$1")
	for file in "$dir/devices/"${2:-*}; do
		[ -f "$file" ] || continue
		rm -f -- "$dir$LAB_SRV/dev/${file##*/}"
		for loop in $(losetup -n -O NAME -j "$file"); do losetup -d "$loop" || rc=1; done
		wait_for 5 "[ -z \"\$(losetup -n -O NAME -j '$file')\" ]" ||
			{ warn "${loop:-a loop device} is still in use: $file"; rc=1; }
		rm -f -- "$file"
	done
	return $rc
}

# --- guests --------------------------------------------------------------

# guest_file NAME: what the files of that guest are called. A name that is
# harmless in a path is taken as it is, any other one is made so and told apart
# by a hash. (NAME.baseN is what the backing files of NAME are called, NAME.vdX
# its further disks.)
guest_file() {
	if [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$ && ! $1 =~ \.(base[0-9]+|vd[b-i])$ ]]; then
		echo "$1"
	else
		printf '%s-%s\n' "$(printf %s "$1" | LC_ALL=C tr -c 'A-Za-z0-9_-' _ | cut -c1-40 | sed 's/^-/_/')" \
			"$(printf %s "$1" | sha256sum | cut -c1-8)"
	fi
}

guest_serial() { echo "$LAB_DIR/common/serial/$(guest_file "$1").log"; }

guest_info() {	# guest_info NAME KEY: what scripts/lab/guest has noted
	sed -n "s/^$2=//p" "$LAB_DIR/common/guests/$(guest_file "$1").info" 2>/dev/null || true
}

lab_running_hosts() {
	local name
	for name in $(lab_known_hosts); do
		! lab_host_pid "$name" >/dev/null || echo "$name"
	done
}

# guest_hosts NAME: the running hosts that know the guest, with its state.
guest_hosts() {
	local host state
	for host in $(lab_running_hosts); do
		! state=$(in_host "$host" virsh -q -c qemu:///system domstate --domain "$1" 2>/dev/null) ||
			echo "$host $state"
	done
}

# shellcheck shell=bash
# What the benchmarks share: a lab, times of whole commands, and ratios of interleaved pairs, so that whatever else the
# machine does falls on both.

bench_lab() {	# brings the lab up, for two hosts
	[ "$(id -u)" = 0 ] || { echo "scripts/bench: must be run as root" >&2; exit 1; }
	export VMMIG_LAB_DIR=${VMMIG_LAB_DIR:-/run/vmmig-bench} VMMIG_LAB_NET=${VMMIG_LAB_NET:-10.77.81.0/24}
	trap 'scripts/lab/down >/dev/null 2>&1 || true' EXIT
	scripts/lab/up 2 >&2
	log=$VMMIG_LAB_DIR/bench.log
	# virsh's own ssh has to use the lab's key and known hosts
	wrap=$VMMIG_LAB_DIR/ssh
	printf '#!/bin/sh\nexec ssh -F "%s/ssh_config" "$@"\n' "$VMMIG_LAB_DIR" >"$wrap"
	chmod +x "$wrap"
}

address() {	# HOST
	case $1 in alpha) echo "${VMMIG_LAB_NET%.*}.1" ;; beta) echo "${VMMIG_LAB_NET%.*}.2" ;; esac
}
on() { scripts/lab/run "$@"; }
vmmig() { build/vmmig -c "$VMMIG_LAB_DIR/vmmig.conf" "$@"; }
remote_virsh() {	# HOST ARGUMENT…: virsh on the control machine
	local host=$1
	shift
	virsh -c "qemu+ssh://root@$(address "$host")/system?command=$wrap" "$@"
}

ms() {	# CMD…: its time, ms; it must succeed
	local begin end
	begin=$(date +%s%N)
	"$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
	end=$(date +%s%N)
	echo $(((end - begin) / 1000000))
}
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / b }'; }

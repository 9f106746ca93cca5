#!/usr/bin/env bats
# Any mode, any fault, at any millisecond: make chaos N=200. CHAOS_SEED=… repeats a run's choices.
# shellcheck disable=SC2154,SC2034	# status, output, stderr

load lib
load rounds

# pick VARIABLE WORD...: one of them; not in a subshell, which has random numbers of its own.
pick() { local -n to=$1; shift; local -a of=("$@"); to=${of[RANDOM % $#]}; }

# rounds N SEED
rounds() {
	local i mode fault moment seed=$2
	RANDOM=$seed
	echo "# CHAOS_SEED=$seed" >&3
	for ((i = 1; i <= $1; i++)); do
		pick mode live live block cold cold-run
		pick fault vmmig-kill vmmig-kill vmmig-int source-libvirtd destination-libvirtd destination-qemu link-5s \
			source-qemu guest-reset guest-shutdown destination-off none
		moment=$((RANDOM % 6000))
		# what a guest that is off does not have
		case $mode:$fault in cold:*-qemu | cold:guest-*) fault=vmmig-kill ;; esac
		[ -z "${CHAOS_TELL:-}" ] || echo "# $i: $mode $fault $moment" >&3
		round "$mode" "$fault" "$moment" && continue
		echo "FAILED at $i of seed $seed: round $mode $fault $moment" >&2
		return 1
	done
}

@test "chaos: five rounds" { rounds "${CHAOS_N:-5}" "${CHAOS_SEED:-$((EPOCHSECONDS % 32768))}"; }

@test "chaos: five more" {
	[ -z "${CHAOS_N:-}" ] || skip "CHAOS_N"
	rounds 5 "${CHAOS_SEED:-$((EPOCHSECONDS / 2 % 32768))}"
}

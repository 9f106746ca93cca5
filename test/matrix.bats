#!/usr/bin/env bats
# Each mode, each fault, each moment: then vmmig recover, and exactly one guest on an intact disk, nothing left over.
# MATRIX=all: every meaningful cell (an hour or two); else vmmig itself killed at each phase, and what no other file has.
# shellcheck disable=SC2154,SC2034,SC2030,SC2031	# status, output, stderr

load lib
load rounds

PHASES="begin prepare perform finish confirm"

# cells MODE FAULT MOMENT...: one round each; all are tried, the failed ones are told.
cells() {
	local mode=$1 fault=$2 moment rc=0
	shift 2
	for moment; do
		round "$mode" "$fault" "$moment" && continue
		echo "FAILED: round $mode $fault $moment" >&2
		rc=1
		ROUND_STORAGE=
		break
	done
	return $rc
}

@test "live: vmmig killed at each phase" { cells live vmmig-kill $PHASES; }
@test "block: vmmig killed at each phase" { cells block vmmig-kill $PHASES; }
@test "cold: vmmig killed at each phase" { cells cold vmmig-kill $PHASES; }
@test "cold with --shutdown and --start: vmmig killed where it copies, and where it has started it there" {
	cells cold-run vmmig-kill perform confirm
}

rest() { [ "${MATRIX:-}" = all ] || skip "MATRIX=all"; }
FAULTS="vmmig-int source-libvirtd destination-libvirtd source-qemu destination-qemu link-5s destination-off guest-reset guest-shutdown"

@test "live: all other faults at each phase" {
	rest
	for fault in $FAULTS; do cells live "$fault" $PHASES 1500; done
}

@test "live in post-copy: all faults" {
	rest
	for fault in vmmig-kill vmmig-int source-libvirtd destination-libvirtd link-5s guest-reset; do cells live "$fault" postcopy; done
}

@test "block: all other faults at each phase" {
	rest
	for fault in $FAULTS; do cells block "$fault" $PHASES 1500; done
}

@test "cold: all other faults at each phase" {
	rest
	cells cold-run vmmig-kill begin prepare finish
	for fault in vmmig-int source-libvirtd destination-libvirtd link-5s destination-off; do
		cells cold "$fault" $PHASES 1500
		cells cold-run "$fault" $PHASES 1500
	done
}

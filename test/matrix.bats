#!/usr/bin/env bats
# Each mode, each fault, each moment: then vmmig recover, and exactly one guest on an intact disk, nothing left over.
# MATRIX=all: every meaningful cell (some hours), with FAULTS="link-60s …" those of these faults; else vmmig itself
# killed at each phase, and what no other file has.
# shellcheck disable=SC2154,SC2034,SC2030,SC2031	# status, output, stderr

load lib
load rounds

PHASES="begin prepare perform finish confirm"
# Before perform nothing has been asked of libvirt; what dies in prepare is block-faults.bats' matter.
SOME="perform finish confirm"

# cells MODE FAULT MOMENT...: one round each; all are tried, the failed ones are told.
cells() {
	local mode=$1 fault=$2 moment rc=0
	shift 2
	for moment; do
		round "$mode" "$fault" "$moment" && continue
		echo "FAILED: round $mode $fault $moment" >&2
		rc=1
		round_failed
	done
	return $rc
}

@test "live: vmmig killed from perform on" { cells live vmmig-kill $SOME; }
@test "block: vmmig killed from perform on" { cells block vmmig-kill $SOME; }
@test "cold: vmmig killed from perform on" { cells cold vmmig-kill $SOME; }
@test "cold with --shutdown and --start: vmmig killed where it copies, and where it has started it there" {
	cells cold-run vmmig-kill perform confirm
}

@test "block: the destination loses its power once the guest is there: the source's image is put away all the same" {
	cells block destination-off finish
}

rest() { [ "${MATRIX:-}" = all ] || skip "MATRIX=all"; }
# faults NAME…: those of them that were asked for.
faults() {
	local fault
	for fault; do
		case " ${FAULTS:-$fault} " in *" $fault "*) echo "$fault" ;; esac
	done
}
RUNNING="vmmig-int source-libvirtd destination-libvirtd source-qemu destination-qemu link-5s destination-off guest-reset
	guest-shutdown control-cut link-60s link-never"
OFF="vmmig-int source-libvirtd destination-libvirtd link-5s link-60s link-never control-cut destination-off
	destination-full"

@test "live, block, cold: vmmig killed before" {
	rest
	for mode in live block cold; do cells $mode vmmig-kill begin prepare; done
}

@test "live: all other faults at each phase" {
	rest
	for fault in $(faults $RUNNING); do cells live "$fault" $PHASES 1500; done
}

@test "live in post-copy: all faults" {
	rest
	for fault in $(faults vmmig-kill vmmig-int source-libvirtd destination-libvirtd link-5s control-cut guest-reset); do
		cells live "$fault" postcopy
	done
}

@test "block: all other faults at each phase" {
	rest
	for fault in $(faults $RUNNING destination-full); do cells block "$fault" $PHASES 1500; done
}

@test "cold: all other faults at each phase" {
	rest
	cells cold-run vmmig-kill begin prepare finish
	for fault in $(faults $OFF); do
		cells cold "$fault" $PHASES 1500
		cells cold-run "$fault" $PHASES 1500
	done
}

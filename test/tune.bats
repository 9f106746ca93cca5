#!/usr/bin/env bats
# vmmig tune, vmmig status --watch, and vmmig live --detach, which needs both.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

job_says() { on_virsh alpha domjobinfo --domain g1 --rawstats 2>/dev/null; }
decided() { grep -q "$1" "$BATS_TEST_TMPDIR/a.out"; }

@test "limits: down at once, up as needed; bandwidth and deadline; each told where it runs" {
	fault rate alpha 200mbit
	make_guest g1 --memory 128 --dirty 32 --dirty-rate 60
	start_vmmig a --json live g1 --from alpha --to beta --max-downtime 400 --policy careful --timeout 600
	under_way a g1
	run_vmmig tune g1 --max-downtime 60
	assert_exit 0
	[ "$(limit_of alpha g1)" -le 60 ]
	wait_until 60 decided '"iteration":3'
	run_vmmig tune g1 --max-downtime 8000 --timeout 900
	assert_exit 0
	finish a
	assert_exit 0
	json 'any(.[]; .event == "decision" and (.reason | contains("8000 ms are allowed now")))'
	json 'any(.[]; .event == "decision" and .action == "max-downtime" and .max_downtime_ms > 400)'
	json 'any(.[]; .event == "note" and (.text | contains("deadline is at 900 s")))'
	assert_at beta g1
	assert_disk_ok g1
}

@test "the bandwidth, in both directions" {
	local slow
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 2
	under_way a g1
	run_vmmig tune g1 --bandwidth 1
	assert_exit 0
	[ "$(on_virsh alpha migrate-getspeed g1)" = 1 ]
	run_json tune g1 --bandwidth 0
	assert_exit 0
	finish a
	assert_exit 0
	assert_at beta g1
	assert_disk_ok g1
}

@test "post-copy: when it was begun for that; else why not" {
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 4
	under_way a g1
	run_json tune g1 --postcopy
	assert_exit 1
	[ "$(result .error.id)" = E-TOO-LATE ]
	assert_says "--policy must-finish"
	kill -INT "$(background_pid a)"
	finish a
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 4 --policy must-finish
	under_way a g1
	run_vmmig tune g1 --postcopy
	assert_exit 0
	finish a
	assert_exit 0
	json 'any(.[]; .event == "decision" and .action == "postcopy")'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "wrong: nothing to change, values out of range, no such guest" {
	run_json tune g1
	assert_exit 2
	[ "$(result .error.id)" = E-USAGE ]
	run_json tune g1 --max-downtime 0
	assert_exit 2
	run_json tune g1 --max-downtime 86400000
	assert_exit 2
	assert_says "1 to 2000000"
	run_json tune nobody --bandwidth 1
	assert_exit 2
	[ "$(result .error.id)" = E-GUEST-UNKNOWN ]
	run_json status --watch
	assert_exit 2
}

@test "--detach: back when it is under way; its terminal is closed; status --watch follows it to its end" {
	make_guest g1
	# a terminal of its own, which goes when the command is back: what still lives in it gets SIGHUP
	run script -qec "$(printf '%q ' "$VMMIG" live g1 --from alpha --to beta --bandwidth 8 --detach)" /dev/null
	[ "$status" = 0 ]
	[[ $output == *"under way in the background"* ]]
	job_says | grep -q "operation"
	run_vmmig status g1
	assert_says "job: for "
	run_json status g1 --watch
	assert_exit 0
	json 'any(.[]; .event == "progress" and .memory_remaining > 0)'
	json 'map(select(.event == "migration")) | last | .status == "completed" and .exit == 0'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "--detach: what fails before is told as without it" {
	make_guest g1 --storage local
	run_json live g1 --from alpha --to beta --detach
	assert_exit 3
	[ "$(result .error.id)" != null ]
	assert_at alpha g1
	assert_nothing_left
}

#!/usr/bin/env bats
# vmmig cancel: from another terminal, in each phase, of a vmmig that runs and of one that is gone.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

as_before() {
	assert_at alpha g1
	[ "$(limit_of alpha g1)" = 300 ]
	assert_nothing_left
	assert_disk_ok g1
}

@test "a migration under way is stopped, and its vmmig says so" {
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 4
	under_way a g1
	run_vmmig cancel g1
	assert_exit 0
	assert_says "cancelled"
	finish a 30
	assert_exit 5
	[ "$(result .error.id)" = E-CANCELLED ]
	as_before
	run_json status
	assert_silent_on "active"
}

in_begin() { [ "$(journal "SELECT count(*) FROM migration WHERE phase = 'begin' AND ended_ms = 0")" = 1 ]; }

@test "in begin, while the guest and the link are measured for the forecast" {
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --timeout 1000
	wait_until 20 in_begin
	run_vmmig cancel g1
	assert_exit 0
	finish a 30
	assert_exit 5
	[ "$(result .error.id)" = E-CANCELLED ]
	as_before
}

@test "while disks are copied" {
	make_guest g1 --storage local --data 1 --data-size 64
	start_vmmig a --json block g1 --from alpha --to beta --bandwidth 2
	wait_until 60 grep -q '"disk_processed":[1-9]' "$BATS_TEST_TMPDIR/a.out"
	run_vmmig cancel "$(jq -rs 'map(.migration // empty)[0]' "$BATS_TEST_TMPDIR/a.out")"
	assert_exit 0
	finish a 30
	assert_exit 5
	as_before
}

@test "in prepare, while a backing file comes: at once" {
	later on alpha rm -rf -- "$IMAGES/_base"
	later on beta rm -rf -- "$IMAGES/_base"
	make_base alpha "$IMAGES/_base/b.qcow2" qcow2 24
	make_guest g1 --storage local --base "$IMAGES/_base/b.qcow2" --disk-size 32
	fault rate alpha 10mbit
	start_vmmig a --json block g1 --from alpha --to beta
	wait_until 60 eval 'processes alpha "(^|/)qemu-img convert "'
	run_vmmig cancel g1
	assert_exit 0
	finish a 30
	assert_exit 5
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "its vmmig was killed: cancel stops the job itself, and what was set is put back" {
	make_guest g1
	start_vmmig a live g1 --from alpha --to beta --bandwidth 4
	under_way a g1
	kill -KILL "$(background_pid a)"
	finish a
	run_vmmig cancel g1
	assert_exit 0
	run_json history g1
	json 'map(select(.event == "migration")) | last | .status == "cancelled" and .exit == 5'
	as_before
}

@test "what has ended, and what was never there" {
	make_guest g1
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	run_json cancel g1
	assert_exit 2
	[ "$(result .error.id)" = E-NOT-UNDER-WAY ]
	run_json cancel nobody
	assert_exit 2
	[ "$(result .error.id)" = E-GUEST-UNKNOWN ]
	run_json tune g1 --bandwidth 3
	assert_exit 2
	[ "$(result .error.id)" = E-NOT-UNDER-WAY ]
	assert_at beta g1
	assert_disk_ok g1
}

@test "post-copy cannot be stopped: refused, and the guest arrives" {
	fault rate alpha 100mbit
	make_guest g1 --memory 128 --dirty 48
	start_vmmig a --json live g1 --from alpha --to beta --policy must-finish
	wait_until 60 grep -q '"postcopy":true' "$BATS_TEST_TMPDIR/a.out"
	run_json cancel g1
	# It may have arrived meanwhile.
	[ "$status" = 1 ] || [ "$status" = 2 ] || { show; return 1; }
	finish a
	assert_exit 0
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

#!/usr/bin/env bats
# vmmig recover GUEST: what a vmmig that is gone has left. (recover purge is tested with block.)
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

killed_under_way() {	# ARGUMENT…: of vmmig live
	start_vmmig a --json live g1 --from alpha --to beta "$@"
	under_way a g1
	kill -KILL "$(background_pid a)"
	finish a
}

@test "killed under way: taken over, watched, and brought to its end" {
	make_guest g1 --autostart
	killed_under_way --bandwidth 12
	run_json recover g1
	assert_exit 0
	json 'any(.[]; .event == "progress")'
	json 'last | .event == "result" and .status == "completed" and .exit == 0'
	assert_at beta g1
	[ "$(on_virsh beta dominfo --domain g1 | awk '$1 == "Autostart:" {print $2}')" = enable ]
	run_json status
	assert_silent_on '"active"'
	assert_nothing_left
	assert_disk_ok g1
}

@test "killed under way, and it has ended meanwhile: said, and written down" {
	make_guest g1
	killed_under_way --bandwidth 24
	wait_until 60 no_job g1
	run_json recover g1
	assert_exit 0
	json 'last | .status == "completed"'
	assert_at beta g1
	assert_disk_ok g1
}

@test "Ctrl-C stops what was taken over; what was set is put back" {
	make_guest g1
	on_virsh alpha migrate-setmaxdowntime g1 411
	killed_under_way --bandwidth 4
	start_vmmig b --json recover g1
	wait_until 30 grep -q '"event":"progress"' "$BATS_TEST_TMPDIR/b.out"
	kill -INT "$(background_pid b)"
	finish b 30
	assert_exit 5
	[ "$(limit_of alpha g1)" = 411 ]
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "nothing to recover: healthy, running, unknown; nothing is changed" {
	make_guest g1
	run_vmmig recover g1
	assert_exit 2
	assert_says E-GUEST-UNKNOWN
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	run_vmmig recover g1
	assert_exit 0
	assert_says "nothing is to be recovered"
	start_vmmig a live g1 --from beta --to alpha --bandwidth 4
	under_way a g1 beta
	run_json recover g1
	assert_exit 6
	[ "$(result .error.id)" = E-BUSY ]
	finish a
	assert_exit 0
	assert_at alpha g1
	assert_disk_ok g1
}

postcopy_failed() { [[ $(on_virsh alpha domstate g1 --reason) == *"post-copy failed"* ]]; }

@test "post-copy, vmmig killed, and the network between the hosts cut for longer than libvirt waits: recovered" {
	fault rate alpha 60mbit
	make_guest g1 --memory 96 --dirty 24
	start_vmmig a --json live g1 --from alpha --to beta --policy must-finish
	wait_until 60 grep -q '"postcopy":true' "$BATS_TEST_TMPDIR/a.out"
	later on alpha ip route del blackhole "$(address_of beta)/32"
	on alpha ip route add blackhole "$(address_of beta)/32"
	kill -KILL "$(background_pid a)"
	finish a
	wait_until 90 postcopy_failed
	start_vmmig b --json recover g1
	wait_until 60 grep -q "waiting for the network" "$BATS_TEST_TMPDIR/b.out"
	on alpha ip route del blackhole "$(address_of beta)/32"
	finish b 250
	assert_exit 0
	json 'last | .event == "result" and .status == "completed" and .exit == 0'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

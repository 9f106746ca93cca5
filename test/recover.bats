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
	killed_under_way --bandwidth 4
	# nobody is there to be asked; whoever takes it over can be
	run_vmmig tune g1 --bandwidth 24
	assert_exit 1
	assert_says E-TOO-LATE
	assert_says "vmmig recover g1"
	start_vmmig b --json recover g1
	wait_until 30 grep -q '"event":"progress"' "$BATS_TEST_TMPDIR/b.out"
	run_vmmig tune g1 --bandwidth 24
	assert_exit 0
	finish b 90
	assert_exit 0
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
	# the record goes first: it is what is stale
	run_json recover g1 --reset-state
	assert_exit 0
	json 'last | .status == "completed"'
	assert_at beta g1
	run_vmmig recover
	assert_says "nothing is unfinished"
	assert_disk_ok g1
}

limit_is() { [ "$(limit_of alpha g1)" = "$1" ]; }

@test "no more downtime than the killed one was allowed; Ctrl-C stops it, and what was set is put back" {
	make_guest g1 --dirty 16
	on_virsh alpha migrate-setmaxdowntime g1 411
	killed_under_way --bandwidth 24 --max-downtime 100
	start_vmmig b --json recover g1
	# it needs more, and gets what is left of 100 ms without the switch itself
	wait_until 60 limit_is 80
	wait_until 30 grep -q '"event":"decision"' "$BATS_TEST_TMPDIR/b.out"
	kill -INT "$(background_pid b)"
	finish b 30
	assert_exit 5
	[ "$(limit_of alpha g1)" = 411 ]
	json 'all(.[] | select(.event == "progress"); .max_downtime_ms <= 80)'
	run_json history g1
	json 'any(.[]; .event == "migration" and .max_downtime_ms == 100 and .status == "cancelled")'
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "nothing to recover: healthy, running, unknown; nothing is changed" {
	make_guest g1
	run_vmmig recover nobody
	assert_exit 2
	assert_says E-GUEST-UNKNOWN
	run_vmmig recover g1
	assert_exit 0
	assert_says "nothing is to be recovered"
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

in_postcopy() {	# g1's memory is on both hosts
	fault rate alpha 60mbit
	make_guest g1 --memory 104 --dirty 40
	start_vmmig a --json live g1 --from alpha --to beta --policy must-finish
	wait_until 60 grep -q '"postcopy":true' "$BATS_TEST_TMPDIR/a.out"
}

waits_for_network() { grep -q "waiting for the network" "$BATS_TEST_TMPDIR/$1.out"; }

@test "post-copy, and the network between the hosts is cut for 5 s: it goes on by itself" {
	in_postcopy
	later mend_network
	cut_network
	sleep 5
	mend_network
	finish a 250
	assert_exit 0
	json 'last | .event == "result" and .status == "completed" and .exit == 0'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "post-copy, and the network is cut for longer than libvirt waits: helped by vmmig, and by recover when that is killed" {
	in_postcopy
	later mend_network
	cut_network
	wait_until 120 waits_for_network a
	grep -q "the guest lives on both hosts; it is helped" "$BATS_TEST_TMPDIR/a.out"
	kill -KILL "$(background_pid a)"
	finish a
	start_vmmig b --json recover g1
	wait_until 60 waits_for_network b
	mend_network
	finish b 250
	assert_exit 0
	json 'last | .event == "result" and .status == "completed" and .exit == 0'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "post-copy, and the destination's link is down, for vmmig as well: helped in the same run when it is back" {
	in_postcopy
	fault link beta down
	wait_until 120 grep -q "it is helped to go on" "$BATS_TEST_TMPDIR/a.out"
	fault link beta up
	finish a 300
	assert_exit 0
	json 'last | .event == "result" and .status == "completed" and .exit == 0'
	assert_at beta g1
	assert_nothing_left 60
	assert_disk_ok g1
}

# left_something: a cold migration of g1 was stopped while its destination was off: what it had copied is left there, and
# the guest is off, since nobody could tell that it is not at beta. ID: the migration's.
left_something() {
	make_guest g1 --storage local --disk-size 64 --fill 40
	start_vmmig a --json cold g1 --shutdown --from alpha --to beta --bandwidth 2
	wait_until 60 on_has beta "$PART"
	fault power beta off
	kill -INT "$(background_pid a)"
	finish a 150
	[ "$status" != 0 ]
	json 'any(.event == "note" and (.text | contains("later: vmmig recover")))'
	ID=$(jq -r 'select(.event == "result") | .migration' <<<"$output")
	run_json recover
	assert_exit 0
	json '.[0] | .event == "unfinished" and .verdict == "undecidable" and (.safe | not)'
	fault power beta on
	on_has beta "$PART"
	has_state alpha g1 "shut off*"
}
PART=$IMAGES/.g1.qcow2.vmmig-part

# define_at HOST: g1, from a file of the test.
define_at() { on "$1" sh -c 'cat >/run/g1.xml && virsh define /run/g1.xml && rm /run/g1.xml' <"$BATS_TEST_TMPDIR/g1.xml"; }

@test "it could not be taken back, since the destination was off: recover does it, and starts the guest that was shut down" {
	left_something
	run_json recover
	json '.[0] | .event == "unfinished" and .verdict == "stayed" and .safe'
	# it has gone elsewhere, by anybody's hand: then it is not ours to say what of it is needed
	on_virsh alpha dumpxml --domain g1 --inactive --security-info >"$BATS_TEST_TMPDIR/g1.xml"
	on_virsh alpha undefine --domain g1
	run_vmmig recover "$ID"
	assert_exit 4
	assert_says "it is at neither of the two hosts"
	assert_says "recover $ID --reset-state"
	on_has beta "$PART"
	define_at alpha
	# a third host knows it
	define_at gamma
	run_json recover "$ID"
	assert_exit 4
	assert_says "gamma has it by now, and it is off there"
	has_state alpha g1 "shut off*"
	on_virsh gamma undefine --domain g1
	run_json recover --all --yes
	assert_exit 0
	wait_until 60 alive g1
	assert_at alpha g1
	run_vmmig recover
	assert_says "nothing is unfinished"
	assert_nothing_left 60
	assert_disk_ok g1
}

@test "it could not be taken back: somebody has run the guest since, and it stays off; given up, what is left stays" {
	left_something
	on_virsh alpha start --domain g1
	wait_until 60 alive g1
	on_virsh alpha destroy --domain g1
	run_vmmig recover "$ID" --reset-state --dry-run
	assert_exit 0
	run_json recover
	json 'any(.event == "unfinished")'
	run_vmmig recover "$ID"
	assert_exit 0
	assert_says "off by somebody's will"
	has_state alpha g1 "shut off*"
	assert_nothing_left 60
	assert_disk_ok g1

	remove_guests
	left_something
	run_vmmig recover "$ID" --reset-state
	assert_exit 0
	run_vmmig recover
	assert_says "nothing is unfinished"
	on_has beta "$PART"
	has_state alpha g1 "shut off*"
	on beta sh -c "rm -f $PART $PART.state"
}

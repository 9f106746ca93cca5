#!/usr/bin/env bats
# Guests that start or stop while they move: the mode changes, not the outcome. Each row of the table of transitions,
# with real guests, and with an observer who sees what is there at the destination at each moment.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

off() { make_guest "$@" --storage local --off; }
on_disk() { make_guest "$1" --storage local --disk-size 64 --fill 40 --memory 96 "${@:2}"; }	# runs, and moves by block

# begin TAG MODE GUEST... [OPTION...]: over a link so slow that there is time.
begin() {
	local tag=$1
	shift
	fault rate alpha "${RATE:-60mbit}"
	start_vmmig "$tag" --json "$1" "${@:2}" --from alpha --to beta --yes
	observe "$tag"
}
# done_well TAG GUEST...: all of them have moved; with the link as fast as it can be.
done_well() {
	local tag=$1 name
	shift
	fault rate alpha 1gbit
	finish "$tag"
	assert_exit 0
	for name; do
		json "[.[] | select(.event == \"result\" and .guest == \"$name\")] | length == 1 and .[0].status == \"completed\""
	done
	wait_until 10 eval '[ -e "$BATS_TEST_TMPDIR/seen.$tag.end" ]'
	assert_nothing_left
}

# observe TAG: until it ends, what beta has: a line of words for each look ("server", "g1", "g2"), when it changes.
observe() {
	(
		last=-
		while ! ended "$1"; do
			now=
			[ -z "$(processes beta '^qemu-storage-daemon ')" ] || now=server
			for f in "$VMMIG_LAB_DIR"/common/guests/*.info; do
				n=$(sed -n 's/^name=//p' "$f")
				[ -z "$(processes beta "^[^ ]*qemu-system[^ ]* .*-uuid $(uuid_of "$n")")" ] || now+=" $n"
			done
			[ "$now" = "$last" ] || echo "$now"
			last=$now
		done >"$BATS_TEST_TMPDIR/seen.$1"
		: >"$BATS_TEST_TMPDIR/seen.$1.end"
	) </dev/null >/dev/null 2>&1 3>&- &
}
seen() { grep -qE -- "$2" "$BATS_TEST_TMPDIR/seen.$1"; }
# never TAG PATTERN: no look has seen that.
never() { ! seen "$@" || { cat "$BATS_TEST_TMPDIR/seen.$1" >&2; return 1; }; }

server_runs() { [ -n "$(processes beta '^qemu-storage-daemon ')" ]; }
clients() { processes alpha '^qemu-img convert ' | wc -l; }
client_of() { [ -n "$(processes alpha "^qemu-img convert .*/$1.qcow2")" ]; }
incoming() { [ -n "$(processes beta "^[^ ]*qemu-system[^ ]* .*-uuid $(uuid_of "$1")")" ]; }
in_phase() { grep -qE "\"guest\":\"$2\".*\"phase\":\"$3\".*\"state\":\"begun\"" "$BATS_TEST_TMPDIR/$1.out"; }
# Started, but not yet running: QEMU's emulation (TCG) loses some of the memory that a guest writes while it boots and
# moves, and then its kernel panics.
start_now() { on_virsh alpha start "$1" --paused >/dev/null; }
# runs_at_beta NAME: it has arrived as it was, boots there, and has lost nothing.
runs_at_beta() {
	assert_at beta "$1" "paused*" || return
	on_virsh beta resume "$1" >/dev/null
	wait_until 60 grep -qs '^READY' "$(guest_log "$1")" || return
	assert_at beta "$1" && assert_disk_ok "$1"
}
stop_now() { on_virsh alpha destroy "$1" >/dev/null; }
is_off_at_beta() { has_state beta "$1" "shut off*" && has_state alpha "$1" absent && assert_off "$1"; }

@test "one off, started while its copy is pending, and while it runs: server and client end, and it moves live" {
	off g1 --disk-size 64 --fill 50
	begin a cold g1
	wait_until 30 in_phase a g1 prepare
	start_now g1
	done_well a g1
	never a 'server.* g1'
	json 'last | .mode == "block"'
	runs_at_beta g1
	lab guest --name g1 --remove
	off g2 --disk-size 64 --fill 50
	begin b cold g2
	wait_until 30 client_of g2
	start_now g2
	wait_until 5 not client_of g2	# at once
	done_well b g2
	never b 'server.* g2'
	runs_at_beta g2
}

@test "one on, stopped when the second QEMU is there, and before: it is gone before there is a server; it arrives cold" {
	on_disk g1
	begin a block g1 --follow
	wait_until 40 incoming g1
	stop_now g1
	done_well a g1
	seen a 'server'
	never a 'server.* g1'
	json 'last | .mode == "cold"'
	is_off_at_beta g1
	start_guest beta g1
	assert_at beta g1
	assert_disk_ok g1
	on_disk g2
	begin b block g2 --follow
	wait_until 30 in_phase b g2 begin
	stop_now g2
	done_well b g2
	never b 'g2'
	is_off_at_beta g2
}

@test "one on with shared disks, stopped: nothing is to be copied, it arrives cold; without --follow it is told so" {
	make_guest g1 --memory 96 --dirty 24
	RATE=20mbit begin a live g1 --follow
	under_way a g1
	stop_now g1
	done_well a g1
	never a server
	is_off_at_beta g1
	make_guest g2 --memory 96 --dirty 24
	fault rate alpha 20mbit
	start_vmmig b --json live g2 --from alpha --to beta
	under_way b g2
	stop_now g2
	finish b
	assert_exit 1
	json 'last | .error.id == "E-GUEST-STOPPED"'
	has_state alpha g2 "shut off*"
	assert_nothing_left
}

@test "two off, one started: its client ends at once, the other's goes on; only then it moves live" {
	off g1 --disk-size 100 --fill 80
	off g2 --disk-size 64 --fill 40 --memory 96
	begin a cold g1 g2
	wait_until 40 eval 'client_of g1 && client_of g2'
	start_now g2
	wait_until 5 not client_of g2
	client_of g1
	run ! incoming g2
	done_well a g1 g2
	never a 'server.* g2'
	is_off_at_beta g1
	runs_at_beta g2
	start_guest beta g1
	assert_disk_ok g1
}

@test "two off, both started: clients and server end, then both move live" {
	off g1 --disk-size 64 --fill 40 --memory 96
	off g2 --disk-size 64 --fill 40 --memory 96
	begin a cold g1 g2 --at-once 2
	wait_until 40 eval 'client_of g1 && client_of g2'
	start_now g1
	start_now g2
	wait_until 10 not server_runs
	done_well a g1 g2
	never a 'server.* g'
	runs_at_beta g1
	runs_at_beta g2
}

@test "two on, one stopped: the other's live migration completes, and the stopped one arrives cold" {
	on_disk g1
	on_disk g2
	begin a block g1 g2 --follow --at-once 2
	wait_until 60 eval 'incoming g1 && incoming g2'
	stop_now g1
	done_well a g1 g2
	never a 'server.* g1'
	seen a server
	is_off_at_beta g1
	assert_at beta g2
	assert_disk_ok g2
}

@test "two on, both stopped: all QEMU gone, then they arrive cold" {
	on_disk g1
	on_disk g2
	begin a block g1 g2 --follow --at-once 2
	wait_until 60 eval 'incoming g1 && incoming g2'
	stop_now g1 &
	stop_now g2
	wait $!
	done_well a g1 g2
	# twice, if one of them was noticed later
	[ "$(grep -c server "$BATS_TEST_TMPDIR/seen.a")" -le 3 ]
	seen a '^server$'
	is_off_at_beta g1
	is_off_at_beta g2
}

@test "one on, one off: the one that is off is started: both arrive live" {
	on_disk g1 --dirty 16
	off g2 --disk-size 64 --fill 50 --memory 96
	begin a cold g1 g2
	wait_until 60 eval 'incoming g1 && client_of g2'
	start_now g2
	wait_until 5 not client_of g2
	done_well a g1 g2
	never a 'server.* g2'
	assert_at beta g1
	assert_disk_ok g1
	runs_at_beta g2
}

@test "one on, one off: the running one is stopped: the copy completes, then a new server for it" {
	on_disk g1
	off g2 --disk-size 64 --fill 50
	begin a block g1 g2
	wait_until 60 eval 'incoming g1 && client_of g2'
	stop_now g1
	done_well a g1 g2
	is_off_at_beta g1
	is_off_at_beta g2
	start_guest beta g1
	assert_disk_ok g1
}

@test "--no-follow: one that is started while it is copied runs on, and is told so" {
	off g1 --disk-size 64 --fill 50
	begin a cold g1 --no-follow
	wait_until 40 client_of g1
	start_now g1
	finish a
	assert_exit 1
	json 'last | .error.id == "E-GUEST-STARTED" and .mode == "cold"'
	has_state alpha g1 "paused*"
	has_state beta g1 absent
	assert_nothing_left
	[ -z "$(on beta find "$IMAGES" -type f)" ]
}

@test "a call with guests in several states: nobody can be asked, so it is refused; --yes takes each its way" {
	make_guest g1 --memory 96
	make_guest g2 --off
	run_vmmig live g1 g2 --from alpha --to beta
	assert_exit 3
	assert_at beta g1
	has_state alpha g2 "shut off*"
	run_json live g2 --from alpha --to beta
	assert_exit 0
	json 'any(.event == "note" and (.text | contains("shut off: moved by vmmig cold")))'
	is_off_at_beta g2
	assert_nothing_left
}

@test "a signal, and vmmig cancel of one of two: that one ends, all end" {
	off g1 --disk-size 100 --fill 80
	off g2 --disk-size 100 --fill 80
	begin a cold g1 g2
	wait_until 40 eval 'client_of g1 && client_of g2'
	run_vmmig cancel g1
	assert_exit 0
	wait_until 10 not client_of g1
	client_of g2
	kill -TERM "$(background_pid a)"
	finish a 60
	assert_exit 5
	json '[.[] | select(.event == "result") | .error.id] == ["E-CANCELLED", "E-CANCELLED"]'
	has_state alpha g1 "shut off*"
	has_state alpha g2 "shut off*"
	assert_nothing_left
	[ -z "$(on beta find "$IMAGES" -type f)" ]
}

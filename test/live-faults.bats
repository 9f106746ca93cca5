#!/usr/bin/env bats
# vmmig live while something goes wrong. Whatever it is, in the end exactly one host runs the guest (or none, if the
# guest itself has ended), no write is lost, and nothing of vmmig's is left anywhere.
# shellcheck disable=SC2154,SC2034	# status, output, stderr

load lib

# slow_move TAG [ARGUMENT…]: g1 is on its way from alpha to beta, slowly enough for a fault to hit it there.
slow_move() {
	local tag=$1
	shift
	start_vmmig "$tag" --json live g1 --from alpha --to beta --bandwidth 4 "$@"
	under_way "$tag" g1
}

# took TAG-END: milliseconds since the variable was set, as assertion
within() {	# within LIMIT_MS SINCE_MS
	local ms=$(($(now_ms) - $2))
	[ $ms -le "$1" ] || { echo "it took $ms ms, not at most $1" >&2; return 1; }
}

result_is() {	# result_is EXIT STATUS ERROR-ID
	assert_exit "$1"
	json "last | .event == \"result\" and .exit == $1 and .status == \"$2\" and .error.id == \"$3\"
		and .from == \"alpha\" and .to == \"beta\""
}

# as_before: g1 runs at the source as if nothing had been.
as_before() {
	assert_at alpha g1
	no_job g1
	[ "$(limit_of alpha g1)" = 300 ]
	assert_nothing_left
	assert_disk_ok g1
}

# one_host: g1 runs on exactly one host, and no migration of it is under way.
one_host() { no_job g1 && where g1 && ! has_state alpha g1 "paused*" && ! has_state beta g1 "paused*"; }
at_beta() { [ "$(where g1)" = beta ] && no_job g1; }
at_alpha() { [ "$(where g1)" = alpha ] && no_job g1; }

ends_by_signal() {
	local since
	make_guest g1
	on_virsh alpha migrate-setmaxdowntime g1 411
	slow_move a
	[ "$(limit_of alpha g1)" = 75 ]	# a quarter of what is allowed
	since=$(now_ms)
	kill "-$1" "$(background_pid a)"
	finish a 30
	within 10000 "$since"
	result_is 5 cancelled E-CANCELLED
	[ "$(limit_of alpha g1)" = 411 ]
	on_virsh alpha migrate-setmaxdowntime g1 300
	as_before
	run_vmmig status
	assert_exit 0
	assert_says "nothing is unfinished"
	run_json history g1
	json 'last | .status == "cancelled" and .exit == 5 and .error.id == "E-CANCELLED"'
}

@test "SIGINT under way: stopped, the guest as before" { ends_by_signal INT; }
@test "SIGTERM under way: stopped, the guest as before" { ends_by_signal TERM; }
@test "SIGHUP under way: stopped, the guest as before" { ends_by_signal HUP; }

# connecting: it waits for one host's libvirt, and for nothing else any more.
connecting() {
	local before
	before=$(ls -A "$XDG_RUNTIME_DIR")
	[ -n "$before" ] && sleep 0.5 && [ "$(ls -A "$XDG_RUNTIME_DIR")" = "$before" ]
}

@test "SIGINT while a host does not answer: it ends at once, the guest as before" {
	local since
	make_guest g1
	later fault kill beta libvirtd -CONT
	fault kill beta libvirtd -STOP
	later fault kill beta libvirtd -CONT
	start_vmmig a --json live g1 --from alpha --to beta
	wait_until 20 connecting
	since=$(now_ms)
	kill -INT "$(background_pid a)"
	finish a 30
	within 3000 "$since"
	assert_exit 5
	fault kill beta libvirtd -CONT
	as_before
}

@test "a second signal: it leaves at once, the journal knows, and one host runs the guest" {
	local pid since
	make_guest g1
	slow_move a
	pid=$(background_pid a)
	since=$(now_ms)
	kill -INT "$pid"
	kill -TERM "$pid"
	finish a 10
	within 2000 "$since"
	assert_exit 4
	assert_says "second signal"
	journal_intact
	run_json status
	json 'any(.[]; .event == "migration" and .guest == "g1" and .phase == "perform" and .ended == null
		and (.process | contains("gone")))'
	json 'any(.[]; .event == "verdict")'
	assert_nothing_left
	# If the abort was not sent any more, libvirt goes on, at a speed and with a limit that need not converge.
	on_virsh alpha migrate-setspeed g1 1000 || true
	wait_until 120 one_host
	run_json status g1
	json 'any(.[]; .event == "verdict" and (.verdict == "moved" or .verdict == "stayed"))'
	assert_disk_ok g1
}

@test "kill -9 of vmmig, peer-to-peer: libvirt brings it to its end" {
	make_guest g1
	start_vmmig a live g1 --from alpha --to beta --bandwidth 16 --max-downtime 2000
	under_way a g1
	kill -KILL "$(background_pid a)"
	finish a 10
	[ "$status" = 137 ]
	wait_until 120 at_beta
	assert_at beta g1
	journal_intact
	run_json status
	assert_exit 0
	json 'any(.[]; .event == "migration" and .guest == "g1" and .ended == null)'
	json 'any(.[]; .event == "verdict" and .verdict == "moved")'
	# nobody holds the lease any more
	run_vmmig live g1 --from beta --to alpha
	assert_exit 0
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "kill -9 of vmmig that controls the migration: it stays" {
	new_config 'migrate = { peer2peer = false; };'
	make_guest g1
	slow_move a
	kill -KILL "$(background_pid a)"
	finish a 10
	wait_until 120 at_alpha
	assert_at alpha g1
	run_json status
	json 'any(.[]; .event == "verdict" and .verdict == "stayed")'
	assert_nothing_left
	assert_disk_ok g1
}

# g1's own end under way: nobody runs it, it is defined where it was, and the words say that it was its own.
own_end() {
	finish a 90
	result_is 1 failed E-GUEST-STOPPED
	assert_off g1
	[ "$(state_of beta g1)" = absent ]
	has_state alpha g1 "shut off*"
	assert_nothing_left
	assert_disk_ok g1
}

@test "the guest's QEMU crashes under way" {
	make_guest g1
	slow_move a
	fault kill alpha qemu:g1
	own_end
}

@test "the guest shuts down under way" {
	make_guest g1
	slow_move a
	# As after a power-off by the guest: QEMU ends orderly, and libvirt hears SHUTDOWN.
	fault kill alpha qemu:g1 -TERM
	own_end
}

@test "a transient guest ends under way: nothing is left of it" {
	make_guest g1 --transient
	slow_move a
	fault kill alpha qemu:g1
	finish a 90
	result_is 4 failed E-GUEST-GONE
	assert_off g1
	assert_nothing_left
	lab disk-check g1 --host alpha --disk /srv/vmmig-lab/gluster/g1.qcow2
}

@test "the destination's QEMU dies under way" {
	make_guest g1
	slow_move a
	fault kill beta qemu:g1
	finish a 90
	result_is 1 failed E-MIGRATE
	as_before
}

# with the connection of the kind that the configuration says
destination_libvirtd_dies() {
	make_guest g1
	slow_move a
	fault kill beta libvirtd
	fault start beta libvirtd
	finish a 120
	result_is 1 failed E-MIGRATE
	as_before
}

@test "the destination's libvirtd dies and comes back" { destination_libvirtd_dies; }

@test "the destination's libvirtd dies and comes back, controlled from here" {
	new_config 'migrate = { peer2peer = false; };'
	destination_libvirtd_dies
}

@test "the destination's libvirtd dies for good: undecided, never \"moved\" and never stopped" {
	make_guest g1
	slow_move a
	fault kill beta libvirtd
	finish a 150
	result_is 4 failed E-UNDECIDED
	has_state alpha g1 "running*"
	alive g1
	# it is the one to be recovered; that a host cannot be asked for it is said
	run_vmmig recover g1
	assert_exit 7
	assert_says beta
	fault start beta libvirtd
	wait_until 60 at_alpha
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

source_libvirtd_dies() {
	make_guest g1
	slow_move a
	fault kill alpha libvirtd
	fault start alpha libvirtd
	finish a 120
	result_is 1 failed E-MIGRATE
	as_before
}

@test "the source's libvirtd dies and comes back" { source_libvirtd_dies; }

@test "the source's libvirtd dies and comes back, controlled from here" {
	new_config 'migrate = { peer2peer = false; };'
	source_libvirtd_dies
}

@test "two vmmig at once: one moves it, the other is told that it is busy" {
	local codes
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 24
	start_vmmig b --json live g1 --from alpha --to beta --bandwidth 24
	finish a
	codes=$status
	[ "$status" = 0 ] || result_is 6 failed E-BUSY
	finish b
	codes+=" $status"
	[ "$status" = 0 ] || result_is 6 failed E-BUSY
	[ "$codes" = "0 6" ] || [ "$codes" = "6 0" ] || { echo "exit statuses: $codes" >&2; false; }
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "a second vmmig under way, to another host: busy, and the first goes on" {
	make_guest g1
	slow_move a
	run_json live g1 --from alpha --to gamma
	result=$(result .error.id)
	assert_exit 6
	[ "$result" = E-BUSY ]
	[ "$(result .error.message)" != null ]
	json "last | .error.message | contains(\"pid $(background_pid a)\")"
	kill -INT "$(background_pid a)"
	finish a 30
	assert_exit 5
	as_before
}

@test "the control machine is cut off for good: undecided, and libvirt brings it to its end" {
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 8 --max-downtime 2000
	under_way a g1
	later control_address add
	control_address del
	finish a 150
	result_is 4 failed E-UNDECIDED
	wait_until 60 at_beta
	control_address add
	# what is undecided is not over: vmmig status, which the hint names, has it and knows more now
	run_json status
	assert_exit 0
	json 'any(.[]; .event == "verdict" and .verdict == "moved")'
	assert_at beta g1
	assert_nothing_left 60
	assert_disk_ok g1
}

@test "the control machine is cut off for a while: it finds out what has become of the guest" {
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 8 --max-downtime 2000
	under_way a g1
	later control_address add
	control_address del
	# libvirt needs nobody here
	wait_until 120 at_beta
	control_address add
	finish a 120
	assert_exit 0
	json 'last | .status == "completed" and .exit == 0'
	assert_at beta g1
	assert_nothing_left 60
	assert_disk_ok g1
}

@test "the control machine is cut off for a while, and two libvirt go on: the deadline holds all the same" {
	make_guest g1 --dirty 32 --dirty-rate 40
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 4 --timeout 35
	under_way a g1
	later control_address add
	control_address del
	wait_until 60 grep -q '"phase":"finish"' "$BATS_TEST_TMPDIR/a.out"	# its call has come back
	control_address add
	finish a 120
	result_is 1 failed E-DEADLINE
	json 'any(.[]; .event == "note" and (.text | contains("the migration goes on")))'
	assert_at alpha g1
	assert_nothing_left 60
	assert_disk_ok g1
}

@test "the destination's link is cut for good: the guest goes on at the source" {
	make_guest g1
	slow_move a
	fault link beta down
	finish a 180
	result_is 4 failed E-UNDECIDED
	has_state alpha g1 "running*"
	alive g1
	fault link beta up
	wait_until 90 at_alpha
	assert_at alpha g1
	assert_nothing_left 60
	assert_disk_ok g1
}

@test "the network between the hosts is cut for 5 s: it goes on by itself" {
	make_guest g1
	start_vmmig a --json live g1 --from alpha --to beta --bandwidth 24 --max-downtime 2000
	under_way a g1
	later mend_network
	cut_network
	sleep 5
	mend_network
	finish a 120
	assert_exit 0
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "the destination goes off under way, and comes back: the guest goes on at the source" {
	make_guest g1
	slow_move a
	fault power beta off
	fault power beta on
	finish a 150
	result_is 1 failed E-MIGRATE
	as_before
}

is_stopped() { [ "$(awk '/^State:/ {print $2}' "/proc/$(background_pid "$1")/status" 2>/dev/null)" = T ]; }

# proving TAG: vmmig live g1, stopped while the tokens of both hosts are beside the image.
proving() {
	local i
	for ((i = 0; i < 10; i++)); do
		start_vmmig "$1" --json live g1 --from alpha --to beta
		until compgen -G "$VMMIG_LAB_DIR/data/gluster/.vmmig-token-*-d" >/dev/null; do ! ended "$1" || return; done
		kill -STOP "$(background_pid "$1")"
		wait_until 10 is_stopped "$1"
		! compgen -G "$VMMIG_LAB_DIR/data/gluster/.vmmig-token-*-d" >/dev/null || return 0
		# too late: that one is called off
		kill -INT "$(background_pid "$1")"
		kill -CONT "$(background_pid "$1")"
		finish "$1" 60
	done
	return 1
}

@test "the destination goes off while storage is proven: its token goes all the same" {
	make_guest g1
	proving a
	fault power beta off
	kill -CONT "$(background_pid a)"
	finish a 90
	[ "$status" = 3 ] || [ "$status" = 7 ]
	fault power beta on
	as_before
	assert_nothing_left 10
}

# For ever, by itself: nothing it has sent is unanswered, so nothing it sends is refused by a host that has forgotten it.
@test "the destination goes off while libvirt connects to it, and comes back: libvirt is freed, and the guest goes on" {
	make_guest g1
	VMMIG_WRAP="env VMMIG_TEST_STOP_AT=perform" start_vmmig a --json live g1 --from alpha --to beta
	wait_until 30 is_stopped a
	later fault kill beta libvirtd -CONT
	fault kill beta libvirtd -STOP
	kill -CONT "$(background_pid a)"
	wait_until 30 on beta pgrep -x 'nc|virt-ssh-helper'
	fault power beta off
	fault power beta on
	finish a 90
	result_is 1 failed E-MIGRATE
	as_before
	json 'any(.event == "note" and (.text | contains("ended its silent connections there: 1")))'
}

@test "a signal while post-copy is under way does not harm the guest" {
	fault rate alpha 100mbit
	make_guest g1 --dirty 48
	start_vmmig a --json live g1 --from alpha --to beta --timeout 3 --on-timeout postcopy
	wait_until 60 has_state alpha g1 "paused (post-copy)"
	kill -INT "$(background_pid a)"
	finish a 120
	[ "$status" = 0 ] || assert_exit 4
	wait_until 60 at_beta
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

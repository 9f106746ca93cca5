#!/usr/bin/env bats
# vmmig live: what it does when nothing goes wrong, and what it refuses. Faults under way: live-faults.bats.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

phases='["begin", "prepare", "perform", "finish", "confirm"]'

persistent() { on_virsh "$1" dominfo --domain "$2" | awk '$1 == "Persistent:" {print $2}'; }
autostart() { on_virsh "$1" dominfo --domain "$2" | awk '$1 == "Autostart:" {print $2}'; }

# A guest that does not converge over a link of 200 Mbit/s: it dirties 48 MiB again and again.
never_converging() {
	fault rate alpha 200mbit
	make_guest "$1" --memory 128 --dirty 48
}

@test "shared storage: it moves and goes on, and the source keeps nothing of it" {
	make_guest g1 --dirty 8 --dirty-rate 4
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	[[ $output == "g1: moved from alpha to beta in "*", downtime "*" ms, "*" sent" ]]
	assert_at beta g1
	[ "$(persistent beta g1)" = yes ]
	[ "$(autostart beta g1)" = disable ]
	assert_nothing_left
	assert_disk_ok g1
}

@test "--json: events, fields, and the result as the last line" {
	make_guest g1 --dirty 2 --dirty-rate 1
	run_json live g1 --from alpha --to beta --bandwidth 16
	assert_exit 0
	[ -z "$stderr" ]
	json 'last | .event == "result" and .status == "completed" and .exit == 0 and .guest == "g1" and .mode == "live"
		and .from == "alpha" and .to == "beta" and .total_ms > 0 and .downtime_ms >= 0 and .bytes > 0
		and .dry_run == false and (has("error") | not)'
	json '[.[] | select(.event == "result")] | length == 1'
	json "[.[] | select(.event == \"phase\" and .state == \"begun\") | .phase] == $phases"
	json "[.[] | select(.event == \"phase\" and .state == \"done\" and .ms >= 0) | .phase] == $phases"
	json 'all(.[]; .time | test("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$"))'
	json 'map(.time) | . == sort'
	json '[.[] | select(.event == "phase")][1:] | map(.migration) | unique | length == 1 and .[0] != null'
	json '[.[] | select(.event == "progress")] | length > 2 and
		all(.[]; .guest == "g1" and .phase == "perform" and .max_downtime_ms >= 75 and .max_downtime_ms <= 300 and .postcopy == false
			and (.eta_ms == null or .eta_ms >= 0) and has("iteration") and has("bytes_per_s")
			and has("dirty_bytes_per_s") and has("memory_total") and has("memory_remaining"))
		and (map(.elapsed_ms) | . == sort) and (map(.memory_processed) | . == sort)
		and (last | .memory_total > 0 and .memory_processed > 0)'
	# It watches all the time: no statistics for seconds would mean no abort and no deadline for seconds, either.
	json '[.[] | select(.event == "progress") | .elapsed_ms] | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) |
		max < 2500'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "there and back" {
	make_guest g1
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	assert_at beta g1
	run_vmmig live g1 --from beta --to alpha
	assert_exit 0
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "storage that libvirt does not know to be shared: proven, and moved with UNSAFE" {
	make_guest g1 --storage bind
	run on alpha virsh -q migrate --live g1 qemu+ssh://beta/system
	[ "$status" != 0 ]
	[[ $output == *[Uu]nsafe* ]]
	run_vmmig live g1 --from alpha --to beta --dry-run
	assert_exit 0
	assert_says "with the UNSAFE flag"
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "cache=writeback is refused where nobody drops the cache, and loses nothing where QEMU does" {
	local before
	make_guest g1 --storage bind --cache writeback
	before=$(snapshot g1)
	run_json live g1 --from alpha --to beta
	assert_exit 3
	json 'last | .status == "failed" and .exit == 3 and .error.id == "E-STORAGE-CACHE"'
	json 'any(.[]; .event == "check" and .id == "E-STORAGE-CACHE" and .refuses and .hint != null)'
	diff <(echo "$before") <(snapshot g1)
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1

	make_guest g2 --storage gluster --cache writeback
	run_vmmig live g2 --from alpha --to beta
	assert_exit 0
	assert_at beta g2
	assert_nothing_left
	assert_disk_ok g2
}

@test "local disks are refused and nothing is changed, with and without a file of that name at the destination" {
	local before
	make_guest g1 --storage local
	before=$(snapshot g1)
	run_vmmig live g1 --from alpha --to beta
	assert_exit 3
	assert_says E-STORAGE-NOT-SHARED
	assert_says "hint: "
	[ -z "$output" ]
	diff <(echo "$before") <(snapshot g1)
	assert_nothing_left

	on beta qemu-img create -q -f qcow2 /var/lib/libvirt/images/g1.qcow2 64M
	before=$(snapshot g1)
	run_json live g1 --from alpha --to beta
	assert_exit 3
	json 'any(.[]; .event == "check" and .id == "E-STORAGE-NOT-SHARED" and .refuses)'
	diff <(echo "$before") <(snapshot g1)
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "a paused guest arrives paused and can go on" {
	make_guest g1
	on_virsh alpha suspend g1 >/dev/null
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	assert_at beta g1 "paused*"
	[ "$(persistent beta g1)" = yes ]
	on_virsh beta resume g1 >/dev/null
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "a transient guest stays transient" {
	make_guest g1 --transient
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	assert_at beta g1
	[ "$(persistent beta g1)" = no ]
	assert_nothing_left
	assert_disk_ok g1
}

@test "autostart goes along" {
	make_guest g1 --autostart
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	assert_at beta g1
	[ "$(autostart beta g1)" = enable ]
	assert_nothing_left
}

@test "two guests in one call; one that is refused does not hold up the next" {
	make_guest g1
	make_guest g2
	make_guest g3 --storage local
	run_json live g1 g3 g2 --from alpha --to beta
	assert_exit 3
	json '[.[] | select(.event == "result") | [.guest, .exit]] == [["g1", 0], ["g3", 3], ["g2", 0]]'
	assert_at beta g1
	assert_at beta g2
	assert_at alpha g3
	assert_nothing_left
	assert_disk_ok g1
	assert_disk_ok g2
}

@test "without --from the guest is found; where it already is there is nothing to do" {
	local before
	make_guest g1
	run_json live g1 --to beta
	assert_exit 0
	[ "$(result .from)" = alpha ]
	assert_at beta g1
	before=$(snapshot g1)
	run_json live g1 --to beta
	assert_exit 0
	[ "$(result .exit)" = 0 ]
	json 'any(.[]; .event == "note" and (.text | contains("nothing to do")))'
	diff <(echo "$before") <(snapshot g1)
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "--dry-run names every object and changes nothing" {
	local before
	make_guest g1 --autostart
	before=$(snapshot g1)
	run_vmmig live g1 --from alpha --to beta --dry-run --max-downtime 123 --bandwidth 9 --timeout 60
	assert_exit 0
	assert_says "dry run: would move from alpha to beta; nothing was changed"
	assert_says "/run/vmmig-$(uuid_of g1).lease"
	assert_says "123 ms"
	assert_says "/srv/vmmig-lab/gluster/g1.qcow2"
	assert_says "9 MiB/s"
	assert_says "peer-to-peer"
	assert_says "autostart"
	assert_says "undefined"
	assert_says "after 60 s"
	diff <(echo "$before") <(snapshot g1)
	assert_at alpha g1
	run_json live g1 --from alpha --to beta --dry-run
	assert_exit 0
	json 'last | .dry_run == true and .exit == 0 and .status == "none"'
	diff <(echo "$before") <(snapshot g1)
	assert_nothing_left
}

@test "--max-downtime: QEMU begins with a quarter of it, and a failure puts the old limit back" {
	make_guest g1
	on_virsh alpha migrate-setmaxdowntime g1 417
	start_vmmig a live g1 --from alpha --to beta --max-downtime 137 --bandwidth 4
	under_way a g1
	[ "$(limit_of alpha g1)" = 34 ]	# a quarter: the limit begins low
	kill -INT "$(background_pid a)"
	finish a 30
	assert_exit 5
	[ "$(limit_of alpha g1)" = 417 ]
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "--bandwidth limits" {
	make_guest g1
	run_json live g1 --from alpha --to beta --bandwidth 8
	assert_exit 0
	# All that was sent, in the time perform took, with a tenth for what QEMU does not count.
	json '[.[] | select(.event == "phase" and .phase == "perform" and .state == "done") | .ms][0] as $ms |
		last | .bytes * 1000 / $ms < 8 * 1048576 * 1.1'
	json 'all(.[] | select(.event == "progress"); .bytes_per_s < 8 * 1048576 * 1.5)'
	assert_at beta g1
	assert_disk_ok g1
}

@test "--timeout with abort: exit 1, the guest goes on at the source" {
	never_converging g1
	run_json live g1 --from alpha --to beta --timeout 8
	assert_exit 1
	[ "$(result .error.id)" = E-DEADLINE ]
	[ "$(result .error.hint)" != null ]
	json 'last | .total_ms > 8000 and .total_ms < 25000'
	assert_at alpha g1
	[ "$(limit_of alpha g1)" = 300 ]
	assert_nothing_left
	assert_disk_ok g1
}

@test "--timeout with suspend: it arrives and runs" {
	never_converging g1
	run_json live g1 --from alpha --to beta --timeout 8 --on-timeout suspend
	assert_exit 0
	json 'last | .total_ms > 8000'
	json 'any(.[]; .event == "decision" and .action == "suspend")'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "--timeout with postcopy: it arrives and runs, and progress says so" {
	never_converging g1
	run_json live g1 --from alpha --to beta --timeout 8 --on-timeout postcopy
	assert_exit 0
	json 'last | .total_ms > 8000'
	json '[.[] | select(.event == "progress") | .postcopy] | (first | not) and last'
	assert_at beta g1 "running*"
	assert_nothing_left
	assert_disk_ok g1
}

@test "peer2peer = false: controlled from here" {
	new_config 'migrate = { peer2peer = false; };'
	make_guest g1
	run_vmmig live g1 --from alpha --to beta --dry-run
	assert_exit 0
	assert_says "controlled from here"
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "the source cannot log in at the destination: said, and moved all the same" {
	make_guest g1
	make_guest g2
	on alpha mv /root/.ssh/id_ed25519 /root/.ssh/id_ed25519.away
	later on alpha mv /root/.ssh/id_ed25519.away /root/.ssh/id_ed25519
	run_json live g1 --from alpha --to beta
	assert_exit 0
	json 'any(.[]; .event == "check" and .id == "W-PEER-LOGIN" and (.refuses | not))'
	assert_at beta g1
	on alpha mv /root/.ssh/id_ed25519.away /root/.ssh/id_ed25519
	on alpha mv /root/.ssh/known_hosts /root/.ssh/known_hosts.away
	later on alpha mv /root/.ssh/known_hosts.away /root/.ssh/known_hosts
	run_vmmig live g2 --from alpha --to beta
	assert_exit 0
	assert_says W-PEER-LOGIN
	assert_at beta g2
	assert_nothing_left
	assert_disk_ok g1
	assert_disk_ok g2
	on alpha cp /root/.ssh/known_hosts.away /root/.ssh/known_hosts
	on alpha cp /root/.ssh/id_ed25519 /root/.ssh/id_ed25519.away
}

@test "history and status tell what was done" {
	local id
	make_guest g1
	make_guest g2 --storage local
	run_json live g1 --from alpha --to beta
	assert_exit 0
	id=$(result .migration)
	run_vmmig live g2 --from alpha --to beta
	assert_exit 3

	run_json history
	assert_exit 0
	json '[.[] | select(.event == "migration") | [.guest, .status, .exit, .from, .to, .mode, .error.id]] ==
		[["g1", "completed", 0, "alpha", "beta", "live", null],
		 ["g2", "failed", 3, "alpha", "beta", "live", .[1].error.id]]'
	json '.[0] | .total_ms > 0 and .bytes > 0 and .started < .ended and .phase == "confirm"'
	run_json history "$id"
	assert_exit 0
	json "any(.[]; .event == \"effect\" and .kind == \"migrate\" and .result == \"done\" and .migration == \"$id\")"
	run_vmmig history g1
	assert_exit 0
	[[ $output == *"$id"*g1*"alpha -> beta"*completed* ]]

	run_vmmig status
	assert_exit 0
	assert_says "nothing is unfinished"
	run_json status g1
	assert_exit 0
	json 'any(.[]; .event == "look" and .host == "beta" and .state == "running" and .qemu_processes == 1)'
	json 'any(.[]; .event == "look" and .host == "alpha" and .state == "absent" and .qemu_processes == 0)'
}

# --- memory --------------------------------------------------------------

@test "vmmig live takes less than 50 MiB" {
	local kib
	make_guest g1
	VMMIG_WRAP="/usr/bin/time -f %M -o $BATS_TEST_TMPDIR/kib" run_vmmig live g1 --from alpha --to beta --bandwidth 32
	assert_exit 0
	kib=$(tail -n 1 "$BATS_TEST_TMPDIR/kib")
	echo "largest resident set: $kib KiB"
	[ "$kib" -lt $((50 * 1024)) ]
}

valgrind() {
	echo valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99 \
		--suppressions="$TEST_TOP/test/valgrind.supp" --log-file="$BATS_TEST_TMPDIR/valgrind.%p"
}
valgrind_is_silent() {
	! grep -h . "$BATS_TEST_TMPDIR"/valgrind.* >&2
}

@test "valgrind finds nothing: moved, refused, cancelled" {
	make_guest g1
	make_guest g2 --storage local
	VMMIG_WRAP=$(valgrind)
	run_vmmig live g1 --from alpha --to beta
	valgrind_is_silent
	assert_exit 0
	assert_at beta g1
	run_json live g2 --from alpha --to beta
	valgrind_is_silent
	assert_exit 3
	start_vmmig a live g1 --from beta --to alpha --bandwidth 4
	under_way a g1 beta
	kill -INT "$(background_pid a)"
	finish a 60
	valgrind_is_silent
	assert_exit 5
	assert_at beta g1
	run_vmmig live nobody --from alpha --to beta
	valgrind_is_silent
	assert_exit 2
	assert_nothing_left
}

@test "the sanitizers find nothing: moved, refused, cancelled" {
	VMMIG=${VMMIG_ASAN:-$TEST_TOP/build-asan/vmmig}
	[ -x "$VMMIG" ] || skip "no $VMMIG (make O=build-asan SANITIZE=address,undefined)"
	export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
	make_guest g1
	make_guest g2 --storage local
	run_vmmig live g1 --from alpha --to beta
	assert_exit 0
	assert_silent_on "Sanitizer"
	assert_silent_on "runtime error"
	assert_at beta g1
	run_json live g2 --from alpha --to beta
	assert_exit 3
	start_vmmig a live g1 --from beta --to alpha --bandwidth 4
	under_way a g1 beta
	kill -INT "$(background_pid a)"
	finish a 60
	assert_exit 5
	assert_silent_on "Sanitizer"
	assert_at beta g1
	run_vmmig live nobody --from alpha --to beta
	assert_exit 2
	assert_nothing_left
}

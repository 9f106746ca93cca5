#!/usr/bin/env bats
# Guests that change their memory: the downtime limit, stalls, and what --policy does about them. The rules themselves
# are tested in unit/test-converge.c.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

# It dirties 24 MiB as fast as it can; over 160 Mbit/s that is more than a second of downtime, whatever is waited for.
settles() {
	fault rate alpha 160mbit
	make_guest "$1" --memory 96 --dirty 24
}

decisions() { events decision "$@"; }

@test "what the guest's memory needs is allowed: the limit is raised to that, and no further" {
	settles g1
	run_json live g1 --from alpha --to beta --max-downtime 4000
	assert_exit 0
	# From a quarter of it on, each time with the reason; all of the 24 MiB take more than a second.
	json '[.[] | select(.event == "decision")] | length >= 1 and all(.action == "max-downtime" and
		.max_downtime_ms > 1000 and .max_downtime_ms <= 4000 and .needed_downtime_ms > 0 and (.reason | length) > 20)'
	json '[.[] | select(.event == "progress") | .max_downtime_ms] | .[0] == 1000 and max <= 4000'
	json 'last | .downtime_ms < 4000'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "careful: what does not converge is stopped, and said with what it would need" {
	settles g1
	on_virsh alpha migrate-setmaxdowntime g1 411
	run_json live g1 --from alpha --to beta --policy careful --max-downtime 100
	assert_exit 1
	[ "$(result .error.id)" = E-CONVERGE ]
	[[ $(result .error.message) == *"needs a downtime of about "*"100 ms are allowed"* ]]
	[[ $(result .error.hint) == *"--max-downtime "*"--policy must-finish"* ]]
	json 'any(.[]; .event == "decision" and .action == "abort" and .needed_downtime_ms > 100)'
	json 'all(.[] | select(.event == "decision" and .action == "max-downtime"); .max_downtime_ms <= 100)'
	assert_at alpha g1
	[ "$(limit_of alpha g1)" = 411 ]
	run_json history "$(result .migration)"
	json 'any(.[]; .event == "decision" and .action == "abort")'
	[ "$(journal 'SELECT count(*) > 20 AND max(max_downtime_ms) <= 100 AND max(iteration) > 3 FROM sample')" = 1 ]
	assert_nothing_left
	assert_disk_ok g1
}

@test "must-finish: what does not converge is finished by post-copy" {
	settles g1
	run_json live g1 --from alpha --to beta --policy must-finish --max-downtime 100
	assert_exit 0
	json '[.[] | select(.event == "decision")] | last | .action == "postcopy" and .needed_downtime_ms > 100'
	json 'any(.[] | select(.event == "progress"); .postcopy)'
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "must-finish: what converges does so without post-copy" {
	fault rate alpha 160mbit
	make_guest g1 --memory 96 --dirty 24 --dirty-rate 4
	run_json live g1 --from alpha --to beta --policy must-finish
	assert_exit 0
	json 'all(.[] | select(.event == "decision"); .action == "max-downtime" and .max_downtime_ms <= 300)'
	json 'all(.[] | select(.event == "progress"); .postcopy == false)'
	assert_at beta g1
	assert_disk_ok g1
}

@test "auto_converge: QEMU slows the guest down; with a deadline, that one decides" {
	new_config 'migrate = { auto_converge = true; };'
	settles g1
	run_json live g1 --from alpha --to beta --max-downtime 60 --timeout 20
	if [ "$status" = 0 ]; then	# slowed down far enough
		assert_at beta g1
	else
		assert_exit 1
		[ "$(result .error.id)" = E-DEADLINE ]
		[[ $(result .error.message) == *"needs a downtime of about "* ]]
		assert_at alpha g1
	fi
	[ "$(journal 'SELECT max(throttle) > 0 FROM sample')" = 1 ]
	assert_nothing_left
	assert_disk_ok g1
}

@test "the policy: from the configuration, and in the plan" {
	new_config 'migrate = { policy = "must-finish"; };'
	make_guest g1
	run_vmmig live g1 --from alpha --to beta --dry-run --max-downtime 1000
	assert_exit 0
	assert_says "set to 250 ms, and raised up to 900 ms as it is needed"
	assert_says "if it does not converge (policy must-finish): postcopy"
	assert_silent_on "slows the guest down"
	run_vmmig live g1 --from alpha --to beta --dry-run --policy balanced
	assert_silent_on "QEMU slows the guest down"
	assert_says "if it does not converge (policy balanced): abort"
	run_json live g1 --from alpha --to beta --policy reckless
	assert_exit 2
	[ "$(result .error.id)" = E-USAGE ]
	assert_at alpha g1
	assert_nothing_left
}

# What the kernel leaves to those with CAP_SYS_PTRACE: with this emulator QEMU has it no longer.
forbid_postcopy() {	# HOST
	local emulator=/usr/bin/qemu-system-x86_64
	on "$1" cp $emulator /srv/qemu-real
	on "$1" sh -c "printf '#!/bin/sh\nexec setpriv --bounding-set -sys_ptrace /srv/qemu-real \"\$@\" -L /usr/share/seabios -L /usr/share/qemu\n' >/srv/qemu-wrapped
		chmod 755 /srv/qemu-wrapped; mount --bind /srv/qemu-wrapped $emulator"
	later on "$1" sh -c "umount $emulator; rm -f /srv/qemu-real /srv/qemu-wrapped"
}

@test "post-copy asked where the kernel forbids it: refused before, with QEMU's words; without it, it goes" {
	make_guest g1
	forbid_postcopy beta
	[ "$(cat /proc/sys/vm/unprivileged_userfaultfd)" = 0 ] || skip "this kernel gives userfaultfd to all"
	run_json live g1 --from alpha --to beta --policy must-finish
	assert_exit 3
	[ "$(result .error.id)" = E-POSTCOPY ]
	[[ $(result .error.message) == *"userfaultfd not available: Operation not permitted"* ]]
	[[ $(result .error.hint) == *vm.unprivileged_userfaultfd=1* ]]
	run_json check live g1 --from alpha --to beta --policy must-finish --no-forecast
	assert_exit 3
	json 'any(.[]; .event == "check" and .id == "E-POSTCOPY" and .host == "beta")'
	run_json live g1 --from alpha --to beta --on-timeout suspend --timeout 60
	assert_exit 0
	has_state beta g1 "running*"
}

@test "what a failure in post-copy would mean is said before the start" {
	make_guest g1
	run_json live g1 --from alpha --to beta --policy must-finish
	assert_exit 0
	json 'map(select(.event == "note" and (.text | contains("stands still until that works again")))) | length == 1'
	json '(map(.event == "note" and ((.text // "") | contains("stands still"))) | index(true)) <
		(map(.event == "phase" and .phase == "perform") | index(true))'
	assert_at beta g1
}

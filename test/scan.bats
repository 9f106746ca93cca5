#!/usr/bin/env bats
# vmmig recover when no journal knows what happened: what all hosts show, what is the matter with a guest, and each act
# that a person may name.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

# The hosts of this file: gamma has no part in it.
setup() {
	lab_setup
	new_config
}

# twin NAME: alpha's guest, which is off, has a copy of its disk and of its definition at beta.
twin() {
	on alpha cat "$IMAGES/$1.qcow2" | on beta sh -c 'cat >"$1"' cat "$IMAGES/$1.qcow2"
	on_virsh alpha dumpxml --inactive "$1" | on beta sh -c 'cat >/tmp/twin.xml; virsh -q define /tmp/twin.xml'
}

split() {	# g1 runs on both, each on a disk of its own
	make_guest g1 --storage local --off
	twin g1
	on_virsh alpha start g1
	on_virsh beta start g1
}

# whole HOST: its image is. (What the two wrote is mixed up in the guest's one log, so that assert_disk_ok cannot tell.)
whole() { on_virsh "$1" destroy g1 && on "$1" qemu-img check -q "$IMAGES/g1.qcow2"; }

# scan_finds KIND [GUEST]; scan_is_clean
scan_finds() {
	run_json recover scan alpha beta
	assert_exit 4
	json "any(.[]; .event == \"trouble\" and .kind == \"$1\" and .serious and (.guest // \"\") == \"${2:-}\")"
}
scan_is_clean() {
	run_json recover scan alpha beta
	assert_exit 0
	json 'all(.[]; .event != "trouble" or (.serious | not))'
}

verdict_is() {	# verdict_is NAME EXIT
	run_json recover g1
	assert_exit "$2"
	json "any(.[]; .event == \"verdict\" and .verdict == \"$1\" and .rule != \"\")"
	json 'any(.[]; .event == "presence" and .host == "alpha") or any(.[]; .event == "presence" and .host == "beta")'
}

@test "the same guest on two hosts from two copies of its disk: found, never chosen silently, resolved either way" {
	split
	scan_finds "split brain" g1
	json 'any(.[]; .event == "trouble" and .command == "vmmig recover g1 --keep HOST" and (.text | contains("wrote")))'
	verdict_is "split brain" 4
	json 'last | .error.id == "E-SPLIT-BRAIN"'
	run_json recover --all --yes
	assert_exit 0
	has_state alpha g1 "running*" && has_state beta g1 "running*"
	# no terminal: it is not asked, and not done
	run_vmmig recover g1 --keep alpha
	assert_exit 2
	run_json recover g1 --keep alpha --dry-run
	assert_exit 0
	has_state alpha g1 "running*" && has_state beta g1 "running*"
	run_json recover g1 --keep alpha --yes
	assert_exit 0
	assert_at alpha g1
	on beta sh -c 'ls "$1"/g1.qcow2.vmmig-quarantine-*' ls "$IMAGES"
	not on_has beta "$IMAGES/g1.qcow2"
	scan_is_clean
	run_vmmig recover purge g1 --older-than 0 --yes --dry-run
	assert_says "kept: beta"
	run_vmmig recover purge g1 --older-than 0 --yes
	assert_exit 0
	assert_says "removed: beta"
	[ -n "$(journal "SELECT 1 FROM effect WHERE kind = 'stop-other' AND result = 'done'")" ]
	# and the other way
	on_virsh alpha destroy g1
	twin g1
	on_virsh alpha start g1
	on_virsh beta start g1
	run_json recover g1 --keep beta --yes
	assert_exit 0
	assert_at beta g1
	scan_is_clean
	assert_nothing_left
	whole beta
}

@test "paused on two hosts: found; the one that is kept goes on, and only then the other one ends" {
	split
	on_virsh alpha suspend g1
	on_virsh beta suspend g1
	scan_finds "split brain" g1
	verdict_is "split brain" 4
	json 'any(.[]; .event == "verdict" and .rule == "it is paused on two hosts")'
	# nobody can tell whether it runs on a host that does not answer: nothing is let go on
	fault link gamma down
	run_json recover g1 --keep beta --yes
	assert_exit 3
	json 'last | .error.id == "E-NOT-PROVEN"'
	has_state alpha g1 "paused*"
	# unless somebody says so
	run_json recover g1 --keep beta --fenced gamma --yes
	assert_exit 0
	fault link gamma up
	assert_at beta g1
	scan_is_clean
	whole beta
}

@test "defined twice, with autostart: found, and the definition goes; a host that does not have it is refused" {
	make_guest g1 --storage local --off --autostart
	twin g1
	on_virsh alpha start g1
	scan_finds "defined twice" g1
	verdict_is "defined twice" 4
	run_json recover g1 --keep gamma --yes
	assert_exit 3
	[ "$(result .error.id)" = E-NOT-PROVEN ]
	run_json recover g1 --keep beta --yes
	assert_exit 3
	run_json recover g1 --keep alpha --yes
	assert_exit 0
	assert_at alpha g1
	on_has beta "$IMAGES/g1.qcow2"	# whose it is cannot be told of one that is off
	scan_is_clean
}

@test "a QEMU that hangs: found, not killed without proof; with --hard-reboot it runs again" {
	local pid
	make_guest g1
	fault kill alpha qemu:g1 -STOP
	later fault kill alpha qemu:g1 -CONT
	scan_finds hung g1
	verdict_is hung 4
	run_json recover g1 --kill alpha --yes
	assert_exit 3
	[ "$(result .error.id)" = E-NOT-PROVEN ]
	run_json recover g1 --kill alpha --hard-reboot --yes
	assert_exit 0
	has_state alpha g1 "running*"
	run_json recover g1 --hard-reboot --yes
	assert_exit 0
	assert_at alpha g1
	verdict_is healthy 0
	[ -n "$(journal "SELECT 1 FROM effect WHERE kind = 'kill' AND result = 'done'")" ]
	# transient: there is nothing to start it from
	make_guest t1 --transient
	run_json recover t1 --hard-reboot --yes
	assert_exit 3
	run_json recover t1 --kill alpha --hard-reboot --yes
	assert_exit 3
	has_state alpha t1 "running*"
}

@test "a QEMU that libvirt does not know, of a guest that runs elsewhere: killed, once that is proven" {
	split
	# libvirt forgets it
	fault kill beta libvirtd
	on beta sh -c 'rm -f /run/libvirt/qemu/g1.xml'
	fault start beta libvirtd
	scan_finds "stray process" g1
	json 'any(.[]; .event == "trouble" and .command == "vmmig recover g1 --kill beta")'
	verdict_is "stray process" 4
	on_virsh alpha suspend g1
	run_json recover g1 --kill beta --yes
	assert_exit 3
	on_virsh alpha resume g1
	run_json recover g1 --kill beta --yes
	assert_exit 0
	[ "$(count_qemu g1)" = 1 ]
	run_json recover g1 --keep alpha --yes
	assert_exit 0
	assert_at alpha g1
	scan_is_clean
}

@test "its host is dead: fenced, started elsewhere from shared storage; the dead host's return is found and defused" {
	make_guest g1 --autostart
	make_guest g2 --storage local --off
	run_vmmig -q recover scan alpha beta
	assert_exit 0
	# it is alive
	run_json recover g1 --evacuate --from alpha --to beta --fenced alpha --yes
	assert_exit 3
	# only its libvirt is dead
	fault kill alpha libvirtd
	run_json recover g1 --evacuate --from alpha --to beta --fenced alpha --yes
	assert_exit 3
	[ "$(result .error.id)" = E-NOT-PROVEN ]
	assert_says "alpha is not dead"
	json 'any(.[]; .event == "presence" and .host == "alpha" and .state == "unknown" and .qemu_processes == 1)'
	fault start alpha libvirtd
	fault power alpha off
	run_json recover g1
	assert_exit 7
	run_json recover g1 --evacuate --from alpha --to beta --yes
	assert_exit 1
	[ "$(result .error.id)" = E-FENCE ]
	# one whose disk was only there
	run_json recover g2 --evacuate --from alpha --to beta --fenced alpha --yes
	assert_exit 3
	[ "$(result .error.id)" = E-NOT-PROVEN ]
	# a command that fails is no fence
	sed -i 's/name = "alpha";/& fence = "exit 3";/' "$VMMIG_CONF"
	run_json recover g1 --evacuate --from alpha --to beta --yes
	assert_exit 1
	[ "$(result .error.id)" = E-FENCE ]
	has_state beta g1 absent
	sed -i "s,fence = \"exit 3\",fence = \"touch $BATS_TEST_TMPDIR/fenced\"," "$VMMIG_CONF"
	run_json recover g1 --evacuate --from alpha --to beta --yes
	assert_exit 0
	[ -e "$BATS_TEST_TMPDIR/fenced" ]
	has_state beta g1 "running*"
	[[ $(on_virsh beta dominfo g1) == *"Autostart:"*enable* ]]
	run_json recover scan beta
	assert_exit 0
	# it comes back, and has its definition, too. (Its libvirt does not start guests by itself in the lab.)
	fault power alpha on
	scan_finds "defined twice" g1
	run_json recover g1 --keep beta --yes
	assert_exit 0
	assert_at beta g1
	scan_is_clean
	assert_disk_ok g1
}

@test "two guests that can write one disk are found, on two hosts and on one" {
	make_guest g1 --disk-format raw
	on_virsh alpha dumpxml --inactive g1 | sed -e 's,<name>g1<,<name>g2<,' -e '/<uuid>/d' -e '/mac address/d' \
		-e "s,<target dev='vda',<shareable/>&," | on beta sh -c 'cat >/tmp/g2.xml; virsh -q define /tmp/g2.xml'
	on_virsh alpha destroy g1
	on_virsh alpha dumpxml --inactive g1 | sed "s,<target dev='vda',<shareable/>&," |
		on alpha sh -c 'cat >/tmp/g1.xml; virsh -q define /tmp/g1.xml'
	on_virsh alpha start g1
	on_virsh beta start g2
	scan_finds "same disk" g1
	json 'any(.[]; .kind == "same disk" and (.hosts | sort) == ["alpha", "beta"])'
}

@test "what lies around is told, and is no trouble: parts, quarantined files, stale leases" {
	on beta sh -c 'mkdir -p "$1"; : >"$1/.x.qcow2.vmmig-part"; touch -d "1 hour ago" "$1/.x.qcow2.vmmig-part"' mk "$IMAGES"
	on beta sh -c ': >"$1/y.qcow2.vmmig-quarantine-1"' mk "$IMAGES"
	on alpha sh -c 'echo nobody >/run/vmmig-00000000-0000-4000-8000-000000000001.lease'
	scan_is_clean
	json 'any(.[]; .kind == "left file" and .hosts == ["beta"] and (.text | contains(".x.qcow2.vmmig-part")))'
	json 'any(.[]; .kind == "quarantined file" and (.text | contains("y.qcow2")))'
	json 'any(.[]; .kind == "stale lease" and .hosts == ["alpha"])'
	on alpha rm /run/vmmig-00000000-0000-4000-8000-000000000001.lease
}

@test "another control machine works on it: busy; and it is left alone" {
	make_guest g1
	start_vmmig a live g1 --from alpha --to beta --bandwidth 4
	under_way a g1
	# a journal of its own
	sed "s,journal.db,other.db," "$VMMIG_CONF" >"$BATS_TEST_TMPDIR/other.conf"
	run_json -c "$BATS_TEST_TMPDIR/other.conf" recover g1
	assert_exit 6
	run_json -c "$BATS_TEST_TMPDIR/other.conf" recover scan alpha beta
	assert_exit 0
	run_json -c "$BATS_TEST_TMPDIR/other.conf" recover g1 --reset-state
	[ "$status" != 0 ]
	kill -INT "$(background_pid a)"
	finish a 30
	assert_exit 5
	assert_at alpha g1
}

@test "virsh's migration: left alone while it runs; what it leaves paused goes on" {
	make_guest g1
	on_virsh alpha migrate-setspeed g1 4
	on alpha sh -c 'virsh -q migrate --live --p2p g1 "qemu+ssh://root@$1/system" >/dev/null 2>&1 &' virsh "$(address_of beta)" 3>&-
	wait_until 30 job_runs g1
	run_json recover g1
	assert_exit 6
	scan_is_clean
	# its client is gone, and its job is ended by us
	run_json recover g1 --reset-state
	on_virsh alpha domjobabort g1
	wait_until 30 no_job g1
	verdict_is healthy 0
	assert_at alpha g1
}

@test "bad input: healthy, unknown, nobody answers, two acts at once, hosts and journals that are not there" {
	make_guest g1
	snapshot g1 >"$BATS_TEST_TMPDIR/before"
	run_vmmig recover g1
	assert_exit 0
	assert_says "nothing is to be recovered"
	run_vmmig recover g1 --reset-state
	assert_exit 0
	run_vmmig recover
	assert_exit 0
	assert_says "nothing is unfinished"
	run_vmmig recover nobody
	assert_exit 2
	assert_says E-GUEST-UNKNOWN
	run_vmmig recover g1 --keep alpha --kill beta
	assert_exit 2
	run_vmmig recover --keep alpha
	assert_exit 2
	run_vmmig recover g1 --to beta
	assert_exit 2
	run_vmmig recover g1 --all
	assert_exit 2
	run_vmmig recover g1 --older-than 3
	assert_exit 2
	run_vmmig recover g1 --keep nowhere --yes
	assert_exit 2
	assert_says E-HOST-UNKNOWN
	run_vmmig recover scan nowhere
	assert_exit 2
	run_vmmig recover g1 g2
	assert_exit 2
	diff "$BATS_TEST_TMPDIR/before" <(snapshot g1)
	# one host down, then both
	fault link beta down
	run_vmmig recover g1
	assert_exit 0
	assert_says "not all hosts have answered"
	run_vmmig recover scan alpha beta
	assert_exit 7
	fault link alpha down
	run_vmmig recover g1
	assert_exit 7
	fault link alpha up
	fault link beta up
	# a journal that is lost, or foreign: the hosts still show what they have
	echo "this is no journal" >"$JOURNAL"
	run_vmmig recover g1
	assert_exit 1
	assert_says E-JOURNAL
	assert_says "verdict: healthy"
	run_vmmig recover scan alpha beta
	assert_exit 1
	assert_says "0 in trouble"
	run_vmmig recover
	assert_exit 1
	[ "$(cat "$JOURNAL")" = "this is no journal" ]
	rm -f -- "$JOURNAL"*
	run_vmmig recover
	sqlite3 "$JOURNAL" 'PRAGMA user_version = 99'
	run_vmmig recover g1
	assert_exit 1
	assert_says "a newer vmmig"
	assert_at alpha g1
}

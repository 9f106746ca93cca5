#!/usr/bin/env bats
# vmmig cold: guests that are shut off, with all that belongs to them. What happens when they start or stop meanwhile:
# transitions.bats.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

result_is() {	# result_is EXIT STATUS [ERROR-ID]
	assert_exit "$1"
	json "last | .event == \"result\" and .exit == $1 and .status == \"$2\" and .mode == \"cold\"
		and (.error.id // \"\") == \"${3:-}\""
}

# off NAME [OPTION...]: a guest that is defined only, with disks of its host's own.
off() { make_guest "$@" --storage local --off; }

# is_off HOST NAME: it is defined there, and there alone, and off.
is_off() {
	local host
	has_state "$1" "$2" "shut off*" && assert_off "$2" || return
	for host in $(lab_hosts); do
		[ "$host" = "$1" ] || has_state "$host" "$2" absent || return
	done
}

# same PATH [TO]: what alpha has put away is at beta, to the byte, with owner and mode, and no larger in its holes.
same() {
	local was to=${2:-$1} a b
	was=$(on alpha sh -c 'ls -d -- "$1".vmmig-quarantine-*' ls "$1") || return
	[ "$(sum alpha "$was")" = "$(sum beta "$to")" ] || { echo "$to is another file" >&2; return 1; }
	[ "$(of alpha "$was")" = "$(of beta "$to")" ] || return
	a=$(room alpha "$was") b=$(room beta "$to")
	[ "$b" -le $((a + a / 10 + 256)) ] || { echo "$to: $b KiB in use, and $a KiB at the source" >&2; return 1; }
}

sent() { on alpha cat /sys/class/net/eth0/statistics/tx_bytes; }

# copying TAG [OPTION...]: g1's copy has begun; the link is so slow that it takes some seconds.
copying() {
	local tag=$1
	shift
	fault rate alpha "${RATE:-60mbit}"
	start_vmmig "$tag" --json cold g1 --from alpha --to beta "$@"
	wait_until 40 server_runs
	! ended "$tag"
}
server_runs() { [ -n "$(processes beta '^qemu-storage-daemon ')" ] && [ -n "$(processes alpha '^qemu-img convert ')" ]; }

# as_before: g1 is off at alpha, and beta has nothing of it.
as_before() {
	is_off alpha g1 && assert_nothing_left 30 && [ -z "$(on beta find "$IMAGES" -type f)" ]
}

@test "a chain of three and a raw disk: all as it is at the source, autostart too; the base of two guests comes once" {
	local file before
	off g1 --backing 2 --disk-size 32 --fill 8 --cluster-size 4096 --data 1 --data-format raw --autostart
	on alpha chown 1234:2345 "$IMAGES/g1.qcow2"
	on alpha chmod 640 "$IMAGES/g1.base2.qcow2"
	make_base alpha "$IMAGES/_base/b.qcow2" qcow2 24
	off g2 --base "$IMAGES/_base/b.qcow2" --disk-size 32
	off g3 --base "$IMAGES/_base/b.qcow2" --disk-size 32
	before=$(sent)
	run_json cold g1 g2 g3 --from alpha --to beta
	assert_exit 0
	json '[.[] | select(.event == "result") | [.status, .mode, .exit]] | unique == [["completed", "cold", 0]]'
	[ $(($(sent) - before)) -lt $((56 << 20)) ]	# 8 + 16 + 24 MiB, and what is beside
	for file in "$IMAGES"/{g1,g1.vdb,g2,g3}.*; do :; done
	same "$IMAGES/g1.qcow2"
	same "$IMAGES/g2.qcow2"
	same "$IMAGES/g3.qcow2"
	for file in "$IMAGES"/g1.base{1,2}.qcow2 "$IMAGES/_base/b.qcow2"; do
		[ "$(sum alpha "$file")" = "$(sum beta "$file")" ]
		[ "$(of alpha "$file")" = "$(of beta "$file")" ]
	done
	assert_chain beta "$IMAGES"/g1.{qcow2,base1.qcow2,base2.qcow2}
	[[ $(on_virsh beta dominfo g1) == *"Autostart:"*enable* ]]
	is_off beta g1
	assert_nothing_left
	start_guest beta g1
	assert_at beta g1
	# and back, where there is an image of the same name no more
	on_virsh beta destroy g1 >/dev/null
	run_vmmig cold g1 --from beta --to alpha --start
	assert_exit 0
	assert_at alpha g1
	assert_disk_ok g1
}

@test "two guests over the same two backing files, one stream: nobody waits for ever, each file comes once" {
	local before file
	make_base alpha "$IMAGES/_base/b0.qcow2" qcow2 24
	on alpha qemu-img create -q -f qcow2 -b "$IMAGES/_base/b0.qcow2" -F qcow2 "$IMAGES/_base/b1.qcow2" 32M
	on alpha qemu-io -c "write -q -P 0x55 0 16M" "$IMAGES/_base/b1.qcow2"
	off g1 --base "$IMAGES/_base/b1.qcow2" --disk-size 32
	off g2 --base "$IMAGES/_base/b1.qcow2" --disk-size 32
	new_config 'migrate = { copy_streams = 1; };'
	before=$(sent)
	run_json cold g1 g2 --from alpha --to beta
	assert_exit 0
	[ $(($(sent) - before)) -lt $((52 << 20)) ]
	for file in b0 b1; do [ "$(sum alpha "$IMAGES/_base/$file.qcow2")" = "$(sum beta "$IMAGES/_base/$file.qcow2")" ]; done
	same "$IMAGES/g1.qcow2"
	same "$IMAGES/g2.qcow2"
	is_off beta g2
	assert_nothing_left
}

@test "a running guest is refused; with --shutdown it goes off, with --start it runs there, and has lost nothing" {
	make_guest g1 --storage local --disk-size 32
	run_json cold g1 --from alpha --to beta --no-follow
	result_is 3 failed E-GUEST-STATE
	assert_at alpha g1
	run_vmmig cold g1 --from alpha --to beta --shutdown --dry-run
	assert_exit 0
	assert_says 'shut down, within 60 s'
	assert_at alpha g1
	run_json cold g1 --from alpha --to beta --shutdown --start
	result_is 0 completed
	same "$IMAGES/g1.qcow2" || true	# it runs on it already
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "--shutdown of a guest that does not hear; of one whose copy fails: it runs on, or again" {
	make_guest g1 --storage local --disk-size 32 --fill 16 --no-wait	# in its firmware it is deaf
	run_json cold g1 --from alpha --to beta --shutdown --timeout 1
	result_is 1 failed E-SHUTDOWN
	wait_until 60 grep -qs '^READY' "$(guest_log g1)"
	assert_at alpha g1
	small_disk beta 4m
	run_json cold g1 --from alpha --to beta --shutdown --skip-check E-DISK-SPACE
	result_is 1 failed E-COPY
	json 'last | .error.message | contains("No space")'
	json 'any(.event == "note" and (.text | contains("runs again, as before")))'
	assert_at alpha g1
	assert_nothing_left
	[ -z "$(on beta find "$IMAGES" -type f)" ]
	assert_disk_ok g1
}

@test "disks on shared storage are not copied; a disk with another path and a directory that is mapped are" {
	make_guest g1 --off --disk-size 32
	off g2 --disk-size 32 --dir "$IMAGES/a" --data 1 --data-storage gluster
	run_json cold g1 --from alpha --to beta
	result_is 0 completed
	json 'last | .bytes == 0'
	[ -z "$(on beta find "$IMAGES" -type f)" ]
	run_json cold g2 --from alpha --to beta --storage "$IMAGES/a=$IMAGES/b"
	result_is 0 completed
	same "$IMAGES/a/g2.qcow2" "$IMAGES/b/g2.qcow2"
	[ "$(on beta find "$IMAGES" -type f)" = "$IMAGES/b/g2.qcow2" ]
	[ "$(chain_of beta g2 vda --inactive)" = "$IMAGES/b/g2.qcow2" ]
	start_guest beta g1
	assert_at beta g1
	start_guest beta g2
	assert_at beta g2
	assert_nothing_left
}

@test "internal snapshots move with the disk, and libvirt knows them there; with another path they refuse" {
	make_guest g1 --storage local --disk-size 32
	on_virsh alpha destroy g1 >/dev/null
	on_virsh alpha snapshot-create-as g1 one >/dev/null
	on_virsh alpha snapshot-create-as g1 two >/dev/null
	run_json cold g1 --from alpha --to beta --disk "vda=$IMAGES/other.qcow2"
	result_is 3 failed E-SNAPSHOTS
	run_json cold g1 --from alpha --to beta
	result_is 0 completed
	same "$IMAGES/g1.qcow2"
	[ "$(on_virsh beta snapshot-list g1 --name | sed '/^$/d' | sort | xargs)" = "one two" ]
	[ "$(on_virsh beta snapshot-current g1 --name)" = two ]
	on_virsh beta snapshot-revert g1 one
	is_off beta g1
}

@test "NVRAM and a saved image go along" {
	local nvram=/var/lib/libvirt/qemu/nvram/g1.fd save=/var/lib/libvirt/qemu/save/g2.save
	off g1 --disk-size 16
	on alpha sh -euc 'mkdir -p "${1%/*}"; head -c 540672 /dev/urandom >"$1"; head -c 65536 /dev/zero >/var/lib/libvirt/code.fd' sh "$nvram"
	on beta sh -c 'mkdir -p "${1%/*}"; head -c 65536 /dev/zero >/var/lib/libvirt/code.fd' sh "$nvram"
	later on alpha sh -c 'rm -f "$1"* /var/lib/libvirt/code.fd' rm "$nvram"
	later on beta sh -c 'rm -f "$1"* /var/lib/libvirt/code.fd' rm "$nvram"
	xml_of alpha g1 --inactive >"$BATS_TEST_TMPDIR/x.xml"
	sed -i "s|</type>|</type><loader readonly='yes' type='pflash'>/var/lib/libvirt/code.fd</loader><nvram>$nvram</nvram>|" \
		"$BATS_TEST_TMPDIR/x.xml"
	on alpha sh -c 'cat >/tmp/x.xml; virsh define /tmp/x.xml; rm /tmp/x.xml' <"$BATS_TEST_TMPDIR/x.xml"
	run_json cold g1 --from alpha --to beta
	result_is 0 completed
	same "$nvram"
	# saved: it goes on where it was
	make_guest g2 --storage local --disk-size 16
	on_virsh alpha managedsave g2 >/dev/null
	run_json cold g2 --from alpha --to beta --storage "$IMAGES=/srv/elsewhere"
	result_is 3 failed E-SNAPSHOTS
	run_json cold g2 --from alpha --to beta
	result_is 0 completed
	on beta test -e "$save"
	run ! on alpha test -e "$save"
	[[ $(on alpha ls "${save%/*}") == g2.save.vmmig-quarantine-* ]]
	later on alpha sh -c 'rm -f /var/lib/libvirt/qemu/save/*'
	on_virsh beta start g2 >/dev/null
	assert_at beta g2
	[ "$(grep -c '^READY' "$(guest_log g2)")" = 1 ]	# it did not boot again
	assert_disk_ok g2
}

@test "holes cost nothing on the way: 8 GiB of which 40 MiB are data, all zeros, and a disk full of noise" {
	local before
	off g1 --disk-size 16
	on alpha sh -euc 'cd "$1"; truncate -s 8G sparse.raw
		for i in 0 1 2 3; do head -c 10M /dev/urandom | dd of=sparse.raw bs=1M seek=$((i * 2000 + 7)) conv=notrunc status=none; done
		truncate -s 600M zero.raw; head -c 40M /dev/urandom >noise.raw' sh "$IMAGES"
	for file in sparse zero noise; do
		on_virsh alpha attach-disk g1 "$IMAGES/$file.raw" "vd$(tr szn bcd <<<"${file::1}")" --config --subdriver raw >/dev/null
	done
	before=$(sent)
	run_json cold g1 --from alpha --to beta
	result_is 0 completed
	[ $(($(sent) - before)) -lt $((90 << 20)) ]
	for file in g1.qcow2 zero.raw noise.raw; do same "$IMAGES/$file"; done
	[ "$(room beta "$IMAGES/sparse.raw")" -lt $((48 << 10)) ]
	[ "$(on alpha sh -c 'cat "$1"/sparse.raw.vmmig-quarantine-* | dd bs=1M iflag=fullblock skip=4007 count=10 status=none | sha256sum' sh "$IMAGES")" = \
		"$(on beta sh -c 'dd if="$1"/sparse.raw bs=1M skip=4007 count=10 status=none | sha256sum' sh "$IMAGES")" ]
	assert_nothing_left
}

@test "killed at any moment and run again: it goes on where it was, and nothing comes twice but the pieces under way" {
	local i bytes tx at
	off g1 --disk-size 16
	on alpha sh -euc 'cd "$1"; head -c 300M /dev/urandom >a.raw; head -c 200M /dev/urandom >b.raw' sh "$IMAGES"
	on_virsh alpha attach-disk g1 "$IMAGES/a.raw" vdb --config --subdriver raw >/dev/null
	on_virsh alpha attach-disk g1 "$IMAGES/b.raw" vdc --config --subdriver raw >/dev/null
	tx=$(sent)
	for i in $(seq "${KILLS:-6}"); do
		RATE=900mbit copying "k$i" --bandwidth 200
		at=$(($(now_ms) + RANDOM % (300 * i)))
		wait_until 30 eval 'ended "k$i" || [ "$(now_ms)" -ge "$at" ]'
		kill -KILL "$(background_pid "k$i")" 2>/dev/null || true
		finish "k$i" 20
		[ "$status" = 137 ] || { assert_exit 0; break; }
		wait_until 20 eval '[ -z "$(processes beta qemu-storage-daemon)$(processes alpha "qemu-img convert")" ]'
	done
	fault rate alpha 1gbit
	[ "$status" = 0 ] || run_json cold g1 --from alpha --to beta
	result_is 0 completed
	# each attempt may lose a piece (128 MiB) of each disk: those that were under way
	bytes=$(($(sent) - tx))
	[ $bytes -lt $(((500 + 256 * ${KILLS:-6} + 60) << 20)) ]
	for file in g1.qcow2 a.raw b.raw; do same "$IMAGES/$file"; done
	is_off beta g1
	assert_nothing_left
}

@test "the server dies, a client dies, the link is cut for some seconds: the copy goes on" {
	off g1 --disk-size 200 --fill 150
	RATE=200mbit copying a
	kill -KILL "$(processes beta '^qemu-storage-daemon ')"
	wait_until 30 server_runs
	kill -KILL "$(processes alpha '^qemu-img convert ' | head -n 1)"
	wait_until 30 server_runs
	cut_network
	wait_until 40 grep -q 'trying again' "$BATS_TEST_TMPDIR/a.out"
	mend_network
	fault rate alpha 1gbit
	finish a
	result_is 0 completed
	json 'any(.event == "note" and (.text | contains("trying again")))'
	same "$IMAGES/g1.qcow2"
	assert_nothing_left
}

@test "a disk that changes while it is copied is seen, and nothing at the source is touched" {
	off g1 --disk-size 100 --fill 60
	copying a
	on alpha sh -c 'printf x | dd of="$1" bs=1 seek=5000000 conv=notrunc status=none' sh "$IMAGES/g1.qcow2"
	fault rate alpha 1gbit
	finish a
	result_is 1 failed E-SOURCE-CHANGED
	as_before
}

@test "a signal, vmmig cancel: as before; another vmmig meanwhile is told who is at work" {
	off g1 --disk-size 200 --fill 150
	copying a
	run_vmmig status g1
	assert_says perform
	run_json cold g1 --from alpha --to beta
	assert_exit 6
	kill -INT "$(background_pid a)"
	finish a 60
	result_is 5 cancelled E-CANCELLED
	as_before
	copying b
	run_vmmig cancel "$(journal 'SELECT id FROM migration ORDER BY started_ms DESC LIMIT 1')"
	assert_exit 0
	finish b 60
	result_is 5 cancelled E-CANCELLED
	as_before
	fault rate alpha 1gbit
	run_json cold g1 --from alpha --to beta
	result_is 0 completed
	same "$IMAGES/g1.qcow2"
}

@test "--bandwidth is for all disks together; --transport ssh needs no port" {
	local ms
	off g1 --disk-size 16 --data 3 --data-size 20 --data-format raw
	run_json cold g1 --from alpha --to beta --bandwidth 12
	result_is 0 completed
	ms=$(result .total_ms)
	[ "$ms" -gt 4000 ]	# 60 MiB
	on beta iptables -A INPUT -p tcp --dport 49152:49215 -j REJECT 2>/dev/null && later on beta iptables -F INPUT || true
	start_guest beta g1
	on_virsh beta destroy g1 >/dev/null
	run_json cold g1 --from beta --to alpha --transport ssh
	result_is 0 completed
	assert_nothing_left
	start_guest alpha g1
	assert_disk_ok g1
}

@test "many small disks" {
	local i xml=$BATS_TEST_TMPDIR/x.xml
	off g1 --disk-size 16
	on alpha sh -euc 'cd "$1"; i=0; while [ $i -lt "$2" ]; do head -c 70000 /dev/urandom >d$i.raw; i=$((i + 1)); done' \
		sh "$IMAGES" "${DISKS:-60}"
	xml_of alpha g1 --inactive >"$xml"
	for ((i = 0; i < ${DISKS:-60}; i++)); do
		printf "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/><target dev='%s' bus='scsi'/></disk>\n" \
			"$IMAGES/d$i.raw" "sd$(printf '%b' "\\$(printf %o $((97 + i / 26)))\\$(printf %o $((97 + i % 26)))")"
	done >"$BATS_TEST_TMPDIR/disks"
	sed -i -e "/<devices>/r $BATS_TEST_TMPDIR/disks" "$xml"
	on alpha sh -c 'cat >/tmp/x.xml; virsh define /tmp/x.xml; rm /tmp/x.xml' <"$xml"
	run_json cold g1 --from alpha --to beta
	result_is 0 completed
	for ((i = 0; i < ${DISKS:-60}; i += 17)); do same "$IMAGES/d$i.raw"; done
	[ "$(on beta find "$IMAGES" -name 'd*.raw' | wc -l)" = "${DISKS:-60}" ]
	assert_nothing_left
}

@test "what is refused: no such guest, one that is there already, a file in the way, options that do not go together" {
	off g1 --disk-size 16
	run_json cold nobody --from alpha --to beta
	assert_exit 2
	run_vmmig cold g1 --from alpha --to beta --follow --no-follow
	assert_exit 2
	run_vmmig check cold g1 --from alpha --to beta
	assert_exit 0
	run_vmmig check live g1 --from alpha --to beta
	assert_exit 3
	run_vmmig check block g1 --from alpha --to beta --shutdown
	assert_exit 2
	on beta sh -c 'echo mine >"$1"' sh "$IMAGES/g1.qcow2"
	run_json cold g1 --from alpha --to beta
	result_is 3 failed E-DISK-EXISTS
	[ "$(on beta cat "$IMAGES/g1.qcow2")" = mine ]
	on beta rm "$IMAGES/g1.qcow2"
	run_json cold g1 --from alpha --to beta
	result_is 0 completed
	run_vmmig cold g1 --to beta
	assert_exit 0
	assert_says "on the destination already"
}

@test "a guest that does not start at the destination is as before" {
	off g1 --disk-size 16
	# memory that no host has
	on_virsh alpha setmaxmem g1 4000G --config >/dev/null
	on_virsh alpha setmem g1 4000G --config >/dev/null
	run_json cold g1 --from alpha --to beta --start
	result_is 1 failed E-START
	on_virsh alpha setmem g1 128M --config >/dev/null
	as_before
}

@test "a block device is written over, old data and all; --detach names the migration and goes on" {
	off g1 --disk-size 64 --fill 40 --data 1 --data-format block --data-size 16
	lab device beta "$DEVICES/g1.vdb" alpha --used
	fault rate alpha 100mbit
	run_vmmig cold g1 --from alpha --to beta --detach
	assert_exit 0
	assert_says "vmmig status --watch $(journal 'SELECT id FROM migration')"
	wait_until 60 is_off beta g1
	wait_until 20 eval '[ "$(journal "SELECT exit_status FROM migration")" = 0 ]'
	[ "$(sum alpha "$DEVICES/g1.vdb")" = "$(sum beta "$DEVICES/g1.vdb")" ]
	same "$IMAGES/g1.qcow2"
	assert_nothing_left
}

# --- a vmmig that is gone ---

# stop_at PHASE TAG: killed when it has begun that one.
stop_at() {
	wait_until 40 eval "grep -q '\"phase\":\"$1\".*\"state\":\"begun\"' '$BATS_TEST_TMPDIR/$2.out'"
	kill -KILL "$(background_pid "$2")"
	finish "$2" 20
}

@test "killed while it copies: recover takes all of it back, also the shut-down" {
	make_guest g1 --storage local --disk-size 100 --fill 80
	copying a --shutdown
	kill -KILL "$(background_pid a)"
	finish a 20
	has_state alpha g1 "shut off*"
	run_vmmig status g1
	assert_says "gone"
	run_json recover g1
	assert_exit 5
	assert_at alpha g1
	assert_nothing_left
	[ -z "$(on beta find "$IMAGES" -type f)" ]
	run_vmmig recover g1
	assert_exit 0
	assert_disk_ok g1
}

@test "killed once it is defined there: recover finishes it; not when the guest has run at the source since" {
	off g1 --disk-size 32 --autostart
	on_virsh alpha snapshot-create-as g1 one >/dev/null
	off g2 --disk-size 32
	for name in g1 g2; do
		# it dies right behind the definition
		fake_tool alpha mv <<<'kill -KILL $(cat /mnt/victim); exec sleep 1000'
		start_vmmig a --json cold $name --from alpha --to beta
		background_pid a >"$VMMIG_LAB_DIR/hosts/alpha/mnt/victim"
		kill_when_defined $name
		no_fakes alpha
		finish a 20
		[ "$status" = 137 ]
		has_state beta $name "shut off*"
		has_state alpha $name "shut off*"
	done
	start_guest alpha g2
	on_virsh alpha destroy g2 >/dev/null
	run_json recover g1
	assert_exit 0
	has_state beta g1 "shut off*"
	has_state alpha g1 absent
	[ "$(on_virsh beta snapshot-current g1 --name)" = one ]
	[[ $(on_virsh beta dominfo g1) == *"Autostart:"*enable* ]]
	run_json recover g2
	assert_exit 4
	json 'last | .error.id == "E-UNDECIDED"'
	has_state alpha g2 "shut off*"
	has_state beta g2 "shut off*"
}
# Its pid is one of the root namespace: the fake cannot end it, so it holds it up, and we do.
kill_when_defined() {
	wait_until 40 eval "has_state beta $1 'shut off*' && [ -n \"\$(processes alpha 'sleep 1000')\" ]"
	kill -KILL "$(background_pid a)"
	processes alpha 'sleep 1000' | xargs kill -KILL
}

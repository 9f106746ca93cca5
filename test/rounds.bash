# shellcheck shell=bash
# One migration of g1, one fault in it, vmmig recover, and what must then be so: used by matrix.bats and chaos.bats.
#
#	round MODE FAULT MOMENT
#
#	MODE    live, block, cold (off), cold-run (--shutdown --start)
#	FAULT   none, vmmig-kill, vmmig-int, source-libvirtd, destination-libvirtd, source-qemu, destination-qemu, link-5s,
#	        link-60s, link-never (until vmmig has given up), control-cut (as long), destination-full (block, cold),
#	        destination-off, guest-reset, guest-shutdown
#	MOMENT  a phase: vmmig is stopped where it begins; "postcopy"; or milliseconds after its start
#
# shellcheck disable=SC2154,SC2034

ROUND_STORAGE=	# of the guest that is there
ROUND_MEND=	# what ends the fault, once vmmig has given up

# round_guest MODE: g1 at alpha, with what that mode needs; one that is there is used again.
round_guest() {
	local storage=local
	[ "$1" != live ] || storage=gluster
	if [ "$ROUND_STORAGE" != $storage ]; then
		remove_guests || return
		make_guest g1 --storage $storage --disk-size 16 --write-ms 100 || return
		ROUND_STORAGE=$storage
	fi
	FROM=$(defined_at) || return
	TO=beta
	[ "$FROM" = alpha ] || TO=alpha
	if [ "$1" = cold ]; then
		on_virsh "$FROM" destroy g1 >/dev/null 2>&1 || true
	elif ! has_state "$FROM" g1 "running*"; then
		boot "$FROM" || return
	fi
	# what this mode's last round has put away, as an operator would in time
	vmmig recover purge --older-than 0 --yes >/dev/null 2>&1 || true
}

# boot HOST: it is up, once more: its log has been there before.
boot() {
	local before
	before=$(grep -c '^READY' "$(guest_log g1)" || true)
	on_virsh "$1" start --domain g1 >/dev/null && wait_until 60 eval "[ \$(grep -c '^READY' '$(guest_log g1)') -gt $before ]" &&
		alive g1
}

# defined_at: the one host that knows g1.
defined_at() {
	local host seen=()
	for host in alpha beta; do
		has_state "$host" g1 absent || seen+=("$host")
	done
	[ ${#seen[@]} = 1 ] || { echo "g1 is known at: ${seen[*]:-no host}" >&2; return 1; }
	echo "${seen[0]}"
}

round_start() {	# MODE [STOP-AT]
	local -a words=(--json)
	case $1 in
	live) words+=(live g1 --bandwidth 24 --no-forecast) ;;
	postcopy) words+=(live g1 --policy must-finish --timeout 1 --on-timeout postcopy --no-forecast --bandwidth 16) ;;
	block) words+=(block g1 --bandwidth 24 --no-forecast) ;;
	cold) words+=(cold g1 --bandwidth 8) ;;
	cold-run) words+=(cold g1 --bandwidth 8 --shutdown --start) ;;
	esac
	VMMIG_WRAP=${2:+env VMMIG_TEST_STOP_AT=$2} start_vmmig r "${words[@]}" --from "$FROM" --to "$TO"
}

is_stopped() { [ "$(awk '/^State:/ {print $2}' "/proc/$(background_pid r)/status" 2>/dev/null)" = T ]; }
stopped_or_ended() { ended r || is_stopped; }
postcopy_or_ended() { ended r || grep -q '"postcopy":true' "$BATS_TEST_TMPDIR/r.out"; }

round_fault() {
	local pid
	case $1 in
	none) ;;
	vmmig-kill) kill -KILL "$(background_pid r)" 2>/dev/null || true ;;
	vmmig-int) kill -INT "$(background_pid r)" 2>/dev/null || true ;;
	source-libvirtd) lab fault kill "$FROM" libvirtd; lab fault start "$FROM" libvirtd ;;
	destination-libvirtd) lab fault kill "$TO" libvirtd; lab fault start "$TO" libvirtd ;;
	source-qemu) lab fault kill "$FROM" qemu:g1 || true ;;
	destination-qemu) lab fault kill "$TO" qemu:g1 || true ;;
	link-*s)
		later mend_network "$FROM" "$TO"
		cut_network "$FROM" "$TO"
		sleep "${1//[!0-9]/}"
		mend_network "$FROM" "$TO"
		;;
	link-never)
		later mend_network "$FROM" "$TO"
		cut_network "$FROM" "$TO"
		ROUND_MEND="mend_network $FROM $TO"
		;;
	control-cut) later control_address add; control_address del; ROUND_MEND="control_address add" ;;
	destination-full) fill "$TO" ;;
	destination-off) lab fault power "$TO" off; lab fault power "$TO" on ;;
	guest-reset) on_virsh "$FROM" reset g1 || on_virsh "$TO" reset g1 || true ;;
	guest-shutdown) lab fault kill "$FROM" qemu:g1 -TERM || lab fault kill "$TO" qemu:g1 -TERM || true ;;
	*) echo "no fault $1" >&2; return 1 ;;
	esac 2>>"$BATS_TEST_TMPDIR/fault.err"
	return 0
}

mend_round() {
	local mend=$ROUND_MEND
	ROUND_MEND=
	$mend
}

# fill HOST: its images are on a file system of their own (small_disk), and that has no room left.
fill() { ! on "$1" dd if=/dev/zero of="$IMAGES/filler" bs=1M count=80; }

# The guest may have come to live there, so the next round has another one.
without_small_disk() {
	remove_guests || return
	on "$TO" umount -l "$IMAGES"
	ROUND_STORAGE=
}

nothing_unfinished() {
	vmmig --json recover --all --yes >"$BATS_TEST_TMPDIR/recover.out" 2>&1
	vmmig --json recover >"$BATS_TEST_TMPDIR/unfinished.out" 2>&1 && ! grep -q '"event":"unfinished"' "$BATS_TEST_TMPDIR/unfinished.out"
}

# May this fault end the guest? Then it may be off, but defined once.
may_be_off() {
	case $1:$2 in
	cold:* | *:source-qemu | *:guest-shutdown) return 0 ;;
	postcopy:destination-qemu | postcopy:destination-off | *:destination-off | *:destination-qemu) return 0 ;;
	esac
	return 1
}

# A reset while SeaBIOS starts may leave the guest in it for good (seen: in real mode, without interrupt vectors or a
# stack). That is the fault's own doing; after another one it has to run. Linux is in 64-bit mode by then: RIP, not EIP.
in_firmware() { on_virsh "$1" qemu-monitor-command --hmp g1 "info registers" | grep -q '^EIP='; }
round_alive() {	# round_alive FAULT HOST
	alive g1 60 && return
	[ "$1" = guest-reset ] && in_firmware "$2" && on_virsh "$2" reset g1 && alive g1 60
}

# round_check MODE FAULT: exactly one, on an intact disk, and nothing left over.
round_check() {
	local host
	if host=$(where g1 2>/dev/null); then
		has_state "$host" g1 "running*" || { echo "g1 is $(state_of "$host" g1) at $host" >&2; return 1; }
		no_job || return
		round_alive "$2" "$host" || return
		[ "$(defined_at)" = "$host" ] || { echo "it runs at $host" >&2; return 1; }
	else
		may_be_off "$1" "$2" || { echo "it does not run" >&2; return 1; }
		assert_off g1 && host=$(defined_at) || return
	fi
	vmmig --json recover scan alpha beta >"$BATS_TEST_TMPDIR/scan.out" 2>&1 ||
		{ cat "$BATS_TEST_TMPDIR/scan.out" >&2; return 1; }
	wait_until 60 swept || { leavings >&2; return 1; }
	only_one_disk "$host" && assert_disk_ok g1
}

# swept: nothing is left. One that was killed while it connected has left a directory on its own machine, which the next
# vmmig that connects removes once it is some seconds old.
swept() { no_leavings || { vmmig -q list alpha >/dev/null 2>&1; no_leavings; }; }

# only_one_disk HOST: the other host has no image under its name any more.
only_one_disk() {
	local other=beta
	[ "$ROUND_STORAGE" = local ] || return 0
	[ "$1" = alpha ] || other=alpha
	! on_has "$other" "$IMAGES/g1.qcow2" || { echo "$other has its image, too" >&2; return 1; }
}

# The next round begins anew, without this one's vmmig, and without what it has left undone.
round_failed() {
	ROUND_STORAGE=
	kill -KILL "$(background_pid r)" 2>/dev/null || true
	wait_until 10 ended r || true
	rm -f "$JOURNAL"*
}

# How long vmmig may take, s: a cold copy waits ten minutes for a network, since nobody waits for a guest that is off.
round_limit() { case $1:$2 in cold*:link-never | cold*:control-cut) echo 720 ;; *) echo 240 ;; esac; }

round() {
	local mode=$1 fault=$2 moment=$3 stop=
	mend_round 2>/dev/null || true	# one that has failed
	round_guest "$mode" || return
	if [ "$fault" = destination-full ]; then
		small_disk "$TO" 64m || return
		ROUND_MEND="on $TO rm -f $IMAGES/filler"
	fi
	case $moment in
	postcopy) round_start postcopy ;;
	*[!0-9]*) stop=$moment; round_start "$mode" "$moment" ;;
	*) round_start "$mode" ;;
	esac || return
	case $moment in
	postcopy) wait_until 60 postcopy_or_ended ;;
	*[!0-9]*) wait_until 60 stopped_or_ended ;;
	*) sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))" ;;
	esac || return
	round_fault "$fault" || return
	[ -z "$stop" ] || kill -CONT "$(background_pid r)" 2>/dev/null || true
	finish r "$(round_limit "$mode" "$fault")" || return
	mend_round || return
	echo "# $mode $fault $moment: exit $status, $(tail -n 1 <<<"$output" | jq -r '.error.id // .status' 2>/dev/null)" >&2
	wait_until 200 nothing_unfinished || { cat "$BATS_TEST_TMPDIR"/{recover,unfinished}.out >&2; return 1; }
	round_check "$mode" "$fault" || return
	[ "$fault" != destination-full ] || without_small_disk
}

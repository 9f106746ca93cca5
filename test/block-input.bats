#!/usr/bin/env bats
# vmmig block given what it must refuse, or must not trip over: what lies in the way, images that cannot be moved,
# odd names, and hosts whose tools lie. One guest for the whole file: whatever is refused has not touched it.
# shellcheck disable=SC2154,SC2034,SC2016,SC2030,SC2031	# status, output, stderr

load lib

setup_file() {
	lab_setup_file
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	make_guest web --storage local --backing 1 --disk-size 16 --memory 96 --data 1 --data-size 4
}

teardown_file() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	remove_guests
}

setup() {
	lab_setup
	cp "$BATS_FILE_TMPDIR"/uuid.* "$BATS_TEST_TMPDIR"/
	VDA=$IMAGES/web.qcow2 VDB=$IMAGES/web.vdb.qcow2 BASE=$IMAGES/web.base1.qcow2
	before=$(snapshot web)
	there=$(files beta "$IMAGES")
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED:-}" ] || diagnose
	mend
	put_back
	on beta find "$IMAGES" -mindepth 1 -delete
	sweep
	rm -rf -- "${XDG_RUNTIME_DIR:?}"
}

# untouched: the guest, both hosts' files, and nothing of vmmig's is left.
untouched() {
	[ "$(where web)" = alpha ]
	has_state alpha web 'running*'
	diff <(echo "$before") <(snapshot web) >&2
	diff <(echo "$there") <(files beta "$IMAGES") >&2
	assert_nothing_left
}

# now: what the test has put there is how it is to stay.
now() { before=$(snapshot web); there=$(files beta "$IMAGES"); }

# refused ID [ARGUMENT...]: with exit status 3; ID is among the reasons.
refused() {
	run_json block web --from alpha --to beta "${@:2}"
	assert_exit 3
	json "any(.event == \"check\" and .id == \"$1\" and .refuses and .hint != null)"
	untouched
}

# usage WORDS ARGUMENT...: with exit status 2, before a host is asked.
usage() {
	run_vmmig block "${@:2}"
	assert_exit 2
	[[ $stderr == "vmmig: E-USAGE: "* ]] || { show; return 1; }
	assert_says "$1"
}

# in_place_of PATH FILE: what has that name at alpha is another file now; QEMU has the old one open. put_back.
in_place_of() {
	on alpha mv "$1" "$1.away"
	[ -z "${2:-}" ] || on alpha cp --sparse=always "$2" "$1"
	now
}
put_back() {
	on alpha sh -c 'for f in "$1"/*.away; do [ ! -e "$f" ] || mv "$f" "${f%.away}"; done' sh "$IMAGES"
}

# --- what was asked for --------------------------------------------------

@test "options that make no sense" {
	local to=(--from alpha --to beta)
	usage "absolute" web "${to[@]}" --disk vda=new.qcow2
	usage "absolute" web "${to[@]}" --disk vda=
	usage "absolute" web "${to[@]}" --storage rel=/b
	usage "absolute" web "${to[@]}" --storage /a=rel
	usage "two directories" web "${to[@]}" --storage /a
	usage '".."' web "${to[@]}" --disk vda=/a/../b
	usage "not of a directory" web "${to[@]}" --disk vda=/a/
	usage "same" web "${to[@]}" --storage /a=/a//
	usage "twice" web "${to[@]}" --storage /a=/b --storage /a/=/c
	usage "twice" web "${to[@]}" --disk vda --disk vda=/b/c
	usage "root directory" web "${to[@]}" --storage /=/b
	usage "target of a disk" web "${to[@]}" --disk =/b/c
	usage "control characters" web "${to[@]}" --disk vda=$'/a\nb'
	usage "keep or delete" web "${to[@]}" --source-disks burn
	usage "one guest" web other "${to[@]}" --disk vda=/b/c
	usage "there is no such check" web "${to[@]}" --skip-check E-NOPE
	untouched
}

@test "disks that the guest does not have, and paths on itself" {
	refused E-DISK-CHOICE --disk vdx
	refused E-DISK-CHOICE --disk vda --disk vdb --disk "vdz=/a/b"
	# two of its files would become one
	refused E-DISK-COLLISION --disk vda --disk vdb="$VDA"
	refused E-DISK-COLLISION --disk vdb --disk vda="$BASE"
}

@test "a file is in the way: it is another guest's, and not touched" {
	make_guest other --host beta --dir "$IMAGES/o" --disk-size 16 --memory 96 --off
	later lab guest other --remove
	on beta cp "$IMAGES/o/other.qcow2" "$VDA"
	on beta mkdir "$VDB"
	now
	refused E-DISK-EXISTS
	json "[.[] | select(.id == \"E-DISK-EXISTS\") | .object | capture(\"(?<p>/.*)\").p] | sort == [\"$VDA\", \"$VDB\"]"
	# nor with this check out of the way; then it is not known before that the base will be of no use
	run_json block web --from alpha --to beta --skip-check E-DISK-EXISTS
	assert_exit 1
	[ "$(result .error.id)" = E-PREPARE ]
	untouched
	# a link that leads nowhere is in the way as well
	on beta rm "$VDA"
	on beta ln -s /nowhere "$VDA"
	now
	refused E-DISK-EXISTS
	[ "$(on beta readlink "$VDA")" = /nowhere ]
}

@test "directories in which nothing can be made" {
	on beta mkdir "$IMAGES/ro"
	on beta mount -t tmpfs -o ro tmpfs "$IMAGES/ro"
	later on beta umount -l "$IMAGES/ro"
	on beta touch "$IMAGES/file"
	now
	refused E-DISK-DIRECTORY --storage "$IMAGES=$IMAGES/ro"
	refused E-DISK-DIRECTORY --storage "$IMAGES=$IMAGES/ro/deeper/still"
	refused E-DISK-DIRECTORY --storage "$IMAGES=$IMAGES/file"
}

@test "no room" {
	on beta mount -t tmpfs -o size=5m tmpfs "$IMAGES"
	later on beta umount -l "$IMAGES"
	now
	refused E-DISK-SPACE
	json 'any(.id == "E-DISK-SPACE" and (.message | contains("1.0 GiB")))'
}

# --- images --------------------------------------------------------------

@test "the images at the source are gone, loop, or are not what QEMU uses" {
	# all of this while the guest runs on the real ones
	in_place_of "$BASE"
	refused E-IMAGE-UNREADABLE
	put_back
	on alpha cp "$BASE" /tmp/loop.qcow2
	on alpha qemu-img rebase -q -u -f qcow2 -b "$VDA" -F qcow2 /tmp/loop.qcow2
	in_place_of "$BASE" /tmp/loop.qcow2
	refused E-IMAGE-UNREADABLE
	put_back
	on alpha qemu-img create -q -f qcow2 /tmp/loop.qcow2 16M
	in_place_of "$VDA" /tmp/loop.qcow2
	refused E-IMAGE-CHAIN
	put_back
	on alpha sh -c 'head -c 1000000 /dev/urandom >/tmp/loop.qcow2'
	in_place_of "$VDB" /tmp/loop.qcow2
	refused E-IMAGE-UNREADABLE
	put_back
	on alpha sh -c 'printf "QFI\373" >/tmp/loop.qcow2; head -c 100000 /dev/zero >>/tmp/loop.qcow2'
	in_place_of "$VDB" /tmp/loop.qcow2
	refused E-IMAGE-UNREADABLE
	on alpha rm /tmp/loop.qcow2
}

@test "images with what a copy cannot have: internal snapshots, encryption, an external data file" {
	local image=/tmp/odd.qcow2
	on alpha qemu-img create -q -f qcow2 "$image" 4M
	on alpha qemu-img snapshot -c "before the update" "$image"
	in_place_of "$VDB" "$image"
	refused E-IMAGE-FEATURE
	json 'any(.id == "E-IMAGE-FEATURE" and (.message | contains("before the update")))'
	put_back
	on alpha rm "$image"
	# on a busy machine it may not be able to measure how fast it is
	wait_until 30 on alpha qemu-img create -q -f qcow2 --object secret,id=s,data=abc \
		-o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 "$image" 4M
	in_place_of "$VDB" "$image"
	refused E-IMAGE-FEATURE
	json 'any(.id == "E-IMAGE-FEATURE" and (.message | contains("luks")))'
	put_back
	on alpha rm "$image"
	on alpha qemu-img create -q -f qcow2 -o data_file=/tmp/odd.data "$image" 4M
	in_place_of "$VDB" "$image"
	refused E-IMAGE-FEATURE
	json 'any(.id == "E-IMAGE-FEATURE" and (.message | contains("external")))'
	put_back
	on alpha rm "$image" /tmp/odd.data
}

@test "what is no base at the destination, though it has its name" {
	local kind
	for kind in empty short raw directory chained; do
		case $kind in
		empty) on beta touch "$BASE" ;;
		short) on alpha cat "$BASE" | on beta sh -c 'head -c 700000 >"$1"' sh "$BASE" ;;
		raw) on beta truncate -s 16M "$BASE" ;;
		directory) on beta mkdir "$BASE" ;;
		chained)
			# it would read another file of that host
			on alpha cat "$BASE" | on beta sh -c 'cat >"$1"' sh "$BASE"
			on beta qemu-img rebase -q -u -f qcow2 -b /etc/shadow -F raw "$BASE"
			;;
		esac
		now
		refused E-BACKING-DIFFERENT
		on beta rm -r "$BASE"
	done
}

# --- names ---------------------------------------------------------------

@test "names with blanks, quotes, commas, and what a shell would run" {
	local dir="$IMAGES/a b'c\"d,e=f\$(touch pwned)\`id\`;*?&|<x>%s\\t-ü" name='x -o y,$(reboot)'
	make_guest "$name" --dir "$dir" --backing 1 --disk-size 16 --memory 96 --data 1 --data-size 4
	note_disks "$name"
	run_json block --from alpha --to beta -- "$name"
	assert_exit 0
	assert_at beta "$name"
	[ "$(chain_of beta "$name" vda | sed 's|/[^/]*$||' | sort -u)" = "$dir" ]
	[ "$(on beta ls "$dir" | wc -l)" = 3 ]
	assert_copies "$name" beta
	not on_has alpha /root/pwned
	not on_has beta /root/pwned
	assert_nothing_left
	# and as a new path
	run_json block --from beta --to alpha --storage "$dir=$dir,2" --source-disks delete -- "$name"
	assert_exit 0
	assert_at alpha "$name"
	not on_has alpha /root/pwned
	assert_nothing_left
	assert_disk_ok "$name"
	lab guest --name "$name" --remove
	on alpha rm -r "$dir,2"
	untouched
}

# --- hosts that lie ------------------------------------------------------

# fake_info HOST: its qemu-img info says what is in /mnt/said; all else is qemu-img's own.
fake_info() {
	fake_tool "$1" qemu-img <<-'END'
		[ "$1" != info ] || exec cat /mnt/said
		exec "$REAL" "$@"
	END
	later rm -f "$VMMIG_LAB_DIR/hosts/$1/mnt/said"
}

# lies HOST: what its qemu-img may say, each in turn, and the command line in quotes.
lies() {
	local host=$1 id=$2 said=$VMMIG_LAB_DIR/hosts/$1/mnt/said name
	fake_info "$host"
	now
	good() {
		printf '[{"filename": "%s", "format": "qcow2", "virtual-size": %s, "actual-size": 200704, "cluster-size": %s,
			"dirty-flag": false}]' "$VDA" "${1:-16777216}" "${2:-65536}"
	}
	for name in deep zeros truncated types negative huge nan nul many long empty control; do
		case $name in
		deep) head -c 500000 /dev/zero | tr '\0' '[' ;;
		zeros) head -c 1048576 /dev/zero ;;
		truncated) good | head -c 60 ;;
		types) echo '[{"filename": 1, "format": [], "virtual-size": "16777216", "actual-size": null}]' ;;
		negative) good -16777216 ;;
		huge) good 99999999999999999999999 ;;
		nan) good 1e999 ;;
		nul) echo '[{"filename": "a\u0000b", "format": "qcow2\u0000", "virtual-size": 1, "actual-size": 1}]' ;;
		many) echo "[$(good | tr -d '[]\n')$(for i in {1..2000}; do printf ',{"filename":"/%s","format":"raw",
			"virtual-size":1}' "$i"; done)]" ;;
		long) printf '[{"filename": "%s", "format": "qcow2", "virtual-size": 1}]' "$(head -c 3000000 /dev/zero | tr '\0' a)" ;;
		empty) echo '[]' ;;
		control) printf '[{"filename": "\\u001b[31m", "format": "\\u001b]0;x\\u0007", "virtual-size": 16777216}]' ;;
		esac >"$said"
		run_json block web --from alpha --to beta
		if [ "$status" != 3 ] || ! json "any(.event == \"check\" and .refuses and (.id | test(\"$id\")))"; then
			show
			echo "qemu-img said: $name" >&2
			return 1
		fi
		not env LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' <<<"$output$stderr"
		untouched
	done
}

@test "a qemu-img at the source that lies" { lies alpha '^E-IMAGE-'; }

@test "a qemu-img at the destination that lies" {
	on alpha cat "$BASE" | on beta sh -c 'cat >"$1"' sh "$BASE"
	now
	lies beta '^E-BACKING-DIFFERENT$'
}

@test "tools that are missing, fail, or make something else" {
	local tool
	fake_tool beta qemu-img <<-'END'
		[ "$1" != create ] || { echo "qemu-img: no \033[31mway" >&2; exit 1; }
		exec "$REAL" "$@"
	END
	now
	run_json block web --from alpha --to beta
	assert_exit 1
	json 'last | .error.id == "E-PREPARE" and (.error.message | contains("no "))'
	untouched
	# another size than it was told to
	fake_tool beta qemu-img <<-'END'
		[ "$1" != create ] || set -- "${@:1:$#-1}" 8M
		exec "$REAL" "$@"
	END
	run_json block web --from alpha --to beta
	[ "$status" = 1 ]
	json 'last | .error.id == "E-PREPARE" or .error.id == "E-MIGRATE"'
	wait_until 30 no_job web
	untouched
	no_fakes beta
	# (sha256sum is asked for the names of locks as well)
	for tool in openssl sha256sum; do
		fake_tool beta $tool <<-'END'
			[ -f /dev/stdin ] || [ "$1" = dgst ] || exec "$REAL" "$@"
			printf '%064d  -\n' 0
		END
	done
	run_json block web --from alpha --to beta
	assert_exit 1
	[ "$(result .error.id)" = E-FETCH ]
	untouched
	for tool in openssl sha256sum; do
		fake_tool beta $tool <<-'END'
			[ -f /dev/stdin ] || [ "$1" = dgst ] || exec "$REAL" "$@"
			exit 1
		END
	done
	run_json block web --from alpha --to beta
	assert_exit 1
	untouched
	no_fakes beta
	# (the checks listen with it, too)
	fake_tool beta qemu-nbd <<<'[[ $* != *tls-creds-psk* ]] && exec "$REAL" "$@"; exit 1'
	run_json block web --from alpha --to beta
	assert_exit 1
	[ "$(result .error.id)" = E-REMOTE ] || [ "$(result .error.id)" = E-FETCH ]
	untouched
}

# --- the journal ---------------------------------------------------------

@test "a journal that cannot be written" {
	mkdir "$BATS_TEST_TMPDIR/ro"
	mount -t tmpfs -o ro tmpfs "$BATS_TEST_TMPDIR/ro"
	later umount -l "$BATS_TEST_TMPDIR/ro"
	JOURNAL=$BATS_TEST_TMPDIR/ro/journal.db
	new_config
	run_vmmig block web --from alpha --to beta
	assert_exit 1
	assert_says "E-JOURNAL"
	untouched
}

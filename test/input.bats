#!/usr/bin/env bats
# Bad input: it is refused with a clear error, nothing is touched, and no word of it is ever a command, be it here or
# on a host. And input that only looks bad: odd names and paths are names and paths.

load lib

# What sees a command that should never have run: files of this name in the directories in which shells start.
CANARY=vmmig-pwned

setup_file() {
	lab_setup_file
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	make_guest plain --memory 96 --write-ms 0
	# A second one that only exists, here and there.
	make_guest off --off --storage none
}

setup() {
	lab_setup
	cp "$BATS_FILE_TMPDIR"/uuid.* "$BATS_TEST_TMPDIR"/
	cd "$BATS_TEST_TMPDIR" || return 1
}

# Guests live as long as the file.
teardown() { rm -rf -- "${XDG_RUNTIME_DIR:?}"; no_canary; }

teardown_file() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	remove_guests
	on alpha rm -rf -- "/srv/vmmig-lab/gluster/odd"
}

# world: all that a command which was refused must have left as it was.
world() {
	local host uuid
	for host in $(lab_hosts); do
		echo "== $host"
		for uuid in $(on_virsh "$host" list --all --uuid | sort); do
			on_virsh "$host" "domstate --reason $uuid; dumpxml $uuid"
		done
		find "$VMMIG_LAB_DIR/hosts/$host"/{tmp,vartmp,root,mnt,srv,lib/images,run} -maxdepth 2 \
			! -path '*/run/libvirt*' ! -path '*/glusterfs*'
	done
	find "$VMMIG_LAB_DIR/data/" ! -path '*/.glusterfs/*' ! -path '*.qcow2'
	leavings
}

unchanged() { diff <(echo "$1") <(world) >&2; }

no_canary() {
	local found
	found=$(find /tmp /root "$BATS_TEST_TMPDIR" "$VMMIG_LAB_DIR"/hosts/*/{tmp,root,run} -maxdepth 1 \
		-name "$CANARY*" 2>/dev/null)
	[ -z "$found" ] || { echo "a word was run as a command: $found" >&2; rm -f -- "$found"; return 1; }
}

# Nothing a terminal would obey, nothing that is not UTF-8.
assert_clean() {
	local text=$output$'\n'${stderr:-}
	if LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' <<<"$text" || LC_ALL=C grep -qP '\xc2[\x80-\x9f]' <<<"$text" ||
			! iconv -f UTF-8 -t UTF-8 <<<"$text" >/dev/null; then
		show 2>&1 | cat -v >&2
		echo "the output has raw control bytes" >&2
		return 1
	fi
}

# wrong ID EXIT WORDS -- ARGUMENT…: as people see it, and as JSON; WORDS is in the message.
wrong() {
	local id=$1 exit=$2 words=$3
	shift 4
	run_vmmig "$@"
	assert_exit "$exit"
	[[ $stderr == *"vmmig: $id: "* ]] || { show; echo "no $id" >&2; return 1; }
	assert_says "$words"
	assert_clean
	run --separate-stderr vmmig --json "$@"
	assert_exit "$exit"
	assert_clean
	jq -es "all(type == \"object\") and
		(last | .exit == $exit and .error.id == \"$id\" and (.error.message | length > 0))" <<<"$output" >/dev/null ||
		{ show; echo "the last line is no object with exit and error" >&2; return 1; }
}

# hinted WORDS: the last wrong one had a hint with these words.
hinted() {
	[[ $(tail -n 1 <<<"$output" | jq -r .error.hint) == *"$1"* ]] || { show; echo "no hint: $1" >&2; return 1; }
}

@test "commands that are none" {
	wrong E-USAGE 2 '"liev" is not a command' -- liev plain --to beta
	hinted "vmmig live"
	wrong E-USAGE 2 "no command given" --
	hinted "vmmig help"
	wrong E-USAGE 2 '""' -- ''
	wrong E-USAGE 2 '\x1b[31mlive' -- $'\e[31mlive'
	wrong E-USAGE 2 'no command given' -- --
	wrong E-USAGE 2 '"nope"' -- help nope
}

@test "options that are none" {
	wrong E-USAGE 2 'unknown option "--too"' -- live plain --too beta
	hinted "--to"
	wrong E-USAGE 2 'unknown option "-x"' -- live plain --to beta -x
	hinted "vmmig help"
	wrong E-USAGE 2 'unknown option "--max-downtime"' -- list --max-downtime 5
	wrong E-USAGE 2 'unknown option' -- --max-downtime 5 live plain --to beta
	wrong E-USAGE 2 '\x1b' -- live plain $'--\e[31m'
	wrong E-USAGE 2 "takes no value" -- live plain --to beta --dry-run=yes
	wrong E-USAGE 2 "must be live" -- check plain plain --to beta
}

@test "values that are missing" {
	wrong E-USAGE 2 "--to HOST is missing" -- live plain
	hinted "vmmig config"
	wrong E-USAGE 2 "--to HOST is missing" -- check live plain
	wrong E-USAGE 2 "--to needs a value" -- live plain --to
	wrong E-USAGE 2 "--from needs a value" -- live plain --to beta --from
	wrong E-USAGE 2 "--max-downtime needs a value" -- live plain --to beta --max-downtime
	wrong E-USAGE 2 "GUEST" -- live --to beta
	hinted "vmmig live --help"
	wrong E-USAGE 2 "GUEST" -- check live --to beta
	wrong E-USAGE 2 "GUEST" -- check --to beta
	wrong E-USAGE 2 "too much" -- status a b
	wrong E-USAGE 2 "too much" -- history a b
	wrong E-USAGE 2 "too much" -- config a
}

@test "-c without a file" {
	wrong E-USAGE 2 "needs a value" -- live plain --to beta -c
	wrong E-USAGE 2 "needs a value" -- -c
}

@test "numbers that are none, or out of range" {
	local value
	for value in 0 -1 2000001 99999999999999999999999 4294967597 abc '' ' 5' '5 ' 5s 5.5 0x10 1e3 $'5\n' '٣'; do
		wrong E-USAGE 2 "--max-downtime" -- live plain --to beta --max-downtime="$value"
	done
	for value in -1 1048577 18446744073709551617 many ''; do
		wrong E-USAGE 2 "0 to 1048576" -- live plain --to beta --bandwidth="$value"
	done
	wrong E-USAGE 2 "0 to 604800" -- live plain --to beta --timeout 604801
	wrong E-USAGE 2 "0 to 604800" -- live plain --to beta --timeout -1
	wrong E-USAGE 2 "--limit" -- history --limit -1
	wrong E-USAGE 2 "abort, postcopy or suspend" -- live plain --to beta --on-timeout kill
	wrong E-USAGE 2 "abort, postcopy or suspend" -- live plain --to beta --on-timeout ''
}

@test "checks that are none cannot be skipped" {
	wrong E-USAGE 2 '"E-NOPE"' -- live plain --to beta --skip-check E-NOPE
	hinted "vmmig-check"
	wrong E-USAGE 2 '"e-bridge"' -- check live plain --to beta --skip-check e-bridge
	wrong E-USAGE 2 '""' -- check live plain --to beta --skip-check ''
}

@test "--json counts wherever it stands" {
	run --separate-stderr vmmig live plain --to beta --max-downtime x --json
	assert_exit 2
	jq -e '.exit == 2 and .error.id == "E-USAGE"' <<<"$output" || { show; return 1; }
	run --separate-stderr vmmig live plain --too beta --json
	assert_exit 2
	jq -e '.exit == 2 and .error.id == "E-USAGE"' <<<"$output" || { show; return 1; }
	# but a guest can have that name
	run --separate-stderr vmmig live --to nope -- --json
	assert_exit 2
	[ -z "$output" ]
}

@test "hosts that are none" {
	local before
	before=$(world)
	wrong E-HOST-UNKNOWN 2 '"bet"' -- live plain --to bet
	hinted '"beta"'
	wrong E-HOST-UNKNOWN 2 '"alphaa"' -- live plain --from alphaa --to beta
	wrong E-HOST-UNKNOWN 2 '"nope"' -- list nope
	wrong E-USAGE 2 'is empty' -- live plain --to ''
	wrong E-USAGE 2 'is empty' -- live plain --to beta --from ''
	wrong E-USAGE 2 'is empty' -- list ''
	wrong E-USAGE 2 "1 to 65535" -- live plain --to beta:0
	wrong E-USAGE 2 "1 to 65535" -- live plain --to beta:65536
	wrong E-USAGE 2 "1 to 65535" -- live plain --to beta:
	wrong E-USAGE 2 "1 to 65535" -- live plain --to beta:22x
	wrong E-USAGE 2 "bracket" -- live plain --to '[::1'
	wrong E-USAGE 2 "bracket" -- live plain --to '[::1]22'
	wrong E-USAGE 2 "address is empty" -- live plain --to 'root@'
	wrong E-USAGE 2 "user is empty" -- live plain --to '@beta'
	unchanged "$before"
}

@test "host names full of traps" {
	local before host
	before=$(world)
	for host in "\$(touch $CANARY)" "\$(touch\${IFS}$CANARY)@beta" "root@\`touch\${IFS}$CANARY\`" "a;touch $CANARY" \
			"-oProxyCommand=touch\${IFS}$CANARY@beta" "root@-oProxyCommand=touch\${IFS}$CANARY" "a'b\"c" \
			"../../etc/passwd" $'be\nta' $'be\e[31mta' $'be\xff\xfeta' $'root@be\e]0;x\ata' 'bé tà' '-' '--' '%s%n' \
			"$(printf 'x%.0s' {1..1000})" "root@$(printf 'x%.0s' {1..1000})"; do
		run_vmmig live plain --to="$host"
		[ "$status" = 2 ] || [ "$status" = 7 ] || { show; echo "--to $host: exit $status" >&2; return 1; }
		[[ $stderr == "vmmig: E-"*": "* ]] || { show; return 1; }
		assert_clean
	done
	for host in $'be\xff\xfe\e[31m"\\ta' $'root@a\n{"exit":0}' "\$(touch $CANARY)"; do
		run --separate-stderr vmmig --json live plain --to=beta --from="$host"
		assert_exit 2
		jq -es 'last | .exit == 2' <<<"$output" >/dev/null || { show; return 1; }
		assert_clean
	done
	wrong E-HOST-UNKNOWN 2 "" -- live plain --to "$(head -c 100000 /dev/zero | tr '\0' y)"
	# nothing is near to that
	[[ $(jq -r .error.hint <<<"$output") != *"did you mean"* ]] || { show | cut -c1-300; return 1; }
	no_canary
	unchanged "$before"
}

@test "source and destination are one host" {
	local before address
	before=$(world)
	address=$(awk '$2 == "alpha" { print $1 }' "$VMMIG_LAB_DIR/hosts.txt")
	wrong E-SAME-HOST 2 '"alpha"' -- live plain --from alpha --to alpha
	wrong E-SAME-HOST 2 '"alpha"' -- check live plain --from alpha --to alpha
	wrong E-SAME-HOST 2 "alpha" -- live plain --from alpha --to "root@$address:22"
	wrong E-SAME-HOST 2 "$address" -- live plain --from "root@$address:22" --to alpha
	assert_says alpha
	wrong E-SAME-HOST 2 "alpha" -- live plain --from alpha --to "root@$address"
	wrong E-SAME-HOST 2 "alpha" -- live plain --from alpha --to "$address"
	unchanged "$before"
}

@test "one machine under two names and addresses" {
	local before address
	before=$(world)
	address=$(awk '$2 == "alpha" { print $1 }' "$VMMIG_LAB_DIR/hosts.txt")
	on alpha ip addr add "${address%.*}.201/24" dev eth0
	sed -i "s/^hosts = (/&\n{ name = \"twin\"; address = \"${address%.*}.201\"; user = \"root\"; \
identity = \"${VMMIG_LAB_DIR//\//\\/}\/id_ed25519\"; known_hosts = \"${VMMIG_LAB_DIR//\//\\/}\/known_hosts\"; },/" \
		"$VMMIG_CONF"
	sed "s/^alpha,[^ ]*/${address%.*}.201/p; d" "$VMMIG_LAB_DIR/known_hosts" >known_hosts
	cat "$VMMIG_LAB_DIR/known_hosts" >>known_hosts
	sed -i "s|known_hosts = \"[^\"]*\"|known_hosts = \"$PWD/known_hosts\"|" "$VMMIG_CONF"
	run_json check live plain --from alpha --to twin
	on alpha ip addr del "${address%.*}.201/24" dev eth0
	assert_exit 3
	json 'any(.event == "check" and .id == "E-HOSTS-IDENTICAL" and .refuses)'
	json 'any(.event == "check" and .id == "E-HOST-UUID" and .refuses)'
	unchanged "$before"
}

@test "guests that are none" {
	local before
	before=$(world)
	wrong E-GUEST-UNKNOWN 2 'nope' -- live nope --from alpha --to beta
	hinted "vmmig list"
	assert_silent_on "nope: nope"
	wrong E-GUEST-UNKNOWN 2 'nope' -- live nope --to beta
	wrong E-GUEST-UNKNOWN 2 'nope' -- check live nope --to beta
	wrong E-GUEST-UNKNOWN 2 'nope' -- status nope
	hinted "vmmig list"
	wrong E-GUEST-UNKNOWN 2 'nope' -- history nope
	wrong E-GUEST-UNKNOWN 2 'Plain' -- live Plain --from alpha --to beta
	wrong E-GUEST-UNKNOWN 2 '00000000-0000-4000-8000-000000000000' -- \
		live 00000000-0000-4000-8000-000000000000 --from alpha --to beta
	# the one that exists goes before the others are looked for: so it must not have gone
	wrong E-GUEST-UNKNOWN 2 'nope' -- check live plain nope --from alpha --to beta
	unchanged "$before"
}

@test "a guest's name is not empty" {
	wrong E-USAGE 2 'empty' -- live '' --from alpha --to beta
	wrong E-USAGE 2 'empty' -- check live '' --from alpha --to beta
}

@test "guest names full of traps" {
	local before guest
	before=$(world)
	for guest in "\$(touch $CANARY)" "\`touch $CANARY\`" "; touch $CANARY" "'; touch $CANARY; '" "\"; touch $CANARY; \"" \
			$'x\ntouch '"$CANARY"$'\n' "../../../root/$CANARY" "-rf" "--help" "*" '%s%n%x' '&lt;' 'plain ' ' plain' \
			$'\e[2J\e]0;x\a' $'\xff\xfe\x80' $'\xc2\x9b31m' '名前' "$(printf 'x%.0s' {1..1000})"; do
		run_vmmig live --from alpha --to beta -- "$guest"
		[ "$status" = 2 ] || { show; echo "guest $guest: exit $status" >&2; return 1; }
		[[ $stderr == *"vmmig: E-GUEST-UNKNOWN: "* ]] || { show; return 1; }
		assert_clean
	done
	# the same where JSON is to stay JSON
	for guest in $'\xff\xfe\x80"\\' $'\e[2J\n{"event":"result","exit":0}' "$(head -c 100000 /dev/zero | tr '\0' y)"; do
		wrong E-GUEST-UNKNOWN 2 "" -- check live --from alpha --to beta -- "$guest"
	done
	wrong E-GUEST-UNKNOWN 2 "" -- status -- $'\xff\xfe\x80"\\\e[2J\n{}'
	no_canary
	unchanged "$before"
}

@test "a guest that is shut off" {
	local before
	before=$(world)
	wrong E-GUEST-STATE 3 'shut off' -- live off --from alpha --to beta --no-follow
	assert_says alpha
	hinted "start"
	wrong E-GUEST-STATE 3 'shut off' -- check live off --from alpha --to beta
	assert_says alpha
	hinted "start"
	unchanged "$before"
}

@test "of several guests the worst one decides" {
	local before
	before=$(world)
	run_json check live plain off --from alpha --to beta
	assert_exit 3
	json '[.[] | select(.event == "result") | .exit] == [0, 3]'
	run_json check live nope off plain --from alpha --to beta
	assert_exit 2
	json '[.[] | select(.event == "result") | .exit] == [2, 3, 0]'
	unchanged "$before"
}

@test "a guest that is at the destination already" {
	local before
	before=$(world)
	run_json live plain --to alpha
	assert_exit 0
	[ "$(result .status)" = none ]
	run_vmmig live plain --from beta --to alpha
	assert_exit 0
	assert_says "nothing to do"
	run_vmmig check live plain --to alpha
	assert_exit 3
	assert_says E-GUEST-STATE
	assert_says "destination already"
	unchanged "$before"
}

@test "a standard output that cannot be written" {
	local args
	for args in "list" "--json list" "config" "--json config" "help" "--version" "live --help" \
			"--json check live plain --from alpha --to beta" "--json live nope --to beta"; do
		# shellcheck disable=SC2086
		run --separate-stderr eval "vmmig $args >/dev/full"
		[ "$status" != 0 ] || { show; echo "$args >/dev/full" >&2; return 1; }
		[[ $stderr == *E-OUTPUT* || $status != 1 ]] || { show; return 1; }
		run --separate-stderr eval "vmmig $args >&-"
		[ "$status" != 0 ] || { show; echo "$args >&-" >&2; return 1; }
		run --separate-stderr eval "vmmig $args | true; (exit \${PIPESTATUS[0]})"
		[ "$status" != 139 ] && [ "$status" != 124 ] || { show; return 1; }
	done
}

@test "no standard file is ever taken for another" {
	local before
	before=$(world)
	# what would be written to descriptors 0 to 2 must not get into a connection
	strace -f -qq -e trace=socket,eventfd2,accept4,epoll_create1 -o trace \
		"$VMMIG" --json check live plain --from alpha --to beta <&- >&- 2>&- || true
	[ -s trace ]
	run grep -E '= [012]$' trace
	[ "$status" = 1 ] || { echo "$output" >&2; return 1; }
	run --separate-stderr eval "vmmig -v -v --json live plain --dry-run --from alpha --to beta <&- 2>&-"
	assert_exit 0
	unchanged "$before"
}

# define_odd NAME DISK: a paused guest with that disk on alpha.
define_odd() {
	local file=$VMMIG_LAB_DIR/common/guests/odd.xml
	on alpha mkdir -p -- "${2%/*}"
	on alpha qemu-img create -q -f qcow2 "$2" 8M
	lab guest --name odd --xml --memory 96 --write-ms 0 | python3 -c '
import re, sys
from xml.sax.saxutils import quoteattr, escape
name, disk = sys.argv[1:3]
text = sys.stdin.read()
text = re.sub("<name>.*</name>", lambda m: "<name>" + escape(name) + "</name>", text)
text = re.sub("file=.[^ ]*qcow2.", lambda m: "file=" + quoteattr(disk), text)
sys.stdout.write(text)' "$1" "$2" >"$file"
	on alpha virsh -q define /srv/vmmig-lab/common/guests/odd.xml
	rm -- "$file"
	on alpha virsh -q start --paused --domain "$1"
}

@test "guests with odd names and odd disks do migrate" {
	local names paths i disk dir=/srv/vmmig-lab/gluster/odd
	names=("two words; touch $CANARY" "it's \"quoted\"" "\$(touch $CANARY)" "\`touch $CANARY\`" "-rf"
		"näme 名前 a<b>&c*?%s\\")
	paths=("a b; touch $CANARY;" "it's \"q\"" "\$(touch $CANARY)" "\`touch $CANARY\`" "-rf"
		"dïr/名前 x&y<z>,c=d%s\\")
	for i in "${!names[@]}"; do
		disk="$dir/${paths[i]}/-d$i \$x.qcow2"
		define_odd "${names[i]}" "$disk"
	done
	on_virsh alpha resume --domain "${names[0]}"
	run_json list
	assert_exit 0
	assert_clean
	run_json live --from alpha --to beta -- "${names[@]}"
	assert_exit 0
	assert_clean
	for i in "${!names[@]}"; do
		has_state alpha "${names[i]}" absent
		has_state beta "${names[i]}" "$([ "$i" = 0 ] && echo 'running*' || echo 'paused*')"
		json "any(.event == \"result\" and .guest == $(jq -nR --arg n "${names[i]}" '$n') and .status == \"completed\")"
	done
	# and are found again in the journal
	run_json history "${names[2]}"
	assert_exit 0
	[ "$(result .guest)" = "${names[2]}" ]
	run_vmmig history
	assert_exit 0
	assert_clean
	no_canary
	assert_nothing_left
}

@test "a disk path that libvirt itself cannot pass on" {
	local before
	# it writes a line break as such into the XML, where it becomes a space
	define_odd newline $'/srv/vmmig-lab/gluster/odd/new\nline/d.qcow2'
	before=$(world)
	run_json live newline --from alpha --to beta
	assert_exit 3
	[ "$(result .error.id)" = E-STORAGE-NOT-SHARED ]
	assert_nothing_left
	unchanged "$before"
}

@test "a hint never holds a command made of a guest's name" {
	local name="\$(touch $CANARY)" hint
	# it is at beta since an earlier test; alpha has a link of it that leads nowhere
	has_state beta "$name" 'paused*' || skip "it is not there"
	on alpha mkdir -p /etc/libvirt/qemu/autostart
	on alpha sh -c 'ln -s nowhere "/etc/libvirt/qemu/autostart/$1.xml"' sh "$name"
	run_json check live --from beta --to alpha -- "$name"
	on alpha rm -f "/etc/libvirt/qemu/autostart/$name.xml"
	assert_exit 3
	events check .hint >hints
	grep -q -- "$CANARY" hints
	# each of them, pasted into a shell in which no such command exists, makes no file
	while IFS= read -r hint; do
		env -i PATH=/nonexistent /bin/bash -c "touch() { /usr/bin/touch \"\$@\"; }; $hint" </dev/null >hint.out 2>&1 || true
	done <hints
	no_canary
}

#!/usr/bin/env bats
# The configuration file and the journal's place: what is wrong is named with file and line, and nothing is begun.
# Needs neither root nor the lab.

load lib

setup_file() { :; }

setup() {
	DIR=$BATS_TEST_TMPDIR
	CONF=$DIR/vmmig.conf
	export HOME=$DIR/home XDG_CONFIG_HOME=$DIR/xdg XDG_STATE_HOME=$DIR/state XDG_RUNTIME_DIR=$DIR
	unset VMMIG_CONF
	umask 022
	mkdir -p "$HOME" "$XDG_CONFIG_HOME/vmmig"
}

teardown() {
	[ ! -d "$DIR/full" ] || ! mountpoint -q "$DIR/full" || umount "$DIR/full"
}

# One host nobody answers at: port 1 of this machine.
HOSTS='hosts = ( { name = "alpha"; address = "127.0.0.1"; port = 1; },
	{ name = "beta"; address = "127.0.0.1"; port = 2; } );'

conf() { printf '%b' "$1" >"$CONF"; }

# bad WORDS TEXT: a file with TEXT is refused, in words and as JSON, by a command that needs no host and by one
# that does.
bad() {
	conf "$2"
	run_vmmig -c "$CONF" config
	assert_exit 2
	[ -z "$output" ]
	[[ $stderr == "vmmig: E-CONFIG: $CONF"* ]] || { show; return 1; }
	assert_says "$1"
	! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f-\xff]' <<<"${stderr//…/}" || { show 2>&1 | cat -v >&2; return 1; }
	run --separate-stderr vmmig --json -c "$CONF" live web1 --to beta
	assert_exit 2
	[ "$(wc -l <<<"$output")" = 1 ]
	jq -e '.event == "error" and .exit == 2 and .error.id == "E-CONFIG"' <<<"$output" >/dev/null || { show; return 1; }
	[ ! -e "$XDG_STATE_HOME" ]
}

hinted() { [[ $(jq -r .error.hint <<<"$output") == *"$1"* ]] || { show; echo "no hint: $1" >&2; return 1; }; }

@test "a file that is not there, or is none" {
	local name
	for name in "$DIR/nope" "$DIR" /dev/zero "$DIR/nope"$'\n\e[31m\xff'; do
		run_vmmig -c "$name" config
		assert_exit 2
		[[ $stderr == "vmmig: E-CONFIG: "* ]] || { show; return 1; }
		! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f-\xff]' <<<"$stderr" || { show 2>&1 | cat -v >&2; return 1; }
	done
	run_vmmig -c "$DIR/nope" config
	assert_says "$DIR/nope: No such file"
	run_vmmig -c '' config
	assert_exit 2
	assert_says E-USAGE
	VMMIG_CONF=$DIR/nope run_vmmig config
	assert_exit 2
	assert_says "$DIR/nope: No such file"
}

@test "a file that may not be read" {
	conf ''
	chmod 600 "$CONF"
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$DIR"
		VMMIG_WRAP="setpriv --reuid=65534 --regid=65534 --clear-groups" run_vmmig -c "$CONF" config
	else
		chmod 000 "$CONF"
		run_vmmig -c "$CONF" config
	fi
	assert_exit 2
	assert_says "E-CONFIG: $CONF: Permission denied"
	# and is not passed over for another one when nobody named it
	mkdir -p "$XDG_CONFIG_HOME/vmmig/vmmig.conf"
	run_vmmig config
	assert_exit 2
	assert_says "is a directory"
}

@test "a file that others may write" {
	conf "$HOSTS"
	local mode
	for mode in 666 664 602; do
		chmod "$mode" "$CONF"
		run_vmmig -c "$CONF" config
		assert_exit 2
		assert_says "mode 0$mode"
		assert_says "hint: chmod go-w $CONF"
	done
	chmod 644 "$CONF"
	run_vmmig -c "$CONF" config
	assert_exit 0
}

@test "a file that nobody ever writes ends with a signal" {
	mkfifo "$DIR/fifo"
	start_vmmig fifo -c "$DIR/fifo" config
	wait_until 10 eval '[[ $(cat /proc/$(background_pid fifo)/wchan 2>/dev/null) == *wait* ]] || sleep 0.3'
	kill -INT "$(background_pid fifo)"
	finish fifo 10
	[ "$status" != 0 ]
	assert_says E-CONFIG
}

@test "no file at all: the defaults" {
	[ ! -e /etc/vmmig/vmmig.conf ] || skip "this machine has one"
	run_vmmig config
	assert_exit 0
	assert_says "none: all defaults"
	run_vmmig live web1 --from alpha --to beta
	[ "$status" = 2 ] || [ "$status" = 7 ]
	run_vmmig list
	assert_exit 2
	assert_says "no hosts"
	assert_says "hint:"
}

@test "which file counts" {
	printf 'migrate = { max_downtime_ms = 11; };' >"$XDG_CONFIG_HOME/vmmig/vmmig.conf"
	printf 'migrate = { max_downtime_ms = 22; };' >"$DIR/env.conf"
	conf 'migrate = { max_downtime_ms = 33; };'
	run_vmmig config
	assert_says "max_downtime_ms = 11;"
	VMMIG_CONF=$DIR/env.conf run_vmmig config
	assert_says "max_downtime_ms = 22;"
	VMMIG_CONF=$DIR/env.conf run_vmmig -c "$CONF" config
	assert_says "max_downtime_ms = 33;"
	unset XDG_CONFIG_HOME
	mkdir -p "$HOME/.config/vmmig"
	printf 'migrate = { max_downtime_ms = 44; };' >"$HOME/.config/vmmig/vmmig.conf"
	run_vmmig config
	assert_says "max_downtime_ms = 44;"
}

@test "broken syntax" {
	bad ':2: ' 'hosts = ( { name = "a"; }\n'
	bad ':3: ' '\n\n{{{{\n'
	bad ':1: ' 'migrate = { timeout_s 5; };'
	bad ':1: ' 'x\xff\xfe\x1b[31m = 1;'
	bad ':2: ' '\n/* no end\n\n'
	bad ':1: ' 'hosts = (); hosts = ();'
	bad ':2: ' '\n@include "/etc/passwd"\n'
	bad ':1: ' 'hosts = ( { name = "a\\0b"; } );\\'
	bad 'NUL' 'hosts = ( { name = "a"; } );\0 x'
	bad ':1: ' "$(printf '(%.0s' {1..20000})"
	bad 'longer than' "$(head -c 1100000 /dev/zero | tr '\0' '#')"
}

@test "sections and keys that are none" {
	bad ':3: unknown section "migrat"' '\n\nmigrat = { };\n'
	hinted '"migrate"'
	bad ':1: unknown section "zzzzzzzzzz"' 'zzzzzzzzzz = 1;'
	hinted 'vmmig.conf(5)'
	bad ':2: unknown key "max_downtim_ms"' 'migrate = {\nmax_downtim_ms = 3; };'
	hinted '"max_downtime_ms"'
	bad 'unknown key "adress"' 'hosts = ( { name = "a"; adress = "b"; } );'
	hinted '"address"'
	# a key of another section is no key here
	bad 'unknown key "timeout_s"' 'ssh = { timeout_s = 3; };'
}

@test "values of the wrong type" {
	bad 'max_downtime_ms' 'migrate = { max_downtime_ms = "300"; };'
	bad 'max_downtime_ms' 'migrate = { max_downtime_ms = 3.5; };'
	bad 'max_downtime_ms' 'migrate = { max_downtime_ms = true; };'
	bad 'max_downtime_ms' 'migrate = { max_downtime_ms = ( 1, 2 ); };'
	bad 'peer2peer' 'migrate = { peer2peer = 1; };'
	bad 'on_timeout' 'migrate = { on_timeout = 1; };'
	bad 'abort postcopy suspend' 'migrate = { on_timeout = "explode"; };'
	bad 'quarantine keep delete' 'migrate = { source_disks = "move"; };'
	bad 'backing_from' 'images = { backing_from = "glance"; };'
	bad 'images' 'images = ( );'
	bad 'backing' 'backing = { };'
	bad 'backing' 'backing = ( 1 );'
	bad 'path' 'journal = { path = 1; };'
	bad 'name' 'hosts = ( { name = 1; } );'
	bad 'migrate' 'migrate = 1;'
	bad 'hosts' 'hosts = { name = "a"; };'
	bad 'hosts' 'hosts = 1;'
	bad 'host' 'hosts = ( "a" );'
	bad 'host' 'hosts = ( ( ) );'
}

@test "values out of range" {
	bad 'max_downtime_ms is 0, not 1 to 2000000 ms' 'migrate = { max_downtime_ms = 0; };'
	bad 'max_downtime_ms is 4294967596' 'migrate = { max_downtime_ms = 4294967596; };'
	bad 'timeout_s is -1' 'migrate = { timeout_s = -1; };'
	bad 'bandwidth_mib' 'migrate = { bandwidth_mib = 0x7fffffffffffffff; };'
	bad 'bandwidth_mib' 'migrate = { bandwidth_mib = 99999999999999999999999; };'
	bad 'port is 0' 'hosts = ( { name = "a"; port = 0; } );'
	bad 'port is 65536' 'hosts = ( { name = "a"; port = 65536; } );'
	bad 'reserve_mib is -1, not 0 to 1048576 MiB' 'images = { reserve_mib = -1; };'
	bad 'connect_timeout_s' 'ssh = { connect_timeout_s = 0; };'
	bad 'keepalive_s' 'ssh = { keepalive_s = 301; };'
}

@test "hosts that cannot be" {
	bad ':2: host 2 has no name' 'hosts = ( { name = "a"; },\n{ address = "b"; } );'
	bad 'host "a" is there twice' 'hosts = ( { name = "a"; }, { name = "b"; }, { name = "a"; } );'
	bad 'name is empty' 'hosts = ( { name = ""; } );'
	bad 'begins with "-"' 'hosts = ( { name = "-a"; } );'
	bad 'has a "/"' 'hosts = ( { name = "../a"; } );'
	bad 'control character' 'hosts = ( { name = "a\x1b[31m"; } );'
	bad 'control character' 'hosts = ( { name = "a\\x1b[31m"; } );'
	bad 'UTF-8' 'hosts = ( { name = "a\xff"; } );'
	bad 'longer than 255' "hosts = ( { name = \"$(printf 'x%.0s' {1..256})\"; } );"
	bad 'no address' 'hosts = ( { name = "two words"; } );'
	bad 'address' 'hosts = ( { name = "a"; address = "-oProxyCommand=x"; } );'
	bad 'address' 'hosts = ( { name = "a"; address = "b c"; } );'
	bad 'user' 'hosts = ( { name = "a"; user = "-l"; } );'
	bad 'user' 'hosts = ( { name = "a"; user = "x y"; } );'
	bad 'identity' 'hosts = ( { name = "a"; identity = "id"; } );'
	bad 'absolute' 'journal = { path = "rel/journal.db"; };'
}

@test "backing files that cannot be" {
	local id=3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c4 hex=0123456789abcdef
	hex=$hex$hex$hex$hex
	local glance='images = { glance_url = "http://g"; };'
	bad ':2: backing file 1 has no file' 'backing = (\n{ url = "http://x"; } );'
	bad 'neither glance_id nor url' 'backing = ( { file = "a"; } );'
	bad 'both glance_id and url' "$glance backing = ( { file = \"a\"; glance_id = \"$id\"; url = \"http://x\"; } );"
	bad 'no glance_url' "backing = ( { file = \"a\"; glance_id = \"$id\"; } );"
	bad 'has a url, but no digest' 'backing = ( { file = "a"; url = "http://x"; } );'
	bad 'is there twice' "backing = ( { file = \"a\"; url = \"http://x\"; digest = \"sha256:$hex\"; },
		{ file = \"a\"; url = \"http://y\"; digest = \"sha256:$hex\"; } );"
	bad 'sha256' "backing = ( { file = \"a\"; url = \"http://x\"; digest = \"$hex\"; } );"
	bad 'sha512' "backing = ( { file = \"a\"; url = \"http://x\"; digest = \"sha512:$hex\"; } );"
	bad 'UUID' "$glance backing = ( { file = \"a\"; glance_id = \"../$id\"; } );"
	bad 'raw qcow2' 'backing = ( { file = "a"; format = "vmdk"; } );'
	bad 'absolute' 'backing = ( { file = "a/b"; } );'
	bad 'unknown key "id"' 'backing = ( { id = "a"; } );'
	bad 'absolute' 'images = { token_file = "token"; };'
	bad 'glance_url' 'images = { glance_url = "glance:9292"; };'
	bad 'glance_url' 'images = { glance_url = "http://user:secret@glance"; };'
	bad 'a URL cannot have' 'images = { glance_url = "http://glance/\x1b[31m"; };'
	bad 'url' 'backing = ( { file = "a"; url = "file:///etc/shadow"; } );'
	bad 'a URL cannot have' 'backing = ( { file = "a"; url = "http://x/\\" -o \\"/etc/passwd"; } );'
}

@test "a libvirt that is not the host's own" {
	conf 'hosts = ( { name = "a"; address = "127.0.0.1"; port = 1; uri = "qemu+ssh://elsewhere/system"; } );'
	run_vmmig -c "$CONF" list
	[ "$status" = 2 ] || [ "$status" = 7 ]
	bad 'uri' 'hosts = ( { name = "a"; uri = "qemu+ssh://elsewhere/system"; } );'
}

@test "config prints what gives the same again" {
	conf 'hosts = ( { name = "a b\\"c\\\\"; address = "::1"; port = 2222; user = "me"; identity = "/k \\"x"; },
		{ name = "b"; migrate_address = "10.1.2.3"; peer_uri = "qemu+tls://b/system"; } );
		migrate = { max_downtime_ms = 7; bandwidth_mib = 8; timeout_s = 9; on_timeout = "postcopy"; peer2peer = false; };
		images = { reserve_mib = 0; backing_from = "source-first"; glance_url = "http://[::1]:9292/g"; token_file = "/t"; };
		backing = ( { file = "/b c/ö.qcow2"; glance_id = "3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c4"; } );
		ssh = { connect_timeout_s = 1; command_timeout_s = 2; keepalive_s = 3; };
		journal = { path = "/j/ö.db"; };'
	run_vmmig -c "$CONF" config
	assert_exit 0
	printf '%s\n' "$output" >"$DIR/again.conf"
	run_vmmig -c "$DIR/again.conf" config
	assert_exit 0
	diff <(tail -n +2 "$DIR/again.conf") <(tail -n +2 <<<"$output")
	[[ $output == *'name = "a b\"c\\";'*'timeout_s = 9;'*'backing = ('*'file = "/b c/ö.qcow2";'*'keepalive_s = 3;'*'path = "/j/ö.db";'* ]] || { show; return 1; }
}

@test "config --json has every value in force" {
	conf "$HOSTS"' migrate = { max_downtime_ms = 7; on_timeout = "suspend"; }; ssh = { connect_timeout_s = 4; };'
	run_json -c "$CONF" config
	assert_exit 0
	json '.[0].event == "config" and .[0].path == "'"$CONF"'" and .[0].max_downtime_ms == 7'
	json '.[0].on_timeout == "suspend" and .[0].connect_timeout_s == 4 and .[0].command_timeout_s == 30 and
		.[0].keepalive_s == 5'
	json '[.[] | select(.event == "host") | .name] == ["alpha", "beta"]'
	json '.[1].address == "127.0.0.1" and .[1].port == 1 and .[1].uri == "qemu:///system" and (.[1] | has("user"))'
}

@test "config --default is a file, also when the configured one is broken" {
	conf 'broken'
	run_vmmig -c "$CONF" config --default
	assert_exit 0
	printf '%s\n' "$output" >"$DIR/default.conf"
	diff "$DIR/default.conf" "$TEST_TOP/conf/vmmig.conf"
	run_vmmig -c "$DIR/default.conf" config
	assert_exit 0
	run_json -c "$CONF" config --default
	assert_exit 0
	# as it is with every "#" taken away: the examples and defaults are true
	sed -E 's/^(\t?)#( *)([a-z0-9_]+ = )/\1\2\3/; s/^#  ([{}])/  \1/' "$DIR/default.conf" >"$DIR/all.conf"
	grep -q '^ *name = "alpha";' "$DIR/all.conf"
	run_vmmig -c "$DIR/all.conf" config
	assert_exit 0
	assert_says 'name = "alpha";'
	assert_says 'file = "debian-12.img";'
}

# nojournal WORDS PATH: a migration is not begun. (That the hosts are not even asked: they would be unreachable.)
nojournal() {
	conf "$HOSTS journal = { path = \"$2\"; };"
	local command
	for command in "live web1 --from alpha --to beta" "status" "history"; do
		# shellcheck disable=SC2086
		run_vmmig -c "$CONF" $command
		assert_exit 1
		[[ $stderr == "vmmig: E-JOURNAL: "* ]] || { show; return 1; }
		assert_says "$1"
	done
	run --separate-stderr vmmig --json -c "$CONF" live web1 --from alpha --to beta
	assert_exit 1
	[ "$(wc -l <<<"$output")" = 1 ]
	jq -e '.event == "error" and .exit == 1 and .error.id == "E-JOURNAL"' <<<"$output" >/dev/null || { show; return 1; }
	# a check needs none
	run_vmmig -c "$CONF" check live web1 --from alpha --to beta
	assert_exit 7
}

@test "a journal that cannot be" {
	mkdir "$DIR/d"
	nojournal "is a directory" "$DIR/d"
	nojournal "is not a file" "/dev/null"
	nojournal "Not a directory" "$CONF/journal.db"
	echo "precious" >"$DIR/precious"
	nojournal "not a journal" "$DIR/precious"
	[ "$(cat "$DIR/precious")" = precious ]
	head -c 8192 /dev/urandom >"$DIR/random"
	cp "$DIR/random" "$DIR/random.was"
	nojournal "not a journal" "$DIR/random"
	cmp "$DIR/random" "$DIR/random.was"
	sqlite3 "$DIR/other.db" 'CREATE TABLE mine (x)'
	cp "$DIR/other.db" "$DIR/other.was"
	nojournal "journal" "$DIR/other.db"
	cmp "$DIR/other.db" "$DIR/other.was"
	nojournal "journal" "/proc/nope/journal.db"
}

@test "a journal that may not be written" {
	mkdir "$DIR/ro"
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$DIR"
		VMMIG_WRAP="setpriv --reuid=65534 --regid=65534 --clear-groups"
	fi
	chmod 555 "$DIR/ro"
	nojournal "Permission denied" "$DIR/ro/journal.db"
	chmod 755 "$DIR/ro"
	conf "$HOSTS journal = { path = \"$DIR/ro/journal.db\"; };"
	VMMIG_WRAP='' run_vmmig -c "$CONF" status
	assert_exit 0
	[ "$(stat -c %a "$DIR/ro/journal.db")" = 600 ]
	chmod 444 "$DIR/ro/journal.db"
	chmod 555 "$DIR/ro"
	nojournal "journal $DIR/ro/journal.db" "$DIR/ro/journal.db"
	[ -z "$(find "$DIR/ro" -name '*.??????')" ]
}

@test "a journal on a full disk" {
	[ "$(id -u)" = 0 ] || skip "needs root to mount"
	mkdir "$DIR/full"
	mount -t tmpfs -o size=64k tmpfs "$DIR/full"
	head -c 65536 /dev/zero >"$DIR/full/fill" || true
	nojournal "space" "$DIR/full/journal.db"
	nojournal "space" "$DIR/full/sub/journal.db"
	umount "$DIR/full"
}

@test "a journal that another program holds" {
	conf "$HOSTS journal = { path = \"$DIR/j.db\"; };"
	run_vmmig -c "$CONF" status
	assert_exit 0
	python3 -c '
import os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = DELETE")
db.execute("BEGIN EXCLUSIVE")
open(sys.argv[2], "w").close()
time.sleep(60)' "$DIR/j.db" "$DIR/held" 3>&- &
	local pid=$!
	wait_until 10 test -e "$DIR/held"
	run_vmmig -c "$CONF" live web1 --from alpha --to beta
	kill "$pid"
	assert_exit 1
	assert_says "E-JOURNAL"
	assert_says "locked"
	assert_says "hint:"
}

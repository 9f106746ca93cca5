#!/usr/bin/env bats
# Hosts that cannot be reached, do not let us in, or do not behave: which one, why, and what to do is said in bounded
# time with exit status 7, and nothing is begun. Beside its own sshd, alpha has several others on ports of their own,
# each with one thing turned off or gone mad.

load lib

# Ports on alpha. SILENT is stopped and never says a word; nobody listens on CLOSED.
PORT_TCP=2301 PORT_UNIX=2302 PORT_NOSFTP=2303 PORT_ONE=2304 PORT_SPAM=2305 PORT_GREETING=2306 PORT_HANGING=2307
PORT_DENIED=2308 PORT_OTHERKEY=2309 PORT_SILENT=2310 PORT_BANNER=2311 PORT_CLOSED=2399

setup_file() {
	lab_setup_file
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	local dir=$VMMIG_LAB_DIR/hosts/alpha/tmp
	make_guest web --memory 96 --write-ms 0 --no-wait
	ssh-keygen -q -t ed25519 -N '' -f "$dir/other_host_key"
	ssh-keygen -q -t ed25519 -N '' -f "$BATS_FILE_TMPDIR/stranger"
	cp "$VMMIG_LAB_DIR/id_ed25519" "$BATS_FILE_TMPDIR/locked"
	ssh-keygen -q -p -N 'a passphrase' -f "$BATS_FILE_TMPDIR/locked" >/dev/null
	# shellcheck disable=SC2016	# for the shells over there
	{
		sshd $PORT_TCP -o AllowTcpForwarding=no
		sshd $PORT_UNIX -o AllowStreamLocalForwarding=no
		sshd $PORT_NOSFTP -o Subsystem='none /bin/false'
		sshd $PORT_ONE -o MaxSessions=1
		sshd $PORT_SPAM -o ForceCommand='yes "no end of words" | head -c 3000000; exec sh -c "$SSH_ORIGINAL_COMMAND"'
		sshd $PORT_GREETING -o ForceCommand='printf "Welcome to \033[31malpha\n"; exec sh -c "$SSH_ORIGINAL_COMMAND"'
		sshd $PORT_HANGING -o ForceCommand='sleep 1000'
		sshd $PORT_DENIED -o DenyUsers=root
		sshd $PORT_OTHERKEY -o HostKey=/tmp/other_host_key
		sshd $PORT_SILENT
		sshd $PORT_BANNER -o Banner=/proc/cpuinfo
	}
	on alpha sh -c 'kill -STOP "$(cat "/run/sshd-$1.pid")"' sh $PORT_SILENT
	ADDRESS=$(awk '$2 == "alpha" { print $1 }' "$VMMIG_LAB_DIR/hosts.txt")
	export ADDRESS
	cat "$VMMIG_LAB_DIR/known_hosts" >"$BATS_FILE_TMPDIR/known_hosts"
	for port in {2301..2311} $PORT_CLOSED; do
		sed -n "s/^alpha,[^ ]*/[$ADDRESS]:$port/p" "$VMMIG_LAB_DIR/known_hosts" >>"$BATS_FILE_TMPDIR/known_hosts"
	done
}

# sshd PORT OPTION…
sshd() {
	local port=$1 key=/etc/ssh/ssh_host_ed25519_key
	shift
	[[ $* != *HostKey* ]] || key=
	on alpha /usr/sbin/sshd -f /dev/null "$@" -p "$port" ${key:+-o HostKey="$key"} -o PidFile="/run/sshd-$port.pid" \
		-o UsePAM=no -o UseDNS=no -o PermitRootLogin=prohibit-password -o MaxStartups=100 -E /dev/null </dev/null
}

teardown_file() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	# shellcheck disable=SC2016
	on alpha sh -c 'for f in /run/sshd-23*.pid; do kill -CONT "$(cat "$f")"; kill "$(cat "$f")"; rm "$f"; done'
	rm -f "$VMMIG_LAB_DIR"/hosts/alpha/tmp/other_host_key*
	ip neigh flush to "${ADDRESS%.*}.99" nud permanent || true
	remove_guests
}

setup() {
	lab_setup
	cp "$BATS_FILE_TMPDIR"/uuid.* "$BATS_TEST_TMPDIR"/
	KEYS=$BATS_FILE_TMPDIR
	LIMIT_MS=8000	# for connect_timeout_s = 2: each step of a connection has that long
	alpha_is
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED:-}" ] || diagnose
	mend
	rm -rf -- "${XDG_RUNTIME_DIR:?}"
}

# host NAME ADDRESS [KEYS]: a host of the configuration; KEYS ('port = 5; user = "x";') count before the usual ones.
host() {
	local key
	printf '{ name = "%s"; address = "%s"; %s' "$1" "$2" "${3:-}"
	for key in 'port = 22;' 'user = "root";' "identity = \"$VMMIG_LAB_DIR/id_ed25519\";" \
			"known_hosts = \"$KEYS/known_hosts\";"; do
		[[ " ${3:-}" == *" ${key%% *} = "* ]] || printf ' %s' "$key"
	done
	printf ' }'
}

# alpha_is [KEYS [ADDRESS]]: the configuration has an alpha like that, and an ordinary beta.
alpha_is() {
	printf 'hosts = ( %s,\n%s );\nssh = { connect_timeout_s = 2; command_timeout_s = 6; keepalive_s = 1; };
		journal = { path = "%s"; };\n' "$(host alpha "${2:-$ADDRESS}" "${1:-}")" \
		"$(host beta "${ADDRESS%.*}.2")" "$JOURNAL" >"$VMMIG_CONF"
}

assert_clean() {
	! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' <<<"$output$stderr" || { show 2>&1 | cat -v >&2; return 1; }
}

# unreachable ID WORDS…: live ends with 7 for that reason, in time, and says so in words and as JSON, with a hint.
unreachable() {
	local id=$1 begun word
	shift
	begun=$(now_ms)
	run_vmmig live web --from alpha --to beta
	[ $(($(now_ms) - begun)) -lt "$LIMIT_MS" ] || { show; echo "that took $(($(now_ms) - begun)) ms" >&2; return 1; }
	assert_exit 7
	[[ $stderr == *"vmmig: $id: "*"source alpha: "* ]] || { show; echo "no $id" >&2; return 1; }
	for word in "$@" "hint: "; do assert_says "$word"; done
	assert_clean
	run --separate-stderr vmmig --json check live web --from alpha --to beta
	assert_exit 7
	jq -es "last | .exit == 7 and .error.id == \"$id\" and (.error.hint | length > 0)" <<<"$output" >/dev/null ||
		{ show; return 1; }
	untouched
}

untouched() {
	[ "$(where web)" = alpha ]
	has_state alpha web 'running*'
	[ "$(state_of beta web)" = absent ]
	assert_nothing_left
}

@test "the host is cut off" {
	fault link alpha down
	run_vmmig live web --from alpha --to beta
	assert_exit 7
	[[ $stderr =~ E-(TIMEOUT|CONNECT):\ .*alpha ]]
	assert_says "$ADDRESS"
	assert_says "hint: "
	fault link alpha up
	untouched
}

@test "nobody listens on the port" {
	alpha_is "port = $PORT_CLOSED;"
	unreachable E-CONNECT "$ADDRESS" $PORT_CLOSED "refused"
}

@test "an address from which nothing comes back" {
	# a neighbour that is none swallows every packet
	local device
	device=$(ip -o -4 addr show to "${ADDRESS%.*}.254" | awk '{ print $2 }')
	ip neigh replace "${ADDRESS%.*}.99" lladdr 02:00:00:00:00:99 dev "$device" nud permanent
	alpha_is "" "${ADDRESS%.*}.99"
	unreachable E-TIMEOUT "${ADDRESS%.*}.99" "2 s"
	ip neigh del "${ADDRESS%.*}.99" dev "$device"
}

@test "an address that no name server knows, and one that is none" {
	alpha_is "" "no-such-host.invalid"
	LIMIT_MS=20000 unreachable E-RESOLVE "no-such-host.invalid"
}

@test "sshd accepts and then says nothing" {
	alpha_is "port = $PORT_SILENT;"
	unreachable E-TIMEOUT "$ADDRESS" "2 s"
}

@test "something else than sshd listens" {
	alpha_is "port = $PORT_CLOSED;"
	on alpha timeout 20 python3 -c '
import socket, sys
s = socket.create_server(("", int(sys.argv[1])))
while True:
    c = s.accept()[0]
    c.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n\033[31mno\r\n")
    c.close()' $PORT_CLOSED </dev/null >/dev/null 2>&1 3>&- &
	wait_until 5 eval 'on alpha ss -ltn | grep -q :2399'
	run_vmmig live web --from alpha --to beta
	on alpha pkill -f create_server
	assert_exit 7
	[[ $stderr == *"vmmig: E-CONNECT: "*"source alpha: "* ]]
	assert_clean
	untouched
}

@test "a key the host does not know" {
	alpha_is "identity = \"$KEYS/stranger\";"
	unreachable E-AUTH '"root"' "$KEYS/stranger"
}

@test "a key that is not there, is a directory, or no key" {
	alpha_is "identity = \"$KEYS/nope\";"
	unreachable E-AUTH "$KEYS/nope" "cannot be read"
	alpha_is "identity = \"$KEYS\";"
	unreachable E-AUTH "$KEYS"
	head -c 300 /dev/urandom >"$BATS_TEST_TMPDIR/garbage"
	alpha_is "identity = \"$BATS_TEST_TMPDIR/garbage\";"
	unreachable E-AUTH "$BATS_TEST_TMPDIR/garbage"
	assert_silent_on "is refused with the key"
}

@test "a key that may not be read" {
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	chmod 644 "$VMMIG_CONF" "$KEYS/known_hosts"
	sed -i "s|$JOURNAL|/tmp/vmmig-nobody-$$.db|" "$VMMIG_CONF"
	XDG_RUNTIME_DIR=/tmp VMMIG_WRAP="setpriv --reuid=65534 --regid=65534 --clear-groups" \
		run_vmmig live web --from alpha --to beta
	rm -f "/tmp/vmmig-nobody-$$.db"*
	assert_exit 7
	assert_says "E-AUTH"
	assert_says "id_ed25519\" cannot be read"
	assert_says "hint: "
}

@test "a key behind a passphrase" {
	alpha_is "identity = \"$KEYS/locked\";"
	unreachable E-AUTH "$KEYS/locked" "passphrase"
	# the host has not refused it: nobody could offer it
	assert_silent_on "is refused with the key"
}

@test "a user who is not there, or not let in" {
	alpha_is 'user = "nobody-there";'
	unreachable E-AUTH '"nobody-there"'
	alpha_is "port = $PORT_DENIED;"
	unreachable E-AUTH '"root"'
}

@test "a host key that has changed" {
	alpha_is "port = $PORT_OTHERKEY;"
	unreachable E-HOSTKEY-CHANGED "$ADDRESS" "SHA256:" "ssh-keygen"
}

@test "a host key nobody knows" {
	: >"$BATS_TEST_TMPDIR/empty"
	alpha_is "known_hosts = \"$BATS_TEST_TMPDIR/empty\";"
	unreachable E-HOSTKEY-UNKNOWN "$ADDRESS" "$BATS_TEST_TMPDIR/empty" "SHA256:"
	alpha_is "known_hosts = \"$BATS_TEST_TMPDIR/nope\";"
	unreachable E-HOSTKEY-UNKNOWN "$BATS_TEST_TMPDIR/nope"
	[ ! -s "$BATS_TEST_TMPDIR/empty" ] && [ ! -e "$BATS_TEST_TMPDIR/nope" ]
}

@test "libvirtd does not run" {
	fault kill alpha libvirtd
	unreachable_here E-LIBVIRT-CONNECT
	# the others are listed all the same
	run_json list
	assert_exit 7
	json 'any(.event == "error" and .error.id == "E-LIBVIRT-CONNECT")'
	fault start alpha libvirtd
	untouched
}

# The same as unreachable, while the host cannot be asked what it has.
unreachable_here() {
	local begun
	begun=$(now_ms)
	run_vmmig live web --from alpha --to beta
	[ $(($(now_ms) - begun)) -lt "$LIMIT_MS" ] || { show; echo "that took $(($(now_ms) - begun)) ms" >&2; return 1; }
	assert_exit 7
	assert_says "$1"
	assert_says "source alpha"
	assert_says "hint: "
}

@test "libvirtd hangs" {
	fault kill alpha libvirtd -STOP
	unreachable_here E-LIBVIRT-CONNECT
	fault kill alpha libvirtd -CONT
	untouched
}

@test "libvirtd hangs in the middle of the checks" {
	start_vmmig hang --json check live web --from alpha --to beta
	wait_until 20 eval 'compgen -G "$VMMIG_LAB_DIR/data/gluster/.vmmig-token-*" || ended hang'
	fault kill alpha libvirtd -STOP
	finish hang 40
	fault kill alpha libvirtd -CONT
	# either it was through with libvirt by then, or it says that it cannot tell
	[ "$status" = 0 ] || [ "$status" = 3 ] || [ "$status" = 7 ] || { show; return 1; }
	untouched
}

@test "both hosts fail: both errors are said" {
	printf 'hosts = ( %s,\n%s );\nssh = { connect_timeout_s = 2; };\njournal = { path = "%s"; };\n' \
		"$(host alpha "$ADDRESS" "port = $PORT_CLOSED;")" "$(host beta "${ADDRESS%.*}.2" 'user = "nobody-there";')" \
		"$JOURNAL" >"$VMMIG_CONF"
	run_vmmig live web --from alpha --to beta
	assert_exit 7
	[[ $stderr == *"E-CONNECT: source alpha"* && $stderr == *"E-AUTH: destination beta"* ]] || { show; return 1; }
	run --separate-stderr vmmig --json live web --from alpha --to beta
	assert_exit 7
	jq -es '[.[] | select(.event == "error") | .error.id] | sort == ["E-AUTH", "E-CONNECT"]' <<<"$output" ||
		{ show; return 1; }
	run_vmmig list
	assert_exit 7
	[[ $stderr == *E-CONNECT*alpha* && $stderr == *E-AUTH*beta* ]]
	untouched
}

@test "a host that is only looked on may be silent" {
	printf 'hosts = ( %s,\n%s,\n%s );\nssh = { connect_timeout_s = 2; };\njournal = { path = "%s"; };\n' \
		"$(host alpha "$ADDRESS")" "$(host beta "${ADDRESS%.*}.2")" "$(host gone "$ADDRESS" "port = $PORT_CLOSED;")" \
		"$JOURNAL" >"$VMMIG_CONF"
	run_vmmig check live web --to beta
	assert_exit 0
	assert_says E-CONNECT
	assert_says gone
	# but a guest nobody knows may be there
	run_vmmig check live other --to beta
	assert_exit 7
	assert_says "gone"
	run_vmmig list
	assert_exit 7
	assert_says web
}

@test "sshd forwards neither ports nor sockets: another way is found" {
	local port
	for port in $PORT_TCP $PORT_UNIX; do
		alpha_is "port = $port;"
		run_json check live web --from alpha --to beta
		assert_exit 0
		json 'all(.event != "check" or .id != "E-MIGRATION-PORT")'
		assert_nothing_left
	done
	untouched
}

@test "sshd has no SFTP" {
	alpha_is "port = $PORT_NOSFTP;"
	run_json check live web --from alpha --to beta
	assert_exit 0
	run_json live web --from alpha --to beta --dry-run
	assert_exit 0
	untouched
}

@test "sshd allows one session only" {
	alpha_is "port = $PORT_ONE;"
	run_json check live web --from alpha --to beta
	# it may do with one, or say that it cannot; it does not break the connection
	if [ "$status" != 0 ]; then
		assert_exit 3
		json 'any(.event == "check" and .refuses and .host == "alpha" and .status == "unknown")'
	fi
	assert_silent_on DISCONNECT
	run_json live web --from alpha --to beta --dry-run
	[ "$status" = 0 ] || [ "$status" = 3 ] || [ "$status" = 1 ] || { show; return 1; }
	assert_silent_on DISCONNECT
	untouched
}

@test "a long banner before the login" {
	alpha_is "port = $PORT_BANNER;"
	run_json check live web --from alpha --to beta
	assert_exit 0
	untouched
}

@test "a login shell that greets, spams or hangs" {
	local port begun
	for port in $PORT_GREETING $PORT_SPAM $PORT_HANGING; do
		alpha_is "port = $port;"
		begun=$(now_ms)
		run_json check live web --from alpha --to beta
		[ $(($(now_ms) - begun)) -lt 60000 ] || { echo "port $port: that took $(($(now_ms) - begun)) ms" >&2; return 1; }
		# what can be told is told, what cannot is unknown: never a "no", never a pass without a proof
		if [ "$status" != 0 ]; then
			assert_exit 3
			json 'all(.event != "check" or .id[0:2] == "W-" or .status == "unknown")'
		fi
		assert_clean
		[ "$port" != $PORT_HANGING ] || assert_exit 3
		untouched
	done
}

@test "a host by its address" {
	# what is not in the configuration is reached as ssh would: with the user's own keys and known_hosts
	local ssh=$BATS_TEST_TMPDIR/root port
	mkdir -p "$ssh/.ssh"
	cp "$VMMIG_LAB_DIR/id_ed25519" "$KEYS/known_hosts" "$ssh/.ssh/"
	printf 'Host lab-alpha\n\tHostName %s\n\tUser root\n\tPort %s\nHost *\n\tPasswordAuthentication no\n' \
		"$ADDRESS" $PORT_NOSFTP >"$ssh/.ssh/config"
	cat >"$BATS_TEST_TMPDIR/as" <<-END
		#!/bin/sh
		mount --bind "$ssh" /root && exec "\$@"
	END
	chmod 755 "$BATS_TEST_TMPDIR/as"
	export VMMIG_WRAP="unshare -m $BATS_TEST_TMPDIR/as"
	for name in "$ADDRESS" "root@$ADDRESS" "root@$ADDRESS:22" "root@[$ADDRESS]:22" "[$ADDRESS]" "root@lab-alpha" \
			"$ADDRESS:$PORT_TCP"; do
		run_json list "$name"
		assert_exit 0
		json "any(.event == \"guest\" and .guest == \"web\" and .host == \"$name\")"
	done
	# a bare word is an alias only where no names are configured: otherwise it is a slip
	run_vmmig list lab-alpha
	assert_exit 2
	assert_says E-HOST-UNKNOWN
	assert_says "hint: "
	printf 'journal = { path = "%s"; };\n' "$JOURNAL" >"$VMMIG_CONF"
	run_json list lab-alpha
	assert_exit 0
	json 'any(.guest == "web")'
	run_json check live web --from lab-alpha --to "root@${ADDRESS%.*}.2"
	assert_exit 0
	untouched
}

@test "IPv6 addresses are taken apart rightly" {
	local name
	for name in '[::1]:2399' 'root@[::1]:2399'; do
		run_vmmig list "$name"
		assert_exit 7
		assert_says "E-CONNECT"
		assert_says "::1 port 2399"
		assert_silent_on "E-RESOLVE"
	done
	for name in '::1:2:3:4:5:6:7:8:9' '[::1' '[::1]x' '[]:22' '[::1]:0' 'root@::1/64'; do
		run_vmmig list "$name"
		[ "$status" = 2 ] || [ "$status" = 7 ] || { show; return 1; }
		[[ $stderr == "vmmig: E-"* ]]
	done
	# with sshd of alpha, where it has IPv6
	on alpha sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip -6 addr add fd77::1/64 dev eth0 nodad' \
		2>/dev/null || skip "no IPv6"
	local device
	device=$(ip -o -4 addr show to "${ADDRESS%.*}.254" | awk '{ print $2 }')
	ip -6 addr add fd77::254/64 dev "$device" nodad || skip "no IPv6"
	sed -n 's/^alpha,[^ ]*/fd77::1/p' "$VMMIG_LAB_DIR/known_hosts" >"$BATS_TEST_TMPDIR/known"
	alpha_is "known_hosts = \"$BATS_TEST_TMPDIR/known\";" fd77::1
	run_json list alpha
	ip -6 addr del fd77::254/64 dev "$device"
	on alpha ip -6 addr del fd77::1/64 dev eth0
	assert_exit 0
	json 'any(.guest == "web")'
}

#!/usr/bin/env bats
# The checks on real hosts: what is made wrong is found, with both values, by `vmmig check live`, and `vmmig live`
# refuses for the same reasons; neither changes anything. One guest, that would move, serves all.

load lib

GLUSTER=/srv/vmmig-lab/gluster

setup_file() {
	lab_setup_file
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	BETA=$(awk '$2 == "beta" { print $1 }' "$VMMIG_LAB_DIR/hosts.txt")
	export BETA
	cp "$VMMIG_LAB_DIR/hosts/beta/etc/libvirt/libvirtd.conf" "$BATS_FILE_TMPDIR/libvirtd.conf"
	# brtest is a bridge on both, labnet a libvirt network on it, medium.iso a file of the same size on both
	for host in alpha beta; do
		on $host ip link add brtest type bridge
		on $host ip link set brtest up
		on $host truncate -s 1M /mnt/medium.iso
		define_net $host
		on $host virsh -q net-start labnet
	done
	# Two hosts that are both told to start it would be the first finding, so it is made by hand.
	lab guest web --xml --network brtest --cdrom /mnt/medium.iso --memory 96 |
		sed "s|  <controller|<interface type='network'><source network='labnet'/></interface>&|" >"$(xml_file web)"
	on alpha qemu-img create -q -f qcow2 $GLUSTER/web.qcow2 16M
	start_xml web
}

teardown_file() {
	local host
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	remove_guests
	for host in alpha beta; do
		on $host virsh -q net-destroy labnet || true
		on $host virsh -q net-undefine labnet || true
		on $host ip link del brtest || true
		on $host rm -f /mnt/medium.iso
	done
	on alpha sh -c "rm -rf $GLUSTER/web* $GLUSTER/bad* /srv/vmmig-lab/bind/bad*"
	rm -f "$VMMIG_LAB_DIR"/common/guests/{web,bad,other}.xml
}

setup() {
	lab_setup
	world >"$BATS_TEST_TMPDIR/before"
}

teardown() {
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then
		diagnose
		repair
	fi
	mend
	rm -rf -- "${XDG_RUNTIME_DIR:?}"
}

# repair: everything as setup_file left it, after a test that did not come to its end.
repair() {
	local host guest
	for host in alpha beta; do
		on $host iptables -F
		on $host test -d /sys/class/net/brtest/bridge || {
			on $host ip link del brtest || true
			on $host ip link add brtest type bridge
		}
		on $host ip link set brtest up mtu 1500
		on $host ip addr flush dev eth0 scope global secondary
		on $host truncate -s 1M /mnt/medium.iso
		cp "$VMMIG_LAB_DIR/hosts.txt" "$BATS_TEST_TMPDIR/hosts.txt"
		cat "$BATS_TEST_TMPDIR/hosts.txt" >"$VMMIG_LAB_DIR/hosts/$host/etc/hosts"
		for guest in bad other web; do
			[ $host/$guest = alpha/web ] && continue
			on $host virsh -q destroy $guest || true
			on $host virsh -q undefine $guest || true
		done
		on $host virsh -q net-list --all --name | grep -qx labnet || define_net $host
		on $host virsh -q net-list --name | grep -qx labnet || on $host virsh -q net-start labnet
	done
	on alpha virsh -q snapshot-delete web "before upgrade" || true
	on alpha virsh -q blockjob web vda --abort || true
	on alpha umount /mnt/small || true
	on beta umount $GLUSTER/web.qcow2 || true
	on beta sh -c "mountpoint -q $GLUSTER && [ \$(grep -c ' $GLUSTER ' /proc/mounts) -gt 1 ] && umount $GLUSTER" || true
	cmp -s "$BATS_FILE_TMPDIR/libvirtd.conf" "$VMMIG_LAB_DIR/hosts/beta/etc/libvirt/libvirtd.conf" || {
		cat "$BATS_FILE_TMPDIR/libvirtd.conf" >"$VMMIG_LAB_DIR/hosts/beta/etc/libvirt/libvirtd.conf"
		fault kill beta libvirtd
		fault start beta libvirtd
	}
	on beta rm -f /etc/libvirt/qemu/autostart/web.xml
	on beta sh -c '[ ! -e /root/.bashrc.was ] || mv /root/.bashrc.was /root/.bashrc'
} >/dev/null 2>&1

# --- helpers -------------------------------------------------------------

xml_file() { echo "$VMMIG_LAB_DIR/common/guests/$1.xml"; }

# start_xml NAME: a paused guest, defined on alpha, that a check takes as it would a running one.
start_xml() {
	on alpha virsh -q define "/srv/vmmig-lab/common/guests/$1.xml"
	on alpha virsh -q start --paused "$1"
}

define_net() {
	echo "<network><name>labnet</name><forward mode='bridge'/><bridge name='brtest'/></network>" |
		on "$1" sh -c 'cat >/tmp/net.xml; virsh -q net-define /tmp/net.xml; rm /tmp/net.xml'
}

# world: what no check may change.
world() {
	local host uuid
	for host in alpha beta; do
		echo "== $host"
		for uuid in $(on_virsh $host list --all --uuid | sort); do
			on_virsh $host "domstate --reason $uuid; dumpxml $uuid; dumpxml --inactive $uuid" 2>&1
		done
		find "$VMMIG_LAB_DIR/hosts/$host"/{tmp,vartmp,root,mnt,lib/images,etc/libvirt/qemu,run} -maxdepth 2 \
			! -path '*/run/libvirt*' ! -path '*/glusterfs*'
	done
	find "$VMMIG_LAB_DIR/data/" ! -path '*/.glusterfs/*'
	leavings
}

untouched() {
	assert_nothing_left
	diff "${1:-$BATS_TEST_TMPDIR/before}" <(world) >&2
}

# ids: of all findings of the last run that refuse, in order.
ids() { events check 'select(.refuses) | .id' | sort | xargs; }

# refuses GUEST 'ID…' WORDS…: check and live both refuse for exactly these reasons, and say the words (the values
# that disagree); the first finding is the error.
refuses() {
	local guest=$1 want word
	want=$(xargs -n 1 <<<"$2" | sort | xargs)
	shift 2
	world >"$BATS_TEST_TMPDIR/now"
	for mode in check live; do
		if [ $mode = check ]; then run_json check live "$guest" --from alpha --to beta
		else run_json live "$guest" --from alpha --to beta; fi
		assert_exit 3
		[ "$(ids)" = "$want" ] || { show; echo "$mode refuses for: $(ids), not: $want" >&2; return 1; }
		json 'all(.event != "check" or
			((.host != null or .side == "host") and (.object | length > 0) and (.hint | length > 0)))'
		json 'last | (.event == "result" and .exit == 3 and (.error.message | length > 0) and (.error.hint | length > 0))'
		[[ " $want " == *" $(result .error.id) "* ]] || { show; return 1; }
		for word in "$@"; do
			events check 'select(.refuses) | .object + ": " + .message' | grep -qF -- "$word" ||
				{ show; echo "no finding says: $word" >&2; return 1; }
		done
	done
	untouched "$BATS_TEST_TMPDIR/now"
}

# --- the tests -----------------------------------------------------------

@test "nothing wrong: nothing refuses" {
	run_json check live web --from alpha --to beta
	assert_exit 0
	[ -z "$(ids)" ]
	[ "$(result .status)" = none ]
	json 'last.dry_run'
	run_vmmig check live web --from alpha --to beta
	assert_exit 0
	assert_says "nothing refuses"
	run_json live web --from alpha --to beta --dry-run
	assert_exit 0
	untouched
}

@test "a bridge that is missing at the destination, and all that hangs on it" {
	on beta ip link del brtest
	refuses web E-BRIDGE "bridge brtest: does not exist"
	run_vmmig check live web --from alpha --to beta
	assert_exit 3
	assert_says "E-BRIDGE"
	assert_says "destination beta: bridge brtest"
	assert_says "hint: make it on beta"
	on beta ip link add brtest type bridge
	refuses web E-BRIDGE "is down"
	on beta ip link set brtest up
	untouched
}

@test "a device of that name which is no bridge" {
	on beta ip link del brtest
	on beta ip tuntap add dev brtest mode tap
	on beta ip link set brtest up
	refuses web E-BRIDGE "not a bridge"
	on beta ip link del brtest
	on beta ip link add brtest type bridge
	on beta ip link set brtest up
}

@test "a smaller MTU is a warning" {
	on beta ip link set brtest mtu 1400
	run_json check live web --from alpha --to beta
	on beta ip link set brtest mtu 1500
	assert_exit 0
	json 'any(.event == "check" and .id == "W-MTU" and .status == "warning" and
		(.message | contains("1400") and contains("1500")))'
}

@test "a libvirt network that is not active, or not defined" {
	on beta virsh -q net-destroy labnet
	refuses web E-NETWORK "network labnet: is not active"
	on beta virsh -q net-undefine labnet
	refuses web E-NETWORK "network labnet: is not defined"
	define_net beta
	on beta virsh -q net-start labnet
}

@test "a medium that is missing, or has another size" {
	on beta rm /mnt/medium.iso
	refuses web E-CDROM "disk hda: /mnt/medium.iso: the image is not there"
	on beta truncate -s 2M /mnt/medium.iso
	refuses web E-CDROM 2097152 1048576
	on beta truncate -s 1M /mnt/medium.iso
	untouched
}

@test "all faults come out in one pass" {
	on beta ip link set brtest down
	on beta virsh -q net-destroy labnet
	on beta rm /mnt/medium.iso
	on alpha iptables -I OUTPUT -d "$BETA" -p tcp --dport 49152:49215 -j REJECT --reject-with tcp-reset
	refuses web "E-BRIDGE E-CDROM E-MIGRATION-PORT E-NETWORK"
	# skipping some of them does not hide the others
	run_json check live web --from alpha --to beta --skip-check E-BRIDGE --skip-check E-CDROM
	assert_exit 3
	[ "$(ids)" = "E-MIGRATION-PORT E-NETWORK" ]
	json '[.[] | select(.event == "check" and .status == "skipped" and (.refuses | not)) | .id] |
		sort == ["E-BRIDGE", "E-CDROM"]'
	on alpha iptables -D OUTPUT -d "$BETA" -p tcp --dport 49152:49215 -j REJECT --reject-with tcp-reset
	on beta ip link set brtest up
	on beta virsh -q net-start labnet
	on beta truncate -s 1M /mnt/medium.iso
}

@test "a check that is skipped lets pass, and says so" {
	on beta truncate -s 2M /mnt/medium.iso
	run_vmmig check live web --from alpha --to beta --skip-check E-CDROM
	assert_exit 0
	assert_says "E-CDROM"
	assert_says "skipped"
	run_json live web --from alpha --to beta --dry-run --skip-check E-CDROM --skip-check E-BRIDGE
	on beta truncate -s 1M /mnt/medium.iso
	assert_exit 0
	json 'any(.event == "check" and .id == "E-CDROM" and .status == "skipped")'
	untouched
}

@test "the name is taken at the destination" {
	lab guest other --xml --storage none --memory 96 | sed 's|<name>other|<name>web|' >"$(xml_file other)"
	on beta virsh -q define /srv/vmmig-lab/common/guests/other.xml
	refuses web E-NAME-TAKEN "domain web" "name" "shut off"
	on beta virsh -q start --paused web
	refuses web E-NAME-TAKEN "domain web" "name" "paused"
	# without --from it is not to be told which one is meant
	run_json live web --to beta
	assert_exit 2
	[ "$(result .error.id)" = E-GUEST-AMBIGUOUS ]
	[[ $(result .error.message) == *alpha*beta* || $(result .error.message) == *beta*alpha* ]]
	on beta virsh -q destroy web
	on beta virsh -q undefine web
}

@test "the UUID is taken at the destination under another name" {
	local uuid
	uuid=$(on_virsh alpha domuuid web | xargs)
	lab guest other --xml --storage none --memory 96 | sed "s|<name>other</name>|&<uuid>$uuid</uuid>|" >"$(xml_file other)"
	on beta virsh -q define /srv/vmmig-lab/common/guests/other.xml
	refuses web E-NAME-TAKEN "UUID" "other"
	on beta virsh -q undefine other
}

@test "an autostart link that leads nowhere" {
	on beta mkdir -p /etc/libvirt/qemu/autostart
	on beta ln -s /etc/libvirt/qemu/web.xml /etc/libvirt/qemu/autostart/web.xml
	refuses web E-AUTOSTART-BOTH "autostart link"
	on beta rm /etc/libvirt/qemu/autostart/web.xml
}

@test "a snapshot" {
	on alpha virsh -q snapshot-create-as web "before upgrade"
	refuses web E-SNAPSHOTS "before upgrade" "has 1"
	on alpha virsh -q snapshot-delete web "before upgrade"
	untouched
}

@test "a block job" {
	on alpha virsh -q blockcopy web vda $GLUSTER/web-copy.qcow2 --transient-job --bandwidth 1
	refuses web E-BLOCK-JOB "disk vda"
	on alpha virsh -q blockjob web vda --abort
	on alpha rm -f $GLUSTER/web-copy.qcow2
	untouched
}

@test "migration ports that are refused, or swallowed" {
	on alpha iptables -I OUTPUT -d "$BETA" -p tcp --dport 49152:49215 -j REJECT --reject-with tcp-reset
	refuses web E-MIGRATION-PORT "$BETA" "refused"
	on alpha iptables -F OUTPUT
	on beta iptables -I INPUT -p tcp --dport 49152:49215 -j DROP
	local begun
	begun=$(now_ms)
	run_json check live web --from alpha --to beta
	on beta iptables -F INPUT
	assert_exit 3
	[ "$(ids)" = E-MIGRATION-PORT ]
	[ $(($(now_ms) - begun)) -lt 30000 ]
	events check .message | grep -F "$BETA"
	untouched
}

@test "a destination whose name leads the source to itself" {
	local hosts=$VMMIG_LAB_DIR/hosts/alpha/etc/hosts was
	was=$(cat "$hosts")
	sed "s/^[0-9.]* beta$/127.0.1.1 beta/" <<<"$was" >"$hosts"
	# the address by which vmmig reaches it is tried instead, and works
	run_json live web --from alpha --to beta --dry-run
	assert_exit 0
	json "any(.event == \"note\" and (.text | contains(\"tcp://$BETA\")))"
	on alpha iptables -I OUTPUT -d "$BETA" -p tcp --dport 49152:49215 -j REJECT --reject-with tcp-reset
	refuses web "E-HOST-NAME E-MIGRATION-PORT" "127.0.1.1" "$BETA"
	on alpha iptables -F OUTPUT
	sed "/ beta$/d" <<<"$was" >"$hosts"
	run_json live web --from alpha --to beta --dry-run
	echo "$was" >"$hosts"
	assert_exit 0
	json "any(.event == \"note\" and (.text | contains(\"tcp://$BETA\")))"
	untouched
}

@test "a second address is tried when the first one refuses" {
	on beta ip addr add "${BETA%.*}.202/24" dev eth0
	local hosts=$VMMIG_LAB_DIR/hosts/alpha/etc/hosts was
	was=$(cat "$hosts")
	sed "s/^[0-9.]* beta$/${BETA%.*}.202 beta/" <<<"$was" >"$hosts"
	on alpha iptables -I OUTPUT -d "${BETA%.*}.202" -p tcp -j REJECT --reject-with tcp-reset
	run_json live web --from alpha --to beta --dry-run
	on alpha iptables -F OUTPUT
	on beta ip addr del "${BETA%.*}.202/24" dev eth0
	echo "$was" >"$hosts"
	assert_exit 0
	json "any(.event == \"note\" and (.text | contains(\"tcp://$BETA\")))"
}

@test "a migrate_address that does not work is not replaced by another" {
	sed -i "s/{ name = \"beta\";/& migrate_address = \"${BETA%.*}.77\";/" "$VMMIG_CONF"
	refuses web E-MIGRATION-PORT "${BETA%.*}.77"
}

@test "libvirt has one host UUID on both" {
	local conf=$VMMIG_LAB_DIR/hosts/beta/etc/libvirt/libvirtd.conf was uuid
	was=$(cat "$conf")
	uuid=$(sed -n 's/^host_uuid = "\(.*\)"/\1/p' "$VMMIG_LAB_DIR/hosts/alpha/etc/libvirt/libvirtd.conf")
	sed "s/^host_uuid = .*/host_uuid = \"$uuid\"/" <<<"$was" >"$conf"
	fault kill beta libvirtd
	fault start beta libvirtd
	refuses web E-HOST-UUID "$uuid"
	echo "$was" >"$conf"
	fault kill beta libvirtd
	fault start beta libvirtd
	wait_until 10 on_virsh beta list
	[ "$(on_virsh beta net-list --name | xargs)" = labnet ] || on beta virsh -q net-start labnet
}

@test "no tools at the destination to listen with" {
	local dir tool
	dir=$(mktemp -d "$VMMIG_LAB_DIR/hosts/beta/mnt/bin.XXXX")
	# its PATH has nothing but what the scripts cannot do without
	for tool in sh bash cat date uname stat awk sed id ls rm sleep readlink timeout ip getent virsh ps kill; do
		ln -s "$(type -P $tool)" "$dir/$tool"
	done
	# shellcheck disable=SC2016	# expanded over there
	on beta sh -c 'cp /root/.bashrc /root/.bashrc.was; echo "PATH=/mnt/${1##*/}" >/root/.bashrc' sh "$dir"
	run_json check live web --from alpha --to beta
	on beta mv /root/.bashrc.was /root/.bashrc
	rm -r "$dir"
	# it cannot be told, and that is said with what is needed and where; it is not passed over
	assert_exit 3
	[ "$(ids)" = E-MIGRATION-PORT ]
	json 'any(.event == "check" and .id == "E-MIGRATION-PORT" and .status == "unknown" and
		(.message | contains("beta") and contains("qemu-nbd")))'
	untouched
}

@test "a disk directory in which the destination may not write" {
	on beta mount --bind $GLUSTER $GLUSTER
	on beta mount -o remount,bind,ro $GLUSTER
	refuses web E-STORAGE-UNPROVEN "disk vda: $GLUSTER/web.qcow2" "read-only"
	on beta umount $GLUSTER
	untouched
}

@test "disks that are not shared, in one pass" {
	# vda: gluster; vdb: the host's own; vdc: an overlay on gluster whose base is the host's own; vdd: shared, but with
	# a cache mode that is not safe where libvirt does not know the file system
	local images=/var/lib/libvirt/images
	on alpha qemu-img create -q -f qcow2 $GLUSTER/bad.qcow2 16M
	on alpha qemu-img create -q -f qcow2 $images/bad-b.qcow2 16M
	on alpha qemu-img create -q -f qcow2 $images/bad-base.qcow2 16M
	on alpha qemu-img create -q -f qcow2 -b $images/bad-base.qcow2 -F qcow2 $GLUSTER/bad-c.qcow2
	on alpha qemu-img create -q -f qcow2 /srv/vmmig-lab/bind/bad-d.qcow2 16M
	disk() {
		echo "<disk type='file'><driver name='qemu' type='qcow2' cache='$3'/><source file='$2'/>" \
			"<target dev='$1' bus='virtio'/></disk>"
	}
	lab guest bad --xml --memory 96 | sed "s|    <controller|$(disk vdb $images/bad-b.qcow2 none)$(disk vdc \
		$GLUSTER/bad-c.qcow2 none)$(disk vdd /srv/vmmig-lab/bind/bad-d.qcow2 writeback)&|" >"$(xml_file bad)"
	start_xml bad
	refuses bad "E-STORAGE-CACHE E-STORAGE-NOT-SHARED E-STORAGE-NOT-SHARED" "disk vdb: $images/bad-b.qcow2" \
		"disk vdc: $images/bad-base.qcow2" "disk vdd: /srv/vmmig-lab/bind/bad-d.qcow2" writeback
	# the same file name at the destination does not make it the same file
	on beta qemu-img create -q -f qcow2 $images/bad-b.qcow2 16M
	on beta qemu-img create -q -f qcow2 $images/bad-base.qcow2 16M
	refuses bad "E-STORAGE-CACHE E-STORAGE-NOT-SHARED E-STORAGE-NOT-SHARED" "another file"
	on beta rm $images/bad-b.qcow2 $images/bad-base.qcow2
	on alpha virsh -q destroy bad
	on alpha virsh -q undefine bad
}

@test "a disk that another one lies over at the destination" {
	# the same path on both hosts, but a file mounted over it there
	on beta qemu-img create -q -f qcow2 /mnt/over.qcow2 16M
	on beta mount --bind /mnt/over.qcow2 $GLUSTER/web.qcow2
	refuses web E-STORAGE-UNPROVEN "disk vda: $GLUSTER/web.qcow2" "another file system"
	on beta umount $GLUSTER/web.qcow2
	on beta rm /mnt/over.qcow2
	untouched
}

@test "more memory than the destination has" {
	local mib
	mib=$(awk '/^MemTotal/ { print int($2 / 1024) - 64 }' /proc/meminfo)
	lab guest bad --xml --storage none --memory 96 | sed "s|<memory unit='MiB'>96|<memory unit='MiB'>$mib|" \
		>"$(xml_file bad)"
	on alpha virsh -q define /srv/vmmig-lab/common/guests/bad.xml
	if ! on alpha virsh -q start --paused bad; then
		on alpha virsh -q undefine bad
		skip "this machine does not start so large a guest"
	fi
	refuses bad E-MEMORY "GiB" "available"
	on alpha virsh -q destroy bad
	on alpha virsh -q undefine bad
}

@test "a device of the host, a file system of the host, a user network" {
	lab guest bad --xml --storage none --memory 96 | sed "s|    <controller|<interface type='user'/>\
<filesystem type='mount'><source dir='/mnt'/><target dir='x'/></filesystem>&|" >"$(xml_file bad)"
	start_xml bad
	refuses bad E-DEVICE "/mnt"
	json 'any(.event == "check" and .id == "W-USER-NETWORK" and (.refuses | not))'
	on alpha virsh -q destroy bad
	on alpha virsh -q undefine bad
}

@test "a guest that an I/O error has paused" {
	on alpha mkdir -p /mnt/small
	on alpha mount -t tmpfs -o size=450k tmpfs /mnt/small
	on alpha qemu-img create -q -f qcow2 /mnt/small/d.qcow2 16M
	on alpha sh -c 'cat /dev/zero >/mnt/small/fill' || true
	lab guest bad --xml --memory 96 --cache writeback | sed "s|file='[^']*bad.qcow2'|file='/mnt/small/d.qcow2'|;
		s|cache='writeback'|& error_policy='stop'|" >"$(xml_file bad)"
	on alpha virsh -q define /srv/vmmig-lab/common/guests/bad.xml
	on alpha virsh -q start bad
	wait_until 40 has_state alpha bad 'paused (I/O*'
	run_json check live bad --from alpha --to beta
	assert_exit 3
	[[ $(ids) == E-GUEST-IOERROR* ]]
	on alpha virsh -q destroy bad
	on alpha virsh -q undefine bad
	on alpha umount /mnt/small
}

@test "a check that is killed leaves no token" {
	local round pid
	for round in 1 2 3; do
		start_vmmig killed check live web --from alpha --to beta
		pid=$(background_pid killed)
		# as soon as there is a token, or else at its end
		until compgen -G "$VMMIG_LAB_DIR/data/gluster/.vmmig-token-*" >/dev/null || ended killed; do :; done
		kill -KILL "$pid" 2>/dev/null || true
		finish killed 10
		wait_until 15 eval '! compgen -G "$VMMIG_LAB_DIR/data/gluster/.vmmig-token-*"'
	done
	rm -rf -- "${XDG_RUNTIME_DIR:?}"/*	# the private socket of one that was killed: nobody is there to remove it
	untouched
}

@test "a signal ends a check" {
	on beta iptables -I INPUT -p tcp --dport 49152:49215 -j DROP
	start_vmmig int --json check live web --from alpha --to beta
	wait_until 10 eval '[ "$(processes beta "qemu-nbd|vmmig" | wc -l)" != 0 ] || ended int'
	kill -INT "$(background_pid int)"
	finish int 10
	on beta iptables -F INPUT
	assert_exit 5
	[ "$(result .error.id)" = E-CANCELLED ]
	untouched
}

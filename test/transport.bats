#!/usr/bin/env bats
# The way of memory and disks: TLS with certificates made here, sockets through SSH, parallel connections; what is
# refused, and what is left when it breaks.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

PKI=/etc/libvirt/pki

setup_file() {
	lab_setup_file
	export CA_DIR=$BATS_FILE_TMPDIR
	make_ca ca
	for host in alpha beta; do
		on $host cp /etc/libvirt/qemu.conf /etc/libvirt/qemu.conf.was
		on $host mkdir -p $PKI
		# what would not be encrypted is refused by libvirt itself
		on $host sh -c "printf 'migrate_tls_x509_cert_dir = \"%s\"\n' $PKI >>/etc/libvirt/qemu.conf"
		good_certs $host
		restart_libvirtd $host
	done
}

teardown_file() {
	for host in alpha beta; do
		on $host mv /etc/libvirt/qemu.conf.was /etc/libvirt/qemu.conf
		on $host rm -rf $PKI
		restart_libvirtd $host
	done
}

restart_libvirtd() { lab fault kill "$1" libvirtd && lab fault start "$1" libvirtd; }

# make_ca NAME [DAYS]
make_ca() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$CA_DIR/$1.key" -out "$CA_DIR/$1.pem" -days "${2:-30}" \
		-subj "/CN=lab $1" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
		2>/dev/null
}

# cert HOST server|client NAMES [CA [DAYS]]: a key and a certificate for them, where libvirt there looks.
cert() {
	local dir=$VMMIG_LAB_DIR/hosts/$1$PKI ca=$CA_DIR/${4:-ca}
	openssl req -newkey rsa:2048 -nodes -keyout "$dir/$2-key.pem" -out "$CA_DIR/csr" -subj "/CN=$1" 2>/dev/null
	openssl x509 -req -in "$CA_DIR/csr" -CA "$ca.pem" -CAkey "$ca.key" -CAcreateserial -days "${5:-30}" \
		-out "$dir/$2-cert.pem" -extfile <(
			printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\n' "$3"
			printf 'keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=%sAuth\n' "$2"
		) 2>/dev/null
}

address() { on "$1" hostname -I | tr ' ' '\n' | grep -F "${VMMIG_LAB_NET%.*}." | head -n 1; }

good_certs() {
	cp "$CA_DIR/ca.pem" "$VMMIG_LAB_DIR/hosts/$1$PKI/ca-cert.pem"
	cert "$1" server "DNS:$1,IP:$(address "$1")"
	cert "$1" client "DNS:$1"
}

close_ports() {
	later on beta iptables -F INPUT
	on beta iptables -I INPUT -p tcp --dport 49152:49215 -j DROP
}

# refused_certs WORDS: nothing is begun, and why is said.
refused_certs() {
	run_vmmig live g1 --from alpha --to beta --tls
	assert_exit 3
	assert_says E-TLS-CERTS
	assert_says "$1"
}

@test "tls: memory and disks, where libvirt takes nothing else" {
	for host in alpha beta; do
		later restart_libvirtd $host
		later on $host sed -i /migrate_tls_force/d /etc/libvirt/qemu.conf
		on $host sh -c 'echo "migrate_tls_force = 1" >>/etc/libvirt/qemu.conf'
		restart_libvirtd $host
	done
	make_guest g1 --dirty 8
	run_vmmig live g1 --from alpha --to beta
	assert_exit 1
	assert_says VIR_MIGRATE_TLS
	run_vmmig live g1 --from alpha --to beta --tls --parallel 4
	assert_exit 0
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
	make_guest g2 --storage local --data 1
	note_disks g2
	new_config 'migrate = { transport = "tls"; peer2peer = false; };'
	run_vmmig block g2 --from alpha --to beta
	assert_exit 0
	assert_arrived g2 beta
}

@test "tls: the certificate names the host, not the address: QEMU is told which name it is" {
	later good_certs beta
	cert beta server DNS:beta
	make_guest g1 --storage local
	note_disks g1
	new_config "migrate = { transport = \"tls\"; };"
	sed -i "s/name = \"beta\";/&\n    migrate_address = \"$(address beta)\";/" "$VMMIG_CONF"
	run_vmmig block g1 --from alpha --to beta --dry-run
	assert_exit 0
	assert_says "its certificate is for beta"
	run_vmmig block g1 --from alpha --to beta
	assert_exit 0
	assert_arrived g1 beta
}

@test "tls: certificates that will not do are refused, and nothing is changed" {
	local before
	make_ca other
	make_guest g1
	before=$(snapshot g1)
	later good_certs alpha
	later good_certs beta

	on beta mv $PKI/server-key.pem $PKI/x
	refused_certs "$PKI/server-key.pem: is not there"
	on beta mv $PKI/x $PKI/server-key.pem

	on alpha mv $PKI $PKI.x
	refused_certs "source alpha: $PKI/ca-cert.pem: is not there"
	on alpha mv $PKI.x $PKI

	cert beta server "DNS:beta,IP:$(address beta)" ca -1
	refused_certs "$PKI/server-cert.pem: has expired"

	cert beta server DNS:gamma,IP:192.0.2.7
	refused_certs "is for none of the names"

	cert beta server "DNS:beta,IP:$(address beta)" other
	refused_certs "$PKI/server-cert.pem: is not good by the ca-cert.pem beside it"

	# good by itself, but not for the other host
	cp "$CA_DIR/other.pem" "$VMMIG_LAB_DIR/hosts/beta$PKI/ca-cert.pem"
	refused_certs "is not good by the ca-cert.pem of"
	good_certs beta

	cp "$VMMIG_LAB_DIR/hosts/beta$PKI/client-key.pem" "$VMMIG_LAB_DIR/hosts/alpha$PKI/client-key.pem"
	refused_certs "source alpha: $PKI/client-key.pem: does not belong to client-cert.pem"

	# not needed by a server that asks for none
	on alpha rm $PKI/client-key.pem $PKI/client-cert.pem
	refused_certs "source alpha: $PKI/client-cert.pem: is not there"
	later on beta sed -i /migrate_tls_x509_verify/d /etc/libvirt/qemu.conf
	on beta sh -c 'echo "migrate_tls_x509_verify = 0" >>/etc/libvirt/qemu.conf'
	run_vmmig check live g1 --from alpha --to beta --tls
	assert_exit 0
	[ -z "$(diff <(echo "$before") <(snapshot g1) | grep -v /etc/libvirt/ | grep '^[<>]')" ]
	assert_at alpha g1
	assert_nothing_left
}

# copying: its second disk is on the way.
copying() { ended a || on_virsh alpha blockjob g1 vdb --raw | grep -q cur=; }

@test "ssh: memory goes with every migration port closed, and nothing is left" {
	close_ports
	make_guest g1 --dirty 8
	run_vmmig live g1 --from alpha --to beta
	assert_exit 3
	assert_says E-MIGRATION-PORT
	run_json live g1 --from alpha --to beta --transport ssh --parallel 3
	assert_exit 0
	assert_at beta g1
	assert_nothing_left
	[ "$(journal "SELECT count(*) FROM effect WHERE kind = 'tunnel' AND result = 'undone'")" = 2 ]
	assert_disk_ok g1
}

# QEMU is another user than root, as on most hosts: it makes the sockets at the destination, and uses those at the source.
@test "ssh: memory, disks and a backing file, by sockets that only root and QEMU's user can use" {
	local host
	for host in alpha beta; do
		later restart_libvirtd $host
		later on $host sed -i 's/"nobody"/"root"/; s/"nogroup"/"root"/' /etc/libvirt/qemu.conf
		on $host sed -i 's/^user.*/user = "nobody"/; s/^group.*/group = "nogroup"/' /etc/libvirt/qemu.conf
		restart_libvirtd $host
	done
	close_ports
	make_base alpha $IMAGES/base.qcow2
	make_guest g1 --storage local --base $IMAGES/base.qcow2 --disk-size 16 --data 1 --data-size 24
	note_disks g1
	new_config 'migrate = { transport = "ssh"; peer2peer = false; };'
	start_vmmig a block g1 --from alpha --to beta --bandwidth 16 --parallel 2
	wait_until 60 copying
	[ "$(on alpha sh -c 'stat -c "%a %U:%G" /run/vmmig-*.tunnel')" = "710 root:nogroup" ]
	[ "$(on alpha sh -c 'stat -c "%a %U %F" /run/vmmig-*.tunnel/disks')" = "600 nobody socket" ]
	[ "$(on beta sh -c 'stat -c "%a %U" /run/vmmig-*.tunnel')" = "700 nobody" ]
	run on alpha sh -c 'setpriv --reuid 1 --regid 1 --clear-groups stat /run/vmmig-*.tunnel/disks'
	[ "$status" != 0 ]
	finish a
	assert_exit 0
	[ "$(sum alpha $IMAGES/base.qcow2)" = "$(sum beta $IMAGES/base.qcow2)" ]
	assert_arrived g1 beta
}

@test "ssh: refused where the source cannot log in, and where sshd carries no sockets" {
	local before
	make_guest g1
	before=$(snapshot g1)
	later on alpha sh -c '[ ! -e /root/.ssh/known_hosts.was ] || mv /root/.ssh/known_hosts.was /root/.ssh/known_hosts'
	on alpha mv /root/.ssh/known_hosts /root/.ssh/known_hosts.was
	run_vmmig live g1 --from alpha --to beta --transport ssh
	assert_exit 3
	assert_says E-SSH-TUNNEL
	assert_says "Host key verification failed"
	on alpha mv /root/.ssh/known_hosts.was /root/.ssh/known_hosts

	later fault start beta sshd
	later fault kill beta sshd
	later on beta sed -i /^AllowStreamLocalForwarding/d /etc/ssh/sshd_config
	on beta sed -i '1iAllowStreamLocalForwarding no' /etc/ssh/sshd_config
	fault kill beta sshd
	fault start beta sshd
	run_vmmig live g1 --from alpha --to beta --transport ssh
	assert_exit 3
	assert_says E-SSH-TUNNEL
	diff <(echo "$before") <(snapshot g1)
	assert_nothing_left
}

@test "ssh: the ssh process is killed under way: the guest stays" {
	make_guest g1 --storage local --disk-size 16 --data 1 --data-size 24
	start_vmmig a block g1 --from alpha --to beta --transport ssh --bandwidth 8
	wait_until 60 copying
	kill -KILL "$(processes alpha "^ssh -N ")"
	finish a 90
	assert_exit 1
	assert_says E-MIGRATE
	assert_says "the SSH tunnel ended"
	assert_at alpha g1
	assert_nothing_left
	assert_disk_ok g1
}

@test "ssh: the link between the hosts is cut for good under way: the guest stays" {
	make_guest g1
	start_vmmig a live g1 --from alpha --to beta --transport ssh --bandwidth 4
	under_way a g1
	later on beta iptables -F INPUT
	on beta iptables -I INPUT -s "$(address alpha)" -j DROP
	finish a 150
	assert_exit 1
	assert_says "the SSH tunnel ended"
	assert_at alpha g1
	assert_nothing_left 60
	assert_disk_ok g1
}

@test "ssh: kill -9 of vmmig under way: the migration ends, the guest stays, and nothing is left" {
	make_guest g1
	start_vmmig a live g1 --from alpha --to beta --transport ssh --bandwidth 4
	under_way a g1
	kill -KILL "$(background_pid a)"
	finish a 10
	wait_until 60 eval 'on_virsh alpha domjobinfo g1 | grep -q None && [ "$(where g1)" = alpha ]'
	assert_at alpha g1
	assert_nothing_left
	run_vmmig live g1 --from alpha --to beta --transport ssh
	assert_exit 0
	assert_at beta g1
	assert_nothing_left
	assert_disk_ok g1
}

connections() { on alpha ss -tnH state established | grep -c ":49[12][0-9][0-9] *$"; }

@test "parallel: memory goes through as many connections as were asked for" {
	make_guest g1
	start_vmmig a live g1 --from alpha --to beta --parallel 5 --bandwidth 4
	under_way a g1
	[ "$(connections)" -ge 5 ]
	kill -INT "$(background_pid a)"
	finish a 30
	assert_exit 5
	assert_at alpha g1
	assert_nothing_left
}

@test "what does not go together is refused before anything is begun" {
	local before
	make_guest g1 --paused
	before=$(snapshot g1)
	run_vmmig live g1 --to beta --parallel 4 --timeout 9 --on-timeout postcopy
	assert_exit 3
	assert_says E-TRANSPORT
	assert_says "QEMU 10.1"
	run_vmmig live g1 --to beta --transport ssh --timeout 9 --on-timeout postcopy
	assert_exit 2
	assert_says "transport ssh and post-copy"
	run_vmmig live g1 --to beta --tls --transport ssh
	assert_exit 2
	run_vmmig check live g1 --to beta --transport tunnel
	assert_exit 2
	assert_says "must be tcp, tls or ssh"
	run_vmmig check live g1 --to beta --parallel 65
	assert_exit 2
	new_config 'migrate = { transport = "ssh"; timeout_s = 9; on_timeout = "postcopy"; };'
	run_vmmig check live g1 --to beta
	assert_exit 2
	run_vmmig check live g1 --to beta --transport tcp
	assert_exit 0
	diff <(echo "$before") <(snapshot g1)
	assert_nothing_left
}

# shellcheck shell=bash
# Once for the whole run: which lab, and that it goes away at the end. The lab itself comes up when the first test
# file asks for it (need_lab in lib.bash), so that files which need none run without root.

setup_suite() {
	TEST_TOP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
	export TEST_TOP
	export VMMIG=${VMMIG:-$TEST_TOP/build/vmmig}
	export VMMIG_LAB_DIR=${VMMIG_LAB_DIR:-/run/vmmig-test}
	export VMMIG_LAB_NET=${VMMIG_LAB_NET:-10.77.79.0/24}
	export TEST_HOSTS=${TEST_HOSTS:-3}
	export LC_ALL=C.UTF-8
	unset SSH_AUTH_SOCK VMMIG_CONF
	[ -x "$VMMIG" ] || { echo "no binary to test: $VMMIG (make)" >&2; return 1; }
	# A lab that is up already is somebody's: it stays up.
	TEST_LAB_FOUND=no
	[ ! -e "$VMMIG_LAB_DIR/vmmig.conf" ] || TEST_LAB_FOUND=yes
	export TEST_LAB_FOUND
}

teardown_suite() {
	[ "$TEST_LAB_FOUND" = yes ] || [ ! -e "$VMMIG_LAB_DIR" ] || "$TEST_TOP/scripts/lab/down"
}

#!/usr/bin/env bats
# The forecast of vmmig check and --dry-run: measured on real guests and a real link. The model is tested in
# unit/test-forecast.c.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

forecast() { events forecast "$1"; }

@test "the link and the guest are measured, and what follows from that is said" {
	fault rate alpha 100mbit
	make_guest g1 --memory 96
	run_json check live g1 --from alpha --to beta
	assert_exit 0
	# 12.5 MB/s, whatever else the machine does; of the 96 MiB this guest uses some
	json '[.[] | select(.event == "forecast")] | length == 1 and (.[0] | .converges == "yes" and
		.bytes_per_s > 2000000 and .bytes_per_s < 14000000 and
		.memory_to_send > 20000000 and .memory_to_send <= 100663296 and
		.total_low_ms > 1000 and .total_low_ms < .total_high_ms and .downtime_low_ms <= .downtime_high_ms)'
	run_json check live g1 --from alpha --to beta --bandwidth 1
	json 'any(.[]; .event == "forecast" and .bytes_per_s == 1048576)'
	assert_at alpha g1
	assert_nothing_left
}

@test "a guest that changes more than is sent: what it needs is said before the start" {
	fault rate alpha 100mbit
	make_guest g1 --memory 128 --dirty 48
	run_vmmig check live g1 --from alpha --to beta
	assert_exit 0
	assert_says "will not converge within 300 ms: needs about "
	assert_says "or post-copy"
	run_json live g1 --from alpha --to beta --dry-run
	assert_exit 0
	json 'any(.[]; .event == "forecast" and .converges == "no" and .needed_downtime_ms > 300 and
		.dirty_bytes_per_s > .bytes_per_s)'
	run_json check live g1 --from alpha --to beta --max-downtime 100000
	json 'any(.[]; .event == "forecast" and .converges == "yes")'
	assert_nothing_left
	assert_disk_ok g1
}

@test "a real run: the forecast is told when it is known, and the journal has it; nobody waits for it" {
	fault rate alpha 100mbit
	make_guest g1 --memory 96
	run_json live g1 --from alpha --to beta
	assert_exit 0
	json '[.[] | select(.event == "forecast")] | length == 1 and .[0].converges == "yes" and .[0].bytes_per_s > 2000000 and
		.[0].memory_to_send > 20000000 and .[0].dirty_bytes_per_s != null'
	json '(map(.event == "forecast") | index(true)) > (map(.event == "progress") | index(true))'
	run_json history "$(result .migration)"
	json 'any(.[]; .event == "note" and (.text | startswith("forecast: ")))'
	run_json live g1 --from beta --to alpha --no-forecast
	assert_exit 0
	[ -z "$(forecast .)" ]
	assert_nothing_left
	assert_disk_ok g1
}

@test "a deadline that comes too early is said; without a forecast nothing is measured" {
	fault rate alpha 100mbit
	make_guest g1
	run_vmmig live g1 --from alpha --to beta --dry-run --timeout 1
	assert_exit 0
	assert_says W-DEADLINE
	assert_says "warning: deadline: it takes "
	run_vmmig live g1 --from alpha --to beta --dry-run --timeout 1000
	assert_silent_on W-DEADLINE
	run_json check live g1 --from alpha --to beta --no-forecast --timeout 1
	assert_exit 0
	[ -z "$(forecast .)" ]
	# a real run says it before it begins, whoever listens
	run_vmmig -q live g1 --from alpha --to beta --timeout 1
	assert_exit 1
	assert_says W-DEADLINE
	assert_says E-DEADLINE
	assert_at alpha g1
	assert_nothing_left
}

@test "what cannot be measured is not known, and refuses nothing" {
	make_guest g1 --paused
	run_json check live g1 --from alpha --to beta
	assert_exit 0
	json 'any(.[]; .event == "forecast" and .converges == "unknown" and (.text | contains("not running")))'
	on_virsh alpha resume g1
	fake_tool alpha qemu-img <<<'exit 1'
	run_json check live g1 --from alpha --to beta
	assert_exit 0
	json 'any(.[]; .event == "forecast" and .converges == "unknown" and (.text | contains("could not be measured")))'
	assert_nothing_left
}

@test "kill -9 while the link is measured: nothing is left" {
	fault rate alpha 10mbit
	make_guest g1
	start_vmmig a check live g1 --from alpha --to beta
	wait_until 20 eval 'processes alpha "(^|/)qemu-img bench "'
	kill -KILL "$(background_pid a)"
	finish a 10
	assert_nothing_left 20
	assert_at alpha g1
}

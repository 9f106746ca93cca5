#!/usr/bin/env bats
# vmmig report: drawings of what the journal has. On a real migration; the drawings themselves are tested in
# unit/test-chart.c.
# shellcheck disable=SC2154,SC2034,SC2016	# status, output, stderr

load lib

@test "a migration that was steered: in the terminal, as a picture, as a page, as data" {
	local id name='db <1>&"x'
	fault rate alpha 160mbit
	make_guest "$name" --memory 96 --dirty 24
	run_json live "$name" --from alpha --to beta --policy must-finish --max-downtime 100
	assert_exit 0
	id=$(result .migration)
	run_vmmig report "$name"
	assert_exit 0
	assert_says "$name: alpha to beta, live, completed"
	assert_says "remaining, MiB"
	assert_says "postcopy: it does not converge"
	[ "$(LC_ALL=C "$VMMIG" report "$name" | sed -n '4,20p' | wc -L)" -le 80 ]
	run_vmmig report "$id" --output "$BATS_TEST_TMPDIR/a.svg"
	assert_exit 0
	[ -z "$output" ]
	run_vmmig report "$id" --output "$BATS_TEST_TMPDIR/a.html"
	assert_exit 0
	python3 -c 'import sys, xml.dom.minidom as m
svg = m.parse(sys.argv[1])
assert len(svg.getElementsByTagName("polyline")) == 4
assert any(r.getAttribute("class") == "post" for r in svg.getElementsByTagName("rect"))
page = open(sys.argv[2]).read()
m.parseString(page.split("\n", 1)[1])
assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
' "$BATS_TEST_TMPDIR/a.svg" "$BATS_TEST_TMPDIR/a.html"
	run_json report "$id"
	assert_exit 0
	json '([.[] | select(.event == "sample")] | length > 8 and any(.postcopy) and all(.memory_remaining >= 0)) and
		any(.[]; .event == "decision" and .action == "postcopy")'
	assert_at beta "$name"
	assert_disk_ok "$name"
}

@test "without statistics; what is wrong; no half files" {
	make_guest g1 --storage local
	run_json live g1 --from alpha --to beta
	assert_exit 3
	run_vmmig report g1
	assert_exit 0
	assert_says "no statistics"
	run_json report nobody
	assert_exit 2
	[ "$(result .error.id)" = E-GUEST-UNKNOWN ]
	run_json report g1 --format pdf
	assert_exit 2
	[ "$(result .error.id)" = E-USAGE ]
	run_json report g1 --output "$BATS_TEST_TMPDIR"
	assert_exit 1
	[ "$(result .error.id)" = E-OUTPUT ]
	run_json report g1 --output "$BATS_TEST_TMPDIR/none/a.svg"
	assert_exit 1
	run_json report g1 --output /dev/full
	assert_exit 1
	echo old >"$BATS_TEST_TMPDIR/b.svg"
	run_vmmig report g1 --output "$BATS_TEST_TMPDIR/b.svg"
	assert_exit 0
	grep -q '^<svg' "$BATS_TEST_TMPDIR/b.svg"
	[ -z "$(find "$BATS_TEST_TMPDIR" -name '*.vmmig-*')" ]
}

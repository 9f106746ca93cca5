/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast is the link to what listens on the migration port? */
#include <stdio.h>

#include "check/proof-private.h"

enum {
	BENCH_MS = 12000, /* the script gives up itself after 8 s */
	BENCH_FIRST = 16, /* pieces */
};

/*
 * ADDRESS PORT COUNT: writes so many pieces of 256 KiB there, eight at a time, and says how many seconds that took.
 * What listens is a qemu-nbd that forgets them.
 */
static const char bench_script[] =
	"LC_ALL=C LANGUAGE=; export LC_ALL LANGUAGE\n"
	"command -v qemu-img >/dev/null && command -v timeout >/dev/null || exit 90\n"
	"case $1 in *:*) a=[$1] ;; *) a=$1 ;; esac\n"
	"timeout 8 qemu-img bench -w -c \"$3\" -d 8 -s 262144 -f raw \"nbd://$a:$2\" </dev/null 2>&1 |\n"
	"	sed -n 's/^Run completed in \\([0-9]*\\)\\.\\([0-9]*\\) seconds.*/\\1 \\2/p'\n";

/* µs it took; 0: not known. */
static uint64_t bench(struct host *src, const struct connection_proof *p, unsigned pieces)
{
	auto_free char *port = str_printf("%u", p->port_number), *count = str_printf("%u", pieces);
	const char *args[] = { p->port_address, port, count, NULL };
	struct exec_result res auto_exec = { 0 };
	unsigned seconds, ms;

	if (host_exec_wait(host_script_start(src, bench_script, args, BENCH_MS), &res, NULL) < 0 ||
	    res.exit_status != 0 || !res.out.p || sscanf(res.out.p, "%5u %3u", &seconds, &ms) != 2)
		return 0;
	return (uint64_t)seconds * 1000000 + (uint64_t)ms * 1000;
}

unsigned proof_bench_pieces(uint64_t first_us)
{
	enum { WANTED_US = 700000, MAX = 1024 };
	uint64_t n = (uint64_t)WANTED_US * BENCH_FIRST / (first_us ? first_us : 1);

	if (n <= BENCH_FIRST)
		return 0;
	return n < MAX ? (unsigned)n : MAX;
}

/* bytes/s; 0: not known. */
static uint64_t bench_rate(unsigned pieces, uint64_t us)
{
	enum { PIECE = 262144 };

	return us ? (uint64_t)pieces * PIECE * 1000000 / us : 0;
}

/*
 * A first 4 MiB tell how much takes most of a second; a slow link has told enough by that. The better one counts: what
 * else the hosts do can only make it less.
 */
void rate_measure(struct host *src, struct connection_proof *p)
{
	uint64_t us = bench(src, p, BENCH_FIRST), again;
	unsigned pieces = us ? proof_bench_pieces(us) : 0;

	p->bps = bench_rate(BENCH_FIRST, us);
	again = pieces ? bench_rate(pieces, bench(src, p, pieces)) : 0;
	p->bps = again > p->bps ? again : p->bps;
	if (!p->bps)
		p->bps_reason = str_printf("%s: it could not be measured (qemu-img there, qemu-nbd at the other end)",
					   host_label(src));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The three ways from source to destination, tried at once: the destination's name as the source resolves it, a
 * login of the source's libvirt at the destination's, and a TCP connection to a migration port.
 *
 * The port needs something that listens: qemu-nbd with an export that forgets what is written to it, which is where
 * QEMU is. It runs in a held command that ends it with its own input, so it goes when vmmig or the connection goes.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "check/proof-private.h"

enum {
	RESOLVE_MS = 10000,
	PROBE_MS = 5000,
	PORT_MIN = 49152, /* libvirt's own defaults */
	PORT_MAX = 49215,
	TEXT_MAX = 300,
};

/* NAME */
static const char resolve_script[] = "command -v getent >/dev/null || exit 90\n"
				     "exec getent ahosts \"$1\"\n";

/* MIN MAX START: listens on the first free port from START on; says "PORT" and stays, or "full". */
static const char listen_script[] =
	"LC_ALL=C LANGUAGE= stop= pid= left=8; export LC_ALL LANGUAGE\n"
	"min=$1 max=$2 p=$3\n"
	"trap 'stop=1' HUP INT TERM; trap '' PIPE\n"
	"listens() { grep -qs \":$hex 0*:0000 0A \" /proc/net/tcp /proc/net/tcp6; }\n"
	/* as QEMU listens for a guest: on all addresses, with IPv6 where the kernel has it */
	"any=0.0.0.0; [ ! -e /proc/net/tcp6 ] || any=::\n"
	"if command -v qemu-nbd >/dev/null; then\n"
	"	serve() { exec qemu-nbd -t -e 16 -b \"$any\" -p \"$p\" --image-opts driver=null-co,size=64G; }\n"
	"elif command -v nc >/dev/null; then\n"
	"	serve() { exec nc -lk \"$p\"; }\n"
	"else\n"
	"	printf 'neither qemu-nbd nor nc is there to listen with' >&2; exit 90\n"
	"fi\n"
	"n=$((max - min + 1))\n"
	"exec 3<&0\n"
	"taken=$(grep -hs ' 0A ' /proc/net/tcp /proc/net/tcp6)\n"
	"while [ $n -gt 0 ] && [ $left -gt 0 ] && [ -z \"$stop\" ]; do\n"
	"	hex=$(printf %04X \"$p\") i=0\n"
	"	case $taken in\n"
	"	*\":$hex 00000000\"*) ;;\n"
	"	*)\n"
	"		(serve) 3<&- </dev/null >/dev/null 2>&1 & pid=$!\n"
	"		while [ $i -lt 200 ] && kill -0 $pid 2>/dev/null; do\n"
	"			! listens || break 2\n"
	"			sleep 0.01; i=$((i + 1))\n"
	"		done\n"
	"		kill -KILL $pid 2>/dev/null; pid= left=$((left - 1)) ;;\n"
	"	esac\n"
	"	p=$((p + 1)) n=$((n - 1))\n"
	"	[ $p -le $max ] || p=$min\n"
	"done\n"
	"if [ -z \"$pid\" ]; then\n"
	"	if [ $left = 8 ]; then echo full; exit 0; fi\n"
	"	printf 'what should have listened on ports up to %s did not' \"$p\" >&2; exit 93\n"
	"fi\n"
	"echo \"$p\"\n"
	"if command -v timeout >/dev/null; then timeout 60 cat <&3 >/dev/null 2>&1 & else cat <&3 >/dev/null 2>&1 & "
	"fi\n"
	"hold=$!\n"
	"[ -n \"$stop\" ] || wait \"$hold\"\n"
	"kill \"$hold\" 2>/dev/null\n"
	/* asked politely, qemu-nbd waits for clients, also for one whose farewell a firewall has swallowed */
	"kill -KILL \"$pid\" 2>/dev/null\n"
	"exit 0\n";

/* ADDRESS PORT: a connection from the host itself, where its sshd does not open any for us. */
static const char connect_script[] = "LC_ALL=C LANGUAGE=; export LC_ALL LANGUAGE\n"
				     "command -v timeout >/dev/null || exit 90\n"
				     "if command -v bash >/dev/null; then\n"
				     "	exec timeout 5 bash -c ': <\"/dev/tcp/$1/$2\"' bash \"$1\" \"$2\"\n"
				     "elif command -v nc >/dev/null; then\n"
				     "	exec timeout 5 nc -z \"$1\" \"$2\" </dev/null\n"
				     "fi\n"
				     "exit 90\n";

/* ---- names ---- */

/* An address as 16 bytes, IPv4 in its mapped form. Takes "ADDRESS", "ADDRESS/24", "ADDRESS%eth0". */
static bool to_bytes(const char *address, unsigned char out[16])
{
	auto_free char *plain = xstrndup(address, strcspn(address, "/%"));
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET6, plain, out) == 1)
		return true;
	memcpy(out, mapped, sizeof(mapped));
	return inet_pton(AF_INET, plain, out + 12) == 1;
}

bool proof_is_loopback(const char *address)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff }, zero[16];
	unsigned char b[16];

	if (!to_bytes(address, b))
		return false;
	if (memcmp(b, mapped, sizeof(mapped)) == 0) /* 0.0.0.0 connects to the host itself as well */
		return b[12] == 127 || memcmp(b + 12, zero, 4) == 0;
	return memcmp(b, zero, 15) == 0 && b[15] <= 1;
}

bool proof_has_address(const struct strv *list, const char *address)
{
	unsigned char a[16], b[16];

	if (!to_bytes(address, a))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (to_bytes(list->v[i], b) && memcmp(a, b, sizeof(a)) == 0)
			return true;
	return false;
}

void proof_parse_addresses(const char *text, struct strv *out)
{
	for (const char *p = text; p && *p && out->n < PROOF_ADDRESS_MAX;) {
		size_t len = strcspn(p, " \t\n");
		auto_free char *address = xstrndup(p, len < 64 ? len : 64);
		unsigned char bytes[16];

		if (to_bytes(address, bytes) && !proof_has_address(out, address))
			strv_add(out, address);
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
}

void proof_judge_name(const char *name, const struct strv *got, const struct strv *known, const char *src_label,
		      const char *dst_label, struct connection_proof *p)
{
	auto_free char *wanted = strv_join(known, ", ");
	bool match = known->n == 0;

	p->resolves = FACT_NO;
	if (!got->n) {
		p->resolve_reason = str_printf("%s knows no address of the name \"%s\" that %s goes by", src_label,
					       name, dst_label);
		return;
	}
	p->resolved = strv_join(got, ", ");
	for (size_t i = 0; i < got->n; i++) {
		if (proof_is_loopback(got->v[i])) {
			p->resolve_reason = str_printf("on %s the name \"%s\" of %s leads to %s, that is to itself",
						       src_label, name, dst_label, got->v[i]);
			return;
		}
		match |= proof_has_address(known, got->v[i]);
	}
	if (match)
		p->resolves = FACT_YES;
	else
		p->resolve_reason = str_printf("on %s the name \"%s\" leads to %s, but %s has %s", src_label, name,
					       p->resolved, dst_label, wanted);
}

static void finish_resolve(struct exec_job *job, const char *name, const struct host_facts *dst_facts, struct host *src,
			   struct host *dst, struct strv *got, struct connection_proof *p)
{
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;

	if (host_exec_wait(job, &res, &err) < 0) {
		p->resolve_reason = str_printf("%s: %s", host_label(src), err.msg);
	} else if (res.exit_status == EXIT_NO_TOOL || res.exit_status == 127) {
		p->resolve_reason = str_printf("%s has no getent to ask for \"%s\"", host_label(src), name);
	} else {
		proof_parse_addresses(res.out.p, got);
		proof_judge_name(name, got, &dst_facts->addresses, host_label(src), host_label(dst), p);
	}
}

/* ---- the port ---- */

struct listener {
	struct exec_hold *hold;
	unsigned port;
};

static struct exec_hold *start_listener(struct host *dst, const struct host_facts *f)
{
	bool known = f->port_min && f->port_min <= f->port_max && f->port_max <= 65535;
	unsigned min = known ? f->port_min : PORT_MIN, max = known ? f->port_max : PORT_MAX;
	unsigned random = 0;
	char text[3][16];
	const char *args[] = { text[0], text[1], text[2], NULL };

	/* Not the lowest, which libvirt takes next. Without a random number it is the lowest after all. */
	if (getrandom(&random, sizeof(random), 0) < 0)
		random = 0;
	snprintf(text[0], sizeof(text[0]), "%u", min);
	snprintf(text[1], sizeof(text[1]), "%u", max);
	snprintf(text[2], sizeof(text[2]), "%u", min + random % (max - min + 1));
	return host_hold_start(dst, listen_script, args);
}

static int wait_listener(struct listener *l, struct host *dst, struct connection_proof *p)
{
	struct err err auto_err = ERR_INIT;
	auto_free char *line = host_hold_line(l->hold, &err);
	unsigned long long port;

	if (line && str_eq(line, "full")) {
		p->port = FACT_NO;
		err_set(&err, E_REMOTE, 0, "all its migration ports are in use");
	} else if (line && str_to_uint(line, 1, 65535, &port) < 0)
		err_set(&err, E_REMOTE, 0, "the answer about its ports cannot be understood");
	if (err.id) {
		p->port_reason = str_printf("%s: %s", host_label(dst), err.msg);
		return -1;
	}
	l->port = (unsigned)port;
	return 0;
}

static enum fact connect_by_script(struct host *src, const char *address, unsigned port, char **reason)
{
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;
	char number[16];
	const char *args[] = { address, number, NULL };

	snprintf(number, sizeof(number), "%u", port);
	if (host_exec_wait(host_script_start(src, connect_script, args, PROBE_MS + 5000), &res, &err) < 0) {
		*reason = xstrdup(err.msg);
		return FACT_UNKNOWN;
	}
	if (res.exit_status == 0)
		return FACT_YES;
	if (res.exit_status == EXIT_NO_TOOL || res.exit_status == 127) {
		*reason = str_printf(
			"its sshd opens no connections for us, and there is neither bash nor nc to try with");
		return FACT_UNKNOWN;
	}
	*reason = res.exit_status == EXIT_TIMEOUT ? str_printf("no answer within %d s", PROBE_MS / 1000)
						  : proof_last_words(res.errout.p ? res.errout.p : "");
	return FACT_NO;
}

/* Then it was the connection that was not answered, not the question. */
static bool still_answers(struct host *h)
{
	static const char *const argv[] = { "true", NULL };
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;

	return host_exec(h, argv, PROBE_MS, &res, &err) == 0;
}

static enum fact connect_to(struct host *src, const char *address, unsigned port, char **reason)
{
	struct err err auto_err = ERR_INIT;
	int rc = host_tcp_probe(src, address, port, PROBE_MS, reason, &err);

	if (rc > 0)
		return FACT_YES;
	if (rc == 0) {
		char *clean = str_sanitize(*reason ? *reason : "refused", TEXT_MAX);

		free(*reason);
		*reason = clean;
		return FACT_NO;
	}
	if (err_is(&err, E_REMOTE))
		return connect_by_script(src, address, port, reason);
	if (err_is(&err, E_TIMEOUT) && still_answers(src)) {
		*reason = str_printf("no answer within %d s, as when a firewall drops it", PROBE_MS / 1000);
		return FACT_NO;
	}
	*reason = xstrdup(err.msg);
	return FACT_UNKNOWN;
}

/* Tries one address. True: it works, and p says so. */
static bool try_address(struct host *src, const struct listener *l, const char *address, struct buf *why,
			struct connection_proof *p)
{
	auto_free char *reason = NULL;
	enum fact rc = connect_to(src, address, l->port, &reason);

	free(p->port_address);
	p->port_address = xstrdup(address);
	p->port_number = l->port;
	if (rc == FACT_YES) {
		p->port = FACT_YES;
		return true;
	}
	/* One that could not be tried leaves it open whether it would have worked. */
	if (!why->len)
		p->port = rc;
	else if (rc == FACT_UNKNOWN)
		p->port = FACT_UNKNOWN;
	buf_addf(why, "%s%s port %u: %s", why->len ? "; " : "", address, l->port, reason);
	return false;
}

char *proof_migrate_uri(const char *address)
{
	bool bare_ipv6 = strchr(address, ':') && address[0] != '[';

	return str_printf("tcp://%s%s%s", bare_ipv6 ? "[" : "", address, bare_ipv6 ? "]" : "");
}

/*
 * Which address, then: the one that is configured, and no other; else libvirt's own choice, the name of the
 * destination; else the address by which we reach it.
 */
static void try_addresses(struct host *src, struct host *dst, const struct listener *l, const struct strv *named,
			  struct connection_proof *p)
{
	const struct host_spec *spec = host_spec(dst);
	struct buf why auto_buf = { .limit = 2000 };
	bool ok = false;

	if (spec->migrate_address) {
		ok = try_address(src, l, spec->migrate_address, &why, p);
	} else {
		for (size_t i = 0; !ok && p->resolves == FACT_YES && i < named->n; i++)
			ok = try_address(src, l, named->v[i], &why, p);
		if (!ok && spec->address && !str_eq(spec->address, "localhost") && !proof_is_loopback(spec->address) &&
		    !(p->resolves == FACT_YES && proof_has_address(named, spec->address))) {
			ok = try_address(src, l, spec->address, &why, p);
			if (ok)
				p->migrate_uri = proof_migrate_uri(spec->address);
		}
	}
	if (!ok)
		p->port_reason =
			why.len ? str_printf("%s cannot connect to %s", host_label(src), why.p)
				: str_printf("no address of %s to try from %s", host_label(dst), host_label(src));
}

void connection_begin(struct host *src, struct host *dst, struct connection_proof *p)
{
	p->peer_uri = host_peer_uri(dst);
	p->login = peer_begin(src, p->peer_uri);
}

void connection_prove(struct host *src, struct host *dst, const struct host_facts *src_facts,
		      const struct host_facts *dst_facts, struct connection_proof *p)
{
	const char *name = dst_facts->hostname;
	/* getent would take it for an option, and no host has such a name */
	bool have_name = name && *name && *name != '-';
	const char *resolve_args[] = { name, NULL };
	struct strv named auto_strv = { 0 };
	struct listener l = { 0 };

	(void)src_facts;
	p->done = true;
	if (!p->login)
		connection_begin(src, dst, p);
	if (!p->no_port)
		l.hold = start_listener(dst, dst_facts);
	if (have_name) {
		finish_resolve(host_script_start(src, resolve_script, resolve_args, RESOLVE_MS), name, dst_facts, src,
			       dst, &named, p);
	} else {
		p->resolve_reason = str_printf("%s does not say its host name", host_label(dst));
	}
	if (host_spec(dst)->migrate_address)
		p->migrate_uri = proof_migrate_uri(host_spec(dst)->migrate_address);
	if (l.hold && wait_listener(&l, dst, p) == 0)
		try_addresses(src, dst, &l, &named, p);
	if (p->measure && p->port == FACT_YES)
		rate_measure(src, p);
	host_hold_close(l.hold);
	peer_finish(STEAL(p->login), src, dst, name, p);
	host_hold_end(l.hold);
}

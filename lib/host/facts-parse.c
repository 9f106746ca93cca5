/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answer of the facts script. The host may say whatever it likes: every
 * value is of a fixed kind and is checked for it, arguments are named by their
 * number and stand for what they were asked as, and lists are bounded. A line
 * that is not as it should be is left out; what it would have told is unknown.
 */
#include "host/facts-private.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 7 };

struct line {
	char *w[WORDS_MAX]; /* w[0]: the key */
	size_t n;
};

struct reply {
	const struct facts_query *q;
	struct host_facts *f;
	uint64_t t0_ns, t1_ns;
	bool ended;
};

static bool number(const char *s, unsigned long long max, unsigned long long *out)
{
	return str_to_uint(s, 0, max, out) == 0;
}

static bool all_of(const char *s, size_t min, size_t max, const char *set)
{
	size_t len = strlen(s);

	return len >= min && len <= max && strspn(s, set) == len;
}

static enum fact yes_no(const char *s)
{
	if (strcmp(s, "y") == 0)
		return FACT_YES;
	return strcmp(s, "n") == 0 ? FACT_NO : FACT_UNKNOWN;
}

static void keep(char **to, const char *s)
{
	free(*to);
	*to = xstrdup(s);
}

/* How many numbers a list like "0-3,8" has; 0: not a list. */
static unsigned list_count(const char *s)
{
	unsigned long long count = 0;

	while (*s) {
		unsigned a, b;
		int n = 0, m = 0;

		if (!isdigit((unsigned char)*s) || sscanf(s, "%9u%n", &a, &n) != 1)
			return 0;
		b = a;
		s += n;
		if (*s == '-') {
			if (!isdigit((unsigned char)s[1]) || sscanf(s + 1, "%9u%n", &b, &m) != 1 || b < a)
				return 0;
			s += m + 1;
		}
		count += (unsigned long long)b - a + 1;
		if (*s == ',')
			s++;
		else if (*s)
			return 0;
	}
	return count <= 1U << 20 ? (unsigned)count : 0;
}

static void read_list(const char *s, char **text, unsigned *count)
{
	unsigned n = strlen(s) < FACTS_TEXT_MAX ? list_count(s) : 0;

	if (!n)
		return;
	keep(text, s);
	*count = n;
}

static void read_memory(struct host_facts *f, const struct line *l)
{
	unsigned long long total, available;

	if (l->n != 3 || !number(l->w[1], 1ULL << 50, &total) || !number(l->w[2], 1ULL << 50, &available))
		return;
	f->mem_total_kib = total;
	f->mem_available_kib = available;
}

static void read_port(struct host_facts *f, const struct line *l)
{
	unsigned long long port;

	if (l->n != 3 || !number(l->w[2], 65535, &port) || !port)
		return;
	if (strcmp(l->w[1], "min") == 0)
		f->port_min = (unsigned)port;
	else if (strcmp(l->w[1], "max") == 0)
		f->port_max = (unsigned)port;
}

/* Loopback and link-local addresses reach no other host. */
static bool elsewhere_reachable(int family, const void *raw)
{
	struct in6_addr a6;
	uint32_t a4;

	if (family == AF_INET) {
		memcpy(&a4, raw, sizeof(a4));
		a4 = ntohl(a4);
		return a4 >> 24 != 127 && a4 >> 16 != 0xa9fe && a4;
	}
	memcpy(&a6, raw, sizeof(a6));
	return !IN6_IS_ADDR_LOOPBACK(&a6) && !IN6_IS_ADDR_LINKLOCAL(&a6) && !IN6_IS_ADDR_UNSPECIFIED(&a6);
}

static void add_address(struct host_facts *f, int family, const void *raw)
{
	char text[INET6_ADDRSTRLEN];

	if (!elsewhere_reachable(family, raw) || f->addresses.n >= FACTS_ADDRESSES_MAX)
		return;
	if (inet_ntop(family, raw, text, sizeof(text)) && !strv_has(&f->addresses, text))
		strv_add(&f->addresses, text);
}

static void read_address(struct host_facts *f, const char *s)
{
	unsigned char raw[16];

	if (inet_pton(AF_INET, s, raw) == 1)
		add_address(f, AF_INET, raw);
	else if (inet_pton(AF_INET6, s, raw) == 1)
		add_address(f, AF_INET6, raw);
}

/* /proc/net/if_inet6 has 32 hexadecimal digits without colons. */
static void read_address_hex(struct host_facts *f, const char *s)
{
	unsigned char raw[16];

	if (!all_of(s, 32, 32, "0123456789abcdef"))
		return;
	for (size_t i = 0; i < sizeof(raw); i++) {
		unsigned byte;

		if (sscanf(s + 2 * i, "%2x", &byte) != 1)
			return;
		raw[i] = (unsigned char)byte;
	}
	add_address(f, AF_INET6, raw);
}

/* FLAGS and MTU as the kernel shows them. */
static void read_link(struct netdev_fact *n, const char *flags, const char *mtu)
{
	unsigned long long m;
	unsigned v;
	char rest;

	if (all_of(flags, 3, 10, "0123456789abcdefx") && sscanf(flags, "0x%8x%c", &v, &rest) == 1)
		n->up = v & 1 ? FACT_YES : FACT_NO;
	if (number(mtu, 1 << 24, &m))
		n->mtu = (unsigned)m;
}

static struct netdev_fact *netdev_find(struct host_facts *f, const char *name)
{
	for (size_t i = 0; i < f->netdevs_n; i++)
		if (str_eq(f->netdevs[i].name, name))
			return &f->netdevs[i];
	return NULL;
}

/* The host's bridges are not asked for: a libvirt network may use any of them. What was asked for has its own line. */
static void read_bridge(struct host_facts *f, const struct line *l)
{
	struct netdev_fact *n;

	if (l->n != 4 || strlen(l->w[3]) > 15 || f->netdevs_n >= FACTS_NETDEVS_MAX || netdev_find(f, l->w[3]))
		return;
	for (const char *s = l->w[3]; *s; s++)
		if (!isgraph((unsigned char)*s) || *s == '/')
			return;
	n = ARRAY_ADD(f->netdevs, f->netdevs_n);
	n->name = xstrdup(l->w[3]);
	n->present = n->bridge = FACT_YES;
	n->ovs = FACT_NO;
	read_link(n, l->w[1], l->w[2]);
}

static void read_netdev(struct netdev_fact *n, const struct line *l)
{
	n->present = yes_no(l->w[2]);
	if (n->present == FACT_NO) {
		n->bridge = n->ovs = n->up = FACT_NO;
		return;
	}
	if (l->n != 6 || n->present != FACT_YES)
		return;
	if (strcmp(l->w[3], "b") == 0 || strcmp(l->w[3], "o") == 0)
		n->bridge = FACT_YES;
	else if (strcmp(l->w[3], "n") == 0)
		n->bridge = FACT_NO;
	n->ovs = strcmp(l->w[3], "o") == 0 ? FACT_YES : FACT_NO;
	read_link(n, l->w[4], l->w[5]);
}

static void read_path(struct path_fact *p, const struct line *l)
{
	unsigned long long size;

	if (l->n != 6 || strlen(l->w[2]) != 1 || !number(l->w[3], INT64_MAX, &size))
		return;
	if (strchr("fdbscp", l->w[2][0])) {
		p->present = FACT_YES;
		p->kind = l->w[2][0];
		p->size = size;
	} else {
		p->present = yes_no(l->w[2]);
		/* there, says the host, but of no kind */
		if (p->present == FACT_YES)
			p->present = FACT_UNKNOWN;
	}
	p->dir_present = yes_no(l->w[4]);
	p->dir_writable = yes_no(l->w[5]);
}

static void read_pages(struct pages_fact *p, const struct line *l)
{
	unsigned long long n, size;

	if (l->n != 5 || !number(l->w[3], UINT32_MAX, &n) || !number(l->w[4], UINT32_MAX, &size))
		return;
	if (p->size_kib && p->size_kib != size)
		return;
	p->real_kib = size;
	p->supported = yes_no(l->w[2]);
	p->free = n;
}

/* Lines about an argument: the key and the kind of the argument must agree. */
static void read_argument(struct reply *r, const struct line *l)
{
	static const char keys[] = "NPETAG", kinds[] = "dpetag";
	const char *key = strlen(l->w[0]) == 1 ? strchr(keys, l->w[0][0]) : NULL;
	struct host_facts *f = r->f;
	unsigned long long i;
	size_t at;

	if (!key || !*key || l->n < 2 || !number(l->w[1], r->q->n, &i) || !i)
		return;
	at = r->q->map[i - 1].at;
	if (r->q->map[i - 1].kind != kinds[key - keys] || (*key != 'T' && l->n < 3))
		return;
	if (*key == 'N')
		read_netdev(&f->netdevs[at], l);
	else if (*key == 'P')
		read_path(&f->paths[at], l);
	else if (*key == 'E')
		f->emulator_present = yes_no(l->w[2]);
	else if (*key == 'A')
		f->autostart_link = yes_no(l->w[2]);
	else if (*key == 'G')
		read_pages(&f->pages[at], l);
	else if (!strv_has(&f->tools, r->q->args.v[i - 1] + 2))
		strv_add(&f->tools, r->q->args.v[i - 1] + 2);
}

static void read_line(struct reply *r, const struct line *l)
{
	struct host_facts *f = r->f;
	const char *key = l->w[0];
	unsigned long long n;

	if (strcmp(key, "end") == 0)
		r->ended = true;
	else if (l->n < 2)
		return;
	else if (strcmp(key, "t0") == 0 && number(l->w[1], INT64_MAX, &n))
		r->t0_ns = n;
	else if (strcmp(key, "t1") == 0 && number(l->w[1], INT64_MAX, &n))
		r->t1_ns = n;
	else if (strcmp(key, "mid") == 0 && all_of(l->w[1], 32, 32, "0123456789abcdef"))
		keep(&f->machine_id, l->w[1]);
	else if (strcmp(key, "bid") == 0 && all_of(l->w[1], 36, 36, "0123456789abcdef-"))
		keep(&f->boot_id, l->w[1]);
	else if (strcmp(key, "arch") == 0 && all_of(l->w[1], 1, 32, "abcdefghijklmnopqrstuvwxyz0123456789_"))
		keep(&f->arch, l->w[1]);
	else if (strcmp(key, "mem") == 0)
		read_memory(f, l);
	else if (strcmp(key, "cpu") == 0)
		read_list(l->w[1], &f->cpus_online, &f->cpus);
	else if (strcmp(key, "node") == 0)
		read_list(l->w[1], &f->nodes_online, &f->numa_nodes);
	else if (strcmp(key, "port") == 0)
		read_port(f, l);
	else if (strcmp(key, "addr") == 0)
		read_address(f, l->w[1]);
	else if (strcmp(key, "addr6") == 0)
		read_address_hex(f, l->w[1]);
	else if (strcmp(key, "B") == 0)
		read_bridge(f, l);
	else
		read_argument(r, l);
}

/*
 * The host's clock against ours: of four moments (sent, t0, t1, got) the two on the host and the two here take the
 * script's own time out, and the rest is the way there and back (as NTP does it, RFC 5905 section 8).
 */
static void read_clock(const struct reply *r, int64_t sent, int64_t got)
{
	int64_t t0 = (int64_t)(r->t0_ns / 1000000), t1 = (int64_t)(r->t1_ns / 1000000);
	int64_t way = (got - sent) - (t1 - t0);

	/* a clock that was set meanwhile, or a host that makes it up */
	if (!r->t0_ns || t1 < t0 || t1 - t0 > got - sent + 1000)
		return;
	if (way < 0)
		way = 0;
	r->f->clock_offset_ms = (t0 - sent) / 2 + (t1 - got) / 2;
	r->f->clock_error_ms = way / 2 + 1;
	/* whole seconds only: a date(1) without nanoseconds */
	if (r->t0_ns % 1000000000 == 0 && r->t1_ns % 1000000000 == 0) {
		r->f->clock_offset_ms += 500;
		r->f->clock_error_ms += 1000;
	}
}

static struct line split_line(char *text)
{
	struct line l = { 0 };
	char *save = NULL;

	for (char *w = strtok_r(text, " ", &save); w && l.n < WORDS_MAX; w = strtok_r(NULL, " ", &save))
		l.w[l.n++] = w;
	return l;
}

int facts_script_parse(const struct buf *out, const struct facts_query *q, int64_t sent_ms, int64_t got_ms,
		       struct host_facts *f, struct err *err)
{
	struct reply r = { .q = q, .f = f };
	auto_free char *text = xcalloc(1, out->len + 1);
	char *save = NULL;

	/* a NUL ends the text for strtok_r: then the end is missing, as it should */
	if (out->len)
		memcpy(text, out->p, out->len);
	for (char *s = strtok_r(text, "\n", &save); s && !r.ended; s = strtok_r(NULL, "\n", &save)) {
		struct line l = split_line(s);

		if (l.n)
			read_line(&r, &l);
	}
	read_clock(&r, sent_ms, got_ms);
	if (f->port_max < f->port_min) {
		f->port_min = 49152;
		f->port_max = 49215;
	}
	if (!r.ended)
		return err_set(err, E_REMOTE, 0, "the host's answer about itself is cut short");
	return 0;
}

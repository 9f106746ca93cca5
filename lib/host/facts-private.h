/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of host/facts.c: a remote shell script, its answer, and libvirt's
 * documents. All but facts_ask_libvirt() are pure, so that tests can feed them
 * what no honest host would say.
 */
#ifndef HOST_FACTS_PRIVATE_H
#define HOST_FACTS_PRIVATE_H

#include "host/facts.h"

enum {
	FACTS_ARGS_MAX = 64 << 10, /* bytes of script arguments; what does not fit stays unknown */
	FACTS_NETDEVS_MAX = 512,
	FACTS_ADDRESSES_MAX = 128,
	FACTS_TEXT_MAX = 256, /* bytes of one string */
};

/*
 * What the script is asked. Its argument number i + 1 is args.v[i], a kind and a value ("d:br0"), and answers about
 * map[i]: an element of one of the arrays in struct host_facts. The script answers with the number only: no name comes
 * back.
 */
struct facts_arg {
	char kind; /* d netdev, p path, e emulator, t tool, a autostart link, g hugepages, c session configuration */
	size_t at;
};
struct facts_query {
	struct strv args;
	struct facts_arg *map;
	size_t n, bytes;
	const char *arch; /* of the domain: borrowed */
};
void facts_query_clear(struct facts_query *q);
#define auto_query AUTO(facts_query_clear)

/* Fills in the names of what domain d needs from a host of that side into f's arrays, and the script's arguments into
 * q. */
void facts_query_make(const struct domain *d, enum side side, const char *uri, struct host_facts *f,
		      struct facts_query *q);

extern const char facts_script[];

/*
 * Reads the script's answer. sent_ms, got_ms: wall clock here, before it was started and after it ended. -1 with
 * E_REMOTE: it did not come to its end; what did come is in f all the same.
 */
int facts_script_parse(const struct buf *out, const struct facts_query *q, int64_t sent_ms, int64_t got_ms,
		       struct host_facts *f, struct err *err);

/* Asks libvirt on connection c. Reasons of what stays unknown go to f->err (the first) and the log. */
void facts_ask_libvirt(struct _virConnect *c, const struct domain *d, enum side side, struct host_facts *f);

/* What libvirt's documents say. -1 with E_XML: not what it should be; f is then as before. */
int facts_parse_domcaps(const char *xml, struct host_facts *f, struct err *err);
int facts_parse_capabilities(const char *xml, struct host_facts *f, struct err *err);
/* portgroup may be NULL. */
int facts_parse_network(const char *xml, const char *portgroup, struct network_fact *n, struct err *err);

/*
 * Can this host give the domain the CPU it has now? By the list of models in the domain capabilities, for what
 * libvirt cannot compare. Sets cpu_ok and cpu_detail.
 */
void facts_cpu_by_list(const struct domain *d, struct host_facts *f);

/* Names of features out of libvirt's "… does not provide required features: a, b"; other texts add nothing. */
void facts_cpu_missing(const char *message, struct strv *missing);

/* s fit to be shown, at most FACTS_TEXT_MAX bytes; NULL gives NULL. Caller frees. */
char *facts_text(const char *s);

#endif

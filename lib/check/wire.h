/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What transports tls and ssh need on both hosts, as far as it can be found out before: TLS certificates and what
 * openssl says of them, and whether a socket of the destination is reached through SSH.
 */
#ifndef CHECK_WIRE_H
#define CHECK_WIRE_H

#include "check/proof.h"
#include "check/transport.h"
#include "host/tunnel.h"

/* ---- ssh ---- */

struct tunnel_proof {
	bool done;
	enum fact works; /* a socket was really reached through it */
	struct tunnel_way way;
	enum side side; /* where it failed */
	char *reason;   /* when NO or UNKNOWN */
};
void tunnel_proof_clear(struct tunnel_proof *p);

/*
 * How the source logs in at the destination: user and port of the URI by which its libvirt does (peer_uri, where that
 * is qemu+ssh), else of the configuration; to migrate_address where one is configured.
 */
void tunnel_way_choose(const char *peer_uri, const struct host_spec *dst, struct tunnel_way *w);

/* Makes a tunnel for a moment and tries it. Never fails. */
void tunnel_prove(struct host *src, struct host *dst, const char *uuid, struct tunnel_proof *p);

/* ---- tls ---- */

enum tls_cert { TLS_SRC_CA, TLS_SRC_CERT, TLS_DST_CA, TLS_DST_CERT, TLS_CERTS };
enum { TLS_NAMES_MAX = 4 };

/* What one host has; its certificate is the server's at the destination and the client's at the source. */
struct tls_side {
	enum fact asked; /* YES: the host answered */
	char *dir;       /* where libvirt there looks */
	/* files: 'y' there, 'n' not there, 'p' there but we may not read it, 0 not known */
	char ca, cert, key;
	enum fact verify;   /* its QEMU, as a server, wants certificates of clients */
	enum fact openssl;  /* it has the program */
	enum fact key_fits; /* key and certificate belong together */
	int64_t now_s;      /* its clock; 0 unknown */
	char *ca_pem, *cert_pem;
	char *reason; /* why nothing is known */
};

/* openssl's word on one of them. */
struct tls_word {
	int64_t from_s, until_s; /* validity; 0: not known */
	enum fact own, other;    /* is it of the CA of its own host, of the other host's? (certificates only) */
	char *own_reason, *other_reason;
};

struct tls_proof {
	bool done;
	struct tls_side src, dst;
	enum fact judged; /* openssl was there and answered; else unjudged_because */
	char *unjudged_because;
	struct tls_word word[TLS_CERTS];
	/* names that the destination goes by, the one that is dialled first, and whether its certificate is for them */
	struct strv names;
	enum fact named[TLS_NAMES_MAX];
};
void tls_proof_clear(struct tls_proof *p);

/* Which of p->names QEMU is to look for in the certificate; NULL: none of them is in it, or that is not known. */
const char *tls_name(const struct tls_proof *p);

/* Looks at the files of both hosts. Needs no other facts. Never fails. */
void tls_look(struct host *src, struct host *dst, struct tls_proof *p);
/* Asks openssl, on whichever host has it. dialled: the address that memory will be sent to. Never fails. */
void tls_judge(struct host *src, struct host *dst, const char *dialled, const char *hostname, struct tls_proof *p);

/* Of the scripts' answers; pure. -1: not what it should be. */
int tls_parse_side(const char *text, struct tls_side *s);
int tls_parse_words(const char *text, struct tls_proof *p);
/* "Nov 27 07:54:59 2027 GMT" as seconds since 1970; 0: no such date. */
int64_t tls_parse_date(const char *s);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way between the hosts: does it go together, does the tunnel carry, do the certificates fit. */
#include <string.h>
#include <time.h>

#include "check/checks.h"

static unsigned long older_of(unsigned long a, unsigned long b)
{
	return a < b ? a : b; /* 0, not known, counts for both */
}

static char *wire_text(const struct wire *w)
{
	auto_free char *parallel = wire_is_parallel(w) ? str_printf(", %u parallel connections", w->parallel) : NULL;

	return str_printf("transport %s%s%s", transport_name(w->transport), parallel ? parallel : "",
			  w->postcopy ? ", post-copy" : "");
}

void check_transport(const struct check_input *in, struct findings *f)
{
	const struct wire_versions v = {
		.libvirt = older_of(in->src.libvirt_version, in->dst.libvirt_version),
		.qemu = older_of(in->src.qemu_version, in->dst.qemu_version),
	};
	const char *problem = transport_problem(&in->wire, &v);
	auto_free char *object = wire_text(&in->wire);

	if (problem)
		found(f, SIDE_NONE, object, "%s", problem);
	else if (transport_unsure(&in->wire, &v) && !blind(in, SIDE_SOURCE, WAY_LIBVIRT) &&
		 !blind(in, SIDE_DESTINATION, WAY_LIBVIRT))
		found_unknown(f, SIDE_NONE, object,
			      "cannot be told whether the hosts can do that: a version is not known");
}

void check_postcopy(const struct check_input *in, struct findings *f)
{
	const struct postcopy_proof *p = &in->postcopy;
	const char *reason = p->reason ? p->reason : "the host did not say";

	if (!in->wire.postcopy || !p->done || p->works == FACT_YES)
		return;
	if (p->works == FACT_NO)
		found(f, SIDE_DESTINATION, "post-copy", "QEMU there cannot do it: %s", reason);
	else if (!blind(in, SIDE_DESTINATION, WAY_SHELL))
		found_unknown(f, SIDE_DESTINATION, "post-copy", "cannot be told whether QEMU there can do it: %s",
			      reason);
}

void check_ssh_tunnel(const struct check_input *in, struct findings *f)
{
	const struct tunnel_proof *p = &in->tunnel;
	auto_free char *way = p->way.address ? tunnel_way_text(&p->way) : xstrdup(in->dst_name);
	auto_free char *object = p->side == SIDE_DESTINATION ? xstrdup("socket in /run") : str_printf("ssh %s", way);
	const char *reason = p->reason ? p->reason : "the host did not say";

	if (in->wire.transport != TRANSPORT_SSH || p->works == FACT_YES)
		return;
	if (p->works == FACT_NO)
		found(f, p->side, object, "no socket of %s can be reached through it: %s", in->dst_name, reason);
	else if (!blind(in, SIDE_SOURCE, WAY_SHELL) && !blind(in, SIDE_DESTINATION, WAY_SHELL))
		found_unknown(f, p->side, object, "cannot be told whether sockets of %s can be reached through it: %s",
			      in->dst_name, reason);
}

/* ---- certificates ---- */

struct holder {
	const struct check_input *in;
	struct findings *f;
	enum side side;
	const struct tls_side *has;
	const char *role; /* of its certificate: "server", "client" */
	enum tls_cert ca, cert;
};

static char *file_object(const struct holder *h, const char *name)
{
	return str_printf("%s/%s", h->has->dir ? h->has->dir : "?", name);
}

static bool is_there(const struct holder *h, char state, const char *name)
{
	auto_free char *object = file_object(h, name);

	if (state == 'n')
		found(h->f, h->side, object, "is not there");
	else if (state == 'p')
		found_unknown(h->f, h->side, object, "cannot be read by the user we are there");
	else if (!state)
		found_unknown(h->f, h->side, object, "cannot be told whether it is there");
	return state == 'y';
}

static void date_text(int64_t s, char out[32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
		strcpy(out, "?");
}

/* By the clock of either host: each of them checks both ends. True: it is reported. */
static bool is_out_of_date(const struct holder *h, enum tls_cert i, const char *name)
{
	const struct tls_word *w = &h->in->tls.word[i];
	const int64_t now[] = { h->in->tls.src.now_s, h->in->tls.dst.now_s };
	const char *const whose[] = { h->in->src_name, h->in->dst_name };
	auto_free char *object = file_object(h, name);
	char limit[32], clock[32];

	for (size_t k = 0; k < ARRAY_SIZE(now); k++) {
		bool late = now[k] && w->until_s && now[k] > w->until_s;

		if (!late && !(now[k] && w->from_s && now[k] < w->from_s))
			continue;
		date_text(late ? w->until_s : w->from_s, limit);
		date_text(now[k], clock);
		found(h->f, h->side, object, "%s %s; the clock of %s says %s",
		      late ? "has expired at" : "is not valid before", limit, whose[k], clock);
		return true;
	}
	return false;
}

/* The CA on both hosts, then the dates: one finding for a file. */
static void judge(const struct holder *h, const char *cert_name)
{
	const struct tls_word *w = &h->in->tls.word[h->cert];
	const char *other = h->side == SIDE_SOURCE ? h->in->dst_name : h->in->src_name;
	auto_free char *object = file_object(h, cert_name);

	if (is_out_of_date(h, h->ca, "ca-cert.pem"))
		return;
	if (w->own == FACT_NO)
		found(h->f, h->side, object, "is not good by the ca-cert.pem beside it: %s", w->own_reason);
	else if (w->other == FACT_NO)
		found(h->f, h->side, object, "is not good by the ca-cert.pem of %s: %s", other, w->other_reason);
	else
		is_out_of_date(h, h->cert, cert_name);
}

static void check_holder(const struct holder *h)
{
	auto_free char *cert = str_printf("%s-cert.pem", h->role), *key = str_printf("%s-key.pem", h->role);
	auto_free char *object = file_object(h, key);
	bool none = h->has->cert == 'n' && h->has->key == 'n';

	if (h->has->asked != FACT_YES) {
		if (!blind(h->in, h->side, WAY_SHELL))
			found_unknown(h->f, h->side, "TLS certificates", "cannot be looked at: %s",
				      h->has->reason ? h->has->reason : "the host did not say");
		return;
	}
	if (!is_there(h, h->has->ca, "ca-cert.pem"))
		return;
	/* a server that asks no client for a certificate gets none */
	if (h->side == SIDE_SOURCE && none && h->in->tls.dst.verify == FACT_NO) {
		is_out_of_date(h, h->ca, "ca-cert.pem");
		return;
	}
	if (!is_there(h, h->has->cert, cert) || !is_there(h, h->has->key, key))
		return;
	if (h->has->key_fits == FACT_NO)
		found(h->f, h->side, object, "does not belong to %s", cert);
	else
		judge(h, cert);
}

/* QEMU looks for one name in the certificate; it may be told which, so that any of those that lead there will do. */
static void check_name(const struct holder *h)
{
	const struct tls_proof *p = &h->in->tls;
	auto_free char *names = strv_join(&p->names, ", "), *object = file_object(h, "server-cert.pem");
	size_t no = 0;

	for (size_t i = 0; i < p->names.n && i < TLS_NAMES_MAX; i++)
		no += p->named[i] == FACT_NO;
	if (no && no == p->names.n)
		found(h->f, h->side, object, "is for none of the names that %s is called by: %s", h->in->dst_name,
		      names);
}

void check_tls_certs(const struct check_input *in, struct findings *f)
{
	const struct holder src = { in, f, SIDE_SOURCE, &in->tls.src, "client", TLS_SRC_CA, TLS_SRC_CERT };
	const struct holder dst = { in, f, SIDE_DESTINATION, &in->tls.dst, "server", TLS_DST_CA, TLS_DST_CERT };
	size_t before = f->n;

	if (in->wire.transport != TRANSPORT_TLS)
		return;
	check_holder(&src);
	check_holder(&dst);
	if (f->n == before)
		check_name(&dst);
}

void check_tls_unchecked(const struct check_input *in, struct findings *f)
{
	const struct tls_proof *p = &in->tls;

	if (in->wire.transport != TRANSPORT_TLS || p->judged == FACT_YES || p->src.asked != FACT_YES ||
	    p->dst.asked != FACT_YES)
		return;
	found_unknown(f, SIDE_NONE, "TLS certificates",
		      "cannot be told whether they are valid now, of the right CA and for the right name: %s",
		      p->unjudged_because ? p->unjudged_because : "the host did not say");
}

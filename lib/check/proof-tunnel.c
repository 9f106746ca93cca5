/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does an SSH connection of the source carry UNIX sockets to the destination? Tried with one that somebody listens at.
 */
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "check/proof-private.h"
#include "check/wire.h"

void tunnel_proof_clear(struct tunnel_proof *p)
{
	tunnel_way_clear(&p->way);
	free(p->reason);
	*p = (struct tunnel_proof) { 0 };
}

void tunnel_way_choose(const char *peer_uri, const struct host_spec *dst, struct tunnel_way *w)
{
	struct ssh_uri u AUTO(ssh_uri_clear) = { 0 };
	bool plain = peer_uri && proof_plain_ssh(peer_uri, &u);

	w->user = xstrdup(plain ? u.user : dst->user ? dst->user : "");
	w->port = plain ? xstrdup(u.port) : dst->port ? str_printf("%u", dst->port) : xstrdup("");
	w->address = xstrdup(dst->migrate_address ? dst->migrate_address : plain ? u.host : dst->address);
}

static void fails(struct tunnel_proof *p, enum side side, const char *reason)
{
	p->works = FACT_NO;
	p->side = side;
	p->reason = xstrdup(reason);
}

/* That the two hosts could not be asked is no "no". */
static void cannot(struct tunnel_proof *p, enum side side, const struct err *err)
{
	if (err_is(err, E_REMOTE)) {
		fails(p, side, err->msg);
		return;
	}
	p->side = side;
	p->reason = xstrdup(err->msg);
}

static void try_it(struct host *src, const char *id, const char *uuid, struct tunnel_proof *p)
{
	static const char *const names[] = { TUNNEL_PROBE, NULL };
	struct err err auto_err = ERR_INIT;
	auto_free char *reason = NULL, *words = NULL;
	struct exec_hold *end = tunnel_connect(src, id, uuid, &p->way, names, &err);
	int rc = end ? tunnel_probe(src, id, &reason, &err) : -1;

	words = tunnel_end(end);
	if (rc > 0) {
		p->works = FACT_YES;
	} else if (rc == 0) {
		/* what ssh says of it is nearer to the cause: sshd over there may not permit it */
		fails(p, SIDE_SOURCE, words ? words : reason);
	} else if (end) { /* the tunnel is there, and only the program to try it is not */
		p->side = SIDE_SOURCE;
		p->reason = xstrdup(err.msg);
	} else {
		cannot(p, SIDE_SOURCE, &err);
	}
}

void tunnel_prove(struct host *src, struct host *dst, const char *uuid, struct tunnel_proof *p)
{
	struct err err auto_err = ERR_INIT;
	auto_free char *uri = host_peer_uri(dst), *id = NULL, *words = NULL;
	int64_t begin = clock_ms();
	struct exec_hold *end;
	unsigned random[2];

	p->done = true;
	tunnel_way_choose(uri, host_spec(dst), &p->way);
	if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
		p->reason = xstrdup("no random numbers");
		return;
	}
	id = str_printf("try-%08x%08x", random[0], random[1]);
	end = tunnel_listen(dst, id, true, &err);
	if (end)
		try_it(src, id, uuid, p);
	else
		cannot(p, SIDE_DESTINATION, &err);
	words = tunnel_end(end);
	log_debug("tunnel proof took %lld ms", (long long)(clock_ms() - begin));
}

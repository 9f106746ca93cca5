/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transports, and what goes together. The checks over them are in wire.c. */
#include "check/transport.h"

#include "base/str.h"

static const char *const names[] = { [TRANSPORT_TCP] = "tcp", [TRANSPORT_TLS] = "tls", [TRANSPORT_SSH] = "ssh" };

const char *transport_name(enum transport t)
{
	return names[t];
}

int transport_parse(const char *word, enum transport *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(word, names[i])) {
			*t = (enum transport)i;
			return 0;
		}
	return -1;
}

bool wire_is_parallel(const struct wire *w)
{
	return w->parallel > 1;
}

/*
 * A rule: where it applies, the versions must be at least these (0: any). libvirt's are those in which the flags and
 * parameters came, by its release notes; QEMU's: multifd is no longer experimental since 4.0, and may be used
 * together with post-copy since 10.1. never: no version does it.
 */
struct rule {
	bool (*applies)(const struct wire *w);
	unsigned long libvirt, qemu;
	bool never;
	const char *text;
};

static bool is_ssh_postcopy(const struct wire *w)
{
	return w->transport == TRANSPORT_SSH && w->postcopy;
}

static bool is_ssh(const struct wire *w)
{
	return w->transport == TRANSPORT_SSH;
}

static bool is_tls(const struct wire *w)
{
	return w->transport == TRANSPORT_TLS;
}

static bool is_parallel_postcopy(const struct wire *w)
{
	return wire_is_parallel(w) && w->postcopy;
}

static const struct rule rules[] = {
	{ is_ssh_postcopy, 0, 0, true,
	  "transport ssh and post-copy: the tunnel ends when vmmig does, and in post-copy the guest, whose memory is "
	  "then on two hosts, would stand still with it" },
	{ is_ssh, 6008000, 0, false, "transport ssh needs libvirt 6.8 or newer on both hosts" },
	{ is_tls, 5006000, 0, false, "transport tls needs libvirt 5.6 or newer on both hosts" },
	{ wire_is_parallel, 5002000, 4000000, false,
	  "parallel connections need libvirt 5.2 and QEMU 4.0 or newer on both hosts" },
	{ is_parallel_postcopy, 0, 10001000, false,
	  "parallel connections and post-copy go together only with QEMU 10.1 or newer on both hosts" },
};

static bool older(unsigned long is, unsigned long need)
{
	return is && is < need;
}

const char *transport_problem(const struct wire *w, const struct wire_versions *versions)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];

		if (!r->applies(w))
			continue;
		if (r->never || (versions && (older(versions->libvirt, r->libvirt) || older(versions->qemu, r->qemu))))
			return r->text;
	}
	return NULL;
}

bool transport_unsure(const struct wire *w, const struct wire_versions *versions)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *r = &rules[i];

		if (r->applies(w) && ((r->libvirt && !versions->libvirt) || (r->qemu && !versions->qemu)))
			return true;
	}
	return false;
}

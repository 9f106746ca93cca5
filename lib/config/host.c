/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HOST of the command line. */
#include <string.h>

#include "config/private.h"

static int unknown(const struct config *c, const char *host, struct err *err)
{
	auto_free char *shown = str_sanitize(host, 255);
	const char **names = xcalloc(c->hosts_n, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < c->hosts_n; i++)
		names[i] = c->hosts[i]->name;
	near = str_nearest(host, names, c->hosts_n);
	free(names);
	err_set(err, E_HOST_UNKNOWN, 0, "host \"%s\" is not in %s", shown, c->path ? c->path : "the configuration");
	if (near)
		return err_hint(err, "did you mean \"%s\"?", near);
	return err_hint(err, "if it is an address, write it as USER@%s or %s:22", shown, shown);
}

static int malformed(const char *host, const char *problem, struct err *err)
{
	auto_free char *shown = str_sanitize(host, 255);

	err_set(err, E_USAGE, 0, "host \"%s\": %s", shown, problem);
	return err_hint(err,
			"a host is a name of the configuration or [USER@]ADDRESS[:PORT]; an IPv6 address with a port"
			" stands in brackets");
}

/* rest: ADDRESS, ADDRESS:PORT, IPv6, [IPv6], [IPv6]:PORT. Gives the problem, or NULL. */
static const char *split_address(struct host_spec *h, const char *rest)
{
	const char *colon = strchr(rest, ':'), *port = NULL;
	unsigned long long v;

	if (*rest == '[') {
		const char *close = strchr(rest, ']');

		if (!close || (close[1] && close[1] != ':'))
			return "the bracket is not closed";
		h->address = xstrndup(rest + 1, (size_t)(close - rest - 1));
		port = close[1] ? close + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		h->address = xstrndup(rest, (size_t)(colon - rest));
		port = colon + 1;
	} else {
		h->address = xstrdup(rest);
	}
	if (port && str_to_uint(port, 1, 65535, &v) < 0)
		return "the port is not 1 to 65535";
	if (port)
		h->port = (unsigned)v;
	if (!*h->address)
		return "the address is empty";
	return config_address_problem(h->address) ? "the address is neither a host name nor an IP address" : NULL;
}

static const char *split(struct host_spec *h, const char *host)
{
	const char *at = strrchr(host, '@');

	if (at) {
		h->user = xstrndup(host, (size_t)(at - host));
		if (!*h->user)
			return "the user is empty";
		if (config_user_problem(h->user))
			return "the user is not a user name";
	}
	return split_address(h, at ? at + 1 : host);
}

struct host_spec *config_host(const struct config *c, const char *host, struct err *err)
{
	struct host_spec *h;
	const char *problem;

	for (size_t i = 0; i < c->hosts_n; i++)
		if (str_eq(c->hosts[i]->name, host))
			return host_spec_copy(c->hosts[i]);
	if (c->hosts_n && *host && !strpbrk(host, "@:.")) {
		unknown(c, host, err);
		return NULL;
	}
	h = config_new_host(c);
	h->name = xstrdup(host);
	problem = *host ? split(h, host) : "is empty";
	if (!problem)
		return h;
	host_spec_free(h);
	malformed(host, problem, err);
	return NULL;
}

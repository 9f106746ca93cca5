/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts that words of a command line name, or all of the configuration. */
#include "cmd.h"

int hosts_choose(struct app *app, const struct strv *names, struct host ***hosts, size_t *n, struct err *err)
{
	for (size_t i = 0; i < app->config->hosts_n && !names->n; i++)
		*ARRAY_ADD(*hosts, *n) = host_new(app->config->hosts[i]);
	for (size_t i = 0; i < names->n; i++) {
		struct host_spec *spec = config_host(app->config, names->v[i], err);

		if (!spec)
			return -1;
		*ARRAY_ADD(*hosts, *n) = host_new(spec);
		host_spec_free(spec);
	}
	if (*n)
		return 0;
	err_set(err, E_USAGE, 0, "the configuration has no hosts");
	return err_hint(err, "list them there, see vmmig.conf(5); vmmig list and vmmig recover scan also take their "
			     "addresses");
}

void hosts_drop(struct host **hosts, size_t n)
{
	hosts_free(hosts, n);
	free(hosts);
}

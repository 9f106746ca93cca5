/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a host gives as domain XML: a domain with all that is promised, or E_XML. */
#include <stdint.h>
#include <string.h>

#include "domain/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What domain.h promises, whatever came in. */
static void check(const struct domain *d)
{
	if (!d->name || strpbrk(d->name, "/\n") || !d->uuid || strlen(d->uuid) != 36)
		abort();
	for (size_t i = 0; i < d->disks_n; i++) {
		const struct disk *k = &d->disks[i];

		if (!k->target || !k->device || k->chain_n > DOMAIN_ITEMS_MAX)
			abort();
		for (size_t c = 0; c < k->chain_n; c++)
			if (k->chain[c].path && k->chain[c].source != DISK_NETWORK && *k->chain[c].path != '/')
				abort();
	}
	for (size_t i = 0; i < d->paths_n; i++)
		if (!d->paths[i].what || *d->paths[i].path != '/')
			abort();
	for (size_t i = 0; i < d->nics_n; i++)
		if (!d->nics[i].type)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *xml = xcalloc(size + 1, 1);
	auto_domain struct domain *d = NULL;

	if (size)
		memcpy(xml, data, size);
	d = domain_parse(xml, &err);
	if (d)
		check(d);
	else if (!err_is(&err, E_XML))
		abort();
	return 0;
}

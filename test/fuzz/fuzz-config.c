/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as configuration: E_CONFIG, or a configuration that prints as one which reads the same. */
#include <stdint.h>
#include <string.h>

#include "config/config.h"
#include "config/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct config *c)
{
	auto_buf struct buf one = { 0 }, two = { 0 };
	auto_config struct config *again = NULL;

	for (size_t i = 0; i < c->hosts_n; i++)
		if (!c->hosts[i]->name || !c->hosts[i]->address || c->hosts[i]->port > 65535)
			abort();
	if (c->max_downtime_ms < 1 || c->max_downtime_ms > 2000000 || c->timeout_s > 604800)
		abort();
	config_print(c, &one);
	again = config_read_text("printed", one.p, one.len, NULL);
	if (!again)
		abort();
	config_print(again, &two);
	if (strcmp(one.p, two.p) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *text = xcalloc(size + 1, 1);
	auto_config struct config *c = NULL;

	if (size)
		memcpy(text, data, size);
	c = config_read_text("fuzz", text, size, &err);
	if (c)
		check(c);
	else if (!err_is(&err, E_CONFIG))
		abort();
	return 0;
}

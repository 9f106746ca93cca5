/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log that libvirt keeps for a guest's QEMU on each host: QEMU's last words, and each of its starts. */
#include <string.h>

#include "base/clock.h"
#include "migrate/migrate.h"

char *guest_log_tail(struct host *h, const char *name, size_t max)
{
	auto_free char *path = str_printf("/var/log/libvirt/qemu/%s.log", name ? name : "");
	struct buf log auto_buf = { 0 };

	if (!name || strchr(name, '/') || host_read_file(h, path, max, true, &log, NULL) != 0 || !log.len)
		return NULL;
	return xstrdup(log.p);
}

bool guest_log_is_since(const char *line, int64_t wall_ms)
{
	char since[32];
	int day;

	if (strlen(line) < 19)
		return false;
	clock_iso(wall_ms, since);
	day = strncmp(line, since, 10);
	return day > 0 || (day == 0 && strncmp(line + 11, since + 11, 8) >= 0);
}

bool guest_log_has_start(char *log, int64_t wall_ms)
{
	for (char *save = NULL, *p = strtok_r(log, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		if (strstr(p, ": starting up libvirt") && guest_log_is_since(p, wall_ms))
			return true;
	return false;
}

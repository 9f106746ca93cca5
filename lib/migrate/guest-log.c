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

static bool is_dated(const char *line)
{
	static const char day[] = "0000-00-00";

	for (size_t i = 0; i < sizeof(day) - 1; i++)
		if (day[i] == '-' ? line[i] != '-' : line[i] < '0' || line[i] > '9')
			return false;
	return true;
}

enum fact guest_log_has_start(char *log, int64_t wall_ms)
{
	bool ran = false, started = false, older = false;

	for (char *save = NULL, *p = log ? strtok_r(log, "\n", &save) : NULL; p; p = strtok_r(NULL, "\n", &save)) {
		if (!is_dated(p))
			continue;
		if (!guest_log_is_since(p, wall_ms)) {
			older = true;
		} else if (strstr(p, ": starting up libvirt")) {
			ran |= started;
			started = true;
		} else if (strstr(p, ": shutting down, reason=failed")) {
			started = false; /* this time it never ran */
		}
	}
	return ran || started ? FACT_YES : older ? FACT_NO : FACT_UNKNOWN;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
	return now(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	return now(CLOCK_REALTIME);
}

char *clock_iso(int64_t wall_ms, char buf[32])
{
	time_t s = wall_ms / 1000;
	char date[24];
	struct tm tm;

	if (wall_ms < 0 || !gmtime_r(&s, &tm) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(buf, 32, "?"); /* no time of ours: the journal is damaged */
	else
		snprintf(buf, 32, "%s.%03dZ", date, (int)(wall_ms % 1000));
	return buf;
}

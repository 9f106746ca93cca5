/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"

static atomic_int level_now = LOG_WARN;

void log_set_level(enum log_level level)
{
	atomic_store(&level_now, level);
}

void log_at(enum log_level level, const char *fmt, ...)
{
	auto_free char *text = NULL, *clean = NULL;
	int saved = errno;
	va_list ap;

	if ((int)level > atomic_load(&level_now))
		return;
	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	clean = str_sanitize(text, 4096);
	if (atomic_load(&level_now) >= LOG_DEBUG)
		fprintf(stderr, "vmmig: [%lld] %s\n", (long long)clock_ms(), clean);
	else
		fprintf(stderr, "vmmig: %s%s\n", level == LOG_WARN ? "warning: " : "", clean);
	errno = saved;
}

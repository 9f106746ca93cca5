/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics on stderr, for people who look into what vmmig does (-v, -v -v).
 * Results and progress are not logged but reported (lib/report/). The level
 * is the process's, set once from the command line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_QUIET, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);

/* One line, sanitised, "vmmig: " before it. Safe from any thread; errno is kept. */
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif

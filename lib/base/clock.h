/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void);      /* CLOCK_MONOTONIC, ms; for intervals and deadlines */
int64_t clock_wall_ms(void); /* CLOCK_REALTIME, ms since 1970; for records */

/* Wall time as "2026-11-21T12:00:00.123Z"; buf holds at least 32 bytes and is returned. */
char *clock_iso(int64_t wall_ms, char buf[32]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BASE_QUOTE_H
#define BASE_QUOTE_H

#include <stdarg.h>

/*
 * The one place where an argument vector becomes a line for a remote shell:
 * sshd hands whatever it gets to the login shell. Every word is single-quoted
 * unless it is made of harmless characters only, so no byte of an argument is
 * ever seen by the shell as syntax (POSIX.1-2017 XCU 2.2.2).
 *
 * argv: NULL-terminated, at least one word. Returns a string the caller frees.
 */
char *quote_argv(const char *const argv[]);

/* One word in the same way; the caller frees. */
char *quote_word(const char *word);

/*
 * printf for commands that are shown to be typed: every %s is quoted as a word, since names and paths are data that may
 * hold
 * $(…). Knows %s, %d, %u (with l, ll, z) and %%. The caller frees.
 */
char *quote_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *quote_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#endif

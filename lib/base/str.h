/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings and memory. The x- and str_-functions never return NULL: a machine
 * that cannot give a few bytes cannot run the code that would report it
 * either, so they abort(); libvirt finishes a peer-to-peer migration alone.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

void *xcalloc(size_t n, size_t size);
/* Grows an array to n elements; new elements are zero. */
void *xgrow(void *p, size_t have, size_t want, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t max);
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *str_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_is_uuid(const char *s);           /* 8-4-4-4-12 hexadecimal digits; NULL is none */
bool str_starts(const char *s, const char *prefix);

/* Appends a zeroed element to array `(arr)[(n)]`, and gives its address. */
#define ARRAY_ADD(arr, n) (((arr) = xgrow((arr), (n), (n) + 1, sizeof(*(arr)))), &(arr)[(n)++])

/* A list of strings that it owns. */
struct strv {
	char **v; /* v[n] is NULL once something was added */
	size_t n;
};
void strv_add(struct strv *l, const char *s);
void strv_take(struct strv *l, char *s);
bool strv_has(const struct strv *l, const char *s);
char *strv_join(const struct strv *l, const char *sep); /* "" when empty */
void strv_clear(struct strv *l);
#define auto_strv AUTO(strv_clear)

/* A growing buffer with a limit; always NUL-terminated once something was added. */
struct buf {
	char *p;
	size_t len, cap;
	size_t limit;   /* bytes; 0: none */
	bool truncated; /* something was dropped because of the limit */
};
void buf_add(struct buf *b, const void *data, size_t len);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b);
#define auto_buf AUTO(buf_clear)

/*
 * A string that came from elsewhere, made fit to be shown: control characters and
 * invalid UTF-8 become \xNN, and what goes beyond max bytes becomes "…".
 * The caller frees.
 */
char *str_sanitize(const char *s, size_t max);

/* Decimal number in [min, max], all of s used. -1 if not. */
int str_to_uint(const char *s, unsigned long long min, unsigned long long max, unsigned long long *out);

/* The closest of n words by edit distance, or NULL if none is near (for "did you mean"). */
const char *str_nearest(const char *s, const char *const words[], size_t n);

/* Bytes as "1.5 GiB"; the caller frees. */
char *str_bytes(unsigned long long bytes);

/* Milliseconds as "840 ms", "12.3 s", "4 min 05 s"; the caller frees. */
char *str_duration(unsigned long long ms);

#endif

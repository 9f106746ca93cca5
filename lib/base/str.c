/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

void *xgrow(void *p, size_t have, size_t want, size_t size)
{
	char *q = reallocarray(p, want, size);

	if (!q)
		abort();
	memset(q + have * size, 0, (want - have) * size);
	return q;
}

char *xstrdup(const char *s)
{
	return s ? xstrndup(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t max)
{
	char *p = strndup(s, max);

	if (!p)
		abort();
	return p;
}

char *str_vprintf(const char *fmt, va_list ap)
{
	char *p;

	if (vasprintf(&p, fmt, ap) < 0)
		abort();
	return p;
}

char *str_printf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = str_vprintf(fmt, ap);
	va_end(ap);
	return p;
}

bool str_eq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_is_uuid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (!s || strlen(s) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)s[i]) : s[i] != form[i])
			return false;
	return true;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

void strv_take(struct strv *l, char *s)
{
	l->v = xgrow(l->v, l->n, l->n + 2, sizeof(*l->v));
	l->v[l->n++] = s;
}

void strv_add(struct strv *l, const char *s)
{
	strv_take(l, xstrdup(s));
}

bool strv_has(const struct strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], s))
			return true;
	return false;
}

char *strv_join(const struct strv *l, const char *sep)
{
	struct buf b = { 0 };

	buf_add(&b, "", 0);
	for (size_t i = 0; i < l->n; i++)
		buf_addf(&b, "%s%s", i ? sep : "", l->v[i]);
	return b.p;
}

void strv_clear(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strv) { 0 };
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (b->limit && len > b->limit - b->len) {
		len = b->limit - b->len;
		b->truncated = true;
	}
	if (b->len + len + 1 > b->cap) {
		size_t cap = (b->len + len + 1) * 2;

		b->p = xgrow(b->p, b->cap, cap, 1);
		b->cap = cap;
	}
	if (len)
		memcpy(b->p + b->len, data, len);
	b->len += len;
	b->p[b->len] = '\0';
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	auto_free char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = str_vprintf(fmt, ap);
	va_end(ap);
	buf_add(b, s, strlen(s));
}

void buf_clear(struct buf *b)
{
	free(b->p);
	*b = (struct buf) { .limit = b->limit };
}

/* Length of the valid UTF-8 sequence at s that is also fit to print, or 0. */
static size_t printable_utf8(const unsigned char *s)
{
	uint32_t cp;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2, cp = s[0] & 0x1f;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3, cp = s[0] & 0x0f;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4, cp = s[0] & 0x07;
	else
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && cp < 0x800) || (n == 4 && cp < 0x10000) || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	/* C1 controls, and the marks that reorder text on a terminal */
	if (cp < 0xa0 || (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069))
		return 0;
	return n;
}

char *str_sanitize(const char *s, size_t max)
{
	struct buf b = { 0 };

	buf_add(&b, "", 0);
	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		size_t n = printable_utf8(p);

		if (b.len + (n ? n : 4) > max) {
			buf_addf(&b, "…");
			break;
		}
		if (n)
			buf_add(&b, p, n);
		else
			buf_addf(&b, "\\x%02x", *p);
		p += n ? n : 1;
	}
	return b.p;
}

int str_to_uint(const char *s, unsigned long long min, unsigned long long max, unsigned long long *out)
{
	unsigned long long v;
	char *end;

	if (!s || *s < '0' || *s > '9') /* strtoull takes signs and spaces */
		return -1;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || *end || v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance of two short words. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), row[65];

	if (la > 64 || lb > 64)
		return 64;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diag = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t up = row[j];

			row[j] = min3(up + 1, row[j - 1] + 1, diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return row[lb];
}

const char *str_nearest(const char *s, const char *const words[], size_t n)
{
	const char *best = NULL;
	size_t best_d = strlen(s) / 3 + 2; /* further off is a guess, not a help */

	if (strlen(s) > 64)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t d = distance(s, words[i]);

		if (d < best_d) {
			best_d = d;
			best = words[i];
		}
	}
	return best;
}

char *str_bytes(unsigned long long bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1024 && u + 1 < ARRAY_SIZE(unit)) {
		v /= 1024;
		u++;
	}
	return str_printf(u ? "%.1f %s" : "%.0f %s", v, unit[u]);
}

char *str_duration(unsigned long long ms)
{
	if (ms < 1000)
		return str_printf("%llu ms", ms);
	if (ms < 120000)
		return str_printf("%llu.%llu s", ms / 1000, ms % 1000 / 100);
	return str_printf("%llu min %02llu s", ms / 60000, ms / 1000 % 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look at the text before libconfig. libconfig 1.5 cuts integers to 32 bits
 * (port = 4294967318 would be 22), takes a comment without end for the rest of
 * the file, and follows @include without asking who may write that file.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "config/private.h"

struct scan {
	const char *path;
	const char *p;
	unsigned line;
	struct buf *out;
};

static void copy(struct scan *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->line += s->p[i] == '\n';
	buf_add(s->out, s->p, n);
	s->p += n;
}

static bool is_include(const char *p)
{
	p += strspn(p, " \t");
	return str_starts(p, "@include");
}

static size_t string_length(const char *p)
{
	size_t n = 1;

	while (p[n] && p[n] != '"')
		n += p[n] == '\\' && p[n + 1] ? 2 : 1;
	return p[n] ? n + 1 : n;
}

/* Marks what does not fit into an int as a long number, so that libconfig keeps its value. */
static void copy_number(struct scan *s)
{
	size_t sign = *s->p == '-' || *s->p == '+';
	bool hex = s->p[sign] == '0' && (s->p[sign + 1] | 0x20) == 'x';
	size_t n = sign + (hex ? 2 : 0);
	long long v;

	n += strspn(s->p + n, hex ? "0123456789abcdefABCDEF" : "0123456789");
	errno = 0;
	v = strtoll(s->p, NULL, hex ? 16 : 10);
	copy(s, n);
	if ((errno || v < INT_MIN || v > INT_MAX) && !(*s->p && strchr("Ll.eE", *s->p)))
		buf_add(s->out, "L", 1);
	/* the rest of a floating-point number or of a word is not a new number */
	copy(s, strspn(s->p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._+-*"));
}

/* One token or one byte. */
static int step(struct scan *s, struct err *err)
{
	const char *p = s->p, *end;

	if (str_starts(p, "/*")) {
		end = strstr(p + 2, "*/");
		if (!end)
			return err_set(err, E_CONFIG, 0, "%s:%u: comment without end", s->path, s->line);
		copy(s, (size_t)(end + 2 - p));
	} else if (*p == '#' || str_starts(p, "//")) {
		copy(s, strcspn(p, "\n"));
	} else if (*p == '"') {
		copy(s, string_length(p));
	} else if (isdigit((unsigned char)*p) || ((*p == '-' || *p == '+') && isdigit((unsigned char)p[1]))) {
		copy_number(s);
	} else if (isalpha((unsigned char)*p) || *p == '*') {
		copy(s, strspn(p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-*"));
	} else {
		copy(s, 1);
	}
	return 0;
}

int config_scan(const char *path, const char *text, size_t len, struct buf *out, struct err *err)
{
	struct scan s = { .path = path, .p = text, .line = 1, .out = out };
	unsigned line = 1;

	buf_add(out, "", 0);
	for (const char *l = text; *l; l += strcspn(l, "\n"), l += *l == '\n', line++) {
		if (is_include(l)) {
			err_set(err, E_CONFIG, 0, "%s:%u: @include is not supported", path, line);
			return err_hint(err, "keep the whole configuration in one file");
		}
	}
	while (*s.p)
		if (step(&s, err) < 0)
			return -1;
	if ((size_t)(s.p - text) != len)
		return err_set(err, E_CONFIG, 0, "%s:%u: NUL byte", path, s.line);
	/* libconfig wants a newline after a comment, also after the last one */
	if (len && text[len - 1] != '\n')
		buf_add(out, "\n", 1);
	return 0;
}

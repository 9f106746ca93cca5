/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/quote.h"

#include <string.h>

#include "base/str.h"

static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,";

static void add_word(struct buf *b, const char *w)
{
	if (*w && w[strspn(w, harmless)] == '\0') {
		buf_add(b, w, strlen(w));
		return;
	}
	buf_add(b, "'", 1);
	for (; *w; w++) {
		if (*w == '\'')
			buf_add(b, "'\\''", 4);
		else
			buf_add(b, w, 1);
	}
	buf_add(b, "'", 1);
}

char *quote_argv(const char *const argv[])
{
	struct buf b = { 0 };

	for (size_t i = 0; argv[i]; i++) {
		if (i)
			buf_add(&b, " ", 1);
		add_word(&b, argv[i]);
	}
	return b.p;
}

char *quote_word(const char *word)
{
	const char *argv[] = { word, NULL };

	return quote_argv(argv);
}

/* One number, of the size its length modifier says. */
static void add_number(struct buf *b, const char *length, char conversion, va_list *ap)
{
	bool is_signed = conversion == 'd';

	if (strcmp(length, "ll") == 0)
		buf_addf(b, is_signed ? "%lld" : "%llu", va_arg(*ap, unsigned long long));
	else if (strcmp(length, "l") == 0)
		buf_addf(b, is_signed ? "%ld" : "%lu", va_arg(*ap, unsigned long));
	else if (strcmp(length, "z") == 0)
		buf_addf(b, is_signed ? "%zd" : "%zu", va_arg(*ap, size_t));
	else
		buf_addf(b, is_signed ? "%d" : "%u", va_arg(*ap, unsigned));
}

char *quote_vprintf(const char *fmt, va_list args)
{
	struct buf b = { 0 };
	va_list ap;

	va_copy(ap, args);
	buf_add(&b, "", 0);
	while (*fmt) {
		size_t plain = strcspn(fmt, "%"), n;
		char length[3] = "";

		buf_add(&b, fmt, plain);
		fmt += plain;
		if (!*fmt)
			break;
		n = strspn(++fmt, "lz");
		memcpy(length, fmt, n < 2 ? n : 2);
		fmt += n;
		if (*fmt == 's') {
			const char *word = va_arg(ap, const char *);

			add_word(&b, word ? word : "");
		} else if (*fmt == '%') {
			buf_add(&b, "%", 1);
		} else {
			add_number(&b, length, *fmt, &ap);
		}
		fmt++;
	}
	va_end(ap);
	return b.p;
}

char *quote_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = quote_vprintf(fmt, ap);
	va_end(ap);
	return s;
}

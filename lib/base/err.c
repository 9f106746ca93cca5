/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/quote.h"
#include "base/str.h"

const struct err_info err_infos[ERR_ID_COUNT] = {
#define X(sym, id_, status_, text_) [sym] = { .id = (id_), .status = (status_), .text = (text_) },
	ERR_IDS(X)
#undef X
};

enum status status_worst(enum status a, enum status b)
{
	/* Index: status; value: how bad. */
	static const int rank[] = {
		[STATUS_OK] = 0,    [STATUS_CANCELLED] = 1,   [STATUS_BUSY] = 2,   [STATUS_REFUSED] = 3,
		[STATUS_USAGE] = 4, [STATUS_UNREACHABLE] = 5, [STATUS_FAILED] = 6, [STATUS_UNDECIDED] = 7,
	};

	return rank[a] >= rank[b] ? a : b;
}

static void set_message(struct err *err, int errnum, const char *fmt, va_list ap)
{
	auto_free char *text = str_vprintf(fmt, ap);

	if (errnum)
		err->msg = str_printf("%s: %s", text, strerror(errnum));
	else
		err->msg = STEAL(text);
}

int err_set(struct err *err, enum err_id id, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (!err || err->id)
		return -1;
	err->id = err_infos[id].id;
	err->status = err_infos[id].status;
	va_start(ap, fmt);
	set_message(err, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int err_set_id(struct err *err, const char *id, enum status status, const char *fmt, ...)
{
	va_list ap;

	if (!err || err->id)
		return -1;
	err->id = id;
	err->status = status;
	va_start(ap, fmt);
	set_message(err, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	auto_free char *prefix = NULL;
	va_list ap;
	char *msg;

	if (!err || !err->id)
		return -1;
	va_start(ap, fmt);
	prefix = str_vprintf(fmt, ap);
	va_end(ap);
	msg = str_printf("%s: %s", prefix, err->msg);
	free(err->msg);
	err->msg = msg;
	return -1;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err || !err->id || err->hint)
		return -1;
	va_start(ap, fmt);
	err->hint = quote_vprintf(fmt, ap);
	va_end(ap);
	return -1;
}

int err_hint_text(struct err *err, const char *text)
{
	if (err && err->id && !err->hint)
		err->hint = xstrdup(text);
	return -1;
}

bool err_is(const struct err *err, enum err_id id)
{
	return err->id && strcmp(err->id, err_infos[id].id) == 0;
}

void err_move(struct err *to, struct err *from)
{
	if (to) {
		err_clear(to);
		*to = *from;
		*from = (struct err)ERR_INIT;
	} else {
		err_clear(from);
	}
}

int err_copy(struct err *to, const struct err *from)
{
	if (to && !to->id)
		*to = (struct err) {
			.id = from->id, .status = from->status, .msg = xstrdup(from->msg), .hint = xstrdup(from->hint)
		};
	return -1;
}

void err_clear(struct err *err)
{
	free(err->msg);
	free(err->hint);
	*err = (struct err)ERR_INIT;
}

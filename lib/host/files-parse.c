/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answers of the scripts in files-script.c. A host's word: one word too many or too few and none is used. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/files-private.h"

enum {
	W_PRESENT,
	W_MODE,
	W_DEV,
	W_INO,
	W_SIZE,
	W_BLOCKS,
	W_MTIME,
	W_CTIME,
	W_UID,
	W_GID,
	W_USER,
	W_GROUP,
	W_LABEL,
	W_DEVSIZE,
	W_BUSY,
	W_WRITABLE,
	W_PARENT,
	W_DIR,
	W_DIR_DEV,
	W_AVAIL,
	W_BSIZE,
	WORDS
};

#define SIZE_LIMIT (UINT64_C(1) << 60)

char *file_id_text(struct file_id id)
{
	return str_printf("%" PRIu64 ":%" PRIu64, id.dev, id.ino);
}

bool file_id_eq(struct file_id a, struct file_id b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

static int number(const char *s, uint64_t max, uint64_t *out)
{
	unsigned long long v;

	if (str_to_uint(s, 0, max, &v) < 0)
		return -1;
	*out = v;
	return 0;
}

int file_id_parse(const char *text, struct file_id *id)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	auto_free char *dev = colon ? xstrndup(text, (size_t)(colon - text)) : NULL;

	return colon && number(dev, UINT64_MAX, &id->dev) == 0 && number(colon + 1, UINT64_MAX, &id->ino) == 0 ? 0 : -1;
}

/* "1700000000.123456789"; before 1970 is as good as 1970: it is only compared. */
static int time_ns(const char *s, int64_t *out)
{
	const char *dot = strchr(s, '.');
	auto_free char *sec = xstrndup(s, dot ? (size_t)(dot - s) : strlen(s));
	uint64_t seconds, ns = 0;

	if (*s == '-')
		seconds = 0;
	else if (number(sec, INT64_MAX / 1000000000 - 1, &seconds) < 0)
		return -1;
	else if (dot && (strlen(dot + 1) != 9 || number(dot + 1, 999999999, &ns) < 0))
		return -1;
	*out = (int64_t)(seconds * 1000000000 + ns);
	return 0;
}

static char kind_of(unsigned mode)
{
	switch (mode & 0170000) {
	case 0100000:
		return 'f';
	case 0040000:
		return 'd';
	case 0060000:
		return 'b';
	default:
		return 'o';
	}
}

static char *word_or_null(const char *s)
{
	return str_eq(s, "-") ? NULL : str_sanitize(s, 255);
}

/* What the file itself is. */
static int parse_file(char *const w[WORDS], struct file_fact *f)
{
	unsigned mode;
	uint64_t blocks;
	char end;

	if (sscanf(w[W_MODE], "%x%c", &mode, &end) != 1 || number(w[W_DEV], UINT64_MAX, &f->id.dev) < 0 ||
	    number(w[W_INO], UINT64_MAX, &f->id.ino) < 0 || number(w[W_SIZE], SIZE_LIMIT, &f->size) < 0 ||
	    number(w[W_BLOCKS], SIZE_LIMIT / 512, &blocks) < 0 || time_ns(w[W_MTIME], &f->mtime_ns) < 0 ||
	    time_ns(w[W_CTIME], &f->ctime_ns) < 0 || number(w[W_UID], UINT32_MAX, &f->uid) < 0 ||
	    number(w[W_GID], UINT32_MAX, &f->gid) < 0)
		return -1;
	f->kind = kind_of(mode);
	f->mode = mode & 07777;
	f->allocated = blocks * 512;
	f->user = word_or_null(w[W_USER]);
	f->group = word_or_null(w[W_GROUP]);
	f->label = word_or_null(w[W_LABEL]);
	if (f->kind == 'b') {
		f->size = f->allocated = 0;
		if (!str_eq(w[W_DEVSIZE], "-") && number(w[W_DEVSIZE], SIZE_LIMIT, &f->size) < 0)
			return -1;
		f->busy = str_eq(w[W_BUSY], "y") ? FACT_YES : FACT_NO;
	}
	return 0;
}

static int parse_dir(char *const w[WORDS], struct file_fact *f)
{
	uint64_t avail = 0, bsize = 0;

	if (number(w[W_DIR_DEV], UINT64_MAX, &f->dir_dev) < 0)
		return -1;
	if (!str_eq(w[W_AVAIL], "-") &&
	    (number(w[W_AVAIL], SIZE_LIMIT, &avail) < 0 || number(w[W_BSIZE], 1 << 30, &bsize) < 0))
		return -1;
	f->dir_writable = str_eq(w[W_WRITABLE], "y") ? FACT_YES : FACT_NO;
	f->dir_is_parent = str_eq(w[W_PARENT], "y");
	f->dir_is_none = !str_eq(w[W_DIR], "y");
	if (__builtin_mul_overflow(avail, bsize, &f->avail))
		f->avail = SIZE_LIMIT;
	if (str_eq(w[W_AVAIL], "-"))
		f->avail = UINT64_MAX;
	return 0;
}

static int parse_line(char *line, struct file_fact *f)
{
	char *w[WORDS], *save = NULL;
	size_t n = 0;

	for (char *p = strtok_r(line, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		if (n == WORDS)
			return -1;
		w[n++] = p;
	}
	if (n != WORDS || strlen(w[W_PRESENT]) != 1)
		return -1;
	switch (*w[W_PRESENT]) {
	case 'y':
		f->present = FACT_YES;
		return parse_file(w, f) < 0 ? -1 : parse_dir(w, f);
	case 'l':
		f->present = FACT_YES;
		f->kind = 'o';
		return parse_dir(w, f);
	case 'n':
		f->present = FACT_NO;
		return parse_dir(w, f);
	case 'u':
		f->present = FACT_UNKNOWN;
		return parse_dir(w, f);
	default:
		return -1;
	}
}

int files_parse_stat(const char *text, size_t n, struct file_fact *out)
{
	auto_free char *copy = xstrdup(text);
	char *save = NULL, *line = strtok_r(copy, "\n", &save);
	size_t i = 0;

	for (; line && i < n && parse_line(line, &out[i]) == 0; line = strtok_r(NULL, "\n", &save))
		i++;
	if (i == n && str_eq(line, "end"))
		return 0;
	for (i = 0; i < n; i++)
		file_fact_clear(&out[i]);
	return -1;
}

static int parse_range(const char *line, struct ranges *out)
{
	const char *space = strchr(line, ' ');
	auto_free char *left = space ? xstrndup(line, (size_t)(space - line)) : NULL;
	unsigned long long from, to;

	if (!left || str_to_uint(left, 0, IMAGE_SIZE_MAX, &from) < 0 ||
	    str_to_uint(space + 1, from + 1, IMAGE_SIZE_MAX, &to) < 0 || (out->n && from < out->v[out->n - 1].to))
		return -1;
	ranges_add(out, from, to);
	return 0;
}

int files_parse_map(char *text, struct ranges *out)
{
	bool ended = false, bad = !text;

	for (char *save = NULL, *p = bad ? NULL : strtok_r(text, "\n", &save); p && !bad;
	     p = strtok_r(NULL, "\n", &save)) {
		bad = ended || (!str_eq(p, "end") && parse_range(p, out) < 0);
		ended = str_eq(p, "end");
	}
	if (ended && !bad)
		return 0;
	ranges_clear(out);
	return -1;
}

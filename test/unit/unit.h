/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the unit tests share. They run in the root of the source tree and need
 * no root and no hypervisor; each makes what it needs under a directory of its own.
 */
#ifndef UNIT_H
#define UNIT_H

/* cmocka wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

/* The file as a string; the caller frees. */
static inline char *unit_read_file(const char *path)
{
	struct buf b = { 0 };
	char chunk[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		fail_msg("%s cannot be read; run the tests in the root of the source tree", path);
	buf_add(&b, "", 0);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&b, chunk, n);
	fclose(f);
	return b.p;
}

#endif

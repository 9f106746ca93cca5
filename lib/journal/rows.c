/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows that belong to one migration, whatever they are. */
#include "base/str.h"
#include "journal/private.h"

int journal_rows(struct journal *j, const char *sql, const char *migration, size_t size,
		 void (*read)(sqlite3_stmt *s, void *row), struct journal_rows *out, struct err *err)
{
	auto_stmt sqlite3_stmt *s = journal_prepare(j, sql, err);
	int rc;

	*out = (struct journal_rows) { 0 };
	if (!s)
		return -1;
	journal_bind_text(s, 1, migration);
	while ((rc = journal_step(j, s, err)) > 0) {
		char *row;

		out->v = xgrow(out->v, out->n, out->n + 1, size);
		row = (char *)out->v + out->n++ * size;
		read(s, row);
	}
	return rc;
}

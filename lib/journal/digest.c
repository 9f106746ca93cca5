/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digests of files that take long to read: only a saving of time, so nothing that fails here is an error. */
#include <string.h>

#include "base/clock.h"
#include "journal/private.h"

bool journal_digest_get(struct journal *j, const char *host, const char *key, char *hex, size_t size)
{
	struct err err auto_err = ERR_INIT;
	auto_stmt sqlite3_stmt *s = journal_prepare(j, "SELECT digest FROM digest WHERE host = ?1 AND file = ?2", &err);
	const char *text;

	if (!s)
		return false;
	journal_bind_text(s, 1, host);
	journal_bind_text(s, 2, key);
	if (journal_step(j, s, &err) != 1)
		return false;
	text = (const char *)sqlite3_column_text(s, 0);
	if (!text || strlen(text) + 1 != size)
		return false;
	memcpy(hex, text, size);
	return true;
}

void journal_digest_put(struct journal *j, const char *host, const char *key, const char *hex)
{
	struct err err auto_err = ERR_INIT;
	auto_stmt sqlite3_stmt *s = journal_prepare(
		j, "INSERT OR REPLACE INTO digest (host, file, digest, at_ms) VALUES (?1, ?2, ?3, ?4)", &err);

	if (!s)
		return;
	journal_bind_text(s, 1, host);
	journal_bind_text(s, 2, key);
	journal_bind_text(s, 3, hex);
	sqlite3_bind_int64(s, 4, clock_wall_ms());
	journal_step(j, s, &err);
}

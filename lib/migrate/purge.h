/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source images that were put away after a block migration, and how they go for good. */
#ifndef MIGRATE_PURGE_H
#define MIGRATE_PURGE_H

#include "host/files.h"
#include "journal/journal.h"

struct quarantined {
	char *migration, *guest, *host; /* host: its name at that time */
	char *path;                     /* under its new name */
	struct file_id id;
	int64_t at_ms; /* wall clock */
	int64_t effect;
};
void quarantined_free(struct quarantined *v, size_t n);

/* Those the journal knows and that were not purged yet, oldest first; guest NULL: all. 0 or -1 with E_JOURNAL. */
int quarantined_list(struct journal *j, const char *guest, struct quarantined **out, size_t *n, struct err *err);

/*
 * Removes one on its host, if it is still that file and nobody has it open, and journals it. 0: removed; 2: it was not
 * there any more; 1: it was left, *why says why (static); -1 err.
 */
int quarantined_purge(struct journal *j, struct host *h, const struct quarantined *q, const char **why,
		      struct err *err);

#endif

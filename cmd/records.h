/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Journal records as lines and JSON, for status and history (records.c). */
#ifndef RECORDS_H
#define RECORDS_H

#include "cmd.h"

/* The one a word means: by its ID, or the newest of a guest (E_GUEST_UNKNOWN). The caller clears r. */
int record_find(struct app *app, const char *word, struct migration_record *r, struct err *err);
void record_show(struct app *app, const struct migration_record *r);
/* Its effects and events, after record_show(). */
int record_show_details(struct app *app, const struct migration_record *r, struct err *err);
/* What is to be said of a record's process: "running (pid 12)", "its vmmig is gone (pid 12)", …; caller frees. */
char *record_process(const struct migration_record *r);

#endif

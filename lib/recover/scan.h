/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong anywhere in a fleet. Pure: what all hosts show in, troubles out. */
#ifndef RECOVER_SCAN_H
#define RECOVER_SCAN_H

#include "recover/diagnosis.h"

struct trouble {
	const char *kind; /* finding_infos[].name, or "same disk", "left file", … (scan_kinds) */
	bool serious;     /* it wants a person; else it only lies around */
	char *uuid;       /* NULL: of no guest */
	char *guest;      /* its name, or NULL */
	struct strv hosts;
	char *text;    /* what is to be seen, and why that is wrong */
	char *command; /* what mends it; NULL: nothing does blindly */
};

/* The kinds that are not findings of one guest; NULL-terminated. */
extern const char *const scan_kinds[];

/* In the order of guests, then of hosts; the caller frees by troubles_free(). */
void scan(const struct fleet *f, struct trouble **out, size_t *n);
/* Keeps those of v that are in `again`, too: the same kind, guest and hosts. What was only there for a moment goes. */
void troubles_confirm(struct trouble **v, size_t *n, const struct trouble *again, size_t again_n);
void troubles_free(struct trouble *v, size_t n);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is the matter with a guest, and what may be done about it? Pure and total: what all hosts show in, a finding
 * and its rule out. vmmig-recover(1) has the table.
 *
 * No finding lets one side be stopped unless another is proven running; where a host is unknown that could have it,
 * nothing is proven.
 */
#ifndef RECOVER_DIAGNOSIS_H
#define RECOVER_DIAGNOSIS_H

#include "migrate/verdict.h"
#include "recover/fleet.h"

enum finding_kind {
	FOUND_HEALTHY,   /* active once, and nothing else of it anywhere */
	FOUND_OFF,       /* defined once, and not active */
	FOUND_ABSENT,    /* nobody knows it */
	FOUND_MOVED,     /* of a record: it has moved, and the record has no end */
	FOUND_STAYED,    /* of a record: it has stayed */
	FOUND_BUSY,      /* a vmmig works on it */
	FOUND_ADOPT,     /* a migration of it still runs */
	FOUND_FINISH,    /* it runs at `keep`; `other` holds a half that is left over */
	FOUND_ROLL_BACK, /* it is at `keep` alone, paused by a migration that has failed: it is resumed there */
	FOUND_POSTCOPY,  /* post-copy was interrupted: its memory is on `keep` (destination) and `other` (source) */
	FOUND_STUCK,     /* at `keep` alone, with a migration job that goes nowhere */
	FOUND_HUNG,      /* at `keep` alone, and its QEMU does not answer, or was stopped by a signal */
	FOUND_TWICE,     /* active at `keep`, and defined at `other`, too; neither: off, and defined on several hosts */
	FOUND_STRAY,     /* `other` has a QEMU of it that its libvirt does not know */
	FOUND_SPLIT,     /* active on several hosts */
	FOUND_LOST,      /* one half of a guest in post-copy has ended, and its memory with it */
	FOUND_UNDECIDED, /* what is seen fits no rule, or a host is unknown */
};
enum { FOUND_COUNT = FOUND_UNDECIDED + 1 };

struct finding_info {
	const char *name;   /* "split brain" */
	bool trouble;       /* it wants somebody to act */
	bool safe;          /* `vmmig recover GUEST` mends it by itself */
	const char *option; /* else what to add to that, for whoever has looked; NULL: nothing helps blindly */
	bool names_host;    /* and behind that a host */
	const char *advice; /* a sentence */
};
extern const struct finding_info finding_infos[FOUND_COUNT];

struct diagnosis {
	enum finding_kind kind;
	size_t keep, other; /* indices into the presences; SIZE_MAX: none */
	const char *rule;   /* static */
};

/* v: n presences, as of fleet_presence(). */
struct diagnosis diagnose(const struct presence *v, size_t n);

/*
 * The same for a migration of the journal that has not ended, by its own rules (verdict.h): cold: of a guest that was
 * off. alive: its vmmig runs.
 */
struct diagnosis diagnose_record(const struct guest_look *src, const struct guest_look *dst, bool cold, bool alive);

/* Of one that has ended, and has left something: what became of the guest since is not asked, but both must answer. */
struct diagnosis diagnose_leftover(const struct guest_look *src, const struct guest_look *dst, bool moved);

/* The command that mends it (NULL: none does blindly): "vmmig recover web1 --keep HOST"; what is not said by the
 * finding in capitals. */
char *diagnosis_command(const struct diagnosis *d, const char *guest, const char *keep_host, const char *other_host);

#endif

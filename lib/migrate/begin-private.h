/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of begin, which guests that run and those that are off share. */
#ifndef MIGRATE_BEGIN_PRIVATE_H
#define MIGRATE_BEGIN_PRIVATE_H

#include "migrate/migrate.h"

/* Looks for m->guest at the source: m->facts.look. */
int begin_find(struct migration *m, struct err *err);
/* Finds it, opens the record, takes the lease, and finds it again. */
int begin_lease(struct migration *m, struct err *err);
/* All checks of m->mode over m->domain. quiet: findings are only told when one of them refuses. */
int begin_checks(struct migration *m, bool quiet, struct err *err);
/* The description for the destination, with the paths that its files get there; caller frees *out. */
int begin_rewrite(struct migration *m, enum guest_xml kind, char **out, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The domain XML of a guest whose files lie elsewhere. */
#ifndef DOMAIN_REWRITE_H
#define DOMAIN_REWRITE_H

#include <stdbool.h>

#include "base/err.h"
#include "domain/remap.h"

/*
 * The same domain XML, with the path of each <disk> and of each <backingStore> in it as remap_path() gives it: files
 * (source file=) and block devices (source dev=), chain element by chain element. Nothing else changes, neither the
 * type of a disk nor a <mirror>; *changed tells whether any path did, and if none, the text is that of xml. Limits are
 * those of domain.h, also for what comes out. NULL with E_XML: as domain_parse(), but only the root element and the
 * disks are looked at. The caller frees.
 */
char *domain_rewrite(const char *xml, const struct remap *r, bool *changed, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of domain_parse(), one file each. All return 0, or -1 with E_XML; what was read so far is in d. */
#ifndef DOMAIN_PARSE_H
#define DOMAIN_PARSE_H

#include "domain/domain.h"
#include "domain/xml.h"

int parse_disk(struct domain *d, xmlNode *disk, struct err *err);
int parse_nic(struct domain *d, xmlNode *interface, struct err *err);
/* Any other element of <devices>. */
int parse_device(struct domain *d, xmlNode *device, struct err *err);
/* What the guest opens on the host outside of <devices>: firmware, kernel, fw_cfg, ACPI tables. */
int parse_os_paths(struct domain *d, xmlNode *root, struct err *err);

/* An element that names a secret by uuid or usage; user is for people. NULL secret: nothing. */
int parse_secret(struct domain *d, const xmlNode *secret, const char *user, struct err *err);
/* <auth> and <encryption> below parent. */
int parse_secrets(struct domain *d, const xmlNode *parent, const char *user, struct err *err);

/*
 * Notes a path of the host, taking path over (NULL: nothing). One path is noted once; must_exist wins. Paths in
 * directories where libvirt makes the files itself are left out.
 */
int parse_path(struct domain *d, const char *what, char *path, bool must_exist, struct err *err);

/* Frees what the image holds, not the image. */
void image_clear(struct image *m);

/* Is there room for one more in an array of n? -1 with E_XML if not. */
int parse_room(size_t n, const char *what, struct err *err);

/* -1 with E_XML unless path is NULL or absolute. */
int parse_absolute(const char *what, const char *path, struct err *err);

#endif

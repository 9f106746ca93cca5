/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the files of this room only. */
#ifndef CONFIG_PRIVATE_H
#define CONFIG_PRIVATE_H

#include "config/config.h"

enum { CONFIG_FILE_MAX = 1 << 20 }; /* bytes */

/*
 * The text of a configuration file as libconfig can be trusted with it. path is for messages. -1 with E_CONFIG for what
 * libconfig would swallow or obey without a word: NUL bytes, a comment without end, @include.
 */
int config_scan(const char *path, const char *text, size_t len, struct buf *out, struct err *err);

/* config_load() of a text; path (or NULL) is for messages. */
struct config *config_read_text(const char *path, const char *text, size_t len, struct err *err);

/* A host of which nothing is said yet but the defaults. */
struct host_spec *config_new_host(const struct config *c);

/* $HOME, else what the password database says, else NULL; caller frees. */
char *config_home(void);

/* NULL when there is none. */
const struct config_key *config_key_find(const char *section, const char *name);

/* Checks of strings; see struct config_key. */
const char *config_name_problem(const char *value);
const char *config_address_problem(const char *value);
const char *config_user_problem(const char *value);
const char *config_file_problem(const char *value);
const char *config_text_problem(const char *value);
const char *config_glance_problem(const char *value);
const char *config_url_problem(const char *value);

#endif

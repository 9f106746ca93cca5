/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration file (libconfig syntax), read against one table of keys
 * (config/keys.c): section, name, type, unit, range, default, text. conf/vmmig.conf, vmmig.conf(5)
 * and `vmmig config` are made from or compared with that table.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>

#include "base/err.h"
#include "host/host.h"

/* Where the content of one backing file is to be had; strings owned, NULL where not said. */
struct image_entry {
	char *file;      /* absolute path, or a bare name: in any directory */
	char *glance_id; /* this or url, exactly one */
	char *url;
	char *digest; /* "sha256:HEX" or "sha512:HEX"; always there with url */
	char *format; /* "raw", "qcow2": what url delivers; NULL: what is wanted */
};

/* Backing files that are missing at a destination. */
struct image_config {
	unsigned reserve_mib;
	char *backing_from; /* "service-first", "source-first", "service-only", "source-only" */
	char *glance_url;   /* or NULL; may end with "/" */
	char *token_file;   /* or NULL; not opened before it is used */
	struct image_entry *backing;
	size_t backing_n;
};

struct config {
	char *path; /* the file it came from; NULL: none, defaults */
	struct host_spec **hosts;
	size_t hosts_n;
	/* migrate */
	unsigned max_downtime_ms, bandwidth_mib, timeout_s;
	char *policy;     /* "careful", "balanced", "must-finish" */
	char *on_timeout; /* "abort", "postcopy", "suspend" */
	bool auto_converge;
	bool peer2peer;        /* false: always control from here */
	char *transport;       /* "tcp", "tls", "ssh" */
	unsigned parallel;     /* connections for memory; 0 and 1: one */
	unsigned copy_streams; /* disks that are copied at the same time */
	char *source_disks;    /* "quarantine", "keep", "delete" */
	/* images, and the list backing */
	struct image_config images;
	/* ssh: defaults for hosts that do not say */
	unsigned connect_timeout_s, command_timeout_s, keepalive_s;
	/* journal */
	char *journal_path;
};

enum config_type { CONFIG_UINT, CONFIG_STRING, CONFIG_BOOL, CONFIG_CHOICE };

struct config_key {
	const char *section; /* "hosts", "migrate", "images", "backing", "ssh", "journal" */
	const char *name;
	enum config_type type;
	const char *unit;       /* "ms", "MiB/s", "s" or NULL */
	unsigned long min, max; /* CONFIG_UINT */
	const char *choices;    /* CONFIG_CHOICE: "abort postcopy suspend" */
	const char *def;        /* as written in the file; NULL: none, or one that text explains */
	const char *example;    /* as written in the file, where there is no def */
	const char *text;       /* one or two sentences */
	size_t offset;          /* in struct config, struct host_spec for "hosts", struct image_entry for "backing" */
	/* CONFIG_STRING: what is wrong with a value ("begins with \"-\""), or NULL: nothing */
	const char *(*problem)(const char *value);
};
extern const struct config_key config_keys[]; /* all but those of "backing" */
extern const size_t config_keys_n;
extern const struct config_key config_backing_keys[];
extern const size_t config_backing_keys_n;

/*
 * The file to read: path (from -c) if given, else $VMMIG_CONF, else $XDG_CONFIG_HOME/vmmig/vmmig.conf
 * ($HOME/.config without it), else /etc/vmmig/vmmig.conf. Only a file that was named must exist. NULL: none. Caller
 * frees.
 */
char *config_locate(const char *path);

/*
 * Reads it. NULL with E_CONFIG naming file and line: unreadable, syntax, unknown key (with the nearest known one),
 * wrong type, out of range, a host twice, a host without a name, a backing file of which it is not clear where it comes
 * from, a file that others may write. path NULL: all defaults.
 * One file is the whole configuration: @include is refused, it would be read past the check of who may write.
 */
struct config *config_load(const char *path, struct err *err);
void config_free(struct config *c);
AUTO_DEFINE(config, struct config *, config_free)
#define auto_config AUTO(auto_config_)

/* Writes a commented file with every key at its default (conf/vmmig.conf is this). */
void config_print_default(struct buf *out);
/* Writes c as a file that gives c again. */
void config_print(const struct config *c, struct buf *out);

/*
 * HOST of the command line: a name of the configuration, or [user@]address[:port] (an IPv6 address in brackets when
 * a port follows). A bare word (none of "@", ":", ".") can only be an address while the configuration lists no hosts:
 * otherwise a slip in a name would be looked up in the DNS. The result is a copy with all defaults filled in; the
 * caller frees it with host_spec_free(). NULL with E_HOST_UNKNOWN or E_USAGE.
 */
struct host_spec *config_host(const struct config *c, const char *host, struct err *err);

#endif

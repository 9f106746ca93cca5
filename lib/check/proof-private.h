/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the proofs have in common: the scripts and what is asked with them, and between those and the
 * verdicts the parsers of what hosts answer, and the decisions, which are pure. Nothing a host says is believed to be
 * well-formed: a wrong count, a missing end or a number out of range makes the whole answer unusable.
 */
#ifndef CHECK_PROOF_PRIVATE_H
#define CHECK_PROOF_PRIVATE_H

#include "check/proof.h"

enum {
	PROOF_SECRET_LEN = 32,  /* hexadecimal digits */
	PROOF_BATCH_MAX = 256,  /* images asked about in one command */
	PROOF_ADDRESS_MAX = 16, /* addresses one name may have */
	/* exit statuses of scripts, which no program in them uses */
	EXIT_NO_TOOL = 90,
	EXIT_NOT_ROOT = 91,
	EXIT_TIMEOUT = 124, /* timeout(1)'s */
};

/* What one host says of one image. */
struct image_answer {
	/* its own token: 'y' made, 'p' not permitted, 'r' read-only, 'n' no such directory, 's' no space, 'o' other,
	   '-' not tried (a block device) */
	char made;
	/* the other host's token: 'y' read, 'n' not there, 'p' not permitted, 'w' other content, '-' not looked */
	char seen;
	char kind;        /* as path_fact.kind, and 'n' not there, 'e' not permitted to look, 0 unknown */
	bool have_object; /* dev, ino, size, mtime are known */
	uint64_t dev, ino, size;
	int64_t mtime;
	bool have_dir, have_magic;
	uint64_t dir_dev; /* device its directory is on */
	uint64_t magic;   /* statfs f_type */
	char *fs;         /* file system type, sanitised, or NULL */
	char *id;         /* what a block device is made of: "wwid:naa.…", sanitised, or NULL */
};
void image_answer_clear(struct image_answer *a);

/* How many pieces make most of a second, when the first 16 took so many µs; 0: those were enough. At most 1024. */
unsigned proof_bench_pieces(uint64_t first_us);

/* The first line of the script that makes tokens. n answers; -1: not what it should be. */
int proof_parse_made(const char *line, size_t n, struct image_answer *answers);
/* What the script that looks for them prints; secret: the content the other host's token has. */
int proof_parse_seen(const char *text, size_t n, const char *secret, struct image_answer *answers);

/* Is it worth to look once more? Only where a cache may still hide what is there. */
bool proof_look_again(const struct image_answer *src, const struct image_answer *dst);

/* File systems that libvirt's migration takes for shared (see proof.c). */
bool proof_libvirt_knows(const struct image_answer *a);

/*
 * The verdict on one image. p->disk and p->image are set; the rest is filled in. labels: "source alpha",
 * "destination beta".
 */
void proof_judge(const struct image_answer *src, const struct image_answer *dst, const char *src_label,
		 const char *dst_label, struct image_proof *p);

/* Numeric addresses out of `getent ahosts`, each once, in its order. */
void proof_parse_addresses(const char *text, struct strv *out);
bool proof_is_loopback(const char *address);
/* Is the address in the list (which may have /PREFIX or %DEVICE behind each)? */
bool proof_has_address(const struct strv *list, const char *address);
/* p->resolves, resolved, resolve_reason from what the name gave. known: addresses of the destination. */
void proof_judge_name(const char *name, const struct strv *got, const struct strv *known, const char *src_label,
		      const char *dst_label, struct connection_proof *p);

/* The last line that says something, without the beginnings that virsh and libvirt put before it. */
char *proof_last_words(const char *words);

/* Why the source's libvirt cannot log in, for people: out of virsh's standard error. user, address: of the URI. */
char *proof_peer_reason(const char *words, const char *src_label, const char *dst_label, const char *user,
			const char *address);

/* The login of the source's libvirt at uri is tried; the job is peer_finish()'s to end. */
struct exec_job *peer_begin(struct host *src, const char *uri);
/* p->peer, peer_reason. wanted: the host name of the destination's libvirt; NULL: any. */
void peer_finish(struct exec_job *job, struct host *src, struct host *dst, const char *wanted,
		 struct connection_proof *p);

/* p->bps, or bps_reason: what the source can write to p->port_address, where qemu-nbd listens. */
void rate_measure(struct host *src, struct connection_proof *p);

/* The scripts behind tokens (proof-storage-script.c). */
extern const char token_lib_script[], token_make_script[], token_look_script[], token_sweep_script[];

/* The parts of qemu+ssh://[user@]host[:port]/system; "" where not said. */
struct ssh_uri {
	char *user, *host, *port;
};
void ssh_uri_clear(struct ssh_uri *u);
/* False: not of that simple form, or with characters that mean something to somebody. */
bool proof_plain_ssh(const char *uri, struct ssh_uri *out);

#endif

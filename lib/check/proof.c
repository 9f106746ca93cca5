/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verdicts on storage: from what both hosts answer to what is proven. No host is asked here. */
#include "check/proof.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "check/proof-private.h"

enum { TEXT_MAX = 200, ID_MAX = 4000 };

void storage_proof_clear(struct storage_proof *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].reason);
		free(p->v[i].fs_src);
		free(p->v[i].fs_dst);
	}
	free(p->v);
	*p = (struct storage_proof) { 0 };
}

void connection_proof_clear(struct connection_proof *p)
{
	host_exec_drop(p->login);
	free(p->resolved);
	free(p->resolve_reason);
	free(p->peer_uri);
	free(p->peer_reason);
	free(p->port_address);
	free(p->port_reason);
	free(p->bps_reason);
	free(p->migrate_uri);
	*p = (struct connection_proof) { 0 };
}

void image_answer_clear(struct image_answer *a)
{
	free(a->fs);
	free(a->id);
	*a = (struct image_answer) { 0 };
}

/* ---- parsing ---- */

/* Cuts the next field, ended by sep, off *s. NULL when nothing is left. */
static char *cut(char **s, char sep)
{
	char *field = *s, *end;

	if (!field)
		return NULL;
	end = strchr(field, sep);
	if (end)
		*end = '\0';
	*s = end ? end + 1 : NULL;
	return field;
}

/* A number or "-", which leaves *out and *have alone. */
static int number(const char *s, int base, uint64_t *out, bool *have)
{
	unsigned long long v;

	if (str_eq(s, "-"))
		return 0;
	if (base == 10) {
		if (str_to_uint(s, 0, UINT64_MAX, &v) < 0)
			return -1;
	} else {
		if (!*s || strlen(s) > 16 || s[strspn(s, "0123456789abcdef")])
			return -1;
		v = strtoull(s, NULL, 16);
	}
	*out = v;
	*have = true;
	return 0;
}

/* A time in seconds, which may lie before 1970. */
static int seconds(const char *s, int64_t *out)
{
	unsigned long long v;
	bool negative = s[0] == '-' && s[1];

	if (str_eq(s, "-"))
		return 0;
	if (str_to_uint(s + negative, 0, INT64_MAX, &v) < 0)
		return -1;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

/* The kind out of st_mode in hexadecimal, or the script's own 'n' and 'e'. */
static int kind(const char *s, char *out)
{
	static const struct {
		mode_t fmt;
		char kind;
	} kinds[] = { { S_IFREG, 'f' }, { S_IFDIR, 'd' }, { S_IFBLK, 'b' }, { S_IFSOCK, 's' },
		      { S_IFCHR, 'c' }, { S_IFIFO, 'p' }, { S_IFLNK, 'l' } };
	uint64_t mode = 0;
	bool have = false;

	if (str_eq(s, "n") || str_eq(s, "e")) {
		*out = s[0];
		return 0;
	}
	if (number(s, 16, &mode, &have) < 0)
		return -1;
	*out = 0;
	for (size_t i = 0; have && i < ARRAY_SIZE(kinds); i++)
		if ((mode & S_IFMT) == kinds[i].fmt)
			*out = kinds[i].kind;
	return 0;
}

static char *word(const char *s)
{
	return str_eq(s, "-") || !*s ? NULL : str_sanitize(s, TEXT_MAX);
}

/* MODE DEV INODE SIZE MTIME, common to both answers. */
static int parse_object(char *f[], struct image_answer *a)
{
	bool dev = false, ino = false, size = false;

	if (kind(f[0], &a->kind) < 0 || number(f[1], 10, &a->dev, &dev) < 0 || number(f[2], 10, &a->ino, &ino) < 0 ||
	    number(f[3], 10, &a->size, &size) < 0 || seconds(f[4], &a->mtime) < 0)
		return -1;
	a->have_object = dev && ino && size;
	return 0;
}

/* n fields of a record, exactly. */
static int fields(char *record, char *f[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		f[i] = cut(&record, ' ');
		if (!f[i])
			return -1;
	}
	return record ? -1 : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * A device's parts as a set: hosts find them in another order and over another number of paths, and whether there is
 * multipathing at all is each host's own matter. NULL when it has no name at all.
 */
static char *device_id(char *text)
{
	struct strv parts auto_strv = { 0 };
	char *part;

	if (str_eq(text, "-") || str_eq(text, "none:") || strlen(text) > ID_MAX)
		return NULL;
	while ((part = cut(&text, ',')))
		if (*part && !str_starts(part, "dm:mpath-") && !strv_has(&parts, part))
			strv_take(&parts, str_sanitize(part, ID_MAX));
	if (!parts.n)
		return NULL;
	qsort(parts.v, parts.n, sizeof(*parts.v), by_text);
	return strv_join(&parts, ",");
}

/* MADE MODE DEV INODE SIZE MTIME DIRDEV MAGIC FS ID */
static int parse_made_record(char *record, struct image_answer *a)
{
	char *f[10];

	if (fields(record, f, ARRAY_SIZE(f)) < 0 || strlen(f[0]) != 1 || !strchr("yprnso-", f[0][0]))
		return -1;
	if (parse_object(f + 1, a) < 0 || number(f[6], 10, &a->dir_dev, &a->have_dir) < 0 ||
	    number(f[7], 16, &a->magic, &a->have_magic) < 0)
		return -1;
	a->made = f[0][0];
	a->seen = '-';
	a->fs = word(f[8]);
	a->id = device_id(f[9]);
	return 0;
}

/* CONTENT MODE DEV INODE SIZE MTIME, where content may be a code */
static int parse_seen_record(char *record, const char *secret, struct image_answer *a)
{
	struct image_answer now = *a;
	char *f[6];

	if (fields(record, f, ARRAY_SIZE(f)) < 0 || parse_object(f + 1, &now) < 0)
		return -1;
	if (strlen(f[0]) == 1 && strchr("npw-", f[0][0]))
		now.seen = f[0][0];
	else
		now.seen = str_eq(f[0], secret) ? 'y' : 'w';
	/* A token once read was there; that it is gone now is no news. */
	if (a->seen == 'y')
		now.seen = 'y';
	if (a->made == '-') /* there was nothing to look for */
		now = *a;
	*a = now;
	return 0;
}

/* "WORD N;" at the beginning. */
static int parse_head(char **s, const char *what, size_t n)
{
	char *head = cut(s, ';');
	unsigned long long count;

	if (!head || !str_starts(head, what) || head[strlen(what)] != ' ')
		return -1;
	return str_to_uint(head + strlen(what) + 1, n, n, &count);
}

/* "mounts DEV=TYPE DEV=TYPE…": better names than statfs has; a FUSE file system's kind is only here. */
static int parse_mounts(char *s, size_t n, struct image_answer *answers)
{
	char *mount;

	if (!str_eq(cut(&s, ' '), "mounts"))
		return -1;
	while ((mount = cut(&s, ' '))) {
		char *dev = cut(&mount, '=');
		unsigned long long number_;

		if (!mount || str_to_uint(dev, 0, UINT64_MAX, &number_) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			struct image_answer *a = &answers[i];

			if (a->kind == 'b' || number_ != (a->have_object ? a->dev : a->dir_dev))
				continue;
			free(a->fs);
			a->fs = word(mount);
		}
	}
	return 0;
}

int proof_parse_made(const char *line, size_t n, struct image_answer *answers)
{
	auto_free char *copy = xstrdup(line);
	char *s = copy, *record;

	if (parse_head(&s, "made", n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		record = cut(&s, ';');
		if (!record || parse_made_record(record, &answers[i]) < 0)
			return -1;
	}
	record = cut(&s, ';');
	if (!record || parse_mounts(record, n, answers) < 0)
		return -1;
	return str_eq(s, "end") ? 0 : -1;
}

int proof_parse_seen(const char *text, size_t n, const char *secret, struct image_answer *answers)
{
	auto_free char *copy = xstrdup(text);
	char *s = copy, *nl = strchr(copy, '\n');

	if (nl)
		*nl = '\0';
	if (parse_head(&s, "seen", n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char *record = cut(&s, ';');

		if (!record || parse_seen_record(record, secret, &answers[i]) < 0)
			return -1;
	}
	return str_eq(s, "end") ? 0 : -1;
}

/* ---- file systems ---- */

/*
 * What libvirt 9.0's virFileIsSharedFS() (src/util/virfile.c; the table is in libvirt.so of 9.0.0) takes for shared:
 * NFS, GFS2, OCFS2, AFS, SMB, CIFS, CephFS, GPFS and ACFS by statfs's f_type, and of the FUSE ones those mounted as
 * fuse.glusterfs or fuse.quobyte. Later versions know BeeGFS too. SMB 2 and 3 mounts have another f_type (fe534d42),
 * which is not among them. qemuMigrationSrcIsSafe() asks on the source only, of the active image of each disk that is
 * not read-only and of type file; network and block disks are always safe to it.
 */
static const uint32_t libvirt_shared[] = { 0x6969,     0x01161970, 0x7461636f, 0x6b414653, 0x517b,
					   0xff534d42, 0x00c36400, 0x47504653, 0x61636673 };
enum { MAGIC_FUSE = 0x65735546, MAGIC_SMB = 0x517b };
#define MAGIC_CIFS 0xff534d42
#define MAGIC_SMB2 0xfe534d42

static bool has_magic(const struct image_answer *a, const uint32_t *list, size_t n)
{
	for (size_t i = 0; a->have_magic && i < n; i++)
		if (a->magic == list[i])
			return true;
	return false;
}

bool proof_libvirt_knows(const struct image_answer *a)
{
	if (a->have_magic && a->magic == MAGIC_FUSE)
		return str_eq(a->fs, "fuse.glusterfs") || str_eq(a->fs, "fuse.quobyte");
	return has_magic(a, libvirt_shared, ARRAY_SIZE(libvirt_shared));
}

/* On these no other host can change anything behind the kernel's back: what is not seen is not there. */
static bool is_local(const struct image_answer *a)
{
	/* ext2-4, xfs, btrfs, zfs, tmpfs, ramfs, f2fs, overlay, jfs, reiserfs, nilfs, bcachefs */
	static const uint32_t local[] = { 0xef53,     0x58465342, 0x9123683e, 0x2fc12fc1, 0x01021994, 0x858458f6,
					  0xf2f52010, 0x794c7630, 0x3153464a, 0x52654973, 0x3434,     0xca451a4e };

	return has_magic(a, local, ARRAY_SIZE(local));
}

/* May two hosts have different inode numbers for one file? FUSE clients and SMB ones may number by themselves. */
static bool numbers_itself(const struct image_answer *a)
{
	if (!a->have_magic)
		return true;
	if (a->magic == MAGIC_FUSE)
		return !proof_libvirt_knows(a);
	return a->magic == MAGIC_SMB || a->magic == MAGIC_CIFS || a->magic == MAGIC_SMB2;
}

bool proof_look_again(const struct image_answer *src, const struct image_answer *dst)
{
	bool src_misses = dst->made == 'y' && (src->seen == 'n' || src->seen == 'w');
	bool dst_misses = src->made == 'y' && (dst->seen == 'n' || dst->seen == 'w');

	if ((src_misses && is_local(src)) || (dst_misses && is_local(dst)))
		return false;
	return src_misses || dst_misses;
}

/* ---- the verdict ---- */

struct pair {
	const struct image_answer *src, *dst;
	const char *src_label, *dst_label;
};

static const char *label(const struct pair *q, enum side side)
{
	return side == SIDE_SOURCE ? q->src_label : q->dst_label;
}

static void set_verdict(struct image_proof *p, enum shared shared, enum side side, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void set_verdict(struct image_proof *p, enum shared shared, enum side side, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	p->shared = shared;
	p->side = side;
	free(p->reason);
	p->reason = str_vprintf(fmt, ap);
	va_end(ap);
}

static const char *why_not_made(char made)
{
	switch (made) {
	case 'p':
		return "not permitted, nor to the image's owner";
	case 'r':
		return "the file system is read-only";
	case 's':
		return "no space left";
	default:
		return "it failed";
	}
}

/* The parts of a device that are devices themselves, without what lies upon them: that is copied with a cloned disk. */
static void leaves(const char *id, struct strv *out)
{
	auto_free char *copy = xstrdup(id);
	char *s = copy, *part;

	while ((part = cut(&s, ',')))
		if (!str_starts(part, "dm:") && !str_starts(part, "part:"))
			strv_add(out, part);
}

/* Has each of them a name that is unique in the world? */
static bool worldwide(const struct strv *parts)
{
	static const char *const schemes[] = { "wwid:naa.", "wwid:eui.", "wwid:uuid.", "rbd:" };

	for (size_t i = 0; i < parts->n; i++) {
		bool good = false;

		for (size_t k = 0; k < ARRAY_SIZE(schemes); k++)
			good |= str_starts(parts->v[i], schemes[k]);
		if (!good)
			return false;
	}
	return parts->n > 0;
}

static void judge_device(const struct pair *q, struct image_proof *p)
{
	struct strv src auto_strv = { 0 }, dst auto_strv = { 0 };
	auto_free char *src_leaves = NULL, *dst_leaves = NULL;
	const char *s = q->src->id, *d = q->dst->id;
	bool unique;

	leaves(s, &src);
	leaves(d, &dst);
	src_leaves = strv_join(&src, ",");
	dst_leaves = strv_join(&dst, ",");
	unique = worldwide(&src) && worldwide(&dst);
	if (str_eq(s, d) && unique)
		p->shared = SHARED_YES;
	else if (str_eq(s, d))
		set_verdict(p, SHARED_UNKNOWN, SIDE_NONE,
			    "both hosts name the device \"%.200s\", but that is not a name only one device has", s);
	else
		set_verdict(p, unique && !str_eq(src_leaves, dst_leaves) ? SHARED_NO : SHARED_UNKNOWN, SIDE_DESTINATION,
			    "another device: \"%.200s\" on %s, \"%.200s\" on %s", s, q->src_label, d, q->dst_label);
}

static void judge_block(const struct pair *q, struct image_proof *p)
{
	const struct image_answer *s = q->src, *d = q->dst;

	if (d->kind == 'n' || s->kind == 'n') {
		enum side side = d->kind == 'n' ? SIDE_DESTINATION : SIDE_SOURCE;

		set_verdict(p, SHARED_NO, side, "%s has no such device", label(q, side));
	} else if (s->kind != 'b' || d->kind != 'b') {
		if (!s->kind || s->kind == 'e' || !d->kind || d->kind == 'e')
			set_verdict(p, SHARED_UNKNOWN, SIDE_NONE, "it cannot be looked at on both hosts");
		else
			set_verdict(p, SHARED_NO, SIDE_DESTINATION, "a block device on one host, but not on the other");
	} else if (s->size != d->size) {
		set_verdict(p, SHARED_NO, SIDE_DESTINATION, "another device: %llu bytes on %s, %llu bytes on %s",
			    (unsigned long long)s->size, q->src_label, (unsigned long long)d->size, q->dst_label);
	} else if (!s->id || !d->id) {
		set_verdict(p, SHARED_UNKNOWN, SIDE_NONE, "the device has no name by which hosts could compare it");
	} else {
		judge_device(q, p);
	}
}

/* Does writing matter: the image a guest writes to. A backing file is only read. */
static bool is_written(const struct image_proof *p)
{
	return !p->disk->readonly && p->image == &p->disk->chain[0];
}

static void not_there(const struct pair *q, enum side side, bool dir, struct image_proof *p)
{
	set_verdict(p, SHARED_NO, side, dir ? "%s has no such directory" : "%s has no such file", label(q, side));
}

static void unwritable(const struct pair *q, enum side side, struct image_proof *p)
{
	const struct image_answer *a = side == SIDE_SOURCE ? q->src : q->dst;
	const char *more = a->made == 'r' && side == SIDE_DESTINATION && is_written(p)
				   ? ", so the guest could not write there either"
				   : "";

	p->dir_unwritable = true;
	set_verdict(p, SHARED_UNKNOWN, side, "%s cannot make a file in the image's directory (%s)%s", label(q, side),
		    why_not_made(a->made), more);
}

/* The directory, by its tokens. True: proven. */
static bool judge_dir(const struct pair *q, struct image_proof *p)
{
	const struct image_answer *s = q->src, *d = q->dst;
	bool proven = s->seen == 'y' || d->seen == 'y';
	bool src_misses = d->made == 'y' && (s->seen == 'n' || s->seen == 'w');
	bool dst_misses = s->made == 'y' && (d->seen == 'n' || d->seen == 'w');

	if (d->made == 'n' || s->made == 'n') {
		not_there(q, d->made == 'n' ? SIDE_DESTINATION : SIDE_SOURCE, true, p);
	} else if (d->kind == 'n' && !proven) {
		not_there(q, SIDE_DESTINATION, false, p);
	} else if (src_misses || dst_misses) {
		const char *reader = dst_misses ? q->dst_label : q->src_label;

		set_verdict(p, SHARED_NO, SIDE_DESTINATION,
			    "another file: %s does not see a file that %s made beside it", reader,
			    dst_misses ? q->src_label : q->dst_label);
	} else if (s->made != 'y' && (!proven || is_written(p))) {
		unwritable(q, SIDE_SOURCE, p);
	} else if (d->made != 'y' && (!proven || is_written(p))) {
		unwritable(q, SIDE_DESTINATION, p);
	} else if (!proven) {
		set_verdict(p, SHARED_UNKNOWN, SIDE_NONE, "neither host can read a file that the other made beside it");
	} else {
		return true;
	}
	return false;
}

/* The image itself, in a directory that is proven to be one. */
static void judge_file(const struct pair *q, struct image_proof *p)
{
	const struct image_answer *s = q->src, *d = q->dst;
	bool raw = !p->image->format || str_eq(p->image->format, "raw");

	if (s->kind == 'n' || d->kind == 'n') {
		not_there(q, d->kind == 'n' ? SIDE_DESTINATION : SIDE_SOURCE, false, p);
	} else if (!s->have_object || !d->have_object || s->kind == 'e' || d->kind == 'e') {
		enum side side = !d->have_object || d->kind == 'e' ? SIDE_DESTINATION : SIDE_SOURCE;

		set_verdict(p, SHARED_UNKNOWN, side, "%s cannot look at the file", label(q, side));
	} else if (s->kind != 'f' || d->kind != 'f') {
		set_verdict(p, SHARED_NO, s->kind != 'f' ? SIDE_SOURCE : SIDE_DESTINATION, "%s: it is no regular file",
			    label(q, s->kind != 'f' ? SIDE_SOURCE : SIDE_DESTINATION));
	} else if ((s->have_dir && s->dev != s->dir_dev) || (d->have_dir && d->dev != d->dir_dev)) {
		enum side side = d->have_dir && d->dev != d->dir_dev ? SIDE_DESTINATION : SIDE_SOURCE;

		set_verdict(p, SHARED_UNKNOWN, side,
			    "%s: the file is mounted from another file system than its directory's", label(q, side));
	} else if (s->ino != d->ino) {
		set_verdict(p, numbers_itself(s) || numbers_itself(d) ? SHARED_UNKNOWN : SHARED_NO, SIDE_DESTINATION,
			    "the directory is shared, but the file is another one: inode %llu on %s, %llu on %s",
			    (unsigned long long)s->ino, q->src_label, (unsigned long long)d->ino, q->dst_label);
	} else if (raw && s->size != d->size) {
		set_verdict(p, SHARED_NO, SIDE_DESTINATION,
			    "the directory is shared, but the file is another one: %llu bytes on %s, %llu on %s",
			    (unsigned long long)s->size, q->src_label, (unsigned long long)d->size, q->dst_label);
	} else {
		p->shared = SHARED_YES;
	}
}

void proof_judge(const struct image_answer *src, const struct image_answer *dst, const char *src_label,
		 const char *dst_label, struct image_proof *p)
{
	const struct pair q = { src, dst, src_label, dst_label };

	p->fs_src = xstrdup(src->fs);
	p->fs_dst = xstrdup(dst->fs);
	if (src->kind == 'b' || dst->kind == 'b' || p->image->source == DISK_BLOCK) {
		p->libvirt_knows = true;
		judge_block(&q, p);
		return;
	}
	p->libvirt_knows = proof_libvirt_knows(src);
	if (judge_dir(&q, p))
		judge_file(&q, p);
}

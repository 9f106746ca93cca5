/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which files of a guest move, and whether what is at the destination already is the same: check/images.h over
 * domains, remaps and proofs made for it, and over file operations that answer from a table.
 */
#include "unit.h"

#include <inttypes.h>
#include <pthread.h>

#include "check/images.h"

/* ---- domains ---- */

#define DOMAIN(disks)                                                                                              \
	"<domain type='kvm'><name>g</name><uuid>11111111-2222-3333-4444-555555555555</uuid><memory>1</memory><os>" \
	"<type arch='x86_64' machine='q35'>hvm</type></os><devices>" disks "</devices></domain>"

static struct domain *domain(const char *disks)
{
	auto_free char *xml = str_printf(DOMAIN("%s"), disks);
	struct err err auto_err = ERR_INIT;
	struct domain *d = domain_parse(xml, &err);

	if (!d)
		fail_msg("%s", err.msg);
	return d;
}

/* All images get the same answer. */
static void prove(const struct domain *d, enum shared shared, struct storage_proof *p)
{
	*p = (struct storage_proof) { .done = true };
	for (size_t i = 0; i < d->disks_n; i++)
		for (size_t k = 0; k < d->disks[i].chain_n; k++) {
			struct image_proof *v = ARRAY_ADD(p->v, p->n);

			*v = (struct image_proof) { .disk = &d->disks[i], .image = &d->disks[i].chain[k] };
			v->shared = shared;
		}
}

/* "disk:vda" and "storage:/a=/b", with spaces between. */
static void ask_for(const char *words, struct remap *r)
{
	auto_free char *copy = xstrdup(words);
	struct err err auto_err = ERR_INIT;
	char *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		int rc = str_starts(w, "disk:") ? remap_add_disk(r, w + 5, &err) : remap_add_storage(r, w + 8, &err);

		if (rc < 0)
			fail_msg("%s: %s", w, err.msg);
	}
}

/* ---- the fate of a file ---- */

#define TARGET "<target dev='vda' bus='virtio'/>"
#define PLAIN(more)                                                                                                 \
	"<disk type='file' device='disk'><driver type='raw'/><source file='/a/x'/><backingStore/>" TARGET more "</" \
	"disk>"
#define CHAIN                                                                                                   \
	"<disk type='file' device='disk'><driver type='qcow2'/><source file='/a/x'/><backingStore type='file'>" \
	"<format type='raw'/><source file='/b/y'/><backingStore/></backingStore>" TARGET "</disk>"
#define BLOCK "<disk type='block' device='disk'><source dev='/dev/vg/x'/><backingStore/>" TARGET "</disk>"
#define LUN \
	"<disk type='block' device='lun'><source dev='/dev/sdx'/><backingStore/><target dev='vda' bus='scsi'/></disk>"
#define VOLUME "<disk type='volume' device='disk'><source pool='p' volume='v'/><backingStore/>" TARGET "</disk>"
#define NETWORK                                                                     \
	"<disk type='network' device='disk'><source protocol='nbd' name='x'><host " \
	"name='h'/></source><backingStore/>" TARGET "</disk>"
#define CDROM(policy)                                                                                          \
	"<disk type='file' device='cdrom'><source file='/iso/x' " policy "/><backingStore/><target dev='vda' " \
	"bus='sata'/><readonly/></disk>"
#define FLOPPY(policy, more)                                                                                  \
	"<disk type='file' device='floppy'><source file='/f/x' " policy "/><backingStore/><target dev='vda' " \
	"bus='fdc'/>" more "</disk>"
#define EMPTY "<disk type='file' device='cdrom'><target dev='vda' bus='sata'/><readonly/></disk>"
#define NET_BASE                                                                                                   \
	"<disk type='file' device='disk'><driver type='qcow2'/><source file='/a/x'/><backingStore type='network'>" \
	"<format type='raw'/><source protocol='nbd' name='x'><host name='h'/></source><backingStore/>"             \
	"</backingStore>" TARGET "</disk>"
#define BLOCK_BASE                                                                                               \
	"<disk type='file' device='disk'><driver type='qcow2'/><source file='/a/x'/><backingStore type='block'>" \
	"<format type='raw'/><source dev='/dev/vg/base'/><backingStore/></backingStore>" TARGET "</disk>"

#define STAYS IMAGE_STAYS
#define COPIED IMAGE_COPIED
#define FETCHED IMAGE_FETCHED
#define UNKNOWN IMAGE_UNKNOWN
#define STUCK IMAGE_STUCK
#define NO SHARED_NO
#define YES SHARED_YES
#define DONT_KNOW SHARED_UNKNOWN

static const struct {
	const char *disks;
	enum shared shared;
	const char *remap; /* NULL: none at all */
	size_t n;
	enum image_fate active;
	const char *path; /* of the active image at the destination */
	enum image_fate base;
	const char *base_path;
} fates[] = {
	/* shared or not */
	{ PLAIN(""), NO, NULL, 1, COPIED, "/a/x", 0, NULL },
	{ PLAIN(""), NO, "", 1, COPIED, "/a/x", 0, NULL },
	{ PLAIN(""), YES, "", 1, STAYS, "/a/x", 0, NULL },
	{ PLAIN(""), DONT_KNOW, "", 1, UNKNOWN, "/a/x", 0, NULL },
	{ CHAIN, NO, "", 2, COPIED, "/a/x", FETCHED, "/b/y" },
	{ CHAIN, YES, "", 2, STAYS, "/a/x", STAYS, "/b/y" },
	{ CHAIN, DONT_KNOW, "", 2, UNKNOWN, "/a/x", UNKNOWN, "/b/y" },
	/* what the guest only reads */
	{ PLAIN("<readonly/>"), NO, "", 1, FETCHED, "/a/x", 0, NULL },
	{ PLAIN("<readonly/>"), YES, "", 1, STAYS, "/a/x", 0, NULL },
	{ CDROM(""), NO, "", 1, FETCHED, "/iso/x", 0, NULL },
	{ CDROM("startupPolicy='mandatory'"), NO, "", 1, FETCHED, "/iso/x", 0, NULL },
	{ CDROM("startupPolicy='optional'"), NO, "", 1, STAYS, "/iso/x", 0, NULL },
	{ CDROM("startupPolicy='requisite'"), NO, "", 1, STAYS, "/iso/x", 0, NULL },
	{ CDROM("startupPolicy='optional'"), DONT_KNOW, "", 1, UNKNOWN, "/iso/x", 0, NULL },
	{ EMPTY, NO, "", 0, 0, NULL, 0, NULL },
	/* a floppy is written */
	{ FLOPPY("", ""), NO, "", 1, COPIED, "/f/x", 0, NULL },
	{ FLOPPY("", "<readonly/>"), NO, "", 1, FETCHED, "/f/x", 0, NULL },
	{ FLOPPY("startupPolicy='optional'", "<readonly/>"), NO, "", 1, STAYS, "/f/x", 0, NULL },
	/* what cannot be copied */
	{ PLAIN("<shareable/>"), NO, "", 1, STUCK, "/a/x", 0, NULL },
	{ PLAIN("<shareable/>"), YES, "", 1, STAYS, "/a/x", 0, NULL },
	{ PLAIN("<shareable/>"), DONT_KNOW, "", 1, UNKNOWN, "/a/x", 0, NULL },
	{ PLAIN("<shareable/>"), YES, "storage:/a=/c", 1, STUCK, "/c/x", 0, NULL },
	{ PLAIN("<transient/>"), NO, "", 1, STUCK, "/a/x", 0, NULL },
	{ LUN, NO, "", 1, STUCK, "/dev/sdx", 0, NULL },
	{ LUN, YES, "", 1, STAYS, "/dev/sdx", 0, NULL },
	{ BLOCK, NO, "", 1, COPIED, "/dev/vg/x", 0, NULL },
	{ VOLUME, NO, "", 1, STUCK, NULL, 0, NULL },
	{ VOLUME, YES, "", 1, STAYS, NULL, 0, NULL },
	{ VOLUME, NO, "disk:vda=/new/x", 1, STUCK, NULL, 0, NULL },
	{ NETWORK, NO, "", 1, STUCK, NULL, 0, NULL },
	{ NETWORK, YES, "disk:vda=/new/x", 1, STAYS, NULL, 0, NULL },
	{ NET_BASE, NO, "", 2, COPIED, "/a/x", STUCK, NULL },
	{ BLOCK_BASE, NO, "", 2, COPIED, "/a/x", FETCHED, "/dev/vg/base" },
	/* --disk */
	{ CHAIN, NO, "disk:vda", 2, COPIED, "/a/x", FETCHED, "/b/y" },
	{ CHAIN, NO, "disk:vdb", 2, STUCK, "/a/x", FETCHED, "/b/y" },
	{ CHAIN, YES, "disk:vdb", 2, STAYS, "/a/x", STAYS, "/b/y" },
	{ CHAIN, YES, "disk:vda", 2, STAYS, "/a/x", STAYS, "/b/y" },
	{ CHAIN, DONT_KNOW, "disk:vdb", 2, UNKNOWN, "/a/x", UNKNOWN, "/b/y" },
	{ CHAIN, NO, "disk:vda=/c/z", 2, COPIED, "/c/z", FETCHED, "/b/y" },
	{ CHAIN, YES, "disk:vda=/c/z", 2, COPIED, "/c/z", STAYS, "/b/y" },
	{ CHAIN, DONT_KNOW, "disk:vda=/c/z", 2, COPIED, "/c/z", UNKNOWN, "/b/y" },
	{ CHAIN, YES, "disk:vda=/a/x", 2, STAYS, "/a/x", STAYS, "/b/y" },
	{ PLAIN("<readonly/>"), NO, "disk:vdb", 1, FETCHED, "/a/x", 0, NULL },
	/* --storage */
	{ CHAIN, YES, "storage:/a=/c", 2, COPIED, "/c/x", STAYS, "/b/y" },
	{ CHAIN, YES, "storage:/b=/c", 2, STAYS, "/a/x", FETCHED, "/c/y" },
	{ CHAIN, NO, "storage:/a=/c storage:/b=/d", 2, COPIED, "/c/x", FETCHED, "/d/y" },
	{ CHAIN, NO, "storage:/a=/c disk:vda=/e", 2, COPIED, "/e", FETCHED, "/b/y" },
	{ CHAIN, DONT_KNOW, "storage:/a=/c", 2, COPIED, "/c/x", UNKNOWN, "/b/y" },
	/* a disk that is not named keeps its paths */
	{ CHAIN, NO, "storage:/a=/c disk:vdb", 2, STUCK, "/a/x", FETCHED, "/b/y" },
	{ CHAIN, YES, "storage:/a=/c disk:vdb", 2, STAYS, "/a/x", STAYS, "/b/y" },
	{ CDROM(""), YES, "storage:/iso=/c", 1, FETCHED, "/c/x", 0, NULL },
};

static void test_fates(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fates); i++) {
		struct domain *d = domain(fates[i].disks);
		struct storage_proof proof;
		struct remap remap auto_remap = { 0 };
		struct images im = { 0 };

		prove(d, fates[i].shared, &proof);
		if (fates[i].remap)
			ask_for(fates[i].remap, &remap);
		images_decide(d, &proof, fates[i].remap ? &remap : NULL, &im);
		if (im.n != fates[i].n)
			fail_msg("case %zu: %zu files", i, im.n);
		for (size_t k = 0; k < im.n; k++) {
			const struct image_plan *p = &im.v[k];

			if (p->fate != (k ? fates[i].base : fates[i].active) || p->depth != k ||
			    p->image != &d->disks[0].chain[k] || p->disk != &d->disks[0] ||
			    !str_eq(p->dst_path, k ? fates[i].base_path : fates[i].path))
				fail_msg("case %zu, file %zu: fate %d, %s", i, k, p->fate,
					 p->dst_path ? p->dst_path : "no path");
			assert_true((p->fate == STUCK) == (p->problem != NULL));
			assert_ptr_equal(image_below(&im, p), k + 1 < im.n ? p + 1 : NULL);
		}
		assert_true(images_move(&im) ==
			    (im.n && (im.v[0].fate != STAYS || (im.n > 1 && im.v[1].fate != STAYS))));
		images_clear(&im);
		free(proof.v);
		domain_free(d);
	}
}

/* Without a proof nothing is shared for certain, and nothing is not. */
static void test_no_proof(void **state)
{
	struct domain *d = domain(CHAIN);
	struct storage_proof none = { 0 };
	struct images im = { 0 };

	(void)state;
	images_decide(d, &none, NULL, &im);
	assert_int_equal(im.n, 2);
	assert_true(im.v[0].fate == UNKNOWN && im.v[1].fate == UNKNOWN);
	images_clear(&im);
	assert_false(images_move(&im));
	domain_free(d);
}

/* ---- the name of the backing file ---- */

static const struct {
	const char *disks, *remap, *said, *resolved, *format, *want;
	enum digest_kind kind;
} backing_names[] = {
	{ CHAIN, "", "/b/y", "/b/y", "qcow2", "/b/y", DIGEST_ALL },
	{ CHAIN, "", "../b/y", "/a/../b/y", "qcow2", "/b/y", DIGEST_QCOW2_REBASED },
	{ CHAIN, "storage:/a=/c", "/b/y", "/b/y", "qcow2", "/b/y", DIGEST_ALL },
	{ CHAIN, "storage:/b=/c", "/b/y", "/b/y", "qcow2", "/c/y", DIGEST_QCOW2_REBASED },
	{ CHAIN, "storage:/a=/c storage:/b=/c", "y", "/a/y", "qcow2", "y", DIGEST_ALL },
	{ CHAIN, "storage:/b=/a", "y", "/a/y", "qcow2", "y", DIGEST_ALL },
	{ CHAIN, "storage:/b=/a/sub", "sub/y", "/a/sub/y", "qcow2", "sub/y", DIGEST_ALL },
	{ CHAIN, "storage:/b=/a/sub", "sub/z", "/a/sub/z", "qcow2", "/a/sub/y", DIGEST_QCOW2_REBASED },
	{ CHAIN, "disk:vda=/a/deep/x storage:/b=/a", "y", "/a/y", "qcow2", "/a/y", DIGEST_QCOW2_REBASED },
	/* nothing is known of the header */
	{ CHAIN, "storage:/b=/c", NULL, NULL, NULL, "/c/y", DIGEST_ALL },
	{ CHAIN, "", NULL, NULL, "qcow2", "/b/y", DIGEST_ALL },
	{ CHAIN, "storage:/b=/c", "/b/y", "/b/y", "vmdk", "/c/y", DIGEST_ALL },
	{ PLAIN(""), "storage:/a=/c", NULL, NULL, "raw", NULL, DIGEST_ALL },
	/* on a server: the same for both hosts */
	{ NET_BASE, "storage:/a=/c", "nbd://h/x", "nbd://h/x", "qcow2", "nbd://h/x", DIGEST_ALL },
	{ NET_BASE, "", NULL, NULL, NULL, NULL, DIGEST_ALL },
	{ BLOCK_BASE, "", "/dev/vg/base", "/dev/vg/base", "qcow2", "/dev/vg/base", DIGEST_ALL },
};

static void test_backing_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(backing_names); i++) {
		struct domain *d = domain(backing_names[i].disks);
		struct image_info info = { .format = (char *)(uintptr_t)backing_names[i].format,
					   .backing = (char *)(uintptr_t)backing_names[i].resolved,
					   .backing_said = (char *)(uintptr_t)backing_names[i].said };
		struct storage_proof proof;
		struct remap remap auto_remap = { 0 };
		struct images im = { 0 };
		auto_free char *name = NULL;

		prove(d, NO, &proof);
		ask_for(backing_names[i].remap, &remap);
		images_decide(d, &proof, &remap, &im);
		im.v[0].info = backing_names[i].format ? &info : NULL;
		name = image_backing_name(&im, &im.v[0]);
		if (!str_eq(name, backing_names[i].want))
			fail_msg("case %zu: %s", i, name ? name : "none");
		if (image_digest_kind(&im, &im.v[0]) != backing_names[i].kind)
			fail_msg("case %zu: the other kind of digest", i);
		images_clear(&im);
		free(proof.v);
		domain_free(d);
	}
}

/* ---- hosts that answer from a table ---- */

enum { SRC, DST };

static struct side_table {
	struct file_fact fact;
	bool stat_fails, digest_fails;
	struct image_info info[2];
	size_t info_n; /* 0: qemu-img cannot read it */
	enum err_id chain_err;
	char letter; /* its digest */
	int stats, chains, digests;
	enum digest_kind kind; /* last asked for */
} table[2];

static struct host *hosts[2];

static struct side_table *table_of(struct host *h)
{
	return &table[h == hosts[DST]];
}

static int t_stat(struct host *h, const char *const paths[], size_t n, struct file_fact *out, struct err *err)
{
	struct side_table *t = table_of(h);

	(void)paths;
	t->stats++;
	if (t->stat_fails)
		return err_set(err, E_DISCONNECTED, 0, "no stat");
	for (size_t i = 0; i < n; i++)
		out[i] = t->fact;
	return 0;
}

static void copy_info(struct image_info *to, const struct image_info *from)
{
	*to = *from;
	to->path = xstrdup(from->path);
	to->format = xstrdup(from->format);
	to->backing = xstrdup(from->backing);
	to->backing_said = xstrdup(from->backing_said);
}

static int t_chain(struct host *h, const char *path, const char *format, bool whole, struct image_chain *out,
		   struct err *err)
{
	struct side_table *t = table_of(h);

	(void)path, (void)format;
	t->chains++;
	if (!t->info_n)
		return err_set(err, t->chain_err, 0, "no image");
	out->n = whole ? t->info_n : 1;
	out->v = xcalloc(out->n, sizeof(*out->v));
	for (size_t i = 0; i < out->n; i++)
		copy_info(&out->v[i], &t->info[i]);
	return 0;
}

static int t_digest(struct host *h, const char *path, enum digest_kind kind, uint64_t cluster, char hex[DIGEST_HEX + 1],
		    struct err *err)
{
	struct side_table *t = table_of(h);

	(void)path, (void)cluster;
	t->digests++;
	t->kind = kind;
	if (t->digest_fails)
		return err_set(err, E_REMOTE, 0, "no digest");
	memset(hex, t->letter, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	return 0;
}

static const struct file_ops table_ops = { .stat = t_stat, .chain = t_chain, .digest = t_digest };

/* ---- remembered digests ---- */

static struct {
	char host[8][16], key[8][200], hex[8][DIGEST_HEX + 1];
	size_t n;
	int hits;
} memory;

static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;

static bool remember_get(void *arg, const char *host, const char *key, char hex[DIGEST_HEX + 1])
{
	bool found = false;

	assert_ptr_equal(arg, &memory);
	pthread_mutex_lock(&memory_lock);
	for (size_t i = 0; i < memory.n && !found; i++)
		if (strcmp(memory.host[i], host) == 0 && strcmp(memory.key[i], key) == 0) {
			strcpy(hex, memory.hex[i]);
			found = true;
		}
	memory.hits += found;
	pthread_mutex_unlock(&memory_lock);
	return found;
}

static void remember_put(void *arg, const char *host, const char *key, const char *hex)
{
	(void)arg;
	pthread_mutex_lock(&memory_lock);
	if (memory.n < ARRAY_SIZE(memory.key)) {
		snprintf(memory.host[memory.n], sizeof(memory.host[0]), "%s", host);
		snprintf(memory.key[memory.n], sizeof(memory.key[0]), "%s", key);
		snprintf(memory.hex[memory.n++], sizeof(memory.hex[0]), "%s", hex);
	}
	pthread_mutex_unlock(&memory_lock);
}

static const struct digest_cache cache = { remember_get, remember_put, &memory };

static const struct {
	int host;
	enum digest_kind kind;
	char file_kind;
	uint64_t dev, ino, size;
	int64_t mtime;
	bool cached, reads; /* is there a cache; is the file read */
} cached[] = {
	{ SRC, DIGEST_ALL, 'f', 1, 2, 3, 4, true, true },
	{ SRC, DIGEST_ALL, 'f', 1, 2, 3, 4, true, false },
	{ DST, DIGEST_ALL, 'f', 1, 2, 3, 4, true, true },
	{ SRC, DIGEST_QCOW2_REBASED, 'f', 1, 2, 3, 4, true, true },
	{ SRC, DIGEST_ALL, 'f', 9, 2, 3, 4, true, true },
	{ SRC, DIGEST_ALL, 'f', 1, 9, 3, 4, true, true },
	{ SRC, DIGEST_ALL, 'f', 1, 2, 9, 4, true, true },
	{ SRC, DIGEST_ALL, 'f', 1, 2, 3, 9, true, true },
	{ SRC, DIGEST_ALL, 'f', 1, 2, 3, 4, true, false },
	{ SRC, DIGEST_ALL, 'f', 1, 2, 3, 4, false, true },
	/* a block device has no time */
	{ SRC, DIGEST_ALL, 'b', 1, 2, 3, 4, true, true },
	{ SRC, DIGEST_ALL, 'b', 1, 2, 3, 4, true, true },
};

static void test_digest_cache(void **state)
{
	const struct file_fact first = { .kind = 'f', .id = { 1, 2 }, .size = 3, .mtime_ns = 4, .ctime_ns = 5 };

	(void)state;
	memset(&memory, 0, sizeof(memory));
	for (size_t i = 0; i < ARRAY_SIZE(cached); i++) {
		struct err err auto_err = ERR_INIT;
		struct file_fact f = first;
		char hex[DIGEST_HEX + 1];

		f.kind = cached[i].file_kind;
		f.id = (struct file_id) { cached[i].dev, cached[i].ino };
		f.size = cached[i].size;
		f.mtime_ns = cached[i].mtime;
		table[SRC].digests = table[DST].digests = 0;
		table[SRC].letter = table[DST].letter = 'a';
		assert_int_equal(digest_cached(hosts[cached[i].host], "/x", &f, cached[i].kind, 0,
					       cached[i].cached ? &cache : NULL, hex, &err),
				 0);
		if (table[SRC].digests + table[DST].digests != cached[i].reads || hex[0] != 'a' || hex[DIGEST_HEX])
			fail_msg("case %zu: read %d times", i, table[SRC].digests + table[DST].digests);
	}
	assert_int_equal(memory.hits, 2);
}

/* What failed is not remembered. */
static void test_digest_failure(void **state)
{
	const struct file_fact f = { .kind = 'f', .id = { 8, 8 } };
	struct err err auto_err = ERR_INIT;
	char hex[DIGEST_HEX + 1];

	(void)state;
	memset(&memory, 0, sizeof(memory));
	table[SRC] = (struct side_table) { .digest_fails = true };
	assert_int_equal(digest_cached(hosts[SRC], "/x", &f, DIGEST_ALL, 0, &cache, hex, &err), -1);
	assert_true(err_is(&err, E_REMOTE));
	assert_int_equal(memory.n, 0);
}

/* ---- what is there already ---- */

static char raw[] = "raw", qcow[] = "qcow2", by[] = "/b/y", cy[] = "/c/y";

/* A guest with one overlay over one raw base, which is at the destination and the same. */
static void good_table(void)
{
	const struct file_fact fact = { .present = FACT_YES, .kind = 'f', .id = { 1, 1 }, .size = 1000, .mtime_ns = 7 };
	const struct image_info base = { .path = by, .format = raw, .virtual_size = 1024 };
	const struct image_info top = { .path = by,
					.format = qcow,
					.virtual_size = 4096,
					.backing = by,
					.backing_said = by,
					.cluster_size = 65536 };

	memset(table, 0, sizeof(table));
	table[SRC] = (struct side_table) { .fact = fact, .info = { top, base }, .info_n = 2, .letter = 'a' };
	table[DST] = (struct side_table) { .fact = fact, .info = { base }, .info_n = 1, .letter = 'a' };
	table[SRC].chain_err = table[DST].chain_err = E_REMOTE;
	memset(&memory, 0, sizeof(memory));
}

#define T(name) static void name(void)

/* clang-format off */
T(t_same) { }
T(t_content) { table[DST].letter = 'b'; }
T(t_size) { table[DST].info[0].virtual_size = 1025; }
T(t_format) { table[DST].info[0].format = qcow; }
T(t_length) { table[DST].fact.size = 1001; }
T(t_backed) { table[DST].info[0].backing_said = cy; }
T(t_clusters) { table[DST].info[0].cluster_size = 512; }
T(t_directory) { table[DST].fact.kind = 'd'; }
T(t_other) { table[DST].fact.kind = 'o'; }
T(t_device) { table[DST].fact.kind = 'b'; table[DST].fact.size = 4096; }
T(t_unreadable) { table[DST].info_n = 0; }
T(t_gone) { table[DST].info_n = 0; table[DST].chain_err = E_DISCONNECTED; }
T(t_cancelled) { table[DST].info_n = 0; table[DST].chain_err = E_CANCELLED; }
T(t_no_digest) { table[DST].digest_fails = true; }
T(t_no_digest_src) { table[SRC].digest_fails = true; }
T(t_src_unreadable) { table[SRC].info_n = 0; }
T(t_src_short) { table[SRC].info_n = 1; }
T(t_dst_stat) { table[DST].stat_fails = true; }
T(t_src_stat) { table[SRC].stat_fails = true; }
T(t_absent) { table[DST].fact = (struct file_fact) { .present = FACT_NO }; }
T(t_unsearchable) { table[DST].fact = (struct file_fact) { .present = FACT_UNKNOWN }; }
/* clang-format on */

static const struct {
	void (*change)(void);
	enum fact same;
	const char *why; /* NULL: none */
	int digests;     /* at the destination */
	const char *err, *src_err, *dst_err;
} collected[] = {
	{ t_same, FACT_YES, NULL, 1, NULL, NULL, NULL },
	{ t_content, FACT_NO, "bbbbbbbbbbbb…, not aaaaaaaaaaaa…", 1, NULL, NULL, NULL },
	{ t_size, FACT_NO, "1025 bytes for the guest, not 1024", 0, NULL, NULL, NULL },
	{ t_format, FACT_NO, "format is qcow2, not raw", 0, NULL, NULL, NULL },
	{ t_length, FACT_NO, "1001 bytes, not 1000", 0, NULL, NULL, NULL },
	{ t_backed, FACT_NO, "backing file is /c/y, not none", 0, NULL, NULL, NULL },
	{ t_clusters, FACT_NO, "clusters have 512", 0, NULL, NULL, NULL },
	{ t_directory, FACT_NO, "no file", 0, NULL, NULL, NULL },
	{ t_other, FACT_NO, "no file", 0, NULL, NULL, NULL },
	{ t_device, FACT_YES, NULL, 1, NULL, NULL, NULL },
	{ t_unreadable, FACT_NO, "no raw image: no image", 0, NULL, NULL, NULL },
	{ t_gone, FACT_UNKNOWN, "no image", 0, NULL, NULL, NULL },
	{ t_cancelled, FACT_UNKNOWN, "no image", 0, NULL, NULL, NULL },
	{ t_no_digest, FACT_UNKNOWN, "no digest", 1, NULL, NULL, NULL },
	{ t_no_digest_src, FACT_UNKNOWN, "no digest", 1, NULL, NULL, NULL },
	{ t_src_unreadable, FACT_UNKNOWN, "source does not say", 0, "no image", NULL, NULL },
	{ t_src_short, FACT_UNKNOWN, "source does not say", 0, NULL, NULL, NULL },
	{ t_dst_stat, FACT_UNKNOWN, NULL, 0, NULL, NULL, "no stat" },
	{ t_src_stat, FACT_YES, NULL, 1, NULL, "no stat", NULL },
	{ t_absent, FACT_UNKNOWN, NULL, 0, NULL, NULL, NULL },
	{ t_unsearchable, FACT_UNKNOWN, NULL, 0, NULL, NULL, NULL },
};

static void test_collect(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(collected); i++) {
		struct domain *d = domain(CHAIN);
		struct storage_proof proof;
		struct images im = { 0 };
		const struct image_plan *p;

		good_table();
		collected[i].change();
		prove(d, NO, &proof);
		images_decide(d, &proof, NULL, &im);
		images_collect(hosts[SRC], hosts[DST], d, &cache, &im);
		p = &im.v[1];
		assert_true(im.done && im.chains_n == 1);
		if (p->same != collected[i].same || (p->differs ? 1 : 0) != (collected[i].why ? 1 : 0) ||
		    (collected[i].why && !strstr(p->differs, collected[i].why)) ||
		    table[DST].digests != collected[i].digests)
			fail_msg("case %zu: %d, %s, %d digests", i, p->same, p->differs ? p->differs : "-",
				 table[DST].digests);
		assert_int_equal(im.v[0].same, FACT_UNKNOWN); /* the active image is not asked for */
		if (!str_eq(im.chain_errs[0].msg, collected[i].err) || !str_eq(im.src_err.msg, collected[i].src_err) ||
		    !str_eq(im.dst_err.msg, collected[i].dst_err))
			fail_msg("case %zu: errors", i);
		images_clear(&im);
		free(proof.v);
		domain_free(d);
	}
}

/* Who measures reads no content; who has measured before asks the cache. */
static void test_measure(void **state)
{
	struct domain *d = domain(CHAIN);
	struct storage_proof proof;

	(void)state;
	good_table();
	prove(d, NO, &proof);
	for (int i = 0; i < 3; i++) {
		struct images im = { 0 };

		images_decide(d, &proof, NULL, &im);
		if (i == 0)
			images_measure(hosts[SRC], hosts[DST], d, &im);
		else
			images_collect(hosts[SRC], hosts[DST], d, &cache, &im);
		assert_int_equal(table[DST].digests, i ? 1 : 0);
		assert_int_equal(table[SRC].digests, i ? 1 : 0);
		assert_true(im.v[1].dst.present == FACT_YES && im.v[1].info);
		assert_int_equal(im.v[1].same, i ? FACT_YES : FACT_UNKNOWN);
		images_clear(&im);
	}
	free(proof.v);
	domain_free(d);
}

/* An overlay in the middle, over a base with another name over there. */
static void test_collect_rebased(void **state)
{
	struct domain *d = domain(
		"<disk type='file' device='disk'><driver type='qcow2'/><source file='/a/x'/><backingStore type='file'>"
		"<format type='qcow2'/><source file='/a/m'/><backingStore type='file'><format type='raw'/><source "
		"file='/b/y'/><backingStore/></backingStore></backingStore>" TARGET "</disk>");
	struct remap remap auto_remap = { 0 };
	struct storage_proof proof;
	struct images im = { 0 };

	(void)state;
	good_table();
	/* the table has one answer for every path: here only the middle one counts */
	table[SRC].info[1] = table[SRC].info[0];
	table[DST].info[0] = table[SRC].info[0];
	table[DST].info[0].backing_said = cy;
	prove(d, NO, &proof);
	ask_for("storage:/b=/c", &remap);
	images_decide(d, &proof, &remap, &im);
	images_collect(hosts[SRC], hosts[DST], d, &cache, &im);
	assert_int_equal(im.v[1].same, FACT_YES);
	assert_true(table[SRC].kind == DIGEST_QCOW2_REBASED && table[DST].kind == DIGEST_QCOW2_REBASED);
	images_clear(&im);
	/* it has still the name the source's has */
	table[DST].info[0].backing_said = by;
	images_decide(d, &proof, &remap, &im);
	images_collect(hosts[SRC], hosts[DST], d, &cache, &im);
	assert_int_equal(im.v[1].same, FACT_NO);
	assert_non_null(strstr(im.v[1].differs, "/b/y, not /c/y"));
	images_clear(&im);
	free(proof.v);
	domain_free(d);
}

/* What stays is not asked about at all. */
static void test_collect_nothing(void **state)
{
	static const char *const disks[] = { CHAIN, VOLUME, NETWORK, CDROM("startupPolicy='optional'"), EMPTY, "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		struct domain *d = domain(disks[i]);
		struct storage_proof proof;
		struct images im = { 0 };

		good_table();
		prove(d, YES, &proof);
		images_decide(d, &proof, NULL, &im);
		images_collect(hosts[SRC], hosts[DST], d, &cache, &im);
		assert_int_equal(table[SRC].stats + table[SRC].chains + table[SRC].digests, 0);
		assert_int_equal(table[DST].stats + table[DST].chains + table[DST].digests, 0);
		assert_false(images_move(&im));
		images_clear(&im);
		free(proof.v);
		domain_free(d);
	}
}

/* ---- room ---- */

#define OVER(dev, file)                                                                                             \
	"<disk type='file' device='disk'><driver type='qcow2'/><source file='" file "'/><backingStore type='file'>" \
	"<format type='raw'/><source file='/b/y'/><backingStore/></backingStore><target dev='" dev                  \
	"' bus='virtio'/></disk>"

static void test_space(void **state)
{
	struct domain *d = domain(OVER("vda", "/a/x") OVER("vdb", "/a/z") CDROM(""));
	struct image_info top = { .actual_size = 100, .virtual_size = 1000 }, base = { .actual_size = 50 };
	struct image_info full = { .actual_size = 2000, .virtual_size = 1000 };
	struct space_needs s = { 0 };
	struct storage_proof proof;
	struct images im = { 0 };

	(void)state;
	prove(d, NO, &proof);
	images_decide(d, &proof, NULL, &im);
	assert_int_equal(im.n, 5);
	for (size_t i = 0; i < im.n; i++) {
		im.v[i].info = i == 2 ? &full : i % 2 || i == 4 ? &base : &top;
		im.v[i].src.allocated = 70;
		im.v[i].dst.present = FACT_NO;
	}
	images_space(&im, &s);
	/* the base of both once; more than its size for one that is fuller than it is large */
	assert_int_equal(s.n, 4);
	assert_string_equal(s.v[0].path, "/a/x");
	assert_true(s.v[0].now == 100 && s.v[0].worst == 1000 && !s.v[0].fetched);
	assert_string_equal(s.v[1].path, "/b/y");
	assert_true(s.v[1].now == 70 && s.v[1].worst == 70 && s.v[1].fetched);
	assert_string_equal(s.v[2].path, "/a/z");
	assert_true(s.v[2].now == 2000 && s.v[2].worst == 2000);
	assert_string_equal(s.v[3].path, "/iso/x");
	/* another guest over the same base */
	images_space(&im, &s);
	assert_int_equal(s.n, 6);
	space_needs_clear(&s);
	/* what is there, or cannot be told, needs no room; of what nothing is known nothing is */
	im.v[1].dst.present = im.v[3].dst.present = FACT_YES;
	im.v[4].dst.present = FACT_UNKNOWN;
	im.v[0].info = NULL;
	images_space(&im, &s);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.v[0].path, "/a/z");
	space_needs_clear(&s);
	images_clear(&im);
	free(proof.v);
	domain_free(d);
}

static void test_space_of_devices(void **state)
{
	struct domain *d = domain(BLOCK);
	struct image_info info = { .actual_size = 100, .virtual_size = 1000 };
	struct space_needs s = { 0 };
	struct storage_proof proof;
	struct images im = { 0 };

	(void)state;
	prove(d, NO, &proof);
	images_decide(d, &proof, NULL, &im);
	im.v[0].info = &info;
	images_space(&im, &s);
	assert_int_equal(s.n, 0);
	images_clear(&im);
	free(proof.v);
	domain_free(d);
}

/* ---- */

static int setup(void **state)
{
	static const char *const names[] = { "alpha", "beta" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct host_spec s = { .name = (char *)(uintptr_t)names[i], .address = (char *)(uintptr_t)names[i] };

		hosts[i] = host_new(&s);
		host_set_file_ops(hosts[i], &table_ops);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_free(hosts[SRC]);
	host_free(hosts[DST]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_no_proof),
		cmocka_unit_test(test_backing_names),
		cmocka_unit_test(test_digest_cache),
		cmocka_unit_test(test_digest_failure),
		cmocka_unit_test(test_collect),
		cmocka_unit_test(test_measure),
		cmocka_unit_test(test_collect_rebased),
		cmocka_unit_test(test_collect_nothing),
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_space_of_devices),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

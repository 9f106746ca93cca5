/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The phases of a migration whose disks move along, over a small world of two hosts with files (world.h), in
 * which the n-th call, or the n-th statement of the journal, fails, or the process dies there. Whatever fails and
 * whenever: an image of the source is touched only when the guest runs at the destination, what was at the
 * destination before stays as it was, and what was made there goes when the guest stays.
 */
#include "world.h"

#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "check/checks.h"
#include "host/host-private.h"

/* Every place is tried; with sanitizers, which make a fork and all else slow, each time another part of them. */
#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 31 };
#else
enum { STRIDE = 3 };
#endif

/* ---- time passes when somebody waits, and costs nothing ---- */

static _Atomic int64_t slept_us;

int usleep(useconds_t us)
{
	slept_us += us;
	return 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);
	int64_t ns = ts->tv_nsec + slept_us % 1000000 * 1000;

	ts->tv_sec += slept_us / 1000000 + ns / 1000000000;
	ts->tv_nsec = ns % 1000000000;
	return rc;
}

/* ---- files ---- */

enum { NODES = 40, PIECES = 3, ALPHA = 0, BETA = 1 };
#define PIECE UINT64_C(134217728)

struct node {
	char path[120];
	char kind; /* 0: no node */
	struct file_id id;
	uint64_t size, vsize;
	char format[8], backing[80];
	char data[PIECES + 1]; /* a letter for each piece; '.': a hole */
	bool part;             /* with a record */
	char what[160], marks[80];
	bool mine; /* it was there before */
};

struct files {
	struct node v[NODES];
	uint64_t next_ino;
};

static struct store {
	struct files host[2], before[2];
	char receiving[120];
	char locked[120]; /* somebody else has a lock on this name */
	int src_busy;     /* so many looks find the source's images still open */
	bool moved;       /* libvirt was asked to */
	int undo_from;    /* number of the last call before the undo; 0: none */
	int removed;      /* since libvirt was asked */
	bool ended;       /* the guest leaves the source, and ends at the destination, where nobody has defined it */
	bool corrupt;     /* what is sent comes as something else */
	bool other_guest; /* another guest of the destination stands on the base */
	int statements;
	bool unfinished; /* the journal says so afterwards */
} * store;

static struct files *files_of(const struct host *h)
{
	return &store->host[is_source(h) ? ALPHA : BETA];
}

static struct node *find(struct files *f, const char *path)
{
	for (size_t i = 0; i < NODES; i++)
		if (f->v[i].kind && str_eq(f->v[i].path, path))
			return &f->v[i];
	return NULL;
}

static struct node *add(struct files *f, const char *path, char kind, const char *data)
{
	for (size_t i = 0; i < NODES; i++)
		if (!f->v[i].kind) {
			f->v[i] = (struct node) { .kind = kind, .id = { 7, ++f->next_ino } };
			snprintf(f->v[i].path, sizeof(f->v[i].path), "%s", path);
			snprintf(f->v[i].data, sizeof(f->v[i].data), "%s", data);
			return &f->v[i];
		}
	broken("no room for %s", path);
	return &f->v[0];
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
}

static bool has_children(struct files *f, const char *path)
{
	auto_free char *below = str_printf("%s/", path);

	for (size_t i = 0; i < NODES; i++)
		if (f->v[i].kind && str_starts(f->v[i].path, below))
			return true;
	return false;
}

/* ---- the guest ---- */

/* Where its files are at the destination. */
static const struct setting {
	const char *map;      /* --storage */
	const char *pool;     /* what becomes of /pool */
	const char *there[4]; /* files and directories of the destination */
	enum source_disks source_disks;
	const char *twin; /* another vmmig makes this directory just before */
} settings[] = {
	{ NULL, "/pool", { "/", "/pool", "/pool/other.img" }, SOURCE_QUARANTINE, NULL },
	{ "/pool=/new/pool", "/new/pool", { "/" }, SOURCE_DELETE, "/new" },
	{ NULL, "/pool", { "/", "/pool", "/pool/base", "/pool/base/raw.img" }, SOURCE_KEEP, NULL },
};
static const struct setting *setting;

static char *domain_text(const char *pool)
{
	return str_printf("<domain type='qemu'><name>web1</name><uuid>" UUID "</uuid><memory unit='KiB'>131072</memory>"
			  "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
			  "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
			  "<source file='%s/web1.qcow2'/><backingStore type='file'><format type='qcow2'/>"
			  "<source file='%s/base/mid.qcow2'/><backingStore type='file'><format type='raw'/>"
			  "<source file='%s/base/raw.img'/><backingStore/></backingStore></backingStore>"
			  "<target dev='vda' bus='virtio'/></disk>"
			  "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
			  "<source file='/data/d.raw'/><backingStore/><target dev='vdb' bus='virtio'/></disk>"
			  "</devices></domain>",
			  pool, pool, pool);
}

static char *block_xml(struct host *h, const char *uuid)
{
	if (!str_eq(uuid, UUID))
		return domain_text("/pool"); /* of another guest, over the same base */
	return domain_text(is_source(h) ? "/pool" : setting->pool);
}

/* Has QEMU of this host this file open? */
static bool is_open(const struct files *f, const char *path)
{
	bool source = f == &store->host[ALPHA];
	const char *pool = source ? "/pool" : setting->pool;
	auto_free char *top = str_printf("%s/web1.qcow2", pool), *base = str_printf("%s/base/", pool);

	if (!str_eq(path, top) && !str_starts(path, base) && !str_eq(path, "/data/d.raw"))
		return false;
	if (source && store->src_busy && !guest_is_active(&world->src))
		return --store->src_busy > 0;
	return guest_is_active(source ? &world->src : &world->dst);
}

/* QEMU has copied its disks, or has begun to. */
static void copy_disks(void)
{
	auto_free char *top = str_printf("%s/web1.qcow2", setting->pool);
	const char *paths[] = { top, "/data/d.raw" };

	store->moved = true;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct node *n = find(&store->host[BETA], paths[i]);

		if (!n) {
			broken("libvirt was asked to move it, and %s is not there", paths[i]);
			return;
		}
		if (world->outcome != STOPS)
			snprintf(n->data, sizeof(n->data), "%s", i ? "D" : "T");
	}
	if (!store->ended)
		return;
	put(&world->src, GUEST_SHUTOFF, GUEST_WHY_MIGRATED, 0);
	put(&world->dst, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
}

/* ---- operations ---- */

static void fact_of(struct files *f, const char *path, struct file_fact *out)
{
	const struct node *n = find(f, path);
	auto_free char *d = dir_of(path);

	*out = (struct file_fact) { .present = FACT_NO, .avail = UINT64_C(1) << 50, .dir_dev = 7 };
	out->dir_writable = FACT_YES;
	out->dir_is_parent = find(f, d);
	if (!n)
		return;
	out->present = FACT_YES;
	out->kind = n->kind;
	out->id = n->id;
	out->size = n->size;
	out->allocated = n->size / 2;
	out->mtime_ns = (int64_t)n->id.ino;
	out->mode = 0600;
	out->user = xstrdup("libvirt-qemu");
}

static int o_stat(struct host *h, const char *const paths[], size_t count, struct file_fact *out, struct err *err)
{
	int n, rc;

	if (enter("stat", &n, err))
		return -1;
	for (size_t i = 0; i < count; i++)
		fact_of(files_of(h), paths[i], &out[i]);
	rc = leave(n, 0, err);
	for (size_t i = 0; rc < 0 && i < count; i++)
		file_fact_clear(&out[i]);
	return rc;
}

static void info_of(const struct node *n, struct image_info *i)
{
	*i = (struct image_info) { .path = xstrdup(n->path), .format = xstrdup(n->format), .virtual_size = n->vsize };
	i->actual_size = n->size / 2;
	if (str_eq(n->format, "qcow2")) {
		i->cluster_size = 65536;
		i->compat = xstrdup("1.1");
		i->refcount_bits = 16;
	}
	if (!*n->backing)
		return;
	i->backing = xstrdup(n->backing);
	i->backing_said = xstrdup(n->backing);
	i->backing_format = xstrdup(strstr(n->backing, "raw") ? "raw" : "qcow2");
}

static int o_chain(struct host *h, const char *path, const char *format, bool whole, struct image_chain *out,
		   struct err *err)
{
	struct image_chain c = { 0 };
	const struct node *node;
	int n, rc = 0;

	(void)format;
	if (enter("chain", &n, err))
		return -1;
	do {
		node = find(files_of(h), path);
		if (!node || node->kind != 'f') {
			rc = err_set(err, E_REMOTE, 0, "%s: no such image", path);
			break;
		}
		info_of(node, ARRAY_ADD(c.v, c.n));
		path = node->backing;
	} while (whole && *path);
	if (leave(n, rc, err) < 0) {
		image_chain_clear(&c);
		return -1;
	}
	*out = c;
	return 0;
}

static int o_digest(struct host *h, const char *path, enum digest_kind kind, uint64_t cluster, char hex[DIGEST_HEX + 1],
		    struct err *err)
{
	const struct node *node;
	uint64_t sum = 14695981039346656037U;
	int n;

	(void)cluster;
	if (enter("digest", &n, err))
		return -1;
	node = find(files_of(h), path);
	if (!node)
		return leave(n, err_set(err, E_REMOTE, 0, "%s: cannot be read", path), err);
	for (const char *p = node->data; *p; p++)
		sum = (sum ^ (unsigned char)*p) * 1099511628211U;
	for (const char *p = kind == DIGEST_ALL ? node->backing : ""; *p; p++)
		sum = (sum ^ (unsigned char)*p) * 1099511628211U;
	for (int i = 0; i < 4; i++)
		snprintf(hex + (ptrdiff_t)i * 16, 17, "%016jx", (uintmax_t)(sum + node->size));
	return leave(n, 0, err);
}

static int o_map(struct host *h, const char *path, bool block, struct ranges *out, struct err *err)
{
	struct node *node;
	int n;

	(void)block;
	if (enter("map", &n, err))
		return -1;
	node = find(files_of(h), path);
	for (size_t i = 0; node && node->data[i]; i++)
		if (node->data[i] != '.')
			ranges_add(out, i * PIECE, (i + 1) * PIECE < node->size ? (i + 1) * PIECE : node->size);
	return leave(n, node ? 0 : -1, err);
}

static int o_digest_ranges(struct host *h, const char *path, const struct ranges *r, char hex[DIGEST_HEX + 1],
			   struct err *err)
{
	struct node *node;
	int n;

	if (enter("digest-ranges", &n, err))
		return -1;
	node = find(files_of(h), path);
	memset(hex, '0', DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	for (size_t i = 0; node && node->data[i]; i++)
		if (ranges_has(r, i * PIECE, i * PIECE + 1))
			hex[i] = node->data[i];
	return leave(n, node ? 0 : -1, err);
}

/* Anything made on the source is wrong. */
static struct node *make_node(struct host *h, const char *path, char kind, struct err *err)
{
	struct files *f = files_of(h);
	auto_free char *d = dir_of(path);

	if (is_source(h))
		broken("%s was made at the source", path);
	if (find(f, path)) {
		err_set(err, E_PREPARE, 0, "%s exists", path);
		return NULL;
	}
	if (!find(f, d)) {
		err_set(err, E_PREPARE, 0, "%s: no such directory", d);
		return NULL;
	}
	return add(f, path, kind, "");
}

static int o_make_dir(struct host *h, const char *temp, const struct file_like *like, struct file_id *id,
		      struct err *err)
{
	struct node *node;
	int n;

	(void)like;
	if (enter("make-dir", &n, err))
		return -1;
	node = make_node(h, temp, 'd', err);
	if (node)
		*id = node->id;
	return leave(n, node ? 0 : -1, err);
}

static int o_make_image(struct host *h, const char *temp, const struct image_make *make, const struct file_like *like,
			struct file_id *id, struct err *err)
{
	struct node *node;
	int n;

	if (enter("make-image", &n, err))
		return -1;
	if (make->backing && !find(files_of(h), make->backing))
		broken("%s is made over %s, which is not there", temp, make->backing);
	if (!str_eq(like->user, "libvirt-qemu") || like->mode != 0600)
		broken("%s has another owner or mode than the source's", temp);
	node = make_node(h, temp, 'f', err);
	if (node) {
		*id = node->id;
		node->size = 200000;
		node->vsize = make->size;
		snprintf(node->format, sizeof(node->format), "%s", make->format);
		snprintf(node->backing, sizeof(node->backing), "%s", make->backing ? make->backing : "");
	}
	return leave(n, node ? 0 : -1, err);
}

static int o_publish(struct host *h, const char *temp, const char *path, struct file_id id, struct err *err)
{
	struct files *f = files_of(h);
	struct node *node = NULL;
	int n, rc = 0;

	if (enter("publish", &n, err))
		return -1;
	if (setting->twin && str_eq(path, setting->twin) && !find(f, path))
		add(f, path, 'd', "")->mine = true;
	node = find(f, temp);
	if (!node || !file_id_eq(node->id, id))
		rc = err_set(err, E_PREPARE, 0, "%s is not what was made", temp);
	else if (find(f, path))
		rc = err_set(err, E_PREPARE, 0, "%s exists", path);
	else
		snprintf(node->path, sizeof(node->path), "%s", path);
	if (node && node->part)
		broken("%s was published with its record", temp);
	return leave(n, rc, err);
}

/* It has been moved by libvirt, to its end. */
static bool is_there(void)
{
	bool ended = world->outcome == ENDS_THERE && world->dst.state == GUEST_SHUTOFF && world->dst.persistent;

	return (guest_is_active(&world->dst) || ended) && !guest_is_active(&world->src);
}

/* What may go from which side, and when. */
static void judge_removal(struct host *h, const struct node *node)
{
	if (is_source(h) && !is_there())
		broken("%s was taken away from the source, and the guest is not at the destination", node->path);
	if (is_source(h) && strstr(node->path, "base/"))
		broken("%s was taken away from the source, which is not the guest's alone", node->path);
	if (!is_source(h) && node->mine)
		broken("%s was at the destination before, and was removed", node->path);
	if (!is_source(h) && guest_is_active(&world->dst))
		broken("%s was to be removed, and the guest is at the destination", node->path);
	store->removed += store->moved;
}

static enum file_gone fate(struct host *h, const char *path, struct file_id id)
{
	struct node *node = find(files_of(h), path);

	if (!node)
		return FILE_ABSENT;
	if (!file_id_eq(node->id, id))
		return FILE_CHANGED;
	if (node->kind == 'd')
		return has_children(files_of(h), path) ? FILE_BUSY_DIR : FILE_REMOVED;
	return is_open(files_of(h), path) ? FILE_OPEN : FILE_REMOVED;
}

static int o_remove(struct host *h, const char *path, struct file_id id, enum file_gone *gone, struct err *err)
{
	struct node *node;
	int n;

	if (enter("remove", &n, err))
		return -1;
	node = find(files_of(h), path);
	*gone = fate(h, path, id);
	if (*gone == FILE_REMOVED) {
		judge_removal(h, node);
		*node = (struct node) { 0 };
	}
	return leave(n, 0, err);
}

static int o_rename(struct host *h, const char *path, const char *to, struct file_id id, enum file_gone *gone,
		    struct err *err)
{
	struct node *node;
	int n, rc = 0;

	if (enter("rename", &n, err))
		return -1;
	node = find(files_of(h), path);
	*gone = fate(h, path, id);
	if (*gone == FILE_REMOVED && find(files_of(h), to)) {
		rc = err_set(err, E_PREPARE, 0, "%s exists", to);
	} else if (*gone == FILE_REMOVED) {
		judge_removal(h, node);
		snprintf(node->path, sizeof(node->path), "%s", to);
	}
	return leave(n, rc, err);
}

static int o_part_open(struct host *h, const char *part, const char *what, uint64_t size, struct file_id *id,
		       struct buf *done, struct err *err)
{
	struct node *node;
	int n, rc;

	if (enter("part-open", &n, err))
		return -1;
	node = find(files_of(h), part);
	if (!node || !node->part || !str_eq(node->what, what)) {
		if (node)
			*node = (struct node) { 0 };
		node = make_node(h, part, 'f', err);
	}
	if (!node)
		return leave(n, -1, err);
	node->part = true;
	snprintf(node->what, sizeof(node->what), "%s", what);
	node->size = size;
	if (!*node->data)
		memset(node->data, '.', (size + PIECE - 1) / PIECE);
	*id = node->id;
	rc = leave(n, 0, err);
	if (rc == 0)
		buf_add(done, node->marks, strlen(node->marks));
	return rc;
}

static int o_part_mark(struct host *h, const char *part, const char *mark, struct err *err)
{
	struct node *node;
	size_t len;
	int n;

	if (enter("part-mark", &n, err))
		return -1;
	node = find(files_of(h), part);
	if (!node || !node->part) {
		broken("a mark for a part that is not there");
		return leave(n, -1, err);
	}
	if (node->data[atoll(mark) / (long long)PIECE] == '.')
		broken("a mark for a piece that has not come");
	len = strlen(node->marks);
	snprintf(node->marks + len, sizeof(node->marks) - len, "%s\n", mark);
	return leave(n, 0, err);
}

static int o_part_trim(struct host *h, const char *part, uint64_t size, struct err *err)
{
	struct node *node;
	int n;

	if (enter("part-trim", &n, err))
		return -1;
	node = find(files_of(h), part);
	if (node)
		node->size = size;
	else
		broken("a part is trimmed that is not there");
	return leave(n, node ? 0 : -1, err);
}

static int o_part_finish(struct host *h, const char *part, const struct file_like *like, const char *backing,
			 const char *backing_format, bool keep, struct file_id *id, struct err *err)
{
	struct node *node;
	int n;

	(void)like, (void)keep;
	if (enter("part-finish", &n, err))
		return -1;
	node = find(files_of(h), part);
	if (!node) {
		broken("a part is finished that is not there");
		return leave(n, -1, err);
	}
	if (backing && !str_eq(backing_format, strstr(backing, "raw") ? "raw" : "qcow2"))
		broken("%s: backing format %s", part, backing_format);
	if (backing)
		snprintf(node->backing, sizeof(node->backing), "%s", backing);
	node->part = false;
	*id = node->id;
	return leave(n, 0, err);
}

static int o_part_drop(struct host *h, const char *part, struct err *err)
{
	struct node *node;
	int n;

	if (enter("part-drop", &n, err))
		return -1;
	node = find(files_of(h), part);
	if (node)
		*node = (struct node) { 0 };
	store->removed += store->moved && node;
	return leave(n, 0, err);
}

static int o_receive(struct host *h, const char *part, const char *address, unsigned min, unsigned max,
		     struct receiver *r, struct err *err)
{
	int n;

	(void)h, (void)address, (void)min, (void)max;
	if (enter("receive", &n, err))
		return -1;
	snprintf(store->receiving, sizeof(store->receiving), "%s", part);
	if (leave(n, 0, err) < 0)
		return -1;
	r->port = 41000;
	r->key = xstrdup("00");
	return 0;
}

/* The content comes from where the source's file is; what is in a header comes along. */
static int o_send(struct host *h, const struct send_piece *p, struct err *err)
{
	struct node *from, *to;
	size_t i = p->offset / PIECE;
	int n;

	if (enter("send", &n, err))
		return -1;
	from = find(files_of(h), p->path);
	to = find(&store->host[BETA], store->receiving);
	if (!from || !to || i >= strlen(from->data) || p->offset + p->length > (from->size + 511) / 512 * 512) {
		broken("%s: a piece of nothing", p->path);
		return leave(n, -1, err);
	}
	to->data[i] = store->corrupt ? '?' : from->data[i];
	if (i == 0) {
		to->vsize = from->vsize;
		memcpy(to->format, from->format, sizeof(to->format));
		memcpy(to->backing, from->backing, sizeof(to->backing));
	}
	return leave(n, 0, err);
}

static int o_lock(struct host *h, bool exclusive, const char *const paths[], struct exec_hold **lock, struct err *err)
{
	int n, rc = 0;

	(void)h;
	if (enter("lock", &n, err))
		return -1;
	for (size_t i = 0; paths[i]; i++)
		if (exclusive && str_eq(paths[i], store->locked))
			rc = 1;
	*lock = NULL; /* a lock of a process ends with it */
	return leave(n, rc, err);
}

static const struct file_ops fake_files = {
	.stat = o_stat,
	.chain = o_chain,
	.digest = o_digest,
	.map = o_map,
	.digest_ranges = o_digest_ranges,
	.make_dir = o_make_dir,
	.make_image = o_make_image,
	.publish = o_publish,
	.remove = o_remove,
	.rename = o_rename,
	.part_open = o_part_open,
	.part_trim = o_part_trim,
	.part_mark = o_part_mark,
	.part_finish = o_part_finish,
	.part_drop = o_part_drop,
	.receive = o_receive,
	.send = o_send,
	.lock = o_lock,
};

/* guest_list() has no operation of its own: it asks libvirt. Here libvirt is this. */
int virConnectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned flags)
{
	int (*real)(virConnectPtr, virDomainPtr **, unsigned);
	int n, rc = 0;

	if (enter("list", &n, NULL))
		return -1;
	*domains = NULL;
	if (store->other_guest) {
		*(void **)&real = dlsym(RTLD_NEXT, "virConnectListAllDomains");
		rc = real(conn, domains, flags);
	}
	return leave(n, rc, NULL);
}

/* Statements of the journal. */
int sqlite3_step(sqlite3_stmt *s)
{
	static int (*real)(sqlite3_stmt *);
	const struct fault *f = &world->fault;
	bool now;
	int rc;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
	pthread_mutex_lock(&world_lock);
	store->statements++;
	now = f->journal && (f->for_good ? store->statements >= f->at : store->statements == f->at);
	pthread_mutex_unlock(&world_lock);
	if (now && f->kind == KILL_BEFORE)
		_exit(KILLED);
	if (now && f->kind == FAIL_BEFORE)
		return SQLITE_FULL;
	rc = real(s);
	if (now && f->kind == KILL_AFTER)
		_exit(KILLED);
	return rc;
}

/* ---- a migration ---- */

static struct node *add_image(int side, const char *path, const char *format, uint64_t size, uint64_t vsize,
			      const char *data, const char *backing)
{
	struct node *n = add(&store->host[side], path, 'f', data);

	n->size = size;
	n->vsize = vsize;
	n->mine = true;
	snprintf(n->format, sizeof(n->format), "%s", format);
	snprintf(n->backing, sizeof(n->backing), "%s", backing);
	return n;
}

static void new_files(void)
{
	static const char *const dirs[] = { "/", "/pool", "/pool/base", "/data" };

	*store = (struct store) { .src_busy = 3 };
	store->host[ALPHA].next_ino = 1000;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		add(&store->host[ALPHA], dirs[i], 'd', "")->mine = true;
	add_image(ALPHA, "/pool/base/raw.img", "raw", 2 * PIECE + 1000, 2 * PIECE + 1000, "abc", "");
	add_image(ALPHA, "/pool/base/mid.qcow2", "qcow2", PIECE + 5, 4 * PIECE, "de", "/pool/base/raw.img");
	add_image(ALPHA, "/pool/web1.qcow2", "qcow2", 900000, 4 * PIECE, "T", "/pool/base/mid.qcow2");
	add_image(ALPHA, "/data/d.raw", "raw", PIECE, PIECE, "D", "");
	for (size_t i = 0; i < ARRAY_SIZE(setting->there) && setting->there[i]; i++)
		if (strstr(setting->there[i], "raw.img"))
			add_image(BETA, setting->there[i], "raw", 2 * PIECE + 1000, 2 * PIECE + 1000, "abc", "");
		else if (strchr(setting->there[i], '.'))
			add_image(BETA, setting->there[i], "raw", 77, 77, "precious", "");
		else
			add(&store->host[BETA], setting->there[i], 'd', "")->mine = true;
	memcpy(store->before, store->host, sizeof(store->before));
}

static char dir[] = "/tmp/vmmig-block-XXXXXX";

static char *journal_path(void)
{
	return str_printf("%s/journal.db", dir);
}

static void new_journal(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		auto_free char *path = str_printf("%s/journal.db%s", dir, ends[i]);

		unlink(path);
	}
}

static bool get_digest(void *arg, const char *host, const char *key, char hex[DIGEST_HEX + 1])
{
	return journal_digest_get(arg, host, key, hex, DIGEST_HEX + 1);
}

static void put_digest(void *arg, const char *host, const char *key, const char *hex)
{
	journal_digest_put(arg, host, key, hex);
}

/* The rows of check/table.c about disks, and that the guest runs. */
static int check_disks(struct migration *m, struct err *err)
{
	m->findings.in = &m->facts;
	for (size_t i = 0; i < check_table_n; i++)
		if (str_eq(check_table[i].subject, "disks") || str_eq(check_table[i].id, "E-GUEST-STATE")) {
			m->findings.check = &check_table[i];
			check_table[i].fn(&m->facts, &m->findings);
		}
	return check_refusal(&m->findings, err);
}

static void prove_storage(struct migration *m)
{
	struct storage_proof *p = &m->facts.storage;

	p->done = true;
	for (size_t i = 0; i < m->domain->disks_n; i++)
		for (size_t k = 0; k < m->domain->disks[i].chain_n; k++)
			*ARRAY_ADD(p->v, p->n) = (struct image_proof) { .disk = &m->domain->disks[i],
									.image = &m->domain->disks[i].chain[k],
									.shared = SHARED_NO,
									.reason = xstrdup("it is not") };
}

/* What begin asks and decides about disks, without a host. */
static int ask(struct migration *m, struct err *err)
{
	m->digests = (struct digest_cache) { get_digest, put_digest, m->journal };
	m->facts.mode = MODE_BLOCK;
	m->facts.src_name = host_name(m->src);
	m->facts.dst_name = host_name(m->dst);
	m->facts.remap = &m->opt->remap;
	m->facts.dst.uuid_taken = FACT_NO;
	m->facts.digests = &m->digests;
	m->facts.src.shell = m->facts.dst.shell = m->facts.src.libvirt = m->facts.dst.libvirt = FACT_YES;
	for (int i = 0; i < 3; i++) {
		static const char *const tools[] = { "qemu-img", "qemu-nbd", "sha256sum" };

		strv_add(&m->facts.src.tools, tools[i]);
		strv_add(&m->facts.dst.tools, tools[i]);
	}
	prove_storage(m);
	images_decide(m->domain, &m->facts.storage, &m->opt->remap, &m->facts.images);
	images_collect(m->src, m->dst, m->domain, &m->digests, &m->facts.images);
	return check_disks(m, err);
}

static int block_begin(struct migration *m, struct err *err)
{
	auto_free char *xml = domain_text("/pool");
	struct migration_record *r = &m->record;

	r->guest = xstrdup("web1");
	r->uuid = xstrdup(UUID);
	r->mode = xstrdup("block");
	r->from = xstrdup("alpha");
	r->to = xstrdup("beta");
	m->domain = domain_parse(xml, err);
	m->facts.domain = m->domain;
	m->was_running = true;
	m->facts.look.state = world->src.state;
	m->facts.look.why = world->src.why;
	m->facts.look.autostart = true;
	m->facts.look.job = GUEST_JOB_NONE;
	m->move = (struct guest_move) { .persistent = true, .undefine_source = true, .peer2peer = true };
	m->move.incremental = true;
	strv_add(&m->move.disks, "vda");
	strv_add(&m->move.disks, "vdb");
	if (journal_begin(m->journal, r, err) < 0)
		return -1;
	leftovers_clear(m);
	return ask(m, err);
}

static void block_undo(struct migration *m)
{
	pthread_mutex_lock(&world_lock);
	store->undo_from = world->calls;
	pthread_mutex_unlock(&world_lock);
	prepare_block_undo(m);
}

static const struct phase phases[] = {
	{ "begin", "source", block_begin, begin_undo }, { "prepare", "destination", prepare_block_run, block_undo },
	{ "perform", "both", perform_run, NULL },       { "finish", "destination", finish_run, NULL },
	{ "confirm", "source", confirm_run, NULL },
};

/* In the world as it is. */
static enum status walk(struct journal *journal, struct err *err)
{
	struct move_options opt = { .max_downtime_ms = 500, .source_disks = setting->source_disks };
	struct report report = { .ops = &silent };
	struct migration m = { .guest = "web1", .journal = journal, .report = &report, .opt = &opt };
	enum status status;

	m.mode = MODE_BLOCK;
	if (setting->map)
		assert_int_equal(remap_add_storage(&opt.remap, setting->map, NULL), 0);
	open_hosts(&m);
	if (store->other_guest)
		m.dst->conn = virConnectOpen("test:///default");
	host_set_file_ops(m.src, &fake_files);
	host_set_file_ops(m.dst, &fake_files);
	status = migrate_walk(&m, phases, ARRAY_SIZE(phases), err);
	migration_clear(&m);
	close_hosts(&m);
	remap_clear(&opt.remap);
	return status;
}

static enum status run_world(enum outcome outcome, struct fault fault, struct err *err)
{
	auto_free char *path = journal_path();
	struct journal *journal;
	enum status status;

	new_world(outcome, (struct fault) { 0 });
	new_files();
	new_journal();
	journal = journal_open(path, NULL);
	assert_non_null(journal);
	store->statements = 0;
	world->fault = fault;
	status = walk(journal, err);
	world->fault = (struct fault) { 0 };
	store->unfinished = has_unfinished(journal);
	journal_close(journal);
	return status;
}

/* ---- what must be true ---- */

/* Of a failed test: in which case. */
static char where[400];

static bool same_node(const struct node *a, const struct node *b)
{
	return b && file_id_eq(a->id, b->id) && a->size == b->size && str_eq(a->data, b->data) &&
	       str_eq(a->backing, b->backing) && a->kind == b->kind;
}

/* All that was there is there, and is the same. */
static void judge_kept(int side, bool active_may_go)
{
	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &store->before[side].v[i];
		bool active = strstr(n->path, "web1.qcow2") || strstr(n->path, "d.raw");

		if (!n->kind || (active && active_may_go) || same_node(n, find(&store->host[side], n->path)))
			continue;
		fail_msg("%s: %s: %s is not what it was", where, side == ALPHA ? "source" : "destination", n->path);
	}
}

/* Nothing more than before. */
static void judge_nothing_left(void)
{
	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &store->host[BETA].v[i];

		if (n->kind && !n->mine)
			fail_msg("%s: %s was left", where, n->path);
	}
}

static void judge_image(const char *path, const char *data, const char *backing)
{
	const struct node *n = find(&store->host[BETA], path);

	if (!n || !str_eq(n->data, data) || !str_eq(n->backing, backing))
		fail_msg("%s: %s is not at the destination, or \"%s\" over \"%s\"", where, path, n ? n->data : "",
			 n ? n->backing : "");
}

/* The guest can live there. */
static void judge_disks(void)
{
	auto_free char *top = str_printf("%s/web1.qcow2", setting->pool);
	auto_free char *mid = str_printf("%s/base/mid.qcow2", setting->pool);
	auto_free char *raw = str_printf("%s/base/raw.img", setting->pool);

	judge_image(top, "T", mid);
	judge_image(mid, "de", raw);
	judge_image(raw, "abc", "");
	judge_image("/data/d.raw", "D", "");
}

static void judge_cleared(void)
{
	bool kept = find(&store->host[ALPHA], "/pool/web1.qcow2") && find(&store->host[ALPHA], "/data/d.raw");
	int quarantined = 0;

	judge_disks();
	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &store->host[BETA].v[i];

		if (n->kind && strstr(n->path, "/.") && strstr(n->path, "vmmig"))
			fail_msg("%s: %s was left", where, n->path);
		quarantined +=
			store->host[ALPHA].v[i].kind && strstr(store->host[ALPHA].v[i].path, ".vmmig-quarantine-");
	}
	if (kept != (setting->source_disks == SOURCE_KEEP) ||
	    quarantined != (setting->source_disks == SOURCE_QUARANTINE ? 2 : 0))
		fail_msg("%s: the source's images are not what was asked for", where);
}

static void judge_success(void)
{
	if (!guest_is_running(&world->dst) || world->src.state != GUEST_ABSENT || !world->dst.autostart)
		fail_msg("%s: success, but it is not so", where);
	judge_cleared();
}

/* Or recover is told of it. */
static void judge_nothing_forgotten(void)
{
	for (size_t i = 0; i < NODES && !store->unfinished; i++)
		if (store->host[BETA].v[i].kind && !store->host[BETA].v[i].mine)
			fail_msg("%s: %s was left, and the journal has nothing unfinished", where,
				 store->host[BETA].v[i].path);
}

/* The undo met no fault. */
static bool undo_was_free(void)
{
	const struct fault *f = &world->fault;

	return !f->at || (!f->for_good && !f->journal && f->at <= store->undo_from);
}

static void judge(enum outcome o, struct fault fault, enum status status, const struct err *err)
{
	const char *id = err->id ? err->id : "";

	world->fault = fault;
	snprintf(where, sizeof(where), "setting %td, outcome %d, fault %d%s at %s %d (%s): %d %s: %.80s",
		 setting - settings, o, fault.kind, fault.for_good ? " for good" : "",
		 fault.journal ? "statement" : "call", fault.at, world->hit, (int)status, id, err->msg ? err->msg : "");
	if (*world->broken_rule)
		fail_msg("%s: %s", where, world->broken_rule);
	judge_kept(BETA, false);
	judge_kept(ALPHA, status == STATUS_OK || str_eq(id, "E-INCOMPLETE") || o == ENDS_THERE);
	if (guest_is_active(&world->dst) && o != STAYS_HALF)
		judge_disks();
	switch (status) {
	case STATUS_OK:
		judge_success();
		break;
	case STATUS_UNDECIDED:
		if (!str_eq(id, "E-INCOMPLETE") && store->removed)
			fail_msg("%s: something was removed", where);
		break;
	case STATUS_FAILED:
	case STATUS_UNREACHABLE:
	case STATUS_REFUSED:
		if (o == ENDS_THERE && str_eq(id, "E-GUEST-STOPPED")) {
			judge_cleared();
			break;
		}
		if (o != STOPS && (!guest_is_running(&world->src) || guest_is_active(&world->dst)))
			fail_msg("%s: not as before", where);
		if (undo_was_free())
			judge_nothing_left();
		else if (!fault.journal)
			judge_nothing_forgotten();
		break;
	case STATUS_USAGE:
	case STATUS_CANCELLED:
	case STATUS_BUSY:
		fail_msg("%s", where);
	}
}

/* ---- tests ---- */

static void test_outcomes(void **state)
{
	static const struct {
		enum outcome outcome;
		enum status status;
		const char *id;
	} want[] = {
		{ ARRIVES, STATUS_OK, NULL },
		{ ARRIVES_PAUSED, STATUS_OK, NULL },
		{ ARRIVES_BUT_LIES, STATUS_OK, NULL },
		{ STAYS, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_HALF, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_PAUSED, STATUS_FAILED, "E-MIGRATE" },
		{ STAYS_DEFINED, STATUS_FAILED, "E-MIGRATE" },
		{ CONFIRM_LOST, STATUS_OK, NULL },
		{ BOTH_RUN, STATUS_UNDECIDED, "E-SPLIT-BRAIN" },
		{ STOPS, STATUS_FAILED, "E-GUEST-STOPPED" },
		{ ENDS_THERE, STATUS_FAILED, "E-GUEST-STOPPED" },
	};

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
			struct err err auto_err = ERR_INIT;
			enum status got;

			setting = &settings[s];
			got = run_world(want[i].outcome, (struct fault) { 0 }, &err);
			if (got != want[i].status || !str_eq(err.id, want[i].id))
				fail_msg("setting %zu, outcome %d: status %d, %s %s", s, want[i].outcome, got,
					 err.id ? err.id : "", err.msg ? err.msg : "");
			judge(want[i].outcome, (struct fault) { 0 }, got, &err);
		}
}

/* One run each for n = 1, 2, … until there is no n-th call. */
static void every_fault(struct fault fault)
{
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (enum outcome o = 0; o < OUTCOMES; o++)
			for (fault.at = 1 + (int)(s + o) % STRIDE; fault.at < 300; fault.at += STRIDE) {
				struct err err auto_err = ERR_INIT;
				enum status status;

				setting = &settings[s];
				status = run_world(o, fault, &err);
				judge(o, fault, status, &err);
				if ((fault.journal ? store->statements : world->calls) < fault.at)
					break;
			}
}

static void test_nth_call_fails(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_BEFORE });
}

static void test_all_from_nth_call_fail(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_BEFORE, .for_good = true });
}

/* ---- what was left is taken back, whatever has become of the guest since ---- */

enum since { NOTHING, MOVED_ELSEWHERE, MOVED_ON /* the same, by vmmig */, MOVED_THERE, SHUT_DOWN, SINCES };

/* vmmig has moved it from alpha to a third host. */
static void journal_move_on(struct journal *j)
{
	struct migration_record r = { .guest = xstrdup("web1"), .uuid = xstrdup(UUID), .mode = xstrdup("block") };

	r.from = xstrdup("alpha");
	r.to = xstrdup("gamma");
	usleep(2000); /* it begins later */
	assert_int_equal(journal_begin(j, &r, NULL), 0);
	r.status = MIG_COMPLETED;
	r.exit_status = STATUS_OK;
	r.ended_ms = r.started_ms;
	assert_int_equal(journal_update(j, &r, NULL), 0);
	migration_record_clear(&r);
}

static void happens(struct journal *j, enum since since)
{
	switch (since) {
	case NOTHING:
	case SINCES:
		break;
	case MOVED_ON:
		journal_move_on(j);
		put(&world->src, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
		break;
	case MOVED_ELSEWHERE:
		put(&world->src, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
		break;
	case MOVED_THERE: /* by virsh, which leaves a definition */
		put(&world->src, GUEST_SHUTOFF, GUEST_WHY_MIGRATED, 0);
		put(&world->dst, GUEST_RUNNING, GUEST_WHY_MIGRATION, 1);
		break;
	case SHUT_DOWN:
		put(&world->src, GUEST_SHUTOFF, GUEST_WHY_SHUTDOWN, 0);
		break;
	}
}

/* The newest record, if it has left something. */
static bool newest_left(struct journal *j, struct migration_record *out)
{
	struct migration_record *v = NULL;
	size_t n = 0;
	bool left;

	assert_int_equal(journal_list(j, UUID, false, 1, &v, &n, NULL), 0);
	left = n && v[0].leftover;
	if (left)
		*out = v[0];
	else if (n)
		migration_record_clear(&v[0]);
	free(v);
	return left;
}

static enum status tidy(struct journal *j, const struct migration_record *r, struct err *err)
{
	struct move_options opt = { 0 };
	struct report report = { .ops = &silent };
	struct migration m = { .guest = "web1", .journal = j, .report = &report, .opt = &opt, .record = *r };
	enum status status;

	m.mode = MODE_BLOCK;
	open_hosts(&m);
	if (store->other_guest)
		m.dst->conn = virConnectOpen("test:///default");
	host_set_file_ops(m.src, &fake_files);
	host_set_file_ops(m.dst, &fake_files);
	status = migrate_tidy(&m, err);
	migration_clear(&m);
	close_hosts(&m);
	return status;
}

static void judge_untouched(const struct world *w, const struct store *s)
{
	if (world->src.state != w->src.state || world->dst.state != w->dst.state ||
	    world->dst.autostart != w->dst.autostart)
		fail_msg("%s: the guest was touched", where);
	for (int side = ALPHA; side <= BETA; side++)
		for (size_t i = 0; i < NODES; i++)
			if (s->host[side].v[i].kind &&
			    !same_node(&s->host[side].v[i], find(&store->host[side], s->host[side].v[i].path)))
				fail_msg("%s: %s was touched", where, s->host[side].v[i].path);
}

/* True: it was left something, and that was judged. */
static bool tidied(enum outcome o, enum since since, struct err *failed)
{
	auto_free char *path = journal_path();
	struct journal *j = journal_open(path, NULL);
	struct migration_record r = { 0 };
	struct err err auto_err = ERR_INIT;
	bool left = newest_left(j, &r);
	struct world before;
	struct store files;
	enum status status;
	bool defined;

	if (left) {
		happens(j, since);
		before = *world;
		files = *store;
		defined = world->dst.state != GUEST_ABSENT;
		status = tidy(j, &r, &err);
		snprintf(where, sizeof(where), "setting %td, outcome %d, since %d; %s; tidy: %d %s: %.200s",
			 setting - settings, o, since, failed->id, (int)status, err.id ? err.id : "",
			 err.msg ? err.msg : "");
		if (*world->broken_rule)
			fail_msg("%s: %s", where, world->broken_rule);
		if (status != STATUS_OK && status != STATUS_UNDECIDED)
			fail_msg("%s", where);
		if (has_unfinished(j) != (status != STATUS_OK))
			fail_msg("%s: the record does not say so", where);
		if (since == MOVED_ELSEWHERE || since == MOVED_THERE ||
		    ((since == SHUT_DOWN || since == MOVED_ON) && defined))
			judge_untouched(&before, &files);
		else if (status != STATUS_OK || world->dst.state != GUEST_ABSENT)
			fail_msg("%s: not as it was before", where);
		else
			judge_nothing_left();
		if (since == MOVED_ELSEWHERE && status != STATUS_UNDECIDED)
			fail_msg("%s: nobody knows where it is", where);
	}
	journal_close(j);
	return left;
}

/* The destination is silent from its first call of that name on. */
static void silent_from(const char *call, enum outcome o, int *at, struct err *err)
{
	struct fault fault = { .kind = FAIL_BEFORE, .for_good = true };

	for (fault.at = *at; fault.at < 300; fault.at++) {
		err_clear(err);
		run_world(o, fault, err);
		*at = fault.at;
		if (str_eq(world->hit, call))
			return;
	}
	fail_msg("outcome %d: no call \"%s\"", o, call);
}

static void test_tidied(void **state)
{
	static const struct {
		enum outcome o;
		const char *call;
	} cases[] = { { STAYS, "remove" }, { STAYS_DEFINED, "undefine" }, { STAYS_DEFINED, "remove" } };

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			for (int since = NOTHING, at = 1; since < SINCES; since++) {
				struct err err auto_err = ERR_INIT;

				setting = &settings[s];
				silent_from(cases[i].call, cases[i].o, &at, &err);
				if (!tidied(cases[i].o, (enum since)since, &err))
					fail_msg("setting %zu, %s: nothing was left", s, cases[i].call);
			}
}

static void test_nth_answer_lost(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_AFTER });
}

static void test_journal_fails(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_BEFORE, .journal = true });
}

static void test_journal_fails_for_good(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_BEFORE, .journal = true, .for_good = true });
}

/* ---- killed ---- */

/* A vmmig in a process of its own, in the world as it is. False: it came to its end before the fault. */
static bool killed_again(struct fault fault)
{
	size_t len = strlen(where);
	int status;
	pid_t pid;

	world->calls = 0;
	pid = fork();
	if (pid == 0) {
		auto_free char *path = journal_path();
		struct err err = ERR_INIT;
		struct journal *j = journal_open(path, &err);

		store->statements = 0;
		world->fault = fault;
		if (j)
			walk(j, &err);
		_exit(j ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED));
	world->fault = (struct fault) { 0 };
	snprintf(where + len, sizeof(where) - len, "setting %td, outcome %d, killed%s at %s %d (%s); ",
		 setting - settings, (int)world->outcome, fault.kind == KILL_AFTER ? " after" : "",
		 fault.journal ? "statement" : "call", fault.at, world->hit);
	if (*world->broken_rule)
		fail_msg("%s: %s", where, world->broken_rule);
	judge_kept(BETA, false);
	judge_kept(ALPHA, guest_is_active(&world->dst));
	return WEXITSTATUS(status) == KILLED;
}

/* In a new one. */
static bool killed(enum outcome o, struct fault fault)
{
	new_world(o, (struct fault) { 0 });
	new_files();
	new_journal();
	*where = '\0';
	return killed_again(fault);
}

/* Did the one that was killed come so far that libvirt may have been asked? */
static bool was_asked(struct journal *j)
{
	struct migration_record *r = NULL;
	struct effect_record *v = NULL;
	size_t n = 0, effects = 0;
	bool asked = false;

	assert_int_equal(journal_list(j, UUID, false, 0, &r, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(journal_effects(j, r[i].id, &v, &effects, NULL), 0);
		for (size_t k = 0; k < effects; k++)
			asked |= str_eq(v[k].kind, "migrate");
		journal_effects_free(v, effects);
	}
	journal_list_free(r, n);
	return asked;
}

/*
 * The next one, after which the destination is as if there had been no first. returned: the guest's QEMU is younger
 * than the first, so when that had asked libvirt (false then) nothing is removed.
 */
static bool next_one(enum outcome o, bool returned)
{
	auto_free char *path = journal_path();
	struct err err auto_err = ERR_INIT;
	struct journal *j = journal_open(path, &err);
	size_t len = strlen(where);
	enum status status;
	bool asked;

	assert_non_null(j);
	asked = was_asked(j);
	world->outcome = o;
	world->age = returned ? 0 : 10000000;
	store->src_busy = 3;
	store->moved = asked && returned; /* then each removal counts */
	store->removed = 0;
	status = walk(j, &err);
	journal_close(j);
	snprintf(where + len, sizeof(where) - len, "; then outcome %d: %d %s: %.60s", o, (int)status,
		 err.id ? err.id : "", err.msg ? err.msg : "");
	if (*world->broken_rule)
		fail_msg("%s: %s", where, world->broken_rule);
	judge_kept(BETA, false);
	/* it may have been there and come back: what is there is for a person */
	if (asked && returned) {
		if (status != STATUS_OK && status != STATUS_REFUSED && status != STATUS_FAILED)
			fail_msg("%s", where);
		return false;
	}
	if (status != (o == ARRIVES ? STATUS_OK : STATUS_FAILED))
		fail_msg("%s", where);
	if (o == ARRIVES)
		judge_success();
	else
		judge_nothing_left();
	return true;
}

static void judge_nothing_of(const char *pool)
{
	for (size_t i = 0; i < NODES; i++)
		if (store->host[BETA].v[i].kind && !store->host[BETA].v[i].mine &&
		    str_starts(store->host[BETA].v[i].path, pool))
			fail_msg("%s: %s was left", where, store->host[BETA].v[i].path);
}

/* Killed at every place, and then one that succeeds, one that fails, and one that goes to other directories. */
static void every_death(struct fault fault)
{
	static const struct {
		size_t first, second;
		enum outcome then;
	} v[] = { { 0, 0, ARRIVES }, { 0, 0, STAYS }, { 1, 1, ARRIVES }, { 1, 1, STAYS },
		  { 2, 2, ARRIVES }, { 2, 2, STAYS }, { 1, 0, ARRIVES }, { 1, 0, STAYS } };

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		for (fault.at = 1 + (int)i % STRIDE; fault.at < 300; fault.at += STRIDE) {
			setting = &settings[v[i].first];
			if (!killed(STAYS, fault))
				break;
			setting = &settings[v[i].second];
			/* what the second expects to find there */
			if (v[i].second == 0 && !find(&store->host[BETA], "/pool"))
				add(&store->host[BETA], "/pool", 'd', "")->mine = true;
			if (next_one(v[i].then, false) && v[i].first != v[i].second)
				judge_nothing_of("/new");
		}
}

static void test_killed_before_nth_call(void **state)
{
	(void)state;
	every_death((struct fault) { .kind = KILL_BEFORE });
}

static void test_killed_after_nth_call(void **state)
{
	(void)state;
	every_death((struct fault) { .kind = KILL_AFTER });
}

static void test_killed_at_nth_statement(void **state)
{
	(void)state;
	every_death((struct fault) { .kind = KILL_AFTER, .journal = true });
}

/* One that could not undo, since nothing answered any more, or nothing could be written: the next one does it. */
static void test_next_after_failure(void **state)
{
	static const struct fault faults[] = { { .for_good = true },
					       { .for_good = true, .kind = FAIL_AFTER },
					       { .for_good = true, .journal = true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		for (int at = 1; at < 300; at += STRIDE) {
			struct fault fault = faults[i];
			struct err err auto_err = ERR_INIT;
			enum status status;
			int met;

			fault.at = at;
			setting = &settings[i % 2];
			status = run_world(STAYS, fault, &err);
			met = fault.journal ? store->statements : world->calls;
			judge(STAYS, fault, status, &err);
			world->fault = (struct fault) { 0 };
			if (met < at)
				break;
			next_one(at % 2 ? ARRIVES : STAYS, false);
		}
}

/* The second is killed as well. */
static void test_killed_twice(void **state)
{
	(void)state;
	for (size_t s = 0; s < 2; s++)
		for (int first = 3; first < 300; first += 3 * STRIDE) {
			setting = &settings[s];
			if (!killed(STAYS, (struct fault) { .kind = KILL_AFTER, .at = first }))
				break;
			for (int second = 8; second < 300; second += 9) {
				struct fault fault = { .kind = KILL_AFTER, .at = second };

				if (!killed(STAYS, (struct fault) { .kind = KILL_AFTER, .at = first }) ||
				    !killed_again(fault))
					break;
				next_one(second % 2 ? ARRIVES : STAYS, false);
			}
		}
}

static struct node *disk_at_destination(void)
{
	auto_free char *top = str_printf("%s/web1.qcow2", setting->pool);

	return find(&store->host[BETA], top);
}

/*
 * Killed while libvirt moved it, or later; the guest has lived at the destination, and is at the source again, with a
 * QEMU of its own: what it left there is not removed.
 */
static void test_returned_guest(void **state)
{
	(void)state;
	for (size_t s = 0; s < 2; s++)
		for (int at = 1; at < 300; at += STRIDE) {
			const struct node *disk;
			struct file_id id;

			setting = &settings[s];
			if (!killed(STAYS, (struct fault) { .kind = KILL_BEFORE, .at = at }))
				break;
			disk = disk_at_destination();
			if (!store->moved || !disk)
				continue; /* or its own undo had begun: it had proven that the guest stayed */
			id = disk->id;
			next_one(ARRIVES, true);
			disk = disk_at_destination();
			if (!disk || !file_id_eq(disk->id, id))
				fail_msg("%s: the disk was removed", where);
		}
}

/*
 * Killed when libvirt had moved it but not told the source, which holds its half still, of the old QEMU; the guest was
 * transient and has ended at the destination. What it wrote is only there.
 */
static void test_ended_at_destination(void **state)
{
	(void)state;
	for (int at = 1; at < 300; at += STRIDE) {
		auto_free char *path = journal_path();
		struct err err auto_err = ERR_INIT;
		struct journal *j;

		setting = &settings[0];
		if (!killed(CONFIRM_LOST, (struct fault) { .kind = KILL_BEFORE, .at = at }))
			break;
		if (!store->moved || world->src.state != GUEST_PAUSED)
			continue;
		put(&world->dst, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
		j = journal_open(path, NULL);
		assert_int_equal(walk(j, &err), STATUS_REFUSED);
		journal_close(j);
		assert_string_equal(err.id, "E-GUEST-STATE");
		if (!disk_at_destination())
			fail_msg("%s: the disk was removed, with all the guest wrote", where);
	}
}

/*
 * It has moved, as the source says ("shut off: migrated"), has run at the destination and ended there, and libvirt
 * could not define it there: it runs on neither host, and its disks are those of the destination.
 */
static void test_ended_undefined(void **state)
{
	auto_free char *path = NULL;
	struct err err auto_err = ERR_INIT, again auto_err = ERR_INIT;
	struct journal *j;

	(void)state;
	path = journal_path();
	setting = &settings[0];
	new_world(ARRIVES, (struct fault) { 0 });
	new_files();
	new_journal();
	store->ended = true;
	j = journal_open(path, NULL);
	walk(j, &err);
	if (!disk_at_destination())
		fail_msg("%s %s: and the disk was removed", err.id, err.msg);
	/* started again at the source, by somebody who does not know: still not ours to remove */
	put(&world->src, GUEST_RUNNING, GUEST_WHY_OTHER, 1);
	world->age = 0;
	store->ended = false;
	walk(j, &again);
	journal_close(j);
	if (!disk_at_destination())
		fail_msg("%s %s: and the next one has removed the disk", err.id, err.msg);
}

/* ---- others on the same base ---- */

static char base_path[] = "/pool/base/raw.img";

/* A guest of the destination, or another vmmig, has come to rely on what a migration that fails has brought. */
static void test_base_of_others_stays(void **state)
{
	(void)state;
	setting = &settings[0];
	for (int way = 0; way < 2; way++) {
		auto_free char *path = journal_path();
		struct err err auto_err = ERR_INIT;
		struct journal *j;

		new_world(STAYS, (struct fault) { 0 });
		new_files();
		new_journal();
		j = journal_open(path, NULL);
		if (way == 0)
			store->other_guest = true;
		else
			snprintf(store->locked, sizeof(store->locked), "%s", base_path);
		assert_int_equal(walk(j, &err), STATUS_FAILED);
		journal_close(j);
		assert_non_null(find(&store->host[BETA], base_path));
		if (way == 0)
			assert_non_null(find(&store->host[BETA], "/pool/base/mid.qcow2"));
		assert_null(find(&store->host[BETA], "/pool/web1.qcow2"));
		assert_null(find(&store->host[BETA], "/data"));
	}
}

/* The same of one that was killed: the next does not want its files, but others do. */
static void test_killed_ones_base_of_others_stays(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++)
		for (int at = 1; at < 300; at += STRIDE) {
			auto_free char *path = journal_path();
			struct err err auto_err = ERR_INIT;
			struct node *base;
			struct journal *j;

			setting = &settings[0];
			if (!killed(STAYS, (struct fault) { .kind = KILL_AFTER, .at = at }) || store->moved)
				break;
			base = find(&store->host[BETA], base_path);
			if (!base)
				continue;
			store->other_guest = way == 0;
			if (way == 1)
				snprintf(store->locked, sizeof(store->locked), "%s", base_path);
			setting = &settings[1];
			j = journal_open(path, NULL);
			walk(j, &err);
			journal_close(j);
			if (!find(&store->host[BETA], base_path))
				fail_msg("%s: %s was removed, and others need it", where, base_path);
		}
}

/* One walk in a world with one thing changed. */
static void changed_world(size_t s, void (*change)(void), enum status want, const char *id)
{
	auto_free char *path = journal_path();
	struct err err auto_err = ERR_INIT;
	enum status status;
	struct journal *j;

	setting = &settings[s];
	new_world(ARRIVES, (struct fault) { 0 });
	new_files();
	new_journal();
	change();
	memcpy(store->before, store->host, sizeof(store->before));
	j = journal_open(path, NULL);
	status = walk(j, &err);
	journal_close(j);
	snprintf(where, sizeof(where), "setting %zu: %d %s: %.200s", s, (int)status, err.id ? err.id : "",
		 err.msg ? err.msg : "");
	if (status != want || !str_eq(err.id, id) || *world->broken_rule)
		fail_msg("%s; %s", where, world->broken_rule);
	judge_kept(BETA, false);
	judge_kept(ALPHA, false);
	if (!guest_is_active(&world->dst))
		judge_nothing_left();
}

/* The lowest backing file of that side. */
static struct node *base_of(int side)
{
	struct node *n = find(&store->host[side], base_path);

	if (!n)
		broken("no base");
	return n ? n : &store->host[side].v[0];
}

static void corrupt(void)
{
	store->corrupt = true;
}

static void other_base(void)
{
	base_of(BETA)->data[2] = 'X';
}

static void base_of_another_size(void)
{
	base_of(BETA)->vsize++;
}

static void base_is_a_directory(void)
{
	base_of(BETA)->kind = 'd';
}

static void disk_is_there(void)
{
	add_image(BETA, "/pool/web1.qcow2", "qcow2", 900000, 4 * PIECE, "T", "/pool/base/mid.qcow2");
}

static void base_is_gone(void)
{
	*base_of(ALPHA) = (struct node) { 0 };
}

static void test_refusals(void **state)
{
	(void)state;
	changed_world(0, corrupt, STATUS_FAILED, "E-FETCH");
	changed_world(1, corrupt, STATUS_FAILED, "E-FETCH");
	changed_world(2, other_base, STATUS_REFUSED, "E-BACKING-DIFFERENT");
	changed_world(2, base_of_another_size, STATUS_REFUSED, "E-BACKING-DIFFERENT");
	changed_world(2, base_is_a_directory, STATUS_REFUSED, "E-BACKING-DIFFERENT");
	changed_world(0, disk_is_there, STATUS_REFUSED, "E-DISK-EXISTS");
	changed_world(0, base_is_gone, STATUS_REFUSED, "E-IMAGE-UNREADABLE");
}

static void busy_for_long(void)
{
	store->src_busy = 100000;
}

/* Somebody has the source's image open, for long. */
static void test_source_stays_open(void **state)
{
	(void)state;
	changed_world(0, busy_for_long, STATUS_UNDECIDED, "E-INCOMPLETE");
	assert_non_null(find(&store->host[ALPHA], "/pool/web1.qcow2"));
	assert_non_null(find(&store->host[ALPHA], "/data/d.raw"));
	judge_disks();
}

/* ---- */

static void say_nothing(void *arg, virErrorPtr e)
{
	(void)arg, (void)e;
}

static int setup(void **state)
{
	(void)state;
	virInitialize();
	virSetErrorFunc(NULL, say_nothing);
	log_set_level(LOG_QUIET);
	world = shared_memory(sizeof(*world));
	store = shared_memory(sizeof(*store));
	world_xml = block_xml;
	world_moves = copy_disks;
	/* in memory, where there is such a place: the journal waits for its disk at each step */
	if (access("/dev/shm", W_OK) == 0)
		memcpy(dir, "/dev/shm/vmmig-XXXXXX", sizeof("/dev/shm/vmmig-XXXXXX"));
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	auto_free char *command = str_printf("rm -rf '%s'", dir);

	(void)state;
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_nth_call_fails),
		cmocka_unit_test(test_all_from_nth_call_fail),
		cmocka_unit_test(test_tidied),
		cmocka_unit_test(test_nth_answer_lost),
		cmocka_unit_test(test_journal_fails),
		cmocka_unit_test(test_journal_fails_for_good),
		cmocka_unit_test(test_killed_before_nth_call),
		cmocka_unit_test(test_killed_after_nth_call),
		cmocka_unit_test(test_killed_at_nth_statement),
		cmocka_unit_test(test_next_after_failure),
		cmocka_unit_test(test_killed_twice),
		cmocka_unit_test(test_returned_guest),
		cmocka_unit_test(test_ended_at_destination),
		cmocka_unit_test(test_ended_undefined),
		cmocka_unit_test(test_base_of_others_stays),
		cmocka_unit_test(test_killed_ones_base_of_others_stays),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_source_stays_open),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

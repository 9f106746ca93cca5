/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The phases of a cold migration, over a small world of two hosts with files (world.h), in which the n-th call, or the
 * n-th statement of the journal, fails, or the process dies there; and what the next one, or vmmig recover, makes of
 * what is left. Whatever fails and whenever: the guest is defined only where its files are, the source's images and
 * definition go only when it is defined at the destination, what was there before stays as it was, and what was made
 * there goes when the guest stays.
 */
#include "world.h"

#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "check/checks.h"
#include "copy/server.h"
#include "host/host-private.h"
#include "migrate/begin-private.h"

/* Each setting has other places; with sanitizers, which make a fork and all else slow, fewer. */
#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 61 };
#else
enum { STRIDE = 5 };
#endif
enum { CALLS_MAX = 400, AWAY_MS = 20000 };

/* ---- time passes when somebody waits, and costs next to nothing ---- */

static _Atomic int64_t slept_us;

int usleep(useconds_t us)
{
	slept_us += us;
	if (us >= 200000) { /* who waits for threads lets them go on */
		struct timespec nap = { .tv_nsec = 400000 };

		nanosleep(&nap, NULL);
	}
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

/* ---- the world ---- */

enum { NODES = 40, PIECES = 3, ALPHA = 0, BETA = 1, SERVED = 8 };
#define PIECE UINT64_C(134217728)

struct node {
	char path[120];
	char kind; /* 0: no node */
	struct file_id id;
	uint64_t size, vsize;
	int64_t mtime;
	char format[8], backing[80];
	char data[PIECES + 1];     /* a letter for each piece; '.': a hole */
	char what[160], marks[80]; /* of the record beside a part: its text */
	bool mine;                 /* it was there before */
};

struct files {
	struct node v[NODES];
	uint64_t next_ino;
};

/* What somebody does at the source meanwhile. */
enum person { NOBODY, STARTS_GUEST, CHANGES_FILE };

static struct store {
	struct files host[2], before[2];
	char serving[SERVED][120];
	int undo_from; /* number of the last call before the undo; 0: none */
	int statements;
	bool unfinished;   /* the journal says so afterwards */
	bool still_locked; /* the copy of the active image, by a session that its host has not missed yet */
	bool corrupt,
		start_fails; /* what is sent comes as something else; the guest does not start at the destination */
	bool no_way;         /* the server listens on a socket, to which no way can be made */
	bool still_served;   /* the guest's own files, in the end */
	bool adopting;       /* how it was to move is not known then */
	int snapshots;       /* that libvirt knows of at the destination */
	char log[400];       /* libvirt's of the guest, at both hosts */
	int elsewhere;       /* what other hosts show: look_elsewhere() */
	enum person person;
	int person_at; /* before this call */
	bool person_did;
	int away_at; /* from this call on no host answers, for a while; 0: they always do */
	int64_t away_until_us;
	int cancel_at;       /* before this call vmmig cancel asks it to stop */
	bool asked, in_time; /* it has; and somebody listened */
	bool heard;
	/* calls: the source's image, and the guest there, were looked at; the guest was defined and started there */
	int first_stat, last_stat, sent_at, published_at, last_look, defined_at, started_at, undefined_at;
	bool open; /* somebody has the source's images open */
} * store;

static const struct setting {
	const char *map;      /* --storage */
	const char *pool;     /* what becomes of /pool */
	const char *there[4]; /* files and directories of the destination */
	enum source_disks source_disks;
	bool shutdown, start; /* it runs at first; it is to run afterwards */
	int snapshots;
	unsigned streams;
} settings[] = {
	{ NULL, "/pool", { "/", "/pool", "/pool/other.img" }, SOURCE_QUARANTINE, false, false, 2, 1 },
	{ "/pool=/new/pool", "/new/pool", { "/" }, SOURCE_DELETE, true, true, 0, 2 },
	{ NULL, "/pool", { "/", "/pool", "/pool/base", "/pool/base/raw.img" }, SOURCE_KEEP, false, false, 0, 3 },
	{ NULL, "/pool", { "/", "/pool", "/data" }, SOURCE_QUARANTINE, false, true, 1, 1 },
};
static const struct setting *setting;

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
			f->v[i].mtime = (int64_t)f->next_ino;
			snprintf(f->v[i].path, sizeof(f->v[i].path), "%s", path);
			snprintf(f->v[i].data, sizeof(f->v[i].data), "%s", data);
			return &f->v[i];
		}
	broken("no room for %s", path);
	return &f->v[0];
}

static void drop(struct files *f, const char *path)
{
	struct node *n = find(f, path);

	if (n && n->mine)
		broken("%s was there before, and was removed", path);
	if (n)
		*n = (struct node) { 0 };
}

static struct node *state_of(struct files *f, const char *part)
{
	auto_free char *path = str_printf("%s.state", part);

	return find(f, path);
}

static void drop_state(struct files *f, const char *part)
{
	auto_free char *path = str_printf("%s.state", part);

	drop(f, path);
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

static bool is_defined(const struct guest_look *l)
{
	return l->state != GUEST_ABSENT && l->persistent;
}

/* ---- what must be true at every moment ---- */

static const struct {
	const char *path; /* at the source; below /pool it may get another one */
	const char *below;
	bool written; /* by the guest: it goes from the source */
} guest_files[] = { { "/pool/web1.qcow2", "/pool/base/mid.qcow2", true },
		    { "/pool/base/mid.qcow2", "/pool/base/raw.img", false },
		    { "/pool/base/raw.img", "", false },
		    { "/data/d.raw", "", true } };

static char *path_there(const char *path)
{
	return str_starts(path, "/pool/") ? str_printf("%s%s", setting->pool, path + strlen("/pool")) : xstrdup(path);
}

/* Is the guest's file at the destination, under its name, with what the source's had? */
static bool has_arrived(size_t i)
{
	auto_free char *path = path_there(guest_files[i].path), *below = path_there(guest_files[i].below);
	const struct node *there = find(&store->host[BETA], path);
	const struct node *was = find(&store->before[ALPHA], guest_files[i].path);

	return there && str_eq(there->data, was->data) && there->size == was->size && there->vsize == was->vsize &&
	       str_eq(there->format, was->format) && str_eq(there->backing, below);
}

/* Under the lock of the world. */
static void check_world(const char *call)
{
	bool gone = false;

	if (guest_is_active(&world->src) && guest_is_active(&world->dst))
		broken("%s: the guest runs on both hosts", call);
	for (size_t i = 0; i < ARRAY_SIZE(guest_files); i++) {
		const struct node *was = find(&store->before[ALPHA], guest_files[i].path);
		const struct node *is = find(&store->host[ALPHA], guest_files[i].path);
		bool same = is && file_id_eq(is->id, was->id) && str_eq(is->data, was->data);

		if (!same && !guest_files[i].written)
			broken("%s: %s of the source, which is not the guest's alone, has changed", call, was->path);
		gone |= !same;
	}
	if (gone && !is_defined(&world->dst))
		broken("%s: an image of the source is gone, and the guest is not defined at the destination", call);
	if (is_defined(&world->src))
		return;
	if (!is_defined(&world->dst))
		broken("%s: the guest is defined nowhere", call);
	for (size_t i = 0; i < ARRAY_SIZE(guest_files); i++)
		if (!has_arrived(i))
			broken("%s: defined only at the destination, and %s is not there", call, guest_files[i].path);
}

/* ---- calls ---- */

static void person_starts(void)
{
	if (world->src.state != GUEST_SHUTOFF || guest_is_active(&world->dst) ||
	    !find(&store->host[ALPHA], "/pool/web1.qcow2") || !find(&store->host[ALPHA], "/data/d.raw"))
		return;
	put(&world->src, GUEST_RUNNING, GUEST_WHY_OTHER, 1);
	store->person_did = true;
}

static void person_changes(void)
{
	for (int i = 0; i < 2; i++) {
		struct node *n = find(i ? &store->before[ALPHA] : &store->host[ALPHA], "/pool/web1.qcow2");

		if (!n)
			return;
		n->mtime += 1000;
		n->data[0] = 'U';
	}
	store->person_did = true;
}

/* The hosts are back before anybody has lost patience. */
static bool are_away(int n)
{
	if (store->away_at && n >= store->away_at && !store->away_until_us)
		store->away_until_us = slept_us + AWAY_MS * 1000;
	return slept_us < store->away_until_us;
}

static struct migration *under_way;

/* Who listens answers at once: the call waits for that, so that it is this one before which it was heard. */
static void ask_to_cancel(void)
{
	const struct timespec nap = { .tv_nsec = 200000 };
	int64_t seq = 0;

	if (!under_way->record.id[0])
		return;
	store->asked = true;
	store->in_time = under_way->listener; /* who may be gone as soon as it has heard */
	if (journal_request(under_way->journal, under_way->record.id, "cancel", 0, &seq, NULL) < 0)
		broken("the request was not taken");
	for (int i = 0; store->in_time && !store->heard && i < 20000; i++) {
		auto_free char *answer = NULL;

		if (journal_answer_get(under_way->journal, seq, &answer, NULL) == 0)
			store->heard = str_eq(answer, "done");
		nanosleep(&nap, NULL);
	}
}

/* As enter() and leave(). */
static bool call(const char *name, int *n, struct err *err)
{
	if (enter(name, n, err))
		return true;
	if (are_away(*n)) {
		pthread_mutex_unlock(&world_lock);
		err_set(err, E_DISCONNECTED, 0, "it is away");
		return true;
	}
	if (store->cancel_at == *n)
		ask_to_cancel();
	if (store->person_at == *n && store->person == STARTS_GUEST)
		person_starts();
	if (store->person_at == *n && store->person == CHANGES_FILE)
		person_changes();
	return false;
}

static int done(const char *name, int n, int rc, struct err *err)
{
	check_world(name);
	return leave(n, rc, err);
}

/* ---- the guest ---- */

static char *domain_text(const char *pool)
{
	return str_printf("<domain type='qemu'><name>web1</name><uuid>" UUID "</uuid><memory unit='KiB'>131072</memory>"
			  "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
			  "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
			  "<source file='%s/web1.qcow2'/><target dev='vda' bus='virtio'/></disk>"
			  "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
			  "<source file='/data/d.raw'/><target dev='vdb' bus='virtio'/></disk>"
			  "</devices></domain>",
			  pool);
}

static int g_look(struct host *h, const char *uuid, bool processes, struct guest_look *l, struct err *err)
{
	int n;

	(void)processes;
	if (call("look", &n, err))
		return -1;
	*l = *side_of(h);
	l->uuid = l->state == GUEST_ABSENT ? NULL : xstrdup(uuid);
	l->name = l->state == GUEST_ABSENT ? NULL : xstrdup("web1");
	if (is_source(h) && !store->started_at)
		store->last_look = n;
	return done("look", n, 0, err);
}

static int g_find(struct host *h, const char *name, struct guest_look *l, struct err *err)
{
	(void)name;
	return g_look(h, UUID, false, l, err);
}

static char *g_xml(struct host *h, const char *uuid, enum guest_xml kind, struct err *err)
{
	char *xml;
	int n;

	(void)kind, (void)uuid;
	if (call("xml", &n, err))
		return NULL;
	xml = side_of(h)->state == GUEST_ABSENT ? NULL : domain_text(is_source(h) ? "/pool" : setting->pool);
	if (done("xml", n, xml ? 0 : -1, err) == 0)
		return xml;
	free(xml);
	return NULL;
}

static int g_define(struct host *h, const char *xml, struct err *err)
{
	auto_free char *disk = str_printf("%s/web1.qcow2", setting->pool);
	int n;

	if (call("define", &n, err))
		return -1;
	if (is_source(h))
		broken("defined at the source");
	else if (world->dst.state != GUEST_ABSENT)
		broken("defined where it is already");
	if (!strstr(xml, disk) || !strstr(xml, UUID) || !strstr(xml, "/data/d.raw"))
		broken("defined as something else: %.200s", xml);
	for (size_t i = 0; i < ARRAY_SIZE(guest_files); i++)
		if (!has_arrived(i) && !store->person_did)
			broken("defined before %s was there", guest_files[i].path);
	store->defined_at = n;
	put(&world->dst, GUEST_SHUTOFF, GUEST_WHY_OTHER, 0);
	return done("define", n, 0, err);
}

static int g_start(struct host *h, const char *uuid, struct err *err)
{
	struct guest_look *l = side_of(h);
	bool fails = !is_source(h) && store->start_fails;
	int n;

	(void)uuid;
	if (call("start", &n, err))
		return -1;
	if (!is_source(h))
		store->started_at = n;
	if (l->state != GUEST_SHUTOFF)
		return done("start", n, -1, err);
	if (is_source(h) && world->dst.state != GUEST_ABSENT)
		broken("started at the source, and the destination has it as well");
	if (!fails)
		put(l, GUEST_RUNNING, GUEST_WHY_OTHER, 1);
	return done("start", n, fails ? -1 : 0, err);
}

static int g_shutdown(struct host *h, const char *uuid, struct err *err)
{
	int n;

	(void)uuid;
	if (call("shutdown", &n, err))
		return -1;
	if (!is_source(h) || !setting->shutdown)
		broken("shut down, which nobody has asked for");
	put(&world->src, GUEST_SHUTOFF, GUEST_WHY_SHUTDOWN, 0);
	return done("shutdown", n, 0, err);
}

/* Nothing goes from the source before the guest is where, and what, it was to be. */
static void may_touch_source(const char *what)
{
	if (!is_defined(&world->dst))
		broken("%s: the source's, and the guest is not defined at the destination", what);
	if (setting->start && !guest_is_active(&world->dst) && !store->adopting)
		broken("%s: the source's, and the guest does not run at the destination", what);
	if (guest_is_active(&world->src) && !store->person_did)
		broken("%s: the source's, and the guest runs there", what);
}

static int g_undefine(struct host *h, const char *uuid, bool saved, struct err *err)
{
	struct guest_look *l = side_of(h);
	int n;

	(void)uuid, (void)saved;
	if (call("undefine", &n, err))
		return -1;
	if (!is_defined(l))
		return done("undefine", n, -1, err);
	if (is_source(h))
		store->undefined_at = n;
	if (is_source(h))
		may_touch_source("undefine");
	else if (guest_is_active(l) || world->src.state == GUEST_ABSENT)
		broken("undefined at the destination, which has the only one");
	if (guest_is_active(l)) { /* what libvirt makes of it */
		l->persistent = false;
	} else {
		put(l, GUEST_ABSENT, GUEST_WHY_OTHER, 0);
		l->autostart = false;
	}
	if (!is_source(h))
		store->snapshots = 0;
	return done("undefine", n, 0, err);
}

static int g_snapshots(struct host *h, const char *uuid, struct strv *xmls, size_t *current, struct err *err)
{
	int n;

	(void)h, (void)uuid;
	if (call("snapshots", &n, err))
		return -1;
	for (int i = 0; i < setting->snapshots; i++)
		strv_take(xmls, str_printf("%d", i));
	*current = (size_t)setting->snapshots - 1;
	return done("snapshots", n, 0, err);
}

static int g_add_snapshot(struct host *h, const char *uuid, const char *xml, bool current, struct err *err)
{
	int n, which = atoi(xml);

	(void)uuid;
	if (call("add-snapshot", &n, err))
		return -1;
	if (is_source(h) || !is_defined(&world->dst))
		broken("a snapshot for a guest that is not there");
	if (which > store->snapshots)
		broken("a snapshot before its parent");
	if (which == store->snapshots) /* else it is known already */
		store->snapshots++;
	if (current != (which == setting->snapshots - 1))
		broken("the current snapshot is another one");
	return done("add-snapshot", n, 0, err);
}

static int g_autostart(struct host *h, const char *uuid, bool on, struct err *err)
{
	int n;

	(void)uuid;
	if (call("autostart", &n, err))
		return -1;
	if (is_source(h) || !on || !is_defined(&world->dst))
		broken("autostart where it should not be");
	world->dst.autostart = true;
	return done("autostart", n, 0, err);
}

static const struct guest_ops cold_ops = {
	.find = g_find,
	.look = g_look,
	.xml = g_xml,
	.age = f_age,
	.lease = f_lease,
	.define = g_define,
	.undefine = g_undefine,
	.start = g_start,
	.shutdown = g_shutdown,
	.snapshots = g_snapshots,
	.add_snapshot = g_add_snapshot,
	.set_autostart = g_autostart,
};

/* ---- files ---- */

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
	out->mtime_ns = n->mtime;
	out->mode = 0600;
	out->user = xstrdup("libvirt-qemu");
}

/* When the source's image was looked at for the first time, and for the last time before the guest was defined. */
static void note_stat(struct host *h, const char *path, int n)
{
	if (!is_source(h) || !str_eq(path, "/pool/web1.qcow2"))
		return;
	if (!store->first_stat)
		store->first_stat = n;
	if (!store->defined_at)
		store->last_stat = n;
}

static int o_stat(struct host *h, const char *const paths[], size_t count, struct file_fact *out, struct err *err)
{
	int n, rc;

	if (call("stat", &n, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		fact_of(files_of(h), paths[i], &out[i]);
		note_stat(h, paths[i], n);
	}
	rc = done("stat", n, 0, err);
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
	if (call("chain", &n, err))
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
	if (done("chain", n, rc, err) < 0) {
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
	if (call("digest", &n, err))
		return -1;
	node = find(files_of(h), path);
	if (!node)
		return done("digest", n, err_set(err, E_REMOTE, 0, "%s: cannot be read", path), err);
	for (const char *p = node->data; *p; p++)
		sum = (sum ^ (unsigned char)*p) * 1099511628211U;
	for (const char *p = kind == DIGEST_ALL ? node->backing : ""; *p; p++)
		sum = (sum ^ (unsigned char)*p) * 1099511628211U;
	for (int i = 0; i < 4; i++)
		snprintf(hex + (ptrdiff_t)i * 16, 17, "%016jx", (uintmax_t)(sum + node->size));
	return done("digest", n, 0, err);
}

static int o_list(struct host *h, const char *path, struct strv *out, struct err *err)
{
	auto_free char *below = str_printf("%s/", path);
	struct files *f = files_of(h);
	int n;

	if (call("list-files", &n, err))
		return -1;
	for (size_t i = 0; i < NODES; i++)
		if (f->v[i].kind == 'f' && str_starts(f->v[i].path, below))
			strv_add(out, f->v[i].path);
	return done("list-files", n, 0, err);
}

static int o_map(struct host *h, const char *path, bool block, struct ranges *out, struct err *err)
{
	struct node *node;
	int n;

	(void)block;
	if (call("map", &n, err))
		return -1;
	node = find(files_of(h), path);
	for (size_t i = 0; node && node->data[i]; i++)
		if (node->data[i] != '.')
			ranges_add(out, i * PIECE, (i + 1) * PIECE < node->size ? (i + 1) * PIECE : node->size);
	return done("map", n, node ? 0 : -1, err);
}

static int o_digest_ranges(struct host *h, const char *path, const struct ranges *r, char hex[DIGEST_HEX + 1],
			   struct err *err)
{
	struct node *node;
	int n;

	if (call("digest-ranges", &n, err))
		return -1;
	node = find(files_of(h), path);
	memset(hex, '0', DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	for (size_t i = 0; node && node->data[i]; i++)
		if (ranges_has(r, i * PIECE, i * PIECE + 1))
			hex[i] = node->data[i];
	return done("digest-ranges", n, node ? 0 : -1, err);
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
	if (call("make-dir", &n, err))
		return -1;
	node = make_node(h, temp, 'd', err);
	if (node)
		*id = node->id;
	return done("make-dir", n, node ? 0 : -1, err);
}

static int o_publish(struct host *h, const char *temp, const char *path, struct file_id id, struct err *err)
{
	struct files *f = files_of(h);
	struct node *node = NULL;
	int n, rc = 0;

	if (call("publish", &n, err))
		return -1;
	node = find(f, temp);
	if (!node || !file_id_eq(node->id, id))
		rc = err_set(err, E_PREPARE, 0, "%s is not what was made", temp);
	else if (find(f, path))
		rc = err_set(err, E_PREPARE, 0, "%s exists", path);
	else
		snprintf(node->path, sizeof(node->path), "%s", path);
	store->published_at = n;
	return done("publish", n, rc, err);
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
	return guest_is_active(side_of(h)) || (is_source(h) && store->open) ? FILE_OPEN : FILE_REMOVED;
}

static void judge_removal(struct host *h, const struct node *node)
{
	if (is_source(h))
		may_touch_source(node->path);
	else if (node->mine)
		broken("%s was at the destination before, and was removed", node->path);
	else if (world->dst.state != GUEST_ABSENT)
		broken("%s was removed, and the guest is at the destination", node->path);
}

static int o_remove(struct host *h, const char *path, struct file_id id, enum file_gone *gone, struct err *err)
{
	struct node *node;
	int n;

	if (call("remove", &n, err))
		return -1;
	node = find(files_of(h), path);
	*gone = fate(h, path, id);
	if (*gone == FILE_REMOVED) {
		judge_removal(h, node);
		*node = (struct node) { 0 };
	}
	return done("remove", n, 0, err);
}

static int o_rename(struct host *h, const char *path, const char *to, struct file_id id, enum file_gone *gone,
		    struct err *err)
{
	struct node *node;
	int n, rc = 0;

	if (call("rename", &n, err))
		return -1;
	node = find(files_of(h), path);
	*gone = fate(h, path, id);
	if (*gone == FILE_REMOVED && find(files_of(h), to)) {
		rc = err_set(err, E_PREPARE, 0, "%s exists", to);
	} else if (*gone == FILE_REMOVED) {
		judge_removal(h, node);
		snprintf(node->path, sizeof(node->path), "%s", to);
	}
	return done("rename", n, rc, err);
}

/* The part and its record go together. */
static int o_part_open(struct host *h, const char *part, const char *what, uint64_t size, struct file_id *id,
		       struct buf *marks, struct err *err)
{
	auto_free char *state_path = str_printf("%s.state", part);
	struct files *f = files_of(h);
	struct node *node, *state;
	int n, rc;

	if (call("part-open", &n, err))
		return -1;
	node = find(f, part);
	state = find(f, state_path);
	if (!node || !state || !str_eq(state->what, what)) {
		drop(f, part);
		drop(f, state_path);
		node = make_node(h, part, 'f', err);
		state = node ? make_node(h, state_path, 'f', err) : NULL;
		if (!state)
			return done("part-open", n, -1, err);
		node->size = size;
		memset(node->data, '.', (size + PIECE - 1) / PIECE);
		snprintf(state->what, sizeof(state->what), "%s", what);
	}
	*id = node->id;
	rc = done("part-open", n, 0, err);
	if (rc == 0)
		buf_add(marks, state->marks, strlen(state->marks));
	return rc;
}

static int o_part_mark(struct host *h, const char *part, const char *mark, struct err *err)
{
	struct node *node, *state;
	size_t len;
	int n;

	if (call("part-mark", &n, err))
		return -1;
	node = find(files_of(h), part);
	state = state_of(files_of(h), part);
	if (!node || !state) {
		broken("a mark for a part that is not there");
		return done("part-mark", n, -1, err);
	}
	if (node->data[atoll(mark) / (long long)PIECE] == '.')
		broken("a mark for a piece that has not come");
	len = strlen(state->marks);
	snprintf(state->marks + len, sizeof(state->marks) - len, "%s\n", mark);
	return done("part-mark", n, 0, err);
}

static int o_part_trim(struct host *h, const char *part, uint64_t size, struct err *err)
{
	struct node *node;
	int n;

	if (call("part-trim", &n, err))
		return -1;
	node = find(files_of(h), part);
	if (node)
		node->size = size;
	else
		broken("a part is trimmed that is not there");
	return done("part-trim", n, node ? 0 : -1, err);
}

static int o_part_finish(struct host *h, const char *part, const struct file_like *like, const char *backing,
			 const char *backing_format, bool keep, struct file_id *id, struct err *err)
{
	struct node *node, *state;
	int n;

	if (call("part-finish", &n, err))
		return -1;
	node = find(files_of(h), part);
	if (!node) {
		broken("a part is finished that is not there");
		return done("part-finish", n, -1, err);
	}
	if (backing && !str_eq(backing_format, strstr(backing, "raw") ? "raw" : "qcow2"))
		broken("%s: backing format %s", part, backing_format);
	if (!str_eq(like->user, "libvirt-qemu") || like->mode != 0600)
		broken("%s has another owner or mode than the source's", part);
	if (backing)
		snprintf(node->backing, sizeof(node->backing), "%s", backing);
	if (!keep)
		drop_state(files_of(h), part);
	state = state_of(files_of(h), part);
	if (backing && state) /* its header is another one now */
		*state->marks = '\0';
	*id = node->id;
	return done("part-finish", n, 0, err);
}

static int o_part_done(struct host *h, const char *part, struct err *err)
{
	int n;

	if (call("part-done", &n, err))
		return -1;
	if (is_source(h) || !is_defined(&world->dst))
		broken("%s: its record is taken away, and the guest has not moved", part);
	drop_state(files_of(h), part);
	return done("part-done", n, 0, err);
}

static int o_part_drop(struct host *h, const char *part, struct err *err)
{
	int n;

	if (call("part-drop", &n, err))
		return -1;
	if (is_source(h) || world->dst.state != GUEST_ABSENT)
		broken("%s is dropped, and the guest is at the destination", part);
	drop(files_of(h), part);
	drop_state(files_of(h), part);
	return done("part-drop", n, 0, err);
}

static int o_serve(struct host *h, const struct strv *files, const char *address, unsigned min, unsigned max,
		   struct receiver *r, struct err *err)
{
	int n;

	(void)address, (void)min, (void)max;
	if (call("serve", &n, err))
		return -1;
	if (is_source(h) || files->n > SERVED)
		broken("a server of something else");
	for (size_t i = 0; i < files->n && i < SERVED; i++) {
		/* what is not there is not served, and keeps its number */
		snprintf(store->serving[i], sizeof(store->serving[i]), "%s",
			 find(files_of(h), files->v[i]) ? files->v[i] : "");
	}
	if (done("serve", n, 0, err) < 0)
		return -1;
	r->port = 41000;
	r->socket = store->no_way ? xstrdup("/run/vmmig/nbd") : NULL;
	r->key = xstrdup("00");
	return 0;
}

static int o_alive(struct host *h, const struct receiver *r, struct err *err)
{
	int n;

	(void)h, (void)r;
	if (call("server-alive", &n, err))
		return -1;
	return done("server-alive", n, 1, err);
}

/* The content comes from where the source's file is; what is in a header comes along. */
static int o_send(struct host *h, const struct send_piece *p, struct err *err)
{
	struct node *from, *to;
	size_t i = p->offset / PIECE, place = (size_t)atoi(p->export_name);
	int n;

	if (call("send", &n, err))
		return -1;
	if (!store->sent_at)
		store->sent_at = n;
	from = find(files_of(h), p->path);
	to = place < SERVED ? find(&store->host[BETA], store->serving[place]) : NULL;
	if (!from || !to || i >= strlen(from->data) || p->offset + p->length > (from->size + 511) / 512 * 512) {
		broken("%s: a piece of nothing", p->path);
		return done("send", n, -1, err);
	}
	to->data[i] = store->corrupt ? '?' : from->data[i];
	if (i == 0) {
		to->vsize = from->vsize;
		memcpy(to->format, from->format, sizeof(to->format));
		memcpy(to->backing, from->backing, sizeof(to->backing));
	}
	return done("send", n, 0, err);
}

static int o_lock(struct host *h, bool exclusive, const char *const paths[], struct exec_hold **lock, struct err *err)
{
	int n;

	if (call("lock", &n, err))
		return -1;
	*lock = NULL; /* a lock of a process ends with it */
	if (store->still_locked && exclusive && !is_source(h) && strstr(paths[0], "web1.qcow2"))
		return done("lock", n, 1, err);
	return done("lock", n, 0, err);
}

static const struct file_ops cold_files = {
	.stat = o_stat,
	.chain = o_chain,
	.digest = o_digest,
	.list = o_list,
	.map = o_map,
	.digest_ranges = o_digest_ranges,
	.make_dir = o_make_dir,
	.publish = o_publish,
	.remove = o_remove,
	.rename = o_rename,
	.part_open = o_part_open,
	.part_trim = o_part_trim,
	.part_mark = o_part_mark,
	.part_finish = o_part_finish,
	.part_done = o_part_done,
	.part_drop = o_part_drop,
	.serve = o_serve,
	.alive = o_alive,
	.send = o_send,
	.lock = o_lock,
};

/* ---- what asks a host by another way ---- */

/* Its connection, of which there is none: host_reopen() asks whether it lives. */
int virConnectIsAlive(virConnectPtr conn)
{
	int n;

	(void)conn;
	if (call("reopen", &n, NULL))
		return 0;
	return done("reopen", n, 0, NULL) == 0;
}

/* guest_list(): no guest of the destination's own. */
int virConnectListAllDomains(virConnectPtr conn, virDomainPtr **domains, unsigned flags)
{
	int n;

	(void)conn, (void)flags;
	if (call("list", &n, NULL))
		return -1;
	*domains = NULL;
	return done("list", n, 0, NULL);
}

/* host_read_file(): a session that was never connected, whose thread this is. */
static struct host *reading[2];

static void read_record(struct host *h, struct exec_job *job)
{
	const struct node *node;
	int n;

	if (call("read", &n, &job->err))
		return;
	if (str_starts(job->command, "/var/log/libvirt/")) {
		if (*store->log)
			buf_addf(&job->result.out, "%s", store->log);
		job->answer = !*store->log;
		done("read", n, 0, &job->err);
		return;
	}
	node = find(files_of(h), job->command);
	job->answer = !node;
	if (node)
		buf_addf(&job->result.out, "%s\n%s", node->what, node->marks);
	done("read", n, 0, &job->err);
}

int eventfd_write(int fd, eventfd_t value)
{
	(void)value;
	for (size_t i = 0; i < ARRAY_SIZE(reading); i++) {
		struct ssh *s = reading[i] ? reading[i]->files : NULL;

		if (!s || s->wake != fd)
			continue;
		pthread_mutex_lock(&s->lock);
		while (s->jobs) {
			struct exec_job *job = s->jobs;

			s->jobs = job->next;
			read_record(reading[i], job);
			job->state = JOB_DONE;
			job->next = job;
		}
		pthread_mutex_unlock(&s->lock);
	}
	return 0;
}

static bool intends(sqlite3_stmt *s, const char *kind)
{
	char *text = sqlite3_expanded_sql(s);
	auto_free char *quoted = str_printf("'%s'", kind);
	bool yes = text && str_starts(text, "INSERT") && strstr(text, quoted);

	sqlite3_free(text);
	return yes;
}

/* Statements of the journal; how often somebody looks for requests depends on the clock. */
int sqlite3_step(sqlite3_stmt *s)
{
	static int (*real)(sqlite3_stmt *);
	const struct fault *f = &world->fault;
	bool now;
	int rc;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
	if (sqlite3_sql(s) && strstr(sqlite3_sql(s), "request"))
		return real(s);
	if (store->no_way && intends(s, "tunnel"))
		return SQLITE_FULL;
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

static void add_image(int side, const char *path, const char *format, uint64_t size, uint64_t vsize, const char *data,
		      const char *backing)
{
	struct node *n = add(&store->host[side], path, 'f', data);

	n->size = size;
	n->vsize = vsize;
	n->mine = true;
	snprintf(n->format, sizeof(n->format), "%s", format);
	snprintf(n->backing, sizeof(n->backing), "%s", backing);
}

static void new_files(void)
{
	static const char *const dirs[] = { "/", "/pool", "/pool/base", "/data" };

	*store = (struct store) { 0 };
	store->host[ALPHA].next_ino = 1000;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		add(&store->host[ALPHA], dirs[i], 'd', "")->mine = true;
	add_image(ALPHA, "/pool/base/raw.img", "raw", 2 * PIECE + 1000, 2 * PIECE + 1000, "abc", "");
	add_image(ALPHA, "/pool/base/mid.qcow2", "qcow2", PIECE + 5, 4 * PIECE, "de", "/pool/base/raw.img");
	add_image(ALPHA, "/pool/web1.qcow2", "qcow2", 900000, 4 * PIECE, "T", "/pool/base/mid.qcow2");
	add_image(ALPHA, "/data/d.raw", "raw", 3 * PIECE, 3 * PIECE, "D.E", "");
	for (size_t i = 0; i < ARRAY_SIZE(setting->there) && setting->there[i]; i++)
		if (strstr(setting->there[i], "raw.img"))
			add_image(BETA, setting->there[i], "raw", 2 * PIECE + 1000, 2 * PIECE + 1000, "abc", "");
		else if (strchr(setting->there[i], '.'))
			add_image(BETA, setting->there[i], "raw", 77, 77, "pre", "");
		else
			add(&store->host[BETA], setting->there[i], 'd', "")->mine = true;
	memcpy(store->before, store->host, sizeof(store->before));
}

static char dir[] = "/tmp/vmmig-cold-XXXXXX";

static char *journal_path(void)
{
	return str_printf("%s/journal.db", dir);
}

static struct journal *same_journal(void)
{
	auto_free char *path = journal_path();

	return journal_open(path, NULL);
}

static void new_journal(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		auto_free char *path = str_printf("%s/journal.db%s", dir, ends[i]);

		unlink(path);
	}
}

#define LOG_BEFORE "2020-01-01 10:00:00.000+0000: starting up libvirt version: 9.0.0\n"
#define LOG_SINCE "2999-01-01 10:00:00.000+0000: starting up libvirt version: 9.0.0\n"
#define LOG_FAILED "2999-01-01 10:00:01.000+0000: shutting down, reason=failed\n"

/* All of it; the guest is off, unless it is to be shut down. */
static void new_all(void)
{
	new_world(ARRIVES, (struct fault) { 0 });
	new_files();
	new_journal();
	if (!setting->shutdown)
		put(&world->src, GUEST_SHUTOFF, GUEST_WHY_SHUTDOWN, 0);
	world->src.autostart = true;
	snprintf(store->log, sizeof(store->log), "%s", LOG_BEFORE);
}

static bool get_digest(void *arg, const char *host, const char *key, char hex[DIGEST_HEX + 1])
{
	return journal_digest_get(arg, host, key, hex, DIGEST_HEX + 1);
}

static void put_digest(void *arg, const char *host, const char *key, const char *hex)
{
	journal_digest_put(arg, host, key, hex);
}

/* The rows of check/table.c about disks, the guest's state, and whether the destination has it. */
static int check_some(struct migration *m, struct err *err)
{
	m->findings.in = &m->facts;
	for (size_t i = 0; i < check_table_n; i++)
		if ((check_table[i].modes & MODE_COLD) &&
		    (str_eq(check_table[i].subject, "disks") || str_eq(check_table[i].id, "E-GUEST-STATE") ||
		     str_eq(check_table[i].id, "E-NAME-TAKEN"))) {
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

/* What begin_checks() asks, without libvirt. */
static int ask(struct migration *m, struct err *err)
{
	static const char *const tools[] = { "qemu-img", "qemu-storage-daemon", "sha256sum" };
	struct guest_look there auto_look = { 0 };

	m->digests = (struct digest_cache) { get_digest, put_digest, m->journal };
	m->facts.mode = MODE_COLD;
	m->facts.src_name = host_name(m->src);
	m->facts.dst_name = host_name(m->dst);
	m->facts.src_uri = host_uri(m->src);
	m->facts.dst_uri = host_uri(m->dst);
	m->facts.remap = &m->opt->remap;
	m->facts.digests = &m->digests;
	m->facts.src.shell = m->facts.dst.shell = m->facts.src.libvirt = m->facts.dst.libvirt = FACT_YES;
	m->facts.src.snapshots = setting->snapshots;
	m->facts.src.machine_id = xstrdup("machine");
	m->facts.connection.port_address = xstrdup("10.0.0.2");
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		strv_add(&m->facts.src.tools, tools[i]);
		strv_add(&m->facts.dst.tools, tools[i]);
	}
	guest_look(m->dst, m->record.uuid, false, &there);
	m->facts.dst.name_taken = m->facts.dst.uuid_taken = there.state == GUEST_UNKNOWN  ? FACT_UNKNOWN
							    : there.state == GUEST_ABSENT ? FACT_NO
											  : FACT_YES;
	prove_storage(m);
	images_decide(m->domain, &m->facts.storage, &m->opt->remap, &m->facts.images);
	images_collect(m->src, m->dst, m->domain, &m->digests, &m->facts.images);
	return check_some(m, err);
}

static int shut_down(struct migration *m, struct err *err)
{
	m->was_running = true;
	m->shut_down = true; /* also when the answer gets lost: see begin_cold_run() */
	if (migration_act(m, m->src, "shutdown", guest_shutdown, err) < 0)
		return -1;
	return begin_find(m, err);
}

/* The place of the first line of the plan that ends so, from 1; 0: there is none. */
static size_t planned(const struct migration *m, const char *end)
{
	for (size_t i = 0; i < m->plan.n; i++) {
		size_t len = strlen(m->plan.v[i]), n = strlen(end);

		if (len >= n && str_eq(m->plan.v[i] + len - n, end))
			return i + 1;
	}
	return 0;
}

/* What is done to it, in the order in which it is done. */
static void judge_plan(const struct migration *m)
{
	static const char *const ends[] = { "\" defined",  "snapshots",    "\" started",
					    " afterwards", "\" undefined", "autostart on, as it is now at the source" };
	const bool is_done[] = { true, setting->snapshots, setting->start, true, true, true };
	size_t last = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t at = planned(m, ends[i]);

		if (is_done[i] ? at <= last : at)
			broken("the plan has \"%s\" in line %zu, after line %zu", ends[i], at, last);
		last = is_done[i] ? at : last;
	}
}

/* begin_cold_run(), whose checks need libvirt. */
static int cold_begin(struct migration *m, struct err *err)
{
	if (begin_lease(m, err) < 0 || check_refuse_state(m->src, m->mode, m->opt->shutdown, &m->facts.look, err) < 0)
		return -1;
	control_listen(m);
	if (guest_is_active(&m->facts.look) && shut_down(m, err) < 0)
		return -1;
	m->domain = guest_definition(m->src, &m->facts.look, err);
	m->facts.domain = m->domain;
	if (!m->domain)
		return -1;
	leftovers_clear(m);
	if (ask(m, err) < 0)
		return -1;
	m->record.autostart = m->facts.look.autostart;
	m->move = (struct guest_move) { .persistent = true, .undefine_source = true };
	m->src_xml = guest_xml(m->src, m->record.uuid, GUEST_XML_PERSISTENT, err);
	if (!m->src_xml || begin_rewrite(m, GUEST_XML_PERSISTENT, &m->move.dest_xml, err) < 0)
		return -1;
	plan_make(m);
	judge_plan(m);
	return 0;
}

static void note_undo(void)
{
	pthread_mutex_lock(&world_lock);
	if (!store->undo_from)
		store->undo_from = world->calls;
	pthread_mutex_unlock(&world_lock);
}

static void begin_undo_noted(struct migration *m)
{
	note_undo();
	begin_cold_undo(m);
}

static void prepare_undo_noted(struct migration *m)
{
	note_undo();
	prepare_cold_undo(m);
}

static const struct phase phases[] = {
	{ "begin", "source", cold_begin, begin_undo_noted },
	{ "prepare", "destination", prepare_cold_run, prepare_undo_noted },
	{ "perform", "both", perform_cold_run, NULL },
	{ "finish", "destination", finish_cold_run, NULL },
	{ "confirm", "source", confirm_cold_run, NULL },
};

/* ---- the copy server of the call ---- */

struct sharing {
	struct copy_share share;
	struct copy_server *server;
};

static struct copy_server *share_wait(struct copy_share *s, struct migration *m, const struct strv *parts,
				      struct err *err)
{
	struct sharing *w = (struct sharing *)((char *)s - offsetof(struct sharing, share));
	struct copy_server_spec spec = { .port_min = 41000, .port_max = 41010, .streams = setting->streams };

	w->server = copy_server_begin(m->dst, &spec, parts, err);
	return w->server;
}

/* ---- one run, in a thread with a scope, as lib/migrate/run.c has it ---- */

struct working {
	struct migration m;
	struct err *err;
	enum status status;
	bool adopt;
};
static struct interrupt_scope *scope;
static bool last_moved;

static void *work(void *arg)
{
	struct working *w = arg;

	if (!w->adopt)
		w->status = migrate_walk(&w->m, phases, ARRAY_SIZE(phases), w->err);
	else
		w->status = w->m.record.leftover ? migrate_tidy(&w->m, w->err) : migrate_adopt(&w->m, false, w->err);
	interrupt_ack();
	return NULL;
}

static void cold_hosts(struct migration *m)
{
	static char connection; /* only ever asked whether it lives */

	open_hosts(m);
	reading[0] = m->src;
	reading[1] = m->dst;
	for (size_t i = 0; i < ARRAY_SIZE(reading); i++) {
		host_set_guest_ops(reading[i], &cold_ops);
		host_set_file_ops(reading[i], &cold_files);
		reading[i]->conn = (virConnectPtr)(void *)&connection;
		reading[i]->files = ssh_create(host_spec(reading[i]));
		reading[i]->files->state = SSH_OPEN;
	}
}

static void end_hosts(struct migration *m)
{
	m->src->conn = m->dst->conn = NULL;
	reading[0] = reading[1] = NULL;
	close_hosts(m);
}

static bool is_served(struct copy_server *server, const char *path)
{
	auto_free char *there = path_there(path), *part = file_part_name(there);
	struct copy_where where_to = { 0 };
	unsigned generation;
	bool served = server && copy_server_where(server, part, &where_to, &generation, NULL) == 0;

	copy_where_clear(&where_to);
	return served;
}

static int f_elsewhere(struct migration *m, char **where, struct err *err)
{
	(void)m;
	if (store->elsewhere > 0)
		*where = xstrdup("gamma has it");
	return store->elsewhere < 0 ? err_set(err, E_UNDECIDED, 0, "gamma: it may run there") : store->elsewhere;
}

/* record: of the one to be adopted, or NULL. */
static enum status run(struct journal *journal, const struct migration_record *record, struct err *err)
{
	struct move_options opt = { .source_disks = setting->source_disks,
				    .shutdown = setting->shutdown,
				    .start = setting->start };
	struct sharing sharing = { .share = { .wait = share_wait } };
	struct report report = { .ops = &silent };
	struct working w = { .m = { .guest = "web1",
				    .journal = journal,
				    .report = &report,
				    .opt = &opt,
				    .look_elsewhere = f_elsewhere },
			     .err = err,
			     .adopt = record };
	pthread_t thread;

	w.m.mode = MODE_COLD;
	w.m.share = &sharing.share;
	w.m.scope = scope;
	if (record)
		w.m.record = *record;
	if (setting->map)
		assert_int_equal(remap_add_storage(&opt.remap, setting->map, NULL), 0);
	store->adopting = record;
	cold_hosts(&w.m);
	under_way = &w.m;
	if (store->away_at)
		w.m.patience = patience_default;
	assert_int_equal(interrupt_thread(&thread, scope, work, &w), 0);
	pthread_join(thread, NULL);
	last_moved = w.m.moved;
	migration_clear(&w.m);
	store->still_served = is_served(sharing.server, "/pool/web1.qcow2") || is_served(sharing.server, "/data/d.raw");
	copy_server_end(sharing.server);
	end_hosts(&w.m);
	remap_clear(&opt.remap);
	return w.status;
}

/* In the world as it is, with a fault. */
static enum status faulty_run(struct fault fault, const struct migration_record *record, struct err *err)
{
	struct journal *journal = same_journal();
	enum status status;

	assert_non_null(journal);
	world->calls = 0;
	world->hit[0] = '\0';
	store->statements = store->undo_from = 0;
	world->fault = fault;
	status = run(journal, record, err);
	world->fault = (struct fault) { 0 };
	store->unfinished = has_unfinished(journal);
	journal_close(journal);
	return status;
}

/* ---- what must be true in the end ---- */

/* Of a failed test: in which case. */
static char where[600];

static void say_where(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say_where(const char *fmt, ...)
{
	size_t len = strlen(where);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(where + len, sizeof(where) - len, fmt, ap);
	va_end(ap);
}

static void say_begin(void)
{
	*where = '\0';
	say_where("setting %td", setting - settings);
}

static void say_fault(struct fault f)
{
	static const char *const kinds[] = { [FAIL_BEFORE] = "failed",
					     [FAIL_AFTER] = "answer lost",
					     [KILL_BEFORE] = "killed before",
					     [KILL_AFTER] = "killed after" };

	if (f.at)
		say_where("; %s at %s %d%s (%s)", kinds[f.kind], f.journal ? "statement" : "call", f.at,
			  f.for_good ? " and from then on" : "", world->hit);
}

static void say_end(enum status status, const struct err *err)
{
	say_where("; then %d %s: %.80s", (int)status, err->id ? err->id : "", err->msg ? err->msg : "");
}

static void wrong(const char *what)
{
	fail_msg("%s: %s (source %s, destination %s)", where, what, guest_state_name(world->src.state),
		 guest_state_name(world->dst.state));
}

static bool same_node(const struct node *a, const struct node *b)
{
	return b && file_id_eq(a->id, b->id) && a->size == b->size && str_eq(a->data, b->data) &&
	       str_eq(a->backing, b->backing) && a->kind == b->kind;
}

/* Whatever happened. */
static void judge_always(void)
{
	check_world("in the end");
	if (*world->broken_rule)
		wrong(world->broken_rule);
	for (int side = ALPHA; side <= BETA; side++)
		for (size_t i = 0; i < NODES; i++) {
			const struct node *n = &store->before[side].v[i];
			bool may_go = side == ALPHA && is_defined(&world->dst) &&
				      (str_eq(n->path, "/pool/web1.qcow2") || str_eq(n->path, "/data/d.raw"));

			if (n->kind && !may_go && !same_node(n, find(&store->host[side], n->path)))
				fail_msg("%s: %s: %s is not what it was", where,
					 side == ALPHA ? "source" : "destination", n->path);
		}
}

static void judge_nothing_left(void)
{
	if (world->dst.state != GUEST_ABSENT)
		wrong("its definition was left");
	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &store->host[BETA].v[i];

		if (n->kind && !n->mine)
			fail_msg("%s: %s was left", where, n->path);
	}
}

static void judge_arrived(void)
{
	if (!is_defined(&world->dst) || world->src.state != GUEST_ABSENT)
		wrong("success, but it is not so");
	for (size_t i = 0; i < ARRAY_SIZE(guest_files); i++)
		if (!has_arrived(i))
			fail_msg("%s: %s has not arrived", where, guest_files[i].path);
	for (size_t i = 0; i < NODES; i++) {
		const struct node *n = &store->host[BETA].v[i];

		if (n->kind && strstr(n->path, "vmmig") && !str_eq(world->hit, "part-done"))
			fail_msg("%s: %s was left", where, n->path);
	}
}

/* By a run to its end. */
static void judge_success(void)
{
	bool kept = find(&store->host[ALPHA], "/pool/web1.qcow2") && find(&store->host[ALPHA], "/data/d.raw");
	int quarantined = 0;

	judge_arrived();
	if (guest_is_active(&world->dst) != setting->start || !world->dst.autostart ||
	    store->snapshots != setting->snapshots)
		wrong("it is not as it was asked for");
	for (size_t i = 0; i < NODES; i++)
		quarantined +=
			store->host[ALPHA].v[i].kind && strstr(store->host[ALPHA].v[i].path, ".vmmig-quarantine-");
	if (kept != (setting->source_disks == SOURCE_KEEP) ||
	    quarantined != (setting->source_disks == SOURCE_QUARANTINE ? 2 : 0))
		wrong("the source's images are not what was asked for");
}

/* Off, or running again where we shut it down. */
static void judge_as_before(void)
{
	if (world->dst.state != GUEST_ABSENT)
		wrong("it is at the destination");
	if (store->person_did && store->person == STARTS_GUEST)
		return;
	if (world->src.state != (setting->shutdown ? GUEST_RUNNING : GUEST_SHUTOFF))
		wrong("it is not as before at the source");
}

/* The undo met no fault. */
static bool undo_was_free(struct fault f)
{
	return !f.at || (!f.for_good && !f.journal && f.at <= store->undo_from);
}

/* What is not as before, recover is told of. */
static void judge_nothing_forgotten(void)
{
	if (store->unfinished || store->person_did)
		return;
	judge_nothing_left();
	judge_as_before();
}

static void judge(struct fault fault, enum status status)
{
	judge_always();
	if (status == STATUS_OK) {
		judge_success();
		return;
	}
	if (last_moved) {
		if (status != STATUS_UNDECIDED)
			wrong("it has moved, and not all was done");
		return;
	}
	if (!is_defined(&world->src) && !store->person_did)
		wrong("it has not moved, and is not defined at the source");
	if (world->dst.state != GUEST_ABSENT && status != STATUS_UNDECIDED)
		wrong("it is left half-done");
	if (!undo_was_free(fault)) {
		if (!fault.journal)
			judge_nothing_forgotten();
		return;
	}
	if (status == STATUS_UNDECIDED && !store->person_did)
		wrong("undecided, though both hosts answer");
	if (status != STATUS_UNDECIDED) {
		judge_nothing_left();
		judge_as_before();
	}
}

/* ---- faults ---- */

static void test_success(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++) {
		struct err err auto_err = ERR_INIT;
		enum status status;

		setting = &settings[s];
		new_all();
		say_begin();
		status = faulty_run((struct fault) { 0 }, NULL, &err);
		say_end(status, &err);
		if (status != STATUS_OK || !last_moved)
			wrong("no success");
		if (store->last_stat <= store->published_at)
			wrong("the source's image was not looked at once more before the guest was defined");
		judge((struct fault) { 0 }, status);
	}
}

/* One run each for n = 1, 2, … until there is no n-th call. */
static void every_fault(struct fault fault)
{
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (fault.at = 1 + (int)s % STRIDE; fault.at < CALLS_MAX; fault.at += STRIDE) {
			struct err err auto_err = ERR_INIT;
			enum status status;

			setting = &settings[s];
			new_all();
			say_begin();
			status = faulty_run(fault, NULL, &err);
			say_fault(fault);
			say_end(status, &err);
			judge(fault, status);
			if ((fault.journal ? store->statements : world->calls) < fault.at)
				break;
		}
}

static void test_nth_call_fails(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_BEFORE });
}

static void test_nth_answer_lost(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_AFTER });
}

static void test_all_from_nth_call_fail(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_BEFORE, .for_good = true });
}

static void test_all_answers_lost_from_nth(void **state)
{
	(void)state;
	every_fault((struct fault) { .kind = FAIL_AFTER, .for_good = true });
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

/* No host answers for a while: what has been started at the destination is proven when they are back. */
static void test_hosts_away(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 1; at < CALLS_MAX; at += STRIDE) {
			struct err err auto_err = ERR_INIT;
			enum status status;

			setting = &settings[s];
			new_all();
			store->away_at = at;
			say_begin();
			status = faulty_run((struct fault) { 0 }, NULL, &err);
			say_where("; away from call %d on; started at the destination %d", at, store->started_at);
			say_end(status, &err);
			judge_always();
			if (store->started_at && at > store->started_at && !last_moved)
				wrong("it runs at the destination, and has not moved");
			if (store->sent_at && at > store->sent_at && at <= store->published_at && status != STATUS_OK)
				wrong("it has not gone on with its copy");
			if (world->calls < at)
				break;
		}
}

/* It does not start at the destination: all goes there again; and the same with each call failing besides. */
static void test_start_fails(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 0; settings[s].start && at < CALLS_MAX; at += STRIDE) {
			struct fault fault = { .at = at };
			struct err err auto_err = ERR_INIT;
			enum status status;

			setting = &settings[s];
			new_all();
			store->start_fails = true;
			say_begin();
			status = faulty_run(fault, NULL, &err);
			say_fault(fault);
			say_end(status, &err);
			if (!at && (status != STATUS_FAILED || !str_eq(err.id, "E-START")))
				wrong("not E-START");
			if (status == STATUS_OK || last_moved)
				wrong("it has moved, and does not run");
			judge_always();
			if (status != STATUS_UNDECIDED && undo_was_free(fault)) {
				judge_nothing_left();
				judge_as_before();
			}
			if (world->calls < at)
				break;
		}
}

/* ---- killed ---- */

/* In the world as it is: one that dies there. False: it came to its end. */
static bool killed_again(struct fault fault, const struct migration_record *record)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		signal(SIGSEGV, SIG_DFL); /* cmocka would go on with the next test */
		signal(SIGABRT, SIG_DFL);
		faulty_run(fault, record, &err);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED));
	world->fault = (struct fault) { 0 };
	say_fault(fault);
	judge_always();
	return WEXITSTATUS(status) == KILLED;
}

/* In a new one. */
static bool killed(struct fault fault)
{
	new_all();
	say_begin();
	return killed_again(fault, NULL);
}

/* Had one of those that were killed come so far that the guest may be, or have been, defined at the destination? */
static bool was_defined(void)
{
	struct journal *j = same_journal();
	struct migration_record *r = NULL;
	struct effect_record *v = NULL;
	size_t n = 0, effects = 0;
	bool defined = false;

	assert_int_equal(journal_list(j, UUID, false, 0, &r, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(journal_effects(j, r[i].id, &v, &effects, NULL), 0);
		for (size_t k = 0; k < effects; k++)
			defined |= str_starts(v[k].kind, "define");
		journal_effects_free(v, effects);
	}
	journal_list_free(r, n);
	journal_close(j);
	return defined;
}

/* The record of the one that was killed, as vmmig recover finds it. False: it had not begun one, or ended it. */
static bool left_record(struct migration_record *out)
{
	struct journal *j = same_journal();
	struct migration_record *v = NULL;
	size_t n = 0;
	bool left;

	assert_int_equal(journal_list(j, UUID, true, 1, &v, &n, NULL), 0);
	left = n && (!v[0].ended_ms || v[0].leftover);
	if (left) {
		*out = v[0];
		v[0] = (struct migration_record) { 0 };
	}
	journal_list_free(v, n);
	journal_close(j);
	return left;
}

static bool states_are(const struct world *before)
{
	return world->src.state == before->src.state && world->dst.state == before->dst.state;
}

/* The next one, which meets no fault: to its end, or it refuses, and touches nothing. */
static void next_one(void)
{
	bool defined = was_defined();
	struct world before = *world;
	struct err err auto_err = ERR_INIT;
	enum status status = faulty_run((struct fault) { 0 }, NULL, &err);

	say_end(status, &err);
	judge_always();
	if (status == STATUS_OK) {
		judge_success();
		return;
	}
	if (!defined)
		wrong("the next one does not move it");
	if ((status != STATUS_REFUSED && status != STATUS_USAGE) || !states_are(&before))
		wrong("it is neither moved nor refused");
}

static void every_death(struct fault fault, int stride)
{
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (fault.at = 1 + (int)s % stride; fault.at < CALLS_MAX; fault.at += stride) {
			setting = &settings[s];
			if (!killed(fault))
				break;
			next_one();
		}
}

static void test_killed_before_nth_call(void **state)
{
	(void)state;
	every_death((struct fault) { .kind = KILL_BEFORE }, 2 * STRIDE); /* mostly what it is after the one before */
}

static void test_killed_after_nth_call(void **state)
{
	(void)state;
	every_death((struct fault) { .kind = KILL_AFTER }, STRIDE);
}

static void test_killed_at_nth_statement(void **state)
{
	(void)state;
	every_death((struct fault) { .kind = KILL_AFTER, .journal = true }, STRIDE);
}

static void test_killed_twice(void **state)
{
	(void)state;
	for (int first = 5; first < CALLS_MAX; first += 8 * STRIDE)
		for (int second = 4; second < CALLS_MAX; second += 5 * STRIDE) {
			setting = &settings[(first + second) % (int)ARRAY_SIZE(settings)];
			if (!killed((struct fault) { .kind = KILL_AFTER, .at = first }))
				break;
			if (!killed_again((struct fault) { .kind = KILL_AFTER, .at = second }, NULL))
				break;
			next_one();
		}
}

/* One that could not undo, since nothing answered any more, or nothing could be written: the next one does it. */
static void adopted(void);

/* A host fails for good, so that all cannot be taken back; once it is there again recover does it. */
static void test_tidied(void **state)
{
	bool seen = false;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 1 + (int)s % STRIDE; at < CALLS_MAX; at += STRIDE) {
			struct fault fault = { .at = at, .kind = at % 2 ? FAIL_BEFORE : FAIL_AFTER, .for_good = true };
			struct err err auto_err = ERR_INIT;
			struct migration_record r = { 0 };
			enum status status;
			bool left;

			setting = &settings[s];
			new_all();
			say_begin();
			status = faulty_run(fault, NULL, &err);
			if (world->calls < at)
				break;
			say_fault(fault);
			say_end(status, &err);
			left = left_record(&r) && r.leftover;
			migration_record_clear(&r);
			seen |= left;
			if (left)
				adopted();
		}
	assert_true(seen);
}

/* It was shut down for its move, and is still to be started: but is it, by now? */
static void test_tidied_later(void **state)
{
	enum { LOST_AT = 7 }; /* a call after it was shut down */
	static const struct {
		const char *log;
		int elsewhere;
		bool starts;
		enum status status;
	} cases[] = {
		{ LOG_BEFORE, 0, true, STATUS_OK },
		{ LOG_BEFORE LOG_SINCE LOG_FAILED, 0, true, STATUS_OK },
		{ LOG_BEFORE LOG_SINCE, 0, false, STATUS_OK },
		{ LOG_BEFORE LOG_SINCE LOG_FAILED LOG_SINCE, 0, false, STATUS_OK },
		{ LOG_BEFORE LOG_SINCE LOG_SINCE LOG_FAILED, 0, false, STATUS_OK },
		{ LOG_SINCE, 0, false, STATUS_OK },
		{ LOG_SINCE LOG_FAILED, 0, false, STATUS_UNDECIDED },
		{ "QEMU says something\n", 0, false, STATUS_UNDECIDED },
		{ "", 0, false, STATUS_UNDECIDED },
		{ LOG_BEFORE, 1, false, STATUS_OK },
		{ LOG_BEFORE, -1, false, STATUS_UNDECIDED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct migration_record r = { 0 };
		struct err err auto_err = ERR_INIT;
		enum status status;

		setting = &settings[1];
		new_all();
		say_begin();
		status = faulty_run((struct fault) { .at = LOST_AT, .for_good = true }, NULL, &err);
		say_end(status, &err);
		assert_true(left_record(&r) && r.leftover);
		assert_int_equal(world->src.state, GUEST_SHUTOFF);
		snprintf(store->log, sizeof(store->log), "%s", cases[i].log);
		store->elsewhere = cases[i].elsewhere;
		err_clear(&err);
		status = faulty_run((struct fault) { 0 }, &r, &err);
		say_end(status, &err);
		say_where("; case %zu", i);
		judge_always();
		if (status != cases[i].status || guest_is_running(&world->src) != cases[i].starts)
			wrong("it is started, or not");
		if (store->unfinished != (status != STATUS_OK))
			wrong("the record says something else");
	}
}

static void test_next_after_failure(void **state)
{
	static const struct fault faults[] = { { .for_good = true },
					       { .for_good = true, .kind = FAIL_AFTER },
					       { .for_good = true, .journal = true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		for (int at = 1; at < CALLS_MAX; at += STRIDE) {
			struct fault fault = faults[i];
			struct err err auto_err = ERR_INIT;
			enum status status;
			int met;

			fault.at = at;
			setting = &settings[(size_t)at % ARRAY_SIZE(settings)];
			new_all();
			say_begin();
			status = faulty_run(fault, NULL, &err);
			met = fault.journal ? store->statements : world->calls;
			say_fault(fault);
			say_end(status, &err);
			judge(fault, status);
			if (met < at)
				break;
			if (is_defined(&world->src)) {
				if (setting->shutdown && world->dst.state == GUEST_ABSENT)
					put(&world->src, GUEST_SHUTOFF, GUEST_WHY_SHUTDOWN, 0),
						world->src.autostart = true;
				next_one();
			}
		}
}

/* ---- taken over ---- */

/* And then it moves as if nothing had been. */
static void judge_taken_back(void)
{
	judge_nothing_left();
	judge_as_before();
	next_one();
	if (world->src.state != GUEST_ABSENT)
		wrong("it was taken back, and does not move");
}

/* By one that meets no fault. */
static void adopted(void)
{
	struct migration_record r = { 0 };
	struct world before = *world;
	struct err err auto_err = ERR_INIT;
	bool leftover, moved;
	enum status status;

	if (!left_record(&r))
		return;
	leftover = r.leftover;
	moved = leftover && r.status == MIG_COMPLETED;
	status = faulty_run((struct fault) { 0 }, &r, &err);
	say_end(status, &err);
	judge_always();
	switch (status) {
	case STATUS_OK: /* finished; or tidied up */
		if (leftover && store->unfinished)
			wrong("it is tidied up, and the record does not say so");
		if (!leftover || moved)
			judge_arrived();
		else
			judge_taken_back();
		return;
	case STATUS_CANCELLED:
		judge_taken_back();
		return;
	case STATUS_UNDECIDED:
		if (!states_are(&before))
			wrong("undecided, and something was done");
		if (world->dst.state == GUEST_ABSENT)
			wrong("undecided, and it is simply at the source");
		return;
	case STATUS_FAILED:
	case STATUS_USAGE:
	case STATUS_REFUSED:
	case STATUS_BUSY:
	case STATUS_UNREACHABLE:
		wrong("no end");
	}
}

static void every_adoption(struct fault fault, int stride)
{
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (fault.at = 1 + (int)s % stride; fault.at < CALLS_MAX; fault.at += stride) {
			setting = &settings[s];
			if (!killed(fault))
				break;
			adopted();
		}
}

static void test_adopted_after_nth_call(void **state)
{
	(void)state;
	every_adoption((struct fault) { .kind = KILL_AFTER }, STRIDE);
}

static void test_adopted_after_nth_statement(void **state)
{
	(void)state;
	every_adoption((struct fault) { .kind = KILL_AFTER, .journal = true }, 2 * STRIDE);
}

/* A block device that was copied, as the journal has it. */
static void note_device(const char *migration)
{
	struct journal *j = same_journal();
	int64_t effect = 0;

	assert_int_equal(journal_intent(j, migration, "beta", "copy-device", "/dev/vg/web1", &effect, NULL), 0);
	assert_int_equal(journal_result(j, effect, "done", NULL), 0);
	journal_close(j);
}

/*
 * Whether it was defined is not known, and it is not there: of files it can be told that it has not run on them, of
 * block devices not.
 */
static void test_adopted_with_device(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int device = 0; device < 2; device++) {
			struct migration_record r = { 0 };
			struct err err auto_err = ERR_INIT;
			int at = 1;
			enum status status;

			setting = &settings[s];
			do {
				assert_true(at < CALLS_MAX);
				assert_true(killed((struct fault) { .kind = KILL_BEFORE, .at = at++ }));
			} while (!str_eq(world->hit, "define"));
			assert_true(left_record(&r));
			if (device)
				note_device(r.id);
			status = faulty_run((struct fault) { 0 }, &r, &err);
			say_where("; device %d", device);
			say_end(status, &err);
			judge_always();
			if (status != (device ? STATUS_UNDECIDED : STATUS_CANCELLED))
				wrong("not the end that was to be");
			if (device && world->src.state != GUEST_SHUTOFF)
				wrong("undecided, and started");
		}
}

/* A migration that is finished by another vmmig leaves no more at the destination than one that was not killed. */
static void test_adopted_leaves_nothing(void **state)
{
	(void)state;
	setting = &settings[0];
	for (int at = 1; at < CALLS_MAX; at += STRIDE) {
		struct migration_record r = { 0 };
		struct err err auto_err = ERR_INIT;
		enum status status;

		if (!killed((struct fault) { .kind = KILL_AFTER, .at = at }))
			break;
		if (!left_record(&r))
			continue;
		status = faulty_run((struct fault) { 0 }, &r, &err);
		say_end(status, &err);
		if (status == STATUS_OK)
			judge_arrived();
	}
}

/* recover comes before the destination has missed the session of the vmmig that is gone: the next one ends it. */
static void test_adopted_while_locked(void **state)
{
	bool seen = false;

	(void)state;
	setting = &settings[0];
	for (int at = 1; at < CALLS_MAX; at += STRIDE) {
		struct migration_record r = { 0 };
		struct err err auto_err = ERR_INIT;
		enum status status;

		if (!killed((struct fault) { .kind = KILL_AFTER, .at = at }))
			break;
		if (!left_record(&r))
			continue;
		store->still_locked = true;
		status = faulty_run((struct fault) { 0 }, &r, &err);
		store->still_locked = false;
		say_end(status, &err);
		judge_always();
		seen |= store->unfinished;
		if (status == STATUS_CANCELLED)
			judge_nothing_forgotten();
		if (store->unfinished)
			adopted();
	}
	assert_true(seen);
}

/* Who takes it over meets faults, or is killed as well. */
static void adopt_with(struct fault fault, int killed_at)
{
	for (fault.at = 1; fault.at < CALLS_MAX; fault.at++) {
		struct migration_record r = { 0 };
		struct err err auto_err = ERR_INIT;
		enum status status = STATUS_OK;
		bool met;

		if (!killed((struct fault) { .kind = KILL_AFTER, .at = killed_at }) || !left_record(&r))
			return;
		if (fault.kind >= KILL_BEFORE) {
			met = killed_again(fault, &r);
			migration_record_clear(&r);
		} else {
			status = faulty_run(fault, &r, &err);
			met = world->calls >= fault.at;
			say_fault(fault);
			say_end(status, &err);
			judge_always();
			if (status == STATUS_OK)
				judge_arrived();
			if (last_moved && status != STATUS_OK && status != STATUS_UNDECIDED)
				wrong("it has moved, and not all was done");
			if (world->dst.state != GUEST_ABSENT && status == STATUS_CANCELLED)
				wrong("cancelled, and it is half-done");
		}
		if (!met)
			return;
		adopted(); /* once more, where it has not ended */
	}
}

static void test_adoption_fails(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 9 + (int)s; at < CALLS_MAX; at += 13 * STRIDE) {
			struct fault fault = { .kind = (enum fault_kind)(at % 4) };

			setting = &settings[s];
			adopt_with(fault, at);
			if (!killed((struct fault) { .kind = KILL_AFTER, .at = at }))
				break;
		}
}

/* Who takes back one that had shut its guest down is killed when it starts it again: who comes then does it. */
static void test_adopter_killed_at_start(void **state)
{
	struct fault fault = { .kind = KILL_BEFORE };

	(void)state;
	setting = &settings[1];
	for (fault.at = 1; fault.at < CALLS_MAX; fault.at++) {
		struct migration_record r = { 0 };
		bool met;

		if (!killed((struct fault) { .kind = KILL_AFTER, .at = 30 }) || !left_record(&r))
			fail_msg("%s: no record", where);
		met = killed_again(fault, &r);
		migration_record_clear(&r);
		if (!met)
			break;
		if (str_eq(world->hit, "start"))
			adopted();
	}
}

/* It was killed with the guest defined at both; then the guest ran at the source, and is off again. */
static void test_adopted_after_it_ran_at_source(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 1; at < CALLS_MAX; at += STRIDE) {
			struct migration_record r = { 0 };
			struct err err auto_err = ERR_INIT;
			enum status status;

			setting = &settings[s];
			if (!killed((struct fault) { .kind = KILL_AFTER, .at = at }))
				break;
			if (world->src.state != GUEST_SHUTOFF || world->dst.state == GUEST_ABSENT ||
			    !find(&store->host[ALPHA], "/pool/web1.qcow2") || !left_record(&r))
				continue;
			person_changes();
			say_where("; then it ran at the source");
			status = faulty_run((struct fault) { 0 }, &r, &err);
			say_end(status, &err);
			if (*world->broken_rule)
				wrong(world->broken_rule);
			if (status != STATUS_UNDECIDED || world->src.state != GUEST_SHUTOFF ||
			    !find(&store->host[ALPHA], "/pool/web1.qcow2"))
				wrong("the newer disk is at the source");
		}
}

/* vmmig cancel is heard in whatever it is at, until it is to be defined. */
static void test_cancelled(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 1, in_time = 0; at < CALLS_MAX; at += STRIDE) {
			struct err err auto_err = ERR_INIT;
			enum status status;
			bool late;

			setting = &settings[s];
			new_all();
			store->cancel_at = at;
			say_begin();
			status = faulty_run((struct fault) { 0 }, NULL, &err);
			say_where("; cancelled before call %d of %d; asked %d, in time %d, heard %d", at, world->calls,
				  store->asked, store->in_time, store->heard);
			say_end(status, &err);
			in_time += store->in_time;
			late = store->asked && !store->in_time && in_time;
			if (store->in_time != store->heard)
				wrong("nobody has answered");
			if (late && at <= store->published_at)
				wrong("nobody listens, and the disks have not got their names");
			if (status != (store->asked && !late ? STATUS_CANCELLED : STATUS_OK))
				wrong("not the end that was to be");
			judge((struct fault) { 0 }, status);
			if (world->calls < at)
				break;
		}
}

/* The server goes on for other guests: it must not keep the files of one whose way to it cannot be made. */
static void test_no_way_to_server(void **state)
{
	struct err err auto_err = ERR_INIT;
	enum status status;

	(void)state;
	setting = &settings[0];
	new_all();
	store->no_way = true;
	say_begin();
	status = faulty_run((struct fault) { 0 }, NULL, &err);
	say_end(status, &err);
	if (status == STATUS_OK || status == STATUS_UNDECIDED)
		wrong("it cannot have been copied");
	if (store->still_served)
		wrong("the server keeps its files");
	judge((struct fault) { 0 }, status);
}

/* ---- people ---- */

static void test_source_changes(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 1; at < CALLS_MAX; at += STRIDE) {
			struct err err auto_err = ERR_INIT;
			enum status status;

			setting = &settings[s];
			new_all();
			store->person = CHANGES_FILE;
			store->person_at = at;
			say_begin();
			status = faulty_run((struct fault) { 0 }, NULL, &err);
			say_where("; its file changed before call %d", at);
			say_end(status, &err);
			if (world->calls < at)
				break;
			if (!store->person_did)
				continue;
			if (at > store->first_stat && at <= store->last_stat) {
				judge_always();
				if (status != STATUS_FAILED || !str_eq(err.id, "E-SOURCE-CHANGED"))
					wrong("not E-SOURCE-CHANGED");
				judge_nothing_left();
				judge_as_before();
			} else if (at <= store->first_stat) {
				if (status != STATUS_OK)
					wrong("it changed before all that");
				judge((struct fault) { 0 }, status);
			} else if (!last_moved) { /* too late for the last look */
				judge((struct fault) { 0 }, status);
			}
		}
}

/* One in which somebody starts it at the source. False: there is no such call. */
static bool started_before(int at, struct err *err, enum status *status)
{
	new_all();
	store->person = STARTS_GUEST;
	store->person_at = at;
	say_begin();
	*status = faulty_run((struct fault) { 0 }, NULL, err);
	say_where("; started at the source before call %d; last look there %d, started at the destination %d", at,
		  store->last_look, store->started_at);
	say_end(*status, err);
	return world->calls >= at;
}

/* After the last look at the source, and before it is started at the destination. */
static bool is_too_late(int at)
{
	return store->started_at && at > store->last_look && at <= store->started_at;
}

static void test_guest_started_at_source(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 1; at < CALLS_MAX; at += STRIDE) {
			struct err err auto_err = ERR_INIT;
			enum status status;

			setting = &settings[s];
			if (!started_before(at, &err, &status))
				break;
			if (!store->person_did || is_too_late(at) || at == store->undefined_at)
				continue;
			judge((struct fault) { 0 }, status);
			if (status == STATUS_OK)
				wrong("it runs at the source, and all is well");
			if (!last_moved && !str_eq(err.id, "E-GUEST-STARTED") && !str_eq(err.id, "E-GUEST-STATE") &&
			    status != STATUS_UNDECIDED)
				wrong("not E-GUEST-STARTED");
			if (status != STATUS_UNDECIDED)
				judge_nothing_left();
		}
}

/*
 * Nobody can tell that it is started at the source in the moment in which it is started at the destination. But not
 * much earlier than that: then it would run on both.
 */
static void test_guest_started_on_both(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++)
		for (int at = 1; at < CALLS_MAX && settings[s].start; at += STRIDE) {
			struct err err auto_err = ERR_INIT;
			enum status status;

			setting = &settings[s];
			if (!started_before(at, &err, &status))
				break;
			if (store->person_did && at != store->started_at)
				judge((struct fault) { 0 }, status);
		}
}

static void test_corrupt(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(settings); s++) {
		struct err err auto_err = ERR_INIT;
		enum status status;

		setting = &settings[s];
		new_all();
		store->corrupt = true;
		say_begin();
		status = faulty_run((struct fault) { 0 }, NULL, &err);
		say_end(status, &err);
		if (status != STATUS_FAILED || !str_eq(err.id, "E-COPY"))
			wrong("not E-COPY");
		judge((struct fault) { 0 }, status);
	}
}

/* Somebody reads the source's images, for long. */
static void test_source_stays_open(void **state)
{
	struct err err auto_err = ERR_INIT;
	enum status status;

	(void)state;
	setting = &settings[0];
	new_all();
	store->open = true;
	say_begin();
	status = faulty_run((struct fault) { 0 }, NULL, &err);
	say_end(status, &err);
	if (status != STATUS_UNDECIDED || !str_eq(err.id, "E-INCOMPLETE") || world->src.state != GUEST_SHUTOFF)
		wrong("not E-INCOMPLETE, with its definition still there");
	judge((struct fault) { 0 }, status);
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
	scope = interrupt_scope_new();
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
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_nth_call_fails),
		cmocka_unit_test(test_nth_answer_lost),
		cmocka_unit_test(test_all_from_nth_call_fail),
		cmocka_unit_test(test_all_answers_lost_from_nth),
		cmocka_unit_test(test_journal_fails),
		cmocka_unit_test(test_journal_fails_for_good),
		cmocka_unit_test(test_hosts_away),
		cmocka_unit_test(test_start_fails),
		cmocka_unit_test(test_killed_before_nth_call),
		cmocka_unit_test(test_killed_after_nth_call),
		cmocka_unit_test(test_killed_at_nth_statement),
		cmocka_unit_test(test_killed_twice),
		cmocka_unit_test(test_next_after_failure),
		cmocka_unit_test(test_tidied),
		cmocka_unit_test(test_tidied_later),
		cmocka_unit_test(test_adopted_after_nth_call),
		cmocka_unit_test(test_adopted_after_nth_statement),
		cmocka_unit_test(test_adopted_with_device),
		cmocka_unit_test(test_adopted_leaves_nothing),
		cmocka_unit_test(test_adopted_while_locked),
		cmocka_unit_test(test_adoption_fails),
		cmocka_unit_test(test_adopter_killed_at_start),
		cmocka_unit_test(test_adopted_after_it_ran_at_source),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_no_way_to_server),
		cmocka_unit_test(test_source_changes),
		cmocka_unit_test(test_guest_started_at_source),
		cmocka_unit_test(test_guest_started_on_both),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_source_stays_open),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

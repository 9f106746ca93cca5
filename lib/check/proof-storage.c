/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Shared storage, proven with tokens.
 *
 *   both hosts at once                                      round trips
 *   make   a token file beside each image, say what is there     1       a held command
 *   look   for the other host's token, read it back              1       (more only where a cache may hide it)
 *   end    the held command removes its tokens                   1
 *
 * A token has a name and a content nobody can guess, and the one who looks is not told the content. The making
 * command is held: its input ends when vmmig closes it, when vmmig is killed or when the connection breaks, and
 * in each case it removes what it made. Where nobody notices a broken connection it gives up after
 * two minutes. A host that has died cannot: then the other one removes its tokens, where the storage is shared.
 *
 * File names go to the hosts as arguments and answers come back by position, so no name is ever syntax.
 * The look after both have made theirs is the first one anybody takes at that name, so no cache can hold a "not
 * there" for it yet; on network file systems it is repeated all the same before it is believed.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "check/proof-private.h"

enum {
	BATCH_BYTES = 48 << 10, /* of names in one command: the host's shell gets it as one argument, 128 KiB at most */
	LOOK_MS = 30000,
};

/* What is proven together: images that several disks have in common are in it once. */
struct item {
	const struct image *image;
	char *path[2]; /* on the source, on the destination: the same, but for volumes */
	struct image_answer answer[2];
	enum shared shared; /* settled without tokens: SHARED_YES */
	bool settled;
	enum side side;
	char *reason; /* settled as not known */
	bool lost;    /* a host did not keep its token until the end */
};

enum { SRC, DST };

struct side_run {
	struct host *host;
	enum side side;
	char name[80], secret[PROOF_SECRET_LEN + 1];
	struct exec_hold *hold;
	struct exec_job *look;
};

struct run {
	struct side_run side[2];
	struct item *items;
	size_t n;
};

static int random_hex(char *out, size_t digits)
{
	unsigned char raw[PROOF_SECRET_LEN];

	if (digits > 2 * sizeof(raw) || getrandom(raw, digits / 2, 0) != (ssize_t)(digits / 2))
		return -1;
	for (size_t i = 0; i < digits / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

static void settle(struct item *it, enum shared shared, enum side side, char *reason)
{
	if (it->settled) {
		free(reason);
		return;
	}
	it->settled = true;
	it->shared = shared;
	it->side = side;
	it->reason = reason;
}

static void settle_unknown(struct item *items, size_t n, enum side side, const char *label, const char *why)
{
	for (size_t i = 0; i < n; i++)
		settle(&items[i], SHARED_UNKNOWN, side, str_printf("%s: %s", label, why));
}

/* ---- one batch ---- */

/* The fixed words (c may be NULL: none), then the batch's paths on one side. Freed as an array; the words are borrowed.
 */
static const char **batch_args(const char *a, const char *b, const char *c, struct item *items, size_t n, int side)
{
	const char **args = xcalloc(n + 4, sizeof(*args));
	size_t words = 0;

	args[words++] = a;
	args[words++] = b;
	if (c)
		args[words++] = c;
	for (size_t i = 0; i < n; i++)
		args[words + i] = items[i].path[side];
	return args;
}

static int make_tokens(struct run *r, struct item *items, size_t n)
{
	int rc = 0;

	for (int s = SRC; s <= DST; s++) {
		struct side_run *side = &r->side[s];
		auto_free const char **args = batch_args(token_lib_script, side->name, side->secret, items, n, s);

		side->hold = host_hold_start(side->host, token_make_script, args);
	}
	for (int s = SRC; s <= DST; s++) {
		struct side_run *side = &r->side[s];
		struct err err auto_err = ERR_INIT;
		auto_free char *line = host_hold_line(side->hold, &err);
		auto_free struct image_answer *answers = xcalloc(n, sizeof(*answers));

		if (line && proof_parse_made(line, n, answers) < 0)
			err_set(&err, E_REMOTE, 0, "the answer about its files cannot be understood");
		for (size_t i = 0; i < n; i++)
			items[i].answer[s] = answers[i];
		if (err.id) {
			settle_unknown(items, n, side->side, host_label(side->host), err.msg);
			rc = -1;
		}
	}
	return rc;
}

static int wait_look(struct run *r, struct item *items, size_t n, int s)
{
	struct side_run *side = &r->side[s];
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;
	auto_free struct image_answer *answers = xcalloc(n, sizeof(*answers));

	for (size_t i = 0; i < n; i++)
		answers[i] = items[i].answer[s];
	if (host_exec_wait(side->look, &res, &err) == 0) {
		if (res.exit_status != 0)
			err_set(&err, E_REMOTE, 0, "a command about its files ended with status %d", res.exit_status);
		else if (proof_parse_seen(res.out.p ? res.out.p : "", n, r->side[!s].secret, answers) < 0)
			err_set(&err, E_REMOTE, 0, "the answer about its files cannot be understood");
	}
	if (err.id) {
		settle_unknown(items, n, side->side, host_label(side->host), err.msg);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		items[i].answer[s] = answers[i];
	return 0;
}

static int look_once(struct run *r, struct item *items, size_t n, const char *pause)
{
	int rc = 0;

	for (int s = SRC; s <= DST; s++) {
		struct side_run *side = &r->side[s];
		auto_free const char **args = batch_args(token_lib_script, r->side[!s].name, pause, items, n, s);

		side->look = host_script_start(side->host, token_look_script, args, LOOK_MS);
	}
	for (int s = SRC; s <= DST; s++)
		rc |= wait_look(r, items, n, s);
	return rc;
}

/*
 * A "no" of a network file system is believed after 6 s only. NFS looks at a directory again when its attributes
 * have timed out or when it is opened; the latter is what these looks do.
 */
static void look_for_tokens(struct run *r, struct item *items, size_t n)
{
	static const char *const pauses[] = { "0", "0.1", "0.3", "0.6", "1", "1.6", "2.4" };

	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		bool again = false;

		if (look_once(r, items, n, pauses[i]) < 0)
			return;
		for (size_t k = 0; k < n; k++)
			again |= proof_look_again(&items[k].answer[SRC], &items[k].answer[DST]);
		if (!again)
			return;
	}
}

/* That a host could not remove its tokens itself is all that is known of it: it may be dead. */
static void sweep_for(struct run *r, struct item *items, size_t n, int lost)
{
	struct side_run *other = &r->side[!lost];
	auto_free const char **args = batch_args(token_lib_script, r->side[lost].name, NULL, items, n, !lost);
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;

	if (host_exec_wait(host_script_start(other->host, token_sweep_script, args, LOOK_MS), &res, &err) < 0)
		log_info("%s: %s", host_label(other->host), err.msg);
}

static void prove_batch(struct run *r, struct item *items, size_t n)
{
	for (int s = SRC; s <= DST; s++) {
		struct side_run *side = &r->side[s];
		char random[PROOF_SECRET_LEN + 1];

		if (random_hex(random, PROOF_SECRET_LEN) < 0 || random_hex(side->secret, PROOF_SECRET_LEN) < 0) {
			settle_unknown(items, n, SIDE_NONE, "here", "the system gives no random numbers");
			return;
		}
		snprintf(side->name, sizeof(side->name), ".vmmig-token-%s-%c", random, s == SRC ? 's' : 'd');
	}
	if (make_tokens(r, items, n) == 0)
		look_for_tokens(r, items, n);
	/* Both remove theirs at once; also after a failure, when the session may be dead already. */
	for (int s = SRC; s <= DST; s++)
		host_hold_close(r->side[s].hold);
	for (int s = SRC; s <= DST; s++) {
		struct side_run *side = &r->side[s];
		bool lost = host_hold_end(side->hold) != 0;

		side->hold = NULL;
		for (size_t i = 0; i < n; i++)
			items[i].lost |= lost;
		if (lost)
			sweep_for(r, items, n, s);
	}
}

/* As many images as one command takes, then the next ones. Settled ones come last. */
static void prove_items(struct run *r)
{
	size_t open = 0;

	for (size_t i = 0; i < r->n; i++)
		if (!r->items[i].settled) {
			struct item it = r->items[i];

			r->items[i] = r->items[open];
			r->items[open++] = it;
		}
	for (size_t begin = 0, end; begin < open; begin = end) {
		size_t bytes = 0;

		for (end = begin; end < open && end - begin < PROOF_BATCH_MAX; end++) {
			bytes += strlen(r->items[end].path[SRC]) + strlen(r->items[end].path[DST]);
			if (end > begin && bytes > BATCH_BYTES)
				break;
		}
		prove_batch(r, r->items + begin, end - begin);
	}
}

/* ---- which images, and where ---- */

/* The path of a volume is each host's own matter. */
static struct exec_job *volume_start(struct host *h, const struct image *im)
{
	const char *argv[] = { "virsh",  "-q",     "-c",    host_spec(h)->uri, "vol-path",
			       "--pool", im->pool, "--vol", im->volume,        NULL };

	return host_exec_start(h, argv, 0);
}

static void volume_wait(struct exec_job *job, struct side_run *side, struct item *it, int s)
{
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;
	auto_free char *said = NULL;
	size_t len;

	if (host_exec_wait(job, &res, &err) == 0 && res.exit_status != 0) {
		said = proof_last_words(res.errout.p ? res.errout.p : "");
		err_set(&err, E_REMOTE, 0, "volume \"%s\" of pool \"%s\" cannot be found: %s", it->image->volume,
			it->image->pool, said);
	}
	len = res.out.len;
	while (len && res.out.p[len - 1] == '\n')
		len--;
	if (!err.id && (!len || len >= PATH_MAX))
		err_set(&err, E_REMOTE, 0, "volume \"%s\" has no path", it->image->volume);
	if (err.id) {
		settle_unknown(it, 1, side->side, host_label(side->host), err.msg);
		return;
	}
	it->path[s] = xstrndup(res.out.p, len);
}

static void resolve_volume(struct run *r, struct item *it)
{
	struct exec_job *jobs[2];

	if (!it->image->pool || !it->image->volume || !host_spec(r->side[SRC].host)->uri ||
	    !host_spec(r->side[DST].host)->uri) {
		settle(it, SHARED_UNKNOWN, SIDE_NONE, xstrdup("the volume has no name"));
		return;
	}
	for (int s = SRC; s <= DST; s++)
		jobs[s] = volume_start(r->side[s].host, it->image);
	for (int s = SRC; s <= DST; s++)
		volume_wait(jobs[s], &r->side[s], it, s);
	if (it->settled)
		return;
	/* Volumes of network pools (rbd, iscsi-direct) have no path that begins at the root. */
	if (it->path[SRC][0] != '/' && str_eq(it->path[SRC], it->path[DST]))
		settle(it, SHARED_YES, SIDE_NONE, NULL);
	else if (it->path[SRC][0] != '/' || it->path[DST][0] != '/')
		settle(it, SHARED_UNKNOWN, SIDE_NONE, xstrdup("the hosts name the volume differently"));
}

static void add_image(struct run *r, const struct image *im)
{
	struct item *it = ARRAY_ADD(r->items, r->n);

	it->image = im;
	switch (im->source) {
	case DISK_FILE:
	case DISK_BLOCK:
		if (!im->path || im->path[0] != '/' || strlen(im->path) >= PATH_MAX) {
			settle(it, SHARED_UNKNOWN, SIDE_NONE, xstrdup("it has no absolute path"));
			break;
		}
		it->path[SRC] = xstrdup(im->path);
		it->path[DST] = xstrdup(im->path);
		break;
	case DISK_NETWORK:
		/* Both hosts' QEMU reach the same server by the same words. */
		settle(it, SHARED_YES, SIDE_NONE, NULL);
		break;
	case DISK_VOLUME:
		resolve_volume(r, it);
		break;
	case DISK_NONE:
	case DISK_DIR:
	case DISK_OTHER:
		settle(it, SHARED_UNKNOWN, SIDE_NONE,
		       str_printf("there is no test for a disk of type %s", disk_source_name(im->source)));
		break;
	}
}

static bool same_image(const struct image *a, const struct image *b)
{
	if (a->source != b->source)
		return false;
	if (a->source == DISK_VOLUME)
		return str_eq(a->pool, b->pool) && str_eq(a->volume, b->volume);
	return (a->source == DISK_FILE || a->source == DISK_BLOCK) && a->path && str_eq(a->path, b->path);
}

static struct item *find_item(struct run *r, const struct image *im)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].image == im || same_image(r->items[i].image, im))
			return &r->items[i];
	return NULL;
}

static bool is_proven_by_presence(const struct disk *d)
{
	return str_eq(d->device, "cdrom") || (disk_is_removable(d) && d->readonly);
}

static void collect(struct run *r, const struct domain *d, bool media, struct storage_proof *p)
{
	for (size_t i = 0; i < d->disks_n; i++) {
		const struct disk *disk = &d->disks[i];

		for (size_t k = 0; k < disk->chain_n && (media || !is_proven_by_presence(disk)); k++) {
			struct image_proof *ip = ARRAY_ADD(p->v, p->n);

			ip->disk = disk;
			ip->image = &disk->chain[k];
			if (!find_item(r, ip->image))
				add_image(r, ip->image);
		}
	}
}

static void conclude(struct run *r, struct image_proof *ip)
{
	const struct item *it = find_item(r, ip->image);

	if (it->settled) {
		ip->shared = it->shared;
		ip->side = it->side;
		ip->reason = xstrdup(it->reason);
		ip->libvirt_knows = it->shared == SHARED_YES;
		return;
	}
	proof_judge(&it->answer[SRC], &it->answer[DST], host_label(r->side[SRC].host), host_label(r->side[DST].host),
		    ip);
	if (it->lost && ip->shared == SHARED_NO) {
		ip->shared = SHARED_UNKNOWN;
		ip->side = SIDE_NONE;
		free(ip->reason);
		ip->reason = xstrdup("the test was cut short on one of the hosts");
	}
}

void storage_prove(struct host *src, struct host *dst, const struct domain *d, bool media, struct storage_proof *p)
{
	struct run r = { .side = { { .host = src, .side = SIDE_SOURCE }, { .host = dst, .side = SIDE_DESTINATION } } };

	p->done = true;
	collect(&r, d, media, p);
	prove_items(&r);
	for (size_t i = 0; i < p->n; i++)
		conclude(&r, &p->v[i]);
	for (size_t i = 0; i < r.n; i++) {
		free(r.items[i].path[SRC]);
		free(r.items[i].path[DST]);
		image_answer_clear(&r.items[i].answer[SRC]);
		image_answer_clear(&r.items[i].answer[DST]);
		free(r.items[i].reason);
	}
	free(r.items);
}

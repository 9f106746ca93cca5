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

/*
 * Functions of both scripts; also run by themselves under another user.
 * make and look leave one record in $rec; lib/check/proof-private.h says what is in it.
 */
static const char lib_script[] =
	"nl='\n'\n"
	/* $f: the file behind symbolic links; $d: its directory */
	"place() {\n"
	"	f=$1\n"
	"	if [ -h \"$f\" ]; then\n"
	"		f=$(readlink -f -- \"$1\" 2>/dev/null; echo x)\n"
	"		f=${f%x} f=${f%\"$nl\"}\n"
	"		[ -n \"$f\" ] || f=$1\n"
	"	fi\n"
	"	d=${f%/*}\n"
	"}\n"
	/* $obj: mode, device, inode, size and time of the file; $dd: device of its directory */
	"object() {\n"
	"	obj='e - - - -' dd=-\n"
	"	[ ! -x \"${d:-/}\" ] || obj='n - - - -'\n"
	"	set -- $(stat -L -c '%f %d %i %s %Y' -- \"$f\" \"${d:-/}\" 2>/dev/null)\n"
	"	case $#,$1 in\n"
	"	10,*) obj=\"$1 $2 $3 $4 $5\" dd=$7 ;;\n"
	"	5,4*) dd=$2 ;;\n"
	"	5,*) obj=\"$1 $2 $3 $4 $5\" ;;\n"
	"	esac\n"
	"}\n"
	/* adds to $id what the device in sysfs directory $1 is made of */
	"ident() {\n"
	"	if [ -e \"$1/partition\" ]; then\n"
	"		read -r v <\"$1/partition\" && id=$id,part:$v\n"
	"		ident \"$1/..\"\n"
	"		return\n"
	"	fi\n"
	"	if [ -r \"$1/dm/uuid\" ]; then read -r v <\"$1/dm/uuid\" && id=$id,dm:$v; fi\n"
	"	set -- \"$1\" \"$1\"/slaves/*\n"
	"	if [ -e \"$2\" ]; then\n"
	"		shift\n"
	"		for s in \"$@\"; do ident \"$s\"; done\n"
	"		return\n"
	"	fi\n"
	"	for s in wwid device/wwid; do\n"
	"		[ -r \"$1/$s\" ] || continue\n"
	"		read -r v <\"$1/$s\" && id=$id,wwid:$v && return\n"
	"	done\n"
	"	if [ -r \"$1/device/cluster_fsid\" ]; then\n"
	"		read -r v <\"$1/device/cluster_fsid\" && id=$id,rbd:$v\n"
	"		for s in pool_id image_id snap_id; do read -r v <\"$1/device/$s\" && id=$id.$v; done\n"
	"		return\n"
	"	fi\n"
	"	id=$id,none:\n"
	"}\n"
	"block() {\n"
	"	set -- $(stat -L -c '%f %t %T' -- \"$f\" 2>/dev/null)\n"
	"	[ $# = 3 ] || { rec='- e - - - - - - - -'; return; }\n"
	"	b=/sys/dev/block/$((0x$2)):$((0x$3)) id=\n"
	"	{ ident \"$b\"; } 2>/dev/null\n"
	"	{ read -r v <\"$b/size\" && v=$((v * 512)); } 2>/dev/null || v=-\n"
	"	id=$(printf %s \"${id#,}\" | tr -c 'A-Za-z0-9.,:_-' _)\n"
	"	rec=\"- $1 - - $v - - - block ${id:--}\"\n"
	"}\n"
	/* make NAME SECRET FILE */
	"make() {\n"
	"	place \"$3\"\n"
	"	if [ -b \"$f\" ]; then block; return; fi\n"
	/* a device that is not there: nothing is to be made in its place */
	"	case $f in\n"
	"	/dev/shm/*) ;;\n"
	"	/dev/*) object; [ -e \"$f\" ] || obj='n - - - -'; rec=\"- $obj - - - -\"; return ;;\n"
	"	esac\n"
	"	m=y t=$d/$1 v=\n"
	/* an image before this one may lie in the same directory */
	"	if [ -e \"$t\" ]; then { read -r v <\"$t\"; } 2>/dev/null; fi\n"
	"	set -C\n"
	"	if [ \"$v\" != \"$2\" ] && ! { printf '%s\\n' \"$2\" >\"$t\"; } 2>/dev/null; then\n"
	"		e=$({ printf '%s\\n' \"$2\" >\"$t\"; } 2>&1); case $e in\n"
	"			*ead-only*) m=r ;;\n"
	"			*denied*|*ermitted*) m=p ;;\n"
	"			*'o such'*|*'ot a dir'*|*nonexistent*) m=n ;;\n"
	"			*space*|*uota*|*I/O*|*xist*) m=s ;;\n"
	"			*) m=o ;;\n"
	"		esac\n"
	"	fi\n"
	"	set +C\n"
	"	object\n"
	"	set -- $(stat -f -c '%t %T' -- \"$f\" 2>/dev/null || stat -f -c '%t %T' -- \"${d:-/}\" 2>/dev/null)\n"
	"	rec=\"$m $obj $dd ${1:--} ${2:--} -\"\n"
	"}\n"
	/* look NAME FILE */
	"look() {\n"
	"	place \"$2\"\n"
	"	if [ -b \"$f\" ]; then rec='- - - - - -'; return; fi\n"
	"	m=p t=$d/$1 v=\n"
	"	[ ! -x \"${d:-/}\" ] || m=n\n"
	"	if [ -e \"$t\" ]; then m=p; { read -r v <\"$t\"; } 2>/dev/null && m=w; fi\n"
	"	case $v in\n"
	"	''|*[!0-9a-f]*) ;;\n"
	"	*) [ ${#v} -gt 64 ] || m=$v ;;\n"
	"	esac\n"
	/* opening makes a network file system ask its server anew */
	"	if [ -f \"$f\" ]; then { true <\"$f\"; } 2>/dev/null; fi\n"
	"	object\n"
	"	rec=\"$m $obj\"\n"
	"}\n"
	"sweep1() { place \"$2\"; [ -b \"$f\" ] || [ ! -e \"$d/$1\" ] || rm -f -- \"$d/$1\"; }\n"
	/* $1: user:group; the rest runs as they */
	"as() {\n"
	"	u=$1; shift\n"
	"	setpriv --reuid=\"${u%:*}\" --regid=\"${u#*:}\" --clear-groups sh -c \"$lib$nl\"'\"$@\"; printf %s "
	"\"$rec\"' "
	"vmmig \"$@\" 2>/dev/null\n"
	"}\n"
	"refused() { case $1 in 'p '*|'? e '*|'') ;; *) return 1 ;; esac; }\n"
	/*
	 * Where root has no rights (a network file system that squashes root), the image's owner may have them, or the
	 * directory's, or QEMU's user.
	 */
	"try() {\n"
	"	\"$@\"\n"
	"	refused \"$rec\" && [ \"$(id -u)\" = 0 ] && command -v setpriv >/dev/null || return 0\n"
	"	mine=$rec\n"
	"	for w in $(stat -L -c %u:%g -- \"$f\" \"${d:-/}\" 2>/dev/null) $(for q in libvirt-qemu qemu; do\n"
	"		id -u \"$q\" >/dev/null 2>&1 && echo \"$(id -u \"$q\"):$(id -g \"$q\")\"; done); do\n"
	"		case $w in 0:*) continue ;; esac\n"
	"		rec=$(as \"$w\" \"$@\")\n"
	"		refused \"$rec\" && continue\n"
	"		case $users in *\" $w \"*) ;; *) users=\"$users $w \" ;; esac\n"
	"		return\n"
	"	done\n"
	"	rec=$mine\n"
	"}\n";

/* LIB NAME SECRET FILE…: the held command. */
static const char make_script[] =
	"LC_ALL=C LANGUAGE= stop= users= out=; export LC_ALL LANGUAGE\n"
	"umask 022\n"
	"lib=$1 name=$2 secret=$3; shift 3\n"
	"trap 'stop=1' HUP INT TERM; trap '' PIPE\n"
	"eval \"$lib\"\n"
	"for p in \"$@\"; do\n"
	"	[ -z \"$stop\" ] || break\n"
	"	try make \"$name\" \"$secret\" \"$p\"\n"
	"	out=\"$out;$rec\"\n"
	"done\n"
	/* the type of each file system by its device number: from mountinfo, since statfs knows no kind of FUSE */
	"mounts=$(awk -v out=\"$out\" 'BEGIN { n = split(out, r, \";\"); for (i = 1; i <= n; i++) { split(r[i], x, \" "
	"\")\n"
	"	for (j = 3; j <= 7; j += 4) if (x[j] ~ /^[0-9]+$/) {\n"
	"		k = int(x[j] / 256) % 4096 \":\" x[j] % 256 + int(x[j] / 1048576) % 4096 * 256; dev[k] = x[j] "
	"} } }\n"
	"	($3 in dev) && !seen[$3]++ { for (i = 7; i < NF; i++) if ($i == \"-\") { printf \" %s=%s\", dev[$3], "
	"$(i + "
	"1); break } }' \\\n"
	"	/proc/self/mountinfo 2>/dev/null)\n"
	"printf 'made %d%s;mounts%s;end\\n' \"$#\" \"$out\" \"$mounts\"\n"
	"exec 3<&0\n"
	"if command -v timeout >/dev/null; then timeout 120 cat <&3 >/dev/null 2>&1 & else cat <&3 >/dev/null 2>&1 & "
	"fi\n"
	"hold=$!\n"
	/* ended by anything but the end of the input: the tokens may have gone before the other host has looked */
	"[ -n \"$stop\" ] || wait \"$hold\" || stop=1\n"
	"kill \"$hold\" 2>/dev/null\n"
	"for p in \"$@\"; do\n"
	"	sweep1 \"$name\" \"$p\"\n"
	"	for w in $users; do as \"$w\" sweep1 \"$name\" \"$p\"; done\n"
	"done\n"
	"exit ${stop:-0}\n";

/* LIB NAME PAUSE FILE… */
static const char look_script[] = "LC_ALL=C LANGUAGE= users= out=; export LC_ALL LANGUAGE\n"
				  "lib=$1 name=$2 pause=$3; shift 3\n"
				  "eval \"$lib\"\n"
				  "[ \"$pause\" = 0 ] || sleep \"$pause\"\n"
				  "for p in \"$@\"; do\n"
				  /* reading the directory makes a network file system ask for it anew */
				  "	[ \"$pause\" = 0 ] || { place \"$p\"; ls -a -- \"${d:-/}\" >/dev/null 2>&1; }\n"
				  "	try look \"$name\" \"$p\"\n"
				  "	out=\"$out;$rec\"\n"
				  "done\n"
				  "printf 'seen %d%s;end\\n' \"$#\" \"$out\"\n";

/* LIB NAME FILE…: the other host's. Where root has no rights, the token's owner has. */
static const char sweep_script[] = "lib=$1 name=$2; shift 2\n"
				   "eval \"$lib\"\n"
				   "for p in \"$@\"; do\n"
				   "	sweep1 \"$name\" \"$p\" 2>/dev/null\n"
				   "	w=$(stat -c %u:%g -- \"$d/$name\" 2>/dev/null) || continue\n"
				   "	as \"$w\" sweep1 \"$name\" \"$p\"\n"
				   "done\n";

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
		auto_free const char **args = batch_args(lib_script, side->name, side->secret, items, n, s);

		side->hold = host_hold_start(side->host, make_script, args);
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
		auto_free const char **args = batch_args(lib_script, r->side[!s].name, pause, items, n, s);

		side->look = host_script_start(side->host, look_script, args, LOOK_MS);
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
	auto_free const char **args = batch_args(lib_script, r->side[lost].name, NULL, items, n, !lost);
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;

	if (host_exec_wait(host_script_start(other->host, sweep_script, args, LOOK_MS), &res, &err) < 0)
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

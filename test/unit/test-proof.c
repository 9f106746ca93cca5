/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proofs: parsers of what hosts answer, the verdicts, and how the rounds follow each other. The hosts here
 * are made of answers written down below; every test that breaks one also counts that nothing stays held.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "check/proof-private.h"

/* Nobody writes to it: the structs own their strings elsewhere. */
#define STR(s) ((char *)(uintptr_t)(s))

/* ---- hosts that only answer ---- */

struct host {
	struct host_spec spec;
	const char *label;
	/* what its scripts say; NULL: the connection breaks */
	const char *made, *seen[8];
	size_t looks;
	const char *resolve, *peer, *listen;
	int resolve_status, peer_status;
	bool probe_forbidden, probe_dropped, dead;
	const char *open_address; /* the one address its probes reach */
	/* what was asked of it */
	char secret[64], token[96], looked_for[96], swept[96];
	size_t images;
	int held, end_status;
	char probed[200];
};

enum what { WHAT_MADE, WHAT_SEEN, WHAT_SWEEP, WHAT_RESOLVE, WHAT_PEER, WHAT_LISTEN, WHAT_CONNECT, WHAT_VOLUME };
struct exec_job {
	struct host *host;
	enum what what;
	char *arg;
};
struct exec_hold {
	struct host *host;
	enum what what;
};

const struct host_spec *host_spec(const struct host *h)
{
	return &h->spec;
}
const char *host_label(const struct host *h)
{
	return h->label;
}
char *host_peer_uri(const struct host *h)
{
	return str_printf("qemu+ssh://root@%s/system", h->spec.address);
}
void exec_result_clear(struct exec_result *r)
{
	buf_clear(&r->out);
	buf_clear(&r->errout);
}

static size_t count(const char *const args[])
{
	size_t n = 0;

	while (args[n])
		n++;
	return n;
}

struct exec_hold *host_hold_start(struct host *h, const char *script, const char *const args[])
{
	struct exec_hold *hold = xcalloc(1, sizeof(*hold));

	hold->host = h;
	hold->what = strstr(script, "qemu-nbd") ? WHAT_LISTEN : WHAT_MADE;
	h->held++;
	if (hold->what == WHAT_MADE) {
		snprintf(h->token, sizeof(h->token), "%s", args[1]);
		snprintf(h->secret, sizeof(h->secret), "%s", args[2]);
		h->images = count(args) - 3;
	}
	return hold;
}

char *host_hold_line(struct exec_hold *hold, struct err *err)
{
	const char *line = hold->what == WHAT_LISTEN ? hold->host->listen : hold->host->made;

	if (!line)
		err_set(err, E_DISCONNECTED, 0, "the connection broke");
	return xstrdup(line);
}

void host_exec_drop(struct exec_job *job)
{
	assert_null(job); /* none is left over in these tests */
}

void host_hold_close(struct exec_hold *hold)
{
	(void)hold;
}

int host_hold_end(struct exec_hold *hold)
{
	int status = hold->host->end_status;

	hold->host->held--;
	free(hold);
	return status;
}

struct exec_job *host_script_start(struct host *h, const char *script, const char *const args[], unsigned timeout_ms)
{
	struct exec_job *job = xcalloc(1, sizeof(*job));

	(void)timeout_ms;
	job->host = h;
	job->arg = xstrdup(args[0]);
	job->what = strstr(script, "getent")     ? WHAT_RESOLVE
		    : strstr(script, "virsh")    ? WHAT_PEER
		    : strstr(script, "/dev/tcp") ? WHAT_CONNECT
		    : strstr(script, "seen %d")  ? WHAT_SEEN
						 : WHAT_SWEEP;
	if (job->what == WHAT_SWEEP)
		snprintf(h->swept, sizeof(h->swept), "%s", args[1]);
	if (job->what == WHAT_SEEN) {
		snprintf(h->looked_for, sizeof(h->looked_for), "%s", args[1]);
		assert_int_equal(count(args) - 3, h->images);
		for (size_t i = 0; args[i]; i++)
			assert_null(h->spec.name && *h->spec.name ? strstr(args[i], h->spec.name) : NULL);
	}
	return job;
}

struct exec_job *host_exec_start(struct host *h, const char *const argv[], unsigned timeout_ms)
{
	struct exec_job *job = xcalloc(1, sizeof(*job));

	(void)timeout_ms;
	assert_string_equal(argv[0], "virsh");
	job->host = h;
	job->what = WHAT_VOLUME;
	job->arg = xstrdup(argv[8]);
	return job;
}

/* "%s" in an answer stands for the secret of the other host's token. */
static struct host *other_of(struct host *h);

int host_exec_wait(struct exec_job *job, struct exec_result *r, struct err *err)
{
	struct host *h = job->host;
	const char *out = NULL, *errout = "";
	int rc = 0;

	switch (job->what) {
	case WHAT_SEEN:
		out = h->looks < ARRAY_SIZE(h->seen) ? h->seen[h->looks] : NULL;
		h->looks++;
		break;
	case WHAT_RESOLVE:
		out = h->resolve;
		r->exit_status = h->resolve_status;
		break;
	case WHAT_PEER:
		out = h->peer;
		errout = h->peer_status ? h->peer : "";
		r->exit_status = h->peer_status;
		break;
	case WHAT_CONNECT:
		out = "";
		r->exit_status = str_eq(job->arg, h->open_address) ? 0 : 1;
		errout = "bash: connect: Connection refused\n";
		break;
	case WHAT_VOLUME:
		out = h->made ? job->arg : NULL;
		break;
	case WHAT_SWEEP:
		out = "";
		break;
	case WHAT_MADE:
	case WHAT_LISTEN:
		break;
	}
	if (out) {
		const char *mark = strstr(out, "%s");

		buf_add(&r->out, out, mark ? (size_t)(mark - out) : strlen(out));
		if (mark)
			buf_addf(&r->out, "%s%s", other_of(h)->secret, mark + 2);
		buf_add(&r->errout, errout, strlen(errout));
	} else {
		rc = err_set(err, E_DISCONNECTED, 0, "the connection broke");
	}
	free(job->arg);
	free(job);
	return rc;
}

int host_exec(struct host *h, const char *const argv[], unsigned timeout_ms, struct exec_result *r, struct err *err)
{
	(void)timeout_ms;
	(void)r;
	assert_string_equal(argv[0], "true");
	return h->dead ? err_set(err, E_TIMEOUT, 0, "no answer in time") : 0;
}

int host_tcp_probe(struct host *h, const char *address, unsigned port, unsigned timeout_ms, char **reason,
		   struct err *err)
{
	size_t len = strlen(h->probed);

	(void)timeout_ms;
	snprintf(h->probed + len, sizeof(h->probed) - len, "%s:%u ", address, port);
	if (h->probe_forbidden)
		return err_set(err, E_REMOTE, 0, "administratively prohibited");
	if (h->probe_dropped)
		return err_set(err, E_TIMEOUT, 0, "no answer in time");
	if (str_eq(address, h->open_address))
		return 1;
	*reason = xstrdup("Connection refused");
	return 0;
}

struct pair_of_hosts {
	struct host src, dst;
};
static struct pair_of_hosts *pair; /* for other_of() */

static struct host *other_of(struct host *h)
{
	return h == &pair->src ? &pair->dst : &pair->src;
}

static void hosts_init(struct pair_of_hosts *h)
{
	*h = (struct pair_of_hosts) {
		.src = { .label = "source alpha",
			 .spec = { .address = STR("10.0.0.1"), .uri = STR("qemu:///system") } },
		.dst = { .label = "destination beta",
			 .spec = { .address = STR("10.0.0.2"), .uri = STR("qemu:///system") } },
	};
	pair = h;
}

/* ---- what hosts say ---- */

#define FILE_REC "81a4 2049 77 1048576 1700000000"
#define MADE(rec) "made 1;" rec ";mounts;end"

static void parse_made_takes(void **state)
{
	struct image_answer a[3] = { 0 };

	(void)state;
	assert_int_equal(proof_parse_made("made 3;y 81a4 39 77 1048576 -5 39 65735546 fuseblk -;"
					  "n n - - - - - - - -;"
					  "- 61b0 - - 4096 - - - block wwid:naa.6001405;"
					  "mounts 39=fuse.glusterfs;end",
					  3, a),
			 0);
	assert_int_equal(a[0].made, 'y');
	assert_int_equal(a[0].kind, 'f');
	assert_true(a[0].have_object && a[0].have_dir && a[0].have_magic);
	assert_int_equal(a[0].ino, 77);
	assert_int_equal(a[0].mtime, -5);
	assert_int_equal(a[0].magic, 0x65735546);
	assert_string_equal(a[0].fs, "fuse.glusterfs");
	assert_null(a[0].id);
	assert_int_equal(a[1].kind, 'n');
	assert_false(a[1].have_object);
	assert_int_equal(a[2].kind, 'b');
	assert_int_equal(a[2].size, 4096);
	assert_string_equal(a[2].id, "wwid:naa.6001405");
	for (size_t i = 0; i < 3; i++)
		image_answer_clear(&a[i]);
}

static void parse_made_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"made",
		"made 1",
		"made 1;",
		"made 2;y " FILE_REC " 2049 ef53 ext4 -;mounts;end",                                 /* wrong count */
		"made 1;y " FILE_REC " 2049 ef53 ext4 -;y " FILE_REC " 2049 ef53 ext4 -;mounts;end", /* one more */
		"seen 1;y " FILE_REC " 2049 ef53 ext4 -;mounts;end",
		"made 1;y " FILE_REC " 2049 ef53 ext4 -;mounts", /* cut off */
		"made 1;y " FILE_REC " 2049 ef53 ext4 -;mounts;en",
		"made 1;y " FILE_REC " 2049 ef53 ext4;mounts;end",     /* a field missing */
		"made 1;y " FILE_REC " 2049 ef53 ext4 - -;mounts;end", /* a field more */
		"made 1;q " FILE_REC " 2049 ef53 ext4 -;mounts;end",
		"made 1;yy " FILE_REC " 2049 ef53 ext4 -;mounts;end",
		"made 1;y 81a4 2049 99999999999999999999999 5 0 2049 ef53 ext4 -;mounts;end",
		"made 1;y 81a4 2049 -1 5 0 2049 ef53 ext4 -;mounts;end",
		"made 1;y 81z4 2049 77 5 0 2049 ef53 ext4 -;mounts;end",
		"made 1;y 81a4 2049 77 5 x 2049 ef53 ext4 -;mounts;end",
		"made 1;y 81a4 2049 77 5 0 2049 11111111111111111 ext4 -;mounts;end",
		"made 1;y " FILE_REC " 2049 ef53 ext4 -;mounts x=ext4;end",
		"made 1;y " FILE_REC " 2049 ef53 ext4 -;mounts 2049;end",
		"made 1;;mounts;end",
		";;;;;;",
		"Welcome to alpha!",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct image_answer a[1] = { 0 };

		if (proof_parse_made(bad[i], 1, a) == 0)
			fail_msg("taken: %s", bad[i]);
		image_answer_clear(a);
	}
}

static void answers_are_sanitised(void **state)
{
	struct image_answer a[1] = { 0 };
	struct buf huge auto_buf = { 0 };

	(void)state;
	assert_int_equal(proof_parse_made(MADE("y " FILE_REC " 2049 ef53 e\033[31m\xff -"), 1, a), 0);
	assert_string_equal(a[0].fs, "e\\x1b[31m\\xff");
	image_answer_clear(a);
	buf_addf(&huge, "made 1;y %s 2049 ef53 ", FILE_REC);
	for (int i = 0; i < 100000; i++)
		buf_add(&huge, "x", 1);
	buf_addf(&huge, " -;mounts;end");
	assert_int_equal(proof_parse_made(huge.p, 1, a), 0);
	assert_true(strlen(a[0].fs) < 300);
	image_answer_clear(a);
}

static void parse_seen_cases(void **state)
{
	static const struct {
		const char *text;
		int rc;
		char seen;
	} cases[] = {
		{ "seen 1;abc " FILE_REC ";end\n", 0, 'y' },
		{ "seen 1;abc " FILE_REC ";end", 0, 'y' },
		{ "seen 1;abcd " FILE_REC ";end\n", 0, 'w' },
		{ "seen 1;w " FILE_REC ";end\n", 0, 'w' },
		{ "seen 1;n " FILE_REC ";end\n", 0, 'n' },
		{ "seen 1;p e - - - -;end\n", 0, 'p' },
		{ "seen 1;- - - - - -;end\n", 0, '-' },
		{ "seen 1;n " FILE_REC "\n;end\n", -1, 0 },
		{ "seen 1;n " FILE_REC ";end ;\n", -1, 0 },
		{ "seen 2;n " FILE_REC ";end\n", -1, 0 },
		{ "seen 1;n " FILE_REC " 1;end\n", -1, 0 },
		{ "seen 1;n 81a4;end\n", -1, 0 },
		{ "seen 1\n", -1, 0 },
		{ "\n", -1, 0 },
		{ "", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_answer a[1] = { { .made = 'y', .kind = 'f', .seen = '-' } };

		if (proof_parse_seen(cases[i].text, 1, "abc", a) != cases[i].rc)
			fail_msg("case %zu", i);
		if (cases[i].rc == 0)
			assert_int_equal(a[0].seen, cases[i].seen);
		image_answer_clear(a);
	}
}

static void device_names_are_sets(void **state)
{
	static const struct {
		const char *said, *id;
	} cases[] = {
		{ "wwid:naa.6", "wwid:naa.6" },
		{ "dm:mpath-36,wwid:naa.6,wwid:naa.6,wwid:naa.6", "wwid:naa.6" },
		{ "dm:LVM-x,wwid:naa.7,wwid:naa.6", "dm:LVM-x,wwid:naa.6,wwid:naa.7" },
		{ "dm:LVM-x,dm:mpath-36,wwid:naa.6,part:3,none:", "dm:LVM-x,none:,part:3,wwid:naa.6" },
		{ "none:", NULL },
		{ "-", NULL },
		{ ",", NULL },
		{ "", NULL },
	};
	struct buf huge auto_buf = { 0 };
	struct image_answer a[1] = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *line = str_printf("made 1;- 61b0 - - 9 - - - block %s;mounts;end", cases[i].said);

		assert_int_equal(proof_parse_made(line, 1, a), 0);
		if (!str_eq(a[0].id, cases[i].id))
			fail_msg("%s gives %s", cases[i].said, a[0].id ? a[0].id : "nothing");
		image_answer_clear(a);
	}
	/* what is too long to keep whole must not be compared */
	buf_addf(&huge, "made 1;- 61b0 - - 9 - - - block wwid:naa.6");
	for (int i = 0; i < 5000; i++)
		buf_add(&huge, "6", 1);
	buf_addf(&huge, ";mounts;end");
	assert_int_equal(proof_parse_made(huge.p, 1, a), 0);
	assert_null(a[0].id);
	image_answer_clear(a);
}

/* ---- verdicts ---- */

enum { EXT4 = 0xef53, NFS = 0x6969, FUSE = 0x65735546 };
#define FS(m) .have_magic = true, .magic = (m)
#define OBJ(i, s) .kind = 'f', .have_object = true, .dev = 1, .have_dir = true, .dir_dev = 1, .ino = (i), .size = (s)
#define BOTH .made = 'y', .seen = 'y'

static const struct verdict_case {
	const char *what;
	struct image_answer src, dst;
	const char *format;
	bool readonly, backing;
	enum shared shared;
	enum side side;
	bool unwritable, knows;
	const char *reason; /* a part of it */
} verdicts[] = {
	{ "shared",
	  { BOTH, OBJ(7, 5), FS(EXT4) },
	  { BOTH, OBJ(7, 5), FS(EXT4) },
	  .format = "raw",
	  .shared = SHARED_YES },
	{ "shared, nfs on the source",
	  { BOTH, OBJ(7, 5), FS(NFS) },
	  { BOTH, OBJ(7, 5), FS(EXT4) },
	  .format = "raw",
	  .shared = SHARED_YES,
	  .knows = true },
	{ "shared, nfs only on the destination",
	  { BOTH, OBJ(7, 5), FS(EXT4) },
	  { BOTH, OBJ(7, 5), FS(NFS) },
	  .format = "raw",
	  .shared = SHARED_YES },
	{ "gluster",
	  { BOTH, OBJ(7, 5), FS(FUSE), .fs = STR("fuse.glusterfs") },
	  { BOTH, OBJ(7, 5), FS(FUSE), .fs = STR("fuse.glusterfs") },
	  .format = "raw",
	  .shared = SHARED_YES,
	  .knows = true },
	{ "another fuse",
	  { BOTH, OBJ(7, 5), FS(FUSE), .fs = STR("fuse.sshfs") },
	  { BOTH, OBJ(7, 5), FS(FUSE), .fs = STR("fuse.sshfs") },
	  .format = "raw",
	  .shared = SHARED_YES },
	{ "local",
	  { .made = 'y', .seen = 'n', OBJ(7, 5), FS(EXT4) },
	  { .made = 'y', .seen = 'n', OBJ(7, 5), FS(EXT4) },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "destination beta does not see a file that source alpha" },
	{ "one way only",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { BOTH, OBJ(7, 5) },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "source alpha does not see a file that destination beta" },
	{ "wrong content",
	  { BOTH, OBJ(7, 5) },
	  { .made = 'y', .seen = 'w', OBJ(7, 5) },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "does not see" },
	{ "no such file there",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 'y', .seen = 'n', .kind = 'n' },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "no such file" },
	{ "no such directory there",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 'n', .seen = 'n', .kind = 'e' },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "no such directory" },
	{ "gone on the source",
	  { BOTH, .kind = 'n' },
	  { BOTH, OBJ(7, 5) },
	  .shared = SHARED_NO,
	  .side = SIDE_SOURCE,
	  .reason = "no such file" },
	{ "shared directory, file missing",
	  { BOTH, OBJ(7, 5) },
	  { BOTH, .kind = 'n' },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "no such file" },
	{ "other inode",
	  { BOTH, OBJ(7, 5), FS(NFS) },
	  { BOTH, OBJ(8, 5), FS(NFS) },
	  .shared = SHARED_NO,
	  .knows = true,
	  .side = SIDE_DESTINATION,
	  .reason = "inode 7 on source alpha, 8 on destination beta" },
	{ "other inode where clients number",
	  { BOTH, OBJ(7, 5), FS(0xff534d42) },
	  { BOTH, OBJ(8, 5), FS(0xff534d42) },
	  .shared = SHARED_UNKNOWN,
	  .knows = true,
	  .side = SIDE_DESTINATION,
	  .reason = "inode 7" },
	{ "raw of another size",
	  { BOTH, OBJ(7, 5) },
	  { BOTH, OBJ(7, 6) },
	  .format = "raw",
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "5 bytes on source alpha, 6 on" },
	{ "qcow2 that grows",
	  { BOTH, OBJ(7, 5), FS(NFS) },
	  { BOTH, OBJ(7, 6), FS(NFS) },
	  .format = "qcow2",
	  .shared = SHARED_YES,
	  .knows = true },
	{ "mounted over",
	  { BOTH, OBJ(7, 5) },
	  { BOTH, .kind = 'f', .have_object = true, .dev = 2, .have_dir = true, .dir_dev = 1, .ino = 7, .size = 5 },
	  .shared = SHARED_UNKNOWN,
	  .side = SIDE_DESTINATION,
	  .reason = "mounted from another" },
	{ "a directory there",
	  { BOTH, OBJ(7, 5) },
	  { BOTH, .kind = 'd', .have_object = true, .ino = 7 },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "no regular file" },
	{ "may not be looked at",
	  { BOTH, OBJ(7, 5) },
	  { BOTH, .kind = 'e' },
	  .shared = SHARED_UNKNOWN,
	  .side = SIDE_DESTINATION,
	  .reason = "cannot look at" },
	{ "read-only there, same",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 'r', .seen = 'y', OBJ(7, 5) },
	  .shared = SHARED_UNKNOWN,
	  .side = SIDE_DESTINATION,
	  .unwritable = true,
	  .reason = "read-only), so the guest" },
	{ "read-only there, another",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 'r', .seen = 'n', OBJ(7, 5) },
	  .shared = SHARED_NO,
	  .side = SIDE_DESTINATION,
	  .reason = "does not see" },
	{ "read-only there, a read-only disk",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 'r', .seen = 'y', OBJ(7, 5) },
	  .readonly = true,
	  .shared = SHARED_YES },
	{ "read-only there, a backing file",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 'r', .seen = 'y', OBJ(7, 5) },
	  .backing = true,
	  .shared = SHARED_YES },
	{ "read-only on both",
	  { .made = 'r', .seen = 'n', OBJ(7, 5) },
	  { .made = 'r', .seen = 'n', OBJ(7, 5) },
	  .backing = true,
	  .shared = SHARED_UNKNOWN,
	  .side = SIDE_SOURCE,
	  .unwritable = true,
	  .reason = "read-only" },
	{ "not permitted there",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 'p', .seen = 'p', .kind = 'e' },
	  .shared = SHARED_UNKNOWN,
	  .side = SIDE_DESTINATION,
	  .unwritable = true,
	  .reason = "not permitted" },
	{ "full there",
	  { .made = 'y', .seen = 'n', OBJ(7, 5) },
	  { .made = 's', .seen = 'y', OBJ(7, 5) },
	  .shared = SHARED_UNKNOWN,
	  .side = SIDE_DESTINATION,
	  .unwritable = true,
	  .reason = "no space" },
	{ "neither may read",
	  { .made = 'y', .seen = 'p', OBJ(7, 5) },
	  { .made = 'y', .seen = 'p', OBJ(7, 5) },
	  .shared = SHARED_UNKNOWN,
	  .reason = "neither host can read" },
	{ "one may not read", { .made = 'y', .seen = 'p', OBJ(7, 5) }, { BOTH, OBJ(7, 5) }, .shared = SHARED_YES },
#define DEV(s, name) .made = '-', .seen = '-', .kind = 'b', .size = (s), .id = STR(name)
	{ "lun", { DEV(9, "wwid:naa.6001405") }, { DEV(9, "wwid:naa.6001405") }, .shared = SHARED_YES, .knows = true },
	{ "other lun",
	  { DEV(9, "wwid:naa.6001405") },
	  { DEV(9, "wwid:naa.6001406") },
	  .shared = SHARED_NO,
	  .knows = true,
	  .side = SIDE_DESTINATION,
	  .reason = "naa.6001406\" on destination beta" },
	{ "other size",
	  { DEV(9, "wwid:naa.6001405") },
	  { DEV(8, "wwid:naa.6001405") },
	  .shared = SHARED_NO,
	  .knows = true,
	  .side = SIDE_DESTINATION,
	  .reason = "9 bytes on source alpha, 8 bytes" },
	{ "volume on one lun",
	  { DEV(9, "dm:LVM-abc,wwid:naa.6") },
	  { DEV(9, "dm:LVM-abc,wwid:naa.6") },
	  .shared = SHARED_YES,
	  .knows = true },
	/* cloned machines have the same volume group, on disks of their own */
	{ "volume on cloned disks",
	  { DEV(9, "dm:LVM-abc,part:3,none:") },
	  { DEV(9, "dm:LVM-abc,part:3,none:") },
	  .shared = SHARED_UNKNOWN,
	  .knows = true,
	  .reason = "not a name only one device has" },
	{ "serial numbers of emulated disks",
	  { DEV(9, "wwid:t10.ATA_QEMU_HARDDISK_QM00001") },
	  { DEV(9, "wwid:t10.ATA_QEMU_HARDDISK_QM00001") },
	  .shared = SHARED_UNKNOWN,
	  .knows = true,
	  .reason = "not a name only one device has" },
	{ "same lun, other volume",
	  { DEV(9, "dm:LVM-abc,wwid:naa.6") },
	  { DEV(9, "dm:LVM-abd,wwid:naa.6") },
	  .shared = SHARED_UNKNOWN,
	  .knows = true,
	  .side = SIDE_DESTINATION,
	  .reason = "LVM-abd" },
	{ "mirror, one half local",
	  { DEV(9, "dm:x,wwid:naa.6,none:") },
	  { DEV(9, "dm:x,wwid:naa.6,none:") },
	  .shared = SHARED_UNKNOWN,
	  .knows = true,
	  .reason = "not a name" },
	{ "no name",
	  { DEV(9, NULL) },
	  { DEV(9, "wwid:naa.6") },
	  .shared = SHARED_UNKNOWN,
	  .knows = true,
	  .reason = "no name by which" },
	{ "no device there",
	  { DEV(9, "wwid:naa.6") },
	  { .made = 'y', .seen = 'n', .kind = 'n' },
	  .shared = SHARED_NO,
	  .knows = true,
	  .side = SIDE_DESTINATION,
	  .reason = "no such device" },
	{ "a file there",
	  { DEV(9, "wwid:naa.6") },
	  { .made = 'y', .seen = 'n', .kind = 'f' },
	  .shared = SHARED_NO,
	  .knows = true,
	  .side = SIDE_DESTINATION,
	  .reason = "on one host" },
	{ "nothing known", { 0 }, { 0 }, .shared = SHARED_UNKNOWN, .side = SIDE_SOURCE, .unwritable = true },
};

static void judge_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict_case *c = &verdicts[i];
		struct image chain[2] = { { .source = DISK_FILE, .format = STR(c->format) },
					  { .source = DISK_FILE, .format = STR(c->format) } };
		struct disk disk = { .chain = chain, .chain_n = 2, .readonly = c->readonly };
		struct storage_proof all = { .v = xcalloc(1, sizeof(*all.v)), .n = 1 };
		struct image_proof *p = all.v;

		p->disk = &disk;
		p->image = &chain[c->backing];
		proof_judge(&c->src, &c->dst, "source alpha", "destination beta", p);
		if (p->shared != c->shared || p->side != c->side || p->dir_unwritable != c->unwritable ||
		    p->libvirt_knows != c->knows)
			fail_msg("%s: shared %d side %d unwritable %d known %d: %s", c->what, p->shared, p->side,
				 p->dir_unwritable, p->libvirt_knows, p->reason ? p->reason : "-");
		if (c->shared != SHARED_YES && (!p->reason || !strstr(p->reason, c->reason ? c->reason : "")))
			fail_msg("%s: %s", c->what, p->reason ? p->reason : "no reason");
		storage_proof_clear(&all);
	}
}

static void looks_again_only_behind_caches(void **state)
{
	const struct image_answer local_sees_not = { .made = 'y', .seen = 'n', FS(EXT4) };
	const struct image_answer nfs_sees_not = { .made = 'y', .seen = 'n', FS(NFS) };
	const struct image_answer nfs_sees = { .made = 'y', .seen = 'y', FS(NFS) };
	const struct image_answer local_sees = { .made = 'y', .seen = 'y', FS(EXT4) };
	const struct image_answer nfs_unwritable = { .made = 'r', .seen = 'n', FS(NFS) };
	const struct image_answer nothing = { 0 };

	(void)state;
	assert_false(proof_look_again(&local_sees_not, &local_sees_not));
	assert_false(proof_look_again(&local_sees_not, &nfs_sees_not));
	assert_false(proof_look_again(&nfs_sees, &nfs_sees));
	assert_false(proof_look_again(&nfs_unwritable, &nfs_unwritable));
	assert_false(proof_look_again(&nothing, &nothing));
	assert_true(proof_look_again(&nfs_sees_not, &nfs_sees_not));
	assert_true(proof_look_again(&local_sees, &nfs_sees_not));
	assert_true(proof_look_again(&nfs_sees_not, &nfs_sees));
}

/* ---- the rounds ---- */

static char web1[] = "/srv/it's here/web 1.raw", raw[] = "raw";

static struct domain one_disk(struct disk *disk, struct image *image)
{
	*image = (struct image) { .source = DISK_FILE, .path = web1, .format = raw };
	*disk = (struct disk) { .target = STR("vda"), .device = STR("disk"), .chain = image, .chain_n = 1 };
	return (struct domain) { .disks = disk, .disks_n = 1 };
}

#define MADE_NFS MADE("y " FILE_REC " 2049 6969 nfs -")
#define MADE_EXT4 MADE("y " FILE_REC " 2049 ef53 ext2/ext3 -")
#define SEEN "seen 1;%s " FILE_REC ";end\n"
#define UNSEEN "seen 1;n " FILE_REC ";end\n"

static void prove_one(struct pair_of_hosts *h, struct storage_proof *p)
{
	static struct disk disk;
	static struct image image;
	struct domain d = one_disk(&disk, &image);

	storage_prove(&h->src, &h->dst, &d, false, p);
	assert_true(p->done);
	assert_int_equal(p->n, 1);
	assert_int_equal(h->src.held + h->dst.held, 0);
	assert_true(p->v[0].shared == SHARED_YES || p->v[0].reason);
}

static void tokens_are_exchanged(void **state)
{
	struct pair_of_hosts h;
	struct storage_proof p = { 0 };

	(void)state;
	hosts_init(&h);
	h.src.made = h.dst.made = MADE_NFS;
	h.src.seen[0] = h.dst.seen[0] = SEEN;
	prove_one(&h, &p);
	assert_int_equal(p.v[0].shared, SHARED_YES);
	assert_true(p.v[0].libvirt_knows);
	assert_int_equal(h.src.looks, 1);
	assert_string_equal(h.src.looked_for, h.dst.token);
	assert_string_equal(h.dst.looked_for, h.src.token);
	assert_string_not_equal(h.src.token, h.dst.token);
	assert_string_not_equal(h.src.secret, h.dst.secret);
	assert_int_equal(strlen(h.src.secret), PROOF_SECRET_LEN);
	storage_proof_clear(&p);
}

static void a_late_token_is_waited_for(void **state)
{
	struct pair_of_hosts h;
	struct storage_proof p = { 0 };

	(void)state;
	hosts_init(&h);
	h.src.made = h.dst.made = MADE_NFS;
	h.src.seen[0] = h.src.seen[1] = h.src.seen[2] = SEEN;
	h.dst.seen[0] = h.dst.seen[1] = UNSEEN;
	h.dst.seen[2] = SEEN;
	prove_one(&h, &p);
	assert_int_equal(p.v[0].shared, SHARED_YES);
	assert_int_equal(h.dst.looks, 3);
	storage_proof_clear(&p);
}

static void a_local_no_is_final(void **state)
{
	struct pair_of_hosts h;
	struct storage_proof p = { 0 };

	(void)state;
	hosts_init(&h);
	h.src.made = MADE_EXT4;
	h.dst.made = MADE_NFS;
	h.src.seen[0] = h.dst.seen[0] = UNSEEN;
	prove_one(&h, &p);
	assert_int_equal(p.v[0].shared, SHARED_NO);
	assert_int_equal(h.dst.looks, 1);
	storage_proof_clear(&p);
}

/* Then "not there" may mean "not there any more"; the other host removes what that one may have left. */
static void a_token_not_kept_proves_nothing(void **state)
{
	(void)state;
	for (int status = -1; status <= 1; status += 2) {
		struct storage_proof p = { 0 };
		struct pair_of_hosts h;

		hosts_init(&h);
		h.src.made = h.dst.made = MADE_EXT4;
		h.src.seen[0] = h.dst.seen[0] = UNSEEN;
		h.dst.end_status = status;
		prove_one(&h, &p);
		assert_int_equal(p.v[0].shared, SHARED_UNKNOWN);
		assert_string_equal(h.src.swept, h.dst.token);
		assert_string_equal(h.dst.swept, "");
		storage_proof_clear(&p);
		h.src.looks = h.dst.looks = 0;
		h.src.seen[0] = h.dst.seen[0] = SEEN;
		prove_one(&h, &p);
		assert_int_equal(p.v[0].shared, SHARED_YES);
		storage_proof_clear(&p);
	}
}

/* Whatever fails, and wherever: unknown with a reason, never "no", and nothing stays held. */
static void a_broken_host_is_unknown(void **state)
{
	static const char *const broken[] = { NULL, "", "made 7;end", "/etc/profile: line 3: oops" };

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_SIZE(broken); i++) {
		const char *bad = broken[i / 4];
		bool at_src = i & 1, in_look = i & 2;
		struct pair_of_hosts h;
		struct storage_proof p = { 0 };
		struct host *b;

		hosts_init(&h);
		b = at_src ? &h.src : &h.dst;
		h.src.made = h.dst.made = MADE_NFS;
		h.src.seen[0] = h.dst.seen[0] = SEEN;
		*(in_look ? &b->seen[0] : &b->made) = bad;
		prove_one(&h, &p);
		assert_int_equal(p.v[0].shared, SHARED_UNKNOWN);
		assert_int_equal(p.v[0].side, at_src ? SIDE_SOURCE : SIDE_DESTINATION);
		assert_non_null(strstr(p.v[0].reason, b->label));
		if (!in_look)
			assert_int_equal(h.src.looks + h.dst.looks, 0);
		storage_proof_clear(&p);
	}
}

static void kinds_without_tokens(void **state)
{
	struct image images[] = {
		{ .source = DISK_NETWORK, .path = STR("rbd:pool/img") },
		{ .source = DISK_DIR, .path = STR("/srv/dir") },
		{ .source = DISK_OTHER },
		{ .source = DISK_FILE, .path = STR("relative.raw") },
		{ .source = DISK_VOLUME },
		{ .source = DISK_VOLUME, .pool = STR("ceph"), .volume = STR("ceph/vol") },
	};
	static const enum shared wanted[] = { SHARED_YES,     SHARED_UNKNOWN, SHARED_UNKNOWN,
					      SHARED_UNKNOWN, SHARED_UNKNOWN, SHARED_YES };
	struct disk disks[ARRAY_SIZE(images) + 1] = { 0 };
	struct domain d = { .disks = disks, .disks_n = ARRAY_SIZE(disks) };
	struct storage_proof p = { 0 };
	struct pair_of_hosts h;

	(void)state;
	hosts_init(&h);
	h.src.made = h.dst.made = "";
	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		disks[i] = (struct disk) { .device = STR("disk"), .chain = &images[i], .chain_n = 1 };
	disks[ARRAY_SIZE(images)] =
		(struct disk) { .device = STR("cdrom"), .readonly = true, .chain = images, .chain_n = 1 };
	storage_prove(&h.src, &h.dst, &d, false, &p);
	assert_int_equal(p.n, ARRAY_SIZE(images));
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.v[i].shared, wanted[i]);
		assert_true(p.v[i].shared == SHARED_YES ? p.v[i].libvirt_knows : p.v[i].reason != NULL);
	}
	assert_string_equal(h.src.token, "");
	storage_proof_clear(&p);
}

static void no_disks_no_questions(void **state)
{
	struct domain d = { 0 };
	struct storage_proof p = { 0 };
	struct pair_of_hosts h;

	(void)state;
	hosts_init(&h);
	storage_prove(&h.src, &h.dst, &d, false, &p);
	assert_true(p.done);
	assert_int_equal(p.n, 0);
	assert_string_equal(h.src.token, "");
}

/* ---- connections ---- */

static void addresses_parsed(void **state)
{
	struct strv v auto_strv = { 0 };
	auto_free char *joined = NULL;
	struct buf many auto_buf = { 0 };

	(void)state;
	proof_parse_addresses("10.0.0.2        STREAM beta\n10.0.0.2        DGRAM\n10.0.0.2        RAW\n"
			      "fd00::2 STREAM\nfe80::1%eth0 STREAM\nnonsense STREAM\n\n$(reboot)\n::ffff:10.0.0.2 RAW",
			      &v);
	joined = strv_join(&v, " ");
	assert_string_equal(joined, "10.0.0.2 fd00::2 fe80::1%eth0");
	for (int i = 0; i < 1000; i++)
		buf_addf(&many, "10.1.%d.%d STREAM x\n", i / 250, i % 250);
	proof_parse_addresses(many.p, &v);
	assert_int_equal(v.n, PROOF_ADDRESS_MAX);
	strv_clear(&v);
	proof_parse_addresses(NULL, &v);
	proof_parse_addresses("", &v);
	assert_int_equal(v.n, 0);
}

static void loopbacks(void **state)
{
	static const char *const yes[] = { "127.0.0.1", "127.0.1.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::" };
	static const char *const no[] = { "10.0.0.1", "::2", "fe80::1", "128.0.0.1", "localhost", "", "127" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		assert_true(proof_is_loopback(yes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		assert_false(proof_is_loopback(no[i]));
}

static void names_judged(void **state)
{
	static const struct {
		const char *got, *known;
		enum fact resolves;
		const char *reason;
	} cases[] = {
		{ "10.0.0.2 x", "10.0.0.2", FACT_YES, NULL },
		{ "10.0.0.2 x", "", FACT_YES, NULL },
		{ "10.0.0.2 x\nfd00::2 x", "fd00::0:2", FACT_YES, NULL },
		{ "", "10.0.0.2", FACT_NO, "knows no address of the name \"beta\"" },
		{ "127.0.1.1 x", "10.0.0.2", FACT_NO, "leads to 127.0.1.1, that is to itself" },
		{ "127.0.1.1 x\n10.0.0.2 x", "10.0.0.2", FACT_NO, "itself" },
		{ "10.0.0.9 x", "10.0.0.2\nfd00::2", FACT_NO,
		  "leads to 10.0.0.9, but destination beta has 10.0.0.2, fd00::2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strv got auto_strv = { 0 }, known auto_strv = { 0 };
		struct connection_proof p = { 0 };

		proof_parse_addresses(cases[i].got, &got);
		proof_parse_addresses(cases[i].known, &known);
		proof_judge_name("beta", &got, &known, "source alpha", "destination beta", &p);
		assert_int_equal(p.resolves, cases[i].resolves);
		if (cases[i].reason && !strstr(p.resolve_reason, cases[i].reason))
			fail_msg("%s", p.resolve_reason);
		connection_proof_clear(&p);
	}
}

static void peer_reasons(void **state)
{
	static const struct {
		const char *words, *reason;
	} cases[] = {
		{ "error: failed to connect to the hypervisor\nerror: Cannot recv data: Host key verification failed.: "
		  "Connection reset by peer\n",
		  "root on source alpha does not know the SSH host key of 10.0.0.2 (destination beta): Host key" },
		{ "error: failed to connect to the hypervisor\nerror: Cannot recv data: root@10.0.0.2: Permission "
		  "denied "
		  "(publickey).: Connection reset by peer\n",
		  "root on source alpha has no SSH key that destination beta accepts for user root: root@10.0.0.2: "
		  "Perm" },
		{ "@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nHost key verification failed.\n",
		  "knows another SSH host key of 10.0.0.2" },
		{ "error: failed to connect to the hypervisor\nerror: Failed to connect socket to "
		  "'/var/run/libvirt/libvirt-sock': No such file or directory\n",
		  "cannot log in to libvirt on destination beta: Failed to connect socket" },
		{ "", "it failed and said nothing" },
		{ "\n\n", "it failed and said nothing" },
		{ "\033[2J\n", "\\x1b[2J" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *r =
			proof_peer_reason(cases[i].words, "source alpha", "destination beta", "root", "10.0.0.2");

		if (!strstr(r, cases[i].reason) || strchr(r, '\n'))
			fail_msg("%s", r);
	}
}

static void plain_ssh_uris(void **state)
{
	static const struct {
		const char *uri, *parts; /* NULL: not plain */
	} cases[] = {
		{ "qemu+ssh://root@10.0.0.2/system", "root 10.0.0.2 " },
		{ "qemu+ssh://beta/system", " beta " },
		{ "qemu+ssh://root@beta.example.org:2222/system", "root beta.example.org 2222" },
		{ "qemu+ssh://root@[fd00::2]/system", "root fd00::2 " },
		{ "qemu+ssh://root@[fd00::2]:2222/system", "root fd00::2 2222" },
		{ "qemu+ssh://root@beta/session", NULL },
		{ "qemu+ssh://root@beta/system?keyfile=/x", NULL },
		{ "qemu+libssh://root@beta/system", NULL },
		{ "qemu+tls://beta/system", NULL },
		{ "qemu:///system", NULL },
		{ "qemu+ssh:///system", NULL },
		{ "qemu+ssh://-oProxyCommand=x/system", NULL },
		{ "qemu+ssh://-v@beta/system", NULL },
		{ "qemu+ssh://root@be ta/system", NULL },
		{ "qemu+ssh://root@beta;id/system", NULL },
		{ "qemu+ssh://root@beta:22x/system", NULL },
		{ "qemu+ssh://ro%6ft@beta/system", NULL },
		{ "qemu+ssh://a@b@c/system", NULL },
		{ "qemu+ssh://fd00::2/system", NULL },
		{ "qemu+ssh://[fd00::2/system", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ssh_uri u AUTO(ssh_uri_clear) = { 0 };
		auto_free char *parts = NULL;

		if (proof_plain_ssh(cases[i].uri, &u) != (cases[i].parts != NULL))
			fail_msg("%s", cases[i].uri);
		parts = cases[i].parts ? str_printf("%s %s %s", u.user, u.host, u.port) : NULL;
		if (!str_eq(parts, cases[i].parts))
			fail_msg("%s: %s", cases[i].uri, parts);
	}
}

static void migrate_uris(void **state)
{
	static const char *const cases[][2] = { { "10.0.0.2", "tcp://10.0.0.2" },
						{ "beta", "tcp://beta" },
						{ "fd00::2", "tcp://[fd00::2]" },
						{ "[fd00::2]", "tcp://[fd00::2]" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *uri = proof_migrate_uri(cases[i][0]);

		assert_string_equal(uri, cases[i][1]);
	}
}

/* Everything works, then one thing after the other does not. */
static const struct connection_case {
	const char *what;
	const char *hostname, *resolve, *peer, *listen, *open_address, *migrate_address;
	int resolve_status, peer_status;
	bool forbidden, dropped, dead;
	enum fact resolves, peer_fact, port;
	const char *uri, *probed, *reason; /* of whichever is not YES */
} connections[] = {
	{ "all well", "beta", "10.0.0.2 STREAM", "beta\n", "49160", "10.0.0.2", .resolves = FACT_YES,
	  .peer_fact = FACT_YES, .port = FACT_YES, .probed = "10.0.0.2:49160 " },
	{ "second address answers", "beta", "10.0.1.2 x\n10.0.0.2 x", "beta\n", "49160", "10.0.0.2",
	  .resolves = FACT_YES, .peer_fact = FACT_YES, .port = FACT_YES, .probed = "10.0.1.2:49160 10.0.0.2:49160 " },
	{ "name unknown, address good", "beta", "", "beta\n", "49160", "10.0.0.2", .resolve_status = 2,
	  .resolves = FACT_NO, .peer_fact = FACT_YES, .port = FACT_YES, .uri = "tcp://10.0.0.2",
	  .probed = "10.0.0.2:49160 ", .reason = "knows no address" },
	{ "no getent", "beta", "", "beta\n", "49160", "10.0.0.2", .resolve_status = 90, .resolves = FACT_UNKNOWN,
	  .peer_fact = FACT_YES, .port = FACT_YES, .uri = "tcp://10.0.0.2", .probed = "10.0.0.2:49160 ",
	  .reason = "no getent" },
	{ "no host name", NULL, "", "beta\n", "49160", "10.0.0.2", .resolves = FACT_UNKNOWN, .peer_fact = FACT_YES,
	  .port = FACT_YES, .uri = "tcp://10.0.0.2", .probed = "10.0.0.2:49160 ", .reason = "host name" },
	{ "an option for a name", "-h", "", "-h\n", "49160", "10.0.0.2", .resolves = FACT_UNKNOWN,
	  .peer_fact = FACT_YES, .port = FACT_YES, .uri = "tcp://10.0.0.2", .probed = "10.0.0.2:49160 ",
	  .reason = "host name" },
	{ "configured address only", "beta", "10.0.0.2 x", "beta\n", "49160", "10.9.0.2", "10.9.0.2",
	  .resolves = FACT_YES, .peer_fact = FACT_YES, .port = FACT_YES, .uri = "tcp://10.9.0.2",
	  .probed = "10.9.0.2:49160 " },
	{ "configured address fails: no other is taken", "beta", "10.0.0.2 x", "beta\n", "49160", "10.0.0.2",
	  "10.9.0.2", .resolves = FACT_YES, .peer_fact = FACT_YES, .port = FACT_NO, .uri = "tcp://10.9.0.2",
	  .probed = "10.9.0.2:49160 ", .reason = "10.9.0.2 port 49160: Connection refused" },
	{ "firewall", "beta", "10.0.0.2 x", "beta\n", "49160", NULL, .resolves = FACT_YES, .peer_fact = FACT_YES,
	  .port = FACT_NO, .probed = "10.0.0.2:49160 ",
	  .reason = "source alpha cannot connect to 10.0.0.2 port 49160" },
	{ "sshd forwards nothing, open", "beta", "10.0.0.2 x", "beta\n", "49160", "10.0.0.2", .forbidden = true,
	  .resolves = FACT_YES, .peer_fact = FACT_YES, .port = FACT_YES, .probed = "10.0.0.2:49160 " },
	{ "sshd forwards nothing, closed", "beta", "10.0.0.2 x", "beta\n", "49160", NULL, .forbidden = true,
	  .resolves = FACT_YES, .peer_fact = FACT_YES, .port = FACT_NO, .probed = "10.0.0.2:49160 ",
	  .reason = "connect: Connection refused" },
	{ "packets are dropped", "beta", "10.0.0.2 x", "beta\n", "49160", NULL, .dropped = true, .resolves = FACT_YES,
	  .peer_fact = FACT_YES, .port = FACT_NO, .probed = "10.0.0.2:49160 ",
	  .reason = "as when a firewall drops it" },
	{ "source hangs", "beta", "10.0.0.2 x", "beta\n", "49160", NULL, .dropped = true, .dead = true,
	  .resolves = FACT_YES, .peer_fact = FACT_YES, .port = FACT_UNKNOWN, .probed = "10.0.0.2:49160 ",
	  .reason = "no answer in time" },
	{ "no port is free", "beta", "10.0.0.2 x", "beta\n", "full", NULL, .resolves = FACT_YES, .peer_fact = FACT_YES,
	  .port = FACT_NO, .probed = "", .reason = "in use" },
	{ "nothing listens", "beta", "10.0.0.2 x", "beta\n", NULL, "10.0.0.2", .resolves = FACT_YES,
	  .peer_fact = FACT_YES, .port = FACT_UNKNOWN, .probed = "",
	  .reason = "destination beta: the connection broke" },
	{ "nonsense for a port", "beta", "10.0.0.2 x", "beta\n", "99999999", "10.0.0.2", .resolves = FACT_YES,
	  .peer_fact = FACT_YES, .port = FACT_UNKNOWN, .probed = "", .reason = "cannot be understood" },
	{ "login leads elsewhere", "beta", "10.0.0.2 x", "gamma\n", "49160", "10.0.0.2", .resolves = FACT_YES,
	  .peer_fact = FACT_NO, .port = FACT_YES, .probed = "10.0.0.2:49160 ", .reason = "a host named \"gamma\"" },
	{ "login refused", "beta", "10.0.0.2 x", "Permission denied (publickey)", "49160", "10.0.0.2", .peer_status = 1,
	  .resolves = FACT_YES, .peer_fact = FACT_NO, .port = FACT_YES, .probed = "10.0.0.2:49160 ",
	  .reason = "no SSH key" },
	{ "login hangs", "beta", "10.0.0.2 x", "", "49160", "10.0.0.2", .peer_status = 124, .resolves = FACT_YES,
	  .peer_fact = FACT_NO, .port = FACT_YES, .probed = "10.0.0.2:49160 ", .reason = "within 15 s" },
	{ "no virsh", "beta", "10.0.0.2 x", "", "49160", "10.0.0.2", .peer_status = 90, .resolves = FACT_YES,
	  .peer_fact = FACT_UNKNOWN, .port = FACT_YES, .probed = "10.0.0.2:49160 ", .reason = "no virsh" },
	{ "not root", "beta", "10.0.0.2 x", "", "49160", "10.0.0.2", .peer_status = 91, .resolves = FACT_YES,
	  .peer_fact = FACT_UNKNOWN, .port = FACT_YES, .probed = "10.0.0.2:49160 ", .reason = "not root" },
	{ "source is gone", "beta", NULL, NULL, "49160", NULL, .resolves = FACT_UNKNOWN, .peer_fact = FACT_UNKNOWN,
	  .port = FACT_NO, .probed = "10.0.0.2:49160 ", .reason = "the connection broke" },
};

static void connection_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(connections); i++) {
		const struct connection_case *c = &connections[i];
		struct host_facts src = { 0 }, dst = { .hostname = STR(c->hostname) };
		struct connection_proof p = { 0 };
		struct pair_of_hosts h;
		const char *reason;

		hosts_init(&h);
		h.src.resolve = c->resolve;
		h.src.resolve_status = c->resolve_status;
		h.src.peer = c->peer;
		h.src.peer_status = c->peer_status;
		h.src.open_address = c->open_address;
		h.src.probe_forbidden = c->forbidden;
		h.src.probe_dropped = c->dropped;
		h.src.dead = c->dead;
		h.dst.listen = c->listen;
		h.dst.spec.migrate_address = STR(c->migrate_address);
		connection_prove(&h.src, &h.dst, &src, &dst, &p);
		if (p.resolves != c->resolves || p.peer != c->peer_fact || p.port != c->port ||
		    !str_eq(p.migrate_uri, c->uri) || !str_eq(h.src.probed, c->probed))
			fail_msg("%s: resolves %d peer %d port %d uri %s probed %s", c->what, p.resolves, p.peer,
				 p.port, p.migrate_uri ? p.migrate_uri : "-", h.src.probed);
		assert_int_equal(h.src.held + h.dst.held, 0);
		assert_true((p.resolves == FACT_YES) == !p.resolve_reason);
		assert_true((p.peer == FACT_YES) == !p.peer_reason);
		assert_true((p.port == FACT_YES) == !p.port_reason);
		reason = p.resolve_reason ? p.resolve_reason : p.peer_reason ? p.peer_reason : p.port_reason;
		if (c->reason && (!reason || !strstr(reason, c->reason)))
			fail_msg("%s: %s", c->what, reason ? reason : "no reason");
		connection_proof_clear(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_made_takes),
		cmocka_unit_test(parse_made_refuses),
		cmocka_unit_test(answers_are_sanitised),
		cmocka_unit_test(parse_seen_cases),
		cmocka_unit_test(device_names_are_sets),
		cmocka_unit_test(judge_table),
		cmocka_unit_test(looks_again_only_behind_caches),
		cmocka_unit_test(tokens_are_exchanged),
		cmocka_unit_test(a_late_token_is_waited_for),
		cmocka_unit_test(a_local_no_is_final),
		cmocka_unit_test(a_token_not_kept_proves_nothing),
		cmocka_unit_test(a_broken_host_is_unknown),
		cmocka_unit_test(kinds_without_tokens),
		cmocka_unit_test(no_disks_no_questions),
		cmocka_unit_test(addresses_parsed),
		cmocka_unit_test(loopbacks),
		cmocka_unit_test(names_judged),
		cmocka_unit_test(peer_reasons),
		cmocka_unit_test(plain_ssh_uris),
		cmocka_unit_test(migrate_uris),
		cmocka_unit_test(connection_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

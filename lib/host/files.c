/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations on files over SSH, and their callers. */
#include "host/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/files-private.h"
#include "host/host-private.h"

void file_fact_clear(struct file_fact *f)
{
	free(f->user);
	free(f->group);
	free(f->label);
	*f = (struct file_fact) { 0 };
}

struct file_like file_like(const struct file_fact *f)
{
	return (struct file_like) { f->mode, f->uid, f->gid, f->user, f->group, f->label };
}

const char *file_gone_name(enum file_gone g)
{
	switch (g) {
	case FILE_REMOVED:
		return "removed";
	case FILE_ABSENT:
		return "it is not there any more";
	case FILE_CHANGED:
		return "another file has its name now";
	case FILE_OPEN:
		return "somebody has it open";
	case FILE_BUSY_DIR:
		return "it is not empty";
	}
	return "unknown";
}

static char *beside(const char *path, const char *suffix)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return str_printf("%.*s.%s.vmmig-%s", (int)(name - path), path, name, suffix);
}

char *file_temp_name(const char *path, const char *id)
{
	return beside(path, id);
}

char *file_part_name(const char *path)
{
	return beside(path, "part");
}

static int judge(const struct exec_result *r, enum err_id id, const char *what, struct err *err)
{
	auto_free char *said = NULL;

	if (r->exit_status == 0)
		return 0;
	said = exec_last_words(r);
	if (r->exit_status == 127)
		return err_set(err, id, 0, "%s: a tool is missing there: %s", what, said);
	if (*said)
		return err_set(err, id, 0, "%s: %s", what, said);
	return err_set(err, id, 0, "%s: the command ended with status %d", what, r->exit_status);
}

/* One script to its end; what: for the message. The first line of its output, without the newline, in *line. */
static int run_as(enum err_id id, struct host *h, const char *script, const char *const args[], const char *what,
		  struct exec_result *r, struct err *err)
{
	if (host_exec_wait(host_script_start(h, script, args, 0), r, err) < 0)
		return err_wrap(err, "%s", what);
	return judge(r, id, what, err);
}

static int run(struct host *h, const char *script, const char *const args[], const char *what, struct exec_result *r,
	       struct err *err)
{
	return run_as(E_PREPARE, h, script, args, what, r, err);
}

static int read_id(struct exec_result *r, struct file_id *id, struct err *err)
{
	if (r->out.p)
		r->out.p[strcspn(r->out.p, "\n")] = '\0';
	return file_id_parse(r->out.p, id) == 0 ? 0 : err_set(err, E_REMOTE, 0, "the host gave no file's identity");
}

/* ---- looking ---- */

enum { STAT_BATCH = 128 };

static int stat_batch(struct host *h, const char *const paths[], size_t n, struct file_fact *out, struct err *err)
{
	auto_free const char **args = xcalloc(n + 1, sizeof(*args));
	struct exec_result r auto_exec = { 0 };

	memcpy(args, paths, n * sizeof(*args));
	if (run_as(E_REMOTE, h, files_stat_script, args, "look at files", &r, err) < 0)
		return -1;
	if (files_parse_stat(r.out.p ? r.out.p : "", n, out) < 0)
		return err_set(err, E_REMOTE, 0, "the answer about its files cannot be understood");
	return 0;
}

static int op_stat(struct host *h, const char *const paths[], size_t n, struct file_fact *out, struct err *err)
{
	for (size_t i = 0; i < n; i += STAT_BATCH)
		if (stat_batch(h, paths + i, n - i < STAT_BATCH ? n - i : STAT_BATCH, out + i, err) < 0)
			return -1;
	return 0;
}

static int op_chain(struct host *h, const char *path, const char *format, bool whole, struct image_chain *out,
		    struct err *err)
{
	const char *argv[10] = { "qemu-img", "info", "-U", "--output=json" };
	struct exec_result r auto_exec = { 0 };
	size_t n = 4;

	if (whole)
		argv[n++] = "--backing-chain";
	if (format) {
		argv[n++] = "-f";
		argv[n++] = format;
	}
	argv[n++] = "--";
	argv[n] = path;
	if (host_exec(h, argv, 0, &r, err) < 0)
		return err_wrap(err, "qemu-img info %s", path);
	if (judge(&r, E_REMOTE, "qemu-img info", err) < 0)
		return -1;
	if (r.out.truncated)
		return err_set(err, E_REMOTE, 0, "qemu-img info %s: the answer is too long", path);
	return image_chain_parse(r.out.p ? r.out.p : "", r.out.len, out, err);
}

static int read_digest(const char *path, struct exec_result *r, char hex[DIGEST_HEX + 1], struct err *err)
{
	if (judge(r, E_REMOTE, "sha256sum", err) < 0)
		return -1;
	if (!r->out.p || strspn(r->out.p, "0123456789abcdef") != DIGEST_HEX)
		return err_set(err, E_REMOTE, 0, "sha256sum of %s gave no digest", path);
	memcpy(hex, r->out.p, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	return 0;
}

static int op_digest(struct host *h, const char *path, enum digest_kind kind, uint64_t cluster_size,
		     char hex[DIGEST_HEX + 1], struct err *err)
{
	auto_free char *cluster = str_printf("%" PRIu64, cluster_size);
	const char *args[] = { path, kind == DIGEST_ALL ? "all" : "rebased", cluster, NULL };
	struct exec_result r auto_exec = { 0 };

	if (host_hold_wait(host_hold_start(h, files_digest_script, args), &r, err) < 0)
		return err_wrap(err, "read %s", path);
	return read_digest(path, &r, hex, err);
}

static int op_list(struct host *h, const char *dir, struct strv *out, struct err *err)
{
	static const char script[] = "[ -d \"$1\" ] || exit 0; find \"$1\" -type f | sort";
	const char *args[] = { dir, NULL };
	struct exec_result r auto_exec = { 0 };

	if (run_as(E_REMOTE, h, script, args, "list the files", &r, err) < 0)
		return -1;
	for (char *save = NULL, *p = r.out.p ? strtok_r(r.out.p, "\n", &save) : NULL; p;
	     p = strtok_r(NULL, "\n", &save)) {
		if (*p != '/')
			return err_set(err, E_REMOTE, 0, "list the files: the answer makes no sense");
		strv_add(out, p);
	}
	return 0;
}

/* A gap that costs less to read than to leave out, and no more ranges than an answer has room for. */
static uint64_t map_gap(uint64_t size)
{
	enum { GAP = 1 << 20, RANGES = 16384 };

	return size / RANGES > GAP ? size / RANGES : GAP;
}

static int op_map(struct host *h, const char *path, bool block, struct ranges *out, struct err *err)
{
	struct file_fact f = { 0 };
	auto_free char *gap = NULL;
	struct exec_result r auto_exec = { 0 };
	int rc = op_stat(h, &path, 1, &f, err);
	uint64_t size = f.size;

	file_fact_clear(&f);
	if (rc < 0)
		return -1;
	if (block) {
		ranges_add(out, 0, size);
		return 0;
	}
	gap = str_printf("%" PRIu64, map_gap(size));
	if (run_as(E_REMOTE, h, files_map_script, (const char *[]) { path, "file", gap, NULL }, "qemu-img map", &r,
		   err) < 0)
		return -1;
	return files_parse_map(r.out.p, out) < 0
		       ? err_set(err, E_REMOTE, 0, "qemu-img map of %s gave an answer that makes no sense", path)
		       : 0;
}

static int op_digest_ranges(struct host *h, const char *path, const struct ranges *ranges, char hex[DIGEST_HEX + 1],
			    struct err *err)
{
	const char *args[] = { path, NULL };
	struct exec_result r auto_exec = { 0 };
	struct buf input auto_buf = { 0 };

	for (size_t i = 0; i < ranges->n; i++)
		buf_addf(&input, "%" PRIu64 " %" PRIu64 "\n", ranges->v[i].from, ranges->v[i].to - ranges->v[i].from);
	buf_add(&input, ".\n", 2);
	if (host_hold_wait(host_hold_start_input(h, files_digest_ranges_script, args, input.p), &r, err) < 0)
		return err_wrap(err, "read %s", path);
	return read_digest(path, &r, hex, err);
}

static int op_sample(struct host *h, const char *path, uint64_t size, struct strv *out, struct err *err)
{
	auto_free char *bytes = str_printf("%" PRIu64, size);
	const char *args[] = { path, bytes, NULL };
	struct exec_result r auto_exec = { 0 };
	bool ended = false;

	if (run_as(E_REMOTE, h, files_sample_script, args, "read the device", &r, err) < 0)
		return -1;
	for (char *save = NULL, *p = strtok_r(r.out.p, "\n", &save); p && !ended; p = strtok_r(NULL, "\n", &save)) {
		ended = str_eq(p, "end");
		if (!ended)
			strv_add(out, p);
	}
	return ended ? 0 : err_set(err, E_REMOTE, 0, "read the device: the answer has no end");
}

/* ---- making ---- */

/* The words own() of the scripts takes, after the path at v[0]; v has 7 places, t the numbers. */
static void like_args(const char *v[7], char t[3][24], const struct file_like *like)
{
	snprintf(t[0], sizeof(t[0]), "%o", like->mode);
	snprintf(t[1], sizeof(t[1]), "%" PRIu64, like->uid);
	snprintf(t[2], sizeof(t[2]), "%" PRIu64, like->gid);
	v[1] = t[0];
	v[2] = t[1];
	v[3] = t[2];
	v[4] = like->user ? like->user : "";
	v[5] = like->group ? like->group : "";
	v[6] = like->label ? like->label : "";
}

static int op_make_dir(struct host *h, const char *temp, const struct file_like *like, struct file_id *id,
		       struct err *err)
{
	struct exec_result r auto_exec = { 0 };
	const char *args[8] = { temp };
	char t[3][24];

	like_args(args, t, like);
	return run(h, files_make_dir_script, args, "make directory", &r, err) < 0 ? -1 : read_id(&r, id, err);
}

static int op_make_image(struct host *h, const char *temp, const struct image_make *m, const struct file_like *like,
			 struct file_id *id, struct err *err)
{
	auto_free char *size = str_printf("%" PRIu64, m->size);
	struct exec_result r auto_exec = { 0 };
	const char *args[13] = { temp };
	char t[3][24];

	like_args(args, t, like);
	args[7] = m->format;
	args[8] = m->options ? m->options : "";
	args[9] = size;
	args[10] = m->backing ? m->backing : "";
	args[11] = m->backing_format ? m->backing_format : "";
	return run(h, files_make_image_script, args, "make image", &r, err) < 0 ? -1 : read_id(&r, id, err);
}

static int op_publish(struct host *h, const char *temp, const char *path, struct file_id id, struct err *err)
{
	auto_free char *text = file_id_text(id);
	const char *args[] = { temp, path, text, NULL };
	struct exec_result r auto_exec = { 0 };

	return run(h, files_publish_script, args, "give it its name", &r, err);
}

static int read_gone(struct exec_result *r, enum file_gone *gone, struct err *err)
{
	static const char *const words[] = {
		[FILE_REMOVED] = "removed", [FILE_ABSENT] = "absent", [FILE_CHANGED] = "changed",
		[FILE_OPEN] = "open",       [FILE_BUSY_DIR] = "full",
	};

	if (r->out.p)
		r->out.p[strcspn(r->out.p, "\n")] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_eq(r->out.p, words[i])) {
			*gone = (enum file_gone)i;
			return 0;
		}
	return err_set(err, E_REMOTE, 0, "the host did not say what became of the file");
}

static int op_remove(struct host *h, const char *path, struct file_id id, enum file_gone *gone, struct err *err)
{
	auto_free char *text = file_id_text(id);
	const char *args[] = { path, text, NULL };
	struct exec_result r auto_exec = { 0 };

	return run_as(E_REMOTE, h, files_remove_script, args, "remove", &r, err) < 0 ? -1 : read_gone(&r, gone, err);
}

static int op_rename(struct host *h, const char *path, const char *to, struct file_id id, enum file_gone *gone,
		     struct err *err)
{
	auto_free char *text = file_id_text(id);
	const char *args[] = { path, to, text, NULL };
	struct exec_result r auto_exec = { 0 };

	return run_as(E_REMOTE, h, files_rename_script, args, "rename", &r, err) < 0 ? -1 : read_gone(&r, gone, err);
}

/* ---- parts ---- */

static int op_part_open(struct host *h, const char *part, const char *what, uint64_t size, struct file_id *id,
			struct buf *done, struct err *err)
{
	auto_free char *text = str_printf("%" PRIu64, size);
	const char *args[] = { part, what, text, NULL };
	struct exec_result r auto_exec = { 0 };
	const char *nl;

	if (run(h, files_part_open_script, args, "begin the file", &r, err) < 0)
		return -1;
	nl = r.out.p ? strchr(r.out.p, '\n') : NULL;
	if (nl)
		buf_add(done, nl + 1, strlen(nl + 1));
	return read_id(&r, id, err);
}

static int op_part_trim(struct host *h, const char *part, uint64_t size, struct err *err)
{
	auto_free char *text = str_printf("%" PRIu64, size);
	const char *argv[] = { "truncate", "-s", text, "--", part, NULL };
	struct exec_result r auto_exec = { 0 };

	if (host_exec(h, argv, 0, &r, err) < 0)
		return err_wrap(err, "truncate");
	return judge(&r, E_PREPARE, "truncate", err);
}

static int op_part_mark(struct host *h, const char *part, const char *mark, struct err *err)
{
	const char *args[] = { part, mark, NULL };
	struct exec_result r auto_exec = { 0 };

	return run(h, files_part_mark_script, args, "note what is there", &r, err);
}

static int op_part_finish(struct host *h, const char *part, const struct file_like *like, const char *backing,
			  const char *backing_format, bool keep, struct file_id *id, struct err *err)
{
	struct exec_result r auto_exec = { 0 };
	const char *args[11] = { part };
	char t[3][24];

	like_args(args, t, like);
	args[7] = backing ? backing : "";
	args[8] = backing_format ? backing_format : "";
	args[9] = keep ? "keep" : "";
	return run(h, files_part_finish_script, args, "finish the file", &r, err) < 0 ? -1 : read_id(&r, id, err);
}

static int op_part_done(struct host *h, const char *part, struct err *err)
{
	const char *args[] = { part, NULL };
	struct exec_result r auto_exec = { 0 };

	return run(h, files_part_done_script, args, "remove the record of what was copied", &r, err);
}

static int op_part_drop(struct host *h, const char *part, struct err *err)
{
	const char *args[] = { part, NULL };
	struct exec_result r auto_exec = { 0 };

	return run(h, files_part_drop_script, args, "remove the unfinished file", &r, err);
}

/* ---- from host to host ---- */

/* "PORT KEY", or "SOCKET KEY". */
static int read_listening(char *line, bool is_unix, struct receiver *r, struct err *err)
{
	const char *space = line ? strchr(line, ' ') : NULL;
	auto_free char *port = space ? xstrndup(line, (size_t)(space - line)) : NULL;
	unsigned long long number;

	if (port && is_unix && *port == '/') {
		r->socket = STEAL(port);
		number = 0;
	}
	if ((!r->socket && (!port || str_to_uint(port, 1, 65535, &number) < 0)) ||
	    strspn(space + 1, "0123456789abcdef") != 64 || (space[65] && space[65] != ' ')) {
		err_set(err, E_REMOTE, 0, "the server for the data did not begin to listen");
		receiver_end(r);
		return -1;
	}
	r->port = (unsigned)number;
	r->key = xstrndup(space + 1, 64);
	r->pid = space[65] ? xstrdup(space + 66) : NULL;
	explicit_bzero(line, strlen(line));
	return 0;
}

static int op_receive(struct host *h, const char *part, const char *address, unsigned port_min, unsigned port_max,
		      struct receiver *r, struct err *err)
{
	auto_free char *min = str_printf("%u", port_min), *max = str_printf("%u", port_max);
	const char *args[] = { part, address ? address : "", min, max, NULL };
	auto_free char *line = NULL;

	r->hold = host_hold_start(h, files_receive_script, args);
	line = host_hold_line(r->hold, err);
	return read_listening(line, str_eq(address, "unix"), r, err);
}

static int op_serve(struct host *h, const struct strv *files, const char *address, unsigned port_min, unsigned port_max,
		    struct receiver *r, struct err *err)
{
	auto_free char *min = str_printf("%u", port_min), *max = str_printf("%u", port_max);
	const char *args[] = { address ? address : "0.0.0.0", min, max, NULL };
	auto_free char *line = NULL;
	struct buf input auto_buf = { 0 };

	for (size_t i = 0; i < files->n; i++)
		buf_addf(&input, "%s\n", files->v[i]);
	buf_add(&input, ".\n", 2);
	r->hold = host_hold_start_input(h, files_serve_script, args, input.p);
	line = host_hold_line(r->hold, err);
	return read_listening(line, str_eq(address, "unix"), r, err);
}

void receiver_end(struct receiver *r)
{
	host_hold_end(r->hold);
	if (r->key)
		explicit_bzero(r->key, strlen(r->key));
	free(r->key);
	free(r->socket);
	free(r->pid);
	*r = (struct receiver) { 0 };
}

static int op_alive(struct host *h, const struct receiver *r, struct err *err)
{
	auto_free char *path = str_printf("/proc/%s/cmdline", r->pid ? r->pid : "0");
	const char *argv[] = { "grep", "-qsF", "/run/vmmig-nbd.", path, NULL };
	struct exec_result x auto_exec = { 0 };

	if (host_exec(h, argv, 0, &x, err) < 0)
		return -1;
	return x.exit_status == 0;
}

static int op_send(struct host *h, const struct send_piece *p, struct err *err)
{
	auto_free char *port = str_printf("%u", p->port), *offset = str_printf("%" PRIu64, p->offset);
	auto_free char *length = str_printf("%" PRIu64, p->length);
	auto_free char *rate = p->bandwidth_mib ? str_printf("%u", p->bandwidth_mib) : xstrdup("");
	auto_free char *key = str_printf("%s\n", p->key);
	const char *args[] = {
		p->path, p->block ? "host_device" : "file", p->address, port, offset, length, rate, p->export_name, NULL
	};
	struct exec_result r auto_exec = { 0 };
	int rc = host_hold_wait(host_hold_start_input(h, files_send_script, args, key), &r, err);

	explicit_bzero(key, strlen(key));
	return rc < 0 ? -1 : judge(&r, E_COPY, "send", err);
}

static int op_lock(struct host *h, bool exclusive, const char *const paths[], struct exec_hold **lock, struct err *err)
{
	auto_free const char **args = NULL;
	auto_free char *line = NULL;
	struct exec_hold *hold;
	size_t n = 0;

	while (paths[n])
		n++;
	args = xcalloc(n + 2, sizeof(*args));
	args[0] = exclusive ? "x" : "s";
	memcpy(args + 1, paths, n * sizeof(*args));
	hold = host_hold_start(h, files_lock_script, args);
	line = host_hold_line(hold, err);
	if (str_eq(line, "held")) {
		*lock = hold;
		return 0;
	}
	host_hold_end(hold);
	if (str_eq(line, "busy"))
		return 1;
	return line ? err_set(err, E_REMOTE, 0, "the lock command gave an answer that makes no sense")
		    : err_wrap(err, "lock in /run");
}

const struct file_ops file_ops_ssh = {
	.stat = op_stat,
	.chain = op_chain,
	.digest = op_digest,
	.list = op_list,
	.map = op_map,
	.digest_ranges = op_digest_ranges,
	.sample = op_sample,
	.make_dir = op_make_dir,
	.make_image = op_make_image,
	.publish = op_publish,
	.remove = op_remove,
	.rename = op_rename,
	.part_open = op_part_open,
	.part_trim = op_part_trim,
	.part_mark = op_part_mark,
	.part_finish = op_part_finish,
	.part_done = op_part_done,
	.part_drop = op_part_drop,
	.receive = op_receive,
	.serve = op_serve,
	.alive = op_alive,
	.send = op_send,
	.lock = op_lock,
};

void host_set_file_ops(struct host *h, const struct file_ops *ops)
{
	h->files_ops = ops;
}

const struct file_ops *host_file_ops(const struct host *h)
{
	return h->files_ops;
}

/* ---- the callers ---- */

int files_stat(struct host *h, const char *const paths[], size_t n, struct file_fact *out, struct err *err)
{
	return n ? h->files_ops->stat(h, paths, n, out, err) : 0;
}

int image_chain(struct host *h, const char *path, const char *format, bool whole, struct image_chain *out,
		struct err *err)
{
	return h->files_ops->chain(h, path, format, whole, out, err);
}

int file_digest(struct host *h, const char *path, enum digest_kind kind, uint64_t cluster_size,
		char hex[DIGEST_HEX + 1], struct err *err)
{
	return h->files_ops->digest(h, path, kind, cluster_size, hex, err);
}

int files_list(struct host *h, const char *dir, struct strv *out, struct err *err)
{
	return h->files_ops->list(h, dir, out, err);
}

int file_map(struct host *h, const char *path, bool block, struct ranges *out, struct err *err)
{
	return h->files_ops->map(h, path, block, out, err);
}

int file_digest_ranges(struct host *h, const char *path, const struct ranges *r, char hex[DIGEST_HEX + 1],
		       struct err *err)
{
	return h->files_ops->digest_ranges(h, path, r, hex, err);
}

int device_sample(struct host *h, const char *path, uint64_t size, struct strv *out, struct err *err)
{
	return h->files_ops->sample(h, path, size, out, err);
}

int dir_make(struct host *h, const char *temp, const struct file_like *like, struct file_id *id, struct err *err)
{
	return h->files_ops->make_dir(h, temp, like, id, err);
}

int image_make(struct host *h, const char *temp, const struct image_make *m, const struct file_like *like,
	       struct file_id *id, struct err *err)
{
	return h->files_ops->make_image(h, temp, m, like, id, err);
}

int file_publish(struct host *h, const char *temp, const char *path, struct file_id id, struct err *err)
{
	return h->files_ops->publish(h, temp, path, id, err);
}

int file_remove(struct host *h, const char *path, struct file_id id, enum file_gone *gone, struct err *err)
{
	return h->files_ops->remove(h, path, id, gone, err);
}

int file_rename(struct host *h, const char *path, const char *to, struct file_id id, enum file_gone *gone,
		struct err *err)
{
	return h->files_ops->rename(h, path, to, id, gone, err);
}

int part_open(struct host *h, const char *part, const char *what, uint64_t size, struct file_id *id, struct buf *done,
	      struct err *err)
{
	return h->files_ops->part_open(h, part, what, size, id, done, err);
}

int part_trim(struct host *h, const char *part, uint64_t size, struct err *err)
{
	return h->files_ops->part_trim(h, part, size, err);
}

int part_mark(struct host *h, const char *part, const char *mark, struct err *err)
{
	return h->files_ops->part_mark(h, part, mark, err);
}

int part_finish(struct host *h, const char *part, const struct file_like *like, const char *backing,
		const char *backing_format, bool keep, struct file_id *id, struct err *err)
{
	return h->files_ops->part_finish(h, part, like, backing, backing_format, keep, id, err);
}

int part_done(struct host *h, const char *part, struct err *err)
{
	return h->files_ops->part_done(h, part, err);
}

int part_drop(struct host *h, const char *part, struct err *err)
{
	return h->files_ops->part_drop(h, part, err);
}

int receiver_begin(struct host *h, const char *part, const char *address, unsigned port_min, unsigned port_max,
		   struct receiver *r, struct err *err)
{
	return h->files_ops->receive(h, part, address, port_min, port_max, r, err);
}

int server_begin(struct host *h, const struct strv *files, const char *address, unsigned port_min, unsigned port_max,
		 struct receiver *r, struct err *err)
{
	return h->files_ops->serve(h, files, address, port_min, port_max, r, err);
}

int server_alive(struct host *h, const struct receiver *r, struct err *err)
{
	return h->files_ops->alive(h, r, err);
}

int file_send(struct host *h, const struct send_piece *p, struct err *err)
{
	return h->files_ops->send(h, p, err);
}

int files_lock(struct host *h, bool exclusive, const char *const paths[], struct exec_hold **lock, struct err *err)
{
	return h->files_ops->lock(h, exclusive, paths, lock, err);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/download.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "host/watch-script.h"

/* curl's exit statuses (curl(1)) that decide something here. */
enum {
	CURL_RESOLVE = 6,
	CURL_CONNECT = 7,
	CURL_HTTP2 = 16,
	CURL_PARTIAL = 18,
	CURL_HTTP = 22,
	CURL_WRITE = 23,
	CURL_TIMEOUT = 28,
	CURL_RANGE = 33,
	CURL_TLS = 35,
	CURL_RESUME = 36,
	CURL_EMPTY = 52,
	CURL_SEND = 55,
	CURL_RECEIVE = 56,
	CURL_HTTP2_STREAM = 92,
	BY_SIGXFSZ = 128 + 25, /* it came to its ulimit */
};

/* Of our scripts. */
enum { EXIT_NO_CURL = 4, EXIT_LOCKED = 5 };

enum {
	TRIES = 4,          /* in a row that bring nothing new */
	PROGRESS = 1 << 20, /* bytes that are something new */
	PAUSE_MS = 1000,    /* after the first; after each other one so much more */
	GET_S = 30,         /* for a small answer */
	GET_GRACE_S = 15,   /* for SSH around it */
	STALL_S = 30,       /* without a byte */
	CONNECT_S = 10,
};

char *download_shown(const char *url)
{
	const char *host = strstr(url, "://");
	size_t scheme = host ? (size_t)(host + 3 - url) : 0;
	size_t len = strcspn(url + scheme, "/?#");
	const char *at = memrchr(url + scheme, '@', len);
	const char *from = at ? at + 1 : url + scheme;
	auto_free char *plain = str_printf("%.*s%.*s", (int)scheme, url, (int)strcspn(from, "?#"), from);

	return str_sanitize(plain, 200);
}

/* ---- what curl is told ---- */

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

/* NAME = "VALUE": within the quotes only these two mean something (curl(1), --config). */
static void add_line(struct buf *b, const char *name, const char *prefix, const char *value)
{
	buf_add(b, name, strlen(name));
	buf_add(b, " = \"", 4);
	buf_add(b, prefix, strlen(prefix));
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_add(b, "\\", 1);
		buf_add(b, value, 1);
	}
	buf_add(b, "\"\n", 2);
}

char *download_config(const char *url, const char *token, bool small)
{
	/* large enough from the start: growing would leave copies of the token in freed memory */
	size_t max = 1024 + 2 * strlen(url) + 2 * (token ? strlen(token) : 0);
	struct buf b = { .p = xcalloc(max, 1), .cap = max };

	if (has_control(url) || (token && has_control(token))) {
		buf_clear(&b);
		return NULL;
	}
	add_line(&b, "url", "", url);
	if (token)
		add_line(&b, "header", "X-Auth-Token: ", token);
	else
		buf_addf(&b, "location\nmax-redirs = 5\nproto-redir = \"=http,https\"\n");
	buf_addf(&b, "proto = \"=http,https\"\ngloboff\nsilent\nshow-error\nfail\nconnect-timeout = %d\n", CONNECT_S);
	if (small)
		buf_addf(&b, "max-time = %d\nwrite-out = \"\\n%%{http_code}\"\n", GET_S);
	else
		buf_addf(&b, "speed-limit = 1\nspeed-time = %d\nwrite-out = \"%%{http_code}\"\n", STALL_S);
	return b.p;
}

/* ---- what became of it ---- */

int download_parse_try(const char *line, struct download_try *t)
{
	unsigned long long v[4];
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++, line += len + (line[len] != '\0')) {
		auto_free char *word = NULL;

		len = strcspn(line, " \n");
		word = xstrndup(line, len);
		if (line[len] != (i < 3 ? ' ' : '\n') || str_to_uint(word, 0, i < 2 ? 999 : INT64_MAX, &v[i]) < 0)
			return -1;
	}
	if (*line)
		return -1;
	*t = (struct download_try) { (unsigned)v[0], (unsigned)v[1], v[2], v[3] };
	return 0;
}

static bool is_content(const struct download_try *t)
{
	return t->http_status == 200 || t->http_status == 206;
}

/* curl is content with what came. */
static enum download_next judge_whole(const struct download_try *t, uint64_t size)
{
	if (!is_content(t))
		return DOWNLOAD_FAILED;
	if (size && t->after > size)
		return DOWNLOAD_TOO_LONG;
	return size && t->after < size ? DOWNLOAD_ON : DOWNLOAD_DONE;
}

/* "Range not satisfiable": all of it may be there, or what is there is of something longer; a digest will tell. */
static enum download_next judge_range(const struct download_try *t, uint64_t size)
{
	if (!t->before)
		return DOWNLOAD_FAILED;
	return size ? DOWNLOAD_ANEW : DOWNLOAD_DONE;
}

static enum download_next judge_http(const struct download_try *t)
{
	return t->http_status >= 500 || t->http_status == 408 || t->http_status == 429 ? DOWNLOAD_ON : DOWNLOAD_FAILED;
}

enum download_next download_judge(const struct download_try *t, uint64_t size, bool got)
{
	if (t->http_status == 416) /* an error or none to curl, by its version */
		return judge_range(t, size);
	switch (t->exit_status) {
	case 0:
		return judge_whole(t, size);
	case CURL_HTTP:
		return judge_http(t);
	case CURL_RANGE:
	case CURL_RESUME:
		return t->before ? DOWNLOAD_ANEW : DOWNLOAD_FAILED;
	case BY_SIGXFSZ:
		return DOWNLOAD_TOO_LONG;
	case CURL_WRITE: /* where SIGXFSZ is ignored it is this */
		return size && t->after > size ? DOWNLOAD_TOO_LONG : DOWNLOAD_NO_WRITE;
	case CURL_RESOLVE:
	case CURL_CONNECT:
	case CURL_TLS:
		/* a server that was never there is not waited for: there may be another source */
		return got ? DOWNLOAD_ON : DOWNLOAD_FAILED;
	case CURL_TIMEOUT:
		/* nor is one that answers, and then gives nothing at all */
		return got && (!t->http_status || t->after > t->before) ? DOWNLOAD_ON : DOWNLOAD_FAILED;
	case CURL_HTTP2:
	case CURL_PARTIAL:
	case CURL_EMPTY:
	case CURL_SEND:
	case CURL_RECEIVE:
	case CURL_HTTP2_STREAM:
		return DOWNLOAD_ON;
	default:
		return DOWNLOAD_FAILED;
	}
}

/* curl says which of its errors it was: "curl: (7) Failed to connect …". */
static char *last_words(const struct exec_result *r)
{
	auto_free char *line = exec_last_words(r);
	const char *close = str_starts(line, "curl: (") ? strstr(line, ") ") : NULL;

	return close ? xstrdup(close + 2) : STEAL(line);
}

static int no_curl(struct host *h, struct err *err)
{
	err_set(err, E_FETCH, 0, "curl is not installed");
	return err_hint(err,
			"install curl on %s, or set backing_from = \"source-only\" in the section images of vmmig.conf",
			host_name(h));
}

/* ---- small answers ---- */

/* More than fits is cut, and has no status at its end then. */
static const char get_script[] = "LC_ALL=C; export LC_ALL\n"
				 "command -v curl >/dev/null || exit 4\n"
				 "{ curl -q -K -; echo \" $?\"; } | head -c 1048576\n";

/* CONTENT "\n" STATUS " " EXIT "\n". Takes the end off; -1: it is not there. */
static int split_answer(struct buf *b, unsigned long long *http_status, unsigned long long *exit_status)
{
	char *line, *space;

	if (b->truncated || !b->len || b->p[b->len - 1] != '\n')
		return -1;
	b->p[b->len - 1] = '\0';
	line = memrchr(b->p, '\n', b->len - 1);
	space = line ? strchr(line, ' ') : NULL;
	if (!space)
		return -1;
	*space = '\0';
	if (str_to_uint(line + 1, 0, 999, http_status) < 0 || str_to_uint(space + 1, 0, 255, exit_status) < 0)
		return -1;
	b->len = (size_t)(line - b->p);
	*line = '\0';
	return 0;
}

static int judge_answer(struct host *h, const char *shown, struct exec_result *r, unsigned *http_status,
			struct err *err)
{
	unsigned long long status, code;
	auto_free char *words = last_words(r);

	if (r->exit_status == EXIT_NO_CURL)
		return no_curl(h, err);
	if (r->exit_status != 0)
		return err_set(err, E_FETCH, 0, "%s: the command ended with status %d: %s", shown, r->exit_status,
			       words);
	if (split_answer(&r->out, &status, &code) < 0)
		return err_set(err, E_FETCH, 0, "%s: the answer is longer than %d bytes", shown, HTTP_GET_MAX);
	*http_status = (unsigned)status;
	if (code == CURL_HTTP || (code == 0 && status != 200))
		return err_set(err, E_FETCH, 0, "%s answers HTTP %u", shown, *http_status);
	return code == 0 ? 0 : err_set(err, E_FETCH, 0, "%s: %s", shown, words);
}

int host_http_get(struct host *h, const char *url, const char *token, struct buf *out, unsigned *http_status,
		  struct err *err)
{
	auto_free char *shown = download_shown(url), *config = download_config(url, token, true);
	struct exec_result r auto_exec = { 0 };
	struct exec_job *job;

	*http_status = 0;
	if (!config)
		return err_set(err, E_FETCH, 0, "%s: there is a control character in the URL or the token", shown);
	job = host_script_start_input(h, get_script, NULL, config, (GET_S + GET_GRACE_S) * 1000);
	explicit_bzero(config, strlen(config));
	if (host_exec_wait(job, &r, err) < 0)
		return err_wrap(err, "%s", shown);
	if (judge_answer(h, shown, &r, http_status, err) < 0)
		return -1;
	buf_add(out, r.out.p, r.out.len);
	return 0;
}

/* ---- what takes long ---- */

/*
 * PATH SIZE ANEW(y|n); on standard input curl's configuration up to the line "end". Says "HTTP EXIT BEFORE AFTER".
 * (0 before what curl says: it says nothing when it is killed.) Descriptor 9 has the lock, also in curl: one that was
 * not seen to end may not write beside the next one. After a write error the file is written to once more, for the
 * reason, which curl does not say.
 */
static const char fetch_script[] =
	"LC_ALL=C; export LC_ALL; umask 077\n"
	"command -v curl >/dev/null || exit 4\n"
	"exec 3<&0 9>>\"$1\" || exit 3\n"
	"if command -v flock >/dev/null && ! flock -n 9; then exit 5; fi\n"
	"c=; while IFS= read -r l && [ \"$l\" != end ]; do c=\"$c$l\n\"; done <&3\n"
	"[ \"$l\" = end ] || exit 1\n"
	"n=$(($(wc -c <\"$1\")))\n"
	"if [ \"$3\" = y ] || { [ \"$2\" != 0 ] && [ $n -gt \"$2\" ]; }; then : >\"$1\" || exit 3; n=0; fi\n"
	"if [ \"$2\" != 0 ] && [ $n = \"$2\" ]; then echo \"200 0 $n $n\"; exit 0; fi\n" WATCH "printf 0\n"
	"printf %s \"$c\" | {\n"
	"  [ \"$2\" = 0 ] || ulimit -f $(($2 / 512 + 1)) 2>/dev/null\n"
	"  exec curl -q -K - -C $n -o \"$1\" 3<&-\n"
	"} &\n" WATCHED "m=$(($(wc -c <\"$1\")))\n"
	"if [ $rc = 23 ]; then head -c 65536 /dev/zero >>\"$1\"; truncate -s $m -- \"$1\"; fi\n"
	"echo \" $rc $n $m\"\n";

/* "sh: 3: cannot create /x: Permission denied": the last of it. */
static const char *reason(const char *words)
{
	const char *colon = strrchr(words, ':');

	return colon ? colon + strspn(colon, ": ") : words;
}

static int run_try(struct host *h, const char *config, const char *path, uint64_t size, bool anew,
		   struct download_try *t, char **words, struct err *err)
{
	auto_free char *bytes = str_printf("%" PRIu64, size);
	const char *args[] = { path, bytes, anew ? "y" : "n", NULL };
	struct exec_result r auto_exec = { 0 };

	if (host_hold_wait(host_hold_start_input(h, fetch_script, args, config), &r, err) < 0)
		return -1;
	*words = last_words(&r);
	if (r.exit_status == EXIT_NO_CURL)
		return no_curl(h, err);
	if (r.exit_status == EXIT_LOCKED)
		return err_set(err, E_FETCH, 0, "another download to %s is running", path);
	if (r.exit_status != 0)
		return err_set(err, E_FETCH, 0, "cannot write %s: %s", path, reason(*words));
	if (download_parse_try(r.out.p ? r.out.p : "", t) < 0)
		return err_set(err, E_FETCH, 0, "the host did not say how the download went");
	return 0;
}

/* Broken too often, or at once for good. */
static int failed(const char *shown, const char *path, const struct download_try *t, enum download_next next,
		  const char *words, uint64_t size, struct err *err)
{
	if (next == DOWNLOAD_NO_WRITE)
		return err_set(err, E_FETCH, 0, "cannot write %s: %s", path, reason(words));
	if (next == DOWNLOAD_TOO_LONG)
		return err_set(err, E_FETCH, 0, "%s has more than the %" PRIu64 " bytes that it should have", shown,
			       size);
	if (t->http_status != 416 && (t->http_status >= 300 || (!t->exit_status && !is_content(t))))
		return err_set(err, E_FETCH, 0, "%s answers HTTP %u%s", shown, t->http_status,
			       t->http_status >= 300 && t->http_status < 400 ? ", a redirect that is not followed"
									     : "");
	if (t->exit_status && *words && !(size && next == DOWNLOAD_ANEW))
		return err_set(err, E_FETCH, 0, "%s: %s", shown, words);
	if (size && t->after < size)
		return err_set(err, E_FETCH, 0, "%s ends after %" PRIu64 " of %" PRIu64 " bytes", shown, t->after,
			       size);
	return err_set(err, E_FETCH, 0, "%s: curl ended with status %u", shown, t->exit_status);
}

/*
 * What may not stay in the file: the text of a redirect or the like, and whatever has filled the disk: other guests
 * need it more than the next download needs a beginning.
 */
static void cut(struct host *h, const char *path, const struct download_try *t, enum download_next next)
{
	auto_free char *size = str_printf("%" PRIu64, next == DOWNLOAD_NO_WRITE ? 0 : t->before);
	const char *argv[] = { "truncate", "-s", size, "--", path, NULL };
	struct exec_result r auto_exec = { 0 };

	if (next == DOWNLOAD_NO_WRITE || (t->http_status && !is_content(t) && t->after > t->before))
		host_exec(h, argv, 0, &r, NULL);
}

/* Until it is there or will not come. Returns as host_download(). */
static int fetch(struct host *h, const char *config, const char *shown, const char *path, uint64_t size,
		 unsigned *http_status, struct err *err)
{
	enum download_next next = DOWNLOAD_ON;
	uint64_t best = 0;
	bool got = false;

	for (unsigned idle = 0;;) {
		struct download_try t;
		auto_free char *words = NULL;

		if (run_try(h, config, path, size, next == DOWNLOAD_ANEW, &t, &words, err) < 0)
			return err_wrap(err, "%s", shown);
		*http_status = t.http_status;
		got = got || t.after > t.before;
		next = download_judge(&t, size, got);
		cut(h, path, &t, next);
		if (next == DOWNLOAD_DONE)
			return t.before > 0;
		idle = t.after >= best + PROGRESS ? 1 : idle + 1;
		best = t.after > best ? t.after : best;
		if ((next != DOWNLOAD_ON && next != DOWNLOAD_ANEW) || idle >= TRIES)
			return failed(shown, path, &t, next, words, size, err);
		log_debug("%s: %s: HTTP %u, curl %u, %" PRIu64 " bytes: once more", host_label(h), shown, t.http_status,
			  t.exit_status, t.after);
		if (interrupt_pause((int)(idle * PAUSE_MS)))
			return err_set(err, E_CANCELLED, 0, "interrupted");
	}
}

int host_download(struct host *h, const char *url, const char *token, const char *path, uint64_t size,
		  unsigned *http_status, struct err *err)
{
	auto_free char *shown = download_shown(url), *config = download_config(url, token, false), *input = NULL;
	size_t len;
	int rc;

	*http_status = 0;
	if (!config)
		return err_set(err, E_FETCH, 0, "%s: there is a control character in the URL or the token", shown);
	len = strlen(config);
	input = xcalloc(len + sizeof("end\n"), 1);
	memcpy(input, config, len);
	memcpy(input + len, "end\n", sizeof("end\n"));
	explicit_bzero(config, len);
	rc = fetch(h, input, shown, path, size, http_status, err);
	explicit_bzero(input, len);
	return rc;
}

/* FILE PROGRAM */
static const char digest_script[] =
	"LC_ALL=C; export LC_ALL; exec 3<&0\n" WATCH "\"$2\" <\"$1\" 3<&- &\n" WATCHED "exit $rc\n";

int host_digest(struct host *h, const char *path, const char *algo, char **hex, struct err *err)
{
	auto_free char *program = str_printf("%ssum", algo), *words = NULL;
	const char *args[] = { path, program, NULL };
	struct exec_result r auto_exec = { 0 };
	size_t len;

	if (host_hold_wait(host_hold_start(h, digest_script, args), &r, err) < 0)
		return err_wrap(err, "read %s", path);
	words = last_words(&r);
	if (r.exit_status != 0)
		return err_set(err, E_FETCH, 0, "%s of %s: %s", program, path, words);
	len = r.out.p ? strspn(r.out.p, "0123456789abcdef") : 0;
	if (len != (str_eq(algo, "sha256") ? 64 : 128))
		return err_set(err, E_FETCH, 0, "%s of %s gave no digest", program, path);
	*hex = xstrndup(r.out.p, len);
	return 0;
}

/* FROM FORMAT TO FORMAT */
static const char convert_script[] =
	"LC_ALL=C; export LC_ALL; umask 077; exec 3<&0\n" WATCH
	"qemu-img convert -q -f \"$2\" -O \"$4\" -- \"$1\" \"$3\" 3<&- &\n" WATCHED "exit $rc\n";

int host_image_convert(struct host *h, const char *path, const char *format, const char *to, const char *to_format,
		       struct err *err)
{
	const char *args[] = { path, format, to, to_format, NULL };
	struct exec_result r auto_exec = { 0 };
	auto_free char *words = NULL;

	if (host_hold_wait(host_hold_start(h, convert_script, args), &r, err) < 0)
		return err_wrap(err, "convert %s", path);
	words = last_words(&r);
	return r.exit_status == 0 ? 0 : err_set(err, E_FETCH, 0, "cannot convert %s to %s: %s", path, to_format, words);
}

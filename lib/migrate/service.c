/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "migrate/service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/download.h"
#include "host/files.h"

enum {
	TOKEN_MAX = 16 << 10, /* bytes; Keystone's have some hundred, the old PKI ones up to 8 KiB */
	SHOWN_HEX = 12,       /* digits of a digest in messages */
};

/* ---- which image ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const struct image_entry *service_match(const struct image_config *c, const struct service_want *w)
{
	for (size_t i = 0; i < c->backing_n; i++)
		if (str_eq(c->backing[i].file, w->path) || str_eq(c->backing[i].file, w->src_path))
			return &c->backing[i];
	for (size_t i = 0; i < c->backing_n; i++)
		if (str_eq(c->backing[i].file, base_name(w->path)) ||
		    (w->src_path && str_eq(c->backing[i].file, base_name(w->src_path))))
			return &c->backing[i];
	return NULL;
}

char *service_glance_url(const char *base, const char *id, bool data)
{
	size_t len = strlen(base);

	if (!str_is_uuid(id))
		return NULL;
	while (len && base[len - 1] == '/')
		len--;
	return str_printf("%.*s/v2/images/%s%s", (int)len, base, id, data ? "/file" : "");
}

/* ---- Glance's description of it ---- */

/* NULL: it is missing, null, or no string. */
static const char *text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static bool is_absent(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return !v || json_is_null(v);
}

static int bad_field(const json_t *o, const char *name, const char *problem, struct err *err)
{
	const char *text = text_of(o, name);
	auto_free char *shown = text ? str_sanitize(text, 60) : NULL;

	if (shown)
		return err_set(err, E_FETCH, 0, "its %s is \"%s\": %s", name, shown, problem);
	return err_set(err, E_FETCH, 0, "its %s is missing or of a wrong kind", name);
}

/* Glance may be set to any algorithm of hashlib; one that is not trusted is as none. */
static int read_digest(const json_t *o, char **digest, struct err *err)
{
	const char *algo = text_of(o, "os_hash_algo"), *hex = text_of(o, "os_hash_value");
	size_t digits = str_eq(algo, "sha256") ? 64 : 128;

	if (is_absent(o, "os_hash_algo") || is_absent(o, "os_hash_value"))
		return 0;
	if (!algo)
		return bad_field(o, "os_hash_algo", "", err);
	if (!str_eq(algo, "sha256") && !str_eq(algo, "sha512"))
		return 0;
	if (!hex || strlen(hex) != digits || strspn(hex, "0123456789abcdefABCDEF") != digits)
		return bad_field(o, "os_hash_value", "it is no digest of its os_hash_algo", err);
	*digest = str_printf("%s:%s", algo, hex);
	return 0;
}

static int read_image(const json_t *o, const char *id, struct service_image *out, struct err *err)
{
	const char *said = text_of(o, "id"), *format = text_of(o, "disk_format");
	const json_t *size = json_object_get(o, "size");

	if (!said || strcasecmp(said, id) != 0)
		return bad_field(o, "id", "it is another image", err);
	if (!str_eq(text_of(o, "status"), "active"))
		return bad_field(o, "status", "only an active image can be downloaded", err);
	if (!is_absent(o, "container_format") && !str_eq(text_of(o, "container_format"), "bare"))
		return bad_field(o, "container_format", "only bare images can be used", err);
	if (!str_eq(format, "raw") && !str_eq(format, "qcow2"))
		return bad_field(o, "disk_format", "only raw and qcow2 can be used", err);
	if (!json_is_integer(size) || json_integer_value(size) <= 0 ||
	    json_integer_value(size) > (json_int_t)IMAGE_SIZE_MAX)
		return err_set(err, E_FETCH, 0, "its size is no size");
	if (read_digest(o, &out->digest, err) < 0)
		return -1;
	out->size = (uint64_t)json_integer_value(size);
	strcpy(out->format, format);
	return 0;
}

int service_parse_image(const char *json, size_t len, const char *id, struct service_image *out, struct err *err)
{
	json_error_t why;
	json_t *o = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);
	struct service_image image = { 0 };
	int rc;

	if (!json_is_object(o)) {
		json_decref(o);
		err_set(err, E_FETCH, 0, "the answer is not Glance's description of an image");
		return err_hint(err, "glance_url is the address of the image service itself, without /v2 and without"
				     " the one of Keystone");
	}
	rc = read_image(o, id, &image, err);
	json_decref(o);
	if (rc == 0)
		*out = image;
	return rc;
}

/* ---- the token ---- */

static int open_token(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_set(err, E_CONFIG, errno, "token_file %s", path);
	} else if (!S_ISREG(st.st_mode)) {
		err_set(err, E_CONFIG, 0, "token_file %s is not a regular file", path);
	} else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		err_set(err, E_CONFIG, 0, "token_file %s: others than its owner have rights on it (mode %04o)", path,
			(unsigned)(st.st_mode & 07777));
		err_hint(err, "chmod 600 %s", path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Blanks at both ends go; what is left must be of visible ASCII. -1: it is not. */
static int trim_token(char *text, size_t len)
{
	size_t from = strspn(text, " \t\r\n");

	while (len > from && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	memmove(text, text + from, len - from + 1);
	for (size_t i = 0; i < len - from; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return -1;
	return len > from ? 0 : -1;
}

char *service_read_token(const char *path, struct err *err)
{
	auto_close int fd = open_token(path, err);
	char *text;
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return NULL;
	text = xcalloc(TOKEN_MAX + 2, 1);
	while (len <= TOKEN_MAX && ((n = read(fd, text + len, TOKEN_MAX + 1 - len)) > 0 || (n < 0 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	if (n < 0)
		err_set(err, E_CONFIG, errno, "token_file %s", path);
	else if (len > TOKEN_MAX)
		err_set(err, E_CONFIG, 0, "token_file %s is longer than %d bytes", path, TOKEN_MAX);
	else if (strlen(text) != len || trim_token(text, len) < 0)
		err_set(err, E_CONFIG, 0, "token_file %s has no token in it: one word is needed", path);
	else
		return text;
	explicit_bzero(text, TOKEN_MAX);
	free(text);
	return NULL;
}

/* ---- the download ---- */

/* Where it is to be had, and what it must be. */
struct source {
	const struct image_config *c;
	struct host *dst;
	void (*note)(void *arg, const char *text);
	void *arg;
	const char *format; /* wanted */
	char *name;         /* for messages: "image UUID" or the URL */
	char *url, *token, *digest;
	bool glance;
	struct service_image image; /* size 0: unknown */
};

static void source_clear(struct source *s)
{
	if (s->token)
		explicit_bzero(s->token, strlen(s->token));
	free(s->token);
	free(s->name);
	free(s->url);
	free(s->digest);
	free(s->image.digest);
}
#define auto_source AUTO(source_clear)

static void say(const struct source *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct source *s, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list ap;

	if (!s->note)
		return;
	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	s->note(s->arg, text);
}

/* The statuses that say more of the image service than of the way to it. why is moved or freed. */
static int explain(const struct source *s, unsigned http_status, struct err *why, struct err *err)
{
	if (err_is(why, E_FETCH) && (http_status == 401 || http_status == 403)) {
		err_set(err, E_FETCH, 0, "%s: HTTP %u: %s", s->name, http_status,
			!s->glance ? "the server wants a login"
			: s->token ? "the token is refused, or has expired"
				   : "Glance wants a token");
		if (s->glance && s->c->token_file)
			err_hint(err, "renew it: openstack token issue -f value -c id >%s", s->c->token_file);
		else if (s->glance)
			err_hint(err, "set token_file in the section images of vmmig.conf");
	} else if (err_is(why, E_FETCH) && http_status == 404) {
		err_set(err, E_FETCH, 0, "%s: HTTP 404: there is none at %s", s->name,
			s->glance ? s->c->glance_url : "that address");
	} else {
		err_copy(err, why);
		if (s->glance) /* else it is the URL, which is there already */
			err_wrap(err, "%s", s->name);
	}
	err_clear(why);
	return -1;
}

static int ask_glance(struct source *s, const char *id, struct err *err)
{
	auto_free char *url = service_glance_url(s->c->glance_url, id, false);
	struct buf answer auto_buf = { 0 };
	struct err why = ERR_INIT;
	unsigned status;

	if (host_http_get(s->dst, url, s->token, &answer, &status, &why) < 0)
		return explain(s, status, &why, err);
	if (service_parse_image(answer.p, answer.len, id, &s->image, err) < 0)
		return err_wrap(err, "%s", s->name);
	return 0;
}

static int from_glance(struct source *s, const char *id, const char *digest, struct err *err)
{
	auto_free char *shown = str_sanitize(id, 60);

	s->glance = true;
	s->name = str_printf("image %s", shown);
	if (!s->c->glance_url)
		return err_set(err, E_CONFIG, 0, "%s: there is no glance_url", s->name);
	s->url = service_glance_url(s->c->glance_url, id, true);
	if (!s->url)
		return err_set(err, E_FETCH, 0, "%s: that is no UUID", s->name);
	if (s->c->token_file) {
		s->token = service_read_token(s->c->token_file, err);
		if (!s->token)
			return -1;
	}
	if (ask_glance(s, id, err) < 0)
		return -1;
	s->digest = xstrdup(digest ? digest : s->image.digest);
	if (s->digest)
		return 0;
	err_set(err, E_FETCH, 0, "%s: Glance has no sha256 or sha512 digest (os_hash_value) of it", s->name);
	return err_hint(err, "give its digest in the list backing of vmmig.conf");
}

static void from_url(struct source *s, const struct image_entry *e)
{
	s->url = xstrdup(e->url);
	s->name = download_shown(e->url);
	s->digest = xstrdup(e->digest);
	strcpy(s->image.format, str_eq(e->format ? e->format : s->format, "qcow2") ? "qcow2" : "raw");
}

static int remove_file(const struct source *s, const char *path, struct err *err)
{
	const char *argv[] = { "rm", "-f", "--", path, NULL };
	struct exec_result r auto_exec = { 0 };

	return host_exec(s->dst, argv, 0, &r, err);
}

/* 0: it is right; 1: it is not, err is not set then; -1. */
static int verify(const struct source *s, const char *path, char **is, struct err *err)
{
	const char *colon = strchr(s->digest, ':');
	auto_free char *algo = xstrndup(s->digest, (size_t)(colon - s->digest));

	say(s, "verifying the %s of %s", algo, s->name);
	if (host_digest(s->dst, path, algo, is, err) < 0)
		return err_wrap(err, "%s", s->name);
	return strcasecmp(*is, colon + 1) == 0 ? 0 : 1;
}

/* The download never eats what other guests on that file system may need. */
static int check_room(const struct source *s, const char *path, struct err *err)
{
	struct err ignored auto_err = ERR_INIT;
	uint64_t reserve = (uint64_t)s->c->reserve_mib << 20, missing;
	struct file_fact f = { 0 };
	bool full;

	if (!s->image.size || files_stat(s->dst, &path, 1, &f, &ignored) < 0)
		return 0; /* it will be seen when it is full */
	missing = s->image.size - (f.size < s->image.size ? f.size : 0);
	full = f.present != FACT_UNKNOWN && f.avail < missing + reserve;
	if (full) {
		auto_free char *need = str_bytes(missing), *have = str_bytes(f.avail), *keep = str_bytes(reserve);

		err_set(err, E_FETCH, 0,
			"%s: %s do not fit at %s: %s are free there, of which %s stay so (reserve_mib)", s->name, need,
			path, have, keep);
	}
	file_fact_clear(&f);
	return full ? -1 : 0;
}

/* To path, with the right digest. */
static int download(const struct source *s, const char *path, struct err *err)
{
	if (check_room(s, path, err) < 0)
		return -1;
	for (int left = 1;; left--) {
		auto_free char *is = NULL;
		struct err why = ERR_INIT;
		unsigned status;
		int pieces = host_download(s->dst, s->url, s->token, path, s->image.size, &status, &why), wrong;

		if (pieces < 0)
			return explain(s, status, &why, err);
		wrong = verify(s, path, &is, err);
		if (wrong <= 0)
			return wrong;
		if (remove_file(s, path, err) < 0)
			return -1;
		if (!pieces || !left)
			return err_set(err, E_FETCH, 0, "%s: its digest is %.*s…, not %.*s…", s->name, SHOWN_HEX, is,
				       (int)(strcspn(s->digest, ":") + 1 + SHOWN_HEX), s->digest);
		/* what was there before may have been of something else */
		say(s, "%s came in pieces that do not fit together: once more from the beginning", s->name);
	}
}

/*
 * An image that refers to other files would let whoever made it read any file of the destination. A backing file
 * is right only where the operator has named the file (and its digest) himself, and it is not converted.
 */
static int check_qcow2(const struct source *s, const char *path, bool backing, struct err *err)
{
	struct image_chain chain auto_image_chain = { 0 };
	struct err why auto_err = ERR_INIT;
	const struct image_info *i;

	if (image_chain(s->dst, path, "qcow2", false, &chain, &why) < 0) {
		if (!err_is(&why, E_REMOTE))
			return err_copy(err, &why);
		return err_set(err, E_FETCH, 0, "%s is no qcow2 image that can be used: %s", s->name, why.msg);
	}
	i = &chain.v[0];
	if ((i->backing || i->backing_said) && !backing)
		return err_set(err, E_FETCH, 0, "%s: the image has a backing file; it is not used", s->name);
	if (i->data_file)
		return err_set(err, E_FETCH, 0, "%s: the image has an external data file; it is not used", s->name);
	if (i->encrypted)
		return err_set(err, E_FETCH, 0, "%s: the image is encrypted; it is not used", s->name);
	return 0;
}

static int fetch(const struct source *s, const char *part, struct err *err)
{
	auto_free char *other = str_printf("%s.download", part), *size = str_bytes(s->image.size);
	bool convert = !str_eq(s->image.format, s->format);
	const char *path = convert ? other : part;

	if (s->glance)
		say(s, "downloading %s (%s) from %s", s->name, size, s->c->glance_url);
	else
		say(s, "downloading %s", s->name);
	if (download(s, path, err) < 0)
		return -1;
	if (str_eq(s->image.format, "qcow2") && check_qcow2(s, path, !s->glance && !convert, err) < 0) {
		remove_file(s, path, NULL);
		return -1;
	}
	if (!convert)
		return 0;
	say(s, "converting %s to %s", s->name, s->format);
	if (host_image_convert(s->dst, other, s->image.format, part, s->format, err) < 0) {
		remove_file(s, part, NULL); /* a half is of no use, and the disk may be full */
		return err_wrap(err, "%s", s->name);
	}
	return remove_file(s, other, err);
}

int service_fetch(const struct image_config *c, struct host *dst, const struct service_want *w, const char *part,
		  void (*note)(void *arg, const char *text), void *arg, struct err *err)
{
	struct source s auto_source = { .c = c, .dst = dst, .note = note, .arg = arg, .format = w->format };
	const struct image_entry *e = service_match(c, w);

	if (!e && !(c->glance_url && w->image_id))
		return 1;
	if (e && e->url)
		from_url(&s, e);
	else if (from_glance(&s, e ? e->glance_id : w->image_id, e ? e->digest : NULL, err) < 0)
		return -1;
	return fetch(&s, part, err);
}

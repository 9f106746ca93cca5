/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Image services: which image a file is, what Glance's answers are taken for, and what curl is told. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "host/download.h"
#include "migrate/service.h"

#define ID "3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c4"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- which image ---- */

static void matches(void **state)
{
	struct image_entry entries[] = {
		{ .file = (char[]) { "base" } },       { .file = (char[]) { "/b/_base/base" } },
		{ .file = (char[]) { "/src/other" } }, { .file = (char[]) { "größe 1.img" } },
		{ .file = (char[]) { "base" } },
	};
	const struct image_config c = { .backing = entries, .backing_n = ARRAY_SIZE(entries) };
	static const struct {
		const char *path, *src_path;
		int entry;
	} cases[] = {
		{ "/b/_base/base", "/x", 1 },      /* the path goes before a name */
		{ "/x", "/b/_base/base", 1 },      /* at the source, too */
		{ "/c/base", "/x/y", 0 },          /* the first of two */
		{ "/x", "/y/base", 0 },            /* the name at the source */
		{ "/dst/other", "/src/other", 2 }, /* another name here */
		{ "/src/other", NULL, 2 },         /* nothing is known of the source */
		{ "/x/größe 1.img", "/y", 3 },
		{ "/dst/other", "/dst/other", -1 },
		{ "/src/other/", "/x", -1 },
		{ "/base/x", "/base/", -1 }, /* a directory of that name */
		{ "/x/base2", "/x/Base", -1 },
		{ "/", NULL, -1 },
	};
	static const struct image_config none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service_want w = { .path = cases[i].path, .src_path = cases[i].src_path };
		const struct image_entry *e = service_match(&c, &w);

		if (e != (cases[i].entry < 0 ? NULL : &entries[cases[i].entry]))
			fail_msg("%s, %s: entry %td", w.path, w.src_path, e ? e - entries : -1);
		assert_null(service_match(&none, &w));
	}
}

static void nothing_configured(void **state)
{
	const struct image_config none = { 0 }, glance = { .glance_url = (char[]) { "http://g" } };
	static const struct service_want w = { "/a", "/a", ID, "raw" }, no_id = { "/a", "/a", NULL, "raw" };
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(service_fetch(&none, NULL, &w, "/a.part", NULL, NULL, &err), 1);
	assert_int_equal(service_fetch(&glance, NULL, &no_id, "/a.part", NULL, NULL, &err), 1);
	assert_null(err.id);
}

static void wrong_before_anything_is_asked(void **state)
{
	const struct image_config c = { .glance_url = (char[]) { "http://g" },
					.token_file = (char[]) { "/nonexistent/t" } };
	static const struct service_want bad_id = { "/a", "/a", "../../etc", "raw" }, w = { "/a", "/a", ID, "raw" };
	auto_err struct err err = ERR_INIT, err2 = ERR_INIT;

	(void)state;
	assert_int_equal(service_fetch(&c, NULL, &bad_id, "/a.part", NULL, NULL, &err), -1);
	assert_true(err_is(&err, E_FETCH));
	assert_string_equal(err.msg, "image ../../etc: that is no UUID");
	assert_int_equal(service_fetch(&c, NULL, &w, "/a.part", NULL, NULL, &err2), -1);
	assert_true(err_is(&err2, E_CONFIG));
	assert_string_equal(err2.msg, "token_file /nonexistent/t: No such file or directory");
}

static void glance_urls(void **state)
{
	static const struct {
		const char *base, *id;
		bool data;
		const char *url;
	} cases[] = {
		{ "http://g:9292", ID, false, "http://g:9292/v2/images/" ID },
		{ "http://g:9292/", ID, true, "http://g:9292/v2/images/" ID "/file" },
		{ "https://[::1]/image//", ID, false, "https://[::1]/image/v2/images/" ID },
		{ "http://g", "3F0C8C2E-52F5-4C5A-9F4E-1D2F7A90B6C4", false,
		  "http://g/v2/images/3F0C8C2E-52F5-4C5A-9F4E-1D2F7A90B6C4" },
		{ "http://g", "", false, NULL },
		{ "http://g", "3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c", false, NULL },
		{ "http://g", ID "0", false, NULL },
		{ "http://g", ID "/../x", false, NULL },
		{ "http://g", "../../v3/../aaaaaaaaaaaaaaaaaaaaaaaa", false, NULL },
		{ "http://g", "3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c\n", false, NULL },
		{ "http://g", "3f0c8c2e052f5-4c5a-9f4e-1d2f7a90b6c4", false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *url = service_glance_url(cases[i].base, cases[i].id, cases[i].data);

		if (!str_eq(url, cases[i].url))
			fail_msg("%s, %s: %s", cases[i].base, cases[i].id, url);
	}
}

/* ---- what Glance says ---- */

/* As Glance 25 answers, shortened. */
#define GOOD                                                                                                         \
	"{\"os_hash_algo\": \"sha512\", \"os_hash_value\": \"" HEX64 HEX64 "\", \"os_hidden\": false, \"id\": \"" ID \
	"\", \"name\": \"debian\", \"size\": 117440512, \"status\": \"active\","                                     \
	" \"disk_format\": \"qcow2\", \"container_format\": \"bare\", \"checksum\": "                                \
	"\"d41d8cd98f00b204e9800998ecf8427e\","                                                                      \
	" \"virtual_size\": null, \"tags\": [], \"protected\": false, \"schema\": \"/v2/schemas/image\"}"

static int parse(const char *json, struct service_image *out, struct err *err)
{
	return service_parse_image(json, strlen(json), ID, out, err);
}

static void images(void **state)
{
	static const struct {
		const char *json;
		uint64_t size;
		const char *format, *digest;
	} cases[] = {
		{ GOOD, 117440512, "qcow2", "sha512:" HEX64 HEX64 },
		{ "{\"id\":\"3F0C8C2E-52F5-4C5A-9F4E-1D2F7A90B6C4\",\"status\":\"active\",\"size\":1,\"disk_format\":"
		  "\"raw\"}",
		  1, "raw", NULL },
		{ "{\"id\":\"" ID "\",\"status\":\"active\",\"size\":1152921504606846976,\"disk_format\":\"raw\","
		  "\"container_format\":null,\"os_hash_algo\":null,\"os_hash_value\":null}",
		  UINT64_C(1) << 60, "raw", NULL },
		{ "{\"id\":\"" ID
		  "\",\"status\":\"active\",\"size\":5,\"disk_format\":\"raw\",\"os_hash_algo\":\"sha256\","
		  "\"os_hash_value\":\"" HEX64 "\"}",
		  5, "raw", "sha256:" HEX64 },
		/* no trust in these */
		{ "{\"id\":\"" ID
		  "\",\"status\":\"active\",\"size\":5,\"disk_format\":\"raw\",\"os_hash_algo\":\"md5\","
		  "\"os_hash_value\":\"d41d8cd98f00b204e9800998ecf8427e\"}",
		  5, "raw", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct service_image image = { 0 };
		auto_err struct err err = ERR_INIT;

		if (parse(cases[i].json, &image, &err) < 0)
			fail_msg("%s: %s", cases[i].json, err.msg);
		assert_int_equal(image.size, cases[i].size);
		assert_string_equal(image.format, cases[i].format);
		assert_true(str_eq(image.digest, cases[i].digest));
		free(image.digest);
	}
}

/* A description with one field of it said in another way; NULL: left out. */
static char *with(const char *name, const char *value)
{
	static const char *const fields[][2] = {
		{ "id", "\"" ID "\"" },
		{ "status", "\"active\"" },
		{ "size", "512" },
		{ "disk_format", "\"raw\"" },
		{ "container_format", "\"bare\"" },
		{ "os_hash_algo", "\"sha512\"" },
		{ "os_hash_value", "\"" HEX64 HEX64 "\"" },
	};
	struct buf b = { 0 };

	buf_add(&b, "{", 1);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *v = str_eq(fields[i][0], name) ? value : fields[i][1];

		if (v)
			buf_addf(&b, "%s\"%s\":%s", b.len > 1 ? "," : "", fields[i][0], v);
	}
	buf_add(&b, "}", 1);
	return b.p;
}

static void hostile_fields(void **state)
{
	static const struct {
		const char *name, *value, *message;
	} cases[] = {
		{ "id", NULL, "its id is missing or of a wrong kind" },
		{ "id", "7", "its id is missing or of a wrong kind" },
		{ "id", "\"3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c5\"", "it is another image" },
		{ "id", "\"\"", "it is another image" },
		{ "status", NULL, "its status is missing" },
		{ "status", "true", "its status is missing or of a wrong kind" },
		{ "status", "\"queued\"", "its status is \"queued\": only an active image can be downloaded" },
		{ "status", "\"deactivated\"", "its status is \"deactivated\"" },
		{ "status", "\"Active\"", "its status is \"Active\"" },
		{ "status", "\"\\u001b[31m\"", "its status is \"\\x1b[31m\"" },
		{ "status", "\"active\\u0000\"", "not Glance's description" },
		{ "size", NULL, "its size is no size" },
		{ "size", "null", "its size is no size" },
		{ "size", "0", "its size is no size" },
		{ "size", "-1", "its size is no size" },
		{ "size", "\"512\"", "its size is no size" },
		{ "size", "512.0", "its size is no size" },
		{ "size", "1152921504606846977", "its size is no size" },
		{ "size", "9223372036854775807", "its size is no size" },
		{ "size", "18446744073709551616", "not Glance's description" },
		{ "size", "1e400", "not Glance's description" },
		{ "disk_format", NULL, "its disk_format is missing" },
		{ "disk_format", "null", "its disk_format is missing" },
		{ "disk_format", "\"vmdk\"", "its disk_format is \"vmdk\": only raw and qcow2 can be used" },
		{ "disk_format", "\"iso\"", "its disk_format is \"iso\"" },
		{ "disk_format", "\"raw \"", "its disk_format is \"raw \"" },
		{ "disk_format", "[\"raw\"]", "its disk_format is missing or of a wrong kind" },
		{ "container_format", "\"compressed\"", "its container_format is \"compressed\": only bare" },
		{ "container_format", "\"ovf\"", "only bare images can be used" },
		{ "container_format", "1", "its container_format is missing or of a wrong kind" },
		{ "os_hash_algo", "512", "its os_hash_algo is missing or of a wrong kind" },
		{ "os_hash_algo", "\"sha256\"", "it is no digest of its os_hash_algo" },
		{ "os_hash_value", "[]", "its os_hash_value is missing or of a wrong kind" },
		{ "os_hash_value", "\"\"", "it is no digest of its os_hash_algo" },
		{ "os_hash_value", "\"" HEX64 "\"", "it is no digest of its os_hash_algo" },
		{ "os_hash_value", "\"" HEX64 HEX64 "0\"", "it is no digest of its os_hash_algo" },
		{ "os_hash_value", "\"x" HEX64 "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
		  "it is no digest of its os_hash_algo" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *json = with(cases[i].name, cases[i].value);
		struct service_image image = { 0 };
		auto_err struct err err = ERR_INIT;

		if (parse(json, &image, &err) == 0)
			fail_msg("%s is taken", json);
		assert_true(err_is(&err, E_FETCH));
		if (!strstr(err.msg, cases[i].message))
			fail_msg("%s gives \"%s\", not \"%s\"", json, err.msg, cases[i].message);
		assert_true(image.size == 0 && !image.digest);
	}
}

static void hostile_answers(void **state)
{
	auto_free char *deep = xcalloc(100001, 1);
	const char *const texts[] = {
		"",
		" ",
		"null",
		"[]",
		"\"x\"",
		"{",
		"{}}",
		"<html>404</html>",
		GOOD GOOD,
		"[" GOOD "]",
		"{\"id\":\"" ID "\",\"id\":\"" ID "\",\"status\":\"active\",\"size\":1,\"disk_format\":\"raw\"}",
		"{\"id\":\"\xff\"}",
		"{\"versions\": [{\"id\": \"v2.15\"}",
		deep,
	};

	(void)state;
	memset(deep, '[', 100000);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct service_image image = { 0 };
		auto_err struct err err = ERR_INIT;

		if (parse(texts[i], &image, &err) == 0)
			fail_msg("%s is taken", texts[i]);
		assert_true(err_is(&err, E_FETCH));
		assert_string_equal(err.msg, "the answer is not Glance's description of an image");
		assert_true(str_starts(err.hint, "glance_url is "));
	}
	/* with a NUL behind it, or cut */
	for (size_t len = 0; len < sizeof(GOOD) + 1; len++) {
		struct service_image image = { 0 };

		if (len == sizeof(GOOD) - 1)
			continue;
		assert_int_equal(service_parse_image(GOOD "\0", len, ID, &image, NULL), -1);
		assert_null(image.digest);
	}
}

/* ---- the token ---- */

static int make_file(void **state)
{
	char *path = xstrdup("/tmp/vmmig-unit.XXXXXX");
	int fd = mkstemp(path);

	*state = path;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	unlink(*state);
	free(*state);
	return 0;
}

static void write_token(const char *path, const char *text, size_t len, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fwrite(text, len, 1, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void tokens(void **state)
{
	static const struct {
		const char *text, *token;
	} cases[] = {
		{ "gAAAAABk-_x==", "gAAAAABk-_x==" },
		{ "gAAAA\n", "gAAAA" },
		{ "\r\n  \tgAAAA \r\n\n", "gAAAA" },
		{ "\"\\#!~", "\"\\#!~" },
		{ "", NULL },
		{ " \n", NULL },
		{ "a b", NULL },
		{ "a\nX-Other: b\n", NULL },
		{ "a\x01", NULL },
		{ "a\x7f", NULL },
		{ "tök", NULL },
	};
	const char *path = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		auto_free char *token = NULL;

		write_token(path, cases[i].text, strlen(cases[i].text), 0600);
		token = service_read_token(path, &err);
		if (!str_eq(token, cases[i].token))
			fail_msg("case %zu: %s", i, token);
		assert_int_equal(err_is(&err, E_CONFIG), !token);
		if (!token)
			assert_non_null(strstr(err.msg, "has no token in it"));
	}
}

static void expect_no_token(const char *path, const char *message, const char *hint)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *wanted = hint ? str_printf("%s%s", hint, path) : NULL;

	assert_null(service_read_token(path, &err));
	assert_true(err_is(&err, E_CONFIG));
	if (!strstr(err.msg, message))
		fail_msg("\"%s\", not \"%s\"", err.msg, message);
	assert_true(str_eq(err.hint, wanted));
}

static void token_files(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0601, 0666 };
	auto_free char *text = xcalloc(20000, 1), *token = NULL;
	const char *path = *state;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		write_token(path, "gAAAA", 5, modes[i]);
		expect_no_token(path, "others than its owner have rights on it (mode 06", "chmod 600 ");
	}
	memset(text, 'x', 19999);
	write_token(path, text, 16 << 10, 0400);
	token = service_read_token(path, NULL);
	assert_int_equal(strlen(token), 16 << 10);
	chmod(path, 0600);
	write_token(path, text, (16 << 10) + 1, 0600);
	expect_no_token(path, "is longer than 16384 bytes", NULL);
	write_token(path, "gAA\0AA", 6, 0600);
	expect_no_token(path, "has no token in it", NULL);
	expect_no_token("/tmp", "token_file /tmp is not a regular file", NULL);
	expect_no_token("/dev/null", "is not a regular file", NULL);
	expect_no_token("/nonexistent", "No such file", NULL);
}

/* A FIFO that nobody writes must not hold us. */
static void token_fifo(void **state)
{
	const char *path = *state;

	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_no_token(path, "is not a regular file", NULL);
}

/* ---- curl ---- */

static void shown_urls(void **state)
{
	static const char *const cases[][2] = {
		{ "https://h/p/a.img", "https://h/p/a.img" },
		{ "https://me:secret@h:1/p?sig=secret", "https://h:1/p" },
		{ "http://me@[::1]/p@q#f", "http://[::1]/p@q" },
		{ "http://h?a@b", "http://h" },
		{ "http://h", "http://h" },
		{ "http://a@b@h/x", "http://h/x" },
		{ "h/p?x", "h/p" },
		{ "http://h/\033[31m", "http://h/\\x1b[31m" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *shown = download_shown(cases[i][0]);

		assert_string_equal(shown, cases[i][1]);
	}
}

static void curl_configs(void **state)
{
	auto_free char *plain = download_config("http://h/a\"b\\c\\\"{1,2}[3]", NULL, false);
	auto_free char *secret = download_config("http://h/", "t\"o\\k\"\\", false), *most = xcalloc(40001, 1);
	auto_free char *small = download_config("http://h/", "t", true), *whole = NULL;

	(void)state;
	assert_true(str_starts(plain, "url = \"http://h/a\\\"b\\\\c\\\\\\\"{1,2}[3]\"\nlocation\nmax-redirs = 5\n"));
	assert_non_null(strstr(plain, "proto-redir = \"=http,https\"\n"));
	assert_non_null(strstr(plain, "\nproto = \"=http,https\"\ngloboff\n"));
	assert_non_null(strstr(plain, "\nfail\n"));
	assert_non_null(strstr(plain, "\nspeed-time = 30\n"));
	assert_null(strstr(plain, "header"));
	assert_null(strstr(plain, "max-time"));
	assert_true(str_starts(secret, "url = \"http://h/\"\nheader = \"X-Auth-Token: t\\\"o\\\\k\\\"\\\\\"\n"));
	/* another server would get the token, too */
	assert_null(strstr(secret, "location"));
	assert_non_null(strstr(small, "\nmax-time = 30\n"));
	assert_non_null(strstr(small, "write-out = \"\\n%{http_code}\"\n"));
	assert_null(strstr(small, "\nend\n"));
	assert_null(download_config("http://h/\nupload-file = /etc/shadow", NULL, false));
	assert_null(download_config("http://h/", "a\r\nX: b", false));
	assert_null(download_config("http://h/\x7f", NULL, false));
	memset(most, '"', 40000);
	whole = download_config(most, most, true);
	assert_true(strlen(whole) > 160000 && whole[strlen(whole) - 1] == '\n');
}

static void answers_of_the_script(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"200 0 1",
		"200 0 1\n",
		"200 0 1 2",
		"200 0 1 2\n\n",
		"200 0 1 2 3\n",
		" 0 1 2\n",
		"200  1 2\n",
		"200 -1 1 2\n",
		"1000 0 1 2\n",
		"200 0 1 9223372036854775808\n",
		"x\n200 0 1 2\n",
		"200 0 0x1 2\n",
	};
	struct download_try t;

	(void)state;
	assert_int_equal(download_parse_try("206 18 100 9223372036854775807\n", &t), 0);
	assert_int_equal(t.http_status, 206);
	assert_int_equal(t.exit_status, 18);
	assert_true(t.before == 100 && t.after == INT64_MAX);
	assert_int_equal(download_parse_try("0206 18 1 2\n", &t), 0);
	assert_int_equal(t.http_status, 206);
	assert_int_equal(download_parse_try("0 153 1 2\n", &t), 0);
	assert_int_equal(download_parse_try("000 7 0 0\n", &t), 0);
	assert_int_equal(t.http_status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (download_parse_try(bad[i], &t) == 0)
			fail_msg("\"%s\" is taken", bad[i]);
}

static void what_next(void **state)
{
	static const struct {
		struct download_try t;
		uint64_t size;
		bool got;
		enum download_next next;
	} cases[] = {
		{ { 200, 0, 0, 100 }, 100, true, DOWNLOAD_DONE },
		{ { 206, 0, 50, 100 }, 100, true, DOWNLOAD_DONE },
		{ { 200, 0, 0, 7 }, 0, true, DOWNLOAD_DONE },
		{ { 200, 0, 0, 0 }, 0, false, DOWNLOAD_DONE }, /* an empty file */
		{ { 200, 0, 0, 50 }, 100, true, DOWNLOAD_ON }, /* no Content-Length, and cut */
		{ { 200, 0, 0, 101 }, 100, true, DOWNLOAD_TOO_LONG },
		{ { 200, 153, 0, 512 }, 100, true, DOWNLOAD_TOO_LONG },
		{ { 200, 23, 0, 512 }, 100, true, DOWNLOAD_TOO_LONG },
		{ { 200, 23, 0, 50 }, 100, true, DOWNLOAD_NO_WRITE },
		{ { 200, 23, 0, 50 }, 0, true, DOWNLOAD_NO_WRITE },
		{ { 0, 23, 0, 0 }, 100, false, DOWNLOAD_NO_WRITE },
		{ { 200, 18, 0, 50 }, 100, true, DOWNLOAD_ON },
		{ { 206, 56, 50, 50 }, 100, true, DOWNLOAD_ON },
		{ { 0, 52, 0, 0 }, 100, false, DOWNLOAD_ON },
		{ { 200, 28, 0, 50 }, 100, true, DOWNLOAD_ON },
		{ { 0, 28, 0, 0 }, 100, false, DOWNLOAD_FAILED },
		{ { 0, 28, 50, 50 }, 100, true, DOWNLOAD_ON },
		{ { 206, 28, 50, 50 }, 100, true, DOWNLOAD_FAILED },
		{ { 0, 7, 0, 0 }, 100, false, DOWNLOAD_FAILED },
		{ { 0, 7, 50, 50 }, 100, true, DOWNLOAD_ON },
		{ { 0, 6, 0, 0 }, 0, false, DOWNLOAD_FAILED },
		{ { 0, 60, 0, 0 }, 0, true, DOWNLOAD_FAILED }, /* a certificate does not become better */
		{ { 0, 143, 0, 50 }, 0, true, DOWNLOAD_FAILED },
		{ { 401, 22, 0, 0 }, 100, false, DOWNLOAD_FAILED },
		{ { 404, 22, 50, 50 }, 100, true, DOWNLOAD_FAILED },
		{ { 408, 22, 0, 0 }, 100, false, DOWNLOAD_ON },
		{ { 429, 22, 0, 0 }, 100, false, DOWNLOAD_ON },
		{ { 500, 22, 0, 0 }, 100, false, DOWNLOAD_ON },
		{ { 503, 22, 50, 50 }, 0, true, DOWNLOAD_ON },
		/* what is there is longer than what the server has, or all of it */
		{ { 416, 0, 50, 50 }, 100, false, DOWNLOAD_ANEW },
		{ { 416, 0, 50, 50 }, 0, false, DOWNLOAD_DONE },
		{ { 416, 22, 50, 50 }, 0, false, DOWNLOAD_DONE },
		{ { 416, 22, 50, 50 }, 100, true, DOWNLOAD_ANEW },
		{ { 416, 22, 0, 0 }, 0, false, DOWNLOAD_FAILED },
		/* no Range */
		{ { 200, 33, 50, 50 }, 100, false, DOWNLOAD_ANEW },
		{ { 200, 33, 0, 0 }, 100, false, DOWNLOAD_FAILED },
		/* a redirect that is not followed */
		{ { 302, 0, 0, 20 }, 0, true, DOWNLOAD_FAILED },
		{ { 302, 33, 50, 50 }, 0, false, DOWNLOAD_ANEW },
		{ { 204, 0, 0, 0 }, 100, false, DOWNLOAD_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (download_judge(&cases[i].t, cases[i].size, cases[i].got) != cases[i].next)
			fail_msg("case %zu: HTTP %u, curl %u: %d", i, cases[i].t.http_status, cases[i].t.exit_status,
				 download_judge(&cases[i].t, cases[i].size, cases[i].got));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(nothing_configured),
		cmocka_unit_test(wrong_before_anything_is_asked),
		cmocka_unit_test(glance_urls),
		cmocka_unit_test(images),
		cmocka_unit_test(hostile_fields),
		cmocka_unit_test(hostile_answers),
		cmocka_unit_test_setup_teardown(tokens, make_file, remove_file),
		cmocka_unit_test_setup_teardown(token_files, make_file, remove_file),
		cmocka_unit_test_setup_teardown(token_fifo, make_file, remove_file),
		cmocka_unit_test(shown_urls),
		cmocka_unit_test(curl_configs),
		cmocka_unit_test(answers_of_the_script),
		cmocka_unit_test(what_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

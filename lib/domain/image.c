/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "domain/image.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

#include "domain/domain.h"

AUTO_DEFINE(json, json_t *, json_decref)
#define auto_json AUTO(auto_json_)

/* Larger than any format's: VHDX has up to 256 MiB. */
#define CLUSTER_SIZE_MAX (UINT64_C(1) << 30)

enum need { MAY, MUST };

/* What is read: members of one object; all but err is for the message. */
struct reading {
	size_t number;     /* of the image */
	const char *where; /* the object in the image: "", "format-specific.data." */
	struct err *err;
};

static int bad(const struct reading *r, const char *field, const char *problem)
{
	return err_set(r->err, E_REMOTE, 0, "qemu-img info: image %zu: %s%s %s", r->number, r->where, field, problem);
}

/* The member of object o; NULL: it is not there, and need not be. */
static int member(const struct reading *r, const json_t *o, const char *field, enum need need, json_t **out)
{
	*out = json_object_get(o, field);
	return *out || need == MAY ? 0 : bad(r, field, "is missing");
}

static int read_object(const struct reading *r, const json_t *o, const char *field, enum need need, json_t **out)
{
	if (member(r, o, field, need, out) < 0)
		return -1;
	return !*out || json_is_object(*out) ? 0 : bad(r, field, "is not an object");
}

static int read_bool(const struct reading *r, const json_t *o, const char *field, enum need need, bool *out)
{
	json_t *v;

	if (member(r, o, field, need, &v) < 0)
		return -1;
	if (v && !json_is_boolean(v))
		return bad(r, field, "is not true or false");
	if (v)
		*out = json_is_true(v);
	return 0;
}

static int read_uint(const struct reading *r, const json_t *o, const char *field, enum need need, uint64_t max,
		     uint64_t *out)
{
	json_t *v;

	if (member(r, o, field, need, &v) < 0)
		return -1;
	if (!v)
		return 0;
	if (!json_is_integer(v))
		return bad(r, field, "is not a whole number");
	if (json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
		return bad(r, field, "is not a number that can be believed");
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

/* JSON_ALLOW_NUL is not given: no string has a NUL in it. */
static int read_string(const struct reading *r, const json_t *o, const char *field, enum need need, size_t max,
		       char **out)
{
	json_t *v;

	if (member(r, o, field, need, &v) < 0)
		return -1;
	if (!v)
		return 0;
	if (!json_is_string(v))
		return bad(r, field, "is not a string");
	if (json_string_length(v) > max)
		return bad(r, field, "is too long");
	*out = xstrdup(json_string_value(v));
	return 0;
}

/* The words go into options of qemu-img, where a comma begins another one. */
static int read_word(const struct reading *r, const json_t *o, const char *field, enum need need, char **out)
{
	if (read_string(r, o, field, need, IMAGE_STRING_MAX, out) < 0)
		return -1;
	if (*out && (!**out || (*out)[strspn(*out, "abcdefghijklmnopqrstuvwxyz0123456789-_.")]))
		return bad(r, field, "is not a word");
	return 0;
}

static int read_path(const struct reading *r, const json_t *o, const char *field, enum need need, char **out)
{
	if (read_string(r, o, field, need, PATH_MAX - 1, out) < 0)
		return -1;
	if (!*out)
		return 0;
	if (!**out || strchr(*out, '\n'))
		return bad(r, field, "is not a path");
	/* QEMU writes U+FFFD for a byte that is no UTF-8: another file has that name, or none */
	if (strstr(*out, "\xef\xbf\xbd"))
		return bad(r, field, "has bytes in it that are not UTF-8");
	return 0;
}

/* The names in an array of objects: bitmaps, snapshots. */
static int read_names(const struct reading *r, const json_t *o, const char *field, struct strv *out)
{
	auto_free char *where = str_printf("%s%s.", r->where, field);
	struct reading in = { .number = r->number, .where = where, .err = r->err };
	json_t *list, *item;
	size_t i;

	if (member(r, o, field, MAY, &list) < 0)
		return -1;
	if (!list)
		return 0;
	if (!json_is_array(list))
		return bad(r, field, "is not an array");
	if (json_array_size(list) > DOMAIN_ITEMS_MAX)
		return bad(r, field, "has too many items");
	json_array_foreach(list, i, item)
	{
		char *name = NULL;

		if (!json_is_object(item))
			return bad(r, field, "has an item that is not an object");
		if (read_string(&in, item, "name", MUST, IMAGE_STRING_MAX, &name) < 0)
			return -1;
		strv_take(out, name);
	}
	return 0;
}

static int read_encryption(const struct reading *r, const json_t *data, struct image_info *i)
{
	struct reading in = { .number = r->number, .where = "format-specific.data.encrypt.", .err = r->err };
	json_t *encrypt;

	if (read_object(r, data, "encrypt", MAY, &encrypt) < 0)
		return -1;
	if (!encrypt)
		return 0;
	i->encrypted = true;
	return read_word(&in, encrypt, "format", MUST, &i->encrypt_format);
}

/* Version 2 of qcow2 has none of these. extended-l2 came with QEMU 5.2; one before that opens no such image. */
static int read_features(const struct reading *r, const json_t *data, struct image_info *i)
{
	enum need need = str_eq(i->compat, "1.1") ? MUST : MAY;

	if (read_bool(r, data, "lazy-refcounts", need, &i->lazy_refcounts) < 0 ||
	    read_bool(r, data, "corrupt", need, &i->corrupt) < 0 ||
	    read_bool(r, data, "extended-l2", MAY, &i->extended_l2) < 0 ||
	    read_path(r, data, "data-file", MAY, &i->data_file) < 0)
		return -1;
	return read_names(r, data, "bitmaps", &i->bitmaps);
}

static bool power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

static int read_qcow2_data(const struct reading *r, const json_t *data, struct image_info *i)
{
	uint64_t bits = 0;

	if (read_word(r, data, "compat", MUST, &i->compat) < 0 ||
	    read_uint(r, data, "refcount-bits", MUST, 64, &bits) < 0 ||
	    read_word(r, data, "compression-type", MAY, &i->compression_type) < 0)
		return -1;
	if (!str_eq(i->compat, "0.10") && !str_eq(i->compat, "1.1"))
		return bad(r, "compat", "is not known");
	if (!power_of_two(bits))
		return bad(r, "refcount-bits", "is none that qcow2 can have");
	i->refcount_bits = (unsigned)bits;
	return read_features(r, data, i) < 0 ? -1 : read_encryption(r, data, i);
}

static int read_qcow2(const struct reading *r, const json_t *specific, struct image_info *i)
{
	struct reading in = { .number = r->number, .where = "format-specific.", .err = r->err };
	auto_free char *type = NULL;
	json_t *data;

	if (!power_of_two(i->cluster_size) || i->cluster_size < 512 || i->cluster_size > 2 << 20)
		return bad(r, "cluster-size", i->cluster_size ? "is none that qcow2 can have" : "is missing");
	if (read_word(&in, specific, "type", MUST, &type) < 0 || read_object(&in, specific, "data", MUST, &data) < 0)
		return -1;
	if (!str_eq(type, "qcow2"))
		return bad(&in, "type", "is not qcow2");
	in.where = "format-specific.data.";
	return read_qcow2_data(&in, data, i);
}

static int read_backing(const struct reading *r, const json_t *o, struct image_info *i)
{
	if (read_path(r, o, "full-backing-filename", MAY, &i->backing) < 0 ||
	    read_path(r, o, "backing-filename", i->backing ? MUST : MAY, &i->backing_said) < 0)
		return -1;
	if (!i->backing)
		i->backing = xstrdup(i->backing_said);
	return read_word(r, o, "backing-filename-format", MAY, &i->backing_format);
}

static int read_image(const struct reading *r, const json_t *o, struct image_info *i)
{
	json_t *specific;
	bool qcow2;

	if (!json_is_object(o))
		return bad(r, "it", "is not an object");
	if (read_path(r, o, "filename", MUST, &i->path) < 0 || read_word(r, o, "format", MUST, &i->format) < 0)
		return -1;
	qcow2 = str_eq(i->format, "qcow2");
	if (read_uint(r, o, "virtual-size", MUST, IMAGE_SIZE_MAX, &i->virtual_size) < 0 ||
	    read_uint(r, o, "actual-size", MAY, IMAGE_SIZE_MAX, &i->actual_size) < 0 ||
	    read_uint(r, o, "cluster-size", MAY, CLUSTER_SIZE_MAX, &i->cluster_size) < 0 ||
	    read_bool(r, o, "dirty-flag", qcow2 ? MUST : MAY, &i->dirty) < 0 ||
	    read_bool(r, o, "encrypted", MAY, &i->encrypted) < 0 || read_names(r, o, "snapshots", &i->snapshots) < 0 ||
	    read_backing(r, o, i) < 0 || read_object(r, o, "format-specific", qcow2 ? MUST : MAY, &specific) < 0)
		return -1;
	return qcow2 ? read_qcow2(r, specific, i) : 0;
}

/* An array is the whole chain, from one that has a backing file to one that has none. */
static int read_chain(const json_t *list, struct image_chain *c, struct err *err)
{
	size_t n = json_array_size(list);

	if (!n || n > DOMAIN_ITEMS_MAX)
		return err_set(err, E_REMOTE, 0, "qemu-img info: %s images in one backing chain",
			       n ? "too many" : "no");
	for (size_t i = 0; i < n; i++) {
		struct reading r = { .number = i + 1, .where = "", .err = err };
		struct image_info *info = ARRAY_ADD(c->v, c->n);

		if (read_image(&r, json_array_get(list, i), info) < 0)
			return -1;
		if (!info->backing && i + 1 < n)
			return bad(&r, "full-backing-filename", "is missing, but the chain goes on");
		if (info->backing && i + 1 == n)
			return bad(&r, "full-backing-filename", "is there, but the chain ends");
	}
	return 0;
}

static json_t *load(const char *json, size_t len, struct err *err)
{
	auto_free char *shown = NULL;
	json_error_t problem;
	json_t *root;

	if (len > IMAGE_JSON_MAX) {
		err_set(err, E_REMOTE, 0, "qemu-img info: the answer is longer than %d bytes", IMAGE_JSON_MAX);
		return NULL;
	}
	root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &problem);
	if (root)
		return root;
	shown = str_sanitize(problem.text, sizeof(problem.text));
	err_set(err, E_REMOTE, 0, "qemu-img info: the answer is not JSON: line %d: %s", problem.line, shown);
	return NULL;
}

int image_chain_parse(const char *json, size_t len, struct image_chain *out, struct err *err)
{
	auto_json json_t *root = load(json, len, err);
	auto_image_chain struct image_chain c = { 0 };
	struct reading r = { .number = 1, .where = "", .err = err };
	int rc;

	if (!root)
		return -1;
	if (json_is_array(root))
		rc = read_chain(root, &c, err);
	else
		rc = read_image(&r, root, ARRAY_ADD(c.v, c.n));
	if (rc < 0)
		return -1;
	*out = c;
	c = (struct image_chain) { 0 };
	return 0;
}

static void info_clear(struct image_info *i)
{
	free(i->path);
	free(i->format);
	free(i->backing);
	free(i->backing_said);
	free(i->backing_format);
	free(i->compat);
	free(i->compression_type);
	free(i->data_file);
	free(i->encrypt_format);
	strv_clear(&i->snapshots);
	strv_clear(&i->bitmaps);
}

void image_chain_clear(struct image_chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		info_clear(&c->v[i]);
	free(c->v);
	*c = (struct image_chain) { 0 };
}

char *image_create_options(const struct image_info *i)
{
	struct buf b = { 0 };

	if (!str_eq(i->format, "qcow2"))
		return NULL;
	buf_addf(&b, "compat=%s,cluster_size=%" PRIu64, i->compat, i->cluster_size);
	/* the rest needs version 3 */
	if (str_eq(i->compat, "0.10"))
		return b.p;
	buf_addf(&b, ",refcount_bits=%u,lazy_refcounts=%s,extended_l2=%s", i->refcount_bits,
		 i->lazy_refcounts ? "on" : "off", i->extended_l2 ? "on" : "off");
	if (i->compression_type)
		buf_addf(&b, ",compression_type=%s", i->compression_type);
	return b.p;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whatever a host says of images: as the answer of qemu-img info, a chain with all that is promised or E_REMOTE; what
 * begins with "<", as a domain XML that gets new paths; what begins with "/", as a path.
 */
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "domain/domain.h"
#include "domain/image.h"
#include "domain/metadata.h"
#include "domain/remap.h"
#include "domain/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_word(const char *s)
{
	check(!s || (*s && strlen(s) <= IMAGE_STRING_MAX && !strpbrk(s, ",= \n")));
}

static void check_path(const char *s)
{
	check(!s || (*s && strlen(s) < PATH_MAX && !strchr(s, '\n')));
}

/* What image.h promises, whatever came in. */
static void check_info(const struct image_info *i)
{
	auto_free char *options = image_create_options(i);

	check(i->path && i->format && i->virtual_size <= IMAGE_SIZE_MAX && i->actual_size <= IMAGE_SIZE_MAX);
	check(!i->backing == !i->backing_said && i->snapshots.n <= DOMAIN_ITEMS_MAX &&
	      i->bitmaps.n <= DOMAIN_ITEMS_MAX);
	check_path(i->path);
	check_path(i->backing);
	check_path(i->backing_said);
	check_path(i->data_file);
	check_word(i->format);
	check_word(i->backing_format);
	check_word(i->compat);
	check_word(i->compression_type);
	check_word(i->encrypt_format);
	check(!options == (strcmp(i->format, "qcow2") != 0));
	check(!options || (i->compat && i->refcount_bits && i->cluster_size));
}

static void fuzz_answer(const char *text, size_t len)
{
	auto_err struct err err = ERR_INIT;
	auto_image_chain struct image_chain c = { 0 };

	if (image_chain_parse(text, len, &c, &err) < 0) {
		check(err_is(&err, E_REMOTE) && !c.v && !c.n);
		return;
	}
	check(c.n >= 1 && c.n <= DOMAIN_ITEMS_MAX);
	for (size_t i = 0; i < c.n; i++) {
		check_info(&c.v[i]);
		check(i + 1 == c.n || c.v[i].backing);
	}
}

static void make_remap(struct remap *r)
{
	check(remap_add_disk(r, "vda=/new", NULL) == 0);
	check(remap_add_storage(r, "/srv=/data/b", NULL) == 0);
	check(remap_add_storage(r, "/srv/a=/c", NULL) == 0);
}

static void check_chain(const struct remap *r, const struct disk *before, const struct disk *after)
{
	check(before->chain_n == after->chain_n);
	for (size_t i = 0; i < before->chain_n; i++) {
		const struct image *m = &before->chain[i];
		bool moves = m->source == DISK_FILE || m->source == DISK_BLOCK;
		auto_free char *path = moves ? remap_path(r, before->target, i, m->path) : xstrdup(m->path);

		check(str_eq(path, after->chain[i].path));
	}
}

/* What was a domain is one still, and only its disks lie elsewhere. */
static void fuzz_xml(const char *xml)
{
	auto_domain struct domain *before = domain_parse(xml, NULL), *after = NULL;
	auto_free char *id = domain_image_id(xml), *text = NULL;
	auto_err struct err err = ERR_INIT;
	auto_remap struct remap r = { 0 };
	bool changed = false;

	check(!id || strlen(id) == 36);
	make_remap(&r);
	text = domain_rewrite(xml, &r, &changed, &err);
	check(text || err_is(&err, E_XML));
	check(!text || changed || strcmp(text, xml) == 0);
	if (!before || !text)
		return;
	after = domain_parse(text, NULL);
	check(after && after->disks_n == before->disks_n && after->devices_n == before->devices_n);
	check(after->secrets_n == before->secrets_n && after->paths_n == before->paths_n);
	for (size_t i = 0; i < before->disks_n; i++)
		check_chain(&r, &before->disks[i], &after->disks[i]);
}

/* As what the user types, and as what a host says: a path that is mapped stays below the new directory. */
static void fuzz_path(const char *path)
{
	auto_free char *disk = str_printf("vda=%s", path), *new_path = NULL;
	auto_remap struct remap r = { 0 }, typed = { 0 };

	make_remap(&r);
	new_path = remap_path(&r, "vdb", 0, path);
	if (strcmp(new_path, path) != 0)
		check((str_starts(new_path, "/data/b") || str_starts(new_path, "/c")) && !strstr(new_path, "//") &&
		      !strstr(new_path, "/../"));
	if (remap_add_disk(&typed, disk, NULL) == 0)
		check(*typed.disks[0].path == '/' && !strstr(typed.disks[0].path, "//"));
	if (remap_add_storage(&typed, path, NULL) == 0)
		check(*typed.maps[0].from == '/' && *typed.maps[0].to == '/' && typed.maps[0].from[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xcalloc(size + 1, 1);

	if (size)
		memcpy(text, data, size);
	if (*text == '<')
		fuzz_xml(text);
	else if (*text == '/')
		fuzz_path(text);
	else
		fuzz_answer(text, size);
	return 0;
}

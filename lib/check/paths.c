/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What QEMU opens on the host besides disks: firmware, files, sockets, secrets. */
#include "check/checks.h"

static bool is_firmware(const struct host_path *p)
{
	return str_eq(p->what, "loader") || str_eq(p->what, "nvram") || str_eq(p->what, "nvram template");
}

/* A device that refuses to move anyway has its path in another finding. */
static bool is_stuck(const struct host_path *p)
{
	return str_eq(p->what, "filesystem") || str_eq(p->what, "memory device") || str_eq(p->what, "tpm");
}

/* All but the last part of the path. Caller frees. */
static char *directory_of(const char *path)
{
	size_t len = 0;

	for (size_t i = 0; path[i]; i++)
		if (path[i] == '/')
			len = i;
	return xstrndup(path, len ? len : 1);
}

static void path_there(const struct check_input *in, struct findings *f, const struct host_path *p)
{
	const struct path_fact *x = facts_path(&in->dst, p->path);
	auto_free char *object = str_printf("%s %s", p->what, p->path), *dir = directory_of(p->path);
	enum fact there = !x ? FACT_UNKNOWN : p->must_exist ? x->present : x->dir_present;

	if (there == FACT_UNKNOWN) {
		/* made anew, or known to be there itself */
		if (x && x->present == FACT_YES)
			return;
		unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "whether it is there");
	} else if (there == FACT_NO && p->must_exist) {
		found(f, SIDE_DESTINATION, object, "is not there");
	} else if (there == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "its directory %s is not there", dir);
		found_hint(f, "ssh %s mkdir -p %s", in->dst_name, dir);
	}
}

void check_firmware(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->paths_n; i++)
		if (is_firmware(&in->domain->paths[i]))
			path_there(in, f, &in->domain->paths[i]);
}

void check_host_path(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->paths_n; i++)
		if (!is_firmware(&in->domain->paths[i]) && !is_stuck(&in->domain->paths[i]))
			path_there(in, f, &in->domain->paths[i]);
}

void check_secret(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->secrets_n; i++) {
		const struct secret_ref *s = &in->domain->secrets[i];
		const char *name = facts_secret_name(s);
		const struct named_fact *x = facts_named(in->dst.secrets, in->dst.secrets_n, name);
		auto_free char *object = str_printf("secret %s (%s)", name ? name : "?", s->user);

		if (x && x->present == FACT_NO)
			found(f, SIDE_DESTINATION, object, "is not defined there");
		else if (!x || x->present == FACT_UNKNOWN)
			unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether it is defined there");
	}
}

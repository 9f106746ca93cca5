/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files, directories and sockets of the host besides disks. */
#include "domain/parse.h"

/* libvirt makes what lies in these itself, under names of the running domain ("…/target/domain-3-web1/…"). */
static bool made_by_libvirt(const char *path)
{
	static const char *const dirs[] = {
		"/var/lib/libvirt/qemu/channel/",
		"/var/lib/libvirt/qemu/domain-",
		"/run/libvirt/",
		"/var/run/libvirt/",
	};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (str_starts(path, dirs[i]))
			return true;
	return false;
}

int parse_path(struct domain *d, const char *what, char *path, bool must_exist, struct err *err)
{
	auto_free char *owned = path;
	struct host_path *p;

	if (!owned || made_by_libvirt(owned))
		return 0;
	if (parse_absolute(what, owned, err) < 0)
		return -1;
	/* the first <console> is the first <serial> once more */
	for (size_t i = 0; i < d->paths_n; i++) {
		if (str_eq(d->paths[i].path, owned)) {
			d->paths[i].must_exist |= must_exist;
			return 0;
		}
	}
	if (parse_room(d->paths_n, "paths", err) < 0)
		return -1;
	p = ARRAY_ADD(d->paths, d->paths_n);
	p->what = xstrdup(what);
	p->path = STEAL(owned);
	p->must_exist = must_exist;
	return 0;
}

/* <nvram template=…>FILE</nvram>, or since libvirt 8.5 <nvram type=…><source file=… | dev=…/></nvram>. */
static int read_nvram(struct domain *d, const xmlNode *nvram, struct err *err)
{
	const xmlNode *source = xml_child(nvram, "source");

	if (parse_path(d, "nvram template", xml_attr(nvram, "template"), true, err) < 0)
		return -1;
	if (!source)
		return parse_path(d, "nvram", xml_text(nvram), false, err);
	if (parse_path(d, "nvram", xml_attr(source, "file"), false, err) < 0 ||
	    parse_path(d, "nvram", xml_attr(source, "dev"), true, err) < 0)
		return -1;
	return parse_secrets(d, source, "nvram", err);
}

static int read_lists(struct domain *d, xmlNode *root, struct err *err)
{
	xml_each(table, xml_find(root, "os/acpi"), "table")
	{
		if (parse_path(d, "acpi table", xml_text(table), true, err) < 0)
			return -1;
	}
	xml_each(info, root, "sysinfo")
	{
		xml_each(entry, info, "entry")
		{
			if (parse_path(d, "fw_cfg file", xml_attr(entry, "file"), true, err) < 0)
				return -1;
		}
	}
	xml_each(device, xml_child(root, "blkiotune"), "device")
	{
		if (parse_path(d, "blkiotune device", xml_text(xml_child(device, "path")), true, err) < 0)
			return -1;
	}
	return 0;
}

int parse_os_paths(struct domain *d, xmlNode *root, struct err *err)
{
	static const char *const elements[] = { "loader", "kernel", "initrd", "dtb" };
	const xmlNode *os = xml_child(root, "os");

	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		if (parse_path(d, elements[i], xml_text(xml_child(os, elements[i])), true, err) < 0)
			return -1;
	if (read_nvram(d, xml_child(os, "nvram"), err) < 0)
		return -1;
	return read_lists(d, root, err);
}

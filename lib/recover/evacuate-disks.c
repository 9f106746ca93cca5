/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a guest of a dead host is made of, as seen from the host where it is to be started. */
#include <string.h>

#include "domain/image.h"
#include "recover/act-private.h"

/* A file of that name on a file system of this host's own is another one: a stale copy, perhaps. */
static int check_shared(struct host *to, const struct disk *k, const char *path, struct err *err)
{
	auto_free char *identity = k->chain[0].source == DISK_FILE ? survey_identity(to, path, err) : xstrdup("block");

	if (!identity)
		return -1;
	if (!str_eq(identity, "-") || k->readonly)
		return 0;
	err_set(err, E_NOT_PROVEN, 0,
		"%s: disk %s: %s lies on a file system of its own, so it is not what the dead host "
		"had; nothing was done",
		host_label(to), k->target, path);
	return err_hint_text(err, "only a guest whose disks lie on shared storage can be started elsewhere");
}

/*
 * What an image is based on has to be there as well: found out before anybody's power is cut. What cannot be looked at,
 * since a tool is missing, or a secret of libvirt's, does not make the guest worse than dead.
 */
static int check_chain(struct recovery *r, struct host *to, const struct disk *k, const char *path, struct err *err)
{
	struct image_chain chain auto_image_chain = { 0 };
	struct err why auto_err = ERR_INIT;

	auto_free char *text = NULL;

	if (k->chain[0].source != DISK_FILE || str_eq(k->chain[0].format, "raw") ||
	    image_chain(to, path, k->chain[0].format, true, &chain, &why) == 0)
		return 0;
	if (!strstr(why.msg, "No such file")) {
		text = str_printf("%s: disk %s: what %s is based on cannot be looked at: %s", host_label(to), k->target,
				  path, why.msg);
		r->report->ops->note(r->report, text);
		return 0;
	}
	err_set(err, E_NOT_PROVEN, 0,
		"%s: disk %s: %s cannot be opened with all that it is based on: %s; nothing was done", host_label(to),
		k->target, path, why.msg);
	if (!k->chain[0].format)
		return err_hint(err, "look there: qemu-img info -U --backing-chain %s", path);
	return err_hint(err, "look there: qemu-img info -U --backing-chain -f %s %s", k->chain[0].format, path);
}

static int there(struct host *to, const char *path, bool *yes, struct err *err)
{
	struct file_fact f = { 0 };

	if (files_stat(to, &path, 1, &f, err) < 0)
		return -1;
	*yes = f.present == FACT_YES;
	file_fact_clear(&f);
	return 0;
}

static int check_disk(struct recovery *r, struct host *to, const struct disk *k, const char *path, struct err *err)
{
	bool present;

	if (there(to, path, &present, err) < 0)
		return -1;
	if (present)
		return check_shared(to, k, path, err) < 0 ? -1 : check_chain(r, to, k, path, err);
	err_set(err, E_NOT_PROVEN, 0, "%s: disk %s: %s is not there; nothing was done", host_label(to), k->target,
		path);
	return err_hint_text(err, "only a guest whose disks lie on shared storage can be started elsewhere");
}

int evacuate_check_disks(struct recovery *r, struct host *to, const struct domain *d, struct err *err)
{
	for (size_t i = 0; i < d->disks_n; i++) {
		const char *path = d->disks[i].chain_n ? d->disks[i].chain[0].path : NULL;

		/* else a network disk, or an empty drive */
		if (path && path[0] == '/' && check_disk(r, to, &d->disks[i], path, err) < 0)
			return -1;
	}
	return 0;
}

static int say_nvram(struct recovery *r, struct host *to, const char *path, struct err *err)
{
	auto_free char *text = NULL;
	bool present;

	if (there(to, path, &present, err) < 0)
		return -1;
	if (present)
		return 0;
	text = str_printf("%s: its NVRAM %s is not there: its firmware starts with that of the template",
			  host_label(to), path);
	r->report->ops->note(r->report, text);
	return 0;
}

int evacuate_say_lost(struct recovery *r, struct host *to, const struct domain *d, struct err *err)
{
	for (size_t i = 0; i < d->paths_n; i++)
		if (str_eq(d->paths[i].what, "nvram") && say_nvram(r, to, d->paths[i].path, err) < 0)
			return -1;
	for (size_t i = 0; i < d->devices_n; i++)
		if (str_eq(d->devices[i].kind, "tpm") && str_eq(d->devices[i].type, "emulator"))
			r->report->ops->note(r->report,
					     "its TPM starts empty, unless its state lies on shared storage: what is "
					     "sealed with it (an encrypted disk) will ask for its recovery key");
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that belongs to a guest that is shut off. */
#include <string.h>

#include "host/files.h"
#include "host/guest.h"

enum { STATE_FILES_MAX = 32 }; /* a TPM has one or two */

/* libvirt's own places (its system instance's): they are in no XML. */
#define SAVE_DIR "/var/lib/libvirt/qemu/save/"
#define SWTPM_DIR "/var/lib/libvirt/swtpm/"

/* Images name what is below them by its path: whether that is a file or a block device, the host says. */
static int tell_devices(struct host *h, struct disk *k, struct err *err)
{
	for (size_t i = 1; i < k->chain_n; i++) {
		const char *path = k->chain[i].path;
		struct file_fact f = { 0 };

		if (k->chain[i].source != DISK_FILE)
			continue;
		if (files_stat(h, &path, 1, &f, err) < 0)
			return err_wrap(err, "%s", host_label(h));
		if (f.kind == 'b')
			k->chain[i].source = DISK_BLOCK;
		file_fact_clear(&f);
	}
	return 0;
}

static int complete_chains(struct host *h, struct domain *d, struct err *err)
{
	for (size_t i = 0; i < d->disks_n; i++) {
		struct disk *k = &d->disks[i];
		struct image_chain c auto_image_chain = { 0 };
		struct err why auto_err = ERR_INIT;

		if (k->chain_known || !k->chain_n || k->chain_n > 1 ||
		    (k->chain[0].source != DISK_FILE && k->chain[0].source != DISK_BLOCK))
			continue;
		/* one that cannot be read is for the checks to say */
		if (image_chain(h, k->chain[0].path, k->chain[0].format, true, &c, &why) < 0) {
			if (why.status == STATUS_FAILED || why.status == STATUS_REFUSED)
				continue;
			err_move(err, &why);
			return err_wrap(err, "%s", host_label(h));
		}
		if (domain_complete_chain(k, &c, err) < 0 || tell_devices(h, k, err) < 0)
			return -1;
	}
	return 0;
}

/* The file, if it is there: a guest that was never started has none yet. */
static int add_if_there(struct host *h, struct domain *d, const char *target, const char *path, struct err *err)
{
	struct file_fact f = { 0 };
	int rc = files_stat(h, &path, 1, &f, err);
	bool there = f.present == FACT_YES && f.kind == 'f';

	file_fact_clear(&f);
	if (rc < 0)
		return err_wrap(err, "%s", host_label(h));
	return there ? domain_add_state(d, target, path, err) : 0;
}

static int add_nvram(struct host *h, struct domain *d, struct err *err)
{
	for (size_t i = 0; i < d->paths_n; i++)
		if (str_eq(d->paths[i].what, "nvram") && !d->paths[i].must_exist)
			return add_if_there(h, d, "nvram", d->paths[i].path, err);
	return 0;
}

static bool has_tpm(const struct domain *d)
{
	for (size_t i = 0; i < d->devices_n; i++)
		if (str_eq(d->devices[i].kind, "tpm") && str_eq(d->devices[i].type, "emulator"))
			return true;
	return false;
}

static int add_tpm(struct host *h, struct domain *d, struct err *err)
{
	auto_free char *dir = str_printf(SWTPM_DIR "%s", d->uuid);
	struct strv files auto_strv = { 0 };

	if (!has_tpm(d))
		return 0;
	if (files_list(h, dir, &files, err) < 0)
		return err_wrap(err, "%s: %s", host_label(h), dir);
	if (files.n > STATE_FILES_MAX)
		return err_set(err, E_REMOTE, 0, "%s: %s: too many files", host_label(h), dir);
	for (size_t i = 0; i < files.n; i++) {
		auto_free char *target = i ? str_printf("tpm%zu", i) : xstrdup("tpm");
		const char *name = strrchr(files.v[i], '/');

		if (name[1] == '.' || strstr(name, ".vmmig-")) /* its lock; what an earlier move has put away */
			continue;
		if (domain_add_state(d, target, files.v[i], err) < 0)
			return -1;
	}
	return 0;
}

static int add_saved(struct host *h, const struct guest_look *l, struct domain *d, struct err *err)
{
	auto_free char *path = str_printf(SAVE_DIR "%s.save", d->name);
	size_t before = d->disks_n;

	if (!l->saved)
		return 0;
	if (!strchr(d->name, '/') && add_if_there(h, d, STATE_SAVED, path, err) < 0)
		return -1;
	if (d->disks_n > before)
		return 0;
	err_set(err, E_LIBVIRT, 0, "%s: it has a managed save image, which is not at %s", host_label(h), path);
	return err_hint(err, "start and shut it down, or: virsh -c %s managedsave-remove %s", host_uri(h), d->name);
}

struct domain *guest_definition(struct host *h, const struct guest_look *l, struct err *err)
{
	auto_free char *xml = guest_xml(h, l->uuid, GUEST_XML_DEFINED, err);
	struct domain *d = xml ? domain_parse(xml, err) : NULL;

	if (!d) {
		if (xml)
			err_wrap(err, "%s", host_label(h));
		return NULL;
	}
	if (complete_chains(h, d, err) == 0 && add_nvram(h, d, err) == 0 && add_tpm(h, d, err) == 0 &&
	    add_saved(h, l, d, err) == 0)
		return d;
	domain_free(d);
	return NULL;
}

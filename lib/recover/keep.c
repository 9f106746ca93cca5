/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One guest on several hosts, and a person has said which is to stay. The other one is paused first, so that nothing
 * more is lost while that person looks once more; it is stopped only when the one to be kept is proven running.
 */
#include "recover/act-private.h"

/* What is to be put away once the other one is stopped: its disks that are its host's own. */
struct own_disk {
	char *path;
	struct file_id id;
};

struct own_disks {
	struct own_disk *v;
	size_t n;
};

static void own_disks_clear(struct own_disks *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->v[i].path);
	free(o->v);
}
#define auto_own_disks AUTO(own_disks_clear)

/* Of those that it has open, the ones its definition calls disks; one that other hosts have, too, is not its own. */
static int find_own_disks(struct recovering *a, struct own_disks *o, struct err *err)
{
	const struct qemu_process *q = a->r->presences[a->host].qemu;
	auto_free char *xml = guest_xml(a->m.dst, a->m.record.uuid, GUEST_XML_NOW, err);
	struct domain *d auto_domain = xml ? domain_parse(xml, err) : NULL;

	if (!d)
		return -1;
	for (size_t i = 0; q && i < q->disks_n; i++)
		for (size_t k = 0; k < d->disks_n; k++)
			if (!q->disks[i].identity && d->disks[k].chain_n && d->disks[k].chain[0].source == DISK_FILE &&
			    str_eq(q->disks[i].path, d->disks[k].chain[0].path))
				*ARRAY_ADD(o->v, o->n) =
					(struct own_disk) { xstrdup(q->disks[i].path), q->disks[i].id };
	return 0;
}

static int put_away(struct recovering *a, const struct own_disk *d, struct err *err)
{
	auto_free char *name = str_printf("%s.vmmig-quarantine-%s", d->path, a->m.record.id);
	auto_free char *id = file_id_text(d->id);
	enum file_gone gone = FILE_ABSENT;
	int64_t effect = 0;

	if (effect_begin(&a->m, a->m.dst, "quarantine", name, &effect, err) < 0)
		return -1;
	if (file_rename(a->m.dst, d->path, name, d->id, &gone, err) < 0) {
		effect_end(&a->m, effect, err);
		return -1;
	}
	if (gone != FILE_REMOVED) {
		effect_result(&a->m, effect, NULL, "left: %s", file_gone_name(gone));
		migration_note(&a->m, "%s: %s was left: %s", host_label(a->m.dst), d->path, file_gone_name(gone));
		return 0;
	}
	migration_note(&a->m, "%s: %s is now %s", host_label(a->m.dst), d->path, name);
	return effect_result(&a->m, effect, err, "done %s", id);
}

static bool other_paused(const struct recovering *a)
{
	return a->m.dst_look.state == GUEST_PAUSED || recovering_other_gone(a);
}

static int pause_other(struct recovering *a, struct err *err)
{
	if (a->m.dst_look.state == GUEST_PAUSED)
		return 0;
	if (migration_act(&a->m, a->m.dst, "suspend", guest_suspend, err) < 0)
		return err_hint(err, "if neither libvirt nor QEMU answers there: vmmig recover %s --kill %s",
				a->m.guest, host_name(a->m.dst));
	return recovering_becomes(a, other_paused) ? 0 : recovering_failed(a, err, "it cannot be paused");
}

static int confirm(struct recovering *a, const struct own_disks *o, struct err *err)
{
	auto_free char *src = look_text(&a->m.src_look), *dst = look_text(&a->m.dst_look);
	auto_free char *question =
		str_printf("%s (%s) is kept; %s (%s) will be stopped, %zu disk%s of its own put away. Go on?",
			   host_name(a->m.src), src, host_name(a->m.dst), dst, o->n, o->n == 1 ? "" : "s");

	if (a->r->consent(a->r->consent_arg, question))
		return 0;
	/* it does not go on by itself: the two would drift further apart while somebody thinks */
	err_set(err, E_SPLIT_BRAIN, 0, "not confirmed; it is paused at %s", host_name(a->m.dst));
	return err_hint(err, "to let it go on there, once it is stopped or paused at %s: virsh -c %s resume %s",
			host_name(a->m.src), host_uri(a->m.dst), a->m.guest);
}

/* Whoever was asked may have thought for long. */
static int let_kept_run(struct recovering *a, struct err *err)
{
	migration_look(&a->m);
	if (recovering_kept_runs(a))
		return 0;
	if (a->m.src_look.state != GUEST_PAUSED || a->m.src_look.job != GUEST_JOB_NONE)
		return recovering_failed(a, err, "the one to be kept does not run, and is not simply paused");
	if (migration_act(&a->m, a->m.src, "resume", guest_resume, err) < 0)
		return -1;
	return recovering_becomes(a, recovering_kept_runs)
		       ? 0
		       : recovering_failed(a, err, "the one to be kept does not go on; the other one is paused");
}

static int remove_definition(struct recovering *a, struct err *err)
{
	migration_look(&a->m);
	if (!a->m.dst_look.persistent || a->m.dst_look.state != GUEST_SHUTOFF)
		return 0;
	if (a->m.src_look.persistent)
		return migration_act(&a->m, a->m.dst, "undefine", guest_undefine, err);
	migration_note(&a->m, "%s: its definition is left, since %s has none", host_label(a->m.dst),
		       host_label(a->m.src));
	return 0;
}

/* It may have ended by itself meanwhile. */
static int stop_other(struct recovering *a, struct err *err)
{
	struct err why auto_err = ERR_INIT;

	if (migration_act(&a->m, a->m.dst, "stop-other", guest_destroy, &why) == 0)
		return 0;
	migration_look(&a->m);
	return recovering_other_gone(a) ? 0 : err_copy(err, &why);
}

static int keep_one(struct recovering *a, struct err *err)
{
	struct own_disks own auto_own_disks = { 0 };

	if (find_own_disks(a, &own, err) < 0 || pause_other(a, err) < 0 || confirm(a, &own, err) < 0 ||
	    let_kept_run(a, err) < 0 || stop_other(a, err) < 0)
		return -1;
	if (!recovering_becomes(a, recovering_other_gone))
		return recovering_failed(a, err, "the other one does not end");
	for (size_t i = 0; i < own.n; i++)
		if (put_away(a, &own.v[i], err) < 0)
			return -1;
	return remove_definition(a, err);
}

static bool may_be_forgotten(const struct recovering *a)
{
	return a->m.dst_look.state == GUEST_SHUTOFF && a->m.dst_look.qemu_pids == 0 && a->m.src_look.persistent;
}

/* Its disks are left: whether they are another host's, too, cannot be told of one that is off. */
static int forget_definition(struct recovering *a, struct err *err)
{
	auto_free char *question = NULL;

	if (!may_be_forgotten(a))
		return recovery_refuse(a->r, err, "it is not as it was a moment ago");
	question = str_printf("the definition of %s at %s will be removed; its disks stay. Go on?", a->m.guest,
			      host_name(a->m.dst));
	if (!a->r->consent(a->r->consent_arg, question))
		return err_set(err, E_CANCELLED, 0, "not confirmed; nothing was done");
	migration_look(&a->m);
	if (!may_be_forgotten(a))
		return recovery_refuse(a->r, err, "it is not as it was a moment ago");
	return migration_act(&a->m, a->m.dst, "undefine", guest_undefine, err);
}

static int keep_against(struct recovery *r, size_t host, size_t other, struct err *err)
{
	bool active = guest_is_active(r->presences[other].look);
	struct recovering a;

	if (recovery_told(r, "%s at %s", active ? "pause it, and stop it when confirmed," : "remove its definition",
			  r->fleet->v[other].name))
		return 0;
	if (recovering_begin(r, &a, "keep", host, other, NULL, err) < 0)
		return -1;
	a.host = other;
	return recovering_end(&a, active ? keep_one(&a, err) : forget_definition(&a, err), err);
}

/* One that is paused is let go on only where nobody else can write its disk. */
static int may_go_on(const struct recovery *r, size_t host, struct err *err)
{
	size_t active = 0;

	for (size_t i = 0; i < r->fleet->n; i++) {
		const struct presence *p = &r->presences[i];

		if (!p->known && !(r->fenced[i] && !p->reached)) {
			err_set(err, E_NOT_PROVEN, 0,
				"it does not run at the host to be kept, and %s has not answered, where it may run; "
				"nothing was done",
				r->fleet->v[i].name);
			return err_hint(err, "if that host is surely off, and stays so: --fenced %s",
					r->fleet->v[i].name);
		}
		active += i != host && p->look && guest_is_active(p->look);
	}
	return active > 1 ? recovery_refuse(r, err, "it does not run at the host to be kept, and several more have it")
			  : 0;
}

static int may_be_kept(struct recovery *r, size_t host, struct err *err)
{
	const struct presence *p = &r->presences[host];
	bool here = p->look && guest_is_active(p->look);

	if (!p->answered)
		return recovery_refuse(r, err, "the host to be kept has not answered");
	if (!p->look)
		return recovery_refuse(r, err, "the host to be kept does not have it");
	if (r->found.kind == FOUND_BUSY || r->found.kind == FOUND_ADOPT || r->found.kind == FOUND_POSTCOPY)
		return recovery_refuse(r, err, r->found.rule);
	if (here && !guest_is_running(p->look) && may_go_on(r, host, err) < 0)
		return -1;
	for (size_t i = 0; i < r->fleet->n; i++) {
		const struct presence *o = &r->presences[i];

		if (o->qemu && (!o->look || !guest_is_active(o->look)))
			return recovery_refuse(
				r, err, "a QEMU of it runs for which its libvirt does not answer: --kill it first");
		if (i != host && !here && o->look && guest_is_active(o->look))
			return recovery_refuse(r, err, "it is off at the host to be kept, and active elsewhere");
	}
	return 0;
}

int recover_keep(struct recovery *r, size_t host, struct err *err)
{
	bool any = false;

	if (may_be_kept(r, host, err) < 0)
		return -1;
	for (size_t i = 0; i < r->fleet->n; i++) {
		if (i == host || !r->presences[i].look)
			continue;
		any = true;
		if (keep_against(r, host, i, err) < 0)
			return -1;
	}
	if (!any)
		r->report->ops->note(r->report, "no other host that answers has it; nothing was to be done");
	return 0;
}

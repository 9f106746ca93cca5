/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is made at the destination, and how it goes again. For each: the intent is journalled, the thing is made under a
 * name of its own, its identity is journalled ("made DEV:INO"), and only then it gets its real name ("done DEV:INO").
 * So a vmmig that dies anywhere leaves either nothing under the real name, or something the journal knows.
 */
#include <unistd.h>

#include "base/log.h"
#include "migrate/migrate.h"

static const char *const kind_names[] = {
	[MADE_DIRECTORY] = "make-directory",
	[MADE_IMAGE] = "make-image",
	[MADE_BACKING] = "fetch",
	[MADE_COPY] = "copy",
};

bool made_is_part(enum made_kind kind)
{
	return kind == MADE_BACKING || kind == MADE_COPY;
}

struct made *made_intend(struct migration *m, enum made_kind kind, const char *path, struct err *err)
{
	struct made *d;
	int64_t effect;

	if (effect_begin(m, m->dst, kind_names[kind], path, &effect, err) < 0)
		return NULL;
	d = ARRAY_ADD(m->made, m->made_n);
	d->kind = kind;
	d->path = xstrdup(path);
	d->temp = made_is_part(kind) ? file_part_name(path) : file_temp_name(path, m->record.id);
	d->effect = effect;
	return d;
}

/* It has both names where whoever gave it the second one was cut off before it took the first. */
static int drop_temp(struct migration *m, const struct made *d, struct err *err)
{
	enum file_gone gone = FILE_ABSENT;

	if (file_remove(m->dst, d->temp, d->id, &gone, err) < 0)
		return -1;
	return gone == FILE_REMOVED || gone == FILE_ABSENT
		       ? 1
		       : err_set(err, E_PREPARE, 0, "%s stays: %s", d->temp, file_gone_name(gone));
}

/* Has it got its name by a try whose answer was lost? 1: yes; 0: no. */
static int has_its_name(struct migration *m, const struct made *d, struct err *err)
{
	const char *paths[] = { d->temp, d->path };
	struct file_fact f[2] = { { 0 }, { 0 } };
	int rc = files_stat(m->dst, paths, 2, f, err);
	bool named = f[1].present == FACT_YES && file_id_eq(f[1].id, d->id), both = named && f[0].present == FACT_YES;

	file_fact_clear(&f[0]);
	file_fact_clear(&f[1]);
	if (rc < 0)
		return -1;
	return both ? drop_temp(m, d, err) : named;
}

static int give_name(struct migration *m, struct made *d, bool again, struct err *err)
{
	int rc = again ? has_its_name(m, d, err) : 0;

	if (rc == 0 && file_publish(m->dst, d->temp, d->path, d->id, err) < 0) {
		d->unnamed = err_is(err, E_PREPARE); /* an answer: what has that name is not ours */
		rc = -1;
	}
	return rc < 0 ? err_wrap(err, "%s: %s", host_label(m->dst), d->path) : 0;
}

int made_publish(struct migration *m, struct made *d, struct file_id id, struct err *err)
{
	auto_free char *text = file_id_text(id);
	bool again = d->have_id;

	d->id = id;
	d->have_id = true;
	if (effect_result(m, d->effect, err, "made %s", text) < 0 || give_name(m, d, again, err) < 0)
		return -1;
	return effect_result(m, d->effect, err, "done %s", text);
}

static int make(struct migration *m, enum made_kind kind, const char *path,
		int (*fn)(struct host *h, const char *temp, const void *arg, const struct file_like *like,
			  struct file_id *id, struct err *err),
		const void *arg, const struct file_like *like, struct err *err)
{
	struct made *d = made_intend(m, kind, path, err);
	struct file_id id;

	if (!d)
		return -1;
	if (fn(m->dst, d->temp, arg, like, &id, err) < 0)
		return err_wrap(err, "%s: %s", host_label(m->dst), path);
	return made_publish(m, d, id, err);
}

static int directory(struct host *h, const char *temp, const void *arg, const struct file_like *like,
		     struct file_id *id, struct err *err)
{
	(void)arg;
	return dir_make(h, temp, like, id, err);
}

static int image(struct host *h, const char *temp, const void *arg, const struct file_like *like, struct file_id *id,
		 struct err *err)
{
	return image_make(h, temp, arg, like, id, err);
}

static bool is_directory(struct migration *m, const char *path)
{
	struct file_fact f = { 0 };
	bool yes = files_stat(m->dst, &path, 1, &f, NULL) == 0 && f.kind == 'd';

	file_fact_clear(&f);
	return yes;
}

/* The last one made is not needed: it goes at once. -1: it may be there, and undo tries again. */
static int drop_last(struct migration *m, struct err *err)
{
	struct made *d = &m->made[m->made_n - 1];
	struct made_answer a;
	auto_free char *why = made_take_back(m, d, &a);

	if (why)
		return err_set(err, a.later ? E_DISCONNECTED : E_PREPARE, 0, "%s: %s cannot be removed: %s",
			       host_label(m->dst), d->temp, why);
	effect_undone(m, d->effect);
	free(d->path);
	free(d->temp);
	m->made_n--;
	return 0;
}

/* Two vmmig may want the same one at the same time; who comes second has it, too. */
int made_directory(struct migration *m, const char *path, const struct file_like *like, struct err *err)
{
	struct err why = ERR_INIT;
	size_t before = m->made_n;

	if (make(m, MADE_DIRECTORY, path, directory, NULL, like, &why) == 0)
		return 0;
	if (err_is(&why, E_PREPARE) && m->made_n > before && m->made[before].have_id && is_directory(m, path)) {
		err_clear(&why);
		return drop_last(m, err);
	}
	err_move(err, &why);
	return -1;
}

int made_image(struct migration *m, const char *path, const struct image_make *how, const struct file_like *like,
	       struct err *err)
{
	return make(m, MADE_IMAGE, path, image, how, like, err);
}

/* ---- undo ---- */

/* Does any file of this disk's chain, as the destination sees it, have that path? -1: the host has gone. */
static int disk_uses(struct migration *m, const struct disk *k, const char *path, struct err *gone)
{
	struct image_chain c auto_image_chain = { 0 };
	struct err err auto_err = ERR_INIT;

	for (size_t i = 0; i < k->chain_n; i++)
		if (str_eq(k->chain[i].path, path))
			return 1;
	if (!k->chain_n || !k->chain[0].path || k->chain[0].path[0] != '/' || k->chain_known)
		return 0;
	if (image_chain(m->dst, k->chain[0].path, k->chain[0].format, true, &c, &err) < 0) {
		if (err.status != STATUS_UNREACHABLE)
			return 1; /* not to be told: then it may */
		err_move(gone, &err);
		return -1;
	}
	for (size_t i = 0; i < c.n; i++)
		if (str_eq(c.v[i].path, path))
			return 1;
	return 0;
}

static int guest_uses(struct migration *m, const char *uuid, const char *path, struct err *gone)
{
	auto_free char *xml = guest_xml(m->dst, uuid, GUEST_XML_NOW, NULL);
	struct domain *d auto_domain = xml ? domain_parse(xml, NULL) : NULL;
	struct guest_look l auto_look = { 0 };
	int rc = 0;

	for (size_t i = 0; d && rc == 0 && i < d->disks_n; i++)
		rc = disk_uses(m, &d->disks[i], path, gone);
	if (d)
		return rc;
	guest_look(m->dst, uuid, false, &l);
	return l.state == GUEST_UNKNOWN ? err_set(gone, E_DISCONNECTED, 0, "%s", l.unknown_because)
					: l.state != GUEST_ABSENT;
}

/* later: to be asked again also when the host has answered; what cannot be removed may stay so for good. */
static char *not_asked(struct made_answer *a, bool later, const struct err *err)
{
	a->asked = false;
	a->later = later || err->status == STATUS_UNREACHABLE;
	return xstrdup(err->msg);
}

/* NULL: no guest of the destination stands on this backing file. */
static char *who_uses(struct migration *m, const char *path, struct made_answer *a)
{
	struct err err auto_err = ERR_INIT;
	struct guest_look *v;
	char *who = NULL;
	size_t n;

	if (guest_list(m->dst, &v, &n, &err) < 0)
		return not_asked(a, true, &err);
	for (size_t i = 0; i < n && !who; i++) {
		int uses = str_eq(v[i].uuid, m->record.uuid) ? 0 : guest_uses(m, v[i].uuid, path, &err);

		if (uses)
			who = uses < 0 ? not_asked(a, true, &err) : str_printf("guest %s uses it, or may", v[i].name);
	}
	guest_list_free(v, n);
	return who;
}

static char *remove_one(struct migration *m, const char *path, struct file_id id, struct made_answer *a)
{
	struct err err auto_err = ERR_INIT;
	enum file_gone gone;

	if (file_remove(m->dst, path, id, &gone, &err) < 0)
		return not_asked(a, false, &err);
	return gone == FILE_REMOVED || gone == FILE_ABSENT ? NULL : xstrdup(file_gone_name(gone));
}

/*
 * The host was asked to make it, and its answer has not come: it may be there under its own name, or come to be there
 * in a moment. Nobody else makes such names.
 */
static char *remove_unknown(struct migration *m, const char *temp, struct made_answer *a)
{
	enum { LOOKS = 3, PAUSE_US = 200000 };
	const char *paths[] = { temp };

	for (int i = 0; i < LOOKS; i++) {
		struct err err auto_err = ERR_INIT;
		struct file_fact f = { 0 };
		int rc = files_stat(m->dst, paths, 1, &f, &err);
		struct file_id id = f.id;
		bool there = f.present == FACT_YES;

		file_fact_clear(&f);
		if (rc < 0)
			return not_asked(a, false, &err);
		if (there)
			return remove_one(m, temp, id, a);
		usleep(PAUSE_US);
	}
	return NULL;
}

static char *take_back(struct migration *m, const struct made *d, struct made_answer *a)
{
	char *why;

	if (!d->have_id)
		return remove_unknown(m, d->temp, a);
	why = remove_one(m, d->temp, d->id, a);
	return why || d->unnamed ? why : remove_one(m, d->path, d->id, a);
}

/*
 * A backing file belongs to whoever relies on it: they hold its lock, or a guest of theirs stands on it. One that is
 * still on its way belongs to whoever fetches it. A copy of the guest's own is nobody else's: who has its lock is a
 * session that the host has not missed yet, and ends in time.
 */
static char *take_back_part(struct migration *m, const struct made *d, struct made_answer *a)
{
	const char *names[] = { d->temp, d->path, NULL };
	struct err err auto_err = ERR_INIT;
	struct exec_hold *lock = NULL;
	int rc = files_lock(m->dst, true, names, &lock, &err);
	char *why = NULL;

	if (rc < 0)
		return not_asked(a, false, &err);
	if (rc > 0) {
		a->later = d->kind == MADE_COPY;
		a->asked = !a->later;
		return xstrdup(a->later ? "it is still locked" : "another vmmig relies on it");
	}
	if (d->have_id) {
		why = d->kind == MADE_BACKING ? who_uses(m, d->path, a) : NULL;
		if (!why)
			why = remove_one(m, d->path, d->id, a);
	}
	if (!why && part_drop(m->dst, d->temp, &err) < 0)
		why = not_asked(a, false, &err);
	host_hold_end(lock);
	return why;
}

char *made_take_back(struct migration *m, const struct made *d, struct made_answer *a)
{
	*a = (struct made_answer) { .asked = true };
	return made_is_part(d->kind) ? take_back_part(m, d, a) : take_back(m, d, a);
}

/* A host that has not answered leaves the journal as it is: vmmig recover takes it back, or the guest's next migration.
 */
void made_undo_one(struct migration *m, const struct made *d)
{
	struct err err auto_err = ERR_INIT;
	struct made_answer a;
	auto_free char *why = made_take_back(m, d, &a);

	if (!why) {
		effect_undone(m, d->effect);
		return;
	}
	m->left_open |= a.later;
	migration_note(m, "%s: %s was left: %s%s%s", host_label(m->dst), d->path, why,
		       a.later ? "; later: vmmig recover " : "", a.later ? m->record.id : "");
	/* a directory is not empty while something in it could not be asked for: all is tried again */
	if (a.asked && !m->left_open && effect_result(m, d->effect, &err, "left: %s", why) < 0)
		log_warn("%s: %s", err.id, err.msg);
}

void made_undo(struct migration *m)
{
	cold_files_release(m);
	host_hold_end(STEAL(m->use_locks));
	if (m->made_n)
		host_reopen(m->dst, NULL); /* its connection may be what failed */
	for (size_t i = m->made_n; i-- > 0;)
		made_undo_one(m, &m->made[i]);
	made_clear(m);
}

void made_clear(struct migration *m)
{
	for (size_t i = 0; i < m->made_n; i++) {
		free(m->made[i].path);
		free(m->made[i].temp);
	}
	free(m->made);
	m->made = NULL;
	m->made_n = 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A host is dead, and its guest is to run elsewhere, from storage that both reach. That the dead one is off, and stays
 * so, cannot be seen from outside: a command that cuts its power says so, or a person does.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "recover/act-private.h"

enum { FENCE_MS = 180000, POLL_MS = 100 };

extern char **environ;

/* 0; its exit status; -1: it was ended, because it took too long or a signal came. */
static int wait_for(pid_t pid)
{
	int64_t until = clock_ms() + FENCE_MS;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_ms() < until && !interrupt_pending()) {
			usleep(POLL_MS * 1000);
			continue;
		}
		kill(-pid, SIGKILL); /* with all that it has begun */
		waitpid(pid, &status, 0);
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The configuration's own words, so a shell may read them; nothing that came from a host is in it. */
static int run_fence(struct recovery *r, const char *host, const char *command, struct err *err)
{
	char *const argv[] = { (char[]) { "sh" }, (char[]) { "-c" }, xstrdup(command), NULL };
	posix_spawnattr_t attr;
	pid_t pid;
	int rc;

	r->report->ops->note(r->report, "fencing: running the command that the configuration has for it");
	posix_spawnattr_init(&attr);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	rc = posix_spawnp(&pid, "sh", NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	free(argv[2]);
	if (rc)
		return err_set(err, E_FENCE, rc, "%s: its fence command cannot be run", host);
	rc = wait_for(pid);
	if (rc == 0)
		return 0;
	err_set(err, E_FENCE, 0, "%s: its fence command %s %d; nothing was done", host,
		rc < 0 ? "was ended; status" : "ended with", rc);
	return err_hint(err, "make sure that it is off, and say so: --fenced %s", host);
}

/* Its line in the journal is there before: whoever finds the host off can see why. */
static int fence_host(struct recovering *a, struct err *err)
{
	const char *host = a->r->fleet->v[a->host].name;
	int64_t effect = 0;
	int rc;

	if (a->r->fenced[a->host])
		return 0;
	if (effect_begin(&a->m, recovery_host(a->r, a->host), "fence", host, &effect, err) < 0)
		return -1;
	rc = run_fence(a->r, host, a->fence, err);
	effect_end(&a->m, effect, rc < 0 ? err : NULL);
	return rc;
}

/* Nobody else runs it, or may. */
static int check_others(struct recovery *r, size_t dead, struct err *err)
{
	for (size_t i = 0; i < r->fleet->n; i++) {
		const struct presence *p = &r->presences[i];

		if (i == dead || (r->fenced[i] && !p->reached))
			continue;
		if (!p->known) {
			err_set(err, E_NOT_PROVEN, 0, "%s has not answered, and it may run there; nothing was done",
				r->fleet->v[i].name);
			return err_hint(err, "if that host is surely off, too: --fenced %s", r->fleet->v[i].name);
		}
		if (p->qemu || (p->look && guest_is_active(p->look)))
			return err_set(err, E_NOT_PROVEN, 0, "it is active at %s; nothing was done",
				       r->fleet->v[i].name);
	}
	return 0;
}

static int set_autostart(struct host *h, const char *uuid, struct err *err)
{
	return guest_set_autostart(h, uuid, true, err);
}

/* Only where it is seen to be off: an error is no proof that it was not started. */
static void take_definition_back(struct migration *m)
{
	if (!m->defined)
		return;
	migration_look(m);
	if (m->src_look.state == GUEST_SHUTOFF && m->src_look.qemu_pids == 0 &&
	    guest_undefine(m->src, m->record.uuid, NULL) == 0)
		effect_undone(m, m->define_effect);
}

static int define_and_start(struct recovering *a, struct err *err)
{
	struct migration *m = &a->m;
	int rc = 0;

	if (guest_is_active(&m->src_look) || m->src_look.qemu_pids != 0)
		return recovery_refuse(a->r, err, "it runs there already");
	if (fence_host(a, err) < 0 || recovering_nowhere_else(a, err) < 0)
		return -1;
	if (!m->src_look.persistent) {
		if (effect_begin(m, m->src, "define", m->record.uuid, &m->define_effect, err) < 0)
			return -1;
		rc = guest_define(m->src, a->definition->xml, err);
		effect_end(m, m->define_effect, rc < 0 ? err : NULL);
		m->defined = rc == 0;
	}
	if (rc == 0)
		rc = migration_act(m, m->src, "start", guest_start, err);
	if (rc == 0 && recovering_becomes(a, recovering_kept_runs))
		return m->defined && a->definition->autostart
			       ? migration_act(m, m->src, "autostart", set_autostart, err)
			       : 0;
	if (rc == 0)
		return recovering_failed(a, err, "it does not start");
	take_definition_back(m);
	return rc;
}

static struct domain *definition_of(struct recovery *r, size_t to, const struct definition_record *definition,
				    struct err *err)
{
	const struct guest_look *l = r->presences[to].look;
	auto_free char *xml = NULL;

	if (l && l->persistent) {
		xml = guest_xml(recovery_host(r, to), r->uuid, GUEST_XML_DEFINED, err);
		return xml ? domain_parse(xml, err) : NULL;
	}
	if (definition->xml)
		return domain_parse(definition->xml, err);
	err_set(err, E_NOT_PROVEN, 0,
		"nobody knows how it is defined: %s does not, and the journal has no definition "
		"of it; nothing was done",
		r->fleet->v[to].name);
	err_hint_text(err, "define it there from a copy of its XML, then do this again; vmmig recover scan, now and "
			   "then, remembers definitions");
	return NULL;
}

static int evacuate(struct recovery *r, size_t dead, size_t to, const struct definition_record *definition,
		    const char *fence, struct err *err)
{
	auto_free char *question = NULL;
	struct recovering a;

	question = str_printf("%s was at %s, which %s, and will be started at %s. Go on?", r->guest,
			      r->fleet->v[dead].name, r->fenced[dead] ? "is off for good" : "will be fenced now",
			      r->fleet->v[to].name);
	if (!r->consent(r->consent_arg, question))
		return err_set(err, E_CANCELLED, 0, "not confirmed; nothing was done");
	if (recovering_begin(r, &a, "evacuate", to, to, r->fleet->v[dead].name, err) < 0)
		return -1;
	a.definition = definition;
	a.host = dead;
	a.fence = fence;
	return recovering_end(&a, define_and_start(&a, err), err);
}

/* libvirt there may hang or be stopped: what it has started goes on, and writes. */
static int check_dead(struct recovery *r, size_t dead, size_t to, struct err *err)
{
	const struct presence *p = &r->presences[dead];
	const char *name = r->fleet->v[dead].name;
	auto_free char *seen = NULL;

	if (!p->reached)
		return 0;
	if (p->answered) {
		err_set(err, E_NOT_PROVEN, 0, "%s answers: it is not dead; nothing was done", name);
		return err_hint(err, "move it: vmmig live %s --from %s --to %s", r->guest, name, r->fleet->v[to].name);
	}
	seen = presence_text(r->fleet, p);
	err_set(err, E_NOT_PROVEN, 0, "%s is not dead, only its libvirt or login does not answer: %s; nothing was done",
		name, seen);
	return err_hint(err,
			"mend it there (systemctl restart libvirtd leaves guests alone), or switch %s off; then "
			"do this again",
			name);
}

int recover_evacuate(struct recovery *r, size_t dead, size_t to, const struct definition_record *definition,
		     const char *fence, struct err *err)
{
	struct domain *d auto_domain = NULL;

	if (check_dead(r, dead, to, err) < 0)
		return -1;
	if (!r->presences[to].known)
		return recovery_refuse(r, err, "the host where it is to run has not answered");
	if (check_others(r, dead, err) < 0)
		return -1;
	d = definition_of(r, to, definition, err);
	if (!d || evacuate_check_disks(r, recovery_host(r, to), d, err) < 0)
		return -1;
	if (evacuate_say_lost(r, recovery_host(r, to), d, err) < 0)
		return -1;
	if (!r->fenced[dead] && !fence) {
		err_set(err, E_FENCE, 0, "it is not proven that %s is off; nothing was done", r->fleet->v[dead].name);
		return err_hint(err,
				"make sure that it is off, and say so: --fenced %s; or give the host a fence command "
				"in vmmig.conf",
				r->fleet->v[dead].name);
	}
	if (recovery_told(r, "%s%s; start it at %s%s", r->fenced[dead] ? "take your word that it is off: " : "fence ",
			  r->fleet->v[dead].name, r->fleet->v[to].name,
			  definition->xml && !(r->presences[to].look && r->presences[to].look->persistent)
				  ? ", from the definition that the journal remembers"
				  : ""))
		return 0;
	return evacuate(r, dead, to, definition, fence, err);
}

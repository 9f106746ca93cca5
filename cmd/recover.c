/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>

#include "recover.h"

static unsigned acts_named(const struct options *o)
{
	return (unsigned)(o->keep != NULL) + (o->kill != NULL) + o->reset_state + o->resume_postcopy + o->evacuate +
	       (o->hard_reboot && !o->kill);
}

/* What no single option can tell. */
static int check(const struct options *o, struct err *err)
{
	const struct strv *w = &o->words;
	bool of_guest = w->n && !str_eq(w->v[0], "purge") && !str_eq(w->v[0], "scan");

	if (acts_named(o) > 1)
		return err_set(err, E_USAGE, 0, "recover: one act at a time (only --kill goes with --hard-reboot)");
	if (o->all && w->n)
		return err_set(err, E_USAGE, 0, "recover: --all is for all that is unfinished, not for \"%s\"",
			       w->v[0]);
	if (o->older_than_given && !(w->n && str_eq(w->v[0], "purge")))
		return err_set(err, E_USAGE, 0, "recover: --older-than goes with purge");
	if (acts_named(o) && !of_guest)
		return err_set(err, E_USAGE, 0, "recover: which guest?");
	if (of_guest && w->n > 1)
		return err_set(err, E_USAGE, 0, "recover: one guest or migration at a time (\"%s\", \"%s\")", w->v[0],
			       w->v[1]);
	if (w->n > 2 && str_eq(w->v[0], "purge"))
		return err_set(err, E_USAGE, 0, "recover purge: \"%s\" is too much", w->v[2]);
	if ((o->from || o->to) && !o->evacuate)
		return err_set(err, E_USAGE, 0, "recover: --from and --to go with --evacuate");
	if (o->fenced.n && !o->evacuate && !o->keep)
		return err_set(err, E_USAGE, 0, "recover: --fenced goes with --evacuate or --keep");
	return 0;
}

static enum status run_words(struct app *app, struct err *err)
{
	struct strv rest = app->opt.words; /* borrowed */

	if (check(&app->opt, err) < 0) {
		err_hint(err, "see: vmmig recover --help");
		return err->status;
	}
	if (!rest.n)
		return recover_unfinished(app, err);
	if (str_eq(rest.v[0], "purge"))
		return recover_purge(app, rest.n > 1 ? rest.v[1] : NULL, err);
	if (str_eq(rest.v[0], "scan")) {
		rest.v++;
		rest.n--;
		return recover_scan(app, &rest, err);
	}
	return acts_named(&app->opt) ? recover_act(app, rest.v[0], err) : recover_guest(app, rest.v[0], err);
}

/* Without a journal there is nothing unfinished, nor put away, that could be told. */
static enum status run(struct app *app, struct err *err)
{
	const struct strv *w = &app->opt.words;

	if (app->journal_lost && (!w->n || str_eq(w->v[0], "purge"))) {
		app->report.ops->note(&app->report, "what the hosts show: vmmig recover scan");
		return STATUS_FAILED;
	}
	return status_worst(run_words(app, err), app->journal_lost ? STATUS_FAILED : STATUS_OK);
}

static const struct argp_option options[] = {
	{ "all", OPT_ALL, NULL, 0, "without a guest: with --yes, end what is safe to be ended", 0 },
	{ "keep", OPT_KEEP, "HOST", 0, "the guest of that host stays; others are paused, then stopped", 0 },
	{ "kill", OPT_KILL, "HOST", 0, "kill -9 of its QEMU there; it has to be proven running elsewhere", 0 },
	{ "reset-state", OPT_RESET_STATE, NULL, 0, "end a stuck migration job; resume what a migration left paused",
	  0 },
	{ "hard-reboot", OPT_HARD_REBOOT, NULL, 0, "destroy it, and start it from its definition", 0 },
	{ "resume-postcopy", OPT_RESUME_POSTCOPY, NULL, 0, "let both halves of an interrupted post-copy go on", 0 },
	{ "evacuate", OPT_EVACUATE, NULL, 0, "its host is dead: start it on another one, from shared storage", 0 },
	{ "from", OPT_FROM, "HOST", 0, "evacuate: the dead host", 0 },
	{ "to", OPT_TO, "HOST", 0, "evacuate: where it is to run", 0 },
	{ "fenced", OPT_FENCED, "HOST", 0, "evacuate, keep: your word that this host is off, and stays so", 0 },
	{ "older-than", OPT_OLDER_THAN, "DAYS", 0, "purge: only what was put away so many days ago or earlier (7)", 0 },
	{ "dry-run", OPT_DRY_RUN, NULL, 0, "look, and say what would be done", 0 },
	{ "yes", OPT_YES, NULL, 0, "do not ask; purge: remove, without it they are only listed", 0 },
	{ 0 },
};

const struct command cmd_recover = {
	.name = "recover",
	.summary = "after a fault: what became of guests, and how exactly one of each runs again",
	.args = "[GUEST|MIGRATION], or: vmmig recover scan [HOST...], or: vmmig recover purge [GUEST]",
	.doc = "Without arguments: each migration that the journal has unfinished, with a verdict and the command that "
	       "ends it. Of a GUEST or MIGRATION: takes over what a vmmig that is gone has left, or looks at the guest "
	       "on all hosts, shows the evidence and the rule, and does what is safe; an option names what is not. "
	       "scan "
	       "looks at all hosts for whatever is wrong, also without any journal. purge lists the images that "
	       "migrations have put away (quarantine), and removes the old ones with --yes: each only if it is still "
	       "the file that was put away, and nobody has it open.",
	.options = options,
	.max_words = UINT_MAX,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL | GOES_WITHOUT_JOURNAL,
	.run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cancel: asks the vmmig that runs a migration to stop it, and waits for the proof; without one it stops it itself. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "records.h"

/* An abort has 40 s, and 45 s the look afterwards (patience_default). */
enum { TIMEOUT_DEFAULT = 90, POLL_US = 200000 };

/* Reads the record anew. True: it has come to its end. */
static bool has_ended(struct app *app, struct migration_record *r, struct err *err)
{
	auto_free char *id = xstrdup(r->id);

	migration_record_clear(r);
	return journal_find(app->journal, id, r, err) != 0 || r->ended_ms;
}

static int refused(const char *id, const char *answer, struct err *err)
{
	err_set(err, E_TOO_LATE, 0, "%s", answer);
	return err_hint(err, "how it goes on: vmmig status --watch %s", id);
}

/* By another cancel than the one that has this request. */
static bool was_asked_before(struct app *app, const struct migration_record *r, int64_t seq)
{
	struct request_record *v = NULL;
	bool asked = false;
	size_t n = 0;

	if (journal_requests(app->journal, r->id, &v, &n, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		asked |= str_eq(v[i].kind, "cancel") && v[i].seq != seq;
	journal_requests_free(v, n);
	return asked;
}

/*
 * Of a guest that runs, requests are read while memory and disks are sent. Before that it has not been touched, and
 * Ctrl-C ends it at once, with the guests that would follow in the same call. Of a guest that is off, or is to be, they
 * are read all the time: others of its call may be on their way beside it, whom a signal would end as well.
 */
static int signal_early(struct app *app, const struct migration_record *r, int64_t seq, struct err *err)
{
	if (was_asked_before(app, r, seq)) /* a second signal would end it in the middle of taking back */
		return 0;
	if ((!str_eq(r->phase, "begin") && !str_eq(r->phase, "prepare")) || str_eq(r->mode, mode_name(MODE_COLD)))
		return 0;
	/* not SIGINT, which is ignored in the background of a script */
	if (kill(r->pid, SIGTERM) < 0 && errno != ESRCH)
		return err_set(err, E_TOO_LATE, errno, "the vmmig that runs it (pid %d) cannot be signalled",
			       (int)r->pid);
	app->report.ops->note(&app->report, "it is still being prepared: signalled");
	return 0;
}

/* 0: it has ended, *r says how. */
static int ask(struct app *app, struct migration_record *r, struct err *err)
{
	unsigned limit = app->opt.timeout_given && app->opt.timeout_s ? app->opt.timeout_s : TIMEOUT_DEFAULT;
	int64_t until = clock_ms() + (int64_t)limit * 1000, seq = 0;

	if (journal_request(app->journal, r->id, "cancel", 0, &seq, err) < 0 || signal_early(app, r, seq, err) < 0)
		return -1;
	app->report.ops->note(&app->report, "asked to stop; waiting for its end");
	for (;;) {
		auto_free char *answer = NULL;
		/* these first: it writes its end, then what it has to answer, and goes */
		bool gone = migration_process_alive(r) == 0;
		int rc = journal_answer_get(app->journal, seq, &answer, err);

		if (rc < 0 || has_ended(app, r, err))
			break;
		if (rc == 0 && !str_eq(answer, "done"))
			return refused(r->id, answer, err);
		if (gone)
			return 1; /* it was killed meanwhile */
		if (interrupt_pending())
			return err_set(err, E_CANCELLED, 0, "no longer waiting; it may still be stopped");
		if (clock_ms() >= until) {
			err_set(err, E_TIMEOUT, 0, "it has not ended after %u s", limit);
			return err_hint(err, "look: vmmig status %s", r->id);
		}
		usleep(POLL_US);
	}
	return err->id ? -1 : 0;
}

/* What it became is not always what was asked for. */
static enum status judge(struct app *app, const struct migration_record *r, struct err *err)
{
	record_show(app, r);
	if (r->status == MIG_CANCELLED)
		return STATUS_OK;
	if (r->status == MIG_COMPLETED)
		err_set(err, E_TOO_LATE, 0, "%s: it was too late: the guest has moved to %s", r->guest, r->to);
	else
		err_set(err, E_TOO_LATE, 0, "%s: it has ended by itself meanwhile: %s: %s", r->guest,
			r->error_id ? r->error_id : migration_status_name(r->status),
			r->error_message ? r->error_message : "");
	return r->exit_status == STATUS_UNDECIDED ? STATUS_UNDECIDED : err->status;
}

static enum status cancel_one(struct app *app, struct migration_record *r, struct err *err)
{
	int rc = 1;

	if (migration_process_alive(r) > 0)
		rc = ask(app, r, err);
	if (rc < 0)
		return err->status;
	if (rc == 0)
		return judge(app, r, err);
	/* Nobody runs it, as far as can be seen from here: the lease at the source tells for sure. */
	under_way_adopt(app, r, true, err);
	if (!err_is(err, E_CANCELLED) || r->status != MIG_CANCELLED)
		return err->id ? err->status : judge(app, r, err);
	err_clear(err);
	return judge(app, r, err);
}

static enum status run(struct app *app, struct err *err)
{
	struct migration_record r = { 0 };
	enum status status;

	if (under_way_find(app, app->opt.words.v[0], &r, err) < 0)
		status = err->status;
	else
		status = cancel_one(app, &r, err);
	migration_record_clear(&r);
	return status;
}

static const struct argp_option options[] = {
	{ "timeout", OPT_TIMEOUT, "S", 0, "wait no longer than so many seconds for its end (90)", 0 },
	{ 0 },
};

const struct command cmd_cancel = {
	.name = "cancel",
	.summary = "stop a migration that is under way, from another terminal",
	.args = "GUEST|MIGRATION",
	.doc = "Stops a migration and waits until the guest is proven to be as before at the source. Also one whose "
	       "vmmig "
	       "is gone. Post-copy cannot be stopped.",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Walks the phases forward, and backward when one of them fails. */
#include "migrate/migrate.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"

int source_disks_parse(const char *word, enum source_disks *s)
{
	static const char *const words[] = {
		[SOURCE_QUARANTINE] = "quarantine", [SOURCE_KEEP] = "keep", [SOURCE_DELETE] = "delete"
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_eq(word, words[i])) {
			*s = (enum source_disks)i;
			return 0;
		}
	return -1;
}

const struct phase phases_live[] = {
	{ "begin", "source", begin_run, begin_undo },  { "prepare", "destination", prepare_run, prepare_undo },
	{ "perform", "both", perform_run, NULL }, /* its undo is finish's verdict */
	{ "finish", "destination", finish_run, NULL }, { "confirm", "source", confirm_run, NULL },
};
const size_t phases_live_n = ARRAY_SIZE(phases_live);

const struct phase phases_block[] = {
	{ "begin", "source", begin_run, begin_undo },
	{ "prepare", "destination", prepare_block_run, prepare_block_undo },
	{ "perform", "both", perform_run, NULL },
	{ "finish", "destination", finish_run, NULL },
	{ "confirm", "source", confirm_run, NULL },
};
const size_t phases_block_n = ARRAY_SIZE(phases_block);

const struct phase phases_cold[] = {
	{ "begin", "source", begin_cold_run, begin_cold_undo },
	{ "prepare", "destination", prepare_cold_run, prepare_cold_undo },
	{ "perform", "both", perform_cold_run, NULL },
	{ "finish", "destination", finish_cold_run, NULL }, /* takes back what it did by itself */
	{ "confirm", "source", confirm_cold_run, NULL },
};
const size_t phases_cold_n = ARRAY_SIZE(phases_cold);

void migration_journal(struct migration *m)
{
	struct err err auto_err = ERR_INIT;

	if (m->record.id[0] && journal_update(m->journal, &m->record, &err) < 0)
		log_warn("%s: %s", err.id, err.msg);
}

void migration_note(struct migration *m, const char *fmt, ...)
{
	struct err err auto_err = ERR_INIT;
	auto_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	m->report->ops->note(m->report, text);
	if (m->record.id[0] && journal_event(m->journal, m->record.id, text, &err) < 0)
		log_warn("%s: %s", err.id, err.msg);
}

void migration_decision(struct migration *m, const char *action, uint64_t value, uint64_t needed_ms, const char *reason)
{
	struct err err auto_err = ERR_INIT;

	m->report->ops->decision(m->report, action, value, needed_ms, reason);
	if (m->record.id[0] && journal_decision(m->journal, m->record.id, action, value, reason, &err) < 0)
		log_warn("%s: %s", err.id, err.msg);
}

int effect_begin(struct migration *m, struct host *h, const char *kind, const char *object, int64_t *effect,
		 struct err *err)
{
	return journal_intent(m->journal, m->record.id, host_name(h), kind, object, effect, err);
}

static void write_result(struct migration *m, int64_t effect, const char *result)
{
	struct err err auto_err = ERR_INIT;

	if (journal_result(m->journal, effect, result, &err) < 0)
		log_warn("%s: %s", err.id, err.msg);
}

void effect_end(struct migration *m, int64_t effect, const struct err *why)
{
	auto_free char *failed = why ? str_printf("failed: %s", why->msg) : NULL;

	write_result(m, effect, failed ? failed : "done");
}

int effect_result(struct migration *m, int64_t effect, struct err *err, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	return journal_result(m->journal, effect, text, err);
}

void effect_undone(struct migration *m, int64_t effect)
{
	write_result(m, effect, "undone");
}

/*
 * abort_limit, settle: libvirt's keepalive gives a dead peer 30 s (5 s, 5 times, and one more), then it
 * tidies up; so both are a little longer. stale, paused: libvirt does these at once when it does them at all.
 * stuck_blind: well behind that keepalive. unheard: sshd's LoginGraceTime, so no login takes longer.
 * cut_every: what ending connections frees is gone within a second; this leaves room for a slow host.
 */
const struct patience patience_default = { .abort_limit = 40000,
					   .settle = 45000,
					   .stale = 10000,
					   .paused = 2000,
					   .look_every = 200,
					   .poll = 100,
					   .stuck = 10000,
					   .stuck_blind = 60000,
					   .unheard = 120000,
					   .cut_every = 5000 };

void migration_patience(struct migration *m)
{
	if (!m->patience.look_every)
		m->patience = patience_default;
}

/*
 * For tests that let something fail in a certain moment: VMMIG_TEST_STOP_AT=finish stops the process (SIGSTOP) where
 * that phase begins, until somebody continues or kills it.
 */
static void stop_point(const char *phase)
{
	const char *at = getenv("VMMIG_TEST_STOP_AT");

	if (at && str_eq(at, phase))
		raise(SIGSTOP);
}

static int run_phase(struct migration *m, const struct phase *p, struct err *err)
{
	int64_t begin = clock_ms();
	int rc;

	free(m->record.phase);
	m->record.phase = xstrdup(p->name);
	migration_journal(m);
	m->report->ops->phase(m->report, p->name, p->side, "begun", 0);
	stop_point(p->name);
	rc = p->run(m, err);
	m->report->ops->phase(m->report, p->name, p->side, rc < 0 ? "failed" : "done", clock_ms() - begin);
	return rc;
}

/* Forward until a phase fails or, for a dry run, the plan stands. Returns how many phases were entered. */
static size_t forward(struct migration *m, const struct phase phases[], size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		/* Before the guest is touched, a signal ends it here; perform and later deal with signals themselves.
		 */
		if (!m->performed && interrupt_pending()) {
			err_set(err, E_CANCELLED, 0, "interrupted before %s", phases[i].name);
			return i;
		}
		if (run_phase(m, &phases[i], err) < 0 || m->opt->dry_run)
			return i + 1;
	}
	return n;
}

static void backward(struct migration *m, const struct phase phases[], size_t entered)
{
	interrupt_ack();
	interrupt_hold(true); /* an undo that is cut half-way helps nobody */
	while (entered-- > 0)
		if (phases[entered].undo)
			phases[entered].undo(m);
}

static enum migration_status final_status(const struct migration *m, const struct err *err)
{
	if (m->moved)
		return MIG_COMPLETED;
	if (!err->id)
		return MIG_NONE; /* a dry run */
	return err->status == STATUS_CANCELLED ? MIG_CANCELLED : MIG_FAILED;
}

static void close_record(struct migration *m, const struct err *err, enum status status, int64_t total_ms)
{
	m->record.status = final_status(m, err);
	m->record.exit_status = status;
	free(m->record.error_id); /* of one that is taken over, perhaps */
	free(m->record.error_message);
	m->record.error_id = xstrdup(err->id);
	m->record.error_message = xstrdup(err->msg);
	m->record.total_ms = (uint64_t)total_ms;
	m->record.downtime_ms = m->downtime_ms;
	m->record.bytes = m->bytes;
	m->record.ended_ms = clock_wall_ms();
	m->record.leftover = m->left_open && status != STATUS_UNDECIDED; /* those are unfinished all the same */
	migration_journal(m);
}

static void report_end(struct migration *m, const struct err *err, enum status status, int64_t total_ms)
{
	struct result res = {
		.status = final_status(m, err),
		.exit = status,
		.mode = mode_name(m->mode),
		.from = host_name(m->src),
		.to = host_name(m->dst),
		.total_ms = (uint64_t)total_ms,
		.downtime_ms = m->downtime_ms,
		.have_downtime = m->have_downtime,
		.bytes = m->bytes,
		.dry_run = m->opt->dry_run,
		.err = err->id ? err : NULL,
	};

	m->report->ops->result(m->report, &res);
}

/*
 * Once libvirt was asked to move the guest, only a proof lets an error say "failed" or "cancelled"; without one
 * it is for a person to look.
 */
static void weigh_error(struct migration *m, struct err *err)
{
	struct err why = ERR_INIT;

	if (!m->performed || !err->id || m->safe || err->status == STATUS_UNDECIDED)
		return;
	err_move(&why, err);
	err_set(err, m->moved ? E_INCOMPLETE : E_UNDECIDED, 0, "%s%s: %s", m->moved ? "it has moved, and is at " : "",
		m->moved ? host_label(m->dst) : why.id, why.msg);
	err_hint_text(err, why.hint ? why.hint : "look with: vmmig status; see vmmig-troubleshooting(7)");
	err_clear(&why);
}

enum status migrate_walk(struct migration *m, const struct phase phases[], size_t n, struct err *err)
{
	int64_t begin = clock_ms();
	enum status status;
	size_t entered;

	m->stop_asked = E_INTERNAL;
	m->report->guest = m->guest;
	entered = forward(m, phases, n, err);
	control_deafen(m);
	tunnel_close(m);
	foresight_end(m);
	if (!m->moved)
		backward(m, phases, entered); /* also after a dry run: begin's lease goes */
	else
		begin_undo(m);
	interrupt_hold(false);
	weigh_error(m, err);
	status = err->id ? err->status : STATUS_OK;
	close_record(m, err, status, clock_ms() - begin);
	control_end(m);
	report_end(m, err, status, clock_ms() - begin);
	m->report->guest = m->report->migration = NULL;
	return status;
}

enum status migrate_guest(struct migration *m, struct err *err)
{
	migration_patience(m);
	if (m->mode == MODE_COLD)
		return migrate_walk(m, phases_cold, phases_cold_n, err);
	if (m->mode == MODE_BLOCK)
		return migrate_walk(m, phases_block, phases_block_n, err);
	return migrate_walk(m, phases_live, phases_live_n, err);
}

void migration_clear(struct migration *m)
{
	control_deafen(m);
	foresight_end(m);
	host_hold_end(m->lease);
	migration_record_clear(&m->record);
	check_input_clear(&m->facts);
	findings_clear(&m->findings);
	domain_free(m->domain);
	guest_move_clear(&m->move);
	strv_clear(&m->plan);
	made_clear(m);
	free(m->src_xml);
	cold_files_release(m);
	tunnel_close(m);
	strv_clear(&m->relied_on);
	host_hold_end(m->use_locks);
	err_clear(&m->claim);
	guest_look_clear(&m->src_look);
	guest_look_clear(&m->dst_look);
}

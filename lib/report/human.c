/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For people: results on stdout, everything else on stderr; progress is drawn only on a terminal. */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "report/report.h"

#define RED "\033[31m"
#define YELLOW "\033[33m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

static const char *paint(const struct report *r, const char *color)
{
	return r->color ? color : "";
}

static void wipe(struct report *r)
{
	if (r->drawn)
		fputs("\r\033[K", r->diag);
	r->drawn = false;
}

/* "web1: " sanitised, or "". */
static char *guest_prefix(const struct report *r)
{
	auto_free char *clean = r->guest ? str_sanitize(r->guest, 200) : NULL;

	return clean ? str_printf("%s: ", clean) : xstrdup("");
}

static void say(struct report *r, FILE *to, const char *color, const char *head, const char *text)
{
	auto_free char *clean = str_sanitize(text, REPORT_TEXT_MAX), *guest = guest_prefix(r);

	wipe(r);
	fprintf(to, "%s%s%s%s%s\n", paint(r, color), head, paint(r, PLAIN), guest, clean);
}

static void say_hint(FILE *to, const char *hint)
{
	auto_free char *clean = hint ? str_sanitize(hint, REPORT_TEXT_MAX) : NULL;

	if (clean)
		fprintf(to, "hint: %s\n", clean);
}

static void human_check(struct report *r, const struct finding *f)
{
	auto_free char *text = finding_text(f), *line = NULL;
	const char *color = finding_refuses(f) ? RED : YELLOW;

	line = str_printf("%s: %s", finding_status_name(f->status), text);
	auto_free char *head = str_printf("%s ", f->check->id);
	say(r, r->diag, color, head, line);
	say_hint(r->diag, finding_hint(f));
}

static void human_phase(struct report *r, const char *phase, const char *side, const char *state, int64_t ms)
{
	auto_free char *took = NULL, *line = NULL;

	if (r->quiet || strcmp(state, "begun") == 0)
		return; /* the progress line shows what runs; here one line for each that ended */
	took = str_duration((uint64_t)ms);
	line = str_printf("%s (%s): %s, %s", phase, side, state, took);
	say(r, r->diag, "", "", line);
}

/* "12 - 19 s": the range in which it should end. */
static char *eta_text(const struct progress *p)
{
	auto_free char *low = p->eta_low_ms < 0 ? NULL : str_duration((uint64_t)p->eta_low_ms);
	auto_free char *high = p->eta_high_ms < 0 ? NULL : str_duration((uint64_t)p->eta_high_ms);

	if (!low)
		return xstrdup("?");
	if (!high)
		return str_printf("%s or more", low);
	return str_eq(low, high) ? xstrdup(low) : str_printf("%s to %s", low, high);
}

static char *bar(unsigned percent)
{
	char cells[] = "....................";

	memset(cells, '=', percent / 5);
	return str_printf("[%s] %2u %%", cells, percent);
}

/* What is being sent now, in words. */
static char *stage_text(const struct progress *p)
{
	auto_free char *dirty = str_bytes(p->dirty_bps);

	if (!p->stats.mem_total && p->disks_n)
		return xstrdup("disks");
	if (p->postcopy)
		return xstrdup("post-copy");
	return str_printf("pass %llu  changed %s/s  downtime limit %llu ms", (unsigned long long)p->iteration, dirty,
			  (unsigned long long)p->max_downtime_ms);
}

/* A line that wraps would not be wiped: what goes beyond the last column is not drawn. */
static void draw(struct report *r, const char *line)
{
	size_t max = r->columns > 1 ? r->columns - 1 : strlen(line), n = 0;

	for (const char *c = line; *c && n < max; c++) {
		fputc(*c, r->diag);
		n += (*c & 0xc0) != 0x80; /* a character, and not what follows its first byte */
	}
	fflush(r->diag);
	r->drawn = true;
}

static void human_progress(struct report *r, const struct progress *p)
{
	auto_free char *guest = NULL, *rate = NULL, *left = NULL, *eta = NULL, *done = NULL, *stage = NULL,
		       *line = NULL;

	if (!r->terminal || r->quiet)
		return;
	guest = guest_prefix(r);
	rate = str_bytes(p->bps);
	left = str_bytes(p->stats.mem_remaining + p->stats.disk_remaining);
	eta = eta_text(p);
	done = bar(p->percent);
	stage = stage_text(p);
	line = str_printf("%s%s  %s  left %s at %s/s  ETA %s%s%s%s  %s", guest, p->phase, done, left, rate, eta,
			  p->held[0] ? " (" : "", p->held, p->held[0] ? ")" : "", stage);
	fputs("\r\033[K", r->diag);
	draw(r, line);
}

static void human_decision(struct report *r, const char *action, uint64_t value, uint64_t needed_ms, const char *reason)
{
	auto_free char *line = NULL;

	(void)needed_ms; /* the reason has it */
	if (r->quiet)
		return;
	if (strcmp(action, "max-downtime") == 0)
		line = str_printf("downtime limit %llu ms: %s", (unsigned long long)value, reason);
	else
		line = str_printf("%s%s%s", strcmp(action, "wait") == 0 ? "" : action,
				  strcmp(action, "wait") == 0 ? "" : ": ", reason);
	say(r, r->diag, "", "", line);
}

static void human_forecast(struct report *r, const struct guest_forecast *f)
{
	auto_free char *line = str_printf("forecast: %s", f->text);

	if (!r->quiet)
		say(r, r->diag, "", "", line);
}

static void human_note(struct report *r, const char *text)
{
	if (!r->quiet)
		say(r, r->diag, "", "", text);
}

static void human_error(struct report *r, const struct err *err)
{
	auto_free char *head = str_printf("vmmig: %s: ", err->id);

	say(r, r->diag, RED, head, err->msg);
	say_hint(r->diag, err->hint);
}

static void human_result(struct report *r, const struct result *res)
{
	auto_free char *total = str_duration(res->total_ms), *bytes = str_bytes(res->bytes), *line = NULL;
	auto_free char *down = res->have_downtime ? str_printf("downtime %llu ms", (unsigned long long)res->downtime_ms)
						  : xstrdup("downtime not known");

	if (res->err) {
		human_error(r, res->err);
		return;
	}
	if (res->dry_run)
		line = str_printf("dry run: would move from %s to %s; nothing was changed", res->from, res->to);
	else
		line = str_printf("moved from %s to %s in %s, %s, %s sent", res->from, res->to, total, down, bytes);
	say(r, r->out, GREEN, "", line);
}

static void human_object(struct report *r, const char *text, json_t *object)
{
	json_decref(object);
	if (!text)
		return;
	wipe(r);
	fputs(text, r->out);
}

const struct report_ops report_ops_human = {
	.check = human_check,
	.phase = human_phase,
	.progress = human_progress,
	.decision = human_decision,
	.forecast = human_forecast,
	.note = human_note,
	.error = human_error,
	.result = human_result,
	.object = human_object,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/chart.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

enum { TEXT_MAX = 1000 };
#define MIB (1024.0 * 1024.0)

static const struct {
	const char *title;
	unsigned series;
	const char *name[2];
} panels[] = {
	[CHART_REMAINING] = { "remaining, MiB", 1, { "memory and disks", NULL } },
	[CHART_RATES] = { "MiB/s", 2, { "sent", "changed by the guest" } },
	[CHART_LIMIT] = { "downtime limit, ms", 1, { "limit", NULL } },
};

const char *chart_panel_title(enum chart_panel p)
{
	return panels[p].title;
}

unsigned chart_series(enum chart_panel p)
{
	return panels[p].series;
}

const char *chart_series_name(enum chart_panel p, unsigned series)
{
	return panels[p].name[series];
}

double chart_value(enum chart_panel p, unsigned series, const struct sample_record *s)
{
	switch (p) {
	case CHART_REMAINING:
		return ((double)s->memory_remaining + (double)s->disk_remaining) / MIB;
	case CHART_RATES:
		return (double)(series ? s->dirty_bps : s->bps) / MIB;
	case CHART_LIMIT:
		return (double)s->max_downtime_ms;
	case CHART_PANELS:
		break;
	}
	return 0;
}

struct chart_span chart_span(const struct chart_input *in)
{
	struct chart_span s = { in->record->started_ms, in->record->ended_ms };

	if (in->samples_n) {
		const struct sample_record *last = &in->samples[in->samples_n - 1];

		if (in->samples[0].at_ms < s.from_ms)
			s.from_ms = in->samples[0].at_ms;
		if (last->at_ms > s.to_ms)
			s.to_ms = last->at_ms;
	}
	if (s.to_ms <= s.from_ms)
		s.to_ms = s.from_ms + 1000;
	return s;
}

double chart_step(double max, unsigned n)
{
	static const double of[] = { 1, 2, 5, 10 };
	double raw = max / n, power;

	if (!(max > 0) || !isfinite(max) || !n)
		return 1;
	power = pow(10, floor(log10(raw)));
	for (size_t i = 0; i < ARRAY_SIZE(of); i++)
		if (of[i] * power * n >= max)
			return of[i] * power;
	return 10 * power;
}

double chart_max(const struct chart_input *in, enum chart_panel p)
{
	double max = 0;

	for (size_t i = 0; i < in->samples_n; i++)
		for (unsigned s = 0; s < chart_series(p); s++)
			max = fmax(max, chart_value(p, s, &in->samples[i]));
	return max;
}

char *chart_headline(const struct chart_input *in)
{
	const struct migration_record *r = in->record;
	auto_free char *guest = str_sanitize(r->guest ? r->guest : "?", 200);
	auto_free char *from = str_sanitize(r->from ? r->from : "?", 100), *to = str_sanitize(r->to ? r->to : "?", 100);

	return str_printf("%s: %s to %s, %s, %s", guest, from, to, r->mode ? r->mode : "?",
			  migration_status_name(r->status));
}

char *chart_summary(const struct chart_input *in)
{
	const struct migration_record *r = in->record;
	auto_free char *took = str_duration(r->total_ms), *sent = str_bytes(r->bytes), *down = NULL, *error = NULL;
	char began[32];

	clock_iso(r->started_ms, began);
	if (!r->ended_ms)
		return str_printf("%s, begun %s, not ended", r->id, began);
	down = r->downtime_ms ? str_printf(", downtime %llu ms", (unsigned long long)r->downtime_ms) : xstrdup("");
	error = r->error_id ? str_printf(", %s", r->error_id) : xstrdup("");
	return str_printf("%s, begun %s, took %s%s, %s sent%s", r->id, began, took, down, sent, error);
}

char *chart_when(const struct chart_span *span, int64_t at_ms)
{
	return str_duration(at_ms > span->from_ms ? (uint64_t)(at_ms - span->from_ms) : 0);
}

char *chart_decision(const struct decision_record *d)
{
	auto_free char *reason = str_sanitize(d->reason ? d->reason : "", TEXT_MAX);
	auto_free char *action = str_sanitize(d->action ? d->action : "", 40);

	if (str_eq(action, "max-downtime"))
		return str_printf("downtime limit %llu ms: %s", (unsigned long long)d->value, reason);
	return str_eq(action, "wait") ? STEAL(reason) : str_printf("%s: %s", action, reason);
}

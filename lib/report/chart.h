/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How one migration went, drawn from what the journal has of it: what remained, what was sent and changed, the downtime
 * limit, and what was decided. Pure: records in, text out, for a terminal, as SVG, or as one HTML file that needs
 * nothing else.
 */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include "base/str.h"
#include "journal/journal.h"

/* All borrowed; whatever came from hosts is sanitised here. */
struct chart_input {
	const struct migration_record *record;
	const struct sample_record *samples; /* in the order of time */
	size_t samples_n;
	const struct decision_record *decisions;
	size_t decisions_n;
	const struct event_record *events;
	size_t events_n;
};

/* columns: of the terminal, 40 at least; utf8: block elements may be used. */
void chart_text(const struct chart_input *in, unsigned columns, bool utf8, struct buf *out);
void chart_svg(const struct chart_input *in, struct buf *out);
void chart_html(const struct chart_input *in, struct buf *out);

/* ---- what the renderings share (chart.c) ---- */

enum chart_panel { CHART_REMAINING, CHART_RATES, CHART_LIMIT, CHART_PANELS };
const char *chart_panel_title(enum chart_panel p); /* "remaining", "sent and changed", "downtime limit" */
/* How many series a panel has, and one value of one: MiB, MiB/s, ms. */
unsigned chart_series(enum chart_panel p);
const char *chart_series_name(enum chart_panel p, unsigned series);
double chart_value(enum chart_panel p, unsigned series, const struct sample_record *s);

/* From when to when, ms; never empty. */
struct chart_span {
	int64_t from_ms, to_ms;
};
struct chart_span chart_span(const struct chart_input *in);
/* The least of 1, 2, 5 times a power of ten so that max is at most n steps of it; max 0 gives 1. */
double chart_step(double max, unsigned n);
/* The highest value of a panel; 0 without samples. */
double chart_max(const struct chart_input *in, enum chart_panel p);
/* One or two lines about the migration; caller frees. */
char *chart_headline(const struct chart_input *in);
char *chart_summary(const struct chart_input *in);
/* "12.3 s" since the beginning; caller frees. */
char *chart_when(const struct chart_span *span, int64_t at_ms);
/* What one decision says: "downtime limit 120 ms: …"; caller frees. */
char *chart_decision(const struct decision_record *d);

#endif

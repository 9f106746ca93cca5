/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For a terminal: a column is a piece of time, its height the highest value in it. */
#include <math.h>
#include <string.h>

#include "report/chart.h"

enum { LABEL = 9, COLUMNS_MIN = 40, COLUMNS_MAX = 200, ROWS = 6 };

struct grid {
	const struct chart_input *in;
	struct chart_span span;
	unsigned width;
	bool utf8;
};

/* Which column a moment falls into. */
static unsigned column(const struct grid *g, int64_t at_ms)
{
	double part = (double)(at_ms - g->span.from_ms) / (double)(g->span.to_ms - g->span.from_ms);
	double x = part * g->width;

	return x < 0 ? 0 : x >= g->width ? g->width - 1 : (unsigned)x;
}

/* The highest of each column; one without a reading has what was before. -1: nothing yet. */
static double *highest(const struct grid *g, enum chart_panel p, unsigned series)
{
	double *v = xcalloc(g->width, sizeof(*v)), last = -1;

	for (unsigned x = 0; x < g->width; x++)
		v[x] = -1;
	for (size_t i = 0; i < g->in->samples_n; i++) {
		unsigned x = column(g, g->in->samples[i].at_ms);

		v[x] = fmax(v[x], chart_value(p, series, &g->in->samples[i]));
	}
	for (unsigned x = 0; x < g->width; x++)
		last = v[x] = v[x] < 0 ? last : v[x];
	return v;
}

/* The part of a row that a value fills, in eighths. */
static const char *cell(const struct grid *g, double value, unsigned row, double top)
{
	static const char *const eighths[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	double filled = value / top * ROWS - (ROWS - 1 - row);

	if (value <= 0 || filled <= 0)
		return " ";
	if (!g->utf8)
		return filled >= 0.5 ? "#" : "_";
	return eighths[filled >= 1 ? 8 : (int)ceil(filled * 8)];
}

static bool marks(double value, unsigned row, double top)
{
	double at = value / top * ROWS;

	return value > 0 && (unsigned)(ROWS - 1 - (at >= ROWS ? ROWS - 1 : (int)at)) == row;
}

static void panel(const struct grid *g, enum chart_panel p, struct buf *out)
{
	double max = chart_max(g->in, p), top = chart_step(max, ROWS) * ROWS;
	auto_free double *first = highest(g, p, 0), *second = chart_series(p) > 1 ? highest(g, p, 1) : NULL;

	buf_addf(out, "\n%s%s%s%s\n", chart_panel_title(p), second ? ": " : "", second ? chart_series_name(p, 0) : "",
		 second ? ", and (o) changed by the guest" : "");
	for (unsigned row = 0; row < ROWS; row++) {
		buf_addf(out, "%*.*f %s", LABEL - 2, top < 5 ? 1 : 0, top * (ROWS - row) / ROWS, g->utf8 ? "│" : "|");
		for (unsigned x = 0; x < g->width; x++)
			buf_addf(out, "%s", second && marks(second[x], row, top) ? "o" : cell(g, first[x], row, top));
		buf_addf(out, "\n");
	}
}

/* A number where something was decided, and the time below. */
static void axis(const struct grid *g, struct buf *out)
{
	auto_free char *end = chart_when(&g->span, g->span.to_ms), *line = xcalloc(g->width + 1, 1);

	memset(line, ' ', g->width);
	for (size_t i = 0; i < g->in->decisions_n; i++)
		line[column(g, g->in->decisions[i].at_ms)] = (char)(i < 9 ? '1' + (int)i : '+');
	buf_addf(out, "%*s%s\n", LABEL, "", line);
	buf_addf(out, "%*s%-*s%s\n", LABEL, "", (int)(g->width > strlen(end) ? g->width - strlen(end) : 0), "0", end);
}

static void decisions(const struct grid *g, struct buf *out)
{
	for (size_t i = 0; i < g->in->decisions_n; i++) {
		auto_free char *when = chart_when(&g->span, g->in->decisions[i].at_ms);
		auto_free char *text = chart_decision(&g->in->decisions[i]);

		buf_addf(out, "%s%3zu  %8s  %s\n", i ? "" : "\n", i + 1, when, text);
	}
}

void chart_text(const struct chart_input *in, unsigned columns, bool utf8, struct buf *out)
{
	auto_free char *head = chart_headline(in), *summary = chart_summary(in);
	unsigned all = columns < COLUMNS_MIN ? COLUMNS_MIN : columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
	struct grid g = { in, chart_span(in), all - LABEL - 1, utf8 };

	buf_addf(out, "%s\n%s\n", head, summary);
	if (in->samples_n) {
		for (int p = 0; p < CHART_PANELS; p++)
			panel(&g, (enum chart_panel)p, out);
		axis(&g, out);
	} else {
		buf_addf(out, "\nThere are no statistics of it: it ended before there were any.\n");
	}
	decisions(&g, out);
}

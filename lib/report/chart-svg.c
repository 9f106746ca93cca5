/* SPDX-License-Identifier: GPL-3.0-or-later */
/* As SVG, and as an HTML file around it. Nothing in them is fetched from anywhere. */
#include <math.h>

#include "base/clock.h"
#include "report/chart.h"

enum { WIDTH = 960, LEFT = 64, RIGHT = 16, TOP = 56, PANEL = 150, GAP = 46, STEPS = 5, TIME_STEPS = 8 };

static const char *const colors[CHART_PANELS][2] = {
	[CHART_REMAINING] = { "#3b6fb6", NULL },
	[CHART_RATES] = { "#2f8f5b", "#c2571a" },
	[CHART_LIMIT] = { "#8250a8", NULL },
};

static const char style[] =
	"text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}.grid{stroke:#ddd}"
	".mark{stroke:#b00;stroke-dasharray:3 3}.n{fill:#b00;font-weight:600}.post{fill:#c2571a;opacity:.12}"
	".bg{fill:#fff}"
	"@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}.bg{fill:#181818}.mark{stroke:#f66}"
	".n{fill:#f66}}";

static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '&')
			buf_addf(out, "&amp;");
		else if (*s == '<')
			buf_addf(out, "&lt;");
		else if (*s == '>')
			buf_addf(out, "&gt;");
		else if (*s == '"')
			buf_addf(out, "&quot;");
		else
			buf_add(out, s, 1);
	}
}

struct plot {
	const struct chart_input *in;
	struct chart_span span;
	struct buf *out;
};

static double x_of(const struct plot *p, int64_t at_ms)
{
	double part = (double)(at_ms - p->span.from_ms) / (double)(p->span.to_ms - p->span.from_ms);

	return LEFT + fmin(fmax(part, 0), 1) * (WIDTH - LEFT - RIGHT);
}

static int top_of(int panel)
{
	return TOP + panel * (PANEL + GAP);
}

static int bottom(void)
{
	return top_of(CHART_PANELS - 1) + PANEL;
}

static void grid(const struct plot *p, int panel, double step)
{
	int y0 = top_of(panel);

	for (int i = 0; i <= STEPS; i++) {
		int y = y0 + PANEL - PANEL * i / STEPS;

		buf_addf(p->out, "<line class=\"grid\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT, y,
			 WIDTH - RIGHT, y);
		buf_addf(p->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%g</text>\n", LEFT - 6, y + 4, step * i);
	}
}

/* Of many readings in one place the highest and the lowest are enough. */
static void series(const struct plot *p, enum chart_panel panel, unsigned s, double top)
{
	double last_x = -1, low = 0, high = 0;
	int y0 = top_of((int)panel) + PANEL;

	buf_addf(p->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" points=\"", colors[panel][s]);
	for (size_t i = 0; i < p->in->samples_n; i++) {
		double x = round(x_of(p, p->in->samples[i].at_ms) * 2) / 2;
		double y = y0 - fmin(chart_value(panel, s, &p->in->samples[i]) / top, 1) * PANEL;

		if (i && x == last_x) {
			low = fmax(low, y);
			high = fmin(high, y);
			continue;
		}
		if (i && low != high)
			buf_addf(p->out, "%.1f,%.1f %.1f,%.1f ", last_x, low, last_x, high);
		buf_addf(p->out, "%.1f,%.1f ", x, y);
		last_x = x;
		low = high = y;
	}
	buf_addf(p->out, "\"/>\n");
}

static void legend(const struct plot *p, enum chart_panel panel)
{
	int x = LEFT, y = top_of((int)panel) - 8;

	buf_addf(p->out, "<text x=\"%d\" y=\"%d\">%s</text>\n", x, y, chart_panel_title(panel));
	for (unsigned s = 0; chart_series(panel) > 1 && s < chart_series(panel); s++)
		buf_addf(p->out, "<text x=\"%d\" y=\"%d\" style=\"fill:%s\">%s</text>\n", x + 90 + (int)s * 60, y,
			 colors[panel][s], chart_series_name(panel, s));
}

static void panel(const struct plot *p, enum chart_panel panel)
{
	double step = chart_step(chart_max(p->in, panel), STEPS);

	grid(p, (int)panel, step);
	legend(p, panel);
	for (unsigned s = 0; s < chart_series(panel); s++)
		series(p, panel, s, step * STEPS);
}

static void post_copy(const struct plot *p)
{
	for (size_t i = 0; i < p->in->samples_n; i++) {
		double x = x_of(p, p->in->samples[i].at_ms);

		if (!p->in->samples[i].postcopy)
			continue;
		buf_addf(
			p->out,
			"<rect class=\"post\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>post-copy</title>"
			"</rect>\n",
			x, TOP, WIDTH - RIGHT - x, bottom() - TOP);
		return;
	}
}

static void marks(const struct plot *p)
{
	for (size_t i = 0; i < p->in->decisions_n; i++) {
		auto_free char *text = chart_decision(&p->in->decisions[i]);
		double x = x_of(p, p->in->decisions[i].at_ms);

		buf_addf(p->out, "<g><title>");
		add_escaped(p->out, text);
		buf_addf(p->out,
			 "</title><line class=\"mark\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
			 "<text class=\"n\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%zu</text></g>\n",
			 x, TOP, x, bottom(), x, bottom() + 14, i + 1);
	}
}

static void time_axis(const struct plot *p)
{
	double seconds = (double)(p->span.to_ms - p->span.from_ms) / 1000, step = chart_step(seconds, TIME_STEPS);

	for (int i = 0; step * i <= seconds * 1.0001; i++)
		buf_addf(p->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g s</text>\n",
			 x_of(p, p->span.from_ms + (int64_t)(step * i * 1000)), bottom() + 32, step * i);
}

void chart_svg(const struct chart_input *in, struct buf *out)
{
	auto_free char *head = chart_headline(in), *summary = chart_summary(in);
	struct plot p = { in, chart_span(in), out };

	buf_addf(out,
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" "
		 "aria-labelledby=\"t d\"><title id=\"t\">",
		 WIDTH, bottom() + 48);
	add_escaped(out, head);
	buf_addf(out, "</title><desc id=\"d\">");
	add_escaped(out, summary);
	buf_addf(out, "</desc><style>%s</style>\n<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n", style);
	buf_addf(out, "<text class=\"title\" x=\"%d\" y=\"20\">", LEFT);
	add_escaped(out, head);
	buf_addf(out, "</text>\n");
	post_copy(&p);
	for (int i = 0; i < CHART_PANELS; i++)
		panel(&p, (enum chart_panel)i);
	marks(&p);
	time_axis(&p);
	buf_addf(out, "</svg>\n");
}

static void html_list(const struct plot *p)
{
	struct buf *out = p->out;

	buf_addf(out, "<h2>Decisions</h2>\n<ol>\n");
	for (size_t i = 0; i < p->in->decisions_n; i++) {
		auto_free char *when = chart_when(&p->span, p->in->decisions[i].at_ms);
		auto_free char *text = chart_decision(&p->in->decisions[i]);

		buf_addf(out, "<li>%s: ", when);
		add_escaped(out, text);
		buf_addf(out, "</li>\n");
	}
	buf_addf(out, "</ol>\n<h2>Events</h2>\n<ul>\n");
	for (size_t i = 0; i < p->in->events_n; i++) {
		auto_free char *when = chart_when(&p->span, p->in->events[i].at_ms);
		auto_free char *text = str_sanitize(p->in->events[i].text ? p->in->events[i].text : "", 1000);

		buf_addf(out, "<li>%s: ", when);
		add_escaped(out, text);
		buf_addf(out, "</li>\n");
	}
	buf_addf(out, "</ul>\n");
}

void chart_html(const struct chart_input *in, struct buf *out)
{
	auto_free char *head = chart_headline(in), *summary = chart_summary(in);
	struct plot p = { in, chart_span(in), out };

	buf_addf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>");
	add_escaped(out, head);
	buf_addf(out,
		 "</title><style>body{font:14px/1.5 system-ui,sans-serif;max-width:980px;margin:2em auto;padding:0 "
		 "1em;color-scheme:light dark}svg{width:100%%;height:auto}h1{font-size:1.4em}h2{font-size:1.1em}"
		 "</style></head><body>\n<h1>");
	add_escaped(out, head);
	buf_addf(out, "</h1>\n<p>");
	add_escaped(out, summary);
	buf_addf(out, "</p>\n");
	if (in->record->error_message) {
		auto_free char *message = str_sanitize(in->record->error_message, 2000);

		buf_addf(out, "<p>");
		add_escaped(out, message);
		buf_addf(out, "</p>\n");
	}
	if (in->samples_n)
		chart_svg(in, out);
	else
		buf_addf(out, "<p>There are no statistics of it: it ended before there were any.</p>\n");
	html_list(&p);
	buf_addf(out, "</body></html>\n");
}

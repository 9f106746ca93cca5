/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The drawings: steps of an axis, and every rendering of records that are sensible, empty, or hostile. */
#include "unit.h"

#include <libxml/parser.h>

#include "report/chart.h"

#define MIB ((uint64_t)1 << 20)

static void steps(void **state)
{
	static const struct {
		double max;
		unsigned n;
		double want;
	} cases[] = { { 0, 4, 1 },   { -1, 4, 1 },    { 1, 0, 1 },        { 4, 4, 1 },     { 4.1, 4, 2 },
		      { 37, 5, 10 }, { 214, 5, 50 },  { 250, 5, 50 },     { 251, 5, 100 }, { 0.3, 5, 0.1 },
		      { 8, 8, 1 },   { 1e9, 4, 5e8 }, { 1e300, 4, 5e299 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double got = chart_step(cases[i].max, cases[i].n);

		if (got < cases[i].want * 0.999 || got > cases[i].want * 1.001)
			fail_msg("%g in %u steps: %g, not %g", cases[i].max, cases[i].n, got, cases[i].want);
	}
}

static const char hostile[] = "db<1>&\"x'\n\033[31m\xff]]><!--</svg>größe";

static void well_formed(const struct buf *b)
{
	xmlDocPtr doc = xmlReadMemory(b->p, (int)b->len, NULL, NULL, XML_PARSE_NOERROR | XML_PARSE_NONET);

	if (!doc)
		fail_msg("not well-formed: %s", b->p);
	xmlFreeDoc(doc);
}

/* Draws in all ways; the HTML is also XML behind its first line. */
static void draw_all(const struct chart_input *in, char **text_out)
{
	struct buf text auto_buf = { 0 }, ascii auto_buf = { 0 }, svg auto_buf = { 0 }, html auto_buf = { 0 };

	chart_text(in, 100, true, &text);
	chart_text(in, 1, false, &ascii);
	chart_svg(in, &svg);
	chart_html(in, &html);
	well_formed(&svg);
	well_formed(&html);
	assert_null(strchr(text.p, '\033'));
	assert_null(strstr(html.p, "<script"));
	for (const char *c = ascii.p; *c; c++)
		assert_true((*c & 0x80) == 0 || in->record->guest == hostile);
	if (text_out)
		*text_out = STEAL(text.p);
}

static struct sample_record *run_of(size_t n, int64_t every_ms)
{
	struct sample_record *v = xcalloc(n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = (struct sample_record) { .at_ms = 1000000 + (int64_t)i * every_ms,
						.iteration = 1 + i / 10,
						.memory_remaining = (n - i) * MIB,
						.bps = 30 * MIB,
						.dirty_bps = i % 20 * MIB,
						.max_downtime_ms = 75 + i,
						.postcopy = i > n / 2 };
	return v;
}

static void drawings(void **state)
{
	struct migration_record r = { .id = "20261127-070719-4d46a4",
				      .guest = (char *)(uintptr_t)hostile,
				      .from = (char *)(uintptr_t)hostile,
				      .to = (char *)(uintptr_t) "beta",
				      .status = MIG_FAILED,
				      .started_ms = 1000000,
				      .ended_ms = 1100000,
				      .error_id = (char *)(uintptr_t) "E-CONVERGE",
				      .error_message = (char *)(uintptr_t)hostile };
	struct decision_record d[12];
	struct event_record e[] = { { 1000500, (char *)(uintptr_t)hostile }, { -5, NULL } };
	static const size_t sizes[] = { 0, 1, 2, 77, 5000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(d); i++)
		d[i] = (struct decision_record) { 1000000 + (int64_t)i * 9000,
						  (char *)(uintptr_t)(i % 2 ? "max-downtime" : hostile), i,
						  (char *)(uintptr_t)hostile };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		auto_free struct sample_record *v = run_of(sizes[i] + 1, 240);
		struct chart_input in = { &r, v, sizes[i], d, ARRAY_SIZE(d), e, ARRAY_SIZE(e) };

		draw_all(&in, NULL);
	}
}

/* Times that go back, a record that has not ended, numbers without measure. */
static void absurd(void **state)
{
	struct migration_record r = { .id = "x", .started_ms = INT64_MAX / 2 };
	struct sample_record v[] = {
		{ .at_ms = 5, .memory_remaining = UINT64_MAX, .disk_remaining = UINT64_MAX, .bps = UINT64_MAX },
		{ .at_ms = -7, .max_downtime_ms = UINT64_MAX, .throttle = -1 },
		{ .at_ms = INT64_MAX / 4 },
	};
	struct chart_input in = { &r, v, ARRAY_SIZE(v), NULL, 0, NULL, 0 };

	(void)state;
	draw_all(&in, NULL);
}

static void what_is_in_it(void **state)
{
	struct migration_record r = { .id = "20261127-070719-4d46a4",
				      .guest = (char *)(uintptr_t) "web1",
				      .from = (char *)(uintptr_t) "alpha",
				      .to = (char *)(uintptr_t) "beta",
				      .mode = (char *)(uintptr_t) "live",
				      .status = MIG_COMPLETED,
				      .started_ms = 1000000,
				      .ended_ms = 1010000,
				      .total_ms = 10000 };
	struct decision_record d = { 1004000, (char *)(uintptr_t) "max-downtime", 120, (char *)(uintptr_t) "why" };
	auto_free struct sample_record *v = run_of(40, 250);
	struct chart_input in = { &r, v, 40, &d, 1, NULL, 0 };
	auto_free char *text = NULL;

	(void)state;
	draw_all(&in, &text);
	assert_non_null(strstr(text, "web1: alpha to beta, live, completed"));
	assert_non_null(strstr(text, "4.0 s  downtime limit 120 ms: why"));
	assert_non_null(strstr(text, "10.0 s"));
	in.samples_n = 0;
	free(text);
	draw_all(&in, &text);
	assert_non_null(strstr(text, "no statistics"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps),
		cmocka_unit_test(drawings),
		cmocka_unit_test(absurd),
		cmocka_unit_test(what_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

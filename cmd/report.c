/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report: draws how a migration went, from the journal alone. */
#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"
#include "report/chart.h"

enum { COLUMNS_DEFAULT = 80 };

enum format { FORMAT_TEXT, FORMAT_SVG, FORMAT_HTML };

static int format_of(const char *word, enum format *f)
{
	static const char *const words[] = { "text", "svg", "html" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_eq(word, words[i])) {
			*f = (enum format)i;
			return 0;
		}
	return -1;
}

/* What was said, or what the file's ending says. */
static int choose_format(const struct options *o, enum format *f, struct err *err)
{
	const char *dot = o->output ? strrchr(o->output, '.') : NULL;

	*f = FORMAT_TEXT;
	if (o->format) {
		if (format_of(o->format, f) == 0)
			return 0;
		return err_set(err, E_USAGE, 0, "--format \"%s\": must be text, svg or html", o->format);
	}
	if (dot && format_of(dot + 1, f) < 0)
		*f = FORMAT_TEXT;
	return 0;
}

static unsigned columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : COLUMNS_DEFAULT;
}

static void draw(const struct chart_input *in, enum format f, bool file, struct buf *out)
{
	switch (f) {
	case FORMAT_TEXT:
		chart_text(in, file ? COLUMNS_DEFAULT : columns(), str_eq(nl_langinfo(CODESET), "UTF-8"), out);
		break;
	case FORMAT_SVG:
		chart_svg(in, out);
		break;
	case FORMAT_HTML:
		chart_html(in, out);
		break;
	}
}

/* Under another name first: nobody finds half a file. */
static int write_file(const char *path, const struct buf *b, struct err *err)
{
	auto_free char *temp = str_printf("%s.vmmig-%d", path, (int)getpid());
	struct stat st;
	FILE *f;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, E_OUTPUT, 0, "\"%s\" is not a regular file", path);
	f = fopen(temp, "wxe");
	if (!f)
		return err_set(err, E_OUTPUT, errno, "\"%s\" cannot be written", path);
	if (fwrite(b->p, 1, b->len, f) != b->len || fflush(f) || fsync(fileno(f)) < 0)
		err_set(err, E_OUTPUT, errno, "\"%s\" cannot be written", path);
	fclose(f);
	if (!err->id && rename(temp, path) < 0)
		err_set(err, E_OUTPUT, errno, "\"%s\" cannot be written", path);
	if (err->id)
		unlink(temp);
	return err->id ? -1 : 0;
}

static void show_samples(struct app *app, const struct chart_input *in)
{
	for (size_t i = 0; i < in->samples_n; i++) {
		const struct sample_record *s = &in->samples[i];
		json_t *o = json_pack(
			"{s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:b}", "event", "sample", "time",
			report_json_time(s->at_ms), "migration", in->record->id, "iteration", (json_int_t)s->iteration,
			"memory_remaining", (json_int_t)s->memory_remaining, "memory_processed",
			(json_int_t)s->memory_processed, "disk_remaining", (json_int_t)s->disk_remaining,
			"disk_processed", (json_int_t)s->disk_processed, "bytes_per_s", (json_int_t)s->bps,
			"dirty_bytes_per_s", (json_int_t)s->dirty_bps, "max_downtime_ms",
			(json_int_t)s->max_downtime_ms, "throttle", s->throttle, "postcopy", s->postcopy);

		app->report.ops->object(&app->report, NULL, o);
	}
}

static int output(struct app *app, const struct chart_input *in, struct err *err)
{
	const struct options *o = &app->opt;
	bool file = o->output && !str_eq(o->output, "-");
	struct buf b auto_buf = { 0 };
	enum format f;

	if (choose_format(o, &f, err) < 0)
		return -1;
	draw(in, f, file, &b);
	if (file)
		return write_file(o->output, &b, err);
	if (o->json) {
		record_show(app, in->record);
		show_samples(app, in);
		return record_show_details(app, in->record, err);
	}
	fwrite(b.p, 1, b.len, app->report.out);
	return 0;
}

static int find(struct app *app, const char *word, struct migration_record *r, struct err *err)
{
	if (under_way_find(app, word, r, err) == 0 || err_is(err, E_NOT_UNDER_WAY)) {
		err_clear(err); /* one that has ended is what there is to be drawn */
		return 0;
	}
	return -1;
}

static enum status run(struct app *app, struct err *err)
{
	struct migration_record r = { 0 };
	struct sample_record *samples = NULL;
	struct decision_record *decisions = NULL;
	struct event_record *events = NULL;
	struct chart_input in = { .record = &r };

	if (find(app, app->opt.words.v[0], &r, err) == 0 &&
	    journal_samples(app->journal, r.id, &samples, &in.samples_n, err) == 0 &&
	    journal_decisions(app->journal, r.id, &decisions, &in.decisions_n, err) == 0 &&
	    journal_events(app->journal, r.id, &events, &in.events_n, err) == 0) {
		in.samples = samples;
		in.decisions = decisions;
		in.events = events;
		output(app, &in, err);
	}
	free(samples);
	journal_decisions_free(decisions, in.decisions_n);
	journal_events_free(events, in.events_n);
	migration_record_clear(&r);
	return err->id ? err->status : STATUS_OK;
}

static const struct argp_option options[] = {
	{ "output", OPT_OUTPUT, "FILE", 0, "write it there; its ending says the format: .svg or .html, else text", 0 },
	{ "format", OPT_FORMAT, "NAME", 0, "text, svg or html, whatever the file is called", 0 },
	{ 0 },
};

const struct command cmd_report = {
	.name = "report",
	.summary = "draw how a migration went",
	.args = "GUEST|MIGRATION",
	.doc = "Draws how a migration went: what remained, what was sent and what the guest changed, the downtime "
	       "limit, "
	       "and what was decided when and why. For the terminal, or as one SVG or HTML file to mail.",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.needs = NEEDS_CONFIG | NEEDS_JOURNAL,
	.run = run,
};

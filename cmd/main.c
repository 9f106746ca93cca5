/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the command, opens what it needs, prints its error once, makes the exit status. */
#include <fcntl.h>
#include <libxml/parser.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "cmd.h"

const struct command *const commands[] = {
	&cmd_live, &cmd_block,  &cmd_cold,    &cmd_check,  &cmd_cancel, &cmd_tune, &cmd_recover,
	&cmd_list, &cmd_status, &cmd_history, &cmd_report, &cmd_config, &cmd_help,
};
const size_t commands_n = ARRAY_SIZE(commands);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < commands_n; i++)
		if (str_eq(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static const struct command *need_command(const char *name, struct err *err)
{
	const struct command *cmd = command_find(name);
	const char *names[ARRAY_SIZE(commands)], *near;

	if (cmd)
		return cmd;
	for (size_t i = 0; i < commands_n; i++)
		names[i] = commands[i]->name;
	near = str_nearest(name, names, commands_n);
	err_set(err, E_USAGE, 0, "\"%s\" is not a command", name);
	if (near)
		err_hint(err, "did you mean: vmmig %s", near);
	else
		err_hint(err, "see: vmmig help");
	return NULL;
}

static void setup_report(struct app *app)
{
	const struct options *o = &app->opt;
	struct winsize size;

	app->report.ops = o->json ? &report_ops_json : &report_ops_human;
	app->report.out = stdout;
	app->report.diag = stderr;
	app->report.quiet = o->quiet;
	app->report.terminal = isatty(STDERR_FILENO);
	app->report.columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
	app->report.color = app->report.terminal && !o->no_color && !getenv("NO_COLOR");
	if (o->quiet)
		log_set_level(LOG_QUIET);
	else if (o->verbose)
		log_set_level(o->verbose > 1 ? LOG_DEBUG : LOG_INFO);
}

/* At 3 a.m. the hosts still show what they have. */
static int go_without_journal(struct app *app, struct err *err)
{
	app->report.ops->error(&app->report, err);
	app->report.ops->note(&app->report,
			      "going on by what the hosts show; what is done now is written down nowhere");
	err_clear(err);
	app->journal_lost = true;
	app->journal = journal_open_memory(err);
	return app->journal ? 0 : -1;
}

static int open_needs(struct app *app, const struct command *cmd, struct err *err)
{
	auto_free char *path = NULL;

	if (!(cmd->needs & NEEDS_CONFIG))
		return 0;
	path = config_locate(app->opt.config_path);
	app->config = config_load(path, err);
	if (!app->config)
		return -1;
	if (!(cmd->needs & NEEDS_JOURNAL))
		return 0;
	app->journal = journal_open(app->config->journal_path, err);
	if (app->journal)
		return 0;
	return cmd->needs & GOES_WITHOUT_JOURNAL ? go_without_journal(app, err) : -1;
}

/* Also a wrong option is told in the form that was asked for, wherever --json stands. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

/*
 * cron and daemons may close our descriptors 0 to 2; what is opened next would take their numbers, and messages would
 * go into an SSH connection. Opened for reading, they still fail when written to.
 */
static void hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static enum status run_command(struct app *app, int argc, char **argv, struct err *err)
{
	const struct command *cmd;
	enum status status;
	int next, rc;

	app->opt.json = wants_json(argc, argv);
	rc = options_parse(NULL, argc, argv, &app->opt, &next, err);
	setup_report(app);
	if (rc)
		return rc < 0 ? err->status : STATUS_OK;
	if (next >= argc) {
		err_set(err, E_USAGE, 0, "no command given");
		err_hint(err, "see: vmmig help");
		return err->status;
	}
	cmd = need_command(argv[next], err);
	if (!cmd)
		return err->status;
	rc = options_parse(cmd, argc - next, argv + next, &app->opt, NULL, err);
	setup_report(app);
	if (rc)
		return rc < 0 ? err->status : STATUS_OK;
	if (app->opt.detach && !app->opt.dry_run && detach(app, &status, err))
		return status;
	if (open_needs(app, cmd, err) < 0)
		return err->status;
	return cmd->run(app, err);
}

int main(int argc, char **argv)
{
	struct err err auto_err = ERR_INIT;
	struct app app = { 0 };
	enum status status;

	hold_standard_fds();
	setlocale(LC_ALL, "");
	interrupt_install();
	xmlInitParser();
	status = run_command(&app, argc, argv, &err);
	if (err.id)
		app.report.ops->error(&app.report, &err);
	/* A result that nobody could read is no success: a full disk under a redirected stdout, a closed pipe. */
	if ((fflush(stdout) || ferror(stdout)) && status == STATUS_OK) {
		err_set(&err, E_OUTPUT, 0, "standard output cannot be written");
		report_ops_human.error(&app.report, &err);
		status = STATUS_FAILED;
	}
	journal_close(app.journal);
	config_free(app.config);
	options_clear(&app.opt);
	hosts_shutdown();
	return status;
}

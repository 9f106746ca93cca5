/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd.h"

void command_overview(FILE *out)
{
	fputs("Usage: vmmig [OPTION...] COMMAND [ARGUMENT...]\n"
	      "Moves virtual machines between plain libvirt/QEMU hosts.\n\n",
	      out);
	for (size_t i = 0; i < commands_n; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nOptions of all commands, before or after the command:\n", out);
	for (const struct argp_option *o = options_common; o->name; o++) {
		auto_free char *s = o->key < 0x80 ? str_printf("-%c, ", o->key) : xstrdup("    ");
		auto_free char *l = str_printf("--%s%s%s", o->name, o->arg ? "=" : "", o->arg ? o->arg : "");

		fprintf(out, "  %s%-15s %s\n", s, l, o->doc);
	}
	fputs("\nMore: vmmig COMMAND --help, man vmmig\n", out);
}

static enum status run(struct app *app, struct err *err)
{
	const struct command *cmd;

	if (!app->opt.words.n) {
		command_overview(stdout);
		return STATUS_OK;
	}
	cmd = command_find(app->opt.words.v[0]);
	if (!cmd) {
		err_set(err, E_USAGE, 0, "\"%s\" is not a command", app->opt.words.v[0]);
		err_hint(err, "see: vmmig help");
		return err->status;
	}
	command_usage(cmd, stdout);
	return STATUS_OK;
}

static const struct argp_option options[] = { { 0 } };

const struct command cmd_help = {
	.name = "help",
	.summary = "this overview, or the help of one command",
	.args = "[COMMAND]",
	.doc = "Shows the commands, or the help of one of them.",
	.options = options,
	.max_words = 1,
	.run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <unistd.h>

#include "cmd.h"

bool consent(const char *question)
{
	auto_free char *clean = str_sanitize(question, REPORT_TEXT_MAX);
	char answer[16] = "";

	if (!isatty(STDIN_FILENO))
		return false;
	fprintf(stderr, "%s [y/N] ", clean);
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <string.h>

#include "host/identity-script.h"
#include "host/survey.h"

static const char identity_script[] = "LC_ALL=C; export LC_ALL\n" IDENTITY "i=$(stat -L -c %i -- \"$1\") || exit 1\n"
				      "identity \"$1\" \"$i\"; echo \"$id\"\n";

char *survey_identity(struct host *h, const char *path, struct err *err)
{
	const char *args[] = { path, NULL };
	struct exec_result r auto_exec = { 0 };

	if (host_exec_wait(host_script_start(h, identity_script, args, 0), &r, err) < 0)
		return NULL;
	if (r.exit_status != 0 || !r.out.len) {
		err_set(err, E_REMOTE, 0, "%s: it cannot be told which file %s is", host_label(h), path);
		return NULL;
	}
	r.out.p[strcspn(r.out.p, "\n")] = '\0';
	return str_sanitize(r.out.p, PATH_MAX);
}

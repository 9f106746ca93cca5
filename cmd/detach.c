/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --detach: a child does the whole migration, in a session of its own; its parent, who has the terminal, waits until
 * the guest is under way, or until there is an error to show. Both have the same standard output until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "cmd.h"

/* The guest is under way: lets go of the terminal, and lets the parent go. */
static void under_way(void *arg)
{
	struct app *app = arg;
	auto_free char *line =
		str_printf("under way in the background; follow it: vmmig status --watch %s", app->report.migration);
	int null;

	app->report.ops->note(&app->report, line);
	fflush(stdout);
	fflush(stderr);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
	app->report.terminal = app->report.color = false;
	if (write(app->detached, "", 1) < 0) /* the parent may have been killed: nobody waits */
		return;
}

/* 1: it is under way; 0: it has ended, *status says how; signals are handed on. */
static int wait_for(pid_t child, int fd, enum status *status)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;
	int how;

	while (poll(&p, 1, -1) < 0 && errno == EINTR) {
		if (interrupt_pending()) {
			kill(child, SIGTERM);
			interrupt_ack();
		}
	}
	if (read(fd, &byte, 1) == 1)
		return 1;
	while (waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	*status = WIFEXITED(how) ? (enum status)WEXITSTATUS(how) : STATUS_UNDECIDED;
	return 0;
}

int detach(struct app *app, enum status *status, struct err *err)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		err_set(err, E_INTERNAL, errno, "cannot go into the background");
		*status = err->status;
		return 1;
	}
	if (child) {
		close(fds[1]);
		*status = STATUS_OK;
		wait_for(child, fds[0], status);
		return 1;
	}
	close(fds[0]);
	setsid();
	app->detached = fds[1];
	app->report.under_way = under_way;
	app->report.under_way_arg = app;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static atomic_int count;
static atomic_int acked;

static void on_signal(int sig)
{
	static const char bye[] = "\nvmmig: second signal: leaving at once; see: vmmig status\n";

	(void)sig;
	if (atomic_fetch_add(&count, 1) > 0) {
		if (write(STDERR_FILENO, bye, sizeof(bye) - 1) < 0) {
			/* nothing more can be said */
		}
		_exit(STATUS_UNDECIDED);
	}
}

static bool is_ignored(int sig)
{
	struct sigaction old;

	return sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
}

void interrupt_install(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct sigaction ign = { .sa_handler = SIG_IGN };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	if (!is_ignored(SIGINT)) /* in the background of a script */
		sigaction(SIGINT, &sa, NULL);
	if (!is_ignored(SIGHUP)) /* nohup */
		sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGPIPE, &ign, NULL); /* a reader that goes away is an error return, not a death */
}

bool interrupt_pending(void)
{
	return atomic_load(&count) > atomic_load(&acked);
}

bool interrupt_seen(void)
{
	return atomic_load(&count) > 0;
}

void interrupt_ack(void)
{
	atomic_store(&acked, atomic_load(&count));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

static atomic_int count; /* signals */

struct interrupt_scope {
	atomic_int asked, acked;
	atomic_bool held;
	struct interrupt_scope *next;
};
static struct interrupt_scope whole;
static _Atomic(struct interrupt_scope *) scopes; /* none is ever freed: a call that hangs may outlive its caller */
static _Thread_local struct interrupt_scope *own;

static struct interrupt_scope *scope(void)
{
	return own ? own : &whole;
}

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

/* All that has come so far. */
static int seen_by(const struct interrupt_scope *s)
{
	return atomic_load(&count) + atomic_load(&s->asked);
}

bool interrupt_pending(void)
{
	return !atomic_load(&scope()->held) && seen_by(scope()) > atomic_load(&scope()->acked);
}

bool interrupt_seen(void)
{
	return atomic_load(&count) > 0;
}

void interrupt_ack(void)
{
	atomic_store(&scope()->acked, seen_by(scope()));
}

void interrupt_hold(bool on)
{
	atomic_store(&scope()->held, on);
}

bool interrupt_pause(int ms)
{
	enum { SLICE_MS = 50 };

	for (int64_t end = clock_ms() + ms; clock_ms() < end;) {
		if (interrupt_pending())
			return true;
		usleep(SLICE_MS * 1000);
	}
	return interrupt_pending();
}

struct interrupt_scope *interrupt_scope_new(void)
{
	struct interrupt_scope *s = xcalloc(1, sizeof(*s));

	s->next = atomic_load(&scopes);
	while (!atomic_compare_exchange_weak(&scopes, &s->next, s))
		;
	return s;
}

void interrupt_ask(struct interrupt_scope *s)
{
	atomic_fetch_add(&s->asked, 1);
}

struct beginning {
	void *(*fn)(void *arg);
	void *arg;
	struct interrupt_scope *scope;
};

static void *begin(void *arg)
{
	struct beginning b = *(struct beginning *)arg;

	free(arg);
	own = b.scope;
	return b.fn(b.arg);
}

int interrupt_thread(pthread_t *thread, struct interrupt_scope *s, void *(*fn)(void *arg), void *arg)
{
	struct beginning *b = xcalloc(1, sizeof(*b));
	int rc;

	*b = (struct beginning) { fn, arg, s ? s : own };
	rc = pthread_create(thread, NULL, begin, b);
	if (rc)
		free(b);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/task.h"
#include "base/interrupt.h"

#include <pthread.h>
#include <time.h>

#include "base/str.h"

struct task {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	int users; /* the thread and the caller */
	bool done;
	int rc;
	struct err err;
	int (*run)(void *arg, struct err *err);
	void (*release)(void *arg);
	void *arg;
};

void task_release(struct task *t)
{
	bool last;

	pthread_mutex_lock(&t->lock);
	last = --t->users == 0;
	pthread_mutex_unlock(&t->lock);
	if (!last)
		return;
	t->release(t->arg);
	err_clear(&t->err);
	pthread_cond_destroy(&t->ended);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void *task_main(void *arg)
{
	struct task *t = arg;
	struct err err = ERR_INIT;
	int rc = t->run(t->arg, &err);

	pthread_mutex_lock(&t->lock);
	t->rc = rc;
	t->err = err;
	t->done = true;
	pthread_cond_broadcast(&t->ended);
	pthread_mutex_unlock(&t->lock);
	task_release(t);
	return NULL;
}

struct task *task_start(int (*run)(void *arg, struct err *err), void *arg, void (*release)(void *arg), struct err *err)
{
	struct task *t = xcalloc(1, sizeof(*t));
	pthread_condattr_t attr;
	pthread_t thread;

	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->ended, &attr);
	pthread_condattr_destroy(&attr);
	t->users = 2;
	t->run = run;
	t->release = release;
	t->arg = arg;
	if (interrupt_thread(&thread, NULL, task_main, t) == 0) {
		pthread_detach(thread);
		return t;
	}
	t->users = 1;
	task_release(t);
	err_set(err, E_INTERNAL, 0, "no thread for a call");
	return NULL;
}

bool task_wait(struct task *t, int ms)
{
	struct timespec ts;
	bool done;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000L;
	ts.tv_sec += ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&t->lock);
	while (!t->done && pthread_cond_timedwait(&t->ended, &t->lock, &ts) == 0)
		;
	done = t->done;
	pthread_mutex_unlock(&t->lock);
	return done;
}

int task_result(struct task *t, struct err *err)
{
	return t->rc < 0 ? err_copy(err, &t->err) : t->rc;
}

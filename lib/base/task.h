/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call in a thread of its own that its caller need not wait for to the end: a library call that may
 * hang (libvirt's, when a QEMU or a host does) must not hang the one who watches it.
 *
 * The argument belongs to the task: release(arg) is called when the thread has ended and the caller has let go, in
 * whichever order. Until then the thread may use it.
 */
#ifndef BASE_TASK_H
#define BASE_TASK_H

#include <stdbool.h>

#include "base/err.h"

struct task;

/* NULL with E_INTERNAL (and arg released) if there is no thread to be had. */
struct task *task_start(int (*run)(void *arg, struct err *err), void *arg, void (*release)(void *arg), struct err *err);
/* Waits up to ms; true once it has ended. */
bool task_wait(struct task *t, int ms);
/* Of one that has ended: what run() returned, with its error. */
int task_result(struct task *t, struct err *err);
void task_release(struct task *t);

#endif

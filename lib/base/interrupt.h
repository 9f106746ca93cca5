/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP (unless ignored when we came, as nohup does). The first one asks: every wait that looks at
 * interrupt_pending() ends, the phase walker takes back what it did and calls
 * interrupt_ack() before its undo so that the undo's own waits are not cut.
 * The second one leaves at once with STATUS_UNDECIDED; the journal's last
 * committed record is the truth that `vmmig status` shows then.
 *
 * Signals are for the whole process. But who works for one of several guests has a scope: what is acknowledged there is
 * acknowledged for it alone, and it can be asked to end, as if by a signal, without the others.
 */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <pthread.h>
#include <stdbool.h>

void interrupt_install(void);
bool interrupt_pending(void); /* a signal came since the last ack, or this thread's scope was asked */
bool interrupt_seen(void);    /* any signal came */
void interrupt_ack(void);
/*
 * While it is held, nothing is pending in this thread's scope: for acts that must not be cut half-way. What came
 * meanwhile is pending afterwards, unless it was acknowledged.
 */
void interrupt_hold(bool on);
/* A pause. true: it was cut short, something is pending. */
bool interrupt_pause(int ms);

struct interrupt_scope;
struct interrupt_scope *interrupt_scope_new(void); /* stays for good */
void interrupt_ask(struct interrupt_scope *s);
/* pthread_create() for a thread in that scope; NULL: in the one of its creator. */
int interrupt_thread(pthread_t *thread, struct interrupt_scope *s, void *(*fn)(void *arg), void *arg);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP (unless ignored when we came, as nohup does). The first one asks: every wait that looks at
 * interrupt_pending() ends, the phase walker takes back what it did and calls
 * interrupt_ack() before its undo so that the undo's own waits are not cut.
 * The second one leaves at once with STATUS_UNDECIDED; the journal's last
 * committed record is the truth that `vmmig status` shows then.
 *
 * Process-wide by nature: signals are.
 */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <stdbool.h>

void interrupt_install(void);
bool interrupt_pending(void); /* a signal came since the last ack */
bool interrupt_seen(void);    /* any signal came */
void interrupt_ack(void);

#endif

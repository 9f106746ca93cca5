/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is told when a guest of a host starts, stops, or changes otherwise: a reason to look, no more. */
#ifndef HOST_GUEST_EVENTS_H
#define HOST_GUEST_EVENTS_H

#include "host/host.h"

struct guest_events;

/*
 * fn is called in libvirt's own thread, for each change of any guest; it must not ask libvirt anything. NULL where
 * libvirt gives no events, or after err: whoever wants to know then looks from time to time, as is right anyway, since
 * events end with the connection.
 */
struct guest_events *guest_events_begin(struct host *h, void (*fn)(void *arg), void *arg);
/* From its return on fn is not called any more. NULL is fine. Before host_free(). */
void guest_events_end(struct guest_events *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/guest-events.h"

#include <libvirt/libvirt.h>
#include <pthread.h>

#include "host/host-private.h"

/* Freed by libvirt, when it has let go of it. */
struct guest_events {
	virConnectPtr conn;
	int id;
	pthread_mutex_t lock;
	void (*fn)(void *arg); /* NULL: ended */
	void *arg;
};

static int on_event(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque)
{
	struct guest_events *e = opaque;

	(void)conn, (void)dom, (void)event, (void)detail;
	pthread_mutex_lock(&e->lock);
	if (e->fn)
		e->fn(e->arg);
	pthread_mutex_unlock(&e->lock);
	return 0;
}

static void release(void *opaque)
{
	struct guest_events *e = opaque;

	pthread_mutex_destroy(&e->lock);
	free(e);
}

struct guest_events *guest_events_begin(struct host *h, void (*fn)(void *arg), void *arg)
{
	struct guest_events *e;

	if (!h->conn)
		return NULL;
	e = xcalloc(1, sizeof(*e));
	pthread_mutex_init(&e->lock, NULL);
	e->fn = fn;
	e->arg = arg;
	e->conn = h->conn;
	virConnectRef(e->conn); /* also when the host opens another one */
	e->id = virConnectDomainEventRegisterAny(e->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
						 VIR_DOMAIN_EVENT_CALLBACK(on_event), e, release);
	if (e->id >= 0)
		return e;
	virConnectClose(e->conn);
	release(e);
	return NULL;
}

void guest_events_end(struct guest_events *e)
{
	virConnectPtr conn;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->fn = NULL;
	pthread_mutex_unlock(&e->lock);
	conn = e->conn;
	virConnectDomainEventDeregisterAny(conn, e->id);
	virConnectClose(conn);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The libvirt connection of a host: opening, keepalive, errors. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "host/host-private.h"

int libvirt_error(struct err *err, enum err_id id, const char *fmt, ...)
{
	virErrorPtr last = virGetLastError();
	auto_free char *what = NULL, *why = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = str_vprintf(fmt, ap);
	va_end(ap);
	why = str_sanitize(last && last->message ? last->message : "no reason given", 1000);
	return err_set(err, id, 0, "%s: %s", what, why);
}

static void ignore_error(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error; /* each caller reads its own with virGetLastError() */
}

/* libvirt's event loop is the process's, and so is its thread; keepalive needs them. */
static struct {
	pthread_once_t once;
	pthread_t thread;
	bool runs;
	atomic_bool stop;
} loop = { .once = PTHREAD_ONCE_INIT };

static void *event_loop(void *arg)
{
	(void)arg;
	while (!atomic_load(&loop.stop) && virEventRunDefaultImpl() == 0)
		;
	return NULL;
}

static void init_libvirt(void)
{
	virSetErrorFunc(NULL, ignore_error);
	virInitialize();
	virEventRegisterDefaultImpl();
	loop.runs = pthread_create(&loop.thread, NULL, event_loop, NULL) == 0;
}

static void nothing(int timer, void *opaque)
{
	(void)timer;
	(void)opaque;
}

void hosts_shutdown(void)
{
	int timer;

	if (!loop.runs)
		return;
	atomic_store(&loop.stop, true);
	timer = virEventAddTimeout(0, nothing, NULL, NULL); /* wakes it */
	pthread_join(loop.thread, NULL);
	if (timer >= 0)
		virEventRemoveTimeout(timer);
	loop.runs = false;
}

/* "qemu:///system" becomes "qemu+unix:///system?socket=PATH"; what the URI had is kept. */
static char *local_uri(const char *uri, const char *path, struct err *err)
{
	const char *sep = strstr(uri, "://");

	if (!sep || memchr(uri, '+', (size_t)(sep - uri)) || sep[3] != '/') {
		err_set(err, E_CONFIG, 0, "uri \"%s\" is not one of the host itself, like qemu:///system", uri);
		return NULL;
	}
	return str_printf("%.*s+unix%s%csocket=%s", (int)(sep - uri), uri, sep, strchr(uri, '?') ? '&' : '?', path);
}

static int open_failed(struct host *h, const char *stream_failure, struct err *err)
{
	if (stream_failure)
		err_set(err, E_LIBVIRT_CONNECT, 0, "\"%s\": %s", h->spec->socket, stream_failure);
	else
		libvirt_error(err, E_LIBVIRT_CONNECT, "\"%s\"", h->spec->uri);
	return err_hint(err,
			"on %s: is libvirtd (or virtqemud with virtproxyd) running, and may the user use its socket? "
			"try: virsh -c %s list",
			h->spec->name, h->uri);
}

virConnectPtr libvirt_connect(struct host *h, struct err *err)
{
	auto_free char *uri = NULL, *failure = NULL;
	struct ssh_stream *st;
	virConnectPtr conn;
	char path[96];

	pthread_once(&loop.once, init_libvirt);
	st = ssh_stream_listen(h->ssh, path, sizeof(path), err);
	if (!st)
		return NULL;
	uri = local_uri(h->spec->uri, path, err);
	conn = uri ? virConnectOpen(uri) : NULL;
	ssh_stream_opened(h->ssh, st, path, conn != NULL, &failure);
	if (!conn) {
		if (interrupt_pending())
			err_set(err, E_CANCELLED, 0, "interrupted while connecting");
		else if (uri)
			open_failed(h, failure, err);
		return NULL;
	}
	/* libvirt's own default for clients: 5 times. */
	virConnectSetKeepAlive(conn, (int)h->spec->keepalive_s, 5);
	return conn;
}

int libvirt_open(struct host *h, struct err *err)
{
	h->conn = libvirt_connect(h, err);
	return h->conn ? 0 : -1;
}

void libvirt_close(struct host *h)
{
	if (h->conn)
		virConnectClose(h->conn);
	h->conn = NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "copy/server.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/interrupt.h"

enum { LOST_MAX = 5 }; /* a server that goes again and again, with nothing that came between, is not made any more */

struct copy_server {
	struct host *dst;
	struct copy_server_spec spec;
	char *address;
	struct strv files;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t given_back;
	struct receiver receiver;
	unsigned generation, lost;
	unsigned free; /* streams */
};

unsigned copy_server_streams(const struct copy_server *s)
{
	unsigned n = s->spec.streams ? s->spec.streams : 1;

	return s->spec.bandwidth_mib && s->spec.bandwidth_mib < n ? s->spec.bandwidth_mib : n;
}

/* The lock is held. */
static int listen_anew(struct copy_server *s, struct err *err)
{
	receiver_end(&s->receiver);
	if (server_begin(s->dst, &s->files, s->address, s->spec.port_min, s->spec.port_max, &s->receiver, err) < 0)
		return err_wrap(err, "%s: copy server", host_label(s->dst));
	s->generation++;
	return 0;
}

struct copy_server *copy_server_begin(struct host *dst, const struct copy_server_spec *spec, const struct strv *files,
				      struct err *err)
{
	struct copy_server *s = xcalloc(1, sizeof(*s));
	pthread_condattr_t attr;

	s->dst = dst;
	s->spec = *spec;
	s->address = xstrdup(spec->address);
	for (size_t i = 0; i < files->n; i++)
		if (!strv_has(&s->files, files->v[i])) /* a base of several guests comes once */
			strv_add(&s->files, files->v[i]);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->given_back, &attr);
	pthread_condattr_destroy(&attr);
	s->free = copy_server_streams(s);
	if (listen_anew(s, err) == 0)
		return s;
	copy_server_end(s);
	return NULL;
}

void copy_server_end(struct copy_server *s)
{
	if (!s)
		return;
	receiver_end(&s->receiver);
	pthread_cond_destroy(&s->given_back);
	pthread_mutex_destroy(&s->lock);
	strv_clear(&s->files);
	free(s->address);
	free(s);
}

/* The lock is held; true: interrupted. */
static bool wait_for_stream(struct copy_server *s)
{
	while (!s->free) {
		struct timespec ts;

		if (interrupt_pending())
			return true;
		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += 100 * 1000000L;
		ts.tv_sec += ts.tv_nsec / 1000000000L;
		ts.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&s->given_back, &s->lock, &ts);
	}
	return interrupt_pending();
}

/* Its place among the exports, or -1. */
static long place_of(const struct copy_server *s, const char *file)
{
	for (size_t i = 0; i < s->files.n; i++)
		if (str_eq(s->files.v[i], file))
			return (long)i;
	return -1;
}

int copy_server_where(struct copy_server *s, const char *file, struct copy_where *w, unsigned *generation,
		      struct err *err)
{
	long place = place_of(s, file);
	int rc = 0;

	if (place < 0)
		return err_set(err, E_COPY, 0, "%s: the copy server does not have it", file);
	pthread_mutex_lock(&s->lock);
	if (wait_for_stream(s)) {
		rc = err_set(err, E_CANCELLED, 0, "interrupted while it was copied");
	} else {
		s->free--;
		*generation = s->generation;
		*w = (struct copy_where) {
			.address = xstrdup(s->receiver.socket),
			.key = xstrdup(s->receiver.key),
			.export_name = str_printf("%ld", place),
			.port = s->receiver.port,
			.bandwidth_mib = s->spec.bandwidth_mib / copy_server_streams(s),
		};
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void copy_server_sent(struct copy_server *s, bool came)
{
	pthread_mutex_lock(&s->lock);
	if (came)
		s->lost = 0;
	s->free++;
	pthread_cond_signal(&s->given_back);
	pthread_mutex_unlock(&s->lock);
}

char *copy_server_socket(struct copy_server *s)
{
	char *socket;

	pthread_mutex_lock(&s->lock);
	socket = xstrdup(s->receiver.socket);
	pthread_mutex_unlock(&s->lock);
	return socket;
}

/* The lock is held. */
static int mend(struct copy_server *s, unsigned generation, struct err *err)
{
	struct err why auto_err = ERR_INIT;
	int session;

	if (s->generation != generation) /* another client has seen to it */
		return 0;
	session = host_reopen(s->dst, NULL);
	if (session < 0)
		return 1;
	if (session == 0 && s->receiver.hold) {
		int alive = server_alive(s->dst, &s->receiver, NULL);

		if (alive != 0)
			return alive > 0 ? 0 : 1;
	}
	if (s->lost >= LOST_MAX)
		return err_set(err, E_COPY, 0, "%s: the copy server has ended again and again", host_label(s->dst));
	if (listen_anew(s, &why) < 0)
		return 1;
	s->lost++;
	return 0;
}

int copy_server_mend(struct copy_server *s, unsigned generation, struct err *err)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = mend(s, generation, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int copy_server_drop(struct copy_server *s, const struct strv *files, bool at_once, struct err *err)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->files.n; i++)
		if (strv_has(files, s->files.v[i]))
			s->files.v[i][0] = '\0'; /* it keeps its number */
	if (at_once)                             /* perhaps once more, after the session broke */
		rc = host_reopen(s->dst, err) < 0 ? -1 : listen_anew(s, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a run: who decides (run.c), who moves one guest (run-guest.c), who says it (run-report.c). */
#ifndef MIGRATE_RUN_PRIVATE_H
#define MIGRATE_RUN_PRIVATE_H

#include <pthread.h>

#include "copy/server.h"
#include "migrate/run.h"
#include "migrate/transition.h"

/* Reports of several threads become one stream. */
struct shared_report {
	struct report *real;
	pthread_mutex_t lock;
	struct report *drew; /* whose progress stands on the terminal */
	bool under_way_told;
};

struct run;
struct running {
	const struct run_guest *given;
	struct run *run;
	size_t index;
	uint64_t memory_kib; /* of one that is to arrive running */
	char uuid[40];
	bool not_yet_off; /* it runs, and is to be shut down, or refused for that: it was not started */
	/* of the thread that works for it */
	struct report report; /* its own, into the shared one */
	struct host *src, *dst;
	struct interrupt_scope *scope;
	pthread_t thread;
	bool threaded;
	bool asked; /* the machine told it to end */
	struct copy_share share;
	bool copy_may_begin; /* the server is there */
	struct strv parts;   /* what the server is to serve for it */
	/* how it went, as last known; what is told in the end */
	struct err err;
	enum status status;
	struct result result;
	char *from_name, *mode_name, *migration;
	int64_t begin_ms;
};

struct told {
	enum event event;
	size_t guest;
};

struct run {
	struct journal *journal;
	struct shared_report report;
	struct host *dst; /* borrowed: for its specification */
	const struct run_options *opt;
	struct running *v;
	size_t n;
	struct transition machine;
	/* what follows is the lock's */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct told *queue;
	size_t queue_n;
	bool look; /* libvirt says that something has changed */
	bool over;
	/* the copy server, and what it is made of */
	struct host *server_host;
	struct copy_server *server;
	struct err server_err; /* why there is none */
	struct copy_server_spec server_spec;
	char *server_address;
	pthread_t server_thread;
	bool server_threaded;
};

/* An event for the machine, from any thread. */
void run_tell(struct run *r, enum event e, size_t guest);

/* The two ways, each in a thread of its own; arg: struct running. They end by telling the machine how it went. */
void *run_live_main(void *arg);
void *run_cold_main(void *arg);

/* Makes own a report of this guest, into the shared one. */
void run_report_init(struct running *g);
/* Something about a guest, by the run itself. */
void run_note(struct running *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The guest's one and only result. */
void run_result(struct running *g);

#endif

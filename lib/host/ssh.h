/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One SSH session (libssh) and the thread that owns it.
 *
 * A libssh session is not thread-safe, so only its own thread touches it; others
 * hand it jobs. The session runs without blocking: the thread polls the
 * session, a wake-up descriptor and the local end of the libvirt stream, and
 * moves every job one step on. Only connecting and SFTP block it, each within
 * the session's time limit.
 *
 *   other threads                 session's thread
 *   ssh_submit(job) -- queue -->  job_step() until it is done
 *   ssh_wait(job)  <-- cond ----  state, result
 *
 * Life of a job: made by ssh_job_new(), handed over by ssh_submit(), waited for once by ssh_wait(), which
 * frees it or, if the waiter gives up, leaves it to the thread.
 */
#ifndef HOST_SSH_H
#define HOST_SSH_H

#include <libssh/libssh.h>
#include <pthread.h>

#include "host/host.h"

enum job_kind { JOB_EXEC, JOB_PROBE, JOB_READ };
enum job_state { JOB_NEW, JOB_OPENING, JOB_REQUESTING, JOB_RUNNING, JOB_DONE };

struct exec_job {
	struct ssh *ssh;
	enum job_kind kind;
	enum job_state state;
	char *command;    /* EXEC: quoted line; PROBE: address; READ: path */
	unsigned port;    /* PROBE */
	size_t max;       /* READ */
	bool tail;        /* READ */
	bool hold;        /* EXEC: keep its standard input open until close_input */
	struct buf input; /* EXEC: goes to its standard input first */
	size_t input_done;
	bool close_input;    /* ask the thread to close it */
	bool input_closed;   /* it did */
	bool abandoned;      /* nobody waits: the thread ends and frees it */
	int64_t deadline_ms; /* 0: none */
	ssh_channel channel;
	struct ssh_channel_callbacks_struct *callbacks;
	bool have_status, remote_closed;
	int answer; /* PROBE: 1 yes, 0 no; READ: 0 read, 1 no such file */
	struct exec_result result;
	struct err err;
	struct exec_job *next;
};

/*
 * A libvirt connection's way through the session. There are two: one for questions, and one for the call that moves a
 * guest. libvirt's client can lose the wake-up between two threads on one connection (seen in 9.0: the question goes
 * out only with the next keepalive), and the one who watches a migration must not wait for that.
 */
enum { SSH_STREAMS = 3 };
struct ssh_stream {
	bool taken, answered; /* guarded by ssh.lock: in use; its opener has come for the outcome */
	int new_listener;     /* guarded by ssh.lock: handed to the thread; -1: none */
	int listener;         /* -1 once the one client has come */
	int fd;               /* that client, or -1 */
	ssh_channel channel;
	enum job_state state;
	struct buf to_local; /* read from the channel, not yet written to fd */
	size_t to_local_done;
	struct buf to_host; /* read from fd, not yet taken by the channel */
	size_t to_host_done;
	int64_t deadline_ms; /* for the opening; 0 when open */
	bool by_command;     /* forwarding was refused: through a command on the host */
	bool heard;          /* something came back */
	char *failure;       /* why it could not be opened */
};

struct ssh {
	struct host_spec *spec;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards everything below but session, event, stream */
	pthread_cond_t changed;
	enum { SSH_CONNECTING, SSH_OPEN, SSH_DEAD } state;
	struct err err; /* why it is dead */
	bool stop;
	struct exec_job *jobs;
	int wake; /* eventfd */
	ssh_session session;
	ssh_event event;
	void *sftp; /* sftp_session, made at first use */
	struct ssh_stream streams[SSH_STREAMS];
	int session_fd; /* for ssh_cut(); -1 when there is no connection */
	int64_t keepalive_due_ms;
};

struct ssh *ssh_create(const struct host_spec *spec);
void ssh_destroy(struct ssh *s); /* ends the thread and whatever runs */

/* Starts connecting; ssh_wait_open() waits for the outcome, bounded. */
void ssh_start(struct ssh *s);
int ssh_wait_open(struct ssh *s, struct err *err);

struct exec_job *ssh_job_new(struct ssh *s, enum job_kind kind, char *command, unsigned timeout_ms);
void ssh_submit(struct exec_job *job);
/* Waits until it is done; then the caller reads it and calls ssh_job_free(). -1: gave up (the thread frees it). */
int ssh_wait(struct exec_job *job, struct err *err);
/* The same with a limit of its own: for a job during which the thread cannot look at its deadline. */
int ssh_wait_until(struct exec_job *job, int64_t deadline_ms, struct err *err);
/* Cuts the connection from outside; whatever the thread does in it ends. */
void ssh_cut(struct ssh *s);
/* The same until there is a whole line of output or it is done. The job stays the caller's unless -1. */
int ssh_wait_line(struct exec_job *job, int64_t deadline_ms, struct err *err);
void ssh_close_input(struct exec_job *job);
void ssh_job_free(struct exec_job *job);
/* Nobody wants the result any more: ends and frees it, now or when the thread comes to it. */
void ssh_drop(struct exec_job *job);

/*
 * Gives a private UNIX socket that leads to libvirt's socket on the host for the first client that connects.
 * path: buffer for its name. The socket exists only until ssh_stream_opened() is called.
 */
struct ssh_stream *ssh_stream_listen(struct ssh *s, char *path, size_t size, struct err *err);
/* The client is done connecting: removes the socket; ok false: closes the stream. *failure: why, or NULL; caller frees.
 */
void ssh_stream_opened(struct ssh *s, struct ssh_stream *st, const char *path, bool ok, char **failure);

/* Makes the thread look. */
void ssh_wake(struct ssh *s);

/* Within the thread (ssh-connect.c, ssh-sftp.c, ssh-stream.c). */
int ssh_connect_session(struct ssh *s, struct err *err);
void ssh_sftp_read(struct ssh *s, struct exec_job *job);
void ssh_sftp_free(struct ssh *s);
void ssh_stream_step(struct ssh *s, struct ssh_stream *st);
/* What to poll for on the stream's descriptor; *fd -1: nothing. */
short ssh_stream_events(struct ssh_stream *st, int *fd);
void ssh_stream_close(struct ssh_stream *st);

#endif

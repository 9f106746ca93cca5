/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session's thread and its jobs; see ssh.h for who does what. */
#include "host/ssh.h"

#include <errno.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"

enum {
	POLL_MS = 250,  /* upper bound between two looks at deadlines */
	SLICE_MS = 50,  /* a waiter looks for signals this often */
	END_MS = 5000,  /* a held command gets this long to end by itself */
	GRACE_MS = 3000 /* how much later than its own limit a connect is given up from outside */
};

void ssh_wake(struct ssh *s)
{
	eventfd_write(s->wake, 1);
}

/* ---- jobs, within the thread ---- */

static void on_status(ssh_session session, ssh_channel channel, int status, void *userdata)
{
	struct exec_job *job = userdata;

	(void)session;
	(void)channel;
	job->have_status = true;
	job->result.exit_status = status;
}

static void on_signal(ssh_session session, ssh_channel channel, const char *signal, int core, const char *errmsg,
		      const char *lang, void *userdata)
{
	struct exec_job *job = userdata;

	(void)session, (void)channel, (void)signal, (void)core, (void)errmsg, (void)lang;
	job->have_status = true;
	job->result.exit_status = -1;
}

static void on_close(ssh_session session, ssh_channel channel, void *userdata)
{
	struct exec_job *job = userdata;

	(void)session, (void)channel;
	job->remote_closed = true;
}

static int job_fail(struct exec_job *job, enum err_id id, const char *why)
{
	auto_free char *clean = str_sanitize(why, 300);

	err_set(&job->err, id, 0, "%s", clean);
	job->state = JOB_DONE;
	return -1;
}

/* libssh refused. If that is since the session broke, the thread is about to tell it to all jobs: see fail_jobs(). */
static void job_refused(struct exec_job *job)
{
	if (ssh_is_connected(job->ssh->session))
		job_fail(job, E_REMOTE, ssh_get_error(job->ssh->session));
}

static void job_new_channel(struct exec_job *job)
{
	job->channel = ssh_channel_new(job->ssh->session);
	if (!job->channel) {
		job_refused(job);
		return;
	}
	job->callbacks = xcalloc(1, sizeof(*job->callbacks));
	job->callbacks->userdata = job;
	job->callbacks->channel_exit_status_function = on_status;
	job->callbacks->channel_exit_signal_function = on_signal;
	job->callbacks->channel_close_function = on_close;
	ssh_callbacks_init(job->callbacks);
	ssh_set_channel_callbacks(job->channel, job->callbacks);
	job->state = JOB_OPENING;
}

/* RFC 4254 5.1: reason 1 is "administratively prohibited", 2 "connect failed"; libssh puts the number in its text. */
static void probe_answered(struct exec_job *job, int rc)
{
	const char *why = ssh_get_error(job->ssh->session);

	if (rc == SSH_OK) {
		job->answer = 1;
		job->state = JOB_DONE;
	} else if (strstr(why, "error (2)")) {
		const char *words = strstr(why, "error (2) ");
		auto_free char *clean = str_sanitize(words ? words + strlen("error (2) ") : why, 200);

		buf_add(&job->result.errout, clean, strlen(clean));
		job->state = JOB_DONE;
	} else {
		job_refused(job);
	}
}

static void job_opening(struct exec_job *job)
{
	int rc;

	if (job->kind == JOB_PROBE)
		rc = ssh_channel_open_forward(job->channel, job->command, (int)job->port, "localhost", 0);
	else
		rc = ssh_channel_open_session(job->channel);
	if (rc == SSH_AGAIN)
		return;
	if (job->kind == JOB_PROBE)
		probe_answered(job, rc);
	else if (rc == SSH_OK)
		job->state = JOB_REQUESTING;
	else
		job_refused(job);
}

static void job_requesting(struct exec_job *job)
{
	int rc = ssh_channel_request_exec(job->channel, job->command);

	if (rc == SSH_OK)
		job->state = JOB_RUNNING;
	else if (rc != SSH_AGAIN)
		job_refused(job);
}

/* All there is to read now. Output beyond the limit is read and dropped, so that the command goes on. */
static void drain(struct exec_job *job, struct buf *b, int is_stderr)
{
	char chunk[16 << 10];
	int n;

	while ((n = ssh_channel_read_nonblocking(job->channel, chunk, sizeof(chunk), is_stderr)) > 0) {
		pthread_mutex_lock(&job->ssh->lock);
		buf_add(b, chunk, (size_t)n);
		pthread_cond_broadcast(&job->ssh->changed); /* someone may wait for a line */
		pthread_mutex_unlock(&job->ssh->lock);
	}
}

static bool is_over(const struct exec_job *job)
{
	return job->remote_closed || (ssh_channel_is_eof(job->channel) && job->have_status);
}

/* As much of its input as goes now. True: all of it is out. */
static bool feed(struct exec_job *job)
{
	while (job->input_done < job->input.len) {
		uint32_t left = (uint32_t)(job->input.len - job->input_done);
		uint32_t window = ssh_channel_window_size(job->channel);
		int n;

		if (!window)
			return false;
		n = ssh_channel_write(job->channel, job->input.p + job->input_done, left < window ? left : window);
		if (n <= 0)
			return false;
		job->input_done += (size_t)n;
	}
	return true;
}

static void job_running(struct exec_job *job)
{
	bool close_input, over;

	pthread_mutex_lock(&job->ssh->lock);
	close_input = !job->hold || job->close_input;
	pthread_mutex_unlock(&job->ssh->lock);
	close_input = feed(job) && close_input;
	if (close_input && !job->input_closed) {
		ssh_channel_send_eof(job->channel);
		job->input_closed = true;
	}
	/* Reading may take in the end as well: what came before it is read then, too. */
	do {
		over = is_over(job);
		drain(job, &job->result.out, 0);
		drain(job, &job->result.errout, 1);
	} while (!over && is_over(job));
	if (over) {
		if (!job->have_status)
			job_fail(job, E_REMOTE, "the command ended without a status");
		job->state = JOB_DONE;
	}
}

/* One step on. True: it is done. */
static bool job_step(struct exec_job *job)
{
	enum job_state before;
	int64_t deadline;

	if (job->kind == JOB_READ) {
		ssh_sftp_read(job->ssh, job);
		job->state = JOB_DONE;
		return true;
	}
	do {
		before = job->state;
		switch (job->state) {
		case JOB_NEW:
			job_new_channel(job);
			break;
		case JOB_OPENING:
			job_opening(job);
			break;
		case JOB_REQUESTING:
			job_requesting(job);
			break;
		case JOB_RUNNING:
			job_running(job);
			break;
		case JOB_DONE:
			break;
		}
	} while (job->state != before);
	pthread_mutex_lock(&job->ssh->lock);
	deadline = job->deadline_ms;
	pthread_mutex_unlock(&job->ssh->lock);
	if (job->state != JOB_DONE && deadline && clock_ms() >= deadline)
		job_fail(job, E_TIMEOUT, "no answer in time");
	return job->state == JOB_DONE;
}

static void job_close_channel(struct exec_job *job)
{
	if (!job->channel)
		return;
	ssh_remove_channel_callbacks(job->channel, job->callbacks);
	/* libssh sends EOF and CLOSE also for one that was refused, to number 0: that is another one, or ends the
	 * session */
	if (ssh_channel_is_open(job->channel))
		ssh_channel_close(job->channel);
	ssh_channel_free(job->channel);
	job->channel = NULL;
}

void ssh_job_free(struct exec_job *job)
{
	free(job->command);
	free(job->callbacks);
	if (job->input.p) /* it may have a secret in it */
		explicit_bzero(job->input.p, job->input.len);
	buf_clear(&job->input);
	exec_result_clear(&job->result);
	err_clear(&job->err);
	free(job);
}

/* Takes a job that is done out of the queue and tells its waiter. */
static void job_finish(struct ssh *s, struct exec_job **link)
{
	struct exec_job *job = *link;
	bool abandoned;

	job_close_channel(job);
	pthread_mutex_lock(&s->lock);
	*link = job->next;
	abandoned = job->abandoned;
	job->state = JOB_DONE;
	if (!abandoned)
		job->next = job; /* the mark that it left the queue: see job_left() */
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (abandoned)
		ssh_job_free(job);
}

static bool job_left(const struct exec_job *job)
{
	return job->next == job;
}

static bool job_given_up(struct ssh *s, struct exec_job *job)
{
	bool yes;

	pthread_mutex_lock(&s->lock);
	yes = job->abandoned;
	pthread_mutex_unlock(&s->lock);
	return yes;
}

static void step_jobs(struct ssh *s)
{
	struct exec_job **link = &s->jobs;

	for (;;) {
		struct exec_job *job;

		pthread_mutex_lock(&s->lock);
		job = *link;
		pthread_mutex_unlock(&s->lock);
		if (!job)
			return;
		if (job_given_up(s, job) || job_step(job))
			job_finish(s, link);
		else
			link = &job->next;
	}
}

/* Where ssh_cut() finds the connection. */
static void publish_fd(struct ssh *s, int fd)
{
	pthread_mutex_lock(&s->lock);
	s->session_fd = fd;
	pthread_mutex_unlock(&s->lock);
}

/* ---- the thread ---- */

static void wait_for_something(struct ssh *s)
{
	struct pollfd p[2 + SSH_STREAMS] = {
		{ .fd = ssh_get_fd(s->session), .events = POLLIN },
		{ .fd = s->wake, .events = POLLIN },
	};
	eventfd_t drop;

	if (ssh_get_poll_flags(s->session) & SSH_WRITE_PENDING)
		p[0].events |= POLLOUT;
	for (size_t i = 0; i < SSH_STREAMS; i++)
		p[2 + i].events = ssh_stream_events(&s->streams[i], &p[2 + i].fd);
	poll(p, ARRAY_SIZE(p), POLL_MS);
	if (p[1].revents)
		eventfd_read(s->wake, &drop);
}

static void keep_alive(struct ssh *s)
{
	int64_t now = clock_ms();

	if (now < s->keepalive_due_ms)
		return;
	s->keepalive_due_ms = now + s->spec->keepalive_s * 1000;
	ssh_send_keepalive(s->session);
}

static bool should_stop(struct ssh *s)
{
	bool stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

static void serve(struct ssh *s)
{
	ssh_set_blocking(s->session, 0);
	s->event = ssh_event_new();
	ssh_event_add_session(s->event, s->session);
	s->keepalive_due_ms = clock_ms() + s->spec->keepalive_s * 1000;
	while (!should_stop(s) && ssh_is_connected(s->session)) {
		wait_for_something(s);
		if (ssh_event_dopoll(s->event, 0) == SSH_ERROR)
			break;
		step_jobs(s);
		for (size_t i = 0; i < SSH_STREAMS; i++)
			ssh_stream_step(s, &s->streams[i]);
		keep_alive(s);
	}
}

static void set_state(struct ssh *s, int state, struct err *err)
{
	pthread_mutex_lock(&s->lock);
	s->state = state;
	if (err)
		err_move(&s->err, err);
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

/* Everything that still waits for this session learns why it will not come. */
static void fail_jobs(struct ssh *s)
{
	while (s->jobs) {
		job_fail(s->jobs, E_DISCONNECTED, s->err.msg);
		job_finish(s, &s->jobs);
	}
}

/* Also one whose listener the thread has not taken yet: its client would wait for ever. */
static void end_stream(struct ssh *s, struct ssh_stream *st)
{
	pthread_mutex_lock(&s->lock);
	if (st->new_listener >= 0)
		close(st->new_listener);
	st->new_listener = -1;
	pthread_mutex_unlock(&s->lock);
	ssh_stream_close(st);
}

static void *session_thread(void *arg)
{
	struct err err auto_err = ERR_INIT;
	struct ssh *s = arg;

	if (ssh_connect_session(s, &err) == 0) {
		publish_fd(s, ssh_get_fd(s->session));
		set_state(s, SSH_OPEN, NULL);
		serve(s);
		if (!should_stop(s))
			err_set(&err, E_DISCONNECTED, 0, "the SSH connection broke: %s", ssh_get_error(s->session));
	}
	if (!err.id)
		err_set(&err, E_DISCONNECTED, 0, "the SSH session was closed");
	publish_fd(s, -1);
	set_state(s, SSH_DEAD, &err);
	fail_jobs(s);
	for (size_t i = 0; i < SSH_STREAMS; i++)
		end_stream(s, &s->streams[i]);
	ssh_sftp_free(s);
	if (s->event) {
		ssh_event_remove_session(s->event, s->session);
		ssh_event_free(s->event);
	}
	if (s->session) {
		ssh_disconnect(s->session);
		ssh_free(s->session);
	}
	return NULL;
}

/* ---- for other threads ---- */

struct ssh *ssh_create(const struct host_spec *spec)
{
	struct ssh *s = xcalloc(1, sizeof(*s));
	pthread_condattr_t attr;

	s->spec = host_spec_copy(spec);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < SSH_STREAMS; i++)
		s->streams[i] = (struct ssh_stream) { .new_listener = -1, .listener = -1, .fd = -1, .state = JOB_DONE };
	s->session_fd = -1;
	return s;
}

void ssh_start(struct ssh *s)
{
	s->started = pthread_create(&s->thread, NULL, session_thread, s) == 0;
	if (!s->started) {
		err_set(&s->err, E_INTERNAL, 0, "no thread for the session");
		s->state = SSH_DEAD;
	}
}

/* Waits on the condition until deadline or the next slice. The lock is held. */
static void wait_slice(struct ssh *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += SLICE_MS * 1000000L;
	if (ts.tv_nsec >= 1000000000L) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&s->changed, &s->lock, &ts);
}

int ssh_wait_open(struct ssh *s, struct err *err)
{
	/* Name look-up, TCP, key exchange and login each have libssh's limit; together they get three times as much. */
	int64_t deadline = clock_ms() + s->spec->connect_timeout_s * 3000 + GRACE_MS;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (s->state == SSH_CONNECTING && clock_ms() < deadline && !interrupt_pending())
		wait_slice(s);
	if (s->state == SSH_DEAD) {
		rc = err_copy(err, &s->err);
	} else if (s->state == SSH_CONNECTING && interrupt_pending()) {
		rc = err_set(err, E_CANCELLED, 0, "interrupted while connecting");
	} else if (s->state == SSH_CONNECTING) {
		rc = err_set(err, E_TIMEOUT, 0, "no SSH session within %u s", s->spec->connect_timeout_s * 3);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/*
 * A thread that still connects cannot be stopped from outside; it is left to end by itself, with its memory.
 */
void ssh_destroy(struct ssh *s)
{
	bool connecting;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	connecting = s->started && s->state == SSH_CONNECTING;
	pthread_mutex_unlock(&s->lock);
	ssh_wake(s);
	if (connecting) {
		pthread_detach(s->thread);
		return;
	}
	if (s->started)
		pthread_join(s->thread, NULL);
	close(s->wake);
	host_spec_free(s->spec);
	for (size_t i = 0; i < SSH_STREAMS; i++) {
		if (s->streams[i].new_listener >= 0)
			close(s->streams[i].new_listener);
		free(s->streams[i].failure);
	}
	err_clear(&s->err);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct exec_job *ssh_job_new(struct ssh *s, enum job_kind kind, char *command, unsigned timeout_ms)
{
	struct exec_job *job = xcalloc(1, sizeof(*job));

	job->ssh = s;
	job->kind = kind;
	job->command = command;
	job->deadline_ms = timeout_ms ? clock_ms() + timeout_ms : 0;
	job->result.out.limit = EXEC_OUT_MAX;
	job->result.errout.limit = EXEC_ERR_MAX;
	return job;
}

void ssh_submit(struct exec_job *job)
{
	struct ssh *s = job->ssh;
	struct exec_job **link = &s->jobs;

	pthread_mutex_lock(&s->lock);
	if (s->state == SSH_DEAD) {
		err_set(&job->err, E_DISCONNECTED, 0, "%s", s->err.msg);
		job->state = JOB_DONE;
		job->next = job;
	} else {
		while (*link)
			link = &(*link)->next;
		*link = job;
	}
	pthread_mutex_unlock(&s->lock);
	ssh_wake(s);
}

void ssh_cut(struct ssh *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->session_fd >= 0)
		shutdown(s->session_fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
}

void ssh_drop(struct exec_job *job)
{
	struct ssh *s = job->ssh;
	bool left;

	pthread_mutex_lock(&s->lock);
	left = job_left(job);
	job->abandoned = true;
	pthread_mutex_unlock(&s->lock);
	if (left)
		ssh_job_free(job);
	else
		ssh_wake(s);
}

/* The waiter goes: the thread closes and frees the job. The lock is held. */
static int give_up(struct exec_job *job, enum err_id why, const char *words, struct err *err)
{
	job->abandoned = true;
	return err_set(err, why, 0, "%s", words);
}

int ssh_wait_until(struct exec_job *job, int64_t deadline_ms, struct err *err)
{
	struct ssh *s = job->ssh;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (!job_left(job) && rc == 0) {
		if (interrupt_pending())
			rc = give_up(job, E_CANCELLED, "interrupted", err);
		else if (deadline_ms && clock_ms() >= deadline_ms)
			rc = give_up(job, E_TIMEOUT, "no answer in time", err);
		else
			wait_slice(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (rc < 0)
		ssh_wake(s);
	return rc;
}

int ssh_wait(struct exec_job *job, struct err *err)
{
	return ssh_wait_until(job, 0, err);
}

int ssh_wait_line(struct exec_job *job, int64_t deadline_ms, struct err *err)
{
	struct ssh *s = job->ssh;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (!job_left(job) && !(job->result.out.p && memchr(job->result.out.p, '\n', job->result.out.len))) {
		if (interrupt_pending())
			rc = err_set(err, E_CANCELLED, 0, "interrupted");
		else if (clock_ms() >= deadline_ms)
			rc = err_set(err, E_TIMEOUT, 0, "no answer in time");
		if (rc < 0)
			break;
		wait_slice(s);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void ssh_close_input(struct exec_job *job)
{
	pthread_mutex_lock(&job->ssh->lock);
	job->close_input = true;
	if (!job_left(job))
		job->deadline_ms = clock_ms() + END_MS;
	pthread_mutex_unlock(&job->ssh->lock);
	ssh_wake(job->ssh);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "host/host.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/quote.h"
#include "host/host-private.h"

const char *side_name(enum side side)
{
	switch (side) {
	case SIDE_NONE:
		return "host";
	case SIDE_SOURCE:
		return "source";
	case SIDE_DESTINATION:
		return "destination";
	}
	return "host";
}

struct host_spec *host_spec_copy(const struct host_spec *from)
{
	struct host_spec *s = xcalloc(1, sizeof(*s));

	*s = *from;
	s->name = xstrdup(from->name);
	s->address = xstrdup(from->address);
	s->user = xstrdup(from->user);
	s->identity = xstrdup(from->identity);
	s->known_hosts = xstrdup(from->known_hosts);
	s->uri = xstrdup(from->uri);
	s->socket = xstrdup(from->socket);
	s->migrate_address = xstrdup(from->migrate_address);
	s->peer_uri = xstrdup(from->peer_uri);
	s->fence = xstrdup(from->fence);
	return s;
}

void host_spec_free(struct host_spec *s)
{
	if (!s)
		return;
	free(s->name);
	free(s->address);
	free(s->user);
	free(s->identity);
	free(s->known_hosts);
	free(s->uri);
	free(s->socket);
	free(s->migrate_address);
	free(s->peer_uri);
	free(s->fence);
	free(s);
}

struct host *host_new(const struct host_spec *spec)
{
	struct host *h = xcalloc(1, sizeof(*h));

	h->spec = host_spec_copy(spec);
	h->ops = &guest_ops_libvirt;
	h->files_ops = &file_ops_ssh;
	host_set_side(h, SIDE_NONE);
	h->uri = host_peer_uri(h);
	return h;
}

void host_free(struct host *h)
{
	if (!h || atomic_load(&h->stuck))
		return;
	libvirt_close(h);
	ssh_destroy(h->ssh);
	ssh_destroy(h->files);
	for (size_t i = 0; i < h->old_n; i++)
		ssh_destroy(h->old[i]);
	free(h->old);
	host_spec_free(h->spec);
	free(h->label);
	free(h->uri);
	free(h);
}

void host_set_stuck(struct host *h)
{
	atomic_store(&h->stuck, true);
}

const struct host_spec *host_spec(const struct host *h)
{
	return h->spec;
}

const char *host_name(const struct host *h)
{
	return h->spec->name;
}

enum side host_side(const struct host *h)
{
	return h->side;
}

void host_set_side(struct host *h, enum side side)
{
	h->side = side;
	free(h->label);
	h->label = str_printf("%s %s", side_name(side), h->spec->name);
}

const char *host_label(const struct host *h)
{
	return h->label;
}

char *host_peer_uri(const struct host *h)
{
	const struct host_spec *s = h->spec;
	bool ipv6 = strchr(s->address, ':') != NULL;
	auto_free char *port = s->port ? str_printf(":%u", s->port) : xstrdup("");

	if (s->peer_uri)
		return xstrdup(s->peer_uri);
	return str_printf("qemu+ssh://%s@%s%s%s%s/system", s->user ? s->user : "root", ipv6 ? "[" : "", s->address,
			  ipv6 ? "]" : "", port);
}

const char *host_uri(const struct host *h)
{
	return h->uri;
}

virConnectPtr host_libvirt(const struct host *h)
{
	return h->conn;
}

void host_set_guest_ops(struct host *h, const struct guest_ops *ops)
{
	h->ops = ops;
}

const struct guest_ops *host_guest_ops(const struct host *h)
{
	return h->ops;
}

/* ---- opening ---- */

struct opening {
	struct host *host;
	struct err *err;
	pthread_t thread;
	bool threaded;
};

static void *open_one(void *arg)
{
	struct opening *o = arg;
	struct host *h = o->host;
	int64_t begin = clock_ms();

	h->ssh = ssh_create(h->spec);
	ssh_start(h->ssh);
	if (ssh_wait_open(h->ssh, o->err) < 0 || libvirt_open(h, o->err) < 0)
		err_wrap(o->err, "%s", h->label);
	log_debug("%s: %s after %lld ms", h->label, o->err->id ? "not open" : "open", (long long)(clock_ms() - begin));
	return NULL;
}

size_t hosts_open(struct host *const hosts[], size_t n, struct err errs[])
{
	struct opening *o = xcalloc(n, sizeof(*o));
	size_t failed = 0;

	for (size_t i = 0; i < n; i++) {
		o[i] = (struct opening) { .host = hosts[i], .err = &errs[i] };
		o[i].threaded = interrupt_thread(&o[i].thread, NULL, open_one, &o[i]) == 0;
		if (!o[i].threaded)
			open_one(&o[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (o[i].threaded)
			pthread_join(o[i].thread, NULL);
		failed += errs[i].id != NULL;
	}
	free(o);
	return failed;
}

static void *free_one(void *host)
{
	host_free(host);
	return NULL;
}

void hosts_free(struct host *const hosts[], size_t n)
{
	pthread_t *threads = xcalloc(n, sizeof(*threads));
	bool *threaded = xcalloc(n, sizeof(*threaded));

	for (size_t i = 0; i < n; i++) {
		threaded[i] = n > 1 && interrupt_thread(&threads[i], NULL, free_one, hosts[i]) == 0;
		if (!threaded[i])
			free_one(hosts[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (threaded[i])
			pthread_join(threads[i], NULL);
	free(threaded);
	free(threads);
}

static bool is_dead(struct ssh *s)
{
	bool dead;

	pthread_mutex_lock(&s->lock);
	dead = s->state == SSH_DEAD;
	pthread_mutex_unlock(&s->lock);
	return dead;
}

/* Once: also when libvirt there did not answer yet at the first try. */
static int tell_renewed(struct host *h)
{
	bool renewed = h->renewed;

	h->renewed = false;
	return renewed;
}

int host_reopen(struct host *h, struct err *err)
{
	bool dead = h->ssh && is_dead(h->ssh);

	/* libvirt may not know yet that the session under it is dead */
	if (!dead && h->conn && virConnectIsAlive(h->conn) == 1)
		return tell_renewed(h);
	if (!h->ssh)
		return err_set(err, E_DISCONNECTED, 0, "%s: it was never open", h->label);
	libvirt_close(h);
	if (dead) {
		*ARRAY_ADD(h->old, h->old_n) = h->ssh;
		if (h->files && is_dead(h->files)) /* its own goes with it */
			*ARRAY_ADD(h->old, h->old_n) = STEAL(h->files);
		h->ssh = ssh_create(h->spec);
		ssh_start(h->ssh);
		h->renewed = true;
	}
	if (ssh_wait_open(h->ssh, err) < 0 || libvirt_open(h, err) < 0)
		return err_wrap(err, "%s", h->label);
	return tell_renewed(h);
}

/* ---- commands ---- */

void exec_result_clear(struct exec_result *r)
{
	buf_clear(&r->out);
	buf_clear(&r->errout);
	r->exit_status = 0;
}

char *exec_last_words(const struct exec_result *r)
{
	auto_free char *text = xstrdup(r->errout.p ? r->errout.p : "");
	size_t len = strlen(text);
	const char *line;

	while (len && strchr(" \r\n", text[len - 1]))
		text[--len] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	return str_sanitize(str_starts(line, "qemu-img: ") ? line + strlen("qemu-img: ") : line, 500);
}

static unsigned time_limit(const struct host *h, unsigned timeout_ms)
{
	return timeout_ms ? timeout_ms : h->spec->command_timeout_s * 1000;
}

struct exec_job *host_exec_start(struct host *h, const char *const argv[], unsigned timeout_ms)
{
	struct exec_job *job = ssh_job_new(h->ssh, JOB_EXEC, quote_argv(argv), time_limit(h, timeout_ms));

	ssh_submit(job);
	return job;
}

int host_exec_wait(struct exec_job *job, struct exec_result *r, struct err *err)
{
	int rc = 0;

	if (ssh_wait(job, err) < 0)
		return -1;
	if (job->err.id) {
		rc = err_copy(err, &job->err);
	} else {
		*r = job->result;
		job->result = (struct exec_result) { 0 };
	}
	ssh_job_free(job);
	return rc;
}

void host_exec_drop(struct exec_job *job)
{
	if (job)
		ssh_drop(job);
}

int host_exec(struct host *h, const char *const argv[], unsigned timeout_ms, struct exec_result *r, struct err *err)
{
	return host_exec_wait(host_exec_start(h, argv, timeout_ms), r, err);
}

/* sh -c SCRIPT vmmig ARGS… as one array; the caller frees the array, not the words. */
static const char **script_argv(const char *script, const char *const args[])
{
	const char **argv;
	size_t n = 0;

	while (args && args[n])
		n++;
	argv = xcalloc(n + 5, sizeof(*argv));
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = script;
	argv[3] = "vmmig";
	for (size_t i = 0; i < n; i++)
		argv[4 + i] = args[i];
	return argv;
}

struct exec_job *host_script_start(struct host *h, const char *script, const char *const args[], unsigned timeout_ms)
{
	auto_free const char **argv = script_argv(script, args);

	return host_exec_start(h, argv, timeout_ms);
}

struct exec_job *host_script_start_input(struct host *h, const char *script, const char *const args[],
					 const char *input, unsigned timeout_ms)
{
	auto_free const char **argv = script_argv(script, args);
	struct exec_job *job = ssh_job_new(h->ssh, JOB_EXEC, quote_argv(argv), time_limit(h, timeout_ms));

	buf_add(&job->input, input, strlen(input));
	ssh_submit(job);
	return job;
}

struct exec_hold {
	struct exec_job *job;
};

struct exec_hold *host_hold_start_input(struct host *h, const char *script, const char *const args[], const char *input)
{
	auto_free const char **argv = script_argv(script, args);
	struct exec_hold *hold = xcalloc(1, sizeof(*hold));

	hold->job = ssh_job_new(h->ssh, JOB_EXEC, quote_argv(argv), 0);
	hold->job->hold = true;
	buf_add(&hold->job->input, input, strlen(input));
	ssh_submit(hold->job);
	return hold;
}

struct exec_hold *host_hold_start(struct host *h, const char *script, const char *const args[])
{
	return host_hold_start_input(h, script, args, "");
}

static char *first_line(struct exec_job *job, struct err *err)
{
	auto_free char *said = NULL;
	const char *nl;
	char *line = NULL;

	pthread_mutex_lock(&job->ssh->lock);
	nl = job->result.out.p ? memchr(job->result.out.p, '\n', job->result.out.len) : NULL;
	if (nl) {
		line = xstrndup(job->result.out.p, (size_t)(nl - job->result.out.p));
	} else if (job->err.id) {
		err_copy(err, &job->err);
	} else {
		if (job->result.errout.p)
			job->result.errout.p[strcspn(job->result.errout.p, "\n")] = '\0';
		said = str_sanitize(job->result.errout.p ? job->result.errout.p : "", 500);
		err_set(err, E_REMOTE, 0, "a command ended with status %d before it answered%s%s",
			job->result.exit_status, *said ? ": " : "", said);
	}
	pthread_mutex_unlock(&job->ssh->lock);
	return line;
}

char *host_hold_line(struct exec_hold *hold, struct err *err)
{
	struct exec_job *job = hold->job;
	int64_t deadline = clock_ms() + job->ssh->spec->command_timeout_s * 1000;

	if (ssh_wait_line(job, deadline, err) < 0)
		return NULL;
	return first_line(job, err);
}

void host_hold_close(struct exec_hold *hold)
{
	if (hold)
		ssh_close_input(hold->job);
}

int host_hold_end(struct exec_hold *hold)
{
	struct err err auto_err = ERR_INIT;
	struct exec_result r auto_exec = { 0 };
	int rc;

	if (!hold)
		return 0;
	ssh_close_input(hold->job);
	rc = host_exec_wait(hold->job, &r, &err) < 0 ? -1 : r.exit_status;
	free(hold);
	return rc;
}

int host_hold_wait(struct exec_hold *hold, struct exec_result *r, struct err *err)
{
	int rc = host_exec_wait(hold->job, r, err);

	free(hold);
	return rc;
}

int host_tcp_probe(struct host *h, const char *address, unsigned port, unsigned timeout_ms, char **reason,
		   struct err *err)
{
	struct exec_job *job = ssh_job_new(h->ssh, JOB_PROBE, xstrdup(address), time_limit(h, timeout_ms));
	int rc;

	job->port = port;
	ssh_submit(job);
	if (ssh_wait(job, err) < 0)
		return -1;
	if (job->err.id)
		rc = err_copy(err, &job->err);
	else
		rc = job->answer;
	if (rc == 0)
		*reason = xstrdup(job->result.errout.p ? job->result.errout.p : "no reason given");
	ssh_job_free(job);
	return rc;
}

/*
 * SFTP has a session of its own: libssh's works only on a blocking session and without a limit of time, and when a
 * host's disk hangs nothing else may hang with it. Too late, the connection is cut, which ends the waiting.
 */
static int open_files(struct host *h, struct err *err)
{
	if (h->files)
		return 0;
	if (!h->ssh)
		return err_set(err, E_DISCONNECTED, 0, "it was never open");
	h->files = ssh_create(h->spec);
	ssh_start(h->files);
	return ssh_wait_open(h->files, err);
}

static int read_by(struct host *h, struct exec_job *job, struct buf *out, struct err *err)
{
	int rc;

	ssh_submit(job);
	if (ssh_wait_until(job, clock_ms() + time_limit(h, 0), err) < 0) {
		ssh_cut(h->files);
		return -1;
	}
	if (job->err.id) {
		rc = err_copy(err, &job->err);
	} else {
		rc = job->answer;
		*out = job->result.out;
		job->result.out = (struct buf) { 0 };
	}
	ssh_job_free(job);
	return rc;
}

int host_read_file(struct host *h, const char *path, size_t max, bool tail, struct buf *out, struct err *err)
{
	struct exec_job *job;
	int rc;

	if (open_files(h, err) < 0)
		return err_wrap(err, "%s", h->label);
	job = ssh_job_new(h->files, JOB_READ, xstrdup(path), 0);
	job->max = max;
	job->tail = tail;
	rc = read_by(h, job, out, err);
	return rc < 0 ? err_wrap(err, "%s", h->label) : rc;
}

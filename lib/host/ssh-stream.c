/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libvirt through the SSH session: libvirt's client connects to a private UNIX socket here, and each byte goes
 * through a direct-streamlocal channel to libvirtd's socket on the host. No second login, no program on the host
 * (qemu+ssh:// would need both). Where sshd refuses forwarding (a hardened one often does), the bytes go through
 * virt-ssh-helper or nc there, as libvirt's own ssh transport has it. The socket lives in a directory of mode 0700, and
 * only until its one client is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/quote.h"
#include "host/ssh.h"

enum {
	CHUNK = 32 << 10,
	STALE_S = 10, /* much longer than the moment between bind() and listen() */
};

/* Does nobody listen there any more, and not just not yet? */
static bool is_stale(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	return fd >= 0 && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && time(NULL) - st.st_ctime > STALE_S &&
	       connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 && errno == ECONNREFUSED;
}

/* A vmmig that was killed while it connected has left its directory. Others' cannot be removed: mode 0700. */
static void sweep(const char *base)
{
	auto_free char *pattern = str_printf("%s/vmmig-*/libvirt", base);
	glob_t found;

	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *path = found.gl_pathv[i];

		if (!is_stale(path) || unlink(path) < 0)
			continue;
		*strrchr(path, '/') = '\0';
		rmdir(path);
	}
	globfree(&found);
}

static int make_private_dir(char *dir, size_t size, struct err *err)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	const char *bases[] = { run && *run == '/' ? run : "/run", "/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		sweep(bases[i]);
		snprintf(dir, size, "%s/vmmig-XXXXXX", bases[i]);
		if (mkdtemp(dir))
			return 0;
	}
	return err_set(err, E_LIBVIRT_CONNECT, errno, "cannot make a private directory in %s or /tmp", bases[0]);
}

static struct ssh_stream *take_free(struct ssh *s)
{
	for (size_t i = 0; i < SSH_STREAMS; i++)
		if (!s->streams[i].taken) {
			s->streams[i].taken = true;
			s->streams[i].answered = false;
			return &s->streams[i];
		}
	return NULL;
}

/* Hands the listener to the thread; to none when the session is dead or has no stream left. The lock is held. */
static struct ssh_stream *hand_over(struct ssh *s, int fd, struct err *err)
{
	struct ssh_stream *st;

	if (s->state == SSH_DEAD) {
		err_copy(err, &s->err);
		return NULL;
	}
	st = take_free(s);
	if (!st) {
		err_set(err, E_INTERNAL, 0, "too many libvirt connections");
		return NULL;
	}
	free(st->failure);
	st->failure = NULL;
	st->deadline_ms = clock_ms() + s->spec->connect_timeout_s * 1000;
	st->new_listener = fd;
	return st;
}

struct ssh_stream *ssh_stream_listen(struct ssh *s, char *path, size_t size, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ssh_stream *st = NULL;
	char dir[64];
	int fd;

	if (make_private_dir(dir, sizeof(dir), err) < 0)
		return NULL;
	snprintf(path, size, "%s/libvirt", dir);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1) < 0) {
		err_set(err, E_LIBVIRT_CONNECT, errno, "cannot listen on \"%s\"", path);
	} else {
		pthread_mutex_lock(&s->lock);
		st = hand_over(s, fd, err);
		pthread_mutex_unlock(&s->lock);
	}
	if (!st) {
		if (fd >= 0)
			close(fd);
		unlink(path);
		rmdir(dir);
		return NULL;
	}
	ssh_wake(s);
	return st;
}

void ssh_stream_opened(struct ssh *s, struct ssh_stream *st, const char *path, bool ok, char **failure)
{
	auto_free char *dir = xstrdup(path);

	unlink(path);
	*strrchr(dir, '/') = '\0';
	rmdir(dir);
	pthread_mutex_lock(&s->lock);
	st->deadline_ms = ok ? 0 : 1; /* 1: long past */
	*failure = xstrdup(st->failure);
	st->answered = true;
	pthread_mutex_unlock(&s->lock);
	ssh_wake(s);
}

void ssh_stream_close(struct ssh_stream *st)
{
	if (st->channel) {
		/* one that was never open has no number yet: see job_close_channel() */
		if (ssh_channel_is_open(st->channel))
			ssh_channel_close(st->channel);
		ssh_channel_free(st->channel);
		st->channel = NULL;
	}
	if (st->fd >= 0)
		close(st->fd);
	if (st->listener >= 0)
		close(st->listener);
	st->fd = st->listener = -1;
	buf_clear(&st->to_local);
	buf_clear(&st->to_host);
	st->to_local_done = st->to_host_done = 0;
	st->state = JOB_DONE;
}

static void fail(struct ssh *s, struct ssh_stream *st, const char *why)
{
	pthread_mutex_lock(&s->lock);
	free(st->failure);
	st->failure = str_sanitize(why, 300);
	pthread_mutex_unlock(&s->lock);
	ssh_stream_close(st);
}

static void accept_client(struct ssh *s, struct ssh_stream *st)
{
	int fd = accept4(st->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	close(st->listener);
	st->listener = -1;
	st->fd = fd;
	st->channel = ssh_channel_new(s->session);
	st->state = JOB_OPENING;
}

/* The way around a sshd without forwarding. */
static void go_by_command(struct ssh *s, struct ssh_stream *st)
{

	log_debug("%s: sshd forwards no socket: %s", s->spec->name, ssh_get_error(s->session));
	ssh_channel_free(st->channel);
	st->channel = ssh_channel_new(s->session);
	st->by_command = true;
}

static void open_channel(struct ssh *s, struct ssh_stream *st)
{
	int rc;

	if (st->by_command)
		rc = ssh_channel_open_session(st->channel);
	else
		rc = ssh_channel_open_forward_unix(st->channel, s->spec->socket, "localhost", 0);
	if (rc == SSH_OK)
		st->state = st->by_command ? JOB_REQUESTING : JOB_RUNNING;
	else if (rc != SSH_AGAIN && !st->by_command)
		go_by_command(s, st); /* OpenSSH gives one answer for "not permitted" and "nobody listens" */
	else if (rc != SSH_AGAIN)
		fail(s, st, ssh_get_error(s->session));
}

/* URI SOCKET */
static const char relay_script[] = "if command -v virt-ssh-helper >/dev/null; then exec virt-ssh-helper \"$1\"; fi\n"
				   "exec nc -U \"$2\"\n";

static void request_command(struct ssh *s, struct ssh_stream *st)
{
	const char *argv[] = { "sh", "-c", relay_script, "vmmig", s->spec->uri, s->spec->socket, NULL };
	auto_free char *line = quote_argv(argv);
	int rc = ssh_channel_request_exec(st->channel, line);

	if (rc == SSH_OK)
		st->state = JOB_RUNNING;
	else if (rc != SSH_AGAIN)
		fail(s, st, ssh_get_error(s->session));
}

/* It is over. A command that never gave anything has said why on its standard error. */
static void end(struct ssh *s, struct ssh_stream *st)
{
	char words[400] = "";

	if (!st->by_command || st->heard) {
		ssh_stream_close(st);
		return;
	}
	if (ssh_channel_read_nonblocking(st->channel, words, sizeof(words) - 1, 1) <= 0)
		snprintf(words, sizeof(words), "sshd forwards no sockets, and the command in its place ended");
	words[strcspn(words, "\n")] = '\0';
	fail(s, st, words);
}

/* Channel to local socket. False: the stream is over. */
static bool pump_down(struct ssh_stream *st)
{
	for (;;) {
		char chunk[CHUNK];
		ssize_t n;

		while (st->to_local_done < st->to_local.len) {
			n = write(st->fd, st->to_local.p + st->to_local_done, st->to_local.len - st->to_local_done);
			if (n < 0)
				return errno == EAGAIN || errno == EINTR;
			st->to_local_done += (size_t)n;
		}
		st->to_local.len = st->to_local_done = 0;
		n = ssh_channel_read_nonblocking(st->channel, chunk, sizeof(chunk), 0);
		if (n < 0 || (n == 0 && ssh_channel_is_eof(st->channel)))
			return n == SSH_AGAIN;
		if (n == 0)
			return true;
		st->heard = true;
		buf_add(&st->to_local, chunk, (size_t)n);
	}
}

/*
 * Local socket to channel, as much as the host's window takes. During a key exchange libssh takes nothing and
 * says 0: what was read stays for later. False: the stream is over.
 */
static bool pump_up(struct ssh_stream *st)
{
	for (;;) {
		uint32_t window = ssh_channel_window_size(st->channel);
		char chunk[CHUNK];
		ssize_t n;

		while (st->to_host_done < st->to_host.len) {
			int taken = ssh_channel_write(st->channel, st->to_host.p + st->to_host_done,
						      (uint32_t)(st->to_host.len - st->to_host_done));

			if (taken <= 0)
				return taken == 0 || taken == SSH_AGAIN;
			st->to_host_done += (size_t)taken;
		}
		st->to_host.len = st->to_host_done = 0;
		if (!window)
			return true;
		n = read(st->fd, chunk, window < sizeof(chunk) ? window : sizeof(chunk));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		buf_add(&st->to_host, chunk, (size_t)n);
	}
}

void ssh_stream_step(struct ssh *s, struct ssh_stream *st)
{
	int64_t deadline;

	pthread_mutex_lock(&s->lock);
	deadline = st->deadline_ms;
	if (st->new_listener >= 0) {
		ssh_stream_close(st); /* the one before, if any: libvirt is opened anew */
		st->listener = st->new_listener;
		st->new_listener = -1;
		st->state = JOB_NEW;
		st->by_command = st->heard = false;
	} else if (st->state == JOB_DONE && st->answered) {
		st->taken = false;
	}
	pthread_mutex_unlock(&s->lock);
	if (st->state != JOB_DONE && deadline && clock_ms() >= deadline) {
		fail(s, st, "no answer in time");
		return;
	}
	if (st->state != JOB_DONE && deadline && interrupt_pending()) { /* it is still being opened */
		fail(s, st, "interrupted");
		return;
	}
	if (st->listener >= 0)
		accept_client(s, st);
	if (st->state == JOB_OPENING)
		open_channel(s, st);
	if (st->state == JOB_REQUESTING)
		request_command(s, st);
	if (st->state == JOB_RUNNING && (!pump_down(st) || !pump_up(st)))
		end(s, st);
}

short ssh_stream_events(struct ssh_stream *st, int *fd)
{
	short events = 0;

	*fd = st->listener >= 0 ? st->listener : st->fd;
	if (st->listener >= 0)
		return POLLIN;
	if (st->state != JOB_RUNNING) {
		*fd = -1;
		return 0;
	}
	if (st->to_local_done < st->to_local.len)
		events |= POLLOUT;
	if (st->to_host.len == 0 && ssh_channel_window_size(st->channel))
		events |= POLLIN;
	return events;
}

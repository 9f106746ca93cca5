/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a remote file by SFTP. libssh's SFTP only works on a blocking session, so the session's thread is held for
 * the few round trips a small file takes; each of them is bounded by the session's time limit.
 */
#include <fcntl.h>
#include <libssh/sftp.h>

#include "host/ssh.h"

static int fail(struct ssh *s, struct exec_job *job, const char *what)
{
	sftp_session sftp = s->sftp;
	int code = sftp ? sftp_get_error(sftp) : -1;

	if (!ssh_is_connected(s->session))
		return err_set(&job->err, E_DISCONNECTED, 0, "the SSH connection broke: %s", ssh_get_error(s->session));
	if (code == SSH_FX_PERMISSION_DENIED)
		return err_set(&job->err, E_REMOTE, 0, "%s \"%s\": permission denied", what, job->command);
	return err_set(&job->err, E_REMOTE, 0, "%s \"%s\" by SFTP: error %d: %s", what, job->command, code,
		       ssh_get_error(s->session));
}

static int open_sftp(struct ssh *s, struct exec_job *job)
{
	if (s->sftp)
		return 0;
	s->sftp = sftp_new(s->session);
	if (s->sftp && sftp_init(s->sftp) == SSH_OK)
		return 0;
	fail(s, job, "read");
	if (err_is(&job->err, E_REMOTE))
		err_hint(&job->err, "sshd on the host needs its sftp subsystem: grep Subsystem /etc/ssh/sshd_config");
	ssh_sftp_free(s);
	return -1;
}

/* Where to begin so that the last `max` bytes are read. */
static int seek_tail(struct ssh *s, struct exec_job *job, sftp_file file)
{
	sftp_attributes a = sftp_fstat(file);

	if (!a)
		return fail(s, job, "stat");
	if (job->tail && a->size > job->max)
		sftp_seek64(file, a->size - job->max);
	sftp_attributes_free(a);
	return 0;
}

static int read_all(struct ssh *s, struct exec_job *job, sftp_file file)
{
	char chunk[16 << 10];

	job->result.out.limit = job->max;
	while (job->result.out.len < job->max) {
		size_t want = job->max - job->result.out.len;
		ssize_t n = sftp_read(file, chunk, want < sizeof(chunk) ? want : sizeof(chunk));

		if (n < 0)
			return fail(s, job, "read");
		if (n == 0)
			break;
		buf_add(&job->result.out, chunk, (size_t)n);
	}
	buf_add(&job->result.out, "", 0);
	return 0;
}

static void read_file(struct ssh *s, struct exec_job *job)
{
	sftp_file file;

	if (open_sftp(s, job) < 0)
		return;
	file = sftp_open(s->sftp, job->command, O_RDONLY, 0);
	if (!file) {
		if (sftp_get_error(s->sftp) == SSH_FX_NO_SUCH_FILE)
			job->answer = 1;
		else
			fail(s, job, "open");
		return;
	}
	if (seek_tail(s, job, file) == 0)
		read_all(s, job, file);
	sftp_close(file);
}

void ssh_sftp_read(struct ssh *s, struct exec_job *job)
{
	ssh_set_blocking(s->session, 1);
	read_file(s, job);
	ssh_set_blocking(s->session, 0);
}

void ssh_sftp_free(struct ssh *s)
{
	if (s->sftp)
		sftp_free(s->sftp);
	s->sftp = NULL;
}

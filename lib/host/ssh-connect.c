/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes an authenticated session: options, TCP and key exchange, host key, login. The host key is always
 * verified, whatever StrictHostKeyChecking in ~/.ssh/config says: a tool that runs commands as root
 * on two machines must know which machines they are.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "host/ssh.h"

static int set_options(struct ssh *s, struct err *err)
{
	const struct host_spec *spec = s->spec;
	long timeout = spec->connect_timeout_s;
	int quiet = SSH_LOG_NOLOG;

	ssh_options_set(s->session, SSH_OPTIONS_LOG_VERBOSITY, &quiet);
	if (ssh_options_set(s->session, SSH_OPTIONS_HOST, spec->address) < 0)
		return err_set(err, E_CONNECT, 0, "\"%s\" is not an address", spec->address);
	/* First ~/.ssh/config and /etc/ssh/ssh_config, then what we were told, since libssh lets the later one win. */
	if (ssh_options_parse_config(s->session, NULL) < 0)
		return err_set(err, E_CONNECT, 0, "cannot read the SSH configuration: %s", ssh_get_error(s->session));
	ssh_options_set(s->session, SSH_OPTIONS_TIMEOUT, &timeout);
	if (spec->port)
		ssh_options_set(s->session, SSH_OPTIONS_PORT, &spec->port);
	if (spec->user)
		ssh_options_set(s->session, SSH_OPTIONS_USER, spec->user);
	if (spec->known_hosts) {
		ssh_options_set(s->session, SSH_OPTIONS_KNOWNHOSTS, spec->known_hosts);
		/* One file was named, so only that one counts. */
		ssh_options_set(s->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
	}
	return 0;
}

static int connect_error(struct ssh *s, struct err *err)
{
	const struct host_spec *spec = s->spec;
	const char *why = ssh_get_error(s->session);
	unsigned port = spec->port ? spec->port : 22;

	if (strstr(why, "resolve") || strstr(why, "not known") || strstr(why, "associated with hostname")) {
		err_set(err, E_RESOLVE, 0, "cannot resolve \"%s\": %s", spec->address, why);
		return err_hint(err, "check the address in the configuration, or DNS: getent hosts %s", spec->address);
	}
	if (strstr(why, "imeout")) {
		err_set(err, E_TIMEOUT, 0, "no answer from %s port %u within %u s", spec->address, port,
			spec->connect_timeout_s);
		return err_hint(err, "is the host up, and may this machine reach it? try: ssh -p %u %s true", port,
				spec->address);
	}
	err_set(err, E_CONNECT, 0, "cannot connect to %s port %u: %s", spec->address, port, why);
	return err_hint(err, "is sshd running there, and is it this port? try: ssh -p %u %s true", port, spec->address);
}

/* "SHA256:…" of the server's key; caller frees with ssh_string_free_char. */
static char *fingerprint(ssh_session session)
{
	unsigned char *hash = NULL;
	ssh_key key = NULL;
	char *text = NULL;
	size_t len;

	if (ssh_get_server_publickey(session, &key) < 0)
		return NULL;
	if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) == 0) {
		text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
		ssh_clean_pubkey_hash(&hash);
	}
	ssh_key_free(key);
	return text;
}

/* The name ssh's tools know the host by: "[address]:port" when the port is not 22. */
static char *known_name(const struct host_spec *spec)
{
	if (spec->port && spec->port != 22)
		return str_printf("[%s]:%u", spec->address, spec->port);
	return xstrdup(spec->address);
}

static void changed_key(const struct host_spec *spec, const char *file, const char *print, struct err *err)
{
	auto_free char *name = known_name(spec);

	err_set(err, E_HOSTKEY_CHANGED, 0, "the host key of %s is not the one in %s: now %s", name, file, print);
	if (spec->known_hosts)
		err_hint(err, "find out why before anything else; if the host was reinstalled: ssh-keygen -f %s -R %s",
			 file, name);
	else
		err_hint(err, "find out why before anything else; if the host was reinstalled: ssh-keygen -R %s", name);
}

static void unknown_key(const struct host_spec *spec, const char *file, const char *print, struct err *err)
{
	unsigned port = spec->port ? spec->port : 22;
	auto_free char *name = known_name(spec);

	err_set(err, E_HOSTKEY_UNKNOWN, 0, "the host key of %s is not in %s: %s", name, file, print);
	if (spec->known_hosts)
		err_hint(err, "compare the fingerprint with the host's own, then: ssh-keyscan -p %u %s >>%s", port,
			 spec->address, file);
	else
		err_hint(err,
			 "compare the fingerprint with the host's own, then: ssh-keyscan -p %u %s >>~/.ssh/known_hosts",
			 port, spec->address);
}

static int verify_host_key(struct ssh *s, struct err *err)
{
	const char *file = s->spec->known_hosts ? s->spec->known_hosts : "~/.ssh/known_hosts";
	enum ssh_known_hosts_e known = ssh_session_is_known_server(s->session);
	const char *shown;
	char *print;

	if (known == SSH_KNOWN_HOSTS_OK)
		return 0;
	print = fingerprint(s->session);
	shown = print ? print : "(no fingerprint)";
	switch (known) {
	case SSH_KNOWN_HOSTS_CHANGED:
	case SSH_KNOWN_HOSTS_OTHER:
		changed_key(s->spec, file, shown, err);
		break;
	case SSH_KNOWN_HOSTS_NOT_FOUND:
	case SSH_KNOWN_HOSTS_UNKNOWN:
		unknown_key(s->spec, file, shown, err);
		break;
	case SSH_KNOWN_HOSTS_ERROR:
	case SSH_KNOWN_HOSTS_OK:
		err_set(err, E_HOSTKEY_UNKNOWN, 0, "the host key of %s cannot be verified: %s", s->spec->address,
			ssh_get_error(s->session));
		break;
	}
	if (print)
		ssh_string_free_char(print);
	return -1;
}

/* With a key named, only that key is offered: sshd counts refused ones against its limit. */
static int login_with_identity(struct ssh *s, const char *identity, bool *offered, struct err *err)
{
	ssh_key key = NULL;
	int rc;

	rc = ssh_pki_import_privkey_file(identity, NULL, NULL, NULL, &key);
	if (rc == SSH_EOF) {
		err_set(err, E_AUTH, 0, "the key \"%s\" cannot be read", identity);
		return err_hint(err, "check \"identity\" in the configuration and that this user may read the file");
	}
	*offered = rc == SSH_OK;
	if (rc != SSH_OK) /* most likely behind a passphrase: then the agent has it or nobody */
		return ssh_userauth_agent(s->session, NULL);
	rc = ssh_userauth_publickey(s->session, NULL, key);
	ssh_key_free(key);
	return rc;
}

static int login(struct ssh *s, struct err *err)
{
	const char *identity = s->spec->identity;
	bool offered = true;
	char *name = NULL;
	int rc;

	if (identity)
		rc = login_with_identity(s, identity, &offered, err);
	else
		rc = ssh_userauth_publickey_auto(s->session, NULL, NULL);
	if (rc == SSH_AUTH_SUCCESS)
		return 0;
	if (err->id)
		return -1;
	ssh_options_get(s->session, SSH_OPTIONS_USER, &name);
	if (rc == SSH_AUTH_ERROR)
		err_set(err, E_AUTH, 0, "logging in as \"%s\" failed: %s", name ? name : "?",
			ssh_get_error(s->session));
	else if (!offered)
		err_set(err, E_AUTH, 0,
			"the key \"%s\" is no private key, or needs a passphrase and the agent has none that user "
			"\"%s\" may use",
			identity, name ? name : "?");
	else if (identity)
		err_set(err, E_AUTH, 0, "user \"%s\" is refused with the key \"%s\"", name ? name : "?", identity);
	else
		err_set(err, E_AUTH, 0, "user \"%s\" is refused with the keys of the agent and of ~/.ssh",
			name ? name : "?");
	if (identity)
		err_hint(err, "try: ssh -o BatchMode=yes -i %s -l %s %s true; a key with a passphrase: ssh-add %s",
			 identity, name ? name : "root", s->spec->address, identity);
	else
		err_hint(err, "try: ssh -o BatchMode=yes -l %s %s true", name ? name : "root", s->spec->address);
	if (name)
		ssh_string_free_char(name);
	return -1;
}

/*
 * The kernel ends a connection whose data nobody acknowledges: libssh's own keepalive asks for no answer, so
 * a host that is gone would never be noticed.
 */
static void limit_silence(struct ssh *s)
{
	int fd = ssh_get_fd(s->session), on = 1, count = 3, every = (int)s->spec->keepalive_s;
	unsigned limit_ms = s->spec->keepalive_s * 4000;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int ssh_connect_session(struct ssh *s, struct err *err)
{
	s->session = ssh_new();
	if (!s->session)
		return err_set(err, E_INTERNAL, 0, "libssh gives no session");
	if (set_options(s, err) < 0)
		return -1;
	if (ssh_connect(s->session) != SSH_OK)
		return connect_error(s, err);
	limit_silence(s);
	if (verify_host_key(s, err) < 0)
		return -1;
	return login(s, err);
}

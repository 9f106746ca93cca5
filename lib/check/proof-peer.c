/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Can the source's libvirt log in at the destination's, as a migration would? */
#include <string.h>

#include "check/proof-private.h"

enum {
	PEER_MS = 20000, /* the script gives up itself after 15 s */
	TEXT_MAX = 300,
};

/*
 * URI [HOST USER PORT]: what libvirtd would do, which runs as root and has no terminal, no agent and no display; says
 * the host name of the libvirt it reached. A connection that answers one question is all of the way: name, TCP, host
 * key, login, libvirt's socket over there.
 *
 * Where the URI is a plain qemu+ssh:// one, its parts are there as well and ssh is run without virsh around it: the
 * same login, and over there the same user at the same socket, but in half the time, since ssh may be told to use the
 * cheap key exchange (165 against 285 ms between two small hosts). Only a "yes" is taken from that; for a "no"
 * libvirt's own words are wanted.
 */
static const char peer_script[] =
	"LC_ALL=C LANGUAGE=; export LC_ALL LANGUAGE\n"
	"command -v virsh >/dev/null || exit 90\n"
	"[ \"$(id -u)\" = 0 ] || exit 91\n"
	"unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY WAYLAND_DISPLAY\n"
	"limit=; ! command -v timeout >/dev/null || limit='timeout 15'\n"
	"if [ $# = 4 ]; then\n"
	"	$limit ssh -T -e none -o BatchMode=yes -o KexAlgorithms=^curve25519-sha256 ${3:+-l \"$3\"} ${4:+-p "
	"\"$4\"} "
	"-- \"$2\" \\\n"
	"		'exec sh -c \"command -v virt-ssh-helper >/dev/null || command -v nc >/dev/null || exit 90\n"
	"		exec virsh -q -c qemu:///system hostname\"' </dev/null 2>/dev/null && exit 0\n"
	"	[ $? != 124 ] || exit 124\n"
	"fi\n"
	"exec $limit virsh -q -c \"$1\" hostname </dev/null\n";

/* The last line that says something, without virsh's "error: " and libvirt's own beginnings. */
char *proof_last_words(const char *words)
{
	static const char *const noise[] = { "error: ", "Cannot recv data: ", "End of file while reading data: " };
	const char *line = words, *end;
	auto_free char *text = NULL;
	const char *s;

	for (const char *p = words; p && *p; p = strchr(p, '\n'), p += p ? 1 : 0)
		if (*p != '\n' && !str_starts(p, "error: failed to connect"))
			line = p;
	end = strchr(line, '\n');
	text = end ? xstrndup(line, (size_t)(end - line)) : xstrdup(line);
	s = text;
	for (size_t i = 0; i < ARRAY_SIZE(noise); i++)
		if (str_starts(s, noise[i]))
			s += strlen(noise[i]);
	return str_sanitize(*s ? s : "it failed and said nothing", TEXT_MAX);
}

char *proof_peer_reason(const char *words, const char *src_label, const char *dst_label, const char *user,
			const char *address)
{
	auto_free char *last = proof_last_words(words);

	if (strstr(words, "REMOTE HOST IDENTIFICATION HAS CHANGED"))
		return str_printf("root on %s knows another SSH host key of %s than %s has now", src_label, address,
				  dst_label);
	if (strstr(words, "Host key verification failed"))
		return str_printf("root on %s does not know the SSH host key of %s (%s): Host key verification failed",
				  src_label, address, dst_label);
	if (strstr(words, "Permission denied (") || strstr(words, "Too many authentication failures"))
		return str_printf("root on %s has no SSH key that %s accepts for user %s: %s", src_label, dst_label,
				  user, last);
	return str_printf("root on %s cannot log in to libvirt on %s: %s", src_label, dst_label, last);
}

/* Never ask anybody: libvirt's own switch for it, for the transports that know it. */
static char *quiet_uri(const char *uri)
{
	const char *scheme_end = strstr(uri, "://");
	auto_free char *scheme = xstrndup(uri, scheme_end ? (size_t)(scheme_end - uri) : 0);

	if (!strstr(scheme, "+ssh") || strstr(uri, "no_tty="))
		return xstrdup(uri);
	return str_printf("%s%cno_tty=1", uri, strchr(uri, '?') ? '&' : '?');
}

/* A word that is nothing but itself wherever it stands. */
static bool is_plain(const char *s, const char *more)
{
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *s) &&
		    !strchr(more, *s))
			return false;
	return true;
}

bool proof_plain_ssh(const char *uri, struct ssh_uri *out)
{
	static const char scheme[] = "qemu+ssh://", path[] = "/system";
	size_t len = strlen(uri);
	auto_free char *rest = NULL;
	char *host, *at, *colon;
	bool bracket;

	if (len < sizeof(scheme) + sizeof(path) || !str_starts(uri, scheme) || !str_eq(uri + len - strlen(path), path))
		return false;
	rest = xstrndup(uri + strlen(scheme), len - strlen(scheme) - strlen(path));
	at = strchr(rest, '@');
	if (at)
		*at = '\0';
	host = at ? at + 1 : rest;
	bracket = *host == '[';
	colon = strrchr(host, bracket ? ']' : ':');
	if (bracket && !colon)
		return false;
	if (bracket)
		*colon++ = '\0';
	if (colon && *colon == ':')
		*colon++ = '\0';
	out->user = xstrdup(at ? rest : "");
	out->host = xstrdup(host + bracket);
	out->port = xstrdup(colon ? colon : "");
	return is_plain(out->user, "") && is_plain(out->host, bracket ? ":" : "") && *out->host && *out->host != '-' &&
	       *out->user != '-' && !out->port[strspn(out->port, "0123456789")];
}

void ssh_uri_clear(struct ssh_uri *u)
{
	free(u->user);
	free(u->host);
	free(u->port);
	*u = (struct ssh_uri) { 0 };
}

struct exec_job *peer_begin(struct host *src, const char *uri)
{
	auto_free char *quiet = quiet_uri(uri);
	struct ssh_uri u AUTO(ssh_uri_clear) = { 0 };
	bool plain = proof_plain_ssh(uri, &u);
	const char *args[] = { quiet, plain ? u.host : NULL, u.user, u.port, NULL };

	return host_script_start(src, peer_script, args, PEER_MS);
}

/* A login that works may still lead to another machine than the one we mean. */
static void judge_peer_name(const char *said, const char *wanted, struct host *src, struct host *dst,
			    struct connection_proof *p)
{
	auto_free char *line = xstrndup(said, strcspn(said, "\n"));
	auto_free char *name = str_sanitize(line, TEXT_MAX);

	p->peer = !wanted || str_eq(name, wanted) ? FACT_YES : FACT_NO;
	if (p->peer == FACT_NO)
		p->peer_reason =
			str_printf("from %s, %s leads to a host named \"%s\", not to %s, which is named \"%s\"",
				   host_label(src), p->peer_uri, name, host_label(dst), wanted);
}

void peer_finish(struct exec_job *job, struct host *src, struct host *dst, const char *wanted,
		 struct connection_proof *p)
{
	const struct host_spec *spec = host_spec(dst);
	struct exec_result res auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;

	if (host_exec_wait(job, &res, &err) < 0) {
		p->peer_reason = str_printf("%s: %s", host_label(src), err.msg);
	} else if (res.exit_status == 0) {
		judge_peer_name(res.out.p ? res.out.p : "", wanted, src, dst, p);
	} else if (res.exit_status == EXIT_NO_TOOL || res.exit_status == 127) {
		p->peer_reason = str_printf("%s has no virsh to try with", host_label(src));
	} else if (res.exit_status == EXIT_NOT_ROOT) {
		p->peer_reason =
			str_printf("we are not root on %s and cannot try what its libvirtd can", host_label(src));
	} else {
		p->peer = FACT_NO;
		p->peer_reason =
			res.exit_status == EXIT_TIMEOUT
				? str_printf("%s: no answer from %s within 15 s", host_label(src), p->peer_uri)
				: proof_peer_reason(res.errout.p ? res.errout.p : "", host_label(src), host_label(dst),
						    spec->user ? spec->user : "root", spec->address);
	}
}

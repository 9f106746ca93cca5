/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TLS certificates that QEMU will use, looked at where libvirt's qemu.conf says, and judged by openssl. Only
 * certificates, which are public, leave a host: the private key is looked at where it is.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "check/wire.h"

enum {
	PEM_MAX = 256 << 10, /* bytes of one file; the script sends no more */
	TEXT_MAX = 300,
	JUDGE_MS = 20000,
};

/*
 * ROLE (server, client): where libvirt 9.0 looks (qemu_conf.c): migrate_tls_x509_cert_dir; else
 * /etc/pki/libvirt-migrate if that is there; else default_tls_x509_cert_dir, by default /etc/pki/qemu. Of a key that is
 * set twice libvirt takes the first. Answers:
 *
 *  dir PATH; verify y|n; ca|cert|key y|n|p; openssl y|n; fits y|n; now SECONDS;
 *  pem ca|cert, then the file, then a line "."; end
 */
static const char look_script[] =
	"LC_ALL=C; export LC_ALL\n"
	"c=/etc/libvirt/qemu.conf r=$1\n"
	"get() { [ -r $c ] && sed -n \"s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p\" $c | sed -n "
	"'1{s/[[:space:]]*$//;"
	"s/^\"\\(.*\\)\"[[:space:]]*\\(#.*\\)*$/\\1/;p;}'; }\n"
	"yes() { v=$(get $1); case $v in [0-9]*) v=${v%%[!0-9]*} ;; *) v=; esac\n"
	"	[ -z \"$v\" ] || { [ \"$v\" = 0 ] && v=n || v=y; }; }\n"
	"d=$(get migrate_tls_x509_cert_dir)\n"
	"[ -n \"$d\" ] || { [ -e /etc/pki/libvirt-migrate ] && d=/etc/pki/libvirt-migrate; }\n"
	"[ -n \"$d\" ] || d=$(get default_tls_x509_cert_dir)\n"
	"d=${d:-/etc/pki/qemu}\n"
	"printf 'dir %s\\n' \"$d\"\n"
	"yes migrate_tls_x509_verify; [ -n \"$v\" ] || yes default_tls_x509_verify; echo \"verify ${v:-y}\"\n"
	"has() { if [ -r \"$2\" ]; then echo \"$1 y\"; elif [ -e \"$2\" ]; then echo \"$1 p\"; else\n"
	"	e=$d; while [ -n \"$e\" ] && ! [ -d \"$e\" ]; do e=${e%/*}; done\n"
	"	[ -x \"${e:-/}\" ] && echo \"$1 n\" || echo \"$1 p\"; fi; }\n"
	"has ca \"$d/ca-cert.pem\"; has cert \"$d/$r-cert.pem\"; has key \"$d/$r-key.pem\"\n"
	"PATH=$PATH:/usr/sbin:/sbin\n"
	"if command -v openssl >/dev/null; then\n"
	"	echo 'openssl y'\n"
	"	a=$(openssl x509 -in \"$d/$r-cert.pem\" -noout -pubkey 2>/dev/null)\n"
	"	b=$(openssl pkey -in \"$d/$r-key.pem\" -passin pass: -pubout 2>/dev/null)\n"
	"	if [ -n \"$a\" ] && [ -n \"$b\" ]; then [ \"$a\" = \"$b\" ] && echo 'fits y' || echo 'fits n'; fi\n"
	"else echo 'openssl n'; fi\n"
	"echo \"now $(date +%s)\"\n"
	"pem() { [ -r \"$2\" ] && [ -f \"$2\" ] || return; echo \"pem $1\"; head -c 262144 -- \"$2\" | sed "
	"'s/^\\.$//'; echo; "
	"echo .; }\n"
	"pem ca \"$d/ca-cert.pem\"; pem cert \"$d/$r-cert.pem\"\n"
	"echo end\n";

/*
 * NAME…; the four certificates on standard input, in the order of enum tls_cert, each ended by a line ".". For each
 * that can be read, "from N DATE" and "until N DATE"; "own|other N y" or "own|other N n WHY"; "name I y|n"; "end". The
 * time is left out here: each host's own clock counts.
 */
static const char judge_script[] =
	"LC_ALL=C SSL_CERT_DIR=/nonexistent SSL_CERT_FILE=/nonexistent; export LC_ALL SSL_CERT_DIR SSL_CERT_FILE\n"
	"PATH=$PATH:/usr/sbin:/sbin\n"
	"command -v openssl >/dev/null && d=$(mktemp -d) || exit 90\n"
	"trap 'rm -rf -- \"$d\"' EXIT; trap 'exit 1' HUP INT TERM PIPE\n"
	"i=0; : >\"$d/0\"\n"
	"while IFS= read -r l; do\n"
	"	if [ \"$l\" = . ]; then i=$((i + 1)); : >\"$d/$i\"; else printf '%s\\n' \"$l\"; fi >>\"$d/$i\"\n"
	"done\n"
	"for i in 0 1 2 3; do\n"
	"	openssl x509 -in \"$d/$i\" -noout -startdate -enddate 2>/dev/null |\n"
	"		sed -n \"s/^notBefore=/from $i /p; s/^notAfter=/until $i /p\"\n"
	"done\n"
	"try() { [ -s \"$d/$2\" ] && [ -s \"$d/$4\" ] || return\n"
	"	if w=$(openssl verify -no_check_time -purpose \"$3\" -no-CApath -CAfile \"$d/$4\" -untrusted \"$d/$2\" "
	"\"$d/$2\" 2>&1 </dev/null)\n"
	"	then echo \"$1 $2 y\"; else echo \"$1 $2 n $(printf %s \"$w\" | sed -n 's/^error [0-9]* at [0-9]* "
	"depth "
	"lookup: *//p' | head -n 1)\"; fi; }\n"
	"try own 1 sslclient 0; try other 1 sslclient 2; try own 3 sslserver 2; try other 3 sslserver 0\n"
	"i=0\n"
	"for n; do\n"
	"	r=n k=-checkhost\n"
	/* of what is no address, openssl 3.0 says that -checkip matches */
	"	case $n in *:*) k=-checkip ;; *[!0-9.]*) ;; *) k=-checkip ;; esac\n"
	"	case $(openssl x509 -in \"$d/3\" -noout $k \"$n\" 2>/dev/null) in *' does match '*) r=y ;; esac\n"
	"	[ ! -s \"$d/3\" ] || echo \"name $i $r\"; i=$((i + 1))\n"
	"done\n"
	"echo end\n";

static void side_clear(struct tls_side *s)
{
	free(s->dir);
	free(s->ca_pem);
	free(s->cert_pem);
	free(s->reason);
}

void tls_proof_clear(struct tls_proof *p)
{
	side_clear(&p->src);
	side_clear(&p->dst);
	free(p->unjudged_because);
	for (size_t i = 0; i < TLS_CERTS; i++) {
		free(p->word[i].own_reason);
		free(p->word[i].other_reason);
	}
	strv_clear(&p->names);
	*p = (struct tls_proof) { 0 };
}

const char *tls_name(const struct tls_proof *p)
{
	for (size_t i = 0; i < p->names.n && i < TLS_NAMES_MAX; i++)
		if (p->named[i] == FACT_YES)
			return p->names.v[i];
	return NULL;
}

/* ---- what hosts answer ---- */

static enum fact yes_no(const char *s)
{
	return str_eq(s, "y") ? FACT_YES : str_eq(s, "n") ? FACT_NO : FACT_UNKNOWN;
}

static char file_state(const char *s)
{
	return s[0] && !s[1] && strchr("ynp", s[0]) ? s[0] : 0;
}

/* The next line of *text, cut off; NULL at its end. */
static char *next_line(char **text)
{
	char *line = *text, *nl;

	if (!*line)
		return NULL;
	nl = strchr(line, '\n');
	*text = nl ? nl + 1 : line + strlen(line);
	if (nl)
		*nl = '\0';
	return line;
}

static int read_pem(char **text, char **pem)
{
	struct buf b auto_buf = { .limit = PEM_MAX };
	char *line;

	while ((line = next_line(text))) {
		if (str_eq(line, ".")) {
			free(*pem);
			*pem = xstrdup(b.p ? b.p : "");
			return 0;
		}
		buf_addf(&b, "%s\n", line);
	}
	return -1;
}

static void side_word(struct tls_side *s, const char *key, const char *value)
{
	unsigned long long n;

	if (str_eq(key, "dir")) {
		free(s->dir);
		s->dir = str_sanitize(value, TEXT_MAX);
	} else if (str_eq(key, "verify")) {
		s->verify = yes_no(value);
	} else if (str_eq(key, "openssl")) {
		s->openssl = yes_no(value);
	} else if (str_eq(key, "fits")) {
		s->key_fits = yes_no(value);
	} else if (str_eq(key, "ca")) {
		s->ca = file_state(value);
	} else if (str_eq(key, "cert")) {
		s->cert = file_state(value);
	} else if (str_eq(key, "key")) {
		s->key = file_state(value);
	} else if (str_eq(key, "now") && str_to_uint(value, 1, INT64_MAX / 1000, &n) == 0) {
		s->now_s = (int64_t)n;
	}
}

int tls_parse_side(const char *text, struct tls_side *s)
{
	auto_free char *copy = xstrdup(text);
	char *rest = copy, *line;

	while ((line = next_line(&rest))) {
		char *space = strchr(line, ' ');

		if (str_eq(line, "end"))
			return 0;
		if (!space)
			continue;
		*space = '\0';
		if (!str_eq(line, "pem"))
			side_word(s, line, space + 1);
		else if (read_pem(&rest, str_eq(space + 1, "ca") ? &s->ca_pem : &s->cert_pem) < 0)
			return -1;
	}
	return -1;
}

int64_t tls_parse_date(const char *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { 0 };
	char month[4] = "";
	const char *at;
	int n = 0;

	if (sscanf(s, "%3[A-Za-z] %2d %2d:%2d:%2d %4d GMT%n", month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		   &tm.tm_year, &n) != 6 ||
	    !n || s[n])
		return 0;
	at = strlen(month) == 3 ? strstr(months, month) : NULL;
	if (!at || (at - months) % 3 || tm.tm_year < 1970)
		return 0;
	tm.tm_mon = (int)(at - months) / 3;
	tm.tm_year -= 1900;
	return timegm(&tm);
}

static int judge_word(struct tls_proof *p, const char *key, unsigned i, const char *value)
{
	bool own = str_eq(key, "own");
	struct tls_word *w;

	if (str_eq(key, "name")) {
		if (i < TLS_NAMES_MAX)
			p->named[i] = yes_no(value);
		return 0;
	}
	if (i >= TLS_CERTS)
		return -1;
	w = &p->word[i];
	if (str_eq(key, "from")) {
		w->from_s = tls_parse_date(value);
	} else if (str_eq(key, "until")) {
		w->until_s = tls_parse_date(value);
	} else if (own || str_eq(key, "other")) {
		char **reason = own ? &w->own_reason : &w->other_reason;
		enum fact yes = str_eq(value, "y") ? FACT_YES : FACT_NO;

		*(own ? &w->own : &w->other) = yes;
		if (yes == FACT_NO) {
			free(*reason);
			*reason = str_sanitize(str_starts(value, "n ") && value[2] ? value + 2 : "it says no more",
					       TEXT_MAX);
		}
	}
	return 0;
}

int tls_parse_words(const char *text, struct tls_proof *p)
{
	auto_free char *copy = xstrdup(text);
	char *rest = copy, *line;

	while ((line = next_line(&rest))) {
		char key[8] = "";
		unsigned i;
		int n = 0;

		if (str_eq(line, "end"))
			return 0;
		if (sscanf(line, "%7[a-z] %1u %n", key, &i, &n) != 2 || !n)
			continue;
		if (judge_word(p, key, i, line + n) < 0)
			return -1;
	}
	return -1;
}

/* ---- asking ---- */

static void finish_look(struct exec_job *job, struct host *h, struct tls_side *s)
{
	struct exec_result r auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;

	if (host_exec_wait(job, &r, &err) < 0)
		s->reason = str_printf("%s: %s", host_label(h), err.msg);
	else if (!r.out.p || tls_parse_side(r.out.p, s) < 0)
		s->reason = str_printf("%s: its answer about the certificates is not complete", host_label(h));
	else
		s->asked = FACT_YES;
}

void tls_look(struct host *src, struct host *dst, struct tls_proof *p)
{
	static const char *const client[] = { "client", NULL }, *const server[] = { "server", NULL };
	struct exec_job *on_src = host_script_start(src, look_script, client, 0);
	struct exec_job *on_dst = host_script_start(dst, look_script, server, 0);

	p->done = true;
	finish_look(on_src, src, &p->src);
	finish_look(on_dst, dst, &p->dst);
}

static void add_name(struct tls_proof *p, const char *name)
{
	if (name && *name && *name != '-' && p->names.n < TLS_NAMES_MAX && !strv_has(&p->names, name))
		strv_add(&p->names, name);
}

void tls_judge(struct host *src, struct host *dst, const char *dialled, const char *hostname, struct tls_proof *p)
{
	struct host *where = p->src.openssl == FACT_YES ? src : p->dst.openssl == FACT_YES ? dst : NULL;
	const char *pems[] = { p->src.ca_pem, p->src.cert_pem, p->dst.ca_pem, p->dst.cert_pem };
	struct exec_result r auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;
	struct buf input auto_buf = { 0 };

	add_name(p, dialled);
	add_name(p, hostname);
	add_name(p, host_spec(dst)->address);
	if (!where) {
		p->unjudged_because = xstrdup("neither host has openssl");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(pems); i++)
		buf_addf(&input, "%s.\n", pems[i] ? pems[i] : "");
	if (host_exec_wait(
		    host_script_start_input(where, judge_script, (const char *const *)p->names.v, input.p, JUDGE_MS),
		    &r, &err) < 0)
		p->unjudged_because = str_printf("%s: %s", host_label(where), err.msg);
	else if (!r.out.p || tls_parse_words(r.out.p, p) < 0)
		p->unjudged_because = str_printf("%s: what openssl says there cannot be understood", host_label(where));
	else
		p->judged = FACT_YES;
}

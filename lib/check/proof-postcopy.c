/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/proof-postcopy.h"

#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

AUTO_DEFINE(json, json_t *, json_decref)
#define auto_json AUTO(auto_json_)

enum { PROBE_MS = 15000, EXIT_NOT_THAT_USER = 91, EXIT_NO_SETPRIV = 90, REASON_MAX = 300 };

/*
 * EMULATOR UID GID: QEMU's answers over QMP, one JSON object a line, and among them what it says on standard error. The
 * user's groups do not matter for it. Without root it is tried as who we are, which tells something only if that works.
 */
static const char script[] =
	"LC_ALL=C LANGUAGE=; export LC_ALL LANGUAGE\n"
	"e=$1 u=$2 g=$3 as=\n"
	"if [ \"$u\" -gt 0 ] && [ \"$(id -u)\" = 0 ]; then\n"
	"	command -v setpriv >/dev/null || exit 90\n"
	"	as=\"setpriv --reuid=$u --regid=$g --clear-groups\"\n"
	"fi\n"
	"limit=; ! command -v timeout >/dev/null || limit='timeout 10'\n"
	"cd /\n"
	"printf '%s\\n' '{\"execute\":\"qmp_capabilities\"}' '{\"execute\":\"migrate-set-capabilities\",\"arguments\":"
	"{\"capabilities\":[{\"capability\":\"postcopy-ram\",\"state\":true}]}}' '{\"execute\":\"quit\"}' |\n"
	"	$limit $as \"$e\" -S -machine none -nodefaults -no-user-config -display none -incoming defer -qmp "
	"stdio 2>&1 |\n"
	"	head -c 8192\n"
	"[ \"$u\" -lt 0 ] || [ \"$u\" = \"$(id -u)\" ] || [ -n \"$as\" ] || exit 91\n";

void postcopy_proof_clear(struct postcopy_proof *p)
{
	free(p->reason);
	*p = (struct postcopy_proof) { 0 };
}

/* The second answer is the one: the first is about QMP itself. */
static enum fact answer(const json_t *o, unsigned *answers, char **reason)
{
	const json_t *error = json_object_get(o, "error");
	const char *desc = json_string_value(json_object_get(error, "desc"));

	if (!error && !json_object_get(o, "return"))
		return FACT_UNKNOWN; /* a greeting or an event */
	if (++*answers != 2)
		return FACT_UNKNOWN;
	if (!error)
		return FACT_YES;
	if (!*reason && desc)
		*reason = str_sanitize(desc, REASON_MAX);
	return FACT_NO;
}

/* What QEMU says beside its answers is nearer to the cause. */
enum fact postcopy_parse(const char *out, char **reason)
{
	auto_free char *copy = xstrdup(out);
	enum fact works = FACT_UNKNOWN;
	unsigned answers = 0;

	for (char *save = NULL, *p = strtok_r(copy, "\r\n", &save); p; p = strtok_r(NULL, "\r\n", &save)) {
		auto_json json_t *o = json_loads(p, 0, NULL);

		if (!o) {
			free(*reason);
			*reason = str_sanitize(p, REASON_MAX);
		} else if (works == FACT_UNKNOWN) {
			works = answer(o, &answers, reason);
		}
	}
	return works;
}

void postcopy_prove(struct host *dst, const char *emulator, long uid, long gid, struct postcopy_proof *p)
{
	auto_free char *u = str_printf("%ld", uid), *g = str_printf("%ld", gid);
	const char *args[] = { emulator, u, g, NULL };
	struct exec_result r auto_exec = { 0 };
	struct err err auto_err = ERR_INIT;
	int64_t begin = clock_ms();

	p->done = true;
	if (host_exec_wait(host_script_start(dst, script, args, PROBE_MS), &r, &err) < 0) {
		p->reason = xstrdup(err.msg);
		return;
	}
	if (r.exit_status == EXIT_NO_SETPRIV) {
		p->reason = xstrdup("setpriv is not there to ask QEMU as the user that libvirt runs it as");
		return;
	}
	p->works = postcopy_parse(r.out.p ? r.out.p : "", &p->reason);
	if (p->works == FACT_NO && r.exit_status == EXIT_NOT_THAT_USER && uid == 0)
		p->works = FACT_UNKNOWN; /* root may do more than we */
	if (p->works == FACT_UNKNOWN && !p->reason)
		p->reason = exec_last_words(&r);
	log_debug("post-copy proof took %lld ms", (long long)(clock_ms() - begin));
}

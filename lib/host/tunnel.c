/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two held commands of a tunnel, and the question whether it carries. */
#include "host/tunnel.h"

#include <stdio.h>
#include <string.h>

enum {
	PROBE_MS = 20000, /* the script itself gives up after 10 s */
	EXIT_NO_TOOL = 90,
	EXIT_NOT_ROOT = 91,
	EXIT_ENDED = 92, /* ssh ended while it was wanted */
	EXIT_TIMEOUT = 124,
	WORDS_MAX = 300,
};

/*
 * DIR PROBE: the destination's end. /var/lib/libvirt/qemu belongs to the user that libvirt runs QEMU as: its daemon
 * sees to that when it starts.
 */
static const char listen_script[] = "LC_ALL=C LANGUAGE=; export LC_ALL LANGUAGE\n"
				    "d=$1; [ \"$(id -u)\" = 0 ] || exit 91\n"
				    "umask 077; pid=\n"
				    "mkdir -m 700 -- \"$d\" || exit 3\n"
				    "trap : HUP INT TERM; trap '' PIPE\n"
				    "o=$(stat -Lc %u:%g /var/lib/libvirt/qemu 2>/dev/null) && chown \"$o\" -- \"$d\"\n"
				    "gone() { [ -z \"$pid\" ] || kill -KILL \"$pid\" 2>/dev/null; rm -rf -- \"$d\"; }\n"
				    "if [ \"$2\" = y ]; then\n"
				    "	command -v qemu-nbd >/dev/null || { gone; exit 90; }\n"
				    "	qemu-nbd -t -r -e 1 -k \"$d/probe\" --image-opts driver=null-co,size=512 "
				    "</dev/null >/dev/null 2>\"$d/log\" & "
				    "pid=$!\n"
				    "	i=0\n"
				    "	while [ $i -lt 500 ] && kill -0 $pid 2>/dev/null && ! [ -S \"$d/probe\" ]; do "
				    "sleep 0.01; i=$((i + 1)); "
				    "done\n"
				    "	[ -S \"$d/probe\" ] || { tail -n 1 \"$d/log\" >&2; gone; exit 3; }\n"
				    "fi\n"
				    "echo up\n"
				    "cat >/dev/null 2>&1\n"
				    "gone\n"
				    "exit 0\n";

/*
 * DIR UUID USER ADDRESS PORT NAME…: the source's end. The directory can be entered by root and by QEMU's group, a
 * socket be used by root and by QEMU's user. What ends first ends all: our input, or ssh.
 */
static const char connect_script[] =
	"LC_ALL=C LANGUAGE=; export LC_ALL LANGUAGE\n"
	"unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY WAYLAND_DISPLAY\n"
	"d=$1 uuid=$2 user=$3 address=$4 port=$5; shift 5\n"
	"[ \"$(id -u)\" = 0 ] || exit 91\n"
	"command -v ssh >/dev/null || exit 90\n"
	"u=0 g=0\n"
	"for f in $(grep -lzFx -e \"$uuid\" /proc/[0-9]*/cmdline 2>/dev/null); do\n"
	"	grep -qzFx -e -uuid \"$f\" 2>/dev/null || continue\n"
	"	while read -r k r e x; do case $k in Uid:) u=$e ;; Gid:) g=$e ;; esac; done <\"${f%/cmdline}/status\"\n"
	"done\n"
	"umask 077; s=\n"
	"mkdir -m 710 -- \"$d\" || exit 3\n"
	"trap '[ -z \"$s\" ] || kill $s 2>/dev/null' HUP INT TERM; trap '' PIPE\n"
	"chown \"0:$g\" -- \"$d\"\n"
	"n=$#\n"
	"for w; do case $w in *=*) o=${w#*=} ;; *) o=$d/$w ;; esac; set -- \"$@\" -L \"$d/${w%%=*}:$o\"; done\n"
	"names=; while [ $n -gt 0 ]; do names=\"$names ${1%%=*}\"; shift; n=$((n - 1)); done\n"
	"ssh -N -T -a -x -o BatchMode=yes -o StrictHostKeyChecking=yes -o ExitOnForwardFailure=yes \\\n"
	"	-o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o ControlMaster=no -o "
	"ControlPath=none \\\n"
	"	-o StreamLocalBindMask=0177 -o StreamLocalBindUnlink=no -o PermitLocalCommand=no -o Compression=no \\\n"
	"	-o LogLevel=ERROR ${user:+-l \"$user\"} ${port:+-p \"$port\"} \"$@\" -- \"$address\" \\\n"
	"	</dev/null >/dev/null 2>\"$d/log\" & s=$!\n"
	"there() { for w in $names; do [ -S \"$d/$w\" ] || return 1; done; }\n"
	"words() { grep . \"$d/log\" | tail -n 1 >&2; }\n"
	"i=0; while [ $i -lt 1500 ] && kill -0 $s 2>/dev/null && ! there; do sleep 0.01; i=$((i + 1)); done\n"
	"if ! there; then kill $s 2>/dev/null; words; rm -rf -- \"$d\"; exit 3; fi\n"
	"for w in $names; do chown \"$u\" -- \"$d/$w\"; done\n"
	"exec 3<&0\n"
	"( cat <&3 >/dev/null 2>&1; : >\"$d/asked\"; kill $s 2>/dev/null ) >/dev/null 2>&1 & c=$!\n"
	"exec 3<&- </dev/null\n"
	"echo up\n"
	"while kill -0 $s 2>/dev/null; do wait $s; done\n"
	"if [ -e \"$d/asked\" ]; then rc=0; else rc=92; kill $c 2>/dev/null; fi\n"
	"words; rm -rf -- \"$d\"\n"
	"exit $rc\n";

/* SOCKET: says hello to what listens there. */
static const char probe_script[] =
	"LC_ALL=C LANGUAGE=; export LC_ALL LANGUAGE\n"
	"command -v qemu-img >/dev/null || exit 90\n"
	"limit=; ! command -v timeout >/dev/null || limit='timeout 10'\n"
	"exec $limit qemu-img info --image-opts \"driver=nbd,server.type=unix,server.path=$1\" </dev/null >/dev/null\n";

char *tunnel_dir(const char *id)
{
	return str_printf("/run/vmmig-%s.tunnel", id);
}

char *tunnel_socket(const char *id, const char *name)
{
	return str_printf("/run/vmmig-%s.tunnel/%s", id, name);
}

void tunnel_way_clear(struct tunnel_way *w)
{
	free(w->user);
	free(w->address);
	free(w->port);
	*w = (struct tunnel_way) { 0 };
}

char *tunnel_way_text(const struct tunnel_way *w)
{
	return str_printf("%s%s%s%s%s", w->user, *w->user ? "@" : "", w->address, *w->port ? ":" : "", w->port);
}

/* Until it says "up". It ends by itself otherwise, and tells why by its status. */
static struct exec_hold *wait_up(struct exec_hold *hold, const char *tool, struct err *err)
{
	struct err why auto_err = ERR_INIT;
	auto_free char *line = host_hold_line(hold, &why);
	int rc;

	if (str_eq(line, "up"))
		return hold;
	rc = host_hold_end(hold);
	if (rc == EXIT_NO_TOOL)
		err_set(err, E_REMOTE, 0, "%s is not there", tool);
	else if (rc == EXIT_NOT_ROOT)
		err_set(err, E_REMOTE, 0, "only root can make sockets there that QEMU may use and nobody else");
	else if (why.id)
		err_move(err, &why);
	else
		err_set(err, E_REMOTE, 0, "its answer cannot be understood");
	return NULL;
}

struct exec_hold *tunnel_listen(struct host *dst, const char *id, bool probe, struct err *err)
{
	auto_free char *dir = tunnel_dir(id);
	const char *args[] = { dir, probe ? "y" : "n", NULL };

	return wait_up(host_hold_start(dst, listen_script, args), "qemu-nbd", err);
}

struct exec_hold *tunnel_connect(struct host *src, const char *id, const char *uuid, const struct tunnel_way *way,
				 const char *const names[], struct err *err)
{
	enum { NAMES_MAX = 4 };
	auto_free char *dir = tunnel_dir(id);
	const char *args[5 + NAMES_MAX + 1] = { dir, uuid, way->user, way->address, way->port };

	for (size_t i = 0; i < NAMES_MAX && names[i]; i++)
		args[5 + i] = names[i];
	return wait_up(host_hold_start(src, connect_script, args), "ssh", err);
}

char *tunnel_end(struct exec_hold *end)
{
	struct err err auto_err = ERR_INIT;
	struct exec_result r auto_exec = { 0 };
	auto_free char *words = NULL;

	if (!end)
		return NULL;
	host_hold_close(end);
	if (host_hold_wait(end, &r, &err) < 0)
		return xstrdup(err.msg);
	if (r.exit_status == 0)
		return NULL;
	words = exec_last_words(&r);
	return *words ? STEAL(words) : str_printf("it ended with status %d", r.exit_status);
}

int tunnel_probe(struct host *src, const char *id, char **reason, struct err *err)
{
	auto_free char *socket = tunnel_socket(id, TUNNEL_PROBE);
	struct exec_result r auto_exec = { 0 };
	const char *args[] = { socket, NULL };

	if (host_exec_wait(host_script_start(src, probe_script, args, PROBE_MS), &r, err) < 0)
		return -1;
	if (r.exit_status == EXIT_NO_TOOL || r.exit_status == 127)
		return err_set(err, E_REMOTE, 0, "qemu-img is not there to try it with");
	if (r.exit_status == 0)
		return 1;
	*reason = r.exit_status == EXIT_TIMEOUT ? xstrdup("no answer within 10 s") : exec_last_words(&r);
	return 0;
}

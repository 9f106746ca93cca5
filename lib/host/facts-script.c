/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The shell's part of the facts: one POSIX sh script for everything, since a
 * round trip costs more than all it does. It is made of builtins where it can
 * be: each process more is a millisecond on a slow host.
 */
#include "host/facts-private.h"

#include <string.h>

/*
 * Its answer is lines of words, each line a key and values of a fixed kind:
 *
 *  t0 NS, t1 NS         its wall clock at start and end
 *  mid HEX, bid UUID    machine-id and boot-id
 *  arch WORD, mem TOTAL AVAILABLE (KiB), cpu LIST, node LIST
 *  port min|max N       qemu.conf; libvirt's default if there is no such line
 *  addr IP, addr6 HEX   addresses
 *  B FLAGS MTU NAME     a Linux bridge
 *  N I y|n BRIDGE FLAGS MTU, P I KIND SIZE DIR WRITABLE, E I y|n, T I, A I y|n|u, G I y|n FREE SIZE (KiB)
 *                       about argument I; BRIDGE: b Linux, o Open vSwitch, n neither
 *  end                  it came to its end
 *
 * has: is there such a file? y, n, or u when a directory on the way may not be searched.
 */
const char facts_script[] =
	"LC_ALL=C; export LC_ALL\n"
	"now() { t=$(date +%s%N); case $t in *[!0-9]*) t=;; esac\n"
	"  [ ${#t} -ge 16 ] || t=$(date +%s)000000000; echo \"$1 $t\"; }\n"
	"get() { x=; [ -r \"$1\" ] && { read -r x <\"$1\"; } 2>/dev/null; [ -n \"$x\" ]; }\n"
	"gone() { r=n; e=${1%/*}; while [ -n \"$e\" ] && ! [ -d \"$e\" ]; do e=${e%/*}; done\n"
	"  [ -x \"${e:-/}\" ] || r=u; }\n"
	"has() { if [ -e \"$1\" ] || [ -L \"$1\" ]; then r=y; else gone \"$1\"; fi; }\n"
	"link() { f=-; m=0; get \"$1/flags\" && f=$x; get \"$1/mtu\" && m=$x; }\n"
	"now t0\n"
	"get /etc/machine-id && echo \"mid $x\"\n"
	"get /proc/sys/kernel/random/boot_id && echo \"bid $x\"\n"
	"echo \"arch $(uname -m)\"\n"
	"while read -r k v u; do case $k in MemTotal:) mt=$v;; MemAvailable:) ma=$v; break;; esac; done "
	"</proc/meminfo\n"
	"echo \"mem ${mt:-0} ${ma:-0}\"\n"
	"get /sys/devices/system/cpu/online && echo \"cpu $x\"\n"
	"get /sys/devices/system/node/online && echo \"node $x\"\n"
	"for n in /sys/class/net/*/bridge; do\n"
	"  [ -d \"$n\" ] || continue\n"
	"  n=${n%/bridge}; link \"$n\"; echo \"B $f $m ${n##*/}\"\n"
	"done\n"
	"c=/etc/libvirt; i=0\n"
	"for w; do\n"
	"  i=$((i+1)); v=${w#??}\n"
	"  case $w in\n"
	"  c:*) c=${XDG_CONFIG_HOME:-$HOME/.config}/libvirt;;\n"
	"  d:*) n=/sys/class/net/$v\n"
	"    if [ -e \"$n\" ]; then\n"
	"      b=n; [ -d \"$n/bridge\" ] && b=b\n"
	"      [ $b = n ] && command -v ovs-vsctl >/dev/null 2>&1 && ovs-vsctl --timeout=2 br-exists \"$v\" && b=o\n"
	"      link \"$n\"; echo \"N $i y $b $f $m\"\n"
	"    else echo \"N $i n\"; fi;;\n"
	"  p:*) k=; s=0\n"
	"    if [ -f \"$v\" ]; then k=f; s=$(stat -Lc %s -- \"$v\")\n"
	"    elif [ -d \"$v\" ]; then k=d; elif [ -b \"$v\" ]; then k=b; elif [ -S \"$v\" ]; then k=s\n"
	"    elif [ -c \"$v\" ]; then k=c; elif [ -p \"$v\" ]; then k=p\n"
	"    else gone \"$v\"; k=$r; fi\n"
	"    d=${v%/*}; d=${d:-/}; [ -w \"$d\" ] && y=y || y=n\n"
	"    if [ -d \"$d\" ]; then r=y; else gone \"$d\"; y=$r; fi\n"
	"    echo \"P $i $k ${s:-0} $r $y\";;\n"
	"  e:*) if [ -f \"$v\" ] && [ -x \"$v\" ]; then r=y; else gone \"$v\"; fi; echo \"E $i $r\";;\n"
	"  t:*) command -v \"$v\" >/dev/null 2>&1 && echo \"T $i\";;\n"
	"  a:*) has \"$c/qemu/autostart/$v.xml\"; echo \"A $i $r\";;\n"
	"  g:*) z=$v\n"
	"    [ \"$z\" = 0 ] && while read -r k s u; do [ \"$k\" = Hugepagesize: ] && z=$s && break; done "
	"</proc/meminfo\n"
	"    if get \"/sys/kernel/mm/hugepages/hugepages-${z}kB/free_hugepages\"; then echo \"G $i y $x $z\"\n"
	"    else echo \"G $i n 0 $z\"; fi;;\n"
	"  esac\n"
	"done\n"
	"[ -r \"$c/qemu.conf\" ] && sed -n "
	"'s/^[[:space:]]*migration_port_\\(m[axin]*\\)[[:space:]]*=[[:space:]]*\\([0-9]*\\).*/"
	"port \\1 \\2/p' \"$c/qemu.conf\"\n"
	"PATH=$PATH:/usr/sbin:/sbin\n"
	"if command -v ip >/dev/null 2>&1; then\n"
	"  ip -o addr show | while read -r k k f v k; do\n"
	"    case $f in inet|inet6) echo \"addr ${v%%/*}\";; esac; done\n"
	"else\n"
	"  [ -r /proc/net/fib_trie ] && while read -r k v u; do\n"
	"    case $k in '|--') a=$v;; /32) [ \"$v\" = host ] && echo \"addr $a\";; esac; done </proc/net/fib_trie\n"
	"  [ -r /proc/net/if_inet6 ] && while read -r a u; do echo \"addr6 $a\"; done </proc/net/if_inet6\n"
	"fi\n"
	"now t1\n"
	"echo end\n";

void facts_query_clear(struct facts_query *q)
{
	strv_clear(&q->args);
	free(q->map);
	*q = (struct facts_query) { 0 };
}

static void ask(struct facts_query *q, char kind, const char *value, size_t at)
{
	struct facts_arg *a;

	if (q->bytes + strlen(value) + 3 > FACTS_ARGS_MAX)
		return;
	q->bytes += strlen(value) + 3;
	strv_take(&q->args, str_printf("%c:%s", kind, value));
	a = ARRAY_ADD(q->map, q->n);
	a->kind = kind;
	a->at = at;
}

/* What the kernel would take as the name of a device; anything else would be a path of the script's making. */
static bool netdev_name_ok(const char *s)
{
	return *s && strlen(s) <= 15 && *s != '-' && *s != '.' && !strpbrk(s, "/ \t\n");
}

static void want_netdev(struct host_facts *f, struct facts_query *q, const char *name)
{
	struct netdev_fact *n;

	if (!name || facts_netdev(f, name))
		return;
	n = ARRAY_ADD(f->netdevs, f->netdevs_n);
	n->name = xstrdup(name);
	if (netdev_name_ok(name))
		ask(q, 'd', name, f->netdevs_n - 1);
	else
		n->present = n->bridge = n->ovs = n->up = FACT_NO;
}

static void want_path(struct host_facts *f, struct facts_query *q, const char *path)
{
	if (!path || *path != '/' || facts_path(f, path))
		return;
	ARRAY_ADD(f->paths, f->paths_n)->path = xstrdup(path);
	ask(q, 'p', path, f->paths_n - 1);
}

static void want_named(struct named_fact **v, size_t *n, const char *name)
{
	if (name && !facts_named(*v, *n, name))
		ARRAY_ADD(*v, *n)->name = xstrdup(name);
}

static void want_media(const struct domain *d, struct host_facts *f, struct facts_query *q)
{
	for (size_t i = 0; i < d->disks_n; i++) {
		const struct disk *k = &d->disks[i];

		if (!disk_is_removable(k))
			continue;
		for (size_t j = 0; j < k->chain_n; j++)
			if (k->chain[j].source == DISK_FILE || k->chain[j].source == DISK_BLOCK)
				want_path(f, q, k->chain[j].path);
	}
}

static void want_nics(const struct domain *d, enum side side, struct host_facts *f, struct facts_query *q)
{
	for (size_t i = 0; i < d->nics_n; i++) {
		const struct nic *n = &d->nics[i];

		if (str_eq(n->type, "bridge") || str_eq(n->type, "direct"))
			want_netdev(f, q, n->source);
		want_netdev(f, q, n->bridge);
		if (side != SIDE_DESTINATION)
			continue;
		if (str_eq(n->type, "network") && n->source && !facts_network(f, n->source))
			ARRAY_ADD(f->networks, f->networks_n)->name = xstrdup(n->source);
		want_named(&f->filters, &f->filters_n, n->filter);
	}
}

static void want_volumes(const struct domain *d, struct host_facts *f)
{
	for (size_t i = 0; i < d->disks_n; i++) {
		for (size_t j = 0; j < d->disks[i].chain_n; j++) {
			const struct image *m = &d->disks[i].chain[j];
			auto_free char *volume = NULL;

			if (m->source != DISK_VOLUME || !m->pool || !m->volume)
				continue;
			volume = str_printf("%s/%s", m->pool, m->volume);
			want_named(&f->pools, &f->pools_n, m->pool);
			want_named(&f->volumes, &f->volumes_n, volume);
		}
	}
}

static void want_hugepages(const struct domain *d, struct host_facts *f, struct facts_query *q)
{
	for (size_t i = 0; i < d->hugepages_n; i++) {
		auto_free char *size = str_printf("%llu", (unsigned long long)d->hugepages[i].size_kib);

		if (facts_pages(f, d->hugepages[i].size_kib))
			continue;
		ARRAY_ADD(f->pages, f->pages_n)->size_kib = d->hugepages[i].size_kib;
		ask(q, 'g', size, f->pages_n - 1);
	}
}

/* What only the host that gets the domain must have. */
static void want_destination(const struct domain *d, struct host_facts *f, struct facts_query *q)
{
	if (d->emulator && *d->emulator == '/')
		ask(q, 'e', d->emulator, 0);
	for (size_t i = 0; i < d->paths_n; i++)
		want_path(f, q, d->paths[i].path);
	for (size_t i = 0; i < d->secrets_n; i++)
		want_named(&f->secrets, &f->secrets_n, facts_secret_name(&d->secrets[i]));
	want_volumes(d, f);
	want_hugepages(d, f, q);
}

void facts_query_make(const struct domain *d, enum side side, const char *uri, struct host_facts *f,
		      struct facts_query *q)
{
	static const char *const tools[] = { "qemu-img", "qemu-io", "qemu-nbd", "qemu-storage-daemon",
					     "socat",    "ncat",    "nc",       "python3",
					     "perl",     "busybox", "ss",       "sha256sum",
					     "timeout" };

	q->arch = d->arch;
	/* first: it says where the ones after it look */
	if (uri && strstr(uri, "/session"))
		ask(q, 'c', "session", 0);
	if (!strchr(d->name, '/'))
		ask(q, 'a', d->name, 0);
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
		ask(q, 't', tools[i], 0);
	want_nics(d, side, f, q);
	want_media(d, f, q);
	if (side == SIDE_DESTINATION)
		want_destination(d, f, q);
}

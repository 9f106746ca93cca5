/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the checks share. */
#include "check/checks.h"

#include <ctype.h>
#include <stdio.h>

const struct host_facts *facts_of(const struct check_input *in, enum side side)
{
	return side == SIDE_SOURCE ? &in->src : &in->dst;
}

bool blind(const struct check_input *in, enum side side, enum way way)
{
	const struct host_facts *h = facts_of(in, side);

	return (way == WAY_SHELL ? h->shell : h->libvirt) != FACT_YES;
}

void unsure(const struct check_input *in, struct findings *f, enum side side, enum way way, const char *object,
	    const char *what)
{
	const struct host_facts *h = facts_of(in, side);

	if (blind(in, side, way))
		return;
	found_unknown(f, side, object, "cannot be told %s: %s", what, h->err.id ? h->err.msg : "the host did not say");
}

char *disk_object(const struct disk *d, const struct image *m)
{
	if (m && m->source == DISK_VOLUME)
		return str_printf("disk %s: volume %s/%s", d->target, m->pool ? m->pool : "?",
				  m->volume ? m->volume : "?");
	if (m && m->path)
		return str_printf("disk %s: %s", d->target, m->path);
	return str_printf("disk %s", d->target);
}

char *version_text(unsigned long v)
{
	return str_printf("%lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000);
}

char *kib_text(uint64_t kib)
{
	return str_bytes(kib > UINT64_MAX / 1024 ? UINT64_MAX : kib * 1024);
}

/* Sets of CPUs or NUMA nodes. The kernel's own limit of CPUs is 8192. */
enum { SET_BITS = 8192 };

struct set {
	bool has[SET_BITS];
};

/* "0-3,^2,8" as in libvirt's cpuset; false: not such a list. */
static bool set_read(const char *s, struct set *set)
{
	*set = (struct set) { 0 };
	while (*s) {
		bool out = *s == '^';
		unsigned a, b;
		int n = 0;

		s += out;
		if (!isdigit((unsigned char)*s) || sscanf(s, "%9u%n", &a, &n) != 1)
			return false;
		s += n;
		b = a;
		if (*s == '-') {
			s++;
			if (!isdigit((unsigned char)*s) || sscanf(s, "%9u%n", &b, &n) != 1)
				return false;
			s += n;
		}
		if (b < a || b >= SET_BITS)
			return false;
		for (unsigned i = a; i <= b; i++)
			set->has[i] = !out;
		if (*s && *s++ != ',')
			return false;
	}
	return true;
}

static char *set_text(const struct set *set)
{
	struct buf b = { 0 };

	for (unsigned i = 0; i < SET_BITS; i++) {
		unsigned last = i;

		if (!set->has[i])
			continue;
		while (last + 1 < SET_BITS && set->has[last + 1])
			last++;
		buf_addf(&b, last > i ? "%s%u-%u" : "%s%u", b.len ? "," : "", i, last);
		i = last;
	}
	return b.p;
}

char *list_missing(const char *a, const char *b, bool *bad)
{
	auto_free struct set *want = xcalloc(1, sizeof(*want)), *have = xcalloc(1, sizeof(*have));

	*bad = !set_read(a, want) || !set_read(b, have);
	if (*bad)
		return NULL;
	for (unsigned i = 0; i < SET_BITS; i++)
		want->has[i] &= !have->has[i];
	return set_text(want);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recover/diagnosis.h"

#include "base/quote.h"

const struct finding_info finding_infos[FOUND_COUNT] = {
	[FOUND_HEALTHY] = { "healthy", false, true, NULL, false, "nothing is to be recovered" },
	[FOUND_OFF] = { "off", false, true, NULL, false, "it is shut off; nothing is to be recovered" },
	[FOUND_ABSENT] = { "absent", false, false, NULL, false, "no host knows it" },
	[FOUND_MOVED] = { "moved", true, true, NULL, false, "its migration gets its end in the journal" },
	[FOUND_STAYED] = { "stayed", true, true, NULL, false, "its migration gets its end in the journal" },
	[FOUND_BUSY] = { "busy", false, false, NULL, false, "wait for it, or look: vmmig status" },
	[FOUND_ADOPT] = { "adopt", false, true, NULL, false, "it is watched to its end" },
	[FOUND_FINISH] = { "finish forward", true, true, NULL, false, "what is left over of it elsewhere goes" },
	[FOUND_ROLL_BACK] = { "roll back", true, true, NULL, false, "it goes on where it is" },
	[FOUND_POSTCOPY] = { "resume post-copy", true, false, "--resume-postcopy", false,
			     "stop neither side: the guest lives on both" },
	[FOUND_STUCK] = { "stuck job", true, false, "--reset-state", false, "the job is ended, and the guest runs on" },
	[FOUND_HUNG] = { "hung", true, false, "--hard-reboot", false,
			 "see why first: its storage, or a signal (kill -CONT); if nothing helps" },
	[FOUND_TWICE] = { "defined twice", true, false, "--keep", true,
			  "a definition that is left over can be started by accident" },
	[FOUND_STRAY] = { "stray process", true, false, "--kill", true,
			  "libvirt cannot end what it does not know: see what that QEMU is" },
	[FOUND_SPLIT] = { "split brain", true, false, "--keep", true,
			  "see which side has what is to be kept; the other one is paused, then stopped" },
	[FOUND_LOST] = { "lost", true, false, "--hard-reboot", false,
			 "what it had in memory is lost; it can be started again from its disks" },
	[FOUND_UNDECIDED] = { "undecidable", true, false, NULL, false, "see vmmig-troubleshooting(7)" },
};

/* What there is of it, sorted. */
struct sorted {
	size_t active[3], active_n; /* the first three */
	size_t defined[2], defined_n;
	size_t unknown_n;
	size_t stray;
	size_t doubled; /* active there, and there is a second QEMU of it */
	bool leased;
};

static bool is_stray(const struct presence *p)
{
	return p->answered && p->qemus && (!p->look || !guest_is_active(p->look));
}

static void sort(const struct presence *v, size_t n, struct sorted *s)
{
	*s = (struct sorted) { .stray = SIZE_MAX, .doubled = SIZE_MAX };
	for (size_t i = 0; i < n; i++) {
		const struct presence *p = &v[i];

		s->unknown_n += !p->known;
		s->leased |= p->lease && p->lease->held;
		if (is_stray(p) && s->stray == SIZE_MAX)
			s->stray = i;
		if (p->look && guest_is_active(p->look) && p->qemus > 1 && s->doubled == SIZE_MAX)
			s->doubled = i;
		if (p->look && guest_is_active(p->look)) {
			if (s->active_n < ARRAY_SIZE(s->active))
				s->active[s->active_n] = i;
			s->active_n++;
		} else if (p->look && p->look->state != GUEST_ABSENT) {
			if (s->defined_n < ARRAY_SIZE(s->defined))
				s->defined[s->defined_n] = i;
			s->defined_n++;
		}
	}
}

static struct diagnosis found(enum finding_kind kind, size_t keep, size_t other, const char *rule)
{
	return (struct diagnosis) { kind, keep, other, rule };
}

static bool is_half(const struct guest_look *l)
{
	return l->state == GUEST_PAUSED && l->job != GUEST_JOB_MIGRATION_OUT &&
	       (l->why == GUEST_WHY_MIGRATION || l->why == GUEST_WHY_STARTING_UP);
}

/*
 * libvirt has it start up: as a migration's half, or because somebody has just started it. The first has a QEMU that
 * was started to receive, as one has that goes on from a saved image; where that is not known it is what libvirt's
 * state lets it be.
 */
static bool just_starts(const struct presence *p)
{
	if (p->look->why != GUEST_WHY_STARTING_UP || p->look->job == GUEST_JOB_MIGRATION_IN || !p->known)
		return false;
	return p->qemus == 0 || (p->qemus == 1 && (!p->qemu->incoming || p->look->saved));
}

static bool is_plain(const struct guest_look *l)
{
	return l->job != GUEST_JOB_MIGRATION_OUT && l->job != GUEST_JOB_MIGRATION_IN && !is_half(l) &&
	       l->why != GUEST_WHY_POSTCOPY && l->why != GUEST_WHY_POSTCOPY_FAILED;
}

static bool is_postcopy(const struct guest_look *l)
{
	return l->why == GUEST_WHY_POSTCOPY || l->why == GUEST_WHY_POSTCOPY_FAILED;
}

static struct diagnosis not_active(const struct sorted *s)
{
	size_t at = s->defined_n ? s->defined[0] : SIZE_MAX;

	if (s->unknown_n)
		return found(FOUND_UNDECIDED, at, SIZE_MAX, "no host that answers runs it, and not all have answered");
	if (!s->defined_n)
		return found(FOUND_ABSENT, SIZE_MAX, SIZE_MAX, "no host knows it");
	if (s->defined_n > 1)
		return found(
			FOUND_TWICE, SIZE_MAX, SIZE_MAX,
			"it runs nowhere, and is defined on several hosts: which one ran last is for a person to see");
	return found(FOUND_OFF, at, SIZE_MAX, "it runs nowhere, and is defined on one host");
}

/* Where it has run after it left, and has ended: what is paused is older than its disks. SIZE_MAX: nowhere. */
static size_t has_run_elsewhere(const struct presence *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct guest_look *l = v[i].look;

		if (l && l->state == GUEST_SHUTOFF &&
		    (l->why == GUEST_WHY_SHUTDOWN || l->why == GUEST_WHY_CRASHED || l->why == GUEST_WHY_DESTROYED ||
		     l->why == GUEST_WHY_MIGRATED))
			return i;
	}
	return SIZE_MAX;
}

/* Paused, or with a job, by a migration whose other half is not to be seen. */
static struct diagnosis half_alone(const struct presence *v, size_t n, const struct sorted *s)
{
	size_t at = s->active[0], elsewhere = has_run_elsewhere(v, n);
	const struct guest_look *l = v[at].look;

	if (s->unknown_n)
		return found(FOUND_UNDECIDED, at, SIZE_MAX, "its other half may be on a host that has not answered");
	if (is_postcopy(l))
		return found(FOUND_LOST, at, SIZE_MAX,
			     "one half of a guest in post-copy is there, and the other is gone");
	if (l->job == GUEST_JOB_MIGRATION_OUT)
		return found(FOUND_STUCK, at, SIZE_MAX, "a migration job runs on it, and no host takes it in");
	if (just_starts(&v[at]))
		return found(FOUND_UNDECIDED, at, SIZE_MAX,
			     "it starts up, and its QEMU was not started to receive a migration: wait, and look again");
	if (l->job == GUEST_JOB_MIGRATION_IN || l->why == GUEST_WHY_STARTING_UP)
		return found(FOUND_UNDECIDED, at, SIZE_MAX,
			     "it is an incoming half, or starts up, and no host sends it: nothing is in it yet");
	if (elsewhere != SIZE_MAX)
		return found(
			FOUND_UNDECIDED, at, elsewhere,
			"it is paused after a migration, and has been off elsewhere since: its disks may be newer");
	return found(FOUND_ROLL_BACK, at, SIZE_MAX,
		     "it is paused by a migration that has ended, and active on no other host");
}

static struct diagnosis active_once(const struct presence *v, size_t n, const struct sorted *s)
{
	size_t at = s->active[0];

	if (v[at].known && !v[at].qemus)
		return found(FOUND_UNDECIDED, at, SIZE_MAX, "libvirt has it active, and no QEMU of it runs there");
	if (!is_plain(v[at].look))
		return half_alone(v, n, s);
	if (v[at].look->silent)
		return found(FOUND_HUNG, at, SIZE_MAX, "QEMU's monitor does not answer libvirt");
	if (v[at].qemu && v[at].qemu->state == 'T')
		return found(FOUND_HUNG, at, SIZE_MAX, "its QEMU was stopped by a signal");
	if (s->defined_n)
		return found(FOUND_TWICE, at, s->defined[0], "it is active on one host, and defined on another");
	return found(FOUND_HEALTHY, at, SIZE_MAX,
		     s->unknown_n ? "it is active on one host; not all hosts have answered"
				  : "it is active on one host, and nothing else is left of it");
}

/* The one that sends, or whose QEMU has run for longer, is the source's; SIZE_MAX: that cannot be told. */
static size_t postcopy_source(const struct presence *v, size_t a, size_t b)
{
	bool a_sends = v[a].look->job == GUEST_JOB_MIGRATION_OUT, b_sends = v[b].look->job == GUEST_JOB_MIGRATION_OUT;

	if (a_sends != b_sends)
		return a_sends ? a : b;
	if (!v[a].qemu || !v[b].qemu || v[a].qemu->age_s == v[b].qemu->age_s)
		return SIZE_MAX;
	return v[a].qemu->age_s > v[b].qemu->age_s ? a : b;
}

static struct diagnosis in_postcopy(const struct presence *v, size_t a, size_t b)
{
	size_t src = postcopy_source(v, a, b), dst = src == a ? b : a;

	if (src == SIZE_MAX)
		return found(FOUND_UNDECIDED, a, b, "it is in post-copy, and which host is the source cannot be told");
	if (v[a].look->why != GUEST_WHY_POSTCOPY_FAILED && v[b].look->why != GUEST_WHY_POSTCOPY_FAILED)
		return found(FOUND_ADOPT, dst, src, "post-copy is under way");
	return found(FOUND_POSTCOPY, dst, src, "post-copy was interrupted, and both halves are there");
}

static struct diagnosis active_twice(const struct presence *v, size_t a, size_t b)
{
	const struct guest_look *x = v[a].look, *y = v[b].look;

	if (is_postcopy(x) || is_postcopy(y))
		return in_postcopy(v, a, b);
	if (x->job == GUEST_JOB_MIGRATION_OUT &&
	    (y->job == GUEST_JOB_MIGRATION_IN || (is_half(y) && !just_starts(&v[b]))))
		return found(FOUND_ADOPT, a, b, "a migration is under way");
	if (guest_is_running(x) && is_plain(x) && is_half(y) && !just_starts(&v[b]))
		return found(FOUND_FINISH, a, b, "it runs on one host, and another one holds a half of a migration");
	return found(FOUND_SPLIT, a, b, "");
}

static struct diagnosis active_on_two(const struct presence *v, const struct sorted *s)
{
	struct diagnosis d = active_twice(v, s->active[0], s->active[1]);
	const struct guest_look *x = v[s->active[0]].look, *y = v[s->active[1]].look;

	if (d.kind == FOUND_SPLIT)
		d = active_twice(v, s->active[1], s->active[0]);
	if (d.kind != FOUND_SPLIT)
		return d;
	return found(FOUND_SPLIT, s->active[0], s->active[1],
		     guest_is_running(x) && guest_is_running(y) ? "it runs on two hosts"
		     : guest_is_running(x) || guest_is_running(y)
			     ? "it runs on one host, and is paused on another, not by a migration"
			     : "it is paused on two hosts");
}

static struct diagnosis by_active(const struct presence *v, size_t n, const struct sorted *s)
{
	if (!s->active_n)
		return not_active(s);
	if (s->active_n == 1)
		return active_once(v, n, s);
	if (s->active_n == 2)
		return active_on_two(v, s);
	return found(FOUND_SPLIT, s->active[0], s->active[1], "it is active on more than two hosts");
}

static bool is_hung(const struct presence *p)
{
	return p->look->silent || (p->qemu && p->qemu->state == 'T');
}

/* What would be done, or left as it is, without a question: is each QEMU of it the one that libvirt speaks of? */
static struct diagnosis proven(const struct presence *v, const struct sorted *s, struct diagnosis d)
{
	if (s->doubled != SIZE_MAX && (d.kind == FOUND_HEALTHY || d.kind == FOUND_FINISH || d.kind == FOUND_ROLL_BACK))
		return found(FOUND_UNDECIDED, s->doubled, SIZE_MAX, "a host has two QEMU of it");
	if (d.kind == FOUND_FINISH && is_hung(&v[d.keep]))
		return found(FOUND_UNDECIDED, d.keep, d.other,
			     "another host holds a half of a migration, and the one that runs does not answer");
	return d;
}

struct diagnosis diagnose(const struct presence *v, size_t n)
{
	struct sorted s;

	sort(v, n, &s);
	if (s.leased)
		return found(FOUND_BUSY, SIZE_MAX, SIZE_MAX, "another vmmig works on it");
	if (s.stray != SIZE_MAX)
		return found(
			FOUND_STRAY, s.active_n ? s.active[0] : SIZE_MAX, s.stray,
			v[s.stray].qemu && v[s.stray].qemu->incoming
				? "a QEMU of it runs that its libvirt does not know, started to receive a migration"
				: "a QEMU of it runs that its libvirt does not know");
	return proven(v, &s, by_active(v, n, &s));
}

static struct diagnosis of_verdict(enum verdict v, const char *rule)
{
	static const enum finding_kind kinds[] = {
		[VERDICT_MOVED] = FOUND_MOVED,
		[VERDICT_STAYED] = FOUND_STAYED,
		[VERDICT_IN_PROGRESS] = FOUND_ADOPT,
		[VERDICT_RESUME_DEST] = FOUND_FINISH,
		[VERDICT_RESUME_SOURCE] = FOUND_ROLL_BACK,
		[VERDICT_STOP_INCOMING] = FOUND_ROLL_BACK,
		[VERDICT_STOP_SOURCE] = FOUND_FINISH,
		[VERDICT_STOPPED] = FOUND_OFF,
		[VERDICT_GONE] = FOUND_ABSENT,
		[VERDICT_SPLIT] = FOUND_SPLIT,
		[VERDICT_UNDECIDED] = FOUND_UNDECIDED,
	};

	return found(kinds[v], SIZE_MAX, SIZE_MAX, rule);
}

static bool is_gone(const struct guest_look *l)
{
	return (l->state == GUEST_ABSENT || l->state == GUEST_SHUTOFF) && l->qemu_pids == 0;
}

/* One that was off is where it is defined: what was copied for it may lie at the destination all the same. */
static struct diagnosis cold_record(const struct guest_look *src, const struct guest_look *dst)
{
	if (src->state == GUEST_UNKNOWN || dst->state == GUEST_UNKNOWN)
		return found(FOUND_UNDECIDED, SIZE_MAX, SIZE_MAX, "a host cannot be asked");
	if (dst->state == GUEST_ABSENT && dst->qemu_pids == 0)
		return found(FOUND_ROLL_BACK, SIZE_MAX, SIZE_MAX, "it is not defined at the destination");
	if (is_gone(src))
		return found(FOUND_FINISH, SIZE_MAX, SIZE_MAX,
			     "it is defined at the destination, and off at the source");
	return found(FOUND_UNDECIDED, SIZE_MAX, SIZE_MAX, "it is active at the source, and known at the destination");
}

struct diagnosis diagnose_record(const struct guest_look *src, const struct guest_look *dst, bool cold, bool alive)
{
	const char *rule;
	enum verdict v;

	if (alive)
		return found(FOUND_BUSY, SIZE_MAX, SIZE_MAX, "its vmmig runs");
	if (cold)
		return cold_record(src, dst);
	if (src->why == GUEST_WHY_POSTCOPY_FAILED || dst->why == GUEST_WHY_POSTCOPY_FAILED) {
		if (src->state == GUEST_UNKNOWN || dst->state == GUEST_UNKNOWN)
			return found(FOUND_UNDECIDED, SIZE_MAX, SIZE_MAX, "a host cannot be asked");
		if (is_gone(src) || is_gone(dst))
			return found(FOUND_LOST, SIZE_MAX, SIZE_MAX,
				     "one half of a guest in post-copy is there, and the other is gone");
		return found(FOUND_POSTCOPY, SIZE_MAX, SIZE_MAX,
			     "post-copy was interrupted, and both halves are there");
	}
	v = verdict(src, dst, true, &rule);
	return of_verdict(v, rule);
}

struct diagnosis diagnose_leftover(const struct guest_look *src, const struct guest_look *dst, bool moved)
{
	if (src->state == GUEST_UNKNOWN || dst->state == GUEST_UNKNOWN)
		return found(FOUND_UNDECIDED, SIZE_MAX, SIZE_MAX, "a host cannot be asked");
	return found(moved ? FOUND_MOVED : FOUND_STAYED, SIZE_MAX, SIZE_MAX,
		     "it has ended, and something is left to be done at a host that did not answer then");
}

char *diagnosis_command(const struct diagnosis *d, const char *guest, const char *keep_host, const char *other_host)
{
	const struct finding_info *i = &finding_infos[d->kind];
	auto_free char *recover = quote_printf("vmmig recover %s", guest), *with = NULL;

	if (d->kind == FOUND_ADOPT) /* and no record of it: it is not ours */
		return NULL;
	if (i->safe)
		return STEAL(recover);
	if (!i->option)
		return NULL;
	if (!i->names_host)
		return str_printf("%s %s", recover, i->option);
	with = quote_printf("%s", d->kind == FOUND_STRAY ? other_host : keep_host ? keep_host : "HOST");
	return str_printf("%s %s %s", recover, i->option, with);
}

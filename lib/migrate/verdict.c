/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "migrate/verdict.h"

#include "base/str.h"

const char *verdict_name(enum verdict v)
{
	static const char *const name[] = {
		[VERDICT_MOVED] = "moved",
		[VERDICT_STAYED] = "stayed",
		[VERDICT_IN_PROGRESS] = "in progress",
		[VERDICT_RESUME_DEST] = "resume on the destination",
		[VERDICT_RESUME_SOURCE] = "resume at the source",
		[VERDICT_STOP_INCOMING] = "stop the incoming half",
		[VERDICT_STOP_SOURCE] = "stop the source's half",
		[VERDICT_STOPPED] = "stopped",
		[VERDICT_GONE] = "gone",
		[VERDICT_SPLIT] = "split brain",
		[VERDICT_UNDECIDED] = "undecided",
	};

	return name[v];
}

/* What one host shows, as far as the rules tell it apart. */
enum shape {
	SHAPE_UNKNOWN, /* could not be asked, or libvirt and the process list disagree */
	SHAPE_ABSENT,  /* neither active nor defined */
	SHAPE_OFF,     /* defined, not active */
	SHAPE_RUNNING,
	SHAPE_PAUSED, /* by a person or by itself */
	SHAPE_HALF,   /* paused as one half of a migration: before the start on the destination, after the end at the
			 source */
	SHAPE_JOB,    /* something is under way: a migration job, post-copy, a shutdown */
	SHAPE_SICK,   /* crashed and kept, I/O error, post-copy failed, pmsuspended */
	SHAPE_COUNT,
};

static enum shape paused_shape(const struct guest_look *l)
{
	switch (l->why) {
	case GUEST_WHY_MIGRATION:
	case GUEST_WHY_STARTING_UP:
		return SHAPE_HALF;
	case GUEST_WHY_POSTCOPY:
		return SHAPE_JOB;
	case GUEST_WHY_IOERROR:
	case GUEST_WHY_POSTCOPY_FAILED:
	case GUEST_WHY_CRASHED:
		return SHAPE_SICK;
	case GUEST_WHY_OTHER:
	case GUEST_WHY_USER:
	case GUEST_WHY_MIGRATED:
	case GUEST_WHY_SHUTDOWN:
	case GUEST_WHY_DESTROYED:
	case GUEST_WHY_FAILED:
	case GUEST_WHY_MIGRATION_CANCELED:
		return SHAPE_PAUSED;
	}
	return SHAPE_SICK;
}

static enum shape running_shape(const struct guest_look *l)
{
	if (l->why == GUEST_WHY_POSTCOPY)
		return SHAPE_JOB;
	return l->why == GUEST_WHY_POSTCOPY_FAILED ? SHAPE_SICK : SHAPE_RUNNING;
}

/* libvirt's word and the process list have to agree; what neither could tell is unknown. */
static bool believable(const struct guest_look *l)
{
	if (guest_is_active(l))
		return l->qemu_pids != 0 && l->job != GUEST_JOB_UNKNOWN;
	return l->qemu_pids == 0; /* a process libvirt does not own, one not yet gone, or not looked */
}

static enum shape shape_of(const struct guest_look *l)
{
	if (l->state == GUEST_UNKNOWN || !believable(l))
		return SHAPE_UNKNOWN;
	if (l->job == GUEST_JOB_MIGRATION_OUT || l->job == GUEST_JOB_MIGRATION_IN)
		return SHAPE_JOB;
	switch (l->state) {
	case GUEST_UNKNOWN:
		return SHAPE_UNKNOWN;
	case GUEST_ABSENT:
		return SHAPE_ABSENT;
	case GUEST_SHUTOFF:
		return SHAPE_OFF;
	case GUEST_RUNNING:
	case GUEST_BLOCKED:
		return running_shape(l);
	case GUEST_PAUSED:
		return paused_shape(l);
	case GUEST_SHUTDOWN: /* off in a moment */
		return SHAPE_JOB;
	case GUEST_CRASHED:
	case GUEST_PMSUSPENDED:
		return SHAPE_SICK;
	}
	return SHAPE_UNKNOWN;
}

static bool inactive(enum shape s)
{
	return s == SHAPE_ABSENT || s == SHAPE_OFF;
}

/* The source has no active copy. */
static enum verdict source_let_go(const struct guest_look *src, enum shape dst, bool was_running, const char **rule)
{
	bool left = src->state == GUEST_ABSENT || src->why == GUEST_WHY_MIGRATED;

	switch (dst) {
	case SHAPE_RUNNING:
		*rule = "it runs on the destination, and the source has no active copy";
		return VERDICT_MOVED;
	case SHAPE_PAUSED:
		*rule = "it is on the destination, paused by someone, and the source has no active copy";
		return VERDICT_MOVED;
	case SHAPE_HALF:
		if (!left) {
			*rule = "it stopped at the source while the destination waited for it";
			return VERDICT_IN_PROGRESS;
		}
		*rule = was_running ? "it arrived but is paused, and the source has no active copy"
				    : "it is paused on the destination, as it was, and the source has no active copy";
		return was_running ? VERDICT_RESUME_DEST : VERDICT_MOVED;
	case SHAPE_ABSENT:
	case SHAPE_OFF:
		*rule = "it runs on neither host";
		return src->state == GUEST_ABSENT && dst == SHAPE_ABSENT ? VERDICT_GONE : VERDICT_STOPPED;
	case SHAPE_JOB:
		*rule = "the destination still has a migration job";
		return VERDICT_IN_PROGRESS;
	case SHAPE_UNKNOWN:
	case SHAPE_SICK:
	case SHAPE_COUNT:
		break;
	}
	*rule = "the source has no active copy, and the destination's state cannot be relied on";
	return VERDICT_UNDECIDED;
}

/* It was started there: what the source still has in memory is older than the disks. */
static bool has_run_there(const struct guest_look *dst)
{
	return dst->state == GUEST_SHUTOFF && (dst->why == GUEST_WHY_SHUTDOWN || dst->why == GUEST_WHY_CRASHED ||
					       dst->why == GUEST_WHY_DESTROYED || dst->why == GUEST_WHY_MIGRATED);
}

/* The source has a paused copy and no job. */
static enum verdict source_paused(const struct guest_look *dst_look, enum shape src, enum shape dst, bool was_running,
				  const char **rule)
{
	if (inactive(dst) && src == SHAPE_HALF && has_run_there(dst_look)) {
		*rule = "it is paused at the source after a migration, but has run on the destination and ended there";
		return VERDICT_UNDECIDED;
	}
	if (inactive(dst)) {
		*rule = "it is paused at the source, and the destination has no active copy";
		return was_running && src == SHAPE_HALF ? VERDICT_RESUME_SOURCE : VERDICT_STAYED;
	}
	if (dst == SHAPE_RUNNING && src == SHAPE_HALF) {
		*rule = "it runs on the destination; the source's half is what a migration leaves before its last step";
		return VERDICT_STOP_SOURCE;
	}
	*rule = "it is paused at the source, and the destination has a copy too";
	return VERDICT_UNDECIDED;
}

/* Only what waits for its start is an incoming half. */
static bool is_incoming_half(const struct guest_look *dst, enum shape d)
{
	return d == SHAPE_HALF || (d == SHAPE_JOB && dst->state == GUEST_PAUSED && dst->job == GUEST_JOB_MIGRATION_IN &&
				   (dst->why == GUEST_WHY_MIGRATION || dst->why == GUEST_WHY_STARTING_UP));
}

/* It runs at the source, and there is no job. */
static enum verdict source_runs(const struct guest_look *dst, enum shape d, const char **rule)
{
	if (inactive(d)) {
		*rule = "it runs at the source, and the destination has no active copy";
		return VERDICT_STAYED;
	}
	if (guest_is_running(dst)) {
		*rule = "it runs on both hosts";
		return VERDICT_SPLIT;
	}
	if (is_incoming_half(dst, d)) {
		*rule = "it runs at the source; the destination holds an incoming half";
		return VERDICT_STOP_INCOMING;
	}
	*rule = "it runs at the source, and the destination has a paused copy that is no incoming half";
	return VERDICT_UNDECIDED;
}

enum verdict verdict(const struct guest_look *src, const struct guest_look *dst, bool was_running, const char **rule)
{
	enum shape s = shape_of(src), d = shape_of(dst);
	const char *ignored;

	if (!rule)
		rule = &ignored;
	switch (s) {
	case SHAPE_UNKNOWN:
	case SHAPE_COUNT:
		break;
	case SHAPE_JOB:
		if (d == SHAPE_UNKNOWN)
			break;
		*rule = "something is still under way at the source";
		return VERDICT_IN_PROGRESS;
	case SHAPE_ABSENT:
	case SHAPE_OFF:
		if (d == SHAPE_UNKNOWN)
			break;
		return source_let_go(src, d, was_running, rule);
	case SHAPE_SICK:
		*rule = "the source's copy is neither running nor simply paused";
		if (src->state != GUEST_CRASHED || !inactive(d))
			return VERDICT_UNDECIDED;
		*rule = "it has crashed at the source, and the destination has no active copy";
		return VERDICT_STOPPED;
	case SHAPE_PAUSED:
	case SHAPE_HALF:
		if (d == SHAPE_UNKNOWN)
			break;
		return source_paused(dst, s, d, was_running, rule);
	case SHAPE_RUNNING:
		if (d == SHAPE_UNKNOWN)
			break;
		return source_runs(dst, d, rule);
	}
	*rule = "a host cannot be asked, or its libvirt and its processes disagree";
	return VERDICT_UNDECIDED;
}

char *look_text(const struct guest_look *l)
{
	auto_free char *pids = NULL;

	if (l->state == GUEST_UNKNOWN)
		return str_printf("unknown (%s)", l->unknown_because ? l->unknown_because : "not asked");
	if (l->qemu_pids >= 0)
		pids = str_printf(", %d QEMU process%s", l->qemu_pids, l->qemu_pids == 1 ? "" : "es");
	if (l->state == GUEST_ABSENT)
		return str_printf("absent%s", pids ? pids : "");
	return str_printf("%s%s%s%s%s%s%s", guest_state_name(l->state), l->why == GUEST_WHY_OTHER ? "" : " (",
			  l->why == GUEST_WHY_OTHER ? "" : guest_why_name(l->why), l->why == GUEST_WHY_OTHER ? "" : ")",
			  l->job == GUEST_JOB_NONE || l->job == GUEST_JOB_UNKNOWN ? "" : ", job ",
			  l->job == GUEST_JOB_NONE || l->job == GUEST_JOB_UNKNOWN ? "" : guest_job_name(l->job),
			  pids ? pids : "");
}

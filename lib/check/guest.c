/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guest itself: its state, its jobs, what hangs on it. */
#include "check/checks.h"

static bool may_move(const struct guest_look *l)
{
	if (guest_is_running(l))
		return true;
	return l->state == GUEST_PAUSED && l->why != GUEST_WHY_STARTING_UP && l->why != GUEST_WHY_POSTCOPY &&
	       l->why != GUEST_WHY_POSTCOPY_FAILED && l->why != GUEST_WHY_MIGRATION;
}

/* Of those that are off; whether one may be active at all is check_refuse_state()'s. */
static bool may_move_cold(const struct check_input *in)
{
	const struct guest_look *l = &in->look;

	if (l->state == GUEST_SHUTOFF)
		return l->why != GUEST_WHY_MIGRATED;
	return in->will_shut_down && may_move(l);
}

void check_guest_state(const struct check_input *in, struct findings *f)
{
	const struct guest_look *l = &in->look;

	if (in->mode == MODE_COLD ? may_move_cold(in) : may_move(l))
		return;
	if (l->state == GUEST_UNKNOWN) {
		found_unknown(f, SIDE_SOURCE, "guest", "its state cannot be told: %s",
			      l->unknown_because ? l->unknown_because : "the host did not say");
		return;
	}
	if (l->state == GUEST_ABSENT)
		found(f, SIDE_SOURCE, "guest", "is not on this host");
	else if (in->mode == MODE_COLD)
		found(f, SIDE_SOURCE, "guest", "is %s (%s), not simply shut off", guest_state_name(l->state),
		      guest_why_name(l->why));
	else if (l->why == GUEST_WHY_OTHER)
		found(f, SIDE_SOURCE, "guest", "is %s, not running", guest_state_name(l->state));
	else
		found(f, SIDE_SOURCE, "guest", "is %s (%s), not running", guest_state_name(l->state),
		      guest_why_name(l->why));
	if (l->why == GUEST_WHY_POSTCOPY || l->why == GUEST_WHY_POSTCOPY_FAILED || l->why == GUEST_WHY_MIGRATION)
		found_hint(f, "a migration of it has not come to its end: vmmig status %s", in->domain->name);
	else if (in->mode == MODE_COLD)
		found_hint(f, "if it has left by a migration, it is at another host: vmmig list");
	else if (l->state == GUEST_SHUTOFF || l->state == GUEST_ABSENT)
		found_hint(f, "virsh -c %s start %s", in->src_uri, in->domain->name);
}

void check_guest_ioerror(const struct check_input *in, struct findings *f)
{
	if (in->look.state != GUEST_PAUSED || in->look.why != GUEST_WHY_IOERROR)
		return;
	found(f, SIDE_SOURCE, "guest", "is paused by an I/O error of one of its disks");
	found_hint(f, "virsh -c %s domblkerror %s; when its storage is well again: resume %s", in->src_uri,
		   in->domain->name, in->domain->name);
}

/* Of a forecast that is not sure of an end only the time it takes at least. */
void check_deadline(const struct check_input *in, struct findings *f)
{
	const struct forecast *fc = &in->forecast.forecast;
	uint64_t timeout_ms = in->policy ? in->policy->timeout_ms : 0;
	auto_free char *low = str_duration(fc->total_low_ms), *high = str_duration(fc->total_high_ms);
	auto_free char *after = str_duration(timeout_ms), *takes = NULL;

	/* without knowing how much of its memory it uses, the low end is none */
	if (!timeout_ms || !in->forecast.input.to_send || fc->converges == FORECAST_UNKNOWN ||
	    timeout_ms >= fc->total_low_ms)
		return;
	takes = fc->converges == FORECAST_YES ? str_printf("%s to %s", low, high) : str_printf("at least %s", low);
	found(f, SIDE_NONE, "deadline", "it takes %s by the forecast, and after %s comes what --on-timeout says: %s",
	      takes, after, converge_end_name(in->policy->on_timeout));
}

void check_job_running(const struct check_input *in, struct findings *f)
{
	const struct guest_look *l = &in->look;

	if (l->job == GUEST_JOB_NONE || !guest_is_active(l))
		return;
	if (l->job == GUEST_JOB_UNKNOWN) {
		found_unknown(f, SIDE_SOURCE, "guest", "cannot be told whether a job runs on it: %s",
			      l->unknown_because ? l->unknown_because : "the host did not say");
		return;
	}
	found(f, SIDE_SOURCE, "guest", "has a job already: %s", guest_job_name(l->job));
	found_hint(f, "see it with virsh -c %s domjobinfo %s; wait for its end or abort it", in->src_uri,
		   in->domain->name);
}

void check_block_job(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->disks_n; i++) {
		const struct disk *k = &in->domain->disks[i];
		auto_free char *object = disk_object(k, NULL);

		if (!k->block_job)
			continue;
		found(f, SIDE_SOURCE, object, "a block job runs on it");
		found_hint(f, "virsh -c %s blockjob %s %s; wait for its end or add --abort", in->src_uri,
			   in->domain->name, k->target);
	}
}

/* A file of the guest that gets another path: its snapshots would name the old one. */
static const struct image_plan *changed_path(const struct check_input *in)
{
	for (size_t i = 0; i < in->images.n; i++)
		if (in->images.v[i].dst_path && !str_eq(in->images.v[i].dst_path, in->images.v[i].image->path))
			return &in->images.v[i];
	return NULL;
}

static bool saved_is_shared(const struct check_input *in)
{
	for (size_t i = 0; i < in->images.n; i++)
		if (disk_is_saved_image(in->images.v[i].disk))
			return in->images.v[i].fate == IMAGE_STAYS;
	return false;
}

static void snapshots_cold(const struct check_input *in, struct findings *f, const char *names)
{
	const struct image_plan *p = changed_path(in);
	const char *path = p ? p->image->path : NULL;

	if (in->look.saved && saved_is_shared(in)) {
		found(f, SIDE_SOURCE, "guest",
		      "its managed save image lies on storage that both hosts share: the source could not be "
		      "undefined");
		found_hint(f, "start it, or: virsh -c %s managedsave-remove %s", in->src_uri, in->domain->name);
	}
	if (path && in->look.saved) {
		found(f, SIDE_SOURCE, "guest",
		      "it has a managed save image, which names disks by their paths, and %s gets another", path);
		found_hint(f, "move it without --disk and --storage, or: virsh -c %s managedsave-remove %s",
			   in->src_uri, in->domain->name);
	}
	if (!path || in->src.snapshots <= 0)
		return;
	found(f, SIDE_SOURCE, "guest",
	      "it has %d snapshot%s (%s), which name disks by their paths, and %s gets another", in->src.snapshots,
	      in->src.snapshots == 1 ? "" : "s", names, path);
	found_hint(f, "move it without --disk and --storage, or delete the snapshots");
}

void check_snapshots(const struct check_input *in, struct findings *f)
{
	auto_free char *names = strv_join(&in->src.snapshot_names, ", ");

	if (in->src.snapshots < 0) {
		unsure(in, f, SIDE_SOURCE, WAY_LIBVIRT, "guest", "whether it has snapshots");
		return;
	}
	if (in->mode == MODE_COLD) {
		snapshots_cold(in, f, names);
		return;
	}
	if (!in->src.snapshots)
		return;
	found(f, SIDE_SOURCE, "guest", "libvirt does not move a domain with snapshots, and it has %d: %s%s",
	      in->src.snapshots, names, (size_t)in->src.snapshots > in->src.snapshot_names.n ? ", …" : "");
	found_hint(f,
		   "virsh -c %s snapshot-delete %s SNAPSHOT for each (with --metadata libvirt only "
		   "forgets it and its data stays in the disk)",
		   in->src_uri, in->domain->name);
}

void check_checkpoints(const struct check_input *in, struct findings *f)
{
	if (in->src.checkpoints < 0)
		unsure(in, f, SIDE_SOURCE, WAY_LIBVIRT, "guest", "whether it has checkpoints");
	else if (in->src.checkpoints)
		found(f, SIDE_SOURCE, "guest", "has %d checkpoint%s, which libvirt does not take along",
		      in->src.checkpoints, in->src.checkpoints == 1 ? "" : "s");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is measured for a forecast, put together. */
#include "check/checks.h"

uint64_t images_bytes(const struct images *im)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < im->n; i++) {
		const struct image_plan *p = &im->v[i];

		if (p->fate == IMAGE_COPIED && p->info) /* of a device nobody says how much of it is in use */
			bytes += p->image->source == DISK_BLOCK ? p->info->virtual_size : p->info->actual_size;
	}
	return bytes;
}

static int add_point(struct host *src, const struct check_input *in, unsigned seconds, struct forecast_input *fi,
		     struct err *err)
{
	struct guest_measure m = { 0 };

	if (guest_measure(src, in->look.uuid, in->domain->memory_kib, seconds, &m, err) < 0)
		return -1;
	fi->to_send = m.resident ? m.resident : fi->to_send;
	fi->point[fi->points++] = (struct forecast_point) { m.ms, m.changed };
	return 0;
}

static char *why_not(const struct check_input *in)
{
	if (in->connection.no_port)
		return xstrdup("with transport ssh the link is not measured before");
	if (!in->connection.bps)
		return xstrdup(in->connection.bps_reason    ? in->connection.bps_reason
			       : in->connection.port_reason ? in->connection.port_reason
							    : "the link could not be measured");
	if (!guest_is_running(&in->look))
		return xstrdup("it is not running, so its memory does not change");
	return NULL;
}

void check_forecast(struct host *src, struct check_input *in)
{
	struct err err auto_err = ERR_INIT;
	struct guest_forecast *out = &in->forecast;
	uint64_t more_ms;

	*out = (struct guest_forecast) { .input = { .memory = in->domain->memory_kib << 10,
						    .disks = images_bytes(&in->images),
						    .bps = forecast_rate(in->connection.bps, in->bandwidth_mib),
						    .policy = in->policy } };
	out->unknown = why_not(in);
	if (!out->unknown && add_point(src, in, 1, &out->input, &err) < 0)
		out->unknown = xstrdup(err.msg);
	if (!out->unknown)
		forecast_make(&out->input, &out->forecast);
	more_ms = out->unknown ? 0 : forecast_wants_ms(&out->input, &out->forecast);
	if (more_ms && add_point(src, in, (unsigned)(more_ms / 1000), &out->input, &err) == 0)
		forecast_make(&out->input, &out->forecast);
	out->text =
		out->unknown ? str_printf("not known: %s", out->unknown) : forecast_text(&out->input, &out->forecast);
}

void guest_forecast_clear(struct guest_forecast *f)
{
	free(f->text);
	free(f->unknown);
	*f = (struct guest_forecast) { 0 };
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prepare: on shared storage the destination needs nothing made, but the end of a tunnel with transport ssh. What is
 * left is the downtime limit the migration begins with, a property of the running domain at the source; QEMU keeps it
 * after a failed migration, so it is put back.
 */
#include <inttypes.h>

#include "base/log.h"
#include "migrate/migrate.h"

int prepare_run(struct migration *m, struct err *err)
{
	uint64_t first = converge_first_ms(&m->policy);
	auto_free char *object = NULL;

	if (m->opt->transport == TRANSPORT_SSH && tunnel_begin(m, err) < 0)
		return -1;
	if (guest_get_max_downtime(m->src, m->record.uuid, &m->downtime_before, err) < 0)
		return -1;
	object = str_printf("%" PRIu64 " -> %" PRIu64 " ms", m->downtime_before, first);
	if (effect_begin(m, m->src, "max-downtime", object, &m->downtime_effect, err) < 0)
		return -1;
	m->downtime_set = true;
	if (guest_set_max_downtime(m->src, m->record.uuid, first, err) < 0) {
		effect_end(m, m->downtime_effect, err);
		return -1;
	}
	effect_end(m, m->downtime_effect, NULL);
	return 0;
}

void prepare_undo(struct migration *m)
{
	struct err err auto_err = ERR_INIT;

	if (!m->downtime_set)
		return;
	if (m->performed && (!m->safe || !guest_is_active(&m->src_look)))
		return; /* undecided: touch nothing; or no QEMU there any more that could keep it */
	if (guest_set_max_downtime(m->src, m->record.uuid, m->downtime_before, &err) < 0) {
		migration_note(m, "the maximum downtime could not be put back to %" PRIu64 " ms: %s",
			       m->downtime_before, err.msg);
		return;
	}
	effect_undone(m, m->downtime_effect);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the source to the destination: its name, its libvirt, its migration ports. */
#include "check/checks.h"

static const char *or_silence(const char *reason)
{
	return reason ? reason : "the host did not say";
}

void check_host_name(const struct check_input *in, struct findings *f)
{
	const struct connection_proof *c = &in->connection;
	auto_free char *object = str_printf("host name %s", in->dst.hostname ? in->dst.hostname : in->dst_name);

	/* an address that was proven needs no name, and neither does a socket */
	if (c->resolves == FACT_YES || c->migrate_uri || c->no_port)
		return;
	if (c->resolves == FACT_NO)
		found(f, SIDE_SOURCE, object, "libvirt there does not find the destination by it: %s",
		      or_silence(c->resolve_reason));
	else if (!blind(in, SIDE_SOURCE, WAY_SHELL) && !blind(in, SIDE_DESTINATION, WAY_LIBVIRT))
		found_unknown(f, SIDE_SOURCE, object,
			      "cannot be told whether libvirt there finds the destination by it: %s",
			      or_silence(c->resolve_reason));
}

void check_peer_login(const struct check_input *in, struct findings *f)
{
	const struct connection_proof *c = &in->connection;
	auto_free char *object = str_printf("login to %s", c->peer_uri ? c->peer_uri : in->dst_name);

	if (c->peer == FACT_NO)
		found(f, SIDE_SOURCE, object,
		      "libvirt there cannot log in, so the migration is controlled from here and ends if vmmig does: "
		      "%s",
		      or_silence(c->peer_reason));
	else if (c->peer == FACT_UNKNOWN && !blind(in, SIDE_SOURCE, WAY_SHELL))
		found_unknown(
			f, SIDE_SOURCE, object,
			"cannot be told whether libvirt there can log in; the migration is controlled from here: %s",
			or_silence(c->peer_reason));
}

void check_migration_port(const struct check_input *in, struct findings *f)
{
	const struct connection_proof *c = &in->connection;
	auto_free char *object =
		c->port_number
			? str_printf("port %u of %s", c->port_number, c->port_address ? c->port_address : in->dst_name)
			: str_printf("migration ports %u-%u of %s", in->dst.port_min, in->dst.port_max, in->dst_name);

	/* a guest that is off, with all of its disks shared, sends nothing */
	if (c->no_port || (in->mode == MODE_COLD && !images_move(&in->images)))
		return;
	if (c->port == FACT_NO) {
		found(f, SIDE_SOURCE, object, "cannot be reached from here: %s", or_silence(c->port_reason));
		found_hint(f, "open TCP ports %u-%u on %s for %s, or give another way: migrate_address in vmmig.conf",
			   in->dst.port_min, in->dst.port_max, in->dst_name, in->src_name);
	} else if (c->port == FACT_UNKNOWN && !blind(in, SIDE_SOURCE, WAY_SHELL) &&
		   !blind(in, SIDE_DESTINATION, WAY_SHELL)) {
		found_unknown(f, SIDE_SOURCE, object, "cannot be told whether it can be reached from here: %s",
			      or_silence(c->port_reason));
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks, bridges, filters, and addresses to listen on. */
#include "check/checks.h"

#include <arpa/inet.h>

void check_user_network(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->nics_n; i++) {
		const struct nic *n = &in->domain->nics[i];
		auto_free char *object = str_printf("interface %s", n->mac ? n->mac : n->type);

		if (str_eq(n->type, "user") || n->slirp_helper)
			found(f, SIDE_SOURCE, object,
			      "is a user-mode network: the guest's open connections and forwarded ports end with the "
			      "move");
	}
}

static void bridge_kind(struct findings *f, const char *object, const struct nic *n, const struct netdev_fact *b)
{
	if (b->bridge == FACT_NO)
		found(f, SIDE_DESTINATION, object, "is a network device there, but not a bridge");
	else if (n->virtualport_ovs && b->ovs == FACT_NO)
		found(f, SIDE_DESTINATION, object, "is a Linux bridge there, and the interface wants Open vSwitch");
	else if (!n->virtualport_ovs && str_eq(n->type, "bridge") && b->ovs == FACT_YES)
		found(f, SIDE_DESTINATION, object,
		      "is one of Open vSwitch there, and the interface wants a Linux bridge");
}

/* One bridge at the destination; listed: it would be in the facts if it were there. */
static void bridge_there(const struct check_input *in, struct findings *f, const struct nic *n, const char *bridge,
			 bool listed)
{
	const struct netdev_fact *b = facts_netdev(&in->dst, bridge);
	auto_free char *object = str_printf("bridge %s", bridge);

	if (b ? b->present == FACT_NO : listed) {
		found(f, SIDE_DESTINATION, object, "does not exist there");
		found_hint(f, "make it on %s: ip link add %s type bridge, or in the host's network configuration",
			   in->dst_name, bridge);
		return;
	}
	if (!b || b->present == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "whether it exists there");
		return;
	}
	bridge_kind(f, object, n, b);
	if (b->up == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "is down");
		found_hint(f, "on %s: ip link set %s up", in->dst_name, bridge);
	}
}

void check_bridge(const struct check_input *in, struct findings *f)
{
	auto_strv struct strv said = { 0 };

	for (size_t i = 0; i < in->domain->nics_n; i++) {
		const struct nic *n = &in->domain->nics[i];
		const struct network_fact *net = facts_network(&in->dst, n->source);
		const char *bridge = NULL;
		bool listed = false;

		if (str_eq(n->type, "bridge")) {
			bridge = n->source;
		} else if (str_eq(n->type, "network") && net && net->active == FACT_YES) {
			bridge = net->bridge;
			listed = !net->ovs && in->dst.shell == FACT_YES;
		}
		if (!bridge || strv_has(&said, bridge))
			continue;
		strv_add(&said, bridge);
		bridge_there(in, f, n, bridge, listed);
	}
}

void check_mtu(const struct check_input *in, struct findings *f)
{
	auto_strv struct strv said = { 0 };

	for (size_t i = 0; i < in->domain->nics_n; i++) {
		const struct nic *n = &in->domain->nics[i];
		const struct network_fact *net = facts_network(&in->dst, n->source);
		const char *here = str_eq(n->type, "network") ? n->bridge : n->source;
		const char *there = net && net->bridge ? net->bridge : here;
		const struct netdev_fact *s = facts_netdev(&in->src, here), *d = facts_netdev(&in->dst, there);
		auto_free char *object = str_printf("network device %s", there ? there : "");

		if (!there || !d || !d->mtu || strv_has(&said, there))
			continue;
		strv_add(&said, there);
		if (n->mtu > d->mtu)
			found(f, SIDE_DESTINATION, object, "has MTU %u, and the interface of the guest has %u", d->mtu,
			      n->mtu);
		else if (s && s->mtu > d->mtu)
			found(f, SIDE_DESTINATION, object, "has MTU %u, and %s on %s has %u", d->mtu, here,
			      in->src_name, s->mtu);
		else
			continue;
		found_hint(f, "on %s: ip link set %s mtu %u", in->dst_name, there, n->mtu > d->mtu ? n->mtu : s->mtu);
	}
}

static void network_there(const struct check_input *in, struct findings *f, const struct nic *n)
{
	const struct network_fact *x = facts_network(&in->dst, n->source);
	auto_free char *object = str_printf("network %s", n->source);

	if (!x || x->defined == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether it is defined there");
	} else if (x->defined == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "is not defined there");
		found_hint(f,
			   "virsh -c %s net-dumpxml --inactive %s >net.xml; virsh -c "
			   "%s "
			   "net-define net.xml; then net-start and net-autostart %s",
			   in->src_uri, n->source, in->dst_uri, n->source);
	} else if (x->active == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "is not active");
		found_hint(f, "virsh -c %s net-start %s", in->dst_uri, n->source);
	} else if (x->active == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether it is active");
	} else if (n->portgroup && x->portgroup == FACT_NO) {
		found(f, SIDE_DESTINATION, object, "has no portgroup %s", n->portgroup);
		found_hint(f, "virsh -c %s net-edit %s", in->dst_uri, n->source);
	} else if (n->portgroup && x->portgroup == FACT_UNKNOWN) {
		unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "which portgroups it has");
	}
}

void check_network(const struct check_input *in, struct findings *f)
{
	auto_strv struct strv said = { 0 };

	for (size_t i = 0; i < in->domain->nics_n; i++) {
		const struct nic *n = &in->domain->nics[i];

		if (!str_eq(n->type, "network") || !n->source || strv_has(&said, n->source))
			continue;
		strv_add(&said, n->source);
		network_there(in, f, n);
	}
}

void check_netdev(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->nics_n; i++) {
		const struct nic *n = &in->domain->nics[i];
		const struct netdev_fact *x = facts_netdev(&in->dst, n->source);
		auto_free char *object = NULL;

		if (!str_eq(n->type, "direct") || !n->source)
			continue;
		object = str_printf("network device %s", n->source);
		if (!x || x->present == FACT_UNKNOWN) {
			unsure(in, f, SIDE_DESTINATION, WAY_SHELL, object, "whether it exists there");
		} else if (x->present == FACT_NO) {
			found(f, SIDE_DESTINATION, object, "does not exist there");
		} else if (x->up == FACT_NO) {
			found(f, SIDE_DESTINATION, object, "is down");
			found_hint(f, "on %s: ip link set %s up", in->dst_name, n->source);
		}
	}
}

void check_nwfilter(const struct check_input *in, struct findings *f)
{
	auto_strv struct strv said = { 0 };

	for (size_t i = 0; i < in->domain->nics_n; i++) {
		const char *filter = in->domain->nics[i].filter;
		const struct named_fact *x = facts_named(in->dst.filters, in->dst.filters_n, filter);
		auto_free char *object = str_printf("network filter %s", filter ? filter : "");

		if (!filter || strv_has(&said, filter))
			continue;
		strv_add(&said, filter);
		if (x && x->present == FACT_NO) {
			found(f, SIDE_DESTINATION, object, "is not defined there");
			found_hint(f,
				   "virsh -c %s nwfilter-dumpxml %s >filter.xml; virsh -c "
				   "%s nwfilter-define filter.xml",
				   in->src_uri, filter, in->dst_uri);
		} else if (!x || x->present == FACT_UNKNOWN) {
			unsure(in, f, SIDE_DESTINATION, WAY_LIBVIRT, object, "whether it is defined there");
		}
	}
}

/* Every host has these: 1 all and loopback addresses; 0 others; -1: a name, not an address. */
static int everywhere(const char *address)
{
	struct in6_addr a6;
	struct in_addr a4;

	if (inet_pton(AF_INET, address, &a4) == 1)
		return a4.s_addr == htonl(INADDR_ANY) || ntohl(a4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, address, &a6) == 1)
		return IN6_IS_ADDR_UNSPECIFIED(&a6) || IN6_IS_ADDR_LOOPBACK(&a6);
	return -1;
}

void check_graphics_listen(const struct check_input *in, struct findings *f)
{
	for (size_t i = 0; i < in->domain->graphics_listen.n; i++) {
		const char *address = in->domain->graphics_listen.v[i];
		auto_free char *object = str_printf("graphics listen address %s", address);
		auto_free char *has = strv_join(&in->dst.addresses, ", ");
		int usual = everywhere(address);

		if (usual > 0 || strv_has(&in->dst.addresses, address))
			continue;
		if (usual < 0)
			found_unknown(f, SIDE_DESTINATION, object,
				      "cannot be told whether this name is one of the host's addresses: %s", has);
		else if (blind(in, SIDE_DESTINATION, WAY_SHELL))
			continue;
		else
			found(f, SIDE_DESTINATION, object, "is not one of the host's addresses: %s", has);
	}
}

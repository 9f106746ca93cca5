/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libvirt's part of the facts. An error that says "there is none" is an
 * answer; any other error leaves the fact unknown.
 */
#include "host/facts-private.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "base/log.h"

AUTO_DEFINE(vir_domain, virDomainPtr, virDomainFree)
AUTO_DEFINE(vir_network, virNetworkPtr, virNetworkFree)
AUTO_DEFINE(vir_secret, virSecretPtr, virSecretFree)
AUTO_DEFINE(vir_filter, virNWFilterPtr, virNWFilterFree)
AUTO_DEFINE(vir_pool, virStoragePoolPtr, virStoragePoolFree)
AUTO_DEFINE(vir_vol, virStorageVolPtr, virStorageVolFree)

struct asking {
	virConnectPtr c;
	const struct domain *d;
	enum side side;
	struct host_facts *f;
};

/* Keeps why something is unknown. */
static void unknown(struct host_facts *f, const char *what)
{
	auto_err struct err e = ERR_INIT;

	libvirt_error(&e, E_LIBVIRT, "%s", what);
	log_info("%s", e.msg);
	if (!f->err.id)
		err_move(&f->err, &e);
}

/* After a look-up that gave nothing: NO when libvirt says that there is none. */
static enum fact absent(struct host_facts *f, int none, const char *what)
{
	const virError *e = virGetLastError();

	if (e && e->code == none)
		return FACT_NO;
	unknown(f, what);
	return FACT_UNKNOWN;
}

static enum fact is_yes(struct host_facts *f, int rc, const char *what)
{
	if (rc < 0)
		unknown(f, what);
	return rc < 0 ? FACT_UNKNOWN : rc ? FACT_YES : FACT_NO;
}

static void ask_identity(struct asking *a)
{
	auto_free char *hostname = virConnectGetHostname(a->c);

	if (!hostname)
		unknown(a->f, "host name");
	a->f->hostname = facts_text(hostname);
	if (virConnectGetLibVersion(a->c, &a->f->libvirt_version) < 0)
		unknown(a->f, "version of libvirt");
	if (virConnectGetVersion(a->c, &a->f->qemu_version) < 0)
		unknown(a->f, "version of QEMU");
}

static void ask_capabilities(struct asking *a)
{
	auto_free char *xml = virConnectGetCapabilities(a->c);
	auto_err struct err e = ERR_INIT;

	if (!xml) {
		unknown(a->f, "capabilities");
	} else if (facts_parse_capabilities(xml, a->f, &e) < 0) {
		log_info("%s", e.msg);
		if (!a->f->err.id)
			err_move(&a->f->err, &e);
	}
}

static char *domcaps_of(struct asking *a, const char *machine, const char *virt_type)
{
	return virConnectGetDomainCapabilities(a->c, a->d->emulator, a->d->arch, machine, virt_type, 0);
}

/* libvirt looked at the question and turned it down; every other error is about the asking. */
static bool turned_down(void)
{
	/* a broken connection has codes that answers have as well */
	if (virGetLastErrorDomain() == VIR_FROM_RPC || virGetLastErrorDomain() == VIR_FROM_REMOTE)
		return false;
	switch (virGetLastErrorCode()) {
	case VIR_ERR_INVALID_ARG:
	case VIR_ERR_CONFIG_UNSUPPORTED:
	case VIR_ERR_OPERATION_UNSUPPORTED:
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
	case VIR_ERR_INTERNAL_ERROR:
	case VIR_ERR_SYSTEM_ERROR:
	case VIR_ERR_NO_SUPPORT:
		return true;
	default:
		return false;
	}
}

/* One call when all is well. When not, the same with less in it tells what it is that is not supported. */
static void ask_domcaps(struct asking *a)
{
	auto_free char *xml = domcaps_of(a, a->d->machine, a->d->virt_type);
	auto_err struct err e = ERR_INIT;
	struct host_facts *f = a->f;

	if (xml) {
		f->machine_supported = f->virt_supported = FACT_YES;
	} else {
		if (!turned_down()) {
			unknown(f, "domain capabilities");
			return;
		}
		f->domcaps_error = facts_text(virGetLastErrorMessage());
		xml = domcaps_of(a, NULL, a->d->virt_type);
		if (xml) {
			f->virt_supported = FACT_YES;
			f->machine_supported = FACT_NO;
		} else {
			xml = domcaps_of(a, NULL, NULL);
			if (!xml)
				return;
			f->virt_supported = FACT_NO;
		}
	}
	if (facts_parse_domcaps(xml, f, &e) < 0 && !f->err.id)
		err_move(&f->err, &e);
}

static void cpu_answer(struct asking *a, int rc)
{
	struct host_facts *f = a->f;
	const char *message = virGetLastErrorMessage();

	if (rc == VIR_CPU_COMPARE_IDENTICAL || rc == VIR_CPU_COMPARE_SUPERSET) {
		f->cpu_ok = FACT_YES;
	} else if (rc == VIR_CPU_COMPARE_INCOMPATIBLE) {
		f->cpu_ok = FACT_NO;
		f->cpu_detail = xstrdup("libvirt there calls the CPU incompatible");
	} else if (virGetLastErrorCode() == VIR_ERR_CPU_INCOMPATIBLE) {
		f->cpu_ok = FACT_NO;
		f->cpu_detail = facts_text(message);
		facts_cpu_missing(message, &f->cpu_missing);
	} else if (turned_down()) {
		facts_cpu_by_list(a->d, f);
	} else {
		unknown(f, "comparison of CPUs");
		f->cpu_detail = facts_text(message);
	}
}

/* host-passthrough has no model to compare: there the hosts' own CPUs are compared by the check. */
static bool sees_host_cpu(const struct domain *d)
{
	return str_eq(d->cpu_mode, "host-passthrough") || str_eq(d->cpu_mode, "maximum");
}

static void ask_cpu(struct asking *a)
{
	const struct domain *d = a->d;
	struct host_facts *f = a->f;

	if (sees_host_cpu(d) || f->machine_supported != FACT_YES || f->virt_supported != FACT_YES)
		return;
	if (!d->cpu_xml) {
		/* QEMU's default model, which every QEMU of the machine type has */
		f->cpu_ok = FACT_YES;
		return;
	}
	virResetLastError();
	cpu_answer(a, virConnectCompareHypervisorCPU(a->c, d->emulator, d->arch, d->machine, d->virt_type, d->cpu_xml,
						     VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE));
}

static const char *state_word(virDomainPtr dom)
{
	static const char *const words[] = {
		[VIR_DOMAIN_NOSTATE] = "no state",     [VIR_DOMAIN_RUNNING] = "running",
		[VIR_DOMAIN_BLOCKED] = "running",      [VIR_DOMAIN_PAUSED] = "paused",
		[VIR_DOMAIN_SHUTDOWN] = "in shutdown", [VIR_DOMAIN_SHUTOFF] = "shut off",
		[VIR_DOMAIN_CRASHED] = "crashed",      [VIR_DOMAIN_PMSUSPENDED] = "pmsuspended",
	};
	int state, reason;

	if (virDomainGetState(dom, &state, &reason, 0) < 0 || state < 0 || (size_t)state >= ARRAY_SIZE(words))
		return "state unknown";
	return words[state];
}

static void ask_autostart(struct asking *a, virDomainPtr dom)
{
	int autostart;

	if (virDomainIsPersistent(dom) == 0)
		a->f->autostart = FACT_NO;
	else if (virDomainGetAutostart(dom, &autostart) < 0)
		unknown(a->f, "autostart of the domain");
	else
		a->f->autostart = autostart ? FACT_YES : FACT_NO;
}

/* Who has the name or the UUID on the destination. */
static void ask_taken(struct asking *a)
{
	struct host_facts *f = a->f;
	AUTO(auto_vir_domain_) virDomainPtr by_uuid = virDomainLookupByUUIDString(a->c, a->d->uuid);
	AUTO(auto_vir_domain_) virDomainPtr by_name = NULL;
	char uuid[VIR_UUID_STRING_BUFLEN] = "";
	virDomainPtr who;

	f->uuid_taken = by_uuid ? FACT_YES : absent(f, VIR_ERR_NO_DOMAIN, "look-up of the domain");
	by_name = virDomainLookupByName(a->c, a->d->name);
	f->name_taken = by_name ? FACT_YES : absent(f, VIR_ERR_NO_DOMAIN, "look-up of the domain");
	who = by_uuid ? by_uuid : by_name;
	if (!who) {
		f->autostart = f->uuid_taken == FACT_NO && f->name_taken == FACT_NO ? FACT_NO : FACT_UNKNOWN;
		return;
	}
	if (virDomainGetUUIDString(who, uuid) < 0)
		virResetLastError();
	auto_free char *text = str_printf("%s (UUID %s, %s)", virDomainGetName(who), uuid, state_word(who));
	f->taken_state = facts_text(text);
	ask_autostart(a, who);
}

static void ask_snapshots(struct asking *a, virDomainPtr dom)
{
	virDomainSnapshotPtr *list = NULL;
	struct host_facts *f = a->f;

	f->snapshots = virDomainSnapshotNum(dom, 0);
	if (f->snapshots < 0)
		unknown(f, "snapshots of the domain");
	if (f->snapshots <= 0)
		return;
	int n = virDomainListAllSnapshots(dom, &list, 0);

	for (int i = 0; i < n; i++) {
		if (i < 8)
			strv_take(&f->snapshot_names, facts_text(virDomainSnapshotGetName(list[i])));
		virDomainSnapshotFree(list[i]);
	}
	free(list);
}

static void ask_checkpoints(struct asking *a, virDomainPtr dom)
{
	virDomainCheckpointPtr *list = NULL;
	int n = virDomainListAllCheckpoints(dom, &list, 0);

	if (n < 0 && virGetLastErrorCode() == VIR_ERR_NO_SUPPORT)
		n = 0; /* a hypervisor without them has none */
	if (n < 0)
		unknown(a->f, "checkpoints of the domain");
	a->f->checkpoints = n;
	for (int i = 0; i < n; i++)
		virDomainCheckpointFree(list[i]);
	free(list);
}

static void ask_source(struct asking *a)
{
	AUTO(auto_vir_domain_) virDomainPtr dom = virDomainLookupByUUIDString(a->c, a->d->uuid);

	if (!dom) {
		unknown(a->f, "look-up of the domain");
		return;
	}
	ask_snapshots(a, dom);
	ask_checkpoints(a, dom);
	ask_autostart(a, dom);
}

static const char *portgroup_of(const struct domain *d, const char *network)
{
	for (size_t i = 0; i < d->nics_n; i++)
		if (d->nics[i].portgroup && str_eq(d->nics[i].source, network))
			return d->nics[i].portgroup;
	return NULL;
}

static void ask_network(struct asking *a, struct network_fact *n)
{
	AUTO(auto_vir_network_) virNetworkPtr net = virNetworkLookupByName(a->c, n->name);
	auto_err struct err e = ERR_INIT;
	auto_free char *xml = NULL;

	if (!net) {
		n->defined = absent(a->f, VIR_ERR_NO_NETWORK, "look-up of a network");
		n->active = n->defined;
		return;
	}
	n->defined = FACT_YES;
	n->active = is_yes(a->f, virNetworkIsActive(net), "state of a network");
	xml = virNetworkGetXMLDesc(net, 0);
	if (!xml)
		unknown(a->f, "XML of a network");
	else if (facts_parse_network(xml, portgroup_of(a->d, n->name), n, &e) < 0 && !a->f->err.id)
		err_move(&a->f->err, &e);
}

static void ask_filter(struct asking *a, struct named_fact *n)
{
	AUTO(auto_vir_filter_) virNWFilterPtr p = virNWFilterLookupByName(a->c, n->name);

	n->present = p ? FACT_YES : absent(a->f, VIR_ERR_NO_NWFILTER, "look-up of a network filter");
}

static int usage_type(const char *type)
{
	static const struct {
		const char *name;
		int type;
	} types[] = {
		{ "volume", VIR_SECRET_USAGE_TYPE_VOLUME }, { "ceph", VIR_SECRET_USAGE_TYPE_CEPH },
		{ "iscsi", VIR_SECRET_USAGE_TYPE_ISCSI },   { "tls", VIR_SECRET_USAGE_TYPE_TLS },
		{ "vtpm", VIR_SECRET_USAGE_TYPE_VTPM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(type, types[i].name))
			return types[i].type;
	return VIR_SECRET_USAGE_TYPE_VOLUME;
}

static void ask_secret(struct asking *a, const struct secret_ref *s, struct named_fact *n)
{
	AUTO(auto_vir_secret_) virSecretPtr p = NULL;

	if (s->uuid)
		p = virSecretLookupByUUIDString(a->c, s->uuid);
	else
		p = virSecretLookupByUsage(a->c, usage_type(s->type), s->usage);
	n->present = p ? FACT_YES : absent(a->f, VIR_ERR_NO_SECRET, "look-up of a secret");
}

static void ask_secrets(struct asking *a)
{
	for (size_t i = 0; i < a->d->secrets_n; i++) {
		const char *name = facts_secret_name(&a->d->secrets[i]);

		for (size_t j = 0; name && j < a->f->secrets_n; j++)
			if (str_eq(a->f->secrets[j].name, name) && a->f->secrets[j].present == FACT_UNKNOWN)
				ask_secret(a, &a->d->secrets[i], &a->f->secrets[j]);
	}
}

static void ask_volume(struct asking *a, virStoragePoolPtr pool, const char *name, struct named_fact *n)
{
	AUTO(auto_vir_vol_) virStorageVolPtr vol = virStorageVolLookupByName(pool, name);

	n->present = vol ? FACT_YES : absent(a->f, VIR_ERR_NO_STORAGE_VOL, "look-up of a storage volume");
}

static void ask_pool(struct asking *a, struct named_fact *n)
{
	AUTO(auto_vir_pool_) virStoragePoolPtr p = virStoragePoolLookupByName(a->c, n->name);
	auto_free char *prefix = str_printf("%s/", n->name);

	if (!p) {
		n->present = n->active = absent(a->f, VIR_ERR_NO_STORAGE_POOL, "look-up of a storage pool");
		return;
	}
	n->present = FACT_YES;
	n->active = is_yes(a->f, virStoragePoolIsActive(p), "state of a storage pool");
	for (size_t i = 0; i < a->f->volumes_n && n->active == FACT_YES; i++) {
		struct named_fact *v = &a->f->volumes[i];

		if (str_starts(v->name, prefix))
			ask_volume(a, p, v->name + strlen(prefix), v);
	}
}

static void ask_destination(struct asking *a)
{
	struct host_facts *f = a->f;

	ask_taken(a);
	ask_domcaps(a);
	ask_cpu(a);
	for (size_t i = 0; i < f->networks_n; i++)
		ask_network(a, &f->networks[i]);
	for (size_t i = 0; i < f->filters_n; i++)
		ask_filter(a, &f->filters[i]);
	for (size_t i = 0; i < f->pools_n; i++)
		ask_pool(a, &f->pools[i]);
	ask_secrets(a);
}

void facts_ask_libvirt(struct _virConnect *c, const struct domain *d, enum side side, struct host_facts *f)
{
	struct asking a = { .c = c, .d = d, .side = side, .f = f };

	ask_identity(&a);
	f->libvirt = f->hostname || f->libvirt_version ? FACT_YES : FACT_NO;
	if (f->libvirt == FACT_NO)
		return;
	ask_capabilities(&a);
	if (side == SIDE_SOURCE)
		ask_source(&a);
	else if (side == SIDE_DESTINATION)
		ask_destination(&a);
}

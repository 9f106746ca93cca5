/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Definitions of guests, and what libvirt knows of their snapshots. */
#include <libvirt/libvirt.h>

#include "host/host-private.h"

int lv_define(struct host *h, const char *xml, struct err *err)
{
	virDomainPtr dom;

	if (!h->conn)
		return err_set(err, E_LIBVIRT_CONNECT, 0, "libvirt is not connected");
	dom = virDomainDefineXMLFlags(h->conn, xml, 0);
	if (!dom)
		return libvirt_error(err, E_LIBVIRT, "define the domain");
	virDomainFree(dom);
	return 0;
}

/* One of them; it is freed. */
static int take_snapshot(virDomainSnapshotPtr s, struct strv *xmls, size_t *current, struct err *err)
{
	char *xml = virDomainSnapshotGetXMLDesc(s, VIR_DOMAIN_SNAPSHOT_XML_SECURE);

	if (xml && virDomainSnapshotIsCurrent(s, 0) == 1)
		*current = xmls->n;
	virDomainSnapshotFree(s);
	if (!xml)
		return libvirt_error(err, E_LIBVIRT, "XML of a snapshot");
	strv_take(xmls, xml);
	return 0;
}

int lv_snapshots(struct host *h, const char *uuid, struct strv *xmls, size_t *current, struct err *err)
{
	virDomainPtr dom = lv_need(h, uuid, err);
	virDomainSnapshotPtr *v = NULL;
	int n, rc = 0;

	*current = SIZE_MAX;
	if (!dom)
		return -1;
	n = virDomainListAllSnapshots(dom, &v, VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL);
	if (n < 0)
		rc = libvirt_error(err, E_LIBVIRT, "list snapshots");
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = take_snapshot(v[i], xmls, current, err);
		else
			virDomainSnapshotFree(v[i]);
	}
	free(v);
	virDomainFree(dom);
	return rc;
}

int lv_add_snapshot(struct host *h, const char *uuid, const char *xml, bool current, struct err *err)
{
	unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE | (current ? VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT : 0);
	virDomainPtr dom = lv_need(h, uuid, err);
	virDomainSnapshotPtr s;

	if (!dom)
		return -1;
	s = virDomainSnapshotCreateXML(dom, xml, flags);
	if (s)
		virDomainSnapshotFree(s);
	virDomainFree(dom);
	return s ? 0 : libvirt_error(err, E_LIBVIRT, "tell of a snapshot");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others have noted in a domain's <metadata>. */
#ifndef DOMAIN_METADATA_H
#define DOMAIN_METADATA_H

/*
 * The UUID of the image that the guest was made from, as OpenStack's nova notes it:
 *
 *     <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1"> … <nova:root type="image" uuid="…"/>
 *
 * NULL: none, or xml cannot be read. The caller frees.
 */
char *domain_image_id(const char *xml);

#endif

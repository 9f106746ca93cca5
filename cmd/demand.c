/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Room that the disks of several guests in one call need together: asked once, before the first of them moves, so that
 * the last one does not meet a full file system that the first check could have foreseen.
 */
#include "cmd.h"

/* What one guest needs. A guest that cannot be asked about adds nothing: its own check says why. */
static void find_one(struct host *src, struct host *dst, const char *guest, const struct remap *remap,
		     struct space_needs *needs)
{
	struct storage_proof proof = { 0 };
	struct images images = { 0 };
	struct guest_look look auto_look = { 0 };
	struct domain *d auto_domain = NULL;
	auto_free char *xml = NULL;

	if (guest_find(src, guest, &look, NULL) < 0 || !look.uuid)
		return;
	if (look.state == GUEST_SHUTOFF) {
		d = guest_definition(src, &look, NULL);
	} else {
		xml = guest_xml(src, look.uuid, GUEST_XML_NOW, NULL);
		d = xml ? domain_parse(xml, NULL) : NULL;
	}

	if (!d)
		return;
	storage_prove(src, dst, d, true, &proof);
	images_decide(d, &proof, remap, &images);
	images_measure(src, dst, d, &images);
	images_space(&images, needs);
	images_clear(&images);
	storage_proof_clear(&proof);
}

void demand_find(const struct placement *p, const struct remap *remap, struct demand *d)
{
	auto_free const char **paths = NULL;

	d->first = xcalloc(p->guests_n + 1, sizeof(*d->first));
	if (p->guests_n < 2)
		return;
	for (size_t i = 0; i < p->guests_n; i++) {
		const struct placed *g = &p->guests[i];

		d->first[i] = d->needs.n;
		if (i && g->src && !g->arrived)
			find_one(g->src, p->dst, g->guest, remap, &d->needs);
	}
	d->first[p->guests_n] = d->needs.n;
	paths = xcalloc(d->needs.n + 1, sizeof(*paths));
	d->facts = xcalloc(d->needs.n + 1, sizeof(*d->facts));
	for (size_t i = 0; i < d->needs.n; i++)
		paths[i] = d->needs.v[i].path;
	files_stat(p->dst, paths, d->needs.n, d->facts, NULL);
}

void demand_after(const struct demand *d, size_t guest, struct space_needs *needs, const struct file_fact **facts)
{
	size_t from;

	*needs = (struct space_needs) { 0 };
	*facts = NULL;
	if (!d->facts)
		return;
	from = d->first[guest + 1];
	*needs = (struct space_needs) { .v = d->needs.v + from, .n = d->needs.n - from };
	*facts = d->facts + from;
}

void demand_clear(struct demand *d)
{
	for (size_t i = 0; d->facts && i < d->needs.n; i++)
		file_fact_clear(&d->facts[i]);
	free(d->facts);
	free(d->first);
	space_needs_clear(&d->needs);
	*d = (struct demand) { 0 };
}

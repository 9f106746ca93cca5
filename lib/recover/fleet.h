/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all hosts show at one time: libvirt's guests, and what runs and lies around there whatever libvirt says. Only
 * looks. A host that does not answer is unknown, never empty.
 */
#ifndef RECOVER_FLEET_H
#define RECOVER_FLEET_H

#include "host/guest.h"
#include "host/survey.h"
#include "journal/journal.h"

struct fleet_host {
	struct host *host; /* borrowed */
	const char *name;
	struct guest_look *guests; /* qemu_pids: as the survey has it; block_jobs: where they could be asked for */
	size_t guests_n;
	struct survey survey;
	struct definition_record *definitions; /* of its persistent guests, if they were asked for */
	size_t definitions_n;
	unsigned also;         /* see fleet_look() */
	struct err why;        /* libvirt could not be asked: guests are unknown */
	struct err survey_why; /* processes and files are unknown */
};

struct fleet {
	struct fleet_host *v;
	size_t n;
};

/* What a look also asks for, which takes its time. */
enum {
	FLEET_DEFINITIONS = 1, /* how guests are defined, without secrets, for the journal */
	FLEET_BLOCK_JOBS = 2,  /* fleet_ask_block_jobs() of all guests */
};

/* Opens the hosts that are not open, and asks all at the same time. The hosts stay the caller's. */
void fleet_look(struct fleet *f, struct host *const hosts[], size_t n, unsigned also);
void fleet_clear(struct fleet *f);

/*
 * Asks the QEMU of that guest, wherever it is active: one that does not answer in time has look->silent. Looking alone
 * does not find that out before somebody has asked it something.
 */
void fleet_probe(struct fleet *f, const char *uuid);

/*
 * Asks a host that has been looked at for the block jobs of that guest (NULL: of all), as far as QEMU runs and owes no
 * answer. The first one that keeps silent all the same is also the last one that is waited for, some seconds.
 */
void fleet_ask_block_jobs(struct fleet_host *h, const char *uuid);

/* One guest on one host. */
struct presence {
	size_t host;                     /* index into the fleet */
	const struct guest_look *look;   /* NULL: libvirt does not know it there */
	const struct qemu_process *qemu; /* NULL: none */
	unsigned qemus;
	bool known;                     /* libvirt and the survey have answered */
	bool answered;                  /* libvirt has */
	bool surveyed;                  /* the survey has: qemus */
	bool reached;                   /* the host is not dead, whatever answers there */
	const struct lease_fact *lease; /* NULL: none */
};
/* n entries, one for each host; the caller frees the array. */
struct presence *fleet_presence(const struct fleet *f, const char *uuid);

/* The UUID of a guest by its name or UUID; 0: *uuid is the caller's; 1: nobody knows it; -1: two have this name. */
int fleet_find(const struct fleet *f, const char *guest, char **uuid, struct err *err);
/* How it is called, where it is known; its UUID otherwise. */
const char *fleet_guest_name(const struct fleet *f, const char *uuid);
/* Every UUID that any host shows, once; caller clears. */
void fleet_uuids(const struct fleet *f, struct strv *out);

/*
 * One presence in words (evidence.c): "running, 1 QEMU process, defined, QEMU 1234 for 5 min, wrote /x.qcow2 2.0 s
 * ago, has /x.qcow2 locked for writing"; caller frees.
 */
char *presence_text(const struct fleet *f, const struct presence *p);
/* A block job in words: "block job on vda: copy, 40 %"; caller frees. */
char *block_job_text(const struct block_job *j);

#endif

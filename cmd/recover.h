/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the command recover: each is what one kind of call does (recover.c). */
#ifndef RECOVER_H
#define RECOVER_H

#include "records.h"
#include "recover/diagnosis.h"

/* recover purge [GUEST] */
enum status recover_purge(struct app *app, const char *guest, struct err *err);
/* recover scan [HOST...] */
enum status recover_scan(struct app *app, const struct strv *hosts, struct err *err);
/* recover: what is unfinished in the journal; --all --yes: what is safe of it is done. */
enum status recover_unfinished(struct app *app, struct err *err);
/* recover GUEST|MIGRATION, without an act that a person names. */
enum status recover_guest(struct app *app, const char *word, struct err *err);
/* The same with one: --keep, --kill, … */
enum status recover_act(struct app *app, const char *guest, struct err *err);

/* The hosts named, or all of the configuration, and their look; NULL-safe: fleet_hosts_free(). */
struct fleet_hosts {
	struct host **v;
	size_t n;
	struct fleet fleet;
};
int fleet_hosts_look(struct app *app, const struct strv *names, unsigned also, struct fleet_hosts *f, struct err *err);
void fleet_hosts_free(struct fleet_hosts *f);
/* Hosts that could not be asked, each once, as errors; the worst status. */
enum status fleet_hosts_unknown(struct app *app, const struct fleet_hosts *f);

/*
 * For struct migration, with an app: is it active on a third host? For what was left over some time ago, each one must
 * have answered; one that was killed now is not to wait for all.
 */
int look_elsewhere(struct migration *m, char **where, struct err *err);

/*
 * One guest of a fleet, looked at: its UUID (owned), what each host shows, and what that means. -1: E_GUEST_UNKNOWN, or
 * E_CONNECT when a host has not answered.
 */
struct examined {
	char *uuid;
	struct presence *presences;
	struct diagnosis found;
};
int examine(const struct fleet_hosts *f, const char *guest, struct examined *e, struct err *err);
/* The evidence and the verdict, for people and machines. */
void examined_show(struct app *app, const struct fleet_hosts *f, const char *guest, const struct examined *e);
void examined_clear(struct examined *e);
/* What is to be done about it when nothing is safe, as an error. */
enum status examined_error(const struct fleet_hosts *f, const char *guest, const struct examined *e, struct err *err);

#endif

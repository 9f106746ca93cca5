/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is to be done next for the guests of one call, all of them on their way to the same destination, when each of
 * them may start or stop at any moment: running ones move live, stopped ones are copied through one copy server at the
 * destination. Pure: an event in, actions out; whoever acts (run.c) tells how each action ended by another event.
 *
 * The rules:
 *  - A guest that stops during its live migration: that is ended, both halves, and only then the guest is copied.
 *  - A guest that starts during its copy: the copy is ended at once; the copies of others go on. Its live migration
 *    begins only when the copy server is gone.
 *  - The copy server is made once for all guests that are to be copied then, when each of them is ready for it, and no
 *    live migration is being ended whose guest has stopped. It ends when no copy needs it any more. Who wants to be
 *    copied meanwhile waits for its end, and has a share in the next one.
 *  - Other live migrations and the copy server do not disturb one another.
 *  - A guest that starts and stops again and again is given up after some turns, so that every call ends.
 */
#ifndef MIGRATE_TRANSITION_H
#define MIGRATE_TRANSITION_H

#include <stdbool.h>
#include <stddef.h>

enum stage {
	STAGE_WAITING,     /* nothing is under way for it */
	STAGE_LIVE,        /* a live migration is */
	STAGE_LIVE_ENDING, /* it was told to end */
	STAGE_PREPARING,   /* to be copied: checked, and its files made ready, before there is a server for them */
	STAGE_READY,       /* that is done: it waits for the server */
	STAGE_COPYING,
	STAGE_COPY_ENDING, /* whatever part of it is under way was told to end */
	STAGE_DONE,        /* it is at the destination */
	STAGE_FAILED,      /* it is at the source, and will stay */
};

enum server { SERVER_NONE, SERVER_BEGINNING, SERVER_UP, SERVER_ENDING };

struct transition_guest {
	/* given */
	bool running; /* at the source, as last seen */
	/* zero at first */
	enum stage stage;
	bool in_share; /* it has a share in the server there is (or in the one that will be) */
	unsigned turns;
	bool doomed;  /* what is under way ends in STAGE_FAILED: its server got lost */
	bool gave_up; /* of STAGE_FAILED: it had no turn left */
	bool refused; /* of STAGE_FAILED: it has started or stopped, and following is not wanted */
};

struct transition {
	/* given */
	struct transition_guest *v; /* borrowed */
	size_t n;
	bool follow;        /* else one that starts or stops under way ends, and stays */
	unsigned live_max;  /* so many live migrations at a time; at least 1 */
	unsigned share_max; /* so many guests have a share in one server; at least 1 */
	unsigned turns_max; /* so many times a guest begins to move; at least 1 */
	/* zero at first */
	enum server server;
	bool cancelled;
};

enum event {
	EVENT_BEGIN,       /* the first one; no guest */
	EVENT_STARTED,     /* the guest runs at the source */
	EVENT_STOPPED,     /* it is shut off at the source, and not because it has moved */
	EVENT_MOVED,       /* its live migration has ended, and it is at the destination */
	EVENT_LIVE_ENDED,  /* its live migration has ended without that, no half is left; it was stopped, or told to end
			    */
	EVENT_LIVE_FAILED, /* the same, for another reason */
	EVENT_READY,       /* to be copied, it waits for the server */
	EVENT_COPIED,      /* it is at the destination; also without a server, where nothing had to be copied */
	EVENT_COPY_ENDED,  /* what was under way for its copy has ended: it was told to, or the guest has started */
	EVENT_COPY_FAILED, /* the same, for another reason */
	EVENT_SERVER_UP,   /* no guest */
	EVENT_SERVER_LOST, /* no guest: there is none, and will be none; also when it could not be made */
	EVENT_SERVER_ENDED, /* no guest: it is gone, as it was told */
	EVENT_CANCEL,       /* no guest: all that is under way is ended, nothing is begun */
};

enum act {
	ACT_LIVE_BEGIN,
	ACT_LIVE_END,
	ACT_COPY_PREPARE, /* a live guest's twin of LIVE_BEGIN: checks, directories, files; then EVENT_READY */
	ACT_COPY_BEGIN,   /* the server is there */
	ACT_COPY_END,
	ACT_SERVER_BEGIN, /* for all guests in STAGE_READY; guest is SIZE_MAX */
	ACT_SERVER_END,   /* guest is SIZE_MAX */
};

struct action {
	enum act act;
	size_t guest;
};
enum { ACTIONS_MAX = 256 }; /* guests of a call, and a few */

/*
 * Takes one event about v[guest] (SIZE_MAX where it is about none) in, and gives what is to be done, in that order, to
 * out (room for ACTIONS_MAX; n is at most 128). Returns how many. An event that does not fit what is under way is
 * taken as far as it makes sense: "running" is always noted; of guests in STAGE_DONE and STAGE_FAILED nothing else.
 */
size_t transition_event(struct transition *t, enum event e, size_t guest, struct action out[ACTIONS_MAX]);
/* All guests are done or failed, and there is no server. */
bool transition_over(const struct transition *t);

const char *stage_name(enum stage s);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of the scripts that work for long and must not outlive us (host_hold_wait()). */
#ifndef HOST_WATCH_SCRIPT_H
#define HOST_WATCH_SCRIPT_H

/*
 * Descriptor 3 is the held input. What follows runs its work in the background, as the last thing it starts, and waits
 * for it: when the input ends the watcher tells this shell, which ends the work. (Without a terminal nothing else
 * would: sshd only closes its ends.) WATCHED is its end.
 */
#define WATCH                                                                    \
	"trap 'kill $! 2>/dev/null; exit 1' HUP INT TERM\n"                      \
	"{ while read -r l; do :; done; kill $$; } <&3 >/dev/null 2>&1 9>&- &\n" \
	"w=$!\n"
#define WATCHED "wait $!; rc=$?; kill $w 2>/dev/null\n"

#endif

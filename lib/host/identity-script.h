/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A piece of scripts that tell whether a file is another host's, too. */
#ifndef HOST_IDENTITY_SCRIPT_H
#define HOST_IDENTITY_SCRIPT_H

/*
 * FILE INODE: sets id to what is the same on each host that has the file, or "-" on a file system that only one host
 * can have mounted.
 */
#define IDENTITY                                                                                                    \
	"identity() {\n"                                                                                            \
	"  id=-; fs=$(timeout 3 df --output=fstype,source -- \"$1\" 2>/dev/null | tail -n 1)\n"                     \
	"  t=${fs%% *} s=${fs##* }\n"                                                                               \
	"  case $t in ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|tmpfs|overlay) ;; *) id=${t:-?}:${s#*:}:$2;; esac\n" \
	"}\n"

#endif

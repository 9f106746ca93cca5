/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A piece of the scripts that look at a guest's QEMU. */
#ifndef HOST_FIND_QEMU_H
#define HOST_FIND_QEMU_H

/*
 * p is the /proc directory of the one QEMU that has $1 as its UUID, or empty. QEMU has it as an argument of its own,
 * after -uuid; the shell that runs this has it, too, but not -uuid.
 */
#define FIND_QEMU                                                                                         \
	"p=\n"                                                                                            \
	"for f in $(grep -lzFx -e \"$1\" /proc/[0-9]*/cmdline 2>/dev/null); do\n"                         \
	"	if grep -qzFx -e -uuid \"$f\" 2>/dev/null; then [ -z \"$p\" ] || exit 1; p=${f%/cmdline}; fi\n" \
	"done\n"

#endif

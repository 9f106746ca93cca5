/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process of which machine keeps a record. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "journal/private.h"

/* A small file of /proc; NULL if it cannot be read. */
static char *read_proc(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	return xstrdup(text);
}

uint64_t journal_pid_start(pid_t pid)
{
	auto_free char *path = str_printf("/proc/%ld/stat", (long)pid);
	auto_free char *stat = pid > 0 ? read_proc(path) : NULL;
	/* the command in field 2 may hold anything, also ")" */
	char *p = stat ? strrchr(stat, ')') : NULL;

	if (!p || !p[1] || p[2] == 'Z' || p[2] == 'X')
		return 0;
	/* p is at the end of field 2; field 22 is behind the 20th blank from here */
	for (int blanks = 0; blanks < 20 && p; blanks++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

char *journal_control(void)
{
	struct utsname u;

	return xstrdup(uname(&u) == 0 ? u.nodename : "");
}

char *journal_boot(void)
{
	char *id = read_proc("/proc/sys/kernel/random/boot_id");

	if (id)
		id[strcspn(id, "\n")] = '\0';
	return id;
}

int migration_process_alive(const struct migration_record *r)
{
	auto_free char *control = journal_control(), *boot = journal_boot();
	uint64_t start;

	if (!str_eq(r->control, control))
		return -1;
	if (r->boot && boot && !str_eq(r->boot, boot))
		return 0;
	start = journal_pid_start(r->pid);
	return start != 0 && start == r->pid_start;
}

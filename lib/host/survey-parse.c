/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer of the survey's script (survey.c), read. */
#include <string.h>

#include "host/survey.h"

enum { PROCESSES_MAX = 4096, FILES_MAX = 4096, PATH_BYTES = 4096 };

static void disks_clear(struct qemu_process *p)
{
	for (size_t i = 0; i < p->disks_n; i++) {
		free(p->disks[i].path);
		free(p->disks[i].identity);
	}
	free(p->disks);
}

void survey_clear(struct survey *s)
{
	for (size_t i = 0; i < s->processes_n; i++)
		disks_clear(&s->processes[i]);
	for (size_t i = 0; i < s->leases_n; i++)
		free(s->leases[i].who);
	for (size_t i = 0; i < s->files_n; i++)
		free(s->files[i].path);
	free(s->processes);
	free(s->leases);
	free(s->files);
	*s = (struct survey) { 0 };
}

/* The next word of *p, which it is cut from; NULL: there is none. */
static char *word(char **p)
{
	char *w = *p, *end;

	if (!w || !*w)
		return NULL;
	end = strchr(w, ' ');
	*p = end ? end + 1 : w + strlen(w);
	if (end)
		*end = '\0';
	return *w ? w : NULL;
}

static bool number(char **p, unsigned long long max, unsigned long long *v)
{
	char *w = word(p);

	return w && str_to_uint(w, 0, max, v) == 0;
}

static bool uuid(char **p, char out[37])
{
	char *w = word(p);

	if (!w || strlen(w) != 36 || strspn(w, "0123456789abcdef-") != 36)
		return false;
	strcpy(out, w);
	return true;
}

static bool read_process(char *p, struct survey *s)
{
	struct qemu_process q = { 0 };
	unsigned long long pid, start, age;
	char *state;

	if (s->processes_n >= PROCESSES_MAX || !number(&p, INT32_MAX, &pid) || !number(&p, UINT64_MAX, &start) ||
	    !number(&p, INT64_MAX, &age) || !(state = word(&p)) || strlen(state) != 1 || !uuid(&p, q.uuid))
		return false;
	q.pid = (int)pid;
	q.start = start;
	q.age_s = age;
	q.state = *state;
	*ARRAY_ADD(s->processes, s->processes_n) = q;
	return true;
}

/* Of which lines about a process are. */
static struct qemu_process *last_process(const struct survey *s)
{
	return s->processes_n ? &s->processes[s->processes_n - 1] : NULL;
}

static bool read_incoming(struct survey *s)
{
	struct qemu_process *q = last_process(s);

	if (q)
		q->incoming = true;
	return q;
}

static bool read_port(const char *p, struct survey *s)
{
	struct qemu_process *q = last_process(s);
	uint16_t port;

	if (!q || q->ports_n >= ARRAY_SIZE(q->ports) || strlen(p) != 4 || strspn(p, "0123456789ABCDEFabcdef") != 4)
		return false;
	port = (uint16_t)strtoul(p, NULL, 16);
	for (size_t i = 0; i < q->ports_n; i++)
		if (q->ports[i] == port) /* by IPv4 and IPv6 */
			return false;
	if (!port)
		return false;
	q->ports[q->ports_n++] = port;
	return true;
}

/* Through several descriptors: one lock is enough, and of a file whose locks cannot be told none is told. */
static bool have_disk(struct qemu_process *q, const struct open_disk *d)
{
	for (size_t i = 0; i < q->disks_n; i++) {
		struct open_disk *o = &q->disks[i];

		if (!file_id_eq(o->id, d->id) || !str_eq(o->path, d->path))
			continue;
		if (d->locked == FACT_YES || o->locked == FACT_NO)
			o->locked = d->locked;
		return true;
	}
	return false;
}

static bool read_disk(char *p, struct survey *s)
{
	struct qemu_process *q = last_process(s);
	unsigned long long dev, ino, mtime;
	char *identity, *locked;
	struct open_disk d;

	if (!q || q->disks_n >= FILES_MAX || !number(&p, UINT64_MAX, &dev) || !number(&p, UINT64_MAX, &ino) ||
	    !number(&p, INT64_MAX / 1000, &mtime) || !(identity = word(&p)) || !(locked = word(&p)) || *p != '/')
		return false;
	d = (struct open_disk) {
		.path = str_sanitize(p, PATH_BYTES),
		.id = { dev, ino },
		.written_ms = (int64_t)mtime * 1000,
		.locked = str_eq(locked, "y")   ? FACT_YES
			  : str_eq(locked, "n") ? FACT_NO
						: FACT_UNKNOWN,
	};
	if (have_disk(q, &d)) {
		free(d.path);
		return false;
	}
	d.identity = str_eq(identity, "-") ? NULL : str_sanitize(identity, PATH_BYTES);
	*ARRAY_ADD(q->disks, q->disks_n) = d;
	return true;
}

static bool read_lease(char *p, struct survey *s)
{
	struct lease_fact l = { 0 };
	char *held;

	if (s->leases_n >= PROCESSES_MAX || !uuid(&p, l.uuid) || !(held = word(&p)))
		return false;
	l.held = str_eq(held, "held");
	l.who = str_sanitize(p, 200);
	*ARRAY_ADD(s->leases, s->leases_n) = l;
	return true;
}

static bool read_file(char *p, struct survey *s)
{
	unsigned long long size;
	char *age, *kind;

	if (s->files_n >= FILES_MAX || !number(&p, UINT64_MAX, &size) || !(age = word(&p)) || !(kind = word(&p)) ||
	    *p != '/')
		return false;
	*ARRAY_ADD(s->files, s->files_n) = (struct left_file) {
		.path = str_sanitize(p, PATH_BYTES),
		.size = size,
		.age_s = strtoll(age, NULL, 10),
		.quarantined = str_eq(kind, "quarantine"),
	};
	return true;
}

/*
 * Lines that cannot be read are left out, those about a process with it; without the last one the answer is not whole.
 * process: the last one could be read.
 */
static bool read_line(char *line, struct survey *s, bool *process)
{
	unsigned long long n;
	char *p = line;
	char *key = word(&p);

	if (str_eq(key, "Q"))
		*process = read_process(p, s);
	else if (str_eq(key, "I") && *process)
		read_incoming(s);
	else if (str_eq(key, "P") && *process)
		read_port(p, s);
	else if (str_eq(key, "D") && *process)
		read_disk(p, s);
	else if (str_eq(key, "L"))
		read_lease(p, s);
	else if (str_eq(key, "F"))
		read_file(p, s);
	else if (str_eq(key, "S") && number(&p, 10000, &n))
		s->servers = (unsigned)n;
	return str_eq(key, "end");
}

int survey_parse(char *text, struct survey *s)
{
	bool ended = false, process = false;

	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		ended = read_line(line, s, &process);
	return ended ? 0 : -1;
}

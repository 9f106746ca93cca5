/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * watch: follows the serial log of a measuring guest (init.c) from outside and
 * says at the end how the guest fared, as one JSON object on stdout.
 *
 * A guest's own clock stands still while its QEMU is paused, so the time it is
 * down in a migration does not show in what it prints. It shows in when that
 * arrives: each heartbeat is stamped here with this machine's CLOCK_MONOTONIC.
 *
 * What counts as damage (exit status 1):
 *   backwards    heartbeat numbers of one boot that go back, or a boot that is
 *                heard of again after another one: the same guest runs twice
 *   lost_writes  a guest that starts finds less on its disk than it (or its
 *                former self) had been told is there
 *   ring_holes   a guest that starts finds a hole in its ring
 * Anything else, a long silence above all, is reported and not judged.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_BOOTS 64
#define MAX_RANGES 20

struct watch {
	uint64_t started, period; /* microseconds, as all times here */
	uint64_t heartbeats, missing, backwards, malformed, errors, restarts;
	uint64_t lost_writes, ring_holes, powered_off;
	uint64_t first, last; /* heartbeat numbers */
	uint64_t first_arrival, last_arrival, longest, longest_at, longest_guest;
	uint64_t gaps, gaps_total;
	uint64_t boot, last_guest, acked;
	uint64_t former[MAX_BOOTS];
	size_t n_former;
	struct {
		uint64_t from, to;
	} range[MAX_RANGES];
	size_t n_ranges;
	char error[80];
	FILE *record;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool was_before(const struct watch *w, uint64_t boot)
{
	for (size_t i = 0; i < w->n_former; i++)
		if (w->former[i] == boot)
			return true;
	return false;
}

static void heartbeat(struct watch *w, uint64_t now, uint64_t boot, uint64_t n, uint64_t guest, uint64_t acked)
{
	if (w->record)
		fprintf(w->record, "%" PRIu64 " %016" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", now, boot, n,
			guest, acked);
	if (w->heartbeats++ == 0) {
		w->first = n;
		w->first_arrival = now;
	} else {
		uint64_t gap = now - w->last_arrival;

		if (gap > w->longest) {
			w->longest = gap;
			w->longest_at = w->last_arrival;
		}
		if (gap > 3 * w->period) {
			w->gaps++;
			w->gaps_total += gap;
		}
	}
	w->last_arrival = now;

	if (boot == w->boot && n <= w->last) {
		w->backwards++;
	} else if (boot == w->boot) {
		if (n > w->last + 1) {
			w->missing += n - w->last - 1;
			if (w->n_ranges < MAX_RANGES) {
				w->range[w->n_ranges].from = w->last + 1;
				w->range[w->n_ranges++].to = n - 1;
			}
		}
		if (guest - w->last_guest > w->longest_guest)
			w->longest_guest = guest - w->last_guest;
	} else if (w->boot) {
		if (was_before(w, boot))
			w->backwards++;
		else
			w->restarts++;
		if (!was_before(w, w->boot) && w->n_former < MAX_BOOTS)
			w->former[w->n_former++] = w->boot;
	}
	/* After going back the highest counts on, or each step forward again would
	 * look like a hole. */
	if (boot != w->boot || n > w->last)
		w->last = n;
	w->boot = boot;
	w->last_guest = guest;
	if (acked > w->acked)
		w->acked = acked;
}

static void line(struct watch *w, uint64_t now, const char *text)
{
	uint64_t boot, n, guest, acked, holes, highest;
	int end = 0;

	if (sscanf(text, "H %16" SCNx64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &boot, &n, &guest, &acked, &end) ==
		    4 &&
	    text[end] == '\0') {
		heartbeat(w, now, boot, n, guest, acked);
	} else if (sscanf(text, "RING highest=%" SCNu64 " records=%*u holes=%" SCNu64, &highest, &holes) == 2) {
		if (highest < w->acked)
			w->lost_writes += w->acked - highest;
		w->ring_holes += holes;
	} else if (strncmp(text, "E ", 2) == 0) {
		w->errors++;
		snprintf(w->error, sizeof(w->error), "%s", text + 2);
	} else if (strcmp(text, "OFF") == 0) {
		w->powered_off++;
	} else if (strncmp(text, "BOOT ", 5) != 0 && strncmp(text, "READY ", 6) != 0 &&
		   strncmp(text, "RING ", 5) != 0 && strncmp(text, "DIRTY ", 6) != 0 &&
		   strncmp(text, "SLOW ", 5) != 0 && text[0] != '[' && text[0] != '\0') {
		w->malformed++;
	}
}

static void print_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_ms(const char *name, uint64_t us)
{
	printf(",\"%s\":%" PRIu64 ".%" PRIu64, name, us / 1000, us % 1000 / 100);
}

static void print_summary(const struct watch *w, const char *name, uint64_t now)
{
	printf("{\"guest\":");
	print_string(name);
	print_ms("watched_ms", now - w->started);
	print_ms("period_ms", w->period);
	printf(",\"heartbeats\":%" PRIu64 ",\"first\":%" PRIu64 ",\"last\":%" PRIu64, w->heartbeats, w->first, w->last);
	print_ms("longest_gap_ms", w->longest);
	print_ms("longest_gap_at_ms", w->longest_at > w->started ? w->longest_at - w->started : 0);
	print_ms("longest_gap_guest_ms", w->longest_guest);
	printf(",\"gaps\":%" PRIu64, w->gaps);
	print_ms("gaps_total_ms", w->gaps_total);
	print_ms("silent_at_start_ms", (w->heartbeats ? w->first_arrival : now) - w->started);
	print_ms("silent_at_end_ms", now - (w->heartbeats ? w->last_arrival : w->started));
	printf(",\"missing\":%" PRIu64 ",\"missing_ranges\":[", w->missing);
	for (size_t i = 0; i < w->n_ranges; i++)
		printf("%s[%" PRIu64 ",%" PRIu64 "]", i ? "," : "", w->range[i].from, w->range[i].to);
	printf("],\"acknowledged\":%" PRIu64 ",\"restarts\":%" PRIu64 ",\"backwards\":%" PRIu64, w->acked, w->restarts,
	       w->backwards);
	printf(",\"lost_writes\":%" PRIu64 ",\"ring_holes\":%" PRIu64 ",\"powered_off\":%" PRIu64, w->lost_writes,
	       w->ring_holes, w->powered_off);
	printf(",\"malformed\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"last_error\":", w->malformed, w->errors);
	if (w->errors)
		print_string(w->error);
	else
		printf("null");
	printf("}\n");
}

/* Reads what has come and takes whole lines out of it. */
static void drain(struct watch *w, int fd, char *buffer, size_t size, size_t *used, bool *skip)
{
	ssize_t n;

	while ((n = read(fd, buffer + *used, size - *used - 1)) > 0) {
		uint64_t now = now_us();
		char *start = buffer, *newline;

		*used += (size_t)n;
		buffer[*used] = '\0';
		while ((newline = memchr(start, '\n', *used - (size_t)(start - buffer)))) {
			*newline = '\0';
			if (newline > start && newline[-1] == '\r')
				newline[-1] = '\0';
			if (!*skip)
				line(w, now, start);
			*skip = false;
			start = newline + 1;
		}
		*used -= (size_t)(start - buffer);
		memmove(buffer, start, *used);
		if (*used >= size - 1) { /* no line of ours is that long */
			w->malformed++;
			*used = 0;
		}
	}
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: watch FILE [--name NAME] [--period MS] [--for S] [--until-pid PID] [--linger MS]\n"
			"             [--from-start] [--record FILE]\n");
	exit(2);
}

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value < 1e9))
		usage();
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, 'f' },       { "from-start", no_argument, NULL, 's' },
		{ "linger", required_argument, NULL, 'l' },    { "name", required_argument, NULL, 'n' },
		{ "period", required_argument, NULL, 'p' },    { "record", required_argument, NULL, 'r' },
		{ "until-pid", required_argument, NULL, 'u' }, { NULL, 0, NULL, 0 }
	};
	static char buffer[4096];
	struct watch w = { .period = 10000 };
	uint64_t deadline = UINT64_MAX, linger = 300000;
	const char *name = "";
	bool from_start = false;
	int pidfd = -1, pid = 0;

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'f':
			deadline = now_us() + (uint64_t)(number(optarg) * 1e6);
			break;
		case 's':
			from_start = true;
			break;
		case 'l':
			linger = (uint64_t)(number(optarg) * 1000);
			break;
		case 'n':
			name = optarg;
			break;
		case 'p':
			w.period = (uint64_t)(number(optarg) * 1000);
			break;
		case 'u':
			pid = (int)number(optarg);
			break;
		case 'r':
			w.record = fopen(optarg, "we");
			if (!w.record) {
				fprintf(stderr, "watch: %s: %s\n", optarg, strerror(errno));
				return 2;
			}
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || w.period == 0)
		usage();
	/* A pidfd also tells the end of a process that nobody has waited for yet. */
	if (pid && (pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0) {
		if (errno != ESRCH) {
			fprintf(stderr, "watch: process %d: %s\n", pid, strerror(errno));
			return 2;
		}
		deadline = now_us() + linger;
	}
	int fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "watch: %s: %s\n", argv[optind], strerror(errno));
		return 2;
	}

	struct sigaction action = { .sa_handler = on_signal };
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);

	int notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (notify >= 0 && inotify_add_watch(notify, argv[optind], IN_MODIFY) < 0) {
		close(notify);
		notify = -1; /* then it is looked at every millisecond */
	}

	bool skip = false;
	size_t used = 0;
	if (!from_start) {
		off_t end = lseek(fd, 0, SEEK_END);
		char before;

		skip = end > 0 && pread(fd, &before, 1, end - 1) == 1 && before != '\n';
	}
	w.started = now_us();
	for (;;) {
		struct pollfd fds[2] = { { .fd = notify, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
		char events[4096];

		drain(&w, fd, buffer, sizeof(buffer), &used, &skip);
		if (stop || now_us() >= deadline)
			break;
		if (poll(fds, 2, notify < 0 ? 1 : 20) > 0) {
			if ((fds[0].revents & POLLIN) && read(notify, events, sizeof(events)) < 0 && errno != EAGAIN)
				notify = -1;
			if (fds[1].revents & POLLIN) {
				uint64_t end = now_us() + linger;

				deadline = end < deadline ? end : deadline;
				close(pidfd);
				pidfd = -1;
			}
		}
	}
	drain(&w, fd, buffer, sizeof(buffer), &used, &skip);
	print_summary(&w, name, now_us());
	if (w.record && fclose(w.record) != 0)
		fprintf(stderr, "watch: the record is incomplete: %s\n", strerror(errno));
	return w.backwards || w.lost_writes || w.ring_holes ? 1 : 0;
}

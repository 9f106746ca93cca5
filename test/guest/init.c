/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * init of the lab's measuring guest: the only program in it, static, PID 1.
 *
 * It speaks on the serial console, one line a message, so that whoever reads
 * the serial log from outside learns how the guest fared:
 *
 *   BOOT <boot>                          a fresh start; <boot> names it (16 hex digits)
 *   RING highest=N records=N holes=N damaged=N   what was on the disk at the start
 *   READY <boot>                         heartbeats follow
 *   H <boot> <n> <us> <acked>            heartbeat n, the guest's CLOCK_MONOTONIC in
 *                                        microseconds, the highest sequence number whose
 *                                        write to the disk has been acknowledged
 *   E <what> <errno>                     something failed (disk writes are tried again)
 *   E page <n>                           page n of the memory being dirtied is not as it was
 *                                        left: a migration has lost it (the first ten are told)
 *   DIRTY <MiB> <MiB/s>                  memory is being dirtied at that rate
 *   SLOW <MiB/s>                         ... but only that is reached (said every 10 s)
 *   OFF                                  the power button was pressed; powering off
 *
 * A heartbeat names its boot, so that a restart (new boot, numbers from 1) can
 * be told from the same guest running twice (same boot, numbers going back).
 *
 * Note that the guest's own clock stands still while QEMU is paused: the time a
 * guest is down in a migration has to be measured from outside (watch.c).
 *
 * Kernel command line:
 *   vmmig.heartbeat=MS   period of the heartbeat (10)
 *   vmmig.write=MS       period of the disk writes (20); 0: none
 *   vmmig.dirty=MIB      memory to keep dirtying (0)
 *   vmmig.rate=MIB/S     how fast (0: as fast as it can)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"

#define PAGE 4096
#define MIB (1024 * 1024)

/* What the processes share. */
static struct shared {
	volatile uint64_t acked;
} * shared;

static uint64_t boot_id;
static int serial = 1;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Sleeps until the clock shows t; when that is long past (the guest was
 * starved), the schedule starts anew instead of being caught up with. */
static uint64_t sleep_until(uint64_t t, uint64_t period)
{
	uint64_t now = now_us();

	if (now > t + 10 * period)
		return now;
	struct timespec ts = { (time_t)(t / 1000000), (long)(t % 1000000) * 1000 };
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return t;
}

/* One message, one write: processes do not get into each other's lines. */
__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(serial, line, (size_t)n) < 0)
		return;
}

static long parameter(const char *name, long otherwise)
{
	char text[2048];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return otherwise;
	text[n] = '\0';
	size_t length = strlen(name);
	for (char *save = NULL, *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (strncmp(word, name, length) == 0 && word[length] == '=')
			return strtol(word + length + 1, NULL, 10);
	}
	return otherwise;
}

/* The initrd lists its modules, in the order in which they need each other. */
static void load_modules(void)
{
	char name[128], path[160];
	FILE *list = fopen("/modules/order", "re");

	while (list && fscanf(list, "%127s", name) == 1) {
		snprintf(path, sizeof(path), "/modules/%s", name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST))
			report("E module %s %d", name, errno);
		if (fd >= 0)
			close(fd);
	}
	if (list)
		fclose(list);
}

/* Every network interface up, so that the guest's tap is in use. */
static void network_up(void)
{
	DIR *dir = opendir("/sys/class/net");
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (struct dirent *e; dir && fd >= 0 && (e = readdir(dir));) {
		struct ifreq request = { 0 };

		if (e->d_name[0] == '.' || strlen(e->d_name) >= IFNAMSIZ)
			continue;
		memcpy(request.ifr_name, e->d_name, strlen(e->d_name));
		request.ifr_flags = IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &request);
	}
	if (dir)
		closedir(dir);
	if (fd >= 0)
		close(fd);
}

static void power_off(void)
{
	report("OFF");
	sync();
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
}

/* The power button is one of the input devices; wait for its key. */
static void run_button(void)
{
	struct pollfd fds[16];
	nfds_t n = 0;

	for (int i = 0; i < 16; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			fds[n++] = (struct pollfd) { .fd = fd, .events = POLLIN };
	}
	if (n == 0)
		report("E button %d", ENODEV);
	while (n > 0) {
		if (poll(fds, n, -1) < 0)
			continue;
		for (nfds_t i = 0; i < n; i++) {
			struct input_event e;

			if ((fds[i].revents & POLLIN) && read(fds[i].fd, &e, sizeof(e)) == sizeof(e) &&
			    e.type == EV_KEY && e.code == KEY_POWER && e.value == 1)
				power_off();
		}
	}
	pause();
}

static void run_disk(int fd, uint64_t sequence, long period_ms)
{
	uint64_t period = (uint64_t)period_ms * 1000, next = now_us();
	static struct ring_record record __attribute__((aligned(PAGE)));
	int last_error = 0;

	memcpy(record.magic, RING_MAGIC, sizeof(record.magic));
	record.boot = boot_id;
	for (;;) {
		record.sequence = sequence + 1;
		record.monotonic_us = now_us();
		record.check = ring_check(&record);
		ssize_t n = pwrite(fd, &record, sizeof(record), (off_t)(sequence % RING_SECTORS) * RING_SECTOR);

		if (n == (ssize_t)sizeof(record)) {
			shared->acked = ++sequence;
			last_error = 0;
		} else if (last_error != (n < 0 ? errno : EIO)) {
			last_error = n < 0 ? errno : EIO;
			report("E disk %d", last_error);
		}
		next = sleep_until(next + period, period);
	}
}

/* Contents that do not compress well: the same for the same n (the finaliser of splitmix64). */
static uint64_t noise(uint64_t n)
{
	n += boot_id;
	n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
	n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
	return n ^ (n >> 31);
}

/* A page holds what the round before has left in it; then it gets this round's. */
static void dirty_page(uint64_t *memory, uint64_t pages, uint64_t n)
{
	static int lost;
	uint64_t *page = memory + n % pages * (PAGE / sizeof(*memory)), was = noise(n - pages), now = noise(n);

	if (n >= pages && (page[0] != was || page[100] != was || page[200] != was || page[300] != was) && lost++ < 10)
		report("E page %llu", (unsigned long long)(n % pages));
	page[0] = page[100] = page[200] = page[300] = now;
}

/* Touches memory page by page: a few words of each page get new contents, as a
 * busy guest would do it, at a steady rate in steps of 5 ms. */
static void run_dirty(long mib, long rate)
{
	size_t size = (size_t)mib * MIB;
	uint64_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t written = 0; /* pages, since the start */

	if (memory == MAP_FAILED) {
		report("E dirty %d", errno);
		pause();
	}
	for (size_t i = 0; i < size / sizeof(*memory); i++)
		memory[i] = noise(~i);
	report("DIRTY %ld %ld", mib, rate);

	const uint64_t step = 5000;
	uint64_t start = now_us(), next = start, done = 0, reported = start, reported_done = 0;
	for (;;) {
		uint64_t now = now_us();
		uint64_t due = rate > 0 ? (now - start) * (uint64_t)rate * MIB / PAGE / 1000000 : done + 256;

		/* After a pause of ours, or when too slow, do not catch up in one burst. */
		if (rate > 0 && due > done + (uint64_t)rate * MIB / PAGE / 10) {
			start = now;
			done = 0;
			due = (uint64_t)rate * MIB / PAGE * step / 1000000 + 1;
			reported_done = 0;
			reported = now;
		}
		for (; done < due; done++)
			dirty_page(memory, size / PAGE, written++);
		if (now - reported >= 10000000) {
			uint64_t reached = (done - reported_done) * PAGE / MIB * 1000000 / (now - reported);

			if (rate > 0 && reached * 10 < (uint64_t)rate * 9)
				report("SLOW %llu", (unsigned long long)reached);
			reported = now;
			reported_done = done;
		}
		if (rate > 0)
			next = sleep_until(next + step, step);
	}
}

static void run_heartbeat(long period_ms)
{
	uint64_t period = (uint64_t)period_ms * 1000, next = now_us();

	for (unsigned long long n = 1;; n++) {
		report("H %016llx %llu %llu %llu", (unsigned long long)boot_id, n, (unsigned long long)now_us(),
		       (unsigned long long)shared->acked);
		next = sleep_until(next + period, period);
	}
}

/* Opens the disk and reads its ring; -1 when there is none. */
static int open_disk(struct ring_state *state)
{
	static struct ring_record ring[RING_SECTORS] __attribute__((aligned(PAGE)));
	int fd = open("/dev/vda", O_RDWR | O_DIRECT | O_SYNC | O_CLOEXEC);

	if (fd < 0)
		return -1;
	ssize_t n = pread(fd, ring, sizeof(ring), 0);
	if (n != (ssize_t)sizeof(ring)) {
		report("E disk %d", n < 0 ? errno : ENOSPC);
		close(fd);
		return -1;
	}
	*state = ring_examine(ring);
	return fd;
}

int main(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	serial = open("/dev/ttyS0", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (serial < 0)
		serial = 1;
	/* A fresh guest has hardly any entropy, so the time of day comes in too. */
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (getrandom(&boot_id, sizeof(boot_id), GRND_INSECURE) != sizeof(boot_id))
		boot_id = now_us();
	boot_id ^= ((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) * 0x9e3779b97f4a7c15u;
	report("BOOT %016llx", (unsigned long long)boot_id);
	load_modules();
	klogctl(8, NULL, 2); /* the console is ours; let only the kernel's last words through */
	network_up();

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		report("E memory %d", errno);
		power_off();
	}

	struct ring_state ring = { 0, 0, 0, 0 };
	int disk = -1;
	for (int i = 0; i < 50 && (disk = open_disk(&ring)) < 0 && errno == ENOENT; i++)
		usleep(20000); /* the disk shows up a moment after its driver */
	if (disk >= 0)
		report("RING highest=%llu records=%llu holes=%llu damaged=%llu", (unsigned long long)ring.highest,
		       (unsigned long long)ring.records, (unsigned long long)ring.holes,
		       (unsigned long long)ring.damaged);
	else
		report("RING none");
	shared->acked = ring.highest;

	long heartbeat = parameter("vmmig.heartbeat", 10), period = parameter("vmmig.write", 20);
	long mib = parameter("vmmig.dirty", 0), rate = parameter("vmmig.rate", 0);

	if (fork() == 0)
		run_button();
	if (disk >= 0 && period > 0 && fork() == 0)
		run_disk(disk, ring.highest, period);
	if (mib > 0 && fork() == 0)
		run_dirty(mib, rate);
	report("READY %016llx", (unsigned long long)boot_id);
	if (fork() == 0)
		run_heartbeat(heartbeat > 0 ? heartbeat : 10);
	for (;;) {
		int status;

		if (wait(&status) > 0)
			report("E child %d", status);
		else
			pause();
	}
}

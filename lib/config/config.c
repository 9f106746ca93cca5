/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding and reading the file; see read.c for what is in it. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "config/private.h"

static bool may_exist(const char *path)
{
	/* one that is there but not readable is reported, not passed over */
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

char *config_locate(const char *path)
{
	auto_free char *user = NULL;
	const char *dir;

	if (!path || !*path)
		path = getenv("VMMIG_CONF");
	if (path && *path)
		return xstrdup(path);
	dir = getenv("XDG_CONFIG_HOME");
	if (dir && *dir == '/') {
		user = str_printf("%s/vmmig/vmmig.conf", dir);
	} else {
		auto_free char *home = config_home();

		if (home)
			user = str_printf("%s/.config/vmmig/vmmig.conf", home);
	}
	if (user && may_exist(user))
		return STEAL(user);
	return may_exist(VMMIG_SYSCONFDIR "/vmmig/vmmig.conf") ? xstrdup(VMMIG_SYSCONFDIR "/vmmig/vmmig.conf") : NULL;
}

/* The file says which hosts and keys are used: it is as good as a shell for who can write it. */
static int check_file(const char *path, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, E_CONFIG, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, E_CONFIG, 0, "%s: is a directory", path);
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH))) {
		err_set(err, E_CONFIG, 0, "%s: others than its owner may write it (mode %04o)", path,
			(unsigned)(st.st_mode & 07777));
		return err_hint(err, "chmod go-w %s", path);
	}
	return 0;
}

static int read_all(const char *path, struct buf *text, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char chunk[16384];
	ssize_t n;

	if (fd < 0)
		return err_set(err, E_CONFIG, errno, "%s", path);
	if (check_file(path, fd, err) < 0)
		return -1;
	buf_add(text, "", 0);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, E_CONFIG, errno, "%s", path);
		if (text->len + (size_t)n > CONFIG_FILE_MAX)
			return err_set(err, E_CONFIG, 0, "%s: longer than %d bytes", path, CONFIG_FILE_MAX);
		buf_add(text, chunk, (size_t)n);
	}
	return 0;
}

struct config *config_load(const char *path, struct err *err)
{
	auto_buf struct buf text = { 0 };

	buf_add(&text, "", 0);
	if (path && read_all(path, &text, err) < 0)
		return NULL;
	return config_read_text(path, text.p, text.len, err);
}

static void free_images(struct image_config *c)
{
	for (size_t i = 0; i < c->backing_n; i++) {
		free(c->backing[i].file);
		free(c->backing[i].glance_id);
		free(c->backing[i].url);
		free(c->backing[i].digest);
		free(c->backing[i].format);
	}
	free(c->backing);
	free(c->backing_from);
	free(c->glance_url);
	free(c->token_file);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->hosts_n; i++)
		host_spec_free(c->hosts[i]);
	free(c->hosts);
	free(c->path);
	free(c->policy);
	free(c->on_timeout);
	free(c->source_disks);
	free(c->transport);
	free_images(&c->images);
	free(c->journal_path);
	free(c);
}

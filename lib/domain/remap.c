/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "domain/remap.h"

#include <limits.h>
#include <string.h>

#include "base/str.h"

static int wrong(const char *option, const char *word, const char *problem, struct err *err)
{
	auto_free char *shown = str_sanitize(word, PATH_MAX);

	return err_set(err, E_USAGE, 0, "%s \"%s\": %s", option, shown, problem);
}

/* Nothing in it that would have to be sanitised: XML cannot have control characters, nor what is not UTF-8. */
static bool is_clean(const char *s)
{
	auto_free char *shown = str_sanitize(s, strlen(s));

	return str_eq(s, shown);
}

static bool is_dots(const char *component, size_t len)
{
	return len && len <= 2 && strspn(component, ".") >= len;
}

static bool has_dots(const char *path)
{
	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (is_dots(path, n))
			return true;
	}
	return false;
}

/* What is wrong with a path that the user gave, or NULL. */
static const char *path_problem(const char *path)
{
	if (*path != '/')
		return "the path must be absolute";
	if (strlen(path) >= PATH_MAX)
		return "the path is too long";
	if (!is_clean(path))
		return "the path has control characters in it, or is not UTF-8";
	if (has_dots(path))
		return "the path must have no \".\" or \"..\" in it";
	return NULL;
}

char *path_tidy(const char *path)
{
	struct buf b = { 0 };

	buf_add(&b, "", 0);
	for (const char *p = path + strspn(path, "/"); *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");

		if (!is_dots(p, n)) {
			buf_add(&b, "/", 1);
			buf_add(&b, p, n);
		} else if (n == 2 && b.len) {
			b.len = (size_t)(strrchr(b.p, '/') - b.p);
			b.p[b.len] = '\0';
		}
		p += n;
	}
	if (!b.len)
		buf_add(&b, "/", 1);
	return b.p;
}

static const struct disk_choice *find_disk(const struct remap *r, const char *target)
{
	for (size_t i = 0; i < r->disks_n; i++)
		if (str_eq(r->disks[i].target, target))
			return &r->disks[i];
	return NULL;
}

int remap_add_disk(struct remap *r, const char *word, struct err *err)
{
	size_t len = strcspn(word, "=");
	const char *path = word[len] ? word + len + 1 : NULL;
	auto_free char *target = xstrndup(word, len);
	const char *problem = path ? path_problem(path) : NULL;
	struct disk_choice *d;

	if (!len || strchr(target, '/') || !is_clean(target)) {
		wrong("--disk", word, "must begin with the target of a disk", err);
		return err_hint_text(err, "a disk is named as in the guest's XML: --disk vda or --disk vda=/new/path");
	}
	if (!problem && path && path[strlen(path) - 1] == '/')
		problem = "the path must be that of a file, not of a directory";
	if (!problem && find_disk(r, target))
		problem = "the disk is named twice";
	if (problem)
		return wrong("--disk", word, problem, err);
	d = ARRAY_ADD(r->disks, r->disks_n);
	d->target = STEAL(target);
	d->path = path ? path_tidy(path) : NULL;
	return 0;
}

static const char *map_problem(const struct remap *r, const char *from, const char *to)
{
	if (str_eq(from, "/") || str_eq(to, "/"))
		return "the root directory cannot be mapped";
	if (str_eq(from, to))
		return "both directories are the same";
	for (size_t i = 0; i < r->maps_n; i++)
		if (str_eq(r->maps[i].from, from))
			return "the directory is mapped twice";
	return NULL;
}

int remap_add_storage(struct remap *r, const char *word, struct err *err)
{
	const char *equals = *word == '/' ? strstr(word, "=/") : NULL;
	auto_free char *left = NULL, *from = NULL, *to = NULL;
	const char *problem;
	struct storage_map *m;

	if (!equals) {
		wrong("--storage", word,
		      strchr(word, '=') ? "both paths must be absolute" : "must be two directories with \"=\" between",
		      err);
		return err_hint_text(err, "for example: --storage /srv/pool-a=/srv/pool-b");
	}
	left = xstrndup(word, (size_t)(equals - word));
	problem = path_problem(left);
	if (!problem)
		problem = path_problem(equals + 1);
	from = path_tidy(left);
	to = path_tidy(equals + 1);
	if (!problem)
		problem = map_problem(r, from, to);
	if (problem)
		return wrong("--storage", word, problem, err);
	m = ARRAY_ADD(r->maps, r->maps_n);
	m->from = STEAL(from);
	m->to = STEAL(to);
	return 0;
}

bool remap_selects(const struct remap *r, const char *target)
{
	return !r->disks_n || find_disk(r, target);
}

/* /srv/ab is not in /srv/a. */
static bool is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (!path[len] || path[len] == '/');
}

char *remap_path(const struct remap *r, const char *target, size_t depth, const char *path)
{
	const struct disk_choice *d = find_disk(r, target);
	const struct storage_map *best = NULL;
	auto_free char *plain = NULL;

	if (r->disks_n && !d) /* a disk that is not to move keeps its paths */
		return xstrdup(path);
	if (d && d->path && depth == 0)
		return xstrdup(d->path);
	/* nothing, "nbd://…", "json:{…": lies in no directory */
	if (!path || *path != '/')
		return xstrdup(path);
	plain = path_tidy(path);
	for (size_t i = 0; i < r->maps_n; i++) {
		const struct storage_map *m = &r->maps[i];

		if (is_in(plain, m->from) && (!best || strlen(m->from) > strlen(best->from)))
			best = m;
	}
	return best ? str_printf("%s%s", best->to, plain + strlen(best->from)) : xstrdup(path);
}

void remap_clear(struct remap *r)
{
	for (size_t i = 0; i < r->disks_n; i++) {
		free(r->disks[i].target);
		free(r->disks[i].path);
	}
	for (size_t i = 0; i < r->maps_n; i++) {
		free(r->maps[i].from);
		free(r->maps[i].to);
	}
	free(r->disks);
	free(r->maps);
	*r = (struct remap) { 0 };
}

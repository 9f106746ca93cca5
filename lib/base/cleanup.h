/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Release by declaration. `auto_free char *p = NULL;` frees p when it leaves
 * its scope; ownership goes on with STEAL(). Every type that owns something
 * declares its own auto_ macro beside its struct with AUTO_DEFINE.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(fn)))

static inline void auto_free_(void *p)
{
	free(*(void **)p);
}
#define auto_free AUTO(auto_free_)

static inline void auto_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define auto_close AUTO(auto_close_)

/* Takes the pointer out of a variable that would free it: its value, and NULL stays behind. */
#define STEAL(p)                        \
	({                              \
		__typeof__(p) p_ = (p); \
		(p) = NULL;             \
		p_;                     \
	})

/* AUTO_DEFINE(foo, struct foo *, foo_free) makes auto_foo; the pointer may be NULL. */
#define AUTO_DEFINE(name, type, release)           \
	static inline void auto_##name##_(type *p) \
	{                                          \
		if (*p)                            \
			release(*p);               \
	}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif

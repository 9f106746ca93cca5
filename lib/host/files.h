/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of a host: what vmmig looks at and makes when disks move along with a
 * guest. Each call is one remote command; names are arguments, never syntax,
 * and what comes back is parsed strictly. Paths are absolute.
 *
 * What is made is made under a name of its own (file_temp_name()), told apart by
 * device and inode (struct file_id), and only then published under its real name,
 * which never replaces anything. So at every moment it can be told what is ours: whoever
 * journals between the steps can undo after a crash without guessing.
 *
 * Behind each call stands struct file_ops, so that unit tests can let the n-th call fail.
 */
#ifndef HOST_FILES_H
#define HOST_FILES_H

#include "base/ranges.h"
#include "domain/image.h"
#include "host/host.h"

enum fact { FACT_UNKNOWN = 0, FACT_NO, FACT_YES };

/* Which file it is: tells a file from another one that has taken its name. */
struct file_id {
	uint64_t dev, ino;
};
char *file_id_text(struct file_id id);                   /* "64769:1234"; caller frees */
int file_id_parse(const char *text, struct file_id *id); /* -1: it is none */
bool file_id_eq(struct file_id a, struct file_id b);

/* What a host says of one path; strings sanitised. */
struct file_fact {
	enum fact present; /* UNKNOWN: a directory on the way may not be searched, or the host did not answer */
	char kind;         /* 'f' file, 'd' directory, 'b' block, 'o' other; 0 when not present */
	struct file_id id;
	uint64_t size, allocated; /* bytes; of a block device its size */
	int64_t mtime_ns, ctime_ns;
	unsigned mode; /* permission bits */
	uint64_t uid, gid;
	char *user, *group; /* names, or NULL */
	char *label;        /* security label (SELinux), or NULL */
	enum fact busy;     /* block devices: something holds it open, or it is mounted */
	/* the deepest directory on the way to it that exists */
	enum fact dir_writable;
	bool dir_is_parent; /* it is its own directory */
	bool dir_is_none;   /* something that is no directory stands in the way */
	uint64_t dir_dev;   /* its file system */
	uint64_t avail;     /* bytes free there for us; UINT64_MAX: not known */
};
void file_fact_clear(struct file_fact *f);

/* How a new file or directory is to be: like one on the other host. Borrowed strings. */
struct file_like {
	unsigned mode;
	uint64_t uid, gid;
	const char *user, *group, *label;
};
struct file_like file_like(const struct file_fact *f); /* borrows from f */

/* An empty image. */
struct image_make {
	const char *format;         /* "qcow2", "raw" */
	const char *options;        /* image_create_options(), or NULL */
	uint64_t size;              /* virtual size, bytes */
	const char *backing;        /* or NULL */
	const char *backing_format; /* with backing */
};

/* What became of something that was to go. */
enum file_gone {
	FILE_REMOVED,
	FILE_ABSENT,  /* it was not there any more */
	FILE_CHANGED, /* another file has this name now: left alone */
	FILE_OPEN,    /* somebody has it open: left alone */
	FILE_BUSY_DIR /* a directory that is not empty: left alone */
};
const char *file_gone_name(enum file_gone g);

/* How the content of a file is compared. */
enum digest_kind {
	DIGEST_ALL, /* every byte */
	/*
	 * A qcow2 image whose backing file has another name on the other host: all but the first cluster, and of that
	 * the header without the two fields that say where the name stands. QEMU writes the name only there
	 * (docs/interop/qcow2.txt: it "must be located in the first cluster").
	 */
	DIGEST_QCOW2_REBASED,
};
enum { DIGEST_HEX = 64 };

/* Where a receiver listens. */
struct receiver {
	struct exec_hold *hold;
	unsigned port;
	char *socket; /* or its UNIX socket, and no port */
	char *key;    /* a secret: only ever in standard input and files of mode 0600 */
	char *pid;    /* of server_begin() */
};

#define RECEIVER_EXPORT "vmmig"

/* One piece of a file on its way to a receiver. */
struct send_piece {
	const char *path;
	bool block;          /* a block device */
	const char *address; /* or the path of a UNIX socket */
	unsigned port;
	const char *key;
	const char *export_name; /* of receiver_begin(): RECEIVER_EXPORT; of server_begin(): the file's number */
	uint64_t offset, length;
	unsigned bandwidth_mib; /* MiB/s; 0: no limit */
};

struct file_ops {
	int (*stat)(struct host *h, const char *const paths[], size_t n, struct file_fact *out, struct err *err);
	int (*chain)(struct host *h, const char *path, const char *format, bool whole, struct image_chain *out,
		     struct err *err);
	int (*digest)(struct host *h, const char *path, enum digest_kind kind, uint64_t cluster_size,
		      char hex[DIGEST_HEX + 1], struct err *err);
	int (*list)(struct host *h, const char *dir, struct strv *out, struct err *err);
	int (*map)(struct host *h, const char *path, bool block, struct ranges *out, struct err *err);
	int (*digest_ranges)(struct host *h, const char *path, const struct ranges *r, char hex[DIGEST_HEX + 1],
			     struct err *err);
	int (*sample)(struct host *h, const char *path, uint64_t size, struct strv *out, struct err *err);
	int (*make_dir)(struct host *h, const char *temp, const struct file_like *like, struct file_id *id,
			struct err *err);
	int (*make_image)(struct host *h, const char *temp, const struct image_make *m, const struct file_like *like,
			  struct file_id *id, struct err *err);
	int (*publish)(struct host *h, const char *temp, const char *path, struct file_id id, struct err *err);
	int (*remove)(struct host *h, const char *path, struct file_id id, enum file_gone *gone, struct err *err);
	int (*rename)(struct host *h, const char *path, const char *to, struct file_id id, enum file_gone *gone,
		      struct err *err);
	int (*part_open)(struct host *h, const char *part, const char *what, uint64_t size, struct file_id *id,
			 struct buf *done, struct err *err);
	int (*part_trim)(struct host *h, const char *part, uint64_t size, struct err *err);
	int (*part_mark)(struct host *h, const char *part, const char *mark, struct err *err);
	int (*part_finish)(struct host *h, const char *part, const struct file_like *like, const char *backing,
			   const char *backing_format, bool keep, struct file_id *id, struct err *err);
	int (*part_done)(struct host *h, const char *part, struct err *err);
	int (*part_drop)(struct host *h, const char *part, struct err *err);
	int (*receive)(struct host *h, const char *part, const char *address, unsigned port_min, unsigned port_max,
		       struct receiver *r, struct err *err);
	int (*serve)(struct host *h, const struct strv *files, const char *address, unsigned port_min,
		     unsigned port_max, struct receiver *r, struct err *err);
	int (*alive)(struct host *h, const struct receiver *r, struct err *err);
	int (*send)(struct host *h, const struct send_piece *p, struct err *err);
	int (*lock)(struct host *h, bool exclusive, const char *const paths[], struct exec_hold **lock,
		    struct err *err);
};
extern const struct file_ops file_ops_ssh;
void host_set_file_ops(struct host *h, const struct file_ops *ops);
const struct file_ops *host_file_ops(const struct host *h);

/*
 * The callers of the operations; each returns 0 or -1 with err, its message without the host's label.
 *
 * files_stat(): n answers, in the order of the paths; always fills out (unknown on failure).
 * image_chain(): qemu-img info of path, which is of that format (NULL: as qemu-img finds out), with its backing
 *   files if whole; also of an image that is in use.
 * files_list(): the paths of all files below a directory; none if it is not there.
 * file_digest(): SHA-256. Takes as long as reading the file does.
 * device_sample(): digests of some places of a block device, as it is on the device itself; "-" where it cannot be
 * read.
 */
int files_stat(struct host *h, const char *const paths[], size_t n, struct file_fact *out, struct err *err);
int image_chain(struct host *h, const char *path, const char *format, bool whole, struct image_chain *out,
		struct err *err);
int file_digest(struct host *h, const char *path, enum digest_kind kind, uint64_t cluster_size,
		char hex[DIGEST_HEX + 1], struct err *err);

int files_list(struct host *h, const char *dir, struct strv *out, struct err *err);
/*
 * file_map(): where in the file there are data; the rest is holes, which read as zeros. Of a block device: all of it.
 * Gaps that are small, as seen from the size of the file, are taken for data.
 * file_digest_ranges(): SHA-256 over those bytes alone.
 */
int file_map(struct host *h, const char *path, bool block, struct ranges *out, struct err *err);
int file_digest_ranges(struct host *h, const char *path, const struct ranges *r, char hex[DIGEST_HEX + 1],
		       struct err *err);

int device_sample(struct host *h, const char *path, uint64_t size, struct strv *out, struct err *err);

/* The name under which `path` is made by migration `id`: in the same directory, hidden. Caller frees. */
char *file_temp_name(const char *path, const char *id);
/* The name a file has while it is fetched: the same for every vmmig, so that the next one goes on with it. */
char *file_part_name(const char *path);

/* Make under a temporary name; *id is what was made. */
int dir_make(struct host *h, const char *temp, const struct file_like *like, struct file_id *id, struct err *err);
int image_make(struct host *h, const char *temp, const struct image_make *m, const struct file_like *like,
	       struct file_id *id, struct err *err);
/* Give it its name. E_PREPARE if there is something of that name: nothing is ever replaced. */
int file_publish(struct host *h, const char *temp, const char *path, struct file_id id, struct err *err);
/* Remove a file or an empty directory, only if it is the one of that id and nobody has it open. */
int file_remove(struct host *h, const char *path, struct file_id id, enum file_gone *gone, struct err *err);
/* The same for a new name in the same directory; FILE_REMOVED: it has it. */
int file_rename(struct host *h, const char *path, const char *to, struct file_id id, enum file_gone *gone,
		struct err *err);

/*
 * A file on its way (file_part_name()), of size bytes (0: not known before), with a record of what is there already.
 * what: says exactly which content is meant ("sha256:… of 123 bytes"); a part of something else is begun anew. *done:
 * the marks made so far, one a line. part_mark() adds one, after the data is on disk.
 * part_trim(): its length is this one. part_finish(): the record goes (keep: not yet; part_done() does it later),
 * owner, mode and label as said, backing: the name of its backing file is changed to this one (or NULL); what is left
 * is the file under its part name, to be published. part_drop(): all of it goes.
 */
int part_open(struct host *h, const char *part, const char *what, uint64_t size, struct file_id *id, struct buf *done,
	      struct err *err);
int part_trim(struct host *h, const char *part, uint64_t size, struct err *err);
int part_mark(struct host *h, const char *part, const char *mark, struct err *err);
int part_finish(struct host *h, const char *part, const struct file_like *like, const char *backing,
		const char *backing_format, bool keep, struct file_id *id, struct err *err);
int part_done(struct host *h, const char *part, struct err *err);
int part_drop(struct host *h, const char *part, struct err *err);

/*
 * A qemu-nbd that takes the content of a part; authenticated and encrypted with a key made for it (TLS-PSK), on a port
 * of the range. Ends with receiver_end(), with vmmig, or with the connection. address: to listen on, NULL: all; "unix":
 * on a UNIX socket that only root can use.
 */
int receiver_begin(struct host *h, const char *part, const char *address, unsigned port_min, unsigned port_max,
		   struct receiver *r, struct err *err);
void receiver_end(struct receiver *r);
/*
 * The same for several files (or block devices) at once, as exports "0", "1", …, by one qemu-storage-daemon. It takes
 * no locks on them: they are ours alone, by their names (files_lock()).
 */
int server_begin(struct host *h, const struct strv *files, const char *address, unsigned port_min, unsigned port_max,
		 struct receiver *r, struct err *err);
/* Is its process still there? 1: yes; 0: no; -1: not to be told. */
int server_alive(struct host *h, const struct receiver *r, struct err *err);
/* Sends one piece, holes left out; when it returns the data is on the receiver's disk. */
int file_send(struct host *h, const struct send_piece *p, struct err *err);

/*
 * Locks on names (not on the files themselves, which may not be there), in /run of the host, all of them or none;
 * shared or exclusive, never waits. 0 with *lock; 1: somebody else has one of them; -1 err. host_hold_end() releases.
 */
int files_lock(struct host *h, bool exclusive, const char *const paths[], struct exec_hold **lock, struct err *err);

#endif

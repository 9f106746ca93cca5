/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lies between the scripts of host/files.h and their callers; the parser is pure. */
#ifndef HOST_FILES_PRIVATE_H
#define HOST_FILES_PRIVATE_H

#include "host/files.h"

extern const char files_stat_script[], files_make_dir_script[], files_make_image_script[], files_publish_script[],
	files_remove_script[], files_rename_script[], files_digest_script[], files_part_open_script[],
	files_part_mark_script[], files_part_finish_script[], files_part_drop_script[], files_sample_script[],
	files_receive_script[], files_send_script[], files_lock_script[], files_map_script[],
	files_digest_ranges_script[], files_serve_script[], files_part_done_script[];

/* The answer of files_stat_script about n paths. -1: not what it should be; out is cleared then. */
int files_parse_stat(const char *text, size_t n, struct file_fact *out);

/* That of files_map_script. -1: not what it should be; out is cleared then. */
int files_parse_map(char *text, struct ranges *out);

#endif

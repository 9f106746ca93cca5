/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one list of keys, and what may stand in their strings. */
#include <string.h>

#include "config/private.h"

/* A host's string ends up in messages, URIs and libvirt calls: no control characters, and valid UTF-8. */
const char *config_text_problem(const char *value)
{
	auto_free char *clean = str_sanitize(value, strlen(value) + 1);

	if (!*value)
		return "is empty";
	return str_eq(value, clean) ? NULL : "has a control character or is not UTF-8";
}

const char *config_name_problem(const char *value)
{
	if (strlen(value) > 255)
		return "is longer than 255 bytes";
	if (*value == '-')
		return "begins with \"-\"";
	if (strchr(value, '/'))
		return "has a \"/\"";
	if (*value == ' ' || (*value && value[strlen(value) - 1] == ' '))
		return "begins or ends with a space";
	return config_text_problem(value);
}

const char *config_address_problem(const char *value)
{
	if (strlen(value) > 255)
		return "is longer than 255 bytes";
	if (*value == '-')
		return "begins with \"-\"";
	if (strpbrk(value, " /@[]?#"))
		return "is not a host name or IP address";
	return config_text_problem(value);
}

const char *config_user_problem(const char *value)
{
	if (strlen(value) > 255)
		return "is longer than 255 bytes";
	if (*value == '-')
		return "begins with \"-\"";
	if (strpbrk(value, " /:"))
		return "is not a user name";
	return config_text_problem(value);
}

const char *config_file_problem(const char *value)
{
	if (*value && *value != '/')
		return "is not an absolute path";
	return config_text_problem(value);
}

/* The way to the host is vmmig's own: a transport or another host in the URI would lead around it. */
static const char *uri_problem(const char *value)
{
	const char *sep = strstr(value, "://");

	if (!sep || sep == value || memchr(value, '+', (size_t)(sep - value)) || sep[3] != '/' || strchr(value, '#'))
		return "is not a URI of the host itself, like qemu:///system";
	return config_text_problem(value);
}

static const char *home_file_problem(const char *value)
{
	return str_starts(value, "~/") ? config_text_problem(value) : config_file_problem(value);
}

/* [USER@]HOST[:PORT] of len bytes, up to the path; HOST in brackets when it has colons. */
static bool is_authority(const char *s, size_t len, bool user)
{
	const char *at = memrchr(s, '@', len), *host = at ? at + 1 : s, *end = s + len;
	size_t n = strcspn(host, *host == '[' ? "]/?#" : ":/?#");
	auto_free char *port = NULL;
	unsigned long long v;

	if (*host == '[' && host[n] == ']')
		n++;
	if ((at && !user) || !n)
		return false;
	if (host + n == end)
		return *host != '[' || end[-1] == ']';
	port = xstrndup(host + n + 1, (size_t)(end - host) - n - 1);
	return host[n] == ':' && str_to_uint(port, 1, 65535, &v) == 0;
}

/* user: one may stand before the host. unwanted: what may not be in it behind the scheme. */
static const char *http_problem(const char *value, bool user, const char *unwanted)
{
	const char *rest = str_starts(value, "http://") ? value + 7 : str_starts(value, "https://") ? value + 8 : NULL;

	if (!rest || !is_authority(rest, strcspn(rest, "/?#"), user) || strpbrk(rest, unwanted))
		return "is not a URL like https://images.example.org:9292/path";
	for (const char *p = rest; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"<>\\^`{|}", *p))
			return "has a character that a URL cannot have";
	return NULL;
}

const char *config_glance_problem(const char *value)
{
	return http_problem(value, false, "@?#");
}

const char *config_url_problem(const char *value)
{
	return http_problem(value, true, "#");
}

static const char *backing_file_problem(const char *value)
{
	const char *slash = strrchr(value, '/'), *name = slash ? slash + 1 : value;

	if (slash && *value != '/')
		return "is neither an absolute path nor a name without \"/\"";
	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return "is not the name of a file";
	return config_text_problem(value);
}

static const char *uuid_problem(const char *value)
{
	return str_is_uuid(value) ? NULL : "is not a UUID";
}

static const char *digest_problem(const char *value)
{
	size_t len = strlen("sha256:"), digits = str_starts(value, "sha256:") ? 64 : 128;

	if (!str_starts(value, "sha256:") && !str_starts(value, "sha512:"))
		return "does not begin with \"sha256:\" or \"sha512:\"";
	if (strlen(value) != len + digits || strspn(value + len, "0123456789abcdefABCDEF") != digits)
		return "does not have the 64 (sha256) or 128 (sha512) hexadecimal digits it needs";
	return NULL;
}

#define HOST_STRING(field_) \
	.section = "hosts", .name = #field_, .type = CONFIG_STRING, .offset = offsetof(struct host_spec, field_)
#define UINT(section_, field_, unit_, min_, max_)                                                                   \
	.section = (section_), .name = #field_, .type = CONFIG_UINT, .unit = (unit_), .min = (min_), .max = (max_), \
	.offset = offsetof(struct config, field_)

const struct config_key config_keys[] = {
	{ HOST_STRING(name), .example = "\"alpha\"", .problem = config_name_problem,
	  .text = "What the host is called on the command line. Required, and each name once." },
	{ HOST_STRING(address), .example = "\"alpha.example.org\"", .problem = config_address_problem,
	  .text = "Host name or IP address as this machine reaches it. Default: the name." },
	{ .section = "hosts",
	  .name = "port",
	  .type = CONFIG_UINT,
	  .min = 1,
	  .max = 65535,
	  .example = "22",
	  .offset = offsetof(struct host_spec, port),
	  .text = "Port of the SSH server. Default: what ~/.ssh/config says, else 22." },
	{ HOST_STRING(user), .example = "\"root\"", .problem = config_user_problem,
	  .text = "User to log in as. Default: what ~/.ssh/config says, else the user who runs vmmig." },
	{ HOST_STRING(identity), .example = "\"/etc/vmmig/id_ed25519\"", .problem = home_file_problem,
	  .text = "Private key. Default: the SSH agent's keys, and those ~/.ssh/config names." },
	{ HOST_STRING(known_hosts), .example = "\"/etc/vmmig/known_hosts\"", .problem = home_file_problem,
	  .text = "File with the keys of hosts. Default: what ~/.ssh/config says, else ~/.ssh/known_hosts." },
	{ HOST_STRING(uri), .def = "\"qemu:///system\"", .problem = uri_problem,
	  .text = "URI of libvirt on the host, as a program on that host would use it." },
	{ HOST_STRING(socket), .def = "\"/run/libvirt/libvirt-sock\"", .problem = config_file_problem,
	  .text = "libvirt's socket on the host. Where the modular daemons run without virtproxyd it is"
		  " /run/libvirt/virtqemud-sock." },
	{ HOST_STRING(migrate_address), .example = "\"10.1.0.1\"", .problem = config_address_problem,
	  .text = "Address the other hosts send memory and disks to, for a network of its own. Default: the address"
		  " libvirt on this host offers." },
	{ HOST_STRING(peer_uri), .example = "\"qemu+ssh://root@10.1.0.1/system\"", .problem = config_text_problem,
	  .text = "libvirt URI by which the other hosts reach this one. Default: made of user, address and port." },
	{ HOST_STRING(fence), .example = "\"/usr/local/sbin/fence alpha\"", .problem = config_text_problem,
	  .text = "Command that vmmig recover --evacuate runs on this machine, by sh, to be sure that the host is off; "
		  "it"
		  " must not end with 0 before that. Default: none; the operator's word is asked for." },

	{ UINT("migrate", max_downtime_ms, "ms", 1, 2000000), .def = "300",
	  .text = "Longest pause of a guest at the switchover. The limit begins lower, and is never set higher. 300 is"
		  " QEMU's own default." },
	{ .section = "migrate",
	  .name = "policy",
	  .type = CONFIG_CHOICE,
	  .choices = "careful balanced must-finish",
	  .def = "\"balanced\"",
	  .offset = offsetof(struct config, policy),
	  .text = "What is done about a guest that changes its memory faster than it can be sent: careful stops soon "
		  "and"
		  " leaves it at the source; balanced waits longer before it does so; must-finish switches to "
		  "post-copy." },
	{ UINT("migrate", bandwidth_mib, "MiB/s", 0, 1048576), .def = "0",
	  .text = "Bandwidth one migration may use. 0: no limit." },
	{ UINT("migrate", timeout_s, "s", 0, 604800), .def = "0",
	  .text = "Time after which on_timeout applies to a live migration that has not ended. 0: never." },
	{ .section = "migrate",
	  .name = "on_timeout",
	  .type = CONFIG_CHOICE,
	  .choices = "abort postcopy suspend",
	  .def = "\"abort\"",
	  .offset = offsetof(struct config, on_timeout),
	  .text = "What happens after timeout_s: abort leaves the guest at the source; postcopy runs it at the"
		  " destination at once, which fetches the rest of its memory; suspend pauses it until it is over." },
	{ .section = "migrate",
	  .name = "auto_converge",
	  .type = CONFIG_BOOL,
	  .def = "false",
	  .offset = offsetof(struct config, auto_converge),
	  .text = "Let QEMU slow a guest down that changes more than half of what is sent: by 20 % at first, then by "
		  "10 %"
		  " more each time." },
	{ .section = "migrate",
	  .name = "peer2peer",
	  .type = CONFIG_BOOL,
	  .def = "true",
	  .offset = offsetof(struct config, peer2peer),
	  .text = "Let the source's libvirt talk to the destination's where it can: then a migration ends well even if"
		  " this machine goes away. false: always control from here." },
	{ .section = "migrate",
	  .name = "transport",
	  .type = CONFIG_CHOICE,
	  .choices = "tcp tls ssh",
	  .def = "\"tcp\"",
	  .offset = offsetof(struct config, transport),
	  .text = "How memory and disks go from host to host: tcp in the clear; tls encrypted by QEMU, with the"
		  " certificates that libvirt's qemu.conf names; ssh through an SSH connection of the source to the"
		  " destination, without any open port but that." },
	{ UINT("migrate", parallel, NULL, 0, 64), .def = "0",
	  .text = "Connections through which memory goes at once. 0: one." },
	{ UINT("migrate", copy_streams, NULL, 1, 64), .def = "4",
	  .text = "Disks that vmmig cold copies at the same time, of all guests of a call together." },
	{ .section = "migrate",
	  .name = "source_disks",
	  .type = CONFIG_CHOICE,
	  .choices = "quarantine keep delete",
	  .def = "\"quarantine\"",
	  .offset = offsetof(struct config, source_disks),
	  .text = "What becomes of the source's disks once a guest has moved together with them: quarantine gives them"
		  " another name beside their own; keep leaves them as they are; delete removes them." },

	{ .section = "images",
	  .name = "reserve_mib",
	  .type = CONFIG_UINT,
	  .unit = "MiB",
	  .max = 1048576,
	  .def = "1024",
	  .offset = offsetof(struct config, images.reserve_mib),
	  .text = "What stays free on each file system of the destination when disks are brought there." },
	{ .section = "images",
	  .name = "backing_from",
	  .type = CONFIG_CHOICE,
	  .choices = "service-first source-first service-only source-only",
	  .def = "\"service-first\"",
	  .offset = offsetof(struct config, images.backing_from),
	  .text = "Where a backing file comes from that the destination does not have: an image service, from which the"
		  " destination downloads it, or the source host; and which of the two is asked first." },
	{ .section = "images",
	  .name = "glance_url",
	  .type = CONFIG_STRING,
	  .example = "\"https://glance.example.org:9292\"",
	  .problem = config_glance_problem,
	  .offset = offsetof(struct config, images.glance_url),
	  .text = "OpenStack's image service (Glance), as the destination reaches it; without /v2." },
	{ .section = "images",
	  .name = "token_file",
	  .type = CONFIG_STRING,
	  .example = "\"/etc/vmmig/glance-token\"",
	  .problem = home_file_problem,
	  .offset = offsetof(struct config, images.token_file),
	  .text = "File on this machine with a token for glance_url. It is read when it is needed; only its owner may "
		  "have"
		  " the right to read it. Default: no token is sent." },

	{ UINT("ssh", connect_timeout_s, "s", 1, 300), .def = "10", .text = "Time to connect and log in to a host." },
	{ UINT("ssh", command_timeout_s, "s", 1, 3600), .def = "30",
	  .text = "Time for one command, or one question to libvirt, on a host." },
	{ UINT("ssh", keepalive_s, "s", 1, 300), .def = "5",
	  .text = "Pause between signs of life. A connection that is silent for about four times this is dead." },

	{ .section = "journal",
	  .name = "path",
	  .type = CONFIG_STRING,
	  .example = "\"/var/lib/vmmig/journal.db\"",
	  .problem = config_file_problem,
	  .offset = offsetof(struct config, journal_path),
	  .text = "The journal's file. Default: /var/lib/vmmig/journal.db for root, else"
		  " $XDG_STATE_HOME/vmmig/journal.db, with ~/.local/state where that is not set." },
};
const size_t config_keys_n = ARRAY_SIZE(config_keys);

/* print.c makes two examples of them: what is before url, and what is from there on. */
const struct config_key config_backing_keys[] = {
	{ .section = "backing",
	  .name = "file",
	  .type = CONFIG_STRING,
	  .example = "\"/var/lib/nova/instances/_base/debian-12\"",
	  .problem = backing_file_problem,
	  .offset = offsetof(struct image_entry, file),
	  .text = "The backing file: its path, or a name that counts in any directory. Required, and each once." },
	{ .section = "backing",
	  .name = "glance_id",
	  .type = CONFIG_STRING,
	  .example = "\"3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c4\"",
	  .problem = uuid_problem,
	  .offset = offsetof(struct image_entry, glance_id),
	  .text = "The image's ID in Glance, at glance_url. This or url is required." },
	{ .section = "backing",
	  .name = "url",
	  .type = CONFIG_STRING,
	  .example = "\"https://images.example.org/debian-12.qcow2\"",
	  .problem = config_url_problem,
	  .offset = offsetof(struct image_entry, url),
	  .text = "Where the destination downloads the file. No token goes there." },
	{ .section = "backing",
	  .name = "digest",
	  .type = CONFIG_STRING,
	  .example = "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
	  .problem = digest_problem,
	  .offset = offsetof(struct image_entry, digest),
	  .text = "What the downloaded content must have, sha256 or sha512. Required with url; Glance has one of its "
		  "own,"
		  " before which this one goes." },
	{ .section = "backing",
	  .name = "format",
	  .type = CONFIG_CHOICE,
	  .choices = "raw qcow2",
	  .example = "\"qcow2\"",
	  .offset = offsetof(struct image_entry, format),
	  .text = "What url delivers; it is converted when the backing file has the other format. Default: the format "
		  "of the"
		  " backing file." },
};
const size_t config_backing_keys_n = ARRAY_SIZE(config_backing_keys);

const struct config_key *config_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < config_backing_keys_n && str_eq(section, "backing"); i++)
		if (str_eq(config_backing_keys[i].name, name))
			return &config_backing_keys[i];
	for (size_t i = 0; i < config_keys_n; i++)
		if (str_eq(config_keys[i].section, section) && str_eq(config_keys[i].name, name))
			return &config_keys[i];
	return NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: what it takes, and that each fault is named with its line. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/private.h"

static struct config *parse(const char *text, struct err *err)
{
	return config_read_text("t.conf", text, strlen(text), err);
}

static void defaults(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_config struct config *c = config_load(NULL, &err);

	(void)state;
	assert_non_null(c);
	assert_null(c->path);
	assert_int_equal(c->hosts_n, 0);
	assert_int_equal(c->max_downtime_ms, 300);
	assert_int_equal(c->bandwidth_mib, 0);
	assert_int_equal(c->timeout_s, 0);
	assert_string_equal(c->on_timeout, "abort");
	assert_true(c->peer2peer);
	assert_string_equal(c->source_disks, "quarantine");
	assert_int_equal(c->images.reserve_mib, 1024);
	assert_string_equal(c->images.backing_from, "service-first");
	assert_null(c->images.glance_url);
	assert_null(c->images.token_file);
	assert_int_equal(c->images.backing_n, 0);
	assert_int_equal(c->connect_timeout_s, 10);
	assert_int_equal(c->command_timeout_s, 30);
	assert_int_equal(c->keepalive_s, 5);
	assert_non_null(c->journal_path);
}

#define HEX64 "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define UUID "3f0c8c2e-52f5-4c5a-9f4e-1D2F7A90B6C4"
#define GLANCE "images = { glance_url = \"http://g\" }\n"

static const char whole[] =
	"// a comment\n"
	"hosts = (\n"
	"  { name = \"alpha\"; address = \"10.0.0.1\"; port = 2222; user = \"mig\";\n"
	"    identity = \"~/keys/id\", known_hosts = \"/etc/vmmig/known\"; uri = \"qemu:///session\";\n"
	"    socket = \"/run/user/0/sock\"; migrate_address = \"fe80::1%eth1\";\n"
	"    peer_uri = \"qemu+ssh://mig@10.1.0.1/system\"; },\n"
	"  { name = \"beta\" }\n"
	")\n"
	"/* another\n   comment */\n"
	"migrate: { max_downtime_ms = 0x10; bandwidth_mib = 1048576L; timeout_s = 60;\n"
	"  on_timeout = \"post\" \"copy\"; peer2peer = FALSE; source_disks = \"keep\"; };\n"
	"backing = ( { file = \"/b/one two\"; glance_id = \"" UUID "\"; digest = \"sha512:" HEX64 HEX64 "\"; },\n"
	"  { file = \"base.raw\"; url = \"https://me@[::1]:8080/a?b=c&d\"; digest = \"sha256:\" \"" HEX64 "\";\n"
	"    format = \"qcow2\" } );\n"
	"images = { reserve_mib = 0; backing_from = \"source-only\"; glance_url = \"https://g.example:9292/image/\";\n"
	"  token_file = \"~/token\"; };\n"
	"ssh = { connect_timeout_s = 3; command_timeout_s = 4; keepalive_s = 1; }\n"
	"journal = { path = \"/tmp/\\\"j\\\\.db\"; } # at the end";

static void whole_file(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_config struct config *c = NULL;

	(void)state;
	setenv("HOME", "/home/op", 1);
	c = parse(whole, &err);
	if (!c)
		fail_msg("%s", err.msg);
	assert_int_equal(c->hosts_n, 2);
	assert_string_equal(c->hosts[0]->name, "alpha");
	assert_string_equal(c->hosts[0]->address, "10.0.0.1");
	assert_int_equal(c->hosts[0]->port, 2222);
	assert_string_equal(c->hosts[0]->user, "mig");
	assert_string_equal(c->hosts[0]->identity, "/home/op/keys/id");
	assert_string_equal(c->hosts[0]->known_hosts, "/etc/vmmig/known");
	assert_string_equal(c->hosts[0]->uri, "qemu:///session");
	assert_string_equal(c->hosts[0]->socket, "/run/user/0/sock");
	assert_string_equal(c->hosts[0]->migrate_address, "fe80::1%eth1");
	assert_string_equal(c->hosts[0]->peer_uri, "qemu+ssh://mig@10.1.0.1/system");
	assert_int_equal(c->hosts[0]->connect_timeout_s, 3);
	assert_string_equal(c->hosts[1]->address, "beta");
	assert_int_equal(c->hosts[1]->port, 0);
	assert_null(c->hosts[1]->user);
	assert_string_equal(c->hosts[1]->uri, "qemu:///system");
	assert_string_equal(c->hosts[1]->socket, "/run/libvirt/libvirt-sock");
	assert_int_equal(c->hosts[1]->command_timeout_s, 4);
	assert_int_equal(c->hosts[1]->keepalive_s, 1);
	assert_int_equal(c->max_downtime_ms, 16);
	assert_int_equal(c->bandwidth_mib, 1048576);
	assert_int_equal(c->timeout_s, 60);
	assert_string_equal(c->on_timeout, "postcopy");
	assert_false(c->peer2peer);
	assert_string_equal(c->source_disks, "keep");
	assert_string_equal(c->journal_path, "/tmp/\"j\\.db");
}

static void whole_file_images(void **state)
{
	auto_config struct config *c = NULL;

	(void)state;
	setenv("HOME", "/home/op", 1);
	c = parse(whole, NULL);
	assert_int_equal(c->images.reserve_mib, 0);
	assert_string_equal(c->images.backing_from, "source-only");
	assert_string_equal(c->images.glance_url, "https://g.example:9292/image/");
	assert_string_equal(c->images.token_file, "/home/op/token");
	assert_int_equal(c->images.backing_n, 2);
	assert_string_equal(c->images.backing[0].file, "/b/one two");
	assert_string_equal(c->images.backing[0].glance_id, UUID);
	assert_null(c->images.backing[0].url);
	assert_string_equal(c->images.backing[0].digest, "sha512:" HEX64 HEX64);
	assert_null(c->images.backing[0].format);
	assert_string_equal(c->images.backing[1].file, "base.raw");
	assert_null(c->images.backing[1].glance_id);
	assert_string_equal(c->images.backing[1].url, "https://me@[::1]:8080/a?b=c&d");
	assert_string_equal(c->images.backing[1].digest, "sha256:" HEX64);
	assert_string_equal(c->images.backing[1].format, "qcow2");
}

static void taken(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n# nothing\n",
		"hosts = ( );",
		"hosts = [ ];",
		"hosts = ( { name = \"two words\"; address = \"a\"; } );",
		"hosts = ( { name = \"größe\"; } );",
		"hosts = ( { name = \"::1\"; } );",
		"migrate = { }; ssh = { }",
		"migrate = { timeout_s = +5 }",
		"# @include \"x\"",
		"journal = { path = \"/a/* no comment // # at all\" }",
		"backing = ( );",
		"backing = [ ]; images = { }",
		"backing = ( { url = \"http://h\"; digest = \"sha256:" HEX64 "\"; file = \"größe 1\" } )",
		"images = { glance_url = \"http://192.0.2.1\" }",
		"images = { glance_url = \"http://[2001:db8::1]:80/\" }",
		"images = { token_file = \"/t\"; reserve_mib = 1048576 }",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_err struct err err = ERR_INIT;
		auto_config struct config *c = parse(texts[i], &err);

		if (!c)
			fail_msg("%s: %s", texts[i], err.msg);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *text, *message, *hint;
	} cases[] = {
		{ "hosts = (\n", "t.conf:2: syntax error", NULL },
		{ "migrate = {\n  max_downtime_ms = ;\n};", "t.conf:2: syntax error", NULL },
		{ "ssh = { keepalive_s = 5; keepalive_s = 6 }", "t.conf:1: duplicate setting name", NULL },
		{ "\nhostss = ( );", "t.conf:2: unknown section \"hostss\"", "did you mean \"hosts\"?" },
		{ "completely_else = 1", "unknown section", "vmmig.conf(5) lists what there is" },
		{ "port = 22", "unknown section \"port\"", NULL },
		{ "migrate = {\n\n max_downtime = 5\n}", "t.conf:3: unknown key \"max_downtime\" in migrate",
		  "did you mean \"max_downtime_ms\"?" },
		{ "hosts = ( { name = \"a\" },\n{ name = \"b\"; adress = \"x\" } )",
		  "t.conf:2: unknown key \"adress\" in hosts", "did you mean \"address\"?" },
		{ "ssh = { path = \"/x\" }", "unknown key \"path\" in ssh", NULL },
		{ "migrate = 1", "migrate is not a group", NULL },
		{ "hosts = { name = \"a\" }", "hosts is not a list of groups", NULL },
		{ "hosts = ( \"a\" )", "a host is not a group", NULL },
		{ "hosts = [ \"a\" ]", "a host is not a group", NULL },
		{ "hosts = ( { } )", "host 1 has no name", NULL },
		{ "hosts = ( { name = \"a\" },\n { name = \"a\" } )", "t.conf:2: host \"a\" is there twice", NULL },
		{ "hosts = ( { name = \"\" } )", "name is empty", NULL },
		{ "hosts = ( { name = \"a\"; user = \"\" } )", "user is empty", NULL },
		{ "hosts = ( { name = \"a/b\" } )", "name \"a/b\" has a \"/\"", NULL },
		{ "hosts = ( { name = \"-a\" } )", "name \"-a\" begins with \"-\"", NULL },
		{ "hosts = ( { name = \"a\\nb\" } )", "name \"a\\x0ab\" has a control character", NULL },
		{ "hosts = ( { name = \"a\\x1b[31m\" } )", "name \"a\\x1b[31m\" has a control character", NULL },
		{ "hosts = ( { name = \" a\" } )", "begins or ends with a space", NULL },
		{ "hosts = ( { name = \"a\xff\" } )", "not UTF-8", NULL },
		{ "hosts = ( { name = \"two words\" } )", "has no address, and its name cannot be one", NULL },
		{ "hosts = ( { name = 5 } )", "name is not a string in double quotes", NULL },
		{ "hosts = ( { name = \"a\"; address = \"a b\" } )", "is not a host name or IP address", NULL },
		{ "hosts = ( { name = \"a\"; address = \"u@b\" } )", "is not a host name or IP address", NULL },
		{ "hosts = ( { name = \"a\"; address = \"-oProxyCommand=x\" } )", "begins with \"-\"", NULL },
		{ "hosts = ( { name = \"a\"; user = \"-l\" } )", "begins with \"-\"", NULL },
		{ "hosts = ( { name = \"a\"; port = 0 } )", "port is 0, not 1 to 65535", NULL },
		{ "hosts = ( { name = \"a\"; port = -22 } )", "port is -22, not 1 to 65535", NULL },
		{ "hosts = ( { name = \"a\"; port = 65536 } )", "port is 65536, not 1 to 65535", NULL },
		{ "hosts = ( { name = \"a\"; port = 4294967318 } )", "port is 4294967318, not 1 to 65535", NULL },
		{ "hosts = ( { name = \"a\"; port = 0x100000016 } )", "port is 4294967318, not 1 to 65535", NULL },
		{ "hosts = ( { name = \"a\"; port = 99999999999999999999999 } )", "not 1 to 65535", NULL },
		{ "hosts = ( { name = \"a\"; port = \"22\" } )", "port is not a whole number", NULL },
		{ "hosts = ( { name = \"a\"; port = 22.0 } )", "port is not a whole number", NULL },
		{ "hosts = ( { name = \"a\"; socket = \"relative\" } )", "is not an absolute path", NULL },
		{ "migrate = { max_downtime_ms = 2000001 }", "is 2000001, not 1 to 2000000 ms", NULL },
		{ "migrate = { max_downtime_ms = true }", "is not a whole number of ms", NULL },
		{ "migrate = { timeout_s = 604801 }", "not 0 to 604800 s", NULL },
		{ "migrate = { peer2peer = 1 }", "peer2peer is neither true nor false", NULL },
		{ "migrate = { on_timeout = \"Abort\" }", "is \"Abort\", not one of: abort postcopy suspend", NULL },
		{ "migrate = { on_timeout = \"\" }", "is \"\", not one of", NULL },
		{ "migrate = { on_timeout = \"abort postcopy\" }", "not one of", NULL },
		{ "migrate = { on_timeout = true }", "is not a string", NULL },
		{ "journal = { path = \"j.db\" }", "is not an absolute path", NULL },
		{ "# x\n@include \"/etc/shadow\"\n", "t.conf:2: @include is not supported",
		  "keep the whole configuration in one file" },
		{ "\n\n \t@include \"x\"", "t.conf:3: @include is not supported", NULL },
		{ "ssh = { };\n/* no end\nhosts = ( );", "t.conf:2: comment without end", NULL },
		{ "journal = { path = \"/x", "syntax error", NULL },
		{ "migrate = { source_disks = \"remove\" }", "not one of: quarantine keep delete", NULL },
		{ "\nimage = { }", "t.conf:2: unknown section \"image\"", "did you mean \"images\"?" },
		{ "backin = ( )", "unknown section \"backin\"", "did you mean \"backing\"?" },
		{ "images = { backing = ( ) }", "unknown key \"backing\" in images", NULL },
		{ "images = ( )", "images is not a group", NULL },
		{ "images = { reserve_mib = -1 }", "reserve_mib is -1, not 0 to 1048576 MiB", NULL },
		{ "images = { backing_from = \"service\" }", "not one of: service-first source-first", NULL },
		{ "images = { token_file = \"t\" }", "token_file \"t\" is not an absolute path", NULL },
		{ "images = { glance_url = \"glance.example.org\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"file:///etc\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"HTTP://g\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http:///v2\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://:80\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://g:0\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://g:\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://g:65536/\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://[::1\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://[::1/]\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://[::1]80\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://::1\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://u:p@g\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://g/x?y\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://g/#x\" }", "is not a URL like", NULL },
		{ "images = { glance_url = \"http://g/a b\" }", "has a character that a URL cannot have", NULL },
		{ "images = { glance_url = \"http://g/ü\" }", "has a character that a URL cannot have", NULL },
		{ "images = { glance_url = \"http://g/\\n\" }", "has a character that a URL cannot have", NULL },
		{ "images = { glance_url = \"http://g/\\\"\" }", "has a character that a URL cannot have", NULL },
		{ "images = { glance_url = \"http://g/\\x7f\" }", "has a character that a URL cannot have", NULL },
		{ "backing = { file = \"a\" }", "backing is not a list of groups", NULL },
		{ "backing = ( \"a\" )", "a backing file is not a group", NULL },
		{ "\nbacking = (\n{ } )", "t.conf:3: backing file 1 has no file", NULL },
		{ "backing = ( { file = \"a\";\n flie = \"b\" } )", "t.conf:2: unknown key \"flie\" in backing",
		  "did you mean \"file\"?" },
		{ "backing = ( { file = \"a/b\" } )", "file \"a/b\" is neither an absolute path nor", NULL },
		{ "backing = ( { file = \"../b\" } )", "is neither an absolute path nor", NULL },
		{ "backing = ( { file = \"..\" } )", "is not the name of a file", NULL },
		{ "backing = ( { file = \"/a/\" } )", "is not the name of a file", NULL },
		{ "backing = ( { file = \"/\" } )", "is not the name of a file", NULL },
		{ "backing = ( { file = \"a\\x1b\" } )", "has a control character", NULL },
		{ "backing = ( { file = 1 } )", "file is not a string", NULL },
		{ GLANCE "backing = ( { file = \"a\" } )",
		  "t.conf:2: backing file \"a\" has neither glance_id nor url: it needs one of them", NULL },
		{ GLANCE "backing = ( { file = \"a\"; glance_id = \"" UUID "\"; url = \"http://x\" } )",
		  "backing file \"a\" has both glance_id and url: it needs one of them", NULL },
		{ "backing = ( { file = \"a\"; glance_id = \"" UUID "\" } )",
		  "t.conf:1: backing file \"a\" has a glance_id, but images has no glance_url", NULL },
		{ GLANCE "backing = ( { file = \"a\"; glance_id = \"" UUID "\"; format = \"raw\" } )",
		  "has a format, but Glance says that", NULL },
		{ "backing = ( { file = \"a\"; glance_id = \"3f0c8c2e\" } )", "glance_id \"3f0c8c2e\" is not a UUID",
		  NULL },
		{ "backing = ( { glance_id = \"3f0c8c2e-52f5-4c5a-9f4e-1d2f7a90b6c/\" } )", "is not a UUID", NULL },
		{ "backing = ( { glance_id = \"3f0c8c2e+52f5-4c5a-9f4e-1d2f7a90b6c4\" } )", "is not a UUID", NULL },
		{ "backing = ( { file = \"a\"; url = \"http://x\" } )", "backing file \"a\" has a url, but no digest",
		  NULL },
		{ "backing = ( { url = \"ftp://x/y\" } )", "url \"ftp://x/y\" is not a URL like", NULL },
		{ "backing = ( { url = \"http://x/y#z\" } )", "is not a URL like", NULL },
		{ "backing = ( { url = \"http://a@\" } )", "is not a URL like", NULL },
		{ "backing = ( { digest = \"" HEX64 "\" } )", "does not begin with \"sha256:\" or \"sha512:\"", NULL },
		{ "backing = ( { digest = \"md5:00\" } )", "does not begin with", NULL },
		{ "backing = ( { digest = \"sha512:" HEX64 "\" } )", "does not have the 64 (sha256) or 128 (sha512)",
		  NULL },
		{ "backing = ( { digest = \"sha256:" HEX64 "0\" } )", "does not have the 64", NULL },
		{ "backing = ( { digest = \"sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\" "
		  "} )",
		  "does not have the 64", NULL },
		{ "backing = ( { format = \"vmdk\" } )", "format is \"vmdk\", not one of: raw qcow2", NULL },
		{ GLANCE "backing = ( { file = \"a\"; glance_id = \"" UUID "\" },\n"
			 "{ file = \"a\"; url = \"http://x\"; digest = \"sha256:" HEX64 "\" } )",
		  "t.conf:3: backing file \"a\" is there twice", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		auto_config struct config *c = parse(cases[i].text, &err);

		if (c)
			fail_msg("%s is taken", cases[i].text);
		assert_true(err_is(&err, E_CONFIG));
		assert_int_equal(err.status, STATUS_USAGE);
		if (!str_starts(err.msg, "t.conf:") || !strstr(err.msg, cases[i].message))
			fail_msg("%s gives \"%s\", not \"%s\"", cases[i].text, err.msg, cases[i].message);
		if (cases[i].hint)
			assert_string_equal(err.hint, cases[i].hint);
		assert_null(strpbrk(err.msg, "\n\033"));
	}
}

static void nul_byte(void **state)
{
	static const char text[] = "ssh = { };\n\0migrate = { };";
	auto_err struct err err = ERR_INIT;

	(void)state;
	assert_null(config_read_text("t.conf", text, sizeof(text) - 1, &err));
	assert_string_equal(err.msg, "t.conf:2: NUL byte");
}

/* A directory of its own, and a file in it. */
struct place {
	char dir[32];
	char *file;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/vmmig-unit.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->file = str_printf("%s/vmmig.conf", p->dir);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	auto_free char *sub = str_printf("%s/vmmig", p->dir), *f = str_printf("%s/vmmig.conf", sub);

	unlink(p->file);
	unlink(f);
	rmdir(sub);
	rmdir(p->dir);
	free(p->file);
	free(p);
	return 0;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fchmod(fileno(f), mode), 0);
	fclose(f);
}

static void expect_load(const char *path, const char *message)
{
	auto_err struct err err = ERR_INIT;
	auto_config struct config *c = config_load(path, &err);
	auto_free char *want = str_printf("%s%s", path, message);

	assert_null(c);
	assert_true(err_is(&err, E_CONFIG));
	assert_string_equal(err.msg, want);
}

static void files(void **state)
{
	struct place *p = *state;
	auto_free char *long_text = xcalloc(CONFIG_FILE_MAX + 2, 1);
	auto_config struct config *c = NULL;

	expect_load(p->file, ": No such file or directory");
	expect_load(p->dir, ": is a directory");
	write_file(p->file, "ssh = { keepalive_s = 7; };", 0620);
	expect_load(p->file, ": others than its owner may write it (mode 0620)");
	chmod(p->file, 0602);
	expect_load(p->file, ": others than its owner may write it (mode 0602)");
	chmod(p->file, 0644);
	c = config_load(p->file, NULL);
	assert_non_null(c);
	assert_string_equal(c->path, p->file);
	assert_int_equal(c->keepalive_s, 7);
	config_free(c);
	if (geteuid() != 0) {
		chmod(p->file, 0000);
		expect_load(p->file, ": Permission denied");
		chmod(p->file, 0600);
	}
	memset(long_text, '\n', CONFIG_FILE_MAX + 1);
	write_file(p->file, long_text, 0600);
	expect_load(p->file, ": longer than 1048576 bytes");
	c = config_load("/dev/null", NULL);
	assert_non_null(c);
}

static void locate(void **state)
{
	struct place *p = *state;
	auto_free char *sub = str_printf("%s/vmmig", p->dir), *conf = str_printf("%s/vmmig.conf", sub);
	char *found;

	setenv("VMMIG_CONF", "/from/env", 1);
	found = config_locate("/from/c");
	assert_string_equal(found, "/from/c");
	free(found);
	found = config_locate(NULL);
	assert_string_equal(found, "/from/env");
	free(found);
	setenv("VMMIG_CONF", "", 1);
	setenv("XDG_CONFIG_HOME", p->dir, 1);
	found = config_locate(NULL);
	assert_true(!found || strcmp(found, VMMIG_SYSCONFDIR "/vmmig/vmmig.conf") == 0);
	free(found);
	assert_int_equal(mkdir(sub, 0700), 0);
	write_file(conf, "", 0600);
	found = config_locate(NULL);
	assert_string_equal(found, conf);
	free(found);
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", "/nonexistent", 1);
	found = config_locate(NULL);
	assert_true(!found || strcmp(found, VMMIG_SYSCONFDIR "/vmmig/vmmig.conf") == 0);
	free(found);
	unsetenv("VMMIG_CONF");
}

static void journal_paths(void **state)
{
	auto_config struct config *c = NULL;

	(void)state;
	setenv("XDG_STATE_HOME", "/state", 1);
	c = parse("", NULL);
	assert_string_equal(c->journal_path, geteuid() ? "/state/vmmig/journal.db" : "/var/lib/vmmig/journal.db");
	config_free(c);
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/home/op", 1);
	c = parse("", NULL);
	assert_string_equal(c->journal_path,
			    geteuid() ? "/home/op/.local/state/vmmig/journal.db" : "/var/lib/vmmig/journal.db");
}

/* Printed, read and printed again is the same. */
static void expect_round_trip(const char *text)
{
	auto_config struct config *a = parse(text, NULL), *b = NULL;
	auto_buf struct buf one = { 0 }, two = { 0 };
	auto_err struct err err = ERR_INIT;

	assert_non_null(a);
	config_print(a, &one);
	b = parse(one.p, &err);
	if (!b)
		fail_msg("%s in:\n%s", err.msg, one.p);
	config_print(b, &two);
	assert_string_equal(one.p, two.p);
	assert_int_equal(a->hosts_n, b->hosts_n);
	assert_int_equal(a->images.backing_n, b->images.backing_n);
}

static void round_trips(void **state)
{
	(void)state;
	expect_round_trip("");
	expect_round_trip(whole);
	expect_round_trip("hosts = ( { name = \"a \\\"b\\\" \\\\ ü\"; address = \"x\" } )");
}

static void default_file(void **state)
{
	auto_free char *committed = unit_read_file("conf/vmmig.conf");
	auto_config struct config *c = NULL, *none = config_load(NULL, NULL), *open = NULL;
	auto_buf struct buf out = { 0 }, a = { 0 }, b = { 0 }, uncommented = { 0 };
	auto_err struct err err = ERR_INIT;

	(void)state;
	config_print_default(&out);
	assert_string_equal(out.p, committed);
	c = parse(out.p, &err);
	if (!c)
		fail_msg("%s", err.msg);
	config_print(c, &a);
	config_print(none, &b);
	assert_string_equal(a.p, b.p);

	/* with the "#" of each line that has a value taken away it is valid, too */
	for (char *line = strtok(committed, "\n"); line; line = strtok(NULL, "\n")) {
		char *hash = strchr(line, '#');

		if (hash && (strstr(hash, " = ") || strpbrk(hash, "{}")))
			*hash = ' ';
		assert_true(strlen(line) <= 80 || strstr(line, " = ")); /* a value is not broken */
		buf_addf(&uncommented, "%s\n", line);
	}
	open = parse(uncommented.p, &err);
	if (!open)
		fail_msg("%s in:\n%s", err.msg, uncommented.p);
	assert_int_equal(open->hosts_n, 1);
	assert_int_equal(open->images.backing_n, 2);
}

static void check_key(const struct config_key *k)
{
	unsigned long long v;

	assert_ptr_equal(config_key_find(k->section, k->name), k);
	assert_true((k->def != NULL) != (k->example != NULL));
	assert_true(k->text && k->text[strlen(k->text) - 1] == '.');
	assert_int_equal(k->type == CONFIG_CHOICE, k->choices != NULL);
	assert_true(k->type != CONFIG_STRING || k->problem);
	if (k->type == CONFIG_UINT) {
		assert_true(k->min < k->max && k->max <= INT32_MAX);
		assert_int_equal(str_to_uint(k->def ? k->def : k->example, k->min, k->max, &v), 0);
	}
}

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_keys_n; i++)
		check_key(&config_keys[i]);
	for (size_t i = 0; i < config_backing_keys_n; i++)
		check_key(&config_backing_keys[i]);
	assert_null(config_key_find("backing", "address"));
	assert_null(config_key_find("images", "file"));
}

static void command_line_hosts(void **state)
{
	static const struct {
		const char *host, *address, *user;
		unsigned port;
	} good[] = {
		{ "alpha", "10.0.0.1", "mig", 2222 },
		{ "10.0.0.9", "10.0.0.9", NULL, 0 },
		{ "x.example.org", "x.example.org", NULL, 0 },
		{ "root@gamma", "gamma", "root", 0 },
		{ "gamma:22", "gamma", NULL, 22 },
		{ "root@gamma:2022", "gamma", "root", 2022 },
		{ "::1", "::1", NULL, 0 },
		{ "[::1]", "::1", NULL, 0 },
		{ "[fe80::1%eth0]:22", "fe80::1%eth0", NULL, 22 },
		{ "me@corp@gamma", "gamma", "me@corp", 0 },
	};
	static const struct {
		const char *host, *message;
		enum err_id id;
	} bad[] = {
		{ "alfa", "host \"alfa\" is not in t.conf", E_HOST_UNKNOWN },
		{ "somewhere", "is not in t.conf", E_HOST_UNKNOWN },
		{ "", "is empty", E_USAGE },
		{ "@gamma", "the user is empty", E_USAGE },
		{ "root@", "the address is empty", E_USAGE },
		{ "gamma:", "the port is not", E_USAGE },
		{ "gamma:0", "the port is not", E_USAGE },
		{ "gamma:65536", "the port is not", E_USAGE },
		{ "gamma:ssh", "the port is not", E_USAGE },
		{ ":22", "the address is empty", E_USAGE },
		{ "[::1", "the bracket is not closed", E_USAGE },
		{ "[::1]22", "the bracket is not closed", E_USAGE },
		{ "-l@gamma", "the user is not", E_USAGE },
		{ "a b.c", "the address is neither", E_USAGE },
		{ "x.y/z", "the address is neither", E_USAGE },
		{ "-x.y", "the address is neither", E_USAGE },
	};
	auto_config struct config *c = parse(whole, NULL), *none = parse("", NULL);
	struct host_spec *h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		auto_err struct err err = ERR_INIT;

		h = config_host(c, good[i].host, &err);
		if (!h)
			fail_msg("%s: %s", good[i].host, err.msg);
		assert_string_equal(h->name, good[i].host);
		assert_string_equal(h->address, good[i].address);
		assert_true(str_eq(h->user, good[i].user));
		assert_int_equal(h->port, good[i].port);
		assert_int_equal(h->connect_timeout_s, 3);
		assert_non_null(h->uri);
		host_spec_free(h);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		auto_err struct err err = ERR_INIT;

		assert_null(config_host(c, bad[i].host, &err));
		assert_true(err_is(&err, bad[i].id));
		if (!strstr(err.msg, bad[i].message))
			fail_msg("%s gives \"%s\"", bad[i].host, err.msg);
		assert_non_null(err.hint);
	}
	h = config_host(none, "somewhere", NULL);
	assert_string_equal(h->address, "somewhere");
	host_spec_free(h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(whole_file),
		cmocka_unit_test(whole_file_images),
		cmocka_unit_test(taken),
		cmocka_unit_test(refused),
		cmocka_unit_test(nul_byte),
		cmocka_unit_test_setup_teardown(files, make_place, remove_place),
		cmocka_unit_test_setup_teardown(locate, make_place, remove_place),
		cmocka_unit_test(journal_paths),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(default_file),
		cmocka_unit_test(table),
		cmocka_unit_test(command_line_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

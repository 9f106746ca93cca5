/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes together, the way of a tunnel, and what hosts say of their TLS certificates. */
#include "unit.h"

#include "check/proof-postcopy.h"
#include "check/wire.h"

enum { TCP = TRANSPORT_TCP, TLS = TRANSPORT_TLS, SSH = TRANSPORT_SSH };

/* ---- what goes together ---- */

static void combinations(void **state)
{
	static const struct {
		int transport;
		unsigned parallel;
		bool postcopy;
		unsigned long libvirt, qemu;
		const char *problem, *by_options; /* a part of it; NULL: none */
		bool unsure;
	} v[] = {
		{ TCP, 0, false, 9000000, 7002022, NULL, NULL, false },
		{ TCP, 0, false, 0, 0, NULL, NULL, false },
		{ TCP, 0, true, 9000000, 7002022, NULL, NULL, false },
		{ TCP, 1, true, 9000000, 7002022, NULL, NULL, false },
		{ TCP, 2, false, 9000000, 7002022, NULL, NULL, false },
		{ TCP, 64, false, 9000000, 7002022, NULL, NULL, false },
		{ TCP, 2, false, 5001000, 7002022, "libvirt 5.2", NULL, false },
		{ TCP, 2, false, 9000000, 3001000, "QEMU 4.0", NULL, false },
		{ TCP, 2, false, 0, 7002022, NULL, NULL, true },
		{ TCP, 2, false, 9000000, 0, NULL, NULL, true },
		{ TCP, 2, true, 9000000, 7002022, "QEMU 10.1", NULL, false },
		{ TCP, 2, true, 11000000, 10000004, "QEMU 10.1", NULL, false },
		{ TCP, 2, true, 11000000, 10001000, NULL, NULL, false },
		{ TCP, 2, true, 9000000, 0, NULL, NULL, true },
		{ TLS, 0, false, 9000000, 7002022, NULL, NULL, false },
		{ TLS, 0, true, 9000000, 7002022, NULL, NULL, false },
		{ TLS, 4, false, 9000000, 7002022, NULL, NULL, false },
		{ TLS, 4, true, 9000000, 7002022, "QEMU 10.1", NULL, false },
		{ TLS, 0, false, 5005000, 7002022, "libvirt 5.6", NULL, false },
		{ TLS, 0, false, 0, 7002022, NULL, NULL, true },
		{ SSH, 0, false, 9000000, 7002022, NULL, NULL, false },
		{ SSH, 4, false, 9000000, 7002022, NULL, NULL, false },
		{ SSH, 0, true, 9000000, 7002022, "ssh and post-copy", "ssh and post-copy", false },
		{ SSH, 0, true, 99000000, 99000000, "ssh and post-copy", "ssh and post-copy", false },
		{ SSH, 4, true, 99000000, 99000000, "ssh and post-copy", "ssh and post-copy", false },
		{ SSH, 0, false, 6007000, 7002022, "libvirt 6.8", NULL, false },
		{ SSH, 0, false, 0, 7002022, NULL, NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct wire w = { (enum transport)v[i].transport, v[i].parallel, v[i].postcopy };
		struct wire_versions have = { v[i].libvirt, v[i].qemu };
		const char *is = transport_problem(&w, &have), *by_options = transport_problem(&w, NULL);

		if (v[i].problem ? !is || !strstr(is, v[i].problem) : is != NULL)
			fail_msg("case %zu: %s", i, is ? is : "nothing");
		if (v[i].by_options ? !by_options || !strstr(by_options, v[i].by_options) : by_options != NULL)
			fail_msg("case %zu, by options: %s", i, by_options ? by_options : "nothing");
		if (transport_unsure(&w, &have) != v[i].unsure)
			fail_msg("case %zu: unsure", i);
	}
}

static void names(void **state)
{
	static const char *const bad[] = { "", "TCP", "tcp ", "tunnel", "s" };
	enum transport t;

	(void)state;
	for (int i = TCP; i <= SSH; i++) {
		assert_int_equal(transport_parse(transport_name((enum transport)i), &t), 0);
		assert_int_equal(t, i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(transport_parse(bad[i], &t), -1);
}

/* ---- the way of a tunnel ---- */

static void ways(void **state)
{
	static const struct {
		const char *peer_uri, *address, *user, *migrate_address;
		unsigned port;
		const char *text;
	} v[] = {
		{ "qemu+ssh://root@beta:2222/system", "10.0.0.2", NULL, NULL, 22, "root@beta:2222" },
		{ "qemu+ssh://beta/system", "10.0.0.2", "joe", NULL, 0, "beta" },
		{ "qemu+ssh://root@beta/system", "10.0.0.2", NULL, "10.1.0.2", 0, "root@10.1.0.2" },
		/* not ssh, or not of the simple form: as we reach it ourselves */
		{ "qemu+tls://beta/system", "10.0.0.2", "root", NULL, 2022, "root@10.0.0.2:2022" },
		{ "qemu+ssh://beta/system?keyfile=/x", "10.0.0.2", NULL, NULL, 0, "10.0.0.2" },
		{ "qemu+ssh://-oProxyCommand=x/system", "10.0.0.2", NULL, NULL, 0, "10.0.0.2" },
		{ NULL, "10.0.0.2", NULL, NULL, 0, "10.0.0.2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		struct tunnel_way w AUTO(tunnel_way_clear) = { 0 };
		auto_free char *text = NULL, *address = xstrdup(v[i].address), *user = xstrdup(v[i].user),
			       *migrate = xstrdup(v[i].migrate_address);
		struct host_spec dst = {
			.address = address, .user = user, .migrate_address = migrate, .port = v[i].port
		};

		tunnel_way_choose(v[i].peer_uri, &dst, &w);
		text = tunnel_way_text(&w);
		assert_string_equal(text, v[i].text);
	}
}

static void sockets_fit(void **state)
{
	auto_free char *path = tunnel_socket("20261127-080517-34a34f", TUNNEL_MEMORY);

	(void)state;
	assert_string_equal(path, "/run/vmmig-20261127-080517-34a34f.tunnel/memory");
	assert_true(strlen(path) < 108); /* sun_path */
}

/* ---- certificates ---- */

static void dates(void **state)
{
	static const struct {
		const char *text;
		int64_t s;
	} v[] = {
		{ "Jan  1 00:00:00 1970 GMT", 0 },
		{ "Jan  1 00:00:01 1970 GMT", 1 },
		{ "Nov 27 07:54:59 2026 GMT", 1795766099 },
		{ "Feb 29 00:00:00 2028 GMT", 1835395200 },
		{ "Dec 31 23:59:59 9999 GMT", 253402300799 },
		{ "", 0 },
		{ "Nov 27 07:54:59 2026", 0 },
		{ "Nov 27 07:54:59 2026 GMT+1", 0 },
		{ "nov 27 07:54:59 2026 GMT", 0 },
		{ "anF 27 07:54:59 2026 GMT", 0 },
		{ "2026-11-27 07:54:59Z", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		if (tls_parse_date(v[i].text) != v[i].s)
			fail_msg("\"%s\": %lld", v[i].text, (long long)tls_parse_date(v[i].text));
}

static void side_answers(void **state)
{
	struct tls_side s = { 0 };

	(void)state;
	assert_int_equal(
		tls_parse_side("dir /etc/pki/qemu\nverify y\nca y\ncert p\nkey n\nopenssl y\nfits n\nnow 1795766099\n"
			       "pem ca\n-----BEGIN\nend\n-----END\n.\npem cert\nABC\n.\nend\n",
			       &s),
		0);
	assert_string_equal(s.dir, "/etc/pki/qemu");
	assert_int_equal(s.verify, FACT_YES);
	assert_int_equal(s.ca, 'y');
	assert_int_equal(s.cert, 'p');
	assert_int_equal(s.key, 'n');
	assert_int_equal(s.openssl, FACT_YES);
	assert_int_equal(s.key_fits, FACT_NO);
	assert_int_equal(s.now_s, 1795766099);
	assert_string_equal(s.ca_pem, "-----BEGIN\nend\n-----END\n");
	assert_string_equal(s.cert_pem, "ABC\n");
	free(s.dir);
	free(s.ca_pem);
	free(s.cert_pem);
}

static void side_nonsense(void **state)
{
	static const char *const incomplete[] = { "", "dir /x\n", "pem ca\nabc\nend\n", "pem ca\n", "dir /x\nend \n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(incomplete); i++) {
		struct tls_proof p = { 0 };

		assert_int_equal(tls_parse_side(incomplete[i], &p.src), -1);
		tls_proof_clear(&p);
	}
	struct tls_proof p = { 0 };

	assert_int_equal(
		tls_parse_side("dir a\033[2Jb\ndir /y\nca yes\ncert\nkey z\nverify 1\nnow -4\nnow 1x\nfoo bar\nend\n",
			       &p.src),
		0);
	assert_string_equal(p.src.dir, "/y");
	assert_int_equal(p.src.ca, 0);
	assert_int_equal(p.src.cert, 0);
	assert_int_equal(p.src.key, 0);
	assert_int_equal(p.src.verify, FACT_UNKNOWN);
	assert_int_equal(p.src.now_s, 0);
	tls_proof_clear(&p);
}

static void words(void **state)
{
	struct tls_proof p = { 0 };

	(void)state;
	strv_add(&p.names, "10.0.0.2");
	strv_add(&p.names, "beta");
	assert_int_equal(tls_parse_words("from 0 Nov 27 07:54:59 2026 GMT\nuntil 0 Nov 27 07:55:00 2026 GMT\n"
					 "own 1 y\nother 1 n unable to get local issuer certificate\nown 3 n \n"
					 "own 3 n\nname 0 n\nname 1 y\nname 7 y\nend\n",
					 &p),
			 0);
	assert_int_equal(p.word[TLS_SRC_CA].from_s, 1795766099);
	assert_int_equal(p.word[TLS_SRC_CA].until_s, 1795766100);
	assert_int_equal(p.word[TLS_SRC_CERT].own, FACT_YES);
	assert_int_equal(p.word[TLS_SRC_CERT].other, FACT_NO);
	assert_string_equal(p.word[TLS_SRC_CERT].other_reason, "unable to get local issuer certificate");
	assert_int_equal(p.word[TLS_DST_CERT].own, FACT_NO);
	assert_non_null(p.word[TLS_DST_CERT].own_reason);
	assert_int_equal(p.word[TLS_DST_CERT].other, FACT_UNKNOWN);
	assert_string_equal(tls_name(&p), "beta");
	p.named[0] = FACT_YES;
	assert_string_equal(tls_name(&p), "10.0.0.2");
	p.named[0] = p.named[1] = FACT_UNKNOWN;
	assert_null(tls_name(&p));
	assert_int_equal(tls_parse_words("own 4 y\nend\n", &p), -1);
	assert_int_equal(tls_parse_words("own 1 y\n", &p), -1);
	assert_int_equal(tls_parse_words("own -1 y\nown x y\n\nend\n", &p), 0);
	tls_proof_clear(&p);
}

/* ---- what QEMU says of post-copy ---- */

static void postcopy_answers(void **state)
{
	static const char hello[] =
		"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}}}\r\n"
		"{\"return\": {}}\r\n";
	static const struct {
		const char *out;
		bool after_hello;
		enum fact works;
		const char *reason;
	} v[] = {
		{ "{\"return\": {}}\r\n{\"event\": \"SHUTDOWN\"}\r\n{\"return\": {}}\r\n", true, FACT_YES, NULL },
		{ "{\"event\": \"X\"}\n{\"return\": {}}\n", true, FACT_YES, NULL },
		{ "userfaultfd not available: Operation not permitted\r\n{\"error\": {\"class\": \"GenericError\", "
		  "\"desc\": \"Postcopy is not supported\"}}\r\n{\"return\": {}}\r\n",
		  true, FACT_NO, "userfaultfd not available: Operation not permitted" },
		{ "{\"error\": {\"desc\": \"Postcopy is not supported\"}}\n", true, FACT_NO,
		  "Postcopy is not supported" },
		{ "{\"error\": {\"desc\": 5}}\n", true, FACT_NO, NULL },
		{ "", true, FACT_UNKNOWN, NULL },
		{ "", false, FACT_UNKNOWN, NULL },
		{ "{\"return\": {}}\n", false, FACT_UNKNOWN, NULL },
		{ "sh: 1: /usr/bin/qemu: not found\n", false, FACT_UNKNOWN, "sh: 1: /usr/bin/qemu: not found" },
		{ "[]\n5\n{}\n", true, FACT_UNKNOWN, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		auto_free char *out = str_printf("%s%s", v[i].after_hello ? hello : "", v[i].out), *reason = NULL;

		assert_int_equal(postcopy_parse(out, &reason), v[i].works);
		if (v[i].reason ? !str_eq(reason, v[i].reason) : reason && *reason && !str_eq(reason, "5"))
			fail_msg("case %zu: %s", i, reason ? reason : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(combinations),  cmocka_unit_test(names), cmocka_unit_test(ways),
		cmocka_unit_test(sockets_fit),   cmocka_unit_test(dates), cmocka_unit_test(side_answers),
		cmocka_unit_test(side_nonsense), cmocka_unit_test(words), cmocka_unit_test(postcopy_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

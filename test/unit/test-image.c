/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Images as qemu-img tells of them, where files go, and the domain XML with the new paths. */
#include "unit.h"

#include "domain/domain.h"
#include "domain/image.h"
#include "domain/metadata.h"
#include "domain/remap.h"
#include "domain/rewrite.h"

/*
 * What qemu-img 7.2 said of real images, without the blanks between, ' for ", and in another directory. unsaid_sample
 * is of an image whose header has no backing format.
 */
static const char chain_sample[] =
	"[{'backing-filename-format':'qcow2','snapshots':[{'icount':0,'vm-clock-nsec':0,"
	"'name':'before upgrade','date-sec':1795275935,'date-nsec':96098000,'vm-clock-sec':0,'id':'1',"
	"'vm-state-size':0}],'virtual-size':10485760,'filename':'/srv/vm/top2.qcow2',"
	"'cluster-size':65536,'format':'qcow2','actual-size':233472,'format-specific':{'type':'qcow2',"
	"'data':{'compat':'1.1','compression-type':'zlib','lazy-refcounts':false,"
	"'bitmaps':[{'flags':['auto'],'name':'backup-0','granularity':65536},{'flags':['auto'],"
	"'name':'backup-1','granularity':65536}],'refcount-bits':16,'corrupt':false,"
	"'extended-l2':false}},'full-backing-filename':'/srv/vm/mid.qcow2',"
	"'backing-filename':'/srv/vm/mid.qcow2','dirty-flag':false},{'backing-filename-format':'raw',"
	"'virtual-size':10485760,'filename':'/srv/vm/mid.qcow2','cluster-size':131072,'format':'qcow2',"
	"'actual-size':397312,'format-specific':{'type':'qcow2','data':{'compat':'1.1',"
	"'compression-type':'zlib','lazy-refcounts':true,'refcount-bits':16,'corrupt':false,"
	"'extended-l2':false}},'full-backing-filename':'/srv/vm/base.raw',"
	"'backing-filename':'/srv/vm/base.raw','dirty-flag':false},{'virtual-size':10485760,"
	"'filename':'/srv/vm/base.raw','format':'raw','actual-size':4096,'dirty-flag':false}]";

static const char relative_sample[] =
	"[{'backing-filename-format':'raw','virtual-size':10485760,'filename':'/srv/vm/sub/rel.qcow2',"
	"'cluster-size':65536,'format':'qcow2','actual-size':200704,'format-specific':{'type':'qcow2',"
	"'data':{'compat':'1.1','compression-type':'zlib','lazy-refcounts':false,'refcount-bits':16,"
	"'corrupt':false,'extended-l2':false}},'full-backing-filename':'/srv/vm/sub/../base.raw',"
	"'backing-filename':'../base.raw','dirty-flag':false},{'virtual-size':10485760,"
	"'filename':'/srv/vm/sub/../base.raw','format':'raw','actual-size':4096,'dirty-flag':false}]";

static const char unsaid_sample[] =
	"[{'virtual-size':10485760,'filename':'/srv/vm/nofmt.qcow2','cluster-size':131072,"
	"'format':'qcow2','actual-size':397312,'format-specific':{'type':'qcow2','data':{'compat':'1.1',"
	"'compression-type':'zlib','lazy-refcounts':true,'refcount-bits':16,'corrupt':false,"
	"'extended-l2':false}},'full-backing-filename':'/srv/vm/base.raw',"
	"'backing-filename':'/srv/vm/base.raw','dirty-flag':false},{'virtual-size':10485760,"
	"'filename':'/srv/vm/base.raw','format':'raw','actual-size':4096,'dirty-flag':false}]";

static const char old_sample[] =
	"{'virtual-size':1073741824,'filename':'/srv/vm/old.qcow2','cluster-size':65536,'format':'qcow2',"
	"'actual-size':200704,'format-specific':{'type':'qcow2','data':{'compat':'0.10',"
	"'compression-type':'zlib','refcount-bits':16}},'dirty-flag':false}";

static const char encrypted_sample[] =
	"{'virtual-size':1048576,'filename':'/srv/vm/enc.qcow2','cluster-size':65536,'format':'qcow2',"
	"'actual-size':2297856,'format-specific':{'type':'qcow2','data':{'compat':'1.1',"
	"'compression-type':'zlib','lazy-refcounts':false,'refcount-bits':16,"
	"'encrypt':{'ivgen-alg':'plain64','hash-alg':'sha256','cipher-alg':'aes-256',"
	"'uuid':'35624b43-7a91-4ae4-99bc-a50d91c56e14','format':'luks','cipher-mode':'xts',"
	"'slots':[{'active':true,'iters':43574,'key-offset':4096,'stripes':4000},{'active':false,"
	"'key-offset':262144},{'active':false,'key-offset':520192},{'active':false,'key-offset':778240},"
	"{'active':false,'key-offset':1036288},{'active':false,'key-offset':1294336},{'active':false,"
	"'key-offset':1552384},{'active':false,'key-offset':1810432}],'payload-offset':2068480,"
	"'master-key-iters':10971},'corrupt':false,'extended-l2':false}},'encrypted':true,"
	"'dirty-flag':false}";

static const char luks_sample[] =
	"{'virtual-size':1048576,'filename':'/srv/vm/enc.luks','format':'luks','actual-size':262144,"
	"'format-specific':{'type':'luks','data':{'ivgen-alg':'plain64','hash-alg':'sha256',"
	"'cipher-alg':'aes-256','uuid':'900e3009-13f7-4bdc-9994-1154c3d6cfa5','cipher-mode':'xts',"
	"'slots':[{'active':true,'iters':38280,'key-offset':4096,'stripes':4000},{'active':false,"
	"'key-offset':262144},{'active':false,'key-offset':520192},{'active':false,'key-offset':778240},"
	"{'active':false,'key-offset':1036288},{'active':false,'key-offset':1294336},{'active':false,"
	"'key-offset':1552384},{'active':false,'key-offset':1810432}],'payload-offset':2068480,"
	"'master-key-iters':10690}},'encrypted':true,'dirty-flag':false}";

static const char data_file_sample[] =
	"{'virtual-size':1048576,'filename':'/srv/vm/df.qcow2','cluster-size':65536,'format':'qcow2',"
	"'actual-size':266240,'format-specific':{'type':'qcow2','data':{'compat':'1.1',"
	"'compression-type':'zlib','lazy-refcounts':false,'refcount-bits':16,'data-file':'df.raw',"
	"'data-file-raw':true,'corrupt':false,'extended-l2':false}},'dirty-flag':false}";

static const char extended_sample[] =
	"{'virtual-size':1048576,'filename':'/srv/vm/ext.qcow2','cluster-size':131072,'format':'qcow2',"
	"'actual-size':397312,'format-specific':{'type':'qcow2','data':{'compat':'1.1',"
	"'compression-type':'zstd','lazy-refcounts':false,'refcount-bits':64,'corrupt':false,"
	"'extended-l2':true}},'dirty-flag':false}";

static const char vmdk_sample[] =
	"{'virtual-size':4194304,'filename':'/srv/vm/x.vmdk','cluster-size':65536,'format':'vmdk',"
	"'actual-size':12288,'format-specific':{'type':'vmdk','data':{'cid':2941257941,"
	"'parent-cid':4294967295,'create-type':'monolithicSparse','extents':[{'virtual-size':4194304,"
	"'filename':'/srv/vm/x.vmdk','cluster-size':65536,'format':''}]}},'dirty-flag':false}";

static const char vdi_sample[] =
	"{'virtual-size':4194304,'filename':'/srv/vm/x.vdi','cluster-size':1048576,'format':'vdi',"
	"'actual-size':4096,'dirty-flag':false}";

static const char null_sample[] =
	"{'virtual-size':1048576,'filename':'json:{\\'driver\\': \\'null-co\\', \\'size\\': 1048576}',"
	"'format':'null-co','actual-size':0}";

/* With " for each '; the caller frees. */
static char *quoted(const char *text)
{
	char *s = xstrdup(text);

	for (char *p = s; *p; p++)
		if (*p == '\'')
			*p = '"';
	return s;
}

/* Each from becomes to; the caller frees. */
static char *replaced(const char *text, const char *from, const char *to)
{
	struct buf b = { 0 };
	const char *p;

	buf_add(&b, "", 0);
	for (; (p = strstr(text, from)); text = p + strlen(from)) {
		buf_add(&b, text, (size_t)(p - text));
		buf_add(&b, to, strlen(to));
	}
	buf_add(&b, text, strlen(text));
	return b.p;
}

static struct image_chain load(const char *sample)
{
	auto_free char *json = quoted(sample);
	auto_err struct err err = ERR_INIT;
	struct image_chain c = { 0 };

	if (image_chain_parse(json, strlen(json), &c, &err) < 0)
		fail_msg("%s: %s", json, err.msg);
	assert_true(c.n >= 1);
	return c;
}

/* len 0: all of json. */
static void refuse(const char *json, size_t len, const char *message)
{
	auto_err struct err err = ERR_INIT;
	auto_image_chain struct image_chain c = { 0 };

	if (image_chain_parse(json, len ? len : strlen(json), &c, &err) == 0)
		fail_msg("taken: %.200s", json);
	assert_null(c.v);
	assert_int_equal(c.n, 0);
	assert_true(err_is(&err, E_REMOTE));
	if (!strstr(err.msg, message))
		fail_msg("%.200s gives \"%s\", not \"%s\"", json, err.msg, message);
	assert_true(str_starts(err.msg, "qemu-img info: "));
	assert_null(strpbrk(err.msg, "\n\r\033"));
	assert_int_equal(image_chain_parse(json, len ? len : strlen(json), &c, NULL), -1);
}

static void chain_of_three(void **state)
{
	auto_image_chain struct image_chain c = load(chain_sample);
	const struct image_info *top = &c.v[0], *mid = &c.v[1], *base = &c.v[2];

	(void)state;
	assert_int_equal(c.n, 3);
	assert_string_equal(top->path, "/srv/vm/top2.qcow2");
	assert_string_equal(top->format, "qcow2");
	assert_int_equal(top->virtual_size, 10485760);
	assert_int_equal(top->actual_size, 233472);
	assert_string_equal(top->backing, "/srv/vm/mid.qcow2");
	assert_string_equal(top->backing_said, "/srv/vm/mid.qcow2");
	assert_string_equal(top->backing_format, "qcow2");
	assert_int_equal(top->cluster_size, 65536);
	assert_string_equal(top->compat, "1.1");
	assert_int_equal(top->refcount_bits, 16);
	assert_string_equal(top->compression_type, "zlib");
	assert_false(top->dirty || top->lazy_refcounts || top->extended_l2 || top->corrupt || top->encrypted);
	assert_null(top->data_file);
	assert_null(top->encrypt_format);
	assert_int_equal(top->snapshots.n, 1);
	assert_string_equal(top->snapshots.v[0], "before upgrade");
	assert_int_equal(top->bitmaps.n, 2);
	assert_string_equal(top->bitmaps.v[0], "backup-0");
	assert_string_equal(top->bitmaps.v[1], "backup-1");
	assert_true(mid->lazy_refcounts);
	assert_int_equal(mid->snapshots.n + mid->bitmaps.n, 0);
	assert_string_equal(mid->backing_format, "raw");
	assert_string_equal(base->path, "/srv/vm/base.raw");
	assert_string_equal(base->format, "raw");
	assert_int_equal(base->cluster_size, 0);
	assert_int_equal(base->refcount_bits, 0);
	assert_null(base->backing);
	assert_null(base->compat);
}

static void backing_files(void **state)
{
	static const char nameless[] = "{'filename':'/a','format':'vmdk','virtual-size':1,'backing-filename':'b'}";
	auto_image_chain struct image_chain relative = load(relative_sample), unsaid = load(unsaid_sample);
	auto_image_chain struct image_chain one = load(nameless);

	(void)state;
	assert_string_equal(relative.v[0].backing, "/srv/vm/sub/../base.raw");
	assert_string_equal(relative.v[0].backing_said, "../base.raw");
	assert_string_equal(relative.v[1].path, "/srv/vm/sub/../base.raw");
	assert_string_equal(unsaid.v[0].backing, "/srv/vm/base.raw");
	assert_null(unsaid.v[0].backing_format);
	assert_string_equal(one.v[0].backing, "b");
	assert_string_equal(one.v[0].backing_said, "b");
}

static void other_images(void **state)
{
	auto_image_chain struct image_chain old = load(old_sample), encrypted = load(encrypted_sample);
	auto_image_chain struct image_chain luks = load(luks_sample), data_file = load(data_file_sample);
	auto_image_chain struct image_chain extended = load(extended_sample), vmdk = load(vmdk_sample);
	auto_image_chain struct image_chain vdi = load(vdi_sample), null = load(null_sample);

	(void)state;
	assert_string_equal(old.v[0].compat, "0.10");
	assert_true(encrypted.v[0].encrypted);
	assert_string_equal(encrypted.v[0].encrypt_format, "luks");
	assert_true(luks.v[0].encrypted);
	assert_string_equal(luks.v[0].format, "luks");
	assert_null(luks.v[0].encrypt_format);
	assert_string_equal(data_file.v[0].data_file, "df.raw");
	assert_true(extended.v[0].extended_l2);
	assert_int_equal(extended.v[0].refcount_bits, 64);
	assert_string_equal(vmdk.v[0].format, "vmdk");
	assert_int_equal(vdi.v[0].cluster_size, 1048576);
	assert_string_equal(null.v[0].path, "json:{\"driver\": \"null-co\", \"size\": 1048576}");
	assert_false(null.v[0].dirty);
}

/* qemu-img takes these, and makes an image of which it says the same again: tried by hand with 7.2. */
static void create_options(void **state)
{
	static const struct {
		const char *sample, *options;
	} cases[] = {
		{ chain_sample, "compat=1.1,cluster_size=65536,refcount_bits=16,lazy_refcounts=off,extended_l2=off,"
				"compression_type=zlib" },
		{ unsaid_sample, "compat=1.1,cluster_size=131072,refcount_bits=16,lazy_refcounts=on,extended_l2=off,"
				 "compression_type=zlib" },
		{ extended_sample, "compat=1.1,cluster_size=131072,refcount_bits=64,lazy_refcounts=off,extended_l2=on,"
				   "compression_type=zstd" },
		{ old_sample, "compat=0.10,cluster_size=65536" },
		{ luks_sample, NULL },
		{ vdi_sample, NULL },
		{ "{'filename':'/a','format':'raw','virtual-size':1}", NULL },
		/* before QEMU 5.1 */
		{ "{'filename':'/a','format':'qcow2','virtual-size':1,'cluster-size':512,'dirty-flag':false,"
		  "'format-specific':{'type':'qcow2','data':{'compat':'1.1','refcount-bits':1,'lazy-refcounts':false,"
		  "'corrupt':false}}}",
		  "compat=1.1,cluster_size=512,refcount_bits=1,lazy_refcounts=off,extended_l2=off" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_image_chain struct image_chain c = load(cases[i].sample);
		auto_free char *options = image_create_options(&c.v[0]);

		if (!str_eq(options, cases[i].options))
			fail_msg("case %zu: %s", i, options ? options : "none");
	}
}

/* One change to a good answer. */
static void changed_answers(void **state)
{
	static const struct {
		const char *sample, *from, *to, *message; /* message NULL: is taken */
	} cases[] = {
		{ old_sample, "'filename':'/srv/vm/old.qcow2',", "", "image 1: filename is missing" },
		{ old_sample, "'/srv/vm/old.qcow2'", "7", "filename is not a string" },
		{ old_sample, "'/srv/vm/old.qcow2'", "''", "filename is not a path" },
		{ old_sample, "/old", "/o\\nld", "filename is not a path" },
		{ old_sample, "/old", "/o\\u0000ld", "is not JSON" },
		{ old_sample, "/old", "/o\\uFFFDld", "filename has bytes in it that are not UTF-8" },
		{ old_sample, "/old", "/o\xffld", "is not JSON" },
		{ old_sample, "/old", "/o\\uD83Dld", "is not JSON" },
		{ old_sample, "/old", "/o\\uD83D\\uDE00ld", NULL },
		{ old_sample, "'format':'qcow2',", "", "format is missing" },
		{ old_sample, "'format':'qcow2'", "'format':null", "format is not a string" },
		{ old_sample, "'format':'qcow2'", "'format':''", "format is not a word" },
		{ old_sample, "'format':'qcow2'", "'format':'qcow2,x=y'", "format is not a word" },
		{ old_sample, "'virtual-size':1073741824,", "", "virtual-size is missing" },
		{ old_sample, "1073741824", "-1", "virtual-size is not a number that can be believed" },
		{ old_sample, "1073741824", "1e9", "virtual-size is not a whole number" },
		{ old_sample, "1073741824", "1.0", "virtual-size is not a whole number" },
		{ old_sample, "1073741824", "'1'", "virtual-size is not a whole number" },
		{ old_sample, "1073741824", "true", "virtual-size is not a whole number" },
		{ old_sample, "1073741824", "0", NULL },
		{ old_sample, "1073741824", "1152921504606846976", NULL },
		{ old_sample, "1073741824", "1152921504606846977", "virtual-size is not a number that can be" },
		{ old_sample, "1073741824", "9223372036854775807", "virtual-size is not a number that can be" },
		{ old_sample, "1073741824", "9223372036854775808", "is not JSON" },
		{ old_sample, "1073741824", "18446744073709551616", "is not JSON" },
		{ old_sample, "1073741824", "1e999", "is not JSON" },
		{ old_sample, "1073741824", "NaN", "is not JSON" },
		{ old_sample, "'actual-size':200704,", "", NULL },
		{ old_sample, "200704", "-200704", "actual-size is not a number that can be believed" },
		{ old_sample, "200704", "null", "actual-size is not a whole number" },
		{ old_sample, "'cluster-size':65536,", "", "cluster-size is missing" },
		{ old_sample, "65536", "0", "cluster-size is missing" },
		{ old_sample, "65536", "65535", "cluster-size is none that qcow2 can have" },
		{ old_sample, "65536", "256", "cluster-size is none that qcow2 can have" },
		{ old_sample, "65536", "512", NULL },
		{ old_sample, "65536", "2097152", NULL },
		{ old_sample, "65536", "4194304", "cluster-size is none that qcow2 can have" },
		{ vdi_sample, "1048576", "2147483648", "cluster-size is not a number that can be believed" },
		{ old_sample, ",'dirty-flag':false", "", "dirty-flag is missing" },
		{ old_sample, "'dirty-flag':false", "'dirty-flag':0", "dirty-flag is not true or false" },
		{ old_sample, "'dirty-flag':false", "'dirty-flag':true", NULL },
		{ old_sample, "'dirty-flag':false", "'dirty-flag':false,'dirty-flag':true", "is not JSON" },
		{ old_sample, "'compat':'0.10'", "'compat':'0.10','compat':'1.1'", "is not JSON" },
		{ vdi_sample, ",'dirty-flag':false", "", NULL },
		{ old_sample, "'format-specific'", "'unspecific'", "image 1: format-specific is missing" },
		{ old_sample, "'data':", "'date':", "format-specific.data is missing" },
		{ old_sample, "{'type':'qcow2',", "{'type':'vmdk',", "format-specific.type is not qcow2" },
		{ old_sample, "{'type':'qcow2',", "{", "format-specific.type is missing" },
		{ old_sample, "'compat':'0.10',", "", "format-specific.data.compat is missing" },
		{ old_sample, "0.10", "1.1", "format-specific.data.lazy-refcounts is missing" },
		{ old_sample, "0.10", "1.2", "format-specific.data.compat is not known" },
		{ old_sample, "0.10", "1.1,backing_file=/etc/shadow", "compat is not a word" },
		{ old_sample, "zlib", "zlib,data_file=/dev/sda", "compression-type is not a word" },
		{ old_sample, ",'refcount-bits':16", "", "refcount-bits is missing" },
		{ old_sample, "'refcount-bits':16", "'refcount-bits':12", "refcount-bits is none that qcow2" },
		{ old_sample, "'refcount-bits':16", "'refcount-bits':0", "refcount-bits is none that qcow2" },
		{ old_sample, "'refcount-bits':16", "'refcount-bits':128", "refcount-bits is not a number" },
		{ extended_sample, "'corrupt':false,", "", "format-specific.data.corrupt is missing" },
		{ extended_sample, "'corrupt':false", "'corrupt':'no'", "corrupt is not true or false" },
		{ extended_sample, "'extended-l2':true", "'extended-l2':1", "extended-l2 is not true or false" },
		{ data_file_sample, "'df.raw'", "['df.raw']", "data-file is not a string" },
		{ data_file_sample, "'df.raw'", "''", "data-file is not a path" },
		{ encrypted_sample, "'format':'luks',", "", "format-specific.data.encrypt.format is missing" },
		{ encrypted_sample, "'encrypted':true,", "", NULL },
		{ encrypted_sample, "'encrypted':true", "'encrypted':'true'", "encrypted is not true or false" },
		{ chain_sample, "'before upgrade'", "1", "image 1: snapshots.name is not a string" },
		{ chain_sample, "'name':'before upgrade',", "", "image 1: snapshots.name is missing" },
		{ chain_sample, "'name':'backup-1',", "", "image 1: format-specific.data.bitmaps.name is missing" },
		{ chain_sample, "'bitmaps':[", "'bitmaps':[1,", "data.bitmaps has an item that is not an object" },
		{ chain_sample, "'snapshots':[", "'snapshots':[[],", "snapshots has an item that is not an object" },
		{ chain_sample, "'cluster-size':131072", "'cluster-size':1", "image 2: cluster-size is none" },
		{ chain_sample, "'format':'raw'", "'format':0", "image 3: format is not a string" },
		{ chain_sample, "}},'full-backing-filename':'/srv/vm/mid.qcow2'", "}}", NULL },
		{ chain_sample, "'backing-filename':'/srv/vm/base.raw',", "", "image 2: backing-filename is missing" },
		{ chain_sample, "'full-backing-filename':'/srv/vm/base.raw','backing-filename':'/srv/vm/base.raw',", "",
		  "image 2: full-backing-filename is missing, but the chain goes on" },
		{ chain_sample, "'format':'raw'", "'format':'raw','backing-filename':'/x'",
		  "image 3: full-backing-filename is there, but the chain ends" },
		{ chain_sample, "'backing-filename-format':'raw'", "'backing-filename-format':'raw,size=1'",
		  "image 2: backing-filename-format is not a word" },
		{ chain_sample, "}]", "},1]", "image 1: " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *text = replaced(cases[i].sample, cases[i].from, cases[i].to);
		auto_free char *json = quoted(text);
		auto_image_chain struct image_chain c = { 0 };

		if (strcmp(text, cases[i].sample) == 0)
			fail_msg("case %zu changes nothing", i);
		if (cases[i].message)
			refuse(json, 0, cases[i].message);
		else
			c = load(text);
	}
}

static void no_answers(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ " ", "the answer is not JSON: line 1" },
		{ "qemu-img: Could not open '/srv/\033[2Jx'", "the answer is not JSON: line 1" },
		{ "{} {}", "the answer is not JSON: line 1" },
		{ "7", "is not JSON" },
		{ "\"/srv/vm\"", "is not JSON" },
		{ "null", "is not JSON" },
		{ "[]", "no images in one backing chain" },
		{ "{}", "image 1: filename is missing" },
		{ "[[]]", "image 1: it is not an object" },
		{ "[null]", "image 1: it is not an object" },
		{ "[{}]", "image 1: filename is missing" },
		{ "{\"filename\":{\"filename\":\"/a\"}}", "image 1: filename is not a string" },
		{ "\xef\xbb\xbf{}", "is not JSON" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refuse(cases[i].text, 0, cases[i].message);
	refuse("{}\0", 3, "is not JSON");
}

/* The connection broke while it was told. */
static void cut_short(void **state)
{
	auto_free char *json = quoted(chain_sample);

	(void)state;
	for (size_t n = 1; n < strlen(json); n++)
		refuse(json, n, "the answer is not JSON");
}

/* before, n times item with commas between, after; with " for each '. */
static char *repeated(const char *before, const char *item, size_t n, const char *after)
{
	auto_buf struct buf b = { 0 };

	buf_addf(&b, "%s", before);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? "," : "", item);
	buf_addf(&b, "%s", after);
	return quoted(b.p);
}

#define RAW "'filename':'/a','format':'raw','virtual-size':1"
#define LINK "{" RAW ",'backing-filename':'/a'}"
#define QCOW2 "{'filename':'/a','format':'qcow2','virtual-size':1,'cluster-size':65536,'dirty-flag':false,"
#define SPECIFIC "'format-specific':{'type':'qcow2','data':{'compat':'1.1','lazy-refcounts':false,'corrupt':false,"

static void too_many(void **state)
{
	static const struct {
		const char *before, *item, *after, *message;
		size_t fits;
	} cases[] = {
		{ "[", LINK, ",{" RAW "}]", "too many images in one backing chain", 1023 },
		{ "{" RAW ",'snapshots':[", "{'name':'a'}", "]}", "snapshots has too many items", 1024 },
		{ QCOW2 SPECIFIC "'refcount-bits':16,'bitmaps':[", "{'name':'a'}", "]}}}", "bitmaps has too many items",
		  1024 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *fits = repeated(cases[i].before, cases[i].item, cases[i].fits, cases[i].after);
		auto_free char *over = repeated(cases[i].before, cases[i].item, cases[i].fits + 1, cases[i].after);
		auto_free char *far = repeated(cases[i].before, cases[i].item, 2000, cases[i].after);
		auto_image_chain struct image_chain c = load(fits);

		refuse(over, 0, cases[i].message);
		refuse(far, 0, cases[i].message);
	}
}

static void too_long(void **state)
{
	static const struct {
		const char *before, *after, *field;
		int max;
	} cases[] = {
		{ "{'format':'raw','virtual-size':1,'filename':'/", "'}", "filename", 4094 },
		{ "{" RAW ",'backing-filename':'/", "'}", "backing-filename", 4094 },
		{ "{'filename':'/a','virtual-size':1,'format':'", "'}", "format", 255 },
		{ "{" RAW ",'snapshots':[{'name':'", "'}]}", "snapshots.name", 255 },
	};
	auto_free char *much = str_printf("{\"a\":\"%01048576d\"}", 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *fits = str_printf("%s%0*d%s", cases[i].before, cases[i].max, 0, cases[i].after);
		auto_free char *over = str_printf("%s%0*d%s", cases[i].before, cases[i].max + 1, 0, cases[i].after);
		auto_free char *json = quoted(over), *message = str_printf("%s is too long", cases[i].field);
		auto_image_chain struct image_chain c = load(fits);

		refuse(json, 0, message);
	}
	refuse(much, 0, "the answer is longer than 1048576 bytes");
	refuse(much, 1048576, "is not JSON");
}

static void too_deep(void **state)
{
	static const char *const open[] = { "[", "{\"a\":", "[{\"format-specific\":" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		auto_buf struct buf b = { 0 };

		while (b.len + strlen(open[i]) <= IMAGE_JSON_MAX)
			buf_add(&b, open[i], strlen(open[i]));
		refuse(b.p, 0, "the answer is not JSON");
	}
}

/* Deep where nobody looks. */
static void deep_within(void **state)
{
	auto_buf struct buf b = { 0 };
	auto_image_chain struct image_chain c = { 0 };

	(void)state;
	buf_addf(&b, "{" RAW ",'children':");
	for (int i = 0; i < 2000; i++)
		buf_addf(&b, "[");
	for (int i = 0; i < 2000; i++)
		buf_addf(&b, "]");
	buf_addf(&b, "}");
	c = load(b.p);
	assert_string_equal(c.v[0].path, "/a");
}

static void disk_words(void **state)
{
	static const struct {
		const char *before, *word, *path, *message; /* before NULL: the only one; message NULL: is taken */
	} cases[] = {
		{ .word = "vda" },
		{ .word = "vda=/srv/vm/new.qcow2", .path = "/srv/vm/new.qcow2" },
		{ .word = "vda=/srv//vm///new", .path = "/srv/vm/new" },
		{ .word = "vda=/a=b", .path = "/a=b" },
		{ .word = "vda=/srv/größer.qcow2", .path = "/srv/größer.qcow2" },
		{ .word = "vda=/srv/..a/b../...", .path = "/srv/..a/b../..." },
		{ .before = "vdb=/x", .word = "vda=/y", .path = "/y" },
		{ .word = "", .message = "--disk \"\": must begin with the target of a disk" },
		{ .word = "=/x", .message = "--disk \"=/x\": must begin with the target of a disk" },
		{ .word = "/srv/vm/x", .message = "must begin with the target of a disk" },
		{ .word = "v\nda", .message = "--disk \"v\\x0ada\": must begin with the target of a disk" },
		{ .word = "vda=", .message = "--disk \"vda=\": the path must be absolute" },
		{ .word = "vda=x", .message = "the path must be absolute" },
		{ .word = "vda=./x", .message = "the path must be absolute" },
		{ .word = "vda=/", .message = "must be that of a file, not of a directory" },
		{ .word = "vda=/srv/vm/", .message = "must be that of a file, not of a directory" },
		{ .word = "vda=/srv/../etc/passwd", .message = "must have no \".\" or \"..\" in it" },
		{ .word = "vda=/srv/./x", .message = "must have no \".\" or \"..\" in it" },
		{ .word = "vda=/srv/..", .message = "must have no \".\" or \"..\" in it" },
		{ .word = "vda=/.", .message = "must have no \".\" or \"..\" in it" },
		{ .word = "vda=/srv/a\nb", .message = "control characters" },
		{ .word = "vda=/srv/a\033b", .message = "control characters" },
		{ .word = "vda=/srv/a\x7f", .message = "control characters" },
		{ .word = "vda=/srv/\xff", .message = "is not UTF-8" },
		{ .before = "vda", .word = "vda", .message = "the disk is named twice" },
		{ .before = "vda=/x", .word = "vda=/x", .message = "the disk is named twice" },
		{ .before = "vda", .word = "vda=/x", .message = "the disk is named twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		auto_remap struct remap r = { 0 };
		size_t n = cases[i].before != NULL;

		if (cases[i].before)
			assert_int_equal(remap_add_disk(&r, cases[i].before, NULL), 0);
		if (!cases[i].message) {
			assert_int_equal(remap_add_disk(&r, cases[i].word, &err), 0);
			assert_int_equal(r.disks_n, n + 1);
			assert_string_equal(r.disks[n].target, "vda");
			assert_true(str_eq(r.disks[n].path, cases[i].path));
			continue;
		}
		assert_int_equal(remap_add_disk(&r, cases[i].word, &err), -1);
		assert_int_equal(r.disks_n, n);
		assert_true(err_is(&err, E_USAGE));
		if (!strstr(err.msg, cases[i].message))
			fail_msg("\"%s\" gives \"%s\", not \"%s\"", cases[i].word, err.msg, cases[i].message);
		assert_null(strpbrk(err.msg, "\n\033\xff"));
	}
}

static void storage_words(void **state)
{
	static const struct {
		const char *before, *word, *from, *to, *message;
	} cases[] = {
		{ .word = "/srv/a=/srv/b", .from = "/srv/a", .to = "/srv/b" },
		{ .word = "//srv///a//=/srv/b//", .from = "/srv/a", .to = "/srv/b" },
		{ .word = "/srv/a=b=/srv/c=d", .from = "/srv/a=b", .to = "/srv/c=d" },
		{ .word = "/srv/a=/x=/srv/b", .from = "/srv/a", .to = "/x=/srv/b" },
		{ .before = "/srv=/x", .word = "/srv/a=/x", .from = "/srv/a", .to = "/x" },
		{ .word = "", .message = "--storage \"\": must be two directories" },
		{ .word = "/srv/a", .message = "--storage \"/srv/a\": must be two directories" },
		{ .word = "/srv/a=", .message = "both paths must be absolute" },
		{ .word = "=/srv/a", .message = "both paths must be absolute" },
		{ .word = "a=/srv/a", .message = "both paths must be absolute" },
		{ .word = "/srv/a=b", .message = "both paths must be absolute" },
		{ .word = "/srv/a=../b", .message = "both paths must be absolute" },
		{ .word = "/srv/a/..=/srv/b", .message = "must have no \".\" or \"..\"" },
		{ .word = "/srv/a=/srv/./b", .message = "must have no \".\" or \"..\"" },
		{ .word = "/=/srv/b", .message = "the root directory cannot be mapped" },
		{ .word = "/srv/b=//", .message = "the root directory cannot be mapped" },
		{ .word = "/srv/a=/srv/a", .message = "both directories are the same" },
		{ .word = "/srv/a/=//srv//a", .message = "both directories are the same" },
		{ .before = "/srv/a=/b", .word = "/srv/a=/b", .message = "the directory is mapped twice" },
		{ .before = "/srv/a=/b", .word = "/srv//a/=/c", .message = "the directory is mapped twice" },
		{ .word = "/srv/a\n=/srv/b", .message = "control characters" },
		{ .word = "/srv/a=/srv/\xc3", .message = "is not UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		auto_remap struct remap r = { 0 };
		size_t n = cases[i].before != NULL;

		if (cases[i].before)
			assert_int_equal(remap_add_storage(&r, cases[i].before, NULL), 0);
		if (!cases[i].message) {
			assert_int_equal(remap_add_storage(&r, cases[i].word, &err), 0);
			assert_int_equal(r.maps_n, n + 1);
			assert_string_equal(r.maps[n].from, cases[i].from);
			assert_string_equal(r.maps[n].to, cases[i].to);
			continue;
		}
		assert_int_equal(remap_add_storage(&r, cases[i].word, &err), -1);
		assert_int_equal(r.maps_n, n);
		assert_true(err_is(&err, E_USAGE));
		if (!strstr(err.msg, cases[i].message))
			fail_msg("\"%s\" gives \"%s\", not \"%s\"", cases[i].word, err.msg, cases[i].message);
		assert_null(strpbrk(err.msg, "\n\033\xc3"));
	}
}

static void too_long_words(void **state)
{
	auto_free char *disk = str_printf("vda=/%04095d", 0), *fits = str_printf("vdb=/%04094d", 0);
	auto_free char *from = str_printf("/%04095d=/a", 0), *to = str_printf("/a=/%04095d", 0);
	auto_remap struct remap r = { 0 };

	(void)state;
	assert_int_equal(remap_add_disk(&r, disk, NULL), -1);
	assert_int_equal(remap_add_disk(&r, fits, NULL), 0);
	assert_int_equal(remap_add_storage(&r, from, NULL), -1);
	assert_int_equal(remap_add_storage(&r, to, NULL), -1);
}

static void selection(void **state)
{
	auto_remap struct remap r = { 0 };

	(void)state;
	assert_true(remap_selects(&r, "vda"));
	assert_int_equal(remap_add_storage(&r, "/a=/b", NULL), 0);
	assert_true(remap_selects(&r, "vda"));
	assert_int_equal(remap_add_disk(&r, "vdb=/x", NULL), 0);
	assert_false(remap_selects(&r, "vda"));
	assert_true(remap_selects(&r, "vdb"));
	assert_false(remap_selects(&r, "vdb1"));
	remap_clear(&r);
	assert_true(remap_selects(&r, "vda"));
}

static void make_remap(struct remap *r)
{
	assert_int_equal(remap_add_disk(r, "vda=/new/root.qcow2", NULL), 0);
	assert_int_equal(remap_add_disk(r, "vdb", NULL), 0);
	assert_int_equal(remap_add_disk(r, "sda", NULL), 0);
	assert_int_equal(remap_add_storage(r, "/srv/a=/srv/b", NULL), 0);
	assert_int_equal(remap_add_storage(r, "/srv=/data", NULL), 0);
	assert_int_equal(remap_add_storage(r, "/srv/a/deep=/flash", NULL), 0);
	assert_int_equal(remap_add_storage(r, "/dev/vg0=/dev/vg1", NULL), 0);
}

static void new_paths(void **state)
{
	static const struct {
		const char *target;
		size_t depth;
		const char *path, *want;
	} cases[] = {
		{ "vda", 0, "/srv/a/x", "/new/root.qcow2" },
		{ "vda", 0, "/elsewhere", "/new/root.qcow2" },
		{ "vda", 1, "/srv/a/x", "/srv/b/x" },
		{ "vdb", 0, "/srv/a/x", "/srv/b/x" },
		/* one that does not move keeps its files */
		{ "vdc", 0, "/srv/a/x", "/srv/a/x" },
		{ "vdc", 1, "/srv/a/x", "/srv/a/x" },
		{ NULL, 0, "/srv/a/x", "/srv/a/x" },
		/* the longest one, and only once */
		{ "vdb", 0, "/srv/a/deep/x", "/flash/x" },
		{ "vdb", 0, "/srv/a/deeper/x", "/srv/b/deeper/x" },
		{ "vdb", 0, "/srv/ab/x", "/data/ab/x" },
		{ "vdb", 0, "/srv/b/x", "/data/b/x" },
		{ "vdb", 0, "/srv/a", "/srv/b" },
		{ "vdb", 0, "/srv", "/data" },
		{ "vdb", 0, "/srv/", "/data" },
		{ "vdb", 0, "/srvx/y", "/srvx/y" },
		{ "vdb", 0, "/", "/" },
		{ "vdb", 3, "/dev/vg0/lv", "/dev/vg1/lv" },
		{ "vdb", 0, "/dev/vg01/lv", "/dev/vg01/lv" },
		/* as qemu-img and libvirt tell of relative backing files */
		{ "vdb", 1, "/srv/a/vm1/../base.raw", "/srv/b/base.raw" },
		{ "vdb", 1, "/srv/a/./base.raw", "/srv/b/base.raw" },
		{ "vdb", 1, "/srv/a/../c/base.raw", "/data/c/base.raw" },
		{ "vdb", 1, "/srv/../../etc/passwd", "/srv/../../etc/passwd" },
		{ "vdb", 1, "/srv//a//x", "/srv/b/x" },
		{ "vdb", 1, "/other//a/./x", "/other//a/./x" },
		{ "vdb", 1, "nbd://srv/a/x", "nbd://srv/a/x" },
		{ "vdb", 1, "srv/a", "srv/a" },
		{ "vdb", 1, "", "" },
		{ "vdb", 1, NULL, NULL },
	};
	auto_remap struct remap r = { 0 };

	(void)state;
	make_remap(&r);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *path = remap_path(&r, cases[i].target, cases[i].depth, cases[i].path);

		if (!str_eq(path, cases[i].want))
			fail_msg("%s gives %s, not %s", cases[i].path, path, cases[i].want);
	}
}

static const char rewritten_before[] =
	"<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' type='kvm'>\n"
	"  <name>grö&#223;er &amp; &lt;besser&gt;</name>\n"
	"  <metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>\n"
	"    <nova:root type='image' uuid='c0ffee00-0000-4000-8000-000000000001'/></nova:instance></metadata>\n"
	"  <devices>\n"
	"    <disk type='file' device='disk'>\n"
	"      <source file='/srv/a/root.qcow2' index='1' startupPolicy='optional'>\n"
	"        <seclabel model='dac' relabel='no'/>\n"
	"        <encryption format='luks'><secret type='passphrase' uuid='u'/></encryption>\n"
	"      </source>\n"
	"      <backingStore type='file' index='2'><format type='qcow2'/><source file='/srv/a/mid'/>\n"
	"        <backingStore type='block'><format type='raw'/><source dev='/dev/vg0/base' file='/srv/a/no'/>\n"
	"          <backingStore type='network'><source protocol='nbd' name='/srv/a'/>\n"
	"            <backingStore><source file='/srv/a/no-type'/><backingStore/></backingStore>\n"
	"      </backingStore></backingStore></backingStore>\n"
	"      <mirror type='file'><source file='/srv/a/copy'/></mirror>\n"
	"      <target dev='vda'/>\n"
	"    </disk>\n"
	"    <disk type='file' device='cdrom'><source file='/srv/a/a&amp;b.iso'/><target dev='sda'/></disk>\n"
	"    <disk type='file' device='cdrom'><target dev='vdz'/></disk>\n"
	"    <disk type='volume'><source pool='/srv/a' volume='x' file='/srv/a/x'/><target dev='vdv'/></disk>\n"
	"    <disk type='dir'><source dir='/srv/a'/><target dev='fda'/></disk>\n"
	"    <disk type='block'><source dev='/dev/vg0/lv'/><target dev='vdb'/></disk>\n"
	"    <filesystem><source dir='/srv/a' file='/srv/a/x'/></filesystem>\n"
	"    <x:disk xmlns:x='urn:x'><source file='/srv/a/x'/></x:disk>\n"
	"    <serial type='file'><source path='/srv/a/log'/></serial>\n"
	"  </devices>\n"
	"  <seclabel type='static' model='apparmor'><label>libvirt-1</label></seclabel>\n"
	"  <qemu:commandline><qemu:arg value='-drive file=/srv/a/x'/></qemu:commandline>\n"
	"</domain>";

/* What changes, and nothing else. */
static const char *const rewritten_paths[][2] = {
	{ "file='/srv/a/root.qcow2'", "file='/new/root.qcow2'" },
	{ "'/srv/a/mid'", "'/srv/b/mid'" },
	{ "'/dev/vg0/base'", "'/dev/vg1/base'" },
	{ "'/srv/a/no-type'", "'/srv/b/no-type'" },
	{ "'/srv/a/a&amp;b.iso'", "'/srv/b/a&amp;b.iso'" },
	{ "'/dev/vg0/lv'", "'/dev/vg1/lv'" },
};

/* As libxml2 writes it (namespaces come first, too); the caller frees. */
static char *normal(const char *xml)
{
	auto_free char *double_quoted = quoted(xml);

	return replaced(double_quoted, "&#223;", "ß");
}

static void rewriting(void **state)
{
	auto_free char *xml = xstrdup(rewritten_before), *want = NULL, *got = NULL;
	auto_remap struct remap r = { 0 };
	bool changed = false;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rewritten_paths); i++) {
		char *next = replaced(xml, rewritten_paths[i][0], rewritten_paths[i][1]);

		assert_true(strcmp(next, xml) != 0);
		free(xml);
		xml = next;
	}
	want = normal(xml);
	make_remap(&r);
	got = domain_rewrite(rewritten_before, &r, &changed, NULL);
	assert_non_null(got);
	assert_string_equal(got, want);
	assert_true(changed);
}

static void rewriting_nothing(void **state)
{
	static const char *const words[] = { NULL, "/srv/elsewhere=/srv/b", "/srv/a/root=/x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		auto_remap struct remap r = { 0 };
		auto_free char *got = NULL;
		bool changed = true;

		assert_int_equal(remap_add_disk(&r, "vda", NULL), 0);
		if (words[i])
			assert_int_equal(remap_add_storage(&r, words[i], NULL), 0);
		got = domain_rewrite(rewritten_before, &r, &changed, NULL);
		assert_string_equal(got, rewritten_before);
		assert_false(changed);
	}
}

/* A path that XML has to quote, and one from a block device to a file. */
static void rewriting_oddly(void **state)
{
	static const char xml[] = "<domain><devices><disk type='block'><source dev='/dev/x'/><target dev='vda'/></disk>"
				  "</devices><devices><disk><source file='/x'/></disk></devices></domain>";
	auto_remap struct remap r = { 0 };
	auto_free char *got = NULL;
	bool changed = false;

	(void)state;
	assert_int_equal(remap_add_disk(&r, "vda=/srv/a\"<&'>ü", NULL), 0);
	assert_int_equal(remap_add_storage(&r, "/x=/y", NULL), 0);
	got = domain_rewrite(xml, &r, &changed, NULL);
	assert_non_null(got);
	assert_true(changed);
	assert_non_null(strstr(got, "type=\"block\"><source dev=\"/srv/a&quot;&lt;&amp;'&gt;ü\"/><target"));
	assert_non_null(strstr(got, "<source file=\"/x\"/></disk>")); /* not named: it stays */
}

/* Real ones stay what they are; every path is where remap_path() has it. */
static void rewriting_samples(void **state)
{
	static const char *const names[] = { "web1.xml", "tied.xml", "small.xml" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		auto_free char *path = str_printf("test/unit/data/%s", names[i]), *xml = unit_read_file(path);
		auto_domain struct domain *before = domain_parse(xml, NULL), *after = NULL;
		auto_remap struct remap r = { 0 };
		auto_free char *got = NULL;
		bool changed = false;

		assert_int_equal(remap_add_storage(&r, "/srv=/data", NULL), 0);
		assert_int_equal(remap_add_storage(&r, "/dev=/data/dev", NULL), 0);
		got = domain_rewrite(xml, &r, &changed, NULL);
		after = domain_parse(got, NULL);
		assert_non_null(after);
		assert_int_equal(after->disks_n, before->disks_n);
		for (size_t d = 0; d < before->disks_n; d++) {
			assert_int_equal(after->disks[d].chain_n, before->disks[d].chain_n);
			for (size_t c = 0; c < before->disks[d].chain_n; c++) {
				const struct image *m = &before->disks[d].chain[c], *n = &after->disks[d].chain[c];
				bool moves = m->source == DISK_FILE || m->source == DISK_BLOCK;
				auto_free char *want = remap_path(&r, before->disks[d].target, c, m->path);

				assert_true(str_eq(n->path, moves ? want : m->path));
				assert_true(!moves || (changed && str_starts(n->path, "/data/")));
			}
		}
		assert_int_equal(after->paths_n, before->paths_n);
		for (size_t p = 0; p < before->paths_n; p++)
			assert_string_equal(after->paths[p].path, before->paths[p].path);
	}
}

static void rewriting_refused(void **state)
{
	static const struct {
		const char *xml, *message;
	} cases[] = {
		{ "", "domain XML: line" },
		{ "<domain>", "domain XML: line 1" },
		{ "<network/>", "root element \"network\" is not \"domain\"" },
		{ "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain>&x;</domain>",
		  "a document type is not accepted" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_err struct err err = ERR_INIT;
		struct remap r = { 0 };
		bool changed = false;

		assert_null(domain_rewrite(cases[i].xml, &r, &changed, &err));
		assert_true(err_is(&err, E_XML));
		if (!strstr(err.msg, cases[i].message))
			fail_msg("%s gives \"%s\", not \"%s\"", cases[i].xml, err.msg, cases[i].message);
		assert_null(domain_image_id(cases[i].xml));
	}
}

static void rewriting_too_much(void **state)
{
	auto_free char *word = str_printf("/x=/%04000d", 0);
	auto_err struct err many = ERR_INIT, much = ERR_INIT;
	auto_buf struct buf b = { 0 };
	auto_remap struct remap r = { 0 };
	bool changed = false;

	(void)state;
	assert_int_equal(remap_add_storage(&r, word, NULL), 0);
	buf_addf(&b, "<domain><devices>");
	for (int i = 0; i < 1024; i++)
		buf_addf(&b, "<disk><source file='/x'/><backingStore><source file='/x'/></backingStore></disk>");
	buf_addf(&b, "%s", "</devices></domain>");
	assert_null(domain_rewrite(b.p, &r, &changed, &much));
	assert_string_equal(much.msg, "domain XML: with the new paths longer than 4194304 bytes");
	b.len -= strlen("</devices></domain>");
	buf_addf(&b, "</devices><devices><disk/></devices></domain>");
	assert_null(domain_rewrite(b.p, &r, &changed, &many));
	assert_string_equal(many.msg, "domain XML: more than 1024 disks");
}

#define NOVA "http://openstack.org/xmlns/libvirt/nova/"
#define ID "c0ffee00-0000-4000-8000-00000000000A"

static void image_ids(void **state)
{
	static const struct {
		const char *metadata, *id;
	} cases[] = {
		{ "<n:instance xmlns:n='" NOVA "1.0'><n:name>a</n:name><n:root type='image' uuid='" ID
		  "'/></n:instance>",
		  ID },
		{ "<instance xmlns='" NOVA "1.1'><root type='image' uuid='" ID "'/></instance>", ID },
		{ "<a/><!-- x --><n:instance xmlns:n='" NOVA "2.7'><n:root uuid='" ID "' type='image'/></n:instance>",
		  ID },
		{ "<n:instance xmlns:n='" NOVA "1.0'/><n:instance xmlns:n='" NOVA "1.1'><n:root type='image' uuid='" ID
		  "'/></n:instance>",
		  ID },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:root type='volume' uuid='" ID "'/></n:instance>", NULL },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:root uuid='" ID "'/></n:instance>", NULL },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:root type='image'/></n:instance>", NULL },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:root type='image' uuid=''/></n:instance>", NULL },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:root type='image' uuid='../../../../../../../etc/shadow/////'/>"
		  "</n:instance>",
		  NULL },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:root type='image' uuid='" ID "0'/></n:instance>", NULL },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:root type='image' uuid='c0ffee000000-4000-8000-00000000000A-'/>"
		  "</n:instance>",
		  NULL },
		{ "<n:instance xmlns:n='" NOVA "1.1'><n:x><n:root type='image' uuid='" ID "'/></n:x></n:instance>",
		  NULL },
		{ "<n:other xmlns:n='" NOVA "1.1'><n:root type='image' uuid='" ID "'/></n:other>", NULL },
		{ "<n:instance xmlns:n='http://example.org/nova/1.1'><n:root type='image' uuid='" ID "'/></n:instance>",
		  NULL },
		{ "<instance><root type='image' uuid='" ID "'/></instance>", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_free char *xml = str_printf("<domain><metadata>%s</metadata></domain>", cases[i].metadata);
		auto_free char *id = domain_image_id(xml);

		if (!str_eq(id, cases[i].id))
			fail_msg("%s gives %s", xml, id ? id : "nothing");
	}
	assert_null(domain_image_id("<domain/>"));
	assert_null(domain_image_id("<domain><x><metadata/></x></domain>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_of_three),    cmocka_unit_test(backing_files),
		cmocka_unit_test(other_images),      cmocka_unit_test(create_options),
		cmocka_unit_test(changed_answers),   cmocka_unit_test(no_answers),
		cmocka_unit_test(cut_short),         cmocka_unit_test(too_many),
		cmocka_unit_test(too_long),          cmocka_unit_test(too_deep),
		cmocka_unit_test(deep_within),       cmocka_unit_test(disk_words),
		cmocka_unit_test(storage_words),     cmocka_unit_test(too_long_words),
		cmocka_unit_test(selection),         cmocka_unit_test(new_paths),
		cmocka_unit_test(rewriting),         cmocka_unit_test(rewriting_nothing),
		cmocka_unit_test(rewriting_oddly),   cmocka_unit_test(rewriting_samples),
		cmocka_unit_test(rewriting_refused), cmocka_unit_test(rewriting_too_much),
		cmocka_unit_test(image_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

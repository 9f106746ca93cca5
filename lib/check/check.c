/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collecting, running the table, and what becomes of the findings. */
#include "check/check.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/quote.h"
#include "check/checks.h"

enum { OBJECT_MAX = 512, MESSAGE_MAX = 2048 };

const char *mode_name(enum mode m)
{
	switch (m) {
	case MODE_LIVE:
		return "live";
	case MODE_BLOCK:
		return "block";
	case MODE_COLD:
		return "cold";
	}
	return "?";
}

int mode_parse(const char *word, enum mode *m)
{
	for (enum mode i = MODE_LIVE; i <= MODE_COLD; i <<= 1)
		if (str_eq(word, mode_name(i))) {
			*m = i;
			return 0;
		}
	return -1;
}

const char *finding_status_name(enum finding_status s)
{
	switch (s) {
	case FINDING_FAILED:
		return "failed";
	case FINDING_WARNING:
		return "warning";
	case FINDING_UNKNOWN:
		return "unknown";
	case FINDING_SKIPPED:
		return "skipped";
	}
	return "?";
}

const struct check *check_find(const char *id)
{
	for (size_t i = 0; i < check_table_n; i++)
		if (str_eq(check_table[i].id, id))
			return &check_table[i];
	return NULL;
}

void findings_clear(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].host);
		free(f->v[i].object);
		free(f->v[i].message);
		free(f->v[i].hint);
	}
	free(f->v);
	*f = (struct findings) { 0 };
}

static const char *host_of(const struct check_input *in, enum side side)
{
	switch (side) {
	case SIDE_SOURCE:
		return in->src_name;
	case SIDE_DESTINATION:
		return in->dst_name;
	case SIDE_NONE:
		break;
	}
	return NULL;
}

/* Names in it are the hosts' words. */
static void report(struct findings *f, enum finding_status status, enum side side, const char *object, const char *fmt,
		   va_list ap)
{
	auto_free char *message = str_vprintf(fmt, ap);
	struct finding *x = ARRAY_ADD(f->v, f->n);

	x->check = f->check;
	x->status = f->skip && strv_has(f->skip, f->check->id) ? FINDING_SKIPPED : status;
	x->side = side;
	x->host = xstrdup(host_of(f->in, side));
	x->object = str_sanitize(object, OBJECT_MAX);
	x->message = str_sanitize(message, MESSAGE_MAX);
}

void found(struct findings *f, enum side side, const char *object, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(f, f->check->severity == SEVERITY_ERROR ? FINDING_FAILED : FINDING_WARNING, side, object, fmt, ap);
	va_end(ap);
}

void found_unknown(struct findings *f, enum side side, const char *object, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(f, FINDING_UNKNOWN, side, object, fmt, ap);
	va_end(ap);
}

void found_hint(struct findings *f, const char *fmt, ...)
{
	auto_free char *hint = NULL;
	va_list ap;

	if (!f->n)
		return;
	va_start(ap, fmt);
	hint = quote_vprintf(fmt, ap);
	va_end(ap);
	free(f->v[f->n - 1].hint);
	f->v[f->n - 1].hint = str_sanitize(hint, MESSAGE_MAX);
}

void check_run(const struct check_input *in, const struct strv *skip, struct findings *out)
{
	out->skip = skip;
	out->in = in;
	for (size_t i = 0; i < check_table_n; i++) {
		if (!(check_table[i].modes & in->mode))
			continue;
		out->check = &check_table[i];
		out->check->fn(in, out);
	}
	out->check = NULL;
	out->skip = NULL;
	out->in = NULL;
}

bool finding_refuses(const struct finding *f)
{
	switch (f->status) {
	case FINDING_FAILED:
		return true;
	case FINDING_UNKNOWN:
		return f->check->severity == SEVERITY_ERROR;
	case FINDING_WARNING:
	case FINDING_SKIPPED:
		break;
	}
	return false;
}

char *finding_text(const struct finding *f)
{
	if (f->side == SIDE_NONE)
		return str_printf("%s: %s", f->object, f->message);
	return str_printf("%s %s: %s: %s", side_name(f->side), f->host ? f->host : "?", f->object, f->message);
}

const char *finding_hint(const struct finding *f)
{
	return f->hint ? f->hint : f->check->hint;
}

int check_refusal(const struct findings *f, struct err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		auto_free char *text = NULL;

		if (!finding_refuses(&f->v[i]))
			continue;
		text = finding_text(&f->v[i]);
		err_set_id(err, f->v[i].check->id, STATUS_REFUSED, "%s", text);
		return err_hint_text(err, finding_hint(&f->v[i]));
	}
	return 0;
}

static int refuse_active(struct host *src, bool will_shut_down, const struct guest_look *l, struct err *err)
{
	if (!l->persistent) {
		err_set_id(err, "E-GUEST-STATE", STATUS_REFUSED,
			   "%s: the guest is transient: it ceases to be when it is shut off", host_label(src));
		return err_hint(err, "define it first: virsh -c %s dumpxml %s >f.xml, and define f.xml", host_uri(src),
				l->name);
	}
	if (will_shut_down)
		return 0;
	err_set_id(err, "E-GUEST-STATE", STATUS_REFUSED, "%s: the guest is %s; cold migration moves those that are off",
		   host_label(src), guest_state_name(l->state));
	return err_hint_text(err, "add --shutdown, or move it while it runs: vmmig live, vmmig block");
}

int check_refuse_state(struct host *src, enum mode mode, bool will_shut_down, const struct guest_look *l,
		       struct err *err)
{
	bool active = guest_is_active(l);

	if (mode == MODE_COLD)
		return active ? refuse_active(src, will_shut_down, l, err) : 0;
	if (active)
		return 0;
	err_set_id(err, "E-GUEST-STATE", STATUS_REFUSED, "%s: the guest is %s; live migration moves running ones",
		   host_label(src), guest_state_name(l->state));
	return err_hint(err, "start it first: virsh -c %s start %s; or move it as it is: vmmig cold %s --to HOST",
			host_uri(src), l->name, l->name);
}

struct errand {
	void (*run)(struct errand *e);
	struct host *src, *dst;
	struct check_input *in;
	pthread_t thread;
	bool started;
};

static void src_facts(struct errand *e)
{
	host_facts_collect(e->src, e->in->domain, &e->in->src);
}

static void dst_facts(struct errand *e)
{
	host_facts_collect(e->dst, e->in->domain, &e->in->dst);
}

static void storage(struct errand *e)
{
	int64_t begin = clock_ms();

	storage_prove(e->src, e->dst, e->in->domain, e->in->mode != MODE_LIVE, &e->in->storage);
	if (e->in->mode != MODE_LIVE) {
		images_decide(e->in->domain, &e->in->storage, e->in->remap, &e->in->images);
		images_collect(e->src, e->dst, e->in->domain, e->in->digests, &e->in->images);
	}
	log_debug("storage proof took %lld ms", (long long)(clock_ms() - begin));
}

/* What the transport needs that can be asked before the rest is known. */
static void transport(struct errand *e)
{
	if (e->in->wire.transport == TRANSPORT_SSH)
		tunnel_prove(e->src, e->dst, e->in->domain->uuid, &e->in->tunnel);
	else if (e->in->wire.transport == TRANSPORT_TLS)
		tls_look(e->src, e->dst, &e->in->tls);
}

static void postcopy(struct errand *e)
{
	const struct host_facts *f = &e->in->dst;

	postcopy_prove(e->dst, e->in->domain->emulator, f->qemu_user_known ? (long)f->qemu_uid : -1,
		       f->qemu_user_known ? (long)f->qemu_gid : -1, &e->in->postcopy);
}

static void *errand_main(void *p)
{
	struct errand *e = p;

	e->run(e);
	return NULL;
}

static void errand_start(struct errand *e)
{
	e->started = interrupt_thread(&e->thread, NULL, errand_main, e) == 0;
	if (!e->started)
		e->run(e);
}

static void errand_join(struct errand *e)
{
	if (e->started)
		pthread_join(e->thread, NULL);
}

/* Each errand writes its own part of in, so that nothing needs a lock; the connections need the facts of both hosts. */
void check_collect(struct host *src, struct host *dst, struct check_input *in)
{
	struct errand on_storage = { .run = storage, .src = src, .dst = dst, .in = in };
	struct errand on_transport = { .run = transport, .src = src, .dst = dst, .in = in };
	struct errand on_postcopy = { .run = postcopy, .dst = dst, .in = in };
	struct errand on_src = { .run = src_facts, .src = src, .in = in };
	struct errand on_dst = { .run = dst_facts, .dst = dst, .in = in };
	int64_t begin = clock_ms();

	in->src_name = host_name(src);
	in->dst_name = host_name(dst);
	in->src_uri = host_uri(src);
	in->dst_uri = host_uri(dst);
	in->connection.measure = in->want_forecast;
	errand_start(&on_src);
	errand_start(&on_storage);
	errand_start(&on_transport);
	on_dst.run(&on_dst);
	if (in->wire.postcopy && in->domain->emulator && in->dst.emulator_present != FACT_NO)
		errand_start(&on_postcopy);
	errand_join(&on_src);
	in->connection.no_port = in->wire.transport == TRANSPORT_SSH;
	connection_prove(src, dst, &in->src, &in->dst, &in->connection);
	errand_join(&on_postcopy);
	errand_join(&on_transport);
	if (in->tls.done)
		tls_judge(src, dst, in->connection.port_address, in->dst.hostname, &in->tls);
	log_debug("connection proof ended after %lld ms", (long long)(clock_ms() - begin));
	errand_join(&on_storage);
	if (in->want_forecast)
		check_forecast(src, in);
}

void check_input_clear(struct check_input *in)
{
	guest_look_clear(&in->look);
	host_facts_clear(&in->src);
	host_facts_clear(&in->dst);
	storage_proof_clear(&in->storage);
	connection_proof_clear(&in->connection);
	tunnel_proof_clear(&in->tunnel);
	tls_proof_clear(&in->tls);
	postcopy_proof_clear(&in->postcopy);
	images_clear(&in->images);
	guest_forecast_clear(&in->forecast);
	*in = (struct check_input) { 0 };
}

#include "jobs/check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "jobs/fill.h"
#include "jobs/job.h"
#include "jobs/probe.h"
#include "jobs/redact.h"

#define KEPT_BYTES	(16 * 1024) /* of a text in the detail */
#define KEPT_STEP_BYTES (2 * 1024)  /* the same in one of many steps */
#define FAILED_MOST	8	    /* expectations that an event tells of */
#define SHORT_BYTES	300	    /* of each value in it */
#define AGAIN_MS	250	    /* between two tries */
#define CLEANUP_MS	5000	    /* at least so long it may take */
#define CLEANUP_STOP_MS 2000	    /* when the test was stopped */

static const struct kind {
	const char *name;
	bool (*run)(struct probe *p);
} kinds[] = {
	{"http", probe_http},
	{"audio", probe_audio},
	{"mcp", probe_mcp},
	{"obs", probe_obs},
	{"rtmp", probe_rtmp},
	{"agent", probe_agent},
	{"prometheus", probe_prometheus},
	{"redis", probe_redis},
	{"tcp", probe_tcp},
	{"exec", probe_exec},
	{"log", probe_log},
};

/* What the steps of one test share. */
struct test {
	struct http_client *client;
	const struct show *show;
	const struct show_check *def;
	const struct job_room *room;
	const struct stop *stop;
	int64_t deadline_ms;
	size_t kept_bytes;
	json_object *kept; /* values by name */
	struct check_result *out;
};

static void set_text(char **at, char **text)
{
	free(*at);
	*at = *text;
	*text = NULL;
}

/* --- one probe ---------------------------------------------------------- */

static void keep_phases(const struct probe *p)
{
	json_object *o = json_object_new_object();
	json_add_int(o, "dns_ms", p->dns_ms);
	json_add_int(o, "connect_ms", p->connect_ms);
	json_add_int(o, "tls_ms", p->tls_ms);
	json_add_int(o, "first_byte_ms", p->first_byte_ms);
	json_add_int(o, "total_ms", p->total_ms);
	json_add(p->detail, "phases", &o);
}

/* Without a wish for it, a failure of the service itself is no success. */
static char *plain_failure(const struct probe *p)
{
	const struct measured *m = &p->measured;
	if (m->status >= 0 && !json_get(p->expected, "status") &&
	    (m->status < 200 || m->status > 299))
		return xasprintf("status: wanted success, got %lld",
				 (long long)m->status);
	if (m->exit_status > 0 && !json_get(p->expected, "exit_status"))
		return xasprintf("exit_status: wanted 0, got %lld",
				 (long long)m->exit_status);
	return NULL;
}

/* Judges, and keeps the rows. The first that fails becomes the text. */
static bool judge(struct probe *p)
{
	json_object *rows = json_object_new_array();
	char *text = plain_failure(p);
	bool ok = !text;
	if (!expect_all(p->expected, &p->measured, rows, &text))
		ok = false;
	probe_keep_tree(p, p->detail, "expectations", rows);
	json_object_put(rows);
	set_text(&p->text, ok ? &p->fine : &text);
	free(text);
	return ok;
}

static bool run_probe(struct probe *p)
{
	const struct kind *kind = NULL;
	for (size_t i = 0; p->def->kind && i < COUNT_OF(kinds); i++)
		if (strcmp(kinds[i].name, p->def->kind) == 0)
			kind = &kinds[i];
	if (!kind)
		return probe_fail(p, "there is no kind of check %s",
				  p->def->kind ? p->def->kind : "");
	if (!json_object_is_type(p->expected, json_type_object))
		return probe_fail(p, "`expected` is not an object");
	if (clock_mono_ms() >= p->deadline_ms)
		return probe_fail(p, "no time was left for it");
	return kind->run(p) && judge(p);
}

/* Moves the probe's values by their pointers to the names of `keep`. */
static bool keep_values(struct test *t, struct probe *p)
{
	json_object *keep = p->def->keep ? json_read_str(p->def->keep,
							 &json_limits_own, NULL)
					 : NULL;
	bool ok = true;
	if (keep) {
		json_object_object_foreach(keep, name, pointer)
		{
			const char *at = json_object_get_string(pointer);
			json_object *value = NULL;
			if (p->json && json_point(p->json, at, &value)) {
				json_object *copy = json_clone(value);
				json_object_object_add(t->kept, name, copy);
			} else {
				ok = probe_fail(p,
						"there is nothing at %s to "
						"keep as %s",
						at, name);
			}
		}
	}
	json_object_put(keep);
	return ok;
}

static json_object *read_tree(const char *text)
{
	return text ? json_read_str(text, &json_limits_own, NULL) : NULL;
}

/* What the probe sends and wants, with what was kept filled in. */
static bool fill(struct test *t, struct probe *p, char **endpoint)
{
	const char *missing = NULL;
	json_object *payload = read_tree(p->def->payload);
	json_object *expected =
		read_tree(p->def->expected ? p->def->expected : "{}");
	*endpoint = fill_text(p->def->endpoint ? p->def->endpoint : "", t->kept,
			      &missing);
	p->endpoint = *endpoint;
	p->payload = fill_tree(payload, t->kept, &missing);
	p->expected = fill_tree(expected, t->kept, &missing);
	bool ok = !missing || probe_fail(p, "nothing was kept as %.*s",
					 (int)strcspn(missing, "}"), missing);
	json_object_put(payload);
	json_object_put(expected);
	return ok;
}

static void release(struct probe *p)
{
	json_object_put(p->payload);
	json_object_put(p->expected);
	json_object_put(p->json);
	buf_release(&p->body);
	free(p->content_type);
	free(p->fine);
	if (p->secret)
		explicit_bzero(p->secret, strlen(p->secret));
	free(p->secret);
}

/* Runs it; `*detail` is all that is known of it, `*text` its line, `*took_ms`
 * its time (-1: it never got that far). */
static bool run_one(struct test *t, const struct show_check *def,
		    struct probe *p, char **text)
{
	char *endpoint = NULL;
	*p = (struct probe){
		.show = t->show,
		.card = t->def->card,
		.def = def,
		.client = t->client,
		.stop = t->stop,
		.deadline_ms = t->deadline_ms,
		.room = t->room,
		.measured = measured_nothing,
		.dns_ms = -1,
		.connect_ms = -1,
		.tls_ms = -1,
		.first_byte_ms = -1,
		.total_ms = -1,
		.kept_bytes = t->kept_bytes,
		.detail = json_object_new_object(),
	};
	bool ok = fill(t, p, &endpoint) && run_probe(p) && keep_values(t, p);
	char *safe = redact_text(p->text ? p->text : "", p->secret);
	keep_phases(p);
	json_add_str(p->detail, "kind", def->kind);
	json_add_bool(p->detail, "ok", ok);
	json_add_str(p->detail, "text", safe);
	free(p->text);
	p->text = NULL;
	*text = safe;
	release(p);
	free(endpoint);
	return ok;
}

/* Waits for the next try; false when there is none. */
static bool wait_again(struct test *t, int64_t until_ms)
{
	int64_t next_ms = clock_mono_ms() + AGAIN_MS;
	if (next_ms > until_ms || next_ms >= t->deadline_ms)
		return false;
	while (!stop_raised(t->stop) && clock_mono_ms() < next_ms) {
		struct pollfd fd = {.fd = t->stop ? t->stop->fd : -1,
				    .events = POLLIN};
		if (poll(&fd, 1, stop_wait_ms(t->stop, next_ms)) > 0)
			stop_woken(t->stop);
	}
	return !stop_raised(t->stop);
}

/* What takes its time to come true is tried again. */
static bool run_within(struct test *t, const struct show_check *def,
		       struct probe *p, char **text)
{
	int64_t until_ms = clock_mono_ms() + def->within_ms;
	bool ok;
	while (!(ok = run_one(t, def, p, text)) && wait_again(t, until_ms)) {
		json_object_put(p->detail);
		free(*text);
	}
	return ok;
}

/* --- a test ------------------------------------------------------------- */

static void run_plain(struct test *t)
{
	struct check_result *out = t->out;
	struct probe p;
	out->ok = run_within(t, t->def, &p, &out->text);
	out->dns_ms = p.dns_ms;
	out->connect_ms = p.connect_ms;
	out->tls_ms = p.tls_ms;
	out->first_byte_ms = p.first_byte_ms;
	out->total_ms = p.total_ms;
	out->detail = p.detail;
}

/* Steps up to the first that fails, or all of them. What went wrong first
 * becomes `*text`. */
static bool run_steps(struct test *t, const struct show_check *steps,
		      size_t count, bool all, const char *key, char **text)
{
	json_object *list = json_object_new_array();
	bool ok = true;
	for (size_t i = 0; i < count && (ok || all); i++) {
		struct probe p;
		char *said;
		if (steps[i].needs &&
		    !json_object_object_get_ex(t->kept, steps[i].needs, NULL))
			continue;
		if (!run_within(t, &steps[i], &p, &said)) {
			if (ok && !*text)
				*text = xasprintf("%s: %s", steps[i].name,
						  said);
			ok = false;
		}
		json_add_str(p.detail, "name", steps[i].name);
		json_object_array_add(list, p.detail);
		free(said);
	}
	json_add(t->out->detail, key, &list);
	return ok;
}

/* Runs in any case: what was made is to be removed even when the test was
 * stopped, but then it must not hold up whoever stops. */
static bool clean_up(struct test *t, char **text)
{
	const struct show_check *def = t->def;
	struct stop none = {.fd = -1};
	bool stopped = stop_raised(t->stop);
	int64_t now_ms = clock_mono_ms();
	int64_t most_ms = stopped			 ? CLEANUP_STOP_MS
			  : def->timeout_ms > CLEANUP_MS ? def->timeout_ms
							 : CLEANUP_MS;
	struct test again = *t;
	again.deadline_ms = now_ms + most_ms;
	if (stopped)
		again.stop = &none;
	return run_steps(&again, def->cleanup, def->cleanup_count, true,
			 "cleanup", text);
}

static void run_test(struct test *t)
{
	struct check_result *out = t->out;
	char *text = NULL;
	int64_t began_us = clock_mono_us();
	out->detail = json_object_new_object();
	out->ok = run_steps(t, t->def->steps, t->def->step_count, false,
			    "steps", &text);
	out->total_ms = (clock_mono_us() - began_us + 999) / 1000;
	if (t->def->cleanup_count && !clean_up(t, &text))
		out->ok = false;
	if (out->ok)
		text = xasprintf("%zu steps in %lld ms", t->def->step_count,
				 (long long)out->total_ms);
	set_text(&out->text, &text);
	json_object *phases = json_object_new_object();
	json_add_int(phases, "total_ms", out->total_ms);
	json_add(out->detail, "phases", &phases);
	json_add_str(out->detail, "kind", t->def->kind);
	json_add_bool(out->detail, "ok", out->ok);
	json_add_str(out->detail, "text", out->text);
}

/* Much came of many steps: then only what they said. */
static void cap(struct check_result *out)
{
	static const char *const lists[] = {"steps", "cleanup"};
	if (strlen(json_text(out->detail)) <= CHECK_DETAIL_BYTES)
		return;
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		json_object *list = json_get_array(out->detail, lists[i]);
		size_t n = list ? json_object_array_length(list) : 0;
		for (size_t k = 0; k < n; k++) {
			json_object *o = json_object_array_get_idx(list, k);
			json_object_object_del(o, "request");
			json_object_object_del(o, "answer");
		}
	}
	if (strlen(json_text(out->detail)) <= CHECK_DETAIL_BYTES)
		return;
	json_object_object_del(out->detail, "expectations");
	json_object_object_del(out->detail, "steps");
}

void check_run_with(struct http_client *client, const struct show *show,
		    int check, const struct job_room *room,
		    const struct stop *stop, struct check_result *out)
{
	REQUIRE(check >= 0 && (size_t)check < show->check_count);
	const struct show_check *def = &show->checks[check];
	struct test t = {
		.client = client,
		.show = show,
		.def = def,
		.room = room,
		.stop = stop,
		.deadline_ms = clock_mono_ms() + def->timeout_ms,
		.kept_bytes = def->step_count ? KEPT_STEP_BYTES : KEPT_BYTES,
		.kept = json_object_new_object(),
		.out = out,
	};
	*out = (struct check_result){
		.dns_ms = -1,
		.connect_ms = -1,
		.tls_ms = -1,
		.first_byte_ms = -1,
		.total_ms = -1,
	};
	if (def->step_count)
		run_test(&t);
	else
		run_plain(&t);
	cap(out);
	json_object_put(t.kept);
}

void check_run(const struct show *show, int check, const atomic_bool *cancel,
	       struct check_result *out)
{
	struct stop stop = {.fd = -1, .flag = cancel};
	struct http_client *client = http_client_new();
	if (client) {
		check_run_with(client, show, check, NULL, &stop, out);
	} else {
		*out = (struct check_result){.total_ms = -1};
		out->text = xstrdup("no descriptors left; raise ulimit -n");
	}
	http_client_free(&client);
}

/* --- what goes into the event ------------------------------------------- */

/* What is too long for an event becomes the beginning of its text. */
static void add_short(json_object *o, const char *key, json_object *value)
{
	json_object *copy = NULL;
	if (value && strlen(json_text(value)) > SHORT_BYTES) {
		char *text = text_clean_str(json_text(value), SHORT_BYTES);
		copy = json_object_new_string(text);
		free(text);
	} else {
		copy = json_clone(value);
	}
	json_object_object_add(o, key, copy);
}

char *check_phases(const struct check_result *result)
{
	json_object *phases = json_get_object(result->detail, "phases");
	return phases ? xstrdup(json_text(phases)) : NULL;
}

static void add_failed(json_object *failed, const char *step, json_object *rows)
{
	size_t n = rows ? json_object_array_length(rows) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *row = json_object_array_get_idx(rows, i);
		if (json_get_bool(row, "ok", true) ||
		    json_object_array_length(failed) >= FAILED_MOST)
			continue;
		json_object *o = json_object_new_object();
		json_add_str(o, "step", step);
		json_add_str(o, "name", json_get_str(row, "name", ""));
		add_short(o, "wanted", json_get(row, "wanted"));
		add_short(o, "got", json_get(row, "got"));
		json_object_array_add(failed, o);
	}
}

char *check_failed(const struct check_result *result)
{
	json_object *failed = json_object_new_array();
	json_object *steps = json_get_array(result->detail, "steps");
	size_t n = steps ? json_object_array_length(steps) : 0;
	add_failed(failed, NULL,
		   json_get_array(result->detail, "expectations"));
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(steps, i);
		add_failed(failed, json_get_str(o, "name", ""),
			   json_get_array(o, "expectations"));
	}
	char *text = json_object_array_length(failed)
			     ? xstrdup(json_text(failed))
			     : NULL;
	json_object_put(failed);
	return text;
}

void check_result_release(struct check_result *result)
{
	free(result->text);
	json_object_put(result->detail);
	memset(result, 0, sizeof *result);
}

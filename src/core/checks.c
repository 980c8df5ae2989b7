#include "core/checks.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

static const char *const check_names[] = {"never", "running", "pass", "fail"};

const char *check_state_name(enum check_state state)
{
	return check_names[state];
}

static enum check_state check_state_of(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(check_names); i++)
		if (strcmp(check_names[i], name) == 0)
			return (enum check_state)i;
	return CHECK_NEVER;
}

bool check_has_passed(const struct check_run *c)
{
	return c->in_a_row > 0;
}

bool check_has_failed(const struct check_run *c)
{
	return c->in_a_row < 0;
}

static int by_size(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

int64_t check_quantile_ms(const struct check_run *c, int percent)
{
	int32_t sorted[CHECK_PAST];
	int n = 0;
	for (int i = 0; i < c->past_count; i++)
		if (c->past[i] >= 0)
			sorted[n++] = c->past[i];
	if (!n)
		return -1;
	qsort(sorted, (size_t)n, sizeof *sorted, by_size);
	return sorted[(n - 1) * percent / 100];
}

bool check_is_flaky(const struct check_run *c)
{
	int changes = 0;
	for (int i = 1; i < c->past_count; i++)
		changes += (c->past[i] < 0) != (c->past[i - 1] < 0);
	return changes >= CHECK_FLAKY_CHANGES;
}

bool check_is_earlier(const struct model *m, int check)
{
	const struct check_run *c = &m->checks[check];
	return c->at_ms && c->at_ms < m->run.started_ms &&
	       c->state != CHECK_RUNNING;
}

bool check_is_muted(const struct model *m, int check)
{
	int parent = m->show->checks[check].parent;
	return parent >= 0 && check_has_failed(&m->checks[parent]);
}

/* --- the fold ----------------------------------------------------------- */

void checks_watch(struct model *m, int check)
{
	const struct check_run *c = &m->checks[check];
	int64_t every_ms = m->show->checks[check].watch_ms;
	bool on = m->run.state == RUN_RUNNING || m->run.state == RUN_PAUSED;
	int64_t from_ms =
		c->at_ms > m->run.started_ms ? c->at_ms : m->run.started_ms;
	if (every_ms == SHOW_UNSET)
		return;
	timers_set(&m->timers, TIMER_CHECK, check,
		   on && !m->run.rehearsal && c->state != CHECK_RUNNING
			   ? from_ms + every_ms
			   : 0);
}

static void remember(struct check_run *c, bool ok, int64_t ms)
{
	int32_t kept = ms < 0 ? 0 : ms > INT32_MAX - 1 ? INT32_MAX - 1 : (int32_t)ms;
	if (c->past_count == CHECK_PAST)
		memmove(c->past, c->past + 1,
			(size_t)--c->past_count * sizeof *c->past);
	c->past[c->past_count++] = ok ? kept : -1 - kept;
	if (ok)
		c->in_a_row = c->in_a_row > 0 ? c->in_a_row + 1 : 1;
	else
		c->in_a_row = c->in_a_row < 0 ? c->in_a_row - 1 : -1;
	c->overridden = c->overridden && !ok;
}

/* What was is now "the last show". */
static void close_past(struct check_run *c)
{
	if (!c->past_count)
		return;
	c->before_ms = check_quantile_ms(c, 50);
	c->before_count = c->past_count;
	c->before_failed = 0;
	for (int i = 0; i < c->past_count; i++)
		c->before_failed += c->past[i] < 0;
	c->past_count = 0;
}

static void take_result(struct model *m, const struct event *e)
{
	int i = show_find_check(m->show, event_str(e, "card", ""),
				event_str(e, "test", ""));
	if (i < 0)
		return;
	struct check_run *c = &m->checks[i];
	c->state = check_state_of(event_str(e, "state", ""));
	if (c->state != CHECK_RUNNING) {
		c->at_ms = e->at_ms;
		c->latency_ms = event_int(e, "latency_ms", 0);
		free(c->text);
		c->text = xstrdup(event_str(e, "text", ""));
		remember(c, c->state == CHECK_PASS, c->latency_ms);
	}
	checks_watch(m, i);
}

void checks_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)stage;
	(void)agent;
	bool starts = e->type == EVENT_RUN_START;
	if (e->type == EVENT_CHECK_RESULT)
		take_result(m, e);
	if (!starts && e->type != EVENT_RUN_COMPLETE &&
	    e->type != EVENT_RUN_CANCEL && e->type != EVENT_STAGE_RESET)
		return;
	for (size_t i = 0; i < m->show->check_count; i++) {
		if (starts)
			close_past(&m->checks[i]);
		if (starts)
			m->checks[i].overridden = false;
		checks_watch(m, (int)i);
	}
}

/* --- decisions ---------------------------------------------------------- */

static void add_json(struct json_out *data, const char *key, const char *text)
{
	json_object *o =
		text ? json_read_str(text, &json_limits_own, NULL) : NULL;
	if (o)
		json_add(data, key, &o);
}

/* With the time of the event, so that a reader knows whose it is. */
static void keep(struct deciding *d, int check, const char *detail)
{
	struct effect *x = effect_add(d, EFFECT_CHECK_KEEP);
	x->check = check;
	x->text = xasprintf("{\"at\":%lld%s%s", (long long)d->in->now_ms,
			    detail[1] == '}' ? "" : ",", detail + 1);
}

static struct json_out *result_data(const struct show_check *def,
				    enum check_state state)
{
	struct json_out *data = json_out_new();
	json_add_str(data, "card", def->card);
	json_add_str(data, "test", def->name);
	json_add_str(data, "state", check_state_name(state));
	return data;
}

void checks_start(struct deciding *d, int check)
{
	if (d->m->checks[check].state == CHECK_RUNNING)
		return;
	struct json_out *data =
		result_data(&d->m->show->checks[check], CHECK_RUNNING);
	emit(d, EVENT_CHECK_RESULT, -1, -1, &data);
	effect_add(d, EFFECT_CHECK)->check = check;
}

static void raise_or_clear(struct deciding *d, int check)
{
	const struct show_check *def = &d->m->show->checks[check];
	const struct check_run *c = &d->m->checks[check];
	/* What the parent says comes first, if it is under way. */
	bool waits = def->parent >= 0 &&
		     d->m->checks[def->parent].state == CHECK_RUNNING;
	char *id = xasprintf(CHECK_ID "%s/%s", def->card, def->name);
	if (-c->in_a_row >= def->raise_after && !waits &&
	    !check_is_muted(d->m, check))
		alarm_raise(d, id, c->text ? c->text : "failed");
	if (c->in_a_row >= def->clear_after)
		alarm_clear(d, id);
	free(id);
}

/* A parent that passes is no excuse any more. */
static void tell(struct deciding *d, int check)
{
	raise_or_clear(d, check);
	for (size_t i = 0; i < d->m->show->check_count; i++)
		if (d->m->show->checks[i].parent == check)
			raise_or_clear(d, (int)i);
}

void checks_result(struct deciding *d)
{
	const struct check_facts *f = &d->in->check;
	if (f->running) /* since it was asked for */
		return;
	struct json_out *data =
		result_data(&d->m->show->checks[f->check],
			    f->ok ? CHECK_PASS : CHECK_FAIL);
	json_add_int(data, "latency_ms", f->latency_ms);
	json_add_str(data, "text", f->text);
	add_json(data, "phases", f->phases);
	add_json(data, "failed", f->failed);
	emit(d, EVENT_CHECK_RESULT, -1, -1, &data);
	tell(d, f->check);
	if (f->detail && f->detail[0] == '{')
		keep(d, f->check, f->detail);
}

/* "CARD" or "CARD/TEST"; a card's name may hold a slash of its own. */
static bool is_meant(const struct show_check *c, const char *what)
{
	size_t n = strlen(c->card);
	return !what || strcmp(c->card, what) == 0 ||
	       (strncmp(what, c->card, n) == 0 && what[n] == '/' &&
		strcmp(what + n + 1, c->name) == 0);
}

static bool is_on_air(const struct model *m)
{
	return m->obs.facts.streaming || m->obs.facts.recording;
}

bool checks_run(struct deciding *d, const char *what)
{
	size_t n = 0, air = 0;
	for (size_t i = 0; i < d->m->show->check_count; i++) {
		const struct show_check *c = &d->m->show->checks[i];
		if (!is_meant(c, what))
			continue;
		if (c->touches_air && is_on_air(d->m)) {
			air++;
			continue;
		}
		checks_start(d, (int)i);
		n++;
	}
	if (!n && air)
		return refuse(d, "refused",
			      "not while OBS streams or records: it would be "
			      "on air");
	if (!n)
		return refuse(d, "not_found", "no check `%s`",
			      what ? what : "at all");
	if (air)
		answer(d, "%zu check%s started; %zu not, for they touch the air",
		       n, n == 1 ? "" : "s", air);
	else
		answer(d, "%zu check%s started", n, n == 1 ? "" : "s");
	return true;
}

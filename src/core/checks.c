/* checks and alarms: what the gear says. */
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

void checks_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)stage;
	(void)agent;
	if (e->type != EVENT_CHECK_RESULT)
		return;
	int i = show_find_check(m->show, event_str(e, "card", ""),
				event_str(e, "test", ""));
	if (i < 0)
		return;
	struct check_run *c = &m->checks[i];
	c->state = check_state_of(event_str(e, "state", ""));
	if (c->state == CHECK_RUNNING)
		return;
	c->at_ms = e->at_ms;
	c->latency_ms = event_int(e, "latency_ms", 0);
	free(c->text);
	c->text = xstrdup(event_str(e, "text", ""));
}

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

void checks_result(struct deciding *d)
{
	const struct check_facts *f = &d->in->check;
	const struct show_check *def = &d->m->show->checks[f->check];
	enum check_state state = f->running ? CHECK_RUNNING
				 : f->ok    ? CHECK_PASS
					    : CHECK_FAIL;
	struct json_out *data = json_out_new();
	json_add_str(data, "card", def->card);
	json_add_str(data, "test", def->name);
	json_add_str(data, "state", check_state_name(state));
	if (!f->running) {
		json_add_int(data, "latency_ms", f->latency_ms);
		json_add_str(data, "text", f->text);
		add_json(data, "phases", f->phases);
		add_json(data, "failed", f->failed);
	}
	emit(d, EVENT_CHECK_RESULT, -1, -1, &data);
	if (!f->running && f->detail && f->detail[0] == '{')
		keep(d, f->check, f->detail);
}

/* --- alarms ------------------------------------------------------------- */

struct alarm *alarm_find(const struct model *m, const char *id)
{
	for (size_t i = 0; i < m->alarm_count; i++)
		if (strcmp(m->alarms[i].id, id) == 0)
			return &m->alarms[i];
	return NULL;
}

static void raise_alarm(struct model *m, const struct event *e, const char *id)
{
	const char *text = event_str(e, "text", "");
	struct alarm *a = alarm_find(m, id);
	if (a) {
		free(a->text);
		a->text = xstrdup(text);
		return;
	}
	GROW(m->alarms, m->alarm_count, m->alarm_cap);
	m->alarms[m->alarm_count++] = (struct alarm){
		.id = xstrdup(id), .text = xstrdup(text), .since_ms = e->at_ms};
}

static void clear_alarm(struct model *m, const char *id)
{
	struct alarm *a = alarm_find(m, id);
	if (!a)
		return;
	free(a->id);
	free(a->text);
	free(a->ack_reason);
	size_t i = (size_t)(a - m->alarms);
	m->alarm_count--;
	memmove(a, a + 1, (m->alarm_count - i) * sizeof *a);
}

void alarms_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)stage;
	(void)agent;
	bool one = e->type == EVENT_ALARM_RAISE ||
		   e->type == EVENT_ALARM_CLEAR || e->type == EVENT_ALARM_ACK;
	const char *id = one ? event_str(e, "id", "") : "";
	struct alarm *a;
	if (e->type == EVENT_ALARM_RAISE) {
		raise_alarm(m, e, id);
	} else if (e->type == EVENT_ALARM_CLEAR) {
		clear_alarm(m, id);
	} else if (e->type == EVENT_ALARM_ACK && (a = alarm_find(m, id))) {
		a->acked = true;
		free(a->ack_reason);
		a->ack_reason = xstrdup(event_str(e, "reason", ""));
	} else if (e->type == EVENT_RUN_START) {
		while (m->alarm_count)
			clear_alarm(m, m->alarms[0].id);
	}
}

void alarm_raise(struct deciding *d, const char *id, const char *text)
{
	const struct alarm *a = alarm_find(d->m, id);
	if (a && strcmp(a->text, text) == 0)
		return;
	struct json_out *data = json_out_new();
	json_add_str(data, "id", id);
	json_add_str(data, "text", text);
	emit(d, EVENT_ALARM_RAISE, -1, -1, &data);
}

void alarm_clear(struct deciding *d, const char *id)
{
	if (!alarm_find(d->m, id))
		return;
	struct json_out *data = json_out_new();
	json_add_str(data, "id", id);
	emit(d, EVENT_ALARM_CLEAR, -1, -1, &data);
}

void alarms_input(struct deciding *d)
{
	const struct input *in = d->in;
	if (!in->ok) {
		alarm_raise(d, in->id, in->text ? in->text : "");
	} else {
		alarm_clear(d, in->id);
	}
}

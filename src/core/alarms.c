/* alarms: what is wrong, until it is not. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"

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

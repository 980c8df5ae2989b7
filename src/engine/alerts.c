#include "engine/conductor.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static bool is_wanted(const struct show_alert *alert, const char *what)
{
	return strcmp(what, ALERT_QUESTION) == 0 ? alert->questions
						 : alert->alarms;
}

static const char *lead_in(const char *what)
{
	return strcmp(what, ALERT_ALARM) == 0   ? "ALARM "
	       : strcmp(what, ALERT_CLEAR) == 0 ? "cleared: "
						: "WAITS FOR YOU: ";
}

static void add_line(struct alert_queue *q, const char *what, const char *text)
{
	if (q->lines == ALERT_LINES) {
		q->more++;
		return;
	}
	buf_addf(&q->next, "%s%s%s", q->lines++ ? "\n" : "", lead_in(what),
		 text);
}

/* A raise that comes back as ok clears the alarm, if it is up. */
static void say_outcome(struct engine *e, const char *alert, bool ok,
			const char *text)
{
	struct input *in = input_new(INPUT_ALARM);
	in->id = xasprintf(ALERT_ID "%s", alert);
	in->ok = ok;
	in->text = ok ? xstrdup("")
		      : xasprintf("alert %s is not delivered: %s", alert, text);
	waiting_add(&e->local, &in);
}

static void send_next(struct alerts *a, struct engine *e, size_t i)
{
	struct alert_queue *q = &a->queues[i];
	if (q->out || !q->lines)
		return;
	if (q->more)
		buf_addf(&q->next, "\nand %zu more", q->more);
	q->out = pool_alert(e->pool, (int)i, buf_str(&q->next));
	if (!q->out)
		say_outcome(e, e->show->alerts[i].id, false,
			    "not sent: the queue of calls is full");
	buf_release(&q->next);
	q->lines = q->more = 0;
}

void alerts_tell(struct alerts *a, struct engine *e, const char *what,
		 const char *text)
{
	if (e->rehearse)
		return;
	if (!a->queues) {
		a->count = e->show->alert_count;
		a->queues = xcalloc(a->count + 1, sizeof *a->queues);
	}
	for (size_t i = 0; i < a->count; i++) {
		if (!is_wanted(&e->show->alerts[i], what))
			continue;
		add_line(&a->queues[i], what, text);
		send_next(a, e, i);
	}
}

void alerts_sent(struct alerts *a, struct engine *e, struct input **input)
{
	struct input *in = *input;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(e->show->alerts[i].id, in->id) != 0)
			continue;
		a->queues[i].out = false;
		if (!in->ok)
			log_warn("engine", "alert %s: %s", in->id, in->text);
		say_outcome(e, in->id, in->ok, in->text ? in->text : "");
		send_next(a, e, i);
	}
	input_free(input);
}

void alerts_release(struct alerts *a)
{
	for (size_t i = 0; i < a->count; i++)
		buf_release(&a->queues[i].next);
	free(a->queues);
	*a = (struct alerts){0};
}

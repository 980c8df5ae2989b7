/* chat: whether the chat in which people vote is there. */
#include <stdlib.h>

#include "base/mem.h"
#include "core/decide.h"

#define ALARM "chat"

void chat_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)stage;
	(void)agent;
	if (e->type != EVENT_CHAT_STATUS)
		return;
	m->chat.at_ms = e->at_ms;
	m->chat.connected = event_bool(e, "connected", false);
	free(m->chat.error);
	m->chat.error = xstrdup(event_str(e, "error", NULL));
}

static void raise_lost(struct deciding *d)
{
	const struct show_chat *def = &d->m->show->chat;
	char *text = xasprintf("no votes come from the chat %s: %s; it is "
			       "tried again",
			       def->channel ? def->channel : "",
			       d->m->chat.error ? d->m->chat.error : "lost");
	alarm_raise(d, ALARM, text);
	free(text);
}

void chat_input(struct deciding *d)
{
	const struct input *in = d->in;
	if (in->ok && d->m->chat.connected)
		return;
	struct json_out *data = json_out_new();
	json_add_bool(data, "connected", in->ok);
	json_add_str(data, "channel", d->m->show->chat.channel);
	json_add_str(data, "error", in->text);
	emit(d, EVENT_CHAT_STATUS, -1, -1, &data);
	if (in->ok)
		alarm_clear(d, ALARM);
	else
		raise_lost(d);
}

/* A run begins without alarms; what is wrong still is told again. */
void chat_again(struct deciding *d)
{
	const struct chat_state *c = &d->m->chat;
	if (d->m->show->chat.given && c->at_ms && !c->connected &&
	    !d->m->run.rehearsal)
		raise_lost(d);
}

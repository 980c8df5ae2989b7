#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/bus.h"
#include "store/feed_in.h"
#include "store/keys.h"
#include "store/link.h"
#include "store/resp.h"

#define OPEN_MAX   64
#define ANSWER_MS  5000
#define SLICE	   "1" /* s: then BLPOP is asked anew, with newer commands */
#define SILENCE_MS 4000

struct open_command {
	char *id, *entry;
	int64_t deadline_ms;
};

/* Two connections: one sends at once, the other waits for answers. */
struct sender {
	struct feed *f;
	char *name;
	struct link *out, *in;
	struct open_command open[OPEN_MAX];
	size_t count;
	bool waiting; /* a BLPOP is out */
	int64_t asked_ms;
};

static void answer(struct sender *s, const char *id, bool ok, const char *text)
{
	struct feed_item *item = feed_item_new(FEED_REPLY, text);
	item->id = xstrdup(id);
	item->ok = ok;
	feed_post(s->f, &item);
}

static void answer_json(struct sender *s, const char *id, const char *json)
{
	char *text;
	bool ok = bus_answer(json, &text);
	answer(s, id, ok, text);
	free(text);
}

static bool reach(struct sender *s, struct link **link, struct err *err)
{
	if (!*link)
		*link = link_open(s->f->address, s->name, err);
	return *link != NULL;
}

/* Twice, because the first may find a link that died while nobody looked; the
 * core knows a repeated command by its id. */
static char *send_order(struct sender *s, const struct feed_order *order,
			struct err *err)
{
	char *entry = NULL;
	for (int tries = 0; !entry && tries < 2; tries++) {
		if (!reach(s, &s->out, err))
			return NULL;
		entry = bus_send(s->out, s->f->show, order->command,
				 LINK_ASK_MS, err);
		if (!entry)
			link_close(&s->out);
	}
	return entry;
}

static void take_order(struct sender *s)
{
	struct feed_order *order = mailbox_take(s->f->commands);
	struct err err = {0};
	if (!order)
		return;
	char *entry = NULL;
	if (s->count == OPEN_MAX)
		err_set(&err, ERR_AGAIN,
			"too many commands wait for an answer");
	else
		entry = send_order(s, order, &err);
	if (entry)
		s->open[s->count++] = (struct open_command){
			xstrdup(order->id), entry, clock_mono_ms() + ANSWER_MS};
	else
		answer(s, order->id, false, err.text);
	feed_order_free(order);
}

static void close_command(struct sender *s, size_t i)
{
	free(s->open[i].id);
	free(s->open[i].entry);
	s->count--;
	memmove(s->open + i, s->open + i + 1,
		(s->count - i) * sizeof s->open[0]);
}

static void give_up(struct sender *s, size_t i)
{
	struct open_command *c = &s->open[i];
	char *late = NULL;
	bool taken = false;
	if (reach(s, &s->out, NULL))
		late = bus_withdraw(s->out, s->f->show, c->entry, c->id,
				    &taken);
	if (late)
		answer_json(s, c->id, late);
	else
		answer(s, c->id, false,
		       taken ? "the core has the command, and has not answered "
			       "within 5 s"
			     : "no core answered within 5 s; the command was "
			       "taken back");
	free(late);
	close_command(s, i);
}

static void drop_late(struct sender *s)
{
	int64_t now = clock_mono_ms();
	for (size_t i = 0; i < s->count;) {
		if (s->open[i].deadline_ms <= now)
			give_up(s, i);
		else
			i++;
	}
}

static void wait_for_answers(struct sender *s)
{
	if (s->waiting || s->count == 0 || !reach(s, &s->in, NULL))
		return;
	resp_begin(&s->in->out, s->count + 2);
	resp_str(&s->in->out, "BLPOP");
	for (size_t i = 0; i < s->count; i++) {
		char *key = key_with(s->f->show, "reply:", s->open[i].id);
		resp_str(&s->in->out, key);
		free(key);
	}
	resp_str(&s->in->out, SLICE);
	s->waiting = link_flush(s->in, NULL);
	s->asked_ms = clock_mono_ms();
	if (!s->waiting)
		link_close(&s->in);
}

static void take_answer(struct sender *s)
{
	redisReply *r = NULL;
	if (!link_read(s->in, NULL)) {
		link_close(&s->in);
		s->waiting = false;
		return;
	}
	if (link_take(s->in, -1, 0, &r, NULL) != LINK_REPLY)
		return;
	s->waiting = false;
	const char *key = reply_str(r, 0);
	for (size_t i = 0; i < s->count; i++) {
		size_t id = strlen(s->open[i].id), len = strlen(key);
		if (len < id || strcmp(key + len - id, s->open[i].id) != 0)
			continue;
		answer_json(s, s->open[i].id, reply_str(r, 1));
		close_command(s, i);
		break;
	}
	reply_free(r);
}

static int next_ms(const struct sender *s)
{
	int64_t at = INT64_MAX;
	for (size_t i = 0; i < s->count; i++)
		if (s->open[i].deadline_ms < at)
			at = s->open[i].deadline_ms;
	if (at == INT64_MAX)
		return -1;
	int64_t left = at - clock_mono_ms();
	if (!s->waiting && left > LINK_BACKOFF_MIN_MS)
		left = LINK_BACKOFF_MIN_MS; /* no link: try again soon */
	return left > 0 ? (int)left : 0;
}

void *feed_send(void *arg)
{
	struct feed *f = arg;
	struct sender s = {.f = f, .name = link_name(f->show, "console")};
	for (;;) {
		struct pollfd p[3] = {{f->stop_fd, POLLIN, 0},
				      {mailbox_fd(f->commands), POLLIN, 0},
				      {s.in ? s.in->c->fd : -1, POLLIN, 0}};
		poll(p, 3, next_ms(&s));
		if (p[0].revents)
			break;
		if (p[1].revents)
			take_order(&s);
		if (s.in && p[2].revents)
			take_answer(&s);
		if (s.waiting && clock_mono_ms() - s.asked_ms > SILENCE_MS) {
			link_close(&s.in);
			s.waiting = false;
		}
		drop_late(&s);
		wait_for_answers(&s);
	}
	while (s.count)
		close_command(&s, s.count - 1);
	link_close(&s.out);
	link_close(&s.in);
	free(s.name);
	return NULL;
}

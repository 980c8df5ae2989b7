/* Tail, feed and client against a real redis-server. */
#define REPLY_BESIDE_HIREDIS
#include "tap.h"

#include <pthread.h>

#include "redis_here.h"
#include "core/input.h"
#include "show/show_read.h"
#include "store/bus.h"
#include "store/client.h"
#include "store/feed.h"
#include "store/link.h"
#include "store/tail.h"

static struct writer *w;
static int64_t epoch;

static void lead(const char *show)
{
	struct err err = {0};
	w = writer_open(redis_server_address(here), show, &err);
	ck_assert_msg(w != NULL, "%s", err.text);
	ck_assert_msg(writer_lead(w, "host", getpid(), &epoch, false, &err),
		      "%s", err.text);
}

static void drain(void)
{
	here_drain(w, WRITER_OK);
}

static void commit_notes(uint64_t first, uint64_t count)
{
	struct event *notes[500];
	ck_assert(count <= COUNT_OF(notes));
	for (uint64_t i = 0; i < count; i++) {
		notes[i] = event_new(EVENT_NOTE, "r1", "", "", 5, NULL);
		notes[i]->seq = first + i;
	}
	writer_commit(w, notes, count, 0, "", 0);
	for (uint64_t i = 0; i < count; i++)
		event_free(&notes[i]);
}

/* --- tail --------------------------------------------------------------- */

static struct input *next_input(struct mailbox *box)
{
	struct input *in = mailbox_wait(box, patience_ms(8000));
	ck_assert_ptr_nonnull(in);
	return in;
}

START_TEST(the_tail_gives_commands_and_proposals)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(16, input_drop);
	lead("tail");
	/* One before the first core ran. */
	here_do("XADD showcaller:{tail}:commands * data "
		"{\"id\":\"c1\",\"action\":\"go\",\"by\":\"ann\"}");
	struct tail *tail =
		tail_start(redis_server_address(here), "tail", box, &err);
	struct input *in = next_input(box);
	ck_assert_int_eq(in->kind, INPUT_COMMAND);
	ck_assert_int_eq(in->action, ACTION_GO);
	ck_assert_str_eq(in->origin.id, "c1");
	ck_assert_str_eq(in->stream, "commands");
	writer_ack(w, in->stream, in->entry);
	drain();
	input_free(&in);

	here_do("XADD showcaller:{tail}:proposals * stage_id s agent_id a "
		"attempt 1 correlationId r1/s/1 payload {}");
	in = next_input(box);
	ck_assert_int_eq(in->kind, INPUT_ANSWER);
	ck_assert_str_eq(in->stage, "s");
	ck_assert_str_eq(in->key, "r1/s/1");
	ck_assert_str_eq(in->stream, "proposals");
	input_free(&in); /* the core dies before it acknowledges */
	tail_stop(&tail);

	tail = tail_start(redis_server_address(here), "tail", box, &err);
	in = next_input(box);
	ck_assert_int_eq(in->kind, INPUT_ANSWER);
	writer_ack(w, in->stream, in->entry);
	drain();
	input_free(&in);
	tail_stop(&tail);

	tail = tail_start(redis_server_address(here), "tail", box, &err);
	here_do("XADD showcaller:{tail}:commands * action pause");
	in = next_input(box);
	ck_assert_int_eq(in->action, ACTION_PAUSE);
	ck_assert_str_eq(in->origin.id, in->entry);
	input_free(&in);
	tail_stop(&tail);
	mailbox_free(&box);
	writer_close(&w);
}
END_TEST

/* How many commands of the show `junk` nobody has acknowledged; waits until it
 * is `want`. */
static void wait_pending(redisContext *c, long long want)
{
	int64_t end = clock_mono_ms() + patience_ms(8000);
	long long n = -1;
	while (n != want && clock_mono_ms() < end) {
		redisReply *r = redisCommand(
			c, "XPENDING showcaller:{junk}:commands core");
		n = r->element[0]->integer;
		freeReplyObject(r);
	}
	ck_assert_int_eq(n, want);
}

START_TEST(garbage_is_answered_and_dropped)
{
	static const char *const rubbish[] = {
		"XADD showcaller:{junk}:commands * x y",
		"XADD showcaller:{junk}:commands * data [1]",
		"XADD showcaller:{junk}:commands * data {\"id\":\"u1\"",
		"XADD showcaller:{junk}:proposals * data 1",
		"XADD showcaller:{junk}:proposals * payload {}",
		"XADD showcaller:{junk}:commands * data "
		"{\"id\":\"u2\",\"action\":\"aprove\"}",
	};
	struct err err = {0};
	struct mailbox *box = mailbox_new(16, input_drop);
	lead("junk");
	for (size_t i = 0; i < COUNT_OF(rubbish); i++)
		here_do(rubbish[i]);
	struct tail *tail =
		tail_start(redis_server_address(here), "junk", box, &err);
	here_do("XADD showcaller:{junk}:commands * action go");
	struct input *in = next_input(box);
	ck_assert_int_eq(in->action, ACTION_GO);
	input_free(&in);

	redisContext *c = here_connect();
	redisReply *r = redisCommand(c, "BLPOP showcaller:{junk}:reply:u2 60");
	ck_assert_uint_eq(r->elements, 2);
	ck_assert_ptr_nonnull(strstr(r->element[1]->str, "\"ok\":false"));
	ck_assert_ptr_nonnull(strstr(r->element[1]->str, "approve"));
	freeReplyObject(r);
	wait_pending(c, 1); /* the go */
	redisFree(c);
	tail_stop(&tail);
	mailbox_free(&box);
	writer_close(&w);
}
END_TEST

START_TEST(much_garbage_is_dismissed_by_the_batch)
{
	enum { GARBAGE = 300 };
	struct err err = {0};
	struct mailbox *box = mailbox_new(16, input_drop);
	lead("junk");
	redisContext *c = here_connect();
	for (int i = 0; i < GARBAGE; i++)
		freeReplyObject(redisCommand(
			c, "XADD showcaller:{junk}:commands * id g%d action x",
			i));
	here_do("XADD showcaller:{junk}:commands * action go");
	struct tail *tail =
		tail_start(redis_server_address(here), "junk", box, &err);
	struct input *in = next_input(box);
	ck_assert_int_eq(in->action, ACTION_GO);
	input_free(&in);
	wait_pending(c, 1);
	for (int i = 0; i < GARBAGE; i++) {
		redisReply *r =
			redisCommand(c, "LLEN showcaller:{junk}:reply:g%d", i);
		ck_assert_int_eq(r->integer, 1);
		freeReplyObject(r);
	}
	/* It listens on, and nothing of what was answered is left over. */
	here_do("XADD showcaller:{junk}:commands * action pause");
	in = next_input(box);
	ck_assert_int_eq(in->action, ACTION_PAUSE);
	input_free(&in);
	redisFree(c);
	tail_stop(&tail);
	mailbox_free(&box);
	writer_close(&w);
}
END_TEST

START_TEST(the_tail_survives_its_link)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(512, input_drop);
	int sent = 0, got = 0;
	lead("cut");
	struct tail *tail =
		tail_start(redis_server_address(here), "cut", box, &err);
	while (sent < 200) {
		here_do("XADD showcaller:{cut}:commands * action go");
		if (++sent % 40 == 0)
			here_do("CLIENT KILL TYPE normal SKIPME yes");
		if (sent == 100)
			here_do("XGROUP DESTROY showcaller:{cut}:commands "
				"core");
	}
	/* A group that somebody destroyed begins anew: commands come again (the
	 * core knows them by their ids), none is missing. */
	char seen[200] = {0};
	while (got < 200) {
		struct input *in = next_input(box);
		redisContext *c = here_connect();
		redisReply *r = redisCommand(
			c, "XRANGE showcaller:{cut}:commands - %s", in->entry);
		ck_assert_uint_ge(r->elements, 1);
		if (!seen[r->elements - 1])
			got++;
		seen[r->elements - 1] = 1;
		freeReplyObject(r);
		redisFree(c);
		input_free(&in);
	}
	tail_stop(&tail);
	mailbox_free(&box);
	writer_close(&w);
}
END_TEST

START_TEST(what_a_stale_reader_took_comes_back)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(16, input_drop);
	lead("stale");
	here_do("XGROUP CREATE showcaller:{stale}:commands core 0 MKSTREAM");
	struct tail *tail =
		tail_start(redis_server_address(here), "stale", box, &err);
	/* A core that no longer leads reads what was meant for us. */
	here_do("XADD showcaller:{stale}:commands * action go");
	struct input *in = next_input(box);
	redisContext *c = here_connect();
	redisReply *r = redisCommand(
		c, "EVAL %s 1 showcaller:{stale}:commands",
		"redis.call('XADD', KEYS[1], '*', 'action', 'pause')"
		"return #redis.call('XREADGROUP', 'GROUP', 'core', 'core', "
		"'STREAMS', KEYS[1], '>')");
	ck_assert_int_eq(r->integer, 1);
	freeReplyObject(r);
	redisFree(c);
	input_free(&in);
	in = next_input(box);
	ck_assert_int_eq(in->action, ACTION_PAUSE);
	input_free(&in);
	/* And what we hold ourselves is not given twice. */
	ck_assert_ptr_null(mailbox_wait(box, 2500));
	tail_stop(&tail);
	mailbox_free(&box);
	writer_close(&w);
}
END_TEST

/* --- feed --------------------------------------------------------------- */

struct seen {
	uint64_t seq;
	int lost, back, live, caught_up;
	char leader[96];
	char broken[512];
	char reply_id[64], reply[256];
	bool reply_ok;
};

static bool take_item(struct mailbox *box, struct seen *s, int timeout_ms)
{
	struct feed_item *item = mailbox_wait(box, timeout_ms);
	if (!item)
		return false;
	for (size_t i = 0; i < item->count; i++) {
		ck_assert_uint_eq(item->events[i]->seq, s->seq + 1);
		s->seq++;
	}
	s->lost += item->kind == FEED_LOST;
	s->back += item->kind == FEED_BACK;
	s->live += item->kind == FEED_LIVE;
	s->caught_up += item->kind == FEED_CAUGHT_UP;
	if (item->kind == FEED_LEADER)
		snprintf(s->leader, sizeof s->leader, "%s", item->text);
	if (item->kind == FEED_BROKEN)
		snprintf(s->broken, sizeof s->broken, "%s", item->text);
	if (item->kind == FEED_REPLY) {
		snprintf(s->reply_id, sizeof s->reply_id, "%s", item->id);
		snprintf(s->reply, sizeof s->reply, "%s", item->text);
		s->reply_ok = item->ok;
	}
	feed_item_free(item);
	return true;
}

#define UNTIL(box, seen, condition)                                            \
	for (int64_t end_ = clock_mono_ms() + patience_ms(10000);              \
	     !(condition);)                                                    \
	ck_assert_msg(take_item((box), (seen), patience_ms(5000)) &&           \
			      clock_mono_ms() < end_,                          \
		      "until " #condition)

START_TEST(the_feed_has_no_gap)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(64, feed_item_free);
	struct seen seen = {0};
	const uint64_t total = 20000;
	uint64_t next = 1;
	int kills = 0;
	lead("feed");
	commit_notes(next, 400);
	next += 400;
	drain();
	struct feed *feed =
		feed_start(redis_server_address(here), "feed", 0, box, &err);
	UNTIL(box, &seen, seen.caught_up);
	ck_assert_uint_eq(seen.seq, 400);
	while (seen.seq < total) {
		if (next <= total && writer_waiting(w) < 8) {
			commit_notes(next, 100);
			next += 100;
			/* Only one that is there: what is lost on its way back
			 * says so again. */
			if (next <= total && seen.back >= kills &&
			    next > 4000 * (uint64_t)(kills + 1)) {
				here_do("CLIENT KILL TYPE normal SKIPME yes");
				kills++;
			}
		}
		here_turn(w, 0);
		struct writer_done done;
		while (writer_next(w, &done))
			ck_assert_int_eq(done.how, WRITER_OK);
		while (take_item(box, &seen, next > total ? 1000 : 0))
			if (seen.seq == total)
				break;
		ck_assert_str_eq(seen.broken, "");
	}
	ck_assert_int_ge(kills, 2);
	ck_assert_int_ge(seen.lost, kills);
	ck_assert_int_eq(seen.lost, seen.back);
	feed_stop(&feed);
	mailbox_free(&box);
	writer_close(&w);
}
END_TEST

START_TEST(the_feed_tells_what_is_live)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(64, feed_item_free);
	struct seen seen = {0};
	char wanted[96];
	lead("live");
	struct feed *feed =
		feed_start(redis_server_address(here), "live", 0, box, &err);
	snprintf(wanted, sizeof wanted, "%lld host %d", (long long)epoch,
		 getpid());
	UNTIL(box, &seen, strcmp(seen.leader, wanted) == 0);
	UNTIL(box, &seen, seen.caught_up);
	writer_publish(w, "{\"topic\":\"log\"}");
	writer_pump(w, 0);
	UNTIL(box, &seen, seen.live == 1);
	/* The leader ends: said within a second or so. */
	writer_resign(w, "");
	UNTIL(box, &seen, seen.leader[0] == '\0');
	/* Data is lost: said, though the stream is silent. */
	ck_assert(writer_lead(w, "host", 1, &epoch, false, &err));
	commit_notes(1, 5);
	drain();
	UNTIL(box, &seen, seen.seq == 5);
	here_do("FLUSHALL");
	UNTIL(box, &seen, seen.broken[0]);
	feed_stop(&feed);
	mailbox_free(&box);
	writer_close(&w);
}
END_TEST

START_TEST(the_feed_stops_at_garbage)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(64, feed_item_free);
	struct seen seen = {0};
	lead("garbage");
	commit_notes(1, 3);
	drain();
	here_do(_i ? "XADD showcaller:{garbage}:events 9-0 type note"
		   : "XADD showcaller:{garbage}:events 4-0 type note run r "
		     "stage x agent x at 1 data [");
	struct feed *feed =
		feed_start(redis_server_address(here), "garbage", 0, box, &err);
	UNTIL(box, &seen, seen.broken[0]);
	ck_assert_uint_eq(seen.seq, 3);
	feed_stop(&feed);
	mailbox_free(&box);
	writer_close(&w);
	here_do("FLUSHALL");
}
END_TEST

/* A core's answering half: every command is told its own action. */
static void answer_commands(struct mailbox *engine, int count)
{
	for (int i = 0; i < count; i++) {
		struct input *in = next_input(engine);
		writer_reply(w, in->origin.id, in->action == ACTION_GO,
			     action_table[in->action].name);
		writer_ack(w, in->stream, in->entry);
		drain();
		input_free(&in);
	}
}

START_TEST(a_console_asks_and_is_answered)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(64, feed_item_free);
	struct mailbox *engine = mailbox_new(64, input_drop);
	struct seen seen = {0};
	char id[64], first[64];
	lead("ask");
	const struct address *a = redis_server_address(here);
	struct tail *tail = tail_start(a, "ask", engine, &err);
	struct feed *feed = feed_start(a, "ask", 0, box, &err);
	feed_command(feed, "go", NULL, 0, "ann", NULL, first, sizeof first);
	feed_command(feed, "pause", NULL, 0, "ann", "why", id, sizeof id);
	answer_commands(engine, 2);
	UNTIL(box, &seen, strcmp(seen.reply_id, first) == 0);
	ck_assert(seen.reply_ok);
	UNTIL(box, &seen, strcmp(seen.reply_id, id) == 0);
	ck_assert(!seen.reply_ok);
	ck_assert_str_eq(seen.reply, "pause");
	tail_stop(&tail);
	/* Nobody is there any more. */
	feed_command(feed, "go", NULL, 0, "ann", NULL, id, sizeof id);
	UNTIL(box, &seen, strcmp(seen.reply_id, id) == 0);
	ck_assert(!seen.reply_ok);
	ck_assert_ptr_nonnull(strstr(seen.reply, "taken back"));
	feed_stop(&feed);
	mailbox_free(&box);
	mailbox_free(&engine);
	writer_close(&w);
}
END_TEST

static void *answer_one(void *engine)
{
	answer_commands(engine, 2);
	return NULL;
}

/* It has the bytes, and its sender was told that it failed. */
START_TEST(a_redis_that_stood_still_does_nothing_late)
{
	struct err err = {0};
	struct link *link = link_open(redis_server_address(here), "t", &err);
	ck_assert_ptr_nonnull(link);
	char *entry = bus_send(link, "late", "{}", LINK_ASK_MS, &err);
	ck_assert_msg(entry != NULL, "%s", err.text);
	free(entry);
	/* Longer than its patience, shorter than that of who asks. */
	here_do("CLIENT PAUSE 3000 ALL");
	entry = bus_send(link, "late", "{}", 100, &err);
	ck_assert_ptr_null(entry);
	ck_assert_msg(strstr(err.text, "stood still") != NULL, "%s", err.text);
	ck_assert_int_eq(here_int("XLEN showcaller:{late}:commands"), 1);
	entry = bus_send(link, "late", "{}", LINK_ASK_MS, &err);
	ck_assert_msg(entry != NULL, "%s", err.text);
	ck_assert_int_eq(here_int("XLEN showcaller:{late}:commands"), 2);
	free(entry);
	link_close(&link);
}
END_TEST

START_TEST(the_command_line_asks)
{
	struct err err = {0};
	struct mailbox *engine = mailbox_new(64, input_drop);
	pthread_t thread;
	char *text;
	const struct address *a = redis_server_address(here);
	lead("cli");
	struct client *c = client_open(a, "cli", &err);
	ck_assert_msg(c != NULL, "%s", err.text);

	/* No core reads: the command is taken back. */
	ck_assert(!client_command(c, "go", NULL, 0, "ann", NULL, 100, &text,
				  &err));
	ck_assert_int_eq(err.code, ERR_UNAVAILABLE);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(here_int("XLEN showcaller:{cli}:commands"), 0);

	struct tail *tail = tail_start(a, "cli", engine, &err);
	pthread_create(&thread, NULL, answer_one, engine);
	ck_assert(client_command(c, "go", NULL, 0, "ann", NULL,
				 patience_ms(5000), &text, &err));
	ck_assert_str_eq(text, "go");
	free(text);
	ck_assert(!client_command(c, "pause", NULL, 0, "ann", NULL,
				  patience_ms(5000), &text, &err));
	ck_assert_int_eq(err.code, ERR_NO);
	free(text);
	pthread_join(thread, NULL);
	tail_stop(&tail);

	text = client_leader(c, &err);
	ck_assert_ptr_nonnull(strstr(text, "host"));
	free(text);
	ck_assert_ptr_null(client_definition(c, &err));
	ck_assert(writer_define(w, "abc", "{\"show\":1}", &err));
	text = client_definition(c, &err);
	ck_assert_str_eq(text, "{\"show\":1}");
	free(text);
	ck_assert(client_rtt_us(c) > 0);

	struct event **events;
	commit_notes(1, 30);
	drain();
	ck_assert_int_eq(client_events(c, 10, 15, 0, &events, &err), 15);
	ck_assert_uint_eq(events[14]->seq, 25);
	for (int i = 0; i < 15; i++)
		event_free(&events[i]);
	free(events);
	ck_assert_int_eq(client_events(c, 30, 5, 20, &events, &err), 0);
	client_close(&c);
	mailbox_free(&engine);
	writer_close(&w);
}
END_TEST

/* More than one answer of Redis may hold, in one call; what is missing in
 * between ends it there. */
START_TEST(many_events_are_read)
{
	struct err err = {0};
	lead("many");
	for (uint64_t seq = 1; seq <= 1250; seq += 250) {
		commit_notes(seq, 250);
		drain();
	}
	struct client *c =
		client_open(redis_server_address(here), "many", &err);
	ck_assert_msg(c != NULL, "%s", err.text);
	static const struct {
		uint64_t after;
		size_t max;
		int count;
	} reads[] = {{0, 2000, 1250}, {0, 1000, 1000}, {7, 700, 700},
		     {7, 500, 500},   {750, 501, 500}, {1249, 2000, 1},
		     {1250, 2000, 0}, {0, 9000, 1250}};
	struct event **events;
	for (size_t i = 0; i < COUNT_OF(reads); i++) {
		int n = client_events(c, reads[i].after, reads[i].max, 0,
				      &events, &err);
		ck_assert_int_eq(n, reads[i].count);
		for (int k = 0; k < n; k++) {
			ck_assert_uint_eq(events[k]->seq,
					  reads[i].after + 1 + (uint64_t)k);
			event_free(&events[k]);
		}
		free(events);
	}
	here_do("XDEL showcaller:{many}:events 700-0");
	int n = client_events(c, 0, 2000, 0, &events, &err);
	ck_assert_int_eq(n, 699);
	for (int k = 0; k < n; k++)
		event_free(&events[k]);
	free(events);
	ck_assert_int_eq(err.code, ERR_NONE);
	ck_assert_int_eq(client_events(c, 699, 2000, 0, &events, &err), -1);
	ck_assert_ptr_null(events);
	ck_assert_msg(strstr(err.text, "701") != NULL, "%s", err.text);
	client_close(&c);
	writer_close(&w);
}
END_TEST

/* --- fold --------------------------------------------------------------- */

START_TEST(the_log_folds)
{
	struct err err = {0};
	static const char text[] =
		"{\"show\":\"fold\",\"agents\":{\"a\":{\"via\":\"noop\"}},"
		"\"stages\":[{\"id\":\"s\",\"agents\":[\"a\"]}]}";
	struct show_problems problems = {0};
	struct show *show =
		show_parse_json(text, strlen(text), "fold", &problems);
	ck_assert_ptr_nonnull(show);
	show_problems_release(&problems);
	lead("fold");
	struct model *m = model_new(show);
	ck_assert_ptr_null(writer_definition(w, &err));
	ck_assert_int_eq(err.code, ERR_NONE);
	for (uint64_t seq = 1; seq <= 1000; seq += 250)
		commit_notes(seq, 250);
	drain();
	here_do("HSET showcaller:{fold}:story x 1 _version 7");
	ck_assert_msg(writer_fold(w, &m, &err), "%s", err.text);
	ck_assert_uint_eq(m->seq, 1000);
	/* The hash said something else than the log: mended. */
	ck_assert_int_eq(here_int("HEXISTS showcaller:{fold}:story x"), 0);
	ck_assert_int_eq(here_int("HGET showcaller:{fold}:story _version"), 0);
	/* The run's own definition, not the one that is current. */
	struct json_out *data = json_out_new();
	json_add_str(data, "hash", show->hash);
	struct event *e = event_new(EVENT_RUN_START, "r1", "", "", 1, &data);
	e->seq = 1001;
	writer_commit(w, &e, 1, 0, story_hash(&m->story), 0);
	event_free(&e);
	drain();
	ck_assert(writer_define(w, "other", "{\"other\":1}", &err));
	char *definition = writer_definition(w, &err);
	ck_assert_str_eq(definition, show->definition);
	free(definition);
	here_do("XDEL showcaller:{fold}:events 500-0");
	struct model *again = model_new(show);
	ck_assert(!writer_fold(w, &again, &err));
	ck_assert_int_eq(err.code, ERR_DATA);
	ck_assert_ptr_nonnull(strstr(err.text, "gap"));
	ck_assert_uint_eq(again->seq, 499);
	model_free(&m);
	model_free(&again);
	show_unref(&show);
	writer_close(&w);
}
END_TEST

int main(void)
{
	if (!here_possible())
		return 0;
	Suite *s = suite_create("bus");
	here_case(s, "tail", the_tail_gives_commands_and_proposals, 0);
	here_case(s, "tail: garbage", garbage_is_answered_and_dropped, 0);
	here_case(s, "tail: much of it", much_garbage_is_dismissed_by_the_batch,
		  0);
	here_case(s, "tail: link lost", the_tail_survives_its_link, 0);
	here_case(s, "tail: stale reader", what_a_stale_reader_took_comes_back,
		  0);
	here_case(s, "feed: 20,000 events", the_feed_has_no_gap, 0);
	here_case(s, "feed: live", the_feed_tells_what_is_live, 0);
	here_case(s, "feed: garbage", the_feed_stops_at_garbage, 2);
	here_case(s, "feed: commands", a_console_asks_and_is_answered, 0);
	here_case(s, "feed: late", a_redis_that_stood_still_does_nothing_late,
		  0);
	here_case(s, "client", the_command_line_asks, 0);
	here_case(s, "client: many events", many_events_are_read, 0);
	here_case(s, "fold", the_log_folds, 0);
	return tap_run(s);
}

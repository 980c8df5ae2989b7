/* Snapshots against a real redis-server: a fold that begins with one is the
 * fold of all; one that was meddled with is found, and all is folded. */
#include "tap.h"

#include "golden_here.h"
#include "store/client.h"
#include "store/feed.h"

/* The fold as a new core makes it; NULL with err. */
static char *fold(struct err *err)
{
	struct model *again = model_new(show);
	char *text = NULL;
	if (writer_fold(w, &again, err))
		text = model_snapshot(again);
	model_free(&again);
	return text;
}

static void expect_fold(void)
{
	struct err err = {0};
	char *want = model_snapshot(m), *got = fold(&err);
	ck_assert_msg(got != NULL, "%s", err.text);
	ck_assert_str_eq(got, want);
	free(got);
	free(want);
}

static void expect_gap(void)
{
	struct err err = {0};
	ck_assert_ptr_null(fold(&err));
	ck_assert_int_eq(err.code, ERR_DATA);
	ck_assert_ptr_nonnull(strstr(err.text, "no snapshot tells what was"));
}

#define KEY(name) "showcaller:{adventure}:" name

static void snapshot_at(int seq)
{
	bool at[64] = {[0] = false};
	here_do("FLUSHALL");
	begin();
	at[seq] = true;
	play("r1", show->hash, at);
	expect_fold();
	/* It is used: what it stands for may be gone. */
	char trim[96];
	snprintf(trim, sizeof trim, "XTRIM " KEY("events") " MINID %d-0",
		 seq + 1);
	here_do(trim);
	expect_fold();
	here_do("DEL " KEY("snapshot:last"));
	expect_gap();
	end();
}

START_TEST(snapshot_and_tail_are_the_fold)
{
	for (int seq = 2; seq <= 36; seq += 2)
		snapshot_at(seq);
}
END_TEST

/* Ways to lose a snapshot. All events are folded then, and where they are not
 * all there that is said. */
static const char *const harms[][2] = {
	{"redis.call('SETRANGE', KEYS[1], 400, '#')", "snapshot:r1"},
	{"redis.call('DEL', KEYS[1])", "snapshot:r1"},
	{"local t = redis.call('GET', KEYS[1]) "
	 "redis.call('SET', KEYS[1], t:sub(1, #t / 2))",
	 "snapshot:r1"},
	{"redis.call('SET', KEYS[1], '{}')", "snapshot:r1"},
	{"redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], 'x')",
	 "snapshot:r1"},
	{"redis.call('SET', KEYS[1], 'nonsense')", "snapshot:last"},
	{"redis.call('DEL', KEYS[1])", "snapshot:last"},
};

START_TEST(a_bad_snapshot_is_found)
{
	for (size_t i = 0; i < COUNT_OF(harms); i++) {
		bool at[64] = {[20] = true};
		here_do("FLUSHALL");
		begin();
		play("r1", show->hash, at);
		redisContext *c = here_connect();
		freeReplyObject(redisCommand(c, "EVAL %s 1 " KEY("%s"),
					     harms[i][0], harms[i][1]));
		redisFree(c);
		expect_fold();
		here_do("XTRIM " KEY("events") " MINID 10-0");
		expect_gap();
		end();
	}
}
END_TEST

START_TEST(a_log_that_ends_before_its_snapshot_is_not_begun_anew)
{
	begin();
	bool at[64] = {[30] = true};
	play("r1", show->hash, at);
	for (int seq = 25; seq <= (int)m->seq; seq++) {
		char command[64];
		snprintf(command, sizeof command, "XDEL " KEY("events") " %d-0",
			 seq);
		here_do(command);
	}
	struct err err = {0};
	struct model *again = model_new(show);
	ck_assert(!writer_fold(w, &again, &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "its log ends at 24, and a "
					       "snapshot knows 30"));
	model_free(&again);
	/* Nor is one taken whose events Redis does not hold. */
	try_keep(ERR_DATA);
	end();
}
END_TEST

START_TEST(each_run_has_its_definition)
{
	begin();
	bool at[128] = {[20] = true};
	play("r1", show->hash, at);
	struct show *other = load("Another evening");
	struct err err = {0};
	ck_assert_str_ne(other->hash, show->hash);
	ck_assert(writer_define(w, other->hash, other->definition, &err));
	/* The same as the core: what went before is handed on. */
	struct model *next = model_inherit(m, other);
	model_free(&m);
	m = next;
	play("r2", other->hash, NULL);
	expect_fold(); /* with the old show's snapshot, over the change */
	keep();
	drain(WRITER_OK);
	here_do("XTRIM " KEY("events") " MINID 60-0");
	expect_fold(); /* and with that of the new one */
	ck_assert(here_int("EXISTS " KEY("snapshot:r1")) == 1);
	show_unref(&other);
	end();
}
END_TEST

/* What a console has when it has caught up. */
static char *follow(const char *show_hash, bool *late)
{
	struct err err = {0};
	struct mailbox *box = mailbox_new(256, feed_item_free);
	struct feed *feed = feed_start_late(redis_server_address(here),
					    "adventure", show_hash, box, &err);
	struct model *seen = model_new(show);
	bool done = false;
	*late = false;
	while (!done) {
		struct feed_item *item = mailbox_wait(box, patience_ms(8000));
		ck_assert_ptr_nonnull(item);
		if (item->kind == FEED_SNAPSHOT) {
			ck_assert_uint_eq(seen->seq, 0);
			model_free(&seen);
			seen = model_restore(show, item->text,
					     strlen(item->text), &err);
			ck_assert_msg(seen != NULL, "%s", err.text);
			*late = true;
		}
		for (size_t i = 0; i < item->count; i++)
			model_apply(seen, item->events[i]);
		ck_assert_msg(item->kind != FEED_BROKEN, "%s", item->text);
		done = item->kind == FEED_CAUGHT_UP;
		feed_item_free(item);
	}
	feed_stop(&feed);
	mailbox_free(&box);
	char *text = model_snapshot(seen);
	model_free(&seen);
	return text;
}

static bool is_blocked(const char *name)
{
	redisContext *c = here_connect();
	redisReply *r = redisCommand(c, "CLIENT LIST");
	const char *at = strstr(r->str, name);
	bool blocked = false;
	for (; at && !blocked; at = strstr(at + 1, name))
		blocked = strstr(at, "flags=b") &&
			  strstr(at, "flags=b") < strchr(at, '\n');
	freeReplyObject(r);
	redisFree(c);
	return blocked;
}

/* A snapshot of all there is: no event comes behind it that could say so, and
 * the console waits with its first picture. */
START_TEST(the_newest_snapshot_is_all)
{
	struct err err = {0};
	begin();
	play("r1", show->hash, NULL);
	keep();
	drain(WRITER_OK);
	struct mailbox *box = mailbox_new(256, feed_item_free);
	struct feed *feed = feed_start_late(redis_server_address(here),
					    show->id, show->hash, box, &err);
	int64_t limit = clock_mono_ms() + patience_ms(10000);
	while (!is_blocked(":feed"))
		ck_assert(clock_mono_ms() < limit);
	/* Before anything else happens in the show. */
	struct event *e = event_new(EVENT_NOTE, "r1", NULL, NULL, 1, NULL);
	commit(&e);
	drain(WRITER_OK);
	bool caught_up = false, news = false, late = false;
	while (!news) {
		struct feed_item *item = mailbox_wait(box, patience_ms(8000));
		ck_assert_ptr_nonnull(item);
		late = late || item->kind == FEED_SNAPSHOT;
		caught_up = caught_up || item->kind == FEED_CAUGHT_UP;
		news = item->kind == FEED_EVENTS;
		feed_item_free(item);
	}
	ck_assert(late);
	ck_assert(caught_up);
	feed_stop(&feed);
	mailbox_free(&box);
	end();
}
END_TEST

START_TEST(readers_begin_with_it)
{
	begin();
	bool at[64] = {[20] = true}, late;
	play("r1", show->hash, at);
	char *want = model_snapshot(m), *got = follow("another", &late);
	ck_assert_str_eq(got, want);
	ck_assert(!late);
	free(got);
	here_do("XTRIM " KEY("events") " MINID 21-0");
	got = follow(show->hash, &late);
	ck_assert_str_eq(got, want);
	ck_assert(late);
	free(got);
	free(want);
	struct err err = {0};
	struct client *c =
		client_open(redis_server_address(here), show->id, &err);
	uint64_t seq = 0;
	got = client_newest(c, show->hash, &seq, &err);
	ck_assert_ptr_nonnull(got);
	ck_assert_uint_eq(seq, 20);
	free(got);
	ck_assert_ptr_null(client_newest(c, "another", &seq, &err));
	ck_assert_int_eq(err.code, ERR_NONE);
	client_close(&c);
	end();
}
END_TEST

START_TEST(a_stale_core_keeps_nothing)
{
	begin();
	play("r1", show->hash, NULL);
	here_do("INCR " KEY("epoch"));
	try_keep(ERR_AGAIN);
	ck_assert_int_eq(here_int("EXISTS " KEY("snapshot:last")), 0);
	end();
}
END_TEST

int main(void)
{
	if (!here_possible())
		return 0;
	Suite *s = suite_create("snapshot");
	here_case(s, "fold", snapshot_and_tail_are_the_fold, 0);
	here_case(s, "bad", a_bad_snapshot_is_found, 0);
	here_case(s, "beyond",
		  a_log_that_ends_before_its_snapshot_is_not_begun_anew, 0);
	here_case(s, "definitions", each_run_has_its_definition, 0);
	here_case(s, "stale", a_stale_core_keeps_nothing, 0);
	here_case(s, "readers", readers_begin_with_it, 0);
	here_case(s, "all there is", the_newest_snapshot_is_all, 0);
	return tap_run(s);
}

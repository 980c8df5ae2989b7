#include "tap.h"

#include "redis_here.h"

static struct address *place;
static struct writer *w;
static int64_t epoch;

static struct writer *open_show(const char *show)
{
	struct err err = {0};
	struct writer *writer =
		writer_open(redis_server_address(here), show, &err);
	ck_assert_msg(writer != NULL, "%s", err.text);
	return writer;
}

static void lead(const char *show)
{
	struct err err = {0};
	w = open_show(show);
	ck_assert_msg(writer_lead(w, "host", 77, &epoch, false, &err), "%s",
		      err.text);
}

static struct event *make(uint64_t seq, enum event_type type, const char *stage,
			  const char *data)
{
	struct err err = {0};
	json_object *o = json_read_str(data, &json_limits_own, &err);
	ck_assert_msg(o != NULL, "%s", err.text);
	struct event *e = event_new(type, "r1", stage, "", 1234, &o);
	e->seq = seq;
	return e;
}

static void commit_one(uint64_t seq, enum event_type type, const char *stage,
		       const char *data, uint64_t version, const char *hash)
{
	struct event *e = make(seq, type, stage, data);
	writer_commit(w, &e, 1, version, hash, seq);
	event_free(&e);
}

static enum writer_how outcome(void)
{
	struct writer_done done;
	ck_assert(here_outcome(w, &done));
	enum writer_how how = done.how;
	writer_done_release(&done);
	return how;
}

START_TEST(commits_are_stored)
{
	lead("first");
	commit_one(1, EVENT_RUN_START, "", "{\"hash\":\"abc\"}", 0, "");
	commit_one(2, EVENT_NOTE, "", "{\"text\":\"a\"}", 0, "");
	struct event *two[] = {make(3, EVENT_NOTE, "s", "{}"),
			       make(4, EVENT_STAGE_COMPLETE, "s",
				    "{\"patch\":{\"a\":{\"b\":1},\"c\":2}}")};
	writer_commit(w, two, 2, 1, "h1", 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{first}:events"), 4);
	ck_assert_int_eq(here_int("HGET showcaller:{first}:story c"), 2);
	ck_assert_int_eq(here_int("HGET showcaller:{first}:story _version"), 1);
	ck_assert_int_eq(writer_waiting(w), 0);
	event_free(&two[0]);
	event_free(&two[1]);
	writer_close(&w);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("writer");
	TCase *t = tcase_create("commit");
	tcase_add_unchecked_fixture(t, here_start, here_stop);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, commits_are_stored);
	suite_add_tcase(s, t);
	(void)place;
	return s;
}

int main(void)
{
	return tap_run(suite());
}

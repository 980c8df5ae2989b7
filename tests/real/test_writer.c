/* The writer and the private server against a real redis-server. */
#define REPLY_BESIDE_HIREDIS
#include "tap.h"

#include <arpa/inet.h>

#include "redis_here.h"
#include "store/writer_in.h"

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
	ck_assert_msg(writer_lead(w, "host", getpid(), &epoch, false, &err),
		      "%s", err.text);
}

static struct event *make(uint64_t seq, enum event_type type, const char *stage,
			  const char *data)
{
	struct err err = {0};
	struct json_flat *o =
		json_flat_read(data, strlen(data), &json_limits_own, &err);
	ck_assert_msg(o != NULL, "%s", err.text);
	struct event *e = event_of(type, "r1", stage, "", 1234, &o);
	e->seq = seq;
	return e;
}

static void commit(uint64_t seq, enum event_type type, const char *stage,
		   const char *data, uint64_t version, const char *hash)
{
	struct event *e = make(seq, type, stage, data);
	writer_commit(w, &e, 1, version, hash, seq);
	event_free(&e);
}

static void commit_note(uint64_t seq)
{
	commit(seq, EVENT_NOTE, "", "{\"text\":\"a\"}", 0, "");
}

static void here_vote(struct writer *to, const char *poll, const char *voter,
		      const char *option, bool may_change, uint64_t tag)
{
	struct ballots *b = ballots_new(poll, BALLOTS_NOBODY);
	b->may_change = may_change;
	ballots_add(b, option, voter, 0, 0);
	writer_votes(to, b, tag);
	ballots_free(&b);
}

static enum writer_how outcome(void)
{
	struct writer_done done;
	ck_assert(here_outcome(w, &done));
	enum writer_how how = done.how;
	writer_done_release(&done);
	return how;
}

/* Sends what waits and lets Redis do it, without reading its answer. */
static void do_unheard(const char *length_command, long long length)
{
	int64_t end = clock_mono_ms() + patience_ms(5000);
	writer_pump(w, 0);
	while (here_int(length_command) < length)
		ck_assert(clock_mono_ms() < end);
	writer_drop(w, 0, "the test cut it");
}

START_TEST(commits_are_stored)
{
	lead("first");
	commit(1, EVENT_RUN_START, "", "{\"hash\":\"abc\"}", 0, "");
	commit_note(2);
	struct event *two[] = {make(3, EVENT_NOTE, "s", "{}"),
			       make(4, EVENT_STAGE_COMPLETE, "s",
				    "{\"patch\":{\"a\":{\"b\":1},\"c\":2}}")};
	writer_commit(w, two, 2, 1, "h1", 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{first}:events"), 4);
	ck_assert_int_eq(here_int("HGET showcaller:{first}:story c"), 2);
	ck_assert_int_eq(here_int("HGET showcaller:{first}:story _version"), 1);
	ck_assert_uint_eq(writer_waiting(w), 0);
	ck_assert(writer_rtt_us(w) > 0);
	event_free(&two[0]);
	event_free(&two[1]);
	writer_close(&w);
}
END_TEST

static void expect_member(const char *name, const char *wanted)
{
	redisContext *c = here_connect();
	redisReply *r =
		redisCommand(c, "HGET showcaller:{story}:story %s", name);
	if (wanted)
		ck_assert_str_eq(r->str ? r->str : "(nil)", wanted);
	else
		ck_assert_int_eq(r->type, REDIS_REPLY_NIL);
	freeReplyObject(r);
	redisFree(c);
}

START_TEST(story_follows_patches)
{
	lead("story");
	commit(1, EVENT_STAGE_COMPLETE, "s",
	       "{\"patch\":{\"a\":{\"b\":1},\"gone\":1,\"_hash\":7}}", 1, "h1");
	commit(2, EVENT_STAGE_COMPLETE, "s",
	       "{\"patch\":{\"a\":{\"c\":[]},\"gone\":null}}", 2, "h2");
	commit(3, EVENT_STAGE_COMPLETE, "s", "{\"patch\":{}}", 2, "h2");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	expect_member("a", "{\"b\":1,\"c\":[]}");
	expect_member("gone", NULL);
	expect_member("_version", "2");
	expect_member("_hash", "h2");
	expect_member("__hash", "7");
	/* A new run begins with an empty story. */
	commit(4, EVENT_RUN_START, "", "{\"hash\":\"def\"}", 0, "h0");
	ck_assert_int_eq(outcome(), WRITER_OK);
	expect_member("a", NULL);
	expect_member("_hash", "h0");
	writer_close(&w);
}
END_TEST

static void renew(void)
{
	writer_renew(w);
	ck_assert_int_eq(outcome(), WRITER_OK);
}

START_TEST(a_story_that_was_deleted_is_mended)
{
	static const char *const meddling[] = {
		"DEL showcaller:{story}:story",
		"HDEL showcaller:{story}:story a",
		"HSET showcaller:{story}:story alien 1",
		"HSET showcaller:{story}:story _hash h9",
	};
	lead("story");
	renew(); /* there is none yet */
	ck_assert_int_eq(here_int("EXISTS showcaller:{story}:story"), 0);
	commit(1, EVENT_STAGE_COMPLETE, "s",
	       "{\"patch\":{\"a\":{\"b\":1},\"_hash\":7}}", 1, "h1");
	ck_assert_int_eq(outcome(), WRITER_OK);
	for (size_t i = 0; i < COUNT_OF(meddling); i++) {
		here_do(meddling[i]);
		renew(); /* finds it */
		renew(); /* mends it */
		expect_member("a", "{\"b\":1}");
		expect_member("alien", NULL);
		expect_member("_version", "1");
		expect_member("_hash", "h1");
		expect_member("__hash", "7");
	}
	/* What came meanwhile is in it. */
	here_do(meddling[0]);
	renew();
	commit(2, EVENT_STAGE_COMPLETE, "s", "{\"patch\":{\"c\":2}}", 2, "h2");
	ck_assert_int_eq(outcome(), WRITER_OK);
	renew();
	expect_member("a", "{\"b\":1}");
	expect_member("c", "2");
	expect_member("_version", "2");
	ck_assert_int_eq(here_int("HLEN showcaller:{story}:story"), 5);
	/* A foreign key is not ours to write over. */
	here_do("SET showcaller:{story}:story text");
	renew();
	renew();
	ck_assert_int_eq(here_int("STRLEN showcaller:{story}:story"), 4);
	writer_close(&w);
}
END_TEST

START_TEST(a_repeat_is_stored_once)
{
	lead("repeat");
	commit_note(1);
	commit_note(2);
	do_unheard("XLEN showcaller:{repeat}:events", 2);
	ck_assert(writer_away_ms(w) > 0);
	commit_note(3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{repeat}:events"), 3);
	ck_assert_int_eq(writer_away_ms(w), 0);
	writer_close(&w);
}
END_TEST

START_TEST(other_data_is_broken)
{
	lead("other");
	here_do("XADD showcaller:{other}:events 1-0 type note run r1 stage x "
		"agent x at 1 data {}");
	commit_note(1);
	ck_assert_int_eq(outcome(), WRITER_BROKEN);
	writer_close(&w);
}
END_TEST

/* What Redis acknowledged and then had no more: by the next commit, and by the
 * renewal of a show at rest. */
START_TEST(what_was_lost_is_written_again)
{
	here_do("FLUSHALL");
	lead("again");
	for (uint64_t seq = 1; seq <= 20; seq++)
		commit_note(seq);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	here_do("COPY showcaller:{again}:events showcaller:{again}:old");
	writer_poll_open(w, "p");
	here_vote(w, "p", "ann", "yes", false, 5);
	ck_assert_int_eq(outcome(), WRITER_OK);
	for (uint64_t seq = 21; seq <= 40; seq++)
		commit_note(seq);
	here_vote(w, "p", "ben", "yes", false, 6);
	for (int i = 0; i < 21; i++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	here_do("RENAME showcaller:{again}:old showcaller:{again}:events");
	here_do("HDEL showcaller:{again}:votes:p ben");
	here_do("HSET showcaller:{again}:tally:p yes 1");
	if (_i == 0)
		commit_note(41);
	else
		writer_renew(w);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{again}:events"),
			 _i == 0 ? 41 : 40);
	ck_assert_int_eq(here_int("HGET showcaller:{again}:tally:p yes"), 2);
	ck_assert_uint_eq(writer_mended(w), 20);
	/* And all of it, when all is gone. */
	here_do("DEL showcaller:{again}:events");
	writer_renew(w);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{again}:events"),
			 _i == 0 ? 41 : 40);
	writer_close(&w);
}
END_TEST

/* A flood of votes pushes out the oldest of them, and no event. */
START_TEST(a_flood_of_votes_pushes_no_event_out)
{
	enum { BATCHES = 140 }; /* 10 MB */
	struct writer_done done;
	char voter[BALLOT_VOTER_MOST + 1];
	here_do("FLUSHALL");
	lead("flood");
	commit_note(1);
	ck_assert_int_eq(outcome(), WRITER_OK);
	writer_poll_open(w, "p");
	for (int i = 0; i < BATCHES; i++) {
		struct ballots *b = ballots_new("p", BALLOTS_NOBODY);
		for (int k = 0; k < BALLOTS_MOST; k++) {
			snprintf(voter, sizeof voter, "v:%0126d",
				 i * BALLOTS_MOST + k);
			ballots_add(b, "yes", voter, 0, 0);
		}
		writer_votes(w, b, 1);
		ballots_free(&b);
		ck_assert(here_outcome(w, &done));
		ck_assert_int_eq(done.answers[0], BALLOT_COUNTED);
		writer_done_release(&done);
	}
	here_do("DEL showcaller:{flood}:events showcaller:{flood}:votes:p "
		"showcaller:{flood}:tally:p");
	writer_renew(w);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{flood}:events"), 1);
	char *ask = xasprintf("HEXISTS showcaller:{flood}:votes:p %s", voter);
	ck_assert_int_eq(here_int(ask), 1);
	free(ask);
	long long again = here_int("HGET showcaller:{flood}:tally:p yes");
	ck_assert_int_ge(again, BALLOTS_MOST);
	ck_assert_int_lt(again, BATCHES * BALLOTS_MOST / 4);
	writer_close(&w);
}
END_TEST

START_TEST(a_gap_is_broken)
{
	struct err err = {0};
	lead("gap");
	commit_note(1);
	ck_assert_int_eq(outcome(), WRITER_OK);
	writer_close(&w);
	/* The next core remembers nothing of what was before it. */
	w = open_show("gap");
	ck_assert(writer_lead(w, "host", getpid(), &epoch, true, &err));
	here_do("DEL showcaller:{gap}:events");
	commit_note(2);
	ck_assert_int_eq(outcome(), WRITER_BROKEN);
	ck_assert_int_eq(here_int("EXISTS showcaller:{gap}:events"), 0);
	here_do("DEL showcaller:{gap}:epoch");
	commit_note(2);
	ck_assert_int_eq(outcome(), WRITER_BROKEN);
	writer_close(&w);
}
END_TEST

START_TEST(lost_scripts_are_loaded_again)
{
	lead("noscript");
	commit_note(1);
	ck_assert_int_eq(outcome(), WRITER_OK);
	here_do("SCRIPT FLUSH");
	for (uint64_t seq = 2; seq < 20; seq++)
		commit_note(seq);
	for (uint64_t seq = 2; seq < 20; seq++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{noscript}:events"), 19);
	writer_close(&w);
}
END_TEST

START_TEST(two_cores_one_leader)
{
	struct err err = {0};
	int64_t second_epoch = 0;
	lead("lead");
	struct writer *second = open_show("lead");
	renew(); /* to open one may take longer than the lease is */
	ck_assert(!writer_lead(second, "other", 2, &second_epoch, false, &err));
	ck_assert_int_eq(err.code, ERR_AGAIN);
	ck_assert_ptr_nonnull(strstr(err.text, "host"));
	commit_note(1);
	ck_assert_int_eq(outcome(), WRITER_OK);
	writer_renew(w);
	ck_assert_int_eq(outcome(), WRITER_OK);

	ck_assert(writer_lead(second, "other", 2, &second_epoch, true, &err));
	ck_assert_int_gt(second_epoch, epoch);
	commit_note(2);
	writer_renew(w);
	here_vote(w, "p", "me", "a", false, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(outcome(), WRITER_FENCED);
	ck_assert_int_eq(here_int("XLEN showcaller:{lead}:events"), 1);

	/* The lease is free as soon as it is given back. */
	writer_resign(second, "");
	ck_assert(writer_lead(w, "host", getpid(), &epoch, false, &err));
	ck_assert_int_gt(epoch, second_epoch);
	writer_close(&second);
	writer_close(&w);
}
END_TEST

START_TEST(foreign_data_is_refused)
{
	struct err err = {0};
	here_do("SET showcaller:{foreign}:story text");
	w = writer_open(redis_server_address(here), "foreign", &err);
	ck_assert_ptr_null(w);
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "showcaller:{foreign}:story"));

	/* A log without its epoch: data was lost, nobody may begin at 1. */
	here_do("XADD showcaller:{torn}:events 5-0 type note");
	w = open_show("torn");
	ck_assert(!writer_lead(w, "host", 1, &epoch, false, &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
	writer_close(&w);
}
END_TEST

START_TEST(large_commits_pass)
{
	lead("large");
	size_t bytes = EVENT_MAX_BYTES - 32;
	char *data = xmalloc(bytes + 64);
	struct event *many[500];
	memset(data, 'x', bytes);
	memcpy(data, "{\"text\":\"", 9);
	memcpy(data + bytes, "\"}", 3);
	for (uint64_t seq = 1; seq <= 40; seq++)
		commit(seq, EVENT_NOTE, "", data, 0, "");
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = make(41 + i, EVENT_NOTE, "", "{}");
	writer_commit(w, many, COUNT_OF(many), 0, "", 41);
	for (int i = 0; i < 41; i++)
		ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{large}:events"), 540);
	for (size_t i = 0; i < COUNT_OF(many); i++)
		event_free(&many[i]);
	free(data);
	writer_close(&w);
}
END_TEST

/* Each way in which Redis refuses: said by name, waited out, nothing lost. */
static const struct {
	const char *breaks, *says, *mends;
} refusals[] = {
	{"CONFIG SET maxmemory 1", "out of memory", "CONFIG SET maxmemory 0"},
	{"REPLICAOF 127.0.0.1 1", "replica", "REPLICAOF NO ONE"},
	{"ACL SETUSER default -evalsha", "ACL", "ACL SETUSER default +@all"},
	{"CONFIG SET min-replicas-to-write 3", "too few replicas",
	 "CONFIG SET min-replicas-to-write 0"},
};

START_TEST(refusals_are_waited_out)
{
	lead("refused");
	here_do(refusals[_i].breaks);
	long long before = here_int("XLEN showcaller:{refused}:events");
	uint64_t seq = (uint64_t)before + 1;
	commit_note(seq);
	commit_note(seq + 1);
	int64_t end = clock_mono_ms() + patience_ms(8000);
	while (!strstr(writer_why_away(w), refusals[_i].says)) {
		here_turn(w, 100);
		ck_assert_msg(clock_mono_ms() < end, "it says: %s",
			      writer_why_away(w));
	}
	ck_assert(writer_away_ms(w) > 0);
	here_do(refusals[_i].mends);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{refused}:events"),
			 before + 2);
	writer_resign(w, "");
	writer_close(&w);
}
END_TEST

START_TEST(a_foreign_script_is_waited_out)
{
	lead("busy");
	here_do("CONFIG SET busy-reply-threshold 50");
	redisContext *c = here_connect();
	int done = 0;
	redisAppendCommand(c, "EVAL %s 0", "while true do end");
	redisBufferWrite(c, &done);
	int64_t end = clock_mono_ms() + patience_ms(8000);
	while (here_int("GET x") >= 0) /* until it is BUSY: an error */
		ck_assert(clock_mono_ms() < end);
	commit_note(1);
	while (!strstr(writer_why_away(w), "script of someone else")) {
		here_turn(w, 100);
		ck_assert_msg(clock_mono_ms() < end, "it says: %s",
			      writer_why_away(w));
	}
	here_do("SCRIPT KILL");
	ck_assert_int_eq(outcome(), WRITER_OK);
	redisFree(c);
	writer_close(&w);
}
END_TEST

/* By a renewal that is answered in time, on a busy machine too. */
static void lead_surely(void)
{
	int64_t end = clock_mono_ms() + patience_ms(8000);
	do {
		ck_assert(clock_mono_ms() < end);
		renew();
	} while (!writer_leads_surely(w));
}

/* An answer that was long under way says nothing about now. */
START_TEST(a_late_renewal_does_not_lead_surely)
{
	lead("surely");
	lead_surely();
	pid_t pid = here_find_pid();
	kill(pid, SIGSTOP);
	writer_renew(w);
	/* As long as a lease from here, so that this one is over, too. */
	int64_t over = clock_show_ms() + SCRIPT_LEASE_MS;
	int64_t end = clock_mono_ms() + patience_ms(SCRIPT_LEASE_MS + 1000);
	while (writer_leads_surely(w) || clock_show_ms() < over) {
		here_turn(w, 50);
		ck_assert(clock_mono_ms() < end);
	}
	kill(pid, SIGCONT);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert(!writer_leads_surely(w));
	lead_surely();
	writer_close(&w);
}
END_TEST

START_TEST(a_redis_that_hangs_is_waited_out)
{
	lead("hang");
	w->answer_ms = 200;
	pid_t pid = here_find_pid();
	kill(pid, SIGSTOP);
	commit_note(1);
	int64_t end = clock_mono_ms() + patience_ms(8000);
	while (!strstr(writer_why_away(w), "no answer")) {
		here_turn(w, 100);
		ck_assert(clock_mono_ms() < end);
	}
	kill(pid, SIGCONT);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{hang}:events"), 1);
	writer_close(&w);
}
END_TEST

START_TEST(a_shared_redis_over_tcp)
{
	struct err err = {0};
	char command[64], url[64];
	int port = temp_port();
	snprintf(command, sizeof command, "CONFIG SET port %d", port);
	here_do("CONFIG SET bind 127.0.0.1");
	here_do(command);
	here_do("CONFIG SET appendfsync everysec maxmemory-policy allkeys-lru");
	here_do("ACL SETUSER ann on >hunter22 ~showcaller:* &* +@all");
	snprintf(url, sizeof url, "redis://ann@localhost:%d/2", port);
	setenv("SHOWCALLER_REDIS_PASSWORD", "hunter22", 1);
	struct address *a = address_parse(url, &err);
	ck_assert_msg(a != NULL, "%s", err.text);
	w = writer_open(a, "tcp", &err);
	ck_assert_msg(w != NULL, "%s", err.text);
	ck_assert_ptr_nonnull(strstr(writer_warnings(w), "appendfsync"));
	ck_assert_ptr_nonnull(strstr(writer_warnings(w), "noeviction"));
	ck_assert(writer_lead(w, "host", 1, &epoch, false, &err));
	for (uint64_t seq = 1; seq <= 20; seq++) {
		commit_note(seq);
		if (seq % 5 == 0)
			here_do("CLIENT KILL TYPE normal SKIPME yes");
		ck_assert_int_eq(outcome(), WRITER_OK);
	}
	redisContext *c = here_connect();
	freeReplyObject(redisCommand(c, "SELECT 2"));
	redisReply *r = redisCommand(c, "XLEN showcaller:{tcp}:events");
	ck_assert_int_eq(r->integer, 20);
	freeReplyObject(r);
	redisFree(c);
	writer_resign(w, "");
	writer_close(&w);
	address_free(&a);
}
END_TEST

START_TEST(a_password_is_needed)
{
	struct err err = {0};
	struct address *a = address_clone(redis_server_address(here));
	lead("secret");
	here_do("CONFIG SET requirepass hunter22");
	ck_assert_ptr_null(writer_open(a, "secret", &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
	a->password = xstrdup("wrong-one");
	ck_assert_ptr_null(writer_open(a, "secret", &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_ptr_null(strstr(err.text, "wrong-one"));

	/* In the middle of a show: said, and taken up again. */
	commit_note(1);
	do_unheard("XLEN showcaller:{secret}:events", -2);
	int64_t end = clock_mono_ms() + patience_ms(8000);
	while (!strstr(writer_why_away(w), "SHOWCALLER_REDIS_PASSWORD")) {
		here_turn(w, 100);
		ck_assert(clock_mono_ms() < end);
	}
	w->address->password = xstrdup("hunter22");
	ck_assert_int_eq(outcome(), WRITER_OK);
	writer_close(&w);
	address_free(&a);
}
END_TEST

START_TEST(killed_redis_loses_nothing)
{
	struct err err = {0};
	struct writer_done done;
	uint64_t next = 1, answered = 0;
	const uint64_t total = 3000;
	lead("killed");
	while (answered < total) {
		/* Up to 64 in flight. */
		while (next <= total && writer_waiting(w) < 64)
			commit_note(next++);
		here_turn(w, 100);
		while (writer_next(w, &done)) {
			ck_assert_int_eq(done.how, WRITER_OK);
			ck_assert_uint_eq(done.tag, ++answered);
			if (answered % 1000 == 500)
				kill(here_find_pid(), SIGKILL);
		}
		if (writer_away_ms(w) && !redis_server_keep(here, &err))
			ck_abort_msg("%s", err.text);
	}
	ck_assert_int_eq(here_int("XLEN showcaller:{killed}:events"),
			 (long long)total);
	redisContext *c = here_connect();
	redisReply *r =
		redisCommand(c, "XRANGE showcaller:{killed}:events - +");
	ck_assert_uint_eq(r->elements, total);
	freeReplyObject(r);
	redisFree(c);
	writer_close(&w);
}
END_TEST

START_TEST(loading_is_waited_out)
{
	struct err err = {0};
	lead("loading");
	redisContext *c = here_connect();
	redisReply *r = redisCommand(
		c, "EVAL %s 0",
		"for i = 1, 300000 do redis.call('SET', 'k' .. i, i) end");
	freeReplyObject(r);
	redisFree(c);
	commit_note(1);
	ck_assert_int_eq(outcome(), WRITER_OK);
	kill(here_find_pid(), SIGKILL);
	commit_note(2);
	/* A second core comes up meanwhile: it waits until it is loaded. */
	struct redis_server *again = redis_server_start(here_dir, NULL, &err);
	ck_assert_msg(again != NULL, "%s", err.text);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{loading}:events"), 2);
	redis_server_leave(&again);
	writer_close(&w);
}
END_TEST

START_TEST(a_second_core_takes_the_server_over)
{
	struct err err = {0};
	pid_t before = here_find_pid();
	struct redis_server *again = redis_server_start(here_dir, NULL, &err);
	ck_assert_msg(again != NULL, "%s", err.text);
	redis_server_leave(&again);
	ck_assert_int_eq(here_find_pid(), before);
}
END_TEST

START_TEST(servers_that_cannot_start)
{
	struct err err = {0};
	char deep[512];
	snprintf(deep, sizeof deep, "%s/%0120d", here_dir, 7);
	ck_assert_ptr_null(redis_server_start(deep, NULL, &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "SHOWCALLER_STATE"));
	ck_assert_ptr_null(redis_server_start("/proc/no/such", NULL, &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);

	struct address *nowhere = address_parse("redis://127.0.0.1:1", &err);
	ck_assert_ptr_null(writer_open(nowhere, "x", &err));
	ck_assert_int_eq(err.code, ERR_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(err.text, "127.0.0.1:1"));
	address_free(&nowhere);
}
END_TEST

/* --- polls -------------------------------------------------------------- */

static void open_poll(uint64_t seq)
{
	commit(seq, EVENT_POLL_CREATE, "route", "{}", 0, "");
	ck_assert_int_eq(outcome(), WRITER_OK);
	writer_poll_open(w, "route");
}

static enum ballot_answer vote(const char *voter, const char *option,
			       bool change)
{
	struct writer_done done;
	here_vote(w, "route", voter, option, change, 1);
	ck_assert(here_outcome(w, &done));
	ck_assert_int_eq(done.what, WRITER_VOTE);
	ck_assert_int_eq(done.how, WRITER_OK);
	enum ballot_answer answer = (enum ballot_answer)done.answers[0];
	writer_done_release(&done);
	return answer;
}

static int64_t counted(const char *option)
{
	struct writer_done done;
	int64_t n = 0;
	writer_poll_count(w, "route", 9);
	ck_assert(here_outcome(w, &done));
	ck_assert_int_eq(done.what, WRITER_COUNT);
	ck_assert_uint_eq(done.tag, 9);
	for (int i = 0; i < done.count_count; i++)
		if (strcmp(done.options[i], option) == 0)
			n = done.counts[i];
	writer_done_release(&done);
	return n;
}

START_TEST(a_tally_is_read_without_a_change)
{
	struct writer_done done;
	lead("tally");
	for (int i = 0; i < 2; i++) {
		writer_poll_tally(w, "route", 5);
		ck_assert(here_outcome(w, &done));
		ck_assert_int_eq(done.what, WRITER_COUNT);
		ck_assert_uint_eq(done.tag, 5);
		ck_assert_int_eq(done.count_count, i);
		writer_done_release(&done);
		if (i == 0)
			open_poll(1);
		ck_assert_int_eq(vote("ann", "FENCED", false),
				 i ? BALLOT_SAME : BALLOT_COUNTED);
	}
	writer_close(&w);
}
END_TEST

START_TEST(polls_open_freeze_and_close)
{
	lead("poll");
	ck_assert_int_eq(vote("ann", "cave", false), BALLOT_CLOSED);
	open_poll(1);
	ck_assert_int_eq(vote("ann", "cave", false), BALLOT_COUNTED);
	ck_assert_int_eq(vote("ann", "cave", false), BALLOT_SAME);
	ck_assert_int_eq(vote("ann", "ridge", false), BALLOT_DOUBLE);
	ck_assert_int_eq(vote("ann", "ridge", true), BALLOT_COUNTED);
	writer_poll_freeze(w, "route");
	ck_assert_int_eq(vote("bob", "cave", false), BALLOT_CLOSED);
	writer_poll_open(w, "route");
	ck_assert_int_eq(vote("bob", "cave", false), BALLOT_COUNTED);
	ck_assert_int_eq(counted("ridge"), 1);
	ck_assert_int_eq(vote("cy", "cave", false), BALLOT_CLOSED);
	ck_assert_int_eq(counted("cave"), 1);
	/* A new poll of the same stage starts from nothing. */
	open_poll(2);
	ck_assert_int_eq(vote("ann", "cave", false), BALLOT_COUNTED);
	ck_assert_int_eq(counted("cave"), 1);
	ck_assert_int_eq(counted("ridge"), 0);
	writer_close(&w);
}
END_TEST

START_TEST(votes_count_exactly_once)
{
	/* 200 voters who each press six times, while the link is lost again and
	 * again: every voter counts once, and is told so once. */
	enum { VOTERS = 200, TIMES = 6 };
	int yes[VOTERS] = {0};
	struct writer_done done;
	lead("votes");
	open_poll(1);
	for (int i = 0; i < VOTERS * TIMES; i++) {
		char voter[16];
		snprintf(voter, sizeof voter, "v%d", i % VOTERS);
		here_vote(w, "route", voter, "cave", false,
			    (uint64_t)(i % VOTERS));
		if (i % 97 == 96) {
			writer_pump(w, 0);
			writer_drop(w, 0, "the test cut it");
		}
	}
	for (int i = 0; i < VOTERS * TIMES; i++) {
		ck_assert(here_outcome(w, &done));
		ck_assert_int_eq(done.how, WRITER_OK);
		yes[done.tag] += done.answers[0] == BALLOT_COUNTED;
		writer_done_release(&done);
	}
	for (int i = 0; i < VOTERS; i++)
		ck_assert_int_ge(yes[i], 1);
	ck_assert_int_eq(counted("cave"), VOTERS);
	writer_close(&w);
}
END_TEST

START_TEST(work_for_bus_agents_is_sent_once)
{
	lead("bus");
	writer_bus_call(w, "painter", "r1/scene/1", "{\"id\":1}");
	do_unheard("XLEN showcaller:{bus}:inbox:painter", 1);
	writer_reply(w, "c1", true, "done");
	writer_publish(w, "{\"topic\":\"log\"}");
	commit_note(1);
	ck_assert_int_eq(outcome(), WRITER_OK);
	ck_assert_int_eq(here_int("XLEN showcaller:{bus}:inbox:painter"), 1);
	ck_assert_int_eq(here_int("LLEN showcaller:{bus}:reply:c1"), 1);
	ck_assert_int_gt(here_int("TTL showcaller:{bus}:reply:c1"), 50);
	ck_assert_int_eq(
		here_int("XINFO GROUPS showcaller:{bus}:inbox:painter"), 0);
	writer_close(&w);
}
END_TEST

int main(void)
{
	if (!here_possible())
		return 0;
	Suite *s = suite_create("writer");
	here_case(s, "a commit is stored", commits_are_stored, 0);
	here_case(s, "the story follows its patches", story_follows_patches, 0);
	here_case(s, "a story that was deleted is mended",
		  a_story_that_was_deleted_is_mended, 0);
	here_case(s, "a repeat is stored once", a_repeat_is_stored_once, 0);
	here_case(s, "other data is BROKEN", other_data_is_broken, 0);
	here_case(s, "a flood of votes", a_flood_of_votes_pushes_no_event_out,
		  0);
	here_case(s, "lost and written again", what_was_lost_is_written_again,
		  2);
	here_case(s, "a gap is BROKEN", a_gap_is_broken, 0);
	here_case(s, "lost scripts", lost_scripts_are_loaded_again, 0);
	here_case(s, "one leader", two_cores_one_leader, 0);
	here_case(s, "foreign data", foreign_data_is_refused, 0);
	here_case(s, "large commits", large_commits_pass, 0);
	here_case(s, "refusals", refusals_are_waited_out,
		  (int)COUNT_OF(refusals));
	here_case(s, "BUSY", a_foreign_script_is_waited_out, 0);
	here_case(s, "redis hangs", a_redis_that_hangs_is_waited_out, 0);
	here_case(s, "a late renewal", a_late_renewal_does_not_lead_surely, 0);
	here_case(s, "TCP, user, database", a_shared_redis_over_tcp, 0);
	here_case(s, "passwords", a_password_is_needed, 0);
	here_case(s, "redis killed", killed_redis_loses_nothing, 0);
	here_case(s, "LOADING", loading_is_waited_out, 0);
	here_case(s, "take-over", a_second_core_takes_the_server_over, 0);
	here_case(s, "no start", servers_that_cannot_start, 0);
	here_case(s, "tally", a_tally_is_read_without_a_change, 0);
	here_case(s, "polls", polls_open_freeze_and_close, 0);
	here_case(s, "votes", votes_count_exactly_once, 0);
	here_case(s, "bus agents", work_for_bus_agents_is_sent_once, 0);
	return tap_run(s);
}

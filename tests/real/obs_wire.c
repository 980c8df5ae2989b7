/*
 * The OBS client against a scripted server, for what a real OBS cannot be made
 * to do: every close code, torn and slow frames, messages that are too long, in
 * the wrong encoding, unknown, or none at all.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net_stand.h"
#include "obs_peer.h"
#include "patience.h"
#include "tap.h"
#include "temp.h"

static struct stand *s;

#define WAIT(cond, ms)                                                         \
	do {                                                                   \
		int64_t end_ = clock_mono_ms() + patience_ms(ms);              \
		pthread_mutex_lock(&s->lock);                                  \
		while (!(cond) && clock_mono_ms() < end_)                      \
			stand_wait_news(s, end_);                              \
		ck_assert_msg((cond), "%s: connected %d, error %s, last %s",   \
			      #cond, s->obs.connected,                         \
			      s->obs.error ? s->obs.error : "-",               \
			      s->done_text ? s->done_text : "-");              \
		pthread_mutex_unlock(&s->lock);                                \
	} while (0)

#define SAYS(words) (s->obs.error && strstr(s->obs.error, words))

/* A session that is there, and was asked for figures. */
static int ready(void)
{
	int fd = upgrade();
	say_text(fd, HELLO);
	hear_identify(fd);
	say_text(fd, "{\"op\":2,\"d\":{\"negotiatedRpcVersion\":1}}");
	answer_until(fd, "GetStats", true);
	WAIT(s->obs.connected && s->obs.scenes.count == 2, 5000);
	return fd;
}

/* --- the house ------------------------------------------------------------ */

static void setup(void)
{
	int port = peer_listen();
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	char *yaml = xasprintf("show: house\n"
			       "agents: { a: { via: noop } }\n"
			       "stages: [{ id: one, agents: [a], go: manual }]"
			       "\nobs: { url: \"ws://127.0.0.1:%d\" }\n",
			       port);
	s = stand_new(yaml);
	free(yaml);
}

static void teardown(void)
{
	stand_free(&s);
	peer_unlisten();
}

/* --- cases ---------------------------------------------------------------- */

START_TEST(each_close_code_has_its_sentence)
{
	static const struct {
		unsigned code;
		bool stop;
		const char *words;
	} all[] = {
		{1000, false, "ended the connection"},
		{1001, false, "was closed"},
		{1002, false, "broken WebSocket: why (1002)"},
		{1009, false, "too long"},
		{1011, false, "broke"},
		{4000, false, "no reason"},
		{4002, false, "could not read"},
		{4003, false, "misses a member"},
		{4004, false, "wrong type"},
		{4005, false, "wrong value"},
		{4006, false, "does not know a message"},
		{4007, false, "before it knew"},
		{4008, false, "told twice"},
		{4009, true, "refused the password"},
		{4010, true, "another version"},
		{4011, true, "somebody ended"},
		{4012, true, "lacks a feature"},
		{4099, false, "ended the connection: why (4099)"},
	};
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		int fd = upgrade();
		say_text(fd, HELLO);
		hear_identify(fd);
		say_close(fd, all[i].code, "why");
		WAIT(SAYS(all[i].words), 5000);
		close(fd);
		if (!all[i].stop)
			continue;
		/* To try again would only meet the same. */
		ck_assert_int_eq(next_peer(1200), -1);
		net_obs(s->net, "c", "reconnect", NULL);
	}
}
END_TEST

START_TEST(a_message_in_many_pieces_is_one)
{
	int fd = upgrade();
	unsigned char head[10];
	size_t len = strlen(HELLO);
	/* Fragments of the protocol, and bytes one by one. */
	for (size_t i = 0; i < len; i++) {
		bool last = i + 1 == len;
		size_t n = frame(head, (i ? 0 : 1) | (last ? 0x80 : 0), 1);
		for (size_t k = 0; k < n; k++)
			peer_send(fd, head + k, 1);
		peer_send(fd, HELLO + i, 1);
		if (i == 5) /* what may come in between */
			say(fd, 0x89, "ping", 4);
	}
	bool identified = false;
	for (int i = 0; i < 3 && !identified; i++) {
		char *text = hear(fd);
		identified = text && strstr(text, "\"op\":1");
		free(text);
	}
	ck_assert(identified);
	close(fd);
}
END_TEST

START_TEST(what_is_unknown_is_passed_over)
{
	int fd = ready();
	say_text(fd, "{\"op\":42,\"d\":{}}");
	say_text(fd, "{\"op\":7,\"d\":{\"requestId\":\"r99999\"}}");
	say_text(fd, "{\"op\":9,\"d\":{\"requestId\":\"b7\",\"results\":[1]}}");
	say_text(fd, "{\"op\":5,\"d\":{\"eventType\":\"NewInObs40\"}}");
	say_text(fd, "{\"op\":5,\"d\":{\"eventType\":"
		     "\"CurrentProgramSceneChanged\",\"eventData\":"
		     "{\"sceneName\":\"Poll\"}}}");
	WAIT(s->obs.connected && s->obs.program_scene &&
		     !strcmp(s->obs.program_scene, "Poll"),
	     5000);
	close(fd);
}
END_TEST

START_TEST(msgpack_is_refused)
{
	int fd = upgrade();
	say(fd, 0x82, "\x82\xa1\x64\x80\xa2op\x00", 8);
	WAIT(SAYS("msgpack"), 5000);
	close(fd);
}
END_TEST

START_TEST(a_message_that_is_too_long_is_not_taken)
{
	int fd = upgrade();
	unsigned char head[10];
	char *lump = xcalloc(1, 1 << 20);
	memset(lump, ' ', 1 << 20);
	peer_send(fd, head, frame(head, 0x81, (size_t)40 << 20));
	for (int i = 0; i < 20; i++)
		peer_send(fd, lump, 1 << 20);
	WAIT(SAYS("16 MiB"), 8000);
	free(lump);
	close(fd);
}
END_TEST

START_TEST(what_is_no_obs_is_said)
{
	static const char *const texts[] = {"hello", "[]", "{\"op\":0}",
					    "{\"d\":{},\"d\":{}}", "\xff\xfe"};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		int fd = upgrade();
		say_text(fd, texts[i]);
		char *none = hear(fd);
		ck_assert_ptr_null(none);
		WAIT(s->obs.error != NULL, 5000);
		close(fd);
	}
	int fd = next_peer(patience_ms(8000));
	free(read_head(fd));
	peer_say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	WAIT(SAYS("listens") || SAYS("speaks"), 5000);
	close(fd);
}
END_TEST

START_TEST(one_that_never_says_hello_is_given_up)
{
	int fd = upgrade();
	WAIT(SAYS("said nothing for 5 s"), 9000);
	close(fd);
}
END_TEST

START_TEST(one_that_dies_in_a_frame_is_gone)
{
	int fd = ready();
	unsigned char head[10];
	peer_send(fd, head, frame(head, 0x81, 1000));
	peer_send(fd, "{\"op\":5,", 8);
	close(fd);
	WAIT(!s->obs.connected && s->obs.error && !s->obs.program_scene, 5000);
}
END_TEST

START_TEST(a_request_that_is_not_answered_is_told)
{
	int fd = ready();
	net_obs(s->net, "q", "SetCurrentProgramScene",
		"{\"sceneName\":\"Poll\"}");
	answer_until(fd, "SetCurrentProgramScene", false);
	WAIT(s->done_count == 1 && !s->done_ok && strstr(s->done_text, "OBS"),
	     8000);
	close(fd);
}
END_TEST

START_TEST(answered_and_never_seen_is_told)
{
	int fd = ready();
	net_obs(s->net, "q", "SetCurrentProgramScene",
		"{\"sceneName\":\"Poll\"}");
	answer_until(fd, "SetCurrentProgramScene", true);
	/* It says "100", and when it is asked how it is, nothing. */
	answer_until(fd, "GetCurrentProgramScene", false);
	WAIT(s->done_count == 1 && !s->done_ok &&
		     strstr(s->done_text, "not confirmed"),
	     8000);
	close(fd);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}
#define ADD(test) add(suite, #test, test)

int main(void)
{
	Suite *suite = suite_create("obs_wire");
	ADD(each_close_code_has_its_sentence);
	ADD(a_message_in_many_pieces_is_one);
	ADD(what_is_unknown_is_passed_over);
	ADD(msgpack_is_refused);
	ADD(a_message_that_is_too_long_is_not_taken);
	ADD(what_is_no_obs_is_said);
	ADD(one_that_never_says_hello_is_given_up);
	ADD(one_that_dies_in_a_frame_is_gone);
	ADD(a_request_that_is_not_answered_is_told);
	ADD(answered_and_never_seen_is_told);
	return tap_run(suite);
}

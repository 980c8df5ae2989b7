/* WebSockets of the real net: audiences, operators, and what is neither. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net_stand.h"
#include "tap.h"

static struct stand *s;
static const char *op, *aud; /* addresses */

static void setup(void)
{
	s = stand_new(NULL);
	op = net_operator_addr(s->net);
	aud = net_audience_addr(s->net);
}

static void teardown(void)
{
	stand_free(&s);
}

static char *vote(const char *cookie, const char *type, const char *body)
{
	char *q = xasprintf("POST /vote/route HTTP/1.1\r\nHost: %s\r\n%s%s%s"
			    "Content-Type: %s\r\nContent-Length: %zu\r\n"
			    "Connection: close\r\n\r\n%s",
			    aud, cookie ? "Cookie: " : "", cookie ? cookie : "",
			    cookie ? "\r\n" : "", type, strlen(body), body);
	char *a = peer_ask(aud, q);
	free(q);
	return a;
}

#define FORM "application/x-www-form-urlencoded"

/* --- WebSockets ----------------------------------------------------------- */

START_TEST(a_late_follower_gets_the_whole_state_first)
{
	char *a = vote(NULL, FORM, "option=cave");
	ck_assert_int_eq(peer_status(a), 200);
	free(a);
	int fd = ws_open(aud, "/tally", NULL, NULL);
	ck_assert_int_ge(fd, 0);
	char *m = ws_next(fd, NULL);
	ck_assert_ptr_nonnull(m);
	ck_assert_msg(strstr(m, "\"topic\":\"polls\"") != NULL, "%s", m);
	ck_assert_msg(strstr(m, "\"route\"") != NULL, "%s", m);
	free(m);
	a = vote(NULL, FORM, "option=ridge");
	free(a);
	for (;;) {
		m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "the tally never came");
		bool there = strstr(m, "\"total\":2") != NULL;
		free(m);
		if (there)
			break;
	}
	close(fd);
}
END_TEST

/* The next message with `"<word>"` in it. */
static char *ws_wait(int fd, const char *word)
{
	for (;;) {
		char *m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "no message with %s", word);
		if (strstr(m, word))
			return m;
		free(m);
	}
}

static void ws_vote(int fd, const char *text, const char *word)
{
	ws_say(fd, text);
	char *m = ws_wait(fd, "\"ok\":");
	ck_assert_msg(strstr(m, word) != NULL, "%s: %s", text, m);
	free(m);
}

START_TEST(a_vote_counts_once_over_a_websocket)
{
	int fd = ws_open(aud, "/tally", NULL, NULL), before = (int)s->votes;
	ws_say(fd, "{\"vote\":\"route\",\"option\":\"cave\",\"id\":7}");
	char *m = ws_wait(fd, "\"voted\":\"route\"");
	ck_assert_msg(strstr(m, "\"id\":7,\"ok\":true") != NULL, "%s", m);
	const char *token = strstr(m, "\"token\":\"");
	ck_assert_ptr_nonnull(token);
	token += strlen("\"token\":\"");
	char *again = xasprintf("{\"vote\":\"route\",\"option\":\"ridge\","
				"\"token\":\"%.*s\"}",
				(int)strcspn(token, "\""), token);
	char *cookie = xasprintf("Cookie: sc_voter=%.*s\r\n",
				 (int)strcspn(token, "\""), token);
	free(m);
	ws_vote(fd, "{\"vote\":\"route\",\"option\":\"ridge\"}",
		"\"code\":\"duplicate\"");
	close(fd);
	/* Another connection of the same voter: by the token, by the cookie. */
	fd = ws_open(aud, "/tally", NULL, NULL);
	ws_vote(fd, again, "\"code\":\"duplicate\"");
	close(fd);
	fd = ws_open(aud, "/tally", cookie, NULL);
	ws_vote(fd, "{\"vote\":\"route\",\"option\":\"ridge\"}",
		"\"code\":\"duplicate\"");
	ws_vote(fd, "{\"vote\":\"nope\",\"option\":\"ridge\"}",
		"\"code\":\"not_found\"");
	ws_vote(fd, "{\"vote\":\"route\",\"option\":\"sea\"}",
		"\"code\":\"bad_option\"");
	ws_vote(fd, "{\"vote\":\"later\",\"option\":\"left\"}",
		"\"code\":\"closed\"");
	ws_vote(fd,
		"{\"vote\":\"route\",\"option\":\"cave\",\"opened\":5}",
		"\"code\":\"stale\"");
	close(fd);
	free(again);
	free(cookie);
	ck_assert_int_eq((int)s->votes, before + 1);
}
END_TEST

START_TEST(what_is_no_vote_is_answered_so)
{
	static const char *const bad[][2] = {
		{"{", "bad_json"},
		{"[1]", "bad_request"},
		{"{\"vote\":\"route\"}", "bad_request"},
		{"{\"vote\":\"route\",\"option\":\"cave\",\"token\":\"x.y\"}",
		 "forged"},
	};
	int before = (int)s->votes;
	int fd = ws_open(aud, "/tally", NULL, NULL);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		ws_say(fd, bad[i][0]);
		char *m = ws_wait(fd, "\"error\"");
		ck_assert_msg(strstr(m, bad[i][1]) != NULL, "%s", m);
		free(m);
	}
	close(fd);
	/* A page of somebody else may look, and cannot vote. */
	fd = ws_open(aud, "/tally", "Origin: http://evil.example\r\n", NULL);
	ws_say(fd, "{\"vote\":\"route\",\"option\":\"cave\"}");
	free(ws_wait(fd, "\"forbidden\""));
	close(fd);
	ck_assert_int_eq((int)s->votes, before);
}
END_TEST

/* What is asked and never answered leaks nothing. */
START_TEST(a_vote_without_an_answer_is_forgotten)
{
	atomic_store(&s->silent, true);
	for (int i = 0; i < 2; i++) {
		int fd = ws_open(aud, "/tally", NULL, NULL);
		ws_say(fd, "{\"vote\":\"route\",\"option\":\"cave\"}");
		ws_say(fd, "{");
		free(ws_wait(fd, "bad_json")); /* the vote was taken before */
		if (i == 0)
			close(fd); /* the other is there when the net ends */
	}
}
END_TEST

START_TEST(tallies_are_coalesced)
{
	int fd = ws_open(aud, "/tally", NULL, NULL);
	free(ws_next(fd, NULL));
	int64_t began = clock_mono_ms();
	for (int i = 1; i <= 2000; i++) {
		s->counts[0] = i;
		stand_tally(s);
	}
	int messages = 0;
	for (bool last = false; !last; messages++) {
		char *m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "the last tally never came");
		last = strstr(m, "\"total\":2000,") != NULL;
		free(m);
	}
	int64_t took = clock_mono_ms() - began;
	ck_assert_msg(messages <= 2 + took / 100, "%d messages in %d ms",
		      messages, (int)took);
	close(fd);
}
END_TEST

#define MANY 200

START_TEST(two_hundred_follow)
{
	int fds[MANY];
	int64_t began = clock_mono_ms();
	for (int i = 0; i < MANY; i++)
		fds[i] = ws_open(aud, "/tally", NULL, NULL);
	int64_t opened = clock_mono_ms() - began;
	s->counts[0] = 77;
	stand_tally(s);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_ge(fds[i], 0);
		for (bool there = false; !there;) {
			char *m = ws_next(fds[i], NULL);
			ck_assert_msg(m != NULL, "client %d", i);
			there = strstr(m, "\"total\":77") != NULL;
			free(m);
		}
	}
	printf("# %d tally clients opened in %d ms\n", MANY, (int)opened);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	/* They are counted out again. */
	int64_t end = clock_mono_ms() + patience_ms(5000);
	for (;;) {
		char *a = operator_ask(s, "GET", "/metrics", NULL);
		bool none = strstr(a, "{kind=\"audience_ws\"} 0\n") != NULL;
		free(a);
		if (none)
			break;
		ck_assert(clock_mono_ms() < end);
	}
}
END_TEST

START_TEST(topics_need_the_token)
{
	int code;
	int fd = ws_open(op, "/ws", NULL, NULL);
	ck_assert_int_ge(fd, 0);
	ws_say(fd, "{\"subscribe\":[\"events\"]}");
	ck_assert_ptr_null(ws_next(fd, &code));
	ck_assert_int_eq(code, 1008);
	close(fd);
	fd = ws_open(op, "/ws", NULL, NULL);
	ws_say(fd, "{\"token\":\"wrong\",\"subscribe\":[\"events\"]}");
	ck_assert_ptr_null(ws_next(fd, &code));
	ck_assert_int_eq(code, 1008);
	close(fd);
	char *a;
	ck_assert_int_eq(
		ws_open(op, "/ws", "Origin: http://evil.example\r\n", &a), -1);
	ck_assert_msg(peer_status(a) == 403, "%s", a);
	free(a);
	/* Who says nothing is let go. */
	fd = ws_open(op, "/ws", NULL, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_null(ws_next(fd, &code));
	close(fd);
}
END_TEST

START_TEST(topics_bring_events)
{
	int fd = ws_open(op, "/ws", "Authorization: Bearer " STAND_TOKEN "\r\n",
			 NULL);
	ck_assert_int_ge(fd, 0);
	ws_say(fd, "{\"subscribe\":[\"nonsense\"]}");
	char *m = ws_next(fd, NULL);
	ck_assert_msg(m && strstr(m, "unknown_topic"), "%s", m);
	free(m);
	ws_say(fd, "{\"subscribe\":[\"events\",\"tallies\"]}");
	m = ws_next(fd, NULL);
	ck_assert_msg(m && strstr(m, "\"subscribed\":[\"events\",\"tallies\"]"),
		      "%s", m);
	free(m);
	m = ws_next(fd, NULL);
	ck_assert_msg(m && strstr(m, "\"topic\":\"polls\""), "%s", m);
	free(m);
	free(operator_ask(s, "POST", "/api/v1/actions/pause", "{}"));
	for (bool there = false; !there;) {
		m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "run:pause never came");
		there = strstr(m, "\"run:pause\"") != NULL;
		free(m);
	}
	close(fd);
}
END_TEST

static int trusted(void)
{
	int fd = ws_open(op, "/ws", "Authorization: Bearer " STAND_TOKEN "\r\n",
			 NULL);
	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(bad_frames_end_it)
{
	int code;
	size_t big = 256 * 1024;
	char *data = xmalloc(big + 1);
	memset(data, ' ', big + 1);
	data[0] = '{';
	data[big - 1] = '}';
	int fd = trusted();
	ws_send(fd, 1, true, data, big); /* just fits */
	char *m = ws_next(fd, &code);
	ck_assert_msg(m && strstr(m, "bad_request"), "%s %d", m, code);
	free(m);
	ws_send(fd, 1, true, data, big + 1);
	ck_assert_ptr_null(ws_next(fd, &code));
	ck_assert_int_eq(code, 1009);
	close(fd);
	fd = trusted(); /* the same in pieces */
	ws_send(fd, 1, false, data, big);
	ws_send(fd, 0, true, data, big);
	ck_assert_ptr_null(ws_next(fd, &code));
	ck_assert_int_eq(code, 1009);
	close(fd);
	fd = trusted();
	ws_send(fd, 1, false, "{", 1);
	for (int i = 0; i < 20000; i++)
		ws_send(fd, 0, false, "", 0);
	ck_assert_ptr_null(ws_next(fd, &code));
	close(fd);
	fd = trusted();
	ws_send(fd, 1, true, "\xc0\xae\xff", 3);
	ck_assert_ptr_null(ws_next(fd, &code));
	close(fd);
	fd = trusted();
	peer_send(fd, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10);
	ck_assert_ptr_null(ws_next(fd, &code));
	close(fd);
	free(data);
	/* Everybody else is well. */
	fd = trusted();
	ws_say(fd, "{\"subscribe\":[]}");
	m = ws_next(fd, NULL);
	ck_assert_ptr_nonnull(m);
	free(m);
	close(fd);
}
END_TEST

START_TEST(handshakes_are_checked)
{
	static const char *const bad[] = {
		"Upgrade: h2c\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Version: 13\r\n",
		"Upgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Version: 8\r\n",
		"",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		ASK(aud, 426, "GET /tally HTTP/1.1\r\nHost: %s\r\n%s\r\n", aud,
		    bad[i]);
	ASK(aud, 400,
	    "GET /tally HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket"
	    "\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
	    "\r\nSec-WebSocket-Key: short\r\n\r\n",
	    aud);
	/* A subprotocol that we do not speak: the handshake goes on without
	 * one, or is refused; nobody else is hurt. */
	char *a = NULL;
	int fd =
		ws_open(aud, "/tally", "Sec-WebSocket-Protocol: other\r\n", &a);
	if (fd >= 0)
		close(fd);
	free(a);
	fd = ws_open(aud, "/tally",
		     "Sec-WebSocket-Extensions: permessage-deflate\r\n", &a);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_null(strstr(a, "deflate"));
	free(a);
	close(fd);
	/* The operator's topics are not on the audience's port. */
	ck_assert_int_eq(ws_open(aud, "/ws", NULL, &a), -1);
	ck_assert_int_eq(peer_status(a), 404);
	free(a);
}
END_TEST

START_TEST(without_obs_it_says_so)
{
	int64_t end = clock_mono_ms() + patience_ms(5000);
	bool there = false;
	while (!there && clock_mono_ms() < end) {
		pthread_mutex_lock(&s->lock);
		there = s->obs_news > 0;
		pthread_mutex_unlock(&s->lock);
	}
	pthread_mutex_lock(&s->lock);
	ck_assert(there);
	ck_assert(!s->obs.connected);
	ck_assert_str_eq(s->obs.error, "the show file names no OBS");
	pthread_mutex_unlock(&s->lock);
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

static Suite *suite_of_all(void)
{
	Suite *suite = suite_create("net_ws");
	ADD(a_late_follower_gets_the_whole_state_first);
	ADD(a_vote_counts_once_over_a_websocket);
	ADD(what_is_no_vote_is_answered_so);
	ADD(a_vote_without_an_answer_is_forgotten);
	ADD(tallies_are_coalesced);
	ADD(two_hundred_follow);
	ADD(topics_need_the_token);
	ADD(topics_bring_events);
	ADD(bad_frames_end_it);
	ADD(handshakes_are_checked);
	ADD(without_obs_it_says_so);
	return suite;
}

int main(void)
{
	return tap_run(suite_of_all());
}

/*
 * The OBS client against a scripted server, for what a real OBS cannot be made
 * to do: every close code, torn and slow frames, messages that are too long, in
 * the wrong encoding, unknown, or none at all.
 */
#include <arpa/inet.h>
#include <check.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "net_stand.h"
#include "patience.h"
#include "tap.h"
#include "temp.h"

static struct stand *s;
static int listener, port;

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

/* --- the server ----------------------------------------------------------- */

/* The next connection, within `ms`; -1: nobody came. */
static int next_peer(int ms)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	if (poll(&p, 1, ms) <= 0)
		return -1;
	int fd = accept(listener, NULL, NULL);
	struct timeval patience = {.tv_sec = patience_ms(8000) / 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

static char *read_head(int fd)
{
	struct buf b = {0};
	char c;
	while (!strstr(buf_str(&b), "\r\n\r\n") && recv(fd, &c, 1, 0) == 1)
		buf_addc(&b, c);
	return buf_take(&b);
}

/* Takes the next connection as a WebSocket. */
static int upgrade(void)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	int fd = next_peer(patience_ms(8000));
	ck_assert_int_ge(fd, 0);
	char *head = read_head(fd);
	char *key = strstr(head, "ec-WebSocket-Key: ");
	ck_assert_ptr_nonnull(key);
	key += strlen("ec-WebSocket-Key: ");
	char *all = xasprintf("%.*s%s", (int)strcspn(key, "\r\n"), key, guid);
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;
	EVP_Digest(all, strlen(all), sum, &bytes, EVP_sha1(), NULL);
	char *accept_key = hash_base64(sum, bytes);
	char *answer = xasprintf("HTTP/1.1 101 Switching Protocols\r\n"
				 "Upgrade: websocket\r\n"
				 "Connection: Upgrade\r\n"
				 "Sec-WebSocket-Accept: %s\r\n\r\n",
				 accept_key);
	peer_say(fd, answer);
	free(answer);
	free(accept_key);
	free(all);
	free(head);
	return fd;
}

/* One frame, unmasked, as a server's are. */
static size_t frame(unsigned char *out, int first, size_t len)
{
	out[0] = (unsigned char)first;
	if (len < 126) {
		out[1] = (unsigned char)len;
		return 2;
	}
	out[1] = 127;
	for (int i = 0; i < 8; i++)
		out[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
	return 10;
}

static void say(int fd, int first, const void *data, size_t len)
{
	unsigned char head[10];
	peer_send(fd, head, frame(head, first, len));
	peer_send(fd, data, len);
}

static void say_text(int fd, const char *text)
{
	say(fd, 0x81, text, strlen(text));
}

static void say_close(int fd, unsigned code, const char *reason)
{
	unsigned char data[64] = {(unsigned char)(code >> 8),
				  (unsigned char)code};
	size_t len = strlen(reason);
	memcpy(data + 2, reason, len);
	say(fd, 0x88, data, 2 + len);
}

static bool read_all(int fd, void *to, size_t len)
{
	return !len || recv(fd, to, len, MSG_WAITALL) == (ssize_t)len;
}

/* The client's next text; NULL: it closed, or left. */
static char *hear(int fd)
{
	unsigned char head[2], more[8] = {0}, mask[4];
	if (!read_all(fd, head, 2))
		return NULL;
	size_t len = head[1] & 127, extra = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (!read_all(fd, more, extra))
		return NULL;
	for (size_t i = 0, n = 0; i < extra; i++) {
		n = n << 8 | more[i];
		len = n;
	}
	char *text = xcalloc(1, len + 1);
	if (!read_all(fd, mask, 4) || !read_all(fd, text, len) ||
	    (head[0] & 15) == 8) {
		free(text);
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(text[i] ^ (char)mask[i % 4]);
	return text;
}

#define HELLO "{\"op\":0,\"d\":{\"rpcVersion\":1}}"

static void hear_identify(int fd)
{
	char *text = hear(fd);
	ck_assert_msg(text && strstr(text, "\"op\":1"), "%s", text);
	free(text);
}

/* Answers whatever is asked until `until` is; that one only if `it_too`. */
static void answer_until(int fd, const char *until, bool it_too)
{
	for (;;) {
		char *text = hear(fd);
		ck_assert_msg(text != NULL, "it left before %s", until);
		bool found = strstr(text, until) != NULL;
		json_object *o = json_read_str(text, &json_limits_own, NULL);
		json_object *d = json_get_object(o, "d");
		char *answer = xasprintf(
			"{\"op\":7,\"d\":{\"requestId\":\"%s\",\"requestType\":"
			"\"%s\",\"requestStatus\":{\"result\":true,\"code\":100"
			"},\"responseData\":{\"currentProgramSceneName\":"
			"\"Live\",\"scenes\":[{\"sceneName\":\"Live\"},"
			"{\"sceneName\":\"Poll\"}],\"inputs\":[]}}}",
			json_get_str(d, "requestId", ""),
			json_get_str(d, "requestType", ""));
		if ((!found || it_too) && json_get_int(o, "op", 0) == 6)
			say_text(fd, answer);
		free(answer);
		json_object_put(o);
		free(text);
		if (found)
			return;
	}
}

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
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t bytes = sizeof name;
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(!bind(listener, (struct sockaddr *)&name, bytes) &&
		!listen(listener, 8) &&
		!getsockname(listener, (struct sockaddr *)&name, &bytes));
	port = ntohs(name.sin_port);
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
	close(listener);
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

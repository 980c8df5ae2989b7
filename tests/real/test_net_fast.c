/* Votes on the fast path and through libmicrohttpd: what they are told is the
 * same, and no order of bytes is answered twice or not at all. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net_stand.h"
#include "tap.h"

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"

static struct stand *s;
static const char *aud;

static void setup(void)
{
	s = stand_new(NULL);
	aud = net_audience_addr(s->net);
}

static void teardown(void)
{
	stand_free(&s);
}

static char *post(const char *path, const char *type, const char *more,
		  const char *body)
{
	return xasprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n"
			 "%sContent-Length: %zu\r\n\r\n%s",
			 path, aud, type, more, strlen(body), body);
}

/* Reads to where `until` stands or so many bytes are there. */
static void read_to(int fd, struct buf *b, const char *until, size_t bytes)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char room[4096];
	while (until ? !strstr(buf_str(b), until) : b->len < bytes) {
		/* No byte of the next answer is taken. */
		size_t most = until ? 1 : bytes - b->len;
		if (poll(&p, 1, patience_ms(8000)) <= 0)
			return;
		ssize_t n = recv(fd, room,
				 most < sizeof room ? most : sizeof room, 0);
		if (n <= 0)
			return;
		buf_add(b, room, (size_t)n);
	}
}

/* One answer, whole; "" when there is none. */
static char *read_answer(int fd)
{
	struct buf b = {0};
	read_to(fd, &b, "\r\n\r\n", 0);
	const char *length = strstr(buf_str(&b), "Content-Length: ");
	if (length)
		read_to(fd, &b, NULL,
			b.len + (size_t)strtoul(length + 16, NULL, 10));
	return buf_take(&b);
}

/* The beginning of a request is refused by its type: who is with libmicrohttpd
 * then is closed, because it has not read the body. */
static bool is_fast(int fd)
{
	char *q = post("/vote/route", "text/plain", "", "x");
	peer_say(fd, q);
	char *a = read_answer(fd);
	ck_assert_int_eq(peer_status(a), 415);
	bool fast = !strstr(a, "Connection: close");
	free(a);
	free(q);
	return fast;
}

/* Where something came of chance, the clock or the count a '#', which other
 * numbers are then too. */
static char *masked(const char *answer)
{
	struct buf b = {0};
	const char *close_line = strstr(answer, "Connection: close\r\n");
	for (const char *p = answer; *p;) {
		const char *date = "Date: ";
		if (p == close_line)
			p += strlen("Connection: close\r\n");
		if (!strncmp(p, date, strlen(date)))
			p += strcspn(p, "\n");
		const char *many = "votes</";
		if (!strncmp(p, many, strlen(many))) {
			buf_adds(&b, "vote");
			p += strlen("votes");
			continue;
		}
		size_t n = strspn(p, "0123456789abcdef");
		bool number = n && strcspn(p, "0123456789") < n;
		if (n)
			buf_add(&b, number ? "#" : p, number ? 1 : n);
		else
			buf_add(&b, p, 1);
		p += n ? n : 1;
	}
	return buf_take(&b);
}

static const struct said {
	const char *path, *type, *more, *body;
	int status;
} said[] = {
	{"/vote/route", JSON, "", "{\"option\":\"cave\"}", 200},
	{"/vote/route", FORM, "", "option=ridge", 200},
	{"/vote/route?x=%00", FORM, "Accept: text/html\r\n", "option=ridge",
	 200},
	{"/vote/r%6fute", FORM, "", "option=cave", 200},
	{"/vote/route", FORM, "Accept: text/html\r\n", "option=sea", 400},
	{"/vote/route", JSON, "", "{\"option\":\"sea\"}", 400},
	{"/vote/route", JSON, "", "{\"option\":", 400},
	{"/vote/route", JSON, "", "[]", 400},
	{"/vote/route", JSON, "", "", 400},
	{"/vote/route", FORM, "", "option=%zz", 400},
	{"/vote/route", FORM, "", "option=cave&opened=5", 409},
	{"/vote/route", "text/plain", "", "cave", 415},
	{"/vote/route", "text/plain", "Accept: text/html\r\n", "cave", 415},
	{"/vote/later", FORM, "", "option=left", 409},
	{"/vote/later", FORM, "Accept: text/html\r\n", "option=left", 409},
	{"/vote/nowhere", FORM, "Accept: text/html\r\n", "option=left", 404},
	{"/vote/a/b", FORM, "", "option=left", 404},
	{"/vote/", FORM, "", "option=left", 404},
	{"/vote/%ff", FORM, "", "option=left", 400},
	{"/vote/rou%00te", FORM, "", "option=left", 400},
	{"/vote/route", FORM, "Origin: http://evil.example\r\n", "option=cave",
	 403},
	{"/vote/route", FORM, "Origin: null\r\n", "option=cave", 403},
	{"/vote/route", FORM, "Cookie: sc_voter=me.me\r\n", "option=cave", 403},
	{"/vote/route", JSON, "", "{\"option\":\"cave\",\"voter\":\"v\"}", 403},
	{"/vote/route", JSON, "Authorization: Bearer " STAND_TOKEN "\r\n",
	 "{\"option\":\"cave\",\"voter\":\"\"}", 400},
};

START_TEST(both_ways_say_the_same)
{
	const struct said *x = &said[_i];
	char *q = post(x->path, x->type, x->more, x->body), *a[2], *m[2];
	size_t head = (size_t)(strstr(q, "\r\n\r\n") - q);
	for (int torn = 0; torn < 2; torn++) {
		int fd = peer_open(aud);
		if (torn) {
			/* A first request of another kind: the connection
			 * stays with libmicrohttpd from then on. */
			char *get = xasprintf("GET /vote HTTP/1.1\r\n"
					      "Host: %s\r\n\r\n",
					      aud);
			peer_say(fd, get);
			free(read_answer(fd));
			free(get);
			peer_send(fd, q, head);
			peer_say(fd, q + head);
		} else {
			peer_say(fd, q);
		}
		a[torn] = read_answer(fd);
		ck_assert_msg(peer_status(a[torn]) == x->status,
			      "%s: %d: %.300s", q, torn, a[torn]);
		m[torn] = masked(a[torn]);
		/* What is refused by its head alone ends a connection of
		 * libmicrohttpd. */
		if (!torn || !strstr(a[torn], "Connection: close"))
			ck_assert_int_eq(is_fast(fd), !torn);
		close(fd);
	}
	ck_assert_msg(!strcmp(m[0], m[1]), "%.700s\n--- but ---\n%.700s", m[0],
		      m[1]);
	for (int i = 0; i < 2; i++) {
		free(a[i]);
		free(m[i]);
	}
	free(q);
}
END_TEST

static const struct odd {
	const char *request;
	int status;
} odd[] = {
	{"POST /vote/route HTTP/1.0\r\nHost: here\r\nContent-Type: " FORM
	 "\r\nContent-Length: 11\r\n\r\noption=cave",
	 200},
	{"POST /vote/route HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
	 "Content-Type: " FORM "\r\nContent-Length: 11\r\n\r\noption=cave",
	 200},
	{"POST /vote/route HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: "
	 "chunked\r\nContent-Type: " FORM
	 "\r\n\r\nb\r\noption=cave\r\n0\r\n\r\n",
	 411},
	{"POST /vote/route HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: "
	 "chunked\r\nContent-Length: 11\r\nContent-Type: " FORM
	 "\r\n\r\noption=cave",
	 400},
	{"POST /vote/route HTTP/1.1\r\nHost: here\r\nContent-Length: 11\r\n"
	 "Content-Length: 11\r\nContent-Type: " FORM "\r\n\r\noption=cave",
	 400},
	{"POST /vote/route HTTP/1.1\r\nHost: here\r\nContent-Length: 1048577"
	 "\r\nContent-Type: " FORM "\r\n\r\noption=cave",
	 413},
	{"POST /vote/route HTTP/1.1\r\nContent-Length: 11\r\n"
	 "Content-Type: " FORM "\r\n\r\noption=cave",
	 400},
	{"POST /vote/route HTTP/1.1\r\nHost: here\r\nHost: b\r\n"
	 "Content-Length: 11\r\nContent-Type: " FORM "\r\n\r\noption=cave",
	 400},
	{"POST /vote/route HTTP/1.1\r\nHost: here\r\nContent-Length: +11\r\n"
	 "Content-Type: " FORM "\r\n\r\noption=cave",
	 400},
	{"PUT /vote/route HTTP/1.1\r\nHost: here\r\nContent-Length: 11\r\n"
	 "Content-Type: " FORM "\r\n\r\noption=cave",
	 405},
};

/* As the first request and behind a plain one. */
START_TEST(what_is_not_plain_is_answered_as_ever)
{
	const char *q = odd[_i].request;
	for (int behind = 0; behind < 2; behind++) {
		int fd = peer_open(aud);
		if (behind)
			ck_assert(is_fast(fd));
		int votes = atomic_load(&s->votes);
		peer_say(fd, q);
		char *a = read_answer(fd);
		ck_assert_msg(peer_status(a) == odd[_i].status, "<%s> %d: <%s>",
			      q, behind, a);
		ck_assert_int_eq(atomic_load(&s->votes) - votes,
				 odd[_i].status == 200);
		/* None of them stays. */
		free(peer_read(fd, NULL));
		ck_assert(recv(fd, &(char){0}, 1, MSG_DONTWAIT) == 0 ||
			  errno != EAGAIN);
		free(a);
		close(fd);
	}
}
END_TEST

START_TEST(who_expects_is_told_to_go_on)
{
	char *q = post("/vote/route", FORM, "Expect: 100-continue\r\n",
		       "option=cave");
	char *body = strstr(q, "\r\n\r\n") + 4;
	int fd = peer_open(aud);
	ck_assert(is_fast(fd));
	peer_send(fd, q, (size_t)(body - q));
	char *a = peer_read(fd, "\r\n\r\n");
	ck_assert_int_eq(peer_status(a), 100);
	free(a);
	peer_say(fd, body);
	a = read_answer(fd);
	ck_assert_int_eq(peer_status(a), 200);
	free(a);
	free(q);
	close(fd);
}
END_TEST

/* Cut at each byte, each on a connection that was fast before. */
START_TEST(a_torn_vote_counts_once)
{
	char *q = post("/vote/route", JSON, "", "{\"option\":\"cave\"}");
	int cuts = 0;
	for (size_t at = 1; at < strlen(q); at += 3, cuts++) {
		int fd = peer_open(aud);
		ck_assert(is_fast(fd));
		peer_send(fd, q, at);
		/* So that it was seen torn: others are served meanwhile. */
		int other = peer_open(aud);
		ck_assert(is_fast(other));
		close(other);
		peer_say(fd, q + at);
		char *a = read_answer(fd);
		ck_assert_msg(peer_status(a) == 200, "at %zu: %s", at, a);
		free(a);
		close(fd);
	}
	ck_assert_int_eq(atomic_load(&s->votes), cuts);
	free(q);
}
END_TEST

/* In one piece they are pipelined; in three they may come while the first one
 * waits for the engine. */
START_TEST(votes_that_do_not_wait_are_answered_in_order)
{
	enum { ROUNDS = 60 };
	char *q = post("/vote/route", JSON, "", "{\"option\":\"cave\"}");
	char *bad = post("/vote/route", JSON, "", "{\"option\":\"sea\"}");
	for (int i = 0; i < ROUNDS; i++) {
		int fd = peer_open(aud);
		ck_assert(is_fast(fd));
		char *three = xasprintf("%s%s%s", q, bad, q);
		if (i % 3 == 0) {
			peer_say(fd, three);
		} else {
			peer_say(fd, q);
			peer_say(fd, bad);
			peer_say(fd, q);
		}
		if (i % 3 == 2)
			shutdown(fd, SHUT_WR);
		for (int k = 0; k < 3; k++) {
			char *a = read_answer(fd);
			ck_assert_msg(peer_status(a) == (k == 1 ? 400 : 200),
				      "round %d, answer %d: %s", i, k, a);
			free(a);
		}
		if (i % 3 == 2) {
			char *end = peer_read(fd, NULL);
			ck_assert_str_eq(end, "");
			free(end);
		}
		free(three);
		close(fd);
	}
	ck_assert_int_eq(atomic_load(&s->votes), 2 * ROUNDS);
	free(q);
	free(bad);
}
END_TEST

START_TEST(who_is_done_or_gone_is_let_go)
{
	char *q = post("/vote/route", JSON, "", "{\"option\":\"cave\"}");
	/* It will say no more, but it is answered. */
	int fd = peer_open(aud);
	peer_say(fd, q);
	shutdown(fd, SHUT_WR);
	char *a = peer_read(fd, NULL);
	ck_assert_int_eq(peer_status(a), 200);
	free(a);
	close(fd);
	/* Half a request will never be whole. */
	fd = peer_open(aud);
	ck_assert(is_fast(fd));
	peer_send(fd, q, 40);
	shutdown(fd, SHUT_WR);
	a = peer_read(fd, NULL);
	ck_assert_str_eq(a, "");
	free(a);
	close(fd);
	/* Reset while the engine has it. */
	atomic_store(&s->silent, true);
	for (int i = 0; i < 20; i++) {
		struct linger now = {.l_onoff = 1};
		fd = peer_open(aud);
		peer_say(fd, q);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(fd);
	}
	/* The clock answers, and the next one is heard. */
	fd = peer_open(aud);
	peer_say(fd, q);
	a = read_answer(fd);
	ck_assert_int_eq(peer_status(a), 504);
	free(a);
	atomic_store(&s->silent, false);
	peer_say(fd, q);
	a = read_answer(fd);
	ck_assert_int_eq(peer_status(a), 200);
	free(a);
	close(fd);
	free(q);
}
END_TEST

START_TEST(stop_while_votes_wait)
{
	char *q = post("/vote/route", JSON, "", "{\"option\":\"cave\"}");
	enum { MANY = 30 };
	int fds[MANY];
	int idle = peer_open(aud);
	ck_assert(is_fast(idle));
	atomic_store(&s->silent, true);
	for (int i = 0; i < MANY; i++) {
		fds[i] = peer_open(aud);
		peer_say(fds[i], q);
	}
	/* All of them are inside before it stops. */
	int last = peer_open(aud);
	ck_assert(is_fast(last));
	close(last);
	stand_restart(s);
	for (int i = 0; i < MANY; i++) {
		char *a = peer_read(fds[i], NULL);
		/* Or the engine was closed before it was asked. */
		ck_assert_msg(peer_status(a) == 504 || peer_status(a) == 503,
			      "%s", a);
		free(a);
		close(fds[i]);
	}
	char *a = peer_read(idle, NULL);
	ck_assert_str_eq(a, "");
	free(a);
	close(idle);
	free(q);
}
END_TEST

static bool voted(int want, int within_ms)
{
	int64_t end = clock_mono_ms() + patience_ms(within_ms);
	pthread_mutex_lock(&s->lock);
	while (atomic_load(&s->votes) < want && clock_mono_ms() < end)
		stand_wait_news(s, end);
	pthread_mutex_unlock(&s->lock);
	return atomic_load(&s->votes) >= want;
}

/* Who does not read is not heard any more, and loses nothing. */
START_TEST(answers_wait_for_who_reads_slowly)
{
	char *q = post("/vote/route", JSON, "", "{\"option\":\"cave\"}");
	int fd = peer_open(aud), asked = 0, room = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	do
		peer_say(fd, q);
	while (voted(++asked, 300) && asked < 20000);
	ck_assert_int_lt(asked, 20000);
	for (int i = 0; i < asked; i++) {
		char *a = read_answer(fd);
		ck_assert_msg(peer_status(a) == 200, "%d of %d: %s", i, asked,
			      a);
		free(a);
	}
	ck_assert(is_fast(fd));
	ck_assert_int_eq(atomic_load(&s->votes), asked);
	close(fd);
	free(q);
}
END_TEST

static void add_rows(Suite *suite, const char *name, const TTest *test,
		     size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		TCase *tc = tcase_create(name);
		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_set_timeout(tc, 60);
		tcase_add_loop_test(tc, test, (int)i, (int)i + 1);
		suite_add_tcase(suite, tc);
	}
}
#define ADD(test) add_rows(suite, #test, test, 1)

static Suite *suite_of_all(void)
{
	Suite *suite = suite_create("fast votes");
	add_rows(suite, "both_ways_say_the_same", both_ways_say_the_same,
		 COUNT_OF(said));
	add_rows(suite, "what_is_not_plain_is_answered_as_ever",
		 what_is_not_plain_is_answered_as_ever, COUNT_OF(odd));
	ADD(who_expects_is_told_to_go_on);
	ADD(a_torn_vote_counts_once);
	ADD(votes_that_do_not_wait_are_answered_in_order);
	ADD(who_is_done_or_gone_is_let_go);
	ADD(stop_while_votes_wait);
	ADD(answers_wait_for_who_reads_slowly);
	return suite;
}

int main(void)
{
	return tap_run(suite_of_all());
}

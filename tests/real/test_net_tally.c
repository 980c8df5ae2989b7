/* Who follows the polls: what each is told, how fast, and who is let go. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "net_stand.h"
#include "tap.h"

static struct stand *s;
static const char *aud;

static void begin(const char *yaml, struct net_limits limits)
{
	s = stand_new_with(yaml, &limits);
	aud = net_audience_addr(s->net);
}

static void teardown(void)
{
	stand_free(&s);
}

static void tell(int64_t cave, int64_t ridge)
{
	s->counts[0] = cave;
	s->counts[1] = ridge;
	stand_tally(s);
}

/* The message that says `what`, of those that come. Caller puts. */
static json_object *said(int fd, const char *what)
{
	for (;;) {
		char *m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "never said: %s", what);
		json_object *o =
			strstr(m, what)
				? json_read_str(m, &json_limits_own, NULL)
				: NULL;
		free(m);
		if (o)
			return o;
	}
}

static int operators_tallies(void)
{
	int fd = ws_open(net_operator_addr(s->net), "/ws",
			 "Authorization: Bearer " STAND_TOKEN "\r\n", NULL);
	ck_assert_int_ge(fd, 0);
	ws_say(fd, "{\"subscribe\":[\"tallies\"]}");
	return fd;
}

/* --- what is told --------------------------------------------------------- */

static const char hidden_show[] =
	"show: night\n"
	"agents: { writer: { via: http, url: \"http://127.0.0.1:1/\" } }\n"
	"stages:\n"
	"  - id: route\n"
	"    poll:\n"
	"      question: Which way?\n"
	"      options: [ { id: cave }, { id: ridge } ]\n"
	"      open_ms: 3600000\n"
	"      hide_result: true\n";

START_TEST(a_hidden_result_is_told_to_the_operator_alone)
{
	begin(hidden_show, (struct net_limits){0});
	int op = operators_tallies(), au = ws_open(aud, "/tally", NULL, NULL);
	json_object *o = said(op, "\"polls\"");
	json_object *poll =
		json_object_array_get_idx(json_get_array(o, "polls"), 0);
	ck_assert_ptr_nonnull(json_get(poll, "margin_permille"));
	json_object_put(o);
	o = said(au, "\"polls\"");
	poll = json_object_array_get_idx(json_get_array(o, "polls"), 0);
	ck_assert_ptr_null(json_get(poll, "margin_permille"));
	json_object_put(o);
	tell(3, 1);
	o = said(op, "\"total\":4");
	ck_assert_int_eq(json_get_int(json_get(o, "counts"), "cave", 0), 3);
	ck_assert_int_eq(json_get_int(o, "margin_permille", 0), 500);
	ck_assert(json_get_bool(o, "too_close", false));
	json_object_put(o);
	o = said(au, "\"total\":4");
	ck_assert_ptr_null(json_get(o, "counts"));
	ck_assert_ptr_null(json_get(o, "too_close"));
	ck_assert_ptr_null(json_get(o, "margin_permille"));
	json_object_put(o);
	close(op);
	close(au);
	teardown();
}
END_TEST

START_TEST(an_event_stream_says_the_same)
{
	begin(NULL, (struct net_limits){0});
	tell(4, 1);
	int fd = peer_open(aud);
	char *q = xasprintf("GET /tally/events HTTP/1.1\r\nHost: %s\r\n\r\n",
			    aud);
	peer_say(fd, q);
	free(q);
	char *a = peer_read(fd, "\"total\":5");
	ck_assert_msg(strstr(a, "Content-Type: text/event-stream") != NULL,
		      "%s", a);
	const char *polls = strstr(a, "data: {\"topic\":\"polls\"");
	ck_assert_msg(polls != NULL, "%s", a);
	ck_assert_msg(strstr(polls, "\"total\":5") != NULL, "%s", a);
	free(a);
	int64_t began = clock_mono_ms();
	for (int i = 1; i <= 2000; i++)
		tell(i, 0);
	a = peer_read(fd, "\"total\":2000,");
	int64_t took = clock_mono_ms() - began;
	int messages = 0;
	for (const char *at = a; (at = strstr(at, "data: ")); at++)
		messages++;
	ck_assert_msg(strstr(a, "\"total\":2000,") != NULL, "%s", a);
	ck_assert_msg(messages <= 2 + took / 100, "%d in %d ms", messages,
		      (int)took);
	free(a);
	close(fd);
	teardown();
}
END_TEST

/* --- who is let go -------------------------------------------------------- */

/* A poll whose whole state is long. */
static char *long_show(void)
{
	struct buf b = {0};
	buf_adds(&b,
		 "show: night\n"
		 "agents: { writer: { via: http, url: \"http://127.0.0.1:1/\" "
		 "} }\n"
		 "stages:\n"
		 "  - id: route\n"
		 "    poll:\n"
		 "      question: Which way?\n"
		 "      open_ms: 3600000\n"
		 "      options:\n");
	for (int i = 0; i < 64; i++)
		buf_addf(&b, "        - { id: option%d, label: %0100d }\n", i,
			 i);
	return buf_take(&b);
}

static void tell_long(int n)
{
	struct buf b = {0};
	buf_addf(&b,
		 "{\"topic\":\"tally\",\"poll\":\"route\",\"total\":%d,"
		 "\"at\":1,\"counts\":{",
		 n);
	for (int i = 0; i < 64; i++)
		buf_addf(&b, "%s\"option%d\":%d", i ? "," : "", i, i ? 0 : n);
	buf_adds(&b, "}}");
	net_live(s->net, buf_str(&b));
	buf_release(&b);
}

static int followers(void)
{
	char *a = operator_ask(s, "GET", "/metrics", NULL);
	const char *at = strstr(a, "{kind=\"audience_ws\"} ");
	int n = at ? atoi(strchr(at, ' ')) : -1;
	free(a);
	return n;
}

/* Follows without ever reading. */
static int open_deaf(void)
{
	int small = 2048;
	int fd = ws_open(aud, "/tally", NULL, NULL);
	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	return fd;
}

#define OTHERS 20

START_TEST(who_does_not_read_is_cut_and_hurts_nobody)
{
	char *yaml = long_show();
	begin(yaml, (struct net_limits){.slow_ms = 1500});
	free(yaml);
	int deaf = open_deaf(), fds[OTHERS];
	for (int i = 0; i < OTHERS; i++) {
		fds[i] = ws_open(aud, "/tally", NULL, NULL);
		free(ws_next(fds[i], NULL));
	}
	int64_t end = clock_mono_ms() + patience_ms(30000);
	int n = 0;
	while (followers() == OTHERS + 1) {
		char want[32];
		snprintf(want, sizeof want, "\"total\":%d,", ++n);
		tell_long(n);
		for (int i = 0; i < OTHERS; i++)
			json_object_put(said(fds[i], want));
		ck_assert_msg(clock_mono_ms() < end, "it is still there");
	}
	/* Room was taken up first, and no more than that. */
	ck_assert_int_gt(n, 5);
	for (int i = 0; i < OTHERS; i++)
		close(fds[i]);
	close(deaf);
	teardown();
}
END_TEST

START_TEST(who_answers_no_ping_is_cut)
{
	begin(NULL, (struct net_limits){.ping_s = 2});
	/* This client answers none; that one does, as often as it reads. */
	int64_t began = clock_mono_ms();
	int mute = ws_open(aud, "/tally", NULL, NULL);
	ck_assert_int_ge(mute, 0);
	free(ws_next(mute, NULL));
	ck_assert_ptr_null(ws_next(mute, NULL));
	ck_assert_int_ge(clock_mono_ms() - began, 1000);
	int64_t end = clock_mono_ms() + patience_ms(10000);
	while (followers())
		ck_assert(clock_mono_ms() < end);
	close(mute);
	teardown();
}
END_TEST

START_TEST(one_too_many_is_told_so)
{
	enum { MOST = 5 };
	begin(NULL, (struct net_limits){.clients = MOST});
	int fds[MOST];
	for (int i = 0; i < MOST; i++) {
		fds[i] = ws_open(aud, "/tally", NULL, NULL);
		ck_assert_int_ge(fds[i], 0);
	}
	char *a;
	ck_assert_int_eq(ws_open(aud, "/tally", NULL, &a), -1);
	ck_assert_msg(peer_status(a) == 503 && strstr(a, "too_many"), "%s", a);
	free(a);
	ck_assert_int_eq(ws_open(aud, "/tally", "Accept: text/html\r\n", &a),
			 -1);
	ck_assert_msg(peer_status(a) == 503 && strstr(a, "text/html") &&
			      strstr(a, "too many connections"),
		      "%s", a);
	free(a);
	/* The others are not hurt, the operator has places of its own, and one
	 * that goes makes room. */
	tell(7, 0);
	for (int i = 0; i < MOST; i++)
		json_object_put(said(fds[i], "\"total\":7,"));
	close(operators_tallies());
	close(fds[0]);
	int64_t end = clock_mono_ms() + patience_ms(10000);
	while (followers() == MOST)
		ck_assert(clock_mono_ms() < end);
	fds[0] = ws_open(aud, "/tally", NULL, NULL);
	ck_assert_int_ge(fds[0], 0);
	for (int i = 0; i < MOST; i++)
		close(fds[i]);
	teardown();
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}
#define ADD(test) add(suite, #test, test)

int main(void)
{
	Suite *suite = suite_create("net_tally");
	ADD(a_hidden_result_is_told_to_the_operator_alone);
	ADD(an_event_stream_says_the_same);
	ADD(who_does_not_read_is_cut_and_hurts_nobody);
	ADD(who_answers_no_ping_is_cut);
	ADD(one_too_many_is_told_so);
	return tap_run(suite);
}

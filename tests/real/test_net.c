/* The real net, the real core, and clients that behave badly. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
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

static json_object *body_of(const char *answer)
{
	json_object *o =
		json_read_str(peer_body(answer), &json_limits_own, NULL);
	ck_assert_msg(o != NULL, "no JSON in <%.500s>", answer);
	return o;
}

static json_object *get(const char *path)
{
	char *answer = operator_ask(s, "GET", path, NULL);
	ck_assert_msg(peer_status(answer) == 200, "%s: %.300s", path, answer);
	json_object *o = body_of(answer);
	free(answer);
	return o;
}

START_TEST(addresses_are_written)
{
	char *path = xasprintf("%s/operator.addr", s->dir);
	char *text = file_read(path, 100, NULL, NULL);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(strncmp(text, op, strlen(op)), 0);
	free(text);
	free(path);
	path = xasprintf("%s/audience.addr", s->dir);
	text = file_read(path, 100, NULL, NULL);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(strncmp(text, aud, strlen(aud)), 0);
	free(text);
	free(path);
}
END_TEST

START_TEST(a_port_in_use_is_said)
{
	struct err err = {0};
	struct net_settings settings = {
		.show = s->show,
		.operator_addr = op,
		.audience_addr = "127.0.0.1:0",
		.token = STAND_TOKEN,
	};
	ck_assert_ptr_null(net_start(&settings, NULL, 0, s->box, &err));
	ck_assert_int_eq(err.code, ERR_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(err.text, op));
}
END_TEST

START_TEST(health_needs_no_token)
{
	ASK(op, 200,
	    "GET /health HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    op);
}
END_TEST

START_TEST(everything_else_needs_the_token)
{
	static const char *const paths[] = {
		"/metrics",	  "/api/v1/status",	   "/api/v1/runs",
		"/api/v1/inbox",  "/api/v1/polls",	   "/api/v1/obs",
		"/api/v1/checks", "/api/v1/runs/x/events",
	};
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		ASK(op, 401,
		    "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: "
		    "close\r\n\r\n",
		    paths[i], op);
		ASK(op, 401,
		    "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: "
		    "Bearer " STAND_TOKEN "x\r\nConnection: "
		    "close\r\n\r\n",
		    paths[i], op);
	}
	ASK(op, 400,
	    "GET /api/v1/status?token=" STAND_TOKEN
	    " HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    op);
	ASK(op, 401,
	    "POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: 2\r\n"
	    "Connection: close\r\n\r\n{}",
	    op);
}
END_TEST

START_TEST(status_is_the_models)
{
	json_object *o = get("/api/v1/status");
	ck_assert_str_eq(json_get_str(o, "show", ""), "house");
	ck_assert_str_eq(json_get_str(json_get(o, "run"), "id", ""), "run-1");
	ck_assert_str_eq(json_get_str(json_get(o, "poll"), "id", ""), "route");
	json_object_put(o);
	o = get("/api/v1/runs");
	ck_assert_int_eq(
		(int)json_object_array_length(json_get_array(o, "runs")), 1);
	json_object_put(o);
	o = get("/api/v1/runs/run-1");
	ck_assert_str_eq(json_get_str(o, "state", ""), "running");
	json_object_put(o);
	json_object_put(get("/api/v1/inbox"));
	json_object_put(get("/api/v1/polls"));
	json_object_put(get("/api/v1/obs"));
	json_object_put(get("/api/v1/checks"));
}
END_TEST

START_TEST(metrics_are_prometheus_text)
{
	char *answer = operator_ask(s, "GET", "/metrics", NULL);
	ck_assert_int_eq(peer_status(answer), 200);
	static const char *const lines[] = {
		"showcaller_up 1\n",
		"showcaller_run_state{state=\"running\"} 1\n",
		"showcaller_stages{state=\"standby\"} 1\n",
		"showcaller_redis_up 1\n",
		"showcaller_redis_rtt_seconds 0.000123\n",
		"showcaller_polls_open 1\n",
	};
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		ck_assert_msg(strstr(answer, lines[i]) != NULL, "no %s in %s",
			      lines[i], answer);
	free(answer);
}
END_TEST

START_TEST(actions_are_commands)
{
	char *a = operator_ask(s, "POST", "/api/v1/actions/go", "{}");
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	free(a);
	a = operator_ask(s, "POST", "/api/v1/actions/pause",
			 "{\"reason\":\"a \\u001b[2Jbreak\"}");
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	free(a);
	a = operator_ask(s, "POST", "/api/v1/actions/pause", "{}");
	ck_assert_msg(peer_status(a) == 409, "%s", a);
	free(a);
	a = operator_ask(s, "POST", "/api/v1/actions/go",
			 "{\"stage\":\"two\"}");
	ck_assert(strstr(a, " 400 ") && strstr(a, "nothing here is called"));
	free(a);
	a = operator_ask(s, "POST", "/api/v1/actions/gone", "{}");
	ck_assert_msg(peer_status(a) == 404, "%s", a);
	free(a);
	a = operator_ask(s, "POST", "/api/v1/actions/retry", "{}");
	ck_assert_msg(peer_status(a) == 400, "%s", a);
	free(a);
	a = operator_ask(s, "POST", "/api/v1/inbox/i999",
			 "{\"answer\":\"approve\"}");
	ck_assert_msg(peer_status(a) == 410 || peer_status(a) == 404, "%s", a);
	free(a);
	a = operator_ask(s, "POST", "/api/v1/inbox/i999", "{\"answer\":1}");
	ck_assert_msg(peer_status(a) == 400, "%s", a);
	free(a);
}
END_TEST

START_TEST(bad_json_is_said)
{
	static const char *const bodies[] = {
		"",	"{",   "[]",	     "{\"a\":1,\"a\":2}",
		"{} x", "nul", "{\"a\":NaN}"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		char *a = operator_ask(s, "POST", "/api/v1/actions/go",
				       bodies[i]);
		ck_assert_msg(peer_status(a) == 400, "%s: %s", bodies[i], a);
		ck_assert_ptr_nonnull(strstr(a, "\"error\":{\"code\":"));
		free(a);
	}
	ASK(op, 415,
	    "POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
	    "Authorization: Bearer " STAND_TOKEN "\r\n"
	    "Content-Type: text/plain\r\nContent-Length: 2\r\n"
	    "Connection: close\r\n\r\n{}",
	    op);
}
END_TEST

START_TEST(a_silent_engine_is_504)
{
	atomic_store(&s->silent, true);
	int64_t began = clock_mono_ms();
	int voter = peer_open(aud);
	char *q = xasprintf(
		"POST /vote/route HTTP/1.1\r\nHost: %s\r\nContent-Type: "
		"application/x-www-form-urlencoded"
		"\r\nContent-Length: 12\r\nConnection: close\r\n\r\n"
		"option=ridge",
		aud);
	peer_say(voter, q);
	free(q);
	char *a = operator_ask(s, "POST", "/api/v1/actions/go", "{}");
	int64_t took = clock_mono_ms() - began;
	ck_assert_msg(peer_status(a) == 504, "%s", a);
	ck_assert_msg(took > 4000 && took < patience_at_most_ms(12000), "%d ms",
		      (int)took);
	free(a);
	/* The audience is told what to do, and nothing of engines. */
	a = peer_read(voter, NULL);
	ck_assert_msg(peer_status(a) == 504, "%s", a);
	ck_assert_ptr_nonnull(
		strstr(a, "Please send it again: it counts once"));
	ck_assert_ptr_nonnull(strstr(a, "<button"));
	free(a);
	close(voter);
}
END_TEST

START_TEST(stop_while_somebody_waits)
{
	atomic_store(&s->silent, true);
	int fd = peer_open(op);
	char *q = xasprintf("POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
			    "Authorization: Bearer " STAND_TOKEN "\r\n"
			    "Content-Type: application/json\r\n"
			    "Content-Length: 2\r\n\r\n{}",
			    op);
	peer_say(fd, q);
	free(q);
	int sse = peer_open(op);
	q = xasprintf("GET /api/v1/runs/run-1/events HTTP/1.1\r\nHost: %s\r\n"
		      "Authorization: Bearer " STAND_TOKEN "\r\n\r\n",
		      op);
	peer_say(sse, q);
	free(q);
	free(peer_read(sse, "data: "));
	stand_free(&s); /* must neither hang nor abort */
	close(fd);
	close(sse);
	setup();
}
END_TEST

START_TEST(foreign_hosts_and_origins_are_refused)
{
	ASK(op, 421,
	    "GET /health HTTP/1.1\r\nHost: evil.example\r\n"
	    "Connection: close\r\n\r\n");
	ASK(op, 421,
	    "GET /health HTTP/1.1\r\nHost: localhost.evil.example\r\n"
	    "Connection: close\r\n\r\n");
	ASK(op, 400, "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");
	ASK(op, 400,
	    "GET /health HTTP/1.1\r\nHost: %s\r\nHost: evil\r\n"
	    "Connection: close\r\n\r\n",
	    op);
	ASK(op, 403,
	    "GET /health HTTP/1.1\r\nHost: %s\r\n"
	    "Origin: http://evil.example\r\nConnection: "
	    "close\r\n\r\n",
	    op);
	ASK(op, 403,
	    "GET /health HTTP/1.1\r\nHost: %s\r\nOrigin: null\r\n"
	    "Connection: close\r\n\r\n",
	    op);
	ASK(op, 200,
	    "GET /health HTTP/1.1\r\nHost: localhost:%d\r\n"
	    "Origin: http://localhost:%d\r\nConnection: "
	    "close\r\n\r\n",
	    stand_port(op), stand_port(op));
	ASK(aud, 403,
	    "POST /vote/route HTTP/1.1\r\nHost: %s\r\n"
	    "Origin: http://evil.example\r\nContent-Type: "
	    "application/x-www-form-urlencoded\r\nContent-Length: "
	    "11\r\nConnection: close\r\n\r\noption=cave",
	    aud);
	ck_assert_int_eq(atomic_load(&s->votes), 0);
}
END_TEST

START_TEST(what_is_no_http_is_refused)
{
	ASK(op, 400, "\x16\x03\x01\x02%s", "hello");
	ASK(op, 400, "hello\r\n\r\n");
	ASK(op, 400, "GET /health\r\n\r\n"); /* HTTP/0.9 */
	ASK(op, 505, "GET /health HTTP/9.9\r\nHost: %s\r\n\r\n", op);
	ASK(op, 400, "get /health HTTP/1.1\r\nHost: %s\r\n\r\n", op);
	ASK(op, 400, "GET http://x/health HTTP/1.1\r\nHost: %s\r\n\r\n", op);
	ASK(op, 400, "GET  /health HTTP/1.1\r\nHost: %s\r\n\r\n", op);
	ASK(op, 400, "GET /health HTTP/1.1\nHost: %s\r\n\r\n", op);
	ASK(op, 400, "GET /health HTTP/1.1\r\nHost : %s\r\n\r\n", op);
	ASK(op, 400, "GET /health HTTP/1.1\r\nHost: %s\r\n folded\r\n\r\n", op);
	ASK(op, 405,
	    "DELETE /health HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    op);
	ASK(op, 405,
	    "OPTIONS /health HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    op);
	ASK(op, 400, "CONNECT x:1 HTTP/1.1\r\nHost: %s\r\n\r\n", op);
	unsigned seed = 7;
	for (int round = 0; round < 50; round++) {
		char noise[300];
		for (size_t i = 0; i < sizeof noise; i++) {
			seed = seed * 1103515245 + 12345;
			noise[i] = (char)(seed >> 16);
		}
		int fd = peer_open(round & 1 ? op : aud);
		peer_send(fd, noise, sizeof noise);
		shutdown(fd, SHUT_WR);
		char *a = peer_read(fd, NULL);
		ck_assert_msg(peer_status(a) == 400 || !*a, "%s", a);
		free(a);
		close(fd);
	}
	ASK(op, 200,
	    "GET /health HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    op);
}
END_TEST

START_TEST(lengths_that_smuggle_are_refused)
{
	static const char *const heads[] = {
		"Content-Length: 2\r\nTransfer-Encoding: chunked",
		"Content-Length: 2\r\nContent-Length: 2",
		"Content-Length: 2\r\nContent-Length: 3",
		"Content-Length: -5",
		"Content-Length: abc",
		"Content-Length: +2",
		"Content-Length: 0x2",
	};
	for (size_t i = 0; i < COUNT_OF(heads); i++)
		ASK(op, 400,
		    "POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
		    "Authorization: Bearer " STAND_TOKEN "\r\n"
		    "Content-Type: application/json\r\n%s\r\n"
		    "Connection: close\r\n\r\n{}",
		    op, heads[i]);
	ASK(op, 411,
	    "POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
	    "Authorization: Bearer " STAND_TOKEN "\r\n"
	    "Content-Type: application/json\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	    op);
	ASK(op, 413,
	    "POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
	    "Authorization: Bearer " STAND_TOKEN "\r\n"
	    "Content-Type: application/json\r\nContent-Length: "
	    "1048577\r\n\r\n",
	    op);
	ASK(op, 413,
	    "POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
	    "Content-Length: 99999999999999999999\r\n\r\n",
	    op);
}
END_TEST

START_TEST(a_body_of_one_mebibyte_is_read)
{
	size_t len = 1024 * 1024;
	char *body = xmalloc(len + 1);
	memset(body, ' ', len);
	body[0] = '{';
	body[len - 1] = '}';
	body[len] = 0;
	char *a = operator_ask(s, "POST", "/api/v1/actions/go", body);
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	free(a);
	free(body);
}
END_TEST

START_TEST(huge_headers_are_431)
{
	char *fill = xmalloc(20001);
	memset(fill, 'a', 20000);
	fill[20000] = 0;
	ASK(op, 431, "GET /health HTTP/1.1\r\nHost: %s\r\nX: %s\r\n\r\n", op,
	    fill);
	ASK(op, 414, "GET /%.9000s HTTP/1.1\r\nHost: %s\r\n\r\n", fill, op);
	ASK(op, 404,
	    "GET /%.5000s HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    fill, op);
	struct buf b = {0};
	for (int i = 0; i < 2000; i++)
		buf_addf(&b, "X%d: y\r\n", i);
	ASK(op, 431, "GET /health HTTP/1.1\r\nHost: %s\r\n%.1900s\r\n\r\n", op,
	    buf_str(&b));
	/* Also the second request of a connection, which only libmicrohttpd
	 * sees. */
	ASK(op, 200,
	    "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n"
	    "GET /health HTTP/1.1\r\nHost: %s\r\nX: %.17000s\r\n"
	    "Connection: close\r\n\r\n",
	    op, op, fill);
	buf_release(&b);
	free(fill);
}
END_TEST

/* The largest head that is taken, of as many fields as may be; also as the
 * second one of a connection, and before a body. */
START_TEST(the_largest_head_is_read)
{
	static const char *const lines[] = {
		"GET /health HTTP/1.1\r\n",
		"POST /api/v1/actions/go HTTP/1.1\r\n"
		"Content-Type: application/json\r\n",
	};
	struct buf b = {0};
	char fill[1025];
	memset(fill, 'a', sizeof fill);
	fill[sizeof fill - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		size_t from = b.len;
		buf_addf(&b,
			 "%sHost: %s\r\nAuthorization: Bearer " STAND_TOKEN
			 "\r\nContent-Length: %d\r\n",
			 lines[i], op, i ? 2 : 0);
		for (size_t k = 0; k < 94; k++)
			buf_addf(&b, "X%zu: %.158s\r\n", k, fill);
		if (i)
			buf_adds(&b, "Connection: close\r\n");
		size_t left = 16 * 1024 - 7 - (b.len - from);
		ck_assert_uint_lt(left, sizeof fill);
		buf_addf(&b, "Y: %.*s\r\n\r\n", (int)left, fill);
		ck_assert_uint_eq(b.len - from, 16 * 1024);
		buf_adds(&b, i ? "{}" : "");
	}
	char *a = peer_ask(op, buf_str(&b));
	ck_assert_int_eq(peer_status(a), 200);
	const char *second = strstr(peer_body(a), "HTTP/1.1 ");
	ck_assert_msg(second && peer_status(second) == 200, "%.300s",
		      second ? second : a);
	free(a);
	buf_release(&b);
}
END_TEST

static void check_llm_error(const char *request, int status, bool anthropic)
{
	char *a = peer_ask(op, request);
	ck_assert_msg(peer_status(a) == status, "wanted %d for <%.200s>: %s",
		      status, request, a);
	json_object *o = body_of(a), *e = json_get_object(o, "error");
	ck_assert_msg(*json_get_str(e, "message", "") != '\0', "%s", a);
	ck_assert_msg(strstr(json_get_str(e, "type", ""), "_error") ||
			      status == 413,
		      "%s", a);
	ck_assert_msg(!strcmp(json_get_str(o, "type", ""), "error") ==
			      anthropic,
		      "%s", a);
	ck_assert_msg(!json_get_str(e, "code", NULL) == anthropic, "%s", a);
	json_object_put(o);
	free(a);
}

/* What the listener itself refuses there, clients of the models' APIs
 * understand; also what never gets past the door. */
START_TEST(below_llm_errors_have_the_form_of_the_api)
{
	static const struct {
		int status;
		const char *line, *fields;
	} bad[] = {
		{405, "DELETE", ""},
		{401, "POST", "Content-Type: application/json\r\n"},
		{413, "POST", "Content-Length: 1048577\r\n"},
		{413, "POST", "Content-Length: 99999999999999999999\r\n"},
		{400, "POST", "Content-Length: two\r\n"},
		{400, "POST", "Host: another\r\n"},
		{411, "POST", "Transfer-Encoding: chunked\r\n"},
		{400, "POST", "No field\r\n"},
		{403, "POST", "Origin: http://elsewhere\r\n"},
	};
	static const char *const paths[] = {"/llm/v1/chat/completions",
					    "/llm/v1/messages"};
	char fill[17001], *q;
	memset(fill, 'a', sizeof fill);
	fill[sizeof fill - 1] = '\0';
	for (int p = 0; p < 2; p++) {
		for (size_t i = 0; i < COUNT_OF(bad); i++) {
			q = xasprintf("%s %s HTTP/1.1\r\nHost: %s\r\n%s"
				      "Connection: close\r\n\r\n",
				      bad[i].line, paths[p], op, bad[i].fields);
			check_llm_error(q, bad[i].status, p == 1);
			free(q);
		}
		q = xasprintf("POST %s?%.9000s HTTP/1.1\r\nHost: %s\r\n\r\n",
			      paths[p], fill, op);
		check_llm_error(q, 414, p == 1);
		free(q);
		q = xasprintf("POST %s HTTP/1.1\r\nHost: %s\r\nX: %s\r\n\r\n",
			      paths[p], op, fill);
		check_llm_error(q, 431, p == 1);
		free(q);
		q = xasprintf("GET %s/more HTTP/1.1\r\nHost: %s\r\n"
			      "Connection: close\r\n\r\n",
			      paths[p], op);
		check_llm_error(q, 404, p == 1);
		free(q);
	}
	char *own = operator_ask(s, "GET", "/llm/v2/messages", NULL);
	ck_assert_int_eq(peer_status(own), 404);
	ck_assert_ptr_null(strstr(own, "_error"));
	free(own);
}
END_TEST

START_TEST(a_full_engine_is_503)
{
	mailbox_close(s->box);
	char *a = operator_ask(s, "POST", "/api/v1/actions/go", "{}");
	ck_assert_msg(peer_status(a) == 503 && strstr(a, "\"busy\""), "%s", a);
	free(a);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	char *q = xasprintf(
		"GET /health HTTP/1.1\r\nHost: %s\r\n\r\n"
		"POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
		"Authorization: Bearer " STAND_TOKEN "\r\n"
		"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
		"POST /api/v1/actions/go HTTP/1.1\r\nHost: %s\r\n"
		"Authorization: Bearer " STAND_TOKEN "\r\n"
		"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
		"GET /api/v1/status HTTP/1.1\r\nHost: %s\r\n"
		"Connection: close\r\n\r\n",
		op, op, op, op);
	char *a = peer_ask(op, q);
	static const char *const order[] = {"200 OK", "200 OK", "409 ", "401 "};
	const char *p = a;
	for (size_t i = 0; i < COUNT_OF(order); i++) {
		p = strstr(p, "HTTP/1.1 ");
		ck_assert_msg(p && !strncmp(p + 9, order[i], strlen(order[i])),
			      "answer %zu of <%s>", i, a);
		p++;
	}
	ck_assert_ptr_null(strstr(p, "HTTP/1.1 "));
	free(a);
	free(q);
}
END_TEST

#define FORM "application/x-www-form-urlencoded"

/* Waits until it is cut, and checks what it was told; 0: nothing. */
static void is_cut(int fd, int status)
{
	int64_t end = clock_mono_ms() + patience_ms(25000);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (clock_mono_ms() < end && poll(&p, 1, 1000) <= 0)
		;
	char *a = peer_read(fd, NULL);
	ck_assert_msg(peer_status(a) == status, "%s", a);
	free(a);
	ck_assert_int_eq(recv(fd, &p, 1, MSG_DONTWAIT), 0);
	close(fd);
}

/* Heads and ballots that never become whole, and one of each that drips. */
START_TEST(who_is_slow_is_cut_and_holds_nobody)
{
	enum { SLOW = 20 };
	int heads[SLOW], ballots[SLOW];
	char *ballot = xasprintf("POST /vote/route HTTP/1.1\r\nHost: %s\r\n"
				 "Content-Type: " FORM "\r\nContent-Length: 11"
				 "\r\nConnection: close\r\n\r\nopt",
				 aud);
	for (int i = 0; i < SLOW; i++) {
		heads[i] = peer_open(op);
		peer_say(heads[i], "GET /hea");
		ballots[i] = peer_open(aud);
		peer_say(ballots[i], ballot);
	}
	ASK(op, 200,
	    "GET /health HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    op);
	ASK(aud, 200,
	    "POST /vote/route HTTP/1.1\r\nHost: %s\r\nContent-Type: " FORM
	    "\r\nContent-Length: 12\r\nConnection: close\r\n\r\noption=ridge",
	    aud);
	/* A drip goes on being a head that comes, or a ballot. */
	peer_say(heads[0], "lth HTTP/1.1\r\nHo");
	char *rest = xasprintf("st: %s\r\nConnection: close\r\n\r\n", op);
	peer_say(heads[0], rest);
	is_cut(heads[0], 200);
	for (const char *p = "ion=cave"; *p; p++)
		peer_send(ballots[0], p, 1);
	is_cut(ballots[0], 200);
	/* One that will say no more is gone at once. */
	shutdown(ballots[1], SHUT_WR);
	is_cut(ballots[1], 0);
	char byte;
	ck_assert_int_eq(recv(heads[1], &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
	is_cut(heads[1], 408);
	is_cut(ballots[2], 0);
	ck_assert_int_eq(atomic_load(&s->votes), 2);
	for (int i = 3; i < SLOW; i++) {
		close(heads[i]);
		close(ballots[i]);
	}
	close(heads[2]);
	free(rest);
	free(ballot);
}
END_TEST

START_TEST(paths_do_not_wander)
{
	static const char *const paths[] = {
		"/static/../vote.html",
		"/static/%2e%2e%2fvote.html",
		"/static/..%2f..%2fetc%2fpasswd",
		"/static//vote.css",
		"/static/vote.html",
		"//vote/route",
		"/vote/route/",
		"/static/%c0%ae%c0%ae",
	};
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		char *q = xasprintf("GET %s HTTP/1.1\r\nHost: %s\r\n"
				    "Connection: close\r\n\r\n",
				    paths[i], aud);
		char *a = peer_ask(aud, q);
		int status = peer_status(a);
		ck_assert_msg(status == 404 || status == 400, "%s: %s",
			      paths[i], a);
		free(a);
		free(q);
	}
	ASK(aud, 400,
	    "GET /vote/rou%%00te HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: close\r\n\r\n",
	    aud);
	ASK(aud, 200,
	    "GET /vote/rou%%74e HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: close\r\n\r\n",
	    aud);
}
END_TEST

START_TEST(the_page_escapes_and_forbids)
{
	char *q = xasprintf("GET /vote/route HTTP/1.1\r\nHost: %s\r\n"
			    "Connection: close\r\n\r\n",
			    aud);
	char *a = peer_ask(aud, q);
	ck_assert_int_eq(peer_status(a), 200);
	ck_assert_ptr_null(strstr(a, "<script>"));
	ck_assert_ptr_null(strstr(a, "<i>"));
	ck_assert_ptr_null(strstr(a, "<b>&"));
	ck_assert_ptr_nonnull(strstr(a, "Which &lt;script&gt;"));
	ck_assert_ptr_nonnull(strstr(a, "Content-Security-Policy: default-src "
					"'none'"));
	ck_assert_ptr_nonnull(strstr(a, "nosniff"));
	/* With no-referrer a browser posts our own form as Origin: null. */
	ck_assert_ptr_nonnull(strstr(a, "Referrer-Policy: same-origin"));
	ck_assert_ptr_nonnull(strstr(a, "name=\"viewport\""));
	/* All of it at once, before a slow line has said "go on" twice. */
	ck_assert_ptr_null(strstr(a, "src=\""));
	ck_assert_ptr_null(strstr(a, "stylesheet"));
	ck_assert_msg(strlen(a) < 14 * 1024, "%zu bytes", strlen(a));
	/* Only what bears the word of this very answer is run. */
	char nonce[64] = "";
	const char *at = strstr(a, "script-src 'nonce-");
	ck_assert(at && sscanf(at, "script-src 'nonce-%32[0-9a-f]'", nonce));
	char *tag = xasprintf("<script nonce=\"%s\">", nonce);
	ck_assert_ptr_nonnull(strstr(a, tag));
	free(tag);
	char *again = peer_ask(aud, q);
	ck_assert_ptr_null(strstr(again, nonce));
	free(again);
	free(a);
	free(q);
	ASK(aud, 303,
	    "GET / HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    aud);
	ASK(aud, 200,
	    "GET /overlay/poll HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    aud);
	ASK(aud, 404,
	    "GET /vote/scene HTTP/1.1\r\nHost: %s\r\nConnection: "
	    "close\r\n\r\n",
	    aud);
}
END_TEST

START_TEST(an_unknown_poll_is_a_page_for_browsers)
{
	char *q = xasprintf("GET /vote/nowhere HTTP/1.1\r\nHost: %s\r\n"
			    "Accept: text/html,*/*\r\nConnection: close\r\n"
			    "\r\n",
			    aud);
	char *a = peer_ask(aud, q);
	ck_assert_int_eq(peer_status(a), 404);
	ck_assert_ptr_nonnull(strstr(a, "Content-Type: text/html"));
	ck_assert_ptr_nonnull(strstr(a, "this show has no such poll"));
	ck_assert_ptr_nonnull(strstr(a, "<a href=\"/\">"));
	free(a);
	free(q);
	q = xasprintf("GET /vote/nowhere HTTP/1.1\r\nHost: %s\r\n"
		      "Connection: close\r\n\r\n",
		      aud);
	a = peer_ask(aud, q);
	ck_assert_int_eq(peer_status(a), 404);
	json_object *o = body_of(a);
	ck_assert_str_eq(json_get_str(json_get_object(o, "error"), "code", ""),
			 "not_found");
	json_object_put(o);
	free(a);
	free(q);
}
END_TEST

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

START_TEST(a_vote_counts_once_for_each_browser)
{
	char *a = vote(NULL, FORM, "option=cave");
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	ck_assert_ptr_nonnull(strstr(a, "Your vote is counted"));
	char *set = strstr(a, "sc_voter=");
	ck_assert_ptr_nonnull(set);
	ck_assert_ptr_nonnull(strstr(set, "HttpOnly; SameSite=Lax"));
	char *cookie = xstrndup(set, strcspn(set, ";"));
	free(a);
	a = vote(cookie, FORM, "option=ridge");
	ck_assert_msg(peer_status(a) == 409, "%s", a);
	ck_assert_ptr_nonnull(strstr(a, "already voted"));
	ck_assert_ptr_null(strstr(a, "sc_voter="));
	free(a);
	/* A voter that we never signed is refused, and forgotten. */
	cookie[9] = cookie[9] == '0' ? '1' : '0';
	a = vote(cookie, FORM, "option=ridge");
	ck_assert_msg(peer_status(a) == 403, "%s", a);
	ck_assert_ptr_nonnull(strstr(a, "is not of this show"));
	ck_assert_ptr_nonnull(strstr(a, "sc_voter=; Path=/; Max-Age=0"));
	free(a);
	free(cookie);
	/* A page that was left open since an earlier opening of the poll. */
	a = vote(NULL, FORM, "option=ridge&opened=5");
	ck_assert_msg(peer_status(a) == 409, "%s", a);
	ck_assert_ptr_nonnull(strstr(a, "of an earlier vote"));
	free(a);
	ck_assert_int_eq(atomic_load(&s->votes), 1);
}
END_TEST

/* As a bridge does, whose people have names of their own. */
static char *vote_named(const char *token, const char *body)
{
	char *q = xasprintf("POST /vote/route HTTP/1.1\r\nHost: %s\r\n"
			    "Authorization: Bearer %s\r\n"
			    "Content-Type: application/json\r\n"
			    "Content-Length: %zu\r\n"
			    "Connection: close\r\n\r\n%s",
			    aud, token, strlen(body), body);
	char *a = peer_ask(aud, q);
	free(q);
	return a;
}

START_TEST(votes_as_json)
{
	const char *json = "application/json";
	char *a = vote_named(STAND_TOKEN,
			     "{\"option\":\"cave\",\"voter\":\"ann\"}");
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	free(a);
	a = vote_named(STAND_TOKEN,
		       "{\"option\":\"cave\",\"voter\":\"ann\"}");
	ck_assert_msg(peer_status(a) == 409, "%s", a);
	ck_assert_ptr_nonnull(strstr(a, "\"duplicate\""));
	free(a);
	a = vote_named("guessed", "{\"option\":\"cave\",\"voter\":\"eve\"}");
	ck_assert_msg(peer_status(a) == 403, "%s", a);
	free(a);
	a = vote(NULL, json, "{\"option\":\"cave\",\"voter\":\"eve\"}");
	ck_assert_msg(peer_status(a) == 403, "%s", a);
	free(a);
	a = vote(NULL, json, "{\"option\":\"cave\",\"token\":\"me.me\"}");
	ck_assert_msg(peer_status(a) == 403, "%s", a);
	ck_assert_ptr_nonnull(strstr(a, "\"forged\""));
	free(a);
	a = vote(NULL, json, "{\"option\":\"sea\"}");
	ck_assert_msg(peer_status(a) == 400, "%s", a);
	free(a);
	a = vote(NULL, json, "{}");
	ck_assert_msg(peer_status(a) == 400, "%s", a);
	free(a);
	a = vote(NULL, "text/plain", "option=cave");
	ck_assert_msg(peer_status(a) == 415, "%s", a);
	free(a);
	a = vote(NULL, FORM, "option=%00cave");
	ck_assert_msg(peer_status(a) == 400, "%s", a);
	free(a);
	ASK(aud, 409,
	    "POST /vote/later HTTP/1.1\r\nHost: %s\r\n"
	    "Content-Type: " FORM "\r\nContent-Length: 11\r\n"
	    "Connection: close\r\n\r\noption=left",
	    aud);
	ck_assert_int_eq(atomic_load(&s->votes), 1);
}
END_TEST

START_TEST(events_stream_and_go_on)
{
	int fd = peer_open(op);
	char *q = xasprintf("GET /api/v1/runs/run-1/events HTTP/1.1\r\n"
			    "Host: %s\r\nAuthorization: Bearer " STAND_TOKEN
			    "\r\nLast-Event-ID: 1\r\n\r\n",
			    op);
	peer_say(fd, q);
	char *a = peer_read(fd, "event: poll:create");
	ck_assert_msg(strstr(a, "text/event-stream") != NULL, "%s", a);
	ck_assert_msg(strstr(a, "id: 2\n") != NULL, "%s", a);
	ck_assert_ptr_null(strstr(a, "id: 1\n"));
	free(a);
	a = operator_ask(s, "POST", "/api/v1/actions/pause", "{}");
	ck_assert_int_eq(peer_status(a), 200);
	free(a);
	a = peer_read(fd, "event: run:pause");
	ck_assert_msg(strstr(a, "event: run:pause") != NULL, "%s", a);
	free(a);
	close(fd);
	free(q);
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
	Suite *suite = suite_create("net");
	ADD(addresses_are_written);
	ADD(a_port_in_use_is_said);
	ADD(health_needs_no_token);
	ADD(everything_else_needs_the_token);
	ADD(status_is_the_models);
	ADD(metrics_are_prometheus_text);
	ADD(actions_are_commands);
	ADD(bad_json_is_said);
	ADD(a_silent_engine_is_504);
	ADD(stop_while_somebody_waits);
	ADD(foreign_hosts_and_origins_are_refused);
	ADD(what_is_no_http_is_refused);
	ADD(lengths_that_smuggle_are_refused);
	ADD(a_body_of_one_mebibyte_is_read);
	ADD(huge_headers_are_431);
	ADD(the_largest_head_is_read);
	ADD(below_llm_errors_have_the_form_of_the_api);
	ADD(a_full_engine_is_503);
	ADD(pipelined_requests_are_answered_in_order);
	ADD(who_is_slow_is_cut_and_holds_nobody);
	ADD(paths_do_not_wander);
	ADD(the_page_escapes_and_forbids);
	ADD(an_unknown_poll_is_a_page_for_browsers);
	ADD(a_vote_counts_once_for_each_browser);
	ADD(votes_as_json);
	ADD(events_stream_and_go_on);
	return suite;
}

int main(void)
{
	return tap_run(suite_of_all());
}

/*
 * A DNS that answers nobody holds up nobody. The getaddrinfo() of this program
 * stands in front of the system's, for the libraries too, and hangs for one
 * name as a resolver does whose server is gone; all others are the system's.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lookup.h"
#include "dns_here.h"
#include "net_stand.h"
#include "tap.h"

static struct stand *s;
static void open_stand(const char *host, int port)
{
	char *yaml = xasprintf(
		"show: house\n"
		"http: { operator: 127.0.0.1:0, audience: 127.0.0.1:0 }\n"
		"agents: { a: { via: noop } }\n"
		"stages:\n"
		"  - id: route\n"
		"    poll:\n"
		"      question: Which?\n"
		"      options: [{ id: cave }, { id: ridge }]\n"
		"      open_ms: 3600000\n"
		"      default: cave\n"
		"obs: { url: 'ws://%s:%d' }\n",
		host, port);
	s = stand_new(yaml);
	free(yaml);
}

/* Until what is said of OBS has that in it. */
static void wait_error(const char *text)
{
	int64_t end = clock_mono_ms() + patience_ms(20000);
	bool there = false;
	pthread_mutex_lock(&s->lock);
	while (!there && clock_mono_ms() < end) {
		there = s->obs.error && strstr(s->obs.error, text);
		if (!there)
			stand_wait_news(s, end);
	}
	ck_assert_msg(there, "wanted <%s>, it says <%s>", text,
		      s->obs.error ? s->obs.error : "-");
	pthread_mutex_unlock(&s->lock);
}

static void vote(const char *body)
{
	const char *aud = net_audience_addr(s->net);
	ASK(aud, 200,
	    "POST /vote/route HTTP/1.1\r\nHost: %s\r\nContent-Type: "
	    "application/json\r\nContent-Length: %zu\r\nConnection: close\r\n"
	    "\r\n%s",
	    aud, strlen(body), body);
}

START_TEST(a_name_that_hangs_holds_up_no_tally)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;
	char port[NI_MAXSERV];
	int obs = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(listen(obs, 4), 0); /* on any port */
	getsockname(obs, (struct sockaddr *)&at, &len);
	getnameinfo((struct sockaddr *)&at, len, NULL, 0, port, sizeof port,
		    NI_NUMERICSERV);

	open_stand("hangs.test", atoi(port));
	dns_wait_inside();
	int fd = ws_open(net_audience_addr(s->net), "/tally", NULL, NULL);
	ck_assert_msg(fd >= 0, "the WebSocket thread stands still");
	vote("{\"option\":\"cave\"}");
	for (bool there = false; !there;) {
		char *m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "the tally never came");
		there = strstr(m, "\"total\":1") != NULL;
		free(m);
	}
	close(fd);
	wait_error("hangs.test is looked up, and no DNS answers");

	/* It answers at last. */
	dns_let_go();
	struct pollfd p = {obs, POLLIN, 0};
	ck_assert_int_eq(poll(&p, 1, patience_ms(8000)), 1);
	close(obs);
	stand_free(&s);
}
END_TEST

START_TEST(a_show_ends_while_a_name_hangs)
{
	open_stand("hangs.test", 4455);
	dns_wait_inside();
	int64_t began = clock_mono_ms();
	stand_free(&s);
	ck_assert_int_lt(clock_mono_ms() - began, patience_at_most_ms(5000));
	dns_let_go();
}
END_TEST

START_TEST(a_name_that_is_not_there_is_said)
{
	open_stand("nowhere.test", 4455);
	wait_error("nowhere.test cannot be found: ");
	stand_free(&s);
}
END_TEST

/* --- by itself ------------------------------------------------------------ */

static void ring(void *ctx)
{
	int *fds = ctx;
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
}

START_TEST(numbers_need_no_thread)
{
	static const char *const numbers[] = {"127.0.0.1", "::1"};
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		struct lookup_found found;
		struct lookup *l = lookup_start(numbers[i], NULL, NULL);
		ck_assert(lookup_take(&l, &found));
		ck_assert_ptr_null(l);
		ck_assert_uint_eq(found.count, 1);
		ck_assert_str_eq(found.addr[0], numbers[i]);
	}
}
END_TEST

START_TEST(a_name_rings)
{
	struct lookup_found found;
	int fds[2];
	char c;
	ck_assert_int_eq(pipe(fds), 0);
	struct lookup *l = lookup_start("hangs.test", ring, fds);
	dns_wait_inside();
	ck_assert(!lookup_take(&l, &found));
	dns_let_go();
	ck_assert_int_eq(read(fds[0], &c, 1), 1);
	while (!lookup_take(&l, &found)) /* it rings with its lock held */
		;
	ck_assert_str_eq(found.addr[0], "127.0.0.1");
	l = lookup_start("nowhere.test", ring, fds);
	ck_assert_int_eq(read(fds[0], &c, 1), 1);
	while (!lookup_take(&l, &found))
		;
	ck_assert_uint_eq(found.count, 0);
	ck_assert_ptr_nonnull(found.why);
	close(fds[0]);
	close(fds[1]);
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
	Suite *suite = suite_create("net_dns");
	ADD(numbers_need_no_thread);
	ADD(a_name_rings);
	ADD(a_name_that_hangs_holds_up_no_tally);
	ADD(a_show_ends_while_a_name_hangs);
	ADD(a_name_that_is_not_there_is_said);
	return tap_run(suite);
}

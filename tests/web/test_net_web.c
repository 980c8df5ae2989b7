/*
 * The pages of the audience in a real browser: chromium without a window,
 * driven by its DevTools protocol.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "../real/net_stand.h"
#include "tap.h"
#include "temp.h"

#define PATIENCE_MS 15000

static char *addr, *path; /* of the browser's DevTools */
static struct stand *s;
static int fd, calls;
static char *session;

/* --- the browser ---------------------------------------------------------- */

/* Starts it; 0 when there is none. It says on stderr where it listens. */
static pid_t browser_start(const char *dir)
{
	int ends[2];
	REQUIRE(!pipe(ends));
	char *data = xasprintf("--user-data-dir=%s", dir);
	pid_t pid = fork();
	if (pid == 0) {
		int nowhere = open("/dev/null", O_RDWR);
		dup2(nowhere, 0);
		dup2(nowhere, 1);
		dup2(ends[1], 2);
		execlp("chromium", "chromium", "--headless", "--no-sandbox",
		       "--disable-gpu", "--no-first-run",
		       "--remote-debugging-port=0", data, "about:blank",
		       (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	free(data);
	FILE *lines = fdopen(ends[0], "r");
	char line[1000], host[100], where[300];
	while (!addr && fgets(line, sizeof line, lines)) {
		const char *at = strstr(line, "ws://");
		if (at && sscanf(at, "ws://%99[^/]%299s", host, where) == 2) {
			addr = xstrdup(host);
			path = xstrdup(where);
		}
	}
	/* `lines` stays open: a browser whose stderr is shut may die of it. */
	if (addr)
		return pid;
	waitpid(pid, NULL, 0);
	return 0;
}

/* Calls `method`; the answer. Caller puts. */
static json_object *call(const char *method, const char *params)
{
	int id = ++calls;
	char *m = xasprintf("{\"id\":%d,%s%s%s\"method\":\"%s\","
			    "\"params\":%s}",
			    id, session ? "\"sessionId\":\"" : "",
			    session ? session : "", session ? "\"," : "",
			    method, params);
	ws_say(fd, m);
	free(m);
	for (;;) {
		char *text = ws_next(fd, NULL);
		ck_assert_msg(text != NULL, "the browser left: %s", method);
		json_object *o = json_read_str(text, &json_limits_own, NULL);
		free(text);
		if (json_get_int(o, "id", 0) == id)
			return o;
		json_object_put(o);
	}
}

static void tell(const char *method, const char *params)
{
	json_object_put(call(method, params));
}

/* Whether `condition` holds in the page now; false while it is loading. */
static bool holds(const char *condition)
{
	json_object *p = json_object_new_object();
	json_add_str(p, "expression", condition);
	json_add_bool(p, "returnByValue", true);
	json_object *o = call("Runtime.evaluate", json_text(p));
	json_object *result = json_get(json_get(o, "result"), "result");
	bool yes = json_get_bool(result, "value", false);
	json_object_put(o);
	json_object_put(p);
	return yes;
}

#define WAIT(condition)                                                        \
	do {                                                                   \
		int64_t end_ = clock_mono_ms() + patience_ms(PATIENCE_MS);     \
		while (!holds(condition) && !poll(NULL, 0, 20))                \
			ck_assert_msg(clock_mono_ms() < end_, "never: %s",     \
				      condition);                              \
	} while (0)

static void go(const char *where)
{
	char *p = xasprintf("{\"url\":\"http://%s%s\"}",
			    net_audience_addr(s->net), where);
	tell("Page.navigate", p);
	free(p);
}

/* A page of its own, with its own cookies, as wide as a small phone. */
static void setup(void)
{
	s = stand_new(NULL);
	session = NULL;
	fd = ws_open(addr, path, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	json_object *o = call("Target.createBrowserContext", "{}");
	char *p = xasprintf(
		"{\"url\":\"about:blank\",\"browserContextId\":\"%s\"}",
		json_get_str(json_get(o, "result"), "browserContextId", ""));
	json_object_put(o);
	o = call("Target.createTarget", p);
	free(p);
	p = xasprintf("{\"flatten\":true,\"targetId\":\"%s\"}",
		      json_get_str(json_get(o, "result"), "targetId", ""));
	json_object_put(o);
	o = call("Target.attachToTarget", p);
	free(p);
	session =
		xstrdup(json_get_str(json_get(o, "result"), "sessionId", NULL));
	json_object_put(o);
	ck_assert_ptr_nonnull(session);
	tell("Emulation.setDeviceMetricsOverride",
	     "{\"width\":360,\"height\":640,\"deviceScaleFactor\":1,"
	     "\"mobile\":true}");
}

static void teardown(void)
{
	close(fd);
	free(session);
	stand_free(&s);
}

/* --- cases ---------------------------------------------------------------- */

#define TOTAL "document.getElementById('total').textContent"
#define NOTE  "document.querySelector('.note').textContent"

static void vote_and_come_back(void)
{
	go("/"); /* leads to the only poll that is open */
	WAIT("location.pathname == '/vote/route' && "
	     "document.querySelectorAll('button').length == 2");
	ck_assert(holds("document.documentElement.scrollWidth <= 360"));
	ck_assert(holds("document.querySelector('h1').textContent == "
			"'Which <script>alert(1)</' + 'script> way?'"));
	ck_assert(holds("document.querySelector('button').click() || true"));
	WAIT(NOTE ".includes('is counted')");
	ck_assert(holds("document.querySelectorAll('button').length == 0"));
	ck_assert_int_eq(atomic_load(&s->votes), 1);
	/* The tally follows the answer to a vote, and a page without JavaScript
	 * shows what was known when it was made: the next one has it. */
	go("/vote/route");
	WAIT(NOTE ".includes('already voted')");
	WAIT(TOTAL " == '1'");
}

START_TEST(a_phone_votes)
{
	vote_and_come_back();
}
END_TEST

START_TEST(a_phone_votes_without_javascript)
{
	tell("Emulation.setScriptExecutionDisabled", "{\"value\":true}");
	vote_and_come_back();
}
END_TEST

START_TEST(the_numbers_move_by_themselves)
{
	go("/vote/route");
	WAIT(TOTAL " == '0'");
	s->counts[1] = 41;
	stand_tally(s);
	WAIT(TOTAL " == '41' && "
		   "document.querySelectorAll('progress')[1].value == 41");
}
END_TEST

START_TEST(the_overlay_follows_and_is_transparent)
{
	go("/overlay/poll");
	WAIT("!document.getElementById('poll').hidden && "
	     "document.querySelectorAll('li').length == 2");
	ck_assert(holds("getComputedStyle(document.body).backgroundColor == "
			"'rgba(0, 0, 0, 0)'"));
	ck_assert(holds("!document.querySelector('i')")); /* text, no HTML */
	s->counts[0] = 7;
	stand_tally(s);
	WAIT(TOTAL " == '7'");
	/* The poll ends and the next one opens. */
	char *a = operator_ask(s, "POST", "/api/v1/actions/poll-void",
			       "{\"args\":[\"route\"]}");
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	free(a);
	WAIT("document.querySelector('h1').textContent == 'And then?'");
	/* No other follows: it stays a while, then it goes. */
	a = operator_ask(s, "POST", "/api/v1/actions/poll-void",
			 "{\"args\":[\"later\"]}");
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	free(a);
	WAIT("document.getElementById('poll').hidden");
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 90);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}
#define ADD(test) add(suite, #test, test)

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	char *dir = temp_new();
	pid_t browser = browser_start(dir);
	int rc = 0;
	if (!browser) {
		printf("1..0 # SKIP chromium is needed and not installed\n");
	} else {
		Suite *suite = suite_create("net_web");
		ADD(a_phone_votes);
		ADD(a_phone_votes_without_javascript);
		ADD(the_numbers_move_by_themselves);
		ADD(the_overlay_follows_and_is_transparent);
		rc = tap_run(suite);
		kill(browser, SIGTERM);
		waitpid(browser, NULL, 0);
	}
	temp_remove(&dir);
	free(addr);
	free(path);
	return rc;
}

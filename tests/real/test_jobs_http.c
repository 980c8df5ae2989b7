/* jobs: agents via http against a real peer that answers well and badly. */
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http_peer.h"
#include "jobs_stand.h"
#include "tap.h"

#define REQUEST                                                                \
	"{\"id\":\"r1/s/1\",\"capability\":\"s\",\"parameters\":{},"           \
	"\"correlationId\":\"r1/s/1\"}"

static struct jobs_stand stand;
static struct http_peer *peer;

/* A name server that does not answer for the names below ".slow": the lookup
 * takes 3 s. All other names are looked up as always. */
int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **out)
{
	static int (*real)(const char *, const char *, const struct addrinfo *,
			   struct addrinfo **);
	size_t n = node ? strlen(node) : 0;
	if (n > 8 && strcmp(node + n - 8, ".invalid") == 0)
		return EAI_NONAME; /* whatever the machine's server does */
	if (n > 5 && strcmp(node + n - 5, ".slow") == 0) {
		poll(NULL, 0, 3000);
		return EAI_AGAIN;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(node, service, hints, out);
}

static void begin(int threads, const char *path)
{
	char *agents;
	signal(SIGPIPE, SIG_IGN);
	jobs_stand_init(&stand);
	peer = http_peer_start();
	agents = xasprintf("a: { via: http, url: \"http://127.0.0.1:%d%s\" }",
			   http_peer_port(peer), path);
	jobs_stand_load(&stand, agents, NULL);
	jobs_stand_open(&stand, threads);
	free(agents);
}

static void end(void)
{
	jobs_stand_close(&stand);
	http_peer_stop(&peer);
}

/* Every way in which an answer can fail, and what becomes of it. */
static const struct failure {
	const char *path, *code, *part;
	int limit_ms;
	int64_t tokens, needs;
} failures[] = {
	{"/failed", "no_idea", "nothing", PLENTY_MS, 7, 0},
	{"/budget", "budget", "too little", PLENTY_MS, -1, 9000},
	{"/budget-402", "budget", "", PLENTY_MS, -1, 9000},
	{"/mismatch", "mismatch", "r9/s/1", PLENTY_MS, -1, 0},
	{"/garbage", "garbage", "byte", PLENTY_MS, -1, 0},
	{"/double", "garbage", "byte", PLENTY_MS, -1, 0},
	{"/duplicate-key", "garbage", "byte", PLENTY_MS, -1, 0},
	{"/array", "garbage", "object", PLENTY_MS, -1, 0},
	{"/other-form", "garbage", "success", PLENTY_MS, -1, 0},
	{"/empty", "garbage", "", PLENTY_MS, -1, 0},
	{"/html", "garbage", "text/html", PLENTY_MS, -1, 0},
	{"/500", "http_500", "the model fell over", PLENTY_MS, 33, 0},
	{"/500-html", "http_500", "status 500", PLENTY_MS, -1, 0},
	{"/429", "http_429", "slow down", PLENTY_MS, -1, 0},
	{"/nowhere", "http_404", "404", PLENTY_MS, -1, 0},
	{"/redirect", "http_302", "http://127.0.0.1/ok;", PLENTY_MS, -1, 0},
	{"/cut", "cut", "within", PLENTY_MS, -1, 0},
	{"/cut-chunked", "cut", "within", PLENTY_MS, -1, 0},
	{"/cut-close", "garbage", "byte", PLENTY_MS, -1, 0},
	{"/bad-chunk", "cut", "", PLENTY_MS, -1, 0},
	{"/no-answer", "cut", "without", PLENTY_MS, -1, 0},
	{"/two-lengths", "garbage", "two lengths", PLENTY_MS, -1, 0},
	{"/length-and-chunks", "garbage", "two lengths", PLENTY_MS, -1, 0},
	{"/http09", "garbage", "HTTP", PLENTY_MS, -1, 0},
	{"/not-http", "garbage", "HTTP", PLENTY_MS, -1, 0},
	{"/hang", "timeout", "no answer", 700, -1, 0},
	{"/slow-body", "timeout", "complete", 1500, -1, 0},
	{"/drip", "timeout", "complete", 1500, -1, 0},
	{"/huge", "too_large", "1048576", PLENTY_MS, -1, 0},
	{"/endless-chunks", "too_large", "1048576", PLENTY_MS, -1, 0},
	{"/one-more", "too_large", "1048576", PLENTY_MS, -1, 0},
	{"/header-bomb", "too_large", "65536", PLENTY_MS, -1, 0},
};

START_TEST(test_failure)
{
	const struct failure *f = &failures[_i];
	begin(1, f->path);
	int64_t began = clock_mono_ms();
	/* One that has to begin its answer in time is given it. */
	int limit_ms = f->limit_ms < PLENTY_MS ? patience_waited_ms(f->limit_ms)
					  : f->limit_ms;
	struct input *in = jobs_stand_call(&stand, "a", limit_ms, REQUEST);
	int64_t took = clock_mono_ms() - began;
	ck_assert_ptr_nonnull(in);
	ck_assert_msg(!in->ok, "%s is ok", f->path);
	ck_assert_msg(strcmp(in->error_code, f->code) == 0,
		      "%s: %s instead of %s: %s", f->path, in->error_code,
		      f->code, in->text);
	ck_assert_msg(!*f->part || (in->text && strstr(in->text, f->part)),
		      "%s: '%s' is not in: %s", f->path, f->part, in->text);
	ck_assert_msg(!in->text || (!strstr(in->text, "geheim") &&
				    !strstr(in->text, "pw@") &&
				    !strchr(in->text, '\033')),
		      "%s: %s", f->path, in->text);
	ck_assert_msg(in->reached, "%s: not reached", f->path);
	ck_assert_int_eq(in->tokens_used, f->tokens);
	ck_assert_int_eq(in->needs_tokens, f->needs);
	ck_assert_int_eq(in->retry_after_ms,
			 strcmp(f->path, "/429") == 0 ? 3000 : 0);
	ck_assert_msg(took < patience_at_most_ms(f->limit_ms + 4000),
		      "%s took %lld ms", f->path, (long long)took);
	input_free(&in);
	end();
}
END_TEST

static const char *const successes[] = {
	"/ok",	  "/text-type", "/no-tokens", "/no-result",
	"/match", "/continue",	"/just-fits",
};

START_TEST(test_success)
{
	const char *path = successes[_i];
	begin(1, path);
	struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert_ptr_nonnull(in);
	ck_assert_msg(in->ok, "%s: %s", path, in->text);
	ck_assert_ptr_nonnull(in->result);
	ck_assert(in->reached);
	ck_assert_str_eq(in->stage, "s");
	ck_assert_str_eq(in->agent, "a");
	ck_assert_str_eq(in->lease, "L7");
	ck_assert_int_eq(in->attempt, 1);
	if (strcmp(path, "/ok") == 0) {
		ck_assert_str_eq(json_get_str(in->result, "beat", ""),
				 "The gate opens");
		ck_assert_int_eq(in->tokens_used, 120);
		ck_assert_int_eq(in->cost_micros, 2000);
		ck_assert(in->confidence > 0.89 && in->confidence < 0.91);
	}
	if (strcmp(path, "/no-tokens") == 0)
		ck_assert_int_eq(in->tokens_used, -1);
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_request_as_sent)
{
	begin(1, "/ok");
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert(in && in->ok);
	char *sent = http_peer_last(peer);
	ck_assert_ptr_nonnull(strstr(sent, "POST /ok HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(sent, "\r\nIdempotency-Key: r1/s/1\r\n"));
	ck_assert_ptr_nonnull(
		strstr(sent, "\r\nContent-Type: application/json\r\n"));
	ck_assert_ptr_null(strstr(sent, "Accept-Encoding"));
	ck_assert_ptr_null(strstr(sent, "Expect:"));
	ck_assert_ptr_nonnull(strstr(sent, "\r\n\r\n" REQUEST));
	ck_assert_int_eq(http_peer_requests(peer), 1);
	free(sent);
	input_free(&in);
	end();
}
END_TEST

/* Nothing was sent, so nothing can have been spent. */
static const struct unreached {
	const char *url, *code;
	int limit_ms;
} unreached[] = {
	{"http://127.0.0.1:1/", "refused", 5000},
	{"http://no-such-host.invalid/", "dns", 5000},
	{"http://169.254.169.254/latest/meta-data/", "blocked", 5000},
	{"http://[::ffff:169.254.169.254]/", "blocked", 5000},
	{"http://[fe80::1]/", "blocked", 5000},
	{"http://agent.slow/", "timeout", 200},
	{"https://127.0.0.1:PORT/", "tls", 5000}, /* it speaks no TLS */
};

START_TEST(test_unreached)
{
	const struct unreached *u = &unreached[_i];
	const char *port = strstr(u->url, "PORT");
	signal(SIGPIPE, SIG_IGN);
	peer = http_peer_start();
	jobs_stand_init(&stand);
	char *agents = xasprintf("a: { via: http, url: \"%.*s",
				 (int)(port ? port - u->url : 999), u->url);
	char *whole = port ? xasprintf("%s%d%s\" }", agents,
				       http_peer_port(peer), port + 4)
			   : xasprintf("%s\" }", agents);
	jobs_stand_load(&stand, whole, NULL);
	jobs_stand_open(&stand, 1);
	int64_t began = clock_mono_ms();
	struct input *in = jobs_stand_call(&stand, "a", u->limit_ms, REQUEST);
	int64_t took = clock_mono_ms() - began;
	ck_assert_ptr_nonnull(in);
	ck_assert_msg(strcmp(in->error_code, u->code) == 0, "%s: %s: %s",
		      u->url, in->error_code, in->text);
	ck_assert_msg(!in->reached, "%s reached", u->url);
	ck_assert_msg(took < patience_at_most_ms(2500), "%s took %lld ms",
		      u->url, (long long)took);
	ck_assert_int_eq(http_peer_requests(peer), 0);
	input_free(&in);
	jobs_stand_close(&stand);
	http_peer_stop(&peer);
	free(agents);
	free(whole);
}
END_TEST

static void wait_requests(int want)
{
	ck_assert(http_peer_wait_requests(peer, want));
	ck_assert_int_eq(http_peer_requests(peer), want);
}

/* A server whose certificate nobody vouches for is not spoken to. */
START_TEST(test_unknown_certificate)
{
	int pid = 0, port = 0;
	char line[256];
	jobs_stand_init(&stand);
	jobs_stand_script(
		&stand, "serve.sh",
		"#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 1\n"
		"openssl req -x509 -newkey ec -pkeyopt "
		"ec_paramgen_curve:prime256v1 -nodes -keyout key -out cert "
		"-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
		">/dev/null 2>&1 || { echo PID 0; exit 1; }\necho PID $$\n"
		"exec openssl s_server -accept 127.0.0.1:0 -cert cert -key key "
		"-www 2>&1\n");
	char *command = xasprintf("exec %s/serve.sh", stand.folder);
	FILE *server = popen(command, "r");
	ck_assert_ptr_nonnull(server);
	while (port == 0 && fgets(line, sizeof line, server)) {
		sscanf(line, "PID %d", &pid);
		sscanf(line, "ACCEPT 127.0.0.1:%d", &port);
	}
	if (port > 0) {
		char *agents = xasprintf(
			"a: { via: http, url: \"https://127.0.0.1:%d/\" }",
			port);
		jobs_stand_load(&stand, agents, NULL);
		jobs_stand_open(&stand, 1);
		struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
		ck_assert(in && !in->ok && !in->reached);
		ck_assert_str_eq(in->error_code, "tls");
		input_free(&in);
		free(agents);
		kill(pid, SIGKILL);
	} else {
		ck_assert_msg(pid == 0, "openssl s_server does not listen");
		printf("# openssl is not installed: no certificate tested\n");
	}
	pclose(server);
	free(command);
	jobs_stand_close(&stand);
}
END_TEST

START_TEST(test_cancel_running)
{
	begin(4, "/hang");
	int a = show_find_agent(stand.show, "a");
	for (int i = 1; i <= 4; i++)
		jobs_stand_ask(&stand, "a", i, 60000, REQUEST);
	wait_requests(4);
	int64_t began = clock_mono_ms();
	for (int i = 1; i <= 4; i++) {
		char key[32];
		snprintf(key, sizeof key, "r1/s/%d", i);
		pool_cancel_call(stand.pool, key, a);
	}
	ck_assert(jobs_stand_quiet(&stand));
	int64_t took = clock_mono_ms() - began;
	ck_assert_msg(took < patience_at_most_ms(5000),
		      "cancelling took %lld ms", (long long)took);
	/* The other side sees it, too. */
	ck_assert(http_peer_wait_closed(peer));
	ck_assert_ptr_null(mailbox_take(stand.engine));
	end();
}
END_TEST

START_TEST(test_cancel_lookup)
{
	jobs_stand_init(&stand);
	jobs_stand_load(&stand, "a: { via: http, url: \"http://x.slow/\" }",
			NULL);
	jobs_stand_open(&stand, 1);
	jobs_stand_ask(&stand, "a", 1, 60000, REQUEST);
	struct pool_figures f = {0};
	while (f.busy == 0)
		pool_figures(stand.pool, &f);
	int64_t began = clock_mono_ms();
	pool_cancel_call(stand.pool, "r1/s/1",
			 show_find_agent(stand.show, "a"));
	ck_assert(jobs_stand_quiet(&stand));
	int64_t took = clock_mono_ms() - began;
	ck_assert_msg(took < patience_at_most_ms(2500),
		      "cancelling took %lld ms", (long long)took);
	ck_assert_ptr_null(mailbox_take(stand.engine));
	jobs_stand_close(&stand);
}
END_TEST

START_TEST(test_cancel_queued)
{
	begin(1, "/hang");
	int a = show_find_agent(stand.show, "a");
	struct pool_figures f;
	for (int i = 1; i <= 5; i++)
		jobs_stand_ask(&stand, "a", i, 60000, REQUEST);
	wait_requests(1);
	pool_cancel_call(stand.pool, "r1/s/5", a);
	pool_cancel_call(stand.pool, "r1/s/3", a);
	pool_cancel_call(stand.pool, "r1/s/3", a + 100); /* another's */
	pool_figures(stand.pool, &f);
	ck_assert_int_eq(f.queued, 2);
	jobs_stand_ask(&stand, "a", 6, 60000, REQUEST);
	pool_cancel_call(stand.pool, "r1/s/1", a);
	wait_requests(2);
	pool_cancel_call(stand.pool, "r1/s/2", a);
	wait_requests(3);
	pool_cancel_call(stand.pool, "r1/s/4", a);
	wait_requests(4);
	pool_figures(stand.pool, &f);
	ck_assert_int_eq(f.queued, 0);
	ck_assert_int_eq(f.busy, 1);
	ck_assert_ptr_null(mailbox_take(stand.engine));
	end(); /* and a pool with a running job is freed at once */
}
END_TEST

START_TEST(test_queue_is_bounded)
{
	begin(1, "/hang");
	int a = show_find_agent(stand.show, "a"), took = 0;
	jobs_stand_ask(&stand, "a", 1, 60000, REQUEST);
	wait_requests(1);
	while (took < 5000 && pool_call(stand.pool, 0, a, 2, "r1/s/2", NULL, 0,
					60000, REQUEST))
		took++;
	ck_assert_int_eq(took, 4096);
	end();
}
END_TEST

START_TEST(test_too_late_in_queue)
{
	begin(1, "/hang");
	jobs_stand_ask(&stand, "a", 1, patience_waited_ms(2000), REQUEST);
	wait_requests(1);
	jobs_stand_ask(&stand, "a", 2, 50, REQUEST);
	struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
	ck_assert(in && in->attempt == 1 && in->reached);
	input_free(&in);
	in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
	ck_assert(in && in->attempt == 2 && !in->reached);
	ck_assert_str_eq(in->error_code, "timeout");
	ck_assert_int_eq(http_peer_requests(peer), 1);
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_many_at_once)
{
	begin(64, "/ok");
	for (int i = 1; i <= 64; i++)
		jobs_stand_ask(&stand, "a", i, 10000, REQUEST);
	bool seen[65] = {false};
	for (int i = 1; i <= 64; i++) {
		struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
		ck_assert(in && in->ok);
		ck_assert(!seen[in->attempt]);
		seen[in->attempt] = true;
		input_free(&in);
	}
	end();
}
END_TEST

START_TEST(test_no_descriptor_leaks)
{
	begin(2, "/ok");
	int before = 0;
	for (int i = 0; i < 200; i++) {
		struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
		ck_assert(in && in->ok);
		input_free(&in);
		ck_assert(jobs_stand_quiet(&stand));
		if (i == 20) { /* both threads have their client by now */
			ck_assert(http_peer_wait_closed(peer));
			before = jobs_count_fds();
		}
	}
	ck_assert(http_peer_wait_closed(peer));
	ck_assert_int_le(jobs_count_fds(), before + 3);
	end();
}
END_TEST

/* A full mailbox holds the answer back, and a cancel still drops it. */
START_TEST(test_full_mailbox)
{
	struct pool_settings settings = {.threads = 2};
	struct pool_figures f = {0};
	struct err err;
	begin(1, "/ok");
	struct mailbox *tight = mailbox_new(1, input_drop);
	struct pool *pool = pool_new(stand.show, &settings, tight, &err);
	int a = show_find_agent(stand.show, "a");
	ck_assert_ptr_nonnull(pool);
	for (int i = 1; i <= 3; i++) {
		char key[32];
		snprintf(key, sizeof key, "r1/s/%d", i);
		pool_call(pool, 0, a, i, key, NULL, 0, patience_ms(5000),
			  REQUEST);
		while (i == 1 && f.done == 0)
			pool_figures(pool, &f);
	}
	wait_requests(3);
	pool_cancel_call(pool, "r1/s/2", a);
	struct input *in = mailbox_wait(tight, patience_ms(5000));
	ck_assert(in && in->attempt == 1);
	input_free(&in);
	in = mailbox_wait(tight, patience_ms(5000));
	ck_assert(in && in->attempt == 3);
	input_free(&in);
	ck_assert_ptr_null(mailbox_take(tight));
	pool_free(&pool);
	mailbox_free(&tight);
	end();
}
END_TEST

START_TEST(test_settings)
{
	struct err err = {0};
	struct pool_settings settings = {.threads = 257};
	begin(1, "/ok");
	ck_assert_ptr_null(pool_new(stand.show, &settings, stand.engine, &err));
	ck_assert_int_eq(err.code, ERR_USAGE);
	struct input *in = jobs_stand_call(&stand, "idle", PLENTY_MS, REQUEST);
	ck_assert(in && !in->ok && !in->reached);
	ck_assert_str_eq(in->error_code, "unsupported");
	input_free(&in);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jobs: http agents");
	TCase *t = tcase_create("http");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, test_failure, 0, (int)COUNT_OF(failures));
	tcase_add_loop_test(t, test_success, 0, (int)COUNT_OF(successes));
	tcase_add_loop_test(t, test_unreached, 0, (int)COUNT_OF(unreached));
	tcase_add_test(t, test_request_as_sent);
	tcase_add_test(t, test_unknown_certificate);
	tcase_add_test(t, test_cancel_running);
	tcase_add_test(t, test_cancel_lookup);
	tcase_add_test(t, test_cancel_queued);
	tcase_add_test(t, test_queue_is_bounded);
	tcase_add_test(t, test_too_late_in_queue);
	tcase_add_test(t, test_many_at_once);
	tcase_add_test(t, test_no_descriptor_leaks);
	tcase_add_test(t, test_full_mailbox);
	tcase_add_test(t, test_settings);
	suite_add_tcase(suite, t);
	return tap_run(suite);
}

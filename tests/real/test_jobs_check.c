/* jobs: checks of the kinds http and tcp against a real peer. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "http_peer.h"
#include "jobs/check.h"
#include "jobs_stand.h"
#include "tap.h"

#define TOKEN "tok-0123456789abcdef"

static struct jobs_stand stand;
static struct http_peer *peer;

/* One test; "PORT" in it is the peer's. */
static void begin(const char *test)
{
	char port[16];
	struct buf b = {0};
	const char *at;
	signal(SIGPIPE, SIG_IGN);
	jobs_stand_init(&stand);
	peer = http_peer_start();
	snprintf(port, sizeof port, "%d", http_peer_port(peer));
	buf_adds(&b, "{\"cards\":[{\"card\":\"c\",\"tests\":[");
	while ((at = strstr(test, "PORT"))) {
		buf_add(&b, test, (size_t)(at - test));
		buf_adds(&b, port);
		test = at + 4;
	}
	buf_adds(&b, test);
	buf_adds(&b, "]}]}");
	jobs_stand_load(&stand, NULL, buf_str(&b));
	buf_release(&b);
}

static void end(void)
{
	jobs_stand_close(&stand);
	http_peer_stop(&peer);
}

/* What libcurl says of this thread's last exchange. */
static _Thread_local struct {
	curl_off_t dns_us, connect_us, first_byte_us, total_us;
} curls;

#undef curl_easy_getinfo
CURLcode curl_easy_getinfo(CURL *easy, CURLINFO what, ...)
{
	static _Thread_local CURLcode (*real)(CURL *, CURLINFO, ...);
	va_list args;
	va_start(args, what);
	void *out = va_arg(args, void *);
	va_end(args);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "curl_easy_getinfo");
	if (what == CURLINFO_STARTTRANSFER_TIME_T) {
		real(easy, CURLINFO_NAMELOOKUP_TIME_T, &curls.dns_us);
		real(easy, CURLINFO_CONNECT_TIME_T, &curls.connect_us);
		real(easy, what, &curls.first_byte_us);
		real(easy, CURLINFO_TOTAL_TIME_T, &curls.total_us);
	}
	return real(easy, what, out);
}

static const struct row {
	const char *test;
	const char *text; /* how the text begins */
	bool ok;
} rows[] = {
	{"{\"name\":\"t\",\"kind\":\"http\","
	 "\"endpoint\":\"http://127.0.0.1:PORT/status\",\"expected\":{"
	 "\"status\":200,\"content_type\":\"application/json\","
	 "\"/show\":\"adventure\",\"/n\":{\"gt\":4},\"/list/1\":\"b\","
	 "\"/none\":{\"type\":\"null\"},\"/list\":{\"contains\":\"a\"},"
	 "\"max_latency_ms\":4000,\"min_bytes\":10}}",
	 "status 200 in ", true},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/status\","
	 "\"expected\":{\"/n\":6}}",
	 "/n: wanted 6, got 5", false},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/closed\"}",
	 "status: wanted success, got 503", false},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/closed\","
	 "\"expected\":{\"status\":503}}",
	 "status 503 in ", true},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/html\","
	 "\"expected\":{\"/a\":1}}",
	 "/a: the answer is not JSON", false},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/hang\","
	 "\"timeout_ms\":700}",
	 "http://127.0.0.1:PORT/hang: no answer after ", false},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:1/\"}",
	 "http://127.0.0.1:1/: nobody listens there", false},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/huge\"}",
	 "http://127.0.0.1:PORT/huge: the answer is larger", false},
	{"{\"name\":\"t\",\"kind\":\"tcp\",\"endpoint\":\"127.0.0.1:PORT\"}",
	 "connected in ", true},
	{"{\"name\":\"t\",\"kind\":\"tcp\",\"endpoint\":\"127.0.0.1:PORT\","
	 "\"payload\":\"GET /ok HTTP/1.1\\r\\n\\r\\n\",\"expected\":{"
	 "\"banner\":\"HTTP/1.1 200\",\"max_connect_ms\":4000}}",
	 "connected in ", true},
	{"{\"name\":\"t\",\"kind\":\"tcp\",\"endpoint\":\"127.0.0.1:PORT\","
	 "\"payload\":\"GET /ok HTTP/1.1\\r\\n\\r\\n\",\"expected\":{"
	 "\"banner\":{\"matches\":\"gate opens\"}}}",
	 "connected in ", true},
	{"{\"name\":\"t\",\"kind\":\"tcp\",\"endpoint\":\"127.0.0.1:PORT\","
	 "\"timeout_ms\":700,\"expected\":{\"banner\":\"220 \"}}",
	 "banner: wanted to contain \"220 \", got \"\"", false},
	{"{\"name\":\"t\",\"kind\":\"tcp\",\"endpoint\":\"127.0.0.1:1\"}",
	 "127.0.0.1:1: nobody listens there", false},
	{"{\"name\":\"t\",\"kind\":\"obs\",\"endpoint\":\"obs:\"}",
	 "the show file names no OBS", false},
	{"{\"name\":\"t\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/cut\"}",
	 "http://127.0.0.1:PORT/cut: the connection ended within the answer",
	 false},
	{"{\"name\":\"t\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/cut-chunked\"}",
	 "http://127.0.0.1:PORT/cut-chunked: the connection ended within the "
	 "answer",
	 false},
	{"{\"name\":\"t\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/no-answer\"}",
	 "http://127.0.0.1:PORT/no-answer: the connection ended without an "
	 "answer",
	 false},
	{"{\"name\":\"t\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/not-http\"}",
	 "http://127.0.0.1:PORT/not-http: what answered does not speak HTTP",
	 false},
	{"{\"name\":\"t\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/two-lengths\"}",
	 "http://127.0.0.1:PORT/two-lengths: the answer's headers give two "
	 "lengths",
	 false},
	{"{\"name\":\"t\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/endless-chunks\"}",
	 "http://127.0.0.1:PORT/endless-chunks: the answer is larger than",
	 false},
	{"{\"name\":\"t\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/header-bomb\"}",
	 "http://127.0.0.1:PORT/header-bomb: the answer is larger than", false},
	{"{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/redirect\"}",
	 "status: wanted success, got 30", false},
	{"{\"name\":\"t\",\"endpoint\":\"https://127.0.0.1:PORT/ok\"}",
	 "https://127.0.0.1:PORT/ok: no trusted TLS connection", false},
	{"{\"name\":\"t\",\"timeout_ms\":2000,"
	 "\"endpoint\":\"http://127.0.0.1:PORT/drip\"}",
	 "http://127.0.0.1:PORT/drip: the answer was not complete after",
	 false},
	{"{\"name\":\"t\",\"kind\":\"rtmp\",\"timeout_ms\":700,"
	 "\"endpoint\":\"rtmp://127.0.0.1:PORT/live\"}",
	 "127.0.0.1:PORT: ", false},
	{"{\"name\":\"t\",\"kind\":\"obs\",\"timeout_ms\":20000,"
	 "\"endpoint\":\"ws://127.0.0.1:PORT/ok\"}",
	 "what answers is no OBS: HTTP/1.1 200", false},
	{"{\"name\":\"t\",\"kind\":\"redis\",\"timeout_ms\":700,"
	 "\"endpoint\":\"redis://127.0.0.1:PORT\"}",
	 "", false},
	{"{\"name\":\"t\",\"kind\":\"exec\",\"timeout_ms\":700,"
	 "\"payload\":{\"argv\":[\"sleep\",\"60\"]}}",
	 "sleep: not done in time, killed", false},
	{"{\"name\":\"t\",\"steps\":[{\"name\":\"a\",\"kind\":\"exec\","
	 "\"payload\":{\"argv\":[\"echo\",\"{\\\"id\\\":7}\"]},"
	 "\"keep\":{\"id\":\"/id\"}},"
	 "{\"name\":\"b\",\"endpoint\":\"http://127.0.0.1:PORT/closed\","
	 "\"expected\":{\"status\":200}}],"
	 "\"cleanup\":[{\"name\":\"c\",\"kind\":\"exec\",\"payload\":"
	 "{\"argv\":[\"test\",\"{{kept.id}}\",\"=\",\"7\"]}}]}",
	 "b: status: wanted 200, got 503", false},
	{"{\"name\":\"t\",\"endpoint\":\"audience:/status\"}",
	 "http://127.0.0.1:1/status: nobody listens", false},
};

START_TEST(test_row)
{
	const struct row *row = &rows[_i];
	begin(row->test);
	struct check_result r;
	int64_t began = clock_mono_ms();
	check_run(stand.show, 0, NULL, &r);
	ck_assert_int_lt((int)(clock_mono_ms() - began),
			 patience_at_most_ms(4000));
	char *want = xstrdup(row->text), *at = strstr(want, "PORT");
	if (at) {
		char *rest = at + 4, *whole;
		*at = '\0';
		whole = xasprintf("%s%d%s", want, http_peer_port(peer), rest);
		free(want);
		want = whole;
	}
	ck_assert_msg(r.ok == row->ok, "%s: %s", row->test, r.text);
	ck_assert_msg(strncmp(r.text, want, strlen(want)) == 0, "%s, not %s",
		      r.text, want);
	if (r.ok) {
		json_object *phases = json_get_object(r.detail, "phases");
		ck_assert_int_ge(json_get_int(phases, "connect_ms", -1), 0);
		ck_assert_int_ge(json_get_int(phases, "total_ms", -1), 0);
		ck_assert_int_eq(json_get_int(phases, "tls_ms", 0), -1);
		ck_assert_int_ge(r.total_ms, 0);
	}
	free(want);
	check_result_release(&r);
	end();
}
END_TEST

static void write_state(const char *name, const char *text)
{
	struct err err;
	char *folder = file_state_dir(stand.show->id);
	char *path = xasprintf("%s/%s", folder, name);
	ck_assert(file_make_dirs(folder, &err));
	ck_assert(file_write(path, text, strlen(text), 0600, &err));
	free(path);
	free(folder);
}

START_TEST(test_own_listener)
{
	begin("{\"name\":\"t\",\"endpoint\":\"operator:/secret?x=1\","
	      "\"expected\":{\"body\":{\"contains\":\"nothing\"}}}");
	struct check_result r;
	char address[64];
	check_run(stand.show, 0, NULL, &r);
	ck_assert(!r.ok);
	ck_assert_ptr_nonnull(strstr(r.text, "operator.token"));
	check_result_release(&r);

	snprintf(address, sizeof address, "0.0.0.0:%d\n", http_peer_port(peer));
	write_state("operator.addr", address);
	write_state("operator.token", TOKEN "\n");
	check_run(stand.show, 0, NULL, &r);
	ck_assert(!r.ok);
	const char *detail = json_text(r.detail);
	ck_assert_msg(!strstr(detail, TOKEN) && !strstr(detail, "hush") &&
			      !strstr(detail, "someone"),
		      "%s", detail);
	ck_assert_ptr_null(strstr(r.text, TOKEN));
	ck_assert_ptr_nonnull(strstr(detail, "Bearer ***"));
	check_result_release(&r);
	char *sent = http_peer_last(peer);
	ck_assert_ptr_nonnull(strstr(sent, "GET /secret?x=1 HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(
		strstr(sent, "\r\nAuthorization: Bearer " TOKEN "\r\n"));
	free(sent);
	end();
}
END_TEST

START_TEST(test_own_listener_by_tcp)
{
	begin("{\"name\":\"t\",\"kind\":\"tcp\","
	      "\"endpoint\":\"audience:/\"}");
	struct check_result r;
	char address[64];
	check_run(stand.show, 0, NULL, &r);
	ck_assert(!r.ok);
	ck_assert_ptr_nonnull(strstr(r.text, "127.0.0.1:1: nobody listens"));
	check_result_release(&r);
	snprintf(address, sizeof address, "*:%d\n", http_peer_port(peer));
	write_state("audience.addr", address);
	check_run(stand.show, 0, NULL, &r);
	ck_assert_msg(r.ok, "%s", r.text);
	check_result_release(&r);
	end();
}
END_TEST

START_TEST(test_payload_is_posted)
{
	begin("{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/ok\","
	      "\"payload\":{\"input\":\"The gate opens.\"}}");
	struct check_result r;
	check_run(stand.show, 0, NULL, &r);
	ck_assert_msg(r.ok, "%s", r.text);
	char *sent = http_peer_last(peer);
	ck_assert_ptr_nonnull(strstr(sent, "POST /ok "));
	ck_assert_ptr_nonnull(
		strstr(sent, "\r\n\r\n{\"input\":\"The gate opens.\"}"));
	free(sent);
	check_result_release(&r);
	end();
}
END_TEST

/* Beside curl's own of the same exchange; the peer's pauses are in both. */
START_TEST(test_times)
{
	begin("{\"name\":\"t\",\"timeout_ms\":20000,"
	      "\"endpoint\":\"http://127.0.0.1:PORT/in-parts\"}");
	struct check_result r;
	check_run(stand.show, 0, NULL, &r);
	ck_assert_msg(r.ok, "%s", r.text);
	const struct {
		const char *name;
		int64_t ours_ms, curls_us;
	} phases[] = {
		{"dns", r.dns_ms, curls.dns_us},
		{"connect", r.connect_ms, curls.connect_us - curls.dns_us},
		{"first byte", r.first_byte_ms, curls.first_byte_us},
	};
	for (size_t i = 0; i < COUNT_OF(phases); i++)
		ck_assert_msg(llabs(phases[i].ours_ms * 1000 -
				    phases[i].curls_us) <= 1000,
			      "%s: %lld ms, curl says %lld us", phases[i].name,
			      (long long)phases[i].ours_ms,
			      (long long)phases[i].curls_us);
	ck_assert_int_ge(curls.first_byte_us, 120 * 1000);
	ck_assert_int_ge(curls.total_us, 200 * 1000);
	ck_assert_int_ge(r.total_ms * 1000, curls.total_us);
	ck_assert_int_lt(r.total_ms,
			 curls.total_us / 1000 + patience_at_most_ms(5000));
	ck_assert_int_eq(r.tls_ms, -1);
	check_result_release(&r);
	end();
}
END_TEST

/* What was made is removed though the test has failed, or was stopped. */
START_TEST(test_cleanup)
{
	begin("{\"name\":\"t\",\"steps\":[{\"name\":\"make\",\"kind\":"
	      "\"exec\",\"payload\":{\"argv\":[\"touch\",\"made\"]},"
	      "\"keep\":{}},{\"name\":\"break\",\"kind\":\"exec\","
	      "\"payload\":{\"argv\":[\"false\"]}},{\"name\":\"never\","
	      "\"kind\":\"exec\",\"payload\":{\"argv\":[\"true\"]}}],"
	      "\"cleanup\":[{\"name\":\"remove\",\"kind\":\"exec\","
	      "\"payload\":{\"argv\":[\"rm\",\"made\"]}}]}");
	struct check_result r;
	check_run(stand.show, 0, NULL, &r);
	ck_assert_str_eq(r.text, "break: exit_status: wanted 0, got 1");
	json_object *steps = json_get_array(r.detail, "steps");
	json_object *cleanup = json_get_array(r.detail, "cleanup");
	ck_assert_uint_eq(json_object_array_length(steps), 2);
	ck_assert_uint_eq(json_object_array_length(cleanup), 1);
	ck_assert(json_get_bool(json_object_array_get_idx(cleanup, 0), "ok",
				false));
	char *made = xasprintf("%s/made", stand.folder);
	ck_assert_int_ne(access(made, F_OK), 0);
	check_result_release(&r);
	atomic_bool cancel = true;
	check_run(stand.show, 0, &cancel, &r);
	ck_assert(!r.ok);
	cleanup = json_get_array(r.detail, "cleanup");
	ck_assert_uint_eq(json_object_array_length(cleanup), 1);
	check_result_release(&r);
	free(made);
	end();
}
END_TEST

static void *raise_flag(void *flag)
{
	http_peer_wait_requests(peer, 1);
	atomic_store((atomic_bool *)flag, true);
	return NULL;
}

START_TEST(test_cancel)
{
	begin("{\"name\":\"t\",\"timeout_ms\":60000,"
	      "\"endpoint\":\"http://127.0.0.1:PORT/hang\"}");
	atomic_bool cancel = false;
	struct check_result r;
	pthread_t thread;
	int64_t began = clock_mono_ms();
	pthread_create(&thread, NULL, raise_flag, &cancel);
	check_run(stand.show, 0, &cancel, &r);
	ck_assert_int_lt((int)(clock_mono_ms() - began),
			 patience_at_most_ms(10000));
	ck_assert_str_eq(r.text, "cancelled");
	pthread_join(thread, NULL);
	check_result_release(&r);
	end();
}
END_TEST

START_TEST(test_in_pool)
{
	begin("{\"name\":\"t\",\"endpoint\":\"http://127.0.0.1:PORT/status\"},"
	      "{\"name\":\"u\",\"timeout_ms\":60000,"
	      "\"endpoint\":\"http://127.0.0.1:PORT/hang\"}");
	jobs_stand_open(&stand, 1);
	ck_assert(pool_check(stand.pool, 0));
	struct input *in = jobs_stand_wait(&stand, INPUT_CHECK, NULL);
	ck_assert(in && in->check.running && in->check.check == 0);
	input_free(&in);
	in = jobs_stand_wait(&stand, INPUT_CHECK, NULL);
	ck_assert(in && !in->check.running && in->check.ok);
	ck_assert_int_ge(in->check.latency_ms, 0);
	ck_assert(strncmp(in->check.text, "status 200", 10) == 0);
	ck_assert(in->check.phases &&
		  strstr(in->check.phases, "\"tls_ms\":-1"));
	ck_assert_ptr_null(in->check.failed);
	ck_assert(in->check.detail &&
		  strstr(in->check.detail, "\"kind\":\"http\""));
	input_free(&in);
	/* A pool that is freed ends a check that hangs. */
	ck_assert(pool_check(stand.pool, 1));
	in = jobs_stand_wait(&stand, INPUT_CHECK, NULL);
	ck_assert(in && in->check.running && in->check.check == 1);
	input_free(&in);
	int64_t began = clock_mono_ms();
	pool_free(&stand.pool);
	ck_assert_int_lt((int)(clock_mono_ms() - began),
			 patience_at_most_ms(10000));
	ck_assert_ptr_null(mailbox_take(stand.engine));
	end();
}
END_TEST

/* A thread keeps its client from check to check, and no connection. */
START_TEST(test_no_connection_stays)
{
	begin("{\"name\":\"t\",\"kind\":\"tcp\","
	      "\"endpoint\":\"127.0.0.1:PORT\",\"payload\":"
	      "\"GET /ok HTTP/1.1\\r\\n\\r\\n\","
	      "\"expected\":{\"banner\":\"200\"}}");
	jobs_stand_open(&stand, 1);
	int before = 0;
	for (int i = 0; i < 40; i++) {
		ck_assert(pool_check(stand.pool, 0));
		struct input *in = jobs_stand_wait(&stand, INPUT_CHECK, NULL);
		ck_assert(in && in->check.running);
		input_free(&in);
		in = jobs_stand_wait(&stand, INPUT_CHECK, NULL);
		ck_assert_msg(in && in->check.ok, "%s",
			      in ? in->check.text : "nothing");
		input_free(&in);
		ck_assert(jobs_stand_quiet(&stand));
		ck_assert(http_peer_wait_closed(peer));
		if (i == 3)
			before = jobs_count_fds();
	}
	ck_assert_int_le(jobs_count_fds(), before);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jobs: checks");
	TCase *t = tcase_create("check");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, test_row, 0, (int)COUNT_OF(rows));
	tcase_add_test(t, test_own_listener);
	tcase_add_test(t, test_own_listener_by_tcp);
	tcase_add_test(t, test_payload_is_posted);
	tcase_add_test(t, test_times);
	tcase_add_test(t, test_cleanup);
	tcase_add_test(t, test_cancel);
	tcase_add_test(t, test_in_pool);
	tcase_add_test(t, test_no_connection_stays);
	suite_add_tcase(suite, t);
	return tap_run(suite);
}

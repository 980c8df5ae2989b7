/*
 * checks_bench: what checks cost beside the bare calls that they are made of. A
 * JSON line for each: the times of one check beside libcurl's own for the same
 * address, and a hundred checks at once in a pool.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http_peer.h"
#include "jobs/check.h"
#include "jobs_stand.h"

#define ROUNDS 200
#define CHECKS 100

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int64_t median(int64_t *values, size_t n)
{
	qsort(values, n, sizeof *values, by_value);
	return values[n / 2];
}

static size_t swallow(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

/* What libcurl says, and what it takes by the clock. */
static int64_t bare(const char *url, int64_t *total_us)
{
	CURL *e = curl_easy_init();
	curl_off_t us = 0;
	int64_t began_us = clock_mono_us();
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_perform(e);
	curl_easy_getinfo(e, CURLINFO_TOTAL_TIME_T, &us);
	curl_easy_cleanup(e);
	*total_us = us;
	return clock_mono_us() - began_us;
}

static void one_by_one(struct jobs_stand *stand, const char *url)
{
	int64_t ours[ROUNDS], theirs[ROUNDS], told[ROUNDS], curls[ROUNDS];
	for (int i = 0; i < ROUNDS; i++) {
		struct check_result r;
		int64_t began_us = clock_mono_us();
		check_run(stand->show, 0, NULL, &r);
		ours[i] = clock_mono_us() - began_us;
		told[i] = r.total_ms;
		check_result_release(&r);
		theirs[i] = bare(url, &curls[i]);
	}
	int64_t mine = median(ours, ROUNDS), bare_us = median(theirs, ROUNDS);
	printf("{\"bench\":\"checks\",\"what\":\"one\",\"check_us\":%lld,"
	       "\"bare_us\":%lld,\"overhead_us\":%lld,\"told_ms\":%lld,"
	       "\"curl_told_us\":%lld}\n",
	       (long long)mine, (long long)bare_us, (long long)(mine - bare_us),
	       (long long)median(told, ROUNDS),
	       (long long)median(curls, ROUNDS));
}

static void all_at_once(struct jobs_stand *stand, int threads)
{
	int64_t slowest_ms = 0;
	int done = 0;
	jobs_stand_open(stand, threads);
	int64_t began_us = clock_mono_us();
	for (int i = 0; i < CHECKS; i++)
		pool_check(stand->pool, i);
	while (done < CHECKS) {
		struct input *in = jobs_stand_wait(stand, INPUT_CHECK, NULL);
		if (!in)
			exit(1);
		if (!in->check.running) {
			done++;
			if (in->check.latency_ms > slowest_ms)
				slowest_ms = in->check.latency_ms;
		}
		input_free(&in);
	}
	printf("{\"bench\":\"checks\",\"what\":\"hundred\",\"threads\":%d,"
	       "\"took_ms\":%lld,\"slowest_ms\":%lld}\n",
	       threads, (long long)((clock_mono_us() - began_us) / 1000),
	       (long long)slowest_ms);
	pool_free(&stand->pool);
	mailbox_free(&stand->engine);
}

int main(void)
{
	struct jobs_stand stand;
	struct http_peer *peer = http_peer_start();
	struct buf b = {0};
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	jobs_stand_init(&stand);
	char *url = xasprintf("http://127.0.0.1:%d/ok", http_peer_port(peer));
	buf_adds(&b, "{\"cards\":[{\"card\":\"c\",\"tests\":[");
	for (int i = 0; i < CHECKS; i++)
		buf_addf(&b,
			 "%s{\"name\":\"t%d\",\"endpoint\":\"%s\","
			 "\"timeout_ms\":30000,\"expected\":{\"status\":200,"
			 "\"/success\":true}}",
			 i ? "," : "", i, url);
	buf_adds(&b, "]}]}");
	jobs_stand_load(&stand, NULL, buf_str(&b));
	one_by_one(&stand, url);
	all_at_once(&stand, POOL_THREADS_DEFAULT);
	jobs_stand_close(&stand);
	http_peer_stop(&peer);
	buf_release(&b);
	free(url);
	return 0;
}

/*
 * gateway_bench SHOWCALLER [ROUNDS]: what the metering gateway costs, with 200
 * clients.
 *
 * The same requests go to the same model's server directly and through the
 * gateway, in turns; compare the two. Overhead is the difference of the
 * quantiles, of the first byte of the answer and of its last one, which waits
 * for the commit. Overspend is what was spent and leased beyond what there was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "llm_peer.h"
#include "load.h"
#include "stand.h"

#define CLIENTS 200
#define TOKENS	20 /* of an answer */

static const char yaml[] =
	"show: gateway-bench\n"
	"title: Gateway bench\n"
	"budget: { tokens: 1000000000 }\n"
	"agents:\n"
	"  worker: { via: bus, timeout_ms: 3600000 }\n"
	"  model: { via: llm, url: "
	"\"http://127.0.0.1:%d/tokens=%d+wait=20+slow=50"
	"/v1\", model: model }\n"
	"stages:\n"
	"  - { id: one, agents: [worker], outputs: [a], budget: { token_cap: "
	"500000000, time_cap_ms: 3600000 } }\n"
	"  - { id: two, agents: [worker], outputs: [b], budget: { token_cap: "
	"400000000, time_cap_ms: 3600000 } }\n";

/* --- streams -------------------------------------------------------------- */

struct pile {
	double *first, *whole;
	int count;
};

static void pile_add(struct pile *p, const struct load *l)
{
	size_t n = (size_t)(p->count + l->done);
	p->first = xreallocarray(p->first, n, sizeof(double));
	p->whole = xreallocarray(p->whole, n, sizeof(double));
	memcpy(p->first + p->count, l->first_ms,
	       (size_t)l->done * sizeof(double));
	memcpy(p->whole + p->count, l->whole_ms,
	       (size_t)l->done * sizeof(double));
	p->count = (int)n;
}

static void tell_overhead(const char *what, double *direct, double *through,
			  int n)
{
	double d50 = stand_quantile(direct, n, .5);
	double d99 = stand_quantile(direct, n, .99);
	double t50 = stand_quantile(through, n, .5);
	double t99 = stand_quantile(through, n, .99);
	printf("{\"bench\":\"gateway\",\"what\":\"%s\",\"streams\":%d,"
	       "\"direct_p50_ms\":%.3f,\"direct_p99_ms\":%.3f,"
	       "\"gateway_p50_ms\":%.3f,\"gateway_p99_ms\":%.3f,"
	       "\"overhead_p50_ms\":%.3f,\"overhead_p99_ms\":%.3f}\n",
	       what, CLIENTS, d50, d99, t50, t99, t50 - d50, t99 - d99);
}

static void bench_streams(int direct_port, int operator_port, const char *key,
			  int rounds)
{
	static const char body[] =
		"{\"model\":\"model\",\"stream\":true,\"max_tokens\":100,"
		"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
	char path[80];
	snprintf(path, sizeof path, "/tokens=%d+wait=20+slow=50/v1%s", TOKENS,
		 "/chat/completions");
	char *requests[2] = {
		load_post(path, "none", body),
		load_post("/llm/v1/chat/completions", key, body),
	};
	struct pile piles[2] = {{0}};
	for (int i = 0; i < 2 * rounds; i++) {
		struct load l = {
			.port = i % 2 ? operator_port : direct_port,
			.clients = CLIENTS,
			.total = 2 * CLIENTS,
			.request = requests[i % 2],
			.stagger_us = 5000,
		};
		load_run(&l);
		if (l.bad)
			stand_give_up("%d streams failed", l.bad);
		pile_add(&piles[i % 2], &l);
		load_release(&l);
	}
	tell_overhead("first byte", piles[0].first, piles[1].first,
		      piles[0].count);
	tell_overhead("last byte", piles[0].whole, piles[1].whole,
		      piles[0].count);
	for (int i = 0; i < 2; i++) {
		free(requests[i]);
		free(piles[i].first);
		free(piles[i].whole);
	}
}

/* --- what was spent ------------------------------------------------------- */

static void tell_overspend(const char *showcaller)
{
	char *line = xasprintf("'%s' status gateway-bench --json", showcaller);
	struct buf text = {0};
	char room[4096];
	size_t n;
	FILE *f = popen(line, "r");
	while (f && (n = fread(room, 1, sizeof room, f)) > 0)
		buf_add(&text, room, n);
	if (!f || pclose(f))
		stand_give_up("no status");
	json_object *o = json_read_str(buf_str(&text), &json_limits_own, NULL);
	json_object *b = json_get_object(o, "budget");
	int64_t over = json_get_int(b, "spent", 0) +
		       json_get_int(b, "leased", 0) -
		       json_get_int(b, "allocated", 0);
	printf("{\"bench\":\"gateway\",\"spent\":%lld,\"leased\":%lld,"
	       "\"allocated\":%lld,\"overspend\":%lld}\n",
	       (long long)json_get_int(b, "spent", -1),
	       (long long)json_get_int(b, "leased", -1),
	       (long long)json_get_int(b, "allocated", -1),
	       (long long)(over > 0 ? over : 0));
	json_object_put(o);
	buf_release(&text);
	free(line);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: gateway_bench SHOWCALLER [ROUNDS]\n");
		return 2;
	}
	int rounds = argc > 2 ? atoi(argv[2]) : 2;
	struct llm_peer *peer = llm_peer_start(0);
	if (!peer)
		return 69;
	char sum[HASH_HEX_BYTES];
	stand_begin("gateway_bench");
	char *show = xasprintf(yaml, llm_peer_port(peer), TOKENS);
	stand_start_core(argv[1], "gateway-bench", show);
	char *token = stand_state_line("gateway-bench", "operator.token");
	char *addr = stand_state_line("gateway-bench", "operator.addr");
	int port = atoi(strrchr(addr, ':') + 1);
	char *key = xasprintf("r1/one/1/worker.%.16s",
			      hash_hmac_hex(sum, token, "r1/one/1/worker"));
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_streams(llm_peer_port(peer), port, key, rounds);
	tell_overspend(argv[1]);
	stand_kill_core();
	llm_peer_stop(&peer);
	free(key);
	free(addr);
	free(token);
	free(show);
	return 0;
}

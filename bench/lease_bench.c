/* What a lease costs the core: deciding `lease` and `lease-settle`, as they
 * come from the bus, with some thousand leases held. Prints one JSON line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "core/core.h"
#include "show/show_read.h"

#define LEASES 200000
#define HELD   2000

static const char yaml[] =
	"show: t\n"
	"budget: { tokens: 1000000000000, cost: \"1000000\" }\n"
	"services: { gpu: { quota: { daily: 100000000000 } } }\n"
	"agents: { a: { via: bus, service: gpu,\n"
	"               quota: { episode: 100000000000 },\n"
	"               price: { input_per_mtok: \"1\" } } }\n"
	"stages: [ { id: s, agents: [a],\n"
	"            budget: { token_cap: 100000000000,\n"
	"                      time_cap_ms: 86400000 } } ]\n";

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct input *command(enum action_id action, int n, const char *a,
			     const char *b, const char *c)
{
	struct input *in = input_new(INPUT_COMMAND);
	const char *args[] = {a, b, c};
	in->action = action;
	in->id = xasprintf("%s-%d", action == ACTION_LEASE ? "lease" : "other",
			   n);
	in->by = xstrdup("bench");
	in->origin.kind = ORIGIN_BUS;
	snprintf(in->origin.id, sizeof in->origin.id, "%s", in->id);
	in->now_ms = 1000000 + n / 100;
	in->day = 20260101;
	for (int i = 0; i < 3 && args[i]; i++)
		in->args[i] = xstrdup(args[i]);
	return in;
}

/* Nanoseconds that the decision took. */
static int64_t decide(struct model *m, struct decision *d, struct input *in)
{
	decision_clear(d);
	int64_t began = now_ns();
	core_decide(m, in, d);
	int64_t took = now_ns() - began;
	input_free(&in);
	return took;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int64_t median(int64_t *ns, int percent)
{
	qsort(ns, LEASES, sizeof *ns, by_size);
	return ns[(int64_t)LEASES * percent / 100];
}

int main(void)
{
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(yaml, strlen(yaml), "bench.yaml", &problems);
	struct model *m = model_new(show);
	struct decision d = {0};
	int64_t *lease = xcalloc(LEASES, sizeof *lease);
	int64_t *settle = xcalloc(LEASES, sizeof *settle);
	int64_t sum = 0;
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r1");
	in->attended = true;
	in->now_ms = 1000000;
	in->day = 20260101;
	decide(m, &d, in);
	/* The call's own lease took the whole cap: some of it comes back. */
	decide(m, &d,
	       command(ACTION_LEASE_RETURN, -1, "r1/s/1/a", "90000000000",
		       NULL));
	for (int i = 0; i < LEASES; i++) {
		char id[64];
		lease[i] = decide(m, &d,
				  command(ACTION_LEASE, i, "s", "a", "1000"));
		sum += lease[i];
		if (d.event_count != 1) {
			fprintf(stderr, "lease_bench: lease %d: %s\n", i,
				d.effect_count ? d.effects[0].text : "?");
			return 1;
		}
		int old = i - HELD + 1;
		snprintf(id, sizeof id, "r1/s/1/a/%d", old > 0 ? old : i + 1);
		settle[i] = decide(
			m, &d,
			command(ACTION_LEASE_SETTLE, i, id, "700", NULL));
	}
	printf("{\"bench\":\"lease\",\"leases\":%d,\"p50_us\":%.2f,"
	       "\"p99_us\":%.2f,\"leases_per_s\":%.0f,\"settle_p50_us\":%.2f}"
	       "\n",
	       LEASES, (double)median(lease, 50) / 1000,
	       (double)median(lease, 99) / 1000,
	       (double)LEASES / ((double)sum / 1e9),
	       (double)median(settle, 50) / 1000);
	free(lease);
	free(settle);
	decision_release(&d);
	model_free(&m);
	show_unref(&show);
	show_problems_release(&problems);
	return 0;
}

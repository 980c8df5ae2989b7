/*
 * lease_storm: many clients ask a live core for leases over the bus at once,
 * extend, settle and repeat them; then the whole log is folded, and at every
 * event the ledger holds and nothing is overspent.
 *
 *   lease_storm SHOW STAGE AGENT CLIENTS ROUNDS
 *
 * Prints one line of JSON; ends with 1 when something did not hold.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/patience.h"
#include "base/mem.h"
#include "core/model.h"
#include "show/show_read.h"
#include "store/client.h"

#define ANSWER_MS 30000
#define PAGE	  1000

struct storm {
	const struct address *address;
	const char *show, *stage, *agent;
	int clients, rounds;
	atomic_int granted, refused, settled, lost, odd;
};

struct one {
	struct storm *storm;
	int number;
	pthread_t thread;
};

/* The answer as JSON, when it was yes. Caller puts. */
static json_object *ask(struct storm *s, struct client *c, const char *action,
			const char *a, const char *b, const char *d)
{
	const char *args[] = {a, b, d};
	char *text = NULL;
	struct err err = {0};
	bool ok = client_command(c, action, args, d ? 3 : 2, "storm", NULL,
				 patience_ms(ANSWER_MS), &text, &err);
	if (!ok && err.code == ERR_UNAVAILABLE)
		s->lost++;
	json_object *o =
		ok ? json_read_str(text, &json_limits_own, NULL) : NULL;
	free(text);
	return o;
}

static void use(struct storm *s, struct client *c, json_object *lease, int n)
{
	const char *id = json_get_str(lease, "lease", "");
	int64_t tokens = json_get_int(lease, "tokens", 0);
	char figure[32];
	if (n % 3 == 0) {
		json_object *more = ask(s, c, "lease-extend", id, "70", NULL);
		if (more && json_get_int(more, "tokens", 0) != tokens + 70)
			s->odd++;
		json_object_put(more);
	}
	if (n % 5 == 4)
		return; /* it is never settled: the call's end writes it off */
	snprintf(figure, sizeof figure, "%lld", (long long)tokens / 2);
	for (int again = 0; again < 2; again++) {
		json_object *o = ask(s, c, "lease-settle", id, figure, NULL);
		if (!o || json_get_int(o, "spent", -1) != tokens / 2)
			s->odd++;
		s->settled += o && !again;
		json_object_put(o);
	}
}

static void *client_thread(void *arg)
{
	struct one *one = arg;
	struct storm *s = one->storm;
	struct err err = {0};
	struct client *c = client_open(s->address, s->show, &err);
	for (int i = 0; c && i < s->rounds; i++) {
		char tokens[32];
		snprintf(tokens, sizeof tokens, "%d",
			 100 + (one->number * 37 + i * 101) % 800);
		json_object *o = ask(s, c, "lease", s->stage, s->agent, tokens);
		if (o) {
			s->granted++;
			use(s, c, o, one->number + i);
		} else {
			s->refused++;
		}
		json_object_put(o);
	}
	if (!c)
		s->lost++;
	client_close(&c);
	return NULL;
}

/* --- the log afterwards --------------------------------------------------- */

static struct show *read_show(struct client *c)
{
	struct err err = {0};
	struct show_problems problems = {0};
	char *text = client_definition(c, &err);
	struct show *show =
		text ? show_parse_json(text, strlen(text), "log", &problems)
		     : NULL;
	show_problems_release(&problems);
	free(text);
	return show;
}

/* True while every event leaves the ledger whole. */
static bool fold(struct client *c, struct model *m)
{
	struct event **events = NULL;
	struct err err = {0};
	int n;
	bool ok = true;
	while ((n = client_events(c, m->seq, PAGE, 0, &events, &err)) > 0) {
		for (int i = 0; i < n; i++) {
			const char *where = "";
			model_apply(m, events[i]);
			if (ok &&
			    (!ledger_holds(&m->ledger, m->show->stage_count,
					   m->show->agent_count, &where) ||
			     scope_over(&m->ledger.episode.tokens))) {
				fprintf(stderr, "event %llu: %s\n",
					(unsigned long long)m->seq, where);
				ok = false;
			}
			event_free(&events[i]);
		}
		free(events);
	}
	return ok && n == 0;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	if (argc != 6)
		return 2;
	struct storm s = {.show = argv[1],
			  .stage = argv[2],
			  .agent = argv[3],
			  .clients = atoi(argv[4]),
			  .rounds = atoi(argv[5])};
	struct address *address = address_of_show(s.show, &err);
	s.address = address;
	struct one *all = xcalloc((size_t)s.clients, sizeof *all);
	struct client *c = address ? client_open(address, s.show, &err) : NULL;
	if (!c) {
		fprintf(stderr, "lease_storm: %s\n", err.text);
		return 1;
	}
	for (int i = 0; i < s.clients; i++) {
		all[i] = (struct one){.storm = &s, .number = i};
		if (pthread_create(&all[i].thread, NULL, client_thread,
				   &all[i]) != 0)
			return 1;
	}
	for (int i = 0; i < s.clients; i++)
		pthread_join(all[i].thread, NULL);
	struct show *show = read_show(c);
	struct model *m = show ? model_new(show) : NULL;
	bool ok = m && fold(c, m);
	if (m)
		printf("{\"granted\":%d,\"refused\":%d,\"settled\":%d,"
		       "\"lost\":%d,\"odd\":%d,\"leased\":%lld,\"spent\":%lld,"
		       "\"allocated\":%lld,\"holds\":%s}\n",
		       s.granted, s.refused, s.settled, s.lost, s.odd,
		       (long long)m->ledger.episode.tokens.leased,
		       (long long)m->ledger.episode.tokens.spent,
		       (long long)m->ledger.episode.tokens.allocated,
		       ok ? "true" : "false");
	if (m)
		model_free(&m);
	show_unref(&show);
	client_close(&c);
	address_free(&address);
	free(all);
	return ok && !s.lost && !s.odd ? 0 : 1;
}

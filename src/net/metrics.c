/* metrics: the Prometheus text format 0.0.4. Names and labels are fixed, so
 * nothing from outside can make more series. */
#include "net/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/ws.h"

#define OBS_OLD_MS 5000 /* figures that are older say nothing */

static void head(struct buf *b, const char *name, const char *type,
		 const char *help)
{
	buf_addf(b, "# HELP showcaller_%s %s\n# TYPE showcaller_%s %s\n", name,
		 help, name, type);
}

static void one(struct buf *b, const char *name, const char *type,
		const char *help, long long v)
{
	head(b, name, type, help);
	buf_addf(b, "showcaller_%s %lld\n", name, v);
}

/* A label's value, escaped as the format wants it. */
static void label(struct buf *b, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_addc(b, '\\');
		buf_addc(b, *value);
	}
}

/* One of a series: showcaller_NAME{OF="ID"} V. */
static void item(struct buf *b, const char *name, const char *of,
		 const char *id, long long v)
{
	buf_addf(b, "showcaller_%s{%s=\"", name, of);
	label(b, id);
	buf_addf(b, "\"} %lld\n", v);
}

static void add_run(struct buf *b, const struct model *m)
{
	head(b, "run_state", "gauge", "1 for the state the run is in.");
	for (int s = RUN_NONE; s <= RUN_CANCELLED; s++)
		item(b, "run_state", "state", run_state_name((enum run_state)s),
		     (int)m->run.state == s);
	long long stages[STAGE_STATES] = {0};
	for (size_t i = 0; i < m->show->stage_count; i++)
		stages[m->stages[i].state]++;
	head(b, "stages", "gauge", "Stages by state.");
	for (int s = 0; s < STAGE_STATES; s++)
		item(b, "stages", "state",
		     stage_state_name((enum stage_state)s), stages[s]);
}

static void add_scope(struct buf *b, const char *name, const char *help,
		      const struct scope *s)
{
	const struct {
		const char *kind;
		long long v;
	} rows[] = {
		{"allocated", s->allocated}, {"remaining", scope_remaining(s)},
		{"leased", s->leased},	     {"spent", s->spent},
		{"over", scope_over(s)},
	};
	head(b, name, "gauge", help);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		item(b, name, "kind", rows[i].kind, rows[i].v);
}

static void add_budget(struct buf *b, const struct model *m)
{
	add_scope(b, "tokens", "Tokens of the episode.",
		  &m->ledger.episode.tokens);
	add_scope(b, "money_micros",
		  "Money of the episode, in millionths of the show's currency.",
		  &m->ledger.episode.cost);
	one(b, "cost_micros", "gauge",
	    "Money spent, in millionths of the show's currency.",
	    m->ledger.episode.cost.spent);
}

static void add_spent(struct buf *b, const struct model *m)
{
	const struct show *show = m->show;
	const struct usage *u = &m->usage;
	head(b, "stage_tokens_spent", "gauge",
	     "Tokens that the run's stages spent, those that spent any.");
	for (size_t i = 0; i < show->stage_count; i++)
		if (m->ledger.stages[i].tokens.spent)
			item(b, "stage_tokens_spent", "stage",
			     show->stages[i].id,
			     m->ledger.stages[i].tokens.spent);
	head(b, "stage_cost_micros", "gauge",
	     "Money that the run's stages spent, those that spent any.");
	for (size_t i = 0; i < show->stage_count; i++)
		if (m->ledger.stages[i].cost.spent)
			item(b, "stage_cost_micros", "stage",
			     show->stages[i].id,
			     m->ledger.stages[i].cost.spent);
	head(b, "agent_tokens_spent", "gauge",
	     "Tokens that the run's agents spent.");
	for (size_t i = 0; i < show->agent_count; i++)
		item(b, "agent_tokens_spent", "agent", show->agents[i].id,
		     m->ledger.agents[i].tokens.spent);
	head(b, "model_tokens_spent", "gauge",
	     "Tokens that the run spent, by model.");
	for (size_t i = 0; i < u->model_count; i++)
		item(b, "model_tokens_spent", "model", u->models[i].name,
		     u->models[i].spent.tokens);
	struct usage_outlook end = usage_outlook(m);
	one(b, "tokens_outlook", "gauge",
	    "Tokens that the run will likely have spent at its end.",
	    end.likely);
}

static void add_polls(struct buf *b, struct web *web)
{
	long long open = 0, votes = 0, from[BALLOTS_FROMS] = {0};
	for (size_t i = 0; i < web->poll_count; i++) {
		const struct web_tally *t = &web->tallies[i];
		const struct poll_run *p = web->model->stages[t->stage].poll;
		if (!p)
			continue;
		bool is_open =
			p->state == POLL_OPEN || p->state == POLL_EXTENDED;
		open += is_open;
		bool newer = is_open && t->fresh;
		votes += newer ? t->total : p->total;
		for (int k = 0; k < BALLOTS_FROMS; k++)
			from[k] += newer ? t->from.of[k] : p->from.of[k];
	}
	one(b, "polls_open", "gauge", "Polls that take votes.", open);
	one(b, "votes", "gauge", "Votes of all polls of this run.", votes);
	head(b, "votes_cast", "gauge",
	     "The same by where they came from, with those of bursts that are "
	     "excluded.");
	for (int k = 0; k < BALLOTS_FROMS; k++) {
		const char *name = ballots_from_name((enum ballots_from)k);
		if (name)
			item(b, "votes_cast", "source", name, from[k]);
	}
}

static void add_checks(struct buf *b, const struct model *m)
{
	long long n[CHECK_FAIL + 1] = {0};
	for (size_t i = 0; i < m->show->check_count; i++)
		n[m->checks[i].state]++;
	head(b, "checks", "gauge", "Checks by their last result.");
	for (int s = 0; s <= CHECK_FAIL; s++)
		item(b, "checks", "state",
		     check_state_name((enum check_state)s), n[s]);
}

static void add_connections(struct buf *b, struct web *web)
{
	struct ws *ws = web->net->ws;
	head(b, "connections", "gauge", "Open connections.");
	const struct {
		const char *kind;
		size_t count;
	} rows[] = {
		{"operator_http", web->sides[SIDE_OPERATOR].conn_count},
		{"audience_http", web->sides[SIDE_AUDIENCE].conn_count},
		{"operator_ws", ws_clients(ws, SIDE_OPERATOR)},
		{"audience_ws", ws_clients(ws, SIDE_AUDIENCE)},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		item(b, "connections", "kind", rows[i].kind,
		     (long long)rows[i].count);
	head(b, "http_requests_total", "counter",
	     "Requests by listener and hundred of the status.");
	for (int s = 0; s < SIDES; s++)
		for (int i = 1; i <= 5; i++)
			buf_addf(b,
				 "showcaller_http_requests_total{listener="
				 "\"%s\",status=\"%dxx\"} %llu\n",
				 s == SIDE_OPERATOR ? "operator" : "audience",
				 i,
				 (unsigned long long)web->sides[s].requests[i]);
}

static void add_rest(struct buf *b, struct web *web)
{
	const struct model *m = web->model;
	const struct obs_facts *obs = &m->obs.facts;
	one(b, "events_total", "counter", "Events of the show's log.",
	    (long long)m->seq);
	one(b, "inbox_items", "gauge", "Questions that wait for a human.",
	    (long long)m->inbox.count);
	one(b, "alarms", "gauge", "Alarms that are up.",
	    (long long)m->alarm_count);
	one(b, "redis_up", "gauge", "1 while Redis answers.", web->redis_ok);
	if (web->redis_rtt_us >= 0) {
		head(b, "redis_rtt_seconds", "gauge",
		     "Last round trip to Redis.");
		buf_addf(b, "showcaller_redis_rtt_seconds %lld.%06lld\n",
			 (long long)(web->redis_rtt_us / 1000000),
			 (long long)(web->redis_rtt_us % 1000000));
	}
	one(b, "obs_connected", "gauge", "1 while OBS is connected.",
	    obs->connected);
	one(b, "obs_streaming", "gauge", "1 while OBS streams.",
	    obs->streaming);
	one(b, "obs_recording", "gauge", "1 while OBS records.",
	    obs->recording);
}

/* Of a stream that is none, and of an OBS that is away, nothing is said: a
 * series that ends is seen, and a nought would look like news. */
static void add_obs(struct buf *b, struct web *web)
{
	static const struct {
		const char *key, *name, *help;
		double scale;
	} figures[] = {
		{"kbps", "obs_stream_bits_per_second", "What the stream sends.",
		 1000},
		{"dropped", "obs_stream_dropped_frames",
		 "Frames of this stream that the network dropped.", 1},
		{"total", "obs_stream_frames", "Frames of this stream.", 1},
		{"congestion", "obs_stream_congestion",
		 "How full the line of the stream is, 0 to 1.", 1},
		{"stream_ms", "obs_stream_seconds",
		 "How long this stream runs.", 0.001},
		{"record_ms", "obs_record_seconds",
		 "How long this recording runs.", 0.001},
		{"skipped", "obs_render_skipped_frames",
		 "Frames that OBS drew too late, since it began.", 1},
		{"encoder_skipped", "obs_encoder_skipped_frames",
		 "Frames that its encoder left out, since it began.", 1},
		{"fps", "obs_fps", "Frames that OBS draws in a second.", 1},
		{"free_mb", "obs_disk_free_bytes",
		 "What is free where OBS records.", 1048576},
	};
	const struct model *m = web->model;
	json_object *f = m->obs.facts.connected && web->obs_figures
				 ? json_read_str(web->obs_figures,
						 &json_limits_own, NULL)
				 : NULL;
	int64_t age_ms = clock_show_ms() - json_get_int(f, "at", 0);
	one(b, "obs_stream_reconnecting", "gauge",
	    "1 while OBS tries to reach its ingest again.",
	    m->obs.facts.reconnecting);
	for (size_t i = 0; i < COUNT_OF(figures) && age_ms < OBS_OLD_MS; i++) {
		bool stream = i < 5, record = i == 5;
		if ((stream && !m->obs.facts.streaming) ||
		    (record && !m->obs.facts.recording))
			continue;
		head(b, figures[i].name, "gauge", figures[i].help);
		buf_addf(b, "showcaller_%s %.3f\n", figures[i].name,
			 json_get_num(f, figures[i].key, 0) * figures[i].scale);
	}
	json_object_put(f);
}

void api_metrics(struct request *r)
{
	struct buf b = {0};
	one(&b, "up", "gauge", "1: the core runs.", 1);
	add_run(&b, r->web->model);
	add_budget(&b, r->web->model);
	add_spent(&b, r->web->model);
	add_polls(&b, r->web);
	add_checks(&b, r->web->model);
	add_connections(&b, r->web);
	add_rest(&b, r->web);
	if (r->web->net->show->obs.given)
		add_obs(&b, r->web);
	size_t bytes = b.len;
	char *text = buf_take(&b);
	http_respond(r, 200, "text/plain; version=0.0.4; charset=utf-8", &text,
		     bytes);
}

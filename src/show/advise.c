/* What is not strictly wrong, but will surprise somebody on the night. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "show/names.h"
#include "show/read.h"

static struct node *stage_member(const struct reader *r, size_t i,
				 const char *section, const char *key)
{
	struct node *n = r->stage_nodes[i];
	if (section)
		n = node_get(n, section);
	return node_get(n, key);
}

/* --- tokens -------------------------------------------------------------- */

static void advise_caps(struct reader *r)
{
	const struct show *show = r->show;
	const struct show_budget *b = &show->budget;
	struct node *tokens =
		node_get(node_get(r->tree.root, "budget"), "tokens");
	int64_t sum = 0;
	for (size_t i = 0; i < show->stage_count; i++) {
		const struct show_stage *s = &show->stages[i];
		struct node *cap = stage_member(r, i, "budget", "token_cap");
		if (s->token_cap == SHOW_UNSET || !s->agent_count)
			continue;
		sum += s->token_cap;
		if (cap && b->tokens != SHOW_UNSET && s->token_cap > b->tokens)
			read_warn(r, cap,
				  "token_cap (%lld) is more than the whole "
				  "episode has (%lld)",
				  (long long)s->token_cap,
				  (long long)b->tokens);
		for (size_t k = 0; cap && k < s->agent_count; k++) {
			const struct show_agent *a =
				&show->agents[s->agents[k]];
			if (a->quota_episode != SHOW_UNSET &&
			    s->token_cap > a->quota_episode)
				read_warn(r, cap,
					  "token_cap (%lld) is more than the "
					  "quota of agent '%s' (%lld)",
					  (long long)s->token_cap, a->id,
					  (long long)a->quota_episode);
		}
	}
	if (tokens && sum > b->tokens)
		read_warn(r, tokens,
			  "the token caps of all stages add up to %lld, more "
			  "than budget.tokens (%lld)",
			  (long long)sum, (long long)b->tokens);
}

/* What nobody could price is refused when it is to be leased. */
static void advise_prices(struct reader *r)
{
	const struct show *show = r->show;
	for (size_t i = 0; i < show->stage_count; i++) {
		const struct show_stage *s = &show->stages[i];
		struct node *agents = stage_member(r, i, NULL, "agents");
		if (show->budget.cost_micros == SHOW_UNSET ||
		    s->cost_cap_micros != SHOW_UNSET || s->poll)
			continue;
		for (size_t k = 0; agents && k < s->agent_count; k++) {
			const struct show_agent *a =
				&show->agents[s->agents[k]];
			bool priced = a->price_input_micros != SHOW_UNSET ||
				      a->price_output_micros != SHOW_UNSET;
			if (a->via == VIA_NOOP ||
			    (priced && s->token_cap != SHOW_UNSET))
				continue;
			read_key_warn(r, agents,
				      "nobody can tell what '%s' may cost "
				      "here, and budget.cost counts money: "
				      "give %s, or the stage will fail",
				      a->id,
				      priced ? "the stage a token_cap or a "
					       "cost_cap"
					     : "it a price, or the stage a "
					       "cost_cap");
			break;
		}
	}
}

static void advise_reserve(struct reader *r)
{
	const struct show *show = r->show;
	struct node *reserve =
		node_get(node_get(r->tree.root, "budget"), "reserve");
	bool any = false;
	for (size_t i = 0; i < show->stage_count; i++) {
		const struct show_stage *s = &show->stages[i];
		struct node *finale = stage_member(r, i, NULL, "finale");
		any |= s->finale;
		if (s->finale && show->budget.reserve == 0)
			read_key_warn(r, finale,
				      "'finale' has no effect: budget.reserve "
				      "is 0");
	}
	if (reserve && show->budget.reserve > 0 && !any)
		read_key_warn(r, reserve,
			      "no stage is marked 'finale': the reserve can "
			      "only be spent on approval");
}

/* --- time ---------------------------------------------------------------- */

/* The longest that a stage can take, or SHOW_UNSET when nothing bounds it. */
static int64_t longest_ms(const struct show *show, const struct show_stage *s)
{
	int64_t call = 0, all = 0;
	if (s->poll) {
		all = s->poll->open_ms;
		if (s->poll->undecided == UNDECIDED_EXTEND)
			all += s->poll->extend_ms * s->poll->max_extensions;
		return all;
	}
	for (size_t i = 0; i < s->agent_count; i++) {
		int64_t ms = show_call_limit_ms(s, &show->agents[s->agents[i]]);
		if (ms > call)
			call = ms;
	}
	for (int i = 1; i <= s->retry.max_attempts; i++)
		all += call + show_retry_delay_ms(&s->retry, i);
	return all;
}

static void advise_time(struct reader *r, size_t i)
{
	const struct show *show = r->show;
	const struct show_stage *s = &show->stages[i];
	struct node *expect = stage_member(r, i, NULL, "expect_ms");
	struct node *after = stage_member(r, i, "rehearsal", "after_ms");
	struct node *cap = stage_member(r, i, "budget", "time_cap_ms");
	int64_t longest = longest_ms(show, s);
	if (expect && s->expect_ms > longest)
		read_warn(r, expect,
			  "expect_ms (%lld) is longer than the stage can "
			  "take (%lld)",
			  (long long)s->expect_ms, (long long)longest);
	if (s->poll) {
		if (cap && s->poll->open_ms > s->time_cap_ms)
			read_warn(r, cap,
				  "time_cap_ms (%lld) is shorter than the "
				  "poll is open (%lld)",
				  (long long)s->time_cap_ms,
				  (long long)s->poll->open_ms);
		return;
	}
	for (size_t k = 0; after && k < s->agent_count; k++) {
		const struct show_agent *a = &show->agents[s->agents[k]];
		int64_t limit = show_call_limit_ms(s, a);
		if (s->rehearsal.after_ms <= limit)
			continue;
		read_warn(r, after,
			  "the rehearsal answers after %lld ms, but a call of "
			  "'%s' is ended after %lld: every attempt will fail",
			  (long long)s->rehearsal.after_ms, a->id,
			  (long long)limit);
		break;
	}
}

static void advise_rehearsal(struct reader *r, size_t i)
{
	const struct show_stage *s = &r->show->stages[i];
	struct node *fail = stage_member(r, i, "rehearsal", "fail_first");
	if (fail && s->rehearsal.fail_first >= s->retry.max_attempts)
		read_warn(r, fail,
			  "the rehearsal fails %lld times and the stage is "
			  "tried %lld times: it will fail",
			  (long long)s->rehearsal.fail_first,
			  (long long)s->retry.max_attempts);
}

/* Beyond the cap the audience is not asked. */
static void advise_polls(struct reader *r)
{
	const struct show *show = r->show;
	struct node *cap =
		node_get(node_get(r->tree.root, "polls"), "max_per_episode");
	int64_t polls = 0;
	for (size_t i = 0; i < show->stage_count; i++)
		polls += show->stages[i].poll != NULL;
	if (cap && show->polls.max_per_episode < polls)
		read_warn(r, cap,
			  "the show has %lld polls: those beyond %lld are "
			  "decided without the audience",
			  (long long)polls,
			  (long long)show->polls.max_per_episode);
}

/* --- what nobody uses, and scenes nobody has -------------------------------
 */

static void advise_unused(struct reader *r)
{
	const struct show *show = r->show;
	bool *used = xcalloc(show->agent_count + 1, sizeof *used);
	for (size_t i = 0; i < show->stage_count; i++) {
		const struct show_stage *s = &show->stages[i];
		for (size_t k = 0; k < s->agent_count; k++)
			used[s->agents[k]] = true;
		for (size_t k = 0; k < s->veto_count; k++)
			used[s->veto[k]] = true;
	}
	for (size_t i = 0; i < show->agent_count; i++) {
		int to = show_find_agent(show, show->agents[i].fallback_agent);
		if (to >= 0)
			used[to] = true;
	}
	const struct node *map = node_get(r->tree.root, "agents");
	const struct node *c = map ? map->child : NULL;
	for (size_t i = 0; i < show->agent_count && c; i++, c = c->next)
		if (!used[i])
			read_key_warn(r, c, "no stage uses the agent '%s'",
				      c->key);
	free(used);
}

static void advise_scene(struct reader *r, const struct node *n,
			 const char *scene)
{
	const struct show_names *scenes = &r->show->obs.scenes;
	char hint[HINT_BYTES], quote[QUOTE_BYTES];
	if (scenes->count == 0)
		return;
	const char **names =
		xreallocarray(NULL, scenes->count + 1, sizeof *names);
	bool known = false;
	for (size_t i = 0; i < scenes->count; i++) {
		names[i] = scenes->items[i];
		known |= strcmp(names[i], scene) == 0;
	}
	names[scenes->count] = NULL;
	if (!known)
		read_warn(r, n, "%s is not one of obs.scenes%s",
			  read_quote(quote, n), read_hint(hint, scene, names));
	free(names);
}

static void advise_scenes(struct reader *r)
{
	const struct show *show = r->show;
	struct node *obs = node_get(r->tree.root, "obs");
	struct node *safe = node_get(obs, "safe_scene");
	struct node *list = node_get(r->tree.root, "rules");
	if (safe)
		advise_scene(r, safe, show->obs.safe_scene);
	if (obs && !safe)
		read_warn(r, obs,
			  "there is no 'safe_scene': panic will not change "
			  "the scene");
	const struct node *c = list ? list->child : NULL;
	for (size_t i = 0; i < show->rule_count && c; i++, c = c->next) {
		struct node *scene = node_get(node_get(c, "do"), "obs_scene");
		if (!scene)
			continue;
		if (show->obs.given)
			advise_scene(r, scene, scene->text);
		else
			read_warn(r, c,
				  "the rule has no effect: the show has no "
				  "'obs'");
	}
}

/* A key on its way through a network that others share. */
static void advise_keys(struct reader *r)
{
	static const char *const near[] = {"http://127.", "http://localhost",
					   "http://[::1]"};
	const struct show *show = r->show;
	const struct node *map = node_get(r->tree.root, "agents");
	const struct node *c = map ? map->child : NULL;
	for (size_t i = 0; i < show->agent_count && c; i++, c = c->next) {
		const struct show_agent *a = &show->agents[i];
		bool plain = a->via == VIA_LLM && a->url &&
			     strncmp(a->url, "http://", 7) == 0 &&
			     (a->key_env || a->key_file);
		for (size_t k = 0; plain && k < COUNT_OF(near); k++)
			plain = strncmp(a->url, near[k], strlen(near[k])) != 0;
		if (plain)
			read_warn(r, node_get(c, "url"),
				  "the key of agent '%s' goes over the network "
				  "unencrypted: use https",
				  c->key);
	}
}

/* What a step of a check keeps, as "{{...}}", is not known here. */
void read_program(struct reader *r, const struct node *argv)
{
	const struct node *word =
		argv && argv->kind == NODE_LIST ? argv->child : NULL;
	char quote[QUOTE_BYTES];
	if (r->kept || !word ||
	    (word->kind != NODE_PLAIN && word->kind != NODE_TEXT) ||
	    strstr(word->text, "{{"))
		return;
	char *found = file_program(r->show->path, word->text);
	if (!found)
		read_warn(r, word,
			  "the program %s is not %s, or may not be run",
			  read_quote(quote, word),
			  strchr(word->text, '/') ? "there" : "in PATH");
	free(found);
}

void advise_show(struct reader *r)
{
	advise_caps(r);
	advise_reserve(r);
	advise_prices(r);
	for (size_t i = 0; i < r->show->stage_count; i++) {
		advise_time(r, i);
		advise_rehearsal(r, i);
	}
	advise_polls(r);
	advise_unused(r);
	advise_keys(r);
	advise_scenes(r);
}

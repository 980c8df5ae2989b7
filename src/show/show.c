#include "show/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "show/names.h"
#include "show/schema.h"

int show_find_stage(const struct show *show, const char *id)
{
	return names_find(&show->index->stages, id);
}

int show_find_poll(const struct show *show, const char *id)
{
	int stage = show_find_stage(show, id);
	if (stage >= 0)
		return show->stages[stage].poll ? stage : -1;
	int place = id[0] >= '1' && id[0] <= '0' + SHOW_POLL_PLACES && !id[1]
			    ? id[0] - '1'
			    : -1;
	return place >= 0 ? (int)show->stage_count + place : -1;
}

size_t show_poll_places(const struct show *show)
{
	return show->stage_count + SHOW_POLL_PLACES;
}

int show_find_name(const struct show *show, const char *stage_or_output)
{
	int i = names_find(&show->index->outputs, stage_or_output);
	return i == NAME_AMBIGUOUS ? NAME_NONE : i;
}

int show_find_agent(const struct show *show, const char *id)
{
	return names_find(&show->index->agents, id);
}

int show_find_option(const struct show_poll *poll, const char *id)
{
	for (size_t i = 0; id && i < poll->option_count; i++)
		if (poll->options[i].id && strcmp(poll->options[i].id, id) == 0)
			return (int)i;
	return -1;
}

int show_find_check(const struct show *show, const char *card, const char *test)
{
	char key[512]; /* both are at most 120 bytes in a show */
	if (!card || !test ||
	    snprintf(key, sizeof key, "%s\n%s", card, test) >= (int)sizeof key)
		return -1;
	return names_find(&show->index->checks, key);
}

int show_find_check_name(const struct show *show, const char *name)
{
	for (size_t i = 0; i < show->check_count; i++) {
		const struct show_check *c = &show->checks[i];
		size_t n = strlen(c->card);
		if (strncmp(name, c->card, n) == 0 && name[n] == '/' &&
		    strcmp(name + n + 1, c->name) == 0)
			return (int)i;
	}
	return -1;
}

int64_t show_retry_delay_ms(const struct show_retry *retry, int attempt)
{
	double ms = (double)retry->backoff_ms;
	double most = (double)retry->max_backoff_ms;
	for (int i = 2; i < attempt && ms < most && retry->multiplier > 1; i++)
		ms *= retry->multiplier;
	return attempt < 2 ? 0
	       : ms < most ? (int64_t)ms
			   : retry->max_backoff_ms;
}

int64_t show_call_limit_ms(const struct show_stage *stage,
			   const struct show_agent *agent)
{
	if (stage->time_cap_ms != SHOW_UNSET &&
	    stage->time_cap_ms < agent->timeout_ms)
		return stage->time_cap_ms;
	return agent->timeout_ms;
}

struct show *show_ref(struct show *show)
{
	REQUIRE(__atomic_fetch_add(&show->refs, 1, __ATOMIC_RELAXED) > 0);
	return show;
}

void show_unref(struct show **show)
{
	struct show *s = *show;
	*show = NULL;
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_release(&s->arena);
	free(s);
}

const char *show_via_name(enum show_via via)
{
	REQUIRE(via <= VIA_NOOP);
	return schema_via_words[via];
}

const char *show_adjudicate_name(enum show_adjudicate how)
{
	REQUIRE(how <= ADJUDICATE_ASK);
	return schema_adjudicate_words[how];
}

const char *show_on_failure_name(enum show_on_failure what)
{
	REQUIRE(what <= ON_FAILURE_FAIL_RUN);
	return schema_on_failure_words[what];
}

const char *show_undecided_name(enum show_undecided what)
{
	REQUIRE(what <= UNDECIDED_ASK);
	return schema_undecided_words[what];
}

const char *show_alert_to_name(enum show_alert_to to)
{
	REQUIRE(to <= ALERT_SMTP);
	return schema_alert_words[to];
}

#define PRICE_MAX_MICROS INT64_C(1000000000000000)
#define MILLION		 INT64_C(1000000)

/* tokens * price / 1e6 as a whole number and a rest in millionths, so that two
 * of them are rounded once. */
static void add_price(int64_t tokens, int64_t price, int64_t *whole,
		      int64_t *rest)
{
	int64_t millions = tokens / MILLION, odd = tokens % MILLION, sum;
	if (tokens <= 0 || price <= 0)
		return;
	/* odd * price, in two parts: neither product passes 10^15. */
	int64_t low = odd * (price % MILLION);
	if (__builtin_mul_overflow(millions, price, &sum) ||
	    __builtin_add_overflow(sum, odd * (price / MILLION), &sum) ||
	    __builtin_add_overflow(sum, low / MILLION, &sum) ||
	    __builtin_add_overflow(sum, *whole, whole))
		*whole = PRICE_MAX_MICROS;
	*rest += low % MILLION;
}

int64_t show_price_micros(const struct show_agent *agent, int64_t input_tokens,
			  int64_t output_tokens)
{
	int64_t whole = 0, rest = 0;
	if (agent->price_input_micros == SHOW_UNSET &&
	    agent->price_output_micros == SHOW_UNSET)
		return -1;
	add_price(input_tokens, agent->price_input_micros, &whole, &rest);
	if (whole > PRICE_MAX_MICROS)
		whole = PRICE_MAX_MICROS;
	add_price(output_tokens, agent->price_output_micros, &whole, &rest);
	if (whole >= PRICE_MAX_MICROS)
		return PRICE_MAX_MICROS;
	return whole + (rest + MILLION - 1) / MILLION;
}

int show_find_service(const struct show *show, const char *id)
{
	for (size_t i = 0; id && i < show->service_count; i++)
		if (show->services[i].id &&
		    strcmp(show->services[i].id, id) == 0)
			return (int)i;
	return -1;
}

bool show_counts_days(const struct show *show)
{
	for (size_t i = 0; i < show->agent_count; i++)
		if (show->agents[i].quota_daily != SHOW_UNSET)
			return true;
	for (size_t i = 0; i < show->service_count; i++)
		if (show->services[i].quota_daily != SHOW_UNSET)
			return true;
	return false;
}

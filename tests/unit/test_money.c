/* Money beside tokens, quotas of a day, and services that agents share. */
#include "core/status.h"
#include "tap.h"
#include "world.h"

#define PRICED                                                                 \
	"  a: { via: bus, price: { input_per_mtok: \"1\",\n"                   \
	"                          output_per_mtok: \"3\" } }\n"

static const struct purse *episode(struct world *w)
{
	return &w->m->ledger.episode;
}

static const char *item(struct world *w)
{
	ck_assert_uint_eq(w->m->inbox.count, 1);
	return w->m->inbox.items[0].id;
}

static void answer_cost(struct world *w, const char *stage, int64_t tokens,
			int64_t input, int64_t output, int64_t cost)
{
	struct input *in = world_answer_input(w, stage, NULL);
	in->ok = true;
	in->tokens_used = tokens;
	in->input_tokens = input;
	in->output_tokens = output;
	in->cost_micros = cost;
	world_step(w, in);
}

/* What `status` says of the stage's money. */
static json_object *stage_cost(struct world *w, json_object **run)
{
	*run = status_run(w->m, 1);
	json_object *stages = json_get_array(*run, "stages");
	return json_get(json_object_array_get_idx(stages, 0), "cost");
}

START_TEST(status_tells_a_stage_with_a_cost_cap)
{
	json_object *run;
	struct world *w = world_new(
		"show: t\nbudget: { cost: \"0.01\", currency: GBP }\n"
		"agents:\n" PRICED "stages:\n"
		"  - { id: s, agents: [a],\n"
		"      budget: { token_cap: 2000, cost_cap: \"0.007\" } }\n");
	world_begin(w, true);
	json_object *cost = stage_cost(w, &run);
	ck_assert_int_eq(json_get_int(cost, "allocated", 0), 7000);
	ck_assert_int_eq(json_get_int(cost, "leased", 0), 6000);
	ck_assert_int_eq(json_get_int(cost, "remaining", 0), 1000);
	json_object_put(run);
	answer_cost(w, "s", 2000, -1, -1, 9000);
	cost = stage_cost(w, &run);
	ck_assert_int_eq(json_get_int(cost, "spent", 0), 9000);
	ck_assert_int_eq(json_get_int(cost, "remaining", -1), 0);
	ck_assert_int_eq(json_get_int(cost, "over", 0), 2000);
	json_object_put(run);
	world_free(w);
}
END_TEST

START_TEST(a_lease_holds_what_it_may_cost)
{
	struct world *w = world_new(
		"show: t\nbudget: { cost: \"0.01\", currency: GBP }\n"
		"agents:\n" PRICED "stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 2001 } }\n"
		"  - { id: t, agents: [a], budget: { token_cap: 2000 } }\n");
	world_begin(w, true);
	ck_state(w, "s", "running");
	/* 2,001 tokens at the dearer price, rounded up. */
	ck_assert_int_eq(episode(w)->cost.leased, 6003);
	/* The second does not fit: 6,000 of 3,997. */
	ck_state(w, "t", "held");
	ck_assert_ptr_nonnull(
		strstr(w->m->inbox.items[0].text,
		       "wants 0.0021 GBP more  left 0.0040 GBP  rest"));
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_state(w, "t", "running");
	ck_assert_int_eq(episode(w)->cost.allocated, 12003);
	ck_assert_int_eq(episode(w)->cost.leased, 12003);
	/* By the parts, when they are told; else by the dearer price. */
	answer_cost(w, "s", 1000, 900, 100, 0);
	ck_assert_int_eq(episode(w)->cost.spent, 1200);
	answer_cost(w, "t", 1000, -1, -1, 0);
	ck_assert_int_eq(episode(w)->cost.spent, 4200);
	ck_assert_int_eq(episode(w)->cost.leased, 0);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

/* Who answers sees all that lacks, and what there is of both. */
START_TEST(tokens_and_money_lack_at_once)
{
	struct world *w = world_new(
		"show: t\nbudget: { tokens: 3000, cost: \"0.01\", currency: "
		"GBP }\nagents:\n" PRICED "stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 2000 } }\n"
		"  - { id: t, agents: [a], budget: { token_cap: 2000 } }\n");
	world_begin(w, true);
	ck_state(w, "t", "held");
	ck_assert_msg(strstr(w->m->inbox.items[0].text,
			     "wants 1,000 and 0.0020 GBP more  left 1,000 and "
			     "0.0040 GBP  rest of show") != NULL,
		      "%s", w->m->inbox.items[0].text);
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_state(w, "t", "running");
	ck_assert_int_eq(episode(w)->cost.leased, 12000);
	world_free(w);
}
END_TEST

START_TEST(what_is_reported_wins)
{
	struct world *w = world_new(
		"show: t\nbudget: { cost: \"1\" }\nagents:\n" PRICED "stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 1000 } }\n"
		"  - { id: t, agents: [a], inputs: [s], on_failure: continue,\n"
		"      budget: { token_cap: 1000 } }\n");
	world_begin(w, true);
	answer_cost(w, "s", 500, 400, 100, 77);
	ck_assert_int_eq(episode(w)->cost.spent, 77);
	ck_assert_uint_eq(w->m->alarm_count, 0);
	/* More than its lease may cost: told, and over what it was given. */
	answer_cost(w, "t", 1000, -1, -1, 1200000);
	ck_assert_int_eq(episode(w)->cost.spent, 1200077);
	ck_assert_int_eq(scope_over(&episode(w)->cost), 200077);
	ck_assert_int_eq(episode(w)->cost.allocated, 1000000);
	ck_assert_uint_eq(w->m->alarm_count, 1);
	ck_state(w, "t", "failed");
	world_free(w);
}
END_TEST

START_TEST(what_cannot_be_priced_needs_a_ceiling)
{
	struct world *w =
		world_new("show: t\nbudget: { cost: \"1\" }\n"
			  "agents: { a: { via: bus }, b: { via: bus }, n: { "
			  "via: noop } }\n"
			  "stages:\n"
			  "  - { id: s, agents: [a], on_failure: continue,\n"
			  "      budget: { token_cap: 10 } }\n"
			  "  - { id: t, agents: [a, b],\n"
			  "      budget: { cost_cap: \"0.5\" } }\n"
			  "  - { id: u, agents: [n] }\n");
	world_begin(w, true);
	ck_state(w, "s", "failed");
	ck_assert_ptr_nonnull(strstr(w->m->stages[0].error, "unpriced"));
	ck_state(w, "t", "running");
	ck_assert_int_eq(w->m->ledger.stages[1].cost.leased, 500000);
	ck_state(w, "u", "running"); /* it costs nothing */
	world_answer(w, "u", "n", "{}", 0);
	/* Without a report the whole ceiling is spent. */
	world_answer(w, "t", "a", "{}", -1);
	ck_assert_int_eq(w->m->ledger.stages[1].cost.spent, 250000);
	world_answer(w, "t", "b", "{}", 40);
	ck_assert_int_eq(w->m->ledger.stages[1].cost.spent, 250000);
	ck_assert_int_eq(w->m->ledger.stages[1].cost.leased, 0);
	ck_assert_int_eq(w->m->ledger.stages[1].tokens.spent, 40);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(money_is_written_off_and_corrected)
{
	struct world *w = world_new(
		"show: t\nbudget: { cost: \"1\" }\nagents:\n" PRICED "stages:\n"
		"  - { id: s, agents: [a], on_failure: continue,\n"
		"      budget: { token_cap: 1000, time_cap_ms: 1000 } }\n"
		"  - { id: t, agents: [a], go: manual,\n"
		"      budget: { token_cap: 1000 } }\n");
	world_begin(w, true);
	struct input *late = world_answer_input(w, "s", NULL);
	late->ok = true;
	late->tokens_used = 100;
	late->input_tokens = 100;
	late->output_tokens = 0;
	world_tick(w, 1000);
	ck_assert_int_eq(episode(w)->cost.spent, 3000);
	world_step(w, late);
	ck_assert_int_eq(episode(w)->tokens.spent, 100);
	ck_assert_int_eq(episode(w)->cost.spent, 100);
	world_free(w);
}
END_TEST

#define DAILY                                                                  \
	"show: t\nbudget: { time_zone: Europe/London }\n"                      \
	"agents: { a: { via: bus, quota: { daily: 1000 } } }\nstages:\n"       \
	"  - { id: s, agents: [a], budget: { token_cap: 600 } }\n"             \
	"  - { id: t, agents: [a], inputs: [s], budget: { token_cap: 600 } "   \
	"}\n"                                                                  \
	"  - { id: u, agents: [a], inputs: [t], budget: { token_cap: 600 } "   \
	"}\n"

static const struct scope *today(struct world *w)
{
	return &w->m->ledger.days[0].tokens;
}

START_TEST(a_day_has_its_quota_and_ends)
{
	struct world *w = world_new(DAILY);
	w->day = 20261121;
	world_begin(w, true);
	ck_assert_int_eq(w->m->ledger.day, 20261121);
	ck_assert_int_eq(today(w)->leased, 600);
	world_answer(w, "s", NULL, "{}", 500);
	ck_assert_int_eq(today(w)->spent, 500);
	ck_state(w, "t", "held");
	ck_assert_ptr_nonnull(strstr(w->m->inbox.items[0].text,
				     "until midnight in Europe/London"));
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(today(w)->allocated, 1100);
	ck_assert_int_eq(today(w)->leased, 600);
	/* Midnight: what was leased yesterday is not today's. */
	w->day = 20261122;
	world_tick(w, 10);
	ck_assert_int_eq(today(w)->leased, 0);
	ck_assert_int_eq(today(w)->allocated, 1000);
	world_answer(w, "t", NULL, "{}", 600);
	ck_state(w, "u", "running");
	ck_assert_int_eq(today(w)->leased, 600);
	ck_assert_int_eq(today(w)->spent, 0);
	ck_assert_int_eq(episode(w)->tokens.spent, 1100);
	world_free(w);
}
END_TEST

START_TEST(a_raise_is_taken_back_from_a_day)
{
	struct world *w = world_new(DAILY);
	w->day = 20261121;
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 500);
	ck_assert(world_do(w, "answer", item(w), "raise", "100", "1000", NULL));
	ck_assert_int_eq(today(w)->allocated, 1100);
	world_answer(w, "t", NULL, "{}", 300);
	world_tick(w, 1000);
	ck_assert_int_eq(today(w)->allocated, 1000);
	ck_assert_uint_eq(w->m->raise_count, 0);
	world_free(w);

	/* Not from another day than it was given to. */
	w = world_new(DAILY);
	w->day = 20261121;
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 500);
	ck_assert(world_do(w, "answer", item(w), "raise", "100", "1000", NULL));
	w->day = 20261122;
	world_tick(w, 10);
	ck_assert_int_eq(today(w)->allocated, 1000);
	world_tick(w, 1000);
	ck_assert_int_eq(today(w)->allocated, 1000);
	ck_assert_uint_eq(w->m->raise_count, 0);
	world_free(w);
}
END_TEST

START_TEST(a_raise_is_taken_back_from_a_service)
{
	struct world *w = world_new(
		"show: t\n"
		"services: { gpu: { quota: { episode: 1000, daily: 1000 } } }\n"
		"agents: { a: { via: bus, service: gpu } }\n"
		"stages:\n"
		"  - { id: s, agents: [a], budget: { token_cap: 900 } }\n"
		"  - { id: t, agents: [a], inputs: [s],\n"
		"      budget: { token_cap: 300 } }\n"
		"  - { id: u, agents: [a], go: manual }\n");
	const struct scope *gpu = &w->m->ledger.services[0].tokens;
	const struct scope *day = &w->m->ledger.service_days[0].tokens;
	w->day = 20261121;
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 800);
	ck_assert(world_do(w, "answer", item(w), "raise", "100", "1000", NULL));
	ck_assert_int_eq(gpu->allocated, 1100);
	ck_assert_int_eq(day->allocated, 1100);
	world_tick(w, 1000); /* all of it is out */
	ck_assert_int_eq(gpu->allocated, 1100);
	world_answer(w, "t", NULL, "{}", 240);
	ck_assert_int_eq(gpu->allocated, 1040);
	ck_assert_int_eq(day->allocated, 1040);
	world_free(w);
}
END_TEST

START_TEST(a_day_goes_on_in_the_next_run)
{
	struct world *w = world_new(DAILY);
	w->day = 20261121;
	world_begin(w, true);
	world_answer(w, "s", NULL, "{}", 500);
	ck_assert(world_do(w, "deny", item(w), NULL));
	ck_assert(world_do(w, "cancel-run", NULL));
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r2");
	in->attended = true;
	world_step(w, in);
	ck_assert_int_eq(today(w)->spent, 500);
	ck_state(w, "s", "held");
	/* And in one of another definition. */
	struct show *other = world_show(
		"show: t\nagents: { a: { via: bus, quota: { daily: 400 } },\n"
		"          b: { via: bus, quota: { daily: 10 } } }\n"
		"stages: [ { id: s, agents: [a, b] } ]\n");
	struct model *heir = model_inherit(w->m, other);
	ck_assert_int_eq(heir->ledger.day, 20261121);
	ck_assert_int_eq(heir->ledger.days[0].tokens.spent, 500);
	ck_assert_int_eq(scope_over(&heir->ledger.days[0].tokens), 100);
	ck_assert_int_eq(heir->ledger.days[1].tokens.allocated, 10);
	const char *where;
	ck_assert(ledger_holds(&heir->ledger, 1, 2, &where));
	model_free(&heir);
	show_unref(&other);
	world_free(w);
}
END_TEST

START_TEST(agents_of_a_service_share_its_quota)
{
	struct world *w = world_new(
		"show: t\n"
		"services: { gpu: { quota: { episode: 1000, daily: 5000 },\n"
		"                   cost: \"2\", max_concurrent: 2 } }\n"
		"agents:\n"
		"  a: { via: bus, service: gpu, price: {input_per_mtok: \"1\"} "
		"}\n"
		"  b: { via: bus, service: gpu, price: {input_per_mtok: \"1\"} "
		"}\n"
		"stages:\n"
		"  - { id: s, agents: [a, b], budget: { token_cap: 700 } }\n"
		"  - { id: t, agents: [b], budget: { token_cap: 200 } }\n"
		"  - { id: u, agents: [a, b], inputs: [s],\n"
		"      budget: { token_cap: 700 } }\n");
	w->day = 20261121;
	world_begin(w, true);
	ck_assert_int_eq(w->m->ledger.services[0].tokens.leased, 700);
	ck_assert_int_eq(w->m->ledger.services[0].cost.leased, 700);
	ck_assert_int_eq(w->m->ledger.service_days[0].tokens.leased, 700);
	/* It works on two calls at once, whoever asks. */
	ck_state(w, "t", "waiting");
	world_answer(w, "s", "a", "{}", 300);
	ck_state(w, "t", "running");
	world_answer(w, "s", "b", "{}", 300);
	world_answer(w, "t", "b", "{}", 100);
	/* 700 for two agents, of 300 that are left: together, or not at all. */
	ck_state(w, "u", "held");
	ck_assert_int_eq(w->m->inbox.items[0].tokens, 400);
	ck_assert_ptr_nonnull(
		strstr(w->m->inbox.items[0].text, "service's quota"));
	ck_assert(world_do(w, "approve", item(w), NULL));
	ck_assert_int_eq(w->m->ledger.services[0].tokens.allocated, 1400);
	world_answer(w, "u", "a", "{}", 1);
	world_answer(w, "u", "b", "{}", 1);
	ck_run(w, "done");
	world_free(w);
}
END_TEST

START_TEST(a_snapshot_of_another_version_is_refused)
{
	struct world *w = world_new(DAILY);
	world_begin(w, true);
	char *text = model_snapshot(w->m);
	char *format = strstr(text, "\"format\":");
	struct err err = {0};
	ck_assert_ptr_nonnull(format);
	format[strlen("\"format\":")] = '1';
	ck_assert_ptr_null(model_restore(w->show, text, strlen(text), &err));
	ck_assert_ptr_nonnull(strstr(err.text, "another version"));
	free(text);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("money");
	TCase *t = tcase_create("money");
	tcase_add_test(t, status_tells_a_stage_with_a_cost_cap);
	tcase_add_test(t, a_lease_holds_what_it_may_cost);
	tcase_add_test(t, what_is_reported_wins);
	tcase_add_test(t, tokens_and_money_lack_at_once);
	tcase_add_test(t, what_cannot_be_priced_needs_a_ceiling);
	tcase_add_test(t, money_is_written_off_and_corrected);
	tcase_add_test(t, a_day_has_its_quota_and_ends);
	tcase_add_test(t, a_raise_is_taken_back_from_a_day);
	tcase_add_test(t, a_raise_is_taken_back_from_a_service);
	tcase_add_test(t, a_day_goes_on_in_the_next_run);
	tcase_add_test(t, agents_of_a_service_share_its_quota);
	tcase_add_test(t, a_snapshot_of_another_version_is_refused);
	suite_add_tcase(s, t);
	return tap_run(s);
}

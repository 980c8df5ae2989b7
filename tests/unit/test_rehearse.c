/* The rehearsal: agents, audience and OBS played from the show file. */
#include <string.h>

#include "base/mem.h"
#include "engine/rehearse.h"
#include "show/show_read.h"
#include "tap.h"

static const char text[] =
	"{\"show\":\"t\",\"agents\":{\"a\":{\"via\":\"bus\"},"
	"\"b\":{\"via\":\"bus\"}},"
	"\"obs\":{\"url\":\"ws://127.0.0.1:4455\",\"safe_scene\":\"Safe\","
	"\"scenes\":[\"Safe\",\"Live\"]},"
	"\"stages\":["
	"{\"id\":\"one\",\"agents\":[\"a\",\"b\"],\"outputs\":[\"o\"],"
	"\"rehearsal\":{\"after_ms\":900,\"tokens\":2000,\"fail_first\":1,"
	"\"result\":{\"o\":\"beat\"},\"confidence\":0.5}},"
	"{\"id\":\"two\",\"agents\":[\"a\"],\"outputs\":[\"p\",\"q\"],"
	"\"budget\":{\"token_cap\":600},"
	"\"rehearsal\":{\"after_ms\":100}},"
	"{\"id\":\"vote\",\"poll\":{\"question\":\"?\",\"open_ms\":10000,"
	"\"options\":[{\"id\":\"x\"},{\"id\":\"y\"},{\"id\":\"z\"}]},"
	"\"rehearsal\":{\"voters\":10,"
	"\"votes\":{\"x\":0.5,\"y\":0.3,\"z\":0.2}}},"
	"{\"id\":\"count\",\"poll\":{\"question\":\"?\",\"open_ms\":10000,"
	"\"options\":[{\"id\":\"x\"},{\"id\":\"y\"}]},"
	"\"rehearsal\":{\"votes\":{\"x\":3,\"y\":4}}},"
	"{\"id\":\"plain\",\"poll\":{\"question\":\"?\",\"open_ms\":10000,"
	"\"options\":[{\"id\":\"x\"},{\"id\":\"y\"}]}}"
	"]}";

static struct show *show;
static struct rehearse *r;

static void setup(void)
{
	struct show_problems problems = {0};
	show = show_parse_json(text, strlen(text), "t.json", &problems);
	for (size_t i = 0; i < problems.count; i++)
		if (!show)
			printf("# %s\n", problems.items[i].text);
	ck_assert_ptr_nonnull(show);
	show_problems_release(&problems);
	r = rehearse_new(show);
}

static void teardown(void)
{
	rehearse_free(&r);
	show_unref(&show);
}

static void call(const char *stage, int agent, int attempt, int64_t lease,
		 int64_t now_ms)
{
	char key[64];
	snprintf(key, sizeof key, "r1/%s/%d", stage, attempt);
	struct effect effect = {.kind = EFFECT_CALL,
				.stage = show_find_stage(show, stage),
				.agent = agent,
				.attempt = attempt,
				.key = key,
				.lease_tokens = lease};
	rehearse_call(r, &effect, now_ms);
}

START_TEST(agent_answers_when_it_is_due)
{
	call("one", 1, 2, 5000, 1000);
	ck_assert_int_eq(rehearse_next_ms(r), 1900);
	struct input *in = rehearse_take(r);
	ck_assert_int_eq(in->kind, INPUT_ANSWER);
	ck_assert_int_eq(in->now_ms, 1900);
	ck_assert(in->ok);
	ck_assert_str_eq(in->stage, "one");
	ck_assert_str_eq(in->agent, "b");
	ck_assert_int_eq(in->attempt, 2);
	ck_assert_int_eq(in->tokens_used, 1000); /* two agents share 2,000 */
	ck_assert_double_eq(in->confidence, 0.5);
	ck_assert_str_eq(json_get_str(in->result, "o", ""), "beat");
	input_free(&in);
	ck_assert_int_eq(rehearse_next_ms(r), 0);
}
END_TEST

START_TEST(first_calls_fail_as_the_file_says)
{
	call("one", 0, 1, 5000, 0);
	struct input *in = rehearse_take(r);
	ck_assert(!in->ok);
	ck_assert_str_eq(in->error_code, "rehearsed");
	input_free(&in);
}
END_TEST

START_TEST(spend_stays_below_the_lease)
{
	call("one", 0, 2, 300, 0);
	struct input *in = rehearse_take(r);
	ck_assert_int_eq(in->tokens_used, 300);
	input_free(&in);
	call("two", 0, 1, 800, 0);
	in = rehearse_take(r);
	ck_assert_int_eq(in->tokens_used, 300); /* half the cap by default */
	input_free(&in);
}
END_TEST

START_TEST(every_output_gets_a_sentence)
{
	call("two", 0, 1, 100, 0);
	struct input *in = rehearse_take(r);
	ck_assert_ptr_nonnull(json_get_str(in->result, "p", NULL));
	ck_assert_ptr_nonnull(json_get_str(in->result, "q", NULL));
	input_free(&in);
}
END_TEST

START_TEST(cancelled_call_gives_nothing)
{
	call("one", 0, 2, 100, 0);
	call("one", 1, 2, 100, 0);
	rehearse_cancel_call(r, "r1/one/2", 0);
	ck_assert_ptr_null(rehearse_take(r));
	struct input *in = rehearse_take(r);
	ck_assert_str_eq(in->agent, "b");
	input_free(&in);
}
END_TEST

/* Takes all votes; counts them by option. */
static int take_votes(int *counts, int64_t *last_ms)
{
	int n = 0;
	while (rehearse_next_ms(r)) {
		struct input *in = rehearse_take(r);
		if (!in)
			continue;
		ck_assert_int_eq(in->kind, INPUT_VOTE);
		counts[ballot_choice(in->ballots, 0)[0] - 'x']++;
		*last_ms = in->now_ms;
		input_free(&in);
		n++;
	}
	return n;
}

START_TEST(audience_votes_by_the_shares)
{
	int counts[3] = {0};
	int64_t last_ms = 0;
	rehearse_poll_open(r, show_find_stage(show, "vote"),
			   show->stages[show_find_stage(show, "vote")].poll, 5000);
	ck_assert_int_gt(rehearse_next_ms(r), 5000);
	ck_assert_int_eq(take_votes(counts, &last_ms), 10);
	ck_assert_int_eq(counts[0], 5);
	ck_assert_int_eq(counts[1], 3);
	ck_assert_int_eq(counts[2], 2);
	ck_assert_int_eq(last_ms, 14000); /* before the poll ends at 15,000 */
}
END_TEST

START_TEST(whole_numbers_are_votes)
{
	int counts[3] = {0};
	int64_t last_ms = 0;
	rehearse_poll_open(r, show_find_stage(show, "count"),
			   show->stages[show_find_stage(show, "count")].poll, 0);
	ck_assert_int_eq(take_votes(counts, &last_ms), 7);
	ck_assert_int_eq(counts[0], 3);
	ck_assert_int_eq(counts[1], 4);
}
END_TEST

START_TEST(first_option_leads_by_default)
{
	int counts[3] = {0};
	int64_t last_ms = 0;
	rehearse_poll_open(r, show_find_stage(show, "plain"),
			   show->stages[show_find_stage(show, "plain")].poll, 0);
	ck_assert_int_eq(take_votes(counts, &last_ms), 100);
	ck_assert_int_eq(counts[0], 60);
	ck_assert_int_eq(counts[1], 40);
}
END_TEST

START_TEST(closed_poll_gets_no_more_votes)
{
	int counts[3] = {0};
	int64_t last_ms = 0;
	int stage = show_find_stage(show, "vote");
	rehearse_poll_open(r, stage, show->stages[stage].poll, 0);
	struct input *in = rehearse_take(r);
	input_free(&in);
	rehearse_poll_close(r, stage);
	ck_assert_int_eq(take_votes(counts, &last_ms), 0);
	/* Thawed: all vote again, and Redis counts each once. */
	rehearse_poll_open(r, stage, show->stages[stage].poll, 20000);
	ck_assert_int_eq(take_votes(counts, &last_ms), 10);
}
END_TEST

START_TEST(obs_switches_and_says_so)
{
	rehearse_obs_connect(r, 10);
	struct input *in = rehearse_take(r);
	ck_assert_int_eq(in->kind, INPUT_OBS);
	ck_assert(in->obs.connected);
	ck_assert_str_eq(in->obs.program_scene, "Safe");
	ck_assert_int_eq(in->obs.scenes.count, 2);
	input_free(&in);
	rehearse_obs(r, "q1", "SetCurrentProgramScene",
		     "{\"sceneName\":\"Live\"}", 100);
	in = rehearse_take(r);
	ck_assert_str_eq(in->obs.program_scene, "Live");
	input_free(&in);
	in = rehearse_take(r);
	ck_assert_int_eq(in->kind, INPUT_OBS_DONE);
	ck_assert(in->ok);
	ck_assert_str_eq(in->id, "q1");
	input_free(&in);
}
END_TEST

START_TEST(obs_refuses_a_scene_that_is_not_there)
{
	rehearse_obs(r, "q1", "SetCurrentProgramScene",
		     "{\"sceneName\":\"Nowhere\"}", 100);
	struct input *in = rehearse_take(r);
	ck_assert_int_eq(in->kind, INPUT_OBS_DONE);
	ck_assert(!in->ok);
	ck_assert_ptr_nonnull(strstr(in->text, "Nowhere"));
	input_free(&in);
}
END_TEST

START_TEST(things_come_in_the_order_of_their_time)
{
	call("one", 0, 2, 100, 0);   /* due at 900 */
	call("two", 0, 1, 100, 0);   /* due at 100 */
	call("two", 0, 2, 100, 800); /* due at 900, asked for later */
	struct input *in = rehearse_take(r);
	ck_assert_str_eq(in->stage, "two");
	input_free(&in);
	in = rehearse_take(r);
	ck_assert_str_eq(in->stage, "one");
	input_free(&in);
	in = rehearse_take(r);
	ck_assert_int_eq(in->attempt, 2);
	ck_assert_str_eq(in->stage, "two");
	input_free(&in);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rehearse");
	TCase *tc = tcase_create("rehearse");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, agent_answers_when_it_is_due);
	tcase_add_test(tc, first_calls_fail_as_the_file_says);
	tcase_add_test(tc, spend_stays_below_the_lease);
	tcase_add_test(tc, every_output_gets_a_sentence);
	tcase_add_test(tc, cancelled_call_gives_nothing);
	tcase_add_test(tc, audience_votes_by_the_shares);
	tcase_add_test(tc, whole_numbers_are_votes);
	tcase_add_test(tc, first_option_leads_by_default);
	tcase_add_test(tc, closed_poll_gets_no_more_votes);
	tcase_add_test(tc, obs_switches_and_says_so);
	tcase_add_test(tc, obs_refuses_a_scene_that_is_not_there);
	tcase_add_test(tc, things_come_in_the_order_of_their_time);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}

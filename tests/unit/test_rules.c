/* Rules that switch scenes, operators who are stronger, and switches of rules;
 * and what a chat that is lost says. */
#include "core/decide.h"
#include "tap.h"
#include "world.h"

#define SHOW                                                                   \
	"show: t\n"                                                            \
	"agents: { a: { via: bus } }\n"                                        \
	"stages: [ { id: one, agents: [a], go: manual },\n"                    \
	"  { id: two, agents: [a], go: manual } ]\n"                           \
	"obs: { url: \"ws://127.0.0.1:4455\", safe_scene: Safe,\n"             \
	"  operator_hold_ms: %s }\n"                                           \
	"rules: [ { name: go, on: stage:go, do: { obs_scene: Live } } ]\n"

static void obs_is(struct world *w, const char *scene)
{
	static const char *const all[] = {"Safe", "Live", "Poll"};
	struct input *in = input_new(INPUT_OBS);
	in->obs.connected = scene != NULL;
	if (scene) {
		in->obs.program_scene = xstrdup(scene);
		for (size_t i = 0; i < COUNT_OF(all); i++)
			obs_names_add(&in->obs.scenes, all[i]);
	} else {
		in->obs.error = xstrdup("gone");
	}
	world_step(w, in);
}

static struct world *on_air(const char *hold_ms)
{
	char *yaml = xasprintf(SHOW, hold_ms);
	struct world *w = world_live(yaml);
	free(yaml);
	obs_is(w, "Safe");
	return w;
}

/* What OBS was asked in the last step; "" when nothing. */
static const char *asked(const struct world *w)
{
	for (size_t i = 0; i < w->d.effect_count; i++)
		if (w->d.effects[i].kind == EFFECT_OBS)
			return w->d.effects[i].text;
	return "";
}

/* What was asked last has happened. */
static void confirmed(struct world *w, const char *scene)
{
	char *id = NULL;
	for (size_t i = 0; i < w->d.effect_count; i++)
		if (w->d.effects[i].kind == EFFECT_OBS)
			id = xstrdup(w->d.effects[i].key);
	ck_assert_ptr_nonnull(id);
	obs_is(w, scene);
	struct input *in = input_new(INPUT_OBS_DONE);
	in->id = id;
	in->ok = true;
	world_step(w, in);
}

START_TEST(a_rule_switches)
{
	struct world *w = on_air("30000");
	ck_assert(world_do(w, "go", "one", NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	confirmed(w, "Live");
	ck_assert(!rules_are_held(w->m, w->now_ms)); /* it was no operator */
	world_free(w);
}
END_TEST

START_TEST(an_operator_is_stronger_for_a_while)
{
	struct world *w = on_air("30000");
	ck_assert(world_do(w, "scene", "Poll", NULL));
	confirmed(w, "Poll");
	ck_assert_int_eq(w->m->obs.hold.until_ms, w->now_ms + 30000);
	ck_assert_str_eq(w->m->obs.hold.why, "scene Poll");
	w->now_ms += 29999;
	ck_assert(world_do(w, "go", "one", NULL));
	ck_assert_str_eq(asked(w), "");
	const struct event *e = world_last(w, EVENT_OBS_COMMAND);
	ck_assert_str_eq(event_str(e, "state", ""), "held back");
	ck_assert_str_eq(event_str(e, "what", ""), "scene Live");
	ck_assert_int_eq(w->m->obs.hold.missed_count, 1);
	ck_assert_str_eq(w->m->obs.hold.missed, "rule go: scene Live");
	w->now_ms += 1;
	ck_assert(world_do(w, "go", "two", NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	world_free(w);
}
END_TEST

START_TEST(who_switches_in_obs_is_an_operator)
{
	struct world *w = on_air("30000");
	obs_is(w, "Poll");
	ck_assert(rules_are_held(w->m, w->now_ms));
	ck_assert_str_eq(event_str(world_last(w, EVENT_OBS_HOLD), "by", ""),
			 "OBS");
	ck_assert(world_do(w, "rules-release", NULL));
	ck_assert(!rules_are_held(w->m, w->now_ms));
	ck_assert(!world_do(w, "rules-release", NULL));
	/* What is read again after a lost link was nobody's choice. */
	obs_is(w, NULL);
	obs_is(w, "Safe");
	ck_assert(!rules_are_held(w->m, w->now_ms));
	world_free(w);
}
END_TEST

START_TEST(rules_wait_until_they_are_released)
{
	struct world *w = on_air("30000");
	ck_assert(!world_do(w, "rules-hold", "soon", NULL));
	ck_assert(!world_do(w, "rules-hold", "10ms", NULL));
	ck_assert(world_do(w, "rules-hold", "5m", NULL));
	ck_assert_int_eq(w->m->obs.hold.until_ms, w->now_ms + 300000);
	ck_assert(world_do(w, "rules-hold", NULL));
	w->now_ms += 86400000;
	ck_assert(rules_are_held(w->m, w->now_ms));
	/* A scene by hand does not make it shorter. */
	ck_assert(world_do(w, "scene", "Poll", NULL));
	ck_assert_int_eq(w->m->obs.hold.until_ms, 0);
	ck_assert(world_do(w, "go", "one", NULL));
	ck_assert_str_eq(asked(w), "");
	ck_assert(world_do(w, "rules-release", NULL));
	ck_assert(world_do(w, "go", "two", NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	world_free(w);
}
END_TEST

START_TEST(a_hold_of_nothing_holds_nothing)
{
	struct world *w = on_air("0");
	ck_assert(world_do(w, "scene", "Poll", NULL));
	ck_assert(!rules_are_held(w->m, w->now_ms));
	ck_assert(world_do(w, "go", "one", NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	world_free(w);
}
END_TEST

/* The brake puts the safe scene on; no rule takes it off. */
START_TEST(a_panic_is_stronger_until_the_run_is_resumed)
{
	struct world *w = world_live(
		"show: t\n"
		"agents: { a: { via: bus } }\n"
		"stages: [ { id: one, agents: [a], go: manual } ]\n"
		"obs: { url: \"ws://127.0.0.1:4455\", safe_scene: Safe }\n"
		"rules: [ { on: run:pause, do: { obs_scene: Poll } },\n"
		"  { on: note, do: { obs_scene: Live } } ]\n");
	obs_is(w, "Live");
	ck_assert(world_do(w, "panic", NULL));
	size_t switched = 0;
	for (size_t i = 0; i < w->d.effect_count; i++)
		switched += w->d.effects[i].kind == EFFECT_OBS;
	ck_assert_uint_eq(switched, 1);
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Safe\"}");
	ck_assert(world_do(w, "note", "hm", NULL));
	ck_assert_str_eq(asked(w), "");
	ck_assert(!world_do(w, "rules-release", NULL));
	ck_assert(world_do(w, "resume", NULL));
	ck_assert(world_do(w, "note", "hm", NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	world_free(w);
}
END_TEST

START_TEST(without_rules_nothing_waits)
{
	struct world *w =
		world_live("show: t\n"
			   "agents: { a: { via: bus } }\n"
			   "stages: [ { id: one, agents: [a], go: manual } ]\n"
			   "obs: { url: \"ws://127.0.0.1:4455\" }\n");
	obs_is(w, "Safe");
	obs_is(w, "Live");
	ck_assert(!w->m->obs.hold.on);
	ck_assert(!world_do(w, "rules-hold", NULL));
	world_free(w);
}
END_TEST

/* --- switched off ---------------------------------------------------------- */

START_TEST(a_rule_that_is_off_does_nothing)
{
	struct world *w = on_air("30000");
	ck_assert(world_do(w, "rule-off", "go", NULL));
	ck_assert_str_eq(w->said, "rule go is off");
	ck_assert(!world_do(w, "rule-off", "go", NULL));
	ck_assert(world_do(w, "go", "one", NULL));
	ck_assert_str_eq(asked(w), "");
	ck_assert_int_eq(world_count(w, EVENT_OBS_COMMAND, NULL), 0);
	ck_assert(world_do(w, "rule-on", "go", NULL));
	ck_assert(world_do(w, "go", "two", NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	ck_assert(!world_do(w, "rule-off", "gp", NULL));
	ck_assert_str_eq(w->said, "no rule `gp`: did you mean `go`?");
	world_free(w);
}
END_TEST

START_TEST(all_rules_go_off_and_come_back_as_they_were)
{
	struct world *w = on_air("30000");
	ck_assert(world_do(w, "rule-off", NULL));
	ck_assert(!world_do(w, "rule-off", NULL));
	ck_assert_str_eq(w->said, "all rules are off already");
	ck_assert(world_do(w, "go", "one", NULL));
	ck_assert_str_eq(asked(w), "");
	ck_assert(world_do(w, "rule-off", "go", NULL));
	ck_assert(world_do(w, "rule-on", NULL));
	ck_assert(world_do(w, "go", "two", NULL));
	ck_assert_str_eq(asked(w), ""); /* it is off by itself still */
	world_begin(w, true);		/* a run begins as the file says */
	ck_assert(!rules_are_off(w->m, 0));
	world_free(w);
}
END_TEST

/* --- polls ----------------------------------------------------------------- */

#define POLL_SHOW                                                              \
	"show: t\n"                                                            \
	"budget: { tokens: 1000 }\n"                                           \
	"agents: { a: { via: bus } }\n"                                        \
	"stages: [ { id: p, poll: { question: Q, open_ms: 10000,\n"            \
	"  default: x, hide_result: true, options: [ { id: x },\n"             \
	"  { id: y, requires_extra: 5000 } ] } } ]\n"                          \
	"obs: { url: \"ws://127.0.0.1:4455\", safe_scene: Safe }\n"            \
	"rules: [ { name: ask, on: poll:create, do: { obs_scene: Poll } },\n"  \
	"  { name: told, on: poll:resolve, do: { obs_scene: Live } } ]\n"

/* A poll that opened, with its scene; then so many votes for each. */
static struct world *poll_counted(int64_t x, int64_t y)
{
	struct world *w = world_new(POLL_SHOW);
	obs_is(w, "Safe");
	world_begin(w, true);
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Poll\"}");
	confirmed(w, "Poll");
	world_tick(w, 10000);
	ck_assert_str_eq(asked(w), ""); /* nothing is decided yet */
	struct input *in = input_new(INPUT_TALLY);
	in->stage = xstrdup("p");
	in->counts = xcalloc(2, sizeof *in->counts);
	in->counts[0] = x;
	in->counts[1] = y;
	in->count_count = 2;
	world_step(w, in);
	return w;
}

START_TEST(a_poll_brings_its_scene_and_takes_it_away)
{
	struct world *w = poll_counted(9, 3);
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	world_free(w);
}
END_TEST

START_TEST(a_winner_whose_price_is_open_switches_nothing_yet)
{
	struct world *w = poll_counted(3, 9);
	ck_state(w, "p", "held");
	ck_assert_str_eq(asked(w), "");
	ck_assert(world_do(w, "approve", w->m->inbox.items[0].id, NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	world_free(w);
	w = poll_counted(3, 9);
	ck_assert(world_do(w, "deny", w->m->inbox.items[0].id, NULL));
	ck_assert_str_eq(asked(w), "{\"sceneName\":\"Live\"}");
	world_free(w);
}
END_TEST

/* --- a chat ---------------------------------------------------------------- */

static void chat_is(struct world *w, const char *error)
{
	struct input *in = input_new(INPUT_CHAT);
	in->ok = !error;
	in->text = xstrdup(error);
	world_step(w, in);
}

START_TEST(a_lost_chat_is_an_alarm_until_it_is_back)
{
	struct world *w = world_live(
		"show: t\nagents: { a: { via: bus } }\n"
		"stages: [ { id: one, agents: [a], go: manual } ]\n"
		"chat: { url: \"irc://127.0.0.1\", channel: \"#s\" }\n");
	chat_is(w, NULL);
	ck_assert(w->m->chat.connected);
	chat_is(w, NULL); /* the next core says it again */
	ck_assert_int_eq(world_count(w, EVENT_CHAT_STATUS, NULL), 1);
	chat_is(w, "banned");
	ck_assert_int_eq(w->m->alarm_count, 1);
	ck_assert_str_eq(w->m->alarms[0].text,
			 "no votes come from the chat #s: banned; it is tried "
			 "again");
	world_begin(w, true);
	ck_assert_int_eq(w->m->alarm_count, 1); /* as it is still lost */
	chat_is(w, NULL);
	ck_assert_int_eq(w->m->alarm_count, 0);
	ck_assert_ptr_null(w->m->chat.error);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tc = tcase_create("rules");
	tcase_add_test(tc, a_rule_switches);
	tcase_add_test(tc, an_operator_is_stronger_for_a_while);
	tcase_add_test(tc, who_switches_in_obs_is_an_operator);
	tcase_add_test(tc, rules_wait_until_they_are_released);
	tcase_add_test(tc, a_hold_of_nothing_holds_nothing);
	tcase_add_test(tc, a_panic_is_stronger_until_the_run_is_resumed);
	tcase_add_test(tc, without_rules_nothing_waits);
	tcase_add_test(tc, a_rule_that_is_off_does_nothing);
	tcase_add_test(tc, all_rules_go_off_and_come_back_as_they_were);
	tcase_add_test(tc, a_poll_brings_its_scene_and_takes_it_away);
	tcase_add_test(tc, a_winner_whose_price_is_open_switches_nothing_yet);
	tcase_add_test(tc, a_lost_chat_is_an_alarm_until_it_is_back);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}

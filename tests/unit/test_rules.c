/* Rules that switch scenes, and operators who are stronger. */
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
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}

/* What OBS has otherwise than the show file expects, in words. */
#include "tap.h"
#include "world.h"

#include "core/obs_drift.h"
#include "core/status.h"

#define SHOW                                                                   \
	"show: t\n"                                                            \
	"agents: { a: { via: bus } }\n"                                        \
	"stages: [ { id: one, agents: [a], go: manual } ]\n"                   \
	"obs: { url: \"ws://127.0.0.1:4455\", safe_scene: Wait,\n"             \
	"  scenes: [Live, Poll], sources: [Clip, Polls, Voice],\n"             \
	"  profile: House, collection: Main }\n"                               \
	"rules: [ { name: r, on: note, do: { obs_scene: Vote } },\n"           \
	"  { name: s, on: note, do: { obs_scene: Live } },\n"                  \
	"  { name: off, on: note, do: { obs_scene: Nowhere },\n"               \
	"    enabled: false } ]\n"

static void obs_is(struct world *w, const char *const *scenes,
		   const char *const *inputs, const char *profile,
		   const char *collection)
{
	struct input *in = input_new(INPUT_OBS);
	in->obs.connected = true;
	in->obs.program_scene = xstrdup(scenes[0]);
	in->obs.profile = xstrdup(profile);
	in->obs.collection = xstrdup(collection);
	while (*scenes)
		obs_names_add(&in->obs.scenes, *scenes++);
	while (*inputs)
		obs_facts_add_input(&in->obs, *inputs++);
	world_step(w, in);
}

static void ck_drift(const struct world *w, const char *const *lines)
{
	struct obs_names drift = obs_drift(w->m);
	for (int i = 0; i < drift.count && *lines; i++)
		ck_assert_str_eq(drift.items[i], *lines++);
	ck_assert_ptr_null(*lines);
	/* And /status says the same. */
	const struct status_extra extra = {.mode = "live"};
	json_object *o = status_obs(w->m, &extra);
	ck_assert_int_eq(
		(int)json_object_array_length(json_get_array(o, "drift")),
		drift.count);
	json_object_put(o);
	obs_names_clear(&drift);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE	  ((const char *const[]){NULL})

START_TEST(nothing_is_known_of_an_obs_that_is_away)
{
	struct world *w = world_live(SHOW);
	ck_drift(w, LIST("OBS is not connected"));
	struct input *in = input_new(INPUT_OBS);
	in->obs.error = xstrdup("connection refused");
	world_step(w, in);
	ck_drift(w, LIST("OBS is not connected: connection refused"));
	world_free(w);
}
END_TEST

START_TEST(all_is_as_expected)
{
	struct world *w = world_live(SHOW);
	obs_is(w, LIST("Wait", "Live", "Poll", "Polls", "Vote", "More"),
	       LIST("Clip", "Voice", "Mic"), "House", "Main");
	ck_drift(w, NONE);
	world_free(w);
}
END_TEST

START_TEST(what_is_missing_is_said_with_what_is_near)
{
	struct world *w = world_live(SHOW);
	obs_is(w, LIST("Live", "Polls"), LIST("Clips", "Mic"), "Rehearsal",
	       "Main");
	ck_drift(w, LIST("the profile is 'Rehearsal', not 'House'",
			 "scene 'Poll' is missing; nearest is 'Polls'",
			 "the safe scene 'Wait' is missing",
			 "rule r: scene 'Vote' is missing",
			 "source 'Clip' is missing; nearest is 'Clips'",
			 "source 'Voice' is missing"));
	world_free(w);
}
END_TEST

START_TEST(it_is_not_said_while_everything_changes)
{
	struct world *w = world_live(SHOW);
	struct input *in = input_new(INPUT_OBS);
	in->obs.connected = in->obs.changing = true;
	world_step(w, in);
	ck_drift(w, NONE);
	world_free(w);
}
END_TEST

START_TEST(a_list_that_is_full_accuses_nobody)
{
	struct world *w = world_live(SHOW);
	const char *scenes[OBS_MAX_NAMES + 1] = {"Live", "Wait", "Vote"};
	for (int i = 3; i < OBS_MAX_NAMES; i++)
		scenes[i] = xasprintf("scene number %d", i);
	obs_is(w, scenes, LIST("Clip", "Voice", "Polls"), "House", "Main");
	ck_drift(w, LIST("scene 'Poll' is not among the first 128 that OBS "
			 "names"));
	for (int i = 3; i < OBS_MAX_NAMES; i++)
		free((char *)(uintptr_t)scenes[i]);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drift");
	TCase *tc = tcase_create("drift");
	tcase_add_test(tc, nothing_is_known_of_an_obs_that_is_away);
	tcase_add_test(tc, all_is_as_expected);
	tcase_add_test(tc, what_is_missing_is_said_with_what_is_near);
	tcase_add_test(tc, it_is_not_said_while_everything_changes);
	tcase_add_test(tc, a_list_that_is_full_accuses_nobody);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}

/* Checks: what a row of results means, the watch, and pre-flight. */
#include <stdlib.h>
#include <string.h>

#include "core/preflight.h"
#include "core/status.h"
#include "tap.h"
#include "world.h"

static const char show_text[] =
	"show: s\n"
	"agents: { a: { via: bus } }\n"
	"stages:\n"
	"  - { id: one, agents: [a], go: manual, preflight: true }\n"
	"  - { id: two, agents: [a], inputs: [one] }\n"
	"preflight: { cards: [Must], fresh_ms: 60000 }\n"
	"checks:\n"
	"  cards:\n"
	"    - card: Must\n"
	"      tests:\n"
	"        - { name: base, kind: tcp, endpoint: \"127.0.0.1:1\" }\n"
	"        - { name: child, kind: tcp, endpoint: \"127.0.0.1:1\", parent: base }\n"
	"    - card: May\n"
	"      tests:\n"
	"        - { name: watched, kind: tcp, endpoint: \"127.0.0.1:1\", watch_ms: 5000 }\n"
	"        - { name: loud, kind: tcp, endpoint: \"127.0.0.1:1\", touches_air: true }\n";

enum { BASE, CHILD, WATCHED, LOUD };

/* The result of a check comes in. */
static void comes(struct world *w, int check, bool ok, int64_t ms)
{
	struct input *in = input_new(INPUT_CHECK);
	in->check.check = check;
	in->check.ok = ok;
	in->check.latency_ms = ms;
	in->check.text = xstrdup(ok ? "fine" : "nobody listens");
	world_step(w, in);
}

static int asked(const struct world *w, int check)
{
	int n = 0;
	for (size_t i = 0; i < w->d.effect_count; i++)
		n += w->d.effects[i].kind == EFFECT_CHECK &&
		     w->d.effects[i].check == check;
	return n;
}

static const struct alarm *alarm_of(const struct world *w, const char *id)
{
	for (size_t i = 0; i < w->m->alarm_count; i++)
		if (strcmp(w->m->alarms[i].id, id) == 0)
			return &w->m->alarms[i];
	return NULL;
}

START_TEST(one_that_runs_is_not_asked_for_again)
{
	struct world *w = world_live(show_text);
	ck_assert(world_do(w, "check", "Must/base", NULL));
	ck_assert_int_eq(asked(w, BASE), 1);
	ck_assert_int_eq(w->m->checks[BASE].state, CHECK_RUNNING);
	ck_assert(world_do(w, "check", "Must", NULL));
	ck_assert_int_eq(asked(w, BASE), 0);
	ck_assert_int_eq(asked(w, CHILD), 1);
	/* A core that takes over asks for what was running. */
	world_step(w, input_new(INPUT_RESUMED));
	ck_assert_int_eq(asked(w, BASE) + asked(w, CHILD), 2);
	world_free(w);
}
END_TEST

START_TEST(the_watch_runs_while_the_run_does)
{
	struct world *w = world_live(show_text);
	world_tick(w, 4999);
	ck_assert_int_eq(asked(w, WATCHED), 0);
	world_tick(w, 1);
	ck_assert_int_eq(asked(w, WATCHED), 1);
	world_tick(w, 60000); /* it hangs: not again */
	ck_assert_int_eq(asked(w, WATCHED), 0);
	comes(w, WATCHED, true, 7);
	world_tick(w, 5000);
	ck_assert_int_eq(asked(w, WATCHED), 1);
	comes(w, WATCHED, true, 7);
	ck_assert(world_do(w, "cancel-run", NULL));
	world_tick(w, 60000);
	ck_assert_int_eq(asked(w, WATCHED), 0);
	world_free(w);
}
END_TEST

START_TEST(no_watch_in_a_rehearsal)
{
	struct world *w = world_new(show_text);
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r1");
	in->attended = in->rehearsal = true;
	world_step(w, in);
	world_tick(w, 60000);
	ck_assert_int_eq(asked(w, WATCHED), 0);
	world_free(w);
}
END_TEST

START_TEST(so_many_failures_are_an_alarm)
{
	struct world *w = world_live(show_text);
	const char *id = "check:May/watched";
	comes(w, WATCHED, false, 1);
	comes(w, WATCHED, false, 1);
	ck_assert(!alarm_of(w, id));
	comes(w, WATCHED, true, 1);
	for (int i = 0; i < 3; i++)
		comes(w, WATCHED, false, 1);
	ck_assert(alarm_of(w, id));
	ck_assert(world_do(w, "ack", id, "the spare is up", NULL));
	comes(w, WATCHED, false, 1);
	ck_assert(alarm_of(w, id) && alarm_of(w, id)->acked);
	comes(w, WATCHED, true, 1);
	ck_assert(alarm_of(w, id));
	comes(w, WATCHED, true, 1);
	ck_assert(!alarm_of(w, id));
	/* Acknowledged it was until then, and no longer. */
	for (int i = 0; i < 3; i++)
		comes(w, WATCHED, false, 1);
	ck_assert(alarm_of(w, id) && !alarm_of(w, id)->acked);
	world_free(w);
}
END_TEST

START_TEST(a_child_is_muted)
{
	struct world *w = world_live(show_text);
	comes(w, BASE, false, 1);
	comes(w, CHILD, false, 1);
	ck_assert(alarm_of(w, "check:Must/base"));
	ck_assert(!alarm_of(w, "check:Must/child"));
	ck_assert(check_is_muted(w->m, CHILD));
	ck_assert_uint_eq(preflight_open(w->m, w->now_ms, NULL, 0), 1);
	comes(w, BASE, true, 1);
	ck_assert(!check_is_muted(w->m, CHILD));
	ck_assert(alarm_of(w, "check:Must/child"));
	comes(w, CHILD, true, 1);
	/* The child's result is there before that of its parent. */
	ck_assert(world_do(w, "check", "Must", NULL));
	comes(w, CHILD, false, 1);
	ck_assert(!alarm_of(w, "check:Must/child"));
	comes(w, BASE, false, 1);
	ck_assert(!alarm_of(w, "check:Must/child"));
	comes(w, BASE, true, 1);
	ck_assert(alarm_of(w, "check:Must/child"));
	world_free(w);
}
END_TEST

START_TEST(the_past_is_kept)
{
	struct world *w = world_live(show_text);
	const struct check_run *c = &w->m->checks[BASE];
	ck_assert_int_eq(check_quantile_ms(c, 50), -1);
	for (int i = 1; i <= CHECK_PAST + 10; i++)
		comes(w, BASE, true, i);
	ck_assert_int_eq(c->past_count, CHECK_PAST);
	ck_assert_int_eq(check_quantile_ms(c, 0), 11);
	ck_assert_int_eq(check_quantile_ms(c, 50), 26);
	ck_assert_int_eq(check_quantile_ms(c, 95), 40);
	ck_assert(!check_is_flaky(c));
	comes(w, BASE, false, 0);
	comes(w, BASE, true, 5);
	ck_assert(!check_is_flaky(c));
	comes(w, BASE, false, INT64_MAX);
	ck_assert(check_is_flaky(c));
	/* The next run begins anew, and knows what was. */
	world_do(w, "cancel-run", NULL);
	world_begin(w, true);
	ck_assert_int_eq(c->past_count, 0);
	ck_assert_int_eq(c->before_count, CHECK_PAST);
	ck_assert_int_eq(c->before_failed, 2);
	ck_assert(c->before_ms > 0);
	world_free(w);
}
END_TEST

START_TEST(go_waits_for_preflight)
{
	struct world *w = world_live(show_text);
	ck_assert(!world_do(w, "go", NULL));
	ck_assert_msg(strstr(w->said, "Must/base has not run"), "%s", w->said);
	ck_assert(world_do(w, "preflight", NULL));
	ck_assert_int_eq(asked(w, BASE) + asked(w, CHILD), 2);
	ck_assert_int_eq(asked(w, WATCHED) + asked(w, LOUD), 0);
	comes(w, BASE, true, 1);
	comes(w, CHILD, false, 1);
	ck_assert(!world_do(w, "go", NULL));
	ck_assert_msg(strstr(w->said, "Must/child fails"), "%s", w->said);
	comes(w, CHILD, true, 1);
	world_tick(w, 60001);
	ck_assert(!world_do(w, "go", NULL));
	ck_assert_msg(strstr(w->said, "1 min old"), "%s", w->said);
	comes(w, BASE, true, 1);
	comes(w, CHILD, true, 1);
	ck_assert(world_do(w, "go", NULL));
	ck_assert_str_eq(world_state(w, "one"), "running");
	world_free(w);
}
END_TEST

START_TEST(an_override_holds_for_what_was_open)
{
	struct world *w = world_live(show_text);
	comes(w, BASE, true, 1);
	comes(w, CHILD, false, 1);
	ck_assert(!world_do(w, "override", "", NULL));
	ck_assert(world_do(w, "override", "we have a spare", NULL));
	const struct event *e = world_last(w, EVENT_CHECK_OVERRIDE);
	ck_assert_str_eq(event_str(e, "reason", ""), "we have a spare");
	ck_assert(w->m->checks[CHILD].overridden);
	ck_assert(!w->m->checks[BASE].overridden);
	ck_assert(!world_do(w, "override", "again", NULL));
	comes(w, BASE, false, 1); /* that was not open then */
	ck_assert(!world_do(w, "go", NULL));
	comes(w, BASE, true, 1);
	ck_assert(world_do(w, "go", NULL));
	comes(w, CHILD, true, 1); /* proven after all */
	ck_assert(!w->m->checks[CHILD].overridden);
	world_free(w);
}
END_TEST

START_TEST(what_touches_the_air_waits)
{
	struct world *w = world_live(show_text);
	struct input *in = input_new(INPUT_OBS);
	in->obs.connected = in->obs.streaming = true;
	world_step(w, in);
	ck_assert(!world_do(w, "check", "May/loud", NULL));
	ck_assert(world_do(w, "check-all", NULL));
	ck_assert_int_eq(asked(w, LOUD), 0);
	ck_assert_int_eq(asked(w, BASE), 1);
	ck_assert_msg(strstr(w->said, "touch the air"), "%s", w->said);
	in = input_new(INPUT_OBS);
	in->obs.connected = true;
	world_step(w, in);
	ck_assert(world_do(w, "check", "May/loud", NULL));
	ck_assert_int_eq(asked(w, LOUD), 1);
	world_free(w);
}
END_TEST

static const char live_text[] =
	"show: s\n"
	"agents: { a: { via: bus } }\n"
	"stages: [ { id: one, agents: [a] } ]\n"
	"obs:\n"
	"  url: ws://127.0.0.1:1\n"
	"  scenes: [Live]\n"
	"  macros: { on: [ { StartStreaming: {} } ], off: [ { StopStream: {} } ] }\n"
	"preflight: {}\n";

static void obs_has(struct world *w, const char *scene)
{
	struct input *in = input_new(INPUT_OBS);
	in->obs.connected = true;
	obs_names_add(&in->obs.scenes, scene);
	in->obs.program_scene = xstrdup(scene);
	world_step(w, in);
}

START_TEST(going_live_waits_for_preflight)
{
	struct world *w = world_live(live_text);
	obs_has(w, "Lice");
	ck_assert(!world_do(w, "stream", "start", NULL));
	ck_assert_msg(strstr(w->said, "scene 'Live' is missing"), "%s",
		      w->said);
	ck_assert(!world_do(w, "macro", "on", NULL));
	ck_assert(world_do(w, "macro", "off", NULL));
	ck_assert(world_do(w, "stream", "stop", NULL));
	obs_has(w, "Live");
	ck_assert_msg(world_do(w, "macro", "on", NULL), "%s", w->said);
	obs_has(w, "Lice");
	ck_assert(!world_do(w, "stream", "start", NULL));
	ck_assert(world_do(w, "override", "we know", NULL));
	ck_assert_msg(world_do(w, "stream", "start", NULL), "%s", w->said);
	/* In the next run it is asked again. */
	world_do(w, "cancel-run", NULL);
	world_begin(w, true);
	ck_assert(!world_do(w, "stream", "start", NULL));
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("checks");
	tap_add(s, "one that runs is not asked for again",
		one_that_runs_is_not_asked_for_again);
	tap_add(s, "the watch runs while the run does",
		the_watch_runs_while_the_run_does);
	tap_add(s, "no watch in a rehearsal", no_watch_in_a_rehearsal);
	tap_add(s, "so many failures are an alarm",
		so_many_failures_are_an_alarm);
	tap_add(s, "a child is muted", a_child_is_muted);
	tap_add(s, "the past is kept", the_past_is_kept);
	tap_add(s, "GO waits for pre-flight", go_waits_for_preflight);
	tap_add(s, "an override holds for what was open",
		an_override_holds_for_what_was_open);
	tap_add(s, "what touches the air waits", what_touches_the_air_waits);
	tap_add(s, "going live waits for pre-flight",
		going_live_waits_for_preflight);
	return tap_run(s);
}

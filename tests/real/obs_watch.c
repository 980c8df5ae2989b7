/*
 * What is watched of a real OBS that streams to a real ingest: figures, levels,
 * what is an alarm, what drifts, and whose scene it is.
 */
#include "obs_stand.h"

#include "core/model.h"

/* The house anew, with these lines below `obs:` and these beside it. */
static void anew(const char *more_obs, const char *more)
{
	house_close();
	house_open(OBS_PASSWORD, more_obs, more);
	mark();
}

#define ALARMS(more) "  alarms: { black_ms: 0, silence_ms: 0, " more " }\n"

static void raised(const char *id, int ms)
{
	char *words = xasprintf("\"id\":\"%s\"", id);
	await(EVENT_ALARM_RAISE, words, ms);
	free(words);
}

static void cleared(const char *id, int ms)
{
	char *words = xasprintf("\"id\":\"%s\"", id);
	await(EVENT_ALARM_CLEAR, words, ms);
	free(words);
}

static bool is_up(const char *id)
{
	char *words = xasprintf("\"id\":\"%s\"", id);
	bool up = came(EVENT_ALARM_RAISE, words);
	free(words);
	return up;
}

static void start_stream(void)
{
	ingest_has(false); /* no second one while it has one of before */
	ask("StartStream", NULL);
	WAIT(s->done_ok && s->obs.streaming, 5000);
}

static void stop_stream(void)
{
	ask("StopStream", NULL);
	WAIT(!s->obs.streaming, 8000);
}

/* A member of the newest figures; under the lock. */
static double figure(const char *key)
{
	json_object *o =
		s->figures ? json_read_str(s->figures, &json_limits_own, NULL)
			   : NULL;
	double v = json_get_num(o, key, -1);
	json_object_put(o);
	return v;
}

static bool answer_has(const char *path, const char *words)
{
	char *answer = operator_ask(s, "GET", path, NULL);
	bool has = strstr(answer, words) != NULL;
	free(answer);
	return has;
}

/* --- figures -------------------------------------------------------------- */

START_TEST(a_stream_has_figures_and_one_that_ended_has_none)
{
	start_stream();
	WAIT(figure("kbps") > 50 && figure("stream_ms") > 0 &&
		     figure("total") > 0,
	     10000);
	int64_t bytes = 0;
	ck_assert(ingest_has_stream(&bytes) && bytes > 0);
	ck_assert(answer_has("/metrics",
			     "showcaller_obs_stream_bits_per_second"));
	ck_assert(answer_has("/api/v1/obs", "\"age_ms\":"));
	stop_stream();
	WAIT(figure("kbps") == 0 && figure("total") == 0 &&
		     figure("stream_ms") == 0 && figure("dropped") == 0,
	     5000);
	ck_assert(!answer_has("/metrics",
			      "showcaller_obs_stream_bits_per_second"));
	ck_assert(!is_up("obs/stream")); /* it was asked to end */
}
END_TEST

START_TEST(a_recording_has_figures)
{
	ask("StartRecord", NULL);
	WAIT(s->done_ok && figure("record_ms") > 0 && figure("fps") > 0 &&
		     figure("free_mb") > 0,
	     8000);
	ask("StopRecord", NULL);
	WAIT(s->done_ok && figure("record_ms") == 0, 8000);
}
END_TEST

/* --- the line ------------------------------------------------------------- */

START_TEST(a_dropped_stream_is_an_alarm_until_it_is_back)
{
	start_stream();
	WAIT(figure("kbps") > 0, 8000);
	mark();
	ingest_drop();
	/* For a second. */
	await(EVENT_OBS_STATUS, "\"streaming\":true,\"reconnecting\":true",
	      8000);
	raised("obs/stream", 5000);
	WAIT(s->obs.streaming && !s->obs.reconnecting, 15000);
	cleared("obs/stream", 5000);
	WAIT(figure("kbps") > 0, 8000); /* counted from nought again */
	stop_stream();
}
END_TEST

START_TEST(a_stream_can_be_stopped_while_it_tries_again)
{
	start_stream();
	ck_assert_int_eq(ingest_script("stop"), 0);
	WAIT(s->obs.reconnecting, 8000);
	raised("obs/stream", 5000);
	stop_stream();
	WAIT(!s->obs.reconnecting, 0);
	ck_assert_int_eq(ingest_script("again"), 0);
}
END_TEST

START_TEST(a_line_that_is_full_is_an_alarm)
{
	anew(ALARMS("congestion: 0.2"), NULL);
	start_stream();
	WAIT(figure("total") > 5, 8000);
	kill(ingest_pid(), SIGSTOP);
	/* A small stream fills the buffers of the line only slowly. */
	int64_t end = clock_mono_ms() + patience_ms(25000);
	while (!is_up("obs/congestion") && !is_up("obs/stream") &&
	       clock_mono_ms() < end) {
		pthread_mutex_lock(&s->lock);
		stand_wait_news(s, end);
		pthread_mutex_unlock(&s->lock);
	}
	kill(ingest_pid(), SIGCONT);
	ck_assert(is_up("obs/congestion") || is_up("obs/stream"));
	stop_stream();
}
END_TEST

/* --- disk ----------------------------------------------------------------- */

START_TEST(a_full_disk_is_an_alarm)
{
	anew(ALARMS("disk_free_mb: 1000000000"), NULL);
	raised("obs/disk", 8000);
	anew(ALARMS("disk_free_mb: 1"), NULL);
	WAIT(figure("free_mb") > 1, 5000);
	ck_assert(!is_up("obs/disk"));
}
END_TEST

/* --- air ------------------------------------------------------------------ */

START_TEST(dead_air_is_an_alarm_until_somebody_speaks)
{
	anew("  alarms: { silence_ms: 1500, black_ms: 0 }\n", NULL);
	ask("StartRecord", NULL);
	raised("obs/silence", 8000);
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	cleared("obs/silence", 8000);
	mark();
	ask("SetInputMute", "{\"inputName\":\"Voice\",\"inputMuted\":true}");
	raised("obs/silence", 8000);
	ask("SetInputMute", "{\"inputName\":\"Voice\",\"inputMuted\":false}");
	cleared("obs/silence", 8000);
	ask("StopRecord", NULL);
}
END_TEST

START_TEST(only_the_inputs_that_are_named_break_the_silence)
{
	anew("  alarms: { silence_ms: 1500, black_ms: 0, inputs: [Band] }\n",
	     NULL);
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	ask("StartRecord", NULL);
	raised("obs/silence", 8000);
	ask("StopRecord", NULL);
	cleared("obs/silence", 8000); /* it is not on air */
}
END_TEST

START_TEST(nobody_listens_while_nothing_is_on_air)
{
	anew("  alarms: { silence_ms: 500, black_ms: 500 }\n", NULL);
	WAIT(figure("fps") > 0, 5000);
	int64_t at = (int64_t)figure("free_mb");
	WAIT(s->figures && at >= 0, 0);
	ck_assert(!is_up("obs/silence") && !is_up("obs/black"));
}
END_TEST

START_TEST(a_black_program_is_an_alarm)
{
	anew("  alarms: { silence_ms: 0, black_ms: 1500 }\n", NULL);
	int fd = look_on(0);
	free(tell(fd, "SetInputSettings",
		  "{\"inputName\":\"Poll back\",\"inputSettings\":"
		  "{\"color\":4278190080}}"));
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Poll\"}");
	ask("StartRecord", NULL);
	raised("obs/black", 10000);
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	cleared("obs/black", 8000);
	free(tell(fd, "SetInputSettings",
		  "{\"inputName\":\"Poll back\",\"inputSettings\":"
		  "{\"color\":4294901760}}"));
	ask("StopRecord", NULL);
	close(fd);
}
END_TEST

/* --- sources -------------------------------------------------------------- */

START_TEST(a_hidden_source_is_an_alarm)
{
	anew("  sources: [Voice]\n" ALARMS("sources_ms: 0"), NULL);
	int fd = look_on(0);
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	ask("StartRecord", NULL);
	char *id = tell(fd, "GetSceneItemId",
			"{\"sceneName\":\"Live\",\"sourceName\":\"Voice\"}");
	const char *at = strstr(id, "\"sceneItemId\":");
	ck_assert_ptr_nonnull(at);
	int item = atoi(at + strlen("\"sceneItemId\":"));
	char *off = xasprintf("{\"sceneName\":\"Live\",\"sceneItemId\":%d,"
			      "\"sceneItemEnabled\":false}",
			      item);
	char *on = xasprintf("{\"sceneName\":\"Live\",\"sceneItemId\":%d,"
			     "\"sceneItemEnabled\":true}",
			     item);
	free(tell(fd, "SetSceneItemEnabled", off));
	await(EVENT_ALARM_RAISE, "Voice is hidden", 8000);
	free(tell(fd, "SetSceneItemEnabled", on));
	cleared("obs/sources", 8000);
	ask("StopRecord", NULL);
	free(off);
	free(on);
	free(id);
	close(fd);
}
END_TEST

START_TEST(a_source_that_is_not_there_is_an_alarm_on_air)
{
	anew("  sources: [Voices]\n" ALARMS("sources_ms: 0"), NULL);
	ck_assert(answer_has("/api/v1/obs", "source 'Voices' is missing; "
					    "nearest is 'Voice'"));
	ask("StartRecord", NULL);
	await(EVENT_ALARM_RAISE, "Voices is missing", 8000);
	ask("StopRecord", NULL);
	cleared("obs/sources", 8000);
}
END_TEST

/* --- levels --------------------------------------------------------------- */

START_TEST(levels_come_while_somebody_looks)
{
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	WAIT(figure("fps") > 0, 5000);
	WAIT(s->meters_news == 0, 0);
	net_obs_meters(s->net, true);
	WAIT(s->meters_news > 5, 15000);
	WAIT(strstr(s->meters, "\"name\":\"Voice\""), 15000);
	/* It speaks, louder than silence, and never above full scale. */
	WAIT(!strstr(s->meters, "\"name\":\"Voice\",\"db\":-100"), 8000);
	net_obs_meters(s->net, false);
	ask("GetVersion", NULL);
	ask("GetVersion", NULL);
	pthread_mutex_lock(&s->lock);
	int before = s->meters_news;
	char *figures = xstrdup(s->figures);
	pthread_mutex_unlock(&s->lock);
	WAIT(strcmp(figures, s->figures) != 0, 5000); /* a second on */
	WAIT(s->meters_news <= before + 1, 0);
	free(figures);
}
END_TEST

/* Each time OBS is told that levels are not wanted, and left at once. */
START_TEST(who_leaves_in_haste_takes_the_levels_from_nobody)
{
	for (int i = 0; i < 4; i++) {
		pthread_mutex_lock(&s->lock);
		int before = s->meters_news;
		pthread_mutex_unlock(&s->lock);
		net_obs_meters(s->net, true);
		WAIT(s->meters_news > before, 15000);
		net_obs_meters(s->net, false);
		ask("GetVersion", NULL); /* so that it was sent */
		stand_restart(s);
		WAIT(s->obs.connected, 10000);
	}
}
END_TEST

/* --- the link ------------------------------------------------------------- */

START_TEST(an_obs_that_hangs_is_an_alarm_until_it_is_back)
{
	kill(obs_pid(), SIGSTOP);
	raised("obs", 10000);
	kill(obs_pid(), SIGCONT);
	WAIT(s->obs.connected, 20000);
	cleared("obs", 5000);
}
END_TEST

/* --- drift ---------------------------------------------------------------- */

START_TEST(what_is_otherwise_than_expected_is_said_in_words)
{
	anew("  scenes: [Live, Pol]\n  safe_scene: Starting Soon\n"
	     "  profile: Dead\n  collection: House\n",
	     NULL);
	ck_assert(answer_has("/api/v1/obs", "the profile is 'House', not "
					    "'Dead'"));
	ck_assert(answer_has("/api/v1/obs", "scene 'Pol' is missing; nearest "
					    "is 'Poll'"));
	ck_assert(!answer_has("/api/v1/obs", "collection is"));
	ask("SetCurrentProfile", "{\"profileName\":\"Dead\"}");
	WAIT(is(s->obs.profile, "Dead"), 8000);
	await(EVENT_OBS_STATUS, "\"profile\":\"Dead\"", 5000);
	ck_assert(!answer_has("/api/v1/obs", "the profile is"));
}
END_TEST

/* --- whose scene it is ---------------------------------------------------- */

#define RULES "rules: [ { name: r, on: note, do: { obs_scene: Poll } } ]\n"

static void act(const char *name, const char *args)
{
	char *path = xasprintf("/api/v1/actions/%s", name);
	char *body = xasprintf("{\"args\":[%s]}", args);
	char *answer = operator_ask(s, "POST", path, body);
	ck_assert_msg(peer_status(answer) == 200, "%s: %.300s", name, answer);
	free(answer);
	free(body);
	free(path);
}

START_TEST(who_switches_in_obs_is_stronger_than_a_rule)
{
	anew("  operator_hold_ms: 60000\n", RULES);
	int fd = look_on(0);
	free(tell(fd, "SetCurrentProgramScene", "{\"sceneName\":\"Live\"}"));
	await(EVENT_OBS_HOLD, "\"by\":\"OBS\"", 8000);
	act("note", "\"now\"");
	await(EVENT_OBS_COMMAND, "\"state\":\"held back\"", 5000);
	ck_assert(answer_has("/api/v1/obs", "\"held_back\":1"));
	WAIT(is(s->obs.program_scene, "Live"), 0);
	act("rules-release", "");
	act("note", "\"and now\"");
	WAIT(is(s->obs.program_scene, "Poll"), 8000);
	close(fd);
}
END_TEST

START_TEST(a_rules_own_scene_holds_nothing)
{
	anew("  operator_hold_ms: 60000\n", RULES);
	act("note", "\"now\"");
	WAIT(is(s->obs.program_scene, "Poll"), 8000);
	await(EVENT_OBS_COMMAND, "\"state\":\"confirmed\"", 8000);
	ck_assert(answer_has("/api/v1/obs", "\"rules_wait\":null"));
	ck_assert(!came(EVENT_OBS_HOLD, "held"));
}
END_TEST

START_TEST(the_hold_ends_by_itself)
{
	anew("  operator_hold_ms: 700\n", RULES);
	do_confirmed("scene", "{\"scene\":\"Live\"}");
	await(EVENT_OBS_HOLD, "\"state\":\"held\"", 5000);
	int64_t end = clock_mono_ms() + patience_ms(10000);
	while (!answer_has("/api/v1/obs", "\"rules_wait\":null") &&
	       clock_mono_ms() < end)
		;
	act("note", "\"now\"");
	WAIT(is(s->obs.program_scene, "Poll"), 8000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("obs watch");
	ADD(a_stream_has_figures_and_one_that_ended_has_none);
	ADD(a_recording_has_figures);
	ADD(a_dropped_stream_is_an_alarm_until_it_is_back);
	ADD(a_stream_can_be_stopped_while_it_tries_again);
	ADD(a_line_that_is_full_is_an_alarm);
	ADD(a_full_disk_is_an_alarm);
	ADD(dead_air_is_an_alarm_until_somebody_speaks);
	ADD(only_the_inputs_that_are_named_break_the_silence);
	ADD(nobody_listens_while_nothing_is_on_air);
	ADD(a_black_program_is_an_alarm);
	ADD(a_hidden_source_is_an_alarm);
	ADD(a_source_that_is_not_there_is_an_alarm_on_air);
	ADD(levels_come_while_somebody_looks);
	ADD(who_leaves_in_haste_takes_the_levels_from_nobody);
	ADD(an_obs_that_hangs_is_an_alarm_until_it_is_back);
	ADD(what_is_otherwise_than_expected_is_said_in_words);
	ADD(who_switches_in_obs_is_stronger_than_a_rule);
	ADD(a_rules_own_scene_holds_nothing);
	ADD(the_hold_ends_by_itself);
	return obs_bed_run(suite, true);
}

/*
 * The OBS client against a real OBS: identifies, lists, follows, switches,
 * confirms, survives. A second connection of the test's own looks on.
 */
#include "obs_stand.h"

/* --- cases ---------------------------------------------------------------- */

START_TEST(it_identifies_and_lists_the_scenes)
{
	pthread_mutex_lock(&s->lock);
	ck_assert_int_eq(s->obs.scenes.count, 4);
	ck_assert_str_eq(s->obs.scenes.items[0], "Starting Soon");
	ck_assert_str_eq(s->obs.scenes.items[1], "Live");
	ck_assert_str_eq(s->obs.scenes.items[2], "Poll");
	ck_assert_ptr_null(s->obs.error);
	ck_assert_ptr_null(s->obs.preview_scene);
	ck_assert(!s->obs.streaming && !s->obs.recording);
	pthread_mutex_unlock(&s->lock);
	WAIT(s->figures && strstr(s->figures, "\"topic\":\"obs\"") &&
		     strstr(s->figures, "\"free_mb\""),
	     3000);
}
END_TEST

START_TEST(it_switches_and_is_confirmed)
{
	int fd = look_on(4);
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Poll\"}");
	WAIT(s->done_ok, 0);
	see(fd, "CurrentProgramSceneChanged", "Poll");
	/* The name of the older protocol. */
	ask("SetCurrentScene", "{\"sceneName\":\"Live\"}");
	WAIT(s->done_ok, 0);
	see(fd, "CurrentProgramSceneChanged", "Live");
	WAIT(is(s->obs.program_scene, "Live"), 3000);
	/* It is there already: no event comes, and it is confirmed. */
	int64_t began = clock_mono_ms();
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	WAIT(s->done_ok, 0);
	ck_assert_int_lt((int)(clock_mono_ms() - began),
			 patience_at_most_ms(4000));
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Nowhere\"}");
	WAIT(!s->done_ok && strstr(s->done_text, "600"), 0);
	ask("MakeTea", NULL);
	WAIT(!s->done_ok, 0);
	ask("GetVersion", "{broken");
	WAIT(!s->done_ok, 0);
	close(fd);
}
END_TEST

START_TEST(a_slow_transition_is_confirmed_at_its_end)
{
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	ask("SetCurrentSceneTransition", "{\"transitionName\":\"Fade\"}");
	WAIT(s->done_ok, 0);
	ask("SetCurrentSceneTransitionDuration",
	    "{\"transitionDuration\":1200}");
	WAIT(s->done_ok, 0);
	int64_t began = clock_mono_ms();
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Poll\"}");
	int64_t took = clock_mono_ms() - began;
	WAIT(s->done_ok, 0);
	ck_assert_msg(took > 1000, "confirmed after %d ms", (int)took);
	ask("SetCurrentSceneTransition", "{\"transitionName\":\"Cut\"}");
}
END_TEST

START_TEST(it_follows_what_others_do)
{
	int fd = look_on(4);
	free(tell(fd, "SetCurrentProgramScene",
		  "{\"sceneName\":\"Starting Soon\"}"));
	WAIT(is(s->obs.program_scene, "Starting Soon"), 5000);
	free(tell(fd, "CreateScene", "{\"sceneName\":\"New \\u001b[2J\"}"));
	WAIT(s->obs.scenes.count == 5, 5000);
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < s->obs.scenes.count; i++)
		ck_assert_ptr_null(strchr(s->obs.scenes.items[i], 0x1b));
	pthread_mutex_unlock(&s->lock);
	free(tell(fd, "RemoveScene", "{\"sceneName\":\"New \\u001b[2J\"}"));
	WAIT(s->obs.scenes.count == 4, 5000);
	free(tell(fd, "SetSceneName",
		  "{\"sceneName\":\"Poll\",\"newSceneName\":\"Vote\"}"));
	WAIT(is(s->obs.scenes.items[2], "Vote"), 5000);
	free(tell(fd, "SetSceneName",
		  "{\"sceneName\":\"Vote\",\"newSceneName\":\"Poll\"}"));
	WAIT(is(s->obs.scenes.items[2], "Poll"), 5000);
	free(tell(fd, "SetStudioModeEnabled", "{\"studioModeEnabled\":true}"));
	WAIT(s->obs.preview_scene != NULL, 5000);
	ask("SetCurrentPreviewScene", "{\"sceneName\":\"Poll\"}");
	WAIT(s->done_ok && is(s->obs.preview_scene, "Poll"), 3000);
	free(tell(fd, "SetStudioModeEnabled", "{\"studioModeEnabled\":false}"));
	WAIT(s->obs.preview_scene == NULL, 5000);
	ask("SetCurrentSceneCollection", "{\"sceneCollectionName\":\"Other\"}");
	WAIT(s->done_ok, 0);
	WAIT(s->obs.connected && s->obs.scenes.count == 4 &&
		     is(s->obs.scenes.items[0], "Starting Soon"),
	     5000);
	ask("SetCurrentSceneCollection", "{\"sceneCollectionName\":\"House\"}");
	WAIT(s->done_ok, 0);
	close(fd);
}
END_TEST

START_TEST(streams_and_records_are_believed_when_seen)
{
	/* OBS answers "ok" although nothing takes the stream. */
	ask("StartStream", NULL);
	WAIT(!s->done_ok && strstr(s->done_text, "ingest"), 0);
	WAIT(!s->obs.streaming, 0);
	ask("StartRecord", NULL);
	WAIT(s->done_ok, 0);
	WAIT(s->obs.recording, 3000);
	ask("StopRecord", NULL);
	WAIT(s->done_ok, 0);
	WAIT(!s->obs.recording, 3000);
	ask("StopRecord", NULL);
	WAIT(s->done_ok && strstr(s->done_text, "already"), 0);
}
END_TEST

START_TEST(a_wrong_password_stops_it)
{
	house_close();
	house_open("wrong", NULL, NULL);
	WAIT(s->obs.error && strstr(s->obs.error, "password"), 10000);
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	WAIT(!s->done_ok && strstr(s->done_text, "password"), 0);
	ask("reconnect", NULL); /* it is told at once */
	WAIT(!s->done_ok && strstr(s->done_text, "password"), 0);
	setenv("TEST_OBS_PASSWORD", OBS_PASSWORD, 1);
	ask("reconnect", NULL);
	WAIT(s->done_ok && s->obs.connected, 5000);
}
END_TEST

START_TEST(a_killed_obs_is_noticed_and_found_again)
{
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	kill(obs_pid(), SIGKILL);
	WAIT(!s->obs.connected && s->obs.error, 3000);
	WAIT(s->obs.program_scene == NULL && s->obs.scenes.count == 0, 0);
	ask("SetCurrentProgramScene", "{\"sceneName\":\"Live\"}");
	WAIT(!s->done_ok && strstr(s->done_text, "not connected"), 0);
	ck_assert_int_eq(obs_script("again"), 0);
	WAIT(s->obs.connected && s->obs.scenes.count == 4, 30000);
}
END_TEST

START_TEST(a_closed_obs_says_goodbye)
{
	s->obs_errors[0] = '\0';
	obs_close();
	/* It is looked for again at once, and not there yet. (Where the machine
	 * is busy, OBS may be gone before its goodbye is sent.) */
	WAIT(!s->obs.connected && (strstr(s->obs_errors, "clos") ||
				   strstr(s->obs_errors, "lost")),
	     5000);
	ck_assert_int_eq(obs_script("again"), 0);
	WAIT(s->obs.connected && s->obs.scenes.count == 4, 30000);
}
END_TEST

START_TEST(a_hung_obs_is_not_called_healthy)
{
	kill(obs_pid(), SIGSTOP);
	WAIT(!s->obs.connected, 8000);
	kill(obs_pid(), SIGCONT);
	WAIT(s->obs.connected, 20000);
}
END_TEST

static Suite *suite_of_all(void)
{
	Suite *suite = suite_create("net_obs");
	ADD(it_identifies_and_lists_the_scenes);
	ADD(it_switches_and_is_confirmed);
	ADD(a_slow_transition_is_confirmed_at_its_end);
	ADD(it_follows_what_others_do);
	ADD(streams_and_records_are_believed_when_seen);
	ADD(a_wrong_password_stops_it);
	ADD(a_killed_obs_is_noticed_and_found_again);
	ADD(a_closed_obs_says_goodbye);
	ADD(a_hung_obs_is_not_called_healthy);
	return suite;
}

int main(void)
{
	return obs_bed_run(suite_of_all(), false);
}

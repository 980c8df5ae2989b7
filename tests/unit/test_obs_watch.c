/* What a session with OBS keeps an eye on: figures, levels, alarms. */
#include "tap.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "net/obs_watch.h"

#define STARTED	     "OBS_WEBSOCKET_OUTPUT_STARTED"
#define STOPPING     "OBS_WEBSOCKET_OUTPUT_STOPPING"
#define STOPPED	     "OBS_WEBSOCKET_OUTPUT_STOPPED"
#define RECONNECTING "OBS_WEBSOCKET_OUTPUT_RECONNECTING"
#define RECONNECTED  "OBS_WEBSOCKET_OUTPUT_RECONNECTED"

static struct obs_watch w;
static struct show_obs expected;
static struct obs_facts facts;
static int64_t now_ms;
static char *names[2];
static struct {
	char *id, *text;
	bool up;
	int told;
} alarms[16];
static char *meters;
static int meters_told;

static void on_alarm(void *who, const char *id, bool up, const char *text)
{
	(void)who;
	size_t i = 0;
	while (alarms[i].id && strcmp(alarms[i].id, id) != 0)
		i++;
	ck_assert_uint_lt(i, COUNT_OF(alarms));
	free(alarms[i].id);
	free(alarms[i].text);
	alarms[i].id = xstrdup(id);
	alarms[i].text = xstrdup(text);
	alarms[i].up = up;
	alarms[i].told++;
}

static void on_meters(void *who, const char *json)
{
	(void)who;
	free(meters);
	meters = xstrdup(json);
	meters_told++;
}

/* What the alarm says while it is up; "" while it is not; NULL: not told. */
static const char *alarm_of(const char *id)
{
	for (size_t i = 0; i < COUNT_OF(alarms) && alarms[i].id; i++)
		if (!strcmp(alarms[i].id, id))
			return alarms[i].up ? alarms[i].text : "";
	return NULL;
}

static void setup(void)
{
	static const struct obs_watch_sink sink = {NULL, on_alarm, on_meters};
	now_ms = 1000000;
	expected = (struct show_obs){.given = true};
	expected.alarms = (struct show_obs_alarms){
		.silence_ms = 10000,
		.silence_below_db = 60,
		.black_ms = 10000,
		.sources_ms = 5000,
		.congestion = 0.5,
		.dropped = 0.05,
		.disk_free_mb = 2048,
	};
	facts.connected = true;
	facts.program_scene = xstrdup("Live");
	obs_names_add(&facts.scenes, "Live");
	obs_watch_init(&w, &sink, &expected);
	obs_watch_ready(&w, now_ms);
}

static void teardown(void)
{
	obs_watch_release(&w);
	obs_facts_release(&facts);
	for (size_t i = 0; i < COUNT_OF(alarms); i++) {
		free(alarms[i].id);
		free(alarms[i].text);
	}
	memset(alarms, 0, sizeof alarms);
	free(meters);
	meters = NULL;
	meters_told = 0;
}

static json_object *tree(const char *json)
{
	struct err err;
	json_object *o = json_read_str(json, &json_limits_own, &err);
	ck_assert_msg(o != NULL, "%s: %s", json, err.text);
	return o;
}

static void answer(const char *type, const char *json)
{
	json_object *o = tree(json);
	obs_watch_answer(&w, type, NULL, o, now_ms);
	json_object_put(o);
}

static void event(const char *type, const char *json)
{
	json_object *o = tree(json);
	obs_watch_event(&w, type, o, now_ms);
	json_object_put(o);
}

static void stream_is(const char *state)
{
	char *json = xasprintf(
		"{\"outputActive\":false,\"outputState\":\"%s\"}", state);
	event("StreamStateChanged", json);
	free(json);
	obs_watch_tick(&w, &facts, now_ms);
}

static void second(int64_t bytes, double congestion, int64_t dropped,
		   int64_t total)
{
	now_ms += 1000;
	char *json = xasprintf(
		"{\"outputActive\":true,\"outputReconnecting\":%s,"
		"\"outputDuration\":5000,\"outputBytes\":%lld,"
		"\"outputCongestion\":%g,\"outputSkippedFrames\":%lld,"
		"\"outputTotalFrames\":%lld}",
		w.reconnecting ? "true" : "false", (long long)bytes, congestion,
		(long long)dropped, (long long)total);
	answer("GetStreamStatus", json);
	free(json);
	obs_watch_tick(&w, &facts, now_ms);
}

static void pass(int64_t ms)
{
	now_ms += ms;
	obs_watch_tick(&w, &facts, now_ms);
}

/* Levels of "Voice" and "Music", as peaks of one channel. */
static void levels(const char *voice, const char *music)
{
	char *json = xasprintf("{\"inputs\":[{\"inputName\":\"Voice\","
			       "\"inputLevelsMul\":[[0,%s,0]]},{\"inputName\":"
			       "\"Music\",\"inputLevelsMul\":[[0,%s,0]]}]}",
			       voice, music);
	event("InputVolumeMeters", json);
	free(json);
}

START_TEST(the_bitrate_starts_again_with_a_reconnection)
{
	stream_is(STARTED);
	second(1000000, 0, 0, 30);
	ck_assert_int_eq(w.f.kbps, 0); /* since when is not known */
	second(1750000, 0, 0, 60);
	ck_assert_int_eq(w.f.kbps, 6000);
	stream_is(RECONNECTING);
	ck_assert(w.streaming && w.reconnecting);
	ck_assert_str_ne(alarm_of("obs/stream"), "");
	second(0, 0, 0, 0);
	ck_assert_int_eq(w.f.kbps, 0);
	stream_is(RECONNECTED);
	ck_assert_str_eq(alarm_of("obs/stream"), "");
	second(750000, 0, 0, 30);
	ck_assert_int_eq(w.f.kbps, 6000);
}
END_TEST

START_TEST(what_was_is_not_shown_as_live)
{
	stream_is(STARTED);
	second(1000000, 0.4, 7, 300);
	ck_assert_int_eq(w.f.dropped, 7);
	stream_is(STOPPING);
	stream_is(STOPPED);
	answer("GetStreamStatus",
	       "{\"outputActive\":false,\"outputBytes\":1000000,"
	       "\"outputSkippedFrames\":7,\"outputTotalFrames\":300,"
	       "\"outputCongestion\":0.4,\"outputDuration\":10000}");
	json_object *o = json_object_new_object();
	obs_watch_put(&w, o);
	ck_assert_int_eq(json_get_int(o, "dropped", -1), 0);
	ck_assert_int_eq(json_get_int(o, "stream_ms", -1), 0);
	ck_assert_int_eq(json_get_int(o, "kbps", -1), 0);
	json_object_put(o);
	pass(0);
	ck_assert_str_eq(alarm_of("obs/stream"), ""); /* it was asked to */
}
END_TEST

START_TEST(a_stream_that_ends_by_itself_is_an_alarm)
{
	stream_is(STARTED);
	stream_is(RECONNECTING);
	stream_is(STOPPED);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/stream"), "by itself"));
	pass(60000);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/stream"), "by itself"));
	stream_is(STARTED);
	ck_assert_str_eq(alarm_of("obs/stream"), "");
	/* The same when only the answers tell. */
	second(1, 0, 0, 1);
	answer("GetStreamStatus", "{\"outputActive\":false}");
	pass(0);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/stream"), "by itself"));
}
END_TEST

START_TEST(congestion_has_to_last)
{
	stream_is(STARTED);
	second(1, 0, 0, 30);
	second(2, 0.9, 0, 60);
	second(3, 0.9, 0, 90);
	second(4, 0, 0, 120);
	ck_assert_ptr_null(alarm_of("obs/congestion"));
	for (int i = 0; i < 3; i++)
		second(5 + i, 0.6, 0, 150 + i * 30);
	ck_assert_str_ne(alarm_of("obs/congestion"), "");
	second(9, 0, 0, 300);
	second(10, 0, 0, 330);
	ck_assert_str_ne(alarm_of("obs/congestion"), "");
	second(11, 0, 0, 360);
	ck_assert_str_eq(alarm_of("obs/congestion"), "");
	/* Dropped frames are seen where no congestion is reported. */
	for (int i = 0; i < 5; i++)
		second(20 + i, 0, i * 10, 400 + i * 30);
	ck_assert_str_ne(alarm_of("obs/congestion"), "");
}
END_TEST

START_TEST(a_disk_that_fills_up)
{
	answer("GetStats", "{\"availableDiskSpace\":2000.5,\"activeFps\":30}");
	pass(0);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/disk"), "2048 MB"));
	answer("GetStats", "{\"availableDiskSpace\":2100}"); /* hardly more */
	pass(0);
	ck_assert_str_ne(alarm_of("obs/disk"), "");
	answer("GetStats", "{\"availableDiskSpace\":2500}");
	pass(0);
	ck_assert_str_eq(alarm_of("obs/disk"), "");
	answer("GetStats",
	       "{\"availableDiskSpace\":-1e300,\"activeFps\":1e99}");
	ck_assert_double_eq(w.f.free_mb, 0);
	ck_assert_double_eq(w.f.fps, 1000);
}
END_TEST

START_TEST(levels_are_clamped_and_told_five_times_a_second)
{
	ck_assert(!obs_watch_wants_meters(&w));
	w.meters_shown = true;
	ck_assert(obs_watch_wants_meters(&w));
	event("InputVolumeMeters", "{\"inputs\":[]}");
	event("InputVolumeMeters", "{\"inputs\":[{\"inputName\":\"Voice\","
				   "\"inputLevelsMul\":[]}]}");
	levels("1.16e17", "0.5");
	for (int i = 0; i < 100; i++) {
		now_ms += 50;
		levels("0.001", "0.1");
	}
	ck_assert_int_ge(meters_told, 25);
	ck_assert_int_le(meters_told, 27);
	ck_assert_ptr_nonnull(strstr(meters,
				     "{\"name\":\"Voice\",\"db\":-60},"
				     "{\"name\":\"Music\",\"db\":-20}"));
	/* The peak of the time between is told, not the last sample. */
	now_ms += 100;
	levels("1", "0");
	now_ms += 100;
	levels("0", "0");
	ck_assert_ptr_nonnull(strstr(meters, "\"Voice\",\"db\":0}"));
	/* One that is gone is not told any more. */
	now_ms += 300;
	event("InputVolumeMeters", "{\"inputs\":[{\"inputName\":\"Music\","
				   "\"inputLevelsMul\":[[0,1,1],[0,0.1,0]]}]}");
	ck_assert_ptr_null(strstr(meters, "Voice"));
	w.meters_shown = false;
	ck_assert(!obs_watch_wants_meters(&w));
}
END_TEST

START_TEST(levels_that_do_not_come_are_no_silence)
{
	stream_is(STARTED);
	pass(30000);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/silence"), "no levels"));
	levels("0.5", "0");
	pass(0);
	ck_assert_str_eq(alarm_of("obs/silence"), "");
	pass(30000);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/silence"), "no levels"));
}
END_TEST

START_TEST(dead_air_is_an_alarm_on_air_alone)
{
	pass(60000);
	ck_assert_str_eq(alarm_of("obs/silence"), "");
	stream_is(STARTED);
	ck_assert(obs_watch_wants_meters(&w));
	for (int i = 0; i < 19; i++) {
		now_ms += 500;
		levels("0.0009", "0");
		pass(0);
	}
	ck_assert_str_eq(alarm_of("obs/silence"), "");
	levels("1.16e17", "0"); /* garbage is no sound */
	pass(500);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/silence"), "dead air"));
	levels("0.5", "0");
	pass(0);
	ck_assert_str_eq(alarm_of("obs/silence"), "");
	/* Only those that are watched count. */
	names[0] = (char *)(uintptr_t) "Music";
	expected.alarms.inputs =
		(struct show_names){.items = names, .count = 1};
	for (int i = 0; i < 20; i++) {
		now_ms += 500;
		levels("0.5", "0");
	}
	pass(0);
	ck_assert_str_ne(alarm_of("obs/silence"), "");
	stream_is(STOPPING);
	stream_is(STOPPED);
	ck_assert_str_eq(alarm_of("obs/silence"), "");
	ck_assert(!obs_watch_wants_meters(&w));
}
END_TEST

static void picture(unsigned char most)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
				     "klmnopqrstuvwxyz0123456789+/";
	unsigned char bytes[11 + 192] = "P6\n8 8\n255\n";
	bytes[11 + 100] = most;
	struct buf b = {0};
	buf_adds(&b, "{\"imageData\":\"data:image/ppm;base64,");
	for (size_t i = 0; i < sizeof bytes; i += 3) {
		unsigned v = (unsigned)bytes[i] << 16;
		v |= i + 1 < sizeof bytes ? (unsigned)bytes[i + 1] << 8 : 0;
		v |= i + 2 < sizeof bytes ? bytes[i + 2] : 0;
		for (int k = 18; k >= 0; k -= 6)
			buf_addc(&b, digits[v >> k & 63]);
	}
	buf_adds(&b, "\"}");
	answer("GetSourceScreenshot", buf_str(&b));
	buf_release(&b);
}

START_TEST(black_is_an_alarm)
{
	ck_assert_int_eq(obs_look_brightest("data:image/png;base64,AAAA"), -1);
	ck_assert_int_eq(obs_look_brightest("data:image/ppm;base64,UDYK"), -1);
	ck_assert_int_eq(obs_look_brightest(""), -1);
	stream_is(STARTED);
	answer("GetSourceScreenshot", "{\"imageData\":\"what?\"}");
	pass(20000); /* a picture that cannot be read accuses nobody */
	ck_assert_str_eq(alarm_of("obs/black"), "");
	picture(200);
	pass(9000);
	picture(16);
	pass(0);
	ck_assert_str_eq(alarm_of("obs/black"), "");
	pass(1000);
	ck_assert_ptr_nonnull(strstr(alarm_of("obs/black"), "black for 10 s"));
	picture(17);
	pass(0);
	ck_assert_str_eq(alarm_of("obs/black"), "");
}
END_TEST

static void medium(const char *name, const char *state, int64_t cursor)
{
	char *ask = xasprintf("{\"inputName\":\"%s\"}", name);
	char *is = xasprintf("{\"mediaState\":\"%s\",\"mediaCursor\":%lld}",
			     state, (long long)cursor);
	json_object *request = tree(ask), *data = tree(is);
	obs_watch_answer(&w, "GetMediaInputStatus", request, data, now_ms);
	json_object_put(request);
	json_object_put(data);
	free(ask);
	free(is);
}

START_TEST(sources_must_feed)
{
	names[0] = (char *)(uintptr_t) "Clip";
	expected.sources = (struct show_names){.items = names, .count = 1};
	stream_is(STARTED);
	pass(5000);
	ck_assert_str_eq(alarm_of("obs/sources"), "Clip is missing");
	struct obs_source *clip = obs_facts_add_input(&facts, "Clip");
	pass(0); /* in another scene: that is no fault */
	ck_assert_str_eq(alarm_of("obs/sources"), "");
	clip->active = clip->ended = true;
	pass(0);
	pass(4999);
	ck_assert_str_eq(alarm_of("obs/sources"), "");
	pass(1);
	ck_assert_str_eq(alarm_of("obs/sources"),
			 "Clip has ended or has no file");
	clip->ended = false;
	for (int i = 0; i < 10; i++) {
		medium("Clip", "OBS_MEDIA_STATE_PLAYING", i * 1000);
		pass(1000);
	}
	ck_assert_str_eq(alarm_of("obs/sources"), "");
	for (int i = 0; i < 10; i++) {
		medium("Clip", "OBS_MEDIA_STATE_PLAYING", 9000);
		pass(1000);
	}
	ck_assert_str_eq(alarm_of("obs/sources"), "Clip stands still");
	medium("Clip", "OBS_MEDIA_STATE_PAUSED", 9000);
	clip->active = false;
	answer("GetSceneItemList", "{\"sceneItems\":[{\"sourceName\":\"Clip\","
				   "\"sceneItemEnabled\":false}]}");
	pass(5000);
	pass(5000);
	ck_assert_str_eq(alarm_of("obs/sources"),
			 "Clip is hidden in the scene on air");
}
END_TEST

START_TEST(a_lost_link_is_an_alarm_and_leaves_the_others)
{
	stream_is(STARTED);
	stream_is(RECONNECTING);
	int told = alarms[0].told;
	obs_watch_lost(&w, "it hangs", now_ms);
	ck_assert_str_eq(alarm_of("obs"), "OBS is not connected: it hangs");
	ck_assert_str_ne(alarm_of("obs/stream"), "");
	pass(1000);
	ck_assert_str_ne(alarm_of("obs/stream"), "");
	obs_watch_ready(&w, now_ms);
	second(1, 0, 0, 1);
	ck_assert_str_eq(alarm_of("obs"), "");
	ck_assert_str_eq(alarm_of("obs/stream"), "");
	ck_assert_int_gt(alarms[0].told, told);
}
END_TEST

START_TEST(an_alarm_that_is_up_is_told_again)
{
	stream_is(STARTED);
	stream_is(RECONNECTING);
	size_t i = 0;
	while (strcmp(alarms[i].id, "obs/stream") != 0)
		i++;
	int told = alarms[i].told;
	pass(4999);
	ck_assert_int_eq(alarms[i].told, told);
	pass(1);
	ck_assert_int_eq(alarms[i].told, told + 1);
}
END_TEST

START_TEST(it_looks_only_on_air_and_only_at_what_is_asked)
{
	int step = 0;
	ck_assert_int_eq(w.look_at_ms, 0);
	stream_is(STARTED);
	ck_assert_int_ne(w.look_at_ms, 0);
	struct obs_look look = obs_look_next(&w, &facts, &step);
	ck_assert_str_eq(look.type, "GetSourceScreenshot");
	ck_assert_str_eq(json_get_str(look.data, "sourceName", ""), "Live");
	json_object_put(look.data);
	ck_assert_ptr_null(obs_look_next(&w, &facts, &step).type);
	names[0] = (char *)(uintptr_t) "Clip";
	expected.sources = (struct show_names){.items = names, .count = 1};
	expected.alarms.black_ms = 0;
	obs_facts_add_input(&facts, "Other")->active = true;
	obs_facts_add_input(&facts, "Clip")->active = true;
	step = 0;
	look = obs_look_next(&w, &facts, &step);
	ck_assert_str_eq(look.type, "GetSceneItemList");
	json_object_put(look.data);
	look = obs_look_next(&w, &facts, &step);
	ck_assert_str_eq(look.type, "GetMediaInputStatus");
	ck_assert_str_eq(json_get_str(look.data, "inputName", ""), "Clip");
	json_object_put(look.data);
	ck_assert_ptr_null(obs_look_next(&w, &facts, &step).type);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("obs watch");
	TCase *tc = tcase_create("watch");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_bitrate_starts_again_with_a_reconnection);
	tcase_add_test(tc, what_was_is_not_shown_as_live);
	tcase_add_test(tc, a_stream_that_ends_by_itself_is_an_alarm);
	tcase_add_test(tc, congestion_has_to_last);
	tcase_add_test(tc, a_disk_that_fills_up);
	tcase_add_test(tc, levels_are_clamped_and_told_five_times_a_second);
	tcase_add_test(tc, levels_that_do_not_come_are_no_silence);
	tcase_add_test(tc, dead_air_is_an_alarm_on_air_alone);
	tcase_add_test(tc, black_is_an_alarm);
	tcase_add_test(tc, sources_must_feed);
	tcase_add_test(tc, a_lost_link_is_an_alarm_and_leaves_the_others);
	tcase_add_test(tc, an_alarm_that_is_up_is_told_again);
	tcase_add_test(tc, it_looks_only_on_air_and_only_at_what_is_asked);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}

/* obs_facts: what OBS says of itself, cleaned and put in our order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/live.h"
#include "net/obs_priv.h"

#define NAME_MAX_BYTES 200

void obs_facts_set(char **place, const char *text)
{
	free(*place);
	*place = text ? text_clean_str(text, NAME_MAX_BYTES) : NULL;
}

/* OBS lists its scenes from the bottom up. */
static void take_scenes(struct obs_facts *f, json_object *list)
{
	obs_names_clear(&f->scenes);
	size_t n = list ? json_object_array_length(list) : 0;
	for (size_t i = n; i-- > 0;) {
		json_object *scene = json_object_array_get_idx(list, i);
		const char *name = json_get_str(scene, "sceneName", NULL);
		if (name)
			obs_names_add(&f->scenes, name);
	}
}

static void take_stream(struct obs_session *s, json_object *data,
			int64_t now_ms)
{
	int64_t bytes = json_get_int(data, "outputBytes", 0);
	s->facts.streaming = json_get_bool(data, "outputActive", false);
	s->facts.reconnecting =
		s->facts.streaming &&
		json_get_bool(data, "outputReconnecting", false);
	s->stream_ms = s->facts.streaming
			       ? json_get_int(data, "outputDuration", 0)
			       : 0;
	int64_t took = now_ms - s->bytes_at_ms;
	/* They start again at nought with every reconnection. */
	bool carries_on = s->bytes_at_ms && bytes >= s->bytes && took > 0;
	if (took > 0)
		s->kbps = s->facts.streaming && carries_on
				  ? (bytes - s->bytes) * 8 / took
				  : 0;
	s->bytes = bytes;
	s->bytes_at_ms = now_ms;
	s->dropped = json_get_int(data, "outputSkippedFrames", 0);
	s->total = json_get_int(data, "outputTotalFrames", 0);
	s->congestion = json_get_num(data, "outputCongestion", 0);
}

static void take_preview(struct obs_session *s, json_object *data)
{
	const char *name = json_get_str(data, "currentPreviewSceneName",
					json_get_str(data, "sceneName", NULL));
	obs_facts_set(&s->facts.preview_scene, name);
}

static void ask_again(struct obs_session *s, const char *type);

void obs_facts_answer(struct obs_session *s, const char *type,
		      json_object *data, int64_t now_ms)
{
	struct obs_facts *f = &s->facts;
	if (!strcmp(type, "GetSceneList")) {
		take_scenes(f, json_get_array(data, "scenes"));
		obs_facts_set(
			&f->program_scene,
			json_get_str(data, "currentProgramSceneName", NULL));
		obs_facts_set(
			&f->preview_scene,
			json_get_str(data, "currentPreviewSceneName", NULL));
		s->list_asked = false;
		if (s->list_stale)
			ask_again(s, type);
	} else if (!strcmp(type, "GetCurrentProgramScene")) {
		obs_facts_set(
			&f->program_scene,
			json_get_str(data, "currentProgramSceneName",
				     json_get_str(data, "sceneName", NULL)));
	} else if (!strcmp(type, "GetStudioModeEnabled")) {
		if (!json_get_bool(data, "studioModeEnabled", false))
			obs_facts_set(&f->preview_scene, NULL);
	} else if (!strcmp(type, "GetCurrentPreviewScene")) {
		take_preview(s, data);
	} else if (!strcmp(type, "GetStreamStatus")) {
		take_stream(s, data, now_ms);
	} else if (!strcmp(type, "GetRecordStatus")) {
		f->recording = json_get_bool(data, "outputActive", false);
		s->record_ms = f->recording
				       ? json_get_int(data, "outputDuration", 0)
				       : 0;
	} else if (!strcmp(type, "GetStats")) {
		s->skipped = json_get_int(data, "renderSkippedFrames", 0);
		s->fps = json_get_num(data, "activeFps", 0);
		s->free_mb = json_get_num(data, "availableDiskSpace", 0);
		obs_figures(s);
	}
}

/* RECONNECTING says "not active" while the stream is only trying again. */
static void stream_event(struct obs_facts *f, const char *state)
{
	if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STARTED") ||
	    !strcmp(state, "OBS_WEBSOCKET_OUTPUT_RECONNECTED")) {
		f->streaming = true;
		f->reconnecting = false;
	} else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_RECONNECTING")) {
		f->streaming = f->reconnecting = true;
	} else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STOPPED")) {
		f->streaming = f->reconnecting = false;
	}
}

/* Once at a time: when OBS changes its collection or closes, dozens of scenes
 * come and go, and each is one event. */
static void ask_again(struct obs_session *s, const char *type)
{
	json_object *none = NULL;
	if (!strcmp(type, "GetSceneList")) {
		s->list_stale = s->list_asked;
		if (s->list_asked)
			return;
		s->list_asked = true;
	}
	if (!obs_call(s, NULL, type, &none, clock_mono_ms()))
		s->list_asked = false;
}

void obs_facts_event(struct obs_session *s, const char *type, json_object *data)
{
	struct obs_facts *f = &s->facts;
	const char *state = json_get_str(data, "outputState", "");
	if (!strcmp(type, "CurrentProgramSceneChanged")) {
		obs_facts_set(&f->program_scene,
			      json_get_str(data, "sceneName", NULL));
	} else if (!strcmp(type, "CurrentPreviewSceneChanged")) {
		take_preview(s, data);
	} else if (!strcmp(type, "SceneListChanged")) {
		take_scenes(f, json_get_array(data, "scenes"));
	} else if (!strcmp(type, "SceneNameChanged") ||
		   !strcmp(type, "SceneCreated") ||
		   !strcmp(type, "SceneRemoved")) {
		ask_again(s, "GetSceneList");
	} else if (!strcmp(type, "StudioModeStateChanged")) {
		if (json_get_bool(data, "studioModeEnabled", false))
			ask_again(s, "GetCurrentPreviewScene");
		else
			obs_facts_set(&f->preview_scene, NULL);
	} else if (!strcmp(type, "StreamStateChanged")) {
		stream_event(f, state);
	} else if (!strcmp(type, "RecordStateChanged")) {
		if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STARTED"))
			f->recording = true;
		else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STOPPED"))
			f->recording = false;
	}
}

/* A meter's first value may be garbage; one bad number must not fill a screen.
 */
static double sane(double v, double max)
{
	return isfinite(v) && v >= 0 ? (v < max ? v : max) : 0;
}

void obs_figures(struct obs_session *s)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "topic", LIVE_OBS);
	json_add_int(o, "stream_ms", s->stream_ms);
	json_add_int(o, "record_ms", s->record_ms);
	json_add_int(o, "kbps", s->kbps);
	json_add_int(o, "dropped", s->dropped);
	json_add_int(o, "skipped", s->skipped);
	json_add_int(o, "total", s->total);
	json_add_num(o, "congestion", sane(s->congestion, 1));
	json_add_num(o, "fps", sane(s->fps, 1000));
	json_add_num(o, "free_mb", sane(s->free_mb, 1e12));
	json_add_int(o, "at", clock_show_ms());
	s->sink.figures(s->sink.who, json_text(o));
	json_object_put(o);
}

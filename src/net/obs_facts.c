/* obs_facts: what OBS says of itself, cleaned and put in our order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/live.h"
#include "net/obs_priv.h"

#define NAME_MAX_BYTES	      200
#define TRANSITION	      "SceneTransition" /* Started, Ended, VideoEnded */
#define LONGEST_TRANSITION_MS 20000 /* then its end was not told */

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
	struct obs_facts *f = &s->facts;
	(void)now_ms;
	f->streaming = json_get_bool(data, "outputActive", false);
	f->reconnecting = f->streaming &&
			  json_get_bool(data, "outputReconnecting", false);
}

static void take_preview(struct obs_session *s, json_object *data)
{
	const char *name = json_get_str(data, "currentPreviewSceneName",
					json_get_str(data, "sceneName", NULL));
	obs_facts_set(&s->facts.preview_scene, name);
}

/* --- inputs --------------------------------------------------------------- */

static struct obs_source *input_of(struct obs_session *s, json_object *data,
				   const char *member)
{
	char *name =
		text_clean_str(json_get_str(data, member, ""), NAME_MAX_BYTES);
	struct obs_source *input = obs_facts_input(&s->facts, name);
	free(name);
	return input;
}

static void take_inputs(struct obs_session *s, json_object *list,
			int64_t now_ms)
{
	struct obs_facts old = s->facts;
	size_t n = list ? json_object_array_length(list) : 0;
	s->facts.inputs = NULL;
	s->facts.input_count = 0;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		const char *name = json_get_str(o, "inputName", NULL);
		struct obs_source *to =
			name ? obs_facts_add_input(&s->facts, name) : NULL;
		const struct obs_source *was =
			to ? obs_facts_input(&old, to->name) : NULL;
		if (was) {
			char *own = to->name;
			*to = *was;
			to->name = own;
		}
	}
	struct obs_facts gone = {.inputs = old.inputs,
				 .input_count = old.input_count};
	obs_facts_release(&gone);
	obs_inputs_read(s, now_ms);
}

/* OBS says -100 for silence, and numbers near nothing on the way there. */
static int cdb_of(json_object *data)
{
	double db = json_get_num(data, "inputVolumeDb", -100);
	if (!isfinite(db) || db < -100)
		db = -100;
	return (int)lround((db > 26 ? 26 : db) * 100);
}

static void take_volume(struct obs_source *input, json_object *data)
{
	input->audio = true;
	input->volume_cdb = cdb_of(data);
}

static void take_mute(struct obs_source *input, json_object *data)
{
	input->audio = true;
	input->muted = json_get_bool(data, "inputMuted", false);
}

static void take_active(struct obs_source *input, json_object *data)
{
	input->active = json_get_bool(data, "videoActive", false);
}

static void take_started(struct obs_source *input, json_object *data)
{
	(void)data;
	input->ended = false;
}

static void take_ended(struct obs_source *input, json_object *data)
{
	(void)data;
	input->ended = true;
}

/* Of one input: an answer that was asked with its name, or an event. */
static const struct {
	const char *type, *member;
	void (*take)(struct obs_source *input, json_object *data);
	bool event, soft;
} of_inputs[] = {
	{"GetInputMute", "inputName", take_mute, false, false},
	{"GetInputVolume", "inputName", take_volume, false, false},
	{"GetSourceActive", "sourceName", take_active, false, false},
	{"InputMuteStateChanged", "inputName", take_mute, true, false},
	{"InputVolumeChanged", "inputName", take_volume, true, true},
	{"InputActiveStateChanged", "inputName", take_active, true, true},
	{"MediaInputPlaybackStarted", "inputName", take_started, true, true},
	{"MediaInputPlaybackEnded", "inputName", take_ended, true, true},
};

bool obs_facts_is_soft(const char *event)
{
	for (size_t i = 0; i < COUNT_OF(of_inputs); i++)
		if (of_inputs[i].soft && !strcmp(of_inputs[i].type, event))
			return true;
	return false;
}

/* What it tells can be asked for. */
static bool is_read_again(const char *event)
{
	void (*take)(struct obs_source *, json_object *) = NULL;
	for (size_t i = 0; i < COUNT_OF(of_inputs); i++)
		if (!strcmp(of_inputs[i].type, event))
			take = of_inputs[i].take;
	for (size_t i = 0; i < COUNT_OF(of_inputs); i++)
		if (!of_inputs[i].event && of_inputs[i].take == take)
			return true;
	return false;
}

static bool take_of_input(struct obs_session *s, const char *type,
			  json_object *named, json_object *data, bool event)
{
	for (size_t i = 0; i < COUNT_OF(of_inputs); i++) {
		if (of_inputs[i].event != event ||
		    strcmp(of_inputs[i].type, type))
			continue;
		struct obs_source *input =
			input_of(s, named, of_inputs[i].member);
		if (input)
			of_inputs[i].take(input, data);
		return true;
	}
	return false;
}

/* --- lists that are asked for again --------------------------------------- */

static const char *const list_gets[OBS_LISTS] = {
	[OBS_LIST_SCENES] = "GetSceneList",
	[OBS_LIST_INPUTS] = "GetInputList",
};

/* Once at a time: when OBS changes its collection or closes, dozens of scenes
 * and inputs come and go, and each is one event. */
static void ask_list(struct obs_session *s, enum obs_list list, int64_t now_ms)
{
	json_object *none = NULL;
	s->lists[list].stale = s->lists[list].asked;
	if (s->lists[list].asked || obs_calls_are_held(s))
		return;
	s->lists[list].asked =
		obs_call(s, NULL, list_gets[list], &none, now_ms);
}

static void list_came(struct obs_session *s, enum obs_list list, int64_t now_ms)
{
	s->lists[list].asked = false;
	if (s->lists[list].stale)
		ask_list(s, list, now_ms);
}

void obs_facts_refused(struct obs_session *s, const char *type, int64_t now_ms)
{
	for (enum obs_list i = 0; i < OBS_LISTS; i++)
		if (!strcmp(list_gets[i], type))
			list_came(s, i, now_ms);
}

/* A while after what was told of them: by then OBS lists what it told of. */
static void look_at_inputs(struct obs_session *s, int64_t now_ms)
{
	if (!s->inputs_ms || now_ms - s->inputs_ms < OBS_FIGURES_MS)
		return;
	if (s->inputs_came)
		ask_list(s, OBS_LIST_INPUTS, now_ms);
	if (s->inputs_came ? !s->lists[OBS_LIST_INPUTS].asked
			   : !obs_inputs_read(s, now_ms))
		return; /* too much is under way */
	s->inputs_ms = 0;
	s->inputs_came = false;
}

void obs_facts_look(struct obs_session *s, int64_t now_ms)
{
	int64_t quiet_ms = s->transition_runs ? LONGEST_TRANSITION_MS
					      : OBS_FIGURES_MS;
	if (now_ms - s->picture_ms >= quiet_ms)
		ask_list(s, OBS_LIST_SCENES, now_ms);
	look_at_inputs(s, now_ms);
}

static void take_names(struct obs_names *names, json_object *list,
		       const char *member)
{
	size_t n = list ? json_object_array_length(list) : 0;
	obs_names_clear(names);
	for (size_t i = 0; i < n; i++) {
		json_object *v = json_object_array_get_idx(list, i);
		const char *name = member ? json_get_str(v, member, NULL)
				   : json_object_is_type(v, json_type_string)
					   ? json_object_get_string(v)
					   : NULL;
		if (name)
			obs_names_add(names, name);
	}
}

/* --- answers -------------------------------------------------------------- */

static void take_scene_list(struct obs_session *s, json_object *data,
			    int64_t now_ms)
{
	struct obs_facts *f = &s->facts;
	take_scenes(f, json_get_array(data, "scenes"));
	if (s->answered < s->picture_number) {
		s->lists[OBS_LIST_SCENES].stale = true;
	} else {
		obs_facts_set(&f->program_scene,
			      json_get_str(data, "currentProgramSceneName",
					   NULL));
		obs_facts_set(&f->preview_scene,
			      json_get_str(data, "currentPreviewSceneName",
					   NULL));
	}
	list_came(s, OBS_LIST_SCENES, now_ms);
}

static void take_input_list(struct obs_session *s, json_object *data,
			    int64_t now_ms)
{
	take_inputs(s, json_get_array(data, "inputs"), now_ms);
	list_came(s, OBS_LIST_INPUTS, now_ms);
}

static void take_program(struct obs_session *s, json_object *data,
			 int64_t now_ms)
{
	(void)now_ms;
	obs_facts_set(&s->facts.program_scene,
		      json_get_str(data, "currentProgramSceneName",
				   json_get_str(data, "sceneName", NULL)));
}

static void take_preview_scene(struct obs_session *s, json_object *data,
			       int64_t now_ms)
{
	(void)now_ms;
	take_preview(s, data);
}

static void take_studio(struct obs_session *s, json_object *data,
			int64_t now_ms)
{
	(void)now_ms;
	s->facts.studio = json_get_bool(data, "studioModeEnabled", false);
	if (!s->facts.studio)
		obs_facts_set(&s->facts.preview_scene, NULL);
}

static void take_record(struct obs_session *s, json_object *data,
			int64_t now_ms)
{
	(void)now_ms;
	struct obs_facts *f = &s->facts;
	f->recording = json_get_bool(data, "outputActive", false);
	f->paused = f->recording && json_get_bool(data, "outputPaused", false);
}

static void take_replay(struct obs_session *s, json_object *data,
			int64_t now_ms)
{
	(void)now_ms;
	s->facts.replay = json_get_bool(data, "outputActive", false);
}

static void take_version(struct obs_session *s, json_object *data,
			 int64_t now_ms)
{
	(void)now_ms;
	char *text = xasprintf("%s, obs-websocket %s",
			       json_get_str(data, "obsVersion", "?"),
			       json_get_str(data, "obsWebSocketVersion", "?"));
	obs_facts_set(&s->facts.version, text);
	free(text);
}

static void take_profiles(struct obs_session *s, json_object *data,
			  int64_t now_ms)
{
	(void)now_ms;
	obs_facts_set(&s->facts.profile,
		      json_get_str(data, "currentProfileName", NULL));
	take_names(&s->facts.profiles, json_get_array(data, "profiles"), NULL);
}

static void take_collections(struct obs_session *s, json_object *data,
			     int64_t now_ms)
{
	(void)now_ms;
	obs_facts_set(&s->facts.collection,
		      json_get_str(data, "currentSceneCollectionName", NULL));
	take_names(&s->facts.collections,
		   json_get_array(data, "sceneCollections"), NULL);
}

/* Which of them takes no time is told by its kind, not by its name. */
static void take_transitions(struct obs_session *s, json_object *data,
			     int64_t now_ms)
{
	(void)now_ms;
	json_object *list = json_get_array(data, "transitions");
	size_t n = list ? json_object_array_length(list) : 0;
	take_names(&s->facts.transitions, list, "transitionName");
	obs_facts_set(&s->cut, NULL);
	for (size_t i = 0; i < n && !s->cut; i++) {
		json_object *t = json_object_array_get_idx(list, i);
		if (!strcmp(json_get_str(t, "transitionKind", ""),
			    "cut_transition"))
			obs_facts_set(&s->cut,
				      json_get_str(t, "transitionName", NULL));
	}
}

static void take_transition(struct obs_session *s, json_object *data,
			    int64_t now_ms)
{
	(void)now_ms;
	obs_facts_set(&s->facts.transition,
		      json_get_str(data, "transitionName", NULL));
	int64_t ms = json_get_int(data, "transitionDuration", 0);
	s->facts.transition_ms = ms > 0 && ms < 3600000 ? ms : 0;
}

static const struct {
	const char *type;
	void (*take)(struct obs_session *s, json_object *data, int64_t now_ms);
} answers[] = {
	{"GetSceneList", take_scene_list},
	{"GetInputList", take_input_list},
	{"GetCurrentProgramScene", take_program},
	{"GetCurrentPreviewScene", take_preview_scene},
	{"GetStudioModeEnabled", take_studio},
	{"GetStreamStatus", take_stream},
	{"GetRecordStatus", take_record},
	{"GetReplayBufferStatus", take_replay},
	{"GetVersion", take_version},
	{"GetProfileList", take_profiles},
	{"GetSceneCollectionList", take_collections},
	{"GetSceneTransitionList", take_transitions},
	{"GetCurrentSceneTransition", take_transition},
};

void obs_facts_answer(struct obs_session *s, const char *type,
		      json_object *asked, json_object *data, int64_t now_ms)
{
	if (take_of_input(s, type, asked, data, false))
		return;
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		if (!strcmp(answers[i].type, type))
			answers[i].take(s, data, now_ms);
}

/* --- events --------------------------------------------------------------- */

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

static void record_event(struct obs_facts *f, const char *state)
{
	if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STARTED") ||
	    !strcmp(state, "OBS_WEBSOCKET_OUTPUT_RESUMED")) {
		f->recording = true;
		f->paused = false;
	} else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_PAUSED")) {
		f->recording = f->paused = true;
	} else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STOPPED")) {
		f->recording = f->paused = false;
	}
}

static void replay_event(struct obs_facts *f, const char *state)
{
	if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STARTED"))
		f->replay = true;
	else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STOPPED"))
		f->replay = false;
}

static const struct {
	const char *event;
	void (*take)(struct obs_facts *f, const char *state);
} outputs[] = {
	{"StreamStateChanged", stream_event},
	{"RecordStateChanged", record_event},
	{"ReplayBufferStateChanged", replay_event},
};

/* Events that say that there is something to be asked. */
static const struct {
	const char *event, *get; /* get NULL: that list */
	enum obs_list list;
} askers[] = {
	{"SceneNameChanged", NULL, OBS_LIST_SCENES},
	{"SceneCreated", NULL, OBS_LIST_SCENES},
	{"SceneRemoved", NULL, OBS_LIST_SCENES},
	{"InputCreated", NULL, OBS_LIST_INPUTS},
	{"InputNameChanged", NULL, OBS_LIST_INPUTS},
	{"CurrentSceneTransitionChanged", "GetCurrentSceneTransition", 0},
	{"ProfileListChanged", "GetProfileList", 0},
	{"SceneCollectionListChanged", "GetSceneCollectionList", 0},
};

static void ask_after(struct obs_session *s, const char *event, int64_t now_ms)
{
	json_object *none = NULL;
	for (size_t i = 0; i < COUNT_OF(askers); i++) {
		if (strcmp(askers[i].event, event))
			continue;
		/* OBS tells of an input before it lists it. */
		if (!askers[i].get && askers[i].list == OBS_LIST_INPUTS) {
			s->inputs_ms = now_ms;
			s->inputs_came = true;
		}
		if (!askers[i].get)
			ask_list(s, askers[i].list, now_ms);
		else if (!obs_calls_are_held(s))
			obs_call(s, NULL, askers[i].get, &none, now_ms);
	}
}

/* OBS still lists it for a while: a list that is to be asked for waits. */
static void input_removed(struct obs_session *s, json_object *data,
			  int64_t now_ms)
{
	struct obs_facts *f = &s->facts;
	struct obs_source *gone = input_of(s, data, "inputName");
	if (s->inputs_came)
		s->inputs_ms = now_ms;
	if (!gone)
		return;
	free(gone->name);
	f->input_count--;
	size_t behind = (size_t)(f->inputs + f->input_count - gone);
	memmove(gone, gone + 1, behind * sizeof *gone);
}

static void studio_event(struct obs_session *s, json_object *data,
			 int64_t now_ms)
{
	json_object *none = NULL;
	s->facts.studio = json_get_bool(data, "studioModeEnabled", false);
	if (s->facts.studio)
		obs_call(s, NULL, "GetCurrentPreviewScene", &none, now_ms);
	else
		obs_facts_set(&s->facts.preview_scene, NULL);
}

static bool is_of_picture(const char *event)
{
	return !strcmp(event, "CurrentProgramSceneChanged") ||
	       !strcmp(event, "CurrentPreviewSceneChanged") ||
	       !strcmp(event, "StudioModeStateChanged") ||
	       !strncmp(event, TRANSITION, strlen(TRANSITION));
}

void obs_facts_event(struct obs_session *s, const char *type, json_object *data,
		     int64_t now_ms)
{
	if (is_of_picture(type)) {
		s->picture_ms = now_ms;
		s->picture_number = s->next_number;
	}
	struct obs_facts *f = &s->facts;
	const char *state = json_get_str(data, "outputState", "");
	if (take_of_input(s, type, data, data, true)) {
		if (!s->inputs_ms && is_read_again(type))
			s->inputs_ms = now_ms;
		return;
	}
	for (size_t i = 0; i < COUNT_OF(outputs); i++)
		if (!strcmp(outputs[i].event, type))
			outputs[i].take(f, state);
	if (!strcmp(type, "CurrentProgramSceneChanged"))
		take_program(s, data, now_ms);
	else if (!strcmp(type, "CurrentPreviewSceneChanged"))
		take_preview(s, data);
	else if (!strcmp(type, "SceneListChanged"))
		take_scenes(f, json_get_array(data, "scenes"));
	else if (!strcmp(type, "InputRemoved"))
		input_removed(s, data, now_ms);
	else if (!strcmp(type, "StudioModeStateChanged"))
		studio_event(s, data, now_ms);
	else if (!strcmp(type, "CurrentSceneTransitionChanged"))
		obs_facts_set(&f->transition,
			      json_get_str(data, "transitionName", NULL));
	else if (!strcmp(type, "CurrentSceneTransitionDurationChanged"))
		f->transition_ms = json_get_int(data, "transitionDuration", 0);
	else if (!strncmp(type, TRANSITION, strlen(TRANSITION)))
		s->transition_runs = !strcmp(type, "SceneTransitionStarted");
	ask_after(s, type, now_ms);
}

/* --- figures -------------------------------------------------------------- */

void obs_figures(struct obs_session *s)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "topic", LIVE_OBS);
	obs_watch_put(&s->watch, o);
	json_add_int(o, "at", clock_show_ms());
	s->sink.figures(s->sink.who, json_text(o));
	json_object_put(o);
}

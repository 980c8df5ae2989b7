#include "core/obs_commands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "show/show.h"

#define STARTED "OBS_WEBSOCKET_OUTPUT_STARTED"
#define STOPPED "OBS_WEBSOCKET_OUTPUT_STOPPED"

static bool same(const char *is, json_object *data, const char *member)
{
	char *want = text_clean_str(json_get_str(data, member, ""), 200);
	bool equal = is && !strcmp(is, want);
	free(want);
	return equal;
}

static bool so_program(const struct obs_facts *f, json_object *data)
{
	return same(f->program_scene, data, "sceneName");
}

static bool so_preview(const struct obs_facts *f, json_object *data)
{
	return same(f->preview_scene, data, "sceneName");
}

static bool so_studio(const struct obs_facts *f, json_object *data)
{
	return f->studio == json_get_bool(data, "studioModeEnabled", false);
}

static bool so_transition(const struct obs_facts *f, json_object *data)
{
	return same(f->transition, data, "transitionName");
}

static bool so_length(const struct obs_facts *f, json_object *data)
{
	return f->transition_ms == json_get_int(data, "transitionDuration", -1);
}

static bool so_profile(const struct obs_facts *f, json_object *data)
{
	return same(f->profile, data, "profileName");
}

static bool so_collection(const struct obs_facts *f, json_object *data)
{
	return same(f->collection, data, "sceneCollectionName");
}

static const struct obs_source *input_of(const struct obs_facts *f,
					 json_object *data)
{
	char *name = text_clean_str(json_get_str(data, "inputName", ""), 200);
	const struct obs_source *input = obs_facts_input(f, name);
	free(name);
	return input;
}

static bool so_mute(const struct obs_facts *f, json_object *data)
{
	const struct obs_source *input = input_of(f, data);
	return input &&
	       input->muted == json_get_bool(data, "inputMuted", false);
}

static bool so_volume(const struct obs_facts *f, json_object *data)
{
	const struct obs_source *input = input_of(f, data);
	double cdb = json_get_num(data, "inputVolumeDb", 1e9) * 100;
	return input && fabs(cdb - input->volume_cdb) < 6;
}

static bool so_recording(const struct obs_facts *f, json_object *data)
{
	(void)data;
	return f->recording;
}

static bool so_not_recording(const struct obs_facts *f, json_object *data)
{
	(void)data;
	return !f->recording;
}

static bool so_not_streaming(const struct obs_facts *f, json_object *data)
{
	(void)data;
	return !f->streaming;
}

const struct obs_command obs_commands[] = {
	{.request = "SetCurrentProgramScene",
	 .action = ACTION_SCENE,
	 .arg = OBS_ARG_SCENE,
	 .member = "sceneName",
	 .event = "CurrentProgramSceneChanged",
	 .get = "GetCurrentProgramScene",
	 .so = so_program},
	{.request = "SetCurrentPreviewScene",
	 .action = ACTION_PREVIEW,
	 .arg = OBS_ARG_SCENE,
	 .member = "sceneName",
	 .studio = true,
	 .event = "CurrentPreviewSceneChanged",
	 .get = "GetCurrentPreviewScene",
	 .so = so_preview},
	{.request = "TriggerStudioModeTransition",
	 .action = ACTION_TAKE,
	 .studio = true,
	 .event = "SceneTransitionEnded"},
	{.request = "SetStudioModeEnabled",
	 .action = ACTION_STUDIO,
	 .word = "on",
	 .member = "studioModeEnabled",
	 .event = "StudioModeStateChanged",
	 .get = "GetStudioModeEnabled",
	 .so = so_studio},
	{.request = "SetStudioModeEnabled",
	 .action = ACTION_STUDIO,
	 .word = "off",
	 .member = "studioModeEnabled",
	 .event = "StudioModeStateChanged",
	 .get = "GetStudioModeEnabled",
	 .so = so_studio},
	{.request = "StartStream",
	 .action = ACTION_STREAM,
	 .word = "start",
	 .event = "StreamStateChanged",
	 .want = STARTED,
	 .failed = STOPPED,
	 .failure = "OBS could not start the stream: is the ingest there, and "
		    "the key right?",
	 .already = 500},
	{.request = "StopStream",
	 .action = ACTION_STREAM,
	 .word = "stop",
	 .danger = true,
	 .event = "StreamStateChanged",
	 .want = STOPPED,
	 .get = "GetStreamStatus",
	 .so = so_not_streaming,
	 .already = 501},
	{.request = "StartRecord",
	 .action = ACTION_RECORD,
	 .word = "start",
	 .event = "RecordStateChanged",
	 .want = STARTED,
	 .failed = STOPPED,
	 .failure = "OBS could not start the recording: does its folder exist, "
		    "and is there room?",
	 .get = "GetRecordStatus",
	 .so = so_recording,
	 .already = 500},
	{.request = "StopRecord",
	 .action = ACTION_RECORD,
	 .word = "stop",
	 .danger = true,
	 .event = "RecordStateChanged",
	 .want = STOPPED,
	 .get = "GetRecordStatus",
	 .so = so_not_recording,
	 .already = 501},
	{.request = "PauseRecord",
	 .action = ACTIONS,
	 .event = "RecordStateChanged",
	 .want = "OBS_WEBSOCKET_OUTPUT_PAUSED",
	 .failure = "OBS cannot pause a recording that shares the encoder of "
		    "the stream: set another recording quality",
	 .already = 502},
	{.request = "ResumeRecord",
	 .action = ACTIONS,
	 .event = "RecordStateChanged",
	 .want = "OBS_WEBSOCKET_OUTPUT_RESUMED",
	 .already = 503},
	{.request = "StartReplayBuffer",
	 .action = ACTION_REPLAY,
	 .word = "start",
	 .event = "ReplayBufferStateChanged",
	 .want = STARTED,
	 .failed = STOPPED,
	 .failure = "OBS could not start the replay buffer",
	 .already = 500},
	{.request = "StopReplayBuffer",
	 .action = ACTION_REPLAY,
	 .word = "stop",
	 .event = "ReplayBufferStateChanged",
	 .want = STOPPED,
	 .already = 501},
	{.request = "SaveReplayBuffer",
	 .action = ACTION_REPLAY,
	 .word = "save",
	 .event = "ReplayBufferSaved"},
	{.request = "TriggerHotkeyByName",
	 .action = ACTION_HOTKEY,
	 .arg = OBS_ARG_ANY,
	 .member = "hotkeyName"},
	{.request = "macro", .action = ACTION_MACRO, .arg = OBS_ARG_MACRO},
	{.request = "SetInputMute",
	 .action = ACTION_MUTE,
	 .arg = OBS_ARG_INPUT,
	 .member = "inputName",
	 .event = "InputMuteStateChanged",
	 .get = "GetInputMute",
	 .so = so_mute},
	{.request = "SetInputVolume",
	 .action = ACTION_VOLUME,
	 .arg = OBS_ARG_INPUT,
	 .member = "inputName",
	 .event = "InputVolumeChanged",
	 .get = "GetInputVolume",
	 .so = so_volume},
	{.request = "SetCurrentProfile",
	 .action = ACTION_PROFILE,
	 .arg = OBS_ARG_PROFILE,
	 .member = "profileName",
	 .event = "CurrentProfileChanged",
	 .get = "GetProfileList",
	 .so = so_profile},
	{.request = "SetCurrentSceneCollection",
	 .action = ACTION_COLLECTION,
	 .arg = OBS_ARG_COLLECTION,
	 .member = "sceneCollectionName",
	 .event = "CurrentSceneCollectionChanged",
	 .get = "GetSceneCollectionList",
	 .so = so_collection},
	{.request = "SetCurrentSceneTransition",
	 .action = ACTION_TRANSITION,
	 .arg = OBS_ARG_TRANSITION,
	 .member = "transitionName",
	 .event = "CurrentSceneTransitionChanged",
	 .get = "GetCurrentSceneTransition",
	 .so = so_transition},
	{.request = "SetCurrentSceneTransitionDuration",
	 .action = ACTIONS,
	 .event = "CurrentSceneTransitionDurationChanged",
	 .get = "GetCurrentSceneTransition",
	 .so = so_length},
	{.request = "screenshot",
	 .action = ACTION_SCREENSHOT,
	 .arg = OBS_ARG_SOURCE,
	 .member = "sourceName"},
	{.request = "reconnect",
	 .action = ACTION_OBS,
	 .word = "connect",
	 .event = "reconnected"},
	{.request = "disconnect", .action = ACTION_OBS, .word = "disconnect"},
	/* The safe scene, whatever stands in the way: net/obs_panic.c. */
	{.request = "panic",
	 .action = ACTIONS,
	 .event = "CurrentProgramSceneChanged",
	 .get = "GetCurrentProgramScene",
	 .so = so_program},
};
const size_t obs_command_count = COUNT_OF(obs_commands);

const struct obs_command *obs_command_of(const char *request)
{
	for (size_t i = 0; i < COUNT_OF(obs_commands); i++)
		if (!strcmp(obs_commands[i].request, request))
			return &obs_commands[i];
	return NULL;
}

const struct obs_command *obs_command_find(enum action_id action,
					   const char *arg)
{
	for (size_t i = 0; i < COUNT_OF(obs_commands); i++) {
		const struct obs_command *c = &obs_commands[i];
		if (c->action == action &&
		    (!c->word || (arg && !strcmp(c->word, arg))))
			return c;
	}
	return NULL;
}

/* --- other names ---------------------------------------------------------- */

/* What obs-websocket 4 called it, and its data. */
static const struct {
	const char *old, *now;
	const char *from, *to; /* a member of the data */
} olds[] = {
	{"SetCurrentScene", "SetCurrentProgramScene", "scene-name",
	 "sceneName"},
	{"SetPreviewScene", "SetCurrentPreviewScene", "scene-name",
	 "sceneName"},
	{"TransitionToProgram", "TriggerStudioModeTransition", NULL, NULL},
	{"StartStreaming", "StartStream", NULL, NULL},
	{"StopStreaming", "StopStream", NULL, NULL},
	{"StartRecording", "StartRecord", NULL, NULL},
	{"StopRecording", "StopRecord", NULL, NULL},
	{"PauseRecording", "PauseRecord", NULL, NULL},
	{"ResumeRecording", "ResumeRecord", NULL, NULL},
	{"SetCurrentTransition", "SetCurrentSceneTransition", "transition-name",
	 "transitionName"},
	{"SetTransitionDuration", "SetCurrentSceneTransitionDuration",
	 "duration", "transitionDuration"},
	{"SetCurrentSceneCollection", "SetCurrentSceneCollection", "sc-name",
	 "sceneCollectionName"},
	{"SetCurrentProfile", "SetCurrentProfile", "profile-name",
	 "profileName"},
};

/* obs-websocket 5.1 presses a hotkey by its name and never lets it go, so that
 * one of such a pair works once and then says 100 and does nothing. */
static const struct {
	const char *hotkey, *request; /* NULL: there is none */
	const char *why;
} hotkeys[] = {
	{"OBSBasic.StartStreaming", "StartStream", NULL},
	{"OBSBasic.StopStreaming", "StopStream", NULL},
	{"OBSBasic.ForceStopStreaming", "StopStream", NULL},
	{"OBSBasic.StartRecording", "StartRecord", NULL},
	{"OBSBasic.StopRecording", "StopRecord", NULL},
	{"OBSBasic.PauseRecording", "PauseRecord", NULL},
	{"OBSBasic.UnpauseRecording", "ResumeRecord", NULL},
	{"OBSBasic.StartReplayBuffer", "StartReplayBuffer", NULL},
	{"OBSBasic.StopReplayBuffer", "StopReplayBuffer", NULL},
	{"ReplayBuffer.Save", "SaveReplayBuffer", NULL},
	{"OBSBasic.StartVirtualCam", "StartVirtualCam", NULL},
	{"OBSBasic.StopVirtualCam", "StopVirtualCam", NULL},
	{"OBSBasic.Transition", "TriggerStudioModeTransition", NULL},
	{"OBSBasic.SelectScene", NULL,
	 "every scene has a hotkey of that name, and OBS takes the first: use "
	 "`scene`"},
	{"libobs.mute", NULL,
	 "OBS presses this hotkey and never lets it go: use `mute`"},
	{"libobs.unmute", NULL,
	 "OBS presses this hotkey and never lets it go: use `mute`"},
	{"libobs.show_scene_item", NULL,
	 "OBS presses this hotkey and never lets it go: use the request "
	 "SetSceneItemEnabled in a macro"},
	{"libobs.hide_scene_item", NULL,
	 "OBS presses this hotkey and never lets it go: use the request "
	 "SetSceneItemEnabled in a macro"},
};

static const char *hotkey_known(json_object **data, const char **why)
{
	const char *name = json_get_str(*data, "hotkeyName", "");
	for (size_t i = 0; i < COUNT_OF(hotkeys); i++) {
		size_t len = strlen(hotkeys[i].hotkey);
		/* Those of scene items have a number behind the name. */
		if (strncmp(name, hotkeys[i].hotkey, len) ||
		    (name[len] && name[len] != '.'))
			continue;
		*why = hotkeys[i].why;
		if (!hotkeys[i].request)
			return NULL;
		json_object_put(*data);
		*data = NULL;
		return hotkeys[i].request;
	}
	return "TriggerHotkeyByName";
}

const char *obs_request_known(const char *request, json_object **data,
			      const char **why)
{
	if (!strcmp(request, "TriggerHotkeyByName"))
		return hotkey_known(data, why);
	for (size_t i = 0; i < COUNT_OF(olds); i++) {
		if (strcmp(request, olds[i].old))
			continue;
		json_object *v =
			olds[i].from ? json_get(*data, olds[i].from) : NULL;
		if (v) {
			json_object_object_add(*data, olds[i].to,
					       json_object_get(v));
			json_object_object_del(*data, olds[i].from);
		}
		return olds[i].now;
	}
	return request;
}

/* --- danger --------------------------------------------------------------- */

static bool is_danger(const char *request, json_object *data)
{
	const char *why;
	json_object *copy = json_clone(data);
	const char *known = obs_request_known(request, &copy, &why);
	const struct obs_command *c = known ? obs_command_of(known) : NULL;
	json_object_put(copy);
	return c && c->danger;
}

/* Whether any request of an action's fits `is`: its own, or those of a macro. */
static bool any_request(const struct show *show, enum action_id action,
			const char *arg,
			bool (*is)(const char *request, json_object *data))
{
	const struct obs_command *c = obs_command_find(action, arg);
	if (!c || !arg)
		return false;
	json_object *data = json_object_new_object();
	if (action == ACTION_HOTKEY)
		json_add_str(data, "hotkeyName", arg);
	bool any = is(c->request, data);
	json_object_put(data);
	for (size_t i = 0; c->arg == OBS_ARG_MACRO && i < show->obs.macro_count;
	     i++) {
		const struct show_macro *m = &show->obs.macros[i];
		if (strcmp(m->name, arg))
			continue;
		json_object *batch =
			json_read_str(m->batch, &json_limits_own, NULL);
		size_t n = batch ? json_object_array_length(batch) : 0;
		for (size_t k = 0; k < n; k++) {
			json_object *step = json_object_array_get_idx(batch, k);
			json_object_object_foreach(step, request, its)
				any |= is(request, its);
		}
		json_object_put(batch);
	}
	return any;
}

bool obs_command_is_danger(const struct show *show, enum action_id action,
			   const char *arg)
{
	return any_request(show, action, arg, is_danger);
}

static bool starts_stream(const char *request, json_object *data)
{
	json_object *own = json_clone(data);
	const char *why, *known = obs_request_known(request, &own, &why);
	json_object_put(own);
	return known && (!strcmp(known, "StartStream") ||
			 !strcmp(known, "ToggleStream"));
}

bool obs_command_goes_live(const struct show *show, enum action_id action,
			   const char *arg)
{
	return any_request(show, action, arg, starts_stream);
}

/* What a look at the program tells, on air and every two seconds: a picture of
 * it, eight by eight, which costs OBS a third of a millisecond and us 430 bytes
 * (PPM needs no library); which of the sources that must be feeding are hidden
 * there; and whether their media play on. The picture is of the scene, not of
 * what the encoder gets: the protocol offers no other. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/obs_watch.h"

#define SIDE	  8
#define STILL_MS  4000
#define PPM_BYTES 4096

static bool must_feed(const struct obs_watch *w, const char *name)
{
	for (size_t i = 0; w->show && i < w->show->sources.count; i++)
		if (!strcmp(w->show->sources.items[i], name))
			return true;
	return false;
}

/* --- asking --------------------------------------------------------------- */

static struct obs_look ask(const char *type, const char *key, const char *value)
{
	struct obs_look look = {type, json_object_new_object()};
	json_add_str(look.data, key, value);
	return look;
}

static struct obs_look ask_picture(const char *scene)
{
	struct obs_look look = ask("GetSourceScreenshot", "sourceName", scene);
	json_add_str(look.data, "imageFormat", "ppm");
	json_add_int(look.data, "imageWidth", SIDE);
	json_add_int(look.data, "imageHeight", SIDE);
	return look;
}

static struct obs_still *still_of(struct obs_watch *w, const char *name)
{
	for (int i = 0; i < w->still_count; i++)
		if (!strcmp(w->stills[i].name, name))
			return &w->stills[i];
	if (w->still_count == (int)COUNT_OF(w->stills))
		return NULL;
	struct obs_still *s = &w->stills[w->still_count++];
	*s = (struct obs_still){.name = xstrdup(name)};
	return s;
}

/* The media among the sources on air, one after the other. */
static struct obs_look ask_medium(struct obs_watch *w,
				  const struct obs_facts *facts, int *step)
{
	for (; *step - 2 < facts->input_count; (*step)++) {
		const struct obs_source *s = &facts->inputs[*step - 2];
		if (!s->active || !must_feed(w, s->name) ||
		    !still_of(w, s->name))
			continue;
		(*step)++;
		return ask("GetMediaInputStatus", "inputName", s->name);
	}
	return (struct obs_look){0};
}

struct obs_look obs_look_next(struct obs_watch *w,
			      const struct obs_facts *facts, int *step)
{
	const char *scene = facts->program_scene;
	if (!scene)
		return (struct obs_look){0};
	if (*step == 0) {
		*step = 1;
		if (w->show && w->show->alarms.black_ms)
			return ask_picture(scene);
	}
	if (*step == 1) {
		*step = 2;
		if (w->show && w->show->sources.count)
			return ask("GetSceneItemList", "sceneName", scene);
	}
	return ask_medium(w, facts, step);
}

/* --- answers -------------------------------------------------------------- */

int obs_look_brightest(const char *data_url)
{
	static const char head[] = "data:image/ppm;base64,";
	static const char ppm[] = "P6\n8 8\n255\n";
	const size_t from = sizeof ppm - 1, pixels = (size_t)SIDE * SIDE * 3;
	size_t n = 0;
	unsigned char *bytes =
		strncmp(data_url, head, sizeof head - 1) == 0
			? hash_base64_read(data_url + sizeof head - 1,
					   PPM_BYTES, &n)
			: NULL;
	int most = -1;
	if (bytes && n >= from + pixels && !memcmp(bytes, ppm, from))
		for (size_t i = 0; i < pixels; i++)
			if (bytes[from + i] > most)
				most = bytes[from + i];
	free(bytes);
	return most;
}

#define BLACK 16 /* of 255; video's own black */

static void take_picture(struct obs_watch *w, json_object *data, int64_t now_ms)
{
	int most = obs_look_brightest(json_get_str(data, "imageData", ""));
	w->black_known = most >= 0;
	if (most > BLACK)
		w->lit_at_ms = now_ms;
}

static void take_items(struct obs_watch *w, json_object *data)
{
	json_object *items = json_get_array(data, "sceneItems");
	size_t n = items ? json_object_array_length(items) : 0;
	obs_names_clear(&w->hidden);
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(items, i);
		const char *name = json_get_str(o, "sourceName", "");
		if (must_feed(w, name) &&
		    !json_get_bool(o, "sceneItemEnabled", true) &&
		    !obs_names_have(&w->hidden, name))
			obs_names_add(&w->hidden, name);
	}
}

/* `name` is of the request. */
static void take_medium(struct obs_watch *w, const char *name,
			json_object *data, int64_t now_ms)
{
	struct obs_still *s = name ? still_of(w, name) : NULL;
	if (!s)
		return;
	int64_t cursor = json_get_int(data, "mediaCursor", 0);
	bool was = s->playing;
	s->playing = !strcmp(json_get_str(data, "mediaState", ""),
			     "OBS_MEDIA_STATE_PLAYING");
	if (!was || cursor != s->cursor_ms)
		s->moved_at_ms = now_ms;
	s->cursor_ms = cursor;
}

void obs_look_answer(struct obs_watch *w, const char *type,
		     json_object *request, json_object *data, int64_t now_ms)
{
	if (!strcmp(type, "GetSourceScreenshot"))
		take_picture(w, data, now_ms);
	else if (!strcmp(type, "GetSceneItemList"))
		take_items(w, data);
	else if (!strcmp(type, "GetMediaInputStatus"))
		take_medium(w, json_get_str(request, "inputName", NULL), data,
			    now_ms);
}

/* --- what does not feed ----------------------------------------------------
 */

static bool stands_still(const struct obs_watch *w, const char *name,
			 int64_t now_ms)
{
	for (int i = 0; i < w->still_count; i++) {
		const struct obs_still *s = &w->stills[i];
		if (!strcmp(s->name, name))
			return s->playing && now_ms - s->moved_at_ms > STILL_MS;
	}
	return false;
}

char *obs_look_sources(const struct obs_watch *w, const struct obs_facts *facts,
		       int64_t now_ms)
{
	struct buf b = {0};
	for (size_t i = 0; w->show && i < w->show->sources.count; i++) {
		const char *name = w->show->sources.items[i];
		const struct obs_source *s = obs_facts_input(facts, name);
		const char *why =
			!s && !obs_names_have(&facts->scenes, name)
				? "is missing"
			: obs_names_have(&w->hidden, name)
				? "is hidden in the scene on air"
			: s && s->active && s->ended
				? "has ended or has no file"
			: s && s->active && stands_still(w, name, now_ms)
				? "stands still"
				: NULL;
		if (why)
			buf_addf(&b, "%s%s %s", b.len ? "; " : "", name, why);
	}
	char *text = text_clean(buf_str(&b), b.len, 300);
	buf_release(&b);
	return text;
}

void obs_look_forget(struct obs_watch *w)
{
	obs_names_clear(&w->hidden);
	for (int i = 0; i < w->still_count; i++)
		free(w->stills[i].name);
	w->still_count = 0;
	w->black_known = false;
	w->sources_at_ms = 0;
}

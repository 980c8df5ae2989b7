/* The levels that OBS sends twenty times a second. The first samples of an
 * input may be garbage (1e17 was seen), or there are none: what is no level
 * says nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/live.h"
#include "net/obs_watch.h"

#define TELL_MS	   200
#define MOST_MUL   100 /* +40 dB: more is no level */
#define NAME_BYTES 200

/* Its place; names come in the same order mostly. */
static struct obs_level *level_of(struct obs_watch *w, const char *name, int at)
{
	if (at < w->level_count && !strcmp(w->levels[at].name, name))
		return &w->levels[at];
	for (int i = 0; i < w->level_count; i++)
		if (!strcmp(w->levels[i].name, name))
			return &w->levels[i];
	if (w->level_count == OBS_METERS_MAX)
		return NULL;
	struct obs_level *l = &w->levels[w->level_count++];
	*l = (struct obs_level){.name = xstrdup(name),
				.db = OBS_LEVEL_LEAST,
				.shown_db = OBS_LEVEL_LEAST};
	return l;
}

/* Of all channels, behind its fader and mute: [[magnitude, peak, input], ...]
 */
static int peak_db(json_object *channels)
{
	double most = 0;
	size_t n = json_object_is_type(channels, json_type_array)
			   ? json_object_array_length(channels)
			   : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *c = json_object_array_get_idx(channels, i);
		json_object *peak = json_object_is_type(c, json_type_array)
					    ? json_object_array_get_idx(c, 1)
					    : NULL;
		double v = peak ? json_object_get_double(peak) : 0;
		if (isfinite(v) && v > most && v <= MOST_MUL)
			most = v;
	}
	double db = most > 0 ? 20 * log10(most) : OBS_LEVEL_LEAST;
	return db <= OBS_LEVEL_LEAST ? OBS_LEVEL_LEAST
	       : db > 0		     ? 0
				     : (int)lround(db);
}

static bool is_watched(const struct show_obs *show, const char *name)
{
	const struct show_names *only = &show->alarms.inputs;
	for (size_t i = 0; i < only->count; i++)
		if (!strcmp(only->items[i], name))
			return true;
	return only->count == 0;
}

static void tell(struct obs_watch *w, int64_t now_ms)
{
	json_object *o = json_object_new_object();
	json_object *a = json_object_new_array();
	json_add_str(o, "topic", LIVE_METERS);
	for (int i = 0; i < w->level_count; i++) {
		struct obs_level *l = &w->levels[i];
		json_object *input = json_object_new_object();
		json_add_str(input, "name", l->name);
		json_add_int(input, "db", l->db);
		json_object_array_add(a, input);
		l->shown_db = l->db;
		l->db = OBS_LEVEL_LEAST;
	}
	json_add(o, "inputs", &a);
	json_add_int(o, "at", clock_show_ms());
	w->told_at_ms = now_ms;
	if (w->sink.meters)
		w->sink.meters(w->sink.who, json_text(o));
	json_object_put(o);
}

/* An input that is not among the samples any more is gone from the list. */
static void drop_unheard(struct obs_watch *w)
{
	int kept = 0;
	for (int i = 0; i < w->level_count; i++) {
		if (w->levels[i].heard)
			w->levels[kept++] = w->levels[i];
		else
			free(w->levels[i].name);
	}
	w->level_count = kept;
}

void obs_meters_take(struct obs_watch *w, json_object *data, int64_t now_ms)
{
	json_object *inputs = json_get_array(data, "inputs");
	size_t n = inputs ? json_object_array_length(inputs) : 0;
	int at = 0;
	w->heard_at_ms = now_ms;
	for (int i = 0; i < w->level_count; i++)
		w->levels[i].heard = false;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(inputs, i);
		const char *raw = json_get_str(o, "inputName", NULL);
		char *name = raw ? text_clean_str(raw, NAME_BYTES) : NULL;
		struct obs_level *l = name ? level_of(w, name, at++) : NULL;
		free(name);
		if (!l)
			continue;
		int db = peak_db(json_get_array(o, "inputLevelsMul"));
		l->heard = true;
		if (db > l->db)
			l->db = db;
		if (w->show && db > -w->show->alarms.silence_below_db &&
		    is_watched(w->show, l->name))
			w->sound_at_ms = now_ms;
	}
	drop_unheard(w);
	if (w->meters_shown && now_ms - w->told_at_ms >= TELL_MS)
		tell(w, now_ms);
}

void obs_meters_forget(struct obs_watch *w)
{
	for (int i = 0; i < w->level_count; i++)
		free(w->levels[i].name);
	w->level_count = 0;
}

bool obs_meters_silent(const struct obs_watch *w, int64_t now_ms)
{
	int64_t after_ms = w->show ? w->show->alarms.silence_ms : 0;
	return after_ms && obs_watch_on_air(w) &&
	       now_ms - w->sound_at_ms >= after_ms;
}

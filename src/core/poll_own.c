#include "core/poll_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

#define QUESTION_BYTES 300 /* as in the show file */
#define LABEL_BYTES    120

/* --- what was written ----------------------------------------------------- */

static bool is_id(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	static const char later[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-";
	return *s && strspn(s, first) > 0 && strspn(s, later) == strlen(s) &&
	       strlen(s) <= SHOW_ID_MAX;
}

static char *clean_text(struct arena *arena, const char *text, size_t most)
{
	char *clean = text_clean_str(text ? text : "", most + 1);
	char *out = *clean && strlen(clean) <= most ? arena_strdup(arena, clean)
						    : NULL;
	free(clean);
	return out;
}

static bool read_option(struct poll_own *own, json_object *o)
{
	struct show_poll *def = &own->def;
	struct show_option *x = &def->options[def->option_count];
	const char *id = json_get_str(o, "id", "");
	if (!is_id(id) || show_find_option(def, id) >= 0)
		return false;
	x->id = arena_strdup(&own->arena, id);
	x->label = clean_text(&own->arena, json_get_str(o, "label", id),
			      LABEL_BYTES);
	def->option_count++;
	return x->label != NULL;
}

static bool read_options(struct poll_own *own, json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;
	if (n < 2 || n > SHOW_MAX_OPTIONS)
		return false;
	own->def.options =
		arena_alloc(&own->arena, n * sizeof *own->def.options);
	for (size_t i = 0; i < n; i++)
		if (!read_option(own, json_object_array_get_idx(list, i)))
			return false;
	return true;
}

struct poll_own *poll_own_read(const char *question, json_object *options,
			       int64_t open_ms, const char **why)
{
	struct poll_own *own = xcalloc(1, sizeof *own);
	struct show_poll *def = &own->def;
	const char *wrong = NULL;
	def->default_option = -1;
	def->undecided = UNDECIDED_DEFAULT;
	def->open_ms = def->extend_ms = open_ms;
	def->question = clean_text(&own->arena, question, QUESTION_BYTES);
	if (!def->question)
		wrong = "a question has 1 to 300 bytes";
	else if (!read_options(own, options))
		wrong = "a poll has 2 to 64 options, each with a name of its "
			"own and a label of at most 120 bytes";
	else if (open_ms < POLL_OWN_MS_LEAST || open_ms > POLL_OWN_MS_MOST)
		wrong = "a poll is open for 1s to 1h: 30s, 5m, or a number of "
			"ms";
	if (!wrong)
		return own;
	if (why)
		*why = wrong;
	poll_own_free(&own);
	return NULL;
}

void poll_own_free(struct poll_own **own)
{
	if (*own)
		arena_release(&(*own)->arena);
	free(*own);
	*own = NULL;
}

static void add_option(json_object *list, const char *id, const char *label,
		       size_t n)
{
	char number[24];
	json_object *o = json_object_new_object();
	snprintf(number, sizeof number, "%zu", n);
	json_add_str(o, "id", id ? id : is_id(label) ? label : number);
	json_add_str(o, "label", label);
	json_object_array_add(list, o);
}

/* Of a list as JSON: texts, or {id, label}. */
static json_object *options_of_list(json_object *from)
{
	json_object *list = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(from); i++) {
		json_object *x = json_object_array_get_idx(from, i);
		const char *text = json_object_is_type(x, json_type_string)
					   ? json_object_get_string(x)
					   : NULL;
		const char *id = json_get_str(x, "id", NULL);
		add_option(list, id,
			   text ? text : json_get_str(x, "label", id ? id : ""),
			   i + 1);
	}
	return list;
}

json_object *poll_own_options(const char *line)
{
	json_object *json =
		*line == '[' ? json_read_str(line, &json_limits_answer, NULL)
			     : NULL;
	if (json_object_is_type(json, json_type_array)) {
		json_object *of_json = options_of_list(json);
		json_object_put(json);
		return of_json;
	}
	json_object_put(json);
	json_object *list = json_object_new_array();
	for (size_t n = 1; *line || n == 1; n++) {
		size_t len = strcspn(line, "|");
		char *text = xstrndup(line, len);
		char *label = strchr(text, '=');
		if (label)
			*label++ = '\0';
		add_option(list, label ? text : NULL, label ? label : text, n);
		free(text);
		line += len + (line[len] == '|');
	}
	return list;
}

/* --- by hand ---------------------------------------------------------------
 */

/* The place that has been free for longest; -1: none is. */
int polls_free_place(const struct model *m)
{
	int best = -1;
	for (size_t i = m->show->stage_count; i < show_poll_places(m->show);
	     i++) {
		const struct poll_run *p = m->stages[i].poll;
		if (poll_goes_on(p) || p->proposed)
			continue;
		if (best < 0 || p->opened_ms < m->stages[best].poll->opened_ms)
			best = (int)i;
	}
	return best;
}

bool polls_may_make(struct deciding *d)
{
	const struct model *m = d->m;
	const struct show_polls *limits = &m->show->polls;
	int64_t wait_ms =
		m->poll_opened_ms + limits->min_interval_ms - d->in->now_ms;
	if (m->run.panic)
		return refuse(d, "refused",
			      "all polls are frozen by the panic: resume");
	if (limits->max_per_episode != SHOW_UNSET &&
	    m->polls_opened >= limits->max_per_episode)
		return refuse(d, "refused",
			      "the episode has had its %lld polls",
			      (long long)limits->max_per_episode);
	if (m->polls_opened && wait_ms > 0)
		return refuse(d, "refused", "the next poll may open in %lld s",
			      (long long)((wait_ms + 999) / 1000));
	return true;
}

bool polls_make(struct deciding *d, const char *question, json_object *options,
		int64_t open_ms)
{
	const char *why;
	int place = polls_free_place(d->m);
	if (!polls_may_make(d))
		return false;
	if (place < 0)
		return refuse(d, "refused",
			      "%d polls without a stage are open already",
			      SHOW_POLL_PLACES);
	struct poll_own *own = poll_own_read(question, options, open_ms, &why);
	if (!own)
		return refuse(d, "bad_poll", "%s", why);
	polls_create(d, place, &own->def);
	answer(d, "poll %s is open for %lld s: %s",
	       d->m->show->stages[place].id, (long long)(open_ms / 1000),
	       own->def.question);
	poll_own_free(&own);
	return true;
}

bool polls_by_hand(struct deciding *d, const char *const *args)
{
	json_object *options = poll_own_options(args[1]);
	bool ok = polls_make(d, args[0], options,
			     args[2] ? text_read_ms(args[2]) : POLL_OWN_MS);
	json_object_put(options);
	return ok;
}

/* --- their end --------------------------------------------------------------
 */

void polls_end(struct deciding *d, int stage)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	if (p && (poll_goes_on(p) || p->proposed))
		polls_void(d, stage, "the run ended");
}

void polls_end_own(struct deciding *d)
{
	for (size_t i = d->m->show->stage_count;
	     i < show_poll_places(d->m->show); i++)
		polls_end(d, (int)i);
}

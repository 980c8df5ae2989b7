#include "core/obs_facts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "base/mem.h"
#include "base/text.h"

#define NAME_BYTES 200

enum kind { FLAG, TEXT, NUMBER, LIST };

/* All but the inputs. `always`: written when false, too. */
static const struct member {
	const char *name;
	enum kind kind;
	size_t at;
	bool always;
} members[] = {
#define ROW(kind, name, always)                                                \
	{                                                                      \
#name, kind, offsetof(struct obs_facts, name), always          \
	}
	ROW(FLAG, connected, true),	 ROW(TEXT, error, false),
	ROW(TEXT, program_scene, false), ROW(TEXT, preview_scene, false),
	ROW(LIST, scenes, true),	 ROW(FLAG, streaming, true),
	ROW(FLAG, reconnecting, false),	 ROW(FLAG, recording, true),
	ROW(FLAG, paused, false),	 ROW(FLAG, replay, false),
	ROW(FLAG, studio, false),	 ROW(FLAG, changing, false),
	ROW(TEXT, transition, false),	 ROW(NUMBER, transition_ms, false),
	ROW(TEXT, profile, false),	 ROW(TEXT, collection, false),
	ROW(TEXT, version, false),	 ROW(LIST, profiles, false),
	ROW(LIST, collections, false),	 ROW(LIST, transitions, false),
#undef ROW
};

static void *place(const struct obs_facts *f, const struct member *m)
{
	return (char *)(uintptr_t)f + m->at;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* --- lists ---------------------------------------------------------------- */

void obs_names_clear(struct obs_names *n)
{
	for (int i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
	*n = (struct obs_names){0};
}

bool obs_names_add(struct obs_names *n, const char *name)
{
	if (n->count == OBS_MAX_NAMES)
		return false;
	if ((n->count & (n->count - 1)) == 0) /* 0, 1, 2, 4, ... are full */
		n->items = xrealloc(n->items,
				    (size_t)(n->count ? n->count * 2 : 1) *
					    sizeof *n->items);
	n->items[n->count++] = text_clean_str(name, NAME_BYTES);
	return true;
}

bool obs_names_have(const struct obs_names *n, const char *name)
{
	for (int i = 0; i < n->count; i++)
		if (!strcmp(n->items[i], name))
			return true;
	return false;
}

static bool names_equal(const struct obs_names *a, const struct obs_names *b)
{
	if (a->count != b->count)
		return false;
	for (int i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]))
			return false;
	return true;
}

static void names_copy(struct obs_names *to, const struct obs_names *from)
{
	*to = (struct obs_names){0};
	for (int i = 0; i < from->count; i++)
		obs_names_add(to, from->items[i]);
}

static void names_put(struct json_out *o, const char *key,
		      const struct obs_names *n)
{
	json_out_array(o, key);
	for (int i = 0; i < n->count; i++)
		json_add_str(o, NULL, n->items[i]);
	json_out_end(o);
}

static void names_read(struct obs_names *n, json_object *a)
{
	size_t count = json_object_array_length(a);
	obs_names_clear(n);
	for (size_t i = 0; i < count; i++) {
		json_object *name = json_object_array_get_idx(a, i);
		if (json_object_is_type(name, json_type_string))
			obs_names_add(n, json_object_get_string(name));
	}
}

/* --- inputs --------------------------------------------------------------- */

struct obs_source *obs_facts_input(const struct obs_facts *f, const char *name)
{
	for (int i = 0; i < f->input_count; i++)
		if (!strcmp(f->inputs[i].name, name))
			return &f->inputs[i];
	return NULL;
}

struct obs_source *obs_facts_add_input(struct obs_facts *f, const char *name)
{
	if (f->input_count == OBS_MAX_NAMES)
		return NULL;
	size_t count = (size_t)f->input_count++;
	f->inputs = xrealloc(f->inputs, (count + 1) * sizeof *f->inputs);
	f->inputs[count] = (struct obs_source){
		.name = text_clean_str(name, NAME_BYTES),
	};
	return &f->inputs[count];
}

static void inputs_clear(struct obs_facts *f)
{
	for (int i = 0; i < f->input_count; i++)
		free(f->inputs[i].name);
	free(f->inputs);
	f->inputs = NULL;
	f->input_count = 0;
}

static bool inputs_equal(const struct obs_facts *a, const struct obs_facts *b)
{
	if (a->input_count != b->input_count)
		return false;
	for (int i = 0; i < a->input_count; i++) {
		const struct obs_source *x = &a->inputs[i], *y = &b->inputs[i];
		if (strcmp(x->name, y->name) || x->audio != y->audio ||
		    x->muted != y->muted || x->volume_cdb != y->volume_cdb ||
		    x->active != y->active || x->ended != y->ended)
			return false;
	}
	return true;
}

static void inputs_copy(struct obs_facts *to, const struct obs_facts *from)
{
	to->inputs = NULL;
	to->input_count = 0;
	for (int i = 0; i < from->input_count; i++) {
		struct obs_source *s =
			obs_facts_add_input(to, from->inputs[i].name);
		char *name = s->name;
		*s = from->inputs[i];
		s->name = name;
	}
}

static void inputs_put(struct json_out *o, const struct obs_facts *f)
{
	json_out_array(o, "inputs");
	for (int i = 0; i < f->input_count; i++) {
		const struct obs_source *s = &f->inputs[i];
		json_out_object(o, NULL);
		json_add_str(o, "name", s->name);
		if (s->audio) {
			json_add_bool(o, "muted", s->muted);
			json_add_int(o, "volume_cdb", s->volume_cdb);
		}
		json_add_bool(o, "active", s->active);
		if (s->ended)
			json_add_bool(o, "ended", true);
		json_out_end(o);
	}
	json_out_end(o);
}

static void inputs_read(struct obs_facts *f, json_object *a)
{
	size_t count = json_object_array_length(a);
	inputs_clear(f);
	for (size_t i = 0; i < count; i++) {
		json_object *o = json_object_array_get_idx(a, i);
		const char *name = json_get_str(o, "name", NULL);
		struct obs_source *s =
			name ? obs_facts_add_input(f, name) : NULL;
		if (!s)
			continue;
		s->audio = json_get(o, "volume_cdb") != NULL;
		s->muted = json_get_bool(o, "muted", false);
		int64_t cdb = json_get_int(o, "volume_cdb", 0);
		s->volume_cdb = cdb < OBS_VOLUME_LEAST ? OBS_VOLUME_LEAST
				: cdb > 10000	       ? 10000
						       : (int)cdb;
		s->active = json_get_bool(o, "active", false);
		s->ended = json_get_bool(o, "ended", false);
	}
}

/* --- the whole ------------------------------------------------------------ */

void obs_facts_release(struct obs_facts *f)
{
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		if (members[i].kind == TEXT)
			free(*(char **)place(f, &members[i]));
		else if (members[i].kind == LIST)
			obs_names_clear(place(f, &members[i]));
	}
	inputs_clear(f);
	*f = (struct obs_facts){0};
}

void obs_facts_copy(struct obs_facts *to, const struct obs_facts *from)
{
	*to = *from;
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		void *a = place(to, &members[i]);
		const void *b = place(from, &members[i]);
		if (members[i].kind == TEXT)
			*(char **)a = xstrdup(*(char *const *)b);
		else if (members[i].kind == LIST)
			names_copy(a, b);
	}
	inputs_copy(to, from);
}

static bool member_equal(const struct member *m, const void *a, const void *b)
{
	switch (m->kind) {
	case FLAG:
		return *(const bool *)a == *(const bool *)b;
	case TEXT:
		return same(*(char *const *)a, *(char *const *)b);
	case NUMBER:
		return *(const int64_t *)a == *(const int64_t *)b;
	case LIST:
		return names_equal(a, b);
	}
	return false;
}

bool obs_facts_equal(const struct obs_facts *a, const struct obs_facts *b)
{
	for (size_t i = 0; i < COUNT_OF(members); i++)
		if (!member_equal(&members[i], place(a, &members[i]),
				  place(b, &members[i])))
			return false;
	return inputs_equal(a, b);
}

static void member_put(struct json_out *o, const struct member *m,
		       const void *at)
{
	if (m->kind == FLAG && (m->always || *(const bool *)at))
		json_add_bool(o, m->name, *(const bool *)at);
	else if (m->kind == TEXT)
		json_add_str(o, m->name, *(char *const *)at);
	else if (m->kind == NUMBER && *(const int64_t *)at)
		json_add_int(o, m->name, *(const int64_t *)at);
}

void obs_facts_put(struct json_out *o, const struct obs_facts *f,
		   const struct obs_facts *than)
{
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		const struct member *m = &members[i];
		if (m->kind != LIST)
			member_put(o, m, place(f, m));
		else if (!than || !names_equal(place(f, m), place(than, m)))
			names_put(o, m->name, place(f, m));
	}
	if (!than || !inputs_equal(f, than))
		inputs_put(o, f);
}

static void member_read(void *at, const struct member *m, json_object *o)
{
	if (m->kind == FLAG) {
		*(bool *)at = json_get_bool(o, m->name, false);
	} else if (m->kind == NUMBER) {
		*(int64_t *)at = json_get_int(o, m->name, 0);
	} else if (m->kind == TEXT) {
		free(*(char **)at);
		*(char **)at = xstrdup(json_get_str(o, m->name, NULL));
	} else if (json_get_array(o, m->name)) {
		names_read(at, json_get_array(o, m->name));
	}
}

void obs_facts_read(struct obs_facts *f, json_object *o)
{
	for (size_t i = 0; i < COUNT_OF(members); i++)
		member_read(place(f, &members[i]), &members[i], o);
	if (json_get_array(o, "inputs"))
		inputs_read(f, json_get_array(o, "inputs"));
}

#include "core/story.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void hash_value(json_object *v, char out[HASH_HEX_BYTES])
{
	char *text = json_canonical(v);
	hash_sha256_hex(out, text, strlen(text));
	free(text);
}

static void hash_members(const struct story *s, char out[HASH_HEX_BYTES])
{
	struct buf b = {0};
	for (size_t i = 0; i < s->member_count; i++) {
		buf_adds(&b, s->members[i].key);
		buf_addc(&b, ':');
		buf_adds(&b, s->members[i].hash);
		buf_addc(&b, '\n');
	}
	hash_sha256_hex(out, buf_str(&b), b.len);
	buf_release(&b);
}

void story_init(struct story *s)
{
	*s = (struct story){.doc = json_object_new_object()};
	hash_members(s, s->hash);
}

void story_release(struct story *s)
{
	json_object_put(s->doc);
	for (size_t i = 0; i < s->member_count; i++)
		free(s->members[i].key);
	free(s->members);
	*s = (struct story){0};
}

/* Where `key` stands or would stand. */
static size_t member_place(const struct story *s, const char *key)
{
	size_t low = 0, high = s->member_count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (strcmp(s->members[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool member_is(const struct story *s, size_t place, const char *key)
{
	return place < s->member_count &&
	       strcmp(s->members[place].key, key) == 0;
}

static void member_set(struct story *s, const char *key, json_object *value)
{
	size_t i = member_place(s, key);
	if (!member_is(s, i, key)) {
		GROW(s->members, s->member_count, s->member_cap);
		memmove(&s->members[i + 1], &s->members[i],
			(s->member_count - i) * sizeof *s->members);
		s->members[i].key = xstrdup(key);
		s->member_count++;
	}
	hash_value(value, s->members[i].hash);
}

static void member_remove(struct story *s, const char *key)
{
	size_t i = member_place(s, key);
	if (!member_is(s, i, key))
		return;
	free(s->members[i].key);
	s->member_count--;
	memmove(&s->members[i], &s->members[i + 1],
		(s->member_count - i) * sizeof *s->members);
}

static bool is_empty(json_object *patch)
{
	return !json_object_is_type(patch, json_type_object) ||
	       json_object_object_length(patch) == 0;
}

void story_patch(struct story *s, json_object *patch)
{
	if (is_empty(patch))
		return;
	json_merge(s->doc, patch);
	json_object_object_foreach(patch, key, value)
	{
		json_object *now = NULL;
		(void)value;
		if (json_object_object_get_ex(s->doc, key, &now))
			member_set(s, key, now);
		else
			member_remove(s, key);
	}
	s->version++;
	hash_members(s, s->hash);
}

/* Works on the touched members alone: they are merged in a small copy. */
void story_hash_after(const struct story *s, json_object *patch,
		      char out[HASH_HEX_BYTES])
{
	memcpy(out, s->hash, HASH_HEX_BYTES);
	if (is_empty(patch))
		return;
	struct story after = {.doc = json_object_new_object()};
	for (size_t i = 0; i < s->member_count; i++) {
		GROW(after.members, after.member_count, after.member_cap);
		after.members[i] = s->members[i];
		after.members[i].key = xstrdup(s->members[i].key);
		after.member_count++;
	}
	json_object_object_foreach(patch, key, value)
	{
		json_object *old = NULL;
		(void)value;
		if (json_object_object_get_ex(s->doc, key, &old))
			json_object_object_add(after.doc, key, json_clone(old));
	}
	story_patch(&after, patch);
	memcpy(out, after.hash, HASH_HEX_BYTES);
	story_release(&after);
}

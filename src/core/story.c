#include "core/story.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char hex[] = "0123456789abcdef";

static size_t shelf_of(const char *key)
{
	char hash[HASH_HEX_BYTES];
	hash_sha256_hex(hash, key, strlen(key));
	return (size_t)(strchr(hex, hash[0]) - hex) * 16 +
	       (size_t)(strchr(hex, hash[1]) - hex);
}

/* Where `key` stands or would stand. */
static size_t member_place(const struct story_shelf *shelf, const char *key)
{
	size_t low = 0, high = shelf->count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (strcmp(shelf->members[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool member_is(const struct story_shelf *shelf, size_t place,
		      const char *key)
{
	return place < shelf->count &&
	       strcmp(shelf->members[place].key, key) == 0;
}

static void member_set(struct story_shelf *shelf, const char *key,
		       json_object *value)
{
	size_t i = member_place(shelf, key);
	if (!member_is(shelf, i, key)) {
		GROW(shelf->members, shelf->count, shelf->cap);
		memmove(&shelf->members[i + 1], &shelf->members[i],
			(shelf->count - i) * sizeof *shelf->members);
		shelf->members[i].key = xstrdup(key);
		shelf->count++;
	}
	char *text = json_canonical(value);
	hash_sha256_hex(shelf->members[i].hash, text, strlen(text));
	free(text);
}

static void member_remove(struct story_shelf *shelf, const char *key)
{
	size_t i = member_place(shelf, key);
	if (!member_is(shelf, i, key))
		return;
	free(shelf->members[i].key);
	shelf->count--;
	memmove(&shelf->members[i], &shelf->members[i + 1],
		(shelf->count - i) * sizeof *shelf->members);
}

static void hash_shelf(struct story_shelf *shelf)
{
	struct buf b = {0};
	for (size_t i = 0; i < shelf->count; i++) {
		buf_adds(&b, shelf->members[i].key);
		buf_addc(&b, ':');
		buf_add(&b, shelf->members[i].hash, HASH_HEX_BYTES - 1);
		buf_addc(&b, '\n');
	}
	shelf->hash[0] = '\0';
	if (shelf->count)
		hash_sha256_hex(shelf->hash, buf_str(&b), b.len);
	buf_release(&b);
}

static void hash_story(struct story *s)
{
	struct buf b = {0};
	for (size_t i = 0; i < STORY_SHELVES; i++) {
		const struct story_shelf *shelf = &s->shelves[i];
		if (!shelf->count)
			continue;
		char head[] = {hex[i / 16], hex[i % 16], ':'};
		buf_add(&b, head, sizeof head);
		buf_add(&b, shelf->hash, HASH_HEX_BYTES - 1);
		buf_addc(&b, '\n');
	}
	hash_sha256_hex(s->hash, buf_str(&b), b.len);
	buf_release(&b);
}

void story_init(struct story *s)
{
	*s = (struct story){
		.doc = json_object_new_object(),
		.shelves = xcalloc(STORY_SHELVES, sizeof *s->shelves),
	};
	hash_story(s);
}

static void shelf_release(struct story_shelf *shelf)
{
	for (size_t i = 0; i < shelf->count; i++)
		free(shelf->members[i].key);
	free(shelf->members);
	*shelf = (struct story_shelf){0};
}

void story_release(struct story *s)
{
	for (size_t i = 0; s->shelves && i < STORY_SHELVES; i++)
		shelf_release(&s->shelves[i]);
	free(s->shelves);
	json_object_put(s->doc);
	*s = (struct story){0};
}

static bool is_empty(json_object *patch)
{
	return !json_object_is_type(patch, json_type_object) ||
	       json_object_object_length(patch) == 0;
}

void story_patch(struct story *s, json_object *patch)
{
	bool touched[STORY_SHELVES] = {false};
	if (is_empty(patch))
		return;
	json_merge(s->doc, patch);
	json_object_object_foreach(patch, key, value)
	{
		json_object *now = NULL;
		size_t shelf = shelf_of(key);
		(void)value;
		touched[shelf] = true;
		if (json_object_object_get_ex(s->doc, key, &now))
			member_set(&s->shelves[shelf], key, now);
		else
			member_remove(&s->shelves[shelf], key);
	}
	for (size_t i = 0; i < STORY_SHELVES; i++)
		if (touched[i])
			hash_shelf(&s->shelves[i]);
	s->version++;
	hash_story(s);
}

static struct story_shelf shelf_copy(const struct story_shelf *shelf)
{
	struct story_shelf copy = *shelf;
	copy.cap = shelf->count;
	copy.members =
		xreallocarray(NULL, copy.cap + 1, sizeof *copy.members);
	for (size_t i = 0; i < shelf->count; i++) {
		copy.members[i] = shelf->members[i];
		copy.members[i].key = xstrdup(shelf->members[i].key);
	}
	return copy;
}

/* Works on the shelves and members that the patch touches: those are copied,
 * the other shelves are lent to the story of the future. */
void story_hash_after(const struct story *s, json_object *patch,
		      char out[HASH_HEX_BYTES])
{
	bool copied[STORY_SHELVES] = {false};
	memcpy(out, s->hash, HASH_HEX_BYTES);
	if (is_empty(patch))
		return;
	struct story after;
	story_init(&after);
	memcpy(after.shelves, s->shelves,
	       STORY_SHELVES * sizeof *after.shelves);
	json_object_object_foreach(patch, key, value)
	{
		json_object *old = NULL;
		size_t shelf = shelf_of(key);
		(void)value;
		if (!copied[shelf])
			after.shelves[shelf] = shelf_copy(&s->shelves[shelf]);
		copied[shelf] = true;
		if (json_object_object_get_ex(s->doc, key, &old))
			json_object_object_add(after.doc, key, json_clone(old));
	}
	story_patch(&after, patch);
	memcpy(out, after.hash, HASH_HEX_BYTES);
	for (size_t i = 0; i < STORY_SHELVES; i++)
		if (!copied[i])
			after.shelves[i] = (struct story_shelf){0};
	story_release(&after);
}

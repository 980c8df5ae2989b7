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

#define HASH_HEX (HASH_HEX_BYTES - 1)

struct story_memo {
	struct buf lines;
	char hash[HASH_HEX_BYTES];
};

/* The hash of these lines, from the memo when it is about the same lines. */
static void hash_lines(struct story *s)
{
	const struct story_memo *memo = s->memo;
	if (memo && memo->hash[0] && memo->lines.len == s->lines.len &&
	    memcmp(buf_str(&memo->lines), buf_str(&s->lines), s->lines.len) ==
		    0)
		memcpy(s->hash, memo->hash, sizeof s->hash);
	else
		hash_sha256_hex(s->hash, buf_str(&s->lines), s->lines.len);
}

void story_init(struct story *s)
{
	*s = (struct story){.doc = json_object_new_object(),
			    .memo = xcalloc(1, sizeof *s->memo)};
	hash_sha256_hex(s->hash, "", 0);
}

void story_release(struct story *s)
{
	json_object_put(s->doc);
	free(s->members);
	buf_release(&s->lines);
	if (s->memo)
		buf_release(&s->memo->lines);
	free(s->memo);
	*s = (struct story){0};
}

static int compare_key(const struct story *s, size_t place, const char *key)
{
	const struct story_member *m = &s->members[place];
	int order = strncmp(s->lines.data + m->at, key, m->key_bytes);
	return order ? order : key[m->key_bytes] ? -1 : 0;
}

/* Where `key` stands or would stand. */
static size_t member_place(const struct story *s, const char *key)
{
	size_t low = 0, high = s->member_count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (compare_key(s, mid, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool member_is(const struct story *s, size_t place, const char *key)
{
	return place < s->member_count && compare_key(s, place, key) == 0;
}

static size_t line_bytes(const struct story_member *m)
{
	return m->key_bytes + 1 + HASH_HEX + 1;
}

static void member_insert(struct story *s, size_t place, const char *key)
{
	struct story_member new = {.at = place < s->member_count
						 ? s->members[place].at
						 : s->lines.len,
				   .key_bytes = strlen(key)};
	size_t bytes = line_bytes(&new), behind = s->lines.len - new.at;
	GROW(s->members, s->member_count, s->member_cap);
	memmove(&s->members[place + 1], &s->members[place],
		(s->member_count - place) * sizeof *s->members);
	s->members[place] = new;
	s->member_count++;
	for (size_t i = place + 1; i < s->member_count; i++)
		s->members[i].at += bytes;
	buf_adds(&s->lines, key); /* makes room; the bytes are set below */
	buf_addf(&s->lines, ":%*s\n", HASH_HEX, "");
	char *line = s->lines.data + new.at;
	memmove(line + bytes, line, behind);
	memcpy(line, key, new.key_bytes);
	line[new.key_bytes] = ':';
	line[bytes - 1] = '\n';
}

static void member_set(struct story *s, const char *key, json_object *value)
{
	char hash[HASH_HEX_BYTES];
	size_t i = member_place(s, key);
	hash_value(value, hash);
	if (!member_is(s, i, key))
		member_insert(s, i, key);
	memcpy(s->lines.data + s->members[i].at + s->members[i].key_bytes + 1,
	       hash, HASH_HEX);
}

static void member_remove(struct story *s, const char *key)
{
	size_t i = member_place(s, key);
	if (!member_is(s, i, key))
		return;
	size_t at = s->members[i].at, bytes = line_bytes(&s->members[i]);
	s->member_count--;
	memmove(&s->members[i], &s->members[i + 1],
		(s->member_count - i) * sizeof *s->members);
	for (; i < s->member_count; i++)
		s->members[i].at -= bytes;
	memmove(s->lines.data + at, s->lines.data + at + bytes,
		s->lines.len - at - bytes);
	s->lines.len -= bytes;
	s->lines.data[s->lines.len] = '\0';
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
	hash_lines(s);
}

/* Works on the touched members alone: they are merged in a small copy. */
void story_hash_after(const struct story *s, json_object *patch,
		      char out[HASH_HEX_BYTES])
{
	memcpy(out, s->hash, HASH_HEX_BYTES);
	if (is_empty(patch))
		return;
	struct story after = {.doc = json_object_new_object(),
			      .member_count = s->member_count,
			      .member_cap = s->member_count + 8};
	after.members =
		xreallocarray(NULL, after.member_cap, sizeof *after.members);
	if (s->member_count)
		memcpy(after.members, s->members,
		       s->member_count * sizeof *after.members);
	buf_add(&after.lines, buf_str(&s->lines), s->lines.len);
	json_object_object_foreach(patch, key, value)
	{
		json_object *old = NULL;
		(void)value;
		if (json_object_object_get_ex(s->doc, key, &old))
			json_object_object_add(after.doc, key, json_clone(old));
	}
	story_patch(&after, patch);
	memcpy(out, after.hash, HASH_HEX_BYTES);
	memcpy(s->memo->hash, after.hash, HASH_HEX_BYTES);
	struct buf lines = s->memo->lines;
	s->memo->lines = after.lines;
	after.lines = lines;
	story_release(&after);
}

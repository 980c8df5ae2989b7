#include "core/story.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Members that wait for their hash before they are taken in one go, beside
 * twice those that there are. */
#define LATE_MEMBERS 1024

struct story_member {
	char *key;
	char hash[HASH_HEX_BYTES];
};

struct story_shelf {
	struct story_member *members; /* in byte order of their keys */
	size_t count, cap;
	char hash[HASH_HEX_BYTES]; /* "" when it is empty */
};

/* A set of shelves; most stories use a few of them. */
struct shelf_set {
	uint64_t bits[STORY_SHELVES / 64];
};

struct story_hashes {
	char now[HASH_HEX_BYTES];
	bool known; /* `now` is that of the story */
	struct shelf_set used;
	struct story_shelf *shelves[STORY_SHELVES]; /* NULL: never used */
	/* Keys whose members changed since they were put on their shelf. */
	char **late;
	size_t late_count, late_cap;
	/* The shelves stand behind this patch (a reference) already, and then
	 * the hash is `then`. NULL: they do not. */
	json_object *foreseen;
	char then[HASH_HEX_BYTES];
	struct buf text; /* what is being hashed; its memory is kept */
};

static const char hex[] = "0123456789abcdef";

static void set_add(struct shelf_set *s, size_t shelf)
{
	s->bits[shelf / 64] |= UINT64_C(1) << shelf % 64;
}

/* The first of them from `shelf` on; STORY_SHELVES: there is none. */
static size_t set_next(const struct shelf_set *s, size_t shelf)
{
	while (shelf < STORY_SHELVES) {
		uint64_t rest = s->bits[shelf / 64] >> shelf % 64;
		if (rest)
			return shelf + (size_t)__builtin_ctzll(rest);
		shelf = (shelf / 64 + 1) * 64;
	}
	return STORY_SHELVES;
}

#define EACH_SHELF(i, set)                                                     \
	(size_t i = set_next((set), 0); i < STORY_SHELVES;                     \
	 i = set_next((set), i + 1))

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

static void member_set(struct story_hashes *h, size_t at, const char *key,
		       json_object *value)
{
	if (!h->shelves[at]) {
		h->shelves[at] = xcalloc(1, sizeof **h->shelves);
		set_add(&h->used, at);
	}
	struct story_shelf *shelf = h->shelves[at];
	size_t i = member_place(shelf, key);
	if (!member_is(shelf, i, key)) {
		GROW(shelf->members, shelf->count, shelf->cap);
		memmove(&shelf->members[i + 1], &shelf->members[i],
			(shelf->count - i) * sizeof *shelf->members);
		shelf->members[i].key = xstrdup(key);
		shelf->count++;
	}
	buf_clear(&h->text);
	json_print_canonical(&h->text, value);
	hash_sha256_hex(shelf->members[i].hash, h->text.data, h->text.len);
}

static void member_remove(struct story_hashes *h, size_t at, const char *key)
{
	struct story_shelf *shelf = h->shelves[at];
	size_t i = shelf ? member_place(shelf, key) : 0;
	if (!shelf || !member_is(shelf, i, key))
		return;
	free(shelf->members[i].key);
	shelf->count--;
	memmove(&shelf->members[i], &shelf->members[i + 1],
		(shelf->count - i) * sizeof *shelf->members);
}

static void hash_shelf(struct story_hashes *h, struct story_shelf *shelf)
{
	if (!shelf)
		return;
	struct buf *b = &h->text;
	buf_clear(b);
	for (size_t i = 0; i < shelf->count; i++) {
		buf_adds(b, shelf->members[i].key);
		buf_addc(b, ':');
		buf_add(b, shelf->members[i].hash, HASH_HEX_BYTES - 1);
		buf_addc(b, '\n');
	}
	shelf->hash[0] = '\0';
	if (shelf->count)
		hash_sha256_hex(shelf->hash, buf_str(b), b->len);
}

static void hash_story(struct story_hashes *h, char out[HASH_HEX_BYTES])
{
	struct buf *b = &h->text;
	buf_clear(b);
	for
		EACH_SHELF(i, &h->used)
		{
			const struct story_shelf *shelf = h->shelves[i];
			if (!shelf->count)
				continue;
			char head[] = {hex[i / 16], hex[i % 16], ':'};
			buf_add(b, head, sizeof head);
			buf_add(b, shelf->hash, HASH_HEX_BYTES - 1);
			buf_addc(b, '\n');
		}
	hash_sha256_hex(out, buf_str(b), b->len);
}

/* --- members that are behind, and those that are ahead ------------------- */

static void add_late(struct story_hashes *h, json_object *patch)
{
	struct lh_entry *e;
	lh_foreach(json_object_get_object(patch), e)
	{
		GROW(h->late, h->late_count, h->late_cap);
		h->late[h->late_count++] = xstrdup(lh_entry_k(e));
	}
}

/* What was foreseen did not come, or came in another way. */
static void forget_foreseen(struct story_hashes *h)
{
	if (!h->foreseen)
		return;
	add_late(h, h->foreseen);
	json_object_put(h->foreseen);
	h->foreseen = NULL;
}

/* Puts each shelf in order as the document has it. */
static void catch_up(const struct story *s)
{
	struct story_hashes *h = s->hashes;
	struct shelf_set touched = {0};
	forget_foreseen(h);
	for (size_t i = 0; i < h->late_count; i++) {
		json_object *now = NULL;
		size_t shelf = shelf_of(h->late[i]);
		set_add(&touched, shelf);
		if (json_object_object_get_ex(s->doc, h->late[i], &now))
			member_set(h, shelf, h->late[i], now);
		else
			member_remove(h, shelf, h->late[i]);
		free(h->late[i]);
	}
	h->late_count = 0;
	for
		EACH_SHELF(i, &touched)
	hash_shelf(h, h->shelves[i]);
}

const char *story_hash(const struct story *s)
{
	struct story_hashes *h = s->hashes;
	if (!h->known) {
		catch_up(s);
		hash_story(h, h->now);
		h->known = true;
	}
	return h->now;
}

/* --- the story ------------------------------------------------------------ */

void story_init(struct story *s)
{
	*s = (struct story){
		.doc = json_object_new_object(),
		.hashes = xcalloc(1, sizeof *s->hashes),
	};
}

static void shelf_free(struct story_shelf *shelf)
{
	for (size_t i = 0; i < shelf->count; i++)
		free(shelf->members[i].key);
	free(shelf->members);
	free(shelf);
}

static void empty(struct story_hashes *h)
{
	for
		EACH_SHELF(i, &h->used)
		{
			shelf_free(h->shelves[i]);
			h->shelves[i] = NULL;
		}
	h->used = (struct shelf_set){0};
	for (size_t i = 0; i < h->late_count; i++)
		free(h->late[i]);
	h->late_count = 0;
	json_object_put(h->foreseen);
	h->foreseen = NULL;
	h->known = false;
}

void story_clear(struct story *s)
{
	empty(s->hashes);
	json_object_put(s->doc);
	*s = (struct story){.doc = json_object_new_object(),
			    .hashes = s->hashes};
}

void story_release(struct story *s)
{
	if (s->hashes) {
		empty(s->hashes);
		free(s->hashes->late);
		buf_release(&s->hashes->text);
	}
	free(s->hashes);
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
	struct story_hashes *h = s->hashes;
	if (is_empty(patch))
		return;
	json_merge(s->doc, patch);
	s->version++;
	h->known = h->foreseen == patch;
	if (h->known) {
		memcpy(h->now, h->then, sizeof h->now);
		json_object_put(h->foreseen);
		h->foreseen = NULL;
		return;
	}
	add_late(h, patch);
	size_t members = (size_t)json_object_object_length(s->doc);
	if (h->late_count > LATE_MEMBERS + 2 * members)
		catch_up(s);
}

/* A member that is null takes one away. */
static bool takes_away(json_object *patch)
{
	struct lh_entry *e;
	if (!json_object_is_type(patch, json_type_object))
		return !patch;
	lh_foreach(json_object_get_object(patch), e)
		if (takes_away(lh_entry_v(e)))
			return true;
	return false;
}

/* What becomes of that member; the caller puts, and changes it not. */
static json_object *merged(const struct story *s, const char *key,
			   json_object *change)
{
	json_object *old = NULL;
	json_object_object_get_ex(s->doc, key, &old);
	if (!json_object_is_type(change, json_type_object) ||
	    (!json_object_is_type(old, json_type_object) &&
	     !takes_away(change)))
		return json_object_get(change);
	json_object *around = json_object_new_object();
	json_object *patch = json_object_new_object();
	if (old)
		json_object_object_add(around, key, json_clone(old));
	json_object_object_add(patch, key, json_object_get(change));
	json_merge(around, patch);
	json_object *value = json_object_get(json_get(around, key));
	json_object_put(patch);
	json_object_put(around);
	return value;
}

void story_hash_after(const struct story *s, json_object *patch,
		      char out[HASH_HEX_BYTES])
{
	struct story_hashes *h = s->hashes;
	struct shelf_set touched = {0};
	memcpy(out, story_hash(s), HASH_HEX_BYTES);
	if (is_empty(patch))
		return;
	catch_up(s);
	json_object_object_foreach(patch, key, change)
	{
		size_t shelf = shelf_of(key);
		set_add(&touched, shelf);
		json_object *value = change ? merged(s, key, change) : NULL;
		if (change)
			member_set(h, shelf, key, value);
		else
			member_remove(h, shelf, key);
		json_object_put(value);
	}
	for
		EACH_SHELF(i, &touched)
	hash_shelf(h, h->shelves[i]);
	hash_story(h, h->then);
	h->foreseen = json_object_get(patch);
	memcpy(out, h->then, HASH_HEX_BYTES);
}

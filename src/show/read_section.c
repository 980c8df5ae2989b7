/* A mapping by the table of its section. */
#include <string.h>

#include "show/read.h"

static void set_default(const struct key *key, void *base)
{
	void *at = (char *)base + key->at;
	int64_t i = (int64_t)key->def;
	int word = (int)key->def;
	bool yes = key->def != 0;
	switch (key->type) {
	case KEY_INT:
	case KEY_MONEY:
		memcpy(at, &i, sizeof i);
		break;
	case KEY_NUM:
		memcpy(at, &key->def, sizeof key->def);
		break;
	case KEY_BOOL:
		memcpy(at, &yes, sizeof yes);
		break;
	case KEY_WORD:
		if (key->item != KEY_TEXT)
			memcpy(at, &word, sizeof word);
		break;
	case KEY_SUB:
		section_defaults(key->sub, at);
		break;
	default:
		break; /* memory from an arena is all zero */
	}
}

void section_defaults(const struct section *s, void *base)
{
	for (const struct key *key = s->keys; key->name; key++)
		set_default(key, base);
}

bool read_is_map(struct reader *r, const char *path, const char *name,
		 const struct node *n)
{
	char quote[QUOTE_BYTES];
	if (n->kind == NODE_MAP)
		return true;
	if (n->kind != NODE_BAD)
		read_error(r, n, "%s%s%s wants a mapping, not %s",
			   path[0] || name[0] ? path : "the file",
			   path[0] && name[0] ? "." : "", name,
			   read_quote(quote, n));
	return false;
}

static const struct key *find_key(const struct section *s, const char *name)
{
	for (const struct key *key = s->keys; key->name; key++)
		if (key->name[0] == name[0] && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static void report_unknown(struct reader *r, const struct section *s,
			   const struct node *n)
{
	const char *names[64];
	size_t count = 0;
	for (const struct key *key = s->keys; key->name; key++)
		names[count++] = key->name;
	names[count] = NULL;
	char hint[HINT_BYTES];
	struct node name = {
		.kind = NODE_TEXT, .text = n->key, .count = strlen(n->key)};
	char quote[QUOTE_BYTES];
	read_key_error(r, n, "unknown key %s in %s%s", read_quote(quote, &name),
		       s->what, read_hint(hint, n->key, names));
}

static void fill_item(struct reader *r, const struct section *s, struct node *n,
		      void *item)
{
	section_defaults(s, item);
	if (s->begin)
		s->begin(r, item);
	if (s->line_at)
		memcpy((char *)item + s->line_at, &n->line, sizeof n->line);
	section_fill(r, s, n, item);
}

static void *make_items(struct reader *r, const struct key *key,
			const struct node *n, void *base)
{
	void *items = arena_alloc(&r->show->arena, (n->count + key->spare + 1) *
							   key->sub->bytes);
	memcpy((char *)base + key->at, &items, sizeof items);
	memcpy((char *)base + key->count_at, &n->count, sizeof n->count);
	return items;
}

static bool count_is_good(struct reader *r, const char *path,
			  const struct key *key, const struct node *n)
{
	if ((double)n->count >= key->min && (double)n->count <= key->max)
		return true;
	read_error(r, n, "%s%s%s has %zu entries; it may have %.0f to %.0f",
		   path, path[0] ? "." : "", key->name, n->count, key->min,
		   key->max);
	return false;
}

static void fill_list(struct reader *r, const char *path, const struct key *key,
		      struct node *n, void *base)
{
	char quote[QUOTE_BYTES];
	if (n->kind != NODE_LIST) {
		if (n->kind != NODE_BAD)
			read_error(r, n, "%s%s%s wants a list, not %s", path,
				   path[0] ? "." : "", key->name,
				   read_quote(quote, n));
		return;
	}
	if (!count_is_good(r, path, key, n))
		return;
	char *item = make_items(r, key, n, base);
	for (struct node *c = n->child; c; c = c->next) {
		fill_item(r, key->sub, c, item);
		item += key->sub->bytes;
	}
}

static void fill_each(struct reader *r, const char *path, const struct key *key,
		      struct node *n, void *base)
{
	if (!read_is_map(r, path, key->name, n) ||
	    !count_is_good(r, path, key, n))
		return;
	/* The order of a definition, so that both give the same indices. */
	node_sort(n);
	static const struct key id = {.name = "*", .type = KEY_ID};
	char *item = make_items(r, key, n, base);
	for (struct node *c = n->child; c; c = c->next) {
		struct node name = {.kind = NODE_TEXT,
				    .text = c->key,
				    .count = strlen(c->key),
				    .line = c->key_line,
				    .column = c->key_column};
		char *text = read_text(r, key->name, &id, KEY_ID, &name);
		memcpy(item + key->sub->id_at, &text, sizeof text);
		fill_item(r, key->sub, c, item);
		item += key->sub->bytes;
	}
}

static void fill_key(struct reader *r, const struct section *s,
		     const struct key *key, struct node *n, void *base)
{
	char *at = (char *)base + key->at;
	if (key->later)
		read_key_warn(r, n, "not acted on yet: %s%s%s", s->path,
			      s->path[0] ? "." : "", key->name);
	switch (key->type) {
	case KEY_SUB:
		section_fill(r, key->sub, n, at);
		break;
	case KEY_PTR: {
		void *item = arena_alloc(&r->show->arena, key->sub->bytes);
		memcpy(at, &item, sizeof item);
		fill_item(r, key->sub, n, item);
		break;
	}
	case KEY_LIST:
		fill_list(r, s->path, key, n, base);
		break;
	case KEY_EACH:
		fill_each(r, s->path, key, n, base);
		break;
	case KEY_CALL:
		key->call(r, n, base);
		break;
	default:
		if (!read_value(r, s->path, key, n, base))
			n->kind = NODE_BAD;
		break;
	}
}

void section_fill(struct reader *r, const struct section *s, struct node *n,
		  void *base)
{
	if (!read_is_map(r, s->path, "", n))
		return;
	for (const struct key *key = s->keys; key->name; key++)
		if (key->required && !node_get(n, key->name))
			read_error(r, n, "%s needs the key '%s'", s->what,
				   key->name);
	for (struct node *c = n->child; c; c = c->next) {
		if (c->seen)
			continue; /* a duplicate, reported */
		c->seen = true;
		const struct key *key = find_key(s, c->key);
		if (key)
			fill_key(r, s, key, c, base);
		else if (strcmp(c->key, "<<") != 0)
			report_unknown(r, s, c);
	}
	if (s->end)
		s->end(r, n, base);
}

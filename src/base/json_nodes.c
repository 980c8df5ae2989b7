#include "base/json_nodes.h"

#include <stdlib.h>

#include "base/json_scan.h"
#include "base/mem.h"

struct json_nodes {
	struct json_builder made;
	char text[];
};

struct json_nodes *json_nodes_read(const char *text, size_t bytes,
				   const struct json_limits *limits,
				   struct err *err)
{
	struct json_nodes *all = xmalloc(sizeof *all + bytes + 1);
	all->made = (struct json_builder){.text = all->text};
	memcpy(all->text, text, bytes);
	all->text[bytes] = '\0';
	if (!json_scan_nodes(bytes, limits, &all->made, err))
		json_nodes_free(&all);
	return all;
}

void json_nodes_free(struct json_nodes **nodes)
{
	if (*nodes)
		free((*nodes)->made.items);
	free(*nodes);
	*nodes = NULL;
}

struct json_node *json_nodes_top(struct json_nodes *nodes)
{
	return nodes ? nodes->made.items : NULL;
}

/* --- while it is read --------------------------------------------------- */

size_t json_builder_open(struct json_builder *b)
{
	GROW(b->items, b->count, b->cap);
	b->items[b->count] = (struct json_node){.key = ""};
	return b->count++;
}

void json_builder_close(struct json_builder *b, size_t at,
			const struct json_member *is)
{
	struct json_node *n = &b->items[at];
	n->type = is->type;
	n->skip = (uint32_t)(b->count - at);
	switch (n->type) {
	case json_type_null:
		break;
	case json_type_boolean:
	case json_type_int:
		n->is.i = is->is.i;
		break;
	case json_type_double:
		n->is.d = is->is.d;
		break;
	case json_type_string:
		n->is.text = b->text + is->is.at;
		break;
	case json_type_array:
	case json_type_object:
		for (struct json_node *m = n + 1; m < n + n->skip; m += m->skip)
			n->count++;
		n->is.next = 1;
		break;
	}
}

/* --- reading ------------------------------------------------------------ */

struct json_node *json_node_get_(struct json_node *o, const char *key,
				 size_t bytes)
{
	if (!o || o->type != json_type_object || !o->count)
		return NULL;
	struct json_node *end = o + o->skip, *first = o + o->is.next;
	struct json_node *n = first;
	do {
		bool found = n->key_bytes == bytes &&
			     memcmp(n->key, key, bytes) == 0;
		struct json_node *next = n + n->skip;
		if (next == end)
			next = o + 1;
		if (found) {
			o->is.next = (uint32_t)(next - o);
			return n->type == json_type_null ? NULL : n;
		}
		n = next;
	} while (n != first);
	return NULL;
}

double json_node_num(struct json_node *o, const char *key, double fallback)
{
	struct json_node *n = json_node_get(o, key);
	if (n && n->type == json_type_double)
		return n->is.d;
	return n && n->type == json_type_int ? (double)n->is.i : fallback;
}

json_object *json_node_tree(struct json_node *n)
{
	json_object *o = NULL;
	switch (n ? n->type : json_type_null) {
	case json_type_null:
		return NULL;
	case json_type_boolean:
		return json_object_new_boolean(n->is.i != 0);
	case json_type_int:
		return json_object_new_int64(n->is.i);
	case json_type_double:
		return json_object_new_double(n->is.d);
	case json_type_string:
		return json_object_new_string(n->is.text);
	case json_type_array:
		o = json_object_new_array_ext((int)n->count);
		json_node_each(item, n)
			json_object_array_add(o, json_node_tree(item));
		return o;
	case json_type_object:
		o = json_object_new_object();
		json_node_each(m, n)
			json_object_object_add_ex(o, m->key, json_node_tree(m),
						  JSON_C_OBJECT_ADD_KEY_IS_NEW);
		return o;
	}
	return o;
}

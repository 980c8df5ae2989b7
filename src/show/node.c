#include "show/node.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "show/problem.h"

#define MAX_NODES     1000000
#define MAX_NODES_OWN 2100000
#define FEW_KEYS      16

void tree_init(struct tree *t, const char *file, struct show_problems *problems,
	       bool own)
{
	memset(t, 0, sizeof *t);
	t->file = file;
	t->problems = problems;
	t->max_depth = own ? TREE_DEPTH_OWN : TREE_DEPTH;
	t->max_nodes = own ? MAX_NODES_OWN : MAX_NODES;
}

void tree_release(struct tree *t)
{
	arena_release(&t->arena);
	t->root = NULL;
}

void tree_error(struct tree *t, int line, int column, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	problem_vadd(t->problems, SHOW_ERROR, t->file, line, column, fmt, ap);
	va_end(ap);
}

bool tree_wants_key(const struct tree *t)
{
	if (t->depth == 0)
		return false;
	const struct tree_frame *f = &t->stack[t->depth - 1];
	return f->node->kind == NODE_MAP && !f->key;
}

void tree_key(struct tree *t, const char *text, size_t bytes, int line,
	      int column)
{
	REQUIRE(tree_wants_key(t));
	struct tree_frame *f = &t->stack[t->depth - 1];
	f->key = arena_strndup(&t->arena, text, bytes);
	f->key_line = line;
	f->key_column = column;
}

struct node *tree_add(struct tree *t, enum node_kind kind, int line, int column)
{
	if (t->stopped)
		return NULL;
	if (++t->node_count > t->max_nodes) {
		tree_error(t, line, column,
			   "too many values: a file may hold %zu",
			   t->max_nodes);
		t->stopped = true;
		return NULL;
	}
	struct node *n = arena_alloc(&t->arena, sizeof *n);
	n->kind = kind;
	n->line = line;
	n->column = column;
	if (t->depth == 0) {
		t->root = n;
		return n;
	}
	struct tree_frame *f = &t->stack[t->depth - 1];
	if (f->node->kind == NODE_MAP) {
		n->key = f->key;
		n->key_line = f->key_line;
		n->key_column = f->key_column;
		f->key = NULL;
	}
	if (f->last)
		f->last->next = n;
	else
		f->node->child = n;
	f->last = n;
	f->node->count++;
	return n;
}

struct node *tree_add_text(struct tree *t, enum node_kind kind,
			   const char *text, size_t bytes, int line, int column)
{
	struct node *n = tree_add(t, kind, line, column);
	if (!n)
		return NULL;
	if (memchr(text, '\0', bytes)) {
		tree_error(t, line, column, "a text may not hold a NUL byte");
		n->kind = NODE_BAD;
		return n;
	}
	n->text = arena_strndup(&t->arena, text, bytes);
	n->count = bytes;
	return n;
}

void tree_open(struct tree *t, enum node_kind kind, int line, int column)
{
	struct node *n = tree_add(t, kind, line, column);
	if (!n)
		return;
	if (t->depth == t->max_depth) {
		tree_error(t, line, column, "nested deeper than %d levels",
			   t->max_depth);
		t->stopped = true;
		return;
	}
	t->stack[t->depth++] = (struct tree_frame){.node = n};
}

static void report_duplicate(struct tree *t, struct node *first,
			     struct node *again)
{
	char *key = text_clean_str(again->key, 60);
	tree_error(t, again->key_line, again->key_column,
		   "duplicate key '%s': it is also on line %d", key,
		   first->key_line);
	free(key);
	again->seen = true; /* nobody reads it: the first one counts */
}

static int by_key_then_place(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a;
	const struct node *y = *(struct node *const *)b;
	int c = strcmp(x->key, y->key);
	if (c)
		return c;
	c = (x->key_line > y->key_line) - (x->key_line < y->key_line);
	return c ? c
		 : (x->key_column > y->key_column) -
			       (x->key_column < y->key_column);
}

static void find_duplicates(struct tree *t, struct node *map)
{
	if (map->count <= FEW_KEYS) {
		for (struct node *a = map->child; a; a = a->next)
			for (struct node *b = map->child; b != a; b = b->next)
				if (strcmp(a->key, b->key) == 0) {
					report_duplicate(t, b, a);
					break;
				}
		return;
	}
	struct node **all = xreallocarray(NULL, map->count, sizeof *all);
	size_t n = 0;
	for (struct node *c = map->child; c; c = c->next)
		all[n++] = c;
	qsort(all, n, sizeof *all, by_key_then_place);
	size_t first = 0;
	for (size_t i = 1; i < n; i++) {
		if (strcmp(all[first]->key, all[i]->key) == 0)
			report_duplicate(t, all[first], all[i]);
		else
			first = i;
	}
	free(all);
}

void tree_close(struct tree *t)
{
	REQUIRE(t->depth > 0);
	struct node *n = t->stack[--t->depth].node;
	if (n->kind == NODE_MAP)
		find_duplicates(t, n);
}

struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (struct node *c = map->child; c; c = c->next)
		if (c->key[0] == key[0] && strcmp(c->key, key) == 0)
			return c;
	return NULL;
}

const char *node_kind_name(const struct node *n)
{
	switch (n->kind) {
	case NODE_MAP:
		return "a mapping";
	case NODE_LIST:
		return "a list";
	case NODE_PLAIN:
	case NODE_TEXT:
		return "text";
	case NODE_INT:
		return "a whole number";
	case NODE_NUM:
		return "a number";
	case NODE_BOOL:
		return "true or false";
	case NODE_NULL:
	case NODE_BAD:
		break;
	}
	return "nothing";
}

static const char *skip_digits(const char *s)
{
	while (*s >= '0' && *s <= '9')
		s++;
	return s;
}

/* The integer part of a JSON number: -?(0|[1-9][0-9]*). NULL: not one. */
static const char *skip_int(const char *s)
{
	if (*s == '-')
		s++;
	if (*s < '0' || *s > '9')
		return NULL;
	return *s == '0' ? s + 1 : skip_digits(s);
}

bool node_parse_int(const char *text, int64_t *out)
{
	const char *end = skip_int(text);
	if (!end || *end)
		return false;
	errno = 0;
	*out = strtoll(text, NULL, 10);
	return errno == 0;
}

bool node_parse_num(const char *text, double *out)
{
	const char *s = skip_int(text);
	if (!s)
		return false;
	if (*s == '.') {
		const char *digits = s + 1;
		s = skip_digits(digits);
		if (s == digits)
			return false;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			s++;
		const char *digits = s;
		s = skip_digits(digits);
		if (s == digits)
			return false;
	}
	if (*s)
		return false;
	locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	REQUIRE(plain != (locale_t)0);
	*out = strtod_l(text, NULL, plain);
	freelocale(plain);
	return __builtin_isfinite(*out);
}

bool node_resolve(struct node *n)
{
	if (n->kind != NODE_PLAIN)
		return true;
	const char *s = n->text;
	int64_t i;
	double d;
	if (*s == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0) {
		n->kind = NODE_NULL;
	} else if (strcmp(s, "true") == 0 || strcmp(s, "false") == 0) {
		n->kind = NODE_BOOL;
		n->i = *s == 't';
	} else if (*s != '-' && (*s < '0' || *s > '9')) {
		n->kind = NODE_TEXT;
	} else if (node_parse_int(s, &i)) {
		n->kind = NODE_INT;
		n->i = i;
	} else if (skip_int(s) && *skip_int(s) == '\0') {
		return false; /* an integer beyond 64 bits */
	} else if (node_parse_num(s, &d)) {
		n->kind = NODE_NUM;
		n->d = d;
	} else {
		n->kind = NODE_TEXT;
	}
	return true;
}

static void canonical_text(const char *s, struct buf *out)
{
	static const char short_escapes[] = "btnvfr"; /* from 0x08 */
	buf_addc(out, '"');
	for (const char *from = s;; s++) {
		unsigned char c = (unsigned char)*s;
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(out, from, (size_t)(s - from));
		from = s + 1;
		if (c == '\0')
			break;
		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
			buf_addf(out, "\\%c", short_escapes[c - 0x08]);
		else
			buf_addf(out, "\\u%04x", c);
	}
	buf_addc(out, '"');
}

/* Doubles are rare: the one door that knows their canonical form writes them.
 */
static void canonical_num(double d, struct buf *out)
{
	json_object *o = json_object_new_double(d);
	char *text = json_canonical(o);
	buf_adds(out, text);
	free(text);
	json_object_put(o);
}

void node_sort(struct node *map)
{
	bool sorted = true;
	for (struct node *c = map->child; c && c->next && sorted; c = c->next)
		sorted = strcmp(c->key, c->next->key) <= 0;
	if (sorted)
		return;
	struct node **all = xreallocarray(NULL, map->count, sizeof *all);
	size_t n = 0;
	for (struct node *c = map->child; c; c = c->next)
		all[n++] = c;
	qsort(all, n, sizeof *all, by_key_then_place);
	map->child = all[0];
	for (size_t i = 0; i < n; i++)
		all[i]->next = i + 1 < n ? all[i + 1] : NULL;
	free(all);
}

void node_canonical(struct node *n, struct buf *out)
{
	node_resolve(n);
	switch (n->kind) {
	case NODE_MAP:
	case NODE_LIST:
		if (n->kind == NODE_MAP)
			node_sort(n);
		buf_addc(out, n->kind == NODE_MAP ? '{' : '[');
		for (struct node *c = n->child; c; c = c->next) {
			if (c != n->child)
				buf_addc(out, ',');
			if (n->kind == NODE_MAP) {
				canonical_text(c->key, out);
				buf_addc(out, ':');
			}
			node_canonical(c, out);
		}
		buf_addc(out, n->kind == NODE_MAP ? '}' : ']');
		break;
	case NODE_PLAIN:
	case NODE_TEXT:
		canonical_text(n->text, out);
		break;
	case NODE_INT: {
		char digits[24];
		int len = snprintf(digits, sizeof digits, "%lld",
				   (long long)n->i);
		buf_add(out, digits, (size_t)len);
		break;
	}
	case NODE_NUM:
		canonical_num(n->d, out);
		break;
	case NODE_BOOL:
		buf_adds(out, n->i ? "true" : "false");
		break;
	case NODE_NULL:
	case NODE_BAD:
		buf_adds(out, "null");
		break;
	}
}

void text_place(const char *text, size_t bytes, size_t offset, int *line,
		int *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < offset && i < bytes; i++) {
		if (text[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

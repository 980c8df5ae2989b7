/*
 * node: the one tree that YAML and JSON show files become, with a mark (line
 * and column, both from 1) on every value and every key.
 *
 * A front end (yaml.c, json_tree.c) calls tree_key, tree_open, tree_scalar and
 * tree_close in the order of the text; caps and duplicate keys are handled
 * here, once. Nodes and their texts live in the tree's arena. No text in a tree
 * holds a NUL. One thread at a time.
 */
#ifndef SHOW_NODE_H
#define SHOW_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "show/show_read.h"

enum node_kind {
	NODE_MAP,
	NODE_LIST,
	NODE_PLAIN, /* YAML without quotes: its type is the reader's decision */
	NODE_TEXT,
	NODE_INT,
	NODE_NUM,
	NODE_BOOL,
	NODE_NULL,
	NODE_BAD, /* already reported: readers pass it by */
};

struct node {
	enum node_kind kind;
	bool seen; /* a reader knew its key */
	int line, column;
	int key_line, key_column;
	const char *key;    /* in a map, else NULL */
	struct node *next;  /* sibling, in the order of the file */
	struct node *child; /* map, list */
	size_t count;	    /* children, or bytes of the text */
	union {
		const char *text; /* PLAIN, TEXT */
		int64_t i;	  /* INT; BOOL is 0 or 1 */
		double d;	  /* NUM */
	};
};

#define TREE_DEPTH     32
#define TREE_DEPTH_OWN 40 /* a definition holds its checks one level deeper */

struct tree_frame {
	struct node *node, *last;
	const char *key; /* waits for its value */
	int key_line, key_column;
};

struct tree {
	struct arena arena;
	struct node *root;
	const char *file; /* for messages; lent */
	struct show_problems *problems;
	int max_depth;
	size_t max_nodes, node_count;
	int depth;
	bool stopped; /* a cap was passed, or the text cannot be read on */
	struct tree_frame stack[TREE_DEPTH_OWN];
};

void tree_init(struct tree *t, const char *file, struct show_problems *problems,
	       bool own);
void tree_release(struct tree *t);

/* True when the innermost open node is a map that waits for a key. */
bool tree_wants_key(const struct tree *t);
void tree_key(struct tree *t, const char *text, size_t bytes, int line,
	      int column);
/* Adds a value where the text is now; NULL when a cap was passed. */
struct node *tree_add(struct tree *t, enum node_kind kind, int line,
		      int column);
struct node *tree_add_text(struct tree *t, enum node_kind kind,
			   const char *text, size_t bytes, int line,
			   int column);
void tree_open(struct tree *t, enum node_kind kind, int line, int column);
void tree_close(struct tree *t);
void tree_error(struct tree *t, int line, int column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The member `key` of a map, or NULL. */
struct node *node_get(const struct node *map, const char *key);

/* "a list", "a whole number": for messages. */
const char *node_kind_name(const struct node *n);

/* Gives a PLAIN node the type that free-form values have: true, false, null
 * or ~ or nothing, a decimal integer, a decimal number, else text. False when a
 * number does not fit; then the node stays as it is. */
bool node_resolve(struct node *n);

/* Decimal text to a number, whatever the locale. False: not one, or too big. */
bool node_parse_int(const char *text, int64_t *out);
bool node_parse_num(const char *text, double *out);

/* Puts the members of a map in the byte order of their keys. */
void node_sort(struct node *map);

/* Canonical JSON as json_canonical() writes it. Sorts the members of maps. */
void node_canonical(struct node *n, struct buf *out);

/* The front ends. Problems go to the tree; afterwards `root` may be NULL. */
void yaml_build(struct tree *t, const char *text, size_t bytes);
void json_build(struct tree *t, const char *text, size_t bytes);

/* Line and column (code points) of the byte `offset`, both from 1. */
void text_place(const char *text, size_t bytes, size_t offset, int *line,
		int *column);

#endif

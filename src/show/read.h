/*
 * read: from the marked tree to a struct show, driven by the tables of
 * schema.h. Private to src/show. A reader lives on one stack; the show that it
 * fills and both trees are its own until it is done.
 */
#ifndef SHOW_READ_H
#define SHOW_READ_H

#include "show/node.h"
#include "show/schema.h"
#include "show/show.h"

struct reader {
	struct show *show;
	struct show_problems *problems;
	const char *file; /* what is being read now, for messages */
	struct tree tree, checks_tree;
	bool kept; /* a definition of long ago: its folder is of no concern */
	struct show_stage defaults; /* what `defaults:` says */
	struct node **stage_nodes;  /* by stage index */
};

void read_error(struct reader *r, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void read_warn(struct reader *r, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, at the key of `n`. */
void read_key_error(struct reader *r, const struct node *n, const char *fmt,
		    ...) __attribute__((format(printf, 3, 4)));
void read_key_warn(struct reader *r, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* " (did you mean 'x'?)" or "", into `out`. */
#define HINT_BYTES 128
const char *read_hint(char out[HINT_BYTES], const char *word,
		      const char *const *names);
/* The value as it stands in the file, cleaned and short, in quotes. */
#define QUOTE_BYTES 80
const char *read_quote(char out[QUOTE_BYTES], const struct node *n);

/* One value of any type that is no section, to `base` + key->at. False when an
 * error was reported. `path` is that of the section. */
bool read_value(struct reader *r, const char *path, const struct key *key,
		struct node *n, void *base);
/* A text of a text-like type; NULL when an error was reported. */
char *read_text(struct reader *r, const char *path, const struct key *key,
		enum key_type type, struct node *n);
/* Canonical JSON of a free-form value; NULL when an error was reported. */
char *read_json(struct reader *r, struct node *n);

/* Warns when the program of an `argv` (NULL: none) is not to be found here. */
void read_program(struct reader *r, const struct node *argv);

/* Sections. `section_defaults` goes into KEY_SUB sections too. */
void section_defaults(const struct section *s, void *base);
void section_fill(struct reader *r, const struct section *s, struct node *n,
		  void *base);
bool read_is_map(struct reader *r, const char *path, const char *name,
		 const struct node *n);

/* KEY_CALL and end hooks, named by the tables. */
void read_defaults(struct reader *r, struct node *n, void *base);
void read_when(struct reader *r, struct node *n, void *base);
void read_macros(struct reader *r, struct node *n, void *base);
void read_action(struct reader *r, struct node *n, void *base);
void read_checks(struct reader *r, struct node *n, void *base);
void read_prompt(struct reader *r, struct node *n, void *base);
void read_prompt_text(struct reader *r, struct node *n, void *base);
void agent_end(struct reader *r, struct node *n, void *item);
void mcp_end(struct reader *r, struct node *n, void *item);
void poll_end(struct reader *r, struct node *n, void *item);
void option_end(struct reader *r, struct node *n, void *item);
void retry_end(struct reader *r, struct node *n, void *item);
void rehearsal_end(struct reader *r, struct node *n, void *item);
void stage_begin(struct reader *r, void *item);
void stage_end(struct reader *r, struct node *n, void *item);
void budget_end(struct reader *r, struct node *n, void *item);
void obs_end(struct reader *r, struct node *n, void *item);
void chat_end(struct reader *r, struct node *n, void *item);
void rule_end(struct reader *r, struct node *n, void *item);
void test_end(struct reader *r, struct node *n, void *item);
void alert_end(struct reader *r, struct node *n, void *item);
void preflight_end(struct reader *r, struct node *n, void *item);
void http_end(struct reader *r, struct node *n, void *item);

/* link.c: names become indices, edges are worked out. */
void link_show(struct reader *r);
/* link_order.c: order, layers, dependents; cycles are errors. */
void link_order(struct reader *r);
/* read_prompt.c: what prompts name, once stages and agents are linked. */
void check_prompts(struct reader *r);
/* advise.c: what is not strictly wrong. Only for a show without errors. */
void advise_show(struct reader *r);

#endif

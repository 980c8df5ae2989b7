/* What the tables cannot say about stages and polls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/read.h"

#define METADATA_BYTES 4096 /* it goes into an event */

void read_defaults(struct reader *r, struct node *n, void *base)
{
	(void)base;
	section_fill(r, &schema_defaults, n, &r->defaults);
}

void stage_begin(struct reader *r, void *item)
{
	struct show_stage *s = item;
	const struct show_stage *d = &r->defaults;
	s->token_cap = d->token_cap;
	s->cost_cap_micros = d->cost_cap_micros;
	s->time_cap_ms = d->time_cap_ms;
	s->retry = d->retry;
	s->adjudicate = d->adjudicate;
	s->on_failure = d->on_failure;
	s->go = d->go;
}

void read_when(struct reader *r, struct node *n, void *base)
{
	struct show_stage *s = base;
	char quote[QUOTE_BYTES];
	if (!read_is_map(r, "stages[].when", "", n))
		return;
	node_sort(n);
	s->when =
		arena_alloc(&r->show->arena, (n->count + 1) * sizeof *s->when);
	for (struct node *c = n->child; c; c = c->next) {
		if (c->kind == NODE_MAP || c->kind == NODE_LIST) {
			read_error(r, c,
				   "stages[].when wants one value for a name, "
				   "not %s",
				   read_quote(quote, c));
			c->kind = NODE_BAD;
		}
		char *value = c->kind == NODE_BAD ? NULL : read_json(r, c);
		s->when[s->when_count++] = (struct show_when){
			.stage = -1,
			.name = arena_strdup(&r->show->arena, c->key),
			.value = value,
		};
	}
}

void option_end(struct reader *r, struct node *n, void *item)
{
	struct show_option *o = item;
	if (o->metadata && strlen(o->metadata) > METADATA_BYTES)
		read_error(
			r, node_get(n, "metadata"),
			"stages[].poll.options[].metadata is %zu bytes long; "
			"%d are allowed",
			strlen(o->metadata), METADATA_BYTES);
	if (!o->label)
		o->label = o->id;
}

static void check_options(struct reader *r, const struct node *list,
			  const struct show_poll *p)
{
	const struct node *a = list->child;
	for (size_t i = 0; i < p->option_count; i++, a = a->next) {
		const struct node *b = list->child;
		for (size_t k = 0; k < i; k++, b = b->next) {
			const struct show_option *x = &p->options[k];
			const struct show_option *y = &p->options[i];
			if (!x->id || !y->id)
				continue;
			if (strcmp(x->id, y->id) == 0)
				read_error(r, a,
					   "duplicate option '%s': it is also "
					   "on line %d",
					   y->id, b->line);
			else if (strcmp(x->label, y->label) == 0)
				read_warn(r, a,
					  "the label '%s' is also on line %d: "
					  "voters cannot tell them apart",
					  y->label, b->line);
		}
	}
}

static void find_default(struct reader *r, const struct node *n,
			 struct show_poll *p)
{
	const char *ids[SHOW_MAX_OPTIONS + 1];
	size_t count = 0;
	char hint[HINT_BYTES];
	p->default_option = show_find_option(p, n->text);
	if (p->default_option >= 0 || p->option_count == 0)
		return;
	for (size_t i = 0; i < p->option_count; i++)
		if (p->options[i].id)
			ids[count++] = p->options[i].id;
	ids[count] = NULL;
	read_error(r, n, "unknown option '%s'%s", n->text,
		   read_hint(hint, n->text, ids));
}

static void settle_undecided(struct reader *r, struct node *n,
			     struct show_poll *p)
{
	static const char *const only_extend[] = {"extend_ms",
						  "max_extensions"};
	struct node *undecided = node_get(n, "undecided");
	struct node *fallback = node_get(n, "default");
	if (!undecided)
		p->undecided = fallback ? UNDECIDED_DEFAULT : UNDECIDED_ASK;
	else if (undecided->kind == NODE_BAD)
		p->undecided = UNDECIDED_ASK;
	else if (p->undecided == UNDECIDED_DEFAULT && !fallback)
		read_error(r, undecided,
			   "undecided: default needs the key 'default', the "
			   "option that then wins");
	for (size_t i = 0; i < COUNT_OF(only_extend); i++) {
		struct node *given = node_get(n, only_extend[i]);
		if (given && p->undecided != UNDECIDED_EXTEND)
			read_key_warn(r, given,
				      "'%s' has no effect without undecided: "
				      "extend",
				      only_extend[i]);
	}
	if (p->extend_ms == SHOW_UNSET)
		p->extend_ms = p->open_ms;
}

void poll_end(struct reader *r, struct node *n, void *item)
{
	struct show_poll *p = item;
	struct node *options = node_get(n, "options");
	struct node *fallback = node_get(n, "default");
	if (p->option_count)
		check_options(r, options, p);
	p->default_option = -1;
	if (fallback && fallback->kind == NODE_TEXT)
		find_default(r, fallback, p);
	settle_undecided(r, n, p);
}

void rehearsal_end(struct reader *r, struct node *n, void *item)
{
	(void)r;
	(void)n;
	((struct show_rehearsal *)item)->given = true;
}

/* `votes` names options of the stage's poll, with numbers. */
static void check_votes(struct reader *r, struct node *votes,
			const struct show_poll *p)
{
	char quote[QUOTE_BYTES];
	if (!p) {
		read_key_warn(r, votes,
			      "'votes' has no effect: the stage has no poll");
		return;
	}
	for (struct node *c = votes->child; c; c = c->next) {
		if (show_find_option(p, c->key) < 0)
			read_key_error(r, c,
				       "the poll does not offer an option of "
				       "that name");
		if (!(c->kind == NODE_INT && c->i >= 0) &&
		    !(c->kind == NODE_NUM && c->d >= 0))
			read_error(r, c,
				   "stages[].rehearsal.votes wants numbers "
				   "from 0, not %s",
				   read_quote(quote, c));
	}
}

static void check_result(struct reader *r, const struct node *result,
			 const struct show_stage *s)
{
	const char **names =
		xreallocarray(NULL, s->outputs.count + 1, sizeof *names);
	for (size_t i = 0; i < s->outputs.count; i++)
		names[i] = s->outputs.items[i];
	names[s->outputs.count] = NULL;
	for (const struct node *c = result->child; c; c = c->next) {
		bool known = s->outputs.count == 0;
		for (size_t i = 0; i < s->outputs.count && !known; i++)
			known = strcmp(c->key, names[i]) == 0;
		char hint[HINT_BYTES];
		if (!known)
			read_key_warn(r, c,
				      "the stage does not declare an output of "
				      "that name%s",
				      read_hint(hint, c->key, names));
	}
	free(names);
}

void stage_end(struct reader *r, struct node *n, void *item)
{
	struct show_stage *s = item;
	s->column = n->column;
	struct show_rehearsal *x = &s->rehearsal;
	struct node *rehearsal = node_get(n, "rehearsal");
	struct node *votes = node_get(rehearsal, "votes");
	struct node *result = node_get(rehearsal, "result");
	if (s->preflight && s->go != GO_MANUAL)
		read_error(r, node_get(n, "preflight"),
			   "preflight is looked at by GO, and this stage has "
			   "'go: auto'");
	if (x->tokens == SHOW_UNSET)
		x->tokens = s->token_cap > 0 ? s->token_cap / 2 : 0;
	if (votes && votes->kind == NODE_MAP)
		check_votes(r, votes, s->poll);
	if (result && result->kind == NODE_MAP && result->child)
		check_result(r, result, s);
}

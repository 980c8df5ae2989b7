/* Prompts: read from their files when the show is read, so that they are part
 * of its definition, and checked against the names that the show has. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "show/names.h"
#include "show/problem.h"
#include "show/prompt.h"
#include "show/read.h"

/* All prompts of a show together: its definition has to be read back. */
#define PROMPTS_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define HINTS_MAX	  20
#define STAND_INS	  8   /* one behind the other */
#define ERRORS_MAX	  200 /* then the rest is not looked at */

/* --- reading ------------------------------------------------------------- */

static struct node *add_member(struct reader *r, const struct node *place,
			       const char *key, const char *text)
{
	struct node *n = arena_alloc(&r->tree.arena, sizeof *n);
	*n = (struct node){
		.kind = NODE_TEXT,
		.seen = true,
		.line = place->line,
		.column = place->column,
		.key_line = place->line,
		.key_column = place->column,
		.key = key,
		.count = strlen(text),
		.text = text,
	};
	return n;
}

/* UTF-8 without control characters but line ends and tabs. `*at` gets the byte
 * that is wrong. */
static bool is_plain_text(const char *text, size_t bytes, size_t *at)
{
	for (*at = 0; *at < bytes; (*at)++) {
		unsigned char c = (unsigned char)text[*at];
		if ((c < 0x20 && !strchr("\t\n\r", c)) || c == 0x7f || !c)
			return false;
	}
	*at = 0;
	return text_is_utf8(text, bytes);
}

/* Without a byte order mark and with LF alone at the ends of lines. */
static char *tidy(struct reader *r, const char *text, size_t bytes)
{
	char *out = arena_alloc(&r->show->arena, bytes + 1);
	size_t n = 0,
	       i = bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	for (; i < bytes; i++)
		if (text[i] != '\r' || i + 1 == bytes || text[i + 1] != '\n')
			out[n++] = text[i];
	out[n] = '\0';
	return out;
}

static char *read_prompt_file(struct reader *r, const struct node *n,
			      const char *path)
{
	size_t bytes = 0, at = 0;
	int line, column;
	struct err err = {0};
	char *raw = file_read(path, PROMPT_MAX_BYTES, &bytes, &err), *text;
	if (!raw) {
		read_error(r, n, "the prompt %s", err.text);
		return NULL;
	}
	if (is_plain_text(raw, bytes, &at)) {
		text = tidy(r, raw, bytes);
		free(raw);
		return text;
	}
	text_place(raw, bytes, at, &line, &column);
	free(raw);
	problem_add(r->problems, SHOW_ERROR,
		    arena_strdup(&r->show->arena, path), at ? line : 0,
		    at ? column : 0,
		    "a prompt is UTF-8 text without control characters");
	return NULL;
}

/* The text of `prompt: { text: ... }`. */
void read_prompt_text(struct reader *r, struct node *n, void *base)
{
	struct show_agent *a = base;
	size_t at;
	if (n->kind == NODE_PLAIN)
		n->kind = NODE_TEXT;
	if (n->kind != NODE_TEXT || !is_plain_text(n->text, n->count, &at) ||
	    n->count > PROMPT_MAX_BYTES) {
		read_error(r, n,
			   "agents.*.prompt.text wants text of at most %zu "
			   "bytes without control characters",
			   PROMPT_MAX_BYTES);
		n->kind = NODE_BAD;
		return;
	}
	a->prompt_text = arena_strndup(&r->show->arena, n->text, n->count);
}

void read_prompt(struct reader *r, struct node *n, void *base)
{
	static const struct key file = {
		.name = "prompt", .type = KEY_EXACT, .min = 1, .max = 4096};
	struct show_agent *a = base;
	if (n->kind == NODE_MAP) {
		section_fill(r, &schema_prompt, n, a);
		return;
	}
	a->prompt = read_text(r, "agents.*", &file, KEY_EXACT, n);
	if (!a->prompt)
		return;
	char *path = file_beside(r->file, a->prompt);
	a->prompt_text = read_prompt_file(r, n, path);
	free(path);
	if (!a->prompt_text)
		return;
	/* The definition carries the text itself. */
	struct node *name = add_member(r, n, "file", a->prompt);
	name->next = add_member(r, n, "text", a->prompt_text);
	n->kind = NODE_MAP;
	n->child = name;
	n->count = 2;
}

/* --- checking ------------------------------------------------------------ */

struct checking {
	struct reader *r;
	const struct show *show;
	struct show_agent *agent;
	const struct node *node; /* of the text, in the show file */
	const char *file;	 /* the prompt's own, or NULL */
	int hints, errors;
	size_t story_cap;
	/* The stages of agent i are users[begins[i]] to users[begins[i + 1]],
	 * without the last. */
	size_t *begins, *users;
};

static void report(struct checking *c, const char *at, const char *what,
		   const struct prompt_piece *p, const char *const *names)
{
	char hint[HINT_BYTES] = "";
	int line = c->node->line, column = c->node->column;
	c->errors++;
	char *word = text_clean(p->text, p->bytes, 80);
	char *name = p->name_bytes ? xstrndup(p->name, p->name_bytes)
				   : xstrndup(p->text, p->bytes);
	if (names && c->hints++ < HINTS_MAX)
		read_hint(hint, p->kind == PROMPT_UNKNOWN ? word : name, names);
	if (c->file)
		text_place(c->agent->prompt_text, strlen(c->agent->prompt_text),
			   (size_t)(at - c->agent->prompt_text), &line,
			   &column);
	problem_add(c->r->problems, SHOW_ERROR, c->file ? c->file : c->r->file,
		    line, column, "%s%s%s%s%s", what,
		    p->kind == PROMPT_OPEN ? "" : "{{", word,
		    p->kind == PROMPT_OPEN ? "" : "}}", hint);
	free(word);
	free(name);
}

/* Everything that stages are called and make, or only what they make. */
static const char **all_names(const struct show *show, bool ids)
{
	const char **names = NULL;
	size_t count = 0, cap = 0;
	for (size_t i = 0; i < show->stage_count; i++) {
		const struct show_stage *s = &show->stages[i];
		GROW(names, count, cap);
		if (ids && s->id)
			names[count++] = s->id;
		for (size_t k = 0; k < s->outputs.count; k++) {
			GROW(names, count, cap);
			names[count++] = s->outputs.items[k];
		}
	}
	GROW(names, count, cap);
	names[count] = NULL;
	return names;
}

static bool has_name(const struct show_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i] && strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static bool has_output(const struct show *show, const char *name)
{
	int stage = names_find(&show->index->outputs, name);
	if (stage == NAME_AMBIGUOUS)
		return true;
	return stage >= 0 && (names_find(&show->index->stages, name) < 0 ||
			      has_name(&show->stages[stage].outputs, name));
}

/* An input as the stage writes it, or an output of a stage that is one. */
static bool stage_has_input(const struct show *show, const struct show_stage *s,
			    const char *name)
{
	if (has_name(&s->inputs, name))
		return true;
	for (size_t i = 0; i < s->inputs.count; i++) {
		int from = s->inputs.items[i] ? names_find(&show->index->stages,
							   s->inputs.items[i])
					      : -1;
		if (from >= 0 && has_name(&show->stages[from].outputs, name))
			return true;
	}
	return false;
}

static bool has_input_of(const struct checking *c, size_t agent,
			 const char *name)
{
	for (size_t i = c->begins[agent]; i < c->begins[agent + 1]; i++)
		if (stage_has_input(c->show, &c->show->stages[c->users[i]],
				    name))
			return true;
	return false;
}

/* Whether the agent `id` may be called in the place of that one. */
static bool has_stand_in(const struct show *show, size_t agent, const char *id)
{
	int at = (int)agent;
	for (int i = 0; i < STAND_INS && at >= 0; i++) {
		const char *to = show->agents[at].fallback_agent;
		if (!to || strcmp(to, id) == 0)
			return to != NULL;
		at = names_find(&show->index->agents, to);
	}
	return false;
}

/* Of a stage that calls it, or that may call it in the place of another. */
static bool has_input(const struct checking *c, const char *name)
{
	const struct show *show = c->show;
	if (has_input_of(c, (size_t)(c->agent - show->agents), name))
		return true;
	for (size_t i = 0; i < show->agent_count; i++)
		if (has_input_of(c, i, name) &&
		    has_stand_in(show, i, c->agent->id))
			return true;
	return false;
}

static bool is_known(const struct checking *c, enum prompt_kind kind,
		     const char *name)
{
	if (kind == PROMPT_INPUTS)
		return has_input(c, name);
	if (kind == PROMPT_OUTPUTS)
		return has_output(c->show, name);
	return names_find(&c->show->index->outputs, name) != NAME_NONE;
}

static void keep_story(struct checking *c, const char *name)
{
	struct show_names *kept = &c->agent->prompt_story;
	if (has_name(kept, name))
		return;
	if (kept->count == c->story_cap) {
		size_t cap = c->story_cap ? c->story_cap * 2 : 8;
		char **items =
			arena_alloc(&c->r->show->arena, cap * sizeof *items);
		if (kept->count)
			memcpy(items, kept->items, kept->count * sizeof *items);
		kept->items = items;
		c->story_cap = cap;
	}
	kept->items[kept->count++] = arena_strdup(&c->r->show->arena, name);
}

/* Names may hold dots, and so do ways into a value: the longest known name is
 * meant. */
static bool check_name(struct checking *c, const struct prompt_piece *p)
{
	bool known = false;
	for (size_t n = prompt_longest(p); n && !known;
	     n = prompt_shorter(p, n)) {
		char *name = xstrndup(p->name, n);
		known = is_known(c, p->kind, name);
		if (known && p->kind != PROMPT_INPUTS)
			keep_story(c, name);
		free(name);
	}
	return known;
}

static void check_piece(struct checking *c, const struct prompt_piece *p)
{
	if (p->kind == PROMPT_LITERAL || p->kind == PROMPT_WORD)
		return;
	if (p->kind == PROMPT_OPEN) {
		report(c, p->text, "no }} on this line closes it: ", p, NULL);
		return;
	}
	if (p->kind == PROMPT_UNKNOWN) {
		const char *words[WORD_RUN_ID + 6] = {
			"inputs", "inputs.NAME", "story.NAME", "outputs.NAME"};
		for (int i = 0; prompt_words[i]; i++)
			words[i + 4] = prompt_words[i];
		report(c, p->text, "a prompt does not know ", p, words);
		return;
	}
	if ((p->kind == PROMPT_INPUTS && !p->name_bytes) || check_name(c, p))
		return;
	const char **names =
		c->hints < HINTS_MAX
			? all_names(c->show, p->kind != PROMPT_OUTPUTS)
			: NULL;
	report(c, p->text,
	       p->kind == PROMPT_INPUTS
		       ? "no stage of this agent has the input "
	       : p->kind == PROMPT_OUTPUTS ? "no stage has the output "
					   : "no stage puts into the story ",
	       p, names);
	free(names);
}

/* Who is called by which stages, in one pass. */
static void list_users(struct checking *c)
{
	const struct show *show = c->show;
	size_t *at = xcalloc(show->agent_count + 2, sizeof *at), total = 0;
	for (size_t i = 0; i < show->stage_count; i++)
		for (size_t k = 0; k < show->stages[i].agent_count; k++) {
			at[show->stages[i].agents[k] + 1]++;
			total++;
		}
	for (size_t i = 0; i < show->agent_count; i++)
		at[i + 1] += at[i];
	c->begins = xcalloc(show->agent_count + 1, sizeof *c->begins);
	memcpy(c->begins, at, (show->agent_count + 1) * sizeof *at);
	c->users = xcalloc(total + 1, sizeof *c->users);
	for (size_t i = 0; i < show->stage_count; i++)
		for (size_t k = 0; k < show->stages[i].agent_count; k++)
			c->users[at[show->stages[i].agents[k]]++] = i;
	free(at);
}

static void check_prompt(struct checking *c)
{
	struct prompt_piece piece;
	const char *rest = c->agent->prompt_text;
	c->file = NULL;
	c->story_cap = 0;
	if (c->agent->prompt) {
		char *path = file_beside(c->r->file, c->agent->prompt);
		c->file = arena_strdup(&c->r->show->arena, path);
		free(path);
	}
	while (c->errors < ERRORS_MAX && prompt_next(&rest, &piece))
		check_piece(c, &piece);
}

void check_prompts(struct reader *r)
{
	struct show *show = r->show;
	const struct node *map = node_get(r->tree.root, "agents");
	const struct node *n = map ? map->child : NULL;
	size_t total = 0;
	struct checking c = {.r = r, .show = show};
	for (size_t i = 0; i < show->agent_count && n; i++, n = n->next) {
		c.agent = &show->agents[i];
		c.node = node_get(node_get(n, "prompt"), "text");
		if (!c.agent->prompt_text || !c.node)
			continue;
		if (!c.begins)
			list_users(&c);
		size_t before = total;
		total += strlen(c.agent->prompt_text);
		if (before <= PROMPTS_MAX_BYTES && total > PROMPTS_MAX_BYTES)
			read_error(r, c.node,
				   "the prompts of the show are larger than "
				   "%zu bytes together",
				   PROMPTS_MAX_BYTES);
		check_prompt(&c);
	}
	free(c.begins);
	free(c.users);
}

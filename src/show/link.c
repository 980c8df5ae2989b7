/* Names become indices: agents, MCP servers, inputs, conditions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/names.h"
#include "show/read.h"

/* Looking for near names costs the length of the list, so only the first
 * unknown names of a file get a hint. */
#define HINTS_MAX 20

struct linker {
	struct reader *r;
	struct show *show;
	int hints;
	int *deps; /* of the stage in hand */
	size_t dep_count, dep_cap;
};

static const char *stage_id(const struct show_stage *s)
{
	return s->id ? s->id : "?";
}

/* --- tables of names ----------------------------------------------------- */

static void index_agents(struct show *show)
{
	struct show_index *x = show->index;
	names_init(&x->agents, &show->arena, show->agent_count);
	for (size_t i = 0; i < show->agent_count; i++)
		if (show->agents[i].id)
			*names_slot(&x->agents, show->agents[i].id) = (int)i;
}

/* A file without `mcp:` may still name servers in its stages: the names are
 * handed on to the agents, so there is an entry for each. */
static void index_mcp(struct linker *l)
{
	struct show *show = l->show;
	size_t most = show->mcp_count;
	if (!node_get(l->r->tree.root, "mcp")) {
		for (size_t i = 0; i < show->stage_count; i++) {
			struct node *n = node_get(l->r->stage_nodes[i], "MCP");
			most += n && n->kind == NODE_LIST ? n->count : 0;
		}
		show->mcp =
			arena_alloc(&show->arena, most * sizeof *show->mcp + 1);
	}
	names_init(&show->index->mcp, &show->arena, most);
	for (size_t i = 0; i < show->mcp_count; i++)
		if (show->mcp[i].id)
			*names_slot(&show->index->mcp, show->mcp[i].id) =
				(int)i;
}

static void index_stages(struct linker *l)
{
	struct show *show = l->show;
	size_t names = show->stage_count;
	for (size_t i = 0; i < show->stage_count; i++)
		names += show->stages[i].outputs.count;
	names_init(&show->index->stages, &show->arena, show->stage_count);
	names_init(&show->index->outputs, &show->arena, names);
	for (size_t i = 0; i < show->stage_count; i++) {
		const struct show_stage *s = &show->stages[i];
		if (!s->id)
			continue;
		int *slot = names_slot(&show->index->stages, s->id);
		if (*slot != NAME_NONE) {
			read_error(l->r, node_get(l->r->stage_nodes[i], "id"),
				   "duplicate stage '%s': it is also on line "
				   "%d",
				   s->id, show->stages[*slot].line);
			continue;
		}
		*slot = (int)i;
		*names_slot(&show->index->outputs, s->id) = (int)i;
	}
}

static struct node *next_good(struct node *n)
{
	while (n && n->kind != NODE_TEXT)
		n = n->next;
	return n;
}

static void index_output(struct linker *l, int stage, struct node *n)
{
	struct show *show = l->show;
	int *slot = names_slot(&show->index->outputs,
			       arena_strdup(&show->arena, n->text));
	if (*slot == NAME_NONE) {
		*slot = stage;
		return;
	}
	int id = names_find(&show->index->stages, n->text);
	if (id >= 0 && id != stage) {
		read_error(l->r, n,
			   "output '%s' is also the id of the stage on line "
			   "%d: rename one",
			   n->text, show->stages[id].line);
	} else if (id < 0 && *slot == stage) {
		read_error(l->r, n, "duplicate output '%s'", n->text);
	} else if (id < 0) {
		if (*slot >= 0)
			read_warn(l->r, n,
				  "output '%s' is also declared by stage '%s' "
				  "(line %d): as an input, name the stage",
				  n->text, stage_id(&show->stages[*slot]),
				  show->stages[*slot].line);
		*slot = NAME_AMBIGUOUS;
	}
}

static void index_outputs(struct linker *l)
{
	for (size_t i = 0; i < l->show->stage_count; i++) {
		struct node *list = node_get(l->r->stage_nodes[i], "outputs");
		if (!list || list->kind != NODE_LIST)
			continue;
		for (struct node *c = next_good(list->child); c;
		     c = next_good(c->next))
			index_output(l, (int)i, c);
	}
}

/* --- references ---------------------------------------------------------- */

/* Ids of all items of an array of structs, NULL-ended. Caller frees. */
static const char **ids_of(const void *items, size_t count, size_t bytes,
			   size_t id_at)
{
	const char **ids = xreallocarray(NULL, count + 1, sizeof *ids);
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		const char *id;
		memcpy(&id, (const char *)items + i * bytes + id_at, sizeof id);
		if (id)
			ids[used++] = id;
	}
	ids[used] = NULL;
	return ids;
}

static void report_unknown(struct linker *l, const struct node *n,
			   const char *what, const void *items, size_t count,
			   size_t bytes, size_t id_at)
{
	char hint[HINT_BYTES] = "";
	const char *name = n->kind == NODE_TEXT ? n->text : n->key;
	if (l->hints++ < HINTS_MAX) {
		const char **ids = ids_of(items, count, bytes, id_at);
		read_hint(hint, name, ids);
		free(ids);
	}
	read_error(l->r, n, "unknown %s '%s'%s", what, name, hint);
}

static void unknown_agent(struct linker *l, const struct node *n)
{
	report_unknown(l, n, "agent", l->show->agents, l->show->agent_count,
		       sizeof(struct show_agent),
		       offsetof(struct show_agent, id));
}

/* Agents of a list `key` of a stage, as indices. */
static void link_agents(struct linker *l, const struct node *stage,
			const char *key, int **out, size_t *count)
{
	struct node *list = node_get(stage, key);
	*count = 0;
	if (!list || list->kind != NODE_LIST)
		return;
	*out = arena_alloc(&l->show->arena, (list->count + 1) * sizeof **out);
	for (struct node *c = next_good(list->child); c;
	     c = next_good(c->next)) {
		int i = names_find(&l->show->index->agents, c->text);
		bool again = false;
		for (size_t k = 0; k < *count && i >= 0; k++)
			again |= (*out)[k] == i;
		if (i < 0)
			unknown_agent(l, c);
		else if (again)
			read_error(l->r, c, "duplicate agent '%s'", c->text);
		else
			(*out)[(*count)++] = i;
	}
}

static int add_mcp(struct linker *l, const char *id)
{
	struct show *show = l->show;
	int i = (int)show->mcp_count++;
	show->mcp[i].id = arena_strdup(&show->arena, id);
	*names_slot(&show->index->mcp, show->mcp[i].id) = i;
	return i;
}

static void link_mcp(struct linker *l, const struct node *stage,
		     struct show_stage *s)
{
	struct node *list = node_get(stage, "MCP");
	if (!list || list->kind != NODE_LIST)
		return;
	bool declared = node_get(l->r->tree.root, "mcp");
	s->mcp = arena_alloc(&l->show->arena,
			     (list->count + 1) * sizeof *s->mcp);
	for (struct node *c = next_good(list->child); c;
	     c = next_good(c->next)) {
		int i = names_find(&l->show->index->mcp, c->text);
		if (i < 0 && !declared)
			i = add_mcp(l, c->text);
		if (i >= 0)
			s->mcp[s->mcp_count++] = i;
		else
			report_unknown(l, c, "MCP server", l->show->mcp,
				       l->show->mcp_count,
				       sizeof(struct show_mcp),
				       offsetof(struct show_mcp, id));
	}
}

/* Stages and outputs may both have been meant. */
static void unknown_input(struct linker *l, const struct node *n,
			  const char *name)
{
	const struct show *show = l->show;
	char hint[HINT_BYTES] = "";
	const char **names = NULL;
	size_t count = 0, cap = 0;
	for (size_t i = 0; i < show->stage_count && l->hints < HINTS_MAX; i++) {
		const struct show_stage *s = &show->stages[i];
		for (size_t k = 0; k <= s->outputs.count; k++) {
			GROW(names, count, cap);
			names[count] = k ? s->outputs.items[k - 1] : s->id;
			count += names[count] != NULL;
		}
	}
	GROW(names, count, cap);
	names[count] = NULL;
	if (l->hints++ < HINTS_MAX)
		read_hint(hint, name, names);
	free(names);
	read_error(l->r, n, "unknown input '%s'%s", name, hint);
}

static void add_dep(struct linker *l, int stage)
{
	GROW(l->deps, l->dep_count, l->dep_cap);
	l->deps[l->dep_count++] = stage;
}

static void report_ambiguous(struct linker *l, const struct node *n,
			     const char *name)
{
	const struct show_stage *found[2] = {NULL, NULL};
	for (size_t i = 0; i < l->show->stage_count && !found[1]; i++) {
		const struct show_stage *s = &l->show->stages[i];
		for (size_t k = 0; k < s->outputs.count; k++)
			if (strcmp(s->outputs.items[k], name) == 0) {
				found[found[0] != NULL] = s;
				break;
			}
	}
	if (found[0] && found[1])
		read_error(l->r, n,
			   "ambiguous: stages '%s' (line %d) and '%s' (line "
			   "%d) both declare the output '%s'; name the stage",
			   stage_id(found[0]), found[0]->line,
			   stage_id(found[1]), found[1]->line, name);
}

/* The stage that `name` (at `n`) means to `self`, or -1 after an error. */
static int link_name(struct linker *l, const struct node *n, const char *name,
		     int self)
{
	struct show *show = l->show;
	int i = names_find(&show->index->outputs, name);
	if (i == NAME_AMBIGUOUS) {
		report_ambiguous(l, n, name);
	} else if (i == self) {
		const char *id = stage_id(&show->stages[self]);
		if (strcmp(id, name) == 0)
			read_error(l->r, n, "stage '%s' depends on itself", id);
		else
			read_error(l->r, n,
				   "stage '%s' depends on itself: '%s' is its "
				   "own output",
				   id, name);
	} else if (i < 0) {
		unknown_input(l, n, name);
	} else {
		add_dep(l, i);
		return i;
	}
	return -1;
}

static void link_inputs(struct linker *l, const struct node *stage, int self)
{
	struct node *list = node_get(stage, "inputs");
	if (!list || list->kind != NODE_LIST)
		return;
	for (struct node *c = next_good(list->child); c;
	     c = next_good(c->next)) {
		link_name(l, c, c->text, self);
		if (list->count > 64)
			continue; /* the check below is quadratic */
		for (struct node *b = next_good(list->child); b != c;
		     b = next_good(b->next))
			if (strcmp(b->text, c->text) == 0) {
				read_warn(l->r, c, "duplicate input '%s'",
					  c->text);
				break;
			}
	}
}

/* A poll's value is the id of an option, also where that looks like a number.
 */
static void link_value(struct linker *l, struct node *n,
		       const struct show_poll *p, struct show_when *when)
{
	if (n->kind != NODE_TEXT) {
		struct buf text = {0};
		node_canonical(n, &text);
		n->text = arena_strdup(&l->r->tree.arena, buf_str(&text));
		n->count = text.len;
		n->kind = NODE_TEXT;
		buf_release(&text);
		when->value = read_json(l->r, n);
	}
	if (show_find_option(p, n->text) >= 0)
		return;
	char hint[HINT_BYTES], quote[QUOTE_BYTES];
	const char **ids =
		ids_of(p->options, p->option_count, sizeof(struct show_option),
		       offsetof(struct show_option, id));
	read_error(l->r, n, "the poll '%s' does not offer %s%s", n->key,
		   read_quote(quote, n), read_hint(hint, n->text, ids));
	free(ids);
}

static void link_when(struct linker *l, const struct node *stage,
		      struct show_stage *s, int self)
{
	struct node *map = node_get(stage, "when");
	struct node *c = map && map->kind == NODE_MAP ? map->child : NULL;
	for (size_t i = 0; i < s->when_count && c; i++, c = c->next) {
		struct show_when *w = &s->when[i];
		struct node name = {.kind = NODE_TEXT,
				    .text = w->name,
				    .count = strlen(w->name),
				    .line = c->key_line,
				    .column = c->key_column};
		w->stage = link_name(l, &name, w->name, self);
		if (w->stage < 0 || c->kind == NODE_BAD)
			continue;
		const struct show_poll *p = l->show->stages[w->stage].poll;
		if (p && p->option_count)
			link_value(l, c, p, w);
	}
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static void keep_deps(struct linker *l, struct show_stage *s)
{
	qsort(l->deps, l->dep_count, sizeof *l->deps, by_number);
	s->deps = arena_alloc(&l->show->arena,
			      l->dep_count * sizeof *s->deps + 1);
	for (size_t i = 0; i < l->dep_count; i++)
		if (i == 0 || l->deps[i] != l->deps[i - 1])
			s->deps[s->dep_count++] = l->deps[i];
	l->dep_count = 0;
}

static void link_stage(struct linker *l, int i)
{
	struct show_stage *s = &l->show->stages[i];
	struct node *n = l->r->stage_nodes[i];
	link_agents(l, n, "agents", &s->agents, &s->agent_count);
	link_agents(l, n, "veto", &s->veto, &s->veto_count);
	link_mcp(l, n, s);
	link_inputs(l, n, i);
	link_when(l, n, s, i);
	if (l->dep_count)
		keep_deps(l, s);
	struct node *agents = node_get(n, "agents");
	if (n->kind == NODE_MAP && !node_get(n, "poll") &&
	    (!agents || (agents->kind == NODE_LIST && agents->count == 0)))
		read_error(l->r, n,
			   "stage '%s' has no agents and no poll: nothing "
			   "would ever happen in it",
			   stage_id(s));
	if (s->poll && s->agent_count)
		read_key_warn(l->r, agents,
			      "not acted on yet: agents of a stage that is a "
			      "poll");
}

static void link_fallbacks(struct linker *l)
{
	struct node *map = node_get(l->r->tree.root, "agents");
	struct node *c = map && map->kind == NODE_MAP ? map->child : NULL;
	for (size_t i = 0; i < l->show->agent_count && c; i++, c = c->next) {
		struct node *n = node_get(c, "fallback_agent");
		if (!n || n->kind != NODE_TEXT)
			continue;
		int to = names_find(&l->show->index->agents, n->text);
		if (to < 0)
			unknown_agent(l, n);
		else if (to == (int)i)
			read_error(l->r, n,
				   "agent '%s' cannot stand in for "
				   "itself",
				   n->text);
	}
}

static void link_services(struct linker *l)
{
	struct show *show = l->show;
	struct node *map = node_get(l->r->tree.root, "agents");
	struct node *c = map && map->kind == NODE_MAP ? map->child : NULL;
	for (size_t i = 0; i < show->service_count; i++)
		show->services[i].agents = arena_alloc(
			&show->arena, (show->agent_count + 1) * sizeof(int));
	for (size_t i = 0; i < show->agent_count; i++) {
		struct show_agent *a = &show->agents[i];
		struct node *n = c ? node_get(c, "service") : NULL;
		c = c ? c->next : NULL;
		a->service = a->service_name
				     ? show_find_service(show, a->service_name)
				     : -1;
		if (a->service >= 0) {
			struct show_service *s = &show->services[a->service];
			s->agents[s->agent_count++] = (int)i;
		} else if (n && n->kind == NODE_TEXT) {
			report_unknown(l, n, "service", show->services,
				       show->service_count,
				       sizeof(struct show_service),
				       offsetof(struct show_service, id));
		}
	}
}

static void name_poll_places(struct show *show)
{
	for (size_t i = 0; i < SHOW_POLL_PLACES; i++) {
		char id[] = {(char)('1' + i), '\0'};
		show->stages[show->stage_count + i].id =
			arena_strdup(&show->arena, id);
	}
}

static bool has_card(const struct show *show, const char *name)
{
	for (size_t i = 0; i < show->check_count; i++)
		if (strcmp(show->checks[i].card, name) == 0)
			return true;
	return false;
}

static void link_preflight(struct linker *l)
{
	const struct show *show = l->show;
	const struct node *n = node_get(l->r->tree.root, "preflight");
	for (size_t i = 0; i < show->preflight.cards.count; i++)
		if (!has_card(show, show->preflight.cards.items[i]))
			read_error(l->r, n,
				   "preflight.cards: there is no card '%s'",
				   show->preflight.cards.items[i]);
}

void link_show(struct reader *r)
{
	struct linker l = {.r = r, .show = r->show};
	index_agents(r->show);
	index_mcp(&l);
	index_stages(&l);
	index_outputs(&l);
	for (size_t i = 0; i < r->show->stage_count; i++)
		link_stage(&l, (int)i);
	if (r->show->stages)
		name_poll_places(r->show);
	link_fallbacks(&l);
	link_services(&l);
	link_preflight(&l);
	free(l.deps);
	link_order(r);
}

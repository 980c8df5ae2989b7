/* Validation cards: a file of their own, or a mapping in the show. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "show/names.h"
#include "show/read.h"
#include "show/read_checks.h"

static bool is_word(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

/* `expected` is a JSON Pointer or a measure, against a value or a comparison.
 */
static void check_expected(struct reader *r, const struct node *expected)
{
	char hint[HINT_BYTES];
	for (struct node *c = expected->child; c; c = c->next) {
		if (c->key[0] != '/' && !is_word(c->key, show_check_measures))
			read_key_error(
				r, c,
				"unknown measure: a JSON Pointer "
				"begins with /, measures are those of "
				"the manual%s",
				read_hint(hint, c->key, show_check_measures));
		if (c->kind != NODE_MAP)
			continue;
		if (c->count == 0)
			read_error(r, c,
				   "a comparison needs a key, as "
				   "{ \"equals\": VALUE }");
		for (struct node *op = c->child; op; op = op->next)
			if (!is_word(op->key, show_check_comparisons))
				read_key_error(
					r, op,
					"unknown comparison%s; to compare "
					"with an object write { \"equals\": "
					"{...} }",
					read_hint(hint, op->key,
						  show_check_comparisons));
	}
}

bool checks_is_own(const char *endpoint)
{
	return strncmp(endpoint, "operator:/", 10) == 0 ||
	       strncmp(endpoint, "audience:/", 10) == 0;
}

static void guess_kind(struct reader *r, struct node *n, struct show_check *c)
{
	if (c->endpoint && (strncmp(c->endpoint, "http://", 7) == 0 ||
			    strncmp(c->endpoint, "https://", 8) == 0 ||
			    checks_is_own(c->endpoint)))
		c->kind = arena_strdup(&r->show->arena, "http");
	else
		read_error(
			r, n,
			"a test needs the key 'kind' when its endpoint is no "
			"http(s) URL");
}

void test_end(struct reader *r, struct node *n, void *item)
{
	struct show_check *c = item;
	struct node *expected = node_get(n, "expected");
	if (node_get(n, "steps") || node_get(n, "cleanup")) {
		checks_steps_end(r, n, c);
	} else {
		if (!node_get(n, "kind"))
			guess_kind(r, n, c);
		checks_kind_end(r, n, c);
	}
	if (c->raise_after == SHOW_UNSET)
		c->raise_after = c->watch_ms == SHOW_UNSET ? 1 : 3;
	if (c->clear_after == SHOW_UNSET)
		c->clear_after = c->watch_ms == SHOW_UNSET ? 1 : 2;
	if (c->touches_air && node_get(n, "watch_ms"))
		read_error(r, node_get(n, "watch_ms"),
			   "a test that touches the air is never watched");
	if (!c->expected)
		c->expected = arena_strdup(&r->show->arena, "{}");
	if (expected && expected->kind == NODE_MAP)
		check_expected(r, expected);
}

/* "TEST" of the same card, or "CARD/TEST". */
static int find_parent(const struct show *show, const struct show_check *c)
{
	int found = show_find_check(show, c->card, c->parent_name);
	return found >= 0 ? found : show_find_check_name(show, c->parent_name);
}

/* Two that are each other's parent would both be muted. */
static bool leads_back(const struct show *show, int check)
{
	int at = show->checks[check].parent;
	for (size_t i = 0; at >= 0 && at != check && i < show->check_count; i++)
		at = show->checks[at].parent;
	return at == check;
}

static void link_parents(struct reader *r, const struct node *list)
{
	struct show *show = r->show;
	for (size_t i = 0; i < show->check_count; i++) {
		struct show_check *c = &show->checks[i];
		c->parent = c->parent_name ? find_parent(show, c) : -1;
		if (c->parent_name && c->parent < 0)
			read_error(
				r, list,
				"the parent of %s/%s: there is no test '%s' "
				"in its card; of another one it is CARD/TEST",
				c->card, c->name, c->parent_name);
	}
	for (size_t i = 0; i < show->check_count; i++)
		if (leads_back(show, (int)i))
			read_error(r, list,
				   "the parent of %s/%s leads back to it",
				   show->checks[i].card, show->checks[i].name);
}

static void gather(struct reader *r, const struct node *list,
		   const struct schema_cards *cards)
{
	struct show *show = r->show;
	size_t total = 0;
	for (size_t i = 0; i < cards->count; i++)
		total += cards->cards[i].test_count;
	show->checks =
		arena_alloc(&show->arena, (total + 1) * sizeof *show->checks);
	struct names cards_seen;
	names_init(&cards_seen, &show->arena, cards->count);
	names_init(&show->index->checks, &show->arena, total);
	const struct node *card_node = list->child;
	for (size_t i = 0; i < cards->count; i++, card_node = card_node->next) {
		const struct schema_card *card = &cards->cards[i];
		if (card->card) {
			int *seen = names_slot(&cards_seen, card->card);
			if (*seen != NAME_NONE)
				read_error(r, card_node,
					   "duplicate card '%s': it is also on "
					   "line %d",
					   card->card, *seen);
			*seen = card_node->line;
		}
		const struct node *tests = node_get(card_node, "tests");
		const struct node *test_node = tests ? tests->child : NULL;
		for (size_t k = 0; k < card->test_count;
		     k++, test_node = test_node->next) {
			struct show_check *c = &show->checks[show->check_count];
			*c = card->tests[k];
			c->card = card->card;
			if (!c->card || !c->name)
				continue;
			char *key = xasprintf("%s\n%s", c->card, c->name);
			int *slot = names_slot(&show->index->checks,
					       arena_strdup(&show->arena, key));
			free(key);
			if (*slot != NAME_NONE)
				read_error(r, test_node,
					   "duplicate test '%s' in card '%s'",
					   c->name, c->card);
			*slot = (int)show->check_count++;
		}
	}
}

void read_cards(struct reader *r, struct node *n)
{
	struct schema_cards cards = {0};
	section_fill(r, &schema_checks, n, &cards);
	if (cards.count) {
		gather(r, node_get(n, "cards"), &cards);
		link_parents(r, node_get(n, "cards"));
	}
}

bool path_is_json(const char *path)
{
	size_t len = strlen(path);
	return len > 5 && strcmp(path + len - 5, ".json") == 0;
}

static bool path_is_yaml(const char *path)
{
	size_t len = strlen(path);
	return (len > 5 && strcmp(path + len - 5, ".yaml") == 0) ||
	       (len > 4 && strcmp(path + len - 4, ".yml") == 0);
}

struct node *read_checks_text(struct reader *r, const char *path,
			      const char *text, size_t bytes)
{
	tree_init(&r->checks_tree, path, r->problems, false);
	if (path_is_yaml(path))
		yaml_build(&r->checks_tree, text, bytes);
	else
		json_build(&r->checks_tree, text, bytes);
	struct node *root = r->checks_tree.root;
	if (r->checks_tree.stopped)
		return NULL;
	const char *outer = r->file;
	r->file = path;
	if (root)
		read_cards(r, root);
	r->file = outer;
	return root;
}

void read_checks(struct reader *r, struct node *n, void *base)
{
	static const struct key checks = {
		.name = "checks", .type = KEY_EXACT, .min = 1, .max = 4096};
	(void)base;
	if (n->kind == NODE_MAP) {
		read_cards(r, n);
		return;
	}
	char *written = read_text(r, "", &checks, KEY_EXACT, n);
	if (!written)
		return;
	r->show->checks_path = written;
	char *found = file_beside(r->file, written);
	const char *path = arena_strdup(&r->show->arena, found);
	free(found);
	size_t bytes = 0;
	struct err err = {0};
	char *text = file_read(path, json_limits_file.max_bytes, &bytes, &err);
	if (!text) {
		read_error(r, n, "the checks file %s", err.text);
		return;
	}
	struct node *root = read_checks_text(r, path, text, bytes);
	free(text);
	if (!root || root->kind != NODE_MAP)
		return;
	/* The definition carries the cards themselves. */
	n->kind = NODE_MAP;
	n->child = root->child;
	n->count = root->count;
}

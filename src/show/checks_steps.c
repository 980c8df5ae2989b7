/* Tests of several steps: what is kept of one answer for the next request. */
#include <string.h>

#include "base/mem.h"
#include "show/read.h"
#include "show/read_checks.h"

#define KEPT "{{kept."

/* Names that the steps so far keep; a step may keep a name again. */
struct kept {
	const char *names[256];
	size_t count;
};

static bool is_kept(const struct kept *kept, const char *name, size_t bytes)
{
	for (size_t i = 0; i < kept->count; i++)
		if (strlen(kept->names[i]) == bytes &&
		    memcmp(kept->names[i], name, bytes) == 0)
			return true;
	return false;
}

static void check_text(struct reader *r, const struct node *n,
		       const struct kept *kept)
{
	for (const char *at = strstr(n->text, KEPT); at;
	     at = strstr(at, KEPT)) {
		at += strlen(KEPT);
		size_t bytes = strcspn(at, "}");
		if (!is_kept(kept, at, bytes))
			read_error(r, n, "no step before this one keeps '%.*s'",
				   (int)(bytes < 60 ? bytes : 60), at);
	}
}

/* Every text below the node. */
static void check_uses(struct reader *r, const struct node *n,
		       const struct kept *kept)
{
	if (n->kind == NODE_TEXT || n->kind == NODE_PLAIN)
		check_text(r, n, kept);
	if (n->kind == NODE_MAP || n->kind == NODE_LIST)
		for (const struct node *c = n->child; c; c = c->next)
			check_uses(r, c, kept);
}

static void add_kept(struct reader *r, const struct node *keep,
		     struct kept *kept)
{
	for (const struct node *c = keep->child; c; c = c->next) {
		bool good = (c->kind == NODE_TEXT || c->kind == NODE_PLAIN) &&
			    (c->text[0] == '/' || c->text[0] == '\0');
		if (!good)
			read_error(r, c,
				   "what is kept is a JSON Pointer, as "
				   "\"/id\"");
		else if (kept->count < COUNT_OF(kept->names))
			kept->names[kept->count++] = c->key;
	}
}

static void check_steps(struct reader *r, const struct node *steps,
			struct kept *kept)
{
	static const char *const filled[] = {"endpoint", "payload", "expected"};
	if (!steps || steps->kind != NODE_LIST)
		return;
	for (const struct node *s = steps->child; s; s = s->next) {
		if (s->kind != NODE_MAP)
			continue;
		for (size_t i = 0; i < COUNT_OF(filled); i++) {
			const struct node *n = node_get(s, filled[i]);
			if (n)
				check_uses(r, n, kept);
		}
		const struct node *needs = node_get(s, "needs");
		if (needs &&
		    (needs->kind == NODE_TEXT || needs->kind == NODE_PLAIN) &&
		    !is_kept(kept, needs->text, strlen(needs->text)))
			read_error(r, needs,
				   "no step before this one keeps '%.60s'",
				   needs->text);
		const struct node *keep = node_get(s, "keep");
		if (keep && keep->kind == NODE_MAP)
			add_kept(r, keep, kept);
	}
}

void checks_steps_end(struct reader *r, struct node *n, struct show_check *c)
{
	static const char *const of_steps[] = {
		"kind",	    "endpoint", "method",   "payload",
		"expected", "key_env",	"key_file", "within_ms"};
	struct kept kept = {0};
	for (size_t i = 0; i < COUNT_OF(of_steps); i++) {
		const struct node *given = node_get(n, of_steps[i]);
		if (given)
			read_key_error(r, given,
				       "a test with steps has its '%s' in them",
				       of_steps[i]);
	}
	if (!node_get(n, "steps"))
		read_key_error(r, node_get(n, "cleanup"),
			       "what is cleaned up comes behind 'steps'");
	check_steps(r, node_get(n, "steps"), &kept);
	check_steps(r, node_get(n, "cleanup"), &kept);
	if (c->step_count) {
		c->kind = c->steps[0].kind;
		c->endpoint = c->steps[0].endpoint;
	}
}

/* What each kind of check calls for: its endpoint, and what its payload may
 * hold. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "show/read.h"
#include "show/read_checks.h"

#define URLS "http://", "https://"
#define OWN  "operator:/", "audience:/"

static const struct rule {
	const char *kind;
	const char *fallback;  /* the endpoint when none is given */
	const char *begins[8]; /* what it begins with, a NULL: anything */
	const char *example;
	const char *keys[12]; /* of an object as payload; none: any */
	const char *one_of;   /* two of them, one must be there, or NULL */
} rules[] = {
	{"http",
	 NULL,
	 {URLS, OWN},
	 "an http(s) URL, operator:/path or audience:/path",
	 {0},
	 NULL},
	{"audio",
	 "exec:",
	 {URLS, OWN, "file:", "exec:"},
	 "an http(s) URL, file:PATH or exec:",
	 {0},
	 NULL},
	{"mcp",
	 NULL,
	 {"mcp:", URLS},
	 "mcp:NAME or an http(s) URL",
	 {"tool", "arguments", "method", "params", "protocol", NULL},
	 "tool method"},
	{"obs",
	 "obs:",
	 {"obs:", "ws://", NULL},
	 "obs: or ws://host:port",
	 {"request", "data", "macro", NULL},
	 NULL},
	{"rtmp",
	 NULL,
	 {"rtmp://"},
	 "rtmp://host[:port]/app",
	 {"connect", "tcUrl", NULL},
	 NULL},
	{"agent",
	 NULL,
	 {"agent:"},
	 "agent:NAME",
	 {"capability", "inputs", "parameters", "tokens", NULL},
	 NULL},
	{"prometheus",
	 NULL,
	 {URLS},
	 "an http(s) URL",
	 {"query", "wait_ms", NULL},
	 "query query"},
	{"redis",
	 "redis:",
	 {"redis:", "unix:/"},
	 "redis:, redis://host:port or unix:/path",
	 {0},
	 NULL},
	{"tcp", NULL, {NULL}, NULL, {0}, NULL},
	{"exec",
	 "exec:",
	 {"exec:"},
	 "exec:",
	 {"argv", "stdin", NULL},
	 "argv argv"},
	{"log",
	 "log:",
	 {"log:"},
	 "log: or log:PATH",
	 {"pattern", "seconds", "level", "room", NULL},
	 NULL},
};

static const struct rule *rule_of(const char *kind)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if (strcmp(rules[i].kind, kind) == 0)
			return &rules[i];
	return NULL;
}

/* --- the endpoint ------------------------------------------------------- */

static bool begins(const struct rule *rule, const char *endpoint)
{
	for (size_t i = 0; rule->begins[i]; i++)
		if (strncmp(endpoint, rule->begins[i],
			    strlen(rule->begins[i])) == 0)
			return true;
	return !rule->begins[0];
}

/* A name that the show file declares in `section`. A file of checks alone
 * knows of none. */
static void check_name(struct reader *r, const struct node *n,
		       const char *endpoint, const char *prefix,
		       const char *section, const char *what)
{
	size_t bytes = strlen(prefix);
	char hint[HINT_BYTES];
	if (!n || strncmp(endpoint, prefix, bytes) != 0 || !r->tree.root)
		return;
	struct node *known = node_get(r->tree.root, section);
	size_t count = 0;
	for (struct node *c = known ? known->child : NULL; c; c = c->next) {
		if (c->key && strcmp(c->key, endpoint + bytes) == 0)
			return;
		count++;
	}
	const char **names = xcalloc(count + 1, sizeof *names);
	count = 0;
	for (struct node *c = known ? known->child : NULL; c; c = c->next)
		names[count++] = c->key ? c->key : "";
	read_error(r, n, "unknown %s '%s'%s", what, endpoint + bytes,
		   read_hint(hint, endpoint + bytes, names));
	free(names);
}

static void check_endpoint(struct reader *r, const struct rule *rule,
			   struct node *n, const struct show_check *c)
{
	static const char *const schemes[] = {"http", "https", NULL};
	static const struct key url = {
		.name = "endpoint", .words = schemes, .max = 4096};
	static const struct key addr = {.name = "endpoint"};
	const char *path = "checks.cards[].tests[]";
	char quote[QUOTE_BYTES];
	/* What a step keeps is not known here. */
	if (strstr(c->endpoint, "{{"))
		return;
	if (checks_is_own(c->endpoint) &&
	    (rule->begins[0] == NULL || begins(rule, c->endpoint)))
		return;
	if (!rule->begins[0])
		read_text(r, path, &addr, KEY_ADDR, n);
	else if (!begins(rule, c->endpoint))
		read_error(r, n, "%s.endpoint of the kind %s wants %s, not %s",
			   path, rule->kind, rule->example,
			   read_quote(quote, n));
	else if (strncmp(c->endpoint, "http", 4) == 0)
		read_text(r, path, &url, KEY_URL, n);
	check_name(r, n, c->endpoint, "mcp:", "mcp", "MCP server");
	check_name(r, n, c->endpoint, "agent:", "agents", "agent");
}

/* --- the payload -------------------------------------------------------- */

static bool is_known(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(key, *keys) == 0)
			return true;
	return false;
}

/* "tool method": one of the two has to be there. */
static bool has_one(const struct node *payload, const char *two)
{
	const char *second = strchr(two, ' ') + 1;
	char *first = xstrndup(two, (size_t)(second - two) - 1);
	bool has = payload &&
		   (node_get(payload, first) || node_get(payload, second));
	free(first);
	return has;
}

static void check_payload(struct reader *r, const struct rule *rule,
			  const struct node *test)
{
	const struct node *payload = node_get(test, "payload");
	char hint[HINT_BYTES];
	if (payload && rule->keys[0] && payload->kind != NODE_MAP &&
	    payload->kind != NODE_BAD) {
		read_error(r, payload,
			   "the payload of the kind %s is a mapping",
			   rule->kind);
		return;
	}
	for (struct node *c = payload && rule->keys[0] ? payload->child : NULL;
	     c; c = c->next)
		if (!is_known(c->key, rule->keys))
			read_key_error(r, c,
				       "the kind %s knows no '%s' in its "
				       "payload%s",
				       rule->kind, c->key,
				       read_hint(hint, c->key, rule->keys));
	if (rule->one_of && !has_one(payload, rule->one_of))
		read_error(r, test, "the kind %s needs '%.*s' in its payload",
			   rule->kind, (int)strcspn(rule->one_of, " "),
			   rule->one_of);
}

void checks_kind_end(struct reader *r, struct node *n, struct show_check *c)
{
	const struct rule *rule = c->kind ? rule_of(c->kind) : NULL;
	struct node *endpoint = node_get(n, "endpoint");
	if (!rule)
		return;
	if (c->endpoint)
		check_endpoint(r, rule, endpoint, c);
	else if (!endpoint && rule->fallback)
		c->endpoint = arena_strdup(&r->show->arena, rule->fallback);
	else if (!endpoint)
		read_error(r, n,
			   "a test of the kind %s needs the key "
			   "'endpoint'",
			   rule->kind);
	check_payload(r, rule, n);
	if (strcmp(c->kind, "exec") == 0)
		read_program(r, node_get(node_get(n, "payload"), "argv"));
	if (c->method && strcmp(c->kind, "http") != 0)
		read_key_warn(r, node_get(n, "method"),
			      "'method' has no effect with the kind %s",
			      c->kind);
}

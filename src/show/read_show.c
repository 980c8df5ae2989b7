/* What the tables cannot say about budget, agents, OBS, rules and listeners. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "show/read.h"

/* A member that was given and read well. */
static struct node *good_member(const struct node *map, const char *key)
{
	struct node *n = node_get(map, key);
	return n && n->kind != NODE_BAD ? n : NULL;
}

/* An IANA name, which stands as a file where the system keeps its zones. */
static bool is_time_zone(const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_+-/";
	char path[PATH_MAX];
	struct stat st;
	if (strcmp(name, "UTC") == 0)
		return true;
	if (!*name || *name == '/' || strstr(name, "..") ||
	    name[strspn(name, letters)])
		return false;
	const char *dir = getenv("TZDIR"); /* as tzset(3) has it */
	int n = snprintf(path, sizeof path, "%s/%s",
			 dir && *dir ? dir : "/usr/share/zoneinfo", name);
	return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

void budget_end(struct reader *r, struct node *n, void *item)
{
	const struct show_budget *b = item;
	struct node *reserve = good_member(n, "reserve");
	struct node *currency = good_member(n, "currency");
	if (reserve && b->tokens != SHOW_UNSET && b->reserve > b->tokens)
		read_error(r, reserve,
			   "budget.reserve is %lld, more than budget.tokens "
			   "(%lld)",
			   (long long)b->reserve, (long long)b->tokens);
	if (reserve && b->tokens == SHOW_UNSET && b->reserve > 0 &&
	    !node_get(n, "tokens"))
		read_error(r, reserve,
			   "budget.reserve needs budget.tokens: it is a part "
			   "of them");
	struct node *zone = good_member(n, "time_zone");
	if (zone && !is_time_zone(b->time_zone))
		read_error(r, zone,
			   "budget.time_zone wants a name that this system "
			   "knows, as Europe/London");
	if (currency && strspn(b->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		read_error(r, currency,
			   "budget.currency wants three capital letters, as "
			   "GBP");
}

#define VIA(x) (1u << VIA_##x)

static const struct {
	const char *key;
	unsigned used_by, needed_by;
} agent_rules[] = {
	{"url", VIA(HTTP) | VIA(LLM), VIA(HTTP) | VIA(LLM)},
	{"argv", VIA(EXEC), VIA(EXEC)},
	{"mcp", VIA(MCP), VIA(MCP)},
	{"tool", VIA(MCP), VIA(MCP)},
	{"arguments", VIA(MCP), 0},
	{"api", VIA(LLM), 0},
	{"model", VIA(LLM), VIA(LLM)},
	{"stream", VIA(LLM), 0},
	{"key_env", VIA(LLM), 0},
	{"key_file", VIA(LLM), 0},
	{"prompt", VIA(LLM), 0},
	{"price", ~VIA(NOOP), 0},
	{"timeout_ms", ~VIA(NOOP), 0},
};

void agent_end(struct reader *r, struct node *n, void *item)
{
	const struct show_agent *a = item;
	if (!good_member(n, "via"))
		return;
	const char *via = show_via_name(a->via);
	for (size_t i = 0; i < COUNT_OF(agent_rules); i++) {
		struct node *given = node_get(n, agent_rules[i].key);
		if (given && !(agent_rules[i].used_by & 1u << a->via))
			read_key_warn(r, given,
				      "'%s' has no effect with via: %s",
				      agent_rules[i].key, via);
		if (!given && agent_rules[i].needed_by & 1u << a->via)
			read_error(r, n,
				   "an agent with via: %s needs the key '%s'",
				   via, agent_rules[i].key);
	}
	if (a->via == VIA_EXEC)
		read_program(r, node_get(n, "argv"));
}

void mcp_end(struct reader *r, struct node *n, void *item)
{
	(void)item;
	const struct node *url = node_get(n, "url"),
			  *argv = node_get(n, "argv");
	if (url && argv)
		read_error(r, n, "an MCP server has either 'url' or 'argv'");
	if (!url && !argv)
		read_error(r, n, "an MCP server needs the key 'url' or 'argv'");
	if (!url)
		read_program(r, argv);
}

void retry_end(struct reader *r, struct node *n, void *item)
{
	const struct show_retry *retry = item;
	struct node *first = good_member(n, "backoff_ms");
	if (first && retry->backoff_ms > retry->max_backoff_ms)
		read_warn(r, first,
			  "backoff_ms (%lld) is cut to max_backoff_ms (%lld)",
			  (long long)retry->backoff_ms,
			  (long long)retry->max_backoff_ms);
}

void read_macros(struct reader *r, struct node *n, void *base)
{
	struct show_obs *o = base;
	char quote[QUOTE_BYTES];
	if (!read_is_map(r, "obs.macros", "", n))
		return;
	node_sort(n);
	o->macros = arena_alloc(&r->show->arena,
				(n->count + 1) * sizeof *o->macros);
	for (struct node *c = n->child; c; c = c->next) {
		bool good = c->kind == NODE_LIST;
		for (struct node *step = c->child; good && step;
		     step = step->next)
			good = step->kind == NODE_MAP && step->count == 1 &&
			       step->child->kind == NODE_MAP;
		if (!good) {
			read_error(r, c,
				   "a macro wants a list of requests, as "
				   "[ { StartStream: {} } ], not %s",
				   read_quote(quote, c));
			continue;
		}
		char *batch = read_json(r, c);
		if (batch)
			o->macros[o->macro_count++] = (struct show_macro){
				.name = arena_strdup(&r->show->arena, c->key),
				.batch = batch,
			};
	}
}

void obs_end(struct reader *r, struct node *n, void *item)
{
	struct show_obs *o = item;
	o->given = true;
	struct node *file = node_get(n, "password_file");
	if (o->password_env && o->password_file)
		read_key_warn(r, file,
			      "password_file is used only where password_env "
			      "names nothing");
}

/* RFC 2812, 1.3 and 2.3.1, as far as it would break a line of ours. */
void chat_end(struct reader *r, struct node *n, void *item)
{
	struct show_chat *c = item;
	struct arena *arena = &r->show->arena;
	struct node *channel = good_member(n, "channel");
	struct node *nick = good_member(n, "nick");
	struct node *prefix = good_member(n, "prefix");
	struct node *file = node_get(n, "password_file");
	c->given = true;
	if (channel && c->channel &&
	    (!strchr("#&+!", c->channel[0]) || !c->channel[1] ||
	     strlen(c->channel) > CHAT_CHANNEL_BYTES ||
	     strpbrk(c->channel, " ,")))
		read_error(r, channel,
			   "chat.channel wants a '#' and up to %d bytes "
			   "without blanks and commas",
			   CHAT_CHANNEL_BYTES - 1);
	if (nick && c->nick &&
	    (strlen(c->nick) > CHAT_NICK_BYTES || strchr(":#&", c->nick[0]) ||
	     strpbrk(c->nick, " ,!@*?")))
		read_error(r, nick,
			   "chat.nick wants up to %d bytes without blanks, "
			   "',', '!', '@', '*' and '?'",
			   CHAT_NICK_BYTES);
	if (prefix && c->prefix &&
	    (strlen(c->prefix) > CHAT_PREFIX_BYTES || strchr(c->prefix, ' ')))
		read_error(r, prefix,
			   "chat.prefix wants up to %d bytes without blanks",
			   CHAT_PREFIX_BYTES);
	if (c->password_env && c->password_file)
		read_key_warn(r, file,
			      "password_file is used only where password_env "
			      "names nothing");
	if (!c->nick)
		c->nick = arena_strdup(arena, "caller");
	if (!c->prefix)
		c->prefix = arena_strdup(arena, "!");
}

void read_action(struct reader *r, struct node *n, void *base)
{
	static const char *const actions[] = {"obs_scene", NULL};
	static const struct key scene = {
		.name = "obs_scene", .type = KEY_EXACT, .min = 1};
	struct show_rule *rule = base;
	if (!read_is_map(r, "rules[].do", "", n))
		return;
	if (n->count != 1) {
		read_error(r, n,
			   "rules[].do wants one action, as { obs_scene: "
			   "NAME }; it has %zu",
			   n->count);
		return;
	}
	struct node *c = n->child;
	char hint[HINT_BYTES], quote[QUOTE_BYTES];
	if (strcmp(c->key, actions[0]) != 0) {
		struct node name = {.kind = NODE_TEXT,
				    .text = c->key,
				    .count = strlen(c->key)};
		read_key_error(r, c, "unknown action %s%s",
			       read_quote(quote, &name),
			       read_hint(hint, c->key, actions));
		return;
	}
	if (!read_text(r, "rules[].do", &scene, KEY_EXACT, c))
		return;
	rule->action = arena_strdup(&r->show->arena, c->key);
	rule->value = read_json(r, c);
}

void rule_end(struct reader *r, struct node *n, void *item)
{
	struct show_rule *rule = item;
	char hint[HINT_BYTES], quote[QUOTE_BYTES];
	struct node *on = good_member(n, "on");
	if (!rule->name)
		rule->name = rule->on;
	if (!on)
		return;
	for (size_t i = 0; schema_event_words[i]; i++)
		if (strcmp(schema_event_words[i], rule->on) == 0)
			return;
	read_error(r, on, "unknown event type %s%s", read_quote(quote, on),
		   read_hint(hint, rule->on, schema_event_words));
}

static void alert_url(struct reader *r, struct node *n,
		      const struct show_alert *a)
{
	struct node *url = good_member(n, "url");
	int given = !!node_get(n, "url") + !!a->url_env + !!a->url_file;
	if (given != 1)
		read_error(r, n,
			   "an alert needs one of 'url', 'url_env' and "
			   "'url_file'");
	if (url && (strncmp(a->url, "smtp", 4) == 0) != (a->to == ALERT_SMTP))
		read_error(r, url,
			   "alerts to %s go to an address that begins "
			   "with %s",
			   schema_alert_words[a->to],
			   a->to == ALERT_SMTP ? "smtp:// or smtps://"
					       : "http:// or https://");
}

void alert_end(struct reader *r, struct node *n, void *item)
{
	static const char *const mail_keys[] = {
		"from", "recipients", "user", "password_env", "password_file"};
	const struct show_alert *a = item;
	alert_url(r, n, a);
	if (a->to == ALERT_SMTP && (!a->from || !a->recipients.count))
		read_error(r, n,
			   "an alert by mail needs 'from' and "
			   "'recipients'");
	if (a->user && !a->password_env && !a->password_file)
		read_error(r, n,
			   "'user' needs 'password_env' or "
			   "'password_file'");
	for (size_t i = 0; a->to != ALERT_SMTP && i < COUNT_OF(mail_keys); i++)
		if (node_get(n, mail_keys[i]))
			read_key_warn(r, node_get(n, mail_keys[i]),
				      "%s is only for mail", mail_keys[i]);
}

void preflight_end(struct reader *r, struct node *n, void *item)
{
	struct show_preflight *p = item;
	(void)r;
	(void)n;
	p->given = true;
}

void http_end(struct reader *r, struct node *n, void *item)
{
	const struct show_http *h = item;
	struct node *op = good_member(n, "operator");
	struct node *audience = good_member(n, "audience");
	if (op && audience && strcmp(h->operator_addr, h->audience_addr) == 0) {
		const char *port = strrchr(h->operator_addr, ':');
		if (strcmp(port, ":0") != 0)
			read_error(r, audience,
				   "http.operator and http.audience need two "
				   "addresses; both are '%s'",
				   h->audience_addr);
	}
	if (op && strncmp(h->operator_addr, "127.", 4) != 0 &&
	    strncmp(h->operator_addr, "localhost:", 10) != 0 &&
	    strncmp(h->operator_addr, "[::1]:", 6) != 0)
		read_warn(r, op,
			  "http.operator can be reached from other machines; "
			  "its token is all that protects the show");
}

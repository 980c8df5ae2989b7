#include "net/chat.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "show/show.h"

#define SLOTS 16384 /* a power of two */

/* Who spoke last among those that share a place: that another one takes it only
 * lets a repeat through, and the count holds those anyway. */
struct slot {
	uint64_t voter;
	int64_t since_ms;
	int16_t said, last; /* how often, and which option */
};

struct chat {
	char *prefix;
	char *poll; /* NULL: none takes votes */
	int64_t opened_ms;
	struct show_names options;
	struct slot *slots;
};

struct chat *chat_new(const char *prefix)
{
	struct chat *c = xcalloc(1, sizeof *c);
	c->prefix = xstrdup(prefix);
	c->slots = xcalloc(SLOTS, sizeof *c->slots);
	return c;
}

static void forget_poll(struct chat *c)
{
	for (size_t i = 0; i < c->options.count; i++)
		free(c->options.items[i]);
	free(c->options.items);
	free(c->poll);
	c->options = (struct show_names){0};
	c->poll = NULL;
}

void chat_free(struct chat **chat)
{
	struct chat *c = *chat;
	if (!c)
		return;
	*chat = NULL;
	forget_poll(c);
	free(c->prefix);
	free(c->slots);
	free(c);
}

static bool takes_votes(json_object *poll)
{
	const char *state = json_get_str(poll, "state", "");
	return (!strcmp(state, "open") || !strcmp(state, "extended")) &&
	       !json_get_bool(poll, "frozen", false);
}

static json_object *newest_open(json_object *polls)
{
	json_object *newest = NULL;
	for (size_t i = 0; i < json_object_array_length(polls); i++) {
		json_object *poll = json_object_array_get_idx(polls, i);
		if (takes_votes(poll) &&
		    (!newest || json_get_int(poll, "opened_at", 0) >=
					json_get_int(newest, "opened_at", 0)))
			newest = poll;
	}
	return newest;
}

static void follow_poll(struct chat *c, json_object *poll)
{
	json_object *options = json_get_array(poll, "options");
	size_t count = json_object_array_length(options), cap = 0;
	const char *id = json_get_str(poll, "id", "");
	if (!c->poll || strcmp(c->poll, id) != 0)
		memset(c->slots, 0, SLOTS * sizeof *c->slots);
	forget_poll(c);
	c->poll = xstrdup(id);
	c->opened_ms = json_get_int(poll, "opened_at", 0);
	for (size_t i = 0; i < count; i++) {
		json_object *o = json_object_array_get_idx(options, i);
		GROW(c->options.items, c->options.count, cap);
		c->options.items[c->options.count++] =
			xstrdup(json_get_str(o, "id", ""));
	}
}

void chat_set_polls(struct chat *c, const char *json)
{
	json_object *o = json_read_str(json, &json_limits_own, NULL);
	json_object *polls = json_get_array(o, "polls");
	json_object *newest = polls ? newest_open(polls) : NULL;
	if (newest && json_get_array(newest, "options"))
		follow_poll(c, newest);
	else
		forget_poll(c);
	json_object_put(o);
}

const char *chat_poll(const struct chat *c)
{
	return c->poll;
}

int64_t chat_poll_opened(const struct chat *c)
{
	return c->opened_ms;
}

const char *chat_option_id(const struct chat *c, int option)
{
	return c->options.items[option];
}

static int by_id(const struct chat *c, const char *word, size_t len)
{
	for (size_t i = 0; i < c->options.count; i++)
		if (strlen(c->options.items[i]) == len &&
		    strncasecmp(c->options.items[i], word, len) == 0)
			return (int)i;
	return -1;
}

static int by_number(const struct chat *c, const char *word, size_t len)
{
	size_t n = 0;
	if (len > 2)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return -1;
		n = n * 10 + (size_t)(word[i] - '0');
	}
	return n >= 1 && n <= c->options.count ? (int)n - 1 : -1;
}

int chat_option(const struct chat *c, const char *text)
{
	size_t prefix = strlen(c->prefix);
	text += strspn(text, " ");
	if (!c->poll || strncmp(text, c->prefix, prefix) != 0)
		return -1;
	text += prefix;
	size_t len = strcspn(text, " ");
	if (!len)
		return -1;
	int option = by_id(c, text, len);
	return option >= 0 ? option : by_number(c, text, len);
}

bool chat_is_news(struct chat *c, const char *voter, int option, int64_t now_ms)
{
	uint64_t hash = hash_fnv1a(voter);
	struct slot *s = &c->slots[hash % SLOTS];
	if (s->voter != hash || now_ms - s->since_ms >= CHAT_AGAIN_MS)
		*s = (struct slot){.voter = hash, .since_ms = now_ms};
	/* A repeat of the last word only: who goes back has changed again. */
	if (s->said == CHAT_MOST || (s->said && s->last == option))
		return false;
	s->said++;
	s->last = (int16_t)option;
	return true;
}

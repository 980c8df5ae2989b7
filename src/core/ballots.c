#include "core/ballots.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/text.h"

static const struct {
	const char *code, *text;
} answers[BALLOT_ANSWERS] = {
	[BALLOT_PENDING] = {"unavailable", "the vote is on its way"},
	[BALLOT_COUNTED] = {"ok", "your vote is counted"},
	[BALLOT_SAME] = {"duplicate", "you have voted already"},
	[BALLOT_DOUBLE] = {"duplicate", "you have voted already"},
	[BALLOT_CLOSED] = {"closed", "voting is closed"},
	[BALLOT_FULL] = {"unavailable", "the poll has a million voters; no "
					"more are taken"},
	[BALLOT_NO_POLL] = {"not_found", "there is no such poll"},
	[BALLOT_NO_OPTION] = {"bad_option", "the poll has no such option"},
	[BALLOT_NOT_BEGUN] = {"closed", "voting has not begun"},
	[BALLOT_PAUSED] = {"closed", "voting is paused"},
	[BALLOT_STALE] = {"stale", "this ballot is of an earlier vote: load "
				   "the page again"},
	[BALLOT_TOO_OFTEN] = {"too_often", "too many votes from here: wait a "
					   "moment and try again"},
	[BALLOT_BUSY] = {"busy", "the engine has too much to do: try again"},
	[BALLOT_UNSTORED] = {"unavailable",
			     "the vote could not be stored; try again"},
	[BALLOT_FENCED] = {"unavailable",
			   "this server does not lead any more; try again"},
};

const char *ballot_code(enum ballot_answer answer)
{
	return answers[answer].code;
}

const char *ballot_text(enum ballot_answer answer)
{
	return answers[answer].text;
}

static const char *const from_names[BALLOTS_FROMS] = {
	[BALLOTS_WEB] = "web",
	[BALLOTS_WS] = "ws",
	[BALLOTS_CHAT] = "chat",
	[BALLOTS_BUS] = "bus",
};

const char *ballots_from_name(enum ballots_from from)
{
	return from_names[from];
}

bool ballots_sum_any(const struct ballots_sum *sum)
{
	int64_t all = 0;
	for (int i = 0; i < BALLOTS_FROMS; i++)
		all |= sum->of[i];
	return all != 0;
}

bool ballots_sum_take(struct ballots_sum *sum, const char *field, int64_t n)
{
	size_t len = sizeof BALLOTS_SUM_FIELD - 1;
	if (strncmp(field, BALLOTS_SUM_FIELD, len) != 0)
		return false;
	for (int i = 0; i < BALLOTS_FROMS; i++)
		if (from_names[i] && !strcmp(field + len, from_names[i]))
			sum->of[i] = n;
	return true;
}

json_object *ballots_sum_json(const struct ballots_sum *sum)
{
	json_object *o = json_object_new_object();
	for (int i = 0; i < BALLOTS_FROMS; i++)
		if (from_names[i] && sum->of[i])
			json_add_int(o, from_names[i], sum->of[i]);
	return o;
}

void ballots_sum_put(struct json_out *o, const struct ballots_sum *sum)
{
	if (!ballots_sum_any(sum))
		return;
	json_out_object(o, "from");
	for (int i = 0; i < BALLOTS_FROMS; i++)
		if (from_names[i] && sum->of[i])
			json_add_int(o, from_names[i], sum->of[i]);
	json_out_end(o);
}

static void sum_set(struct ballots_sum *sum, int from, int64_t n)
{
	sum->of[from] = n < 0 || n > BALLOTS_SUM_MOST ? 0 : n;
}

struct ballots_sum ballots_sum_read(json_object *o)
{
	struct ballots_sum sum = {0};
	for (int i = 0; o && i < BALLOTS_FROMS; i++)
		if (from_names[i])
			sum_set(&sum, i, json_get_int(o, from_names[i], 0));
	return sum;
}

struct ballots_sum ballots_sum_of_node(struct json_node *o)
{
	struct ballots_sum sum = {0};
	for (int i = 0; o && i < BALLOTS_FROMS; i++)
		if (from_names[i])
			sum_set(&sum, i, json_node_int(o, from_names[i], 0));
	return sum;
}

struct ballots *ballots_new(const char *poll, enum ballots_from from)
{
	struct ballots *b = xcalloc(1, sizeof *b);
	text_copy(b->poll, sizeof b->poll, poll);
	b->from = from;
	b->stage = -1;
	return b;
}

void ballots_free(struct ballots **ballots)
{
	struct ballots *b = *ballots;
	*ballots = NULL;
	if (!b)
		return;
	free(b->id);
	free(b->items);
	buf_release(&b->text);
	free(b);
}

struct ballots *ballots_take(struct ballots *b)
{
	struct ballots *taken = xmalloc(sizeof *taken);
	*taken = *b;
	*b = (struct ballots){.stage = -1};
	return taken;
}

static uint32_t add_text(struct buf *b, const char *s, size_t most)
{
	size_t at = b->len;
	buf_add(b, s, strnlen(s, most));
	buf_addc(b, '\0');
	return (uint32_t)at;
}

void ballots_add(struct ballots *b, const char *option, const char *voter,
		 uint64_t source, uint64_t ticket)
{
	REQUIRE(b->count < BALLOTS_MOST);
	GROW(b->items, b->count, b->cap);
	struct ballot *x = &b->items[b->count++];
	*x = (struct ballot){.source = source, .ticket = ticket, .option = -1};
	x->voter = add_text(&b->text, voter, BALLOT_VOTER_MOST);
	x->choice = add_text(&b->text, option, BALLOT_POLL_MOST);
}

bool ballots_answer(struct ballots *b, enum ballot_answer answer)
{
	bool any = false;
	for (size_t i = 0; i < b->count; i++) {
		if (b->items[i].answer != BALLOT_PENDING)
			continue;
		b->items[i].answer = (unsigned char)answer;
		any = true;
	}
	return any;
}

size_t ballots_pending(const struct ballots *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->count; i++)
		n += b->items[i].answer == BALLOT_PENDING;
	return n;
}

uint64_t ballots_source(const char *kind, const char *name)
{
	uint64_t h = hash_fnv1a(kind) * UINT64_C(1099511628211) ^
		     hash_fnv1a(name);
	return h ? h : 1;
}

#include "engine/bursts.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "show/show.h"

#define SLOTS 65536 /* of the count: twice the keys of all kept votes */

struct cast {
	int64_t at_ms;
	uint64_t source;
	char *voter;
	short stage, option;
	unsigned char burst;
};

/* A burst: found (number 0: the core was not heard yet), or under way. */
struct found {
	int stage, option, number;
	uint64_t sources[BURSTS_SOURCES];
	size_t source_count;
};

struct rest {
	int stage;
	int64_t counts[SHOW_MAX_OPTIONS];
};

/* How many votes of a source, for an option (or any: -1). */
struct slot {
	uint64_t source;
	short stage, option;
	int votes;
};

struct bursts {
	struct cast *ring; /* oldest at first */
	size_t first, count;
	struct found **found;
	size_t found_count, found_cap;
	struct rest *rests;
	size_t rest_count, rest_cap;
	bool to_mark; /* something may wait for bursts_take() */
};

struct bursts *bursts_new(void)
{
	return xcalloc(1, sizeof(struct bursts));
}

static struct cast *cast_at(const struct bursts *b, size_t i)
{
	return &b->ring[(b->first + i) % BURSTS_KEPT];
}

void bursts_free(struct bursts **bursts)
{
	struct bursts *b = *bursts;
	*bursts = NULL;
	if (!b)
		return;
	for (size_t i = 0; i < b->count; i++)
		free(cast_at(b, i)->voter);
	for (size_t i = 0; i < b->found_count; i++)
		free(b->found[i]);
	free(b->ring);
	free(b->found);
	free(b->rests);
	free(b);
}

static void drop_oldest(struct bursts *b)
{
	free(cast_at(b, 0)->voter);
	b->first = (b->first + 1) % BURSTS_KEPT;
	b->count--;
}

static bool has_source(const struct found *f, uint64_t source)
{
	for (size_t i = 0; i < f->source_count; i++)
		if (f->sources[i] == source)
			return true;
	return false;
}

static struct found *find(const struct bursts *b, int stage, int option)
{
	for (size_t i = b->found_count; i > 0; i--)
		if (b->found[i - 1]->stage == stage &&
		    b->found[i - 1]->option == option)
			return b->found[i - 1];
	return NULL;
}

int bursts_of(const struct bursts *b, int stage, int option, uint64_t source)
{
	const struct found *f =
		source && b->found_count ? find(b, stage, option) : NULL;
	return f && f->number && has_source(f, source) ? f->number : 0;
}

void bursts_voted(struct bursts *b, int stage, int option, uint64_t source,
		  const char *voter, int burst, int64_t now_ms)
{
	if (!source)
		return;
	if (!b->ring)
		b->ring = xcalloc(BURSTS_KEPT, sizeof *b->ring);
	while (b->count == BURSTS_KEPT ||
	       (b->count && now_ms - cast_at(b, 0)->at_ms >
				    2 * BURSTS_WINDOW_MS))
		drop_oldest(b);
	*cast_at(b, b->count++) = (struct cast){.at_ms = now_ms,
						.source = source,
						.voter = xstrdup(voter),
						.stage = (short)stage,
						.option = (short)option,
						.burst = (unsigned char)burst};
	/* It was on its way when its burst was found. */
	if (!burst && bursts_of(b, stage, option, source))
		b->to_mark = true;
}

static struct rest *rest_of(const struct bursts *b, int stage)
{
	for (size_t i = 0; i < b->rest_count; i++)
		if (b->rests[i].stage == stage)
			return &b->rests[i];
	return NULL;
}

void bursts_rest(struct bursts *b, int stage, const int64_t *counts,
		 size_t options)
{
	struct rest *r = rest_of(b, stage);
	if (!r) {
		GROW(b->rests, b->rest_count, b->rest_cap);
		r = &b->rests[b->rest_count++];
	}
	*r = (struct rest){.stage = stage};
	memcpy(r->counts, counts, options * sizeof *counts);
}

/* --- the search ------------------------------------------------------------ */

static struct slot *slot_of(struct slot *slots, uint64_t source, int stage,
			    int option)
{
	uint64_t h = (source ^ (uint64_t)(stage + 1) << 40 ^
		      (uint64_t)(option + 2) << 20) *
		     UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 48) % SLOTS;
	while (slots[i].votes &&
	       (slots[i].source != source || slots[i].stage != stage ||
		slots[i].option != option))
		i = (i + 1) % SLOTS;
	slots[i].source = source;
	slots[i].stage = (short)stage;
	slots[i].option = (short)option;
	return &slots[i];
}

static bool in_window(const struct cast *c, int64_t now_ms)
{
	return !c->burst && now_ms - c->at_ms <= BURSTS_WINDOW_MS;
}

static void count_all(const struct bursts *b, struct slot *slots,
		      int64_t now_ms)
{
	for (size_t i = b->count; i > 0; i--) {
		const struct cast *c = cast_at(b, i - 1);
		if (!in_window(c, now_ms))
			continue;
		slot_of(slots, c->source, c->stage, c->option)->votes++;
		slot_of(slots, c->source, c->stage, -1)->votes++;
	}
}

static bool is_odd(struct slot *slots, const struct cast *c)
{
	const struct slot *x = slot_of(slots, c->source, c->stage, c->option);
	const struct slot *all = slot_of(slots, c->source, c->stage, -1);
	return x->votes >= BURSTS_EACH &&
	       (int64_t)x->votes * 1000 >= (int64_t)all->votes * BURSTS_PURE;
}

/* All votes of odd addresses for what this one is for. */
static void gather(const struct bursts *b, struct slot *slots,
		   const struct cast *like, int64_t now_ms, struct found *f,
		   struct burst_facts *facts)
{
	int64_t from_ms = now_ms, to_ms = 0;
	*f = (struct found){.stage = like->stage, .option = like->option};
	*facts = (struct burst_facts){.rest_permille = -1};
	for (size_t i = 0; i < b->count; i++) {
		const struct cast *c = cast_at(b, i);
		if (!in_window(c, now_ms) || c->stage != like->stage ||
		    c->option != like->option || !is_odd(slots, c))
			continue;
		if (!has_source(f, c->source)) {
			if (f->source_count == BURSTS_SOURCES)
				continue;
			f->sources[f->source_count++] = c->source;
		}
		facts->votes++;
		from_ms = c->at_ms < from_ms ? c->at_ms : from_ms;
		to_ms = c->at_ms > to_ms ? c->at_ms : to_ms;
	}
	facts->sources = (int)f->source_count;
	facts->span_ms = to_ms > from_ms ? to_ms - from_ms : 0;
}

static void compare(const struct bursts *b, const struct found *f,
		    struct burst_facts *facts)
{
	const struct rest *r = rest_of(b, f->stage);
	int64_t all = 0, same = 0;
	for (int i = 0; r && i < SHOW_MAX_OPTIONS; i++)
		all += r->counts[i];
	if (r)
		same = r->counts[f->option];
	all -= facts->votes;
	same -= facts->votes;
	if (all > 0)
		facts->rest_permille = (int)((same > 0 ? same : 0) * 1000 / all);
}

static void join(struct found *to, const struct found *from)
{
	for (size_t i = 0; i < from->source_count; i++)
		if (to->source_count < BURSTS_SOURCES &&
		    !has_source(to, from->sources[i]))
			to->sources[to->source_count++] = from->sources[i];
}

bool bursts_find(struct bursts *b, int64_t least, int64_t now_ms, int *stage,
		 int *option, struct burst_facts *facts)
{
	if ((int64_t)b->count < least)
		return false;
	struct slot *slots = xcalloc(SLOTS, sizeof *slots);
	struct found f = {0};
	bool news = false;
	count_all(b, slots, now_ms);
	for (size_t i = b->count; !news && i > 0; i--) {
		const struct cast *c = cast_at(b, i - 1);
		if (now_ms - c->at_ms > BURSTS_WINDOW_MS)
			break;
		if (c->burst || (f.source_count && f.stage == c->stage &&
				 f.option == c->option))
			continue;
		if (!is_odd(slots, c))
			continue;
		gather(b, slots, c, now_ms, &f, facts);
		if (facts->votes < least)
			continue;
		compare(b, &f, facts);
		if (facts->rest_permille >= BURSTS_USUAL)
			continue;
		struct found *known = find(b, f.stage, f.option);
		news = !known;
		if (known)
			join(known, &f);
		b->to_mark |= known && known->number;
	}
	free(slots);
	if (!news)
		return false;
	GROW(b->found, b->found_count, b->found_cap);
	b->found[b->found_count] = xmalloc(sizeof f);
	*b->found[b->found_count++] = f;
	*stage = f.stage;
	*option = f.option;
	return true;
}

void bursts_begin(struct bursts *b, int stage, int option, int burst)
{
	struct found *f = find(b, stage, option);
	if (!f)
		return;
	f->number = burst;
	b->to_mark = true;
}

size_t bursts_take(struct bursts *b, int *stage, int *burst,
		   const char **voters, size_t most)
{
	size_t n = 0;
	for (size_t i = 0; b->to_mark && i < b->count && n < most; i++) {
		struct cast *c = cast_at(b, i);
		int number = c->burst ? 0
				      : bursts_of(b, c->stage, c->option,
						  c->source);
		if (!number ||
		    (n && (c->stage != *stage || number != *burst)))
			continue;
		*stage = c->stage;
		*burst = number;
		c->burst = (unsigned char)number;
		voters[n++] = c->voter;
	}
	b->to_mark = n > 0;
	return n;
}

void bursts_forget(struct bursts *b, int stage)
{
	size_t kept = 0;
	for (size_t i = 0; i < b->found_count; i++) {
		if (b->found[i]->stage == stage)
			free(b->found[i]);
		else
			b->found[kept++] = b->found[i];
	}
	b->found_count = kept;
	struct rest *r = rest_of(b, stage);
	if (r)
		memset(r->counts, 0, sizeof r->counts);
	/* What was cast for the last one is of no burst of this one. */
	for (size_t i = 0; i < b->count; i++)
		if (cast_at(b, i)->stage == stage)
			cast_at(b, i)->at_ms = 0;
}

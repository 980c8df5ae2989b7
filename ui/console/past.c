#include "console/past.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/snapshot.h"

#define NEAR_MARKS 32
#define FAR_SHARE  16 /* how much denser the newest marks are */

/* In front of each event's text, which is four strings with their ends. */
struct head {
	int64_t at_ms;
	uint32_t type;
	uint32_t bytes[4]; /* run, stage, agent, data; each with its NUL */
};

struct page {
	uint64_t first; /* a page that was joined late begins later */
	size_t count;
	uint64_t used; /* when it was last of use */
	size_t starts[PAST_PAGE];
	struct buf text;
};

struct mark {
	uint64_t seq;
	size_t bytes;
	char *text;
};

struct past {
	struct page **pages; /* by number; NULL: not here */
	size_t page_count;
	size_t events, bytes; /* in all pages */
	uint64_t clock;	      /* for `used` */

	struct mark *marks[PAST_MARKS + 1]; /* by seq */
	size_t mark_count, mark_bytes;
	struct mark *near[NEAR_MARKS]; /* a ring; may hold NULL */
	size_t near_next;
	uint64_t every; /* events from one mark to the next */

	uint64_t *done; /* a bit an event */
	size_t done_words;
	/* Where the bits say something: here, and in pages that were seen. */
	uint64_t known_from, known_to;
	bool *seen; /* by number, page_count of them */
};

/* --- life ---------------------------------------------------------------- */

struct past *past_new(void)
{
	struct past *p = xcalloc(1, sizeof *p);
	p->every = PAST_MARK_EVERY;
	return p;
}

static void mark_free(struct mark **mark)
{
	if (*mark)
		free((*mark)->text);
	free(*mark);
	*mark = NULL;
}

static void page_free(struct past *p, size_t n)
{
	struct page *page = p->pages[n];
	if (!page)
		return;
	p->pages[n] = NULL;
	p->events -= page->count;
	p->bytes -= page->text.len;
	buf_release(&page->text);
	free(page);
}

void past_free(struct past **past)
{
	struct past *p = *past;
	if (!p)
		return;
	*past = NULL;
	for (size_t i = 0; i < p->page_count; i++)
		page_free(p, i);
	free(p->pages);
	for (size_t i = 0; i < p->mark_count; i++)
		mark_free(&p->marks[i]);
	for (size_t i = 0; i < NEAR_MARKS; i++)
		mark_free(&p->near[i]);
	free(p->done);
	free(p->seen);
	free(p);
}

/* --- pages --------------------------------------------------------------- */

static size_t page_of(uint64_t seq)
{
	return (size_t)((seq - 1) / PAST_PAGE);
}

uint64_t past_page_after(uint64_t seq)
{
	return (uint64_t)page_of(seq) * PAST_PAGE;
}

static bool page_holds(const struct page *page, uint64_t seq)
{
	return page && seq >= page->first && seq < page->first + page->count;
}

/* The page that was of use longest ago goes; never page `keep`. */
static void make_room(struct past *p, size_t keep)
{
	while (p->events > PAST_EVENTS || p->bytes > PAST_BYTES) {
		size_t oldest = keep;
		for (size_t i = 0; i < p->page_count; i++)
			if (i != keep && p->pages[i] &&
			    (oldest == keep ||
			     p->pages[i]->used < p->pages[oldest]->used))
				oldest = i;
		if (oldest == keep)
			return;
		page_free(p, oldest);
	}
}

static struct page *page_begin(struct past *p, size_t n, uint64_t seq)
{
	if (n >= p->page_count) {
		size_t count = p->page_count ? p->page_count : 64;
		while (count <= n)
			count *= 2;
		p->pages = xreallocarray(p->pages, count, sizeof *p->pages);
		memset(p->pages + p->page_count, 0,
		       (count - p->page_count) * sizeof *p->pages);
		p->seen = xreallocarray(p->seen, count, sizeof *p->seen);
		memset(p->seen + p->page_count, 0,
		       (count - p->page_count) * sizeof *p->seen);
		p->page_count = count;
	}
	page_free(p, n);
	make_room(p, n);
	struct page *page = xcalloc(1, sizeof *page);
	page->first = seq;
	p->pages[n] = page;
	return page;
}

static void note_done(struct past *p, const struct event *e)
{
	size_t word = (size_t)(e->seq / 64);
	if (word >= p->done_words) {
		size_t words = p->done_words ? p->done_words : 1024;
		while (words <= word)
			words *= 2;
		p->done = xreallocarray(p->done, words, sizeof *p->done);
		memset(p->done + p->done_words, 0,
		       (words - p->done_words) * sizeof *p->done);
		p->done_words = words;
	}
	if (e->type == EVENT_STAGE_COMPLETE)
		p->done[word] |= UINT64_C(1) << (e->seq % 64);
}

static void keep_event(struct past *p, const struct event *e)
{
	if (!e->seq || e->seq > PAST_MAX_SEQ)
		return;
	size_t n = page_of(e->seq);
	struct page *page = n < p->page_count ? p->pages[n] : NULL;
	if (page_holds(page, e->seq))
		return;
	if (!page || e->seq != page->first + page->count)
		page = page_begin(p, n, e->seq);
	struct buf data = {0};
	event_print(&data, e);
	const char *texts[] = {e->run, e->stage, e->agent, buf_str(&data)};
	struct head head = {.at_ms = e->at_ms, .type = e->type};
	size_t before = page->text.len;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		head.bytes[i] = (uint32_t)strlen(texts[i]) + 1;
	page->starts[page->count++] = before;
	buf_add(&page->text, &head, sizeof head);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		buf_add(&page->text, texts[i], head.bytes[i]);
	buf_release(&data);
	page->used = ++p->clock;
	p->events++;
	p->bytes += page->text.len - before;
	note_done(p, e);
}

struct event *past_event(struct past *p, uint64_t seq)
{
	size_t n = seq ? page_of(seq) : 0;
	struct page *page = seq && n < p->page_count ? p->pages[n] : NULL;
	if (!page_holds(page, seq))
		return NULL;
	page->used = ++p->clock;
	const char *at = page->text.data + page->starts[seq - page->first];
	struct head head;
	memcpy(&head, at, sizeof head);
	const char *texts[4];
	at += sizeof head;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		texts[i] = at;
		at += head.bytes[i];
	}
	struct json_flat *data = json_flat_read(texts[3], head.bytes[3] - 1,
						&json_limits_own, NULL);
	REQUIRE(data != NULL); /* we wrote it */
	struct event *e = event_of((enum event_type)head.type, texts[0],
				   texts[1], texts[2], head.at_ms, &data);
	e->seq = seq;
	return e;
}

/* --- completions --------------------------------------------------------- */

static bool is_known(const struct past *p, uint64_t seq)
{
	size_t n = page_of(seq);
	return (p->known_from && seq >= p->known_from && seq <= p->known_to) ||
	       (n < p->page_count && p->seen[n]);
}

static bool is_done(const struct past *p, uint64_t seq)
{
	return seq / 64 < p->done_words && p->done[seq / 64] >> (seq % 64) & 1;
}

uint64_t past_stage_before(const struct past *p, uint64_t seq,
			   uint64_t *missing)
{
	*missing = 0;
	for (uint64_t at = seq; at-- > 1 && !*missing;) {
		if (!is_known(p, at))
			*missing = at;
		else if (is_done(p, at))
			return at;
	}
	return 0;
}

uint64_t past_stage_after(const struct past *p, uint64_t seq, uint64_t newest,
			  uint64_t *missing)
{
	*missing = 0;
	for (uint64_t at = seq + 1; at <= newest && !*missing; at++) {
		if (!is_known(p, at))
			*missing = at;
		else if (is_done(p, at))
			return at;
	}
	return 0;
}

/* --- models -------------------------------------------------------------- */

static struct mark *mark_new(const struct model *m)
{
	struct mark *mark = xcalloc(1, sizeof *mark);
	mark->seq = m->seq;
	mark->text = model_snapshot(m);
	mark->bytes = strlen(mark->text);
	return mark;
}

static void drop_mark(struct past *p, size_t i)
{
	p->mark_bytes -= p->marks[i]->bytes;
	mark_free(&p->marks[i]);
	p->mark_count--;
	memmove(p->marks + i, p->marks + i + 1,
		(p->mark_count - i) * sizeof *p->marks);
}

/* The one goes that is missed least: its gap is small for how far back it is.
 * The newest stays. */
static void thin_out(struct past *p)
{
	while (p->mark_count > 1 && (p->mark_count > PAST_MARKS ||
				     p->mark_bytes > PAST_MARK_BYTES)) {
		uint64_t newest = p->marks[p->mark_count - 1]->seq;
		size_t least = 0;
		double least_worth = 0;
		for (size_t i = 0; i + 1 < p->mark_count; i++) {
			uint64_t from = i ? p->marks[i - 1]->seq : 0;
			double gap = (double)(p->marks[i + 1]->seq - from);
			double back = (double)(newest - p->marks[i]->seq);
			double worth =
				gap / (back + (double)newest / FAR_SHARE);
			if (!i || worth < least_worth) {
				least = i;
				least_worth = worth;
			}
		}
		drop_mark(p, least);
	}
}

/* How many marks are at or before `seq`. */
static size_t marks_up_to(const struct past *p, uint64_t seq)
{
	size_t n = p->mark_count;
	while (n && p->marks[n - 1]->seq > seq)
		n--;
	return n;
}

static bool is_marked(const struct past *p, uint64_t seq)
{
	return past_nearest(p, seq) == seq;
}

void past_mark(struct past *p, const struct model *m, bool near)
{
	if (!m->seq || is_marked(p, m->seq))
		return;
	struct mark *mark = mark_new(m);
	if (near) {
		mark_free(&p->near[p->near_next % NEAR_MARKS]);
		p->near[p->near_next++ % NEAR_MARKS] = mark;
		return;
	}
	size_t at = marks_up_to(p, mark->seq);
	memmove(p->marks + at + 1, p->marks + at,
		(p->mark_count - at) * sizeof *p->marks);
	p->marks[at] = mark;
	p->mark_count++;
	p->mark_bytes += mark->bytes;
	/* A large model is written less often: it costs more. */
	p->every = mark->bytes / 64 > PAST_MARK_EVERY ? mark->bytes / 64
						      : PAST_MARK_EVERY;
	thin_out(p);
}

/* Where the nearest one at or before `seq` stands, NULL: there is none. */
static struct mark **find_mark(const struct past *p, uint64_t seq)
{
	size_t n = marks_up_to(p, seq);
	struct mark *const *best = n ? &p->marks[n - 1] : NULL;
	for (size_t i = 0; i < NEAR_MARKS; i++)
		if (p->near[i] && p->near[i]->seq <= seq &&
		    (!best || p->near[i]->seq > (*best)->seq))
			best = &p->near[i];
	return (struct mark **)(uintptr_t)best;
}

uint64_t past_nearest(const struct past *p, uint64_t seq)
{
	struct mark **mark = find_mark(p, seq);
	return mark ? (*mark)->seq : 0;
}

struct model *past_restore(struct past *p, const struct show *show,
			   uint64_t seq)
{
	struct mark **mark = find_mark(p, seq);
	if (!mark || (*mark)->seq != seq)
		return NULL;
	struct model *m =
		model_restore(show, (*mark)->text, (*mark)->bytes, NULL);
	if (m)
		return m;
	if (mark >= p->marks && mark < p->marks + p->mark_count)
		drop_mark(p, (size_t)(mark - p->marks));
	else
		mark_free(mark);
	return NULL;
}

/* --- what comes ---------------------------------------------------------- */

void past_add(struct past *p, const struct model *before, const struct event *e)
{
	/* Whoever begins behind a snapshot keeps that first. */
	bool gap = before->seq && before->seq != p->known_to;
	uint64_t newest = p->mark_count ? p->marks[p->mark_count - 1]->seq : 0;
	if (gap || before->seq >= newest + p->every)
		past_mark(p, before, false);
	if (gap || !p->known_from)
		p->known_from = before->seq + 1;
	p->known_to = before->seq + 1;
	struct event numbered = *e; /* the number it gets */
	numbered.seq = p->known_to;
	keep_event(p, &numbered);
}

void past_begin(struct past *p, const struct model *m)
{
	past_mark(p, m, false);
	p->known_from = m->seq + 1;
	p->known_to = m->seq;
}

void past_put(struct past *p, struct event *const *events, size_t count)
{
	if (!count)
		return;
	uint64_t first = events[0]->seq, last = events[count - 1]->seq;
	size_t n = page_of(first);
	/* A page of which only the end is here makes room for all of it. */
	if (n < p->page_count && p->pages[n] && first < p->pages[n]->first)
		page_free(p, n);
	for (size_t i = 0; i < count; i++)
		keep_event(p, events[i]);
	/* What was before a trimmed log's first event is nowhere. */
	if (count == PAST_PAGE || last + 1 >= p->known_from ||
	    first > past_page_after(first) + 1)
		p->seen[n] = true;
}

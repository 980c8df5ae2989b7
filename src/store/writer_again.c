/* What Redis acknowledged and lost again (a crash with appendfsync everysec, a
 * truncated file, a stream that someone deleted): the newest operations are
 * kept as they were sent, and go out again from the first commit that is
 * missing. Each is a script that may be sent twice, and the order is the same,
 * so what comes out is what was there. Of votes, which may be very many, less
 * is kept, and they push no events out: a second of a flood, for that is what
 * Redis loses in a crash. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/writer_in.h"

#define PAST_EVENTS 4096
#define PAST_BYTES  (8u << 20)
#define VOTE_BYTES  (1u << 20)

static bool is_kept(enum op_kind kind)
{
	return kind == OP_COMMIT || kind == OP_VOTE || kind == OP_COUNT ||
	       kind == OP_QUIET;
}

static void drop(struct writer_past *p, struct past_op *op)
{
	p->events -= op->count;
	p->bytes -= op->bytes;
	p->vote_bytes -= op->vote ? op->bytes : 0;
	free(op->text);
}

/* The older half of them, so that this is seldom done. */
static void forget_votes(struct writer_past *p)
{
	size_t to = p->head;
	for (size_t i = p->head; i < p->count; i++)
		if (p->ops[i].vote && p->vote_bytes > VOTE_BYTES / 2)
			drop(p, &p->ops[i]);
		else
			p->ops[to++] = p->ops[i];
	p->count = to;
}

static void forget_oldest(struct writer_past *p)
{
	struct past_op *op = &p->ops[p->head++];
	drop(p, op);
	if (p->head > 1024 && p->head > p->count / 2) {
		memmove(p->ops, p->ops + p->head,
			(p->count - p->head) * sizeof *p->ops);
		p->count -= p->head;
		p->head = 0;
	}
}

void writer_remember(struct writer *w, const struct op *op, uint64_t end)
{
	struct writer_past *p = &w->past;
	size_t bytes = (size_t)(end - op->begin);
	if (op->count)
		w->acked_seq = op->first + op->count - 1;
	if (!is_kept(op->kind))
		return;
	GROW(p->ops, p->count, p->cap);
	struct past_op *kept = &p->ops[p->count++];
	*kept = (struct past_op){.first = op->first,
				 .count = op->count,
				 .bytes = bytes,
				 .vote = op->kind == OP_VOTE,
				 .text = xmalloc(bytes)};
	memcpy(kept->text, w->out.data + (op->begin - w->base), bytes);
	p->events += op->count;
	p->bytes += bytes;
	p->vote_bytes += kept->vote ? bytes : 0;
	if (p->vote_bytes > VOTE_BYTES)
		forget_votes(p);
	while (p->events > PAST_EVENTS || p->bytes > PAST_BYTES)
		forget_oldest(p);
}

void writer_forget(struct writer *w)
{
	while (w->past.head < w->past.count)
		forget_oldest(&w->past);
	free(w->past.ops);
	w->past = (struct writer_past){0};
}

/* Where the commit that begins with `seq` stands; false: not any more. */
static bool find_past(const struct writer_past *p, uint64_t seq, size_t *at)
{
	for (*at = p->count; *at > p->head; --*at)
		if (p->ops[*at - 1].count && p->ops[*at - 1].first == seq) {
			--*at;
			return true;
		}
	return false;
}

bool writer_again(struct writer *w, uint64_t last)
{
	const struct writer_past *p = &w->past;
	struct buf out = {0};
	size_t at, rest = w->op_count - w->op_first;
	if (!find_past(p, last + 1, &at))
		return false;
	struct op *ops = xcalloc(p->count - at + rest + 1, sizeof *ops);
	size_t n = 0;
	for (; at < p->count; at++) {
		const struct past_op *old = &p->ops[at];
		ops[n++] = (struct op){.kind = old->count ? OP_AGAIN : OP_QUIET,
				       .again = true,
				       .begin = w->answered + out.len};
		buf_add(&out, old->text, old->bytes);
		w->mended += old->count;
	}
	for (size_t i = 0; i < rest; i++) {
		ops[n] = w->ops[w->op_first + i];
		ops[n++].begin += out.len;
	}
	size_t gone = (size_t)(w->answered - w->base);
	buf_add(&out, w->out.data + gone, w->out.len - gone);
	buf_release(&w->out);
	free(w->ops);
	w->out = out;
	w->base = w->answered;
	w->ops = ops;
	w->op_first = 0;
	w->op_sent = 0;
	w->op_count = w->op_cap = n;
	char why[160];
	snprintf(why, sizeof why,
		 "Redis lost events %" PRIu64 " to %" PRIu64 "; they are "
		 "written again",
		 last + 1, w->acked_seq);
	writer_drop(w, 0, why);
	return true;
}

uint64_t writer_mended(const struct writer *w)
{
	return w->mended;
}

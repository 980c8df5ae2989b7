#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "store/refusal.h"
#include "store/writer_in.h"

#define HUMAN_DELAY_MS LINK_BACKOFF_MAX_MS
#define GONE_BYTES     (1024 * 1024) /* so much makes it worth moving the rest */

static struct writer_done *add_done(struct writer *w, const struct op *op,
				    enum writer_how how)
{
	static const enum writer_what what[] = {[OP_COMMIT] = WRITER_COMMIT,
						[OP_AGAIN] = WRITER_COMMIT,
						[OP_VOTE] = WRITER_VOTE,
						[OP_COUNT] = WRITER_COUNT,
						[OP_RENEW] = WRITER_RENEW};
	GROW(w->done, w->done_count, w->done_cap);
	struct writer_done *d = &w->done[w->done_count++];
	*d = (struct writer_done){
		.what = what[op->kind], .how = how, .tag = op->tag};
	return d;
}

/* To whoever listens; it may be lost. */
static bool is_said(const struct op *op)
{
	return op->kind == OP_PUBLISH || op->kind == OP_METERS;
}

__attribute__((format(printf, 4, 5))) static void tell(struct writer *w,
						       const struct op *op,
						       enum writer_how how,
						       const char *fmt, ...)
{
	char *text;
	va_list ap;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (op->kind == OP_QUIET || is_said(op)) {
		if (how != WRITER_FENCED) /* the renewal will say that */
			log_warn("store", "%s", text);
	} else {
		struct writer_done *d = add_done(w, op, how);
		char *clean = text_clean_str(text, sizeof d->text - 1);
		snprintf(d->text, sizeof d->text, "%s", clean);
		free(clean);
	}
	free(text);
}

/* {"FENCED", ...}, {"LOST"}, {"GAP", ...}, {"OTHER", ...} */
static bool answered_no(struct writer *w, const struct op *op,
			const redisReply *r)
{
	const char *word = reply_str(r, 0);
	if (r->type != REDIS_REPLY_ARRAY || r->elements > 2)
		return false;
	if (strcmp(word, "FENCED") == 0 &&
	    strtoll(reply_str(r, 1), NULL, 10) < w->epoch)
		tell(w, op, WRITER_BROKEN,
		     "Redis lost data: its epoch is %s, and ours %s",
		     reply_str(r, 1), w->epoch_text);
	else if (strcmp(word, "FENCED") == 0)
		tell(w, op, WRITER_FENCED,
		     "another core leads since (epoch %s, ours is %s)",
		     reply_str(r, 1), w->epoch_text);
	else if (strcmp(word, "LOST") == 0)
		tell(w, op, WRITER_BROKEN,
		     "Redis lost the show's data (its epoch is gone)");
	else if (strcmp(word, "GAP") == 0)
		tell(w, op, WRITER_BROKEN,
		     "Redis lost events: its log ends at %s, and %llu was "
		     "acknowledged",
		     reply_str(r, 1), (unsigned long long)w->acked_seq);
	else if (strcmp(word, "OTHER") == 0)
		tell(w, op, WRITER_BROKEN, "the log holds something else at %s",
		     reply_str(r, 1));
	else
		return false;
	return true;
}

static void give_counts(struct writer *w, const struct op *op,
			const redisReply *r)
{
	struct writer_done *d = add_done(w, op, WRITER_OK);
	d->options = xcalloc(r->elements / 2 + 1, sizeof *d->options);
	d->counts = xcalloc(r->elements / 2 + 1, sizeof *d->counts);
	for (size_t i = 0; i + 1 < r->elements; i += 2) {
		const char *option = reply_str(r, i);
		if (strcmp(option, ":state") == 0)
			continue;
		d->options[d->count_count] = xstrdup(option);
		d->counts[d->count_count++] =
			strtoll(reply_str(r, i + 1), NULL, 10);
	}
}

static enum ballot_answer answer_of(const struct op *op, char letter)
{
	switch (letter) {
	case 'O':
		return BALLOT_COUNTED;
	case 'S':
		/* It stood there because we sent it twice. */
		return op->again ? BALLOT_COUNTED : BALLOT_SAME;
	case 'D':
		return BALLOT_DOUBLE;
	case 'C':
		return BALLOT_CLOSED;
	case 'F':
		return BALLOT_FULL;
	default:
		return BALLOT_UNSTORED;
	}
}

static void answered_vote(struct writer *w, const struct op *op,
			  const char *letters)
{
	struct writer_done *d = add_done(w, op, WRITER_OK);
	d->answers = xstrdup(letters);
	for (char *c = d->answers; *c; c++)
		*c = (char)answer_of(op, *c);
}

static void answered_yes(struct writer *w, const struct op *op,
			 const redisReply *r)
{
	switch (op->kind) {
	case OP_COMMIT:
		w->rtt_us = clock_mono_us() - op->sent_us;
		add_done(w, op, WRITER_OK);
		break;
	case OP_VOTE:
		answered_vote(w, op, r->str ? r->str : "");
		break;
	case OP_COUNT:
		give_counts(w, op, r);
		break;
	case OP_RENEW:
		w->lease_until_ms = w->renew_sent_ms + SCRIPT_LEASE_MS;
		/* One that is sent again may come behind later commits. */
		w->story_gone =
			!op->again && r->str && strcmp(r->str, "STORY") == 0;
		add_done(w, op, WRITER_OK);
		break;
	case OP_AGAIN:
	case OP_QUIET:
	case OP_PUBLISH:
		break;
	case OP_METERS:
		w->meter_readers = r->integer;
		break;
	}
}

/* False: it has to be asked again, on a new link. */
static bool answered_error(struct writer *w, const struct op *op,
			   const char *text)
{
	const struct refusal *refusal = refusal_of(text);
	struct err err = {0};
	int delay = -1;
	refusal_set(&err, "Redis", text);
	if (is_said(op)) {
		log_debug("store", "publish: %s", err.text);
		return true;
	}
	switch (refusal->cure) {
	case REFUSAL_RELOAD:
		delay = w->failures ? -1 : 0;
		break;
	case REFUSAL_HUMAN:
		delay = HUMAN_DELAY_MS;
		break;
	case REFUSAL_WAIT:
		break;
	case REFUSAL_FINAL:
		tell(w, op,
		     op->kind == OP_COMMIT || op->kind == OP_AGAIN
			     ? WRITER_BROKEN
			     : WRITER_REFUSED,
		     "%s", err.text);
		return true;
	}
	w->refused = refusal->cure != REFUSAL_RELOAD;
	writer_drop(w, delay, err.text);
	return false;
}

static void forget_answered(struct writer *w)
{
	size_t gone = (size_t)(w->answered - w->base);
	if (w->op_first == w->op_count)
		w->op_first = w->op_sent = w->op_count = 0;
	if (gone == w->out.len) {
		buf_clear(&w->out);
		w->base = w->answered;
	} else if (gone > GONE_BYTES && gone > w->out.len / 2) {
		memmove(w->out.data, w->out.data + gone, w->out.len - gone);
		w->out.len -= gone;
		w->base = w->answered;
	}
	if (w->op_first > 4096 && w->op_first > w->op_count / 2) {
		memmove(w->ops, w->ops + w->op_first,
			(w->op_count - w->op_first) * sizeof *w->ops);
		w->op_count -= w->op_first;
		w->op_sent -= w->op_first;
		w->op_first = 0;
	}
}

/* The log is shorter than what it acknowledged, and we can write the rest
 * again: the link is dropped for that. */
static bool lost_some(struct writer *w, const struct op *op,
		      const redisReply *r)
{
	if ((op->kind != OP_COMMIT && op->kind != OP_RENEW) ||
	    r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    strcmp(reply_str(r, 0), "GAP") != 0)
		return false;
	return writer_again(w, strtoull(reply_str(r, 1), NULL, 10));
}

bool writer_answer(struct writer *w, const redisReply *reply)
{
	if (w->op_first == w->op_sent) {
		writer_drop(w, -1, "Redis answered what nobody asked");
		return false;
	}
	struct op op = w->ops[w->op_first];
	if (reply->type == REDIS_REPLY_ERROR) {
		if (!answered_error(w, &op, reply->str))
			return false;
	} else if (lost_some(w, &op, reply)) {
		return false;
	} else if (!answered_no(w, &op, reply)) {
		uint64_t end = w->op_first + 1 < w->op_count
				       ? w->ops[w->op_first + 1].begin
				       : w->base + w->out.len;
		if (op.kind != OP_AGAIN)
			writer_remember(w, &op, end);
		answered_yes(w, &op, reply);
	}
	w->failures = 0;
	w->delay_ms = 0;
	w->refused = false;
	if (w->state == WRITER_READY)
		writer_is_back(w);
	if (op.kind == OP_RENEW)
		w->renewing = false;
	w->op_first++;
	w->answered = w->op_first < w->op_count ? w->ops[w->op_first].begin
						: w->base + w->out.len;
	forget_answered(w);
	return true;
}

bool writer_next(struct writer *w, struct writer_done *done)
{
	if (w->done_first == w->done_count)
		return false;
	*done = w->done[w->done_first++];
	if (w->done_first == w->done_count)
		w->done_first = w->done_count = 0;
	return true;
}

void writer_done_release(struct writer_done *done)
{
	for (int i = 0; i < done->count_count; i++)
		free(done->options[i]);
	free(done->options);
	free(done->answers);
	free(done->counts);
	*done = (struct writer_done){0};
}

size_t writer_waiting(const struct writer *w)
{
	return w->op_count - w->op_first;
}

int64_t writer_rtt_us(const struct writer *w)
{
	return w->rtt_us;
}

bool writer_leads_surely(const struct writer *w)
{
	return clock_show_ms() < w->lease_until_ms;
}

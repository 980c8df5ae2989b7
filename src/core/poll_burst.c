/* poll_burst: votes of a poll that came in a burst, and that a person may take
 * out of the count and put back. Redis keeps how many votes of each option
 * belong to which burst; here stands which of them do not count. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

/* --- folding ------------------------------------------------------------ */

static int64_t within(int64_t n, int64_t least, int64_t most)
{
	return n < least ? least : n > most ? most : n;
}

void poll_burst_read(struct poll_burst *b, const struct burst_facts *f)
{
	b->facts.votes = within(f->votes, 0, POLL_VOTES_MOST);
	b->facts.span_ms = within(f->span_ms, 0, TIME_MOST_MS);
	b->facts.sources = (int)within(f->sources, 0, 1000000);
	b->facts.rest_permille = (int)within(f->rest_permille, -1, 1000);
}

static void apply_found(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	const struct show_poll *def = poll_def(m, stage);
	int option = show_find_option(def, event_str(e, "option", ""));
	if (option < 0 || p->burst_count >= POLL_BURSTS_MOST ||
	    event_int(e, "burst", 0) != p->burst_count + 1)
		return;
	p->bursts = xreallocarray(p->bursts, (size_t)p->burst_count + 1,
				  sizeof *p->bursts);
	struct poll_burst *b = &p->bursts[p->burst_count++];
	*b = (struct poll_burst){.option = option, .at_ms = e->at_ms};
	poll_burst_read(b, &(struct burst_facts){
				   event_int(e, "votes", 0),
				   event_int(e, "span_ms", 0),
				   (int)event_int(e, "sources", 0),
				   (int)event_int(e, "rest_permille", -1)});
}

void poll_burst_apply(struct model *m, const struct event *e, int stage)
{
	struct poll_run *p = m->stages[stage].poll;
	int64_t n = event_int(e, "burst", 0);
	if (e->type == EVENT_POLL_BURST)
		apply_found(m, e, stage);
	else if (n >= 1 && n <= p->burst_count)
		p->bursts[n - 1].excluded = e->type == EVENT_POLL_EXCLUDE;
}

/* --- words -------------------------------------------------------------- */

/* "214 votes for ridge in 3 s from 4 addresses; the rest of the audience votes
 * 41% ridge" */
char *poll_burst_text(const struct model *m, int stage, int burst)
{
	const struct poll_burst *b = &m->stages[stage].poll->bursts[burst - 1];
	const struct burst_facts *f = &b->facts;
	const char *id = poll_def(m, stage)->options[b->option].id;
	struct buf out = {0};
	char votes[40];
	int64_t seconds = (f->span_ms + 999) / 1000;
	buf_addf(&out, "%s for %s in %" PRId64 " s from %d address%s; ",
		 text_counted(votes, sizeof votes, f->votes, "vote"), id,
		 seconds ? seconds : 1, f->sources,
		 f->sources == 1 ? "" : "es");
	if (f->rest_permille < 0)
		buf_adds(&out, "nobody else votes");
	else
		buf_addf(&out, "the rest of the audience votes %d%% %s",
			 (f->rest_permille + 5) / 10, id);
	return buf_take(&out);
}

void polls_take_out(const struct model *m, int stage, int64_t *counts,
		    const int64_t *of_bursts, int burst_count)
{
	const struct poll_run *p = m->stages[stage].poll;
	size_t options = poll_def(m, stage)->option_count;
	for (int k = 0; k < p->burst_count && k < burst_count; k++) {
		if (!p->bursts[k].excluded)
			continue;
		for (size_t i = 0; i < options; i++) {
			counts[i] -= of_bursts[(size_t)k * options + i];
			if (counts[i] < 0)
				counts[i] = 0;
		}
	}
}

/* --- deciding ----------------------------------------------------------- */

void polls_burst(struct deciding *d)
{
	const struct input *in = d->in;
	struct model *m = d->m;
	int stage = show_find_poll(m->show, in->stage);
	const struct poll_run *p = stage < 0 ? NULL : m->stages[stage].poll;
	const struct show_poll *def = p ? poll_def(m, stage) : NULL;
	int option = def ? show_find_option(def, in->choice) : -1;
	if (option < 0 || !poll_is_open(p) ||
	    p->burst_count >= POLL_BURSTS_MOST)
		return;
	int burst = p->burst_count + 1;
	struct json_out *data = json_out_new();
	json_add_int(data, "burst", burst);
	json_add_str(data, "option", def->options[option].id);
	json_add_int(data, "votes", in->burst.votes);
	json_add_int(data, "span_ms", in->burst.span_ms);
	json_add_int(data, "sources", in->burst.sources);
	json_add_int(data, "rest_permille", in->burst.rest_permille);
	emit(d, EVENT_POLL_BURST, stage, -1, &data);
	struct effect *x = effect_add(d, EFFECT_POLL_BURST);
	x->stage = stage;
	x->option = option;
	x->attempt = burst;
}

/* The one that is named, else the newest that is not yet so; 0: refused. */
static int need_burst(struct deciding *d, int stage, bool exclude,
		      const char *arg)
{
	const struct poll_run *p = d->m->stages[stage].poll;
	const char *id = d->m->show->stages[stage].id;
	char *end = NULL;
	long n = arg ? strtol(arg, &end, 10) : p->burst_count;
	if (arg && (*end || end == arg || n < 1 || n > p->burst_count)) {
		char *shown = text_clean_str(arg, 20);
		refuse(d, "not_found", "poll %s has no burst `%s`%s", id, shown,
		       p->burst_count ? ": they count from 1" : "");
		free(shown);
		return 0;
	}
	while (!arg && n > 0 && p->bursts[n - 1].excluded == exclude)
		n--;
	if (n > 0 && p->bursts[n - 1].excluded != exclude)
		return (int)n;
	refuse(d, "refused",
	       arg	 ? "burst %s of poll %s is %s already"
	       : exclude ? "no burst of votes%s counts in poll %s%s"
			 : "no burst of votes%s is excluded from poll %s%s",
	       arg ? arg : "", id,
	       !arg	 ? ""
	       : exclude ? "excluded"
			 : "counted");
	return 0;
}

bool polls_exclude(struct deciding *d, int stage, bool exclude, const char *arg)
{
	struct model *m = d->m;
	const char *id = m->show->stages[stage].id;
	if (m->stages[stage].state == STAGE_HELD)
		return refuse(d, "refused",
			      "the votes of %s are counted, and its price is "
			      "asked for: deny it or resolve the poll",
			      id);
	int burst = need_burst(d, stage, exclude, arg);
	if (!burst)
		return false;
	struct json_out *data = decide_data(d);
	json_add_int(data, "burst", burst);
	emit(d, exclude ? EVENT_POLL_EXCLUDE : EVENT_POLL_INCLUDE, stage, -1,
	     &data);
	answer(d,
	       exclude ? "burst %d of poll %s does not count; poll-include "
			 "takes it back"
		       : "burst %d of poll %s counts",
	       burst, id);
	/* A person was asked about other figures. */
	const struct inbox_item *item = inbox_of_stage(m, stage);
	bool asked = item && item->kind == INBOX_POLL;
	polls_effect(d, asked ? EFFECT_POLL_COUNT : EFFECT_POLL_LOOK, stage);
	return true;
}

/* To keep is to say that it counts, as it did. */
bool polls_burst_answer(struct deciding *d, const struct answer_given *g)
{
	char burst[16];
	if (g->choice == CHOICE_EXCLUDE) {
		snprintf(burst, sizeof burst, "%d", g->item.burst);
		return polls_exclude(d, g->item.stage, true, burst);
	}
	struct json_out *data = decide_data(d);
	json_add_int(data, "burst", g->item.burst);
	emit(d, EVENT_POLL_INCLUDE, g->item.stage, -1, &data);
	answer(d, "burst %d of poll %s counts", g->item.burst,
	       d->m->show->stages[g->item.stage].id);
	return true;
}

/* restore_polls: polls from their snapshot, of stages and of their own. */
#include <stdlib.h>

#include "base/mem.h"
#include "core/decide.h"
#include "core/poll_own.h"
#include "core/restore.h"

static void read_bursts(struct reading *r, struct poll_run *p,
			struct json_node *a, size_t options)
{
	size_t n = json_node_count(a);
	if (n > POLL_BURSTS_MOST) {
		r->sound = false;
		return;
	}
	p->bursts = n ? xcalloc(n, sizeof *p->bursts) : NULL;
	p->burst_count = (int)n;
	struct poll_burst *b = p->bursts;
	json_node_each(o, a)
	{
		b->option = restore_number(r, o, "option", 0, (int)options - 1);
		b->at_ms = json_node_int(o, "at", 0);
		b->excluded = json_node_bool(o, "excluded", false);
		poll_burst_read(b++,
				&(struct burst_facts){
					json_node_int(o, "votes", 0),
					json_node_int(o, "span", 0),
					(int)json_node_int(o, "sources", 0),
					(int)json_node_int(o, "rest", -1)});
	}
}

void restore_poll(struct reading *r, int stage, struct json_node *o)
{
	struct model *m = r->m;
	const struct show_poll *def = poll_def(m, stage);
	struct poll_run *p = m->stages[stage].poll;
	struct json_node *counts = json_node_get(o, "counts");
	for (size_t i = 0; i < def->option_count; i++) {
		int64_t n = json_node_int(counts, def->options[i].id, 0);
		p->counts[i] = n < 0 || n > POLL_VOTES_MOST ? 0 : n;
	}
	poll_winner(def, p->counts, &p->total, &p->margin);
	p->from = ballots_sum_of_node(json_node_object(o, "from"));
	p->state = (enum poll_state)restore_number(r, o, "state", POLL_NONE,
						   POLL_VOID);
	p->frozen = json_node_bool(o, "frozen", false);
	p->opened_ms = json_node_int(o, "opened", 0);
	p->deadline_ms = json_node_int(o, "deadline", 0);
	p->left_ms = json_node_int(o, "left", 0);
	p->extensions = (int)json_node_int(o, "extensions", 0);
	p->closes = (int)json_node_int(o, "closes", 0);
	p->winner =
		restore_number(r, o, "winner", -1, (int)def->option_count - 1);
	p->by_hand = json_node_bool(o, "by_hand", false);
	p->choice =
		restore_number(r, o, "choice", -1, (int)def->option_count - 1);
	read_bursts(r, p, json_node_array(o, "bursts"), def->option_count);
	p->why = restore_text(o, "why");
	timers_set(&m->timers, TIMER_POLL, stage, p->deadline_ms);
}

static struct poll_own *read_own(struct json_node *o)
{
	json_object *options = json_node_tree(json_node_array(o, "options"));
	struct poll_own *own =
		poll_own_read(json_node_str(o, "question", ""), options,
			      json_node_int(o, "open_ms", 0), NULL);
	json_object_put(options);
	return own;
}

void restore_places(struct reading *r, struct json_node *a)
{
	const struct show *show = r->m->show;
	json_node_each(o, a)
	{
		int place = show_find_poll(show, json_node_str(o, "place", ""));
		struct poll_run *p =
			place < 0 ? NULL : r->m->stages[place].poll;
		if (place < (int)show->stage_count || p->own || p->closes) {
			r->sound = false;
			return;
		}
		if (json_node_get(o, "poll") && (p->own = read_own(o)))
			restore_poll(r, place, json_node_get(o, "poll"));
		p->proposed = p->own && json_node_bool(o, "proposed", false);
		p->closes = (int)json_node_int(o, "closes", 0);
	}
}

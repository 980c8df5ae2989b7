#include "core/late.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

/* --- the base ------------------------------------------------------------- */

void late_base(const struct model *m, int stage, char out[LATE_BASE_BYTES])
{
	const struct show_names *names = &m->show->stages[stage].outputs;
	struct json_out *all = json_out_new();
	json_object *outputs = json_object_new_object();
	json_object *inputs = proposals_inputs(m, stage);
	json_object *value = NULL;
	char hash[HASH_HEX_BYTES];
	for (size_t i = 0; i < names->count; i++)
		if (json_object_object_get_ex(m->story.doc, names->items[i],
					      &value))
			json_object_object_add(outputs, names->items[i],
					       json_object_get(value));
	/* A stage that names none puts all under its id. */
	const char *id = m->show->stages[stage].id;
	if (!names->count &&
	    json_object_object_get_ex(m->story.doc, id, &value))
		json_object_object_add(outputs, id, json_object_get(value));
	/* Canonical: in the order of their names. */
	json_out_canonical(all, "inputs", inputs);
	json_out_canonical(all, "outputs", outputs);
	json_add_str(all, "run", m->run.id);
	const struct buf *text = json_out_text(all);
	hash_sha256_hex(hash, text->data, text->len);
	memcpy(out, hash, LATE_BASE_BYTES - 1);
	out[LATE_BASE_BYTES - 1] = '\0';
	json_out_free(&all);
	json_object_put(inputs);
	json_object_put(outputs);
}

bool late_fits(const struct model *m, const struct late_proposal *l)
{
	char now[LATE_BASE_BYTES];
	int stage = show_find_stage(m->show, l->stage);
	if (stage < 0 || !*l->base)
		return false;
	late_base(m, stage, now);
	return strcmp(now, l->base) == 0;
}

/* --- folding -------------------------------------------------------------- */

static void release(struct late_proposal *l)
{
	free(l->stage);
	free(l->agent);
	free(l->verdict);
	json_object_put(l->result);
}

static void drop(struct model *m, size_t i)
{
	release(&m->late[i]);
	m->late_count--;
	memmove(&m->late[i], &m->late[i + 1],
		(m->late_count - i) * sizeof *m->late);
}

/* The newest keep what they say; of the others the log knows it. */
static void cap_bytes(struct model *m)
{
	size_t sum = 0;
	for (size_t i = m->late_count; i > 0; i--) {
		struct late_proposal *l = &m->late[i - 1];
		sum += l->result ? l->bytes : 0;
		if (!l->result || sum <= LATE_BYTES)
			continue;
		json_object_put(l->result);
		l->result = NULL;
	}
}

/* Moves the strings and the result. */
static void add(struct model *m, const struct late_proposal *l)
{
	if (m->late_count == LATE_MAX)
		drop(m, 0);
	m->late[m->late_count++] = *l;
	cap_bytes(m);
}

static void keep(struct model *m, const struct event *e)
{
	struct late_proposal l = {
		.seq = m->seq,
		.stage = xstrdup(event_str(e, "stage", e->stage)),
		.agent = xstrdup(event_str(e, "agent", e->agent)),
		.attempt = (int)event_int(e, "attempt", 0),
		.verdict = xstrdup(event_str(e, "verdict", "")),
		.at_ms = e->at_ms,
		.tokens = event_int(e, "tokens", -1),
		.result = event_ref(e, "result"),
	};
	text_copy(l.base, sizeof l.base, event_str(e, "base", ""));
	l.bytes = l.result ? strlen(json_text(l.result)) : 0;
	if (l.bytes > LATE_RESULT_BYTES) {
		json_object_put(l.result);
		l.result = NULL;
	}
	add(m, &l);
}

static int find(const struct model *m, uint64_t seq)
{
	for (size_t i = 0; seq && i < m->late_count; i++)
		if (m->late[i].seq == seq)
			return (int)i;
	return -1;
}

const struct late_proposal *late_find(const struct model *m, const char *id)
{
	uint64_t seq = *id == 'l' ? strtoull(id + 1, NULL, 10) : 0;
	char same[TEXT_INT_BYTES];
	text_int(same, "l", (long long)seq);
	int i = strcmp(same, id) == 0 ? find(m, seq) : -1;
	return i < 0 ? NULL : &m->late[i];
}

void late_apply(struct model *m, const struct event *e, int stage, int agent)
{
	(void)stage;
	(void)agent;
	if (e->type == EVENT_PROPOSAL_LATE && !event_int(e, "late", 0)) {
		keep(m, e);
	} else if (e->type == EVENT_PROPOSAL_ADOPT ||
		   e->type == EVENT_PROPOSAL_DISCARD) {
		int i = find(m, (uint64_t)event_int(e, "late", 0));
		if (i >= 0)
			drop(m, (size_t)i);
	}
}

void late_free(struct model *m)
{
	for (size_t i = 0; i < m->late_count; i++)
		release(&m->late[i]);
	free(m->late);
}

/* --- deciding ------------------------------------------------------------- */

static const struct late_proposal *need(struct deciding *d, const char *id)
{
	const struct late_proposal *l = late_find(d->m, id);
	char *shown = text_clean_str(id, 40);
	if (!l)
		refuse(d, "gone",
		       "no late answer `%s`: it was adopted or discarded, or "
		       "it is too old",
		       shown);
	free(shown);
	return l;
}

/* The patch that it would be. NULL with the reason. */
static json_object *patch_of(struct deciding *d, const struct late_proposal *l,
			     int stage)
{
	char why[160];
	if (stage < 0) {
		refuse(d, "not_found", "no stage `%s` in this show", l->stage);
		return NULL;
	}
	if (!l->result) {
		refuse(d, "refused",
		       l->bytes ? "its result is not kept any more: see event "
				  "%" PRIu64
				: "it has no result: see event %" PRIu64,
		       l->seq);
		return NULL;
	}
	json_object *patch =
		proposals_patch(d->m, stage, l->result, why, sizeof why);
	if (!patch)
		refuse(d, "missing_output", "%s", why);
	return patch;
}

static bool adopt(struct deciding *d, const struct late_proposal *l,
		  bool anyway, const char *by)
{
	struct model *m = d->m;
	int stage = show_find_stage(m->show, l->stage);
	int agent = show_find_agent(m->show, l->agent);
	json_object *patch = patch_of(d, l, stage);
	if (!patch)
		return false;
	char after[HASH_HEX_BYTES];
	bool changes = json_object_object_length(patch) > 0;
	struct json_out *data = decide_data_by(d, by);
	story_hash_after(&m->story, patch, after);
	json_add_int(data, "late", (int64_t)l->seq);
	json_add_int(data, "attempt", l->attempt);
	if (anyway)
		json_add_bool(data, "anyway", true);
	json_add(data, "patch", &patch);
	json_add_str(data, "pre_state_hash", story_hash(&m->story));
	json_add_str(data, "post_state_hash", after);
	json_add_int(data, "version",
		     (int64_t)m->story.version + (changes ? 1 : 0));
	answer(d, "adopted: %s by %s is version %" PRIu64 " of the story",
	       l->stage, l->agent, m->story.version + changes);
	emit(d, EVENT_PROPOSAL_ADOPT, stage, agent, &data);
	return true;
}

static const struct inbox_item *conflict_of(const struct model *m, uint64_t seq)
{
	for (size_t i = 0; i < m->inbox.count; i++)
		if (m->inbox.items[i].late == seq)
			return &m->inbox.items[i];
	return NULL;
}

/* It was made on something else than what is there now. */
static bool ask(struct deciding *d, const struct late_proposal *l)
{
	struct model *m = d->m;
	int stage = show_find_stage(m->show, l->stage);
	const struct inbox_item *open = conflict_of(m, l->seq);
	json_object *patch = open ? NULL : patch_of(d, l, stage);
	if (open)
		return refuse(d, "refused", "%s waits for your answer already",
			      open->id);
	if (!patch)
		return false;
	json_object_put(patch);
	unsigned offers = OFFER(CHOICE_ADOPT_ANYWAY) | OFFER(CHOICE_DISCARD);
	struct json_out *data = decide_data(d);
	char *text = xasprintf(
		"%s: the answer of %s (attempt %d) %s", l->stage, l->agent,
		l->attempt,
		*l->base ? "does not fit: inputs or outputs have changed since"
			 : "was made on what nobody knows any more");
	json_add_str(data, "verdict", "conflict");
	json_add_int(data, "late", (int64_t)l->seq);
	json_add_str(data, "text", text);
	overage_add_offers(data, offers);
	emit(d, EVENT_PROPOSAL_LATE, stage, show_find_agent(m->show, l->agent),
	     &data);
	answer(d, "not adopted: %s; i%" PRIu64 " asks what to do", text,
	       m->seq);
	free(text);
	return true;
}

bool late_adopt(struct deciding *d, const char *id)
{
	const struct late_proposal *l = need(d, id);
	if (!l)
		return false;
	return late_fits(d->m, l) ? adopt(d, l, false, decide_by(d))
				  : ask(d, l);
}

static bool discard(struct deciding *d, const struct late_proposal *l,
		    const char *reason, const char *by)
{
	const struct show *show = d->m->show;
	char *clean = reason ? text_clean_str(reason, 2000) : NULL;
	struct json_out *data = clean ? json_out_new() : decide_data_by(d, by);
	if (clean)
		json_add_str(data, "by", by);
	json_add_int(data, "late", (int64_t)l->seq);
	json_add_str(data, "reason", clean);
	free(clean);
	answer(d, "discarded the answer of %s for %s", l->agent, l->stage);
	emit(d, EVENT_PROPOSAL_DISCARD, show_find_stage(show, l->stage),
	     show_find_agent(show, l->agent), &data);
	return true;
}

bool late_discard(struct deciding *d, const char *id, const char *reason)
{
	const struct late_proposal *l = need(d, id);
	return l && discard(d, l, reason, decide_by(d));
}

bool late_answer(struct deciding *d, const struct answer_given *g)
{
	int i = find(d->m, g->item.late);
	if (g->choice == CHOICE_DISCARD && i >= 0)
		return discard(d, &d->m->late[i], g->args[0], g->by);
	if (i < 0)
		return refuse(d, "gone", "that answer is gone");
	return adopt(d, &d->m->late[i], true, g->by);
}

/* --- in a snapshot -------------------------------------------------------- */

void late_put(struct json_out *o, const struct model *m)
{
	json_out_array(o, "late");
	for (size_t i = 0; i < m->late_count; i++) {
		const struct late_proposal *l = &m->late[i];
		json_out_object(o, NULL);
		json_add_int(o, "seq", (int64_t)l->seq);
		json_add_str(o, "stage", l->stage);
		json_add_str(o, "agent", l->agent);
		json_add_int(o, "attempt", l->attempt);
		json_add_str(o, "verdict", l->verdict);
		json_add_int(o, "at", l->at_ms);
		json_add_int(o, "tokens", l->tokens);
		json_add_str(o, "base", l->base);
		json_add_int(o, "bytes", (int64_t)l->bytes);
		if (l->result)
			json_out_canonical(o, "result", l->result);
		json_out_end(o);
	}
	json_out_end(o);
}

void late_read(struct model *m, struct json_node *a)
{
	json_node_each(o, a)
	{
		if (m->late_count == LATE_MAX)
			break;
		struct late_proposal l = {
			.seq = (uint64_t)json_node_int(o, "seq", 0),
			.stage = xstrdup(json_node_str(o, "stage", "")),
			.agent = xstrdup(json_node_str(o, "agent", "")),
			.attempt = (int)json_node_int(o, "attempt", 0),
			.verdict = xstrdup(json_node_str(o, "verdict", "")),
			.at_ms = json_node_int(o, "at", 0),
			.tokens = json_node_int(o, "tokens", -1),
			.bytes = (size_t)json_node_int(o, "bytes", 0),
			.result = json_node_tree(json_node_get(o, "result")),
		};
		text_copy(l.base, sizeof l.base, json_node_str(o, "base", ""));
		add(m, &l);
	}
}

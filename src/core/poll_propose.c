/* poll_propose: a poll that an agent would like to have. What the show says of
 * that (`polls.proposals`) allows it, refuses it or asks the operator; until it
 * is allowed it keeps a place, and the audience learns nothing of it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"
#include "core/poll_own.h"

static int need_agent(struct deciding *d, const char *name)
{
	int agent = show_find_agent(d->m->show, name);
	char *shown = text_clean_str(name, 64);
	if (agent < 0)
		refuse(d, "not_found", "no agent `%s`", shown);
	else if (d->m->killed[agent])
		refuse(d, "refused", "%s is killed", shown);
	free(shown);
	return d->refused ? -1 : agent;
}

/* One question of an agent at a time. */
static bool has_asked(const struct model *m, int agent)
{
	for (size_t i = 0; i < m->inbox.count; i++)
		if (m->inbox.items[i].kind == INBOX_PROPOSAL &&
		    m->inbox.items[i].agent == agent)
			return true;
	return false;
}

static bool ask(struct deciding *d, int agent, const char *question,
		json_object *options, int64_t open_ms)
{
	const char *why, *name = d->m->show->agents[agent].id;
	int place = polls_free_place(d->m);
	if (!d->m->run.attended)
		return refuse(d, "refused", "nobody is there to allow it");
	if (has_asked(d->m, agent))
		return refuse(d, "refused",
			      "a poll of %s waits for an answer already", name);
	if (place < 0)
		return refuse(d, "refused", "there is no place for it now");
	struct poll_own *own = poll_own_read(question, options, open_ms, &why);
	if (!own)
		return refuse(d, "bad_poll", "%s", why);
	struct json_out *data = decide_data(d);
	polls_add_question(data, &own->def);
	decide_add_deadline(d, data);
	emit(d, EVENT_POLL_PROPOSE, place, agent, &data);
	answer(d, "the operator is asked about poll %s",
	       d->m->show->stages[place].id);
	poll_own_free(&own);
	return true;
}

bool polls_propose(struct deciding *d, const char *const *args)
{
	enum show_proposals how = d->m->show->polls.proposals;
	int agent = need_agent(d, args[0]);
	if (agent < 0)
		return false;
	if (how == PROPOSALS_REFUSE)
		return refuse(d, "refused",
			      "this show takes no polls from agents");
	json_object *options = poll_own_options(args[2]);
	int64_t open_ms = args[3] ? text_read_ms(args[3]) : POLL_OWN_MS;
	bool ok = how == PROPOSALS_ALLOW
			  ? polls_make(d, args[1], options, open_ms)
			  : ask(d, agent, args[1], options, open_ms);
	json_object_put(options);
	return ok;
}

bool polls_allow(struct deciding *d, const struct answer_given *g)
{
	int place = g->item.stage;
	const char *id = d->m->show->stages[place].id;
	if (g->choice != CHOICE_APPROVE) {
		struct json_out *data = decide_data_by(d, g->by);
		emit(d, EVENT_POLL_VOID, place, -1, &data);
		answer(d, "poll %s is not opened", id);
		return true;
	}
	if (!polls_may_make(d))
		return false;
	const struct show_poll *def = poll_def(d->m, place);
	struct poll_own *own = NULL;
	json_object *options = json_object_new_array();
	for (size_t i = 0; i < def->option_count; i++) {
		json_object *o = json_object_new_object();
		json_add_str(o, "id", def->options[i].id);
		json_add_str(o, "label", def->options[i].label);
		json_object_array_add(options, o);
	}
	/* A copy: the event begins the place anew. */
	own = poll_own_read(def->question, options, def->open_ms, NULL);
	REQUIRE(own);
	polls_create(d, place, &own->def);
	answer(d, "poll %s is open: %s", id, own->def.question);
	poll_own_free(&own);
	json_object_put(options);
	return true;
}

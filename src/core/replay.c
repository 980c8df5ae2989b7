#include "core/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* The snapshot's model is what all before it folds to. */
static void see(struct replay *r)
{
	model_free(&r->m);
	r->m = r->from;
	r->from = NULL;
	r->blind = false;
}

bool replay_begin(struct replay *r, uint64_t first, struct err *err)
{
	struct show *show = r->show_of(r->whose, "");
	if (!show)
		return err_set(err, ERR_DATA,
			       "no definition of the show is there");
	r->m = model_new(show);
	r->m->seq = first - 1;
	r->blind = first > 1;
	if (r->from && (!r->blind || r->from->seq < first - 1))
		model_free(&r->from); /* of no use */
	if (r->from && r->from->seq == first - 1)
		see(r);
	show_unref(&show);
	return true;
}

void replay_end(struct replay *r)
{
	model_free(&r->m);
	model_free(&r->from);
}

/* A run that began with another definition goes on with that. */
static void change_show(struct replay *r, const struct event *e)
{
	const char *hash = event_str(e, "hash", "");
	if (!*hash || strcmp(hash, r->m->show->hash) == 0)
		return;
	struct show *show = r->show_of(r->whose, hash);
	if (!show) {
		r->unknown = true;
		return;
	}
	struct model *m = model_new(show);
	m->seq = r->m->seq;
	m->leader = r->m->leader;
	model_free(&r->m);
	r->m = m;
	show_unref(&show);
}

static bool differs(const struct event *e, const char *what, const char *is,
		    const char *says, struct err *err)
{
	return err_set(err, ERR_NO,
		       "event %" PRIu64 " (%s%s%s): %s is %s, and the event "
		       "says %s",
		       e->seq, event_type_name(e->type), *e->stage ? " " : "",
		       e->stage, what, is, *says ? says : "nothing");
}

static bool same_hash(struct replay *r, const struct event *e, const char *name,
		      const char *what, struct err *err)
{
	const char *says = event_str(e, name, "");
	r->checked++;
	return strcmp(says, story_hash(&r->m->story)) == 0 ||
	       differs(e, what, story_hash(&r->m->story), says, err);
}

static bool same_version(const struct replay *r, const struct event *e,
			 struct err *err)
{
	char is[24], says[24];
	int64_t version = event_int(e, "version", -1);
	if (version == (int64_t)r->m->story.version)
		return true;
	snprintf(is, sizeof is, "%" PRIu64, r->m->story.version);
	snprintf(says, sizeof says, "%" PRId64, version);
	return differs(e, "the story's version after it", is, says, err);
}

/* One event that cannot be folded, because what was before it is gone. */
static bool grope(struct replay *r, const struct event *e, struct err *err)
{
	bool hashed = event_patches_story(e->type);
	const char *before = event_str(e, "pre_state_hash", "");
	r->m->seq = e->seq;
	r->m->at_ms = e->at_ms;
	if (hashed && r->verify && r->link[0]) {
		r->checked++;
		if (strcmp(before, r->link) != 0)
			return differs(e, "the story's hash before it", r->link,
				       before, err);
	}
	if (hashed)
		snprintf(r->link, sizeof r->link, "%s",
			 event_str(e, "post_state_hash", ""));
	if (!r->from || r->from->seq != e->seq)
		return true;
	const char *has = story_hash(&r->from->story);
	if (r->verify && r->link[0] && strcmp(has, r->link) != 0)
		return differs(e, "the story's hash in the snapshot", has,
			       r->link, err);
	see(r);
	return true;
}

bool replay_event(struct replay *r, const struct event *e, struct err *err)
{
	if (e->seq != r->m->seq + 1)
		return err_set(err, ERR_NO,
			       "event %" PRIu64 " is missing: %" PRIu64
			       " comes behind %" PRIu64,
			       r->m->seq + 1, e->seq, r->m->seq);
	if (e->type == EVENT_RUN_START) {
		r->blind = false;
		change_show(r, e);
	}
	if (r->blind)
		return grope(r, e, err);
	bool hashed = r->verify && event_patches_story(e->type);
	if (hashed && !same_hash(r, e, "pre_state_hash",
				 "the story's hash before it", err))
		return false;
	model_apply(r->m, e);
	return !hashed || (same_hash(r, e, "post_state_hash",
				     "the story's hash after it", err) &&
			   same_version(r, e, err));
}

bool replay_is_there(const struct replay *r)
{
	if (r->to_event)
		return r->m->seq >= r->to_event;
	if (r->to_version < 0 || r->blind)
		return false;
	if (r->only_run[0] && strcmp(r->only_run, r->m->run.id) != 0)
		return false;
	return r->m->run.id[0] && (int64_t)r->m->story.version >= r->to_version;
}

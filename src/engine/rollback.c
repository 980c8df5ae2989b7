#include "engine/rollback.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/snapshot.h"
#include "store/client.h"

#define LOG_CHUNK    1000
#define LOG_BLOCK_MS 200
#define POST_MS	     5000
#define WAIT_MS	     5000 /* for what is decided and not stored yet */

struct rollback {
	pthread_t thread;
	atomic_bool give_up, over;
	struct address *address;
	char *show;
	char run[sizeof((struct run *)0)->id];
	uint64_t after;	  /* the run begins behind this event */
	uint64_t version; /* wanted */
	struct mailbox *engine;
	struct input *input;
};

bool rollback_is_new(const struct input *in)
{
	return in->kind == INPUT_COMMAND && in->action == ACTION_ROLLBACK &&
	       !in->result && !in->error_code;
}

/* Folds what concerns the story; true when the version is there. */
static bool fold_one(struct rollback *r, struct story *story,
		     const struct event *e, struct err *err)
{
	if (!event_patches_story(e->type) || strcmp(e->run, r->run) != 0)
		return false;
	uint64_t before = story->version;
	story_patch(story, event_patch(e));
	if (story->version == before || story->version < r->version)
		return false;
	const char *hash = event_str(e, "post_state_hash", "");
	if (strcmp(hash, story_hash(story)) != 0)
		return err_set(err, ERR_DATA,
			       "event %llu: version %llu has the hash %.12s, "
			       "and should have %.12s; see showcaller replay "
			       "--verify",
			       (unsigned long long)e->seq,
			       (unsigned long long)story->version,
			       story_hash(story), hash);
	return true;
}

/* Goes on with a snapshot, if it is old enough and what follows it is there. */
static bool begin_with(struct rollback *r, struct story *story, char **text,
		       uint64_t first)
{
	size_t bytes = *text ? strlen(*text) : 0;
	struct json_nodes *head =
		*text ? snapshot_head(*text, bytes, NULL) : NULL;
	uint64_t seq = (uint64_t)json_node_int(json_nodes_top(head), "seq", 0);
	bool ok = head && seq + 1 >= first &&
		  snapshot_story(*text, bytes, story, NULL) &&
		  story->version <= r->version;
	if (ok)
		r->after = seq;
	json_nodes_free(&head);
	free(*text);
	*text = NULL;
	return ok;
}

/* A log that was trimmed, and what was trimmed is not here, begins behind the
 * run's beginning. */
static bool begin_at_snapshot(struct rollback *r, struct client *client,
			      struct story *story, struct err *err)
{
	uint64_t first = 0, last = 0, seq;
	char why[320], hash[HASH_HEX_BYTES];
	if (!client_readable(client, &first, &last, why, sizeof why, err))
		return false;
	if (first <= r->after + 1)
		return true;
	char *text = client_ground(client, &seq, hash, err);
	if (begin_with(r, story, &text, first))
		return true;
	text = client_snapshot(client, r->run, err);
	if (begin_with(r, story, &text, first))
		return true;
	return err_set(err, ERR_NO,
		       "version %llu is older than what the log still holds: "
		       "what was before event %llu was trimmed%s%s",
		       (unsigned long long)r->version,
		       (unsigned long long)first, *why ? "; " : "", why);
}

static bool read_story(struct rollback *r, struct client *client,
		       struct story *story, struct err *err)
{
	int64_t end_ms = clock_mono_ms() + WAIT_MS;
	bool found = r->version == 0;
	if (!found && !begin_at_snapshot(r, client, story, err))
		return false;
	found = story->version == r->version;
	err->code = ERR_NONE;
	while (!found && !err->code && !r->give_up) {
		struct event **events = NULL;
		int n = client_events(client, r->after, LOG_CHUNK, LOG_BLOCK_MS,
				      &events, err);
		for (int i = 0; i < n; i++) {
			r->after = events[i]->seq;
			if (!found && !err->code)
				found = fold_one(r, story, events[i], err);
			event_free(&events[i]);
		}
		free(events);
		if (n > 0)
			end_ms = clock_mono_ms() + WAIT_MS;
		else if (n == 0 && clock_mono_ms() >= end_ms)
			err_set(err, ERR_AGAIN,
				"version %llu is not in the log",
				(unsigned long long)r->version);
	}
	return found && !err->code;
}

static void *look(void *arg)
{
	struct rollback *r = arg;
	struct err err = {0};
	struct story story;
	story_init(&story);
	struct client *client = client_open(r->address, r->show, &err);
	if (client && read_story(r, client, &story, &err)) {
		r->input->result = json_object_get(story.doc);
		r->input->run = xstrdup(r->run);
	} else {
		r->input->error_code = xstrdup("unavailable");
		free(r->input->text);
		r->input->text = xstrdup(err.code ? err.text : "given up");
	}
	client_close(&client);
	story_release(&story);
	if (!mailbox_post_wait(r->engine, &r->input, POST_MS))
		log_error("engine", "a rollback was lost: too much to do");
	r->over = true;
	return NULL;
}

static void refuse(struct mailbox *engine, struct input **input,
		   const char *why)
{
	(*input)->error_code = xstrdup("unavailable");
	free((*input)->text);
	(*input)->text = xstrdup(why);
	if (!mailbox_post(engine, input))
		input_free(input);
}

static void rollback_free(struct rollback *r)
{
	address_free(&r->address);
	free(r->show);
	free(r);
}

void rollback_look(struct rollback **rollback, const struct address *address,
		   const struct model *m, struct mailbox *engine,
		   struct input **input)
{
	if (*rollback && (*rollback)->over)
		rollback_end(rollback);
	if (*rollback) {
		refuse(engine, input, "another rollback is under way");
		return;
	}
	const char *text = (*input)->args[0] ? (*input)->args[0] : "";
	struct rollback *r = xcalloc(1, sizeof *r);
	r->address = address_clone(address);
	r->show = xstrdup(m->show->id);
	memcpy(r->run, m->run.id, sizeof r->run);
	r->after = m->run.first_seq ? m->run.first_seq - 1 : 0;
	r->version = strtoull(text + (*text == 'v'), NULL, 10);
	/* What cannot be is refused by the core, which reads it again. */
	if (r->version >= m->story.version)
		r->version = 0;
	r->engine = engine;
	r->input = *input;
	*input = NULL;
	if (pthread_create(&r->thread, NULL, look, r) == 0) {
		*rollback = r;
		return;
	}
	*input = r->input;
	rollback_free(r);
	refuse(engine, input, "no thread is to be had: raise ulimit -u");
}

void rollback_end(struct rollback **rollback)
{
	struct rollback *r = *rollback;
	*rollback = NULL;
	if (!r)
		return;
	r->give_up = true;
	pthread_join(r->thread, NULL);
	input_free(&r->input);
	rollback_free(r);
}

/*
 * world: a core under test with its clock in hand. Every decision is folded a
 * second time into a shadow model, which must stay equal; the ledger must hold
 * after every decision.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/core.h"
#include "core/snapshot.h"
#include "show/show_read.h"

struct world {
	struct show *show;
	struct model *m, *shadow;
	struct decision d; /* of the last step */
	int64_t now_ms;
	int32_t day; /* as the engine tells it */
	/* Calls that were asked for and not answered or cancelled. */
	struct {
		int stage, agent, attempt;
		char *lease;
		int64_t tokens;
	} calls[256];
	size_t call_count;
	struct event *log[4096]; /* the newest, for assertions */
	size_t log_count;
	char said[256]; /* the last reply */
	bool said_ok;
};

static inline struct show *world_show(const char *yaml)
{
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(yaml, strlen(yaml), "test.yaml", &problems);
	if (!show) {
		struct err err;
		show_problems_err(&problems, &err);
		ck_abort_msg("the test's show is wrong: %s", err.text);
	}
	show_problems_release(&problems);
	return show;
}

static inline struct world *world_new(const char *yaml)
{
	struct world *w = xcalloc(1, sizeof *w);
	w->show = world_show(yaml);
	w->m = model_new(w->show);
	w->shadow = model_new(w->show);
	w->now_ms = 1000000;
	return w;
}

static inline void world_forget_call(struct world *w, size_t i)
{
	free(w->calls[i].lease);
	w->calls[i] = w->calls[--w->call_count];
}

static inline void world_free(struct world *w)
{
	while (w->call_count)
		world_forget_call(w, 0);
	for (size_t i = 0; i < w->log_count; i++)
		event_free(&w->log[i]);
	decision_release(&w->d);
	model_free(&w->m);
	model_free(&w->shadow);
	show_unref(&w->show);
	free(w);
}

static inline void world_effects(struct world *w)
{
	for (size_t i = 0; i < w->d.effect_count; i++) {
		const struct effect *x = &w->d.effects[i];
		if (x->kind == EFFECT_CALL && w->call_count < 256) {
			w->calls[w->call_count].stage = x->stage;
			w->calls[w->call_count].agent = x->agent;
			w->calls[w->call_count].attempt = x->attempt;
			w->calls[w->call_count].tokens = x->lease_tokens;
			w->calls[w->call_count++].lease = xstrdup(x->lease);
		} else if (x->kind == EFFECT_CANCEL_CALL) {
			for (size_t k = 0; k < w->call_count; k++)
				if (w->calls[k].stage == x->stage &&
				    w->calls[k].agent == x->agent)
					world_forget_call(w, k--);
		} else if (x->kind == EFFECT_REPLY) {
			snprintf(w->said, sizeof w->said, "%s", x->text);
			w->said_ok = x->ok;
		}
	}
}

/* Where two snapshots part; the whole of them is too long for a message. */
static inline void world_differ(const char *what, const char *a, const char *b)
{
	size_t at = 0;
	while (a[at] && a[at] == b[at])
		at++;
	at = at > 300 ? at - 300 : 0;
	ck_abort_msg("%s differ:\n%.600s\n%.600s", what, a + at, b + at);
}

static inline void world_check(struct world *w)
{
	const char *where = "";
	if (!ledger_holds(&w->m->ledger, w->show->stage_count,
			  w->show->agent_count, &where))
		ck_abort_msg("the ledger does not hold: %s", where);
	char *a = model_snapshot(w->m), *b = model_snapshot(w->shadow);
	if (strcmp(a, b) != 0)
		world_differ("decided and folded", a, b);
	free(b);
	/* The shadow lives on as what its own snapshot says it is. */
	struct err err;
	struct model *restored = model_restore(w->show, a, strlen(a), &err);
	ck_assert_msg(restored != NULL, "%s", err.text);
	model_free(&w->shadow);
	w->shadow = restored;
	b = model_snapshot(restored);
	if (strcmp(a, b) != 0)
		world_differ("saved and restored", a, b);
	free(a);
	free(b);
}

/* Decides `input` (freed here) and checks what must always hold. */
static inline void world_step(struct world *w, struct input *in)
{
	in->now_ms = w->now_ms;
	in->day = w->day;
	decision_clear(&w->d);
	core_decide(w->m, in, &w->d);
	for (size_t i = 0; i < w->d.event_count; i++) {
		/* Through text and back, as the store does it. */
		struct event *e = w->d.events[i];
		char at[32];
		struct err err;
		snprintf(at, sizeof at, "%lld", (long long)e->at_ms);
		struct buf data = {0};
		event_print(&data, e);
		struct event *read =
			event_read(e->seq, event_type_name(e->type), e->run,
				   e->stage, e->agent, at, data.data, &err);
		buf_release(&data);
		ck_assert_msg(read != NULL, "%s", err.text);
		model_apply(w->shadow, read);
		if (w->log_count == COUNT_OF(w->log)) {
			event_free(&w->log[0]);
			memmove(w->log, w->log + 1,
				(--w->log_count) * sizeof *w->log);
		}
		w->log[w->log_count++] = read;
	}
	world_effects(w);
	world_check(w);
	input_free(&in);
}

static inline void world_begin(struct world *w, bool attended)
{
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xstrdup("r1");
	in->attended = attended;
	world_step(w, in);
}

/* A world with a run under way that somebody attends. */
static inline struct world *world_live(const char *yaml)
{
	struct world *w = world_new(yaml);
	world_begin(w, true);
	return w;
}

static inline void world_tick(struct world *w, int64_t ms)
{
	w->now_ms += ms;
	world_step(w, input_new(INPUT_TICK));
}

static inline int world_stage(struct world *w, const char *id)
{
	int i = show_find_stage(w->show, id);
	ck_assert_msg(i >= 0, "no stage %s", id);
	return i;
}

static inline const char *world_state(struct world *w, const char *id)
{
	return stage_state_name(w->m->stages[world_stage(w, id)].state);
}

/* The call that is out for a stage (and an agent, NULL: any), or -1. */
static inline int world_call(struct world *w, const char *stage,
			     const char *agent)
{
	for (size_t i = 0; i < w->call_count; i++)
		if (w->calls[i].stage == world_stage(w, stage) &&
		    (!agent ||
		     strcmp(w->show->agents[w->calls[i].agent].id, agent) == 0))
			return (int)i;
	return -1;
}

static inline struct input *
world_answer_input(struct world *w, const char *stage, const char *agent)
{
	int i = world_call(w, stage, agent);
	ck_assert_msg(i >= 0, "no call is out for %s", stage);
	struct input *in = input_new(INPUT_ANSWER);
	in->reached = true;
	in->stage = xstrdup(stage);
	in->agent = xstrdup(w->show->agents[w->calls[i].agent].id);
	in->attempt = w->calls[i].attempt;
	in->lease = xstrdup(w->calls[i].lease);
	world_forget_call(w, (size_t)i);
	return in;
}

static inline void world_answer(struct world *w, const char *stage,
				const char *agent, const char *json,
				int64_t tokens)
{
	struct input *in = world_answer_input(w, stage, agent);
	in->ok = true;
	in->tokens_used = tokens;
	in->result = json_read_str(json, &json_limits_answer, NULL);
	world_step(w, in);
}

static inline void world_fail(struct world *w, const char *stage,
			      const char *agent, const char *code)
{
	struct input *in = world_answer_input(w, stage, agent);
	in->error_code = xstrdup(code);
	in->text = xstrdup("it broke");
	in->tokens_used = 0;
	world_step(w, in);
}

/* do ACTION ARG...; the list ends with NULL. True when it was not refused. */
static inline bool world_do(struct world *w, const char *action, ...)
{
	static int next_id;
	struct input *in = input_new(INPUT_COMMAND);
	const struct action *a = action_find(action);
	ck_assert_msg(a != NULL, "no action %s", action);
	in->action = a->id;
	in->id = xasprintf("c%d", next_id++);
	in->by = xstrdup("tester");
	in->origin.kind = ORIGIN_LOCAL;
	va_list ap;
	va_start(ap, action);
	const char *arg;
	for (int i = 0; (arg = va_arg(ap, const char *)); i++)
		in->args[i] = xstrdup(arg);
	va_end(ap);
	world_step(w, in);
	return w->said_ok;
}

/* The same, under an id of the caller's, which is its origin as well. */
static inline bool world_do_as(struct world *w, const char *id,
			       const char *action, const char *a, const char *b,
			       const char *c)
{
	struct input *in = input_new(INPUT_COMMAND);
	const char *args[] = {a, b, c};
	in->action = action_find(action)->id;
	in->id = xstrdup(id);
	in->by = xstrdup("tester");
	in->origin.kind = ORIGIN_LOCAL;
	snprintf(in->origin.id, sizeof in->origin.id, "%s", id);
	for (int i = 0; i < 3 && args[i]; i++)
		in->args[i] = xstrdup(args[i]);
	w->said[0] = '\0';
	world_step(w, in);
	return w->said_ok;
}

/* What the origin of that name was told in the last step, or NULL. */
static inline const struct effect *world_told(struct world *w, const char *to)
{
	for (size_t i = 0; i < w->d.effect_count; i++) {
		const struct effect *x = &w->d.effects[i];
		if (x->kind == EFFECT_REPLY && strcmp(x->origin.id, to) == 0)
			return x;
	}
	return NULL;
}

/* The story as it was at that version, by the log. NULL when it is not long
 * enough. */
static inline json_object *world_story(struct world *w, uint64_t version)
{
	struct story story;
	story_init(&story);
	if (w->log[0]->seq == 1)
		for (size_t i = 0; i < w->log_count; i++)
			if (story.version < version &&
			    event_patches_story(w->log[i]->type))
				story_patch(&story, event_patch(w->log[i]));
	json_object *doc =
		story.version == version ? json_clone(story.doc) : NULL;
	story_release(&story);
	return doc;
}

/* do rollback VERSION, as the engine gives it to the core. */
static inline bool world_roll_back(struct world *w, const char *version,
				   json_object **story)
{
	static int next_id;
	struct input *in = input_new(INPUT_COMMAND);
	in->action = ACTION_ROLLBACK;
	in->id = xasprintf("rollback%d", next_id++);
	in->by = xstrdup("tester");
	in->origin.kind = ORIGIN_LOCAL;
	in->args[0] = xstrdup(version);
	in->result = *story;
	*story = NULL;
	in->run = xstrdup(w->m->run.id);
	world_step(w, in);
	return w->said_ok;
}

/* How often an event of this type (and stage, NULL: any) stands in the log. */
static inline int world_count(struct world *w, enum event_type type,
			      const char *stage)
{
	int n = 0;
	for (size_t i = 0; i < w->log_count; i++)
		n += w->log[i]->type == type &&
		     (!stage || strcmp(w->log[i]->stage, stage) == 0);
	return n;
}

static inline const struct event *world_last(struct world *w,
					     enum event_type type)
{
	for (size_t i = w->log_count; i > 0; i--)
		if (w->log[i - 1]->type == type)
			return w->log[i - 1];
	ck_abort_msg("no %s in the log", event_type_name(type));
	return NULL;
}

#define ck_state(w, id, state) ck_assert_str_eq(world_state(w, id), state)
#define ck_run(w, wanted)                                                      \
	ck_assert_str_eq(run_state_name((w)->m->run.state), wanted)

#endif

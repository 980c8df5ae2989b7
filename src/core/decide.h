/*
 * decide: what the concerns of core/ share while one input is decided. Private
 * to core/.
 */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

#include "core/core.h"

/* What the answer to a lease may take, ids included. */
#define LEASE_TEXT_BYTES 512

struct deciding {
	struct model *m;
	const struct input *in;
	struct decision *out;
	bool noted; /* the command's id stands in an event already */
	bool refused;
	bool replied; /* the answer comes later, or is given already */
	char answer[LEASE_TEXT_BYTES]; /* for whoever asked */
	const char *code;    /* of a refusal: "refused", "not_found", ... */
	int64_t rest_tokens; /* private to overage.c: what all open stages may
			      */
	uint64_t rest_seq;   /* still lease, as it was after that event */
};

/* Makes an event (stage and agent are indices, -1: none), folds it into the
 * model and appends it. Takes over `*data` (NULL: an empty object). */
void emit(struct deciding *d, enum event_type type, int stage, int agent,
	  struct json_out **data);

/* A new effect at the end of the decision; indices are -1. */
struct effect *effect_add(struct deciding *d, enum effect_kind kind);

/* What the asker is told; `refuse` returns false. */
bool refuse(struct deciding *d, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void answer(struct deciding *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Who asked, for events: never NULL. */
const char *decide_by(const struct deciding *d);
/* New data with `by` (and `reason` when there is one) in it. */
struct json_out *decide_data(const struct deciding *d);
struct json_out *decide_data_by(const struct deciding *d, const char *by);
/* Until when a person may answer, where somebody is there to. */
void decide_add_deadline(const struct deciding *d, struct json_out *data);

/* --- the doors of the concerns ----------------------------------------- */

/* Folding: `stage` and `agent` are the event's, as indices, -1: none or not
 * of this show. */
#define APPLY_DOOR(concern)                                                    \
	void concern##_apply(struct model *m, const struct event *e,           \
			     int stage, int agent)
APPLY_DOOR(ledger);
APPLY_DOOR(leases);
APPLY_DOOR(asks);
APPLY_DOOR(usage);
APPLY_DOOR(stages);
APPLY_DOOR(proposals);
APPLY_DOOR(polls);
APPLY_DOOR(inbox);
APPLY_DOOR(checks);
APPLY_DOOR(alarms);
APPLY_DOOR(obs);
APPLY_DOOR(chat);
APPLY_DOOR(switches);
APPLY_DOOR(rules);
APPLY_DOOR(raises);
APPLY_DOOR(warn);
/* Before ledger_apply(): what the leases do to raises that are for a call. */
void raises_follow(struct model *m, const struct event *e, int stage,
		   int agent);
APPLY_DOOR(late);
APPLY_DOOR(kill);

/* stages */
void stages_reset(struct model *m);		/* for a new run */
void stages_again(struct model *m, int stage);	/* back to its beginning */
void stages_relink(struct model *m, int stage); /* what it waits for, anew */
void stages_forget_calls(struct model *m, int stage);
void stages_advance(struct deciding *d); /* start all that can */
void stages_fail(struct deciding *d, int stage, const char *code,
		 const char *text); /* the attempt failed */
void stages_fail_final(struct deciding *d, int stage, const char *code,
		       const char *text); /* no retry any more */
void stages_complete(struct deciding *d, int stage, int winner,
		     json_object **patch);
void stages_skip(struct deciding *d, int stage, const char *reason,
		 const char *because);
void stages_timer(struct deciding *d, int stage);
/* One call: nobody waits for it any more, its lease ends in that state. */
void stages_drop_call(struct deciding *d, int stage, int agent,
		      const char *lease_state);
/* Cancels what runs for this stage: calls, leases, an open poll. */
void stages_drop_work(struct deciding *d, int stage);

/* run: start, pause, panic, resume, cancel, end */
void run_begin(struct deciding *d);
void run_resumed(struct deciding *d);
void run_finish_if_over(struct deciding *d);
void run_fail(struct deciding *d, const char *why);
bool run_cancel(struct deciding *d);
bool run_pause(struct deciding *d);
bool run_resume(struct deciding *d);
bool run_panic(struct deciding *d, bool all);

/* ledger */
void ledger_init(struct model *m);
void ledger_release(struct model *m);
void ledger_reset(struct model *m);
void ledger_inherit_day(struct purse *to, const struct purse *from);
/* Says so when a day of the quotas has begun. */
void ledger_turn_day(struct deciding *d);
void ledger_renew(struct model *m, int stage);

/* numbers: whether what this event moves may be added up */
bool numbers_take(struct model *m, const struct event *e);

/* budget */
/* Leases for all agents of `stage`, or holds it. True when leased. */
bool budget_cover(struct deciding *d, int stage);
void budget_lease(struct deciding *d, int stage);
/* Books what a call used and gives back the rest. */
/* False: it was more than its lease. */
bool budget_settle(struct deciding *d, int stage, int agent,
		   const struct input *used);
/* The call ended without a report: spent at its full size until corrected. */
void budget_write_off(struct deciding *d, int stage, int agent,
		      const char *state);
void budget_late(struct deciding *d, int stage, int agent,
		 const struct input *late);

/* What an approval has to add to each scope for `total` tokens of a start;
 * `fence` tokens of the episode may not be used. */
struct lack {
	int64_t tokens[SCOPE_KINDS];	/* all of a kind together */
	int64_t cost[SCOPE_KINDS];	/* micros */
	int64_t episode, stage, agents; /* agents: and days, services */
	int64_t most;
	int64_t cost_most; /* micros */
	const char *where; /* the scope that lacks most */
	bool unpriced;	   /* what it may cost cannot be told */
};
struct lack budget_lack(const struct model *m, int stage, int64_t total,
			int64_t fence);
/* The same as `raises` of budget:approve. Caller puts. */
json_object *budget_raises(const struct model *m, int stage, int64_t total);

/* An agent asked for so many more than its call had: what the next start leases
 * it, when that is within its share of the cap and all scopes cover it; else 0.
 */
int64_t budget_share(struct model *m, int stage, int agent, int64_t asked);

/* The tokens without which a start that has no cap does not begin, when `lack`
 * of them are not there; else 0. */
int64_t budget_least(const struct model *m, int stage, struct lack *lack);

/* What one call needs of all the scopes that it passes. */
struct need {
	int agent;
	int64_t tokens, cost_micros; /* -1 micros: cannot be told */
};
/* Adds to `raises` (NULL: not wanted) what each scope lacks. */
struct lack budget_needs(const struct model *m, int stage,
			 const struct need *needs, size_t count, int64_t fence,
			 json_object *raises);
int64_t budget_fence(const struct model *m, int stage);

/* The most that `tokens` more of this agent may cost, in micros; 0: nothing
 * counts money here; -1: it cannot be told. */
int64_t budget_ceiling(const struct model *m, int stage, int agent,
		       int64_t tokens);
/* What a call cost: as reported, else by the agent's price. */
int64_t budget_price(const struct model *m, int agent, const struct input *in);

/* Of one lease: what it was used for in all; -1 micros: not told. */
struct settlement {
	int64_t tokens, cost_micros;
	bool assumed;
	const char *model;
};
struct excess {
	int64_t tokens, cost_micros;
};
void budget_settle_lease(struct deciding *d, int slot, int64_t tokens,
			 int64_t cost_micros);
void budget_write_off_lease(struct deciding *d, int slot, const char *state);
bool budget_may_correct(const struct deciding *d, const struct lease *lease);
void budget_correct(struct deciding *d, int slot, int64_t tokens,
		    int64_t cost_micros);
/* Makes the lease as large as what it was used for, where that is covered;
 * what is not is an overrun. */
struct excess budget_top_up(struct deciding *d, int slot, int64_t tokens,
			    int64_t cost_micros);
void budget_add_overrun(struct json_out *data, const struct excess *over);
void budget_tell_overrun(struct deciding *d, int stage, int agent, int64_t used,
			 int64_t granted);

/* overage: a start that does not fit waits for a person. True when it may go on
 * without. */
bool budget_hold(struct deciding *d, int stage, const char *reason,
		 int64_t asked);
int64_t budget_rest_of_show(struct deciding *d, int but);
/* Reads "4200" or "4,200"; -1 if it is no amount. */
int64_t budget_read_amount(const char *text);

/* leases: asked for from outside, while a call is out */
bool leases_lease(struct deciding *d, int stage, const char *agent,
		  const char *tokens);
bool leases_extend(struct deciding *d, const char *lease, const char *tokens);
bool leases_return(struct deciding *d, const char *lease, const char *tokens);
bool leases_settle(struct deciding *d, const char *lease, const char *tokens,
		   const char *cost);
void leases_use(struct deciding *d); /* INPUT_USAGE */
/* The call has ended, and with it the leases beside its own. */
void leases_end(struct deciding *d, int stage, int agent, const char *state);
void leases_reset(struct model *m);
void requests_add(struct model *m, const struct lease_request *request);
/* {lease, tokens, spent, cost_micros, ...} into `out`, LEASE_TEXT_BYTES. */
const char *leases_text(const struct model *m, int slot, char *out);
struct lack leases_lack(const struct model *m, int stage, int agent,
			int64_t tokens, int64_t cost_micros);
int leases_grant(struct deciding *d, const struct lease_ask *ask,
		 int64_t tokens, int64_t cost_micros);

/* lease_asks: those that wait for a person */
void asks_reset(struct model *m);
void asks_add(struct model *m, const struct lease_ask *ask); /* strings move */
const struct lease_ask *asks_find(const struct model *m, uint64_t seq);
const struct lease_ask *asks_find_request(const struct model *m,
					  const char *request);
bool asks_hold(struct deciding *d, const struct lease_ask *ask);
/* `more` tokens instead of what the item says; -1: as it says. */
/* Grants it; `*data` says what was answered, and by whom. */
void asks_go_on(struct deciding *d, const struct inbox_item *item,
		int64_t tokens, int64_t cost_micros, struct json_out **data);
bool asks_approve(struct deciding *d, const struct inbox_item *item,
		  int64_t more, const char *by);
void asks_deny(struct deciding *d, const struct inbox_item *item,
	       const char *by);
void asks_left(struct deciding *d); /* INPUT_LEFT */
/* What waits for calls that end is told so; agent -1: all of the stage. */
void asks_end(struct deciding *d, int stage, int agent);

/* An answer to an overage, a warning or a conflict. */
struct answer_given {
	struct inbox_item item; /* a copy without text and choices */
	enum inbox_choice choice;
	const char *const *args; /* two; NULL when not given */
	bool in_money;		 /* amounts in them are money */
	const char *by;
};
bool overage_answer(struct deciding *d, const struct answer_given *given);

/* raise: more for a while, a call, a stage; warn: the mark of warn_at */
void raises_clear(struct model *m);
void raise_timer(struct deciding *d, int slot);
void raises_settle(struct deciding *d); /* takes back what came back */
char *warn_text(const struct model *m, bool cost, int64_t rest, bool likely);
void warn_watch(struct deciding *d); /* asks when warn_at is reached */

void overage_add_offers(struct json_out *data, unsigned offers);

/* late: what came too late */
bool late_adopt(struct deciding *d, const char *id);
bool late_discard(struct deciding *d, const char *id, const char *reason);
bool late_answer(struct deciding *d, const struct answer_given *given);

/* kill: agents taken out of the show; NULL: all of them */
bool kill_agents(struct deciding *d, const char *name);
bool revive_agents(struct deciding *d, const char *name);
void kill_tell(struct deciding *d); /* the alarm, as it should be */
/* One of the stage's agents that is killed, or -1. */
int stage_killed_agent(const struct model *m, int stage);

/* proposals */
json_object *proposals_inputs(const struct model *m, int stage);
/* The idempotency key of that attempt: "run/stage/attempt". Caller frees. */
char *call_key(const struct model *m, int stage, int attempt);
void proposals_call(struct deciding *d, int stage);  /* the calls of a start */
void proposals_again(struct deciding *d, int stage); /* after a restart */
/* The time of those that are out stands still or goes on, as the stage's. */
void proposals_stand(struct deciding *d, int stage);
void proposals_answer(struct deciding *d);
void proposals_settle(struct deciding *d, int stage);
/* Which of the calls of `stage` is the agent's; -1: none. */
int stage_agent_place(const struct model *m, int stage, int agent);
/* False and a sentence in `why` when `result` misses an output. */
bool proposals_fit(const struct model *m, int stage, json_object *result,
		   char *why, size_t why_bytes);
/* The patch that it means for the story of this stage; NULL when it does not
 * fit. */
json_object *proposals_patch(const struct model *m, int stage,
			     json_object *result, char *why, size_t why_bytes);

/* polls */
void polls_blank(struct model *m, int stage); /* as never opened */
void polls_blank_places(struct model *m);
void polls_effect(struct deciding *d, enum effect_kind kind, int stage);
/* False: it says in an event when it may, or how it ends without. */
bool polls_may_open(struct deciding *d, int stage);
void polls_open(struct deciding *d, int stage);
/* question, options, open_ms */
void polls_add_question(struct json_out *data, const struct show_poll *def);
void polls_create(struct deciding *d, int stage, const struct show_poll *def);
void polls_again(struct deciding *d, int stage);
void polls_timer(struct deciding *d, int stage);
void polls_vote(struct deciding *d);
void polls_tally(struct deciding *d);
/* Ends it and asks for the count; `choice` wins then, -1: as the votes say. */
void polls_close(struct deciding *d, int stage, int choice);
void polls_freeze_all(struct deciding *d);
void polls_thaw_all(struct deciding *d);
/* `why`, for people, when nobody wished it; else NULL. */
void polls_void(struct deciding *d, int stage, const char *why);
bool polls_answer(struct deciding *d, int stage, const char *choice);
/* poll_burst */
void poll_burst_apply(struct model *m, const struct event *e, int stage);
void poll_burst_read(struct poll_burst *burst, const struct burst_facts *facts);
void polls_burst(struct deciding *d);
bool polls_exclude(struct deciding *d, int stage, bool exclude,
		   const char *burst);
bool polls_burst_answer(struct deciding *d, const struct answer_given *given);
bool polls_command(struct deciding *d, int stage, enum action_id what,
		   const char *arg);

/* poll_result */
/* counts, total, margin_permille, uncertainty_permille, too_close, lacks, from
 */
void polls_add_count(struct deciding *d, struct json_out *data,
		     const struct show_poll *def, const int64_t *counts);
/* It ends with this winner, once its price is approved. */
void polls_settle(struct deciding *d, int stage, int winner, const char *why,
		  const int64_t *counts);
/* At once; `denied` is whose price was not approved, or NULL. */
void polls_resolve(struct deciding *d, int stage, int winner, const char *why,
		   const int64_t *counts, const char *denied);
/* `counts` say that it is because nobody won; NULL: somebody wishes it. */
void polls_extend(struct deciding *d, int stage, int64_t ms, const char *why,
		  const int64_t *counts);

/* Who wins when nobody pays: the default, else who has most votes of those that
 * cost nothing; -1: there is none. */
int polls_affordable(const struct show_poll *def, const int64_t *counts);

/* poll_own: polls without a stage. */
bool polls_make(struct deciding *d, const char *question, json_object *options,
		int64_t open_ms);
bool polls_may_make(struct deciding *d);
int polls_free_place(const struct model *m);
bool polls_by_hand(struct deciding *d, const char *const *args);
void polls_end(struct deciding *d, int stage); /* with the run */
void polls_end_own(struct deciding *d);

/* poll_propose: of agents */
bool polls_propose(struct deciding *d, const char *const *args);
bool polls_allow(struct deciding *d, const struct answer_given *given);

/* poll_extra: True when a person is asked about the price of `winner`. */
bool polls_hold(struct deciding *d, int stage, int winner, const char *why,
		const int64_t *counts);
/* The answer, with what the event of it says so far. */
void polls_price(struct deciding *d, int stage, bool approved, int64_t tokens,
		 struct json_out **data);

/* reset: rerun and rollback */
void reset_apply(struct model *m, const struct event *e);
bool reset_rerun(struct deciding *d, int stage);
bool reset_rollback(struct deciding *d, const char *version);

/* inbox */
void inbox_reset(struct model *m);
void inbox_close(struct model *m, int stage); /* its own question */
unsigned inbox_always(enum inbox_kind kind);  /* offers of each such item */
/* Adds a copy of `item` (its text moves) with the answers of its kind. */
void inbox_offer(struct model *m, const struct inbox_item *item);
void inbox_timer(struct deciding *d, int slot);
/* Two arguments, NULL when not given. */
bool inbox_answer(struct deciding *d, const char *id, const char *choice,
		  const char *const *args, const char *by);
/* The answer that was promised when nobody gives one. */
void inbox_default(struct deciding *d, const struct inbox_item *item);

/* With the figures of when it was asked, or of now. Caller frees. */
char *inbox_overage_text(const struct model *m, const struct inbox_item *item,
			 const struct inbox_figures *figures);

/* checks, alarms, obs */
void checks_result(struct deciding *d);
/* It runs from now on, unless it does already; its result comes as INPUT_CHECK.
 */
void checks_start(struct deciding *d, int check);
bool checks_run(struct deciding *d, const char *what); /* CARD[/TEST], NULL: all */
/* preflight: refuses `what` unless all that must be proven is. */
bool preflight_allows(struct deciding *d, const char *what);
bool preflight_run(struct deciding *d);
bool preflight_override(struct deciding *d, const char *reason);
APPLY_DOOR(preflight);
void alarms_input(struct deciding *d);
void alarm_raise(struct deciding *d, const char *id, const char *text);
void alarm_clear(struct deciding *d, const char *id); /* if it is up */
struct alarm *alarm_find(const struct model *m, const char *id);
void obs_input(struct deciding *d);
void obs_done(struct deciding *d);
/* "" finds a free place. */
struct obs_pending *obs_pending_find(struct model *m, const char *id);
/* Sent, and awaited; `*data` moves. `what` is for people. */
void obs_send(struct deciding *d, const char *request, json_object **data,
	      const char *what, const char *by);
void obs_scene(struct deciding *d, const char *scene, const char *by);
bool obs_act(struct deciding *d, const char *const *args); /* by people */
/* The safe scene; says how far it came. */
const char *obs_panic(struct deciding *d);
void obs_panic_look(struct deciding *d, bool came_back);
void obs_panic_over(struct deciding *d);
void obs_again(struct deciding *d);

void chat_input(struct deciding *d);
void chat_again(struct deciding *d);

/* rules: what an event of the show switches; an operator who chose a scene (or
 * what puts one on) is stronger for a while. */
void rules_fire(struct deciding *d, enum event_type type);
void rules_chosen(struct deciding *d, const char *what, const char *by);
void rules_scene_chosen(struct deciding *d, const char *scene, const char *by);
bool rules_hold(struct deciding *d, const char *time); /* NULL: for good */
bool rules_release(struct deciding *d);
/* As the show file has them. */
void rules_reset(struct model *m);
bool rules_are_off(const struct model *m, size_t rule);
/* That one, or (NULL) all of them at once. */
bool rules_switch(struct deciding *d, bool off, const char *name);

/* commands */
void commands_decide(struct deciding *d);
void command_remember(struct model *m, size_t at, const char *id);

#endif

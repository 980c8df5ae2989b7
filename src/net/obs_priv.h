/* obs_priv: inside an OBS session. */
#ifndef NET_OBS_PRIV_H
#define NET_OBS_PRIV_H

#include "base/json.h"
#include "core/obs_commands.h"
#include "net/obs.h"
#include "net/obs_watch.h"

/* What a request asks OBS for; ours carry no caller's id. */
struct obs_call {
	bool used, sent;
	uint64_t number; /* our requestId, "r<number>" */
	uint64_t parent; /* of the macro that it is a step of; 0: none */
	char *id;	 /* of the caller; NULL: one of our own */
	char *type;
	json_object *data; /* NULL: none; of a macro: its steps */
	int64_t deadline_ms;
	const struct obs_command *command; /* how it is confirmed; NULL: the
					      answer is enough */
	bool answered; /* OBS understood; the event is awaited */
	bool reading;  /* one of the answers OBS_READING waits for */
	bool asked;    /* the Get that shows whether it is so already */
	/* Of a macro: the step to be sent next, those that are out, and which
	 * of its steps this one is. */
	int next_step, steps_left, step;
	int64_t again_ms; /* of a panic: when it is sent once more */
	int tries;	  /* of a panic: how often it was */
};

/* Lists that are read again when one of a flood of events says so: once at a
 * time. */
enum obs_list { OBS_LIST_SCENES, OBS_LIST_INPUTS, OBS_LISTS };

struct obs_session {
	struct obs_sink sink;
	enum obs_phase state;
	char *password;
	struct obs_facts facts, told;
	bool ever_told;
	char *restore;	    /* the transition that a panic put aside */
	int64_t restore_ms; /* when it is put back; 0: there is none */
	char *cut;	    /* the name of the transition that takes no time */
	bool transition_runs;
	struct obs_call calls[OBS_MAX_REQUESTS];
	uint64_t next_number;
	int64_t now_ms; /* of the last that happened */
	int reads_left; /* answers that OBS_READING waits for */
	struct {
		bool asked; /* it is under way because of an event */
		bool stale; /* and another such event came since */
	} lists[OBS_LISTS];
	bool asking_all;     /* calls made now are such reads */
	uint64_t answered;   /* the call whose answer is being taken */
	/* Events told of scenes or a transition: then, and calls before this
	 * one may know less. */
	int64_t picture_ms;
	uint64_t picture_number;
	int64_t inputs_ms;   /* since then events told of inputs; 0: all that was
				told has been asked for since */
	bool inputs_came;    /* and one of them is new, or has another name */
	int64_t deadline_ms; /* of the handshake, of a change */
	int64_t figures_ms;  /* when to ask for figures next */
	int64_t soft_ms;     /* when to tell what need not be told at once; 0:
				nothing is waiting */

	unsigned mask; /* the events that OBS was asked for */
	int64_t mask_ms; /* since when that has no answer; 0: it has */
	struct obs_watch watch;
};

/* obs_calls.c */
bool obs_call(struct obs_session *s, const char *id, const char *type,
	      json_object **data, int64_t now_ms);
/* A free place, filled in; NULL: there is none. `*data` moves. */
struct obs_call *obs_call_new(struct obs_session *s, const char *id,
			      const char *type, json_object **data,
			      int64_t now_ms);
struct obs_call *obs_call_number(struct obs_session *s, uint64_t number);
/* Ends a call and tells its caller, or the macro that it is a step of. */
void obs_call_finish(struct obs_session *s, struct obs_call *c, bool ok,
		     const char *text);
void obs_call_answered(struct obs_session *s, struct obs_call *c, bool ok,
		       json_object *answer, int64_t now_ms);
void obs_calls_answer(struct obs_session *s, json_object *d, int64_t now_ms);
void obs_calls_event(struct obs_session *s, const char *type,
		     json_object *data);
void obs_calls_expire(struct obs_session *s, int64_t now_ms);
void obs_calls_fail(struct obs_session *s, const char *why);
void obs_calls_flush(struct obs_session *s, int64_t now_ms);
/* OBS changes, or is asked to: nothing else may be sent. */
bool obs_calls_are_held(const struct obs_session *s);
int64_t obs_calls_next_ms(const struct obs_session *s);
void obs_calls_free(struct obs_session *s);

/* obs_batch.c: several requests as one message. */
void obs_batch_send(struct obs_session *s, uint64_t number,
		    json_object *requests, bool halt);
json_object *obs_batch_add(json_object *requests, const char *type,
			   json_object *data);
void obs_batch_answer(struct obs_session *s, json_object *d, int64_t now_ms);
/* Macros: all that may be sent at once goes, the rest when it is confirmed. */
void obs_macro_begin(struct obs_session *s, struct obs_call *c, int64_t now_ms);
void obs_macro_fail(struct obs_session *s, struct obs_call *c,
		    const char *text);
/* It took too long: says which step was not confirmed. */
void obs_macro_expire(struct obs_session *s, struct obs_call *c);
void obs_macro_step(struct obs_session *s, const struct obs_call *step, bool ok,
		    const char *text);
void obs_macros_go_on(struct obs_session *s, int64_t now_ms);
/* Mute, volume and being on air of every input; false: not asked for, too much
 * is under way. */
bool obs_inputs_read(struct obs_session *s, int64_t now_ms);

/* obs_panic.c: the safe scene, whatever stands in the way. */
void obs_panic_begin(struct obs_session *s, struct obs_call *c, int64_t now_ms);
void obs_panic_send_again(struct obs_session *s, struct obs_call *c,
			  int64_t now_ms);
void obs_panic_end(struct obs_session *s, const struct obs_call *c);
void obs_panic_restore(struct obs_session *s, int64_t now_ms);
void obs_panic_answer(struct obs_session *s, struct obs_call *c,
		      json_object *results, int64_t now_ms);

/* obs_facts.c: what OBS said, put into facts and figures. */
void obs_facts_answer(struct obs_session *s, const char *type,
		      json_object *asked, json_object *data, int64_t now_ms);
void obs_facts_event(struct obs_session *s, const char *type, json_object *data,
		     int64_t now_ms);
/* Of two events OBS sends either one first, and some it does not send: which
 * scenes are on is asked for, too, while they seem to be at rest, and how the
 * inputs are when something was told of them. */
void obs_facts_look(struct obs_session *s, int64_t now_ms);
/* OBS refused it: `type` may be asked for again. */
void obs_facts_refused(struct obs_session *s, const char *type, int64_t now_ms);
/* What may be told a little later: it comes in floods. */
bool obs_facts_is_soft(const char *event);
void obs_facts_set(char **place, const char *text);
void obs_figures(struct obs_session *s);

/* obs.c: asks for everything once more. */
void obs_read_all(struct obs_session *s, int64_t now_ms);

#endif

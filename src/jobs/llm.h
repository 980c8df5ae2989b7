/*
 * llm: what the two APIs of language models have in common, and a row for each:
 * how a request is written, and how an answer is read, whole or event by event.
 * Private to jobs/. Pure but for the keys. The documents: OpenAI's API reference,
 * "Chat completions" and its streaming; Anthropic's, "Messages", "Streaming
 * messages" and "Errors".
 */
#ifndef JOBS_LLM_H
#define JOBS_LLM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "jobs/meter.h"
#include "show/show.h"

/* Keywords that a server may not know; each is left out, or written otherwise,
 * once it has refused the request because of it. */
enum llm_quirk {
	LLM_PLAIN = 0,
	LLM_NO_FORMAT = 1,	   /* no response_format */
	LLM_NO_STREAM_OPTIONS = 2, /* no stream_options */
	LLM_COMPLETION_TOKENS = 4, /* max_completion_tokens for max_tokens */
};

/* What is asked. Lent. */
struct llm_ask {
	const char *model;
	const char *system; /* NULL or "": none */
	const char *user;
	bool stream, wants_json;
	int64_t max_tokens; /* 0: as many as the server gives */
	unsigned quirks;
};

enum llm_finish {
	LLM_UNFINISHED, /* its end was not seen */
	LLM_STOP,	/* as it should */
	LLM_LENGTH,	/* cut at max_tokens */
	LLM_FILTERED,	/* refused, or left out by a filter */
	LLM_OVERFLOW,	/* the context is full */
	LLM_OTHER,	/* it wants to call a tool, and the like */
};

/* What came. All zero, but for `use`, is nothing: llm_told_init(). */
struct llm_told {
	struct buf text;
	struct meter_use use; /* counted: pieces with text, at least that many
				 tokens; and one for 8 bytes */
	enum llm_finish finish;
	char *reason; /* the word that the server used, cleaned, or NULL */
	char *model;  /* cleaned, or NULL */
	char *error;  /* of an error object or event: "type: message" */
	bool over;    /* the stream's own last event was seen */
	bool bad;     /* an event was no JSON object */
};

struct llm_api {
	enum show_api api;
	const char *path;		   /* behind the agent's url */
	const char *version_header;	   /* always sent; NULL: none */
	const char *version;
	const char *key_header;		   /* "Name: " and so on, the key follows */
	json_object *(*request)(const struct llm_ask *ask);
	void (*whole)(json_object *answer, struct llm_told *told);
	void (*event)(json_object *event, struct llm_told *told);
	struct llm_word {
		const char *word;
		enum llm_finish finish;
	} const *words;			   /* NULL-ended */
};

extern const struct llm_api llm_openai, llm_anthropic;
const struct llm_api *llm_api_of(enum show_api api);

void llm_told_init(struct llm_told *told);
void llm_told_release(struct llm_told *told);
/* For the rows: text of a piece, a finish word, the model, an error object. */
void llm_told_add(struct llm_told *told, const char *text);
void llm_told_finish(struct llm_told *told, const struct llm_api *api,
		     const char *word);
void llm_told_model(struct llm_told *told, json_object *o);
void llm_told_error(struct llm_told *told, json_object *o);

/* One event's data, "[DONE]" included. False when it was the last one, or what
 * came is no answer any more. */
bool llm_read_event(const struct llm_api *api, const char *data, size_t bytes,
		    struct llm_told *told);
/* A whole answer. False, and told->bad, when it is none. */
bool llm_read_whole(const struct llm_api *api, const char *text, size_t bytes,
		    struct llm_told *told);

/* The address of a call: the agent's url with the API's path behind it, once.
 * Caller frees. */
char *llm_url(const struct show_agent *agent);

/* --- keys: llm_key.c. Not pure -------------------------------------------- */

/* The agent's API key from its key_env or key_file (which must be a file of ours
 * that others cannot read; looked at now, so that a new key needs no restart),
 * registered with the log. False with err when it is named and not to be had;
 * `*key` NULL when the agent has none. */
bool llm_key_read(const struct show *show, const struct show_agent *agent,
		  char **key, struct err *err);
/* Zeroes what it frees. NULL -> nothing. */
void llm_key_free(char **key);

/* The headers of a call: the API's version (NULL: the one that we know), key
 * and idempotency key (each may be NULL), NULL-ended. To be freed by
 * llm_headers_free(), which zeroes them. */
char **llm_headers_new(const struct llm_api *api, const char *version,
		       const char *key, const char *idempotency);
void llm_headers_free(char ***headers);

/* --- prompts: llm_prompt.c ------------------------------------------------ */

/* What the model is told, made of the agent's prompt, or the default one, and
 * the call's request (contract 3.4). Callers free both. */
void llm_prompt_make(const struct show *show, int stage, int agent,
		     json_object *request, char **system, char **user);

/* One text with its {{inputs.NAME}} and the like filled in. Caller frees. */
char *llm_prompt_fill(const struct show *show, int stage, int agent,
		      json_object *request, const char *text);

/* --- answers: llm_answer.c ------------------------------------------------ */

/* The result that a text means for the outputs of a stage. NULL with the code
 * ("no_json") in `*code` and err when it means none. Caller puts. */
json_object *llm_answer_read(const char *text, size_t bytes,
			     const struct show_names *outputs,
			     const char **code, struct err *err);

#endif

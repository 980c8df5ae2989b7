/*
 * meter: reads a model's answer as it streams by, counts what it uses, and ends
 * it properly when its allowance is used up. Pure; one thread.
 *
 * Server-sent events of OpenAI's chat completions (chunks, "data: [DONE]") and
 * Anthropic's messages (message_start ... message_stop). Only whole events are
 * passed on. What ends the answer for the client (from the last finish_reason
 * or the message_delta on) is kept back as the tail, to be sent once the use
 * is booked.
 *
 * Counted are pieces that carry text, at least one token each, and a token for
 * 8 bytes where a piece is long: never more than a tokenizer would find, so no
 * honest answer is cut short. What the server reports replaces the count.
 */
#ifndef JOBS_METER_H
#define JOBS_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/mem.h"
#include "show/show.h"

struct meter_allowance {
	enum show_api api;
	bool usage_wanted;	/* OpenAI: the client asked for the usage chunk */
	int choices;		/* OpenAI's n, else 1 */
	int64_t prompt_tokens;	/* estimated */
	int64_t output_tokens;	/* of all choices together: cut beyond */
	const char *lease;	/* for the note at the cut; copied */
};

struct meter_use {
	int64_t input_tokens, output_tokens; /* -1: not reported */
	int64_t counted;		     /* output tokens, by us */
};

enum meter_state {
	METER_GOES_ON,
	METER_WHOLE, /* its own end was seen; the tail is complete */
	METER_CAP,   /* the allowance is used up; the tail ends the answer */
	METER_ERROR, /* it carried an error event, which is the tail */
	METER_BAD,   /* no events that can be read: invalid JSON, too large */
};

struct meter;

struct meter *meter_new(const struct meter_allowance *allowance);
void meter_free(struct meter **meter);
/* Adds to `out` what may be passed on. After another state than METER_GOES_ON
 * nothing more is read. */
enum meter_state meter_feed(struct meter *meter, const char *data, size_t bytes,
			    struct buf *out);
/* The upstream has closed. METER_WHOLE also without the last event, when every
 * choice was finished: some servers forget it, and it is added. */
enum meter_state meter_close(struct meter *meter, struct buf *out);
/* What was kept back. Lent. */
const struct buf *meter_tail(const struct meter *meter);
void meter_used(const struct meter *meter, struct meter_use *use);

/* The usage object of an answer, of either API. -1 where it says nothing that
 * can be true. */
void meter_read_usage(json_object *usage, enum show_api api,
		      struct meter_use *use);

/* The same of the message that an Anthropic answer begins with: the output that
 * it tells there is not the answer's. */
void meter_read_start(json_object *message, struct meter_use *use);
/* Counts a piece with so much text. */
void meter_count(struct meter_use *use, size_t bytes);

/* An error event in the API's form, for a stream that cannot go on. */
void meter_add_error(struct buf *out, enum show_api api, const char *code,
		     const char *text);
/* An error's body in the API's form. Caller frees. */
char *meter_error_body(enum show_api api, int status, const char *code,
		       const char *text);

/* Tokens of the prompt of a request, rather too many: a third of the bytes of
 * its texts (half of those beyond ASCII), and some for each message. */
int64_t meter_guess_prompt(json_object *request);

#endif

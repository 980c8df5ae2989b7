/*
 * llm_peer: a language model's server for tests and benches, on a port of
 * 127.0.0.1. It speaks OpenAI's chat completions (POST .../v1/chat/completions)
 * and Anthropic's messages (POST .../v1/messages), streamed and whole, counts
 * tokens, holds to max_tokens, and behaves badly when it is asked to.
 *
 * By itself it is the program tests/real/llm_peer [PORT]: it prints "port N"
 * and serves until SIGTERM, SIGINT or the end of its parent.
 *
 *     tests/real/llm_peer & ...
 *     curl http://127.0.0.1:N/v1/chat/completions -d '{"model": "test",
 *         "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}'
 *
 * A token is up to four code points of a text. A prompt takes the tokens of its
 * texts and three for each message. The answer is "w01 w02 ...", 40 tokens, each
 * a piece of a stream; or what stands between <<say>> and <</say>> in the
 * last message that has it; or JSON with the members after <<members>> (blanks
 * between, to the end of the line).
 *
 * Words change that, any number of them joined by '+': after a '+' in the
 * model's name ("test+slow=5+nousage"), or as a folder before /v1/
 * (http://127.0.0.1:N/slow=5+nousage/v1), or in the header "X-Peer".
 *
 *     tokens=N     the answer has N tokens
 *     nousage      tells no usage       usage=N     tells N output tokens
 *     more=N       gives N tokens more than max_tokens allows
 *     wait=MS      before the first byte slow=MS    before each piece
 *     comments=N   N comment lines (50 ms apart) before the first event
 *     cut=N        the connection ends after N pieces (whole: in the middle)
 *     nodone       the stream ends well, but without its last event
 *     error=N      an error event after N pieces
 *     endless      pieces (whole: blanks) for ever
 *     huge=N       an answer of N bytes in one piece
 *     badjson      what should be JSON is none
 *     errorbody    200 with an error object
 *     plain        a whole answer, though a stream was asked for
 *     rejects=KEY  400 while the request has this member
 *     finish=WORD  finish_reason or stop_reason
 *     status=CODE  answers with this status: 429, 500, 529, ...
 *     times=N      only the first N requests with these same words
 *     retry=S      Retry-After in seconds   retrydate=S  as an HTTP date
 *     overflow     the prompt is too long   context=N    so is prompt +
 *                                           max_tokens above N tokens
 *     key=TEXT     401 unless this is the API key; it echoes the wrong one
 *     crlf         lines end in CR LF       bytes=N      N bytes a write
 *
 * GET /stats: {requests, open, input_tokens, output_tokens, cut, last_key,
 * last_max_tokens}: what was really made, whatever was told.
 */
#ifndef TESTS_LLM_PEER_H
#define TESTS_LLM_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct llm_peer;

struct llm_stats {
	int64_t requests, open; /* open: answers that are on their way */
	int64_t input_tokens, output_tokens; /* of all answers together */
	int64_t cut; /* answers that did not come to their end */
};

/* Port 0: a free one. NULL when it cannot listen. */
struct llm_peer *llm_peer_start(int port);
void llm_peer_stop(struct llm_peer **peer); /* ends all connections */
int llm_peer_port(const struct llm_peer *peer);

void llm_peer_stats(struct llm_peer *peer, struct llm_stats *out);
/* Of the last request: its body, and the key that it brought ("" for none).
 * Caller frees. */
char *llm_peer_last(struct llm_peer *peer);
char *llm_peer_last_key(struct llm_peer *peer);
/* Until `requests` have come and none is open. False after 10 s. */
bool llm_peer_wait(struct llm_peer *peer, int64_t requests);

#endif

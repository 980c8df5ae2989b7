/*
 * net_stand: what stands around the net in its tests: a driver in place of the
 * engine (the real core, fed from the net's mailbox, without Redis and without
 * agents), and a client that speaks raw bytes. The net itself is the real one.
 */
#ifndef TESTS_NET_STAND_H
#define TESTS_NET_STAND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mailbox.h"
#include "base/mem.h"
#include "core/core.h"
#include "net/net.h"

#define STAND_TOKEN "0123456789abcdef0123456789abcdef"

struct stand {
	struct show *show;
	struct net *net;
	struct mailbox *box;
	struct model *model;
	struct event **log;
	size_t log_count, log_cap;
	char *dir;
	struct net_limits limits;
	pthread_t thread;
	atomic_bool silent; /* takes inputs and answers nothing */

	/* Votes, as the store would keep them. */
	char **voters;
	size_t voter_count, voter_cap;
	int64_t counts[64];
	atomic_int votes;

	/* What the net said of OBS; under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct obs_facts obs;
	char obs_errors[2000]; /* all that it ever said, one after the other */
	int obs_news;
	char *done_id, *done_text;
	bool done_ok;
	int done_count;
	char *figures, *meters;
	int meters_news;

	/* And of the chat; under the lock. */
	bool chat_there;
	char *chat_error;
	int chat_news;
};

/* NULL `yaml`: a show with a poll that is open, and one stage in standby. */
struct stand *stand_new(const char *yaml);
struct stand *stand_new_with(const char *yaml, const struct net_limits *limits);
/* The net ends and begins again at the same addresses, as after a crash. */
void stand_restart(struct stand *s);
void stand_free(struct stand **stand);
/* As net_live() of the engine: the tally that the votes make. */
void stand_tally(struct stand *s);
/* Waits for news of OBS or the chat, or for a vote, or until the show's clock
 * stands at `end_ms`; the lock is held. */
void stand_wait_news(struct stand *s, int64_t end_ms);
int stand_port(const char *addr);

/* Connects to "host:port" of the net, with a deadline on every read. */
int peer_open(const char *addr);
void peer_send(int fd, const void *bytes, size_t len);
void peer_say(int fd, const char *text);
/* Everything until the other side closes, or `until` was seen, or 8 s are
 * over. NUL-ended; caller frees. */
char *peer_read(int fd, const char *until);
/* One request on a connection of its own; the whole answer. */
char *peer_ask(const char *addr, const char *request);
/* The status of an answer, 0: none. */
int peer_status(const char *answer);
/* The body of an answer; lent. */
const char *peer_body(const char *answer);
/* Asks what the rest of the arguments print, and checks the status. */
#define ASK(addr, status, ...)                                                 \
	do {                                                                   \
		char *request_ = xasprintf(__VA_ARGS__);                       \
		char *answer_ = peer_ask((addr), request_);                    \
		ck_assert_msg(peer_status(answer_) == (status),                \
			      "wanted %d for <%.300s>, got <%.400s>",          \
			      (status), request_, answer_);                    \
		free(answer_);                                                 \
		free(request_);                                                \
	} while (0)

/* GET or POST with the token and the right Host. `body` NULL: GET. */
char *operator_ask(struct stand *s, const char *method, const char *path,
		   const char *body);

/* A WebSocket after its handshake; -1 when it was refused, and then `*answer`
 * (may be NULL) is what came. */
int ws_open(const char *addr, const char *path, const char *headers,
	    char **answer);
void ws_send(int fd, int opcode, bool final, const void *data, size_t len);
void ws_say(int fd, const char *text);
/* The next text message; NULL on close or after 8 s, then `*code` is the
 * close code, 0: none came. Caller frees. */
char *ws_next(int fd, int *code);

#endif

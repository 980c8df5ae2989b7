/*
 * chat: which of the words in a chat are votes, and for what. Knows the polls
 * as the audience does, and no socket. One thread, the ws thread.
 *
 * A vote is a word with the prefix before it: the id of an option or its number
 * in the order of the poll ("!cave", "!1"; an id that is a number means that
 * option). Where several polls are open it is for the one that was opened last
 * and takes votes.
 */
#ifndef NET_CHAT_H
#define NET_CHAT_H

#include <stdbool.h>
#include <stdint.h>

/* In so long the same vote of the same chatter is passed on once, and so many
 * are in all. */
#define CHAT_AGAIN_MS 2000
#define CHAT_MOST     4

struct chat;

struct chat *chat_new(const char *prefix);
void chat_free(struct chat **chat);
/* The polls as ws_polls() tells them. */
void chat_set_polls(struct chat *c, const char *json);
/* The poll that a vote is for now, NULL: none takes any. Lent. */
const char *chat_poll(const struct chat *c);
/* Which opening of it, in show time. */
int64_t chat_poll_opened(const struct chat *c);
/* The option that somebody chooses by this; -1: it is no vote. */
int chat_option(const struct chat *c, const char *text);
const char *chat_option_id(const struct chat *c, int option);
/* False when this chatter said so a moment ago, or says too much. */
bool chat_is_news(struct chat *c, const char *voter, int option,
		  int64_t now_ms);

#endif

/*
 * obs_peer: a server that speaks WebSocket as OBS does, for a test that says
 * word by word what comes, and for a bench that wants more of it than OBS
 * sends. One listener in a process.
 */
#ifndef TESTS_OBS_PEER_H
#define TESTS_OBS_PEER_H

#include <stdbool.h>
#include <stddef.h>

#define HELLO "{\"op\":0,\"d\":{\"rpcVersion\":1}}"

/* Listens at a port of 127.0.0.1, which is returned. */
int peer_listen(void);
void peer_unlisten(void);
/* The next connection, within `ms`; -1: nobody came. */
int next_peer(int ms);
/* Its request, to the empty line. Caller frees. */
char *read_head(int fd);
/* Takes the next connection as a WebSocket. */
int upgrade(void);

/* The beginning of a frame, unmasked, as a server's are; its length. */
size_t frame(unsigned char *out, int first, size_t len);
void say(int fd, int first, const void *data, size_t len);
void say_text(int fd, const char *text);
void say_close(int fd, unsigned code, const char *reason);
/* The client's next text, or what its ping or pong holds (a ping is answered);
 * NULL: it closed, or left. Caller frees. */
char *hear(int fd);
void hear_identify(int fd);
/* Answers this request: two scenes, no inputs, and all is well. Another
 * message has no answer. */
void answer_one(int fd, const char *request);
/* Answers whatever is asked until `until` is; that one only if `it_too`. */
void answer_until(int fd, const char *until, bool it_too);

#endif

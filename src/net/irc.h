/*
 * irc: a guest in one channel of an IRC server (RFC 2812, IRCv3 message tags
 * and capabilities, and Twitch's dialect), without a socket: bytes in, lines
 * out, time given. chat_link.c gives it the connection. One thread, the ws
 * thread.
 *
 * The guest listens: what it sends is its registration, one JOIN and what
 * keeps the line alive, and never a word to the channel. Everything that comes
 * is hostile; a line that is too long or holds a NUL is passed over.
 */
#ifndef NET_IRC_H
#define NET_IRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IRC_TAGS_BYTES	8191 /* with the '@' and the blank behind them */
#define IRC_REST_BYTES	512  /* with the end of the line */
#define IRC_PARAMS	15
#define IRC_VOTER_BYTES 64
#define IRC_JOIN_MS	15000 /* from the connection to the channel */
#define IRC_QUIET_MS	60000 /* then we ask whether anybody is there... */
#define IRC_DEAD_MS	90000 /* ...and then nobody is */

/* A line, taken apart. All of it points into the line. */
struct irc_message {
	char *tags;    /* without the '@'; NULL: none */
	char *nick;    /* of who sent it; "": the server */
	char *command; /* as it came, letters of any case or a number */
	char *params[IRC_PARAMS];
	int count;
};

/* Takes a NUL-ended line (without its end) apart, in place. False: it is none,
 * or one of its two parts is too long. */
bool irc_parse(char *line, struct irc_message *m);
/* The value of a tag, its escapes undone. False: not there, empty, or too long
 * for `out`. */
bool irc_tag(const struct irc_message *m, const char *key, char *out,
	     size_t bytes);

enum irc_phase {
	IRC_DOWN,
	IRC_REGISTERING, /* waits for 001 */
	IRC_JOINING,	 /* waits for its own JOIN */
	IRC_JOINED,
};

/* How soon it is of use to try again. */
enum irc_again {
	IRC_AT_ONCE, /* the server asked for it */
	IRC_SOON,
	IRC_REFUSED, /* a password, a ban: not before somebody did something */
};

struct irc_sink {
	void *who;
	/* A line without its end. */
	void (*send)(void *who, const char *line);
	void (*joined)(void *who);
	/* Somebody said `text` in the channel. False: take no more for now (of
	 * what irc_received() was given, the rest is left). */
	bool (*said)(void *who, const struct irc_message *m, const char *text);
	/* This link is of no use: hang up. `why` is for people, cleaned. */
	void (*give_up)(void *who, const char *why, enum irc_again again);
};

struct irc_session;

/* Copies what it is given; `password` may be NULL. */
struct irc_session *irc_new(const struct irc_sink *sink, const char *nick,
			    const char *channel);
void irc_free(struct irc_session **s);
void irc_set_password(struct irc_session *s, const char *password);

void irc_opened(struct irc_session *s, int64_t now_ms);
/* How many of the bytes were taken: all, unless said() wanted no more or the
 * link was given up. */
size_t irc_received(struct irc_session *s, const char *bytes, size_t len,
		    int64_t now_ms);
/* Ends a line that has no end of its own: a WebSocket message is one. */
void irc_end_line(struct irc_session *s, int64_t now_ms);
void irc_lost(struct irc_session *s);
void irc_tick(struct irc_session *s, int64_t now_ms);
/* When irc_tick() has to be called; 0: never. */
int64_t irc_next_ms(const struct irc_session *s);
enum irc_phase irc_phase_of(const struct irc_session *s);
/* Lines that were passed over, since the start. */
int64_t irc_passed_over(const struct irc_session *s);

/* Who said it, as a voter: the server's own number for the account, else the
 * account, else the nick; hashed, and not to be mistaken for a voter that came
 * another way. False: nobody. */
bool irc_voter(const struct irc_session *s, const struct irc_message *m,
	       char out[IRC_VOTER_BYTES]);

#endif

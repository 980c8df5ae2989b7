/*
 * voter: who votes, without names or accounts. A voter is a random id that we
 * signed (HMAC-SHA-256, RFC 2104) and keep in a cookie, so that nobody can make
 * one up; the secret is the show's own, in its state folder with mode 0600.
 * After voter_secret_open() it is read only: any thread.
 */
#ifndef NET_VOTER_H
#define NET_VOTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define VOTER_SECRET_BYTES 65 /* 64 hex digits and the NUL */
#define VOTER_ID_BYTES	   48
#define VOTER_TOKEN_BYTES 128

/* Reads <dir>/voter.secret, or makes it. A NULL dir: a secret for this
 * process only. */
bool voter_secret_open(const char *dir, char secret[VOTER_SECRET_BYTES],
		       struct err *err);

/* A new voter: `id` is what the vote is kept under, `token` what the browser
 * keeps. */
void voter_new(const char *secret, char id[VOTER_ID_BYTES],
	       char token[VOTER_TOKEN_BYTES]);
/* The id in a token of ours; false when we never signed it. */
bool voter_read(const char *secret, const char *token,
		char id[VOTER_ID_BYTES]);

#endif

#include "net/voter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define HASH_BYTES  32
#define NAME_DIGITS 32

bool voter_secret_open(const char *dir, char secret[VOTER_SECRET_BYTES],
		       struct err *err)
{
	if (!dir) {
		hash_random_hex(secret, HASH_BYTES);
		return true;
	}
	char *path = xasprintf("%s/voter.secret", dir);
	bool ok = true;
	if (access(path, F_OK)) {
		hash_random_hex(secret, HASH_BYTES);
		ok = file_write(path, secret, strlen(secret), 0600, err);
	} else {
		char *text = file_secret(NULL, path, err);
		ok = text && strlen(text) == VOTER_SECRET_BYTES - 1;
		if (text && !ok)
			err_set(err, ERR_DATA,
				"%s: not a secret of ours: delete it, then "
				"voters are counted anew",
				path);
		if (ok)
			memcpy(secret, text, VOTER_SECRET_BYTES);
		free(text);
	}
	free(path);
	return ok;
}

void voter_new(const char *secret, char id[VOTER_ID_BYTES],
	       char token[VOTER_TOKEN_BYTES])
{
	char name[NAME_DIGITS + 1], mark[HASH_HEX_BYTES];
	hash_random_hex(name, NAME_DIGITS / 2);
	hash_hmac_hex(mark, secret, name);
	snprintf(id, VOTER_ID_BYTES, "c:%s", name);
	snprintf(token, VOTER_TOKEN_BYTES, "%s.%s", name, mark);
}

bool voter_read(const char *secret, const char *token, char id[VOTER_ID_BYTES])
{
	if (!token || strlen(token) != NAME_DIGITS + 1 + 64 ||
	    token[NAME_DIGITS] != '.')
		return false;
	char name[NAME_DIGITS + 1], mark[HASH_HEX_BYTES];
	memcpy(name, token, NAME_DIGITS);
	name[NAME_DIGITS] = 0;
	if (strspn(name, "0123456789abcdef") != NAME_DIGITS)
		return false;
	hash_hmac_hex(mark, secret, name);
	if (!hash_equal_secret(mark, token + NAME_DIGITS + 1))
		return false;
	memcpy(id, "c:", 2);
	memcpy(id + 2, name, sizeof name);
	return true;
}

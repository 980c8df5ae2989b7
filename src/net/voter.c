#include "net/voter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define BLOCK_BYTES 64
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

/* sha256((key ^ pad) . text) as bytes. */
static void keyed_hash(unsigned char out[HASH_BYTES], const char *key,
		       unsigned char pad, const void *text, size_t bytes)
{
	unsigned char *block = xmalloc(BLOCK_BYTES + bytes);
	size_t len = strlen(key);
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		block[i] = (unsigned char)((i < len ? key[i] : 0) ^ pad);
	memcpy(block + BLOCK_BYTES, text, bytes);
	char hex[HASH_HEX_BYTES];
	hash_sha256_hex(hex, block, BLOCK_BYTES + bytes);
	free(block);
	for (int i = 0; i < HASH_BYTES; i++) {
		unsigned v = 0;
		sscanf(hex + 2 * i, "%2x", &v);
		out[i] = (unsigned char)v;
	}
}

void voter_sign(const char *secret, const char *text, char out[65])
{
	unsigned char inner[HASH_BYTES], outer[HASH_BYTES];
	keyed_hash(inner, secret, 0x36, text, strlen(text));
	keyed_hash(outer, secret, 0x5c, inner, sizeof inner);
	for (int i = 0; i < HASH_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", outer[i]);
}

void voter_new(const char *secret, char id[VOTER_ID_BYTES],
	       char cookie[VOTER_COOKIE_BYTES])
{
	char name[NAME_DIGITS + 1], mark[65];
	hash_random_hex(name, NAME_DIGITS / 2);
	voter_sign(secret, name, mark);
	snprintf(id, VOTER_ID_BYTES, "c:%s", name);
	snprintf(cookie, VOTER_COOKIE_BYTES, "%s.%s", name, mark);
}

bool voter_read(const char *secret, const char *cookie, char id[VOTER_ID_BYTES])
{
	if (!cookie || strlen(cookie) != NAME_DIGITS + 1 + 64 ||
	    cookie[NAME_DIGITS] != '.')
		return false;
	char name[NAME_DIGITS + 1], mark[65];
	memcpy(name, cookie, NAME_DIGITS);
	name[NAME_DIGITS] = 0;
	if (strspn(name, "0123456789abcdef") != NAME_DIGITS)
		return false;
	voter_sign(secret, name, mark);
	if (!hash_equal_secret(mark, cookie + NAME_DIGITS + 1))
		return false;
	snprintf(id, VOTER_ID_BYTES, "c:%s", name);
	return true;
}

/* hash: SHA-256 (FIPS 180-4), base64 (RFC 4648) and chance, by libcrypto. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_HEX_BYTES 65 /* 64 digits and the NUL */

/* Lower-case hex of SHA-256 over `bytes`. Pure. Returns `out`. */
char *hash_sha256_hex(char out[HASH_HEX_BYTES], const void *data, size_t bytes);

/* The same over bytes that come piece by piece. hash_sum_end() frees it. */
struct hash_sum;
struct hash_sum *hash_sum_new(void);
void hash_sum_add(struct hash_sum *sum, const void *data, size_t bytes);
char *hash_sum_end(struct hash_sum **sum, char out[HASH_HEX_BYTES]);

/* FNV-1a, for tables and rings of our own: quick, and no secret. */
static inline uint64_t hash_fnv1a(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return h;
}

/* Standard base64 with padding. Caller frees. */
char *hash_base64(const void *data, size_t bytes);
/* What such text stands for; NULL: it is none, or more than `max` bytes. Caller
 * frees. */
unsigned char *hash_base64_read(const char *text, size_t max, size_t *bytes);

/* base64(sha256(a then b)): what obs-websocket v5 authentication is made of.
 * Caller frees. */
char *hash_sha256_base64(const char *a, const char *b);

/* HMAC-SHA256 (RFC 2104) of `text` under `key`, as lower-case hex. Returns
 * `out`. */
char *hash_hmac_hex(char out[HASH_HEX_BYTES], const char *key,
		    const char *text);

/* `bytes` of chance as lower-case hex, 2*bytes+1 chars into `out`. Not pure. */
void hash_random_hex(char *out, size_t bytes);

/* Compares in constant time. */
bool hash_equal_secret(const char *a, const char *b);

#endif

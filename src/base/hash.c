#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define SHA256_BYTES 32

/* Each thread's, used again and again: to make one costs more than most
 * digests, and to give a MAC its key more than the MAC itself. */
struct own {
	EVP_MD_CTX *digest;
	EVP_MAC_CTX *mac;
	char *key; /* which `mac` has; NULL: none yet */
};

static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256; /* EVP_sha256() would be looked up at every digest */
static EVP_MAC *hmac;
static pthread_key_t own_key;
static char hex_pairs[256][2]; /* of each byte */

static void forget_key(struct own *own)
{
	if (own->key)
		OPENSSL_cleanse(own->key, strlen(own->key));
	free(own->key);
	own->key = NULL;
}

static void free_own(void *p)
{
	struct own *own = p;
	EVP_MD_CTX_free(own->digest);
	EVP_MAC_CTX_free(own->mac);
	forget_key(own);
	free(own);
}

static void prepare(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	REQUIRE(sha256 != NULL && hmac != NULL);
	REQUIRE(pthread_key_create(&own_key, free_own) == 0);
	for (int i = 0; i < 256; i++) {
		hex_pairs[i][0] = "0123456789abcdef"[i >> 4];
		hex_pairs[i][1] = "0123456789abcdef"[i & 15];
	}
}

static struct own *own(void)
{
	pthread_once(&sha256_once, prepare);
	struct own *own = pthread_getspecific(own_key);
	if (!own) {
		own = xcalloc(1, sizeof *own);
		own->digest = EVP_MD_CTX_new();
		own->mac = EVP_MAC_CTX_new(hmac);
		REQUIRE(own->digest != NULL && own->mac != NULL);
		REQUIRE(pthread_setspecific(own_key, own) == 0);
	}
	return own;
}

static void digest(unsigned char out[SHA256_BYTES], const void *a,
		   size_t a_bytes, const void *b, size_t b_bytes)
{
	EVP_MD_CTX *ctx = own()->digest;
	REQUIRE(EVP_DigestInit_ex2(ctx, sha256, NULL) == 1);
	REQUIRE(EVP_DigestUpdate(ctx, a, a_bytes) == 1);
	REQUIRE(b_bytes == 0 || EVP_DigestUpdate(ctx, b, b_bytes) == 1);
	REQUIRE(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

static char *to_hex(char out[HASH_HEX_BYTES], const unsigned char *sum)
{
	for (size_t i = 0; i < SHA256_BYTES; i++)
		memcpy(out + 2 * i, hex_pairs[sum[i]], 2);
	out[HASH_HEX_BYTES - 1] = '\0';
	return out;
}

char *hash_sha256_hex(char out[HASH_HEX_BYTES], const void *data, size_t bytes)
{
	unsigned char sum[SHA256_BYTES];
	digest(sum, data, bytes, "", 0);
	return to_hex(out, sum);
}

struct hash_sum {
	EVP_MD_CTX *ctx;
};

struct hash_sum *hash_sum_new(void)
{
	struct hash_sum *s = xmalloc(sizeof *s);
	pthread_once(&sha256_once, prepare);
	s->ctx = EVP_MD_CTX_new();
	REQUIRE(s->ctx != NULL);
	REQUIRE(EVP_DigestInit_ex2(s->ctx, sha256, NULL) == 1);
	return s;
}

void hash_sum_add(struct hash_sum *s, const void *data, size_t bytes)
{
	REQUIRE(EVP_DigestUpdate(s->ctx, data, bytes) == 1);
}

char *hash_sum_end(struct hash_sum **sum, char out[HASH_HEX_BYTES])
{
	struct hash_sum *s = *sum;
	unsigned char bytes[SHA256_BYTES];
	*sum = NULL;
	REQUIRE(EVP_DigestFinal_ex(s->ctx, bytes, NULL) == 1);
	EVP_MD_CTX_free(s->ctx);
	free(s);
	return to_hex(out, bytes);
}

char *hash_base64(const void *data, size_t bytes)
{
	REQUIRE(bytes <= INT_MAX / 2);
	char *out = xmalloc((bytes + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)out, data, (int)bytes);
	return out;
}

unsigned char *hash_base64_read(const char *text, size_t max, size_t *bytes)
{
	size_t len = strlen(text);
	if (!len || len % 4 || len / 4 * 3 > max || len > INT_MAX)
		return NULL;
	unsigned char *out = xmalloc(len / 4 * 3 + 1);
	if (EVP_DecodeBlock(out, (const unsigned char *)text, (int)len) < 0) {
		free(out);
		return NULL;
	}
	/* It counts the padding as bytes. */
	*bytes = len / 4 * 3 - (text[len - 1] == '=') - (text[len - 2] == '=');
	return out;
}

char *hash_sha256_base64(const char *a, const char *b)
{
	unsigned char sum[SHA256_BYTES];
	digest(sum, a, strlen(a), b, strlen(b));
	return hash_base64(sum, sizeof sum);
}

/* One key follows itself mostly: then the context still has it. */
static EVP_MAC_CTX *keyed(const char *key)
{
	struct own *o = own();
	char name[] = "SHA2-256";
	const OSSL_PARAM how[] = {
		OSSL_PARAM_construct_utf8_string("digest", name, 0),
		OSSL_PARAM_construct_end(),
	};
	bool same = o->key && !strcmp(o->key, key);
	REQUIRE(EVP_MAC_init(o->mac, same ? NULL : (const void *)key,
			     same ? 0 : strlen(key), same ? NULL : how) == 1);
	if (!same) {
		forget_key(o);
		o->key = xstrdup(key);
	}
	return o->mac;
}

char *hash_hmac_hex(char out[HASH_HEX_BYTES], const char *key, const char *text)
{
	unsigned char sum[SHA256_BYTES];
	size_t bytes;
	EVP_MAC_CTX *mac = keyed(key);
	REQUIRE(EVP_MAC_update(mac, (const unsigned char *)text,
			       strlen(text)) == 1);
	REQUIRE(EVP_MAC_final(mac, sum, &bytes, sizeof sum) == 1);
	return to_hex(out, sum);
}

bool hash_equal_secret(const char *a, const char *b)
{
	/* Over the digests, so that not even the length shows in the time. */
	unsigned char sum_a[SHA256_BYTES], sum_b[SHA256_BYTES];
	digest(sum_a, a, strlen(a), "", 0);
	digest(sum_b, b, strlen(b), "", 0);
	return CRYPTO_memcmp(sum_a, sum_b, sizeof sum_a) == 0;
}

/* Apart from hash.c because it is not pure: core/ must not call it. */
#include "base/hash.h"

#include <openssl/rand.h>

#include "base/err.h"

void hash_random_hex(char *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		unsigned char byte;
		REQUIRE(RAND_bytes(&byte, 1) == 1);
		out[2 * i] = "0123456789abcdef"[byte >> 4];
		out[2 * i + 1] = "0123456789abcdef"[byte & 15];
	}
	out[2 * bytes] = '\0';
}

#include "jobs/wire_ws.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define OP_MORE 0
#define OP_PING 9
#define MASKED	0x80
#define FIN	0x80

void wire_ws_open(struct buf *out, const char *host, const char *path)
{
	char chance[33];
	hash_random_hex(chance, 16);
	char *key = hash_base64(chance, 16);
	buf_addf(out,
		 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
		 "Sec-WebSocket-Version: 13\r\n\r\n",
		 path, host, key);
	free(key);
}

static void drop(struct buf *in, size_t bytes)
{
	memmove(in->data, in->data + bytes, in->len - bytes);
	in->len -= bytes;
	in->data[in->len] = '\0';
}

/* The length of the head and of what it announces; 0: not all of it is here. */
static size_t read_head(const struct buf *in, uint64_t *length)
{
	const unsigned char *p = (const void *)buf_str(in);
	if (in->len < 2)
		return 0;
	size_t more = (p[1] & 0x7f) == 127 ? 8 : (p[1] & 0x7f) == 126 ? 2 : 0;
	if (in->len < 2 + more)
		return 0;
	*length = more ? 0 : p[1] & 0x7f;
	for (size_t i = 0; i < more; i++)
		*length = *length << 8 | p[2 + i];
	return 2 + more;
}

static enum wire_ws_what judge(int op, int first, struct buf *parts,
			       struct buf *message, int *code)
{
	const unsigned char *p = (const void *)buf_str(message);
	switch (op) {
	case OP_MORE:
	case WIRE_WS_OP_TEXT:
		buf_add(parts, message->data, message->len);
		if (!(first & FIN))
			return WIRE_WS_PASS;
		buf_clear(message);
		buf_add(message, parts->data, parts->len);
		buf_clear(parts);
		return WIRE_WS_TEXT;
	case OP_PING:
		return WIRE_WS_PING;
	case WIRE_WS_OP_CLOSE:
		*code = message->len >= 2 ? p[0] << 8 | p[1] : 1005;
		if (message->len >= 2)
			drop(message, 2);
		return WIRE_WS_CLOSE;
	case WIRE_WS_OP_PONG:
		return WIRE_WS_PASS;
	default:
		return WIRE_WS_GARBAGE;
	}
}

enum wire_ws_what wire_ws_read(struct buf *in, struct buf *parts,
			       struct buf *message, int *code, size_t most)
{
	const unsigned char *p = (const void *)buf_str(in);
	uint64_t length = 0;
	size_t head = read_head(in, &length);
	buf_clear(message);
	if (!head)
		return WIRE_WS_MORE;
	int first = p[0], op = p[0] & 15;
	/* A server never masks, and extensions were not asked for. */
	if (p[1] & MASKED || p[0] & 0x70 || length > most - parts->len)
		return WIRE_WS_GARBAGE;
	if (in->len - head < length)
		return WIRE_WS_MORE;
	buf_add(message, in->data + head, (size_t)length);
	drop(in, head + (size_t)length);
	return judge(op, first, parts, message, code);
}

void wire_ws_write(struct buf *out, int op, const char *data, size_t bytes)
{
	char mask[9];
	hash_random_hex(mask, 4);
	buf_addc(out, (char)(FIN | op));
	if (bytes < 126) {
		buf_addc(out, (char)(MASKED | bytes));
	} else if (bytes < 65536) {
		buf_addc(out, (char)(MASKED | 126));
		buf_addc(out, (char)(bytes >> 8));
		buf_addc(out, (char)bytes);
	} else {
		buf_addc(out, (char)(MASKED | 127));
		for (int shift = 56; shift >= 0; shift -= 8)
			buf_addc(out, (char)((uint64_t)bytes >> shift));
	}
	buf_add(out, mask, 4);
	for (size_t i = 0; i < bytes; i++)
		buf_addc(out, (char)(data[i] ^ mask[i & 3]));
}

#include "obs_peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "net_stand.h"
#include "patience.h"

static int listener;

int peer_listen(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t bytes = sizeof name;
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(!bind(listener, (struct sockaddr *)&name, bytes) &&
		!listen(listener, 8) &&
		!getsockname(listener, (struct sockaddr *)&name, &bytes));
	return ntohs(name.sin_port);
}

void peer_unlisten(void)
{
	close(listener);
}

int next_peer(int ms)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	if (poll(&p, 1, ms) <= 0)
		return -1;
	int fd = accept(listener, NULL, NULL);
	struct timeval patience = {.tv_sec = patience_ms(8000) / 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

char *read_head(int fd)
{
	struct buf b = {0};
	char c;
	while (!strstr(buf_str(&b), "\r\n\r\n") && recv(fd, &c, 1, 0) == 1)
		buf_addc(&b, c);
	return buf_take(&b);
}

int upgrade(void)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	int fd = next_peer(patience_ms(8000));
	ck_assert_int_ge(fd, 0);
	char *head = read_head(fd);
	char *key = strstr(head, "ec-WebSocket-Key: ");
	ck_assert_ptr_nonnull(key);
	key += strlen("ec-WebSocket-Key: ");
	char *all = xasprintf("%.*s%s", (int)strcspn(key, "\r\n"), key, guid);
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;
	EVP_Digest(all, strlen(all), sum, &bytes, EVP_sha1(), NULL);
	char *accept_key = hash_base64(sum, bytes);
	char *answer = xasprintf("HTTP/1.1 101 Switching Protocols\r\n"
				 "Upgrade: websocket\r\n"
				 "Connection: Upgrade\r\n"
				 "Sec-WebSocket-Accept: %s\r\n\r\n",
				 accept_key);
	peer_say(fd, answer);
	free(answer);
	free(accept_key);
	free(all);
	free(head);
	return fd;
}

size_t frame(unsigned char *out, int first, size_t len)
{
	out[0] = (unsigned char)first;
	if (len < 126) {
		out[1] = (unsigned char)len;
		return 2;
	}
	out[1] = 127;
	for (int i = 0; i < 8; i++)
		out[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
	return 10;
}

void say(int fd, int first, const void *data, size_t len)
{
	unsigned char head[10];
	peer_send(fd, head, frame(head, first, len));
	peer_send(fd, data, len);
}

void say_text(int fd, const char *text)
{
	say(fd, 0x81, text, strlen(text));
}

void say_close(int fd, unsigned code, const char *reason)
{
	unsigned char data[64] = {(unsigned char)(code >> 8),
				  (unsigned char)code};
	size_t len = strlen(reason);
	memcpy(data + 2, reason, len);
	say(fd, 0x88, data, 2 + len);
}

static bool read_all(int fd, void *to, size_t len)
{
	return !len || recv(fd, to, len, MSG_WAITALL) == (ssize_t)len;
}

char *hear(int fd)
{
	unsigned char head[2], more[8] = {0}, mask[4];
	if (!read_all(fd, head, 2))
		return NULL;
	size_t len = head[1] & 127, extra = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (!read_all(fd, more, extra))
		return NULL;
	for (size_t i = 0, n = 0; i < extra; i++) {
		n = n << 8 | more[i];
		len = n;
	}
	char *text = xcalloc(1, len + 1);
	if (!read_all(fd, mask, 4) || !read_all(fd, text, len) ||
	    (head[0] & 15) == 8) {
		free(text);
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(text[i] ^ (char)mask[i % 4]);
	if ((head[0] & 15) == 9)
		say(fd, 0x8a, text, len);
	return text;
}

void hear_identify(int fd)
{
	char *text = hear(fd);
	ck_assert_msg(text && strstr(text, "\"op\":1"), "%s", text);
	free(text);
}

void answer_one(int fd, const char *request)
{
	json_object *o = json_read_str(request, &json_limits_own, NULL);
	json_object *d = json_get_object(o, "d");
	char *text = xasprintf(
		"{\"op\":7,\"d\":{\"requestId\":\"%s\",\"requestType\":"
		"\"%s\",\"requestStatus\":{\"result\":true,\"code\":100"
		"},\"responseData\":{\"currentProgramSceneName\":"
		"\"Live\",\"scenes\":[{\"sceneName\":\"Live\"},"
		"{\"sceneName\":\"Poll\"}],\"inputs\":[]}}}",
		json_get_str(d, "requestId", ""),
		json_get_str(d, "requestType", ""));
	if (json_get_int(o, "op", 0) == 6)
		say_text(fd, text);
	free(text);
	json_object_put(o);
}

void answer_until(int fd, const char *until, bool it_too)
{
	for (bool found = false; !found;) {
		char *text = hear(fd);
		ck_assert_msg(text != NULL, "it left before %s", until);
		found = strstr(text, until) != NULL;
		if (!found || it_too)
			answer_one(fd, text);
		free(text);
	}
}

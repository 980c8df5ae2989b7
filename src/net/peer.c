#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/ballots.h"

#define TEXT_BYTES INET6_ADDRSTRLEN

/* The one form of an address: v4 in v6 is v4. False: it is none. */
static bool plain(const char *text, char out[TEXT_BYTES], struct in6_addr *v6)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct in_addr v4;
	memset(v6, 0, sizeof *v6);
	if (inet_pton(AF_INET, text, &v4) == 1)
		return inet_ntop(AF_INET, &v4, out, TEXT_BYTES) != NULL;
	if (inet_pton(AF_INET6, text, v6) != 1)
		return false;
	if (memcmp(v6, mapped, sizeof mapped) == 0)
		return inet_ntop(AF_INET, &v6->s6_addr[12], out, TEXT_BYTES) !=
		       NULL;
	return inet_ntop(AF_INET6, v6, out, TEXT_BYTES) != NULL;
}

static uint64_t source_of(const char *text)
{
	char out[TEXT_BYTES];
	struct in6_addr v6;
	if (!plain(text, out, &v6))
		return 0;
	if (!strchr(out, ':'))
		return ballots_source("ip", out);
	memset(&v6.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &v6, out, sizeof out);
	return ballots_source("ip", out);
}

static bool is_trusted(const struct show *show, const char *text)
{
	char a[TEXT_BYTES], b[TEXT_BYTES];
	struct in6_addr v6;
	if (!plain(text, a, &v6))
		return false;
	for (size_t i = 0; i < show->http.trusted_proxies.count; i++)
		if (plain(show->http.trusted_proxies.items[i], b, &v6) &&
		    !strcmp(a, b))
			return true;
	return false;
}

/* Each proxy adds whom it heard at the end; what stands before the last one
 * that we do not trust may be anything. */
static uint64_t forwarded(const struct show *show, const char *list,
			  const char *nearest)
{
	char *copy = xstrdup(list), *end = copy + strlen(copy);
	char last[TEXT_BYTES];
	strcpy(last, nearest);
	while (is_trusted(show, last)) {
		while (end > copy && strchr(", \t", end[-1]))
			end--;
		*end = '\0';
		while (end > copy && !strchr(", \t", end[-1]))
			end--;
		if (!*end || strlen(end) >= sizeof last)
			break;
		strcpy(last, end);
	}
	free(copy);
	uint64_t source = source_of(last);
	return source ? source : source_of(nearest);
}

uint64_t peer_source(const struct show *show, const struct sockaddr *from,
		     const struct head *head)
{
	char text[TEXT_BYTES] = "";
	if (from && from->sa_family == AF_INET)
		inet_ntop(AF_INET,
			  &((const struct sockaddr_in *)(const void *)from)
				   ->sin_addr,
			  text, sizeof text);
	else if (from && from->sa_family == AF_INET6)
		inet_ntop(AF_INET6,
			  &((const struct sockaddr_in6 *)(const void *)from)
				   ->sin6_addr,
			  text, sizeof text);
	const char *list = show->http.trusted_proxies.count && head
				   ? head_get(head, "X-Forwarded-For")
				   : NULL;
	return list ? forwarded(show, list, text) : source_of(text);
}

#include "jobs/curl_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

void curl_rules_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, init_curl);
}

/* Link-local addresses carry the credentials of cloud machines and are never a
 * place where an agent lives. Checked after the lookup, so a name cannot hide
 * them. */
static bool address_blocked(const struct sockaddr *a)
{
	const unsigned char *v4 = NULL;
	if (a->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)a;
		v4 = (const void *)&in->sin_addr;
	} else if (a->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)a;
		if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ||
		    IN6_IS_ADDR_MULTICAST(&in6->sin6_addr))
			return true;
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			v4 = in6->sin6_addr.s6_addr + 12;
	}
	return v4 && ((v4[0] == 169 && v4[1] == 254) || v4[0] >= 224);
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose,
				 struct curl_sockaddr *address)
{
	bool *is_blocked = ctx;
	(void)purpose;
	if (address_blocked(&address->addr)) {
		*is_blocked = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
		      address->protocol);
}

void curl_rules_apply(CURL *e, bool *blocked)
{
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	/* Without it a cancelled name lookup is waited for. The lookup's thread
	 * then ends alone and frees what it holds. */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, blocked);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "showcaller");
}

#include "jobs/curl_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
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

bool curl_rules_header(const char *line, size_t bytes, const char *name,
		       const char **value, size_t *value_bytes)
{
	size_t n = strlen(name);
	if (bytes <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
		return false;
	const char *v = line + n + 1, *end = line + bytes;
	while (v < end && (*v == ' ' || *v == '\t'))
		v++;
	while (end > v && strchr(" \t\r\n", end[-1]))
		end--;
	*value = v;
	*value_bytes = (size_t)(end - v);
	return true;
}

enum http_fault curl_rules_fault(CURLcode rc, bool reached)
{
	switch (rc) {
	case CURLE_OK:
		return HTTP_FINE;
	case CURLE_URL_MALFORMAT:
		return HTTP_BAD_URL;
	case CURLE_UNSUPPORTED_PROTOCOL:
		return reached ? HTTP_GARBAGE : HTTP_BAD_URL;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return HTTP_DNS;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_TLS;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_HTTP2:
		return HTTP_GARBAGE;
	case CURLE_COULDNT_CONNECT:
	case CURLE_FAILED_INIT:
		return HTTP_REFUSED;
	default:
		return reached ? HTTP_CUT : HTTP_REFUSED;
	}
}

void curl_rules_free_headers(struct curl_slist **headers)
{
	/* Freed memory is given out again as it is. */
	for (struct curl_slist *h = *headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(*headers);
	*headers = NULL;
}

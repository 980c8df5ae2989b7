#include "net/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/api_error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

#define TARGET_MAX_BYTES 8000
#define METHOD_MAX_BYTES 16

static const struct refusal bad_line = {400, "bad_request",
					"this is not an HTTP/1.1 request"};
static const struct refusal bad_version = {
	505, "http_version", "only HTTP/1.0 and HTTP/1.1 are spoken here"};
static const struct refusal bad_field = {400, "bad_request",
					 "a header field is malformed"};
static const struct refusal long_target = {
	414, "uri_too_long", "the address is longer than 8000 bytes"};
static const struct refusal large_head = {431, "header_too_large",
					  "the header is larger than 16 KiB"};
static const struct refusal many_fields = {
	431, "header_too_large", "the header has more than 100 fields"};
static const struct refusal bad_host = {
	400, "bad_host", "exactly one valid Host header is needed"};
static const struct refusal foreign_host = {
	421, "foreign_host",
	"this listener answers to its address and to localhost only"};
static const struct refusal foreign_origin = {
	403, "foreign_origin", "requests of other sites are refused"};
static const struct refusal bad_length = {
	400, "bad_length", "Content-Length must be one decimal number"};
static const struct refusal two_lengths = {
	400, "bad_length",
	"Content-Length and Transfer-Encoding exclude each "
	"other"};
static const struct refusal no_length = {411, "length_required",
					 "a body needs a Content-Length"};
static const struct refusal large_body = {413, "body_too_large",
					  "the body is larger than 1 MiB"};
static const struct refusal no_upgrade = {426, "upgrade_required",
					  "this address speaks WebSocket only"};
static const struct refusal bad_upgrade = {
	400, "bad_upgrade", "the WebSocket handshake is malformed"};

json_object *refusal_json(const char *code, const char *text)
{
	json_object *o = json_object_new_object();
	json_object *e = json_object_new_object();
	json_add_str(e, "code", code);
	json_add_str(e, "message", text);
	json_add(o, "error", &e);
	return o;
}

json_object *refusal_json_at(const char *target, int status, const char *code,
			     const char *text)
{
	static const char llm[] = "/llm/v1/", messages[] = "messages";
	if (strncmp(target, llm, sizeof llm - 1))
		return refusal_json(code, text);
	target += sizeof llm - 1;
	size_t len = strcspn(target, "/? ");
	bool anthropic = len == sizeof messages - 1 &&
			 !strncmp(target, messages, len);
	return api_error_json(anthropic, api_error_type(anthropic, status),
			      code, text);
}

size_t head_end(const char *bytes, size_t len)
{
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);
	return end ? (size_t)(end - bytes) + 4 : 0;
}

static bool is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') ||
	       (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

const struct refusal *head_hopeless(const char *bytes, size_t len)
{
	size_t i = 0;
	while (i < len && bytes[i] >= 'A' && bytes[i] <= 'Z')
		i++;
	if (i > METHOD_MAX_BYTES || (i < len && (bytes[i] != ' ' || i == 0)))
		return &bad_line;
	for (; i < len && bytes[i] != '\r'; i++)
		if ((unsigned char)bytes[i] <= 0x1f || bytes[i] == 0x7f)
			return &bad_line;
	if (memchr(bytes, 0, len))
		return &bad_line;
	return len > HEAD_MAX_BYTES ? &large_head : NULL;
}

/* "GET /path HTTP/1.1" without its line end. */
static const struct refusal *parse_line(struct head *h, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;
	if (!version || target == line)
		return &bad_line;
	*target++ = 0;
	*version++ = 0;
	if (strncmp(version, "HTTP/", 5))
		return &bad_line;
	if (strcmp(version, "HTTP/1.1") && strcmp(version, "HTTP/1.0"))
		return &bad_version;
	if (strlen(target) > TARGET_MAX_BYTES)
		return &long_target;
	if (*target != '/')
		return &bad_line;
	for (const char *p = target; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
		    *p == '#')
			return &bad_line;
	for (const char *p = line; *p; p++)
		if (*p < 'A' || *p > 'Z')
			return &bad_line;
	h->method = line;
	h->target = target;
	h->version = version;
	return NULL;
}

static const struct refusal *parse_field(struct head *h, char *line)
{
	char *colon = strchr(line, ':');
	if (!colon || colon == line)
		return &bad_field;
	for (const char *p = line; p < colon; p++)
		if (!is_token_char((unsigned char)*p))
			return &bad_field;
	*colon = 0;
	char *value = colon + 1;
	while (*value == ' ' || *value == '\t')
		value++;
	size_t len = strlen(value);
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = 0;
	for (const char *p = value; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return &bad_field;
	return head_add(h, line, value) ? NULL : &many_fields;
}

const struct refusal *head_parse(struct head *h, char *block, size_t len)
{
	memset(h, 0, sizeof *h);
	if (len > HEAD_MAX_BYTES)
		return &large_head;
	if (len < 4 || memchr(block, 0, len))
		return &bad_line;
	char *line = block, *end = block + len - 2;
	while (line < end) {
		char *stop = memchr(line, '\r', (size_t)(end - line));
		char *feed = memchr(line, '\n', (size_t)(end - line));
		if (!stop || stop[1] != '\n' || feed != stop + 1)
			return &bad_field;
		*stop = 0;
		const struct refusal *no = line == block ? parse_line(h, line)
							 : parse_field(h, line);
		if (no)
			return no;
		line = stop + 2;
	}
	h->bytes = len;
	return NULL;
}

bool head_add(struct head *h, const char *name, const char *value)
{
	if (h->field_count == HEAD_MAX_FIELDS)
		return false;
	h->fields[h->field_count++] = (struct head_field){name, value};
	h->bytes += strlen(name) + strlen(value) + 4;
	return true;
}

/* Most differ in the first letter. */
static bool is_name(const char *a, const char *b)
{
	return !((*a ^ *b) & 0x5f) && !strcasecmp(a, b);
}

const char *head_get(const struct head *h, const char *name)
{
	for (size_t i = 0; i < h->field_count; i++)
		if (is_name(h->fields[i].name, name))
			return h->fields[i].value;
	return NULL;
}

size_t head_count(const struct head *h, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < h->field_count; i++)
		n += is_name(h->fields[i].name, name);
	return n;
}

static bool has_token(const char *list, const char *token)
{
	size_t len = strlen(token);
	for (const char *p = list; *p;) {
		p += strspn(p, " \t,");
		size_t n = strcspn(p, " \t,");
		if (n == len && !strncasecmp(p, token, n))
			return true;
		p += n;
	}
	return false;
}

bool head_has_token(const struct head *h, const char *name, const char *token)
{
	for (size_t i = 0; i < h->field_count; i++)
		if (is_name(h->fields[i].name, name) &&
		    has_token(h->fields[i].value, token))
			return true;
	return false;
}

uint64_t head_length(const struct head *h)
{
	const char *v = head_get(h, "Content-Length");
	uint64_t n = 0;
	for (; v && *v; v++)
		n = n * 10 + (uint64_t)(*v - '0');
	return n;
}

static const struct refusal *check_length(const struct head *h)
{
	size_t lengths = head_count(h, "Content-Length");
	bool chunked = head_count(h, "Transfer-Encoding") > 0;
	if (lengths > 1)
		return &bad_length;
	if (chunked)
		return lengths ? &two_lengths : &no_length;
	if (!lengths)
		return NULL;
	const char *v = head_get(h, "Content-Length");
	size_t len = strlen(v);
	if (len == 0 || strspn(v, "0123456789") != len)
		return &bad_length;
	return len > 18 || head_length(h) > BODY_MAX_BYTES ? &large_body : NULL;
}

static bool host_is_valid(const char *host)
{
	size_t len = strlen(host);
	return len > 0 && len < 256 &&
	       strspn(host,
		      "abcdefghijklmnopqrstuvwxyz"
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") == len;
}

const struct refusal *head_check(const struct head *h)
{
	if (h->bytes > HEAD_MAX_BYTES)
		return &large_head;
	if (head_count(h, "Host") != 1 || !host_is_valid(head_get(h, "Host")))
		return &bad_host;
	return check_length(h);
}

/* Length of the host in "host:port" or "[::1]:port". */
static size_t host_length(const char *host)
{
	if (*host == '[')
		return strcspn(host, "]") + (strchr(host, ']') ? 1 : 0);
	return strcspn(host, ":");
}

static bool is_address(const char *host, size_t len)
{
	if (*host == '[')
		return len > 2;
	return len > 0 && strspn(host, "0123456789.") >= len;
}

const struct refusal *head_check_origin(const struct head *h)
{
	const char *origin = head_get(h, "Origin");
	const char *host = head_get(h, "Host");
	if (!origin)
		return NULL;
	if (head_count(h, "Origin") > 1 || !host)
		return &foreign_origin;
	/* https: a proxy that speaks TLS may stand in front of us. */
	if (!strncmp(origin, "http://", 7))
		origin += 7;
	else if (!strncmp(origin, "https://", 8))
		origin += 8;
	else
		return &foreign_origin;
	return strcasecmp(origin, host) ? &foreign_origin : NULL;
}

const struct refusal *head_check_operator(const struct head *h,
					  const char *own_host)
{
	const char *host = head_get(h, "Host");
	size_t len = host ? host_length(host) : 0;
	bool known = host && (is_address(host, len) ||
			      (len == 9 && !strncasecmp(host, "localhost", 9)));
	if (!known && host && own_host)
		known = len == strlen(own_host) &&
			!strncasecmp(host, own_host, len);
	if (!known)
		return &foreign_host;
	return head_check_origin(h);
}

bool head_has_bearer(const struct head *h, const char *token)
{
	const char *v = head_get(h, "Authorization");
	if (!v || head_count(h, "Authorization") != 1 ||
	    strncasecmp(v, "Bearer ", 7))
		return false;
	v += 7;
	v += strspn(v, " ");
	return token && *token && hash_equal_secret(v, token);
}

const struct refusal *head_check_upgrade(const struct head *h)
{
	if (strcmp(h->method, "GET"))
		return &no_upgrade;
	const char *upgrade = head_get(h, "Upgrade");
	/* Nothing but websocket: a list may offer h2c too. */
	if (!upgrade || strcasecmp(upgrade, "websocket") ||
	    !head_has_token(h, "Connection", "upgrade"))
		return &no_upgrade;
	const char *key = head_get(h, "Sec-WebSocket-Key");
	const char *version = head_get(h, "Sec-WebSocket-Version");
	if (!version || strcmp(version, "13"))
		return &no_upgrade;
	if (head_count(h, "Upgrade") != 1 ||
	    head_count(h, "Sec-WebSocket-Key") != 1 || strlen(key) != 24 ||
	    head_length(h))
		return &bad_upgrade;
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool head_decode(char *s, bool plus)
{
	char *out = s, *start = s;
	for (; *s; s++) {
		if (*s != '%') {
			*out++ = plus && *s == '+' ? ' ' : *s;
			continue;
		}
		int hi = hex_digit(s[1]);
		int lo = hi < 0 ? -1 : hex_digit(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return false;
		*out++ = (char)(hi * 16 + lo);
		s += 2;
	}
	*out = 0;
	return text_is_utf8(start, (size_t)(out - start));
}

char *form_get(const char *form, const char *name)
{
	size_t len = strlen(name);
	for (const char *p = form; p && *p; p += *p == '&') {
		size_t n = strcspn(p, "&");
		if (n > len && p[len] == '=' && !strncmp(p, name, len)) {
			char *v = xstrndup(p + len + 1, n - len - 1);
			if (head_decode(v, true))
				return v;
			free(v);
			return NULL;
		}
		p += n;
	}
	return NULL;
}

char *cookie_get(const struct head *h, const char *name)
{
	const char *p = head_get(h, "Cookie");
	size_t len = strlen(name);
	while (p && *p) {
		p += strspn(p, "; \t");
		size_t n = strcspn(p, ";");
		if (n > len && p[len] == '=' && !strncmp(p, name, len))
			return xstrndup(p + len + 1, n - len - 1);
		p += n;
	}
	return NULL;
}

#include "llm_peer.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/err.h"
#include "base/json.h"
#include "llm_peer_wire.h"
#include "../unit/patience.h"

#define BODY_MAX_BYTES	   (8 * 1024 * 1024)
#define CONNECTIONS_MAX	   2048
#define NAMES_MAX	   64
#define TOKENS_DEFAULT	   40
#define PER_MESSAGE_TOKENS 3

struct llm_peer {
	struct MHD_Daemon *mhd;
	atomic_bool stopping;
	pthread_mutex_t lock;
	pthread_cond_t changed, over; /* over: it is being stopped */
	struct llm_stats stats;
	int64_t last_max_tokens;
	char *last, *last_key;
	struct {
		char *words;
		int64_t seen;
	} names[NAMES_MAX]; /* for times=N */
	size_t name_count;
};

/* One request, and the answer that is on its way. */
struct asked {
	struct llm_peer *peer;
	const struct peer_api *api;
	struct buf body;
	struct peer_plan plan;
	struct buf out; /* not yet sent: from `at` */
	size_t at;
	const char *rest; /* of the text, not yet given */
	int64_t given, slow_ms, comments;
	bool begun, ended, counted;
};

/* --- time --------------------------------------------------------------- */

/* Or until the peer is stopped. */
static void pause_ms(struct llm_peer *p, int64_t ms)
{
	struct timespec until;
	if (ms <= 0)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
	until.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
	until.tv_nsec = (long)(ns % 1000000000);
	pthread_mutex_lock(&p->lock);
	while (!atomic_load(&p->stopping) &&
	       pthread_cond_timedwait(&p->over, &p->lock, &until) == 0)
		;
	pthread_mutex_unlock(&p->lock);
}

static void add_http_date(struct buf *out, int64_t in_s)
{
	char text[40];
	struct tm tm;
	time_t at = time(NULL) + (time_t)in_s;
	gmtime_r(&at, &tm);
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_adds(out, text);
}

/* --- what is asked ------------------------------------------------------ */

/* Text of a message: a string, or an array of {"type": "text", "text"}. */
static void add_content(struct buf *out, json_object *content)
{
	if (json_object_is_type(content, json_type_string))
		buf_adds(out, json_object_get_string(content));
	if (!json_object_is_type(content, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(content); i++)
		buf_adds(out,
			 json_get_str(json_object_array_get_idx(content, i),
				      "text", ""));
}

/* What the answer is made of: see llm_peer.h. */
static char *text_for(const char *prompt, int64_t tokens)
{
	struct buf out = {0};
	const char *say = NULL, *members = NULL;
	for (const char *at = prompt; (at = strstr(at, "<<say>>")); at += 7)
		say = at + 7;
	for (const char *at = prompt; (at = strstr(at, "<<members>>")); at++)
		members = at + strlen("<<members>>");
	const char *end = say ? strstr(say, "<</say>>") : NULL;
	if (say) {
		buf_add(&out, say, end ? (size_t)(end - say) : strlen(say));
		return buf_take(&out);
	}
	if (!members) {
		for (int64_t i = 1; i <= tokens; i++)
			buf_addf(&out, "w%02d ", (int)(i % 100));
		return buf_take(&out);
	}
	buf_adds(&out, "{");
	for (size_t n; (members += strspn(members, " "), *members) &&
		       (n = strcspn(members, " \n"));
	     members += n)
		buf_addf(&out, "%s\"%.*s\": \"made\"", out.len > 1 ? ", " : "",
			 (int)n, members);
	buf_adds(&out, "}");
	return buf_take(&out);
}

static void read_messages(struct asked *a, json_object *o, struct buf *last)
{
	json_object *all = json_get_array(o, "messages");
	struct buf system = {0};
	add_content(&system, json_get(o, "system"));
	a->plan.input_tokens = peer_tokens(buf_str(&system));
	buf_release(&system);
	for (size_t i = 0; all && i < json_object_array_length(all); i++) {
		struct buf text = {0};
		add_content(&text, json_get(json_object_array_get_idx(all, i),
					    "content"));
		a->plan.input_tokens +=
			peer_tokens(buf_str(&text)) + PER_MESSAGE_TOKENS;
		if (strstr(buf_str(&text), "<<") ||
		    i + 1 == json_object_array_length(all))
			buf_adds(last, buf_str(&text));
		buf_release(&text);
	}
}

/* Cuts the answer to what may be given, and counts it. */
static void fit_text(struct peer_plan *plan)
{
	int64_t may = plan->max_tokens, more = peer_word(plan->words, "more");
	int64_t has = peer_tokens(plan->text);
	if (more >= 0 && may >= 0) {
		free(plan->text);
		plan->text = text_for("", may + more);
		plan->made = may + more;
		return;
	}
	plan->cut_short = may >= 0 && has > may;
	plan->made = plan->cut_short ? may : has;
	if (plan->cut_short) {
		size_t n = 0;
		for (int64_t i = 0; i < may; i++)
			n += peer_token_bytes(plan->text + n);
		plan->text[n] = '\0';
	}
}

/* False: the body is no request. */
static bool read_plan(struct asked *a, const char *words)
{
	struct peer_plan *plan = &a->plan;
	struct buf last = {0};
	json_object *o = json_read(buf_str(&a->body), a->body.len,
				   &json_limits_own, NULL);
	if (!json_get_array(o, "messages")) {
		json_object_put(o);
		plan->words = xstrdup("+");
		return false;
	}
	plan->model = xstrdup(json_get_str(o, "model", ""));
	const char *plus = strchr(plan->model, '+');
	plan->words = xasprintf("+%s+%s+", plus ? plus + 1 : "", words);
	plan->stream = json_get_bool(o, "stream", false);
	plan->include_usage = json_get_bool(
		json_get_object(o, "stream_options"), "include_usage", false);
	plan->max_tokens = json_get_int(o, "max_completion_tokens",
					json_get_int(o, "max_tokens", -1));
	read_messages(a, o, &last);
	int64_t tokens = peer_word(plan->words, "tokens");
	plan->text =
		text_for(buf_str(&last), tokens >= 0 ? tokens : TOKENS_DEFAULT);
	int64_t huge = peer_word(plan->words, "huge");
	fit_text(plan);
	if (huge > 0) {
		plan->text = xrealloc(plan->text, (size_t)huge + 1);
		memset(plan->text, 'x', (size_t)huge);
		plan->text[huge] = '\0';
	}
	buf_release(&last);
	json_object_put(o);
	return true;
}

/* --- what is answered --------------------------------------------------- */

static void count(struct asked *a, int64_t tokens)
{
	pthread_mutex_lock(&a->peer->lock);
	a->peer->stats.output_tokens += tokens;
	pthread_mutex_unlock(&a->peer->lock);
}

static void end_stream(struct asked *a)
{
	a->ended = true;
	if (peer_word(a->plan.words, "badjson") >= 0)
		buf_adds(&a->out, "data: {\"choices\":[}\n\n");
	else
		a->api->end(&a->out, &a->plan);
}

/* The next pieces into a->out. False: the connection is to be cut. */
static bool next_piece(struct asked *a)
{
	const char *words = a->plan.words;
	bool endless = peer_word(words, "endless") >= 0;
	int64_t cut = peer_word(words, "cut");
	int64_t error = peer_word(words, "error");
	if (a->comments > 0) {
		a->comments--;
		pause_ms(a->peer, 50);
		buf_adds(&a->out, ": still there\n\n");
		return true;
	}
	if (!a->begun) {
		a->begun = true;
		a->api->begin(&a->out, &a->plan);
		return true;
	}
	if (cut >= 0 && a->given >= cut)
		return false;
	if (error >= 0 && a->given >= error) {
		a->ended = true;
		a->api->fault(&a->out);
		return true;
	}
	size_t n = peer_word(words, "huge") > 0 ? strlen(a->rest)
						: peer_token_bytes(a->rest);
	if (!n && !endless) {
		end_stream(a);
		return true;
	}
	pause_ms(a->peer, a->slow_ms);
	char *piece = n ? xstrndup(a->rest, n) : xstrdup("more");
	a->api->piece(&a->out, &a->plan, piece);
	free(piece);
	a->rest += n;
	a->given++;
	count(a, 1);
	return true;
}

/* The whole answer is there at once; a cut or an endless one is not. */
static bool next_whole(struct asked *a)
{
	const char *words = a->plan.words;
	if (a->begun && peer_word(words, "endless") >= 0) {
		pause_ms(a->peer, a->slow_ms);
		buf_adds(&a->out, "                                        ");
		return true;
	}
	if (a->begun && peer_word(words, "cut") >= 0)
		return false;
	a->ended = a->begun;
	if (a->begun)
		return true;
	a->begun = true;
	count(a, a->plan.made);
	pause_ms(a->peer, a->slow_ms * a->plan.made);
	if (peer_word(words, "badjson") >= 0)
		buf_adds(&a->out, "{\"choices\":[}");
	else if (peer_word(words, "errorbody") >= 0)
		a->api->refusal(&a->out, 500, "an error as if it were none");
	else if (peer_word(words, "endless") < 0)
		a->api->whole(&a->out, &a->plan);
	if (peer_word(words, "cut") >= 0) {
		a->out.len /= 2;
		a->out.data[a->out.len] = '\0';
	}
	return true;
}

static void to_crlf(struct buf *b)
{
	struct buf out = {0};
	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\n')
			buf_addc(&out, '\r');
		buf_addc(&out, b->data[i]);
	}
	buf_release(b);
	*b = out;
}

/* libmicrohttpd asks for more; each connection has a thread, so waiting here
 * holds up nobody. */
static ssize_t give(void *ctx, uint64_t pos, char *room, size_t bytes)
{
	struct asked *a = ctx;
	(void)pos;
	if (atomic_load(&a->peer->stopping))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	while (a->at == a->out.len) {
		buf_clear(&a->out);
		a->at = 0;
		if (a->ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (!(a->plan.stream ? next_piece(a) : next_whole(a)))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (peer_word(a->plan.words, "crlf") >= 0)
			to_crlf(&a->out);
	}
	int64_t at_once = peer_word(a->plan.words, "bytes");
	size_t n = a->out.len - a->at < bytes ? a->out.len - a->at : bytes;
	if (at_once > 0 && n > (size_t)at_once)
		n = (size_t)at_once;
	memcpy(room, a->out.data + a->at, n);
	a->at += n;
	return (ssize_t)n;
}

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status,
				 struct buf *text, const char *retry)
{
	size_t bytes = text->len;
	struct MHD_Response *r = MHD_create_response_from_buffer(
		bytes, buf_take(text), MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(r, "Content-Type", "application/json");
	if (retry && *retry)
		MHD_add_response_header(r, "Retry-After", retry);
	enum MHD_Result rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result refuse(struct asked *a, struct MHD_Connection *c,
			      int status, const char *text)
{
	struct buf out = {0}, retry = {0};
	int64_t in_s = peer_word(a->plan.words, "retry");
	int64_t date = peer_word(a->plan.words, "retrydate");
	if (in_s >= 0)
		buf_addf(&retry, "%lld", (long long)in_s);
	else if (date >= 0)
		add_http_date(&retry, date);
	a->api->refusal(&out, status, text);
	enum MHD_Result rc =
		send_text(c, (unsigned)status, &out, buf_str(&retry));
	buf_release(&retry);
	return rc;
}

static enum MHD_Result answer(struct asked *a, struct MHD_Connection *c)
{
	int64_t slow = peer_word(a->plan.words, "slow");
	int64_t comments = peer_word(a->plan.words, "comments");
	if (peer_word(a->plan.words, "plain") >= 0 ||
	    peer_word(a->plan.words, "errorbody") >= 0)
		a->plan.stream = false;
	a->slow_ms = slow > 0 ? slow : 0;
	a->comments = a->plan.stream && comments > 0 ? comments : 0;
	a->rest = a->plan.text;
	pthread_mutex_lock(&a->peer->lock);
	a->peer->stats.input_tokens += a->plan.input_tokens;
	pthread_mutex_unlock(&a->peer->lock);
	struct MHD_Response *r = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 64 * 1024, give, a, NULL);
	MHD_add_response_header(r, "Content-Type",
				a->plan.stream ? "text/event-stream"
					       : "application/json");
	enum MHD_Result rc = MHD_queue_response(c, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return rc;
}

/* Whether the request has the member that it must not have. */
static bool has_rejected(const struct asked *a, char **text)
{
	char *key = peer_word_text(a->plan.words, "rejects");
	json_object *o = key ? json_read(buf_str(&a->body), a->body.len,
					 &json_limits_own, NULL)
			     : NULL;
	bool has = json_get(o, key ? key : "") != NULL;
	if (has)
		*text = xasprintf("Unsupported parameter: '%s' is not "
				  "supported with this model.%s",
				  key,
				  strcmp(key, "max_tokens") == 0
					  ? " Use 'max_completion_tokens' "
					    "instead."
					  : "");
	json_object_put(o);
	free(key);
	return has;
}

/* --- requests ----------------------------------------------------------- */

/* How often these words were asked for, with this one. */
static int64_t times_seen(struct llm_peer *p, const char *words)
{
	int64_t seen = 1;
	size_t i = 0;
	pthread_mutex_lock(&p->lock);
	while (i < p->name_count && strcmp(p->names[i].words, words) != 0)
		i++;
	if (i == p->name_count && i < NAMES_MAX) {
		p->names[i].words = xstrdup(words);
		p->name_count++;
	}
	if (i < NAMES_MAX)
		seen = ++p->names[i].seen;
	pthread_mutex_unlock(&p->lock);
	return seen;
}

static const char *key_of(struct MHD_Connection *c)
{
	const char *key =
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, "x-api-key");
	const char *bearer = MHD_lookup_connection_value(c, MHD_HEADER_KIND,
							 "Authorization");
	if (!key && bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
		key = bearer + 7;
	return key ? key : "";
}

static void remember(struct asked *a, const char *key)
{
	struct llm_peer *p = a->peer;
	pthread_mutex_lock(&p->lock);
	free(p->last);
	free(p->last_key);
	p->last = xstrdup(buf_str(&a->body));
	p->last_key = xstrdup(key);
	p->last_max_tokens = a->plan.max_tokens;
	p->stats.requests++;
	p->stats.open++;
	a->counted = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static enum MHD_Result judge(struct asked *a, struct MHD_Connection *c,
			     bool readable)
{
	const char *words = a->plan.words, *key = key_of(c);
	int64_t status = peer_word(words, "status");
	int64_t times = peer_word(words, "times");
	int64_t room = peer_word(words, "context");
	int64_t most = a->plan.max_tokens > 0 ? a->plan.max_tokens : 0;
	char *wanted = peer_word_text(words, "key"), *text = NULL;
	enum MHD_Result rc;
	bool message = a->api == &peer_apis[1];
	pause_ms(a->peer, peer_word(words, "wait"));
	if (!readable || (message && a->plan.max_tokens < 1)) {
		rc = refuse(a, c, 400,
			    "max_tokens, model and messages: these "
			    "have to be there");
	} else if (message &&
		   !MHD_lookup_connection_value(c, MHD_HEADER_KIND,
						"anthropic-version")) {
		rc = refuse(a, c, 400, "anthropic-version: header is required");
	} else if (has_rejected(a, &text)) {
		rc = refuse(a, c, 400, text);
	} else if (wanted && strcmp(wanted, key) != 0) {
		text = xasprintf("Incorrect API key provided: %s.", key);
		rc = refuse(a, c, 401, text);
	} else if (status > 0 &&
		   (times < 0 || times_seen(a->peer, words) <= times)) {
		rc = refuse(a, c, (int)status,
			    "the peer was asked to say this");
	} else if (peer_word(words, "overflow") >= 0 ||
		   (room >= 0 && a->plan.input_tokens + most > room)) {
		text = a->api->overflow(a->plan.input_tokens,
					room >= 0 ? room : 100);
		rc = refuse(a, c, 400, text);
	} else {
		rc = answer(a, c);
	}
	free(wanted);
	free(text);
	return rc;
}

static enum MHD_Result tell_stats(struct llm_peer *p, struct MHD_Connection *c)
{
	struct buf out = {0};
	json_object *o = json_object_new_object();
	pthread_mutex_lock(&p->lock);
	json_add_int(o, "requests", p->stats.requests);
	json_add_int(o, "open", p->stats.open);
	json_add_int(o, "input_tokens", p->stats.input_tokens);
	json_add_int(o, "output_tokens", p->stats.output_tokens);
	json_add_int(o, "cut", p->stats.cut);
	json_add_str(o, "last_key", p->last_key);
	json_add_int(o, "last_max_tokens", p->last_max_tokens);
	pthread_mutex_unlock(&p->lock);
	buf_adds(&out, json_text(o));
	json_object_put(o);
	return send_text(c, MHD_HTTP_OK, &out, NULL);
}

/* The API whose path ends `url`; what stands before it as words. */
static const struct peer_api *find_api(const char *url, char **words)
{
	for (size_t i = 0; i < COUNT_OF(peer_apis); i++) {
		size_t n = strlen(url), p = strlen(peer_apis[i].path);
		if (n < p || strcmp(url + n - p, peer_apis[i].path) != 0)
			continue;
		*words = n > p ? xstrndup(url + 1, n - p - 1) : xstrdup("");
		return &peer_apis[i];
	}
	return NULL;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *c,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *bytes, void **request)
{
	struct llm_peer *p = ctx;
	struct asked *a = *request;
	(void)version;
	if (!a) {
		*request = a = xcalloc(1, sizeof *a);
		a->peer = p;
		return MHD_YES;
	}
	if (*bytes) {
		if (a->body.len + *bytes > BODY_MAX_BYTES)
			return MHD_NO;
		buf_add(&a->body, data, *bytes);
		*bytes = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") == 0 && strcmp(url, "/stats") == 0)
		return tell_stats(p, c);
	char *folder = NULL;
	a->api = find_api(url, &folder);
	if (!a->api || strcmp(method, "POST") != 0) {
		struct buf none = {0};
		free(folder);
		buf_adds(&none, "{\"error\":{\"message\":\"no such path\"}}");
		return send_text(c, MHD_HTTP_NOT_FOUND, &none, NULL);
	}
	const char *header =
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Peer");
	char *words = xasprintf("%s+%s", folder, header ? header : "");
	bool readable = read_plan(a, words);
	free(words);
	free(folder);
	remember(a, key_of(c));
	return judge(a, c, readable);
}

static void completed(void *ctx, struct MHD_Connection *c, void **request,
		      enum MHD_RequestTerminationCode why)
{
	struct llm_peer *p = ctx;
	struct asked *a = *request;
	(void)c;
	if (!a)
		return;
	*request = NULL;
	pthread_mutex_lock(&p->lock);
	if (a->counted)
		p->stats.open--;
	if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		p->stats.cut++;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	buf_release(&a->body);
	buf_release(&a->out);
	free(a->plan.model);
	free(a->plan.words);
	free(a->plan.text);
	free(a);
}

/* --- the peer ----------------------------------------------------------- */

struct llm_peer *llm_peer_start(int port)
{
	struct llm_peer *p = xcalloc(1, sizeof *p);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	pthread_cond_init(&p->over, NULL);
	p->mhd = MHD_start_daemon(
		MHD_USE_THREAD_PER_CONNECTION |
			MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_ITC,
		0, NULL, NULL, handle, p, MHD_OPTION_SOCK_ADDR,
		(struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED,
		completed, p, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)(96 * 1024), MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)(256 * 1024),
		MHD_OPTION_END);
	if (!p->mhd)
		llm_peer_stop(&p);
	return p;
}

void llm_peer_stop(struct llm_peer **peer)
{
	struct llm_peer *p = *peer;
	*peer = NULL;
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stopping, true);
	pthread_cond_broadcast(&p->over);
	pthread_mutex_unlock(&p->lock);
	if (p->mhd)
		MHD_stop_daemon(p->mhd);
	for (size_t i = 0; i < p->name_count; i++)
		free(p->names[i].words);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	pthread_cond_destroy(&p->over);
	free(p->last);
	free(p->last_key);
	free(p);
}

int llm_peer_port(const struct llm_peer *p)
{
	return MHD_get_daemon_info(p->mhd, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void llm_peer_stats(struct llm_peer *p, struct llm_stats *out)
{
	pthread_mutex_lock(&p->lock);
	*out = p->stats;
	pthread_mutex_unlock(&p->lock);
}

char *llm_peer_last(struct llm_peer *p)
{
	pthread_mutex_lock(&p->lock);
	char *copy = xstrdup(p->last ? p->last : "");
	pthread_mutex_unlock(&p->lock);
	return copy;
}

char *llm_peer_last_key(struct llm_peer *p)
{
	pthread_mutex_lock(&p->lock);
	char *copy = xstrdup(p->last_key ? p->last_key : "");
	pthread_mutex_unlock(&p->lock);
	return copy;
}

bool llm_peer_wait(struct llm_peer *p, int64_t requests)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += patience_ms(10000) / 1000;
	pthread_mutex_lock(&p->lock);
	int rc = 0;
	while ((p->stats.requests < requests || p->stats.open > 0) && rc == 0)
		rc = pthread_cond_timedwait(&p->changed, &p->lock, &until);
	bool there = p->stats.requests >= requests && p->stats.open == 0;
	pthread_mutex_unlock(&p->lock);
	return there;
}

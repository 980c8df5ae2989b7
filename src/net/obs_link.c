/*
 * obs_link: the connection to OBS, and when to try again. With this version of
 * libwebsockets the end of an attempt has five faces (a NULL return,
 * CONNECTION_ERROR, CLOSED, CLOSED_CLIENT_HTTP, WSI_DESTROY), and a mute peer
 * has none at all for a while: gone() takes them all, once for each attempt,
 * and our own clock gives the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/lookup.h"
#include "base/text.h"
#include "net/obs.h"
#include "net/ws_priv.h"

/* Not longer, so that an OBS that is back is found within a second. */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 600
#define RETRY_POST_US  (50 * 1000)
#define MAX_UNSENT     256
#define MAX_PICTURE    (12 * 1024 * 1024)

struct outgoing {
	struct outgoing *next;
	size_t bytes;
	unsigned char data[]; /* LWS_PRE, then the text; masked in place */
};

struct obs_link {
	struct ws *ws;
	struct obs_session *session;
	char *host;
	int port;
	char *path;
	struct lookup *lookup; /* of the host's name, under way; NULL: none */
	int64_t looking_ms;    /* since when; 0: that it lasts was told */
	struct lookup_found found;
	size_t next_addr; /* of those, to be tried next */
	struct lws *wsi;  /* the attempt or connection; NULL: none */
	bool stopped;	  /* it is of no use, or unwanted, until asked */
	int64_t backoff_ms;
	int64_t again_ms;   /* when to connect next; 0: not planned */
	int64_t opening_ms; /* since when it opens; 0: it does not */
	unsigned close_code;
	char *close_text;
	struct buf in;
	struct outgoing *first, **last;
	lws_sorted_usec_list_t timer, post_timer;
	/* For the engine, whose mailbox was full. */
	struct input *unsent[MAX_UNSENT];
	size_t unsent_count;
};

static const lws_retry_bo_t obs_idle = {
	.secs_since_valid_ping = 10,
	.secs_since_valid_hangup = 15,
};

static void plan(struct obs_link *link);

/* --- to the engine -------------------------------------------------------- */

static void post_rest(lws_sorted_usec_list_t *timer)
{
	struct obs_link *link =
		lws_container_of(timer, struct obs_link, post_timer);
	size_t n = 0;
	while (n < link->unsent_count &&
	       mailbox_post(link->ws->net->engine, &link->unsent[n]))
		n++;
	link->unsent_count -= n;
	memmove(link->unsent, link->unsent + n,
		link->unsent_count * sizeof link->unsent[0]);
	if (link->unsent_count)
		lws_sul_schedule(link->ws->context, 0, timer, post_rest,
				 RETRY_POST_US);
}

/* In order, and kept while the engine's mailbox is full. */
static void tell_engine(struct obs_link *link, struct input **in)
{
	if (link->unsent_count == MAX_UNSENT) {
		log_warn("net", "news of OBS are lost: the engine is stuck");
		input_free(in);
		return;
	}
	link->unsent[link->unsent_count++] = *in;
	*in = NULL;
	if (link->unsent_count == 1)
		post_rest(&link->post_timer);
}

static void on_facts(void *who, const struct obs_facts *facts)
{
	struct input *in = input_new(INPUT_OBS);
	obs_facts_copy(&in->obs, facts);
	tell_engine(who, &in);
}

static void on_figures(void *who, const char *json)
{
	struct obs_link *link = who;
	struct input *in = input_new(INPUT_PROGRESS);
	in->agent = xstrdup("obs");
	in->text = xstrdup(json);
	/* Old figures are worth nothing: no queue for them. */
	if (!mailbox_post(link->ws->net->engine, &in))
		input_free(&in);
}

static void on_done(void *who, const char *id, bool ok, const char *text)
{
	struct input *in = input_new(INPUT_OBS_DONE);
	in->id = xstrdup(id);
	in->ok = ok;
	in->text = text_clean_str(text, 500);
	tell_engine(who, &in);
}

static void on_alarm(void *who, const char *id, bool up, const char *text)
{
	struct input *in = input_new(INPUT_ALARM);
	in->id = xstrdup(id);
	in->ok = !up;
	in->text = text_clean_str(text, 500);
	tell_engine(who, &in);
}

/* As figures: worth nothing when they are late. */
static void on_meters(void *who, const char *json)
{
	struct obs_link *link = who;
	struct input *in = input_new(INPUT_PROGRESS);
	in->agent = xstrdup("meters");
	in->text = xstrdup(json);
	if (!mailbox_post(link->ws->net->engine, &in))
		input_free(&in);
}

/* A picture goes into the show's folder, as SOURCE-TIME.png. A file of a few
 * hundred kilobytes, when somebody asks for it. */
static char *picture_path(const struct net *net, const char *source)
{
	char *folder = xasprintf("%s/screenshots", net->state_dir);
	char *name = xstrdup(*source ? source : "program");
	for (char *c = name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789-_",
			    *c))
			*c = '_';
	name[strnlen(name, 80)] = '\0';
	char *path = xasprintf("%s/%s-%lld.png", folder, name,
			       (long long)clock_show_ms());
	struct err err;
	if (!file_make_dirs(folder, &err)) {
		free(path);
		path = NULL;
	}
	free(name);
	free(folder);
	return path;
}

static char *on_picture(void *who, const char *source, const char *url)
{
	struct obs_link *link = who;
	const struct net *net = link->ws->net;
	const char *base64 = strstr(url, ";base64,");
	size_t bytes = 0;
	unsigned char *data =
		base64 ? hash_base64_read(base64 + strlen(";base64,"),
					  MAX_PICTURE, &bytes)
		       : NULL;
	if (!data)
		return xstrdup("OBS sent no picture that can be read");
	char *path = net->state_dir ? picture_path(net, source) : NULL;
	struct err err = {0};
	char *text = NULL;
	if (!path)
		text = xstrdup("there is no folder for pictures");
	else if (!file_write(path, data, bytes, 0600, &err))
		text = xstrdup(err.text);
	else
		text = xasprintf("saved %s", path);
	free(path);
	free(data);
	return text;
}

/* --- to OBS --------------------------------------------------------------- */

static void on_send(void *who, const char *text)
{
	struct obs_link *link = who;
	size_t bytes = strlen(text);
	if (!link->wsi)
		return;
	struct outgoing *o = xmalloc(sizeof *o + LWS_PRE + bytes);
	o->next = NULL;
	o->bytes = bytes;
	memcpy(o->data + LWS_PRE, text, bytes);
	*link->last = o;
	link->last = &o->next;
	lws_callback_on_writable(link->wsi);
}

static int write_next(struct obs_link *link, struct lws *wsi)
{
	struct outgoing *o = link->first;
	if (!o)
		return 0;
	link->first = o->next;
	if (!link->first)
		link->last = &link->first;
	int sent = lws_write(wsi, o->data + LWS_PRE, o->bytes, LWS_WRITE_TEXT);
	bool ok = sent >= (int)o->bytes;
	free(o);
	if (link->first)
		lws_callback_on_writable(wsi);
	return ok ? 0 : -1;
}

/* --- connecting ----------------------------------------------------------- */

/* The end of an attempt or a connection, whatever face it has; once. */
static void gone(struct obs_link *link, const char *why)
{
	bool was_ready = obs_phase_of(link->session) == OBS_READY;
	link->wsi = NULL;
	link->opening_ms = 0;
	buf_release(&link->in);
	while (link->first) {
		struct outgoing *o = link->first;
		link->first = o->next;
		free(o);
	}
	link->last = &link->first;
	if (was_ready) {
		link->backoff_ms = BACKOFF_MIN_MS;
		link->found.count = 0; /* the name may mean another by now */
	}
	int64_t now = clock_mono_ms();
	if (!link->stopped && link->next_addr < link->found.count) {
		link->again_ms = now; /* it has another address */
	} else if (!link->stopped) {
		/* Spread a little, so that two of us do not knock together. */
		char chance[3];
		hash_random_hex(chance, 1);
		int64_t jitter = link->backoff_ms *
				 (int64_t)strtol(chance, NULL, 16) / 1024;
		link->again_ms = now + link->backoff_ms + jitter;
		link->backoff_ms *= 2;
		if (link->backoff_ms > BACKOFF_MAX_MS)
			link->backoff_ms = BACKOFF_MAX_MS;
	}
	obs_lost(link->session, why, now);
	if (link->stopped)
		obs_stopped(link->session, why);
	free(link->close_text);
	link->close_text = NULL;
	link->close_code = 0;
	plan(link);
	lws_cancel_service(link->ws->context); /* see ws_loop.c */
}

static void on_give_up(void *who, const char *why, bool stop)
{
	struct obs_link *link = who;
	struct lws *wsi = link->wsi;
	link->stopped |= stop;
	if (!wsi)
		return;
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	gone(link, why);
}

static void read_password(struct obs_link *link)
{
	const struct net *net = link->ws->net;
	const struct show_obs *obs = &net->show->obs;
	char *password =
		net_password(net, obs->password_env, obs->password_file, "OBS");
	if (!password && !obs->password_env && !obs->password_file)
		return;
	obs_set_password(link->session, password);
	free(password);
}

/* To a number: libwebsockets looks names up while everybody waits. */
static void connect_to(struct obs_link *link, const char *addr)
{
	struct lws_client_connect_info info;
	memset(&info, 0, sizeof info);
	char *host = xasprintf("%s:%d", link->host, link->port);
	link->opening_ms = clock_mono_ms();
	info.context = link->ws->context;
	info.vhost = link->ws->obs_vhost;
	info.address = addr;
	info.port = link->port;
	info.path = link->path;
	info.host = host;
	info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
	info.protocol = NULL;
	info.local_protocol_name = "obs";
	info.ietf_version_or_minus_one = -1;
	info.retry_and_idle_policy = &obs_idle;
	info.pwsi = &link->wsi;
	struct lws *wsi = lws_client_connect_via_info(&info);
	free(host);
	if (!wsi && link->opening_ms)
		gone(link, "its address cannot be reached");
	plan(link);
}

/* Any thread. */
static void on_found(void *ctx)
{
	struct ws *ws = ctx;
	lws_cancel_service(ws->context);
}

void obs_link_look(struct obs_link *link)
{
	if (!link->lookup || !lookup_take(&link->lookup, &link->found))
		return;
	link->looking_ms = 0;
	link->next_addr = 0;
	if (link->found.count) {
		connect_to(link, link->found.addr[link->next_addr++]);
		return;
	}
	char *why = xasprintf("%s cannot be found: %s", link->host,
			      link->found.why);
	gone(link, why);
	free(why);
}

/* The addresses that are left, else those that the name has now. */
static void connect_now(struct obs_link *link)
{
	link->again_ms = 0;
	if (link->lookup)
		return;
	if (link->next_addr < link->found.count) {
		connect_to(link, link->found.addr[link->next_addr++]);
		return;
	}
	link->looking_ms = clock_mono_ms();
	link->lookup = lookup_start(link->host, on_found, link->ws);
	obs_link_look(link); /* a number is known at once */
}

static void tell_looking(struct obs_link *link, int64_t now)
{
	char *why =
		xasprintf("%s is looked up, and no DNS answers", link->host);
	link->looking_ms = 0;
	obs_lost(link->session, why, now);
	free(why);
}

static void on_timer(lws_sorted_usec_list_t *timer)
{
	struct obs_link *link = lws_container_of(timer, struct obs_link, timer);
	int64_t now = clock_mono_ms();
	if (link->again_ms && now >= link->again_ms)
		connect_now(link);
	else if (link->looking_ms && now >= link->looking_ms + OBS_HANDSHAKE_MS)
		tell_looking(link, now);
	else if (link->opening_ms && now >= link->opening_ms + OBS_HANDSHAKE_MS)
		on_give_up(link,
			   "nothing that speaks WebSocket answers within 5 s",
			   false);
	else
		obs_tick(link->session, now);
	plan(link);
}

static void plan(struct obs_link *link)
{
	int64_t next = obs_next_ms(link->session);
	int64_t since = link->looking_ms ? link->looking_ms : link->opening_ms;
	int64_t opening = since ? since + OBS_HANDSHAKE_MS : 0;
	if (link->again_ms && (!next || link->again_ms < next))
		next = link->again_ms;
	if (opening && (!next || opening < next))
		next = opening;
	int64_t left = next - clock_mono_ms();
	lws_sul_schedule(link->ws->context, 0, &link->timer, on_timer,
			 !next	    ? LWS_SET_TIMER_USEC_CANCEL
			 : left > 0 ? left * 1000
				    : 1);
}

/* ws://host:port[/path] */
static bool read_url(struct obs_link *link, const char *url)
{
	if (!url || strncmp(url, "ws://", 5))
		return false;
	url += 5;
	size_t len = strcspn(url, "/");
	char *host = xstrndup(url, len);
	char *colon = strrchr(host, ':');
	char *bracket = strrchr(host, ']');
	link->port = 4455;
	if (colon && (!bracket || colon > bracket)) {
		*colon = 0;
		link->port = atoi(colon + 1);
	}
	size_t n = strlen(host);
	if (n > 2 && host[0] == '[' && host[n - 1] == ']')
		link->host = xstrndup(host + 1, n - 2);
	else
		link->host = xstrdup(host);
	link->path = xstrdup(url[len] ? url + len : "/");
	free(host);
	return *link->host && link->port > 0 && link->port < 65536;
}

struct obs_link *obs_link_new(struct ws *ws)
{
	struct obs_link *link = xcalloc(1, sizeof *link);
	const struct obs_sink sink = {link,	  on_send,  on_facts,
				      on_figures, on_done,  on_picture,
				      on_give_up, on_alarm, on_meters};
	link->ws = ws;
	link->last = &link->first;
	link->backoff_ms = BACKOFF_MIN_MS;
	link->session = obs_new(&sink);
	return link;
}

void obs_link_start(struct obs_link *link)
{
	const struct net *net = link->ws->net;
	const char *why = NULL;
	if (net->rehearsal)
		why = "rehearsal: OBS is left alone";
	else if (!net->show->obs.given)
		why = "the show file names no OBS";
	else if (!read_url(link, net->show->obs.url))
		why = "obs.url is not ws://host:port";
	if (why) {
		link->stopped = true;
		free(link->host);
		link->host = NULL;
		obs_lost(link->session, why, clock_mono_ms());
		return;
	}
	obs_expect(link->session, &net->show->obs);
	read_password(link);
	connect_now(link);
	plan(link);
}

void obs_link_meters(struct obs_link *link, bool shown)
{
	obs_show_meters(link->session, shown, clock_mono_ms());
	plan(link);
}

bool obs_link_may_end(const struct obs_link *link)
{
	return !link->wsi || obs_may_leave(link->session, clock_mono_ms());
}

void obs_link_free(struct obs_link **linkp)
{
	struct obs_link *link = *linkp;
	if (!link)
		return;
	*linkp = NULL;
	lws_sul_schedule(link->ws->context, 0, &link->timer, on_timer,
			 LWS_SET_TIMER_USEC_CANCEL);
	lws_sul_schedule(link->ws->context, 0, &link->post_timer, post_rest,
			 LWS_SET_TIMER_USEC_CANCEL);
	lookup_drop(&link->lookup);
	while (link->first) {
		struct outgoing *o = link->first;
		link->first = o->next;
		free(o);
	}
	for (size_t i = 0; i < link->unsent_count; i++)
		input_free(&link->unsent[i]);
	obs_free(&link->session);
	buf_release(&link->in);
	free(link->close_text);
	free(link->host);
	free(link->path);
	free(link);
}

static void reconnect(struct obs_link *link, int64_t now)
{
	link->stopped = false;
	link->backoff_ms = BACKOFF_MIN_MS;
	link->found.count = 0;
	read_password(link);
	on_give_up(link, "asked to connect again", false);
	link->again_ms = now;
}

static void disconnect(struct obs_link *link, int64_t now)
{
	static const char why[] =
		"disconnected on request: `obs connect` connects again";
	link->again_ms = 0;
	link->stopped = true;
	if (link->wsi)
		on_give_up(link, why, true);
	else
		obs_lost(link->session, why, now);
}

void obs_link_request(struct obs_link *link, const char *id, const char *type,
		      const char *data)
{
	int64_t now = clock_mono_ms();
	bool connects = !strcmp(type, "reconnect");
	bool leaves = !strcmp(type, "disconnect");
	if ((connects || leaves) && !link->host) {
		on_done(link, id, false, "the show names no OBS to connect to");
		return;
	}
	if (leaves) {
		disconnect(link, now);
		on_done(link, id, true, "disconnected");
	} else {
		obs_request(link->session, id, type, data, now);
	}
	if (connects)
		reconnect(link, now);
	plan(link);
}

/* --- libwebsockets -------------------------------------------------------- */

static int received(struct obs_link *link, struct lws *wsi, const char *in,
		    size_t len)
{
	if (lws_frame_is_binary(wsi)) {
		on_give_up(link,
			   "what answers there sends msgpack or other bytes, "
			   "and no JSON",
			   false);
		return -1;
	}
	if (link->in.len + len + lws_remaining_packet_payload(wsi) >
	    OBS_MAX_TEXT_BYTES) {
		on_give_up(link, "OBS sent a message of more than 16 MiB",
			   false);
		return -1;
	}
	buf_add(&link->in, in, len);
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
		return 0;
	/* Taken out first: what it says may end this very connection. */
	struct buf message = link->in;
	link->in = (struct buf){0};
	obs_received(link->session, buf_str(&message), message.len,
		     clock_mono_ms());
	buf_clear(&message);
	if (link->wsi == wsi && !link->in.data)
		link->in = message;
	else
		buf_release(&message);
	plan(link);
	return link->wsi == wsi ? 0 : -1;
}

static void closing(struct obs_link *link, const unsigned char *in, size_t len)
{
	if (len < 2)
		return;
	link->close_code = (unsigned)in[0] << 8 | in[1];
	free(link->close_text);
	link->close_text = text_clean((const char *)in + 2, len - 2, 120);
}

static void ended(struct obs_link *link, const char *why)
{
	bool stop = false;
	char *text = link->close_code ? obs_close_text(link->close_code,
						       link->close_text, &stop)
				      : NULL;
	link->stopped |= stop;
	gone(link, text ? text : why);
	free(text);
}

int obs_link_callback(struct lws *wsi, enum lws_callback_reasons reason,
		      void *user, void *in, size_t len)
{
	(void)user;
	struct ws *ws = lws_context_user(lws_get_context(wsi));
	struct obs_link *link = ws ? ws->obs : NULL;
	/* Also calls for the vhost itself, and for attempts of before. */
	if (!link || !wsi || wsi != link->wsi)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		link->opening_ms = 0;
		obs_opened(link->session, clock_mono_ms());
		plan(link);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return write_next(link, wsi);
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return received(link, wsi, in, len);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		closing(link, in, len);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ended(link, "nothing listens there that speaks WebSocket");
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
	case LWS_CALLBACK_WSI_DESTROY:
		ended(link, "the connection to OBS was lost");
		return 0;
	default:
		return 0;
	}
}

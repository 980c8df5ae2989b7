/*
 * chat_link: the connection to the chat of the audience, over TCP or over
 * WebSocket, and the way from a word in it to a vote. irc.c knows the protocol,
 * chat.c the words, dial.c when to connect.
 *
 * A flood is not dropped but held up: when so many votes came in a moment that
 * others would have to wait, or the engine takes no more, nothing is read for
 * some milliseconds, and TCP tells the server.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "core/ballots.h"
#include "net/chat.h"
#include "net/dial.h"
#include "net/irc.h"
#include "net/ws_priv.h"

#define PAUSE_MIN_MS	 500
#define PAUSE_MAX_MS	 30000
#define PAUSE_REFUSED_MS 60000
#define OPEN_MS		 5000
#define STEADY_MS	 10000 /* who stayed so long was worth it */
#define HOLD_MS		 20
#define FIGURES_MS	 1000
#define VOTES_PER_MS	 10 /* passed on; a burst may be 1,000 */
#define VOTES_BURST	 1000

enum { SCHEME_IRC, SCHEME_WS };
static const struct dial_scheme schemes[] = {
	{"irc", 6667}, {"ws", 80}, {NULL, 0}};

struct outgoing {
	struct outgoing *next;
	size_t bytes;
	unsigned char data[]; /* LWS_PRE, then the line; masked in place */
};

struct chat_link {
	struct ws *ws;
	struct irc_session *session; /* NULL: there is no chat to go to */
	struct chat *chat;
	struct dial dial;
	struct lws *wsi;    /* the attempt or connection; NULL: none */
	int64_t opening_ms; /* since when it opens; 0: it does not */
	int64_t joined_ms;  /* since when it listens; 0: it does not */
	struct outgoing *first, **last;
	lws_sorted_usec_list_t timer;

	/* Votes to be posted, and of a flood what was read and not yet looked
	 * at: it waits until they are. */
	struct ballots *box;
	struct buf rest;
	bool held;
	int64_t credit, credit_ms;

	struct input *news; /* of the connection, to be posted; NULL: none */
	char *told;	    /* what was posted last: why not; "": it is there */
	int64_t lines, votes, figures_ms;
	int64_t lines_told, votes_told;
	bool figures_stand;
};

static void plan(struct chat_link *link);

/* --- to the engine -------------------------------------------------------- */

static void post_news(struct chat_link *link)
{
	if (link->news)
		mailbox_post(link->ws->net->engine, &link->news);
}

/* Once for each change; only the newest counts. NULL: it is there. */
static void tell(struct chat_link *link, const char *why)
{
	const char *text = why ? why : "";
	if (link->told && strcmp(link->told, text) == 0)
		return;
	free(link->told);
	link->told = xstrdup(text);
	input_free(&link->news);
	link->news = input_new(INPUT_CHAT);
	link->news->ok = !why;
	link->news->text = why ? text_clean_str(why, 200) : NULL;
	post_news(link);
}

/* Lines and votes a second, for as long as there are any, and once when there
 * are none any more. */
static void tell_figures(struct chat_link *link, int64_t now)
{
	int64_t lines = link->lines - link->lines_told;
	int64_t votes = link->votes - link->votes_told;
	if (now < link->figures_ms)
		return;
	link->figures_ms = now + FIGURES_MS;
	link->lines_told = link->lines;
	link->votes_told = link->votes;
	if (!lines && link->figures_stand)
		return;
	link->figures_stand = !lines;
	struct input *in = input_new(INPUT_PROGRESS);
	in->agent = xstrdup("chat");
	in->text = xasprintf("{\"topic\":\"chat\",\"lines_per_s\":%lld,"
			     "\"votes_per_s\":%lld,\"votes\":%lld}",
			     (long long)lines, (long long)votes,
			     (long long)link->votes);
	if (!mailbox_post(link->ws->net->engine, &in))
		input_free(&in); /* the next ones are as good */
}

static bool has_credit(struct chat_link *link)
{
	int64_t now = clock_mono_ms();
	link->credit += (now - link->credit_ms) * VOTES_PER_MS;
	link->credit_ms = now;
	if (link->credit > VOTES_BURST)
		link->credit = VOTES_BURST;
	return link->credit > 0;
}

/* False: the engine takes nothing now, and they are kept, or it has enough. */
static bool post_votes(struct chat_link *link)
{
	if (!link->box)
		return has_credit(link);
	int64_t count = (int64_t)link->box->count;
	struct input *in = input_votes(&link->box);
	if (!mailbox_post(link->ws->net->engine, &in)) {
		link->box = in->ballots;
		in->ballots = NULL;
		input_free(&in);
		return false;
	}
	link->votes += count;
	link->credit -= count;
	return has_credit(link);
}

static bool on_said(void *who, const struct irc_message *m, const char *text)
{
	struct chat_link *link = who;
	char voter[IRC_VOTER_BYTES];
	link->lines++;
	int option = chat_option(link->chat, text);
	if (option < 0 || !irc_voter(link->session, m, voter) ||
	    !chat_is_news(link->chat, voter, option, clock_mono_ms()))
		return true;
	if (!link->box) {
		link->box = ballots_new(chat_poll(link->chat), BALLOTS_CHAT);
		link->box->opened_ms = chat_poll_opened(link->chat);
	}
	ballots_add(link->box, chat_option_id(link->chat, option), voter,
		    ballots_source("irc", voter), 0);
	return link->box->count < BALLOTS_MOST || post_votes(link);
}

/* --- to the chat ---------------------------------------------------------- */

/* Over WebSocket a message is a line and has no end. */
static void on_send(void *who, const char *line)
{
	struct chat_link *link = who;
	bool ws = link->dial.scheme == SCHEME_WS;
	size_t bytes = strlen(line);
	if (!link->wsi)
		return;
	struct outgoing *o = xmalloc(sizeof *o + LWS_PRE + bytes + 2);
	o->next = NULL;
	o->bytes = bytes + (ws ? 0 : 2);
	memcpy(o->data + LWS_PRE, line, bytes);
	memcpy(o->data + LWS_PRE + bytes, "\r\n", 2);
	*link->last = o;
	link->last = &o->next;
	lws_callback_on_writable(link->wsi);
}

static int write_next(struct chat_link *link, struct lws *wsi)
{
	struct outgoing *o = link->first;
	if (!o)
		return 0;
	link->first = o->next;
	if (!link->first)
		link->last = &link->first;
	bool ws = link->dial.scheme == SCHEME_WS;
	int sent = lws_write(wsi, o->data + LWS_PRE, o->bytes,
			     ws ? LWS_WRITE_TEXT : LWS_WRITE_RAW);
	bool ok = sent >= (int)o->bytes;
	free(o);
	if (link->first)
		lws_callback_on_writable(wsi);
	return ok ? 0 : -1;
}

static void drop_outgoing(struct chat_link *link)
{
	while (link->first) {
		struct outgoing *o = link->first;
		link->first = o->next;
		free(o);
	}
	link->last = &link->first;
}

/* --- connecting ----------------------------------------------------------- */

/* The end of an attempt or a connection, whatever face it has; once. */
static void gone(struct chat_link *link, const char *why, int64_t pause_ms)
{
	int64_t now = clock_mono_ms();
	if (link->joined_ms && now - link->joined_ms >= STEADY_MS)
		dial_worked(&link->dial);
	link->wsi = NULL;
	link->opening_ms = link->joined_ms = 0;
	link->held = false;
	drop_outgoing(link);
	buf_release(&link->rest);
	irc_lost(link->session);
	dial_failed(&link->dial, now, pause_ms);
	log_warn("net", "the chat: %s", why);
	tell(link, why);
	plan(link);
	lws_cancel_service(link->ws->context); /* see ws_loop.c */
}

static void hang_up(struct chat_link *link, const char *why, int64_t pause_ms)
{
	struct lws *wsi = link->wsi;
	if (!wsi)
		return;
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	gone(link, why, pause_ms);
}

static void on_joined(void *who)
{
	struct chat_link *link = who;
	link->joined_ms = clock_mono_ms();
	log_info("net", "the chat: %s is joined",
		 link->ws->net->show->chat.channel);
	tell(link, NULL);
}

static void on_give_up(void *who, const char *why, enum irc_again again)
{
	struct chat_link *link = who;
	if (again == IRC_AT_ONCE)
		dial_worked(&link->dial);
	hang_up(link, why, again == IRC_REFUSED ? PAUSE_REFUSED_MS : 0);
}

static void connect_to(struct chat_link *link, const char *addr)
{
	struct lws_client_connect_info info;
	memset(&info, 0, sizeof info);
	char *host = xasprintf("%s:%d", link->dial.host, link->dial.port);
	link->opening_ms = clock_mono_ms();
	info.context = link->ws->context;
	info.vhost = link->ws->chat_vhost;
	info.address = addr;
	info.port = link->dial.port;
	info.path = link->dial.path;
	info.host = host;
	info.origin = link->dial.host; /* there are some who want one */
	info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
	info.local_protocol_name = "chat";
	info.ietf_version_or_minus_one = -1;
	info.method = link->dial.scheme == SCHEME_IRC ? "RAW" : NULL;
	info.pwsi = &link->wsi;
	struct lws *wsi = lws_client_connect_via_info(&info);
	free(host);
	if (!wsi && link->opening_ms)
		gone(link, "its address cannot be reached", 0);
	plan(link);
}

/* Any thread. */
static void on_found(void *ctx)
{
	struct ws *ws = ctx;
	lws_cancel_service(ws->context);
}

void chat_link_look(struct chat_link *link)
{
	const char *why, *addr = dial_looked(&link->dial, &why);
	if (addr) {
		connect_to(link, addr);
	} else if (why) {
		char *text = xasprintf("%s cannot be found: %s",
				       link->dial.host, why);
		gone(link, text, 0);
		free(text);
	}
	post_news(link);
}

static void connect_now(struct chat_link *link)
{
	const char *addr = dial_next(&link->dial, on_found, link->ws);
	if (addr)
		connect_to(link, addr);
	else
		chat_link_look(link); /* a number is known at once */
}

/* --- what comes ----------------------------------------------------------- */

static int64_t hold_ms(const struct chat_link *link)
{
	return link->held || link->box || link->news ? HOLD_MS : 0;
}

static void keep_rest(struct chat_link *link, const char *bytes, size_t len,
		      bool ends)
{
	buf_add(&link->rest, bytes, len);
	if (ends)
		buf_addc(&link->rest, '\n');
}

/* Looks at what came; what has to wait is kept, and no more is read. `ends`: it
 * is the end of a message, and so of a line. -1: the link was given up. */
static int look_at(struct chat_link *link, struct lws *wsi, const char *bytes,
		   size_t len, bool ends)
{
	int64_t now = clock_mono_ms();
	if (link->held) { /* of what was read already */
		keep_rest(link, bytes, len, ends);
		return 0;
	}
	size_t n = irc_received(link->session, bytes, len, now);
	if (link->wsi == wsi && n == len && ends)
		irc_end_line(link->session, now);
	if (link->wsi != wsi)
		return -1;
	if (!post_votes(link) || n < len) {
		keep_rest(link, bytes + n, len - n, ends && n < len);
		link->held = true;
		lws_rx_flow_control(wsi, 0);
	}
	tell_figures(link, now);
	plan(link);
	return 0;
}

/* From a timer, after which nobody would look for what lws itself has read and
 * kept: only the wake does that. */
static void read_again(struct chat_link *link, struct lws *wsi)
{
	lws_rx_flow_control(wsi, 1);
	lws_cancel_service(link->ws->context);
}

/* After a pause: goes on where it stopped. */
static void go_on(struct chat_link *link)
{
	struct lws *wsi = link->wsi;
	post_news(link);
	if (!post_votes(link) || !link->held)
		return;
	struct buf rest = link->rest;
	link->rest = (struct buf){0};
	link->held = false;
	if (look_at(link, wsi, buf_str(&rest), rest.len, false) == 0 &&
	    !link->held)
		read_again(link, wsi);
	buf_release(&rest);
}

static void sooner(int64_t *next, int64_t at)
{
	if (at && (!*next || at < *next))
		*next = at;
}

static void on_timer(lws_sorted_usec_list_t *timer)
{
	struct chat_link *link =
		lws_container_of(timer, struct chat_link, timer);
	int64_t now = clock_mono_ms();
	if (hold_ms(link))
		go_on(link);
	if (link->dial.again_ms && now >= link->dial.again_ms)
		connect_now(link);
	else if (link->dial.looking_ms &&
		 now >= link->dial.looking_ms + OPEN_MS)
		tell(link, "its name is looked up, and no DNS answers");
	else if (link->opening_ms && now >= link->opening_ms + OPEN_MS)
		hang_up(link, "nothing answers there within 5 s", 0);
	else if (!link->held)
		irc_tick(link->session, now);
	if (link->joined_ms)
		tell_figures(link, now);
	plan(link);
}

static void plan(struct chat_link *link)
{
	int64_t now = clock_mono_ms(), next = 0;
	if (!link->held)
		sooner(&next, irc_next_ms(link->session));
	sooner(&next, link->dial.again_ms);
	if (link->opening_ms)
		sooner(&next, link->opening_ms + OPEN_MS);
	/* Told once: told does not change by it again. */
	if (link->dial.looking_ms && now < link->dial.looking_ms + OPEN_MS)
		sooner(&next, link->dial.looking_ms + OPEN_MS);
	if (hold_ms(link))
		sooner(&next, now + hold_ms(link));
	if (link->joined_ms && !link->figures_stand)
		sooner(&next, link->figures_ms);
	int64_t left = next - now;
	lws_sul_schedule(link->ws->context, 0, &link->timer, on_timer,
			 !next	    ? LWS_SET_TIMER_USEC_CANCEL
			 : left > 0 ? left * 1000
				    : 1);
}

/* --- its life ------------------------------------------------------------- */

struct chat_link *chat_link_new(struct ws *ws)
{
	struct chat_link *link = xcalloc(1, sizeof *link);
	link->ws = ws;
	link->last = &link->first;
	link->credit = VOTES_BURST;
	link->credit_ms = clock_mono_ms();
	link->figures_stand = true;
	return link;
}

void chat_link_start(struct chat_link *link)
{
	const struct net *net = link->ws->net;
	const struct show_chat *def = &net->show->chat;
	const struct irc_sink sink = {link, on_send, on_joined, on_said,
				      on_give_up};
	if (net->rehearsal || !def->given)
		return;
	if (!dial_init(&link->dial, def->url, schemes, PAUSE_MIN_MS,
		       PAUSE_MAX_MS)) {
		dial_release(&link->dial);
		tell(link, "chat.url is not irc://host:port");
		return;
	}
	char *password = net_password(net, def->password_env,
				      def->password_file, "the chat");
	link->chat = chat_new(def->prefix);
	link->session = irc_new(&sink, def->nick, def->channel);
	irc_set_password(link->session, password);
	free(password);
	connect_now(link);
	plan(link);
}

void chat_link_free(struct chat_link **linkp)
{
	struct chat_link *link = *linkp;
	if (!link)
		return;
	*linkp = NULL;
	lws_sul_schedule(link->ws->context, 0, &link->timer, on_timer,
			 LWS_SET_TIMER_USEC_CANCEL);
	dial_release(&link->dial);
	drop_outgoing(link);
	buf_release(&link->rest);
	ballots_free(&link->box);
	input_free(&link->news);
	irc_free(&link->session);
	chat_free(&link->chat);
	free(link->told);
	free(link);
}

void chat_link_polls(struct chat_link *link, const char *polls)
{
	if (link->chat)
		chat_set_polls(link->chat, polls);
}

int chat_link_callback(struct lws *wsi, enum lws_callback_reasons reason,
		       void *user, void *in, size_t len)
{
	(void)user;
	struct ws *ws = lws_context_user(lws_get_context(wsi));
	struct chat_link *link = ws ? ws->chat : NULL;
	/* Also calls for the vhost itself, and for attempts of before. */
	if (!link || !wsi || wsi != link->wsi)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_RAW_CONNECTED:
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		link->opening_ms = 0;
		irc_opened(link->session, clock_mono_ms());
		plan(link);
		return 0;
	case LWS_CALLBACK_RAW_WRITEABLE:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return write_next(link, wsi);
	case LWS_CALLBACK_RAW_RX:
		return look_at(link, wsi, in, len, false);
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return look_at(link, wsi, in, len,
			       lws_is_final_fragment(wsi) &&
				       !lws_remaining_packet_payload(wsi));
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		gone(link, "nothing listens there that speaks its protocol", 0);
		return 0;
	case LWS_CALLBACK_RAW_CLOSE:
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
	case LWS_CALLBACK_WSI_DESTROY:
		gone(link, "the connection was lost", 0);
		return 0;
	default:
		return 0;
	}
}

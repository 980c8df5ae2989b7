#include "net/ws.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/ws_priv.h"

#define MAIL_CAPACITY 8192
#define SWEEP_US      (1000 * 1000)
#define TOKEN_MS      5000 /* for the token in the first message */

/* What the system keeps for one that does not read, before that counts as no
 * room. Little for an audience: what is newer makes it worthless, and ten
 * thousand may stop reading at once. */
static const int send_bytes[SIDES] = {64 * 1024, 16 * 1024};

const char *const ws_topic_names[WS_TOPICS] = {"events", "tallies", "checks",
					       "log", "obs"};

/* protocols[0] takes clients that name no subprotocol, and every client of
 * ours; with any other struct behind it lws would hand us a wrong one. */
static const struct lws_protocols session_protocols[SIDES][2] = {
	{{"showcaller", session_callback, sizeof(struct session), 4096, 0, NULL,
	  0}},
	/* Each client costs so much for what it says, and there are many. */
	{{"showcaller", session_callback, sizeof(struct session), 512, 0, NULL,
	  0}},
};
static const struct lws_protocols obs_protocols[] = {
	{"obs", obs_link_callback, 0, 64 * 1024, 0, NULL, 0},
	{0},
};
static const struct lws_protocols chat_protocols[] = {
	{"chat", chat_link_callback, 0, 16 * 1024, 0, NULL, 0},
	{0},
};

void ws_mail_drop(void *p)
{
	struct ws_mail *mail = p;
	if (!mail)
		return;
	if (mail->fd >= 0)
		close(mail->fd);
	free(mail->name);
	free(mail->type);
	free(mail->text);
	free(mail->full);
	free(mail->guest);
	ballots_free(&mail->ballots);
	free(mail);
}

static struct ws_mail *mail_new(enum ws_mail_kind kind)
{
	struct ws_mail *mail = xcalloc(1, sizeof *mail);
	mail->kind = kind;
	mail->fd = -1;
	return mail;
}

static bool post(struct ws *ws, struct ws_mail *mail)
{
	if (!mailbox_post(ws->mail, &mail)) {
		ws_mail_drop(mail);
		return false;
	}
	lws_cancel_service(ws->context);
	return true;
}

bool ws_adopt(struct ws *ws, int fd, const struct guest *guest)
{
	atomic_size_t *clients = &ws->clients[guest->side];
	if (atomic_fetch_add(clients, 1) >= (size_t)ws->net->limits.clients)
		goto refused;
	struct ws_mail *mail = mail_new(MAIL_ADOPT);
	mail->fd = fd;
	mail->guest = xmalloc(sizeof *guest);
	*mail->guest = *guest;
	if (mailbox_post(ws->mail, &mail)) {
		lws_cancel_service(ws->context);
		return true;
	}
	mail->fd = -1;
	ws_mail_drop(mail);
refused:
	atomic_fetch_sub(clients, 1);
	return false;
}

void ws_votes(struct ws *ws, struct ballots **ballots)
{
	struct ws_mail *mail = mail_new(MAIL_VOTES);
	mail->ballots = *ballots;
	*ballots = NULL;
	post(ws, mail);
}

void ws_polls(struct ws *ws, enum side_id side, char **text)
{
	pthread_mutex_lock(&ws->polls_lock);
	free(ws->polls_text[side]);
	ws->polls_text[side] = *text;
	pthread_mutex_unlock(&ws->polls_lock);
	*text = NULL;
	lws_cancel_service(ws->context);
}

void ws_tally(struct ws *ws, const char *poll, char *texts[SIDES])
{
	struct ws_mail *mail = mail_new(MAIL_TALLY);
	mail->name = xstrdup(poll);
	mail->full = texts[SIDE_OPERATOR];
	mail->text = texts[SIDE_AUDIENCE];
	texts[SIDE_OPERATOR] = texts[SIDE_AUDIENCE] = NULL;
	post(ws, mail);
}

void ws_publish(struct ws *ws, enum ws_topic topic, char **text)
{
	struct ws_mail *mail = mail_new(MAIL_PUBLISH);
	mail->topic = topic;
	mail->text = *text;
	*text = NULL;
	post(ws, mail);
}

bool ws_wanted(struct ws *ws, enum ws_topic topic)
{
	return atomic_load(&ws->wanted) & 1u << topic;
}

bool ws_is_full(struct ws *ws, enum side_id side)
{
	return ws_clients(ws, side) >= (size_t)ws->net->limits.clients;
}

size_t ws_clients(struct ws *ws, enum side_id side)
{
	return atomic_load(&ws->clients[side]);
}

void ws_obs(struct ws *ws, const char *id, const char *type, const char *data)
{
	struct ws_mail *mail = mail_new(MAIL_OBS);
	mail->name = xstrdup(id);
	mail->type = xstrdup(type);
	mail->text = xstrdup(data);
	if (post(ws, mail))
		return;
	struct input *in = input_new(INPUT_OBS_DONE);
	in->id = xstrdup(id);
	in->text = xstrdup("too many requests to OBS are waiting");
	if (!mailbox_post(ws->net->engine, &in))
		input_free(&in);
}

void ws_obs_meters(struct ws *ws, bool wanted)
{
	struct ws_mail *mail = mail_new(MAIL_METERS);
	mail->trusted = wanted;
	post(ws, mail);
}

static void adopt(struct ws *ws, struct ws_mail *mail)
{
	enum side_id side = mail->guest->side;
	setsockopt(mail->fd, SOL_SOCKET, SO_SNDBUF, &send_bytes[side],
		   sizeof(int));
	struct lws *wsi = lws_adopt_socket_vhost(ws->vhosts[side], mail->fd);
	mail->fd = -1; /* lws has closed it when it did not take it */
	if (!wsi) {
		atomic_fetch_sub(&ws->clients[side], 1);
		return;
	}
	/* Until the connection is counted out, in session.c. */
	lws_set_opaque_user_data(wsi, mail->guest);
	mail->guest = NULL;
}

static void publish(struct ws *ws, const struct ws_mail *mail)
{
	struct note *note = NULL;
	for (struct session *s = ws->sessions[SIDE_OPERATOR]; s; s = s->next) {
		if (!(s->topics & 1u << mail->topic))
			continue;
		if (!note)
			note = note_new(mail->text);
		session_send(s, note);
	}
	note_unref(&note);
}

static void take_polls(struct ws *ws, enum side_id side)
{
	pthread_mutex_lock(&ws->polls_lock);
	char *polls = ws->polls_text[side];
	ws->polls_text[side] = NULL;
	pthread_mutex_unlock(&ws->polls_lock);
	if (polls)
		tally_set_polls(ws, side, polls);
	if (polls && side == SIDE_AUDIENCE)
		chat_link_polls(ws->chat, polls);
	free(polls);
}

static void take_mail(struct ws *ws)
{
	take_polls(ws, SIDE_OPERATOR);
	take_polls(ws, SIDE_AUDIENCE);
	struct ws_mail *mail;
	while ((mail = mailbox_take(ws->mail))) {
		switch (mail->kind) {
		case MAIL_ADOPT:
			adopt(ws, mail);
			break;
		case MAIL_TALLY:
			tally_set(ws, SIDE_OPERATOR, mail->name, mail->full);
			tally_set(ws, SIDE_AUDIENCE, mail->name, mail->text);
			break;
		case MAIL_PUBLISH:
			publish(ws, mail);
			break;
		case MAIL_OBS:
			obs_link_request(ws->obs, mail->name, mail->type,
					 mail->text);
			break;
		case MAIL_VOTES:
			ws_votes_answered(ws, mail->ballots);
			break;
		case MAIL_METERS:
			obs_link_meters(ws->obs, mail->trusted);
			break;
		}
		ws_mail_drop(mail);
	}
	/* After all of it: of several tallies only the newest is told. */
	tally_tell(ws);
}

/* Once a second: who takes nothing, and who never said the token. */
static void sweep(lws_sorted_usec_list_t *timer)
{
	struct ws *ws = lws_container_of(timer, struct ws, sweep_timer);
	int64_t now = clock_mono_ms();
	bool any = false;
	for (int side = 0; side < SIDES; side++) {
		struct session *s = ws->sessions[side], *next;
		for (; s; s = next) {
			next = s->next;
			any = true;
			bool slow =
				s->waiting_ms &&
				now - s->waiting_ms > ws->net->limits.slow_ms;
			bool mute = side == SIDE_OPERATOR && !s->trusted &&
				    now - s->opened_ms > TOKEN_MS;
			if (slow || mute)
				session_kill(s);
		}
	}
	if (any)
		lws_sul_schedule(ws->context, 0, timer, sweep, SWEEP_US);
}

static void keep_sweeping(struct ws *ws)
{
	bool any = ws->sessions[SIDE_OPERATOR] || ws->sessions[SIDE_AUDIENCE];
	if (any && lws_dll2_is_detached(&ws->sweep_timer.list))
		lws_sul_schedule(ws->context, 0, &ws->sweep_timer, sweep,
				 SWEEP_US);
}

static void *run(void *arg)
{
	struct ws *ws = arg;
	obs_link_start(ws->obs);
	chat_link_start(ws->chat);
	while (!atomic_load(&ws->stopping) || !obs_link_may_end(ws->obs)) {
		ws_loop_turn(ws);
		take_mail(ws);
		ws_votes_post(ws);
		obs_link_look(ws->obs);
		chat_link_look(ws->chat);
		keep_sweeping(ws);
	}
	return NULL;
}

static void to_log(int level, const char *line)
{
	int len = (int)strcspn(line, "\r\n");
	if (level & LLL_ERR)
		log_debug("net", "libwebsockets: %.*s", len, line);
}

static struct lws_vhost *vhost_new(struct ws *ws, const char *name,
				   const struct lws_protocols *protocols)
{
	struct lws_context_creation_info info;
	memset(&info, 0, sizeof info);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.vhost_name = name;
	info.protocols = protocols;
	info.retry_and_idle_policy = &ws->idle;
	/* Given and empty: else the environment's http_proxy would capture the
	 * way to OBS, on this very machine too. */
	info.http_proxy_address = "";
	return lws_create_vhost(ws->context, &info);
}

static bool open_context(struct ws *ws, struct err *err)
{
	struct lws_context_creation_info info;
	memset(&info, 0, sizeof info);
	lws_set_log_level(LLL_ERR, to_log);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		       LWS_SERVER_OPTION_VALIDATE_UTF8;
	info.max_http_header_data = 20 * 1024; /* the door lets 16 KiB in */
	info.max_http_header_pool = 64;
	info.user = ws;
	if (!ws_loop_open(ws, &info))
		return err_set(err, ERR_UNAVAILABLE,
			       "the WebSocket library does not start: the "
			       "package libwebsockets-evlib-uv is not "
			       "installed, or there are too few descriptors or "
			       "no memory");
	ws->vhosts[SIDE_OPERATOR] =
		vhost_new(ws, "operator", session_protocols[SIDE_OPERATOR]);
	ws->vhosts[SIDE_AUDIENCE] =
		vhost_new(ws, "audience", session_protocols[SIDE_AUDIENCE]);
	ws->obs_vhost = vhost_new(ws, "obs", obs_protocols);
	ws->chat_vhost = vhost_new(ws, "chat", chat_protocols);
	if (!ws->vhosts[0] || !ws->vhosts[1] || !ws->obs_vhost ||
	    !ws->chat_vhost)
		return err_set(err, ERR_INTERNAL,
			       "the WebSocket library refuses a listener");
	return true;
}

struct ws *ws_start(struct net *net, struct err *err)
{
	struct ws *ws = xcalloc(1, sizeof *ws);
	ws->net = net;
	ws->idle.secs_since_valid_ping = (uint16_t)net->limits.ping_s;
	ws->idle.secs_since_valid_hangup =
		(uint16_t)(net->limits.ping_s * 3 / 2);
	pthread_mutex_init(&ws->polls_lock, NULL);
	ws->mail = mailbox_new(MAIL_CAPACITY, ws_mail_drop);
	if (!open_context(ws, err))
		goto failed;
	ws->obs = obs_link_new(ws);
	ws->chat = chat_link_new(ws);
	if (!net_thread(&ws->thread, "ws", run, ws, err))
		goto failed;
	ws->started = true;
	return ws;
failed:
	ws_stop(&ws);
	return NULL;
}

void ws_stop(struct ws **wsp)
{
	struct ws *ws = *wsp;
	if (!ws)
		return;
	*wsp = NULL;
	atomic_store(&ws->stopping, true);
	if (ws->started) {
		lws_cancel_service(ws->context);
		pthread_join(ws->thread, NULL);
	}
	/* The context's last callbacks still look at ws. */
	if (ws->context) {
		lws_sul_schedule(ws->context, 0, &ws->sweep_timer, sweep,
				 LWS_SET_TIMER_USEC_CANCEL);
		lws_sul_schedule(ws->context, 0, &ws->flush_timer, sweep,
				 LWS_SET_TIMER_USEC_CANCEL);
		obs_link_free(&ws->obs);
		chat_link_free(&ws->chat);
		ws_loop_close(ws);
	}
	mailbox_free(&ws->mail);
	tally_release(ws);
	ws_votes_forget(ws);
	for (int side = 0; side < SIDES; side++)
		free(ws->polls_text[side]);
	pthread_mutex_destroy(&ws->polls_lock);
	free(ws);
}

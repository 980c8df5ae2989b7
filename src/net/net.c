#include "net/net.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/net_priv.h"
#include "net/web.h"
#include "net/ws.h"

/* 10,000 WebSockets, HTTP, and what the rest of the program opens. More would
 * cost libwebsockets memory for descriptors that never come: it sizes its
 * tables by this limit. */
#define OPEN_FILES 16384

bool net_thread(pthread_t *thread, const char *name, void *(*run)(void *),
		void *arg, struct err *err)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0) {
		pthread_setname_np(*thread, name);
		return true;
	}
	return err_set(err, ERR_UNAVAILABLE, "a thread of the network: %s",
		       strerror(rc));
}

char *net_password(const struct net *net, const char *env, const char *file,
		   const char *what)
{
	const struct show *show = net->show;
	struct err err = {0};
	char *path = NULL;
	if (!env && !file)
		return NULL;
	if (file)
		path = show->path ? file_beside(show->path, file)
				  : xstrdup(file);
	char *password = file_secret(env, path, &err);
	if (!password)
		log_warn("net", "no password for %s: %s", what, err.text);
	free(path);
	return password;
}

static void set_open_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == OPEN_FILES)
		return;
	limit.rlim_cur =
		limit.rlim_max < OPEN_FILES ? limit.rlim_max : OPEN_FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool write_addr(const struct net *net, enum side_id side,
		       struct err *err)
{
	if (!net->state_dir)
		return true;
	char *path = xasprintf("%s/%s.addr", net->state_dir,
			       side == SIDE_OPERATOR ? "operator" : "audience");
	char *line = xasprintf("%s\n", net->addr[side]);
	bool ok = file_write(path, line, strlen(line), 0600, err);
	free(line);
	free(path);
	return ok;
}

static struct net *net_new(const struct net_settings *s, struct mailbox *engine)
{
	struct net *net = xcalloc(1, sizeof *net);
	net->show = show_ref((struct show *)(uintptr_t)s->show);
	net->token = xstrdup(s->token);
	net->state_dir = xstrdup(s->state_dir);
	net->redis_url = xstrdup(s->redis_url);
	net->redis_fsync = s->redis_fsync;
	net->rehearsal = s->rehearsal;
	net->limits = (struct net_limits){
		.clients =
			s->limits.clients ? s->limits.clients : WS_MAX_CLIENTS,
		.slow_ms = s->limits.slow_ms ? s->limits.slow_ms : WS_SLOW_MS,
		.ping_s = s->limits.ping_s ? s->limits.ping_s : WS_PING_S,
	};
	net->engine = engine;
	return net;
}

struct net *net_start(const struct net_settings *settings,
		      struct event *const *replay, size_t replay_count,
		      struct mailbox *engine, struct err *err)
{
	REQUIRE(settings->token && *settings->token);
	struct net *net = net_new(settings, engine);
	set_open_files();
	const char *want[SIDES] = {
		settings->operator_addr ? settings->operator_addr
					: net->show->http.operator_addr,
		settings->audience_addr ? settings->audience_addr
					: net->show->http.audience_addr,
	};
	if (settings->voter_secret)
		memcpy(net->voter_secret, settings->voter_secret,
		       sizeof net->voter_secret);
	else if (!voter_secret_open(net->state_dir, net->voter_secret, err))
		goto failed;
	net->web = web_new(net, want, settings->snapshot, replay, replay_count,
			   err);
	if (!net->web)
		goto failed;
	if (!write_addr(net, SIDE_OPERATOR, err) ||
	    !write_addr(net, SIDE_AUDIENCE, err))
		goto failed;
	net->ws = ws_start(net, err);
	if (!net->ws || !web_start(net->web, err))
		goto failed;
	log_info("net", "operator on %s, audience on %s",
		 net->addr[SIDE_OPERATOR], net->addr[SIDE_AUDIENCE]);
	return net;
failed:
	net_stop(&net);
	return NULL;
}

void net_stop(struct net **netp)
{
	struct net *net = *netp;
	if (!net)
		return;
	*netp = NULL;
	/* First the door, because it hands connections to the ws thread. */
	web_stop(&net->web);
	ws_stop(&net->ws);
	show_unref(&net->show);
	free(net->token);
	free(net->state_dir);
	free(net->redis_url);
	for (int i = 0; i < SIDES; i++)
		free(net->addr[i]);
	free(net);
}

void net_events(struct net *net, struct event **events, size_t count)
{
	struct web_mail *first = NULL, **last = &first;
	for (size_t i = 0; i < count; i++) {
		*last = web_mail_new(WEB_EVENT);
		(*last)->event = events[i];
		last = &(*last)->next;
		events[i] = NULL;
	}
	web_post(net->web, &first);
}

void net_live(struct net *net, const char *json)
{
	struct web_mail *mail = web_mail_new(WEB_LIVE);
	mail->text = xstrdup(json);
	web_post(net->web, &mail);
}

void net_reply(struct net *net, const struct origin *origin, bool ok,
	       const char *code, const char *text)
{
	if (origin->kind != ORIGIN_WEB)
		return;
	struct web_mail *mail = web_mail_new(WEB_REPLY);
	mail->origin = *origin;
	mail->ok = ok;
	mail->code = xstrdup(code ? code : ok ? "ok" : "refused");
	mail->text = xstrdup(text ? text : "");
	web_post(net->web, &mail);
}

void net_votes(struct net *net, struct ballots **ballots)
{
	if ((*ballots)->from == BALLOTS_WS) {
		ws_votes(net->ws, ballots);
		return;
	}
	struct web_mail *mail = web_mail_new(WEB_VOTES);
	mail->ballots = *ballots;
	*ballots = NULL;
	web_post(net->web, &mail);
}

void net_redis(struct net *net, bool connected, int64_t rtt_us, const char *why)
{
	struct web_mail *mail = web_mail_new(WEB_REDIS);
	mail->ok = connected;
	mail->rtt_us = rtt_us;
	mail->text = why && *why ? text_clean_str(why, 250) : NULL;
	web_post(net->web, &mail);
}

void net_obs(struct net *net, const char *id, const char *type,
	     const char *data)
{
	ws_obs(net->ws, id, type, data);
}

void net_obs_meters(struct net *net, bool wanted)
{
	ws_obs_meters(net->ws, wanted);
}

const char *net_operator_addr(const struct net *net)
{
	return net->addr[SIDE_OPERATOR];
}

const char *net_audience_addr(const struct net *net)
{
	return net->addr[SIDE_AUDIENCE];
}

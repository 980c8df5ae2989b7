#include "net/irc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

#define LINE_BYTES (IRC_TAGS_BYTES + IRC_REST_BYTES)
#define NICK_BYTES 64
#define NICK_LEAST 9 /* RFC 1459: so many letters every server takes */
#define NICK_TRIES 4
#define WHY_BYTES  160

/* What a server may be able to do that helps us. */
static const char *const wanted[] = {
	"message-tags", "account-tag",
	"twitch.tv/tags",     /* who an account is, by number */
	"twitch.tv/commands", /* RECONNECT */
};
enum { CAP_TAGS, CAP_ACCOUNT, CAP_TWITCH };

struct irc_session {
	struct irc_sink sink;
	enum irc_phase phase;
	char nick[NICK_BYTES]; /* what we are called there */
	char *wanted_nick, *password, *channel;
	int nick_tries;
	unsigned offered, given; /* bits: of wanted[] */
	bool caps_known;	 /* the server said what it is able to do */
	int64_t deadline_ms;	 /* until the channel is reached */
	int64_t heard_ms;
	bool asked;	/* whether anybody is there */
	bool stop_here; /* said() takes no more for now */
	bool too_long;	/* the rest of this line is passed over */
	int64_t passed_over;
	size_t len;
	char line[LINE_BYTES + 1];
};

struct irc_session *irc_new(const struct irc_sink *sink, const char *nick,
			    const char *channel)
{
	struct irc_session *s = xcalloc(1, sizeof *s);
	s->sink = *sink;
	s->wanted_nick = xstrdup(nick);
	s->channel = xstrdup(channel);
	return s;
}

void irc_free(struct irc_session **sp)
{
	struct irc_session *s = *sp;
	if (!s)
		return;
	*sp = NULL;
	free(s->wanted_nick);
	free(s->password);
	free(s->channel);
	free(s);
}

void irc_set_password(struct irc_session *s, const char *password)
{
	free(s->password);
	s->password = xstrdup(password);
}

enum irc_phase irc_phase_of(const struct irc_session *s)
{
	return s->phase;
}

int64_t irc_passed_over(const struct irc_session *s)
{
	return s->passed_over;
}

/* --- what we say ---------------------------------------------------------- */

static void say(struct irc_session *s, const char *before, const char *text)
{
	char line[IRC_REST_BYTES];
	snprintf(line, sizeof line - 2, "%s%s", before, text);
	s->sink.send(s->sink.who, line);
}

static void say_nick(struct irc_session *s)
{
	say(s, "NICK ", s->nick);
}

void irc_opened(struct irc_session *s, int64_t now_ms)
{
	s->phase = IRC_REGISTERING;
	s->offered = s->given = 0;
	s->caps_known = s->asked = s->too_long = false;
	s->nick_tries = 0;
	s->len = 0;
	s->heard_ms = now_ms;
	s->deadline_ms = now_ms + IRC_JOIN_MS;
	snprintf(s->nick, sizeof s->nick, "%s", s->wanted_nick);
	say(s, "CAP LS 302", "");
	if (s->password)
		say(s, "PASS ", s->password);
	say_nick(s);
	say(s, "USER showcaller 0 * :", "showcaller");
}

void irc_lost(struct irc_session *s)
{
	s->phase = IRC_DOWN;
	s->len = 0;
}

/* Nothing is looked at any more behind this. */
static void give_up(struct irc_session *s, enum irc_again again,
		    const char *what, const char *text)
{
	char *clean = text_clean_str(text, WHY_BYTES);
	char *why = xasprintf("%s%s%s", what, *clean ? ": " : "", clean);
	irc_lost(s);
	s->sink.give_up(s->sink.who, why, again);
	free(why);
	free(clean);
}

/* --- what it says --------------------------------------------------------- */

static const char *param(const struct irc_message *m, int i)
{
	return i < m->count ? m->params[i] : "";
}

static const char *last_param(const struct irc_message *m)
{
	return m->count ? m->params[m->count - 1] : "";
}

static bool is_our_channel(const struct irc_session *s, const char *name)
{
	return strcasecmp(s->channel, name) == 0;
}

static bool is_us(const struct irc_session *s, const char *nick)
{
	return strcasecmp(s->nick, nick) == 0;
}

static void on_ping(struct irc_session *s, const struct irc_message *m)
{
	say(s, "PONG :", last_param(m));
}

/* The bits of a list of capabilities, "sasl=PLAIN message-tags". */
static unsigned caps_of(const char *list)
{
	unsigned bits = 0;
	while (*list) {
		size_t len = strcspn(list, " "), name = strcspn(list, "= ");
		for (size_t i = 0; i < COUNT_OF(wanted); i++)
			if (strlen(wanted[i]) == name &&
			    strncmp(wanted[i], list, name) == 0)
				bits |= 1u << i;
		list += len + strspn(list + len, " ");
	}
	return bits;
}

static void ask_caps(struct irc_session *s, unsigned bits)
{
	char list[128] = "";
	size_t n = 0;
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		if (bits & 1u << i)
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s",
					      n ? " " : "", wanted[i]);
	say(s, "CAP REQ :", list);
}

static void on_cap(struct irc_session *s, const struct irc_message *m)
{
	const char *what = param(m, 1);
	bool more = strcmp(param(m, 2), "*") == 0 && m->count > 3;
	if (strcmp(what, "LS") == 0 && s->phase == IRC_REGISTERING) {
		s->offered |= caps_of(last_param(m));
		s->caps_known = true;
		if (more)
			return;
		if (s->offered)
			ask_caps(s, s->offered);
		else
			say(s, "CAP END", "");
	} else if (strcmp(what, "ACK") == 0 || strcmp(what, "NAK") == 0) {
		if (what[0] == 'A')
			s->given |= caps_of(last_param(m));
		if (s->phase == IRC_REGISTERING)
			say(s, "CAP END", "");
	}
}

static void on_welcome(struct irc_session *s, const struct irc_message *m)
{
	if (s->phase != IRC_REGISTERING)
		return;
	s->phase = IRC_JOINING;
	/* It may have cut our name. */
	if (*param(m, 0))
		snprintf(s->nick, sizeof s->nick, "%s", param(m, 0));
	if (!s->caps_known) /* older ones take it without saying so first */
		ask_caps(s, 1u << CAP_TWITCH | 1u << (CAP_TWITCH + 1));
	say(s, "JOIN ", s->channel);
}

static void on_nick_taken(struct irc_session *s, const struct irc_message *m)
{
	size_t len = strlen(s->nick);
	(void)m;
	if (s->phase != IRC_REGISTERING)
		return;
	if (++s->nick_tries > NICK_TRIES || len + 2 > sizeof s->nick) {
		give_up(s, IRC_SOON, "the nick is taken there", s->wanted_nick);
		return;
	}
	s->nick[len] = '_';
	s->nick[len + 1] = '\0';
	say_nick(s);
}

static void on_refused(struct irc_session *s, const struct irc_message *m)
{
	give_up(s, IRC_REFUSED, "the chat refuses us", last_param(m));
}

/* Some take no more letters than the first IRC did. */
static void on_bad_nick(struct irc_session *s, const struct irc_message *m)
{
	if (s->phase != IRC_REGISTERING || strlen(s->nick) <= NICK_LEAST) {
		on_refused(s, m);
		return;
	}
	s->nick[NICK_LEAST] = '\0';
	say_nick(s);
}

static void on_no_channel(struct irc_session *s, const struct irc_message *m)
{
	if (s->phase == IRC_JOINING && is_our_channel(s, param(m, 1)))
		give_up(s, IRC_REFUSED, "the channel cannot be joined",
			last_param(m));
}

static void reached(struct irc_session *s)
{
	s->phase = IRC_JOINED;
	s->sink.joined(s->sink.who);
}

static void on_join(struct irc_session *s, const struct irc_message *m)
{
	if (s->phase == IRC_JOINING && is_us(s, m->nick) &&
	    is_our_channel(s, param(m, 0)))
		reached(s);
}

static void on_names_end(struct irc_session *s, const struct irc_message *m)
{
	if (s->phase == IRC_JOINING && is_our_channel(s, param(m, 1)))
		reached(s);
}

static void on_kick(struct irc_session *s, const struct irc_message *m)
{
	if (is_our_channel(s, param(m, 0)) && is_us(s, param(m, 1)))
		give_up(s, IRC_REFUSED, "we were sent out of the channel",
			param(m, 2));
}

static void on_nick(struct irc_session *s, const struct irc_message *m)
{
	if (is_us(s, m->nick) && *param(m, 0))
		snprintf(s->nick, sizeof s->nick, "%s", param(m, 0));
}

/* Twitch tells a wrong password so, and nothing else. */
static void on_notice(struct irc_session *s, const struct irc_message *m)
{
	static const char *const failed[] = {"Login authentication failed",
					     "Improperly formatted auth",
					     "Login unsuccessful"};
	for (size_t i = 0; i < COUNT_OF(failed); i++)
		if (s->phase == IRC_REGISTERING && !*m->nick &&
		    strcmp(last_param(m), failed[i]) == 0) {
			on_refused(s, m);
			return;
		}
}

static void on_reconnect(struct irc_session *s, const struct irc_message *m)
{
	if (!*m->nick)
		give_up(s, IRC_AT_ONCE, "the chat asked us to come again", "");
}

static void on_error(struct irc_session *s, const struct irc_message *m)
{
	if (!*m->nick)
		give_up(s, IRC_SOON, "the chat ended it", last_param(m));
}

static void on_privmsg(struct irc_session *s, const struct irc_message *m)
{
	if (s->phase == IRC_JOINED && m->count == 2 &&
	    is_our_channel(s, m->params[0]))
		s->stop_here = !s->sink.said(s->sink.who, m, m->params[1]);
}

static const struct {
	const char *command;
	void (*take)(struct irc_session *s, const struct irc_message *m);
} table[] = {
	{"PRIVMSG", on_privmsg}, /* first: it is most of what comes */
	{"PING", on_ping},	 {"CAP", on_cap},
	{"001", on_welcome},	 {"JOIN", on_join},
	{"366", on_names_end},	 {"NICK", on_nick},
	{"KICK", on_kick},	 {"NOTICE", on_notice},
	{"ERROR", on_error},	 {"RECONNECT", on_reconnect},
	{"432", on_bad_nick},	 {"433", on_nick_taken},
	{"436", on_nick_taken},	 {"464", on_refused},
	{"465", on_refused},	 {"403", on_no_channel},
	{"405", on_no_channel},	 {"437", on_no_channel},
	{"471", on_no_channel},	 {"473", on_no_channel},
	{"474", on_no_channel},	 {"475", on_no_channel},
	{"476", on_no_channel},	 {"477", on_no_channel},
};

static void take_line(struct irc_session *s)
{
	struct irc_message m;
	size_t len = s->len;
	s->line[len] = '\0';
	s->len = 0;
	if (s->too_long || memchr(s->line, '\0', len) ||
	    (len && !irc_parse(s->line, &m))) {
		s->passed_over++;
		s->too_long = false;
		return;
	}
	for (size_t i = 0; len && i < COUNT_OF(table); i++)
		if (strcasecmp(table[i].command, m.command) == 0) {
			table[i].take(s, &m);
			return;
		}
}

static void add(struct irc_session *s, const char *bytes, size_t len)
{
	if (len > LINE_BYTES - s->len) {
		s->too_long = true;
		len = LINE_BYTES - s->len;
	}
	memcpy(s->line + s->len, bytes, len);
	s->len += len;
}

/* The nearest end of a line; CR LF is one and an empty one. */
static const char *end_of_line(const char *bytes, size_t len)
{
	const char *lf = memchr(bytes, '\n', len);
	size_t before = lf ? (size_t)(lf - bytes) : len;
	const char *cr = memchr(bytes, '\r', before);
	return cr ? cr : lf;
}

size_t irc_received(struct irc_session *s, const char *bytes, size_t len,
		    int64_t now_ms)
{
	size_t at = 0;
	s->heard_ms = now_ms;
	s->asked = s->stop_here = false;
	while (at < len && s->phase != IRC_DOWN && !s->stop_here) {
		const char *end = end_of_line(bytes + at, len - at);
		size_t n = end ? (size_t)(end - bytes) - at : len - at;
		add(s, bytes + at, n);
		at += n + (end != NULL);
		if (end)
			take_line(s);
	}
	return at;
}

void irc_end_line(struct irc_session *s, int64_t now_ms)
{
	irc_received(s, "\n", 1, now_ms);
}

/* --- time ----------------------------------------------------------------- */

int64_t irc_next_ms(const struct irc_session *s)
{
	if (s->phase == IRC_DOWN)
		return 0;
	if (s->phase != IRC_JOINED)
		return s->deadline_ms;
	return s->heard_ms + (s->asked ? IRC_DEAD_MS : IRC_QUIET_MS);
}

void irc_tick(struct irc_session *s, int64_t now_ms)
{
	if (s->phase == IRC_DOWN || now_ms < irc_next_ms(s))
		return;
	if (s->phase != IRC_JOINED) {
		give_up(s, IRC_SOON,
			s->phase == IRC_REGISTERING
				? "nothing that speaks IRC answers within 15 s"
				: "the channel was not reached within 15 s",
			"");
	} else if (s->asked) {
		give_up(s, IRC_SOON, "the chat is silent", "");
	} else {
		s->asked = true;
		say(s, "PING :", "showcaller");
	}
}

/* --- who votes ------------------------------------------------------------ */

/* RFC 2812, 2.2: these are the same letter. */
static void lower(char *s)
{
	static const char upper[] = "[]\\~", small[] = "{}|^";
	for (; *s; s++) {
		const char *at = strchr(upper, *s);
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
		else if (at)
			*s = small[at - upper];
	}
}

bool irc_voter(const struct irc_session *s, const struct irc_message *m,
	       char out[IRC_VOTER_BYTES])
{
	char who[IRC_REST_BYTES + 8], hex[HASH_HEX_BYTES];
	char *name = who + 2;
	size_t room = sizeof who - 2;
	memcpy(who, "u:", 3);
	if (!(s->given & 1u << CAP_TWITCH) ||
	    !irc_tag(m, "user-id", name, room)) {
		who[0] = 'a';
		if (!(s->given & 1u << CAP_ACCOUNT) ||
		    !irc_tag(m, "account", name, room)) {
			who[0] = 'n';
			snprintf(name, room, "%s", m->nick);
		}
		lower(name);
	}
	if (!*name)
		return false;
	hash_sha256_hex(hex, who, strlen(who));
	snprintf(out, IRC_VOTER_BYTES, "chat:%.40s", hex);
	return true;
}

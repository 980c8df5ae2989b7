/* IRC, word by word: lines, tags, who votes, and how a guest behaves. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/chat.h"
#include "net/dial.h"
#include "net/irc.h"
#include "tap.h"

/* --- a line --------------------------------------------------------------- */

static const struct {
	const char *line, *tags, *nick, *command;
	int count;
	const char *last;
} lines[] = {
	{"PING", NULL, "", "PING", 0, ""},
	{"PING :a b", NULL, "", "PING", 1, "a b"},
	{":irc.test 001 me :Welcome", NULL, "", "001", 2, "Welcome"},
	{":ann!a@h PRIVMSG #x :hi there", NULL, "ann", "PRIVMSG", 2,
	 "hi there"},
	{":ann PRIVMSG #x hi", NULL, "ann", "PRIVMSG", 2, "hi"},
	{":ann@h PRIVMSG #x ::", NULL, "ann", "PRIVMSG", 2, ":"},
	{"@a=1;b :n!u@h X   y   :", "a=1;b", "n", "X", 2, ""},
	{"@ :n X", "", "n", "X", 0, ""},
	{"X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", NULL, "", "X", 15,
	 "15 16"},
};

static const char *last_of(const struct irc_message *m)
{
	return m->count ? m->params[m->count - 1] : "";
}

START_TEST(lines_are_taken_apart)
{
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		char *line = xstrdup(lines[i].line);
		struct irc_message m;
		ck_assert_msg(irc_parse(line, &m), "%s", lines[i].line);
		ck_assert_pstr_eq(m.tags, lines[i].tags);
		ck_assert_str_eq(m.nick, lines[i].nick);
		ck_assert_str_eq(m.command, lines[i].command);
		ck_assert_int_eq(m.count, lines[i].count);
		ck_assert_str_eq(last_of(&m), lines[i].last);
		free(line);
	}
}
END_TEST

START_TEST(what_is_no_line_is_refused)
{
	static const char *const none[] = {
		"", " ", ":", ":only!a@prefix", "@tags", "@a=b :prefix"};
	struct irc_message m;
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		char *line = xstrdup(none[i]);
		ck_assert_msg(!irc_parse(line, &m), "<%s>", none[i]);
		free(line);
	}
}
END_TEST

/* At their edges: 8,191 bytes of tags and 512 of the rest, its end included. */
START_TEST(long_lines_are_refused)
{
	for (int over = 0; over <= 1; over++) {
		struct irc_message m;
		char *tags = xcalloc(1, IRC_TAGS_BYTES + 16);
		memset(tags, 'a', (size_t)(IRC_TAGS_BYTES - 1 + over));
		tags[0] = '@';
		strcat(tags, " X");
		ck_assert_int_eq(irc_parse(tags, &m), !over);
		char *rest = xcalloc(1, IRC_REST_BYTES + 16);
		memset(rest, 'b', (size_t)(IRC_REST_BYTES - 2 + over));
		ck_assert_int_eq(irc_parse(rest, &m), !over);
		free(rest);
		free(tags);
	}
}
END_TEST

START_TEST(tags_are_found_and_unescaped)
{
	static const struct {
		const char *tags, *key, *value;
	} rows[] = {
		{"a=1;b=2", "b", "2"},
		{"a=1;b=2", "a", "1"},
		{"ab=1;b=2", "b", "2"},
		{"a=1;b=", "b", NULL},
		{"a=1;b", "b", NULL},
		{"", "b", NULL},
		{"b=x\\:y\\s\\\\z", "b", "x;y \\z"},
		{"b=x\\", "b", "x"},
		{"b=\\q", "b", "q"},
		{"b=12345678", "b", NULL},
		{"b=1;b=2", "b", "1"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char out[8], *line = xasprintf("@%s X", rows[i].tags);
		struct irc_message m;
		ck_assert(irc_parse(line, &m));
		bool found = irc_tag(&m, rows[i].key, out, sizeof out);
		ck_assert_msg(found == (rows[i].value != NULL), "%s",
			      rows[i].tags);
		if (found)
			ck_assert_str_eq(out, rows[i].value);
		free(line);
	}
}
END_TEST

/* --- a session ------------------------------------------------------------ */

static struct {
	struct buf sent, heard, ended;
	struct irc_session *s;
	int joined;
	enum irc_again again;
	char voter[IRC_VOTER_BYTES];
	bool full;
} w;

static void on_send(void *who, const char *line)
{
	(void)who;
	buf_addf(&w.sent, "%s|", line);
}

static void on_joined(void *who)
{
	(void)who;
	w.joined++;
}

static bool on_said(void *who, const struct irc_message *m, const char *text)
{
	(void)who;
	buf_addf(&w.heard, "%s|", text);
	if (!irc_voter(w.s, m, w.voter))
		w.voter[0] = '\0';
	return !w.full;
}

static void on_give_up(void *who, const char *why, enum irc_again again)
{
	(void)who;
	buf_addf(&w.ended, "%s|", why);
	w.again = again;
}

static void setup(void)
{
	const struct irc_sink sink = {NULL, on_send, on_joined, on_said,
				      on_give_up};
	memset(&w, 0, sizeof w);
	w.s = irc_new(&sink, "caller", "#Show");
	irc_opened(w.s, 0);
}

static void teardown(void)
{
	irc_free(&w.s);
	buf_release(&w.sent);
	buf_release(&w.heard);
	buf_release(&w.ended);
}

static void comes(const char *text)
{
	irc_received(w.s, text, strlen(text), 1000);
}

static void sent_is(const char *want)
{
	ck_assert_str_eq(buf_str(&w.sent), want);
	buf_clear(&w.sent);
}

static void join(const char *caps)
{
	char *line = xasprintf(":t CAP * LS :%s\r\n", caps);
	comes(line);
	free(line);
	line = xasprintf(":t CAP * ACK :%s\r\n", caps);
	if (strchr(caps, '-') || strchr(caps, '/'))
		comes(line);
	free(line);
	comes(":t 001 caller :hello\r\n:caller!c@h JOIN #show\r\n");
	ck_assert_int_eq(w.joined, 1);
	buf_clear(&w.sent);
}

START_TEST(a_guest_comes_in)
{
	sent_is("CAP LS 302|NICK caller|USER showcaller 0 * :showcaller|");
	comes(":t CAP * LS * :sasl=PLAIN account-tag\r\n");
	sent_is("");
	comes(":t CAP * LS :twitch.tv/tags echo-message message-tags=x\r\n");
	sent_is("CAP REQ :message-tags account-tag twitch.tv/tags|");
	comes(":t CAP * NAK :message-tags account-tag twitch.tv/tags\r\n");
	sent_is("CAP END|");
	comes(":t 001 caller7 :hello\r\n");
	sent_is("JOIN #Show|");
	/* Somebody else who comes is not us. */
	comes(":caller!c@h JOIN #show\r\n");
	ck_assert_int_eq(w.joined, 0);
	comes(":caller7!c@h JOIN #show\r\n");
	ck_assert_int_eq(w.joined, 1);
	ck_assert_int_eq(irc_phase_of(w.s), IRC_JOINED);
}
END_TEST

START_TEST(a_server_without_capabilities_will_do)
{
	buf_clear(&w.sent);
	comes(":t 421 * CAP :Unknown command\r\n:t 001 caller :hello\n");
	sent_is("CAP REQ :twitch.tv/tags twitch.tv/commands|JOIN #Show|");
	comes(":t 366 caller #show :End of NAMES list\n");
	ck_assert_int_eq(w.joined, 1);
}
END_TEST

START_TEST(the_password_comes_before_the_name)
{
	irc_set_password(w.s, "oauth:x");
	buf_clear(&w.sent);
	irc_opened(w.s, 0);
	sent_is("CAP LS 302|PASS oauth:x|NICK caller|"
		"USER showcaller 0 * :showcaller|");
}
END_TEST

/* Rate of what it says by itself: nought, whatever is said. */
START_TEST(a_guest_says_nothing)
{
	join("twitch.tv/tags");
	comes(":a!a@h PRIVMSG #show :!1\r\n:a!a@h PRIVMSG caller :hi\r\n"
	      ":a!a@h NOTICE #show :x\r\n:a!a@h PRIVMSG #other :!1\r\n"
	      ":a!a@h INVITE caller #b\r\n:t 999 caller :?\r\n"
	      ":a!a@h PRIVMSG #show :\001PING 1\001\r\n");
	sent_is("");
	ck_assert_str_eq(buf_str(&w.heard), "!1|\001PING 1\001|");
	comes("PING :abc def\r\n");
	sent_is("PONG :abc def|");
}
END_TEST

static const char *voter(const char *tags, const char *nick)
{
	char *line = xasprintf("%s:%s!u@h PRIVMSG #SHOW :!1\r\n", tags, nick);
	w.voter[0] = '\0';
	comes(line);
	free(line);
	return xstrdup(w.voter);
}

#define SAME(a, b)  voters_are(true, a, b)
#define OTHER(a, b) voters_are(false, a, b)
static void voters_are(bool same, const char *a, const char *b)
{
	ck_assert_int_eq(strncmp(a, "chat:", 5), 0);
	ck_assert_int_eq(strcmp(a, b) == 0, same);
	free((void *)(uintptr_t)a);
	free((void *)(uintptr_t)b);
}

START_TEST(a_chatter_is_one_voter)
{
	join("twitch.tv/tags account-tag");
	SAME(voter("@user-id=12 ", "ann"), voter("@user-id=12;x=y ", "bob"));
	OTHER(voter("@user-id=12 ", "ann"), voter("@user-id=13 ", "ann"));
	OTHER(voter("@user-id=12 ", "ann"), voter("@account=12 ", "ann"));
	SAME(voter("@account=Ann ", "x"), voter("@account=ann ", "y"));
	SAME(voter("", "Ann[]"), voter("", "aNN{}"));
	OTHER(voter("", "ann"), voter("@account=ann ", "ann"));
}
END_TEST

START_TEST(tags_that_nobody_promised_count_nothing)
{
	join("message-tags");
	SAME(voter("@user-id=12 ", "ann"), voter("@user-id=13 ", "ann"));
	SAME(voter("@account=a ", "ann"), voter("", "ann"));
}
END_TEST

static const struct {
	const char *line, *why;
	enum irc_again again;
} ends[] = {
	{":t.t RECONNECT\r\n", "the chat asked us to come again|", IRC_AT_ONCE},
	{"ERROR :Closing Link \033[31m\r\n",
	 "the chat ended it: Closing Link \xef\xbf\xbd[31m|", IRC_SOON},
	{":o!o@h KICK #show caller :go\r\n",
	 "we were sent out of the channel: go|", IRC_REFUSED},
	{":t.t 465 caller :banned\r\n", "the chat refuses us: banned|",
	 IRC_REFUSED},
};

START_TEST(what_ends_it_says_why)
{
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		teardown();
		setup();
		join("none");
		comes(ends[i].line);
		ck_assert_str_eq(buf_str(&w.ended), ends[i].why);
		ck_assert_int_eq(w.again, ends[i].again);
		ck_assert_int_eq(irc_phase_of(w.s), IRC_DOWN);
		ck_assert_int_eq(irc_next_ms(w.s), 0);
	}
}
END_TEST

START_TEST(nobody_but_the_server_may_end_it)
{
	join("none");
	comes(":a!a@h RECONNECT\r\n:a!a@h ERROR :x\r\n"
	      ":o!o@h KICK #show ann :x\r\n:o!o@h KICK #b caller :x\r\n"
	      ":a!a@h NOTICE * :Login authentication failed\r\n");
	ck_assert_str_eq(buf_str(&w.ended), "");
}
END_TEST

START_TEST(a_wrong_password_is_told)
{
	comes(":tmi.twitch.tv NOTICE * :Login authentication failed\r\n"
	      ":t 001 caller :hello\r\n");
	ck_assert_str_eq(buf_str(&w.ended),
			 "the chat refuses us: Login authentication failed|");
	ck_assert_int_eq(w.again, IRC_REFUSED);
	ck_assert_int_eq(w.joined, 0);
}
END_TEST

START_TEST(silence_is_asked_and_believed)
{
	irc_tick(w.s, IRC_JOIN_MS - 1);
	ck_assert_str_eq(buf_str(&w.ended), "");
	irc_tick(w.s, IRC_JOIN_MS);
	ck_assert_ptr_nonnull(strstr(buf_str(&w.ended), "within 15 s"));
	teardown();
	setup();
	join("none"); /* at 1000 */
	ck_assert_int_eq(irc_next_ms(w.s), 1000 + IRC_QUIET_MS);
	irc_tick(w.s, 1000 + IRC_QUIET_MS);
	sent_is("PING :showcaller|");
	irc_received(w.s, ":t PONG t :x\n", 13, 80000);
	ck_assert_int_eq(irc_next_ms(w.s), 80000 + IRC_QUIET_MS);
	irc_tick(w.s, 80000 + IRC_QUIET_MS);
	irc_tick(w.s, 80000 + IRC_DEAD_MS);
	ck_assert_str_eq(buf_str(&w.ended), "the chat is silent|");
}
END_TEST

/* However it is cut into pieces. */
START_TEST(pieces_make_lines)
{
	static const char text[] = ":a!a@h PRIVMSG #show :!1\r\n"
				   ":b!b@h PRIVMSG #show :!2\n\r\n"
				   ":c!c@h PRIVMSG #show :!3\r";
	join("none");
	for (size_t step = 1; step < sizeof text; step++) {
		buf_clear(&w.heard);
		for (size_t i = 0; i + 1 < sizeof text; i += step) {
			size_t left = sizeof text - 1 - i;
			size_t n = step < left ? step : left;
			ck_assert_int_eq(irc_received(w.s, text + i, n, 1), n);
		}
		ck_assert_str_eq(buf_str(&w.heard), "!1|!2|!3|");
	}
	/* A message of a WebSocket needs no end. */
	buf_clear(&w.heard);
	comes(":a!a@h PRIVMSG #show :!4");
	irc_end_line(w.s, 1);
	ck_assert_str_eq(buf_str(&w.heard), "!4|");
}
END_TEST

START_TEST(who_is_full_gets_the_rest_later)
{
	static const char text[] = ":a!a@h PRIVMSG #show :!1\r\n"
				   ":b!b@h PRIVMSG #show :!2\r\n";
	join("none");
	w.full = true;
	size_t n = irc_received(w.s, text, sizeof text - 1, 1);
	ck_assert_int_eq(n, 25); /* up to the CR that ends the first */
	ck_assert_str_eq(buf_str(&w.heard), "!1|");
	w.full = false;
	irc_received(w.s, text + n, sizeof text - 1 - n, 2);
	ck_assert_str_eq(buf_str(&w.heard), "!1|!2|");
}
END_TEST

START_TEST(too_long_and_nul_are_passed_over)
{
	char *line = xcalloc(1, 20000);
	join("none");
	memset(line, 'x', 19998);
	line[19998] = '\n';
	comes(line);
	irc_received(w.s, ":a!a@h PRIVMSG #show :\0!1\n", 26, 1);
	ck_assert_int_eq(irc_passed_over(w.s), 2);
	comes(":a!a@h PRIVMSG #show :!1\n");
	ck_assert_str_eq(buf_str(&w.heard), "!1|");
	free(line);
}
END_TEST

/* --- words ---------------------------------------------------------------- */

static const char polls[] =
	"{\"polls\":["
	"{\"id\":\"old\",\"state\":\"open\",\"opened_at\":5,\"options\":"
	"[{\"id\":\"x\"},{\"id\":\"y\"}]},"
	"{\"id\":\"new\",\"state\":\"extended\",\"opened_at\":9,\"options\":"
	"[{\"id\":\"Cave\"},{\"id\":\"1\"},{\"id\":\"ridge\"}]},"
	"{\"id\":\"over\",\"state\":\"closed\",\"opened_at\":20,\"options\":"
	"[{\"id\":\"a\"},{\"id\":\"b\"}]}%s]}";

static struct chat *chat_with(const char *prefix, const char *more)
{
	struct chat *c = chat_new(prefix);
	struct buf b = {0};
	buf_addf(&b, polls, more);
	chat_set_polls(c, buf_str(&b));
	buf_release(&b);
	return c;
}

START_TEST(words_are_options)
{
	static const struct {
		const char *text;
		int option;
	} rows[] = {
		{"!cave", 0},	 {"!CAVE", 0},	 {"  !cave  please", 0},
		{"!3", 2},	 {"!03", 2},	 {"!1", 1}, /* its id */
		{"!0", -1},	 {"!4", -1},	 {"!", -1},
		{"! cave", -1},	 {"cave", -1},	 {"!caves", -1},
		{"!cav", -1},	 {"!!cave", -1}, {"", -1},
		{"!999999", -1}, {"!-1", -1},	 {"I say !cave", -1},
		{"!x", -1}, /* of a poll that was opened before */
	};
	struct chat *c = chat_with("!", "");
	ck_assert_str_eq(chat_poll(c), "new");
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		ck_assert_msg(chat_option(c, rows[i].text) == rows[i].option,
			      "<%s> %d", rows[i].text,
			      chat_option(c, rows[i].text));
	chat_free(&c);
}
END_TEST

START_TEST(a_frozen_poll_makes_room_for_the_one_before)
{
	struct chat *c = chat_with(
		"!", ",{\"id\":\"iced\",\"state\":\"open\",\"frozen\":true,"
		     "\"opened_at\":30,\"options\":[{\"id\":\"p\"}]}");
	ck_assert_str_eq(chat_poll(c), "new");
	chat_set_polls(c, "{\"polls\":[]}");
	ck_assert_ptr_null(chat_poll(c));
	ck_assert_int_eq(chat_option(c, "!1"), -1);
	chat_set_polls(c, "no json");
	ck_assert_ptr_null(chat_poll(c));
	chat_free(&c);
}
END_TEST

START_TEST(repeats_are_passed_on_now_and_then)
{
	struct chat *c = chat_with("!", "");
	ck_assert(chat_is_news(c, "chat:a", 0, 1000));
	ck_assert(!chat_is_news(c, "chat:a", 0, 1001));
	ck_assert(chat_is_news(c, "chat:b", 0, 1001));
	ck_assert(chat_is_news(c, "chat:a", 1, 1002));
	ck_assert(chat_is_news(c, "chat:a", 0, 1003));
	ck_assert(chat_is_news(c, "chat:a", 1, 1004));
	ck_assert(!chat_is_news(c, "chat:a", 0, 1005)); /* CHAT_MOST */
	ck_assert(chat_is_news(c, "chat:a", 0, 1000 + CHAT_AGAIN_MS));
	chat_free(&c);
}
END_TEST

START_TEST(urls_are_hosts_and_ports)
{
	static const struct dial_scheme schemes[] = {
		{"irc", 6667}, {"ws", 80}, {NULL, 0}};
	static const struct {
		const char *url, *host, *path;
		int scheme, port;
	} rows[] = {
		{"irc://a.test", "a.test", "/", 0, 6667},
		{"irc://a.test:7000", "a.test", "/", 0, 7000},
		{"ws://[::1]:81/x/y", "::1", "/x/y", 1, 81},
		{"ws://[::1]", "::1", "/", 1, 80},
		{"ircs://a", NULL, NULL, 0, 0},
		{"irc://", NULL, NULL, 0, 0},
		{"irc://a:0", NULL, NULL, 0, 0},
		{"irc://a:70000", NULL, NULL, 0, 0},
		{"irc://a:1x", NULL, NULL, 0, 0},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct dial d;
		bool ok = dial_init(&d, rows[i].url, schemes, 10, 100);
		ck_assert_msg(ok == (rows[i].host != NULL), "%s", rows[i].url);
		if (ok) {
			ck_assert_str_eq(d.host, rows[i].host);
			ck_assert_str_eq(d.path, rows[i].path);
			ck_assert_int_eq(d.port, rows[i].port);
			ck_assert_int_eq(d.scheme, rows[i].scheme);
		}
		dial_release(&d);
	}
}
END_TEST

START_TEST(pauses_double_and_begin_anew)
{
	static const struct dial_scheme schemes[] = {{"irc", 1}, {NULL, 0}};
	struct dial d;
	ck_assert(dial_init(&d, "irc://a", schemes, 100, 350));
	static const int64_t least[] = {100, 200, 350, 350};
	for (size_t i = 0; i < COUNT_OF(least); i++) {
		dial_failed(&d, 1000, 0);
		int64_t pause = d.again_ms - 1000;
		ck_assert_int_ge(pause, least[i]);
		ck_assert_int_le(pause, least[i] * 5 / 4);
	}
	dial_failed(&d, 1000, 5000); /* who was refused waits longer */
	ck_assert_int_ge(d.again_ms, 6000);
	dial_worked(&d);
	dial_failed(&d, 1000, 0);
	ck_assert_int_le(d.again_ms, 1125);
	dial_release(&d);
}
END_TEST

static Suite *suite_of_all(void)
{
	Suite *suite = suite_create("irc");
	TCase *t = tcase_create("lines");
	tcase_add_test(t, lines_are_taken_apart);
	tcase_add_test(t, what_is_no_line_is_refused);
	tcase_add_test(t, long_lines_are_refused);
	tcase_add_test(t, tags_are_found_and_unescaped);
	suite_add_tcase(suite, t);
	t = tcase_create("session");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_guest_comes_in);
	tcase_add_test(t, a_server_without_capabilities_will_do);
	tcase_add_test(t, the_password_comes_before_the_name);
	tcase_add_test(t, a_guest_says_nothing);
	tcase_add_test(t, a_chatter_is_one_voter);
	tcase_add_test(t, tags_that_nobody_promised_count_nothing);
	tcase_add_test(t, what_ends_it_says_why);
	tcase_add_test(t, nobody_but_the_server_may_end_it);
	tcase_add_test(t, a_wrong_password_is_told);
	tcase_add_test(t, silence_is_asked_and_believed);
	tcase_add_test(t, pieces_make_lines);
	tcase_add_test(t, who_is_full_gets_the_rest_later);
	tcase_add_test(t, too_long_and_nul_are_passed_over);
	suite_add_tcase(suite, t);
	t = tcase_create("words");
	tcase_add_test(t, words_are_options);
	tcase_add_test(t, a_frozen_poll_makes_room_for_the_one_before);
	tcase_add_test(t, repeats_are_passed_on_now_and_then);
	tcase_add_test(t, urls_are_hosts_and_ports);
	tcase_add_test(t, pauses_double_and_begin_anew);
	suite_add_tcase(suite, t);
	return suite;
}

int main(void)
{
	return tap_run(suite_of_all());
}

/*
 * Votes from a chat, through real IRC servers: over TCP and over WebSocket.
 * What no server here does (Twitch's dialect, a flood, RECONNECT) a line of the
 * test's own plays.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "irc_here.h"

static char *dir;
static struct irc_server ngircd, inspircd, locked;
static struct stand *s;

#define WAIT(cond, ms)                                                         \
	do {                                                                   \
		int64_t end_ = clock_mono_ms() + patience_ms(ms);              \
		pthread_mutex_lock(&s->lock);                                  \
		while (!(cond) && clock_mono_ms() < end_)                      \
			stand_wait_news(s, end_);                              \
		ck_assert_msg(                                                 \
			(cond), "%s: there %d, error %s, votes %lld %lld",     \
			#cond, s->chat_there,                                  \
			s->chat_error ? s->chat_error : "-",                   \
			(long long)s->counts[0], (long long)s->counts[1]);     \
		pthread_mutex_unlock(&s->lock);                                \
	} while (0)

static void open_stand(const char *scheme, int port, const char *more)
{
	char *yaml = xasprintf(
		"show: house\n"
		"stages:\n"
		"  - id: route\n"
		"    poll:\n"
		"      question: Which way?\n"
		"      options: [{ id: cave }, { id: ridge }]\n"
		"      open_ms: 3600000\n"
		"      default: cave\n"
		"chat: { url: \"%s://127.0.0.1:%d\", channel: \"#show\"%s }\n",
		scheme, port, more);
	s = stand_new(yaml);
	free(yaml);
}

static int counted(int option)
{
	pthread_mutex_lock(&s->lock);
	int votes = (int)s->counts[option];
	pthread_mutex_unlock(&s->lock);
	return votes;
}

static void teardown(void)
{
	if (s)
		stand_free(&s);
}

/* Two who vote for different things, one of them twice, and one who talks. */
static void vote_through(const struct irc_server *server)
{
	int ann = chatter_come(server, "ann");
	int bob = chatter_come(server, "bob");
	chatter_vote(ann, "!1");
	WAIT(s->counts[0] == 1, 5000);
	chatter_vote(ann, "!2");
	chatter_vote(bob, "hello, !1 is what I mean");
	chatter_vote(bob, "!nothing");
	chatter_vote(bob, "!RIDGE please");
	WAIT(s->counts[1] == 1, 5000);
	ck_assert_int_eq(counted(0), 1);
	ck_assert_int_eq(atomic_load(&s->votes), 2);
	close(ann);
	close(bob);
}

START_TEST(votes_come_over_tcp)
{
	open_stand("irc", ngircd.port, "");
	WAIT(s->chat_there, 8000);
	vote_through(&ngircd);
	WAIT(!s->chat_error, 0);
}
END_TEST

START_TEST(votes_come_over_websocket)
{
	open_stand("ws", inspircd.ws_port, "");
	WAIT(s->chat_there, 8000);
	vote_through(&inspircd);
}
END_TEST

START_TEST(a_prefix_of_ones_own)
{
	open_stand("irc", inspircd.port, ", prefix: \"#\"");
	WAIT(s->chat_there, 8000);
	int ann = chatter_come(&inspircd, "ann");
	chatter_vote(ann, "!1");
	chatter_vote(ann, "#2");
	WAIT(atomic_load(&s->votes) == 1, 5000);
	ck_assert_int_eq(counted(1), 1);
	close(ann);
}
END_TEST

START_TEST(a_server_that_ends_is_told_and_found_again)
{
	open_stand("irc", ngircd.port, "");
	WAIT(s->chat_there, 8000);
	irc_stop(&ngircd, SIGKILL);
	WAIT(!s->chat_there && s->chat_error, 8000);
	irc_start(&ngircd);
	WAIT(s->chat_there, 20000);
	int ann = chatter_come(&ngircd, "ann");
	chatter_vote(ann, "!cave");
	WAIT(s->counts[0] == 1, 5000);
	close(ann);
}
END_TEST

START_TEST(a_nick_that_does_not_fit_is_made_to)
{
	int other = chatter_come(&ngircd, "caller");
	open_stand("irc", ngircd.port, "");
	WAIT(s->chat_there, 8000);
	chatter_say(other, "NAMES #show");
	chatter_wait(other, "caller_");
	stand_free(&s);
	/* And one that is too long for this server is cut. */
	open_stand("irc", ngircd.port, ", nick: showcaller");
	WAIT(s->chat_there, 8000);
	chatter_say(other, "NAMES #show");
	chatter_wait(other, "showcalle");
	close(other);
}
END_TEST

START_TEST(who_is_sent_out_says_so)
{
	int op = chatter_come(&ngircd, "op"); /* the first one there */
	open_stand("irc", ngircd.port, "");
	WAIT(s->chat_there, 8000);
	chatter_say(op, "KICK #show caller :no robots");
	WAIT(!s->chat_there && s->chat_error &&
		     strstr(s->chat_error, "no robots"),
	     8000);
	close(op);
}
END_TEST

START_TEST(a_password_is_needed_and_known)
{
	open_stand("irc", locked.port, "");
	WAIT(!s->chat_there && s->chat_error &&
		     (strstr(s->chat_error, "refuses") ||
		      strstr(s->chat_error, "ended")),
	     8000);
	stand_free(&s);
	setenv("TEST_CHAT_PASSWORD", "let-me-in", 1);
	open_stand("irc", locked.port, ", password_env: TEST_CHAT_PASSWORD");
	WAIT(s->chat_there, 8000);
}
END_TEST

START_TEST(nobody_there_is_told)
{
	int port = temp_port();
	open_stand("irc", port, "");
	WAIT(!s->chat_there && s->chat_error, 8000);
	/* The web thread hears of it a moment later. */
	int64_t end = clock_mono_ms() + patience_ms(8000);
	char *status = operator_ask(s, "GET", "/api/v1/status", NULL);
	while (!strstr(status, "\"id\":\"chat\"") && clock_mono_ms() < end) {
		free(status);
		status = operator_ask(s, "GET", "/api/v1/status", NULL);
	}
	ck_assert_msg(strstr(status, "\"id\":\"chat\""), "%s", status);
	ck_assert_msg(strstr(status, "\"chat\":{\"connected\":false,"
				     "\"channel\":\"#show\",\"error\":\"n"),
		      "%s", status);
	free(status);
}
END_TEST

/* --- a server of the test's own ------------------------------------------- */

static int listen_fd, own_port;

static void own_listen(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof a;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(!bind(listen_fd, (struct sockaddr *)&a, sizeof a));
	REQUIRE(!listen(listen_fd, 8));
	REQUIRE(!getsockname(listen_fd, (struct sockaddr *)&a, &len));
	own_port = ntohs(a.sin_port);
}

/* The next one who comes, welcomed as Twitch does. */
static int own_accept(void)
{
	struct pollfd p = {.fd = listen_fd, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, (int)patience_ms(8000)), 1);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	chatter_wait(fd, "CAP LS 302\r\n");
	chatter_say(fd, ":tmi.test CAP * LS :twitch.tv/commands "
			"twitch.tv/membership twitch.tv/tags");
	chatter_wait(fd, "CAP REQ :twitch.tv/tags twitch.tv/commands\r\n");
	chatter_say(fd, ":tmi.test CAP * ACK :twitch.tv/tags "
			"twitch.tv/commands");
	chatter_wait(fd, "CAP END\r\n");
	chatter_say(fd, ":tmi.test 001 caller :Welcome, GLHF!");
	chatter_wait(fd, "JOIN #show\r\n");
	chatter_say(fd, ":caller!caller@caller.tmi.test JOIN #show");
	return fd;
}

static void own_vote(int fd, int user, const char *nick, const char *text)
{
	char *line = xasprintf("@badge-info=;color=#1E90FF;mod=0;user-id=%d;"
			       "user-type= :%s!%s@%s.tmi.test PRIVMSG #show "
			       ":%s\r\n",
			       user, nick, nick, nick, text);
	peer_say(fd, line);
	free(line);
}

START_TEST(an_account_is_one_voter_whatever_its_name)
{
	own_listen();
	open_stand("irc", own_port, "");
	int fd = own_accept();
	WAIT(s->chat_there, 8000);
	own_vote(fd, 1001, "ann", "!1");
	own_vote(fd, 1001, "renamed_ann", "!1");
	own_vote(fd, 1002, "ann", "!2");
	WAIT(s->counts[1] == 1, 5000);
	ck_assert_int_eq(counted(0), 1);
	ck_assert_int_eq(strncmp(s->voters[0], "chat:", 5), 0);
	ck_assert_ptr_null(strstr(s->voters[0], "1001"));
	chatter_say(fd, "PING :tmi.test");
	chatter_wait(fd, "PONG :tmi.test\r\n");
	/* It asks us to come again, and we come at once. */
	chatter_say(fd, ":tmi.test RECONNECT");
	int again = own_accept();
	own_vote(again, 1003, "zoe", "!2");
	WAIT(s->counts[1] == 2, 8000);
	close(again);
	close(fd);
	close(listen_fd);
}
END_TEST

static void *flood(void *arg)
{
	int fd = *(int *)arg;
	struct buf b = {0};
	for (int i = 0; i < 100000; i++) {
		buf_addf(&b, "@user-id=%d :u%d!u@h PRIVMSG #show :%s\r\n",
			 i % 5000, i % 5000, i % 2 ? "!1" : "LUL LUL LUL");
		if (b.len > 60000) {
			peer_send(fd, buf_str(&b), b.len);
			buf_clear(&b);
		}
	}
	peer_send(fd, buf_str(&b), b.len);
	buf_release(&b);
	own_vote(fd, 999999, "last", "!2");
	return NULL;
}

/* A hundred thousand lines; meanwhile the operator is served. */
START_TEST(a_flood_is_read_and_nobody_else_waits)
{
	own_listen();
	open_stand("irc", own_port, "");
	int fd = own_accept();
	WAIT(s->chat_there, 8000);
	pthread_t thread;
	int64_t slowest_ms = 0;
	int asked = 0;
	REQUIRE(!pthread_create(&thread, NULL, flood, &fd));
	while (!counted(1) || asked < 20) {
		int64_t began = clock_mono_ms();
		char *a = operator_ask(s, "GET", "/health", NULL);
		ck_assert_int_eq(peer_status(a), 200);
		free(a);
		int64_t took = clock_mono_ms() - began;
		slowest_ms = took > slowest_ms ? took : slowest_ms;
		asked++;
		ck_assert_int_lt(asked, 1000000);
	}
	pthread_join(thread, NULL);
	/* Odd ones of 5,000 voted, each once. */
	ck_assert_int_eq(counted(0), 2500);
	ck_assert_int_eq(counted(1), 1);
	ck_assert_int_lt(slowest_ms, patience_at_most_ms(9000));
	WAIT(s->chat_there, 0);
	close(fd);
	close(listen_fd);
}
END_TEST

/* Bytes that are no IRC, and lines that have no end. */
START_TEST(garbage_ends_nothing_but_itself)
{
	own_listen();
	open_stand("irc", own_port, "");
	int fd = own_accept();
	WAIT(s->chat_there, 8000);
	char junk[20000];
	for (size_t i = 0; i < sizeof junk; i++)
		junk[i] = (char)(i * 7 + i / 256);
	peer_send(fd, junk, sizeof junk);
	memset(junk, 'x', sizeof junk);
	peer_send(fd, junk, sizeof junk);
	chatter_say(fd, "");
	own_vote(fd, 7, "ann\033[31m", "!1");
	WAIT(s->counts[0] == 1, 5000);
	close(fd);
	close(listen_fd);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}
#define ADD(test) add(suite, #test, test)

static Suite *suite_of_all(void)
{
	Suite *suite = suite_create("net_chat");
	ADD(votes_come_over_tcp);
	ADD(votes_come_over_websocket);
	ADD(a_prefix_of_ones_own);
	ADD(a_nick_that_does_not_fit_is_made_to);
	ADD(who_is_sent_out_says_so);
	ADD(a_password_is_needed_and_known);
	ADD(nobody_there_is_told);
	ADD(an_account_is_one_voter_whatever_its_name);
	ADD(a_flood_is_read_and_nobody_else_waits);
	ADD(garbage_ends_nothing_but_itself);
	ADD(a_server_that_ends_is_told_and_found_again);
	return suite;
}

int main(void)
{
	if (access("/usr/sbin/ngircd", X_OK) ||
	    access("/usr/sbin/inspircd", X_OK)) {
		printf("1..0 # SKIP ngircd and inspircd are needed\n");
		return 0;
	}
	dir = temp_new();
	irc_ngircd(&ngircd, dir, NULL);
	irc_ngircd(&locked, dir, "let-me-in");
	irc_inspircd(&inspircd, dir);
	irc_start(&ngircd);
	irc_start(&locked);
	irc_start(&inspircd);
	int rc = tap_run(suite_of_all());
	irc_release(&ngircd);
	irc_release(&locked);
	irc_release(&inspircd);
	temp_remove(&dir);
	return rc;
}

/*
 * irc_here: real IRC servers for a test, on ports of their own: ngircd, and
 * InspIRCd, which speaks IRC over WebSocket, too. And a chatter, who is nothing
 * but a line to one of them.
 */
#ifndef TESTS_IRC_HERE_H
#define TESTS_IRC_HERE_H

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "net_stand.h"
#include "patience.h"
#include "tap.h"
#include "temp.h"

struct irc_server {
	const char *const
		*argv;	   /* of what is started; the config is put last */
	char *config;	   /* its file */
	int port, ws_port; /* 0: it has none */
	pid_t pid;
};

static void irc_write(const char *path, char *text)
{
	struct err err;
	REQUIRE(file_write(path, text, strlen(text), 0644, &err));
	free(text);
}

/* `password` NULL: everybody may come. */
static inline void irc_ngircd(struct irc_server *s, const char *dir,
			      const char *password)
{
	static const char *const argv[] = {"/usr/sbin/ngircd", "-n", "-f",
					   NULL};
	s->argv = argv;
	s->port = temp_port();
	s->config = xasprintf("%s/ngircd-%d.conf", dir, s->port);
	irc_write(s->config,
		  xasprintf("[Global]\nName = irc.test\nInfo = a test\n"
			    "Listen = 127.0.0.1\nPorts = %d\n%s%s\n"
			    "ServerUID = nobody\nServerGID = nogroup\n"
			    "[Limits]\nMaxConnections = 0\n"
			    "MaxConnectionsIP = 0\nMaxPenaltyTime = 0\n"
			    "[Options]\nIdent = no\nDNS = no\nPAM = no\n",
			    s->port, password ? "Password = " : "",
			    password ? password : ""));
}

static inline void irc_inspircd(struct irc_server *s, const char *dir)
{
	static const char *const argv[] = {
		"/usr/sbin/inspircd", "--nofork", "--nolog", "--nopid",
		"--runasroot",	      "--config", NULL};
	s->argv = argv;
	s->port = temp_port();
	s->ws_port = temp_port();
	s->config = xasprintf("%s/inspircd.conf", dir);
	irc_write(
		s->config,
		xasprintf("<server name=\"irc.test\" description=\"a test\" "
			  "network=\"test\">\n"
			  "<admin name=\"t\" nick=\"t\" email=\"t@t.test\">\n"
			  "<bind address=\"127.0.0.1\" port=\"%d\" "
			  "type=\"clients\">\n"
			  "<bind address=\"127.0.0.1\" port=\"%d\" "
			  "type=\"clients\" hook=\"websocket\">\n"
			  "<module name=\"cap\"><module name=\"ircv3\">\n"
			  "<module name=\"ircv3_accounttag\">\n"
			  "<module name=\"ircv3_ctctags\">\n"
			  "<module name=\"sha1\"><module name=\"websocket\">\n"
			  "<websocket sendastext=\"yes\">"
			  "<wsorigin allow=\"*\">\n"
			  "<connect name=\"all\" allow=\"*\" timeout=\"10\" "
			  "hardsendq=\"1048576\" softsendq=\"1048576\" "
			  "recvq=\"65536\" threshold=\"100000\" "
			  "commandrate=\"100000000\" fakelag=\"no\" "
			  "localmax=\"1000\" globalmax=\"1000\">\n"
			  "<log method=\"file\" type=\"*\" level=\"default\" "
			  "target=\"%s/inspircd.log\">\n"
			  "<pid file=\"%s/inspircd.pid\">\n",
			  s->port, s->ws_port, dir, dir));
}

static inline bool irc_listens(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
	close(fd);
	return ok;
}

static inline void irc_start(struct irc_server *s)
{
	const char *argv[16] = {0};
	int n = 0;
	for (; s->argv[n]; n++)
		argv[n] = s->argv[n];
	char *joined = strcmp(argv[n - 1], "--config") == 0
			       ? xasprintf("--config=%s", s->config)
			       : NULL;
	if (joined)
		argv[n - 1] = joined;
	else
		argv[n] = s->config;
	s->pid = fork();
	if (s->pid == 0) {
		if (!freopen("/dev/null", "w", stdout) ||
		    !freopen("/dev/null", "w", stderr))
			_exit(126);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	free(joined);
	int64_t end = clock_mono_ms() + patience_ms(10000);
	while (!irc_listens(s->port) && clock_mono_ms() < end)
		poll(NULL, 0, 20);
	REQUIRE(irc_listens(s->port));
}

static inline void irc_stop(struct irc_server *s, int signo)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, signo);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

static inline void irc_release(struct irc_server *s)
{
	irc_stop(s, SIGTERM);
	free(s->config);
}

/* --- somebody who chats --------------------------------------------------- */

static inline void chatter_say(int fd, const char *text)
{
	char *line = xasprintf("%s\r\n", text);
	peer_say(fd, line);
	free(line);
}

/* Answers what the server asks, until it says `what`. */
static inline void chatter_wait(int fd, const char *what)
{
	char *came = peer_read(fd, what);
	ck_assert_msg(strstr(came, what) != NULL, "no %s in <%.400s>", what,
		      came);
	free(came);
}

static inline int chatter_come(const struct irc_server *s, const char *nick)
{
	char *addr = xasprintf("127.0.0.1:%d", s->port);
	char *hello = xasprintf("NICK %s\r\nUSER %s 0 * :%s", nick, nick, nick);
	int fd = peer_open(addr);
	chatter_say(fd, hello);
	chatter_wait(fd, " 001 ");
	chatter_say(fd, "JOIN #show");
	chatter_wait(fd, " 366 ");
	free(hello);
	free(addr);
	return fd;
}

static inline void chatter_vote(int fd, const char *text)
{
	char *line = xasprintf("PRIVMSG #show :%s", text);
	chatter_say(fd, line);
	free(line);
}

#endif

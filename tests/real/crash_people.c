#include "crash_people.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define EVENTS	  "showcaller:{crash}:events"
#define INBOX	  "showcaller:{crash}:inbox:band"
#define PROPOSALS "showcaller:{crash}:proposals"
#define AGAIN_MS  5 /* between two looks for what was killed */

redisContext *people_connect(const struct stand *s)
{
	char path[256];
	snprintf(path, sizeof path, "%s/state/crash/redis.sock", s->dir);
	for (;;) {
		redisContext *c = s->kind == STAND_PRIVATE
					  ? redisConnectUnix(path)
					  : redisConnect("127.0.0.1", s->port);
		redisReply *pong =
			c && !c->err ? redisCommand(c, "PING") : NULL;
		bool ready = pong && pong->type == REDIS_REPLY_STATUS;
		freeReplyObject(pong);
		if (ready)
			return c;
		redisFree(c);
		poll(NULL, 0, AGAIN_MS);
	}
}

static const char *field(const redisReply *entry, const char *name)
{
	const redisReply *f = entry->element[1];
	for (size_t i = 0; i + 1 < f->elements; i += 2)
		if (strcmp(f->element[i]->str, name) == 0)
			return f->element[i + 1]->str;
	return "";
}

/* --- the operator ------------------------------------------------------- */

/* Until the show has said yes, or no because it is done already. */
static void act(const struct stand *s, const char *action, const char *what)
{
	char *program = xasprintf("%s/showcaller", getenv("top_builddir"));
	char *log = xasprintf("%s/people.log", s->dir);
	int status;
	do {
		pid_t pid = fork();
		if (pid == 0) {
			int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
			dup2(fd, 1);
			dup2(fd, 2);
			execl(program, program, "do", "crash", action, what,
			      (char *)NULL);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid)
			_exit(1);
		if (WIFEXITED(status) && WEXITSTATUS(status) > 1)
			poll(NULL, 0, AGAIN_MS);
	} while (!WIFEXITED(status) || WEXITSTATUS(status) > 1);
	free(log);
	free(program);
}

/* --- the audience ------------------------------------------------------- */

static int connect_audience(const struct stand *s)
{
	char *path = xasprintf("%s/state/crash/audience.addr", s->dir);
	char *text = file_read(path, 64, NULL, NULL);
	char *colon = text ? strrchr(text, ':') : NULL;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)(colon ? atoi(colon + 1) : 0))};
	struct timeval patience = {.tv_sec = 2};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		fd = -1;
	}
	free(text);
	free(path);
	return fd;
}

/* The status of the answer; 0: none came. */
static int vote_once(const struct stand *s, int voter, const char **why)
{
	static char answer[4096];
	char body[96];
	int status = 0, fd = connect_audience(s);
	*why = "";
	if (fd < 0)
		return 0;
	int bytes = snprintf(body, sizeof body,
			     "{\"option\":\"%s\",\"voter\":\"v%d\"}",
			     voter % 3 == 0 ? "cave" : "ridge", voter);
	char *path = xasprintf("%s/state/crash/operator.token", s->dir);
	char *token = file_read(path, 200, NULL, NULL);
	dprintf(fd,
		"POST /vote/way HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		"Authorization: Bearer %.*s\r\n"
		"Content-Type: application/json\r\nContent-Length: %d\r\n"
		"Connection: close\r\n\r\n%s",
		token ? (int)strcspn(token, "\n") : 0, token ? token : "",
		bytes, body);
	free(token);
	free(path);
	size_t len = 0;
	ssize_t n;
	while (len < sizeof answer - 1 &&
	       (n = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	close(fd);
	if (sscanf(answer, "HTTP/1.1 %d", &status) == 1)
		*why = answer;
	return status;
}

/* A vote whose answer was lost is cast again; then it is a duplicate. */
static void vote(const struct stand *s, int voter)
{
	for (;;) {
		const char *why;
		int status = vote_once(s, voter, &why);
		if (status == 200 || strstr(why, "\"duplicate\""))
			return;
		poll(NULL, 0, AGAIN_MS);
	}
}

static void attend(const struct stand *s, const redisReply *entry)
{
	const char *type = field(entry, "type");
	char item[32];
	if (strcmp(type, "poll:create") == 0) {
		for (int i = 0; i < CRASH_VOTERS; i++)
			vote(s, i);
		act(s, "poll-close", "way");
	} else if (strcmp(type, "budget:request") == 0) {
		snprintf(item, sizeof item, "i%d",
			 atoi(entry->element[0]->str));
		act(s, "approve", item);
	} else if (strcmp(type, "stage:progress") == 0 &&
		   strstr(field(entry, "data"), "standby")) {
		act(s, "go", field(entry, "stage"));
	}
}

_Noreturn void people_live(const struct stand *s)
{
	redisContext *c = people_connect(s);
	char last[32] = "0-0";
	for (;;) {
		redisReply *r = redisCommand(
			c, "XREAD COUNT 20 BLOCK 1000 STREAMS " EVENTS " %s",
			last);
		if (!r) {
			redisFree(c);
			c = people_connect(s);
			continue;
		}
		if (r->type == REDIS_REPLY_ARRAY) {
			const redisReply *list = r->element[0]->element[1];
			for (size_t i = 0; i < list->elements; i++) {
				snprintf(last, sizeof last, "%s",
					 list->element[i]->element[0]->str);
				attend(s, list->element[i]);
			}
		}
		freeReplyObject(r);
	}
}

/* --- the agent on the bus ----------------------------------------------- */

/* The same key gets the same answer. */
static bool answer(redisContext *c, int calls_fd, const redisReply *entry)
{
	char key[128], run[32], stage[64], payload[160], tokens[16];
	int attempt = 0;
	snprintf(key, sizeof key, "%s", field(entry, "id"));
	if (sscanf(key, "%31[^/]/%63[^/]/%d", run, stage, &attempt) != 3)
		return true;
	dprintf(calls_fd, "band %s\n", key);
	snprintf(payload, sizeof payload, "{\"%s\":\"%s was played\"}", stage,
		 stage);
	snprintf(tokens, sizeof tokens, "%d", 20 + (int)strlen(stage));
	redisReply *r = redisCommand(
		c,
		"XADD " PROPOSALS " * stage_id %s agent_id band attempt %d "
		"lease %s/band payload %s confidence 0.4 tokens_used %s",
		stage, attempt, key, payload, tokens);
	bool ok = r && r->type != REDIS_REPLY_ERROR;
	freeReplyObject(r);
	if (!ok)
		return false;
	r = redisCommand(c, "XACK " INBOX " band %s", entry->element[0]->str);
	ok = r && r->type != REDIS_REPLY_ERROR;
	freeReplyObject(r);
	return ok;
}

/* What was given to us and not finished, then what is new. */
static bool work_once(redisContext *c, int calls_fd, const char *from,
		      size_t *count)
{
	redisReply *r = redisCommand(
		c,
		"XREADGROUP GROUP band w COUNT 1 BLOCK 1000 STREAMS " INBOX
		" %s",
		from);
	bool ok = r && r->type != REDIS_REPLY_ERROR;
	*count = 0;
	if (ok && r->type == REDIS_REPLY_ARRAY) {
		const redisReply *list = r->element[0]->element[1];
		*count = list->elements;
		for (size_t i = 0; ok && i < list->elements; i++)
			ok = answer(c, calls_fd, list->element[i]);
	}
	freeReplyObject(r);
	return ok;
}

_Noreturn void people_work(const struct stand *s)
{
	char *path = xasprintf("%s/calls", s->dir);
	int calls_fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	free(path);
	for (;;) {
		redisContext *c = people_connect(s);
		size_t count = 1;
		bool ok = true;
		freeReplyObject(redisCommand(c, "XGROUP CREATE " INBOX
						" band 0 MKSTREAM"));
		while (ok && count)
			ok = work_once(c, calls_fd, "0", &count);
		while (ok)
			ok = work_once(c, calls_fd, ">", &count);
		redisFree(c);
		poll(NULL, 0, AGAIN_MS);
	}
}

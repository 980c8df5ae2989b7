#include "crash_stand.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "crash_outcome.h"
#include "crash_people.h"
#include "patience.h"
#include "temp.h"

#define PATIENCE_MS 30000

static struct stand_sums *sums;
struct stand_sums *const *stand_sums = &sums;

/* The show. What each agent answers depends on its stage and attempt alone. */
static const char show_text[] =
	"show: crash\n"
	"title: A show under fire\n"
	"retention: { events: 20 }\n"
	"budget: { tokens: 20000, approval_deadline_ms: 600000 }\n"
	"agents:\n"
	"  hand: { via: exec, argv: [./hand] }\n"
	"  hungry: { via: exec, argv: [./hand], quota: { episode: 100 } }\n"
	"  band: { via: bus }\n"
	"  quick: { via: noop }\n"
	"defaults:\n"
	"  budget: { token_cap: 100, time_cap_ms: 120000 }\n"
	"  retry: { max_attempts: 2, backoff_ms: 10 }\n"
	"stages:\n"
	"  - { id: opening, agents: [hand], outputs: [opening] }\n"
	"  - { id: tune, agents: [band], inputs: [opening], outputs: [tune] }\n"
	"  - { id: flaky, agents: [hand], inputs: [opening],\n"
	"      outputs: [flaky] }\n"
	"  - { id: light, agents: [quick], inputs: [opening],\n"
	"      outputs: [light] }\n"
	"  - { id: feast, agents: [hungry], inputs: [flaky], outputs: "
	"[feast],\n"
	"      budget: { token_cap: 500, time_cap_ms: 120000 } }\n"
	"  - id: way\n"
	"    inputs: [tune]\n"
	"    poll:\n"
	"      question: Which way?\n"
	"      options: [{ id: cave }, { id: ridge }]\n"
	"      open_ms: 600000\n"
	"      min_votes: 1\n"
	"  - { id: duo, agents: [hand, band], inputs: [light, flaky],\n"
	"      outputs: [duo], adjudicate: confidence }\n"
	"  - { id: four, agents: [band], inputs: [way, feast], outputs: "
	"[four],\n"
	"      go: manual }\n"
	"  - { id: cave, agents: [hand], inputs: [four, way],\n"
	"      when: { way: cave } }\n"
	"  - { id: ridge, agents: [hand], inputs: [four, way],\n"
	"      when: { way: ridge }, outputs: [ridge] }\n"
	"  - { id: dance, agents: [band], inputs: [duo, ridge],\n"
	"      outputs: [dance] }\n"
	"  - { id: snow, agents: [quick], inputs: [dance], outputs: [snow] }\n"
	"  - { id: curtain, agents: [hand], inputs: [snow, light],\n"
	"      outputs: [curtain] }\n"
	"  - { id: bow, agents: [band], inputs: [curtain], outputs: [bow] }\n";

/* The shell alone, so that it costs little. */
static const char hand_text[] =
	"#!/bin/sh\n"
	"stage=$SHOWCALLER_STAGE\n"
	"echo \"$SHOWCALLER_AGENT $SHOWCALLER_KEY\" >>\"${0%/*}/calls\"\n"
	"case $stage$SHOWCALLER_ATTEMPT in\n"
	"flaky1) echo '{\"success\":false,\"error\":{\"code\":\"snap\",'"
	"'\"message\":\"a string\"},\"tokens_used\":5}' ;;\n"
	"*) echo '{\"success\":true,\"result\":{\"'$stage'\":"
	"\"'$stage' was said\"},\"tokens_used\":'$((30 + ${#stage}))',"
	"\"confidence\":0.9}' ;;\n"
	"esac\n";

bool stand_possible(void)
{
	if (system("PATH=$PATH:/usr/sbin:/usr/local/bin "
		   "command -v redis-server >/dev/null") != 0) {
		printf("1..0 # SKIP redis-server is not installed\n");
		return false;
	}
	if (!getenv("top_builddir")) {
		printf("1..0 # SKIP top_builddir is set by make check\n");
		return false;
	}
	sums = mmap(NULL, sizeof *sums, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(sums != MAP_FAILED);
	signal(SIGPIPE, SIG_IGN);
	return true;
}

/* --- processes ---------------------------------------------------------- */

/* A child that does not outlive us. */
static pid_t fork_child(struct stand *s)
{
	pid_t parent = getpid(), pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		if (s->guard_fd >= 0)
			close(s->guard_fd);
	}
	return pid;
}

static void kill_child(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static int open_in(const struct stand *s, const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void write_in(const struct stand *s, const char *name, const char *text,
		     int mode)
{
	char path[256];
	struct err err = {0};
	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	ck_assert_msg(file_write(path, text, strlen(text), mode, &err), "%s",
		      err.text);
}

/* Whom the private Redis belongs to; 0: nobody is there. */
static pid_t private_redis(const struct stand *s)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct ucred who = {0};
	socklen_t bytes = sizeof who;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(name.sun_path, sizeof name.sun_path,
		 "%.80s/state/crash/redis.sock", s->dir);
	if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes);
	close(fd);
	return who.pid;
}

/* A private Redis outlives its core by design, and a test may end anywhere. */
static void start_guard(struct stand *s)
{
	int ends[2];
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	s->guard = fork();
	if (s->guard == 0) {
		char byte;
		setsid();
		close(ends[1]);
		while (read(ends[0], &byte, 1) > 0)
			;
		pid_t redis = private_redis(s);
		if (redis > 0)
			kill(redis, SIGKILL);
		execlp("rm", "rm", "-rf", s->dir, (char *)NULL);
		_exit(1);
	}
	close(ends[0]);
	s->guard_fd = ends[1];
}

void stand_start_redis(struct stand *s)
{
	char port[16];
	snprintf(port, sizeof port, "%d", s->port);
	s->redis = fork_child(s);
	if (s->redis == 0) {
		int fd = open_in(s, "shared.log");
		dup2(fd, 1);
		dup2(fd, 2);
		if (chdir(s->dir) < 0)
			_exit(127);
		execlp("redis-server", "redis-server", "--port", port, "--bind",
		       "127.0.0.1", "--appendonly", "yes", "--appendfsync",
		       "always", "--save", "", (char *)NULL);
		_exit(127);
	}
}

void stand_kill_redis(struct stand *s)
{
	sums->redis_kills++;
	s->redis_died = true;
	if (s->kind != STAND_PRIVATE) {
		kill_child(&s->redis);
		return;
	}
	pid_t redis = private_redis(s);
	if (redis > 0)
		kill(redis, SIGKILL);
}

void stand_start_core(struct stand *s)
{
	char *program = xasprintf("%s/showcaller", getenv("top_builddir"));
	s->started_us = clock_mono_us();
	s->core = fork_child(s);
	if (s->core == 0) {
		int fd = open_in(s, "core.log");
		dup2(fd, 1);
		dup2(fd, 2);
		if (chdir(s->dir) < 0)
			_exit(127);
		execl(program, program, "run", "--headless", "--operator",
		      "127.0.0.1:0", "--audience", "127.0.0.1:0", "crash.yaml",
		      s->url[0] ? "--redis" : NULL, s->url, (char *)NULL);
		_exit(127);
	}
	free(program);
	s->core_fd = (int)syscall(SYS_pidfd_open, s->core, 0);
	ck_assert_int_ge(s->core_fd, 0);
}

static void forget_core(struct stand *s)
{
	waitpid(s->core, NULL, 0);
	s->core = 0;
	close(s->core_fd);
	s->core_fd = -1;
	sums->core_kills++;
}

void stand_reap_core(struct stand *s)
{
	forget_core(s);
	redisContext *c = people_connect(s);
	redisReply *r = redisCommand(
		c, "XREVRANGE showcaller:{crash}:events + - COUNT 1");
	if (r && r->type == REDIS_REPLY_ARRAY && r->elements)
		s->done = strcmp(r->element[0]->element[1]->element[1]->str,
				 "run:complete") == 0;
	freeReplyObject(r);
	redisFree(c);
}

void stand_kill_core(struct stand *s)
{
	kill(s->core, SIGKILL);
	forget_core(s);
}

void stand_await_redis(struct stand *s)
{
	if (s->kind != STAND_PRIVATE)
		redisFree(people_connect(s));
}

void stand_attach(struct stand *s)
{
	struct winsize size = {.ws_row = 40, .ws_col = 120};
	char *program = xasprintf("%s/showcaller", getenv("top_builddir"));
	s->console = forkpty(&s->console_fd, NULL, NULL, &size);
	ck_assert_int_ge(s->console, 0);
	if (s->console == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(s->guard_fd);
		setenv("TERM", "xterm-256color", 1);
		execl(program, program, "attach", "crash", (char *)NULL);
		_exit(127);
	}
	free(program);
	fcntl(s->console_fd, F_SETFD, FD_CLOEXEC);
}

void stand_kill_console(struct stand *s)
{
	char bytes[4096];
	struct pollfd drawn = {.fd = s->console_fd, .events = POLLIN};
	ck_assert_int_eq(poll(&drawn, 1, patience_ms(PATIENCE_MS)), 1);
	ck_assert_int_gt(read(s->console_fd, bytes, sizeof bytes), 0);
	kill_child(&s->console);
	close(s->console_fd);
	sums->console_kills++;
}

static void show_logs(const struct stand *s)
{
	static const char *const names[] = {"core.log", "people.log"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char path[256];
		snprintf(path, sizeof path, "%s/%s", s->dir, names[i]);
		char *text = file_read(path, 1 << 24, NULL, NULL);
		size_t len = text ? strlen(text) : 0;
		if (text)
			fprintf(stderr, "--- the end of %s:\n%s\n", names[i],
				text + (len > 3000 ? len - 3000 : 0));
		free(text);
	}
}

/* --- opening and closing ------------------------------------------------ */

void stand_open(struct stand *s, enum stand_redis kind)
{
	const char *tmp = getenv("TMPDIR");
	char state[256];
	*s = (struct stand){.kind = kind, .core_fd = -1, .guard_fd = -1};
	snprintf(s->dir, sizeof s->dir, "%.80s/showcaller-test-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(s->dir));
	snprintf(state, sizeof state, "%s/state", s->dir);
	setenv("SHOWCALLER_STATE", state, 1);
	start_guard(s);
	write_in(s, "crash.yaml", show_text, 0600);
	write_in(s, "hand", hand_text, 0700);
	if (kind != STAND_PRIVATE) {
		s->port = s->via_port = temp_port();
		if (kind == STAND_PROXY)
			s->via_port = temp_port();
		snprintf(s->url, sizeof s->url, "redis://127.0.0.1:%d",
			 s->via_port);
		stand_start_redis(s);
		stand_await_redis(s);
	}
	if ((s->people = fork_child(s)) == 0)
		people_live(s);
	if ((s->worker = fork_child(s)) == 0)
		people_work(s);
}

void stand_close(struct stand *s)
{
	int status = 0;
	if (s->core > 0) {
		kill(s->core, SIGTERM);
		ck_assert_int_eq(waitpid(s->core, &status, 0), s->core);
		close(s->core_fd);
		if (status)
			show_logs(s);
		ck_assert_msg(status == 0, "the core ended with %x", status);
	}
	kill_child(&s->people);
	kill_child(&s->worker);
	kill_child(&s->redis);
	redisFree(s->c);
	close(s->guard_fd);
	waitpid(s->guard, NULL, 0);
}

/* --- following ---------------------------------------------------------- */

static bool is_own(const char *type)
{
	return strncmp(type, "leader:", 7) != 0 &&
	       strncmp(type, "obs:", 4) != 0 &&
	       strncmp(type, "alarm:", 6) != 0 && strcmp(type, "note") != 0;
}

/* What is missing before `id` was trimmed while we were looking elsewhere: it
 * is older than all that Redis has, and the outcome finds it in its file. */
static bool is_trimmed_to(const struct stand *s, uint64_t id)
{
	redisContext *c = people_connect(s);
	redisReply *r =
		redisCommand(c, "XRANGE showcaller:{crash}:events - + COUNT 1");
	uint64_t first =
		r && r->type == REDIS_REPLY_ARRAY && r->elements
			? strtoull(r->element[0]->element[0]->str, NULL, 10)
			: 0;
	freeReplyObject(r);
	redisFree(c);
	return id > s->seen && id <= first;
}

static void take_entry(struct stand *s, const redisReply *entry, char type[32])
{
	uint64_t id = strtoull(entry->element[0]->str, NULL, 10);
	const char *its = entry->element[1]->element[1]->str;
	ck_assert_msg(id == s->seen + 1 || is_trimmed_to(s, id),
		      "event %llu follows %llu", (unsigned long long)id,
		      (unsigned long long)s->seen);
	s->seen = id;
	if (strcmp(its, "run:complete") == 0)
		s->done = true;
	if (strcmp(its, "leader:take") == 0 && s->started_us) {
		if (sums->starts < (int)COUNT_OF(sums->start_us))
			sums->start_us[sums->starts++] =
				clock_mono_us() - s->started_us;
		s->started_us = 0;
	}
	if (!type[0] || (!is_own(type) && is_own(its)))
		snprintf(type, 32, "%s", its);
}

/* The connection may be lost with its Redis. */
static void take_reply(struct stand *s, char type[32])
{
	void *r = NULL;
	if (redisGetReply(s->c, &r) != REDIS_OK) {
		redisFree(s->c);
		s->c = NULL;
		s->asked = false;
		return;
	}
	s->asked = false;
	const redisReply *reply = r;
	if (reply->type == REDIS_REPLY_ARRAY) {
		const redisReply *list = reply->element[0]->element[1];
		for (size_t i = 0; i < list->elements; i++)
			take_entry(s, list->element[i], type);
	}
	freeReplyObject(r);
}

static void ask_more(struct stand *s)
{
	int done = 0;
	if (!s->c)
		s->c = people_connect(s);
	if (s->asked)
		return;
	redisAppendCommand(s->c,
			   "XREAD COUNT 100 BLOCK 0 STREAMS "
			   "showcaller:{crash}:events %llu-0",
			   (unsigned long long)s->seen);
	s->asked = true;
	while (!done && redisBufferWrite(s->c, &done) == REDIS_OK)
		;
}

bool stand_follow(struct stand *s, char type[32])
{
	type[0] = '\0';
	while (!type[0]) {
		ask_more(s);
		struct pollfd p[2] = {{s->c->fd, POLLIN, 0},
				      {s->core_fd, POLLIN, 0}};
		int n = poll(p, 2, patience_ms(PATIENCE_MS));
		if (n <= 0)
			show_logs(s);
		ck_assert_msg(n > 0, "no event follows %llu",
			      (unsigned long long)s->seen);
		if (p[0].revents)
			take_reply(s, type);
		else if (p[1].revents && s->kind == STAND_PROXY)
			return false;
		else if (p[1].revents) {
			show_logs(s);
			ck_abort_msg("the core ended by itself at event %llu",
				     (unsigned long long)s->seen);
		}
	}
	return true;
}

char *stand_outcome(struct stand *s)
{
	redisFree(s->c);
	s->c = people_connect(s);
	s->asked = false;
	char *text = crash_outcome(s->c, s->dir, s->redis_died);
	redisReply *r = redisCommand(s->c, "HLEN showcaller:{crash}:archives");
	if (r && r->type == REDIS_REPLY_INTEGER)
		sums->archives += (int)r->integer;
	freeReplyObject(r);
	if (!text)
		show_logs(s);
	ck_assert_msg(text != NULL, "the run is not whole");
	return text;
}

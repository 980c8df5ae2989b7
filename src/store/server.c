#include "store/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/fsync.h"
#include "store/link.h"

#define MAX_SOCKET_BYTES 107 /* sun_path of unix(7), without its NUL */
#define START_MS	 10000
#define LOADING_MS	 120000
#define STOP_MS		 15000
#define LOOK_MS		 5 /* between two looks while it starts */
#define RESTART_MS	 1000
#define MAX_LOG_BYTES	 (1024 * 1024)

struct redis_server {
	struct address *address;
	char *program, *state_dir, *data_dir, *log_path;
	char *fsync; /* NULL: as it is */
	pid_t pid;
	int pidfd; /* readable once it has ended */
	int64_t started_ms;
};

/* Only calls that are safe between fork and exec in a process with threads. */
_Noreturn static void become_redis(struct redis_server *s, char **argv,
				   char **env, int null_fd, int log_fd)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* A session of its own, and no death signal: it has to outlive the core
	 * that started it, so that the next core takes it over. */
	setsid();
	for (int sig = 1; sig < 32; sig++)
		sigaction(sig, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null_fd, 0);
	dup2(log_fd, 1);
	dup2(log_fd, 2);
	syscall(SYS_close_range, 3U, ~0U, 0U);
	umask(077);
	execve(s->program, argv, env);
	_exit(127);
}

static void watch_pid(struct redis_server *s, pid_t pid)
{
	if (s->pidfd >= 0)
		close(s->pidfd);
	s->pid = pid;
	s->pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (s->pidfd >= 0)
		fcntl(s->pidfd, F_SETFD, FD_CLOEXEC);
}

static char **make_argv(const struct redis_server *s)
{
	const char *args[] = {s->program,
			      "--port",
			      "0",
			      "--unixsocket",
			      s->address->path,
			      "--unixsocketperm",
			      "600",
			      "--daemonize",
			      "no",
			      "--dir",
			      s->data_dir,
			      "--appendonly",
			      "yes",
			      "--appendfsync",
			      s->fsync ? s->fsync : "always",
			      "--aof-load-truncated",
			      "yes",
			      "--save",
			      "",
			      "--maxmemory-policy",
			      "noeviction",
			      "--timeout",
			      "0"};
	char **argv = xcalloc(COUNT_OF(args) + 1, sizeof *argv);
	for (size_t i = 0; i < COUNT_OF(args); i++)
		argv[i] = xstrdup(args[i]);
	return argv;
}

static void free_argv(char **argv)
{
	for (char **arg = argv; *arg; arg++)
		free(*arg);
	free(argv);
}

/* Nothing of our own environment but these: it may hold keys. */
static char **make_env(void)
{
	static const char *const kept[] = {"PATH",   "HOME",   "LANG",
					   "LC_ALL", "TMPDIR", "TZ"};
	char **env = xcalloc(COUNT_OF(kept) + 1, sizeof *env);
	size_t n = 0;
	for (size_t i = 0; i < COUNT_OF(kept); i++)
		if (getenv(kept[i]))
			env[n++] = xasprintf("%s=%s", kept[i], getenv(kept[i]));
	return env;
}

static bool spawn(struct redis_server *s, struct err *err)
{
	char **argv = make_argv(s), **env = make_env();
	struct stat st;
	int trunc = stat(s->log_path, &st) == 0 && st.st_size > MAX_LOG_BYTES;
	int log_fd = open(s->log_path,
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
				  (trunc ? O_TRUNC : 0),
			  0600);
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid = -1;

	/* A socket left by a server that was killed is no server. */
	unlink(s->address->path);
	if (log_fd < 0 || null_fd < 0)
		err_set(err, ERR_CONFIG, "%s: %s", s->log_path,
			strerror(errno));
	else if ((pid = fork()) == 0)
		become_redis(s, argv, env, null_fd, log_fd);
	else if (pid < 0)
		err_set(err, ERR_AGAIN, "redis-server: %s", strerror(errno));
	free_argv(argv);
	free_argv(env);
	if (log_fd >= 0)
		close(log_fd);
	if (null_fd >= 0)
		close(null_fd);
	if (pid < 0)
		return false;
	watch_pid(s, pid);
	s->started_ms = clock_mono_ms();
	return true;
}

static bool has_ended(const struct redis_server *s, int wait_ms)
{
	struct pollfd p = {s->pidfd, POLLIN, 0};
	if (s->pidfd < 0) {
		poll(NULL, 0, wait_ms);
		return s->pid <= 0 || kill(s->pid, 0) < 0;
	}
	return poll(&p, 1, wait_ms) == 1;
}

/* The last line that it wrote, for people. Caller frees. */
static char *last_words(const struct redis_server *s)
{
	char *text = file_read(s->log_path, 2 * MAX_LOG_BYTES, NULL, NULL);
	char *line = NULL;
	if (text) {
		size_t len = strlen(text);
		while (len && text[len - 1] == '\n')
			text[--len] = '\0';
		char *last = strrchr(text, '\n');
		line = text_clean_str(last ? last + 1 : text, 200);
	}
	free(text);
	return line ? line : xstrdup("it left no word");
}

static bool died(struct redis_server *s, struct err *err)
{
	char *words = last_words(s);
	waitpid(s->pid, NULL, WNOHANG);
	err_set(err, ERR_UNAVAILABLE,
		"redis-server ended at once: %s. Its log is %s; if it names a "
		"damaged AOF, look at redis-check-aof first",
		words, s->log_path);
	free(words);
	return false;
}

/* True when it answers and is ready; `*pid` is its process id by its own word
 * (0: nobody is there), also while it is LOADING (then ERR_AGAIN). */
static bool ask_server(const struct redis_server *s, pid_t *pid,
		       struct err *err)
{
	struct link *link = link_open(s->address, "showcaller:server", err);
	*pid = 0;
	if (!link)
		return false;
	link_add(link, "INFO", "server", (char *)NULL);
	redisReply *reply = link_ask(link, "Redis", err);
	const char *at =
		reply && reply->str ? strstr(reply->str, "process_id:") : NULL;
	if (at)
		*pid = (pid_t)strtol(at + strlen("process_id:"), NULL, 10);
	reply_free(reply);
	link_add(link, "PING", (char *)NULL);
	reply = link_ask(link, "Redis", err); /* LOADING is an error here */
	bool ready = reply != NULL;
	reply_free(reply);
	link_close(&link);
	return ready && *pid > 0;
}

static bool wait_ready(struct redis_server *s, struct err *err)
{
	int64_t begin = clock_mono_ms();
	for (;;) {
		struct err why = {0};
		pid_t pid;
		if (ask_server(s, &pid, &why))
			return true;
		if (why.code == ERR_CONFIG) {
			*err = why;
			return false;
		}
		int64_t patience =
			why.code == ERR_AGAIN ? LOADING_MS : START_MS;
		if (clock_mono_ms() - begin > patience) {
			*err = why;
			return err_wrap(err, "redis-server does not get ready");
		}
		if (has_ended(s, LOOK_MS))
			return died(s, err);
	}
}

static bool prepare(struct redis_server *s, const char *state_dir,
		    struct err *err)
{
	char *path = xasprintf("%s/redis.sock", state_dir);
	bool ok = false;
	if (strlen(path) > MAX_SOCKET_BYTES) {
		err_set(err, ERR_CONFIG,
			"%s: the path of a unix socket may have %d bytes and "
			"this has %zu. Set SHOWCALLER_STATE to a shorter "
			"folder",
			path, MAX_SOCKET_BYTES, strlen(path));
		goto out;
	}
	s->state_dir = xstrdup(state_dir);
	s->data_dir = xasprintf("%s/redis", state_dir);
	s->log_path = xasprintf("%s/redis.log", state_dir);
	/* No password: the folder is the lock. */
	s->address = xcalloc(1, sizeof *s->address);
	s->address->path = xstrdup(path);
	s->address->url = xasprintf("unix://%s", path);
	if (!file_make_dirs(s->data_dir, err))
		goto out;
	if (chmod(state_dir, 0700) < 0) {
		err_set(err, ERR_CONFIG,
			"%s: %s. The folder must belong to you", state_dir,
			strerror(errno));
		goto out;
	}
	ok = true;
out:
	free(path);
	return ok;
}

/* Two cores that start at once must not start two servers. -1 with err; `wait`
 * false: also, without err, when somebody else starts it just now. */
static int lock_folder(const char *state_dir, bool wait, struct err *err)
{
	char *path = xasprintf("%s/redis.lock", state_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && !wait && flock(fd, LOCK_EX | LOCK_NB) < 0 &&
	    errno == EWOULDBLOCK) {
		close(fd);
		fd = -1;
	} else if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		err_set(err, ERR_CONFIG,
			"%s: %s. The show keeps its state there; set "
			"SHOWCALLER_STATE to a folder that can be written",
			path, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

static bool take_over_or_start(struct redis_server *s, struct err *err)
{
	struct err why = {0};
	pid_t pid = 0;
	if (access(s->address->path, F_OK) == 0)
		ask_server(s, &pid, &why);
	if (pid) { /* ready, or LOADING */
		watch_pid(s, pid);
		return true;
	}
	if (!s->program)
		s->program = file_program(NULL, "redis-server");
	if (!s->program)
		return err_set(err, ERR_UNAVAILABLE,
			       "redis-server is not installed. Install the "
			       "package redis-server, or name a Redis with "
			       "--redis URL");
	return spawn(s, err);
}

void redis_server_leave(struct redis_server **server)
{
	struct redis_server *s = *server;
	*server = NULL;
	if (!s)
		return;
	if (s->pidfd >= 0)
		close(s->pidfd);
	address_free(&s->address);
	free(s->program);
	free(s->state_dir);
	free(s->data_dir);
	free(s->log_path);
	free(s->fsync);
	free(s);
}

/* One that was taken over may have been started with another policy. */
static bool settle_fsync(struct redis_server *s, struct err *err)
{
	if (!s->fsync)
		return true;
	struct link *link = link_open(s->address, "showcaller:server", err);
	bool ok = link && fsync_set(link, s->fsync, err);
	link_close(&link);
	return ok;
}

struct redis_server *redis_server_start(const char *state_dir,
					const char *fsync, struct err *err)
{
	struct redis_server *s = xcalloc(1, sizeof *s);
	int lock = -1;
	bool ok = false;
	s->pidfd = -1;
	s->fsync = fsync ? xstrdup(fsync) : NULL;
	if (prepare(s, state_dir, err))
		lock = lock_folder(state_dir, true, err);
	if (lock >= 0) {
		ok = take_over_or_start(s, err) && wait_ready(s, err) &&
		     settle_fsync(s, err);
		close(lock);
	}
	if (!ok)
		redis_server_leave(&s);
	return s;
}

const struct address *redis_server_address(const struct redis_server *s)
{
	return s->address;
}

bool redis_server_keep(struct redis_server *s, struct err *err)
{
	if (!has_ended(s, 0) ||
	    (s->started_ms && clock_mono_ms() - s->started_ms < RESTART_MS))
		return true;
	struct err why = {0};
	int lock = lock_folder(s->state_dir, false, &why);
	if (lock < 0 && !why.code)
		return true; /* not for us to wait for: the brake is ours */
	if (lock < 0) {
		*err = why;
		return false;
	}
	waitpid(s->pid, NULL, WNOHANG);
	log_warn("store", "redis-server (pid %d) has ended; starting it again",
		 (int)s->pid);
	/* Somebody else may have started it before us. */
	bool ok = take_over_or_start(s, err);
	close(lock);
	return ok;
}

void redis_server_stop(struct redis_server **server)
{
	struct redis_server *s = *server;
	struct link *link = NULL;
	bool asked = false;
	pid_t pid = 0;
	if (!s)
		return;
	/* Whoever started it last: what answers there is the show's. */
	if (access(s->address->path, F_OK) == 0)
		ask_server(s, &pid, NULL);
	if (pid && pid != s->pid)
		watch_pid(s, pid);
	if (pid)
		link = link_open(s->address, "showcaller:server", NULL);
	if (link) {
		redisReply *reply = NULL;
		link_add(link, "SHUTDOWN", (char *)NULL);
		link_flush(link, NULL);
		if (link_take(link, -1, STOP_MS, &reply, NULL) == LINK_REPLY)
			log_warn("store", "redis-server does not shut down: %s",
				 reply->str ? reply->str : "");
		reply_free(reply);
		link_close(&link);
		asked = true;
	}
	if (has_ended(s, asked ? STOP_MS : 0))
		waitpid(s->pid, NULL, WNOHANG);
	else
		log_warn("store", "redis-server (pid %d) still runs",
			 (int)s->pid);
	redis_server_leave(server);
}

#include "stand.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "pty.h"
#include "temp.h"

#define READY_FD 3
#define READY_MS 120000 /* a core may have a million events to read */

/* What the guard ends. */
struct children {
	pid_t redis, core;
};

static const char *bench_name = "bench";
static char *folder;
static char socket_path[128], url[144];
static struct children children;
static int guard_fd = -1;
static pid_t guard_pid;

void stand_give_up(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "%s: ", bench_name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* --- processes ----------------------------------------------------------- */

/* A process of its own, for the bench may be killed: then its end of the pipe
 * closes, too. */
static void guard(int fd)
{
	struct children last = {0};
	setsid();
	while (read(fd, &last, sizeof last) == sizeof last)
		;
	if (last.core > 0)
		kill(last.core, SIGKILL);
	if (last.redis > 0)
		kill(last.redis, SIGKILL);
	temp_remove(&folder);
	_exit(0);
}

static void tell_guard(void)
{
	if (write(guard_fd, &children, sizeof children) != sizeof children)
		abort();
}

static void clean_up(void)
{
	if (guard_fd < 0)
		return;
	close(guard_fd);
	waitpid(guard_pid, NULL, 0);
}

pid_t stand_fork(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(guard_fd);
		guard_fd = -1;
	}
	return pid;
}

static void start_guard(void)
{
	int ends[2];
	if (pipe(ends) != 0)
		abort();
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	guard_pid = fork();
	if (guard_pid == 0) {
		close(ends[1]);
		guard(ends[0]);
	}
	close(ends[0]);
	guard_fd = ends[1];
	atexit(clean_up);
}

/* Its words go into `log` in the folder; `ready_fd` (-1: none) is its READY_FD.
 */
static pid_t start(const char *const argv[], const char *log, int ready_fd)
{
	char *path = xasprintf("%s/%s", folder, log);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		if (ready_fd >= 0)
			dup2(ready_fd, READY_FD);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	free(path);
	return pid;
}

void stand_begin(const char *bench)
{
	bench_name = bench;
	folder = temp_new();
	setenv("SHOWCALLER_STATE", folder, 1);
	signal(SIGPIPE, SIG_IGN);
	start_guard();
	snprintf(socket_path, sizeof socket_path, "%s/redis.sock", folder);
	snprintf(url, sizeof url, "unix://%s", socket_path);
	const char *argv[] = {"redis-server",
			      "--port",
			      "0",
			      "--unixsocket",
			      socket_path,
			      "--dir",
			      folder,
			      "--appendonly",
			      "yes",
			      "--appendfsync",
			      "always",
			      "--save",
			      "",
			      NULL};
	children.redis = start(argv, "redis.log", -1);
	tell_guard();
	for (int i = 0; i < 1000; i++) {
		redisContext *c = redisConnectUnix(socket_path);
		bool up = c && !c->err;
		if (c)
			redisFree(c);
		if (up)
			return;
		pause_us(10000);
	}
	stand_give_up("redis-server does not answer; is it installed?");
}

const char *stand_socket(void)
{
	return socket_path;
}

const char *stand_url(void)
{
	return url;
}

pid_t stand_redis_pid(void)
{
	return children.redis;
}

redisContext *stand_connect(void)
{
	redisContext *c = redisConnectUnix(socket_path);
	if (!c || c->err)
		stand_give_up("no connection to Redis");
	return c;
}

redisReply *stand_ask(redisContext *redis, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	redisReply *reply = redisvCommand(redis, fmt, ap);
	va_end(ap);
	if (!reply || reply->type == REDIS_REPLY_ERROR)
		stand_give_up("redis: %s", reply ? reply->str : redis->errstr);
	return reply;
}

static void print_log(const char *name)
{
	char *path = xasprintf("%s/%s", folder, name), line[512];
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		fputs(line, stderr);
	if (f)
		fclose(f);
	free(path);
}

static const char *audience = "127.0.0.1:0";

void stand_audience(const char *addr)
{
	audience = addr;
}

pid_t stand_start_core(const char *showcaller, const char *show,
		       const char *yaml)
{
	char *path = xasprintf("%s/%s.yaml", folder, show), word[64] = "";
	const char *argv[] = {
		showcaller,   "run",	     "--headless", "--ready-fd=3",
		"--operator", "127.0.0.1:0", "--audience", audience,
		"--redis",    url,	     path,	   NULL};
	FILE *f = fopen(path, "w");
	int ends[2];
	if (!f || pipe(ends) != 0)
		stand_give_up("%s cannot be written", path);
	fputs(yaml, f);
	fclose(f);
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	children.core = start(argv, "core.log", ends[1]);
	close(ends[1]);
	tell_guard();
	struct pollfd p = {ends[0], POLLIN, 0};
	if (poll(&p, 1, READY_MS) != 1 ||
	    read(ends[0], word, sizeof word - 1) <= 0 ||
	    strncmp(word, "ready", 5) != 0) {
		print_log("core.log");
		stand_give_up("the core did not come up");
	}
	close(ends[0]);
	free(path);
	return children.core;
}

void stand_kill_core(void)
{
	kill(children.core, SIGKILL);
	waitpid(children.core, NULL, 0);
	children.core = 0;
	tell_guard();
}

char *stand_state_line(const char *show, const char *name)
{
	struct err err = {0};
	char *dir = file_state_dir(show);
	char *path = xasprintf("%s/%s", dir, name);
	char *text = file_read(path, 4096, NULL, &err);
	if (!text)
		stand_give_up("%s", err.text);
	text[strcspn(text, "\n")] = '\0';
	free(path);
	free(dir);
	return text;
}

/* --- figures ------------------------------------------------------------- */

double stand_cpu_ms(pid_t pid)
{
	struct timespec t = {0};
	clockid_t clock;
	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool thread_is(const char *task, const char *name)
{
	char path[300], comm[64] = "";
	snprintf(path, sizeof path, "%s/comm", task);
	FILE *f = fopen(path, "r");
	if (f && fgets(comm, sizeof comm, f))
		comm[strcspn(comm, "\n")] = '\0';
	if (f)
		fclose(f);
	return !strcmp(comm, name);
}

double stand_thread_ms(pid_t pid, const char *name)
{
	char tasks[64], task[280], path[300];
	double ns, ms = 0;
	snprintf(tasks, sizeof tasks, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(tasks);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		snprintf(task, sizeof task, "%s/%.200s", tasks, d->d_name);
		if (d->d_name[0] == '.' || !thread_is(task, name))
			continue;
		snprintf(path, sizeof path, "%s/schedstat", task);
		FILE *f = fopen(path, "r");
		if (f && fscanf(f, "%lf", &ns) == 1)
			ms += ns / 1e6;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return ms;
}

double stand_instructions(pid_t thread)
{
	static pid_t counted;
	static int fd = -1;
	uint64_t count = 0;
	struct perf_event_attr what = {.type = PERF_TYPE_HARDWARE,
				       .size = sizeof what,
				       .config = PERF_COUNT_HW_INSTRUCTIONS,
				       .exclude_kernel = 1,
				       .exclude_hv = 1};
	if (counted != thread)
		fd = (int)syscall(SYS_perf_event_open, &what, thread, -1, -1,
				  PERF_FLAG_FD_CLOEXEC);
	counted = thread;
	if (fd < 0 || read(fd, &count, sizeof count) != sizeof count)
		return 0;
	return (double)count;
}

/* A line of /proc/PID/status that is a number of kB. */
static double status_mb(pid_t pid, const char *name)
{
	char path[64], line[256];
	size_t bytes = strlen(name);
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	double kb = 0;
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, bytes) == 0)
			kb = strtod(line + bytes, NULL);
	if (f)
		fclose(f);
	return kb / 1024;
}

double stand_rss_mb(pid_t pid)
{
	return status_mb(pid, "VmRSS:");
}

double stand_peak_mb(pid_t pid)
{
	return status_mb(pid, "VmHWM:");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double stand_quantile(double *v, int n, double q)
{
	qsort(v, (size_t)n, sizeof *v, by_value);
	int i = (int)ceil(q * n) - 1;
	return n ? v[i < 0 ? 0 : i] : NAN;
}

void stand_print_times(const char *what, const char *who, double *ms, int n,
		       int lost)
{
	printf("{\"bench\":\"%s\",\"what\":\"%s\",\"who\":\"%s\"", bench_name,
	       what, who);
	if (n) /* NaN is no JSON */
		printf(",\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f",
		       stand_quantile(ms, n, 0.5), stand_quantile(ms, n, 0.99),
		       stand_quantile(ms, n, 1));
	printf(",\"n\":%d,\"lost\":%d}\n", n, lost);
	fflush(stdout);
}

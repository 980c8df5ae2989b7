#include "jobs/program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "jobs/child.h"

/* After SIGKILL a process can still sit in the kernel (a dead network disk);
 * it is then left behind rather than holding a thread for ever. */
#define ABANDON_MS 5000

enum stage_of_death { ALIVE, TERMINATED, KILLED };

/* Finds the end of the first JSON object in a stream of pieces. */
struct json_end {
	int depth;
	bool in_string, escaped, done;
};

struct running {
	const struct program *program;
	struct program_result *out;
	pid_t pid;
	int pidfd, in, outfd, errfd;
	size_t written;
	struct json_end json;
	char line[PROGRAM_LINE_BYTES];
	size_t line_bytes;
	enum stage_of_death death;
	int64_t act_ms; /* when death goes on; of ALIVE: the linger, or never */
};

static int start(struct running *r)
{
	const struct program *p = r->program;
	struct child child;
	int rc = child_start(p->argv, p->env, p->folder, &child);
	r->pid = child.pid;
	r->pidfd = child.pidfd;
	r->in = child.in;
	r->outfd = child.out;
	r->errfd = child.err;
	return rc;
}

/* --- what it says ------------------------------------------------------- */

static void end_line(struct running *r)
{
	if (r->line_bytes > 0) {
		char *clean = text_clean(r->line, r->line_bytes, 300);
		if (clean[strspn(clean, " ")] != '\0') {
			free(r->out->last_line);
			r->out->last_line = clean;
			if (r->program->line)
				r->program->line(r->program->ctx, r->line,
						 r->line_bytes);
		} else {
			free(clean);
		}
	}
	r->line_bytes = 0;
}

static void take_stderr(struct running *r, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (data[i] == '\n' || data[i] == '\r')
			end_line(r);
		else if (r->line_bytes < sizeof r->line)
			r->line[r->line_bytes++] = data[i];
	}
}

static void json_end_feed(struct json_end *j, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes && !j->done; i++) {
		char c = data[i];
		if (j->in_string) {
			if (j->escaped)
				j->escaped = false;
			else if (c == '\\')
				j->escaped = true;
			else if (c == '"')
				j->in_string = false;
		} else if (c == '"') {
			j->in_string = j->depth > 0;
		} else if (c == '{' || c == '[') {
			j->depth++;
		} else if ((c == '}' || c == ']') && j->depth > 0) {
			j->done = --j->depth == 0;
		}
	}
}

static void die(struct running *r, enum program_end why);

static void take_stdout(struct running *r, const char *data, size_t bytes)
{
	if (r->death != ALIVE)
		return;
	if (bytes > r->program->max_bytes - r->out->output.len) {
		die(r, PROGRAM_TOO_LARGE);
		return;
	}
	buf_add(&r->out->output, data, bytes);
	if (!r->program->speaks_json || r->json.done)
		return;
	json_end_feed(&r->json, data, bytes);
	if (r->json.done)
		r->act_ms = clock_mono_ms() + PROGRAM_LINGER_MS;
}

/* Reads what is there, at most a few pieces so that a flood on one pipe does
 * not starve the deadline. False at its end. */
static bool drain(struct running *r, int fd,
		  void (*take)(struct running *, const char *, size_t))
{
	char piece[16384];
	for (int i = 0; i < 8; i++) {
		ssize_t n = read(fd, piece, sizeof piece);
		if (n > 0)
			take(r, piece, (size_t)n);
		else
			return n < 0 && (errno == EAGAIN || errno == EINTR);
	}
	return true;
}

static void feed(struct running *r)
{
	const struct program *p = r->program;
	while (r->written < p->input_bytes) {
		ssize_t n = write(r->in, p->input + r->written,
				  p->input_bytes - r->written);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			break; /* it does not want to know more: its choice */
		r->written += (size_t)n;
	}
	child_close(&r->in);
}

/* --- its end ------------------------------------------------------------ */

static void die(struct running *r, enum program_end why)
{
	r->out->end = why;
	r->death = TERMINATED;
	r->act_ms = clock_mono_ms() + PROGRAM_TERM_MS;
	kill(-r->pid, SIGTERM);
}

static int64_t due_ms(const struct running *r)
{
	return stop_due_ms(r->program->stop, r->program->deadline_ms);
}

/* Called when act_ms, the deadline or the stop is due. False: give up. */
static bool act(struct running *r)
{
	int64_t now = clock_mono_ms();
	if (r->death == ALIVE && stop_raised(r->program->stop)) {
		die(r, PROGRAM_CANCELLED);
	} else if (r->death == ALIVE && now >= r->act_ms) {
		die(r, PROGRAM_LINGERED);
	} else if (r->death == ALIVE && now >= due_ms(r)) {
		die(r, PROGRAM_TIMEOUT);
	} else if (r->death == TERMINATED && now >= r->act_ms) {
		r->death = KILLED;
		r->act_ms = now + ABANDON_MS;
		kill(-r->pid, SIGKILL);
	} else if (r->death == KILLED && now >= r->act_ms) {
		return false;
	}
	return true;
}

/* Waits for something to happen; true while the program lives. */
static bool step(struct running *r)
{
	const struct stop *stop = r->program->stop;
	bool alive = r->death == ALIVE;
	struct pollfd fds[] = {
		{.fd = r->pidfd, .events = POLLIN},
		{.fd = r->in, .events = POLLOUT},
		{.fd = r->outfd, .events = POLLIN},
		{.fd = r->errfd, .events = POLLIN},
		{.fd = alive && stop ? stop->fd : -1, .events = POLLIN},
	};
	int64_t until = r->act_ms;
	if (alive && due_ms(r) < until)
		until = due_ms(r);
	poll(fds, COUNT_OF(fds), stop_wait_ms(alive ? stop : NULL, until));
	if (fds[4].revents)
		stop_woken(stop);
	if (fds[1].revents)
		feed(r);
	if (fds[2].revents && !drain(r, r->outfd, take_stdout)) {
		child_close(&r->outfd);
		if (r->program->speaks_json && r->death == ALIVE &&
		    !r->json.done)
			r->act_ms = clock_mono_ms() + PROGRAM_LINGER_MS;
	}
	if (fds[3].revents && !drain(r, r->errfd, take_stderr))
		child_close(&r->errfd);
	if (fds[0].revents)
		return false;
	return act(r);
}

/* The leader is over (or given up). The group dies before the leader is reaped:
 * until then its number cannot belong to anyone else. */
static void bury(struct running *r)
{
	int status = 0;
	/* What it wrote before it went is still in the pipes. */
	while (r->outfd >= 0 && r->death == ALIVE) {
		size_t before = r->out->output.len;
		drain(r, r->outfd, take_stdout);
		if (r->out->output.len == before)
			break;
	}
	if (r->errfd >= 0)
		drain(r, r->errfd, take_stderr);
	end_line(r);
	kill(-r->pid, SIGKILL);
	if (waitpid(r->pid, &status, r->death == KILLED ? WNOHANG : 0) !=
	    r->pid)
		status = 0;
	if (r->death != ALIVE)
		return;
	r->out->end = WIFSIGNALED(status) ? PROGRAM_KILLED : PROGRAM_EXITED;
	r->out->code =
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

void program_run(const struct program *program, struct program_result *out)
{
	memset(out, 0, sizeof *out);
	struct running r = {
		.program = program,
		.out = out,
		.pidfd = -1,
		.in = -1,
		.outfd = -1,
		.errfd = -1,
		.act_ms = INT64_MAX,
	};
	int rc = start(&r);
	if (rc != 0) {
		out->end = PROGRAM_NOT_STARTED;
		out->code = rc;
	} else {
		while (step(&r))
			;
		bury(&r);
	}
	child_close(&r.pidfd);
	child_close(&r.in);
	child_close(&r.outfd);
	child_close(&r.errfd);
}

void program_result_release(struct program_result *result)
{
	buf_release(&result->output);
	free(result->last_line);
	memset(result, 0, sizeof *result);
}

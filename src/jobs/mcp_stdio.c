/* MCP over a program's stdin and stdout: a message a line. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "jobs/mcp_in.h"
#include "jobs/place.h"

#define SAID_BYTES 300
#define LEAVE_MS   1000 /* after its input has ended */
#define HASTE_MS   200	/* the same for one that is still at work */
#define TERM_MS	   500
#define TELL_MS	   500

static bool start(struct mcp *m, struct mcp_answer *out)
{
	const struct show_names *words = m->s.argv;
	char **argv = xcalloc(words->count + 1, sizeof *argv);
	char **env = xcalloc(PLACE_ENV + 1, sizeof *env);
	char *folder = place_folder(m->s.show);
	for (size_t i = 0; i < words->count; i++)
		argv[i] = xstrdup(words->items[i]);
	place_program(m->s.show, argv);
	place_env(env);
	int rc = child_start(argv, env, folder, &m->child);
	if (rc != 0)
		mcp_fail(out, "not_started", false, "%s: %s; correct argv",
			 words->items[0], strerror(rc));
	place_free(argv);
	place_free(env);
	free(folder);
	m->over = rc != 0;
	return rc == 0;
}

/* --- what it says ------------------------------------------------------- */

/* A line that is no message is passed by: programs print what they like. */
static bool end_line(struct mcp *m)
{
	const char *text = buf_str(&m->line);
	size_t bytes = m->line.len;
	while (bytes && (text[bytes - 1] == '\r' || text[bytes - 1] == ' '))
		bytes--;
	bool there = bytes && mcp_take(m, text, bytes);
	buf_clear(&m->line);
	return there;
}

/* False when a line is too long. */
static bool take_output(struct mcp *m, const char *data, size_t bytes)
{
	while (bytes) {
		const char *end = memchr(data, '\n', bytes);
		size_t n = end ? (size_t)(end - data) : bytes;
		if (m->line.len + n > m->s.max_bytes)
			return false;
		buf_add(&m->line, data, n);
		n += end != NULL;
		if (end)
			end_line(m);
		data += n;
		bytes -= n;
	}
	return true;
}

/* Of what it says to people the last line is kept. */
static void take_stderr(struct mcp *m, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		bool was_end =
			m->said.len && m->said.data[m->said.len - 1] == '\n';
		if (was_end && data[i] != '\n' && data[i] != '\r')
			buf_clear(&m->said);
		if (m->said.len < SAID_BYTES || data[i] == '\n')
			buf_addc(&m->said, data[i]);
	}
}

/* Reads what is there. False at its end, or when a line was too long. */
static bool drain(struct mcp *m, int fd, bool is_stderr, bool *too_long)
{
	char piece[16384];
	for (int i = 0; i < 16 && !(m->response && !is_stderr); i++) {
		ssize_t n = read(fd, piece, sizeof piece);
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		if (is_stderr) {
			take_stderr(m, piece, (size_t)n);
		} else if (!take_output(m, piece, (size_t)n)) {
			*too_long = true;
			return false;
		}
	}
	return true;
}

/* --- one request -------------------------------------------------------- */

/* What the pipe does not take waits: a reply to the server must not come into
 * the middle of a request. */
static void flush(struct mcp *m)
{
	while (m->child.in >= 0 && m->sent < m->out.len) {
		ssize_t n = write(m->child.in, m->out.data + m->sent,
				  m->out.len - m->sent);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			break; /* its end will be noticed */
		m->sent += (size_t)n;
	}
	buf_clear(&m->out);
	m->sent = 0;
}

static void send_line(struct mcp *m, const char *text)
{
	buf_adds(&m->out, text);
	buf_addc(&m->out, '\n');
	flush(m);
}

/* Waits for something to happen. */
static void step(struct mcp *m, const struct stop *stop, int64_t due_ms,
		 bool *too_long)
{
	struct pollfd fds[] = {
		{.fd = m->out.len ? m->child.in : -1, .events = POLLOUT},
		{.fd = m->child.out, .events = POLLIN},
		{.fd = m->child.err, .events = POLLIN},
		{.fd = stop ? stop->fd : -1, .events = POLLIN},
	};
	poll(fds, COUNT_OF(fds), stop_wait_ms(stop, due_ms));
	if (fds[3].revents)
		stop_woken(stop);
	if (fds[0].revents)
		flush(m);
	if (fds[2].revents && !drain(m, m->child.err, true, too_long))
		child_close(&m->child.err);
	if (fds[1].revents && !drain(m, m->child.out, false, too_long)) {
		if (!*too_long && m->line.len)
			end_line(m);
		child_close(&m->child.out);
		m->over = true;
	}
}

static char *last_words(struct mcp *m)
{
	char *clean = text_clean(buf_str(&m->said), m->said.len, SAID_BYTES);
	char *words = *clean ? xasprintf(": %s", clean) : xstrdup("");
	free(clean);
	return words;
}

static enum mcp_sent ended(struct mcp *m, struct mcp_answer *out)
{
	const char *who = m->s.argv->items[0];
	struct pollfd fd = {.fd = m->child.pidfd, .events = POLLIN};
	bool too_long;
	poll(&fd, 1, TERM_MS);
	if (m->child.err >= 0)
		drain(m, m->child.err, true, &too_long);
	int status = child_end(&m->child, 0, TERM_MS);
	char *words = last_words(m);
	if (status >= 0 && WIFEXITED(status))
		mcp_fail(
			out, "exit_status", true,
			"%s: it ended with exit status %d before it answered%s",
			who, WEXITSTATUS(status), words);
	else
		mcp_fail(out, "killed", true,
			 "%s: it ended before it answered%s", who, words);
	free(words);
	return MCP_FAILED;
}

static enum mcp_sent converse(struct mcp *m, struct mcp_answer *out)
{
	const char *who = m->s.argv->items[0];
	bool too_long = false;
	for (;;) {
		if (m->response)
			return MCP_ANSWERED;
		if (too_long)
			return mcp_fail(
				out, "too_large", true,
				"%s: it printed a line of more than %zu "
				"bytes",
				who, m->s.max_bytes);
		if (m->over)
			return ended(m, out);
		if (stop_raised(m->s.stop))
			return mcp_fail(out, "cancelled", true, "cancelled");
		int64_t due_ms = stop_due_ms(m->s.stop, m->due_ms);
		if (m->due_ms < due_ms)
			due_ms = m->due_ms;
		if (clock_mono_ms() >= due_ms) {
			char *words = last_words(m);
			mcp_fail(out, "timeout", true,
				 "%s: no answer in time%s", who, words);
			free(words);
			return MCP_FAILED;
		}
		step(m, m->s.stop, due_ms, &too_long);
	}
}

/* One that has ended (it may not have borne what it was asked before) is
 * started again. */
static enum mcp_sent ask(struct mcp *m, const struct mcp_message *message,
			 struct mcp_answer *out)
{
	if (m->child.pid < 0) {
		buf_clear(&m->line);
		buf_clear(&m->out);
		m->sent = 0;
		if (!start(m, out))
			return MCP_FAILED;
	}
	send_line(m, message->text);
	return converse(m, out);
}

/* A program that does not read is not waited for long. */
static void tell(struct mcp *m, const struct mcp_message *message)
{
	int64_t due_ms = clock_mono_ms() + TELL_MS;
	send_line(m, message->text);
	while (!m->in_hand && m->out.len && clock_mono_ms() < due_ms) {
		struct pollfd fd = {.fd = m->child.in, .events = POLLOUT};
		poll(&fd, 1, stop_wait_ms(NULL, due_ms));
		flush(m);
	}
}

static void close_stdio(struct mcp *m)
{
	child_end(&m->child, m->response ? LEAVE_MS : HASTE_MS, TERM_MS);
	buf_release(&m->line);
	buf_release(&m->said);
	buf_release(&m->out);
}

const struct mcp_wire mcp_stdio = {ask, tell, close_stdio};

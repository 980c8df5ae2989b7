#include "console/brake.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/feed.h"

#define SEND_MS	     200
#define ANSWER_MS    2000 /* a core whose Redis hangs says so in 0.3 s */
#define ANSWER_BYTES 8192

struct press {
	int fd;
	char id[40];
	struct mailbox *box;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t none_left = PTHREAD_COND_INITIALIZER;
static int under_way;
static unsigned presses;

static char *read_line(const char *state_dir, const char *name)
{
	char *path = xasprintf("%s/%s", state_dir, name);
	char *text = file_read(path, 256, NULL, NULL);
	free(path);
	if (text)
		text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static bool wait_for(int fd, short events, int64_t end_ms)
{
	struct pollfd p = {fd, events, 0};
	int64_t left = end_ms - clock_mono_ms();
	return left > 0 && poll(&p, 1, (int)left) == 1;
}

/* "host:port", both in digits. -1: nobody listens there. */
static int connect_to(const char *addr, int64_t end_ms)
{
	const struct addrinfo hints = {.ai_flags =
					       AI_NUMERICHOST | AI_NUMERICSERV,
				       .ai_socktype = SOCK_STREAM};
	char *host = xstrdup(addr), *port = strrchr(host, ':'), *name = host;
	struct addrinfo *found = NULL;
	int fd = -1, error = 0;
	socklen_t bytes = sizeof error;
	if (!port)
		goto out;
	*port++ = '\0';
	if (*name == '[') {
		name++;
		name[strcspn(name, "]")] = '\0';
	}
	if (getaddrinfo(name, port, &hints, &found) != 0)
		goto out;
	fd = socket(found->ai_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    ((connect(fd, found->ai_addr, found->ai_addrlen) != 0 &&
	      errno != EINPROGRESS) ||
	     !wait_for(fd, POLLOUT, end_ms) ||
	     getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0 ||
	     error)) {
		close(fd);
		fd = -1;
	}
out:
	if (found)
		freeaddrinfo(found);
	free(host);
	return fd;
}

static bool send_all(int fd, const char *text, int64_t end_ms)
{
	size_t len = strlen(text), done = 0;
	while (done < len && wait_for(fd, POLLOUT, end_ms)) {
		ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return done == len;
}

/* --- the answer, on its own thread --------------------------------------- */

static void read_answer(int fd, char *text, size_t bytes)
{
	int64_t end_ms = clock_mono_ms() + ANSWER_MS;
	size_t len = 0;
	while (len + 1 < bytes && wait_for(fd, POLLIN, end_ms)) {
		ssize_t n = recv(fd, text + len, bytes - 1 - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
}

static struct feed_item *judge(const struct press *press, const char *text)
{
	struct feed_item *item = xcalloc(1, sizeof *item);
	const char *body = strstr(text, "\r\n\r\n");
	json_object *o =
		body ? json_read_str(body + 4, &json_limits_answer, NULL)
		     : NULL;
	json_object *error = o ? json_get_object(o, "error") : NULL;
	item->kind = FEED_REPLY;
	item->id = xstrdup(press->id);
	item->ok = o && !error && json_get_bool(o, "ok", false);
	item->text = text_clean_str(
		json_get_str(error ? error : o, "message",
			     "the core on this machine took it, and has not "
			     "answered"),
		400);
	json_object_put(o);
	return item;
}

static void *wait_answer(void *arg)
{
	struct press *press = arg;
	char *text = xmalloc(ANSWER_BYTES);
	read_answer(press->fd, text, ANSWER_BYTES);
	struct feed_item *item = judge(press, text);
	if (!mailbox_post(press->box, &item))
		feed_item_free(item);
	close(press->fd);
	free(text);
	free(press);
	pthread_mutex_lock(&lock);
	if (--under_way == 0)
		pthread_cond_signal(&none_left);
	pthread_mutex_unlock(&lock);
	return NULL;
}

void brake_wait(void)
{
	pthread_mutex_lock(&lock);
	while (under_way > 0)
		pthread_cond_wait(&none_left, &lock);
	pthread_mutex_unlock(&lock);
}

/* --- the press ------------------------------------------------------------ */

static char *make_request(const char *addr, const char *token, const char *by,
			  bool all)
{
	json_object *o = json_object_new_object();
	json_object *args = json_object_new_array();
	if (all)
		json_object_array_add(args, json_object_new_string("all"));
	json_add(o, "args", &args);
	json_add_str(o, "by", by);
	const char *body = json_text(o);
	char *request = xasprintf("POST /api/v1/actions/panic HTTP/1.1\r\n"
				  "Host: %s\r\n"
				  "Authorization: Bearer %s\r\n"
				  "Content-Type: application/json\r\n"
				  "Content-Length: %zu\r\n"
				  "Connection: close\r\n\r\n%s",
				  addr, token, strlen(body), body);
	json_object_put(o);
	return request;
}

static bool hand_over(struct press *press)
{
	pthread_attr_t attr;
	pthread_t thread;
	pthread_mutex_lock(&lock);
	under_way++;
	pthread_mutex_unlock(&lock);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	bool ok = pthread_create(&thread, &attr, wait_answer, press) == 0;
	pthread_attr_destroy(&attr);
	if (ok)
		return true;
	pthread_mutex_lock(&lock);
	under_way--;
	pthread_mutex_unlock(&lock);
	return false;
}

bool brake_press(const char *state_dir, const char *by, bool all,
		 struct mailbox *box, char *id, size_t id_bytes)
{
	int64_t end_ms = clock_mono_ms() + SEND_MS;
	char *addr = state_dir ? read_line(state_dir, "operator.addr") : NULL;
	char *token = addr ? read_line(state_dir, "operator.token") : NULL;
	int fd = token ? connect_to(addr, end_ms) : -1;
	char *request = fd >= 0 ? make_request(addr, token, by, all) : NULL;
	bool sent = request && send_all(fd, request, end_ms);
	if (sent) {
		struct press *press = xcalloc(1, sizeof *press);
		press->fd = fd;
		press->box = box;
		snprintf(press->id, sizeof press->id, "brake-%u", ++presses);
		snprintf(id, id_bytes, "%s", press->id);
		if (hand_over(press))
			fd = -1; /* the thread's */
		else
			free(press); /* it is sent, and answers nobody */
	}
	if (fd >= 0)
		close(fd);
	free(request);
	free(token);
	free(addr);
	return sent;
}

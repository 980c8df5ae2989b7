#include "net_stand.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "patience.h"
#include "show/show_read.h"
#include "temp.h"

#define PATIENCE_MS 8000

static const char poll_show[] =
	"show: house\n"
	"title: House <b>& Home\n"
	"http: { operator: 127.0.0.1:0, audience: 127.0.0.1:0 }\n"
	"agents: { writer: { via: noop } }\n"
	"stages:\n"
	"  - id: route\n"
	"    poll:\n"
	"      question: \"Which <script>alert(1)</script> way?\"\n"
	"      options:\n"
	"        - { id: cave, label: \"Into \\\"the\\\" <i>cave</i>\" }\n"
	"        - { id: ridge, label: Along the ridge }\n"
	"      open_ms: 3600000\n"
	"      default: cave\n"
	"  - id: scene\n"
	"    agents: [writer]\n"
	"    go: manual\n"
	"  - id: later\n"
	"    inputs: [route]\n"
	"    poll:\n"
	"      question: And then?\n"
	"      options: [{ id: left }, { id: right }]\n"
	"      default: left\n";

static enum ballot_answer count(struct stand *s, const char *voter, int option)
{
	for (size_t i = 0; i < s->voter_count; i++)
		if (!strcmp(s->voters[i], voter))
			return BALLOT_DOUBLE;
	GROW(s->voters, s->voter_count, s->voter_cap);
	s->voters[s->voter_count++] = xstrdup(voter);
	pthread_mutex_lock(&s->lock);
	s->counts[option]++;
	atomic_fetch_add(&s->votes, 1);
	pthread_cond_broadcast(&s->news);
	pthread_mutex_unlock(&s->lock);
	return BALLOT_COUNTED;
}

static void cast(struct stand *s, struct effect *x)
{
	struct ballots *b = x->ballots;
	for (size_t i = 0; i < b->count; i++) {
		struct ballot *one = &b->items[i];
		if (one->answer == BALLOT_PENDING)
			one->answer = (unsigned char)count(
				s, ballot_voter(b, i), one->option);
	}
	net_votes(s->net, &x->ballots);
	stand_tally(s);
}

void stand_tally(struct stand *s)
{
	char *text = xasprintf(
		"{\"topic\":\"tally\",\"poll\":\"route\",\"total\":%lld,"
		"\"counts\":{\"cave\":%lld,\"ridge\":%lld},\"at\":1}",
		(long long)(s->counts[0] + s->counts[1]),
		(long long)s->counts[0], (long long)s->counts[1]);
	net_live(s->net, text);
	free(text);
}

/* The count of a closed poll, as the store would bring it. */
static void close_count(struct stand *s, const struct effect *x)
{
	struct input *in = input_new(INPUT_TALLY);
	in->attempt = x->attempt;
	in->stage = xstrdup(s->show->stages[x->stage].id);
	in->counts = xmalloc(sizeof s->counts);
	memcpy(in->counts, s->counts, sizeof s->counts);
	in->count_count = (int)COUNT_OF(s->counts);
	if (!mailbox_post(s->box, &in))
		input_free(&in);
}

static void act(struct stand *s, struct effect *x)
{
	switch (x->kind) {
	case EFFECT_REPLY:
		net_reply(s->net, &x->origin, x->ok, x->name, x->text);
		break;
	case EFFECT_VOTE:
		cast(s, x);
		break;
	case EFFECT_POLL_COUNT:
		close_count(s, x);
		break;
	case EFFECT_OBS:
		net_obs(s->net, x->key, x->name, x->text);
		break;
	default:
		break; /* no agents here */
	}
}

static void decide(struct stand *s, struct input *in)
{
	struct decision d = {0};
	in->now_ms = clock_show_ms();
	core_decide(s->model, in, &d);
	for (size_t i = 0; i < d.event_count; i++) {
		/* Who sees it in the log finds it in the pages, too. */
		if (s->net) {
			struct event *copy = event_clone(d.events[i]);
			net_events(s->net, &copy, 1);
		}
		pthread_mutex_lock(&s->lock);
		GROW(s->log, s->log_count, s->log_cap);
		s->log[s->log_count++] = event_clone(d.events[i]);
		pthread_cond_broadcast(&s->news);
		pthread_mutex_unlock(&s->lock);
	}
	for (size_t i = 0; i < d.effect_count; i++)
		if (s->net)
			act(s, &d.effects[i]);
	decision_release(&d);
}

/* Notes what the net says of OBS and the chat, for the test to look at. */
static void note_news(struct stand *s, struct input *in)
{
	pthread_mutex_lock(&s->lock);
	if (in->kind == INPUT_OBS) {
		obs_facts_release(&s->obs);
		obs_facts_copy(&s->obs, &in->obs);
		size_t n = strlen(s->obs_errors);
		if (s->obs.error)
			snprintf(s->obs_errors + n, sizeof s->obs_errors - n,
				 "%s\n", s->obs.error);
		s->obs_news++;
	} else if (in->kind == INPUT_OBS_DONE) {
		free(s->done_id);
		free(s->done_text);
		s->done_id = xstrdup(in->id);
		s->done_text = xstrdup(in->text);
		s->done_ok = in->ok;
		s->done_count++;
	} else if (in->kind == INPUT_CHAT) {
		free(s->chat_error);
		s->chat_error = xstrdup(in->text);
		s->chat_there = in->ok;
		s->chat_news++;
	} else if (in->kind == INPUT_PROGRESS && in->agent &&
		   strcmp(in->agent, "meters") == 0) {
		free(s->meters);
		s->meters = xstrdup(in->text);
		s->meters_news++;
	} else if (in->kind == INPUT_PROGRESS) {
		free(s->figures);
		s->figures = xstrdup(in->text);
		net_live(s->net, in->text); /* as the engine does */
	}
	pthread_cond_broadcast(&s->news);
	pthread_mutex_unlock(&s->lock);
}

static void *drive(void *arg)
{
	struct stand *s = arg;
	struct input *in;
	while ((in = mailbox_wait(s->box, -1))) {
		if (!atomic_load(&s->silent))
			decide(s, in);
		note_news(s, in); /* behind what it led to */
		input_free(&in);
	}
	return NULL;
}

static void begin(struct stand *s)
{
	struct input *in = input_new(INPUT_LEAD);
	in->by = xstrdup("here");
	in->epoch = 1;
	in->attempt = (int)getpid();
	decide(s, in);
	input_free(&in);
	in = input_new(INPUT_BEGIN);
	in->id = xstrdup("run-1");
	in->attended = true;
	decide(s, in);
	input_free(&in);
}

static void open_net(struct stand *s, const char *op, const char *aud)
{
	struct err err = {0};
	struct net_settings settings = {
		.show = s->show,
		.operator_addr = op,
		.audience_addr = aud,
		.token = STAND_TOKEN,
		.state_dir = s->dir,
		.limits = s->limits,
	};
	s->net = net_start(&settings, s->log, s->log_count, s->box, &err);
	if (!s->net) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	net_redis(s->net, true, 123, NULL);
	REQUIRE(!pthread_create(&s->thread, NULL, drive, s));
}

static void shut_net(struct stand *s)
{
	mailbox_close(s->box);
	pthread_join(s->thread, NULL);
	net_stop(&s->net);
	mailbox_free(&s->box);
}

void stand_restart(struct stand *s)
{
	char *op = xstrdup(net_operator_addr(s->net));
	char *aud = xstrdup(net_audience_addr(s->net));
	shut_net(s);
	s->box = mailbox_new(4096, input_drop);
	open_net(s, op, aud);
	free(op);
	free(aud);
}

struct stand *stand_new(const char *yaml)
{
	return stand_new_with(yaml, &(struct net_limits){0});
}

struct stand *stand_new_with(const char *yaml, const struct net_limits *limits)
{
	struct stand *s = xcalloc(1, sizeof *s);
	struct show_problems problems = {0};
	signal(SIGPIPE, SIG_IGN);
	yaml = yaml ? yaml : poll_show;
	s->show = show_parse_yaml(yaml, strlen(yaml), "test.yaml", &problems);
	if (!s->show) {
		fprintf(stderr, "%s\n", problems.items[0].text);
		abort();
	}
	show_problems_release(&problems);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->news, &attr);
	pthread_condattr_destroy(&attr);
	s->dir = temp_new();
	s->box = mailbox_new(4096, input_drop);
	s->model = model_new(s->show);
	begin(s);
	s->limits = *limits;
	open_net(s, "127.0.0.1:0", "127.0.0.1:0");
	return s;
}

void stand_free(struct stand **sp)
{
	struct stand *s = *sp;
	*sp = NULL;
	shut_net(s);
	for (size_t i = 0; i < s->log_count; i++)
		event_free(&s->log[i]);
	free(s->log);
	for (size_t i = 0; i < s->voter_count; i++)
		free(s->voters[i]);
	free(s->voters);
	obs_facts_release(&s->obs);
	free(s->done_id);
	free(s->done_text);
	free(s->meters);
	free(s->figures);
	free(s->chat_error);
	model_free(&s->model);
	show_unref(&s->show);
	pthread_cond_destroy(&s->news);
	pthread_mutex_destroy(&s->lock);
	temp_remove(&s->dir);
	free(s);
}

void stand_wait_news(struct stand *s, int64_t end_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t left = end_ms - clock_mono_ms();
	int64_t ns = (int64_t)until.tv_nsec + (left > 0 ? left : 0) * 1000000;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	pthread_cond_timedwait(&s->news, &s->lock, &until);
}

int stand_port(const char *addr)
{
	return atoi(strrchr(addr, ':') + 1);
}

int peer_open(const char *addr)
{
	char *host = xstrndup(addr, (size_t)(strrchr(addr, ':') - addr));
	struct addrinfo *ai, hints = {.ai_socktype = SOCK_STREAM};
	REQUIRE(!getaddrinfo(host, strrchr(addr, ':') + 1, &hints, &ai));
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0 && !connect(fd, ai->ai_addr, ai->ai_addrlen));
	freeaddrinfo(ai);
	free(host);
	return fd;
}

void peer_send(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* it hung up: the reader will see */
		p += n;
		len -= (size_t)n;
	}
}

void peer_say(int fd, const char *text)
{
	peer_send(fd, text, strlen(text));
}

/* Waits for bytes; 0 at the end, -1 when `until_ms` is over. */
static ssize_t read_some(int fd, void *room, size_t max, int64_t until_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left = until_ms - clock_mono_ms();
	if (left <= 0 || poll(&p, 1, (int)left) <= 0)
		return -1;
	ssize_t n = recv(fd, room, max, 0);
	return n < 0 ? 0 : n;
}

char *peer_read(int fd, const char *until)
{
	struct buf b = {0};
	int64_t end = clock_mono_ms() + patience_ms(PATIENCE_MS);
	char room[4096];
	buf_adds(&b, "");
	for (;;) {
		ssize_t n = read_some(fd, room, sizeof room, end);
		if (n <= 0)
			break;
		buf_add(&b, room, (size_t)n);
		if (until && memmem(b.data, b.len, until, strlen(until)))
			break;
	}
	return buf_take(&b);
}

char *peer_ask(const char *addr, const char *request)
{
	int fd = peer_open(addr);
	peer_say(fd, request);
	char *answer = peer_read(fd, NULL);
	close(fd);
	return answer;
}

int peer_status(const char *answer)
{
	return answer && !strncmp(answer, "HTTP/1.", 7) ? atoi(answer + 9) : 0;
}

const char *peer_body(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");
	return body ? body + 4 : "";
}

char *operator_ask(struct stand *s, const char *method, const char *path,
		   const char *body)
{
	const char *addr = net_operator_addr(s->net);
	char *request =
		xasprintf("%s %s HTTP/1.1\r\nHost: %s\r\n"
			  "Authorization: Bearer " STAND_TOKEN "\r\n"
			  "Connection: close\r\n%s%s%zu\r\n\r\n%s",
			  method, path, addr,
			  body ? "Content-Type: application/json\r\n" : "",
			  "Content-Length: ", body ? strlen(body) : (size_t)0,
			  body ? body : "");
	char *answer = peer_ask(addr, request);
	free(request);
	return answer;
}

int ws_open(const char *addr, const char *path, const char *headers,
	    char **answer)
{
	char *request =
		xasprintf("GET %s HTTP/1.1\r\nHost: %s\r\n"
			  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			  "Sec-WebSocket-Version: 13\r\n%s\r\n",
			  path, addr, headers ? headers : "");
	int fd = peer_open(addr);
	peer_say(fd, request);
	free(request);
	/* Byte by byte, so that no frame behind the head is taken. */
	struct buf b = {0};
	int64_t end = clock_mono_ms() + patience_ms(PATIENCE_MS);
	char c;
	while (!strstr(buf_str(&b), "\r\n\r\n") &&
	       read_some(fd, &c, 1, end) == 1)
		buf_addc(&b, c);
	bool ok = peer_status(buf_str(&b)) == 101;
	if (!ok) {
		char *rest = peer_read(fd, NULL);
		buf_adds(&b, rest);
		free(rest);
		close(fd);
		fd = -1;
	}
	char *text = buf_take(&b);
	if (answer)
		*answer = text;
	else
		free(text);
	return fd;
}

void ws_send(int fd, int opcode, bool final, const void *data, size_t len)
{
	unsigned char head[14] = {0};
	size_t n = 2;
	head[0] = (unsigned char)((final ? 0x80 : 0) | opcode);
	if (len < 126) {
		head[1] = (unsigned char)(0x80 | len);
	} else if (len < 65536) {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(len >> 8);
		head[3] = (unsigned char)len;
		n = 4;
	} else {
		head[1] = 0x80 | 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] =
				(unsigned char)((uint64_t)len >> (56 - 8 * i));
		n = 10;
	}
	/* A mask of noughts leaves the bytes as they are. */
	peer_send(fd, head, n + 4);
	peer_send(fd, data, len);
}

void ws_say(int fd, const char *text)
{
	ws_send(fd, 1, true, text, strlen(text));
}

static bool read_all(int fd, void *room, size_t len, int64_t end)
{
	char *p = room;
	while (len) {
		ssize_t n = read_some(fd, p, len, end);
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

char *ws_next(int fd, int *code)
{
	int64_t end = clock_mono_ms() + patience_ms(PATIENCE_MS);
	if (code)
		*code = 0;
	for (;;) {
		unsigned char h[10];
		if (!read_all(fd, h, 2, end))
			return NULL;
		uint64_t len = h[1] & 127;
		int more = len == 126 ? 2 : len == 127 ? 8 : 0;
		if (!read_all(fd, h + 2, (size_t)more, end))
			return NULL;
		if (more)
			len = 0;
		for (int i = 0; i < more; i++)
			len = len << 8 | h[2 + i];
		char *data = xcalloc(1, len + 1);
		if (!read_all(fd, data, len, end)) {
			free(data);
			return NULL;
		}
		int opcode = h[0] & 15;
		if (opcode == 1)
			return data;
		if (opcode == 8 && len >= 2 && code)
			*code = (unsigned char)data[0] << 8 |
				(unsigned char)data[1];
		free(data);
		if (opcode == 8)
			return NULL;
	}
}

#include "obs_stand.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

#define COLLECTION "SetCurrentSceneCollection"

struct obs_bed bed;
const char *house_obs, *house_more;
struct stand *s;

/* --- the processes -------------------------------------------------------- */

static int run_script(const char *name, const char *what, int a, int b,
		      const char *word)
{
	const char *top = getenv("top_srcdir");
	char *script = xasprintf("%s/tests/real/%s", top ? top : ".", name);
	char *one = xasprintf("%d", a), *two = xasprintf("%d", b);
	pid_t pid = fork();
	if (pid == 0) {
		execlp("sh", "sh", script, what, bed.dir, one,
		       word ? word : two, two, (char *)NULL);
		_exit(127);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	free(script);
	free(one);
	free(two);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

int obs_script(const char *what)
{
	return run_script("obs.sh", what, bed.port,
			  bed.ingest ? bed.rtmp_port : 9, OBS_PASSWORD);
}

int ingest_script(const char *what)
{
	return run_script("ingest.sh", what, bed.rtmp_port, bed.http_port,
			  NULL);
}

static pid_t pid_of(const char *name)
{
	char *path = xasprintf("%s/%s.pid", bed.dir, name);
	char *text = file_read(path, 32, NULL, NULL);
	pid_t pid = text ? (pid_t)atoi(text) : 0;
	free(text);
	free(path);
	REQUIRE(pid > 1);
	return pid;
}

pid_t obs_pid(void)
{
	return pid_of("obs");
}

/* Until that file of its process in /proc has the words, or it is no more. */
static bool obs_comes_to(const char *file, const char *words, int ms)
{
	char *path = xasprintf("/proc/%d/%s", (int)obs_pid(), file);
	int64_t end = clock_mono_ms() + patience_ms(ms);
	bool came = false;
	while (!came && clock_mono_ms() < end) {
		char *text = file_read(path, 4096, NULL, NULL);
		came = !text || strstr(text, words);
		free(text);
		if (!came)
			poll(NULL, 0, 5);
	}
	free(path);
	return came;
}

/* OBS 29 closes its window in the handler of SIGINT itself: where that comes in
 * the midst of something that holds a lock, it hangs for ever. So it comes while
 * its first thread waits for something to do. */
void obs_close(void)
{
	obs_comes_to("wchan", "poll", 8000);
	kill(obs_pid(), SIGINT);
}

void obs_ended(void)
{
	ck_assert_msg(obs_comes_to("stat", ") Z ", 20000), "OBS does not end");
}

pid_t ingest_pid(void)
{
	return pid_of("ingest");
}

static char *ingest_ask(const char *path)
{
	char *addr = xasprintf("127.0.0.1:%d", bed.http_port);
	char *request = xasprintf("GET %s HTTP/1.0\r\n\r\n", path);
	char *answer = peer_ask(addr, request);
	free(request);
	free(addr);
	return answer;
}

bool ingest_has_stream(int64_t *bytes)
{
	char *answer = ingest_ask("/stat");
	const char *stream = strstr(answer, "<stream>");
	const char *in = stream ? strstr(stream, "<bytes_in>") : NULL;
	bool live = stream && strstr(stream, "<publishing/>");
	if (bytes)
		*bytes = in ? strtoll(in + strlen("<bytes_in>"), NULL, 10) : 0;
	free(answer);
	return live;
}

void ingest_has(bool wanted)
{
	int64_t end = clock_mono_ms() + patience_ms(15000);
	while (ingest_has_stream(NULL) != wanted && clock_mono_ms() < end)
		poll(NULL, 0, 50);
	ck_assert_int_eq(ingest_has_stream(NULL), wanted);
}

void ingest_drop(void)
{
	char *answer =
		ingest_ask("/control/drop/publisher?app=live&name=house");
	ck_assert_int_eq(peer_status(answer), 200);
	free(answer);
}

static int start_all(void)
{
	int rc = obs_script("start");
	if (rc == 0 && bed.ingest)
		rc = ingest_script("start");
	return rc;
}

int obs_bed_run(Suite *suite, bool with_ingest)
{
	bed.dir = temp_new();
	bed.port = temp_port();
	bed.addr = xasprintf("127.0.0.1:%d", bed.port);
	bed.ingest = with_ingest;
	bed.rtmp_port = temp_port();
	bed.http_port = temp_port();
	int rc = start_all();
	if (rc == 77)
		printf("1..0 # SKIP a real OBS under Xvfb, espeak-ng and nginx "
		       "with RTMP are needed\n");
	else
		rc = rc ? 99 : tap_run(suite);
	if (with_ingest)
		ingest_script("stop");
	obs_script("stop");
	temp_remove(&bed.dir);
	free(bed.addr);
	return rc == 77 ? 0 : rc;
}

/* --- the house ------------------------------------------------------------ */

bool is(const char *a, const char *b)
{
	return a && !strcmp(a, b);
}

void house_open(const char *password, const char *more_obs, const char *more)
{
	char *yaml =
		xasprintf("show: house\n"
			  "agents: { a: { via: noop } }\n"
			  "stages: [{ id: one, agents: [a], go: manual }]"
			  "\nobs:\n  url: ws://127.0.0.1:%d\n"
			  "  password_env: TEST_OBS_PASSWORD\n%s%s",
			  bed.port, more_obs ? more_obs : "", more ? more : "");
	setenv("TEST_OBS_PASSWORD", password, 1);
	/* Nobody may come between us and a machine that is this one. */
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	s = stand_new(yaml);
	free(yaml);
	if (!strcmp(password, OBS_PASSWORD))
		WAIT(s->obs.connected, 30000);
}

void house_close(void)
{
	stand_free(&s);
}

/* Whatever the scenario before left: what is asked for in vain was so. */
static void rest(void)
{
	static const struct {
		const char *type, *data;
	} all[] = {
		{"StopStream", "{}"},
		{"StopRecord", "{}"},
		{"StopReplayBuffer", "{}"},
		{"SetCurrentProfile", "{\"profileName\":\"House\"}"},
		{COLLECTION, "{\"sceneCollectionName\":\"House\"}"},
		{"SetStudioModeEnabled", "{\"studioModeEnabled\":false}"},
		{"SetCurrentSceneTransition", "{\"transitionName\":\"Cut\"}"},
		{"SetCurrentSceneTransitionDuration",
		 "{\"transitionDuration\":300}"},
		{"SetCurrentProgramScene", "{\"sceneName\":\"Starting Soon\"}"},
		{"SetInputMute",
		 "{\"inputName\":\"Voice\",\"inputMuted\":false}"},
		{"SetInputVolume",
		 "{\"inputName\":\"Voice\",\"inputVolumeDb\":0}"},
	};
	int fd = look_on(0);
	pthread_mutex_lock(&s->lock);
	bool at_rest =
		is(s->obs.collection, "House") && is(s->obs.profile, "House");
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (!at_rest || (strcmp(all[i].type, "SetCurrentProfile") &&
				 strcmp(all[i].type, COLLECTION)))
			free(tell(fd, all[i].type, all[i].data));
	close(fd);
}

/* Under the lock. */
static bool rests(void)
{
	const struct obs_facts *f = &s->obs;
	return is(f->program_scene, "Starting Soon") && !f->changing &&
	       is(f->collection, "House") && is(f->profile, "House") &&
	       !f->studio && is(f->transition, "Cut") && !f->streaming &&
	       !f->recording && !f->replay;
}

/* What the scenario before has asked for may begin behind the first word: a
 * stream whose ingest hung. */
static void setup(void)
{
	house_open(OBS_PASSWORD, house_obs, house_more);
	int64_t end = clock_mono_ms() + patience_ms(15000);
	bool yes = false;
	while (!yes && clock_mono_ms() < end) {
		int64_t until = clock_mono_ms() + patience_ms(2000);
		rest();
		pthread_mutex_lock(&s->lock);
		while (!rests() && clock_mono_ms() < until)
			stand_wait_news(s, until);
		yes = rests();
		pthread_mutex_unlock(&s->lock);
	}
	WAIT(rests(), 0);
	mark();
}

/* From the tarball it is the same program, and the machine is the same: a few
 * scenarios show that all is there. */
static bool is_enough(void)
{
	static int added;
	const char *build = getenv("top_builddir");
	return build && strstr(build, "/_build/") && added++ >= 3;
}

void obs_add(Suite *suite, const char *name, const TTest *test)
{
	if (is_enough())
		return;
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 90);
	tcase_add_checked_fixture(t, setup, house_close);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}

void ask(const char *type, const char *data)
{
	pthread_mutex_lock(&s->lock);
	int before = s->done_count;
	pthread_mutex_unlock(&s->lock);
	net_obs(s->net, "q", type, data);
	WAIT(s->done_count > before, 8000);
}

void do_obs(const char *name, const char *body, int status)
{
	char *path = xasprintf("/api/v1/obs/%s", name);
	char *answer = operator_ask(s, "POST", path, body);
	ck_assert_msg(peer_status(answer) == status,
		      "wanted %d for %s %s, got <%.600s>", status, name, body,
		      answer);
	free(answer);
	free(path);
}

void do_confirmed(const char *name, const char *body)
{
	mark();
	do_obs(name, body, 200);
	await(EVENT_OBS_COMMAND, "\"state\":\"confirmed\"", 8000);
}

void do_failed(const char *name, const char *body, const char *words)
{
	mark();
	do_obs(name, body, 200);
	await(EVENT_OBS_COMMAND, "\"state\":\"failed\"", 12000);
	ck_assert_msg(came(EVENT_OBS_COMMAND, words), "not <%s>", words);
}

/* --- the log -------------------------------------------------------------- */

static size_t marked;

void mark(void)
{
	pthread_mutex_lock(&s->lock);
	marked = s->log_count;
	pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static bool in_log(enum event_type type, const char *words)
{
	bool found = false;
	for (size_t i = marked; i < s->log_count && !found; i++) {
		struct buf text = {0};
		if (s->log[i]->type != type)
			continue;
		event_print(&text, s->log[i]);
		found = strstr(buf_str(&text), words) != NULL;
		buf_release(&text);
	}
	return found;
}

static void print_log(void)
{
	for (size_t i = marked; i < s->log_count; i++) {
		struct buf text = {0};
		event_print(&text, s->log[i]);
		fprintf(stderr, "%s %.400s\n", event_type_name(s->log[i]->type),
			buf_str(&text));
		buf_release(&text);
	}
}

void await(enum event_type type, const char *words, int ms)
{
	int64_t end = clock_mono_ms() + patience_ms(ms);
	pthread_mutex_lock(&s->lock);
	while (!in_log(type, words) && clock_mono_ms() < end)
		stand_wait_news(s, end);
	bool found = in_log(type, words);
	if (!found)
		print_log();
	pthread_mutex_unlock(&s->lock);
	ck_assert_msg(found, "no %s with <%s>", event_type_name(type), words);
}

bool came(enum event_type type, const char *words)
{
	pthread_mutex_lock(&s->lock);
	bool found = in_log(type, words);
	pthread_mutex_unlock(&s->lock);
	return found;
}

/* --- the one who looks on ------------------------------------------------- */

static char *identify(const char *hello, int events)
{
	json_object *o = json_read_str(hello, &json_limits_answer, NULL);
	json_object *auth = json_get(json_get(o, "d"), "authentication");
	char *secret = hash_sha256_base64(OBS_PASSWORD,
					  json_get_str(auth, "salt", ""));
	char *answer =
		hash_sha256_base64(secret, json_get_str(auth, "challenge", ""));
	char *text = xasprintf("{\"op\":1,\"d\":{\"rpcVersion\":1,"
			       "\"eventSubscriptions\":%d,"
			       "\"authentication\":\"%s\"}}",
			       events, answer);
	free(answer);
	free(secret);
	json_object_put(o);
	return text;
}

int look_on(int events)
{
	int fd = ws_open(bed.addr, "/", NULL, NULL);
	ck_assert_int_ge(fd, 0);
	char *hello = ws_next(fd, NULL);
	char *text = identify(hello, events);
	ws_say(fd, text);
	char *identified = ws_next(fd, NULL);
	ck_assert_msg(identified && strstr(identified, "\"op\":2"), "%s",
		      identified);
	free(identified);
	free(text);
	free(hello);
	return fd;
}

void see(int fd, const char *one, const char *two)
{
	for (bool seen = false; !seen;) {
		char *m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "OBS never said %s %s", one, two);
		seen = strstr(m, one) && strstr(m, two);
		free(m);
	}
}

char *tell(int fd, const char *type, const char *data)
{
	static int number;
	char *id = xasprintf("\"requestId\":\"t%d\"", ++number);
	char *m = xasprintf("{\"op\":6,\"d\":{\"requestType\":\"%s\",%s,"
			    "\"requestData\":%s}}",
			    type, id, data);
	ws_say(fd, m);
	free(m);
	for (;;) {
		m = ws_next(fd, NULL);
		ck_assert_msg(m != NULL, "OBS never answered %s", type);
		if (strstr(m, id))
			break;
		free(m);
	}
	free(id);
	return m;
}

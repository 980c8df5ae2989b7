/* The pure parts of the net: heads, voters, pages, a session with OBS. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "net/head.h"
#include "net/obs.h"
#include "net/page.h"
#include "base/hash.h"
#include "net/voter.h"
#include "tap.h"

/* --- heads ---------------------------------------------------------------- */

static int parsed(const char *text, size_t len)
{
	struct head h;
	char *block = xmalloc(len + 1);
	memcpy(block, text, len);
	block[len] = 0;
	const struct refusal *no = head_parse(&h, block, len);
	if (!no)
		no = head_check(&h);
	free(block);
	return no ? no->status : 200;
}

START_TEST(heads_good_and_bad)
{
	static const struct {
		int status;
		const char *text;
	} cases[] = {
		{200, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{200, "GET /a?b=c HTTP/1.0\r\nHost: [::1]:80\r\n\r\n"},
		{200,
		 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"},
		{200, "GET / HTTP/1.1\r\nHost:a\r\nX:\r\nY: \t z \t\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"},
		{400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\r\nHost: a\r\n\r\n"},
		{400, "GET / FTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "g / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, " / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "\r\n\r\n"},
		{505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
		{505, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
		{400,
		 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\n"},
		{400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
		{400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n"},
		{411, "POST / HTTP/1.1\r\nHost: a\r\n"
		      "Transfer-Encoding: chunked\r\n\r\n"},
		{413, "POST / HTTP/1.1\r\nHost: a\r\n"
		      "Content-Length: 1048577\r\n\r\n"},
		{413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
		      "18446744073709551617\r\n\r\n"},
		{200, "POST / HTTP/1.1\r\nHost: a\r\n"
		      "Content-Length: 1048576\r\n\r\n"},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *text = cases[i].text;
		size_t len = strlen(text);
		ck_assert_uint_eq(head_end(text, len), len);
		ck_assert_msg(parsed(text, len) == cases[i].status,
			      "%d for <%s>", parsed(text, len), text);
	}
	static const char nul[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
	ck_assert_int_eq(parsed(nul, sizeof nul - 1), 400);
}
END_TEST

START_TEST(half_a_head_is_no_refusal_and_garbage_is)
{
	const char *head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	for (size_t n = 0; n < strlen(head); n++) {
		ck_assert_uint_eq(head_end(head, n), 0);
		ck_assert_msg(!head_hopeless(head, n), "%zu", n);
	}
	ck_assert_ptr_nonnull(head_hopeless("\x16\x03\x01", 3));
	ck_assert_ptr_nonnull(head_hopeless("hello", 5));
	ck_assert_ptr_nonnull(head_hopeless("GET\t/", 5));
	ck_assert_ptr_nonnull(head_hopeless("ABCDEFGHIJKLMNOPQ", 17));
	ck_assert_ptr_nonnull(head_hopeless("GET / HTTP/1.1\r\n\0", 17));
	/* Any bytes, cut anywhere: no crash, and a verdict. */
	unsigned seed = 11;
	for (int round = 0; round < 20000; round++) {
		char noise[64];
		size_t len = (size_t)(seed >> 20) % sizeof noise;
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			noise[i] = "GET /:\r\n\r\nHa %\0x"[(seed >> 16) % 17];
		}
		(void)head_hopeless(noise, len);
		size_t end = head_end(noise, len);
		ck_assert(end <= len);
		if (end)
			(void)parsed(noise, end);
		seed = seed * 1103515245 + 12345;
	}
}
END_TEST

static struct head head_of(const char *host, const char *origin,
			   const char *bearer)
{
	struct head h = {.method = "GET", .target = "/"};
	head_add(&h, "Host", host);
	if (origin)
		head_add(&h, "Origin", origin);
	if (bearer)
		head_add(&h, "authorization", bearer);
	return h;
}

START_TEST(whose_host_and_whose_page)
{
	static const struct {
		int status;
		const char *host, *origin;
	} cases[] = {
		{200, "127.0.0.1:7420", NULL},
		{200, "localhost:9000", NULL},
		{200, "LOCALHOST", NULL},
		{200, "[::1]:7420", NULL},
		{200, "stage.house:7420", NULL},
		{200, "127.0.0.1:7420", "http://127.0.0.1:7420"},
		{200, "stage.house", "https://stage.house"},
		{421, "evil.example", NULL},
		{421, "127.0.0.1.evil.example", NULL},
		{421, "localhost.evil.example:7420", NULL},
		{421, "1e100.net", NULL},
		{421, ":7420", NULL},
		{403, "127.0.0.1:7420", "http://127.0.0.1:7421"},
		{403, "127.0.0.1:7420", "null"},
		{403, "127.0.0.1:7420", "http://evil.example"},
		{403, "127.0.0.1:7420", "file://127.0.0.1:7420"},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct head h = head_of(cases[i].host, cases[i].origin, NULL);
		const struct refusal *no =
			head_check_operator(&h, "stage.house");
		ck_assert_msg((no ? no->status : 200) == cases[i].status,
			      "%s %s: %d", cases[i].host,
			      cases[i].origin ? cases[i].origin : "-",
			      no ? no->status : 200);
	}
}
END_TEST

START_TEST(the_token_and_nothing_like_it)
{
	static const char *const wrong[] = {
		"Bearer",	"Bearer ", "Bearer secre",  "Bearer secrets",
		"Basic secret", "secret",  "Bearer SECRET", "",
	};
	struct head h = head_of("a", NULL, "bearer  secret");
	ck_assert(head_has_bearer(&h, "secret"));
	ck_assert(!head_has_bearer(&h, ""));
	ck_assert(!head_has_bearer(&h, NULL));
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		h = head_of("a", NULL, wrong[i]);
		ck_assert_msg(!head_has_bearer(&h, "secret"), "%s", wrong[i]);
	}
	h = head_of("a", NULL, "Bearer secret");
	head_add(&h, "Authorization", "Bearer secret");
	ck_assert(!head_has_bearer(&h, "secret"));
}
END_TEST

static const char *decoded(const char *text)
{
	static char room[64];
	snprintf(room, sizeof room, "%s", text);
	return head_decode(room, true) ? room : NULL;
}

START_TEST(escapes_are_decoded_strictly)
{
	ck_assert_str_eq(decoded("a+b%2Fc%c3%a4"), "a b/c\xc3\xa4");
	ck_assert_ptr_null(decoded("%"));
	ck_assert_ptr_null(decoded("%4"));
	ck_assert_ptr_null(decoded("%zz"));
	ck_assert_ptr_null(decoded("a%00"));
	ck_assert_ptr_null(decoded("%c0%ae"));
	ck_assert_ptr_null(decoded("%ff"));
	char *v = form_get("xoption=1&option=a%20b&option=c", "option");
	ck_assert_str_eq(v, "a b");
	free(v);
	ck_assert_ptr_null(form_get("options=1", "option"));
	ck_assert_ptr_null(form_get("", "option"));
	struct head h = head_of("a", NULL, NULL);
	head_add(&h, "Cookie", "a=1; sc_voter=xyz ; b=2");
	v = cookie_get(&h, "sc_voter");
	ck_assert_str_eq(v, "xyz ");
	free(v);
	ck_assert_ptr_null(cookie_get(&h, "voter"));
}
END_TEST

/* --- voters and pages ----------------------------------------------------- */

START_TEST(the_signature_is_hmac_sha_256)
{
	/* RFC 4231, test case 2. */
	char mark[65];
	hash_hmac_hex(mark, "Jefe", "what do ya want for nothing?");
	ck_assert_str_eq(mark, "5bdcc146bf60754e6a042426089575c7"
			       "5a003f089d2739839dec58b964ec3843");
	char id[VOTER_ID_BYTES], back[VOTER_ID_BYTES];
	char cookie[VOTER_TOKEN_BYTES];
	voter_new("secret", id, cookie);
	ck_assert(voter_read("secret", cookie, back));
	ck_assert_str_eq(id, back);
	ck_assert(!voter_read("another", cookie, back));
	for (size_t i = 0; cookie[i]; i++) {
		char was = cookie[i];
		cookie[i] = was == 'a' ? 'b' : 'a';
		ck_assert_msg(!voter_read("secret", cookie, back), "%zu", i);
		cookie[i] = was;
	}
	ck_assert(!voter_read("secret", NULL, back));
	ck_assert(!voter_read("secret", "", back));
}
END_TEST

START_TEST(pages_escape_what_is_filled_in)
{
	const struct page_field fields[] = {
		{"a", "<b>&\"'{{raw}}"}, {"raw", "<i>"}, {"none", NULL}};
	char *html =
		page_fill("x{{a}}y{{&raw}}z{{none}}", fields, COUNT_OF(fields));
	ck_assert_str_eq(html, "x&lt;b&gt;&amp;&quot;&#39;{{raw}}y<i>z");
	free(html);
	/* What is in the binary is what is in ui/web: nothing inline, nothing
	 * from elsewhere. */
	for (const struct asset *a = assets; a->name; a++) {
		ck_assert_uint_eq(strlen(a->text), a->bytes);
		ck_assert_ptr_null(strstr(a->text, "://cdn"));
		ck_assert_ptr_null(strstr(a->text, "innerHTML"));
		if (strstr(a->type, "html")) {
			ck_assert_ptr_null(strstr(a->text, "<script>"));
			ck_assert_ptr_null(strstr(a->text, "style="));
			ck_assert_ptr_null(strstr(a->text, "onclick"));
		}
	}
}
END_TEST

/* --- a session with OBS, word by word --------------------------------------
 */

static struct {
	char *sent, *figures, *done, *why;
	int sends, news, dones;
	bool done_ok, stop;
	struct obs_facts facts;
} seen;
static struct obs_session *obs;

static void keep(char **place, const char *text)
{
	free(*place);
	*place = xstrdup(text);
}

static void on_send(void *who, const char *text)
{
	(void)who;
	keep(&seen.sent, text);
	seen.sends++;
}

static void on_facts(void *who, const struct obs_facts *f)
{
	(void)who;
	seen.facts = *f; /* lent: looked at before the next step */
	seen.news++;
}

static void on_figures(void *who, const char *json)
{
	(void)who;
	keep(&seen.figures, json);
}

static void on_done(void *who, const char *id, bool ok, const char *text)
{
	(void)who;
	(void)id;
	keep(&seen.done, text);
	seen.done_ok = ok;
	seen.dones++;
}

static char *on_picture(void *who, const char *source, const char *url)
{
	(void)who;
	(void)source;
	return xstrdup(*url ? "saved it" : "no picture");
}

static void on_give_up(void *who, const char *why, bool stop)
{
	(void)who;
	keep(&seen.why, why);
	seen.stop = stop;
	obs_lost(obs, why, 0);
}

static void hear(const char *text)
{
	obs_received(obs, text, strlen(text), 1000);
}

/* Answers the newest request `back` sends ago. */
static void answer(int number, const char *type, const char *data)
{
	char *m = xasprintf("{\"d\":{\"requestId\":\"r%d\",\"requestStatus\":{"
			    "\"code\":100,\"result\":true},\"requestType\":"
			    "\"%s\",\"responseData\":%s},\"op\":7}",
			    number, type, data);
	hear(m);
	free(m);
}

static void event(const char *type, const char *data)
{
	char *m = xasprintf("{\"d\":{\"eventData\":%s,\"eventIntent\":4,"
			    "\"eventType\":\"%s\"},\"op\":5}",
			    data, type);
	hear(m);
	free(m);
}

#define HELLO                                                                  \
	"{\"d\":{\"authentication\":{\"challenge\":"                           \
	"\"/WNKCy7Ol5KbY4RAcFAgEAJC2ASbd18MjmCRsFMuC48=\",\"salt\":"           \
	"\"l1hJlZtZ2gWtJvYOaSjbAr0L/Vx+VdQom/OOoi/XBsU=\"},"                   \
	"\"obsWebSocketVersion\":\"5.1.0\",\"rpcVersion\":1},\"op\":0}"

static void obs_setup(void)
{
	const struct obs_sink sink = {NULL,	  on_send, on_facts,
				      on_figures, on_done, on_picture,
				      on_give_up};
	memset(&seen, 0, sizeof seen);
	obs = obs_new(&sink);
	obs_set_password(obs, "kokoro-test-pw");
	obs_opened(obs, 0);
	hear(HELLO);
}

static void obs_ready(void)
{
	hear("{\"d\":{\"negotiatedRpcVersion\":1},\"op\":2}");
	answer(1, "GetVersion", "{}");
	answer(2, "GetSceneList",
	       "{\"currentProgramSceneName\":\"Live\","
	       "\"currentPreviewSceneName\":null,\"scenes\":["
	       "{\"sceneName\":\"Poll\"},{\"sceneName\":\"Live\"}]}");
	answer(3, "GetStudioModeEnabled", "{\"studioModeEnabled\":false}");
	answer(4, "GetStreamStatus", "{\"outputActive\":false}");
	answer(5, "GetRecordStatus", "{\"outputActive\":true}");
	for (int i = 6; i < 11; i++)
		answer(i, "?", "{}");
	ck_assert_int_eq(seen.news, 0); /* nothing before all is read */
	answer(11, "GetInputList", "{\"inputs\":[]}");
	ck_assert_int_eq(seen.news, 1);
}

static void obs_teardown(void)
{
	obs_free(&obs);
	free(seen.sent);
	free(seen.figures);
	free(seen.done);
	free(seen.why);
}

START_TEST(obs_identifies_by_the_book)
{
	ck_assert_msg(strstr(seen.sent, "C2bRFDFQZTEH9Y4uSawooMum+jsIVg/"
					"wDusL7loo4xM=") != NULL,
		      "%s", seen.sent);
	obs_ready();
	ck_assert(seen.facts.connected && seen.facts.recording);
	ck_assert_int_eq(seen.facts.scenes.count, 2);
	ck_assert_str_eq(seen.facts.scenes.items[0], "Live");
	ck_assert_str_eq(seen.facts.program_scene, "Live");
}
END_TEST

START_TEST(obs_that_says_nothing_is_given_up)
{
	int64_t next = obs_next_ms(obs);
	ck_assert(next > 0 && next <= 5000);
	obs_tick(obs, next);
	ck_assert_ptr_nonnull(seen.why);
	ck_assert(!seen.facts.connected);
}
END_TEST

START_TEST(obs_reconnecting_is_still_streaming)
{
	obs_ready();
	event("StreamStateChanged", "{\"outputActive\":false,\"outputState\":"
				    "\"OBS_WEBSOCKET_OUTPUT_RECONNECTING\"}");
	ck_assert(seen.facts.streaming && seen.facts.reconnecting);
	event("StreamStateChanged", "{\"outputActive\":true,\"outputState\":"
				    "\"OBS_WEBSOCKET_OUTPUT_RECONNECTED\"}");
	ck_assert(seen.facts.streaming && !seen.facts.reconnecting);
}
END_TEST

START_TEST(obs_scene_is_confirmed_by_its_event)
{
	obs_ready();
	obs_request(obs, "a", "SetCurrentScene", "{\"sceneName\":\"Poll\"}",
		    1000);
	ck_assert_ptr_nonnull(strstr(seen.sent, "SetCurrentProgramScene"));
	answer(12, "SetCurrentProgramScene", "{}");
	ck_assert_int_eq(seen.dones, 0); /* understood, not yet on air */
	event("CurrentProgramSceneChanged", "{\"sceneName\":\"Live\"}");
	ck_assert_int_eq(seen.dones, 0);
	event("CurrentProgramSceneChanged", "{\"sceneName\":\"Poll\"}");
	ck_assert_int_eq(seen.dones, 1);
	ck_assert(seen.done_ok);
	/* Answered, and no event for 4.5 s: OBS is asked, and it is so. */
	obs_request(obs, "b", "SetCurrentScene", "{\"sceneName\":\"Live\"}",
		    1000);
	answer(13, "SetCurrentProgramScene", "{}");
	obs_tick(obs, 1000 + OBS_REQUEST_MS);
	ck_assert_int_eq(seen.dones, 1);
	answer(14, "GetCurrentProgramScene",
	       "{\"currentProgramSceneName\":\"Live\"}");
	ck_assert_int_eq(seen.dones, 2);
	ck_assert(seen.done_ok);
}
END_TEST

/* Events come in any order with answers, or not at all. */
START_TEST(obs_is_asked_which_scene_is_on)
{
	static const char list[] = "{\"currentProgramSceneName\":\"%s\","
				   "\"scenes\":[{\"sceneName\":\"Poll\"},"
				   "{\"sceneName\":\"Live\"}]}";
	char *live = xasprintf(list, "Live"), *poll = xasprintf(list, "Poll");
	obs_ready();
	event("SceneCreated", "{}");
	ck_assert_ptr_nonnull(strstr(seen.sent, "GetSceneList"));
	event("CurrentProgramSceneChanged", "{\"sceneName\":\"Poll\"}");
	int before = seen.sends;
	answer(12, "GetSceneList", live); /* from before the event */
	ck_assert_str_eq(seen.facts.program_scene, "Poll");
	ck_assert_int_eq(seen.sends, before + 1);
	answer(13, "GetSceneList", live);
	ck_assert_str_eq(seen.facts.program_scene, "Live");
	/* Once a second, but not while a transition runs. */
	event("SceneTransitionStarted", "{}");
	obs_tick(obs, 3000);
	ck_assert_ptr_null(strstr(seen.sent, "GetSceneList"));
	event("SceneTransitionEnded", "{}");
	obs_tick(obs, 5000);
	ck_assert_ptr_nonnull(strstr(seen.sent, "GetSceneList"));
	answer(20, "GetSceneList", poll);
	ck_assert_str_eq(seen.facts.program_scene, "Poll");
	free(live);
	free(poll);
}
END_TEST

START_TEST(obs_is_asked_again_for_what_it_refused)
{
	obs_ready();
	event("InputCreated", "{}");
	ck_assert_ptr_nonnull(strstr(seen.sent, "GetInputList"));
	hear("{\"d\":{\"requestId\":\"r12\",\"requestStatus\":{\"code\":207,"
	     "\"result\":false},\"requestType\":\"GetInputList\"},\"op\":7}");
	int before = seen.sends;
	event("InputCreated", "{}");
	ck_assert_int_eq(seen.sends, before + 1);
}
END_TEST

/* It tells of an input before it lists it, and of two changes either first. */
START_TEST(obs_is_asked_for_its_inputs_when_they_are_at_rest)
{
	obs_ready();
	event("InputCreated", "{}");
	answer(12, "GetInputList", "{\"inputs\":[]}");
	obs_tick(obs, 1500);
	ck_assert_ptr_null(strstr(seen.sent, "GetInputList"));
	obs_tick(obs, 2500);
	ck_assert_ptr_nonnull(strstr(seen.sent, "GetInputList"));
	answer(20, "GetInputList", "{\"inputs\":[{\"inputName\":\"Card\"}]}");
	ck_assert_ptr_nonnull(obs_facts_input(&seen.facts, "Card"));
	event("MediaInputPlaybackStarted", "{\"inputName\":\"Card\"}");
	event("InputMuteStateChanged",
	      "{\"inputName\":\"Card\",\"inputMuted\":false}");
	event("InputMuteStateChanged",
	      "{\"inputName\":\"Card\",\"inputMuted\":true}");
	obs_tick(obs, 3500);
	ck_assert_ptr_nonnull(strstr(seen.sent, "GetInputMute"));
	hear("{\"d\":{\"requestId\":\"b25\",\"results\":[{\"requestType\":"
	     "\"GetInputMute\",\"requestStatus\":{\"result\":true},"
	     "\"responseData\":{\"inputMuted\":false}}]},\"op\":9}");
	ck_assert(!obs_facts_input(&seen.facts, "Card")->muted);
	obs_tick(obs, 4500);
	ck_assert_ptr_null(strstr(seen.sent, "GetInput"));
}
END_TEST

START_TEST(obs_that_never_confirms_has_not_done_it)
{
	obs_ready();
	obs_request(obs, "a", "SetCurrentScene", "{\"sceneName\":\"Poll\"}",
		    1000);
	answer(12, "SetCurrentProgramScene", "{}");
	obs_tick(obs, 1000 + OBS_REQUEST_MS);
	answer(13, "GetCurrentProgramScene",
	       "{\"currentProgramSceneName\":\"Live\"}");
	ck_assert_int_eq(seen.dones, 0);
	obs_tick(obs, 1000 + OBS_REQUEST_MS + 400);
	ck_assert_int_eq(seen.dones, 1);
	ck_assert(!seen.done_ok && strstr(seen.done, "confirmed"));
}
END_TEST

START_TEST(obs_requests_wait_while_it_changes)
{
	obs_ready();
	event("CurrentSceneCollectionChanging", "{}");
	int before = seen.sends;
	obs_request(obs, "a", "StopRecord", NULL, 1000);
	ck_assert_int_eq(seen.sends, before);
	event("CurrentSceneCollectionChanged", "{}");
	ck_assert_int_eq(seen.sends, before + 12); /* it, and all is read */
	obs_lost(obs, "gone", 1000);
	ck_assert(seen.dones == 1 && !seen.done_ok);
}
END_TEST

START_TEST(obs_that_is_none_is_given_up)
{
	static const char *const words[] = {
		"", "{", "null", "[]", "{\"op\":0}", "{\"op\":7,\"d\":7}"};
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		obs_opened(obs, 0);
		free(seen.why);
		seen.why = NULL;
		hear(words[i]);
		ck_assert_msg(seen.why != NULL, "%s", words[i]);
	}
	/* Well-formed and absurd: nothing happens, nothing breaks. */
	obs_opened(obs, 0);
	hear("{\"op\":7,\"d\":{}}");
	hear("{\"op\":2,\"d\":{}}");
	hear(HELLO);
	hear("{\"op\":2,\"d\":{}}");
	answer(99, "GetSceneList", "{}");
	event("CurrentProgramSceneChanged", "{\"sceneName\":[]}");
	event("SceneListChanged", "{\"scenes\":[1,null,{\"sceneName\":{}}]}");
	event("StreamStateChanged", "{}");
}
END_TEST

START_TEST(obs_figures_are_sane)
{
	obs_ready();
	obs_tick(obs, 2000);
	answer(12, "GetRecordStatus", "{\"outputActive\":false}");
	answer(13, "GetStreamStatus",
	       "{\"outputActive\":true,\"outputCongestion\":1.16e17,"
	       "\"outputBytes\":5,\"outputDuration\":1500}");
	answer(14, "GetStats", "{\"activeFps\":-3,\"availableDiskSpace\":1.5}");
	ck_assert_ptr_nonnull(seen.figures);
	json_object *o = json_read_str(seen.figures, &json_limits_own, NULL);
	ck_assert_str_eq(json_get_str(o, "topic", ""), "obs");
	ck_assert(json_get_num(o, "congestion", -1) <= 1);
	ck_assert(json_get_num(o, "fps", -1) >= 0);
	ck_assert_int_eq(json_get_int(o, "stream_ms", 0), 1500);
	json_object_put(o);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
	TCase *t = tcase_create(name);
	if (!strncmp(name, "obs_", 4))
		tcase_add_checked_fixture(t, obs_setup, obs_teardown);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}
#define ADD(test) add(suite, #test, test)

int main(void)
{
	Suite *suite = suite_create("net_pure");
	ADD(heads_good_and_bad);
	ADD(half_a_head_is_no_refusal_and_garbage_is);
	ADD(whose_host_and_whose_page);
	ADD(the_token_and_nothing_like_it);
	ADD(escapes_are_decoded_strictly);
	ADD(the_signature_is_hmac_sha_256);
	ADD(pages_escape_what_is_filled_in);
	ADD(obs_identifies_by_the_book);
	ADD(obs_that_says_nothing_is_given_up);
	ADD(obs_reconnecting_is_still_streaming);
	ADD(obs_scene_is_confirmed_by_its_event);
	ADD(obs_is_asked_which_scene_is_on);
	ADD(obs_is_asked_again_for_what_it_refused);
	ADD(obs_is_asked_for_its_inputs_when_they_are_at_rest);
	ADD(obs_that_never_confirms_has_not_done_it);
	ADD(obs_requests_wait_while_it_changes);
	ADD(obs_that_is_none_is_given_up);
	ADD(obs_figures_are_sane);
	return tap_run(suite);
}

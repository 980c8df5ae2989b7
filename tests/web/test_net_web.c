/* The pages of the audience in a real browser. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../real/net_stand.h"
#include "base/clock.h"
#include "browser.h"
#include "tap.h"
#include "temp.h"

static struct stand *s;
static int64_t began_ms; /* the polls of the show opened after that */

/* Texts as bad as they come. */
static const char show[] =
	"show: adventure\n"
	"title: \"Adventure </title><script>hacked=1</script>\"\n"
	"agents: { writer: { via: http, url: \"http://127.0.0.1:1/\" } }\n"
	"stages:\n"
	"  - id: route\n"
	"    poll:\n"
	"      question: \"Which <script>hacked=1</script> way?\"\n"
	"      options:\n"
	"        - { id: cave, label: \"<img src=x onerror=hacked=1> \\\" "
	"onfocus=hacked=1 autofocus x=\\\"\" }\n"
	"        - { id: ridge, label: \"{{&options}}${1}</style>\" }\n"
	"        - { id: river }\n"
	"      open_ms: 3600000\n"
	"      default: cave\n";

/* As an audience would see it. */
static const char fine_show[] =
	"show: adventure\n"
	"title: Adventure of Adventures\n"
	"agents: { writer: { via: http, url: \"http://127.0.0.1:1/\" } }\n"
	"stages:\n"
	"  - id: route\n"
	"    poll:\n"
	"      question: The lantern goes out. Which way do we run?\n"
	"      options:\n"
	"        - { id: cave, label: Into the cave }\n"
	"        - { id: ridge, label: Along the ridge }\n"
	"        - { id: river, label: Down to the river and across }\n"
	"      open_ms: 95000\n"
	"      default: cave\n"
	"  - id: secret\n"
	"    inputs: [route]\n"
	"    poll:\n"
	"      question: Who may come with us?\n"
	"      hide_result: true\n"
	"      options: [ { id: wolf, label: The wolf }, { id: witch, label: "
	"The witch } ]\n"
	"      open_ms: 3600000\n"
	"      default: wolf\n";

/* Two polls at once, and the first of the file is opened last. */
static const char two_polls[] =
	"show: adventure\n"
	"agents: { writer: { via: http, url: \"http://127.0.0.1:1/\" } }\n"
	"stages:\n"
	"  - id: late\n"
	"    go: manual\n"
	"    poll: { question: And now?, open_ms: 3600000, default: stay,\n"
	"            options: [ { id: stay }, { id: leave } ] }\n"
	"  - id: early\n"
	"    poll: { question: At first?, open_ms: 3600000, default: left,\n"
	"            options: [ { id: left }, { id: right } ] }\n";

static void setup(void)
{
	began_ms = clock_mono_ms();
	s = stand_new(fine_show);
	page_open();
}

static void setup_two(void)
{
	s = stand_new(two_polls);
	page_open();
}

static void setup_bad(void)
{
	s = stand_new(show);
	page_open();
}

static void teardown(void)
{
	page_close();
	stand_free(&s);
}

static void go(const char *where)
{
	page_go(net_audience_addr(s->net), where);
}

static void act(const char *name, const char *args)
{
	char *path = xasprintf("/api/v1/actions/%s", name);
	char *body = xasprintf("{\"args\":[%s]}", args);
	char *a = operator_ask(s, "POST", path, body);
	ck_assert_msg(peer_status(a) == 200, "%s", a);
	free(a);
	free(body);
	free(path);
}

static void tally(int cave, int ridge, int river)
{
	char *text = xasprintf(
		"{\"topic\":\"tally\",\"poll\":\"route\",\"total\":%d,"
		"\"counts\":{\"cave\":%d,\"ridge\":%d,\"river\":%d},\"at\":1}",
		cave + ridge + river, cave, ridge, river);
	s->counts[0] = cave;
	s->counts[1] = ridge;
	s->counts[2] = river;
	net_live(s->net, text);
	free(text);
}

#define TOTAL	"document.getElementById('total').textContent"
#define NOTE	"document.querySelector('.note').textContent"
#define STATE	"document.querySelector('.state').textContent"
#define BUTTONS "document.querySelectorAll('button').length"
#define KICKER	"document.getElementById('kicker').textContent"
#define LIVE	"document.documentElement.classList.contains('live')"

/* --- the vote page -------------------------------------------------------- */

static void vote_and_come_back(const char *name)
{
	go("/"); /* leads to the only poll that is open */
	WAIT("location.pathname == '/vote/route' && " BUTTONS " == 3");
	HOLDS("document.documentElement.scrollWidth <= 360");
	/* Big enough for a thumb. */
	HOLDS("Array.from(document.querySelectorAll('li')).every(function (l) "
	      "{ return l.getBoundingClientRect().height >= 48; })");
	if (name)
		page_picture(name);
	HOLDS("document.querySelector('button').click() || true");
	WAIT(NOTE ".includes('is counted') && " BUTTONS " == 0");
	HOLDS("document.querySelector('.mine').dataset.option == 'cave'");
	ck_assert_int_eq(atomic_load(&s->votes), 1);
	/* The tally follows the answer to a vote, and a page without JavaScript
	 * shows what was known when it was made: the next one has it. */
	go("/vote/route");
	WAIT(NOTE ".includes('already voted')");
}

START_TEST(a_phone_votes)
{
	tally(41, 38, 12);
	vote_and_come_back("vote-open");
	page_picture("vote-voted");
	/* Another tab that still has its buttons is refused. */
	HOLDS("(fetch('/vote/route', {method: 'POST', body: 'option=ridge', "
	      "headers: {'Content-Type': 'application/x-www-form-urlencoded', "
	      "Accept: 'text/html'}}).then(function (a) { window.second = "
	      "a.status; }), true)");
	WAIT("window.second == 409");
	ck_assert_int_eq(atomic_load(&s->votes), 1);
}
END_TEST

START_TEST(a_phone_votes_without_javascript)
{
	page_tell("Emulation.setScriptExecutionDisabled", "{\"value\":true}");
	vote_and_come_back(NULL);
	/* Who cannot be told looks again. */
	HOLDS("document.querySelector('.again a').offsetHeight > 0");
	act("poll-void", "\"route\"");
	go("/vote/route");
	WAIT(STATE ".includes('cancelled')");
}
END_TEST

START_TEST(a_vote_whose_answer_was_lost_is_not_two)
{
	page_prepare("(function () { var real = fetch, lost = 0; fetch = "
		     "function (where, how) { var a = real(where, how); return "
		     "how.method == 'POST' && !lost++ ? a.then(function () { "
		     "throw new Error('lost'); }) : a; }; })()");
	go("/vote/route");
	WAIT(LIVE " && " BUTTONS " == 3");
	HOLDS("document.querySelector('button').click() || true");
	WAIT(NOTE ".includes('not through yet')");
	WAIT(NOTE ".includes('already voted') && " BUTTONS " == 0");
	ck_assert_int_eq(atomic_load(&s->votes), 1);
}
END_TEST

START_TEST(a_keyboard_votes)
{
	go("/vote/route");
	WAIT(LIVE " && " BUTTONS " == 3");
	page_press("Tab", 9);
	page_press("Tab", 9);
	HOLDS("document.activeElement.value == 'ridge'");
	HOLDS("getComputedStyle(document.activeElement, '::after')"
	      ".outlineStyle == 'solid'");
	page_picture("vote-keyboard");
	page_press("Enter", 13);
	WAIT(NOTE ".includes('is counted')");
	/* What was pressed is gone; the focus is where the answer stands. */
	HOLDS("document.activeElement.id == 'said'");
	ck_assert_int_eq(atomic_load(&s->votes), 1);
}
END_TEST

/* Does the tree that screen readers see hold this? */
static bool is_read(json_object *nodes, const char *role, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(nodes); i++) {
		json_object *n = json_object_array_get_idx(nodes, i);
		if (!strcmp(json_get_str(json_get(n, "role"), "value", ""),
			    role) &&
		    !strcmp(json_get_str(json_get(n, "name"), "value", ""),
			    name))
			return true;
	}
	return false;
}

START_TEST(a_screen_reader_is_told)
{
	go("/vote/route");
	WAIT(LIVE " && " BUTTONS " == 3");
	page_tell("Accessibility.enable", "{}");
	json_object *o = page_call("Accessibility.getFullAXTree", "{}");
	json_object *nodes = json_get_array(o, "nodes");
	const char *question = "The lantern goes out. Which way do we run?";
	ck_assert(is_read(nodes, "heading", question));
	ck_assert(is_read(nodes, "form", question));
	ck_assert(is_read(nodes, "button", "Into the cave"));
	ck_assert(is_read(nodes, "progressbar", "Into the cave") ||
		  is_read(nodes, "progressIndicator", "Into the cave"));
	ck_assert(is_read(nodes, "status", ""));
	json_object_put(o);
}
END_TEST

/* The ratio of WCAG 2.1 between an element's colour and that of a ground. */
static const char contrast[] =
	"function lum(c) { var v = c.match(/[\\d.]+/g).slice(0, 3).map("
	"function (x) { x /= 255; return x <= .03928 ? x / 12.92 : "
	"Math.pow((x + .055) / 1.055, 2.4); }); "
	"return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; }"
	"function ratio(of, on) { var a = lum(getComputedStyle(document."
	"querySelector(of)).color), b = lum(getComputedStyle(document."
	"querySelector(on)).backgroundColor); return (Math.max(a, b) + .05) / "
	"(Math.min(a, b) + .05); }";

START_TEST(it_can_be_read_by_day_and_by_night)
{
	static const char *const themes[] = {"light", "dark"};
	for (size_t i = 0; i < COUNT_OF(themes); i++) {
		char *p = xasprintf("{\"features\":[{\"name\":\"prefers-color-"
				    "scheme\",\"value\":\"%s\"},{\"name\":"
				    "\"prefers-reduced-motion\",\"value\":"
				    "\"reduce\"}]}",
				    themes[i]);
		page_tell("Emulation.setEmulatedMedia", p);
		free(p);
		page_prepare(contrast);
		go("/vote/route");
		WAIT(LIVE " && " BUTTONS " == 3");
		HOLDS("ratio('button', 'li') >= 7");
		HOLDS("ratio('.share', 'li') >= 4.5");
		HOLDS("ratio('.votes', 'li') >= 4.5");
		HOLDS("ratio('.show', 'body') >= 4.5");
		HOLDS("ratio('.note', 'body') >= 4.5");
		HOLDS("ratio('.state', 'body') >= 4.5");
		p = xasprintf("vote-%s", themes[i]);
		page_picture(p);
		free(p);
	}
}
END_TEST

START_TEST(the_page_follows_the_poll)
{
	go("/vote/route");
	WAIT(LIVE " && " TOTAL " == '0'");
	/* Of 95 s what is left since then, and at least what was then. */
	double left = page_number(
		"(function () { var m = document.getElementById('left')"
		".textContent.match(/^([01]):([0-5][0-9]) left$/); return m ? "
		"m[1] * 60 + +m[2] : -1; })()");
	double gone = (double)(clock_mono_ms() - began_ms) / 1000;
	ck_assert_msg(left >= 0 && left <= 95 && left + gone >= 94,
		      "%.0f s are left after %.1f s", left, gone);
	tally(0, 41, 0);
	WAIT(TOTAL " == '41' && "
		   "document.querySelectorAll('progress')[1].value == 41 && "
		   "document.querySelectorAll('.share')[1].textContent == "
		   "'100%'");
	act("poll-freeze", "\"route\"");
	WAIT(STATE ".includes('paused') && " BUTTONS " == 0");
	page_picture("vote-frozen");
	act("poll-unfreeze", "\"route\"");
	WAIT(BUTTONS " == 3");
	act("poll-close", "\"route\"");
	WAIT(STATE ".includes('closed') && " BUTTONS " == 0 && "
		   "document.querySelector('.won').dataset.option == 'ridge'");
	page_picture("vote-closed");
	/* The next one tells how many, but not for what. */
	go("/vote/secret");
	WAIT(BUTTONS " == 2 && !document.querySelector('progress')");
	page_picture("vote-hidden");
	HOLDS("document.querySelector('button').click() || true");
	WAIT(STATE ".includes('The result is told') && " BUTTONS " == 0");
}
END_TEST

START_TEST(a_wrong_address_is_a_page)
{
	go("/vote/NONE");
	WAIT("document.querySelector('.note').textContent == "
	     "'this show has no such poll'");
	HOLDS("document.documentElement.scrollWidth <= 360");
	page_picture("vote-unknown");
}
END_TEST

START_TEST(nothing_from_outside_is_run)
{
	static const char *const pages[] = {"/vote/route", "/overlay/poll"};
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		go(pages[i]);
		WAIT("document.querySelectorAll('li').length == 3");
		HOLDS("document.querySelector('h1').textContent == "
		      "'Which <script>hacked=1</' + 'script> way?'");
		HOLDS("document.querySelectorAll('button, .label')[0]"
		      ".textContent == '<img src=x onerror=hacked=1> \" "
		      "onfocus=hacked=1 autofocus x=\"'");
		HOLDS("!document.querySelector('img') && "
		      "document.querySelectorAll('script').length == 1");
		HOLDS("window.hacked === undefined");
		/* Nor would it be, if it came that far. */
		HOLDS("(function () { var e = document.createElement('script');"
		      " e.textContent = 'hacked = 1'; document.body.appendChild"
		      "(e); return window.hacked === undefined; })()");
	}
}
END_TEST

START_TEST(without_websockets_a_stream_brings_it)
{
	page_prepare("WebSocket = function () { var s = this; s.close = "
		     "function () {}; setTimeout(function () { if (s.onclose) "
		     "s.onclose(); }, 0); };");
	go("/vote/route");
	WAIT(LIVE);
	tally(0, 5, 0);
	WAIT(TOTAL " == '5'");
	tally(0, 6, 0);
	WAIT(TOTAL " == '6'");
}
END_TEST

START_TEST(pages_find_a_core_that_was_gone)
{
	static const char *const pages[] = {"/vote/route", "/overlay/poll"};
	for (size_t i = 0; i < COUNT_OF(pages); i++) {
		go(pages[i]);
		WAIT("document.querySelectorAll('li').length == 3");
		tally(1, (int)i, 0);
		char *want = xasprintf(TOTAL " == '%d'", 1 + (int)i);
		WAIT(want);
		free(want);
		HOLDS("(window.same = 1) == 1");
		stand_restart(s);
		tally(7, 2, (int)i);
		want = xasprintf(TOTAL " == '%d' && window.same == 1",
				 9 + (int)i);
		WAIT(want);
		free(want);
	}
}
END_TEST

/* --- the overlay ---------------------------------------------------------- */

static void open_overlay(const char *where)
{
	page_size(1280, 720);
	go(where);
}

#define SHOWN "document.getElementById('poll').classList.contains('on')"

static void see_through(bool yes)
{
	page_tell("Emulation.setDefaultBackgroundColorOverride",
		  yes ? "{\"color\":{\"r\":0,\"g\":0,\"b\":0,\"a\":0}}" : "{}");
}

/* Ten tallies, and more while all of them were late, each timed from here to
 * the change of the page. */
static void follow_within(int want_ms)
{
	HOLDS("(function () { window.seen = {}; new MutationObserver(function "
	      "() { seen[" TOTAL "] = Date.now(); }).observe(document."
	      "getElementById('total'), {childList: true}); return true; "
	      "})()");
	double best = 1e9;
	/* A machine that does other things may be late now and then. */
	for (int i = 1; i <= 10 || (i <= 50 && best >= want_ms); i++) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		double at =
			(double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
		tally(i * 50, i * 40, i * 10);
		char *seen = xasprintf("window.seen['%d'] > 0", i * 100);
		WAIT(seen);
		free(seen);
		seen = xasprintf("seen['%d']", i * 100);
		double took = page_number(seen) - at;
		free(seen);
		best = took < best ? took : best;
		printf("# tally %d was in the page after %.0f ms\n", i, took);
	}
	ck_assert_msg(best < want_ms, "%.0f ms", best);
}

/* Keeps what the overlay says, though it may say it for a second alone. */
static void note_what_is_said(void)
{
	HOLDS("(function () { window.said = []; function note() { "
	      "var won = document.querySelector('.won'); said.push("
	      "document.querySelector('h1').textContent + '|' + " KICKER
	      " + '|' + (won ? won.dataset.option : '')); } "
	      "new MutationObserver(note).observe(document.body, {subtree: "
	      "true, childList: true, characterData: true, attributes: true}); "
	      "return true; })()");
}

#define SAID(what) "said.indexOf('" what "') >= 0"

START_TEST(the_overlay_follows_and_is_transparent)
{
	open_overlay("/overlay/poll?join=vote.example.org");
	WAIT(SHOWN " && document.querySelectorAll('li').length == 3");
	HOLDS("getComputedStyle(document.body).backgroundColor == "
	      "'rgba(0, 0, 0, 0)'");
	follow_within(200);
	/* Nothing is laid out anew for a number: only what moves moves. */
	HOLDS("document.getAnimations().every(function (a) { return "
	      "['transform', 'opacity'].indexOf(a.transitionProperty) >= 0; "
	      "})");
	HOLDS("document.querySelector('.lead').dataset.option == 'cave'");
	HOLDS(KICKER " == 'Vote now'");
	see_through(true);
	page_picture("overlay-open");
	tally(501, 499, 10);
	WAIT(KICKER " == 'Too close to call'");
	act("poll-freeze", "\"route\"");
	WAIT(KICKER " == 'Voting is paused'");
	act("poll-unfreeze", "\"route\"");
	tally(700, 320, 120);
	WAIT(KICKER " == 'Vote now'");
	act("poll-close", "\"route\"");
	/* The next one opens at once. */
	WAIT("document.querySelector('h1').textContent == 'Who may come with "
	     "us?'");
	WAIT("document.getElementById('poll').classList.contains('secret')");
	WAIT("getComputedStyle(document.querySelector('.track')).opacity == "
	     "'0'");
	page_picture("overlay-hidden");
}
END_TEST

START_TEST(the_overlay_shows_what_was_opened_last)
{
#define QUESTION "document.querySelector('h1').textContent"
	open_overlay("/overlay/poll");
	WAIT(QUESTION " == 'At first?'");
	act("go", "\"late\"");
	WAIT(QUESTION " == 'And now?'");
	/* So does one who comes later. */
	go("/overlay/poll?linger=1");
	WAIT(QUESTION " == 'And now?'");
	/* Its end is seen, then the one that is still open. */
	note_what_is_said();
	act("poll-void", "\"late\"");
	WAIT(SAID("And now?|This vote was cancelled|"));
	WAIT(QUESTION " == 'At first?' && " KICKER " == 'Vote now'");
	/* What is opened then is seen at once. */
	act("poll", "\"Her hat?\",\"yes|no\"");
	WAIT(QUESTION " == 'Her hat?'");
	go("/overlay/poll?poll=early");
	WAIT(QUESTION " == 'At first?'");
}
END_TEST

#define OTHERS "document.querySelector('.others').textContent"

START_TEST(of_several_polls_the_audience_chooses)
{
	go("/");
	WAIT("location.pathname == '/vote/early'");
	WAIT(OTHERS " == ''");
	act("go", "\"late\"");
	WAIT(OTHERS " == 'Another poll is open.'");
	go("/");
	WAIT("document.querySelectorAll('.polls a').length == 2");
	HOLDS("document.documentElement.scrollWidth <= 360");
	HOLDS("document.querySelector('.polls li').textContent.includes("
	      "'0 votes, ')");
	page_picture("vote-several");
	HOLDS("document.querySelector('.polls a').click() || true");
	WAIT("location.pathname == '/vote/late' && " BUTTONS " == 2");
	HOLDS(OTHERS " == 'Another poll is open.'");
	HOLDS("document.querySelector('button').click() || true");
	WAIT(NOTE ".includes('is counted') && " BUTTONS " == 0");
	page_picture("vote-one-of-several");
	/* That was one vote, in that poll alone. */
	HOLDS("document.querySelector('.others').click() || true");
	WAIT("document.querySelectorAll('.polls a').length == 2");
	go("/vote/early");
	WAIT(BUTTONS " == 2");
	act("poll-close", "\"late\"");
	WAIT(OTHERS " == ''");
}
END_TEST

START_TEST(the_overlay_tells_who_won_and_goes)
{
	open_overlay("/overlay/poll?poll=route&linger=2");
	WAIT(SHOWN);
	tally(700, 320, 120);
	WAIT(TOTAL " == '1140'");
	note_what_is_said();
	act("poll-close", "\"route\"");
	WAIT(SAID("The lantern goes out. Which way do we run?|Decided|cave"));
	see_through(true);
	page_picture("overlay-decided");
	WAIT("document.getElementById('poll').hidden");
	page_picture("overlay-none");
	/* Who comes now sees nothing. */
	go("/overlay/poll?poll=route");
	WAIT("document.readyState == 'complete'");
	HOLDS("document.getElementById('poll').hidden");
}
END_TEST

START_TEST(the_overlay_wears_the_shows_colours)
{
	open_overlay("/overlay/poll?accent=%2300c2a8&panel=rgba(40,0,60,.9)&"
		     "at=top%20right&size=1.2");
	WAIT(SHOWN);
	tally(9, 1, 1);
	WAIT(TOTAL " == '11'");
	HOLDS("getComputedStyle(document.querySelector('.lead .bar'))"
	      ".backgroundColor == 'rgb(0, 194, 168)'");
	HOLDS("document.getElementById('poll').getBoundingClientRect().top < "
	      "100");
	/* As OBS puts the custom CSS of a source into it. */
	HOLDS("(function () { var e = document.createElement('style'); "
	      "e.innerHTML = ':root { --text: rgb(1, 2, 3) !important; }'; "
	      "document.head.appendChild(e); return getComputedStyle(document."
	      "getElementById('poll')).color == 'rgb(1, 2, 3)'; })()");
	HOLDS("document.styleSheets.length == 2");
	/* What is no colour changes nothing. */
	go("/overlay/poll?accent=url(http://127.0.0.1:1/)");
	WAIT(SHOWN " && document.querySelectorAll('li').length == 3");
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test,
		void (*before)(void))
{
	TCase *t = tcase_create(name);
	tcase_set_timeout(t, 90);
	tcase_add_checked_fixture(t, before, teardown);
	tcase_add_test(t, test);
	suite_add_tcase(suite, t);
}
#define ADD(test) add(suite, #test, test, setup)

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	char *dir = temp_new();
	int rc = 0;
	if (!browser_start(dir)) {
		printf("1..0 # SKIP chromium is needed and not installed\n");
	} else {
		Suite *suite = suite_create("net_web");
		ADD(a_phone_votes);
		ADD(a_phone_votes_without_javascript);
		ADD(a_vote_whose_answer_was_lost_is_not_two);
		ADD(a_keyboard_votes);
		ADD(a_screen_reader_is_told);
		ADD(it_can_be_read_by_day_and_by_night);
		ADD(the_page_follows_the_poll);
		ADD(a_wrong_address_is_a_page);
		add(suite, "nothing_from_outside_is_run",
		    nothing_from_outside_is_run, setup_bad);
		ADD(without_websockets_a_stream_brings_it);
		ADD(pages_find_a_core_that_was_gone);
		ADD(the_overlay_follows_and_is_transparent);
		add(suite, "of_several_polls_the_audience_chooses",
		    of_several_polls_the_audience_chooses, setup_two);
		add(suite, "the_overlay_shows_what_was_opened_last",
		    the_overlay_shows_what_was_opened_last, setup_two);
		ADD(the_overlay_tells_who_won_and_goes);
		ADD(the_overlay_wears_the_shows_colours);
		rc = tap_run(suite);
		browser_stop();
	}
	temp_remove(&dir);
	return rc;
}

/*
 * Golden pictures: a fixed show and a fixed list of events, folded by the real
 * model, with the time passed in; each picture is compared with its file.
 * GOLDEN_WRITE=1 writes the files anew.
 */
#include "tap.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "console/frame.h"
#include "console/keys.h"
#include "console/operate.h"
#include "console/rewind.h"
#include "show/show_read.h"

#define SHOW_START_MS INT64_C(1772393400000)
#define MONO_START_MS 5000

/* What was done to reach a picture. Times count from the start of the show. */
struct moment {
	const char *name;
	int width, height;
	int64_t at_ms;
	const char *keys; /* names, one frame each; NULL: none */
	bool ascii, styles, rehearsal, stopped_talking, read_only, past;
	const char *extra[6]; /* further events, as in the file */
};

#define PAUSE "{\"at\":13000,\"type\":\"run:pause\",\"data\":{\"panic\":%s}}"

#define MENU                                                                   \
	"{\"at\":34000,\"type\":\"budget:request\",\"stage\":\"dialogue\","    \
	"\"data\":{\"tokens\":4200,\"asked\":4200,\"left\":40590,"             \
	"\"rest\":31000,\"deadline\":72000,\"offers\":[\"approve\","           \
	"\"approve-stage\",\"raise\",\"borrow\",\"deny\"]}}"
#define LATE                                                                   \
	"{\"at\":34000,\"type\":\"proposal:late\",\"stage\":\"ambient\","      \
	"\"data\":{\"agent\":\"sound_designer\",\"verdict\":\"deadline\","     \
	"\"attempt\":2,\"tokens\":310,\"result\":{\"bed\":\"rain on "          \
	"slate\"}}}"
#define WARNING                                                                \
	"{\"at\":34000,\"type\":\"budget:request\",\"data\":{\"reason\":"      \
	"\"tokens\",\"text\":\"96,000 of 120,000 tokens are spent (80%)  "     \
	"left 24,000  rest of show needs ~31,000\",\"left\":24000,"            \
	"\"deadline\":72000,\"offers\":[\"continue\",\"pause\",\"raise\"]}}"
#define KILL "{\"at\":34000,\"type\":\"agent:kill\",\"agent\":\"set_designer\"}"
#define KILL_ALARM                                                             \
	"{\"at\":34000,\"type\":\"alarm:raise\",\"data\":{\"id\":\"killed\","  \
	"\"text\":\"set_designer is killed: no tokens until `: revive`\"}}"

/* Three polls at once, one with a vote, one with none yet. */
#define SEVERAL                                                                \
	"{\"at\":30000,\"type\":\"poll:create\",\"stage\":\"1\",\"data\":"     \
	"{\"question\":\"Whose hat?\",\"options\":[{\"id\":\"hers\"},"         \
	"{\"id\":\"his\",\"label\":\"His hat\"}],\"open_ms\":60000,"           \
	"\"deadline\":90000}}",                                                \
		"{\"at\":31000,\"type\":\"poll:create\",\"stage\":\"2\","      \
		"\"data\""                                                     \
		":{\"question\":\"Does the dog come along on the journey?\","  \
		"\"options\":[{\"id\":\"yes\"},{\"id\":\"no\"}],\"open_ms\":"  \
		"40000,\"deadline\":71000}}"
#define SEVERAL_END                                                            \
	"{\"at\":33000,\"type\":\"poll:void\",\"stage\":\"1\",\"data\":{"      \
	"\"why\":\"the run ended\"}}",                                         \
		"{\"at\":33000,\"type\":\"poll:void\",\"stage\":\"route\","    \
		"\"data\":{\"why\":\"the run ended\"}}",                       \
		"{\"at\":33000,\"type\":\"poll:void\",\"stage\":\"2\","        \
		"\"data\":{\"why\":\"the run ended\",\"question\":\"Does the " \
		"dog come along?\"}}"

/* A poll that was before, two bursts in the one that is, and a chat. */
#define POLLS                                                                  \
	"{\"at\":13000,\"type\":\"poll:create\",\"stage\":\"1\",\"data\":"     \
	"{\"question\":\"Whose hat?\",\"options\":[{\"id\":\"hers\"},"         \
	"{\"id\":\"his\",\"label\":\"His hat\"}],\"open_ms\":5000,"            \
	"\"deadline\":18000}}",                                                \
		"{\"at\":18000,\"type\":\"poll:resolve\",\"stage\":\"1\","     \
		"\"data\":{\"winner\":\"his\",\"why\":\"majority\","           \
		"\"counts\":"                                                  \
		"{\"hers\":102,\"his\":811}}}",                                \
		"{\"at\":19000,\"type\":\"poll:create\",\"stage\":\"route\","  \
		"\"data\":{\"deadline\":64000}}",                              \
		"{\"at\":20000,\"type\":\"poll:burst\",\"stage\":\"route\","   \
		"\"data\":{\"burst\":1,\"option\":\"ridge\",\"votes\":214,"    \
		"\"span_ms\":2600,\"sources\":4,\"rest_permille\":410}}",      \
		"{\"at\":21000,\"type\":\"poll:exclude\",\"stage\":\"route\"," \
		"\"data\":{\"burst\":1}}",                                     \
		"{\"at\":30000,\"type\":\"chat:status\",\"data\":"             \
		"{\"connected\":true,\"channel\":\"#adventure\"}}"

#define OBS_STUDIO                                                             \
	"{\"at\":14000,\"type\":\"obs:status\",\"data\":{\"connected\":true,"    \
	"\"program_scene\":\"Live\",\"preview_scene\":\"Poll\",\"studio\":true," \
	"\"streaming\":true,\"recording\":true,\"reconnecting\":true,"         \
	"\"scenes\":[\"Starting Soon\",\"Live\",\"Polls\",\"Poll\"],"          \
	"\"inputs\":[{\"name\":\"Voice\",\"muted\":false,\"volume_cdb\":0,"    \
	"\"active\":true},{\"name\":\"Music\",\"muted\":true,"                 \
	"\"volume_cdb\":0,\"active\":true},{\"name\":\"Clip\","                \
	"\"active\":true,\"ended\":true}]}}"
#define OBS_HELD                                                               \
	"{\"at\":14000,\"type\":\"obs:hold\",\"data\":{\"state\":\"held\","    \
	"\"why\":\"scene Live\"}}"
#define OBS_MISSED                                                             \
	"{\"at\":14500,\"type\":\"obs:command\",\"data\":{\"id\":\"o40\","     \
	"\"state\":\"held back\",\"what\":\"scene Poll\",\"by\":"            \
	"\"rule poll-scene\"}}"
#define OBS_RULE_OFF                                                           \
	"{\"at\":14600,\"type\":\"rule:off\",\"data\":"                      \
	"{\"rule\":\"poll-scene\"}}"
#define OBS_SILENT                                                             \
	"{\"at\":15000,\"type\":\"alarm:raise\",\"data\":{\"id\":"             \
	"\"obs/silence\",\"text\":\"dead air: no sound above -60 dB for "     \
	"10 s\"}}"

/* Further results of checks, a second apart; below zero it failed. */
static const struct {
	const char *card, *test, *text;
	int ms[12];
} pasts[] = {
	{"Audio",
	 "Narration",
	 "status 200",
	 {98, 140, 130, 480, 120, 95, 110, 260, 105, 101, 99, 112}},
	{"Audio", "Ambient", "status 200", {91, -85, 90, -2000, -2000, 84}},
	{"MCP", "Builder", "connection refused", {-3, -4, -3}},
	{"MCP", "Viewer", "no answer after 2000 ms", {12, 14, -2000}},
	{"Streaming", "Ingest", "no answer after 2000 ms", {5, 6, -2000}},
};
#define OVERRIDE                                                               \
	"{\"at\":33000,\"type\":\"check:override\",\"data\":{\"checks\":"      \
	"[\"Streaming/Ingest\"],\"by\":\"ada\",\"reason\":\"the venue "        \
	"records\"}}"

#define NEXT_RUN                                                               \
	"{\"at\":95000,\"type\":\"run:start\",\"data\":{\"show\":"            \
	"\"adventure\",\"rehearsal\":false,\"attended\":true}}"
#define ANEW                                                                   \
	"{\"at\":95100,\"type\":\"check:result\",\"data\":{\"card\":"         \
	"\"Audio\",\"test\":\"Ambient\",\"state\":\"pass\","                  \
	"\"latency_ms\":90,\"text\":\"status 200\"}}"
/* What two people did. */
#define ACKED                                                                  \
	"{\"at\":33000,\"type\":\"alarm:ack\",\"data\":{\"id\":"              \
	"\"redis-memory\",\"by\":\"ada@booth\",\"reason\":\"more is on its "  \
	"way\"}}",                                                             \
		"{\"at\":33100,\"type\":\"stage:skip\",\"stage\":\"ambient\"," \
		"\"data\":{\"by\":\"ben@wings\"}}"
#define APPROVED                                                               \
	"{\"at\":33200,\"type\":\"budget:deny\",\"stage\":\"dialogue\","      \
	"\"data\":{\"item\":\"i1\",\"by\":\"ben@wings\"}}"

static const struct moment moments[] = {
	{"live-120x40", 120, 40, 33400},
	{"live-80x24", 80, 24, 33400},
	{"live-200x60", 200, 60, 33400},
	{"live-100x24", 100, 24, 33400},
	{"live-60x15", 60, 15, 33400},
	{"live-40x10", 40, 10, 33400},
	{"live-20x5", 20, 5, 33400},
	{"live-12x1", 12, 1, 33400},
	{"confirm-20x5", 20, 5, 33400, "1 k"},
	{"panic-sent-20x5", 20, 5, 33400, "!"},
	{"later-120x40", 120, 40, 95400},
	{"ascii-120x40", 120, 40, 33400, .ascii = true},
	{"ascii-80x24", 80, 24, 33400, .ascii = true},
	{"styles-80x24", 80, 24, 33400, .styles = true},
	{"rehearsal-120x40", 120, 40, 33400, .rehearsal = true},
	{"rehearsal-80x24", 80, 24, 33400, .rehearsal = true},
	{"rehearsal-20x5", 20, 5, 33400, .rehearsal = true},
	{"silent-120x40", 120, 40, 40400, .stopped_talking = true},
	{"silent-styles-80x24", 80, 24, 40400, .styles = true,
	 .stopped_talking = true},
	{"panic-120x40", 120, 40, 33400,
	 .extra = {"{\"at\":13000,\"type\":\"run:pause\",\"data\":"
		   "{\"panic\":true}}"}},
	{"paused-80x24", 80, 24, 33400,
	 .extra = {"{\"at\":13000,\"type\":\"run:pause\"}"}},
	{"resolved-120x40", 120, 40, 33400,
	 .extra = {"{\"at\":13000,\"type\":\"poll:close\",\"stage\":\"route\","
		   "\"data\":{\"counts\":{\"cave\":10,\"ridge\":15}}}",
		   "{\"at\":13001,\"type\":\"poll:resolve\",\"stage\":"
		   "\"route\",\"data\":{\"winner\":\"ridge\",\"why\":"
		   "\"majority\",\"counts\":{\"cave\":10,\"ridge\":15},"
		   "\"total\":25,\"margin\":0.2}}"}},
	{"done-120x40", 120, 40, 33400,
	 .extra = {"{\"at\":13000,\"type\":\"run:complete\",\"data\":"
		   "{\"state\":\"failed\",\"why\":\"ambient failed\"}}"}},
	{"obs-away-80x24", 80, 24, 33400, "5",
	 .extra = {"{\"at\":13000,\"type\":\"obs:status\",\"data\":"
		   "{\"connected\":false,\"error\":\"connection refused\"}}",
		   OBS_RULE_OFF}},
	{"run-focus-120x40", 120, 40, 33400, "1 Down"},
	{"run-zoom-120x40", 120, 40, 33400, "1 1"},
	{"poll-80x24", 80, 24, 33400, "2"},
	{"polls-80x24", 80, 24, 33400, "2", .extra = {POLLS}},
	{"polls-zoom-120x40", 120, 40, 33400, "2 2", .extra = {POLLS}},
	{"polls-zoom-300x100", 300, 100, 33400, "2 2", .extra = {POLLS}},
	{"poll-end-80x24", 80, 24, 33400, "2 E"},
	{"several-120x40", 120, 40, 33400, NULL, .extra = {SEVERAL}},
	{"several-80x24", 80, 24, 33400, "2 n", .extra = {SEVERAL}},
	{"several-next-80x24", 80, 24, 33400, "2 n n n", .extra = {SEVERAL}},
	{"several-end-80x24", 80, 24, 33400, "2 n E", .extra = {SEVERAL}},
	{"several-zoom-ascii-120x40", 120, 40, 33400, "2 2", true,
	 .extra = {SEVERAL}},
	{"several-void-80x24", 80, 24, 33400, "2",
	 .extra = {SEVERAL, SEVERAL_END}},
	{"chat-lost-120x40", 120, 40, 33400,
	 .extra = {"{\"at\":30000,\"type\":\"chat:status\",\"data\":"
		   "{\"connected\":false,\"error\":\"the connection was "
		   "lost\"}}",
		   "{\"at\":30000,\"type\":\"alarm:raise\",\"data\":{\"id\":"
		   "\"chat\",\"text\":\"no votes come from the chat "
		   "#adventure: the connection was lost; it is tried "
		   "again\"}}"}},
	{"tokens-80x24", 80, 24, 33400, "3"},
	{"tokens-zoom-120x40", 120, 40, 33400, "3 3"},
	{"checks-80x24", 80, 24, 33400, "4 Down Down"},
	{"checks-zoom-120x40", 120, 40, 33400, "4 4", .past = true,
	 .extra = {OVERRIDE}},
	{"checks-zoom-ascii-120x40", 120, 40, 33400, "4 4", .ascii = true,
	 .past = true, .extra = {OVERRIDE}},
	{"obs-80x24", 80, 24, 33400, "5 Down Down"},
	{"checks-earlier-120x40", 120, 40, 95400, .past = true,
	 .extra = {NEXT_RUN, ANEW}},
	{"checks-earlier-80x24", 80, 24, 255400, "4", .past = true,
	 .extra = {NEXT_RUN, ANEW}},
	{"acked-120x40", 120, 40, 33400, .extra = {ACKED, APPROVED}},
	{"acked-80x24", 80, 24, 33400, .extra = {ACKED}},
	{"obs-trouble-80x24", 80, 24, 33400, "5",
	 .extra = {OBS_STUDIO, OBS_HELD, OBS_MISSED, OBS_SILENT}},
	{"obs-trouble-ascii-80x24", 80, 24, 33400, "5", .ascii = true,
	 .extra = {OBS_STUDIO, OBS_HELD, OBS_MISSED, OBS_SILENT}},
	{"obs-trouble-120x40", 120, 40, 33400, "5",
	 .extra = {OBS_STUDIO, OBS_HELD, OBS_MISSED, OBS_RULE_OFF,
		   OBS_SILENT}},
	{"obs-300x100", 300, 100, 33400, "5 5",
	 .extra = {OBS_STUDIO, OBS_HELD, OBS_MISSED, OBS_SILENT}},
	{"obs-styles-80x24", 80, 24, 33400, "5", .styles = true,
	 .extra = {OBS_STUDIO, OBS_HELD, OBS_MISSED, OBS_SILENT}},
	{"help-120x40", 120, 40, 33400, "?"},
	{"help-80x24", 80, 24, 33400, "?"},
	{"details-run-120x40", 120, 40, 33400, "1 Home Enter"},
	{"details-check-80x24", 80, 24, 33400, "4 Down Down Enter"},
	{"answer-120x40", 120, 40, 33400, "Down Enter"},
	{"menu-80x24", 80, 24, 34400, "Down e Down", .extra = {MENU}},
	{"menu-20x5", 20, 5, 34400, "Down e Down", .extra = {MENU}},
	{"raise-80x24", 80, 24, 34400, "Down e Down Down Enter 5 0 0",
	 .extra = {MENU}},
	{"late-80x24", 80, 24, 34400, "l", .extra = {LATE}},
	{"late-what-120x40", 120, 40, 34400, "l Enter", .extra = {LATE}},
	{"warning-120x40", 120, 40, 34400, "Down Down", .extra = {WARNING}},
	{"killed-80x24", 80, 24, 34400, "K Down", .extra = {KILL, KILL_ALARM}},
	{"confirm-cancel-80x24", 80, 24, 33400, "1 k"},
	{"stop-80x24", 80, 24, 33400, "Q y e"},
	{"palette-80x24", 80, 24, 33400, ": p o l"},
	{"rewind-120x40", 120, 40, 33400, "{"},
	{"rewind-80x24", 80, 24, 33400, "{"},
	{"rewind-20x5", 20, 5, 33400, "{"},
	{"rewind-12x1", 12, 1, 33400, "{"},
	{"rewind-go-80x24", 80, 24, 33400, "{ [ ] 1 Down space"},
	{"rewind-details-120x40", 120, 40, 33400, "1 Home [ { Enter"},
	{"rewind-ascii-120x40", 120, 40, 33400, "{", .ascii = true},
	{"rewind-ascii-80x24", 80, 24, 33400, "{", .ascii = true},
	{"rewind-styles-80x24", 80, 24, 33400, "{", .styles = true},
	{"rewind-live-80x24", 80, 24, 33400, "{ [ L"},
	{"read-only-80x24", 80, 24, 33400, "space", .read_only = true},
	{"read-only-keys-80x24", 80, 24, 33400, .read_only = true},
	{"read-only-20x5", 20, 5, 33400, .read_only = true},
	{"read-only-panic-80x24", 80, 24, 33400, .read_only = true,
	 .extra = {"{\"at\":13000,\"type\":\"run:pause\",\"data\":"
		   "{\"panic\":true}}"}},
};

static char *data_path(const char *name)
{
	const char *top = getenv("top_srcdir");
	return xasprintf("%s/tests/golden/%s", top ? top : ".", name);
}

static void feed_event(struct view *v, const char *line)
{
	struct err err = {0};
	json_object *o = json_read_str(line, &json_limits_own, &err);
	if (!o)
		ck_abort_msg("%s: %s", err.text, line);
	json_object *data = json_clone(json_get_object(o, "data"));
	if (!data)
		data = json_object_new_object();
	/* Deadlines in the file count from the start, like `at`. */
	static const char *const times[] = {"deadline", "retry_at"};
	for (size_t i = 0; i < COUNT_OF(times); i++)
		if (json_get_int(data, times[i], 0)) {
			int64_t ms = json_get_int(data, times[i], 0);
			json_object_object_del(data, times[i]);
			json_add_int(data, times[i], SHOW_START_MS + ms);
		}
	struct json_flat *flat = json_flat_of(&data, NULL);
	struct event *event = event_of(
		event_type_of(json_get_str(o, "type", "")), "r",
		json_get_str(o, "stage", ""), json_get_str(o, "agent", ""),
		SHOW_START_MS + json_get_int(o, "at", 0), &flat);
	ck_assert_int_ne(event->type, EVENT_UNKNOWN);
	event->seq = v->model->seq + 1;
	struct feed_item item = {
		.kind = FEED_EVENTS, .events = &event, .count = 1};
	view_take(v, &item);
	event_free(&event);
	json_object_put(o);
}

static void feed_file(struct view *v, bool rehearsal)
{
	char *path = data_path("events.jsonl");
	struct err err = {0};
	char *text = file_read(path, 1 << 20, NULL, &err);
	ck_assert_msg(text != NULL, "%s", err.text);
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		char *flag = strstr(line, "\"rehearsal\":false");
		if (flag && rehearsal)
			memcpy(flag, "\"rehearsal\":true ", 17);
		if (*line)
			feed_event(v, line);
	}
	free(text);
	free(path);
}

static void feed_pasts(struct view *v)
{
	for (size_t i = 0; i < COUNT_OF(pasts); i++)
		for (int k = 0; k < 12 && pasts[i].ms[k]; k++) {
			int ms = pasts[i].ms[k];
			char *line = xasprintf(
				"{\"at\":%d,\"type\":\"check:result\",\"data\":"
				"{\"card\":\"%s\",\"test\":\"%s\",\"state\":"
				"\"%s\",\"latency_ms\":%d,\"text\":\"%s\"}}",
				13000 + k * 1000, pasts[i].card, pasts[i].test,
				ms < 0 ? "fail" : "pass", abs(ms),
				pasts[i].text);
			feed_event(v, line);
			free(line);
		}
}

static void feed_text(struct view *v, enum feed_kind kind, const char *text)
{
	char *copy = xstrdup(text);
	struct feed_item item = {.kind = kind, .text = copy};
	view_take(v, &item);
	free(copy);
}

static void at(struct view *v, int64_t ms)
{
	view_tick(v, MONO_START_MS + ms, SHOW_START_MS + ms);
}

/* With a past the checks are asked for before the doors open, too. */
static struct show *load_show(bool preflight)
{
	char *path = data_path("show.yaml");
	struct show_problems problems = {0};
	struct err err = {0};
	char *text = file_read(path, 1 << 20, NULL, &err);
	ck_assert_msg(text != NULL, "%s", err.text);
	char *whole = xasprintf(
		"%s%s", text,
		preflight ? "preflight: { cards: [MCP, Streaming] }\n" : "");
	struct show *show =
		show_parse_yaml(whole, strlen(whole), path, &problems);
	if (!show)
		ck_abort_msg("%s", show_problem_line(&problems.items[0]));
	show_problems_release(&problems);
	free(whole);
	free(text);
	free(path);
	return show;
}

static struct view *make_view(const struct moment *m)
{
	struct show *show = load_show(m->past);
	struct view *v = view_new(show, MONO_START_MS);
	show_unref(&show);
	v->read_only = m->read_only;
	v->vote_base = xstrdup("http://127.0.0.1:7421");
	feed_file(v, m->rehearsal);
	if (m->past)
		feed_pasts(v);
	for (size_t i = 0; i < COUNT_OF(m->extra) && m->extra[i]; i++)
		feed_event(v, m->extra[i]);
	return v;
}

static void let_time_pass(struct view *v, const struct moment *m)
{
	feed_text(v, FEED_LEADER, "1 stage-left 4711");
	feed_text(v, FEED_CAUGHT_UP, NULL);
	int64_t last = m->stopped_talking ? m->at_ms - 6500 : m->at_ms - 400;
	at(v, last - 3000);
	view_settle(v);
	feed_text(v, FEED_LIVE,
		  "{\"topic\":\"tally\",\"poll\":\"route\",\"counts\":"
		  "{\"cave\":640,\"ridge\":540}}");
	at(v, last);
	feed_text(v, FEED_LIVE,
		  "{\"topic\":\"tally\",\"poll\":\"route\",\"counts\":"
		  "{\"cave\":652,\"ridge\":552},\"from\":{\"web\":"
		  "1021,\"ws\":12,\"chat\":171}}");
	if (m->extra[0] && strstr(m->extra[0], "60000"))
		feed_text(v, FEED_LIVE,
			  "{\"topic\":\"tally\",\"poll\":\"1\",\"counts\":"
			  "{\"hers\":1,\"his\":0},\"from\":{\"chat\":1}}");
	feed_text(v, FEED_LIVE,
		  "{\"topic\":\"obs\",\"stream_ms\":41000,\"record_ms\":40000,"
		  "\"kbps\":6000,\"dropped\":0,\"fps\":30,\"free_mb\":81920}");
	feed_text(v, FEED_LIVE,
		  "{\"topic\":\"chat\",\"lines_per_s\":118,"
		  "\"votes_per_s\":9,\"votes\":402}");
	feed_text(v, FEED_LIVE,
		  "{\"topic\":\"meters\",\"inputs\":[{\"name\":\"Voice\","
		  "\"db\":-18},{\"name\":\"Music\",\"db\":-100},{\"name\":"
		  "\"A very long name of an input\",\"db\":0}]}");
	char text[160];
	snprintf(text, sizeof text,
		 "{\"topic\":\"core\",\"events_per_s\":6,\"redis_rtt_us\":210,"
		 "\"at\":%lld}",
		 (long long)(SHOW_START_MS + last));
	feed_text(v, FEED_LIVE, text);
	at(v, m->at_ms);
	view_settle(v);
}

static void press(struct view *v, const char *names)
{
	char *copy = xstrdup(names), *rest = copy;
	for (char *name; (name = strsep(&rest, " ")) != NULL;) {
		ck_assert_int_ne(keys_find(name), 0);
		operate_key(v, keys_find(name));
		while (rewind_work(v))
			;
	}
	free(copy);
}

static char *picture(const struct moment *m)
{
	struct view *v = make_view(m);
	struct canvas c = {.ascii = m->ascii};
	let_time_pass(v, m);
	canvas_resize(&c, m->width, m->height);
	frame_draw(&c, v);
	if (m->keys)
		press(v, m->keys);
	frame_draw(&c, v);
	struct buf dump = {0};
	canvas_dump(&c, m->styles, &dump);
	canvas_release(&c);
	view_free(&v);
	return buf_take(&dump);
}

START_TEST(a_picture_is_as_kept)
{
	const struct moment *m = &moments[_i];
	char *name = xasprintf("%s.txt", m->name);
	char *path = data_path(name);
	char *got = picture(m);
	struct err err = {0};
	if (getenv("GOLDEN_WRITE"))
		ck_assert(file_write(path, got, strlen(got), 0644, &err));
	char *kept = file_read(path, 1 << 20, NULL, &err);
	ck_assert_msg(kept != NULL, "%s", err.text);
	if (strcmp(kept, got) != 0)
		ck_abort_msg("%s differs; it is now:\n%s", name, got);
	free(kept);
	free(got);
	free(path);
	free(name);
}
END_TEST

START_TEST(rehearsal_is_said_on_every_size)
{
	for (int w = 20; w <= 300; w += 7)
		for (int h = 1; h <= 100; h += 9) {
			struct moment m = {"", w, h, 33400, .rehearsal = true};
			char *got = picture(&m);
			ck_assert_msg(strstr(got, "REHEARSA") != NULL,
				      "%dx%d:\n%s", w, h, got);
			free(got);
		}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("golden");
	TCase *tc = tcase_create("golden");
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, a_picture_is_as_kept, 0, COUNT_OF(moments));
	tcase_add_test(tc, rehearsal_is_said_on_every_size);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}

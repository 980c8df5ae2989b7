/* The console without its terminal: places, keys, dialogs, what a key does,
 * and that no text from outside can carry a control character to a cell. */
#include "tap.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "console/acts.h"
#include "console/fmt.h"
#include "console/frame.h"
#include "console/keys.h"
#include "console/operate.h"
#include "console/plan.h"
#include "console/poll_choice.h"
#include "core/poll_own.h"
#include "show/show_read.h"

#define START_MS INT64_C(1772393400000)

/* --- places -------------------------------------------------------------- */

static void mark(unsigned char *grid, int width, int height, struct rect r,
		 const char *what)
{
	ck_assert_msg(r.w >= 0 && r.h >= 0 && r.x >= 0 && r.y >= 0 &&
			      r.x + r.w <= width && r.y + r.h <= height,
		      "%s leaves %dx%d", what, width, height);
	for (int y = r.y; y < r.y + r.h; y++)
		for (int x = r.x; x < r.x + r.w; x++) {
			unsigned char *cell = &grid[y * width + x];
			if (*cell) /* ck_assert would be slow here */
				ck_abort_msg("%s overlaps at %d,%d of %dx%d",
					     what, x, y, width, height);
			*cell = 1;
		}
}

static void check_layout(int width, int height, enum pane one, bool zoom)
{
	static unsigned char grid[300 * 100];
	struct layout l = layout_make(width, height, one, zoom);
	memset(grid, 0, (size_t)(width * height));
	mark(grid, width, height, l.header, "header");
	mark(grid, width, height, l.standby, "standby");
	mark(grid, width, height, l.strip, "strip");
	mark(grid, width, height, l.inbox, "inbox");
	mark(grid, width, height, l.keybar, "keybar");
	for (int i = 0; i < PANES; i++)
		mark(grid, width, height, l.panes[i], "pane");
	ck_assert_int_eq(l.keybar.w, width); /* the brake, always */
	size_t cells = (size_t)(width * height);
	if (l.kind != LAYOUT_TINY && memchr(grid, 0, cells))
		ck_abort_msg("a hole in %dx%d", width, height);
}

START_TEST(parts_never_overlap_and_never_leave_the_screen)
{
	for (int width = 1; width <= 300; width++)
		for (int height = 1; height <= 100; height += 1 + height / 30)
			check_layout(width, height, (enum pane)(width % PANES),
				     height % 2);
}
END_TEST

START_TEST(the_size_decides_what_is_shown)
{
	ck_assert_int_eq(layout_make(120, 40, PANE_RUN, false).kind,
			 LAYOUT_FULL);
	ck_assert_int_eq(layout_make(120, 40, PANE_RUN, true).kind, LAYOUT_ONE);
	ck_assert_int_eq(layout_make(80, 24, PANE_OBS, false).kind, LAYOUT_ONE);
	ck_assert_int_gt(layout_make(80, 24, PANE_OBS, false).panes[PANE_OBS].h,
			 10);
	ck_assert_int_eq(layout_make(39, 24, PANE_RUN, false).kind,
			 LAYOUT_TINY);
	ck_assert_int_eq(layout_make(0, 0, PANE_RUN, false).keybar.w, 0);
}
END_TEST

/* --- keys ---------------------------------------------------------------- */

START_TEST(every_key_of_the_table_is_a_key_and_means_one_action)
{
	for (size_t i = 0; i < ACTIONS; i++) {
		const char *name = action_table[i].key;
		if (!name)
			continue;
		int key = keys_find(name);
		ck_assert_msg(key != 0, "`%s` is no key", name);
		ck_assert_msg(keys_action(key) == &action_table[i],
			      "`%s` means %s and %s", name,
			      keys_action(key)->name, action_table[i].name);
	}
	ck_assert_int_eq(keys_find("C-c"), 3);
	ck_assert_int_eq(keys_find("nothing"), 0);
	ck_assert_int_eq(keys_find(""), 0);
	ck_assert_ptr_null(keys_action('j'));
}
END_TEST

/* --- dialogs: the whole table -------------------------------------------- */

static const struct {
	enum dialog_kind kind;
	const char *keys; /* the last one gives the outcome */
	enum dialog_outcome outcome;
} dialogs[] = {
	{DIALOG_CONFIRM, "y", DIALOG_TAKEN},
	{DIALOG_CONFIRM, "Enter", DIALOG_CLOSED},
	{DIALOG_CONFIRM, "Esc", DIALOG_CLOSED},
	{DIALOG_CONFIRM, "k", DIALOG_CLOSED},
	{DIALOG_CONFIRM, "q", DIALOG_CLOSED},
	{DIALOG_CONFIRM, "space", DIALOG_CLOSED},
	{DIALOG_CONFIRM, "Backspace", DIALOG_CLOSED},
	{DIALOG_CONFIRM, "Up", DIALOG_CLOSED},
	{DIALOG_CONFIRM, "Paste", DIALOG_CLOSED},
	{DIALOG_TYPE, "y", DIALOG_STAYS},
	{DIALOG_TYPE, "Enter", DIALOG_STAYS},
	{DIALOG_TYPE, "y e s Enter", DIALOG_TAKEN},
	{DIALOG_TYPE, "y e s Backspace Enter", DIALOG_STAYS},
	{DIALOG_TYPE, "y e s q Enter", DIALOG_STAYS},
	{DIALOG_TYPE, "y e s Paste Enter", DIALOG_TAKEN},
	{DIALOG_TYPE, "Esc", DIALOG_CLOSED},
	{DIALOG_TYPE, "Backspace", DIALOG_STAYS},
	{DIALOG_TYPE, "Down", DIALOG_STAYS},
	{DIALOG_CHOOSE, "Enter", DIALOG_TAKEN},
	{DIALOG_CHOOSE, "y", DIALOG_STAYS},
	{DIALOG_CHOOSE, "Down", DIALOG_STAYS},
	{DIALOG_CHOOSE, "Esc", DIALOG_CLOSED},
	{DIALOG_CHOOSE, "q", DIALOG_CLOSED},
	{DIALOG_CHOOSE, "Paste", DIALOG_STAYS},
	{DIALOG_PALETTE, "Enter", DIALOG_TAKEN},
	{DIALOG_PALETTE, "z z z Enter", DIALOG_STAYS},
	{DIALOG_PALETTE, "y", DIALOG_STAYS},
	{DIALOG_PALETTE, "q", DIALOG_STAYS},
	{DIALOG_PALETTE, "Esc", DIALOG_CLOSED},
	{DIALOG_PAGE, "Enter", DIALOG_CLOSED},
	{DIALOG_PAGE, "Esc", DIALOG_CLOSED},
	{DIALOG_PAGE, "q", DIALOG_CLOSED},
	{DIALOG_PAGE, "?", DIALOG_CLOSED},
	{DIALOG_PAGE, "y", DIALOG_STAYS},
	{DIALOG_PAGE, "PgDn", DIALOG_STAYS},
};

static enum dialog_outcome type_keys(struct dialog *d, const char *names)
{
	enum dialog_outcome outcome = DIALOG_STAYS;
	char *copy = xstrdup(names), *rest = copy;
	for (char *name; (name = strsep(&rest, " ")) != NULL;)
		outcome = dialog_key(d, keys_find(name));
	free(copy);
	return outcome;
}

START_TEST(a_dialog_ends_as_the_table_says)
{
	struct dialog d = {0};
	dialog_open(&d, dialogs[_i].kind, ACTION_STOP, "t", "q");
	d.must_type = dialogs[_i].kind == DIALOG_TYPE ? "yes" : NULL;
	dialog_add_row(&d, "one");
	dialog_add_row(&d, "two");
	ck_assert_int_eq(type_keys(&d, dialogs[_i].keys), dialogs[_i].outcome);
	dialog_close(&d);
}
END_TEST

START_TEST(typing_narrows_the_palette)
{
	struct dialog d = {0};
	dialog_open(&d, DIALOG_PALETTE, ACTION_PALETTE, "", "");
	dialog_add_row(&d, "approve  a");
	dialog_add_row(&d, "pause    p");
	dialog_add_row(&d, "poll-extend");
	type_keys(&d, "p");
	ck_assert_int_eq(dialog_choice(&d), 1); /* begins with it */
	type_keys(&d, "p");
	ck_assert_int_eq(dialog_choice(&d), 0); /* has it inside */
	type_keys(&d, "Backspace Backspace p x");
	ck_assert_int_eq(dialog_choice(&d), 2); /* p..ex.. in order */
	type_keys(&d, "z");
	ck_assert_int_eq(dialog_choice(&d), DIALOG_NO_CHOICE);
	dialog_close(&d);
}
END_TEST

START_TEST(a_long_text_ends_and_never_overflows)
{
	struct dialog d = {0};
	dialog_open(&d, DIALOG_TYPE, ACTION_NOTE, "", "");
	for (int i = 0; i < 5000; i++)
		dialog_key(&d, 'a' + i % 26);
	ck_assert_uint_eq(strlen(d.input), sizeof d.input - 1);
	for (int i = 0; i < 5000; i++)
		dialog_key(&d, KEYS_BACKSPACE);
	ck_assert_str_eq(d.input, "");
	dialog_close(&d);
}
END_TEST

/* --- a small show -------------------------------------------------------- */

static const char show_text[] =
	"show: small\n"
	"title: Small\n"
	"budget: { tokens: 10000 }\n"
	"agents:\n"
	"  one: { via: noop }\n"
	"stages:\n"
	"  - { id: a, agents: [one], budget: { token_cap: 100 } }\n"
	"  - { id: b, agents: [one], inputs: [a], go: manual }\n"
	"  - { id: c, agents: [one], inputs: [a], go: manual }\n"
	"  - id: vote\n"
	"    inputs: [a]\n"
	"    poll: { question: Which?, options: [ { id: x }, { id: y } ] }\n"
	"obs: { url: 'ws://127.0.0.1:4455', scenes: [One, Two] }\n"
	"chat: { url: 'irc://127.0.0.1', channel: '#small' }\n"
	"rules: [ { name: on-air, on: 'poll:create', do: { obs_scene: One } }"
	" ]\n";

static struct view *small_view(void)
{
	struct show_problems problems = {0};
	struct show *show = show_parse_yaml(show_text, strlen(show_text),
					    "small.yaml", &problems);
	if (!show)
		ck_abort_msg("%s", show_problem_line(&problems.items[0]));
	show_problems_release(&problems);
	struct view *v = view_new(show, 0);
	show_unref(&show);
	view_tick(v, 0, START_MS);
	return v;
}

static void happen_at(struct view *v, enum event_type type, const char *stage,
		      int64_t at_ms, const char *data)
{
	struct json_flat *o =
		json_flat_read(data, strlen(data), &json_limits_own, NULL);
	ck_assert_ptr_nonnull(o);
	struct event *event = event_of(type, "run", stage, "", at_ms, &o);
	event->seq = v->model->seq + 1;
	struct feed_item item = {
		.kind = FEED_EVENTS, .events = &event, .count = 1};
	view_take(v, &item);
	event_free(&event);
}

static void happen(struct view *v, enum event_type type, const char *stage,
		   const char *data)
{
	happen_at(v, type, stage, v->now_ms, data);
}

static void tell(struct view *v, enum feed_kind kind, const char *text)
{
	char *copy = xstrdup(text);
	struct feed_item item = {.kind = kind, .text = copy};
	view_take(v, &item);
	free(copy);
}

static void reply(struct view *v, const char *id, bool ok, const char *text)
{
	char *id_copy = xstrdup(id), *copy = xstrdup(text);
	struct feed_item item = {
		.kind = FEED_REPLY, .id = id_copy, .ok = ok, .text = copy};
	view_take(v, &item);
	free(id_copy);
	free(copy);
}

static void later(struct view *v, int64_t ms)
{
	view_tick(v, v->mono_ms + ms, v->now_ms + ms);
	view_settle(v);
}

/* A run with `b` in standby, some time ago. */
static struct view *running_view(void)
{
	struct view *v = small_view();
	happen(v, EVENT_RUN_START, "", "{\"attended\":true}");
	happen(v, EVENT_STAGE_START, "a", "{\"attempt\":1}");
	happen(v, EVENT_STAGE_COMPLETE, "a", "{\"attempt\":1}");
	happen(v, EVENT_STAGE_PROGRESS, "b", "{\"state\":\"standby\"}");
	tell(v, FEED_CAUGHT_UP, "");
	view_settle(v);
	later(v, 1000);
	v->bell = false;
	return v;
}

/* The only command in the outbox, as "go b". */
static const char *asked(struct view *v)
{
	static char text[256];
	*text = '\0';
	ck_assert_uint_le(v->out_count, 1);
	if (!v->out_count)
		return text;
	snprintf(text, sizeof text, "%s",
		 action_table[v->outbox[0].action].name);
	for (int i = 0; i < v->outbox[0].arg_count; i++) {
		strcat(text, " ");
		strcat(text, v->outbox[0].args[i]);
	}
	view_sent(v, "id1");
	return text;
}

static bool drawn(struct view *v, int width, int height, const char *text);

static void press(struct view *v, const char *names)
{
	char *copy = xstrdup(names), *rest = copy;
	for (char *name; (name = strsep(&rest, " ")) != NULL;)
		operate_key(v, keys_find(name));
	free(copy);
}

START_TEST(go_names_the_stage_and_is_debounced)
{
	struct view *v = running_view();
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	reply(v, "id1", true, "");
	later(v, 200);
	press(v, "space");
	ck_assert_str_eq(asked(v), "");
	ck_assert_ptr_nonnull(strstr(v->flash.text, "too early"));
	later(v, 200);
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	view_free(&v);
}
END_TEST

/* A letter never takes the place of a key of the table. */
START_TEST(scenes_of_obs_have_letters)
{
	struct view *v = running_view();
	char letter[2] = {obs_letter(1), '\0'};
	for (int i = 0; obs_letter(i); i++)
		ck_assert_ptr_null(keys_action(obs_letter(i)));
	ck_assert_int_ne(obs_letter(0), obs_letter(1));
	ck_assert_int_eq(obs_letter(1000), 0);
	happen(v, EVENT_OBS_STATUS, "",
	       "{\"connected\":true,\"program_scene\":\"One\",\"scenes\":"
	       "[\"One\",\"Two\"]}");
	view_settle(v);
	press(v, letter);
	ck_assert_str_eq(asked(v), ""); /* another pane has the keys */
	press(v, "5");
	press(v, letter);
	ck_assert_str_eq(asked(v), "");
	ck_assert_ptr_nonnull(strstr(v->flash.text, "just changed"));
	later(v, 400);
	press(v, letter);
	ck_assert_str_eq(asked(v), "scene Two");
	/* Studio mode: nothing goes on air but by a take. */
	happen(v, EVENT_OBS_STATUS, "",
	       "{\"connected\":true,\"program_scene\":\"Two\",\"studio\":true,"
	       "\"preview_scene\":\"One\"}");
	later(v, 400);
	press(v, letter);
	ck_assert_str_eq(asked(v), "preview Two");
	press(v, "Enter");
	ck_assert_str_eq(asked(v), "preview One");
	press(v, "t");
	ck_assert_str_eq(asked(v), "take");
	press(v, "w");
	ck_assert_str_eq(asked(v), "rules-release");
	happen(v, EVENT_OBS_STATUS, "", "{\"connected\":false}");
	press(v, letter);
	ck_assert_str_eq(asked(v), "");
	view_free(&v);
}
END_TEST

START_TEST(a_poll_has_its_keys_where_it_has_the_focus)
{
	struct view *v = running_view();
	happen(v, EVENT_STAGE_START, "vote", "{\"attempt\":1}");
	happen(v, EVENT_POLL_CREATE, "vote", "{}");
	press(v, "+ f E y");
	ck_assert_str_eq(asked(v), "");
	ck_assert_str_eq(v->flash.text, "poll-close: focus pane 2 first");
	press(v, "2 +");
	ck_assert_str_eq(asked(v), "poll-extend vote");
	press(v, "f");
	ck_assert_str_eq(asked(v), "poll-freeze vote");
	happen(v, EVENT_POLL_FREEZE, "vote", "{}");
	press(v, "f");
	ck_assert_str_eq(asked(v), "poll-unfreeze vote");
	press(v, "E E"); /* the same key twice is no yes */
	ck_assert_str_eq(asked(v), "");
	press(v, "E y");
	ck_assert_str_eq(asked(v), "poll-close vote");
	press(v, "x");
	ck_assert_str_eq(asked(v), "poll-exclude vote");
	press(v, "i");
	ck_assert_str_eq(asked(v), "poll-include vote");
	view_free(&v);
}
END_TEST

static void open_two_polls(struct view *v)
{
	happen(v, EVENT_STAGE_START, "vote", "{\"attempt\":1}");
	happen(v, EVENT_POLL_CREATE, "vote", "{}");
	later(v, 10);
	happen(v, EVENT_POLL_CREATE, "1",
	       "{\"question\":\"Q\",\"open_ms\":60000,\"options\":["
	       "{\"id\":\"p\"},{\"id\":\"q\"}]}");
	happen(v, EVENT_POLL_BURST, "1",
	       "{\"burst\":1,\"option\":\"p\",\"votes\":9,\"sources\":1}");
	happen(v, EVENT_POLL_EXCLUDE, "1", "{\"burst\":1}");
	happen(v, EVENT_POLL_BURST, "vote",
	       "{\"burst\":1,\"option\":\"x\",\"votes\":9,\"sources\":1}");
	later(v, 10);
	later(v, 1000);
}

/* Pane 2 shows another poll than the one that the inbox asks about. */
START_TEST(x_means_the_burst_that_the_inbox_asks_about)
{
	struct view *v = running_view();
	open_two_polls(v);
	ck_assert_str_eq(v->show->stages[poll_choice(v)].id, "1");
	ck_assert(drawn(v, 160, 40, "x poll-exclude"));
	press(v, "x");
	ck_assert_str_eq(asked(v), "poll-exclude vote 1");
	/* And what takes it back means the same. */
	press(v, "i");
	ck_assert_str_eq(asked(v), "poll-include vote");
	view_free(&v);

	v = running_view();
	open_two_polls(v);
	press(v, "2"); /* the pane has its keys, and the inbox says so */
	ck_assert(!drawn(v, 160, 40, "x poll-exclude"));
	press(v, "x");
	ck_assert_str_eq(asked(v), "poll-exclude 1");
	press(v, "n");
	ck_assert(drawn(v, 160, 40, "x poll-exclude"));
	view_free(&v);
}
END_TEST

START_TEST(a_rollback_says_what_it_throws_away)
{
	struct view *v = running_view();
	v->model->story.version = 3;
	operate_action(v, ACTION_ROLLBACK);
	press(v, "2 Enter");
	ck_assert_str_eq(asked(v), "");
	ck_assert(drawn(v, 120, 40, "Back from version 3 to 2?"));
	press(v, "n");
	ck_assert_str_eq(asked(v), "");
	operate_action(v, ACTION_ROLLBACK);
	press(v, "v 2 Enter y");
	ck_assert_str_eq(asked(v), "rollback v2");
	operate_action(v, ACTION_ROLLBACK);
	press(v, "9 Enter"); /* that the core refuses, and says why */
	ck_assert_str_eq(asked(v), "rollback 9");
	view_free(&v);
}
END_TEST

/* Its open polls are ended first: they are not what was done. */
START_TEST(a_rerun_is_told_not_what_it_ends)
{
	struct view *v = running_view();
	snprintf(v->by, sizeof v->by, "me@here");
	happen(v, EVENT_STAGE_START, "vote", "{\"attempt\":1}");
	happen(v, EVENT_POLL_CREATE, "vote", "{}");
	later(v, 10);
	int before = v->act_count;
	happen(v, EVENT_POLL_VOID, "vote", "{\"by\":\"you@there\"}");
	happen(v, EVENT_STAGE_RESET, "vote", "{\"by\":\"you@there\"}");
	ck_assert_str_eq(v->flash.text, "you@there: runs vote again");
	ck_assert_str_eq(view_act(v, 0)->text, "you@there: runs vote again");
	ck_assert_int_eq(v->act_count, before + 1);
	view_free(&v);
}
END_TEST

/* Whoever starts a core has to see what it says then; later it is the past. */
START_TEST(what_a_core_says_as_it_begins_is_seen)
{
	static const char note[] = "{\"by\":\"showcaller\",\"text\":"
				   "\"the file has changed\"}";
	struct view *v = small_view();
	int64_t at;
	happen(v, EVENT_RUN_START, "", "{\"attended\":true}");
	happen(v, EVENT_LEADER_TAKE, "", "{\"epoch\":1}");
	happen(v, EVENT_NOTE, "", note);
	tell(v, FEED_CAUGHT_UP, "");
	later(v, 2000);
	ck_assert(drawn(v, 120, 40, "the file has changed"));
	later(v, 10);
	happen(v, EVENT_NOTE, "", note); /* not as it begins */
	ck_assert_int_eq(v->act_count, 1);
	view_free(&v);

	/* A console that is opened an hour later. */
	v = small_view();
	happen(v, EVENT_RUN_START, "", "{\"attended\":true}");
	happen(v, EVENT_LEADER_TAKE, "", "{\"epoch\":1}");
	at = v->now_ms;
	v->now_ms = at + 3600000;
	happen_at(v, EVENT_NOTE, "", at, note);
	later(v, 2000);
	ck_assert(!drawn(v, 120, 40, "the file has changed"));
	view_free(&v);
}
END_TEST

START_TEST(rules_are_switched_by_name_or_all_at_once)
{
	struct view *v = running_view();
	operate_action(v, ACTION_RULE_ON);
	ck_assert_str_eq(v->flash.text, "rule-on: all of them are");
	operate_action(v, ACTION_RULE_OFF);
	press(v, "Enter");
	ck_assert_str_eq(asked(v), "rule-off");
	operate_action(v, ACTION_RULE_OFF);
	press(v, "Down Enter");
	ck_assert_str_eq(asked(v), "rule-off on-air");
	happen(v, EVENT_RULE_OFF, "", "{\"rule\":\"on-air\"}");
	operate_action(v, ACTION_RULE_ON);
	press(v, "Enter");
	ck_assert_str_eq(asked(v), "rule-on on-air");
	view_free(&v);
}
END_TEST

START_TEST(go_waits_for_the_eye_when_another_stage_steps_up)
{
	struct view *v = running_view();
	happen(v, EVENT_STAGE_GO, "b", "{}");
	happen(v, EVENT_STAGE_START, "b", "{\"attempt\":1}");
	happen(v, EVENT_STAGE_PROGRESS, "c", "{\"state\":\"standby\"}");
	later(v, 10);
	press(v, "space");
	ck_assert_str_eq(asked(v), "");
	later(v, 400);
	press(v, "space");
	ck_assert_str_eq(asked(v), "go c");
	view_free(&v);
}
END_TEST

START_TEST(go_without_standby_only_flashes)
{
	struct view *v = running_view();
	happen(v, EVENT_RUN_PAUSE, "", "{}");
	later(v, 1000);
	press(v, "space");
	ck_assert_str_eq(asked(v), "");
	ck_assert_ptr_nonnull(strstr(v->flash.text, "paused"));
	view_free(&v);
}
END_TEST

START_TEST(panic_works_from_everywhere_and_twice_is_harder)
{
	static const char *const places[] = {"1",   "?",   "Q y",
					     ": a", "1 k", "z"};
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		struct view *v = running_view();
		press(v, places[i]);
		press(v, "!");
		ck_assert_str_eq(asked(v), "panic");
		ck_assert_int_eq(v->dialog.kind, DIALOG_NONE);
		later(v, 2900);
		press(v, "!");
		ck_assert_str_eq(asked(v), "panic all");
		later(v, 100);
		press(v, "!");
		ck_assert_str_eq(asked(v), "panic");
		later(v, 3100);
		press(v, "!");
		ck_assert_str_eq(asked(v), "panic");
		view_free(&v);
	}
}
END_TEST

START_TEST(after_a_panic_two_r_resume)
{
	struct view *v = running_view();
	press(v, "R R");
	ck_assert_str_eq(asked(v), "");
	happen(v, EVENT_RUN_PAUSE, "", "{\"panic\":true}");
	press(v, "p");
	ck_assert_str_eq(asked(v), "");
	press(v, "R");
	ck_assert_str_eq(asked(v), "");
	later(v, 3100);
	press(v, "R"); /* too late for the first */
	ck_assert_str_eq(asked(v), "");
	press(v, "R");
	ck_assert_str_eq(asked(v), "resume");
	view_free(&v);
}
END_TEST

START_TEST(p_pauses_and_resumes)
{
	struct view *v = running_view();
	press(v, "p");
	ck_assert_str_eq(asked(v), "pause");
	reply(v, "id1", true, "");
	happen(v, EVENT_RUN_PAUSE, "", "{}");
	view_settle(v);
	/* It was meant for the run that went on. */
	press(v, "p");
	ck_assert_str_eq(asked(v), "");
	ck_assert_ptr_nonnull(strstr(v->flash.text, "paused since just now"));
	later(v, 300);
	press(v, "p");
	ck_assert_str_eq(asked(v), "resume");
	view_free(&v);
}
END_TEST

static void fail_b(struct view *v)
{
	happen(v, EVENT_STAGE_GO, "b", "{}");
	happen(v, EVENT_STAGE_START, "b", "{\"attempt\":1}");
	happen(v, EVENT_STAGE_ERROR, "b",
	       "{\"code\":\"timeout\",\"final\":true,\"on_failure\":\"ask\"}");
}

static void ask_for_tokens(struct view *v)
{
	happen(v, EVENT_BUDGET_REQUEST, "c",
	       "{\"tokens\":42,\"asked\":42,\"left\":7,\"rest\":9}");
}

START_TEST(an_answer_names_the_item_that_was_seen)
{
	struct view *v = running_view();
	happen(v, EVENT_STAGE_GO, "c", "{}");
	ask_for_tokens(v);
	later(v, 10);
	ck_assert(v->bell);
	press(v, "a"); /* it has just come: was it meant? */
	ck_assert_str_eq(asked(v), "");
	later(v, 400);
	char want[64];
	snprintf(want, sizeof want, "approve %s", v->model->inbox.items[0].id);
	press(v, "a");
	ck_assert_str_eq(asked(v), want);
	snprintf(want, sizeof want, "deny %s", v->model->inbox.items[0].id);
	press(v, "d");
	ck_assert_str_eq(asked(v), want);
	view_free(&v);
}
END_TEST

/* Opens the answers of the item and takes the n-th. */
static void choose(struct view *v, int n)
{
	press(v, "e");
	ck_assert_int_eq(v->dialog.kind, DIALOG_CHOOSE);
	while (n--)
		press(v, "Down");
	press(v, "Enter");
}

START_TEST(the_menu_asks_for_what_an_answer_needs)
{
	struct view *v = running_view();
	happen(v, EVENT_STAGE_GO, "c", "{}");
	happen(v, EVENT_BUDGET_REQUEST, "c",
	       "{\"tokens\":42,\"asked\":42,\"left\":7,\"rest\":9,"
	       "\"offers\":[\"approve\",\"approve-stage\",\"raise\","
	       "\"deny\"]}");
	later(v, 400);
	char want[80];
	const char *id = v->model->inbox.items[0].id;
	choose(v, 0);
	snprintf(want, sizeof want, "answer %s approve", id);
	ck_assert_str_eq(asked(v), want);
	choose(v, 1);
	snprintf(want, sizeof want, "answer %s approve-stage", id);
	ck_assert_str_eq(asked(v), want);
	choose(v, 2);
	ck_assert_int_eq(v->dialog.kind, DIALOG_TYPE);
	press(v, "5 0 0 space 2 m Enter");
	snprintf(want, sizeof want, "answer %s raise 500 2m", id);
	ck_assert_str_eq(asked(v), want);
	choose(v, 2); /* what is no time the core refuses, in words */
	press(v, "5 space x Enter");
	snprintf(want, sizeof want, "answer %s raise 5 x", id);
	ck_assert_str_eq(asked(v), want);
	choose(v, 4);
	press(v, "9 0 Enter");
	snprintf(want, sizeof want, "approve %s 90", id);
	ck_assert_str_eq(asked(v), want);
	/* The title counts, and says when somebody else was faster. */
	press(v, "e");
	menu_refresh(v);
	ck_assert_ptr_nonnull(strstr(v->dialog.title, id));
	snprintf(want, sizeof want, "{\"item\":\"%s\"}", id);
	happen(v, EVENT_BUDGET_APPROVE, "c", want);
	menu_refresh(v);
	ck_assert_ptr_nonnull(strstr(v->dialog.title, "answered already"));
	view_free(&v);
}
END_TEST

START_TEST(the_menu_asks_for_money_where_money_lacks)
{
	struct view *v = running_view();
	happen(v, EVENT_STAGE_GO, "c", "{}");
	happen(v, EVENT_BUDGET_REQUEST, "c",
	       "{\"tokens\":0,\"cost_micros\":1500000,\"reason\":\"cost\","
	       "\"offers\":[\"approve\",\"raise\",\"deny\"]}");
	later(v, 400);
	char want[80];
	const char *id = v->model->inbox.items[0].id;
	choose(v, 1);
	ck_assert_ptr_nonnull(strstr(v->dialog.text, "how much money"));
	press(v, "1 . 5 space 2 m Enter");
	snprintf(want, sizeof want, "answer %s raise 1.5 2m", id);
	ck_assert_str_eq(asked(v), want);
	choose(v, 3);
	ck_assert_ptr_nonnull(strstr(v->dialog.text, "How much money"));
	view_free(&v);
}
END_TEST

START_TEST(the_switch_takes_two_keys_and_a_name)
{
	struct view *v = running_view();
	press(v, "K Enter");
	ck_assert_int_eq(v->dialog.kind, DIALOG_CONFIRM);
	press(v, "Enter"); /* not y: no */
	ck_assert_str_eq(asked(v), "");
	char want[80];
	snprintf(want, sizeof want, "kill %s", v->show->agents[0].id);
	press(v, "K Enter y");
	ck_assert_str_eq(asked(v), want);
	press(v, "K End Enter y");
	ck_assert_str_eq(asked(v), "kill");
	view_free(&v);
}
END_TEST

START_TEST(late_answers_are_adopted_or_discarded_by_name)
{
	struct view *v = running_view();
	press(v, "l");
	ck_assert_ptr_nonnull(strstr(v->flash.text, "No answer came too late"));
	happen(v, EVENT_PROPOSAL_LATE, "b",
	       "{\"verdict\":\"deadline\",\"attempt\":1,"
	       "\"result\":{\"x\":1}}");
	char want[80], id[24];
	snprintf(id, sizeof id, "l%llu",
		 (unsigned long long)v->model->late[0].seq);
	ck_assert(drawn(v, 80, 24, "1 answer came too late, the last of"));
	press(v, "l Enter Down Enter");
	snprintf(want, sizeof want, "adopt %s", id);
	ck_assert_str_eq(asked(v), want);
	press(v, "l Enter End Enter n o Enter");
	snprintf(want, sizeof want, "discard %s no", id);
	ck_assert_str_eq(asked(v), want);
	press(v, "l Enter Enter");
	ck_assert_int_eq(v->dialog.kind, DIALOG_PAGE);
	view_free(&v);
}
END_TEST

START_TEST(an_answer_never_hits_the_item_that_moved_up)
{
	struct view *v = running_view();
	fail_b(v);
	later(v, 400);
	happen(v, EVENT_STAGE_GO, "c", "{}");
	ask_for_tokens(v);
	later(v, 400);
	ck_assert_uint_eq(v->model->inbox.count, 2);
	ck_assert_int_eq(view_item(v)->kind, INBOX_FAILED);
	/* Somebody else answered the first; the second moves up. */
	happen(v, EVENT_STAGE_SKIP, "b", "{\"reason\":\"operator\"}");
	later(v, 10);
	press(v, "a");
	ck_assert_str_eq(asked(v), "");
	ck_assert_ptr_nonnull(strstr(v->flash.text, "changed"));
	view_free(&v);
}
END_TEST

START_TEST(a_key_finds_the_item_that_it_fits)
{
	struct view *v = running_view();
	fail_b(v);
	happen(v, EVENT_STAGE_GO, "c", "{}");
	ask_for_tokens(v);
	later(v, 1);
	later(v, 400);
	press(v, "a"); /* the failed one is selected: only selects */
	ck_assert_str_eq(asked(v), "");
	ck_assert_int_eq(view_item(v)->kind, INBOX_OVERAGE);
	press(v, "r");
	ck_assert_str_eq(asked(v), "");
	press(v, "r");
	ck_assert_str_eq(asked(v), "retry b");
	press(v, "s");
	ck_assert_str_eq(asked(v), "skip b");
	view_free(&v);
}
END_TEST

START_TEST(cancel_takes_a_second_and_different_key)
{
	struct view *v = running_view();
	press(v, "1 Home k k");
	ck_assert_str_eq(asked(v), "");
	ck_assert_int_eq(v->dialog.kind, DIALOG_NONE);
	press(v, "k y");
	ck_assert_str_eq(asked(v), "cancel a");
	view_free(&v);
}
END_TEST

START_TEST(stop_wants_the_word)
{
	struct view *v = running_view();
	press(v, "Q Enter");
	ck_assert_str_eq(asked(v), "");
	press(v, "y e s Enter");
	ck_assert_str_eq(asked(v), "stop");
	ck_assert_int_eq(v->end, VIEW_GOES_ON);
	reply(v, "id1", true, "");
	ck_assert_int_eq(v->end, VIEW_STOPPED);
	view_free(&v);
}
END_TEST

START_TEST(q_only_leaves)
{
	struct view *v = running_view();
	press(v, "q");
	ck_assert_str_eq(asked(v), "");
	ck_assert_int_eq(v->end, VIEW_LEFT);
	view_free(&v);
}
END_TEST

/* Each row, by an event of which nothing else is known but what it says. */
START_TEST(what_somebody_else_did_is_told_in_words)
{
	static const struct {
		enum event_type type;
		const char *stage, *data, *words;
	} acts[] = {
		{EVENT_STAGE_GO, "b", "", "GO for b"},
		{EVENT_STAGE_SKIP, "b", "", "skipped b"},
		{EVENT_STAGE_RESET, "b", ",\"why\":\"rerun\"", "runs b again"},
		{EVENT_STAGE_RESET, "", ",\"why\":\"rollback\",\"to\":7",
		 "took the story back to version 7"},
		{EVENT_RUN_PAUSE, "", ",\"panic\":true", "PANIC"},
		{EVENT_RUN_PAUSE, "", "", "paused the run"},
		{EVENT_BUDGET_APPROVE, "c",
		 ",\"choice\":\"approve\",\"tokens\":1500",
		 "approved 1,500 tokens for c"},
		{EVENT_BUDGET_APPROVE, "",
		 ",\"choice\":\"raise\",\"tokens\":2000",
		 "raised the episode by 2,000 tokens"},
		{EVENT_BUDGET_APPROVE, "c",
		 ",\"choice\":\"borrow\",\"tokens\":5,\"from\":\"a\"",
		 "lent c 5 tokens of a"},
		{EVENT_BUDGET_APPROVE, "c",
		 ",\"choice\":\"borrow\",\"tokens\":0,\"from\":\"a\","
		 "\"cost_micros\":1500000",
		 "lent c 1.50 of money of a"},
		{EVENT_AGENT_KILL, "", "", "killed all agents"},
		{EVENT_NOTE, "", ",\"text\":\"a {b} c\"", "noted: a {b} c"},
		{EVENT_NOTE, "", ",\"text\":null", "noted: "},
		{EVENT_TOKEN_LEASE, "", "", "token:lease"},
	};
	for (size_t i = 0; i < COUNT_OF(acts); i++) {
		struct view *v = running_view();
		snprintf(v->by, sizeof v->by, "me@here");
		char *data =
			xasprintf("{\"by\":\"you@there\"%s}", acts[i].data);
		char *told = xasprintf("you@there: %s", acts[i].words);
		happen(v, acts[i].type, acts[i].stage, data);
		ck_assert_str_eq(v->flash.text, told);
		/* What follows from it is no act of its own. */
		happen(v, EVENT_STAGE_SKIP, "c", "{\"by\":\"you@there\"}");
		ck_assert_str_eq(v->flash.text, told);
		later(v, 10);
		happen(v, EVENT_STAGE_SKIP, "c", "{\"by\":\"you@there\"}");
		ck_assert_str_eq(v->flash.text, "you@there: skipped c");
		free(told);
		free(data);
		view_free(&v);
	}
}
END_TEST

START_TEST(what_people_did_is_kept)
{
	struct view *v = running_view();
	snprintf(v->by, sizeof v->by, "me@here");
	for (int i = 0; i < VIEW_ACTS; i++, later(v, 10))
		happen(v, EVENT_NOTE, "",
		       "{\"by\":\"me@here\",\"text\":\"x\"}");
	happen(v, EVENT_STAGE_SKIP, "c", "{\"by\":\"you@there\"}");
	later(v, 60000);
	ck_assert_int_eq(v->act_count, VIEW_ACTS);
	ck_assert_str_eq(view_act(v, 0)->text, "you@there: skipped c");
	ck_assert_str_eq(view_act(v, VIEW_ACTS - 1)->text, "me@here: noted: x");
	/* In the inbox, what others did; what we did ourselves we know. */
	ck_assert(drawn(v, 80, 24, "did     you@there: skipped c"));
	ck_assert(!drawn(v, 80, 24, "did     me@here"));
	operate_action(v, ACTION_HISTORY);
	ck_assert(drawn(v, 80, 24, "me@here: noted: x"));
	ck_assert(drawn(v, 80, 24, "you@there: skipped c"));
	view_free(&v);
}
END_TEST

/* Ours, that has asked for GO of `b`. */
static struct view *asking_view(void)
{
	struct view *v = running_view();
	snprintf(v->by, sizeof v->by, "me@here");
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	return v;
}

/* Answers and events come on two connections. */
START_TEST(who_loses_is_told_who_won_whichever_is_heard_first)
{
	for (int answer_first = 0; answer_first < 2; answer_first++) {
		struct view *v = asking_view();
		for (int turn = 0; turn < 2; turn++)
			if (turn == answer_first)
				happen(v, EVENT_STAGE_GO, "b",
				       "{\"by\":\"you@there\"}");
			else
				reply(v, "id1", false, "b does not stand by");
		ck_assert_str_eq(v->flash.text,
				 "go b: too late; you@there: GO for b");
		view_free(&v);
	}
}
END_TEST

/* The one that won this race had won the one before, too. */
START_TEST(an_older_act_gives_way_to_the_one_that_was_the_reason)
{
	struct view *v = running_view();
	snprintf(v->by, sizeof v->by, "me@here");
	happen(v, EVENT_STAGE_SKIP, "c", "{\"by\":\"you@there\"}");
	later(v, 1500);
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	later(v, 10);
	reply(v, "id1", false, "b does not stand by");
	ck_assert_str_eq(v->flash.text,
			 "go b: too late; you@there: skipped c");
	happen(v, EVENT_STAGE_GO, "b", "{\"by\":\"you@there\"}");
	ck_assert_str_eq(v->flash.text, "go b: too late; you@there: GO for b");
	later(v, 10);
	happen(v, EVENT_NOTE, "", "{\"by\":\"you@there\",\"text\":\"x\"}");
	ck_assert_str_eq(v->flash.text, "you@there: noted: x");
	view_free(&v);
}
END_TEST

START_TEST(what_changes_nothing_is_no_reason)
{
	struct view *v = running_view();
	snprintf(v->by, sizeof v->by, "me@here");
	happen(v, EVENT_ALARM_ACK, "", "{\"by\":\"you@there\",\"id\":\"x\"}");
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	reply(v, "id1", false, "the brake is on");
	ck_assert_str_eq(v->flash.text, "go b: the brake is on");
	later(v, 10);
	happen(v, EVENT_NOTE, "", "{\"by\":\"you@there\",\"text\":\"x\"}");
	ck_assert_str_eq(v->flash.text, "you@there: noted: x");
	view_free(&v);
}
END_TEST

START_TEST(what_was_done_when_we_asked_again_is_not_too_late)
{
	struct view *v = asking_view();
	reply(v, "id1", false, "the brake is on");
	later(v, 400);
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	reply(v, "id1", true, "");
	happen(v, EVENT_STAGE_SKIP, "c", "{\"by\":\"you@there\"}");
	ck_assert_str_eq(v->flash.text, "you@there: skipped c");
	view_free(&v);
}
END_TEST

START_TEST(what_another_one_does_later_is_no_reason)
{
	struct view *v = asking_view();
	reply(v, "id1", false, "the brake is on");
	ck_assert_str_eq(v->flash.text, "go b: the brake is on");
	later(v, 1000);
	happen(v, EVENT_STAGE_GO, "b", "{\"by\":\"you@there\"}");
	ck_assert_str_eq(v->flash.text, "you@there: GO for b");
	view_free(&v);
}
END_TEST

START_TEST(every_act_of_a_person_has_words)
{
	char words[160];
	for (int i = 0; i < EVENT_TYPES; i++) {
		enum event_type type = (enum event_type)i;
		/* A raise is the core's own. */
		const char *carries = event_type_carries(type);
		bool acted = strncmp(carries, "by", 2) == 0 ||
			     strstr(carries, " by") != NULL;
		if (!acted || type == EVENT_BUDGET_RAISE)
			continue;
		struct event *e = event_new(type, "r", "s", "a", 0, NULL);
		acts_words(e, words, sizeof words);
		ck_assert_str_ne(words, event_type_name(type));
		event_free(&e);
	}
}
END_TEST

START_TEST(what_was_done_is_said_once)
{
	struct view *v = running_view();
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	reply(v, "id1", true, "GO: b is released");
	ck_assert_str_eq(v->flash.text, "GO: b is released");
	later(v, 1000);
	press(v, "space");
	ck_assert_str_eq(asked(v), "go b");
	reply(v, "id1", false, "nothing is in standby");
	ck_assert_str_eq(v->flash.text, "go b: nothing is in standby");
	view_free(&v);
}
END_TEST

/* Over the core's own listener, while the log cannot tell. */
START_TEST(a_brake_that_the_log_has_not_yet_is_seen)
{
	struct view *v = running_view();
	tell(v, FEED_LOST, "connection refused");
	press(v, "!");
	ck_assert_str_eq(asked(v), "panic");
	ck_assert(!drawn(v, 80, 24, "halted by PANIC"));
	reply(v, "id1", true, "PANIC: run paused");
	later(v, 60000);
	ck_assert(drawn(v, 80, 24, " PANIC"));
	ck_assert(drawn(v, 80, 24, "halted by PANIC; the log has it when"));
	ck_assert(!drawn(v, 80, 24, "GO: "));
	press(v, "space");
	ck_assert_str_eq(asked(v), "");
	/* The log tells of it... */
	tell(v, FEED_BACK, "");
	tell(v, FEED_LIVE, "{\"topic\":\"core\",\"at\":1}");
	happen(v, EVENT_RUN_PAUSE, "", "{\"panic\":true}");
	ck_assert(drawn(v, 80, 24, "halted by PANIC; R twice resumes"));
	happen(v, EVENT_RUN_RESUME, "", "{}");
	later(v, 1000);
	ck_assert(!drawn(v, 80, 24, "PANIC;"));
	ck_assert(drawn(v, 80, 24, "GO: "));
	/* ...or of a core that never heard of it... */
	press(v, "!");
	ck_assert_str_eq(asked(v), "panic");
	reply(v, "id1", true, "");
	ck_assert(view_is_halted(v));
	happen(v, EVENT_LEADER_TAKE, "", "{\"epoch\":2}");
	ck_assert(!view_is_halted(v));
	/* ...or tells nothing of it, and can be read. */
	later(v, 4000);
	press(v, "!");
	ck_assert_str_eq(asked(v), "panic");
	reply(v, "id1", true, "");
	for (int i = 0; i < 6; i++) {
		ck_assert(view_is_halted(v));
		later(v, 1000);
		tell(v, FEED_LIVE, "{\"topic\":\"core\",\"at\":1}");
	}
	later(v, 1);
	ck_assert(!view_is_halted(v));
	view_free(&v);
}
END_TEST

START_TEST(a_brake_that_did_not_get_through_says_so)
{
	struct view *v = running_view();
	press(v, "!");
	ck_assert_str_eq(asked(v), "panic");
	reply(v, "id1", false, "Redis is away");
	ck_assert_ptr_nonnull(
		strstr(v->flash.text, "PANIC NOT confirmed: Redis is away"));
	ck_assert(!view_is_halted(v));
	view_free(&v);
}
END_TEST

START_TEST(whether_a_core_lives_here_is_said)
{
	struct view *v = running_view();
	tell(v, FEED_LOST, "connection refused");
	later(v, 2000);
	v->link.alive = ALIVE_NOWHERE;
	ck_assert(drawn(v, 80, 24, "none runs: q, then `showcaller run"));
	v->link.alive = ALIVE_HERE;
	later(v, 9000);
	ck_assert(drawn(v, 80, 24, "runs, and waits for Redis; !"));
	v->link.alive = ALIVE_UNKNOWN;
	ck_assert(drawn(v, 80, 24, "dead, too? q, then `showcaller run"));
	tell(v, FEED_BACK, "");
	tell(v, FEED_LEADER, "1 host 1");
	tell(v, FEED_LEADER, "");
	ck_assert(!view_has_no_core(v)); /* another one may lead in a moment */
	v->link.alive = ALIVE_NOWHERE;
	ck_assert(view_has_no_core(v));
	view_free(&v);
}
END_TEST

START_TEST(a_read_only_console_asks_for_nothing)
{
	struct view *v = running_view();
	v->read_only = true;
	happen(v, EVENT_STAGE_GO, "c", "{}");
	ask_for_tokens(v);
	later(v, 1000);
	press(v, "space a d p ! 1 r s k y C Q y e s Enter");
	ck_assert_uint_eq(v->out_count, 0);
	view_free(&v);
}
END_TEST

START_TEST(focus_and_zoom_follow_the_keys)
{
	struct view *v = running_view();
	ck_assert_int_eq(v->focus, PANE_INBOX);
	press(v, "3");
	ck_assert_int_eq(v->focus, PANE_TOKENS);
	ck_assert(!v->zoom);
	press(v, "3");
	ck_assert(v->zoom);
	press(v, "Esc");
	ck_assert(!v->zoom);
	press(v, "Esc");
	ck_assert_int_eq(v->focus, PANE_INBOX);
	press(v, "Tab");
	ck_assert_int_eq(v->focus, PANE_RUN);
	press(v, "BackTab");
	ck_assert_int_eq(v->focus, PANE_INBOX);
	view_free(&v);
}
END_TEST

START_TEST(a_scene_is_switched_by_enter)
{
	struct view *v = running_view();
	press(v, "5 Enter");
	ck_assert_str_eq(asked(v), "");
	happen(v, EVENT_OBS_STATUS, "",
	       "{\"connected\":true,\"scenes\":[\"One\",\"Two\"]}");
	press(v, "Down Enter");
	ck_assert_str_eq(asked(v), "scene Two");
	happen(v, EVENT_OBS_STATUS, "",
	       "{\"connected\":true,\"scenes\":[\"One\"]}");
	later(v, 1); /* the selected one is gone */
	press(v, "Enter");
	ck_assert_str_eq(asked(v), "scene One");
	view_free(&v);
}
END_TEST

START_TEST(the_bell_rings_once_for_each_call)
{
	struct view *v = small_view();
	happen(v, EVENT_RUN_START, "", "{}");
	happen(v, EVENT_STAGE_START, "a", "{\"attempt\":1}");
	happen(v, EVENT_STAGE_COMPLETE, "a", "{\"attempt\":1}");
	happen(v, EVENT_STAGE_PROGRESS, "b", "{\"state\":\"standby\"}");
	view_settle(v);
	ck_assert(!v->bell); /* still reading what is past */
	tell(v, FEED_CAUGHT_UP, "");
	view_settle(v);
	ck_assert(v->bell);
	ck_assert_str_eq(v->bell_text, "b waits for GO");
	v->bell = false;
	later(v, 100);
	ck_assert(!v->bell);
	fail_b(v);
	later(v, 100);
	ck_assert(v->bell);
	ck_assert_ptr_nonnull(strstr(v->bell_text, "b "));
	v->bell = false;
	later(v, 100);
	ck_assert(!v->bell);
	view_free(&v);
}
END_TEST

START_TEST(a_lost_link_never_looks_healthy)
{
	char text[256];
	struct view *v = running_view();
	tell(v, FEED_LIVE, "{\"topic\":\"core\",\"at\":1}");
	ck_assert(!view_is_stale(v));
	later(v, 3100);
	ck_assert_ptr_nonnull(
		strstr(view_trouble(v, text, sizeof text), "silent for 3 s"));
	tell(v, FEED_LIVE, "{\"topic\":\"core\",\"at\":1}");
	ck_assert(!view_is_stale(v));
	tell(v, FEED_LOST, "connection refused");
	later(v, 2000);
	ck_assert_ptr_nonnull(strstr(view_trouble(v, text, sizeof text),
				     "REDIS AWAY 2 s: connection refused"));
	ck_assert(!drawn(v, 80, 24, "dead, too? q, then"));
	later(v, 9000);
	ck_assert(drawn(v, 80, 24, "dead, too? q, then `showcaller run"));
	tell(v, FEED_BACK, "");
	ck_assert(!view_is_stale(v));
	/* The core's lease ends while it is away; it is there all the same. */
	tell(v, FEED_LIVE,
	     "{\"topic\":\"core\",\"at\":1,\"redis_away_ms\":1500,"
	     "\"redis_why\":\"out of memory\"}");
	tell(v, FEED_LEADER, "");
	later(v, 4000);
	ck_assert_ptr_nonnull(strstr(view_trouble(v, text, sizeof text),
				     "REDIS AWAY 5 s: out of memory"));
	later(v, 7000);
	ck_assert_ptr_nonnull(
		strstr(view_trouble(v, text, sizeof text), "no core"));
	tell(v, FEED_LEADER, "2 host 1");
	tell(v, FEED_LIVE, "{\"topic\":\"core\",\"at\":1}");
	ck_assert(!view_is_stale(v));
	tell(v, FEED_LEADER, "");
	ck_assert_ptr_nonnull(
		strstr(view_trouble(v, text, sizeof text), "no core"));
	ck_assert(!drawn(v, 80, 24, "`showcaller run SHOW.yaml` goes on"));
	later(v, 3000);
	ck_assert(drawn(v, 80, 24, "`showcaller run SHOW.yaml` goes on"));
	tell(v, FEED_LEADER, "2 host 1");
	ck_assert(!drawn(v, 80, 24, "`showcaller run SHOW.yaml` goes on"));
	/* That stays for what others did meanwhile, which comes with it. */
	snprintf(v->by, sizeof v->by, "me@here");
	v->link.caught_up = true;
	tell(v, FEED_LEADER, "3 host 9");
	happen(v, EVENT_NOTE, "", "{\"by\":\"ann@there\",\"text\":\"x\"}");
	ck_assert_ptr_nonnull(strstr(v->flash.text,
				     "another core leads now (epoch, host, "
				     "pid: 3 host 9)"));
	later(v, 3000);
	happen(v, EVENT_NOTE, "", "{\"by\":\"bob@there\",\"text\":\"x\"}");
	ck_assert_ptr_nonnull(strstr(v->flash.text, "bob@there: noted: x"));
	tell(v, FEED_BROKEN, "a gap");
	ck_assert_ptr_nonnull(
		strstr(view_trouble(v, text, sizeof text), "a gap"));
	view_restart(v, NULL);
	ck_assert_uint_eq(v->model->seq, 0);
	view_free(&v);
}
END_TEST

START_TEST(the_core_says_what_time_it_is)
{
	struct view *v = running_view();
	char text[128];
	/* Its clock is an hour ahead of ours. */
	int64_t at = v->now_ms + 3600000;
	snprintf(text, sizeof text, "{\"topic\":\"core\",\"at\":%lld}",
		 (long long)at);
	tell(v, FEED_LIVE, text);
	view_tick(v, v->mono_ms + 1500, 0);
	ck_assert_int_eq(v->now_ms, at + 1500);
	/* Jitter on the way is no news ... */
	snprintf(text, sizeof text, "{\"topic\":\"core\",\"at\":%lld}",
		 (long long)(at + 1300));
	tell(v, FEED_LIVE, text);
	view_tick(v, v->mono_ms + 100, 0);
	ck_assert_int_eq(v->now_ms, at + 1600);
	/* ... a step is. */
	snprintf(text, sizeof text, "{\"topic\":\"core\",\"at\":%lld}",
		 (long long)(at + 60000));
	tell(v, FEED_LIVE, text);
	view_tick(v, v->mono_ms + 100, 0);
	ck_assert_int_eq(v->now_ms, at + 60100);
	/* A rehearsal may run ten times as fast. */
	v->model->run.rehearsal = true;
	view_tick(v, v->mono_ms + 900, 0);
	snprintf(text, sizeof text, "{\"topic\":\"core\",\"at\":%lld}",
		 (long long)(at + 70000));
	tell(v, FEED_LIVE, text);
	view_tick(v, v->mono_ms + 100, 0);
	ck_assert_int_eq(v->now_ms, at + 71000);
	view_free(&v);
}
END_TEST

START_TEST(the_plan_counts_the_longest_way)
{
	static const char text[] =
		"show: p\nagents: { one: { via: noop } }\nstages:\n"
		"  - { id: a, agents: [one], expect_ms: 1000 }\n"
		"  - { id: b, agents: [one], inputs: [a], expect_ms: 5000 }\n"
		"  - { id: c, agents: [one], inputs: [a], expect_ms: 2000 }\n";
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(text, strlen(text), "p.yaml", &problems);
	ck_assert_ptr_nonnull(show);
	show_problems_release(&problems);
	struct model *m = model_new(show);
	ck_assert(!plan_make(m, START_MS).known);
	m->run.state = RUN_RUNNING;
	m->run.started_ms = START_MS;
	struct plan plan = plan_make(m, START_MS);
	ck_assert(plan.known);
	ck_assert_int_eq(plan.over_ms, 0);
	ck_assert_int_eq(plan.end_ms, START_MS + 6000);
	m->stages[0].first_ms = START_MS;
	ck_assert_int_eq(plan_make(m, START_MS + 1500).over_ms, 500);
	m->stages[0].ended_ms = START_MS + 400;
	ck_assert_int_eq(plan_make(m, START_MS + 400).over_ms, -600);
	model_free(&m);
	show_unref(&show);
}
END_TEST

START_TEST(figures_read_well)
{
	char out[FMT_BYTES];
	ck_assert_str_eq(fmt_clock(out, 2537000), "00:42:17");
	ck_assert_str_eq(fmt_elapsed(out, 3249), "3.2s");
	ck_assert_str_eq(fmt_elapsed(out, 65000), "1:05");
	ck_assert_str_eq(fmt_left(out, 20001), "0:21");
	ck_assert_str_eq(fmt_left(out, -5), "0:00");
	ck_assert_str_eq(fmt_short(out, 1900), "1.9k");
	ck_assert_str_eq(fmt_short(out, 12345678), "12.3M");
	ck_assert_str_eq(fmt_money(out, 12345000), "12.35");
}
END_TEST

/* --- no text from outside reaches a cell uncleaned ----------------------- */

static uint64_t seed = 88172645463325252ULL;

static unsigned chance(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

static char *hostile(void)
{
	static const char *const pieces[] = {
		"\033[2J",
		"\033]52;c;x\a",
		"\r",
		"\n",
		"\b\b",
		"\t",
		"\x7f",
		"\xc2\x9b"
		"31m",
		"\x9b",
		"\xe2\x80\xae",
		"\xe2\x80\x8d",
		"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80",
		"\xe4\xb8\xad",
		"a\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85",
		"\xff\xfe",
		"%n%s",
		"\xed\xa0\x80",
		"\xc0\xaf",
		"plain",
		"\xf3\xa0\x81\x81",
		"\xe0\xb8\xb3",
		"\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa",
	};
	struct buf b = {0};
	for (unsigned n = chance(12); n; n--)
		if (chance(3))
			buf_adds(&b, pieces[chance(COUNT_OF(pieces))]);
		else
			buf_addc(&b, (char)(1 + chance(255)));
	return buf_take(&b);
}

/* Returns what is wrong with a cell, or NULL. */
static const char *fault(const struct canvas *c, const struct cell *cell)
{
	const unsigned char *s = (const void *)cell->text;
	if (!text_is_utf8(cell->text, strlen(cell->text)))
		return "is no UTF-8";
	if (cell->width && text_width(cell->text) != cell->width)
		return "has another width";
	for (; *s; s++) {
		if (*s < 0x20 || *s == 0x7f)
			return "is a control character";
		if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)
			return "is a C1 control character";
		if (c->ascii && *s >= 0x80)
			return "is not ASCII";
	}
	return NULL;
}

static void check_grid(const struct canvas *c, uint64_t from_seed)
{
	for (int y = 0; y < c->height; y++) {
		int columns = 0;
		for (int x = 0; x < c->width; x++) {
			const struct cell *cell = canvas_cell(c, x, y);
			const char *what = fault(c, cell);
			columns += cell->width;
			if (what)
				ck_abort_msg("`%s` %s, seed %llu", cell->text,
					     what,
					     (unsigned long long)from_seed);
		}
		ck_assert_int_eq(columns, c->width);
	}
}

static void replace(char **where)
{
	free(*where);
	*where = hostile();
}

/* Beneath all cleaning: a poll that somebody asked by hand. */
static void poison_poll(struct view *v)
{
	struct model *m = v->model;
	struct poll_own *own =
		m->stages[show_find_poll(v->show, "1")].poll->own;
	for (size_t i = 0; i < own->def.option_count; i++) {
		char *label = hostile();
		own->def.options[i].label = arena_strdup(&own->arena, label);
		free(label);
	}
	char *question = hostile();
	own->def.question = arena_strdup(&own->arena, question);
	free(question);
}

static void poison(struct view *v)
{
	struct model *m = v->model;
	poison_poll(v);
	replace(&m->chat.error);
	m->chat.connected = chance(2);
	m->poll = chance(2) ? show_find_poll(v->show, "1")
			    : show_find_stage(v->show, "vote");
	for (size_t i = 0; i < v->show->stage_count; i++) {
		replace(&m->stages[i].error);
		replace(&m->stages[i].why);
		m->stages[i].state = (enum stage_state)chance(STAGE_STATES);
		if (m->stages[i].poll)
			replace(&m->stages[i].poll->why);
	}
	replace(&m->run.why);
	replace(&m->obs.facts.error);
	replace(&m->obs.facts.program_scene);
	replace(&m->obs.facts.preview_scene);
	replace(&m->obs.last_error);
	for (int i = 0; i < m->obs.facts.scenes.count; i++)
		replace(&m->obs.facts.scenes.items[i]);
	for (size_t i = 0; i < m->inbox.count; i++)
		replace(&m->inbox.items[i].text);
	replace(&v->progress);
	replace(&v->vote_base);
	v->progress_stage = (int)chance(4);
	m->run.state = (enum run_state)chance(RUN_CANCELLED + 1);
	m->obs.facts.connected = chance(2);
	char *text = hostile();
	view_flash(v, STYLE_BAD, "%s", text);
	tell(v, chance(2) ? FEED_LOST : FEED_BACK, text);
	free(text);
}

START_TEST(no_hostile_byte_reaches_a_cell)
{
	static const char *const keys[] = {
		"1",   "2", "3", "4", "5", "Enter", "Esc", "Down",
		"Tab", "?", ":", "k", "a", "Q",	    "z",   "PgDn"};
	struct view *v = running_view();
	fail_b(v);
	happen(v, EVENT_STAGE_START, "vote", "{\"attempt\":1}");
	happen(v, EVENT_POLL_CREATE, "vote", "{}");
	happen(v, EVENT_POLL_CREATE, "1",
	       "{\"question\":\"Q\",\"open_ms\":60000,\"options\":["
	       "{\"id\":\"p\"},{\"id\":\"q\"}]}");
	happen(v, EVENT_POLL_RESOLVE, "1",
	       "{\"winner\":\"q\",\"counts\":{\"p\":1,\"q\":2}}");
	happen(v, EVENT_POLL_BURST, "vote",
	       "{\"burst\":1,\"option\":\"x\",\"votes\":9,\"sources\":1}");
	happen(v, EVENT_CHAT_STATUS, "", "{\"connected\":true}");
	happen(v, EVENT_OBS_STATUS, "",
	       "{\"connected\":true,\"scenes\":[\"One\",\"Two\"]}");
	struct canvas c = {0};
	for (int i = 0; i < 1500; i++) {
		uint64_t from_seed = seed;
		poison(v);
		press(v, keys[chance(COUNT_OF(keys))]);
		c.ascii = chance(2);
		canvas_resize(&c, 1 + (int)chance(140), 1 + (int)chance(44));
		frame_draw(&c, v);
		check_grid(&c, from_seed);
	}
	canvas_release(&c);
	view_free(&v);
}
END_TEST

/* --- small screens, long words ------------------------------------------- */

static bool drawn(struct view *v, int width, int height, const char *text)
{
	struct canvas c = {0};
	canvas_resize(&c, width, height);
	frame_draw(&c, v);
	bool found = canvas_has_text(&c, text);
	canvas_release(&c);
	return found;
}

START_TEST(a_long_title_is_cut_before_figures_go)
{
	struct view *v = running_view();
	struct show *show = (struct show *)(uintptr_t)v->show;
	char longer[] = "A very long title that goes on and on and on and on";
	char *title = show->title;
	show->title = longer;
	ck_assert(drawn(v, 80, 24, "A very long title"));
	ck_assert(drawn(v, 80, 24, "budget 0%"));
	ck_assert(drawn(v, 200, 24, show->title));
	show->title = title;
	view_free(&v);
}
END_TEST

START_TEST(choices_stay_in_sight_below_a_long_text)
{
	struct view *v = running_view();
	fail_b(v);
	dialog_open(&v->dialog, DIALOG_CHOOSE, ACTION_RETRY, "failed", "");
	memset(v->dialog.text, 'x', sizeof v->dialog.text - 1);
	dialog_add_row(&v->dialog, "retry");
	dialog_add_row(&v->dialog, "skip");
	ck_assert(drawn(v, 40, 10, "retry"));
	ck_assert(drawn(v, 40, 10, "skip"));
	dialog_open(&v->dialog, DIALOG_TYPE, ACTION_ACK, "ack", "");
	memset(v->dialog.text, 'x', sizeof v->dialog.text - 1);
	ck_assert(drawn(v, 40, 10, "> _"));
	dialog_open(&v->dialog, DIALOG_TYPE, ACTION_ACK, "ack", "Why?");
	ck_assert(drawn(v, 40, 10, "Why?"));
	view_free(&v);
}
END_TEST

START_TEST(a_deadline_is_seen_though_its_question_is_not)
{
	struct view *v = running_view();
	fail_b(v);
	happen(v, EVENT_STAGE_GO, "c", "{}");
	happen(v, EVENT_BUDGET_REQUEST, "c",
	       "{\"tokens\":42,\"asked\":42,\"left\":7,\"rest\":9,"
	       "\"deadline\":1}");
	struct inbox_item *item = &v->model->inbox.items[1];
	item->deadline_ms = v->now_ms + 38000;
	ck_assert(drawn(v, 40, 10, "+1 more, 0:38"));
	item->deadline_ms = 0;
	ck_assert(drawn(v, 40, 10, "+1 more"));
	ck_assert(!drawn(v, 40, 10, "+1 more,"));
	view_free(&v);
}
END_TEST

START_TEST(an_alarm_says_what_is_wrong)
{
	struct view *v = running_view();
	ck_assert(drawn(v, 80, 24, "nothing waits for you"));
	happen(v, EVENT_ALARM_RAISE, "",
	       "{\"id\":\"x\",\"text\":\"The lamp is out.\"}");
	ck_assert(drawn(v, 80, 24, "ALARM   The lamp is out."));
	ck_assert(!drawn(v, 80, 24, "nothing waits for you"));
	for (int i = 0; i < 4; i++) {
		char data[60];
		snprintf(data, sizeof data, "{\"id\":\"y%d\",\"text\":\"y\"}",
			 i);
		happen(v, EVENT_ALARM_RAISE, "", data);
	}
	ck_assert(drawn(v, 80, 24, "  +2 more"));
	for (int i = 0; i < 4; i++) {
		char data[60];
		snprintf(data, sizeof data, "{\"id\":\"y%d\"}", i);
		happen(v, EVENT_ALARM_CLEAR, "", data);
	}
	ck_assert(!drawn(v, 80, 24, " more"));
	happen(v, EVENT_ALARM_ACK, "", "{\"id\":\"x\"}");
	ck_assert(drawn(v, 80, 24, "acked   The lamp is out."));
	ck_assert(drawn(v, 80, 24, "nothing waits for you"));
	view_free(&v);
}
END_TEST

START_TEST(ack_says_that_it_wants_a_reason)
{
	struct view *v = running_view();
	happen(v, EVENT_ALARM_RAISE, "", "{\"id\":\"x\",\"text\":\"Dark.\"}");
	press(v, "m Enter");
	ck_assert_uint_eq(v->out_count, 0);
	ck_assert(drawn(v, 80, 24, "ack: a reason is wanted, then Enter"));
	press(v, "o k Enter");
	ck_assert_str_eq(asked(v), "ack x ok");
	press(v, "Q Enter");
	ck_assert(drawn(v, 80, 24, "stop: type yes, then Enter"));
	view_free(&v);
}
END_TEST

START_TEST(no_figure_is_cut)
{
	struct view *v = running_view();
	v->model->ledger.agents[0].tokens.spent = 199999998;
	v->model->ledger.stages[0].tokens.spent = 199999998;
	ck_assert(drawn(v, 120, 40, "200.0M"));
	ck_assert(!drawn(v, 120, 40, "199,99"));
	view_free(&v);
}
END_TEST

START_TEST(a_wide_letter_loses_both_halves)
{
	struct canvas c = {0};
	canvas_resize(&c, 6, 1);
	struct area a = canvas_area(&c, (struct rect){0, 0, 6, 1});
	struct pen p = pen_at(&a, 0, 0);
	pen_text(&p, STYLE_TEXT, "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad");
	p = pen_at(&a, 1, 0);
	pen_text(&p, STYLE_TEXT, "x");
	check_grid(&c, 0);
	ck_assert_str_eq(canvas_cell(&c, 0, 0)->text, " ");
	ck_assert_str_eq(canvas_cell(&c, 1, 0)->text, "x");
	p = pen_at(&a, 2, 0);
	pen_text(&p, STYLE_TEXT, "y");
	check_grid(&c, 0);
	ck_assert_str_eq(canvas_cell(&c, 3, 0)->text, " ");
	p = pen_at(&a, 0, 0); /* 7 columns into 6: the last is the ellipsis */
	pen_text(&p, STYLE_TEXT, "a\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad");
	check_grid(&c, 0);
	ck_assert_str_eq(canvas_cell(&c, 5, 0)->text, "\xe2\x80\xa6");
	canvas_release(&c);
}
END_TEST

START_TEST(twenty_thousand_stages_are_drawn_at_once)
{
	struct buf b = {0};
	buf_adds(&b, "show: big\nagents: { one: { via: noop } }\nstages:\n");
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "  - { id: s%d, agents: [one] }\n", i);
	struct show_problems problems = {0};
	struct show *show =
		show_parse_yaml(buf_str(&b), b.len, "big.yaml", &problems);
	ck_assert_ptr_nonnull(show);
	show_problems_release(&problems);
	buf_release(&b);
	struct view *v = view_new(show, 0);
	show_unref(&show);
	view_tick(v, 0, START_MS);
	happen(v, EVENT_RUN_START, "", "{}");
	happen(v, EVENT_STAGE_START, "s15000", "{\"attempt\":1}");
	tell(v, FEED_CAUGHT_UP, "");
	view_settle(v);
	struct canvas c = {0};
	canvas_resize(&c, 120, 40);
	for (int i = 0; i < 100; i++)
		frame_draw(&c, v);
	ck_assert(canvas_has_text(&c, "s15000 "));
	press(v, "1 End");
	frame_draw(&c, v);
	ck_assert(canvas_has_text(&c, "s19999 "));
	canvas_release(&c);
	view_free(&v);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("console");
	TCase *tc = tcase_create("console");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, parts_never_overlap_and_never_leave_the_screen);
	tcase_add_test(tc, the_size_decides_what_is_shown);
	tcase_add_test(tc,
		       every_key_of_the_table_is_a_key_and_means_one_action);
	tcase_add_loop_test(tc, a_dialog_ends_as_the_table_says, 0,
			    COUNT_OF(dialogs));
	tcase_add_test(tc, typing_narrows_the_palette);
	tcase_add_test(tc, a_long_text_ends_and_never_overflows);
	tcase_add_test(tc, go_names_the_stage_and_is_debounced);
	tcase_add_test(tc, scenes_of_obs_have_letters);
	tcase_add_test(tc, a_poll_has_its_keys_where_it_has_the_focus);
	tcase_add_test(tc, x_means_the_burst_that_the_inbox_asks_about);
	tcase_add_test(tc, a_rollback_says_what_it_throws_away);
	tcase_add_test(tc, a_rerun_is_told_not_what_it_ends);
	tcase_add_test(tc, what_a_core_says_as_it_begins_is_seen);
	tcase_add_test(tc, rules_are_switched_by_name_or_all_at_once);
	tcase_add_test(tc, go_waits_for_the_eye_when_another_stage_steps_up);
	tcase_add_test(tc, go_without_standby_only_flashes);
	tcase_add_test(tc, panic_works_from_everywhere_and_twice_is_harder);
	tcase_add_test(tc, after_a_panic_two_r_resume);
	tcase_add_test(tc, p_pauses_and_resumes);
	tcase_add_test(tc, an_answer_names_the_item_that_was_seen);
	tcase_add_test(tc, an_answer_never_hits_the_item_that_moved_up);
	tcase_add_test(tc, the_menu_asks_for_what_an_answer_needs);
	tcase_add_test(tc, the_menu_asks_for_money_where_money_lacks);
	tcase_add_test(tc, the_switch_takes_two_keys_and_a_name);
	tcase_add_test(tc, late_answers_are_adopted_or_discarded_by_name);
	tcase_add_test(tc, a_key_finds_the_item_that_it_fits);
	tcase_add_test(tc, cancel_takes_a_second_and_different_key);
	tcase_add_test(tc, stop_wants_the_word);
	tcase_add_test(tc, q_only_leaves);
	tcase_add_test(tc, what_somebody_else_did_is_told_in_words);
	tcase_add_test(tc, what_people_did_is_kept);
	tcase_add_test(tc, ack_says_that_it_wants_a_reason);
	tcase_add_test(tc, who_loses_is_told_who_won_whichever_is_heard_first);
	tcase_add_test(tc,
		       an_older_act_gives_way_to_the_one_that_was_the_reason);
	tcase_add_test(tc, what_another_one_does_later_is_no_reason);
	tcase_add_test(tc, what_changes_nothing_is_no_reason);
	tcase_add_test(tc, what_was_done_when_we_asked_again_is_not_too_late);
	tcase_add_test(tc, every_act_of_a_person_has_words);
	tcase_add_test(tc, what_was_done_is_said_once);
	tcase_add_test(tc, a_brake_that_the_log_has_not_yet_is_seen);
	tcase_add_test(tc, a_brake_that_did_not_get_through_says_so);
	tcase_add_test(tc, whether_a_core_lives_here_is_said);
	tcase_add_test(tc, a_read_only_console_asks_for_nothing);
	tcase_add_test(tc, focus_and_zoom_follow_the_keys);
	tcase_add_test(tc, a_scene_is_switched_by_enter);
	tcase_add_test(tc, the_bell_rings_once_for_each_call);
	tcase_add_test(tc, a_lost_link_never_looks_healthy);
	tcase_add_test(tc, the_core_says_what_time_it_is);
	tcase_add_test(tc, the_plan_counts_the_longest_way);
	tcase_add_test(tc, figures_read_well);
	tcase_add_test(tc, no_hostile_byte_reaches_a_cell);
	tcase_add_test(tc, a_wide_letter_loses_both_halves);
	tcase_add_test(tc, a_long_title_is_cut_before_figures_go);
	tcase_add_test(tc, choices_stay_in_sight_below_a_long_text);
	tcase_add_test(tc, a_deadline_is_seen_though_its_question_is_not);
	tcase_add_test(tc, an_alarm_says_what_is_wrong);
	tcase_add_test(tc, no_figure_is_cut);
	tcase_add_test(tc, twenty_thousand_stages_are_drawn_at_once);
	suite_add_tcase(suite, tc);
	return tap_run(suite);
}

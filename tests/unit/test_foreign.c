/* A log or a snapshot that this version did not write: whatever it holds, the
 * core takes it, or refuses it, and goes on. */
#include "core/status.h"
#include "tap.h"
#include "world.h"

#define EVENTS 400
#define LOGS   150

static const char show_text[] =
	"show: t\n"
	"budget: { tokens: 100, approval_default: approve }\n"
	"agents:\n"
	"  x: { via: bus }\n"
	"  y: { via: bus, max_concurrent: 1 }\n"
	"obs: { url: 'ws://127.0.0.1:4455', safe_scene: Safe }\n"
	"rules: [ { name: r, on: poll:create, do: { obs_scene: Safe } } ]\n"
	"stages:\n"
	"  - { id: a, agents: [x, y], outputs: [oa], budget: { token_cap: 40 } "
	"}\n"
	"  - { id: p, inputs: [oa], poll: { question: Q, options: [ { id: l }, "
	"{ id: m } ] } }\n"
	"  - { id: b, inputs: [p], agents: [y], go: manual,\n"
	"      retry: { max_attempts: 2 }, budget: { token_cap: 90 } }\n"
	"  - { id: c, inputs: [b], when: { p: l }, agents: [x] }\n"
	"  - { id: d, agents: [y], budget: { token_cap: 95 } }\n";

static unsigned long long seed;

static unsigned draw(unsigned below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % below;
}

/* --- events -------------------------------------------------------------- */

static json_object *any_value(void)
{
	static const char *const words[] = {
		"",	   "a",	      "b",   "p",	 "l",
		"m",	   "x",	      "y",   "running",	 "waiting",
		"standby", "sent",    "run", "ask",	 "done",
		"expired", "revoked", "i3",  "r1/a/1/x", "o4",
	};
	static const int64_t numbers[] = {0,  1,    -1,	     7,
					  50, 2000, 1000500, 1 << 30};
	json_object *list = NULL;
	switch (draw(6)) {
	case 0:
		return json_object_new_int64(numbers[draw(COUNT_OF(numbers))]);
	case 1:
		return json_object_new_boolean(draw(2));
	case 2:
		list = json_object_new_array();
		for (unsigned n = draw(3); n > 0; n--)
			json_object_array_add(list,
					      draw(2) ? NULL : any_value());
		return list;
	case 3:
		list = json_object_new_object();
		for (unsigned n = draw(3); n > 0; n--)
			json_object_object_add(list,
					       words[draw(COUNT_OF(words))],
					       any_value());
		return list;
	default:
		return json_object_new_string(words[draw(COUNT_OF(words))]);
	}
}

static json_object *any_data(void)
{
	static const char *const keys[] = {
		"state",    "attempt",	  "agents",   "deadline",  "asks",
		"winner",   "patch",	  "counts",   "tokens",	   "lease",
		"retry_at", "on_failure", "final",    "result",	   "raises",
		"scenes",   "connected",  "corrects", "panic",	   "id",
		"text",	    "reason",	  "stages",   "cancelled", "counted",
		"what",	    "error",	  "version",  "cmd",	   "card",
	};
	json_object *data = json_object_new_object();
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (draw(3) == 0)
			json_object_object_add(data, keys[i], any_value());
	return data;
}

static void fold_any_event(struct world *w)
{
	static const char *const stages[] = {"a", "b", "c",   "d",
					     "p", "",  "gone"};
	static const char *const agents[] = {"x", "y", "", "", "gone"};
	enum event_type type = (enum event_type)draw(EVENT_TYPES);
	json_object *any = any_data();
	struct json_flat *data = json_flat_of(&any, NULL);
	/* Its own run, mostly: another clears the table. */
	if (type == EVENT_RUN_START && draw(4))
		type = EVENT_RUN_RESUME;
	struct event *e =
		event_of(type, "r1", stages[draw(COUNT_OF(stages))],
			 agents[draw(COUNT_OF(agents))], w->now_ms, &data);
	model_apply(w->m, e);
	event_free(&e);
}

/* Decides without the shadow model: that is not what is tested here. */
static void decide(struct world *w, struct input *in)
{
	in->now_ms = w->now_ms;
	decision_clear(&w->d);
	core_decide(w->m, in, &w->d);
	input_free(&in);
}

static void ask(struct world *w, enum action_id action, const char *arg,
		const char *more)
{
	struct input *in = input_new(INPUT_COMMAND);
	in->action = action;
	in->args[0] = xstrdup(arg);
	in->args[1] = xstrdup(more);
	decide(w, in);
}

static void use(struct world *w)
{
	struct status_extra extra = {.mode = "live", .now_ms = w->now_ms};
	json_object *status = status_json(w->m, &extra);
	struct buf printed = {0};
	status_print(&printed, w->m, &extra, NULL, NULL);
	ck_assert_str_eq(printed.data, json_text(status));
	ck_assert_uint_eq(printed.len, strlen(printed.data));
	json_object_put(status);
	buf_release(&printed);
	char *text = model_snapshot(w->m);
	struct model *again = model_restore(w->show, text, strlen(text), NULL);
	free(text);
	model_free(&again);
	decide(w, input_new(INPUT_RESUMED));
	w->now_ms += 1000;
	decide(w, input_new(INPUT_TICK));
	ask(w, ACTION_SCENE, "Safe", NULL);
	ask(w, ACTION_GO, NULL, NULL);
	while (w->m->inbox.count > 0 && draw(3)) {
		const struct inbox_item *item = &w->m->inbox.items[0];
		char id[sizeof item->id];
		memcpy(id, item->id, sizeof id);
		ask(w, ACTION_ANSWER, id, item->choices[0]);
		if (w->m->inbox.count && !strcmp(id, w->m->inbox.items[0].id))
			break;
	}
	w->now_ms += 10000000;
	decide(w, input_new(INPUT_TICK));
	ask(w, ACTION_RERUN, "a", NULL);
	ask(w, ACTION_PANIC, "all", NULL);
	ask(w, ACTION_RESUME, NULL, NULL);
}

START_TEST(any_log_is_taken)
{
	for (unsigned long long n = 1; n <= LOGS; n++) {
		struct world *w = world_new(show_text);
		seed = n;
		world_begin(w, draw(2));
		for (int i = 0; i < EVENTS; i++) {
			fold_any_event(w);
			if (draw(40) == 0)
				use(w);
		}
		use(w);
		world_free(w);
	}
}
END_TEST

START_TEST(a_stage_that_was_a_poll_asks_nobody)
{
	struct world *w = world_new(show_text);
	world_begin(w, true);
	struct json_out *data = json_out_new();
	json_add_bool(data, "asks", true);
	struct event *e =
		event_new(EVENT_POLL_CLOSE, "r1", "a", NULL, w->now_ms, &data);
	model_apply(w->m, e);
	event_free(&e);
	ck_assert_uint_eq(w->m->inbox.count, 0);
	world_free(w);
}
END_TEST

/* --- snapshots ----------------------------------------------------------- */

/* Replaces the `at`-th leaf of the tree; false when there are fewer. */
static bool spoil(json_object *o, size_t *at)
{
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value)
		{
			bool inner =
				json_object_is_type(value, json_type_object) ||
				json_object_is_type(value, json_type_array);
			if (inner && spoil(value, at))
				return true;
			if (!inner && (*at)-- == 0) {
				json_object_object_add(o, key, any_value());
				return true;
			}
		}
		return false;
	}
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		json_object *value = json_object_array_get_idx(o, i);
		bool inner = json_object_is_type(value, json_type_object) ||
			     json_object_is_type(value, json_type_array);
		if (inner && spoil(value, at))
			return true;
		if (!inner && (*at)-- == 0) {
			json_object_array_put_idx(o, i, any_value());
			return true;
		}
	}
	return false;
}

static struct world *busy_world(void)
{
	struct world *w = world_new(show_text);
	world_begin(w, true);
	world_answer(w, "a", "x", "{\"oa\": 1}", 5);
	world_answer(w, "a", "y", "{\"oa\": 2}", 5);
	world_do(w, "note", "n", NULL);
	return w;
}

/* It is put together from pieces: each has its members in order, and those of
 * the story stand in order, however they came into it. */
START_TEST(a_snapshot_is_canonical)
{
	struct world *w = world_new(show_text), *other = world_new(show_text);
	json_object *p = json_read_str("{\"z\":1,\"b\":{\"y\":1,\"x\":2}}",
				       &json_limits_own, NULL);
	json_object *q = json_read_str("{\"b\":{\"x\":2,\"y\":1},\"z\":1}",
				       &json_limits_own, NULL);
	story_patch(&w->m->story, p);
	story_patch(&other->m->story, q);
	char *text = model_snapshot(w->m), *again = model_snapshot(other->m);
	ck_assert(strcmp(text, again) == 0);
	json_object *o = json_read_str(text, &json_limits_own, NULL);
	ck_assert_ptr_nonnull(o); /* a small one is one line */
	json_object_put(o);
	json_object_put(p);
	json_object_put(q);
	free(again);
	free(text);
	world_free(w);
	world_free(other);
}
END_TEST

START_TEST(a_spoilt_snapshot_is_refused_or_harmless)
{
	struct world *w = busy_world();
	char *text = model_snapshot(w->m);
	size_t refused = 0, taken = 0;
	bool more = true;
	ck_assert_uint_gt(w->m->inbox.count, 0);
	for (size_t n = 0; more; n++) {
		json_object *o = json_read_str(text, &json_limits_own, NULL);
		size_t at = n / 8; /* each leaf with eight other values */
		seed = n;
		draw(2);
		more = spoil(o, &at);
		const char *bad = json_text(o);
		struct world *victim = world_new(show_text);
		struct model *m =
			model_restore(victim->show, bad, strlen(bad), NULL);
		refused += !m;
		if (m) {
			taken++;
			model_free(&victim->m);
			victim->m = m;
			victim->now_ms = w->now_ms;
			use(victim);
		}
		world_free(victim);
		json_object_put(o);
	}
	ck_assert_uint_gt(refused, 50);
	ck_assert_uint_gt(taken, 50);
	free(text);
	world_free(w);
}
END_TEST

START_TEST(a_state_beyond_the_table_is_refused)
{
	static const char *const spoilt[][2] = {
		{"/run", "state"},
		{"/inbox/0", "kind"},
		{"/stages/a", "outcome"},
		{"/stages/p/poll", "state"},
		{"/stages/p/poll", "winner"},
	};
	struct world *w = busy_world();
	char *text = model_snapshot(w->m);
	for (size_t i = 0; i < COUNT_OF(spoilt); i++) {
		struct err err = {0};
		json_object *o = json_read_str(text, &json_limits_own, NULL);
		json_object *part = NULL;
		ck_assert_int_eq(json_pointer_get(o, spoilt[i][0], &part), 0);
		ck_assert_ptr_nonnull(part); /* its member may be left out */
		json_add_int(part, spoilt[i][1], 99);
		const char *bad = json_text(o);
		struct model *m =
			model_restore(w->show, bad, strlen(bad), &err);
		ck_assert_msg(!m, "%s %s", spoilt[i][0], spoilt[i][1]);
		ck_assert_int_eq(err.code, ERR_DATA);
		json_object_put(o);
	}
	free(text);
	world_free(w);
}
END_TEST

static bool restores(const struct show *show, const char *text)
{
	struct err err = {0};
	struct model *m = model_restore(show, text, strlen(text), &err);
	bool ok = m != NULL;
	ck_assert(ok || err.code == ERR_DATA);
	model_free(&m);
	return ok;
}

/* A large show has many lines; each of them counts. */
START_TEST(a_snapshot_of_many_lines)
{
	struct buf yaml = {0};
	buf_adds(&yaml, "show: large\nagents:\n  x: { via: bus }\nstages:\n");
	for (int i = 0; i < 3000; i++)
		buf_addf(&yaml, "  - { id: s%d, agents: [x] }\n", i);
	struct world *w = world_new(buf_str(&yaml));
	json_object *big = json_object_new_object();
	for (int i = 0; i < 700; i++) {
		char key[16], value[800];
		snprintf(key, sizeof key, "k%d", i);
		memset(value, 'v', sizeof value);
		value[sizeof value - 1] = '\0';
		json_add_str(big, key, value);
	}
	story_patch(&w->m->story, big);
	json_object_put(big);
	char *text = model_snapshot(w->m);
	size_t lines = 0;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_uint_gt(lines, 1);
	struct model *m = model_restore(w->show, text, strlen(text), NULL);
	ck_assert_ptr_nonnull(m);
	char *again = model_snapshot(m);
	ck_assert_str_eq(text, again);
	struct story story;
	story_init(&story);
	ck_assert(snapshot_story(text, strlen(text), &story, NULL));
	ck_assert_str_eq(story_hash(&story), story_hash(&w->m->story));
	story_release(&story);
	/* Without one of its lines, or with one twice, it is none. */
	char *from = strchr(text, '\n') + 1;
	for (size_t i = 0; i < lines; i++) {
		char *stop = strchrnul(from, '\n');
		char *less = xasprintf("%.*s%s", (int)(from - text), text,
				       *stop ? stop + 1 : "");
		char *more =
			xasprintf("%.*s\n%s", (int)(stop - text), text, from);
		ck_assert(!restores(w->show, less));
		ck_assert(restores(w->show, more) == !strchr(from, 's'));
		free(less);
		free(more);
		from = stop + (*stop != '\0');
	}
	free(again);
	free(text);
	model_free(&m);
	world_free(w);
	buf_release(&yaml);
}
END_TEST

/* A log that is not ours may say any number. */
START_TEST(numbers_of_a_foreign_log)
{
	struct world *w = busy_world();
	struct err err = {0};
	const char *where;
	char *data = xasprintf("{\"tokens\":%lld}", (long long)INT64_MAX);
	ck_assert_ptr_null(
		event_read(1, "token:spend", "r1", "a", "x", "1", data, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "`tokens`"));
	free(data);
	ck_assert_ptr_null(event_read(1, "note", "r1", "a", "x",
				      "9223372036854775807", "{}", &err));
	/* Each as large as it may be; the sums are not. */
	static const char *const types[] = {"token:spend", "token:lease",
					    "token:return", "budget:raise",
					    "stage:start"};
	for (int i = 0; i < 400; i++) {
		long long n = (long long)NUMBER_MOST -
			      (i % 3 ? 0 : (long long)draw(9));
		data = xasprintf("{\"tokens\":%lld,\"cost_micros\":%lld,"
				 "\"lease\":\"l%d\",\"attempt\":%lld,"
				 "\"raises\":{\"episode\":%lld}}",
				 i % 7 ? n >> i % 40 : -n, n >> i % 50, i % 5,
				 n, (long long)INT64_MAX);
		struct event *e =
			event_read(w->m->seq + 1, types[draw(COUNT_OF(types))],
				   "r1", "a", "x", "1000", data, &err);
		ck_assert_msg(e != NULL, "%s", err.text);
		model_apply(w->m, e);
		event_free(&e);
		free(data);
	}
	ledger_holds(&w->m->ledger, w->show->stage_count, w->show->agent_count,
		     &where);
	char *text = model_snapshot(w->m);
	struct model *m = model_restore(w->show, text, strlen(text), &err);
	ck_assert_int_eq(m ? m->ledger.moved : w->m->ledger.moved,
			 w->m->ledger.moved);
	model_free(&m);
	free(text);
	world_free(w);
}
END_TEST

START_TEST(no_event_is_too_long)
{
	struct world *w = world_new(show_text);
	world_begin(w, true);
	char *long_text = xmalloc(2 * EVENT_MAX_BYTES);
	memset(long_text, 'x', 2 * EVENT_MAX_BYTES);
	long_text[2 * EVENT_MAX_BYTES - 1] = '\0';
	world_do(w, "note", long_text, NULL);
	const struct event *e = world_last(w, EVENT_NOTE);
	ck_assert_uint_gt(strlen(event_str(e, "text", "")), 500);
	ck_assert_uint_le(event_bytes(e), EVENT_MAX_BYTES);
	free(long_text);
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("foreign");
	TCase *t = tcase_create("foreign");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, any_log_is_taken);
	tcase_add_test(t, a_stage_that_was_a_poll_asks_nobody);
	tcase_add_test(t, a_snapshot_is_canonical);
	tcase_add_test(t, a_spoilt_snapshot_is_refused_or_harmless);
	tcase_add_test(t, a_state_beyond_the_table_is_refused);
	tcase_add_test(t, a_snapshot_of_many_lines);
	tcase_add_test(t, numbers_of_a_foreign_log);
	tcase_add_test(t, no_event_is_too_long);
	suite_add_tcase(s, t);
	return tap_run(s);
}

/* An exported log: what is written is read back, and every byte that is not as
 * it was written is found, in its own line. */
#include "core/logfile.h"
#include "core/replay.h"
#include "tap.h"
#include "world.h"

#define FLIPS 6000

static const char show_text[] =
	"show: t\n"
	"agents:\n"
	"  x: { via: bus }\n"
	"stages:\n"
	"  - { id: a, agents: [x], outputs: [oa] }\n"
	"  - { id: b, inputs: [oa], agents: [x], outputs: [ob] }\n";

static struct world *played(void)
{
	struct world *w = world_new(show_text);
	world_begin(w, true);
	world_answer(w, "a", NULL, "{\"oa\": \"a \\\"quoted\\\" \xc3\xa9\"}",
		     6);
	world_answer(w, "b", NULL, "{\"ob\": [1, 2.5, null, {\"k\": {}}]}", 7);
	world_do(w, "rerun", "b", NULL);
	world_answer(w, "b", NULL, "{\"ob\": 3}", 7);
	world_do(w, "note", "the end", NULL);
	return w;
}

static char *exported(struct world *w, uint64_t first, size_t *bytes)
{
	struct logfile_writer out;
	struct buf b = {0};
	json_object *definitions = json_object_new_object();
	json_object_object_add(definitions, w->show->hash,
			       json_object_new_string(w->show->definition));
	logfile_begin(&out, &b, "t", first == 1 ? NULL : "r1", first,
		      w->log_count, definitions);
	for (size_t i = first - 1; i < w->log_count; i++)
		logfile_event(&out, &b, w->log[i]);
	logfile_end(&out, &b, w->m->story.version, story_hash(&w->m->story));
	json_object_put(definitions);
	*bytes = b.len;
	return buf_take(&b);
}

/* Reads all of it; 0 when it is whole, else the line that is not. */
static uint64_t first_bad_line(const char *text, size_t bytes, struct err *err,
			       struct replay *replay)
{
	struct logfile_reader r = {0};
	uint64_t line = 0;
	while (bytes > 0 && !line) {
		const char *end = memchr(text, '\n', bytes);
		size_t n = end ? (size_t)(end - text) + 1 : bytes;
		enum logfile_line kind = logfile_read(&r, text, n, err);
		if (kind == LOGFILE_BAD)
			line = r.line;
		if (kind == LOGFILE_EVENT && replay &&
		    !replay_event(replay, r.event, err))
			line = r.line;
		text += n;
		bytes -= n;
	}
	if (!line && !logfile_complete(&r, err))
		line = r.line + 1;
	logfile_reader_release(&r);
	return line;
}

static struct show *show_of(void *whose, const char *hash)
{
	struct show *show = whose;
	bool known = !*hash || strcmp(hash, show->hash) == 0;
	return known ? show_ref(show) : NULL;
}

START_TEST(what_was_written_is_read)
{
	struct world *w = played();
	struct err err = {0};
	size_t bytes;
	char *text = exported(w, 1, &bytes);
	struct replay r = {.verify = true,
			   .show_of = show_of,
			   .whose = w->show,
			   .to_version = -1};
	ck_assert(replay_begin(&r, 1, &err));
	uint64_t bad = first_bad_line(text, bytes, &err, &r);
	ck_assert_msg(bad == 0, "%s", err.text);
	char *a = model_snapshot(w->m), *b = model_snapshot(r.m);
	ck_assert_str_eq(a, b);
	ck_assert_int_eq((int)r.checked, 8);
	ck_assert(!r.unknown);
	free(a);
	free(b);
	free(text);
	replay_end(&r);
	world_free(w);
}
END_TEST

static size_t line_of(const char *text, size_t at)
{
	size_t line = 1;
	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

/* One bit of the byte at `at` is wrong: it is found, and where it is. */
static void flip(char *text, size_t bytes, size_t at, int bit)
{
	struct err err = {0};
	size_t line = line_of(text, at);
	text[at] = (char)(text[at] ^ (1 << bit));
	uint64_t found = first_bad_line(text, bytes, &err, NULL);
	/* A newline more ends a line too early, and is found there. */
	ck_assert_msg(found == line, "byte %zu bit %d of line %zu: %s", at, bit,
		      line, found ? err.text : "not found");
	ck_assert_int_eq(err.code, ERR_NO);
	text[at] = (char)(text[at] ^ (1 << bit));
}

START_TEST(every_flipped_byte_is_found)
{
	struct world *w = played();
	size_t bytes;
	char *text = exported(w, 1, &bytes);
	uint64_t seed = 1;
	ck_assert_int_gt((int)bytes, 4000);
	/* Every byte once, another of its bits each time; then a sample. */
	for (size_t at = 0; at < bytes; at++)
		flip(text, bytes, at, (int)(at % 8));
	for (int i = 0; i < FLIPS; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		flip(text, bytes, (size_t)(seed >> 33) % bytes,
		     (int)(seed >> 30) & 7);
	}
	free(text);
	world_free(w);
}
END_TEST

START_TEST(what_is_cut_off_or_added_is_found)
{
	struct world *w = played();
	struct err err = {0};
	size_t bytes;
	char *text = exported(w, 1, &bytes);
	for (size_t n = 0; n < bytes; n++)
		ck_assert_int_ne((int)first_bad_line(text, n, &err, NULL), 0);
	char *more = xasprintf("%s\n", text);
	ck_assert_int_ne((int)first_bad_line(more, bytes + 1, &err, NULL), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "behind the end"));
	free(more);
	free(text);
	world_free(w);
}
END_TEST

START_TEST(one_run_alone)
{
	struct world *w = played();
	struct err err = {0};
	size_t bytes;
	char *text = exported(w, 3, &bytes);
	ck_assert_int_eq((int)first_bad_line(text, bytes, &err, NULL), 0);
	free(text);
	world_free(w);
}
END_TEST

static struct event *changed(const struct event *e, const char *member,
			     const char *value)
{
	json_object *data = event_tree(e);
	json_object *v = json_read_str(value, &json_limits_own, NULL);
	bool patch = strcmp(member, "patch") == 0;
	json_object_object_add(patch ? json_get(data, "patch") : data,
			       patch ? "oa" : member,
			       json_clone(json_get(v, "v")));
	json_object_put(v);
	struct json_flat *flat = json_flat_of(&data, NULL);
	struct event *copy =
		event_of(e->type, e->run, e->stage, e->agent, e->at_ms, &flat);
	copy->seq = e->seq;
	return copy;
}

/* Replays the log with event `which` of that type changed; the sentence. */
static void ck_found(struct world *w, enum event_type type, const char *member,
		     const char *value, const char *wanted)
{
	struct err err = {0};
	struct replay r = {.verify = true,
			   .show_of = show_of,
			   .whose = w->show,
			   .to_version = -1};
	const struct event *victim = world_last(w, type);
	bool ok = replay_begin(&r, 1, &err);
	for (size_t i = 0; ok && i < w->log_count; i++) {
		struct event *e = w->log[i] == victim
					  ? changed(victim, member, value)
					  : event_clone(w->log[i]);
		ok = replay_event(&r, e, &err);
		event_free(&e);
	}
	ck_assert_msg(!ok, "%s of %s was changed, and not found", member,
		      event_type_name(type));
	ck_assert_msg(strstr(err.text, wanted) != NULL, "%s", err.text);
	ck_assert_int_eq(err.code, ERR_NO);
	replay_end(&r);
}

START_TEST(what_does_not_follow_is_named)
{
	struct world *w = played();
	ck_found(w, EVENT_STAGE_COMPLETE, "patch", "{\"v\": 1}",
		 "(stage:complete b): the story's hash after it is ");
	ck_found(w, EVENT_STAGE_COMPLETE, "pre_state_hash", "{\"v\": \"ff\"}",
		 "and the event says ff");
	ck_found(w, EVENT_STAGE_COMPLETE, "version", "{\"v\": 9}",
		 "the story's version after it is 3, and the event says 9");
	ck_found(w, EVENT_STAGE_RESET, "post_state_hash", "{\"v\": \"00\"}",
		 "(stage:reset b)");
	ck_found(w, EVENT_STAGE_RESET, "patch", "{\"v\": 1}",
		 "(stage:reset b)");
	world_free(w);
}
END_TEST

static struct model *model_after(struct world *w, size_t events)
{
	struct model *m = model_new(w->show);
	for (size_t i = 0; i < events; i++)
		model_apply(m, w->log[i]);
	return m;
}

/* The log begins at event `first`; the snapshot was taken behind `taken`. */
static void trimmed(struct world *w, size_t first, size_t taken, bool blind)
{
	struct err err = {0};
	struct replay r = {.verify = true,
			   .show_of = show_of,
			   .whose = w->show,
			   .to_version = -1};
	r.from = taken ? model_after(w, taken) : NULL;
	ck_assert(replay_begin(&r, first, &err));
	for (size_t i = first - 1; i < w->log_count; i++)
		ck_assert_msg(replay_event(&r, w->log[i], &err), "%s",
			      err.text);
	ck_assert_int_eq(r.blind, blind);
	if (blind)
		ck_assert_str_eq(r.link, story_hash(&w->m->story));
	char *a = model_snapshot(w->m), *b = model_snapshot(r.m);
	ck_assert(blind || strcmp(a, b) == 0);
	free(a);
	free(b);
	replay_end(&r);
}

START_TEST(a_trimmed_log_goes_on_from_its_snapshot)
{
	struct world *w = played();
	for (size_t first = 2; first < 12; first++) {
		trimmed(w, first, 0, true);
		trimmed(w, first, first - 1, false);
		trimmed(w, first, first + 3, false);
		trimmed(w, first, w->log_count, false);
	}
	trimmed(w, 9, 5, true); /* too old: what is between is gone */
	trimmed(w, 1, 5, false);
	world_free(w);
}
END_TEST

/* And what is before the snapshot has to lead to it. */
START_TEST(a_snapshot_that_does_not_follow)
{
	struct world *w = played();
	struct err err = {0};
	struct replay r = {.verify = true,
			   .show_of = show_of,
			   .whose = w->show,
			   .to_version = -1};
	r.from = model_after(w, w->log_count);
	json_object *more = json_read_str("{\"x\":1}", &json_limits_own, NULL);
	story_patch(&r.from->story, more);
	json_object_put(more);
	ck_assert(replay_begin(&r, 2, &err));
	bool ok = true;
	for (size_t i = 1; ok && i < w->log_count; i++)
		ok = replay_event(&r, w->log[i], &err);
	ck_assert(!ok);
	ck_assert_ptr_nonnull(strstr(err.text, "in the snapshot"));
	replay_end(&r);
	world_free(w);
}
END_TEST

START_TEST(a_gap_is_named)
{
	struct world *w = played();
	struct err err = {0};
	struct replay r = {
		.show_of = show_of, .whose = w->show, .to_version = -1};
	ck_assert(replay_begin(&r, 1, &err));
	ck_assert(replay_event(&r, w->log[0], &err));
	ck_assert(!replay_event(&r, w->log[2], &err));
	ck_assert_str_eq(err.text, "event 2 is missing: 3 comes behind 1");
	replay_end(&r);
	world_free(w);
}
END_TEST

/* What a head with this definition reads as; `text` gets how it was kept. */
static enum logfile_line definition_read(const char *says, const char *text,
					 char **kept, struct err *err)
{
	struct logfile_writer out;
	struct logfile_reader r = {0};
	struct buf b = {0};
	char sum[HASH_HEX_BYTES];
	json_object *definitions = json_object_new_object();
	json_object_object_add(definitions, says, json_object_new_string(text));
	logfile_begin(&out, &b, "t", NULL, 1, 1, definitions);
	hash_sum_end(&out.sum, sum);
	json_object_put(definitions);
	size_t head = (size_t)(strchr(b.data, '\n') - b.data) + 1;
	ck_assert_int_eq(logfile_read(&r, b.data, head, err), LOGFILE_HEADER);
	enum logfile_line kind =
		logfile_read(&r, b.data + head, b.len - head, err);
	*kept = kind == LOGFILE_DEFINITION ? xstrdup(r.definition) : NULL;
	logfile_reader_release(&r);
	buf_release(&b);
	return kind;
}

START_TEST(a_definition_has_its_hash)
{
	static const struct {
		const char *text, *hashed;
		bool ok;
	} cases[] = {
		{"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}", true},
		{"{ \"b\":2, \"a\":1}", "{\"a\":1,\"b\":2}", true},
		{"{\"a\":1,\"b\":3}", "{\"a\":1,\"b\":2}", false},
		{"{\"a\":1", "{\"a\":1", false},
		{"{}{}", "{}{}", false},
		{"", "", false},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct err err = {0};
		char hash[HASH_HEX_BYTES], *kept;
		const char *hashed = cases[i].hashed;
		hash_sha256_hex(hash, hashed, strlen(hashed));
		enum logfile_line kind =
			definition_read(hash, cases[i].text, &kept, &err);
		ck_assert_int_eq(kind, cases[i].ok ? LOGFILE_DEFINITION
						   : LOGFILE_BAD);
		if (cases[i].ok)
			ck_assert_str_eq(kept, hashed);
		else
			ck_assert_ptr_nonnull(
				strstr(err.text, "line 2 (a definition)"));
		free(kept);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("logfile");
	TCase *t = tcase_create("logfile");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_was_written_is_read);
	tcase_add_test(t, every_flipped_byte_is_found);
	tcase_add_test(t, what_is_cut_off_or_added_is_found);
	tcase_add_test(t, one_run_alone);
	tcase_add_test(t, what_does_not_follow_is_named);
	tcase_add_test(t, a_trimmed_log_goes_on_from_its_snapshot);
	tcase_add_test(t, a_snapshot_that_does_not_follow);
	tcase_add_test(t, a_gap_is_named);
	tcase_add_test(t, a_definition_has_its_hash);
	suite_add_tcase(s, t);
	return tap_run(s);
}

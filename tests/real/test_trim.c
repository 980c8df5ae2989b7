/* Trimming against a real redis-server: what goes stands in a file and is read
 * from there, whatever dies in between; what cannot be kept is not trimmed; and
 * what is missing is said. */
#define REPLY_BESIDE_HIREDIS
#include "tap.h"

#include <dirent.h>

#include "golden_here.h"
#include "store/archive.h"
#include "store/client.h"
#include "store/logread.h"
#include "store/trimmer.h"

#define KEY(name) "showcaller:{adventure}:" name
#define KEEP	  40
#define RUNS	  4 /* of 38 events */
#define FAR	  (INT64_C(1) << 50)

static atomic_bool give_up;
static char *folder;
static struct buf written; /* every event, a line each */

static void note_event(struct buf *out, const struct event *e)
{
	json_object *o = event_json(e);
	buf_addf(out, "%s\n", json_text(o));
	json_object_put(o);
}

/* All that can be read, from event `after` + 1 on. */
static int read_all(uint64_t after, struct buf *out, struct err *err)
{
	struct client *c =
		client_open(redis_server_address(here), show->id, err);
	int n = c ? 1 : -1, count = 0;
	while (n > 0) {
		struct event **events = NULL;
		n = client_events(c, after, 7, 0, &events, err);
		for (int i = 0; i < n; i++) {
			after = events[i]->seq;
			count++;
			note_event(out, events[i]);
			event_free(&events[i]);
		}
		free(events);
	}
	client_close(&c);
	return n < 0 ? n : count;
}

static void expect_all(void)
{
	struct buf got = {0};
	struct err err = {0};
	int n = read_all(0, &got, &err);
	ck_assert_msg(n == (int)m->seq, "%d: %s", n, err.text);
	ck_assert_str_eq(buf_str(&got), buf_str(&written));
	buf_release(&got);
}

/* A client that reads anew gets that sentence for event `seq`. */
static void expect_missing(uint64_t seq, enum err_code code, const char *why)
{
	struct buf got = {0};
	struct err err = {0};
	ck_assert_int_eq(read_all(seq - 1, &got, &err), -1);
	ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
	ck_assert_int_eq(err.code, code);
	buf_release(&got);
}

static size_t files(const char *begin)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;
	while (dir && (entry = readdir(dir)))
		n += strncmp(entry->d_name, begin, strlen(begin)) == 0;
	if (dir)
		closedir(dir);
	return n;
}

static bool trim_as(int64_t as, struct err *err)
{
	uint64_t next_look;
	struct trimmer *t = trimmer_open(redis_server_address(here), show, as,
					 &give_up, err);
	bool ok = t && trimmer_trim(t, KEEP, &next_look, err);
	trimmer_close(&t);
	return ok;
}

static void trim(void)
{
	struct err err = {0};
	ck_assert_msg(trim_as(epoch, &err), "%s", err.text);
}

static uint64_t first_in_redis(void)
{
	struct err err = {0};
	uint64_t first, last;
	struct client *c =
		client_open(redis_server_address(here), show->id, &err);
	ck_assert(c && client_ends(c, &first, &last, &err));
	ck_assert_uint_eq(last, m->seq);
	client_close(&c);
	return first;
}

/* Some runs, a snapshot behind each, and nothing trimmed yet. */
static void play_runs(int from, int to)
{
	struct err err = {0};
	for (int i = from; i <= to; i++) {
		char run[8];
		snprintf(run, sizeof run, "r%d", i);
		play(run, show->hash, NULL);
		keep();
		drain(WRITER_OK);
	}
	uint64_t after = 0;
	for (const char *at = written.len ? written.data : "";
	     (at = strchr(at, '\n'));)
		at++, after++;
	ck_assert_int_gt(read_all(after, &written, &err), 0);
}

static void set_up(void)
{
	setenv("SHOWCALLER_STATE", here_dir, 1);
	here_do("FLUSHALL");
	begin();
	folder = archive_folder(show->id);
	char *command = xasprintf("rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
	free(command);
	later_ms = 0;
	buf_clear(&written);
	play_runs(1, 2);
	trim(); /* chooses where to, at event 76 */
	ck_assert_uint_eq(first_in_redis(), 1);
	ck_assert_uint_eq(files("events-"), 0);
	play_runs(3, RUNS);
}

static void tear_down(void)
{
	free(folder);
	end();
}

static void verify_files(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		struct err err = {0};
		struct replay r = {0};
		if (entry->d_name[0] == '.')
			continue;
		char *path = xasprintf("%s/%s", folder, entry->d_name);
		struct logread *file = logread_open(path, &err);
		ck_assert_msg(file && logread_verify(file, &r, &err), "%s",
			      err.text);
		replay_end(&r);
		logread_close(&file);
		free(path);
	}
	closedir(dir);
}

static void expect_fold(void)
{
	struct err err = {0};
	struct model *again = model_new(show);
	ck_assert_msg(writer_fold(w, &again, &err), "%s", err.text);
	char *want = model_snapshot(m), *got = model_snapshot(again);
	ck_assert_str_eq(got, want);
	free(got);
	free(want);
	model_free(&again);
}

START_TEST(it_goes_into_a_file)
{
	set_up();
	trim();
	ck_assert_uint_eq(first_in_redis(), 77);
	ck_assert_uint_eq(files(""), 3); /* with . and .. */
	verify_files();
	expect_all();
	trim(); /* nothing is due */
	ck_assert_uint_eq(first_in_redis(), 77);
	play_runs(RUNS + 1, RUNS + 2);
	trim();
	ck_assert_uint_eq(first_in_redis(), 153);
	ck_assert_uint_eq(files("events-"), 2);
	verify_files();
	expect_all();
	tear_down();
}
END_TEST

/* Whoever has only Redis folds from there on. */
START_TEST(the_ground_stays)
{
	struct err err = {0};
	char hash[HASH_HEX_BYTES];
	uint64_t seq;
	set_up();
	trim();
	struct client *c =
		client_open(redis_server_address(here), show->id, &err);
	char *text = client_ground(c, &seq, hash, &err);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(seq, 76);
	free(text);
	client_close(&c);
	expect_fold();
	here_do("DEL " KEY("snapshot:last"));
	expect_fold();
	here_do("SET " KEY("trimmed:text") " nonsense");
	struct model *again = model_new(show);
	ck_assert(!writer_fold(w, &again, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "no snapshot tells what was"));
	model_free(&again);
	tear_down();
}
END_TEST

/* Writes the file of the first events, and no row for it. */
static void archive_first(uint64_t last, struct archive *a)
{
	struct err err = {0};
	struct client *c =
		client_open(redis_server_address(here), show->id, &err);
	ck_assert_msg(archive_write(c, show->id, 1, last, &give_up, a, &err),
		      "%s", err.text);
	client_close(&c);
}

START_TEST(a_core_that_died_before_it_trimmed)
{
	struct err err = {0};
	struct archive a;
	set_up();
	archive_first(50, &a);
	char *half = xasprintf("%s/half-abcdef", folder);
	ck_assert(file_write(half, "{", 1, 0600, &err));
	trim();
	ck_assert_uint_eq(first_in_redis(), 77);
	ck_assert_uint_eq(files("events-"), 2);
	ck_assert_int_eq(here_int("HEXISTS " KEY("archives") " 1-50"), 1);
	ck_assert_int_eq(here_int("HEXISTS " KEY("archives") " 51-76"), 1);
	ck_assert_uint_eq(files("half-"), 0);
	expect_all();
	free(half);
	tear_down();
}
END_TEST

/* Of the same place in another log: left alone. */
START_TEST(a_file_of_another_log)
{
	struct archive a;
	later_ms = 0;
	set_up();
	archive_first(50, &a);
	char *path = archive_path(show->id, &a);
	char *text = file_read(path, 1 << 20, NULL, NULL);
	end();
	here_do("FLUSHALL");
	begin();
	buf_clear(&written);
	later_ms = 5;
	play_runs(1, 2);
	trim();
	play_runs(3, RUNS);
	trim();
	ck_assert_uint_eq(first_in_redis(), 77);
	ck_assert_uint_eq(files("events-"), 2); /* theirs, ours */
	expect_all();
	char *same = file_read(path, 1 << 20, NULL, NULL);
	ck_assert_str_eq(same, text);
	free(same);
	free(text);
	free(path);
	tear_down();
}
END_TEST

START_TEST(a_core_that_died_while_it_trimmed)
{
	struct archive a;
	set_up();
	archive_first(50, &a);
	char *field = archive_field(&a), *value = archive_value(&a);
	redisContext *r = here_connect();
	freeReplyObject(redisCommand(r, "HSET " KEY("archives") " %s %s", field,
				     value));
	redisFree(r);
	here_do("RENAME " KEY("trim:next") " " KEY("trimmed"));
	here_do("RENAME " KEY("trim:next:text") " " KEY("trimmed:text"));
	here_do("XTRIM " KEY("events") " MINID 21-0");
	expect_all();
	trim();
	ck_assert_uint_eq(first_in_redis(), 77);
	ck_assert_uint_eq(files("events-"), 2);
	expect_all();
	expect_fold();
	free(field);
	free(value);
	tear_down();
}
END_TEST

START_TEST(a_stale_core_trims_nothing)
{
	struct err err = {0};
	set_up();
	here_do("INCR " KEY("epoch"));
	ck_assert(!trim_as(epoch, &err));
	ck_assert_msg(strstr(err.text, "leads no longer") != NULL, "%s",
		      err.text);
	ck_assert_uint_eq(first_in_redis(), 1);
	ck_assert_int_eq(here_int("EXISTS " KEY("trimmed") " " KEY("archives")),
			 0);
	expect_all();
	/* What it wrote is good for the one that leads. */
	struct err none = {0};
	ck_assert_msg(trim_as(epoch + 1, &none), "%s", none.text);
	ck_assert_uint_eq(first_in_redis(), 77);
	ck_assert_uint_eq(files("events-"), 1);
	tear_down();
}
END_TEST

START_TEST(told_to_stop)
{
	struct err err = {0};
	set_up();
	give_up = true;
	ck_assert(!trim_as(epoch, &err));
	give_up = false;
	ck_assert_uint_eq(first_in_redis(), 1);
	ck_assert_uint_eq(files(""), 2);
	trim();
	expect_all();
	tear_down();
}
END_TEST

/* Ways in which the ground is none: another one is chosen, and meanwhile
 * nothing goes. */
static const char *const harms[] = {
	"redis.call('SET', KEYS[2], 'nonsense')",
	"redis.call('DEL', KEYS[2])",
	"redis.call('DEL', KEYS[1])",
	"redis.call('SET', KEYS[1], 'nonsense')",
	"redis.call('DEL', KEYS[2]) redis.call('LPUSH', KEYS[2], 'x')",
	/* Whole, with its sum, and yet nobody can begin with it. */
	"redis.call('SET', KEYS[2], '{}') "
	"redis.call('SET', KEYS[1], 'r2 76 ' .. "
	"'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a ' "
	".. string.match(redis.call('GET', KEYS[1]), '%x+$'))",
};

START_TEST(no_ground_no_trimming)
{
	set_up();
	redisContext *r = here_connect();
	redisReply *reply = redisCommand(
		r, "EVAL %s 2 " KEY("trim:next") " " KEY("trim:next:text"),
		harms[_i]);
	ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "%s", reply->str);
	freeReplyObject(reply);
	redisFree(r);
	trim();
	ck_assert_uint_eq(first_in_redis(), 1);
	play_runs(RUNS + 1, RUNS + 2);
	trim();
	ck_assert_uint_eq(first_in_redis(), 153); /* what was newest then */
	expect_all();
	tear_down();
}
END_TEST

START_TEST(no_snapshot_can_be_read)
{
	struct err err = {0};
	set_up();
	here_do("DEL " KEY("trim:next"));
	here_do("SET " KEY("snapshot:r4") " nonsense");
	ck_assert(!trim_as(epoch, &err));
	ck_assert_msg(strstr(err.text, "the snapshot behind which") != NULL,
		      "%s", err.text);
	ck_assert_uint_eq(first_in_redis(), 1);
	ck_assert_int_eq(here_int("EXISTS " KEY("trim:next")), 0);
	tear_down();
}
END_TEST

/* Whoever looks into it finds it where it happened. */
START_TEST(a_log_that_does_not_hold_stays)
{
	struct err err = {0};
	set_up();
	lies = true;
	play_runs(RUNS + 1, RUNS + 1);
	lies = false;
	trim();
	ck_assert_uint_eq(first_in_redis(), 77);
	play_runs(RUNS + 2, RUNS + 4);
	ck_assert(!trim_as(epoch, &err));
	ck_assert_msg(strstr(err.text, "the story's hash after it") != NULL,
		      "%s", err.text);
	ck_assert_uint_eq(first_in_redis(), 77);
	ck_assert_uint_eq(files(""), 3);
	expect_all();
	tear_down();
}
END_TEST

/* The only file there is. Caller frees. */
static char *only_file(void)
{
	struct dirent *entry;
	char *path = NULL;
	DIR *dir = opendir(folder);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] == 'e')
			path = xasprintf("%s/%s", folder, entry->d_name);
	closedir(dir);
	ck_assert_ptr_nonnull(path);
	return path;
}

START_TEST(a_flipped_byte_is_found)
{
	size_t bytes;
	struct err err = {0};
	struct buf got = {0};
	set_up();
	trim();
	char *path = only_file();
	char *text = file_read(path, 1 << 20, &bytes, &err);
	char *line = strstr(text, "\n{\"id\":30,");
	ck_assert_ptr_nonnull(line);
	line[25] ^= 1;
	ck_assert(file_write(path, text, bytes, 0600, &err));
	expect_missing(30, ERR_NO, "(event 30): it is not as it was written");
	ck_assert_int_eq(read_all(0, &got, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	/* Nor is it put back into the log as the next core's beginning. */
	line[25] ^= 1;
	ck_assert(file_write(path, text, bytes, 0600, &err));
	expect_all();
	/* A file that was written anew, whole in itself, is another one. */
	line = strstr(text + bytes - 100, ",\"chain\":\"");
	line[12] = line[12] == 'a' ? 'b' : 'a';
	ck_assert(file_write(path, text, bytes, 0600, &err));
	expect_missing(1, ERR_NO, "is not the file that was archived there");
	buf_release(&got);
	free(text);
	free(path);
	tear_down();
}
END_TEST

START_TEST(what_is_not_here_is_said)
{
	struct err err = {0};
	uint64_t first, last;
	char why[320];
	set_up();
	trim();
	char *path = only_file(), *away = xasprintf("%s.away", path);
	ck_assert_int_eq(rename(path, away), 0);
	expect_missing(5, ERR_DATA, "and that file is gone; put it back");
	struct client *c =
		client_open(redis_server_address(here), show->id, &err);
	ck_assert(client_readable(c, &first, &last, why, sizeof why, &err));
	ck_assert_uint_eq(first, 77);
	ck_assert_ptr_nonnull(strstr(why, "events 1 to 76 were archived"));
	ck_assert_int_eq(rename(away, path), 0);
	ck_assert(client_readable(c, &first, &last, why, sizeof why, &err));
	ck_assert_uint_eq(first, 1);
	ck_assert_str_eq(why, "");
	client_close(&c);
	/* On another machine, then: the same file, copied, will do. */
	redisContext *r = here_connect();
	freeReplyObject(
		redisCommand(r, "EVAL %s 1 " KEY("archives"),
			     "local v = redis.call('HGET', KEYS[1], '1-76') "
			     "redis.call('HSET', KEYS[1], '1-76', "
			     "(string.gsub(v, '%S+$', 'backstage')))"));
	redisFree(r);
	expect_all();
	ck_assert_int_eq(unlink(path), 0);
	expect_missing(5, ERR_DATA, "in an archive file on backstage; copy it");
	here_do("DEL " KEY("archives"));
	expect_missing(5, ERR_DATA, "event 5 is no longer kept");
	/* What somebody else trims is another matter. */
	here_do("XTRIM " KEY("events") " MINID 100-0");
	expect_missing(80, ERR_DATA, "Somebody trimmed or deleted events");
	free(path);
	free(away);
	tear_down();
}
END_TEST

/* --- ages --------------------------------------------------------------- */

static int told;

static void tell(void *whose, const char *text)
{
	(void)whose;
	ck_assert_ptr_nonnull(strstr(text, "its time is over"));
	told++;
}

static int retire(int64_t before_ms, const char *run)
{
	struct err err = {0};
	struct trimmer *t = trimmer_open(redis_server_address(here), show,
					 epoch, &give_up, &err);
	told = 0;
	ck_assert_msg(t && trimmer_retire(t, before_ms, run, tell, NULL, &err),
		      "%s", err.text);
	trimmer_close(&t);
	return told;
}

START_TEST(old_runs_are_deleted)
{
	struct archive a;
	set_up();
	int64_t end_ms = m->at_ms; /* of r1 to r4 alike */
	later_ms = FAR;
	archive_first(50, &a); /* r2 ends in the second file */
	trim();
	ck_assert_uint_eq(files("events-"), 2);
	ck_assert_int_eq(retire(end_ms - 1, "r4"), 0);
	ck_assert_int_eq(retire(end_ms + 1, "r2"), 0); /* it goes on */
	ck_assert_uint_eq(files("events-"), 2);
	ck_assert_int_eq(retire(end_ms + 1, "r4"), 2);
	ck_assert_uint_eq(files("events-"), 0);
	ck_assert_int_eq(here_int("HLEN " KEY("archives")), 0);
	ck_assert_int_eq(
		here_int("EXISTS " KEY("snapshot:r1") " " KEY("snapshot:r2")),
		0);
	ck_assert_int_eq(here_int("EXISTS " KEY("snapshot:r4")), 1);
	expect_missing(5, ERR_DATA, "event 5 is no longer kept");
	expect_fold();
	tear_down();
}
END_TEST

/* The end of the run counts, not of the file: r2 ended long after. */
START_TEST(the_end_of_the_run_counts)
{
	struct archive a;
	set_up();
	here_do("FLUSHALL");
	end();
	begin();
	buf_clear(&written);
	play_runs(1, 1);
	int64_t end_ms = m->at_ms;
	play_runs(2, 2);
	trim();
	later_ms = FAR;
	commit_line("{\"type\":\"note\",\"at\":1,\"data\":{\"text\":\"x\"}}",
		    "r2", show->hash);
	drain(WRITER_OK);
	play_runs(3, RUNS);
	archive_first(38, &a);
	trim();
	ck_assert_uint_eq(files("events-"), 2); /* 1-38, 39-76 */
	ck_assert_int_eq(retire(end_ms + 1, "r4"), 1);
	ck_assert_uint_eq(files("events-0000000039"), 1);
	tear_down();
}
END_TEST

static void sweep(const char *stream)
{
	struct err err = {0};
	struct trimmer *t = trimmer_open(redis_server_address(here), show,
					 epoch, &give_up, &err);
	ck_assert_msg(t && trimmer_sweep(t, stream, 7 * 86400000, &err), "%s",
		      err.text);
	trimmer_close(&t);
}

#define INBOX KEY("inbox:band")

/* 1,500 old messages: `read` of them were read, all acknowledged but `not`. */
static void fill(int read, int not )
{
	char command[120];
	redisContext *r = here_connect();
	here_do("DEL " INBOX);
	for (int i = 1; i <= 1500; i++)
		redisAppendCommand(r, "XADD " INBOX " %d-0 id x data {}", i);
	redisAppendCommand(r, "XADD " INBOX " * id new data {}");
	redisAppendCommand(r, "XGROUP CREATE " INBOX " band 0");
	if (read)
		redisAppendCommand(
			r,
			"XREADGROUP GROUP band w COUNT %d STREAMS " INBOX " >",
			read);
	for (int i = 1; i <= read; i++)
		if (i != not )
			redisAppendCommand(r, "XACK " INBOX " band %d-0", i);
	redisAppendCommand(r, "PING");
	for (redisReply *reply = NULL;;) {
		ck_assert(redisGetReply(r, (void **)&reply) == REDIS_OK);
		bool last = reply->str && strcmp(reply->str, "PONG") == 0;
		freeReplyObject(reply);
		if (last)
			break;
	}
	redisFree(r);
	(void)command;
}

START_TEST(messages_that_are_done_go)
{
	begin();
	fill(1501, 0);
	sweep("inbox:band");
	ck_assert_int_eq(here_int("XLEN " INBOX), 1); /* it is new */
	fill(1501, 700);
	sweep("inbox:band");
	ck_assert_int_eq(here_int("XLEN " INBOX), 802); /* 700 is pending */
	fill(900, 0);
	sweep("inbox:band");
	ck_assert_int_eq(here_int("XLEN " INBOX), 601); /* 901 is unread */
	fill(0, 0);
	sweep("inbox:band");
	ck_assert_int_eq(here_int("XLEN " INBOX), 1501);
	/* A second group that has read nothing. */
	fill(1501, 0);
	here_do("XGROUP CREATE " INBOX " late 5-0");
	sweep("inbox:band");
	ck_assert_int_eq(here_int("XLEN " INBOX), 1496);
	fill(0, 0);
	here_do("XGROUP DESTROY " INBOX " band");
	sweep("inbox:band");
	ck_assert_int_eq(here_int("XLEN " INBOX), 1501);
	sweep("inbox:nobody");
	ck_assert_int_eq(here_int("EXISTS " KEY("inbox:nobody")), 0);
	end();
}
END_TEST

/* What was acknowledged goes when there is much of it, what is pending stays.
 */
START_TEST(what_is_pending_stays)
{
	begin();
	redisContext *r = here_connect();
	for (int i = 1; i <= 10100; i++)
		redisAppendCommand(r, "XADD " KEY("commands") " %d-0 data {}",
				   i);
	redisAppendCommand(r, "XGROUP CREATE " KEY("commands") " core 0");
	redisAppendCommand(r,
			   "XREADGROUP GROUP core core COUNT 9000 STREAMS " KEY(
				   "commands") " >");
	for (int i = 0; i < 10102; i++) {
		redisReply *reply = NULL;
		ck_assert(redisGetReply(r, (void **)&reply) == REDIS_OK);
		freeReplyObject(reply);
	}
	for (int i = 1; i <= 9000; i++) {
		char id[16];
		snprintf(id, sizeof id, "%d-0", i);
		if (i != 300)
			writer_ack(w, "commands", id);
	}
	drain(WRITER_OK);
	redisReply *reply =
		redisCommand(r, "XPENDING " KEY("commands") " core");
	ck_assert_str_eq(reply->element[1]->str, "300-0");
	freeReplyObject(reply);
	reply = redisCommand(r, "XRANGE " KEY("commands") " 300-0 300-0");
	ck_assert_uint_eq(reply->elements, 1);
	freeReplyObject(reply);
	redisFree(r);
	end();
}
END_TEST

int main(void)
{
	if (!here_possible())
		return 0;
	Suite *s = suite_create("trim");
	here_case(s, "file", it_goes_into_a_file, 0);
	here_case(s, "ground", the_ground_stays, 0);
	here_case(s, "before", a_core_that_died_before_it_trimmed, 0);
	here_case(s, "while", a_core_that_died_while_it_trimmed, 0);
	here_case(s, "other", a_file_of_another_log, 0);
	here_case(s, "stale", a_stale_core_trims_nothing, 0);
	here_case(s, "stop", told_to_stop, 0);
	here_case(s, "no ground", no_ground_no_trimming, COUNT_OF(harms));
	here_case(s, "no snapshot", no_snapshot_can_be_read, 0);
	here_case(s, "lies", a_log_that_does_not_hold_stays, 0);
	here_case(s, "flipped", a_flipped_byte_is_found, 0);
	here_case(s, "missing", what_is_not_here_is_said, 0);
	here_case(s, "old runs", old_runs_are_deleted, 0);
	here_case(s, "end of run", the_end_of_the_run_counts, 0);
	here_case(s, "messages", messages_that_are_done_go, 0);
	here_case(s, "pending", what_is_pending_stays, 0);
	return tap_run(s);
}

/* What the store reads and writes, without a Redis. */
#include "tap.h"
#include "temp.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/address.h"
#include "store/bus.h"
#include "store/entry.h"
#include "store/refusal.h"
#include "store/resp.h"

static const struct {
	const char *url, *host, *path;
	int port, db;
	const char *user, *shown;
} good[] = {
	{"redis://localhost", "localhost", NULL, 6379, 0, NULL,
	 "redis://localhost:6379"},
	{"redis://ann@10.0.0.1:7000/3", "10.0.0.1", NULL, 7000, 3, "ann",
	 "redis://ann@10.0.0.1:7000/3"},
	{"redis://[::1]:7000", "::1", NULL, 7000, 0, NULL,
	 "redis://[::1]:7000"},
	{"redis://h/", "h", NULL, 6379, 0, NULL, "redis://h:6379"},
	{"unix:///run/redis.sock", NULL, "/run/redis.sock", 0, 0, NULL,
	 "unix:///run/redis.sock"},
	{"unix:///run/redis.sock?db=2", NULL, "/run/redis.sock", 0, 2, NULL,
	 "unix:///run/redis.sock?db=2"},
	{"/run/redis.sock", NULL, "/run/redis.sock", 0, 0, NULL,
	 "unix:///run/redis.sock"},
};

static void same(const char *a, const char *b)
{
	ck_assert_str_eq(a ? a : "(null)", b ? b : "(null)");
}

START_TEST(addresses)
{
	struct err err = {0};
	struct address *a = address_parse(good[_i].url, &err);
	ck_assert_msg(a != NULL, "%s", err.text);
	same(a->host, good[_i].host);
	same(a->path, good[_i].path);
	same(a->user, good[_i].user);
	same(a->url, good[_i].shown);
	ck_assert_int_eq(a->db, good[_i].db);
	if (a->host)
		ck_assert_int_eq(a->port, good[_i].port);
	address_free(&a);
}
END_TEST

static const char *const bad[] = {
	"",
	"localhost",
	"http://localhost",
	"rediss://localhost",
	"redis://",
	"redis://h:0",
	"redis://h:65536",
	"redis://h:port",
	"redis://h/x",
	"redis://h/99999999999999999999",
	"redis://[::1",
	"redis://u:secret@h",
	"redis://:secret@h",
	"unix://relative",
	"unix:///a?timeout=3",
	"unix:///a?db=x",
	"/a/very/long/path/a/very/long/path/a/very/long/path/a/very/long/path/"
	"a/very/long/path/a/very/long/path/redis.sock",
};

START_TEST(bad_addresses)
{
	struct err err = {0};
	ck_assert_ptr_null(address_parse(bad[_i], &err));
	ck_assert_int_eq(err.code, ERR_USAGE);
	ck_assert_ptr_null(strstr(err.text, "secret"));
}
END_TEST

START_TEST(an_address_is_kept)
{
	struct err err = {0};
	char *dir = temp_new();
	struct stat st;
	setenv("SHOWCALLER_STATE", dir, 1);
	ck_assert_ptr_null(address_of_show("mine", &err));
	ck_assert_int_eq(err.code, ERR_UNAVAILABLE);

	setenv("SHOWCALLER_REDIS_PASSWORD", "hunter22", 1);
	struct address *a = address_parse("redis://ann@h:1/2", &err);
	ck_assert_str_eq(a->password, "hunter22");
	ck_assert(address_save(a, "mine", &err));
	struct address *b = address_of_show("mine", &err);
	ck_assert_msg(b != NULL, "%s", err.text);
	ck_assert_str_eq(b->url, a->url);
	ck_assert_str_eq(b->password, "hunter22");

	char path[512];
	snprintf(path, sizeof path, "%s/mine/address", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	address_free(&a);
	address_free(&b);
	temp_remove(&dir);
}
END_TEST

START_TEST(refusals_by_name)
{
	struct err err = {0};
	static const struct {
		const char *text;
		enum refusal_cure cure;
		enum err_code code;
	} rows[] = {
		{"LOADING Redis is loading", REFUSAL_WAIT, ERR_AGAIN},
		{"BUSY Redis is busy", REFUSAL_WAIT, ERR_AGAIN},
		{"BUSYGROUP exists", REFUSAL_FINAL, ERR_UNAVAILABLE},
		{"OOM command not allowed", REFUSAL_WAIT, ERR_UNAVAILABLE},
		{"WRONGPASS invalid", REFUSAL_HUMAN, ERR_CONFIG},
		{"NOSCRIPT No matching", REFUSAL_RELOAD, ERR_AGAIN},
		{"WRONGTYPE Operation", REFUSAL_FINAL, ERR_CONFIG},
		{"ERR max number of clients reached", REFUSAL_WAIT, ERR_AGAIN},
		{"what is this", REFUSAL_FINAL, ERR_UNAVAILABLE},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct refusal *r = refusal_of(rows[i].text);
		ck_assert_int_eq(r->cure, rows[i].cure);
		ck_assert_int_eq(r->code, rows[i].code);
	}
	ck_assert(!refusal_set(&err, "x", "OOM \033[31mred"));
	ck_assert_ptr_null(strchr(err.text, '\033'));
	/* In few words, for the first line of a screen. */
	ck_assert_str_eq(refusal_brief(err.text), "out of memory");
	refusal_set(&err, "Redis", "LOADING Redis is loading");
	ck_assert_str_eq(refusal_brief(err.text), "loading its data");
	ck_assert_str_eq(refusal_brief("connect: Connection refused"),
			 "not there");
	ck_assert_str_eq(refusal_brief("what is this"), "what is this");
}
END_TEST

START_TEST(protocol_is_exact)
{
	struct buf b = {0};
	resp_begin(&b, 3);
	resp_str(&b, "a\r\nb");
	resp_int(&b, INT64_MIN);
	resp_bytes(&b, "", 0);
	ck_assert_str_eq(buf_str(&b), "*3\r\n$4\r\na\r\nb\r\n$20\r\n"
				      "-9223372036854775808\r\n$0\r\n\r\n");
	buf_release(&b);
}
END_TEST

/* A stream entry as hiredis would give it, from protocol text. */
static redisReply *parse(const char *id, int count, ...)
{
	struct buf b = {0};
	void *reply = NULL;
	va_list ap;
	resp_begin(&b, 2);
	resp_str(&b, id);
	resp_begin(&b, (size_t)count);
	va_start(ap, count);
	while (count-- > 0)
		resp_str(&b, va_arg(ap, const char *));
	va_end(ap);
	redisReader *reader = redisReaderCreate();
	reply_prepare(reader);
	redisReaderFeed(reader, b.data, b.len);
	ck_assert_int_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
	redisReaderFree(reader);
	buf_release(&b);
	return reply;
}

static json_object *command_of(redisReply *entry, struct err *err)
{
	json_object *o = bus_command(entry, err);
	reply_free(entry);
	return o;
}

START_TEST(commands_in_both_forms)
{
	struct err err = {0};
	json_object *o = command_of(
		parse("5-1", 2, "data",
		      "{\"id\":\"x\",\"action\":\"go\",\"args\":[]}"),
		&err);
	ck_assert_str_eq(json_get_str(o, "id", ""), "x");
	json_object_put(o);

	o = command_of(parse("5-1", 6, "action", "approve", "args",
			     "  b1  200 ", "by", "ann"),
		       &err);
	ck_assert_str_eq(json_text(o),
			 "{\"action\":\"approve\",\"by\":\"ann\",\"args\":"
			 "[\"b1\",\"200\"],\"id\":\"5-1\"}");
	json_object_put(o);

	ck_assert_ptr_null(command_of(parse("5-1", 2, "x", "y"), &err));
	ck_assert_ptr_null(command_of(parse("5-1", 2, "data", "[1]"), &err));
	ck_assert_ptr_null(command_of(parse("5-1", 2, "data", "{"), &err));
	ck_assert_ptr_null(command_of(parse("5-1", 1, "data"), &err));
}
END_TEST

START_TEST(proposals_in_both_forms)
{
	struct err err = {0};
	redisReply *r = parse("7-0", 12, "stage_id", "s", "agent_id", "a",
			      "attempt", "2", "payload", "{\"x\":[1]}",
			      "confidence", "0.5", "tokens_used", "many");
	json_object *o = bus_proposal(r, &err);
	ck_assert_str_eq(json_text(o),
			 "{\"stage_id\":\"s\",\"agent_id\":\"a\",\"attempt\":2,"
			 "\"confidence\":0.5,\"tokens_used\":\"many\","
			 "\"payload\":{\"x\":[1]}}");
	json_object_put(o);
	reply_free(r);
}
END_TEST

START_TEST(answers)
{
	char id[BUS_ID_BYTES], *text;
	const char *args[] = {"b1"};
	ck_assert(bus_answer("{\"ok\":true,\"text\":\"yes\"}", &text));
	ck_assert_str_eq(text, "yes");
	free(text);
	ck_assert(!bus_answer("rubbish", &text));
	free(text);
	text = bus_command_text("approve", args, 1, "ann", NULL, id);
	ck_assert_uint_eq(strlen(id), 32);
	ck_assert_ptr_nonnull(strstr(text, id));
	ck_assert_ptr_nonnull(strstr(text, "[\"b1\"]"));
	free(text);
}
END_TEST

static uint64_t seq_of(const char *id)
{
	redisReply *r = parse(id, 0);
	uint64_t seq = entry_seq(r);
	reply_free(r);
	return seq;
}

START_TEST(entries_are_checked)
{
	struct err err = {0};
	ck_assert_uint_eq(seq_of("12-0"), 12);
	ck_assert_uint_eq(seq_of("12-1"), 0);
	ck_assert_uint_eq(seq_of("12"), 0);
	ck_assert_uint_eq(seq_of("999999999999999999999999999-0"), 0);
	redisReply *r = parse("3-0", 12, "type", "note", "run", "r", "stage",
			      "", "agent", "", "at", "9", "data", "{}");
	struct event *e = entry_event(r, 3, &err);
	ck_assert_msg(e != NULL, "%s", err.text);
	ck_assert_uint_eq(e->seq, 3);
	ck_assert_int_eq(e->at_ms, 9);
	event_free(&e);
	ck_assert_ptr_null(entry_event(r, 2, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "gap"));
	reply_free(r);
	r = parse("3-0", 2, "type", "note");
	ck_assert_ptr_null(entry_event(r, 3, &err));
	reply_free(r);
}
END_TEST

/* Answers of any shape, three deep as those of Redis. */
static void random_answer(struct buf *b, unsigned *chance, int depth)
{
	static const char *const plain[] = {"+OK", "-ERR no", ":-7", "$-1",
					    "*-1", "*0"};
	*chance = *chance * 1103515245 + 12345;
	unsigned what = (*chance >> 16) % 16;
	unsigned n = (*chance >> 20) % 40;
	if (what < COUNT_OF(plain)) {
		buf_addf(b, "%s\r\n", plain[what]);
	} else if (what < 11 || depth == 0) {
		if (what == 10)
			n *= 700;
		buf_addf(b, "$%u\r\n", n);
		for (unsigned i = 0; i < n; i++)
			buf_addc(b, (char)(i % 7 ? 'a' + (int)(i % 26) : 0));
		buf_adds(b, "\r\n");
	} else {
		buf_addf(b, "*%u\r\n", n);
		while (n-- > 0)
			random_answer(b, chance, depth - 1);
	}
}

static void same_answer(const redisReply *a, const redisReply *b)
{
	ck_assert_int_eq(a->type, b->type);
	ck_assert_int_eq((int)a->integer, (int)b->integer);
	ck_assert_uint_eq(a->len, b->len);
	ck_assert(!a->str == !b->str);
	ck_assert(!a->str || memcmp(a->str, b->str, a->len + 1) == 0);
	ck_assert_uint_eq(a->elements, b->elements);
	for (size_t i = 0; i < a->elements; i++)
		same_answer(a->element[i], b->element[i]);
}

START_TEST(answers_are_what_hiredis_reads)
{
	unsigned chance = 1;
	redisReader *ours = redisReaderCreate(), *plain = redisReaderCreate();
	reply_prepare(ours);
	for (int i = 0; i < 400; i++) {
		struct buf b = {0};
		void *a = NULL, *c = NULL;
		random_answer(&b, &chance, 3);
		size_t cut = chance % b.len;
		redisReaderFeed(plain, b.data, b.len);
		ck_assert_int_eq(redisReaderGetReply(plain, &c), REDIS_OK);
		redisReaderFeed(ours, b.data, cut);
		ck_assert_int_eq(redisReaderGetReply(ours, &a), REDIS_OK);
		if (!a) {
			redisReaderFeed(ours, b.data + cut, b.len - cut);
			ck_assert_int_eq(redisReaderGetReply(ours, &a),
					 REDIS_OK);
		}
		ck_assert(a && c);
		ck_assert(!reply_is_too_large(ours));
		same_answer(a, c);
		reply_free(a);
		plain->fn->freeObject(c);
		buf_release(&b);
	}
	/* What is cut off goes with the reader. */
	redisReaderFeed(ours, "*2\r\n$1\r\na\r\n", 11);
	void *none = NULL;
	redisReaderGetReply(ours, &none);
	ck_assert_ptr_null(none);
	redisReaderFree(ours);
	redisReaderFree(plain);
}
END_TEST

static TCase *add_case(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);
	suite_add_tcase(s, t);
	return t;
}

int main(void)
{
	Suite *s = suite_create("store");
	tcase_add_loop_test(add_case(s, "addresses"), addresses, 0,
			    (int)COUNT_OF(good));
	tcase_add_loop_test(add_case(s, "bad addresses"), bad_addresses, 0,
			    (int)COUNT_OF(bad));
	tcase_add_test(add_case(s, "kept address"), an_address_is_kept);
	tcase_add_test(add_case(s, "refusals"), refusals_by_name);
	tcase_add_test(add_case(s, "protocol"), protocol_is_exact);
	tcase_add_test(add_case(s, "commands"), commands_in_both_forms);
	tcase_add_test(add_case(s, "proposals"), proposals_in_both_forms);
	tcase_add_test(add_case(s, "answers"), answers);
	tcase_add_test(add_case(s, "entries"), entries_are_checked);
	tcase_add_test(add_case(s, "replies"), answers_are_what_hiredis_reads);
	return tap_run(s);
}

/* Pages of the log against a real redis-server: what stands there comes, also
 * after Redis was restarted under it, and what does not is said. */
#include "tap.h"

#include "console/past.h"
#include "console/pager.h"
#include "redis_here.h"
#include "store/keys.h"

#define EVENTS 1200

static void write_log(void)
{
	redisContext *c = here_connect();
	char *key = key_of("paged", "events");
	for (int i = 1; i <= EVENTS; i++)
		redisAppendCommand(
			c,
			"XADD %s %d-0 type note run r stage %s agent "
			"%s at %d data {\"text\":\"%d\"}",
			key, i, "", "", 1000 + i, i);
	for (int i = 1; i <= EVENTS; i++) {
		redisReply *r = NULL;
		if (redisGetReply(c, (void **)&r) != REDIS_OK ||
		    r->type == REDIS_REPLY_ERROR)
			ck_abort_msg("XADD: %s", r ? r->str : c->errstr);
		freeReplyObject(r);
	}
	free(key);
	redisFree(c);
}

static struct page_read *read_page(struct pager *p, uint64_t after)
{
	int64_t end = clock_mono_ms() + patience_ms(20000);
	ck_assert(pager_ask(p, after, PAST_PAGE));
	ck_assert(!pager_ask(p, after, PAST_PAGE)); /* one at a time */
	struct page_read *read = NULL;
	while (!read && clock_mono_ms() < end) {
		struct pollfd fd = {pager_fd(p), POLLIN, 0};
		poll(&fd, 1, 1000);
		read = pager_take(p);
	}
	ck_assert_ptr_nonnull(read);
	ck_assert_uint_eq(read->after, after);
	return read;
}

static void expect(struct pager *p, uint64_t after, size_t count)
{
	struct page_read *read = read_page(p, after);
	ck_assert_uint_eq(read->count, count);
	ck_assert_int_eq(read->why != NULL, count == 0);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(read->events[i]->seq, after + i + 1);
	page_read_free(read);
}

START_TEST(pages_come)
{
	write_log();
	struct pager *p = pager_start(redis_server_address(here), "paged");
	ck_assert_ptr_nonnull(p);
	expect(p, 0, PAST_PAGE);
	expect(p, 1000, 200);
	expect(p, 1500, 0);
	/* What was trimmed away is no page, and says so. */
	char *key = key_of("paged", "events");
	char *trim = xasprintf("XTRIM %s MINID 600-0", key);
	here_do(trim);
	expect(p, 500, 0);
	expect(p, 1000, 200);
	here_do("CLIENT KILL TYPE normal");
	struct page_read *read = read_page(p, 1000);
	page_read_free(read); /* the first may fail, the next must not */
	expect(p, 1000, 200);
	free(trim);
	free(key);
	/* An answer that nobody takes is freed with it. */
	ck_assert(pager_ask(p, 1000, PAST_PAGE));
	pager_stop(&p);
	ck_assert_ptr_null(p);
}
END_TEST

int main(void)
{
	if (!here_possible())
		return 77;
	Suite *s = suite_create("pager");
	here_case(s, "pages", pages_come, 0);
	return tap_run(s);
}

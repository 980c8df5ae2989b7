/* Flows: heads, bytes, ends, bounds, bells, two threads. */
#include "base/flow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tap.h"

#define LIMIT 1000

static atomic_int rung_reader, rung_writer;
static char last_id[64];

static void ring_reader(void *ctx, const char *id)
{
	(void)ctx;
	snprintf(last_id, sizeof last_id, "%s", id);
	atomic_fetch_add(&rung_reader, 1);
}

static void ring_writer(void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&rung_writer, 1);
}

static struct flow *flow_here(void)
{
	atomic_store(&rung_reader, 0);
	atomic_store(&rung_writer, 0);
	return flow_new(LIMIT, ring_reader, NULL, "l7");
}

START_TEST(a_head_then_bytes_then_an_end)
{
	struct flow *f = flow_here();
	struct flow_head head = {.status = 200, .type = "text/plain"}, got;
	enum flow_end end;
	char room[8];
	ck_assert(!flow_read_head(f, &got));
	flow_begin(f, &head);
	ck_assert_int_eq(rung_reader, 1);
	ck_assert_str_eq(last_id, "l7");
	head.status = 500;
	flow_begin(f, &head); /* comes too late */
	ck_assert(flow_read_head(f, &got));
	ck_assert_int_eq(got.status, 200);
	flow_put(f, "abcdef", 6);
	flow_put(f, "ghi", 3);
	ck_assert_int_eq(rung_reader, 2); /* once, for the first */
	ck_assert_uint_eq(flow_take(f, room, sizeof room, &end), 8);
	ck_assert_mem_eq(room, "abcdefgh", 8);
	ck_assert_uint_eq(flow_take(f, room, sizeof room, &end), 1);
	ck_assert_uint_eq(flow_take(f, room, sizeof room, &end), 0);
	ck_assert_int_eq(end, FLOW_GOES_ON);
	flow_finish(f, FLOW_WHOLE);
	flow_finish(f, FLOW_CUT);
	ck_assert_int_eq(rung_reader, 3);
	ck_assert_uint_eq(flow_take(f, room, sizeof room, &end), 0);
	ck_assert_int_eq(end, FLOW_WHOLE);
	flow_put(f, "late", 4);
	ck_assert_uint_eq(flow_take(f, room, sizeof room, &end), 0);
	flow_unref(&f);
	ck_assert_ptr_null(f);
}
END_TEST

START_TEST(it_is_bounded_and_says_when_there_is_room)
{
	struct flow *f = flow_here();
	enum flow_end end;
	char piece[LIMIT] = "", room[LIMIT];
	flow_set_bell(f, ring_writer, NULL);
	ck_assert(flow_has_room(f));
	flow_put(f, piece, LIMIT);
	ck_assert_uint_eq(flow_take(f, room, 10, &end), 10);
	ck_assert_int_eq(rung_writer, 0); /* it has not asked yet */
	flow_put(f, piece, 10);
	ck_assert(!flow_has_room(f));
	ck_assert_uint_eq(flow_take(f, room, LIMIT / 2 - 1, &end),
			  LIMIT / 2 - 1);
	ck_assert_int_eq(rung_writer, 0);
	ck_assert_uint_eq(flow_take(f, room, 1, &end), 1);
	ck_assert_int_eq(rung_writer, 1);
	ck_assert(flow_has_room(f));
	flow_unref(&f);
}
END_TEST

START_TEST(who_has_left_is_told_and_nothing_is_kept)
{
	struct flow *f = flow_here(), *held = flow_ref(f);
	size_t bytes;
	flow_set_bell(f, ring_writer, NULL);
	flow_put(f, "abc", 3);
	flow_leave(f);
	flow_leave(f);
	ck_assert_int_eq(rung_writer, 1);
	ck_assert(flow_is_left(held));
	ck_assert(flow_has_room(held));
	flow_unref(&f);
	flow_put(held, "abc", 3);
	flow_look(held, &bytes);
	ck_assert_uint_eq(bytes, 0);
	flow_set_bell(held, NULL, NULL);
	flow_unref(&held);
}
END_TEST

#define MUCH (1024 * 1024)

static void *write_much(void *arg)
{
	struct flow *f = arg;
	for (unsigned i = 0; i < MUCH;) {
		char piece[997];
		size_t n = sizeof piece;
		if (!flow_has_room(f))
			continue;
		if (n > MUCH - i)
			n = MUCH - i;
		for (size_t k = 0; k < n; k++)
			piece[k] = (char)((i + k) % 251);
		flow_put(f, piece, n);
		i += (unsigned)n;
	}
	flow_finish(f, FLOW_WHOLE);
	flow_unref(&f);
	return NULL;
}

START_TEST(two_threads_lose_nothing)
{
	struct flow *f = flow_here();
	pthread_t thread;
	enum flow_end end = FLOW_GOES_ON;
	unsigned got = 0;
	char room[4096];
	ck_assert_int_eq(pthread_create(&thread, NULL, write_much, flow_ref(f)),
			 0);
	while (end == FLOW_GOES_ON) {
		size_t n = flow_take(f, room, sizeof room, &end);
		for (size_t k = 0; k < n; k++)
			ck_assert_int_eq(room[k], (char)((got + k) % 251));
		got += (unsigned)n;
	}
	ck_assert_uint_eq(got, MUCH);
	pthread_join(thread, NULL);
	flow_unref(&f);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("flow");
	TCase *t = tcase_create("flow");
	tcase_set_timeout(t, 20);
	tcase_add_test(t, a_head_then_bytes_then_an_end);
	tcase_add_test(t, it_is_bounded_and_says_when_there_is_room);
	tcase_add_test(t, who_has_left_is_told_and_nothing_is_kept);
	tcase_add_test(t, two_threads_lose_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return tap_run(suite());
}

/* Mailboxes: order, refusal, closing, descriptors, many threads. */
#include "base/mailbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tap.h"

#define PATIENCE_MS 20000
#define SENDERS	    4
#define LETTERS	    5000 /* a sender */

struct letter {
	int sender, number;
};

static struct letter *letter_new(int sender, int number)
{
	struct letter *l = xmalloc(sizeof *l);
	*l = (struct letter){sender, number};
	return l;
}

static bool readable(const struct mailbox *box, int timeout_ms)
{
	struct pollfd p = {.fd = mailbox_fd(box), .events = POLLIN};
	return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN);
}

static void expect(struct mailbox *box, int number)
{
	struct letter *l = mailbox_take(box);
	ck_assert_ptr_nonnull(l);
	ck_assert_int_eq(l->number, number);
	free(l);
}

static bool send_letter(struct mailbox *box, int sender, int number)
{
	struct letter *l = letter_new(sender, number);
	bool ok = mailbox_post(box, &l);
	ck_assert((l == NULL) == ok); /* moved, or still ours */
	free(l);
	return ok;
}

START_TEST(keeps_the_order_and_refuses_when_full)
{
	struct mailbox *box = mailbox_new(3, free);
	ck_assert_ptr_null(mailbox_take(box));
	for (int round = 0; round < 5; round++) { /* round the ring */
		ck_assert(send_letter(box, 0, 1));
		ck_assert(send_letter(box, 0, 2));
		ck_assert(send_letter(box, 0, 3));
		ck_assert(!send_letter(box, 0, 4));
		expect(box, 1);
		ck_assert(send_letter(box, 0, 5));
		expect(box, 2);
		expect(box, 3);
		expect(box, 5);
		ck_assert_ptr_null(mailbox_take(box));
	}
	ck_assert_uint_eq(mailbox_refused(box), 5);
	mailbox_free(&box);
	ck_assert_ptr_null(box);
	mailbox_free(&box);
}
END_TEST

START_TEST(many_go_in_at_once_as_far_as_there_is_room)
{
	struct mailbox *box = mailbox_new(3, free);
	struct letter *all[4];
	for (int i = 0; i < 4; i++)
		all[i] = letter_new(0, i + 1);
	ck_assert(send_letter(box, 0, 9));
	ck_assert_uint_eq(mailbox_post_all(box, all, 4), 2);
	ck_assert_ptr_null(all[1]);
	ck_assert_ptr_nonnull(all[2]);
	ck_assert(readable(box, 0));
	ck_assert_uint_eq(mailbox_refused(box), 2);
	expect(box, 9);
	expect(box, 1);
	expect(box, 2);
	ck_assert(!readable(box, 0));
	ck_assert_uint_eq(mailbox_post_all(box, all + 2, 1), 1);
	ck_assert(readable(box, 0));
	expect(box, 3);
	mailbox_close(box);
	ck_assert_uint_eq(mailbox_post_all(box, all + 3, 1), 0);
	free(all[3]);
	mailbox_free(&box);
}
END_TEST

START_TEST(descriptor_says_what_is_true)
{
	struct mailbox *box = mailbox_new(4, free);
	ck_assert(send_letter(box, 0, 1)); /* before anybody asked for it */
	ck_assert(readable(box, 0));
	ck_assert(send_letter(box, 0, 2));
	expect(box, 1);
	ck_assert(readable(box, 0));
	expect(box, 2);
	ck_assert(!readable(box, 0));
	ck_assert(send_letter(box, 0, 3));
	ck_assert(readable(box, 0));
	free(mailbox_wait(box, 0));
	ck_assert(!readable(box, 0));
	mailbox_close(box);
	ck_assert(readable(box, 0));
	ck_assert_ptr_null(mailbox_take(box));
	ck_assert(readable(box, 0));
	mailbox_free(&box);
}
END_TEST

static int dropped;

static void drop(void *value)
{
	dropped++;
	free(value);
}

START_TEST(closing_keeps_what_is_inside)
{
	struct mailbox *box = mailbox_new(4, drop);
	for (int i = 1; i <= 4; i++)
		ck_assert(send_letter(box, 0, i));
	ck_assert(!mailbox_closed(box));
	mailbox_close(box);
	mailbox_close(box);
	ck_assert(mailbox_closed(box));
	expect(box, 1);
	ck_assert(!send_letter(box, 0, 9));
	ck_assert_uint_eq(mailbox_refused(box), 0); /* closed is not full */
	struct letter *l = mailbox_wait(box, -1);
	ck_assert_int_eq(l->number, 2);
	free(l);
	mailbox_free(&box);
	ck_assert_int_eq(dropped, 2);
}
END_TEST

START_TEST(waits_end_at_their_deadline)
{
	struct mailbox *box = mailbox_new(1, free);
	int64_t start = clock_mono_ms();
	ck_assert_ptr_null(mailbox_wait(box, 30));
	ck_assert_int_ge(clock_mono_ms() - start, 29);
	ck_assert(send_letter(box, 0, 1));
	struct letter *l = letter_new(0, 2);
	start = clock_mono_ms();
	ck_assert(!mailbox_post_wait(box, &l, 30));
	ck_assert_int_ge(clock_mono_ms() - start, 29);
	ck_assert_ptr_nonnull(l);
	ck_assert_uint_eq(mailbox_refused(box), 1);
	free(l);
	mailbox_free(&box);
}
END_TEST

struct sender {
	struct mailbox *box;
	int number;
	pthread_t thread;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;
	for (int i = 0; i < LETTERS; i++) {
		struct letter *l = letter_new(s->number, i);
		if (!mailbox_post_wait(s->box, &l, patience_ms(PATIENCE_MS))) {
			free(l);
			return arg;
		}
	}
	return NULL;
}

static void start_senders(struct sender senders[SENDERS], struct mailbox *box)
{
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){.box = box, .number = i};
		ck_assert_int_eq(pthread_create(&senders[i].thread, NULL,
						send_all, &senders[i]),
				 0);
	}
}

static void join_senders(struct sender senders[SENDERS])
{
	for (int i = 0; i < SENDERS; i++) {
		void *refused = NULL;
		pthread_join(senders[i].thread, &refused);
		ck_assert_ptr_null(refused);
	}
}

/* The shape of the engine: many senders, one receiver on poll. */
START_TEST(many_senders_one_receiver_on_poll)
{
	struct mailbox *box = mailbox_new(64, free);
	struct sender senders[SENDERS];
	int next[SENDERS] = {0};
	start_senders(senders, box);
	for (int got = 0; got < SENDERS * LETTERS;) {
		ck_assert(readable(box, patience_ms(PATIENCE_MS)));
		struct letter *l;
		while ((l = mailbox_take(box))) {
			if (l->number != next[l->sender]++)
				ck_abort_msg("out of order");
			free(l);
			got++;
		}
	}
	join_senders(senders);
	ck_assert(!readable(box, 0));
	mailbox_free(&box);
}
END_TEST

struct worker {
	struct mailbox *box;
	pthread_t thread;
	int64_t count, sum;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct letter *l;
	while ((l = mailbox_wait(w->box, -1))) {
		w->count++;
		w->sum += l->number;
		free(l);
	}
	return NULL;
}

/* The shape of the pool: many receivers; closing sends them home. */
START_TEST(many_senders_many_receivers)
{
	struct mailbox *box = mailbox_new(8, free);
	struct sender senders[SENDERS];
	struct worker workers[3];
	for (size_t i = 0; i < COUNT_OF(workers); i++) {
		workers[i] = (struct worker){.box = box};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	start_senders(senders, box);
	join_senders(senders);
	mailbox_close(box);
	int64_t count = 0, sum = 0;
	for (size_t i = 0; i < COUNT_OF(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		count += workers[i].count;
		sum += workers[i].sum;
	}
	ck_assert_int_eq(count, SENDERS * LETTERS);
	ck_assert_int_eq(sum, (int64_t)SENDERS * LETTERS * (LETTERS - 1) / 2);
	mailbox_free(&box);
}
END_TEST

static void *post_for_ever(void *arg)
{
	struct letter *l = letter_new(0, 1);
	bool ok = mailbox_post_wait(arg, &l, -1);
	free(l);
	return ok ? arg : NULL;
}

START_TEST(closing_wakes_who_waits)
{
	struct mailbox *empty = mailbox_new(1, free);
	struct mailbox *full = mailbox_new(1, free);
	ck_assert(send_letter(full, 0, 1));
	struct worker w = {.box = empty};
	pthread_t poster;
	pthread_create(&w.thread, NULL, work, &w);
	pthread_create(&poster, NULL, post_for_ever, full);
	mailbox_close(empty); /* before or after they wait: both must do */
	mailbox_close(full);
	void *posted;
	pthread_join(w.thread, NULL);
	pthread_join(poster, &posted);
	ck_assert_ptr_null(posted);
	mailbox_free(&empty);
	mailbox_free(&full);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mailbox");
	tap_add(s, "keeps the order, refuses when full",
		keeps_the_order_and_refuses_when_full);
	tap_add(s, "many go in at once, as far as there is room",
		many_go_in_at_once_as_far_as_there_is_room);
	tap_add(s, "descriptor says what is true",
		descriptor_says_what_is_true);
	tap_add(s, "closing keeps what is inside",
		closing_keeps_what_is_inside);
	tap_add(s, "waits end at their deadline", waits_end_at_their_deadline);
	tap_add(s, "many senders, one receiver on poll",
		many_senders_one_receiver_on_poll);
	tap_add(s, "many senders, many receivers", many_senders_many_receivers);
	tap_add(s, "closing wakes who waits", closing_wakes_who_waits);
	return tap_run(s);
}

/* A Redis that is named, and moves while the DNS answers nobody: the engine's
 * thread never waits for it. */
#include "tap.h"

#include "dns_here.h"
#include "redis_here.h"

/* A pump takes microseconds, a DNS that hangs for ever. */
#define TURN_MS 5000

static void move_to(const char *host, int port)
{
	char command[64];
	here_do("CONFIG SET port 0");
	snprintf(command, sizeof command, "CONFIG SET bind %s", host);
	here_do(command);
	snprintf(command, sizeof command, "CONFIG SET port %d", port);
	here_do(command);
	here_do("CLIENT KILL TYPE normal SKIPME yes");
}

/* Pumps until it is there, or was away for `away_ms`, or 30 s are over. */
static bool pump_until(struct writer *w, int64_t away_ms)
{
	int64_t end = clock_mono_ms() + patience_ms(30000);
	while (clock_mono_ms() < end) {
		int64_t began = clock_mono_ms();
		here_turn(w, 50);
		ck_assert_int_lt(clock_mono_ms() - began,
				 patience_at_most_ms(TURN_MS));
		int64_t away = writer_away_ms(w);
		if (away_ms ? away >= away_ms : !away)
			return true;
	}
	return false;
}

START_TEST(the_engine_waits_for_no_name)
{
	struct err err = {0};
	int port = temp_port();
	dns_let_go(); /* at first it answers */
	move_to("127.0.0.1", port);
	char *url = xasprintf("redis://hangs.test:%d", port);
	struct address *address = address_parse(url, &err);
	ck_assert_msg(address != NULL, "%s", err.text);
	struct writer *w = writer_open(address, "named", &err);
	ck_assert_msg(w != NULL, "%s", err.text);

	pthread_mutex_lock(&dns_gate);
	dns_open = false;
	dns_inside = 0;
	dns_addr = "127.0.0.2";
	pthread_mutex_unlock(&dns_gate);
	move_to("127.0.0.2", port);
	/* The tries of 6 s are more than each fifth. */
	ck_assert(pump_until(w, 6000));
	dns_wait_inside();
	dns_let_go();
	ck_assert_msg(pump_until(w, 0), "it is not found again");
	writer_close(&w);
	address_free(&address);
	free(url);
}
END_TEST

int main(void)
{
	if (!here_possible())
		return 0;
	Suite *suite = suite_create("writer_dns");
	here_case(suite, "name", the_engine_waits_for_no_name, 0);
	return tap_run(suite);
}

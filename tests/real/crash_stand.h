/*
 * crash_stand: a real show in a temporary folder, run by the real program on a
 * real Redis, with people and agents around it that go on whatever is killed:
 * an operator who approves and says GO, an audience that votes, an agent on the
 * bus. Each request that an agent gets is written down with its idempotency
 * key. What is killed is killed with SIGKILL.
 */
#ifndef TESTS_CRASH_STAND_H
#define TESTS_CRASH_STAND_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum stand_redis { STAND_PRIVATE, STAND_SHARED, STAND_PROXY };

struct stand {
	enum stand_redis kind;
	char dir[200];
	char url[64];	    /* "": private */
	int port, via_port; /* of the shared Redis; where the core goes */
	pid_t core, redis, people, worker, guard, console;
	int core_fd;	/* readable when the core has ended */
	int guard_fd;	/* closed: everything goes */
	int console_fd; /* the terminal's other end */
	redisContext *c;
	bool asked; /* an XREAD is under way */
	uint64_t seen;
	bool done; /* run:complete was seen */
	bool redis_died;
	int64_t started_us;
};

/* Kept over the tests, each of which is a process. */
struct stand_sums {
	int core_kills, redis_kills, console_kills, cuts;
	int archives; /* files into which the log was trimmed meanwhile */
	int starts;
	int64_t start_us[2000];	     /* until the log says who leads */
	char undisturbed[64 * 1024]; /* an outcome */
};
extern struct stand_sums *const *stand_sums;

/* Once, in main(). False: why not was said in TAP. */
bool stand_possible(void);

void stand_open(struct stand *s, enum stand_redis kind);
/* Ends what runs in good order, and removes the folder. */
void stand_close(struct stand *s);

void stand_start_core(struct stand *s);
void stand_kill_core(struct stand *s);
/* By whoever killed it; looks whether the run was done by then. */
void stand_reap_core(struct stand *s);
void stand_start_redis(struct stand *s);
void stand_kill_redis(struct stand *s);
/* The shared one takes connections; the private one is its core's affair. */
void stand_await_redis(struct stand *s);
/* A console that has drawn something. */
void stand_attach(struct stand *s);
void stand_kill_console(struct stand *s);

/* Blocks until events were added. The first of them that is the show's own is
 * told in `type`, else "leader:take" or "". False: the core has ended. */
bool stand_follow(struct stand *s, char type[32]);

/* All that must be the same however often something was killed: the story, the
 * ledger, who was asked under which keys, how often each thing stands in the
 * log. Caller frees. Fails the test when the run is not whole. */
char *stand_outcome(struct stand *s);

#endif

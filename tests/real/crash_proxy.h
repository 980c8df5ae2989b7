/*
 * crash_proxy: a process between a core and its Redis that strikes at a place
 * of its choice: it kills the core, or cuts the line, and what was under way is
 * not passed on.
 */
#ifndef TESTS_CRASH_PROXY_H
#define TESTS_CRASH_PROXY_H

#include <stdbool.h>
#include <sys/types.h>

enum proxy_place {
	PROXY_PASSES,	     /* strikes nowhere */
	PROXY_BEFORE_APPEND, /* Redis does not get a commit */
	PROXY_BEFORE_ACK,    /* it does, and its answer is lost */
	PROXY_BEFORE_EFFECT, /* the commit was answered; the call it allowed
				does not reach the bus */
	PROXY_BEFORE_RECORD, /* the call was made; what it spent is not noted */
};

struct proxy;

/* `guard_fd` is closed in the new process. */
struct proxy *proxy_start(int redis_port, int port, int guard_fd);
void proxy_stop(struct proxy **p);

/* Every `each`th time from now on. */
void proxy_set(struct proxy *p, enum proxy_place place, bool kills, int each);
/* Whom to kill next. A core is killed once. */
void proxy_set_core(struct proxy *p, pid_t core);
/* Spares the core from now on; false when its kill is done or on its way. */
bool proxy_spare_core(struct proxy *p);
int proxy_struck(const struct proxy *p);

#endif

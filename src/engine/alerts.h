/*
 * alerts: who is told, away from the screen, that a person is needed. Private
 * to engine/, on its thread.
 *
 * To each address goes one message at a time. What comes up meanwhile is
 * gathered, a line a fact, and goes with the next one: so a storm of alarms is a
 * few messages, and a dead address holds up nobody. Nothing is told in a
 * rehearsal. An alert that was not taken is an alarm until one is.
 */
#ifndef ENGINE_ALERTS_H
#define ENGINE_ALERTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "core/input.h"

#define ALERT_LINES 20 /* in one message; of the others only how many */

struct engine;

struct alerts {
	struct alert_queue {
		bool out;	 /* a message is on its way */
		struct buf next; /* lines for the one after it */
		size_t lines, more;
	} *queues; /* by alert of the show; NULL: none yet */
	size_t count;
};

/* `what` is an ALERT_... word of core/effect.h; `text` one clean line. */
void alerts_tell(struct alerts *a, struct engine *e, const char *what,
		 const char *text);
/* INPUT_ALERTED, moved in. */
void alerts_sent(struct alerts *a, struct engine *e, struct input **input);
void alerts_release(struct alerts *a);

#endif

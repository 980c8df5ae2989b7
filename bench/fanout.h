/* fanout: the servers that fanout_bench has clients of. */
#ifndef BENCH_FANOUT_H
#define BENCH_FANOUT_H

#include <stdint.h>

#define FANOUT_INTERVAL_MS 100

/* Serves WebSockets at a free port of 127.0.0.1, which it writes to `tell` as
 * an int, and says a tally of this moment to each of them ten times a second;
 * never returns. */
void serve_sockets(int tell); /* send(), in one pass */
void serve_lws(int tell);     /* as libwebsockets wants to be used */
/* Node's ws, by the script that this variable names: fanout.sh sets it where
 * there is node and npm brings ws. */
#define FANOUT_NODE "FANOUT_NODE"
void serve_node(int tell);
void serve_showcaller(int tell);

/* The text of a tally as long as ours, and its time. Caller frees. */
char *fanout_text(int64_t at_us);

#endif

/*
 * pty: a program in a pseudo-terminal, and when its bytes came. A thread of
 * its own reads the terminal, so nothing that the bench does delays a time
 * stamp. Used by the benches only.
 */
#ifndef BENCH_PTY_H
#define BENCH_PTY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pty;

/* argv[0] is looked up in PATH. NULL when it cannot be started. */
struct pty *pty_start(const char *const argv[], int columns, int rows);
/* Ends the program (SIGTERM, then SIGKILL) and frees all. */
void pty_stop(struct pty **p);

pid_t pty_pid(const struct pty *p);
uint64_t pty_bytes(struct pty *p);  /* so far */
int64_t pty_last_us(struct pty *p); /* when the newest bytes came */

/* From now on watches for `text` in what comes. One at a time. */
void pty_watch(struct pty *p, const char *text);
/* When the last byte of the watched text was read; -1 when it did not come
 * within `limit_ms`. */
int64_t pty_seen_us(struct pty *p, int limit_ms);

void pty_type(struct pty *p, const char *keys);

int64_t now_us(void); /* CLOCK_MONOTONIC */
void pause_us(int64_t us);

#endif

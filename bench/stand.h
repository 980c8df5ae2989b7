/*
 * stand: what a bench of the shipped program stands on: a folder, a Redis of
 * its own (appendfsync always) and a headless core on it, all gone again when
 * the bench ends, however it ends; and the arithmetic of figures. What fails
 * ends the bench with a sentence. One thread.
 */
#ifndef BENCH_STAND_H
#define BENCH_STAND_H

#include <hiredis/hiredis.h>
#include <sys/types.h>

/* The first call of a bench: its name, for what it prints. Makes the folder,
 * which is $SHOWCALLER_STATE from now on, and starts Redis. */
void stand_begin(const char *bench);
/* fork() for a server that the bench is itself: it ends with the bench, and
 * does not hold up its end. */
pid_t stand_fork(void);
void stand_give_up(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

const char *stand_socket(void); /* path of the Redis */
const char *stand_url(void);	/* the same for --redis */
pid_t stand_redis_pid(void);
redisContext *stand_connect(void);
/* The caller frees; an error reply ends the bench. */
redisReply *stand_ask(redisContext *redis, const char *fmt, ...);

/* A headless core with the show file of this text, named `show`; back when it
 * says that it leads. One at a time. */
pid_t stand_start_core(const char *showcaller, const char *show,
		       const char *yaml);
void stand_kill_core(void); /* kill -9 */
/* Where cores serve the audience from now on; else at any free port. Lent. */
void stand_audience(const char *addr);
/* The first line of a file in the show's state folder. Caller frees. */
char *stand_state_line(const char *show, const char *name);

/* Of a process: all its threads' time on a processor; memory now, and at
 * most so far. */
double stand_cpu_ms(pid_t pid);
double stand_thread_ms(pid_t pid, const char *name); /* 0: there is none */
/* Instructions that this thread has done outside the kernel since it was first
 * asked for; 0 where the processor counts none for us. */
double stand_instructions(pid_t thread);
double stand_rss_mb(pid_t pid);
double stand_peak_mb(pid_t pid);

/* Sorts `v`. */
double stand_quantile(double *v, int n, double q);
/* A JSON line with p50, p99 and maximum of `ms`; `lost` had no answer. */
void stand_print_times(const char *what, const char *who, double *ms, int n,
		       int lost);

#endif

/*
 * err: the three kinds of failure.
 *
 * 1. Our own defect: REQUIRE(), also in release builds. It runs the crash hook
 *    (the console restores the terminal there), says where, and aborts.
 * 2. Expected failure (bad file, lost link): a function returns false or NULL
 *    and fills a struct err with an exit status and a sentence for people.
 * 3. No memory: the x* functions of base/mem.h abort.
 *
 * A struct err belongs to the caller's stack. Any thread.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

/* Doubles as the exit status of the program (sysexits(3) where it fits). */
enum err_code {
	ERR_NONE = 0,
	ERR_NO = 1,           /* the answer is no: a check failed, a hash differs */
	ERR_USAGE = 2,        /* wrong command line */
	ERR_DATA = 65,        /* bad input file */
	ERR_UNAVAILABLE = 69, /* a service is not there */
	ERR_INTERNAL = 70,    /* our own defect */
	ERR_AGAIN = 75,       /* try again later */
	ERR_CONFIG = 78,      /* configuration */
};

struct err {
	enum err_code code;
	char text[512]; /* "what: why", then what to do next. Cleaned, no newline */
};

/* Fills `err` (which may be NULL) and returns false, so that a failing
 * function can end with `return err_set(...)`. */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that is there. Returns false. */
bool err_wrap(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Runs before an abort, in the failing thread; async-signal-safe calls only.
 * Set once at start, before threads. */
void err_set_crash_hook(void (*hook)(void));

/* Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT that run
 * the crash hook once and then die of the same signal. */
void err_catch_crashes(void);

_Noreturn void err_abort(const char *file, int line, const char *cond);

#define REQUIRE(cond)                                                          \
	((cond) ? (void)0 : err_abort(__FILE__, __LINE__, #cond))

#endif

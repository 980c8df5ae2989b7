/* The last moments of the process: crash hook, crash signals, REQUIRE. Only
 * async-signal-safe calls here. */
#include "base/err.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* How long a second crashing thread leaves the first one to run the hook. */
#define HOOK_PATIENCE_MS 2000

static void (*crash_hook)(void);
static atomic_int crash_thread; /* the thread that runs the hook, 0 if none */

void err_set_crash_hook(void (*hook)(void))
{
	crash_hook = hook;
}

static void run_hook_once(void)
{
	int none = 0;
	int self = (int)gettid();
	if (atomic_compare_exchange_strong(&crash_thread, &none, self)) {
		if (crash_hook)
			crash_hook();
	} else if (none != self) {
		/* Dying now would kill the hook halfway through. */
		(void)poll(NULL, 0, HOOK_PATIENCE_MS);
	}
}

static void on_crash(int signo)
{
	run_hook_once();
	/* Blocked while we are in its handler: it kills us on return. */
	signal(signo, SIG_DFL);
	raise(signo);
}

void err_catch_crashes(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	/* A stack of its own, so that an overflow of the main stack is caught
	 * as well (other threads have none and die without the hook). */
	static char stack_bytes[64 * 1024];
	stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof stack_bytes};
	sigaltstack(&stack, NULL);

	struct sigaction action = {.sa_handler = on_crash,
				   .sa_flags = SA_ONSTACK};
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		sigaction(signals[i], &action, NULL);
}

static void say(const char *s)
{
	ssize_t n = write(STDERR_FILENO, s, strlen(s));
	(void)n; /* nobody left to tell */
}

_Noreturn void err_abort(const char *file, int line, const char *cond)
{
	run_hook_once();
	char digits[12] = "";
	char *p = digits + sizeof digits - 1;
	for (unsigned n = (unsigned)line; n && p > digits; n /= 10)
		*--p = (char)('0' + n % 10);
	say("showcaller: internal error at ");
	say(file);
	say(":");
	say(p);
	say(": ");
	say(cond);
	say(": please report this line\n");
	abort();
}

/*
 * obs_stand: a real OBS on a display of its own, a real RTMP ingest, and the
 * net of a house (net_stand) that is connected to it. One OBS serves all
 * scenarios of a program: each runs in a process of its own, finds OBS at rest,
 * and may do to it what it likes.
 */
#ifndef TESTS_OBS_STAND_H
#define TESTS_OBS_STAND_H

#include <check.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "net_stand.h"
#include "patience.h"
#include "tap.h"
#include "temp.h"

#define OBS_PASSWORD "correct horse"

/* What has been started; the same for all scenarios. */
struct obs_bed {
	char *dir; /* obs.pid, obs.log, takes/ */
	int port;
	char *addr; /* 127.0.0.1:port */
	int rtmp_port, http_port;
	bool ingest;
};
extern struct obs_bed bed;
extern struct stand *s; /* of the scenario that runs */
/* What the show file of each scenario has below `obs:`, and beside it. */
extern const char *house_obs, *house_more;

/* Runs the suite on an OBS (and an ingest); the exit status. */
int obs_bed_run(Suite *suite, bool with_ingest);
/* Adds a scenario. */
void obs_add(Suite *suite, const char *name, const TTest *test);
#define ADD(test) obs_add(suite, #test, test)

/* `what`: "start", "again", "stop" of obs.sh. */
int obs_script(const char *what);
int ingest_script(const char *what);
pid_t obs_pid(void);
/* Has it closed as a person would close it. */
void obs_close(void);
/* Until it has gone, whoever reaps it. */
void obs_ended(void);
pid_t ingest_pid(void);
/* The stream of the house is published now; bytes that came so far. */
bool ingest_has_stream(int64_t *bytes);
/* Until the ingest has it, or has it no more. */
void ingest_has(bool wanted);
void ingest_drop(void); /* its publisher */

/* The house: what stands below `obs:` besides url and password, and what
 * stands beside it; NULL: nothing. Opens `s`, and waits for OBS unless the
 * password is another. */
void house_open(const char *password, const char *more_obs, const char *more);
void house_close(void);
bool is(const char *a, const char *b);

/* Waits until `cond` holds; looked at whenever there is news, under the lock.
 */
#define WAIT(cond, ms)                                                         \
	do {                                                                   \
		int64_t end_ = clock_mono_ms() + patience_ms(ms);              \
		pthread_mutex_lock(&s->lock);                                  \
		while (!(cond) && clock_mono_ms() < end_)                      \
			stand_wait_news(s, end_);                              \
		ck_assert_msg((cond),                                          \
			      "%s: connected %d, errors so far %s, program "   \
			      "%s, last outcome %d %s",                        \
			      #cond, s->obs.connected, s->obs_errors,          \
			      s->obs.program_scene ? s->obs.program_scene      \
						   : "-",                      \
			      s->done_ok, s->done_text ? s->done_text : "-");  \
		pthread_mutex_unlock(&s->lock);                                \
	} while (0)

/* Asks OBS by the net and waits for the outcome. */
void ask(const char *type, const char *data);
/* Asks the core, over HTTP: POST /api/v1/obs/NAME; fails unless `status`. */
void do_obs(const char *name, const char *body, int status);
/* The same and waits until OBS has confirmed it. */
void do_confirmed(const char *name, const char *body);
/* The same and waits until it has failed, with these words. */
void do_failed(const char *name, const char *body, const char *words);

/* The log: from now on, and until an event of that type whose data holds the
 * words came. */
void mark(void);
void await(enum event_type type, const char *words, int ms);
bool came(enum event_type type, const char *words);

/* A second connection, of the test's own. */
int look_on(int events);
/* Reads until a message holds both. */
void see(int fd, const char *one, const char *two);
/* Asks OBS by it, and waits for its answer, which the caller frees. */
char *tell(int fd, const char *type, const char *data);

#endif

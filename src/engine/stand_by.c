/* Who leads: the lease is free, or its holder was this folder's core and is
 * dead, or we stand by until it is free. */
#include "engine/conductor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/lock.h"
#include "store/client.h"

#define WATCH_MS 250 /* between two looks, at most */
/* An answer that took longer says that Redis stood still. The leader's renewal
 * may wait in its socket, or the leader has to connect again first. */
#define PROMPT_MS   250
#define STALLED_MS  1000
#define WAS_AWAY_MS 3000

struct watch {
	char leader[100];
	int64_t left_ms; /* of the lease, at the last look; -1: none yet */
	bool alive;	 /* the lease was renewed under our eyes */
	bool away;
	int64_t not_before_ms; /* mono: nobody is to take the lease sooner */
};

/* The core that led last from this folder: we hold the lock that it would
 * hold. Any other may live elsewhere under the same name and number. */
static bool leader_is_dead(struct engine *e)
{
	const char *show = e->settings->show->id;
	struct client *client = client_open(e->address, show, NULL);
	char *leader = client ? client_leader(client, NULL) : NULL;
	client_close(&client);
	char its_host[65];
	long epoch;
	int pid;
	bool dead =
		leader &&
		sscanf(leader, "%ld %64s %d", &epoch, its_host, &pid) == 3 &&
		strcmp(its_host, e->host) == 0 && pid == e->former_pid &&
		kill(pid, 0) < 0 && errno == ESRCH;
	free(leader);
	return dead;
}

/* True: told to stop. */
static bool wait_signal(struct engine *e, int64_t ms)
{
	struct pollfd wait = {.fd = e->signal_fd, .events = POLLIN};
	struct signalfd_siginfo info;
	if (poll(&wait, 1, ms > 0 ? (int)ms : 0) <= 0 ||
	    read(e->signal_fd, &info, sizeof info) != sizeof info ||
	    info.ssi_signo == SIGHUP)
		return false;
	log_info("engine", "signal %u: stands by no longer", info.ssi_signo);
	e->end = END_ASKED;
	return true;
}

static bool fits(struct engine *e, const struct model *m, struct err *err)
{
	bool unfinished = m->run.id[0] && !run_is_over(m->run.state);
	if (!unfinished || m->run.rehearsal == e->settings->rehearsal)
		return true;
	return err_set(
		err, ERR_AGAIN,
		"%s: its run %s is %s rehearsal, and this core is %s; it "
		"cannot stand by for it",
		m->show->id, m->run.id, m->run.rehearsal ? "a" : "no",
		m->run.rehearsal ? "live" : "for one");
}

/* Says whom it stands by for. False with err: it cannot. */
static bool announce(struct engine *e, const char *leader, struct err *err)
{
	const char *show = e->settings->show->id;
	if (e->settings->new_run && !e->stepped_down)
		return err_set(err, ERR_AGAIN,
			       "show %s: another core leads it (epoch, host, "
			       "pid: %s); stop it first, or come without --new",
			       show, leader);
	struct model *m = model_new(e->settings->show);
	struct err why = {0};
	char since[32] = "?";
	bool ok = true;
	if (writer_fold(e->writer, &m, &why)) {
		clock_rfc3339(since, sizeof since, m->leader.at_ms);
		ok = fits(e, m, err);
	} else {
		log_warn("engine", "the log cannot be read yet: %s", why.text);
	}
	if (ok)
		log_info("engine",
			 "%s: another core leads (epoch, host, pid: %s) since "
			 "%s, run %s, event %llu; this one stands by",
			 show, leader, since, m->run.id,
			 (unsigned long long)m->seq);
	model_free(&m);
	if (ok)
		engine_say(e, "standby\n");
	return ok;
}

/* A lease that grows is renewed: its holder lives. */
static bool saw_leader(struct engine *e, struct watch *t,
		       const struct writer_leader *leader, struct err *err)
{
	bool same = strcmp(t->leader, leader->text) == 0;
	bool grew = t->left_ms >= 0 && leader->left_ms > t->left_ms;
	bool was_alive = t->alive;
	if (!same)
		snprintf(t->leader, sizeof t->leader, "%s", leader->text);
	t->alive = t->alive || (same && grew);
	t->left_ms = leader->left_ms;
	if (t->alive && (!was_alive || !same))
		return announce(e, t->leader, err);
	return true;
}

static void saw_nothing(struct watch *t, const char *why)
{
	if (!t->away)
		log_warn("engine", "stands by without Redis: %s", why);
	t->away = true;
	t->not_before_ms = clock_mono_ms() + WAS_AWAY_MS;
}

/* The show was stopped while we stood by: its end is ours. */
static void show_has_ended(struct engine *e, const char *why)
{
	struct err err = {0};
	log_info("engine", "%s: it was stopped (%s), and stands by no longer",
		 e->settings->show->id, why);
	e->end = END_ASKED;
	model_free(&e->m);
	e->m = model_new(e->settings->show);
	if (writer_fold(e->writer, &e->m, &err) && run_is_over(e->m->run.state))
		e->end = e->m->run.state == RUN_DONE ? END_RUN_DONE
						     : END_RUN_FAILED;
}

static bool stand_by(struct engine *e, int64_t *epoch, struct err *err)
{
	struct watch t = {.left_ms = -1, .alive = e->stepped_down};
	bool take = false;
	for (;;) {
		struct writer_leader leader = {0};
		struct err why = {0};
		int64_t asked_ms = clock_mono_ms();
		enum writer_stand stand =
			writer_stand_by(e->writer, e->host, getpid(), take,
					&leader, epoch, &why);
		int64_t now_ms = clock_mono_ms(), wait_ms = WATCH_MS;
		bool prompt = now_ms - asked_ms <= PROMPT_MS;
		if (!prompt && t.not_before_ms < now_ms + STALLED_MS)
			t.not_before_ms = now_ms + STALLED_MS;
		take = false;
		switch (stand) {
		case WRITER_LEADS:
			e->stood_by = t.alive;
			return true;
		case WRITER_ENDED:
			show_has_ended(e, why.text);
			return false;
		case WRITER_CANNOT:
			*err = why;
			return false;
		case WRITER_GONE:
			saw_nothing(&t, why.text);
			break;
		case WRITER_STANDS_BY:
			t.away = false;
			if (!saw_leader(e, &t, &leader, err))
				return false;
			if (leader.left_ms < wait_ms)
				wait_ms = leader.left_ms + 1;
			break;
		case WRITER_FREE:
			t.away = false;
			take = prompt && now_ms >= t.not_before_ms;
			if (take)
				wait_ms = 0;
			break;
		}
		if (wait_signal(e, wait_ms))
			return false;
	}
}

bool engine_take_lead(struct engine *e, int64_t *epoch, struct err *err)
{
	bool force = e->server != NULL || leader_is_dead(e);
	if (!e->stepped_down &&
	    writer_lead(e->writer, e->host, getpid(), epoch, force, err))
		return true;
	if (!e->stepped_down &&
	    (err->code != ERR_AGAIN || !e->settings->stand_by))
		return false;
	err->code = ERR_NONE;
	return stand_by(e, epoch, err);
}

/* The tick. Its order matters: what the store has acknowledged is acted on
 * before anything new is decided, because an answer that the engine gives
 * itself (noop) then joins the same round; and the open batch is sent before
 * the engine sleeps, because nothing else would send it. */
#include "engine/conductor.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define HEAPS	    32
#define LARGE_BYTES (1 << 20)

int64_t engine_now_ms(const struct engine *e)
{
	int64_t real_ms = clock_show_ms() - e->clock_real_ms;
	if (e->rehearse)
		real_ms = (int64_t)((double)real_ms * e->settings->speed);
	return e->clock_show_ms + real_ms;
}

void engine_end(struct engine *e, enum engine_end end, const char *text)
{
	if (e->end >= end && e->end != END_NOT)
		return; /* the graver reason stays */
	int64_t now_ms = clock_mono_ms();
	e->end = end;
	if (text)
		snprintf(e->end_text, sizeof e->end_text, "%s", text);
	if (end == END_RUN_DONE || end == END_RUN_FAILED)
		e->linger_until_ms = now_ms + (e->settings->no_http ? 0
					       : e->settings->ready_fd >= 0
						       ? LINGER_CONSOLE_MS
						       : LINGER_MS);
	e->end_at_ms = now_ms + STOP_MS;
	if (e->linger_until_ms)
		e->end_at_ms = e->linger_until_ms + STOP_MS;
}

/* --- inputs ------------------------------------------------------------- */

static void take_stop(struct engine *e, struct input **input)
{
	struct input *in = *input;
	struct input *note = input_new(INPUT_COMMAND);
	note->action = ACTION_NOTE;
	note->by = xstrdup(in->by);
	note->args[0] = xstrdup("stop");
	log_info("engine", "stop, by %s", in->by ? in->by : "someone");
	engine_reply(e, &in->origin, true, "ok", "the show stops");
	if (in->entry)
		writer_ack(e->writer, in->stream, in->entry);
	input_free(input);
	engine_decide(e, &note, engine_now_ms(e));
	engine_end(e, END_ASKED, "stop");
}

static bool is_command(const struct input *in, enum action_id action)
{
	return in->kind == INPUT_COMMAND && in->action == action;
}

static void take_input(struct engine *e, struct input **input, int64_t now_ms)
{
	if (is_command(*input, ACTION_STOP))
		take_stop(e, input);
	else if (is_command(*input, ACTION_PANIC))
		engine_brake(e, input);
	else if (gateway_is_for(*input))
		gateway_take(e, input);
	else if ((*input)->kind == INPUT_ALERTED)
		alerts_sent(&e->alerts, e, input);
	else if (engine_check_is_for(*input))
		engine_check_take(e, input);
	else if (rollback_is_new(*input))
		rollback_look(&e->rollback, e->address, e->m, e->box, input);
	else
		engine_decide(e, input, now_ms);
	if (e->open.made.event_count >= COMMIT_EVENTS)
		engine_commit(e);
}

static struct input *outside_input(struct engine *e)
{
	struct input *in = waiting_take(&e->held);
	if (!in)
		in = mailbox_take(e->box);
	/* In a rehearsal OBS is played; what net says of the real one is not
	 * part of it. */
	while (in && e->rehearse && in->kind == INPUT_OBS) {
		input_free(&in);
		in = mailbox_take(e->box);
	}
	return in;
}

static void tick_core(struct engine *e, int64_t now_ms)
{
	struct input *tick = input_new(INPUT_TICK);
	engine_decide(e, &tick, now_ms);
}

static void gather_live(struct engine *e)
{
	struct input *in;
	int taken = 0;
	while (engine_can_decide(e) && (in = waiting_take(&e->local)))
		take_input(e, &in, engine_now_ms(e));
	while (engine_can_decide(e) && taken++ < ROUND_INPUTS &&
	       (in = outside_input(e)))
		take_input(e, &in, engine_now_ms(e));
	int64_t deadline_ms = core_next_deadline(e->m);
	if (deadline_ms && engine_can_decide(e) &&
	    deadline_ms <= engine_now_ms(e))
		tick_core(e, engine_now_ms(e));
}

/* What a rehearsal does next, and when; 0: nothing. */
static int64_t rehearsal_due(const struct engine *e, bool *is_core)
{
	int64_t played_ms = rehearse_next_ms(e->rehearse);
	int64_t core_ms = core_next_deadline(e->m);
	*is_core = core_ms && (!played_ms || core_ms < played_ms);
	return *is_core ? core_ms : played_ms;
}

static bool rehearsal_step(struct engine *e)
{
	struct input *in = waiting_take(&e->local);
	if (in) {
		take_input(e, &in, e->last_ms);
		return true;
	}
	engine_commit(e);
	if (!engine_at_rest(e))
		return false;
	bool is_core;
	int64_t due_ms = rehearsal_due(e, &is_core);
	int64_t now_ms = engine_now_ms(e);
	if (due_ms && due_ms <= now_ms) {
		if (is_core)
			tick_core(e, due_ms);
		else if ((in = rehearse_take(e->rehearse)))
			take_input(e, &in, due_ms);
		return true;
	}
	in = outside_input(e);
	if (in)
		take_input(e, &in, now_ms);
	return in != NULL;
}

/* A rehearsal gives the same show each time: each thing happens at the moment
 * at which it is due, one after the other, and nothing new before the store
 * has answered for what was before. */
static void gather_rehearsal(struct engine *e)
{
	int taken = 0;
	while (engine_can_decide(e) && taken++ < ROUND_INPUTS &&
	       rehearsal_step(e))
		;
}

/* Redis is away: what comes waits its turn, but for the brake and the end. */
static void hold_inputs(struct engine *e)
{
	struct input *in;
	while (e->held.count - e->held.head < HELD_ITEMS &&
	       (in = mailbox_take(e->box))) {
		if (is_command(in, ACTION_STOP)) {
			take_stop(e, &in);
		} else if (is_command(in, ACTION_PANIC) &&
			   e->batch_count + 1 < BATCHES) {
			engine_brake(e, &in);
		} else {
			waiting_add(&e->held, &in);
		}
	}
}

static void gather(struct engine *e)
{
	if (e->end == END_ASKED)
		return;
	if (e->away)
		hold_inputs(e);
	else if (e->rehearse)
		gather_rehearsal(e);
	else
		gather_live(e);
}

/* --- waiting ------------------------------------------------------------ */

static void sooner(int64_t *wait_ms, int64_t in_ms)
{
	if (in_ms < 0)
		in_ms = 0;
	if (*wait_ms < 0 || in_ms < *wait_ms)
		*wait_ms = in_ms;
}

/* Until the next thing that the show itself does. */
static void sooner_show(const struct engine *e, int64_t *wait_ms)
{
	bool is_core;
	int64_t due_ms, left_ms;
	if (!engine_can_decide(e) || e->end == END_ASKED)
		return;
	if (!e->rehearse) {
		due_ms = core_next_deadline(e->m);
		if (due_ms)
			sooner(wait_ms, due_ms - engine_now_ms(e));
		return;
	}
	due_ms = rehearsal_due(e, &is_core);
	if (!due_ms || !engine_at_rest(e))
		return;
	left_ms = due_ms - engine_now_ms(e);
	if (left_ms > 0)
		left_ms = (int64_t)((double)left_ms / e->settings->speed) + 1;
	sooner(wait_ms, left_ms);
}

static int wait_ms_of(const struct engine *e)
{
	int64_t mono_ms = clock_mono_ms(), wait_ms = -1;
	int writer_ms = writer_timeout_ms(e->writer);
	if (writer_ms >= 0)
		sooner(&wait_ms, writer_ms);
	sooner(&wait_ms, e->renew_at_ms - mono_ms);
	sooner(&wait_ms, e->report_at_ms - mono_ms);
	if (keep_due_ms(e) >= 0)
		sooner(&wait_ms, keep_due_ms(e) - mono_ms);
	if (trim_due_ms(e->trim) >= 0 && !e->away && !e->end)
		sooner(&wait_ms, trim_due_ms(e->trim) - mono_ms);
	if (e->brake_tag)
		sooner(&wait_ms, e->brake_at_ms - mono_ms);
	if (e->bursts_at_ms && !e->away)
		sooner(&wait_ms, e->bursts_at_ms - mono_ms);
	if (e->any_tally_stale && !e->away)
		sooner(&wait_ms, e->tally_at_ms - mono_ms);
	if (e->linger_until_ms > mono_ms)
		sooner(&wait_ms, e->linger_until_ms - mono_ms);
	else if (e->end)
		sooner(&wait_ms, e->end_at_ms - mono_ms);
	if (engine_can_decide(e) && e->local.head < e->local.count)
		wait_ms = 0;
	sooner_show(e, &wait_ms);
	return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

static bool takes_inputs(const struct engine *e)
{
	if (e->end == END_ASKED)
		return false;
	if (e->away)
		return e->held.count - e->held.head < HELD_ITEMS;
	/* A rehearsal that waits for the store takes nothing else. */
	return engine_can_decide(e) && (!e->rehearse || engine_at_rest(e));
}

static void take_signals(struct engine *e)
{
	struct signalfd_siginfo info;
	while (read(e->signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGHUP) {
			log_info("engine", "hangup; the show goes on");
			continue;
		}
		log_info("engine", "signal %u: %s", info.ssi_signo,
			 e->signals ? "stopping at once" : "stopping");
		e->by_signal = e->end != END_ASKED;
		if (e->signals++ > 0)
			e->end_at_ms = e->linger_until_ms = clock_mono_ms();
		engine_end(e, END_ASKED, "signal");
	}
}

static void wait_for_work(struct engine *e)
{
	struct pollfd fds[3] = {
		{.fd = e->signal_fd, .events = POLLIN},
		{.fd = writer_fd(e->writer),
		 .events = writer_poll_events(e->writer)},
		{.fd = takes_inputs(e) ? mailbox_fd(e->box) : -1,
		 .events = POLLIN},
	};
	int n = poll(fds, 3, wait_ms_of(e));
	REQUIRE(n >= 0 || errno == EINTR);
	if (n < 0)
		return;
	if (fds[0].revents)
		take_signals(e);
	writer_pump(e->writer, fds[1].revents);
}

/* --- the run ------------------------------------------------------------ */

static void round_once(struct engine *e)
{
	int64_t mono_ms = clock_mono_ms();
	report_link(e);
	engine_take_outcomes(e);
	if (e->end >= END_FENCED)
		return;
	gather(e);
	if (e->batch_count < BATCHES)
		engine_commit(e);
	brake_tick(e, mono_ms);
	tally_tick(e, mono_ms);
	keep_tick(e, mono_ms);
	report_tick(e, mono_ms);
	if (!e->away && e->end == END_NOT)
		trim_tick(e->trim, e->m, mono_ms);
}

/* A run that was over and runs again is no reason to leave. */
static void stay_if_it_goes_on(struct engine *e)
{
	if ((e->end != END_RUN_DONE && e->end != END_RUN_FAILED) ||
	    run_is_over(e->m->run.state))
		return;
	e->end = END_NOT;
	e->linger_until_ms = 0;
}

static bool has_ended(const struct engine *e)
{
	int64_t mono_ms = clock_mono_ms();
	if (e->end == END_NOT)
		return false;
	if (e->end >= END_FENCED || mono_ms >= e->end_at_ms)
		return true;
	return mono_ms >= e->linger_until_ms && e->batch_count == 0 &&
	       writer_waiting(e->writer) == 0;
}

static int status_of(struct engine *e, struct err *err)
{
	const char *show = e->settings->show->id;
	switch (e->end) {
	case END_NOT:
	case END_RUN_DONE:
		return 0;
	case END_ASKED:
		if (!e->settings->exit_when_done)
			return 0;
		err_set(err, ERR_AGAIN,
			"%s: stopped before the run ended; go on with the same "
			"command",
			show);
		return err->code;
	case END_RUN_FAILED:
		err_set(err, ERR_NO, "%s: run %s is %s%s%s", show, e->m->run.id,
			run_state_name(e->m->run.state),
			e->m->run.why ? ": " : "",
			e->m->run.why ? e->m->run.why : "");
		return err->code;
	case END_FENCED:
		err_set(err, ERR_AGAIN,
			"%s: another core leads now%s%s; this one has stopped "
			"and changed nothing since",
			show, e->end_text[0] ? ": " : "", e->end_text);
		return err->code;
	case END_BROKEN:
		err_set(err, ERR_UNAVAILABLE,
			"%s: Redis does not hold what this core wrote: %s; "
			"nothing was overwritten; look at its log and start "
			"again",
			show, e->end_text);
		return err->code;
	}
	return ERR_INTERNAL;
}

static int open_failed(struct engine *e, struct err *err)
{
	int status = err->code ? (int)err->code : status_of(e, err);
	if (err->code)
		engine_say_error(e, err);
	return status;
}

/* From the lease to its end. */
static int lead_once(struct engine *e, struct err *err)
{
	const struct err none = {0};
	*err = none;
	if (!engine_open(e, err))
		return open_failed(e, err);
	*err = none; /* what opening tried in vain does not matter now */
	for (;;) {
		round_once(e);
		stay_if_it_goes_on(e);
		if (has_ended(e))
			break;
		wait_for_work(e);
	}
	int status = status_of(e, err);
	if (e->end >= END_FENCED)
		log_error("engine", "%s", err->text);
	if (e->end < END_FENCED) {
		keep_last(e);
		report_write_last(e, "stopped");
	}
	if (status && !e->said_ready)
		engine_say_error(e, err);
	return status;
}

/* Each thread that works has a heap of its own: where the engine and the web
 * thread shared one with the keeper or the trimmer, which may be put aside in
 * the middle of it, they waited for that, and one lease in a hundred took 14 to
 * 40 ms instead of one. What a burst needed and nobody needs now the keeper
 * gives back; what is as large as a snapshot goes back at once. */
static void set_heaps(void)
{
	mallopt(M_ARENA_MAX, HEAPS);
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

int engine_run(const struct engine_settings *settings, struct err *err)
{
	set_heaps();
	int ready_fd = settings->ready_fd, status;
	bool again = false;
	do {
		struct engine e = {.settings = settings,
				   .lock_fd = -1,
				   .signal_fd = -1,
				   .ready_fd = ready_fd,
				   .stepped_down = again};
		status = lead_once(&e, err);
		again = e.end == END_FENCED && settings->stand_by;
		ready_fd = e.ready_fd;
		engine_close(&e);
		if (again)
			log_warn("engine", "%s: steps down, and stands by",
				 settings->show->id);
	} while (again);
	return status;
}

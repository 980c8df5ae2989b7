#include "engine/conductor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/voter.h"
#include "core/snapshot.h"
#include "engine/lock.h"
#include "store/client.h"

#define TOKEN_BYTES   24
#define REPLAY_EVENTS 2000
#define PAGES_MS      500 /* what only the start needed goes after it */

void engine_say(struct engine *e, const char *line)
{
	size_t bytes = strlen(line);
	if (e->ready_fd < 0)
		return;
	if (write(e->ready_fd, line, bytes) != (ssize_t)bytes)
		log_warn("engine", "nobody waits for this core");
	close(e->ready_fd);
	e->ready_fd = -1;
}

void engine_say_ready(struct engine *e)
{
	if (e->said_ready)
		return;
	e->said_ready = true;
	log_info("engine", "%s runs: %s, event %llu", e->show->id, e->m->run.id,
		 (unsigned long long)e->m->seq);
	engine_say(e, "ready\n");
	e->pages_at_ms = clock_mono_ms() + PAGES_MS;
}

void engine_say_error(struct engine *e, const struct err *err)
{
	char *line = xasprintf("error %d %s\n", (int)err->code, err->text);
	engine_say(e, line);
	free(line);
}

/* Blocked before any thread exists, so that no thread takes them. */
static bool open_signals(struct engine *e, struct err *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return e->signal_fd >= 0 ||
	       err_set(err, ERR_AGAIN, "signals: %s", strerror(errno));
}

static bool open_redis(struct engine *e, struct err *err)
{
	const char *url = e->settings->redis_url;
	if (url) {
		e->address = address_parse(url, err);
	} else {
		e->server = redis_server_start(e->state_dir, e->settings->fsync,
					       err);
		if (e->server)
			e->address =
				address_clone(redis_server_address(e->server));
	}
	if (!e->address)
		return false;
	e->writer = writer_open(e->address, e->settings->show->id, err);
	return e->writer != NULL;
}

/* --- which run: the unfinished one, or a new one ------------------------ */

static bool may_continue(const struct engine *e, struct err *err)
{
	if (e->stood_by ? e->m->run.rehearsal == e->settings->rehearsal ||
				  run_is_over(e->m->run.state)
			: e->m->run.rehearsal || !e->settings->rehearsal)
		return true;
	if (e->m->run.rehearsal)
		return err_set(
			err, ERR_AGAIN,
			"%s: its run %s is a rehearsal; go on with it by "
			"--rehearse",
			e->settings->show->id, e->m->run.id);
	return err_set(err, ERR_AGAIN,
		       "%s: its run %s is live and unfinished; go on with it "
		       "without --rehearse, or begin anew with --new",
		       e->settings->show->id, e->m->run.id);
}

/* Whether the definition that the last run began with is kept: the fold goes on
 * with another one when it is not. */
static bool has_definition(struct engine *e, struct err *err)
{
	struct err why = {0};
	char *text = writer_definition(e->writer, &why);
	free(text);
	if (why.code)
		*err = why;
	return !why.code;
}

/* A log that cannot be folded is never begun anew: that would do again what was
 * done. What can be done about it is the house's. */
static bool say_remedy(const struct engine *e, struct err *err)
{
	if (err->code != ERR_DATA)
		return false;
	struct err why = *err;
	return err_set(err, ERR_CONFIG,
		       "%s; nothing was overwritten. Restore it from a backup, "
		       "or remove the keys showcaller:{%s}:*",
		       why.text, e->settings->show->id);
}

/* An unfinished run goes on by the show that it began with. A rehearsal that
 * was left is not worth keeping a live show from its stage. */
static bool choose_run(struct engine *e, bool *go_on, bool *changed,
		       struct err *err)
{
	const struct show *file = e->settings->show;
	model_free(&e->m);
	e->m = model_new(file);
	if (!writer_fold(e->writer, &e->m, err))
		return say_remedy(e, err);
	bool unfinished = e->m->run.id[0] && !run_is_over(e->m->run.state);
	*go_on = unfinished && !e->settings->new_run &&
		 (e->settings->rehearsal || !e->m->run.rehearsal);
	/* Who takes over goes on, also with a run that is over: a new one is
	 * for people to begin. */
	if (e->stood_by && e->m->run.id[0])
		*go_on = true;
	if (e->m->run.id[0] && !unfinished && e->stays_over &&
	    e->m->run.rehearsal == e->settings->rehearsal) {
		*go_on = true;
		log_info("engine",
			 "run %s is over (%s), and no other begins by itself; "
			 "come with --new for one, or stop the show first",
			 e->m->run.id, run_state_name(e->m->run.state));
	}
	*changed = strcmp(e->m->show->hash, file->hash) != 0;
	if (*go_on && (!may_continue(e, err) || !has_definition(e, err)))
		return false;
	if (!*go_on && *changed) {
		struct model *next = model_inherit(e->m, file);
		model_free(&e->m);
		e->m = next;
		*changed = false;
	}
	e->show = show_ref((struct show *)(uintptr_t)e->m->show);
	return true;
}

/* A supervisor starts again whatever dies. Only somebody who stopped the show,
 * or asks for it, wants another run. */
static bool look_over(struct engine *e, struct err *err)
{
	bool ended = false;
	if (!e->settings->unasked || e->settings->new_run)
		return true;
	if (!writer_ended(e->writer, &ended, err))
		return false;
	e->stays_over = !ended;
	return true;
}

/* --- the folder's files ------------------------------------------------- */

static bool write_state(struct engine *e, const char *name, const char *text,
			struct err *err)
{
	char *path = xasprintf("%s/%s", e->state_dir, name);
	bool ok = file_write(path, text, strlen(text), 0600, err);
	free(path);
	return ok;
}

/* The same from run to run, so that scripts keep theirs. Caller frees. */
static char *operator_token(struct engine *e, struct err *err)
{
	char *path = xasprintf("%s/operator.token", e->state_dir);
	char *token = NULL;
	if (access(path, F_OK) == 0) {
		token = file_secret(NULL, path, err);
	} else {
		char hex[2 * TOKEN_BYTES + 2];
		hash_random_hex(hex, TOKEN_BYTES);
		token = xstrdup(hex);
		log_secret(token);
		strcat(hex, "\n");
		if (!write_state(e, "operator.token", hex, err)) {
			free(token);
			token = NULL;
		}
	}
	free(path);
	return token;
}

static bool write_files(struct engine *e, struct err *err)
{
	char pid[24];
	snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	return write_state(e, "core.pid", pid, err) &&
	       address_save(e->address, e->settings->show->id, err);
}

/* --- the threads -------------------------------------------------------- */

/* The newest events, for those that come back to the web thread with an id.
 * None is no harm: they begin anew. */
static void read_replay(struct engine *e, struct event ***events, size_t *count)
{
	struct err err = {0};
	uint64_t seq = e->m->seq;
	uint64_t after = seq > REPLAY_EVENTS ? seq - REPLAY_EVENTS : 0;
	struct client *client = client_open(e->address, e->show->id, &err);
	size_t cap = 0;
	uint64_t first = 0, last;
	int n = client && client_readable(client, &first, &last, NULL, 0, &err)
			? 1
			: -1;
	if (first > after + 1)
		after = first - 1;
	while (n > 0 && after < seq) {
		struct event **chunk = NULL;
		n = client_events(client, after, seq - after, 0, &chunk, &err);
		for (int i = 0; i < n; i++) {
			GROW(*events, *count, cap);
			after = chunk[i]->seq;
			(*events)[(*count)++] = chunk[i];
		}
		free(chunk);
	}
	client_close(&client);
	if (n < 0)
		log_warn("engine", "the newest events cannot be read: %s",
			 err.text);
}

static bool start_net(struct engine *e, const char *snapshot, struct err *err)
{
	if (e->settings->no_http)
		return true;
	char *token = operator_token(e, err);
	if (!token)
		return false;
	/* Voters keep their tokens when another machine takes over. */
	char voter_secret[VOTER_SECRET_BYTES];
	if (!voter_secret_open(e->state_dir, voter_secret, err) ||
	    !writer_secret(e->writer, "voter", voter_secret,
			   sizeof voter_secret, err)) {
		free(token);
		return false;
	}
	struct net_settings settings = {
		.show = e->show,
		.voter_secret = voter_secret,
		.snapshot = snapshot,
		.operator_addr = e->settings->operator_addr,
		.audience_addr = e->settings->audience_addr,
		.token = token,
		.state_dir = e->state_dir,
		.rehearsal = e->settings->rehearsal,
		.redis_url = e->address->url,
		.redis_fsync = writer_fsync(e->writer),
	};
	struct event **replay = NULL;
	size_t count = 0;
	read_replay(e, &replay, &count);
	e->net = net_start(&settings, replay, count, e->box, err);
	for (size_t i = 0; i < count; i++)
		event_free(&replay[i]);
	free(replay);
	bool ok = e->net != NULL;
	if (ok) {
		err->code = ERR_NONE;
		e->gateway = gateway_new(e, token, err);
		ok = e->gateway || !err->code;
	}
	explicit_bzero(token, strlen(token));
	free(token);
	return ok;
}

static bool start_threads(struct engine *e, int64_t epoch, struct err *err)
{
	char *output_dir = xasprintf("%s/output", e->state_dir);
	struct pool_settings settings = {.threads = e->settings->pool_threads,
					 .output_dir = output_dir};
	char *snapshot = model_snapshot(e->m);
	bool ok = start_net(e, snapshot, err);
	if (ok)
		e->keeper = keeper_start(e->address, e->show, epoch,
					 e->state_dir, &snapshot, err);
	free(snapshot);
	ok = ok && e->keeper;
	if (ok)
		e->pool = pool_new(e->show, &settings, e->box, err);
	free(output_dir);
	return ok && e->pool;
}

/* --- the first decisions ------------------------------------------------ */

static void queue_lead(struct engine *e, int64_t epoch)
{
	struct input *in = input_new(INPUT_LEAD);
	in->by = xstrdup(e->host);
	in->epoch = epoch;
	in->attempt = getpid();
	waiting_add(&e->local, &in);
}

static void queue_note(struct engine *e, char *text)
{
	struct input *in = input_new(INPUT_COMMAND);
	in->action = ACTION_NOTE;
	in->by = xstrdup("showcaller");
	in->args[0] = text;
	log_warn("engine", "%s", text);
	waiting_add(&e->local, &in);
}

static void queue_begin(struct engine *e)
{
	int last = 0;
	if (e->m->run.id[0] == 'r')
		last = atoi(e->m->run.id + 1);
	if (e->m->run.id[0] && !run_is_over(e->m->run.state)) {
		struct input *cancel = input_new(INPUT_COMMAND);
		cancel->action = ACTION_CANCEL_RUN;
		cancel->by = xstrdup("showcaller");
		cancel->reason = xstrdup("a new run begins");
		waiting_add(&e->local, &cancel);
	}
	struct input *in = input_new(INPUT_BEGIN);
	in->id = xasprintf("r%d", last + 1);
	in->rehearsal = e->settings->rehearsal;
	in->attended = e->settings->attended;
	waiting_add(&e->local, &in);
}

static void queue_first(struct engine *e, bool go_on, bool changed)
{
	if (!go_on)
		queue_begin(e);
	else
		waiting_add(&e->local,
			    &(struct input *){input_new(INPUT_RESUMED)});
	if (changed)
		queue_note(e,
			   xasprintf("the file has changed: run %s goes on by "
				     "the show as it was when it began; run "
				     "--new begins one by the file",
				     e->m->run.id));
	if (writer_warnings(e->writer)[0])
		queue_note(e,
			   xasprintf("Redis: %s", writer_warnings(e->writer)));
	if (e->rehearse)
		rehearse_obs_connect(e->rehearse, e->clock_show_ms);
}

static void start_clock(struct engine *e)
{
	e->clock_real_ms = clock_show_ms();
	e->clock_show_ms = e->clock_real_ms;
	/* The log may be ahead: a rehearsal that ran faster than time, or a
	 * wall clock that was set back between two cores. */
	if (e->m->at_ms >= e->clock_show_ms)
		e->clock_show_ms = e->m->at_ms + 1;
	e->last_ms = e->clock_show_ms;
}

bool engine_open(struct engine *e, struct err *err)
{
	const struct show *file = e->settings->show;
	int64_t epoch = 0;
	bool go_on = false, changed = false;
	snprintf(e->host, sizeof e->host, "localhost");
	gethostname(e->host, sizeof e->host - 1);
	e->state_dir = file_state_dir(file->id);
	e->box = mailbox_new(MAILBOX_ITEMS, input_drop);
	if (!file_make_state_dir(e->state_dir, err))
		return false;
	if (chmod(e->state_dir, 0700) != 0)
		return err_set(err, ERR_CONFIG,
			       "%s: %s; it must belong to you: set "
			       "SHOWCALLER_STATE to a folder of yours",
			       e->state_dir, strerror(errno));
	e->lock_fd = engine_lock_take(e->state_dir, file->id, err);
	e->former_pid = engine_lock_pid(e->state_dir);
	/* A standby is found here too, by whoever attaches on this machine. */
	if (e->lock_fd < 0 || !open_signals(e, err) || !open_redis(e, err) ||
	    !write_files(e, err) || !look_over(e, err) ||
	    !engine_take_lead(e, &epoch, err))
		return false;
	e->renew_at_ms = clock_mono_ms() + RENEW_MS;
	if (!choose_run(e, &go_on, &changed, err))
		return false;
	if (!go_on &&
	    !writer_define(e->writer, file->hash, file->definition, err))
		return false;
	if (e->settings->rehearsal)
		e->rehearse = rehearse_new(e->show);
	/* What it has to prepare in Redis is done before the show begins. */
	e->tail = tail_start(e->address, e->show->id, e->box, err);
	e->tally_stale = xcalloc(show_poll_places(e->show), sizeof(bool));
	day_begin(e->show);
	if (!e->tail || !start_threads(e, epoch, err))
		return false;
	e->trim = trim_new(e->address, file, epoch, e->box);
	start_clock(e);
	e->report_seq = e->m->seq;
	queue_lead(e, epoch);
	queue_first(e, go_on, changed);
	e->keep.seq = e->m->seq;
	e->keep.at_ms = clock_mono_ms();
	e->last_at_ms = e->keep.at_ms + REPORT_MS; /* not in the first moment */
	e->opened = true;
	if (go_on && run_is_over(e->m->run.state) &&
	    e->settings->exit_when_done)
		engine_end(e,
			   e->m->run.state == RUN_DONE ? END_RUN_DONE
						       : END_RUN_FAILED,
			   NULL);
	return true;
}

/* Why those that stand by are not to go on; "": one of them is to. */
static const char *ended_by(const struct engine *e)
{
	switch (e->end) {
	case END_ASKED:
		return e->by_signal ? "" : "stop";
	case END_RUN_DONE:
		return "its run is done";
	case END_RUN_FAILED:
		return "its run has failed";
	default:
		return "";
	}
}

void engine_close(struct engine *e)
{
	char *pid_path = xasprintf("%s/core.pid", e->state_dir);
	tail_stop(&e->tail);
	rollback_end(&e->rollback);
	trim_free(&e->trim);
	gateway_free(&e->gateway);
	net_stop(&e->net);
	pool_free(&e->pool);
	alerts_release(&e->alerts);
	keeper_stop(&e->keeper);
	if (e->writer && e->end < END_FENCED)
		writer_resign(e->writer, ended_by(e));
	writer_close(&e->writer);
	if (e->end == END_FENCED) /* it is another core's now */
		redis_server_leave(&e->server);
	redis_server_stop(&e->server);
	engine_drop_batches(e);
	waiting_drop(&e->local);
	waiting_drop(&e->held);
	rehearse_free(&e->rehearse);
	mailbox_free(&e->box);
	model_free(&e->m);
	show_unref(&e->show);
	address_free(&e->address);
	free(e->tally_stale);
	tally_drop(e);
	if (e->signal_fd >= 0)
		close(e->signal_fd);
	if (e->lock_fd >= 0) {
		unlink(pid_path);
		close(e->lock_fd);
	}
	free(pid_path);
	free(e->state_dir);
}

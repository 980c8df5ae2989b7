/*
 * The console's thread. It waits on the keyboard, the signals and the feed's
 * mailbox, and for the next moment at which the picture changes by itself.
 *
 * The order of a turn: take everything that has come (the model misses
 * nothing), then draw once (the screen shows the newest). After rest a change
 * is drawn at once, and so is one right behind it: the core is heard of every
 * second, and what happens just then does not wait for that. In a flood there
 * are 30 pictures a second, and fewer where the line is slow; a key is drawn in
 * the same turn.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "console/brake.h"
#include "console/console.h"
#include "console/frame.h"
#include "console/keep.h"
#include "console/keys.h"
#include "console/operate.h"
#include "console/pager.h"
#include "console/past.h"
#include "console/rewind.h"
#include "console/script.h"
#include "console/term.h"
#include "show/show_read.h"
#include "store/client.h"

#define FRAME_MS      33
#define SLOWEST_MS    1000
#define LINE_SHARE    4	  /* of the time, a picture takes at most one part */
#define FIRST_MS      80  /* the first picture waits so long for the log */
#define FOLD_MS	      10  /* taking events in, before keys are looked at */
#define QUIET_MS      150 /* for scripts: nothing happened for so long */
#define REOPEN_MS     1000
#define CORE_LATE_MS  1500 /* it speaks once a second */
#define PANIC_LATE_MS 700
#define MAILBOX_ITEMS 1024

enum {
	CTRL_L = 12,
	CTRL_Z = 26,
};

struct app {
	const struct console_settings *settings;
	struct view *view;
	struct canvas canvas;
	struct terminal *term;
	struct script *script;
	struct mailbox *box;
	struct feed *feed;
	struct pager *pager; /* NULL until a page is missing */
	int signal_fd;
	sigset_t old_mask;
	char by[160];
	bool suspended;
	int width, height; /* forced by a script; 0: the terminal's */

	bool dirty, urgent; /* something changed; it was a key */
	bool news;	    /* it came from the feed, and may be a flood */
	bool drawn_once;
	int64_t start_ms, frame_ms, happened_ms;
	int64_t paid_ms;   /* the pictures so far have had their time by then */
	int64_t reopen_ms; /* when a broken feed is opened anew, 0 */
	int64_t alive_ms;  /* when it was last looked whether a core lives */
	bool folding; /* towards a moment of the past; there is more to do */
	bool over;
	enum console_end end;
	struct err *err;
};

static void finish(struct app *app, enum console_end end)
{
	app->over = true;
	app->end = end;
}

static void tick(struct app *app)
{
	view_tick(app->view, clock_mono_ms(), clock_show_ms());
}

/* --- what comes in ------------------------------------------------------- */

static void press(struct app *app, int key)
{
	tick(app);
	if (key == CTRL_Z)
		raise(SIGTSTP); /* blocked: comes back through signal_fd */
	else if (key == CTRL_L)
		term_forget(app->term);
	else
		operate_key(app->view, key);
	app->dirty = app->urgent = true;
}

static void take_keys(struct app *app)
{
	int key;
	while (!app->suspended && (key = term_key(app->term)) != KEYS_NONE)
		press(app, key);
	if (term_is_gone(app->term))
		finish(app, CONSOLE_LEFT);
}

static void resume(struct app *app)
{
	app->suspended = !term_resume(app->term);
	app->dirty = app->urgent = true;
}

static void take_signal(struct app *app, unsigned signo)
{
	switch (signo) {
	case SIGWINCH:
		app->dirty = app->urgent = true;
		break;
	case SIGTSTP:
		app->suspended = true;
		term_suspend(app->term);
		break;
	case SIGCONT:
		resume(app);
		break;
	default: /* HUP, INT, TERM, QUIT: the show goes on without us */
		finish(app, CONSOLE_LEFT);
	}
}

static void take_signals(struct app *app)
{
	struct signalfd_siginfo info;
	while (read(app->signal_fd, &info, sizeof info) == sizeof info)
		take_signal(app, info.ssi_signo);
}

static void take_feed(struct app *app)
{
	int64_t until = clock_mono_ms() + FOLD_MS;
	struct feed_item *item;
	bool any = false;
	while (clock_mono_ms() < until &&
	       (item = mailbox_take(app->box)) != NULL) {
		tick(app);
		view_take(app->view, item);
		if (item->kind != FEED_LIVE)
			app->happened_ms = app->view->mono_ms;
		if (item->kind == FEED_BROKEN)
			app->reopen_ms = app->view->mono_ms + REOPEN_MS;
		feed_item_free(item);
		any = true;
	}
	app->news = app->news || any;
	app->dirty = app->dirty || any;
}

/* --- looking back -------------------------------------------------------- */

static bool has_pager(struct app *app)
{
	if (!app->pager)
		app->pager = pager_start(app->settings->address,
					 app->settings->show);
	return app->pager != NULL;
}

static void ask_check(struct app *app)
{
	struct view *v = app->view;
	int check = v->wants_check;
	v->wants_check = -1;
	if (check < 0 || (size_t)check >= v->show->check_count)
		return;
	const struct show_check *def = &v->show->checks[check];
	if (!has_pager(app) ||
	    !pager_ask_check(app->pager, check, def->card, def->name))
		check_page_take(v, check, NULL, app->canvas.ascii);
}

static void ask_page(struct app *app)
{
	uint64_t missing = app->view->rewind.missing;
	if (!missing)
		return;
	if (has_pager(app))
		pager_ask(app->pager, past_page_after(missing), PAST_PAGE);
	else
		rewind_take(app->view, past_page_after(missing), NULL, 0,
			    "no thread for it");
}

static void take_pages(struct app *app)
{
	struct page_read *read;
	while (app->pager && (read = pager_take(app->pager)) != NULL) {
		app->dirty = true;
		if (read->check >= 0) {
			check_page_take(app->view, read->check, read->result,
					app->canvas.ascii);
			page_read_free(read);
			continue;
		}
		if (read->ground)
			rewind_ground(app->view, read->ground, read->why);
		rewind_take(app->view, read->after, read->events, read->count,
			    read->why);
		page_read_free(read);
	}
}

/* True while there is more to fold. */
static bool look_back(struct app *app)
{
	if (!rewind_is_loading(app->view))
		return false;
	int64_t until = clock_mono_ms() + FOLD_MS;
	bool more = true;
	while (more && clock_mono_ms() < until)
		more = rewind_work(app->view);
	ask_page(app);
	app->dirty = app->dirty || more || !rewind_is_loading(app->view);
	return more;
}

/* --- what goes out ------------------------------------------------------- */

/* PANIC goes around a Redis that may not carry it. */
static bool go_around(struct app *app, const struct view_command *c, char *id,
		      size_t id_bytes)
{
	const struct view *v = app->view;
	bool unsure = v->link.lost || v->link.broken ||
		      v->core.redis_away_ms > 0 ||
		      v->mono_ms - v->core.mono_ms > CORE_LATE_MS;
	return c->action == ACTION_PANIC && unsure &&
	       brake_press(app->settings->state_dir, app->by, c->arg_count > 0,
			   app->box, id, id_bytes);
}

/* When a PANIC that nobody has answered goes around the bus; 0: none does. */
static int64_t around_ms(const struct view_pending *p)
{
	return *p->id && p->action == ACTION_PANIC && !p->around
		       ? p->sent_mono_ms + PANIC_LATE_MS
		       : 0;
}

/* What others wrote stands before it: the bus is in order, and may be full. The
 * answer of the way that was quicker is the one that counts. */
static void hurry_panic(struct app *app)
{
	struct view *v = app->view;
	for (int i = 0; i < VIEW_PENDING_MAX; i++) {
		struct view_pending *p = &v->pending[i];
		int64_t at = around_ms(p);
		char id[sizeof p->id];
		if (!at || v->mono_ms < at)
			continue;
		p->around = true;
		if (brake_press(app->settings->state_dir, app->by,
				p->arg_count > 0, app->box, id, sizeof id))
			memcpy(p->id, id, sizeof id);
	}
}

static void send_commands(struct app *app)
{
	struct view *v = app->view;
	while (v->out_count) {
		const struct view_command *c = &v->outbox[0];
		const char *args[ACTION_MAX_ARGS] = {c->args[0], c->args[1],
						     c->args[2], c->args[3]};
		char id[64];
		bool around = go_around(app, c, id, sizeof id);
		if (!around)
			feed_command(app->feed, action_table[c->action].name,
				     args, c->arg_count, app->by, c->reason, id,
				     sizeof id);
		view_sent(v, id)->around = around;
		app->happened_ms = v->mono_ms;
		app->dirty = true;
	}
}

static void draw(struct app *app)
{
	struct view *v = app->view;
	int width = app->width, height = app->height;
	tick(app);
	view_settle(v);
	if (!width)
		term_size(app->term, &width, &height);
	if (width != app->canvas.width || height != app->canvas.height)
		canvas_resize(&app->canvas, width, height);
	frame_draw(&app->canvas, v);
	term_draw(app->term, &app->canvas);
	feed_meters(app->feed, v->meters_seen);
	if (v->bell)
		term_bell(app->term, v->bell_text);
	v->bell = false;
	/* What the line took to swallow it says how fast it is. */
	int64_t took = (clock_mono_ms() - v->mono_ms) * LINE_SHARE;
	app->frame_ms = took < FRAME_MS	    ? FRAME_MS
			: took > SLOWEST_MS ? SLOWEST_MS
					    : took;
	/* Only pictures with news keep the next one waiting: after a tick of
	 * the clock the screen is still at rest. */
	if (app->news && app->paid_ms < v->mono_ms)
		app->paid_ms = v->mono_ms;
	if (app->news)
		app->paid_ms += app->frame_ms;
	app->dirty = app->urgent = app->news = false;
	app->drawn_once = true;
}

/* When the next picture may be drawn, monotonic ms. */
static int64_t due_ms(const struct app *app)
{
	if (!app->drawn_once && !app->view->link.caught_up)
		return app->start_ms + FIRST_MS;
	/* One picture ahead of its time. */
	return app->urgent ? 0 : app->paid_ms - app->frame_ms;
}

static bool may_draw(struct app *app)
{
	return app->dirty && !app->suspended && !app->over &&
	       clock_mono_ms() >= due_ms(app) && term_is_ready(app->term);
}

/* --- scripts ------------------------------------------------------------- */

static bool is_quiet(const struct app *app)
{
	const struct view *v = app->view;
	bool pending = v->out_count > 0;
	for (int i = 0; i < VIEW_PENDING_MAX; i++)
		pending = pending || *v->pending[i].id;
	return v->link.caught_up && !pending && !app->dirty &&
	       (!rewind_is_loading(v) || v->rewind.failed) &&
	       v->mono_ms - app->happened_ms >= QUIET_MS &&
	       (v->standby < 0 || view_standby_armed(v)) &&
	       v->mono_ms - v->run_state_mono_ms >= VIEW_TOO_EARLY_MS &&
	       v->mono_ms - v->scenes_mono_ms >= VIEW_TOO_EARLY_MS &&
	       v->mono_ms - v->polls.shown_mono_ms >= VIEW_TOO_EARLY_MS &&
	       (!*v->item || view_item_armed(v));
}

static void run_script(struct app *app)
{
	while (app->script && app->drawn_once && !app->over) {
		tick(app);
		struct script_step step =
			script_go_on(app->script, &app->canvas, is_quiet(app),
				     app->view->mono_ms, app->err);
		switch (step.next) {
		case SCRIPT_WAITS:
			return;
		case SCRIPT_KEY:
			press(app, step.key);
			look_back(app);
			ask_check(app);
			send_commands(app);
			break;
		case SCRIPT_RESIZE:
			app->width = step.width;
			app->height = step.height;
			break;
		case SCRIPT_QUIT:
			finish(app, CONSOLE_LEFT);
			return;
		case SCRIPT_FAILED:
			finish(app, CONSOLE_FAILED);
			return;
		}
		if (app->view->end != VIEW_GOES_ON)
			return;
		draw(app);
	}
}

/* --- the loop ------------------------------------------------------------ */

static void sooner(int64_t *at, int64_t candidate)
{
	if (candidate && candidate < *at)
		*at = candidate;
}

static int wait_ms(const struct app *app)
{
	const struct view *v = app->view;
	int64_t now = clock_mono_ms();
	int64_t at = view_next_change(v);
	if (app->dirty && !app->suspended)
		sooner(&at, due_ms(app) > now ? due_ms(app) : now);
	sooner(&at, app->reopen_ms);
	for (int i = 0; i < VIEW_PENDING_MAX; i++)
		sooner(&at, around_ms(&v->pending[i]));
	if (app->script) {
		sooner(&at, script_deadline(app->script));
		if (v->mono_ms - app->happened_ms < QUIET_MS)
			sooner(&at, app->happened_ms + QUIET_MS);
	}
	return at <= now ? 0 : (int)(at - now);
}

static void wait_for_something(struct app *app)
{
	/* A line that is full is waited for instead of the clock. */
	bool blocked =
		app->dirty && !app->suspended && clock_mono_ms() >= due_ms(app);
	struct pollfd p[] = {
		{.fd = app->suspended ? -1 : STDIN_FILENO, .events = POLLIN},
		{.fd = app->signal_fd, .events = POLLIN},
		{.fd = mailbox_fd(app->box), .events = POLLIN},
		{.fd = blocked ? STDOUT_FILENO : -1, .events = POLLOUT},
		{.fd = app->pager ? pager_fd(app->pager) : -1,
		 .events = POLLIN},
	};
	int64_t change = view_next_change(app->view);
	int timeout = app->folding ? 0 : blocked ? SLOWEST_MS : wait_ms(app);
	if (poll(p, COUNT_OF(p), timeout) < 0 && errno != EINTR)
		REQUIRE(!"poll");
	if (p[1].revents)
		take_signals(app);
	if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		finish(app, CONSOLE_LEFT);
	else if (p[0].revents)
		take_keys(app);
	if (p[2].revents)
		take_feed(app);
	if (p[4].revents)
		take_pages(app);
	if (clock_mono_ms() >= change)
		app->dirty = true;
}

static struct show *load_show(const struct console_settings *settings,
			      struct err *err)
{
	struct client *client =
		client_open(settings->address, settings->show, err);
	if (!client)
		return NULL;
	char *text = client_definition(client, err);
	client_close(&client);
	if (!text)
		return NULL;
	struct show *show = show_of_definition(text, settings->show, err);
	free(text);
	return show;
}

static struct feed *start_feed(struct app *app, struct err *err)
{
	const struct view *v = app->view;
	return feed_start_late(app->settings->address, app->settings->show,
			       v->link.no_snapshot ? NULL : v->show->hash,
			       app->box, err);
}

/* A log that broke off, or is another one, is read again from its start. */
static bool reopen_feed(struct app *app, const struct show *show)
{
	app->reopen_ms = 0;
	feed_stop(&app->feed);
	brake_wait();
	pager_stop(&app->pager); /* what it reads belongs to the other log */
	struct feed_item *item;
	while ((item = mailbox_take(app->box)) != NULL)
		feed_item_free(item);
	view_restart(app->view, show);
	app->feed = start_feed(app, app->err);
	return app->feed != NULL;
}

/* A new run of a show file that was edited: what it says now is needed to fold
 * the log. Blocks for the few milliseconds that Redis takes. */
static bool follow_new_show(struct app *app)
{
	struct show *show = load_show(app->settings, NULL);
	bool ok = true;
	if (show && strcmp(show->hash, app->view->run_hash) == 0)
		ok = reopen_feed(app, show);
	else
		*app->view->run_hash = '\0'; /* gone: no use asking again */
	show_unref(&show);
	return ok;
}

/* Once a second while nobody leads, or Redis cannot tell. */
static void look_for_core(struct app *app)
{
	const struct console_settings *s = app->settings;
	struct view_link *l = &app->view->link;
	bool asks = l->lost || (l->leader_known && !*l->leader);
	int64_t now = clock_mono_ms();
	if (!asks || !s->core_here || !s->state_dir) {
		l->alive = ALIVE_UNKNOWN;
		app->alive_ms = 0;
	} else if (!app->alive_ms || now - app->alive_ms >= 1000) {
		app->alive_ms = now;
		l->alive = s->core_here(s->state_dir) ? ALIVE_HERE
			   : s->alone		      ? ALIVE_NOWHERE
						      : ALIVE_UNKNOWN;
	}
}

static void look_at_end(struct app *app)
{
	const struct view *v = app->view;
	enum run_state state = v->model->run.state;
	if (v->end == VIEW_LEFT)
		finish(app, CONSOLE_LEFT);
	else if (v->end == VIEW_STOPPED)
		finish(app, CONSOLE_STOPPED);
	else if (app->settings->exit_when_done && v->link.caught_up &&
		 run_is_over(state))
		finish(app,
		       state == RUN_DONE ? CONSOLE_OVER : CONSOLE_OVER_FAILED);
}

static void loop(struct app *app)
{
	app->start_ms = app->happened_ms = clock_mono_ms();
	app->frame_ms = FRAME_MS;
	app->dirty = true;
	while (!app->over) {
		wait_for_something(app);
		tick(app);
		view_settle(app->view);
		app->folding = look_back(app);
		ask_check(app);
		send_commands(app);
		hurry_panic(app);
		look_at_end(app);
		look_for_core(app);
		if (may_draw(app))
			draw(app);
		run_script(app);
		if (view_is_outdated(app->view) && !follow_new_show(app))
			finish(app, CONSOLE_FAILED);
		if (app->reopen_ms && clock_mono_ms() >= app->reopen_ms &&
		    !reopen_feed(app, NULL))
			finish(app, CONSOLE_FAILED);
	}
}

/* --- start and end ------------------------------------------------------- */

/* "host:port" of the audience's page, as the core wrote it down. */
static char *read_vote_base(const char *state_dir)
{
	if (!state_dir)
		return NULL;
	char *path = xasprintf("%s/audience.addr", state_dir);
	char *text = file_read(path, 256, NULL, NULL);
	free(path);
	if (!text)
		return NULL;
	text[strcspn(text, "\r\n")] = '\0';
	char *base = *text ? xasprintf("http://%s", text) : NULL;
	free(text);
	return base;
}

static void name_operator(struct app *app)
{
	char host[64] = "?";
	gethostname(host, sizeof host - 1);
	const char *tty = ttyname(STDIN_FILENO);
	if (tty && strncmp(tty, "/dev/", 5) == 0)
		tty += 5;
	snprintf(app->by, sizeof app->by, "operator@%s/%s", host,
		 tty ? tty : "?");
}

static void block_signals(struct app *app)
{
	static const int ours[] = {SIGHUP,  SIGINT,  SIGTERM, SIGQUIT,
				   SIGTSTP, SIGCONT, SIGWINCH};
	/* SIGTTOU: the shell may have the terminal when we touch its modes. */
	sigset_t mask;
	sigemptyset(&mask);
	for (size_t i = 0; i < COUNT_OF(ours); i++)
		sigaddset(&mask, ours[i]);
	sigset_t blocked = mask;
	sigaddset(&blocked, SIGTTOU);
	REQUIRE(pthread_sigmask(SIG_BLOCK, &blocked, &app->old_mask) == 0);
	app->signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	REQUIRE(app->signal_fd >= 0);
}

static bool open_all(struct app *app, struct err *err)
{
	const struct console_settings *settings = app->settings;
	const char *path = getenv("SHOWCALLER_SCRIPT");
	if (path && *path && !(app->script = script_load(path, err)))
		return false;
	if (!term_check(err))
		return false;
	struct show *show = load_show(settings, err);
	if (!show)
		return false;
	app->view = view_new(show, clock_mono_ms());
	show_unref(&show);
	app->view->read_only = settings->read_only;
	app->view->vote_base = read_vote_base(settings->state_dir);
	keep_load(app->view, settings->state_dir);
	app->box = mailbox_new(MAILBOX_ITEMS, feed_item_free);
	name_operator(app);
	snprintf(app->view->by, sizeof app->view->by, "%s", app->by);
	block_signals(app);
	app->term = term_open(err);
	if (!app->term)
		return false;
	app->canvas.ascii = term_is_ascii(app->term);
	app->feed = start_feed(app, err);
	return app->feed != NULL;
}

static void close_all(struct app *app)
{
	/* The terminal first: whoever left wants it back at once. */
	term_close(&app->term);
	/* Where the operator never was is not kept either. */
	if (app->drawn_once)
		keep_save(app->view, app->settings->state_dir);
	feed_stop(&app->feed);
	pager_stop(&app->pager);
	brake_wait(); /* its answers go into the box as well */
	mailbox_free(&app->box);
	view_free(&app->view);
	script_free(&app->script);
	canvas_release(&app->canvas);
	if (app->signal_fd >= 0) {
		close(app->signal_fd);
		pthread_sigmask(SIG_SETMASK, &app->old_mask, NULL);
	}
}

enum console_end console_run(const struct console_settings *settings,
			     struct err *err)
{
	struct app app = {.settings = settings,
			  .signal_fd = -1,
			  .err = err,
			  .end = CONSOLE_FAILED};
	if (open_all(&app, err))
		loop(&app);
	close_all(&app);
	return app.end;
}

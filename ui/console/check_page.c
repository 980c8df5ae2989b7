/*
 * check_page: the page of a check: what the model knows of it at once, and below
 * it, as soon as Redis has given it, the whole of its last result: phases, what
 * was wanted and what came, sound, request and answer.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "console/fmt.h"
#include "console/glyph.h"
#include "console/operate.h"
#include "console/panes.h"

#define LABEL_COLUMNS 13
#define LINE_BYTES    400
#define LINES_MOST    200 /* of a request or an answer */
#define LONG_BYTES    80  /* a text that has lines of its own */

static void add_text(struct dialog *d, const char *label, const char *text)
{
	if (text && *text)
		dialog_add_row(d, "%-12s %s", label, text);
}

static void add_past(struct view *v, int check)
{
	const struct check_run *run = &v->model->checks[check];
	const struct show_check *def = &v->show->checks[check];
	struct dialog *d = &v->dialog;
	int failed = 0;
	for (int i = 0; i < run->past_count; i++)
		failed += run->past[i] < 0;
	if (run->past_count)
		dialog_add_row(d, "%-12s %d of %d failed%s", "this show",
			       failed, run->past_count,
			       check_is_flaky(run) ? " (flaky)" : "");
	if (failed < run->past_count)
		dialog_add_row(d, "%-12s p50 %lld ms, p95 %lld ms", "took",
			       (long long)check_quantile_ms(run, 50),
			       (long long)check_quantile_ms(run, 95));
	if (run->before_count)
		dialog_add_row(d, "%-12s %d of %d failed; p50 %lld ms",
			       "last show", run->before_failed,
			       run->before_count, (long long)run->before_ms);
	if (def->parent >= 0)
		dialog_add_row(d, "%-12s %s/%s%s", "parent",
			       v->show->checks[def->parent].card,
			       v->show->checks[def->parent].name,
			       check_is_muted(v->model, check)
				       ? ": it fails, so this one is muted"
				       : "");
	if (def->watch_ms != SHOW_UNSET)
		dialog_add_row(d, "%-12s every %lld s while live", "watched",
			       (long long)def->watch_ms / 1000);
	if (run->overridden)
		dialog_add_row(d, "%-12s the show goes on without it",
			       "overridden");
}

void check_page_open(struct view *v, int check)
{
	const struct show_check *def = &v->show->checks[check];
	const struct check_run *run = &v->model->checks[check];
	struct dialog *d = &v->dialog;
	char ago[FMT_BYTES];
	dialog_open(d, DIALOG_PAGE, ACTION_OPEN, " Check ", "");
	d->indent = LABEL_COLUMNS;
	dialog_add_row(d, "%s / %s", def->card, def->name);
	dialog_add_row(d, "%-12s %s", "state", check_state_name(run->state));
	if (run->at_ms)
		dialog_add_row(d, "%-12s %s ago, took %lld ms%s", "ran",
			       fmt_elapsed(ago, v->now_ms - run->at_ms),
			       (long long)run->latency_ms,
			       check_is_earlier(v->model, check)
				       ? ", in an earlier run"
				       : "");
	add_text(d, "said", run->text);
	add_past(v, check);
	add_text(d, "kind", def->kind);
	add_text(d, "endpoint", def->endpoint);
	add_text(d, "payload", def->payload);
	add_text(d, "expected", def->expected);
	v->check_page = v->wants_check = check;
}

/* --- all of the last result ------------------------------------------------ */

static void add_phases(struct dialog *d, json_object *phases)
{
	static const struct {
		const char *key, *name;
	} all[] = {{"dns_ms", "dns"},
		   {"connect_ms", "connect"},
		   {"tls_ms", "tls"},
		   {"first_byte_ms", "first byte"},
		   {"total_ms", "total"}};
	struct buf b = {0};
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		int64_t ms = json_get_int(phases, all[i].key, -1);
		if (ms >= 0)
			buf_addf(&b, "%s%s %lld ms", b.len ? ", " : "",
				 all[i].name, (long long)ms);
	}
	add_text(d, "phases", buf_str(&b));
	buf_release(&b);
}

static char *line_of(json_object *o, const char *key)
{
	json_object *v = json_get(o, key);
	const char *text = json_object_is_type(v, json_type_string)
				   ? json_object_get_string(v)
			   : v ? json_text(v)
			       : "";
	return text_clean_str(text, LINE_BYTES);
}

/* Wanted and got, side by side. */
static void add_expectations(struct dialog *d, json_object *list, bool ascii)
{
	size_t n = list ? json_object_array_length(list) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		bool ok = json_get_bool(o, "ok", false);
		char *name = line_of(o, "name"), *wanted = line_of(o, "wanted");
		char *got = line_of(o, "got");
		dialog_add_row(d, "%s %s  wanted %s  got %s",
			       glyph_text(ok ? GLYPH_DONE : GLYPH_FAILED, ascii),
			       name, wanted, got);
		free(name);
		free(wanted);
		free(got);
	}
}

static void add_wave(struct dialog *d, json_object *peaks, bool ascii)
{
	struct buf b = {0};
	size_t n = peaks ? json_object_array_length(peaks) : 0;
	for (size_t i = 0; i < n; i++) {
		int64_t peak = json_object_get_int64(
			json_object_array_get_idx(peaks, i));
		peak = peak < 0 ? 0 : peak > 100 ? 100 : peak;
		buf_adds(&b, glyph_spark((int)(peak * 8 + 99) / 100, ascii));
	}
	add_text(d, "wave", buf_str(&b));
	buf_release(&b);
}

static void add_sound(struct dialog *d, json_object *a, bool ascii)
{
	if (!a)
		return;
	dialog_add_row(d, "%-12s %lld ms, %lld Hz, %lld channels", "sound",
		       (long long)json_get_int(a, "duration_ms", 0),
		       (long long)json_get_int(a, "sample_rate", 0),
		       (long long)json_get_int(a, "channels", 0));
	dialog_add_row(d,
		       "%-12s peak %.1f dBFS, %.1f LUFS, silence %lld ms, "
		       "clipped %lld", " ",
		       json_get_num(a, "peak_dbfs", -99),
		       json_get_num(a, "loudness_lufs", -99),
		       (long long)json_get_int(a, "silence_ms", 0),
		       (long long)json_get_int(a, "clipped", 0));
	add_wave(d, json_get_array(a, "peaks"), ascii);
	add_text(d, "file", json_get_str(a, "file", NULL));
}

static void add_lines(struct dialog *d, const char *text)
{
	int lines = 0;
	while (*text && lines++ < LINES_MOST) {
		size_t n = strcspn(text, "\r\n");
		char *clean = text_clean(text, n, LINE_BYTES);
		dialog_add_row(d, "    %s", clean);
		free(clean);
		text += n + strspn(text + n, "\r");
		text += *text == '\n';
	}
}

/* As it went over the wire: its members, and below them texts of their own. */
static void add_wire(struct dialog *d, const char *label, json_object *o)
{
	if (!o)
		return;
	dialog_add_row(d, " ");
	dialog_add_row(d, "%s", label);
	json_object_object_foreach(o, key, value)
	{
		char *line = line_of(o, key);
		bool is_text = json_object_is_type(value, json_type_string);
		bool is_long = is_text && (strlen(line) >= LONG_BYTES ||
					   strchr(json_object_get_string(value),
						  '\n'));
		dialog_add_row(d, "  %-10s %s", key, is_long ? "" : line);
		if (is_long)
			add_lines(d, json_object_get_string(value));
		free(line);
	}
}

static void add_result(struct dialog *d, json_object *o, bool ascii)
{
	add_phases(d, json_get_object(o, "phases"));
	add_expectations(d, json_get_array(o, "expectations"), ascii);
	add_sound(d, json_get_object(o, "audio"), ascii);
	add_wire(d, "request", json_get_object(o, "request"));
	add_wire(d, "answer", json_get_object(o, "answer"));
}

static void add_steps(struct dialog *d, json_object *list, bool ascii)
{
	size_t n = list ? json_object_array_length(list) : 0;
	for (size_t i = 0; i < n; i++) {
		json_object *o = json_object_array_get_idx(list, i);
		char *name = line_of(o, "name"), *text = line_of(o, "text");
		dialog_add_row(d, " ");
		dialog_add_row(d, "step %s: %s", name, text);
		add_result(d, o, ascii);
		free(name);
		free(text);
	}
}

static void show_result(struct view *v, json_object *o, bool ascii)
{
	struct dialog *d = &v->dialog;
	add_result(d, o, ascii);
	add_steps(d, json_get_array(o, "steps"), ascii);
	add_steps(d, json_get_array(o, "cleanup"), ascii);
}

/* --- listening -------------------------------------------------------------- */

static bool is_here(const char *host)
{
	char name[256] = "";
	gethostname(name, sizeof name - 1);
	return strcmp(name, host) == 0;
}

/* The one that plays is ended: what is listened to now is another sound. */
static void end_player(struct view *v)
{
	if (v->player > 0 && waitpid(v->player, NULL, WNOHANG) == 0) {
		kill(v->player, SIGTERM);
		waitpid(v->player, NULL, 0);
	}
	v->player = 0;
}

/* The player has the file as its one argument, and no terminal. */
static bool play(struct view *v, const char *player, const char *file)
{
	extern char **environ;
	char *argv[] = {(char *)(uintptr_t)player, (char *)(uintptr_t)file,
			NULL};
	posix_spawn_file_actions_t acts;
	end_player(v);
	posix_spawn_file_actions_init(&acts);
	for (int fd = 0; fd < 3; fd++)
		posix_spawn_file_actions_addopen(&acts, fd, "/dev/null",
						 fd ? O_WRONLY : O_RDONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&acts, 3);
	int rc = posix_spawnp(&v->player, player, &acts, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&acts);
	return rc == 0;
}

static void listen_to(struct view *v, json_object *o)
{
	json_object *a = json_get_object(o, "audio");
	const char *file = json_get_str(a, "file", NULL);
	const char *host = json_get_str(a, "host", "");
	const char *player = getenv("SHOWCALLER_PLAYER");
	if (!file)
		view_flash(v, STYLE_WAIT, "listen: this check kept no sound");
	else if (!is_here(host))
		view_flash(v, STYLE_WAIT, "listen: the sound is on %s: %s", host,
			   file);
	else if (!player || !*player)
		view_flash(v, STYLE_WAIT,
			   "listen: set SHOWCALLER_PLAYER (as aplay); %s", file);
	else if (play(v, player, file))
		view_flash(v, STYLE_GOOD, "playing %s", file);
	else
		view_flash(v, STYLE_BAD, "listen: %s cannot be started", player);
}

/* --- asked and answered ------------------------------------------------------ */

void check_do_listen(struct view *v, enum action_id action)
{
	(void)action;
	if (v->focus != PANE_CHECKS || !v->show->check_count) {
		view_flash(v, STYLE_WAIT, "listen: select a check in pane 4");
		return;
	}
	v->wants_check = v->selected[PANE_CHECKS];
	v->listens = true;
}

void check_page_take(struct view *v, int check, const char *json, bool ascii)
{
	json_object *o = json ? json_read_str(json, &json_limits_own, NULL)
			      : NULL;
	if (v->listens) {
		v->listens = false;
		listen_to(v, o);
	} else if (v->dialog.kind == DIALOG_PAGE && v->check_page == check) {
		show_result(v, o, ascii);
	}
	json_object_put(o);
}

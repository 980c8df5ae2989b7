#include "console/term.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/mem.h"
#include "console/keys.h"

/* Curses' own codes end at 0777. */
#define CODE_PASTE_BEGIN 02000
#define CODE_PASTE_END	 02001
/* A paste whose end got lost must not swallow keys for ever. */
#define PASTE_PATIENCE_MS 1000
#define ESC_DELAY_MS	  25
#define PASTE_ON	  "\033[?2004h"
#define PASTE_OFF	  "\033[?2004l"

struct terminal {
	SCREEN *screen;
	WINDOW *keys; /* a pad: reading from it never draws */
	struct canvas shown;
	bool ascii, gone, suspended;
	bool pasting;
	int64_t pasted_mono_ms;
};

/* What the crash hook needs; written before it is registered. */
static struct {
	struct termios modes;
	char bytes[256];
	size_t len;
	bool armed;
} rescue;

static void put_bytes(const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, s, len);
		if (n <= 0)
			return;
		s += n;
		len -= (size_t)n;
	}
}

static void rescue_terminal(void)
{
	if (!rescue.armed)
		return;
	rescue.armed = false;
	put_bytes(rescue.bytes, rescue.len);
	tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
}

static void rescue_add(const char *s)
{
	if (!s || s == (const char *)-1)
		return;
	size_t len = strlen(s);
	if (rescue.len + len <= sizeof rescue.bytes) {
		memcpy(rescue.bytes + rescue.len, s, len);
		rescue.len += len;
	}
}

static const char *capability(const char *name)
{
	/* Older headers take a char * that is never written. */
	char copy[16];
	snprintf(copy, sizeof copy, "%s", name);
	const char *s = tigetstr(copy);
	return s == (const char *)-1 ? NULL : s;
}

static void rescue_arm(void)
{
	static const char *const back[] = {"sgr0", "rmkx", "cnorm", "rmcup"};
	rescue.len = 0;
	rescue_add(PASTE_OFF);
	for (size_t i = 0; i < COUNT_OF(back); i++)
		rescue_add(capability(back[i]));
	rescue_add("\r\n");
	rescue.armed = true;
	err_set_crash_hook(rescue_terminal);
	err_catch_crashes();
}

/* --- opening ------------------------------------------------------------- */

/* Curses ignores SIGTSTP for the time of each of its updates unless somebody
 * else has a handler, and what is ignored for a moment is lost though it was
 * blocked. This one is never called: the signal comes by a descriptor. */
static void no_stop(int signo)
{
	(void)signo;
}

static void keep_stops(void)
{
	struct sigaction ours = {.sa_handler = no_stop, .sa_flags = SA_RESTART};
	sigemptyset(&ours.sa_mask);
	sigaction(SIGTSTP, &ours, NULL);
}

static bool says_utf8(const char *name)
{
	return name && (strcasestr(name, "UTF-8") || strcasestr(name, "UTF8"));
}

/* Over SSH the locale's name comes along and its data often does not. */
static bool set_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return true;
	const char *want = getenv("LC_ALL");
	if (!want || !*want)
		want = getenv("LC_CTYPE");
	if (!want || !*want)
		want = getenv("LANG");
	return says_utf8(want) && setlocale(LC_CTYPE, "C.UTF-8");
}

static bool knows(const char *name)
{
	int status;
	if (setupterm(name, STDOUT_FILENO, &status) != OK)
		return false;
	bool able = capability("cup") && capability("clear");
	del_curterm(cur_term);
	return able;
}

/* Terminals that are newer than most systems' descriptions of them, and what
 * comes nearest. */
static const char *find_type(const char *name)
{
	static const char *const like_xterm[] = {
		"xterm",   "kitty",   "alacritty", "foot",
		"ghostty", "wezterm", "contour",   "rio",
		"vte",	   "konsole", "rxvt",	   "st-",
	};
	if (!name || !*name)
		return NULL;
	if (knows(name))
		return name;
	if (strncmp(name, "tmux", 4) == 0 || strncmp(name, "screen", 6) == 0) {
		if (knows("screen-256color"))
			return "screen-256color";
		return knows("screen") ? "screen" : NULL;
	}
	for (size_t i = 0; i < COUNT_OF(like_xterm); i++)
		if (strstr(name, like_xterm[i]) && knows("xterm-256color"))
			return "xterm-256color";
	return NULL;
}

static int colours(void)
{
	const char *no = getenv("NO_COLOR");
	if ((no && *no) || !has_colors() || start_color() == ERR)
		return 0;
	use_default_colors();
	return COLORS;
}

static attr_t attributes[STYLES];

static void set_styles(void)
{
	int have = colours();
	for (int i = 0; i < STYLES; i++) {
		struct look look = theme_look((enum style)i, have);
		attr_t a = A_NORMAL;
		a |= look.flags & THEME_BOLD ? A_BOLD : 0;
		a |= look.flags & THEME_DIM ? A_DIM : 0;
		a |= look.flags & THEME_REVERSE ? A_REVERSE : 0;
		if (look.fg >= 0 || look.bg >= 0) {
			init_pair((short)(i + 1), (short)look.fg,
				  (short)look.bg);
			a |= COLOR_PAIR(i + 1);
		}
		attributes[i] = a;
	}
}

static void set_modes(struct terminal *t)
{
	raw(); /* ^S must not freeze a show, ^C must not end a console */
	noecho();
	nonl();
	curs_set(0);
	leaveok(stdscr, TRUE);
	t->keys = newpad(1, 1);
	REQUIRE(t->keys);
	keypad(t->keys, TRUE);
	nodelay(t->keys, TRUE);
	set_escdelay(ESC_DELAY_MS);
	define_key("\033[200~", CODE_PASTE_BEGIN);
	define_key("\033[201~", CODE_PASTE_END);
	put_bytes(PASTE_ON, strlen(PASTE_ON));
}

bool term_check(struct err *err)
{
	const char *name = getenv("TERM");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, ERR_UNAVAILABLE,
			       "no terminal: the console needs one on its "
			       "input and output; without it use `showcaller "
			       "status`, `inbox` and `do`");
	if (!find_type(name))
		return err_set(err, ERR_UNAVAILABLE,
			       "TERM=%s cannot show a full screen: set TERM to "
			       "what your terminal is (xterm-256color fits "
			       "most), or use `showcaller status`, `inbox` and "
			       "`do`",
			       name ? name : "");
	return true;
}

struct terminal *term_open(struct err *err)
{
	if (!term_check(err))
		return NULL;
	if (tcgetattr(STDIN_FILENO, &rescue.modes) != 0) {
		err_set(err, ERR_UNAVAILABLE, "the terminal went away");
		return NULL;
	}
	bool utf8 = set_locale();
	const char *type = find_type(getenv("TERM"));
	struct terminal *t = xcalloc(1, sizeof *t);
	keep_stops();
	t->screen = newterm(type, stdout, stdin);
	if (!t->screen) {
		err_set(err, ERR_UNAVAILABLE,
			"TERM=%s: the terminal could not be set up", type);
		free(t);
		return NULL;
	}
	/* These draw letters well and few of our marks. */
	t->ascii = !utf8 || strcmp(type, "linux") == 0 ||
		   strncmp(type, "vt", 2) == 0;
	rescue_arm();
	set_styles();
	set_modes(t);
	return t;
}

void term_close(struct terminal **term)
{
	struct terminal *t = *term;
	if (!t)
		return;
	*term = NULL;
	if (!t->suspended && !t->gone) {
		put_bytes(PASTE_OFF, strlen(PASTE_OFF));
		endwin();
	}
	rescue.armed = false;
	delwin(t->keys);
	delscreen(t->screen);
	canvas_release(&t->shown);
	free(t);
}

void term_size(const struct terminal *t, int *width, int *height)
{
	(void)t;
	struct winsize size;
	*width = 80;
	*height = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col &&
	    size.ws_row) {
		*width = size.ws_col;
		*height = size.ws_row;
	}
}

bool term_is_ascii(const struct terminal *t)
{
	return t->ascii;
}

/* --- drawing ------------------------------------------------------------- */

/* Curses draws by wcwidth(); where that disagrees with our own width the rest
 * of the row would be shifted. */
static bool curses_agrees(const struct cell *cell)
{
	wchar_t wide[CELL_TEXT_BYTES];
	size_t n = mbstowcs(wide, cell->text, COUNT_OF(wide));
	return n != (size_t)-1 && n < COUNT_OF(wide) &&
	       wcswidth(wide, n) == cell->width;
}

static bool is_plain(const struct cell *cell)
{
	return cell->width == 1 && !(cell->text[0] & 0x80) && !cell->text[1];
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return a->style == b->style && a->width == b->width &&
	       strcmp(a->text, b->text) == 0;
}

static void put_special(int x, int y, const struct cell *cell)
{
	if (cell->width == 0)
		return; /* the letter before covers it */
	if (curses_agrees(cell))
		mvaddstr(y, x, cell->text);
	else
		mvaddstr(y, x, cell->width == 2 ? "??" : "?");
}

/* Cells [from, to) of a row, in runs of one style. */
static void put_row(const struct canvas *c, int y, int from, int to)
{
	char run[512];
	for (int x = from; x < to;) {
		const struct cell *first = canvas_cell(c, x, y);
		attrset((int)attributes[first->style]);
		if (!is_plain(first)) {
			put_special(x++, y, first);
			continue;
		}
		size_t n = 0;
		int start = x;
		for (; x < to && n + 1 < sizeof run; x++) {
			const struct cell *cell = canvas_cell(c, x, y);
			if (!is_plain(cell) || cell->style != first->style)
				break;
			run[n++] = cell->text[0];
		}
		run[n] = '\0';
		mvaddnstr(y, start, run, (int)n);
	}
}

static bool row_changed(const struct terminal *t, const struct canvas *c, int y,
			int *from, int *to)
{
	int first = c->width, last = -1;
	for (int x = 0; x < c->width; x++)
		if (!same_cell(canvas_cell(c, x, y),
			       canvas_cell(&t->shown, x, y))) {
			first = x < first ? x : first;
			last = x;
		}
	/* Never begin or end within a wide letter. */
	while (first > 0 && first < c->width &&
	       (canvas_cell(c, first, y)->width == 0 ||
		canvas_cell(&t->shown, first, y)->width == 0))
		first--;
	while (last >= 0 && last + 1 < c->width &&
	       (canvas_cell(c, last + 1, y)->width == 0 ||
		canvas_cell(&t->shown, last + 1, y)->width == 0))
		last++;
	*from = first;
	*to = last + 1;
	return last >= 0;
}

static void match_size(struct terminal *t, const struct canvas *c)
{
	int width, height;
	term_size(t, &width, &height);
	if (width != COLS || height != LINES) {
		resize_term(height, width);
		t->shown.width = 0; /* all of it anew */
	}
	if (t->shown.width != c->width || t->shown.height != c->height) {
		canvas_resize(&t->shown, c->width, c->height);
		erase();
		clearok(stdscr, TRUE);
	}
}

void term_draw(struct terminal *t, const struct canvas *c)
{
	if (t->suspended || t->gone)
		return;
	match_size(t, c);
	int height = c->height < LINES ? c->height : LINES;
	for (int y = 0; y < height; y++) {
		int from, to;
		if (!row_changed(t, c, y, &from, &to))
			continue;
		to = to < COLS ? to : COLS;
		put_row(c, y, from, to);
		for (int x = from; x < to; x++)
			t->shown.cells[y * c->width + x] =
				*canvas_cell(c, x, y);
	}
	refresh();
}

void term_forget(struct terminal *t)
{
	t->shown.width = 0;
}

/* Some take an unknown string of the operating system's for text. */
static bool takes_messages(void)
{
	static const char *const none[] = {"linux", "vt", "dumb", "cons"};
	const char *type = getenv("TERM");
	for (size_t i = 0; type && i < COUNT_OF(none); i++)
		if (strncmp(type, none[i], strlen(none[i])) == 0)
			return false;
	return type != NULL;
}

void term_bell(struct terminal *t, const char *text)
{
	if (t->suspended || t->gone)
		return;
	/* The name before it: behind a number some terminals see a command. */
	char *message = xasprintf("\033]9;showcaller: %s\a", text);
	if (*text && takes_messages())
		put_bytes(message, strlen(message));
	put_bytes("\a", 1);
	free(message);
}

bool term_is_ready(const struct terminal *t)
{
	(void)t;
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
	return poll(&p, 1, 0) <= 0 || (p.revents & (POLLOUT | POLLHUP));
}

/* --- keys ---------------------------------------------------------------- */

static int translate(wint_t code)
{
	static const struct {
		int from, to;
	} table[] = {
		{KEY_UP, KEYS_UP},
		{KEY_DOWN, KEYS_DOWN},
		{KEY_LEFT, KEYS_LEFT},
		{KEY_RIGHT, KEYS_RIGHT},
		{KEY_PPAGE, KEYS_PAGE_UP},
		{KEY_NPAGE, KEYS_PAGE_DOWN},
		{KEY_HOME, KEYS_HOME},
		{KEY_END, KEYS_END},
		{KEY_BTAB, KEYS_BACKTAB},
		{KEY_ENTER, KEYS_ENTER},
		{KEY_BACKSPACE, KEYS_BACKSPACE},
	};
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if ((wint_t)table[i].from == code)
			return table[i].to;
	return KEYS_NONE;
}

/* Behind ESC: the rest of a sequence that no table knows. Its letters must not
 * be taken for keys: one of them may be `a` or `!`. True if there was one. */
static bool swallow_sequence(struct terminal *t)
{
	wint_t c;
	if (wget_wch(t->keys, &c) == ERR)
		return false;
	if (c != '[' && c != 'O')
		return true; /* Alt and a letter */
	while (wget_wch(t->keys, &c) != ERR)
		if (c >= 0x40 && c <= 0x7e)
			break;
	return true;
}

/* True when the key belongs to a paste; *key is KEYS_PASTE at its end. */
static bool is_pasted(struct terminal *t, int kind, wint_t code, int *key)
{
	int64_t now = clock_mono_ms();
	*key = KEYS_NONE;
	if (kind == KEY_CODE_YES && code == CODE_PASTE_BEGIN) {
		t->pasting = true;
		t->pasted_mono_ms = now;
		return true;
	}
	if (!t->pasting)
		return false;
	if (kind == KEY_CODE_YES && code == CODE_PASTE_END) {
		t->pasting = false;
		*key = KEYS_PASTE;
		return true;
	}
	t->pasting = now - t->pasted_mono_ms < PASTE_PATIENCE_MS;
	t->pasted_mono_ms = now;
	return t->pasting;
}

static int plain_key(struct terminal *t, wint_t code)
{
	if (code == KEYS_ESC)
		return swallow_sequence(t) ? KEYS_NONE : KEYS_ESC;
	if (code == '\n')
		return KEYS_ENTER;
	if (code == '\b')
		return KEYS_BACKSPACE;
	return (int)code;
}

int term_key(struct terminal *t)
{
	for (;;) {
		wint_t code = 0;
		errno = 0;
		int kind = wget_wch(t->keys, &code);
		if (kind == ERR) {
			t->gone = t->gone || errno == EIO;
			return KEYS_NONE;
		}
		int key;
		if (!is_pasted(t, kind, code, &key))
			key = kind == KEY_CODE_YES ? translate(code)
						   : plain_key(t, code);
		if (key != KEYS_NONE)
			return key;
	}
}

bool term_is_gone(const struct terminal *t)
{
	return t->gone;
}

/* --- stopping and going on ----------------------------------------------- */

void term_suspend(struct terminal *t)
{
	if (t->suspended)
		return;
	put_bytes(PASTE_OFF, strlen(PASTE_OFF));
	endwin();
	rescue.armed = false;
	t->suspended = true;
	raise(SIGSTOP);
}

bool term_resume(struct terminal *t)
{
	if (tcgetpgrp(STDIN_FILENO) != getpgrp()) {
		t->suspended = true;
		return false;
	}
	t->suspended = false;
	rescue.armed = true;
	reset_prog_mode();
	put_bytes(PASTE_ON, strlen(PASTE_ON));
	term_forget(t);
	return true;
}

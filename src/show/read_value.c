/* One value of a type, range-checked, to its place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "show/problem.h"
#include "show/read.h"

void read_error(struct reader *r, const struct node *n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	problem_vadd(r->problems, SHOW_ERROR, r->file, n->line, n->column, fmt,
		     ap);
	va_end(ap);
}

void read_warn(struct reader *r, const struct node *n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	problem_vadd(r->problems, SHOW_WARNING, r->file, n->line, n->column,
		     fmt, ap);
	va_end(ap);
}

void read_key_error(struct reader *r, const struct node *n, const char *fmt,
		    ...)
{
	va_list ap;
	va_start(ap, fmt);
	problem_vadd(r->problems, SHOW_ERROR, r->file,
		     n->key ? n->key_line : n->line,
		     n->key ? n->key_column : n->column, fmt, ap);
	va_end(ap);
}

void read_key_warn(struct reader *r, const struct node *n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	problem_vadd(r->problems, SHOW_WARNING, r->file,
		     n->key ? n->key_line : n->line,
		     n->key ? n->key_column : n->column, fmt, ap);
	va_end(ap);
}

/* "timeout" for "timeout_ms": a word that the author left unfinished. */
static const char *begins_with(const char *word, const char *const *names)
{
	size_t len = strlen(word);
	for (; len >= 3 && *names; names++)
		if (strncmp(*names, word, len) == 0)
			return *names;
	return NULL;
}

const char *read_hint(char out[HINT_BYTES], const char *word,
		      const char *const *names)
{
	const char *near = text_nearest(word, names);
	if (!near)
		near = begins_with(word, names);
	out[0] = '\0';
	if (near)
		snprintf(out, HINT_BYTES, " (did you mean '%.90s'?)", near);
	return out;
}

static void quote_num(char out[QUOTE_BYTES], double d)
{
	int len = snprintf(out, QUOTE_BYTES, "%.15g", d);
	if (strspn(out, "-0123456789") == (size_t)len)
		snprintf(out + len, QUOTE_BYTES - (size_t)len, ".0");
}

const char *read_quote(char out[QUOTE_BYTES], const struct node *n)
{
	if (n->kind == NODE_INT)
		snprintf(out, QUOTE_BYTES, "%lld", (long long)n->i);
	else if (n->kind == NODE_NUM)
		quote_num(out, n->d);
	else if (n->kind == NODE_BOOL)
		snprintf(out, QUOTE_BYTES, "%s", n->i ? "true" : "false");
	else if (n->kind == NODE_NULL ||
		 (n->kind == NODE_PLAIN && n->text[0] == '\0'))
		snprintf(out, QUOTE_BYTES, "nothing");
	else if (n->kind == NODE_PLAIN || n->kind == NODE_TEXT) {
		char *clean = text_clean(n->text, n->count, 60);
		snprintf(out, QUOTE_BYTES, "'%s'%s", clean,
			 n->count > 60 ? "..." : "");
		free(clean);
	} else {
		snprintf(out, QUOTE_BYTES, "%s", node_kind_name(n));
	}
	return out;
}

static const char *dot(const char *path)
{
	return path[0] ? "." : "";
}

static bool wants(struct reader *r, const char *path, const struct key *key,
		  const struct node *n, const char *what, const char *hint)
{
	char quote[QUOTE_BYTES];
	if (n->kind != NODE_BAD)
		read_error(r, n, "%s%s%s wants %s, not %s%s", path, dot(path),
			   key->name, what, read_quote(quote, n), hint);
	return false;
}

static bool is_null(const struct node *n)
{
	return n->kind == NODE_NULL ||
	       (n->kind == NODE_PLAIN &&
		(n->text[0] == '\0' || strcmp(n->text, "~") == 0 ||
		 strcmp(n->text, "null") == 0));
}

/* --- numbers ------------------------------------------------------------- */

/* Why a text that looks like an integer to somebody is none to us. */
static const char *int_hint(const struct node *n)
{
	int64_t i;
	if (n->kind == NODE_NUM)
		return " (no decimal point)";
	if (n->kind == NODE_TEXT)
		return node_parse_int(n->text, &i) ? " (take off the quotes)"
						   : "";
	if (n->kind != NODE_PLAIN)
		return "";
	const char *s = n->text + (n->text[0] == '-' || n->text[0] == '+');
	size_t digits = strspn(s, "0123456789");
	if (digits == 0)
		return "";
	if (s[digits] == '\0')
		return s[0] == '0' && digits > 1 ? " (no leading zeros)"
		       : n->text[0] == '+'	 ? " (no plus sign)"
						 : " (too large)";
	if (s[0] == '0' && strchr("xXoObB", s[1]))
		return " (decimal digits only)";
	if (strspn(s, "0123456789_") == strlen(s))
		return " (no underscores)";
	if (strspn(s, "0123456789,") == strlen(s))
		return " (no commas)";
	if (strspn(s, "0123456789:") == strlen(s))
		return " (one number, not a time of day)";
	return "";
}

static bool read_int(struct reader *r, const char *path, const struct key *key,
		     struct node *n, void *at)
{
	char what[64];
	int64_t v = 0;
	if (n->kind == NODE_PLAIN && node_parse_int(n->text, &v)) {
		n->kind = NODE_INT;
		n->i = v;
	}
	if (n->kind != NODE_INT) {
		snprintf(what, sizeof what, "a whole number of %s", key->unit);
		return wants(r, path, key, n, what, int_hint(n));
	}
	v = n->i;
	if ((double)v < key->min || (double)v > key->max) {
		read_error(r, n, "%s%s%s is %lld; it may be %.0f to %.0f %s",
			   path, dot(path), key->name, (long long)v, key->min,
			   key->max, key->unit);
		return false;
	}
	memcpy(at, &v, sizeof v);
	return true;
}

static bool read_num(struct reader *r, const char *path, const struct key *key,
		     struct node *n, void *at)
{
	double v = 0;
	if (n->kind == NODE_PLAIN && node_parse_num(n->text, &v)) {
		n->kind = NODE_NUM;
		n->d = v;
	} else if (n->kind == NODE_INT) {
		n->kind = NODE_NUM;
		n->d = (double)n->i;
	}
	if (n->kind != NODE_NUM)
		return wants(r, path, key, n, "a number",
			     n->kind == NODE_TEXT && node_parse_num(n->text, &v)
				     ? " (take off the quotes)"
				     : "");
	v = n->d;
	if (v < key->min || v > key->max) {
		read_error(r, n, "%s%s%s is %g; it may be %g to %g", path,
			   dot(path), key->name, v, key->min, key->max);
		return false;
	}
	memcpy(at, &v, sizeof v);
	return true;
}

/* "25.00" to 25000000. False: not money. */
static bool parse_money(const char *s, int64_t *micros)
{
	int64_t v = 0;
	int digits = 0, places = -1;
	for (; *s; s++) {
		if (*s == '.' && places < 0 && digits > 0) {
			places = 0;
			continue;
		}
		if (*s < '0' || *s > '9' || ++digits > 15 || places == 6)
			return false;
		v = v * 10 + (*s - '0');
		places += places >= 0;
	}
	if (digits == 0 || places == 0)
		return false;
	for (int i = places < 0 ? 0 : places; i < 6; i++)
		if (__builtin_mul_overflow(v, 10, &v))
			return false;
	*micros = v;
	return true;
}

static bool read_money(struct reader *r, const char *path,
		       const struct key *key, struct node *n, void *at)
{
	int64_t v = 0;
	if (n->kind != NODE_TEXT || !parse_money(n->text, &v))
		return wants(r, path, key, n,
			     "money as quoted decimal text like \"25.00\"",
			     n->kind == NODE_PLAIN || n->kind == NODE_INT ||
					     n->kind == NODE_NUM
				     ? " (put quotes around it)"
				     : "");
	if ((double)v > key->max) {
		read_error(r, n, "%s%s%s is %s; it may be \"0\" to \"%.0f\"",
			   path, dot(path), key->name, n->text, key->max / 1e6);
		return false;
	}
	memcpy(at, &v, sizeof v);
	return true;
}

static bool read_bool(struct reader *r, const char *path, const struct key *key,
		      struct node *n, bool *at)
{
	if (n->kind == NODE_PLAIN &&
	    (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0))
		node_resolve(n);
	if (n->kind != NODE_BOOL) {
		return wants(r, path, key, n, "true or false",
			     n->kind == NODE_TEXT &&
					     (strcmp(n->text, "true") == 0 ||
					      strcmp(n->text, "false") == 0)
				     ? " (take off the quotes)"
				     : "");
	}
	*at = n->i != 0;
	return true;
}

/* --- texts --------------------------------------------------------------- */

static bool is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool id_is_good(const char *s, enum key_type type)
{
	for (size_t i = 0; s[i]; i++) {
		int c = s[i];
		bool good = type == KEY_SHOW_ID
				    ? (c >= 'a' && c <= 'z') || is_digit(c) ||
					      (i && c == '-')
				    : is_alpha(c) ||
					      ((i || type == KEY_OPTION_ID) &&
					       is_digit(c)) ||
					      (i && (c == '-' || c == '.'));
		if (!good || i >= SHOW_ID_MAX)
			return false;
	}
	return s[0] != '\0';
}

static const char *id_rule(enum key_type type)
{
	switch (type) {
	case KEY_SHOW_ID:
		return "a name of a-z, 0-9 and -, 1 to 63 long, not "
		       "beginning with -";
	case KEY_OPTION_ID:
		return "a name of letters, digits and _ . -, 1 to 63 long, "
		       "beginning with a letter, a digit or _";
	default:
		return "a name of letters, digits and _ . -, 1 to 63 long, "
		       "beginning with a letter or _";
	}
}

static bool has_control(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)s[1] < 0xa0))
			return true;
	}
	return false;
}

static bool url_is_good(const char *s, const char *const *schemes)
{
	for (; *schemes; schemes++) {
		size_t len = strlen(*schemes);
		if (strncmp(s, *schemes, len) == 0 &&
		    strncmp(s + len, "://", 3) == 0) {
			s += len + 3;
			return *s && !strchr("/?#:@", *s) &&
			       !strpbrk(s, " \"<>");
		}
	}
	return false;
}

static bool addr_is_good(const char *s)
{
	const char *colon = strrchr(s, ':');
	if (!colon || colon == s || strpbrk(s, " /\"@"))
		return false;
	bool bracketed = s[0] == '[';
	if (bracketed ? colon[-1] != ']' : strchr(s, ':') != colon)
		return false;
	int64_t port;
	return node_parse_int(colon + 1, &port) && port >= 0 && port <= 65535;
}

/* Trims the end and cleans in place. Says so when that took something away. */
static void clean_text(struct reader *r, const char *path,
		       const struct key *key, struct node *n, bool lines)
{
	size_t len = n->count;
	while (len && strchr(" \t\r\n", n->text[len - 1]))
		len--;
	char *clean = lines ? text_clean_lines(n->text, len, (size_t)key->max)
			    : text_clean(n->text, len, (size_t)key->max);
	size_t cleaned = strlen(clean);
	while (cleaned && clean[cleaned - 1] == ' ')
		cleaned--;
	if (cleaned != len || memcmp(clean, n->text, len) != 0)
		read_warn(r, n,
			  "%s%s%s: characters that no screen can show safely "
			  "are left out",
			  path, dot(path), key->name);
	n->text = arena_strndup(&r->tree.arena, clean, cleaned);
	n->count = cleaned;
	free(clean);
}

/* Why `n` cannot be a text of that type, or NULL. Cleans it in place. */
static const char *text_fault(struct reader *r, const char *path,
			      const struct key *key, enum key_type type,
			      struct node *n)
{
	if (type == KEY_TEXT || type == KEY_LINES) {
		if ((double)n->count > key->max)
			return "a shorter text";
		clean_text(r, path, key, n, type == KEY_LINES);
		return (double)n->count < key->min ? "a text that is not blank"
						   : NULL;
	}
	if (type == KEY_ID || type == KEY_SHOW_ID || type == KEY_OPTION_ID ||
	    type == KEY_REF)
		return id_is_good(n->text,
				  type == KEY_REF ? KEY_OPTION_ID : type)
			       ? NULL
			       : id_rule(type);
	if (n->count > 4096)
		return "a text of at most 4096 bytes";
	if (has_control(n->text))
		return "a text without control characters";
	if (type == KEY_URL && !url_is_good(n->text, key->words))
		return key->words[0][0] == 'w'
			       ? "a URL that begins with ws:// or wss://"
		       : key->words[0][0] == 'i'
			       ? "a URL that begins with irc:// or ws://"
			       : "a URL that begins with http:// or https://";
	if (type == KEY_ADDR && !addr_is_good(n->text))
		return "host:port, as 127.0.0.1:7420";
	return n->count == 0 && key->min > 0 ? "a text that is not empty"
					     : NULL;
}

char *read_text(struct reader *r, const char *path, const struct key *key,
		enum key_type type, struct node *n)
{
	if (n->kind == NODE_PLAIN && !is_null(n))
		n->kind = NODE_TEXT;
	if (n->kind != NODE_TEXT) {
		wants(r, path, key, n, "text", "");
		return NULL;
	}
	char what[160];
	const char *fault = text_fault(r, path, key, type, n);
	if (!fault)
		return arena_strndup(&r->show->arena, n->text, n->count);
	if ((type == KEY_TEXT || type == KEY_LINES) &&
	    (double)n->count > key->max) {
		snprintf(what, sizeof what,
			 "a text of at most %.0f bytes (it has %zu)", key->max,
			 n->count);
		fault = what;
	}
	wants(r, path, key, n, fault, "");
	return NULL;
}

static bool read_word(struct reader *r, const char *path, const struct key *key,
		      struct node *n, void *at)
{
	char quote[QUOTE_BYTES], hint[HINT_BYTES];
	if (n->kind == NODE_PLAIN && !is_null(n))
		n->kind = NODE_TEXT;
	for (int i = 0; n->kind == NODE_TEXT && key->words[i]; i++) {
		if (strcmp(n->text, key->words[i]) != 0)
			continue;
		if (key->later_words & 1u << i)
			read_warn(r, n, "not acted on yet: %s%s%s: %s", path,
				  dot(path), key->name, key->words[i]);
		if (key->item == KEY_TEXT) {
			char *word = arena_strdup(&r->show->arena, n->text);
			memcpy(at, &word, sizeof word);
		} else {
			memcpy(at, &i, sizeof i);
		}
		return true;
	}
	if (n->kind == NODE_BAD)
		return false;
	struct buf words = {0};
	for (int i = 0; key->words[i]; i++)
		buf_addf(&words, "%s%s",
			 i == 0		     ? ""
			 : key->words[i + 1] ? ", "
					     : " or ",
			 key->words[i]);
	read_hint(hint, n->kind == NODE_TEXT ? n->text : "", key->words);
	read_error(r, n, "%s%s%s is %s, not %s%s", path, dot(path), key->name,
		   buf_str(&words), read_quote(quote, n), hint);
	buf_release(&words);
	return false;
}

/* --- lists of texts ------------------------------------------------------ */

static bool list_is_good(struct reader *r, const char *path,
			 const struct key *key, const struct node *n)
{
	if (n->kind != NODE_LIST) {
		char example[QUOTE_BYTES + 32] = "";
		if ((n->kind == NODE_PLAIN || n->kind == NODE_TEXT) &&
		    n->count > 0 && n->count < 40 && !has_control(n->text))
			snprintf(example, sizeof example, " (write [%s])",
				 n->text);
		return wants(r, path, key, n, "a list", example);
	}
	if ((double)n->count < key->min || (double)n->count > key->max) {
		read_error(r, n,
			   "%s%s%s has %zu items; it may have %.0f to "
			   "%.0f",
			   path, dot(path), key->name, n->count, key->min,
			   key->max);
		return false;
	}
	return true;
}

static bool read_names(struct reader *r, const char *path,
		       const struct key *key, struct node *n,
		       struct show_names *out)
{
	if (!list_is_good(r, path, key, n))
		return false;
	struct key item = *key; /* min and max are those of the list */
	item.min = 0;
	out->items =
		arena_alloc(&r->show->arena, n->count * sizeof *out->items + 1);
	out->count = 0;
	for (struct node *c = n->child; c; c = c->next) {
		char *text = read_text(r, path, &item, key->item, c);
		if (text)
			out->items[out->count++] = text;
		else
			c->kind = NODE_BAD;
	}
	return true;
}

static bool read_refs(struct reader *r, const char *path, const struct key *key,
		      struct node *n)
{
	if (!list_is_good(r, path, key, n))
		return false;
	for (struct node *c = n->child; c; c = c->next) {
		if (c->kind == NODE_PLAIN && !is_null(c))
			c->kind = NODE_TEXT;
		if (c->kind == NODE_TEXT && id_is_good(c->text, KEY_ID))
			continue;
		wants(r, path, key, c, id_rule(KEY_ID), "");
		c->kind = NODE_BAD;
	}
	return true;
}

/* --- free-form values ---------------------------------------------------- */

static bool resolve_all(struct reader *r, struct node *n)
{
	char quote[QUOTE_BYTES];
	if (!node_resolve(n)) {
		read_error(r, n,
			   "%s is too large a number: put quotes around "
			   "it",
			   read_quote(quote, n));
		return false;
	}
	bool good = n->kind != NODE_BAD;
	if (n->kind == NODE_MAP || n->kind == NODE_LIST)
		for (struct node *c = n->child; c; c = c->next)
			good &= resolve_all(r, c);
	return good;
}

char *read_json(struct reader *r, struct node *n)
{
	if (!resolve_all(r, n))
		return NULL;
	struct buf text = {0};
	node_canonical(n, &text);
	char *kept = arena_strndup(&r->show->arena, buf_str(&text), text.len);
	buf_release(&text);
	return kept;
}

bool read_value(struct reader *r, const char *path, const struct key *key,
		struct node *n, void *base)
{
	void *at = (char *)base + key->at;
	char *text;
	switch (key->type) {
	case KEY_INT:
		return read_int(r, path, key, n, at);
	case KEY_NUM:
		return read_num(r, path, key, n, at);
	case KEY_MONEY:
		return read_money(r, path, key, n, at);
	case KEY_BOOL:
		return read_bool(r, path, key, n, at);
	case KEY_WORD:
		return read_word(r, path, key, n, at);
	case KEY_NAMES:
		return read_names(r, path, key, n, at);
	case KEY_REFS:
		return read_refs(r, path, key, n);
	case KEY_REF:
		return read_text(r, path, key, KEY_REF, n) != NULL;
	case KEY_OBJECT:
		if (n->kind != NODE_MAP)
			return wants(r, path, key, n, "a mapping", "");
		/* fall through */
	case KEY_JSON:
		text = read_json(r, n);
		break;
	default:
		text = read_text(r, path, key, key->type, n);
		break;
	}
	if (!text)
		return false;
	memcpy(at, &text, sizeof text);
	return true;
}

/*
 * JSON to a marked tree. json_check() is the judge of what is JSON; this
 * builder only adds the places. It never reads past the text whatever that is,
 * because it also runs over a text that json_check() refused, to name both
 * lines of a duplicate key.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "show/node.h"

struct scan {
	struct tree *tree;
	const char *text;
	size_t bytes, at;
	size_t marked; /* line and column are known up to here */
	int line, column;
	struct buf word;
};

static void mark(struct scan *s)
{
	for (; s->marked < s->at; s->marked++) {
		unsigned char c = (unsigned char)s->text[s->marked];
		if (c == '\n') {
			s->line++;
			s->column = 1;
		} else if ((c & 0xc0) != 0x80) {
			s->column++;
		}
	}
}

static int peek(const struct scan *s)
{
	return s->at < s->bytes ? (unsigned char)s->text[s->at] : -1;
}

static void skip_blanks(struct scan *s)
{
	int c = peek(s);
	while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		s->at++;
		c = peek(s);
	}
}

static unsigned hex4(struct scan *s)
{
	unsigned v = 0;
	for (int i = 0; i < 4; i++) {
		int c = peek(s);
		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			c = (c | 0x20) - 'a' + 10;
		else
			break;
		v = v * 16 + (unsigned)c;
		s->at++;
	}
	return v;
}

static void add_code_point(struct buf *b, unsigned c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_addc(b, (char)(0xe0 | c >> 12));
		} else {
			buf_addc(b, (char)(0xf0 | c >> 18));
			buf_addc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_addc(b, (char)(0x80 | (c & 0x3f)));
}

static void escape(struct scan *s)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(s);
	if (c < 0)
		return;
	s->at++;
	const char *hit = strchr(from, c);
	if (c && hit) {
		buf_addc(&s->word, to[hit - from]);
		return;
	}
	if (c != 'u')
		return;
	unsigned v = hex4(s);
	if (v >= 0xd800 && v < 0xdc00 && peek(s) == '\\') {
		s->at += 2; /* "\u" of the low half: json_check saw it */
		if (s->at > s->bytes)
			s->at = s->bytes;
		v = 0x10000 + ((v & 0x3ff) << 10 | (hex4(s) & 0x3ff));
	}
	add_code_point(&s->word, v);
}

/* The text after an opening quote, into s->word. */
static void string(struct scan *s)
{
	buf_clear(&s->word);
	size_t from = s->at;
	for (int c = peek(s); c >= 0; c = peek(s)) {
		if (c != '"' && c != '\\') {
			s->at++;
			continue;
		}
		buf_add(&s->word, s->text + from, s->at - from);
		s->at++;
		if (c == '"')
			return;
		escape(s);
		from = s->at;
	}
}

static bool is_word_byte(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '.' || c == '+' || c == '-';
}

static void number_or_word(struct scan *s, int line, int column)
{
	buf_clear(&s->word);
	while (is_word_byte(peek(s)))
		buf_addc(&s->word, s->text[s->at++]);
	const char *word = buf_str(&s->word);
	struct node value = {.kind = NODE_BAD};
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
		value.kind = NODE_BOOL;
		value.i = *word == 't';
	} else if (strcmp(word, "null") == 0) {
		value.kind = NODE_NULL;
	} else if (node_parse_int(word, &value.i)) {
		value.kind = NODE_INT;
	} else if (node_parse_num(word, &value.d)) {
		value.kind = NODE_NUM;
	} else {
		s->tree->stopped = true;
		return;
	}
	struct node *n = tree_add(s->tree, value.kind, line, column);
	if (!n)
		return;
	if (value.kind == NODE_NUM)
		n->d = value.d;
	else
		n->i = value.i;
}

static void key(struct scan *s)
{
	mark(s);
	int line = s->line, column = s->column;
	s->at++;
	string(s);
	const char *text = buf_str(&s->word);
	tree_key(s->tree, text, strlen(text), line, column);
	skip_blanks(s);
	if (peek(s) == ':')
		s->at++;
	else
		s->tree->stopped = true;
}

static void value(struct scan *s, int c)
{
	mark(s);
	int line = s->line, column = s->column;
	if (c == '{' || c == '[') {
		s->at++;
		tree_open(s->tree, c == '{' ? NODE_MAP : NODE_LIST, line,
			  column);
	} else if (c == '"') {
		s->at++;
		string(s);
		tree_add_text(s->tree, NODE_TEXT, buf_str(&s->word),
			      s->word.len, line, column);
	} else {
		number_or_word(s, line, column);
	}
}

static void scan_all(struct scan *s)
{
	struct tree *t = s->tree;
	do {
		skip_blanks(s);
		int c = peek(s);
		if (c < 0)
			return;
		if (c == ',') {
			s->at++;
		} else if (c == '}' || c == ']') {
			s->at++;
			if (t->depth == 0 || t->stack[t->depth - 1].key)
				return;
			tree_close(t);
		} else if (tree_wants_key(t)) {
			if (c != '"')
				return;
			key(s);
		} else {
			value(s, c);
		}
	} while (!t->stopped && t->depth > 0);
}

/* "byte N: why" of json_check() becomes a place. */
static void report_check(struct tree *t, const char *text, size_t bytes,
			 const struct err *err)
{
	int line = 0, column = 0;
	const char *why = err->text;
	const char *at = strstr(why, "byte ");
	if (at) {
		char *end;
		unsigned long long offset = strtoull(at + 5, &end, 10);
		if (strncmp(end, ": ", 2) == 0) {
			why = end + 2;
			text_place(text, bytes, (size_t)offset, &line, &column);
		}
	}
	tree_error(t, line, column, "not JSON: %s", why);
}

void json_build(struct tree *t, const char *text, size_t bytes)
{
	struct json_limits limits = json_limits_own;
	limits.max_depth = t->max_depth;
	limits.max_nodes = t->max_nodes;
	struct err err = {0};
	bool good = json_check(text, bytes, &limits, &err);
	struct scan s = {.tree = t,
			 .text = text,
			 .bytes = bytes,
			 .line = 1,
			 .column = 1};
	size_t before = t->problems->errors;
	scan_all(&s);
	buf_release(&s.word);
	if (!good && t->problems->errors == before) {
		report_check(t, text, bytes, &err);
		t->stopped = true;
	}
	if (t->depth > 0)
		t->stopped = true;
}

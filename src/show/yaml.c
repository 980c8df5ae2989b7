/* YAML through libyaml's event API: the only file that knows libyaml. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/err.h"
#include "base/text.h"
#include "show/node.h"

/* After this many errors in one text nobody reads on. */
#define ENOUGH_ERRORS 200

static size_t sequence_length(unsigned char lead)
{
	return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static bool is_control(const char *s)
{
	unsigned char c = (unsigned char)s[0];
	if (c < 0x20)
		return c != '\t' && c != '\n' && c != '\r';
	if (c == 0xc2) /* C1, without U+0085, which YAML takes for a line end */
		return (unsigned char)s[1] < 0xa0 &&
		       (unsigned char)s[1] != 0x85;
	return c == 0x7f;
}

/* libyaml knows only a byte offset for these, so they are found before it. */
static bool text_is_readable(struct tree *t, const char *text, size_t bytes)
{
	const char *what = NULL;
	size_t i = 0;
	while (i < bytes && !what) {
		size_t len = sequence_length((unsigned char)text[i]);
		if (len > bytes - i ||
		    (len > 1 && !text_is_utf8(text + i, len)) ||
		    (len == 1 && (unsigned char)text[i] >= 0x80))
			what = "not UTF-8: save the file as UTF-8";
		else if (is_control(text + i))
			what = "a control character: take it out, or write it "
			       "as an escape in double quotes";
		else
			i += len;
	}
	if (!what)
		return true;
	int line, column;
	text_place(text, bytes, i, &line, &column);
	if (i < 2 && bytes > 1 &&
	    ((unsigned char)text[0] >= 0xfe || text[1] == '\0'))
		what = "UTF-16: save the file as UTF-8";
	tree_error(t, line, column, "%s", what);
	t->stopped = true;
	return false;
}

static int line_of(yaml_mark_t mark)
{
	return (int)mark.line + 1;
}

static int column_of(yaml_mark_t mark)
{
	return (int)mark.column + 1;
}

static void refuse(struct tree *t, const yaml_event_t *e, const char *text)
{
	tree_error(t, line_of(e->start_mark), column_of(e->start_mark), "%s",
		   text);
}

static void refuse_anchor_and_tag(struct tree *t, const yaml_event_t *e,
				  const yaml_char_t *anchor,
				  const yaml_char_t *tag)
{
	if (anchor)
		refuse(t, e,
		       "anchors (&) are not taken: write the value out, "
		       "or share it by 'defaults:'");
	if (tag)
		refuse(t, e, "tags (!) are not taken: take it out");
}

static void take_key(struct tree *t, const yaml_event_t *e)
{
	if (e->type != YAML_SCALAR_EVENT) {
		refuse(t, e,
		       e->type == YAML_ALIAS_EVENT
			       ? "an alias (*) cannot be a key"
			       : "a key must be one word or text");
		t->stopped = true;
		return;
	}
	const char *key = (const char *)e->data.scalar.value;
	refuse_anchor_and_tag(t, e, e->data.scalar.anchor, e->data.scalar.tag);
	if (strcmp(key, "<<") == 0 &&
	    e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		refuse(t, e,
		       "merge keys (<<) are not taken: write the values "
		       "out, or share them by 'defaults:'");
	if (memchr(key, '\0', e->data.scalar.length))
		refuse(t, e, "a key may not hold a NUL byte");
	tree_key(t, key, strlen(key), line_of(e->start_mark),
		 column_of(e->start_mark));
}

static void take_value(struct tree *t, const yaml_event_t *e)
{
	int line = line_of(e->start_mark), column = column_of(e->start_mark);
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		refuse(t, e,
		       "aliases (*) are not taken: write the value out; "
		       "a text that begins with * needs quotes");
		tree_add(t, NODE_BAD, line, column);
		break;
	case YAML_SCALAR_EVENT:
		refuse_anchor_and_tag(t, e, e->data.scalar.anchor,
				      e->data.scalar.tag);
		tree_add_text(t,
			      e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
				      ? NODE_PLAIN
				      : NODE_TEXT,
			      (const char *)e->data.scalar.value,
			      e->data.scalar.length, line, column);
		break;
	case YAML_SEQUENCE_START_EVENT:
		refuse_anchor_and_tag(t, e, e->data.sequence_start.anchor,
				      e->data.sequence_start.tag);
		tree_open(t, NODE_LIST, line, column);
		break;
	case YAML_MAPPING_START_EVENT:
		refuse_anchor_and_tag(t, e, e->data.mapping_start.anchor,
				      e->data.mapping_start.tag);
		tree_open(t, NODE_MAP, line, column);
		break;
	default:
		break;
	}
}

/* False when nothing more is to be read. */
static bool take_event(struct tree *t, const yaml_event_t *e, int *documents)
{
	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		return false;
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1) {
			refuse(t, e,
			       "a second document (---): a show file "
			       "holds one");
			return false; /* what is wrong with the first is said */
		}
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		tree_close(t);
		break;
	case YAML_ALIAS_EVENT:
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (tree_wants_key(t))
			take_key(t, e);
		else
			take_value(t, e);
		break;
	default:
		break;
	}
	return !t->stopped && t->problems->errors < ENOUGH_ERRORS;
}

/* Tabs look like blanks to people, and like nothing to YAML. */
static const char *tab_hint(const char *text, size_t bytes, int line)
{
	const char *end = text + bytes;
	for (int i = 1; i < line && text; i++) {
		text = memchr(text, '\n', (size_t)(end - text));
		text = text ? text + 1 : NULL;
	}
	while (text && text < end && *text == ' ')
		text++;
	return text && text < end && *text == '\t'
		       ? ": the line begins with a tab; indent with blanks"
		       : "";
}

static void report_parser(struct tree *t, const yaml_parser_t *p,
			  const char *text, size_t bytes)
{
	int line = line_of(p->problem_mark);
	int column = column_of(p->problem_mark);
	const char *problem = p->problem ? p->problem : "it cannot be read";
	REQUIRE(p->error != YAML_MEMORY_ERROR);
	t->stopped = true;
	if (p->error == YAML_READER_ERROR) {
		text_place(text, bytes, p->problem_offset, &line, &column);
		tree_error(t, line, column, "not YAML: %s", problem);
	} else if (p->context && p->context_mark.line != p->problem_mark.line) {
		tree_error(t, line, column, "not YAML: %s (%s from line %d)",
			   problem, p->context, line_of(p->context_mark));
	} else if (p->context) {
		tree_error(t, line, column, "not YAML: %s (%s)%s", problem,
			   p->context, tab_hint(text, bytes, line));
	} else {
		tree_error(t, line, column, "not YAML: %s", problem);
	}
}

void yaml_build(struct tree *t, const char *text, size_t bytes)
{
	if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		bytes -= 3;
	}
	if (!text_is_readable(t, text, bytes))
		return;
	yaml_parser_t parser;
	REQUIRE(yaml_parser_initialize(&parser));
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text,
				     bytes);
	int documents = 0;
	bool more = true;
	while (more) {
		yaml_event_t event;
		if (!yaml_parser_parse(&parser, &event)) {
			report_parser(t, &parser, text, bytes);
			break;
		}
		more = take_event(t, &event, &documents);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (t->problems->errors >= ENOUGH_ERRORS)
		t->stopped = true;
}

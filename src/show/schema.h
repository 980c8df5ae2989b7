/*
 * schema: every key of a show file and of a checks file, as tables. One row
 * says where a key stands, its type, range, unit and default, where its value
 * goes, and whether this version acts on it. The reader, the hints for unknown
 * keys and the key list of showcaller-show(5) all come from here. Constant.
 */
#ifndef SHOW_SCHEMA_H
#define SHOW_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

struct reader;
struct node;
struct section;

enum key_type {
	KEY_NONE,
	KEY_TEXT,   /* one line for people; cleaned */
	KEY_LINES,  /* several lines for people; cleaned */
	KEY_EXACT,  /* for machines: kept byte by byte, no control characters */
	KEY_ID,     /* [A-Za-z_][A-Za-z0-9_.-]{0,62} */
	KEY_SHOW_ID,   /* [a-z0-9][a-z0-9-]{0,62} */
	KEY_OPTION_ID, /* as KEY_ID, but may begin with a digit */
	KEY_URL,    /* scheme://rest; `words` are the schemes */
	KEY_ADDR,   /* host:port */
	KEY_INT,
	KEY_NUM,
	KEY_MONEY,  /* quoted decimal; int64_t micros */
	KEY_BOOL,
	KEY_WORD,   /* one of `words`: an enum, or with `item` KEY_TEXT the
		       word itself */
	KEY_NAMES,  /* a list; `item` is the type of its texts */
	KEY_REF,    /* an id, resolved by the section's end hook */
	KEY_REFS,   /* a list of ids, resolved when all is read (link.c) */
	KEY_JSON,   /* any value; canonical text */
	KEY_OBJECT, /* any mapping; canonical text */
	KEY_SUB,    /* `sub` in place */
	KEY_PTR,    /* `sub`, allocated when given */
	KEY_LIST,   /* a list of `sub` */
	KEY_EACH,   /* a mapping from ids to `sub` */
	KEY_CALL,   /* as `call` says */
};

struct key {
	const char *name;
	enum key_type type, item;
	size_t at, count_at;    /* offsets in the section's struct */
	double min, max, def;   /* numbers; texts: bytes; lists: items */
	const char *unit;
	const char *const *words;
	unsigned later_words;   /* bit i: words[i] is not acted on yet */
	size_t spare;           /* KEY_LIST: so many more behind it, blank */
	bool required;
	bool later;             /* read and kept, not acted on yet */
	const struct section *sub;
	void (*call)(struct reader *r, struct node *n, void *base);
	const char *def_text;   /* the default, when it is not a number */
	const char *about;      /* for the manual */
};

struct section {
	const char *path;       /* "stages[].budget"; "" is the whole file */
	const char *what;       /* "a stage" */
	size_t bytes;           /* of the struct */
	size_t id_at;           /* KEY_EACH: where the id goes */
	size_t line_at;         /* where its line goes; 0: nowhere */
	const struct key *keys; /* ended by a NULL name */
	void (*begin)(struct reader *r, void *item);
	void (*end)(struct reader *r, struct node *n, void *item);
};

/* The sections in the order of the manual, ended by NULL. */
extern const struct section *const schema_sections[];
extern const struct section schema_show, schema_checks, schema_defaults,
	schema_prompt, schema_card, schema_test, schema_step;

/* What the enums of show.h are called, in their order, NULL-ended. */
extern const char *const schema_via_words[], *const schema_adjudicate_words[],
	*const schema_on_failure_words[], *const schema_undecided_words[],
	*const schema_alert_words[];

/* Event types that a rule may name, NULL-ended. */
extern const char *const schema_event_words[];

/* Where checks are gathered before they become one list. */
struct schema_card {
	char *card;
	struct show_check *tests;
	size_t test_count;
};
struct schema_cards {
	struct schema_card *cards;
	size_t count;
};

#endif

/* The keys of validation cards. */
#include "show/schema.h"

#include "show/read.h"
#include "show/schema_rows.h"
#include "show/show.h"

const char *const show_check_kinds[] = {"http", "audio", "mcp",	       "obs",
					"rtmp", "agent", "prometheus", "redis",
					"tcp",	"exec",	 "log",	       NULL};

const char *const show_check_measures[] = {
	"status",	   "content_type",    "body",
	"body_contains",   "body_bytes",      "min_bytes",
	"max_bytes",	   "max_latency_ms",  "max_connect_ms",
	"sha256",	   "banner",	      "exit_status",
	"value",	   "duration_ms",     "min_duration_ms",
	"max_duration_ms", "sample_rate",     "channels",
	"peak_dbfs",	   "loudness_lufs",   "max_silence_ms",
	"not_silent",	   "not_clipped",     NULL};
const char *const show_check_comparisons[] = {
	"equals", "not",    "lt", "gt",	    "contains", "matches",
	"type",	  "exists", "in", "sha256", NULL};

static const char *const method_words[] = {"GET", "POST", "PUT", "PATCH",
					   "DELETE", "HEAD", NULL};
/* clang-format off */
#define PROBE_ROWS \
	WORD("kind", AT(show_check, kind), show_check_kinds, NONE, \
	     "How the service is tried.", \
	     .def_text = "http for an http(s) URL", .item = KEY_TEXT), \
	EXACT("endpoint", AT(show_check, endpoint), \
	      "Where it is: what the kind calls for, see KINDS.", \
	      .def_text = "that of the kind, where it has one"), \
	WORD("method", AT(show_check, method), method_words, NONE, \
	     "The HTTP method.", \
	     .def_text = "GET, or POST when there is a payload", \
	     .item = KEY_TEXT), \
	ROW("payload", KEY_JSON, AT(show_check, payload), \
	    "What is sent or asked for: what the kind calls for."), \
	ROW("expected", KEY_OBJECT, AT(show_check, expected), \
	    "What must come: measures, and JSON Pointers into the answer, " \
	    "each with a value or a comparison.", .def_text = "{}"), \
	INT("within_ms", AT(show_check, within_ms), 0, 600000, 0, "ms", \
	    "How long it is tried again, four times a second, until what is " \
	    "expected is there."), \
	EXACT("key_env", AT(show_check, key_env), \
	      "The environment variable that holds the service's key, token or " \
	      "password."), \
	EXACT("key_file", AT(show_check, key_file), \
	      "A file (mode 0600) that holds it.")

static const struct key step_keys[] = {
	TEXT("name", AT(show_check, name), 120, "What the step does.",
	     .required = true),
	PROBE_ROWS,
	ROW("keep", KEY_OBJECT, AT(show_check, keep),
	    "Names for parts of the answer, each with its JSON Pointer; later "
	    "steps write {{kept.NAME}}.", .def_text = "{}"),
	EXACT("needs", AT(show_check, needs),
	      "The name of a value; without it the step is left out, as there is "
	      "nothing to clean up."),
	{0}};
const struct section schema_step = {
	"checks.cards[].tests[].steps[]", "a step", sizeof(struct show_check),
	.keys = step_keys, .end = test_end};

static const struct key test_keys[] = {
	TEXT("name", AT(show_check, name), 120, "The name of the test.",
	     .required = true),
	PROBE_ROWS,
	INT("timeout_ms", AT(show_check, timeout_ms), 1, 600000, 5000, "ms",
	    "The deadline of the test, with all its steps."),
	TEXT("parent", AT(show_check, parent_name), 250,
	     "Another test of the card, or CARD/TEST: while that one fails, "
	     "this one's failure is no news."),
	INT("watch_ms", AT(show_check, watch_ms), 1000, HOURS24, NONE, "ms",
	    "Run again so long after its last result while the show is live."),
	INT("raise_after", AT(show_check, raise_after), 1, 100, NONE,
	    "results", "So many failures in a row are an alarm.",
	    .def_text = "3 with watch_ms, else 1"),
	INT("clear_after", AT(show_check, clear_after), 1, 100, NONE,
	    "results", "So many passes in a row clear it.",
	    .def_text = "2 with watch_ms, else 1"),
	ROW("touches_air", KEY_BOOL, AT(show_check, touches_air),
	    "It is heard or seen on air, so it is not run while OBS streams or "
	    "records."),
	ROW("steps", KEY_LIST, AT(show_check, steps),
	    "Instead of kind, endpoint and what belongs to them: one after the "
	    "other, until one fails.",
	    .count_at = AT(show_check, step_count), .sub = &schema_step, .min = 1,
	    .max = 32),
	ROW("cleanup", KEY_LIST, AT(show_check, cleanup),
	    "Steps that are run behind the others in any case.",
	    .count_at = AT(show_check, cleanup_count), .sub = &schema_step, .min = 1,
	    .max = 32),
	{0}};
const struct section schema_test = {
	"checks.cards[].tests[]", "a test", sizeof(struct show_check),
	.keys = test_keys, .end = test_end};

static const struct key card_keys[] = {
	TEXT("card", AT(schema_card, card), 120, "The name of the card.",
	     .required = true),
	ROW("tests", KEY_LIST, AT(schema_card, tests), "Its tests.",
	    .count_at = AT(schema_card, test_count), .sub = &schema_test, .min = 1,
	    .max = 1000, .required = true),
	{0}};
const struct section schema_card = {
	"checks.cards[]", "a card", sizeof(struct schema_card),
	.keys = card_keys};

static const struct key checks_keys[] = {
	ROW("cards", KEY_LIST, AT(schema_cards, cards), "Validation cards.",
	    .count_at = AT(schema_cards, count), .sub = &schema_card, .max = 1000,
	    .required = true),
	{0}};
const struct section schema_checks = {
	"checks", "a checks file", sizeof(struct schema_cards),
	.keys = checks_keys};
/* clang-format on */

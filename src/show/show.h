/*
 * show: what a show file says (showcaller-show(5)), after checking.
 *
 * A struct show is built once by show_load() or show_parse_json() and never
 * changes afterwards, so any number of threads may read it. It therefore holds
 * no json-c tree: JSON values are kept as their canonical text. Everything in
 * it lives in one arena and dies with show_unref().
 *
 * A string that the file does not give is NULL; a number that it does not give
 * is the default named here, or SHOW_UNSET where "not given" matters.
 */
#ifndef SHOW_SHOW_H
#define SHOW_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

#define SHOW_UNSET INT64_C(-1)
#define SHOW_ID_MAX                                                            \
	63 /* [a-z0-9][a-z0-9-]{0,62} for shows; stages, agents,               \
	      options and outputs: [A-Za-z_][A-Za-z0-9_.-]{0,62},              \
	      options may also begin with a digit */
#define SHOW_MAX_STAGES	 20000
#define SHOW_MAX_OPTIONS 64
#define SHOW_POLL_PLACES 8 /* of polls that no stage declares */

enum show_via { VIA_HTTP, VIA_LLM, VIA_MCP, VIA_BUS, VIA_EXEC, VIA_NOOP };
enum show_api { API_OPENAI, API_ANTHROPIC };
enum show_adjudicate {
	ADJUDICATE_FIRST,
	ADJUDICATE_CONFIDENCE, /* the default */
	ADJUDICATE_CHEAPEST,
	ADJUDICATE_MERGE,
	ADJUDICATE_ASK,
};
enum show_on_failure {
	ON_FAILURE_ASK, /* the default */
	ON_FAILURE_CONTINUE,
	ON_FAILURE_SKIP_DEPENDENTS,
	ON_FAILURE_FAIL_RUN,
};
enum show_go { GO_AUTO, GO_MANUAL };
enum show_undecided { UNDECIDED_EXTEND, UNDECIDED_DEFAULT, UNDECIDED_ASK };
enum show_mode { MODE_ENFORCE, MODE_WARN };
enum show_answer { ANSWER_DENY, ANSWER_APPROVE };

/* A list of strings. */
struct show_names {
	char **items;
	size_t count;
};

struct show_budget {
	int64_t tokens;	     /* SHOW_UNSET: no cap */
	int64_t cost_micros; /* SHOW_UNSET: no cap */
	char *currency;	     /* three capital letters, or NULL */
	int64_t reserve;     /* tokens, default 0 */
	enum show_mode mode;
	double warn_at;		      /* share of tokens, 0..1, default 0.8 */
	int64_t approval_deadline_ms; /* default 60000 */
	enum show_answer approval_default; /* default deny */
	char *time_zone;		   /* days of quotas; NULL: UTC */
	int64_t settle_grace_ms; /* late reports correct, default 60000 */
};

struct show_agent {
	char *id;
	char *role;
	enum show_via via;
	char *url;		/* http, llm */
	char *mcp;		/* via mcp: name of an entry of `mcp:` */
	char *tool;		/* via mcp: the tool to call */
	char *arguments;	/* via mcp: JSON object text, or NULL */
	struct show_names argv; /* exec; argv[0] looked up in PATH, or taken
				   from the show's folder when it has a '/' */
	int64_t timeout_ms;	/* one call, default 30000 */
	int64_t quota_episode;	/* tokens, SHOW_UNSET: none */
	int64_t quota_daily;	/* tokens, SHOW_UNSET: none */
	int64_t max_concurrent; /* SHOW_UNSET: no limit */
	enum show_api api;
	bool stream; /* llm: the answer comes piece by piece;
			default true */
	char *model, *key_env, *key_file;
	char *prompt;	   /* llm: its file as written; NULL: none, or
			      the text stands in the show file */
	char *prompt_text; /* see show/prompt.h; NULL: the default one */
	struct show_names prompt_story; /* members of the story, and stages,
					   that the prompt names */
	int64_t price_input_micros; /* per million tokens; SHOW_UNSET: none */
	int64_t price_output_micros;
	char *fallback_agent;
	char *service_name; /* what it runs on, or NULL */
	int service;	    /* index into show.services, -1: none */
	int line;	    /* where it stands in the file */
};

/* What several agents run on: an account, a machine, a key. */
struct show_service {
	char *id;
	int64_t quota_episode, quota_daily; /* tokens, SHOW_UNSET: none */
	int64_t cost_micros;		    /* an episode; SHOW_UNSET: no cap */
	int64_t max_concurrent; /* calls of all its agents; SHOW_UNSET */
	int *agents;		/* indices, worked out */
	size_t agent_count;
};

struct show_mcp {
	char *id;
	char *url;
	struct show_names argv;
	char *protocol;		  /* a revision, or NULL: the newest of both */
	char *key_env, *key_file; /* of a bearer token, or NULL */
};

struct show_option {
	char *id;
	char *label;		/* default: the id */
	int64_t requires_extra; /* tokens, default 0 */
	char *metadata;		/* canonical JSON object text, or NULL */
};

struct show_poll {
	char *question;
	struct show_option *options;
	size_t option_count;	       /* 2..64 */
	int64_t open_ms;	       /* default 30000 */
	int64_t min_votes;	       /* default 0 */
	double min_delta;	       /* 0..1, default 0 */
	enum show_undecided undecided; /* default: `default` if one is named,
					  else ask */
	int64_t extend_ms;	       /* default: open_ms */
	int64_t max_extensions;	       /* default 1 when undecided: extend */
	int default_option;	       /* index, -1: none */
	bool hide_result;	       /* from the audience, until it is
					  decided; default false */
};

/* `when:` all of these must hold. */
struct show_when {
	int stage;   /* the stage that the name refers to */
	char *name;  /* the stage or output as written */
	char *value; /* canonical JSON text, mostly a string */
};

struct show_retry {
	int64_t max_attempts;	/* calls in all, default 1 */
	int64_t backoff_ms;	/* default 1000 */
	double multiplier;	/* default 1 (constant) */
	int64_t max_backoff_ms; /* default 300000 */
};

struct show_rehearsal {
	bool given;
	int64_t after_ms;    /* default 500 */
	int64_t tokens;	     /* default: half the token cap */
	int64_t cost_micros; /* default 0 */
	int64_t fail_first;  /* that many calls fail first, default 0 */
	char *result;	     /* canonical JSON text; NULL: outputs get a
				sentence that says so */
	double confidence;   /* default 0.8 */
	char *votes;	     /* polls: canonical JSON {"option": share or
				number}; NULL: all options alike but the
				first leads */
	int64_t voters;	     /* polls: default 100 */
};

struct show_stage {
	char *id;
	char *group, *description, *notes;
	struct show_names inputs; /* as written: stages or outputs */
	struct show_names outputs;
	int *agents; /* indices into show.agents */
	size_t agent_count;
	int *mcp; /* indices into show.mcp */
	size_t mcp_count;
	int64_t token_cap;	 /* SHOW_UNSET: none */
	int64_t cost_cap_micros; /* SHOW_UNSET: none */
	int64_t time_cap_ms;	 /* one attempt; SHOW_UNSET: agents' own */
	struct show_retry retry;
	struct show_poll *poll; /* NULL: no poll */
	struct show_when *when;
	size_t when_count;
	enum show_adjudicate adjudicate;
	int *veto; /* indices into show.agents */
	size_t veto_count;
	enum show_on_failure on_failure;
	enum show_go go;
	int64_t expect_ms; /* SHOW_UNSET: none */
	bool finale;
	bool preflight; /* GO waits for what show.preflight says */
	struct show_rehearsal rehearsal;
	int line, column; /* where it begins in the file */

	/* Worked out: edges by stage index, ascending, without repeats. */
	int *deps;
	size_t dep_count;
	int *dependents;
	size_t dependent_count;
	int layer; /* longest way from a stage without deps */
};

/* What becomes of a poll that an agent proposes. */
enum show_proposals { PROPOSALS_ASK, PROPOSALS_ALLOW, PROPOSALS_REFUSE };

struct show_polls {
	enum show_proposals proposals; /* default ask */
	int64_t min_interval_ms;       /* default 0 */
	int64_t max_per_episode;       /* SHOW_UNSET: no cap */
	bool change_vote;	       /* default false */
	int64_t votes_per_address;     /* in a minute, default 3000 */
	int64_t votes_per_voter;       /* in a minute, default 60 */
	int64_t burst_votes;	       /* default 30; 0: none is looked for */
};

struct show_retention {
	int64_t events;	       /* kept in Redis, default 20000; 0: all */
	int64_t runs_days;     /* default 30; 0: for ever */
	int64_t messages_days; /* default 7; 0: for ever */
};

struct show_macro {
	char *name;
	char *batch; /* canonical JSON: [{request: data}, ...] */
};

/* When what OBS does is an alarm; 0: never. */
struct show_obs_alarms {
	int64_t silence_ms, silence_below_db;
	struct show_names inputs; /* that are listened to; none: all */
	int64_t black_ms, sources_ms;
	double congestion, dropped; /* shares */
	int64_t disk_free_mb;
};

struct show_obs {
	bool given;
	char *url; /* ws://host:port */
	char *password_env, *password_file;
	char *safe_scene;
	struct show_names scenes, sources;
	struct show_macro *macros;
	size_t macro_count;
	char *profile, *collection; /* expected; NULL: any */
	int64_t operator_hold_ms;   /* 0: rules never wait for operators */
	struct show_obs_alarms alarms;
};

#define CHAT_CHANNEL_BYTES 64
#define CHAT_NICK_BYTES	   32
#define CHAT_PREFIX_BYTES  8

/* Where the audience chats, and votes: irc://host:port or ws://host:port. */
struct show_chat {
	bool given;
	char *url, *channel;
	char *nick; /* default "caller" */
	char *password_env, *password_file;
	char *prefix; /* before a vote, default "!" */
};

struct show_rule {
	char *name;
	char *on;     /* an event type, "poll:create" */
	char *action; /* "obs_scene" */
	char *value;  /* canonical JSON text of its argument */
	bool enabled; /* default true */
};

/* One test of one card (showcaller-checks). */
struct show_check {
	char *card, *name, *kind; /* kind is one of show_check_kinds */
	char *endpoint;		  /* URL, host:port, or as the kind says */
	char *payload;		  /* canonical JSON text, or NULL */
	char *method;		  /* of HTTP; NULL: as the payload says */
	char *expected;		  /* canonical JSON object text; "{}" if none */
	char *keep;		  /* of a step: the same, or NULL */
	char *needs;		  /* of a step: a kept value, or NULL */
	char *key_env, *key_file; /* of its service, or NULL */
	int64_t timeout_ms;	  /* default 5000 */
	int64_t within_ms;	  /* so long it is tried again, default 0 */
	/* Of a test that has some: no card of their own. Then kind and endpoint
	 * are those of the first. */
	struct show_check *steps, *cleanup;
	size_t step_count, cleanup_count;
	char *parent_name;	  /* as written, or NULL */
	int parent;		  /* index into show.checks, -1: none */
	int64_t watch_ms; /* run so often while live; SHOW_UNSET: not */
	int64_t raise_after, clear_after; /* results in a row; default 3 and 2
					     with watch_ms, else 1 and 1 */
	bool touches_air; /* it is heard or seen on air */
};

/* What must be proven before the doors open. */
struct show_preflight {
	bool given;		 /* else nothing is asked for */
	struct show_names cards; /* none: nothing */
	int64_t fresh_ms;	 /* no older result counts, default 600000 */
	bool obs;		 /* OBS must have what is expected; default */
};

enum show_alert_to { ALERT_SLACK, ALERT_DISCORD, ALERT_WEBHOOK, ALERT_SMTP };

/* Where people are told what needs them when nobody looks at the screen. */
struct show_alert {
	char *id;
	enum show_alert_to to;
	char *url, *url_env, *url_file; /* one of them; it may be a secret */
	char *from;			/* smtp */
	struct show_names recipients;	/* smtp */
	char *user, *password_env, *password_file; /* smtp; NULL: none */
	bool alarms;			/* raised and cleared; default true */
	bool questions; /* what waits for a person; default true */
	int64_t timeout_ms;		/* one try, default 10000 */
};

struct show_http {
	char *operator_addr; /* "host:port", default 127.0.0.1:7420 */
	char *audience_addr; /* default 127.0.0.1:7421 */
	struct show_names trusted_proxies; /* addresses; default none */
};

struct show {
	char *id;
	char *title;	  /* default: the id */
	char *path;	  /* the file it came from, or NULL */
	char *hash;	  /* SHA-256 hex of `definition` */
	char *definition; /* canonical JSON of the whole, checks
			     included: show_parse_json() reads it back
			     to the same show with the same hash */
	struct show_budget budget;
	struct show_agent *agents; /* in the byte order of their ids */
	size_t agent_count;
	struct show_service *services;
	size_t service_count;
	struct show_mcp *mcp;
	size_t mcp_count;
	struct show_stage *stages; /* in the order of the file; behind them the
				      places of polls without a stage, which
				      have nothing but an id: "1", "2", ... */
	size_t stage_count;
	int *order; /* stage indices, dependencies first, else in
		       the order of the file */
	struct show_polls polls;
	struct show_retention retention;
	struct show_obs obs;
	struct show_chat chat;
	struct show_rule *rules;
	size_t rule_count;
	struct show_alert *alerts; /* in the byte order of their ids */
	size_t alert_count;
	char *checks_path; /* as written, or NULL */
	struct show_check *checks;
	size_t check_count;
	struct show_preflight preflight;
	struct show_http http;

	struct show_index *index; /* private: names to indices */
	struct arena arena;	  /* private */
	int refs;		  /* private, atomic */
};

/* What `expected` of a check may name besides JSON Pointers, and the keys of a
 * comparison ({"lt": 5}); both NULL-ended. */
extern const char *const show_check_measures[];
extern const char *const show_check_comparisons[];

/* NULL-ended: http audio mcp obs rtmp agent prometheus redis tcp exec log */
extern const char *const show_check_kinds[];

/* Index by id, or -1. O(1). `show_find_name` finds a stage by its id or by an
 * output that it declares. */
int show_find_stage(const struct show *show, const char *id);
/* Of a stage that is a poll, or of a place; and how many may be asked for. */
int show_find_poll(const struct show *show, const char *id);
size_t show_poll_places(const struct show *show);
int show_find_name(const struct show *show, const char *stage_or_output);
int show_find_agent(const struct show *show, const char *id);
int show_find_service(const struct show *show, const char *id); /* few */
int show_find_option(const struct show_poll *poll, const char *id);
int show_find_check(const struct show *show, const char *card,
		    const char *test);
/* By "CARD/TEST"; a card's name may hold a slash of its own. */
int show_find_check_name(const struct show *show, const char *name);

/* Whether anything of it is counted by the day. */
bool show_counts_days(const struct show *show);

/* Delay in ms before attempt `attempt` (2 is the first retry):
 * backoff_ms * multiplier^(attempt-2), capped by max_backoff_ms, no jitter. */
int64_t show_retry_delay_ms(const struct show_retry *retry, int attempt);

/* The deadline of one call of `agent` in `stage`, in ms: the smaller of the
 * stage's time cap and the agent's time-out. */
int64_t show_call_limit_ms(const struct show_stage *stage,
			   const struct show_agent *agent);

/* What so many tokens cost by the agent's price, in millionths, rounded up; -1
 * when it has none. Nothing overflows: sums beyond 10^15 are 10^15. */
int64_t show_price_micros(const struct show_agent *agent, int64_t input_tokens,
			  int64_t output_tokens);

/* Any thread. */
struct show *show_ref(struct show *show);
void show_unref(struct show **show);

/* Names of the enums as the show file spells them, for screens and events. */
const char *show_via_name(enum show_via via);
const char *show_adjudicate_name(enum show_adjudicate how);
const char *show_on_failure_name(enum show_on_failure what);
const char *show_undecided_name(enum show_undecided what);
const char *show_alert_to_name(enum show_alert_to to);

#endif

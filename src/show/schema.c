#include "show/schema.h"

#include "show/read.h"
#include "show/schema_rows.h"
#include "show/show.h"

const char *const schema_via_words[] = {"http", "llm",	"mcp", "bus",
					"exec", "noop", NULL};
const char *const schema_adjudicate_words[] = {
	"first", "confidence", "cheapest", "merge", "ask", NULL};
const char *const schema_on_failure_words[] = {
	"ask", "continue", "skip_dependents", "fail_run", NULL};
const char *const schema_undecided_words[] = {"extend", "default", "ask", NULL};
const char *const schema_alert_words[] = {"slack", "discord", "webhook", "smtp",
					  NULL};
static const char *const api_words[] = {"openai", "anthropic", NULL};
static const char *const go_words[] = {"auto", "manual", NULL};
static const char *const proposals_words[] = {"ask", "allow", "refuse", NULL};
static const char *const mode_words[] = {"enforce", "warn", NULL};
static const char *const answer_words[] = {"deny", "approve", NULL};
static const char *const mcp_words[] = {"2024-11-05", "2025-03-26",
					"2025-06-18", "2025-11-25",
					"2026-07-28", NULL};
static const char *const http_schemes[] = {"http", "https", NULL};
static const char *const ws_schemes[] = {"ws", "wss", NULL};
static const char *const alert_schemes[] = {"http", "https", "smtp", "smtps",
					    NULL};
static const char *const chat_schemes[] = {"irc", "ws", NULL};

const char *const schema_event_words[] = {"run:start",	    "run:pause",
					  "run:resume",	    "run:complete",
					  "run:cancel",	    "stage:start",
					  "stage:progress", "stage:proposal",
					  "stage:complete", "stage:error",
					  "stage:skip",	    "stage:go",
					  "stage:reset",    "poll:propose",
					  "poll:create",    "poll:extend",
					  "poll:freeze",    "poll:unfreeze",
					  "poll:close",	    "poll:resolve",
					  "poll:void",	    "token:lease",
					  "token:spend",    "token:return",
					  "budget:request", "budget:approve",
					  "budget:deny",    "budget:raise",
					  "budget:day",	    "proposal:late",
					  "proposal:adopt", "proposal:discard",
					  "obs:status",	    "obs:command",
					  "obs:hold",	    "chat:status",
					  "rule:off",	    "rule:on",
					  "check:result",   "check:override",
					  "alarm:raise",    "alarm:ack",
					  "alarm:clear",    "leader:take",
					  "note",	    NULL};

/* clang-format off */

static const struct key budget_keys[] = {
	INT("tokens", AT(show_budget, tokens), 0, TOKENS, NONE, "tokens",
	    "Tokens for the whole episode."),
	CASH("cost", AT(show_budget, cost_micros), NONE,
	     "Money for the whole episode."),
	TEXT("currency", AT(show_budget, currency), 3,
	     "Three capital letters, as GBP."),
	INT("reserve", AT(show_budget, reserve), 0, TOKENS, 0, "tokens",
	    "Part of tokens that is leased only to stages marked finale, or "
	    "on approval."),
	WORD("mode", AT(show_budget, mode), mode_words, MODE_ENFORCE,
	     "Whether a lease that does not fit is held, or given with an "
	     "alarm."),
	NUM("warn_at", AT(show_budget, warn_at), 0, 1, 0.8,
	    "The share of tokens or money spent at which the operator is "
	    "asked, once."),
	INT("approval_deadline_ms", AT(show_budget, approval_deadline_ms), 1,
	    HOURS24, 60000, "ms",
	    "How long an overage waits for the operator."),
	WORD("approval_default", AT(show_budget, approval_default),
	     answer_words, ANSWER_DENY,
	     "The answer to an overage that nobody answered."),
	EXACT("time_zone", AT(show_budget, time_zone),
	      "Whose midnight begins a day of the daily quotas, as "
	      "Europe/London.", .def_text = "UTC"),
	INT("settle_grace_ms", AT(show_budget, settle_grace_ms), 0, HOURS24,
	    60000, "ms",
	    "How long after a call ended a late report still corrects what was "
	    "written off for it."),
	{0}};
static const struct section budget = {
	"budget", "the budget", .keys = budget_keys, .end = budget_end};

static const struct key quota_keys[] = {
	INT("episode", AT(show_agent, quota_episode), 0, TOKENS, NONE,
	    "tokens", "Tokens that the agent may spend in one episode."),
	INT("daily", AT(show_agent, quota_daily), 0, TOKENS, NONE, "tokens",
	    "Tokens that the agent may spend in one day, in all runs."),
	{0}};
static const struct section quota = {
	"agents.*.quota", "a quota", .keys = quota_keys};

static const struct key price_keys[] = {
	CASH("input_per_mtok", AT(show_agent, price_input_micros), NONE,
	     "Price of a million tokens in."),
	CASH("output_per_mtok", AT(show_agent, price_output_micros), NONE,
	     "Price of a million tokens out."),
	{0}};
static const struct section price = {
	"agents.*.price", "a price", .keys = price_keys};

static const struct key prompt_keys[] = {
	EXACT("file", AT(show_agent, prompt),
	      "Where the text came from; only told."),
	ROW("text", KEY_CALL, 0, "The prompt.", .call = read_prompt_text,
	    .required = true),
	{0}};
const struct section schema_prompt = {
	"agents.*.prompt", "a prompt", .keys = prompt_keys};

static const struct key agent_keys[] = {
	TEXT("role", AT(show_agent, role), 200,
	     "What the agent is for, in words."),
	WORD("via", AT(show_agent, via), schema_via_words, 0,
	     "How the agent is called.", .required = true),
	ROW("url", KEY_URL, AT(show_agent, url), "Where to POST the work; for llm the "
	    "part of the address before /chat/completions or /messages.",
	    .words = http_schemes, .max = 4096,
	    .def_text = "needed by http and llm"),
	ROW("argv", KEY_NAMES, AT(show_agent, argv),
	    "Program and arguments; no shell. A program with a slash is taken "
	    "from the show's folder, any other from PATH.",
	    .item = KEY_EXACT, .min = 1, .max = 256,
	    .def_text = "needed by exec"),
	ROW("mcp", KEY_ID, AT(show_agent, mcp), "An entry of mcp.",
	    .def_text = "needed by mcp"),
	TEXT("tool", AT(show_agent, tool), 200, "The MCP tool to call.",
	     .def_text = "needed by mcp"),
	ROW("arguments", KEY_OBJECT, AT(show_agent, arguments),
	    "What the tool is given; {{inputs.NAME}} and the like are filled in "
	    "as in a prompt.", .def_text = "the inputs of the stage by their "
	    "names"),
	INT("timeout_ms", AT(show_agent, timeout_ms), 1, HOURS24, 30000, "ms",
	    "The deadline of one call."),
	ROW("quota", KEY_SUB, 0, "Limits of what the agent may spend.",
	    .sub = &quota),
	INT("max_concurrent", AT(show_agent, max_concurrent), 1, 10000, NONE,
	    "calls", "Calls of the agent at one time."),
	WORD("api", AT(show_agent, api), api_words, API_OPENAI,
	     "What the LLM endpoint speaks."),
	EXACT("model", AT(show_agent, model), "The model to ask for.",
	      .def_text = "needed by llm"),
	ROW("stream", KEY_BOOL, AT(show_agent, stream),
	    "Whether the answer is asked for as a stream; false for endpoints "
	    "that tell no usage in one.", .def = 1),
	EXACT("key_env", AT(show_agent, key_env),
	      "The environment variable that holds the API key."),
	EXACT("key_file", AT(show_agent, key_file),
	      "A file (mode 0600) that holds the API key; read at each call."),
	ROW("prompt", KEY_CALL, 0,
	    "A file with the prompt, or the prompt itself; {{inputs.NAME}} and "
	    "the like are filled in.", .call = read_prompt,
	    .sub = &schema_prompt,
	    .def_text = "made of role, description, inputs and outputs"),
	ROW("price", KEY_SUB, 0, "What tokens cost.", .sub = &price),
	ROW("fallback_agent", KEY_ID, AT(show_agent, fallback_agent),
	    "Who gets a held call that the operator sends to a cheaper "
	    "agent."),
	ROW("service", KEY_ID, AT(show_agent, service_name),
	    "The entry of services that it runs on."),
	{0}};
static const struct section agent = {
	"agents.*", "an agent", sizeof(struct show_agent),
	.id_at = AT(show_agent, id), .line_at = AT(show_agent, line),
	.keys = agent_keys, .end = agent_end};

static const struct key service_quota_keys[] = {
	INT("episode", AT(show_service, quota_episode), 0, TOKENS, NONE,
	    "tokens", "Tokens that all its agents may spend in one episode."),
	INT("daily", AT(show_service, quota_daily), 0, TOKENS, NONE, "tokens",
	    "Tokens that all its agents may spend in one day, in all runs."),
	{0}};
static const struct section service_quota = {
	"services.*.quota", "a quota", .keys = service_quota_keys};

static const struct key service_keys[] = {
	ROW("quota", KEY_SUB, 0, "Limits of what its agents may spend.",
	    .sub = &service_quota),
	CASH("cost", AT(show_service, cost_micros), NONE,
	     "Money that all its agents may spend in one episode."),
	INT("max_concurrent", AT(show_service, max_concurrent), 1, 10000, NONE,
	    "calls", "Calls of all its agents at one time."),
	{0}};
static const struct section service = {
	"services.*", "a service", sizeof(struct show_service),
	.id_at = AT(show_service, id), .keys = service_keys};

static const struct key mcp_keys[] = {
	ROW("url", KEY_URL, AT(show_mcp, url), "A Streamable HTTP endpoint.",
	    .words = http_schemes, .max = 4096),
	ROW("argv", KEY_NAMES, AT(show_mcp, argv),
	    "A program that speaks MCP on its standard input and output.",
	    .item = KEY_EXACT, .min = 1, .max = 256),
	WORD("protocol", AT(show_mcp, protocol), mcp_words, NONE,
	     "The revision of MCP that it is spoken to in.",
	     .def_text = "the newest that both know", .item = KEY_TEXT),
	EXACT("key_env", AT(show_mcp, key_env),
	      "The environment variable that holds its bearer token."),
	EXACT("key_file", AT(show_mcp, key_file),
	      "A file (mode 0600) that holds it."),
	{0}};
static const struct section mcp = {
	"mcp.*", "an MCP server", sizeof(struct show_mcp),
	.id_at = AT(show_mcp, id), .keys = mcp_keys, .end = mcp_end};

static const struct key stage_budget_keys[] = {
	INT("token_cap", AT(show_stage, token_cap), 0, TOKENS, NONE, "tokens",
	    "Tokens that all calls of the stage may spend together."),
	CASH("cost_cap", AT(show_stage, cost_cap_micros), NONE,
	     "Money that the stage may spend; what a call may cost at most when "
	     "its agent has no price."),
	INT("time_cap_ms", AT(show_stage, time_cap_ms), 1, HOURS24, NONE,
	    "ms", "The deadline of one attempt; the agents' own time-outs "
	    "hold as well."),
	{0}};
static const struct section stage_budget = {
	"stages[].budget", "a stage's budget", .keys = stage_budget_keys};
static const struct section defaults_budget = {
	"defaults.budget", "a stage's budget", .keys = stage_budget_keys};

static const struct key retry_keys[] = {
	INT("max_attempts", AT(show_retry, max_attempts), 1, 100, 1, "calls",
	    "Calls in all: 3 means one call and two retries."),
	INT("backoff_ms", AT(show_retry, backoff_ms), 0, HOURS24, 1000, "ms",
	    "The delay before the first retry."),
	NUM("multiplier", AT(show_retry, multiplier), 1, 100, 1,
	    "Each further delay is so many times the last one."),
	INT("max_backoff_ms", AT(show_retry, max_backoff_ms), 0, HOURS24,
	    300000, "ms", "No delay is longer."),
	{0}};
static const struct section retry = {
	"stages[].retry", "retry", .keys = retry_keys, .end = retry_end};
static const struct section defaults_retry = {
	"defaults.retry", "retry", .keys = retry_keys, .end = retry_end};

static const struct key option_keys[] = {
	ROW("id", KEY_OPTION_ID, AT(show_option, id),
	    "What the result is called.", .required = true),
	TEXT("label", AT(show_option, label), 120, "What voters read.",
	     .def_text = "the id"),
	INT("requires_extra", AT(show_option, requires_extra), 0, TOKENS, 0,
	    "tokens", "What the option costs beyond the plan: when it wins, the "
	    "operator approves or denies that before anything acts on it."),
	ROW("metadata", KEY_OBJECT, AT(show_option, metadata),
	    "Whatever the stages behind the poll should know of the option; "
	    "goes on with the result.", .def_text = "none"),
	{0}};
static const struct section option = {
	"stages[].poll.options[]", "an option", sizeof(struct show_option),
	.keys = option_keys, .end = option_end};

static const struct key poll_keys[] = {
	TEXT("question", AT(show_poll, question), 300, "What voters are asked.",
	     .required = true),
	ROW("options", KEY_LIST, AT(show_poll, options),
	    "What they may choose.", .count_at = AT(show_poll, option_count),
	    .sub = &option, .min = 2, .max = SHOW_MAX_OPTIONS,
	    .required = true),
	INT("open_ms", AT(show_poll, open_ms), 10, HOURS24, 30000, "ms",
	    "How long the poll is open."),
	INT("min_votes", AT(show_poll, min_votes), 0, 1000000, 0, "votes",
	    "Fewer votes leave the poll undecided."),
	NUM("min_delta", AT(show_poll, min_delta), 0, 1, 0,
	    "The winner must lead by this share of the votes."),
	WORD("undecided", AT(show_poll, undecided), schema_undecided_words,
	     NONE, "What happens then.",
	     .def_text = "default if a default is named, else ask"),
	INT("extend_ms", AT(show_poll, extend_ms), 10, HOURS24, NONE, "ms",
	    "How much longer an extended poll is open.",
	    .def_text = "open_ms"),
	INT("max_extensions", AT(show_poll, max_extensions), 0, 1000, 1,
	    "extensions",
	    "After so many it is as if undecided were default, or ask."),
	ROW("default", KEY_REF, 0,
	    "The option that wins an undecided poll.", .def_text = "none"),
	ROW("hide_result", KEY_BOOL, AT(show_poll, hide_result),
	    "The audience sees how many voted, but not for what, until the poll "
	    "is decided."),
	{0}};
static const struct section poll = {
	"stages[].poll", "a poll", sizeof(struct show_poll),
	.keys = poll_keys, .end = poll_end};

static const struct key rehearsal_keys[] = {
	INT("after_ms", AT(show_rehearsal, after_ms), 0, HOURS24, 500, "ms",
	    "How long the answer takes."),
	INT("tokens", AT(show_rehearsal, tokens), 0, TOKENS, NONE, "tokens",
	    "What it spends.", .def_text = "half the token cap"),
	CASH("cost", AT(show_rehearsal, cost_micros), 0, "What it costs."),
	INT("fail_first", AT(show_rehearsal, fail_first), 0, 100, 0, "calls",
	    "So many calls fail first."),
	ROW("result", KEY_OBJECT, AT(show_rehearsal, result),
	    "The answer, as outputs by name.",
	    .def_text = "a sentence for each output"),
	NUM("confidence", AT(show_rehearsal, confidence), 0, 1, 0.8,
	    "The confidence of the answer."),
	ROW("votes", KEY_OBJECT, AT(show_rehearsal, votes),
	    "Polls: votes, or shares of the votes, by option.",
	    .def_text = "all alike, but the first leads"),
	INT("voters", AT(show_rehearsal, voters), 0, 1000000, 100, "voters",
	    "Polls: how many vote."),
	{0}};
static const struct section rehearsal = {
	"stages[].rehearsal", "a rehearsal", .keys = rehearsal_keys,
	.end = rehearsal_end};

#define ADJUDICATE_ROW \
	WORD("adjudicate", AT(show_stage, adjudicate), \
	     schema_adjudicate_words, ADJUDICATE_CONFIDENCE, \
	     "Whose answer wins when several agents work on a stage.", \
	     .later_words = 1u << ADJUDICATE_MERGE | 1u << ADJUDICATE_ASK)
#define ON_FAILURE_ROW \
	WORD("on_failure", AT(show_stage, on_failure), \
	     schema_on_failure_words, ON_FAILURE_ASK, \
	     "What happens when the last attempt has failed. Where no one can " \
	     "answer, ask becomes skip_dependents.")
#define GO_ROW \
	WORD("go", AT(show_stage, go), go_words, GO_AUTO, \
	     "Whether the stage starts by itself, or waits in standby for GO.")

static const struct key stage_keys[] = {
	ROW("id", KEY_ID, AT(show_stage, id), "The name of the stage.",
	    .required = true),
	TEXT("group", AT(show_stage, group), 63,
	     "Stages of one group are shown together."),
	LINES("description", AT(show_stage, description),
	      "What the stage does; also told to its agents."),
	ROW("inputs", KEY_NAMES, AT(show_stage, inputs),
	    "Stages, or outputs that stages declare, that must be done first.",
	    .item = KEY_ID, .max = SHOW_MAX_STAGES),
	ROW("outputs", KEY_NAMES, AT(show_stage, outputs),
	    "What the stage adds to the story.", .item = KEY_ID, .max = 256),
	ROW("agents", KEY_REFS, 0, "Who works on it.", .max = 256,
	    .def_text = "none; then there must be a poll"),
	ROW("MCP", KEY_REFS, 0,
	    "Entries of mcp that its agents are told of, by name.",
	    .max = 256),
	ROW("budget", KEY_SUB, 0, "What the stage may use.",
	    .sub = &stage_budget),
	ROW("retry", KEY_SUB, AT(show_stage, retry),
	    "How often the stage is tried.", .sub = &retry),
	ROW("poll", KEY_PTR, AT(show_stage, poll),
	    "Makes the stage a poll of the audience; its result is the id of "
	    "the option that won.", .sub = &poll),
	ROW("when", KEY_CALL, 0,
	    "The stage runs only if each stage or output named here has the "
	    "value given; else it is skipped.", .call = read_when,
	    .def_text = "always"),
	ADJUDICATE_ROW,
	ROW("veto", KEY_REFS, 0, "Agents that may refuse the answer.",
	    .max = 256, LATER),
	ON_FAILURE_ROW,
	GO_ROW,
	LINES("notes", AT(show_stage, notes), "Shown in standby."),
	INT("expect_ms", AT(show_stage, expect_ms), 0, HOURS24, NONE, "ms",
	    "The plan; over and under are measured against it."),
	ROW("finale", KEY_BOOL, AT(show_stage, finale),
	    "The stage may use the reserve."),
	ROW("preflight", KEY_BOOL, AT(show_stage, preflight),
	    "GO is refused until what preflight asks for is green and fresh."),
	ROW("rehearsal", KEY_SUB, AT(show_stage, rehearsal),
	    "What --rehearse answers for the stage.", .sub = &rehearsal),
	{0}};
static const struct section stage = {
	"stages[]", "a stage", sizeof(struct show_stage),
	.line_at = AT(show_stage, line), .keys = stage_keys,
	.begin = stage_begin, .end = stage_end};

static const struct key defaults_keys[] = {
	ROW("budget", KEY_SUB, 0, "As stages[].budget, key by key.",
	    .sub = &defaults_budget),
	ROW("retry", KEY_SUB, AT(show_stage, retry),
	    "As stages[].retry, key by key.", .sub = &defaults_retry),
	ADJUDICATE_ROW,
	ON_FAILURE_ROW,
	GO_ROW,
	{0}};
const struct section schema_defaults = {
	"defaults", "defaults", .keys = defaults_keys};

static const struct key polls_keys[] = {
	INT("min_interval_ms", AT(show_polls, min_interval_ms), 0, HOURS24, 0,
	    "ms", "The shortest time from the opening of a poll to that of the "
	    "next; a stage waits for it."),
	INT("max_per_episode", AT(show_polls, max_per_episode), 0, 100000,
	    NONE, "polls",
	    "Polls in one episode. One beyond is not opened: its default wins, "
	    "else its first option without a price."),
	ROW("change_vote", KEY_BOOL, AT(show_polls, change_vote),
	    "Whether a voter may change a vote."),
	INT("votes_per_address", AT(show_polls, votes_per_address), 1,
	    1000000000, 3000, "votes",
	    "What one address may send in a minute; of IPv6, one network of 64 "
	    "bits."),
	INT("votes_per_voter", AT(show_polls, votes_per_voter), 1, 1000000, 60,
	    "votes", "What one voter may send in a minute."),
	INT("burst_votes", AT(show_polls, burst_votes), 0, 1000000, 30, "votes",
	    "So many votes for one option from a few addresses within three "
	    "seconds are a burst that the operator is told of. 0: none is "
	    "looked for."),
	WORD("proposals", AT(show_polls, proposals), proposals_words,
	     PROPOSALS_ASK,
	     "What becomes of a poll that an agent proposes: the operator is "
	     "asked, it opens at once, or it is refused."),
	{0}};
static const struct section polls = {
	"polls", "polls", .keys = polls_keys};

static const struct key retention_keys[] = {
	INT("events", AT(show_retention, events), 0, 1e9, 20000, "events",
	    "So many of the newest events stay in Redis; older ones go into "
	    "archive files of the core's machine. 0: all stay in Redis."),
	INT("runs_days", AT(show_retention, runs_days), 0, 36500, 30, "days",
	    "Archive files are deleted so long after the runs in them ended. "
	    "0: never."),
	INT("messages_days", AT(show_retention, messages_days), 0, 36500, 7,
	    "days",
	    "Messages of the bus are deleted so long after they came, once "
	    "they were acknowledged. 0: never."),
	{0}};
static const struct section retention = {
	"retention", "retention", .keys = retention_keys};

static const struct key obs_alarm_keys[] = {
	INT("silence_ms", AT(show_obs_alarms, silence_ms), 0, HOURS24, 10000,
	    "ms", "How long all inputs may be silent while OBS streams or "
	    "records. 0: they are not listened to."),
	INT("silence_below_db", AT(show_obs_alarms, silence_below_db), 1, 99,
	    60, "dB", "What is silent: peaks so far below full scale."),
	ROW("inputs", KEY_NAMES, AT(show_obs_alarms, inputs),
	    "The inputs that are listened to.", .item = KEY_EXACT, .max = 64,
	    .def_text = "all"),
	INT("black_ms", AT(show_obs_alarms, black_ms), 0, HOURS24, 10000, "ms",
	    "How long the program scene may be black while OBS streams or "
	    "records. 0: it is not looked at."),
	INT("sources_ms", AT(show_obs_alarms, sources_ms), 0, HOURS24, 5000,
	    "ms", "How long one of obs.sources may be missing, hidden in the "
	    "program scene, ended or still."),
	NUM("congestion", AT(show_obs_alarms, congestion), 0, 1, 0.5,
	    "The congestion that OBS reports at which the line is too slow, "
	    "three seconds long. 0: never."),
	NUM("dropped", AT(show_obs_alarms, dropped), 0, 1, 0.05,
	    "The share of frames of the last ten seconds that the network may "
	    "drop. 0: all of them."),
	INT("disk_free_mb", AT(show_obs_alarms, disk_free_mb), 0, 1e9, 2048,
	    "MB", "The least that has to be free where OBS records. 0: "
	    "nothing."),
	{0}};
static const struct section obs_alarms = {
	"obs.alarms", "alarms", .keys = obs_alarm_keys};

static const struct key obs_keys[] = {
	ROW("url", KEY_URL, AT(show_obs, url), "Where obs-websocket listens.",
	    .words = ws_schemes, .max = 4096, .required = true),
	EXACT("password_env", AT(show_obs, password_env),
	      "The environment variable that holds its password."),
	EXACT("password_file", AT(show_obs, password_file),
	      "A file (mode 0600) that holds its password."),
	EXACT("safe_scene", AT(show_obs, safe_scene), "Where panic goes: by a cut, also out of a transition that runs. "
	      "To end that, OBS enters studio mode for a moment, or leaves it; "
	      "the preview is another then."),
	ROW("scenes", KEY_NAMES, AT(show_obs, scenes),
	    "Scenes that are expected to be there.", .item = KEY_EXACT,
	    .max = 1000),
	ROW("sources", KEY_NAMES, AT(show_obs, sources),
	    "Layers that must be feeding.", .item = KEY_EXACT, .max = 100),
	ROW("alarms", KEY_SUB, AT(show_obs, alarms),
	    "When what OBS does is an alarm.", .sub = &obs_alarms),
	ROW("macros", KEY_CALL, 0,
	    "Lists of OBS requests, by name, sent one after the other.",
	    .call = read_macros),
	EXACT("profile", AT(show_obs, profile), "The profile expected.",
	      .def_text = "any"),
	INT("operator_hold_ms", AT(show_obs, operator_hold_ms), 0, HOURS24,
	    30000, "ms",
	    "How long rules leave the scene alone that an operator chose, here "
	    "or in OBS. 0: not at all."),
	EXACT("collection", AT(show_obs, collection),
	      "The scene collection expected.", .def_text = "any"),
	{0}};
static const struct section obs = {
	"obs", "obs", .keys = obs_keys, .end = obs_end};

static const struct key chat_keys[] = {
	ROW("url", KEY_URL, AT(show_chat, url),
	    "The IRC server: irc://host:port, or ws://host:port/path where it "
	    "is reached over WebSocket.",
	    .words = chat_schemes, .max = 4096, .required = true),
	EXACT("channel", AT(show_chat, channel), "The channel, \"#show\".",
	      .required = true),
	EXACT("nick", AT(show_chat, nick), "What we are called there.",
	      .def_text = "caller"),
	EXACT("password_env", AT(show_chat, password_env),
	      "The environment variable that holds our password there."),
	EXACT("password_file", AT(show_chat, password_file),
	      "A file (mode 0600) that holds it."),
	EXACT("prefix", AT(show_chat, prefix),
	      "What stands before a vote.", .def_text = "!"),
	{0}};
static const struct section chat = {
	"chat", "chat", .keys = chat_keys, .end = chat_end};

static const struct key rule_keys[] = {
	TEXT("name", AT(show_rule, name), 63, "What the rule is called.",
	     .def_text = "its event"),
	EXACT("on", AT(show_rule, on), "The type of event that sets it off.",
	      .required = true),
	ROW("do", KEY_CALL, 0,
	    "The action: { obs_scene: NAME } puts that scene on program.",
	    .call = read_action, .required = true),
	ROW("enabled", KEY_BOOL, AT(show_rule, enabled),
	    "Whether the rule is on when the show starts.", .def = 1),
	{0}};
static const struct section rule = {
	"rules[]", "a rule", sizeof(struct show_rule),
	.keys = rule_keys, .end = rule_end};

static const struct key preflight_keys[] = {
	ROW("cards", KEY_NAMES, AT(show_preflight, cards),
	    "Cards that must have passed.", .item = KEY_TEXT, .max = 1000),
	INT("fresh_ms", AT(show_preflight, fresh_ms), 1000, HOURS24, 600000,
	    "ms", "A result that is older does not count."),
	ROW("obs", KEY_BOOL, AT(show_preflight, obs),
	    "Whether OBS must have what the show expects of it.", .def = 1),
	{0}};
static const struct section preflight = {
	"preflight", "pre-flight", .keys = preflight_keys,
	.end = preflight_end};

static const struct key alert_keys[] = {
	WORD("to", AT(show_alert, to), schema_alert_words, 0,
	     "What takes the message: a webhook of Slack or Discord, one that "
	     "takes a JSON object, or a mail server.", .required = true),
	ROW("url", KEY_URL, AT(show_alert, url),
	    "Its address: http or https, and smtp or smtps for mail.",
	    .words = alert_schemes, .max = 4096,
	    .def_text = "needed, or one of the next two"),
	EXACT("url_env", AT(show_alert, url_env),
	      "The environment variable that holds the address, where that is "
	      "a secret."),
	EXACT("url_file", AT(show_alert, url_file),
	      "A file (mode 0600) that holds the address."),
	EXACT("from", AT(show_alert, from), "The sender of the mail.",
	      .def_text = "needed by smtp"),
	ROW("recipients", KEY_NAMES, AT(show_alert, recipients),
	    "Who gets the mail.", .item = KEY_EXACT, .max = 100,
	    .def_text = "needed by smtp"),
	EXACT("user", AT(show_alert, user),
	      "The name to log in with at the mail server."),
	EXACT("password_env", AT(show_alert, password_env),
	      "The environment variable that holds its password."),
	EXACT("password_file", AT(show_alert, password_file),
	      "A file (mode 0600) that holds its password."),
	ROW("alarms", KEY_BOOL, AT(show_alert, alarms),
	    "Whether alarms are told, when they are raised and when they clear.",
	    .def = 1),
	ROW("questions", KEY_BOOL, AT(show_alert, questions),
	    "Whether it is told what begins to wait for a person.", .def = 1),
	INT("timeout_ms", AT(show_alert, timeout_ms), 100, 600000, 10000, "ms",
	    "How long one of three tries may take."),
	{0}};
static const struct section alert = {
	"alerts.*", "an alert", sizeof(struct show_alert),
	.id_at = AT(show_alert, id), .keys = alert_keys, .end = alert_end};

static const struct key http_keys[] = {
	ROW("operator", KEY_ADDR, AT(show_http, operator_addr),
	    "Where operators and scripts are served; port 0 is any free one.",
	    .def_text = "127.0.0.1:7420"),
	ROW("audience", KEY_ADDR, AT(show_http, audience_addr),
	    "Where voters are served.", .def_text = "127.0.0.1:7421"),
	ROW("trusted_proxies", KEY_NAMES, AT(show_http, trusted_proxies),
	    "Addresses of proxies before the audience listener: what comes from "
	    "them is of the address that their X-Forwarded-For names last.",
	    .item = KEY_EXACT, .max = 64),
	{0}};
static const struct section http = {
	"http", "http", .keys = http_keys, .end = http_end};

static const struct key show_keys[] = {
	ROW("show", KEY_SHOW_ID, AT(show, id), "The name of the show.",
	    .required = true),
	TEXT("title", AT(show, title), 200, "Its title.",
	     .def_text = "the name"),
	ROW("budget", KEY_SUB, AT(show, budget), "What the episode may use.",
	    .sub = &budget),
	ROW("agents", KEY_EACH, AT(show, agents), "Who performs, by id.",
	    .count_at = AT(show, agent_count), .sub = &agent, .max = 10000),
	ROW("services", KEY_EACH, AT(show, services),
	    "What several agents run on, by id: quotas that they share.",
	    .count_at = AT(show, service_count), .sub = &service, .max = 1000),
	ROW("mcp", KEY_EACH, AT(show, mcp), "MCP servers, by id.",
	    .count_at = AT(show, mcp_count), .sub = &mcp, .max = 1000),
	ROW("defaults", KEY_CALL, 0,
	    "What holds for every stage that does not say otherwise.",
	    .call = read_defaults, .sub = &schema_defaults),
	ROW("stages", KEY_LIST, AT(show, stages), "The stages of the DAG.",
	    .count_at = AT(show, stage_count), .sub = &stage, .min = 1,
	    .max = SHOW_MAX_STAGES, .spare = SHOW_POLL_PLACES,
	    .required = true),
	ROW("polls", KEY_SUB, AT(show, polls), "Limits of all polls.",
	    .sub = &polls),
	ROW("retention", KEY_SUB, AT(show, retention),
	    "How long what has happened is kept. The show's definitions are "
	    "kept for ever.", .sub = &retention),
	ROW("obs", KEY_SUB, AT(show, obs), "OBS Studio.", .sub = &obs),
	ROW("chat", KEY_SUB, AT(show, chat), "A chat in which people vote.",
	    .sub = &chat),
	ROW("rules", KEY_LIST, AT(show, rules), "An event sets off an action.",
	    .count_at = AT(show, rule_count), .sub = &rule, .max = 1000),
	ROW("alerts", KEY_EACH, AT(show, alerts),
	    "Who is told, away from the screen, that a person is needed.",
	    .count_at = AT(show, alert_count), .sub = &alert, .max = 100),
	ROW("checks", KEY_CALL, 0,
	    "A file of validation cards, or the cards themselves.",
	    .call = read_checks, .def_text = "none"),
	ROW("preflight", KEY_SUB, AT(show, preflight),
	    "What must be proven before the show goes live, and before GO of "
	    "stages that say so.", .sub = &preflight),
	ROW("http", KEY_SUB, AT(show, http), "The two listeners.",
	    .sub = &http),
	{0}};
const struct section schema_show = {
	"", "a show file", sizeof(struct show), .keys = show_keys};

/* clang-format on */

const struct section *const schema_sections[] = {&schema_show,
						 &budget,
						 &agent,
						 &quota,
						 &price,
						 &schema_prompt,
						 &service,
						 &service_quota,
						 &mcp,
						 &schema_defaults,
						 &defaults_budget,
						 &defaults_retry,
						 &stage,
						 &stage_budget,
						 &retry,
						 &poll,
						 &option,
						 &rehearsal,
						 &polls,
						 &retention,
						 &obs,
						 &obs_alarms,
						 &chat,
						 &rule,
						 &preflight,
						 &alert,
						 &http,
						 &schema_checks,
						 &schema_card,
						 &schema_test,
						 &schema_step,
						 NULL};

/* routes: every address of both listeners, once. */
#include "net/request.h"

#define OP  SIDE_OPERATOR
#define AUD SIDE_AUDIENCE

/* The id of a lease has slashes of its own: as one segment, escaped, or as
 * those that it is made of, four or five. */
#define LEASE_FORM(name, form)                                                 \
	{                                                                      \
		OP, "POST", "/api/v1/leases/" form "/" name, ROUTE_JSON,       \
			api_lease_change, api_leased, "lease-" name            \
	}
#define LEASE(name)                                                            \
	LEASE_FORM(name, "*"), LEASE_FORM(name, "*/*/*/*"),                    \
		LEASE_FORM(name, "*/*/*/*/*")

const struct route http_routes[] = {
	{OP, "GET", "/health", ROUTE_OPEN, api_health, NULL, NULL},
	{OP, "GET", "/metrics", 0, api_metrics, NULL, NULL},
	{OP, "GET", "/api/v1/status", 0, api_status, NULL, NULL},
	{OP, "GET", "/api/v1/runs", 0, api_runs, NULL, NULL},
	{OP, "GET", "/api/v1/runs/*", 0, api_run, NULL, NULL},
	{OP, "GET", "/api/v1/runs/*/events", 0, api_events, NULL, NULL},
	{OP, "GET", "/api/v1/inbox", 0, api_inbox, NULL, NULL},
	{OP, "GET", "/api/v1/late", 0, api_late, NULL, NULL},
	{OP, "POST", "/api/v1/inbox/*", ROUTE_JSON, api_answer, api_commanded,
	 NULL},
	{OP, "POST", "/api/v1/actions/*", ROUTE_JSON, api_action, api_commanded,
	 NULL},
	{OP, "POST", "/api/v1/proposals", ROUTE_JSON, api_proposal, NULL, NULL},
	{OP, "POST", "/api/v1/leases", ROUTE_JSON, api_lease, api_leased, NULL},
	LEASE("settle"),
	LEASE("extend"),
	LEASE("return"),
	{OP, "GET", "/api/v1/polls", 0, api_polls, NULL, NULL},
	{OP, "GET", "/api/v1/obs", 0, api_obs, NULL, NULL},
	{OP, "POST", "/api/v1/obs/*", ROUTE_JSON, api_obs_do, api_commanded,
	 NULL},
	{OP, "GET", "/api/v1/checks", 0, api_checks, NULL, NULL},
	{OP, "POST", "/api/v1/checks/run", ROUTE_JSON, api_checks_run,
	 api_commanded, NULL},
	{OP, "POST", "/llm/v1/chat/completions", ROUTE_JSON | ROUTE_LEASE,
	 llm_run, llm_answer, "openai"},
	{OP, "POST", "/llm/v1/messages", ROUTE_JSON | ROUTE_LEASE, llm_run,
	 llm_answer, "anthropic"},
	{OP, "GET", "/llm/v1/models", ROUTE_LEASE, llm_models, NULL, NULL},
	{AUD, "GET", "/", ROUTE_OPEN, vote_list, NULL, NULL},
	{AUD, "GET", "/vote", ROUTE_OPEN, vote_list, NULL, NULL},
	{AUD, "GET", "/vote/*", ROUTE_OPEN, vote_page, NULL, NULL},
	{AUD, "POST", "/vote/*", ROUTE_OPEN | ROUTE_JSON | ROUTE_FORM,
	 vote_cast, vote_counted, NULL},
	{AUD, "GET", "/overlay/poll", ROUTE_OPEN, vote_overlay, NULL, NULL},
	{AUD, "GET", "/tally/events", ROUTE_OPEN, tally_events, NULL, NULL},
	{0},
};

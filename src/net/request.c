/* request: what is decided of a request from its head, whoever read it, and the
 * route that it takes. */
#include "net/request.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/peer.h"

#define SPARE_REQUESTS 256

uint64_t http_source(const struct request *r)
{
	const struct show *show = r->web->net->show;
	const struct conn *c = r->conn;
	return show->http.trusted_proxies.count
		       ? peer_source(show, (const struct sockaddr *)&c->from,
				     &r->head)
		       : c->source;
}

/* --- routing -------------------------------------------------------------- */

static bool path_matches(const char *pattern, char *path,
			 const char *args[HTTP_MAX_ARGS])
{
	int n = 0;
	for (;;) {
		size_t a = strcspn(pattern, "/"), b = strcspn(path, "/");
		if (a == 1 && *pattern == '*') {
			if (b == 0 || n == HTTP_MAX_ARGS)
				return false;
			args[n++] = path;
		} else if (a != b || strncmp(pattern, path, a)) {
			return false;
		}
		pattern += a;
		path += b;
		if (*pattern != *path)
			return false;
		if (!*pattern)
			return true;
		pattern++;
		path++;
	}
}

/* Cuts the path into its segments and decodes each; an escaped slash therefore
 * never makes a new one. */
static bool cut_args(struct request *r)
{
	for (int i = 0; i < HTTP_MAX_ARGS && r->args[i]; i++) {
		char *arg = r->path + (r->args[i] - r->path);
		arg[strcspn(arg, "/")] = 0;
		if (!head_decode(arg, false))
			return false;
	}
	return true;
}

static const struct route *find_route(struct request *r, bool *path_known)
{
	const char *method = r->head.method;
	if (!strcmp(method, "HEAD"))
		method = "GET";
	*path_known = false;
	for (const struct route *t = http_routes; t->method; t++) {
		const char *args[HTTP_MAX_ARGS] = {0};
		if (t->side != r->side->id ||
		    !path_matches(t->path, r->path, args))
			continue;
		*path_known = true;
		if (strcmp(t->method, method))
			continue;
		memcpy(r->args, args, sizeof args);
		return t;
	}
	return NULL;
}

static bool is_type(const struct request *r, const char *type)
{
	const char *v = head_get(&r->head, "Content-Type");
	size_t len = strlen(type);
	return v && !strncasecmp(v, type, len) &&
	       (!v[len] || v[len] == ';' || v[len] == ' ');
}

/* What a route asks of a request. True when it may run. */
static bool may_run(struct request *r)
{
	const struct route *t = r->route;
	if (t->flags & ROUTE_LEASE) {
		if (!llm_may_run(r))
			return false;
	} else if (r->side->id == SIDE_OPERATOR && !(t->flags & ROUTE_OPEN)) {
		if (strstr(r->query, "token=")) {
			http_error(r, 400, "token_in_url",
				   "a token belongs into the Authorization "
				   "header: addresses end up in logs");
			return false;
		}
		if (!head_has_bearer(&r->head, r->web->net->token)) {
			http_error(r, 401, "unauthorized",
				   "send Authorization: Bearer with the token "
				   "from the show's state folder");
			return false;
		}
	}
	if (strcmp(r->head.method, "POST"))
		return true;
	bool fits = (t->flags & ROUTE_JSON && is_type(r, "application/json")) ||
		    (t->flags & ROUTE_FORM &&
		     is_type(r, "application/x-www-form-urlencoded"));
	if (!fits)
		http_error(r, 415, "unsupported_media_type",
			   t->flags & ROUTE_FORM
				   ? "send a form or application/json"
				   : "send it as Content-Type: "
				     "application/json");
	return fits;
}

void request_judge(struct request *r)
{
	const struct refusal *no = head_check(&r->head);
	if (!no && r->side->id == SIDE_OPERATOR)
		no = head_check_operator(&r->head, r->side->host);
	if (!no && r->side->id == SIDE_AUDIENCE &&
	    !strcmp(r->head.method, "POST"))
		no = head_check_origin(&r->head);
	if (no) {
		http_refuse(r, no);
		return;
	}
	bool known;
	r->route = find_route(r, &known);
	if (!r->route)
		http_error(r, known ? 405 : 404,
			   known ? "method_not_allowed" : "not_found",
			   known ? "this address does not know that method"
				 : "there is nothing at this address");
	else if (!cut_args(r))
		http_error(r, 400, "bad_request",
			   "the address is not well formed");
	else
		may_run(r);
}

/* All but the fields of the head, which are counted. */
#define REQUEST_CLEARED                                                        \
	(offsetof(struct request, head) + offsetof(struct head, fields))

struct request *request_new(struct side *side, struct conn *conn,
			    const char *target)
{
	struct web *web = side->web;
	struct request *r = web->spare;
	if (r) {
		web->spare = r->next;
		web->spare_count--;
		memset(r, 0, REQUEST_CLEARED);
	} else {
		r = xcalloc(1, sizeof *r);
	}
	r->web = web;
	r->side = side;
	r->conn = conn;
	r->choice = -1;
	size_t len = strcspn(target, "?");
	r->path = xstrndup(target, len);
	/* Behind the '?', kept in the same way: as it came. */
	r->target = xstrdup(target);
	r->query = r->target[len] ? r->target + len + 1 : "";
	return r;
}

void request_free(struct request *r)
{
	if (r->waiting)
		http_forget(r);
	llm_drop(r);
	json_object_put(r->json);
	free(r->lease);
	buf_release(&r->body);
	free(r->path);
	free(r->target);
	free(r->block);
	free(r->code);
	free(r->reply);
	free(r->cookies[0]);
	free(r->cookies[1]);
	if (r->web->spare_count == SPARE_REQUESTS) {
		free(r);
		return;
	}
	r->next = r->web->spare;
	r->web->spare = r;
	r->web->spare_count++;
}

static bool read_json(struct request *r)
{
	struct err err;
	if (!is_type(r, "application/json"))
		return true;
	r->json = json_read(buf_str(&r->body), r->body.len, &json_limits_answer,
			    &err);
	if (r->json && json_object_is_type(r->json, json_type_object))
		return true;
	http_error(r, 400, "bad_json", "%s",
		   r->json ? "the body must be a JSON object" : err.text);
	return false;
}

void request_run(struct request *r)
{
	r->conn->deadline_ms = clock_mono_ms() + WEB_SEND_MS;
	if (!strcmp(r->head.method, "POST") && !read_json(r))
		return;
	r->route->run(r);
}

void http_release(struct web *web)
{
	for (size_t i = 0; i < web->asked_count; i++)
		input_free(&web->asked[i]);
	free(web->asked);
	ballots_free(&web->box);
	buf_release(&web->fast_out);
	for (struct request *r = web->spare, *next; r; r = next) {
		next = r->next;
		free(r);
	}
}

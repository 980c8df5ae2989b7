/* respond: the answers, with the headers that all of them carry. */
#include "net/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

#define PAGE_MAX_FIELDS 16

static const char *const headers[][2] = {
	{"X-Content-Type-Options", "nosniff"},
	/* Not no-referrer: a browser then says "Origin: null" when it posts
	 * our own form, and that is what a foreign page looks like. */
	{"Referrer-Policy", "same-origin"},
	{"X-Frame-Options", "DENY"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

/* Which status a code of the core or the engine stands for. */
static const struct {
	const char *code;
	int status;
} statuses[] = {
	{"usage", 400},	      {"forbidden", 403}, {"not_found", 404},
	{"refused", 409},     {"duplicate", 409}, {"closed", 409},
	{"gone", 410},	      {"too_large", 413}, {"busy", 503},
	{"unavailable", 503}, {"timeout", 504},	  {"bad_amount", 422},
	{"bad_expiry", 422},  {"too_often", 429}, {"stale", 409},
};

int http_status_of(bool ok, const char *code)
{
	if (ok)
		return 200;
	if (!strncmp(code, "bad_", 4))
		return 400;
	for (size_t i = 0; i < COUNT_OF(statuses); i++)
		if (!strcmp(statuses[i].code, code))
			return statuses[i].status;
	return 409;
}

static void add(struct answer *a, const char *name, const char *value)
{
	REQUIRE(a->count < ANSWER_MAX_FIELDS);
	a->fields[a->count++] = (struct head_field){name, value};
}

static void add_common(struct answer *a, const struct request *r)
{
	for (size_t i = 0; i < COUNT_OF(headers); i++)
		add(a, headers[i][0], headers[i][1]);
	for (size_t i = 0; i < COUNT_OF(r->cookies); i++)
		if (r->cookies[i])
			add(a, "Set-Cookie", r->cookies[i]);
}

static void set_answered(struct request *r, int status)
{
	r->answered = true;
	r->side->requests[status / 100]++;
}

void http_queue(struct request *r, int status, struct MHD_Response **response)
{
	struct answer a = {0};
	REQUIRE(!r->answered && r->conn->mhd);
	add_common(&a, r);
	if (!MHD_get_response_header(*response, "Cache-Control"))
		add(&a, "Cache-Control", "no-store");
	for (size_t i = 0; i < a.count; i++)
		MHD_add_response_header(*response, a.fields[i].name,
					a.fields[i].value);
	MHD_queue_response(r->conn->mhd, (unsigned)status, *response);
	MHD_destroy_response(*response);
	*response = NULL;
	set_answered(r, status);
}

/* Takes the body. */
static void respond(struct request *r, struct answer *a)
{
	if (r->conn->mhd) {
		struct MHD_Response *response = MHD_create_response_from_buffer(
			a->bytes, a->body, MHD_RESPMEM_MUST_FREE);
		for (size_t i = 0; i < a->count; i++)
			MHD_add_response_header(response, a->fields[i].name,
						a->fields[i].value);
		http_queue(r, a->status, &response);
	} else {
		REQUIRE(!r->answered);
		add_common(a, r);
		add(a, "Cache-Control", "no-store");
		fast_answer(r, a);
		free(a->body);
		set_answered(r, a->status);
	}
	a->body = NULL;
}

void http_respond(struct request *r, int status, const char *type, char **body,
		  size_t bytes)
{
	struct answer a = {.status = status, .body = *body, .bytes = bytes};
	*body = NULL;
	add(&a, "Content-Type", type);
	if (status == 401)
		add(&a, "WWW-Authenticate", "Bearer realm=\"showcaller\"");
	respond(r, &a);
}

void http_respond_json(struct request *r, int status, json_object **o)
{
	char *body = xasprintf("%s\n", json_text(*o));
	json_object_put(*o);
	*o = NULL;
	http_respond(r, status, "application/json", &body, strlen(body));
}

/* An overlay takes styles from the program that shows it, which puts them into
 * the page; nothing in it is made of markup from outside. */
static bool takes_styles(const char *page)
{
	return !strcmp(page, "overlay.html");
}

void http_respond_page(struct request *r, int status, const char *page,
		       const struct page_field *fields, size_t count)
{
	char nonce[33];
	struct page_field all[PAGE_MAX_FIELDS] = {{"nonce", nonce}};
	REQUIRE(count < PAGE_MAX_FIELDS);
	hash_random_hex(nonce, 16);
	memcpy(all + 1, fields, count * sizeof *fields);
	char *html = page_fill(asset_find(page)->text, all, count + 1);
	struct answer a = {
		.status = status, .body = html, .bytes = strlen(html)};
	/* Older browsers do not count ws: into 'self'; Host was checked for
	 * its characters. */
	const char *host = head_get(&r->head, "Host");
	char *policy = xasprintf(
		"default-src 'none'; script-src 'nonce-%s'; style-src %s%s%s; "
		"img-src data:; connect-src 'self' ws://%s wss://%s; "
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		nonce, takes_styles(page) ? "'unsafe-inline" : "'nonce-",
		takes_styles(page) ? "" : nonce, "'", host, host);
	add(&a, "Content-Security-Policy", policy);
	add(&a, "Content-Type", "text/html; charset=utf-8");
	respond(r, &a);
	free(policy);
}

void http_redirect(struct request *r, const char *where)
{
	struct answer a = {.status = 303};
	add(&a, "Location", where);
	respond(r, &a);
}

static bool wants_page(const struct request *r)
{
	const char *accept = head_get(&r->head, "Accept");
	return r->side->id == SIDE_AUDIENCE && accept &&
	       strstr(accept, "text/html");
}

static void error_page(struct request *r, int status, const char *text)
{
	const struct page_field fields[] = {
		{"title", r->web->net->show->title},
		{"text", text},
	};
	http_respond_page(r, status, "error.html", fields, COUNT_OF(fields));
}

/* The gateway is the operator's alone. */
static const char *target_of(const struct request *r)
{
	return r->side->id == SIDE_OPERATOR ? r->target : "";
}

void http_error(struct request *r, int status, const char *code,
		const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *raw = xvasprintf(fmt, ap);
	va_end(ap);
	char *text = text_clean_str(raw, 1000);
	free(raw);
	if (wants_page(r) && !head_check(&r->head)) {
		error_page(r, status, text);
	} else {
		json_object *o =
			refusal_json_at(target_of(r), status, code, text);
		http_respond_json(r, status, &o);
	}
	free(text);
}

void http_refuse(struct request *r, const struct refusal *no)
{
	/* Without a good Host there is no page, which names it. */
	if (wants_page(r) && !head_check(&r->head)) {
		error_page(r, no->status, no->text);
		return;
	}
	json_object *o =
		refusal_json_at(target_of(r), no->status, no->code, no->text);
	http_respond_json(r, no->status, &o);
}

void http_set_cookie(struct request *r, char **value)
{
	for (size_t i = 0; i < COUNT_OF(r->cookies); i++) {
		if (r->cookies[i])
			continue;
		r->cookies[i] = *value;
		*value = NULL;
		return;
	}
	REQUIRE(!"a request sets two cookies at most");
}

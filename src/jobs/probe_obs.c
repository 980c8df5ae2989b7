/*
 * Kind obs: a handshake of its own with OBS (obs-websocket 5), so that it
 * proves what the next connection will find, and works where no core runs; then
 * a request, or those of a macro.
 */
#include "jobs/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "core/obs_commands.h"
#include "jobs/wire_ws.h"

#define MESSAGE_MOST (8 * 1024 * 1024)
#define RPC_VERSION  1
#define PORT	     ":4455"

enum op {
	OP_HELLO = 0,
	OP_IDENTIFY = 1,
	OP_IDENTIFIED = 2,
	OP_REQUEST = 6,
	OP_RESPONSE = 7,
};

struct talk {
	struct probe *p;
	int fd;
	char *address, *path;
	struct buf in, parts, message;
	int requests;
};

/* --- where -------------------------------------------------------------- */

static bool find_place(struct talk *t)
{
	struct probe *p = t->p;
	const struct show_obs *obs = &p->show->obs;
	bool own = strcmp(p->endpoint, "obs:") == 0;
	const char *url = own ? obs->url : p->endpoint;
	if (!url)
		return probe_fail(p, "the show file names no OBS; name it as "
				     "ws://host:port");
	if (strncmp(url, "ws://", 5) != 0)
		return probe_fail(p, "%s is no ws:// URL", url);
	const char *host = url + 5;
	size_t bytes = strcspn(host, "/?");
	char *name = xstrndup(host, bytes);
	const char *bracket = strrchr(name, ']');
	t->address =
		xasprintf("%s%s", name,
			  strchr(bracket ? bracket : name, ':') ? "" : PORT);
	t->path = xstrdup(host[bytes] ? host + bytes : "/");
	free(name);
	if (!own || p->def->key_env || p->def->key_file)
		return probe_read_key(p);
	return probe_read_secret(p, obs->password_env, obs->password_file);
}

/* --- messages ----------------------------------------------------------- */

static bool send_frame(struct talk *t, int op, const char *data, size_t bytes)
{
	struct buf out = {0};
	wire_ws_write(&out, op, data, bytes);
	bool sent = probe_send(t->p, t->fd, buf_str(&out), out.len);
	buf_release(&out);
	return sent;
}

static bool send_op(struct talk *t, enum op op, json_object **d)
{
	json_object *o = json_object_new_object();
	json_add_int(o, "op", op);
	json_add(o, "d", d);
	const char *text = json_text(o);
	bool sent = send_frame(t, WIRE_WS_OP_TEXT, text, strlen(text));
	json_object_put(o);
	return sent || probe_fail(t->p, "OBS ended the connection");
}

static bool closed(struct talk *t, int code)
{
	struct probe *p = t->p;
	char *reason = text_clean(buf_str(&t->message), t->message.len, 200);
	if (code == 4009 && !p->secret)
		probe_fail(p, "OBS wants a password; set obs.password_env");
	else if (code == 4009)
		probe_fail(p, "OBS refuses the password");
	else
		probe_fail(p, "OBS closed the connection (%d): %s", code,
			   reason);
	free(reason);
	return false;
}

static bool more(struct talk *t)
{
	struct probe *p = t->p;
	if (probe_receive(p, t->fd, &t->in, MESSAGE_MOST) > 0)
		return true;
	return probe_fail(p, "%s",
			  stop_raised(p->stop) ? "cancelled"
			  : clock_mono_ms() >= p->deadline_ms
				  ? "OBS does not answer in time; it may hang"
				  : "OBS ended the connection");
}

/* The `d` of the next message of that kind; caller puts. NULL: the text is
 * set. Others, which are events, are passed by. */
static json_object *next_op(struct talk *t, enum op wanted)
{
	int code = 0;
	for (;;) {
		switch (wire_ws_read(&t->in, &t->parts, &t->message, &code,
				     MESSAGE_MOST)) {
		case WIRE_WS_MORE:
			if (!more(t))
				return NULL;
			break;
		case WIRE_WS_PING:
			send_frame(t, WIRE_WS_OP_PONG, buf_str(&t->message),
				   t->message.len);
			break;
		case WIRE_WS_CLOSE:
			closed(t, code);
			return NULL;
		case WIRE_WS_GARBAGE:
			probe_fail(t->p, "what answers speaks no WebSocket");
			return NULL;
		case WIRE_WS_PASS:
			break;
		case WIRE_WS_TEXT: {
			struct json_limits limits = json_limits_answer;
			limits.max_bytes = MESSAGE_MOST;
			json_object *o =
				json_read(buf_str(&t->message), t->message.len,
					  &limits, NULL);
			json_object *d = NULL;
			if (json_get_int(o, "op", -1) == (int64_t)wanted)
				d = json_object_get(json_get_object(o, "d"));
			json_object_put(o);
			if (d)
				return d;
			break;
		}
		}
	}
}

/* --- the handshake ------------------------------------------------------ */

static bool upgrade(struct talk *t)
{
	struct probe *p = t->p;
	struct buf out = {0};
	const char *end;
	wire_ws_open(&out, t->address, t->path);
	bool sent = probe_send(p, t->fd, buf_str(&out), out.len);
	buf_release(&out);
	if (!sent)
		return probe_fail(p, "OBS ended the connection");
	while (!(end = memmem(buf_str(&t->in), t->in.len, "\r\n\r\n", 4)))
		if (!more(t))
			return false;
	if (strncmp(buf_str(&t->in), "HTTP/1.1 101", 12) != 0)
		return probe_fail(p, "what answers is no OBS: %.40s",
				  buf_str(&t->in));
	size_t head = (size_t)(end - t->in.data) + 4;
	struct buf rest = {0};
	buf_add(&rest, t->in.data + head, t->in.len - head);
	buf_release(&t->in);
	t->in = rest;
	return true;
}

static bool identify(struct talk *t)
{
	struct probe *p = t->p;
	json_object *hello = next_op(t, OP_HELLO);
	if (!hello)
		return false;
	json_object *auth = json_get_object(hello, "authentication");
	json_object *d = json_object_new_object();
	json_add_int(d, "rpcVersion", RPC_VERSION);
	json_add_int(d, "eventSubscriptions", 0);
	if (auth) {
		char *secret =
			hash_sha256_base64(p->secret ? p->secret : "",
					   json_get_str(auth, "salt", ""));
		char *proof = hash_sha256_base64(
			secret, json_get_str(auth, "challenge", ""));
		json_add_str(d, "authentication", proof);
		free(secret);
		free(proof);
	}
	json_object_put(hello);
	if (!send_op(t, OP_IDENTIFY, &d))
		return false;
	json_object *done = next_op(t, OP_IDENTIFIED);
	json_object_put(done);
	return done != NULL;
}

/* --- requests ----------------------------------------------------------- */

/* What it answered goes to p->json. */
static bool request(struct talk *t, const char *name, json_object *given)
{
	struct probe *p = t->p;
	const char *why = NULL;
	json_object *data = given ? json_clone(given) : NULL;
	const char *type = obs_request_known(name, &data, &why);
	if (!type) {
		json_object_put(data);
		return probe_fail(p, "%s is not sent: %s", name, why);
	}
	json_object *d = json_object_new_object();
	char *id = xasprintf("check-%d", ++t->requests);
	json_add_str(d, "requestType", type);
	json_add_str(d, "requestId", id);
	if (data)
		json_add(d, "requestData", &data);
	free(id);
	if (!send_op(t, OP_REQUEST, &d))
		return false;
	json_object *answer = next_op(t, OP_RESPONSE);
	if (!answer)
		return false;
	json_object *status = json_get_object(answer, "requestStatus");
	bool ok = json_get_bool(status, "result", false);
	if (!ok)
		probe_fail(p, "OBS refuses %s (%lld)%s%s", type,
			   (long long)json_get_int(status, "code", 0),
			   json_get_str(status, "comment", NULL) ? ": " : "",
			   json_get_str(status, "comment", ""));
	json_object_put(p->json);
	p->json = json_object_get(json_get_object(answer, "responseData"));
	if (!p->json)
		p->json = json_object_new_object();
	json_object_put(answer);
	return ok;
}

static bool run_macro(struct talk *t, const char *name)
{
	const struct show_obs *obs = &t->p->show->obs;
	const struct show_macro *macro = NULL;
	for (size_t i = 0; i < obs->macro_count; i++)
		if (strcmp(obs->macros[i].name, name) == 0)
			macro = &obs->macros[i];
	if (!macro)
		return probe_fail(t->p,
				  "the show file has no macro %s; name "
				  "the show's file, not that of its "
				  "checks",
				  name);
	json_object *batch =
		json_read_str(macro->batch, &json_limits_own, NULL);
	size_t n = batch ? json_object_array_length(batch) : 0;
	bool fine = true;
	for (size_t i = 0; i < n && fine; i++) {
		json_object_object_foreach(json_object_array_get_idx(batch, i),
					   type, data)
		{
			fine = fine && request(t, type, data);
		}
	}
	json_object_put(batch);
	return fine;
}

static bool ask(struct talk *t)
{
	struct probe *p = t->p;
	const char *macro = json_get_str(p->payload, "macro", NULL);
	const char *type = json_get_str(p->payload, "request", "GetVersion");
	return macro ? run_macro(t, macro)
		     : request(t, type, json_get_object(p->payload, "data"));
}

static bool talk(struct talk *t, int64_t began_us)
{
	struct probe *p = t->p;
	bool fine = upgrade(t) && identify(t);
	if (fine)
		p->first_byte_ms = (clock_mono_us() - began_us + 999) / 1000;
	fine = fine && ask(t);
	probe_took(p, began_us);
	json_object *answer = json_object_new_object();
	probe_keep_tree(p, answer, "data", p->json);
	probe_keep(p, "answer", &answer);
	p->measured.json = p->json;
	probe_fine(p, "%d request%s in %lld ms", t->requests,
		   t->requests == 1 ? "" : "s", (long long)p->total_ms);
	/* OBS logs whoever goes without a word. */
	send_frame(t, WIRE_WS_OP_CLOSE, "\x03\xe8", 2);
	return fine;
}

bool probe_obs(struct probe *p)
{
	struct talk t = {.p = p};
	struct http_answer a = {0};
	int64_t began_us = clock_mono_us();
	bool fine = false;
	if (find_place(&t)) {
		json_object *o = json_object_new_object();
		json_add_str(o, "address", t.address);
		if (p->secret)
			json_add_str(o, "authorization", "***");
		probe_keep_tree(p, o, "payload", p->payload);
		probe_keep(p, "request", &o);
		t.fd = http_connect(p->client, t.address, p->deadline_ms,
				    p->stop, &a);
		probe_times(p, &a);
		fine = t.fd >= 0 ? talk(&t, began_us)
				 : probe_fail(p, "%s", a.text ? a.text : "");
	}
	http_disconnect(p->client);
	http_answer_release(&a);
	buf_release(&t.in);
	buf_release(&t.parts);
	buf_release(&t.message);
	free(t.address);
	free(t.path);
	return fine;
}

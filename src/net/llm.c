/* llm: the metering gateway's door: POST /llm/v1/chat/completions and
 * /llm/v1/messages. A request that brings the key of a lease goes to the engine
 * together with a flow, and sleeps; what comes through the flow is its answer.
 */
#include "net/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/flow.h"
#include "base/hash.h"
#include "base/text.h"

#define FLOW_BYTES   (64 * 1024) /* of an answer, not yet taken */
#define BLOCK_BYTES  (16 * 1024)
#define HEARTBEAT_MS 15000
#define STALLED_MS   45000 /* no room for so long: gone */
#define SUM_CHARS    16	   /* of the HMAC, in a key */

struct llm {
	struct llm *next, **prev;
	struct web *web;
	struct conn *conn;
	char id[64];
	struct flow *flow;
	struct request *request; /* NULL: the answer has begun */
	bool asleep, left, heartbeat;
	int64_t taken_ms; /* when the connection took something last */
};

/* --- keys ----------------------------------------------------------------- */

static const char *key_of(const struct request *r)
{
	const char *key = head_get(&r->head, "x-api-key");
	const char *bearer = head_get(&r->head, "Authorization");
	if (key)
		return key;
	return bearer && !strncasecmp(bearer, "Bearer ", 7) ? bearer + 7 : "";
}

bool llm_may_run(struct request *r)
{
	const char *key = key_of(r), *dot = strrchr(key, '.');
	char sum[HASH_HEX_BYTES] = "";
	char *lease = dot ? xstrndup(key, (size_t)(dot - key)) : NULL;
	if (lease) {
		hash_hmac_hex(sum, r->web->net->token, lease);
		sum[SUM_CHARS] = '\0';
	}
	if (lease && hash_equal_secret(sum, dot + 1)) {
		r->lease = lease;
		return true;
	}
	free(lease);
	if (hash_equal_secret(key, r->web->net->token))
		http_error(r, 403, "not_a_lease",
			   "the operator's token is no lease: use the key that "
			   "an agent finds in its request, lease.key");
	else
		http_error(
			r, 401, "invalid_api_key",
			"send the key of a lease, which an agent finds in its "
			"request as lease.key, as the API key");
	return false;
}

/* --- the connection ------------------------------------------------------- */

/* While the connection sleeps libmicrohttpd does not look at it: that the
 * client has left is told by an epoll of ours. */
static void watch(struct llm *l)
{
	web_epoll_add(l->web, l->conn->fd, EPOLLRDHUP | EPOLLONESHOT,
		      READY_GONE, l->conn);
}

static void unwatch(struct llm *l)
{
	epoll_ctl(l->web->epoll_fd, EPOLL_CTL_DEL, l->conn->fd, NULL);
}

static void wake(struct llm *l)
{
	if (!l->asleep)
		return;
	l->asleep = false;
	MHD_resume_connection(l->conn->mhd);
	l->conn->side->mhd_ready = true;
}

static void llm_sleep(struct llm *l)
{
	l->asleep = true;
	MHD_suspend_connection(l->conn->mhd);
}

static void llm_free(void *cls)
{
	struct llm *l = cls;
	unwatch(l);
	*l->prev = l->next;
	if (l->next)
		l->next->prev = l->prev;
	l->conn->llm = NULL;
	flow_leave(l->flow);
	flow_unref(&l->flow);
	free(l);
}

void llm_drop(struct request *r)
{
	if (r->llm)
		llm_free(r->llm);
	r->llm = NULL;
}

void llm_gone(struct conn *conn)
{
	struct llm *l = conn->llm;
	if (!l)
		return;
	l->left = true;
	flow_leave(l->flow);
	struct input *in = input_new(INPUT_LLM_LEFT);
	in->id = xstrdup(l->id);
	if (!mailbox_post(l->web->net->engine, &in))
		input_free(&in);
	shutdown(conn->fd, SHUT_RDWR);
	if (l->request)
		l->request->done = true;
	wake(l);
}

/* --- the answer ----------------------------------------------------------- */

static ssize_t read_flow(void *cls, uint64_t pos, char *room, size_t max)
{
	struct llm *l = cls;
	enum flow_end end;
	(void)pos;
	if (l->left)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t n = flow_take(l->flow, room, max, &end);
	if (!n && end == FLOW_GOES_ON && l->heartbeat && max >= 3) {
		memcpy(room, ":\n\n", 3); /* finds out who has gone */
		n = 3;
	}
	l->heartbeat = false;
	if (n) {
		l->taken_ms = clock_mono_ms();
		return (ssize_t)n;
	}
	if (end == FLOW_WHOLE)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (end == FLOW_CUT)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	llm_sleep(l);
	return 0;
}

static void answer_pieces(struct request *r, const struct flow_head *head)
{
	struct llm *l = r->llm;
	r->llm = NULL;
	l->request = NULL;
	l->taken_ms = clock_mono_ms();
	r->conn->deadline_ms = 0;
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_flow, l, llm_free);
	MHD_add_response_header(response, "Content-Type", head->type);
	MHD_add_response_header(response, "Cache-Control", "no-cache");
	http_queue(r, head->status, &response);
}

static void answer_whole(struct request *r, const struct flow_head *head)
{
	struct llm *l = r->llm;
	enum flow_end end;
	size_t bytes;
	flow_look(l->flow, &bytes);
	char *body = xmalloc(bytes + 1);
	bytes = flow_take(l->flow, body, bytes, &end);
	struct MHD_Response *response = MHD_create_response_from_buffer(
		bytes, body, MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(response, "Content-Type", head->type);
	if (head->retry_after[0])
		MHD_add_response_header(response, "Retry-After",
					head->retry_after);
	llm_drop(r);
	http_queue(r, head->status, &response);
}

/* It was woken: there is an answer, or no engine any more. */
void llm_answer(struct request *r)
{
	struct flow_head head;
	struct llm *l = r->llm;
	r->conn->deadline_ms = clock_mono_ms() + WEB_SEND_MS;
	if (!l->left && flow_read_head(l->flow, &head)) {
		if (head.piecewise)
			answer_pieces(r, &head);
		else
			answer_whole(r, &head);
		return;
	}
	llm_drop(r);
	http_error(r, 503, "unavailable",
		   "the show stops: this request was not answered");
}

static bool is_ready(const struct llm *l)
{
	struct flow_head head;
	size_t bytes;
	enum flow_end end = flow_look(l->flow, &bytes);
	return end != FLOW_GOES_ON ||
	       (flow_read_head(l->flow, &head) && head.piecewise);
}

/* Something has come through the flow of that request. */
void llm_rung(struct web *web, const char *id)
{
	struct llm *l = web->llms;
	while (l && strcmp(l->id, id) != 0)
		l = l->next;
	if (!l || (l->request && !is_ready(l)))
		return;
	if (l->request)
		l->request->done = true;
	wake(l);
}

/* Any thread. */
static void ring(void *ctx, const char *id)
{
	struct web_mail *mail = web_mail_new(WEB_FLOW);
	mail->origin.kind = ORIGIN_WEB;
	snprintf(mail->origin.id, sizeof mail->origin.id, "%s", id);
	web_post(ctx, &mail);
}

void llm_sweep(struct web *web, int64_t now)
{
	for (struct llm *l = web->llms; l; l = l->next) {
		if (l->request)
			continue;
		bool quiet = now - l->taken_ms > HEARTBEAT_MS;
		if (quiet && l->asleep) {
			l->heartbeat = true;
			wake(l);
		} else if (now - l->taken_ms > STALLED_MS) {
			l->conn->deadline_ms = now;
		}
	}
}

void llm_stop(struct web *web)
{
	for (struct llm *l = web->llms; l; l = l->next) {
		l->left = true;
		if (l->request)
			l->request->done = true;
		wake(l);
	}
}

/* --- the request ---------------------------------------------------------- */

static struct llm *llm_new(struct request *r)
{
	struct web *web = r->web;
	struct llm *l = xcalloc(1, sizeof *l);
	l->web = web;
	l->conn = r->conn;
	l->request = r;
	snprintf(l->id, sizeof l->id, "l%llu",
		 (unsigned long long)++web->llm_count);
	l->flow = flow_new(FLOW_BYTES, ring, web, l->id);
	l->next = web->llms;
	l->prev = &web->llms;
	if (l->next)
		l->next->prev = &l->next;
	web->llms = l;
	r->llm = l;
	r->conn->llm = l;
	return l;
}

static char *field_copy(const struct request *r, const char *name)
{
	const char *v = head_get(&r->head, name);
	return v ? text_clean_str(v, 200) : NULL;
}

void llm_run(struct request *r)
{
	if (!json_get_str(r->json, "model", NULL)) {
		http_error(r, 400, "bad_request",
			   "`model` must be a string: the model of one of the "
			   "show's agents");
		return;
	}
	struct llm *l = llm_new(r);
	struct input *in = input_new(INPUT_LLM);
	in->origin.kind = ORIGIN_WEB;
	snprintf(in->origin.id, sizeof in->origin.id, "%s", l->id);
	in->lease = r->lease;
	r->lease = NULL;
	in->choice = xstrdup(r->route->name);
	in->text = field_copy(r, "anthropic-version");
	in->reason = field_copy(r, "anthropic-beta");
	in->result = r->json;
	r->json = NULL;
	in->flow = flow_ref(l->flow);
	if (!mailbox_post(r->web->net->engine, &in)) {
		input_free(&in);
		llm_drop(r);
		http_error(r, 503, "busy",
			   "the engine has too much to do: try again");
		return;
	}
	r->conn->deadline_ms = 0; /* a person may be asked */
	watch(l);
	llm_sleep(l);
}

/* What may be named as a model. */
void llm_models(struct request *r)
{
	const struct show *show = r->web->net->show;
	json_object *o = json_object_new_object();
	json_object *list = json_object_new_array();
	for (size_t i = 0; i < show->agent_count; i++) {
		const struct show_agent *a = &show->agents[i];
		if (a->via != VIA_LLM || !a->model)
			continue;
		json_object *m = json_object_new_object();
		json_add_str(m, "id", a->model);
		json_add_str(m, "object", "model");
		json_add_int(m, "created", 0);
		json_add_str(m, "owned_by", a->id);
		json_object_array_add(list, m);
	}
	json_add_str(o, "object", "list");
	json_add(o, "data", &list);
	http_respond_json(r, 200, &o);
}

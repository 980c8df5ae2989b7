/*
 * alert: people are told by a webhook or by mail. The forms are those of Slack's
 * "Incoming webhooks" and Discord's "Execute Webhook".
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "jobs/job.h"
#include "jobs/mail.h"

#define TRIES		    3
#define PAUSE_MS	    1000 /* before the second try; twice before the third */
#define PAUSE_MAX_MS	    30000
#define DISCORD_MAX_BYTES   1900 /* of 2000 characters */
#define SLACK_MAX_BYTES	    3800 /* of 4000 characters */
#define ANSWER_MAX_BYTES    4096

/* --- what is sent --------------------------------------------------------- */

/* Slack: "&", "<" and ">" are how links and mentions are written. */
static char *slack_text(const char *title, const char *lines)
{
	struct buf b = {0}, all = {0};
	buf_addf(&all, "%s\n%s", title, lines);
	for (const char *c = buf_str(&all); *c; c++) {
		if (*c == '&')
			buf_adds(&b, "&amp;");
		else if (*c == '<')
			buf_adds(&b, "&lt;");
		else if (*c == '>')
			buf_adds(&b, "&gt;");
		else
			buf_addc(&b, *c);
	}
	buf_release(&all);
	return buf_take(&b);
}

/* Cut at a character's end. */
static void add_capped(json_object *o, const char *key, const char *text,
		       size_t max_bytes)
{
	char *cut = text_clean_lines(text, strlen(text), max_bytes);
	json_add_str(o, key, cut);
	free(cut);
}

static json_object *slack_body(const struct show *show, const char *lines)
{
	json_object *o = json_object_new_object();
	char *text = slack_text(show->title, lines);
	add_capped(o, "text", text, SLACK_MAX_BYTES);
	free(text);
	return o;
}

/* Nobody is mentioned by what an agent wrote. */
static json_object *discord_body(const struct show *show, const char *lines)
{
	json_object *o = json_object_new_object();
	json_object *nobody = json_object_new_object();
	char *text = xasprintf("%s\n%s", show->title, lines);
	add_capped(o, "content", text, DISCORD_MAX_BYTES);
	free(text);
	json_object_object_add(nobody, "parse", json_object_new_array());
	json_object_object_add(o, "allowed_mentions", nobody);
	return o;
}

static json_object *webhook_body(const struct show *show, const char *lines)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "show", show->id);
	json_add_str(o, "title", show->title);
	json_add_str(o, "text", lines);
	return o;
}

/* --- how ------------------------------------------------------------------ */

struct sending {
	const struct job_room *room;
	const struct show_alert *alert;
	const char *lines;
	char *url;
	char *password; /* NULL: none */
	int64_t wait_ms; /* the other side asks for so long a pause; -1: no */
};

static bool post(struct sending *s, struct err *err)
{
	static json_object *(*const bodies[])(const struct show *,
					      const char *) = {
		[ALERT_SLACK] = slack_body,
		[ALERT_DISCORD] = discord_body,
		[ALERT_WEBHOOK] = webhook_body,
	};
	const char *whose = show_alert_to_name(s->alert->to);
	json_object *body = bodies[s->alert->to](s->room->show, s->lines);
	struct http_answer answer;
	struct http_call call = {
		.url = s->url,
		.body = json_text(body),
		.max_bytes = ANSWER_MAX_BYTES,
		.deadline_ms = clock_mono_ms() + s->alert->timeout_ms,
		.stop = &s->room->stop,
	};
	bool ok = http_exchange(s->room->http, &call, &answer);
	/* The path of such an address is its password. */
	if (!ok)
		err_set(err, ERR_UNAVAILABLE, "%s cannot be reached (%s)", whose,
			http_fault_code(answer.fault));
	else if (answer.status == 429 || answer.status >= 500)
		ok = err_set(err, ERR_UNAVAILABLE, "%s answered %ld", whose,
			     answer.status);
	else if (answer.status < 200 || answer.status > 299)
		ok = err_set(err, ERR_CONFIG,
			     "%s answered %ld; correct the address", whose,
			     answer.status);
	s->wait_ms = answer.retry_after_ms;
	http_answer_release(&answer);
	json_object_put(body);
	return ok;
}

static bool mail(struct sending *s, struct err *err)
{
	char *subject = xasprintf("showcaller: %s", s->room->show->id);
	char *text = xasprintf("%s\n\n%s\n", s->room->show->title, s->lines);
	struct mail m = {
		.url = s->url,
		.from = s->alert->from,
		.to = &s->alert->recipients,
		.user = s->alert->user,
		.password = s->password,
		.subject = subject,
		.text = text,
		.timeout_ms = s->alert->timeout_ms,
		.stop = &s->room->stop,
	};
	bool ok = mail_send(&m, err);
	free(subject);
	free(text);
	return ok;
}

static char *secret(const struct show *show, const char *env, const char *file,
		    struct err *err)
{
	char *path = file ? file_beside(show->path ? show->path : "", file)
			  : NULL;
	char *text = file_secret(env, path, err);
	free(path);
	return text;
}

static bool begin(struct sending *s, struct err *err)
{
	const struct show_alert *a = s->alert;
	if (!s->room->http && a->to != ALERT_SMTP)
		return err_set(err, ERR_UNAVAILABLE,
			       "no descriptors left; raise ulimit -n");
	s->url = a->url ? xstrdup(a->url)
			: secret(s->room->show, a->url_env, a->url_file, err);
	if (!s->url)
		return false;
	if ((strncmp(s->url, "smtp", 4) == 0) != (a->to == ALERT_SMTP))
		return err_set(err, ERR_CONFIG,
			       "its address is none of the kind that %s needs",
			       show_alert_to_name(a->to));
	if (a->user)
		s->password = secret(s->room->show, a->password_env,
				     a->password_file, err);
	return !a->user || s->password;
}

static void pause_before(struct sending *s, int tries)
{
	const struct stop *stop = &s->room->stop;
	int64_t ms = s->wait_ms >= 0 ? s->wait_ms : PAUSE_MS * tries;
	int64_t until_ms =
		clock_mono_ms() + (ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
	while (!stop_raised(stop) && clock_mono_ms() < until_ms) {
		struct pollfd p = {.fd = stop->fd, .events = POLLIN};
		if (poll(&p, 1, stop_wait_ms(NULL, until_ms)) > 0)
			stop_woken(stop);
	}
}

static bool send_it(struct sending *s, struct err *err)
{
	if (!begin(s, err))
		return false;
	for (int tries = 1;; tries++) {
		s->wait_ms = -1;
		bool ok = s->alert->to == ALERT_SMTP ? mail(s, err)
						     : post(s, err);
		if (ok || err->code != ERR_UNAVAILABLE || tries == TRIES ||
		    stop_raised(&s->room->stop))
			return ok;
		pause_before(s, tries);
	}
}

static void free_secret(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

struct input *job_send_alert(const struct job_room *room,
			     const struct job *job)
{
	struct err err = {0};
	struct sending s = {
		.room = room,
		.alert = &room->show->alerts[job->alert],
		.lines = job->request,
	};
	struct input *in = input_new(INPUT_ALERTED);
	in->id = xstrdup(s.alert->id);
	in->ok = send_it(&s, &err);
	if (!in->ok)
		in->text = text_clean_str(err.text, sizeof err.text);
	free_secret(s.url);
	free_secret(s.password);
	return in;
}

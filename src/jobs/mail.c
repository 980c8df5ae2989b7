#include "jobs/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "jobs/curl_rules.h"

#define WORDS_BYTES 300

/* curl asks at least once a second. */
static int look_at_stop(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c,
			curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return stop_raised(ctx);
}

/* What the server refused with; its farewell comes behind it. */
struct server_words {
	char text[WORDS_BYTES];
};

static size_t take_words(char *line, size_t size, size_t count, void *ctx)
{
	struct server_words *w = ctx;
	if (size * count == 0 || (line[0] != '4' && line[0] != '5'))
		return size * count;
	char *clean = text_clean(line, size * count, WORDS_BYTES - 1);
	snprintf(w->text, sizeof w->text, "%s", clean);
	free(clean);
	return size * count;
}

static bool is_this_machine(const char *url)
{
	const char *host = strstr(url, "://");
	static const char *const here[] = {"127.", "localhost", "[::1]"};
	for (size_t i = 0; host && i < COUNT_OF(here); i++)
		if (strncmp(host + 3, here[i], strlen(here[i])) == 0)
			return true;
	return false;
}

/* RFC 5322, 3.3; never in the words of a locale. */
static char *date_header(void)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm t;
	gmtime_r(&now, &t);
	return xasprintf("Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000",
			 days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon,
			 t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void add_header(struct curl_slist **list, char *line)
{
	*list = curl_slist_append(*list, line);
	free(line);
}

static struct curl_slist *headers_of(const struct mail *m)
{
	struct curl_slist *list = NULL;
	struct buf to = {0};
	char id[33];
	hash_random_hex(id, 16);
	for (size_t i = 0; i < m->to->count; i++)
		buf_addf(&to, "%s<%s>", i ? ", " : "", m->to->items[i]);
	add_header(&list, date_header());
	add_header(&list, xasprintf("From: <%s>", m->from));
	add_header(&list, xasprintf("To: %s", buf_str(&to)));
	add_header(&list, xasprintf("Subject: %s", m->subject));
	add_header(&list, xasprintf("Message-ID: <%s@showcaller>", id));
	add_header(&list, xstrdup("Auto-Submitted: auto-generated"));
	buf_release(&to);
	return list;
}

static curl_mime *body_of(CURL *e, const struct mail *m)
{
	struct buf lines = {0};
	for (const char *c = m->text; *c; c++)
		buf_adds(&lines, *c == '\n' ? "\r\n" : (char[]){*c, '\0'});
	curl_mime *mime = curl_mime_init(e);
	curl_mimepart *part = curl_mime_addpart(mime);
	curl_mime_data(part, buf_str(&lines), CURL_ZERO_TERMINATED);
	buf_release(&lines);
	curl_mime_type(part, "text/plain; charset=utf-8");
	curl_mime_encoder(part, "quoted-printable");
	return mime;
}

/* Where nothing is secret, TLS with anybody is better than none: whoever could
 * show a false certificate could as well say that there is no TLS (RFC 7435). */
static void log_in(CURL *e, const struct mail *m)
{
	bool must = m->user && !is_this_machine(m->url);
	curl_easy_setopt(e, CURLOPT_USE_SSL,
			 must ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, must ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, must ? 2L : 0L);
	if (!m->user)
		return;
	curl_easy_setopt(e, CURLOPT_USERNAME, m->user);
	curl_easy_setopt(e, CURLOPT_PASSWORD, m->password);
}

/* 5yz is for ever (RFC 5321, 4.2.1), and so is a wrong password. */
static bool outcome(CURL *e, CURLcode rc, const char *said, struct err *err)
{
	long code = 0;
	curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &code);
	if (rc == CURLE_OK)
		return true;
	if (rc == CURLE_LOGIN_DENIED)
		return err_set(err, ERR_CONFIG,
			       "the mail server refused the log-in (%s); "
			       "correct user and password",
			       said);
	if (rc == CURLE_USE_SSL_FAILED)
		return err_set(err, ERR_CONFIG,
			       "the mail server offers no TLS, and a password "
			       "is not sent without it");
	if (code >= 500 && code < 600)
		return err_set(err, ERR_CONFIG,
			       "the mail server refused it: %s", said);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, ERR_UNAVAILABLE, "stopped");
	return err_set(err, ERR_UNAVAILABLE, "the mail server: %s%s%s",
		       curl_easy_strerror(rc), said[0] ? ": " : "", said);
}

bool mail_send(const struct mail *m, struct err *err)
{
	struct server_words said = {{0}};
	struct curl_slist *to = NULL, *headers = headers_of(m);
	bool blocked = false;
	curl_rules_init();
	CURL *e = curl_easy_init();
	REQUIRE(e);
	curl_rules_apply(e, &blocked);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(e, CURLOPT_URL, m->url);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
	curl_easy_setopt(e, CURLOPT_MAIL_FROM, m->from);
	for (size_t i = 0; i < m->to->count; i++)
		to = curl_slist_append(to, m->to->items[i]);
	curl_easy_setopt(e, CURLOPT_MAIL_RCPT, to);
	curl_mime *mime = body_of(e, m);
	curl_easy_setopt(e, CURLOPT_MIMEPOST, mime);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, look_at_stop);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, m->stop);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_words);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, &said);
	log_in(e, m);
	CURLcode rc = curl_easy_perform(e);
	bool ok = outcome(e, rc, said.text, err);
	curl_easy_cleanup(e);
	curl_mime_free(mime);
	curl_slist_free_all(headers);
	curl_slist_free_all(to);
	return ok;
}

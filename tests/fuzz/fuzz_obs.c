/* A session with something that is no OBS: a message a line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "net/obs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void on_send(void *who, const char *text)
{
	(void)who;
	REQUIRE(*text == '{');
}

static void on_facts(void *who, const struct obs_facts *f)
{
	(void)who;
	REQUIRE(f->scenes.count >= 0 && f->scenes.count <= OBS_MAX_NAMES);
	REQUIRE(f->connected == !f->error);
	for (int i = 0; i < f->scenes.count; i++)
		for (const char *s = f->scenes.items[i]; *s; s++)
			REQUIRE((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void on_figures(void *who, const char *json)
{
	(void)who;
	REQUIRE(*json == '{');
}

static void on_done(void *who, const char *id, bool ok, const char *text)
{
	(void)ok;
	++*(int *)who;
	REQUIRE(*id && *text);
}

static char *on_picture(void *who, const char *source, const char *url)
{
	(void)who;
	REQUIRE(source && url);
	return xstrdup("no picture");
}

static struct obs_session *session;

static void on_give_up(void *who, const char *why, bool stop)
{
	(void)who;
	(void)stop;
	obs_lost(session, why, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	int done = 0, asked = 0;
	const struct obs_sink sink = {&done,	  on_send, on_facts,
				      on_figures, on_done, on_picture,
				      on_give_up};
	session = obs_new(&sink);
	obs_set_password(session, "kokoro-test-pw");
	obs_opened(session, 0);
	int64_t now = 0;
	while (bytes) {
		const uint8_t *end = memchr(data, '\n', bytes);
		size_t n = end ? (size_t)(end - data) : bytes;
		obs_received(session, (const char *)data, n, now += 300);
		obs_tick(session, now);
		if (asked++ % 3 == 0)
			obs_request(session, "q", "SetCurrentScene",
				    "{\"sceneName\":\"Live\"}", now);
		data += end ? n + 1 : n;
		bytes -= end ? n + 1 : n;
	}
	/* Every request has one outcome, whatever came. */
	obs_lost(session, "over", now);
	REQUIRE(done == (asked + 2) / 3);
	obs_free(&session);
	return 0;
}

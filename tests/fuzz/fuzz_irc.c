/* A session with something that is no IRC server: the first byte cuts the rest
 * into pieces. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/chat.h"
#include "net/irc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct irc_session *session;
static struct chat *chat;
static bool ended;
static int said;

/* What we send is one line, whatever they said. */
static void on_send(void *who, const char *line)
{
	(void)who;
	REQUIRE(!ended && *line && !strpbrk(line, "\r\n"));
	REQUIRE(strlen(line) <= IRC_REST_BYTES - 2);
	REQUIRE(strncmp(line, "PRIVMSG", 7) && strncmp(line, "NOTICE", 6));
}

static void on_joined(void *who)
{
	(void)who;
	REQUIRE(!ended && irc_phase_of(session) == IRC_JOINED);
}

static bool on_said(void *who, const struct irc_message *m, const char *text)
{
	char voter[IRC_VOTER_BYTES];
	(void)who;
	REQUIRE(!ended && irc_phase_of(session) == IRC_JOINED);
	int option = chat_option(chat, text);
	REQUIRE(option >= -1 && option < 2);
	if (irc_voter(session, m, voter)) {
		REQUIRE(strncmp(voter, "chat:", 5) == 0);
		REQUIRE(strlen(voter) == 45);
	}
	return ++said % 3 != 0;
}

static void on_give_up(void *who, const char *why, enum irc_again again)
{
	(void)who;
	(void)again;
	REQUIRE(!ended && *why && text_is_utf8(why, strlen(why)));
	for (const char *s = why; *s; s++)
		REQUIRE((unsigned char)*s >= ' ' && *s != 0x7f);
	ended = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const struct irc_sink sink = {NULL, on_send, on_joined, on_said,
				      on_give_up};
	size_t step = bytes ? data[0] + 1u : 1;
	ended = false;
	said = 0;
	chat = chat_new("!");
	chat_set_polls(chat, "{\"polls\":[{\"id\":\"p\",\"state\":\"open\","
			     "\"options\":[{\"id\":\"a\"},{\"id\":\"b\"}]}]}");
	session = irc_new(&sink, "caller", "#show");
	irc_set_password(session, "secret");
	irc_opened(session, 0);
	for (size_t at = 1; at < bytes && !ended;) {
		size_t n = bytes - at < step ? bytes - at : step;
		size_t took = irc_received(session, (const char *)data + at, n,
					   (int64_t)at);
		REQUIRE(took <= n && (took > 0 || ended));
		at += took;
	}
	if (!ended)
		irc_end_line(session, (int64_t)bytes);
	for (int64_t t = 0; t < 300000 && !ended; t += 50000)
		irc_tick(session, t);
	irc_free(&session);
	chat_free(&chat);
	return 0;
}

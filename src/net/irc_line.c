/* The part of irc.h that takes a line apart. */
#include <string.h>

#include "net/irc.h"

static char *skip_blanks(char *s)
{
	return s + strspn(s, " ");
}

/* Ends the word at `s` and returns what is behind it. */
static char *end_word(char *s)
{
	s += strcspn(s, " ");
	if (*s)
		*s++ = '\0';
	return skip_blanks(s);
}

/* nick!user@host, or the name of a server, which has a dot or nothing else. */
static char *nick_of(char *prefix)
{
	char *end = prefix + strcspn(prefix, "!@");
	if (!*end)
		return strchr(prefix, '.') ? end : prefix;
	*end = '\0';
	return prefix;
}

bool irc_parse(char *line, struct irc_message *m)
{
	static char none[1];
	*m = (struct irc_message){.nick = none};
	char *s = line;
	if (*s == '@') {
		m->tags = s + 1;
		s = end_word(s);
		if (s - line > IRC_TAGS_BYTES)
			return false;
	}
	s = skip_blanks(s);
	if (strlen(s) > IRC_REST_BYTES - 2)
		return false;
	if (*s == ':') {
		char *prefix = s + 1;
		s = end_word(s);
		m->nick = nick_of(prefix);
	}
	m->command = s;
	s = end_word(s);
	while (*s && m->count < IRC_PARAMS) {
		bool last = *s == ':' || m->count == IRC_PARAMS - 1;
		m->params[m->count++] = *s == ':' ? s + 1 : s;
		if (last)
			break;
		s = end_word(s);
	}
	return *m->command != '\0';
}

/* The end of a value, and what the letter behind a backslash stands for. */
static char unescaped(char c)
{
	static const char from[] = ":snr", to[] = "; \n\r";
	const char *at = strchr(from, c);
	return at && c ? to[at - from] : c;
}

bool irc_tag(const struct irc_message *m, const char *key, char *out,
	     size_t bytes)
{
	size_t len = strlen(key), n = 0;
	const char *s = m->tags;
	while (s && !(strncmp(s, key, len) == 0 && s[len] == '=')) {
		s = strchr(s, ';');
		s = s ? s + 1 : NULL;
	}
	if (!s)
		return false;
	for (s += len + 1; *s && *s != ';'; s++) {
		char c = *s;
		if (c == '\\') {
			if (!s[1] || s[1] == ';')
				continue;
			c = unescaped(*++s);
		}
		if (n + 1 >= bytes)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return n > 0;
}

#include "show/prompt.h"

#include <string.h>

#include "base/mem.h"
#include "show/show.h"

const char *const prompt_words[] = {
	[WORD_STAGE_ID] = "stage.id",
	[WORD_STAGE_DESCRIPTION] = "stage.description",
	[WORD_STAGE_GROUP] = "stage.group",
	[WORD_STAGE_OUTPUTS] = "stage.outputs",
	[WORD_STAGE_ATTEMPT] = "stage.attempt",
	[WORD_STAGE_ERROR] = "stage.error",
	[WORD_AGENT_ID] = "agent.id",
	[WORD_AGENT_ROLE] = "agent.role",
	[WORD_SHOW_ID] = "show.id",
	[WORD_SHOW_TITLE] = "show.title",
	[WORD_RUN_ID] = "run.id",
	NULL,
};

size_t prompt_shorter(const struct prompt_piece *p, size_t bytes)
{
	while (bytes && p->name[--bytes] != '.')
		;
	return bytes;
}

size_t prompt_longest(const struct prompt_piece *p)
{
	if (p->name_bytes <= SHOW_ID_MAX)
		return p->name_bytes;
	return prompt_shorter(p, SHOW_ID_MAX + 1);
}

static bool is_root(const struct prompt_piece *p, const char *root)
{
	size_t n = strlen(root);
	return p->bytes >= n && memcmp(p->text, root, n) == 0 &&
	       (p->bytes == n || p->text[n] == '.');
}

static void set_kind(struct prompt_piece *p)
{
	static const struct {
		const char *root;
		enum prompt_kind kind;
		bool alone; /* may stand without a name */
	} roots[] = {
		{"inputs", PROMPT_INPUTS, true},
		{"story", PROMPT_STORY, false},
		{"outputs", PROMPT_OUTPUTS, false},
	};
	const char *dot = memchr(p->text, '.', p->bytes);
	p->kind = PROMPT_UNKNOWN;
	p->name = dot ? dot + 1 : p->text + p->bytes;
	p->name_bytes = (size_t)(p->text + p->bytes - p->name);
	for (size_t i = 0; i < COUNT_OF(roots); i++)
		if (is_root(p, roots[i].root) &&
		    (p->name_bytes || (roots[i].alone && !dot)))
			p->kind = roots[i].kind;
	for (int i = 0; prompt_words[i]; i++)
		if (strlen(prompt_words[i]) == p->bytes &&
		    memcmp(prompt_words[i], p->text, p->bytes) == 0) {
			p->kind = PROMPT_WORD;
			p->word = i;
		}
}

/* `at` stands at {{. Returns what is behind the piece. */
static const char *read_braces(const char *at, struct prompt_piece *p)
{
	const char *begin = at + 2, *end = strstr(begin, "}}");
	const char *line = strchr(begin, '\n');
	if (!end || (line && line < end)) {
		p->kind = PROMPT_OPEN;
		p->text = at;
		p->bytes = 2;
		return begin;
	}
	const char *rest = end + 2;
	while (begin < end && (*begin == ' ' || *begin == '\t'))
		begin++;
	while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	p->text = begin;
	p->bytes = (size_t)(end - begin);
	set_kind(p);
	return rest;
}

bool prompt_next(const char **rest, struct prompt_piece *piece)
{
	const char *at = *rest;
	*piece = (struct prompt_piece){.kind = PROMPT_LITERAL, .text = at};
	if (!*at)
		return false;
	if (strncmp(at, "{{{{", 4) == 0) {
		piece->bytes = 2;
		*rest = at + 4;
		return true;
	}
	if (strncmp(at, "{{", 2) == 0) {
		*rest = read_braces(at, piece);
		return true;
	}
	const char *next = strstr(at, "{{");
	piece->bytes = next ? (size_t)(next - at) : strlen(at);
	*rest = at + piece->bytes;
	return true;
}

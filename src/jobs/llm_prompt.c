/* What a model is told. */
#include <stdlib.h>
#include <string.h>

#include "jobs/llm.h"
#include "show/prompt.h"

struct filling {
	const struct show *show;
	const struct show_stage *stage;
	const struct show_agent *agent;
	json_object *parameters; /* of the call's request; lent */
	struct buf out;
	bool told_error; /* the prompt speaks of the last error itself */
};

/* A text as it is, anything else as JSON; what is not there as nothing. */
static void add_value(struct buf *out, json_object *value)
{
	if (json_object_is_type(value, json_type_string))
		buf_adds(out, json_object_get_string(value));
	else if (json_object_is_type(value, json_type_object) &&
		 json_object_object_length(value) == 0)
		return; /* a stage that made nothing */
	else if (value)
		buf_adds(out, json_text(value));
}

/* The member `name` of `o`, or of one of its objects: an output of a stage that
 * is an input as a whole. */
static json_object *find_member(json_object *o, const char *name, bool deep)
{
	json_object *found = json_get(o, name);
	if (found || !deep || !json_object_is_type(o, json_type_object))
		return found;
	json_object_object_foreach(o, key, value)
	{
		(void)key;
		if (json_object_is_type(value, json_type_object) &&
		    (found = json_get(value, name)))
			return found;
	}
	return NULL;
}

/* Follows the rest of a name, "a.0.b", into a value. */
static json_object *follow(json_object *value, const char *rest)
{
	while (value && *rest) {
		size_t n = strcspn(rest, ".");
		char *step = xstrndup(rest, n);
		char *end;
		if (json_object_is_type(value, json_type_array)) {
			unsigned long i = strtoul(step, &end, 10);
			value = *end || i >= json_object_array_length(value)
					? NULL
					: json_object_array_get_idx(value, i);
		} else {
			value = json_get(value, step);
		}
		free(step);
		rest += n + (rest[n] == '.');
	}
	return value;
}

/* The longest name that is there is meant; what follows it is a way into its
 * value. */
static json_object *look_up(json_object *o, const struct prompt_piece *p,
			    bool deep)
{
	char *way = xstrndup(p->name, p->name_bytes);
	json_object *value = NULL;
	size_t n = prompt_longest(p);
	for (bool found = false; n && !found; n = prompt_shorter(p, n)) {
		char *name = xstrndup(p->name, n);
		json_object *at = find_member(o, name, deep);
		free(name);
		found = at != NULL;
		if (found)
			value = follow(at, way + n + (way[n] == '.'));
	}
	free(way);
	return value;
}

static void add_names(struct buf *out, const struct show_names *names,
		      const char *quote)
{
	for (size_t i = 0; i < names->count; i++)
		buf_addf(out, "%s%s%s%s", i ? ", " : "", quote, names->items[i],
			 quote);
}

static void add_word(struct filling *f, int word)
{
	struct buf *out = &f->out;
	const char *text = NULL;
	switch ((enum prompt_word)word) {
	case WORD_STAGE_ID:
		text = f->stage->id;
		break;
	case WORD_STAGE_DESCRIPTION:
		text = f->stage->description;
		break;
	case WORD_STAGE_GROUP:
		text = f->stage->group;
		break;
	case WORD_STAGE_OUTPUTS:
		add_names(out, &f->stage->outputs, "");
		break;
	case WORD_STAGE_ATTEMPT:
		buf_addf(out, "%lld",
			 (long long)json_get_int(f->parameters, "attempt", 1));
		break;
	case WORD_STAGE_ERROR:
		text = json_get_str(f->parameters, "last_error", NULL);
		f->told_error = true;
		break;
	case WORD_AGENT_ID:
		text = f->agent->id;
		break;
	case WORD_AGENT_ROLE:
		text = f->agent->role;
		break;
	case WORD_SHOW_ID:
		text = f->show->id;
		break;
	case WORD_SHOW_TITLE:
		text = f->show->title;
		break;
	case WORD_RUN_ID:
		text = json_get_str(f->parameters, "run", NULL);
		break;
	}
	if (text)
		buf_adds(out, text);
}

static void fill(struct filling *f, const char *prompt)
{
	struct prompt_piece p;
	json_object *inputs = json_get_object(f->parameters, "inputs");
	json_object *story = json_get_object(f->parameters, "story");
	while (prompt_next(&prompt, &p)) {
		switch (p.kind) {
		case PROMPT_INPUTS:
			add_value(&f->out, p.name_bytes
						   ? look_up(inputs, &p, true)
						   : inputs);
			break;
		case PROMPT_STORY:
		case PROMPT_OUTPUTS:
			add_value(&f->out, look_up(story, &p, false));
			break;
		case PROMPT_WORD:
			add_word(f, p.word);
			break;
		case PROMPT_LITERAL:
		case PROMPT_UNKNOWN: /* lint refused it */
		case PROMPT_OPEN:
			buf_add(&f->out, p.text, p.bytes);
			break;
		}
	}
}

char *llm_prompt_fill(const struct show *show, int stage, int agent,
		      json_object *request, const char *text)
{
	struct filling f = {
		.show = show,
		.stage = &show->stages[stage],
		.agent = &show->agents[agent],
		.parameters = json_get_object(request, "parameters"),
	};
	fill(&f, text);
	return buf_take(&f.out);
}

static void add_task(struct filling *f)
{
	json_object *inputs = json_get_object(f->parameters, "inputs");
	buf_addf(&f->out, "Your task: %s\n",
		 f->stage->description ? f->stage->description : f->stage->id);
	if (!inputs || json_object_object_length(inputs) == 0)
		return;
	buf_adds(&f->out, "\nWhat the show has so far:\n");
	json_object_object_foreach(inputs, name, value)
	{
		buf_addf(&f->out, "\n%s:\n", name);
		add_value(&f->out, value);
		buf_adds(&f->out, "\n");
	}
}

/* How the answer has to look; without it a model talks around it. */
static void add_form(struct buf *out, const struct show_stage *stage,
		     bool own_words)
{
	const struct show_names *outputs = &stage->outputs;
	const char *gap = out->len ? "\n" : "";
	if (outputs->count > 1) {
		buf_addf(out,
			 "%sAnswer with one JSON object and nothing else. It "
			 "has these members: ",
			 gap);
		add_names(out, outputs, "\"");
		buf_adds(out, ".");
	} else if (outputs->count == 1 && !own_words) {
		buf_addf(out,
			 "%sAnswer with the text for \"%s\" alone, without an "
			 "introduction.",
			 gap, outputs->items[0]);
	}
}

/* Failures that a better answer would have avoided. */
static bool is_about_the_answer(const char *error)
{
	static const char *const codes[] = {"no_json", "missing_output",
					    "length", "too_large"};
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		size_t n = strlen(codes[i]);
		if (strncmp(error, codes[i], n) == 0 &&
		    (error[n] == ':' || !error[n]))
			return true;
	}
	return false;
}

void llm_prompt_make(const struct show *show, int stage, int agent,
		     json_object *request, char **system, char **user)
{
	struct filling f = {
		.show = show,
		.stage = &show->stages[stage],
		.agent = &show->agents[agent],
		.parameters = json_get_object(request, "parameters"),
	};
	struct buf head = {0};
	const char *prompt = f.agent->prompt_text;
	if (prompt) {
		fill(&f, prompt);
	} else {
		buf_addf(&head, "You are %s of the live show \"%s\".",
			 f.agent->id, show->title);
		if (f.agent->role)
			buf_addf(&head, " Your part: %s.", f.agent->role);
		add_task(&f);
	}
	add_form(&head, f.stage, prompt != NULL);
	const char *error = json_get_str(f.parameters, "last_error", "");
	if (!f.told_error && is_about_the_answer(error))
		buf_addf(&f.out,
			 "\n\nYour answer before this one could not be used "
			 "(%s).",
			 error);
	*system = buf_take(&head);
	*user = buf_take(&f.out);
}

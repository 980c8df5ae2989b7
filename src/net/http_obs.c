/* http_obs: every command of OBS over HTTP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/request.h"

/* POST /api/v1/obs/NAME: the action, the word that comes first (NULL: none),
 * and the members of the body that are its arguments, in order. */
static const struct row {
	const char *name, *action, *word;
	const char *members[2];
	int least; /* so many of them must be there */
} rows[] = {
	{"scene", "scene", NULL, {"scene"}, 1},
	{"preview", "preview", NULL, {"scene"}, 1},
	{"take", "take", NULL, {NULL}, 0},
	{"studio", "studio", NULL, {"on"}, 1},
	{"stream", "stream", NULL, {"action"}, 1},
	{"record", "record", NULL, {"action"}, 1},
	{"replay", "replay", NULL, {"action"}, 1},
	{"hotkey", "hotkey", NULL, {"name"}, 1},
	{"macro", "macro", NULL, {"name"}, 1},
	{"mute", "mute", NULL, {"input", "muted"}, 1},
	{"volume", "volume", NULL, {"input", "db"}, 2},
	{"profile", "profile", NULL, {"name"}, 1},
	{"collection", "collection", NULL, {"name"}, 1},
	{"transition", "transition", NULL, {"name", "ms"}, 1},
	{"screenshot", "screenshot", NULL, {"source"}, 0},
	{"connect", "obs", "connect", {NULL}, 0},
	{"disconnect", "obs", "disconnect", {NULL}, 0},
};

static const struct row *find_row(struct request *r)
{
	const char *names[COUNT_OF(rows) + 1] = {0};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		names[i] = rows[i].name;
		if (!strcmp(rows[i].name, r->args[0]))
			return &rows[i];
	}
	const char *near = text_nearest(r->args[0], names);
	http_error(r, 404, "unknown_action",
		   near ? "OBS has no command of that name: did you mean %s?"
			: "OBS has no command of that name",
		   near);
	return NULL;
}

/* {"input": "...", "muted": ...}: for whoever sent something else. */
static char *form_of(const struct row *row)
{
	struct buf b = {0};
	buf_addc(&b, '{');
	for (size_t i = 0; i < 2 && row->members[i]; i++) {
		buf_adds(&b, i ? ", \"" : "\"");
		buf_adds(&b, row->members[i]);
		buf_adds(&b, "\": ...");
	}
	buf_addc(&b, '}');
	return buf_take(&b);
}

/* As the action has it: text as it is, numbers as text, on and off. */
static bool add_member(json_object *args, json_object *v)
{
	const char *text =
		json_object_is_type(v, json_type_boolean)
			? (json_object_get_boolean(v) ? "on" : "off")
		: json_object_is_type(v, json_type_string)
			? json_object_get_string(v)
		: json_object_is_type(v, json_type_int) ||
				json_object_is_type(v, json_type_double)
			? json_text(v)
			: NULL;
	if (text)
		json_object_array_add(args, json_object_new_string(text));
	return text != NULL;
}

static bool add_members(const struct request *r, const struct row *row,
			json_object *args)
{
	if (row->word)
		json_object_array_add(args, json_object_new_string(row->word));
	for (int i = 0; i < 2 && row->members[i]; i++) {
		json_object *v = json_get(r->json, row->members[i]);
		bool more = i + 1 < 2 && row->members[i + 1] &&
			    json_get(r->json, row->members[i + 1]);
		if (!v && (i < row->least || more))
			return false;
		if (v && !add_member(args, v))
			return false;
	}
	return true;
}

void api_obs_do(struct request *r)
{
	const struct row *row = find_row(r);
	if (!row)
		return;
	const char *known[] = {"reason", "by", row->members[0], row->members[1],
			       NULL};
	char *form = form_of(row);
	json_object *args = json_object_new_array();
	if (!api_has_only(r, known, form))
		; /* it was answered */
	else if (add_members(r, row, args))
		api_command(r, row->action, &args);
	else
		http_error(r, 400, "bad_arguments", "send %s", form);
	json_object_put(args);
	free(form);
}

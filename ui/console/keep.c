#include "console/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define KEEP_FILE      "console.json"
#define KEEP_MAX_BYTES 4096

static const char *const pane_names[PANES_AND_INBOX] = {
	[PANE_RUN] = "run",	  [PANE_POLL] = "poll",
	[PANE_TOKENS] = "tokens", [PANE_CHECKS] = "checks",
	[PANE_OBS] = "obs",	  [PANE_INBOX] = "inbox",
};

static int find_pane(const char *name, int otherwise)
{
	for (int i = 0; i < PANES_AND_INBOX; i++)
		if (strcmp(pane_names[i], name) == 0)
			return i;
	return otherwise;
}

/* {"focus":"run","shown":"poll","zoom":true,...}. Caller frees. */
static char *as_text(const struct view *v)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "focus", pane_names[v->focus]);
	json_add_str(o, "shown", pane_names[v->shown]);
	json_object_object_add(o, "zoom", json_object_new_boolean(v->zoom));
	/* The show may have been edited meanwhile: a stage by its name. */
	int stage = v->selected[PANE_RUN];
	if (stage < (int)v->show->stage_count)
		json_add_str(o, "stage", v->show->stages[stage].id);
	json_object *rows = json_object_new_object();
	for (int i = PANE_POLL; i < PANES; i++)
		json_add_int(rows, pane_names[i], v->selected[i]);
	json_object_object_add(o, "rows", rows);
	json_add_str(o, "item", v->item);
	char *text = xasprintf("%s\n", json_text(o));
	json_object_put(o);
	return text;
}

static void take(struct view *v, const char *text)
{
	json_object *o = json_read_str(text, &json_limits_answer, NULL);
	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return;
	}
	v->focus =
		(enum pane)find_pane(json_get_str(o, "focus", ""), PANE_INBOX);
	int shown = find_pane(json_get_str(o, "shown", ""), PANE_RUN);
	v->shown = shown < PANES ? (enum pane)shown : PANE_RUN;
	v->zoom = json_get_bool(o, "zoom", false);
	int stage = show_find_stage(v->show, json_get_str(o, "stage", ""));
	v->selected[PANE_RUN] = stage < 0 ? 0 : stage;
	json_object *rows = json_get_object(o, "rows");
	for (int i = PANE_POLL; i < PANES; i++) {
		int64_t row = json_get_int(rows, pane_names[i], 0);
		/* view_settle() brings it down to the rows there are. */
		v->selected[i] = row > 0 && row < 100000 ? (int)row : 0;
	}
	snprintf(v->item, sizeof v->item, "%s", json_get_str(o, "item", ""));
	v->item_mono_ms = v->mono_ms;
	json_object_put(o);
}

void keep_save(const struct view *v, const char *state_dir)
{
	if (!state_dir)
		return;
	char *path = xasprintf("%s/%s", state_dir, KEEP_FILE);
	char *text = as_text(v);
	/* A show that is not of this machine has no folder here: then not. */
	file_write(path, text, strlen(text), 0600, NULL);
	free(text);
	free(path);
}

void keep_load(struct view *v, const char *state_dir)
{
	if (!state_dir)
		return;
	char *path = xasprintf("%s/%s", state_dir, KEEP_FILE);
	char *text = file_read(path, KEEP_MAX_BYTES, NULL, NULL);
	if (text)
		take(v, text);
	free(text);
	free(path);
}

/* The doors of show_read.h. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "show/names.h"
#include "show/problem.h"
#include "show/read.h"
#include "show/read_checks.h"

#define DEFAULT_OPERATOR "127.0.0.1:7420"
#define DEFAULT_AUDIENCE "127.0.0.1:7421"

static void reader_init(struct reader *r, const char *name,
			struct show_problems *problems)
{
	memset(r, 0, sizeof *r);
	r->show = xcalloc(1, sizeof *r->show);
	r->show->refs = 1;
	r->show->path = arena_strdup(&r->show->arena, name);
	r->show->index = arena_alloc(&r->show->arena, sizeof *r->show->index);
	r->problems = problems;
	r->file = r->show->path;
	section_defaults(&schema_show, r->show);
	section_defaults(&schema_defaults, &r->defaults);
}

static void list_stage_nodes(struct reader *r)
{
	struct node *list = node_get(r->tree.root, "stages");
	size_t i = 0;
	r->stage_nodes =
		xcalloc(r->show->stage_count + 1, sizeof *r->stage_nodes);
	if (!list || list->kind != NODE_LIST)
		return;
	for (struct node *c = list->child; c && i < r->show->stage_count;
	     c = c->next)
		r->stage_nodes[i++] = c;
}

static void read_tree(struct reader *r)
{
	struct node *root = r->tree.root;
	struct node *defaults = node_get(root, "defaults");
	if (defaults) { /* before the stages that take them up */
		defaults->seen = true;
		read_defaults(r, defaults, r->show);
	}
	section_fill(r, &schema_show, root, r->show);
	list_stage_nodes(r);
	link_show(r);
	check_prompts(r);
}

static void define(struct reader *r, struct node *root)
{
	struct show *show = r->show;
	struct buf text = {0};
	char hex[HASH_HEX_BYTES];
	node_canonical(root, &text);
	show->definition =
		arena_strndup(&show->arena, buf_str(&text), text.len);
	hash_sha256_hex(hex, buf_str(&text), text.len);
	show->hash = arena_strdup(&show->arena, hex);
	buf_release(&text);
}

/* The show, or NULL when anything is wrong with it. */
static struct show *finish(struct reader *r, size_t errors_before,
			   struct node *root)
{
	struct show *show = r->show;
	if (r->problems->errors == errors_before) {
		if (!show->title)
			show->title = show->id;
		if (!show->http.operator_addr)
			show->http.operator_addr =
				arena_strdup(&show->arena, DEFAULT_OPERATOR);
		if (!show->http.audience_addr)
			show->http.audience_addr =
				arena_strdup(&show->arena, DEFAULT_AUDIENCE);
		if (show->stage_count)
			advise_show(r);
		define(r, root);
	} else {
		show_unref(&show);
	}
	problems_sort(r->problems);
	free(r->stage_nodes);
	tree_release(&r->tree);
	tree_release(&r->checks_tree);
	return show;
}

static struct show *parse(const char *text, size_t bytes, const char *name,
			  bool json, bool own, struct show_problems *problems)
{
	struct reader r;
	size_t before = problems->errors;
	reader_init(&r, name, problems);
	r.kept = own;
	tree_init(&r.tree, r.file, problems, own);
	size_t max =
		own ? json_limits_own.max_bytes : json_limits_file.max_bytes;
	if (bytes > max)
		tree_error(&r.tree, 0, 0,
			   "too large: %zu bytes; a show may have %zu", bytes,
			   max);
	else if (json)
		json_build(&r.tree, text, bytes);
	else
		yaml_build(&r.tree, text, bytes);
	if (problems->errors == before && !r.tree.root)
		tree_error(&r.tree, 1, 1, "the file is empty");
	if (r.tree.root && !r.tree.stopped)
		read_tree(&r);
	return finish(&r, before, r.tree.root);
}

struct show *show_parse_yaml(const char *text, size_t bytes, const char *name,
			     struct show_problems *problems)
{
	return parse(text, bytes, name, false, false, problems);
}

struct show *show_parse_json(const char *text, size_t bytes, const char *name,
			     struct show_problems *problems)
{
	return parse(text, bytes, name, true, true, problems);
}

struct show *show_of_definition(const char *text, const char *name,
				struct err *err)
{
	struct show_problems problems = {0};
	struct show *show =
		text ? show_parse_json(text, strlen(text), name, &problems)
		     : NULL;
	if (text && !show)
		show_problems_err(&problems, err);
	show_problems_release(&problems);
	return show;
}

static char *read_file(const char *path, size_t *bytes,
		       struct show_problems *problems)
{
	struct err err = {0};
	char *text = file_read(path, json_limits_file.max_bytes, bytes, &err);
	size_t n = strlen(path); /* a problem names its file by itself */
	bool named = !strncmp(err.text, path, n) && err.text[n] == ':';
	if (!text)
		problem_add(problems, SHOW_ERROR, path, 0, 0, "%s",
			    named ? err.text + n + 2 : err.text);
	return text;
}

struct show *show_load(const char *path, struct show_problems *problems)
{
	size_t bytes = 0;
	char *text = read_file(path, &bytes, problems);
	if (!text)
		return NULL;
	struct show *show =
		parse(text, bytes, path, path_is_json(path), false, problems);
	free(text);
	return show;
}

struct show *show_load_checks(const char *path, struct show_problems *problems)
{
	size_t bytes = 0;
	char *text = read_file(path, &bytes, problems);
	if (!text)
		return NULL;
	struct reader r;
	size_t before = problems->errors;
	reader_init(&r, path, problems);
	r.show->id = arena_strdup(&r.show->arena, "checks");
	struct node *root = read_checks_text(&r, r.file, text, bytes);
	free(text);
	return finish(&r, before, root);
}

struct show *show_bare(const char *id)
{
	struct reader r;
	reader_init(&r, id, NULL);
	struct show *show = r.show;
	show->id = show->title = arena_strdup(&show->arena, id);
	show->definition = arena_strdup(&show->arena, "{}");
	show->hash = arena_strdup(&show->arena, ""); /* as no other has it */
	return show;
}

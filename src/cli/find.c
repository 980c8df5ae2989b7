#include "cli/find.h"

#include <dirent.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/load.h"
#include "core/snapshot.h"
#include "engine/lock.h"
#include "show/show_read.h"

#define FOLD_CHUNK 1000

/* The folder of all state folders. */
static char *state_root(void)
{
	char *one = file_state_dir("x");
	char *slash = strrchr(one, '/');
	*slash = '\0';
	return one;
}

/* Whose core runs on this machine. Caller frees each and the array. */
static char **running_shows(size_t *count)
{
	char **shows = NULL;
	size_t cap = 0;
	*count = 0;
	char *root = state_root();
	DIR *dir = opendir(root);
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		char *state_dir = xasprintf("%s/%s", root, entry->d_name);
		if (engine_lock_held(state_dir, NULL)) {
			GROW(shows, *count, cap);
			shows[(*count)++] = xstrdup(entry->d_name);
		}
		free(state_dir);
	}
	if (dir)
		closedir(dir);
	free(root);
	return shows;
}

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);
	return a > b && strcmp(s + a - b, end) == 0;
}

/* A word with a '/' or a file's ending is a show file, else an id. */
static char *show_id_of(const char *word, int *status)
{
	*status = 0;
	if (!strchr(word, '/') && !ends_with(word, ".yaml") &&
	    !ends_with(word, ".yml") && !ends_with(word, ".json"))
		return xstrdup(word);
	struct show *show = cli_load_show(word, status);
	char *id = show ? xstrdup(show->id) : NULL;
	show_unref(&show);
	return id;
}

static int only_running_show(const char *command, char **show)
{
	size_t count;
	char **shows = running_shows(&count);
	struct buf list = {0};
	for (size_t i = 0; i < count; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", shows[i]);
	int status = 0;
	struct err err;
	if (count == 1) {
		*show = xstrdup(shows[0]);
	} else if (count == 0) {
		err_set(&err, ERR_UNAVAILABLE,
			"%s: no show runs here; start one with: showcaller run "
			"SHOW.yaml",
			command);
		status = cli_fail(&err);
	} else {
		status = cli_usage(command, "say which show: %s",
				   buf_str(&list));
	}
	buf_release(&list);
	for (size_t i = 0; i < count; i++)
		free(shows[i]);
	free(shows);
	return status;
}

int cli_find(const struct cli_args *args, struct cli_place *place)
{
	const char *redis = cli_option_value(args, "redis");
	memset(place, 0, sizeof *place);
	int status = 0;
	struct err err;
	if (args->operand_count > 0)
		place->show = show_id_of(args->operands[0], &status);
	else
		status = only_running_show(args->command->name, &place->show);
	if (status != 0)
		return status;
	if (place->show[0] == '\0' || strchr(place->show, '/') ||
	    place->show[0] == '.' || strlen(place->show) > SHOW_ID_MAX) {
		status = cli_usage(args->command->name,
				   "%.80s is no show's name", place->show);
		cli_place_release(place);
		return status;
	}
	place->state_dir = file_state_dir(place->show);
	place->here = engine_lock_held(place->state_dir, &place->pid);
	if (redis) {
		place->remote = true;
		place->address = address_parse(redis, &err);
		if (!place->address) {
			cli_place_release(place);
			return cli_fail(&err);
		}
	} else {
		place->address = address_of_show(place->show, NULL);
	}
	return 0;
}

void cli_place_release(struct cli_place *place)
{
	free(place->show);
	free(place->state_dir);
	address_free(&place->address);
	memset(place, 0, sizeof *place);
}

/* The shows that have a state folder, for "did you mean". */
static const char *nearest_show(const char *word, char *out, size_t out_bytes)
{
	char **names = NULL;
	size_t count = 0, cap = 0;
	char *root = state_root();
	DIR *dir = opendir(root);
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		/* A folder of its own may be what a start left that failed. */
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, word) == 0)
			continue;
		GROW(names, count, cap);
		names[count++] = xstrdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	free(root);
	GROW(names, count, cap);
	names[count] = NULL;
	const char *near = text_nearest(word, (const char *const *)names);
	snprintf(out, out_bytes, "%s", near ? near : "");
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return out;
}

int cli_open(const struct cli_place *place, struct client **client)
{
	struct err err = {0};
	if (!place->address) {
		char near[SHOW_ID_MAX + 1];
		nearest_show(place->show, near, sizeof near);
		char *shown = text_clean_str(place->show, 80);
		err_set(&err, ERR_UNAVAILABLE,
			"%s: no such show has run here%s%s%s; start it with: "
			"showcaller run SHOW.yaml",
			shown, near[0] ? " (did you mean " : "", near,
			near[0] ? "?)" : "");
		free(shown);
		return cli_fail(&err);
	}
	*client = client_open(place->address, place->show, &err);
	if (*client)
		return 0;
	if (err.code == ERR_UNAVAILABLE && !place->here && !place->remote &&
	    place->address->path)
		err_set(&err, ERR_UNAVAILABLE,
			"%s: it is stopped; its last state: showcaller status "
			"%s; start it again with: showcaller run SHOW.yaml",
			place->show, place->show);
	return cli_fail(&err);
}

/* With the newest snapshot, if there is one that holds. NULL with err. */
static struct model *begin_model(struct client *client, const struct show *show,
				 struct err *err)
{
	struct err why = {0};
	uint64_t seq;
	char *text = client_newest(client, show->hash, &seq, &why);
	struct model *m =
		text ? model_restore(show, text, strlen(text), NULL) : NULL;
	free(text);
	if (why.code) {
		*err = why;
		return NULL;
	}
	return m ? m : model_new(show);
}

struct model *cli_fold(struct client *client, const char *show_id,
		       struct err *err)
{
	char *text = client_definition(client, err);
	if (!text)
		return NULL;
	struct show *show = show_of_definition(text, show_id, err);
	free(text);
	if (!show) {
		err_wrap(err, "the stored definition of %s", show_id);
		return NULL;
	}
	struct model *m = begin_model(client, show, err);
	show_unref(&show);
	if (!m)
		return NULL;
	int count;
	do {
		struct event **events = NULL;
		count = client_events(client, m->seq, FOLD_CHUNK, 0, &events,
				      err);
		for (int i = 0; i < count; i++) {
			model_apply(m, events[i]);
			event_free(&events[i]);
		}
		free(events);
	} while (count > 0);
	if (count < 0)
		model_free(&m);
	return m;
}

char *cli_by(void)
{
	struct passwd *me = getpwuid(geteuid());
	const char *user = me && me->pw_name ? me->pw_name : getenv("USER");
	char host[65] = "localhost";
	gethostname(host, sizeof host - 1);
	char tty[64];
	bool has_tty = ttyname_r(STDIN_FILENO, tty, sizeof tty) == 0;
	char *by = xasprintf("%s@%s%s", user ? user : "someone", host,
			     has_tty && strncmp(tty, "/dev", 4) == 0 ? tty + 4
								     : "");
	char *clean = text_clean_str(by, 120);
	free(by);
	return clean;
}

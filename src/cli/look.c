#include "cli/look.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "core/status.h"

#define LAST_MAX_BYTES (16u << 20)

static json_object *read_last(const struct cli_place *place)
{
	char *path = xasprintf("%s/last.json", place->state_dir);
	char *text = file_read(path, LAST_MAX_BYTES, NULL, NULL);
	free(path);
	if (!text)
		return NULL;
	json_object *o = json_read_str(text, &json_limits_own, NULL);
	free(text);
	return o;
}

/* We can read, and the core may not be able to write: it says why. */
static void add_why(json_object *o, const struct cli_place *place)
{
	json_object *last = place->here ? read_last(place) : NULL;
	json_object *redis = last ? json_get_object(last, "redis") : NULL;
	if (redis && !json_get_bool(redis, "connected", true)) {
		json_object *its = json_clone(redis);
		json_add(o, "redis", &its);
	}
	json_object_put(last);
}

/* What the core wrote last, marked as what it is. NULL: no such file. */
static json_object *from_file(const struct cli_place *place)
{
	json_object *o = read_last(place);
	if (!o)
		return NULL;
	json_add_str(o, "mode", "stopped");
	json_object *redis = json_get_object(o, "redis");
	if (redis) {
		json_add_bool(redis, "connected", false);
		json_object_object_add(redis, "rtt_ms", NULL);
	}
	json_object *obs = json_get_object(o, "obs");
	if (obs)
		json_add_bool(obs, "connected", false);
	return o;
}

/* With the votes of an open poll, which no event tells of. */
static json_object *look_at_poll(const struct model *m, int poll,
				 struct client *client)
{
	if (!status_poll_counts_elsewhere(m, poll))
		return status_poll(m, poll);
	const char *options[SHOW_MAX_OPTIONS];
	int64_t counts[SHOW_MAX_OPTIONS];
	const struct show_poll *def = poll_def(m, poll);
	size_t n = def->option_count;
	for (size_t i = 0; i < n; i++)
		options[i] = def->options[i].id;
	struct ballots_sum from;
	int bursts = m->stages[poll].poll->burst_count;
	int64_t *of_bursts =
		xcalloc((size_t)bursts * n + 1, sizeof *of_bursts);
	bool read = client_tally(client, m->show->stages[poll].id, options, n,
				 counts, of_bursts, bursts, &from, NULL);
	if (read)
		polls_take_out(m, poll, counts, of_bursts, bursts);
	free(of_bursts);
	return status_poll_with(m, poll, read ? counts : NULL,
				read ? &from : NULL);
}

static void add_votes(json_object *o, const struct model *m,
		      struct client *client)
{
	size_t count;
	int *stages = polls_going_on(m, &count);
	json_object *list = json_object_new_array();
	int now = polls_now(m);
	for (size_t i = 0; i < count; i++) {
		json_object *poll = look_at_poll(m, stages[i], client);
		if (stages[i] == now) {
			json_object *same = json_object_get(poll);
			json_add(o, "poll", &same);
		}
		json_object_array_add(list, poll);
	}
	json_add(o, "polls", &list);
	free(stages);
}

static json_object *from_redis(const struct cli_place *place,
			       struct client *client, struct err *err)
{
	struct model *m = cli_fold(client, place->show, err);
	if (!m)
		return NULL;
	char *leader = client_leader(client, err);
	if (!leader) {
		model_free(&m);
		return NULL;
	}
	int64_t now_ms = clock_show_ms();
	/* A killed core's lease outlives it for a moment; its lock does not. */
	bool led = leader[0] &&
		   (place->here || place->remote || !place->address->path);
	struct status_extra extra = {
		.mode = !led		   ? "stopped"
			: m->run.rehearsal ? "rehearsal"
					   : "live",
		.redis_url = place->address->url,
		.redis_rtt_us = client_rtt_us(client),
		.redis_connected = true,
		.redis_fsync = client_fsync(client),
		.now_ms = led && now_ms > m->at_ms ? now_ms : m->at_ms,
	};
	json_object *o = status_json(m, &extra);
	add_votes(o, m, client);
	free(leader);
	model_free(&m);
	return o;
}

/* A show without a core: its Redis, where that still runs, is newer than the
 * file that the core wrote last. */
static json_object *look_at_stopped(const struct cli_place *place)
{
	struct client *client =
		place->address ? client_open(place->address, place->show, NULL)
			       : NULL;
	json_object *o = client ? from_redis(place, client, NULL) : NULL;
	client_close(&client);
	return o ? o : from_file(place);
}

json_object *cli_look(const struct cli_place *place, int *status)
{
	*status = 0;
	if (!place->here && !place->remote) {
		json_object *o = look_at_stopped(place);
		if (o)
			return o;
	}
	struct client *client = NULL;
	*status = cli_open(place, &client);
	if (*status != 0)
		return NULL;
	struct err err = {0};
	json_object *o = from_redis(place, client, &err);
	if (o)
		add_why(o, place);
	client_close(&client);
	if (!o)
		*status = cli_fail(&err);
	return o;
}

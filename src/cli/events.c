/* events: the log of a show, as lines or as JSON lines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/find.h"

#define CHUNK	 500
#define BLOCK_MS 5000

struct wish {
	bool follow, json;
	uint64_t from;	 /* the first event to print */
	const char *run; /* NULL: of all runs */
	bool found;	 /* something of that run */
};

static bool print_event(struct wish *wish, const struct event *event)
{
	if (wish->run && strcmp(event->run, wish->run) != 0)
		return true;
	wish->found = true;
	if (wish->json) {
		json_object *o = event_json(event);
		printf("%s\n", json_text(o));
		json_object_put(o);
	} else {
		char at[32];
		char *line = event_line(event);
		printf("%6llu %s %s\n", (unsigned long long)event->seq,
		       clock_rfc3339(at, sizeof at, event->at_ms), line);
		free(line);
	}
	return !ferror(stdout);
}

/* Without a wish it begins with the first one that can be read here. */
static bool find_first(struct client *client, struct wish *wish,
		       struct err *err)
{
	uint64_t first, last;
	char why[320];
	if (wish->from)
		return true;
	if (!client_readable(client, &first, &last, why, sizeof why, err))
		return false;
	wish->from = first;
	if (why[0])
		fprintf(stderr,
			"showcaller: events: begins with event %llu: %s\n",
			(unsigned long long)first, why);
	return true;
}

static int print_log(struct client *client, struct wish *wish)
{
	struct err err = {0};
	bool go_on = true, all = !wish->from && !wish->follow;
	if (!find_first(client, wish, &err))
		return cli_fail(&err);
	uint64_t after = wish->from ? wish->from - 1 : 0;
	while (go_on) {
		struct event **events = NULL;
		int count = client_events(client, after, CHUNK,
					  wish->follow ? BLOCK_MS : 0, &events,
					  &err);
		for (int i = 0; i < count; i++) {
			after = events[i]->seq;
			go_on = print_event(wish, events[i]) && go_on;
			event_free(&events[i]);
		}
		free(events);
		if (fflush(stdout) != 0)
			go_on = false; /* nobody reads any more */
		if (count < 0)
			return cli_fail(&err);
		if (count == 0 && !wish->follow)
			go_on = false;
	}
	if (all && wish->run && !wish->found) {
		err_set(&err, ERR_NO, "events: nothing is of a run %.64s",
			wish->run);
		return cli_fail(&err);
	}
	return 0;
}

/* "12" or "12-0". */
static bool read_id(const char *text, uint64_t *id)
{
	char *end;
	errno = 0;
	if (text[0] < '0' || text[0] > '9')
		return false;
	*id = strtoull(text, &end, 10);
	return errno == 0 && (*end == '\0' || strcmp(end, "-0") == 0);
}

/* Of a Redis that was named: a show that it does not know has no events, and is
 * more likely a slip. Whoever follows may have come first. */
static int judge_show(struct client *client)
{
	struct err err = {0};
	char *definition = client_definition(client, &err);
	bool known = definition != NULL;
	free(definition);
	return known ? 0 : cli_fail(&err);
}

int cli_events(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("events", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count != 1)
		return cli_usage("events", "it takes one show");
	struct wish wish = {
		.follow = cli_option_value(&args, "follow") != NULL,
		.json = cli_option_value(&args, "json") != NULL,
		.run = cli_option_value(&args, "run"),
	};
	const char *from = cli_option_value(&args, "from");
	if (from && !read_id(from, &wish.from))
		return cli_usage("events",
				 "--from %.40s: an event's id is a "
				 "number, as events prints it",
				 from);
	struct cli_place place;
	struct client *client = NULL;
	status = cli_find(&args, &place);
	if (status == 0)
		status = cli_open(&place, &client);
	if (status == 0 && place.remote && !wish.follow)
		status = judge_show(client);
	if (status == 0)
		status = print_log(client, &wish);
	client_close(&client);
	cli_place_release(&place);
	return status;
}

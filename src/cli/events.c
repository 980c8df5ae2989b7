/* events: the log of a show, as lines or as JSON lines; also of one that is
 * stopped, and of an exported file. Whoever follows one may come before it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/find.h"
#include "cli/source.h"

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
static void say_first(uint64_t first, const char *why)
{
	if (why[0])
		fprintf(stderr,
			"showcaller: events: begins with event %llu: %s\n",
			(unsigned long long)first, why);
}

static int print_log(struct source *s, struct wish *wish)
{
	struct err err = {0};
	struct event *event;
	bool go_on = true;
	int got;
	if (!wish->from)
		say_first(source_first(s), source_missing(s));
	if (!source_rewind(s, wish->from ? wish->from : source_first(s), &err))
		return cli_fail(&err);
	while (go_on && (got = source_next(s, &event, &err)) != 0) {
		if (got < 0)
			return cli_fail(&err);
		if (event->seq >= wish->from)
			go_on = print_event(wish, event);
		event_free(&event);
	}
	if (!wish->from && wish->run && !wish->found) {
		err_set(&err, ERR_NO, "events: nothing is of a run %.64s",
			wish->run);
		return cli_fail(&err);
	}
	return 0;
}

static int follow(struct client *client, struct wish *wish)
{
	struct err err = {0};
	bool go_on = true;
	uint64_t first = wish->from, last;
	char why[320];
	if (!first) {
		if (!client_readable(client, &first, &last, why, sizeof why,
				     &err))
			return cli_fail(&err);
		say_first(first, why);
	}
	uint64_t after = first ? first - 1 : 0;
	while (go_on) {
		struct event **events = NULL;
		int count = client_events(client, after, CHUNK, BLOCK_MS,
					  &events, &err);
		for (int i = 0; i < count; i++) {
			after = events[i]->seq;
			go_on = print_event(wish, events[i]) && go_on;
			event_free(&events[i]);
		}
		free(events);
		if (count < 0)
			return cli_fail(&err);
		if (fflush(stdout) != 0)
			go_on = false; /* nobody reads any more */
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
 * more likely a slip. */
static int judge_show(struct client *client)
{
	struct err err = {0};
	char *definition = client_definition(client, &err);
	bool known = definition != NULL;
	free(definition);
	return known ? 0 : cli_fail(&err);
}

static int follow_show(const struct cli_args *args, struct wish *wish)
{
	struct cli_place place;
	struct client *client = NULL;
	int status = cli_find(args, &place);
	if (status == 0)
		status = cli_open(&place, &client);
	if (status == 0)
		status = follow(client, wish);
	client_close(&client);
	cli_place_release(&place);
	return status;
}

static int print_show(const struct cli_args *args, struct wish *wish)
{
	int status;
	struct source *s = source_open(args, &status);
	if (s && source_client(s) && cli_option_value(args, "redis"))
		status = judge_show(source_client(s));
	if (s && status == 0)
		status = print_log(s, wish);
	source_close(&s);
	return status;
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
	return wish.follow ? follow_show(&args, &wish)
			   : print_show(&args, &wish);
}

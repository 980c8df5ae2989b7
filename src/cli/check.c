/* check: validation cards against the real services, without a console. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/at_once.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "jobs/check.h"

/* "CARD" or "CARD/TEST"; case does not matter. */
static bool matches(const struct show_check *check, const char *filter)
{
	size_t card = strlen(check->card);
	if (strncasecmp(check->card, filter, card) != 0)
		return false;
	return filter[card] == '\0' ||
	       (filter[card] == '/' &&
		strcasecmp(filter + card + 1, check->name) == 0);
}

static bool is_wanted(const struct show_check *check,
		      const struct cli_args *args)
{
	for (int i = 1; i < args->operand_count; i++)
		if (matches(check, args->operands[i]))
			return true;
	return args->operand_count <= 1;
}

/* Every filter has to name something. 0 or an exit status. */
static int check_filters(const struct show *show, const struct cli_args *args)
{
	const char **cards = xcalloc(show->check_count + 1, sizeof *cards);
	for (size_t i = 0; i < show->check_count; i++)
		cards[i] = show->checks[i].card;
	int status = 0;
	for (int i = 1; i < args->operand_count && status == 0; i++) {
		bool found = false;
		for (size_t c = 0; c < show->check_count; c++)
			found = found ||
				matches(&show->checks[c], args->operands[i]);
		if (found)
			continue;
		const char *near = text_nearest(args->operands[i], cards);
		status = cli_usage("check", "no card or test %.80s%s%s%s",
				   args->operands[i],
				   near ? " (did you mean " : "",
				   near ? near : "", near ? "?)" : "");
	}
	free(cards);
	return status;
}

static json_object *result_json(const struct show_check *check,
				struct check_result *result)
{
	json_object *o = json_object_new_object();
	json_add_str(o, "card", check->card);
	json_add_str(o, "test", check->name);
	json_add_str(o, "kind", check->kind);
	json_add_bool(o, "ok", result->ok);
	json_add_int(o, "latency_ms", result->total_ms);
	json_add_str(o, "text", result->text);
	if (result->detail)
		json_add(o, "detail", &result->detail);
	return o;
}

static void print_result(const struct show_check *check,
			 const struct check_result *result)
{
	char *card = text_clean_str(check->card, 80);
	char *name = text_clean_str(check->name, 80);
	printf("%-4s %s / %s", result->ok ? "ok" : "FAIL", card, name);
	if (result->total_ms >= 0)
		printf("  %lld ms", (long long)result->total_ms);
	printf("  %s\n", result->text ? result->text : "");
	fflush(stdout);
	free(name);
	free(card);
}

struct tally {
	json_object *all; /* the results when they are for programs, or NULL */
	size_t ran, failed;
};

static void take_result(void *ctx, const struct show_check *check,
			struct check_result *result)
{
	struct tally *t = ctx;
	t->ran++;
	t->failed += !result->ok;
	if (t->all)
		json_object_array_add(t->all, result_json(check, result));
	else
		print_result(check, result);
}

static int run_checks(const struct show *show, const struct cli_args *args)
{
	struct tally t = {0};
	struct err err = {0};
	int *wanted = xcalloc(show->check_count + 1, sizeof *wanted);
	size_t count = 0;
	for (size_t i = 0; i < show->check_count; i++)
		if (is_wanted(&show->checks[i], args))
			wanted[count++] = (int)i;
	if (cli_option_value(args, "json"))
		t.all = json_object_new_array();
	int end = at_once(show, wanted, count, take_result, &t, &err);
	if (end >= 0 && t.all)
		printf("%s\n", json_text(t.all));
	else if (end >= 0)
		printf("%zu of %zu pass%s\n", t.ran - t.failed, count,
		       end ? "; stopped" : "");
	json_object_put(t.all);
	free(wanted);
	if (end < 0)
		return cli_fail(&err);
	if (end > 0)
		return 128 + end;
	return t.failed ? ERR_NO : 0;
}

int cli_check(int argc, char **argv)
{
	struct cli_args args;
	bool done;
	int status = cli_parse("check", argc, argv, &args, &done);
	if (status != 0 || done)
		return status;
	if (args.operand_count == 0)
		return cli_usage("check", "no file is named");
	const char *path = args.operands[0];
	struct show *show = cli_is_checks_file(path)
				    ? cli_load_checks(path, &status)
				    : cli_load_show(path, &status);
	if (!show)
		return status;
	if (show->check_count == 0) {
		struct err err;
		err_set(&err, ERR_DATA,
			"%s: it has no checks; name a file "
			"with cards under checks:",
			path);
		status = cli_fail(&err);
	}
	if (status == 0)
		status = check_filters(show, &args);
	if (status == 0)
		status = run_checks(show, &args);
	show_unref(&show);
	return status;
}

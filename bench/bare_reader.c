/*
 * bare_reader SOCKET STREAM: what a console costs at the very least: curses,
 * one XREAD BLOCK loop, one refresh for what came. It shows whether the run
 * goes, by its newest event. bench/screen_bench measures it beside the
 * console, in the same way and in the same run.
 */
#include <curses.h>
#include <hiredis/hiredis.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* The word for an event's type, NULL for those that it does not show. */
static const char *word_for(const redisReply *fields)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2) {
		const char *type = fields->element[i + 1]->str;
		if (strcmp(fields->element[i]->str, "type") != 0)
			continue;
		if (strcmp(type, "run:pause") == 0)
			return "PAUSED";
		return strcmp(type, "run:resume") == 0 ? "LIVE  " : NULL;
	}
	return NULL;
}

static void show_entries(const redisReply *stream, char *last,
			 size_t last_bytes)
{
	const redisReply *entries = stream->element[1];
	for (size_t i = 0; i < entries->elements; i++) {
		const redisReply *entry = entries->element[i];
		const char *word = word_for(entry->element[1]);
		if (word)
			mvaddstr(0, 20, word);
		snprintf(last, last_bytes, "%s", entry->element[0]->str);
	}
	refresh();
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: bare_reader SOCKET STREAM\n");
		return 2;
	}
	setlocale(LC_ALL, "");
	redisContext *redis = redisConnectUnix(argv[1]);
	if (!redis || redis->err)
		return 69;
	char last[64] = "$";
	initscr();
	mvaddstr(0, 0, "bare reader");
	refresh();
	for (;;) {
		redisReply *reply = redisCommand(
			redis, "XREAD COUNT 1000 BLOCK 0 STREAMS %s %s",
			argv[2], last);
		if (!reply || reply->type == REDIS_REPLY_ERROR)
			break;
		if (reply->type == REDIS_REPLY_ARRAY && reply->elements)
			show_entries(reply->element[0], last, sizeof last);
		freeReplyObject(reply);
	}
	endwin();
	return 1;
}

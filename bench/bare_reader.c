/*
 * bare_reader SOCKET STREAM: what a console costs at the very least: curses,
 * one XREAD BLOCK loop, one refresh for what came. It shows the program scene
 * of the newest obs:status event. bench/screen_bench measures it beside the
 * console, in the same way and in the same run.
 */
#include <curses.h>
#include <hiredis/hiredis.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* The value of "program_scene" in the event's data, NULL if it has none. */
static const char *scene_of(const redisReply *fields, size_t *length)
{
	for (size_t i = 0; i + 1 < fields->elements; i += 2) {
		if (strcmp(fields->element[i]->str, "data") != 0)
			continue;
		const char *at = strstr(fields->element[i + 1]->str,
					"\"program_scene\":\"");
		if (!at)
			return NULL;
		at += strlen("\"program_scene\":\"");
		*length = strcspn(at, "\"");
		return at;
	}
	return NULL;
}

static void show_entries(const redisReply *stream, char *last,
			 size_t last_bytes)
{
	const redisReply *entries = stream->element[1];
	for (size_t i = 0; i < entries->elements; i++) {
		const redisReply *entry = entries->element[i];
		size_t length = 0;
		const char *scene = scene_of(entry->element[1], &length);
		if (scene)
			mvaddnstr(0, 20, scene, (int)length);
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

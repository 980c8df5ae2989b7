/*
 * ws_loop: what the ws thread sleeps in: a loop of libuv, so epoll. By itself
 * libwebsockets has poll() look at all sockets for each thing that happens at
 * one of them.
 *
 * Its plugin looks at its timers, and at what lws has read and kept, after an
 * event of a socket; after a timer it looks at the timers alone, and after
 * libuv has closed something at nothing. So who schedules there, or in a timer
 * lets lws read on, wakes the thread by lws_cancel_service(), which is such an
 * event, as mail does.
 */
#include "net/ws_priv.h"

/* A few are needed; no end would hold up the end of a show. */
#define CLOSE_TURNS 10000

bool ws_loop_open(struct ws *ws, struct lws_context_creation_info *info)
{
	void *loops[] = {&ws->loop};
	if (uv_loop_init(&ws->loop))
		return false;
	info->options |= LWS_SERVER_OPTION_LIBUV;
	info->foreign_loops = loops;
	ws->context = lws_create_context(info);
	info->foreign_loops = NULL;
	if (!ws->context)
		uv_loop_close(&ws->loop);
	return ws->context;
}

void ws_loop_turn(struct ws *ws)
{
	uv_run(&ws->loop, UV_RUN_ONCE);
}

/* libuv closes in its own turns, and the context must outlive them. */
void ws_loop_close(struct ws *ws)
{
	lws_context_destroy(ws->context);
	for (int i = 0; i < CLOSE_TURNS; i++)
		if (!uv_run(&ws->loop, UV_RUN_NOWAIT))
			break;
	lws_context_destroy(ws->context);
	uv_loop_close(&ws->loop);
	ws->context = NULL;
}

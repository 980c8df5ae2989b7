/*
 * A real browser on the shipped program: a core on a real Redis is killed in
 * the middle of a poll and started again. Nobody loads a page anew, and no vote
 * is lost.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../real/net_stand.h"
#include "base/clock.h"
#include "browser.h"
#include "../../bench/stand.h"
#include "temp.h"

static const char show[] = "show: night\n"
			   "stages:\n"
			   "  - id: route\n"
			   "    poll:\n"
			   "      question: Which way?\n"
			   "      options: [ { id: cave }, { id: ridge } ]\n"
			   "      open_ms: 3600000\n"
			   "      default: cave\n";

#define TOTAL_IS(n) "document.getElementById('total').textContent == '" #n "'"
#define SAME	    " && window.same == 1"

static char addr[32];
static int tests;

static void ok(bool yes, const char *what)
{
	printf("%sok %d - %s\n", yes ? "" : "not ", ++tests, what);
}

/* Somebody without a browser. */
static bool vote(const char *option)
{
	char *q = xasprintf("POST /vote/route HTTP/1.1\r\nHost: %s\r\n"
			    "Content-Type: application/x-www-form-urlencoded"
			    "\r\nContent-Length: %zu\r\nConnection: close\r\n"
			    "\r\noption=%s",
			    addr, strlen(option) + 7, option);
	char *a = peer_ask(addr, q);
	bool yes = peer_status(a) == 200;
	free(a);
	free(q);
	return yes;
}

static void kill_under(const char *where, const char *before, const char *after)
{
	char *program = xasprintf("%s/showcaller", getenv("top_builddir"));
	page_go(addr, where);
	ok(page_waits("document.querySelectorAll('li').length == 2"),
	   "a page shows the poll");
	ok(vote("ridge") && page_waits(before), "a vote is in the page");
	page_holds("(window.same = 1) == 1");
	stand_kill_core();
	stand_start_core(program, "night", show);
	ok(vote("ridge") && page_waits(after),
	   "the same page goes on with the next core, and counts on");
	free(program);
}

int main(void)
{
	char *dir = temp_new();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (!browser_start(dir)) {
		printf("1..0 # SKIP chromium is needed and not installed\n");
		return 0;
	}
	char *program = xasprintf("%s/showcaller", getenv("top_builddir"));
	snprintf(addr, sizeof addr, "127.0.0.1:%d", temp_port());
	stand_begin("test_core_web");
	stand_audience(addr);
	stand_start_core(program, "night", show);
	page_open();
	kill_under("/overlay/poll", TOTAL_IS(1), TOTAL_IS(2) SAME);
	kill_under("/vote/route", TOTAL_IS(3), TOTAL_IS(4) SAME);
	page_holds("document.querySelector('button').click() || true");
	ok(page_waits("document.querySelector('.note').textContent.includes("
		      "'is counted')" SAME " && " TOTAL_IS(5)),
	   "its voter votes, and is counted with the others");
	page_close();
	printf("1..%d\n", tests);
	browser_stop();
	temp_remove(&dir);
	free(program);
	return 0;
}

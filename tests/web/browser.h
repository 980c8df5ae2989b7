/*
 * browser: chromium without a window, driven by its DevTools protocol. One
 * program for all tests of a run; each test has a page of its own, with its
 * own cookies.
 */
#ifndef TESTS_BROWSER_H
#define TESTS_BROWSER_H

#include <stdbool.h>

#include "base/json.h"

/* Before any test. False: there is none. */
bool browser_start(const char *dir);
void browser_stop(void);

/* A page, as wide as a small phone. */
void page_open(void);
void page_close(void);
void page_size(int width, int height);
/* Runs before what every page brings. */
void page_prepare(const char *script);
void page_go(const char *addr, const char *where);
/* Calls a method of the protocol; its result. Caller puts. */
json_object *page_call(const char *method, const char *params);
void page_tell(const char *method, const char *params);
/* Whether `condition` holds in the page now; false while it is loading. */
bool page_holds(const char *condition);
double page_number(const char *expression);
void page_press(const char *key, int code);
/* Keeps what is to be seen, in artefacts/NAME.png. */
void page_picture(const char *name);

/* Fails the test when it never holds. */
#define WAIT(condition)                                                        \
	ck_assert_msg(page_waits(condition), "never: %s", condition)
#define HOLDS(condition)                                                       \
	ck_assert_msg(page_holds(condition), "not so: %s", condition)
bool page_waits(const char *condition);

#endif

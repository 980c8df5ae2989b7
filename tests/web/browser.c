#include "browser.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../real/net_stand.h"
#include "base/clock.h"
#include "patience.h"

#define PATIENCE_MS 15000

static char *addr, *path; /* of the browser's DevTools */
static pid_t browser;
static int fd, calls;
static char *session;

static void be_browser(int err, char *data)
{
	int nowhere = open("/dev/null", O_RDWR);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(nowhere, 0);
	dup2(nowhere, 1);
	dup2(err, 2);
	execlp("chromium", "chromium", "--headless", "--no-sandbox",
	       "--disable-gpu", "--no-first-run", "--hide-scrollbars",
	       "--remote-debugging-port=0", data, "about:blank", (char *)NULL);
	_exit(127);
}

/* It says on stderr where it listens. */
bool browser_start(const char *dir)
{
	int ends[2];
	REQUIRE(!pipe(ends));
	char *data = xasprintf("--user-data-dir=%s", dir);
	browser = fork();
	if (browser == 0)
		be_browser(ends[1], data);
	close(ends[1]);
	free(data);
	FILE *lines = fdopen(ends[0], "r");
	char line[1000], host[100], where[300];
	while (!addr && fgets(line, sizeof line, lines)) {
		const char *at = strstr(line, "ws://");
		if (at && sscanf(at, "ws://%99[^/]%299s", host, where) == 2) {
			addr = xstrdup(host);
			path = xstrdup(where);
		}
	}
	/* `lines` stays open: a browser whose stderr is shut may die of it. */
	if (addr)
		return true;
	waitpid(browser, NULL, 0);
	return false;
}

void browser_stop(void)
{
	kill(browser, SIGTERM);
	waitpid(browser, NULL, 0);
	free(addr);
	free(path);
}

/* The whole answer; caller frees. */
static char *ask(const char *method, const char *params)
{
	char *m = xasprintf("{\"id\":%d,%s%s%s\"method\":\"%s\",\"params\":%s}",
			    ++calls, session ? "\"sessionId\":\"" : "",
			    session ? session : "", session ? "\"," : "",
			    method, params);
	char *want = xasprintf("{\"id\":%d,", calls);
	ws_say(fd, m);
	free(m);
	char *text = NULL;
	do {
		free(text);
		text = ws_next(fd, NULL);
		if (!text) {
			fprintf(stderr, "the browser left: %s\n", method);
			abort();
		}
	} while (strncmp(text, want, strlen(want)) != 0);
	free(want);
	return text;
}

json_object *page_call(const char *method, const char *params)
{
	char *text = ask(method, params);
	json_object *o = json_read_str(text, &json_limits_own, NULL);
	json_object *result = json_object_get(json_get(o, "result"));
	json_object_put(o);
	free(text);
	return result;
}

void page_tell(const char *method, const char *params)
{
	free(ask(method, params));
}

static char *call_for(const char *method, const char *params, const char *name)
{
	json_object *o = page_call(method, params);
	char *value = xstrdup(json_get_str(o, name, ""));
	json_object_put(o);
	return value;
}

void page_open(void)
{
	session = NULL;
	fd = ws_open(addr, path, NULL, NULL);
	REQUIRE(fd >= 0);
	char *context = call_for("Target.createBrowserContext", "{}",
				 "browserContextId");
	char *p = xasprintf(
		"{\"url\":\"about:blank\",\"browserContextId\":\"%s\"}",
		context);
	char *target = call_for("Target.createTarget", p, "targetId");
	free(p);
	p = xasprintf("{\"flatten\":true,\"targetId\":\"%s\"}", target);
	session = call_for("Target.attachToTarget", p, "sessionId");
	free(p);
	free(target);
	free(context);
	REQUIRE(*session);
	page_size(360, 640);
	page_tell("Page.enable", "{}");
}

void page_close(void)
{
	close(fd);
	free(session);
	session = NULL;
}

void page_size(int width, int height)
{
	char *p = xasprintf("{\"width\":%d,\"height\":%d,"
			    "\"deviceScaleFactor\":%d,\"mobile\":%s}",
			    width, height, width < 500 ? 2 : 1,
			    width < 500 ? "true" : "false");
	page_tell("Emulation.setDeviceMetricsOverride", p);
	free(p);
}

void page_prepare(const char *script)
{
	json_object *p = json_object_new_object();
	json_add_str(p, "source", script);
	page_tell("Page.addScriptToEvaluateOnNewDocument", json_text(p));
	json_object_put(p);
}

void page_go(const char *at, const char *where)
{
	char *p = xasprintf("{\"url\":\"http://%s%s\"}", at, where);
	page_tell("Page.navigate", p);
	free(p);
}

static json_object *evaluate(const char *expression)
{
	json_object *p = json_object_new_object();
	json_add_str(p, "expression", expression);
	json_add_bool(p, "returnByValue", true);
	json_object *o = page_call("Runtime.evaluate", json_text(p));
	json_object_put(p);
	return o;
}

bool page_holds(const char *condition)
{
	json_object *o = evaluate(condition);
	bool yes = json_get_bool(json_get(o, "result"), "value", false);
	json_object_put(o);
	return yes;
}

double page_number(const char *expression)
{
	json_object *o = evaluate(expression);
	double n = json_get_num(json_get(o, "result"), "value", -1);
	json_object_put(o);
	return n;
}

bool page_waits(const char *condition)
{
	int64_t end = clock_mono_ms() + patience_ms(PATIENCE_MS);
	while (!page_holds(condition)) {
		if (clock_mono_ms() > end)
			return false;
		poll(NULL, 0, 20);
	}
	return true;
}

void page_press(const char *key, int code)
{
	static const char *const kinds[] = {"keyDown", "keyUp"};
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		bool enter = code == 13 && i == 0;
		char *p = xasprintf("{\"type\":\"%s\",\"key\":\"%s\","
				    "\"code\":\"%s\",%s"
				    "\"windowsVirtualKeyCode\":%d}",
				    kinds[i], key, key,
				    enter ? "\"text\":\"\\r\"," : "", code);
		page_tell("Input.dispatchKeyEvent", p);
		free(p);
	}
}

void page_picture(const char *name)
{
	/* Without a window nothing moves unless somebody looks. */
	page_waits("document.getAnimations().length == 0");
	char *text = ask("Page.captureScreenshot", "{\"format\":\"png\"}");
	char *data = strstr(text, "\"data\":\"");
	REQUIRE(data);
	data += strlen("\"data\":\"");
	size_t len = strcspn(data, "\"");
	unsigned char *png = xmalloc(len);
	int bytes = EVP_DecodeBlock(png, (unsigned char *)data, (int)len);
	REQUIRE(bytes > 0);
	mkdir("artefacts", 0777);
	char *file = xasprintf("artefacts/%s.png", name);
	FILE *f = fopen(file, "wb");
	REQUIRE(f && fwrite(png, 1, (size_t)bytes, f) == (size_t)bytes);
	fclose(f);
	free(file);
	free(png);
	free(text);
}

/* Files, folders, secrets; and the program's own log. */
#include "base/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "tap.h"
#include "temp.h"

static char *dir; /* of the test that runs; each runs in its own process */

static char *in_dir(const char *name)
{
	static char paths[16][512];
	static int next;
	char *path = paths[next++ % 16];
	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static const char *put(const char *name, const void *data, size_t bytes,
		       mode_t mode)
{
	char *path = in_dir(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, data, bytes) == (ssize_t)bytes);
	REQUIRE(fchmod(fd, mode) == 0);
	close(fd);
	return path;
}

static void set_up(void)
{
	dir = temp_new();
}

static void tear_down(void)
{
	temp_remove(&dir);
}

static void expect_refused(const char *path, const char *why)
{
	struct err err = {0};
	size_t bytes = 77;
	ck_assert_ptr_null(file_read(path, 10, &bytes, &err));
	ck_assert_int_eq(err.code, ERR_DATA);
	ck_assert_msg(strstr(err.text, why) && strstr(err.text, path), "%s",
		      err.text);
	ck_assert_uint_eq(bytes, 77);
}

START_TEST(reads_regular_files_only)
{
	size_t bytes;
	char *s = file_read(put("ten",
				"01234\0"
				"6789",
				10, 0600),
			    10, &bytes, NULL);
	ck_assert(s && bytes == 10 &&
		  memcmp(s,
			 "01234\0"
			 "6789\0",
			 11) == 0);
	free(s);
	s = file_read(put("empty", "", 0, 0600), 10, NULL, NULL);
	ck_assert_str_eq(s, "");
	free(s);
	expect_refused(put("eleven", "01234567890", 11, 0600),
		       "larger than the limit of 10 bytes");
	expect_refused(in_dir("missing"), "No such file");
	expect_refused(dir, "is a folder");
	expect_refused("/dev/null", "is a device");
	ck_assert_int_eq(mkfifo(in_dir("pipe"), 0600), 0);
	expect_refused(in_dir("pipe"), "is a pipe"); /* and does not hang */
	/* says it is empty, and is not */
	expect_refused("/proc/self/status", "larger than the limit");
}
END_TEST

static int count_files(void)
{
	char *listing = xasprintf("ls -A '%s' | wc -l", dir);
	FILE *p = popen(listing, "r");
	int n = -1;
	ck_assert_int_eq(fscanf(p, "%d", &n), 1);
	pclose(p);
	free(listing);
	return n;
}

START_TEST(writes_at_once_or_not_at_all)
{
	const char *path = put("f", "old", 3, 0644);
	int before = open(path, O_RDONLY);
	ck_assert(file_write(path, "new text", 8, 0600, NULL));
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	char *s = file_read(path, 100, NULL, NULL);
	ck_assert_str_eq(s, "new text");
	free(s);
	/* Whoever had it open still has the old one, whole. */
	char old[10] = "";
	ck_assert_int_eq(read(before, old, sizeof old), 3);
	ck_assert_str_eq(old, "old");
	close(before);
	ck_assert_int_eq(count_files(), 1);

	struct err err;
	ck_assert_int_eq(mkdir(in_dir("d"), 0700), 0);
	ck_assert(!file_write(in_dir("d"), "x", 1, 0600, &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_int_eq(count_files(), 2); /* no litter */
	ck_assert(!file_write(in_dir("no/f"), "x", 1, 0600, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "cannot be written"));
	ck_assert(file_write(in_dir("none"), NULL, 0, 0600, NULL));
}
END_TEST

START_TEST(makes_folders)
{
	struct err err;
	umask(0);
	ck_assert(file_make_dirs(in_dir("a//b/c/"), NULL));
	ck_assert(file_make_dirs(in_dir("a/b/c"), NULL));
	struct stat st;
	ck_assert_int_eq(stat(in_dir("a/b"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	put("a/file", "", 0, 0600);
	ck_assert(!file_make_dirs(in_dir("a/file"), &err));
	ck_assert_ptr_nonnull(strstr(err.text, "a file is in the way"));
	ck_assert(!file_make_dirs(in_dir("a/file/x"), &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert(file_make_dirs("/", NULL));
}
END_TEST

static void expect_taken(char *got, const char *want)
{
	ck_assert_str_eq(got, want);
	free(got);
}

START_TEST(names_places)
{
	expect_taken(file_beside("shows/a.yaml", "p/x.md"), "shows/p/x.md");
	expect_taken(file_beside("a.yaml", "p/x.md"), "p/x.md");
	expect_taken(file_beside("/a.yaml", "x.md"), "/x.md");
	expect_taken(file_beside("shows/a.yaml", "/x.md"), "/x.md");

	setenv("SHOWCALLER_STATE", "/s", 1);
	setenv("XDG_STATE_HOME", "/x", 1);
	setenv("HOME", "/h", 1);
	expect_taken(file_state_dir("first"), "/s/first");
	expect_taken(file_state_dir("../../etc"), "/s/_._.._etc");
	unsetenv("SHOWCALLER_STATE");
	expect_taken(file_state_dir("first"), "/x/showcaller/first");
	setenv("XDG_STATE_HOME", "relative", 1);
	expect_taken(file_state_dir("first"),
		     "/h/.local/state/showcaller/first");
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	char *some = file_state_dir("first");
	ck_assert_int_eq(some[0], '/');
	free(some);
}
END_TEST

/* ---- secrets ---- */

static void expect_no_secret(const char *env, const char *path, const char *why)
{
	struct err err = {0};
	char *s = file_secret(env, path, &err);
	ck_assert_msg(!s, "%s", why);
	ck_assert_int_eq(err.code, ERR_CONFIG);
	ck_assert_msg(strstr(err.text, why), "%s", err.text);
}

START_TEST(reads_secrets)
{
	setenv("SECRET_HERE", "from-env", 1);
	setenv("SECRET_EMPTY", "", 1);
	unsetenv("SECRET_AWAY");
	const char *path = put("s", "from-file\n", 10, 0600);
	expect_taken(file_secret("SECRET_HERE", path, NULL), "from-env");
	expect_taken(file_secret("SECRET_AWAY", path, NULL), "from-file");
	expect_taken(file_secret("SECRET_EMPTY", path, NULL), "from-file");
	expect_taken(file_secret(NULL, path, NULL), "from-file");
	expect_taken(file_secret(NULL, put("dos", "a b\r\n", 5, 0400), NULL),
		     "a b");
	char most[4097];
	memset(most, 'x', sizeof most);
	char *s = file_secret(NULL, put("most", most, 4096, 0600), NULL);
	ck_assert_uint_eq(strlen(s), 4096);
	free(s);
	expect_no_secret(NULL, put("much", most, 4097, 0600), "one line");
}
END_TEST

START_TEST(refuses_loose_secrets)
{
	expect_no_secret("SECRET_AWAY", NULL, "SECRET_AWAY is not set");
	expect_no_secret(NULL, NULL, "not set");
	expect_no_secret(NULL, in_dir("missing"), "No such file");
	expect_no_secret(NULL, put("open", "secret", 6, 0644), "chmod 600");
	expect_no_secret(NULL, put("group", "secret", 6, 0640), "chmod 600");
	expect_no_secret(NULL, put("exec", "secret", 6, 0700), "chmod 600");
	expect_no_secret(NULL, put("empty", "", 0, 0600), "is empty");
	expect_no_secret(NULL, put("blank", "\n", 1, 0600), "is empty");
	expect_no_secret(NULL, put("two", "a\nb\n", 4, 0600), "one line");
	expect_no_secret(NULL, put("esc", "a\033b", 3, 0600), "control");
	expect_no_secret(NULL, put("nul", "a\0b", 3, 0600), "one line");
	const char *path = put("real", "secret", 6, 0600);
	ck_assert_int_eq(symlink(path, in_dir("link")), 0);
	expect_no_secret(NULL, in_dir("link"), "is a link");
	expect_no_secret(NULL, dir, "is not a file");
	ck_assert_int_eq(mkfifo(in_dir("pipe"), 0600), 0);
	expect_no_secret(NULL, in_dir("pipe"), "is not a file");
	setenv("SECRET_LINES", "a\nb", 1);
	expect_no_secret("SECRET_LINES", path, "one line");
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 12345, 12345), 0);
		expect_no_secret(NULL, path, "belongs to someone else");
	}
}
END_TEST

/* ---- log ---- */

/* The "text" of each line of the log, joined by '|'. Every line is JSON. */
static char *log_texts(void)
{
	char *all = file_read(in_dir("log"), 64 << 20, NULL, NULL);
	struct buf out = {0};
	char *rest = all, *line;
	while ((line = strsep(&rest, "\n")) && *line) {
		struct err err;
		json_object *o = json_read_str(line, &json_limits_answer, &err);
		ck_assert_msg(o, "%s: %s", err.text, line);
		ck_assert_uint_eq(strlen(json_get_str(o, "at", "")), 24);
		buf_addf(&out, "%s%s/%s: %s", out.len ? "|" : "",
			 json_get_str(o, "level", "-"),
			 json_get_str(o, "room", "-"),
			 json_get_str(o, "text", "-"));
		json_object_put(o);
	}
	free(all);
	return buf_take(&out);
}

START_TEST(logs_lines_that_stay_lines)
{
	ck_assert(log_open(in_dir("log"), LOG_INFO, NULL));
	log_error("store", "lost %s", "link");
	log_debug("store", "not asked for");
	log_info("net", "a\"b\\c\nd\033[1m\377 {\"x\":1}");
	log_close();
	struct stat st;
	stat(in_dir("log"), &st);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert(log_open(in_dir("log"), LOG_ERROR, NULL));
	log_warn("net", "too quiet");
	log_error("net", "%s", "appended");
	log_close();
	expect_taken(log_texts(),
		     "error/store: lost link|info/net: a\"b\\c\nd\357\277\275"
		     "[1m\357\277\275 {\"x\":1}|error/net: appended");
	struct err err;
	ck_assert(!log_open(in_dir("no/log"), LOG_INFO, &err));
	ck_assert_int_eq(err.code, ERR_CONFIG);
}
END_TEST

START_TEST(logs_no_secret)
{
	ck_assert(log_open(in_dir("log"), LOG_DEBUG, NULL));
	setenv("SECRET_HERE", "hunter22", 1);
	free(file_secret("SECRET_HERE", NULL, NULL));
	log_secret("hunter22-longer");
	log_secret("with\"quote");
	log_secret("abc"); /* too short to hide */
	log_secret(NULL);
	log_info("x", "k=hunter22&l=hunter22-longer %s abc", "with\"quote");
	log_info("x", "hunter2hunter22hunter22");
	log_close();
	expect_taken(log_texts(),
		     "info/x: k=***&l=*** *** abc|info/x: hunter2******");
	char *raw = file_read(in_dir("log"), 10000, NULL, NULL);
	ck_assert_ptr_null(strstr(raw, "hunter22"));
	free(raw);
}
END_TEST

START_TEST(logs_are_bounded)
{
	ck_assert(log_open(in_dir("log"), LOG_DEBUG, NULL));
	char *much = xmalloc(1000001);
	memset(much, '\n', 1000000);
	much[1000000] = '\0';
	log_info("x", "%s", much);
	log_close();
	struct stat st;
	stat(in_dir("log"), &st);
	ck_assert_int_lt(st.st_size, 20000);
	free(log_texts());
	free(much);
}
END_TEST

static void *chatter(void *arg)
{
	for (int i = 0; i < 300; i++)
		log_info("x", "thread %s says %0200d", (const char *)arg, i);
	return NULL;
}

START_TEST(threads_share_the_log)
{
	ck_assert(log_open(in_dir("log"), LOG_DEBUG, NULL));
	char names[4][2] = {"a", "b", "c", "d"};
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, chatter, names[i]);
	log_secret("meanwhile");
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	log_close();
	char *texts = log_texts();
	int lines = 1;
	for (const char *p = texts; *p; p++)
		lines += *p == '|';
	ck_assert_int_eq(lines, 1200);
	free(texts);
}
END_TEST

static void add(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
}

int main(void)
{
	Suite *s = suite_create("file");
	add(s, "reads regular files only", reads_regular_files_only);
	add(s, "writes at once or not at all", writes_at_once_or_not_at_all);
	add(s, "makes folders", makes_folders);
	add(s, "names places", names_places);
	add(s, "reads secrets", reads_secrets);
	add(s, "refuses loose secrets", refuses_loose_secrets);
	add(s, "log lines stay lines", logs_lines_that_stay_lines);
	add(s, "no secret in the log", logs_no_secret);
	add(s, "log lines are bounded", logs_are_bounded);
	add(s, "threads share the log", threads_share_the_log);
	return tap_run(s);
}

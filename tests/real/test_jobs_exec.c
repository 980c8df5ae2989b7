/* jobs: agents via exec, with real programs that behave and misbehave. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "jobs_stand.h"
#include "tap.h"

#define REQUEST                                                                \
	"{\"id\":\"r1/s/1\",\"parameters\":{\"inputs\":{\"beat\":"             \
	"{\"line\":\"The gate opens.\"}}},\"lease\":{\"id\":\"L7\"}}"
#define OK_JSON "{\"success\":true,\"result\":{\"a\":1},\"tokens_used\":9}"

static struct jobs_stand stand;

/* A stand with the agent `a` that runs the shell script `script`. */
static void begin(const char *script, const char *argv)
{
	jobs_stand_init(&stand);
	if (script)
		jobs_stand_script(&stand, "a.sh", script);
	char *agents = xasprintf("a: { via: exec, argv: %s }", argv);
	jobs_stand_load(&stand, agents, NULL);
	jobs_stand_open(&stand, 2);
	free(agents);
}

static void end(void)
{
	jobs_stand_close(&stand);
}

/* A number that a script says on stderr, as "name 123". */
static int wait_number(const char *name)
{
	struct input *in = jobs_stand_wait(&stand, INPUT_PROGRESS, NULL);
	ck_assert_ptr_nonnull(in);
	size_t n = strlen(name);
	ck_assert_msg(strncmp(in->text, name, n) == 0, "%s", in->text);
	int number = atoi(in->text + n);
	ck_assert_int_gt(number, 1);
	input_free(&in);
	return number;
}

/* True when the process is over, or soon will be. */
static bool wait_gone(int pid)
{
	int fd = pidfd_open(pid, 0);
	if (fd < 0)
		return errno == ESRCH;
	struct pollfd gone = {.fd = fd, .events = POLLIN};
	bool is = poll(&gone, 1, patience_ms(5000)) == 1;
	close(fd);
	return is;
}

static const struct outcome {
	const char *name, *script, *code, *part;
	int limit_ms, at_most_ms;
	bool unreached;
	int64_t tokens;
} outcomes[] = {
	{"good", "#!/bin/sh\ncat >/dev/null\necho '" OK_JSON "'\n", NULL, "",
	 PLENTY_MS, 4000, false, 9},
	{"does not read", "#!/bin/sh\necho '" OK_JSON "'\n", NULL, "", PLENTY_MS,
	 4000, false, 9},
	{"no tokens", "#!/bin/sh\necho '{\"success\":true,\"result\":{}}'\n",
	 NULL, "", PLENTY_MS, 4000, false, -1},
	{"budget",
	 "#!/bin/sh\necho '{\"success\":false,\"error\":{\"code\":\"budget\","
	 "\"details\":{\"tokens_needed\":77}}}'\n",
	 "budget", "", PLENTY_MS, 4000, false, -1},
	{"failed, and says so by its status, too",
	 "#!/bin/sh\necho '{\"success\":false,\"error\":{\"code\":\"muse\","
	 "\"message\":\"gone\"},\"tokens_used\":5}'\nexit 3\n",
	 "muse", "gone", PLENTY_MS, 4000, false, 5},
	{"exit status",
	 "#!/bin/sh\necho one >&2\nprintf 'no \\033[2Jvoice' >&2\nexit 3\n",
	 "exit_status", "status 3: no", PLENTY_MS, 4000, false, -1},
	{"answer, then a bad status", "#!/bin/sh\necho '" OK_JSON "'\nexit 4\n",
	 "exit_status", "4", PLENTY_MS, 4000, false, 9},
	{"killed", "#!/bin/sh\nkill -SEGV $$\n", "killed", "SEGV", PLENTY_MS, 4000,
	 false, -1},
	{"nothing", "#!/bin/sh\nexit 0\n", "garbage", "no answer", PLENTY_MS, 4000,
	 false, -1},
	{"garbage", "#!/bin/sh\necho Hello\n", "garbage", "JSON", PLENTY_MS, 4000,
	 false, -1},
	{"two answers", "#!/bin/sh\necho '" OK_JSON OK_JSON "'\n", "garbage",
	 "byte", PLENTY_MS, 4000, false, -1},
	{"too large", "#!/bin/sh\nexec yes\n", "too_large", "1048576", PLENTY_MS,
	 4000, false, -1},
	{"hangs", "#!/bin/sh\nexec sleep 60\n", "timeout", "200 ms", 200, 3000,
	 false, -1},
	{"hangs and ignores SIGTERM",
	 "#!/bin/sh\ntrap '' TERM\ntail -f /dev/null\n", "timeout", "200 ms",
	 200, 4000, false, -1},
	{"lingers", "#!/bin/sh\necho '" OK_JSON "'\nexec sleep 60\n", NULL, "",
	 9000, 6000, false, 9},
	{"closes stdout and stays", "#!/bin/sh\nexec >&-\nexec sleep 60\n",
	 "garbage", "no answer", 9000, 6000, false, -1},
	{"a child holds the pipe",
	 "#!/bin/sh\nsleep 60 &\necho '" OK_JSON "'\n", NULL, "", 9000, 6000,
	 false, 9},
	{"missing interpreter", "#!/no/such/shell\n", "not_found",
	 "interpreter", PLENTY_MS, 4000, true, -1},
	{"says goodbye",
	 "#!/bin/sh\ntrap 'echo bye >&2; exit 0' TERM\n"
	 "tail -f /dev/null\n",
	 "timeout", "bye", 200, 4000, false, -1},
};

START_TEST(test_outcome)
{
	const struct outcome *o = &outcomes[_i];
	begin(o->script, "[./a.sh]");
	int64_t began = clock_mono_ms();
	struct input *in = jobs_stand_call(&stand, "a", o->limit_ms, REQUEST);
	int64_t took = clock_mono_ms() - began;
	ck_assert_ptr_nonnull(in);
	if (o->code) {
		ck_assert_msg(!in->ok, "%s: ok", o->name);
		ck_assert_msg(strcmp(in->error_code, o->code) == 0,
			      "%s: %s: %s", o->name, in->error_code, in->text);
		ck_assert_msg(!*o->part || strstr(in->text, o->part), "%s: %s",
			      o->name, in->text);
		ck_assert(!in->text || !strchr(in->text, '\033'));
	} else {
		ck_assert_msg(in->ok, "%s: %s", o->name, in->text);
	}
	ck_assert_int_eq(in->reached, !o->unreached);
	ck_assert_int_eq(in->tokens_used, o->tokens);
	ck_assert_msg(took < patience_at_most_ms(o->at_most_ms),
		      "%s took %lld ms", o->name, (long long)took);
	ck_assert_str_eq(in->stage, "s");
	ck_assert_str_eq(in->lease, "L7");
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_not_there)
{
	begin(NULL, "[no-such-program-at-all]");
	struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert(in && !in->reached);
	ck_assert_str_eq(in->error_code, "not_found");
	ck_assert_ptr_nonnull(strstr(in->text, "install it"));
	input_free(&in);
	end();

	begin(NULL, "[./test.yaml]");
	in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert(in && !in->reached);
	ck_assert_str_eq(in->error_code, "not_executable");
	input_free(&in);
	end();
}
END_TEST

/* The environment, the folder, the descriptors and stdin as it finds them. */
START_TEST(test_surroundings)
{
	setenv("SECRET_API_KEY", "geheim", 1);
	int held = dup(0); /* not close-on-exec */
	struct rlimit core;
	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = core.rlim_max;
	setrlimit(RLIMIT_CORE, &core);
	begin("#!/bin/sh\n"
	      "env | sort > env.txt\npwd > pwd.txt\n"
	      "ls /proc/self/fd > fds.txt\n"
	      "ulimit -c > core.txt\ncat > stdin.txt\n"
	      "echo \"$(cut -d' ' -f5 /proc/$$/stat) $$\" > group.txt\n"
	      "echo '" OK_JSON "'\n",
	      "[./a.sh, \"; touch pwned\", \"$(touch pwned)\"]");
	struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert_msg(in && in->ok, "%s", in ? in->text : "nothing");
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 0);
	input_free(&in);
	static const char *const files[] = {"env",  "pwd",   "fds",
					    "core", "stdin", "group"};
	char *got[COUNT_OF(files)];
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		char *path = xasprintf("%s/%s.txt", stand.folder, files[i]);
		got[i] = file_read(path, 65536, NULL, NULL);
		ck_assert_msg(got[i] != NULL, "%s", path);
		free(path);
	}
	static const char *const set[] = {
		"SHOWCALLER_SHOW=jobs-test\n",	 "SHOWCALLER_RUN=r1\n",
		"SHOWCALLER_STAGE=s\n",		 "SHOWCALLER_AGENT=a\n",
		"SHOWCALLER_ATTEMPT=1\n",	 "SHOWCALLER_LEASE=L7\n",
		"SHOWCALLER_LEASE_TOKENS=500\n", "SHOWCALLER_KEY=r1/s/1\n",
	};
	for (size_t i = 0; i < COUNT_OF(set); i++)
		ck_assert_msg(strstr(got[0], set[i]), "%s in %s", set[i],
			      got[0]);
	ck_assert_ptr_null(strstr(got[0], "geheim"));
	ck_assert_ptr_null(strstr(got[0], "SHOWCALLER_STATE"));
	char *folder = realpath(stand.folder, NULL);
	ck_assert(strncmp(got[1], folder, strlen(folder)) == 0);
	/* 3 is what ls reads; the script hands on all that it was given */
	ck_assert_str_eq(got[2], "0\n1\n2\n3\n");
	ck_assert_str_eq(got[3], "0\n");
	ck_assert_str_eq(got[4], REQUEST);
	int group = 0, self = 0;
	ck_assert_int_eq(sscanf(got[5], "%d %d", &group, &self), 2);
	ck_assert_int_eq(group, self);
	char *pwned = xasprintf("%s/pwned", stand.folder);
	ck_assert_int_ne(access(pwned, F_OK), 0);
	free(pwned);
	free(folder);
	for (size_t i = 0; i < COUNT_OF(files); i++)
		free(got[i]);
	close(held);
	end();
}
END_TEST

/* A request larger than a pipe, echoed back while it is still being sent. */
START_TEST(test_large_request)
{
	struct buf b = {0};
	buf_adds(&b,
		 "{\"success\":true,\"tokens_used\":1,\"result\":{\"t\":\"");
	for (int i = 0; i < 90000; i++)
		buf_adds(&b, "0123456789");
	buf_adds(&b, "\"}}");
	begin(NULL, "[cat]");
	struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, buf_str(&b));
	ck_assert_msg(in && in->ok, "%s", in ? in->text : "nothing");
	input_free(&in);
	buf_release(&b);
	end();
}
END_TEST

START_TEST(test_progress)
{
	begin("#!/bin/sh\necho 'one \033[31mred' >&2\nprintf 'a\\rb\\n\\n' "
	      ">&2\n"
	      "i=0; while [ $i -lt 500 ]; do echo line $i >&2; i=$((i+1)); "
	      "done\n"
	      "head -c 100000 /dev/zero | tr '\\0' x >&2\n"
	      "echo '" OK_JSON "'\n",
	      "[./a.sh]");
	struct buf lines = {0};
	jobs_stand_ask(&stand, "a", 1, PLENTY_MS, REQUEST);
	struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, &lines);
	ck_assert(in && in->ok);
	const char *text = buf_str(&lines);
	ck_assert(strncmp(text, "one ", 4) == 0);
	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_nonnull(strstr(text, "\na\nb\nline 0\n"));
	ck_assert_ptr_nonnull(strstr(text, " more lines)\n"));
	int n = 0;
	for (const char *p = text; *p; p++)
		n += *p == '\n';
	ck_assert_int_le(n, 64);
	ck_assert_int_lt((int)lines.len, 16384);
	buf_release(&lines);
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_output_file)
{
	begin("#!/bin/sh\necho speaking >&2\ncat > \"$2\"\necho chatter\n",
	      "[./a.sh, -w, \"{{output_file}}\"]");
	struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert_msg(in && in->ok, "%s", in ? in->text : "nothing");
	ck_assert_int_eq(in->tokens_used, 0);
	const char *path = json_get_str(in->result, "output_file", "");
	char *want = xasprintf("%s/out/r1/s-a-1.out", stand.folder);
	ck_assert_str_eq(path, want);
	char *text = file_read(path, 1000, NULL, NULL);
	ck_assert_str_eq(text, "The gate opens.");
	free(text);
	input_free(&in);
	in = jobs_stand_call(&stand, "a", PLENTY_MS,
			     "{\"parameters\":{\"inputs\":{\"a\":\"no\"},"
			     "\"text\":\"yes\"}}");
	ck_assert(in && in->ok);
	text = file_read(want, 1000, NULL, NULL);
	ck_assert_str_eq(text, "yes");
	free(text);
	free(want);
	input_free(&in);
	end();

	/* A file that is left from before is not its work. */
	begin("#!/bin/sh\ncat >/dev/null\n[ -e \"$1\" ] && exit 9\n"
	      "[ -e made ] && exit 0\ntouch made\necho x > \"$1\"\n",
	      "[./a.sh, \"{{output_file}}\"]");
	in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert_msg(in && in->ok, "%s", in ? in->text : "nothing");
	input_free(&in);
	in = jobs_stand_call(&stand, "a", PLENTY_MS, REQUEST);
	ck_assert(in && !in->ok);
	ck_assert_str_eq(in->error_code, "no_output");
	input_free(&in);
	end();
}
END_TEST

/* A program with children of its own, all of which ignore SIGTERM. */
#define FAMILY                                                                 \
	"#!/bin/sh\ntrap '' TERM\nhang() { tail -f /dev/null >/dev/null "      \
	"2>&1; }\n"                                                            \
	"for i in 1 2 3 4 5 6 7 8; do (hang & hang) & done\n"                  \
	"hang &\necho child $! >&2\necho leader $$ >&2\nwait\n"

START_TEST(test_group_dies_at_deadline)
{
	begin(FAMILY, "[./a.sh]");
	/* Time enough to begin, on a busy machine too. */
	jobs_stand_ask(&stand, "a", 1, patience_waited_ms(2000), REQUEST);
	int child = wait_number("child"), leader = wait_number("leader");
	struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
	ck_assert(in && !in->ok);
	ck_assert_str_eq(in->error_code, "timeout");
	ck_assert(wait_gone(child));
	ck_assert(wait_gone(leader));
	ck_assert(kill(-leader, 0) != 0 || wait_gone(leader));
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_group_dies_with_its_leader)
{
	begin("#!/bin/sh\ntail -f /dev/null >/dev/null 2>&1 &\necho child $! "
	      ">&2\n"
	      "echo '" OK_JSON "'\n",
	      "[./a.sh]");
	jobs_stand_ask(&stand, "a", 1, PLENTY_MS, REQUEST);
	int child = wait_number("child");
	struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
	ck_assert(in && in->ok);
	ck_assert(wait_gone(child));
	input_free(&in);
	end();
}
END_TEST

/* Begins a program and cancels it: ms until that returns, and until all is
 * quiet. */
static void cancel_one(const char *script, bool family, int *returned_ms,
		       int *quiet_ms)
{
	begin(script, "[./a.sh]");
	jobs_stand_ask(&stand, "a", 1, 60000, REQUEST);
	int child = family ? wait_number("child") : 0;
	int leader = wait_number("leader");
	int64_t began = clock_mono_ms();
	pool_cancel_call(stand.pool, "r1/s/1",
			 show_find_agent(stand.show, "a"));
	*returned_ms = (int)(clock_mono_ms() - began);
	ck_assert(jobs_stand_quiet(&stand));
	*quiet_ms = (int)(clock_mono_ms() - began);
	ck_assert(!family || wait_gone(child));
	ck_assert(wait_gone(leader));
	ck_assert_ptr_null(mailbox_take(stand.engine));
	end();
}

START_TEST(test_cancel_running)
{
	int returned = INT_MAX, quiet = INT_MAX;
	/* A machine that does other things may be late now and then. */
	for (int i = 0; i < 5 && returned >= patience_at_most_ms(400); i++)
		cancel_one(FAMILY, true, &returned, &quiet);
	ck_assert_int_lt(returned, patience_at_most_ms(400));
	ck_assert_int_lt(quiet, patience_at_most_ms(8000));
	/* Without waiting for those that ignore SIGTERM. */
	quiet = INT_MAX;
	for (int i = 0; i < 5 && quiet >= patience_at_most_ms(450); i++)
		cancel_one("#!/bin/sh\necho leader $$ >&2\nexec sleep 60\n",
			   false, &returned, &quiet);
	ck_assert_int_lt(quiet, patience_at_most_ms(450));
}
END_TEST

/* The time of a call stands still and goes on with what was left of it. */
START_TEST(test_time_stands_still)
{
	begin("#!/bin/sh\necho leader $$ >&2\nexec sleep 60\n", "[./a.sh]");
	int a = show_find_agent(stand.show, "a");
	jobs_stand_ask(&stand, "a", 1, patience_waited_ms(2000), REQUEST);
	int leader = wait_number("leader");
	pool_stand_call(stand.pool, "r1/s/1", a, true);
	pool_stand_call(stand.pool, "r1/s/1", a, true);
	pool_stand_call(stand.pool, "r1/s/2", a, false); /* another's */
	ck_assert_ptr_null(
		mailbox_wait(stand.engine, patience_waited_ms(2500)));
	pool_stand_call(stand.pool, "r1/s/1", a, false);
	int64_t began = clock_mono_ms();
	struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
	ck_assert(in && !in->ok);
	ck_assert_str_eq(in->error_code, "timeout");
	ck_assert_int_lt((int)(clock_mono_ms() - began),
			 patience_at_most_ms(6000));
	ck_assert(wait_gone(leader));
	input_free(&in);

	/* It can still be cancelled. */
	jobs_stand_ask(&stand, "a", 3, 60000, REQUEST);
	leader = wait_number("leader");
	pool_stand_call(stand.pool, "r1/s/3", a, true);
	pool_cancel_call(stand.pool, "r1/s/3", a);
	ck_assert(jobs_stand_quiet(&stand));
	ck_assert(wait_gone(leader));
	end();
}
END_TEST

/* One that waits for a thread has its time when it gets one. */
START_TEST(test_time_stands_in_the_queue)
{
	begin("#!/bin/sh\necho leader $$ >&2\nexec sleep 60\n", "[./a.sh]");
	int a = show_find_agent(stand.show, "a");
	pool_free(&stand.pool);
	mailbox_free(&stand.engine);
	jobs_stand_open(&stand, 1);
	jobs_stand_ask(&stand, "a", 1, patience_waited_ms(3000), REQUEST);
	wait_number("leader");
	jobs_stand_ask(&stand, "a", 2, patience_waited_ms(2000), REQUEST);
	pool_stand_call(stand.pool, "r1/s/2", a, true);
	struct input *in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
	ck_assert(in && in->attempt == 1);
	input_free(&in);
	int leader = wait_number("leader"); /* it was begun */
	pool_stand_call(stand.pool, "r1/s/2", a, false);
	in = jobs_stand_wait(&stand, INPUT_ANSWER, NULL);
	ck_assert(in && in->attempt == 2 && in->reached);
	ck_assert_str_eq(in->error_code, "timeout");
	ck_assert(wait_gone(leader));
	input_free(&in);
	end();
}
END_TEST

START_TEST(test_free_kills)
{
	begin(FAMILY, "[./a.sh]");
	jobs_stand_ask(&stand, "a", 1, 60000, REQUEST);
	jobs_stand_ask(&stand, "a", 2, 60000, REQUEST);
	int child = wait_number("child");
	pool_free(&stand.pool);
	ck_assert(wait_gone(child));
	struct input *in;
	while ((in = mailbox_take(stand.engine))) {
		ck_assert_int_eq(in->kind, INPUT_PROGRESS);
		input_free(&in);
	}
	end();
}
END_TEST

START_TEST(test_no_descriptor_leaks)
{
	begin(NULL, "[cat]");
	static const char *const requests[] = {OK_JSON, "{}", "x"};
	int before = 0;
	for (int i = 0; i < 200; i++) {
		struct input *in =
			jobs_stand_call(&stand, "a", PLENTY_MS, requests[i % 3]);
		ck_assert(in && in->ok == (i % 3 == 0));
		input_free(&in);
		ck_assert(jobs_stand_quiet(&stand));
		if (i == 20)
			before = jobs_count_fds();
	}
	ck_assert_int_le(jobs_count_fds(), before + 3);
	end();
}
END_TEST

START_TEST(test_no_descriptors_left)
{
	begin(NULL, "[cat]");
	int fds[256], n = 0;
	struct rlimit few = {.rlim_cur = 200, .rlim_max = 200};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	struct input *in = jobs_stand_call(&stand, "a", PLENTY_MS, OK_JSON);
	ck_assert(in && in->ok);
	input_free(&in);
	in = jobs_stand_call(&stand, "a", PLENTY_MS, OK_JSON);
	input_free(&in);
	while (n < 256 && (fds[n] = dup(0)) >= 0)
		n++;
	in = jobs_stand_call(&stand, "a", PLENTY_MS, OK_JSON);
	while (n > 0)
		close(fds[--n]);
	ck_assert(in && !in->ok);
	ck_assert(!in->reached);
	input_free(&in);
	in = jobs_stand_call(&stand, "a", PLENTY_MS, OK_JSON);
	ck_assert(in && in->ok);
	input_free(&in);
	end();
}
END_TEST

/* The contract's own example, where espeak-ng is installed. */
START_TEST(test_espeak)
{
	begin(NULL, "[espeak-ng, --stdin, -w, \"{{output_file}}\"]");
	struct input *in = jobs_stand_call(&stand, "a", 10000, REQUEST);
	ck_assert_ptr_nonnull(in);
	if (in->error_code && strcmp(in->error_code, "not_found") == 0) {
		printf("# espeak-ng is not installed: not spoken\n");
	} else {
		ck_assert_msg(in->ok, "%s", in->text);
		ck_assert_int_gt(json_get_int(in->result, "output_bytes", 0),
				 10000);
		const char *path = json_get_str(in->result, "output_file", "");
		FILE *f = fopen(path, "r");
		char head[5] = "";
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fread(head, 1, 4, f), 4);
		ck_assert_str_eq(head, "RIFF");
		fclose(f);
	}
	input_free(&in);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jobs: exec agents");
	TCase *t = tcase_create("exec");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, test_outcome, 0, (int)COUNT_OF(outcomes));
	tcase_add_test(t, test_not_there);
	tcase_add_test(t, test_surroundings);
	tcase_add_test(t, test_large_request);
	tcase_add_test(t, test_progress);
	tcase_add_test(t, test_output_file);
	tcase_add_test(t, test_espeak);
	tcase_add_test(t, test_group_dies_at_deadline);
	tcase_add_test(t, test_group_dies_with_its_leader);
	tcase_add_test(t, test_cancel_running);
	tcase_add_test(t, test_time_stands_still);
	tcase_add_test(t, test_time_stands_in_the_queue);
	tcase_add_test(t, test_free_kills);
	tcase_add_test(t, test_no_descriptor_leaks);
	tcase_add_test(t, test_no_descriptors_left);
	suite_add_tcase(suite, t);
	return tap_run(suite);
}

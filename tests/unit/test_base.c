/* Errors, crashes, memory, hashes, clocks. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pages.h"
#include "base/text.h"
#include "tap.h"

/* ---- err ---- */

START_TEST(errors_are_sentences)
{
	struct err err;
	ck_assert(!err_set(&err, ERR_DATA, "%s: bad %d", "x.yaml", 3));
	ck_assert_int_eq(err.code, ERR_DATA);
	ck_assert_str_eq(err.text, "x.yaml: bad 3");
	ck_assert(!err_wrap(&err, "show %s", "first"));
	ck_assert_str_eq(err.text, "show first: x.yaml: bad 3");
	ck_assert_int_eq(err.code, ERR_DATA);
	/* its own text as an argument */
	err_set(&err, ERR_CONFIG, "again: %s", err.text);
	ck_assert_str_eq(err.text, "again: show first: x.yaml: bad 3");
	ck_assert(!err_set(NULL, ERR_DATA, "%s", "nobody asks"));
	ck_assert(!err_wrap(NULL, "x"));
}
END_TEST

START_TEST(errors_are_clean_and_bounded)
{
	struct err err;
	err_set(&err, ERR_DATA, "%s", "a\033[1mb\nc\377");
	ck_assert_str_eq(err.text, "a\357\277\275[1mb c\357\277\275");
	struct buf b = {0};
	while (b.len < 2000)
		buf_adds(&b, "\342\202\254"); /* 511 is no multiple of 3 */
	err_set(&err, ERR_DATA, "%s", b.data);
	ck_assert_uint_eq(strlen(err.text), 510);
	ck_assert(text_is_utf8(err.text, strlen(err.text)));
	err_wrap(&err, "%s", b.data);
	ck_assert_uint_eq(strlen(err.text), 510);
	buf_release(&b);
}
END_TEST

/* ---- crashes ---- */

static int report_fd;

static void report(void)
{
	REQUIRE(write(report_fd, "hook;", 5) == 5);
}

static void report_and_crash(void)
{
	report();
	raise(SIGSEGV);
}

static int overflow(volatile int depth)
{
	volatile char page[4096];
	page[0] = (char)depth;
	return depth < 0 ? page[0] : overflow(depth + 1) + page[0];
}

enum crash { REQUIRED, ABORTED, SEGV, OVERFLOWED, FPE_, IN_HOOK };

static void die(enum crash how)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	struct rlimit stack = {1 << 20, 1 << 20};
	setrlimit(RLIMIT_STACK, &stack);
	err_set_crash_hook(how == IN_HOOK ? report_and_crash : report);
	err_catch_crashes();
	switch (how) {
	case IN_HOOK:
	case REQUIRED:
		REQUIRE(how == SEGV);
		break;
	case ABORTED:
		abort();
	case SEGV:
		raise(SIGSEGV);
		break;
	case FPE_:
		kill(getpid(), SIGFPE);
		break;
	case OVERFLOWED:
		overflow(0);
		break;
	}
	_exit(0);
}

/* How a process dies, and what its hook and its stderr said meanwhile. */
static int watch_die(enum crash how, char *said, size_t bytes)
{
	int fds[2], status;
	ck_assert_int_eq(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		report_fd = fds[1];
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		die(how);
	}
	close(fds[1]);
	size_t len = 0;
	ssize_t n;
	while (len < bytes - 1 &&
	       (n = read(fds[0], said + len, bytes - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int hooks_in(const char *said)
{
	int n = 0;
	while ((said = strstr(said, "hook;"))) {
		said += 5;
		n++;
	}
	return n;
}

START_TEST(every_crash_runs_the_hook_once)
{
	static const struct {
		enum crash how;
		int signal;
	} crashes[] = {
		{REQUIRED, SIGABRT},
		{ABORTED, SIGABRT},
		{SEGV, SIGSEGV},
		{FPE_, SIGFPE},
		{IN_HOOK, SIGSEGV},
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		{OVERFLOWED, SIGSEGV},
#endif
	};
	for (size_t i = 0; i < COUNT_OF(crashes); i++) {
		char said[4096];
		int signo = watch_die(crashes[i].how, said, sizeof said);
		ck_assert_msg(signo == crashes[i].signal, "%zu: %d: %s", i,
			      signo, said);
		ck_assert_msg(hooks_in(said) == 1, "%zu: %s", i, said);
		if (crashes[i].how == REQUIRED) {
			ck_assert_ptr_nonnull(strstr(said, "test_base.c:"));
			ck_assert_ptr_nonnull(strstr(said, "how == SEGV"));
		}
	}
}
END_TEST

/* ---- mem ---- */

START_TEST(allocation)
{
	free(xmalloc(0));
	free(xcalloc(0, 8));
	void *p = xrealloc(NULL, 0);
	free(p);
	ck_assert_ptr_null(xstrdup(NULL));
	char *s = xstrndup("abcdef", 3);
	ck_assert_str_eq(s, "abc");
	free(s);
	s = xstrndup("ab", 99);
	ck_assert_str_eq(s, "ab");
	free(s);
	s = xasprintf("%d-%s", 7, "x");
	ck_assert_str_eq(s, "7-x");
	free(s);
	int *list = NULL;
	size_t count = 0, cap = 0;
	for (int i = 0; i < 1000; i++) {
		GROW(list, count, cap);
		list[count++] = i;
	}
	ck_assert_int_eq(list[999], 999);
	free(list);
}
END_TEST

START_TEST(overflowing_products_abort)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	void *p = xreallocarray(NULL, SIZE_MAX / 2, 3);
	free(p);
}
END_TEST

START_TEST(buffers_grow)
{
	struct buf b = {0};
	ck_assert_str_eq(buf_str(&b), "");
	char *s = buf_take(&b);
	ck_assert_str_eq(s, "");
	free(s);
	buf_clear(&b);
	buf_add(&b, NULL, 0);
	ck_assert_str_eq(buf_str(&b), "");
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i);
	buf_addf(&b, "%0500d", 7); /* longer than the room left */
	ck_assert_uint_eq(b.len, 3890 + 500);
	ck_assert_uint_eq(strlen(b.data), b.len);
	buf_clear(&b);
	ck_assert_str_eq(b.data, "");
	buf_addc(&b, 'x');
	buf_adds(&b, "yz");
	buf_add(&b, "\0w", 2);
	ck_assert_uint_eq(b.len, 5);
	ck_assert_int_eq(memcmp(b.data, "xyz\0w\0", 6), 0);
	s = buf_take(&b);
	ck_assert(b.data == NULL && b.len == 0 && b.cap == 0);
	free(s);
	buf_release(&b);
}
END_TEST

START_TEST(arenas_hold)
{
	struct arena a = {0};
	char *first = arena_strdup(&a, "first");
	ck_assert_ptr_null(arena_strdup(&a, NULL));
	for (size_t size = 0; size < 3000; size++) {
		char *p = arena_alloc(&a, size);
		ck_assert((uintptr_t)p % _Alignof(max_align_t) == 0);
		for (size_t i = 0; i < size; i++)
			if (p[i])
				ck_abort_msg("not zeroed");
		memset(p, 'x', size);
	}
	char *big = arena_alloc(&a, 10000000);
	memset(big, 'x', 10000000);
	ck_assert_str_eq(first, "first");
	ck_assert_str_eq(arena_strndup(&a, "abcdef", 2), "ab");
	arena_release(&a);
	arena_release(&a);
}
END_TEST

/* ---- hash ---- */

START_TEST(hashes)
{
	char hex[HASH_HEX_BYTES];
	ck_assert_str_eq(hash_sha256_hex(hex, "", 0),
			 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495"
			 "991b7852b855");
	ck_assert_str_eq(hash_sha256_hex(hex, "abc", 3),
			 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410"
			 "ff61f20015ad");
	char *million = xmalloc(1000000);
	memset(million, 'a', 1000000);
	ck_assert_str_eq(hash_sha256_hex(hex, million, 1000000),
			 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d"
			 "39ccc7112cd0");
	free(million);
}
END_TEST

START_TEST(base64)
{
	/* RFC 4648, section 10 */
	static const char *const want[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		char *s = hash_base64("foobar", i);
		ck_assert_str_eq(s, want[i]);
		free(s);
	}
	char *s = hash_base64("\373\377\376", 3);
	ck_assert_str_eq(s, "+//+");
	free(s);
}
END_TEST

/* Taken from a real OBS 29 with a password. */
START_TEST(obs_authentication)
{
	char *secret = hash_sha256_base64(
		"kokoro-test-pw",
		"l1hJlZtZ2gWtJvYOaSjbAr0L/Vx+VdQom/OOoi/XBsU=");
	ck_assert_str_eq(secret,
			 "6r8IG8xcfFi2j1dEbmaZw6fb0K4k1o1/fpMRzMfrNuM=");
	char *answer = hash_sha256_base64(
		secret, "/WNKCy7Ol5KbY4RAcFAgEAJC2ASbd18MjmCRsFMuC48=");
	ck_assert_str_eq(answer,
			 "C2bRFDFQZTEH9Y4uSawooMum+jsIVg/wDusL7loo4xM=");
	free(secret);
	free(answer);
}
END_TEST

START_TEST(chance_and_secrets)
{
	char a[65], b[65];
	hash_random_hex(a, 32);
	hash_random_hex(b, 32);
	ck_assert_uint_eq(strlen(a), 64);
	ck_assert_uint_eq(strspn(a, "0123456789abcdef"), 64);
	ck_assert_str_ne(a, b);
	ck_assert(hash_equal_secret(a, a));
	ck_assert(!hash_equal_secret(a, b));
	ck_assert(!hash_equal_secret("abc", "abcd"));
	ck_assert(!hash_equal_secret("", "a"));
	ck_assert(hash_equal_secret("", ""));
}
END_TEST

/* ---- clock ---- */

/* RFC 4231, cases 2 and 6, in turns: a key that stays is not given anew. */
START_TEST(macs_follow_their_key)
{
	char long_key[132], mac[HASH_HEX_BYTES];
	memset(long_key, 0xaa, 131);
	long_key[131] = '\0';
	for (int i = 0; i < 6; i++) {
		bool second = i % 3 == 2;
		hash_hmac_hex(mac, second ? long_key : "Jefe",
			      second ? "Test Using Larger Than Block-Size Key "
				       "- Hash Key First"
				     : "what do ya want for nothing?");
		ck_assert_str_eq(mac,
				 second ? "60e431591ee0b67f0d8a26aacbf5b77f"
					  "8e0bc6213728c5140546040f0ee37f54"
					: "5bdcc146bf60754e6a042426089575c7"
					  "5a003f089d2739839dec58b964ec3843");
	}
}
END_TEST

/* Resident pages of files, of this program. */
static long file_pages(void)
{
	long all = 0, resident = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld %ld", &all, &resident, &shared), 3);
	fclose(f);
	return shared;
}

START_TEST(pages_that_are_given_back_come_again)
{
	char before[HASH_HEX_BYTES], after[HASH_HEX_BYTES];
	hash_sha256_hex(before, "abc", 3);
	long had = file_pages();
	pages_give_back();
	ck_assert_int_lt(file_pages(), had);
	ck_assert_str_eq(hash_sha256_hex(after, "abc", 3), before);
}
END_TEST

START_TEST(dates)
{
	static const struct {
		int64_t ms;
		const char *want;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1, "1970-01-01T00:00:00.001Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{1772393400123, "2026-03-01T19:30:00.123Z"},
		{951782399999, "2000-02-28T23:59:59.999Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{951868800000, "2000-03-01T00:00:00.000Z"},
		{4107542400000, "2100-03-01T00:00:00.000Z"},
		{4107456000000, "2100-02-28T00:00:00.000Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
		{-62167219200000, "0000-01-01T00:00:00.000Z"},
		{INT64_MIN, "0000-01-01T00:00:00.000Z"},
	};
	char out[25];
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		ck_assert_str_eq(clock_rfc3339(out, sizeof out, cases[i].ms),
				 cases[i].want);
	/* Every day for 800 years, against the C library. */
	for (int64_t day = -146097; day < 146097; day++) {
		time_t t = day * 86400;
		struct tm tm;
		char want[40];
		gmtime_r(&t, &tm);
		strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		clock_rfc3339(out, sizeof out, (int64_t)t * 1000);
		if (strcmp(out, want) != 0)
			ck_abort_msg("%s, not %s", out, want);
	}
}
END_TEST

START_TEST(clocks_go_forward)
{
	struct timespec wall;
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
	int64_t show = clock_show_ms(), mono = clock_mono_us();
	clock_gettime(CLOCK_REALTIME, &wall);
	int64_t then_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
	ck_assert_int_ge(show, wall_ms - 1000);
	ck_assert_int_le(show, then_ms + 1000);
	for (int i = 0; i < 10000; i++) {
		int64_t show_now = clock_show_ms(), mono_now = clock_mono_us();
		if (show_now < show || mono_now < mono)
			ck_abort_msg("backwards");
		show = show_now;
		mono = mono_now;
	}
	int64_t mono_ms = clock_mono_ms();
	ck_assert_int_ge(mono_ms, mono / 1000 - 1);
	ck_assert_int_le(mono_ms, clock_mono_us() / 1000 + 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	tap_add(s, "errors are sentences", errors_are_sentences);
	tap_add(s, "errors are clean and bounded",
		errors_are_clean_and_bounded);
	tap_add(s, "every crash runs the hook once",
		every_crash_runs_the_hook_once);
	tap_add(s, "allocation", allocation);
	TCase *tc = tcase_create("overflowing products abort");
	tcase_add_test_raise_signal(tc, overflowing_products_abort, SIGABRT);
	suite_add_tcase(s, tc);
	tap_add(s, "buffers grow", buffers_grow);
	tap_add(s, "arenas hold", arenas_hold);
	tap_add(s, "SHA-256", hashes);
	tap_add(s, "base64", base64);
	tap_add(s, "OBS authentication", obs_authentication);
	tap_add(s, "chance and secrets", chance_and_secrets);
	tap_add(s, "MACs follow their key", macs_follow_their_key);
	tap_add(s, "pages that are given back come again",
		pages_that_are_given_back_come_again);
	tap_add(s, "dates", dates);
	tap_add(s, "clocks go forward", clocks_go_forward);
	return tap_run(s);
}

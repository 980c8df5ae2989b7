/*
 * A real OBS that hangs, dies, exits, is away, has another password, and comes
 * back: nothing old is shown as true, nothing sent is silently lost, and it is
 * found again within a second.
 */
#include "obs_stand.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

static const char show_obs[] = "  safe_scene: Starting Soon\n";

static void end_obs(int sig)
{
	if (sig == SIGINT)
		obs_close();
	else
		kill(obs_pid(), sig);
	WAIT(!s->obs.connected && s->obs.error, 10000);
	WAIT(!s->obs.program_scene && !s->obs.scenes.count, 0);
}

static void back(void)
{
	ck_assert_int_eq(obs_script("again"), 0);
	WAIT(s->obs.connected && s->obs.scenes.count == 4, 30000);
}

static void panic_says(const char *words)
{
	char *answer = operator_ask(s, "POST", "/api/v1/actions/panic", "{}");
	ck_assert_msg(strstr(answer, words) != NULL, "%s", answer);
	free(answer);
}

START_TEST(terminated_it_is_gone_without_a_word)
{
	end_obs(SIGTERM);
	WAIT(strstr(s->obs.error, "lost") || strstr(s->obs.error, "listens"),
	     3000);
	do_obs("scene", "{\"scene\":\"Live\"}", 503);
	back();
}
END_TEST

START_TEST(what_was_sent_to_one_that_dies_has_failed)
{
	do_confirmed("transition", "{\"name\":\"Fade\",\"ms\":10000}");
	mark();
	do_obs("scene", "{\"scene\":\"Live\"}", 200);
	kill(obs_pid(), SIGKILL);
	await(EVENT_OBS_COMMAND, "\"state\":\"failed\"", 5000);
	ck_assert(came(EVENT_OBS_COMMAND, "not connected"));
	await(EVENT_ALARM_RAISE, "obs-command", 3000);
	back();
}
END_TEST

START_TEST(what_was_sent_to_one_that_hangs_is_an_alarm)
{
	kill(obs_pid(), SIGSTOP);
	mark();
	do_obs("scene", "{\"scene\":\"Live\"}", 200);
	await(EVENT_OBS_COMMAND, "\"state\":\"failed\"", 8000);
	await(EVENT_ALARM_RAISE, "obs-command", 3000);
	WAIT(!s->obs.connected, 10000);
	kill(obs_pid(), SIGCONT);
	WAIT(s->obs.connected, 20000);
}
END_TEST

START_TEST(panic_on_one_that_hangs_says_so)
{
	do_confirmed("scene", "{\"scene\":\"Live\"}");
	kill(obs_pid(), SIGSTOP);
	mark();
	int64_t began = clock_mono_ms();
	panic_says("safe scene sent");
	await(EVENT_ALARM_RAISE, "NOT confirmed", 5000);
	ck_assert_int_lt((int)(clock_mono_ms() - began),
			 patience_at_most_ms(4000));
	kill(obs_pid(), SIGCONT);
	/* It is what it then did, or does when it is found again. */
	WAIT(s->obs.connected && is(s->obs.program_scene, "Starting Soon"),
	     20000);
	await(EVENT_ALARM_CLEAR, "obs-panic", 5000);
}
END_TEST

START_TEST(panic_without_obs_is_made_up_for)
{
	end_obs(SIGKILL);
	mark();
	panic_says("OBS is NOT connected");
	await(EVENT_ALARM_RAISE, "obs-panic", 3000);
	int fd;
	ck_assert_int_eq(obs_script("again"), 0);
	WAIT(s->obs.connected, 30000);
	await(EVENT_ALARM_CLEAR, "obs-panic", 8000);
	fd = look_on(0);
	char *is = tell(fd, "GetCurrentProgramScene", "{}");
	ck_assert_ptr_nonnull(strstr(is, "Starting Soon"));
	free(is);
	close(fd);
}
END_TEST

static void write_password(const char *password)
{
	char *path = xasprintf("%s/config/obs-studio/global.ini", bed.dir);
	char *text = file_read(path, 1 << 20, NULL, NULL);
	char *at = text ? strstr(text, "ServerPassword=") : NULL;
	ck_assert_ptr_nonnull(at);
	const char *rest = strchr(at, '\n');
	*at = '\0';
	char *all = xasprintf("%sServerPassword=%s%s", text, password,
			      rest ? rest : "\n");
	ck_assert(file_write(path, all, strlen(all), 0600, NULL));
	free(all);
	free(text);
	free(path);
}

START_TEST(another_password_stops_it_until_it_is_told)
{
	end_obs(SIGINT);
	obs_ended(); /* it writes its settings then */
	write_password("another");
	ck_assert_int_eq(obs_script("again"), 0);
	WAIT(s->obs.error && strstr(s->obs.error, "password"), 30000);
	do_obs("scene", "{\"scene\":\"Live\"}", 503);
	setenv("TEST_OBS_PASSWORD", "another", 1);
	do_confirmed("connect", "{}");
	WAIT(s->obs.connected, 5000);
	end_obs(SIGINT);
	obs_ended();
	write_password(OBS_PASSWORD);
	setenv("TEST_OBS_PASSWORD", OBS_PASSWORD, 1);
	do_obs("connect", "{}", 200);
	back();
}
END_TEST

START_TEST(one_that_dies_in_a_change_is_read_anew)
{
	mark();
	net_obs(s->net, "c", "SetCurrentSceneCollection",
		"{\"sceneCollectionName\":\"Other\"}");
	await(EVENT_OBS_STATUS, "\"changing\":true", 8000);
	kill(obs_pid(), SIGKILL);
	WAIT(!s->obs.connected && !s->obs.changing, 5000);
	back();
	WAIT(!s->obs.changing && s->obs.collection, 0);
}
END_TEST

static bool listens(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)bed.port)};
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = !connect(fd, (struct sockaddr *)&name, sizeof name);
	close(fd);
	return ok;
}

static int64_t is_found_after(void)
{
	end_obs(SIGINT);
	obs_ended();
	/* Long enough away for the longest pause between two attempts. */
	poll(NULL, 0, 3000);
	ck_assert_int_eq(obs_script("again"), 0);
	int64_t end = clock_mono_ms() + patience_ms(30000);
	while (!listens() && clock_mono_ms() < end)
		poll(NULL, 0, 10);
	int64_t began = clock_mono_ms();
	WAIT(s->obs.connected, 10000);
	return clock_mono_ms() - began;
}

START_TEST(one_that_is_back_is_found_within_a_second)
{
	bool in_time = false;
	/* A machine that does other things may be late now and then: nearly all
	 * of the second may go before the next attempt. */
	for (int i = 0; i < 6 && !in_time; i++)
		in_time = is_found_after() < 1000;
	ck_assert(in_time);
}
END_TEST

START_TEST(one_that_was_not_there_at_first_is_found)
{
	end_obs(SIGINT);
	house_close();
	house_open("", show_obs, NULL);
	WAIT(s->obs.error != NULL, 5000);
	setenv("TEST_OBS_PASSWORD", OBS_PASSWORD, 1);
	do_obs("connect", "{}", 200);
	back();
}
END_TEST

START_TEST(a_core_that_begins_anew_knows_no_outcome)
{
	do_confirmed("scene", "{\"scene\":\"Live\"}");
	house_close();
	house_open(OBS_PASSWORD, show_obs, NULL);
	WAIT(is(s->obs.program_scene, "Live"), 3000);
}
END_TEST

START_TEST(two_houses_at_one_obs_see_the_same)
{
	struct stand *first = s;
	house_open(OBS_PASSWORD, show_obs, NULL);
	struct stand *second = s;
	for (int i = 0; i < 10; i++) {
		s = i % 2 ? first : second;
		do_obs("scene",
		       i % 2 ? "{\"scene\":\"Live\"}" : "{\"scene\":\"Poll\"}",
		       200);
	}
	/* Each sends one after the other: what one has still to send would be
	 * the last word. */
	WAIT(s->done_count >= 5, 10000);
	s = first;
	WAIT(s->done_count >= 5, 10000);
	do_confirmed("scene", "{\"scene\":\"Sound\"}");
	WAIT(is(s->obs.program_scene, "Sound"), 5000);
	s = second;
	WAIT(is(s->obs.program_scene, "Sound"), 5000);
	house_close();
	s = first;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("obs_faults");
	house_obs = show_obs;
	ADD(terminated_it_is_gone_without_a_word);
	ADD(what_was_sent_to_one_that_dies_has_failed);
	ADD(what_was_sent_to_one_that_hangs_is_an_alarm);
	ADD(panic_on_one_that_hangs_says_so);
	ADD(panic_without_obs_is_made_up_for);
	ADD(another_password_stops_it_until_it_is_told);
	ADD(one_that_dies_in_a_change_is_read_anew);
	ADD(one_that_is_back_is_found_within_a_second);
	ADD(one_that_was_not_there_at_first_is_found);
	ADD(a_core_that_begins_anew_knows_no_outcome);
	ADD(two_houses_at_one_obs_see_the_same);
	return obs_bed_run(suite, false);
}

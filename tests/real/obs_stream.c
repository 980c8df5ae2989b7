/*
 * The stream of a real OBS into a real RTMP ingest that is there, is not there,
 * drops it, hangs and comes back. What OBS says is believed, and what it
 * answers is not.
 */
#include "obs_stand.h"

#include <stdlib.h>

static void start_stream(void)
{
	ingest_has(
		false); /* it takes no second one while it has one of before */
	do_confirmed("stream", "{\"action\":\"start\"}");
	WAIT(s->obs.streaming && !s->obs.reconnecting, 5000);
}

/* Under the lock. */
static double figure(const char *name)
{
	json_object *o =
		s->figures ? json_read_str(s->figures, &json_limits_own, NULL)
			   : NULL;
	double v = json_get_num(o, name, -1);
	json_object_put(o);
	return v;
}

START_TEST(a_stream_is_active_when_the_ingest_has_it)
{
	start_stream();
	ingest_has(true);
	do_confirmed("stream", "{\"action\":\"start\"}"); /* it is */
	WAIT(figure("stream_ms") > 0, 5000);
	WAIT(figure("kbps") > 0, 8000);
	do_confirmed("stream", "{\"action\":\"stop\"}");
	WAIT(!s->obs.streaming, 5000);
	ingest_has(false);
	do_confirmed("stream", "{\"action\":\"stop\"}"); /* it was */
	/* What OBS counted of the run before is no stream. */
	WAIT(figure("stream_ms") == 0 && figure("kbps") == 0, 5000);
}
END_TEST

START_TEST(a_dead_ingest_is_said_although_obs_answers_100)
{
	do_confirmed("profile", "{\"name\":\"Dead\"}");
	WAIT(is(s->obs.profile, "Dead") && !s->obs.changing, 8000);
	do_failed("stream", "{\"action\":\"start\"}", "is the ingest there");
	await(EVENT_ALARM_RAISE, "stream start", 3000);
	WAIT(!s->obs.streaming, 3000);
}
END_TEST

START_TEST(a_key_that_the_ingest_refuses_is_said)
{
	int fd = look_on(0);
	char *wrong =
		xasprintf("{\"streamServiceType\":\"rtmp_custom\","
			  "\"streamServiceSettings\":{\"server\":"
			  "\"rtmp://127.0.0.1:%d/live\",\"key\":\"wrong\"}}",
			  bed.rtmp_port);
	char *right =
		xasprintf("{\"streamServiceType\":\"rtmp_custom\","
			  "\"streamServiceSettings\":{\"server\":"
			  "\"rtmp://127.0.0.1:%d/live\",\"key\":\"house\"}}",
			  bed.rtmp_port);
	free(tell(fd, "SetStreamServiceSettings", wrong));
	do_failed("stream", "{\"action\":\"start\"}", "the key right");
	free(tell(fd, "SetStreamServiceSettings", right));
	start_stream();
	free(wrong);
	free(right);
	close(fd);
}
END_TEST

START_TEST(a_dropped_stream_reconnects)
{
	start_stream();
	ingest_has(true);
	mark();
	ingest_drop();
	/* It says "not active" then, and it is what tries. */
	await(EVENT_OBS_STATUS, "\"streaming\":true,\"reconnecting\":true",
	      8000);
	WAIT(s->obs.streaming && !s->obs.reconnecting, 15000);
	ingest_has(true);
	WAIT(figure("kbps") >= 0, 0);
}
END_TEST

START_TEST(who_comes_while_it_reconnects_sees_that)
{
	start_stream();
	ingest_script("stop");
	WAIT(s->obs.reconnecting, 8000);
	house_close();
	house_open(OBS_PASSWORD, NULL, NULL);
	WAIT(s->obs.streaming && s->obs.reconnecting, 5000);
	/* A stop works at once. */
	do_confirmed("stream", "{\"action\":\"stop\"}");
	WAIT(!s->obs.streaming && !s->obs.reconnecting, 5000);
	ck_assert_int_eq(ingest_script("again"), 0);
}
END_TEST

START_TEST(an_ingest_that_is_back_has_the_stream_again)
{
	start_stream();
	ingest_script("stop");
	WAIT(s->obs.reconnecting, 8000);
	ck_assert_int_eq(ingest_script("again"), 0);
	WAIT(s->obs.streaming && !s->obs.reconnecting, 20000);
	ingest_has(true);
}
END_TEST

START_TEST(a_stream_that_obs_gives_up_is_an_alarm)
{
	do_confirmed("profile", "{\"name\":\"Brief\"}");
	WAIT(is(s->obs.profile, "Brief") && !s->obs.changing, 8000);
	start_stream();
	mark();
	ingest_script("stop");
	/* It tries again after one second, and after one and a half: that may
	 * be over already. */
	await(EVENT_OBS_STATUS, "\"streaming\":true,\"reconnecting\":true",
	      8000);
	WAIT(!s->obs.streaming && !s->obs.reconnecting, 20000);
	await(EVENT_ALARM_RAISE, "the stream has ended", 3000);
	ck_assert_int_eq(ingest_script("again"), 0);
	/* It does not come back by itself; a start brings it. */
	ck_assert(!ingest_has_stream(NULL));
	start_stream();
	await(EVENT_ALARM_CLEAR, "obs/stream", 5000);
}
END_TEST

START_TEST(an_ingest_that_hangs_is_no_stream)
{
	kill(ingest_pid(), SIGSTOP);
	/* It takes the connection and says nothing. */
	do_failed("stream", "{\"action\":\"start\"}", "ingest");
	WAIT(!s->obs.streaming, 0);
	kill(ingest_pid(), SIGCONT);
}
END_TEST

START_TEST(congestion_is_seen)
{
	start_stream();
	ingest_has(true);
	kill(ingest_pid(), SIGSTOP);
	WAIT(figure("congestion") > 0.1, 20000);
	kill(ingest_pid(), SIGCONT);
	WAIT(s->obs.streaming && !s->obs.reconnecting, 20000);
}
END_TEST

START_TEST(who_comes_to_a_running_stream_sees_it)
{
	start_stream();
	do_confirmed("record", "{\"action\":\"start\"}");
	house_close();
	house_open(OBS_PASSWORD, NULL, NULL);
	WAIT(s->obs.streaming && s->obs.recording, 3000);
}
END_TEST

START_TEST(obs_closed_while_it_streams_is_no_stream)
{
	start_stream();
	obs_close();
	/* It ends its outputs first. */
	WAIT(!s->obs.connected && !s->obs.streaming, 30000);
	/* It knocks again at once, and then nothing listens there. (Where the
	 * machine is busy, OBS may be gone before its goodbye is sent.) */
	WAIT(strstr(s->obs_errors, "clos") || strstr(s->obs_errors, "lost"),
	     3000);
	ck_assert_int_eq(obs_script("again"), 0);
	WAIT(s->obs.connected && !s->obs.streaming, 30000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("obs_stream");
	setenv("OBS_KBPS", "6000", 1);
	ADD(a_stream_is_active_when_the_ingest_has_it);
	ADD(a_dead_ingest_is_said_although_obs_answers_100);
	ADD(a_key_that_the_ingest_refuses_is_said);
	ADD(a_dropped_stream_reconnects);
	ADD(who_comes_while_it_reconnects_sees_that);
	ADD(an_ingest_that_is_back_has_the_stream_again);
	ADD(a_stream_that_obs_gives_up_is_an_alarm);
	ADD(an_ingest_that_hangs_is_no_stream);
	ADD(congestion_is_seen);
	ADD(who_comes_to_a_running_stream_sees_it);
	ADD(obs_closed_while_it_streams_is_no_stream);
	return obs_bed_run(suite, true);
}

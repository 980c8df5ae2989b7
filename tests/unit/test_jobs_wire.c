/* jobs: what checks read off the wire: sounds, RTMP, WebSocket frames, events,
 * and what steps fill in. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "jobs/audio.h"
#include "jobs/fill.h"
#include "jobs/rtmp.h"
#include "jobs/sse.h"
#include "jobs/wire_ws.h"
#include "tap.h"

#define RATE 48000
#define PI   3.14159265358979323846

/* --- sounds ------------------------------------------------------------- */

static void add_le(struct buf *b, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		buf_addc(b, (char)(value >> 8 * i & 0xff));
}

/* A WAV of a tone of 997 Hz in both channels: `ms` of it at `level` of full
 * scale (beyond 1 it clips), between two silences of `still_ms`. `claims`: what
 * the header says that there is; 0: the truth. */
static struct buf make_wav(int ms, double level, int still_ms, uint32_t claims)
{
	struct buf b = {0};
	int still = still_ms * RATE / 1000, tone = ms * RATE / 1000;
	uint32_t bytes = (uint32_t)(2 * still + tone) * 4;
	buf_adds(&b, "RIFF");
	add_le(&b, claims ? claims + 36 : bytes + 36, 4);
	buf_adds(&b, "WAVEfmt ");
	add_le(&b, 16, 4);
	add_le(&b, 1, 2);
	add_le(&b, 2, 2);
	add_le(&b, RATE, 4);
	add_le(&b, RATE * 4, 4);
	add_le(&b, 4, 2);
	add_le(&b, 16, 2);
	buf_adds(&b, "data");
	add_le(&b, claims ? claims : bytes, 4);
	for (int i = 0; i < 2 * still + tone; i++) {
		double v = i < still || i >= still + tone
				   ? 0
				   : level * sin(2 * PI * 997 * i / RATE);
		v = v > 1 ? 1 : v < -1 ? -1 : v;
		uint32_t sample = (uint32_t)(int32_t)lround(v * 32767);
		add_le(&b, sample & 0xffff, 2);
		add_le(&b, sample & 0xffff, 2);
	}
	return b;
}

/* EBU Tech 3341: a stereo sine of 1 kHz at -23 dBFS is -23 LUFS. */
START_TEST(test_loudness)
{
	struct buf wav = make_wav(5000, pow(10, -23.0 / 20), 0, 0);
	struct audio_facts f;
	struct err err = {0};
	ck_assert_msg(audio_measure(wav.data, wav.len, &f, &err), "%s",
		      err.text);
	ck_assert_int_eq(f.duration_ms, 5000);
	ck_assert_int_eq(f.sample_rate, RATE);
	ck_assert_int_eq(f.channels, 2);
	ck_assert_double_eq_tol(f.loudness_lufs, -23, 0.1);
	ck_assert_double_eq_tol(f.peak_dbfs, -23, 0.1);
	ck_assert_int_eq(f.clipped, 0);
	ck_assert(audio_sounds(&f));
	ck_assert_str_eq(f.format, "WAV");
	ck_assert_int_eq(f.peak_count, AUDIO_PEAKS);
	for (int i = 0; i < f.peak_count; i++)
		ck_assert_int_eq(f.peaks[i], 7);
	buf_release(&wav);
}
END_TEST

START_TEST(test_silence_and_clipping)
{
	struct buf wav = make_wav(1000, 1.5, 700, 0);
	struct audio_facts f;
	struct err err = {0};
	ck_assert(audio_measure(wav.data, wav.len, &f, &err));
	ck_assert_int_eq(f.duration_ms, 2400);
	ck_assert_int_ge(f.silence_ms, 699);
	ck_assert_int_le(f.silence_ms, 702);
	ck_assert_int_gt(f.clipped, 1000);
	ck_assert_int_eq(f.peaks[0], 0);
	ck_assert_int_eq(f.peaks[AUDIO_PEAKS / 2], 100);
	buf_release(&wav);
	wav = make_wav(0, 0, 300, 0);
	ck_assert(audio_measure(wav.data, wav.len, &f, &err));
	ck_assert(!audio_sounds(&f));
	ck_assert(isinf(f.peak_dbfs) && isinf(f.loudness_lufs));
	buf_release(&wav);
}
END_TEST

/* What a program writes into a pipe: it cannot know how much it will be. */
START_TEST(test_header_that_lies)
{
	struct buf wav = make_wav(500, 0.5, 0, 0x7ffff000);
	struct audio_facts f;
	struct err err = {0};
	ck_assert_msg(audio_measure(wav.data, wav.len, &f, &err), "%s",
		      err.text);
	ck_assert_int_eq(f.duration_ms, 500);
	buf_release(&wav);
	ck_assert(!audio_measure("<html>", 6, &f, &err));
	ck_assert(!audio_measure("", 0, &f, &err));
	ck_assert(!audio_measure("RIFF\xff\xff\xff\xffWAVE", 12, &f, &err));
}
END_TEST

/* --- RTMP --------------------------------------------------------------- */

static void add_amf(struct buf *b, const char *name, const char *text)
{
	buf_addc(b, 0);
	buf_addc(b, (char)strlen(name));
	buf_adds(b, name);
	buf_addc(b, 2);
	buf_addc(b, 0);
	buf_addc(b, (char)strlen(text));
	buf_adds(b, text);
}

/* What a server sends behind the handshake: its chunk size, and the answer in
 * pieces of that, behind a message that does not matter. */
static struct buf make_reply(const char *name, const char *code)
{
	struct buf b = {0}, m = {0};
	const char size[] = {2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 40};
	const char ack[] = {0x42, 0, 0, 0, 0, 0, 4, 5, 1, 2, 3, 4};
	buf_add(&b, size, sizeof size);
	buf_add(&b, ack, sizeof ack);
	buf_addc(&m, 2);
	buf_addc(&m, 0);
	buf_addc(&m, (char)strlen(name));
	buf_adds(&m, name);
	buf_add(&m, "\0\x3f\xf0\0\0\0\0\0\0", 9); /* the number 1 */
	buf_add(&m, "\5\3", 2);			  /* null, and an object */
	add_amf(&m, "level", "status");
	add_amf(&m, "code", code);
	add_amf(&m, "description", "Well\x1b[31m.");
	buf_add(&m, "\0\0\t", 3);
	const char head[] = {3, 0, 0, 0, 0, 0, (char)m.len, 20, 0, 0, 0, 0};
	buf_add(&b, head, sizeof head);
	for (size_t at = 0; at < m.len; at += 40) {
		size_t left = m.len - at;
		if (at)
			buf_addc(&b, (char)0xc3);
		buf_add(&b, m.data + at, left < 40 ? left : 40);
	}
	buf_release(&m);
	return b;
}

START_TEST(test_rtmp)
{
	struct rtmp_reply r;
	struct buf b = make_reply("_result", "NetConnection.Connect.Success");
	for (size_t n = 0; n < b.len; n++)
		ck_assert_int_eq(rtmp_read(b.data, n, &r), RTMP_MORE);
	ck_assert_int_eq(rtmp_read(b.data, b.len, &r), RTMP_ANSWERED);
	ck_assert(r.accepted);
	ck_assert_str_eq(r.code, "NetConnection.Connect.Success");
	ck_assert_ptr_null(strchr(r.description, '\x1b'));
	buf_release(&b);
	b = make_reply("_error", "NetConnection.Connect.Rejected");
	ck_assert_int_eq(rtmp_read(b.data, b.len, &r), RTMP_ANSWERED);
	ck_assert(!r.accepted);
	/* whatever stands there, it ends */
	uint32_t chance = 7;
	for (int round = 0; round < 20000; round++) {
		chance = chance * 1664525 + 1013904223;
		size_t at = chance % b.len;
		char before = b.data[at];
		b.data[at] = (char)(chance >> 24);
		rtmp_read(b.data, b.len, &r);
		if (round % 3)
			b.data[at] = before;
	}
	buf_release(&b);
	ck_assert_int_eq(rtmp_read("\xc3", 1, &r), RTMP_GARBAGE);
	rtmp_connect(&b, "live", "rtmp://a-host-with-a-long-name.example/live");
	ck_assert_int_eq((unsigned char)b.data[12 + 128], 0xc3);
	buf_release(&b);
}
END_TEST

/* --- WebSocket ---------------------------------------------------------- */

START_TEST(test_ws)
{
	struct buf in = {0}, parts = {0}, message = {0};
	int code = 0;
	/* "Hel" and "lo", a ping between them, and a close */
	buf_add(&in,
		"\x01\x03Hel\x89\x01!\x80\x02lo\x88\x05\x0f\xa9"
		"bad",
		20);
	const enum wire_ws_what wants[] = {WIRE_WS_PASS, WIRE_WS_PING,
					   WIRE_WS_TEXT, WIRE_WS_CLOSE,
					   WIRE_WS_MORE};
	const char *texts[] = {NULL, "!", "Hello", "bad", NULL};
	for (size_t i = 0; i < COUNT_OF(wants); i++) {
		ck_assert_int_eq(
			wire_ws_read(&in, &parts, &message, &code, 1000),
			wants[i]);
		if (texts[i])
			ck_assert_str_eq(buf_str(&message), texts[i]);
	}
	ck_assert_int_eq(code, 4009);
	static const char *const bad[] = {"\x81\x81....x", "\xc1\x01x",
					  "\x83\x01x", "\x81\x7e\xff\xff"};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		buf_clear(&in);
		buf_add(&in, bad[i], i == 3 ? 4 : strlen(bad[i]));
		ck_assert_int_eq(
			wire_ws_read(&in, &parts, &message, &code, 1000),
			WIRE_WS_GARBAGE);
	}
	buf_clear(&in);
	wire_ws_write(&in, WIRE_WS_OP_TEXT, "hi", 2);
	ck_assert_uint_eq(in.len, 8);
	ck_assert_int_eq(in.data[6] ^ in.data[2], 'h');
	buf_release(&in);
	buf_release(&parts);
	buf_release(&message);
}
END_TEST

/* --- events ------------------------------------------------------------- */

static bool count_event(void *ctx, const char *data, size_t bytes)
{
	(void)data;
	*(int *)ctx += bytes > 0;
	return true;
}

START_TEST(test_event_ids)
{
	int events = 0;
	struct sse s = {.max_bytes = 1000, .take = count_event, .ctx = &events};
	const char text[] = "id: a\ndata: \n\nid:b\nretry: 250\ndata: x\n\n"
			    "id: c\ndata: half";
	for (size_t i = 0; i < sizeof text - 1; i++)
		sse_feed(&s, text + i, 1);
	ck_assert_int_eq(events, 1);
	ck_assert_str_eq(s.last_id, "b"); /* c has not come whole */
	ck_assert_int_eq(s.retry_ms, 250);
	sse_release(&s);
}
END_TEST

/* --- what is kept ------------------------------------------------------- */

START_TEST(test_fill)
{
	const char *missing = NULL;
	json_object *kept =
		json_read_str("{\"id\":7,\"name\":\"x\",\"o\":{\"a\":1}}",
			      &json_limits_own, NULL);
	json_object *tree =
		json_read_str("{\"n\":\"{{kept.id}}\",\"t\":\"no {{kept.id}} "
			      "of {{kept.name}}\","
			      "\"l\":[\"{{kept.o}}\",\"plain\",1,null]}",
			      &json_limits_own, NULL);
	json_object *full = fill_tree(tree, kept, &missing);
	ck_assert_str_eq(json_text(full),
			 "{\"n\":7,\"t\":\"no 7 of x\",\"l\":[{\"a\":1},"
			 "\"plain\",1,null]}");
	ck_assert_ptr_null(missing);
	char *text = fill_text("http://h/{{kept.name}}/{{kept.gone}}", kept,
			       &missing);
	ck_assert_ptr_nonnull(missing);
	free(text);
	json_object_put(full);
	json_object_put(tree);
	json_object_put(kept);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("jobs: wire");
	TCase *t = tcase_create("wire");
	tcase_set_timeout(t, 20);
	tcase_add_test(t, test_loudness);
	tcase_add_test(t, test_silence_and_clipping);
	tcase_add_test(t, test_header_that_lies);
	tcase_add_test(t, test_rtmp);
	tcase_add_test(t, test_ws);
	tcase_add_test(t, test_event_ids);
	tcase_add_test(t, test_fill);
	suite_add_tcase(suite, t);
	return tap_run(suite);
}

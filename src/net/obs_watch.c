#include "net/obs_watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define BITRATE_MS	900  /* the least between two answers */
#define TELL_AGAIN_MS	5000 /* an alarm that is up */
#define CONGESTED_TIMES 3    /* answers in a row, a second apart */
#define DISK_EASE	1.1  /* it is enough again above that share more */

static const char *const ids[OBS_ALARMS] = {
	[OBS_ALARM_LINK] = "obs",
	[OBS_ALARM_STREAM] = "obs/stream",
	[OBS_ALARM_CONGESTION] = "obs/congestion",
	[OBS_ALARM_DISK] = "obs/disk",
	[OBS_ALARM_SILENCE] = "obs/silence",
	[OBS_ALARM_BLACK] = "obs/black",
	[OBS_ALARM_SOURCES] = "obs/sources",
};

void obs_watch_init(struct obs_watch *w, const struct obs_watch_sink *sink,
		    const struct show_obs *show)
{
	*w = (struct obs_watch){.sink = *sink, .show = show};
}

void obs_watch_release(struct obs_watch *w)
{
	obs_meters_forget(w);
	obs_look_forget(w);
	for (int i = 0; i < OBS_ALARMS; i++)
		free(w->alarms[i].text);
}

/* --- figures -------------------------------------------------------------- */

/* One bad number must not fill a screen. */
static double sane(double v, double max)
{
	return isfinite(v) && v >= 0 ? (v < max ? v : max) : 0;
}

static int64_t count(json_object *o, const char *key)
{
	int64_t n = json_get_int(o, key, 0);
	return n > 0 ? n : 0;
}

/* They start again at nought with every reconnection. */
static void take_bytes(struct obs_watch *w, int64_t bytes, int64_t now_ms)
{
	int64_t took = now_ms - w->bytes_at_ms;
	bool first = !w->bytes_at_ms || bytes < w->bytes;
	if (!first && took < BITRATE_MS)
		return;
	w->f.kbps = first ? 0 : (bytes - w->bytes) * 8 / took;
	w->bytes = bytes;
	w->bytes_at_ms = now_ms;
}

static void add_drop(struct obs_watch *w)
{
	int n = w->drop_count;
	if (n && w->f.total < w->drops[n - 1].total)
		n = 0; /* another stream */
	if (n == OBS_DROPS_SECONDS) {
		n--;
		memmove(w->drops, w->drops + 1, (size_t)n * sizeof w->drops[0]);
	}
	w->drops[n].dropped = w->f.dropped;
	w->drops[n].total = w->f.total;
	w->drop_count = n + 1;
}

/* The share of frames of the last seconds that the network dropped. */
static double dropped_share(const struct obs_watch *w)
{
	int n = w->drop_count;
	if (n < 2)
		return 0;
	int64_t all = w->drops[n - 1].total - w->drops[0].total;
	int64_t lost = w->drops[n - 1].dropped - w->drops[0].dropped;
	return all > 0 && lost > 0 ? (double)lost / (double)all : 0;
}

static void count_congestion(struct obs_watch *w)
{
	const struct show_obs_alarms *a = w->show ? &w->show->alarms : NULL;
	bool bad = a && w->streaming && !w->reconnecting &&
		   ((a->congestion > 0 && w->f.congestion >= a->congestion) ||
		    (a->dropped > 0 && dropped_share(w) >= a->dropped));
	if (bad)
		w->congested = w->congested > 0 ? w->congested + 1 : 1;
	else
		w->congested = w->congested < 0 ? w->congested - 1 : -1;
}

/* After the end OBS goes on telling the figures of the stream that was. */
static void forget_stream(struct obs_watch *w)
{
	struct obs_figures *f = &w->f;
	f->stream_ms = f->kbps = f->dropped = f->total = 0;
	f->congestion = 0;
	w->bytes = w->bytes_at_ms = 0;
	w->drop_count = 0;
}

static void take_stream(struct obs_watch *w, json_object *data, int64_t now_ms)
{
	bool active = json_get_bool(data, "outputActive", false);
	w->reconnecting =
		active && json_get_bool(data, "outputReconnecting", false);
	if (active && !w->reconnecting)
		w->broke = false;
	else if (!active && w->streaming && !w->stopping)
		w->broke = true; /* its event was missed */
	w->streaming = active;
	if (!active) {
		forget_stream(w);
	} else {
		w->f.stream_ms = count(data, "outputDuration");
		w->f.dropped = count(data, "outputSkippedFrames");
		w->f.total = count(data, "outputTotalFrames");
		w->f.congestion =
			sane(json_get_num(data, "outputCongestion", 0), 1);
		take_bytes(w, count(data, "outputBytes"), now_ms);
		add_drop(w);
	}
	count_congestion(w);
}

static void take_record(struct obs_watch *w, json_object *data)
{
	w->recording = json_get_bool(data, "outputActive", false);
	w->f.record_ms = w->recording ? count(data, "outputDuration") : 0;
}

static void take_stats(struct obs_watch *w, json_object *data)
{
	struct obs_figures *f = &w->f;
	f->skipped = count(data, "renderSkippedFrames");
	f->encoder_skipped = count(data, "outputSkippedFrames");
	f->fps = sane(json_get_num(data, "activeFps", 0), 1000);
	f->free_mb = sane(json_get_num(data, "availableDiskSpace", 0), 1e12);
	f->cpu = sane(json_get_num(data, "cpuUsage", 0), 100);
	f->memory_mb = sane(json_get_num(data, "memoryUsage", 0), 1e9);
}

void obs_watch_answer(struct obs_watch *w, const char *type,
		      json_object *request, json_object *data, int64_t now_ms)
{
	if (!strcmp(type, "GetStreamStatus"))
		take_stream(w, data, now_ms);
	else if (!strcmp(type, "GetRecordStatus"))
		take_record(w, data);
	else if (!strcmp(type, "GetStats"))
		take_stats(w, data);
	else
		obs_look_answer(w, type, request, data, now_ms);
}

void obs_watch_put(const struct obs_watch *w, json_object *o)
{
	const struct obs_figures *f = &w->f;
	const struct {
		const char *key;
		int64_t n;
	} counts[] = {
		{"stream_ms", f->stream_ms},
		{"record_ms", f->record_ms},
		{"kbps", f->kbps},
		{"dropped", f->dropped},
		{"total", f->total},
		{"skipped", f->skipped},
		{"encoder_skipped", f->encoder_skipped},
	};
	const struct {
		const char *key;
		double v;
	} shares[] = {
		{"congestion", f->congestion}, {"fps", f->fps},
		{"free_mb", f->free_mb},       {"cpu", f->cpu},
		{"memory_mb", f->memory_mb},
	};
	for (size_t i = 0; i < COUNT_OF(counts); i++)
		json_add_int(o, counts[i].key, counts[i].n);
	for (size_t i = 0; i < COUNT_OF(shares); i++)
		json_add_num(o, shares[i].key,
			     round(shares[i].v * 1000) / 1000);
}

/* --- events --------------------------------------------------------------- */

/* RECONNECTING says that nothing is active, while the status says it is. */
static void stream_event(struct obs_watch *w, const char *state)
{
	if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STARTED") ||
	    !strcmp(state, "OBS_WEBSOCKET_OUTPUT_RECONNECTED")) {
		w->streaming = true;
		w->reconnecting = w->stopping = w->broke = false;
	} else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_RECONNECTING")) {
		w->streaming = w->reconnecting = true;
	} else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STOPPING")) {
		w->stopping = true;
	} else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STOPPED")) {
		w->broke = w->broke || (w->streaming && !w->stopping);
		w->streaming = w->reconnecting = w->stopping = false;
		forget_stream(w);
	}
}

void obs_watch_event(struct obs_watch *w, const char *type, json_object *data,
		     int64_t now_ms)
{
	const char *state = json_get_str(data, "outputState", "");
	if (!strcmp(type, "InputVolumeMeters"))
		obs_meters_take(w, data, now_ms);
	else if (!strcmp(type, "StreamStateChanged"))
		stream_event(w, state);
	else if (strcmp(type, "RecordStateChanged") != 0)
		return;
	else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STARTED"))
		w->recording = true;
	else if (!strcmp(state, "OBS_WEBSOCKET_OUTPUT_STOPPED"))
		w->recording = false;
}

bool obs_watch_on_air(const struct obs_watch *w)
{
	return w->streaming || w->recording;
}

bool obs_watch_wants_meters(const struct obs_watch *w)
{
	bool watched =
		w->show && w->show->alarms.silence_ms && obs_watch_on_air(w);
	return w->meters_shown || watched;
}

/* --- alarms --------------------------------------------------------------- */

static void set_alarm(struct obs_watch *w, enum obs_alarm which, bool up,
		      const char *text, int64_t now_ms)
{
	bool same = w->alarms[which].known && w->alarms[which].up == up &&
		    (!up || !strcmp(w->alarms[which].text, text));
	if (same &&
	    (!up || now_ms - w->alarms[which].told_at_ms < TELL_AGAIN_MS))
		return;
	char *copy = xstrdup(text);
	free(w->alarms[which].text);
	w->alarms[which].text = copy;
	w->alarms[which].known = true;
	w->alarms[which].up = up;
	w->alarms[which].told_at_ms = now_ms;
	if (w->sink.alarm)
		w->sink.alarm(w->sink.who, ids[which], up, copy);
}

__attribute__((format(printf, 5, 6))) static void
set_alarmf(struct obs_watch *w, enum obs_alarm which, bool up, int64_t now_ms,
	   const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	set_alarm(w, which, up, text, now_ms);
	free(text);
}

static void look_at_stream(struct obs_watch *w, int64_t now_ms)
{
	set_alarm(w, OBS_ALARM_STREAM, w->reconnecting || w->broke,
		  w->reconnecting ? "the stream has lost its ingest; OBS tries "
				    "to connect again"
				  : "the stream has ended by itself: start it "
				    "again in OBS or here",
		  now_ms);
	/* Between the two it stays as it is. */
	if (w->congested >= CONGESTED_TIMES || w->congested <= -CONGESTED_TIMES)
		set_alarm(w, OBS_ALARM_CONGESTION, w->congested > 0,
			  "the line of the stream is congested: frames are "
			  "dropped, or will be",
			  now_ms);
}

static void look_at_disk(struct obs_watch *w, int64_t now_ms)
{
	double least = w->show ? (double)w->show->alarms.disk_free_mb : 0;
	double ease = w->alarms[OBS_ALARM_DISK].up ? DISK_EASE : 1;
	if (w->f.free_mb > 0)
		set_alarmf(
			w, OBS_ALARM_DISK, w->f.free_mb < least * ease, now_ms,
			"OBS has less than %.0f MB left to record on", least);
}

static void look_at_air(struct obs_watch *w, int64_t now_ms)
{
	const struct show_obs_alarms *a = &w->show->alarms;
	bool black = a->black_ms && obs_watch_on_air(w) && w->black_known &&
		     now_ms - w->lit_at_ms >= a->black_ms;
	set_alarmf(w, OBS_ALARM_SILENCE, obs_meters_silent(w, now_ms), now_ms,
		   w->heard_at_ms > w->sound_at_ms
			   ? "dead air: no sound above %lld dB for %lld s"
			   : "OBS sends no levels: whether there is sound "
			     "above %lld dB is not known for %lld s; "
			     "restart OBS if that stays",
		   (long long)-a->silence_below_db,
		   (long long)a->silence_ms / 1000);
	set_alarmf(w, OBS_ALARM_BLACK, black, now_ms,
		   "the program has been black for %lld s",
		   (long long)a->black_ms / 1000);
}

static void look_at_sources(struct obs_watch *w, const struct obs_facts *facts,
			    int64_t now_ms)
{
	char *text = obs_look_sources(w, facts, now_ms);
	if (!*text)
		w->sources_at_ms = 0;
	else if (!w->sources_at_ms)
		w->sources_at_ms = now_ms;
	bool up = *text && obs_watch_on_air(w) &&
		  now_ms - w->sources_at_ms >= w->show->alarms.sources_ms;
	set_alarm(w, OBS_ALARM_SOURCES, up, text, now_ms);
	free(text);
}

/* Air has begun or ended: nothing counts from before. */
static void follow_air(struct obs_watch *w, int64_t now_ms)
{
	bool on = obs_watch_on_air(w);
	if (on == (w->look_at_ms != 0))
		return;
	w->look_at_ms = on ? now_ms : 0;
	w->sound_at_ms = w->lit_at_ms = now_ms;
	obs_look_forget(w);
}

void obs_watch_tick(struct obs_watch *w, const struct obs_facts *facts,
		    int64_t now_ms)
{
	if (!w->ready)
		return;
	follow_air(w, now_ms);
	set_alarm(w, OBS_ALARM_LINK, false, "", now_ms);
	look_at_stream(w, now_ms);
	look_at_disk(w, now_ms);
	if (!w->show)
		return;
	look_at_air(w, now_ms);
	look_at_sources(w, facts, now_ms);
}

void obs_watch_ready(struct obs_watch *w, int64_t now_ms)
{
	w->ready = w->was_ready = true;
	w->sound_at_ms = w->lit_at_ms = now_ms;
	for (int i = 0; i < OBS_ALARMS; i++)
		w->alarms[i].known = false;
}

/* What was seen before says nothing any more. */
void obs_watch_lost(struct obs_watch *w, const char *why, int64_t now_ms)
{
	obs_meters_forget(w);
	obs_look_forget(w);
	w->f = (struct obs_figures){0};
	w->bytes = w->bytes_at_ms = w->look_at_ms = 0;
	w->drop_count = w->congested = 0;
	w->streaming = w->reconnecting = w->stopping = w->recording = false;
	w->ready = false;
	if (w->was_ready)
		set_alarmf(w, OBS_ALARM_LINK, true, now_ms,
			   "OBS is not connected: %s", why);
}

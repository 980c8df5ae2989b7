/* What the engine says about itself: once a second on `live`, in last.json for
 * when it is stopped, and at once when Redis goes or comes. */
#include "engine/conductor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pages.h"
#include "core/live.h"
#include "core/status.h"

#define AWAY_ALARM "redis"

static int64_t rss_kb(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
	if (fd >= 0)
		close(fd);
	long size, resident;
	if (n <= 0 || sscanf(text, "%ld %ld", &size, &resident) != 2)
		return 0;
	return (int64_t)resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void send_figures(struct engine *e)
{
	struct pool_figures pool = {0};
	pool_figures(e->pool, &pool);
	json_object *o = json_object_new_object();
	json_add_int(o, "events_per_s", (int64_t)(e->m->seq - e->report_seq));
	json_add_int(o, "queue",
		     (int64_t)(e->batch_count + writer_waiting(e->writer)) +
			     pool.queued);
	json_add_int(o, "redis_rtt_us", writer_rtt_us(e->writer));
	json_add_int(o, "redis_away_ms", writer_away_ms(e->writer));
	if (writer_away_ms(e->writer))
		json_add_str(o, "redis_why", writer_brief_away(e->writer));
	json_add_str(o, "redis_fsync", writer_fsync(e->writer));
	json_add_int(o, "rss_kb", rss_kb());
	e->report_seq = e->m->seq;
	engine_live(e, LIVE_CORE, &o);
}

static void watch_ledger(struct engine *e)
{
	const char *where = NULL;
	if (!ledger_holds(&e->m->ledger, e->show->stage_count,
			  e->show->agent_count, &where))
		log_error("engine",
			  "the ledger does not add up at %s, event "
			  "%llu; keep the log and report it",
			  where ? where : "?", (unsigned long long)e->m->seq);
}

void report_write_last(struct engine *e, const char *mode)
{
	struct status_extra extra = {
		.mode = mode,
		.redis_url = e->address->url,
		.redis_rtt_us = writer_rtt_us(e->writer),
		.redis_connected = writer_away_ms(e->writer) == 0,
		.redis_why = writer_why_away(e->writer),
		.redis_fsync = writer_fsync(e->writer),
		.now_ms = engine_now_ms(e),
	};
	e->last_seq = e->m->seq;
	if (e->keeper)
		keeper_write_last(e->keeper, &extra);
	else /* at the end */
		keeper_write_now(e->state_dir, e->m, &extra);
}

/* Levels are asked of OBS while somebody listens for them. */
static void follow_meters(struct engine *e)
{
	bool wanted = writer_meters_wanted(e->writer);
	if (wanted == e->meters || !e->net)
		return;
	e->meters = wanted;
	net_obs_meters(e->net, wanted);
}

void report_tick(struct engine *e, int64_t mono_ms)
{
	follow_meters(e);
	if (mono_ms >= e->renew_at_ms) {
		e->renew_at_ms = mono_ms + RENEW_MS;
		if (!e->away)
			writer_renew(e->writer);
	}
	if (mono_ms < e->report_at_ms)
		return;
	e->report_at_ms = mono_ms + REPORT_MS;
	if (e->net)
		net_redis(e->net, !e->away, writer_rtt_us(e->writer),
			  writer_why_away(e->writer));
	if (e->m->seq != e->report_seq)
		watch_ledger(e);
	if (e->pages_at_ms && mono_ms >= e->pages_at_ms) {
		e->pages_at_ms = 0;
		pages_give_back();
	}
	send_figures(e);
	tally_report(e);
	if (e->net && e->show->obs.given)
		writer_publish_meters(e->writer, "{}");
	if (mono_ms >= e->last_at_ms && e->last_seq != e->m->seq) {
		e->last_at_ms = mono_ms + LAST_MS;
		report_write_last(e, e->rehearse ? "rehearsal" : "live");
	}
}

static void post_alarm(struct engine *e, bool clear, const char *text)
{
	struct input *in = input_new(INPUT_ALARM);
	in->id = xstrdup(AWAY_ALARM);
	in->ok = clear;
	in->text = xstrdup(text);
	waiting_add(&e->local, &in);
}

static void went_away(struct engine *e)
{
	log_warn("engine", "Redis is away: %s; new work is held",
		 writer_why_away(e->writer));
	if (e->net)
		net_redis(e->net, false, -1, writer_why_away(e->writer));
	e->report_at_ms = 0; /* the next try to connect takes the word along */
	report_write_last(e, e->rehearse ? "rehearsal" : "live");
}

static void came_back(struct engine *e)
{
	log_info("engine", "Redis is back; %zu operations are sent again",
		 writer_waiting(e->writer));
	if (e->net)
		net_redis(e->net, true, writer_rtt_us(e->writer), NULL);
	report_write_last(e, e->rehearse ? "rehearsal" : "live");
	/* Told late, and told: both are facts of the show. */
	post_alarm(e, false, "Redis was away; new work was held");
	post_alarm(e, true, "Redis is back");
}

/* A fact of the show: for whoever wonders about its log later. */
static void tell_mended(struct engine *e)
{
	uint64_t now = writer_mended(e->writer);
	if (now == e->mended)
		return;
	char text[96];
	snprintf(text, sizeof text,
		 "Redis had lost %llu events; they were written again",
		 (unsigned long long)(now - e->mended));
	log_warn("engine", "%s", text);
	e->mended = now;
	post_alarm(e, false, text);
	post_alarm(e, true, text);
}

void report_link(struct engine *e)
{
	tell_mended(e);
	bool away = writer_away_ms(e->writer) > 0;
	if (away && e->server) {
		struct err err = {0};
		if (!redis_server_keep(e->server, &err) && !e->away_told) {
			log_error("engine", "%s", err.text);
			e->away_told = true;
		}
	}
	bool same = strncmp(e->away_why, writer_brief_away(e->writer),
			    sizeof e->away_why - 1) == 0;
	if (away == e->away && (!away || same))
		return;
	snprintf(e->away_why, sizeof e->away_why, "%s",
		 writer_brief_away(e->writer));
	e->away = away;
	if (away) {
		went_away(e);
	} else {
		e->away_told = false;
		came_back(e);
	}
}

/*
 * live: what travels on the pub/sub channel `live` and may be lost. Each
 * message is a JSON object with the member `topic`:
 *
 *   tally     {poll, total, counts: {option: votes}, at}
 *   progress  {stage, agent, text, at}
 *   log       {level, room, text, at}
 *   obs       {stream_ms, record_ms, kbps, dropped, total, congestion, skipped,
 *              encoder_skipped, fps, free_mb, cpu, memory_mb, at}
 *                                                         while OBS is connected
 *   meters    {inputs: [{name, db}], at}                  only on the channel
 *              `meters`, while somebody listens there; see store/writer.h
 *   core      {events_per_s, queue, redis_rtt_us, redis_away_ms, redis_why,
 *              redis_fsync, rss_kb, at}                   once a second at most;
 *              redis_why only while Redis is away, in two or three words
 *   chat      {lines_per_s, votes_per_s, votes, at}        once a second while
 *              somebody says something there
 *   bell      {text, at}                                  a human is needed
 */
#ifndef CORE_LIVE_H
#define CORE_LIVE_H

#define LIVE_TALLY    "tally"
#define LIVE_PROGRESS "progress"
#define LIVE_LOG      "log"
#define LIVE_OBS      "obs"
#define LIVE_METERS   "meters"
#define LIVE_CORE     "core"
#define LIVE_CHAT     "chat"
#define LIVE_BELL     "bell"

#endif

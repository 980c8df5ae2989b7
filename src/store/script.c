#include "store/script.h"

#include "core/ballots.h"

#define FENCE                                                                  \
	"local e = redis.call('GET', KEYS[1])\n"                               \
	"if not e then return {'LOST'} end\n"                                  \
	"if e ~= ARGV[1] then return {'FENCED', e} end\n"

/* Ids of the bus are times. */
#define OLDER                                                                  \
	"local function older(x, y)\n"                                         \
	"  local a, b = string.match(x, '^(%d+)%-(%d+)$')\n"                   \
	"  local c, d = string.match(y, '^(%d+)%-(%d+)$')\n"                   \
	"  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)\n"  \
	"  return a < c or (a == c and b < d)\n"                               \
	"end\n"

/* The ids are ours, N-0 without a gap, so what stands there tells a repeat
 * from a gap. A script is atomic: of one commit all or nothing stands there,
 * but for what was trimmed since, from the head of the log on. */
static const char commit[] = FENCE
	"local function id(n) return string.format('%.0f-0', n) end\n"
	"local n, count = tonumber(ARGV[2]), tonumber(ARGV[3])\n"
	"local sets, dels = tonumber(ARGV[5]), tonumber(ARGV[6])\n"
	"local base = 9 + 2 * sets + dels\n"
	"local names = {'type', 'run', 'stage', 'agent', 'at', 'data'}\n"
	"local last = 0\n"
	"local tip = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)\n"
	"if tip[1] then\n"
	"  last = tonumber(string.match(tip[1][1], '^(%d+)%-0$'))\n"
	"  if not last then return {'OTHER', tip[1][1]} end\n"
	"end\n"
	"if n > last + 1 then return {'GAP', id(last)} end\n"
	"if n <= last then\n"
	"  local old = redis.call('XRANGE', KEYS[2], id(n), id(n + count - "
	"1))\n"
	"  local gone = count - #old\n"
	"  if gone > 0 then\n"
	"    local head = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', "
	"1)[1][1]\n"
	"    local n1 = tonumber(string.match(head, '^%d+'))\n"
	"    if n1 ~= n + gone and (#old > 0 or n1 < n + count) then\n"
	"      return {'OTHER', id(last)}\n"
	"    end\n"
	"  end\n"
	"  for i, entry in ipairs(old) do\n"
	"    local at = base + (gone + i - 1) * 6\n"
	"    for f = 1, 6 do\n"
	"      if entry[2][2 * f - 1] ~= names[f] or\n"
	"         entry[2][2 * f] ~= ARGV[at + f] then\n"
	"        return {'OTHER', entry[1]}\n"
	"      end\n"
	"    end\n"
	"  end\n"
	"  return redis.status_reply('SEQ')\n"
	"end\n"
	"for i = 0, count - 1 do\n"
	"  local at = base + i * 6\n"
	"  redis.call('XADD', KEYS[2], id(n + i), 'type', ARGV[at + 1],\n"
	"    'run', ARGV[at + 2], 'stage', ARGV[at + 3], 'agent', ARGV[at + "
	"4],\n"
	"    'at', ARGV[at + 5], 'data', ARGV[at + 6])\n"
	"end\n"
	"if ARGV[4] == '1' then redis.call('UNLINK', KEYS[3]) end\n"
	"for i = 10, 8 + 2 * sets, 2 do\n"
	"  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])\n"
	"end\n"
	"for i = 10 + 2 * sets, base do\n"
	"  redis.call('HDEL', KEYS[3], ARGV[i])\n"
	"end\n"
	"if ARGV[8] ~= '' then\n"
	"  redis.call('HSET', KEYS[3], '_version', ARGV[7], '_hash', ARGV[8])\n"
	"end\n"
	"if ARGV[9] ~= '' then redis.call('SET', KEYS[4], ARGV[9]) end\n"
	"for i = 5, #KEYS, 2 do\n"
	"  redis.call('UNLINK', KEYS[i], KEYS[i + 1])\n"
	"  redis.call('HSET', KEYS[i + 1], ':state', 'open')\n"
	"end\n"
	"return redis.status_reply('OK')\n";

/* The epoch only grows and outlives the lease. A log without one has lost a
 * part of its data: to begin again at 1 could let an old leader in. */
static const char lead[] =
	"local how, held = ARGV[1], redis.call('GET', KEYS[2])\n"
	"if held and how ~= 'force' then\n"
	"  return {'HELD', held, redis.call('PTTL', KEYS[2])}\n"
	"end\n"
	"local ended = redis.call('GET', KEYS[5])\n"
	"if ended and how == 'follow' then return {'ENDED', ended} end\n"
	"if how == 'look' then return {'FREE'} end\n"
	"local schema = redis.call('GET', KEYS[4])\n"
	"if schema and schema ~= '" SCRIPT_SCHEMA "' then\n"
	"  return {'SCHEMA', schema}\n"
	"end\n"
	"if redis.call('EXISTS', KEYS[1]) == 0 and\n"
	"   redis.call('EXISTS', KEYS[3]) == 1 then return {'LOST'} end\n"
	"local e = redis.call('INCR', KEYS[1])\n"
	"redis.call('SET', KEYS[4], '" SCRIPT_SCHEMA "')\n"
	"redis.call('SET', KEYS[2], e .. ' ' .. ARGV[2] .. ' ' .. ARGV[3],\n"
	"  'PX', ARGV[4])\n"
	"redis.call('DEL', KEYS[5])\n"
	"return e\n";

/* A show at rest finds out here that Redis came back with less than it had, or
 * that somebody wrote into the story. */
static const char renew[] = FENCE
	"redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])\n"
	"local tip = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)\n"
	"local last = tip[1] and tonumber(string.match(tip[1][1], "
	"'^(%d+)%-0$')) or 0\n"
	"if last < tonumber(ARGV[4]) then\n"
	"  return {'GAP', string.format('%.0f-0', last)}\n"
	"end\n"
	"local kind = redis.call('TYPE', KEYS[4]).ok\n"
	"if ARGV[5] ~= '' and (kind == 'hash' or kind == 'none') and\n"
	"   (redis.call('HGET', KEYS[4], '_hash') ~= ARGV[5] or\n"
	"   redis.call('HLEN', KEYS[4]) ~= tonumber(ARGV[6])) then\n"
	"  return redis.status_reply('STORY')\n"
	"end\n"
	"return redis.status_reply('OK')\n";

static const char resign[] =
	FENCE "redis.call('DEL', KEYS[2])\n"
	      "if ARGV[2] ~= '' then redis.call('SET', KEYS[3], ARGV[2]) end\n"
	      "return redis.status_reply('OK')\n";

static const char reply[] = FENCE "redis.call('DEL', KEYS[2])\n"
				  "redis.call('LPUSH', KEYS[2], ARGV[2])\n"
				  "redis.call('EXPIRE', KEYS[2], 60)\n"
				  "return redis.status_reply('OK')\n";

/* The streams keep some history for people, and do not grow for ever. What is
 * older than an acknowledged entry has been delivered; what is pending stays.
 */
static const char ack[] =
	FENCE OLDER "redis.call('XACK', KEYS[2], 'core', ARGV[2])\n"
		    "if redis.call('XLEN', KEYS[2]) > 10000 then\n"
		    "  local cut = ARGV[2]\n"
		    "  local p = redis.call('XPENDING', KEYS[2], 'core')\n"
		    "  if p[1] > 0 and older(p[2], cut) then cut = p[2] end\n"
		    "  redis.call('XTRIM', KEYS[2], 'MINID', '~', cut)\n"
		    "end\n"
		    "return redis.status_reply('OK')\n";

static const char check[] = FENCE
	"redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])\n"
	"return redis.status_reply('OK')\n";

/* Sent again by the same core after a lost link: once. Asked again by the next
 * core: again, under the same key, and the agent knows it by that. */
static const char bus[] = FENCE
	"if redis.call('GET', KEYS[3]) ~= e then\n"
	"  redis.call('SET', KEYS[3], e, 'EX', 3600)\n"
	"  redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[2], '0', 'MKSTREAM')\n"
	"  redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'data', ARGV[4])\n"
	"end\n"
	"return redis.status_reply('OK')\n";

static const char poll[] =
	FENCE "if ARGV[2] ~= '' then\n"
	      "  redis.call('HSET', KEYS[2], ':state', ARGV[2])\n"
	      "end\n"
	      "return redis.call('HGETALL', KEYS[2])\n";

/* What stands at a voter is an option, and behind a blank the burst that the
 * vote belongs to. The tally has all votes by option, and those of each burst
 * again, so that they can be taken out and put back without looking at voters;
 * and how many came from where, by those that are new. */
#define MARKED                                                                 \
	"local function parts(x)\n"                                            \
	"  local o, b = string.match(x, '^(%S+) (%d+)$')\n"                    \
	"  return o or x, b\n"                                                 \
	"end\n"

static const char vote[] = FENCE MARKED
	"local n = (#ARGV - 3) / 2\n"
	"if redis.call('HGET', KEYS[3], ':state') ~= 'open' then\n"
	"  return redis.status_reply(string.rep('C', n))\n"
	"end\n"
	"local room = 1000000 - redis.call('HLEN', KEYS[2])\n"
	"local before = room\n"
	"local out, add = {}, {}\n"
	"local function count(x, by) add[x] = (add[x] or 0) + by end\n"
	"local function again(v, x)\n"
	"  local had = redis.call('HGET', KEYS[2], v)\n"
	"  if not had then return 'F' end\n"
	"  local old, burst = parts(had)\n"
	"  local new = parts(x)\n"
	"  if ARGV[2] ~= '1' then return old == new and 'S' or 'D' end\n"
	"  if old == new then return 'O' end\n"
	"  if burst then x = new .. ' ' .. burst end\n"
	"  redis.call('HSET', KEYS[2], v, x)\n"
	"  count(had, -1)\n"
	"  count(x, 1)\n"
	"  return 'O'\n"
	"end\n"
	"for i = 1, n do\n"
	"  local v, x = ARGV[2 + 2 * i], ARGV[3 + 2 * i]\n"
	"  if room > 0 and redis.call('HSETNX', KEYS[2], v, x) == 1 then\n"
	"    room = room - 1\n"
	"    count(x, 1)\n"
	"    out[i] = 'O'\n"
	"  else out[i] = again(v, x) end\n"
	"end\n"
	"for x, by in pairs(add) do\n"
	"  local o, burst = parts(x)\n"
	"  redis.call('HINCRBY', KEYS[3], o, by)\n"
	"  if burst then\n"
	"    redis.call('HINCRBY', KEYS[3], ':' .. burst .. ' ' .. o, by)\n"
	"  end\n"
	"end\n"
	"if room < before and ARGV[3] ~= '' then\n"
	"  redis.call('HINCRBY', KEYS[3], '" BALLOTS_SUM_FIELD "' .. ARGV[3],\n"
	"    before - room)\n"
	"end\n"
	"return redis.status_reply(table.concat(out))\n";

static const char mark[] =
	FENCE MARKED
	"for i = 3, #ARGV do\n"
	"  local had = redis.call('HGET', KEYS[2], ARGV[i])\n"
	"  local o, burst = parts(had or '')\n"
	"  if had and not burst then\n"
	"    redis.call('HSET', KEYS[2], ARGV[i], o .. ' ' .. ARGV[2])\n"
	"    redis.call('HINCRBY', KEYS[3], ':' .. ARGV[2] .. ' ' .. o, 1)\n"
	"  end\n"
	"end\n"
	"return redis.status_reply('OK')\n";

static const char story[] = FENCE
	"redis.call('UNLINK', KEYS[2])\n"
	"redis.call('HSET', KEYS[2], '_version', ARGV[2], '_hash', ARGV[3])\n"
	"for i = 4, #ARGV, 2 do\n"
	"  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])\n"
	"end\n"
	"return redis.status_reply('OK')\n";

/* Lost parts are no snapshot; unfinished ones are not for ever. */
static const char part[] = FENCE
	"if ARGV[2] == 'first' then\n"
	"  redis.call('DEL', KEYS[2])\n"
	"elseif redis.call('EXISTS', KEYS[2]) == 0 then return {'GONE'} end\n"
	"redis.call('APPEND', KEYS[2], ARGV[3])\n"
	"redis.call('EXPIRE', KEYS[2], 60)\n"
	"return redis.status_reply('OK')\n";

static const char snapshot[] = FENCE
	"local tip = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)\n"
	"local last = tip[1] and tonumber(string.match(tip[1][1], "
	"'^(%d+)%-0$'))\n"
	"if not last or last < tonumber(ARGV[2]) then\n"
	"  return {'GAP', tip[1] and tip[1][1] or '0-0'}\n"
	"end\n"
	"if redis.call('STRLEN', KEYS[3]) ~= tonumber(ARGV[4]) then\n"
	"  return {'GONE'}\n"
	"end\n"
	"redis.call('RENAME', KEYS[3], KEYS[4])\n"
	"redis.call('PERSIST', KEYS[4])\n"
	"redis.call('SET', KEYS[5], ARGV[3])\n"
	"return redis.status_reply('OK')\n";

static const char ground[] = FENCE
	"if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {'MOVED'} end\n"
	"if redis.call('COPY', KEYS[3], KEYS[5], 'REPLACE') == 0 then\n"
	"  return {'MOVED'}\n"
	"end\n"
	"redis.call('SET', KEYS[4], ARGV[2])\n"
	"return redis.status_reply('OK')\n";

/* The ground becomes the one that readers go by no later than the first event
 * is gone, and never does all of the log go. */
static const char trim[] = FENCE
	"local n = tonumber(ARGV[2])\n"
	"local seq = tonumber(string.match(ARGV[3], '^%S+ (%d+) '))\n"
	"if not seq or seq < n then return {'GROUND'} end\n"
	"local tip = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)\n"
	"local last = tip[1] and tonumber(string.match(tip[1][1], "
	"'^(%d+)%-0$'))\n"
	"if not last or last <= n then return {'SHORT'} end\n"
	"local new = redis.call('GET', KEYS[3]) ~= ARGV[3]\n"
	"if new and (redis.call('GET', KEYS[6]) ~= ARGV[3] or\n"
	"   redis.call('EXISTS', KEYS[7]) == 0) then return {'GROUND'} end\n"
	"redis.call('HSET', KEYS[5], ARGV[4], ARGV[5])\n"
	"if new then\n"
	"  redis.call('RENAME', KEYS[6], KEYS[3])\n"
	"  redis.call('RENAME', KEYS[7], KEYS[4])\n"
	"end\n"
	"redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', n + "
	"1))\n"
	"return redis.status_reply('OK')\n";

/* In pieces; the last one to the entry. */
static const char sweep[] = FENCE OLDER
	"if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end\n"
	"local now = redis.call('TIME')\n"
	"local cut = string.format('%.0f-0', math.max(0,\n"
	"  tonumber(now[1]) * 1000 - tonumber(ARGV[2])))\n"
	"local groups = redis.call('XINFO', 'GROUPS', KEYS[2])\n"
	"if #groups == 0 then return 0 end\n"
	"for _, flat in ipairs(groups) do\n"
	"  local g = {}\n"
	"  for i = 1, #flat, 2 do g[flat[i]] = flat[i + 1] end\n"
	"  local ms, n = string.match(g['last-delivered-id'], "
	"'^(%d+)%-(%d+)$')\n"
	"  local unread = ms .. '-' .. string.format('%.0f', tonumber(n) + 1)\n"
	"  if older(unread, cut) then cut = unread end\n"
	"  local p = redis.call('XPENDING', KEYS[2], g['name'])\n"
	"  if p[1] > 0 and older(p[2], cut) then cut = p[2] end\n"
	"end\n"
	"local gone = redis.call('XTRIM', KEYS[2], 'MINID', '~', cut, "
	"'LIMIT', 1000)\n"
	"if gone > 0 then return gone end\n"
	"redis.call('XTRIM', KEYS[2], 'MINID', cut)\n"
	"return 0\n";

static const char retire[] =
	FENCE "redis.call('HDEL', KEYS[2], ARGV[2])\n"
	      "for i = 3, #KEYS do redis.call('UNLINK', KEYS[i]) end\n"
	      "return redis.status_reply('OK')\n";

const char *const script_texts[SCRIPTS] = {
	[SCRIPT_COMMIT] = commit, [SCRIPT_LEAD] = lead,
	[SCRIPT_RENEW] = renew,	  [SCRIPT_RESIGN] = resign,
	[SCRIPT_REPLY] = reply,	  [SCRIPT_ACK] = ack,
	[SCRIPT_CHECK] = check,	  [SCRIPT_BUS] = bus,	  [SCRIPT_POLL] = poll,
	[SCRIPT_VOTE] = vote,	  [SCRIPT_STORY] = story,
	[SCRIPT_PART] = part,	  [SCRIPT_SNAPSHOT] = snapshot,
	[SCRIPT_GROUND] = ground, [SCRIPT_TRIM] = trim,
	[SCRIPT_SWEEP] = sweep,	  [SCRIPT_RETIRE] = retire,
	[SCRIPT_MARK] = mark,
};

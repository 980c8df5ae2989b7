#include "store/refusal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const struct refusal refusals[] = {
	{"LOADING", REFUSAL_WAIT, ERR_AGAIN,
	 "Redis is still loading its data; wait"},
	{"BUSY ", REFUSAL_WAIT, ERR_AGAIN,
	 "a script of someone else blocks Redis; SCRIPT KILL ends it"},
	{"OOM", REFUSAL_WAIT, ERR_UNAVAILABLE,
	 "Redis is out of memory; raise maxmemory or free some"},
	{"READONLY", REFUSAL_WAIT, ERR_UNAVAILABLE,
	 "this Redis is a replica and takes no writes; give the master's "
	 "address"},
	{"MISCONF", REFUSAL_WAIT, ERR_UNAVAILABLE,
	 "Redis cannot write to its disk; free some space"},
	{"MASTERDOWN", REFUSAL_WAIT, ERR_UNAVAILABLE,
	 "this replica has lost its master"},
	{"NOREPLICAS", REFUSAL_WAIT, ERR_UNAVAILABLE,
	 "Redis has too few replicas to take writes"},
	{"CLUSTERDOWN", REFUSAL_WAIT, ERR_UNAVAILABLE,
	 "the Redis cluster is down"},
	{"TRYAGAIN", REFUSAL_WAIT, ERR_AGAIN, "the Redis cluster is moving"},
	{"ERR max number of clients", REFUSAL_WAIT, ERR_AGAIN,
	 "Redis has no room for another client; raise maxclients"},
	{"NOAUTH", REFUSAL_HUMAN, ERR_CONFIG,
	 "Redis wants a password; set SHOWCALLER_REDIS_PASSWORD"},
	{"WRONGPASS", REFUSAL_HUMAN, ERR_CONFIG,
	 "Redis refused the password; check SHOWCALLER_REDIS_PASSWORD"},
	{"ERR invalid password", REFUSAL_HUMAN, ERR_CONFIG,
	 "Redis refused the password; check SHOWCALLER_REDIS_PASSWORD"},
	{"NOPERM", REFUSAL_HUMAN, ERR_CONFIG,
	 "the Redis user may not do this; widen its ACL"},
	{"ERR DB index", REFUSAL_HUMAN, ERR_CONFIG,
	 "this Redis has no database of that number"},
	{"MOVED", REFUSAL_HUMAN, ERR_CONFIG,
	 "this cluster node does not hold the show; give the one that does"},
	{"ASK ", REFUSAL_WAIT, ERR_AGAIN, "the Redis cluster is moving"},
	{"NOSCRIPT", REFUSAL_RELOAD, ERR_AGAIN,
	 "Redis has forgotten the scripts"},
	{"WRONGTYPE", REFUSAL_FINAL, ERR_CONFIG,
	 "a key of the show has a foreign type; something else writes there"},
	{"", REFUSAL_FINAL, ERR_UNAVAILABLE, "Redis refused it"},
};

const struct refusal *refusal_of(const char *redis_error)
{
	const struct refusal *r = refusals;
	while (strncmp(redis_error, r->begins, strlen(r->begins)) != 0)
		r++;
	return r;
}

bool refusal_set(struct err *err, const char *what, const char *redis_error)
{
	const struct refusal *r = refusal_of(redis_error);
	char *clean = text_clean_str(redis_error, 160);
	err_set(err, r->code, "%s: %s (%s)", what, r->says, clean);
	free(clean);
	return false;
}

#include "store/refusal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static const struct refusal refusals[] = {
	{"LOADING", REFUSAL_WAIT, ERR_AGAIN, "loading its data",
	 "Redis is still loading its data; wait"},
	{"BUSY ", REFUSAL_WAIT, ERR_AGAIN, "busy with a script",
	 "a script of someone else blocks Redis; SCRIPT KILL ends it"},
	{"OOM", REFUSAL_WAIT, ERR_UNAVAILABLE, "out of memory",
	 "Redis is out of memory; raise maxmemory or free some"},
	{"READONLY", REFUSAL_WAIT, ERR_UNAVAILABLE, "read-only",
	 "this Redis is a replica and takes no writes; give the master's "
	 "address"},
	{"MISCONF", REFUSAL_WAIT, ERR_UNAVAILABLE, "cannot write its disk",
	 "Redis cannot write to its disk; free some space"},
	{"MASTERDOWN", REFUSAL_WAIT, ERR_UNAVAILABLE, "lost its master",
	 "this replica has lost its master"},
	{"NOREPLICAS", REFUSAL_WAIT, ERR_UNAVAILABLE, "too few replicas",
	 "Redis has too few replicas to take writes"},
	{"CLUSTERDOWN", REFUSAL_WAIT, ERR_UNAVAILABLE, "cluster down",
	 "the Redis cluster is down"},
	{"TRYAGAIN", REFUSAL_WAIT, ERR_AGAIN, "cluster moving",
	 "the Redis cluster is moving"},
	{"ERR max number of clients", REFUSAL_WAIT, ERR_AGAIN,
	 "too many clients",
	 "Redis has no room for another client; raise maxclients"},
	{"NOAUTH", REFUSAL_HUMAN, ERR_CONFIG, "wants a password",
	 "Redis wants a password; set SHOWCALLER_REDIS_PASSWORD"},
	{"WRONGPASS", REFUSAL_HUMAN, ERR_CONFIG, "password refused",
	 "Redis refused the password; check SHOWCALLER_REDIS_PASSWORD"},
	{"ERR invalid password", REFUSAL_HUMAN, ERR_CONFIG, "password refused",
	 "Redis refused the password; check SHOWCALLER_REDIS_PASSWORD"},
	{"NOPERM", REFUSAL_HUMAN, ERR_CONFIG, "not permitted",
	 "the Redis user may not do this; widen its ACL"},
	{"ERR DB index", REFUSAL_HUMAN, ERR_CONFIG, "no such database",
	 "this Redis has no database of that number"},
	{"MOVED", REFUSAL_HUMAN, ERR_CONFIG, "another node",
	 "this cluster node does not hold the show; give the one that does"},
	{"ASK ", REFUSAL_WAIT, ERR_AGAIN, "cluster moving",
	 "the Redis cluster is moving"},
	{"NOSCRIPT", REFUSAL_RELOAD, ERR_AGAIN, "scripts forgotten",
	 "Redis has forgotten the scripts"},
	{"WRONGTYPE", REFUSAL_FINAL, ERR_CONFIG, "foreign keys",
	 "a key of the show has a foreign type; something else writes there"},
	{"", REFUSAL_FINAL, ERR_UNAVAILABLE, "refused", "Redis refused it"},
};

const struct refusal *refusal_of(const char *redis_error)
{
	const struct refusal *r = refusals;
	while (strncmp(redis_error, r->begins, strlen(r->begins)) != 0)
		r++;
	return r;
}

/* What the links themselves say, and errno's words in it. */
static const struct {
	const char *says, *brief;
} link_words[] = {
	{"Connection refused", "not there"},
	{"No such file", "not there"},
	{"No route to host", "no way to it"},
	{"Network is unreachable", "no way to it"},
	{"answers nothing", "hangs"},
	{"did not answer", "hangs"},
	{"says nothing", "hangs"},
	{"takes no more bytes", "hangs"},
	{"timed out", "hangs"},
	{"temporarily unavailable", "hangs"},
	{"closed the connection", "link cut"},
	{"Connection reset", "link cut"},
	{"Broken pipe", "link cut"},
	{"Redis lost events", "lost events"},
};

const char *refusal_brief(const char *why)
{
	for (const struct refusal *r = refusals; r->begins[0]; r++)
		if (strstr(why, r->says))
			return r->brief;
	for (size_t i = 0; i < COUNT_OF(link_words); i++)
		if (strstr(why, link_words[i].says))
			return link_words[i].brief;
	return why;
}

bool refusal_set(struct err *err, const char *what, const char *redis_error)
{
	const struct refusal *r = refusal_of(redis_error);
	char *clean = text_clean_str(redis_error, 160);
	err_set(err, r->code, "%s: %s (%s)", what, r->says, clean);
	free(clean);
	return false;
}

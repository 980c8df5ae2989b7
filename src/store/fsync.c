#include "store/fsync.h"

#include <string.h>

/* The value behind `name` in a flat answer of CONFIG GET; "". */
static const char *value_of(const redisReply *r, const char *name)
{
	for (size_t i = 0; i + 1 < r->elements; i += 2)
		if (strcmp(reply_str(r, i), name) == 0)
			return reply_str(r, i + 1);
	return "";
}

const char *fsync_ask(struct link *link)
{
	static const char *const known[] = {"always", "everysec", "no"};
	const char *found = "unknown";
	if (!link)
		return found;
	link_add(link, "CONFIG", "GET", "append*", (char *)NULL);
	redisReply *r = link_ask(link, "appendfsync", NULL);
	if (!r)
		return found;
	const char *policy = value_of(r, "appendfsync");
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(policy, known[i]) == 0)
			found = known[i];
	if (strcmp(value_of(r, "appendonly"), "no") == 0)
		found = "off";
	reply_free(r);
	return found;
}

bool fsync_set(struct link *link, const char *policy, struct err *err)
{
	link_add(link, "CONFIG", "SET", "appendfsync", policy, (char *)NULL);
	redisReply *r = link_ask(link, "appendfsync", err);
	reply_free(r);
	return r != NULL;
}

#include "store/entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool is_entry(const redisReply *e)
{
	return e->type == REDIS_REPLY_ARRAY && e->elements == 2 &&
	       e->element[0]->type == REDIS_REPLY_STRING &&
	       e->element[1]->type == REDIS_REPLY_ARRAY;
}

uint64_t entry_seq(const redisReply *entry)
{
	uint64_t seq = 0;
	if (!is_entry(entry))
		return 0;
	const char *s = entry->element[0]->str;
	for (; *s >= '0' && *s <= '9' && seq < UINT64_MAX / 16; s++)
		seq = seq * 10 + (uint64_t)(*s - '0');
	return strcmp(s, "-0") == 0 ? seq : 0;
}

const char *entry_field(const redisReply *entry, const char *field)
{
	if (!is_entry(entry))
		return NULL;
	const redisReply *f = entry->element[1];
	for (size_t i = 0; i + 1 < f->elements; i += 2)
		if (f->element[i]->str && f->element[i + 1]->str &&
		    strcmp(f->element[i]->str, field) == 0)
			return f->element[i + 1]->str;
	return NULL;
}

static struct event *wrong(const redisReply *entry, uint64_t expected,
			   struct err *err)
{
	const char *id = is_entry(entry) ? entry->element[0]->str : "?";
	char *clean = text_clean_str(id, 48);
	uint64_t seq = entry_seq(entry);
	if (seq > expected && expected == 1)
		err_set(err, ERR_DATA,
			"the log begins with %s, and no snapshot tells what "
			"was before. Somebody trimmed or deleted events",
			clean);
	else if (seq > expected)
		err_set(err, ERR_DATA,
			"the log has a gap: event %llu is followed by %s. "
			"Somebody trimmed or deleted events",
			(unsigned long long)(expected - 1), clean);
	else
		err_set(err, ERR_DATA,
			"the log holds an entry %s where event %llu should "
			"stand. Somebody else writes there",
			clean, (unsigned long long)expected);
	free(clean);
	return NULL;
}

struct event *entry_event(const redisReply *entry, uint64_t expected,
			  struct err *err)
{
	/* In the order in which the core writes them. */
	static const char *const names[] = {"type",  "run", "stage",
					    "agent", "at",  "data"};
	const char *value[6];
	if (entry_seq(entry) != expected)
		return wrong(entry, expected, err);
	const redisReply *f = entry->element[1];
	for (size_t i = 0; i < 6; i++) {
		bool there = f->elements > 2 * i + 1 &&
			     f->element[2 * i]->str &&
			     strcmp(f->element[2 * i]->str, names[i]) == 0;
		value[i] = there ? f->element[2 * i + 1]->str
				 : entry_field(entry, names[i]);
	}
	if (!value[0] || !value[4] || !value[5])
		return wrong(entry, expected, err);
	return event_read(expected, value[0], value[1] ? value[1] : "",
			  value[2] ? value[2] : "", value[3] ? value[3] : "",
			  value[4], value[5], err);
}

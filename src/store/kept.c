#include "store/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/snapshot.h"
#include "store/keys.h"
#include "store/link.h"
#include "store/resp.h"
#include "store/script.h"

struct kept {
	struct link *link;
	char *run;
	char *key_epoch, *key_events, *key_parts, *key_run, *key_last;
	char epoch[24];
	struct hash_sum *sum;
	size_t bytes;
	struct err err; /* the first thing that went wrong */
};

static void kept_free(struct kept **kept)
{
	struct kept *k = *kept;
	char sum[HASH_HEX_BYTES];
	*kept = NULL;
	if (!k)
		return;
	link_close(&k->link);
	if (k->sum)
		hash_sum_end(&k->sum, sum);
	char *strings[] = {k->run,	 k->key_epoch, k->key_events,
			   k->key_parts, k->key_run,   k->key_last};
	for (size_t i = 0; i < COUNT_OF(strings); i++)
		free(strings[i]);
	free(k);
}

struct kept *kept_begin(const struct address *address, const char *show,
			int64_t epoch, const char *run, struct err *err)
{
	struct kept *k = xcalloc(1, sizeof *k);
	char parts[48];
	char *name = link_name(show, "keeper");
	snprintf(k->epoch, sizeof k->epoch, "%" PRId64, epoch);
	snprintf(parts, sizeof parts, "snapshot:next:%s", k->epoch);
	k->run = xstrdup(run);
	k->key_epoch = key_of(show, "epoch");
	k->key_events = key_of(show, "events");
	k->key_parts = key_of(show, parts);
	k->key_run = key_with(show, "snapshot:", run);
	k->key_last = key_of(show, "snapshot:last");
	k->sum = hash_sum_new();
	k->link = link_open(address, name, err);
	free(name);
	if (!k->link)
		kept_free(&k);
	return k;
}

/* The answer to the script that was just queued. */
static bool asked(struct kept *k)
{
	redisReply *r = link_ask(k->link, "the snapshot", &k->err);
	const char *word = r ? reply_str(r, 0) : "";
	bool ok = r && r->type == REDIS_REPLY_STATUS;
	if (r && !ok && strcmp(word, "FENCED") == 0)
		err_set(&k->err, ERR_AGAIN, "another core leads");
	else if (r && !ok && strcmp(word, "GAP") == 0)
		err_set(&k->err, ERR_DATA, "the log in Redis is not that long");
	else if (r && !ok)
		err_set(&k->err, ERR_DATA, "Redis lost a part of it");
	reply_free(r);
	return ok;
}

bool kept_add(void *whose, const char *text, size_t bytes)
{
	struct kept *k = whose;
	if (k->err.code)
		return false;
	if (k->bytes + bytes > SNAPSHOT_MAX_BYTES)
		return err_set(&k->err, ERR_DATA,
			       "it has more than %u MiB. The one before stays, "
			       "and more events are folded at a start",
			       SNAPSHOT_MAX_BYTES >> 20);
	hash_sum_add(k->sum, text, bytes);
	const char *head[] = {"EVAL",
			      script_texts[SCRIPT_PART],
			      "2",
			      k->key_epoch,
			      k->key_parts,
			      k->epoch,
			      k->bytes ? "" : "first"};
	struct buf *out = &k->link->out;
	resp_begin(out, COUNT_OF(head) + 1);
	for (size_t i = 0; i < COUNT_OF(head); i++)
		resp_str(out, head[i]);
	resp_bytes(out, text, bytes);
	k->bytes += bytes;
	return asked(k);
}

bool kept_end(struct kept **kept, uint64_t seq, const char *show_hash,
	      size_t *bytes, struct err *err)
{
	struct kept *k = *kept;
	if (!k->err.code) {
		char sum[HASH_HEX_BYTES], number[24], length[24];
		hash_sum_end(&k->sum, sum);
		snprintf(number, sizeof number, "%" PRIu64, seq);
		snprintf(length, sizeof length, "%zu", k->bytes);
		char *last = xasprintf("%s %s %s %s", k->run, number, sum,
				       show_hash);
		link_add(k->link, "EVAL", script_texts[SCRIPT_SNAPSHOT], "5",
			 k->key_epoch, k->key_events, k->key_parts, k->key_run,
			 k->key_last, k->epoch, number, last, length,
			 (char *)NULL);
		asked(k);
		free(last);
	}
	bool ok = !k->err.code;
	*bytes = k->bytes;
	if (!ok && err)
		*err = k->err;
	kept_free(kept);
	return ok;
}

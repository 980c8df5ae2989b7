/*
 * archive: what was trimmed from the log stands in files (core/logfile.h) in
 * the folder `archive` of the show's state folder, on the machine of the core
 * that trimmed it. Redis says which ones there are:
 *
 *   archives   hash: "<first>-<last>" -> "<chain> <at> <run> <host>", of the
 *              file's last line, and of its last event
 *   trimmed    the snapshot that stands for all that was trimmed, and so how far
 *              that goes: as snapshot:last; its text is trimmed:text
 *   trim:next  the same, to be the next `trimmed`; trim:next:text
 *
 * So a file that was put there by another log, or that was written anew, is
 * told from the one that is meant. Private to store/.
 */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "store/client.h"
#include "store/link.h"
#include "store/snapshot.h"

#define ARCHIVE_EVENTS	   10000 /* in one file, at most */
#define ARCHIVE_HOST_BYTES 66

struct archive {
	uint64_t first, last;
	char chain[HASH_HEX_BYTES];
	char run[SNAPSHOT_RUN_BYTES]; /* of its last event, "-": none */
	int64_t at_ms;		      /* of its last event */
	char host[ARCHIVE_HOST_BYTES];
};

/* What Redis says, in order. All zero at first. */
struct archives {
	struct archive *items;
	size_t count;
	uint64_t trimmed; /* up to there we trimmed, or are about to; 0 */
};
void archives_release(struct archives *a);
bool archives_read(struct archives *a, struct link *link, const char *show,
		   struct err *err);
/* The one that holds that event, or NULL. */
const struct archive *archives_find(const struct archives *a, uint64_t seq);

/* "<first>-<last>", and what stands under it. Caller frees. */
char *archive_field(const struct archive *a);
char *archive_value(const struct archive *a);
/* The folder; the file. Callers free. */
char *archive_folder(const char *show);
char *archive_path(const char *show, const struct archive *a);
/* Whether it is here, as Redis says it: that its last line is the one. */
bool archive_is_here(const char *show, const struct archive *a);

/* Writes the events `first` to `last`, which Redis holds, and reads them back
 * from the file: every byte against the chain, every number, and the story with
 * all its hashes. That is what verify says of a log; that the stages follow
 * from it is no part of it, so it takes the memory of the story and of no
 * stages. `a` gets what is to be said of it. Slow. False with err, and then
 * there is no such file; ERR_AGAIN: `give_up`. */
bool archive_write(struct client *client, const char *show, uint64_t first,
		   uint64_t last, const atomic_bool *give_up, struct archive *a,
		   struct err *err);
/* Looks for a file that begins with `first` and holds just what Redis does: one
 * that was written, and then the core died. */
bool archive_adopt(struct client *client, const char *show, uint64_t first,
		   uint64_t last, const atomic_bool *give_up,
		   struct archive *a);
/* Removes what a dead core left half written. */
void archive_sweep(const char *show);

#endif

/*
 * obs_facts: what OBS is, as one value: copied, compared, written and read by
 * one table. Whoever holds one owns all its texts; zeroed is empty. Its texts
 * are clean.
 */
#ifndef CORE_OBS_FACTS_H
#define CORE_OBS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

#define OBS_MAX_NAMES	 128	  /* of each list; what is above is left out */
#define OBS_VOLUME_LEAST (-10000) /* hundredths of dB: silent */

struct obs_names {
	char **items;
	int count;
};

/* An input: a layer that makes picture or sound. */
struct obs_source {
	char *name;
	bool audio; /* it has a volume, and may be muted */
	bool muted;
	int volume_cdb; /* hundredths of dB, OBS_VOLUME_LEAST..2600 */
	bool active;	/* in the program scene, and not hidden there */
	bool ended;	/* a medium that played to its end, or is missing */
};

struct obs_facts {
	bool connected;	     /* identified, and everything was read */
	char *error;	     /* why not, for people; NULL if connected */
	char *program_scene; /* NULL: unknown */
	char *preview_scene; /* NULL: no studio mode */
	bool streaming, reconnecting, recording;
	bool paused;	       /* the recording */
	bool replay;	       /* the replay buffer runs */
	bool studio;	       /* mode: a preview, and a take */
	bool changing;	       /* its collection or profile: nothing is sent */
	char *transition;      /* the one that is chosen */
	int64_t transition_ms; /* 0: it has a length of its own */
	char *profile, *collection;
	char *version;		 /* "29.0.2, obs-websocket 5.1.0" */
	struct obs_names scenes; /* in OBS's own order, from the top */
	struct obs_names profiles, collections, transitions;
	struct obs_source *inputs;
	int input_count;
};

void obs_facts_release(struct obs_facts *f); /* leaves it empty */
/* A deep copy; `to` is overwritten, not released. */
void obs_facts_copy(struct obs_facts *to, const struct obs_facts *from);
bool obs_facts_equal(const struct obs_facts *a, const struct obs_facts *b);

/* Adds a cleaned copy; false: there are OBS_MAX_NAMES already. */
bool obs_names_add(struct obs_names *names, const char *name);
void obs_names_clear(struct obs_names *names);
bool obs_names_have(const struct obs_names *names, const char *name);
/* NULL: there is no such input. */
struct obs_source *obs_facts_input(const struct obs_facts *f, const char *name);
/* A new one at the end; NULL: there are OBS_MAX_NAMES already. */
struct obs_source *obs_facts_add_input(struct obs_facts *f, const char *name);

/* The members of an object that is open. `than`: a list that is the same there
 * is left out; NULL: all are written. */
void obs_facts_put(struct json_out *o, const struct obs_facts *f,
		   const struct obs_facts *than);
/* Overwrites all but the lists that `o` leaves out. */
void obs_facts_read(struct obs_facts *f, json_object *o);

#endif

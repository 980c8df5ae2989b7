#include "core/preflight.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decide.h"
#include "core/obs_drift.h"

#define TOLD 3 /* open items that are named; of the others only how many */

static bool is_required(const struct show *show, int check)
{
	const struct show_names *cards = &show->preflight.cards;
	for (size_t i = 0; i < cards->count; i++)
		if (strcmp(cards->items[i], show->checks[check].card) == 0)
			return true;
	return false;
}

static bool is_open(const struct model *m, int check, int64_t now_ms,
		    enum open_why *why)
{
	const struct check_run *c = &m->checks[check];
	*why = check_has_failed(c)	      ? OPEN_FAILED
	       : !check_has_passed(c)     ? OPEN_NEVER
	       : now_ms - c->at_ms > m->show->preflight.fresh_ms
		       ? OPEN_STALE
		       : OPEN_DRIFT;
	return *why != OPEN_DRIFT && !c->overridden;
}

/* In a rehearsal OBS is played. */
static bool drifts(const struct model *m)
{
	const struct show *show = m->show;
	if (!show->preflight.given || !show->preflight.obs || !show->obs.given || m->drift_allowed ||
	    m->run.rehearsal)
		return false;
	struct obs_names says = obs_drift(m);
	bool any = says.count > 0;
	obs_names_clear(&says);
	return any;
}

size_t preflight_open(const struct model *m, int64_t now_ms,
		      struct open_item *items, size_t max)
{
	size_t n = 0;
	enum open_why why;
	for (size_t i = 0; i < m->show->check_count; i++) {
		if (!is_required(m->show, (int)i) ||
		    !is_open(m, (int)i, now_ms, &why) ||
		    check_is_muted(m, (int)i))
			continue;
		if (n < max && items)
			items[n] = (struct open_item){why, (int)i};
		n++;
	}
	if (drifts(m)) {
		if (n < max && items)
			items[n] = (struct open_item){OPEN_DRIFT, -1};
		n++;
	}
	return n;
}

char *preflight_words(const struct model *m, const struct open_item *item,
		      int64_t now_ms)
{
	if (item->check < 0) {
		struct obs_names says = obs_drift(m);
		char *words = says.count > 1
				      ? xasprintf("OBS: %s, and %d more",
						  says.items[0], says.count - 1)
				      : xasprintf("OBS: %s", says.count
								     ? says.items[0]
								     : "");
		obs_names_clear(&says);
		return words;
	}
	const struct show_check *c = &m->show->checks[item->check];
	int64_t min = (now_ms - m->checks[item->check].at_ms) / 60000;
	if (item->why == OPEN_STALE)
		return xasprintf("%s/%s is %lld min old", c->card, c->name,
				 (long long)min);
	return xasprintf("%s/%s %s", c->card, c->name,
			 item->why == OPEN_FAILED ? "fails" : "has not run");
}

/* "a, b, c and 4 more". Caller frees. */
static char *open_words(const struct deciding *d, size_t *count)
{
	struct open_item items[TOLD];
	struct buf b = {0};
	*count = preflight_open(d->m, d->in->now_ms, items, TOLD);
	for (size_t i = 0; i < *count && i < TOLD; i++) {
		char *words = preflight_words(d->m, &items[i], d->in->now_ms);
		buf_addf(&b, "%s%s", i ? "; " : "", words);
		free(words);
	}
	if (*count > TOLD)
		buf_addf(&b, "; and %zu more", *count - TOLD);
	return *count ? buf_take(&b) : NULL;
}

bool preflight_allows(struct deciding *d, const char *what)
{
	size_t count;
	char *words = open_words(d, &count);
	if (!words)
		return true;
	refuse(d, "preflight",
	       "%s waits for pre-flight: %s (`preflight` runs the checks, "
	       "`override` goes on without)",
	       what, words);
	free(words);
	return false;
}

bool preflight_run(struct deciding *d)
{
	struct model *m = d->m;
	size_t started = 0, open;
	enum open_why why;
	for (size_t i = 0; i < m->show->check_count; i++) {
		if (!is_required(m->show, (int)i) ||
		    !is_open(m, (int)i, d->in->now_ms, &why))
			continue;
		checks_start(d, (int)i);
		started++;
	}
	char *words = open_words(d, &open);
	if (words)
		answer(d, "%zu started; open: %s", started, words);
	else
		answer(d, "pre-flight: all that is asked for is green and "
			  "fresh");
	free(words);
	return true;
}

/* --- going on without ----------------------------------------------------- */

bool preflight_override(struct deciding *d, const char *reason)
{
	size_t count = preflight_open(d->m, d->in->now_ms, NULL, 0);
	if (!reason[0])
		return refuse(d, "usage", "an override needs a reason");
	if (!count)
		return refuse(d, "refused", "nothing is open in pre-flight");
	struct open_item *items = xcalloc(count, sizeof *items);
	preflight_open(d->m, d->in->now_ms, items, count);
	json_object *names = json_object_new_array();
	bool drift = false;
	for (size_t i = 0; i < count; i++) {
		drift = drift || items[i].check < 0;
		if (items[i].check < 0)
			continue;
		const struct show_check *c = &d->m->show->checks[items[i].check];
		char *name = xasprintf("%s/%s", c->card, c->name);
		json_object_array_add(names, json_object_new_string(name));
		free(name);
	}
	free(items);
	struct json_out *data = decide_data_by(d, decide_by(d));
	json_add_str(data, "reason", reason);
	json_add(data, "checks", &names);
	json_add_bool(data, "drift", drift);
	emit(d, EVENT_CHECK_OVERRIDE, -1, -1, &data);
	answer(d, "%zu open item%s overridden", count, count == 1 ? "" : "s");
	return true;
}

static void take_override(struct model *m, const struct event *e)
{
	m->drift_allowed = m->drift_allowed || event_bool(e, "drift", false);
	json_node_each(n, event_array(e, "checks"))
	{
		int at = show_find_check_name(m->show, json_node_text(n));
		if (at >= 0)
			m->checks[at].overridden = true;
	}
}

void preflight_apply(struct model *m, const struct event *e, int stage,
		     int agent)
{
	(void)stage;
	(void)agent;
	if (e->type == EVENT_RUN_START)
		m->drift_allowed = false;
	else if (e->type == EVENT_CHECK_OVERRIDE)
		take_override(m, e);
}

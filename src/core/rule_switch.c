/* rule_switch: each rule can be switched off, and all of them at once, which
 * keeps what each of them was. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/decide.h"

/* --- folding ------------------------------------------------------------ */

/* As the show file has them. */
void rules_reset(struct model *m)
{
	m->rules_off = false;
	for (size_t i = 0; i < m->show->rule_count; i++)
		m->rule_off[i] = !m->show->rules[i].enabled;
}

static int find_rule(const struct show *show, const char *name)
{
	for (size_t i = 0; i < show->rule_count; i++)
		if (strcmp(show->rules[i].name, name) == 0)
			return (int)i;
	return -1;
}

void switches_apply(struct model *m, const struct event *e, int stage,
		    int agent)
{
	(void)stage;
	(void)agent;
	bool off = e->type == EVENT_RULE_OFF;
	if (e->type == EVENT_RUN_START)
		rules_reset(m);
	if (!off && e->type != EVENT_RULE_ON)
		return;
	const char *name = event_str(e, "rule", "");
	int rule = find_rule(m->show, name);
	if (!*name)
		m->rules_off = off;
	else if (rule >= 0)
		m->rule_off[rule] = off;
}

bool rules_are_off(const struct model *m, size_t rule)
{
	return m->rules_off || m->rule_off[rule];
}

/* --- deciding ----------------------------------------------------------- */

static bool refuse_unknown(struct deciding *d, const char *name)
{
	const struct show *show = d->m->show;
	const char **names = xcalloc(show->rule_count + 1, sizeof *names);
	for (size_t i = 0; i < show->rule_count; i++)
		names[i] = show->rules[i].name;
	const char *near = text_nearest(name, names);
	char *shown = text_clean_str(name, 64);
	if (near)
		refuse(d, "not_found", "no rule `%s`: did you mean `%s`?",
		       shown, near);
	else
		refuse(d, "not_found", "no rule `%s`", shown);
	free(shown);
	free(names);
	return false;
}

static void tell(struct deciding *d, const char *name, bool off)
{
	if (!name)
		answer(d, off ? "all rules are off" : "the rules act again");
	else if (!off && d->m->rules_off)
		answer(d, "rule %s is on, but all rules are off", name);
	else
		answer(d, "rule %s is %s", name, off ? "off" : "on");
}

bool rules_switch(struct deciding *d, bool off, const char *name)
{
	const struct model *m = d->m;
	if (!m->show->rule_count)
		return refuse(d, "not_found", "this show has no rules");
	int rule = name ? find_rule(m->show, name) : -1;
	if (name && rule < 0)
		return refuse_unknown(d, name);
	bool now = rule < 0 ? m->rules_off : m->rule_off[rule];
	const char *state = off ? "off" : "on";
	if (now == off && name)
		return refuse(d, "refused", "rule %s is %s already", name,
			      state);
	if (now == off)
		return refuse(d, "refused", "all rules are %s already", state);
	struct json_out *data = decide_data(d);
	json_add_str(data, "rule", name);
	emit(d, off ? EVENT_RULE_OFF : EVENT_RULE_ON, -1, -1, &data);
	tell(d, name, off);
	return true;
}

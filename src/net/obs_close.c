/* obs_close: what it means that OBS ended the connection, for people. */
#include <stddef.h>

#include "base/mem.h"
#include "net/obs.h"

static const struct {
	unsigned code;
	bool stop; /* trying again would only meet the same */
	const char *text;
} codes[] = {
	{1000, false, "OBS ended the connection"},
	{1001, false, "OBS was closed"},
	{1002, false, "OBS took what was sent for a broken WebSocket"},
	{1009, false, "OBS took what was sent for too long"},
	{1011, false, "OBS broke while it answered"},
	{4000, false, "OBS ended the connection and gives no reason"},
	{4002, false, "OBS could not read what was sent"},
	{4003, false, "OBS misses a member of what was sent"},
	{4004, false, "OBS found a member of the wrong type in what was sent"},
	{4005, false, "OBS found a wrong value in what was sent"},
	{4006, false, "OBS does not know a message that was sent"},
	{4007, false, "OBS says that it was asked before it knew who asks"},
	{4008, false, "OBS says that it was told twice who asks"},
	{4009, true,
	 "OBS refused the password: correct it, then `obs connect`"},
	{4010, true,
	 "this OBS speaks another version of obs-websocket: 5 is needed "
	 "(OBS 28 or later)"},
	{4011, true,
	 "somebody ended this connection in OBS: `obs connect` begins anew"},
	{4012, true, "this OBS lacks a feature of obs-websocket"},
};

char *obs_close_text(unsigned code, const char *reason, bool *stop)
{
	const char *text = "OBS ended the connection";
	*stop = false;
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (codes[i].code == code) {
			text = codes[i].text;
			*stop = codes[i].stop;
		}
	/* Of those that people cannot do anything about, OBS's own words. */
	bool own = code != 1001 && !*stop && reason && *reason;
	return own ? xasprintf("%s: %s (%u)", text, reason, code)
		   : xasprintf("%s (%u)", text, code);
}

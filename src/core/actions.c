#include "core/actions.h"

#include <string.h>

#define CORE   ACTION_CORE
#define VIEW   ACTION_VIEW
#define ENGINE ACTION_ENGINE

const struct action action_table[ACTIONS] = {
#define ROW(id, where, name, key, args, min, max, danger, bar, help)           \
	[id] = {id, where, name, key, args, min, max, danger, bar, help}
	ROW(ACTION_GO, CORE, "go", "space", "[STAGE]", 0, 1, false, "GO",
	    "Releases the stage in standby."),
	ROW(ACTION_PANIC, CORE, "panic", "!", "[all]", 0, 1, false, "PANIC",
	    "Safe scene, run paused, polls frozen, no new leases. A second "
	    "press within 3 s (or `all`) also stops every call in flight."),
	ROW(ACTION_APPROVE, CORE, "approve", "a", "ITEM [AMOUNT]", 1, 2, false,
	    "approve", "Approves an inbox item, with another amount if given."),
	ROW(ACTION_DENY, CORE, "deny", "d", "ITEM", 1, 1, false, "deny",
	    "Denies an inbox item."),
	ROW(ACTION_ANSWER, CORE, "answer", "e", "ITEM CHOICE [ARG] [ARG]", 2, 4,
	    false, NULL, "Gives an inbox item one of the answers it offers."),
	ROW(ACTION_PAUSE, CORE, "pause", "p", "", 0, 0, false, "pause",
	    "Starts no more stages; what runs goes on. The key again: "
	    "resumes."),
	ROW(ACTION_RESUME, CORE, "resume", "R", "", 0, 0, true, NULL,
	    "Resumes the run after a pause or a panic."),
	ROW(ACTION_RETRY, CORE, "retry", "r", "STAGE", 1, 1, false, "retry",
	    "Tries a failed or waiting stage again now."),
	ROW(ACTION_SKIP, CORE, "skip", "s", "STAGE", 1, 1, false, "skip",
	    "Goes on without a stage; what depends on it runs without it."),
	ROW(ACTION_CANCEL, CORE, "cancel", "k", "STAGE", 1, 1, true, NULL,
	    "Cancels a stage; what depends on it is skipped."),
	ROW(ACTION_FAIL, CORE, "fail", NULL, "STAGE", 1, 1, true, NULL,
	    "Gives up a failed stage and fails the run."),
	ROW(ACTION_SUPPLY, CORE, "supply", NULL, "STAGE JSON", 2, 2, false,
	    NULL, "Completes a stage by hand with this result."),
	ROW(ACTION_RERUN, CORE, "rerun", NULL, "STAGE", 1, 1, true, NULL,
	    "Runs a stage again and all that depends on it; what they spent "
	    "stays spent."),
	ROW(ACTION_ROLLBACK, CORE, "rollback", NULL, "VERSION", 1, 1, true,
	    NULL,
	    "Takes the story back to a version and runs again what was done "
	    "since."),
	ROW(ACTION_CANCEL_RUN, CORE, "cancel-run", NULL, "", 0, 0, true, NULL,
	    "Cancels the run and every stage that is not done."),
	ROW(ACTION_CHECK, CORE, "check", "c", "CARD[/TEST]", 1, 1, false,
	    "check", "Runs the selected check, or all of a card."),
	ROW(ACTION_CHECK_ALL, CORE, "check-all", "C", "", 0, 0, false, NULL,
	    "Runs every check."),
	ROW(ACTION_SCENE, CORE, "scene", NULL, "NAME", 1, 1, false, NULL,
	    "Switches the program scene in OBS."),
	ROW(ACTION_RULES_HOLD, CORE, "rules-hold", NULL, "[TIME]", 0, 1, false,
	    NULL,
	    "Lets rules switch no scenes for a time (30s, 5m), or until they "
	    "are released."),
	ROW(ACTION_RULES_RELEASE, CORE, "rules-release", NULL, "", 0, 0, false,
	    NULL, "Lets rules switch scenes again."),
	ROW(ACTION_POLL, CORE, "poll", NULL, "QUESTION OPTION|OPTION... [TIME]",
	    2, 3, false, NULL,
	    "Asks the audience something that no stage asks; TIME is 30s, 5m "
	    "or the like."),
	ROW(ACTION_POLL_PROPOSE, CORE, "poll-propose", NULL,
	    "AGENT QUESTION OPTION|OPTION... [TIME]", 3, 4, false, NULL,
	    "Proposes a poll, as an agent does over the bus."),
	ROW(ACTION_POLL_EXTEND, CORE, "poll-extend", NULL, "POLL [TIME]", 1, 2,
	    false, NULL, "Gives a poll more time."),
	ROW(ACTION_POLL_FREEZE, CORE, "poll-freeze", NULL, "POLL", 1, 1, false,
	    NULL, "Takes no votes for a poll and stops its clock."),
	ROW(ACTION_POLL_UNFREEZE, CORE, "poll-unfreeze", NULL, "POLL", 1, 1,
	    false, NULL, "Lets a frozen poll go on."),
	ROW(ACTION_POLL_CLOSE, CORE, "poll-close", NULL, "POLL", 1, 1, false,
	    NULL, "Ends a poll now and counts it."),
	ROW(ACTION_POLL_RESOLVE, CORE, "poll-resolve", NULL, "POLL OPTION", 2,
	    2, true, NULL,
	    "Ends a poll with an option that you choose, whatever was voted."),
	ROW(ACTION_POLL_VOID, CORE, "poll-void", NULL, "POLL", 1, 1, true, NULL,
	    "Ends a poll without a result and skips its stage."),
	ROW(ACTION_POLL_EXCLUDE, CORE, "poll-exclude", "x", "POLL [BURST]", 1, 2,
	    false, NULL,
	    "Takes the votes of a burst out of the count: the newest one, or "
	    "that number."),
	ROW(ACTION_POLL_INCLUDE, CORE, "poll-include", "i", "POLL [BURST]", 1, 2,
	    false, NULL, "Puts the votes of a burst back into the count."),
	ROW(ACTION_ACK, CORE, "ack", "m", "ALARM [REASON]", 1, 2, false, NULL,
	    "Acknowledges an alarm until it clears."),
	ROW(ACTION_NOTE, CORE, "note", NULL, "TEXT", 1, 1, false, NULL,
	    "Writes a note into the log."),
	ROW(ACTION_KILL, CORE, "kill", "K", "[AGENT]", 0, 1, true, NULL,
	    "Stops an agent's calls, or everybody's, and leases nothing to it "
	    "until it is revived."),
	ROW(ACTION_REVIVE, CORE, "revive", NULL, "[AGENT]", 0, 1, true, NULL,
	    "Lets a killed agent, or all of them, work again."),
	ROW(ACTION_ADOPT, CORE, "adopt", NULL, "LATE", 1, 1, false, NULL,
	    "Writes a late answer into the story, if what it was made on has "
	    "not changed."),
	ROW(ACTION_DISCARD, CORE, "discard", NULL, "LATE [REASON]", 1, 2, false,
	    NULL, "Throws a late answer away."),
	ROW(ACTION_LEASE, CORE, "lease", NULL, "STAGE AGENT TOKENS", 3, 3,
	    false, NULL,
	    "Leases tokens to a call that is out; what does not fit waits for "
	    "approval."),
	ROW(ACTION_LEASE_EXTEND, CORE, "lease-extend", NULL, "LEASE TOKENS", 2,
	    2, false, NULL, "Makes a lease larger."),
	ROW(ACTION_LEASE_SETTLE, CORE, "lease-settle", NULL,
	    "LEASE TOKENS [COST]", 2, 3, false, NULL,
	    "Says what a lease was used for in all; the rest goes back."),
	ROW(ACTION_LEASE_RETURN, CORE, "lease-return", NULL, "LEASE TOKENS", 2,
	    2, false, NULL, "Gives back tokens of a lease that is held."),
	ROW(ACTION_STOP, ENGINE, "stop", "Q", "", 0, 0, true, NULL,
	    "Stops the show: the core ends, the log stays."),
	ROW(ACTION_FOCUS_1, VIEW, "focus-run", "1", "", 0, 0, false, NULL,
	    "Focuses the run; again: zoom."),
	ROW(ACTION_FOCUS_2, VIEW, "focus-poll", "2", "", 0, 0, false, NULL,
	    "Focuses the poll; again: zoom."),
	ROW(ACTION_FOCUS_3, VIEW, "focus-tokens", "3", "", 0, 0, false, NULL,
	    "Focuses the tokens; again: zoom."),
	ROW(ACTION_FOCUS_4, VIEW, "focus-checks", "4", "", 0, 0, false, NULL,
	    "Focuses the checks; again: zoom."),
	ROW(ACTION_FOCUS_5, VIEW, "focus-obs", "5", "", 0, 0, false, NULL,
	    "Focuses OBS; again: zoom."),
	ROW(ACTION_FOCUS_NEXT, VIEW, "focus-next", "Tab", "", 0, 0, false, NULL,
	    "Focuses the next pane."),
	ROW(ACTION_ZOOM, VIEW, "zoom", "z", "", 0, 0, false, "zoom",
	    "Zooms the focused pane, or back."),
	ROW(ACTION_OPEN, VIEW, "open", "Enter", "", 0, 0, false, NULL,
	    "Shows the details of what is selected."),
	ROW(ACTION_BACK, VIEW, "back", "Esc", "", 0, 0, false, NULL,
	    "Closes what is open, goes back to the live show, leaves the "
	    "zoom."),
	ROW(ACTION_UP, VIEW, "up", "Up", "", 0, 0, false, NULL,
	    "Moves the selection up."),
	ROW(ACTION_DOWN, VIEW, "down", "Down", "", 0, 0, false, NULL,
	    "Moves the selection down."),
	ROW(ACTION_REWIND_BACK, VIEW, "rewind-back", "[", "", 0, 0, false,
	    "rewind", "Shows the show as it was one event earlier."),
	ROW(ACTION_REWIND_FORWARD, VIEW, "rewind-forward", "]", "", 0, 0, false,
	    NULL, "Shows it one event later."),
	ROW(ACTION_REWIND_BACK_STAGE, VIEW, "rewind-back-stage", "{", "", 0, 0,
	    false, NULL, "Goes back to where a stage was completed before."),
	ROW(ACTION_REWIND_FORWARD_STAGE, VIEW, "rewind-forward-stage", "}", "",
	    0, 0, false, NULL,
	    "Goes on to where the next stage was completed."),
	ROW(ACTION_LIVE, VIEW, "live", "L", "", 0, 0, false, NULL,
	    "Goes back to the live show."),
	ROW(ACTION_LATE, VIEW, "late", "l", "", 0, 0, false, NULL,
	    "Shows the answers that came too late, to adopt or discard."),
	ROW(ACTION_HELP, VIEW, "help", "?", "", 0, 0, false, "help",
	    "Shows all keys."),
	ROW(ACTION_PALETTE, VIEW, "palette", ":", "", 0, 0, false, "command",
	    "Finds an action by its name."),
	ROW(ACTION_LEAVE, VIEW, "leave", "q", "", 0, 0, false, "leave",
	    "Leaves the console; the show goes on."),
#undef ROW
};

const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < ACTIONS; i++)
		if (strcmp(action_table[i].name, name) == 0)
			return &action_table[i];
	return NULL;
}

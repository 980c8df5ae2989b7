#!/bin/sh
# A rehearsal needs nobody, touches nothing, and gives the same show each time,
# at any speed.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"

rehearse() { # SPEED: runs the whole show, and keeps what it came to
	timeout 120 "$program" run --headless --exit-when-done --new \
		--rehearse="$1" --operator 127.0.0.1:0 --audience 127.0.0.1:0 \
		"$top_srcdir/dags/adventure.yaml" </dev/null \
		2>>"$scratch/core.log"
}
came_to() {
	jq -c '[.story.hash, .poll.winner, .poll.total, .run.state,
		[.run.started_at as $t | .run.stages[] | [.id, .state,
		.attempt, .spent, (.ended_at // $t) - $t]]]' \
		"$SHOWCALLER_STATE/adventure/last.json"
}
rehearse 400
ok $? "the adventure is rehearsed to its end"
came_to >"$scratch/first"
rehearse 1000
ok $? "and again, faster"
came_to >"$scratch/second"
rehearse 60
ok $? "and again, slower"
came_to >"$scratch/third"
jq -e '.[3] == "done" and .[2] > 0' "$scratch/first" >/dev/null
ok $? "it is done, and the house voted"
cmp -s "$scratch/first" "$scratch/second" &&
	cmp -s "$scratch/first" "$scratch/third"
ok $? "every stage, time, vote and the story's hash are the same"
diff "$scratch/first" "$scratch/second" | sed 's/^/# /'

start_core "$top_srcdir/dags/adventure.yaml" --rehearse=1
ok $? "a rehearsal runs"
[ "$("$program" status adventure --json | jq -r .mode)" = rehearsal ]
ok $? "and says what it is"
wait_event adventure '"obs:status"' &&
	[ "$("$program" status adventure --json | jq -r .obs.connected)" = true ]
ok $? "with an OBS from the show file"
end_core
core=
start_core "$top_srcdir/dags/adventure.yaml" --rehearse=1 --exit-when-done
end_core
[ $? -eq 75 ] && grep -q 'stopped before the run ended' "$scratch/core.log"
ok $? "a pipeline that is ended early says so (75)"
core=
plan

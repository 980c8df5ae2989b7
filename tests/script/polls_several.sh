#!/bin/sh
# Several polls that are open at once: status lists them, pane 2 shows one in full
# and a key the next, what it does is for that one; few votes say so; what goes
# void with the run is told.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >night.yaml <<'SHOW'
show: night
stages:
  - id: way
    poll: { question: Which way?, options: [{ id: cave }, { id: ridge }], open_ms: 3600000 }
  - id: hat
    poll: { question: Whose hat?, options: [{ id: hers }, { id: his }], open_ms: 3600000 }
SHOW
begin_core night.yaml
audience() { echo "http://$(cat state/night/audience.addr)"; }
vote() { # POLL OPTION, each time somebody new
	curl -s -o answer -m 60 -H 'Content-Type: application/json' \
		-d "{\"option\":\"$2\"}" "$(audience)/vote/$1"
}
status_is() { # JQ WANTED
	[ "$("$program" status night --json | jq -r "$1")" = "$2" ]
}
http() { # the same of the operator's listener
	curl -s -m 60 -H "Authorization: Bearer $(cat state/night/operator.token)" \
		"http://$(cat state/night/operator.addr)/api/v1/status" | jq -r "$1"
}
http_is() { [ "$(http "$1")" = "$2" ]; }

"$program" do night poll 'One more?' 'yes|no' 50m >said
vote way cave && vote hat his && vote hat his && vote hat his &&
	vote hat his && vote hat his && vote hat his && vote 1 yes
all='.polls | map("\(.id) \(.total) \(.too_few)") | join(", ")'
until_true status_is "$all" 'way 1 true, hat 6 false, 1 1 true'
ok $? "status lists all that are open, and whether so few say anything"
until_true http_is "$all" 'way 1 true, hat 6 false, 1 1 true'
ok $? "so does HTTP"
status_is .poll.id 1 && http_is .poll.id 1
ok $? "the one that was opened last comes first"
"$program" status night >said
grep -q '^poll     way: Which way?  open: cave 1, ridge 0; too few votes to tell' said &&
	grep -q 'hat: Whose hat?  open: hers 0, his 6; lead 100.0% +-70.9%' said
ok $? "in words: $(grep -c '^poll ' said) polls"

play 80x24 night <<'SCRIPT'
wait text poll open
keys 2
wait text One more?
wait text 1 vote   too few votes to tell
wait text 6 votes  his lead 100.0%
wait quiet
dump all
keys n
wait text vote/way
keys n
wait text vote/hat
keys E
wait text poll-close hat: Whose hat?
keys y
wait text majority
wait quiet
dump less
quit
SCRIPT
ok $? "a key chooses which one, and E ends that"
shows all '1 vote   too few votes to tell'
shows all '6 votes  his lead 100.0%'
shows less 'his 100.0%'
shows less 'Which way?'
wait_event night '"poll:resolve".*"hat"'
until_true status_is '.polls | map(.id) | join(" ")' 'way 1'
ok $? "the others go on"
"$program" do night poll-close 1 >said
wait_event night '"poll:resolve".*"1"' && until_true status_is .poll.id way
ok $? "when the newest is over, an older one that is open comes first"

# The end of the run.
"$program" do night poll 'And this?' 'yes|no' 50m >said
"$program" do night cancel-run >said
wait_event night '"poll:void".*"way"'
jq -e '.data | .why == "the run ended" and .question == "Which way?"' \
	event >/dev/null
ok $? "a poll that goes void with the run says why"
"$program" events night | grep -q 'poll:void 2 why=the run ended question=And this?'
ok $? "each of them"
status_is '.polls | length' 0 && status_is .poll.state void
ok $? "none is open then"
play 80x24 night <<'SCRIPT'
wait quiet
keys 2
wait text void: the run ended
dump void
quit
SCRIPT
ok $? "the screen says so"
"$program" replay night --verify >said 2>&1
ok $? "replay finds all hashes"
end_core
plan

#!/bin/sh
# The life of a poll: what an operator does to it by name, over HTTP and from a
# console in a terminal; a result that is hidden until it is decided; a vote
# that is changed; a choice that waits for the approval of its price.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >night.yaml <<'SHOW'
show: night
budget: { tokens: 10000, approval_deadline_ms: 600000 }
agents: { quick: { via: noop } }
polls: { change_vote: true, max_per_episode: 5 }
stages:
  - id: way
    outputs: [direction]
    poll:
      question: Which way?
      options:
        - { id: cave, label: Into the cave }
        - { id: ridge, label: Along the ridge, requires_extra: 3000, metadata: { mood: dark } }
      open_ms: 600000
      hide_result: true
  - { id: deep, inputs: [way], agents: [quick], when: { way: cave } }
  - { id: high, inputs: [direction], agents: [quick], when: { direction: ridge }, budget: { token_cap: 8000 } }
  - { id: hat, inputs: [deep, high], poll: { question: Whose hat?, options: [ { id: hers }, { id: his } ], open_ms: 600000 } }
  - { id: next, inputs: [hat], agents: [quick], go: manual }
SHOW
"$program" lint night.yaml >lint 2>&1
grep -q 'not acted on' lint && cat lint
! grep -q 'not acted on' lint
ok $? "lint names nothing in it that has no effect"
begin_core night.yaml

audience() { echo "http://$(cat state/night/audience.addr)"; }
vote() { # POLL VOTER OPTION: the status of the answer
	curl -s -o answer -w '%{http_code}' -m 60 \
		-H 'Content-Type: application/json' \
		-H "Authorization: Bearer $(cat state/night/operator.token)" \
		-d "{\"voter\":\"$2\",\"option\":\"$3\"}" "$(audience)/vote/$1"
}
poll() { "$program" status night --json | jq -r ".poll | $1"; }
poll_says() { [ "$(poll "$1")" = "$2" ]; }
token=$(cat state/night/operator.token)
act() { # NAME ARGS-JSON: the status of the answer
	curl -s -m 60 -o answer.json -w '%{http_code}' -X POST \
		-H "Authorization: Bearer $token" \
		-H 'Content-Type: application/json' -d "{\"args\":$2}" \
		"http://$(cat state/night/operator.addr)/api/v1/actions/$1"
}
item() { "$program" inbox night --json | jq -r ".[-1].$1"; }

# A vote, changed, counts once.
[ "$(vote way ann cave)" = 200 ] && [ "$(vote way bob ridge)" = 200 ] &&
	[ "$(vote way eve ridge)" = 200 ] && [ "$(vote way ann ridge)" = 200 ] &&
	[ "$(vote way ann ridge)" = 200 ] && [ "$(vote way bob cave)" = 200 ]
ok $? "votes are taken, and may be changed"
until_true poll_says '.options | map(.votes) | join(" ")' "1 2"
ok $? "each voter counts once, with the last vote"
until_true poll_says \
	'[.total, .margin_permille, .too_close, .hidden] | join(" ")' \
	"3 333 true true"
ok $? "the operator is told how sure the lead is"
page_has() { # a page follows the log, a moment behind it
	curl -s -m 60 "$(audience)/vote/way" >page
	grep -q "$1" page
}
until_true page_has '<span id="total">3</span>' &&
	grep -q 'Along the ridge' page && ! grep -q '<progress' page
ok $? "the audience is told how many voted, but not for what"
timeout 120 curl -s -N -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
	-H 'Sec-WebSocket-Version: 13' \
	-H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' \
	"$(audience)/tally" | head -c 250 >frame
grep -aq 'Along the ridge' frame && ! grep -aq '"votes"' frame
ok $? "nor are its browsers"

# By name and over HTTP.
"$program" do night poll-freeze way >said && grep -q 'stands still' said
ok $? "a poll is frozen by name"
[ "$(vote way zoe cave)" = 409 ] && grep -q 'paused' answer
ok $? "then it takes no votes, and says so"
fails 1 'unfreeze it first' "nor more time" \
	"$program" do night poll-extend way 30s
[ "$(act poll-unfreeze '["way"]')" = 200 ] && [ "$(poll .frozen)" = false ]
ok $? "HTTP lets it go on"
[ "$(act poll-extend '["way","30s"]')" = 200 ]
ok $? "and gives it more time"
[ "$(act poll-unfreeze '["way"]')" = 409 ]
ok $? "what is not frozen cannot go on"
fails 1 'no option' "an option that there is not cannot win" \
	"$program" do night poll-resolve way river

# Its price is asked before anything acts on it.
"$program" do night poll-close way >said
wait_event night 'budget:request.*"poll"'
[ "$(vote way zoe cave)" = 409 ]
ok $? "a vote after the end is refused"
[ "$(redis-cli -s state/night/redis.sock hget 'showcaller:{night}:tally:way' cave)" = 1 ] &&
	[ "$(redis-cli -s state/night/redis.sock hlen 'showcaller:{night}:votes:way')" = 3 ]
ok $? "and counted nowhere"
[ "$(item kind)/$(item tokens)" = overage/3000 ] &&
	item text | grep -q 'Along the ridge (66.6%) takes 3,000 more'
ok $? "the operator is asked about the price of the choice"
[ "$("$program" status night --json | jq -r '.run.stages[] |
	select(.id == "high" or .id == "way") | .state' | tr '\n' ' ')" = \
	"held waiting " ]
ok $? "and nothing acts on it meanwhile"
kill_core
start_core night.yaml
[ "$(item kind)" = overage ]
ok $? "nor is it forgotten when the core is killed"
play 120x40 night <<'SCRIPT'
wait text OVERAGE way
wait text waits for its price
wait quiet
dump asked
keys e
wait text another option wins
dump menu
keys Esc
wait gone another option wins
keys a
wait text Whose hat?
wait quiet
quit
SCRIPT
ok $? "a in a console approves it"
shows asked 'takes 3,000 more'
wait_event night 'stage:complete.*"way"'
jq -e '.data.patch.way | .winner == "ridge" and .why == "majority" and
	.metadata.mood == "dark" and .votes.cave == 1 and
	.margin_permille == 333 and .too_close == true and
	(.percent.ridge > 66 and .percent.ridge < 67)' event >/dev/null
ok $? "the story has winner, votes, percentages, margin and metadata"
jq -e '.data.patch | .direction == .way' event >/dev/null
ok $? "so has the output that the stage declares"
[ "$("$program" status night --json | jq .budget.allocated)" = 11000 ]
ok $? "the episode got what it lacked for it"

# From the console: frozen, and decided by hand.
[ "$(vote hat ann hers)" = 200 ] && [ "$(vote hat bob hers)" = 200 ]
ok $? "the next poll takes votes"
play 80x24 night <<'SCRIPT'
wait quiet
keys 2
wait text 2 votes
keys : p o l l - f r e Enter
wait text frozen by hand
wait quiet
dump frozen
keys : p o l l - u n f Enter
wait gone frozen by hand
keys : p o l l - r e s Enter
wait text whatever was voted?
keys Down Enter
wait text resolved
wait quiet
dump decided
quit
SCRIPT
ok $? "the palette freezes, goes on and decides"
shows frozen '2 votes'
shows decided 'operator'
wait_event night 'poll:resolve.*"hat"'
jq -e '.data | .winner == "his" and .why == "operator" and
	.counts.hers == 2' event >/dev/null
ok $? "what was voted is in the log all the same"
"$program" events night --json >log
[ "$(jq -r 'select(.type == "poll:freeze" and .stage == "hat") | .data.by' \
	log)" != null ] && grep -q 'poll:freeze.*"hat"' log
ok $? "and who did what"

# One that no stage declares, by name and from the console.
"$program" do night poll 'One more?' 'yes=Oh yes|no' 30m >said &&
	grep -q 'poll 1 is open' said
ok $? "an operator asks what no stage asks"
[ "$(vote 1 ann yes)" = 200 ] && [ "$(vote 1 ann no)" = 200 ] &&
	[ "$(vote 1 bob yes)" = 200 ] && [ "$(vote 2 ann yes)" = 404 ]
ok $? "and the audience votes"
until_true poll_says '[.id, .total, .options[0].label] | join(" ")' \
	"1 2 Oh yes"
ok $? "the operator sees how it stands"
kill_core
start_core night.yaml
[ "$(vote 1 eve yes)" = 200 ]
ok $? "it goes on after the core was killed"
"$program" do night poll-close 1 >said
wait_event night 'poll:resolve.*"1"' &&
	jq -e '.data | .winner == "yes" and .total == 3' event >/dev/null
ok $? "and is decided"
play 80x24 night <<'SCRIPT'
wait quiet
keys 2
keys : p o l l Enter
wait text What is the audience asked
keys M o r e ? Enter
wait text What may they choose
keys a | b Enter
wait text For how long
keys Enter
wait text More?
wait text left
dump asked
quit
SCRIPT
ok $? "the palette asks, too"
shows asked 'More?'

# One that an agent proposes over the bus waits for the operator.
redis-cli -s state/night/redis.sock xadd 'showcaller:{night}:proposals' '*' \
	data '{"agent_id":"quick","poll":{"question":"Louder?","options":["yes","no"],"open_ms":1800000}}' >said
wait_event night 'poll:propose'
[ "$(item kind)" = propose ] && [ "$(vote 3 ann yes)" = 404 ]
ok $? "a poll that an agent proposes is not open yet"
play 80x24 night <<'SCRIPT'
wait text quick proposes a poll: Louder?
wait quiet
dump wish
keys a
wait text nothing waits for you
wait quiet
quit
SCRIPT
ok $? "a in a console opens it"
shows wish 'PROPOSE quick'
[ "$(vote 3 ann yes)" = 200 ]
ok $? "and then it takes votes"
fails 1 'had its 5 polls' "but not more often than the show allows" \
	"$program" do night poll 'Once more?' 'yes|no'
"$program" replay night --verify >said 2>&1
ok $? "replay finds all hashes"
end_core
plan

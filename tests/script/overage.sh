#!/bin/sh
# What a person decides about tokens: each answer of a held call from a console
# in a terminal, by `do` and over HTTP; agents that are killed; late answers.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

# Wants 800 tokens more than it got, unless it has 1,500.
cat >asker.sh <<'AGENT'
#!/bin/sh
has=$(jq .lease.tokens)
if [ "$has" -lt 1500 ]; then
	echo '{"success":false,"tokens_used":0,"error":{"code":"budget","message":"too little","details":{"tokens_needed":800}}}'
else
	echo '{"success":true,"tokens_used":10,"result":{"b":1}}'
fi
AGENT
chmod +x asker.sh
cat >night.yaml <<'SHOW'
show: night
budget: { tokens: 60000, approval_deadline_ms: 600000 }
agents:
  quick: { via: noop }
  hungry: { via: noop, quota: { episode: 100 }, fallback_agent: quick }
  asker: { via: exec, argv: [./asker.sh] }
  slow: { via: bus, timeout_ms: 300 }
  gone: { via: bus, timeout_ms: 600000 }
stages:
  - { id: start, agents: [quick], go: manual }
  - { id: once, inputs: [start], agents: [hungry], budget: { token_cap: 500 } }
  - { id: other, inputs: [once], agents: [hungry], budget: { token_cap: 700 } }
  - { id: again, inputs: [other], agents: [hungry], budget: { token_cap: 9000 }, retry: { max_attempts: 2 } }
  - { id: more, inputs: [again], agents: [hungry], budget: { token_cap: 12000 } }
  - { id: lent, inputs: [more], agents: [asker], budget: { token_cap: 1000 }, outputs: [b] }
  - { id: less, inputs: [lent], agents: [hungry], budget: { token_cap: 20000 } }
  - { id: none, inputs: [less], agents: [hungry], budget: { token_cap: 30000 }, on_failure: continue }
  - { id: late, inputs: [none], agents: [slow], outputs: [l], on_failure: continue }
  - { id: long, inputs: [late], agents: [gone], budget: { token_cap: 100 } }
SHOW
begin_core night.yaml
state_of() {
	"$program" status night --json |
		jq -r ".run.stages[] | select(.id == \"$1\") | .state"
}
item() { "$program" inbox night --json | jq -r ".[-1].$1"; }
left_of() { "$program" events night --json >log; jq -r "$1" log | tail -1; }

play 120x40 night <<'SCRIPT'
wait quiet
keys space
wait text OVERAGE once
wait quiet
keys e
wait text for this once
dump menu
keys Esc
wait gone for this once
keys a
wait text OVERAGE other
wait quiet
keys e
wait text approve another amount
keys Down Down Down Down Enter
wait text How many tokens?
keys 9 0 0 Enter
wait text OVERAGE again
wait quiet
quit
SCRIPT
ok $? "a approves once; e approves another amount"
shows menu 'approve        400 more, for this once'
shows menu 'cheaper        the call goes to quick'
shows menu 'deny in'
[ "$(left_of 'select(.type == "budget:approve" and .stage == "other") | .data.tokens')" = 900 ]
ok $? "and the amount is the one that was typed"
[ "$(state_of other)" = done ]
ok $? "and the call went on"
# once and other used nothing: 400, then 900.
"$program" events night --json >log
[ "$(jq -c 'select(.data.why == "unused") | [.stage, .data.raises.agents.hungry]' log | tr -d '\n')" = \
	'["once",-400]["other",-900]' ]
ok $? "what an approved call did not use was taken back"

# By name, with what is wrong first.
id=$(item id)
fails 1 'it takes approve' "what is not offered is refused" \
	"$program" do night answer "$id" borrow
fails 1 'no number of tokens' "so is what is no amount" \
	"$program" do night answer "$id" approve-stage many
fails 1 'is gone' "and an item that there is not" \
	"$program" do night answer i1 approve
"$program" do night answer "$id" approve-stage >said
ok $? "approve-stage is an answer"
grep -q 'without asking' said
ok $? "and says how often it is good"
wait_event night 'budget:request.*"more"'

fails 1 'no number of tokens' "or more than any show has" \
	"$program" do night answer "$(item id)" approve 1000000000001

# A raise for a while, in the console: what is unused is taken back.
play 80x24 night <<'SCRIPT'
wait text OVERAGE more
wait quiet
keys e
wait text an amount, for a while
dump small
keys Down Enter
wait text for how long?
keys 2 0 0 0 0 space 2 s Enter
wait text OVERAGE lent
wait quiet
quit
SCRIPT
ok $? "raise asks for amount and time"
shows small 'raise'
wait_event night '"expired"'
[ "$(left_of 'select(.type == "budget:raise") | .data.why')" = expired ]
ok $? "and what is unused is taken back when it expires"

token=$(cat state/night/operator.token)
port=$(cat state/night/operator.addr)
post() {
	curl -s -m 60 -o answer.json -w '%{http_code}' -X POST \
		-H "Authorization: Bearer $token" \
		-H 'Content-Type: application/json' -d "$2" "http://$port$1"
}
id=$(item id)
[ "$(post "/api/v1/inbox/$id" '{"answer":"borrow","expires_ms":5}')" = 400 ]
ok $? "HTTP: what does not belong to an answer is refused"
[ "$(post "/api/v1/inbox/$id" '{"answer":"borrow","from":"lent"}')" = 409 ]
ok $? "HTTP: no stage borrows from itself"
[ "$(post "/api/v1/inbox/$id" '{"answer":"borrow","from":"none","amount":800}')" = 200 ]
ok $? "HTTP: a stage borrows from another"
wait_event night 'budget:request.*"less"'
[ "$(state_of lent)" = done ]
ok $? "and its agent, asked again, has enough"
post "/api/v1/inbox/$(item id)" '{"answer":"raise","amount":10,"expires_ms":1000}' >said
[ "$(jq -r .error.code answer.json)" = bad_amount ]
ok $? "HTTP: a raise that is too small is refused"
post "/api/v1/inbox/$(item id)" '{"answer":"raise","amount":10,"expires":"soon"}' >said
[ "$(jq -r .error.code answer.json)" = bad_expiry ]
ok $? "HTTP: and one that expires at no time"
post "/api/v1/inbox/$(item id)" '{"answer":"raise","amount":10,"expires":"10m"}' >said
[ "$(jq -r .error.code answer.json)" = bad_amount ]
ok $? "HTTP: ten minutes are a time"

play 120x40 night <<'SCRIPT'
wait text OVERAGE less
wait quiet
keys e
wait text the call goes to quick
keys Down Down Enter
wait text OVERAGE none
wait quiet
keys d
wait text ▶ long
wait quiet
quit
SCRIPT
ok $? "cheaper sends the call to another agent, d denies"
[ "$(left_of 'select(.type == "stage:complete" and .stage == "less") | .data.winner')" = quick ]
ok $? "who answered is the cheaper one"
[ "$(state_of none)" = failed ]
ok $? "and the denied stage has failed"

# The answer that comes after its deadline.
[ "$(post /api/v1/proposals '{"stage_id":"late","agent_id":"slow","attempt":1,"payload":{"l":"at last"},"tokens_used":3}')" = 202 ]
ok $? "an answer comes too late"
wait_event night proposal:late
"$program" inbox night --late >late
grep -q 'late by slow, deadline: fits  {"l":"at last"}' late
ok $? "it is listed, with what it says and that it fits"
play 120x40 night <<'SCRIPT'
wait quiet
keys l
wait text late by slow
dump late
keys Enter
wait text into the story
keys Down Enter
wait gone into the story
wait quiet
keys l
wait text No answer came too late
quit
SCRIPT
ok $? "the console adopts it"
"$program" replay night --verify --json >replayed
[ "$(jq -r .story.document.l replayed)" = 'at last' ] &&
	[ "$("$program" status night --json | jq -r '.late | length')" = 0 ]
ok $? "and it is in the story, which verifies"
fails 1 'no late answer' "what is adopted is gone" \
	"$program" do night adopt l7

wait_event night '"stage:start".*"long"'
fails 75 'has not answered yet' "a lease that waits for a person says so" \
	"$program" do night lease long gone 5000
[ "$(item stage)" = long ]
ok $? "and stands in the inbox"

# The switch.
play 120x40 night <<'SCRIPT'
wait text ▶ long
wait quiet
keys K
wait text Whose calls are stopped
dump kill
keys Down Enter
wait text Kill gone?
keys y
wait text gone is killed
wait quiet
dump killed
quit
SCRIPT
ok $? "K, Enter, y kills an agent"
[ "$(state_of long)" = waiting ]
ok $? "its stage waits"
"$program" status night --json | jq -e '.killed == ["gone"]' >/dev/null
ok $? "status names it"
"$program" do night revive >/dev/null
ok $? "and it is revived"
[ "$("$program" status night --json | jq -r '.alarms | length')" = 0 ]
ok $? "which ends the alarm"
end_core

# Nobody answers: the default does, at the deadline.
cat >default.yaml <<'SHOW'
show: default
budget: { tokens: 1000, approval_deadline_ms: 200, approval_default: approve }
agents: { hungry: { via: noop, quota: { episode: 100 } } }
stages:
  - { id: one, agents: [hungry], budget: { token_cap: 500 } }
SHOW
start_core default.yaml
wait_event default run:complete
"$program" events default --json >log
[ "$(jq -r 'select(.type == "budget:approve") | .data.by' log)" = deadline ]
ok $? "an item that nobody answers answers itself"
end_core
plan

#!/bin/sh
# A whole show by its command line: real programs as agents, a retry, a budget
# that does not fit, a vote, a GO, and a core that is killed on the way.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

cat >writer <<'AGENT'
#!/bin/sh
key=$(jq -r .correlationId)
echo "$key" >>"${0%/*}/calls"
echo '{"success":true,"result":{"a":"said","c":"said","e":"said"},"tokens_used":40,"confidence":0.9}'
AGENT
cat >flaky <<'AGENT'
#!/bin/sh
mark=${0%/*}/failed-once
[ -e "$mark" ] || {
	: >"$mark"
	echo '{"success":false,"error":{"code":"snap","message":"a string"},"tokens_used":5}'
	exit
}
echo '{"success":true,"result":{"b":"played"},"tokens_used":10}'
AGENT
cat >stuck <<'AGENT'
#!/bin/sh
here=${0%/*}
jq -r .correlationId >>"$here/stuck-calls"
mark=$here/stuck-once
[ -e "$mark" ] || {
	: >"$mark"
	echo on >"$here/started"
	cat "$here/gate"
	exit 9
}
echo '{"success":true,"result":{"d":"done after all"},"tokens_used":10}'
AGENT
chmod +x writer flaky stuck
mkfifo gate started
cat >night.yaml <<'SHOW'
show: night
title: A Night
budget: { tokens: 10000, approval_deadline_ms: 600000 }
agents:
  writer: { via: exec, argv: [./writer] }
  flaky: { via: exec, argv: [./flaky] }
  stuck: { via: exec, argv: [./stuck] }
  hungry: { via: exec, argv: [./writer], quota: { episode: 100 } }
defaults:
  budget: { token_cap: 100, time_cap_ms: 60000 }
stages:
  - { id: one, agents: [writer], outputs: [a] }
  - id: two
    inputs: [a]
    agents: [flaky]
    outputs: [b]
    retry: { max_attempts: 2, backoff_ms: 50 }
  - id: way
    inputs: [a]
    poll:
      question: Which way?
      options: [{ id: cave }, { id: ridge }]
      open_ms: 600000
      min_votes: 1
  - id: three
    inputs: [a]
    agents: [hungry]
    outputs: [c]
    budget: { token_cap: 500, time_cap_ms: 60000 }
  - { id: four, inputs: [b, way, c], agents: [stuck], outputs: [d], go: manual }
  - { id: cave, inputs: [d, way], when: { way: cave }, agents: [writer] }
  - { id: ridge, inputs: [d, way], when: { way: ridge }, agents: [writer], outputs: [e] }
SHOW
audience() { echo "http://$(cat state/night/audience.addr)"; }
vote() { # VOTER-FILE OPTION: the status of the answer
	curl -s -o answer -w '%{http_code}' -m 60 -b "$1" -c "$1" \
		-H 'Content-Type: application/json' \
		-d "{\"option\":\"$2\"}" "$(audience)/vote/way"
}

start_core night.yaml
ok $? "the core says that the show runs"
[ "$(stat -c %a state/night)" = 700 ] &&
	[ "$(stat -c %a state/night/operator.token)" = 600 ]
ok $? "its folder and its token are for its owner alone"

# A retry, and an overage that a human approves.
wait_event night '"stage:error".*"two"' && wait_event night \
	'"stage:complete".*"two"'
ok $? "a stage that fails once succeeds on its retry"
wait_event night '"budget:request"'
ok $? "a lease that does not fit is asked for"
"$program" inbox night --json >inbox
[ "$(jq -r '.[0].kind + " " + .[0].stage' inbox)" = "overage three" ]
ok $? "and waits in the inbox"
item=$(jq -r '.[0].id' inbox)
"$program" inbox night | grep -q "showcaller do night answer $item approve|.*deny"
ok $? "which says how to answer it"
"$program" do night approve "$item" >out
ok $? "do approve: $(cat out)"
fails 1 "$item is gone" "an answer to an item that is gone" \
	"$program" do night approve "$item"
wait_event night '"stage:complete".*"three"'
ok $? "the stage goes on"

# The audience.
[ "$(vote a ridge)" = 200 ] && [ "$(vote b ridge)" = 200 ] &&
	[ "$(vote c cave)" = 200 ]
ok $? "three votes are counted"
case $(vote a cave) in 409 | 403) true ;; *) false ;; esac
ok $? "the same voter again is refused"
"$program" status night --json |
	jq -e '.poll | [.total, .options[1].votes] == [3, 2]' >/dev/null
ok $? "status knows them while the poll is open"
timeout 120 redis-cli -s state/night/redis.sock subscribe \
	'showcaller:{night}:live' | grep -q '"total":3'
ok $? "and who comes to listen later is told"
"$program" do night poll-close way >out
wait_event night '"poll:resolve"' &&
	jq -e '.data.winner == "ridge" or .data.choice == "ridge" or
		.data.option == "ridge"' event >/dev/null
ok $? "poll-close resolves it: $(jq -c .data event)"

# GO, and the core dies while the stage runs.
"$program" status night --json | jq -e '.run.stages[] |
	select(.id == "four") | .state == "standby"' >/dev/null
ok $? "the next stage is in standby"
"$program" do night go >out
ok $? "do go: $(cat out)"
wait_event night '"stage:start".*"four"'
timeout 120 head -n 1 started >/dev/null # the agent is at work
"$program" status night --json >live
kill_core
ok 0 "the core is killed while an agent works"
"$program" status night --json | jq -e '.mode == "stopped"' >/dev/null
ok $? "status says so"
start_core night.yaml
ok $? "the core starts again"
wait_event night '"run:complete"'
ok $? "and finishes the run"
[ "$(sort -u stuck-calls | wc -l)" -ge 1 ] &&
	[ "$(grep -c . calls)" -eq "$(sort -u calls | grep -c .)" ]
ok $? "no call of a settled stage was made twice"

# What stands in the log.
"$program" events night --json >log
[ "$(jq -s 'map(.id | tostring | split("-")[0] | tonumber) ==
	[range(1; length + 1)]' log)" = true ]
ok $? "the log has no gap"
[ "$(jq -rs '[.[] | select(.type == "stage:complete") | .stage] | sort |
	join(" ")' log)" = "four one ridge three two way" ] ||
	[ "$(jq -rs '[.[] | select(.type == "stage:complete") | .stage] |
	sort | join(" ")' log)" = "four one ridge three two" ]
ok $? "each stage completed once"
jq -es 'map(select(.type == "stage:skip" and .stage == "cave")) | length == 1' \
	log >/dev/null
ok $? "the way that was not chosen was skipped"
[ "$("$program" events night --json --from 3 | head -n 1 |
	jq -r '.id | tostring | split("-")[0]')" = 3 ]
ok $? "events --from"
[ -z "$("$program" events night --run r9)" ] &&
	[ -n "$("$program" events night --run r1)" ]
ok $? "events --run"

all_acknowledged() {
	[ "$(redis-cli -s state/night/redis.sock xpending \
		'showcaller:{night}:commands' core | head -n 1)" = 0 ]
}
wait_until all_acknowledged
ok $? "every command was acknowledged on the bus"

# The shape of status --json is the contract's.
"$program" status night --json >status
shape() {
	jq -e "$1" status >/dev/null
	ok $? "$2"
}
shape '[.show, .mode] == ["night", "live"]' "status: show, mode"
shape '.leader | .epoch >= 2 and (.host | length > 0) and .pid > 0' \
	"status: leader"
shape '.redis | (.url | startswith("unix://")) and .connected and .rtt_ms > 0' \
	"status: redis"
shape '.run | .id == "r1" and .state == "done" and .started_at > 0 and
	.elapsed_ms > 0' "status: run"
shape '[.run.stages[] | has("id") and has("state") and has("attempt") and
	has("waits_for") and has("spent") and has("error")] | all' \
	"status: run.stages"
shape '(.run.stages[] | select(.id == "two")) | .state == "done" and
	.attempt == 2' "status: the retried stage"
shape '.story | .version > 0 and (.hash | length == 64)' "status: story"
shape '.budget | .allocated == .remaining + .leased + .spent' "status: budget"
shape '.budget.cost | .limited == false and .over == 0 and
	.allocated == .remaining + .leased + .spent' "status: money beside it"
shape '.poll | .id == "way" and .total == 3' "status: poll"
shape '.checks == [] and .inbox == [] and (.alarms | type == "array")' \
	"status: checks, inbox, alarms"
shape '.obs | has("connected") and has("program_scene") and has("scenes") and
	has("streaming") and has("recording") and has("preview_scene")' \
	"status: obs"

"$program" stop night >out
ok $? "stop: $(cat out)"
wait "$core"
ok $? "the core ended in good order"
core=
"$program" status night --json >stopped
[ "$(jq -c '[.mode, .run.state, .story.hash]' stopped)" = \
	"$(jq -c '["stopped", .run.state, .story.hash]' status)" ]
ok $? "a stopped show answers with its last state"
"$program" status night | grep -q '^show     night, stopped'
ok $? "also in words"

# The next start begins a new run; --new with nothing unfinished is the same.
start_core night.yaml --new
ok $? "it starts again"
wait_event night '"run:start".*"r2"'
ok $? "with a new run, r2"
end_core
ok $? "and ends"
core=
timeout 1 sh -c ': >gate' # whoever still reads it
plan
